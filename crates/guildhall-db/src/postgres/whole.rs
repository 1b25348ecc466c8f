//! A database as a whole, on one connection that nothing stops.

use super::engine::{Way, apart, snapshot};
use super::migrate::{create_schema, found, migrate};
use super::session::Session;
use super::tls::Tls;
use super::{PostgresOptions, PostgresTx};
use crate::error::DbError;
use crate::migrations::{Migration, known, lacking};
use crate::tx::Tx;

fn session(options: &PostgresOptions) -> Result<Session, DbError> {
    let tls = Tls::new(options.authorities.as_deref())?;
    Way::new(&options.patient(), tls)?.open()
}

/// Brings the schema up to date, and makes it if it is missing.
pub(super) fn prepare<'s>(
    session: &Session,
    options: &PostgresOptions,
    steps: &'s [Migration],
) -> Result<Vec<&'s Migration>, DbError> {
    if let Some(schema) = &options.schema {
        create_schema(session, schema)?;
    }
    migrate(session, steps)
}

pub(crate) fn missing_steps<'s>(
    options: &PostgresOptions,
    steps: &'s [Migration],
) -> Result<&'s [Migration], DbError> {
    apart(|| lacking(steps, found(&session(options)?, steps)?))
}

pub(crate) fn run_steps<'s>(
    options: &PostgresOptions,
    steps: &'s [Migration],
) -> Result<Vec<&'s Migration>, DbError> {
    apart(|| prepare(&session(options)?, options, steps))
}

pub(crate) fn read<T, E>(
    options: &PostgresOptions,
    steps: &[Migration],
    query: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send,
) -> Result<T, E>
where
    T: Send,
    E: From<DbError> + Send,
{
    apart(|| {
        let session = session(options)?;
        found(&session, steps)?.must_be(known(steps))?;
        snapshot(&session, query)
    })
}

pub(crate) fn fill<T, E>(
    options: &PostgresOptions,
    steps: &[Migration],
    tables: &[&'static str],
    work: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send,
) -> Result<T, E>
where
    T: Send,
    E: From<DbError> + Send,
{
    apart(|| {
        let session = session(options)?;
        prepare(&session, options, steps)?;
        let tables = tables.join(", ");
        let lock = format!("LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE");
        session.batch(&format!("BEGIN READ WRITE; {lock}"))?;
        let answer = work(&Tx::Postgres(PostgresTx::begun(&session)));
        if answer.is_ok() {
            // Whoever asks first must not be answered by a plan for empty tables.
            session.batch(&format!("ANALYZE {tables}; COMMIT"))?;
        }
        // The connection ends here, and with it what was not committed.
        answer
    })
}
