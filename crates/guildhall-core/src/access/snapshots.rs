//! The snapshots of this process: what is cached, and how it hears of changes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use guildhall_access::{
    DeploymentChange, DeploymentSnapshot, OrganizationChange, OrganizationSnapshot,
};
use guildhall_db::{BatchHook, Database, DbError, Tx};
use guildhall_types::Revision;
use guildhall_types::ids::{DeploymentId, OrganizationId};

use super::cache::{Cache, CacheStats, Trust, Value};
use super::load::{self, Read};
use super::news::{Effect, News};
use crate::paging::Effort;
use crate::refusal::Refusal;

/// An organization is found with its deployment only.
pub(crate) type OrganizationKey = (DeploymentId, OrganizationId);

impl Value for OrganizationSnapshot {
    type Change = OrganizationChange;

    fn revision(&self) -> i64 {
        self.revision()
    }

    fn bytes(&self) -> usize {
        rounded_up(self.bytes())
    }

    fn apply(&self, revision: i64, change: &OrganizationChange) -> Option<Self> {
        self.apply(revision, change).ok()
    }
}

impl Value for DeploymentSnapshot {
    type Change = DeploymentChange;

    fn revision(&self) -> i64 {
        self.revision()
    }

    fn bytes(&self) -> usize {
        rounded_up(self.bytes())
    }

    fn apply(&self, revision: i64, change: &DeploymentChange) -> Option<Self> {
        self.apply(revision, change).ok()
    }
}

/// What an allocator takes for so many bytes in small pieces: it rounds each up, by an eighth on average.
fn rounded_up(bytes: usize) -> usize {
    bytes + bytes / 8
}

/// A value that is loaded from the database.
pub(crate) trait Loadable<K>: Value {
    /// Reads it, in one transaction.
    fn read(sql: &Tx<'_>, key: K, effort: Effort) -> Result<Read<Self>, Refusal>;
    /// The deployment and the stream of `key` in the ledger.
    fn stream(key: K) -> (DeploymentId, i64);
    /// What an entry of that stream does to the value.
    fn effect(news: &News) -> Result<Effect<Self::Change>, Refusal>;
}

impl Loadable<OrganizationKey> for OrganizationSnapshot {
    fn read(sql: &Tx<'_>, key: OrganizationKey, effort: Effort) -> Result<Read<Self>, Refusal> {
        load::organization(sql, key, effort)
    }

    fn stream((deployment, id): OrganizationKey) -> (DeploymentId, i64) {
        (deployment, id.raw())
    }

    fn effect(news: &News) -> Result<Effect<OrganizationChange>, Refusal> {
        news.of_organization()
    }
}

impl Loadable<DeploymentId> for DeploymentSnapshot {
    fn read(sql: &Tx<'_>, key: DeploymentId, effort: Effort) -> Result<Read<Self>, Refusal> {
        load::deployment(sql, key, effort)
    }

    fn stream(id: DeploymentId) -> (DeploymentId, i64) {
        (id, id.raw())
    }

    fn effect(news: &News) -> Result<Effect<DeploymentChange>, Refusal> {
        news.of_deployment()
    }
}

/// What is cached.
#[derive(Debug)]
pub(crate) struct Snapshots {
    pub(crate) organizations: Arc<Cache<OrganizationKey, OrganizationSnapshot>>,
    /// There are few, and each check needs one: they are never evicted.
    pub(crate) deployments: Arc<Cache<DeploymentId, DeploymentSnapshot>>,
}

impl Snapshots {
    /// Snapshots of organizations take up to about `bytes_max`.
    pub(crate) fn new(bytes_max: usize, trust: impl Fn() -> Trust) -> Arc<Self> {
        Arc::new(Self {
            organizations: Cache::new(bytes_max, trust()),
            deployments: Cache::new(usize::MAX, trust()),
        })
    }

    /// Folds what was committed into the snapshots of it, before anybody hears that it was.
    pub(crate) fn publish(&self, news: &[News]) {
        let publish = AssertUnwindSafe(|| news.iter().for_each(|news| self.publish_one(news)));
        if catch_unwind(publish).is_err() {
            tracing::error!("a change could not be folded: every snapshot is dropped");
            self.invalidate();
        }
    }

    fn publish_one(&self, news: &News) {
        if news.is_of_deployment() {
            let change = || folded(news, news.of_deployment());
            self.deployments
                .publish(&news.deployment, news.revision, change);
            return;
        }
        let Ok(organization) = news.organization() else {
            return;
        };
        let key = (news.deployment, organization);
        if news.ends() {
            self.organizations.publish_end(&key);
        } else {
            let change = || folded(news, news.of_organization());
            self.organizations.publish(&key, news.revision, change);
        }
    }

    /// Drops everything: somebody else wrote to the database.
    pub(crate) fn invalidate(&self) {
        self.organizations.invalidate();
        self.deployments.invalidate();
    }

