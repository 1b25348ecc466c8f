//! Rules about any text: its length, its white space, and words that never land.

use super::{File, Tree, Violation, has_extension, has_word};

const LINES_MAX: usize = 500;

/// Written in two halves, so that this file does not break its own rule.
const UNFINISHED: &[&str] = &[
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X"),
];

const DEBUGGING: &str = concat!("dbg", "!(");

/// Directories of one machine; nobody else has them.
const HOMES: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];

/// Where packages come from is the business of each machine's package managers.
const HOSTS: &[&str] = &[
    concat!("://crates", ".io"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("npmjs", ".org"),
    concat!("npmjs", ".com"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("deb.debian", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("arti", "factory"),
];

const CODE: &[&str] = &[
    "rs", "toml", "sh", "js", "mjs", "cjs", "ts", "tsx", "py", "sql", "css", "html", "yml", "yaml",
];

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    tree.files().iter().flat_map(file).collect()
}

fn file(file: &File) -> Vec<Violation> {
    let mut found = places(file);
    if is_vendored(&file.path) {
        return found;
    }
    found.extend(length(file));
    found.extend(white_space(file));
    found.extend(unfinished(file));
    if has_extension(&file.path, "new") {
        found.push(file.violation(1, "a snapshot that waits for review; accept or remove it"));
    }
    found
}

/// Text that others wrote and we ship as it is.
fn is_vendored(path: &str) -> bool {
    path.contains("/vendor/")
        || ["min.js", "min.css"]
            .iter()
            .any(|ending| path.ends_with(ending))
}

fn length(file: &File) -> Option<Violation> {
    let count = file.text.lines().count();
    let ours =
        file.package().is_some() && file.path.contains("/src/") && has_extension(&file.path, "rs");
    (ours && count > LINES_MAX).then(|| {
        file.violation(
            LINES_MAX + 1,
            format!("{count} lines; more than {LINES_MAX} hold two ideas"),
        )
    })
}

fn white_space(file: &File) -> Vec<Violation> {
    let mut found = Vec::new();
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        found.push(file.violation(
            file.text.lines().count(),
            "the file does not end in a newline",
        ));
    }
    if file.text.ends_with("\n\n") {
        found.push(file.violation(file.text.lines().count(), "the file ends in an empty line"));
    }
    // What a program printed is kept as it was.
    if !has_extension(&file.path, "snap") {
        let lines = file
            .text
            .split('\n')
            .zip(1..)
            .filter(|(line, _)| line.ends_with(char::is_whitespace));
        found.extend(
            lines.map(|(_, number)| file.violation(number, "white space at the end of the line")),
        );
    }
    found
}

fn unfinished(file: &File) -> Vec<Violation> {
    if !CODE
        .iter()
        .any(|extension| has_extension(&file.path, extension))
    {
        return Vec::new();
    }
    let word = |line: &str| UNFINISHED.iter().find(|word| has_word(line, word)).copied();
    let debugging = |line: &str| line.contains(DEBUGGING).then_some(DEBUGGING);
    file.lines()
        .filter_map(|(number, line)| Some((number, word(line).or_else(|| debugging(line))?)))
        .map(|(number, word)| file.violation(number, format!("`{word}` does not land")))
        .collect()
}

fn places(file: &File) -> Vec<Violation> {
    let mut found = Vec::new();
    for (number, line) in file.lines() {
        if let Some(home) = HOMES.iter().find(|home| begins_path(line, home)) {
            found.push(file.violation(number, format!("`{home}` is a directory of one machine")));
        }
        if let Some(host) = HOSTS.iter().find(|host| line.contains(*host)) {
            found.push(file.violation(
                number,
                format!("`{host}` is the host of a package registry"),
            ));
        }
    }
    found
}

/// Whether an absolute path begins so: nothing that belongs to a path or a URL stands before it.
fn begins_path(line: &str, start: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || "._-/}*~".contains(character);
    line.match_indices(start)
        .any(|(at, _)| !line.split_at(at).0.ends_with(is_part))
}

#[cfg(test)]
mod tests {
    use super::{super::tree::said, *};

    fn seen(path: &str, text: &str) -> Vec<String> {
        said(&check(&Tree::of(&[(path, text)])))
    }

    #[test]
    fn a_file_of_501_lines_is_too_long() {
        let text = "//\n".repeat(501);
        let long = ["crates/guildhall-db/src/lib.rs:501: 501 lines; more than 500 hold two ideas"];
        assert_eq!(seen("crates/guildhall-db/src/lib.rs", &text), long);
        assert!(seen("crates/guildhall-db/src/lib.rs", &"//\n".repeat(500)).is_empty());
        assert!(seen("docs/long.md", &text).is_empty());
    }

    #[test]
    fn white_space_at_an_end_is_seen() {
        assert_eq!(
            seen("a.md", "one \ntwo\n"),
            ["a.md:1: white space at the end of the line"]
        );
        assert_eq!(
            seen("a.md", "one\r\n"),
            ["a.md:1: white space at the end of the line"]
        );
        assert_eq!(
            seen("a.md", "one"),
            ["a.md:1: the file does not end in a newline"]
        );
        assert_eq!(
            seen("a.md", "one\n\n"),
            ["a.md:2: the file ends in an empty line"]
        );
        assert!(seen("a.snap", "one \n").is_empty() && seen("web/vendor/a.js", "one ").is_empty());
        assert!(seen("empty.txt", "").is_empty());
    }

    #[test]
    fn unfinished_work_is_seen_in_code_only() {
        for word in UNFINISHED.iter().chain([&DEBUGGING]) {
            assert_eq!(
                seen("a.rs", &format!("x\n// {word} y\n")),
                [format!("a.rs:2: `{word}` does not land")]
            );
            assert!(seen("a.md", &format!("no {word} lands\n")).is_empty());
        }
        assert!(seen("a.rs", "// NOTODO\n").is_empty());
    }

    #[test]
    fn a_machine_and_a_registry_are_seen_anywhere() {
        assert_eq!(seen("a.md", &format!("see {}a\n", HOMES[0])).len(), 1);
        assert_eq!(seen("a.md", &format!("see /{}a\n", "x/work")).len(), 0);
        assert_eq!(
            seen(
                "package-lock.json",
                &format!("\"https://registry.{}/a\"\n", HOSTS[3])
            )
            .len(),
            1
        );
        assert!(
            seen(
                "Cargo.lock",
                "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn a_snapshot_that_waits_for_review_is_seen() {
        assert_eq!(
            seen("a.snap.new", "x\n"),
            ["a.snap.new:1: a snapshot that waits for review; accept or remove it"]
        );
    }
}
