//! A cache of values that are folded from the changes of their streams: never behind a change that was acknowledged.
//!
//! Reading takes no lock: pin the map, find the slot, load its pointer. What happens to a slot is in [`slot`], with the
//! reason why no order of load, change, eviction and deletion leaves a stale value; the tests try all of them. The
//! cache is bounded by bytes and makes room by the clock: what was not used since the hand came by last goes.

mod slot;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use guildhall_types::ErrorCode;
use papaya::HashMap;

use slot::{Begin, Eviction, Settled, Slot, catch_up};
pub(crate) use slot::{Key, Landed, Landing, Value};

/// What a slot takes beside the slot itself: the counters of its `Arc`, its entry in the map with the entry's own
/// allocation, at a map that is half full, and its place in the clock.
const BYTES_BESIDE_SLOT: usize = 16 + 2 * 9 + 48 + 2 * 8;

/// Retired slots that the clock may hold on to before they are cleared away.
const RETIRED_KEPT: usize = 64;

type Shared<K, V> = Arc<Slot<K, V>>;

/// The cache.
#[derive(Debug)]
pub(crate) struct Cache<K: Key, V: Value> {
    slots: HashMap<K, Shared<K, V>>,
    clock: Mutex<Clock<K, V>>,
    bytes_max: usize,
    trust: Trust,
    /// Of the slots and their values.
    bytes: AtomicUsize,
    counts: Counts,
}

#[derive(Debug)]
struct Clock<K: Key, V: Value> {
    /// The hand stands at the front.
    slots: VecDeque<Shared<K, V>>,
    /// How many of them are retired.
    retired: usize,
}

#[derive(Debug, Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    loads: AtomicU64,
    renewals: AtomicU64,
    evictions: AtomicU64,
}

/// Numbers of a cache for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheStats {
    /// Questions that found their value.
    pub hits: u64,
    /// Questions that did not.
    pub misses: u64,
    /// Values that were read from the tables.
    pub loads: u64,
    /// Values that were brought up to date from the ledger, or found to be.
    pub renewals: u64,
    /// Values that had to make room.
    pub evictions: u64,
    /// Bytes in use.
    pub bytes: u64,
    /// Values in the cache.
    pub entries: u64,
}

/// What the cache has for someone who wants a value.
#[derive(Debug)]
pub(crate) enum Step<K: Key, V: Value> {
    /// The value.
    Ready(Arc<V>),
    /// Someone loads it.
    Wait(Arc<Landing<V>>),
    /// The caller is to load it, in transactions that begin from now on.
    Load(Ticket<K, V>),
}

/// The duty to load a value. Whoever drops it gives it to those who wait.
#[derive(Debug)]
pub(crate) struct Ticket<K: Key, V: Value> {
    cache: Arc<Cache<K, V>>,
    slot: Shared<K, V>,
    done: bool,
}

/// What became of a value that was offered.
#[derive(Debug)]
pub(crate) enum Offer<K: Key, V: Value> {
    /// The cache has it; `None` if there is nothing.
    Done(Option<Arc<V>>),
    /// It is too old by now: read again.
    Again(Ticket<K, V>),
}

/// How long a value is relied on.
///
/// Where every change is made by this process, or is told to it, for ever. Where other servers change the same database
/// as well, only for a while: then it is looked up in the ledger what was changed since.
#[derive(Debug)]
pub(crate) struct Trust {
    epoch: Instant,
    millis: Option<u64>,
}

impl Trust {
    /// Every change is told.
    pub(crate) fn for_ever() -> Self {
        Self {
            epoch: Instant::now(),
            millis: None,
        }
    }

