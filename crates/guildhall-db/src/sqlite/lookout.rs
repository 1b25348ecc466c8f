//! Looking around twice a second: whether another process wrote (the command line beside the server), and whether a
//! full disk has room again.
//!
//! Why the writer is asked about the other processes: only the connection that makes this process's commits can tell them
//! from those of others. Why it is not asked about the disk: a look at it writes and syncs, and commits would wait.

use std::sync::Arc;
use std::time::Duration;

use super::room::Room;
use super::rounds::Rounds;
use crate::error::DbError;

/// How often an idle writer is asked to look, and a full disk is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Starts the thread; it ends when `ask` tells that there is no writer to be asked.
pub(crate) fn start(
    ask: impl Fn() -> bool + Send + 'static,
    room: Arc<Room>,
) -> Result<Rounds, DbError> {
    Rounds::start("lookout", LOOK_EVERY, move |pause| {
        while pause.next() && ask() {
            room.look();
        }
    })
}
