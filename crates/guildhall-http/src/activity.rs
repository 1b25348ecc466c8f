//! What a connection is doing, and how long it may go on like that.
//!
//! hyper knows one deadline for HTTP/1.1, which runs while a connection is idle as well as while a head arrives
//! byte by byte, and none for HTTP/2. Here they are two, for both protocols: a client that keeps a connection
//! for later is welcome for a minute, one that trickles a head is not. Everything is counted from events; the
//! connection looks at the verdict from time to time, so that a request costs no timer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a connection may be in each phase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    /// From the first byte of a head (or from the connection, for the first request) to its last.
    pub(crate) header: Duration,
    /// Between requests, and between two steps of sending an answer.
    pub(crate) idle: Duration,
}

/// What is to be done with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Keep,
    /// Take no further request, finish what is under way, close.
    Close,
    /// Close now: the client does not do its part.
    Cut,
}

/// The events of one connection.
#[derive(Debug)]
pub(crate) struct Activity {
    deadlines: Deadlines,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The last event.
    since: Instant,
    /// Whether a request has ever arrived.
    served: bool,
    /// Whether bytes have arrived that are no request yet.
    head_begun: bool,
    /// HTTP/2: bytes may be of the protocol itself, for example a ping.
    multiplexed: bool,
    /// Requests whose handlers run.
    handling: usize,
    /// Answers whose bodies have not been taken over by the connection.
    sending: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opening,
    Handling,
    Sending,
    Head,
    Idle,
}

impl State {
    fn phase(&self) -> Phase {
        match self {
            Self { handling: 1.., .. } => Phase::Handling,
            Self { sending: 1.., .. } => Phase::Sending,
            Self { served: false, .. } => Phase::Opening,
            Self {
                head_begun: true, ..
            } => Phase::Head,
            _ => Phase::Idle,
        }
    }
}

impl Activity {
    pub(crate) fn new(deadlines: Deadlines) -> Arc<Self> {
        let state = State {
            since: Instant::now(),
            served: false,
            head_begun: false,
            multiplexed: false,
            handling: 0,
            sending: 0,
        };
        Arc::new(Self {
            deadlines,
            state: Mutex::new(state),
        })
    }

    /// The client sent something, whatever it is.
    pub(crate) fn bytes_arrived(&self) {
        let mut state = self.state();
        if state.phase() == Phase::Idle && !state.multiplexed {
            state.head_begun = true;
            state.since = Instant::now();
        }
    }

    /// A head is complete.
    pub(crate) fn request_arrived(self: &Arc<Self>, multiplexed: bool) -> Exchange {
        self.event(|state| {
            state.served = true;
            state.head_begun = false;
            state.multiplexed = multiplexed;
            state.handling += 1;
        });
        Exchange {
            activity: Arc::clone(self),
            answered: false,
        }
    }

    /// Whether no request has arrived yet.
    pub(crate) fn is_fresh(&self) -> bool {
        !self.state().served
    }

    /// Whether the client keeps the connection for later.
    pub(crate) fn is_idle(&self) -> bool {
        self.state().phase() == Phase::Idle
    }

    /// What is to be done at this moment.
    pub(crate) fn verdict(&self, now: Instant) -> Verdict {
        let state = self.state();
        let elapsed = now.saturating_duration_since(state.since);
        match state.phase() {
            Phase::Opening | Phase::Head if elapsed > self.deadlines.header => Verdict::Cut,
            Phase::Sending if elapsed > self.deadlines.idle => Verdict::Cut,
            Phase::Idle if elapsed > self.deadlines.idle => Verdict::Close,
            Phase::Opening | Phase::Head | Phase::Handling | Phase::Sending | Phase::Idle => {
                Verdict::Keep
            }
        }
    }

    fn event(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        state.since = Instant::now();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Only numbers are changed under the lock: there is no half of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request, from its head to the end of its answer; dropping it is the end, however that came.
#[derive(Debug)]
pub(crate) struct Exchange {
    activity: Arc<Activity>,
    answered: bool,
}

impl Exchange {
    /// The handler is done; what follows is up to the client.
    pub(crate) fn answered(&mut self) {
        if !std::mem::replace(&mut self.answered, true) {
            self.activity.event(|state| {
                state.handling = state.handling.saturating_sub(1);
                state.sending += 1;
            });
        }
    }

    /// The connection took a piece of the answer.
    pub(crate) fn progressed(&self) {
        self.activity.event(|_| ());
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let answered = self.answered;
        self.activity.event(|state| {
            let count = if answered {
                &mut state.sending
            } else {
                &mut state.handling
            };
            *count = count.saturating_sub(1);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINES: Deadlines = Deadlines {
        header: Duration::from_secs(10),
        idle: Duration::from_mins(1),
    };

    fn verdict_after(activity: &Activity, seconds: u64) -> Verdict {
        activity.verdict(Instant::now() + Duration::from_secs(seconds))
    }

    #[test]
    fn a_first_head_may_take_ten_seconds() {
        let activity = Activity::new(DEADLINES);
        activity.bytes_arrived();
        assert_eq!(verdict_after(&activity, 9), Verdict::Keep);
        assert_eq!(verdict_after(&activity, 11), Verdict::Cut);
    }

    #[test]
    fn a_handler_has_no_deadline_here_but_taking_the_answer_has() {
        let activity = Activity::new(DEADLINES);
        let mut exchange = activity.request_arrived(false);
        assert_eq!(verdict_after(&activity, 3600), Verdict::Keep);
        exchange.answered();
        assert_eq!(verdict_after(&activity, 59), Verdict::Keep);
        assert_eq!(verdict_after(&activity, 61), Verdict::Cut);
    }

    #[test]
    fn between_requests_a_connection_may_idle_but_not_trickle() {
        let activity = Activity::new(DEADLINES);
        drop(activity.request_arrived(false));
        assert!(activity.is_idle());
        assert_eq!(verdict_after(&activity, 59), Verdict::Keep);
        assert_eq!(verdict_after(&activity, 61), Verdict::Close);
        activity.bytes_arrived();
        assert_eq!(verdict_after(&activity, 11), Verdict::Cut);
    }

    #[test]
    fn a_ping_of_http_2_is_not_the_beginning_of_a_head() {
        let activity = Activity::new(DEADLINES);
        drop(activity.request_arrived(true));
        activity.bytes_arrived();
        assert_eq!(verdict_after(&activity, 11), Verdict::Keep);
    }

    #[test]
    fn one_answer_that_is_stuck_does_not_hide_behind_another_s_handler() {
        let activity = Activity::new(DEADLINES);
        let mut stuck = activity.request_arrived(true);
        stuck.answered();
        let running = activity.request_arrived(true);
        assert_eq!(verdict_after(&activity, 61), Verdict::Keep);
        drop(running);
        assert_eq!(verdict_after(&activity, 61), Verdict::Cut);
    }
}
