//! The OpenAPI document says what the server does.

use std::collections::BTreeSet;

use guildhall_types::ErrorCode;
use serde_json::Value;

use crate::server::Server;

#[tokio::test]
async fn the_document_and_its_page_are_served_without_a_key() {
    let server = Server::start().await;
    let document = server.stranger().get("/openapi.json").await.ok();
    assert_eq!(document, guildhall_http::routes::document());
    let page = server.stranger().get("/docs").await;
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(
        text.contains("/docs/rapidoc-min.js") && !text.contains("https://"),
        "the page needs a network"
    );
    assert_eq!(
        server.stranger().get("/docs/rapidoc-min.js").await.status,
        200
    );
    server.finish().await;
}

#[tokio::test]
async fn the_type_of_a_problem_leads_to_its_explanation() {
    let server = Server::start().await;
    let problem = server.stranger().get("/organizations").await.json();
    let (page, anchor) = problem["type"].as_str().unwrap().split_once('#').unwrap();
    let text = server.stranger().get(page).await;
    let text = String::from_utf8(text.body.to_vec()).unwrap();
    assert!(text.contains(&format!("id=\"{anchor}\"")), "{text}");
    server.finish().await;
}

#[test]
fn every_operation_is_complete() {
    let document = guildhall_http::routes::document();
    let (mut ids, mut codes) = (BTreeSet::new(), String::new());
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(
                ids.insert(operation["operationId"].as_str().unwrap().to_owned()),
                "{name}: its id is taken"
            );
            assert!(
                operation["summary"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{name} has no summary"
            );
            assert!(
                operation["responses"]["200"]["content"].is_object(),
                "{name} has no answer"
            );
            assert!(
                operation["responses"]["500"].is_object(),
                "{name} has no 500"
            );
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["schema"].is_object(), "{name}: {parameter}");
            }
            codes += &operation["responses"].to_string();
        }
    }
    // What any route may answer stands in the introduction, not at each of them.
    let anywhere = ["route_not_found", "method_not_allowed"];
    for code in ErrorCode::ALL
        .iter()
        .filter(|code| !anywhere.contains(&code.word()))
    {
        assert!(
            codes.contains(&format!("`{}`", code.word())),
            "no operation names {}",
            code.word()
        );
    }
}

#[test]
fn no_two_shapes_share_a_name_and_every_reference_leads_somewhere() {
    let document = guildhall_http::routes::document();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/").skip(1) {
        let pointer = format!("/{}", reference.split('"').next().unwrap());
        assert!(
            document.pointer(&pointer).is_some_and(Value::is_object),
            "{pointer}"
        );
    }
}
