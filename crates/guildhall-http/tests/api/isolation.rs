//! Tenant isolation, generated from the OpenAPI document: a new route is tested before anybody thinks of it.

use hyper::Method;
use serde_json::{Value, json};

use crate::client::{Caller, Reply};
use crate::server::{Acme, Ids, Server, foreign_and_missing};

/// Every operation of the document that takes an id and needs a key.
pub(crate) fn operations() -> Vec<(Method, String, Value)> {
    let document = guildhall_http::routes::document();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation.get("security").is_none() {
                let method = method.to_uppercase().parse().unwrap();
                operations.push((method, path.clone(), operation.clone()));
            }
        }
    }
    operations
}

/// A body that the operation would accept, with the given ids in it.
pub(crate) fn body(operation: &Value, ids: &Ids) -> (Option<&'static str>, Vec<u8>) {
    let content = &operation["requestBody"]["content"];
    if content.get("multipart/form-data").is_some() {
        let name = if operation["operationId"]
            .as_str()
            .unwrap()
            .starts_with("users")
        {
            "first_name"
        } else {
            "name"
        };
        let form =
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\nX\r\n--b--\r\n");
        return (Some("multipart/form-data; boundary=b"), form.into_bytes());
    }
    if content.get("application/json").is_some() {
        let check = json!({ "user_id": ids["user_id"], "organization_id": ids["organization_id"],
            "permission": "documents:read" });
        let mut body = json!({ "name": "X", "permissions": ["x"], "role_ids": [ids["role_id"]],
            "expires_at": "2094-05-03T12:00:00Z", "suspended": true, "checks": [check],
            "subject": { "type": "user", "id": ids["user_id"] }, "action": { "name": "documents:read" },
            "resource": { "type": "organization", "id": ids["organization_id"] } });
        if let (Some(body), Some(check)) = (body.as_object_mut(), check.as_object()) {
            body.extend(check.clone());
        }
        return (Some("application/json"), body.to_string().into_bytes());
    }
    (None, Vec::new())
}

/// What the operation must be asked with.
fn query(operation: &Value, ids: &Ids) -> String {
    let required = operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|parameter| parameter["in"] == "query" && parameter["required"] == true);
    let texts: Vec<String> = required
        .map(|parameter| match parameter["name"].as_str().unwrap() {
            "permission" => "permission=documents:read".to_owned(),
            name => format!("{name}={}", ids[name]),
        })
        .collect();
    format!("?{}", texts.join("&"))
}

async fn call(caller: &Caller, operation: &(Method, String, Value), ids: &Ids) -> Reply {
    let (method, template, operation) = operation;
    let mut path = template.clone();
    for (name, id) in ids {
        path = path.replace(&format!("{{{name}}}"), id);
    }
    assert!(!path.contains('{'), "the test knows no id for {template}");
    path += &query(operation, ids);
    let (content_type, body) = body(operation, ids);
    caller
        .send(method.clone(), &path, content_type, body.into())
        .await
}

fn ids(acme: &Acme) -> Ids {
    Ids::from([
        ("organization_id", acme.organization.clone()),
        ("member_id", acme.members[0].clone()),
        ("role_id", acme.roles[1].clone()),
        ("user_id", acme.outsider.clone()),
    ])
}

/// The problem without what tells one request from another.
fn anonymous(reply: &Reply) -> Value {
    let mut json = reply.json();
    json["request_id"] = Value::Null;
    json
}

#[tokio::test]
async fn every_route_needs_a_key() {
    let server = Server::start().await;
    let acme = Acme::create(&server.backend().await).await;
    for operation in operations() {
        let reply = call(&server.stranger(), &operation, &ids(&acme)).await;
        reply.refused(401, "unauthenticated");
    }
    server.finish().await;
}

