//! The data directory: its locks and its database.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process;

use guildhall_core::backup::SERVER_LOCK_FILE;
use guildhall_core::{DATABASE_FILE, DbError, DirectoryLock, LockError};

use crate::failure::{EXIT_INTERNAL, Failure};
use crate::output;

/// Held by the run of the command line that changes something, so that no two give out ids at once.
const COMMAND_LOCK: &str = "command.lock";

/// A data directory that this run was pointed at.
#[derive(Clone, Debug)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    /// The directory with this path.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join(DATABASE_FILE)
    }

    /// Creates the directory if it is missing, for nobody but its owner.
    pub(crate) fn create(&self) -> Result<(), Failure> {
        let path = self.0.display();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(|error| Failure::refused(format!("cannot create `{path}`"), &error))
    }

    /// Takes the place of the server of this directory.
    pub(crate) fn lock_as_server(&self) -> Result<DirectoryLock, Failure> {
        DirectoryLock::try_take(&self.0.join(SERVER_LOCK_FILE)).map_err(|error| match error {
            LockError::Held { .. } => Failure::Refused(format!(
                "another server runs on `{}`; stop it first, or choose another `--data-dir`",
                self.0.display(),
            )),
            LockError::Io { .. } => Failure::refused("cannot use the data directory", &error),
        })
    }

    /// Keeps everybody away who would change something.
    pub(crate) fn lock_as_it_is(&self) -> Result<Vec<DirectoryLock>, Failure> {
        let server = DirectoryLock::try_take(&self.0.join(SERVER_LOCK_FILE));
        let server = server.map_err(|error| match error {
            LockError::Held { .. } => Failure::Refused(format!(
                "a server is running on `{}`, or another copy; stop it first: what a server changes meanwhile would be lost",
                self.0.display(),
            )),
            LockError::Io { .. } => Failure::refused("cannot use the data directory", &error),
        })?;
        Ok(vec![server, self.lock_as_command_line()?])
    }

    /// Takes the turn of the command line, after every other run of it that changes something.
    pub(crate) fn lock_as_command_line(&self) -> Result<DirectoryLock, Failure> {
        let path = self.0.join(COMMAND_LOCK);
        let lock = match DirectoryLock::try_take(&path) {
            Err(LockError::Held { .. }) => {
                output::note("waiting for another run of the command line to end");
                DirectoryLock::take(&path)
            }
            taken => taken,
        };
        lock.map_err(|error| Failure::refused("cannot use the data directory", &error))
    }

    /// A directory that was mistyped is not created: nobody would find the key that was made in it.
    pub(crate) fn must_have_a_database(&self) -> Result<(), Failure> {
        if self.database().exists() {
            return Ok(());
        }
        Err(Failure::Refused(format!(
            "there is no database in `{0}`; `--data-dir` names another directory, \
             `guildhall serve --data-dir {0}` creates one there",
            self.0.display(),
        )))
    }
}

/// What a failed disk leaves behind is unknown, and a second try may report success for lost data.
#[expect(
    clippy::exit,
    reason = "no command may go on, on whichever thread it runs"
)]
pub(crate) fn end_the_process(error: &DbError) {
    tracing::error!(
        %error,
        cause = std::error::Error::source(error),
        "the disk failed: the process ends, so that nothing is acknowledged that may be lost",
    );
    process::exit(EXIT_INTERNAL.into());
}
