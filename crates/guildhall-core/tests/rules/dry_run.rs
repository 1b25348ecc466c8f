//! What a rehearsal foretells is what the change then does: judged by checks before and after, in any world.

use std::collections::BTreeSet;
use std::sync::Arc;

use guildhall_access::{Demand, matches};
use guildhall_core::access::Freshness;
use guildhall_core::members::{self, AddMember, UpdateMember};
use guildhall_core::organizations::{self, OrganizationForm, UpdateOrganization};
use guildhall_core::roles::{self, CreateRole, UpdateRole};
use guildhall_core::{Order, Recorded, Refusal, Rehearsal, WriteTx};
use guildhall_types::dry_run::AccessDifference;
use guildhall_types::ids::{MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::members as wire;
use guildhall_types::{IfMatch, Patch, Revision};
use proptest::prelude::*;
use serde::Serialize;

use crate::world::{World, page_after};

/// What roles hold.
const TEXTS: [&str; 7] = [
    "documents:read",
    "documents:write",
    "documents:*",
    "invoices:read",
    "*:read",
    "*",
    "documents",
];

/// What is asked for: the literal texts, and others that only patterns give.
const ASKED: [&str; 7] = [
    "documents:read",
    "documents:write",
    "documents:drafts:read",
    "invoices:read",
    "invoices:pay",
    "documents",
    "elsewhere",
];

/// A change; the numbers choose among what was created.
#[derive(Clone, Debug)]
enum Step {
    Rename(bool),
    SuspendOrganization(bool),
    /// Time passes; what ends in it stays in the tables.
    Wait(i64),
    Delete,
    CreateRole(usize, Vec<usize>),
    UpdateRole(usize, Vec<usize>),
    DeleteRole(usize),
    Add(usize, Vec<usize>, Option<i64>),
    SetRoles(usize, Vec<usize>),
    Suspend(usize, bool),
    EndAfter(usize, Option<i64>),
    Assign(usize, usize, Option<i64>),
    Unassign(usize, usize),
    Remove(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let some = || 0..5_usize;
    let texts = || proptest::collection::vec(0..TEXTS.len(), 0..4);
    let roles = || proptest::collection::vec(some(), 0..3);
    let end = || proptest::option::weighted(0.3, 1..100_i64);
    prop_oneof![
        1 => any::<bool>().prop_map(Step::Rename),
        2 => any::<bool>().prop_map(Step::SuspendOrganization),
        2 => (1..60_i64).prop_map(Step::Wait),
        2 => (some(), any::<bool>()).prop_map(|(member, suspended)| Step::Suspend(member, suspended)),
        2 => (some(), end()).prop_map(|(member, end)| Step::EndAfter(member, end)),
        1 => Just(Step::Delete),
        3 => (some(), texts()).prop_map(|(name, texts)| Step::CreateRole(name, texts)),
        5 => (some(), texts()).prop_map(|(role, texts)| Step::UpdateRole(role, texts)),
        2 => some().prop_map(Step::DeleteRole),
        6 => (some(), roles(), end()).prop_map(|(user, roles, end)| Step::Add(user, roles, end)),
        3 => (some(), roles()).prop_map(|(member, roles)| Step::SetRoles(member, roles)),
        3 => (some(), some(), end()).prop_map(|(member, role, end)| Step::Assign(member, role, end)),
        3 => (some(), some()).prop_map(|(member, role)| Step::Unassign(member, role)),
        2 => some().prop_map(Step::Remove),
    ]
}

/// An organization and what was created in it, living or gone.
struct Stage {
    world: World,
    organization: OrganizationId,
    users: Vec<UserId>,
    roles: Vec<RoleId>,
    members: Vec<MemberId>,
}

fn pick<T: Copy>(from: &[T], index: usize) -> T {
    from[index % from.len()]
}

fn texts(places: &[usize]) -> Vec<String> {
    places
        .iter()
        .map(|place| TEXTS[*place].to_owned())
        .collect()
}

impl Stage {
    async fn new() -> Self {
        let world = World::new().await;
        let organization = world.organization("Acme").await.id;
        let mut users = Vec::new();
        for name in ["Ada", "Bob", "Cleo", "Dan", "Eve"] {
            users.push(world.user(name).await.id);
        }
        let deployment = world.deployment;
        let given = world
            .guildhall
            .point(deployment, roles::list_of_deployment)
            .await;
        let mut stage = Self {
            organization,
            users,
            roles: given
                .unwrap()
                .data
                .iter()
                .map(|role| role.role.id)
                .collect(),
            // A member who never was.
            members: vec![MemberId::new(7).unwrap()],
            world,
        };
        stage
            .roles
            .push(stage.world.role(organization, "Reader").await.unwrap().id);
        stage
    }

    /// Who may do what, as checks say.
    async fn allowed(&self, asked: &[&'static str]) -> BTreeSet<(UserId, &'static str)> {
        let access = self.world.guildhall.access(self.world.deployment);
        let mut allowed = BTreeSet::new();
        for user in &self.users {
            for permission in asked {
                let demand = Demand::All(&[permission]);
                let check = access.check(self.organization, *user, &demand, Freshness::default());
                if check.await.unwrap().decision.allowed() {
                    allowed.insert((*user, *permission));
                }
            }
        }
        allowed
    }

    /// Where the organization is. A change may take it further than one step: who is added in the place of a membership that
    /// has run out takes it two.
    async fn revision(&self) -> Option<Revision> {
        let access = self.world.guildhall.access(self.world.deployment);
        let moment = access.moment(self.organization, Freshness::default());
        moment.await.unwrap().revision()
    }

    /// Everything that the database holds, but for the ids that are reserved as time goes on.
    fn export(&self) -> String {
        let mut bytes = Vec::new();
        guildhall_core::export::export(&self.world.guildhall, &mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .filter(|line| !line.contains("\"id_slots\""))
            .collect()
    }

    /// Tries a change, makes it, and holds the one against the other.
    async fn try_and_do<T: Serialize + Send + 'static>(
        &self,
        command: impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Clone + Send + Sync + 'static,
    ) -> Option<T> {
        let (before, export) = (self.allowed(&ASKED).await, self.export());
        let revision = self.revision().await;
        let (guildhall, deployment) = (&self.world.guildhall, self.world.deployment);
        let rehearsal = guildhall
            .rehearse(deployment, "test".to_owned(), command.clone())
            .await
            .unwrap();
        assert_eq!(
            self.allowed(&ASKED).await,
            before,
            "a rehearsal changed an answer"
        );
        assert!(self.export() == export, "a rehearsal left something behind");
        let done = self.world.written(command).await;
        let foreseen = match (rehearsal, &done) {
            (Rehearsal::Foreseen(foreseen), Ok(_)) => foreseen,
            (Rehearsal::Refused(foretold), Err(Refusal::Refused(refused))) => {
                assert_eq!(foretold, **refused);
                return None;
            }
            (rehearsal, _) => panic!(
                "it came otherwise: {:?}",
                matches!(rehearsal, Rehearsal::Refused(_))
            ),
        };
        assert_eq!(foreseen.revision, revision);

        let access = foreseen.access.unwrap();
        let whole = access
            .page(&[1; 32], &page_after(100, None, Order::Ascending))
            .unwrap();
        self.judge(&whole, &before).await;
        let (mut rows, mut cursor) = (Vec::new(), None);
        loop {
            let one = page_after(1, cursor, Order::Ascending);
            let one = access.page(&[1; 32], &one).unwrap();
            assert_eq!(
                (one.gained, one.lost),
                (whole.gained.clone(), whole.lost.clone())
            );
            rows.extend(one.changes.data);
            cursor = one.changes.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(rows, whole.changes.data);
        done.unwrap().fresh()
    }

    /// The difference against the checks after the change.
    async fn judge(
        &self,
        difference: &AccessDifference,
        before: &BTreeSet<(UserId, &'static str)>,
    ) {
        let after = self.allowed(&ASKED).await;
        let changes = &difference.changes.data;
        for user in &self.users {
            let change = changes.iter().find(|change| change.user_id == *user);
            let (gained, lost) = change
                .map(|change| (change.gained.as_slice(), change.lost.as_slice()))
                .unwrap_or_default();
            for permission in ASKED {
                let then = before.contains(&(*user, permission));
                let now = after.contains(&(*user, permission));
                let told = |texts: &[String]| texts.iter().any(|text| matches(text, permission));
                assert!(
                    then || !now || told(gained),
                    "{permission} is gained: {change:?}"
                );
                assert!(
                    !then || now || told(lost),
                    "{permission} is lost: {change:?}"
                );
                // What a text without a wildcard tells is exact.
                let exact = |texts: &[String]| texts.iter().any(|text| text == permission);
                assert!(
                    !exact(gained) || (!then && now),
                    "{permission} was there: {change:?}"
                );
                assert!(
                    !exact(lost) || (then && !now),
                    "{permission} stays: {change:?}"
                );
            }
        }
        let count = |some: fn(&guildhall_types::dry_run::AccessChange) -> bool| {
            changes.iter().filter(|change| some(change)).count() as u64
        };
        assert_eq!(
            difference.members_gaining,
            count(|change| !change.gained.is_empty())
        );
        assert_eq!(
            difference.members_losing,
            count(|change| !change.lost.is_empty())
        );
        assert_eq!(difference.changes.total, changes.len() as u64);
        for (counts, total, of) in [
            (&difference.gained, difference.permissions_gained, true),
            (&difference.lost, difference.permissions_lost, false),
        ] {
            assert_eq!(counts.len() as u64, total);
            for counted in counts {
                let has = changes.iter().filter(|change| {
                    let texts = if of { &change.gained } else { &change.lost };
                    texts.contains(&counted.permission)
                });
                assert_eq!(counted.members, has.count() as u64);
            }
        }
    }

    /// Carries out a step, tried first.
    async fn step(&mut self, step: Step) {
        let id = self.organization;
        match step {
            Step::Rename(other) => {
                let name = if other { "Bolt" } else { "Acme" };
                self.update_organization(OrganizationForm {
                    name: Some(name.to_owned()),
                    ..OrganizationForm::default()
                })
                .await;
            }
            Step::SuspendOrganization(suspended) => {
                self.update_organization(OrganizationForm {
                    suspended: Some(suspended.to_string()),
                    ..OrganizationForm::default()
                })
                .await;
            }
            Step::Wait(seconds) => self.world.clock.advance_seconds(seconds),
            Step::Delete => {
                self.try_and_do(move |tx| organizations::delete(tx, id, &IfMatch::Any))
                    .await;
            }
            Step::CreateRole(name, permissions) => {
                let request = guildhall_types::roles::CreateRole {
                    name: format!("Role {name}"),
                    permissions: texts(&permissions),
                };
                let command = Arc::new(CreateRole::check(&request).unwrap());
                let role = self
                    .try_and_do(move |tx| roles::create(tx, id, &IfMatch::Any, &command))
                    .await;
                self.roles.extend(role.map(|role| role.id));
            }
            Step::UpdateRole(role, permissions) => {
                let role = pick(&self.roles, role);
                let request = guildhall_types::roles::UpdateRole {
                    name: None,
                    permissions: Some(texts(&permissions)),
                };
                let command = Arc::new(UpdateRole::check(&request).unwrap());
                self.try_and_do(move |tx| roles::update(tx, id, role, &IfMatch::Any, &command))
                    .await;
            }
            Step::DeleteRole(role) => {
                let role = pick(&self.roles, role);
                self.try_and_do(move |tx| roles::delete(tx, id, role, &IfMatch::Any))
                    .await;
            }
            step => self.member_step(step).await,
        }
    }

    async fn update_organization(&self, form: OrganizationForm) {
        let id = self.organization;
        let command = Arc::new(UpdateOrganization::check(form).unwrap());
        self.try_and_do(move |tx| organizations::update(tx, id, &IfMatch::Any, &command))
            .await;
    }

    async fn update_member(&self, member: usize, request: wire::UpdateMember) {
        let (id, member) = (self.organization, pick(&self.members, member));
        let command = Arc::new(UpdateMember::check(request).unwrap());
        self.try_and_do(move |tx| members::update(tx, id, member, &IfMatch::Any, &command))
            .await;
    }

    async fn member_step(&mut self, step: Step) {
        let id = self.organization;
        let now = self.world.guildhall.now();
        let after = |end: Option<i64>| end.map(|seconds| now.plus_seconds(seconds));
        let held = |roles: &[usize]| roles.iter().map(|role| pick(&self.roles, *role)).collect();
        match step {
            Step::Add(user, roles, end) => {
                let request = wire::AddMember {
                    user_id: pick(&self.users, user),
                    role_ids: Some(held(&roles)),
                    public_metadata: None,
                    expires_at: after(end),
                };
                let command = Arc::new(AddMember::check(request).unwrap());
                let member = self
                    .try_and_do(move |tx| members::add(tx, id, &IfMatch::Any, &command))
                    .await;
                self.members.extend(member.map(|member| member.id));
            }
            Step::SetRoles(member, roles) => {
                let request = wire::UpdateMember {
                    role_ids: Some(held(&roles)),
                    ..wire::UpdateMember::default()
                };
                self.update_member(member, request).await;
            }
            Step::Suspend(member, suspended) => {
                let request = wire::UpdateMember {
                    suspended: Some(suspended),
                    ..wire::UpdateMember::default()
                };
                self.update_member(member, request).await;
            }
            Step::EndAfter(member, end) => {
                let request = wire::UpdateMember {
                    expires_at: after(end).map_or(Patch::Clear, Patch::Set),
                    ..wire::UpdateMember::default()
                };
                self.update_member(member, request).await;
            }
            Step::Assign(member, role, end) => {
                let (member, role) = (pick(&self.members, member), pick(&self.roles, role));
                let request = wire::AssignRole {
                    expires_at: after(end),
                };
                self.try_and_do(move |tx| {
                    members::assign_role(tx, id, member, role, request, &IfMatch::Any)
                })
                .await;
            }
            Step::Unassign(member, role) => {
                let (member, role) = (pick(&self.members, member), pick(&self.roles, role));
                self.try_and_do(move |tx| {
                    members::unassign_role(tx, id, member, role, &IfMatch::Any)
                })
                .await;
            }
            Step::Remove(member) => {
                let member = pick(&self.members, member);
                self.try_and_do(move |tx| members::remove(tx, id, member, &IfMatch::Any))
                    .await;
            }
            _ => unreachable!("a step of the organization or of its roles"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_is_foretold_comes_true(steps in proptest::collection::vec(step(), 1..16)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut stage = Stage::new().await;
            for step in steps {
                stage.step(step).await;
            }
        });
    }
}

/// A command in the same group of the writer is not committed when the next one is tried, and is seen all the same.
#[tokio::test]
async fn a_rehearsal_sees_what_stands_before_it_in_the_queue() {
    let stage = Stage::new().await;
    let (id, role) = (stage.organization, *stage.roles.last().unwrap());
    let (guildhall, deployment) = (&stage.world.guildhall, stage.world.deployment);
    for round in 1..=100 {
        let user = stage.world.user(&format!("User {round}")).await.id;
        let roles = [role];
        let (added, rehearsed) = tokio::join!(
            stage.world.member(id, user, &roles),
            guildhall.rehearse(deployment, "test".to_owned(), move |tx| {
                roles::delete(tx, id, role, &IfMatch::Any)
            })
        );
        added.unwrap();
        let Rehearsal::Foreseen(foreseen) = rehearsed.unwrap() else {
            panic!("refused")
        };
        let page = page_after(1, None, Order::Ascending);
        let access = foreseen.access.unwrap().page(&[1; 32], &page).unwrap();
        assert_eq!(access.members_losing, round);
    }
}
