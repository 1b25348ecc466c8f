//! Worlds that a real server is told by its public API, and is asked about by it.
//!
//! The server's clock is ours: an hour of it is one of the few times of a world, so that what ends, ends exactly when a
//! check is made, however long the requests take.

mod caller;
mod server;
mod told;

use std::{collections::BTreeMap, fmt, ops::AddAssign, thread};

use guildhall_access::Reason;
use guildhall_types::Timestamp;

use crate::{
    agree::SHOWN_MAX,
    world::{Question, TIMES, World},
};
use caller::Caller;
use server::Server;
use told::Told;

/// How many call at the same time.
const CALLERS: usize = 8;

/// The year 2030, which is ahead of every time at which this is run.
const BEGINNING: Timestamp = Timestamp::from_micros(1_893_456_000_000_000);

const HOUR_SECONDS: i64 = 3_600;

/// A world that a server can be told, and what is asked there.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Where it comes from, for people.
    pub(crate) seed: u64,
    /// What the server is told.
    pub(crate) world: World,
    /// Whether the server loads the organization when everything is told; otherwise it has it in memory from the beginning,
    /// and folds every change into it.
    pub(crate) is_loaded: bool,
    /// The questions, with what Cedar says.
    pub(crate) asked: Vec<Asked>,
}

/// A question over HTTP.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) question: Question,
    /// What Cedar says.
    pub(crate) expected: Reason,
    /// The users of whom Cedar says yes, if the lists are asked too.
    pub(crate) holders: Option<Vec<i64>>,
}

/// What was compared over HTTP, and what was found.
#[derive(Debug, Default)]
pub struct Tally {
    /// Worlds that a server was told.
    pub worlds: usize,
    /// Decisions by `POST /access/check`, and as many by `POST /access/check-batch`.
    pub checks: usize,
    /// Lists of who, of where and of what.
    pub lists: usize,
    /// How often something was not what Cedar says, by what was asked: `check`, `check-batch` or `lists`.
    pub disagreements: BTreeMap<&'static str, usize>,
    /// The first of them, for people.
    pub shown: Vec<String>,
}

impl Tally {
    fn disagree(&mut self, asked: &'static str, said: impl FnOnce() -> String) {
        *self.disagreements.entry(asked).or_default() += 1;
        if self.shown.len() < SHOWN_MAX {
            self.shown.push(said());
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.checks += other.checks;
        self.lists += other.lists;
        for (asked, count) in other.disagreements {
            *self.disagreements.entry(asked).or_default() += count;
        }
        self.shown.extend(other.shown);
        self.shown.truncate(SHOWN_MAX);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of the worlds over HTTP: {} checks, as many in batches, {} lists: {} disagreements",
            self.worlds,
            self.checks,
            self.lists,
            self.disagreements.values().sum::<usize>()
        )
    }
}

/// Tells a new server these worlds and asks everything.
pub(crate) fn ask(samples: &[Sample]) -> Tally {
    let server = Server::start(instant(TIMES[0] - 1));
    let mut tally = Tally {
        worlds: samples.len(),
        ..Tally::default()
    };
    let told = each(&server, samples, Told::tell);
    for now in TIMES {
        server.wait_until(instant(now));
        let found = each(&server, &told, |caller, told| told.ask(caller, now));
        for found in found {
            tally += found;
        }
    }
    server.finish();
    tally
}

/// The server's time of a time of a world.
fn instant(time: i64) -> Timestamp {
    BEGINNING.plus_seconds(time * HOUR_SECONDS)
}

/// Does the work for each of the items, several at the same time: a group of changes is one commit.
fn each<'a, I: Sync, O: Send>(
    server: &Server,
    items: &'a [I],
    work: impl Fn(&mut Caller, &'a I) -> O + Copy + Send,
) -> Vec<O> {
    let part = items.len().div_ceil(CALLERS).max(1);
    thread::scope(|scope| {
        let callers = items.chunks(part).map(|items| {
            let mut caller = server.caller();
            scope.spawn(move || {
                let done = items.iter().map(|item| work(&mut caller, item));
                done.collect::<Vec<_>>()
            })
        });
        let callers: Vec<_> = callers.collect();
        let done = callers.into_iter().map(|caller| caller.join().unwrap());
        done.flatten().collect()
    })
}
