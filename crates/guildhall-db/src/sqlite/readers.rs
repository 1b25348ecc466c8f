//! Connections for reading: short reads on the caller's thread, long ones on threads of their own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{Journal, SqliteTx, open};
use crate::error::DbError;
use crate::tx::Tx;

/// Long reads that run at once; more wait for their turn, without holding a thread.
const LISTS_AT_ONCE: usize = 2;

/// How long one long read may run.
const LIST_DEADLINE: Duration = Duration::from_secs(20);

/// Virtual-machine steps between two looks at the clock.
const STEPS_A_LOOK: i32 = 20_000;

/// The connections of one purpose. Those in use are bounded by the threads that can use them, so that the pool
/// never makes anybody wait.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    points: Mutex<Vec<Connection>>,
    lists: Mutex<Vec<List>>,
    turns: Arc<Semaphore>,
}

#[derive(Debug)]
struct List {
    connection: Connection,
    /// Microseconds after `epoch` at which the running read is stopped.
    deadline_micros: Arc<AtomicU64>,
    epoch: Instant,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            points: Mutex::default(),
            lists: Mutex::default(),
            turns: Arc::new(Semaphore::new(LISTS_AT_ONCE)),
        }
    }

    /// Runs a short read on the calling thread, in one snapshot of the data.
    ///
    /// Why not on a thread of its own: the hand-over costs more than the read.
    pub(crate) fn point<T, E: From<DbError>>(
        &self,
        query: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let idle = self
            .points
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open(&self.path, Journal::Read)?,
        };
        let result = snapshot(&connection, query);
        if connection.is_autocommit() {
            self.points
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
        }
        result
    }

    /// Runs a read of any length on the calling thread, on a connection of its own that nothing stops.
    pub(crate) fn long<T, E: From<DbError>>(
        &self,
        query: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        snapshot(&open(&self.path, Journal::Read)?, query)
    }

    /// Runs a read that may be long on a thread of its own; stops it after [`LIST_DEADLINE`].
    pub(crate) async fn list<T, E>(
        self: &Arc<Self>,
        query: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| DbError::Closed)?;
        let readers = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            // Held by the read: a caller that goes away does not end it.
            let _turn = turn;
            let idle = readers
                .lists
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            let list = match idle {
                Some(list) => list,
                None => List::open(&readers.path)?,
            };
            let deadline = list.epoch.elapsed().saturating_add(LIST_DEADLINE);
            let deadline = u64::try_from(deadline.as_micros()).unwrap_or(u64::MAX);
            list.deadline_micros.store(deadline, Ordering::Relaxed);
            let result = snapshot(&list.connection, query);
            if list.connection.is_autocommit() {
                readers
                    .lists
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(list);
            }
            result
        })
        .await
        .map_err(|_| DbError::Panicked)?
    }
}

impl List {
    fn open(path: &std::path::Path) -> Result<Self, DbError> {
        let mut connection = open(path, Journal::Read)?;
        let deadline_micros = Arc::new(AtomicU64::new(u64::MAX));
        let epoch = Instant::now();
        let deadline = Arc::clone(&deadline_micros);
        connection.progress_handler(
            STEPS_A_LOOK,
            Some(move || {
                epoch.elapsed().as_micros() > u128::from(deadline.load(Ordering::Relaxed))
            }),
        )?;
        Ok(Self {
            connection,
            deadline_micros,
            epoch,
        })
    }
}

/// Runs `query` in one read transaction: all its statements see the same moment.
pub(super) fn snapshot<T, E: From<DbError>>(
    connection: &Connection,
    query: impl FnOnce(&Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    batch(connection, "BEGIN")?;
    let result = query(&Tx::Sqlite(SqliteTx { connection }));
    // A read has nothing to keep, whatever became of it.
    batch(connection, "ROLLBACK")?;
    result
}

fn batch(connection: &Connection, text: &'static str) -> Result<(), DbError> {
    connection.prepare_cached(text)?.execute(())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_read_whose_caller_went_away_counts_until_it_ends() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("things.db");
        drop(open(&path, Journal::Write).unwrap());
        let readers = Arc::new(Readers::new(path));
        let mut ends = Vec::new();
        for _ in 0..LISTS_AT_ONCE {
            let (readers, (begun, begins)) = (Arc::clone(&readers), oneshot::channel());
            let (end, ended) = oneshot::channel::<()>();
            ends.push(end);
            let read = async move {
                let read = readers.list(|_| {
                    begun.send(()).unwrap();
                    Ok::<_, DbError>(ended.blocking_recv())
                });
                read.await
            };
            let caller = tokio::spawn(read);
            begins.await.unwrap();
            caller.abort();
            assert!(caller.await.unwrap_err().is_cancelled());
        }
        let mut one_more = pin!(readers.list(|_| Ok::<_, DbError>(())));
        let patience = Duration::from_millis(100);
        let early = tokio::time::timeout(patience, one_more.as_mut()).await;
        assert!(early.is_err(), "it runs beside those that nobody waits for");
        drop(ends);
        one_more.await.unwrap();
    }
}
