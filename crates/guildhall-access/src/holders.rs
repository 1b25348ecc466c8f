//! Who in an organization may do something.

use std::{collections::HashMap, ptr};

use guildhall_types::ids::{MemberId, UserId};

use crate::{Demand, Moment, Reason};

impl<'a> Moment<'a> {
    /// The members above `after` whom a check of `demand` allows, by user id.
    ///
    /// The same functions decide as in [`check`](Self::check), once for each standing that occurs.
    pub fn holders(
        &self,
        demand: &Demand<'a>,
        after: Option<UserId>,
    ) -> impl Iterator<Item = (UserId, MemberId)> + use<'a> {
        let (moment, demand) = (*self, *demand);
        // A standing is as good as its address: the snapshot that holds it is borrowed all along.
        let mut judged = HashMap::new();
        let members = moment.organization.members().after(after.as_ref());
        members.filter_map(move |(user, member)| {
            let standing = moment.enter(*user, Some(member)).ok()?;
            let reason = *judged
                .entry(ptr::from_ref(standing))
                .or_insert_with(|| moment.judge(standing, &demand));
            (reason == Reason::Granted).then_some((*user, member.id))
        })
    }
}
