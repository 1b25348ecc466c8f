//! What the engine knows of a deployment: what holds in all of its organizations at once.

use std::{collections::BTreeSet, sync::Arc};

use guildhall_types::ids::{RoleId, UserId};

use crate::{Gap, Role, heap::text_bytes, role::Roles, run::Run, sorted_map::SortedMap};

/// The roles and users of a deployment as of one of its revisions.
///
/// A check combines it with an organization, so that a change of a deployment's role touches one value and no
/// organization.
#[derive(Clone, Debug)]
pub struct DeploymentSnapshot {
    revision: i64,
    roles: Roles,
    disabled: SortedMap<UserId, ()>,
    exact_only: Run<Arc<str>, ()>,
}

/// One entry of a deployment's ledger, as far as access is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeploymentChange {
    /// The role gives these permissions.
    RoleSet(Role),
    /// The role is gone; its id never comes back.
    RoleRemoved(RoleId),
    /// Whether the user is kept out of every organization.
    UserDisabled(UserId, bool),
    /// The user is gone; its memberships go by the ledgers of their organizations.
    UserRemoved(UserId),
    /// Nothing that decides about access; the revision moves all the same.
    Nothing,
}

impl DeploymentSnapshot {
    /// Begins the snapshot of a deployment as its tables are at `revision`.
    pub fn builder(revision: i64) -> DeploymentBuilder {
        DeploymentBuilder {
            revision,
            roles: Vec::new(),
            disabled: Vec::new(),
            exact_only: BTreeSet::new(),
        }
    }

    /// The revision whose state this is.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Bytes that the snapshot occupies, itself included.
    pub fn bytes(&self) -> usize {
        let texts = self.exact_only.iter();
        let texts: usize = texts.map(|(text, ())| text_bytes(text)).sum();
        let exact_only = self.exact_only.bytes() + texts;
        size_of::<Self>() + self.roles.bytes() + self.disabled.bytes() + exact_only
    }

    /// The deployment's role with this id.
    pub fn role(&self, id: RoleId) -> Option<&Role> {
        self.roles.get(id)
    }

    /// The deployment's roles, by id.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.iter()
    }

    /// Whether the user is kept out of every organization.
    pub fn is_disabled(&self, user: UserId) -> bool {
        self.disabled.get(&user).is_some()
    }

    /// The snapshot after `change`, which is the ledger's entry at `revision`.
    pub fn apply(&self, revision: i64, change: &DeploymentChange) -> Result<Self, Gap> {
        Gap::refuse(self.revision, revision)?;
        let mut next = Self {
            revision,
            ..self.clone()
        };
        match change {
            DeploymentChange::RoleSet(role) => next.roles = self.roles.with(role.clone()),
            DeploymentChange::RoleRemoved(role) => next.roles = self.roles.without(*role),
            DeploymentChange::UserDisabled(user, true) => {
                next.disabled = self.disabled.with(*user, ());
            }
            DeploymentChange::UserDisabled(user, false) | DeploymentChange::UserRemoved(user) => {
                next.disabled = self.disabled.without(user);
            }
            DeploymentChange::Nothing => {}
        }
        Ok(next)
    }

    pub(crate) fn is_exact_only(&self, permission: &str) -> bool {
        self.exact_only.get(permission).is_some()
    }

    /// Whether both decide the same about every membership.
    pub(crate) fn decides_as(&self, other: &Self) -> bool {
        self.roles.give_the_same_as(&other.roles)
            && self.disabled.is_shared_with(&other.disabled)
            && self.exact_only.is_shared_with(&other.exact_only)
    }
}

/// Collects the state of a deployment in any order; see [`DeploymentSnapshot::builder`].
#[derive(Debug)]
pub struct DeploymentBuilder {
    revision: i64,
    roles: Vec<Role>,
    disabled: Vec<UserId>,
    exact_only: BTreeSet<Arc<str>>,
}

impl DeploymentBuilder {
    /// Adds a role that members of every organization may hold.
    pub fn role(&mut self, role: Role) -> &mut Self {
        self.roles.push(role);
        self
    }

    /// Keeps a user out of every organization.
    pub fn disabled_user(&mut self, user: UserId) -> &mut Self {
        self.disabled.push(user);
        self
    }

    /// Makes a permission one that no pattern gives.
    pub fn exact_only(&mut self, permission: impl Into<Arc<str>>) -> &mut Self {
        self.exact_only.insert(permission.into());
        self
    }

    /// The snapshot of what was collected.
    pub fn finish(self) -> DeploymentSnapshot {
        let mut disabled = self.disabled;
        disabled.sort_unstable();
        disabled.dedup();
        DeploymentSnapshot {
            revision: self.revision,
            roles: self.roles.into_iter().collect(),
            disabled: disabled.into_iter().map(|user| (user, ())).collect(),
            exact_only: self.exact_only.into_iter().map(|text| (text, ())).collect(),
        }
    }
}
