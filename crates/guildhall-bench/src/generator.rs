//! The load generator: some connections, each of which asks again as soon as it has its answer (a closed loop), or when
//! its next request is due, whatever became of the one before (an open loop).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::histogram::Histogram;

/// Appends the bytes of the next request.
pub(crate) type Requests = Arc<dyn Fn(&mut Vec<u8>) + Send + Sync>;

/// How long the last answers may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of a run is not counted: connections open, caches fill.
const WARM_UP: f64 = 0.2;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) connections: u32,
    /// What is counted; the warm-up comes before it.
    pub(crate) duration: Duration,
    pub(crate) pace: Pace,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As fast as the answers come.
    Closed,
    /// This many requests a second over all connections, evenly.
    Open(f64),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    pub(crate) requests_per_second: f64,
    pub(crate) latency: Histogram,
    /// All answers, those of the warm-up too.
    pub(crate) answers: u64,
    /// The first answer that was not 200.
    pub(crate) refusal: Option<String>,
    /// What each answer took of the server's processor; unknown where the server is no process of its own.
    pub(crate) cpu: Option<Duration>,
}

/// Puts the load on the server at `address`.
pub(crate) async fn drive(
    address: SocketAddr,
    load: Load,
    requests: &Requests,
) -> Outcome<Measured> {
    let mut connections = Vec::new();
    for _ in 0..load.connections {
        connections.push(Connection::open(address).await?);
    }
    let begin = Instant::now();
    let from = begin + load.duration.mul_f64(WARM_UP);
    let window = Window {
        from,
        to: from + load.duration,
    };
    let mut workers = JoinSet::new();
    for (number, connection) in (0..load.connections).zip(connections) {
        let schedule = Schedule::new(load, begin, number);
        workers.spawn(work(connection, Arc::clone(requests), schedule, window));
    }
    let mut all = Measured::default();
    let deadline = window.to + PATIENCE;
    loop {
        let next = tokio::time::timeout_at(deadline.into(), workers.join_next()).await;
        let next = next.map_err(|_| Failure::new("the server has stopped answering"))?;
        let Some(worker) = next else { break };
        let worker = worker.map_err(Failure::doing("driving a connection"))??;
        all.latency.add(&worker.latency);
        all.answers += worker.answers;
        all.refusal = all.refusal.or(worker.refusal);
    }
    all.requests_per_second = all.latency.total() as f64 / load.duration.as_secs_f64();
    Ok(all)
}

/// The time in which answers are counted.
#[derive(Clone, Copy, Debug)]
struct Window {
    from: Instant,
    to: Instant,
}

/// When a connection sends.
#[derive(Clone, Copy, Debug)]
enum Schedule {
    AtOnce,
    Every { due: Instant, interval: Duration },
}

impl Schedule {
    fn new(load: Load, begin: Instant, number: u32) -> Self {
        match load.pace {
            Pace::Closed => Self::AtOnce,
            Pace::Open(rate) => {
                let interval = Duration::from_secs_f64(f64::from(load.connections) / rate.max(1.0));
                let offset = interval.mul_f64(f64::from(number) / f64::from(load.connections));
                Self::Every {
                    due: begin + offset,
                    interval,
                }
            }
        }
    }

    /// Waits until the next request is due and tells since when its latency counts.
    ///
    /// A request that became due while the one before it was still under way counts from when it was due: a server that
    /// stalls does not hide what it made others wait. The lateness of the timer, up to a millisecond, is ours and does
    /// not count.
    async fn wait(&mut self) -> Instant {
        let now = Instant::now();
        let Self::Every { due, interval } = self else {
            return now;
        };
        let start = *due;
        *due += *interval;
        if start <= now {
            return start;
        }
        tokio::time::sleep_until(start.into()).await;
        Instant::now()
    }
}

async fn work(
    mut connection: Connection,
    requests: Requests,
    mut schedule: Schedule,
    window: Window,
) -> Outcome<Measured> {
    let mut measured = Measured::default();
    let mut request = Vec::with_capacity(1024);
    loop {
        request.clear();
        requests(&mut request);
        let start = schedule.wait().await;
        let answer = connection.exchange(&request).await?;
        let now = Instant::now();
        measured.answers += 1;
        if now > window.to {
            return Ok(measured);
        }
        if answer.status != 200 {
            measured
                .refusal
                .get_or_insert_with(|| format!("{}: {}", answer.status, answer.text()));
        }
        if now >= window.from {
            measured.latency.record(now - start);
        }
    }
}

/// Requests from a list, over and over.
pub(crate) fn in_turn(requests: Vec<Vec<u8>>) -> Requests {
    let next = std::sync::atomic::AtomicUsize::new(0);
    Arc::new(move |request| {
        let turn = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % requests.len().max(1);
        request.extend_from_slice(requests.get(turn).map_or(&[][..], Vec::as_slice));
    })
}
