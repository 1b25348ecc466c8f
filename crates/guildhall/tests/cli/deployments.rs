//! `guildhall deployment`.

use crate::harness::Place;

#[test]
fn a_deployment_has_data_of_its_own() {
    let place = Place::new();
    let server = place.serve();
    let told = place.run(&["deployment", "create", "acme"]).succeeds();
    assert!(
        told.contains("`acme`") && told.contains("key create --deployment acme"),
        "{told}"
    );

    let ours = place.key();
    let theirs = place.key_with(&["--deployment", "acme"]);
    assert_eq!(server.create_organization("Ours", &ours).status, 200);
    let count = |key| {
        server.get("/organizations", key).json()["data"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((count(&ours), count(&theirs)), (1, 0));
    server.stop();
}

#[test]
fn the_list_is_for_people_and_for_programs() {
    let place = Place::used();
    place.run(&["deployment", "create", "acme"]).succeeds();
    let table = place.run(&["deployment", "list"]).succeeds();
    let rows: Vec<_> = table.lines().collect();
    assert!(
        rows.len() == 3 && rows[0].starts_with("ID ") && rows[2].contains("acme"),
        "{table}"
    );
    let list = place.run(&["deployment", "list", "--json"]).json();
    let names: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["default", "acme"]);
}

#[test]
fn a_name_is_taken_once_and_has_its_letters() {
    let place = Place::used();
    let message = place.run(&["deployment", "create", "default"]).fails(1);
    assert!(
        message.contains("`name` is the name of another deployment"),
        "{message}"
    );
    let message = place.run(&["deployment", "create", "No Such"]).fails(1);
    assert!(message.contains("lower-case letters"), "{message}");
}

#[test]
fn the_members_of_its_organizations_can_be_capped() {
    let place = Place::used();
    place
        .run(&["deployment", "update", "default", "--max-members", "25"])
        .succeeds();
    let list = place.run(&["deployment", "list", "--json"]).json();
    assert_eq!(list[0]["max_allowed_org_members"], 25);
    place
        .run(&["deployment", "update", "nobody", "--max-members", "1"])
        .fails(1);
    place.run(&["verify"]).succeeds();
}
