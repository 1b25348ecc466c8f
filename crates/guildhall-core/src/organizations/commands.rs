//! Changing organizations.

use guildhall_db::{DbError, statements};
use guildhall_types::ids::OrganizationId;
use guildhall_types::ledger::Action;
use guildhall_types::limits::{DESCRIPTION_CHARS_MAX, ORGANIZATION_NAME_CHARS_MAX};
use guildhall_types::organizations::Organization;
use guildhall_types::{Empty, ErrorCode, IfMatch, JsonObject, Timestamp};

use super::endings;
use super::rows::{OrganizationRow, load, name_key};
use crate::counts::{self, Noun};
use crate::fields::{Patch, boolean, image_patch, metadata, optional, optional_patch};
use crate::images::{self, ImagePatch, PreparedImage};
use crate::ledger::Change;
use crate::normalise;
use crate::refusal::{Faults, Refusal};
use crate::scope::{OrganizationWrite, Recorded, WriteTx};

statements! {
    INSERT = "INSERT INTO organizations (deployment_id, id, created_at, updated_at, revision, ledger_head, name,
          name_key, description, image_id, image_name, member_count, role_count, public_metadata, private_metadata,
          slug, external_id)
        VALUES (?1, ?2, ?3, ?3, 1, ?4, ?5, ?6, ?7, ?8, ?9, 0, 0, ?10, ?11, ?12, ?13)";
    UPDATE = "UPDATE organizations SET updated_at = ?3, name = ?4, name_key = COALESCE(?5, name_key), description = ?6,
          image_id = ?7, image_name = ?8, public_metadata = ?9, private_metadata = ?10, slug = ?11, external_id = ?12,
          suspended_at = ?13
        WHERE deployment_id = ?1 AND id = ?2";
    DELETE_ROLE_LINKS = "DELETE FROM organization_member_roles WHERE deployment_id = ?1 AND organization_id = ?2";
    DELETE_MEMBERS = "DELETE FROM organization_members WHERE deployment_id = ?1 AND organization_id = ?2";
    DELETE_ROLES = "DELETE FROM organization_roles WHERE deployment_id = ?1 AND scope = ?2";
    DELETE = "DELETE FROM organizations WHERE deployment_id = ?1 AND id = ?2";
}

/// The fields of an organization as a form brings them, not yet checked. An absent field is `None`.
#[derive(Debug, Default)]
#[expect(
    missing_docs,
    reason = "the names are those of the wire contract, section 5"
)]
pub struct OrganizationForm {
    pub name: Option<String>,
    pub description: Option<String>,
    pub public_metadata: Option<String>,
    pub private_metadata: Option<String>,
    pub slug: Option<String>,
    pub external_id: Option<String>,
    pub image: Option<Vec<u8>>,
    pub remove_image: Option<String>,
    pub suspended: Option<String>,
}

/// A checked command to create an organization.
#[derive(Debug)]
pub struct CreateOrganization {
    name: String,
    description: String,
    public_metadata: JsonObject,
    private_metadata: JsonObject,
    slug: Option<String>,
    external_id: Option<String>,
    image: Option<PreparedImage>,
}

/// A checked command to change an organization's own fields.
#[derive(Debug)]
pub struct UpdateOrganization {
    name: Option<String>,
    description: Option<String>,
    public_metadata: Option<JsonObject>,
    private_metadata: Option<JsonObject>,
    slug: Patch<String>,
    external_id: Patch<String>,
    image: ImagePatch,
    suspended: Option<bool>,
}

fn name(raw: &str) -> Result<String, guildhall_types::FieldError> {
    normalise::name(raw, "name", ORGANIZATION_NAME_CHARS_MAX)
}

fn description(raw: &str) -> Result<String, guildhall_types::FieldError> {
    normalise::text(raw, "description", DESCRIPTION_CHARS_MAX)
}

