//! The row of a member, joined with the user, and what it looks like outside.

use std::collections::BTreeMap;

use guildhall_db::{Param, Row, statements};
use guildhall_types::ids::{MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::members::{MemberRole, OrganizationMember};
use guildhall_types::{ErrorCode, JsonObject, Timestamp};
use serde::Serialize;

use crate::refusal::Refusal;
use crate::roles::Lookup;
use crate::scope::ReadTx;

/// The columns that [`MemberRow::read`] expects, in its order; `m` is the member, `u` the user.
macro_rules! columns {
    () => {
        "m.id, m.created_at, m.updated_at, m.user_id, m.public_metadata, m.expires_at, m.suspended_at,
          u.first_name, u.last_name, u.username, u.primary_email, u.primary_phone, u.created_at"
    };
}
pub(super) use columns;

statements! {
    LOAD = concat!("SELECT ", columns!(), " FROM organization_members m CROSS JOIN users u
        WHERE m.deployment_id = ?1 AND m.organization_id = ?2 AND m.id = ?3
          AND u.deployment_id = ?1 AND u.id = m.user_id");
    ASSIGNMENTS = "SELECT member_id, role_id, expires_at FROM organization_member_roles
        WHERE deployment_id = ?1 AND organization_id = ?2 AND member_id >= ?3 AND member_id <= ?4
        ORDER BY member_id, role_id";
}

/// A role as a member holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) role_id: RoleId,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Assignment {
    /// Whether it has ended.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// A member as it stands in its tables.
#[derive(Clone, Debug)]
pub(super) struct MemberRow {
    pub(super) id: MemberId,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) organization_id: OrganizationId,
    pub(super) user_id: UserId,
    pub(super) public_metadata: JsonObject,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) suspended_at: Option<Timestamp>,
    /// In the order of the roles' ids; [`load`] fills it in. Those of a page are [`Held`] apart.
    pub(super) assignments: Vec<Assignment>,
    first_name: String,
    last_name: String,
    username: String,
    primary_email: String,
    primary_phone: String,
    user_created_at: Timestamp,
}

/// A member as the ledger keeps it. What is without limit and not suspended is kept as it was before there were either.
#[derive(Debug, Serialize)]
pub(crate) struct MemberRecord<'a> {
    pub(crate) user_id: UserId,
    pub(crate) role_ids: Vec<RoleId>,
    /// The ends of the roles that have one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) role_expires_at: BTreeMap<RoleId, Timestamp>,
    pub(crate) public_metadata: &'a JsonObject,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) suspended_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl MemberRow {
    /// Reads the [`columns`] of a member of the organization, from the column at `first` on; the assignments are of another
    /// table.
    pub(super) fn read(
        row: &Row<'_>,
        first: usize,
        organization_id: OrganizationId,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            id: row.get(first)?,
            created_at: row.get(first + 1)?,
            updated_at: row.get(first + 2)?,
            organization_id,
            user_id: row.get(first + 3)?,
            public_metadata: row.get(first + 4)?,
            expires_at: row.get(first + 5)?,
            suspended_at: row.get(first + 6)?,
            assignments: Vec::new(),
            first_name: row.get(first + 7)?,
            last_name: row.get(first + 8)?,
            username: row.get(first + 9)?,
            primary_email: row.get(first + 10)?,
            primary_phone: row.get(first + 11)?,
            user_created_at: row.get(first + 12)?,
        })
    }

    /// Whether the membership has ended.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// The assignment of a role, if the member holds it.
    pub(super) fn assignment(&self, role: RoleId) -> Option<&Assignment> {
        self.assignments.iter().find(|held| held.role_id == role)
    }

    /// Whether a caller would see no difference but the time of the change.
    pub(super) fn same_fields(&self, other: &Self) -> bool {
        self.assignments == other.assignments
            && self.public_metadata == other.public_metadata
            && self.expires_at == other.expires_at
            && self.suspended_at == other.suspended_at
    }

    pub(super) fn record(&self) -> MemberRecord<'_> {
        let ends = |held: &Assignment| Some((held.role_id, held.expires_at?));
        MemberRecord {
            user_id: self.user_id,
            role_ids: self.assignments.iter().map(|held| held.role_id).collect(),
            role_expires_at: self.assignments.iter().filter_map(ends).collect(),
            public_metadata: &self.public_metadata,
            expires_at: self.expires_at,
            suspended_at: self.suspended_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }

    pub(super) fn wire(self, roles: Vec<MemberRole>) -> OrganizationMember {
        let present = |text: String| Some(text).filter(|text| !text.is_empty());
        OrganizationMember {
            id: self.id,
            created_at: self.created_at,
            updated_at: self.updated_at,
            organization_id: self.organization_id,
            user_id: self.user_id,
            roles,
            public_metadata: self.public_metadata,
            expires_at: self.expires_at,
            suspended_at: self.suspended_at,
            first_name: self.first_name,
            last_name: self.last_name,
            username: present(self.username),
            primary_email_address: present(self.primary_email),
            primary_phone_number: present(self.primary_phone),
            user_created_at: self.user_created_at,
        }
    }
}

