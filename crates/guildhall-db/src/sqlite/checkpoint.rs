//! Moving the write-ahead log back into the file, beside the writer instead of inside a commit.
//!
//! A thread of its own moves the bulk while the writer goes on, and syncs the file. It never comes to the end of a log that
//! is being written, and only at its end does the log start anew: the last step is the writer's, between two groups, when
//! little is left to move. So the log stays short and is written over and over in the same place, which costs half of what
//! it costs to let it grow.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use super::beside::open_for_good;
use super::error::is_io_failure;
use super::rounds::{Pause, Rounds};
use super::{Journal, open};
use crate::error::DbError;

/// How often the log is looked at when the writer does not say that it is long: another process may have written it.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Pages in the log from which it is moved back: 32 MiB, half of what is kept of the file.
const LONG_PAGES: i64 = 8 * 1024;

/// Pages that the writer moves itself: not more than a few of its groups write.
const LAST_STEP_PAGES: i64 = 1024;

/// How often the bulk is moved before the writer takes the last step, however long it is by then.
const PASSES_MAX: u32 = 3;

/// Moves the log back as far as no reader needs it, without waiting for anybody.
const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// Moves nothing, and tells how long the log is.
const LOOK: &str = "PRAGMA wal_checkpoint(NOOP)";

/// Moves all of the log and cuts its file.
const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// The writer's part in keeping the log short.
#[derive(Debug)]
pub(crate) struct Handover {
    pause: Arc<Pause>,
    last_step: Arc<AtomicBool>,
}

impl Handover {
    /// Calls the checkpointer when the log is long, and takes the last step when it is the writer's turn. Between two of its
    /// groups.
    pub(super) fn between_groups(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.last_step.swap(false, Ordering::Relaxed) {
            run(connection, PASSIVE)?;
        } else if run(connection, LOOK)?.rest >= LONG_PAGES {
            self.pause.cut_short();
        }
        Ok(())
    }
}

/// The thread that keeps the log short.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    last_step: Arc<AtomicBool>,
    failed: Arc<AtomicBool>,
    rounds: Rounds,
}

impl Checkpointer {
    /// Starts the thread. `fatal` is called when the disk fails, as in the writer: a checkpoint syncs the database file.
    pub(crate) fn start(database: &Path, fatal: fn(&DbError)) -> Result<Self, DbError> {
        let file = open_for_good(database).map_err(|error| DbError::Engine(Box::new(error)))?;
        let mover = Mover {
            connection: open(database, Journal::Write)?,
            file,
            last_step: Arc::default(),
            failed: Arc::default(),
            fatal,
        };
        Ok(Self {
            last_step: Arc::clone(&mover.last_step),
            failed: Arc::clone(&mover.failed),
            rounds: Rounds::start("checkpointer", LOOK_EVERY, move |pause| mover.work(pause))?,
        })
    }

    /// What the writer needs to do its part.
    pub(crate) fn handover(&self) -> Handover {
        Handover {
            pause: self.rounds.pause(),
            last_step: Arc::clone(&self.last_step),
        }
    }

    /// Whether the last try failed.
    pub(crate) fn failing(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

struct Mover {
    connection: Connection,
    file: &'static File,
    last_step: Arc<AtomicBool>,
    failed: Arc<AtomicBool>,
    fatal: fn(&DbError),
}

impl Mover {
    fn work(self, pause: &Pause) {
        while pause.next() {
            if let Err(error) = self.shorten() {
                if is_io_failure(&error) {
                    (self.fatal)(&error.into());
                    return;
                }
                // The log only grows meanwhile; the next look tries again.
                if !self.failed.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "cannot move the write-ahead log into the database");
                }
            } else {
                self.failed.store(false, Ordering::Relaxed);
            }
        }
        if let Err(error) = run(&self.connection, TRUNCATE) {
            tracing::debug!(%error, "the write-ahead log stays until the next start");
        }
    }

