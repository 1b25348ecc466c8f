//! How a connection is opened: the same for every purpose but what it may do.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::DbError;

/// `GHLD`, in the header of every database file of ours.
const APPLICATION_ID: i32 = 0x4748_4c44;

/// The first SQLite without the write-ahead-log corruption of 3.7.0 to 3.51.2.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// How long a connection waits for a lock that another process holds: the command line beside the server.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Statements kept prepared on each connection; more than the server has.
const STATEMENTS_CACHED: usize = 256;

/// The size that the log is cut back to after a checkpoint.
const LOG_BYTES_KEPT: i64 = 64 * 1024 * 1024;

/// Pages that the writer keeps in memory: with a million organizations, most of what a change reads is not in the pages of
/// the change before.
const WRITE_CACHE_KIB: i64 = 48 * 1024;

/// Pages that each reader keeps in memory; there are as many readers as threads, and two for lists.
const READ_CACHE_KIB: i64 = 16 * 1024;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Journal {
    /// Writing; the file is created if it is missing.
    Write,
    /// Reading only.
    Read,
}

/// Opens a connection to the database at `path`.
pub(crate) fn open(path: &Path, journal: Journal) -> Result<Connection, DbError> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        return Err(DbError::SqliteTooOld {
            found: rusqlite::version(),
        });
    }
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if journal == Journal::Write {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    claim(&connection, path, journal)?;
    // A plan depends on the text alone. Otherwise a statement is prepared again whenever a value that it is bound to
    // might make another plan better; that was a third of the time of `GET /organizations/{organization_id}`.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Corrupted or hostile files must not reach code through the schema.
    connection.pragma_update(None, "trusted_schema", false)?;
    match journal {
        Journal::Write => {
            // Also of a file that was restored: a backup has no log.
            connection.pragma_update(None, "journal_mode", "WAL")?;
            // FULL, not NORMAL: with NORMAL a power cut loses acknowledged commits.
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
            // The checkpointer does it (see `checkpoint`), so that no commit pays for it.
            connection.pragma_update(None, "wal_autocheckpoint", 0)?;
            connection.pragma_update(None, "cache_size", -WRITE_CACHE_KIB)?;
            // What a savepoint may have to take back is kept in memory, not in a temporary file.
            connection.pragma_update(None, "temp_store", "MEMORY")?;
        }
        Journal::Read => {
            connection.pragma_update(None, "query_only", true)?;
            connection.pragma_update(None, "cache_size", -READ_CACHE_KIB)?;
        }
    }
    Ok(connection)
}

/// Refuses a file of another program; marks a new one as ours.
fn claim(connection: &Connection, path: &Path, journal: Journal) -> Result<(), DbError> {
    let foreign = || DbError::Foreign {
        path: path.display().to_string(),
    };
    let id: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => foreign(),
            _ => error.into(),
        })?;
    if id == APPLICATION_ID {
        return Ok(());
    }
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_master", (), |row| row.get(0))?;
    if id != 0 || tables != 0 || journal == Journal::Read {
        return Err(foreign());
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(())
}
