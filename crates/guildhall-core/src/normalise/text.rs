//! Unicode: composition, folding, and characters that nobody can see.

use unicode_normalization::UnicodeNormalization as _;

/// The text in composed form (Unicode Standard Annex 15, NFC): `é` is one character however it was typed.
pub(super) fn compose(text: &str) -> String {
    text.nfc().collect()
}

/// The key that texts are compared, ordered and searched by: composed and in lower case.
///
/// The two small sigmas are one letter here, because which of them a word ends in would otherwise decide whether a part of
/// it is found. `ß` stays what it is: it is a letter of its own in lower case.
pub(crate) fn fold(text: &str) -> String {
    compose(&compose(text).to_lowercase().replace('ς', "σ"))
}

/// A pattern for `LIKE … ESCAPE '\'` that any text fits which contains this one.
pub(crate) fn like_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for char in text.chars() {
        if matches!(char, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern.push('%');
    pattern
}

/// Whether a character deceives: it shows nothing, or changes how its neighbours are shown. Two names that look the same
/// would be different, or one would be shown as another.
///
/// Controls (including U+0000, which PostgreSQL cannot store), the marks, embeddings, overrides and isolates of the
/// bidirectional algorithm (Unicode Standard Annex 9), and what has no width. That the joiners U+200C and U+200D are
/// among them costs some scripts and emoji their best form; a name that cannot be forged is worth more here.
pub(super) fn deceives(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{00ad}' // soft hyphen
            | '\u{034f}' // combining grapheme joiner
            | '\u{061c}' // Arabic letter mark
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // fillers that show nothing
            | '\u{17b4}' | '\u{17b5}' // inherent vowels that show nothing
            | '\u{180b}'..='\u{180f}' // Mongolian selectors and vowel separator
            | '\u{200b}'..='\u{200f}' // zero-width space and joiners, direction marks
            | '\u{2028}'..='\u{202e}' // line and paragraph separators, embeddings and overrides
            | '\u{2060}'..='\u{206f}' // word joiner, invisible operators, isolates
            | '\u{fe00}'..='\u{fe0f}' // variation selectors
            | '\u{feff}' // zero-width no-break space
            | '\u{fff0}'..='\u{fffb}' // reserved, interlinear annotation
            | '\u{1bca0}'..='\u{1bca3}' // shorthand format controls
            | '\u{1d173}'..='\u{1d17a}' // musical format controls
            | '\u{e0000}'..='\u{e0fff}' // tags and further selectors
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn letters_fold_in_every_script() {
        assert_eq!(fold("ÉCOLE"), "école");
        assert_eq!(fold("e\u{301}"), fold("É"));
        assert_eq!(fold("ΟΔΟΣ"), fold("οδοσ"));
        assert_eq!(fold("οδος"), "οδοσ");
        assert_eq!(fold("Straße"), "straße");
        assert_eq!(fold("ЖУК"), "жук");
    }

    #[test]
    fn wildcards_are_themselves() {
        assert_eq!(like_pattern("100%_\\"), "%100\\%\\_\\\\%");
    }

    #[test]
    fn folding_any_letter_twice_changes_nothing() {
        for letter in ('\0'..=char::MAX).map(String::from) {
            assert_eq!(fold(&fold(&letter)), fold(&letter), "{letter:?}");
        }
    }

    proptest! {
        #[test]
        fn case_and_composition_do_not_decide(text in "[ά-ώA-Za-zÀ-ÿА-я\u{300}-\u{36f} ]{0,20}") {
            let decomposed: String = text.nfd().collect();
            prop_assert_eq!(fold(&decomposed), fold(&text));
        }

        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{0,40}") {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }
    }
}
