//! A file that keeps a second process of one kind away from the same data.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// A lock on a file of the data directory, held until it is dropped or the process ends.
#[derive(Debug)]
pub struct DirectoryLock {
    // Held for the lock on it; closing the file gives it back.
    _file: File,
}

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("`{path}` is held by another process")]
    Held {
        /// The lock file.
        path: PathBuf,
    },
    /// The file cannot be opened or locked.
    #[error("cannot lock `{path}`")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
}

impl DirectoryLock {
    /// Takes the lock, or tells at once that another process has it.
    pub fn try_take(path: &Path) -> Result<Self, LockError> {
        let file = Self::open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(LockError::Io {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Takes the lock, waiting for another process to give it back.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let file = Self::open(path)?;
        file.lock().map_err(|source| LockError::Io {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self { _file: file })
    }

    fn open(path: &Path) -> Result<File, LockError> {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(|source| LockError::Io {
                path: path.to_owned(),
                source,
            })
    }
}
