//! The Rust blocks of the documentation, as `build.rs` took them from the pages.

include!(concat!(env!("OUT_DIR"), "/documents.rs"));
