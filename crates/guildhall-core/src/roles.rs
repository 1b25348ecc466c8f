//! Roles: named sets of permissions, of one organization or of the deployment.

use std::collections::BTreeMap;

use guildhall_db::{DbError, Row, statements};
use guildhall_types::ids::{OrganizationId, RoleId};
use guildhall_types::json::Shared;
use guildhall_types::ledger::Action;
use guildhall_types::limits::{ORGANIZATION_ROLES_MAX, ROLE_NAME_CHARS_MAX, ROLE_PERMISSIONS_MAX};
use guildhall_types::roles::{self as wire, DeploymentRole, Role};
use guildhall_types::{Empty, ErrorCode, FieldError, IfMatch, Page, Timestamp};
use serde::Serialize;

use crate::ledger::Change;
use crate::normalise;
use crate::refusal::{Faults, Refusal};
use crate::scope::{OrganizationRead, OrganizationWrite, ReadTx, Recorded, WriteTx};

/// The scope of the deployment's own roles.
pub(crate) const DEPLOYMENT_SCOPE: i64 = 0;

statements! {
    // An organization sees the deployment's roles and its own. Two ranges, one after the other: for `scope IN (0, ?2)` SQLite
    // makes a table of two rows first, which costs more than the ranges.
    ALL = "SELECT id, created_at, updated_at, name, permissions, scope FROM organization_roles
        WHERE deployment_id = ?1 AND scope = 0
        UNION ALL
        SELECT id, created_at, updated_at, name, permissions, scope FROM organization_roles
        WHERE deployment_id = ?1 AND scope = ?2 AND scope <> 0";
    FIND = "SELECT id, created_at, updated_at, name, permissions, scope FROM organization_roles
        WHERE deployment_id = ?1 AND scope = 0 AND id = ?3
        UNION ALL
        SELECT id, created_at, updated_at, name, permissions, scope FROM organization_roles
        WHERE deployment_id = ?1 AND scope = ?2 AND id = ?3";
    // Of the scopes that an organization sees, the one that the role is of: without its permissions, which may be many.
    SCOPE = "SELECT scope FROM organization_roles
        WHERE deployment_id = ?1 AND scope = 0 AND id = ?3
        UNION ALL
        SELECT scope FROM organization_roles
        WHERE deployment_id = ?1 AND scope = ?2 AND id = ?3";
    INSERT = "INSERT INTO organization_roles (deployment_id, scope, id, organization_id, created_at, updated_at,
          name, name_key, permissions, permissions_revision)
        VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?9)";
    UPDATE = "UPDATE organization_roles SET updated_at = ?4, name = ?5, name_key = ?6, permissions = ?7,
          permissions_revision = COALESCE(?8, permissions_revision)
        WHERE deployment_id = ?1 AND scope = ?2 AND id = ?3";
    DELETE_LINKS = "DELETE FROM organization_member_roles WHERE deployment_id = ?1 AND scope = ?2 AND role_id = ?3";
    DELETE = "DELETE FROM organization_roles WHERE deployment_id = ?1 AND scope = ?2 AND id = ?3";
}

/// A role as the ledger keeps it.
#[derive(Debug, Serialize)]
pub(crate) struct RoleRecord<'a> {
    name: &'a str,
    permissions: &'a [String],
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What the ledger keeps of a role.
pub(crate) fn record(role: &Role) -> RoleRecord<'_> {
    RoleRecord {
        name: &role.name,
        permissions: &role.permissions,
        created_at: role.created_at,
        updated_at: role.updated_at,
    }
}

/// A checked command to create a role.
#[derive(Debug)]
pub struct CreateRole {
    name: String,
    permissions: Vec<String>,
}

/// A checked command to change a role.
#[derive(Debug)]
pub struct UpdateRole {
    name: Option<String>,
    permissions: Option<Vec<String>>,
}