    /// Listens to what other servers change.
    pub(crate) fn listen(self: &Arc<Self>, db: &Database) -> Result<(), DbError> {
        let snapshots = Arc::clone(self);
        db.listen(move |hint| hint.split(' ').for_each(|hint| snapshots.doubt(hint)))
    }

    /// What the other servers are told of changes: `<deployment>/<stream>@<revision>`, with a space between two.
    pub(crate) fn hint(news: &[News]) -> String {
        let hints = news.iter().map(|news| {
            let News {
                deployment,
                stream,
                revision,
                ..
            } = news;
            format!("{deployment}/{stream}@{revision}")
        });
        hints.collect::<Vec<_>>().join(" ")
    }

    /// A hint that nobody can read is of another version: its change counts a little later.
    fn doubt(&self, hint: &str) {
        let parts = hint.split_once('/').and_then(|(deployment, revision)| {
            let deployment: DeploymentId = deployment.parse().ok()?;
            Some((deployment, revision.parse::<Revision>().ok()?))
        });
        let Some((deployment, Revision { stream, number })) = parts else {
            return;
        };
        if stream == deployment.raw() {
            self.deployments.doubt(&deployment, number);
        } else if let Ok(organization) = OrganizationId::new(stream) {
            self.organizations
                .doubt(&(deployment, organization), number);
        }
    }

    /// Numbers for the metrics.
    pub(crate) fn stats(&self) -> CacheStats {
        self.organizations.stats()
    }

    /// What makes the cache notice the commits of other processes.
    pub(crate) fn hook(self: &Arc<Self>) -> Box<dyn BatchHook> {
        Box::new(Others {
            snapshots: Arc::clone(self),
            seen: None,
        })
    }
}

/// The change that an entry of the ledger is; `None` makes the cache read anew.
pub(crate) fn folded<C>(news: &News, effect: Result<Effect<C>, Refusal>) -> Option<Arc<C>> {
    match effect {
        Ok(Effect::Changes(change)) => Some(Arc::new(change)),
        Ok(Effect::Begins | Effect::Ends) => None,
        Err(refusal) => {
            let (stream, revision) = (news.stream, news.revision);
            tracing::error!(
                ?refusal,
                stream,
                revision,
                "an entry of the ledger cannot be folded"
            );
            None
        }
    }
}

/// Looks for the commits of other processes, before each group and while the writer has nothing to do.
struct Others {
    snapshots: Arc<Snapshots>,
    /// Unknown at the start: whoever wrote before the first look is noticed with it.
    seen: Option<i64>,
}

impl BatchHook for Others {
    fn due(&self) -> bool {
        true
    }

    fn before(&mut self, tx: &Tx<'_>) -> Result<(), DbError> {
        self.look(tx)
    }

    fn after(&mut self, _: bool) {}

    fn look(&mut self, tx: &Tx<'_>) -> Result<(), DbError> {
        let version = tx.others_version()?;
        if self.seen.replace(version) != Some(version) {
            self.snapshots.invalidate();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::cache::Step;
    use super::*;
    use guildhall_access::{Assignment, Membership, Role};
    use guildhall_types::ids::{MemberId, RoleId, UserId};

    const MEMBERS: i64 = 10;

    /// An organization as most are: ten members, three roles of some permissions, two standings.
    fn organization(id: OrganizationId) -> OrganizationSnapshot {
        let mut builder = OrganizationSnapshot::builder(id, 20);
        let role_id = |number| RoleId::new(number).unwrap();
        for number in 1..=3 {
            let permissions = (0..8).map(|action| format!("documents{number}:action{action}"));
            builder.role(Role::new(role_id(number), "Editor", permissions));
        }
        for number in 1..=MEMBERS {
            builder.member(Membership {
                member_id: MemberId::new(number).unwrap(),
                user_id: UserId::new(number).unwrap(),
                suspended: false,
                expires_at: None,
                roles: vec![Assignment {
                    role_id: role_id(1 + number % 2),
                    expires_at: None,
                }],
            });
        }
        builder.finish()
    }

    fn resident_bytes() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
        kibibytes.parse::<u64>().unwrap() * 1024
    }

    #[test]
    fn the_books_tell_what_the_memory_is() {
        let cache = Cache::new(usize::MAX, Trust::for_ever());
        let deployment = DeploymentId::new(1).unwrap();
        let before = resident_bytes();
        for number in 1..=20_000 {
            let id = OrganizationId::new(number).unwrap();
            let Step::Load(ticket) = cache.join((deployment, id), 0) else {
                panic!("{number}")
            };
            drop(ticket.offer(Some(organization(id))));
        }
        let (told, taken) = (cache.stats().bytes, resident_bytes() - before);
        println!(
            "{} bytes an organization, {} in truth",
            told / 20_000,
            taken / 20_000
        );
        assert!(
            told * 3 / 4 <= taken && taken <= told * 5 / 4,
            "{told} {taken}"
        );
    }
}
