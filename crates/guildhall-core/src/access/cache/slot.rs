//! One entry of the cache: a value, who is loading it, and what happened to its stream meanwhile.
//!
//! The order that makes a stale value impossible: a slot is in the map *before* the transaction begins that its loader
//! reads in, and a commit is published *after* it is done. So a publisher that finds no slot has committed before the
//! next loader begins to read; and one that finds a slot tells it, so that a loader whose transaction began earlier
//! learns what it has missed. Nothing in here waits for anything but the lock of the slot, which nobody holds for
//! longer than it takes to fold one change.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::{ArcSwapOption, Guard};
use guildhall_types::ErrorCode;
use tokio::sync::Notify;

use super::Trust;

/// Changes that are kept for a loader. One that misses more reads again.
const NEWS_KEPT_MAX: usize = 4_096;

/// What a value is found by.
pub(crate) trait Key: Copy + Debug + Eq + Hash + Send + Sync + 'static {}

impl<K: Copy + Debug + Eq + Hash + Send + Sync + 'static> Key for K {}

/// What is cached: a value that is folded from the changes of a stream.
pub(crate) trait Value: Debug + Send + Sync + Sized + 'static {
    /// One change of the stream.
    type Change: Debug + Send + Sync;
    /// The change up to which the value is folded.
    fn revision(&self) -> i64;
    /// What it takes in memory, itself included.
    fn bytes(&self) -> usize;
    /// The value after the change that follows; `None` when `revision` is another one.
    fn apply(&self, revision: i64, change: &Self::Change) -> Option<Self>;
}

/// How a load ended, for those who waited for it.
#[derive(Debug)]
pub(crate) enum Landed<V> {
    /// With a value.
    Value(Arc<V>),
    /// There is nothing to load.
    Absent,
    /// It failed, with the code for the caller if there is one.
    Failed(Option<ErrorCode>),
    /// Its loader went away: whoever still wants the value loads it.
    Abandoned,
}

impl<V> Clone for Landed<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Value(value) => Self::Value(Arc::clone(value)),
            Self::Absent => Self::Absent,
            Self::Failed(code) => Self::Failed(*code),
            Self::Abandoned => Self::Abandoned,
        }
    }
}

/// Where those wait who do not load themselves.
#[derive(Debug)]
pub(crate) struct Landing<V> {
    pub(super) landed: OnceLock<Landed<V>>,
    bell: Notify,
    /// Whether it takes long.
    far: AtomicBool,
}

impl<V> Landing<V> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            landed: OnceLock::new(),
            bell: Notify::new(),
            far: AtomicBool::new(false),
        })
    }

    fn land(&self, landed: Landed<V>) {
        // The first word counts; there is no second, because the flight ends with it.
        drop(self.landed.set(landed));
        self.bell.notify_waiters();
    }

    fn delay(&self) {
        self.far.store(true, Ordering::Release);
        self.bell.notify_waiters();
    }

    /// How the load ended.
    pub(crate) async fn wait(&self) -> Landed<V> {
        loop {
            // Before the look: a bell that rings between the look and the wait is heard.
            let rung = self.bell.notified();
            if let Some(landed) = self.landed.get() {
                return landed.clone();
            }
            rung.await;
        }
    }

    /// The same, but `None` once it is known that the load takes long: whoever waited till then need not go on.
    pub(crate) async fn wait_soon(&self) -> Option<Landed<V>> {
        loop {
            let rung = self.bell.notified();
            if let Some(landed) = self.landed.get() {
                return Some(landed.clone());
            }
            if self.far.load(Ordering::Acquire) {
                return None;
            }
            rung.await;
        }
    }
}

/// What a slot has for someone who wants its value.
#[derive(Debug)]
pub(super) enum Begin<V> {
    /// The value.
    Ready(Arc<V>),
    /// Someone loads it.
    Wait(Arc<Landing<V>>),
    /// The caller is to load it.
    Load,
    /// The slot is no longer in the map: look there again.
    Retired,
}

/// What becomes of a value that was read.
#[derive(Debug)]
pub(super) enum Settled<V: Value> {
    /// It is in the slot; `fresh` if it is the first one.
    Kept { value: Arc<V>, fresh: bool },
    /// There is nothing to keep; the slot is retired, perhaps not by this.
    Absent { retired: bool },
    /// Changes came meanwhile: fold them, and try again.
    Behind(Arc<V>, News<V>),
    /// It is too old: read again.
    TooOld,
}

