//! Access: may this user do this here.
//!
//! Questions are answered by the engine (`guildhall_access`) from snapshots that this room loads on first use, keeps, and
//! folds every committed change into before the change is acknowledged. So an answer of this process is never older
//! than a change that it has acknowledged.
//!
//! - [`Access::check`] is the question that is asked thousands of times a second: without a lock, without the database.
//! - [`Access::moment`] gives the organization and the deployment as of one moment, for questions that belong together.

pub(crate) mod cache;
mod demanded;
pub(crate) mod difference;
mod explain;
pub(crate) mod fetch;
mod lists;
mod load;
mod moments;
pub(crate) mod news;
pub(crate) mod snapshots;

use std::sync::Arc;

pub use cache::CacheStats;
pub use demanded::{Demanded, Texts};
use guildhall_access::{
    Decision, Demand, DeploymentSnapshot, Moment, OrganizationSnapshot, Reason,
};
use guildhall_db::{Stmt, Tx};
use guildhall_types::access::Consistency;
use guildhall_types::ids::{OrganizationId, UserId};
use guildhall_types::{ErrorCode, Revision, Timestamp};
pub use lists::Named;
pub use moments::Moments;

use crate::guildhall::{Guildhall, Inner};
use crate::paging::Effort;
use crate::refusal::Refusal;
use crate::scope::{Deployment, missing_deployment};
use fetch::{Soon, fetch, fetch_soon, load_beside};

pub(crate) fn statements() -> Vec<&'static Stmt> {
    [load::STATEMENTS, lists::STATEMENTS, explain::STATEMENTS].concat()
}

/// The questions that can be asked in one deployment.
#[derive(Clone, Debug)]
pub struct Access {
    inner: Arc<Inner>,
    deployment: Deployment,
}

/// How fresh an answer must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// Where it comes from.
    pub consistency: Consistency,
    /// A revision, of the organization or of its deployment, that it must not be older than.
    pub at_least: Option<Revision>,
}

/// The answer to a check.
#[derive(Clone, Copy, Debug)]
pub struct Checked {
    /// Whether the user may, and why.
    pub decision: Decision,
    /// The revision of the organization that it was decided at; `None` if there is no such organization.
    pub revision: Option<Revision>,
}

/// An organization and its deployment, as of one moment.
#[derive(Clone, Debug)]
pub struct Held {
    organization: Option<Arc<OrganizationSnapshot>>,
    deployment: Arc<DeploymentSnapshot>,
    now: Timestamp,
}

impl Held {
    /// What questions are asked of; `None` if there is no such organization.
    pub fn moment(&self) -> Option<Moment<'_>> {
        Some(Moment {
            organization: self.organization.as_deref()?,
            deployment: &self.deployment,
            now: self.now,
        })
    }

    /// May `user` do this here?
    pub fn check(&self, user: UserId, demand: &Demand<'_>) -> Decision {
        self.moment()
            .map_or(Reason::OrganizationNotFound.into(), |moment| {
                moment.check(user, demand)
            })
    }

    /// May somebody do this here who is a member of nothing?
    pub fn check_nobody(&self) -> Decision {
        let reason = match self.organization.as_deref() {
            None => Reason::OrganizationNotFound,
            Some(organization) if organization.suspended() => Reason::OrganizationSuspended,
            Some(_) => Reason::NotAMember,
        };
        reason.into()
    }

    /// The revision of the organization; `None` if there is no such organization.
    pub fn revision(&self) -> Option<Revision> {
        self.organization.as_deref().map(revision)
    }
}

fn revision(organization: &OrganizationSnapshot) -> Revision {
    Revision {
        stream: organization.id().raw(),
        number: organization.revision(),
    }
}

/// The revisions that an answer must not be older than; 0 is no demand.
#[derive(Clone, Copy, Debug, Default)]
struct Floor {
    organization: i64,
    deployment: i64,
}

impl Floor {
    /// What satisfies both.
    fn max(self, other: Self) -> Self {
        Self {
            organization: self.organization.max(other.organization),
            deployment: self.deployment.max(other.deployment),
        }
    }
}

impl Guildhall {
    /// Access, in one deployment.
    pub fn access(&self, deployment: Deployment) -> Access {
        Access {
            inner: Arc::clone(&self.inner),
            deployment,
        }
    }

    /// Numbers of the snapshots of organizations, for the metrics.
    pub fn access_cache_stats(&self) -> CacheStats {
        self.inner.snapshots.stats()
    }
}

