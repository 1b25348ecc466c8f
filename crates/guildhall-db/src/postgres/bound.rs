//! Values on their way to PostgreSQL and back.

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::value::Value;

type Failure = Box<dyn std::error::Error + Sync + Send>;

/// A value that is bound to a placeholder. The server says which type it wants there.
#[derive(Debug)]
pub(super) struct Bound<'a>(pub(super) Value<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match (self.0, wanted) {
            (Value::Null, _) => return Ok(IsNull::Yes),
            (Value::Int(number), &Type::INT8) => out.put_i64(number),
            (Value::Int(number), &Type::INT4) => out.put_i32(number.try_into()?),
            (Value::Bool(value), &Type::BOOL) => out.put_u8(u8::from(value)),
            (Value::Text(text), &Type::TEXT | &Type::VARCHAR | &Type::UNKNOWN) => {
                out.put_slice(text.as_bytes());
            }
            (Value::Bytes(bytes), &Type::BYTEA) => out.put_slice(bytes),
            (value, wanted) => {
                return Err(format!("{wanted} is wanted where {} is bound", kind(&value)).into());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The type of a value; the server finds that of NULL by itself.
pub(super) fn kind(value: &Value<'_>) -> Type {
    match value {
        Value::Null => Type::UNKNOWN,
        Value::Int(_) => Type::INT8,
        Value::Bool(_) => Type::BOOL,
        Value::Text(_) => Type::TEXT,
        Value::Bytes(_) => Type::BYTEA,
    }
}

/// A value that a row holds.
pub(super) struct Found<'a>(pub(super) Value<'a>);

impl<'a> FromSql<'a> for Found<'a> {
    fn from_sql(found: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self(match *found {
            Type::INT8 => Value::Int(i64::from_be_bytes(raw.try_into()?)),
            Type::INT4 => Value::Int(i32::from_be_bytes(raw.try_into()?).into()),
            Type::BOOL => Value::Bool(raw != [0]),
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN => {
                Value::Text(std::str::from_utf8(raw)?)
            }
            Type::BYTEA => Value::Bytes(raw),
            _ => return Err(format!("{found} is none of the portable subset").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
