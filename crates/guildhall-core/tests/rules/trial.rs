//! Any sequence of commands, against a plain model in memory: the same answers, the same state.

use std::collections::BTreeMap;

use guildhall_core::members::{self, AddMember, MemberFilter, MemberSort, UpdateMember};
use guildhall_core::organizations::{OrganizationForm, UpdateOrganization};
use guildhall_core::roles::{self, UpdateRole};
use guildhall_core::{Order, Recorded, Refusal, WriteTx, organizations, sweep, users};
use guildhall_types::ids::{MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::members as wire;
use guildhall_types::{ErrorCode, IfMatch, Patch, Timestamp};
use proptest::prelude::*;

use crate::model::{Expected, Held, Member, MemberChange, Model, Organization};
use crate::world::{World, page};

/// A number that chooses among everything that was ever created, living or gone.
type Choice = usize;

/// Minutes from the moment of the step; an end that is not ahead is refused.
type Minutes = i64;

/// A command, the time that passes, or the server's own sweep.
#[derive(Clone, Debug)]
enum Step {
    CreateOrganization,
    DeleteOrganization(Choice),
    Suspend(Choice, bool),
    CreateUser,
    DeleteUser(Choice),
    CreateRole(Choice, usize),
    RenameRole(Choice, Choice, usize),
    DeleteRole(Choice, Choice),
    AddMember(Choice, Choice, Vec<Choice>, Option<Minutes>),
    UpdateMember(Choice, Choice, Update),
    AssignRole(Choice, Choice, Choice, Option<Minutes>),
    UnassignRole(Choice, Choice, Choice),
    RemoveMember(Choice, Choice),
    Wait(Minutes),
    Sweep,
}

#[derive(Clone, Debug)]
struct Update {
    roles: Option<Vec<Choice>>,
    end: Patch<Minutes>,
    suspended: Option<bool>,
}

fn step() -> impl Strategy<Value = Step> {
    let some = || 0..6_usize;
    let pair = || (some(), some());
    let name = || 0..NAMES.len();
    let end = || proptest::option::of(-1..30_i64);
    prop_oneof![
        2 => Just(Step::CreateOrganization),
        1 => some().prop_map(Step::DeleteOrganization),
        1 => (some(), any::<bool>()).prop_map(|(one, suspended)| Step::Suspend(one, suspended)),
        3 => Just(Step::CreateUser),
        1 => some().prop_map(Step::DeleteUser),
        4 => (some(), name()).prop_map(|(one, name)| Step::CreateRole(one, name)),
        2 => (pair(), name()).prop_map(|((one, role), name)| Step::RenameRole(one, role, name)),
        2 => pair().prop_map(|(one, role)| Step::DeleteRole(one, role)),
        6 => (pair(), roles(), end())
            .prop_map(|((one, user), roles, end)| Step::AddMember(one, user, roles, end)),
        5 => (pair(), update()).prop_map(|((one, member), update)| Step::UpdateMember(one, member, update)),
        5 => (pair(), some(), end())
            .prop_map(|((one, member), role, end)| Step::AssignRole(one, member, role, end)),
        3 => (pair(), some()).prop_map(|((one, member), role)| Step::UnassignRole(one, member, role)),
        2 => pair().prop_map(|(one, member)| Step::RemoveMember(one, member)),
        4 => (1..20_i64).prop_map(Step::Wait),
        2 => Just(Step::Sweep),
    ]
}

fn roles() -> impl Strategy<Value = Vec<Choice>> {
    proptest::collection::vec(0..6_usize, 0..3)
}

fn update() -> impl Strategy<Value = Update> {
    let end = prop_oneof![
        2 => Just(Patch::Keep),
        1 => Just(Patch::Clear),
        2 => (-1..30_i64).prop_map(Patch::Set),
    ];
    let roles = proptest::option::of(roles());
    (roles, end, proptest::option::of(any::<bool>())).prop_map(|(roles, end, suspended)| Update {
        roles,
        end,
        suspended,
    })
}

/// Spellings that differ only in case are one name.
const NAMES: [&str; 3] = ["Owner", "OWNER", "Élève"];

/// Everything that was ever created, in order: what the numbers of a step choose from.
#[derive(Debug, Default)]
struct Created {
    organizations: Vec<OrganizationId>,
    users: Vec<UserId>,
    /// Each with its organization; none for those of the deployment.
    roles: Vec<(Option<OrganizationId>, RoleId)>,
    members: Vec<(OrganizationId, MemberId)>,
}

/// A choice that strays: to another organization, to the role of another one.
const ASTRAY: Choice = 5;

fn pick<T: Copy>(from: &[T], index: usize) -> Option<T> {
    (!from.is_empty()).then(|| from[index % from.len()])
}

/// Both sides of the comparison.
struct Trial {
    world: World,
    model: Model,
    created: Created,
}

#[track_caller]
fn agree<T>(expected: Expected<()>, actual: Result<T, Refusal>) -> Option<T> {
    match (expected, actual) {
        (Ok(()), Ok(answer)) => Some(answer),
        (Err(code), Err(refusal)) => {
            assert_eq!(refusal.code(), Some(code), "{refusal:?}");
            None
        }
        (expected, actual) => panic!("expected {expected:?}, got {:?}", actual.map(|_| ())),
    }
}

impl Trial {
    async fn new() -> Self {
        let world = World::new().await;
        let page = world
            .guildhall
            .point(world.deployment, roles::list_of_deployment)
            .await
            .unwrap();
        let deployment_roles: Vec<RoleId> = page.data.iter().map(|role| role.role.id).collect();
        let created = Created {
            roles: deployment_roles.iter().map(|role| (None, *role)).collect(),
            ..Created::default()
        };
        let model = Model {
            deployment_roles,
            ..Model::default()
        };
        Self {
            world,
            model,
            created,
        }
    }

    fn organization(&self, index: usize) -> OrganizationId {
        pick(&self.created.organizations, index).unwrap_or(OrganizationId::new(1).unwrap())
    }

    fn user(&self, index: usize) -> UserId {
        pick(&self.created.users, index).unwrap_or(UserId::new(1).unwrap())
    }

    /// Mostly a role that members of the organization may hold.
    fn role(&self, id: OrganizationId, index: Choice) -> RoleId {
        let fits = |home: &Option<OrganizationId>| home.is_none_or(|home| home == id);
        let roles = self.created.roles.iter();
        let roles: Vec<RoleId> = roles
            .filter(|(home, _)| index == ASTRAY || fits(home))
            .map(|(_, role)| *role)
            .collect();
        pick(&roles, index).unwrap_or(RoleId::new(1).unwrap())
    }

    /// A member, mostly with the organization that it belongs to.
    fn member(&self, index: Choice, member: Choice) -> (OrganizationId, MemberId) {
        let stray = || (self.organization(index), MemberId::new(1).unwrap());
        let (home, member) = pick(&self.created.members, member).unwrap_or_else(stray);
        let id = if index == ASTRAY {
            self.organization(index)
        } else {
            home
        };
        (id, member)
    }

    fn roles(&self, id: OrganizationId, choices: &[Choice]) -> Vec<RoleId> {
        choices
            .iter()
            .map(|choice| self.role(id, *choice))
            .collect()
    }

    fn now(&self) -> Timestamp {
        self.world.guildhall.now()
    }

    fn after(&self, minutes: Minutes) -> Timestamp {
        self.now().plus_seconds(60 * minutes)
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::CreateOrganization => self.create_organization().await,
            Step::DeleteOrganization(index) => {
                let id = self.organization(index);
                let gone = self.model.organizations.remove(&id).map(|_| ());
                let change = move |tx: &WriteTx<'_>| organizations::delete(tx, id, &IfMatch::Any);
                self.agree(gone.ok_or(ErrorCode::OrganizationNotFound), change)
                    .await;
            }
            Step::Suspend(index, suspended) => {
                self.suspend(self.organization(index), suspended).await;
            }
            Step::CreateUser => {
                let id = self.world.user("Ava").await.id;
                self.created.users.push(id);
                self.model.users.insert(id);
            }
            Step::DeleteUser(index) => {
                let id = self.user(index);
                let expected = self.model.delete_user(id);
                self.agree(expected, move |tx| users::delete(tx, id, &IfMatch::Any))
                    .await;
            }
            Step::CreateRole(index, name) => {
                self.create_role(self.organization(index), NAMES[name])
                    .await;
            }
            Step::RenameRole(index, role, name) => {
                let id = self.organization(index);
                let role = self.role(id, role);
                self.rename_role(id, role, NAMES[name]).await;
            }
            Step::DeleteRole(index, role) => {
                let id = self.organization(index);
                let role = self.role(id, role);
                let expected = self.model.delete_role(id, role);
                self.agree(expected, move |tx| {
                    roles::delete(tx, id, role, &IfMatch::Any)
                })
                .await;
            }
            Step::Wait(minutes) => self.world.clock.advance_seconds(60 * minutes),
            Step::Sweep => {
                let expected = self.model.sweep(self.now());
                let swept = sweep::sweep(&self.world.guildhall).await.unwrap();
                assert_eq!(swept, expected);
            }
            step => self.take_of_member(step).await,
        }
    }

    async fn take_of_member(&mut self, step: Step) {
        match step {
            Step::AddMember(index, user, roles, end) => {
                let (id, user) = (self.organization(index), self.user(user));
                let roles = self.roles(id, &roles);
                let end = end.map(|minutes| self.after(minutes));
                self.add_member(id, user, roles, end).await;
            }
            Step::UpdateMember(index, member, update) => {
                let (id, member) = self.member(index, member);
                self.update_member(id, member, update).await;
            }
            Step::AssignRole(index, member, role, end) => {
                let (id, member) = self.member(index, member);
                let (role, end) = (self.role(id, role), end.map(|minutes| self.after(minutes)));
                let now = self.now();
                let expected = self.model.assign(id, member, role, end, now);
                let request = wire::AssignRole { expires_at: end };
                let change = move |tx: &WriteTx<'_>| {
                    members::assign_role(tx, id, member, role, request, &IfMatch::Any)
                };
                self.agree(expected, change).await;
            }
            Step::UnassignRole(index, member, role) => {
                let (id, member) = self.member(index, member);
                let role = self.role(id, role);
                let expected = self.model.unassign(id, member, role);
                let change = move |tx: &WriteTx<'_>| {
                    members::unassign_role(tx, id, member, role, &IfMatch::Any)
                };
                self.agree(expected, change).await;
            }
            Step::RemoveMember(index, member) => {
                let (id, member) = self.member(index, member);
                let expected = self.model.remove_member(id, member);
                self.agree(expected, move |tx| {
                    members::remove(tx, id, member, &IfMatch::Any)
                })
                .await;
            }
            _ => unreachable!("taken by `take`"),
        }
    }

    /// Carries out a change and compares its outcome with the model's.
    async fn agree<T: serde::Serialize + Send + 'static>(
        &self,
        expected: Expected<()>,
        command: impl Fn(&WriteTx<'_>) -> Result<Recorded<T>, Refusal> + Send + 'static,
    ) {
        agree(expected, self.world.change(command).await);
    }

    async fn create_organization(&mut self) {
        let id = self.world.organization("Acme").await.id;
        self.created.organizations.push(id);
        let organization = Organization {
            revision: 1,
            ..Organization::default()
        };
        self.model.organizations.insert(id, organization);
    }

    async fn create_role(&mut self, id: OrganizationId, name: &str) {
        let expected = self.model.create_role(id, name);
        if let Some(role) = agree(expected, self.world.role(id, name).await) {
            self.created.roles.push((Some(id), role.id));
            let organization = self.model.organization(id).unwrap();
            organization.roles.insert(role.id, name.to_owned());
            organization.revision += 1;
        }
    }

    async fn rename_role(&mut self, id: OrganizationId, role: RoleId, name: &str) {
        let expected = self.model.rename_role(id, role, name);
        let request = guildhall_types::roles::UpdateRole {
            name: Some(name.to_owned()),
            permissions: None,
        };
        let command = UpdateRole::check(&request).unwrap();
        let change = move |tx: &WriteTx<'_>| roles::update(tx, id, role, &IfMatch::Any, &command);
        self.agree(expected, change).await;
    }

    async fn suspend(&mut self, id: OrganizationId, suspended: bool) {
        let now = self.now();
        let expected = self.model.suspend(id, suspended, now);
        let form = OrganizationForm {
            suspended: Some(suspended.to_string()),
            ..OrganizationForm::default()
        };
        let command = UpdateOrganization::check(form).unwrap();
        let change = move |tx: &WriteTx<'_>| organizations::update(tx, id, &IfMatch::Any, &command);
        self.agree(expected, change).await;
    }

    async fn add_member(
        &mut self,
        id: OrganizationId,
        user: UserId,
        roles: Vec<RoleId>,
        expires_at: Option<Timestamp>,
    ) {
        let now = self.now();
        let expected = self.model.add_member(id, user, &roles, expires_at, now);
        let request = wire::AddMember {
            user_id: user,
            role_ids: Some(roles.clone()),
            public_metadata: None,
            expires_at,
        };
        let command = AddMember::check(request).unwrap();
        let added = self
            .world
            .change(move |tx| members::add(tx, id, &IfMatch::Any, &command))
            .await;
        if let Some(member) = agree(expected, added) {
            self.created.members.push((id, member.id));
            let held: Held = if roles.is_empty() {
                [(self.model.deployment_roles[1], None)].into()
            } else {
                roles.into_iter().map(|role| (role, None)).collect()
            };
            let organization = self.model.organization(id).unwrap();
            let new = Member {
                user,
                roles: held,
                expires_at,
                suspended_at: None,
            };
            organization.members.insert(member.id, new);
            organization.revision += 1;
        }
    }

    async fn update_member(&mut self, id: OrganizationId, member: MemberId, update: Update) {
        let change = MemberChange {
            roles: update.roles.map(|roles| self.roles(id, &roles)),
            expires_at: match update.end {
                Patch::Keep => Patch::Keep,
                Patch::Clear => Patch::Clear,
                Patch::Set(minutes) => Patch::Set(self.after(minutes)),
            },
            suspended: update.suspended,
        };
        let now = self.now();
        let expected = self.model.update_member(id, member, &change, now);
        let request = wire::UpdateMember {
            role_ids: change.roles,
            public_metadata: None,
            expires_at: change.expires_at,
            suspended: change.suspended,
        };
        let command = UpdateMember::check(request).unwrap();
        let change =
            move |tx: &WriteTx<'_>| members::update(tx, id, member, &IfMatch::Any, &command);
        self.agree(expected, change).await;
    }

    /// The server holds exactly what the model holds.
    async fn compare(&self) {
        for (id, expected) in &self.model.organizations {
            let (id, deployment) = (*id, self.world.deployment);
            let (details, revision) = self
                .world
                .guildhall
                .point(deployment, move |tx| organizations::details(tx, id))
                .await
                .unwrap();
            assert_eq!(revision.number, expected.revision);
            assert_eq!(details.organization.suspended_at, expected.suspended_at);
            assert_eq!(
                usize::try_from(details.organization.member_count),
                Ok(expected.members.len())
            );
            let own = details
                .roles
                .iter()
                .filter(|role| !role.is_deployment_level);
            let roles: BTreeMap<_, _> = own.map(|role| (role.id, role.name.clone())).collect();
            assert_eq!(roles, expected.roles);
            let list = self.world.guildhall.list(deployment, move |tx| {
                members::list(
                    tx,
                    id,
                    &MemberFilter::default(),
                    MemberSort::CreatedAt,
                    &page(Order::Ascending),
                )
            });
            let members: BTreeMap<_, _> = list
                .await
                .unwrap()
                .data
                .into_iter()
                .map(|member| {
                    let held = member.roles.iter();
                    let shown = Member {
                        user: member.user_id,
                        roles: held.map(|held| (held.role.id, held.expires_at)).collect(),
                        expires_at: member.expires_at,
                        suspended_at: member.suspended_at,
                    };
                    (member.id, shown)
                })
                .collect();
            assert_eq!(members, expected.members);
        }
        let report = guildhall_core::verify::verify(&self.world.guildhall, |_| {}).unwrap();
        assert!(report.findings.is_empty(), "{:#?}", report.findings);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_server_does_what_the_model_says(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut trial = Trial::new().await;
            for step in steps {
                trial.take(step).await;
            }
            trial.compare().await;
        });
    }
}
