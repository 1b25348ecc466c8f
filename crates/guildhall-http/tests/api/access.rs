//! Checks: every reason, several at once, as fresh as what was written.

use guildhall_types::keys::KeyScope;
use hyper::Method;
use serde_json::{Value, json};

use crate::client::{Caller, Reply, id};
use crate::server::{Acme, Server};

/// The body of a check.
pub(crate) fn question(organization: &str, user: &str, permission: impl Into<Value>) -> Value {
    json!({ "organization_id": organization, "user_id": user, "permission": permission.into() })
}

pub(crate) async fn check(caller: &Caller, body: Value) -> Value {
    caller.post("/access/check", body).await.ok()
}

async fn reason(caller: &Caller, acme: &Acme, user: &str, permission: &str) -> String {
    let body = question(&acme.organization, user, permission);
    let answer = check(caller, body).await;
    let reason = answer["reason"].as_str().unwrap();
    assert_eq!(answer["allowed"], reason == "granted", "{answer}");
    reason.to_owned()
}

fn revision(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.header("guildhall-revision").to_owned()
}

#[tokio::test]
async fn a_check_says_why() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let [ava, emile] = &acme.users;
    let asked = |user: &str, permission: &'static str| {
        let (backend, acme, user) = (backend.clone(), acme.clone(), user.to_owned());
        async move { reason(&backend, &acme, &user, permission).await }
    };
    assert_eq!(asked(ava, "documents:read").await, "granted");
    assert_eq!(asked(ava, "documents:write").await, "missing_permission");
    assert_eq!(asked(ava, "documents").await, "missing_permission");
    assert_eq!(
        asked(&acme.outsider, "documents:read").await,
        "not_a_member"
    );
    assert_eq!(
        asked("4611686018427387", "documents:read").await,
        "not_a_member"
    );
    let nowhere = check(
        &backend,
        question("4611686018427387", ava, "documents:read"),
    )
    .await;
    let expected =
        json!({ "allowed": false, "reason": "organization_not_found", "revision": null });
    assert_eq!(nowhere, expected);

    let member = acme.path(&format!("/members/{}", acme.members[0]));
    backend
        .patch(&member, json!({ "suspended": true }))
        .await
        .ok();
    assert_eq!(asked(ava, "documents:read").await, "membership_suspended");
    backend
        .patch(&member, json!({ "suspended": false }))
        .await
        .ok();
    assert_eq!(asked(ava, "documents:read").await, "granted");

    let soon = server.in_seconds(3_600);
    backend
        .patch(&member, json!({ "expires_at": soon }))
        .await
        .ok();
    assert_eq!(asked(ava, "documents:read").await, "granted");
    server.advance(3_601);
    assert_eq!(asked(ava, "documents:read").await, "membership_expired");
    assert_eq!(asked(emile, "documents:read").await, "granted");

    let user = format!("/users/{emile}");
    backend
        .patch_form(&user, &[("disabled", "true")])
        .await
        .ok();
    assert_eq!(asked(emile, "documents:read").await, "user_disabled");
    let suspended = [("suspended", "true")];
    backend.patch_form(&acme.path(""), &suspended).await.ok();
    assert_eq!(
        asked(emile, "documents:read").await,
        "organization_suspended"
    );
    assert_eq!(asked(&acme.outsider, "x").await, "organization_suspended");
    backend.delete(&acme.path("")).await.ok();
    assert_eq!(
        asked(emile, "documents:read").await,
        "organization_not_found"
    );
    server.finish().await;
}

#[tokio::test]
async fn a_role_gives_for_a_while_and_by_patterns() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let ava = &acme.users[0];
    let body = json!({ "name": "Owner", "permissions": ["invoices:*", "*:audit"] });
    let owner = id(&backend.post(&acme.path("/roles"), body).await.ok());
    let assign = acme.path(&format!("/members/{}/roles/{owner}", acme.members[0]));
    let soon = server.in_seconds(60);
    backend
        .post(&assign, json!({ "expires_at": soon }))
        .await
        .ok();
    for (permission, expected) in [
        ("invoices:pay", "granted"),
        ("invoices:2026:pay", "granted"),
        ("invoices", "missing_permission"),
        ("users:audit", "granted"),
        ("users:all:audit", "missing_permission"),
        ("*", "missing_permission"),
    ] {
        assert_eq!(
            reason(&backend, &acme, ava, permission).await,
            expected,
            "{permission}"
        );
    }
    server.advance(61);
    assert_eq!(
        reason(&backend, &acme, ava, "invoices:pay").await,
        "missing_permission"
    );
    assert_eq!(
        reason(&backend, &acme, ava, "documents:read").await,
        "granted"
    );
    server.finish().await;
}

