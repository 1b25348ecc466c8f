//! The rules of members, as examples.

use std::collections::BTreeMap;

use crate::world::{World, page, page_after};
use guildhall_core::members::{self, MemberFilter, MemberSort, UpdateMember};
use guildhall_core::{Order, organizations, roles, users};
use guildhall_types::ids::RoleId;
use guildhall_types::members as wire;
use guildhall_types::{ErrorCode, IfMatch, JsonObject};

#[tokio::test]
async fn a_member_without_roles_gets_the_default_role() {
    let world = World::new().await;
    let (acme, ava) = (world.organization("Acme").await, world.user("Ava").await);
    let member = world.member(acme.id, ava.id, &[]).await.unwrap();
    let names: Vec<_> = member
        .roles
        .iter()
        .map(|held| held.role.name.as_str())
        .collect();
    assert_eq!(names, ["Member"]);
    assert!(member.roles[0].role.is_deployment_level);
}

#[tokio::test]
async fn a_user_is_a_member_once() {
    let world = World::new().await;
    let (acme, ava) = (world.organization("Acme").await, world.user("Ava").await);
    world.member(acme.id, ava.id, &[]).await.unwrap();
    let refusal = world.member(acme.id, ava.id, &[]).await.unwrap_err();
    assert_eq!(refusal.code(), Some(ErrorCode::MemberExists));
    let details = world
        .guildhall
        .point(world.deployment, move |tx| {
            organizations::details(tx, acme.id)
        })
        .await;
    assert_eq!(details.unwrap().0.organization.member_count, 1);
}

#[tokio::test]
async fn a_set_of_roles_replaces_the_old_one_by_its_difference() {
    let world = World::new().await;
    let (acme, ava) = (world.organization("Acme").await, world.user("Ava").await);
    let a = world.role(acme.id, "A").await.unwrap().id;
    let b = world.role(acme.id, "B").await.unwrap().id;
    let c = world.role(acme.id, "C").await.unwrap().id;
    let member = world.member(acme.id, ava.id, &[a, b]).await.unwrap();
    for (set, expected) in [
        (vec![b, c], vec![b, c]),
        (vec![c, b, b], vec![b, c]),
        (vec![], vec![]),
    ] {
        let request = wire::UpdateMember {
            role_ids: Some(set),
            ..wire::UpdateMember::default()
        };
        let command = UpdateMember::check(request).unwrap();
        world
            .change(move |tx| members::update(tx, acme.id, member.id, &IfMatch::Any, &command))
            .await
            .unwrap();
        assert_eq!(roles_of(&world, &acme.id).await, expected);
    }
}

async fn roles_of(
    world: &World,
    organization: &guildhall_types::ids::OrganizationId,
) -> Vec<guildhall_types::ids::RoleId> {
    let organization = *organization;
    let page = world
        .guildhall
        .list(world.deployment, move |tx| {
            let filter = MemberFilter::default();
            members::list(
                tx,
                organization,
                &filter,
                MemberSort::CreatedAt,
                &page(Order::Ascending),
            )
        })
        .await
        .unwrap();
    page.data[0].roles.iter().map(|held| held.role.id).collect()
}

#[tokio::test]
async fn a_role_of_another_organization_is_not_found() {
    let world = World::new().await;
    let (acme, globex) = (
        world.organization("Acme").await,
        world.organization("Globex").await,
    );
    let foreign = world.role(globex.id, "Spy").await.unwrap().id;
    let ava = world.user("Ava").await;
    let refusal = world.member(acme.id, ava.id, &[foreign]).await.unwrap_err();
    assert_eq!(refusal.code(), Some(ErrorCode::RoleNotFound));
    // Nothing half done: the next try starts from an organization without members.
    let member = world.member(acme.id, ava.id, &[]).await.unwrap();
    let refusal = world
        .change(move |tx| {
            members::assign_role(
                tx,
                acme.id,
                member.id,
                foreign,
                wire::AssignRole::default(),
                &IfMatch::Any,
            )
        })
        .await
        .unwrap_err();
    assert_eq!(refusal.code(), Some(ErrorCode::RoleNotFound));
}

#[tokio::test]
async fn what_changes_nothing_keeps_the_revision() {
    let world = World::new().await;
    let (acme, ava) = (world.organization("Acme").await, world.user("Ava").await);
    let role = world.role(acme.id, "A").await.unwrap().id;
    let member = world.member(acme.id, ava.id, &[role]).await.unwrap();
    let assign = move |tx: &guildhall_core::WriteTx<'_>| {
        members::assign_role(
            tx,
            acme.id,
            member.id,
            role,
            wire::AssignRole::default(),
            &IfMatch::Any,
        )
    };
    let before = world.written(assign).await.unwrap().revision;
    let after = world.written(assign).await.unwrap().revision;
    assert_eq!((before, before.number), (after, 3));
}

