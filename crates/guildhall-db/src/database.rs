//! The database as the rooms above see it.

use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use crate::error::DbError;
use crate::migrations::{Migration, migrate};
use crate::sqlite::beside::reserve_index;
use crate::sqlite::checkpoint::{Checkpointer, log_bytes, log_path};
use crate::sqlite::lookout;
use crate::sqlite::readers::Readers;
use crate::sqlite::room::Room;
use crate::sqlite::rounds::Rounds;
use crate::sqlite::writer::{Fate, Job, Writer};
use crate::sqlite::{Journal, open};
use crate::tx::Tx;

/// What a command wants done with its changes.
#[derive(Debug)]
pub enum Verdict<T> {
    /// Commit them and answer this.
    Keep(T),
    /// Take them back and answer this all the same: nothing had to change.
    TakeBack(T),
}

/// What runs at the two ends of every commit, in the writer.
pub trait BatchHook: Send {
    /// Before the first command of the group, inside its transaction.
    fn before(&mut self, tx: &Tx<'_>) -> Result<(), DbError>;
    /// After the transaction, told whether it was committed.
    fn after(&mut self, committed: bool);
    /// Every half a second in which no group ran, outside any transaction: to look for commits of other processes.
    fn look(&mut self, tx: &Tx<'_>) -> Result<(), DbError>;
}

/// How a database is opened.
pub struct Options {
    /// The file.
    pub path: PathBuf,
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
            .field("path", &self.path)
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
    /// Commands that wait for the writer.
    pub queued: u64,
    /// Bytes of the write-ahead log.
    pub log_bytes: u64,
    /// Whether the log could not be moved back at the last try.
    pub checkpoint_failing: bool,
}

/// An open database.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    writer: Writer,
    readers: Arc<Readers>,
    checkpointer: Checkpointer,
    room: Arc<Room>,
    _lookout: Rounds,
}

impl Database {
    /// Opens the file, creates it if it is missing and brings its schema up to date.
    pub fn open(options: Options) -> Result<Self, DbError> {
        let mut connection = open(&options.path, Journal::Write)?;
        migrate(&mut connection, options.migrations)?;
        reserve_index(&connection, &options.path)?;
        let room = Arc::new(Room::beside(&options.path));
        let checkpointer = Checkpointer::start(&options.path, options.fatal)?;
        let writer = Writer::start(
            connection,
            checkpointer.handover(),
            Arc::clone(&room),
            options.hooks,
            options.fatal,
        )?;
        Ok(Self {
            _lookout: lookout::start(writer.lookout(), Arc::clone(&room))?,
            writer,
            readers: Arc::new(Readers::new(options.path.clone())),
            checkpointer,
            room,
            path: options.path,
        })
    }

    /// Runs a command in the one writer. When the answer arrives, its changes are on the disk, or taken back.
    ///
    /// `epilogue` runs after the command, also after [`Verdict::TakeBack`], and in the same commit; it is not run
    /// after an error. Both are pure functions of the transaction and may be run more than once. `committed` runs once,
    /// when the changes are on the disk and before anybody hears the answer; commands settle in the order in which they
    /// ran.
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
        let (sender, receiver) = oneshot::channel();
        self.writer.submit(Box::new(Command {
            run: command,
            epilogue,
            committed,
            result: None,
            answer: sender,
            error: PhantomData,
        }))?;
        receiver
            .await
            .unwrap_or_else(|_| Err(DbError::Closed.into()))
    }

    /// Runs a short read at once, on the calling thread, in one snapshot of the data.
    pub fn point<T, E: From<DbError>>(
        &self,
        query: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.readers.point(query)
    }

    /// Runs a read that may be long on a thread of its own, in one snapshot of the data.
    pub async fn list<T, E>(
        &self,
        query: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.readers.list(query).await
    }

    /// Runs a read of any length on the calling thread, in one snapshot of the data: for the operator, who looks at
    /// everything. Nothing stops it; meanwhile the log cannot be cut back, and grows with what is written.
    pub fn long_read<T, E: From<DbError>>(
        &self,
        query: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.readers.long(query)
    }

    /// Refuses while the disk is known to be full: until a look at it, twice a second, finds room.
    pub fn has_room(&self) -> Result<(), DbError> {
        if self.room.is_full() {
            Err(DbError::StorageFull)
        } else {
            Ok(())
        }
    }

    /// Numbers for the metrics, as of now.
    pub fn stats(&self) -> DatabaseStats {
        DatabaseStats {
            commits: self.writer.counts.commits.load(Ordering::Relaxed),
            commands: self.writer.counts.commands.load(Ordering::Relaxed),
            queued: self.writer.queued() as u64,
            log_bytes: log_bytes(&log_path(&self.path)),
            checkpoint_failing: self.checkpointer.failing(),
        }
    }
}

struct Command<T, E, C, P, S> {
    run: C,
    epilogue: P,
    committed: S,
    result: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
    error: PhantomData<E>,
}

impl<T, E, C, P, S> Job for Command<T, E, C, P, S>
where
    T: Send,
    E: From<DbError> + Send,
    C: Fn(&Tx<'_>) -> Result<Verdict<T>, E> + Send,
    P: Fn(&Tx<'_>, &T) -> Result<(), E> + Send,
    S: FnOnce(&T) + Send,
{
    fn run(&mut self, tx: &Tx<'_>) -> Fate {
        let (result, fate) = match (self.run)(tx) {
            Ok(Verdict::Keep(answer)) => (Ok(answer), Fate::Keep),
            Ok(Verdict::TakeBack(answer)) => (Ok(answer), Fate::TakeBack),
            Err(refusal) => (Err(refusal), Fate::TakeBack),
        };
        self.result = Some(result);
        fate
    }

    fn epilogue(&mut self, tx: &Tx<'_>) -> Fate {
        // Taken out meanwhile: if the epilogue panics, no answer is left that would claim success.
        let Some(result) = self.result.take() else {
            return Fate::TakeBack;
        };
        let (result, fate) = match result {
            Ok(answer) => match (self.epilogue)(tx, &answer) {
                Ok(()) => (Ok(answer), Fate::Keep),
                Err(refusal) => (Err(refusal), Fate::TakeBack),
            },
            Err(refusal) => (Err(refusal), Fate::Keep),
        };
        self.result = Some(result);
        fate
    }

    fn answer(self: Box<Self>, commit: Result<(), DbError>) {
        let Self {
            run,
            epilogue,
            committed,
            result,
            answer,
            ..
        } = *self;
        // What the command holds is given back before anybody hears of its end.
        drop((run, epilogue));
        let result = match (commit, result) {
            (Err(error), _) => Err(error.into()),
            (Ok(()), Some(Ok(answer))) => {
                committed(&answer);
                Ok(answer)
            }
            (Ok(()), Some(Err(refusal))) => Err(refusal),
            (Ok(()), None) => Err(DbError::Panicked.into()),
        };
        // The caller may have gone; the change stands all the same.
        drop(answer.send(result));
    }
}
