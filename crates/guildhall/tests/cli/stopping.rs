//! How a server ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::{Place, Server};
use crate::patience::within;

/// A request whose body never ends.
fn unfinished(server: &Server, key: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /organizations HTTP/1.1\r\nhost: guildhall\r\nauthorization: Bearer {key}\r\n\
         content-type: multipart/form-data; boundary=x\r\ncontent-length: 1000\r\n\r\n--x\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Waits until no new client is taken.
fn drains(server: &Server) {
    within(
        Duration::from_secs(5),
        "new clients are turned away",
        || TcpStream::connect(server.address()).is_err(),
    );
}

#[test]
fn either_signal_ends_it_with_0() {
    let place = Place::new();
    let server = place.serve();
    let log = server.stop().log;
    assert!(
        log.contains("SIGTERM") && log.contains("\"stopped\""),
        "{log}"
    );

    let server = place.serve();
    server.signal("INT");
    let ended = server.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
}

#[test]
fn what_was_accepted_is_finished() {
    let place = Place::new();
    let server = place.serve();
    let key = place.key();
    let form = "--x\r\ncontent-disposition: form-data; name=\"name\"\r\n\r\nAcme\r\n--x--\r\n";
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /organizations HTTP/1.1\r\nhost: guildhall\r\nauthorization: Bearer {key}\r\n\
         content-type: multipart/form-data; boundary=x\r\ncontent-length: {}\r\n\r\n",
        form.len(),
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The head is read before the signal comes: the server asks for the metrics of what is in flight.
    within(Duration::from_secs(5), "the request is in flight", || {
        server
            .get("/metrics", "")
            .body
            .contains("guildhall_http_requests_in_flight 1")
    });
    server.signal("TERM");
    drains(&server);
    stream.write_all(form.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.wait().status.code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let place = Place::new();
    let server = place.serve();
    let key = place.key();
    let _busy = unfinished(&server, &key);
    within(Duration::from_secs(5), "the request is in flight", || {
        server
            .get("/metrics", "")
            .body
            .contains("guildhall_http_requests_in_flight 1")
    });
    server.signal("TERM");
    drains(&server);
    server.signal("TERM");
    let started = std::time::Instant::now();
    let ended = server.wait();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(ended.status.code(), Some(128 + 15), "{}", ended.log);
}

#[test]
fn a_failed_disk_ends_it_and_loses_nothing() {
    let place = Place::used();
    let key = place.key();
    let server = place.serve_on_a_disk_that_fails(3 * 1024);
    let metadata = format!("{{\"text\":\"{}\"}}", "x".repeat(60_000));
    let mut acknowledged = 0;
    within(Duration::from_mins(1), "the disk fails", || {
        let fields = [("name", "Acme"), ("private_metadata", metadata.as_str())];
        let answer = server.post_organization(&fields, &key);
        acknowledged += usize::from(answer.as_ref().is_some_and(|answer| answer.status == 200));
        answer.is_none()
    });
    let ended = server.wait();
    assert_eq!(ended.status.code(), Some(70), "{}", ended.log);
    assert!(
        ended.log.contains("the disk failed") && acknowledged > 5,
        "{acknowledged}\n{}",
        ended.log
    );

    let server = place.serve();
    let page = server.get("/organizations?limit=1000", &key).json();
    assert!(page["data"].as_array().unwrap().len() >= acknowledged);
    place.run(&["verify"]).succeeds();
    server.stop();
}
