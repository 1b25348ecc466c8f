//! JSON that a caller owns: metadata, kept as the text the server has validated.

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::limits::{JSON_DEPTH_MAX, METADATA_BYTES_MAX};

/// A JSON object as text: validated once at the door, then stored and sent without being parsed again.
#[derive(Clone, Debug)]
pub struct JsonObject(Box<RawValue>);

/// Why a text is not an acceptable metadata object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidJsonObject {
    /// Not JSON at all.
    Syntax,
    /// JSON, but not an object.
    NotAnObject,
    /// Longer than [`METADATA_BYTES_MAX`].
    TooLong,
    /// Nested deeper than [`JSON_DEPTH_MAX`].
    TooDeep,
    /// Holds U+0000, which PostgreSQL cannot store.
    Nul,
}

impl std::fmt::Display for InvalidJsonObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Syntax => f.write_str("must be valid JSON"),
            Self::NotAnObject => f.write_str("must be a JSON object"),
            Self::TooLong => write!(f, "must be at most {METADATA_BYTES_MAX} bytes"),
            Self::TooDeep => write!(f, "must be nested at most {JSON_DEPTH_MAX} levels deep"),
            Self::Nul => f.write_str("must not contain the character U+0000"),
        }
    }
}

impl std::error::Error for InvalidJsonObject {}

impl JsonObject {
    /// The object `{}`.
    pub fn empty() -> Self {
        Self::trusted("{}".to_owned())
    }

    /// Checks a text from outside and keeps it in its compact form; JSON `null` becomes `{}` (wire contract,
    /// section 1.5).
    pub fn parse(text: &str) -> Result<Self, InvalidJsonObject> {
        if text.len() > METADATA_BYTES_MAX {
            return Err(InvalidJsonObject::TooLong);
        }
        if depth(text) > JSON_DEPTH_MAX {
            return Err(InvalidJsonObject::TooDeep);
        }
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|_| InvalidJsonObject::Syntax)?;
        if value.is_null() {
            return Ok(Self::empty());
        }
        if !value.is_object() {
            return Err(InvalidJsonObject::NotAnObject);
        }
        let compact = value.to_string();
        if compact.contains("\\u0000") && holds_nul(&value) {
            return Err(InvalidJsonObject::Nul);
        }
        Ok(Self::trusted(compact))
    }

    /// The object whose text this server wrote itself; a text that is not JSON becomes `{}`.
    pub fn trusted(text: String) -> Self {
        Self(RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

/// How deep the brackets of a JSON text nest, told without parsing it: a bomb is refused before it is built.
pub fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn holds_nul(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => text.contains('\0'),
        serde_json::Value::Array(items) => items.iter().any(holds_nul),
        serde_json::Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

impl Default for JsonObject {
    fn default() -> Self {
        Self::empty()
    }
}

impl PartialEq for JsonObject {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for JsonObject {}

impl Serialize for JsonObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get()).map_err(de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
mod openapi {
    use utoipa::openapi::RefOr;
    use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};

    /// The schema of every id: a string of digits.
    pub(crate) fn id_schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[1-9][0-9]{0,15}$"))
            .examples(["59392107315200001"])
            .into()
    }

    impl utoipa::PartialSchema for super::JsonObject {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(Type::Object)
                .additional_properties(Some(AdditionalProperties::FreeForm(true)))
                .into()
        }
    }

    impl utoipa::ToSchema for super::JsonObject {}
}

#[cfg(feature = "openapi")]
pub(crate) use openapi::id_schema;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_an_object_kept_compact() {
        assert_eq!(
            JsonObject::parse("{ \"a\" : 1 }").unwrap().as_str(),
            "{\"a\":1}"
        );
        assert_eq!(JsonObject::parse("null").unwrap(), JsonObject::empty());
        for text in ["[]", "7", "\"x\"", "true"] {
            assert_eq!(
                JsonObject::parse(text),
                Err(InvalidJsonObject::NotAnObject),
                "{text}"
            );
        }
        assert_eq!(JsonObject::parse("{\"a\":"), Err(InvalidJsonObject::Syntax));
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_parsed() {
        let nested = |levels: usize| {
            format!(
                "{{\"a\":{}{}}}",
                "[".repeat(levels - 1),
                "]".repeat(levels - 1)
            )
        };
        assert!(JsonObject::parse(&nested(JSON_DEPTH_MAX)).is_ok());
        assert_eq!(
            JsonObject::parse(&nested(JSON_DEPTH_MAX + 1)),
            Err(InvalidJsonObject::TooDeep)
        );
        assert!(
            JsonObject::parse("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\"}").is_ok()
        );
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(METADATA_BYTES_MAX));
        assert_eq!(JsonObject::parse(&long), Err(InvalidJsonObject::TooLong));
    }

    #[test]
    fn nul_is_refused_but_its_spelling_is_not() {
        assert_eq!(
            JsonObject::parse(r#"{"a":"\u0000"}"#),
            Err(InvalidJsonObject::Nul)
        );
        assert!(JsonObject::parse(r#"{"a":"\\u0000"}"#).is_ok());
    }
}