impl CreateOrganization {
    /// Checks the form. Decodes the image, which can take a tenth of a second: not for an async thread.
    pub fn check(form: OrganizationForm) -> Result<Self, Refusal> {
        let mut faults = Faults::default();
        let name = faults.check(name(form.name.as_deref().unwrap_or_default()));
        let description =
            faults.check(description(form.description.as_deref().unwrap_or_default()));
        let public = faults.check(metadata("public_metadata", form.public_metadata.as_deref()));
        let private = faults.check(metadata(
            "private_metadata",
            form.private_metadata.as_deref(),
        ));
        let slug = faults.check(optional(form.slug.as_deref(), normalise::slug));
        let external_id = faults.check(optional(
            form.external_id.as_deref(),
            normalise::external_id,
        ));
        faults.refuse()?;
        Ok(Self {
            name: name.unwrap_or_default(),
            description: description.unwrap_or_default(),
            public_metadata: public.flatten().unwrap_or_default(),
            private_metadata: private.flatten().unwrap_or_default(),
            slug: slug.flatten(),
            external_id: external_id.flatten(),
            image: images::prepare("organization_image", form.image)?,
        })
    }
}

impl UpdateOrganization {
    /// Checks the form; refused when it names nothing to change. Decodes the image: not for an async thread.
    pub fn check(form: OrganizationForm) -> Result<Self, Refusal> {
        let mut faults = Faults::default();
        // An empty name is ignored, as the vendor's server does (wire contract, section 5.4).
        let new_name = form.name.as_deref().filter(|name| !name.trim().is_empty());
        let name = faults.check(new_name.map(name).transpose());
        let description = faults.check(form.description.as_deref().map(description).transpose());
        let public = faults.check(metadata("public_metadata", form.public_metadata.as_deref()));
        let private = faults.check(metadata(
            "private_metadata",
            form.private_metadata.as_deref(),
        ));
        let slug = faults.check(optional_patch(form.slug.as_deref(), normalise::slug));
        let external_id = faults.check(optional_patch(
            form.external_id.as_deref(),
            normalise::external_id,
        ));
        let remove = faults.check(boolean("remove_image", form.remove_image.as_deref()));
        let suspended = faults.check(boolean("suspended", form.suspended.as_deref()));
        faults.refuse()?;
        let command = Self {
            name: name.flatten(),
            description: description.flatten(),
            public_metadata: public.flatten(),
            private_metadata: private.flatten(),
            slug: slug.unwrap_or_default(),
            external_id: external_id.unwrap_or_default(),
            image: image_patch("organization_image", remove.flatten(), form.image)?,
            suspended: suspended.flatten(),
        };
        if command.is_empty() {
            Err(Refusal::plain(ErrorCode::NothingToUpdate))
        } else {
            Ok(command)
        }
    }

    fn is_empty(&self) -> bool {
        self.name.is_none()
            && self.description.is_none()
            && self.public_metadata.is_none()
            && self.private_metadata.is_none()
            && self.slug.is_keep()
            && self.external_id.is_keep()
            && self.suspended.is_none()
            && matches!(self.image, ImagePatch::Keep)
    }

    fn apply(&self, before: &OrganizationRow, now: Timestamp) -> OrganizationRow {
        let mut after = before.clone();
        if let Some(name) = &self.name {
            after.name.clone_from(name);
        }
        if let Some(description) = &self.description {
            after.description.clone_from(description);
        }
        if let Some(metadata) = &self.public_metadata {
            after.public_metadata = metadata.clone();
        }
        if let Some(metadata) = &self.private_metadata {
            after.private_metadata = metadata.clone();
        }
        self.slug.apply(&mut after.slug);
        self.external_id.apply(&mut after.external_id);
        if let Some(suspended) = self.suspended {
            after.suspended_at = suspended.then(|| after.suspended_at.unwrap_or(now));
        }
        after
    }
}

