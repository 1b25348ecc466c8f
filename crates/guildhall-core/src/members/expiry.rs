//! What of a membership ends by itself: removing it once its time is over.
//!
//! A check judges the time itself, so that nothing here closes a door; it takes away rows that no longer open one.

use std::collections::BTreeSet;

use guildhall_db::{Stmt, statements};
use guildhall_types::ids::{MemberId, OrganizationId, UserId};
use guildhall_types::ledger::Action;
use guildhall_types::{Empty, ErrorCode, IfMatch, Timestamp};

use super::commands::{settle, take_out};
use super::rows::load;
use crate::refusal::Refusal;
use crate::scope::{OrganizationWrite, ReadTx, Recorded, WriteTx};

statements! {
    EXPIRED_OF_USER = "SELECT id FROM organization_members
        WHERE deployment_id = ?1 AND organization_id = ?2 AND user_id = ?3 AND expires_at <= ?4";
    EXPIRED_MEMBERS = "SELECT organization_id, id FROM organization_members
        WHERE deployment_id = ?1 AND expires_at <= ?2 ORDER BY expires_at LIMIT ?3";
    EXPIRED_ROLES = "SELECT organization_id, member_id FROM organization_member_roles
        WHERE deployment_id = ?1 AND expires_at <= ?2 ORDER BY expires_at LIMIT ?3";
}

/// Removes a membership of the user that has expired and was not swept yet, so that the user can be added again.
pub(super) fn make_way(
    organization: OrganizationWrite<'_>,
    user: UserId,
) -> Result<OrganizationWrite<'_>, Refusal> {
    let tx = organization.tx;
    let id = organization.id;
    let expired = tx.sql.one(
        &EXPIRED_OF_USER,
        &[&tx.deployment.id(), &id, &user, &tx.now],
        |row| Ok::<_, Refusal>(row.get::<MemberId>(0)?),
    )?;
    let Some(member) = expired else {
        return Ok(organization);
    };
    let _recorded = expire(organization, member)?;
    OrganizationWrite::open(tx, id, &IfMatch::Any)
}

/// Whether anything of the deployment is over and not removed yet.
pub(crate) fn due(tx: &ReadTx<'_>, now: Timestamp) -> Result<bool, Refusal> {
    for statement in [&EXPIRED_MEMBERS, &EXPIRED_ROLES] {
        let found = tx
            .sql
            .one(statement, &[&tx.deployment.id(), &now, &1_i64], |_| {
                Ok::<_, Refusal>(())
            })?;
        if found.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes what is over: at most `limit` memberships and roles together, each member with a revision of its organization
/// and an entry of its own. Tells how many members lost something.
pub(crate) fn sweep(tx: &WriteTx<'_>, limit: u32) -> Result<Recorded<u64>, Refusal> {
    let mut members = expired(tx, &EXPIRED_MEMBERS, limit)?;
    let left = limit.saturating_sub(u32::try_from(members.len()).unwrap_or(limit));
    members.extend(expired(tx, &EXPIRED_ROLES, left)?);
    // In the order of the organizations, both kinds together: two sweepers lock them in one order.
    let members: BTreeSet<(OrganizationId, MemberId)> = members.into_iter().collect();
    let mut swept = tx.untouched(0);
    for (organization, member) in members {
        let count = swept.answer + 1;
        let expired = OrganizationWrite::open(tx, organization, &IfMatch::Any)
            .and_then(|organization| expire(organization, member));
        swept = match expired {
            // Since it was seen to be over, another server has removed it.
            Err(refusal) if is_gone(&refusal) => return Err(tx.sql.overtaken().into()),
            expired => expired?.with(count),
        };
    }
    Ok(swept)
}

fn is_gone(refusal: &Refusal) -> bool {
    matches!(
        refusal.code(),
        Some(ErrorCode::OrganizationNotFound | ErrorCode::MemberNotFound)
    )
}

fn expired(
    tx: &WriteTx<'_>,
    statement: &'static Stmt,
    limit: u32,
) -> Result<Vec<(OrganizationId, MemberId)>, Refusal> {
    tx.sql
        .rows(statement, &[&tx.deployment.id(), &tx.now, &limit], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
}

/// Takes a member out whose time is over, with all roles; from another one, the roles that have ended.
fn expire(
    organization: OrganizationWrite<'_>,
    member: MemberId,
) -> Result<Recorded<Empty>, Refusal> {
    let (tx, now) = (organization.tx, organization.tx.now);
    let before = load(&tx.read(), organization.id, member)?;
    if before.is_over(now) {
        return take_out(organization, &before, Action::MemberExpired);
    }
    let mut after = before.clone();
    after.assignments.retain(|held| !held.is_over(now));
    if after.assignments.len() == before.assignments.len() {
        return Err(tx.sql.overtaken().into());
    }
    settle(organization, &before, after, Action::MemberRolesExpired)
}