#[tokio::test]
async fn several_permissions_are_asked_for_together() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    for (permissions, mode, allowed) in [
        (json!(["documents:read"]), None, true),
        (json!(["documents:read", "documents:write"]), None, false),
        (
            json!(["documents:read", "documents:write"]),
            Some("all"),
            false,
        ),
        (
            json!(["documents:read", "documents:write"]),
            Some("any"),
            true,
        ),
        (json!(["a", "b"]), Some("any"), false),
        (
            json!(["documents:read", "documents:read"]),
            Some("all"),
            true,
        ),
    ] {
        let mut body = question(&acme.organization, &acme.users[0], permissions);
        body["mode"] = json!(mode);
        assert_eq!(
            check(&backend, body.clone()).await["allowed"],
            allowed,
            "{body}"
        );
    }
    // `é` as one character and as two is one permission.
    let body = json!({ "name": "Café", "permissions": ["caf\u{e9}:open"] });
    let role = id(&backend.post(&acme.path("/roles"), body).await.ok());
    let assign = acme.path(&format!("/members/{}/roles/{role}", acme.members[0]));
    backend.post(&assign, json!({})).await.ok();
    assert_eq!(
        reason(&backend, &acme, &acme.users[0], "cafe\u{301}:open").await,
        "granted"
    );
    server.finish().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_check_is_named() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let whole = question(&acme.organization, &acme.users[0], "documents:read");
    let with = |field: &str, value: Value| {
        let mut body = whole.clone();
        body[field] = value;
        body
    };
    let without = |field: &str| {
        let mut body = whole.clone();
        body.as_object_mut().unwrap().remove(field);
        body
    };
    let cases = [
        (without("user_id"), "user_id"),
        (without("organization_id"), "organization_id"),
        (without("permission"), "permission"),
        (with("user_id", json!("x")), "user_id"),
        (with("organization_id", json!(0)), "organization_id"),
        (with("permission", json!("")), "permission"),
        (with("permission", json!("a b")), "permission"),
        (with("permission", json!("a\u{0}b")), "permission"),
        (with("permission", json!("x".repeat(129))), "permission"),
        (with("permission", json!([])), "permission"),
        (with("permission", json!(["a", " "])), "permission.1"),
        (with("permission", json!(vec!["a"; 101])), "permission"),
        (with("permission", json!({})), "permission"),
        (with("mode", json!("some")), "mode"),
        (with("at_least", json!("7")), "at_least"),
        (with("at_least", json!("7@1")), "at_least"),
        (with("consistency", json!("eventual")), "consistency"),
    ];
    for (body, field) in cases {
        for path in ["/access/check", "/access/explain"] {
            let reply = backend.post(path, body.clone()).await;
            reply.refused(400, "invalid_request");
            assert!(reply.fields().contains_key(field), "{body}: {reply:?}");
        }
        let reply = backend
            .post("/access/check-batch", json!({ "checks": [whole, body] }))
            .await;
        // A batch is fresh as a whole.
        if field == "consistency" {
            continue;
        }
        reply.refused(400, "invalid_request");
        let field = format!("checks.1.{field}");
        assert!(reply.fields().contains_key(&field), "{field}: {reply:?}");
    }
    assert!(check(&backend, with("permission", json!("x".repeat(128)))).await["allowed"] == false);
    let numbers = json!({ "user_id": 7, "organization_id": 8, "permission": "x", "extra": [1] });
    assert_eq!(
        check(&backend, numbers).await["reason"],
        "organization_not_found"
    );
    server.finish().await;
}

