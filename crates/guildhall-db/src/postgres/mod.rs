//! PostgreSQL, and what speaks its protocol.
//!
//! A command runs on a thread that may block, on a connection of its own (see [`session`]), in a transaction of its own
//! (see [`engine`]); commands that touch the same rows wait for each other in the database. Reads see one moment:
//! `REPEATABLE READ`. Changes are right under `READ COMMITTED` and above, because each begins by locking the row of its
//! stream, and ends in guarded writes.

mod bound;
pub(crate) mod engine;
mod error;
pub(crate) mod hints;
mod migrate;
mod options;
mod session;
mod tls;
pub(crate) mod whole;

use std::cell::Cell;

pub use options::{CONNECTIONS, PostgresOptions, STATEMENT_TIMEOUT};
use session::Session;

use crate::error::DbError;
use crate::statement::Stmt;
use crate::tx::Row;
use crate::value::{Param, Value};
use bound::Found;

/// What a transaction is for, as its first words say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Changes, at the isolation level that the database is set to.
    Change,
    /// Reading, at one moment.
    Read,
}

/// A transaction on a PostgreSQL connection. It is opened with the first statement, on the same way.
#[derive(Debug)]
pub struct PostgresTx<'c> {
    session: &'c Session,
    purpose: Purpose,
    open: Cell<bool>,
    /// While rows come, nothing else may be asked: they would have to be kept, however many there are.
    streaming: Cell<bool>,
    /// What the engine first said no to: after that the transaction does nothing any more.
    failure: Cell<Option<Failure>>,
}

/// Why a transaction cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Somebody else was in the way: the same again may succeed.
    Conflict,
    /// The connection is gone, or the server is.
    Lost,
    /// Anything else.
    Refused,
}

/// A row of a PostgreSQL result.
pub(crate) type PostgresRow<'r> = &'r tokio_postgres::Row;

/// The value of a column; or why it is none of the portable subset.
pub(crate) fn value(row: PostgresRow<'_>, index: usize) -> Result<Value<'_>, &'static str> {
    row.try_get::<_, Found<'_>>(index)
        .map(|found| found.0)
        .map_err(|_| "no such column, or none of the portable subset")
}

impl<'c> PostgresTx<'c> {
    fn new(session: &'c Session, purpose: Purpose) -> Self {
        Self {
            session,
            purpose,
            open: Cell::new(false),
            streaming: Cell::new(false),
            failure: Cell::new(None),
        }
    }

    /// A transaction for changes that was opened already.
    fn begun(session: &'c Session) -> Self {
        let tx = Self::new(session, Purpose::Change);
        tx.open.set(true);
        tx
    }

    /// Runs a step of the transaction, which it opens if it is the first.
    fn step<T>(&self, run: impl FnOnce(Option<&str>) -> Result<T, DbError>) -> Result<T, DbError> {
        if self.streaming.get() {
            return Err(DbError::Engine(
                "a statement while the rows of another are visited".into(),
            ));
        }
        let manner = &self.session.manner;
        let opening = match self.purpose {
            Purpose::Change => manner.change.as_str(),
            Purpose::Read => manner.read.as_str(),
        };
        let opening = (!self.open.replace(true)).then_some(opening);
        run(opening).inspect_err(|error| self.note(error))
    }

    /// Notes why the transaction cannot go on.
    pub(crate) fn note(&self, error: &DbError) {
        let failure = match error {
            DbError::Conflict => Failure::Conflict,
            DbError::Unavailable(_) | DbError::Closed => Failure::Lost,
            _ => Failure::Refused,
        };
        self.failure.set(self.failure.get().or(Some(failure)));
    }

    /// What the engine said no to, if it did.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure.get()
    }

    /// Commits or rolls back, if there was any statement.
    pub(crate) fn end(self, text: &'static str) -> Result<(), DbError> {
        if self.open.get() {
            self.session.batch(text)
        } else {
            Ok(())
        }
    }

    pub(crate) fn one<T, E: From<DbError>>(
        &self,
        statement: &'static Stmt,
        params: &[&dyn Param],
        map: impl FnOnce(&Row<'_>) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let rows = self.step(|opening| self.session.query(opening, statement, params))?;
        rows.first()
            .map(|row| map(&Row::postgres(row, statement)))
            .transpose()
    }

    pub(crate) fn each<E: From<DbError>>(
        &self,
        statement: &'static Stmt,
        params: &[&dyn Param],
        mut visit: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rows = self.step(|opening| self.session.stream(opening, statement, params))?;
        self.streaming.set(true);
        let mut visit_all = || {
            loop {
                let chunk = rows.next().inspect_err(|error| self.note(error))?;
                if chunk.is_empty() {
                    return Ok(());
                }
                for row in &chunk {
                    visit(&Row::postgres(row, statement))?;
                }
            }
        };
        let visited = visit_all();
        self.streaming.set(false);
        visited
    }

    pub(crate) fn insert_many<P: Param>(
        &self,
        statement: &'static Stmt,
        rows: &[Vec<P>],
    ) -> Result<(), DbError> {
        self.step(|opening| {
            if let Some(opening) = opening {
                self.session.batch(opening)?;
            }
            self.session.copy_in(statement, rows)
        })
    }

    pub(crate) fn exec(
        &self,
        statement: &'static Stmt,
        params: &[&dyn Param],
    ) -> Result<u64, DbError> {
        let deletes = statement.postgres().starts_with("DELETE");
        self.step(|opening| {
            let done = self.session.execute(opening, statement, params);
            match done {
                // What refers to it was written since this transaction looked.
                Err(DbError::ForeignKey) if deletes => Err(DbError::Conflict),
                done => done,
            }
        })
    }

    pub(crate) fn check(&self, statement: &'static Stmt) -> Result<(), DbError> {
        self.session.check(statement)
    }
}
