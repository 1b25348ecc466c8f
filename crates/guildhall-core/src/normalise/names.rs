//! Names, slugs, usernames, permissions.

use std::borrow::Cow;

use guildhall_types::FieldError;
use guildhall_types::limits::{
    EXTERNAL_ID_CHARS_MAX, PERMISSION_CHARS_MAX, SLUG_CHARS_MAX, USERNAME_CHARS_MAX,
};

use super::fault;
use super::text::{compose, deceives};

/// A name of 1 to `chars_max` characters after trimming.
pub(crate) fn name(raw: &str, field: &str, chars_max: usize) -> Result<String, FieldError> {
    // U+FE0E and U+FE0F only choose between an emoji and a plain sign, and phones type them unasked.
    let name = compose(raw.replace(['\u{fe0e}', '\u{fe0f}'], "").trim());
    if let Some(char) = name.chars().find(|char| deceives(*char)) {
        return Err(invisible(field, char));
    }
    if (1..=chars_max).contains(&name.chars().count()) {
        Ok(name)
    } else {
        Err(fault(field, format!("must be 1 to {chars_max} characters")))
    }
}

/// A text of at most `chars_max` characters after trimming.
///
/// Lines and tabs are allowed; a line ends in `\n`, whatever the browser sent. So are the joiners and the
/// variation selectors that Persian, Indic scripts, Japanese names and most emoji need: a text is
/// shown, never compared, and may look like another.
pub(crate) fn text(raw: &str, field: &str, chars_max: usize) -> Result<String, FieldError> {
    let text = compose(raw.replace("\r\n", "\n").replace('\r', "\n").trim());
    let allowed = |char: char| {
        matches!(
            char,
            '\n' | '\t' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'
        )
    };
    if let Some(char) = text.chars().find(|char| deceives(*char) && !allowed(*char)) {
        return Err(invisible(field, char));
    }
    if text.chars().count() <= chars_max {
        Ok(text)
    } else {
        Err(fault(
            field,
            format!("must be at most {chars_max} characters"),
        ))
    }
}

fn invisible(field: &str, char: char) -> FieldError {
    let message = format!(
        "must not contain the invisible character U+{:04X}",
        u32::from(char)
    );
    fault(field, message)
}

/// A readable name for addresses.
pub(crate) fn slug(raw: &str) -> Result<String, FieldError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=SLUG_CHARS_MAX).contains(&raw.len()) && raw.bytes().all(allowed) {
        Ok(raw.to_owned())
    } else {
        let message = format!("must be 1 to {SLUG_CHARS_MAX} characters of `a-z`, `0-9` and `-`");
        Err(fault("slug", message))
    }
}

/// A name to sign in with. ASCII only: it is typed, and must not have a look-alike.
pub(crate) fn username(raw: &str) -> Result<String, FieldError> {
    let name = raw.trim();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=USERNAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(allowed) {
        Ok(name.to_owned())
    } else {
        let message = format!(
            "must be 1 to {USERNAME_CHARS_MAX} characters of `A-Z`, `a-z`, `0-9`, `_` and `-`"
        );
        Err(fault("username", message))
    }
}

/// The id that another system uses.
pub(crate) fn external_id(raw: &str) -> Result<String, FieldError> {
    name(raw, "external_id", EXTERNAL_ID_CHARS_MAX)
}

/// One permission: visible characters, compared exactly as they are.
pub(crate) fn permission(raw: &str) -> Result<String, FieldError> {
    let visible = |char: char| !char.is_whitespace() && !deceives(char);
    let permission = compose(raw);
    if (1..=PERMISSION_CHARS_MAX).contains(&permission.chars().count())
        && permission.chars().all(visible)
    {
        Ok(permission)
    } else {
        let message =
            format!("must be 1 to {PERMISSION_CHARS_MAX} visible characters, without spaces");
        Err(fault("permissions", message))
    }
}

