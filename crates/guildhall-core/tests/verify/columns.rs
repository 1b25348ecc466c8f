//! A ratchet: no column of any row can be changed, and no row taken away, without a finding; but for a short list.

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::damage::Vandal;
use crate::world::World;

/// `table.column`, or `table` for a missing row, and why the ledger has nothing to say. The list may only shrink.
const UNGUARDED: &[(&str, &str)] = &[
    (
        "deployment_counts.shard",
        "only the sum over the shards has a meaning",
    ),
    ("id_slots", "reservations are no history"),
    ("id_slots.reserved_until", "reservations are no history"),
    ("id_slots.slot", "reservations are no history"),
    ("idempotency_records", "kept for a day"),
    ("idempotency_records.answer", "kept for a day"),
    ("idempotency_records.expires_at", "kept for a day"),
    ("idempotency_records.fingerprint", "kept for a day"),
    ("idempotency_records.idempotency_key", "kept for a day"),
    ("idempotency_records.revision", "kept for a day"),
    ("idempotency_records.stream_id", "kept for a day"),
    ("images.created_at", "an image has no entry of its own"),
    ("schema_migrations", "the engine room's own"),
    ("schema_migrations.name", "the engine room's own"),
    ("schema_migrations.number", "the engine room's own"),
    ("schema_migrations.usable_from", "the engine room's own"),
];

/// Rows of a table that are damaged, spread over it.
const ROWS_A_TABLE: usize = 6;

#[derive(Debug)]
struct Column {
    name: String,
    in_key: bool,
}

fn columns(connection: &Connection, table: &str) -> Vec<Column> {
    let mut statement = connection
        .prepare("SELECT name, pk FROM pragma_table_info(?1)")
        .unwrap();
    let rows = statement.query_map([table], |row| {
        Ok(Column {
            name: row.get(0)?,
            in_key: row.get::<_, i64>(1)? > 0,
        })
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// The primary keys of some rows, as conditions.
fn rows(connection: &Connection, table: &str, columns: &[Column]) -> Vec<(String, Vec<Value>)> {
    let key: Vec<&str> = columns
        .iter()
        .filter(|column| column.in_key)
        .map(|column| column.name.as_str())
        .collect();
    let condition: Vec<String> = key
        .iter()
        .zip(1..)
        .map(|(name, number)| format!("{name} = ?{number}"))
        .collect();
    let condition = condition.join(" AND ");
    let sql = format!("SELECT {} FROM {table}", key.join(", "));
    let mut statement = connection.prepare(&sql).unwrap();
    let all: Vec<Vec<Value>> = statement
        .query_map((), |row| {
            (0..key.len()).map(|index| row.get(index)).collect()
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let step = all.len().div_ceil(ROWS_A_TABLE).max(1);
    all.into_iter()
        .step_by(step)
        .map(|key| (condition.clone(), key))
        .collect()
}

/// Another value of the same type.
fn other(value: &Value) -> Value {
    match value {
        Value::Null | Value::Real(_) => Value::Null,
        Value::Integer(number) => Value::Integer(number + 1),
        Value::Text(text) => Value::Text(format!("{text}x")),
        Value::Blob(bytes) => {
            let mut bytes = bytes.clone();
            bytes[0] ^= 1;
            Value::Blob(bytes)
        }
    }
}

fn change(
    connection: &Connection,
    table: &str,
    column: &str,
    (condition, key): &(String, Vec<Value>),
) {
    let sql = format!("SELECT {column} FROM {table} WHERE {condition}");
    let params = || rusqlite::params_from_iter(key.iter());
    let value: Value = connection
        .query_row(&sql, params(), |row| row.get(0))
        .unwrap();
    let mut candidates = vec![other(&value)];
    if let Value::Integer(number) = value {
        // The neighbour may be taken, for example by the next revision.
        candidates.push(Value::Integer(number + 1_000_003));
    }
    if value == Value::Null {
        candidates = vec![Value::Integer(1), Value::Text("x".to_owned())];
    }
    let sql = format!(
        "UPDATE {table} SET {column} = ?{} WHERE {condition}",
        key.len() + 1
    );
    let changed = candidates.into_iter().any(|candidate| {
        let params = key.iter().chain(std::iter::once(&candidate));
        connection
            .execute(&sql, rusqlite::params_from_iter(params))
            .is_ok()
    });
    assert!(changed, "{table}.{column} cannot be changed");
}

#[tokio::test]
async fn every_column_of_every_table_is_guarded() {
    let world = World::eventful().await;
    let vandal = Vandal::of(&world);
    let mut unguarded = Vec::new();
    for table in vandal.tables() {
        let columns = columns(&vandal.connection, table);
        let rows = rows(&vandal.connection, table, &columns);
        assert!(!rows.is_empty(), "the eventful world has no row in {table}");
        for row in &rows {
            for column in &columns {
                change(&vandal.connection, table, &column.name, row);
                if world.report().is_sound() {
                    unguarded.push(format!("{table}.{}", column.name));
                }
                vandal.undo_in(&[table]);
            }
            let sql = format!("DELETE FROM {table} WHERE {}", row.0);
            vandal
                .connection
                .execute(&sql, rusqlite::params_from_iter(row.1.iter()))
                .unwrap();
            // A shard whose sum is 0 is as good as none.
            if world.report().is_sound() && table != "deployment_counts" {
                unguarded.push(table.clone());
            }
            vandal.undo_in(&[table]);
        }
    }
    unguarded.sort_unstable();
    unguarded.dedup();
    let mut expected: Vec<&str> = UNGUARDED.iter().map(|(place, _)| *place).collect();
    expected.sort_unstable();
    assert_eq!(unguarded, expected);
}
