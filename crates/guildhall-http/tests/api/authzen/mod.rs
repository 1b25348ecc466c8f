//! AuthZEN: the decisions that the working group published, and what its specification and certification ask for.

mod schema;

use std::collections::{BTreeMap, BTreeSet};

use hyper::Method;
use serde_json::{Value, json};

use crate::client::{Caller, Reply, id};
use crate::server::{Acme, Server};

const EVALUATION: &str = "/access/v1/evaluation";
const EVALUATIONS: &str = "/access/v1/evaluations";
const SEARCHES: [&str; 3] = [
    "/access/v1/search/subject",
    "/access/v1/search/resource",
    "/access/v1/search/action",
];

fn data(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn conforms(schema: &str, value: &Value) {
    let faults = schema::faults(&data(schema), value, "");
    assert!(faults.is_empty(), "{value}: {faults:?}");
}

fn request_conforms(value: &Value) {
    conforms(include_str!("evaluation-request.schema.json"), value);
}

fn response_conforms(value: &Value) {
    conforms(include_str!("evaluation-response.schema.json"), value);
}

/// The published decisions, and an organization in which they hold.
struct Gateway {
    organization: String,
    decisions: Vec<(Value, bool)>,
}

impl Gateway {
    async fn create(backend: &Caller) -> Self {
        let published = data(include_str!("gateway-decisions.json"));
        let decisions: Vec<(Value, bool)> = published["evaluation"]
            .as_array()
            .unwrap()
            .iter()
            .map(|decision| {
                (
                    decision["request"].clone(),
                    decision["expected"].as_bool().unwrap(),
                )
            })
            .collect();
        let mut permissions: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (request, expected) in &decisions {
            let text = |pointer| request.pointer(pointer).and_then(Value::as_str).unwrap();
            let held = permissions.entry(text("/subject/id")).or_default();
            if *expected {
                held.insert(format!("{}:{}", text("/action/name"), text("/resource/id")));
            }
        }
        let organization = id(&backend
            .post_form("/organizations", &[("name", "Gateway")])
            .await
            .ok());
        let path = format!("/organizations/{organization}");
        let mut roles: BTreeMap<&BTreeSet<String>, String> = BTreeMap::new();
        for (subject, held) in &permissions {
            if !roles.contains_key(held) {
                let body = json!({ "name": format!("Role {}", roles.len()), "permissions": held });
                let role = backend.post(&format!("{path}/roles"), body).await.ok();
                roles.insert(held, id(&role));
            }
            let form = [("first_name", "Rick"), ("external_id", *subject)];
            let user = id(&backend.post_form("/users", &form).await.ok());
            let body = json!({ "user_id": user, "role_ids": [roles[held]] });
            backend.post(&format!("{path}/members"), body).await.ok();
        }
        Self {
            organization,
            decisions,
        }
    }
}

#[tokio::test]
async fn the_published_gateway_decisions_come_out() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let gateway = Gateway::create(&backend).await;
    assert_eq!(gateway.decisions.len(), 25);
    let expected: Vec<bool> = gateway
        .decisions
        .iter()
        .map(|(_, expected)| *expected)
        .collect();
    let context = json!({ "organization_id": gateway.organization });
    for (request, expected) in &gateway.decisions {
        request_conforms(request);
        let mut request = request.clone();
        request["context"] = context.clone();
        request_conforms(&request);
        let answer = backend.post(EVALUATION, request.clone()).await.ok();
        response_conforms(&answer);
        assert_eq!(answer["decision"], *expected, "{request}");
        let reason = if *expected {
            "granted"
        } else {
            "missing_permission"
        };
        assert_eq!(answer["context"]["reason"], reason);
    }
    let requests: Vec<Value> = gateway
        .decisions
        .iter()
        .map(|(request, _)| request.clone())
        .collect();
    let first_deny = expected.iter().position(|decision| !decision).unwrap() + 1;
    for (semantic, answered) in [
        (json!(null), 25),
        (json!("execute_all"), 25),
        (json!("deny_on_first_deny"), first_deny),
        (json!("permit_on_first_permit"), 1),
    ] {
        let body = json!({ "evaluations": requests, "context": context,
            "options": { "evaluations_semantic": semantic, "another_option": 1 } });
        let answer = backend.post(EVALUATIONS, body).await.ok();
        assert!(answer.get("decision").is_none());
        let evaluations = answer["evaluations"].as_array().unwrap();
        evaluations.iter().for_each(response_conforms);
        let decisions: Vec<bool> = evaluations
            .iter()
            .map(|answer| answer["decision"].as_bool().unwrap())
            .collect();
        assert_eq!(decisions, expected[..answered], "{semantic}");
    }
    server.finish().await;
}

