//! The API, called through real sockets, with the objects of a caller.

#[cfg(test)]
mod access;
#[cfg(test)]
mod access_lists;
#[cfg(test)]
mod authzen;
#[cfg(test)]
mod client;
#[cfg(test)]
mod dry_run;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod manners;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod organizations;
#[cfg(test)]
mod races;
#[cfg(test)]
mod server;
#[cfg(test)]
mod users;
