//! Where two texts begin to differ, short enough to read in a terminal.

/// Nothing when they are equal; else the file, the first lines that differ, and how many lines each side has.
pub(super) fn summary(path: &str, old: &str, new: &str) -> Option<String> {
    if old == new {
        return None;
    }
    if old.is_empty() {
        return Some(format!("{path} is missing or empty"));
    }
    let same = old
        .lines()
        .zip(new.lines())
        .take_while(|(old, new)| old == new)
        .count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(the end)").to_owned();
    Some(format!(
        "{path}:{}: out of date ({} lines, should be {})\n  is:        {}\n  should be: {}",
        same + 1,
        old.lines().count(),
        new.lines().count(),
        line(old),
        line(new),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_no_difference() {
        assert_eq!(summary("a.md", "one\n", "one\n"), None);
    }

    #[test]
    fn the_first_line_that_differs_is_shown() {
        let text = summary("a.md", "one\ntwo\n", "one\n2\nthree\n").unwrap();
        assert_eq!(
            text,
            "a.md:2: out of date (2 lines, should be 3)\n  is:        two\n  should be: 2"
        );
        assert!(
            summary("a.md", "one\n", "one")
                .unwrap()
                .contains("(the end)")
        );
        assert_eq!(
            summary("a.md", "", "one\n").unwrap(),
            "a.md is missing or empty"
        );
    }
}
