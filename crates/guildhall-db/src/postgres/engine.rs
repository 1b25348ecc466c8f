//! The transactions of one server: who has a connection, what is tried again, and what became of a lost commit.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Config;

use super::hints::{Heard, Hints};
use super::session::{Manner, Session};
use super::tls::Tls;
use super::whole::prepare;
use super::{Failure, PostgresOptions, PostgresTx, Purpose};
use crate::database::{BatchHook, DatabaseStats};
use crate::error::DbError;
use crate::job::{Fate, Job, guarded};
use crate::migrations::Migration;
use crate::tx::Tx;

/// Work that may wait for a connection; more is refused as [`DbError::Overloaded`].
const WAITING_MAX: u64 = 1_024;

/// Long reads that run at once, on connections of their own.
const LISTS_AT_ONCE: usize = 2;

/// For how long a command is run again because somebody else was in its way. Not how often: where transactions are
/// serializable, of many who change the same organization one gets through at a time, and all others begin anew.
const CONFLICTS_FOR: Duration = Duration::from_secs(10);

/// How often a command is run again because its connection was lost before the commit.
const LOSSES_MAX: u32 = 2;

/// The pause after the first conflict; each one after it may take twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// How long is asked what became of a commit.
const RESOLVE_MAX: Duration = Duration::from_secs(10);

/// What the engine has done so far.
#[derive(Debug, Default)]
struct Counts {
    commits: AtomicU64,
    conflicts: AtomicU64,
    waiting: AtomicU64,
}

/// The connections of one server to its database.
pub(crate) struct Engine {
    ordinary: Way,
    /// For reads of any length.
    patient: Way,
    idle: Mutex<Vec<Session>>,
    turns: Arc<Semaphore>,
    lists: Arc<Semaphore>,
    hooks: Mutex<Vec<Box<dyn BatchHook>>>,
    /// Whether the connections are this server's own, so that something can be heard on them.
    hinting: bool,
    hints: OnceLock<Hints>,
    counts: Counts,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

/// How a connection is made.
#[derive(Clone)]
pub(super) struct Way {
    config: Config,
    tls: Tls,
    manner: Arc<Manner>,
}

impl Way {
    pub(super) fn new(options: &PostgresOptions, tls: Tls) -> Result<Self, DbError> {
        Ok(Self {
            config: options.config()?,
            tls,
            manner: Arc::new(options.manner()),
        })
    }

    pub(super) fn open(&self) -> Result<Session, DbError> {
        Session::open(&self.config, &self.tls, &self.manner)
    }
}

/// How long a read may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// A few rows.
    Short,
    /// Perhaps many: not many such reads at once.
    Long,
}

/// What one try of a command came to.
enum Tried {
    /// It is committed, or taken back.
    Done,
    /// Somebody else was in the way; nothing was done.
    Conflict,
    /// The connection was lost; nothing was done.
    Lost(DbError),
    /// The connection was lost during the commit of the transaction with this number.
    Unknown(Option<String>),
    /// It cannot be done.
    Failed(DbError),
}

impl Engine {
    /// Connects, and brings the schema up to date.
    pub(crate) fn open(
        options: &PostgresOptions,
        migrations: &'static [Migration],
        hooks: Vec<Box<dyn BatchHook>>,
    ) -> Result<Self, DbError> {
        let tls = Tls::new(options.authorities.as_deref())?;
        let (ordinary, patient) = (
            Way::new(options, tls.clone())?,
            Way::new(&options.patient(), tls)?,
        );
        apart(|| prepare(&patient.open()?, options, migrations))?;
        let connections = options.connections.max(LISTS_AT_ONCE + 1);
        Ok(Self {
            ordinary,
            patient,
            hinting: !options.pooled,
            idle: Mutex::default(),
            turns: Arc::new(Semaphore::new(connections - LISTS_AT_ONCE)),
            lists: Arc::new(Semaphore::new(LISTS_AT_ONCE)),
            hooks: Mutex::new(hooks),
            hints: OnceLock::new(),
            counts: Counts::default(),
        })
    }

    /// Listens to what other servers tell.
    pub(crate) fn listen(&self, heard: Heard) -> Result<(), DbError> {
        if !self.hinting {
            return Ok(());
        }
        let Way { config, tls, .. } = self.patient.clone();
        let hints = Hints::start(config, tls, heard)?;
        // One who listens already goes on.
        drop(self.hints.set(hints));
        Ok(())
    }

    /// Tells the other servers.
    pub(crate) fn tell(&self, hint: String) {
        if let Some(hints) = self.hints.get() {
            hints.tell(hint);
        }
    }

