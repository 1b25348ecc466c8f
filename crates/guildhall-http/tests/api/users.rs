//! Users, as a backend uses them.

use serde_json::json;

use crate::client::id;
use crate::server::{Acme, Server};

#[tokio::test]
async fn a_user_from_creation_to_deletion() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let fields = [
        ("first_name", "Ava"),
        ("last_name", "Stone"),
        ("email_address", "Ava@Example.COM"),
        ("phone_number", "+1 (555) 123-4567"),
        ("username", "ava_s"),
        ("external_id", "crm-1"),
    ];
    let user = backend.post_form("/users", &fields).await.ok();
    assert_eq!(user["primary_email_address"], "Ava@Example.COM");
    assert_eq!(user["primary_phone_number"], "+15551234567");
    let path = format!("/users/{}", id(&user));
    let details = backend.get(&format!("{path}/details")).await.ok();
    assert_eq!(details["email_addresses"][0]["is_primary"], true);
    assert_eq!(details["phone_numbers"][0]["country_code"], "+1");
    assert_eq!(
        (&details["has_password"], &details["disabled"]),
        (&json!(false), &json!(false))
    );

    let changed = backend
        .patch_form(&path, &[("first_name", ""), ("disabled", "true")])
        .await
        .ok();
    assert_eq!(
        (&changed["first_name"], &changed["disabled"]),
        (&json!("Ava"), &json!(true))
    );
    backend
        .patch_form(&path, &[("first_name", "")])
        .await
        .refused(400, "nothing_to_update");
    backend
        .patch_form(&path, &[("second_factor_policy", "maybe")])
        .await
        .refused(400, "invalid_request");
    backend
        .patch_form(&path, &[("private_metadata", "{")])
        .await
        .refused(400, "invalid_request");
    backend.get(&path).await.refused(405, "method_not_allowed");

    backend.delete(&path).await.ok();
    backend
        .get(&format!("{path}/details"))
        .await
        .refused(404, "user_not_found");
    // The address is free again.
    backend.post_form("/users", &fields).await.ok();
    server.finish().await;
}

#[tokio::test]
async fn identifiers_are_unique_without_regard_to_spelling() {
    let server = Server::start().await;
    let (backend, neighbour) = (server.backend().await, server.neighbour().await);
    let fields = [
        ("email_address", "ava@example.com"),
        ("phone_number", "+15551234567"),
        ("username", "ava"),
        ("external_id", "1"),
    ];
    backend.post_form("/users", &fields).await.ok();
    neighbour.post_form("/users", &fields).await.ok();
    for (field, value, code) in [
        ("email_address", "AVA@EXAMPLE.com", "email_taken"),
        ("phone_number", "+1-555-123-4567", "phone_taken"),
        ("username", "AVA", "username_taken"),
        ("external_id", "1", "external_id_taken"),
    ] {
        let reply = backend.post_form("/users", &[(field, value)]).await;
        reply.refused(409, code);
        assert!(reply.fields().contains_key(field), "{reply:?}");
    }
    server.finish().await;
}

#[tokio::test]
async fn a_password_is_refused_with_the_reason() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let fields = [
        ("first_name", "Ava"),
        ("password", "secret"),
        ("skip_password_check", "false"),
    ];
    let refusal = backend
        .post_form("/users", &fields)
        .await
        .refused(400, "password_not_supported");
    assert!(
        refusal["message"]
            .as_str()
            .unwrap()
            .contains("identity provider")
    );
    server.finish().await;
}

#[tokio::test]
async fn a_users_revision_is_the_users_own() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let path = |index: usize| format!("/users/{}", acme.users[index]);
    let tag = backend
        .get(&format!("{}/details", path(0)))
        .await
        .header("etag")
        .to_owned();
    // The neighbour's change does not make this one stale.
    backend
        .patch_form(&path(1), &[("last_name", "Zola")])
        .await
        .ok();
    backend
        .with("if-match", &tag)
        .patch_form(&path(0), &[("last_name", "Stone")])
        .await
        .ok();
    let stale = backend.with("if-match", &tag).delete(&path(0)).await;
    stale.refused(412, "revision_mismatch");
    server.finish().await;
}

#[tokio::test]
async fn lists_of_users_are_strict_about_their_order() {
    let server = Server::start().await;
    let backend = server.backend().await;
    for name in ["b", "A", "c"] {
        backend
            .post_form("/users", &[("username", name)])
            .await
            .ok();
    }
    let page = backend
        .get("/users?sort_key=username&sort_order=asc")
        .await
        .ok();
    let names: Vec<_> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| &user["username"])
        .collect();
    assert_eq!(names, ["A", "b", "c"]);
    backend
        .get("/users?sort_key=shoe_size")
        .await
        .refused(400, "invalid_request");
    backend
        .get("/users?sort_order=sideways")
        .await
        .refused(400, "invalid_request");
    server.finish().await;
}
