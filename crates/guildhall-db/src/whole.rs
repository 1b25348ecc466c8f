//! What the operator's tools do to a database as a whole, without opening it as a server does: nothing is written that was
//! not asked for.

use crate::database::Source;
use crate::error::DbError;
use crate::migrations::Migration;
use crate::tx::Tx;
use crate::{postgres, sqlite};

/// The steps of the schema that a database lacks, which may be missing as a whole; refused when it is too new. Changes
/// nothing.
pub fn missing_steps<'s>(
    source: &Source,
    steps: &'s [Migration],
) -> Result<&'s [Migration], DbError> {
    match source {
        Source::Sqlite(path) => sqlite::whole::missing_steps(path, steps),
        Source::Postgres(options) => postgres::whole::missing_steps(options, steps),
    }
}

/// Brings the schema of a database up to date, which is made if it is missing, and tells the steps that were run: none of
/// those that another process ran at the same time.
pub fn run_steps<'s>(
    source: &Source,
    steps: &'s [Migration],
) -> Result<Vec<&'s Migration>, DbError> {
    match source {
        Source::Sqlite(path) => sqlite::whole::run_steps(path, steps),
        Source::Postgres(options) => postgres::whole::run_steps(options, steps),
    }
}

/// Reads a database as of one moment. It must have these steps, no more and no less: who reads everything has to know
/// everything.
pub fn read_whole<T, E>(
    source: &Source,
    steps: &[Migration],
    query: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send,
) -> Result<T, E>
where
    T: Send,
    E: From<DbError> + Send,
{
    match source {
        Source::Sqlite(path) => sqlite::whole::read(path, steps, query),
        Source::Postgres(options) => postgres::whole::read(options, steps, query),
    }
}

/// Fills a database that nobody uses yet, in one transaction: after an error, or if the process ends, it holds nothing.
/// `tables` are those that are filled; in PostgreSQL nobody else gets at them meanwhile, and a server that starts waits.
///
/// A file is filled without a journal: after an error it is good for nothing but to be removed.
pub fn fill<T, E>(
    target: &Source,
    steps: &[Migration],
    tables: &[&'static str],
    work: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send,
) -> Result<T, E>
where
    T: Send,
    E: From<DbError> + Send,
{
    match target {
        Source::Sqlite(path) => sqlite::whole::fill(path, steps, work),
        Source::Postgres(options) => postgres::whole::fill(options, steps, tables, work),
    }
}
