//! The embedded engine.
//!
//! One writer thread owns the write connection (see [`writer`]); reads run on connections of their own
//! (see [`readers`]). The journal is a write-ahead log with `synchronous=FULL`: a commit is on the disk when
//! it is acknowledged.

pub(crate) mod backup;
mod beside;
mod checkpoint;
mod connection;
pub(crate) mod engine;
mod error;
pub(crate) mod lock;
mod lookout;
mod readers;
mod room;
mod rounds;
pub(crate) mod whole;
mod writer;

pub(crate) use connection::{Journal, open};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};

use crate::error::DbError;
use crate::statement::Stmt;
use crate::tx::Row;
use crate::value::{Param, Value};

/// A transaction that is open on a SQLite connection.
#[derive(Debug)]
pub struct SqliteTx<'c> {
    pub(crate) connection: &'c Connection,
}

/// A row of a SQLite result.
pub(crate) type SqliteRow<'r> = &'r rusqlite::Row<'r>;

/// The value of a column; or why it is none of the portable subset.
#[inline]
pub(crate) fn value(row: SqliteRow<'_>, index: usize) -> Result<Value<'_>, &'static str> {
    match row.get_ref(index).map_err(|_| "no such column")? {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Int(number)),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes)
            .map(Value::Text)
            .map_err(|_| "not UTF-8"),
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes)),
        ValueRef::Real(_) => Err("not a whole number"),
    }
}

struct Bound<'a>(Value<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Int(value) => ValueRef::Integer(value),
            Value::Bool(value) => ValueRef::Integer(i64::from(value)),
            Value::Text(value) => ValueRef::Text(value.as_bytes()),
            Value::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

impl SqliteTx<'_> {
    fn prepare(
        &self,
        statement: &'static Stmt,
        params: &[&dyn Param],
    ) -> Result<rusqlite::CachedStatement<'_>, DbError> {
        let mut prepared = self.connection.prepare_cached(statement.sqlite())?;
        if prepared.parameter_count() != params.len() {
            return Err(rusqlite::Error::InvalidParameterCount(
                params.len(),
                prepared.parameter_count(),
            )
            .into());
        }
        for (position, param) in (1..).zip(params) {
            prepared.raw_bind_parameter(position, Bound(param.value()))?;
        }
        Ok(prepared)
    }

    pub(crate) fn one<T, E: From<DbError>>(
        &self,
        statement: &'static Stmt,
        params: &[&dyn Param],
        map: impl FnOnce(&Row<'_>) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let mut prepared = self.prepare(statement, params)?;
        let mut rows = prepared.raw_query();
        match rows.next().map_err(DbError::from)? {
            Some(inner) => map(&Row::sqlite(inner, statement)).map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn each<E: From<DbError>>(
        &self,
        statement: &'static Stmt,
        params: &[&dyn Param],
        mut visit: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut prepared = self.prepare(statement, params)?;
        let mut rows = prepared.raw_query();
        while let Some(inner) = rows.next().map_err(DbError::from)? {
            visit(&Row::sqlite(inner, statement))?;
        }
        Ok(())
    }

    pub(crate) fn exec(
        &self,
        statement: &'static Stmt,
        params: &[&dyn Param],
    ) -> Result<u64, DbError> {
        let touched = self.prepare(statement, params)?.raw_execute()?;
        Ok(touched as u64)
    }

    pub(crate) fn insert_many<P: Param>(
        &self,
        statement: &'static Stmt,
        rows: &[Vec<P>],
    ) -> Result<(), DbError> {
        for row in rows {
            let params: Vec<&dyn Param> = row.iter().map(|param| param as &dyn Param).collect();
            self.exec(statement, &params)?;
        }
        Ok(())
    }

    pub(crate) fn check(&self, statement: &'static Stmt) -> Result<(), DbError> {
        self.connection.prepare(statement.sqlite())?;
        Ok(())
    }

    pub(crate) fn others_version(&self) -> Result<i64, DbError> {
        let mut version = self.connection.prepare_cached("PRAGMA data_version")?;
        Ok(version.query_row((), |row| row.get(0))?)
    }

    pub(crate) fn integrity(&self) -> Result<Vec<String>, DbError> {
        let mut findings = Vec::new();
        let mut check = self.connection.prepare("PRAGMA integrity_check(100)")?;
        for finding in check.query_map((), |row| row.get::<_, String>(0))? {
            let finding = finding?;
            if finding != "ok" {
                findings.push(finding);
            }
        }
        let mut check = self.connection.prepare("PRAGMA foreign_key_check")?;
        for finding in check.query_map((), |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(2)?))
        })? {
            let (table, parent) = finding?;
            findings.push(format!(
                "a row of `{table}` refers to a missing row of `{parent}`"
            ));
        }
        Ok(findings)
    }
}