#[tokio::test]
async fn a_foreign_id_is_a_missing_id() {
    let server = Server::start().await;
    let (backend, neighbour) = (server.backend().await, server.neighbour().await);
    let (ours, theirs) = (Acme::create(&backend).await, Acme::create(&neighbour).await);
    let before = server.export();
    let (ours, theirs) = (ids(&ours), ids(&theirs));
    let mut probes = 0;
    for operation in operations() {
        let reached = ours
            .keys()
            .filter(|name| operation.1.contains(*name))
            .count();
        // Every slot of the path in turn, and the ids in the body: one foreign id among ours.
        for slot in ours.keys() {
            let in_path = operation.1.contains(slot);
            let in_body = operation.2.to_string().contains("AddMember")
                || operation.2.to_string().contains("UpdateMember");
            if !in_path && !(in_body && (*slot == "user_id" || *slot == "role_id")) {
                continue;
            }
            if *slot == "user_id" && !in_path && operation.2.to_string().contains("UpdateMember") {
                continue;
            }
            let [foreign, missing] = foreign_and_missing(&ours, &theirs, slot);
            let foreign = call(&backend, &operation, &foreign).await;
            let missing = call(&backend, &operation, &missing).await;
            assert_eq!(
                foreign.status, 404,
                "{} {} with a foreign {slot}",
                operation.0, operation.1
            );
            assert_eq!(
                anonymous(&foreign),
                anonymous(&missing),
                "{} {}",
                operation.0,
                operation.1
            );
            probes += 1;
        }
        // Wholly foreign.
        if reached > 0 {
            let reply = call(&backend, &operation, &theirs).await;
            assert_eq!(reply.status, 404, "{} {}", operation.0, operation.1);
            probes += 1;
        }
    }
    assert!(
        probes > 30,
        "only {probes} probes: the document lost its routes"
    );
    assert!(server.export() == before, "a probe changed something");
    server.finish().await;
}

/// A question is no object: what is foreign is denied, and is no more than what is missing.
#[tokio::test]
async fn a_question_about_a_foreign_id_is_one_about_a_missing_id() {
    let server = Server::start().await;
    let (backend, neighbour) = (server.backend().await, server.neighbour().await);
    let (ours, theirs) = (Acme::create(&backend).await, Acme::create(&neighbour).await);
    let of_member = |acme: &Acme| {
        let mut ids = ids(acme);
        ids.insert("user_id", acme.users[0].clone());
        ids
    };
    let (ours, theirs) = (of_member(&ours), of_member(&theirs));
    let mut probes = 0;
    for operation in operations() {
        let asks = operation.1.starts_with("/access/");
        for slot in ["organization_id", "user_id"] {
            let in_query = query(&operation.2, &ours).contains(&format!("{slot}="));
            // Who is searched for, and what, is not named in the search.
            let ignored = match operation.1.rsplit_once("/search/") {
                Some((_, "subject")) => slot == "user_id",
                Some((_, "resource")) => slot == "organization_id",
                _ => false,
            };
            if ignored || !(asks || in_query) {
                continue;
            }
            let name = format!("{} with a foreign {slot}", operation.1);
            let own = call(&backend, &operation, &ours).await;
            assert!(own.body.len() > 60, "{name}: {own:?}");
            let [foreign, missing] = foreign_and_missing(&ours, &theirs, slot);
            let foreign = call(&backend, &operation, &foreign).await;
            let missing = call(&backend, &operation, &missing).await;
            assert_eq!(
                (foreign.status, &foreign.body),
                (missing.status, &missing.body),
                "{name}"
            );
            assert_ne!(own.body, foreign.body, "{name}");
            let text = String::from_utf8(foreign.body.to_vec()).unwrap();
            let allows = ["\"allowed\":true", "\"decision\":true", "\"granted\""];
            assert!(
                !allows.iter().any(|word| text.contains(word)),
                "{name}: {text}"
            );
            probes += 1;
        }
        if asks {
            let reply = call(&backend, &operation, &theirs).await.ok().to_string();
            assert!(
                !theirs.values().any(|id| reply.contains(id.as_str())),
                "{reply}"
            );
            probes += 1;
        }
    }
    assert!(
        probes >= 20,
        "only {probes} probes: the document lost its questions"
    );
    server.finish().await;
}

#[tokio::test]
async fn lists_show_only_the_own_deployment() {
    let server = Server::start().await;
    let (backend, neighbour) = (server.backend().await, server.neighbour().await);
    Acme::create(&neighbour).await;
    for path in ["/organizations", "/users"] {
        assert_eq!(backend.get(path).await.ok()["total"], 0, "{path}");
        assert_eq!(
            backend.get(&format!("{path}?search=a")).await.ok()["total"],
            0,
            "{path}"
        );
    }
    server.finish().await;
}

#[tokio::test]
async fn a_malformed_id_is_refused_before_anything_else() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let ours = ids(&Acme::create(&backend).await);
    for operation in operations() {
        for slot in ours.keys().filter(|slot| operation.1.contains(**slot)) {
            for bad in ["x", "0", "-1", "1.5", "9007199254740992", "%00", "7%20"] {
                let mut ids = ours.clone();
                ids.insert(slot, bad.to_owned());
                call(&backend, &operation, &ids)
                    .await
                    .refused(400, "invalid_id");
            }
        }
    }
    server.finish().await;
}
