//! Lists: pages, cursors, search, order.

use serde_json::{Value, json};

use crate::client::{Caller, id};
use crate::server::{Acme, Server};

fn names(page: &Value) -> Vec<String> {
    let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
    page["data"].as_array().unwrap().iter().map(name).collect()
}

async fn organizations(backend: &Caller, names: &[&str]) {
    for name in names {
        backend
            .post_form("/organizations", &[("name", name)])
            .await
            .ok();
    }
}

/// Every page of a list by cursor, as one list of items.
async fn walk(backend: &Caller, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = backend.get(&format!("{path}&cursor={cursor}")).await.ok();
        items.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return items,
        }
    }
}

#[tokio::test]
async fn a_page_says_where_it_stands() {
    let server = Server::start().await;
    let backend = server.backend().await;
    organizations(&backend, &["A", "B", "C"]).await;
    let page = backend
        .get("/organizations?limit=2&offset=0&unknown=x")
        .await
        .ok();
    assert_eq!(names(&page), ["C", "B"]);
    assert_eq!(
        (&page["total"], &page["limit"], &page["has_more"]),
        (&json!(3), &json!(2), &json!(true))
    );
    let page = backend.get("/organizations?limit=2&offset=2").await.ok();
    assert_eq!(
        (names(&page), &page["has_more"], &page["offset"]),
        (vec!["A".into()], &json!(false), &json!(2))
    );
    let page = backend.get("/organizations?limit=100000").await.ok();
    assert_eq!(page["limit"], 1000);
    for bad in [
        "limit=0",
        "limit=-1",
        "limit=x",
        "offset=-1",
        "offset=1.5",
        "limit=1&limit=2",
    ] {
        backend
            .get(&format!("/organizations?{bad}"))
            .await
            .refused(400, "invalid_request");
    }
    server.finish().await;
}

#[tokio::test]
async fn pages_are_stable_under_equal_keys() {
    let server = Server::start().await;
    let backend = server.backend().await;
    organizations(&backend, &["Same", "same", "SAME", "Other", "same"]).await;
    for sort in ["created_at", "name", "member_count", "updated_at"] {
        for order in ["asc", "desc"] {
            let path = format!("/organizations?limit=2&sort_key={sort}&sort_order={order}");
            let whole = backend.get(&path.replace("limit=2", "limit=50")).await.ok();
            let walked = walk(&backend, &path).await;
            assert_eq!(&Value::from(walked), &whole["data"], "{path}");
        }
    }
    server.finish().await;
}

/// As the language of a database orders them, `_` may come before `-`, and `é` before `z`.
#[tokio::test]
async fn names_are_ordered_byte_by_byte() {
    let server = Server::start().await;
    let backend = server.backend().await;
    organizations(&backend, &["Zoo", "Élan", "e_lan", "e-lan", "eel"]).await;
    let ordered = ["e-lan", "e_lan", "eel", "Zoo", "Élan"];
    let path = "/organizations?limit=2&sort_key=name&sort_order=asc";
    let all = json!({ "data": walk(&backend, path).await });
    assert_eq!(names(&all), ordered);
    // A search is a range of that order.
    for (search, found) in [
        ("-", "e-lan"),
        ("_l", "e_lan"),
        ("él", "Élan"),
        ("z", "Zoo"),
    ] {
        let page = backend.get(&format!("{path}&search={search}")).await.ok();
        assert_eq!(names(&page), [found], "{search}");
    }
    server.finish().await;
}

#[tokio::test]
async fn a_cursor_belongs_to_its_list() {
    let server = Server::start().await;
    let (backend, neighbour) = (server.backend().await, server.neighbour().await);
    organizations(&backend, &["A", "B"]).await;
    let page = backend.get("/organizations?limit=1").await.ok();
    let cursor = page["next_cursor"].as_str().unwrap();
    backend
        .get(&format!("/organizations?limit=9&cursor={cursor}"))
        .await
        .ok();
    for path in [
        "/organizations?sort_key=name&",
        "/organizations?search=a&",
        "/users?",
    ] {
        backend
            .get(&format!("{path}cursor={cursor}"))
            .await
            .refused(400, "invalid_cursor");
    }
    neighbour
        .get(&format!("/organizations?cursor={cursor}"))
        .await
        .refused(400, "invalid_cursor");
    backend
        .get(&format!("/organizations?offset=1&cursor={cursor}"))
        .await
        .refused(400, "invalid_request");
    server.finish().await;
}

