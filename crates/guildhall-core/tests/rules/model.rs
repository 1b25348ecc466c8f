//! Any sequence of commands, against a plain model in memory: the same answers, the same state.

use std::collections::{BTreeMap, BTreeSet};

use guildhall_core::members::{self, MemberFilter, MemberSort, UpdateMember};
use guildhall_core::roles::{self, UpdateRole};
use guildhall_core::{Order, Recorded, Refusal, WriteTx, organizations, users};
use guildhall_types::ids::{MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::members as wire;
use guildhall_types::{ErrorCode, IfMatch};
use proptest::prelude::*;

use crate::world::{World, page};

/// A command; the numbers choose among everything that was ever created, living or gone.
#[derive(Clone, Debug)]
enum Step {
    CreateOrganization,
    DeleteOrganization(usize),
    CreateUser,
    DeleteUser(usize),
    CreateRole {
        organization: usize,
        name: usize,
    },
    RenameRole {
        organization: usize,
        role: usize,
        name: usize,
    },
    DeleteRole {
        organization: usize,
        role: usize,
    },
    AddMember {
        organization: usize,
        user: usize,
        roles: Vec<usize>,
    },
    SetRoles {
        organization: usize,
        member: usize,
        roles: Vec<usize>,
    },
    AssignRole {
        organization: usize,
        member: usize,
        role: usize,
    },
    UnassignRole {
        organization: usize,
        member: usize,
        role: usize,
    },
    RemoveMember {
        organization: usize,
        member: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let some = || 0..6_usize;
    let roles = || proptest::collection::vec(some(), 0..3);
    prop_oneof![
        2 => Just(Step::CreateOrganization),
        1 => some().prop_map(Step::DeleteOrganization),
        3 => Just(Step::CreateUser),
        1 => some().prop_map(Step::DeleteUser),
        4 => (some(), 0..3_usize).prop_map(|(organization, name)| Step::CreateRole { organization, name }),
        2 => (some(), some(), 0..3_usize)
            .prop_map(|(organization, role, name)| Step::RenameRole { organization, role, name }),
        2 => (some(), some()).prop_map(|(organization, role)| Step::DeleteRole { organization, role }),
        6 => (some(), some(), roles())
            .prop_map(|(organization, user, roles)| Step::AddMember { organization, user, roles }),
        4 => (some(), some(), roles())
            .prop_map(|(organization, member, roles)| Step::SetRoles { organization, member, roles }),
        4 => (some(), some(), some())
            .prop_map(|(organization, member, role)| Step::AssignRole { organization, member, role }),
        4 => (some(), some(), some())
            .prop_map(|(organization, member, role)| Step::UnassignRole { organization, member, role }),
        2 => (some(), some()).prop_map(|(organization, member)| Step::RemoveMember { organization, member }),
    ]
}

/// Spellings that differ only in case are one name.
const NAMES: [&str; 3] = ["Owner", "OWNER", "Élève"];

#[derive(Debug, Default)]
struct Organization {
    revision: i64,
    roles: BTreeMap<RoleId, String>,
    members: BTreeMap<MemberId, (UserId, BTreeSet<RoleId>)>,
}

/// What the server should hold.
#[derive(Debug, Default)]
struct Model {
    organizations: BTreeMap<OrganizationId, Organization>,
    users: BTreeSet<UserId>,
    deployment_roles: Vec<RoleId>,
}

/// Everything that was ever created, in order: what the numbers of a step choose from.
#[derive(Debug, Default)]
struct Created {
    organizations: Vec<OrganizationId>,
    users: Vec<UserId>,
    roles: Vec<RoleId>,
    members: Vec<MemberId>,
}

fn pick<T: Copy>(from: &[T], index: usize) -> Option<T> {
    (!from.is_empty()).then(|| from[index % from.len()])
}

type Expected<T> = Result<T, ErrorCode>;

impl Model {
    fn organization(&mut self, id: OrganizationId) -> Expected<&mut Organization> {
        self.organizations
            .get_mut(&id)
            .ok_or(ErrorCode::OrganizationNotFound)
    }

    fn fits(&self, organization: OrganizationId, role: RoleId) -> bool {
        self.deployment_roles.contains(&role)
            || self.organizations[&organization].roles.contains_key(&role)
    }

    fn create_role(&mut self, id: OrganizationId, name: &str) -> Expected<()> {
        let organization = self.organization(id)?;
        let same = |other: &String| other.to_lowercase() == name.to_lowercase();
        if organization.roles.values().any(same) {
            Err(ErrorCode::RoleNameTaken)
        } else {
            Ok(())
        }
    }

    fn rename_role(&mut self, id: OrganizationId, role: RoleId, name: &str) -> Expected<()> {
        let organization = self.organization(id)?;
        let current = organization
            .roles
            .get(&role)
            .ok_or(ErrorCode::RoleNotFound)?;
        if current == name {
            return Ok(());
        }
        let same = |(other, theirs): (&RoleId, &String)| {
            *other != role && theirs.to_lowercase() == name.to_lowercase()
        };
        if organization.roles.iter().any(same) {
            return Err(ErrorCode::RoleNameTaken);
        }
        organization.roles.insert(role, name.to_owned());
        organization.revision += 1;
        Ok(())
    }

    fn delete_role(&mut self, id: OrganizationId, role: RoleId) -> Expected<()> {
        let organization = self.organization(id)?;
        organization
            .roles
            .remove(&role)
            .ok_or(ErrorCode::RoleNotFound)?;
        organization.members.values_mut().for_each(|(_, roles)| {
            roles.remove(&role);
        });
        organization.revision += 1;
        Ok(())
    }

    fn add_member(&mut self, id: OrganizationId, user: UserId, roles: &[RoleId]) -> Expected<()> {
        self.organization(id)?;
        if !self.users.contains(&user) {
            return Err(ErrorCode::UserNotFound);
        }
        if self.organizations[&id]
            .members
            .values()
            .any(|(member, _)| *member == user)
        {
            return Err(ErrorCode::MemberExists);
        }
        if roles.iter().all(|role| self.fits(id, *role)) {
            Ok(())
        } else {
            Err(ErrorCode::RoleNotFound)
        }
    }

    fn set_roles(
        &mut self,
        id: OrganizationId,
        member: MemberId,
        roles: BTreeSet<RoleId>,
    ) -> Expected<()> {
        let held = &self
            .organization(id)?
            .members
            .get(&member)
            .ok_or(ErrorCode::MemberNotFound)?
            .1;
        if *held == roles {
            return Ok(());
        }
        if !roles.iter().all(|role| self.fits(id, *role)) {
            return Err(ErrorCode::RoleNotFound);
        }
        let organization = self.organization(id)?;
        organization.revision += 1;
        organization.members.get_mut(&member).unwrap().1 = roles;
        Ok(())
    }

    fn unassign(&mut self, id: OrganizationId, member: MemberId, role: RoleId) -> Expected<()> {
        let held = self
            .organization(id)?
            .members
            .get(&member)
            .ok_or(ErrorCode::MemberNotFound)?
            .1
            .clone();
        if !self.fits(id, role) {
            return Err(ErrorCode::RoleNotFound);
        }
        if !held.contains(&role) {
            return Err(ErrorCode::RoleNotAssigned);
        }
        self.set_roles(
            id,
            member,
            held.into_iter().filter(|other| *other != role).collect(),
        )
    }

    fn assign(&mut self, id: OrganizationId, member: MemberId, role: RoleId) -> Expected<()> {
        let mut roles = self
            .organization(id)?
            .members
            .get(&member)
            .ok_or(ErrorCode::MemberNotFound)?
            .1
            .clone();
        roles.insert(role);
        self.set_roles(id, member, roles)
    }

    fn remove_member(&mut self, id: OrganizationId, member: MemberId) -> Expected<()> {
        let organization = self.organization(id)?;
        organization
            .members
            .remove(&member)
            .ok_or(ErrorCode::MemberNotFound)?;
        organization.revision += 1;
        Ok(())
    }

    fn delete_user(&mut self, user: UserId) -> Expected<()> {
        if !self.users.remove(&user) {
            return Err(ErrorCode::UserNotFound);
        }
        for organization in self.organizations.values_mut() {
            let before = organization.members.len();
            organization
                .members
                .retain(|_, (member, _)| *member != user);
            organization.revision += i64::from(organization.members.len() < before);
        }
        Ok(())
    }
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
            .unwrap();
        let deployment_roles: Vec<RoleId> = page.data.iter().map(|role| role.role.id).collect();
        let created = Created {
            roles: deployment_roles.clone(),
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

    fn role(&self, index: usize) -> RoleId {
        pick(&self.created.roles, index).unwrap_or(RoleId::new(1).unwrap())
    }

    fn member(&self, index: usize) -> MemberId {
        pick(&self.created.members, index).unwrap_or(MemberId::new(1).unwrap())
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
            Step::CreateRole { organization, name } => {
                self.create_role(self.organization(organization), NAMES[name])
                    .await;
            }
            Step::RenameRole {
                organization,
                role,
                name,
            } => {
                let (id, role) = (self.organization(organization), self.role(role));
                self.rename_role(id, role, NAMES[name]).await;
            }
            Step::DeleteRole { organization, role } => {
                let (id, role) = (self.organization(organization), self.role(role));
                let expected = self.model.delete_role(id, role);
                self.agree(expected, move |tx| {
                    roles::delete(tx, id, role, &IfMatch::Any)
                })
                .await;
            }
            step => self.take_of_member(step).await,
        }
    }

    async fn take_of_member(&mut self, step: Step) {
        match step {
            Step::AddMember {
                organization,
                user,
                roles,
            } => {
                let roles: Vec<RoleId> = roles.into_iter().map(|role| self.role(role)).collect();
                self.add_member(self.organization(organization), self.user(user), roles)
                    .await;
            }
            Step::SetRoles {
                organization,
                member,
                roles,
            } => {
                let roles: Vec<RoleId> = roles.into_iter().map(|role| self.role(role)).collect();
                self.set_roles(self.organization(organization), self.member(member), roles)
                    .await;
            }
            Step::AssignRole {
                organization,
                member,
                role,
            } => {
                let (id, member) = (self.organization(organization), self.member(member));
                self.assign_role(id, member, self.role(role)).await;
            }
            Step::UnassignRole {
                organization,
                member,
                role,
            } => {
                let (id, member, role) = (
                    self.organization(organization),
                    self.member(member),
                    self.role(role),
                );
                let expected = self.model.unassign(id, member, role);
                let change = move |tx: &WriteTx<'_>| {
                    members::unassign_role(tx, id, member, role, &IfMatch::Any)
                };
                self.agree(expected, change).await;
            }
            Step::RemoveMember {
                organization,
                member,
            } => {
                let (id, member) = (self.organization(organization), self.member(member));
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
            self.created.roles.push(role.id);
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

    async fn add_member(&mut self, id: OrganizationId, user: UserId, roles: Vec<RoleId>) {
        let expected = self.model.add_member(id, user, &roles);
        if let Some(member) = agree(expected, self.world.member(id, user, &roles).await) {
            self.created.members.push(member.id);
            let default = self.model.deployment_roles[1];
            let held = if roles.is_empty() {
                [default].into()
            } else {
                roles.into_iter().collect()
            };
            let organization = self.model.organization(id).unwrap();
            organization.members.insert(member.id, (user, held));
            organization.revision += 1;
        }
    }

    async fn set_roles(&mut self, id: OrganizationId, member: MemberId, roles: Vec<RoleId>) {
        let expected = self
            .model
            .set_roles(id, member, roles.iter().copied().collect());
        let request = wire::UpdateMember {
            role_ids: Some(roles),
            ..wire::UpdateMember::default()
        };
        let command = UpdateMember::check(request).unwrap();
        let change =
            move |tx: &WriteTx<'_>| members::update(tx, id, member, &IfMatch::Any, &command);
        self.agree(expected, change).await;
    }

    async fn assign_role(&mut self, id: OrganizationId, member: MemberId, role: RoleId) {
        let expected = self.model.assign(id, member, role);
        let request = wire::AssignRole::default();
        let change = move |tx: &WriteTx<'_>| {
            members::assign_role(tx, id, member, role, request, &IfMatch::Any)
        };
        self.agree(expected, change).await;
    }

    /// The server holds exactly what the model holds.
    async fn compare(&self) {
        for (id, expected) in &self.model.organizations {
            let (id, deployment) = (*id, self.world.deployment);
            let (details, revision) = self
                .world
                .guildhall
                .point(deployment, |tx| organizations::details(tx, id))
                .unwrap();
            assert_eq!(revision.number, expected.revision);
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
                    (
                        member.id,
                        (
                            member.user_id,
                            member.roles.iter().map(|held| held.role.id).collect(),
                        ),
                    )
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
