//! Sixty-four callers at once.

use futures_util::future::join_all;
use serde_json::json;

use crate::client::{Reply, id};
use crate::server::{Acme, Server};

const CALLERS: usize = 64;

fn won(replies: &[Reply]) -> usize {
    replies.iter().filter(|reply| reply.status == 200).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_member_is_added_once() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let user = id(&backend
        .post_form("/users", &[("first_name", "Zoe")])
        .await
        .ok());
    let path = acme.path("/members");
    let replies =
        join_all((0..CALLERS).map(|_| backend.post(&path, json!({ "user_id": user })))).await;
    assert_eq!(won(&replies), 1);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        reply.refused(409, "member_exists");
    }
    assert_eq!(backend.get(&acme.path("")).await.ok()["member_count"], 3);
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_role_name_is_taken_once() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let path = acme.path("/roles");
    let names = ["Owner", "OWNER", "owner", "oWnEr"];
    let calls = (0..CALLERS).map(|index| {
        backend.post(
            &path,
            json!({ "name": names[index % names.len()], "permissions": [] }),
        )
    });
    let replies = join_all(calls).await;
    assert_eq!(won(&replies), 1);
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_idempotency_key_has_one_effect() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let once = backend.with("idempotency-key", "once");
    let replies =
        join_all((0..CALLERS).map(|_| once.post_form("/organizations", &[("name", "Acme")]))).await;
    assert!(won(&replies) >= 1);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        reply.refused(409, "idempotency_in_flight");
    }
    assert_eq!(backend.get("/organizations").await.ok()["total"], 1);
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn adding_to_a_deleted_organization_leaves_nothing() {
    let server = Server::start().await;
    let backend = server.backend().await;
    for _ in 0..8 {
        let acme = id(&backend
            .post_form("/organizations", &[("name", "Acme")])
            .await
            .ok());
        let user = id(&backend
            .post_form("/users", &[("first_name", "Zoe")])
            .await
            .ok());
        let path = format!("/organizations/{acme}");
        let members = format!("{path}/members");
        let add = join_all((0..8).map(|_| backend.post(&members, json!({ "user_id": user }))));
        let (deleted, added) = tokio::join!(backend.delete(&path), add);
        deleted.ok();
        assert!(won(&added) <= 1);
        let memberships = backend
            .get(&format!("/users/{user}/organization-memberships"))
            .await
            .ok();
        assert_eq!(memberships["total"], 0);
    }
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn deleting_a_user_while_they_are_added_leaves_nothing() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    for _ in 0..8 {
        let user = id(&backend
            .post_form("/users", &[("first_name", "Zoe")])
            .await
            .ok());
        let (members, path) = (acme.path("/members"), format!("/users/{user}"));
        let add = join_all((0..4).map(|_| backend.post(&members, json!({ "user_id": user }))));
        let (deleted, _) = tokio::join!(backend.delete(&path), add);
        deleted.ok();
    }
    assert_eq!(backend.get(&acme.path("")).await.ok()["member_count"], 2);
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_seat_is_taken_once() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let deployment = guildhall_core::deployments::operator(&server.guildhall, "default")
        .await
        .unwrap();
    guildhall_core::deployments::set_seats(&server.guildhall, deployment, 3)
        .await
        .unwrap();
    let mut users = Vec::new();
    for _ in 0..CALLERS {
        users.push(id(&backend
            .post_form("/users", &[("first_name", "Zoe")])
            .await
            .ok()));
    }
    let path = acme.path("/members");
    let replies = join_all(
        users
            .iter()
            .map(|user| backend.post(&path, json!({ "user_id": user }))),
    )
    .await;
    assert_eq!(won(&replies), 1);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        reply.refused(403, "seat_limit_reached");
    }
    assert_eq!(backend.get(&acme.path("")).await.ok()["member_count"], 3);
    server.finish().await;
}
