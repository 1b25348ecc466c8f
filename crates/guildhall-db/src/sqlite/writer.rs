//! The one writer: a thread that owns the write connection and commits commands in groups.
//!
//! It takes what is queued, runs each command in a savepoint of its own, commits the group once and only then
//! answers all of them: a commit on the disk costs the same for one command as for sixty-four.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::SqliteTx;
use super::checkpoint::Handover;
use super::error::is_io_failure;
use super::room::Room;
use crate::database::BatchHook;
use crate::error::DbError;
use crate::job::{Fate, Job, guarded};
use crate::tx::Tx;

/// Commands that one commit takes along.
const GROUP_MAX: usize = 64;

/// Commands that may wait; more are refused as [`DbError::Overloaded`].
const QUEUE_MAX: usize = 1_024;

/// What the writer is asked to do.
enum Errand {
    Command(Box<dyn Job>),
    /// To look for the commits of other processes, if there is no command: a group of commands looks anyway.
    Look,
}

impl Errand {
    fn command(self) -> Option<Box<dyn Job>> {
        match self {
            Self::Command(job) => Some(job),
            Self::Look => None,
        }
    }
}

/// What the writer has done so far.
#[derive(Debug, Default)]
pub(crate) struct WriterCounts {
    pub(crate) commits: AtomicU64,
    pub(crate) commands: AtomicU64,
}

/// The queue in front of the writer thread.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Errand>,
    pub(crate) counts: Arc<WriterCounts>,
}

impl Writer {
    /// Starts the thread. `fatal` is called when the disk fails: it must end the process, because what a failed
    /// fsync left behind is unknown and a second try may report success for lost data.
    pub(crate) fn start(
        connection: Connection,
        handover: Handover,
        room: Arc<Room>,
        hooks: Vec<Box<dyn BatchHook>>,
        fatal: fn(&DbError),
    ) -> Result<Self, DbError> {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let counts = Arc::new(WriterCounts::default());
        let worker = Worker {
            connection,
            handover,
            room,
            hooks,
            fatal,
            counts: Arc::clone(&counts),
        };
        std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || worker.work(jobs))
            .map_err(|error| DbError::Engine(Box::new(error)))?;
        Ok(Self { queue, counts })
    }

    pub(crate) fn submit(&self, job: Box<dyn Job>) -> Result<(), DbError> {
        let command = Errand::Command(job);
        self.queue.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => DbError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => DbError::Closed,
        })
    }

    /// What asks the writer to look around; false when the writer has ended.
    pub(crate) fn lookout(&self) -> impl Fn() -> bool + Send + 'static {
        let queue = self.queue.downgrade();
        move || {
            let queue = queue.upgrade();
            // A full queue needs no look: its groups look.
            queue.is_some_and(|queue| queue.try_send(Errand::Look).is_ok() || !queue.is_closed())
        }
    }

    pub(crate) fn queued(&self) -> usize {
        QUEUE_MAX.saturating_sub(self.queue.capacity())
    }
}

/// The error that every command of a failed group gets: nothing of it was done, a second try may succeed.
fn same_for_all(error: &DbError) -> DbError {
    if matches!(error, DbError::StorageFull) {
        DbError::StorageFull
    } else {
        DbError::Overloaded
    }
}

struct Worker {
    connection: Connection,
    handover: Handover,
    room: Arc<Room>,
    hooks: Vec<Box<dyn BatchHook>>,
    fatal: fn(&DbError),
    counts: Arc<WriterCounts>,
}

impl Worker {
    fn work(mut self, mut jobs: mpsc::Receiver<Errand>) {
        let (mut errands, mut group) =
            (Vec::with_capacity(GROUP_MAX), Vec::with_capacity(GROUP_MAX));
        while jobs.blocking_recv_many(&mut errands, GROUP_MAX) > 0 {
            group.extend(errands.drain(..).filter_map(Errand::command));
            if group.is_empty() {
                self.look();
            } else {
                self.commit_group(&mut group);
            }
            self.shorten_log();
        }
    }

    fn look(&mut self) {
        let tx = Tx::Sqlite(SqliteTx {
            connection: &self.connection,
        });
        for hook in &mut self.hooks {
            if let Err(error) = hook.look(&tx) {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "cannot look for the commits of other processes");
            }
        }
    }

    /// The writer's part in keeping the log short.
    fn shorten_log(&self) {
        if let Err(error) = self.handover.between_groups(&self.connection) {
            if is_io_failure(&error) {
                (self.fatal)(&error.into());
                return;
            }
            tracing::warn!(%error, "cannot move the write-ahead log into the database");
        }
    }

    fn commit_group(&mut self, group: &mut Vec<Box<dyn Job>>) {
        let commands = group.len() as u64;
        let outcome = self.run_group(group);
        for hook in &mut self.hooks {
            hook.after(outcome.is_ok());
        }
        match outcome {
            Ok(()) => {
                self.counts.commits.fetch_add(1, Ordering::Relaxed);
                self.counts.commands.fetch_add(commands, Ordering::Relaxed);
                for job in group.drain(..) {
                    job.answer(Ok(()));
                }
            }
            Err(error) => {
                self.roll_back();
                if matches!(error, DbError::StorageFull) {
                    self.room.refuse(commands);
                } else {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        commands,
                        "a commit failed"
                    );
                }
                for job in group.drain(..) {
                    job.answer(Err(same_for_all(&error)));
                }
            }
        }
    }

    fn run_group(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), DbError> {
        self.batch("BEGIN IMMEDIATE")?;
        let tx = Tx::Sqlite(SqliteTx {
            connection: &self.connection,
        });
        for hook in &mut self.hooks {
            hook.before(&tx)?;
        }
        for job in group {
            self.run_command(job.as_mut())?;
        }
        self.batch("COMMIT")
    }

    /// Runs one command between savepoints; an error here is the connection's, not the command's.
    fn run_command(&self, job: &mut dyn Job) -> Result<(), DbError> {
        let tx = Tx::Sqlite(SqliteTx {
            connection: &self.connection,
        });
        self.batch("SAVEPOINT command")?;
        if guarded(|| job.run(&tx)) == Fate::TakeBack {
            self.batch("ROLLBACK TO command")?;
        }
        if guarded(|| job.epilogue(&tx)) == Fate::TakeBack {
            self.batch("ROLLBACK TO command")?;
        }
        self.batch("RELEASE command")
    }

    fn batch(&self, text: &'static str) -> Result<(), DbError> {
        let run = || self.connection.prepare_cached(text)?.raw_execute();
        match run() {
            Ok(_) => Ok(()),
            Err(error) if is_io_failure(&error) => {
                let error = DbError::from(error);
                (self.fatal)(&error);
                Err(error)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            (self.fatal)(&DbError::from(error));
        }
    }
}
