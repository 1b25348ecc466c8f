//! As much of Markdown as the checks of documents need.

/// A line of prose, outside fenced code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) number: usize,
    pub(super) text: &'a str,
}

/// The lines outside fenced code blocks, numbered from 1.
pub(super) fn prose(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut fence: Option<&str> = None;
    text.lines().zip(1..).filter_map(move |(text, number)| {
        let start = text.trim_start();
        if let Some(mark) = fence {
            if start.starts_with(mark) && start.trim_end().trim_start_matches(mark).is_empty() {
                fence = None;
            }
            None
        } else {
            fence = ["```", "~~~"]
                .into_iter()
                .find(|mark| start.starts_with(mark));
            fence.is_none().then_some(Line { number, text })
        }
    })
}

/// What stands between single backticks.
pub(super) fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Where the links and pictures of a line lead, inline ones and definitions of references.
pub(super) fn links(line: &str) -> Vec<String> {
    let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
    let inline = plain
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let definition = plain
        .trim_start()
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "));
    inline
        .chain(definition.map(|(_, target)| target))
        .filter_map(|target| target.split_whitespace().next())
        .map(|target| target.trim_matches(['<', '>']).to_owned())
        .collect()
}

/// The names by which the headings and anchors of a page can be linked to, as `GitHub` makes them.
pub(super) fn anchors(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in prose(text) {
        if let Some((_, id)) = line.text.split_once("<a id=\"") {
            found.extend(id.split('"').next().map(str::to_owned));
        }
        let heading = line.text.trim_start_matches('#');
        if heading.len() == line.text.len() || !heading.starts_with(' ') {
            continue;
        }
        let anchor = slug(heading.trim());
        let again = (0..).map(|count| {
            if count == 0 {
                anchor.clone()
            } else {
                format!("{anchor}-{count}")
            }
        });
        found.extend(
            again
                .take(found.len() + 1)
                .find(|anchor| !found.contains(anchor)),
        );
    }
    found
}

fn slug(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|character| character.is_alphanumeric() || " _-".contains(*character));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fenced_code_is_not_prose() {
        let text = "one\n```sh\ntwo\n```\nthree\n  ~~~\nfour\n  ~~~\n";
        let lines: Vec<_> = prose(text).map(|line| (line.number, line.text)).collect();
        assert_eq!(lines, [(1, "one"), (5, "three")]);
    }

    #[test]
    fn spans_and_links_are_told_apart() {
        let line = "see `docs/a.md` and [b](docs/b.md#c \"title\"), `[no](link.md)`, ![p](<p.png>)";
        assert_eq!(
            code_spans(line).collect::<Vec<_>>(),
            ["docs/a.md", "[no](link.md)"]
        );
        assert_eq!(links(line), ["docs/b.md#c", "p.png"]);
        assert_eq!(links("[name]: docs/c.md"), ["docs/c.md"]);
        assert!(links("plain text [1] (x)").is_empty());
    }

    #[test]
    fn headings_become_anchors() {
        let text = "# The `one` idea, as a type\n## Ids & names\n## Ids & names\n<a id=\"here\"></a>\n#no\n";
        assert_eq!(
            anchors(text),
            [
                "the-one-idea-as-a-type",
                "ids--names",
                "ids--names-1",
                "here"
            ]
        );
    }
}
