//! Where the data is: in a data directory, or in PostgreSQL.

use std::sync::Arc;

use guildhall_core::ambient::{SystemClock, SystemRng};
use guildhall_core::schema::{self, SchemaStep};
use guildhall_core::{DbError, DirectoryLock, Guildhall, PostgresOptions, Settings, Slot, Source};

use crate::config::{self, Location, Place};
use crate::data_dir::{DataDir, end_the_process};
use crate::failure::Failure;
use crate::welcome::quoted;

/// The command line checks no access.
const NO_CACHE: usize = 0;

/// Where this run was pointed at.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) at: At,
    /// Whether its schema is brought up to date when it is opened; if not, one that lacks a step is refused.
    migrate: bool,
}

/// What keeps the data.
#[derive(Clone, Debug)]
pub(crate) enum At {
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
    pub(crate) fn new(location: Location) -> Self {
        let at = match location.database {
            Some(options) => At::Postgres(options),
            None => At::Directory(DataDir::new(location.data_dir)),
        };
        let migrate = location.migrate;
        Self { at, migrate }
    }

    /// This place, with nothing said about it.
    pub(crate) fn at(at: At) -> Self {
        Self { at, migrate: true }
    }

    /// What the layers of the configuration name.
    pub(crate) fn configured(place: Place) -> Result<Self, Failure> {
        config::place(place).map(Self::new)
    }

    /// The data directory, for what only the embedded database can do; `instead` is what a PostgreSQL has for it.
    pub(crate) fn directory(self, instead: &str) -> Result<DataDir, Failure> {
        match self.at {
            At::Directory(data_dir) => Ok(data_dir),
            At::Postgres(_) => Err(Failure::Refused(format!(
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
        if let At::Directory(data_dir) = &self.at {
            data_dir.must_have_a_database()?;
        }
        Ok(self.open(Slot::CommandLine, String::new(), NO_CACHE)?)
    }

    /// Opens the database to change something, after every other run of the command line that does.
    pub(crate) fn open_to_change(&self) -> Result<Changeable, Failure> {
        if let At::Directory(data_dir) = &self.at {
            data_dir.must_have_a_database()?;
        }
        self.open_as_command_line()
    }

    /// The same for a newcomer, who may not have started a server yet.
    pub(crate) fn create_and_open_to_change(&self) -> Result<Changeable, Failure> {
        if let At::Directory(data_dir) = &self.at {
            data_dir.create()?;
        }
        self.open_as_command_line()
    }

    fn open_as_command_line(&self) -> Result<Changeable, Failure> {
        let lock = match &self.at {
            At::Directory(data_dir) => Some(data_dir.lock_as_command_line()?),
            // There each run takes a slot for its ids in the database.
            At::Postgres(_) => None,
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
        let source = self.source();
        if !self.migrate {
            schema::must_be_up_to_date(&source)?;
        }
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

    /// Brings the schema up to date, beside no server of a data directory; tells the steps that were run.
    pub(crate) fn migrate(&self) -> Result<Vec<SchemaStep>, Failure> {
        let source = self.source();
        let _lock = match &self.at {
            At::Directory(data_dir) => {
                data_dir.create()?;
                if schema::missing(&source)?.is_empty() {
                    return Ok(Vec::new());
                }
                Some(data_dir.lock_as_server()?)
            }
            At::Postgres(_) => None,
        };
        Ok(schema::migrate(&source)?)
    }

    /// The database itself.
    pub(crate) fn source(&self) -> Source {
        match &self.at {
            At::Directory(data_dir) => Source::Sqlite(data_dir.database()),
            At::Postgres(options) => Source::Postgres(options.clone()),
        }
    }

    /// What points another verb at the same place, as a shell takes it.
    pub(crate) fn flag(&self) -> String {
        match &self.at {
            At::Directory(data_dir) => {
                format!(
                    "--data-dir {}",
                    quoted(&data_dir.path().display().to_string())
                )
            }
            // The address is a secret, and is not repeated.
            At::Postgres(options) => {
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
        match &self.at {
            At::Directory(data_dir) => data_dir.path().display().to_string(),
            At::Postgres(options) => options.place(),
        }
    }
}
