//! Documents are maps: every path and link in them leads somewhere. An unread map lies.

use super::{
    File, Tree, Violation, has_extension,
    markdown::{anchors, code_spans, links, prose},
};

pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    tree.files()
        .iter()
        .filter(|file| has_extension(&file.path, "md") && !file.path.contains("/vendor/"))
        .flat_map(|file| page(tree, file))
        .collect()
}

fn page(tree: &Tree, file: &File) -> Vec<Violation> {
    let mut found = Vec::new();
    for line in prose(&file.text) {
        // The changelog tells of files that were.
        let spans = code_spans(line.text).filter(|_| file.path != "CHANGELOG.md");
        for path in spans
            .filter_map(named_path)
            .filter(|path| !tree.has(path) && !tree.has(&beside(file, path)))
        {
            found.push(file.violation(line.number, format!("`{path}` does not exist")));
        }
        for target in links(line.text) {
            found.extend(
                broken(tree, file, &target).map(|problem| file.violation(line.number, problem)),
            );
        }
    }
    found
}

/// The path of the repository that a piece of code looks like, without the line or the item after it.
fn named_path(code: &str) -> Option<&str> {
    const ROOMS: &[&str] = &["crates/", "docs/", "xtask/", "acceptance/"];
    let path = code.split(':').next().unwrap_or(code);
    let looks_so = path.contains('/')
        && (ROOMS.iter().any(|room| path.starts_with(room))
            || ["rs", "md", "toml"]
                .iter()
                .any(|extension| has_extension(path, extension)));
    let elsewhere =
        code.contains("://") || path.starts_with(['/', '~', '$']) || path.starts_with("./");
    let pattern = path.contains(['*', '{', '<', '…', ' ']);
    (looks_so && !elsewhere && !pattern).then_some(path)
}

/// What is wrong with the target of a link, if anything.
fn broken(tree: &Tree, file: &File, target: &str) -> Option<String> {
    let outside = target.contains("://") || target.starts_with("mailto:");
    if outside || target.is_empty() {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match path {
        "" => file.path.clone(),
        _ => path
            .strip_prefix('/')
            .map_or_else(|| beside(file, path), str::to_owned),
    };
    if !tree.has(&path) {
        return Some(format!("the link `{target}` leads nowhere"));
    }
    let page = tree
        .file(&path)
        .filter(|page| has_extension(&page.path, "md"))?;
    (!anchor.is_empty() && !anchors(&page.text).iter().any(|known| known == anchor))
        .then(|| format!("the link `{target}` leads to no heading"))
}

/// A path relative to the directory of `file`, from the root.
fn beside(file: &File, path: &str) -> String {
    let mut parts: Vec<&str> = file.path.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::{super::tree::said, *};

    fn seen(text: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("docs/guides/a.md", text),
            ("docs/b.md", "# One two\n"),
            ("crates/guildhall/src/main.rs", ""),
        ]);
        said(&check(&tree))
    }

    #[test]
    fn a_path_in_backticks_exists() {
        assert_eq!(
            seen("`crates/gone/src`\n"),
            ["docs/guides/a.md:1: `crates/gone/src` does not exist"]
        );
        assert_eq!(
            seen("x\n`core/gone.rs`\n"),
            ["docs/guides/a.md:2: `core/gone.rs` does not exist"]
        );
        assert!(
            seen("`crates/guildhall/src/main.rs:12` `crates/guildhall` `docs/b.md`\n").is_empty()
        );
        assert!(
            seen("`/etc/a.toml` `crates/*/src` `https://x.org/a.md` `a.rs` `GET /docs/x`\n")
                .is_empty()
        );
        assert!(seen("```\n`docs/gone.md`\n```\n").is_empty());
    }

    #[test]
    fn a_link_leads_somewhere() {
        assert_eq!(
            seen("[b](../c.md)\n"),
            ["docs/guides/a.md:1: the link `../c.md` leads nowhere"]
        );
        assert_eq!(
            seen("[b](../b.md#no)\n"),
            ["docs/guides/a.md:1: the link `../b.md#no` leads to no heading"]
        );
        assert_eq!(
            seen("[b](#no)\n"),
            ["docs/guides/a.md:1: the link `#no` leads to no heading"]
        );
        assert!(
            seen("# Me\n[b](../b.md#one-two) [m](#me) [x](https://x.org) [r](/docs/b.md)\n")
                .is_empty()
        );
    }

    #[test]
    fn the_changelog_may_name_what_is_gone() {
        let tree = Tree::of(&[("CHANGELOG.md", "`docs/gone.md`\n[x](gone.md)\n")]);
        assert_eq!(
            said(&check(&tree)),
            ["CHANGELOG.md:2: the link `gone.md` leads nowhere"]
        );
    }
}
