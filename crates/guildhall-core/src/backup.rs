//! Backups: a copy of the database while the server runs, and putting one back in place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use guildhall_db::{
    BackupError, DbError, DirectoryLock, LockError, Progress, copy_database, inspect_database,
};

use crate::guildhall::{DATABASE_FILE, MIGRATIONS};

/// The file in the data directory that a running server holds locked.
pub const SERVER_LOCK_FILE: &str = "server.lock";

/// What stands beside a database while it is in use, and would be taken for the log of another one.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Why a backup was not put in place. Whatever the reason, the data directory has no database then.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The data directory has a database, which is never overwritten.
    #[error("`{path}` exists already; choose another directory, or move it away first")]
    DatabaseExists {
        /// The file that is in the way.
        path: PathBuf,
    },
    /// A server runs on the data directory.
    #[error("a server is running on `{path}`; stop it first")]
    ServerRunning {
        /// The data directory.
        path: PathBuf,
    },
    /// The backup is not whole.
    #[error("`{path}` is damaged: {findings}")]
    Damaged {
        /// The backup.
        path: PathBuf,
        /// What the engine finds wrong with it.
        findings: String,
    },
    /// The file system refused.
    #[error("cannot write `{path}`")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The lock of the data directory cannot be taken.
    #[error(transparent)]
    Lock(LockError),
    /// The backup cannot be read, is another program's, or is of a newer Guildhall.
    #[error(transparent)]
    Backup(#[from] BackupError),
}

impl From<DbError> for RestoreError {
    fn from(error: DbError) -> Self {
        Self::Backup(error.into())
    }
}

/// Copies the database of a data directory, which may be in use, to a new file, as of the moment of the call.
pub fn backup(
    data_dir: &Path,
    target: &Path,
    progress: impl FnMut(Progress),
) -> Result<(), BackupError> {
    copy_database(&data_dir.join(DATABASE_FILE), target, progress)
}

/// Puts a copy of a backup in place as the database of a data directory that has none; the directory is created if it
/// is missing.
///
/// What is put in place was looked through first, and appears whole or not at all.
pub fn restore(
    backup: &Path,
    data_dir: &Path,
    progress: impl FnMut(Progress),
) -> Result<(), RestoreError> {
    fs::create_dir_all(data_dir).map_err(io_error(data_dir))?;
    make_in_place(data_dir, ".restoring", |copy| {
        copy_database(backup, copy, progress)?;
        inspect(copy, backup)
    })
}

/// Makes the database of a data directory that has none, beside its place; it appears there whole or not at all, and no
/// server runs on the directory meanwhile.
pub(crate) fn make_in_place<T, E: From<RestoreError>>(
    data_dir: &Path,
    ending: &str,
    make: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    let _lock =
        DirectoryLock::try_take(&data_dir.join(SERVER_LOCK_FILE)).map_err(|error| match error {
            LockError::Held { .. } => RestoreError::ServerRunning {
                path: data_dir.to_owned(),
            },
            LockError::Io { .. } => RestoreError::Lock(error),
        })?;
    let database = data_dir.join(DATABASE_FILE);
    if let Some(path) = in_the_way(&database) {
        return Err(RestoreError::DatabaseExists { path }.into());
    }
    let copy = beside(&database, ending);
    // Left by a run that was cut off.
    clear(&copy)?;
    let outcome = make(&copy).and_then(|made| {
        put_in_place(&copy, &database, data_dir)?;
        Ok(made)
    });
    if outcome.is_err() {
        // The reason for the failure is worth more than that of the clearing.
        drop(clear(&copy));
    }
    outcome
}

/// Looks through the copy, not the backup: it is the copy that is put in place.
fn inspect(copy: &Path, backup: &Path) -> Result<(), RestoreError> {
    let findings = inspect_database(copy, MIGRATIONS)?;
    if findings.is_empty() {
        return Ok(());
    }
    Err(RestoreError::Damaged {
        path: backup.to_owned(),
        findings: findings.join("; "),
    })
}

fn put_in_place(copy: &Path, database: &Path, data_dir: &Path) -> Result<(), RestoreError> {
    // It was synced when it was made.
    fs::rename(copy, database).map_err(io_error(database))?;
    // The rename itself must survive a power cut.
    fs::File::open(data_dir)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error(data_dir))
}

fn in_the_way(database: &Path) -> Option<PathBuf> {
    let companions = COMPANIONS.iter().map(|ending| beside(database, ending));
    std::iter::once(database.to_owned())
        .chain(companions)
        .find(|path| path.exists())
}

fn clear(copy: &Path) -> Result<(), RestoreError> {
    let companions = COMPANIONS.iter().map(|ending| beside(copy, ending));
    for path in std::iter::once(copy.to_owned()).chain(companions) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error(&path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> RestoreError {
    let path = path.to_owned();
    move |source| RestoreError::Io { path, source }
}
