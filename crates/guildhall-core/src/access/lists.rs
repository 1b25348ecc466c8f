//! The lists of access. They agree with checks because each of them is made of checks.

use std::collections::BTreeSet;

use guildhall_access::{DeploymentSnapshot, Moment, OrganizationSnapshot, Path, is_pattern};
use guildhall_db::{Tx, statements};
use guildhall_types::access::{
    AccessHolder, AccessOrganization, AccessRole, EffectivePermission, GivingRole,
};
use guildhall_types::ids::{DeploymentId, MemberId, OrganizationId, UserId};
use guildhall_types::{ErrorCode, Page};
use serde::Serialize;

use super::demanded::Demanded;
use super::{Access, Freshness, Held, load, missing_deployment};
use crate::cursor::{Binding, Cursor, Key};
use crate::paging::PageRequest;
use crate::refusal::Refusal;
use crate::users;

statements! {
    MEMBERSHIPS_OF_USER = "SELECT organization_id, id FROM organization_members
        WHERE deployment_id = ?1 AND user_id = ?2 ORDER BY organization_id";
}

/// Members, or texts of roles, that are looked through on the calling thread: about a tenth of a millisecond.
const SHORT_MAX: usize = 1_000;

/// Which permissions of those that roles name are listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Named {
    /// All of them.
    All,
    /// Those that begin like this.
    StartingWith(String),
    /// Those that end like this.
    EndingWith(String),
}

impl Access {
    /// Who in the organization has what is demanded, by user id.
    pub async fn holders(
        &self,
        organization: OrganizationId,
        demanded: Demanded<'static>,
        freshness: Freshness,
        request: PageRequest,
    ) -> Result<Page<AccessHolder>, Refusal> {
        let held = self.moment(organization, freshness).await?;
        let deployment = self.deployment.id();
        let members = held
            .moment()
            .map_or(0, |moment| moment.organization.member_count());
        self.look(members, move || {
            holders(deployment, &held, &demanded, &request)
        })
        .await
    }

    /// All that the user may do in the organization, by text; nothing when the user is not let in.
    pub async fn permissions(
        &self,
        organization: OrganizationId,
        user: UserId,
        freshness: Freshness,
    ) -> Result<Page<EffectivePermission>, Refusal> {
        let held = self.moment(organization, freshness).await?;
        let moment = found(&held)?;
        let permissions = moment.permissions_of(user).unwrap_or_default();
        Ok(Page::whole(permissions.iter().map(effective).collect()))
    }

    /// The organizations in which the user has what is demanded, by id.
    pub async fn organizations(
        &self,
        user: UserId,
        demanded: Demanded<'static>,
        request: PageRequest,
    ) -> Result<Page<AccessOrganization>, Refusal> {
        let access = self.clone();
        self.inner
            .db
            .list(move |sql| access.organizations_in(sql, user, &demanded, &request))
            .await
    }

    /// The permissions that the user has in the organization, of those that a role names without a wildcard, by text.
    ///
    /// What a wildcard gives beyond them has no end, and is in no list.
    pub async fn named_permissions(
        &self,
        organization: OrganizationId,
        user: UserId,
        named: Named,
        freshness: Freshness,
        request: PageRequest,
    ) -> Result<Page<String>, Refusal> {
        let held = self.moment(organization, freshness).await?;
        let deployment = self.deployment.id();
        let texts = texts(&found(&held)?).count();
        self.look(texts, move || {
            named_permissions(deployment, &held, user, &named, &request)
        })
        .await
    }

    /// Looks through so many things: a few at once, more of them where it delays nobody.
    async fn look<T: Send + 'static>(
        &self,
        things: usize,
        look: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        if things <= SHORT_MAX {
            look()
        } else {
            self.inner.db.list(move |_| look()).await
        }
    }

    fn organizations_in(
        &self,
        sql: &Tx<'_>,
        user: UserId,
        demanded: &Demanded<'_>,
        request: &PageRequest,
    ) -> Result<Page<AccessOrganization>, Refusal> {
        let id = self.deployment.id();
        users::require(&self.inner.read(sql, self.deployment), user)?;
        let deployment = load::deployment_of_user(sql, id, user)?.ok_or_else(missing_deployment)?;
        let memberships = sql.rows(&MEMBERSHIPS_OF_USER, &[&id, &user], |row| {
            let membership: (OrganizationId, MemberId) = (row.get(0)?, row.get(1)?);
            Ok::<_, Refusal>(membership)
        })?;
        let binding = Binding::new(id, &("access organizations", user, demanded));
        let after = after(request, binding)?;
        let (mut rows, mut total) = (Vec::new(), 0);
        for (organization_id, member_id) in memberships {
            if !self.has_in(sql, &deployment, organization_id, user, demanded)? {
                continue;
            }
            total += 1;
            if organization_id.raw() > after && wanted(request, &rows) {
                rows.push(AccessOrganization {
                    organization_id,
                    member_id,
                });
            }
        }
        Ok(request.page(rows, total, binding, |last| {
            place(last.organization_id.raw())
        }))
    }

    /// The check, of the organization as the transaction sees it, as far as the user goes.
    fn has_in(
        &self,
        sql: &Tx<'_>,
        deployment: &DeploymentSnapshot,
        organization: OrganizationId,
        user: UserId,
        demanded: &Demanded<'_>,
    ) -> Result<bool, Refusal> {
        let key = (self.deployment.id(), organization);
        let found: Option<OrganizationSnapshot> = load::organization_of_user(sql, key, user)?;
        let texts = demanded.texts();
        Ok(found.is_some_and(|organization| {
            let moment = Moment {
                organization: &organization,
                deployment,
                now: self.inner.clock.now(),
            };
            moment.check(user, &demanded.demand(&texts)).allowed()
        }))
    }
}

