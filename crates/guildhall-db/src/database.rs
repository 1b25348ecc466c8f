//! The database as the rooms above see it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::DbError;
use crate::job::Command;
use crate::migrations::Migration;
use crate::postgres::engine::Length;
use crate::postgres::{self, PostgresOptions};
use crate::sqlite;
use crate::tx::Tx;

/// What a command wants done with its changes.
#[derive(Debug)]
pub enum Verdict<T> {
    /// Commit them and answer this.
    Keep(T),
    /// Take them back and answer this all the same: nothing had to change.
    TakeBack(T),
}

/// What runs at the two ends of every commit, in the writer; on PostgreSQL in a transaction of its own, before a command.
pub trait BatchHook: Send {
    /// Whether `before` has anything to do, asked where that costs a transaction.
    fn due(&self) -> bool;
    /// Before the first command of the group, inside its transaction.
    fn before(&mut self, tx: &Tx<'_>) -> Result<(), DbError>;
    /// After the transaction, told whether it was committed.
    fn after(&mut self, committed: bool);
    /// Every half a second in which no group ran, outside any transaction: to look for commits of other processes.
    fn look(&mut self, tx: &Tx<'_>) -> Result<(), DbError>;
}

/// Where the data are.
#[derive(Clone, Debug)]
pub enum Source {
    /// In a file, which this process alone writes to.
    Sqlite(PathBuf),
    /// In PostgreSQL.
    Postgres(PostgresOptions),
}

/// How a database is opened.
pub struct Options {
    /// Where it is.
    pub source: Source,
    /// The schema that it must have.
    pub migrations: &'static [Migration],
    /// What runs around every commit, in this order.
    pub hooks: Vec<Box<dyn BatchHook>>,
    /// Called when the disk fails; must end the process.
    pub fatal: fn(&DbError),
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// Numbers for the metrics.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseStats {
    /// Commits since the start.
    pub commits: u64,
    /// Commands since the start, of all commits.
    pub commands: u64,
    /// Commands that wait for the writer, or for a connection.
    pub queued: u64,
    /// Commands that were run again since the start, because somebody else was in their way.
    pub conflicts: u64,
    /// Bytes of the write-ahead log.
    pub log_bytes: u64,
    /// Whether the log could not be moved back at the last try.
    pub checkpoint_failing: bool,
}

/// An open database.
#[derive(Debug)]
pub struct Database {
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    Sqlite(Box<sqlite::engine::Engine>),
    Postgres(Arc<postgres::engine::Engine>),
}

impl Database {
    /// Opens the database and brings its schema up to date. A file is created if it is missing.
    ///
    /// May block: PostgreSQL is connected to.
    pub fn open(options: Options) -> Result<Self, DbError> {
        let Options {
            source,
            migrations,
            hooks,
            fatal,
        } = options;
        let engine = match &source {
            Source::Sqlite(path) => Engine::Sqlite(Box::new(sqlite::engine::Engine::open(
                path, migrations, hooks, fatal,
            )?)),
            Source::Postgres(options) => Engine::Postgres(Arc::new(
                postgres::engine::Engine::open(options, migrations, hooks)?,
            )),
        };
        Ok(Self { engine })
    }

    /// Runs a command. When the answer arrives, its changes are on the disk, or taken back.
    ///
    /// `epilogue` runs after the command, also after [`Verdict::TakeBack`], and in the same commit; it is not run
    /// after an error. Both are pure functions of the transaction and may be run more than once. `committed` runs once,
    /// when the changes are on the disk and before anybody hears the answer; commands that touched the same row settle in
    /// the order in which they ran, on SQLite; on PostgreSQL two of them may settle at the same time.
    pub async fn write<T, E>(
        &self,
        command: impl Fn(&Tx<'_>) -> Result<Verdict<T>, E> + Send + 'static,
        epilogue: impl Fn(&Tx<'_>, &T) -> Result<(), E> + Send + 'static,
        committed: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (command, answer) = Command::new(command, epilogue, committed);
        match &self.engine {
            Engine::Sqlite(engine) => engine.writer.submit(Box::new(command))?,
            Engine::Postgres(engine) => engine.write(Box::new(command)).await,
        }
        answer.await.unwrap_or_else(|_| Err(DbError::Closed.into()))
    }

    /// Runs a short read, in one snapshot of the data; on SQLite at once, on the calling thread.
    pub async fn point<T, E>(
        &self,
        query: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(engine) => engine.readers.point(query),
            Engine::Postgres(engine) => engine.read(Length::Short, query).await,
        }
    }

    /// Runs a read that may be long where it delays nobody, in one snapshot of the data.
    pub async fn list<T, E>(
        &self,
        query: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(engine) => engine.readers.list(query).await,
            Engine::Postgres(engine) => engine.read(Length::Long, query).await,
        }
    }

    /// Runs a read of any length on the calling thread, in one snapshot of the data: for the operator, who looks at
    /// everything. Nothing stops it; meanwhile what is deleted or changed takes its room all the same.
    pub fn long_read<T, E>(
        &self,
        query: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send,
    ) -> Result<T, E>
    where
        T: Send,
        E: From<DbError> + Send,
    {
        match &self.engine {
            Engine::Sqlite(engine) => engine.readers.long(query),
            Engine::Postgres(engine) => engine.long(query),
        }
    }

    /// Listens to the hints of other servers, where there may be any; [`Database::tell`] sends them.
    pub fn listen(&self, heard: impl Fn(&str) + Send + Sync + 'static) -> Result<(), DbError> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(engine) => engine.listen(Arc::new(heard)),
        }
    }

    /// Tells the other servers of something that is committed. They may hear it in some milliseconds, or never.
    pub fn tell(&self, hint: impl FnOnce() -> String) {
        match &self.engine {
            Engine::Sqlite(_) => {}
            Engine::Postgres(engine) => engine.tell(hint()),
        }
    }

    /// Refuses while the disk is known to be full: until a look at it, twice a second, finds room.
    pub fn has_room(&self) -> Result<(), DbError> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.has_room(),
            // The disk is the server's: it says so when it is written to.
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// Numbers for the metrics, as of now.
    pub fn stats(&self) -> DatabaseStats {
        match &self.engine {
            Engine::Sqlite(engine) => engine.stats(),
            Engine::Postgres(engine) => engine.stats(),
        }
    }
}
