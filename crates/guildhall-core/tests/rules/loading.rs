//! What is asked while an organization is loaded, and how long that takes.

use futures_util::FutureExt;
use guildhall_access::{Demand, Reason};
use guildhall_core::access::{Freshness, Moments};
use guildhall_core::users::{self, UpdateUser, UserForm};
use guildhall_types::IfMatch;
use guildhall_types::access::Consistency;
use guildhall_types::ids::{OrganizationId, UserId};

use crate::world::World;

const READ: Demand<'_> = Demand::All(&["invoices:read"]);

/// One more than are read on the calling thread.
const MANY_ROLES: usize = 101;

/// An organization with so many roles and one member, who may read; nobody has asked about it.
async fn organization(world: &World, roles: usize) -> (OrganizationId, UserId) {
    let (user, organization) = (world.user("Ava").await, world.organization("Acme").await);
    let mut held = None;
    for number in 0..roles {
        let name = format!("Reader {number}");
        held = Some(world.role(organization.id, &name).await.unwrap().id);
    }
    world
        .member(organization.id, user.id, held.as_slice())
        .await
        .unwrap();
    (organization.id, user.id)
}

async fn disable(world: &World, user: UserId) {
    let form = UserForm {
        disabled: Some("true".to_owned()),
        ..UserForm::default()
    };
    let command = UpdateUser::check(form).unwrap();
    world
        .change(move |tx| users::update(tx, user, &IfMatch::Any, &command))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_check_does_not_wait_for_many_roles() {
    let world = World::new().await;
    let access = world.guildhall.access(world.deployment);
    for (roles, loads_at_once) in [(MANY_ROLES - 1, 1), (MANY_ROLES, 0)] {
        let (organization, user) = organization(&world, roles).await;
        let before = world.guildhall.access_cache_stats().loads;
        let asked = access.check(organization, user, &READ, Freshness::default());
        // At once: nothing else has run on this thread.
        let checked = asked.now_or_never().unwrap().unwrap();
        assert_eq!(checked.decision.reason(), Reason::Granted);
        let loads = world.guildhall.access_cache_stats().loads - before;
        assert_eq!(loads, loads_at_once, "{roles} roles");
    }
}

#[tokio::test]
async fn a_disabling_counts_that_was_acknowledged_during_a_long_load() {
    let world = World::new().await;
    let access = world.guildhall.access(world.deployment);
    let (small, _) = organization(&world, 1).await;
    let (large, user) = organization(&world, MANY_ROLES).await;
    // The deployment is in memory from now on.
    access.moment(small, Freshness::default()).await.unwrap();
    let mut moment = Box::pin(access.moment(large, Freshness::default()));
    assert!(
        (&mut moment).now_or_never().is_none(),
        "it is loaded elsewhere"
    );
    disable(&world, user).await;
    let decision = moment.await.unwrap().check(user, &READ);
    assert_eq!(decision.reason(), Reason::UserDisabled);
}

#[tokio::test]
async fn a_disabled_user_is_not_let_in_by_being_deleted() {
    let world = World::new().await;
    let access = world.guildhall.access(world.deployment);
    let (large, user) = organization(&world, MANY_ROLES).await;
    disable(&world, user).await;
    let moment = || Box::pin(access.moment(large, Freshness::default()));
    let mut late = moment();
    assert!((&mut late).now_or_never().is_none());
    // The load has ended, and only one of those who wait has looked.
    let early = moment().await.unwrap();
    assert_eq!(early.check(user, &READ).reason(), Reason::UserDisabled);
    world
        .change(move |tx| users::delete(tx, user, &IfMatch::Any))
        .await
        .unwrap();
    let decision = late.await.unwrap().check(user, &READ);
    assert_eq!(decision.reason(), Reason::NotAMember);
}

#[tokio::test]
async fn a_batch_lets_others_go_on_between_two_loads() {
    let world = World::new().await;
    let (one, _) = organization(&world, 1).await;
    let (other, _) = organization(&world, 1).await;
    let moments = || {
        let access = world.guildhall.access(world.deployment);
        Moments::new(access, Consistency::Cached, Vec::new())
    };
    let mut cold = moments();
    for organization in [one, other] {
        assert!(cold.of(organization).now_or_never().is_none());
        cold.of(organization).await.unwrap();
    }
    let mut warm = moments();
    for organization in [one, other] {
        assert!(warm.of(organization).now_or_never().is_some());
    }
}
