//! JSON that a caller owns: metadata, kept as the text the server has validated.

mod shared;
mod writer;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::value::RawValue;

pub use self::shared::Shared;
pub use self::writer::to_vec;
use crate::limits::{JSON_DEPTH_MAX, METADATA_BYTES_MAX};

/// A JSON object as text: validated once at the door, then stored and sent without being parsed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonObject(Cow<'static, str>);

/// Most metadata is this, and holds no memory.
const EMPTY: &str = "{}";

/// A text that is JSON already, written as it is.
struct RawText<'a>(&'a str);

/// What a [`RawValue`] calls itself before a serializer. A `RawValue` cannot be made without parsing its text again, so
/// that a text that is known to be JSON is written under its name instead.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

impl Serialize for RawText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut raw = serializer.serialize_struct(RAW_VALUE, 1)?;
        raw.serialize_field(RAW_VALUE, self.0)?;
        raw.end()
    }
}

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
        Self(Cow::Borrowed(EMPTY))
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

    /// The object whose text this server has checked before.
    pub fn trusted(text: impl Into<String> + AsRef<str>) -> Self {
        if text.as_ref() == EMPTY {
            Self::empty()
        } else {
            Self(Cow::Owned(text.into()))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
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

impl Serialize for JsonObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawText(self.as_str()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get()).map_err(de::Error::custom)
    }
}

/// A value that must be written as a JSON object.
///
/// A struct can also be read from an array, field by field; nobody means that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_map(ObjectVisitor(PhantomData))
            .map(Self)
    }
}

impl<T: Serialize> Serialize for Object<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<T, M::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// A text that borrows from what it is read from where it can; a `Cow` inside an `Option` or a list always copies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor).map(Self)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
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
    fn it_is_written_as_its_own_text() {
        let written = |object| serde_json::to_string(&(object,)).unwrap();
        assert_eq!(
            written(JsonObject::parse("{\"a\": [1]}").unwrap()),
            "[{\"a\":[1]}]"
        );
        assert_eq!(written(JsonObject::empty()), "[{}]");
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
