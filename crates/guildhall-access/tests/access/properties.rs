//! Any world after any changes: the engine says what the model says, and its answers agree with each other.

use std::collections::BTreeSet;

use guildhall_access::{
    Assignment, Demand, DeploymentChange, DeploymentSnapshot, Membership, Moment,
    OrganizationChange, OrganizationSnapshot, Role, diff, matches,
};
use guildhall_types::ids::MemberId;
use proptest::{
    collection::{btree_map, btree_set, vec},
    option,
    prelude::*,
    sample::select,
};

use crate::{
    make::{at, role, role_id, user},
    model::{Model, is_like},
};

/// Few users, so that changes meet; more than a leaf holds, so that leaves split and join.
const USERS: i64 = 300;

/// Half of them are the deployment's, half the organization's own; some changes name the other half.
const ROLES: i64 = 8;

fn text() -> impl Strategy<Value = String> {
    let segments = vec(select(vec!["a", "b", "c", "*", "a*", ""]), 1..4);
    segments.prop_map(|segments| segments.join(":"))
}

fn any_role() -> impl Strategy<Value = Role> {
    (1..=ROLES, vec(text(), 0..6)).prop_map(|(id, texts)| {
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        role(id, &texts)
    })
}

/// Times lie around noon, so that some have run out, one of them just now.
fn time() -> impl Strategy<Value = Option<i64>> {
    option::weighted(0.3, 98..103_i64)
}

fn membership() -> impl Strategy<Value = Membership> {
    let roles = btree_map(1..=ROLES, time(), 0..4);
    (1..=USERS, prop::bool::weighted(0.1), time(), roles).prop_map(|(id, suspended, end, roles)| {
        let assignment = |(role, end): (i64, Option<i64>)| Assignment {
            role_id: role_id(role),
            expires_at: end.map(at),
        };
        Membership {
            member_id: MemberId::new(id + 1_000).unwrap(),
            user_id: user(id),
            suspended,
            expires_at: end.map(at),
            roles: roles.into_iter().map(assignment).collect(),
        }
    })
}

fn change() -> impl Strategy<Value = OrganizationChange> {
    prop_oneof![
        8 => membership().prop_map(OrganizationChange::MemberSet),
        4 => (1..=USERS).prop_map(|id| OrganizationChange::MemberRemoved(user(id))),
        2 => any_role().prop_map(OrganizationChange::RoleSet),
        1 => (1..=ROLES).prop_map(|id| OrganizationChange::RoleRemoved(role_id(id))),
        1 => prop::bool::weighted(0.2).prop_map(OrganizationChange::Suspended),
        1 => Just(OrganizationChange::Nothing),
    ]
}

fn deployment_change() -> impl Strategy<Value = DeploymentChange> {
    prop_oneof![
        3 => any_role().prop_map(DeploymentChange::RoleSet),
        1 => (1..=ROLES).prop_map(|id| DeploymentChange::RoleRemoved(role_id(id))),
        3 => (1..=USERS, any::<bool>()).prop_map(|(id, is)| DeploymentChange::UserDisabled(user(id), is)),
        1 => (1..=USERS).prop_map(|id| DeploymentChange::UserRemoved(user(id))),
        1 => Just(DeploymentChange::Nothing),
    ]
}

fn model() -> impl Strategy<Value = Model> {
    let own = vec(any_role(), 0..5);
    let deployment = vec(any_role(), 0..3);
    let disabled = btree_set(1..=USERS, 0..8);
    let exact_only = btree_set(text(), 0..4);
    let members = vec(membership(), 0..400);
    (members, own, deployment, disabled, exact_only).prop_map(
        |(members, own, deployment, disabled, exact_only)| {
            let by_id = |role: Role| (role.id.raw(), role);
            Model {
                suspended: false,
                members: members
                    .into_iter()
                    .map(|member| (member.user_id.raw(), member))
                    .collect(),
                own_roles: own.into_iter().map(by_id).collect(),
                deployment_roles: deployment.into_iter().map(by_id).collect(),
                disabled,
                exact_only,
            }
        },
    )
}

