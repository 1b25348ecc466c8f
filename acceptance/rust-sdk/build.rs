//! Takes the Rust blocks out of the documentation, so that what `tests/documents.rs` compiles and runs is what a
//! reader copies.
//!
//! A block becomes a test with a server of its own. It finds a key in `key`; the address in it becomes the server's.

use std::path::Path;
use std::{env, fs};

/// The pages, from the root of the repository.
const PAGES: &[&str] = &["README.md", "docs/quick-start.md"];

const ADDRESS: &str = "\"http://127.0.0.1:8480\"";

fn main() {
    let root = Path::new("../..");
    let mut tests = String::new();
    for page in PAGES {
        let path = root.join(page);
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path).expect("the page is there");
        let blocks = rust_blocks(&text);
        assert!(!blocks.is_empty(), "{page} has no Rust block any more");
        for (number, block) in blocks.iter().enumerate() {
            tests.push_str(&test(page, number + 1, block));
        }
    }
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("documents.rs"), tests).expect("OUT_DIR can be written");
}

fn rust_blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while lines.any(|line| line == "```rust") {
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push(block.join("\n"));
    }
    blocks
}

fn test(page: &str, number: usize, block: &str) -> String {
    let name = page
        .to_lowercase()
        .replace(|character: char| !character.is_ascii_alphanumeric(), "_");
    let block = block.replace(ADDRESS, "base_url");
    format!(
        "#[tokio::test]
async fn block_{number}_of_{name}() {{
    let guildhall = crate::common::Guildhall::start();
    let (key, base_url) = (guildhall.key(&[]), guildhall.base_url.as_str());
    let outcome: wacht::Result<()> = async {{
{block}
        Ok(())
    }}
    .await;
    outcome.expect(\"the block does what it says\");
}}
"
    )
}
