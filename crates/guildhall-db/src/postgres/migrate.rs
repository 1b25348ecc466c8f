//! The schema on PostgreSQL.

use std::num::ParseIntError;
use std::time::Duration;

use super::session::Session;
use crate::error::DbError;
use crate::migrations::{Found, Migration, lacking, row, statements};

/// How long a server waits for another that brings the schema up to date.
const PATIENCE: Duration = Duration::from_mins(10);

const PAUSE: Duration = Duration::from_millis(200);

const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
  number BIGINT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL
)";

const TABLE: &str = "SELECT CAST(to_regclass('schema_migrations') AS TEXT)";

/// Readers go on; a second one who wants to migrate waits.
const LOCK: &str = "BEGIN; LOCK TABLE schema_migrations IN SHARE ROW EXCLUSIVE MODE";

/// Makes the schema that everything stands in. `schema` is a name that needs no quotes.
pub(super) fn create_schema(session: &Session, schema: &str) -> Result<(), DbError> {
    let there = format!("SELECT nspname FROM pg_namespace WHERE nspname = '{schema}'");
    // To say "if not exists" takes the right to create one.
    if session.text(&there)?.is_some() {
        return Ok(());
    }
    patiently(|| session.batch(&format!("CREATE SCHEMA IF NOT EXISTS {schema}")))
}

/// Brings the schema up to date, each step in a transaction of its own, and tells the steps that were run here; safe when
/// several servers start at once, and whatever is killed meanwhile.
pub(super) fn migrate<'s>(
    session: &Session,
    steps: &'s [Migration],
) -> Result<Vec<&'s Migration>, DbError> {
    let mut run = Vec::new();
    // Patiently: whoever fills the database holds everything until it is whole.
    while !patiently(|| lacking(steps, found(session, steps)?))?.is_empty() {
        patiently(|| session.batch(VERSIONS))?;
        run.extend(patiently(|| {
            session
                .batch(LOCK)
                .and_then(|()| next_step(session, steps))
                .or_else(|error| {
                    session.batch("ROLLBACK")?;
                    Err(error)
                })
        })?);
    }
    Ok(run)
}

/// What the database tells of its schema. It may have none.
pub(super) fn found(session: &Session, steps: &[Migration]) -> Result<Found, DbError> {
    if session.text(TABLE)?.is_none() {
        return Ok(Found::default());
    }
    Found::read(steps, |text| {
        let number = session.text(text)?;
        let number = number.map(|number| number.parse()).transpose();
        number.map_err(|error: ParseIntError| DbError::Engine(Box::new(error)))
    })
}

/// Runs the first step that is lacking, unless another did so meanwhile.
fn next_step<'s>(
    session: &Session,
    steps: &'s [Migration],
) -> Result<Option<&'s Migration>, DbError> {
    let step = lacking(steps, found(session, steps)?)?.first();
    if let Some(step) = step {
        for statement in statements(step.text) {
            session.batch(&postgres_text(&statement))?;
        }
        session.batch(&row(step))?;
    }
    session.batch("COMMIT")?;
    Ok(step)
}

/// Waits for others who do the same.
#[expect(
    clippy::disallowed_methods,
    reason = "on a thread that may block, before anything is served"
)]
fn patiently<T>(mut work: impl FnMut() -> Result<T, DbError>) -> Result<T, DbError> {
    let start = std::time::Instant::now();
    loop {
        match work() {
            Err(DbError::Conflict) if start.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            done => return done,
        }
    }
}

/// The PostgreSQL form of a neutral statement: texts are compared and ordered byte by byte, whatever the language of
/// the database.
fn postgres_text(statement: &str) -> String {
    statement.replace(" TEXT", " TEXT COLLATE \"C\"")
}
