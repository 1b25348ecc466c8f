//! Why a command or query was not carried out.

use guildhall_db::DbError;
use guildhall_types::{ErrorCode, FieldError};

/// A rule's *no*, or a failure of the server.
///
/// The two are different types on purpose: what is in [`Refused`] was written for the caller; what is in
/// [`Failure`] is for the log and has no way to the wire.
#[derive(Debug)]
pub enum Refusal {
    /// The caller can do something about it.
    Refused(Box<Refused>),
    /// The server could not.
    Failed(Failure),
}

/// A refusal as the caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The stable code.
    pub code: ErrorCode,
    /// What is wrong and what to do.
    pub message: String,
    /// The fields that broke a rule.
    pub fields: Vec<FieldError>,
}

/// A failure of the server, with its causes.
#[derive(Debug)]
pub struct Failure(Box<dyn std::error::Error + Send + Sync>);

impl Failure {
    /// The failure and its causes, for the log.
    pub fn chain(&self) -> String {
        let mut text = self.0.to_string();
        let mut cause = self.0.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

impl Refusal {
    /// A refusal with the code's own sentence.
    pub fn plain(code: ErrorCode) -> Self {
        Self::new(code, code.title())
    }

    /// A refusal with a message of its own.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Refused(Box::new(Refused {
            code,
            message: message.into(),
            fields: Vec::new(),
        }))
    }

    /// A refusal of one field; the message is what follows the field's name.
    pub fn field(code: ErrorCode, field: &str, message: impl Into<String>) -> Self {
        let error = FieldError {
            field: field.to_owned(),
            message: message.into(),
        };
        Self::with_fields(code, vec![error])
    }

    /// A refusal of several fields.
    pub fn with_fields(code: ErrorCode, fields: Vec<FieldError>) -> Self {
        let message = fields
            .iter()
            .map(|error| format!("`{}` {}", error.field, error.message))
            .collect::<Vec<_>>()
            .join("; ");
        Self::Refused(Box::new(Refused {
            code,
            message,
            fields,
        }))
    }

    /// A failure of the server.
    pub fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(Failure(error.into()))
    }

    /// The code, if the caller can do something about it.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(refused) => Some(refused.code),
            Self::Failed(_) => None,
        }
    }
}

impl From<FieldError> for Refusal {
    fn from(error: FieldError) -> Self {
        Self::with_fields(ErrorCode::InvalidRequest, vec![error])
    }
}

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Overloaded => Self::plain(ErrorCode::Overloaded),
            DbError::QueryTimeout => Self::new(
                ErrorCode::Overloaded,
                "the query took longer than it may; narrow it with filters or a longer search text",
            ),
            DbError::Conflict => Self::new(
                ErrorCode::Overloaded,
                "others change the same at the same time; try again",
            ),
            DbError::StorageFull => Self::plain(ErrorCode::StorageUnavailable),
            DbError::Unavailable(cause) => {
                tracing::warn!(%cause, "the database cannot be reached");
                Self::new(
                    ErrorCode::StorageUnavailable,
                    "the database cannot be reached just now; try again",
                )
            }
            DbError::OutcomeUnknown => Self::new(
                ErrorCode::StorageUnavailable,
                "the database was lost while it made the change: it may be made, or not; \
                 the same request with the same `Idempotency-Key` tells, and makes it if it is not",
            ),
            other => Self::internal(other),
        }
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}

/// Collects what is wrong with several fields, so that a caller hears everything at once.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<FieldError>);

impl Faults {
    /// The checked value, or a note of what is wrong with it.
    pub(crate) fn check<T>(&mut self, checked: Result<T, FieldError>) -> Option<T> {
        checked.map_err(|fault| self.0.push(fault)).ok()
    }

    /// Refuses when anything was noted.
    pub(crate) fn refuse(self) -> Result<(), Refusal> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Refusal::with_fields(ErrorCode::InvalidRequest, self.0))
        }
    }
}
