//! Revisions: the counter that orders everything inside one organization.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// A point in the history of one stream: an organization, or the deployment for what belongs to no
/// organization.
///
/// Written `<stream id>@<number>`, as in the header `guildhall-revision`; in double quotes it is the `ETag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Revision {
    /// The id of the organization or deployment whose history this is.
    pub stream: i64,
    /// The number of the change, from 1, without gaps.
    pub number: i64,
}

/// Text that is not a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidRevision;

impl fmt::Display for InvalidRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must have the form `<stream id>@<revision>`")
    }
}

impl std::error::Error for InvalidRevision {}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.stream, self.number)
    }
}

impl FromStr for Revision {
    type Err = InvalidRevision;

    fn from_str(text: &str) -> Result<Self, InvalidRevision> {
        let (stream, number) = text.split_once('@').ok_or(InvalidRevision)?;
        let digits = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_digit())
                .then_some(text)?
                .parse::<i64>()
                .ok()
        };
        match (digits(stream), digits(number)) {
            (Some(stream), Some(number)) => Ok(Self { stream, number }),
            _ => Err(InvalidRevision),
        }
    }
}

impl Serialize for Revision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Revision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(RevisionVisitor)
    }
}

struct RevisionVisitor;

impl Visitor<'_> for RevisionVisitor {
    type Value = Revision;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a revision: `<stream id>@<revision>`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Revision, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Revision {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("A point in the history of one organization, or of the deployment: `<stream id>@<revision>`"))
            .pattern(Some(r"^[0-9]{1,18}@[0-9]{1,18}$"))
            .examples(["59392107315200001@7"])
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Revision {}

/// What the caller of a change demands of the revision that it changes (`If-Match`, RFC 9110, section 13.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum IfMatch {
    /// No demand.
    #[default]
    Any,
    /// One of these must be the current revision; an empty list matches nothing.
    OneOf(Vec<Revision>),
}

impl IfMatch {
    /// Whether a change of `current` may go on.
    pub fn allows(&self, current: Revision) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(revisions) => revisions.contains(&current),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_read_as_it_is_written() {
        let revision = Revision {
            stream: 42,
            number: 7,
        };
        assert_eq!(revision.to_string(), "42@7");
        assert_eq!("42@7".parse(), Ok(revision));
        for text in [
            "", "@", "42", "42@", "@7", "42@-7", "42@+7", "42@7@8", "x@7",
        ] {
            assert_eq!(text.parse::<Revision>(), Err(InvalidRevision), "{text:?}");
        }
    }
}
