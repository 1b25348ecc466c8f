//! Who may know whom: `cargo deny` keeps the walls between packages, this check keeps them between files.

use super::{
    File, Tree, Violation,
    dependencies::{Dependency, dependencies},
    has_extension,
};

/// A library and the one room that may speak of it.
const WALLS: &[(&str, &str)] = &[("rusqlite", "guildhall-db"), ("axum", "guildhall-http")];

/// It measures the bare libraries, to set our figures beside theirs.
const OUTSIDE: &str = "guildhall-bench";

/// What each room may be built on; a crate that is not in the list may use them all.
const FLOORS: &[(&str, &[&str])] = &[
    ("guildhall-types", &[]),
    ("guildhall-db", &["guildhall-types"]),
    ("guildhall-access", &["guildhall-types"]),
    ("guildhall-client", &["guildhall-types"]),
    (
        "guildhall-core",
        &["guildhall-types", "guildhall-db", "guildhall-access"],
    ),
    (
        "guildhall-http",
        &["guildhall-types", "guildhall-access", "guildhall-core"],
    ),
];

/// A room of values: who embeds it takes on ids and times, and nothing that waits, reads or listens.
const PURE: (&str, &[&str]) = ("guildhall-access", &["guildhall-types"]);

const IMPURE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "std::time",
    "async",
    "Mutex",
    "static mut",
];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let crates = || {
        tree.files()
            .iter()
            .filter(|file| file.path.starts_with("crates/"))
    };
    let mut found: Vec<_> = crates().flat_map(libraries).collect();
    found.extend(crates().flat_map(floors));
    found.extend(crates().flat_map(purity));
    found.extend(crates().flat_map(statements));
    found.extend(tree.files().iter().filter_map(lints));
    found
}

/// A library is named in its own room only, in comments too: there the reader would learn the wrong thing.
///
/// Integration tests are free: who damages a database to see that it is noticed goes past our own doors.
fn libraries(file: &File) -> Vec<Violation> {
    let lines: Vec<(usize, &str)> = if file.path.ends_with("/Cargo.toml") {
        shipped(file)
            .map(|entry| (entry.line, entry.name))
            .collect()
    } else if has_extension(&file.path, "rs") && !file.path.contains("/tests/") {
        file.lines().collect()
    } else {
        Vec::new()
    };
    let mut found = Vec::new();
    for (library, room) in WALLS {
        if file.package() == Some(room) || file.package() == Some(OUTSIDE) {
            continue;
        }
        let named = lines.iter().filter(|(_, line)| names(line, library));
        found.extend(named.map(|(number, _)| {
            file.violation(*number, format!("only {room} may name `{library}`"))
        }));
    }
    found
}

/// Whether `library`, or a library whose name begins with it, stands in the line.
fn names(line: &str, library: &str) -> bool {
    line.match_indices(library).any(|(start, _)| {
        !line
            .split_at(start)
            .0
            .ends_with(|c: char| c.is_alphanumeric() || c == '_')
    })
}

/// The rooms that a `Cargo.toml` names outside its tests.
fn floors(file: &File) -> Vec<Violation> {
    let Some((room, below)) = FLOORS
        .iter()
        .find(|(room, _)| file.path == format!("crates/{room}/Cargo.toml"))
    else {
        return Vec::new();
    };
    shipped(file)
        .filter(|entry| entry.name.starts_with("guildhall") && !below.contains(&entry.name))
        .map(|entry| file.violation(entry.line, format!("{room} may not use {}", entry.name)))
        .collect()
}

/// What the pure room takes from others or from the machine. Its tests and its documentation are free.
fn purity(file: &File) -> Vec<Violation> {
    let (room, below) = PURE;
    if file.package() != Some(room) {
        return Vec::new();
    }
    if file.path.ends_with("/Cargo.toml") {
        return shipped(file)
            .filter(|entry| !below.contains(&entry.name))
            .map(|entry| file.violation(entry.line, format!("{room} may not use {}", entry.name)))
            .collect();
    }
    file.lines()
        .filter(|(_, line)| file.path.contains("/src/") && !line.trim_start().starts_with("//"))
        .flat_map(|(number, line)| {
            let named = IMPURE.iter().filter(move |word| names(line, word));
            named.map(move |word| file.violation(number, format!("{room} knows no `{word}`")))
        })
        .collect()
}

fn shipped(manifest: &File) -> impl Iterator<Item = Dependency<'_>> {
    dependencies(manifest).filter(|entry| entry.shipped)
}

/// SQL is a text in the source: the statement that is made with `format!` is the injection of tomorrow.
fn statements(file: &File) -> Vec<Violation> {
    const LITERALS: &[&str] = &["\"", "r\"", "r#", "concat!(", "include_str!(", "$"];
    if !has_extension(&file.path, "rs") {
        return Vec::new();
    }
    ["Stmt::new(", "Stmt::differs("]
        .into_iter()
        .flat_map(|call| file.text.match_indices(call))
        .filter_map(|(start, call)| {
            let (before, rest) = file.text.split_at(start);
            let argument = rest.strip_prefix(call)?.trim_start();
            let literal = LITERALS.iter().any(|literal| argument.starts_with(literal));
            (!literal).then(|| {
                file.violation(
                    before.matches('\n').count() + 1,
                    "a statement takes its SQL as a literal",
                )
            })
        })
        .collect()
}

