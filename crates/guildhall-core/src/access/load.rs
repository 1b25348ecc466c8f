//! Reading the snapshot of an organization or a deployment from its tables, as of one moment.

use guildhall_access::{
    Assignment, DeploymentSnapshot, Membership, OrganizationBuilder, OrganizationSnapshot, Role,
};
use guildhall_db::{Param, Row, Tx, statements};
use guildhall_types::Timestamp;
use guildhall_types::ids::{DeploymentId, MemberId, OrganizationId, UserId};

use crate::paging::Effort;
use crate::refusal::Refusal;
use crate::roles::DEPLOYMENT_SCOPE;

statements! {
    ORGANIZATION = "SELECT revision, suspended_at, member_count, role_count FROM organizations
        WHERE deployment_id = ?1 AND id = ?2";
    ROLES = "SELECT id, name, permissions FROM organization_roles
        WHERE deployment_id = ?1 AND scope = ?2 ORDER BY id";
    // An index has all of it, in this order: no row of a member is touched, whatever its metadata is.
    MEMBERS = "SELECT user_id, id FROM organization_members
        WHERE deployment_id = ?1 AND organization_id = ?2 ORDER BY user_id";
    // The few that are suspended or end, in the same order, by an index of their own.
    LIMITED_MEMBERS = "SELECT user_id, suspended_at, expires_at FROM organization_members
        WHERE deployment_id = ?1 AND organization_id = ?2 AND (suspended_at IS NOT NULL OR expires_at IS NOT NULL)
        ORDER BY user_id";
    ASSIGNMENTS = "SELECT role_id, expires_at, member_id FROM organization_member_roles
        WHERE deployment_id = ?1 AND organization_id = ?2 ORDER BY member_id";
    MEMBER = "SELECT id, suspended_at, expires_at FROM organization_members
        WHERE deployment_id = ?1 AND organization_id = ?2 AND user_id = ?3";
    ASSIGNMENTS_OF_MEMBER = "SELECT role_id, expires_at FROM organization_member_roles
        WHERE deployment_id = ?1 AND organization_id = ?2 AND member_id = ?3";
    DEPLOYMENT = "SELECT revision FROM deployments WHERE id = ?1";
    DISABLED_USERS = "SELECT id FROM users WHERE deployment_id = ?1 AND disabled ORDER BY id LIMIT ?2";
    DISABLED_USER = "SELECT disabled FROM users WHERE deployment_id = ?1 AND id = ?2";
}

/// Members or disabled users up to which a snapshot is read like a single object: about a millisecond.
const SHORT_MAX: i64 = 1_000;

/// Roles of an organization up to which the same holds, at some ten permissions a role.
const SHORT_ROLES_MAX: i64 = 100;

/// What came of reading a snapshot.
#[derive(Debug)]
pub(crate) enum Read<V> {
    /// It is there.
    Value(V),
    /// There is no such thing.
    Absent,
    /// It is more than a short read may take.
    Long,
}

impl<V> Read<V> {
    /// What was read by an effort for which nothing is too long.
    pub(crate) fn into_value(self) -> Option<V> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Long => None,
        }
    }
}

/// Reads an organization with all of its members.
pub(crate) fn organization(
    sql: &Tx<'_>,
    (deployment, id): (DeploymentId, OrganizationId),
    effort: Effort,
) -> Result<Read<OrganizationSnapshot>, Refusal> {
    let Some((mut builder, size)) = begin(sql, deployment, id)? else {
        return Ok(Read::Absent);
    };
    if effort == Effort::Short && size.is_long() {
        return Ok(Read::Long);
    }
    roles(sql, deployment, id.raw(), |role| {
        builder.role(role);
    })?;
    let mut assignments: Vec<(MemberId, Assignment)> = Vec::new();
    sql.each(&ASSIGNMENTS, &[&deployment, &id], |row| {
        assignments.push((row.get(2)?, assignment(row)?));
        Ok::<_, Refusal>(())
    })?;
    let limits = sql.rows(&LIMITED_MEMBERS, &[&deployment, &id], |row| {
        Ok::<_, Refusal>((row.get::<UserId>(0)?, limit(row)?))
    })?;
    let mut limits = limits.into_iter().peekable();
    sql.each(&MEMBERS, &[&deployment, &id], |row| {
        let (user_id, member_id): (UserId, MemberId) = (row.get(0)?, row.get(1)?);
        let begin = assignments.partition_point(|(member, _)| *member < member_id);
        let own = assignments.get(begin..).unwrap_or_default();
        let own = own.iter().take_while(|(member, _)| *member == member_id);
        let limit = limits.next_if(|(user, _)| *user == user_id);
        let (suspended, expires_at) = limit.map_or((false, None), |(_, limit)| limit);
        builder.member(Membership {
            member_id,
            user_id,
            suspended,
            expires_at,
            roles: own.map(|(_, assignment)| *assignment).collect(),
        });
        Ok::<_, Refusal>(())
    })?;
    Ok(Read::Value(builder.finish()))
}

