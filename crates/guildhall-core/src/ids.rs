//! Giving out ids: 53 bits, growing, never twice, whatever the clock does.
//!
//! An id is 41 bits of milliseconds since 2025-01-01, 4 bits of slot and 8 bits of counter. A process owns its slot
//! and gives out ids only below a moment that it has *reserved* in the database. The reservation is moved on in the
//! transaction of the commands that need it, and the next process of the slot starts where it ends: neither a crash
//! nor a clock that was set back can give out an id a second time.
//!
//! Of several servers on one database each takes a slot that nobody uses. Each moment of a slot is reserved once, by
//! whoever moves the reservation on from where it was last seen: so a server that was stopped, and whose slot another has
//! taken meanwhile, has only moments left that are its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use guildhall_db::{BatchHook, DbError, Tx, statements};
use guildhall_types::Timestamp;
use guildhall_types::ids::InvalidId;

use crate::ambient::Clock;
use crate::refusal::Refusal;

statements! {
    RESERVED = "SELECT reserved_until FROM id_slots WHERE slot = ?1";
    RESERVE = "INSERT INTO id_slots (slot, reserved_until) VALUES (?1, ?2)
        ON CONFLICT (slot) DO UPDATE SET reserved_until = ?2";
    TAKE = "INSERT INTO id_slots (slot, reserved_until) VALUES (?1, ?2)
        ON CONFLICT (slot) DO UPDATE SET reserved_until = ?2 WHERE id_slots.reserved_until = ?3";
    SLOTS = "SELECT slot, reserved_until FROM id_slots ORDER BY slot";
    TOUCH = "UPDATE id_slots SET reserved_until = reserved_until + ?2 WHERE slot = ?1";
}

/// 2025-01-01T00:00:00Z in milliseconds since 1970.
const EPOCH_MILLIS: i64 = 1_735_689_600_000;

const SLOT_BITS: u32 = 4;
const SLOTS_MAX: i64 = 1 << SLOT_BITS;
const COUNTER_BITS: u32 = 8;
const COUNTER_MAX: i64 = (1 << COUNTER_BITS) - 1;

/// How far ahead the reservation is moved: what a restart may skip, and so how far the ids of the command line may run
/// ahead of those of the server.
const RESERVE_MILLIS: i64 = 1_000;

/// How much of it must be left before a group of commands begins.
const RESERVE_LEFT_MIN_MILLIS: i64 = 500;

/// The same where it costs a transaction of its own.
const TAKE_MILLIS: i64 = 10_000;
const TAKE_LEFT_MIN_MILLIS: i64 = 5_000;

/// Who gives out ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The server of a data directory.
    Server,
    /// The command line beside it.
    CommandLine,
    /// One of several processes on one database: in whichever slot is free.
    Shared,
}

#[derive(Debug)]
struct State {
    slot: i64,
    /// The millisecond and counter of the last id.
    millis: i64,
    counter: i64,
    /// Ids are given out only in milliseconds before this one.
    reserved_until: i64,
}

