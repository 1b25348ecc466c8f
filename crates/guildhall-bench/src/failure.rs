//! What stops a benchmark.

use std::fmt;

use guildhall_core::Refusal;

/// Why a benchmark stopped: what was being done, and what to do next where that is known.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// What a step of a benchmark comes to.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// For `map_err`: names what was being done when `error` came.
    pub(crate) fn doing<E: fmt::Display>(action: impl fmt::Display) -> impl FnOnce(E) -> Self {
        move |error| Self(format!("{action}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Refused(refused) => Self(refused.message),
            Refusal::Failed(failure) => Self(failure.chain()),
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self(format!("the database of the data set: {error}"))
    }
}