/// Creates an organization without members: there is no acting user (wire contract, section 5.2).
pub fn create(
    tx: &WriteTx<'_>,
    command: &CreateOrganization,
) -> Result<Recorded<Organization>, Refusal> {
    let deployment = tx.deployment.id();
    let id = tx.ids.next(OrganizationId::new)?;
    let image = images::store(tx, id.raw(), command.image.as_ref())?;
    let key = normalise::fold(&command.name);
    let row = OrganizationRow {
        id,
        created_at: tx.now,
        updated_at: tx.now,
        revision: 1,
        name: command.name.clone(),
        description: command.description.clone(),
        image,
        member_count: 0,
        public_metadata: command.public_metadata.clone(),
        private_metadata: command.private_metadata.clone(),
        slug: command.slug.clone(),
        external_id: command.external_id.clone(),
        suspended_at: None,
    };
    tx.sql
        .exec_exactly(
            1,
            &INSERT,
            &[
                &deployment,
                &id,
                &tx.now,
                &[0_u8; 32],
                &row.name,
                &key,
                &row.description,
                &row.image.as_ref().map(|image| image.id),
                &row.image.as_ref().map(|image| image.name.as_str()),
                &row.public_metadata,
                &row.private_metadata,
                &row.slug,
                &row.external_id,
            ],
        )
        .map_err(taken)?;
    endings::replace(tx, id, "", &key)?;
    counts::add(tx.sql, deployment, Noun::Organizations, id.raw(), 1)?;
    let change = Change::created(Action::OrganizationCreated, id.raw(), &row.record())?;
    OrganizationWrite::begin(tx, id).record(change, row.wire(&tx.read()))
}

/// Changes an organization's own fields; metadata is replaced as a whole.
pub fn update(
    tx: &WriteTx<'_>,
    id: OrganizationId,
    if_match: &IfMatch,
    command: &UpdateOrganization,
) -> Result<Recorded<Organization>, Refusal> {
    let organization = OrganizationWrite::open(tx, id, if_match)?;
    let before = load(&tx.read(), id)?;
    let mut after = command.apply(&before, tx.now);
    after.image = images::replace(tx, id.raw(), before.image.as_ref(), &command.image)?;
    if before.same_fields(&after) {
        return Ok(organization.unchanged(before.wire(&tx.read())));
    }
    after.updated_at = tx.now;
    let renamed = after.name != before.name;
    let key = renamed.then(|| normalise::fold(&after.name));
    if let Some(key) = &key {
        endings::replace(tx, id, &name_key(&tx.read(), id)?, key)?;
    }
    tx.sql
        .exec_exactly(
            1,
            &UPDATE,
            &[
                &tx.deployment.id(),
                &id,
                &after.updated_at,
                &after.name,
                &key,
                &after.description,
                &after.image.as_ref().map(|image| image.id),
                &after.image.as_ref().map(|image| image.name.as_str()),
                &after.public_metadata,
                &after.private_metadata,
                &after.slug,
                &after.external_id,
                &after.suspended_at,
            ],
        )
        .map_err(taken)?;
    let action = match (before.suspended_at, after.suspended_at) {
        (None, Some(_)) => Action::OrganizationSuspended,
        (Some(_), None) => Action::OrganizationReactivated,
        _ => Action::OrganizationUpdated,
    };
    let change = Change::updated(action, id.raw(), &before.record(), &after.record())?;
    organization.record(change, after.wire(&tx.read()))
}

/// Deletes an organization for good, with its members, roles and image. Its ledger stays.
pub fn delete(
    tx: &WriteTx<'_>,
    id: OrganizationId,
    if_match: &IfMatch,
) -> Result<Recorded<Empty>, Refusal> {
    let organization = OrganizationWrite::open(tx, id, if_match)?;
    let row = load(&tx.read(), id)?;
    let deployment = tx.deployment.id();
    for statement in [&DELETE_ROLE_LINKS, &DELETE_MEMBERS, &DELETE_ROLES] {
        tx.sql.exec(statement, &[&deployment, &id])?;
    }
    endings::replace(tx, id, &name_key(&tx.read(), id)?, "")?;
    images::replace(tx, id.raw(), row.image.as_ref(), &ImagePatch::Remove)?;
    tx.sql.exec_exactly(1, &DELETE, &[&deployment, &id])?;
    counts::add(tx.sql, deployment, Noun::Organizations, id.raw(), -1)?;
    let change = Change::deleted(Action::OrganizationDeleted, id.raw(), &row.record())?;
    organization.record_end(change, Empty {})
}

fn taken(error: DbError) -> Refusal {
    let DbError::Unique(column) = &error else {
        return error.into();
    };
    match column.as_str() {
        "organizations.slug" => Refusal::field(
            ErrorCode::SlugTaken,
            "slug",
            "is taken by another organization of the deployment",
        ),
        "organizations.external_id" => Refusal::field(
            ErrorCode::ExternalIdTaken,
            "external_id",
            "is taken by another organization of the deployment",
        ),
        _ => error.into(),
    }
}
