//! Permissions are texts of segments: `documents:read`, `documents:*`.

const SEPARATOR: char = ':';
const ANY: &str = "*";

/// Whether the permission text that a role holds gives the one that is asked for.
///
/// Both are cut at `:` into segments; a text without `:` is one segment, and an empty segment is a segment.
///
/// - A segment that is exactly `*` is a wildcard. As the last segment it stands for one or more segments;
///   anywhere else it stands for exactly one. `*` alone therefore gives everything.
/// - Every other segment stands for itself: same bytes, same case. `doc*` is no wildcard.
/// - What is asked for is always literal: a `*` in it is a text like any other.
///
/// ```
/// use guildhall_access::matches;
///
/// assert!(matches("documents:read", "documents:read"));
/// assert!(matches("documents:*", "documents:read"));
/// assert!(matches("documents:*", "documents:drafts:read"));
/// assert!(!matches("documents:*", "documents"));
/// assert!(matches("*:read", "documents:read"));
/// assert!(!matches("*:read", "documents:drafts:read"));
/// assert!(matches("*", "anything:at:all"));
/// assert!(!matches("doc*", "documents"));
/// assert!(!matches("documents:read", "documents:*"));
/// ```
pub fn matches(held: &str, asked: &str) -> bool {
    let mut asked = asked.split(SEPARATOR);
    let mut held = held.split(SEPARATOR).peekable();
    while let Some(segment) = held.next() {
        let Some(found) = asked.next() else {
            return false;
        };
        if segment == ANY {
            if held.peek().is_none() {
                return true;
            }
        } else if segment != found {
            return false;
        }
    }
    asked.next().is_none()
}

/// Whether the text holds a wildcard, so that it may give more than itself.
pub fn is_pattern(held: &str) -> bool {
    held.split(SEPARATOR).any(|segment| segment == ANY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_star_is_one_or_more_segments() {
        assert!(matches("a:*", "a:b") && matches("a:*", "a:b:c"));
        assert!(!matches("a:*", "a") && !matches("a:*", "b:a") && !matches("a:*", "ab:c"));
        assert!(matches("a:*", "a:"), "an empty segment is a segment");
        assert!(matches("*", "a") && matches("*", "a:b") && matches("*", ""));
    }

    #[test]
    fn a_star_elsewhere_is_exactly_one_segment() {
        assert!(matches("a:*:c", "a:b:c") && matches("*:c", "b:c") && matches("a:*:c", "a::c"));
        assert!(!matches("a:*:c", "a:c") && !matches("a:*:c", "a:b:b:c"));
        assert!(!matches("a:*:c", "a:b:c:d") && !matches("*:c", "c"));
        assert!(matches("*:*", "a:b:c") && !matches("*:*", "a"));
    }

    #[test]
    fn any_other_text_is_itself() {
        assert!(matches("a:b", "a:b") && matches("doc*", "doc*") && matches("", ""));
        for asked in ["a", "a:b:c", "a:B", "A:b", "a:", ":a:b", "", "a:*", "*"] {
            assert!(!matches("a:b", asked), "{asked}");
        }
        assert!(!matches("doc*", "document") && !matches("a:b*", "a:bc") && !matches("**", "a"));
    }

    #[test]
    fn what_is_asked_for_is_literal() {
        assert!(!matches("a:b", "*") && !matches("a:b", "a:*"));
        assert!(matches("a:*", "a:*") && !matches("a:*:c", "a:*"));
    }

    #[test]
    fn a_pattern_has_a_segment_that_is_a_star() {
        assert!(is_pattern("*") && is_pattern("a:*") && is_pattern("*:a") && is_pattern("a:*:b"));
        assert!(!is_pattern("a") && !is_pattern("a*") && !is_pattern("a:**") && !is_pattern(""));
    }
}