/// The generator of one process.
#[derive(Clone, Debug)]
pub(crate) struct IdGenerator {
    slot: Slot,
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

impl IdGenerator {
    pub(crate) fn new(slot: Slot, clock: Arc<dyn Clock>) -> Self {
        let state = State {
            slot: match slot {
                Slot::Server | Slot::Shared => 0,
                Slot::CommandLine => 1,
            },
            millis: 0,
            counter: 0,
            reserved_until: 0,
        };
        Self {
            slot,
            clock,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The next id.
    pub(crate) fn next<Id>(&self, make: fn(i64) -> Result<Id, InvalidId>) -> Result<Id, Refusal> {
        let mut state = self.lock();
        // A group of commands that outlives its reservation gets ids that lag behind the clock.
        let now = millis(self.clock.now()).min(state.reserved_until - 1);
        if now > state.millis {
            (state.millis, state.counter) = (now, 0);
        } else if state.counter < COUNTER_MAX {
            state.counter += 1;
        } else {
            // Faster than the counter, or a clock that was set back: the ids run ahead of the clock.
            (state.millis, state.counter) = (state.millis + 1, 0);
        }
        if state.millis >= state.reserved_until {
            return Err(DbError::Overloaded.into());
        }
        let raw = (state.millis << (SLOT_BITS + COUNTER_BITS))
            | (state.slot << COUNTER_BITS)
            | state.counter;
        make(raw).map_err(Refusal::internal)
    }

    /// Changes a row of this process and nothing that anybody sees: a change that has to reach the disk.
    pub(crate) fn touch(&self, tx: &Tx<'_>) -> Result<(), DbError> {
        let step: i64 = match self.slot {
            // SQLite leaves alone what stays the same; and more than is used may always be reserved.
            Slot::Server | Slot::CommandLine => 1,
            Slot::Shared => 0,
        };
        let slot = self.lock().slot;
        tx.exec_exactly(1, &TOUCH, &[&slot, &step])
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What keeps the reservation ahead of the ids, around every commit.
    pub(crate) fn hook(&self) -> Box<dyn BatchHook> {
        let ids = self.clone();
        match self.slot {
            Slot::Server | Slot::CommandLine => Box::new(Reservation { ids, stored: None }),
            Slot::Shared => Box::new(Shared {
                ids,
                held: None,
                taken: None,
            }),
        }
    }
}

struct Reservation {
    ids: IdGenerator,
    /// What the database is known to hold; unknown at the start and after a failed commit.
    stored: Option<i64>,
}

impl BatchHook for Reservation {
    fn due(&self) -> bool {
        true
    }

    fn before(&mut self, tx: &Tx<'_>) -> Result<(), DbError> {
        let mut state = self.ids.lock();
        let slot = state.slot;
        if self.stored.is_none() {
            let found = tx
                .one(&RESERVED, &[&slot], |row| row.get::<i64>(0))?
                .unwrap_or_default();
            // INVARIANT: the first id of a process lies at or after everything its slot may have given out.
            if state.reserved_until == 0 {
                (state.millis, state.counter) = (found - 1, COUNTER_MAX);
            }
            self.stored = Some(found);
        }
        let needed = millis(self.ids.clock.now()).max(state.millis);
        if self
            .stored
            .is_none_or(|stored| stored < needed + RESERVE_LEFT_MIN_MILLIS)
        {
            let reserved_until = needed + RESERVE_MILLIS;
            tx.exec_exactly(1, &RESERVE, &[&slot, &reserved_until])?;
            self.stored = Some(reserved_until);
            state.reserved_until = reserved_until;
        }
        Ok(())
    }

    fn after(&mut self, committed: bool) {
        if !committed {
            self.stored = None;
        }
    }

    fn look(&mut self, _: &Tx<'_>) -> Result<(), DbError> {
        // The slot is this process's own.
        Ok(())
    }
}

/// The reservation of a slot that others may take.
struct Shared {
    ids: IdGenerator,
    /// The slot, and what it was last reserved to: by this process, unless another has it now.
    held: Option<(i64, i64)>,
    /// What is reserved as soon as it is committed.
    taken: Option<Range>,
}

struct Range {
    slot: i64,
    from: i64,
    until: i64,
}

impl Shared {
    /// A slot that was never used, or else the one that was used least lately, with what it is reserved to.
    fn free(tx: &Tx<'_>) -> Result<(i64, i64), DbError> {
        let used = tx.rows(&SLOTS, &[], |row| {
            Ok::<_, DbError>((row.get::<i64>(0)?, row.get::<i64>(1)?))
        })?;
        let unused = (0..SLOTS_MAX).find(|slot| used.iter().all(|(taken, _)| taken != slot));
        let oldest = used.into_iter().min_by_key(|(_, until)| *until);
        Ok(unused.map(|slot| (slot, 0)).or(oldest).unwrap_or_default())
    }
}

impl BatchHook for Shared {
    fn due(&self) -> bool {
        let state = self.ids.lock();
        let needed = millis(self.ids.clock.now()).max(state.millis);
        self.held.is_none() || state.reserved_until < needed + TAKE_LEFT_MIN_MILLIS
    }

    fn before(&mut self, tx: &Tx<'_>) -> Result<(), DbError> {
        let (slot, from) = match self.held.take() {
            Some(held) => held,
            None => Self::free(tx)?,
        };
        let until = millis(self.ids.clock.now()).max(from) + TAKE_MILLIS;
        if tx.exec(&TAKE, &[&slot, &until, &from])? != 1 {
            return Err(DbError::Conflict);
        }
        self.taken = Some(Range { slot, from, until });
        Ok(())
    }

    fn after(&mut self, committed: bool) {
        // What may have been reserved, or not, is left alone: another slot, or this one from a later moment.
        let Some(Range { slot, from, until }) = self.taken.take().filter(|_| committed) else {
            return;
        };
        let mut state = self.ids.lock();
        // INVARIANT: ids lie in moments that this process has reserved, and in no others.
        if state.slot != slot || state.reserved_until != from {
            (state.slot, state.millis, state.counter) = (slot, from - 1, COUNTER_MAX);
        }
        state.reserved_until = until;
        self.held = Some((slot, until));
    }

    fn look(&mut self, _: &Tx<'_>) -> Result<(), DbError> {
        Ok(())
    }
}

fn millis(now: Timestamp) -> i64 {
    now.as_micros().div_euclid(1_000) - EPOCH_MILLIS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::ManualClock;
    use guildhall_types::ids::{ID_MAX, UserId};

    fn generator(clock: &Arc<ManualClock>) -> IdGenerator {
        let ids = IdGenerator::new(Slot::CommandLine, Arc::clone(clock) as Arc<dyn Clock>);
        ids.state.lock().unwrap().reserved_until = i64::MAX;
        ids
    }

    #[test]
    fn ids_only_grow_even_when_the_clock_goes_back() {
        let clock = Arc::new(ManualClock::starting_at(
            "2026-05-03T12:00:00Z".parse().unwrap(),
        ));
        let ids = generator(&clock);
        let mut last = ids.next(UserId::new).unwrap();
        for step in 0..2_000 {
            if step == 1_000 {
                clock.advance_seconds(-3_600);
            }
            let next = ids.next(UserId::new).unwrap();
            assert!(next > last);
            last = next;
        }
    }

    #[test]
    fn an_id_of_the_last_day_fits_53_bits() {
        let clock = Arc::new(ManualClock::starting_at(
            "2094-01-01T00:00:00Z".parse().unwrap(),
        ));
        assert!(generator(&clock).next(UserId::new).unwrap().raw() <= ID_MAX);
    }

    #[test]
    fn nothing_is_given_out_beyond_the_reservation() {
        let clock = Arc::new(ManualClock::starting_at(
            "2026-05-03T12:00:00Z".parse().unwrap(),
        ));
        let ids = generator(&clock);
        ids.state.lock().unwrap().reserved_until = millis(clock.now()) + 1;
        clock.advance_seconds(1);
        let reserved = (millis(clock.now()) - 1_000 + 1) << (SLOT_BITS + COUNTER_BITS);
        for _ in 0..=COUNTER_MAX {
            assert!(ids.next(UserId::new).unwrap().raw() < reserved);
        }
        assert!(ids.next(UserId::new).is_err());
    }
}
