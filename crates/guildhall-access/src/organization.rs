//! What the engine knows of one organization, as of one revision.

use std::{collections::HashMap, fmt, sync::Arc};

use guildhall_types::ids::{OrganizationId, RoleId, UserId};

use crate::{
    Membership, Role,
    membership::{Member, Standing, Standings},
    role::Roles,
    sorted_map::SortedMap,
};

/// Everything about one organization that decides who may do what in it, as of one revision.
///
/// It never changes. [`apply`](Self::apply) answers the next one, which shares with this one all that stayed the
/// same; a clone shares everything.
#[derive(Clone, Debug)]
pub struct OrganizationSnapshot {
    id: OrganizationId,
    revision: i64,
    suspended: bool,
    roles: Roles,
    members: SortedMap<UserId, Member>,
    standings: Standings,
}

/// One entry of an organization's ledger, as far as access is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrganizationChange {
    /// The user is a member in this way, and in no other.
    MemberSet(Membership),
    /// The user is no member any more.
    MemberRemoved(UserId),
    /// The role gives these permissions.
    RoleSet(Role),
    /// The role is gone. Members may still hold it; it gives nothing, and its id never comes back.
    RoleRemoved(RoleId),
    /// Whether the whole organization is set aside.
    Suspended(bool),
    /// Nothing that decides about access; the revision moves all the same.
    Nothing,
}

/// A change that does not follow the snapshot that it was applied to: something in between is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The only revision that could have been applied.
    pub expected: i64,
    /// The one that came.
    pub found: i64,
}

impl Gap {
    pub(crate) fn refuse(current: i64, found: i64) -> Result<(), Self> {
        let expected = current.saturating_add(1);
        if found == expected {
            return Ok(());
        }
        Err(Self { expected, found })
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected, found } = self;
        write!(f, "revision {expected} is the next to apply, not {found}")
    }
}

impl std::error::Error for Gap {}

impl OrganizationSnapshot {
    /// Begins the snapshot of an organization as its tables are at `revision`.
    pub fn builder(id: OrganizationId, revision: i64) -> OrganizationBuilder {
        OrganizationBuilder {
            id,
            revision,
            suspended: false,
            roles: Vec::new(),
            members: Vec::new(),
            standings: HashMap::new(),
        }
    }

    /// The organization's id.
    pub fn id(&self) -> OrganizationId {
        self.id
    }

    /// The revision whose state this is.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Whether the whole organization is set aside.
    pub fn suspended(&self) -> bool {
        self.suspended
    }

    /// How many members it has, suspended and expired ones too.
    pub fn member_count(&self) -> usize {
        self.members.len()
    }

    /// Bytes that the snapshot occupies, itself included. What it shares with other snapshots counts in each of them.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.roles.bytes() + self.members.bytes() + self.standings.bytes()
    }

    /// The snapshot after `change`, which is the ledger's entry at `revision`.
    ///
    /// It copies a leaf of members, or the list of roles; never all members. Removing what is not there changes nothing.
    pub fn apply(&self, revision: i64, change: &OrganizationChange) -> Result<Self, Gap> {
        Gap::refuse(self.revision, revision)?;
        let mut next = Self {
            revision,
            ..self.clone()
        };
        match change {
            OrganizationChange::MemberSet(membership) => next.set_member(membership),
            OrganizationChange::MemberRemoved(user) => next.remove_member(*user),
            OrganizationChange::RoleSet(role) => next.roles = self.roles.with(role.clone()),
            OrganizationChange::RoleRemoved(role) => next.roles = self.roles.without(*role),
            OrganizationChange::Suspended(suspended) => next.suspended = *suspended,
            OrganizationChange::Nothing => {}
        }
        Ok(next)
    }

    /// The membership of `user`.
    pub fn membership(&self, user: UserId) -> Option<Membership> {
        Some(self.member(user)?.to_membership(user))
    }

    /// The memberships of the users above `after`, by user id.
    pub fn members_after(&self, after: Option<UserId>) -> impl Iterator<Item = Membership> {
        self.members
            .after(after.as_ref())
            .map(|(user, member)| member.to_membership(*user))
    }

    /// The organization's own roles, by id.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.iter()
    }

    pub(crate) fn member(&self, user: UserId) -> Option<&Member> {
        self.members.get(&user)
    }

    pub(crate) fn members(&self) -> &SortedMap<UserId, Member> {
        &self.members
    }

    pub(crate) fn own_roles(&self) -> &Roles {
        &self.roles
    }

    fn set_member(&mut self, membership: &Membership) {
        let user = membership.user_id;
        let old = self.member(user).cloned();
        let member = Member {
            id: membership.member_id,
            // Before the old one is released: a standing that stays the same is not taken apart.
            standing: self.standings.acquire(membership.clone().into()),
        };
        if let Some(old) = old {
            self.standings.release(&old.standing);
        }
        self.members = self.members.with(user, member);
    }

    fn remove_member(&mut self, user: UserId) {
        if let Some(old) = self.member(user).cloned() {
            self.standings.release(&old.standing);
            self.members = self.members.without(&user);
        }
    }
}

/// Collects the state of an organization in any order; see [`OrganizationSnapshot::builder`].
#[derive(Debug)]
pub struct OrganizationBuilder {
    id: OrganizationId,
    revision: i64,
    suspended: bool,
    roles: Vec<Role>,
    members: Vec<(UserId, Member)>,
    standings: HashMap<Arc<Standing>, usize>,
}

impl OrganizationBuilder {
    /// Whether the whole organization is set aside; it is not when this is not said.
    pub fn suspended(&mut self, suspended: bool) -> &mut Self {
        self.suspended = suspended;
        self
    }

    /// Adds a role of the organization's own.
    pub fn role(&mut self, role: Role) -> &mut Self {
        self.roles.push(role);
        self
    }

    /// Adds a member. Ascending user ids are fastest; of several memberships of one user the last stays.
    pub fn member(&mut self, membership: Membership) -> &mut Self {
        let (user, id) = (membership.user_id, membership.member_id);
        let standing = Standing::from(membership);
        let standing = match self.standings.get_key_value(&standing) {
            Some((held, _)) => Arc::clone(held),
            None => Arc::new(standing),
        };
        *self.standings.entry(Arc::clone(&standing)).or_default() += 1;
        self.members.push((user, Member { id, standing }));
        self
    }

    /// The snapshot of what was collected.
    pub fn finish(self) -> OrganizationSnapshot {
        let Self {
            mut members,
            mut standings,
            ..
        } = self;
        if !members.is_sorted_by_key(|(user, _)| *user) {
            members.sort_by_key(|(user, _)| *user);
        }
        members.dedup_by(|later, earlier| {
            let is_repeated = later.0 == earlier.0;
            if is_repeated {
                std::mem::swap(later, earlier);
                if let Some(count) = standings.get_mut(&later.1.standing) {
                    *count -= 1;
                }
            }
            is_repeated
        });
        standings.retain(|_, count| *count > 0);
        OrganizationSnapshot {
            id: self.id,
            revision: self.revision,
            suspended: self.suspended,
            roles: self.roles.into_iter().collect(),
            members: members.into_iter().collect(),
            standings: standings.into_iter().collect(),
        }
    }
}