#[tokio::test]
async fn a_search_finds_substrings_and_nothing_else() {
    let server = Server::start().await;
    let backend = server.backend().await;
    organizations(
        &backend,
        &[
            "100% École",
            "100 Ecole",
            "a_b",
            "axb",
            "Ελλάς",
            "back\\slash",
        ],
    )
    .await;
    let found = |search: &'static str| {
        let backend = backend.clone();
        async move {
            let path = format!("/organizations?sort_order=asc&search={search}");
            let page = backend.get(&path).await.ok();
            assert_eq!(page["total"], page["data"].as_array().unwrap().len());
            names(&page)
        }
    };
    assert_eq!(found("%C3%A9COLE").await, ["100% École"]);
    assert_eq!(found("%25").await, ["100% École"]);
    assert_eq!(found("A_B").await, ["a_b"]);
    assert_eq!(found("%20100%20").await, ["100% École", "100 Ecole"]);
    assert_eq!(found("%5C").await, ["back\\slash"]);
    assert_eq!(found("%CE%BB%CE%AC").await, ["Ελλάς"]);
    assert_eq!(found("%CE%91%CE%A3").await, Vec::<String>::new());
    assert_eq!(found("").await.len(), 6);
    server.finish().await;
}

#[tokio::test]
async fn members_are_found_by_role_and_user() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    let role = acme.path(&format!(
        "/members/{}/roles/{}",
        acme.members[1], acme.roles[1]
    ));
    backend.post(&role, json!({})).await.ok();
    for (filter, expected) in [
        (format!("role_id={}", acme.roles[1]), vec![&acme.members[1]]),
        (
            format!("role_id={}", acme.roles[0]),
            vec![&acme.members[0], &acme.members[1]],
        ),
        (format!("user_id={}", acme.users[0]), vec![&acme.members[0]]),
        (
            format!("user_id={}&role_id={}", acme.users[0], acme.roles[1]),
            vec![],
        ),
        ("search=%C3%89MI".to_owned(), vec![&acme.members[1]]),
    ] {
        let page = backend
            .get(&acme.path(&format!("/members?sort_order=asc&{filter}")))
            .await
            .ok();
        let ids: Vec<String> = page["data"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(ids.iter().collect::<Vec<_>>(), expected, "{filter}");
        assert_eq!(page["total"], expected.len());
    }
    for sort in ["created_at", "first_name", "last_name", "email", "username"] {
        let path = acme.path(&format!("/members?limit=1&sort_key={sort}"));
        assert_eq!(walk(&backend, &path).await.len(), 2, "{sort}");
    }
    backend
        .get(&acme.path("/members?role_id=x"))
        .await
        .refused(400, "invalid_request");
    backend
        .get("/organizations/9/members")
        .await
        .refused(404, "organization_not_found");
    server.finish().await;
}

#[tokio::test]
async fn organizations_of_a_user() {
    let server = Server::start().await;
    let backend = server.backend().await;
    let acme = Acme::create(&backend).await;
    organizations(&backend, &["Globex"]).await;
    for (filter, total) in [("", 1), ("&search=ac", 1), ("&search=globex", 0)] {
        let path = format!("/organizations?user_id={}{filter}", acme.users[0]);
        assert_eq!(backend.get(&path).await.ok()["total"], total, "{filter}");
    }
    let path = format!("/users/{}/organization-memberships", acme.users[0]);
    let memberships = backend.get(&path).await.ok();
    assert_eq!(memberships["data"][0]["organization"]["name"], "Acme");
    assert_eq!(memberships["data"][0]["roles"][0]["name"], "Editor");
    server.finish().await;
}
