//! `guildhall backup`, `restore`, `export` and `verify`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::harness::Place;
use crate::run::Run;

/// A place with an organization and a key, and its running server.
fn with_an_organization(name: &str) -> (Place, crate::harness::Server) {
    let place = Place::new();
    let server = place.serve();
    let key = place.key();
    assert_eq!(server.create_organization(name, &key).status, 200);
    (place, server)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_backup_of_a_running_server_is_restored_equal() {
    let (place, server) = with_an_organization("Acme");
    let file = place.file("today.backup");
    let told = place.run(&["backup", text(&file)]).succeeds();
    assert!(told.contains("restore"), "{told}");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let exported = place.run(&["export"]);
    server.stop();

    let new = Place::new();
    let told = new.run(&["restore", text(&file)]).succeeds();
    assert!(told.contains("verify") && told.contains("serve"), "{told}");
    assert_eq!(
        fs::metadata(new.data_dir()).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let again = new.run(&["export"]);
    assert!(exported.stderr.contains("sha256 "), "{exported:?}");
    assert_eq!(exported.stderr, again.stderr);
    assert_eq!(exported.succeeds(), again.succeeds());
    new.run(&["verify"]).succeeds();
    new.serve().stop();
}

#[test]
fn an_export_to_a_file_is_that_to_stdout() {
    let (place, server) = with_an_organization("Acme");
    let file = place.file("export.jsonl");
    let run = place.run(&["export", text(&file)]);
    let sum = run.stderr.clone();
    assert_eq!(run.succeeds(), "");
    let to_stdout = place.run(&["export"]);
    assert_eq!(to_stdout.stderr, sum);
    assert_eq!(fs::read_to_string(&file).unwrap(), to_stdout.succeeds());
    assert!(fs::read_to_string(&file).unwrap().contains("Acme"));

    let message = place.run(&["export", text(&file)]).fails(1);
    assert!(message.contains("export.jsonl"), "{message}");
    server.stop();
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let (place, server) = with_an_organization("Acme");
    let shell = format!(
        "set -o pipefail; '{}' export --data-dir '{}' | true",
        env!("CARGO_BIN_EXE_guildhall"),
        place.data_dir().display(),
    );
    let run: Run = std::process::Command::new("bash")
        .args(["-c", &shell])
        .output()
        .unwrap()
        .into();
    assert!(!run.stderr.contains("error"), "{run:?}");
    run.succeeds();
    server.stop();
}

#[test]
fn nothing_is_overwritten() {
    let (place, server) = with_an_organization("Acme");
    let file = place.file("today.backup");
    place.run(&["backup", text(&file)]).succeeds();
    let message = place.run(&["backup", text(&file)]).fails(1);
    assert!(message.contains("exists already"), "{message}");
    let message = place.run(&["restore", text(&file)]).fails(1);
    assert!(message.contains("server"), "a server is running: {message}");
    server.stop();
    let message = place.run(&["restore", text(&file)]).fails(1);
    assert!(message.contains("exists already"), "{message}");
}

#[test]
fn what_is_no_backup_is_not_restored() {
    let place = Place::new();
    let file = place.file("notes.txt");
    fs::write(
        &file,
        "not a database, but long enough to look like something".repeat(100),
    )
    .unwrap();
    let message = place.run(&["restore", text(&file)]).fails(1);
    assert!(message.contains("notes.txt"), "{message}");
    let message = place
        .run(&["restore", text(&place.file("nowhere"))])
        .fails(1);
    assert!(message.contains("nowhere"), "{message}");
    assert!(!place.data_dir().join("guildhall.db").exists());
}

#[test]
fn a_sound_database_is_verified_live_and_at_rest() {
    let (place, server) = with_an_organization("Acme");
    let told = place.run(&["verify"]).succeeds();
    assert!(
        told.contains("1 organizations") && told.contains("every rule is kept"),
        "{told}"
    );
    let report = place.run(&["verify", "--json"]).json();
    assert_eq!(
        (&report["organizations"], &report["findings_count"]),
        (&1.into(), &0.into())
    );
    server.stop();
    place.run(&["verify"]).succeeds();
}

#[test]
fn damage_is_found_and_told() {
    let (place, server) = with_an_organization("Zyxwvut");
    let file = place.file("today.backup");
    place.run(&["backup", text(&file)]).succeeds();
    server.stop();
    let new = Place::new();
    new.run(&["restore", text(&file)]).succeeds();
    new.run(&["verify"]).succeeds();

    let database = new.data_dir().join("guildhall.db");
    let mut bytes = fs::read(&database).unwrap();
    let places: Vec<_> = (0..bytes.len() - 7)
        .filter(|at| &bytes[*at..*at + 7] == b"Zyxwvut")
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at] = b'Q';
    }
    fs::write(&database, bytes).unwrap();

    let run = new.run(&["verify"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(
        run.stdout.contains("ledger_hash: ") && run.stdout.contains("organization"),
        "{run:?}"
    );
    let run = new.run(&["verify", "--json"]);
    assert_eq!(run.code, Some(1));
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(
        report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["rule"] == "ledger_hash"),
        "{report}"
    );
}

#[test]
fn a_file_that_is_no_database_is_told_apart() {
    let place = Place::used();
    for file in fs::read_dir(place.data_dir()).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    fs::write(
        place.data_dir().join("guildhall.db"),
        "something else\n".repeat(1_000),
    )
    .unwrap();
    let message = place.run(&["verify"]).fails(1);
    assert!(message.contains("is not a Guildhall database"), "{message}");
    let message = place.run(&["serve", "--listen", "127.0.0.1:0"]).fails(1);
    assert!(message.contains("is not a Guildhall database"), "{message}");
}
