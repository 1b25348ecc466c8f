//! One noun, one name, on every floor.

use super::{File, Tree, Violation};

const NOUNS: &[&str] = &[
    "organizations",
    "members",
    "roles",
    "users",
    "ledger",
    "keys",
];

const FLOORS: &[&str] = &["guildhall-types", "guildhall-core", "guildhall-http"];

/// Where a noun may lack a floor, one a line: `guildhall-http/ledger: why`. The list may only shrink.
const EXCEPTIONS: &str = "xtask/nouns-exceptions.txt";

/// How many lines that list may have. Lower it with the list; raising it is a decision to defend in review.
const EXCEPTIONS_MAX: usize = 0;

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    check_with(tree, EXCEPTIONS_MAX)
}

fn check_with(tree: &Tree, exceptions_max: usize) -> Vec<Violation> {
    let Some(file) = tree.file(EXCEPTIONS) else {
        return vec![Violation {
            path: EXCEPTIONS.to_owned(),
            line: 1,
            message: "the list is missing".to_owned(),
        }];
    };
    let exceptions: Vec<_> = exceptions(file).collect();
    let mut found = Vec::new();
    for (floor, noun) in FLOORS
        .iter()
        .flat_map(|floor| NOUNS.iter().map(move |noun| (*floor, *noun)))
    {
        let excepted = exceptions
            .iter()
            .any(|(_, place, _)| *place == format!("{floor}/{noun}"));
        if !excepted && !has_file(tree, floor, noun) {
            let path = format!("crates/{floor}/src/{noun}.rs");
            found.push(Violation {
                path,
                line: 1,
                message: format!("{floor} has no file for {noun}"),
            });
        }
    }
    for (line, place, reason) in &exceptions {
        let (floor, noun) = place.split_once('/').unwrap_or_default();
        if reason.is_empty() {
            found.push(file.violation(*line, "an exception has a reason"));
        }
        if !FLOORS.contains(&floor) || !NOUNS.contains(&noun) || has_file(tree, floor, noun) {
            found.push(file.violation(
                *line,
                format!("`{place}` needs no exception; remove the line"),
            ));
        }
    }
    if exceptions.len() > exceptions_max {
        found.push(file.violation(
            1,
            format!("{} exceptions, at most {exceptions_max}", exceptions.len()),
        ));
    }
    found
}

/// Line number, `floor/noun`, reason.
fn exceptions(file: &File) -> impl Iterator<Item = (usize, &str, &str)> {
    file.lines()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            let (place, reason) = line.split_once(':').unwrap_or((line, ""));
            (number, place.trim(), reason.trim())
        })
}

/// A file or a directory of that name, wherever on the floor.
fn has_file(tree: &Tree, floor: &str, noun: &str) -> bool {
    let source = format!("crates/{floor}/src/");
    let endings = [format!("/{noun}.rs"), format!("/{noun}/mod.rs")];
    tree.paths().any(|path| {
        path.starts_with(&source) && endings.iter().any(|ending| path.ends_with(ending))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::tree::said, *};

    /// A tree with every noun on every floor, but for `missing`.
    fn house(missing: &str, exceptions: &str) -> Tree {
        let paths = FLOORS.iter().flat_map(|floor| {
            NOUNS.iter().map(move |noun| {
                (
                    format!("{floor}/{noun}"),
                    format!("crates/{floor}/src/{noun}.rs"),
                )
            })
        });
        let paths: Vec<String> = paths
            .filter(|(place, _)| place != missing)
            .map(|(_, path)| path)
            .collect();
        let mut files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "")).collect();
        files.push((EXCEPTIONS, exceptions));
        Tree::of(&files)
    }

    #[test]
    fn a_noun_has_a_file_on_every_floor() {
        assert!(check_with(&house("", "# none\n"), 0).is_empty());
        let missing =
            ["crates/guildhall-http/src/ledger.rs:1: guildhall-http has no file for ledger"];
        assert_eq!(
            said(&check_with(&house("guildhall-http/ledger", ""), 0)),
            missing
        );
    }

    #[test]
    fn an_exception_is_used_reasoned_and_counted() {
        let list = "guildhall-http/ledger: no route yet\n";
        assert!(check_with(&house("guildhall-http/ledger", list), 1).is_empty());
        let unused =
            format!("{EXCEPTIONS}:1: `guildhall-http/ledger` needs no exception; remove the line");
        assert_eq!(said(&check_with(&house("", list), 1)), [unused]);
        let many = format!("{EXCEPTIONS}:1: 1 exceptions, at most 0");
        assert_eq!(
            said(&check_with(&house("guildhall-http/ledger", list), 0)),
            [many]
        );
        let bare = format!("{EXCEPTIONS}:1: an exception has a reason");
        assert_eq!(
            said(&check_with(
                &house("guildhall-http/ledger", "guildhall-http/ledger\n"),
                1
            )),
            [bare]
        );
    }

    #[test]
    fn a_noun_may_be_a_directory() {
        let tree = Tree::of(&[("crates/guildhall-http/src/routes/keys/mod.rs", "")]);
        assert!(
            has_file(&tree, "guildhall-http", "keys") && !has_file(&tree, "guildhall-core", "keys")
        );
    }
}
