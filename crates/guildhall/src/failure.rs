//! Why a run of the command line ended without doing what was asked.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use guildhall_core::{DbError, Refusal};

/// What the operator reads, and the exit code that a script reads.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A rule or the machine said no; exit code 1. The operator can do something about it.
    Refused(String),
    /// The command line or the configuration is wrong; exit code 2.
    Usage(String),
    /// Guildhall failed; exit code 70, `EX_SOFTWARE` of sysexits.h.
    Internal(String),
}

/// The exit code of [`Failure::Internal`], also when the disk fails under a running server.
pub(crate) const EXIT_INTERNAL: u8 = 70;

impl Failure {
    /// A refusal by the machine: `doing` says what was tried, as in "cannot create `x`".
    pub(crate) fn refused(doing: impl fmt::Display, error: &(dyn Error + 'static)) -> Self {
        Self::Refused(format!("{doing}: {}", chain(error)))
    }

    /// A failure that nobody at the command line can do anything about.
    pub(crate) fn internal(error: &(dyn Error + 'static)) -> Self {
        Self::Internal(chain(error))
    }

    /// What the shell sees.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Refused(_) => ExitCode::FAILURE,
            Self::Usage(_) => ExitCode::from(2),
            Self::Internal(_) => ExitCode::from(EXIT_INTERNAL),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Refused(text) | Self::Usage(text) | Self::Internal(text)) = self;
        f.write_str(text)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Refused(refused) => Self::Refused(refused.message),
            // Who sits at the command line owns the server, and may see the causes.
            Refusal::Failed(failure) => Self::Internal(failure.chain()),
        }
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Foreign { .. } | DbError::SchemaTooNew { .. } => {
                Self::Refused(error.to_string())
            }
            DbError::SchemaTooOld { .. } => Self::Refused(format!(
                "{error}, and was told to leave it as it is (`migrate` is `false`): run `guildhall migrate` first"
            )),
            // Who sits here can do something about it.
            DbError::Address(_) | DbError::Authorities { .. } | DbError::Unavailable(_) => {
                Self::Refused(chain(&error))
            }
            DbError::StorageFull => Self::Refused(
                "the disk of the data directory is full; nothing is lost: make room on it and try again"
                    .to_owned(),
            ),
            other => Refusal::from(other).into(),
        }
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_types::ErrorCode;

    #[test]
    fn a_refusal_shows_its_message_and_a_failure_its_causes() {
        let refused = Failure::from(Refusal::new(ErrorCode::InvalidRequest, "`name` is bad"));
        assert_eq!(refused.to_string(), "`name` is bad");
        assert_eq!(refused.exit_code(), ExitCode::FAILURE);

        let cause = std::io::Error::other("no such device");
        let failed = Failure::from(DbError::Engine(Box::new(cause)));
        assert_eq!(failed.to_string(), "the database failed: no such device");
        assert_eq!(failed.exit_code(), ExitCode::from(EXIT_INTERNAL));
    }

    #[test]
    fn a_database_that_is_not_ours_is_the_operators_to_solve() {
        let foreign = Failure::from(DbError::Foreign {
            path: "x.db".to_owned(),
        });
        assert!(matches!(foreign, Failure::Refused(text) if text.contains("`x.db`")));
    }
}
