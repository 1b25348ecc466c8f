//! The snapshots of this process: what is cached, how it is loaded, and how it hears of changes.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use guildhall_access::{
    DeploymentChange, DeploymentSnapshot, OrganizationChange, OrganizationSnapshot,
};
use guildhall_db::{BatchHook, Database, DbError, Tx};
use guildhall_types::ErrorCode;
use guildhall_types::ids::{DeploymentId, OrganizationId};

use super::cache::{Cache, CacheStats, Key, Landed, Offer, Step, Ticket, Trust, Value};
use super::load::{self, Read};
use super::news::{Effect, News};
use crate::ledger;
use crate::paging::Effort;
use crate::refusal::Refusal;

/// Entries of the ledger that are folded into a known value; after more it is read from the tables.
const FOLDED_MAX: i64 = 256;

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
    pub(crate) fn new(bytes_max: usize, trust: fn() -> Trust) -> Arc<Self> {
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
fn folded<C>(news: &News, effect: Result<Effect<C>, Refusal>) -> Option<Arc<C>> {
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

/// The value of `key`, loaded if it is not there at `at_least` or later. What is answered may be older than that: then
/// the database is.
pub(crate) async fn fetch<K: Key, V: Loadable<K>>(
    db: &Database,
    cache: &Arc<Cache<K, V>>,
    key: K,
    at_least: i64,
) -> Result<Option<Arc<V>>, Refusal> {
    loop {
        match cache.join(key, at_least) {
            Step::Ready(value) => return Ok(Some(value)),
            Step::Load(ticket) => {
                return match load_short(db, ticket, at_least).await? {
                    Loaded::Done(value) => Ok(value),
                    Loaded::Long(ticket) => load_long(db, ticket, at_least).await,
                };
            }
            Step::Wait(landing) => {
                if let ControlFlow::Break(found) = landed(landing.wait().await, at_least)? {
                    return Ok(found);
                }
            }
        }
    }
}

/// What there is without a long wait.
#[derive(Debug)]
pub(crate) enum Soon<K: Key, V: Value> {
    /// The value, or that there is none.
    Here(Option<Arc<V>>),
    /// It is large: whoever cannot wait asks the tables. With a ticket, nobody loads it yet.
    Later(Option<Ticket<K, V>>),
}

/// As [`fetch`], but a large value that is not there is not waited for.
pub(crate) async fn fetch_soon<K: Key, V: Loadable<K>>(
    db: &Database,
    cache: &Arc<Cache<K, V>>,
    key: K,
    at_least: i64,
) -> Result<Soon<K, V>, Refusal> {
    loop {
        match cache.join(key, at_least) {
            Step::Ready(value) => return Ok(Soon::Here(Some(value))),
            Step::Load(ticket) => {
                return Ok(match load_short(db, ticket, at_least).await? {
                    Loaded::Done(value) => Soon::Here(value),
                    Loaded::Long(ticket) => Soon::Later(Some(ticket)),
                });
            }
            Step::Wait(landing) => {
                let Some(ended) = landing.wait_soon().await else {
                    return Ok(Soon::Later(None));
                };
                if let ControlFlow::Break(found) = landed(ended, at_least)? {
                    return Ok(Soon::Here(found));
                }
            }
        }
    }
}

/// Loads a large value, and waits for nothing.
pub(crate) fn load_beside<K: Key, V: Loadable<K>>(db: &Arc<Database>, ticket: Ticket<K, V>) {
    let db = Arc::clone(db);
    // Whoever waits for it hears of a failure; the next question tries again.
    tokio::spawn(async move { drop(load_long(&db, ticket, 0).await) });
}

/// What a load that somebody else made is worth: an answer, or another look into the cache.
fn landed<V: Value>(
    landed: Landed<V>,
    at_least: i64,
) -> Result<ControlFlow<Option<Arc<V>>>, Refusal> {
    match landed {
        Landed::Value(value) if value.revision() >= at_least => Ok(ControlFlow::Break(Some(value))),
        Landed::Absent => Ok(ControlFlow::Break(None)),
        Landed::Failed(Some(code)) => Err(Refusal::plain(code)),
        Landed::Failed(None) => Err(Refusal::internal("the load that this waited for failed")),
        // It began to read before this was asked, or its loader went away.
        Landed::Value(_) | Landed::Abandoned => Ok(ControlFlow::Continue(())),
    }
}

/// What came of a short load.
enum Loaded<K: Key, V: Value> {
    Done(Option<Arc<V>>),
    /// It is too much for that.
    Long(Ticket<K, V>),
}

/// Loads a small value at once.
async fn load_short<K: Key, V: Loadable<K>>(
    db: &Database,
    mut ticket: Ticket<K, V>,
    at_least: i64,
) -> Result<Loaded<K, V>, Refusal> {
    loop {
        let (key, known) = (ticket.key(), ticket.known());
        let load = db.point(move |sql| renew(sql, key, known, Effort::Short));
        match load.await {
            Ok(Newest::Read(Read::Long)) => {
                ticket.delay();
                return Ok(Loaded::Long(ticket));
            }
            read => match offer(ticket, read, at_least)? {
                Offer::Done(value) => return Ok(Loaded::Done(value)),
                Offer::Again(again) => ticket = again,
            },
        }
    }
}

/// Loads a large value where it delays nobody.
async fn load_long<K: Key, V: Loadable<K>>(
    db: &Database,
    mut ticket: Ticket<K, V>,
    at_least: i64,
) -> Result<Option<Arc<V>>, Refusal> {
    loop {
        let load = db.list(move |sql| {
            let read = renew(sql, ticket.key(), ticket.known(), Effort::Long);
            offer(ticket, read, at_least)
        });
        match load.await? {
            Offer::Done(value) => return Ok(value),
            Offer::Again(again) => ticket = again,
        }
    }
}

/// What a value has become.
enum Newest<V> {
    /// By the ledger; `None` is gone.
    Known(Option<Arc<V>>),
    /// By the tables.
    Read(Read<V>),
}

/// The newest value: what is known of it, with what the ledger tells since; or read from the tables.
fn renew<K: Key, V: Loadable<K>>(
    sql: &Tx<'_>,
    key: K,
    known: Option<Arc<V>>,
    effort: Effort,
) -> Result<Newest<V>, Refusal> {
    let newest = match known {
        Some(known) => since(sql, key, known)?,
        None => None,
    };
    match newest {
        Some(newest) => Ok(newest),
        None => Ok(Newest::Read(V::read(sql, key, effort)?)),
    }
}

/// Folds what the ledger tells since `known`; `None` when that is too much, or cannot be folded.
fn since<K: Key, V: Loadable<K>>(
    sql: &Tx<'_>,
    key: K,
    mut known: Arc<V>,
) -> Result<Option<Newest<V>>, Refusal> {
    let (deployment, stream) = V::stream(key);
    let (after, until) = (known.revision(), known.revision() + FOLDED_MAX);
    let entries = ledger::between(sql, deployment, stream, after, until)?;
    if entries.last().is_some_and(|last| last.revision >= until) {
        return Ok(None);
    }
    for news in entries {
        if news.ends() {
            return Ok(Some(Newest::Known(None)));
        }
        let change = folded(&news, V::effect(&news));
        let next = change.and_then(|change| known.apply(news.revision, &change));
        let Some(next) = next else { return Ok(None) };
        known = Arc::new(next);
    }
    Ok(Some(Newest::Known(Some(known))))
}

fn offer<K: Key, V: Value>(
    ticket: Ticket<K, V>,
    newest: Result<Newest<V>, Refusal>,
    at_least: i64,
) -> Result<Offer<K, V>, Refusal> {
    let refusal = match newest {
        Ok(Newest::Known(known)) => return Ok(ticket.renew(known)),
        Ok(Newest::Read(read)) => return Ok(ticket.offer(read.into_value())),
        Err(refusal) => refusal,
    };
    // While nobody can reach the database, what was known last goes on to count, unless more was demanded.
    let known = ticket
        .known()
        .filter(|known| known.revision() >= at_least)
        .filter(|_| refusal.code() == Some(ErrorCode::StorageUnavailable));
    if known.is_some() {
        return Ok(ticket.renew(known));
    }
    ticket.fail(refusal.code());
    Err(refusal)
}

#[cfg(test)]
mod tests {
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