/// A permission that is asked for: by the same rule, but borrowed when it is plain, as nearly all are.
pub(crate) fn permission_asked(raw: Cow<'_, str>) -> Result<Cow<'_, str>, FieldError> {
    let plain = (1..=PERMISSION_CHARS_MAX).contains(&raw.len())
        && raw.bytes().all(|byte| byte.is_ascii_graphic());
    if plain {
        Ok(raw)
    } else {
        permission(&raw).map(Cow::Owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_trimmed_composed_and_visible() {
        assert_eq!(
            name("\u{3000} E\u{301}cole \n", "name", 200).unwrap(),
            "École"
        );
        assert_eq!(name("日本 & Söhne", "name", 200).unwrap(), "日本 & Söhne");
        for raw in [
            "",
            "  ",
            "a\0b",
            "a\u{202e}b",
            "a\u{200b}",
            "a\nb",
            &"x".repeat(201),
        ] {
            assert!(name(raw, "name", 200).is_err(), "{raw:?}");
        }
        assert_eq!(
            name("a\u{200b}", "name", 200).unwrap_err().message,
            "must not contain the invisible character U+200B"
        );
        assert_eq!(
            name("", "name", 200).unwrap_err().message,
            "must be 1 to 200 characters"
        );
    }

    #[test]
    fn a_description_has_lines() {
        assert_eq!(
            text(" two\nlines\t ", "description", 20).unwrap(),
            "two\nlines"
        );
        assert_eq!(text("", "description", 20).unwrap(), "");
        assert!(
            text("a\0", "description", 20).is_err()
                && text(&"x".repeat(21), "description", 20).is_err()
        );
    }

    #[test]
    fn emoji_are_welcome_as_far_as_they_are_visible() {
        assert_eq!(
            name("Rock \u{2764}\u{fe0f}", "name", 200).unwrap(),
            "Rock \u{2764}"
        );
        assert!(name("\u{fe0f}", "name", 200).is_err());
        let family = "\u{1f469}\u{200d}\u{1f467} \u{2764}\u{fe0f}";
        assert!(name(family, "name", 200).is_err());
        assert_eq!(text(family, "description", 200).unwrap(), family);
        assert_eq!(text("a\r\nb\rc", "description", 200).unwrap(), "a\nb\nc");
        assert!(text("a\u{202e}b", "description", 200).is_err());
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_accepted_as_it_is(raw in "\\PC{0,30}|[ \u{fe0f}e\u{301}\n]{0,9}") {
            if let Ok(name) = name(&raw, "name", 20) {
                prop_assert_eq!(super::name(&name, "name", 20).unwrap(), name);
            }
            if let Ok(text) = text(&raw, "description", 20) {
                prop_assert_eq!(super::text(&text, "description", 20).unwrap(), text);
            }
        }
    }

    #[test]
    fn slugs_and_usernames_are_plain() {
        assert!(slug("acme-2").is_ok() && slug("-").is_ok() && slug(&"a".repeat(64)).is_ok());
        for raw in ["", "Acme", "a_b", "a b", "é", &"a".repeat(65)] {
            assert!(slug(raw).is_err(), "{raw:?}");
        }
        assert_eq!(username(" Ava_S-1 ").unwrap(), "Ava_S-1");
        assert!(username("ava stone").is_err() && username("аva").is_err());
    }

    proptest! {
        #[test]
        fn a_permission_is_asked_for_as_it_is_held(raw in ".{0,140}") {
            let asked = permission_asked(Cow::Borrowed(&raw)).map(Cow::into_owned);
            prop_assert_eq!(asked, permission(&raw));
        }
    }

    #[test]
    fn a_permission_has_no_spaces() {
        assert_eq!(permission("documents:read").unwrap(), "documents:read");
        assert_eq!(permission("文書:読む").unwrap(), "文書:読む");
        for raw in ["", " a", "a b", "a\u{a0}b", "a\u{200d}", &"x".repeat(129)] {
            assert!(permission(raw).is_err(), "{raw:?}");
        }
    }
}
