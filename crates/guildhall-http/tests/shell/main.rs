//! The shell from outside: real sockets, raw bytes where it matters.
//!
//! Nothing here depends on how long something takes, only on what comes of it. Each guard was taken out of the
//! code once, and its test seen to fail.

#[cfg(test)]
mod client;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod tls;
