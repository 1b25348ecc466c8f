//! The cache with real threads and tasks, and its bound.

use std::collections::HashMap as StdHashMap;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::time::Duration;

use super::*;

/// A value of so many bytes.
#[derive(Debug)]
struct Block {
    revision: i64,
    bytes: usize,
}

impl Value for Block {
    type Change = usize;

    fn revision(&self) -> i64 {
        self.revision
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn apply(&self, revision: i64, bytes: &usize) -> Option<Self> {
        (revision == self.revision + 1).then_some(Self {
            revision,
            bytes: *bytes,
        })
    }
}

const BLOCK: Block = Block {
    revision: 1,
    bytes: 1_000,
};

fn load(cache: &Arc<Cache<u32, Block>>, key: u32, block: Block) {
    let Step::Load(ticket) = cache.join(key, 0) else {
        panic!("{key} is there, or under way");
    };
    assert!(matches!(ticket.offer(Some(block)), Offer::Done(Some(_))));
}

#[test]
fn the_bound_is_kept_and_what_is_used_stays() {
    let cache = Cache::new(100_000, Trust::for_ever());
    for key in 0..1_000 {
        load(&cache, key, BLOCK);
        assert!(cache.stats().bytes <= 100_000);
        // Asked for all the time.
        assert!(cache.get(&0, 0).is_some(), "{key}");
    }
    let stats = cache.stats();
    assert!((50..100).contains(&stats.entries), "{stats:?}");
    assert_eq!(stats.loads - stats.evictions, stats.entries);
    assert_eq!(cache.lock_clock().slots.len() as u64, stats.entries);
}

#[test]
fn a_value_that_grows_makes_room_for_itself() {
    let cache = Cache::new(100_000, Trust::for_ever());
    for key in 0..50 {
        load(&cache, key, BLOCK);
    }
    cache.publish(&7, 2, || Some(Arc::new(90_000)));
    let stats = cache.stats();
    assert!(stats.bytes <= 100_000, "{stats:?}");
    // One that does not fit at all is served, and not kept.
    load(
        &cache,
        100,
        Block {
            revision: 1,
            bytes: 200_000,
        },
    );
    assert_eq!((cache.stats().entries, cache.stats().bytes), (0, 0));
}

#[test]
fn what_ends_leaves_nothing_behind() {
    let cache = Cache::new(usize::MAX, Trust::for_ever());
    for key in 0..10_000 {
        load(&cache, key, BLOCK);
        cache.publish_end(&key);
    }
    assert_eq!((cache.stats().entries, cache.stats().bytes), (0, 0));
    assert!(cache.lock_clock().slots.len() <= RETIRED_KEPT);
    // Nor does what is not there, or cannot be read.
    for key in 0..100 {
        let Step::Load(ticket) = cache.join(key, 0) else {
            panic!()
        };
        match key % 3 {
            0 => drop(ticket.offer(None)),
            1 => ticket.fail(None),
            _ => drop(ticket),
        }
    }
    assert_eq!((cache.stats().entries, cache.stats().bytes), (0, 0));
}

#[test]
fn a_change_that_does_not_follow_drops_the_value() {
    let cache = Cache::new(usize::MAX, Trust::for_ever());
    load(&cache, 1, BLOCK);
    cache.publish(&1, 1, || panic!("nobody needs a change that is known"));
    assert!(cache.get(&1, 1).is_some());
    cache.publish(&1, 3, || Some(Arc::new(1)));
    assert!(cache.get(&1, 0).is_none());
}

#[test]
fn a_value_that_is_not_proven_any_more_is_asked_for_anew() {
    let cache = Cache::new(usize::MAX, Trust::lasting(Duration::ZERO));
    load(&cache, 1, BLOCK);
    assert!(cache.get(&1, 0).is_none());
    let Step::Load(ticket) = cache.join(1, 0) else {
        panic!("it was relied on")
    };
    // What is known is what is proven again.
    let known = ticket.known().unwrap();
    assert!(matches!(ticket.renew(Some(known)), Offer::Done(Some(_))));

    let cache = Cache::new(usize::MAX, Trust::lasting(Duration::from_hours(1)));
    load(&cache, 1, BLOCK);
    assert!(cache.get(&1, 0).is_some());
}

#[test]
fn a_value_that_another_server_has_changed_is_asked_for_anew() {
    let cache = Cache::new(usize::MAX, Trust::lasting(Duration::from_hours(1)));
    load(&cache, 1, BLOCK);
    cache.doubt(&1, 1);
    assert!(cache.get(&1, 0).is_some(), "that change is in it");
    cache.doubt(&1, 2);
    let Step::Load(ticket) = cache.join(1, 0) else {
        panic!("it was relied on")
    };
    cache.doubt(&1, 3);
    let Offer::Again(ticket) = ticket.offer(Some(Block {
        revision: 2,
        ..BLOCK
    })) else {
        panic!("it was read before the last change")
    };
    assert!(matches!(
        ticket.offer(Some(Block {
            revision: 3,
            ..BLOCK
        })),
        Offer::Done(Some(_))
    ));
}

#[test]
fn a_change_of_what_nobody_asked_for_is_not_even_made() {
    let cache = Cache::<u32, Block>::new(usize::MAX, Trust::for_ever());
    cache.publish(&1, 1, || panic!("nobody asked"));
    assert_eq!(cache.stats().entries, 0);
}

#[tokio::test]
async fn those_who_wait_hear_how_it_ended() {
    let cache = Cache::new(usize::MAX, Trust::for_ever());
    let wait = |cache: &Arc<Cache<u32, Block>>| match cache.join(1, 0) {
        Step::Wait(landing) => tokio::spawn(async move { landing.wait().await }),
        step => panic!("{step:?}"),
    };
    let begin = |cache: &Arc<Cache<u32, Block>>| match cache.join(1, 0) {
        Step::Load(ticket) => ticket,
        step => panic!("{step:?}"),
    };
    let ticket = begin(&cache);
    let waits = wait(&cache);
    ticket.fail(Some(ErrorCode::Overloaded));
    assert!(matches!(
        waits.await.unwrap(),
        Landed::Failed(Some(ErrorCode::Overloaded))
    ));
    let ticket = begin(&cache);
    let waits = wait(&cache);
    drop(ticket);
    assert!(matches!(waits.await.unwrap(), Landed::Abandoned));
    let ticket = begin(&cache);
    let waits = wait(&cache);
    cache.publish(&1, 2, || Some(Arc::new(2_000)));
    assert!(matches!(ticket.offer(Some(BLOCK)), Offer::Done(Some(_))));
    let Landed::Value(value) = waits.await.unwrap() else {
        panic!()
    };
    assert_eq!((value.revision, value.bytes), (2, 2_000));
}

#[tokio::test]
async fn who_waits_for_what_turns_out_to_take_long_goes_away() {
    let cache = Cache::<u32, Block>::new(usize::MAX, Trust::for_ever());
    let Step::Load(ticket) = cache.join(1, 0) else {
        panic!()
    };
    let Step::Wait(landing) = cache.join(1, 0) else {
        panic!()
    };
    let early = tokio::spawn(async move { landing.wait_soon().await });
    // It waits before anybody knows that the load takes long.
    tokio::task::yield_now().await;
    ticket.delay();
    let soon = tokio::time::timeout(Duration::from_secs(5), early);
    let early = soon.await.expect("waits for the whole load").unwrap();
    assert!(early.is_none(), "{early:?}");
    let Step::Wait(late) = cache.join(1, 0) else {
        panic!()
    };
    assert!(late.wait_soon().await.is_none());
    // What has landed is heard all the same.
    assert!(matches!(ticket.offer(Some(BLOCK)), Offer::Done(Some(_))));
    assert!(matches!(late.wait_soon().await, Some(Landed::Value(_))));
}

/// Threads that check, one that changes, and too little room: no check is behind what was acknowledged before it.
#[test]
fn threads_find_nothing_stale() {
    const KEYS: u32 = 8;
    let cache = Cache::<u32, Block>::new(4 * 1_200, Trust::for_ever());
    let committed: StdHashMap<u32, AtomicI64> =
        (0..KEYS).map(|key| (key, AtomicI64::new(1))).collect();
    let acknowledged: StdHashMap<u32, AtomicI64> =
        (0..KEYS).map(|key| (key, AtomicI64::new(1))).collect();
    let over = AtomicBool::new(false);
    let checks = AtomicU64::new(0);
    let check = |key: u32| {
        let need = acknowledged[&key].load(Ordering::SeqCst);
        let revision = loop {
            if let Some(value) = cache.get(&key, 0) {
                break value.revision;
            }
            match cache.join(key, 0) {
                Step::Ready(value) => break value.revision,
                // Whoever waits would only look again.
                Step::Wait(_) => std::thread::yield_now(),
                Step::Load(mut ticket) => {
                    let value = loop {
                        let revision = committed[&key].load(Ordering::SeqCst);
                        match ticket.offer(Some(Block { revision, ..BLOCK })) {
                            Offer::Done(value) => break value,
                            Offer::Again(again) => ticket = again,
                        }
                    };
                    break value.unwrap().revision;
                }
            }
        };
        assert!(revision >= need, "{key}: {revision} < {need}");
        checks.fetch_add(1, Ordering::Relaxed);
    };
    std::thread::scope(|scope| {
        for first in 0..3 {
            let (check, over) = (&check, &over);
            scope.spawn(move || {
                let mut key = first;
                while !over.load(Ordering::SeqCst) {
                    key = (key * 5 + 3) % KEYS;
                    check(key);
                }
            });
        }
        for change in 0..40_000 {
            let key = change % KEYS;
            let revision = committed[&key].fetch_add(1, Ordering::SeqCst) + 1;
            cache.publish(&key, revision, || Some(Arc::new(BLOCK.bytes)));
            acknowledged[&key].store(revision, Ordering::SeqCst);
            check(key);
        }
        over.store(true, Ordering::SeqCst);
    });
    let stats = cache.stats();
    assert!(
        checks.load(Ordering::SeqCst) > 40_000 && stats.evictions > 100,
        "{stats:?}"
    );
    assert!(stats.bytes <= 4 * 1_200, "{stats:?}");
}
