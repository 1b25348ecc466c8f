//! All writers together, over the lives of one server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::client::Client;
use crate::random::Random;
use crate::registry::Registry;
use crate::server::{Place, Server};
use crate::world;
use crate::writers::{InFlight, Stop, Writer};

/// How many work at the same time.
pub(crate) const WRITERS: usize = 16;

/// When a server is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Whatever it is doing.
    Any,
    /// Just when it has answered somebody: what was answered before it was done is not done.
    Answer,
}

/// The writers, what they were told and what they have counted.
#[derive(Debug)]
pub(crate) struct Troop {
    key: String,
    writers: Vec<Writer>,
    registry: Registry,
    pub(crate) figures: Figures,
}

/// What a run has seen, for the report.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) acknowledged: usize,
    /// Changes in flight at a kill that were found done …
    pub(crate) applied: usize,
    /// … and that were not.
    pub(crate) not_applied: usize,
}

/// Kills a server: by itself, or within microseconds of an answer once it is armed.
#[derive(Debug)]
struct Killer {
    server: Mutex<Server>,
    armed: AtomicBool,
    killed: AtomicBool,
}

impl Killer {
    fn new(server: Server) -> Self {
        Self {
            server: Mutex::new(server),
            armed: AtomicBool::new(false),
            killed: AtomicBool::new(false),
        }
    }

    fn answered(&self) {
        if self.armed.load(Ordering::SeqCst) {
            self.kill();
        }
    }

    fn kill(&self) {
        if !self.killed.swap(true, Ordering::SeqCst) {
            self.server.lock().unwrap().start_kill();
        }
    }

    fn has_killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    async fn buried(self) {
        self.server.into_inner().unwrap().wait().await;
    }
}

impl Troop {
    pub(crate) fn new(key: String, random: &mut Random) -> Self {
        let writers = (0..WRITERS).map(|number| Writer::new(number, random.fork()));
        Self {
            key,
            writers: writers.collect(),
            registry: Registry::default(),
            figures: Figures::default(),
        }
    }

    /// How many ids the server has given out.
    pub(crate) fn ids(&self) -> usize {
        self.registry.ids()
    }

    /// Lets everybody work until the server does not acknowledge any more, and tells what it did instead.
    pub(crate) async fn work(&mut self, server: &Server) -> Vec<Stop> {
        let mut working = JoinSet::new();
        for writer in self.writers.drain(..) {
            let client = Client::new(server.address, &self.key);
            working.spawn(writer.work(client, || ()));
        }
        let (writers, stops) = working.join_all().await.into_iter().unzip();
        self.writers = writers;
        stops
    }

    /// Lets everybody work for `load` and kills the server under them, at any moment or when an answer comes. Until then it
    /// must acknowledge everything.
    pub(crate) async fn work_until_killed(&mut self, server: Server, load: Duration, at: Moment) {
        let address = server.address;
        let killer = Arc::new(Killer::new(server));
        let mut working = JoinSet::new();
        for writer in self.writers.drain(..) {
            let (client, killer) = (Client::new(address, &self.key), Arc::clone(&killer));
            working.spawn(async move {
                let (writer, stop) = writer.work(client, || killer.answered()).await;
                let in_order = matches!(stop, Stop::Unanswered) && killer.has_killed();
                assert!(in_order, "a writer was stopped by {stop:?}");
                writer
            });
        }
        tokio::time::sleep(load).await;
        match at {
            Moment::Any => killer.kill(),
            Moment::Answer => killer.armed.store(true, Ordering::SeqCst),
        }
        self.writers = working.join_all().await;
        Arc::into_inner(killer).unwrap().buried().await;
    }

    /// A server whose disk has failed ends and answers nobody any more; the next one has everything that was acknowledged.
    pub(crate) async fn outlive(&mut self, place: &Place, server: Server, stops: &[Stop]) {
        let unanswered = |stop: &Stop| matches!(stop, Stop::Unanswered);
        assert!(stops.iter().all(unanswered), "{stops:?}");
        assert_eq!(server.wait().await.code(), Some(70), "{}", place.log());
        assert!(place.log().contains("the disk failed"), "{}", place.log());

        place.verify().await;
        let server = place.serve().await;
        self.compare(&server).await;
        self.next_life();
        server.stop().await;
    }

    /// Reads everything back and compares it with what was acknowledged.
    pub(crate) async fn compare(&mut self, server: &Server) {
        let mut client = Client::new(server.address, &self.key);
        let mut world = world::read(&mut client).await;
        for writer in &mut self.writers {
            for acknowledgement in writer.acknowledgements() {
                self.registry.acknowledged(&acknowledgement);
                self.figures.acknowledged += 1;
            }
            let found = world.remove(&writer.number).unwrap_or_default();
            match writer.settle(found, &mut self.registry) {
                InFlight::None => {}
                InFlight::Applied => self.figures.applied += 1,
                InFlight::NotApplied => self.figures.not_applied += 1,
            }
        }
        assert!(world.is_empty(), "nobody has made {world:#?}");
    }

    /// The server that gave out these ids has ended: those of the next must be above them.
    pub(crate) fn next_life(&mut self) {
        self.registry.next_life();
    }
}
