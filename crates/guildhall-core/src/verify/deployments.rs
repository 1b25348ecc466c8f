//! A deployment and all that is in it, against its streams.

use std::collections::BTreeMap;

use guildhall_db::{Row, statements};
use guildhall_types::Timestamp;
use guildhall_types::ids::{DeploymentId, RoleId};

use super::history::Kind;
use super::streams::{Head, Stream};
use super::{Audit, Place, Rule, organizations, roles, streams, users};
use crate::counts::Noun;
use crate::deployments::DeploymentRecord;
use crate::keys;
use crate::ledger::Hash;
use crate::refusal::Refusal;

statements! {
    DEPLOYMENT = "SELECT name, created_at, updated_at, revision, ledger_head, default_org_creator_role_id,
          default_org_member_role_id, max_allowed_org_members
        FROM deployments WHERE id = ?1";
    OCCURRED_AT = "SELECT occurred_at FROM ledger WHERE deployment_id = ?1 AND stream_id = ?1 AND revision = ?2";
    ROLE_IDS = "SELECT id FROM organization_roles WHERE deployment_id = ?1 AND scope = 0";
    ORGANIZATIONS = "SELECT COUNT(*) FROM organizations WHERE deployment_id = ?1";
    USERS = "SELECT COUNT(*) FROM users WHERE deployment_id = ?1";
    COUNTS = "SELECT noun, CAST(SUM(value) AS BIGINT) FROM deployment_counts
        WHERE deployment_id = ?1 GROUP BY noun ORDER BY noun";
}

struct StoredDeployment {
    name: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    head: Head,
    default_org_creator_role_id: Option<RoleId>,
    default_org_member_role_id: Option<RoleId>,
    max_allowed_org_members: i64,
}

fn read(row: &Row<'_>) -> Result<StoredDeployment, Refusal> {
    Ok(StoredDeployment {
        name: row.get(0)?,
        created_at: row.get(1)?,
        updated_at: row.get(2)?,
        head: Head {
            revision: row.get(3)?,
            hash: row.get::<Hash>(4)?,
        },
        default_org_creator_role_id: row.get(5)?,
        default_org_member_role_id: row.get(6)?,
        max_allowed_org_members: row.get(7)?,
    })
}

/// Checks the deployment's own stream and rows, then those of every organization, living or gone.
pub(super) fn check(
    audit: &mut Audit<'_>,
    deployment: DeploymentId,
    place: &Place,
) -> Result<(), Refusal> {
    audit.report.deployments += 1;
    // What cannot be read of the deployment itself does not keep its organizations from being checked.
    audit.guarded(place, |audit| own(audit, deployment, place))?;
    let roles = audit.sql.rows(&ROLE_IDS, &[&deployment], |row| {
        Ok::<_, Refusal>(row.get(0)?)
    })?;
    let roles = roles.into_iter().collect();
    let mut after = i64::MIN;
    while let Some(id) = streams::next(audit, deployment, after)? {
        after = id;
        if id != deployment.raw() {
            let place = Place::of(deployment, Kind::Organization.noun(), id);
            audit.guarded(&place, |audit| {
                organizations::check(audit, deployment, id, &place, &roles)
            })?;
        }
    }
    counts(audit, deployment, place)
}

/// What belongs to the deployment and to no organization.
fn own(audit: &mut Audit<'_>, deployment: DeploymentId, place: &Place) -> Result<(), Refusal> {
    let mut stream = Stream::walk(audit, deployment, deployment.raw(), place)?;
    let row = audit
        .sql
        .one(&DEPLOYMENT, &[&deployment], read)?
        .ok_or_else(|| Refusal::internal("the row of the deployment cannot be found by its id"))?;
    stream.ends_at(audit, &row.head);
    if streams::end(audit, deployment, deployment.raw())?.is_some() {
        audit.find(
            place,
            Rule::LedgerOwner,
            "is there, but its stream is marked as ended",
        );
    }
    own_row(audit, &mut stream, &row)?;
    roles::check(audit, &mut stream, 0)?;
    for stored in keys::stored(&audit.read(deployment))? {
        let id = stored.key.id.raw();
        let place = place.part(Kind::Key.noun(), id);
        stream.row(audit, Kind::Key, id, &place, &stored.record())?;
    }
    users::check(audit, &mut stream)?;
    stream.finish(audit);
    Ok(())
}

fn own_row(
    audit: &mut Audit<'_>,
    stream: &mut Stream,
    row: &StoredDeployment,
) -> Result<(), Refusal> {
    let record = DeploymentRecord {
        name: &row.name,
        default_org_creator_role_id: row.default_org_creator_role_id,
        default_org_member_role_id: row.default_org_member_role_id,
        max_allowed_org_members: row.max_allowed_org_members,
        organization_roles: Vec::new(),
        created_at: row.created_at,
    };
    let place = stream.place.clone();
    let last = stream.row(audit, Kind::Deployment, stream.id, &place, &record)?;
    let Some(revision) = last else { return Ok(()) };
    // The one record without the time of the change, which is that of its entry.
    let changed = audit
        .sql
        .one(&OCCURRED_AT, &[&stream.deployment, &revision], |row| {
            Ok::<_, Refusal>(row.get::<Timestamp>(0)?)
        })?;
    if changed != Some(row.updated_at) {
        let message = format!("`updated_at` is not as revision {revision} left it");
        audit.find(&place, Rule::RowUnchanged, message);
    }
    Ok(())
}

fn counts(audit: &mut Audit<'_>, deployment: DeploymentId, place: &Place) -> Result<(), Refusal> {
    let kept = audit.sql.rows(&COUNTS, &[&deployment], |row| {
        Ok::<_, Refusal>((row.get::<String>(0)?, row.get::<i64>(1)?))
    })?;
    let mut kept: BTreeMap<String, i64> = kept.into_iter().collect();
    for (noun, statement) in [(Noun::Organizations, &ORGANIZATIONS), (Noun::Users, &USERS)] {
        let rows = audit.sql.one(statement, &[&deployment], |row| {
            Ok::<_, Refusal>(row.get(0)?)
        })?;
        let rows = rows.unwrap_or_default();
        let kept = kept.remove(noun.word()).unwrap_or_default();
        audit.expect_count(place, &format!("the count of {}", noun.word()), kept, rows);
    }
    for noun in kept.into_keys() {
        audit.find(
            place,
            Rule::Count,
            format!("there is a count of `{noun}`, which are not counted"),
        );
    }
    Ok(())
}
