//! Asking the writer, twice a second, whether another process wrote: the command line beside the server.
//!
//! Why the writer: only the connection that makes this process's commits can tell them from those of others.

use std::time::Duration;

use super::rounds::Rounds;
use crate::error::DbError;

/// How often an idle writer is asked to look.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Starts the thread that asks; it ends when `ask` tells that nobody is there to be asked.
pub(crate) fn start(ask: impl Fn() -> bool + Send + 'static) -> Result<Rounds, DbError> {
    Rounds::start(
        "lookout",
        LOOK_EVERY,
        move |pause| {
            while pause.next() && ask() {}
        },
    )
}
