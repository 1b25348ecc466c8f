//! Dependencies that nobody uses: each is code to trust and to compile for nothing.

use super::{File, Tree, Violation, has_extension, has_word};

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let manifests = || {
        tree.files()
            .iter()
            .filter(|file| file.path.ends_with("/Cargo.toml") && file.package().is_some())
    };
    let mut found: Vec<_> = manifests()
        .flat_map(|manifest| unused(tree, manifest))
        .collect();
    if let Some(workspace) = tree.file("Cargo.toml") {
        let used: Vec<&str> = manifests()
            .flat_map(dependencies)
            .map(|entry| entry.name)
            .collect();
        let idle = dependencies(workspace).filter(|entry| !used.contains(&entry.name));
        found.extend(idle.map(|entry| {
            workspace.violation(entry.line, format!("no crate uses `{}`", entry.name))
        }));
    }
    found
}

/// The dependencies that no source of the crate names.
fn unused(tree: &Tree, manifest: &File) -> Vec<Violation> {
    let sources = || {
        let same = tree
            .files()
            .iter()
            .filter(|file| file.package() == manifest.package());
        same.filter(|file| has_extension(&file.path, "rs"))
            .flat_map(|file| file.text.lines())
    };
    dependencies(manifest)
        .filter(|entry| !sources().any(|line| has_word(line, &entry.name.replace('-', "_"))))
        .map(|entry| {
            manifest.violation(
                entry.line,
                format!("no source of this crate names `{}`", entry.name),
            )
        })
        .collect()
}

/// One entry of a manifest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dependency<'a> {
    pub(super) line: usize,
    pub(super) name: &'a str,
    /// Whether what the crate ships is built on it, and not only its tests.
    pub(super) shipped: bool,
}

/// Every dependency in a manifest.
pub(super) fn dependencies(manifest: &File) -> impl Iterator<Item = Dependency<'_>> {
    let mut section = "";
    manifest.lines().filter_map(move |(number, line)| {
        if line.starts_with('[') {
            section = line;
        }
        let name = line
            .split(['.', ' ', '='])
            .next()
            .filter(|name| !name.is_empty())?;
        let is_entry =
            section.ends_with("dependencies]") && !line.starts_with(['[', '#', ' ', ']']);
        let shipped = !section.contains("dev-dependencies");
        is_entry.then_some(Dependency {
            line: number,
            name,
            shipped,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{super::tree::said, *};

    #[test]
    fn a_dependency_is_named_by_a_source() {
        let manifest = "[dependencies]\n# Why.\nserde-json.workspace = true\nhex = \"1\"\n\n[lints]\nworkspace = true\n";
        let tree = Tree::of(&[
            ("crates/a/Cargo.toml", manifest),
            ("crates/a/src/lib.rs", "use serde_json::Value;\n"),
            ("crates/b/src/lib.rs", "use hex::encode;\n"),
        ]);
        assert_eq!(
            said(&check(&tree)),
            ["crates/a/Cargo.toml:4: no source of this crate names `hex`"]
        );
    }

    #[test]
    fn the_workspace_lists_what_a_crate_uses() {
        let tree = Tree::of(&[
            (
                "Cargo.toml",
                "[workspace.dependencies]\nhex = \"1\"\nidle = { version = \"1\" }\n",
            ),
            (
                "crates/a/Cargo.toml",
                "[dev-dependencies]\nhex.workspace = true\n",
            ),
            ("crates/a/tests/a.rs", "hex::encode();\n"),
        ]);
        assert_eq!(said(&check(&tree)), ["Cargo.toml:3: no crate uses `idle`"]);
    }
}