impl Access {
    /// May `user` do this in `organization`? Answers without waiting when the snapshots are there.
    pub async fn check(
        &self,
        organization: OrganizationId,
        user: UserId,
        demand: &Demand<'_>,
        freshness: Freshness,
    ) -> Result<Checked, Refusal> {
        let floor = self.floor(organization, freshness.at_least)?;
        if freshness.consistency == Consistency::Cached {
            if let Some(checked) = self.check_at_once(organization, user, demand, floor) {
                return Ok(checked);
            }
            let held = self.held_for_user(organization, user, floor).await?;
            return Ok(held.checked(user, demand));
        }
        let held = self.user_from_tables(organization, user).await?;
        self.reached(&held, organization, floor)?;
        Ok(held.checked(user, demand))
    }

    /// Whether a revision is one of the organization or of its deployment, so that an answer can be at it.
    pub fn concerns(&self, organization: OrganizationId, revision: Revision) -> bool {
        self.floor_of(organization, revision).is_some()
    }

    /// The organization and the deployment as of one moment.
    pub async fn moment(
        &self,
        organization: OrganizationId,
        freshness: Freshness,
    ) -> Result<Held, Refusal> {
        let floor = self.floor(organization, freshness.at_least)?;
        self.moment_at(organization, freshness.consistency, floor)
            .await
    }

    async fn moment_at(
        &self,
        organization: OrganizationId,
        consistency: Consistency,
        floor: Floor,
    ) -> Result<Held, Refusal> {
        match consistency {
            Consistency::Cached => self.held(organization, floor).await,
            Consistency::Full => {
                let held = self.read_whole(organization).await?;
                self.reached(&held, organization, floor)?;
                Ok(held)
            }
        }
    }

    /// The moment of several questions: at the revisions of `at_least` that concern it, or later.
    async fn moment_at_all(
        &self,
        organization: OrganizationId,
        consistency: Consistency,
        at_least: &[Revision],
    ) -> Result<Held, Refusal> {
        let floors = at_least
            .iter()
            .filter_map(|revision| self.floor_of(organization, *revision));
        let floor = floors.fold(Floor::default(), Floor::max);
        self.moment_at(organization, consistency, floor).await
    }

    /// The answer, if both snapshots are there. Takes no lock and allocates nothing.
    fn check_at_once(
        &self,
        organization: OrganizationId,
        user: UserId,
        demand: &Demand<'_>,
        floor: Floor,
    ) -> Option<Checked> {
        let snapshots = &self.inner.snapshots;
        let key = (self.deployment.id(), organization);
        let ask = |deployment: &Arc<DeploymentSnapshot>| {
            snapshots
                .organizations
                .with(&key, floor.organization, |organization| Checked {
                    decision: Moment {
                        organization,
                        deployment,
                        now: self.inner.clock.now(),
                    }
                    .check(user, demand),
                    revision: Some(revision(organization)),
                })
        };
        snapshots
            .deployments
            .with(&self.deployment.id(), floor.deployment, ask)
            .flatten()
    }

    /// The moment for questions about one user, who need not wait for a large organization: while it is loaded, the
    /// user's own rows are asked.
    async fn held_for_user(
        &self,
        organization: OrganizationId,
        user: UserId,
        floor: Floor,
    ) -> Result<Held, Refusal> {
        let (db, snapshots) = (&self.inner.db, &self.inner.snapshots);
        let key = (self.deployment.id(), organization);
        let soon = fetch_soon(db, &snapshots.organizations, key, floor.organization);
        match soon.await? {
            Soon::Here(found) => self.held_after(organization, found, floor).await,
            Soon::Later(ticket) => {
                let held = self.user_from_tables(organization, user).await?;
                // After the answer is known: the threads of the load would be in its way.
                if let Some(ticket) = ticket {
                    load_beside(db, ticket);
                }
                self.reached(&held, organization, floor)?;
                Ok(held)
            }
        }
    }

    /// The moment from the snapshots, loading those that are not there.
    async fn held(&self, organization: OrganizationId, floor: Floor) -> Result<Held, Refusal> {
        let (db, snapshots) = (&self.inner.db, &self.inner.snapshots);
        let deployment = self.deployment_snapshot(floor.deployment).await?;
        let key = (self.deployment.id(), organization);
        if let Some(found) = snapshots.organizations.get(&key, floor.organization) {
            return self.hold_reached(organization, Some(found), deployment, floor);
        }
        let found = fetch(db, &snapshots.organizations, key, floor.organization).await?;
        let held = self.held_after(organization, found, floor).await?;
        // It may be one of a thousand that one request asks about: others go on between two of them.
        tokio::task::yield_now().await;
        Ok(held)
    }

    /// The moment of an organization that was waited for, perhaps long: the deployment is looked at afterwards, so that
    /// what was acknowledged meanwhile counts.
    async fn held_after(
        &self,
        organization: OrganizationId,
        found: Option<Arc<OrganizationSnapshot>>,
        floor: Floor,
    ) -> Result<Held, Refusal> {
        let deployment = self.deployment_snapshot(floor.deployment).await?;
        // Once more, and after the deployment, as a check at once looks: a disabled user who is deleted leaves the
        // organizations first, and must not be let in because only the deployment has forgotten the user.
        let key = (self.deployment.id(), organization);
        let organizations = &self.inner.snapshots.organizations;
        let found = organizations.get_again(&key, floor.organization).or(found);
        self.hold_reached(organization, found, deployment, floor)
    }

