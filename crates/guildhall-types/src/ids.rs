//! One newtype for each kind of id: the compiler knows a user from a role.
//!
//! An id is a 53-bit time-ordered integer, sent as a decimal string; input may be a string or a number
//! (wire contract, sections 1.1 and 1.2). Ids are not secrets.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// The largest id: what a JavaScript number holds exactly.
pub const ID_MAX: i64 = (1 << 53) - 1;

/// Text that is not an id: a positive decimal integer of at most [`ID_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be a positive decimal integer of at most {ID_MAX}")
    }
}

impl std::error::Error for InvalidId {}

fn checked(raw: i64) -> Result<i64, InvalidId> {
    if (1..=ID_MAX).contains(&raw) {
        Ok(raw)
    } else {
        Err(InvalidId)
    }
}

fn parse(text: &str) -> Result<i64, InvalidId> {
    // One spelling for each id: `+7` and `007` are not ids.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) || text.starts_with('0') {
        return Err(InvalidId);
    }
    checked(text.parse().map_err(|_| InvalidId)?)
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id: a decimal string or a positive integer")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<i64, E> {
        parse(text).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, raw: u64) -> Result<i64, E> {
        i64::try_from(raw)
            .map_err(|_| InvalidId)
            .and_then(checked)
            .map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, raw: i64) -> Result<i64, E> {
        checked(raw).map_err(E::custom)
    }
}

macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name(i64);

            impl $name {
                /// The id with this number; refused when it is not in `1..=ID_MAX`.
                pub fn new(raw: i64) -> Result<Self, InvalidId> {
                    checked(raw).map(Self)
                }

                /// The number, as the database holds it.
                pub fn raw(self) -> i64 {
                    self.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.fmt(f)
                }
            }

            impl FromStr for $name {
                type Err = InvalidId;

                fn from_str(text: &str) -> Result<Self, InvalidId> {
                    parse(text).map(Self)
                }
            }

            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str(itoa::Buffer::new().format(self.0))
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    deserializer.deserialize_any(IdVisitor).map(Self)
                }
            }

            #[cfg(feature = "openapi")]
            impl utoipa::PartialSchema for $name {
                fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                    crate::json::id_schema()
                }
            }

            #[cfg(feature = "openapi")]
            impl utoipa::ToSchema for $name {}
        )+

        /// Calls `$then! { Id, … }` with every id type: how the database room gives each its column form
        /// without a second list.
        #[macro_export]
        macro_rules! each_id {
            ($then:ident) => {
                $then! { $($crate::ids::$name),+ }
            };
        }
    };
}

ids! {
    /// A tenant of the whole server: one application's organizations, users and keys.
    DeploymentId;
    /// An image that Guildhall stores and serves.
    ImageId;
    /// A key that a backend calls the API with.
    KeyId;
    /// The membership of one user in one organization.
    MemberId;
    /// An organization of a deployment.
    OrganizationId;
    /// A role, of one organization or of the deployment.
    RoleId;
    /// An e-mail address of a user.
    UserEmailId;
    /// A user of a deployment.
    UserId;
    /// A phone number of a user.
    UserPhoneId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_a_string_and_read_from_both() {
        let id: UserId = serde_json::from_str("\"9007199254740991\"").unwrap();
        assert_eq!(
            serde_json::from_str::<UserId>("9007199254740991").unwrap(),
            id
        );
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"9007199254740991\"");
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in [
            "",
            "0",
            "-1",
            "+7",
            "007",
            " 7",
            "7x",
            "9007199254740992",
            "99999999999999999999",
        ] {
            assert_eq!(text.parse::<RoleId>(), Err(InvalidId), "{text:?}");
        }
        for json in ["0", "-1", "1.5", "9007199254740992", "null", "[]", "true"] {
            assert!(serde_json::from_str::<RoleId>(json).is_err(), "{json}");
        }
    }
}
