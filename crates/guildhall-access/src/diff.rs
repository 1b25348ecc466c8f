//! Who gains and who loses what between two moments: the answer of a dry run.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
    ptr,
    sync::Arc,
};

use guildhall_types::ids::{MemberId, UserId};

use crate::{
    Demand, Moment, Reason,
    cursor::Cursor,
    membership::{Member, Standing},
};

/// What changes for one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDiff {
    /// The user.
    pub user_id: UserId,
    /// The membership: as it is afterwards, or as it was when it is gone.
    pub member_id: MemberId,
    /// Permission texts held afterwards that nothing gave before, sorted; a pattern stays a pattern. Who could do
    /// everything gains nothing. Members of equal change share the list.
    pub gained: Arc<[Arc<str>]>,
    /// Permission texts held before that nothing gives afterwards, sorted.
    pub lost: Arc<[Arc<str>]>,
}

/// The members above `after_user` who gain or lose a permission between two moments of one organization, by user id.
///
/// Members whom both snapshots share are gone over without a look when nothing around them changed: the effect of
/// one changed member costs the same in an organization of ten and of a million.
pub fn diff<'a>(
    before: &Moment<'a>,
    after: &Moment<'a>,
    after_user: Option<UserId>,
) -> impl Iterator<Item = MemberDiff> + use<'a> {
    let cursor =
        |moment: &Moment<'a>| Cursor::new(moment.organization.members(), after_user.as_ref());
    Diff {
        before: *before,
        after: *after,
        members_before: cursor(before),
        members_after: cursor(after),
        shared_are_equal: before.judges_as(after),
        known: HashMap::new(),
    }
}

/// Texts gained and lost by whoever moves from one standing to another.
type Change = (Arc<[Arc<str>]>, Arc<[Arc<str>]>);

/// A standing by its address, which stays while the snapshot is borrowed; `None` for who is not let in.
type Address = Option<*const Standing>;

struct Diff<'a> {
    before: Moment<'a>,
    after: Moment<'a>,
    members_before: Cursor<'a, UserId, Member>,
    members_after: Cursor<'a, UserId, Member>,
    shared_are_equal: bool,
    known: HashMap<(Address, Address), Change>,
}

impl Iterator for Diff<'_> {
    type Item = MemberDiff;

    fn next(&mut self) -> Option<MemberDiff> {
        loop {
            let (user_id, before, after) = self.next_pair()?;
            let member_id = after.or(before)?.id;
            let (gained, lost) = self.change(user_id, before, after);
            if !gained.is_empty() || !lost.is_empty() {
                return Some(MemberDiff {
                    user_id,
                    member_id,
                    gained: Arc::clone(gained),
                    lost: Arc::clone(lost),
                });
            }
        }
    }
}

impl<'a> Diff<'a> {
    /// The next user who is a member before or after, with both memberships.
    fn next_pair(&mut self) -> Option<(UserId, Option<&'a Member>, Option<&'a Member>)> {
        if self.shared_are_equal {
            self.members_before.skip_shared(&mut self.members_after);
        }
        let before = self.members_before.peek();
        let after = self.members_after.peek();
        let order = match (before, after) {
            (Some((user_before, _)), Some((user_after, _))) => user_before.cmp(user_after),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let before = before.filter(|_| order.is_le());
        let after = after.filter(|_| order.is_ge());
        if before.is_some() {
            self.members_before.next();
        }
        if after.is_some() {
            self.members_after.next();
        }
        let (user, _) = before.or(after)?;
        Some((
            *user,
            before.map(|(_, member)| member),
            after.map(|(_, member)| member),
        ))
    }

    fn change(
        &mut self,
        user: UserId,
        before: Option<&'a Member>,
        after: Option<&'a Member>,
    ) -> &Change {
        let before = self.before.enter(user, before).ok();
        let after = self.after.enter(user, after).ok();
        let key = (before.map(ptr::from_ref), after.map(ptr::from_ref));
        let moments = (&self.before, &self.after);
        self.known.entry(key).or_insert_with(|| {
            let only = |one: &Moment<'a>, held, other: &Moment<'a>, given| {
                let mut texts = one.held_texts(held);
                texts.retain(|text| !other.gives(given, text));
                texts.into_iter().cloned().collect()
            };
            (
                only(moments.1, after, moments.0, before),
                only(moments.0, before, moments.1, after),
            )
        })
    }
}

impl<'a> Moment<'a> {
    /// Whether both decide the same about every membership that is the same.
    fn judges_as(&self, other: &Self) -> bool {
        self.now == other.now
            && self.organization.suspended() == other.organization.suspended()
            && self
                .organization
                .own_roles()
                .give_the_same_as(other.organization.own_roles())
            && self.deployment.decides_as(other.deployment)
    }

    fn held_texts(&self, entered: Option<&'a Standing>) -> BTreeSet<&'a Arc<str>> {
        let held = entered.into_iter().flat_map(|standing| self.held(standing));
        held.flat_map(|(_, held)| held.role.permissions.texts())
            .collect()
    }

    /// Whether the text is given. That of a pattern is, taken as it is written, where a pattern as wide or wider is held:
    /// only a wildcard matches its wildcards.
    fn gives(&self, entered: Option<&'a Standing>, text: &str) -> bool {
        entered
            .is_some_and(|standing| self.judge(standing, &Demand::All(&[text])) == Reason::Granted)
    }
}
