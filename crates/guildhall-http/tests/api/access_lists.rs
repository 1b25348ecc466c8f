//! The lists of access agree with checks.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::access::{check, question};
use crate::client::{Caller, id};
use crate::server::{Acme, Server};

/// Every page of a list by cursor, as one list of items.
async fn walk(backend: &Caller, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = backend
            .get(&format!("{path}&limit=3&cursor={cursor}"))
            .await
            .ok();
        items.extend(page["data"].as_array().unwrap().iter().cloned());
        let next = page["next_cursor"].as_str().map(str::to_owned);
        assert_eq!(page["has_more"], next.is_some());
        let Some(next) = next else {
            assert_eq!(page["total"], items.len());
            return items;
        };
        cursor = next;
    }
}

fn texts(items: &[Value], field: &str) -> BTreeSet<String> {
    items
        .iter()
        .map(|item| item[field].as_str().unwrap().to_owned())
        .collect()
}

/// Organizations with roles of many kinds, and users who are in several of them.
struct World {
    organizations: Vec<String>,
    users: Vec<String>,
    permissions: Vec<&'static str>,
}

impl World {
    async fn create(server: &Server, backend: &Caller) -> Self {
        let roles = [
            json!(["documents:read"]),
            json!(["documents:*", "invoices:read"]),
            json!(["*"]),
            json!(["*:read", "invoices:pay:now"]),
            json!([]),
        ];
        let (mut organizations, mut users) = (Vec::new(), Vec::new());
        for _ in 0..12 {
            users.push(id(&backend
                .post_form("/users", &[("first_name", "U")])
                .await
                .ok()));
        }
        for organization in 0..6 {
            let form = [("name", "Acme")];
            let path = format!(
                "/organizations/{}",
                id(&backend.post_form("/organizations", &form).await.ok())
            );
            let mut ids = Vec::new();
            for (index, permissions) in roles.iter().enumerate() {
                let body = json!({ "name": format!("R{index}"), "permissions": permissions });
                ids.push(id(&backend.post(&format!("{path}/roles"), body).await.ok()));
            }
            for (index, user) in users.iter().enumerate() {
                let kind = index * 5 + organization * 3;
                if kind % 4 == 0 {
                    continue;
                }
                let ends = (kind % 7 == 0).then(|| server.in_seconds(60));
                let body = json!({ "user_id": user, "role_ids": [ids[kind % 5], ids[(kind / 2) % 5]], "expires_at": ends });
                let member = id(&backend.post(&format!("{path}/members"), body).await.ok());
                if kind % 6 == 5 {
                    let body = json!({ "suspended": true });
                    backend
                        .patch(&format!("{path}/members/{member}"), body)
                        .await
                        .ok();
                }
            }
            organizations.push(path.rsplit('/').next().unwrap().to_owned());
        }
        let form = [("suspended", "true")];
        backend
            .patch_form(&format!("/organizations/{}", organizations[5]), &form)
            .await
            .ok();
        backend
            .patch_form(&format!("/users/{}", users[7]), &[("disabled", "true")])
            .await
            .ok();
        Self {
            organizations,
            users,
            permissions: vec![
                "documents:read",
                "documents:write",
                "invoices:read",
                "invoices:pay:now",
                "x",
            ],
        }
    }

    /// Which organizations and users a check allows, by one batch.
    async fn allowed(
        &self,
        backend: &Caller,
        permission: Value,
        mode: &str,
    ) -> BTreeSet<(String, String)> {
        let mut checks = Vec::new();
        for organization in &self.organizations {
            for user in &self.users {
                let mut check = question(organization, user, permission.clone());
                check["mode"] = json!(mode);
                checks.push(check);
            }
        }
        let batch = json!({ "checks": checks });
        let answer = backend.post("/access/check-batch", batch).await.ok();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let results = answer["results"].as_array().unwrap();
        checks
            .iter()
            .zip(results)
            .filter(|(_, result)| result["allowed"] == true)
            .map(|(check, _)| (text(&check["organization_id"]), text(&check["user_id"])))
            .collect()
    }
}

