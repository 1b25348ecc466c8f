//! What happens to connections.

use std::time::Duration;

use axum::http::{Request, Version};
use bytes::Bytes;
use guildhall_http::server::{HEADERS_BYTES_MAX, HEADERS_MAX};
use tokio::net::TcpStream;

use crate::client::{TestServer, soon};

const SHORT: Duration = Duration::from_millis(200);
const GET_HELLO: &str = "GET /hello/a HTTP/1.1\r\nHost: h\r\n\r\n";
const GET_GATE: &str = "GET /gate HTTP/1.1\r\nHost: h\r\n\r\n";

#[tokio::test]
async fn a_first_head_that_trickles_is_given_up() {
    let server = TestServer::start_with(|server, _| server.header_deadline = SHORT).await;
    let mut silent = server.connect().await;
    let mut trickling = server.connect().await;
    trickling.send("GET /hello/a HT").await;
    trickling.closed().await;
    silent.closed().await;
}

#[tokio::test]
async fn a_later_head_that_trickles_is_given_up() {
    let server = TestServer::start_with(|server, _| server.header_deadline = SHORT).await;
    let mut client = server.connect().await;
    client.send(GET_HELLO).await;
    assert_eq!(client.answer().await.status(), 200);
    // An idle connection outlives the deadline for heads.
    client.silent().await;
    client.send("GET /hello/a HT").await;
    client.closed().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_the_end() {
    let server = TestServer::start_with(|server, _| {
        server.header_deadline = SHORT;
        server.idle_deadline = SHORT;
    })
    .await;
    let mut client = server.connect().await;
    client.send(GET_HELLO).await;
    assert_eq!(client.answer().await.status(), 200);
    client.closed().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_given_up() {
    let server = TestServer::start_with(|server, _| {
        server.header_deadline = SHORT;
        server.idle_deadline = SHORT;
    })
    .await;
    let mut client = server.connect().await;
    client.send("GET /huge HTTP/1.1\r\nHost: h\r\n\r\n").await;
    server.until_metric("guildhall_http_connections 1").await;
    server.until_metric("guildhall_http_connections 0").await;
}

#[tokio::test]
async fn a_head_has_as_many_fields_and_bytes_as_it_may() {
    let server = TestServer::start().await;
    let with_fields = |count: usize| {
        let fields = "X: 1\r\n".repeat(count - 1);
        format!("GET /hello/a HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
    };
    assert_eq!(
        server.exchange(with_fields(HEADERS_MAX)).await.status(),
        200
    );
    assert_eq!(
        server.exchange(with_fields(HEADERS_MAX + 1)).await.status(),
        431
    );
    let long = "x".repeat(usize::try_from(HEADERS_BYTES_MAX).unwrap());
    let answer = server
        .exchange(format!("GET /hello/a HTTP/1.1\r\nHost: h\r\nX: {long}"))
        .await;
    assert_eq!(answer.status(), 431);
}

#[tokio::test]
async fn beyond_the_bound_a_client_waits_while_all_are_busy() {
    let server = TestServer::start_with(|server, _| server.connections_max = 1).await;
    let mut busy = server.connect().await;
    busy.send(GET_GATE).await;
    server.gate.entered().await;
    let mut waiting = server.connect().await;
    waiting.send(GET_HELLO).await;
    waiting.silent().await;
    server.gate.open();
    assert_eq!(busy.answer().await.status(), 200);
    drop(busy);
    assert_eq!(waiting.answer().await.status(), 200);
}

#[tokio::test]
async fn beyond_the_bound_an_idle_connection_makes_room() {
    let server = TestServer::start_with(|server, _| {
        server.connections_max = 1;
        server.header_deadline = SHORT;
    })
    .await;
    let mut idle = server.connect().await;
    idle.send(GET_HELLO).await;
    assert_eq!(idle.answer().await.status(), 200);
    let mut new = server.connect().await;
    new.send(GET_HELLO).await;
    assert_eq!(new.answer().await.status(), 200);
    idle.closed().await;
}

#[tokio::test]
async fn a_stop_finishes_what_was_accepted_and_takes_nothing_new() {
    let mut server = TestServer::start().await;
    let mut idle = server.connect().await;
    idle.send(GET_HELLO).await;
    assert_eq!(idle.answer().await.status(), 200);
    let mut busy = server.connect().await;
    busy.send(GET_GATE).await;
    server.gate.entered().await;

    server.stop();
    idle.closed().await;
    soon(async { while TcpStream::connect(server.address).await.is_ok() {} }).await;
    server.gate.open();
    let answer = busy.answer().await;
    assert_eq!((answer.status(), answer.text()), (200, "through the gate"));
    busy.closed().await;
    server.stopped().await;
}

#[tokio::test]
async fn a_stop_waits_a_moment_for_a_request_on_its_way() {
    let mut server = TestServer::start().await;
    let mut client = server.connect().await;
    server.until_metric("guildhall_http_connections 1").await;
    server.stop();
    client.send(GET_HELLO).await;
    assert_eq!(client.answer().await.status(), 200);
    client.closed().await;
    server.stopped().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let mut server = TestServer::start_with(|server, _| server.drain_deadline = SHORT).await;
    let mut busy = server.connect().await;
    busy.send(GET_GATE).await;
    server.gate.entered().await;
    server.stop();
    busy.closed().await;
    server.stopped().await;
}

async fn http_2(server: &TestServer) -> h2::client::SendRequest<Bytes> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (sender, connection) = soon(h2::client::handshake(stream)).await.unwrap();
    tokio::spawn(async move { connection.await.ok() });
    soon(sender.ready()).await.unwrap()
}

fn request(method: &str, path: &str, fields: usize) -> Request<()> {
    let uri = format!("http://localhost{path}");
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .version(Version::HTTP_2);
    (0..fields)
        .fold(request, |request, number| {
            request.header(format!("x-{number}"), "1")
        })
        .body(())
        .unwrap()
}

async fn answer_2(
    sender: &mut h2::client::SendRequest<Bytes>,
    request: Request<()>,
) -> (u16, Vec<u8>) {
    let (response, _) = sender.send_request(request, true).unwrap();
    let mut response = soon(response).await.unwrap();
    let mut body = Vec::new();
    while let Some(piece) = soon(response.body_mut().data()).await {
        body.extend(piece.unwrap());
    }
    (response.status().as_u16(), body)
}

#[tokio::test]
async fn http_2_is_spoken_to_those_who_know() {
    let server = TestServer::start().await;
    let mut sender = http_2(&server).await;
    assert_eq!(
        answer_2(&mut sender, request("GET", "/hello/a", 0)).await,
        (200, b"hello".to_vec())
    );
    let (status, body) = answer_2(&mut sender, request("GET", "/nowhere", 0)).await;
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &problem["code"]), (404, &"route_not_found".into()));
    assert_eq!(
        answer_2(&mut sender, request("HEAD", "/nowhere", 0)).await,
        (404, Vec::new())
    );
    assert_eq!(
        answer_2(&mut sender, request("GET", "/hello/a", HEADERS_MAX))
            .await
            .0,
        200
    );
    assert_eq!(
        answer_2(&mut sender, request("GET", "/hello/a", HEADERS_MAX + 1))
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn a_head_of_http_2_has_as_many_bytes_as_it_may() {
    let server = TestServer::start().await;
    let mut sender = http_2(&server).await;
    let bytes_max = usize::try_from(HEADERS_BYTES_MAX).unwrap();
    for (size, status) in [(bytes_max - 1024, 200), (bytes_max, 431)] {
        let mut request = request("GET", "/hello/a", 0);
        request
            .headers_mut()
            .insert("x", "x".repeat(size).parse().unwrap());
        assert_eq!(answer_2(&mut sender, request).await.0, status);
    }
}

#[tokio::test]
async fn http_2_knows_the_deadlines_and_the_stop_too() {
    let mut server = TestServer::start_with(|server, _| {
        server.header_deadline = SHORT;
        server.idle_deadline = SHORT;
    })
    .await;
    let mut idle = http_2(&server).await;
    assert_eq!(
        answer_2(&mut idle, request("GET", "/hello/a", 0)).await.0,
        200
    );
    server.until_metric("guildhall_http_connections 0").await;

    let mut busy = http_2(&server).await;
    let (response, _) = busy.send_request(request("GET", "/gate", 0), true).unwrap();
    server.gate.entered().await;
    server.stop();
    server.gate.open();
    assert_eq!(soon(response).await.unwrap().status(), 200);
    server.stopped().await;
}