#[tokio::test]
async fn any_key_may_ask() {
    let server = Server::start().await;
    let acme = Acme::create(&server.backend().await).await;
    let reader = server.caller("default", KeyScope::ReadOnly, None).await;
    let body = question(&acme.organization, &acme.users[0], "documents:read");
    assert_eq!(check(&reader, body.clone()).await["allowed"], true);
    let batch = json!({ "checks": [body] });
    reader.post("/access/check-batch", batch).await.ok();
    reader.post("/access/explain", body).await.ok();
    server.finish().await;
}

#[tokio::test]
async fn a_batch_is_answered_in_order() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let (acme, other) = (Acme::create(&backend).await, Acme::create(&backend).await);
    let one =
        |acme: &Acme, user: &str, permission: &str| question(&acme.organization, user, permission);
    let mut checks = Vec::new();
    for index in 0..1_000 {
        let (here, there) = if index % 3 == 0 {
            (&acme, &other)
        } else {
            (&other, &acme)
        };
        let permission = if index % 2 == 0 {
            "documents:read"
        } else {
            "documents:write"
        };
        let user = if index % 5 == 0 {
            &there.users[0]
        } else {
            &here.users[1]
        };
        checks.push(one(here, user, permission));
    }
    let batch = json!({ "checks": checks });
    let answer = backend
        .post("/access/check-batch", batch.clone())
        .await
        .ok();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 1_000);
    for (index, result) in results.iter().enumerate() {
        let expected = match (index % 5, index % 2) {
            (0, _) => "not_a_member",
            (_, 0) => "granted",
            _ => "missing_permission",
        };
        assert_eq!(result["reason"], expected, "{index}");
        if index % 50 == 0 {
            assert_eq!(*result, check(&backend, checks[index].clone()).await);
        }
    }
    checks.push(checks[0].clone());
    for checks in [checks, Vec::new()] {
        let reply = backend
            .post("/access/check-batch", json!({ "checks": checks }))
            .await;
        reply.refused(400, "invalid_request");
        assert!(reply.fields().contains_key("checks"));
    }
    server.finish().await;
}

/// While a role moves between two members, every batch sees exactly one of them with it.
#[tokio::test]
async fn a_batch_is_of_one_moment() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let body = json!({ "name": "Token", "permissions": ["token:hold"] });
    let role = id(&backend.post(&acme.path("/roles"), body).await.ok());
    // The role is changed, not the members: one change moves both of two permissions.
    for member in &acme.members {
        let assign = acme.path(&format!("/members/{member}/roles/{role}"));
        backend.post(&assign, json!({})).await.ok();
    }
    let path = acme.path(&format!("/roles/{role}"));
    let writer = tokio::spawn({
        let backend = backend.clone();
        async move {
            for round in 0..200 {
                let permission = ["token:hold", "token:keep"][round % 2];
                backend
                    .patch(&path, json!({ "permissions": [permission] }))
                    .await
                    .ok();
            }
        }
    });
    let checks: Vec<Value> = (0..40)
        .map(|index| {
            let permission = ["token:hold", "token:keep"][index % 2];
            question(&acme.organization, &acme.users[index / 2 % 2], permission)
        })
        .collect();
    while !writer.is_finished() {
        let batch = json!({ "checks": checks });
        let answer = backend.post("/access/check-batch", batch).await.ok();
        let results = answer["results"].as_array().unwrap();
        for pair in results.chunks(2) {
            assert_ne!(pair[0]["allowed"], pair[1]["allowed"], "{answer}");
            assert_eq!(pair[0]["revision"], results[0]["revision"]);
        }
    }
    writer.await.unwrap();
    server.finish().await;
}

