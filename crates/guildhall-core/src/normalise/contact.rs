//! E-mail addresses and phone numbers.

use guildhall_types::FieldError;
use guildhall_types::limits::{EMAIL_CHARS_MAX, PHONE_DIGITS_MAX};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

// Named for its version only; see Cargo.toml.
use idna_adapter as _;

use super::fault;
use super::text::{deceives, fold};

/// Bytes of the part before the `@` (RFC 5321, section 4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;

/// Digits of the shortest phone number that is accepted, with its country code.
const PHONE_DIGITS_MIN: usize = 7;

/// The country codes of two digits (ITU-T E.164, list of assigned country codes); 1 and 7 have one digit, all others three.
const COUNTRY_CODES_OF_TWO: [&str; 44] = [
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47",
    "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65",
    "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
];

/// An e-mail address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email {
    /// As it was typed, trimmed.
    pub(crate) typed: String,
    /// What it is compared by: folded, with the domain as DNS knows it.
    pub(crate) key: String,
}

/// A phone number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phone {
    /// The whole number: a plus sign and digits.
    pub(crate) e164: String,
    /// The country code with its plus sign.
    pub(crate) country_code: String,
    /// The digits after it.
    pub(crate) national: String,
}

/// What may stand before the `@`: what browsers accept (WHATWG HTML, "valid e-mail address"), and letters
/// beyond ASCII (RFC 6531). Not the quotes, commas and brackets of RFC 5322, by which one address
/// becomes another, or two, in a program that reads them otherwise.
fn is_local(char: char) -> bool {
    char.is_ascii_alphanumeric() || !char.is_ascii() || ".!#$%&'*+/=?^_`{|}~-".contains(char)
}

/// An address such as `ava@example.com`: something before the last `@`, a domain with a dot behind it.
pub(crate) fn email(raw: &str) -> Result<Email, FieldError> {
    let typed = raw.trim();
    let invalid = || {
        fault(
            "email_address",
            "must be an e-mail address such as `ava@example.com`",
        )
    };
    let too_long = || {
        fault(
            "email_address",
            format!("must be at most {EMAIL_CHARS_MAX} characters"),
        )
    };
    if typed.chars().count() > EMAIL_CHARS_MAX {
        return Err(too_long());
    }
    if typed
        .chars()
        .any(|char| char.is_whitespace() || deceives(char))
    {
        return Err(invalid());
    }
    let (local, domain) = typed.rsplit_once('@').ok_or_else(invalid)?;
    if !(1..=LOCAL_BYTES_MAX).contains(&local.len()) || !local.chars().all(is_local) {
        return Err(invalid());
    }
    // Hyphens as they come: there are names such as `r3---sn`.
    let domain = Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .map_err(|_| invalid())?;
    if !domain.contains('.') {
        return Err(invalid());
    }
    let key = format!("{}@{domain}", fold(local));
    if key.len() > EMAIL_CHARS_MAX {
        return Err(too_long());
    }
    Ok(Email {
        typed: typed.to_owned(),
        key,
    })
}

