//! Points in time, as the wire and the database know them.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
///
/// Written as RFC 3339 in UTC with exactly six fraction digits and `Z`, the one form that both published
/// client SDKs parse strictly (wire contract, section 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// Text that is not an RFC 3339 point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidTimestamp;

impl fmt::Display for InvalidTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be an RFC 3339 time with a zone, such as `2026-05-03T12:00:00Z`")
    }
}

impl std::error::Error for InvalidTimestamp {}

impl Timestamp {
    /// The point in time this many microseconds after 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This point in time, moved by `seconds`; stops at the ends of the representable range.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }
}

/// The text of a [`Timestamp`]. A page of members holds hundreds of them, too many for a general formatter.
///
/// Blanks fill it up to whole words: those are seen to be UTF-8 two at a time, the bytes of a rest one by one.
#[repr(align(8))]
struct Text([u8; 32]);

impl Text {
    const BYTES: usize = "2026-05-03T12:00:00.000000Z".len();

    fn new(moment: jiff::Timestamp) -> Self {
        let civil = jiff::tz::Offset::UTC.to_datetime(moment);
        // Years before 0 are those of values that no clock gives; the year 0 is shown rather than a panic.
        let year = i32::from(civil.year());
        let ([y3, y2], [y1, y0]) = (pair(year / 100), pair(year));
        let [m1, m0] = pair(civil.month().into());
        let [d1, d0] = pair(civil.day().into());
        let [hour1, hour0] = pair(civil.hour().into());
        let [minute1, minute0] = pair(civil.minute().into());
        let [second1, second0] = pair(civil.second().into());
        let micros = civil.subsec_nanosecond() / 1_000;
        let ([f5, f4], [f3, f2], [f1, f0]) =
            (pair(micros / 10_000), pair(micros / 100), pair(micros));
        #[rustfmt::skip]
        let text = [
            y3, y2, y1, y0, b'-', m1, m0, b'-', d1, d0, b'T',
            hour1, hour0, b':', minute1, minute0, b':', second1, second0, b'.', f5, f4, f3, f2, f1, f0, b'Z',
            b' ', b' ', b' ', b' ', b' ',
        ];
        Self(text)
    }

    fn as_str(&self) -> &str {
        let filled = std::str::from_utf8(&self.0).unwrap_or_default();
        filled.get(..Self::BYTES).unwrap_or_default()
    }
}

/// The two decimal digits of a number below 100; of others the last two, and zeros for a negative one.
fn pair(number: i32) -> [u8; 2] {
    let number = usize::try_from(number).unwrap_or_default() % 100;
    PAIRS.get(number).copied().unwrap_or([b'0'; 2])
}

static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut digits = [b'0'; 2];
    let mut rest: &mut [[u8; 2]] = &mut pairs;
    while let [pair, others @ ..] = rest {
        *pair = digits;
        rest = others;
        digits = match digits {
            [tens, b'9'] => [tens + 1, b'0'],
            [tens, units] => [tens, units + 1],
        };
    }
    pairs
};

impl Timestamp {
    fn text(self) -> Text {
        // Out of jiff's range only for values that no clock gives; the epoch is shown rather than a panic.
        let moment =
            jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Text::new(moment)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let moment: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp)?;
        Ok(Self(moment.as_microsecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples(["2026-05-03T12:00:00.000000Z"])
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_has_microseconds_and_a_z() {
        assert_eq!(
            Timestamp::from_micros(1_735_787_045_123_456).to_string(),
            "2025-01-02T03:04:05.123456Z"
        );
        assert_eq!(
            Timestamp::from_micros(0).to_string(),
            "1970-01-01T00:00:00.000000Z"
        );
    }

    #[test]
    fn its_digits_are_those_of_the_library() {
        let seconds_a_year = 31_556_952;
        for year in 0..9_990 {
            let micros = (year - 1_970) * seconds_a_year * 1_000_000 + year * 3_599_999_983;
            let moment = jiff::Timestamp::from_microsecond(micros).unwrap();
            assert_eq!(
                Timestamp::from_micros(micros).to_string(),
                format!("{moment:.6}")
            );
        }
    }

    #[test]
    fn a_zone_is_required_and_converted() {
        let utc: Timestamp = "2025-01-02T03:04:05Z".parse().unwrap();
        assert_eq!("2025-01-02T05:04:05+02:00".parse(), Ok(utc));
        assert_eq!(
            "2025-01-02T03:04:05".parse::<Timestamp>(),
            Err(InvalidTimestamp)
        );
    }
}
