//! Changing a database behind its server's back, and putting it right again.

use std::path::Path;

use guildhall_core::verify::{Report, Rule};
use rusqlite::Connection;

use crate::world::World;

/// A connection that no rule stops, with a copy of the database as it was.
pub(crate) struct Vandal {
    pub(crate) connection: Connection,
    tables: Vec<String>,
}

impl Vandal {
    pub(crate) fn of(world: &World) -> Self {
        let before = world.directory.path().join("before.db");
        guildhall_db::copy_database(&world.path(), &before, |_| {}).unwrap();
        let connection = unruly(&world.path());
        connection
            .execute("ATTACH ?1 AS before", [before.to_str().unwrap()])
            .unwrap();
        let tables = tables(&connection);
        Self { connection, tables }
    }

    /// Puts every table back as it was.
    pub(crate) fn undo(&self) {
        let tables: Vec<&str> = self.tables.iter().map(String::as_str).collect();
        self.undo_in(&tables);
    }

    /// Puts some tables back as they were.
    pub(crate) fn undo_in(&self, tables: &[&str]) {
        self.connection.execute_batch("BEGIN").unwrap();
        for table in tables {
            let restore = format!(
                "DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM before.{table};"
            );
            self.connection.execute_batch(&restore).unwrap();
        }
        self.connection.execute_batch("COMMIT").unwrap();
    }

    /// The tables of the schema.
    pub(crate) fn tables(&self) -> &[String] {
        &self.tables
    }
}

/// A connection that checks nothing and waits for no disk.
pub(crate) fn unruly(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection
        .busy_timeout(std::time::Duration::from_secs(10))
        .unwrap();
    connection
        .execute_batch(
            "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA synchronous = OFF;",
        )
        .unwrap();
    connection
}

pub(crate) fn tables(connection: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut statement = connection.prepare(sql).unwrap();
    let names = statement.query_map((), |row| row.get(0)).unwrap();
    names.collect::<Result<_, _>>().unwrap()
}

pub(crate) fn broken(report: &Report) -> Vec<Rule> {
    let mut rules: Vec<Rule> = report.findings.iter().map(|finding| finding.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}
