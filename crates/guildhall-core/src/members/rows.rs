//! The row of a member, joined with the user, and what it looks like outside.

use guildhall_db::{Row, statements};
use guildhall_types::ids::{MemberId, OrganizationId, RoleId, UserId};
use guildhall_types::members::OrganizationMember;
use guildhall_types::{ErrorCode, JsonObject, Timestamp};
use serde::Serialize;

use crate::refusal::Refusal;
use crate::roles::Lookup;
use crate::scope::ReadTx;

/// The columns that [`MemberRow::read`] expects, in its order; `m` is the member, `u` the user.
macro_rules! columns {
    () => {
        "m.id, m.created_at, m.updated_at, m.organization_id, m.user_id, m.public_metadata,
          (SELECT string_agg(CAST(l.role_id AS TEXT), ',') FROM organization_member_roles l
            WHERE l.deployment_id = m.deployment_id AND l.organization_id = m.organization_id
              AND l.member_id = m.id),
          u.first_name, u.last_name, u.username, u.primary_email, u.primary_phone, u.created_at,
          u.first_name_key, u.last_name_key, u.primary_email_key, u.username_key"
    };
}
pub(super) use columns;

statements! {
    LOAD = concat!("SELECT ", columns!(), " FROM organization_members m CROSS JOIN users u
        WHERE m.deployment_id = ?1 AND m.organization_id = ?2 AND m.id = ?3
          AND u.deployment_id = ?1 AND u.id = m.user_id");
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
    /// In the order of the ids.
    pub(super) role_ids: Vec<RoleId>,
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

/// A member as the ledger keeps it.
#[derive(Debug, Serialize)]
pub(crate) struct MemberRecord<'a> {
    pub(crate) user_id: UserId,
    pub(crate) role_ids: &'a [RoleId],
    pub(crate) public_metadata: &'a JsonObject,
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
            role_ids: role_ids(row, 6)?,
            first_name: row.get(7)?,
            last_name: row.get(8)?,
            username: row.get(9)?,
            primary_email: row.get(10)?,
            primary_phone: row.get(11)?,
            user_created_at: row.get(12)?,
            first_name_key: row.get(13)?,
            last_name_key: row.get(14)?,
            email_key: row.get(15)?,
            username_key: row.get(16)?,
        })
    }

    pub(super) fn record(&self) -> MemberRecord<'_> {
        MemberRecord {
            user_id: self.user_id,
            role_ids: &self.role_ids,
            public_metadata: &self.public_metadata,
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
            roles: lookup.roles(tx, self.organization_id, &self.role_ids)?,
            public_metadata: self.public_metadata,
            first_name: self.first_name,
            last_name: self.last_name,
            username: present(self.username),
            primary_email_address: present(self.primary_email),
            primary_phone_number: present(self.primary_phone),
            user_created_at: self.user_created_at,
        })
    }
}

/// The ids in a column made by `string_agg`, in order.
pub(super) fn role_ids(row: &Row<'_>, index: usize) -> Result<Vec<RoleId>, Refusal> {
    let Some(text) = row.get::<Option<String>>(index)? else {
        return Ok(Vec::new());
    };
    let mut ids = text
        .split(',')
        .map(|id| {
            id.parse()
                .map_err(|_| row.corrupt(index, "not an id").into())
        })
        .collect::<Result<Vec<RoleId>, Refusal>>()?;
    ids.sort_unstable();
    Ok(ids)
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