/// Whether rows of members are all that there are between the first and the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// They are: the assignments of all of them are one range of the primary key.
    Whole,
    /// There may be others, perhaps many: the assignments are read member by member.
    Broken,
}

/// What the members of a page hold, in the order of their ids and of those of the roles.
#[derive(Debug)]
pub(super) struct Held(Vec<(MemberId, Assignment)>);

impl Held {
    /// What these members of one organization hold.
    pub(super) fn by(
        tx: &ReadTx<'_>,
        organization: OrganizationId,
        members: &[MemberRow],
        run: Run,
    ) -> Result<Self, Refusal> {
        let mut held = Vec::with_capacity(members.len());
        let mut read = |range| {
            each_assignment(tx, organization, range, |member, assignment| {
                held.push((member, assignment));
            })
        };
        let ids = || members.iter().map(|member| member.id);
        if let (Run::Whole, Some(from), Some(to)) = (run, ids().min(), ids().max()) {
            read((from, to))?;
        } else {
            ids().try_for_each(|id| read((id, id)))?;
            held.sort_unstable_by_key(|(member, assignment)| (*member, assignment.role_id));
        }
        Ok(Self(held))
    }

    /// What one of them holds.
    pub(super) fn of(&self, id: MemberId) -> impl ExactSizeIterator<Item = &Assignment> {
        let start = self.0.partition_point(|(member, _)| *member < id);
        let rest = self.0.get(start..).unwrap_or_default();
        let count = rest.iter().take_while(|(member, _)| *member == id).count();
        rest.iter().take(count).map(|(_, assignment)| assignment)
    }
}

/// What one member holds, in the order of the roles' ids.
pub(super) fn assignments(
    tx: &ReadTx<'_>,
    organization: OrganizationId,
    member: MemberId,
) -> Result<Vec<Assignment>, Refusal> {
    let mut assignments = Vec::new();
    each_assignment(tx, organization, (member, member), |_, assignment| {
        assignments.push(assignment);
    })?;
    Ok(assignments)
}

/// Visits what the members from one to another hold, in the order of their ids and of those of the roles.
fn each_assignment(
    tx: &ReadTx<'_>,
    organization: OrganizationId,
    (from, to): (MemberId, MemberId),
    mut visit: impl FnMut(MemberId, Assignment),
) -> Result<(), Refusal> {
    let params: [&dyn Param; 4] = [&tx.deployment.id(), &organization, &from, &to];
    tx.sql.each(&ASSIGNMENTS, &params, |row| {
        let assignment = Assignment {
            role_id: row.get(1)?,
            expires_at: row.get(2)?,
        };
        visit(row.get(0)?, assignment);
        Ok(())
    })
}

/// The roles of these assignments, oldest first, each with its end.
pub(super) fn member_roles<'a>(
    tx: &ReadTx<'_>,
    lookup: &mut Lookup,
    organization: OrganizationId,
    assignments: impl ExactSizeIterator<Item = &'a Assignment>,
) -> Result<Vec<MemberRole>, Refusal> {
    let mut roles = Vec::with_capacity(assignments.len());
    for held in assignments {
        roles.push(MemberRole {
            role: lookup.role(tx, organization, held.role_id)?,
            expires_at: held.expires_at,
        });
    }
    roles.sort_unstable_by_key(|held| (held.role.created_at, held.role.id));
    Ok(roles)
}

/// The row of one member of the organization.
pub(super) fn load(
    tx: &ReadTx<'_>,
    organization: OrganizationId,
    id: MemberId,
) -> Result<MemberRow, Refusal> {
    let params: [&dyn Param; 3] = [&tx.deployment.id(), &organization, &id];
    let mut member = tx
        .sql
        .one(&LOAD, &params, |row| MemberRow::read(row, 0, organization))?
        .ok_or_else(|| Refusal::plain(ErrorCode::MemberNotFound))?;
    member.assignments = assignments(tx, organization, id)?;
    Ok(member)
}
