//! The row of a member, joined with the user, and what it looks like outside.

use std::collections::BTreeMap;

use guildhall_db::{Row, statements};
use guildhall_types::ids::{MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::members::{MemberRole, OrganizationMember};
use guildhall_types::{ErrorCode, JsonObject, Timestamp};
use serde::Serialize;

use crate::refusal::Refusal;
use crate::roles::Lookup;
use crate::scope::ReadTx;

/// The assignments of the member `m`, as [`assignments`] reads them: `id` or `id@end`, between commas.
macro_rules! assignments_column {
    () => {
        "(SELECT string_agg(CAST(l.role_id AS TEXT) || COALESCE('@' || CAST(l.expires_at AS TEXT), ''), ',')
            FROM organization_member_roles l
            WHERE l.deployment_id = m.deployment_id AND l.organization_id = m.organization_id
              AND l.member_id = m.id)"
    };
}
pub(super) use assignments_column;

/// The columns that [`MemberRow::read`] expects, in its order; `m` is the member, `u` the user.
macro_rules! columns {
    () => {
        concat!(
            "m.id, m.created_at, m.updated_at, m.organization_id, m.user_id, m.public_metadata, m.expires_at,
          m.suspended_at, ",
            $crate::members::rows::assignments_column!(),
            ", u.first_name, u.last_name, u.username, u.primary_email, u.primary_phone, u.created_at,
          u.first_name_key, u.last_name_key, u.primary_email_key, u.username_key"
        )
    };
}
pub(super) use columns;

statements! {
    LOAD = concat!("SELECT ", columns!(), " FROM organization_members m CROSS JOIN users u
        WHERE m.deployment_id = ?1 AND m.organization_id = ?2 AND m.id = ?3
          AND u.deployment_id = ?1 AND u.id = m.user_id");
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
    /// In the order of the roles' ids.
    pub(super) assignments: Vec<Assignment>,
    first_name: String,
    last_name: String,
    username: String,
    primary_email: String,
    primary_phone: String,
    user_created_at: Timestamp,
    pub(super) first_name_key: String,
    pub(super) last_name_key: String,
    pub(super) email_key: String,
    pub(super) username_key: String,
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
    pub(super) fn read(row: &Row<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            id: row.get(0)?,
            created_at: row.get(1)?,
            updated_at: row.get(2)?,
            organization_id: row.get(3)?,
            user_id: row.get(4)?,
            public_metadata: row.get(5)?,
            expires_at: row.get(6)?,
            suspended_at: row.get(7)?,
            assignments: assignments(row, 8)?,
            first_name: row.get(9)?,
            last_name: row.get(10)?,
            username: row.get(11)?,
            primary_email: row.get(12)?,
            primary_phone: row.get(13)?,
            user_created_at: row.get(14)?,
            first_name_key: row.get(15)?,
            last_name_key: row.get(16)?,
            email_key: row.get(17)?,
            username_key: row.get(18)?,
        })
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

    pub(super) fn wire(
        self,
        tx: &ReadTx<'_>,
        lookup: &mut Lookup,
    ) -> Result<OrganizationMember, Refusal> {
        let present = |text: String| Some(text).filter(|text| !text.is_empty());
        Ok(OrganizationMember {
            id: self.id,
            created_at: self.created_at,
            updated_at: self.updated_at,
            organization_id: self.organization_id,
            user_id: self.user_id,
            roles: member_roles(tx, lookup, self.organization_id, &self.assignments)?,
            public_metadata: self.public_metadata,
            expires_at: self.expires_at,
            suspended_at: self.suspended_at,
            first_name: self.first_name,
            last_name: self.last_name,
            username: present(self.username),
            primary_email_address: present(self.primary_email),
            primary_phone_number: present(self.primary_phone),
            user_created_at: self.user_created_at,
        })
    }
}

/// The assignments in a column made by [`assignments_column`], in the order of the roles' ids.
pub(super) fn assignments(row: &Row<'_>, index: usize) -> Result<Vec<Assignment>, Refusal> {
    let Some(text) = row.get::<Option<String>>(index)? else {
        return Ok(Vec::new());
    };
    let mut assignments = text
        .split(',')
        .map(|item| assignment(item).ok_or_else(|| row.corrupt(index, "not an assignment").into()))
        .collect::<Result<Vec<Assignment>, Refusal>>()?;
    assignments.sort_unstable_by_key(|held| held.role_id);
    Ok(assignments)
}

fn assignment(text: &str) -> Option<Assignment> {
    let (role, end) = match text.split_once('@') {
        Some((role, end)) => (role, Some(end.parse().ok()?)),
        None => (text, None),
    };
    Some(Assignment {
        role_id: role.parse().ok()?,
        expires_at: end.map(Timestamp::from_micros),
    })
}

/// The roles of these assignments, oldest first, each with its end.
pub(super) fn member_roles(
    tx: &ReadTx<'_>,
    lookup: &mut Lookup,
    organization: OrganizationId,
    assignments: &[Assignment],
) -> Result<Vec<MemberRole>, Refusal> {
    let ids: Vec<RoleId> = assignments.iter().map(|held| held.role_id).collect();
    let roles = lookup.roles(tx, organization, &ids)?;
    let end = |id| {
        let held = assignments.iter().find(|held| held.role_id == id);
        held.and_then(|held| held.expires_at)
    };
    Ok(roles
        .into_iter()
        .map(|role| MemberRole {
            expires_at: end(role.id),
            role,
        })
        .collect())
}

/// The row of one member of the organization.
pub(super) fn load(
    tx: &ReadTx<'_>,
    organization: OrganizationId,
    id: MemberId,
) -> Result<MemberRow, Refusal> {
    tx.sql
        .one(
            &LOAD,
            &[&tx.deployment.id(), &organization, &id],
            MemberRow::read,
        )?
        .ok_or_else(|| Refusal::plain(ErrorCode::MemberNotFound))
}
