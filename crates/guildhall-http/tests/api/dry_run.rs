//! `?dry_run=true`: every change tells what it would do, and does nothing.

use guildhall_types::keys::KeyScope;
use hyper::Method;
use serde_json::{Value, json};

use crate::client::{Caller, Reply};
use crate::isolation::{body, operations};
use crate::server::{Acme, Ids, Server, foreign_and_missing};

type Operation = (Method, String, Value);

/// Every change of the document.
fn changes() -> Vec<Operation> {
    let mut changes = operations();
    changes.retain(|(_, _, operation)| {
        operation["parameters"]
            .to_string()
            .contains("Idempotency-Key")
    });
    assert!(changes.len() >= 14, "the test has lost its sight");
    changes
}

/// The ids of a change that would succeed.
fn ids((method, template, _): &Operation, acme: &Acme) -> Ids {
    // A role that the member has not can be given, one that it has can be taken.
    let takes = *method == Method::DELETE && template.contains("{member_id}/roles");
    Ids::from([
        ("organization_id", acme.organization.clone()),
        ("member_id", acme.members[0].clone()),
        ("role_id", acme.roles[usize::from(!takes)].clone()),
        ("user_id", acme.outsider.clone()),
    ])
}

async fn send(
    caller: &Caller,
    (method, template, document): &Operation,
    ids: &Ids,
    query: &str,
) -> Reply {
    let mut path = template.clone();
    for (name, id) in ids {
        path = path.replace(&format!("{{{name}}}"), id);
    }
    let (content_type, body) = body(document, ids);
    let path = format!("{path}{query}");
    caller
        .send(method.clone(), &path, content_type, body.into())
        .await
}

/// An answer without what is drawn anew each time: ids and times.
fn lasting(mut answer: Value) -> Value {
    if let Some(object) = answer.as_object_mut() {
        for (name, value) in object {
            if name == "id" || name.ends_with("_at") || name == "image_url" {
                *value = Value::Null;
            }
        }
    }
    answer
}

#[tokio::test]
async fn every_change_can_be_tried_and_leaves_no_byte() {
    for operation in changes() {
        let name = format!("{} {}", operation.0, operation.1);
        let parameters = operation.2["parameters"].to_string();
        assert!(parameters.contains("\"dry_run\""), "{name}");

        let server = Server::start().await;
        let backend = server.backend().await;
        let reader = server.caller("default", KeyScope::ReadOnly, None).await;
        let acme = Acme::create(&backend).await;
        let (ids, before) = (ids(&operation, &acme), server.export());
        let tried = send(&backend, &operation, &ids, "?dry_run=true").await;
        let headers = tried.headers.clone();
        let tried = tried.ok();
        assert_eq!(tried["dry_run"], true, "{name}");
        assert_eq!(tried["would_succeed"], true, "{name}: {tried}");
        // Who gains and loses is told of one organization.
        let of_user = operation.2["tags"][0] == "users";
        assert_eq!(tried["access"].is_null(), of_user, "{name}: {tried}");
        let read = send(&reader, &operation, &ids, "?dry_run=true").await.ok();
        assert_eq!(
            lasting(read["answer"].clone()),
            lasting(tried["answer"].clone())
        );
        assert!(server.export() == before, "{name} left something behind");

        // What was foretold comes true, at the revision that was named; and the test would have seen it.
        let tag = headers.get("etag").map_or("*", |tag| tag.to_str().unwrap());
        let careful = backend.with("if-match", tag);
        let done = send(&careful, &operation, &ids, "?dry_run=false").await;
        assert_eq!(
            lasting(tried["answer"].clone()),
            lasting(done.ok()),
            "{name}"
        );
        assert!(server.export() != before, "{name} changes nothing");
        server.finish().await;
    }
}