#[tokio::test]
async fn a_stale_revision_is_refused() {
    let world = World::new().await;
    let (acme, ava) = (world.organization("Acme").await, world.user("Ava").await);
    let member = world.member(acme.id, ava.id, &[]).await.unwrap();
    let first = IfMatch::OneOf(vec!["1@1".parse().unwrap()]);
    let refusal = world
        .change(move |tx| members::remove(tx, acme.id, member.id, &first))
        .await
        .unwrap_err();
    assert_eq!(refusal.code(), Some(ErrorCode::RevisionMismatch));
}

#[tokio::test]
async fn a_deleted_role_is_taken_from_its_members() {
    let world = World::new().await;
    let (acme, ava) = (world.organization("Acme").await, world.user("Ava").await);
    let role = world.role(acme.id, "A").await.unwrap().id;
    world.member(acme.id, ava.id, &[role]).await.unwrap();
    world
        .change(move |tx| roles::delete(tx, acme.id, role, &IfMatch::Any))
        .await
        .unwrap();
    assert!(roles_of(&world, &acme.id).await.is_empty());
}

#[tokio::test]
async fn a_deleted_user_is_nowhere_a_member() {
    let world = World::new().await;
    let (acme, globex, ava) = (
        world.organization("Acme").await,
        world.organization("Globex").await,
        world.user("Ava").await,
    );
    world.member(acme.id, ava.id, &[]).await.unwrap();
    world.member(globex.id, ava.id, &[]).await.unwrap();
    world
        .change(move |tx| users::delete(tx, ava.id, &IfMatch::Any))
        .await
        .unwrap();
    for id in [acme.id, globex.id] {
        let details = world
            .guildhall
            .point(world.deployment, move |tx| organizations::details(tx, id))
            .await
            .unwrap();
        assert_eq!(
            (details.0.organization.member_count, details.1.number),
            (0, 3)
        );
    }
}

#[tokio::test]
async fn metadata_is_replaced_as_a_whole() {
    let world = World::new().await;
    let (acme, ava) = (world.organization("Acme").await, world.user("Ava").await);
    let member = world.member(acme.id, ava.id, &[]).await.unwrap();
    for text in ["{\"a\":1,\"b\":2}", "{\"c\":3}"] {
        let metadata = JsonObject::parse(text).unwrap();
        let request = wire::UpdateMember {
            public_metadata: Some(metadata),
            ..wire::UpdateMember::default()
        };
        let command = UpdateMember::check(request).unwrap();
        world
            .change(move |tx| members::update(tx, acme.id, member.id, &IfMatch::Any, &command))
            .await
            .unwrap();
    }
    let memberships = world
        .guildhall
        .list(world.deployment, move |tx| members::of_user(tx, ava.id))
        .await;
    assert_eq!(
        memberships.unwrap().data[0].public_metadata.as_str(),
        "{\"c\":3}"
    );
}

#[tokio::test]
async fn a_page_in_any_order_shows_what_each_member_holds() {
    let world = World::new().await;
    let acme = world.organization("Acme").await.id;
    let a = world.role(acme, "A").await.unwrap().id;
    let b = world.role(acme, "B").await.unwrap().id;
    let sets: [&[RoleId]; 5] = [&[a], &[a, b], &[], &[b], &[b, a]];
    let mut held = BTreeMap::new();
    for (name, set) in ["Mia", "Ava", "Zoe", "Liv", "Eva"].into_iter().zip(sets) {
        let user = world.user(name).await.id;
        let member = world.member(acme, user, set).await.unwrap();
        held.insert(member.id, member.roles);
    }
    for sort in [MemberSort::CreatedAt, MemberSort::FirstName] {
        for order in [Order::Ascending, Order::Descending] {
            for limit in 1..=5 {
                let page = page_after(limit, None, order);
                let filter = MemberFilter::default();
                let list = world.guildhall.list(world.deployment, move |tx| {
                    members::list(tx, acme, &filter, sort, &page)
                });
                let page = list.await.unwrap();
                assert_eq!(page.data.len() as u64, page.limit);
                for member in page.data {
                    assert_eq!(member.roles, held[&member.id], "{sort:?} {order:?} {limit}");
                }
            }
        }
    }
}
