//! The schema, step by step, and the guard against a schema of tomorrow.

use std::cmp::Ordering;

use rusqlite::Connection;

use crate::error::DbError;

/// One step of the schema, in the neutral words TEXT, BIGINT, BOOLEAN and BYTEA.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its number: 1, 2, 3 …
    pub number: i64,
    /// What it is for, in a few words.
    pub name: &'static str,
    /// The newest step that a program must know to go on with a database that has this one; `None` if it must know this one.
    /// The column that keeps it, `usable_from`, is made by a step like any other, and known to this and those after it.
    pub usable_from: Option<i64>,
    /// The statements, each ended by a semicolon at the end of a line.
    pub text: &'static str,
}

/// What a database tells of its schema.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// The number of its newest step; 0 if it has none.
    pub(crate) newest: i64,
    /// What a program must know to use it, as far as its steps say.
    pub(crate) usable_from: i64,
}

impl Found {
    /// What the table of steps says; `number` runs a query for one number.
    pub(crate) fn read(
        steps: &[Migration],
        number: impl Fn(&str) -> Result<Option<i64>, DbError>,
    ) -> Result<Self, DbError> {
        let newest = number("SELECT MAX(number) FROM schema_migrations")?.unwrap_or_default();
        let known = known(steps);
        let usable_from = if newest > known {
            number(&format!("{USABLE_FROM}{known}"))?.unwrap_or(newest)
        } else {
            newest
        };
        Ok(Self {
            newest,
            usable_from,
        })
    }

    /// Refuses any schema but this one.
    pub(crate) fn must_be(self, known: i64) -> Result<(), DbError> {
        let found = self.newest;
        match found.cmp(&known) {
            Ordering::Less => Err(DbError::SchemaTooOld { found, known }),
            Ordering::Equal => Ok(()),
            Ordering::Greater => Err(DbError::SchemaTooNew { found, known }),
        }
    }
}

/// The step that keeps who may use a database is in every database that is newer than the program that asks.
const USABLE_FROM: &str =
    "SELECT MAX(COALESCE(usable_from, number)) FROM schema_migrations WHERE number > ";

const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
  number INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL
) STRICT";

/// The steps that a database lacks; refused when it is one that only newer programs may use.
pub(crate) fn lacking(steps: &[Migration], found: Found) -> Result<&[Migration], DbError> {
    let known = known(steps);
    if found.newest > known && found.usable_from > known {
        return Err(DbError::SchemaTooNew {
            found: found.newest,
            known,
        });
    }
    let there = steps.partition_point(|step| step.number <= found.newest);
    Ok(steps.get(there..).unwrap_or_default())
}

/// Brings the schema up to date, in one transaction, and tells the steps that were run; safe when several processes start
/// at once.
pub(crate) fn migrate<'s>(
    connection: &mut Connection,
    steps: &'s [Migration],
) -> Result<&'s [Migration], DbError> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute_batch(VERSIONS)?;
    let lacking = lacking(steps, found(&transaction, steps)?)?;
    for step in lacking {
        for statement in statements(step.text) {
            transaction.execute_batch(&sqlite_text(&statement))?;
        }
        transaction.execute_batch(&row(step))?;
    }
    transaction.commit()?;
    Ok(lacking)
}

/// What the database tells of its schema. It may have none.
pub(crate) fn found(connection: &Connection, steps: &[Migration]) -> Result<Found, DbError> {
    let table: i64 = connection.query_row(
        "SELECT count(*) FROM sqlite_master WHERE name = 'schema_migrations'",
        (),
        |row| row.get(0),
    )?;
    if table == 0 {
        return Ok(Found::default());
    }
    Found::read(steps, |text| {
        Ok(connection.query_row(text, (), |row| row.get(0))?)
    })
}

/// The number of the newest step that this program has.
pub(crate) fn known(steps: &[Migration]) -> i64 {
    steps.last().map_or(0, |step| step.number)
}

/// What notes that a step was run.
pub(crate) fn row(step: &Migration) -> String {
    let Migration { number, name, .. } = step;
    match step.usable_from {
        Some(from) => format!(
            "INSERT INTO schema_migrations (number, name, usable_from) VALUES ({number}, '{name}', {from})"
        ),
        None => format!("INSERT INTO schema_migrations (number, name) VALUES ({number}, '{name}')"),
    }
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

    const fn step(number: i64, name: &'static str, text: &'static str) -> Migration {
        Migration {
            number,
            name,
            usable_from: None,
            text,
        }
    }

    const STEPS: &[Migration] = &[
        step(
            1,
            "things",
            "-- things;\nCREATE TABLE things (\n  id BIGINT PRIMARY KEY, -- why\n  good BOOLEAN NOT NULL\n);\n",
        ),
        step(
            2,
            "who may use it",
            "ALTER TABLE schema_migrations ADD COLUMN usable_from BIGINT;\n",
        ),
        step(3, "names", "CREATE TABLE names (name TEXT PRIMARY KEY);\n"),
    ];

    /// A step of tomorrow that the programs of step 2 may go on with.
    const HARMLESS: Migration = Migration {
        usable_from: Some(2),
        ..step(3, "names", "CREATE TABLE names (name TEXT PRIMARY KEY);\n")
    };

    #[test]
    fn a_schema_grows_step_by_step_and_never_twice() {
        let mut connection = Connection::open_in_memory().unwrap();
        let mut run = |steps| migrate(&mut connection, steps).unwrap().len();
        assert_eq!((run(&STEPS[..1]), run(STEPS), run(STEPS)), (1, 2, 0));
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
        let refusal = migrate(&mut connection, &STEPS[..2]).unwrap_err();
        assert!(matches!(
            refusal,
            DbError::SchemaTooNew { found: 3, known: 2 }
        ));
    }

    #[test]
    fn an_older_program_uses_a_newer_schema_that_says_so() {
        let mut connection = Connection::open_in_memory().unwrap();
        let harmless = [STEPS[0], STEPS[1], HARMLESS];
        migrate(&mut connection, &harmless).unwrap();
        assert!(migrate(&mut connection, &STEPS[..2]).unwrap().is_empty());
        let further = [&harmless[..], &[step(4, "more", "")]].concat();
        migrate(&mut connection, &further).unwrap();
        assert!(migrate(&mut connection, &STEPS[..2]).is_err());
        assert!(migrate(&mut connection, &harmless).is_err());
    }

    #[test]
    fn a_program_that_is_older_than_what_may_use_it_is_refused() {
        let found = |usable_from| Found {
            newest: 9,
            usable_from,
        };
        assert!(lacking(&STEPS[..2], found(2)).is_ok());
        assert!(lacking(&STEPS[..2], found(3)).is_err());
    }
}