/// Changes with their revisions, in order.
pub(super) type News<V> = Vec<(i64, Arc<<V as Value>::Change>)>;

/// What an attempt to evict a slot came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Eviction {
    /// It is retired.
    Done,
    /// It was retired before.
    Already,
    /// It was used lately, or is being loaded.
    Kept,
}

#[derive(Debug)]
pub(super) struct Slot<K: Key, V: Value> {
    pub(super) key: K,
    /// `None` while there is no value; the readers' one look.
    current: ArcSwapOption<V>,
    /// Whether it was used since the hand of the clock passed.
    touched: AtomicBool,
    /// When the value was last known to be the newest, by the cache's [`Trust`].
    proven: AtomicU64,
    state: Mutex<State<V>>,
}

#[derive(Debug)]
struct State<V: Value> {
    /// No longer in the map, or about to be taken out of it.
    ///
    /// INVARIANT: then there is no value and no flight, and never will be: no change would be told here.
    retired: bool,
    /// Whether the clock knows it.
    listed: bool,
    flight: Option<Flight<V>>,
}

#[derive(Debug)]
struct Flight<V: Value> {
    landing: Arc<Landing<V>>,
    /// INVARIANT: what lands knows every change that was published since its transaction began.
    floor: i64,
    /// What was read so far may be old, nobody knows by how much.
    again: bool,
    /// When it began, by the cache's [`Trust`]: as of then the value is the newest.
    began: u64,
    news: News<V>,
}

