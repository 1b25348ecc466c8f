//! `guildhall migrate`, and a server that was told not to.

use std::fs;

use guildhall_core::backup::SERVER_LOCK_FILE;
use guildhall_core::{DirectoryLock, MIGRATIONS, Source};
use guildhall_testbed::run_steps;

use crate::harness::{Place, on};
use crate::run::Run;

/// A place with a database that an older version has made.
fn of_before() -> Place {
    let place = Place::new();
    fs::create_dir(place.data_dir()).unwrap();
    let file = place.data_dir().join("guildhall.db");
    run_steps(&Source::Sqlite(file), &MIGRATIONS[..3]).unwrap();
    place
}

fn serve(place: &Place, words: &[&str]) -> Run {
    place.run(&[&["serve", "--listen", "127.0.0.1:0"], words].concat())
}

#[test]
fn a_server_that_may_not_migrate_says_what_is_missing() {
    let place = Place::new();
    let message = serve(&place, &["--migrate=false"]).fails(1);
    assert!(
        message.contains("schema 0") && message.contains("`guildhall migrate`"),
        "{message}"
    );
    assert!(!place.data_dir().join("guildhall.db").exists());
    let told = place.run(&["migrate", "--dry-run"]).succeeds();
    assert!(told.contains("step 1: foundation"), "{told}");
    assert!(!place.data_dir().join("guildhall.db").exists());
    let told = place.run(&["migrate"]).succeeds();
    assert!(
        told.contains("step 1: foundation") && told.contains("schema 4"),
        "{told}"
    );
    let told = place.run(&["migrate"]).succeeds();
    assert!(told.contains("lacks nothing"), "{told}");
    place.serve_with(&["--migrate=false"], &[]).stop();
}

#[test]
fn every_verb_that_opens_the_database_heeds_the_file_and_the_variable() {
    let place = of_before();
    fs::write(place.data_dir().join("guildhall.toml"), "migrate = false\n").unwrap();
    for words in [&["key", "list"][..], &["export"], &["verify"]] {
        let run = place.run(words);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.stderr.contains("`guildhall migrate`"), "{run:?}");
    }
    let message = serve(&place, &[]).fails(1);
    assert!(message.contains("schema 3"), "{message}");
    let told = place.run(&["migrate", "--dry-run"]).succeeds();
    assert!(
        told.contains("step 4: ")
            && !told.contains("step 3")
            && told.contains("nothing was changed"),
        "{told}"
    );
    let message = serve(&place, &[]).fails(1);
    assert!(
        message.contains("schema 3"),
        "nothing was changed: {message}"
    );
    // Who says so by hand means it.
    place.run(&["migrate"]).succeeds();
    place.run(&["key", "list"]).succeeds();

    let place = of_before();
    let mut command = on(&place.data_dir(), &["key", "list"]);
    command.env("GUILDHALL_MIGRATE", "false");
    Run::finished(command).fails(1);
    place.run(&["key", "list"]).succeeds();
    place.serve_with(&["--migrate=false"], &[]).stop();
}

#[test]
fn a_schema_is_not_changed_under_a_running_server() {
    let place = of_before();
    let lock = DirectoryLock::try_take(&place.data_dir().join(SERVER_LOCK_FILE)).unwrap();
    let message = place.run(&["migrate"]).fails(1);
    assert!(message.contains("stop it first"), "{message}");
    let told = place.run(&["migrate", "--dry-run"]).succeeds();
    assert!(told.contains("step 4"), "{told}");
    drop(lock);
    place.run(&["migrate"]).succeeds();
}
