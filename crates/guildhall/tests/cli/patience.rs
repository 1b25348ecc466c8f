//! Waiting for what another process does.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that should take a moment.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Looks again and again until `condition` holds.
#[track_caller]
pub(crate) fn eventually(what: &str, condition: impl FnMut() -> bool) {
    within(PATIENCE, what, condition);
}

/// The same, with a bound that is the point of the test.
#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "what another process does has no event here"
)]
pub(crate) fn within(bound: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + bound;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {bound:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