fn holders(
    deployment: DeploymentId,
    held: &Held,
    demanded: &Demanded<'_>,
    request: &PageRequest,
) -> Result<Page<AccessHolder>, Refusal> {
    let moment = found(held)?;
    let organization = moment.organization.id();
    let binding = Binding::new(deployment, &("access holders", organization, demanded));
    let after = after(request, binding)?;
    let texts = demanded.texts();
    let (mut rows, mut total) = (Vec::new(), 0);
    for (user_id, member_id) in moment.holders(&demanded.demand(&texts), None) {
        total += 1;
        if user_id.raw() > after && wanted(request, &rows) {
            rows.push(AccessHolder { user_id, member_id });
        }
    }
    Ok(request.page(rows, total, binding, |last| place(last.user_id.raw())))
}

fn named_permissions(
    deployment: DeploymentId,
    held: &Held,
    user: UserId,
    named: &Named,
    request: &PageRequest,
) -> Result<Page<String>, Refusal> {
    let moment = found(held)?;
    let organization = moment.organization.id();
    let binding = Binding::new(
        deployment,
        &("named permissions", organization, user, named),
    );
    let after = match request.cursor(|| binding)? {
        Some(Cursor {
            key: Key::Text(text),
            ..
        }) => Some(text),
        _ => None,
    };
    let candidates: BTreeSet<&str> = texts(&moment)
        .filter(|text| !is_pattern(text) && named.includes(text))
        .collect();
    let allowed = |text: &&str| {
        let demand = guildhall_access::Demand::All(&[text]);
        moment.check(user, &demand).allowed()
    };
    let has: Vec<&str> = candidates.into_iter().filter(allowed).collect();
    let total = has.len() as u64;
    let is_after = |text: &&str| after.as_deref().is_none_or(|after| *text > after);
    let rows = has.into_iter().filter(is_after).map(str::to_owned);
    let rows = rows.take(request.limit as usize + 1).collect();
    Ok(request.page(rows, total, binding, |last: &String| Cursor {
        key: Key::Text(last.clone()),
        id: 0,
    }))
}

/// The texts of all roles that members of the organization may hold.
fn texts<'a>(moment: &Moment<'a>) -> impl Iterator<Item = &'a str> {
    let roles = moment.organization.roles().chain(moment.deployment.roles());
    roles.flat_map(|role| role.permissions.iter())
}

impl Named {
    fn includes(&self, text: &str) -> bool {
        match self {
            Self::All => true,
            Self::StartingWith(start) => text.starts_with(start),
            Self::EndingWith(end) => text.ends_with(end),
        }
    }
}

fn effective(held: &guildhall_access::EffectivePermission) -> EffectivePermission {
    let roles: Vec<GivingRole> = held.paths.iter().map(giving).collect();
    let endless = roles.iter().any(|role| role.expires_at.is_none());
    let last = roles.iter().filter_map(|role| role.expires_at).max();
    EffectivePermission {
        permission: held.permission.as_ref().to_owned(),
        roles,
        expires_at: last.filter(|_| !endless),
    }
}

fn giving(path: &Path) -> GivingRole {
    GivingRole {
        role: role(&path.role),
        expires_at: path.until,
    }
}

/// A role of the engine, named.
pub(super) fn role(source: &guildhall_access::RoleSource) -> AccessRole {
    AccessRole {
        id: source.role.id,
        name: source.role.name.as_ref().to_owned(),
        is_deployment_level: source.is_deployment_level,
    }
}

/// The moment of an organization that a path names: a missing one is a 404.
pub(super) fn found(held: &Held) -> Result<Moment<'_>, Refusal> {
    held.moment()
        .ok_or_else(|| Refusal::plain(ErrorCode::OrganizationNotFound))
}

/// The id that the page begins after.
fn after(request: &PageRequest, binding: Binding) -> Result<i64, Refusal> {
    Ok(request.cursor(|| binding)?.map_or(0, |cursor| cursor.id))
}

fn place(id: i64) -> Cursor {
    Cursor {
        key: Key::Int(id),
        id,
    }
}

/// Whether the page has room for one more item, or for the one that tells that another page follows.
fn wanted<T>(request: &PageRequest, rows: &[T]) -> bool {
    rows.len() <= request.limit as usize
}
