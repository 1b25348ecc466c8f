//! What stops a command.

use std::fmt;

/// Why a command stopped, in words for the person who ran it: what was being done, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// What a command comes to.
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
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
