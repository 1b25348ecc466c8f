//! The ledger, as a backend reads it.

use serde_json::json;

use crate::server::{Acme, Server};

#[tokio::test]
async fn the_deployments_own_ledger_is_not_an_organizations() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let roles = backend.get("/settings/b2b/organization-roles").await.ok();
    let deployment = roles["data"][0]["deployment_id"].as_str().unwrap();
    for path in ["", "/ledger", "/members", "/roles"] {
        let path = format!("/organizations/{deployment}{path}");
        backend
            .get(&path)
            .await
            .refused(404, "organization_not_found");
    }
    server.finish().await;
}

#[tokio::test]
async fn every_change_is_in_the_ledger_and_chained() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let member = acme.path(&format!("/members/{}", acme.members[0]));
    backend
        .patch(
            &member,
            json!({ "role_ids": [acme.roles[1]], "public_metadata": {"a": 1} }),
        )
        .await
        .ok();
    backend
        .delete(&acme.path(&format!("/roles/{}", acme.roles[1])))
        .await
        .ok();
    backend.delete(&member).await.ok();
    backend.delete(&acme.path("")).await.ok();

    let ledger = backend.get(&acme.path("/ledger?sort_order=asc")).await.ok();
    let entries = ledger["data"].as_array().unwrap();
    let actions: Vec<_> = entries
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "organization.created",
            "organization.role.created",
            "organization.role.created",
            "organization.member.added",
            "organization.member.added",
            "organization.member.role.updated",
            "organization.role.deleted",
            "organization.member.removed",
            "organization.deleted",
        ]
    );
    let change = &entries[5];
    assert_eq!(change["before"]["role_ids"], json!([acme.roles[0]]));
    assert_eq!(change["after"]["role_ids"], json!([acme.roles[1]]));
    assert_eq!(change["actor"]["type"], "api_key");
    let mut previous = "0".repeat(64);
    for (number, entry) in (1..).zip(entries) {
        assert_eq!(
            (&entry["revision"], &entry["previous_hash"]),
            (&json!(number), &json!(previous))
        );
        previous = entry["hash"].as_str().unwrap().to_owned();
    }
    let newest = backend.get(&acme.path("/ledger?limit=2")).await.ok();
    assert_eq!(newest["data"][0]["action"], "organization.deleted");
    let cursor = newest["next_cursor"].as_str().unwrap();
    let next = backend
        .get(&acme.path(&format!("/ledger?limit=2&cursor={cursor}")))
        .await
        .ok();
    assert_eq!(next["data"][0]["revision"], 7);
    server.finish().await;
}
