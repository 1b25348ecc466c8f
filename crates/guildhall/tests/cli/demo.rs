//! `guildhall demo`.

use crate::harness::Place;

#[test]
fn the_landscape_is_large_sound_and_there_once() {
    let place = Place::new();
    let told = place.run(&["demo"]).succeeds();
    assert!(told.contains("30 organizations, 400 users"), "{told}");
    assert!(told.contains("key create --deployment demo"), "{told}");
    place.run(&["verify"]).succeeds();

    let message = place.run(&["demo"]).fails(1);
    assert!(
        message.contains("`demo`") && message.contains("--deployment"),
        "{message}"
    );

    let server = place.serve();
    let key = place.key_with(&["--deployment", "demo"]);
    let page = server.get("/organizations?limit=50", &key).json();
    let organizations = page["data"].as_array().unwrap();
    assert_eq!(organizations.len(), 30);
    for organization in organizations {
        let url = organization["image_url"].as_str().unwrap();
        let path = url
            .strip_prefix(&server.url)
            .unwrap_or_else(|| panic!("{organization}"));
        assert_eq!(server.get(path, "").status, 200, "{organization}");
    }
    assert!(
        organizations
            .iter()
            .any(|one| one["name"] == "光陽ロボティクス")
    );
    let ours = server.get("/organizations", &place.key()).json();
    assert_eq!(
        ours["data"],
        serde_json::json!([]),
        "the first start makes its own deployment"
    );
    server.stop();
}

#[test]
fn it_fills_a_deployment_of_choice_beside_a_running_server() {
    let place = Place::new();
    let server = place.serve();
    place.run(&["demo", "--deployment", "default"]).succeeds();
    let key = place.key();
    let found = server.get("/users?search=yilmaz&limit=50", &key).json();
    assert!(!found["data"].as_array().unwrap().is_empty(), "{found}");
    place.run(&["verify"]).succeeds();
    server.stop();
}