/// A world before and after some changes, as model and as snapshots.
#[derive(Debug)]
struct World {
    models: [Model; 2],
    organizations: [OrganizationSnapshot; 2],
    deployments: [DeploymentSnapshot; 2],
}

impl World {
    fn new(
        before: Model,
        changes: &[OrganizationChange],
        deployment_changes: &[DeploymentChange],
    ) -> Self {
        let organizations = [before.organization(1), before.organization(1)];
        let deployments = [before.deployment(1), before.deployment(1)];
        let mut world = Self {
            models: [before.clone(), before],
            organizations,
            deployments,
        };
        // The second is the same version as the first until something changes.
        let [before, after] = &mut world.organizations;
        *after = before.clone();
        let [before, after_deployment] = &mut world.deployments;
        *after_deployment = before.clone();
        let [_, model] = &mut world.models;
        for change in changes {
            model.change(change);
            *after = after.apply(after.revision() + 1, change).unwrap();
        }
        for change in deployment_changes {
            model.change_deployment(change);
            let revision = after_deployment.revision() + 1;
            *after_deployment = after_deployment.apply(revision, change).unwrap();
        }
        world
    }

    fn sides(&self) -> [(&Model, Moment<'_>); 2] {
        [0, 1].map(|side| {
            let moment = Moment {
                organization: &self.organizations[side],
                deployment: &self.deployments[side],
                now: at(100),
            };
            (&self.models[side], moment)
        })
    }
}

fn world() -> impl Strategy<Value = World> {
    let changes = vec(change(), 0..120);
    let deployment_changes = vec(deployment_change(), 0..4);
    (model(), changes, deployment_changes).prop_map(|(before, changes, deployment_changes)| {
        World::new(before, &changes, &deployment_changes)
    })
}

fn demand<'a>(is_all: bool, permissions: &'a [&'a str]) -> Demand<'a> {
    if is_all {
        Demand::All(permissions)
    } else {
        Demand::Any(permissions)
    }
}

proptest! {
    #[test]
    fn a_pattern_matches_what_the_rules_say(held in text(), asked in text()) {
        let held_segments: Vec<_> = held.split(':').collect();
        let asked_segments: Vec<_> = asked.split(':').collect();
        prop_assert_eq!(matches(&held, &asked), is_like(&held_segments, &asked_segments));
    }

    #[test]
    fn changes_lead_to_what_is_built_afresh(world in world()) {
        for (model, moment) in world.sides() {
            let (organization, deployment) = (moment.organization, moment.deployment);
            let fresh = model.organization(organization.revision());
            let members: Vec<_> = organization.members_after(None).collect();
            prop_assert_eq!(&members, &model.members.values().cloned().collect::<Vec<_>>());
            prop_assert!(fresh.members_after(None).eq(members));
            prop_assert!(fresh.roles().eq(organization.roles()));
            prop_assert_eq!(fresh.member_count(), organization.member_count());
            prop_assert_eq!(fresh.suspended(), organization.suspended());
            // A run that was split or joined has other neighbours than one that was cut to size: a few headers.
            prop_assert!(organization.bytes().abs_diff(fresh.bytes()) <= 12 * 40);
            let fresh = model.deployment(1);
            prop_assert!(fresh.roles().eq(deployment.roles()));
            prop_assert_eq!(fresh.bytes(), deployment.bytes());
        }
    }

    #[test]
    fn a_check_says_what_the_model_says(
        world in world(),
        asked in vec(text(), 0..4),
        is_all: bool,
    ) {
        let asked: Vec<_> = asked.iter().map(String::as_str).collect();
        let demand = demand(is_all, &asked);
        for (model, moment) in world.sides() {
            for id in 1..=USERS + 1 {
                let reason = moment.check(user(id), &demand).reason();
                prop_assert_eq!(reason, model.decide(id, &demand, moment.now), "user {}", id);
            }
        }
    }

    #[test]
    fn lists_and_explanations_agree_with_checks(
        world in world(),
        asked in vec(text(), 0..4),
        is_all: bool,
        after in 0..=USERS,
    ) {
        let asked: Vec<_> = asked.iter().map(String::as_str).collect();
        let demand = demand(is_all, &asked);
        for (model, moment) in world.sides() {
            let allowed = |id: &i64| moment.check(user(*id), &demand).allowed();
            let expected: Vec<_> = (1..=USERS).filter(allowed).collect();
            let holders = |after| moment.holders(&demand, after).map(|(user, _)| user.raw());
            prop_assert!(holders(None).eq(expected.iter().copied()));
            let page = expected.iter().copied().filter(|id| *id > after);
            let after = (after > 0).then(|| user(after));
            prop_assert!(holders(after).eq(page));
            for id in (1..=USERS + 1).step_by(7) {
                assert_one_member_agrees(model, &moment, id, &demand)?;
            }
        }
    }

    #[test]
    fn a_difference_is_that_of_what_is_held(world in world(), after in 0..=USERS) {
        let [(before_model, before), (after_model, after_moment)] = world.sides();
        let mut expected = Vec::new();
        for id in after + 1..=USERS {
            let held = |model: &Model| model.texts(id, at(100)).unwrap_or_default();
            let (was, is) = (held(before_model), held(after_model));
            let only = |one: &BTreeSet<String>, model: &Model, other: &BTreeSet<String>| {
                let is_given = |text: &&String| other.iter().any(|held| model.gives(held, text));
                one.iter().filter(|text| !is_given(text)).cloned().collect::<Vec<_>>()
            };
            let (gained, lost) = (only(&is, before_model, &was), only(&was, after_model, &is));
            if !gained.is_empty() || !lost.is_empty() {
                expected.push((id, gained, lost));
            }
        }
        let texts = |texts: &[std::sync::Arc<str>]| texts.iter().map(ToString::to_string).collect();
        let found: Vec<(i64, Vec<String>, Vec<String>)> =
            diff(&before, &after_moment, (after > 0).then(|| user(after)))
                .map(|diff| (diff.user_id.raw(), texts(&diff.gained), texts(&diff.lost)))
                .collect();
        prop_assert_eq!(found, expected);
    }
}

fn assert_one_member_agrees(
    model: &Model,
    moment: &Moment<'_>,
    id: i64,
    demand: &Demand<'_>,
) -> Result<(), TestCaseError> {
    let decision = moment.check(user(id), demand);
    let explanation = moment.explain(user(id), demand);
    prop_assert_eq!(explanation.decision, decision);
    prop_assert_eq!(
        &explanation.membership,
        &moment.organization.membership(user(id))
    );
    let held = moment.permissions_of(user(id));
    prop_assert_eq!(
        held.as_ref().err().copied(),
        model.texts(id, moment.now).err()
    );
    let held = held.unwrap_or_default();
    for (explained, asked) in explanation.permissions.iter().zip(demand.permissions()) {
        let alone = moment.check(user(id), &Demand::All(&[asked]));
        prop_assert_eq!(alone.allowed(), !explained.paths.is_empty());
        let by_texts = held.iter().any(|held| model.gives(&held.permission, asked));
        prop_assert_eq!(alone.allowed(), by_texts);
        for path in &explained.paths {
            prop_assert!(model.gives(&path.held, asked));
            prop_assert!(path.until.is_none_or(|until| until > moment.now));
        }
        for giver in &explained.given_by {
            let mut texts = giver.role.permissions.iter();
            prop_assert!(texts.any(|text| model.gives(text, asked)));
        }
    }
    Ok(())
}
