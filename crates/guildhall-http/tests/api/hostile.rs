//! Input from people who mean no good. Whatever comes, the answer is a problem of the 4xx kind, and the server lives.

use bytes::Bytes;
use hyper::Method;
use serde_json::json;

use crate::client::Caller;
use crate::server::{Acme, Server};

async fn refused(
    backend: &Caller,
    method: Method,
    path: &str,
    content_type: &str,
    body: impl Into<Bytes>,
) {
    let body = body.into();
    let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
    let reply = backend.send(method, path, Some(content_type), body).await;
    let status = reply.status.as_u16();
    assert!((400..500).contains(&status), "{status} for {shown:?}");
    reply.refused(status, reply.json()["code"].as_str().unwrap());
}

#[tokio::test]
async fn json_bombs_and_nonsense() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let path = acme.path("/members");
    let deep = format!(
        "{{\"user_id\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let wide = format!(
        "{{\"user_id\":\"7\",\"role_ids\":[{}\"1\"]}}",
        "\"1\",".repeat(300_000)
    );
    let huge = format!("{{\"user_id\":{}}}", "9".repeat(10_000));
    for body in [
        deep,
        wide,
        huge,
        "{\"user_id\":1e999}".into(),
        "{".into(),
        String::new(),
        "null".into(),
        "[]".into(),
        "{\"user_id\":\"7\"}{}".into(),
        "{\"user_id\":\"\\ud800\"}".into(),
        "{\"user_id\":1,\"user_id\":2}".into(),
    ] {
        refused(&backend, Method::POST, &path, "application/json", body).await;
    }
    refused(
        &backend,
        Method::POST,
        &path,
        "application/json",
        &b"{\"user_id\":\"\xff\"}"[..],
    )
    .await;
    refused(&backend, Method::POST, &path, "text/plain", "{}").await;
    refused(
        &backend,
        Method::POST,
        &acme.path("/roles"),
        "application/json",
        json!({ "name": "a\u{0}b", "permissions": [] }).to_string(),
    )
    .await;
    refused(
        &backend,
        Method::POST,
        &acme.path("/roles"),
        "application/json",
        json!({ "name": "a", "permissions": ["a\u{202e}b"] }).to_string(),
    )
    .await;
    server.finish().await;
}

#[tokio::test]
async fn malformed_forms() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let form = "multipart/form-data; boundary=b";
    for body in [
        "",
        "--b--\r\n",
        "--b",
        "nonsense",
        "--b\r\n\r\nx\r\n--b--\r\n",
        "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nno end",
    ] {
        refused(&backend, Method::POST, "/organizations", form, body).await;
    }
    let field = |value: &[u8]| {
        [
            &b"--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n"[..],
            value,
            b"\r\n--b--\r\n",
        ]
        .concat()
    };
    for value in [
        &b"\xff\xfe"[..],
        b"a\0b",
        b"\xe2\x80\xae",
        b"   ",
        &[b'x'; 5000],
    ] {
        refused(&backend, Method::POST, "/organizations", form, field(value)).await;
    }
    let mut many = String::new();
    for index in 0..1_000 {
        many += "--b\r\nContent-Disposition: form-data; name=\"f";
        many += &index.to_string();
        many += "\"\r\n\r\nx\r\n";
    }
    refused(
        &backend,
        Method::POST,
        "/organizations",
        form,
        many + "--b--\r\n",
    )
    .await;
    refused(
        &backend,
        Method::POST,
        "/organizations",
        "multipart/form-data",
        field(b"x"),
    )
    .await;
    refused(
        &backend,
        Method::POST,
        "/organizations",
        "application/json",
        "{}",
    )
    .await;
    refused(
        &backend,
        Method::POST,
        "/organizations",
        form,
        vec![b'x'; 3 * 1024 * 1024],
    )
    .await;
    assert_eq!(backend.get("/organizations").await.ok()["total"], 0);
    server.finish().await;
}

#[tokio::test]
async fn query_strings_that_mean_no_good() {
    let server = Server::start().await;
    let backend = server.backend().await;
    Acme::create(&backend).await;
    for query in [
        "search=%00",
        "search=%ff",
        "limit=99999999999999999999999",
        "cursor=AAAA",
        "offset=99999999999999999999",
        "search=' OR 1=1 --",
        "sort_key='; DROP TABLE organizations --",
        "user_id=1 OR 1=1",
    ] {
        let path = format!(
            "/organizations?{}",
            query.replace(' ', "%20").replace('\'', "%27")
        );
        let status = backend.get(&path).await.status.as_u16();
        assert!(status == 200 || status == 400, "{status} for {query}");
    }
    let long = "x".repeat(10_000);
    backend
        .get(&format!("/organizations?search={long}"))
        .await
        .refused(400, "invalid_request");
    assert_eq!(backend.get("/organizations").await.ok()["total"], 1);
    server.finish().await;
}

#[tokio::test]
async fn headers_that_mean_no_good() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let long = "k".repeat(256);
    for key in ["", "a b", long.as_str()] {
        let reply = backend
            .with("idempotency-key", key)
            .post_form("/organizations", &[("name", "A")])
            .await;
        reply.refused(400, "invalid_request");
    }
    for tag in ["", "\"", "W/", "\"a\",,\"b\"", "\u{e9}"] {
        let reply = backend
            .with("if-match", tag)
            .delete("/organizations/9")
            .await;
        reply.refused(404, "organization_not_found");
    }
    server.finish().await;
}