#[tokio::test]
async fn lists_agree_with_checks() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let world = World::create(&server, &backend).await;
    let mut allows = 0;
    for late in [false, true] {
        if late {
            server.advance(61);
        }
        let mut questions: Vec<(Value, String, &str)> = world
            .permissions
            .iter()
            .map(|permission| (json!(permission), format!("permission={permission}"), "all"))
            .collect();
        let pair = json!(["documents:write", "invoices:read"]);
        for mode in ["all", "any"] {
            let query = format!("permission=documents:write&mode={mode}&permission=invoices:read");
            questions.push((pair.clone(), query, mode));
        }
        for (permission, query, mode) in questions {
            let allowed = world.allowed(&backend, permission, mode).await;
            allows += allowed.len();
            for organization in &world.organizations {
                let path = format!("/organizations/{organization}/access/holders?{query}");
                let listed = texts(&walk(&backend, &path).await, "user_id");
                let expected = allowed.iter().filter(|(at, _)| at == organization);
                assert_eq!(
                    listed,
                    expected.map(|(_, user)| user.clone()).collect(),
                    "{path}"
                );
            }
            for user in &world.users {
                let path = format!("/users/{user}/access/organizations?{query}");
                let listed = texts(&walk(&backend, &path).await, "organization_id");
                let expected = allowed.iter().filter(|(_, who)| who == user);
                assert_eq!(
                    listed,
                    expected.map(|(at, _)| at.clone()).collect(),
                    "{path}"
                );
            }
        }
    }
    assert!(
        allows > 100,
        "{allows}: the world allows too little to tell anything"
    );
    server.finish().await;
}

#[tokio::test]
async fn the_permissions_of_a_user_are_those_that_checks_allow() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let world = World::create(&server, &backend).await;
    let mut listed = 0;
    for organization in &world.organizations {
        for user in &world.users {
            let path = format!("/organizations/{organization}/access/permissions?user_id={user}");
            let page = backend.get(&path).await.ok();
            let held = texts(page["data"].as_array().unwrap(), "permission");
            for permission in &world.permissions {
                let gives = |held: &String| guildhall_access::matches(held, permission);
                let answer = check(&backend, question(organization, user, *permission)).await;
                assert_eq!(
                    answer["allowed"],
                    held.iter().any(gives),
                    "{path} {permission}"
                );
            }
            listed += held.len();
        }
    }
    assert!(listed > 30, "{listed}");
    server.finish().await;
}

#[tokio::test]
async fn a_permission_tells_its_roles_and_its_end() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let soon = server.in_seconds(600);
    let assign = acme.path(&format!(
        "/members/{}/roles/{}",
        acme.members[0], acme.roles[1]
    ));
    backend
        .post(&assign, json!({ "expires_at": soon }))
        .await
        .ok();
    let path = acme.path(&format!("/access/permissions?user_id={}", acme.users[0]));
    let page = backend.get(&path).await.ok();
    let role = |index: usize, name: &str, expires_at: Value| json!({ "id": acme.roles[index], "name": name, "is_deployment_level": false, "expires_at": expires_at });
    let expected = json!([{ "permission": "documents:read", "expires_at": null,
        "roles": [role(0, "Editor", Value::Null), role(1, "Billing", json!(soon))] }]);
    assert_eq!(page["data"], expected);
    let taken = acme.path(&format!(
        "/members/{}/roles/{}",
        acme.members[0], acme.roles[0]
    ));
    backend.delete(&taken).await.ok();
    let page = backend.get(&path).await.ok();
    assert_eq!(page["data"][0]["expires_at"], soon);
    server.advance(601);
    assert_eq!(backend.get(&path).await.ok()["total"], 0);
    server.finish().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_list_is_named() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let holders = acme.path("/access/holders");
    let organizations = format!("/users/{}/access/organizations", acme.users[0]);
    let many = "&permission=a".repeat(101);
    for path in [&holders, &organizations] {
        for (query, field) in [
            ("", "permission"),
            ("permission=", "permission"),
            ("permission=a%20b", "permission"),
            ("permission=a&permission=%09", "permission.1"),
            (many.as_str(), "permission"),
            ("permission=a&mode=some", "mode"),
            ("permission=a&limit=0", "limit"),
        ] {
            let reply = backend.get(&format!("{path}?{query}")).await;
            reply.refused(400, "invalid_request");
            assert!(
                reply.fields().contains_key(field),
                "{path}?{query}: {reply:?}"
            );
        }
        for query in ["permission=a&mode=any&mode=all", "permission=%00"] {
            let reply = backend.get(&format!("{path}?{query}")).await;
            reply.refused(400, "invalid_request");
        }
        let reply = backend
            .get(&format!("{path}?permission=a&cursor=AAAA"))
            .await;
        reply.refused(400, "invalid_cursor");
    }
    let page = backend
        .get(&format!("{holders}?permission=documents:read&limit=1"))
        .await
        .ok();
    let cursor = page["next_cursor"].as_str().unwrap();
    for query in [
        "permission=documents:write",
        "permission=documents:read&mode=any",
    ] {
        let reply = backend
            .get(&format!("{holders}?{query}&cursor={cursor}"))
            .await;
        reply.refused(400, "invalid_cursor");
    }
    for (query, field) in [("", "user_id"), ("user_id=x", "user_id")] {
        let reply = backend
            .get(&acme.path(&format!("/access/permissions?{query}")))
            .await;
        reply.refused(400, "invalid_request");
        assert!(reply.fields().contains_key(field));
    }
    server.finish().await;
}