impl CreateRole {
    /// Checks the request.
    pub fn check(request: &wire::CreateRole) -> Result<Self, Refusal> {
        let mut faults = Faults::default();
        let name = faults.check(name(&request.name));
        let permissions = faults.check(permissions(&request.permissions));
        faults.refuse()?;
        Ok(Self {
            name: name.unwrap_or_default(),
            permissions: permissions.unwrap_or_default(),
        })
    }
}

impl UpdateRole {
    /// Checks the request; refused when it names nothing to change.
    pub fn check(request: &wire::UpdateRole) -> Result<Self, Refusal> {
        let mut faults = Faults::default();
        let name = faults.check(request.name.as_deref().map(name).transpose());
        let permissions = faults.check(request.permissions.as_deref().map(permissions).transpose());
        faults.refuse()?;
        match (name.flatten(), permissions.flatten()) {
            (None, None) => Err(Refusal::plain(ErrorCode::NothingToUpdate)),
            (name, permissions) => Ok(Self { name, permissions }),
        }
    }
}

fn name(raw: &str) -> Result<String, FieldError> {
    normalise::name(raw, "name", ROLE_NAME_CHARS_MAX)
}

/// Checks each permission and drops repeated ones, keeping the order.
fn permissions(raw: &[String]) -> Result<Vec<String>, FieldError> {
    let mut seen = std::collections::HashSet::with_capacity(raw.len().min(ROLE_PERMISSIONS_MAX));
    let mut permissions = Vec::with_capacity(raw.len().min(ROLE_PERMISSIONS_MAX));
    for (index, permission) in raw.iter().enumerate() {
        let permission = normalise::permission(permission).map_err(|fault| FieldError {
            field: format!("permissions.{index}"),
            message: fault.message,
        })?;
        if seen.insert(permission.clone()) {
            permissions.push(permission);
        }
    }
    if permissions.len() > ROLE_PERMISSIONS_MAX {
        return Err(FieldError {
            field: "permissions".to_owned(),
            message: format!("must be at most {ROLE_PERMISSIONS_MAX} permissions"),
        });
    }
    Ok(permissions)
}

/// The roles that members of the organization can hold, oldest first.
pub(crate) fn all(tx: &ReadTx<'_>, organization: OrganizationId) -> Result<Vec<Role>, Refusal> {
    visible(tx, organization.raw())
}

fn visible(tx: &ReadTx<'_>, scope: i64) -> Result<Vec<Role>, Refusal> {
    let mut roles: Vec<Role> = tx.sql.rows(&ALL, &[&tx.deployment.id(), &scope], read)?;
    // The deployment's may be made by another process, whose ids can run ahead: the order of creation is that of the time.
    roles.sort_unstable_by_key(|role| (role.created_at, role.id));
    Ok(roles)
}

/// The list of those roles.
pub fn list(tx: &ReadTx<'_>, organization: OrganizationId) -> Result<Page<Role>, Refusal> {
    let organization = OrganizationRead::open(tx, organization)?;
    Ok(Page::whole(all(tx, organization.id)?))
}

/// The deployment's own roles.
pub fn list_of_deployment(tx: &ReadTx<'_>) -> Result<Page<DeploymentRole>, Refusal> {
    let deployment_id = tx.deployment.id();
    let roles = visible(tx, DEPLOYMENT_SCOPE)?;
    let wrap = |role| DeploymentRole {
        role,
        deployment_id,
        organization_id: None,
    };
    Ok(Page::whole(roles).map(wrap))
}

/// A role that members of the organization can hold.
pub(crate) fn find(
    tx: &ReadTx<'_>,
    organization: OrganizationId,
    id: RoleId,
) -> Result<Option<Role>, Refusal> {
    tx.sql
        .one(&FIND, &[&tx.deployment.id(), &organization, &id], read)
}

