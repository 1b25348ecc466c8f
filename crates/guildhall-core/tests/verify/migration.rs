//! Databases of before, opened by this version.

use std::path::Path;
use std::sync::Arc;

use guildhall_core::members::{self, UpdateMember};
use guildhall_core::{ChangeRequest, MIGRATIONS, deployments};
use guildhall_db::{Database, Options, Source};
use guildhall_types::IfMatch;
use guildhall_types::members as wire;

use crate::damage::{tables, unruly};
use crate::world::{World, clock, open, report};

/// A database of step 1 with the rows of this one; the ledger of a steady world is one that step 1 would have written.
fn of_step_1(path: &Path, rows_of: &Path) {
    let opened = Database::open(Options {
        source: Source::Sqlite(path.to_owned()),
        migrations: MIGRATIONS.get(..1).unwrap(),
        hooks: Vec::new(),
        fatal: |error| panic!("the disk failed: {error}"),
    });
    drop(opened.unwrap());
    let connection = unruly(path);
    connection
        .execute("ATTACH ?1 AS new", [rows_of.to_str().unwrap()])
        .unwrap();
    for table in tables(&connection) {
        if table == "schema_migrations" {
            continue;
        }
        let names = "SELECT string_agg(name, ', ') FROM pragma_table_info(?1, 'main')";
        let columns: String = connection
            .query_row(names, [&table], |row| row.get(0))
            .unwrap();
        let copy = format!("INSERT INTO main.{table} SELECT {columns} FROM new.{table}");
        connection.execute_batch(&copy).unwrap();
    }
}

#[tokio::test]
async fn a_database_from_before_there_were_ends_is_sound_and_goes_on() {
    let world = World::steady().await;
    let old = world.directory.path().join("old.db");
    of_step_1(&old, &world.path());
    let guildhall = open(old.clone(), clock());
    assert!(report(&guildhall).is_sound(), "{:#?}", report(&guildhall));

    let member = unruly(&old)
        .query_row("SELECT MIN(id) FROM organization_members", (), |row| {
            row.get::<_, i64>(0)
        })
        .unwrap()
        .to_string()
        .parse()
        .unwrap();
    let suspend = UpdateMember::check(wire::UpdateMember {
        suspended: Some(true),
        ..wire::UpdateMember::default()
    })
    .unwrap();
    let request = ChangeRequest {
        request_id: "test".to_owned(),
        idempotency: None,
    };
    let deployment = deployments::operator(&guildhall, "default").await.unwrap();
    let (acme, suspend) = (world.acme, Arc::new(suspend));
    let change = guildhall.write(deployment, request, move |tx| {
        members::update(tx, acme, member, &IfMatch::Any, &suspend)
    });
    change.await.unwrap();
    assert!(report(&guildhall).is_sound(), "{:#?}", report(&guildhall));
}
