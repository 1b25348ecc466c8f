use std::ffi::OsString;
use std::path::Path;

use super::*;
use crate::failure::Failure;

/// A data directory with this TOML file in it.
fn data_dir(toml: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(FILE), toml).unwrap();
    directory
}

fn in_directory(path: &Path) -> Options {
    Options {
        data_dir: Some(path.to_owned()),
        ..Options::default()
    }
}

fn layered(flags: Options, variables: &[(&str, &str)]) -> Result<Config, Failure> {
    let read = |name: &str| {
        variables
            .iter()
            .find(|(variable, _)| *variable == name)
            .map(|(_, value)| OsString::from(value))
    };
    Config::layered(None, flags, &read)
}

fn usage(outcome: Result<Config, Failure>) -> String {
    match outcome {
        Err(Failure::Usage(text)) => text,
        other => panic!("not a wrong configuration: {other:?}"),
    }
}

#[test]
fn without_a_word_the_defaults_hold() {
    let config = layered(Options::default(), &[]).unwrap();
    assert_eq!(config.location.data_dir, Path::new("./guildhall-data"));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8480");
    assert_eq!((config.in_flight_max, config.connections_max), (512, 4096));
    assert_eq!(
        (config.log.filter.as_str(), config.log.format),
        ("info", LogFormat::Auto)
    );
    assert!(config.tls.is_none() && config.key_requests_a_minute.is_none());
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let directory =
        data_dir("listen = '127.0.0.1:3'\nin_flight_max = 3\nconnections_max = 3\nlog = 'error'\n");
    let mut flags = in_directory(directory.path());
    flags.listen = Some("127.0.0.1:1".parse().unwrap());
    let variables = [
        ("GUILDHALL_LISTEN", "127.0.0.1:2"),
        ("GUILDHALL_ACCESS_CACHE", "1048576"),
        ("GUILDHALL_IN_FLIGHT_MAX", "2"),
        ("GUILDHALL_LOG", ""),
    ];
    let config = layered(flags, &variables).unwrap();
    assert_eq!(config.listen.port(), 1);
    assert_eq!((config.in_flight_max, config.connections_max), (2, 3));
    assert_eq!(config.log.filter, "error", "an empty variable says nothing");
}

#[test]
fn every_setting_is_a_variable_and_a_key() {
    let file = "listen = '[::1]:1'\nmigrate = false\npublic_url = 'https://a.example'\ntls_cert = 'c.pem'\ntls_key = '/k.pem'\n\
        key_rate_limit = 1\naccess_cache = '1MiB'\nin_flight_max = 2\nconnections_max = 3\nlog_format = 'json'\nlog = 'debug'\n";
    let directory = data_dir(file);
    let from_file = layered(in_directory(directory.path()), &[]).unwrap();
    let certificate = directory.path().join("c.pem");
    let certificate = certificate.to_str().unwrap();
    let variables = [
        ("GUILDHALL_LISTEN", "[::1]:1"),
        ("GUILDHALL_DATA_DIR", "elsewhere"),
        ("GUILDHALL_MIGRATE", "false"),
        ("GUILDHALL_PUBLIC_URL", "https://a.example/"),
        ("GUILDHALL_TLS_CERT", certificate),
        ("GUILDHALL_TLS_KEY", "/k.pem"),
        ("GUILDHALL_KEY_RATE_LIMIT", "1"),
        ("GUILDHALL_ACCESS_CACHE", "1048576"),
        ("GUILDHALL_IN_FLIGHT_MAX", "2"),
        ("GUILDHALL_CONNECTIONS_MAX", "3"),
        ("GUILDHALL_LOG_FORMAT", "json"),
        ("GUILDHALL_LOG", "debug"),
    ];
    let mut from_variables = layered(Options::default(), &variables).unwrap();
    assert_eq!(from_variables.location.data_dir, Path::new("elsewhere"));
    from_variables.location.data_dir = directory.path().to_owned();
    assert_eq!(format!("{from_variables:?}"), format!("{from_file:?}"));
}

#[test]
fn an_unknown_key_is_named() {
    let directory = data_dir("listen = '127.0.0.1:3'\nlistne = '127.0.0.1:4'\n");
    let text = usage(layered(in_directory(directory.path()), &[]));
    assert!(
        text.contains("`listne`") && text.contains("guildhall.toml"),
        "{text}"
    );
}

#[test]
fn a_bad_value_is_shown_where_it_stands() {
    let directory = data_dir("key_rate_limit = 0\n");
    let text = usage(layered(in_directory(directory.path()), &[]));
    assert!(text.contains("line 1") && text.contains("from 1"), "{text}");

    let text = usage(layered(Options::default(), &[("GUILDHALL_LISTEN", "8480")]));
    assert!(
        text.contains("GUILDHALL_LISTEN") && text.contains("`127.0.0.1:8480`"),
        "{text}"
    );
    let text = usage(layered(
        Options::default(),
        &[("GUILDHALL_LOG_FORMAT", "xml")],
    ));
    assert!(
        text.contains("GUILDHALL_LOG_FORMAT") && text.contains("`json`"),
        "{text}"
    );
}

#[test]
fn a_file_elsewhere_may_say_where_the_data_is() {
    let directory = data_dir("data_dir = 'data'\n");
    let file = directory.path().join(FILE);
    let config = Config::layered(Some(file), Options::default(), &|_| None).unwrap();
    assert_eq!(config.location.data_dir, directory.path().join("data"));

    let text = usage(layered(in_directory(directory.path()), &[]));
    assert!(
        text.contains("`data_dir`") && text.contains("`--config`"),
        "{text}"
    );
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let text = usage(Config::layered(
        Some("nowhere.toml".into()),
        Options::default(),
        &|_| None,
    ));
    assert!(text.contains("`nowhere.toml`"), "{text}");
}

#[test]
fn tls_takes_both_files() {
    let text = usage(layered(
        Options::default(),
        &[("GUILDHALL_TLS_CERT", "c.pem")],
    ));
    assert!(text.contains("`tls-key`"), "{text}");
}

#[test]
fn the_url_is_one_that_a_client_can_use() {
    let config = layered(Options::default(), &[("GUILDHALL_LISTEN", "0.0.0.0:0")]).unwrap();
    assert_eq!(
        config.public_url("0.0.0.0:81".parse().unwrap()),
        "http://127.0.0.1:81"
    );
    assert_eq!(
        config.public_url("[::]:81".parse().unwrap()),
        "http://[::1]:81"
    );
    assert!(config.public_url_is_missing());

    let named = [
        ("GUILDHALL_PUBLIC_URL", "https://a.example"),
        ("GUILDHALL_LISTEN", "0.0.0.0:0"),
    ];
    let config = layered(Options::default(), &named).unwrap();
    assert_eq!(
        config.public_url("0.0.0.0:81".parse().unwrap()),
        "https://a.example"
    );
    assert_eq!(
        config.local_url("0.0.0.0:81".parse().unwrap()),
        "http://127.0.0.1:81"
    );
    assert!(!config.public_url_is_missing());
}
