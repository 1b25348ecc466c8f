//! The engine once more, slow and plain: lists of facts, and every question answered by looking through all of them.

use std::collections::{BTreeMap, BTreeSet};

use guildhall_access::{
    Demand, DeploymentChange, DeploymentSnapshot, Membership, OrganizationChange,
    OrganizationSnapshot, Reason, Role,
};
use guildhall_types::{Timestamp, ids::OrganizationId};

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) suspended: bool,
    pub(crate) members: BTreeMap<i64, Membership>,
    pub(crate) own_roles: BTreeMap<i64, Role>,
    pub(crate) deployment_roles: BTreeMap<i64, Role>,
    pub(crate) disabled: BTreeSet<i64>,
    pub(crate) exact_only: BTreeSet<String>,
}

impl Model {
    pub(crate) fn change(&mut self, change: &OrganizationChange) {
        match change {
            OrganizationChange::MemberSet(member) => {
                self.members.insert(member.user_id.raw(), member.clone());
            }
            OrganizationChange::MemberRemoved(user) => {
                self.members.remove(&user.raw());
            }
            OrganizationChange::RoleSet(role) => {
                self.own_roles.insert(role.id.raw(), role.clone());
            }
            OrganizationChange::RoleRemoved(role) => {
                self.own_roles.remove(&role.raw());
            }
            OrganizationChange::Suspended(suspended) => self.suspended = *suspended,
            OrganizationChange::Nothing => {}
        }
    }

    pub(crate) fn change_deployment(&mut self, change: &DeploymentChange) {
        match change {
            DeploymentChange::RoleSet(role) => {
                self.deployment_roles.insert(role.id.raw(), role.clone());
            }
            DeploymentChange::RoleRemoved(role) => {
                self.deployment_roles.remove(&role.raw());
            }
            DeploymentChange::UserDisabled(user, true) => {
                self.disabled.insert(user.raw());
            }
            DeploymentChange::UserDisabled(user, false) | DeploymentChange::UserRemoved(user) => {
                self.disabled.remove(&user.raw());
            }
            DeploymentChange::Nothing => {}
        }
    }

    pub(crate) fn organization(&self, revision: i64) -> OrganizationSnapshot {
        let id = OrganizationId::new(7).unwrap();
        let mut builder = OrganizationSnapshot::builder(id, revision);
        builder.suspended(self.suspended);
        // From the end: a builder takes members in any order.
        for member in self.members.values().rev() {
            builder.member(member.clone());
        }
        for role in self.own_roles.values().rev() {
            builder.role(role.clone());
        }
        builder.finish()
    }

    pub(crate) fn deployment(&self, revision: i64) -> DeploymentSnapshot {
        let mut builder = DeploymentSnapshot::builder(revision);
        for role in self.deployment_roles.values() {
            builder.role(role.clone());
        }
        for user in &self.disabled {
            builder.disabled_user(crate::make::user(*user));
        }
        for permission in &self.exact_only {
            builder.exact_only(permission.as_str());
        }
        builder.finish()
    }

    pub(crate) fn decide(&self, user: i64, demand: &Demand<'_>, now: Timestamp) -> Reason {
        let texts = match self.texts(user, now) {
            Err(reason) => return reason,
            Ok(texts) => texts,
        };
        let has = |asked: &&&str| texts.iter().any(|held| self.gives(held, asked));
        let (asked, given) = match demand {
            Demand::All(asked) => (asked.len(), asked.iter().filter(has).count()),
            Demand::Any(asked) => (asked.len().min(1), asked.iter().filter(has).count().min(1)),
        };
        if asked > 0 && given == asked {
            Reason::Granted
        } else {
            Reason::MissingPermission
        }
    }

    pub(crate) fn gives(&self, held: &str, asked: &str) -> bool {
        let held_segments: Vec<_> = held.split(':').collect();
        if self.exact_only.contains(asked) {
            return held == asked && !held_segments.contains(&"*");
        }
        is_like(&held_segments, &asked.split(':').collect::<Vec<_>>())
    }

    /// The texts that the user holds.
    pub(crate) fn texts(&self, user: i64, now: Timestamp) -> Result<BTreeSet<String>, Reason> {
        let over = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
        let member = self.members.get(&user);
        let doors = [
            (self.suspended, Reason::OrganizationSuspended),
            (member.is_none(), Reason::NotAMember),
            (self.disabled.contains(&user), Reason::UserDisabled),
            (
                member.is_some_and(|member| member.suspended),
                Reason::MembershipSuspended,
            ),
            (
                member.is_some_and(|member| over(member.expires_at)),
                Reason::MembershipExpired,
            ),
        ];
        if let Some((_, reason)) = doors.into_iter().find(|(closed, _)| *closed) {
            return Err(reason);
        }
        let mut texts = BTreeSet::new();
        for assignment in member.iter().flat_map(|member| &member.roles) {
            let id = assignment.role_id.raw();
            let role = self.own_roles.get(&id).or(self.deployment_roles.get(&id));
            if !over(assignment.expires_at) {
                texts.extend(
                    role.iter()
                        .flat_map(|role| role.permissions.iter().map(str::to_owned)),
                );
            }
        }
        Ok(texts)
    }
}

/// The rules of patterns, read one segment at a time from the left.
pub(crate) fn is_like(held: &[&str], asked: &[&str]) -> bool {
    match (held, asked) {
        ([], []) | (["*"], [_, ..]) => true,
        (["*", held @ ..], [_, asked @ ..]) => is_like(held, asked),
        ([first, held @ ..], [same, asked @ ..]) => first == same && is_like(held, asked),
        _ => false,
    }
}