/// What AuthZEN asks of an organization of our own.
fn evaluation(acme: &Acme, user: &str, permission: &str) -> Value {
    json!({ "subject": { "type": "user", "id": user }, "action": { "name": permission },
        "resource": { "type": "organization", "id": acme.organization } })
}

#[tokio::test]
async fn a_decision_is_that_of_a_check() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let whole = evaluation(&acme, &acme.users[0], "documents:read");
    let changed = |pointer: &str, value: Value| {
        let mut body = whole.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for (body, reason) in [
        (whole.clone(), "granted"),
        (
            changed("/action/name", json!("documents:write")),
            "missing_permission",
        ),
        (changed("/subject/id", json!(acme.outsider)), "not_a_member"),
        (changed("/subject/id", json!("alice")), "not_a_member"),
        (changed("/subject/type", json!("spaceship")), "not_a_member"),
        (changed("/subject/type", json!("identity")), "not_a_member"),
        (
            changed("/resource/id", json!("4611686018427387")),
            "organization_not_found",
        ),
        (
            changed("/resource/id", json!("acme")),
            "organization_not_found",
        ),
    ] {
        let answer = backend.post(EVALUATION, body.clone()).await.ok();
        response_conforms(&answer);
        assert_eq!(answer["context"]["reason"], reason, "{body}");
        assert_eq!(answer["decision"], reason == "granted");
        let known = answer["context"]["revision"].is_string();
        assert_eq!(known, reason != "organization_not_found", "{answer}");
    }
    // What the specification knows and Guildhall does not is accepted, and decides nothing.
    let mut more = whole.clone();
    more["subject"]["properties"] = json!({ "department": "Sales", "organization_id": 7 });
    more["action"]["properties"] = json!({ "method": "GET" });
    more["resource"]["properties"] = json!({ "status": "active" });
    more["context"] = json!({ "time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1" });
    more["future"] = json!({ "nested": true });
    request_conforms(&more);
    assert_eq!(backend.post(EVALUATION, more).await.ok()["decision"], true);

    let member = acme.path(&format!("/members/{}", acme.members[0]));
    let taken = backend.patch(&member, json!({ "role_ids": [] })).await;
    let mut fresh = whole.clone();
    fresh["context"] =
        json!({ "at_least": taken.header("guildhall-revision"), "consistency": "full" });
    let answer = backend.post(EVALUATION, fresh.clone()).await.ok();
    assert_eq!(answer["context"]["reason"], "missing_permission");
    fresh["context"]["at_least"] = json!(format!("{}@999", acme.organization));
    backend
        .post(EVALUATION, fresh)
        .await
        .refused(409, "revision_not_reached");
    server.finish().await;
}

#[tokio::test]
async fn a_thing_is_in_the_organization_that_is_named() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let thing = json!({ "subject": { "type": "user", "id": acme.users[0] }, "action": { "name": "documents" },
        "resource": { "type": "verb", "id": "read", "properties": { "organization_id": acme.organization } },
        "context": { "organization_id": "4611686018427387" } });
    assert_eq!(
        backend.post(EVALUATION, thing.clone()).await.ok()["decision"],
        true
    );
    let mut by_context = thing.clone();
    by_context["resource"]["properties"] = json!({});
    let answer = backend.post(EVALUATION, by_context.clone()).await.ok();
    assert_eq!(answer["context"]["reason"], "organization_not_found");
    by_context["context"] = json!({ "organization_id": acme.organization });
    assert_eq!(
        backend.post(EVALUATION, by_context.clone()).await.ok()["decision"],
        true
    );
    by_context["context"] = json!({});
    let reply = backend.post(EVALUATION, by_context).await;
    reply.refused(400, "invalid_request");
    assert!(
        reply
            .fields()
            .contains_key("resource.properties.organization_id")
    );
    server.finish().await;
}

