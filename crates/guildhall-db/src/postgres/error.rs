//! PostgreSQL's SQLSTATEs, translated once.

use tokio_postgres::error::SqlState;

use crate::error::DbError;

/// What a unique index is called: `unique_<table>__<column>`.
const UNIQUE_PREFIX: &str = "unique_";

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(refused) = error.as_db_error() else {
            return if is_lost(&error) {
                Self::Unavailable(Box::new(error))
            } else {
                Self::Engine(Box::new(error))
            };
        };
        match refused.code() {
            &SqlState::UNIQUE_VIOLATION => unique(refused.constraint()),
            &SqlState::FOREIGN_KEY_VIOLATION => Self::ForeignKey,
            &SqlState::T_R_SERIALIZATION_FAILURE
            | &SqlState::T_R_DEADLOCK_DETECTED
            | &SqlState::LOCK_NOT_AVAILABLE => Self::Conflict,
            &SqlState::QUERY_CANCELED => Self::QueryTimeout,
            &SqlState::DISK_FULL => Self::StorageFull,
            &SqlState::TOO_MANY_CONNECTIONS => Self::Overloaded,
            code if is_unavailable(code) => Self::Unavailable(Box::new(error)),
            _ => Self::Engine(Box::new(error)),
        }
    }
}

/// A primary key can only be taken by somebody who did the same at the same time: the command is run again and finds it.
fn unique(constraint: Option<&str>) -> DbError {
    constraint
        .and_then(|name| name.strip_prefix(UNIQUE_PREFIX)?.split_once("__"))
        .map_or(DbError::Conflict, |(table, column)| {
            DbError::Unique(format!("{table}.{column}"))
        })
}

/// Whether the server goes down, comes up, cannot write just now, or was taken from us.
fn is_unavailable(code: &SqlState) -> bool {
    // Class 08 is the connection; 57P01 to 57P05 are shutdowns; 25006 is a standby, which a failover may have left us with.
    let text = code.code();
    text.starts_with("08") || text.starts_with("57P") || text == "25006"
}

/// Whether the connection is gone, so that nothing more can be asked on it.
fn is_lost(error: &tokio_postgres::Error) -> bool {
    use std::error::Error;
    let broken = error
        .source()
        .is_some_and(<dyn Error>::is::<std::io::Error>);
    error.is_closed() || broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_is_named_as_the_embedded_engine_names_it() {
        assert!(
            matches!(unique(Some("unique_users__username_key")), DbError::Unique(column) if column == "users.username_key")
        );
        assert!(matches!(
            unique(Some("idempotency_records_pkey")),
            DbError::Conflict
        ));
    }
}
