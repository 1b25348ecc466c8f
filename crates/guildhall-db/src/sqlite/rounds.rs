//! Threads that do the same again and again until their owner goes.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::error::DbError;

/// A thread that makes rounds. Dropping it ends the last round and waits for the thread.
#[derive(Debug)]
pub(crate) struct Rounds {
    pause: Arc<Pause>,
    thread: Option<JoinHandle<()>>,
}

/// The time between two rounds.
#[derive(Debug)]
pub(crate) struct Pause {
    every: Duration,
    over: Mutex<bool>,
    changed: Condvar,
}

impl Rounds {
    /// Starts a thread of this name; `work` asks its [`Pause`] before each round.
    pub(crate) fn start(
        name: &str,
        every: Duration,
        work: impl FnOnce(&Pause) + Send + 'static,
    ) -> Result<Self, DbError> {
        let pause = Arc::new(Pause {
            every,
            over: Mutex::new(false),
            changed: Condvar::new(),
        });
        let shared = Arc::clone(&pause);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&shared))
            .map_err(|error| DbError::Engine(Box::new(error)))?;
        Ok(Self {
            pause,
            thread: Some(thread),
        })
    }
}

impl Pause {
    /// Waits for the next round; false when there is none.
    pub(crate) fn next(&self) -> bool {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(over, self.every, |over| !*over);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Rounds {
    fn drop(&mut self) {
        *self
            .pause
            .over
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.pause.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was logged where it happened.
            drop(thread.join());
        }
    }
}
