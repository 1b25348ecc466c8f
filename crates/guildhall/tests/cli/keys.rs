//! `guildhall key`, beside a running server.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Place, on};
use crate::patience::within;
use crate::run::Run;

/// What the contract promises for a key that ended.
const SECOND: Duration = Duration::from_secs(1);

fn listed(place: &Place) -> Vec<Value> {
    place
        .run(&["key", "list", "--json"])
        .json()
        .as_array()
        .unwrap()
        .clone()
}

fn id(place: &Place, label: &str) -> String {
    let keys = listed(place);
    let key = keys
        .iter()
        .find(|key| key["name"] == label && key["revoked_at"].is_null())
        .unwrap();
    key["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_opens_the_running_server_until_it_is_revoked() {
    let place = Place::new();
    let server = place.serve();
    let key = place.key_with(&["--name", "backend"]);
    assert_eq!(server.get("/organizations", &key).status, 200);

    let id = id(&place, "backend");
    let told = place.run(&["key", "revoke", &id]).succeeds();
    assert!(told.contains("`backend`") && told.contains(&id), "{told}");
    within(SECOND, "the key is refused", || {
        server.get("/organizations", &key).status == 401
    });

    let message = place.run(&["key", "revoke", &id]).fails(1);
    assert!(message.contains("revoked already"), "{message}");
    server.stop();
}

#[test]
fn a_key_may_be_made_for_reading_only() {
    let place = Place::new();
    let server = place.serve();
    let key = place.key_with(&["--read-only"]);
    assert_eq!(server.get("/organizations", &key).status, 200);
    let refused = server.create_organization("Acme", &key);
    assert_eq!(
        (refused.status, refused.json()["code"].as_str()),
        (403, Some("read_only_key"))
    );
}

#[test]
fn a_rotated_key_makes_room_for_a_new_one() {
    let place = Place::new();
    let server = place.serve();
    let old = place.key_with(&["--name", "backend", "--read-only"]);
    assert_eq!(server.get("/organizations", &old).status, 200);
    let printed = place
        .run(&["key", "rotate", &id(&place, "backend")])
        .succeeds();
    let new = printed.strip_suffix('\n').unwrap();
    assert!(
        new.starts_with("ghk_") && new != old && !new.contains(char::is_whitespace),
        "{printed:?}"
    );

    assert_eq!(server.get("/organizations", new).status, 200);
    assert_eq!(
        server.create_organization("Acme", new).status,
        403,
        "the rights stay the same"
    );
    within(SECOND, "the old key is refused", || {
        server.get("/organizations", &old).status == 401
    });
    assert_eq!(listed(&place).len(), 2);
}

#[test]
fn a_key_ends_by_itself() {
    let place = Place::new();
    let server = place.serve();
    let key = place.key_with(&["--expires", "2s"]);
    assert_eq!(server.get("/organizations", &key).status, 200);
    within(3 * SECOND, "the key expires", || {
        server.get("/organizations", &key).status == 401
    });
    let table = place.run(&["key", "list"]).succeeds();
    assert!(table.contains("expired "), "{table}");
}

#[test]
fn the_list_shows_no_secret() {
    let place = Place::used();
    let secret = place.key_with(&["--name", "backend", "--expires", "90d"]);
    let table = place.run(&["key", "list"]).succeeds();
    let json = place.run(&["key", "list", "--json"]).succeeds();
    let hint = &secret[secret.len() - 6..];
    for text in [&table, &json] {
        assert!(
            text.contains("backend") && text.contains("default") && text.contains(hint),
            "{text}"
        );
        assert!(!text.contains(&secret[4..40]), "{text}");
    }
    assert!(
        table.starts_with("ID ") && table.contains("valid until "),
        "{table}"
    );
}

#[test]
fn a_key_is_found_in_whichever_deployment_it_is() {
    let place = Place::used();
    place.run(&["deployment", "create", "acme"]).succeeds();
    place.key_with(&["--deployment", "acme", "--name", "theirs"]);
    place.key_with(&["--name", "ours"]);
    let theirs = place
        .run(&["key", "list", "--deployment", "acme", "--json"])
        .json();
    assert_eq!(
        (theirs.as_array().unwrap().len(), &theirs[0]["name"]),
        (1, &"theirs".into())
    );
    assert_eq!(listed(&place).len(), 2);

    let id = id(&place, "theirs");
    let message = place
        .run(&["key", "revoke", &id, "--deployment", "default"])
        .fails(1);
    assert!(
        message.contains(&id) && message.contains("guildhall key list"),
        "{message}"
    );
    place.run(&["key", "revoke", &id]).succeeds();
}

#[test]
fn a_deployment_that_is_not_there_is_named() {
    let place = Place::used();
    let message = place
        .run(&["key", "create", "--deployment", "nowhere"])
        .fails(1);
    assert!(
        message.contains("`nowhere`") && message.contains("guildhall deployment list"),
        "{message}"
    );
}

#[test]
fn nothing_is_made_in_a_directory_that_was_mistyped() {
    let place = Place::new();
    let message = place.run(&["key", "create"]).fails(1);
    assert!(
        message.contains("there is no database in") && message.contains("guildhall serve"),
        "{message}"
    );
    assert!(!place.data_dir().exists());
}

#[test]
fn who_changes_something_waits_for_its_turn() {
    let place = Place::used();
    let turn = File::create(place.data_dir().join("command.lock")).unwrap();
    turn.lock().unwrap();
    let mut waiting = on(&place.data_dir(), &["key", "create"]);
    let mut waiting = waiting
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(waiting.stderr.take().unwrap())
        .read_line(&mut said)
        .unwrap();
    assert!(said.starts_with("waiting for another run"), "{said}");
    assert_eq!(listed(&place).len(), 0, "who only looks need not wait");

    turn.unlock().unwrap();
    let run = Run::from(waiting.wait_with_output().unwrap());
    assert!(run.succeeds().starts_with("ghk_"));
    assert_eq!(listed(&place).len(), 1);
}

#[test]
fn keys_can_be_made_by_many_at_once() {
    let place = Place::new();
    let server = place.serve();
    let secrets: Vec<String> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..6).map(|_| scope.spawn(|| place.key())).collect();
        makers
            .into_iter()
            .map(|maker| maker.join().unwrap())
            .collect()
    });
    for secret in &secrets {
        assert_eq!(server.get("/organizations", secret).status, 200);
    }
    let mut ids: Vec<_> = listed(&place)
        .iter()
        .map(|key| key["id"].to_string())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6);
    server.stop();
}
