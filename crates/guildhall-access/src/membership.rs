//! Who belongs to an organization, and how.

use std::sync::Arc;

use guildhall_types::{
    Timestamp,
    ids::{MemberId, RoleId, UserId},
};

use crate::{heap::ARC_HEADER_BYTES, run::Key, sorted_map::SortedMap};

/// A role that a member holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Assignment {
    /// The role, of the organization or of the deployment. One that does not exist gives nothing.
    pub role_id: RoleId,
    /// From this moment on the assignment gives nothing.
    pub expires_at: Option<Timestamp>,
}

/// One user's membership of one organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The membership's own id.
    pub member_id: MemberId,
    /// Whose it is; a user has at most one in an organization.
    pub user_id: UserId,
    /// Whether it is set aside: it gives nothing and loses nothing.
    pub suspended: bool,
    /// From this moment on the membership gives nothing.
    pub expires_at: Option<Timestamp>,
    /// The roles it holds. Snapshots keep them by role id.
    pub roles: Vec<Assignment>,
}

/// What decides about a member, apart from who it is. Members of equal standing share one.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Standing {
    pub(crate) end: End,
    /// Sorted and each once, so that equal standings are equal values.
    pub(crate) roles: Box<[HeldRole]>,
    pub(crate) suspended: bool,
}

/// An assignment as a standing keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HeldRole {
    pub(crate) id: RoleId,
    pub(crate) end: End,
}

/// When something ends, in the eight bytes of the time itself: what never ends, ends at the end of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct End(Timestamp);

impl End {
    const NEVER: Self = Self(Timestamp::from_micros(i64::MAX));

    /// Whether what ends then is over at `now`: its last moment is the one before.
    pub(crate) fn is_past(self, now: Timestamp) -> bool {
        self.0 <= now && self != Self::NEVER
    }

    pub(crate) fn to_time(self) -> Option<Timestamp> {
        (self != Self::NEVER).then_some(self.0)
    }
}

impl From<Option<Timestamp>> for End {
    fn from(time: Option<Timestamp>) -> Self {
        time.map_or(Self::NEVER, Self)
    }
}

impl Standing {
    fn bytes(&self) -> usize {
        ARC_HEADER_BYTES + size_of::<Self>() + size_of_val(&*self.roles)
    }
}

impl From<Membership> for Standing {
    fn from(membership: Membership) -> Self {
        let held = |assignment: Assignment| HeldRole {
            id: assignment.role_id,
            end: assignment.expires_at.into(),
        };
        let mut roles: Vec<_> = membership.roles.into_iter().map(held).collect();
        roles.sort_unstable();
        roles.dedup();
        Self {
            end: membership.expires_at.into(),
            roles: roles.into(),
            suspended: membership.suspended,
        }
    }
}

impl Key for Arc<Standing> {
    fn guess(&self, _low: &Self, _high: &Self, _len: usize) -> Option<usize> {
        None
    }
}

/// A member as a snapshot keeps it under its user id: sixteen bytes beside eight of key.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: MemberId,
    pub(crate) standing: Arc<Standing>,
}

impl Member {
    pub(crate) fn to_membership(&self, user_id: UserId) -> Membership {
        let assignment = |held: &HeldRole| Assignment {
            role_id: held.id,
            expires_at: held.end.to_time(),
        };
        Membership {
            member_id: self.id,
            user_id,
            suspended: self.standing.suspended,
            expires_at: self.standing.end.to_time(),
            roles: self.standing.roles.iter().map(assignment).collect(),
        }
    }
}

/// The standings of an organization, each once, with the number of its members.
///
/// The members point to them. The table is there to find an equal one, and to know what they weigh.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standings {
    counts: SortedMap<Arc<Standing>, usize>,
    standings_bytes: usize,
}

impl Standings {
    /// The one value of this standing, with one member more.
    pub(crate) fn acquire(&mut self, standing: Standing) -> Arc<Standing> {
        let standing = Arc::new(standing);
        let (shared, count) = match self.counts.entry(&standing) {
            Some((held, count)) => (Arc::clone(held), count + 1),
            None => (standing, 1),
        };
        if count == 1 {
            self.standings_bytes += shared.bytes();
        }
        self.counts = self.counts.with(Arc::clone(&shared), count);
        shared
    }

    /// One member less; with the last one the standing goes.
    pub(crate) fn release(&mut self, standing: &Arc<Standing>) {
        match self.counts.get(standing).copied() {
            None => {}
            Some(1) => {
                self.standings_bytes -= standing.bytes();
                self.counts = self.counts.without(standing);
            }
            Some(count) => self.counts = self.counts.with(Arc::clone(standing), count - 1),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.counts.bytes() + self.standings_bytes
    }
}

impl FromIterator<(Arc<Standing>, usize)> for Standings {
    /// Each standing once, in any order.
    fn from_iter<I: IntoIterator<Item = (Arc<Standing>, usize)>>(counts: I) -> Self {
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable();
        Self {
            standings_bytes: counts.iter().map(|(standing, _)| standing.bytes()).sum(),
            counts: counts.into_iter().collect(),
        }
    }
}
