//! What a change does to the access in one organization: the answer of a dry run.

use std::collections::HashMap;
use std::sync::Arc;

use guildhall_access::{
    DeploymentSnapshot, MemberDiff, Moment, OrganizationChange, OrganizationSnapshot, diff,
};
use guildhall_types::dry_run::{AccessChange, AccessDifference, PermissionCount};
use guildhall_types::ids::{DeploymentId, OrganizationId};
use guildhall_types::limits::{DRY_RUN_PAGE_PERMISSIONS_MAX, DRY_RUN_PERMISSIONS_MAX};
use guildhall_types::{Page, Timestamp};

use super::news::{Effect, News};
use crate::cursor::{Binding, Cursor, Key};
use crate::idempotency::Fingerprint;
use crate::paging::PageRequest;
use crate::refusal::Refusal;

/// Members from which on a difference is no work for an async thread: each costs a tenth of a microsecond.
const MEMBERS_QUICK_MAX: usize = 1_000;

/// An organization before and after a change, at one moment.
#[derive(Debug)]
pub struct Difference {
    deployment_id: DeploymentId,
    deployment: Arc<DeploymentSnapshot>,
    before: OrganizationSnapshot,
    after: OrganizationSnapshot,
    now: Timestamp,
}

/// What a difference is made from.
#[derive(Debug)]
pub(crate) struct Course {
    /// The organization as it was once.
    pub(crate) base: OrganizationSnapshot,
    /// What happened to it since.
    pub(crate) missed: Vec<News>,
    /// What the change does to it.
    pub(crate) own: Vec<News>,
    /// When.
    pub(crate) now: Timestamp,
}

impl Difference {
    pub(crate) fn new(
        deployment_id: DeploymentId,
        deployment: Arc<DeploymentSnapshot>,
        course: Course,
    ) -> Result<Self, Refusal> {
        let before = fold(course.base, &course.missed)?;
        Ok(Self {
            deployment_id,
            deployment,
            after: fold(before.clone(), &course.own)?,
            before,
            now: course.now,
        })
    }

    /// Whether looking through it is too much for an async thread.
    pub fn is_large(&self) -> bool {
        self.before.member_count().max(self.after.member_count()) > MEMBERS_QUICK_MAX
    }

    /// The counts over all members, and one page of them. `change` tells the change from others: a cursor belongs to it.
    pub fn page(
        &self,
        change: &Fingerprint,
        request: &PageRequest,
    ) -> Result<AccessDifference, Refusal> {
        let binding = Binding::new(self.deployment_id, &("dry_run", change));
        let after = request.cursor(|| binding)?.map(|cursor| cursor.id);
        let (mut gained, mut lost) = (Counts::default(), Counts::default());
        let (mut total, mut page) = (0, Selection::new(request));
        for change in diff(&self.moment(&self.before), &self.moment(&self.after), None) {
            total += 1;
            gained.add(&change.gained);
            lost.add(&change.lost);
            if after.is_none_or(|after| change.user_id.raw() > after) {
                page.add(change);
            }
        }
        let (gained, lost) = (gained.sum(), lost.sum());
        Ok(AccessDifference {
            members_gaining: gained.members,
            members_losing: lost.members,
            permissions_gained: gained.permissions,
            permissions_lost: lost.permissions,
            gained: gained.most,
            lost: lost.most,
            changes: page.finish(total, binding),
        })
    }

    fn moment<'a>(&'a self, organization: &'a OrganizationSnapshot) -> Moment<'a> {
        Moment {
            organization,
            deployment: &self.deployment,
            now: self.now,
        }
    }
}

/// An organization that nobody is a member of.
pub(crate) fn empty(id: OrganizationId, revision: i64) -> OrganizationSnapshot {
    OrganizationSnapshot::builder(id, revision).finish()
}

fn fold(
    mut snapshot: OrganizationSnapshot,
    news: &[News],
) -> Result<OrganizationSnapshot, Refusal> {
    for entry in news {
        let change = match entry.of_organization()? {
            Effect::Begins => OrganizationChange::Nothing,
            Effect::Changes(change) => change,
            Effect::Ends => {
                snapshot = empty(snapshot.id(), entry.revision);
                continue;
            }
        };
        snapshot = snapshot
            .apply(entry.revision, &change)
            .map_err(Refusal::internal)?;
    }
    Ok(snapshot)
}

/// Texts that are gained or lost.
type Texts = Arc<[Arc<str>]>;

/// How many members gain or lose, and what.
///
/// Members of equal change share one list, which is told by its address: a million of them are counted without a look
/// at a text.
#[derive(Debug, Default)]
struct Counts {
    lists: HashMap<*const Arc<str>, (Texts, u64)>,
}

#[derive(Debug)]
struct Sum {
    members: u64,
    permissions: u64,
    most: Vec<PermissionCount>,
}

impl Counts {
    fn add(&mut self, list: &Texts) {
        if !list.is_empty() {
            let counted = self.lists.entry(list.as_ptr());
            counted.or_insert_with(|| (Arc::clone(list), 0)).1 += 1;
        }
    }

