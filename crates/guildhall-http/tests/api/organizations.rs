//! Organizations, as a backend uses them.

use serde_json::json;

use crate::client::id;
use crate::server::{Acme, Server};

#[tokio::test]
async fn an_organization_from_its_creation_to_its_deletion() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let fields = [
        ("name", "  Acme  "),
        ("description", " Rockets "),
        ("public_metadata", "{\"plan\":\"pro\"}"),
        ("slug", "acme"),
        ("external_id", "crm-7"),
    ];
    let acme = backend.post_form("/organizations", &fields).await.ok();
    assert_eq!(acme["name"], "Acme");
    assert_eq!(acme["description"], "Rockets");
    assert_eq!(acme["public_metadata"], json!({ "plan": "pro" }));
    assert_eq!(acme["private_metadata"], json!({}));
    assert_eq!(
        (&acme["member_count"], &acme["image_url"]),
        (&json!(0), &json!(""))
    );

    let path = format!("/organizations/{}", id(&acme));
    let details = backend.get(&path).await.ok();
    let roles: Vec<_> = details["roles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| &role["name"])
        .collect();
    assert_eq!(roles, ["Admin", "Member"]);
    assert_eq!(
        (&details["workspaces"], &details["segments"]),
        (&json!([]), &json!([]))
    );

    let fields = [
        ("name", ""),
        ("description", ""),
        ("public_metadata", "null"),
        ("external_id", ""),
    ];
    let changed = backend.patch_form(&path, &fields).await.ok();
    assert_eq!(
        (&changed["name"], &changed["description"]),
        (&json!("Acme"), &json!(""))
    );
    assert_eq!(
        (&changed["public_metadata"], &changed["external_id"]),
        (&json!({}), &json!(null))
    );
    assert_eq!(changed["slug"], "acme");

    assert_eq!(backend.delete(&path).await.ok(), json!({}));
    backend
        .get(&path)
        .await
        .refused(404, "organization_not_found");
    backend
        .delete(&path)
        .await
        .refused(404, "organization_not_found");
    server.finish().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_form_is_told_at_once() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let long = "x".repeat(201);
    let fields = [
        ("name", long.as_str()),
        ("public_metadata", "[1]"),
        ("slug", "Not A Slug"),
    ];
    let reply = backend.post_form("/organizations", &fields).await;
    reply.refused(400, "invalid_request");
    assert_eq!(
        reply.fields().keys().collect::<Vec<_>>(),
        ["name", "public_metadata", "slug"]
    );
    assert!(
        reply.fields()["name"].contains("200"),
        "{:?}",
        reply.fields()
    );
    backend
        .post_form("/organizations", &[])
        .await
        .refused(400, "invalid_request");
    server.finish().await;
}

#[tokio::test]
async fn an_update_of_nothing_is_refused() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let form = Some("multipart/form-data; boundary=edge");
    for fields in [
        &[][..],
        &[("name", "")],
        &[("remove_image", "false")],
        &[("unknown", "x")],
    ] {
        backend
            .patch_form(&acme.path(""), fields)
            .await
            .refused(400, "nothing_to_update");
    }
    // The Rust SDK sends an empty form without a single byte.
    let reply = backend
        .send(
            hyper::Method::PATCH,
            &acme.path(""),
            form,
            bytes::Bytes::new(),
        )
        .await;
    reply.refused(400, "nothing_to_update");
    server.finish().await;
}

#[tokio::test]
async fn slugs_and_external_ids_are_unique_in_their_deployment() {
    let server = Server::start().await;
    let (backend, neighbour) = (server.backend().await, server.neighbour().await);
    let fields = [("name", "Acme"), ("slug", "acme"), ("external_id", "7")];
    backend.post_form("/organizations", &fields).await.ok();
    neighbour.post_form("/organizations", &fields).await.ok();
    let reply = backend
        .post_form("/organizations", &[("name", "A"), ("slug", "acme")])
        .await;
    reply.refused(409, "slug_taken");
    let reply = backend
        .post_form("/organizations", &[("name", "A"), ("external_id", "7")])
        .await;
    reply.refused(409, "external_id_taken");
    let other = id(&backend
        .post_form("/organizations", &[("name", "A")])
        .await
        .ok());
    let reply = backend
        .patch_form(&format!("/organizations/{other}"), &[("slug", "acme")])
        .await;
    reply.refused(409, "slug_taken");
    let found = backend.get("/organizations?slug=acme").await.ok();
    assert_eq!(
        (&found["total"], &found["data"][0]["external_id"]),
        (&json!(1), &json!("7"))
    );
    server.finish().await;
}

#[tokio::test]
async fn an_image_is_re_encoded_and_served_to_anybody() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let png = include_bytes!("../../../../acceptance/images/logo.png");
    let fields: [(&str, &[u8]); 2] = [("name", b"Acme"), ("organization_image", png)];
    let acme = backend
        .bytes_form(hyper::Method::POST, "/organizations", &fields)
        .await
        .ok();
    let url = acme["image_url"]
        .as_str()
        .unwrap()
        .strip_prefix("http://guildhall.test")
        .unwrap()
        .to_owned();
    let image = server.stranger().get(&url).await;
    assert_eq!(image.status, 200);
    assert!(image.header("content-type").starts_with("image/"));
    assert_eq!(image.header("x-content-type-options"), "nosniff");

    let path = format!("/organizations/{}", id(&acme));
    let text: [(&str, &[u8]); 1] = [("organization_image", b"<svg onload=alert(1)>")];
    backend
        .bytes_form(hyper::Method::PATCH, &path, &text)
        .await
        .refused(400, "invalid_image");
    let changed = backend
        .patch_form(&path, &[("remove_image", "true")])
        .await
        .ok();
    assert_eq!(changed["image_url"], "");
    server
        .stranger()
        .get(&url)
        .await
        .refused(404, "image_not_found");
    server.finish().await;
}