    fn hold_reached(
        &self,
        organization: OrganizationId,
        found: Option<Arc<OrganizationSnapshot>>,
        deployment: Arc<DeploymentSnapshot>,
        floor: Floor,
    ) -> Result<Held, Refusal> {
        let held = self.hold(found, deployment);
        self.reached(&held, organization, floor)?;
        Ok(held)
    }

    /// What holds in the whole deployment, at `at_least` or later if the database is.
    pub(crate) async fn deployment_snapshot(
        &self,
        at_least: i64,
    ) -> Result<Arc<DeploymentSnapshot>, Refusal> {
        let (db, snapshots) = (&self.inner.db, &self.inner.snapshots);
        let id = self.deployment.id();
        if let Some(found) = snapshots.deployments.get(&id, at_least) {
            return Ok(found);
        }
        fetch(db, &snapshots.deployments, id, at_least)
            .await?
            .ok_or_else(missing_deployment)
    }

    /// The moment straight from the database, as far as `user` goes.
    async fn user_from_tables(
        &self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Held, Refusal> {
        let access = self.clone();
        let read = move |sql: &Tx<'_>| access.read_for_user(sql, organization, user);
        self.inner.db.point(read).await
    }

    /// The same, in a transaction that reads more.
    fn read_for_user(
        &self,
        sql: &Tx<'_>,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Held, Refusal> {
        let id = self.deployment.id();
        let found = load::organization_of_user(sql, (id, organization), user)?;
        let deployment = load::deployment_of_user(sql, id, user)?.ok_or_else(missing_deployment)?;
        Ok(self.hold(found.map(Arc::new), Arc::new(deployment)))
    }

    /// The moment straight from the database, with all members.
    async fn read_whole(&self, organization: OrganizationId) -> Result<Held, Refusal> {
        let id = self.deployment.id();
        let (found, deployment) = self
            .inner
            .db
            .list(move |sql| {
                let found = load::organization(sql, (id, organization), Effort::Long)?;
                let deployment = load::deployment(sql, id, Effort::Long)?.into_value();
                Ok::<_, Refusal>((
                    found.into_value(),
                    deployment.ok_or_else(missing_deployment)?,
                ))
            })
            .await?;
        Ok(self.hold(found.map(Arc::new), Arc::new(deployment)))
    }

    fn hold(
        &self,
        organization: Option<Arc<OrganizationSnapshot>>,
        deployment: Arc<DeploymentSnapshot>,
    ) -> Held {
        Held {
            organization,
            deployment,
            // After the snapshots are there: waiting for them must not let an end be overlooked.
            now: self.inner.clock.now(),
        }
    }

    /// What `at_least` demands of each of the two streams.
    fn floor(
        &self,
        organization: OrganizationId,
        at_least: Option<Revision>,
    ) -> Result<Floor, Refusal> {
        let Some(revision) = at_least else {
            return Ok(Floor::default());
        };
        self.floor_of(organization, revision).ok_or_else(|| {
            Refusal::field(
                ErrorCode::InvalidRequest,
                "at_least",
                "must be a revision of the organization that is asked about, or of its deployment",
            )
        })
    }

    /// What a revision demands of the two streams; `None` if it is of neither.
    fn floor_of(&self, organization: OrganizationId, revision: Revision) -> Option<Floor> {
        let Revision { stream, number } = revision;
        let mut floor = Floor::default();
        if stream == organization.raw() {
            floor.organization = number;
        } else if stream == self.deployment.id().raw() {
            floor.deployment = number;
        } else {
            return None;
        }
        Some(floor)
    }

    /// Refuses an answer that is older than what was demanded: the database itself is.
    fn reached(
        &self,
        held: &Held,
        organization: OrganizationId,
        floor: Floor,
    ) -> Result<(), Refusal> {
        let refuse = |stream, number| {
            let current = Revision { stream, number };
            Err(Refusal::new(
                ErrorCode::RevisionNotReached,
                format!(
                    "the current revision is `{current}`; it has not come to the one in `at_least`"
                ),
            ))
        };
        if held.deployment.revision() < floor.deployment {
            return refuse(self.deployment.id().raw(), held.deployment.revision());
        }
        match &held.organization {
            Some(found) if found.revision() < floor.organization => {
                refuse(organization.raw(), found.revision())
            }
            _ => Ok(()),
        }
    }
}

impl Held {
    fn checked(&self, user: UserId, demand: &Demand<'_>) -> Checked {
        Checked {
            decision: self.check(user, demand),
            revision: self.revision(),
        }
    }
}