#[tokio::test]
async fn a_refusal_is_the_answer() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let before = server.export();
    let roles = acme.path("/roles");
    let taken = json!({ "name": "editor", "permissions": [] });
    let refused = backend
        .with("x-request-id", "my-9")
        .post(&format!("{roles}?dry_run=true"), taken.clone())
        .await;
    assert_eq!(
        (refused.header("etag"), refused.header("guildhall-revision")),
        ("", "")
    );
    let refused = refused.ok();
    for (field, value) in [
        ("would_succeed", json!(false)),
        ("revision", Value::Null),
        ("answer", Value::Null),
        ("access", Value::Null),
    ] {
        assert_eq!(refused[field], value, "{field}");
    }
    // It is the very problem that the change is answered.
    let real = backend
        .with("x-request-id", "my-9")
        .post(&roles, taken)
        .await;
    assert_eq!(refused["refusal"], real.refused(409, "role_name_taken"));

    let stale = backend.with("if-match", "\"1@1\"");
    let stale = stale.delete(&acme.path("?dry_run=true")).await.ok();
    assert_eq!(stale["refusal"]["code"], "revision_mismatch");
    let missing = backend.delete("/organizations/9?dry_run=true").await.ok();
    assert_eq!(missing["refusal"]["code"], "organization_not_found");
    assert!(server.export() == before);
    server.finish().await;
}

#[tokio::test]
async fn a_request_that_is_wrong_whatever_the_state_is_an_error() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let before = server.export();
    let roles = acme.path("/roles?dry_run=true");
    let nameless = backend.post(&roles, json!({ "permissions": [] })).await;
    nameless.refused(400, "invalid_request");
    let long = json!({ "name": "x".repeat(101), "permissions": [] });
    backend
        .post(&roles, long)
        .await
        .refused(400, "invalid_request");
    let id = backend.delete("/organizations/x?dry_run=true").await;
    id.refused(400, "invalid_id");
    for query in ["?dry_run=yes", "?dry_run", "?dry_run=true&dry_run=false"] {
        let reply = backend.delete(&acme.path(query)).await;
        reply.refused(400, "invalid_request");
    }
    let keyed = backend.with("idempotency-key", "k-1");
    let keyed = keyed.delete(&acme.path("?dry_run=true")).await;
    keyed.refused(400, "invalid_request");
    assert!(keyed.fields().contains_key("Idempotency-Key"));
    assert!(server.export() == before);
    server.finish().await;
}

#[tokio::test]
async fn a_read_only_key_may_try_and_nothing_else() {
    let server = Server::start().await;
    let acme = Acme::create(&server.backend().await).await;
    let reader = server.caller("default", KeyScope::ReadOnly, None).await;
    for query in ["", "?dry_run=false", "?DRY_RUN=true", "?dry_run=true;x"] {
        let reply = reader.delete(&acme.path(query)).await;
        assert_ne!(reply.status, 200, "{query}");
    }
    let tried = reader.delete(&acme.path("?dry_run=true")).await.ok();
    assert_eq!(tried["would_succeed"], true);
    server.finish().await;
}

#[tokio::test]
async fn what_is_foretold_is_of_the_revision_that_holds() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let tag = backend.get(&acme.path("")).await.header("etag").to_owned();
    let rename = [("name", "Acme 2")];
    let tried = backend
        .patch_form(&acme.path("?dry_run=true"), &rename)
        .await;
    assert_eq!(tried.header("etag"), tag);
    assert_eq!(tried.header("guildhall-revision"), tag.trim_matches('"'));
    assert_eq!(tried.ok()["revision"], tag.trim_matches('"'));
    // Nothing would change.
    let same = [("name", "Acme")];
    let same = backend.patch_form(&acme.path("?dry_run=true"), &same).await;
    assert_eq!(same.header("etag"), tag);
    // What is not there yet has none.
    let new = backend.post_form("/organizations?dry_run=true", &[("name", "Bolt")]);
    let new = new.await;
    assert_eq!(
        (new.header("etag"), new.header("idempotent-replayed")),
        ("", "")
    );
    assert_eq!(new.ok()["revision"], Value::Null);
    server.finish().await;
}

/// The members of a page: user, gained, lost.
fn told(access: &Value) -> Vec<(String, Value, Value)> {
    let rows = access["changes"]["data"].as_array().unwrap().iter();
    rows.map(|row| (id_of(row), row["gained"].clone(), row["lost"].clone()))
        .collect()
}

