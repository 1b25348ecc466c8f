//! The schema, step by step, and the guard against a schema of tomorrow.

use rusqlite::Connection;

use crate::error::DbError;

/// One step of the schema, in the neutral words TEXT, BIGINT, BOOLEAN and BYTEA.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its number: 1, 2, 3 …
    pub number: i64,
    /// What it is for, in a few words.
    pub name: &'static str,
    /// The statements, each ended by a semicolon at the end of a line.
    pub text: &'static str,
}

const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
  number INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL
) STRICT";

/// Brings the schema up to date, in one transaction; safe when several processes start at once.
pub(crate) fn migrate(connection: &mut Connection, steps: &[Migration]) -> Result<(), DbError> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute_batch(VERSIONS)?;
    let found = schema(&transaction, steps)?;
    for step in steps.iter().filter(|step| step.number > found) {
        for statement in statements(step.text) {
            transaction.execute_batch(&sqlite_text(&statement))?;
        }
        transaction.execute(
            "INSERT INTO schema_migrations (number, name) VALUES (?1, ?2)",
            (step.number, step.name),
        )?;
    }
    transaction.commit()?;
    Ok(())
}

/// The number of the newest step in the database; refused when it is newer than the steps that this program has.
pub(crate) fn schema(connection: &Connection, steps: &[Migration]) -> Result<i64, DbError> {
    let found: i64 = connection.query_row(
        "SELECT COALESCE(MAX(number), 0) FROM schema_migrations",
        (),
        |row| row.get(0),
    )?;
    let known = known(steps);
    if found > known {
        Err(DbError::SchemaTooNew { found, known })
    } else {
        Ok(found)
    }
}

/// The number of the newest step that this program has.
pub(crate) fn known(steps: &[Migration]) -> i64 {
    steps.last().map_or(0, |step| step.number)
}

/// The statements of a step, without comments. The schema has no triggers, so that a semicolon at the end of a
/// line always ends one.
pub(crate) fn statements(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .map(|line| {
            line.split_once("--")
                .map_or(line, |(code, _)| code)
                .trim_end()
        })
        .filter(|line| !line.is_empty())
        .fold(String::new(), |all, line| all + line + "\n");
    code.split(";\n")
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The SQLite form of a neutral statement: its type names, and tables that check types and are kept in the
/// order of their primary key.
fn sqlite_text(statement: &str) -> String {
    let table = statement.starts_with("CREATE TABLE");
    let words = statement
        .replace("BIGINT", "INTEGER")
        .replace("BOOLEAN", "INTEGER")
        .replace("BYTEA", "BLOB");
    if table {
        words + " STRICT, WITHOUT ROWID"
    } else {
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: &[Migration] = &[
        Migration {
            number: 1,
            name: "things",
            text: "-- things;\nCREATE TABLE things (\n  id BIGINT PRIMARY KEY, -- why\n  good BOOLEAN NOT NULL\n);\n",
        },
        Migration {
            number: 2,
            name: "names",
            text: "CREATE TABLE names (name TEXT PRIMARY KEY);\n",
        },
    ];

    #[test]
    fn a_schema_grows_step_by_step_and_never_twice() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &STEPS[..1]).unwrap();
        migrate(&mut connection, STEPS).unwrap();
        migrate(&mut connection, STEPS).unwrap();
        connection
            .execute_batch("INSERT INTO things (id, good) VALUES (1, TRUE)")
            .unwrap();
        assert!(
            connection
                .execute_batch("INSERT INTO things (id, good) VALUES (2, 'yes')")
                .is_err()
        );
    }

    #[test]
    fn an_older_program_refuses_a_newer_schema() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, STEPS).unwrap();
        let refusal = migrate(&mut connection, &STEPS[..1]).unwrap_err();
        assert!(matches!(
            refusal,
            DbError::SchemaTooNew { found: 2, known: 1 }
        ));
    }
}