#[tokio::test]
async fn what_is_wrong_with_an_evaluation_is_named() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let whole = evaluation(&acme, &acme.users[0], "documents:read");
    let without = |entity: &str, part: Option<&str>| {
        let mut body = whole.clone();
        match part {
            Some(part) => body[entity].as_object_mut().unwrap().remove(part),
            None => body.as_object_mut().unwrap().remove(entity),
        };
        body
    };
    let with = |entity: &str, value: Value| {
        let mut body = whole.clone();
        body[entity] = value;
        body
    };
    for (body, field) in [
        (without("subject", None), "subject"),
        (without("action", None), "action"),
        (without("resource", None), "resource"),
        (without("subject", Some("type")), "subject.type"),
        (without("subject", Some("id")), "subject.id"),
        (without("action", Some("name")), "action.name"),
        (without("resource", Some("type")), "resource.type"),
        (without("resource", Some("id")), "resource.id"),
        (with("subject", json!("alice")), "subject"),
        (with("subject", json!(["user", "7"])), "subject"),
        (with("action", json!({ "name": 123 })), "action.name"),
        (with("action", json!({ "name": "a b" })), "action.name"),
        (with("action", json!({ "name": "" })), "action.name"),
        (with("context", json!("x")), "context"),
        (
            with("context", json!({ "at_least": "x" })),
            "context.at_least",
        ),
        (
            with("context", json!({ "at_least": "7@1" })),
            "context.at_least",
        ),
    ] {
        for path in [EVALUATION, EVALUATIONS] {
            let reply = backend.post(path, body.clone()).await;
            reply.refused(400, "invalid_request");
            assert!(reply.fields().contains_key(field), "{body}: {reply:?}");
        }
        // One of several is denied, and says why; the others are answered.
        let several = json!({ "evaluations": [whole, body, whole] });
        let answer = backend.post(EVALUATIONS, several).await.ok();
        let answers = answer["evaluations"].as_array().unwrap();
        answers.iter().for_each(response_conforms);
        let decisions: Vec<&Value> = answers.iter().map(|answer| &answer["decision"]).collect();
        assert_eq!(decisions, [true, false, true]);
        let error = &answers[1]["context"]["error"];
        assert_eq!(
            (&error["status"], &error["code"]),
            (&json!(400), &json!("invalid_request"))
        );
        assert_eq!(error["fields"][0]["field"], field, "{error}");
    }
    server.finish().await;
}

#[tokio::test]
async fn whatever_is_no_question_has_the_status_400() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let whole = evaluation(&acme, &acme.users[0], "documents:read");
    for path in [EVALUATION, EVALUATIONS].into_iter().chain(SEARCHES) {
        let text = whole.to_string();
        let send = |content: &'static str, body: &str| {
            let (backend, body) = (backend.clone(), body.to_owned());
            async move {
                backend
                    .send(Method::POST, path, Some(content), body.into())
                    .await
            }
        };
        send("text/plain", &text)
            .await
            .refused(400, "malformed_body");
        send("application/json", "")
            .await
            .refused(400, "malformed_body");
        send("application/json", &text[..text.len() - 1])
            .await
            .refused(400, "malformed_body");
        send("application/json", "[]")
            .await
            .refused(400, "invalid_request");
        let reply = backend
            .with("x-request-id", "bfe9eb29")
            .post(path, json!({}))
            .await;
        assert_eq!(reply.header("x-request-id"), "bfe9eb29");
        reply.refused(400, "invalid_request");
    }
    server.finish().await;
}

#[tokio::test]
async fn what_an_evaluation_leaves_out_stands_at_the_top() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let mut body = evaluation(&acme, &acme.users[0], "documents:read");
    for evaluations in [json!(null), json!([])] {
        body["evaluations"] = evaluations;
        assert_eq!(
            backend.post(EVALUATIONS, body.clone()).await.ok()["decision"],
            true
        );
    }
    body["evaluations"] =
        json!([{}, { "action": { "name": "x" } }, { "subject": { "id": acme.outsider } }]);
    let answer = backend.post(EVALUATIONS, body.clone()).await.ok();
    let reasons: Vec<&Value> = answer["evaluations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| &answer["context"]["reason"])
        .collect();
    assert_eq!(reasons, ["granted", "missing_permission", "not_a_member"]);

    body["options"] = json!({ "evaluations_semantic": "sometimes" });
    let reply = backend.post(EVALUATIONS, body.clone()).await;
    assert!(reply.fields().contains_key("options.evaluations_semantic"));
    body["options"] = json!({});
    body["evaluations"] = json!(vec![json!({}); 1_000]);
    let answer = backend.post(EVALUATIONS, body.clone()).await.ok();
    assert_eq!(answer["evaluations"].as_array().unwrap().len(), 1_000);
    body["evaluations"] = json!([{}, [null]]);
    let reply = backend.post(EVALUATIONS, body.clone()).await;
    assert!(reply.fields().contains_key("evaluations.1"));
    body["evaluations"] = json!(vec![json!({}); 1_001]);
    let reply = backend.post(EVALUATIONS, body).await;
    reply.refused(400, "invalid_request");
    assert!(reply.fields().contains_key("evaluations"));
    server.finish().await;
}

