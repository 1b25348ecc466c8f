//! Every order of load, change, eviction, deletion and foreign commit, tried on the real cache.
//!
//! Actors take steps, each at most one atomic action of the cache: a look into the map, one lock of a slot. A schedule
//! says whose step is next. Small worlds are run with every schedule there is, a larger one with many random ones.
//! Each flaw is one that the cache must not have; the worlds that find it show that they would.

use super::*;
use crate::access::cache::slot::News;

/// The value of a stream: what it is at `revision`, folded from changes `1²`, `2²`, …
#[derive(Debug)]
struct Sum {
    revision: i64,
    total: i64,
}

impl Sum {
    fn at(revision: i64) -> Option<Self> {
        let total = (1..=revision).map(|step| step * step).sum();
        (revision > 0).then_some(Self { revision, total })
    }
}

impl Value for Sum {
    type Change = i64;

    fn revision(&self) -> i64 {
        self.revision
    }

    fn bytes(&self) -> usize {
        usize::try_from(100 + self.revision).unwrap()
    }

    fn apply(&self, revision: i64, change: &i64) -> Option<Self> {
        (revision == self.revision + 1).then(|| Self {
            revision,
            total: self.total + change,
        })
    }
}

const KEY: u32 = 7;

/// What is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    /// The writer answers its caller before it publishes.
    AnswersFirst,
    /// The loader begins its transaction before it is in the slot.
    ReadsFirst,
    /// The writer tells only a slot that has a value, and not one that is being loaded.
    TellsNoLoader,
    /// A commit of another process is noticed, but a load under way goes on with what it read.
    SparesLoads,
}

/// The database and what callers have heard; the revision is 0 before the stream begins and after it has ended.
#[derive(Debug)]
struct World {
    cache: Arc<Cache<u32, Sum>>,
    flaw: Flaw,
    committed: i64,
    ended: bool,
    /// What every check that begins from now on must know.
    acknowledged: i64,
    end_acknowledged: bool,
}

impl World {
    fn read(&self) -> Option<Sum> {
        Sum::at(self.committed).filter(|_| !self.ended)
    }

    fn find(&self) -> Option<Shared<u32, Sum>> {
        self.cache.slots.pin().get(&KEY).cloned()
    }
}

