//! The lists of access. They agree with checks because each of them is made of checks.

use std::collections::BTreeSet;

use std::sync::Arc;

use guildhall_access::{DeploymentSnapshot, Moment, OrganizationSnapshot, Path, is_pattern};
use guildhall_db::{Tx, statements};
use guildhall_types::access::{
    AccessHolder, AccessOrganization, AccessRole, Consistency, EffectivePermission, GivingRole,
};
use guildhall_types::ids::{DeploymentId, MemberId, OrganizationId, UserId};
use guildhall_types::{ErrorCode, Page, Revision};
use serde::Serialize;

use super::demanded::Demanded;
use super::{Access, Freshness, Held, load, missing_deployment};
use crate::cursor::{Binding, Cursor, Key};
use crate::paging::PageRequest;
use crate::refusal::Refusal;
use crate::users;

statements! {
    MEMBERSHIPS_OF_USER = "SELECT organization_id, id FROM organization_members
        WHERE deployment_id = ?1 AND user_id = ?2 AND organization_id > ?3 ORDER BY organization_id LIMIT ?4";
}

/// Members, or texts of roles, that are looked through on the calling thread: about a tenth of a millisecond.
const SHORT_MAX: usize = 1_000;

/// Memberships of a user that are looked through on the calling thread: each that is not in memory costs some 40
/// microseconds.
const SHORT_MEMBERSHIPS: i64 = 25;

/// Memberships that one page looks through, but the first, which counts all of them.
const PAGE_MEMBERSHIPS: i64 = 1_000;

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
        let texts = texts(&found(&held)?).count();
        self.look(texts, move || permissions(&held, user)).await
    }

    /// The organizations in which the user has what is demanded, by id.
    ///
    /// No one of them is asked about: what [`Access::concerns_all`] refuses is refused.
    pub async fn organizations(
        &self,
        user: UserId,
        demanded: Demanded<'static>,
        freshness: Freshness,
        request: PageRequest,
    ) -> Result<Page<AccessOrganization>, Refusal> {
        let concerns = |revision| self.concerns_all(revision);
        if !freshness.at_least.is_none_or(concerns) {
            return Err(Refusal::field(
                ErrorCode::InvalidRequest,
                "at_least",
                "must be a revision of the deployment",
            ));
        }
        let (db, asked) = (&self.inner.db, Arc::new((self.clone(), demanded, request)));
        let page = move |sql: &Tx<'_>, memberships_max| {
            let (access, demanded, request) = &*asked;
            access.organizations_in(sql, user, demanded, freshness, request, memberships_max)
        };
        let short = page.clone();
        if let Some(page) = db.point(move |sql| short(sql, SHORT_MEMBERSHIPS)).await? {
            return Ok(page);
        }
        let long = db.list(move |sql| page(sql, i64::MAX));
        long.await?
            .ok_or_else(|| Refusal::internal("a list without a bound was too long"))
    }

    /// Whether an answer about all organizations can be at a revision: it must be one of the deployment.
    pub fn concerns_all(&self, revision: Revision) -> bool {
        revision.stream == self.deployment.id().raw()
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

    /// A page, unless it has to look through more than `looks_max` memberships.
    fn organizations_in(
        &self,
        sql: &Tx<'_>,
        user: UserId,
        demanded: &Demanded<'_>,
        freshness: Freshness,
        request: &PageRequest,
        looks_max: i64,
    ) -> Result<Option<Page<AccessOrganization>>, Refusal> {
        let id = self.deployment.id();
        users::require(&self.inner.read(sql, self.deployment), user)?;
        let deployment = load::deployment_of_user(sql, id, user)?.ok_or_else(missing_deployment)?;
        reached(id, &deployment, freshness.at_least)?;
        let mut list = Listing::begin(
            request,
            Binding::new(id, &("access organizations", user, demanded)),
        )?;
        let page_max = list.total.map_or(i64::MAX, |_| PAGE_MEMBERSHIPS);
        let limit = looks_max.min(page_max);
        let mut memberships = sql.rows(
            &MEMBERSHIPS_OF_USER,
            &[&id, &user, &list.after, &limit.saturating_add(1)],
            |row| Ok::<(OrganizationId, MemberId), Refusal>((row.get(0)?, row.get(1)?)),
        )?;
        let rest = i64::try_from(memberships.len()).is_ok_and(|length| length > limit);
        if rest {
            if looks_max < page_max {
                return Ok(None);
            }
            memberships.pop();
        }
        let last = memberships.last().map(|(id, _)| id.raw());
        for (organization_id, member_id) in memberships {
            if list.is_over() {
                break;
            }
            if self.has_in(sql, &deployment, organization_id, user, demanded, freshness)? {
                list.add(AccessOrganization {
                    organization_id,
                    member_id,
                });
            }
        }
        let place = |item: &AccessOrganization| item.organization_id.raw();
        Ok(Some(list.finish(place, last.filter(|_| rest))))
    }

    /// The check, of the snapshot if there is one and it may be asked, or of the user's own rows.
    fn has_in(
        &self,
        sql: &Tx<'_>,
        deployment: &DeploymentSnapshot,
        organization: OrganizationId,
        user: UserId,
        demanded: &Demanded<'_>,
        freshness: Freshness,
    ) -> Result<bool, Refusal> {
        let key = (self.deployment.id(), organization);
        let texts = demanded.texts();
        let check = |organization: &OrganizationSnapshot| {
            let moment = Moment {
                organization,
                deployment,
                now: self.inner.clock.now(),
            };
            moment.check(user, &demanded.demand(&texts)).allowed()
        };
        let organizations = &self.inner.snapshots.organizations;
        if freshness.consistency == Consistency::Cached
            && let Some(allowed) = organizations.with(&key, 0, |found| check(found))
        {
            return Ok(allowed);
        }
        let found = load::organization_of_user(sql, key, user)?;
        Ok(found.is_some_and(|organization| check(&organization)))
    }
}

