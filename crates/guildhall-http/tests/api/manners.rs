//! What every route has in common: keys, revisions, idempotency, request ids.

use std::num::NonZeroU32;

use guildhall_types::keys::KeyScope;
use serde_json::json;

use crate::client::id;
use crate::server::{Acme, Server};

#[tokio::test]
async fn only_a_valid_key_gets_in() {
    let server = Server::start().await;
    let past = Some("2026-01-01T00:00:00Z".parse().unwrap());
    let expired = server.caller("default", KeyScope::Full, past).await;
    let mut unknown = server.stranger();
    unknown.secret = Some(format!("ghk_{}{}", "0".repeat(64), "8bfd3cf4"));
    for caller in [server.stranger(), expired, unknown] {
        let reply = caller.get("/organizations").await;
        reply.refused(401, "unauthenticated");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
    server.stranger().get("/health").await.ok();
    server.finish().await;
}

#[tokio::test]
async fn a_read_only_key_reads() {
    let server = Server::start().await;
    let acme = Acme::create(&server.backend().await).await;
    let reader = server.caller("default", KeyScope::ReadOnly, None).await;
    reader.get(&acme.path("")).await.ok();
    reader
        .post_form("/organizations", &[("name", "A")])
        .await
        .refused(403, "read_only_key");
    reader
        .delete(&acme.path(""))
        .await
        .refused(403, "read_only_key");
    server.finish().await;
}

#[tokio::test]
async fn a_revision_is_an_entity_tag() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let read = backend.get(&acme.path("")).await;
    let tag = read.header("etag").to_owned();
    assert_eq!(tag, format!("\"{}\"", read.header("guildhall-revision")));
    let known = backend
        .with("if-none-match", &format!("\"x\", W/{tag}"))
        .get(&acme.path(""))
        .await;
    assert_eq!(
        (
            known.status.as_u16(),
            known.body.len(),
            known.header("etag")
        ),
        (304, 0, tag.as_str())
    );

    let rename = [("name", "Acme 2")];
    let changed = backend
        .with("if-match", &tag)
        .patch_form(&acme.path(""), &rename)
        .await;
    assert_ne!(changed.header("etag"), tag);
    changed.ok();
    let stale = backend
        .with("if-match", &tag)
        .patch_form(&acme.path(""), &[("name", "Acme 3")])
        .await;
    stale.refused(412, "revision_mismatch");
    assert_eq!(backend.get(&acme.path("")).await.ok()["name"], "Acme 2");
    server.finish().await;
}

#[tokio::test]
async fn a_change_of_nothing_keeps_the_revision() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let before = backend.get(&acme.path("")).await.header("etag").to_owned();
    let member = acme.path(&format!("/members/{}", acme.members[0]));
    for reply in [
        backend
            .patch_form(&acme.path(""), &[("name", " Acme ")])
            .await,
        backend.patch(&member, json!({})).await,
        backend
            .patch(&member, json!({ "role_ids": [acme.roles[0]] }))
            .await,
        backend
            .post(&format!("{member}/roles/{}", acme.roles[0]), json!({}))
            .await,
    ] {
        assert_eq!(reply.header("etag"), before);
        reply.ok();
    }
    server.finish().await;
}

#[tokio::test]
async fn an_idempotent_request_is_done_once() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let once = backend.with("idempotency-key", "k-1");
    let first = once.post_form("/organizations", &[("name", "Acme")]).await;
    let again = once.post_form("/organizations", &[("name", "Acme")]).await;
    assert_eq!(
        (
            first.header("idempotent-replayed"),
            again.header("idempotent-replayed")
        ),
        ("", "true")
    );
    assert_eq!(
        (first.body.clone(), first.header("etag")),
        (again.body.clone(), again.header("etag"))
    );
    once.post_form("/organizations", &[("name", "Globex")])
        .await
        .refused(422, "idempotency_key_reused");
    once.post_form("/users", &[("first_name", "Ava")])
        .await
        .refused(422, "idempotency_key_reused");
    assert_eq!(backend.get("/organizations").await.ok()["total"], 1);

    // A refusal is not kept: the request may be repeated once its cause is gone.
    let add = backend.with("idempotency-key", "k-2");
    let acme = id(&first.ok());
    let body = json!({ "user_id": "7" });
    let path = format!("/organizations/{acme}/members");
    add.post(&path, body.clone())
        .await
        .refused(404, "user_not_found");
    add.post(&path, body).await.refused(404, "user_not_found");
    server.finish().await;
}

#[tokio::test]
async fn a_repeated_deletion_answers_as_the_first() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let once = backend.with("idempotency-key", "k");
    assert_eq!(once.delete(&acme.path("")).await.ok(), json!({}));
    assert_eq!(once.delete(&acme.path("")).await.ok(), json!({}));
    backend
        .delete(&acme.path(""))
        .await
        .refused(404, "organization_not_found");
    server.finish().await;
}

#[tokio::test]
async fn a_request_has_an_id_everywhere() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let reply = backend
        .with("x-request-id", "my-7")
        .get("/organizations/9")
        .await;
    assert_eq!(
        reply.refused(404, "organization_not_found")["request_id"],
        "my-7"
    );
    assert_eq!(reply.header("x-request-id"), "my-7");
    backend
        .with("x-request-id", "my-8")
        .patch_form(&acme.path(""), &[("name", "B")])
        .await
        .ok();
    let ledger = backend.get(&acme.path("/ledger?limit=1")).await.ok();
    assert_eq!(ledger["data"][0]["request_id"], "my-8");
    server.finish().await;
}

#[tokio::test]
async fn a_key_that_asks_too_often_is_told_when_to_come_back() {
    let server = Server::start_with(NonZeroU32::new(3)).await;
    let (busy, calm) = (server.backend().await, server.backend().await);
    for left in ["2", "1", "0"] {
        let reply = busy.get("/organizations").await;
        assert!(
            reply.header("ratelimit").contains(&format!("r={left}")),
            "{reply:?}"
        );
        reply.ok();
    }
    let reply = busy.get("/organizations").await;
    reply.refused(429, "rate_limited");
    assert!(reply.header("retry-after").parse::<u32>().unwrap() >= 1);
    calm.get("/organizations").await.ok();
    server.finish().await;
}