    /// Moves a long log back, again while that leaves much less than before; what is left then is the writer's. When
    /// nothing moves, a reader holds the log: then there is nothing to sync, and nothing for the writer to do.
    fn shorten(&self) -> rusqlite::Result<()> {
        let mut log = run(&self.connection, LOOK)?;
        if log.rest < LONG_PAGES {
            return Ok(());
        }
        for _ in 0..PASSES_MAX {
            let before = log;
            if run(&self.connection, PASSIVE)?.moved <= before.moved {
                return Ok(());
            }
            // SQLite syncs the file only at the end of the log. Done here, the writer finds little left to sync.
            if let Err(error) = self.file.sync_data() {
                (self.fatal)(&DbError::Engine(Box::new(error)));
                return Ok(());
            }
            log = run(&self.connection, LOOK)?;
            if log.rest == 0 {
                return Ok(());
            }
            if log.rest <= LAST_STEP_PAGES || log.rest > before.rest / 2 {
                break;
            }
        }
        self.last_step.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// How far a log is moved back, in pages.
#[derive(Clone, Copy, Debug)]
struct Log {
    moved: i64,
    rest: i64,
}

/// Runs a checkpoint; tells how far the log is moved back after it.
fn run(connection: &Connection, pragma: &'static str) -> rusqlite::Result<Log> {
    let mut prepared = connection.prepare_cached(pragma)?;
    prepared.query_row((), |row| {
        let (pages, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(Log {
            moved,
            rest: pages - moved,
        })
    })
}

/// Where SQLite keeps the log of this database.
pub(crate) fn log_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    path.into()
}

/// The size of the log; 0 when there is none.
pub(crate) fn log_bytes(log: &Path) -> u64 {
    std::fs::metadata(log).map_or(0, |file| file.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, Migration, Options, Source, Stmt, Verdict};

    static INSERT: Stmt = Stmt::new("INSERT INTO things (id, content) VALUES (?1, ?2)");

    const MIGRATIONS: &[Migration] = &[Migration {
        number: 1,
        name: "things",
        usable_from: None,
        text: "CREATE TABLE things (id BIGINT NOT NULL PRIMARY KEY, content BYTEA NOT NULL);\n",
    }];

    /// Pages that one change of the test writes, and how many it makes.
    const CHANGE_PAGES: usize = 128;
    const CHANGES: i64 = 1_000;

    async fn write(database: &Database, id: i64) -> Result<(), DbError> {
        let content = vec![0_u8; CHANGE_PAGES * 4_096];
        let insert = move |tx: &crate::Tx<'_>| {
            tx.exec_exactly(1, &INSERT, &[&id, &content])?;
            Ok(Verdict::Keep(()))
        };
        database.write(insert, |_, ()| Ok(()), |()| ()).await
    }

    #[tokio::test]
    async fn the_log_starts_anew_although_writes_never_pause() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("things.db");
        let database = Database::open(Options {
            source: Source::Sqlite(path),
            migrations: MIGRATIONS,
            hooks: Vec::new(),
            fatal: |error| panic!("{error}"),
        })
        .unwrap();
        let mut longest = 0;
        // Two at a time: the next is queued before the one before it is answered.
        let mut ids = 0..CHANGES;
        while let (Some(first), Some(second)) = (ids.next(), ids.next()) {
            let (first, second) = tokio::join!(write(&database, first), write(&database, second));
            first.and(second).unwrap();
            longest = longest.max(database.stats().log_bytes);
        }
        assert!(longest < 256 * 1024 * 1024, "{longest} bytes");
    }

    #[test]
    fn a_log_that_a_reader_holds_is_nothing_for_the_writer() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("things.db");
        let writer = open(&path, Journal::Write).unwrap();
        writer
            .execute_batch("CREATE TABLE things (content)")
            .unwrap();
        let reader = open(&path, Journal::Read).unwrap();
        reader
            .execute_batch("BEGIN; SELECT count(*) FROM things")
            .unwrap();
        let bytes = LONG_PAGES * 4_096;
        let insert = format!("INSERT INTO things (content) VALUES (zeroblob({bytes}))");
        writer.execute_batch(&insert).unwrap();

        let mover = Mover {
            connection: open(&path, Journal::Write).unwrap(),
            file: open_for_good(&path).unwrap(),
            last_step: Arc::default(),
            failed: Arc::default(),
            fatal: |error| panic!("{error}"),
        };
        let rest = || run(&mover.connection, LOOK).unwrap().rest;
        // What was there before the reader is moved; no more of it.
        mover.shorten().unwrap();
        mover.last_step.store(false, Ordering::Relaxed);
        mover.shorten().unwrap();
        assert!(rest() >= LONG_PAGES);
        assert!(!mover.last_step.load(Ordering::Relaxed), "a vain last step");

        reader.execute_batch("COMMIT").unwrap();
        mover.shorten().unwrap();
        assert_eq!(rest(), 0);
    }
}
