//! A change that is retried with its `Idempotency-Key`, because the server died or the answer was lost, happens once.
//!
//! Seen red without `idempotency::keep` in the epilogue, and with the epilogue in a commit of its own after that of the
//! change: every run of either.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::{Client, Reply};
use crate::deeds::{Deed, Sort};
use crate::random::Random;
use crate::server::{Place, Server};
use crate::settings;

/// Changes that are under way at the same time.
const WIDTH: usize = 16;

/// How long the server may live after the answer at which it is killed.
const LAST_MOMENT: Duration = Duration::from_millis(1);

/// One change, and what the caller has seen of it.
#[derive(Debug)]
struct Round {
    deed: Deed,
    /// The first answer. The caller behaves as if it had been lost, and asks again.
    answer: Option<Reply>,
    unanswered: usize,
    /// Whether the first answer said that the change had been made before.
    done_unanswered: bool,
}

#[derive(Debug, Default)]
struct Figures {
    kills: usize,
    rounds: usize,
    /// Rounds in which the server died before it had answered …
    interrupted: usize,
    /// … and had made the change all the same.
    of_them_done: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_happens_once() {
    let interrupted_min = settings::number("GUILDHALL_TORTURE_ROUNDS", 100);
    let interrupted_min = usize::try_from(interrupted_min).unwrap();
    let mut random = settings::seed();
    let place = Place::new();
    let mut server = place.serve().await;
    let key = place.key().await;
    let mut figures = Figures::default();
    while figures.interrupted < interrupted_min {
        let mut rounds = prepare(&server, &key, &mut random, &mut figures).await;
        for time in 0..=usize::from(random.chance(50)) {
            let answers_before_kill = random.below(WIDTH as u64 / 2);
            let killed =
                attempt_and_kill(server, &key, rounds, time, answers_before_kill, &mut random);
            rounds = killed.await;
            figures.kills += 1;
            server = place.serve().await;
        }
        finish(&server, &key, rounds, &mut figures).await;
        place.verify().await;
    }
    server.stop().await;
    place.verify().await;
    println!("{figures:?}");
    assert!(
        figures.of_them_done > 0,
        "no kill came after a commit: {figures:?}"
    );
}

async fn prepare(
    server: &Server,
    key: &str,
    random: &mut Random,
    figures: &mut Figures,
) -> Vec<Round> {
    let mut client = Client::new(server.address, key);
    let mut rounds = Vec::new();
    for _ in 0..WIDTH {
        let sort = random.pick(Sort::ALL.into_iter()).unwrap();
        let label = format!("deed{}.", figures.rounds);
        figures.rounds += 1;
        rounds.push(Round {
            deed: Deed::prepare(&mut client, sort, label).await,
            answer: None,
            unanswered: 0,
            done_unanswered: false,
        });
    }
    rounds
}

/// Sends every change at once, and kills the server a moment after so many were answered.
async fn attempt_and_kill(
    server: Server,
    key: &str,
    rounds: Vec<Round>,
    time: usize,
    answers_before_kill: u64,
    random: &mut Random,
) -> Vec<Round> {
    let answers = Arc::new(Semaphore::new(0));
    let mut asking = JoinSet::new();
    for mut round in rounds {
        let mut client = Client::new(server.address, key);
        let answers = Arc::clone(&answers);
        asking.spawn(async move {
            match client.call(&round.deed.attempt(time)).await {
                Ok(reply) => {
                    answers.add_permits(1);
                    round.answered(reply);
                }
                Err(_) => round.unanswered += 1,
            }
            round
        });
    }
    let enough = answers.acquire_many(u32::try_from(answers_before_kill).unwrap());
    enough.await.unwrap().forget();
    tokio::time::sleep(random.moment(LAST_MOMENT)).await;
    server.kill().await;
    asking.join_all().await
}

/// Retries every change until it is answered, and counts its effects.
async fn finish(server: &Server, key: &str, rounds: Vec<Round>, figures: &mut Figures) {
    let mut client = Client::new(server.address, key);
    for mut round in rounds {
        round.deed.interfere(&mut client).await;
        let known = round.answer.is_some();
        for time in [10, 11] {
            let reply = client.ask(round.deed.attempt(time)).await;
            round.answered(reply);
        }
        let done_before = known || round.done_unanswered;
        let reply = round.answer.as_ref().unwrap();
        round.deed.check(&mut client, reply, done_before).await;
        figures.interrupted += usize::from(round.unanswered > 0);
        figures.of_them_done += usize::from(round.done_unanswered);
    }
}

impl Round {
    /// Takes an answer: the first may be fresh or not, every later one must be the first again, byte for byte.
    fn answered(&mut self, reply: Reply) {
        assert_eq!(reply.status, 200, "{reply} to {:?}", self.deed);
        let replayed = reply.header("idempotent-replayed") == "true";
        let Some(first) = &self.answer else {
            assert!(
                !replayed || self.unanswered > 0,
                "{:?} was not asked for before",
                self.deed
            );
            self.done_unanswered = replayed;
            self.answer = Some(reply);
            return;
        };
        assert!(replayed, "{:?} was done again", self.deed);
        assert_eq!(reply.body, first.body, "{:?}", self.deed);
        assert_eq!(reply.revision(), first.revision(), "{:?}", self.deed);
    }
}
