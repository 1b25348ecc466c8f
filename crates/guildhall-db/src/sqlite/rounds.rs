//! Threads that do the same again and again until their owner goes.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The next round is wanted at once.
    wanted: bool,
    /// There is no next round.
    over: bool,
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
            state: Mutex::default(),
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

    /// The time between two of its rounds, for those who want the next one at once.
    pub(crate) fn pause(&self) -> Arc<Pause> {
        Arc::clone(&self.pause)
    }
}

impl Pause {
    /// Waits for the next round; false when there is none.
    pub(crate) fn next(&self) -> bool {
        let idle = |state: &mut State| !state.wanted && !state.over;
        let waited = self
            .changed
            .wait_timeout_while(self.state(), self.every, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.wanted = false;
        !state.over
    }

    /// Begins the next round at once.
    pub(crate) fn cut_short(&self) {
        self.state().wanted = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Rounds {
    fn drop(&mut self) {
        self.pause.state().over = true;
        self.pause.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was logged where it happened.
            drop(thread.join());
        }
    }
}
