//! What goes into a statement and what comes out of a row.

use guildhall_types::{JsonObject, Timestamp};

/// A value of the portable subset: TEXT, BIGINT, BOOLEAN, BYTEA or NULL.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// A BIGINT.
    Int(i64),
    /// A BOOLEAN.
    Bool(bool),
    /// A TEXT.
    Text(&'a str),
    /// A BYTEA.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(crate) fn text(self) -> Result<&'a str, &'static str> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err("not a text"),
        }
    }

    pub(crate) fn bytes(self) -> Result<&'a [u8], &'static str> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err("not bytes"),
        }
    }
}

/// What can be bound to a placeholder.
pub trait Param: Sync {
    /// The value to bind.
    fn value(&self) -> Value<'_>;
}

/// What can be read from a column.
pub trait Column: Sized {
    /// This value of a column as the type that it is meant to be; or what is wrong with it.
    fn from_value(value: Value<'_>) -> Result<Self, &'static str>;
}

impl Param for i64 {
    fn value(&self) -> Value<'_> {
        Value::Int(*self)
    }
}

impl Param for u32 {
    fn value(&self) -> Value<'_> {
        Value::Int(i64::from(*self))
    }
}

impl Param for bool {
    fn value(&self) -> Value<'_> {
        Value::Bool(*self)
    }
}

impl Param for str {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Param for String {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Param for [u8] {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl Param for Vec<u8> {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<const N: usize> Param for [u8; N] {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl Param for Timestamp {
    fn value(&self) -> Value<'_> {
        Value::Int(self.as_micros())
    }
}

impl Param for JsonObject {
    fn value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}

impl<T: Param + ?Sized> Param for &T {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

impl<T: Param> Param for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, Param::value)
    }
}

impl Column for i64 {
    fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
        match value {
            Value::Int(number) => Ok(number),
            _ => Err("not an integer"),
        }
    }
}

impl Column for u64 {
    fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
        Self::try_from(i64::from_value(value)?).map_err(|_| "a negative count")
    }
}

impl Column for bool {
    fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
        match value {
            Value::Bool(value) => Ok(value),
            // SQLite has no booleans of its own.
            Value::Int(0) => Ok(false),
            Value::Int(1) => Ok(true),
            _ => Err("not a boolean"),
        }
    }
}

impl Column for String {
    fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
        value.text().map(str::to_owned)
    }
}

impl Column for Vec<u8> {
    fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
        value.bytes().map(<[u8]>::to_vec)
    }
}

impl<const N: usize> Column for [u8; N] {
    fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
        let bytes = value.bytes()?;
        bytes.try_into().map_err(|_| "another number of bytes")
    }
}

impl Column for Timestamp {
    fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
        i64::from_value(value).map(Self::from_micros)
    }
}

impl Column for JsonObject {
    fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
        let text = value.text()?;
        // Whether it is one was seen when it was written; this is for what was written by something else.
        if text.starts_with('{') && text.ends_with('}') {
            Ok(Self::trusted(text))
        } else {
            Err("not a JSON object")
        }
    }
}

impl<T: Column> Column for Option<T> {
    fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

macro_rules! id_columns {
    ($($id:ty),+) => {$(
        impl Param for $id {
            fn value(&self) -> Value<'_> {
                Value::Int(self.raw())
            }
        }

        impl Column for $id {
            fn from_value(value: Value<'_>) -> Result<Self, &'static str> {
                Self::new(i64::from_value(value)?).map_err(|_| "not an id")
            }
        }
    )+};
}

guildhall_types::each_id!(id_columns);
