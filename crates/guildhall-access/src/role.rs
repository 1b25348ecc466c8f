//! Roles, of one organization or of the deployment.

use std::sync::Arc;

use guildhall_types::ids::RoleId;

use crate::{
    PermissionSet,
    heap::{ARC_HEADER_BYTES, text_bytes},
    run::Run,
};

/// A named set of permissions. A clone shares name and permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The role's id; never given out twice.
    pub id: RoleId,
    /// Its name, for explanations; no decision reads it.
    pub name: Arc<str>,
    /// What it permits.
    pub permissions: Arc<PermissionSet>,
}

impl Role {
    /// A role of these permissions.
    pub fn new<T>(
        id: RoleId,
        name: impl Into<Arc<str>>,
        permissions: impl IntoIterator<Item = T>,
    ) -> Self
    where
        T: AsRef<str> + Into<Arc<str>>,
    {
        Self {
            id,
            name: name.into(),
            permissions: Arc::new(PermissionSet::new(permissions)),
        }
    }

    fn bytes(&self) -> usize {
        let permissions = ARC_HEADER_BYTES + size_of::<PermissionSet>() + self.permissions.bytes();
        text_bytes(&self.name) + permissions
    }
}

/// The roles of one level, by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roles {
    by_id: Run<RoleId, Role>,
    /// Of the roles themselves; those of the run are its own.
    roles_bytes: usize,
}

impl Roles {
    pub(crate) fn get(&self, id: RoleId) -> Option<&Role> {
        self.by_id.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Role> {
        self.by_id.items()
    }

    pub(crate) fn with(&self, role: Role) -> Self {
        Self::new(self.by_id.with(role.id, role))
    }

    pub(crate) fn without(&self, id: RoleId) -> Self {
        Self::new(self.by_id.without(&id))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.by_id.bytes() + self.roles_bytes
    }

    /// Whether both give the same permissions to whoever holds them; names may differ.
    pub(crate) fn give_the_same_as(&self, other: &Self) -> bool {
        self.by_id.is_shared_with(&other.by_id)
            || self.iter().map(given).eq(other.iter().map(given))
    }

    fn new(by_id: Run<RoleId, Role>) -> Self {
        let roles_bytes = by_id.items().map(Role::bytes).sum();
        Self { by_id, roles_bytes }
    }
}

/// Sets that are shared are not compared text by text: an `Arc` looks at the address first.
fn given(role: &Role) -> (RoleId, &Arc<PermissionSet>) {
    (role.id, &role.permissions)
}

impl FromIterator<Role> for Roles {
    /// In any order; of several with one id the last stays.
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        let by_id: std::collections::BTreeMap<_, _> =
            roles.into_iter().map(|role| (role.id, role)).collect();
        Self::new(by_id.into_iter().collect())
    }
}
