//! Moving the write-ahead log back into the file, beside the writer instead of inside a commit.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use super::error::is_io_failure;
use super::rounds::Rounds;
use super::{Journal, open};
use crate::error::DbError;

/// How often the size of the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The size from which the log is moved back, without waiting for anybody. While writes never pause, this never comes to
/// the end of the log; the writer then takes the last step itself (see [`WRITER_FROM_BYTES`]).
const PASSIVE_FROM_BYTES: u64 = 8 * 1024 * 1024;

/// The size from which the writer moves the log back between two groups: with nobody writing meanwhile, the log starts
/// anew with the next one.
pub(super) const WRITER_FROM_BYTES: u64 = 128 * 1024 * 1024;

/// Moves the log back as far as no reader needs it, without waiting for anybody.
pub(super) const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// The thread that keeps the log short.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    failed: Arc<AtomicBool>,
    _rounds: Rounds,
}

impl Checkpointer {
    /// Starts the thread. `fatal` is called when the disk fails, as in the writer: a checkpoint syncs the database file.
    pub(crate) fn start(database: &Path, fatal: fn(&DbError)) -> Result<Self, DbError> {
        let connection = open(database, Journal::Write)?;
        let log = log_path(database);
        let failed = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&failed);
        let rounds = Rounds::start("checkpointer", LOOK_EVERY, move |pause| {
            let mut seen = None;
            while pause.next() {
                if let Err(error) = shorten(&connection, &log, &mut seen) {
                    if is_io_failure(&error) {
                        fatal(&error.into());
                        break;
                    }
                    // The log only grows meanwhile; the next look tries again.
                    if !flag.swap(true, Ordering::Relaxed) {
                        tracing::warn!(%error, "cannot move the write-ahead log into the database");
                    }
                } else {
                    flag.store(false, Ordering::Relaxed);
                }
            }
            if let Err(error) = checkpoint(&connection, "PRAGMA wal_checkpoint(TRUNCATE)") {
                tracing::debug!(%error, "the write-ahead log stays until the next start");
            }
        })?;
        Ok(Self {
            failed,
            _rounds: rounds,
        })
    }

    /// Whether the last try failed.
    pub(crate) fn failing(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

/// Moves the log back if it is long and was written to since it was last moved; `seen` is when that was.
fn shorten(
    connection: &rusqlite::Connection,
    log: &Path,
    seen: &mut Option<SystemTime>,
) -> rusqlite::Result<()> {
    let written = std::fs::metadata(log).and_then(|file| file.modified()).ok();
    if log_bytes(log) >= PASSIVE_FROM_BYTES && written != *seen && checkpoint(connection, PASSIVE)?
    {
        *seen = written;
    }
    Ok(())
}

/// Moves the log back; tells whether all of it, which a reader may forbid.
pub(super) fn checkpoint(
    connection: &rusqlite::Connection,
    pragma: &str,
) -> rusqlite::Result<bool> {
    connection.query_row(pragma, (), |row| {
        let (frames, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(frames == moved)
    })
}

/// Where SQLite keeps the log of this database.
pub(crate) fn log_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    path.into()
}

/// The size of the log; 0 when there is none.
pub(crate) fn log_bytes(log: &Path) -> u64 {
    std::fs::metadata(log).map_or(0, |file| file.len())
}