    /// Runs a command when it is its turn; it answers by itself.
    pub(crate) async fn write(self: &Arc<Self>, job: Box<dyn Job>) {
        let turn = match self.turn(&self.turns).await {
            Ok(turn) => turn,
            Err(error) => return job.answer(Err(error)),
        };
        let engine = Arc::clone(self);
        let carried_out = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            engine.carry_out(job);
        });
        // A panic takes the answer with it, and whoever waits for it hears of that.
        drop(carried_out.await);
    }

    /// Runs a read, in one snapshot of the data.
    pub(crate) async fn read<T, E>(
        self: &Arc<Self>,
        length: Length,
        query: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let turns = match length {
            Length::Short => &self.turns,
            Length::Long => &self.lists,
        };
        let turn = self.turn(turns).await?;
        let engine = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let session = engine.session()?;
            let result = snapshot(&session, query);
            engine.give_back(session, result.is_ok());
            result
        })
        .await
        .map_err(|_| DbError::Panicked)?
    }

    /// Runs a read of any length, on a connection of its own that nothing stops.
    pub(crate) fn long<T, E>(
        &self,
        query: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send,
    ) -> Result<T, E>
    where
        T: Send,
        E: From<DbError> + Send,
    {
        apart(|| snapshot(&self.patient.open()?, query))
    }

    /// Numbers for the metrics, as of now.
    pub(crate) fn stats(&self) -> DatabaseStats {
        let commits = self.counts.commits.load(Ordering::Relaxed);
        DatabaseStats {
            commits,
            commands: commits,
            queued: self.counts.waiting.load(Ordering::Relaxed),
            conflicts: self.counts.conflicts.load(Ordering::Relaxed),
            log_bytes: 0,
            checkpoint_failing: false,
        }
    }

    async fn turn(&self, turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, DbError> {
        let waiting = Waiting::one_more(&self.counts.waiting)?;
        let turn = Arc::clone(turns).acquire_owned().await;
        drop(waiting);
        turn.map_err(|_| DbError::Closed)
    }

    fn session(&self) -> Result<Session, DbError> {
        let idle = || {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop()
        };
        while let Some(session) = idle() {
            if session.is_alive() {
                return Ok(session);
            }
        }
        self.ordinary.open()
    }

    fn give_back(&self, session: Session, well: bool) {
        if well || session.is_alive() {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(session);
        }
    }

    fn carry_out(&self, mut job: Box<dyn Job>) {
        let outcome = self.try_again_and_again(job.as_mut());
        if outcome.is_ok() {
            self.counts.commits.fetch_add(1, Ordering::Relaxed);
        }
        job.answer(outcome);
    }

    fn try_again_and_again(&self, job: &mut dyn Job) -> Result<(), DbError> {
        let (mut conflicts, mut losses) = (0, 0);
        let start = Instant::now();
        loop {
            match self.try_once(|session| try_job(session, job)) {
                Tried::Done => return Ok(()),
                Tried::Failed(error) => return Err(error),
                Tried::Conflict if start.elapsed() < CONFLICTS_FOR => {
                    self.counts.conflicts.fetch_add(1, Ordering::Relaxed);
                    pause(conflicts);
                    conflicts += 1;
                }
                Tried::Conflict => return Err(DbError::Conflict),
                Tried::Lost(error) if losses == LOSSES_MAX => return Err(error),
                Tried::Lost(_) => losses += 1,
                Tried::Unknown(number) => {
                    if self.was_committed(number.as_deref())? {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn try_once(&self, work: impl FnOnce(&Session) -> Tried) -> Tried {
        let session = match self.prepared() {
            Ok(session) => session,
            Err(error @ DbError::Unavailable(_)) => return Tried::Lost(error),
            Err(DbError::Conflict) => return Tried::Conflict,
            Err(error) => return Tried::Failed(error),
        };
        let tried = work(&session);
        self.give_back(session, matches!(tried, Tried::Done));
        tried
    }

    /// A connection, after what must be done before a command.
    fn prepared(&self) -> Result<Session, DbError> {
        let session = self.session()?;
        let mut hooks = self.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        for hook in hooks.iter_mut().filter(|hook| hook.due()) {
            let done = transaction(&session, |tx| hook.before(tx));
            hook.after(done.is_ok());
            done?;
        }
        drop(hooks);
        Ok(session)
    }

    /// What became of a commit whose answer was lost.
    fn was_committed(&self, number: Option<&str>) -> Result<bool, DbError> {
        let digits = |number: &&str| number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.filter(digits).ok_or(DbError::OutcomeUnknown)?;
        let question = format!("SELECT pg_xact_status('{number}')");
        let start = Instant::now();
        let mut tries = 0;
        while start.elapsed() < RESOLVE_MAX {
            let answer = self.session().and_then(|session| {
                let answer = session.text(&question);
                self.give_back(session, answer.is_ok());
                answer
            });
            match answer.as_ref().map(Option::as_deref) {
                Ok(Some("committed")) => return Ok(true),
                Ok(Some("aborted")) => return Ok(false),
                // In progress, too old to be remembered, or nobody who answers.
                _ => pause(tries),
            }
            tries += 1;
        }
        Err(DbError::OutcomeUnknown)
    }
}

/// Waits for work on a thread of its own, because the caller's may be one that must not block.
pub(super) fn apart<T: Send, E: From<DbError> + Send>(
    work: impl FnOnce() -> Result<T, E> + Send,
) -> Result<T, E> {
    let done = std::thread::scope(|scope| scope.spawn(work).join());
    done.unwrap_or_else(|_| Err(DbError::Panicked.into()))
}

fn try_job(session: &Session, job: &mut dyn Job) -> Tried {
    let tx = Tx::Postgres(PostgresTx::new(session, Purpose::Change));
    let fate = guarded(|| job.run(&tx));
    let tx = match (failure(&tx), fate) {
        (Some(failure), fate) => return taken_back(tx, failure, fate),
        (None, Fate::Keep) => tx,
        (None, Fate::TakeBack) => {
            // What follows is kept although the command is not.
            if let Err(error) = end(tx, "ROLLBACK") {
                return Tried::Lost(error);
            }
            Tx::Postgres(PostgresTx::new(session, Purpose::Change))
        }
    };
    let fate = guarded(|| job.epilogue(&tx));
    match (failure(&tx), fate) {
        (Some(failure), fate) => taken_back(tx, failure, fate),
        (None, Fate::TakeBack) => match end(tx, "ROLLBACK") {
            Ok(()) => Tried::Done,
            Err(error) => Tried::Lost(error),
        },
        (None, Fate::Keep) => match end(tx, "COMMIT") {
            Ok(()) => Tried::Done,
            Err(DbError::Conflict) => Tried::Conflict,
            Err(DbError::Unavailable(_)) => Tried::Unknown(session.take_told()),
            Err(error) => Tried::Failed(error),
        },
    }
}

/// After the engine said no, the command's own answer counts, unless the same may be tried again.
fn taken_back(tx: Tx<'_>, failure: Failure, fate: Fate) -> Tried {
    match (end(tx, "ROLLBACK"), failure, fate) {
        (Err(_), ..) | (Ok(()), Failure::Lost, _) => {
            Tried::Lost(DbError::Unavailable("the connection was lost".into()))
        }
        (Ok(()), Failure::Conflict, _) => Tried::Conflict,
        (Ok(()), Failure::Refused, Fate::TakeBack) => Tried::Done,
        (Ok(()), Failure::Refused, Fate::Keep) => {
            Tried::Failed(DbError::Engine("a command went on after an error".into()))
        }
    }
}

fn failure(tx: &Tx<'_>) -> Option<Failure> {
    match tx {
        Tx::Postgres(tx) => tx.failure(),
        Tx::Sqlite(_) => None,
    }
}

fn end(tx: Tx<'_>, text: &'static str) -> Result<(), DbError> {
    match tx {
        Tx::Postgres(tx) => tx.end(text),
        Tx::Sqlite(_) => Ok(()),
    }
}

/// Runs a change of this room's own.
fn transaction(
    session: &Session,
    change: impl FnOnce(&Tx<'_>) -> Result<(), DbError>,
) -> Result<(), DbError> {
    let tx = Tx::Postgres(PostgresTx::new(session, Purpose::Change));
    match change(&tx) {
        Ok(()) => end(tx, "COMMIT"),
        Err(error) => {
            end(tx, "ROLLBACK")?;
            Err(error)
        }
    }
}

/// Runs `query` in one read transaction: all its statements see the same moment.
pub(super) fn snapshot<T, E: From<DbError>>(
    session: &Session,
    query: impl FnOnce(&Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let tx = Tx::Postgres(PostgresTx::new(session, Purpose::Read));
    let result = query(&tx);
    // A read has nothing to keep, whatever became of it.
    end(tx, "ROLLBACK")?;
    result
}

/// Waits longer with each try, and not as long as others who began to wait at the same time.
#[expect(
    clippy::disallowed_methods,
    reason = "on a thread that may block: the pause is short, and is what makes the next try worth it"
)]
fn pause(tries: u32) {
    let longest = PAUSE_MIN
        .saturating_mul(2_u32.saturating_pow(tries))
        .min(PAUSE_MAX);
    let random = RandomState::new().hash_one(tries) % 1_000;
    let share = u32::try_from(random).unwrap_or_default();
    std::thread::sleep(longest.saturating_mul(share) / 1_000);
}

/// One who waits for a connection.
struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    fn one_more(count: &'a AtomicU64) -> Result<Self, DbError> {
        let waiting = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) < WAITING_MAX {
            Ok(waiting)
        } else {
            Err(DbError::Overloaded)
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