/// All results of a search, by pages of two.
async fn search(backend: &Caller, path: &str, mut body: Value) -> Vec<Value> {
    let mut results = Vec::new();
    body["page"] = json!({ "limit": 2 });
    loop {
        let answer = backend.post(path, body.clone()).await.ok();
        let page = &answer["page"];
        let found = answer["results"].as_array().unwrap();
        assert_eq!(page["count"], found.len());
        results.extend(found.iter().cloned());
        let token = page["next_token"].as_str().unwrap();
        if token.is_empty() {
            return results;
        }
        body["page"]["token"] = json!(token);
    }
}

#[tokio::test]
async fn what_a_search_finds_is_what_evaluations_permit() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let gateway = Gateway::create(&backend).await;
    let context = json!({ "organization_id": gateway.organization });
    let mut permitted: [BTreeMap<String, BTreeSet<String>>; 3] = Default::default();
    for (request, expected) in &gateway.decisions {
        let text = |pointer| {
            request
                .pointer(pointer)
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        };
        let (subject, action, resource) = (
            text("/subject/id"),
            text("/action/name"),
            text("/resource/id"),
        );
        let keys = [
            (format!("{action} {resource}"), subject.clone()),
            (format!("{subject} {action}"), resource.clone()),
            (format!("{subject} {resource}"), action),
        ];
        for (found, (key, value)) in permitted.iter_mut().zip(keys) {
            let found = found.entry(key).or_default();
            if *expected {
                found.insert(value);
            }
        }
    }
    for ((path, permitted), field) in SEARCHES
        .into_iter()
        .zip(permitted)
        .zip(["id", "id", "name"])
    {
        for (key, expected) in permitted {
            let (left, right) = key.split_once(' ').unwrap();
            let mut body = json!({ "subject": { "type": "identity" }, "resource": { "type": "route" }, "context": context });
            match path.rsplit('/').next().unwrap() {
                "subject" => {
                    body["action"] = json!({ "name": left });
                    body["resource"]["id"] = json!(right);
                }
                "resource" => {
                    body["subject"]["id"] = json!(left);
                    body["action"] = json!({ "name": right });
                }
                _ => {
                    body["subject"]["id"] = json!(left);
                    body["resource"]["id"] = json!(right);
                }
            }
            let found = search(&backend, path, body).await;
            let found: BTreeSet<String> = found
                .iter()
                .map(|found| found[field].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(found, expected, "{path} {key}");
        }
    }
    server.finish().await;
}

#[tokio::test]
async fn organizations_and_their_permissions_are_found() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let body = json!({ "name": "Owner", "permissions": ["*"] });
    let owner = id(&backend.post(&acme.path("/roles"), body).await.ok());
    let assign = acme.path(&format!("/members/{}/roles/{owner}", acme.members[1]));
    backend.post(&assign, json!({})).await.ok();
    let [ava, emile] = &acme.users;
    let organization = json!({ "type": "organization", "id": acme.organization });
    let user = |id: &str| json!({ "type": "user", "id": id });
    let action = |name: &str| json!({ "name": name });

    let body = json!({ "subject": { "type": "user", "id": "ignored" }, "action": action("anything"), "resource": organization });
    assert_eq!(search(&backend, SEARCHES[0], body).await, [user(emile)]);
    let body = json!({ "subject": { "type": "identity" }, "action": action("documents:read"), "resource": organization });
    assert_eq!(
        search(&backend, SEARCHES[0], body).await,
        [] as [Value; 0],
        "nobody has an external id"
    );
    let body = json!({ "subject": user(ava), "action": action("documents:read"), "resource": { "type": "organization" } });
    assert_eq!(
        search(&backend, SEARCHES[1], body).await,
        std::slice::from_ref(&organization)
    );
    // Émile may do anything; what is found are the permissions that roles name.
    let named = [
        "documents:read",
        "organization:admin",
        "organization:member",
    ];
    for (who, expected) in [(ava, 1), (emile, 3)] {
        let body = json!({ "subject": user(who), "resource": organization });
        let found = search(&backend, SEARCHES[2], body).await;
        let expected = named[..expected].iter().map(|name| action(name));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
    server.finish().await;
}