    /// A change that is not told counts after `time` at the latest.
    pub(crate) fn lasting(time: Duration) -> Self {
        Self {
            epoch: Instant::now(),
            millis: Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    /// Milliseconds, so that nothing was proven at 0; without a meaning where trust has no end.
    fn now(&self) -> u64 {
        let Some(millis) = self.millis else { return 0 };
        let elapsed = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        elapsed.saturating_add(millis)
    }

    fn holds(&self, proven: u64, now: u64) -> bool {
        self.millis
            .is_none_or(|millis| now.saturating_sub(proven) < millis)
    }
}

impl<K: Key, V: Value> Cache<K, V> {
    /// A cache that keeps about `bytes_max` bytes, and relies on each value as long as `trust` says.
    pub(crate) fn new(bytes_max: usize, trust: Trust) -> Arc<Self> {
        Arc::new(Self {
            slots: HashMap::new(),
            clock: Mutex::new(Clock {
                slots: VecDeque::new(),
                retired: 0,
            }),
            bytes_max,
            trust,
            bytes: AtomicUsize::new(0),
            counts: Counts::default(),
        })
    }

    /// The value, if it is there at `at_least` or later.
    pub(crate) fn get(&self, key: &K, at_least: i64) -> Option<Arc<V>> {
        self.with(key, at_least, Arc::clone)
    }

    /// Looks at the value, if it is there at `at_least` or later. Takes no lock and allocates nothing.
    pub(crate) fn with<T>(
        &self,
        key: &K,
        at_least: i64,
        look: impl FnOnce(&Arc<V>) -> T,
    ) -> Option<T> {
        self.look(key, at_least, |value| {
            self.counts.hits.fetch_add(1, Ordering::Relaxed);
            look(value)
        })
    }

    /// As [`Cache::get`], for a question that was counted when it was asked first.
    pub(crate) fn get_again(&self, key: &K, at_least: i64) -> Option<Arc<V>> {
        self.look(key, at_least, Arc::clone)
    }

    fn look<T>(&self, key: &K, at_least: i64, look: impl FnOnce(&Arc<V>) -> T) -> Option<T> {
        let slots = self.slots.pin();
        let slot = slots.get(key)?;
        let current = slot.current();
        let value = current
            .as_ref()
            .filter(|value| value.revision() >= at_least)?;
        if !self.trust.holds(slot.proven(), self.trust.now()) {
            return None;
        }
        slot.touch();
        Some(look(value))
    }

    /// The value at `at_least` or later, or how to come by it.
    pub(crate) fn join(self: &Arc<Self>, key: K, at_least: i64) -> Step<K, V> {
        self.counts.misses.fetch_add(1, Ordering::Relaxed);
        loop {
            let slot = self.slot(key);
            match slot.begin(at_least, &self.trust, self.trust.now()) {
                Begin::Ready(value) => return Step::Ready(value),
                Begin::Wait(landing) => return Step::Wait(landing),
                Begin::Load => {
                    return Step::Load(Ticket {
                        cache: Arc::clone(self),
                        slot,
                        done: false,
                    });
                }
                // Whoever retired it is about to take it out of the map.
                Begin::Retired => self.unmap(&slot),
            }
        }
    }

    /// Tells a change of the stream of `key` that is committed, before it is acknowledged. `change` is made only if
    /// anybody needs it; `None` is a change that cannot be folded.
    pub(crate) fn publish(
        &self,
        key: &K,
        revision: i64,
        change: impl FnOnce() -> Option<Arc<V::Change>>,
    ) {
        let slots = self.slots.pin();
        if let Some(slot) = slots.get(key) {
            slot.publish(&self.bytes, revision, change);
            self.make_room();
        }
    }

    /// Tells that there is a change at `revision`, which another server has made: older values are asked for anew.
    pub(crate) fn doubt(&self, key: &K, revision: i64) {
        if let Some(slot) = self.slots.pin().get(key) {
            slot.doubt(revision);
        }
    }

    /// Tells that what `key` names is gone for good, before that is acknowledged.
    pub(crate) fn publish_end(&self, key: &K) {
        let slots = self.slots.pin();
        if let Some(slot) = slots.get(key)
            && slot.close(&self.bytes)
        {
            self.forget(slot);
        }
    }

    /// Forgets every value, because somebody else changed something; a load that is under way reads again.
    pub(crate) fn invalidate(&self) {
        for slot in self.slots.pin().values() {
            slot.invalidate(&self.bytes);
        }
    }

    /// Numbers for the metrics, as of now.
    pub(crate) fn stats(&self) -> CacheStats {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        CacheStats {
            hits: count(&self.counts.hits),
            misses: count(&self.counts.misses),
            loads: count(&self.counts.loads),
            renewals: count(&self.counts.renewals),
            evictions: count(&self.counts.evictions),
            bytes: self.bytes.load(Ordering::Relaxed) as u64,
            entries: self.slots.len() as u64,
        }
    }

    /// The slot of `key`, which is in the map when this returns.
    fn slot(&self, key: K) -> Shared<K, V> {
        let slots = self.slots.pin();
        if let Some(slot) = slots.get(&key) {
            return Arc::clone(slot);
        }
        // Counted before anybody can retire it.
        let bytes = Self::bytes_a_slot();
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        match slots.try_insert(key, Arc::new(Slot::new(key))) {
            Ok(slot) => Arc::clone(slot),
            Err(occupied) => {
                self.bytes.fetch_sub(bytes, Ordering::Relaxed);
                Arc::clone(occupied.current)
            }
        }
    }

    const fn bytes_a_slot() -> usize {
        size_of::<Slot<K, V>>() + BYTES_BESIDE_SLOT
    }

    /// Takes a retired slot out of the map, if it is still there.
    fn unmap(&self, slot: &Shared<K, V>) {
        let same = |_: &K, found: &Shared<K, V>| Arc::ptr_eq(found, slot);
        let _removed = self.slots.pin().remove_if(&slot.key, same);
    }

    /// Clears up after a slot; called once for each, by whoever retired it.
    fn forget(&self, slot: &Shared<K, V>) {
        self.leave(slot);
        if slot.listed() {
            let mut clock = self.lock_clock();
            clock.retired += 1;
            if clock.retired > RETIRED_KEPT.max(clock.slots.len() / 2) {
                clock.slots.retain(|slot| !slot.retired());
                clock.retired = 0;
            }
        }
    }

    fn leave(&self, slot: &Shared<K, V>) {
        self.unmap(slot);
        self.bytes
            .fetch_sub(Self::bytes_a_slot(), Ordering::Relaxed);
    }

    fn lock_clock(&self) -> MutexGuard<'_, Clock<K, V>> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Evicts until the bound is kept. A slot that is being loaded stays: it is counted when its value is there.
    fn make_room(&self) {
        let over = || self.bytes.load(Ordering::Relaxed) > self.bytes_max;
        if !over() {
            return;
        }
        let mut clock = self.lock_clock();
        // Twice around: the first time takes the second chances away.
        let mut steps = 2 * clock.slots.len();
        while over() && steps > 0 {
            steps -= 1;
            let Some(slot) = clock.slots.pop_front() else {
                return;
            };
            match slot.evict(&self.bytes) {
                Eviction::Done => {
                    self.leave(&slot);
                    self.counts.evictions.fetch_add(1, Ordering::Relaxed);
                }
                Eviction::Already => clock.retired = clock.retired.saturating_sub(1),
                Eviction::Kept => clock.slots.push_back(slot),
            }
        }
    }
}

impl<K: Key, V: Value> Ticket<K, V> {
    /// What is to be loaded.
    pub(crate) fn key(&self) -> K {
        self.slot.key
    }

    /// The value that the slot has, which may be old.
    pub(crate) fn known(&self) -> Option<Arc<V>> {
        self.slot.current().as_ref().map(Arc::clone)
    }

    /// Tells those who wait that it takes long.
    pub(crate) fn delay(&self) {
        self.slot.delay();
    }

    /// Offers what was read, in a transaction that began after the ticket was given, or after the last offer.
    pub(crate) fn offer(self, read: Option<V>) -> Offer<K, V> {
        self.cache.counts.loads.fetch_add(1, Ordering::Relaxed);
        self.settle(read.map(Arc::new))
    }

    /// Offers what has become of the known value, by a look into the ledger in such a transaction.
    pub(crate) fn renew(self, known: Option<Arc<V>>) -> Offer<K, V> {
        self.cache.counts.renewals.fetch_add(1, Ordering::Relaxed);
        self.settle(known)
    }

    fn settle(mut self, mut read: Option<Arc<V>>) -> Offer<K, V> {
        loop {
            match self.slot.settle(&self.cache.bytes, read) {
                Settled::Kept { value, fresh } => {
                    self.done = true;
                    if fresh {
                        self.cache
                            .lock_clock()
                            .slots
                            .push_back(Arc::clone(&self.slot));
                    }
                    self.cache.make_room();
                    return Offer::Done(Some(value));
                }
                Settled::Absent { retired } => {
                    self.done = true;
                    if retired {
                        self.cache.forget(&self.slot);
                    }
                    return Offer::Done(None);
                }
                Settled::TooOld => return Offer::Again(self),
                Settled::Behind(value, news) => match catch_up(value, &news) {
                    Some(value) => read = Some(value),
                    None => return Offer::Again(self),
                },
            }
        }
    }

    /// Gives up; those who wait hear the code, if there is one for them.
    pub(crate) fn fail(mut self, code: Option<ErrorCode>) {
        self.end(Landed::Failed(code));
    }

    fn end(&mut self, landed: Landed<V>) {
        if !std::mem::replace(&mut self.done, true) && self.slot.fail(landed) {
            self.cache.forget(&self.slot);
        }
    }
}

impl<K: Key, V: Value> Drop for Ticket<K, V> {
    fn drop(&mut self) {
        self.end(Landed::Abandoned);
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
