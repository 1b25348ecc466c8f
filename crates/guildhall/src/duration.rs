//! How long something lasts, as people write it: `90d`, `12h`, `30m`.

/// The units, with their length in seconds.
const UNITS: [(char, i64); 5] = [
    ('s', 1),
    ('m', 60),
    ('h', 3_600),
    ('d', 86_400),
    ('w', 7 * 86_400),
];

/// A hundred years: whatever lasts longer needs no end.
const SECONDS_MAX: i64 = 36_500 * 86_400;

/// The seconds that a text such as `90d` means.
pub(crate) fn parse_seconds(text: &str) -> Result<i64, String> {
    let wrong = || {
        "must be a whole number and a unit, such as `90d`, `12h` or `30m`; \
         the units are `s`, `m`, `h`, `d` and `w`"
            .to_owned()
    };
    let unit = text.chars().last().ok_or_else(wrong)?;
    let (_, length) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(wrong)?;
    let digits = text.strip_suffix(unit).unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let seconds = digits
        .parse::<i64>()
        .ok()
        .and_then(|count| count.checked_mul(*length));
    match seconds {
        Some(0) => Err("must be longer than nothing".to_owned()),
        Some(seconds) if seconds <= SECONDS_MAX => Ok(seconds),
        _ => Err("must be at most `36500d`; leave it out for no end".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_are_seconds() {
        for (text, seconds) in [
            ("1s", 1),
            ("30m", 1_800),
            ("12h", 43_200),
            ("90d", 7_776_000),
            ("2w", 1_209_600),
        ] {
            assert_eq!(parse_seconds(text), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_an_example() {
        for text in [
            "", "90", "d", "9x", "-1d", "+1d", "1.5h", " 1d", "1d ", "1h30m", "1日",
        ] {
            assert!(
                parse_seconds(text).unwrap_err().contains("`90d`"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn nothing_and_for_ever_are_no_durations() {
        assert!(parse_seconds("0d").unwrap_err().contains("longer"));
        assert_eq!(parse_seconds("36500d"), Ok(SECONDS_MAX));
        for text in ["36501d", "99999999999999999999w", "9223372036854775807d"] {
            assert!(
                parse_seconds(text).unwrap_err().contains("`36500d`"),
                "{text}"
            );
        }
    }
}
