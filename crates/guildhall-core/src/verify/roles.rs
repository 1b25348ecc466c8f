//! The roles of one scope: an organization's, or the deployment's.

use std::collections::BTreeSet;

use guildhall_db::{Row, statements};
use guildhall_types::roles::Role;

use super::history::Kind;
use super::streams::Stream;
use super::{Audit, Rule, origins};
use crate::normalise;
use crate::refusal::Refusal;
use crate::roles;

statements! {
    // The columns that `roles::read` expects come first.
    ROLES = "SELECT id, created_at, updated_at, name, permissions, scope, name_key, permissions_revision
        FROM organization_roles
        WHERE deployment_id = ?1 AND scope = ?2 ORDER BY id";
}

struct StoredRole {
    role: Role,
    permissions: String,
    name_key: String,
    permissions_revision: Option<i64>,
}

fn read(row: &Row<'_>) -> Result<StoredRole, Refusal> {
    Ok(StoredRole {
        role: roles::read(row)?,
        permissions: row.get(4)?,
        name_key: row.get(6)?,
        permissions_revision: row.get(7)?,
    })
}

/// Compares the roles of a scope with its stream; tells their ids.
pub(super) fn check(
    audit: &mut Audit<'_>,
    stream: &mut Stream,
    scope: i64,
) -> Result<BTreeSet<i64>, Refusal> {
    let rows = audit
        .sql
        .rows(&ROLES, &[&stream.deployment, &scope], read)?;
    for StoredRole {
        role,
        permissions,
        name_key,
        permissions_revision,
    } in &rows
    {
        let place = stream.place.part("role", role.id.raw());
        stream.row(
            audit,
            Kind::Role,
            role.id.raw(),
            &place,
            &roles::record(role),
        )?;
        let origin = stream.history.origins.of(role.id.raw());
        let stored = (*permissions_revision, origin.and_then(|origin| origin.key));
        if permissions_revision.is_some() {
            origins::expect(audit, &place, "`permissions`", stored, origin);
        }
        let folded = *name_key == normalise::fold(&role.name);
        audit.expect(
            folded,
            &place,
            Rule::DerivedKey,
            "`name_key` is not the folded name",
        );
        let compact = serde_json::to_string(&role.permissions)?;
        audit.expect(
            *permissions == compact,
            &place,
            Rule::NormalForm,
            "`permissions` is not in its compact form",
        );
    }
    audit.report.roles += rows.len() as u64;
    Ok(rows.iter().map(|row| row.role.id.raw()).collect())
}