/// A number in international form; spaces, dashes, dots and parentheses between the digits are dropped.
pub(crate) fn phone(raw: &str) -> Result<Phone, FieldError> {
    let invalid = || {
        let message = format!(
            "must be a number in international form such as `+15551234567`: a plus sign and \
             {PHONE_DIGITS_MIN} to {PHONE_DIGITS_MAX} digits"
        );
        fault("phone_number", message)
    };
    let digits: String = raw
        .trim()
        .strip_prefix('+')
        .ok_or_else(invalid)?
        .chars()
        .filter(|char| !matches!(char, ' ' | '\u{a0}' | '-' | '.' | '(' | ')'))
        .collect();
    let fits = (PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    if !fits {
        return Err(invalid());
    }
    let length = match digits.get(..2) {
        Some(two) if two.starts_with(['1', '7']) => 1,
        Some(two) if COUNTRY_CODES_OF_TWO.contains(&two) => 2,
        _ => 3,
    };
    let (country, national) = digits.split_at_checked(length).ok_or_else(invalid)?;
    Ok(Phone {
        country_code: format!("+{country}"),
        national: national.to_owned(),
        e164: format!("+{digits}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_compared_without_regard_to_spelling() {
        let key = |raw| email(raw).unwrap().key;
        assert_eq!(key(" Ava.Stone@EXAMPLE.com "), "ava.stone@example.com");
        assert_eq!(key("ava@BÜCHER.example"), key("AVA@xn--bcher-kva.example"));
        assert_eq!(email(" Ava@Example.com").unwrap().typed, "Ava@Example.com");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long = format!("a@{}.com", "b.".repeat(130));
        for raw in [
            "",
            "ava",
            "@example.com",
            "ava@",
            "a@b@example.com",
            "ava@example",
            "a va@example.com",
            "ava@exa mple.com",
            "ava@.com",
            "ava@example..com",
            "ava@example.com.",
            "a\u{200b}@example.com",
            &long_local,
            &long,
        ] {
            assert!(email(raw).is_err(), "{raw:?}");
        }
    }

    #[test]
    fn an_address_cannot_become_another_one_downstream() {
        for raw in [
            "<ava@example.com>",
            "a,b@example.com",
            "\"a b\"@example.com",
            "a:b@example.com",
            "a;b@example.com",
            "a(b)@example.com",
            "a\\b@example.com",
            "ava@[127.0.0.1]",
            "ava@example.com\u{ad}",
            "ava@exa_mple.com",
            "ava@-a.com",
            "ava@\u{ff20}.com",
        ] {
            assert!(email(raw).is_err(), "{raw:?}");
        }
        for raw in [
            "o'hara+x@r3---sn.example.com",
            "用户@例え.jp",
            "a.@example.com",
        ] {
            assert!(email(raw).is_ok(), "{raw:?}");
        }
        let long_in_ascii = format!("a@{}.jp", "é.".repeat(60));
        assert!(
            email(&long_in_ascii).is_err(),
            "the key is what mail servers see"
        );
    }

    proptest! {
        #[test]
        fn the_key_of_a_key_is_itself(local in "[a-zA-Zéß.+-]{1,9}", domain in "[a-zA-Zéß]{1,9}\\.[a-z]{2,3}") {
            if let Ok(email) = email(&format!(" {local}@{domain} ")) {
                prop_assert_eq!(&super::email(&email.key).unwrap().key, &email.key);
                prop_assert!(email.key.split('@').nth(1).unwrap().is_ascii());
            }
        }

        #[test]
        fn a_number_keeps_its_digits(raw in "[+(]{0,2}[0-9 ().-]{0,24}") {
            if let Ok(phone) = phone(&raw) {
                let digits: String = raw.chars().filter(char::is_ascii_digit).collect();
                prop_assert_eq!(&phone.e164, &format!("+{digits}"));
                prop_assert_eq!(format!("{}{}", phone.country_code, phone.national), phone.e164);
            }
        }
    }

    #[test]
    fn a_number_is_split_after_its_country_code() {
        for (raw, country_code, national) in [
            ("+1 (555) 123-4567", "+1", "5551234567"),
            ("+49 30 901820", "+49", "30901820"),
            ("+353.1.234.5678", "+353", "12345678"),
            ("+7 495 1234567", "+7", "4951234567"),
            ("+98 21 1234567", "+98", "211234567"),
        ] {
            let phone = phone(raw).unwrap();
            assert_eq!(
                (phone.country_code.as_str(), phone.national.as_str()),
                (country_code, national)
            );
            assert_eq!(phone.e164, format!("{country_code}{national}"));
        }
        for raw in [
            "",
            "5551234567",
            "+",
            "+0123456789",
            "+12345",
            "+1234567890123456",
            "+1555x234567",
            "++1555123456",
        ] {
            assert!(super::phone(raw).is_err(), "{raw:?}");
        }
    }
}
