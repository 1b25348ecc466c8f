//! The access engine of Guildhall beside engines that others wrote.
//!
//! [`agree`] decides random worlds by Guildhall and by Cedar and counts where they differ; the feature `bench`
//! measures Guildhall, Cedar and Casbin on one and the same world.

pub mod agree;
#[cfg(feature = "bench")]
pub mod bench;
pub mod cedar;
pub mod rng;
pub mod world;