/// Refuses an answer about all organizations that is older than what was demanded: the database itself is.
fn reached(
    stream: DeploymentId,
    deployment: &DeploymentSnapshot,
    at_least: Option<Revision>,
) -> Result<(), Refusal> {
    let current = Revision {
        stream: stream.raw(),
        number: deployment.revision(),
    };
    if at_least.is_none_or(|demanded| demanded.number <= current.number) {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::RevisionNotReached,
        format!("the deployment is at `{current}`; it has not come to the revision in `at_least`"),
    ))
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
    let mut list = Listing::begin(request, binding)?;
    let texts = demanded.texts();
    let after = UserId::new(list.after).ok();
    for (user_id, member_id) in moment.holders(&demanded.demand(&texts), after) {
        if list.is_over() {
            break;
        }
        list.add(AccessHolder { user_id, member_id });
    }
    Ok(list.finish(|item| item.user_id.raw(), None))
}

fn permissions(held: &Held, user: UserId) -> Result<Page<EffectivePermission>, Refusal> {
    let permissions = found(held)?.permissions_of(user).unwrap_or_default();
    Ok(Page::whole(permissions.iter().map(effective).collect()))
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

/// A page in the order of ids. The first counts everything; its cursor tells the others, so that each of them only
/// looks until it is full.
#[derive(Debug)]
struct Listing<'r, T> {
    request: &'r PageRequest,
    binding: Binding,
    /// The id that the page begins after.
    after: i64,
    /// How many items all pages have, on every page but the first.
    total: Option<i64>,
    count: i64,
    rows: Vec<T>,
}

impl<'r, T> Listing<'r, T> {
    fn begin(request: &'r PageRequest, binding: Binding) -> Result<Self, Refusal> {
        let (after, total) = match request.cursor(|| binding)? {
            Some(Cursor {
                key: Key::Int(total),
                id,
            }) => (id, Some(total)),
            _ => (0, None),
        };
        Ok(Self {
            request,
            binding,
            after,
            total,
            count: 0,
            rows: Vec::new(),
        })
    }

    /// Whether nothing more has to be looked at: there is one item more than the page has, and nothing to count.
    fn is_over(&self) -> bool {
        self.total.is_some() && self.rows.len() > self.request.limit as usize
    }

    fn add(&mut self, item: T) {
        self.count += 1;
        if self.rows.len() <= self.request.limit as usize {
            self.rows.push(item);
        }
    }

    /// The page; `rest` is where the look ended, if more is to be looked at.
    fn finish(mut self, place: impl Fn(&T) -> i64, rest: Option<i64>) -> Page<T> {
        let total = self.total.unwrap_or(self.count);
        let more = self.rows.len() > self.request.limit as usize;
        self.rows.truncate(self.request.limit as usize);
        let next = if more {
            self.rows.last().map(place)
        } else {
            rest
        };
        let cursor = next.map(|id| {
            let cursor = Cursor {
                key: Key::Int(total),
                id,
            };
            cursor.encode(self.binding)
        });
        let total = u64::try_from(total).unwrap_or_default();
        self.request
            .filled(self.rows, total, cursor.is_some(), cursor)
    }
}
