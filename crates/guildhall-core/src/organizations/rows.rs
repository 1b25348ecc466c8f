//! The row of an organization, and what it looks like outside.

use guildhall_db::{Row, statements};
use guildhall_types::ids::{ImageId, OrganizationId};
use guildhall_types::organizations::Organization;
use guildhall_types::{ErrorCode, JsonObject, Timestamp};
use serde::Serialize;

use crate::images::{self, ImageRef};
use crate::refusal::Refusal;
use crate::scope::ReadTx;

/// The columns that [`OrganizationRow::read`] expects, in its order.
macro_rules! columns {
    () => {
        "o.id, o.created_at, o.updated_at, o.revision, o.name, o.description, o.image_id, o.image_name,
          o.member_count, o.public_metadata, o.private_metadata, o.slug, o.external_id, o.suspended_at"
    };
}
pub(crate) use columns;

statements! {
    NAME_KEY = "SELECT name_key FROM organizations WHERE deployment_id = ?1 AND id = ?2";
    LOAD = concat!("SELECT ", columns!(), " FROM organizations o WHERE o.deployment_id = ?1 AND o.id = ?2");
}

/// An organization as it stands in its table.
#[derive(Clone, Debug)]
pub(crate) struct OrganizationRow {
    pub(crate) id: OrganizationId,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) revision: i64,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) image: Option<ImageRef>,
    pub(crate) member_count: i64,
    pub(crate) public_metadata: JsonObject,
    pub(crate) private_metadata: JsonObject,
    pub(crate) slug: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) suspended_at: Option<Timestamp>,
}

/// An organization as the ledger keeps it: its own fields, and nothing that is derived.
#[derive(Debug, Serialize)]
pub(crate) struct OrganizationRecord<'a> {
    name: &'a str,
    description: &'a str,
    image: Option<&'a str>,
    public_metadata: &'a JsonObject,
    private_metadata: &'a JsonObject,
    slug: Option<&'a str>,
    external_id: Option<&'a str>,
    /// Absent when it is not suspended, as in the entries from before there was suspension.
    #[serde(skip_serializing_if = "Option::is_none")]
    suspended_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl OrganizationRow {
    /// Reads the [`columns`], from the column at `first` on.
    pub(crate) fn read(row: &Row<'_>, first: usize) -> Result<Self, Refusal> {
        let image_id: Option<ImageId> = row.get(first + 6)?;
        let image_name: Option<String> = row.get(first + 7)?;
        Ok(Self {
            id: row.get(first)?,
            created_at: row.get(first + 1)?,
            updated_at: row.get(first + 2)?,
            revision: row.get(first + 3)?,
            name: row.get(first + 4)?,
            description: row.get(first + 5)?,
            image: image_id
                .zip(image_name)
                .map(|(id, name)| ImageRef { id, name }),
            member_count: row.get(first + 8)?,
            public_metadata: row.get(first + 9)?,
            private_metadata: row.get(first + 10)?,
            slug: row.get(first + 11)?,
            external_id: row.get(first + 12)?,
            suspended_at: row.get(first + 13)?,
        })
    }

    /// What the ledger keeps of it.
    pub(crate) fn record(&self) -> OrganizationRecord<'_> {
        OrganizationRecord {
            name: &self.name,
            description: &self.description,
            image: self.image.as_ref().map(|image| image.name.as_str()),
            public_metadata: &self.public_metadata,
            private_metadata: &self.private_metadata,
            slug: self.slug.as_deref(),
            external_id: self.external_id.as_deref(),
            suspended_at: self.suspended_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }

    /// Whether a caller would see no difference but the time of the change.
    pub(crate) fn same_fields(&self, other: &Self) -> bool {
        self.name == other.name
            && self.description == other.description
            && self.image == other.image
            && self.public_metadata == other.public_metadata
            && self.private_metadata == other.private_metadata
            && self.slug == other.slug
            && self.external_id == other.external_id
            && self.suspended_at == other.suspended_at
    }

    /// What a caller sees of it.
    pub(crate) fn wire(self, tx: &ReadTx<'_>) -> Organization {
        Organization {
            id: self.id,
            created_at: self.created_at,
            updated_at: self.updated_at,
            name: self.name,
            description: self.description,
            image_url: images::url(tx, self.image.as_ref()),
            member_count: self.member_count,
            public_metadata: self.public_metadata,
            private_metadata: self.private_metadata,
            slug: self.slug,
            external_id: self.external_id,
            suspended_at: self.suspended_at,
        }
    }
}

/// The row of one organization of the transaction's deployment.
pub(crate) fn load(tx: &ReadTx<'_>, id: OrganizationId) -> Result<OrganizationRow, Refusal> {
    tx.sql
        .one(&LOAD, &[&tx.deployment.id(), &id], |row| {
            OrganizationRow::read(row, 0)
        })?
        .ok_or_else(|| Refusal::plain(ErrorCode::OrganizationNotFound))
}

/// The folded name of an organization as it is stored: what the endings of the name were made from.
pub(super) fn name_key(tx: &ReadTx<'_>, id: OrganizationId) -> Result<String, Refusal> {
    tx.sql
        .one(&NAME_KEY, &[&tx.deployment.id(), &id], |row| {
            Ok::<_, Refusal>(row.get(0)?)
        })?
        .ok_or_else(|| Refusal::plain(ErrorCode::OrganizationNotFound))
}
