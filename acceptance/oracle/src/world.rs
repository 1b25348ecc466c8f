//! A random world as plain data, from which each engine is given its own form of it.

use guildhall_access::{
    Assignment, DeploymentChange, DeploymentSnapshot, Membership, OrganizationChange,
    OrganizationSnapshot,
};
use guildhall_types::{
    Timestamp,
    ids::{MemberId, OrganizationId, RoleId, UserId},
};

use crate::rng::Rng;

/// Who is asked about; each is a member or not.
pub(crate) const USERS: i64 = 14;
pub(crate) const ROLES: i64 = 9;

/// Times are few, so that some end exactly when a check is made.
pub(crate) const TIMES: [i64; 5] = [100, 101, 102, 103, 104];

/// With what a language of policies might trip over: quotes, stars that are no wildcards, letters of several bytes.
const SEGMENTS: [&str; 12] = [
    "documents",
    "invoices",
    "read",
    "write",
    "a",
    "",
    "doc*",
    "**",
    "\"",
    "\\",
    "é",
    "läuft",
];

/// The roles that every deployment of a server begins with, by what each permits. It has no others.
const DEPLOYMENT_ROLES: [&str; 2] = ["organization:admin", "organization:member"];

/// One organization of one deployment.
#[derive(Clone, Debug)]
pub struct World {
    /// Whether the organization is set aside.
    pub suspended: bool,
    /// All roles, of both levels.
    pub roles: Vec<Role>,
    /// The members; users that are not among them are asked about too.
    pub members: Vec<Member>,
    /// Users kept out of every organization.
    pub disabled: Vec<i64>,
    /// Permissions that no pattern gives.
    pub exact_only: Vec<String>,
}

/// A role of the world.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its id, unique over both levels.
    pub id: i64,
    /// Whether it is the deployment's.
    pub is_deployment_level: bool,
    /// What it permits.
    pub texts: Vec<String>,
}

/// A member of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The user.
    pub user: i64,
    /// Whether the membership is set aside.
    pub suspended: bool,
    /// When it ends.
    pub end: Option<i64>,
    /// Roles held, each once, and when each ends. Some do not exist.
    pub roles: Vec<(i64, Option<i64>)>,
}

/// A question to the world.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who.
    pub user: i64,
    /// Whether all of the permissions are needed, or one.
    pub is_all: bool,
    /// What; never nothing.
    pub permissions: Vec<String>,
    /// When.
    pub now: i64,
}

impl World {
    /// The world of this seed.
    #[must_use]
    pub fn random(rng: &mut Rng) -> Self {
        let roles = (1..=ROLES).filter(|_| rng.percent(80)).collect::<Vec<_>>();
        let roles = roles.into_iter().map(|id| Role {
            id,
            is_deployment_level: rng.percent(30),
            texts: (0..rng.below(5)).map(|_| text(rng)).collect(),
        });
        let roles: Vec<_> = roles.collect();
        let members = (1..=USERS).filter(|_| rng.percent(85)).collect::<Vec<_>>();
        let members = members.into_iter().map(|user| member(rng, user)).collect();
        let disabled = (1..=USERS).filter(|_| rng.percent(8)).collect();
        let exact_only = (0..rng.below(3)).map(|_| asked(rng, &roles)).collect();
        Self {
            suspended: rng.percent(4),
            roles,
            members,
            disabled,
            exact_only,
        }
    }

    /// A world near this one that can be told to a server: its deployment has the roles that every deployment has, no role
    /// holds the empty text, and nothing is exact-only, for which there is no request yet.
    #[must_use]
    pub fn fit_for_a_server(mut self) -> Self {
        let mut deployments = DEPLOYMENT_ROLES.into_iter();
        for role in &mut self.roles {
            role.texts.retain(|text| !text.is_empty());
            if role.is_deployment_level {
                match deployments.next() {
                    Some(text) => role.texts = vec![text.to_owned()],
                    None => role.is_deployment_level = false,
                }
            }
        }
        self.exact_only.clear();
        self
    }

    /// A question whose answer is not plain.
    #[must_use]
    pub fn question(&self, rng: &mut Rng) -> Question {
        let count = [1, 1, 1, 2, 3][rng.below(5)];
        Question {
            user: rng.between(1, USERS),
            is_all: rng.percent(50),
            permissions: (0..count).map(|_| asked(rng, &self.roles)).collect(),
            now: *rng.one_of(&TIMES),
        }
    }

    /// The organization, from its tables.
    #[must_use]
    pub fn organization(&self) -> OrganizationSnapshot {
        let mut builder = OrganizationSnapshot::builder(OrganizationId::new(1).unwrap(), 1);
        builder.suspended(self.suspended);
        for role in self.roles.iter().filter(|role| !role.is_deployment_level) {
            builder.role(role.to_access());
        }
        for member in &self.members {
            builder.member(member.to_access());
        }
        builder.finish()
    }

    /// The deployment, from its tables.
    #[must_use]
    pub fn deployment(&self) -> DeploymentSnapshot {
        let mut builder = DeploymentSnapshot::builder(1);
        for role in self.roles.iter().filter(|role| role.is_deployment_level) {
            builder.role(role.to_access());
        }
        for user in &self.disabled {
            builder.disabled_user(user_id(*user));
        }
        for permission in &self.exact_only {
            builder.exact_only(permission.as_str());
        }
        builder.finish()
    }