/// Reads an organization as if `user` were its only member: enough for every question about that user, at a price that
/// does not depend on how many members there are.
pub(crate) fn organization_of_user(
    sql: &Tx<'_>,
    (deployment, id): (DeploymentId, OrganizationId),
    user_id: UserId,
) -> Result<Option<OrganizationSnapshot>, Refusal> {
    let Some((mut builder, _)) = begin(sql, deployment, id)? else {
        return Ok(None);
    };
    // All of them: an explanation also names those that the user does not hold.
    roles(sql, deployment, id.raw(), |role| {
        builder.role(role);
    })?;
    let member = sql.one(&MEMBER, &[&deployment, &id, &user_id], |row| {
        Ok::<_, Refusal>((row.get::<MemberId>(0)?, limit(row)?))
    })?;
    if let Some((member_id, (suspended, expires_at))) = member {
        let member: [&dyn Param; 3] = [&deployment, &id, &member_id];
        builder.member(Membership {
            member_id,
            user_id,
            suspended,
            expires_at,
            roles: sql.rows(&ASSIGNMENTS_OF_MEMBER, &member, assignment)?,
        });
    }
    Ok(Some(builder.finish()))
}

/// Reads what holds in the whole deployment.
pub(crate) fn deployment(
    sql: &Tx<'_>,
    id: DeploymentId,
    effort: Effort,
) -> Result<Read<DeploymentSnapshot>, Refusal> {
    let Some(revision) = deployment_revision(sql, id)? else {
        return Ok(Read::Absent);
    };
    let mut builder = DeploymentSnapshot::builder(revision);
    let limit = match effort {
        Effort::Short => SHORT_MAX + 1,
        Effort::Long => i64::MAX,
    };
    let mut count = 0;
    sql.each(&DISABLED_USERS, &[&id, &limit], |row| {
        builder.disabled_user(row.get(0)?);
        count += 1;
        Ok::<_, Refusal>(())
    })?;
    if effort == Effort::Short && count > SHORT_MAX {
        return Ok(Read::Long);
    }
    roles(sql, id, DEPLOYMENT_SCOPE, |role| {
        builder.role(role);
    })?;
    Ok(Read::Value(builder.finish()))
}

/// Reads what holds in the deployment, as far as questions about `user` go.
pub(crate) fn deployment_of_user(
    sql: &Tx<'_>,
    id: DeploymentId,
    user: UserId,
) -> Result<Option<DeploymentSnapshot>, Refusal> {
    let Some(revision) = deployment_revision(sql, id)? else {
        return Ok(None);
    };
    let mut builder = DeploymentSnapshot::builder(revision);
    let disabled = sql.one(&DISABLED_USER, &[&id, &user], |row| {
        Ok::<_, Refusal>(row.get::<bool>(0)?)
    })?;
    if disabled == Some(true) {
        builder.disabled_user(user);
    }
    roles(sql, id, DEPLOYMENT_SCOPE, |role| {
        builder.role(role);
    })?;
    Ok(Some(builder.finish()))
}

/// How much of an organization there is to read.
#[derive(Clone, Copy, Debug)]
struct Size {
    members: i64,
    roles: i64,
}

impl Size {
    /// Whether it is more than a short read may take.
    fn is_long(self) -> bool {
        self.members > SHORT_MAX || self.roles > SHORT_ROLES_MAX
    }
}

/// An organization without its members and roles, and how many there are.
fn begin(
    sql: &Tx<'_>,
    deployment: DeploymentId,
    id: OrganizationId,
) -> Result<Option<(OrganizationBuilder, Size)>, Refusal> {
    sql.one(&ORGANIZATION, &[&deployment, &id], |row| {
        let mut builder = OrganizationSnapshot::builder(id, row.get(0)?);
        builder.suspended(row.get::<Option<Timestamp>>(1)?.is_some());
        let size = Size {
            members: row.get(2)?,
            roles: row.get(3)?,
        };
        Ok((builder, size))
    })
}

fn roles(
    sql: &Tx<'_>,
    deployment: DeploymentId,
    scope: i64,
    mut visit: impl FnMut(Role),
) -> Result<(), Refusal> {
    sql.each(&ROLES, &[&deployment, &scope], |row| {
        let permissions: Vec<String> = serde_json::from_str(row.text(2)?)
            .map_err(|error| row.corrupt(2, &error.to_string()))?;
        visit(Role::new(row.get(0)?, row.text(1)?, permissions));
        Ok(())
    })
}

fn deployment_revision(sql: &Tx<'_>, id: DeploymentId) -> Result<Option<i64>, Refusal> {
    sql.one(&DEPLOYMENT, &[&id], |row| Ok(row.get(0)?))
}

/// Reads an assignment from the first two columns.
fn assignment(row: &Row<'_>) -> Result<Assignment, Refusal> {
    Ok(Assignment {
        role_id: row.get(0)?,
        expires_at: row.get(1)?,
    })
}

/// Whether a member is suspended, and when the membership ends, from the second and third column.
fn limit(row: &Row<'_>) -> Result<(bool, Option<Timestamp>), Refusal> {
    Ok((row.get::<Option<Timestamp>>(1)?.is_some(), row.get(2)?))
}
