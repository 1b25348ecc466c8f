//! What a setting may be, and how it is read from a flag, a variable or a TOML key.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::str::FromStr;

use clap::ValueEnum;
use serde::Deserialize;
use tracing_subscriber::filter::Targets;

/// The levels of the log, least first.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Reads an address with its port.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "must be an IP address and a port, such as `127.0.0.1:8480`".to_owned())
}

/// The address of a database, which is never shown: it may hold a password.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct DatabaseUrl(String);

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseUrl")
    }
}

impl FromStr for DatabaseUrl {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl From<DatabaseUrl> for String {
    fn from(url: DatabaseUrl) -> Self {
        url.0
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere
    #[default]
    Auto,
    /// Lines for people
    Text,
    /// A JSON object a line
    Json,
}

/// A bound: a whole number from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Count(NonZeroU32);

impl Count {
    pub(super) fn get(self) -> NonZeroU32 {
        self.0
    }

    pub(super) fn to_usize(self) -> usize {
        usize::try_from(self.0.get()).unwrap_or(usize::MAX)
    }
}

impl TryFrom<i64> for Count {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        u32::try_from(number)
            .ok()
            .and_then(NonZeroU32::new)
            .map(Self)
            .ok_or_else(|| format!("must be a whole number from 1 to {}", u32::MAX))
    }
}

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::try_from(text.parse::<i64>().unwrap_or_default())
    }
}

/// A size in memory: a number of bytes, or one with `KiB`, `MiB` or `GiB` behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "SizeKey")]
pub(super) struct Bytes(u64);

/// How a TOML file may say a size.
#[derive(Deserialize)]
#[serde(untagged)]
enum SizeKey {
    Number(i64),
    Text(String),
}

impl Bytes {
    pub(super) fn to_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            _ => 0,
        };
        number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(unit))
            .filter(|_| unit > 0)
            .map(Self)
            .ok_or_else(|| "must be a size such as `256MiB`, or a number of bytes".to_owned())
    }
}

impl TryFrom<SizeKey> for Bytes {
    type Error = String;

    fn try_from(key: SizeKey) -> Result<Self, String> {
        match key {
            SizeKey::Number(number) => number.to_string().parse(),
            SizeKey::Text(text) => text.parse(),
        }
    }
}

/// The address that clients know, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct PublicUrl(String);

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let host = rest
            .and_then(|rest| rest.split('/').next())
            .unwrap_or_default();
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"?#\"'<>`\\".contains(&byte));
        if host.is_empty() || !plain {
            return Err("must be an address such as `https://guildhall.example.com`".to_owned());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<PublicUrl> for String {
    fn from(url: PublicUrl) -> Self {
        url.0
    }
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct LogFilter(pub(super) String);

impl Default for LogFilter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

impl FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let levels = LEVELS.map(|level| format!("`{level}`")).join(", ");
            format!("must be one of {levels}, or a filter such as `info,guildhall_http=debug`")
        };
        // The library takes a misspelt level for the name of a module, and would log nothing at all.
        let meant = |part: &str| LEVELS.contains(&part) || part.contains('=');
        if !text.split(',').all(meant) || text.parse::<Targets>().is_err() {
            return Err(wrong());
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for LogFilter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_has_a_scheme_a_host_and_no_slash_at_its_end() {
        for (text, url) in [
            (
                "https://guildhall.example.com",
                "https://guildhall.example.com",
            ),
            ("http://10.0.0.1:8480/", "http://10.0.0.1:8480"),
            (
                "https://example.com/tenants//",
                "https://example.com/tenants",
            ),
        ] {
            assert_eq!(
                text.parse::<PublicUrl>().map(String::from),
                Ok(url.to_owned())
            );
        }
        for text in [
            "",
            "example.com",
            "ftp://x",
            "https://",
            "https:///a",
            "http://a b",
            "http://a?b",
            "http://a#b",
        ] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_bound_is_at_least_one() {
        assert_eq!(
            "600".parse::<Count>().map(|count| count.get().get()),
            Ok(600)
        );
        for text in ["0", "-1", "many", "", "4294967296"] {
            assert!(text.parse::<Count>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_size_has_a_unit_or_is_in_bytes() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("64KiB", 65_536),
            ("256MiB", 268_435_456),
            ("1 gib", 1_073_741_824),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text:?}");
        }
        for text in ["", "MiB", "-1", "1.5GiB", "256MB", "256M", "99999999999GiB"] {
            assert!(text.parse::<Bytes>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_misspelt_level_is_no_filter() {
        for text in [
            "off",
            "debug",
            "warn,guildhall_http=debug",
            "guildhall_db=trace",
        ] {
            assert!(text.parse::<LogFilter>().is_ok(), "{text:?}");
        }
        for text in ["", "dbug", "info,", "info,guildhall_http", "a=b=c"] {
            assert!(
                text.parse::<LogFilter>().unwrap_err().contains("`debug`"),
                "{text:?}"
            );
        }
    }
}
