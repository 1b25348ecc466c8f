//! A command on its way through an engine, with the place for its answer.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::database::Verdict;
use crate::error::DbError;
use crate::tx::Tx;

/// What a command wants done with its changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Keep them.
    Keep,
    /// Take them back.
    TakeBack,
}

/// A command; the closure and the place for its answer are inside.
pub(crate) trait Job: Send {
    /// Runs the command and keeps its answer.
    fn run(&mut self, tx: &Tx<'_>) -> Fate;
    /// Runs what must be written whatever the command did; the answer turns into an error if it fails.
    fn epilogue(&mut self, tx: &Tx<'_>) -> Fate;
    /// Sends the answer, now that it is committed, or the reason why it is not.
    fn answer(self: Box<Self>, commit: Result<(), DbError>);
}

/// Runs a step of a command; one that panics is taken back.
pub(crate) fn guarded(step: impl FnOnce() -> Fate) -> Fate {
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|_| {
        tracing::error!("a command panicked and is taken back");
        Fate::TakeBack
    })
}

/// The closures of [`Database::write`](crate::Database::write) and where its answer goes.
pub(crate) struct Command<T, E, C, P, S> {
    run: C,
    epilogue: P,
    committed: S,
    result: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
    error: PhantomData<E>,
}

impl<T, E, C, P, S> Command<T, E, C, P, S> {
    /// A command, and where its answer arrives.
    pub(crate) fn new(
        run: C,
        epilogue: P,
        committed: S,
    ) -> (Self, oneshot::Receiver<Result<T, E>>) {
        let (answer, receiver) = oneshot::channel();
        let command = Self {
            run,
            epilogue,
            committed,
            result: None,
            answer,
            error: PhantomData,
        };
        (command, receiver)
    }
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
        // If it panics, no answer of an earlier run is left that would claim success.
        self.result = None;
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use rusqlite::Connection;

    use super::*;
    use crate::sqlite::SqliteTx;

    #[tokio::test]
    async fn a_command_that_panics_when_it_is_run_again_did_nothing() {
        let connection = Connection::open_in_memory().unwrap();
        let tx = Tx::Sqlite(SqliteTx {
            connection: &connection,
        });
        let again = AtomicBool::new(false);
        let (command, answer) = Command::new(
            move |_: &Tx<'_>| {
                assert!(!again.swap(true, Ordering::Relaxed), "it panics this time");
                Ok::<_, DbError>(Verdict::Keep(()))
            },
            |_: &Tx<'_>, (): &()| Ok(()),
            |(): &()| {},
        );
        let mut command = Box::new(command);
        assert_eq!(guarded(|| command.run(&tx)), Fate::Keep);
        assert_eq!(guarded(|| command.epilogue(&tx)), Fate::Keep);
        assert_eq!(guarded(|| command.run(&tx)), Fate::TakeBack);
        assert_eq!(guarded(|| command.epilogue(&tx)), Fate::TakeBack);
        command.answer(Ok(()));
        assert!(matches!(answer.await.unwrap(), Err(DbError::Panicked)));
    }
}