/// A crate that forgets this line is held to no rule at all, and nothing else would say so.
fn lints(file: &File) -> Option<Violation> {
    let is_ours = file.package().is_some() && file.path.ends_with("/Cargo.toml");
    let inherits = file.text.contains("[lints]\nworkspace = true\n");
    (is_ours && !inherits).then(|| file.violation(1, "`[lints] workspace = true` is missing"))
}

#[cfg(test)]
mod tests {
    use super::{super::tree::said, *};

    const LINTS: &str = "[lints]\nworkspace = true\n";

    fn seen(path: &str, text: &str) -> Vec<String> {
        said(&check(&Tree::of(&[(path, text)])))
    }

    fn seen_in_manifest(path: &str, text: &str) -> Vec<String> {
        seen(path, &format!("{text}{LINTS}"))
    }

    #[test]
    fn a_library_stays_in_its_room() {
        let wall = ["crates/guildhall-core/src/a.rs:2: only guildhall-db may name `rusqlite`"];
        assert_eq!(
            seen("crates/guildhall-core/src/a.rs", "//\nuse rusqlite::Row;\n"),
            wall
        );
        assert_eq!(
            seen_in_manifest(
                "crates/guildhall/Cargo.toml",
                "[dependencies]\naxum-server = \"1\"\n"
            )
            .len(),
            1
        );
        assert_eq!(
            seen("crates/guildhall/src/main.rs", "use axum_server::Handle;\n").len(),
            1
        );
        assert!(seen("crates/guildhall-db/src/a.rs", "use rusqlite::Row;\n").is_empty());
        assert!(seen("crates/guildhall-bench/src/a.rs", "use rusqlite::Row;\n").is_empty());
        assert!(seen("crates/guildhall/src/a.rs", "let taxum = 1;\n").is_empty());
        assert!(seen("Cargo.toml", "rusqlite = \"1\"\n").is_empty());
    }

    #[test]
    fn a_test_may_damage_what_the_rooms_keep() {
        let tests = "[dev-dependencies]\nrusqlite.workspace = true\n";
        assert!(seen_in_manifest("crates/guildhall-core/Cargo.toml", tests).is_empty());
        assert!(
            seen(
                "crates/guildhall-core/tests/verify/a.rs",
                "use rusqlite::Row;\n"
            )
            .is_empty()
        );
        let target = "[target.'cfg(unix)'.dependencies]\nrusqlite.workspace = true\n";
        assert_eq!(
            seen_in_manifest("crates/guildhall-core/Cargo.toml", target).len(),
            1
        );
    }

    #[test]
    fn a_room_uses_only_what_lies_below() {
        let text =
            "[dependencies]\nguildhall-types.workspace = true\nguildhall-http = { path = \"x\" }\n";
        let wall =
            ["crates/guildhall-core/Cargo.toml:3: guildhall-core may not use guildhall-http"];
        assert_eq!(
            seen_in_manifest("crates/guildhall-core/Cargo.toml", text),
            wall
        );
        let tests = "[dev-dependencies]\nguildhall-http.workspace = true\n";
        assert!(seen_in_manifest("crates/guildhall-core/Cargo.toml", tests).is_empty());
        assert!(seen_in_manifest("crates/guildhall/Cargo.toml", text).is_empty());
    }

    #[test]
    fn the_engine_is_pure() {
        let manifest = "[dependencies]\nguildhall-types.workspace = true\ntokio.workspace = true\n";
        let wall = ["crates/guildhall-access/Cargo.toml:3: guildhall-access may not use tokio"];
        assert_eq!(
            seen_in_manifest("crates/guildhall-access/Cargo.toml", manifest),
            wall
        );
        let source = "//! No std::time here.\nuse std::time::SystemTime;\n";
        let wall = ["crates/guildhall-access/src/a.rs:2: guildhall-access knows no `std::time`"];
        assert_eq!(seen("crates/guildhall-access/src/a.rs", source), wall);
        assert!(seen("crates/guildhall-access/tests/a.rs", source).is_empty());
        assert!(seen("crates/guildhall-core/src/a.rs", source).is_empty());
    }

    #[test]
    fn a_statement_is_made_from_a_literal() {
        let path = "crates/guildhall-core/src/a.rs";
        let wall = ["crates/guildhall-core/src/a.rs:2: a statement takes its SQL as a literal"];
        assert_eq!(seen(path, "//\nStmt::new(format!(\"x\"))\n"), wall);
        assert_eq!(seen(path, "Stmt::differs(sql, \"x\")\n").len(), 1);
        for good in [
            "\"SELECT 1\"",
            "r#\"x\"#",
            "\n    concat!(\"a\", \"b\")",
            "include_str!(\"a.sql\")",
            "$text",
        ] {
            assert!(
                seen(path, &format!("Stmt::new({good})\n")).is_empty(),
                "{good}"
            );
        }
    }

    #[test]
    fn a_crate_takes_the_lints_of_the_workspace() {
        let bare = ["crates/guildhall/Cargo.toml:1: `[lints] workspace = true` is missing"];
        assert_eq!(seen("crates/guildhall/Cargo.toml", "[package]\n"), bare);
        assert!(seen_in_manifest("xtask/Cargo.toml", "").is_empty());
        assert!(seen("Cargo.toml", "[workspace]\n").is_empty());
    }
}
