//! Where the data is: in a data directory, or in PostgreSQL.

use std::path::PathBuf;
use std::sync::Arc;

use guildhall_core::ambient::{SystemClock, SystemRng};
use guildhall_core::{DbError, DirectoryLock, Guildhall, PostgresOptions, Settings, Slot, Source};

use crate::config::{self, Place};
use crate::data_dir::{DataDir, end_the_process};
use crate::failure::Failure;
use crate::welcome::quoted;

/// The command line checks no access.
const NO_CACHE: usize = 0;

/// Where this run was pointed at.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    /// A directory with the embedded database.
    Directory(DataDir),
    /// A PostgreSQL, which other servers may use as well.
    Postgres(PostgresOptions),
}

/// A database that is opened to be changed, beside servers that may be running.
#[derive(Debug)]
pub(crate) struct Changeable {
    pub(crate) guildhall: Guildhall,
    _lock: Option<DirectoryLock>,
}

impl Store {
    /// The PostgreSQL, if one is named, or else the directory.
    pub(crate) fn new((data_dir, database): (PathBuf, Option<PostgresOptions>)) -> Self {
        match database {
            Some(options) => Self::Postgres(options),
            None => Self::Directory(DataDir::new(data_dir)),
        }
    }

    /// What the layers of the configuration name.
    pub(crate) fn configured(place: Place) -> Result<Self, Failure> {
        config::place(place).map(Self::new)
    }

    /// The data directory, for what only the embedded database can do; `instead` is what a PostgreSQL has for it.
    pub(crate) fn directory(self, instead: &str) -> Result<DataDir, Failure> {
        match self {
            Self::Directory(data_dir) => Ok(data_dir),
            Self::Postgres(_) => Err(Failure::Refused(format!(
                "this is for the database in a data directory; {instead}"
            ))),
        }
    }

    /// Opens the database for the server. The lock is held as long as it runs.
    pub(crate) fn open_as_server(
        &self,
        public_url: String,
        access_cache_bytes: usize,
    ) -> Result<Guildhall, Failure> {
        Ok(self.open(Slot::Server, public_url, access_cache_bytes)?)
    }

    /// Opens the database to look at it.
    pub(crate) fn open_to_read(&self) -> Result<Guildhall, Failure> {
        if let Self::Directory(data_dir) = self {
            data_dir.must_have_a_database()?;
        }
        Ok(self.open(Slot::CommandLine, String::new(), NO_CACHE)?)
    }

    /// Opens the database to change something, after every other run of the command line that does.
    pub(crate) fn open_to_change(&self) -> Result<Changeable, Failure> {
        if let Self::Directory(data_dir) = self {
            data_dir.must_have_a_database()?;
        }
        self.open_as_command_line()
    }

    /// The same for a newcomer, who may not have started a server yet.
    pub(crate) fn create_and_open_to_change(&self) -> Result<Changeable, Failure> {
        if let Self::Directory(data_dir) = self {
            data_dir.create()?;
        }
        self.open_as_command_line()
    }

    fn open_as_command_line(&self) -> Result<Changeable, Failure> {
        let lock = match self {
            Self::Directory(data_dir) => Some(data_dir.lock_as_command_line()?),
            // There each run takes a slot for its ids in the database.
            Self::Postgres(_) => None,
        };
        let guildhall = self.open(Slot::CommandLine, String::new(), NO_CACHE)?;
        Ok(Changeable {
            guildhall,
            _lock: lock,
        })
    }

    fn open(
        &self,
        slot: Slot,
        public_url: String,
        access_cache_bytes: usize,
    ) -> Result<Guildhall, DbError> {
        let source = match self {
            Self::Directory(data_dir) => Source::Sqlite(data_dir.database()),
            Self::Postgres(options) => Source::Postgres(options.clone()),
        };
        Guildhall::open(Settings {
            source,
            slot,
            public_url,
            access_cache_bytes,
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
            fatal: end_the_process,
        })
    }

    /// What points another verb at the same place, as a shell takes it.
    pub(crate) fn flag(&self) -> String {
        match self {
            Self::Directory(data_dir) => {
                format!(
                    "--data-dir {}",
                    quoted(&data_dir.path().display().to_string())
                )
            }
            // The address is a secret, and is not repeated.
            Self::Postgres(options) => {
                let schema = options.schema.iter();
                let schema = schema.map(|name| format!(" --database-schema {}", quoted(name)));
                format!(
                    "--database-url \"$GUILDHALL_DATABASE_URL\"{}",
                    schema.collect::<String>()
                )
            }
        }
    }

    /// Its name for people.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Directory(data_dir) => data_dir.path().display().to_string(),
            Self::Postgres(options) => options.place(),
        }
    }
}
