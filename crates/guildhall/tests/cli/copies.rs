//! `guildhall copy`; to PostgreSQL and back where `GUILDHALL_TEST_DATABASE_URL` names one.

use std::fs;
use std::path::Path;

use guildhall_core::{PostgresOptions, Source};

use crate::harness::Place;
use crate::run::Run;

fn address(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

fn copy(from: &Path, to: &Path) -> Run {
    Run::of(&["copy", "--from", &address(from), "--to", &address(to)])
}

/// A place with a company landscape, and the sum of its export.
fn with_a_landscape() -> (Place, String) {
    let place = Place::used();
    place.run(&["demo"]).succeeds();
    let sum = sum(&place);
    (place, sum)
}

fn sum(place: &Place) -> String {
    summed(&place.run(&["export"]))
}

fn summed(export: &Run) -> String {
    let sum = export
        .stderr
        .lines()
        .find(|line| line.starts_with("sha256 "));
    sum.unwrap_or_else(|| panic!("{export:?}")).to_owned()
}

#[test]
fn a_copy_is_equal_and_can_be_served() {
    let (place, sum) = with_a_landscape();
    let new = Place::new();
    let told = copy(&place.data_dir(), &new.data_dir()).succeeds();
    assert!(
        told.contains(&sum) && told.contains("verify --data-dir") && told.contains("serve"),
        "{told}"
    );
    assert_eq!(summed(&new.run(&["export"])), sum);
    new.run(&["verify"]).succeeds();
    new.serve().stop();
}

#[test]
fn a_backup_may_be_copied_beside_a_running_server() {
    let (place, _) = with_a_landscape();
    let server = place.serve();
    let file = place.file("today.backup");
    place.run(&["backup", file.to_str().unwrap()]).succeeds();
    let before = fs::read(&file).unwrap();
    let new = Place::new();
    let message = copy(&place.data_dir(), &new.data_dir()).fails(1);
    assert!(message.contains("a server is running"), "{message}");
    let told = copy(&file, &new.data_dir()).succeeds();
    assert!(told.contains("sha256 "), "{told}");
    assert_eq!(fs::read(&file).unwrap(), before, "the source is only read");
    server.stop();
}

#[test]
fn nothing_is_copied_over_something() {
    let (place, _) = with_a_landscape();
    let other = Place::used();
    let message = copy(&place.data_dir(), &other.data_dir()).fails(1);
    assert!(message.contains("exists already"), "{message}");
    let message = copy(&place.data_dir(), &other.data_dir().join("guildhall.db")).fails(1);
    assert!(message.contains("exists already"), "{message}");
    let server = other.serve();
    let message = copy(&place.data_dir(), &other.data_dir()).fails(1);
    assert!(message.contains("a server is running"), "{message}");
    server.stop();
}

#[test]
fn a_wrong_end_is_a_wrong_use() {
    let place = Place::new();
    let message = Run::of(&["copy", "--from", "/srv/data", "--to", "sqlite://x"]).fails(2);
    assert!(
        message.contains("`--from`") && message.contains("sqlite://DIRECTORY"),
        "{message}"
    );
    let message = Run::of(&["copy", "--from", "sqlite://x"]).fails(2);
    assert!(message.contains("--to"), "{message}");
    let message = copy(&place.data_dir(), &place.file("new")).fails(1);
    assert!(message.contains("there is no database"), "{message}");
    assert!(!place.file("new").exists());
}

#[test]
fn a_landscape_goes_to_postgres_and_back() {
    let there = guildhall_testbed::Place::new().unwrap();
    let Source::Postgres(PostgresOptions { url, schema, .. }) = there.source() else {
        return;
    };
    let schema = schema.unwrap();
    let (place, sum) = with_a_landscape();
    let secret = place.file("address");
    fs::write(&secret, format!("{url}\n")).unwrap();
    let (from, secret) = (address(&place.data_dir()), secret.to_str().unwrap());
    let there = [
        "copy",
        "--from",
        &from,
        "--to-file",
        secret,
        "--to-schema",
        &schema,
    ];
    let told = Run::of(&there).succeeds();
    assert!(told.contains(&sum) && told.contains(&schema), "{told}");
    let database = ["--database-url-file", secret, "--database-schema", &schema];
    let export = Run::of(&[&["export"][..], &database].concat());
    assert_eq!(summed(&export), sum);
    Run::of(&[&["verify"][..], &database].concat()).succeeds();

    let message = Run::of(&there).fails(1);
    assert!(message.contains("rows of `users`"), "{message}");

    let new = Place::new();
    let to = address(&new.data_dir());
    let back = [
        "copy",
        "--from",
        &url,
        "--from-schema",
        &schema,
        "--to",
        &to,
    ];
    let told = Run::of(&back).succeeds();
    assert!(told.contains(&sum), "{told}");
    assert_eq!(summed(&new.run(&["export"])), sum);
    new.serve().stop();
}
