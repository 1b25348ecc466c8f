//! One transaction, of whichever engine.

use crate::error::DbError;
use crate::postgres::{self, PostgresRow, PostgresTx};
use crate::sqlite::{self, SqliteRow, SqliteTx};
use crate::statement::Stmt;
use crate::value::{Column, Param, Value};

/// The transaction that a command runs in.
///
/// An enum, not a trait: the engines are few and known, a `match` is exhaustive, and there is nothing to mock.
#[derive(Debug)]
pub enum Tx<'c> {
    /// A transaction or savepoint on a SQLite connection.
    Sqlite(SqliteTx<'c>),
    /// A transaction on a PostgreSQL connection.
    Postgres(PostgresTx<'c>),
}

/// One row of a result, valid while it is visited.
#[derive(Debug)]
pub struct Row<'r> {
    inner: Inner<'r>,
    statement: &'static Stmt,
}

#[derive(Debug)]
enum Inner<'r> {
    Sqlite(SqliteRow<'r>),
    Postgres(PostgresRow<'r>),
}

impl Tx<'_> {
    /// The first row, or `None`; for statements that find at most one.
    pub fn one<T, E: From<DbError>>(
        &self,
        statement: &'static Stmt,
        params: &[&dyn Param],
        map: impl FnOnce(&Row<'_>) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        match self {
            Self::Sqlite(tx) => tx.one(statement, params, map),
            Self::Postgres(tx) => tx.one(statement, params, map),
        }
    }

    /// Visits every row in order.
    pub fn each<E: From<DbError>>(
        &self,
        statement: &'static Stmt,
        params: &[&dyn Param],
        visit: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Sqlite(tx) => tx.each(statement, params, visit),
            Self::Postgres(tx) => tx.each(statement, params, visit),
        }
    }

    /// All rows, in order; for statements whose result is bounded.
    pub fn rows<T, E: From<DbError>>(
        &self,
        statement: &'static Stmt,
        params: &[&dyn Param],
        mut map: impl FnMut(&Row<'_>) -> Result<T, E>,
    ) -> Result<Vec<T>, E> {
        let mut rows = Vec::new();
        self.each(statement, params, |row| {
            rows.push(map(row)?);
            Ok::<_, E>(())
        })?;
        Ok(rows)
    }

    /// Runs a statement and tells how many rows it touched.
    pub fn exec(&self, statement: &'static Stmt, params: &[&dyn Param]) -> Result<u64, DbError> {
        match self {
            Self::Sqlite(tx) => tx.exec(statement, params),
            Self::Postgres(tx) => tx.exec(statement, params),
        }
    }

    /// Inserts many rows at once. The statement is the `INSERT` of one of them, with a `?` for each column.
    pub fn insert_many<P: Param>(
        &self,
        statement: &'static Stmt,
        rows: &[Vec<P>],
    ) -> Result<(), DbError> {
        match self {
            Self::Sqlite(tx) => tx.insert_many(statement, rows),
            Self::Postgres(tx) => tx.insert_many(statement, rows),
        }
    }

    /// Runs a statement that must touch exactly `expected` rows; anything else is an error, and the command
    /// that meets it is taken back.
    pub fn exec_exactly(
        &self,
        expected: u64,
        statement: &'static Stmt,
        params: &[&dyn Param],
    ) -> Result<(), DbError> {
        let actual = self.exec(statement, params)?;
        if actual == expected {
            return Ok(());
        }
        if matches!(self, Self::Postgres(_)) {
            // On SQLite nobody else can have been at it; here somebody was.
            return Err(self.overtaken());
        }
        Err(DbError::RowsAffected {
            statement: statement.name(),
            expected,
            actual,
        })
    }

    /// The error of a command that finds that somebody else was faster: it is run again, and finds what there is then.
    pub fn overtaken(&self) -> DbError {
        if let Self::Postgres(tx) = self {
            tx.note(&DbError::Conflict);
        }
        DbError::Conflict
    }

    /// Prepares a statement without running it: how the tests see that the engine reads it.
    pub fn check(&self, statement: &'static Stmt) -> Result<(), DbError> {
        match self {
            Self::Sqlite(tx) => tx.check(statement),
            Self::Postgres(tx) => tx.check(statement),
        }
    }

    /// A number that is another one when somebody else wrote to the database since it was last asked for on this
    /// connection: another process, or another connection of this one. The connection's own commits leave it alone.
    pub fn others_version(&self) -> Result<i64, DbError> {
        match self {
            Self::Sqlite(tx) => tx.others_version(),
            // Whoever shares a server tells of commits by the ledger.
            Self::Postgres(_) => Ok(0),
        }
    }

    /// What the engine itself finds wrong with its file, for `guildhall verify`; empty when all is well.
    pub fn integrity(&self) -> Result<Vec<String>, DbError> {
        match self {
            Self::Sqlite(tx) => tx.integrity(),
            // The file is the server's, and so is looking after it.
            Self::Postgres(_) => Ok(Vec::new()),
        }
    }
}

impl<'r> Row<'r> {
    pub(crate) fn sqlite(row: SqliteRow<'r>, statement: &'static Stmt) -> Self {
        Self {
            inner: Inner::Sqlite(row),
            statement,
        }
    }

    pub(crate) fn postgres(row: PostgresRow<'r>, statement: &'static Stmt) -> Self {
        Self {
            inner: Inner::Postgres(row),
            statement,
        }
    }
}

impl Row<'_> {
    /// The column at `index`, counted from 0 in the order of the `SELECT`; [`DbError::Corrupt`] when it holds something
    /// else.
    pub fn get<T: Column>(&self, index: usize) -> Result<T, DbError> {
        self.read(index, T::from_value)
    }

    /// The text at `index`, borrowed from the row.
    pub fn text(&self, index: usize) -> Result<&str, DbError> {
        self.read(index, Value::text)
    }

    /// The bytes at `index`, borrowed from the row.
    pub fn bytes(&self, index: usize) -> Result<&[u8], DbError> {
        self.read(index, Value::bytes)
    }

    fn read<'a, T>(
        &'a self,
        index: usize,
        read: impl FnOnce(Value<'a>) -> Result<T, &'static str>,
    ) -> Result<T, DbError> {
        let value = match self.inner {
            Inner::Sqlite(row) => sqlite::value(row, index),
            Inner::Postgres(row) => postgres::value(row, index),
        };
        value
            .and_then(read)
            .map_err(|reason| self.corrupt(index, reason))
    }

    /// The error of a column that holds what this server never writes.
    #[cold]
    pub fn corrupt(&self, index: usize, reason: &str) -> DbError {
        DbError::Corrupt {
            statement: self.statement.name(),
            index,
            reason: reason.to_owned(),
        }
    }
}
