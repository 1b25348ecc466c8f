//! A file as a whole, on one connection.

use std::fs::File;
use std::path::Path;

use super::readers::snapshot;
use super::{Journal, SqliteTx, open};
use crate::error::DbError;
use crate::migrations::{Found, Migration, found, known, lacking, migrate};
use crate::tx::Tx;

/// Pages kept in memory while a file is filled: the indexes of large tables grow everywhere at once.
const FILL_CACHE_KIB: i64 = 256 * 1024;

pub(crate) fn missing_steps<'s>(
    path: &Path,
    steps: &'s [Migration],
) -> Result<&'s [Migration], DbError> {
    if !path.exists() {
        return lacking(steps, Found::default());
    }
    lacking(steps, found(&open(path, Journal::Read)?, steps)?)
}

pub(crate) fn run_steps<'s>(
    path: &Path,
    steps: &'s [Migration],
) -> Result<Vec<&'s Migration>, DbError> {
    let run = migrate(&mut open(path, Journal::Write)?, steps)?;
    Ok(run.iter().collect())
}

pub(crate) fn read<T, E: From<DbError>>(
    path: &Path,
    steps: &[Migration],
    query: impl FnOnce(&Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let connection = open(path, Journal::Read)?;
    found(&connection, steps)?.must_be(known(steps))?;
    snapshot(&connection, query)
}

pub(crate) fn fill<T, E: From<DbError>>(
    path: &Path,
    steps: &[Migration],
    work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let mut connection = open(path, Journal::Write)?;
    migrate(&mut connection, steps)?;
    let pragma = |name: &str, value: &str| connection.pragma_update(None, name, value);
    // What was half written is never read.
    pragma("journal_mode", "OFF").map_err(DbError::from)?;
    pragma("synchronous", "OFF").map_err(DbError::from)?;
    connection
        .pragma_update(None, "cache_size", -FILL_CACHE_KIB)
        .map_err(DbError::from)?;
    let batch = |text| connection.execute_batch(text).map_err(DbError::from);
    batch("BEGIN IMMEDIATE")?;
    let answer = work(&Tx::Sqlite(SqliteTx {
        connection: &connection,
    }))?;
    batch("COMMIT")?;
    drop(connection);
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| DbError::Engine(Box::new(error)))?;
    Ok(answer)
}
