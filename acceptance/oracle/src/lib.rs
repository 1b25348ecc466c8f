//! The access engine of Guildhall beside engines that others wrote.
//!
//! [`agree`] decides random worlds by Guildhall and by Cedar and counts where they differ; a sample of them is also told to
//! a server, and asked about over HTTP. The feature `bench` measures Guildhall, Cedar and Casbin on one and the same world.

pub mod agree;
#[cfg(feature = "bench")]
pub mod bench;
pub mod cedar;
mod over_http;
pub mod rng;
pub mod world;
