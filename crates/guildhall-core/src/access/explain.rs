//! Why a check is answered as it is: the engine's own explanation, and what the rows tell of how it came about.

use std::collections::BTreeMap;

use guildhall_access::{ExplainedPermission, Path};
use guildhall_db::{Row, Tx, statements};
use guildhall_types::access::{AccessPath, Explanation, Granted, MissingPermission, Reason};
use guildhall_types::ids::{DeploymentId, KeyId, OrganizationId, RoleId, UserId};
use guildhall_types::ledger::Actor;
use guildhall_types::{Revision, Timestamp};

use super::demanded::Demanded;
use super::lists::role;
use super::snapshots::OrganizationKey;
use super::{Access, Freshness};
use crate::refusal::Refusal;
use crate::roles::DEPLOYMENT_SCOPE;

statements! {
    HISTORY_OF_MEMBER = "SELECT l.role_id, l.since_revision, l.granted_by_key_id, g.occurred_at, l.scope,
          r.permissions_revision
        FROM organization_member_roles l
        LEFT JOIN organization_roles r
          ON r.deployment_id = l.deployment_id AND r.scope = l.scope AND r.id = l.role_id
        LEFT JOIN ledger g
          ON g.deployment_id = l.deployment_id AND g.stream_id = l.organization_id AND g.revision = l.since_revision
        WHERE l.deployment_id = ?1 AND l.organization_id = ?2 AND l.member_id =
          (SELECT m.id FROM organization_members m
            WHERE m.deployment_id = ?1 AND m.organization_id = ?2 AND m.user_id = ?3)";
}

/// How a member came by its roles, and the roles by their permissions.
type History = BTreeMap<RoleId, RoleHistory>;

#[derive(Clone, Debug, Default)]
struct RoleHistory {
    granted: Option<Granted>,
    changed: Option<Revision>,
}

impl Access {
    /// Why a check of the same is answered as it is. Read from the tables, whatever the freshness asks for.
    pub async fn explain(
        &self,
        organization: OrganizationId,
        user: UserId,
        demanded: &Demanded<'_>,
        freshness: Freshness,
    ) -> Result<Explanation, Refusal> {
        let floor = self.floor(organization, freshness.at_least)?;
        // Always from the tables, and in one transaction: how the member came by its roles is no part of a snapshot.
        let access = self.clone();
        let read = move |sql: &Tx<'_>| {
            let held = access.read_for_user(sql, organization, user)?;
            let key = (access.deployment.id(), organization);
            Ok::<_, Refusal>((held, history(sql, key, user)?))
        };
        let (held, history) = self.inner.db.point(read).await?;
        self.reached(&held, organization, floor)?;
        let texts = demanded.texts();
        let Some(explained) = held
            .moment()
            .map(|moment| moment.explain(user, &demanded.demand(&texts)))
        else {
            return Ok(nowhere());
        };
        let membership = explained.membership;
        let of_permission = |permission: &ExplainedPermission| paths(permission, &history);
        let paths = explained
            .permissions
            .iter()
            .flat_map(of_permission)
            .collect();
        Ok(Explanation {
            allowed: explained.decision.allowed(),
            reason: explained.decision.reason(),
            revision: held.revision(),
            member_id: membership.as_ref().map(|member| member.member_id),
            membership_expires_at: membership.and_then(|member| member.expires_at),
            paths,
            missing: explained
                .permissions
                .into_iter()
                .filter_map(missing)
                .collect(),
        })
    }
}

/// The explanation of an organization that is not there.
fn nowhere() -> Explanation {
    Explanation {
        allowed: false,
        reason: Reason::OrganizationNotFound,
        revision: None,
        member_id: None,
        membership_expires_at: None,
        paths: Vec::new(),
        missing: Vec::new(),
    }
}

fn paths(explained: &ExplainedPermission, history: &History) -> Vec<AccessPath> {
    let path = |path: &Path| {
        let RoleHistory { granted, changed } =
            history.get(&path.role.role.id).cloned().unwrap_or_default();
        AccessPath {
            permission: explained.permission.clone(),
            held_as: path.held.as_ref().to_owned(),
            role: role(&path.role),
            expires_at: path.until,
            granted,
            role_changed: changed,
        }
    };
    explained.paths.iter().map(path).collect()
}

fn missing(explained: ExplainedPermission) -> Option<MissingPermission> {
    explained.paths.is_empty().then(|| MissingPermission {
        permission: explained.permission,
        roles: explained.given_by.iter().map(role).collect(),
    })
}

fn history(
    sql: &Tx<'_>,
    (deployment, organization): OrganizationKey,
    user: UserId,
) -> Result<History, Refusal> {
    let params: [&dyn guildhall_db::Param; 3] = [&deployment, &organization, &user];
    let rows = sql.rows(&HISTORY_OF_MEMBER, &params, |row| {
        Ok::<_, Refusal>((row.get(0)?, role_history(row, deployment, organization)?))
    })?;
    Ok(rows.into_iter().collect())
}

/// What is not told was before the server kept it.
fn role_history(
    row: &Row<'_>,
    deployment: DeploymentId,
    organization: OrganizationId,
) -> Result<RoleHistory, Refusal> {
    let (since, by): (Option<i64>, Option<KeyId>) = (row.get(1)?, row.get(2)?);
    let at: Option<Timestamp> = row.get(3)?;
    let granted = since.map(|number| Granted {
        revision: Revision {
            stream: organization.raw(),
            number,
        },
        at,
        by: by.map_or(Actor::CommandLine, |id| Actor::ApiKey { id }),
    });
    let scope: i64 = row.get(4)?;
    let stream = if scope == DEPLOYMENT_SCOPE {
        deployment.raw()
    } else {
        organization.raw()
    };
    let changed = row
        .get::<Option<i64>>(5)?
        .map(|number| Revision { stream, number });
    Ok(RoleHistory { granted, changed })
}