/// The scope that links to this role carry, if members of the organization can hold it.
pub(crate) fn scope(
    tx: &ReadTx<'_>,
    organization: OrganizationId,
    id: RoleId,
) -> Result<Option<i64>, Refusal> {
    tx.sql
        .one(&SCOPE, &[&tx.deployment.id(), &organization, &id], |row| {
            Ok(row.get(0)?)
        })
}

/// Roles that were looked up in this transaction, by scope and id, so that a page of members reads each role once and holds
/// it once: a deployment's for all organizations, an organization's own for no other.
#[derive(Debug, Default)]
pub(crate) struct Lookup(BTreeMap<(i64, RoleId), Shared<Role>>);

impl Lookup {
    /// The role with this id, which a member holds.
    pub(crate) fn role(
        &mut self,
        tx: &ReadTx<'_>,
        organization: OrganizationId,
        id: RoleId,
    ) -> Result<Shared<Role>, Refusal> {
        for scope in [DEPLOYMENT_SCOPE, organization.raw()] {
            if let Some(role) = self.0.get(&(scope, id)) {
                return Ok(role.clone());
            }
        }
        let role = find(tx, organization, id)?
            .ok_or_else(|| Refusal::internal("a member holds a role that is missing"))?;
        let scope = if role.is_deployment_level {
            DEPLOYMENT_SCOPE
        } else {
            organization.raw()
        };
        let role = Shared::new(role)?;
        self.0.insert((scope, id), role.clone());
        Ok(role)
    }
}

/// Inserts a role of the new deployment, at its first revision.
pub(crate) fn insert_for_deployment(
    tx: &WriteTx<'_>,
    name: &str,
    permission: &str,
) -> Result<Role, Refusal> {
    insert(tx, None, 1, name, &[permission.to_owned()])
}

fn insert(
    tx: &WriteTx<'_>,
    organization: Option<OrganizationId>,
    revision: i64,
    name: &str,
    permissions: &[String],
) -> Result<Role, Refusal> {
    let role = Role {
        id: tx.ids.next(RoleId::new)?,
        created_at: tx.now,
        updated_at: tx.now,
        name: name.to_owned(),
        permissions: permissions.to_owned(),
        is_deployment_level: organization.is_none(),
    };
    let scope = organization.map_or(DEPLOYMENT_SCOPE, OrganizationId::raw);
    let name_key = normalise::fold(name);
    let permissions = serde_json::to_string(&role.permissions)?;
    let params: [&dyn guildhall_db::Param; 9] = [
        &tx.deployment.id(),
        &scope,
        &role.id,
        &organization,
        &tx.now,
        &role.name,
        &name_key,
        &permissions,
        &revision,
    ];
    tx.sql.exec_exactly(1, &INSERT, &params).map_err(taken)?;
    Ok(role)
}

/// Creates a role of an organization.
pub fn create(
    tx: &WriteTx<'_>,
    organization: OrganizationId,
    if_match: &IfMatch,
    command: &CreateRole,
) -> Result<Recorded<Role>, Refusal> {
    let mut organization = OrganizationWrite::open(tx, organization, if_match)?;
    if organization.role_count >= ORGANIZATION_ROLES_MAX {
        let message = format!("an organization may have at most {ORGANIZATION_ROLES_MAX} roles");
        return Err(Refusal::new(ErrorCode::RoleLimitReached, message));
    }
    let role = insert(
        tx,
        Some(organization.id),
        organization.revision(),
        &command.name,
        &command.permissions,
    )?;
    organization.role_count += 1;
    let change = Change::created(Action::RoleCreated, role.id.raw(), &record(&role))?;
    organization.record(change, role)
}

