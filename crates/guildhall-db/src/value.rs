//! What goes into a statement and what comes out of a row.

use guildhall_types::{JsonObject, Timestamp};

use crate::error::DbError;
use crate::tx::Row;

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

/// What can be bound to a placeholder.
pub trait Param: Sync {
    /// The value to bind.
    fn value(&self) -> Value<'_>;
}

/// What can be read from a column.
pub trait Column: Sized {
    /// The value of this column; [`DbError::Corrupt`] when it holds something else.
    fn read(row: &Row<'_>, index: usize) -> Result<Self, DbError>;
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
    fn read(row: &Row<'_>, index: usize) -> Result<Self, DbError> {
        row.int(index)
    }
}

impl Column for u64 {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, DbError> {
        Self::try_from(row.int(index)?).map_err(|_| row.corrupt(index, "a negative count"))
    }
}

impl Column for bool {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, DbError> {
        row.bool(index)
    }
}

impl Column for String {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, DbError> {
        row.text(index).map(str::to_owned)
    }
}

impl Column for Vec<u8> {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, DbError> {
        row.bytes(index).map(<[u8]>::to_vec)
    }
}

impl<const N: usize> Column for [u8; N] {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, DbError> {
        let bytes = row.bytes(index)?;
        bytes
            .try_into()
            .map_err(|_| row.corrupt(index, "another number of bytes"))
    }
}

impl Column for Timestamp {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, DbError> {
        row.int(index).map(Self::from_micros)
    }
}

impl Column for JsonObject {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, DbError> {
        row.text(index).map(|text| Self::trusted(text.to_owned()))
    }
}

impl<T: Column> Column for Option<T> {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, DbError> {
        if row.is_null(index)? {
            Ok(None)
        } else {
            T::read(row, index).map(Some)
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
            fn read(row: &Row<'_>, index: usize) -> Result<Self, DbError> {
                Self::new(row.int(index)?).map_err(|error| row.corrupt(index, &error.to_string()))
            }
        }
    )+};
}

guildhall_types::each_id!(id_columns);