#[tokio::test]
async fn a_search_for_organizations_is_as_fresh_as_was_asked() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let created = backend.post_form("/users", &[("first_name", "Ida")]).await;
    let reached = created.header("guildhall-revision");
    let (deployment, _) = reached.split_once('@').unwrap();
    let search = async |at_least: &str, consistency: &str| {
        let body = json!({ "subject": { "type": "user", "id": acme.users[0] },
            "action": { "name": "documents:read" }, "resource": { "type": "organization" },
            "context": { "at_least": at_least, "consistency": consistency } });
        backend.post(SEARCHES[1], body).await
    };
    for consistency in ["cached", "full"] {
        let found = search(reached, consistency).await.ok();
        assert_eq!(found["results"][0]["id"], acme.organization.as_str());
        let later = search(&format!("{deployment}@999"), consistency).await;
        later.refused(409, "revision_not_reached");
        // That of one organization says nothing of the others.
        let stranger = search(&format!("{}@1", acme.organization), consistency).await;
        stranger.refused(400, "invalid_request");
        assert!(stranger.fields().contains_key("context.at_least"));
    }
    server.finish().await;
}

#[tokio::test]
async fn what_is_unknown_is_not_found() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let whole = json!({ "subject": { "type": "user", "id": acme.users[0] }, "action": { "name": "documents:read" },
        "resource": { "type": "organization", "id": acme.organization } });
    for (path, pointer, value) in [
        (SEARCHES[0], "/subject/type", "spaceship"),
        (SEARCHES[0], "/resource/id", "acme"),
        (SEARCHES[0], "/resource/id", "4611686018427387"),
        (SEARCHES[1], "/subject/type", "spaceship"),
        (SEARCHES[1], "/subject/id", "alice"),
        (SEARCHES[1], "/subject/id", "4611686018427387"),
        (SEARCHES[2], "/subject/type", "spaceship"),
        (SEARCHES[2], "/subject/id", "alice"),
        (SEARCHES[2], "/resource/id", "4611686018427387"),
    ] {
        let mut body = whole.clone();
        *body.pointer_mut(pointer).unwrap() = json!(value);
        let answer = backend.post(path, body).await.ok();
        assert_eq!(answer["results"], json!([]), "{path} {pointer} {value}");
        assert_eq!(
            answer["page"],
            json!({ "next_token": "", "count": 0, "total": 0 })
        );
    }
    for (path, pointer, field) in [
        (SEARCHES[0], "/action", "action"),
        (SEARCHES[0], "/subject/type", "subject.type"),
        (SEARCHES[0], "/resource/id", "resource.id"),
        (SEARCHES[1], "/subject", "subject"),
        (SEARCHES[1], "/subject/id", "subject.id"),
        (SEARCHES[1], "/resource/type", "resource.type"),
        (SEARCHES[2], "/resource", "resource"),
        (SEARCHES[2], "/subject/id", "subject.id"),
    ] {
        let mut body = whole.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(name);
        let reply: Reply = backend.post(path, body).await;
        reply.refused(400, "invalid_request");
        assert!(
            reply.fields().contains_key(field),
            "{path} {pointer}: {reply:?}"
        );
    }
    let mut body = whole.clone();
    body["page"] = json!({ "token": "AAAA" });
    backend
        .post(SEARCHES[0], body.clone())
        .await
        .refused(400, "invalid_cursor");
    body["page"] = json!({ "limit": 0 });
    assert!(
        backend
            .post(SEARCHES[0], body)
            .await
            .fields()
            .contains_key("page.limit")
    );
    server.finish().await;
}

#[tokio::test]
async fn where_the_doors_are_is_told_without_a_key() {
    let server = Server::start().await;
    let reply = server
        .stranger()
        .get("/.well-known/authzen-configuration")
        .await;
    assert!(reply.header("cache-control").contains("max-age"));
    let configuration = reply.ok();
    let base = "http://guildhall.test";
    assert_eq!(configuration["policy_decision_point"], base);
    let doors = [
        ("access_evaluation_endpoint", EVALUATION),
        ("access_evaluations_endpoint", EVALUATIONS),
        ("search_subject_endpoint", SEARCHES[0]),
        ("search_resource_endpoint", SEARCHES[1]),
        ("search_action_endpoint", SEARCHES[2]),
    ];
    for (name, path) in doors {
        assert_eq!(configuration[name], format!("{base}{path}"));
        server
            .stranger()
            .post(path, json!({}))
            .await
            .refused(401, "unauthenticated");
    }
    server.finish().await;
}
