//! Dead files: Rust sources that no `mod` brings in, so that no compiler ever reads them.

use super::{File, Tree, Violation, has_extension};

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let sources: Vec<&File> = tree
        .files()
        .iter()
        .filter(|file| file.package().is_some() && has_extension(&file.path, "rs"))
        .collect();
    sources
        .iter()
        .filter_map(|file| {
            let module = module_name(&file.path)?;
            let declaration = format!("mod {module};");
            let siblings = sources
                .iter()
                .filter(|other| other.package() == file.package());
            let mut lines = siblings.flat_map(|other| other.text.lines());
            let dead = !lines
                .any(|line| line == declaration || line.ends_with(&format!(" {declaration}")));
            dead.then(|| file.violation(1, format!("no `{declaration}` brings this file in")))
        })
        .collect()
}

/// The name under which another file has to bring this one in; nothing for those that cargo finds by itself.
fn module_name(path: &str) -> Option<&str> {
    let path = path.strip_prefix("crates/").map_or(Some(path), |rest| {
        rest.split_once('/').map(|(_, rest)| rest)
    })?;
    let path = path.strip_prefix("xtask/").unwrap_or(path);
    let (directory, name) = path.rsplit_once('/')?;
    let stem = name.strip_suffix(".rs")?;
    let is_root = matches!(directory, "tests" | "benches" | "examples" | "src/bin")
        || matches!(stem, "lib" | "main");
    match stem {
        _ if is_root => None,
        "mod" => directory.rsplit('/').next(),
        _ => Some(stem),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tree::said, *};

    #[test]
    fn a_file_that_no_module_brings_in_is_dead() {
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", "pub mod alive;\nmod also_alive;\n"),
            ("crates/a/src/alive.rs", ""),
            ("crates/a/src/also_alive/mod.rs", ""),
            ("crates/a/src/live.rs", ""),
            ("crates/b/src/main.rs", "mod live;\n"),
        ]);
        assert_eq!(
            said(&check(&tree)),
            ["crates/a/src/live.rs:1: no `mod live;` brings this file in"]
        );
    }

    #[test]
    fn cargo_finds_some_files_by_itself() {
        for path in [
            "crates/a/src/lib.rs",
            "crates/a/build.rs",
            "crates/a/tests/all.rs",
            "xtask/src/main.rs",
        ] {
            assert_eq!(module_name(path), None, "{path}");
        }
        assert_eq!(
            module_name("crates/a/tests/support/mod.rs"),
            Some("support")
        );
        assert_eq!(module_name("xtask/src/tidy.rs"), Some("tidy"));
    }
}