#[derive(Clone, Copy, Debug)]
enum Actor {
    /// Asks once.
    Check,
    /// The one writer: commits these, one after the other.
    Write(&'static [Deed]),
    /// Makes room.
    Evict,
    /// Another process commits one change, and the writer notices.
    Foreign,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Change,
    /// Ends the stream.
    End,
}

/// Where an actor is.
#[derive(Debug)]
enum At {
    Start,
    /// A check that did not find a value; it must be answered with this revision or a later one.
    Miss(Need),
    Found(Need, Shared<u32, Sum>),
    Retired(Need, Shared<u32, Sum>),
    Waits(Need, Arc<Landing<Sum>>),
    Loads(Need, Ticket<u32, Sum>),
    Read(Need, Ticket<u32, Sum>, Option<Arc<Sum>>),
    ReadEarly(Need, Option<Arc<Sum>>),
    Behind(Need, Ticket<u32, Sum>, Arc<Sum>, News<Sum>),
    Committed(Doing),
    Publishes(Doing, Option<Shared<u32, Sum>>),
    Published(Doing),
    Noticed(i64),
    Evicted(Shared<u32, Sum>),
    Over,
}

/// Which deed the writer is at, and the revision that it gave.
#[derive(Clone, Copy, Debug)]
struct Doing {
    index: usize,
    revision: i64,
}

#[derive(Clone, Copy, Debug)]
struct Need {
    revision: i64,
    ended: bool,
}

/// What a check was answered, against what its caller knew.
fn judge(world: &World, need: Need, value: Option<&Sum>) {
    match value {
        Some(value) => {
            assert!(!need.ended, "an answer about what is gone");
            assert!(value.revision >= need.revision, "stale");
            assert_eq!(
                value.total,
                Sum::at(value.revision).unwrap().total,
                "folded wrongly"
            );
        }
        None => assert!(
            need.revision == 0 || need.ended || world.ended,
            "nothing was found of what is there"
        ),
    }
}

impl Actor {
    /// Takes one step; `Err` when it has to wait.
    fn step(self, world: &mut World, at: At) -> Result<At, At> {
        match self {
            Self::Check => check(world, at),
            Self::Write(deeds) => Ok(write(world, deeds, at)),
            Self::Evict => Ok(evict(world, at)),
            Self::Foreign => Ok(foreign(world, at)),
        }
    }
}

fn write(world: &mut World, deeds: &[Deed], at: At) -> At {
    match at {
        At::Start => commit(world, deeds, 0),
        At::Committed(doing) => At::Publishes(doing, world.find()),
        At::Publishes(doing, slot) => {
            if let Some(slot) = slot {
                publish(world, deeds[doing.index], doing.revision, &slot);
            }
            At::Published(doing)
        }
        At::Published(doing) => {
            acknowledge(world, deeds[doing.index], doing.revision);
            commit(world, deeds, doing.index + 1)
        }
        at => unreachable!("{at:?}"),
    }
}

fn commit(world: &mut World, deeds: &[Deed], index: usize) -> At {
    let Some(deed) = deeds.get(index) else {
        return At::Over;
    };
    match deed {
        Deed::End => world.ended = true,
        Deed::Change => world.committed += 1,
    }
    let revision = world.committed;
    if world.flaw == Flaw::AnswersFirst {
        acknowledge(world, *deed, revision);
    }
    At::Committed(Doing { index, revision })
}

fn publish(world: &World, deed: Deed, revision: i64, slot: &Shared<u32, Sum>) {
    let bytes = &world.cache.bytes;
    match deed {
        Deed::End if slot.close(bytes) => world.cache.forget(slot),
        Deed::End => {}
        Deed::Change if world.flaw == Flaw::TellsNoLoader && slot.current().is_none() => {}
        // The first change begins the stream: there is nothing to fold it into.
        Deed::Change => slot.publish(bytes, revision, || {
            (revision > 1).then(|| Arc::new(revision * revision))
        }),
    }
}

fn acknowledge(world: &mut World, deed: Deed, revision: i64) {
    match deed {
        Deed::End => world.end_acknowledged = true,
        Deed::Change => world.acknowledged = world.acknowledged.max(revision),
    }
}

fn evict(world: &World, at: At) -> At {
    match at {
        At::Start => match world.find() {
            Some(slot) => {
                // Twice: second chances are no part of the protocol.
                let evict = || slot.evict(&world.cache.bytes) == Eviction::Done;
                if evict() || evict() {
                    At::Evicted(slot)
                } else {
                    At::Over
                }
            }
            None => At::Over,
        },
        At::Evicted(slot) => {
            world.cache.leave(&slot);
            At::Over
        }
        at => unreachable!("{at:?}"),
    }
}

fn foreign(world: &mut World, at: At) -> At {
    match at {
        At::Start if world.ended => At::Over,
        At::Start => {
            world.committed += 1;
            At::Noticed(world.committed)
        }
        At::Noticed(revision) => {
            if world.flaw == Flaw::SparesLoads {
                if let Some(slot) = world.find().filter(|slot| slot.current().is_some()) {
                    slot.invalidate(&world.cache.bytes);
                }
            } else {
                world.cache.invalidate();
            }
            world.acknowledged = world.acknowledged.max(revision);
            At::Over
        }
        at => unreachable!("{at:?}"),
    }
}

fn check(world: &World, at: At) -> Result<At, At> {
    Ok(match at {
        At::Start => {
            let need = Need {
                revision: world.acknowledged,
                ended: world.end_acknowledged,
            };
            match world.cache.get(&KEY, 0) {
                Some(value) => {
                    judge(world, need, Some(&value));
                    At::Over
                }
                None if world.flaw == Flaw::ReadsFirst => {
                    At::ReadEarly(need, world.read().map(Arc::new))
                }
                // That there was no value is not used again: both looks into the map are one step.
                None => At::Found(need, world.cache.slot(KEY)),
            }
        }
        At::Miss(need) => At::Found(need, world.cache.slot(KEY)),
        At::Found(need, slot) => match slot.begin(0, &Trust::for_ever(), 0) {
            Begin::Ready(value) => {
                judge(world, need, Some(&value));
                At::Over
            }
            Begin::Wait(landing) => At::Waits(need, landing),
            Begin::Load => At::Loads(need, ticket(world, slot)),
            Begin::Retired => At::Retired(need, slot),
        },
        At::Retired(need, slot) => {
            world.cache.unmap(&slot);
            At::Miss(need)
        }
        At::Waits(need, landing) => match landing.landed.get() {
            None => return Err(At::Waits(need, landing)),
            Some(Landed::Value(value)) => {
                judge(world, need, Some(value));
                At::Over
            }
            Some(Landed::Absent) => {
                judge(world, need, None);
                At::Over
            }
            Some(Landed::Failed(_) | Landed::Abandoned) => At::Miss(need),
        },
        At::Loads(need, ticket) => At::Read(need, ticket, world.read().map(Arc::new)),
        At::ReadEarly(need, read) => {
            let slot = world.cache.slot(KEY);
            match slot.begin(0, &Trust::for_ever(), 0) {
                Begin::Load => At::Read(need, ticket(world, slot), read),
                _ => At::Miss(need),
            }
        }
        At::Read(need, ticket, read) => settle(world, need, ticket, read),
        At::Behind(need, ticket, value, news) => match catch_up(value, &news) {
            Some(value) => At::Read(need, ticket, Some(value)),
            None => At::Loads(need, ticket),
        },
        at => unreachable!("{at:?}"),
    })
}

fn ticket(world: &World, slot: Shared<u32, Sum>) -> Ticket<u32, Sum> {
    Ticket {
        cache: Arc::clone(&world.cache),
        slot,
        done: false,
    }
}

/// One turn of [`Ticket::offer`].
fn settle(world: &World, need: Need, mut ticket: Ticket<u32, Sum>, read: Option<Arc<Sum>>) -> At {
    match ticket.slot.settle(&world.cache.bytes, read) {
        Settled::Kept { value, .. } => {
            ticket.done = true;
            judge(world, need, Some(&value));
            At::Over
        }
        Settled::Absent { retired } => {
            ticket.done = true;
            if retired {
                world.cache.forget(&ticket.slot);
            }
            judge(world, need, None);
            At::Over
        }
        Settled::TooOld => At::Loads(need, ticket),
        Settled::Behind(value, news) => At::Behind(need, ticket, value, news),
    }
}

/// Runs one schedule; `choose` picks among that many actors that can move.
fn run(actors: &[Actor], flaw: Flaw, begun: i64, choose: &mut dyn FnMut(usize) -> usize) {
    let mut world = World {
        cache: Cache::new(usize::MAX, Trust::for_ever()),
        flaw,
        committed: begun,
        ended: false,
        acknowledged: begun,
        end_acknowledged: false,
    };
    let mut places: Vec<(Actor, Option<At>)> = actors
        .iter()
        .map(|actor| (*actor, Some(At::Start)))
        .collect();
    loop {
        let moving: Vec<usize> = (0..places.len())
            .filter(|index| match &places[*index].1 {
                None | Some(At::Over) => false,
                Some(At::Waits(_, landing)) => landing.landed.get().is_some(),
                Some(_) => true,
            })
            .collect();
        if moving.is_empty() {
            break;
        }
        let (actor, place) = &mut places[moving[choose(moving.len())]];
        *place = Some(actor.step(&mut world, place.take().unwrap()).unwrap());
    }
    for (actor, place) in places {
        assert!(
            matches!(place, Some(At::Over)),
            "{actor:?} waits for ever at {place:?}"
        );
    }
    // Whatever happened, the next question is answered as it must be.
    let mut place = At::Start;
    while !matches!(place, At::Over) {
        place = check(&world, place).unwrap();
    }
    let value = |slot: &Shared<u32, Sum>| slot.current().as_ref().map_or(0, |value| value.bytes());
    let kept: usize = world.cache.slots.pin().values().map(value).sum();
    let slots = world.cache.slots.len() * Cache::<u32, Sum>::bytes_a_slot();
    assert_eq!(
        world.cache.bytes.load(Ordering::Relaxed),
        kept + slots,
        "the books are wrong"
    );
}

/// Runs every schedule; tells how many there are.
fn every_schedule(actors: &[Actor], flaw: Flaw, begun: i64) -> u64 {
    let (mut path, mut count): (Vec<(usize, usize)>, u64) = (Vec::new(), 0);
    loop {
        let mut depth = 0;
        run(actors, flaw, begun, &mut |choices| {
            if depth == path.len() {
                path.push((0, choices));
            }
            depth += 1;
            path[depth - 1].0
        });
        count += 1;
        while path
            .last()
            .is_some_and(|(taken, choices)| taken + 1 == *choices)
        {
            path.pop();
        }
        match path.last_mut() {
            Some((taken, _)) => *taken += 1,
            None => return count,
        }
    }
}

use Actor::{Check, Evict, Foreign, Write};
use Deed::{Change, End};

#[test]
fn no_order_of_steps_leaves_a_stale_value() {
    let worlds: &[(&[Actor], i64)] = &[
        (&[Check, Check, Write(&[Change])], 0),
        (&[Check, Write(&[Change, Change])], 1),
        (&[Check, Write(&[Change, End])], 1),
        (&[Check, Check, Write(&[Change])], 1),
        (&[Check, Check, Write(&[End])], 1),
        (&[Check, Check, Evict], 1),
        (&[Check, Check, Foreign], 1),
        (&[Check, Evict, Write(&[Change])], 1),
        (&[Check, Evict, Write(&[End])], 1),
        (&[Check, Foreign, Write(&[Change])], 1),
        (&[Check, Foreign, Evict], 1),
    ];
    for (actors, begun) in worlds {
        let count = every_schedule(actors, Flaw::None, *begun);
        assert!(count > 10, "{actors:?}: only {count} schedules");
    }
}

#[test]
fn a_cache_with_a_flaw_is_found_out() {
    let worlds: [(Flaw, &[Actor]); 4] = [
        (Flaw::AnswersFirst, &[Check, Write(&[Change]), Check]),
        (Flaw::ReadsFirst, &[Check, Write(&[Change]), Check]),
        (Flaw::TellsNoLoader, &[Check, Write(&[Change]), Check]),
        (Flaw::SparesLoads, &[Check, Foreign, Check]),
    ];
    for (flaw, actors) in worlds {
        let found = std::panic::catch_unwind(|| every_schedule(actors, flaw, 1));
        assert!(found.is_err(), "{flaw:?} was not found");
    }
}

#[test]
fn a_crowd_of_all_kinds_finds_nothing_stale() {
    const DEEDS: &[Deed] = &[Change, Change, Change, End];
    let actors = [
        Check,
        Check,
        Check,
        Check,
        Check,
        Check,
        Evict,
        Evict,
        Foreign,
        Foreign,
        Write(DEEDS),
    ];
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    for round in 0..20_000 {
        run(&actors, Flaw::None, round % 3, &mut |choices| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % choices as u64).unwrap()
        });
    }
}
