//! How a value comes into the cache: read from the tables, or from the ledger what is new since it was known.

use std::ops::ControlFlow;
use std::sync::Arc;

use guildhall_db::{Database, Tx};
use guildhall_types::ErrorCode;

use super::cache::{Cache, Key, Landed, Offer, Step, Ticket, Value};
use super::load::Read;
use super::snapshots::{Loadable, folded};
use crate::ledger;
use crate::paging::Effort;
use crate::refusal::Refusal;

/// Entries of the ledger that are folded into a known value; after more it is read from the tables.
const FOLDED_MAX: i64 = 256;

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