/// Changes the name or the permissions of a role of an organization.
pub fn update(
    tx: &WriteTx<'_>,
    organization: OrganizationId,
    id: RoleId,
    if_match: &IfMatch,
    command: &UpdateRole,
) -> Result<Recorded<Role>, Refusal> {
    let organization = OrganizationWrite::open(tx, organization, if_match)?;
    let before = own(tx, organization.id, id)?;
    let mut after = before.clone();
    if let Some(name) = &command.name {
        after.name.clone_from(name);
    }
    if let Some(permissions) = &command.permissions {
        after.permissions.clone_from(permissions);
    }
    if after == before {
        return Ok(organization.unchanged(before));
    }
    after.updated_at = tx.now;
    let name_key = normalise::fold(&after.name);
    let permissions = serde_json::to_string(&after.permissions)?;
    let permissions_revision =
        (after.permissions != before.permissions).then(|| organization.revision());
    let params: [&dyn guildhall_db::Param; 8] = [
        &tx.deployment.id(),
        &organization.id,
        &id,
        &after.updated_at,
        &after.name,
        &name_key,
        &permissions,
        &permissions_revision,
    ];
    tx.sql.exec_exactly(1, &UPDATE, &params).map_err(taken)?;
    let change = Change::updated(
        Action::RoleUpdated,
        id.raw(),
        &record(&before),
        &record(&after),
    )?;
    organization.record(change, after)
}

/// Deletes a role of an organization and takes it from its members.
pub fn delete(
    tx: &WriteTx<'_>,
    organization: OrganizationId,
    id: RoleId,
    if_match: &IfMatch,
) -> Result<Recorded<Empty>, Refusal> {
    let mut organization = OrganizationWrite::open(tx, organization, if_match)?;
    let role = own(tx, organization.id, id)?;
    tx.sql
        .exec(&DELETE_LINKS, &[&tx.deployment.id(), &organization.id, &id])?;
    tx.sql
        .exec_exactly(1, &DELETE, &[&tx.deployment.id(), &organization.id, &id])?;
    organization.role_count -= 1;
    let change = Change::deleted(Action::RoleDeleted, id.raw(), &record(&role))?;
    organization.record(change, Empty {})
}

/// A role that belongs to the organization itself; the deployment's cannot be changed here.
fn own(tx: &WriteTx<'_>, organization: OrganizationId, id: RoleId) -> Result<Role, Refusal> {
    find(&tx.read(), organization, id)?
        .filter(|role| !role.is_deployment_level)
        .ok_or_else(|| Refusal::plain(ErrorCode::RoleNotFound))
}

fn taken(error: DbError) -> Refusal {
    match &error {
        DbError::Unique(column) if column == "organization_roles.name_key" => Refusal::field(
            ErrorCode::RoleNameTaken,
            "name",
            "is the name of another role of the organization",
        ),
        _ => error.into(),
    }
}

/// Reads a role in the order of the columns of `ALL`.
pub(crate) fn read(row: &Row<'_>) -> Result<Role, Refusal> {
    let permissions =
        serde_json::from_str(row.text(4)?).map_err(|error| row.corrupt(4, &error.to_string()))?;
    Ok(Role {
        id: row.get(0)?,
        created_at: row.get(1)?,
        updated_at: row.get(2)?,
        name: row.get(3)?,
        permissions,
        is_deployment_level: row.get::<i64>(5)? == DEPLOYMENT_SCOPE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(permissions: &[&str]) -> Result<CreateRole, Refusal> {
        let permissions = permissions
            .iter()
            .map(|&permission| permission.to_owned())
            .collect();
        CreateRole::check(&wire::CreateRole {
            name: " Billing ".to_owned(),
            permissions,
        })
    }

    #[test]
    fn repeated_permissions_are_dropped_in_order() {
        let command = command(&["b", "a", "b", "c", "a"]).unwrap();
        assert_eq!(
            (command.name.as_str(), command.permissions),
            ("Billing", vec!["b".into(), "a".into(), "c".into()])
        );
    }

    #[test]
    fn a_bad_permission_is_named_by_its_place() {
        let Err(Refusal::Refused(refused)) = command(&["a", "b c"]) else {
            panic!("accepted")
        };
        assert_eq!(refused.fields[0].field, "permissions.1");
    }
}
