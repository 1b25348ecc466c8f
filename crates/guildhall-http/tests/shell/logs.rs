//! What the log says about a request, and what it must not.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::level_filters::LevelFilter;

use crate::client::TestServer;

/// The log of this test's thread, on which its server runs too.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn keep(&self, level: LevelFilter) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt().json().with_max_level(level);
        tracing::subscriber::set_default(subscriber.with_writer(move || log.clone()).finish())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn request(path: &str, id: &str) -> String {
    format!(
        "GET {path}?search=secret-query HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer secret-key\r\n\
         X-Request-Id: {id}\r\nContent-Length: 11\r\n\r\nsecret-body"
    )
}

#[tokio::test]
async fn a_request_has_one_line_and_no_secrets() {
    let log = Log::default();
    let _keeping = log.keep(LevelFilter::TRACE);
    let server = TestServer::start().await;
    server.exchange(request("/hello/secret-name", "r-1")).await;

    let lines: Vec<Value> = log
        .lines()
        .into_iter()
        .filter(|line| line["fields"]["message"] == "answered")
        .collect();
    let [line] = &lines[..] else {
        panic!("{lines:#?}")
    };
    assert_eq!(line["level"], "DEBUG");
    assert_eq!(line["fields"]["http.status"], 200);
    assert!(line["fields"]["latency_us"].is_u64());
    assert_eq!(line["span"]["request.id"], "r-1");
    assert_eq!(line["span"]["http.method"], "GET");
    assert_eq!(line["span"]["http.route"], "/hello/{name}");
    assert!(!log.text().contains("secret"), "{}", log.text());
}

/// Whatever the filter: a span at the level of `info` would be gone here, and the id with it.
#[tokio::test]
async fn an_error_says_which_request_it_was() {
    let log = Log::default();
    let _keeping = log.keep(LevelFilter::ERROR);
    let server = TestServer::start().await;
    server.exchange(request("/panic", "r-2")).await;

    let lines = log.lines();
    let [panic, answered] = &lines[..] else {
        panic!("{lines:#?}")
    };
    assert_eq!(panic["fields"]["panic"], "the handler's secret");
    assert_eq!(answered["fields"]["error.code"], "internal");
    for line in [panic, answered] {
        assert_eq!(line["span"]["request.id"], "r-2");
    }
}

#[tokio::test]
async fn a_refusal_is_no_error_of_the_server() {
    let log = Log::default();
    let _keeping = log.keep(LevelFilter::WARN);
    let server = TestServer::start_with(|_, shell| shell.in_flight_max = 1).await;
    server.exchange(request("/nowhere", "r-3")).await;
    assert_eq!(log.text(), "");

    let mut inside = server.connect().await;
    inside.send("GET /gate HTTP/1.1\r\nHost: h\r\n\r\n").await;
    server.gate.entered().await;
    for _ in 0..5 {
        server
            .get("/hello/a")
            .await
            .assert_problem("overloaded", 503);
    }
    assert_eq!(
        log.lines().len(),
        1,
        "one line an overload, not one a request: {}",
        log.text()
    );
}