#[tokio::test]
async fn an_answer_is_at_least_what_was_written() {
    let server = Server::start().await;
    let (backend, neighbour) = (server.backend().await, server.neighbour().await);
    let acme = Acme::create(&backend).await;
    let foreign = Acme::create(&neighbour).await;
    let member = acme.path(&format!("/members/{}", acme.members[0]));
    let of_organization = revision(&backend.patch(&member, json!({ "role_ids": [] })).await);
    let user = format!("/users/{}", acme.users[1]);
    let of_deployment = revision(&backend.patch_form(&user, &[("disabled", "true")]).await);
    let asked = |user: &str, at_least: &str, consistency: &str| {
        let mut body = question(&acme.organization, user, "documents:read");
        body["at_least"] = json!(at_least);
        body["consistency"] = json!(consistency);
        body
    };
    for consistency in ["cached", "full"] {
        let [ava, emile] = &acme.users;
        let answer = check(&backend, asked(ava, &of_organization, consistency)).await;
        assert_eq!(answer["reason"], "missing_permission");
        assert_eq!(answer["revision"], of_organization);
        let answer = check(&backend, asked(emile, &of_deployment, consistency)).await;
        assert_eq!(answer["reason"], "user_disabled");
        let later = format!("{}@999", acme.organization);
        let batch =
            json!({ "checks": [asked(ava, &later, consistency)], "consistency": consistency });
        for (path, body) in [
            ("/access/check", asked(ava, &later, consistency)),
            ("/access/explain", asked(ava, &later, consistency)),
            ("/access/check-batch", batch),
        ] {
            backend
                .post(path, body)
                .await
                .refused(409, "revision_not_reached");
        }
        // A revision of another organization is one of nowhere, whoever's it is.
        let stranger = format!("{}@1", foreign.organization);
        let reply = backend
            .post("/access/check", asked(ava, &stranger, consistency))
            .await;
        reply.refused(400, "invalid_request");
        assert!(reply.fields().contains_key("at_least"));
    }
    let batch = |at_least: &str| {
        let checks = [question(
            &acme.organization,
            &acme.users[0],
            "documents:read",
        )];
        json!({ "checks": checks, "at_least": at_least })
    };
    backend
        .post("/access/check-batch", batch(&of_organization))
        .await
        .ok();
    backend
        .post("/access/check-batch", batch(&of_deployment))
        .await
        .ok();
    let reply = backend.post("/access/check-batch", batch("7@1")).await;
    reply.refused(400, "invalid_request");
    server.finish().await;
}

