//! What happens to a request between the socket and its handler.

use std::time::Duration;

use guildhall_types::limits::{BODY_BYTES_MAX, REQUEST_ID_CHARS_MAX};

use crate::client::TestServer;

#[tokio::test]
async fn an_unknown_route_is_a_problem_with_the_id_of_the_request() {
    let server = TestServer::start().await;
    let answer = server
        .exchange("GET /nowhere HTTP/1.1\r\nHost: h\r\nX-Request-Id: r-1\r\n\r\n")
        .await;
    assert_eq!(
        answer.assert_problem("route_not_found", 404),
        "no route has this path"
    );
    assert_eq!(answer.header("x-request-id"), Some("r-1"));
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_and_names_the_right_ones() {
    let server = TestServer::start().await;
    let answer = server
        .exchange("POST /hello/a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        .await;
    answer.assert_problem("method_not_allowed", 405);
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
}

#[tokio::test]
async fn what_axum_refuses_is_a_problem_without_rust_names() {
    let server = TestServer::start().await;
    let text = "POST /json HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}";
    server
        .exchange(text)
        .await
        .assert_problem("unsupported_media_type", 415);
    let broken = "POST /json HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{";
    let message = server
        .exchange(broken)
        .await
        .assert_problem("invalid_request", 400);
    assert!(!message.contains("parse"), "{message}");
}

#[tokio::test]
async fn a_refusal_of_ours_says_all_that_it_has_to_say() {
    let server = TestServer::start().await;
    let answer = server.get("/refused").await;
    assert_eq!(
        answer.assert_problem("revision_mismatch", 412),
        "the revision is 8"
    );
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(json["details"]["fields"][0]["field"], "name");
    assert_eq!(
        (answer.header("retry-after"), answer.header("etag")),
        (Some("7"), Some("\"8\""))
    );

    let answer = server.get("/unauthenticated").await;
    answer.assert_problem("unauthenticated", 401);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test]
async fn a_problem_for_head_has_no_body() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    client
        .send("HEAD /nowhere HTTP/1.1\r\nHost: h\r\n\r\nGET /id HTTP/1.1\r\nHost: h\r\n\r\n")
        .await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    assert_eq!(client.answer().await.status(), 200);
}

#[tokio::test]
async fn the_id_of_a_request_is_taken_over_or_replaced() {
    let server = TestServer::start().await;
    let with_id = |id: &[u8]| {
        [
            b"GET /id HTTP/1.1\r\nHost: h\r\nX-Request-Id: ",
            id,
            b"\r\n\r\n",
        ]
        .concat()
    };

    let answer = server.exchange(with_id(b"trace-7")).await;
    assert_eq!(
        (answer.text(), answer.header("x-request-id")),
        ("trace-7", Some("trace-7"))
    );

    let too_long = [b'x'; REQUEST_ID_CHARS_MAX + 1];
    for hostile in [&too_long[..], "caf\u{e9}".as_bytes(), b"two words", b""] {
        let answer = server.exchange(with_id(hostile)).await;
        assert!(answer.text().starts_with("fresh-"), "{answer:?}");
        assert_eq!(Some(answer.text()), answer.header("x-request-id"));
    }
    let answer = server.get("/id").await;
    assert!(answer.text().starts_with("fresh-"));
}

#[tokio::test]
async fn a_panic_is_a_problem_that_tells_nothing_and_ends_nothing() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    client.send("GET /panic HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let answer = client.answer().await;
    answer.assert_problem("internal", 500);
    assert!(!answer.text().contains("secret"));
    client
        .send("GET /hello/a HTTP/1.1\r\nHost: h\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status(), 200);
}

#[tokio::test]
async fn a_body_may_be_as_long_as_the_limit() {
    let server = TestServer::start().await;
    let body = vec![b'x'; BODY_BYTES_MAX];
    let head = format!(
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = server.exchange([head.as_bytes(), &body].concat()).await;
    assert_eq!((answer.status(), answer.body.len()), (200, BODY_BYTES_MAX));
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_refused_before_it_comes() {
    let server = TestServer::start().await;
    let size = BODY_BYTES_MAX + 1;
    let head = format!("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n");
    let message = server
        .exchange(head)
        .await
        .assert_problem("body_too_large", 413);
    assert!(message.contains("2097152"), "{message}");
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_at_once() {
    let server = TestServer::start().await;
    let asking = |path: &str, size: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: {size}\r\n\r\n"
        )
    };
    let mut client = server.connect().await;
    client.send(asking("/echo", 3)).await;
    assert!(client.head().await.starts_with("HTTP/1.1 100"));
    client.send("abc").await;
    assert_eq!(client.answer().await.text(), "abc");
    client.send(asking("/echo", BODY_BYTES_MAX + 1)).await;
    client.answer().await.assert_problem("body_too_large", 413);
    client.closed().await;
}

#[tokio::test]
async fn a_body_that_announces_nothing_is_refused_at_the_first_byte_too_many() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    client
        .send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    client.send(format!("{:x}\r\n", BODY_BYTES_MAX + 1)).await;
    client.send(vec![b'x'; BODY_BYTES_MAX + 1]).await;
    client.answer().await.assert_problem("body_too_large", 413);
}

/// Without lingering, the connection is reset under the client's hands while it writes.
#[tokio::test]
async fn a_client_that_writes_before_it_reads_gets_its_refusal_too() {
    let server = TestServer::start().await;
    let body = vec![b'x'; 3 * BODY_BYTES_MAX];
    let announced = format!(
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut client = server.connect().await;
    client.send([announced.as_bytes(), &body].concat()).await;
    client.answer().await.assert_problem("body_too_large", 413);
    let unread = format!(
        "POST /unread HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.send([unread.as_bytes(), &body].concat()).await;
    assert_eq!(client.answer().await.text(), "did not look");
    client
        .send("GET /hello/a HTTP/1.1\r\nHost: h\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.text(), "hello");
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up() {
    let short = Duration::from_millis(100);
    let server = TestServer::start_with(|_, shell| shell.body_deadline = short).await;
    let answer = server
        .exchange("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
        .await;
    answer.assert_problem("request_timeout", 408);
}

#[tokio::test]
async fn too_many_requests_at_once_are_refused_but_health_answers() {
    let server = TestServer::start_with(|_, shell| shell.in_flight_max = 1).await;
    let mut inside = server.connect().await;
    inside.send("GET /gate HTTP/1.1\r\nHost: h\r\n\r\n").await;
    server.gate.entered().await;

    let refused = server.get("/hello/a").await;
    refused.assert_problem("overloaded", 503);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(server.get("/health").await.status(), 200);
    let metrics = server.get("/metrics").await;
    assert!(
        metrics
            .text()
            .contains("guildhall_http_requests_rejected_total 1"),
        "{}",
        metrics.text()
    );

    server.gate.open();
    assert_eq!(inside.answer().await.text(), "through the gate");
    assert_eq!(server.get("/hello/a").await.status(), 200);
}

#[tokio::test]
async fn large_answers_are_compressed_if_the_client_likes_it() {
    let server = TestServer::start().await;
    let accepting = |path: &str, encodings: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: h\r\nAccept-Encoding: {encodings}\r\n\r\n")
    };
    let gzip = server.exchange(accepting("/large", "gzip")).await;
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert_eq!(gzip.body[..2], [0x1f, 0x8b]);
    assert!(gzip.body.len() < 4096);
    let brotli = server.exchange(accepting("/large", "gzip;q=0.5, br")).await;
    assert_eq!(brotli.header("content-encoding"), Some("br"));
    assert!(brotli.body.len() < 4096);

    let unasked = server.get("/large").await;
    let small = server.exchange(accepting("/hello/a", "gzip")).await;
    let image = server.exchange(accepting("/image", "gzip")).await;
    // tower-http would answer these 406, after the handler has done its work.
    let impossible = server.exchange(accepting("/large", "identity;q=0")).await;
    let nothing = server.exchange(accepting("/large", "*;q=0")).await;
    for plain in [unasked, small, image, impossible, nothing] {
        assert_eq!(
            (plain.status(), plain.header("content-encoding")),
            (200, None)
        );
    }
}

#[tokio::test]
async fn metrics_know_routes_and_never_paths() {
    let server = TestServer::start().await;
    server.get("/hello/anna").await;
    server.get("/hello/bert").await;
    server.get("/secret-path").await;
    server
        .exchange("BREW /hello/anna HTTP/1.1\r\nHost: h\r\n\r\n")
        .await;
    let text = server.get("/metrics").await.text().to_owned();
    let lines = [
        r#"guildhall_http_requests_total{method="GET",route="/hello/{name}",status="200"} 2"#,
        r#"guildhall_http_requests_total{method="GET",route="unknown",status="404"} 1"#,
        r#"guildhall_http_requests_total{method="other",route="/hello/{name}",status="405"} 1"#,
        r#"guildhall_http_request_duration_seconds_count{method="GET",route="/hello/{name}"} 2"#,
    ];
    for line in lines {
        assert!(text.contains(line), "`{line}` is not in\n{text}");
    }
    for client_made in ["anna", "secret-path", "BREW"] {
        assert!(!text.contains(client_made), "{text}");
    }
    server
        .until_metric("guildhall_http_requests_in_flight 0")
        .await;
}

#[tokio::test]
async fn a_client_that_leaves_is_counted_and_gives_its_place_back() {
    let server = TestServer::start_with(|_, shell| shell.in_flight_max = 1).await;
    let mut client = server.connect().await;
    client.send("GET /gate HTTP/1.1\r\nHost: h\r\n\r\n").await;
    server.gate.entered().await;
    drop(client);
    server
        .until_metric(r#"guildhall_http_requests_total{method="GET",route="/gate",status="499"} 1"#)
        .await;
    assert_eq!(server.get("/hello/a").await.status(), 200);
}
