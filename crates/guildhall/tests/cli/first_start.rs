//! What a newcomer sees.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::harness::Place;
use crate::run::Run;

#[test]
fn the_first_start_makes_everything_and_says_where_it_is() {
    let place = Place::new();
    let server = place.serve();
    assert!(server.greeting.contains(&format!(
        "listens on http://127.0.0.1:{}",
        port(&server.url)
    )));
    assert_ne!(port(&server.url), "0");

    let data_dir = place.data_dir();
    assert_eq!(
        fs::metadata(&data_dir).unwrap().permissions().mode() & 0o777,
        0o700
    );
    assert!(data_dir.join("guildhall.db").exists());
    let deployments = place.run(&["deployment", "list", "--json"]).json();
    assert_eq!(deployments.as_array().unwrap().len(), 1);
    assert_eq!(deployments[0]["name"], "default");

    assert_eq!(server.get("/health", "").status, 200);
    assert_eq!(server.get("/ready", "").status, 200);
    assert_eq!(server.get("/organizations", "").status, 401);
}

fn port(url: &str) -> &str {
    url.rsplit(':').next().unwrap()
}

#[test]
fn the_lines_of_the_greeting_can_be_pasted() {
    let place = Place::new();
    let server = place.serve();
    let line = |start: &str| {
        let at = server
            .greeting
            .find(start)
            .unwrap_or_else(|| panic!("{}", server.greeting));
        server.greeting[at..].lines().next().unwrap().to_owned()
    };
    let pasted = format!(
        "set -eu\n{}\n{} --silent --fail",
        line("KEY="),
        line("curl ")
    );
    let run: Run = Command::new("sh")
        .args(["-c", &pasted])
        .output()
        .unwrap()
        .into();
    let answer = run.json();
    assert_eq!(answer["name"], "Acme");
    assert!(answer["id"].as_str().unwrap().parse::<u64>().is_ok());
}

#[test]
fn a_second_start_finds_what_the_first_made() {
    let place = Place::new();
    let server = place.serve();
    let key = place.key();
    let created = server.create_organization("Acme", &key).json();
    server.stop();

    let server = place.serve();
    let path = format!("/organizations/{}", created["id"].as_str().unwrap());
    assert_eq!(server.get(&path, &key).json()["name"], "Acme");
    let deployments = place.run(&["deployment", "list", "--json"]).json();
    assert_eq!(deployments.as_array().unwrap().len(), 1);
    server.stop();
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let place = Place::new();
    let server = place.serve();
    let message = place.run(&["serve", "--listen", "127.0.0.1:0"]).fails(1);
    assert!(message.contains("another server runs on"), "{message}");
    assert!(message.contains("--data-dir"), "{message}");
    server.stop();
}

#[test]
fn an_address_that_is_taken_is_named() {
    let place = Place::new();
    let server = place.serve();
    let elsewhere = Place::new();
    let message = elsewhere
        .run(&["serve", "--listen", server.address()])
        .fails(1);
    assert!(message.contains(server.address()), "{message}");
    assert!(
        !elsewhere.data_dir().join("guildhall.db").exists(),
        "nothing is left half made"
    );
}

#[test]
fn the_numbers_of_the_database_are_among_the_metrics() {
    let place = Place::new();
    let server = place.serve();
    let metrics = server.get("/metrics", "").body;
    for name in [
        "guildhall_database_commits_total",
        "guildhall_database_commands_total",
        "guildhall_database_queued_commands",
        "guildhall_database_log_bytes",
        "guildhall_database_checkpoint_failing",
        "process_start_time_seconds",
    ] {
        let line = metrics
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        assert!(
            line.is_some_and(|line| line.ends_with(|last: char| last.is_ascii_digit())),
            "{name}\n{metrics}"
        );
    }
}

#[test]
fn every_request_has_an_id_of_its_own() {
    let place = Place::new();
    let server = place.serve();
    let id = || {
        server
            .get("/health", "")
            .header("x-request-id")
            .unwrap()
            .to_owned()
    };
    let (one, other) = (id(), id());
    assert_ne!(one, other);
    assert_eq!(one.split('-').next(), other.split('-').next());
    server.stop();
    let again = place.serve();
    let third = again
        .get("/health", "")
        .header("x-request-id")
        .unwrap()
        .to_owned();
    assert_ne!(one.split('-').next(), third.split('-').next());
}
