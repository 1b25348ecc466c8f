//! What the server must survive, seen from outside: the real binary, killed, overloaded, out of disk.
//!
//! Build the server first: `cargo build -p guildhall && cargo test -p guildhall-torture`. The tests take the binary beside
//! their own, or the one that `GUILDHALL_BIN` names. Longer runs:
//!
//! - `GUILDHALL_TORTURE_CYCLES=200 cargo test -p guildhall-torture kill` kills two hundred times instead of twenty;
//! - `GUILDHALL_TORTURE_ROUNDS=1000 cargo test -p guildhall-torture retries` retries a thousand changes instead of a hundred.
//!
//! What is done is drawn from a seed that each test prints; `GUILDHALL_TORTURE_SEED` repeats it, as far as the threads and
//! the machine do. `--nocapture` shows the figures.

#[cfg(test)]
mod client;
#[cfg(test)]
mod deeds;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod holdings;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod random;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod retries;
#[cfg(test)]
mod server;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod sync;
#[cfg(test)]
mod troop;
#[cfg(test)]
mod world;
#[cfg(test)]
mod writers;
