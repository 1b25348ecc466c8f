//! Copying a live database, page by page, as of one moment.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};

use super::{Journal, SqliteTx, open};
use crate::error::DbError;
use crate::migrations::{Migration, found, lacking};

/// Pages copied between two reports of progress.
const PAGES_A_STEP: i32 = 2_000;

/// How far a copy is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Pages copied.
    pub done: u64,
    /// Pages in all.
    pub total: u64,
}

/// Why a copy failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The target exists already; a backup never overwrites.
    #[error("`{path}` exists already")]
    TargetExists {
        /// The target.
        path: PathBuf,
    },
    /// The source is not there.
    #[error("there is no database at `{path}`")]
    SourceMissing {
        /// The source.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot write `{path}`")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// The engine refused.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Copies the database at `source`, which may be in use, to a new file at `target`, as of the moment of the
/// call. The target appears whole or not at all.
pub fn copy_database(
    source: &Path,
    target: &Path,
    mut report: impl FnMut(Progress),
) -> Result<(), BackupError> {
    if target.exists() {
        return Err(BackupError::TargetExists {
            path: target.to_owned(),
        });
    }
    if !source.exists() {
        return Err(BackupError::SourceMissing {
            path: source.to_owned(),
        });
    }
    let mut partial = target.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| BackupError::Io { path, source }
    };
    if partial.exists() {
        std::fs::remove_file(&partial).map_err(io(&partial))?;
    }
    // Whoever can read the copy can read everything: it is private before it has a single byte.
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)
        .map_err(io(&partial))?;
    if let Err(error) = copy_pages(source, &partial, &mut report) {
        // The reason for the failure is worth more than that of the clearing.
        drop(std::fs::remove_file(&partial));
        return Err(error.into());
    }
    let file = std::fs::File::open(&partial).map_err(io(&partial))?;
    file.sync_all().map_err(io(&partial))?;
    std::fs::rename(&partial, target).map_err(io(target))?;
    let parent = target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new("."));
    // The rename itself must survive a power cut.
    std::fs::File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(io(parent))
}

/// What the engine finds wrong with a file that nobody has open; empty when all is well. Refused when the file is
/// another program's or has a schema of tomorrow. Changes nothing.
pub fn inspect_database(path: &Path, steps: &[Migration]) -> Result<Vec<String>, DbError> {
    let connection = open(path, Journal::Read)?;
    lacking(steps, found(&connection, steps)?)?;
    SqliteTx {
        connection: &connection,
    }
    .integrity()
}

fn copy_pages(
    source: &Path,
    target: &Path,
    report: &mut impl FnMut(Progress),
) -> Result<(), DbError> {
    let from = open(source, Journal::Read)?;
    let mut to = rusqlite::Connection::open(target)?;
    // INVARIANT: the read transaction pins one moment; without it every commit of the server restarts the copy.
    from.execute_batch("BEGIN")?;
    from.query_row("SELECT count(*) FROM sqlite_master", (), |_| Ok(()))?;
    {
        let backup = Backup::new(&from, &mut to)?;
        loop {
            let step = backup.step(PAGES_A_STEP)?;
            let pages = backup.progress();
            let total = u64::try_from(pages.pagecount).unwrap_or_default();
            let left = u64::try_from(pages.remaining).unwrap_or_default();
            report(Progress {
                done: total.saturating_sub(left),
                total,
            });
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                _ => wait_for_lock(),
            }
        }
    }
    from.execute_batch("COMMIT")?;
    to.pragma_update(None, "journal_mode", "DELETE")?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the copy polls a lock of another process; it has no event"
)]
fn wait_for_lock() {
    std::thread::sleep(Duration::from_millis(20));
}
