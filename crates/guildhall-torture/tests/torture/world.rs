//! Everything that a server has, read back through its API and sorted by who made it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::client::{Call, Client, Id, id};
use crate::holdings::{Holdings, Member, Organization, Role, User};

/// What each writer finds of its own. What nobody made fails the test.
pub(crate) async fn read(client: &mut Client) -> BTreeMap<usize, Holdings> {
    let mut world: BTreeMap<usize, Holdings> = BTreeMap::new();
    for user in all(client, "/users").await {
        let found = User {
            label: word(&user, "external_id"),
            note: word(&user, "last_name"),
        };
        let owner = world.entry(owner(&found.label)).or_default();
        owner.users.insert(id(&user, "id"), found);
    }
    for organization in all(client, "/organizations").await {
        let label = word(&organization, "external_id");
        let number = id(&organization, "id");
        let found = read_organization(client, number).await;
        let owner = world.entry(owner(&label)).or_default();
        owner.organizations.insert(number, found);
    }
    world
}

async fn read_organization(client: &mut Client, number: Id) -> Organization {
    let path = format!("/organizations/{number}");
    let reply = client.ask(Call::get(&path)).await;
    let details = reply.ok();
    let own_roles = list(&details, "roles").filter(|role| role["is_deployment_level"] == false);
    let roles = own_roles.map(|role| {
        let permissions = role["permissions"].as_array().unwrap();
        let found = Role {
            label: word(role, "name"),
            note: permissions[0].as_str().unwrap().to_owned(),
        };
        (id(role, "id"), found)
    });
    let members = all(client, &format!("{path}/members")).await;
    assert_eq!(details["member_count"], members.len(), "{details}");
    Organization {
        label: word(&details, "external_id"),
        note: word(&details["public_metadata"], "note"),
        revision: reply.revision().1,
        roles: roles.collect(),
        members: members.iter().map(member).collect(),
    }
}

fn member(member: &Value) -> (Id, Member) {
    let own_roles = list(member, "roles").filter(|role| role["is_deployment_level"] == false);
    let roles: BTreeSet<Id> = own_roles.map(|role| id(role, "id")).collect();
    let found = Member {
        user: id(member, "user_id"),
        roles,
        note: word(&member["public_metadata"], "note"),
    };
    (id(member, "id"), found)
}

/// Every item of a list, page by page.
pub(crate) async fn all(client: &mut Client, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client
            .ask(Call::get(format!("{path}?limit=500{cursor}")))
            .await
            .ok();
        items.extend(list(&page, "data").cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

/// The items of a list that has one page.
pub(crate) async fn read_list(client: &mut Client, path: &str) -> Vec<Value> {
    let page = client.ask(Call::get(path)).await.ok();
    list(&page, "data").cloned().collect()
}

fn list<'a>(object: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    object[field].as_array().unwrap().iter()
}

/// A text; absent and null are the empty one.
fn word(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_default().to_owned()
}

/// The label of something that this writer makes.
pub(crate) fn label(writer: usize, count: u64) -> String {
    format!("w{writer}-{count}")
}

fn owner(label: &str) -> usize {
    let number = label
        .strip_prefix('w')
        .and_then(|rest| rest.split_once('-'));
    number
        .and_then(|(writer, _)| writer.parse().ok())
        .unwrap_or_else(|| panic!("nobody has made `{label}`"))
}