fn id_of(row: &Value) -> String {
    row["user_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn it_tells_who_gains_and_who_loses() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let role = acme.path(&format!("/roles/{}?dry_run=true", acme.roles[0]));
    let body = json!({ "permissions": ["documents:list", "documents:write"] });
    let access = backend.patch(&role, body).await.ok()["access"].take();
    let (gained, lost) = (
        json!(["documents:list", "documents:write"]),
        json!(["documents:read"]),
    );
    let expected = acme
        .users
        .clone()
        .map(|user| (user, gained.clone(), lost.clone()));
    assert_eq!(told(&access), expected);
    assert_eq!(
        (&access["members_gaining"], &access["members_losing"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(
        (&access["permissions_gained"], &access["permissions_lost"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        access["lost"],
        json!([{ "permission": "documents:read", "members": 2 }])
    );

    // Who holds it anyway gains nothing.
    let member = acme.path(&format!("/members/{}", acme.members[0]));
    let other = format!("{member}/roles/{}?dry_run=true", acme.roles[1]);
    let access = backend.post(&other, json!({})).await.ok()["access"].take();
    assert_eq!(told(&access), []);
    // A member who goes loses everything; so does everybody when all is over.
    let gone = backend.delete(&format!("{member}?dry_run=true")).await.ok();
    let lost = json!(["documents:read"]);
    assert_eq!(
        told(&gone["access"]),
        [(acme.users[0].clone(), json!([]), lost.clone())]
    );
    let over = backend.delete(&acme.path("?dry_run=true")).await.ok();
    let everybody = acme
        .users
        .clone()
        .map(|user| (user, json!([]), lost.clone()));
    assert_eq!(told(&over["access"]), everybody);
    // A new member is there in the answer.
    let body = json!({ "user_id": acme.outsider, "role_ids": [acme.roles[0]] });
    let new = backend
        .post(&acme.path("/members?dry_run=true"), body)
        .await
        .ok();
    assert_eq!(
        new["access"]["changes"]["data"][0]["member_id"],
        new["answer"]["id"]
    );
    assert_eq!(
        told(&new["access"]),
        [(acme.outsider.clone(), lost, json!([]))]
    );
    server.finish().await;
}

#[tokio::test]
async fn its_pages_are_those_of_one_change() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let role = acme.path(&format!("/roles/{}?dry_run=true&limit=1", acme.roles[0]));
    let body = json!({ "permissions": [] });
    let first = backend.patch(&role, body.clone()).await.ok()["access"].take();
    assert_eq!(first["changes"]["has_more"], true);
    let cursor = first["changes"]["next_cursor"].as_str().unwrap();
    let next = format!("{role}&cursor={cursor}");
    let second = backend.patch(&next, body).await.ok()["access"].take();
    assert_eq!(
        (&second["changes"]["total"], &second["members_losing"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(second["changes"].get("next_cursor"), None);
    let users = [&first, &second].map(|page| told(page)[0].0.clone());
    assert_eq!(users, acme.users);

    // Of another change the cursor is worth nothing.
    let other = backend.patch(&next, json!({ "permissions": ["x"] })).await;
    other.refused(400, "invalid_cursor");
    let other = acme.path(&format!(
        "/roles/{}?dry_run=true&cursor={cursor}",
        acme.roles[0]
    ));
    backend.delete(&other).await.refused(400, "invalid_cursor");
    server.finish().await;
}

#[tokio::test]
async fn a_foreign_id_is_a_missing_id() {
    let server = Server::start().await;
    let (backend, neighbour) = (server.backend().await, server.neighbour().await);
    let (ours, theirs) = (Acme::create(&backend).await, Acme::create(&neighbour).await);
    let (backend, before) = (backend.with("x-request-id", "my-7"), server.export());
    let mut probes = 0;
    for operation in changes() {
        let (ours, theirs) = (ids(&operation, &ours), ids(&operation, &theirs));
        for slot in ours.keys() {
            let in_body = ["user_id", "role_id"].contains(slot)
                && operation.2.to_string().contains("AddMember");
            if !operation.1.contains(slot) && !in_body {
                continue;
            }
            let [foreign, missing] = foreign_and_missing(&ours, &theirs, slot);
            let foreign = send(&backend, &operation, &foreign, "?dry_run=true")
                .await
                .ok();
            let missing = send(&backend, &operation, &missing, "?dry_run=true")
                .await
                .ok();
            assert_eq!(foreign["refusal"]["status"], 404, "{} {slot}", operation.1);
            assert_eq!(foreign, missing, "{} {slot}", operation.1);
            probes += 1;
        }
    }
    assert!(probes > 20, "only {probes} probes");
    assert!(server.export() == before, "a probe changed something");
    server.finish().await;
}
