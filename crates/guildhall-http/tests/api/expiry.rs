//! What ends by itself and what is suspended, as a backend asks for it.

use hyper::Method;
use serde_json::{Value, json};

use crate::client::Caller;
use crate::server::{Acme, Server};

const LATE: &str = "2094-05-03T12:00:00.000000Z";

async fn first_member(backend: &Caller, acme: &Acme) -> Value {
    let path = format!("{}?sort_order=asc", acme.path("/members"));
    backend.get(&path).await.ok()["data"][0].clone()
}

#[tokio::test]
async fn a_membership_shows_its_end_and_its_suspension() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let body = json!({ "user_id": acme.outsider, "expires_at": "2094-05-03T14:00:00+02:00" });
    let member = backend.post(&acme.path("/members"), body).await.ok();
    assert_eq!(
        (&member["expires_at"], &member["suspended_at"]),
        (&json!(LATE), &json!(null))
    );

    let path = acme.path(&format!("/members/{}", acme.members[0]));
    for (body, expires_at, suspended) in [
        (
            json!({ "expires_at": LATE, "suspended": true }),
            json!(LATE),
            true,
        ),
        (json!({}), json!(LATE), true),
        (json!({ "suspended": null }), json!(LATE), true),
        (json!({ "expires_at": null }), json!(null), true),
        (json!({ "suspended": false }), json!(null), false),
    ] {
        assert_eq!(backend.patch(&path, body.clone()).await.ok(), json!({}));
        let member = first_member(&backend, &acme).await;
        assert_eq!(member["expires_at"], expires_at, "{body}");
        assert_eq!(member["suspended_at"].is_string(), suspended, "{body}");
    }
    let path = format!("/users/{}/organization-memberships", acme.outsider);
    let memberships = backend.get(&path).await.ok();
    assert_eq!(memberships["data"][0]["expires_at"], LATE);
    server.finish().await;
}

#[tokio::test]
async fn a_role_is_assigned_with_or_without_an_end() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let path = acme.path(&format!(
        "/members/{}/roles/{}",
        acme.members[0], acme.roles[1]
    ));
    let end = json!({ "expires_at": LATE }).to_string();
    // Each as it is sent, and the end that the role then has; a client of before sends no body at all.
    for (content_type, body, expected) in [
        (Some("application/json"), end.as_str(), Some(LATE)),
        (None, "", None),
        (Some("application/json"), end.as_str(), Some(LATE)),
        (Some("application/json"), "null", None),
        (Some("application/json"), end.as_str(), Some(LATE)),
        (Some("application/json"), "{}", None),
    ] {
        let body = body.to_owned().into();
        let reply = backend.send(Method::POST, &path, content_type, body).await;
        assert_eq!(reply.ok(), json!({}));
        let roles = first_member(&backend, &acme).await["roles"].clone();
        assert_eq!(roles[1]["name"], "Billing");
        let shown = roles[1].get("expires_at").and_then(Value::as_str);
        assert_eq!(shown, expected);
        assert!(roles[0].get("expires_at").is_none(), "{roles}");
    }
    let strange = backend.send(Method::POST, &path, Some("text/plain"), end.into());
    strange.await.refused(415, "unsupported_media_type");
    server.finish().await;
}

#[tokio::test]
async fn what_cannot_be_an_end_is_named() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let member = acme.path(&format!("/members/{}", acme.members[0]));
    let role = format!("{member}/roles/{}", acme.roles[1]);
    for end in [
        json!("2026-05-03"),
        json!(1_777_809_600),
        json!("2020-01-01T00:00:00Z"),
    ] {
        let body = json!({ "user_id": acme.outsider, "expires_at": end });
        for reply in [
            backend.post(&acme.path("/members"), body.clone()).await,
            backend.patch(&member, body.clone()).await,
            backend.post(&role, body.clone()).await,
        ] {
            let problem = reply.refused(400, "invalid_request");
            assert_eq!(
                problem["details"]["fields"][0]["field"], "expires_at",
                "{problem}"
            );
        }
    }
    server.finish().await;
}

#[tokio::test]
async fn an_organization_is_suspended_by_a_field_of_its_form() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let suspended = backend
        .patch_form(&acme.path(""), &[("suspended", "true")])
        .await
        .ok();
    assert!(suspended["suspended_at"].is_string(), "{suspended}");
    let details = backend.get(&acme.path("")).await.ok();
    assert_eq!(details["suspended_at"], suspended["suspended_at"]);
    backend
        .patch_form(&acme.path(""), &[("suspended", "perhaps")])
        .await
        .refused(400, "invalid_request");
    let awake = backend
        .patch_form(&acme.path(""), &[("suspended", "false")])
        .await
        .ok();
    assert_eq!(awake["suspended_at"], json!(null));
    let path = acme.path("/ledger?limit=2");
    let entries = backend.get(&path).await.ok()["data"].clone();
    assert_eq!(
        (&entries[0]["action"], &entries[1]["action"]),
        (
            &json!("organization.reactivated"),
            &json!("organization.suspended")
        )
    );
    assert_eq!(
        entries[1]["after"]["suspended_at"],
        suspended["suspended_at"]
    );
    server.finish().await;
}
