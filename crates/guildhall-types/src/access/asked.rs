//! What a check asks for: one permission, or a list of them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::json::Text;
use crate::limits::CHECK_PERMISSIONS_MAX;

/// The permissions that a check asks for, as they were sent: one text, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked<'a> {
    /// One permission.
    One(Cow<'a, str>),
    /// A list, which its reader keeps within [`CHECK_PERMISSIONS_MAX`].
    Many(Vec<Cow<'a, str>>),
}

impl Serialize for Asked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(permission) => serializer.serialize_str(permission),
            Self::Many(permissions) => serializer.collect_seq(permissions),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Asked<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AskedVisitor)
    }
}

struct AskedVisitor;

impl<'de> Visitor<'de> for AskedVisitor {
    type Value = Asked<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a permission, or a list of 1 to {CHECK_PERMISSIONS_MAX} permissions"
        )
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Asked<'de>, E> {
        Ok(Asked::One(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Asked<'de>, E> {
        Ok(Asked::One(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Asked<'de>, S::Error> {
        let mut permissions = Vec::new();
        while let Some(Text(permission)) = list.next_element()? {
            // Bounded while it is read: a longer list is not built before it is refused.
            if permissions.len() == CHECK_PERMISSIONS_MAX {
                return Err(de::Error::invalid_length(permissions.len() + 1, &self));
            }
            permissions.push(permission);
        }
        if permissions.is_empty() {
            return Err(de::Error::invalid_length(0, &self));
        }
        Ok(Asked::Many(permissions))
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Asked<'_> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
        let one = || {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1))
                .max_length(Some(crate::limits::PERMISSION_CHARS_MAX))
        };
        let many = ArrayBuilder::new()
            .items(one())
            .min_items(Some(1))
            .max_items(Some(CHECK_PERMISSIONS_MAX));
        OneOfBuilder::new()
            .item(one())
            .item(many)
            .examples([
                serde_json::json!("invoices:pay"),
                serde_json::json!(["invoices:read", "invoices:pay"]),
            ])
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Asked<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_borrowed_where_they_need_no_unescaping() {
        let one: Asked<'_> = serde_json::from_str(r#""a:b""#).unwrap();
        assert!(matches!(one, Asked::One(Cow::Borrowed("a:b"))));
        let many: Asked<'_> = serde_json::from_str(r#"["a:b", "c\u0064"]"#).unwrap();
        let Asked::Many(many) = many else {
            panic!("one")
        };
        assert!(matches!(many[0], Cow::Borrowed("a:b")));
        assert!(matches!(&many[1], Cow::Owned(text) if text == "cd"));
    }

    #[test]
    fn a_list_is_bounded() {
        let list = |length: usize| format!("[{}]", vec!["\"a\""; length].join(","));
        let read = |text: &str| serde_json::from_str::<Asked<'_>>(text).is_ok();
        assert!(read(&list(1)) && read(&list(CHECK_PERMISSIONS_MAX)));
        assert!(!read(&list(0)) && !read(&list(CHECK_PERMISSIONS_MAX + 1)));
        for other in ["1", "null", "{}", "[1]", "[[\"a\"]]"] {
            assert!(!read(other), "{other}");
        }
    }
}
