//! What whoever runs the tests may choose.

use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;

use crate::random::Random;

/// A number from the environment.
pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    let Some(value) = std::env::var_os(name) else {
        return otherwise;
    };
    let text = value.to_string_lossy();
    text.parse()
        .unwrap_or_else(|_| panic!("{name} must be a whole number, not `{text}`"))
}

/// Where the draws of this run begin. It is printed, so that a failure can be repeated.
pub(crate) fn seed() -> Random {
    let seed = number(
        "GUILDHALL_TORTURE_SEED",
        RandomState::new().hash_one("torture") >> 16,
    );
    println!("GUILDHALL_TORTURE_SEED={seed}");
    Random::new(seed)
}

/// The server's binary.
pub(crate) fn binary() -> PathBuf {
    let named = std::env::var_os("GUILDHALL_BIN").map(PathBuf::from);
    let binary = named.unwrap_or_else(|| {
        // target/debug/deps/torture-… → target/debug/guildhall
        let own = std::env::current_exe().unwrap();
        own.ancestors().nth(2).unwrap().join("guildhall")
    });
    assert!(
        binary.is_file(),
        "the server is not built: there is no `{}`; run `cargo build -p guildhall`, or name a binary with `GUILDHALL_BIN`",
        binary.display(),
    );
    binary
}
