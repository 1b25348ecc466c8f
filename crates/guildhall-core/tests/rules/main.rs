//! The rules, called as the doors call them, on a real database.

#[cfg(test)]
mod access;
#[cfg(test)]
mod access_lists;
#[cfg(test)]
mod cold;
#[cfg(test)]
mod dry_run;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod loading;
#[cfg(test)]
mod members;
#[cfg(test)]
mod model;
#[cfg(test)]
mod races;
#[cfg(test)]
mod servers;
mod statements;
#[cfg(test)]
mod trial;
#[cfg(test)]
mod users;
#[cfg(test)]
mod world;
