//! The lists of access, page by page, against the checks that they are made of.

use guildhall_access::Demand;
use guildhall_core::access::{Demanded, Freshness};
use guildhall_core::members;
use guildhall_core::{ChangeRequest, Order, PageLimits, PageRequest, Revision};
use guildhall_types::access::{Asked, Consistency};
use guildhall_types::ids::{OrganizationId, UserId};
use guildhall_types::{ErrorCode, IfMatch};

use crate::world::{World, page_after};

const READ: Demand<'_> = Demand::All(&["invoices:read"]);

fn read() -> Demanded<'static> {
    Demanded::check("permission", Asked::One("invoices:read".into()), None).unwrap()
}

/// All pages of a list: their items, and each of their totals.
macro_rules! pages {
    ($limit:expr, |$request:ident| $page:expr, |$item:ident| $id:expr) => {{
        let (mut cursor, mut items, mut totals) = (None, Vec::new(), Vec::new());
        loop {
            let $request = page_after($limit, cursor, Order::Ascending);
            let page = $page.await.unwrap();
            assert!(page.data.len() <= usize::try_from($limit).unwrap());
            totals.push(page.total);
            items.extend(page.data.iter().map(|$item| $id));
            assert_eq!(page.has_more, page.next_cursor.is_some());
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => break (items, totals),
            }
        }
    }};
}

#[tokio::test]
async fn where_a_user_may_do_something_page_by_page() {
    let world = World::new().await;
    let user = world.user("Ava").await.id;
    let access = world.guildhall.access(world.deployment);
    let mut expected: Vec<OrganizationId> = Vec::new();
    for index in 0..60 {
        let organization = world.organization("Acme").await.id;
        let role = world.role(organization, "Reader").await.unwrap().id;
        let roles = if index % 3 == 0 {
            vec![role]
        } else {
            Vec::new()
        };
        world.member(organization, user, &roles).await.unwrap();
        let asked = access.check(organization, user, &READ, Freshness::default());
        // Some are in memory, and some are not.
        if index % 2 == 0 {
            let allowed = asked.await.unwrap().decision.allowed();
            assert_eq!(allowed, index % 3 == 0);
        }
        if index % 3 == 0 {
            expected.push(organization);
        }
    }
    for limit in [1, 7, 20, 100] {
        let (found, totals) = pages!(
            limit,
            |request| access.organizations(user, read(), Freshness::default(), request),
            |item| item.organization_id
        );
        assert_eq!(found, expected, "{limit}");
        assert!(totals.iter().all(|total| *total == 20), "{totals:?}");
    }
}

#[tokio::test]
async fn a_later_page_looks_through_a_bounded_number_of_memberships() {
    let world = World::new().await;
    let user = world.user("Ava").await.id;
    let access = world.guildhall.access(world.deployment);
    let mut expected = Vec::new();
    for index in 0..1_200 {
        let organization = world.organization("Acme").await.id;
        let mut roles = Vec::new();
        if index == 0 || index == 1_199 {
            roles.push(world.role(organization, "Reader").await.unwrap().id);
            expected.push(organization);
        }
        world.member(organization, user, &roles).await.unwrap();
    }
    let limits = PageLimits { default: 1, max: 1 };
    let first = PageRequest::new(limits, None, None, None, Order::Ascending).unwrap();
    let first = access.organizations(user, read(), Freshness::default(), first);
    let first = first.await.unwrap();
    assert_eq!(
        (first.data.len(), first.total, first.has_more),
        (1, 2, true)
    );
    let (found, totals) = pages!(
        1,
        |request| access.organizations(user, read(), Freshness::default(), request),
        |item| item.organization_id
    );
    assert_eq!(found, expected);
    // One of the pages found nothing in a thousand memberships, and says that more are to be looked at.
    assert_eq!(totals, [2; 3]);
}

#[tokio::test]
async fn where_a_user_may_do_something_is_as_fresh_as_was_asked() {
    let world = World::new().await;
    let user = world.user("Ava").await.id;
    let organization = world.organization("Acme").await.id;
    let role = world.role(organization, "Reader").await.unwrap().id;
    let member = world.member(organization, user, &[role]).await.unwrap().id;
    let access = world.guildhall.access(world.deployment);
    let found = async |consistency, at_least| {
        let freshness = Freshness {
            consistency,
            at_least,
        };
        let page = page_after(10, None, Order::Ascending);
        let page = access.organizations(user, read(), freshness, page).await;
        page.map(|page| page.data.len())
            .map_err(|refusal| refusal.code().unwrap())
    };
    // It is in memory now.
    let asked = access.check(organization, user, &READ, Freshness::default());
    assert!(asked.await.unwrap().decision.allowed());
    assert_eq!(found(Consistency::Full, None).await, Ok(1));

    // No organization is asked about: only a revision of the deployment can be meant.
    let deployment = world.deployment.id().raw();
    for (stream, number, expected) in [
        (deployment, 2, Ok(1)),
        (deployment, 3, Err(ErrorCode::RevisionNotReached)),
        (organization.raw(), 1, Err(ErrorCode::InvalidRequest)),
    ] {
        for consistency in [Consistency::Cached, Consistency::Full] {
            let revision = Some(Revision { stream, number });
            let found = found(consistency, revision).await;
            assert_eq!(found, expected, "{stream}@{number} {consistency:?}");
        }
    }

    // What another process changes, this one hears of later; the database knows.
    let request = ChangeRequest {
        request_id: "stranger".to_owned(),
        idempotency: None,
    };
    let second = world.second();
    let taken = second.write(world.deployment, request, move |tx| {
        members::unassign_role(tx, organization, member, role, &IfMatch::Any)
    });
    taken.await.unwrap();
    assert_eq!(found(Consistency::Full, None).await, Ok(0));
}

#[tokio::test]
async fn who_may_do_something_page_by_page() {
    let world = World::new().await;
    let organization = world.organization("Acme").await.id;
    let role = world.role(organization, "Reader").await.unwrap().id;
    let access = world.guildhall.access(world.deployment);
    let mut expected: Vec<UserId> = Vec::new();
    for index in 0..50 {
        let user = world.user("Ava").await.id;
        let roles = if index % 2 == 0 {
            vec![role]
        } else {
            Vec::new()
        };
        world.member(organization, user, &roles).await.unwrap();
        if index % 2 == 0 {
            expected.push(user);
        }
    }
    for limit in [1, 7, 25, 100] {
        let (found, totals) = pages!(
            limit,
            |request| access.holders(organization, read(), Freshness::default(), request),
            |item| item.user_id
        );
        assert_eq!(found, expected, "{limit}");
        assert!(totals.iter().all(|total| *total == 25), "{totals:?}");
    }
}
