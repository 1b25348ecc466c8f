//! An organization, living or gone, against its stream.

use std::collections::BTreeSet;

use guildhall_db::{Row, statements};
use guildhall_types::FieldError;
use guildhall_types::ids::DeploymentId;

use super::history::Kind;
use super::members::Holdable;
use super::streams::{Head, Stream};
use super::{Audit, Place, Rule, members, roles, streams};
use crate::ledger::Hash;
use crate::normalise;
use crate::organizations::{OrganizationRow, columns, endings};
use crate::refusal::Refusal;

statements! {
    ORGANIZATION = concat!("SELECT ", columns!(), ", o.name_key, o.role_count, o.ledger_head FROM organizations o
        WHERE o.deployment_id = ?1 AND o.id = ?2");
    HAS_ENDING = "SELECT 1 FROM organization_name_endings
        WHERE deployment_id = ?1 AND ending = ?2 AND organization_id = ?3";
}

/// How many columns an [`OrganizationRow`] has.
const COLUMNS: usize = 14;

struct StoredOrganization {
    row: OrganizationRow,
    name_key: String,
    role_count: i64,
    ledger_head: Hash,
}

fn read(row: &Row<'_>) -> Result<StoredOrganization, Refusal> {
    Ok(StoredOrganization {
        row: OrganizationRow::read(row, 0)?,
        name_key: row.get(COLUMNS)?,
        role_count: row.get(COLUMNS + 1)?,
        ledger_head: row.get(COLUMNS + 2)?,
    })
}

/// Checks the stream of an organization and, while it lives, its rows.
pub(super) fn check(
    audit: &mut Audit<'_>,
    deployment: DeploymentId,
    id: i64,
    place: &Place,
    roles_of_deployment: &BTreeSet<i64>,
) -> Result<(), Refusal> {
    let mut stream = Stream::walk(audit, deployment, id, place)?;
    let row = audit.sql.one(&ORGANIZATION, &[&deployment, &id], read)?;
    let end = streams::end(audit, deployment, id)?;
    match (&row, &end) {
        (Some(row), None) => {
            let head = Head {
                revision: row.row.revision,
                hash: row.ledger_head,
            };
            stream.ends_at(audit, &head);
            living(audit, &mut stream, row, roles_of_deployment)?;
        }
        (Some(row), Some(_)) => {
            audit.find(
                place,
                Rule::LedgerOwner,
                "is there, but its stream is marked as ended",
            );
            living(audit, &mut stream, row, roles_of_deployment)?;
        }
        (None, Some(end)) => {
            stream.ends_at(audit, end);
            let ended = stream.history.ended();
            audit.expect(
                ended,
                place,
                Rule::LedgerHistory,
                "is gone, but no entry deleted it",
            );
        }
        (None, None) => {
            let message = "has entries in the ledger, but neither a row nor an end";
            audit.find(place, Rule::LedgerOwner, message);
        }
    }
    stream.finish(audit);
    Ok(())
}

fn living(
    audit: &mut Audit<'_>,
    stream: &mut Stream,
    organization: &StoredOrganization,
    roles_of_deployment: &BTreeSet<i64>,
) -> Result<(), Refusal> {
    let row = &organization.row;
    let place = stream.place.clone();
    audit.report.organizations += 1;
    stream.row(audit, Kind::Organization, stream.id, &place, &row.record())?;
    let folded = organization.name_key == normalise::fold(&row.name);
    audit.expect(
        folded,
        &place,
        Rule::DerivedKey,
        "`name_key` is not the folded name",
    );
    normal(audit, &place, "slug", row.slug.as_deref(), normalise::slug);
    normal(
        audit,
        &place,
        "external_id",
        row.external_id.as_deref(),
        normalise::external_id,
    );
    name_endings(audit, stream, &organization.name_key)?;
    let own = roles::check(audit, stream, stream.id)?;
    let holdable = Holdable {
        of_deployment: roles_of_deployment,
        own: &own,
    };
    let members = members::check(audit, stream, holdable)?;
    audit.expect_count(&place, "`member_count`", row.member_count, members);
    audit.expect_count(
        &place,
        "`role_count`",
        organization.role_count,
        own.len() as u64,
    );
    Ok(())
}

/// An optional field that is compared exactly: what is stored must be what a request with it would store.
pub(super) fn normal(
    audit: &mut Audit<'_>,
    place: &Place,
    field: &str,
    stored: Option<&str>,
    normalise: fn(&str) -> Result<String, FieldError>,
) {
    let Some(stored) = stored else { return };
    if normalise(stored).ok().as_deref() != Some(stored) {
        audit.find(
            place,
            Rule::NormalForm,
            format!("`{field}` is not in its normal form"),
        );
    }
}

fn name_endings(audit: &mut Audit<'_>, stream: &Stream, name_key: &str) -> Result<(), Refusal> {
    let endings = endings(name_key);
    audit.endings += endings.len() as u64;
    let mut missing = 0_u64;
    for ending in &endings {
        let found = audit.sql.one(
            &HAS_ENDING,
            &[&stream.deployment, ending, &stream.id],
            |_| Ok::<_, Refusal>(()),
        )?;
        missing += u64::from(found.is_none());
    }
    if missing > 0 {
        let message = format!("{missing} endings of its name are missing from the search index");
        audit.find(&stream.place, Rule::NameEndings, message);
    }
    Ok(())
}
