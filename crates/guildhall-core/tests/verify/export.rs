//! The canonical export.

use std::collections::BTreeSet;

use guildhall_core::Guildhall;
use guildhall_core::export::{ExportSummary, export};
use serde_json::Value;

use crate::damage::{Vandal, tables};
use crate::world::{World, opened};

fn exported(guildhall: &Guildhall) -> (ExportSummary, Vec<u8>) {
    let mut bytes = Vec::new();
    (export(guildhall, &mut bytes).unwrap(), bytes)
}

#[tokio::test]
async fn a_copy_of_a_live_database_has_the_same_export() {
    let world = World::eventful().await;
    let copy = world.directory.path().join("copy.db");
    guildhall_db::copy_database(&world.path(), &copy, |_| {}).unwrap();
    let (live, of_copy) = (exported(&world.guildhall), exported(&opened(copy)));
    let lines = live.1.split(|byte| *byte == b'\n').count() - 1;
    assert_eq!(live.0.rows, lines as u64);
    assert_eq!(live, of_copy);
    world.rename(world.acme, "Another name").await;
    assert_ne!(exported(&world.guildhall).0.sha256, live.0.sha256);
}

#[tokio::test]
async fn every_column_of_every_table_is_exported() {
    let world = World::eventful().await;
    let vandal = Vandal::of(&world);
    let mut schema = BTreeSet::new();
    for table in tables(&vandal.connection) {
        let mut statement = vandal
            .connection
            .prepare("SELECT name FROM pragma_table_info(?1)")
            .unwrap();
        let names = statement
            .query_map([&table], |row| row.get::<_, String>(0))
            .unwrap();
        schema.extend(names.map(|name| (table.clone(), name.unwrap())));
    }
    let mut seen = BTreeSet::new();
    let (_, bytes) = exported(&world.guildhall);
    for line in String::from_utf8(bytes).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let table = line["table"].as_str().unwrap();
        seen.extend(
            line["row"]
                .as_object()
                .unwrap()
                .keys()
                .map(|name| (table.to_owned(), name.clone())),
        );
    }
    assert_eq!(seen, schema);
}

#[tokio::test]
async fn a_row_is_written_in_neutral_types() {
    let world = World::eventful().await;
    let (_, bytes) = exported(&world.guildhall);
    let text = String::from_utf8(bytes).unwrap();
    let user = text
        .lines()
        .find(|line| line.starts_with("{\"table\":\"users\""))
        .unwrap();
    assert!(user.contains("\"disabled\":false"), "{user}");
    let entry = text
        .lines()
        .find(|line| line.starts_with("{\"table\":\"ledger\""))
        .unwrap();
    let zeros = format!("\"previous_hash\":\"{}\"", "0".repeat(64));
    assert!(
        entry.contains(&zeros) && entry.contains("\"actor_key_id\":null"),
        "{entry}"
    );
}
