//! SQLite's codes, translated once.

use rusqlite::ErrorCode;
use rusqlite::ffi::{
    SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE,
    SQLITE_IOERR_SHMSIZE,
};

use crate::error::DbError;

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, message) = &error else {
            return Self::Engine(Box::new(error));
        };
        match (failure.code, failure.extended_code) {
            (_, SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY) => {
                Self::Unique(last_column(message.as_deref().unwrap_or_default()))
            }
            (_, SQLITE_CONSTRAINT_FOREIGNKEY) => Self::ForeignKey,
            // The index of the log cannot be made as large as it must be.
            (ErrorCode::DiskFull, _) | (_, SQLITE_IOERR_SHMSIZE) => Self::StorageFull,
            (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => Self::Overloaded,
            (ErrorCode::OperationInterrupted, _) => Self::QueryTimeout,
            _ => Self::Engine(Box::new(error)),
        }
    }
}

/// `table.column` of the last column in a message such as `UNIQUE constraint failed: a.x, a.y`.
fn last_column(message: &str) -> String {
    message
        .rsplit([',', ':'])
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// Whether the engine could not read or write its file: after that nothing it says can be relied on.
pub(crate) fn is_io_failure(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}
