//! The engine from outside, as the server and embedders use it.

#[cfg(test)]
mod lists;
#[cfg(test)]
mod make;
#[cfg(test)]
mod model;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod snapshots;