    fn sum(self) -> Sum {
        let mut members = 0;
        let mut by_text: HashMap<&str, u64> = HashMap::new();
        for (list, count) in self.lists.values() {
            members += count;
            for text in list.iter() {
                *by_text.entry(text).or_default() += count;
            }
        }
        let permissions = by_text.len() as u64;
        let mut most: Vec<_> = by_text.into_iter().collect();
        most.sort_unstable_by(|(text, members), (other, others)| {
            others.cmp(members).then(text.cmp(other))
        });
        most.truncate(DRY_RUN_PERMISSIONS_MAX);
        let count = |(permission, members): (&str, u64)| PermissionCount {
            permission: permission.to_owned(),
            members,
        };
        Sum {
            members,
            permissions,
            most: most.into_iter().map(count).collect(),
        }
    }
}

/// The members of one page, which ends early when they gain and lose very much.
#[derive(Debug)]
struct Selection<'r> {
    request: &'r PageRequest,
    members: Vec<MemberDiff>,
    permissions: usize,
    full: bool,
}

impl<'r> Selection<'r> {
    fn new(request: &'r PageRequest) -> Self {
        Self {
            request,
            members: Vec::new(),
            permissions: 0,
            full: false,
        }
    }

    fn add(&mut self, change: MemberDiff) {
        self.full = self.full
            || self.members.len() >= self.request.limit as usize
            || self.permissions >= DRY_RUN_PAGE_PERMISSIONS_MAX;
        if !self.full {
            self.permissions += change.gained.len() + change.lost.len();
            self.members.push(change);
        }
    }

    fn finish(self, total: u64, binding: Binding) -> Page<AccessChange> {
        let last = self.members.last().filter(|_| self.full);
        let next_cursor = last.map(|last| {
            let cursor = Cursor {
                key: Key::Int(0),
                id: last.user_id.raw(),
            };
            cursor.encode(binding)
        });
        Page {
            data: self.members.iter().map(wire).collect(),
            total,
            limit: u64::from(self.request.limit),
            offset: 0,
            has_more: self.full,
            next_cursor,
        }
    }
}

fn wire(change: &MemberDiff) -> AccessChange {
    let texts = |list: &[Arc<str>]| list.iter().map(ToString::to_string).collect();
    AccessChange {
        user_id: change.user_id,
        member_id: change.member_id,
        gained: texts(&change.gained),
        lost: texts(&change.lost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paging::{Order, PageLimits};
    use guildhall_access::{Assignment, Membership, Role};
    use guildhall_types::ids::{MemberId, RoleId, UserId};

    /// An organization whose members all hold one role of these permissions.
    fn organization(members: i64, permissions: &[String]) -> OrganizationSnapshot {
        let mut builder = OrganizationSnapshot::builder(OrganizationId::new(7).unwrap(), 1);
        let role_id = RoleId::new(8).unwrap();
        builder.role(Role::new(role_id, "Editor", permissions.iter().cloned()));
        for raw in 1..=members {
            builder.member(Membership {
                member_id: MemberId::new(raw + members).unwrap(),
                user_id: UserId::new(raw).unwrap(),
                suspended: false,
                expires_at: None,
                roles: vec![Assignment {
                    role_id,
                    expires_at: None,
                }],
            });
        }
        builder.finish()
    }

    fn over(before: OrganizationSnapshot) -> Difference {
        Difference {
            deployment_id: DeploymentId::new(9).unwrap(),
            deployment: Arc::new(DeploymentSnapshot::builder(1).finish()),
            after: empty(before.id(), 2),
            before,
            now: Timestamp::from_micros(0),
        }
    }

    fn page(difference: &Difference, limit: i64, cursor: Option<String>) -> AccessDifference {
        let limits = PageLimits {
            default: 20,
            max: 500,
        };
        let request = PageRequest::new(limits, Some(limit), None, cursor, Order::Ascending);
        difference.page(&[0; 32], &request.unwrap()).unwrap()
    }

    fn permissions(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("noun{n:04}:verb")).collect()
    }

    #[test]
    fn a_page_ends_early_when_it_is_about_very_much() {
        let difference = over(organization(25, &permissions(1_000)));
        let (mut cursor, mut users) = (None, Vec::new());
        let mut sizes = Vec::new();
        loop {
            let page = page(&difference, 500, cursor);
            assert_eq!((page.members_losing, page.permissions_lost), (25, 1_000));
            assert_eq!(page.lost.len(), DRY_RUN_PERMISSIONS_MAX);
            assert_eq!(page.changes.total, 25);
            sizes.push(page.changes.data.len());
            users.extend(page.changes.data.iter().map(|change| change.user_id.raw()));
            cursor = page.changes.next_cursor;
            assert_eq!(page.changes.has_more, cursor.is_some());
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(users, (1..=25).collect::<Vec<_>>());
        assert_eq!(sizes, [10, 10, 5]);
    }
}
