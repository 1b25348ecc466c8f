//! What is done to the files of SQLite beside SQLite.
//!
//! They are never closed again: when a process closes any descriptor of a file, it loses all its locks on that file, those
//! of SQLite too.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::error::DbError;

/// What the index of the log is made at once: enough for the pages of 128 MiB of log, more than it has unless somebody
/// reads for minutes.
const INDEX_BYTES: u64 = 256 * 1024;

/// What the file system gives out at once.
const BLOCK_BYTES: u64 = 4 * 1024;

/// Opens a file for as long as the process runs.
pub(super) fn open_for_good(path: &Path) -> std::io::Result<&'static File> {
    let file = File::options().read(true).write(true).open(path)?;
    Ok(Box::leak(Box::new(file)))
}

/// Makes room for the index of the log, so that it never has to grow in a commit. SQLite extends it when the commit stands
/// in the log already; on a full disk that commit would be neither made nor taken back.
pub(crate) fn reserve_index(connection: &Connection, database: &Path) -> Result<(), DbError> {
    let mut path = database.as_os_str().to_owned();
    path.push("-shm");
    // Who may write is the only one to extend the index. What is there is not touched.
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let extended = extend(&PathBuf::from(path));
    connection.execute_batch("ROLLBACK")?;
    if let Err(error) = extended {
        tracing::warn!(%error, "there is no room to be prepared for a full disk");
    }
    Ok(())
}

fn extend(index: &Path) -> std::io::Result<()> {
    let file = open_for_good(index)?;
    let there = file.metadata()?.len() / BLOCK_BYTES;
    for block in there..INDEX_BYTES / BLOCK_BYTES {
        file.write_all_at(&[0], block * BLOCK_BYTES + BLOCK_BYTES - 1)?;
    }
    Ok(())
}