    /// The same organization, reached from another world by the changes that lie between.
    ///
    /// # Panics
    ///
    /// When a change does not apply.
    #[must_use]
    pub fn organization_from(&self, other: &Self) -> OrganizationSnapshot {
        let mut changes = vec![OrganizationChange::Suspended(self.suspended)];
        let own = |role: &&Role| !role.is_deployment_level;
        for role in other.roles.iter().filter(own) {
            changes.push(OrganizationChange::RoleRemoved(role_id(role.id)));
        }
        for role in self.roles.iter().filter(own) {
            changes.push(OrganizationChange::RoleSet(role.to_access()));
        }
        for member in &other.members {
            if !self.members.iter().any(|kept| kept.user == member.user) {
                changes.push(OrganizationChange::MemberRemoved(user_id(member.user)));
            }
        }
        for member in &self.members {
            changes.push(OrganizationChange::MemberSet(member.to_access()));
        }
        let start = other.organization();
        changes.iter().fold(start, |snapshot, change| {
            snapshot.apply(snapshot.revision() + 1, change).unwrap()
        })
    }

    /// The same deployment, reached from another world by the changes that lie between. What is exact-only does not
    /// change by a ledger yet.
    ///
    /// # Panics
    ///
    /// When a change does not apply.
    #[must_use]
    pub fn deployment_from(&self, other: &Self) -> DeploymentSnapshot {
        let mut changes = Vec::new();
        let deployments = |role: &&Role| role.is_deployment_level;
        for role in other.roles.iter().filter(deployments) {
            changes.push(DeploymentChange::RoleRemoved(role_id(role.id)));
        }
        for role in self.roles.iter().filter(deployments) {
            changes.push(DeploymentChange::RoleSet(role.to_access()));
        }
        for user in 1..=USERS {
            let is_disabled = self.disabled.contains(&user);
            changes.push(DeploymentChange::UserDisabled(user_id(user), is_disabled));
        }
        let start = Self {
            exact_only: self.exact_only.clone(),
            ..other.clone()
        };
        changes.iter().fold(start.deployment(), |snapshot, change| {
            snapshot.apply(snapshot.revision() + 1, change).unwrap()
        })
    }
}

impl Question {
    /// Whether a server takes it: there is no permission without a character.
    pub(crate) fn is_fit_for_a_server(&self) -> bool {
        !self.permissions.iter().any(String::is_empty)
    }

    /// Whether it is answered with yes when exactly the permissions that `is_held` accepts are held.
    pub(crate) fn is_met(&self, is_held: impl FnMut(&String) -> bool) -> bool {
        let mut permissions = self.permissions.iter();
        if self.is_all {
            permissions.all(is_held)
        } else {
            permissions.any(is_held)
        }
    }
}

impl Role {
    fn to_access(&self) -> guildhall_access::Role {
        let texts = self.texts.iter().map(String::as_str);
        guildhall_access::Role::new(role_id(self.id), format!("role {}", self.id), texts)
    }
}

impl Member {
    fn to_access(&self) -> Membership {
        let roles = self.roles.iter().map(|(role, end)| Assignment {
            role_id: role_id(*role),
            expires_at: end.map(Timestamp::from_micros),
        });
        Membership {
            member_id: MemberId::new(self.user + 1_000).unwrap(),
            user_id: user_id(self.user),
            suspended: self.suspended,
            expires_at: self.end.map(Timestamp::from_micros),
            roles: roles.collect(),
        }
    }
}

/// The id of a user.
///
/// # Panics
///
/// When it is no id.
#[must_use]
pub fn user_id(raw: i64) -> UserId {
    UserId::new(raw).unwrap()
}

fn role_id(raw: i64) -> RoleId {
    RoleId::new(raw).unwrap()
}

fn member(rng: &mut Rng, user: i64) -> Member {
    let suspended = rng.percent(6);
    let end = rng.percent(12).then(|| *rng.one_of(&TIMES));
    let roles = (1..=ROLES).filter(|_| rng.percent(25)).collect::<Vec<_>>();
    let roles = roles.into_iter().map(|role| {
        let end = rng.percent(30).then(|| *rng.one_of(&TIMES));
        (role, end)
    });
    Member {
        user,
        suspended,
        end,
        roles: roles.collect(),
    }
}

/// What a role may hold: one to four segments, some of them wildcards.
fn text(rng: &mut Rng) -> String {
    let segments = (0..=rng.below(4)).map(|_| {
        if rng.percent(30) {
            "*"
        } else {
            *rng.one_of(&SEGMENTS)
        }
    });
    segments.collect::<Vec<_>>().join(":")
}

/// What may be asked for: mostly what some role gives, or almost.
fn asked(rng: &mut Rng, roles: &[Role]) -> String {
    let texts: Vec<_> = roles.iter().flat_map(|role| &role.texts).collect();
    if texts.is_empty() || rng.percent(15) {
        return text(rng);
    }
    let held = rng.one_of(&texts).as_str();
    let mut segments: Vec<&str> = Vec::new();
    for segment in held.split(':') {
        let repeated = if segment == "*" { rng.below(3) } else { 1 };
        for _ in 0..repeated {
            let is_other = segment == "*" || rng.percent(5);
            segments.push(if is_other {
                *rng.one_of::<&str>(&SEGMENTS)
            } else {
                segment
            });
        }
    }
    segments.join(":")
}