impl<K: Key, V: Value> Slot<K, V> {
    pub(super) fn new(key: K) -> Self {
        Self {
            key,
            current: ArcSwapOption::empty(),
            touched: AtomicBool::new(false),
            proven: AtomicU64::new(0),
            state: Mutex::new(State {
                retired: false,
                listed: false,
                flight: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<V>> {
        // Every step leaves a state that the next can go on from.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value, without any lock.
    pub(super) fn current(&self) -> Guard<Option<Arc<V>>> {
        self.current.load()
    }

    /// Notes the use, for the clock.
    pub(super) fn touch(&self) {
        // Looked at first: a store would take the cache line from the other cores with each check.
        if !self.touched.load(Ordering::Relaxed) {
            self.touched.store(true, Ordering::Relaxed);
        }
    }

    /// When the value was last known to be the newest.
    pub(super) fn proven(&self) -> u64 {
        self.proven.load(Ordering::Relaxed)
    }

    pub(super) fn retired(&self) -> bool {
        self.lock().retired
    }

    /// Whether the clock knows the slot.
    pub(super) fn listed(&self) -> bool {
        self.lock().listed
    }

    /// Asks for a value at `at_least` or later, which can be relied on `now`.
    pub(super) fn begin(&self, at_least: i64, trust: &Trust, now: u64) -> Begin<V> {
        let mut state = self.lock();
        if state.retired {
            return Begin::Retired;
        }
        if let Some(value) = self.current.load_full()
            && value.revision() >= at_least
            && trust.holds(self.proven(), now)
        {
            return Begin::Ready(value);
        }
        if let Some(flight) = &state.flight {
            return Begin::Wait(Arc::clone(&flight.landing));
        }
        state.flight = Some(Flight {
            landing: Landing::new(),
            floor: 0,
            again: false,
            began: now,
            news: Vec::new(),
        });
        Begin::Load
    }

    /// Offers what was read, in a transaction that began after [`Slot::begin`].
    pub(super) fn settle(&self, used: &AtomicUsize, read: Option<Arc<V>>) -> Settled<V> {
        let mut state = self.lock();
        let Some(flight) = &mut state.flight else {
            // Closed meanwhile; those who waited know.
            return Settled::Absent { retired: false };
        };
        let news = std::mem::take(&mut flight.news);
        let revision = read.as_ref().map_or(0, |value| value.revision());
        match read {
            Some(value) if !news.is_empty() && !flight.again => Settled::Behind(value, news),
            _ if flight.again || revision < flight.floor => {
                // The next transaction begins after everything that was published so far.
                (flight.again, flight.floor) = (false, 0);
                Settled::TooOld
            }
            Some(value) => {
                self.proven.store(flight.began, Ordering::Relaxed);
                flight.landing.land(Landed::Value(Arc::clone(&value)));
                state.flight = None;
                self.replace(used, Some(Arc::clone(&value)));
                let fresh = !std::mem::replace(&mut state.listed, true);
                Settled::Kept { value, fresh }
            }
            None => {
                flight.landing.land(Landed::Absent);
                state.flight = None;
                state.retired = true;
                self.replace(used, None);
                Settled::Absent { retired: true }
            }
        }
    }

    /// Tells those who wait that the load takes long.
    pub(super) fn delay(&self) {
        if let Some(flight) = &self.lock().flight {
            flight.landing.delay();
        }
    }

    /// Ends a load without a value; tells whether the slot is retired by it.
    pub(super) fn fail(&self, landed: Landed<V>) -> bool {
        let mut state = self.lock();
        let Some(flight) = state.flight.take() else {
            return false;
        };
        flight.landing.land(landed);
        // One that the clock does not know would stay in the map for ever.
        let retires = !state.listed;
        state.retired |= retires;
        retires
    }

    /// Tells a change that is committed. `change` is asked for only if anybody needs it; `None` is a change that cannot
    /// be folded.
    pub(super) fn publish(
        &self,
        used: &AtomicUsize,
        revision: i64,
        change: impl FnOnce() -> Option<Arc<V::Change>>,
    ) {
        let mut state = self.lock();
        let current = self.current.load_full();
        let current = current.filter(|value| value.revision() < revision);
        if current.is_none() && state.flight.is_none() {
            return;
        }
        let change = change();
        if let Some(flight) = &mut state.flight {
            flight.floor = flight.floor.max(revision);
            match &change {
                Some(change) if flight.news.len() < NEWS_KEPT_MAX => {
                    flight.news.push((revision, Arc::clone(change)));
                }
                // The gap that this leaves makes the loader read again.
                _ => flight.news.clear(),
            }
        }
        if let Some(value) = current {
            let next = change.and_then(|change| value.apply(revision, &change));
            self.replace(used, next.map(Arc::new));
        }
    }

    /// Notes that there is a change at `revision`, whatever it is.
    pub(super) fn doubt(&self, revision: i64) {
        let mut state = self.lock();
        if let Some(flight) = &mut state.flight {
            flight.floor = flight.floor.max(revision);
        }
        let current = self.current.load();
        if current
            .as_ref()
            .is_some_and(|value| value.revision() < revision)
        {
            self.proven.store(0, Ordering::Relaxed);
        }
    }

    /// Forgets the value: somebody else changed something, nobody knows what. Whoever loads reads again.
    pub(super) fn invalidate(&self, used: &AtomicUsize) {
        let mut state = self.lock();
        if let Some(flight) = &mut state.flight {
            flight.again = true;
        }
        self.replace(used, None);
    }

    /// Retires the slot, because what it is about is gone; false if it was retired before.
    pub(super) fn close(&self, used: &AtomicUsize) -> bool {
        let mut state = self.lock();
        if let Some(flight) = state.flight.take() {
            flight.landing.land(Landed::Absent);
        }
        self.replace(used, None);
        !std::mem::replace(&mut state.retired, true)
    }

    /// Retires the slot to make room, unless it is in use: the second chance of the clock.
    pub(super) fn evict(&self, used: &AtomicUsize) -> Eviction {
        let mut state = self.lock();
        if state.retired {
            return Eviction::Already;
        }
        if state.flight.is_some() || self.touched.swap(false, Ordering::Relaxed) {
            return Eviction::Kept;
        }
        state.retired = true;
        self.replace(used, None);
        Eviction::Done
    }

    /// Puts another value in place, under the lock, and keeps the books.
    fn replace(&self, used: &AtomicUsize, value: Option<Arc<V>>) {
        let bytes = |value: &Option<Arc<V>>| value.as_ref().map_or(0, |value| value.bytes());
        let after = bytes(&value);
        let before = bytes(&self.current.swap(value));
        used.fetch_add(after, Ordering::Relaxed);
        used.fetch_sub(before, Ordering::Relaxed);
    }
}

/// Folds what a value has missed; `None` when something is missing in between.
pub(super) fn catch_up<V: Value>(mut value: Arc<V>, news: &News<V>) -> Option<Arc<V>> {
    for (revision, change) in news {
        if *revision > value.revision() {
            value = Arc::new(value.apply(*revision, change)?);
        }
    }
    Some(value)
}