/// Writers: each gives and takes a role of its own member. Rounds: how often.
const WRITERS: usize = 8;
const ROUNDS: usize = 250;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_is_read() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let user = id(&backend
            .post_form("/users", &[("first_name", "W")])
            .await
            .ok());
        let body = json!({ "user_id": user });
        let member = id(&backend.post(&acme.path("/members"), body).await.ok());
        let (backend, acme) = (backend.clone(), acme.clone());
        writers.push(tokio::spawn(async move {
            let role = acme.path(&format!("/members/{member}/roles/{}", acme.roles[1]));
            let body = question(&acme.organization, &user, "documents:read");
            for round in 0..ROUNDS {
                backend.post(&role, json!({})).await.ok();
                assert_eq!(
                    check(&backend, body.clone()).await["allowed"],
                    true,
                    "{round}"
                );
                let taken = revision(&backend.delete(&role).await);
                let answer = check(&backend, body.clone()).await;
                assert_eq!(
                    answer["allowed"], false,
                    "{round}: stale after {taken}: {answer}"
                );
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    server.finish().await;
}

#[tokio::test]
async fn hostile_questions() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let ids = format!(
        "\"user_id\":{},\"organization_id\":{}",
        acme.users[0], acme.organization
    );
    let deep = format!(
        "{{{ids},\"permission\":\"x\",\"y\":{}{}}}",
        "[".repeat(40),
        "]".repeat(40)
    );
    let bomb = format!(
        "{{\"checks\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let wide = format!("{{\"checks\":[{}{{}}]}}", "{},".repeat(300_000));
    let long = format!(
        "{{{ids},\"permission\":[{}\"a\"]}}",
        "\"a\",".repeat(300_000)
    );
    let cases: Vec<String> = vec![
        deep,
        bomb,
        wide,
        long,
        format!("{{{ids},\"permission\":\"a\",\"permission\":\"b\"}}"),
        format!("{{{ids},{ids},\"permission\":\"a\"}}"),
        format!("{{{ids},\"permission\":\"\\ud800\"}}"),
        format!("{{{ids},\"permission\":\"a\\u0000\"}}"),
        format!("{{{ids},\"permission\":\"a\\u202e\"}}"),
        format!("{{\"checks\":[[1,2,\"x\"]]}}"),
        format!("{{\"checks\":{{{ids},\"permission\":\"x\"}}}}"),
        "{\"checks\":null}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        String::new(),
        "{".to_owned(),
        format!("{{{ids},\"permission\":\"x\"}} x"),
    ];
    for path in ["/access/check", "/access/check-batch", "/access/explain"] {
        for body in &cases {
            let shown = &body[..body.len().min(80)];
            let content = Some("application/json");
            let reply = backend
                .send(Method::POST, path, content, body.clone().into())
                .await;
            assert_eq!(reply.status, 400, "{path} {shown}");
            reply.refused(400, reply.json()["code"].as_str().unwrap());
        }
        let body = &b"{\"user_id\":\"\xff\"}"[..];
        let reply = backend
            .send(Method::POST, path, Some("application/json"), body.into())
            .await;
        reply.refused(400, "malformed_body");
        let reply = backend
            .send(Method::POST, path, Some("text/plain"), "{}".into())
            .await;
        reply.refused(415, "unsupported_media_type");
    }
    server.finish().await;
}

#[tokio::test]
async fn an_explanation_names_every_way() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let body = json!({ "name": "Reader", "permissions": ["documents:*", "invoices:read"] });
    let reader = id(&backend.post(&acme.path("/roles"), body).await.ok());
    let soon = server.in_seconds(600);
    let assign = acme.path(&format!("/members/{}/roles/{reader}", acme.members[0]));
    let given = backend.post(&assign, json!({ "expires_at": soon })).await;
    let at = revision(&given);

    let asked = json!(["documents:read", "invoices:pay"]);
    let body = question(&acme.organization, &acme.users[0], asked);
    let answer = backend.post("/access/explain", body.clone()).await.ok();
    assert_eq!(answer["allowed"], false);
    assert_eq!(answer["reason"], "missing_permission");
    assert_eq!(answer["member_id"], acme.members[0]);
    let paths = answer["paths"].as_array().unwrap();
    assert_eq!(paths.len(), 2, "{answer}");
    let by_pattern = paths
        .iter()
        .find(|path| path["held_as"] == "documents:*")
        .unwrap();
    assert_eq!(by_pattern["permission"], "documents:read");
    assert_eq!(
        by_pattern["role"],
        json!({ "id": reader, "name": "Reader", "is_deployment_level": false })
    );
    assert_eq!(by_pattern["expires_at"], soon);
    assert_eq!(by_pattern["granted"]["revision"], at);
    let ledger = backend.get(&acme.path("/ledger?limit=1")).await.ok();
    assert_eq!(by_pattern["granted"]["by"], ledger["data"][0]["actor"]);
    assert_eq!(
        by_pattern["granted"]["at"],
        ledger["data"][0]["occurred_at"]
    );
    let exact = paths
        .iter()
        .find(|path| path["held_as"] == "documents:read")
        .unwrap();
    assert_eq!(exact["role"]["id"], acme.roles[0]);
    assert_eq!(exact["expires_at"], Value::Null);
    assert_eq!(
        answer["missing"],
        json!([{ "permission": "invoices:pay", "roles": [] }])
    );

    let mut any = body;
    any["mode"] = json!("any");
    let answer = backend.post("/access/explain", any.clone()).await.ok();
    assert_eq!(
        (&answer["allowed"], &answer["reason"]),
        (&json!(true), &json!("granted"))
    );
    any["user_id"] = json!(acme.outsider);
    any["permission"] = json!("invoices:read");
    let answer = backend.post("/access/explain", any.clone()).await.ok();
    assert_eq!(
        (&answer["reason"], &answer["member_id"]),
        (&json!("not_a_member"), &Value::Null)
    );
    assert_eq!(answer["missing"][0]["roles"][0]["name"], "Reader");
    any["organization_id"] = json!("4611686018427387");
    let answer = backend.post("/access/explain", any).await.ok();
    assert_eq!(
        (&answer["reason"], &answer["revision"]),
        (&json!("organization_not_found"), &Value::Null)
    );
    server.finish().await;
}
