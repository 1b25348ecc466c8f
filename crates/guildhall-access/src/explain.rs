//! Why a decision came out as it did, and what a member may do at all.

use std::{collections::BTreeMap, sync::Arc};

use guildhall_types::{Timestamp, ids::UserId};

use crate::{
    Decision, Demand, Membership, Moment, Reason, Role,
    membership::{End, Standing},
    moment::Held,
};

/// A decision with all that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The same decision that a check makes.
    pub decision: Decision,
    /// The user's membership, if there is one, whatever its state.
    pub membership: Option<Membership>,
    /// Each permission that was asked for, in that order.
    pub permissions: Vec<ExplainedPermission>,
}

/// How one permission that was asked for is held, or could be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedPermission {
    /// The permission, as asked.
    pub permission: String,
    /// Every way in which the user holds it now; empty when it is missing, or when the user is not let in.
    pub paths: Vec<Path>,
    /// When there is no path: the roles of the organization and of the deployment that give it.
    pub given_by: Vec<RoleSource>,
}

/// One way from a member to a permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The role that the member holds.
    pub role: RoleSource,
    /// The text of that role which gives the permission: itself, or a pattern.
    pub held: Arc<str>,
    /// When this way ends: with the membership or with the assignment, whichever is first.
    pub until: Option<Timestamp>,
}

/// A role, and where it is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSource {
    /// The role.
    pub role: Role,
    /// Whether it is the deployment's and not the organization's own.
    pub is_deployment_level: bool,
}

/// A permission text that a member holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectivePermission {
    /// The text as the roles hold it; a pattern stays a pattern.
    pub permission: Arc<str>,
    /// Every way in which the member holds it.
    pub paths: Vec<Path>,
}

impl Moment<'_> {
    /// The decision of [`check`](Self::check), with its ways and with what is missing.
    pub fn explain(&self, user: UserId, demand: &Demand<'_>) -> Explanation {
        let member = self.organization.member(user);
        let entered = self.enter(user, member);
        let reason = entered.map_or_else(|reason| reason, |standing| self.judge(standing, demand));
        let permissions = demand.permissions().iter();
        Explanation {
            decision: reason.into(),
            membership: member.map(|member| member.to_membership(user)),
            permissions: permissions
                .map(|permission| self.explain_permission(entered.ok(), permission))
                .collect(),
        }
    }

    /// All that `user` may do now, sorted by text; the reason, when the user is not let in.
    pub fn permissions_of(&self, user: UserId) -> Result<Vec<EffectivePermission>, Reason> {
        let standing = self.enter(user, self.organization.member(user))?;
        let mut by_text: BTreeMap<&Arc<str>, Vec<Path>> = BTreeMap::new();
        for (end, held) in self.held(standing) {
            for text in held.role.permissions.texts() {
                let paths = by_text.entry(text).or_default();
                paths.push(Path::new(standing, end, held, text));
            }
        }
        let permissions = by_text
            .into_iter()
            .map(|(text, paths)| EffectivePermission {
                permission: Arc::clone(text),
                paths,
            });
        Ok(permissions.collect())
    }

    fn explain_permission(
        &self,
        entered: Option<&Standing>,
        permission: &str,
    ) -> ExplainedPermission {
        let asked = self.asked(permission);
        let mut paths = Vec::new();
        if let Some(standing) = entered {
            for (end, held) in self.held(standing) {
                let granting = held.role.permissions.granting(asked);
                paths.extend(granting.map(|text| Path::new(standing, end, held, text)));
            }
        }
        let mut given_by = Vec::new();
        if paths.is_empty() {
            let giving = self
                .roles()
                .filter(|held| held.role.permissions.granting(asked).next().is_some());
            given_by.extend(giving.map(RoleSource::from));
        }
        ExplainedPermission {
            permission: permission.to_owned(),
            paths,
            given_by,
        }
    }
}

impl Path {
    fn new(standing: &Standing, end: End, held: Held<'_>, text: &Arc<str>) -> Self {
        Self {
            role: held.into(),
            held: Arc::clone(text),
            until: standing.end.min(end).to_time(),
        }
    }
}

impl From<Held<'_>> for RoleSource {
    fn from(held: Held<'_>) -> Self {
        Self {
            role: held.role.clone(),
            is_deployment_level: held.is_deployment_level,
        }
    }
}
