//! Copies from one database to another: from SQLite to the engine that the tests run on, and back.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use guildhall_core::copy::{CopyError, Step, copy};
use guildhall_core::export::{ExportSummary, export};
use guildhall_core::{DATABASE_FILE, Guildhall, MIGRATIONS, Source, schema};
use guildhall_db::{DbError, fill};
use guildhall_testbed::Place;
use tempfile::TempDir;

use crate::damage::unruly;
use crate::world::{World, clock, open_at, report};

fn in_file(directory: &Path) -> Source {
    Source::Sqlite(directory.join(DATABASE_FILE))
}

fn opened(source: &Source) -> Guildhall {
    open_at(source.clone(), clock())
}

fn exported(guildhall: &Guildhall) -> ExportSummary {
    export(guildhall, std::io::sink()).unwrap()
}

#[tokio::test]
async fn a_copy_there_and_back_is_equal_and_goes_on() {
    let world = World::eventful().await;
    let (there, back) = (Place::new().unwrap(), TempDir::new().unwrap());
    let (from, to) = (Source::Sqlite(world.path()), there.source());
    let mut steps = Vec::new();
    let copied = copy(&from, &to, |at| {
        assert!(at.done <= at.total);
        if steps.last() != Some(&at.step) {
            steps.push(at.step);
        }
    });
    let copied = copied.unwrap();
    assert_eq!(steps, [Step::Copying, Step::Comparing]);
    assert_eq!(copied, exported(&world.guildhall));
    assert_eq!(copy(&to, &in_file(back.path()), |_| {}).unwrap(), copied);

    let world = world.moved_to(to);
    assert!(world.report().is_sound(), "{:#?}", world.report());
    let mut ids = vec![world.acme];
    for name in ["One", "Two", "Three"] {
        ids.push(world.organization(name, None, false).await);
    }
    assert!(ids.is_sorted(), "{ids:?}: ids only grow");
    let found = world.report();
    assert!(found.is_sound(), "{found:#?}");

    let back = opened(&in_file(back.path()));
    assert_eq!(exported(&back), copied);
    assert!(report(&back).is_sound(), "{:#?}", report(&back));
}

#[tokio::test]
async fn what_has_rows_is_no_target() {
    let world = World::steady().await;
    let target = Place::new().unwrap();
    let from = Source::Sqlite(world.path());
    copy(&from, &target.source(), |_| {}).unwrap();
    let before = exported(&opened(&target.source()));
    let refusal = copy(&from, &target.source(), |_| {}).unwrap_err();
    match refusal {
        CopyError::NotEmpty { found } => assert!(found.contains("1 rows of `deployments`")),
        CopyError::Place(place) => assert!(place.to_string().contains("exists already")),
        other => panic!("{other}"),
    }
    assert_eq!(exported(&opened(&target.source())), before);
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing() {
    let world = World::eventful().await;
    let target = Place::new().unwrap();
    let from = Source::Sqlite(world.path());
    // It is read near the end, when most is written.
    unruly(&world.path())
        .execute(
            "UPDATE idempotency_records SET answer = CAST(x'ff' AS TEXT)",
            (),
        )
        .unwrap();
    let refusal = copy(&from, &target.source(), |_| {}).unwrap_err();
    assert!(
        matches!(refusal, CopyError::Db(DbError::Corrupt { .. })),
        "{refusal:?}"
    );
    if let Source::Sqlite(path) = target.source() {
        assert!(!path.exists());
    }
    unruly(&world.path())
        .execute("UPDATE idempotency_records SET answer = '{}'", ())
        .unwrap();
    copy(&from, &target.source(), |_| {}).unwrap();
}

#[tokio::test]
async fn a_source_is_read_only_as_this_program_knows_it() {
    let world = World::steady().await;
    let (target, empty) = (Place::new().unwrap(), Place::new().unwrap());
    let from = Source::Sqlite(world.path());
    let newest = "(SELECT MAX(number) FROM schema_migrations)";
    unruly(&world.path())
        .execute_batch(&format!(
            "DELETE FROM schema_migrations WHERE number = {newest}"
        ))
        .unwrap();
    let refusal = copy(&from, &target.source(), |_| {}).unwrap_err();
    assert!(
        refusal.to_string().contains("`guildhall migrate`"),
        "{refusal}"
    );
    let whole = schema::known();
    unruly(&world.path())
        .execute_batch(&format!(
            "INSERT INTO schema_migrations (number, name, usable_from) VALUES ({}, 'of tomorrow', {whole})",
            whole + 1
        ))
        .unwrap();
    let refusal = copy(&from, &target.source(), |_| {}).unwrap_err();
    assert!(
        matches!(refusal, CopyError::Db(DbError::SchemaTooNew { .. })),
        "{refusal:?}"
    );
    if let Source::Postgres(_) = empty.source() {
        let refusal = copy(&empty.source(), &target.source(), |_| {}).unwrap_err();
        assert!(matches!(refusal, CopyError::NoSource), "{refusal:?}");
    }
}

#[test]
fn on_postgres_a_server_waits_until_the_target_is_whole() {
    let place = Place::new().unwrap();
    let Source::Postgres(_) = place.source() else {
        return;
    };
    let (begun, begins) = mpsc::channel();
    let whole = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let filled = fill(&place.source(), MIGRATIONS, &["schema_migrations"], |_| {
                begun.send(()).unwrap();
                thread::park_timeout(Duration::from_secs(1));
                whole.store(true, Ordering::SeqCst);
                Ok::<_, DbError>(())
            });
            filled.unwrap();
        });
        begins.recv().unwrap();
        drop(opened(&place.source()));
        assert!(whole.load(Ordering::SeqCst));
    });
}
