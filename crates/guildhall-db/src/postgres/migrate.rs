//! The schema on PostgreSQL.

use std::time::Duration;

use super::session::Session;
use crate::error::DbError;
use crate::migrations::{Migration, known, statements};

/// How long a server waits for another that brings the schema up to date.
const PATIENCE: Duration = Duration::from_mins(10);

const PAUSE: Duration = Duration::from_millis(200);

const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
  number BIGINT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL
)";

/// Readers go on; a second one who wants to migrate waits.
const LOCK: &str = "BEGIN; LOCK TABLE schema_migrations IN SHARE ROW EXCLUSIVE MODE";

/// Makes the schema that everything stands in. `schema` is a name that needs no quotes.
pub(super) fn create_schema(session: &Session, schema: &str) -> Result<(), DbError> {
    patiently(|| session.batch(&format!("CREATE SCHEMA IF NOT EXISTS {schema}")))
}

/// Brings the schema up to date, each step in a transaction of its own; safe when several servers start at once, and
/// whatever is killed meanwhile.
pub(super) fn migrate(session: &Session, steps: &[Migration]) -> Result<(), DbError> {
    patiently(|| session.batch(VERSIONS))?;
    while schema(session, steps)? < known(steps) {
        patiently(|| {
            session
                .batch(LOCK)
                .and_then(|()| next_step(session, steps))
                .or_else(|error| {
                    session.batch("ROLLBACK")?;
                    Err(error)
                })
        })?;
    }
    Ok(())
}

/// The number of the newest step in the database; refused when it is newer than the steps that this program has.
fn schema(session: &Session, steps: &[Migration]) -> Result<i64, DbError> {
    let newest = session.text("SELECT COALESCE(MAX(number), 0) FROM schema_migrations")?;
    let found = newest.and_then(|number| number.parse().ok());
    let found = found.ok_or_else(|| DbError::Engine("the schema has no number".into()))?;
    let known = known(steps);
    if found > known {
        Err(DbError::SchemaTooNew { found, known })
    } else {
        Ok(found)
    }
}

fn next_step(session: &Session, steps: &[Migration]) -> Result<(), DbError> {
    let found = schema(session, steps)?;
    if let Some(step) = steps.iter().find(|step| step.number > found) {
        for statement in statements(step.text) {
            session.batch(&postgres_text(&statement))?;
        }
        let Migration { number, name, .. } = step;
        session.batch(&format!(
            "INSERT INTO schema_migrations (number, name) VALUES ({number}, '{name}')"
        ))?;
    }
    session.batch("COMMIT")
}

/// Waits for others who do the same.
#[expect(
    clippy::disallowed_methods,
    reason = "on a thread that may block, before anything is served"
)]
fn patiently(mut work: impl FnMut() -> Result<(), DbError>) -> Result<(), DbError> {
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
