//! Flags, variables and the TOML file.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use crate::harness::Place;
use crate::run::{Run, command};

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let place = Place::used();
    fs::write(
        place.data_dir().join("guildhall.toml"),
        "key_rate_limit = 30\n",
    )
    .unwrap();
    let key = place.key();
    let quota = |words: &[&str], variables: &[(&str, &str)]| {
        let server = place.serve_with(words, variables);
        let answer = server.get("/organizations", &key);
        answer.header("ratelimit-policy").map(str::to_owned)
    };
    let variable = [("GUILDHALL_KEY_RATE_LIMIT", "20")];
    assert_eq!(quota(&[], &[]).as_deref(), Some("\"key\";q=30;w=60"));
    assert_eq!(quota(&[], &variable).as_deref(), Some("\"key\";q=20;w=60"));
    assert_eq!(
        quota(&["--key-rate-limit", "10"], &variable).as_deref(),
        Some("\"key\";q=10;w=60")
    );
}

#[test]
fn a_file_that_is_named_says_where_the_data_is() {
    let place = Place::used();
    let file = place.file("elsewhere.toml");
    fs::write(&file, "data_dir = 'data'\n").unwrap();
    let file = file.to_str().unwrap();
    Run::of(&["key", "list", "--config", file]).succeeds();
    let run: Run = command(&["key", "list"])
        .env("GUILDHALL_CONFIG", file)
        .output()
        .unwrap()
        .into();
    run.succeeds();
    let run: Run = command(&["key", "list"])
        .env("GUILDHALL_DATA_DIR", place.data_dir())
        .output()
        .unwrap()
        .into();
    run.succeeds();
}

#[test]
fn an_unknown_key_is_an_error_that_names_it() {
    let place = Place::used();
    fs::write(
        place.data_dir().join("guildhall.toml"),
        "listen = '127.0.0.1:0'\nkey_rate_limits = 30\n",
    )
    .unwrap();
    for words in [&["serve"][..], &["key", "list"]] {
        let message = place.run(words).fails(2);
        assert!(
            message.contains("key_rate_limits") && message.contains("guildhall.toml"),
            "{message}"
        );
    }
}

#[test]
fn a_bad_value_is_a_wrong_use() {
    let place = Place::new();
    let message = place.run(&["serve", "--listen", "8480"]).fails(2);
    assert!(message.contains("`127.0.0.1:8480`"), "{message}");
    let message = place.run(&["serve", "--log", "dbug"]).fails(2);
    assert!(message.contains("`debug`"), "{message}");
    let message = place.run(&["serve", "--tls-cert", "c.pem"]).fails(2);
    assert!(message.contains("`tls-key`"), "{message}");
    assert!(!place.data_dir().exists());
}

#[test]
fn a_certificate_that_is_not_there_is_named() {
    let place = Place::new();
    let words = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        "no/c.pem",
        "--tls-key",
        "no/k.pem",
    ];
    let message = place.run(&words).fails(1);
    assert!(message.contains("`no/c.pem`"), "{message}");
}

#[test]
fn with_a_certificate_it_speaks_tls() {
    let place = Place::new();
    let (certificate, private) = (place.file("c.pem"), place.file("k.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ])
        .args([
            OsStr::new("-keyout"),
            private.as_ref(),
            OsStr::new("-out"),
            certificate.as_ref(),
        ])
        .output()
        .expect("the command `openssl` makes the certificate of this test; install it");
    assert!(made.status.success(), "{made:?}");
    let words = [
        "--tls-cert",
        certificate.to_str().unwrap(),
        "--tls-key",
        private.to_str().unwrap(),
    ];
    let server = place.serve_with(&words, &[]);
    assert!(
        server.url.starts_with("https://127.0.0.1:"),
        "{}",
        server.greeting
    );
    let health = Command::new("curl")
        .args(["--silent", "--fail", "--cacert"])
        .arg(&certificate)
        .arg(format!("{}/health", server.url))
        .output()
        .unwrap();
    assert!(Run::from(health).json()["status"] == "healthy");
    server.stop();
}

#[test]
fn the_log_is_json_where_no_terminal_is() {
    let place = Place::new();
    let server = place.serve_with(&["--log", "debug"], &[]);
    let key = place.key();
    server.get("/organizations?search=somebody", &key);
    let log = server.stop().log;
    let events: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert!(
        events
            .iter()
            .any(|event| event["message"] == "listening" && event["level"] == "INFO"),
        "{log}"
    );
    let answered = events
        .iter()
        .find(|event| event["span"]["http.route"] == "/organizations")
        .unwrap();
    assert!(answered["span"]["request.id"].is_string(), "{answered}");
    assert!(
        !log.contains(&key) && !log.contains(&key[4..]) && !log.contains("somebody"),
        "{log}"
    );
}

#[test]
fn the_log_may_be_lines_and_few() {
    let place = Place::new();
    let log = place.serve_with(&["--log-format", "text"], &[]).stop().log;
    assert!(
        log.contains("INFO listening") && !log.contains('{') && !log.contains('\u{1b}'),
        "{log}"
    );
    let log = place.serve_with(&["--log", "off"], &[]).stop().log;
    assert_eq!(log, "");
}
