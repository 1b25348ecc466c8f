//! The server: how it starts, and how it stops.

use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use guildhall_core::Guildhall;
use guildhall_core::ambient::{Rng, SystemRng};
use guildhall_core::deployments::{self, DEFAULT_DEPLOYMENT};
use guildhall_http::app::App;
use guildhall_http::keys::Keys;
use guildhall_http::metrics::{BuildInfo, Metrics};
use guildhall_http::request_id::RequestIds;
use guildhall_http::routes;
use guildhall_http::server::{ServeError, Server, ServerOptions};
use guildhall_http::shell::{self, ShellOptions};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::config::Config;
use crate::failure::{Failure, chain};
use crate::store::{At, Store};
use crate::supervisor::Supervisor;
use crate::{logging, output, welcome};

/// Runs the server until it is told to stop.
pub(crate) fn run(config: &Config) -> Result<ExitCode, Failure> {
    logging::start(&config.log)?;
    let store = Store::new(config.location.clone());
    let _lock = match &store.at {
        At::Directory(data_dir) => {
            data_dir.create()?;
            Some(data_dir.lock_as_server()?)
        }
        // There may be any number of servers.
        At::Postgres(_) => None,
    };
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::refused("cannot start the threads of the server", &error))?;
    let outcome = runtime.block_on(serve(config, &store));
    // Whatever still runs belongs to nobody: every request is answered, or was given up.
    runtime.shutdown_background();
    outcome
}

async fn serve(config: &Config, store: &Store) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen()?;
    let mut options = ServerOptions::new(config.listen);
    options.tls.clone_from(&config.tls);
    options.connections_max = config.connections_max;
    // Before the database is opened: an address that is taken must not leave a directory half made.
    let server = Server::bind(options)
        .await
        .map_err(|error| cannot_serve(&error))?;
    let local = server.local_address();

    let guildhall = store.open_as_server(config.public_url(local), config.access_cache_bytes)?;
    deployments::ensure(&guildhall, DEFAULT_DEPLOYMENT).await?;
    let metrics = metrics(&guildhall);
    let app = App::new(
        guildhall.clone(),
        Keys::new(config.key_requests_a_minute),
        metrics.clone(),
    );
    let bounds = ShellOptions {
        in_flight_max: config.in_flight_max,
        ..ShellOptions::default()
    };
    let router = shell::wrap(routes::router(app), bounds, metrics.clone(), request_ids()?);
    let _background = Supervisor::start(&guildhall);

    announce(config, &config.local_url(local), store)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = server.serve(router, metrics, async { drop(stopped.await) });
    Ok(until_told(&mut signals, serving, stop).await)
}

/// Serves until a first signal, finishes what was accepted, and does not even that after a second.
async fn until_told(
    signals: &mut Signals,
    serving: impl Future<Output = ()>,
    stop: oneshot::Sender<()>,
) -> ExitCode {
    let mut serving = pin!(serving);
    tokio::select! {
        // Ends only after `stop`; kept in the select because it must be polled to serve.
        () = &mut serving => return ExitCode::SUCCESS,
        received = signals.next() => {
            tracing::info!(signal = received.name, "stopping: finishing the requests that were accepted");
        }
    }
    drop(stop);
    tokio::select! {
        () = &mut serving => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        received = signals.next() => {
            tracing::warn!(signal = received.name, "stopped at once: requests may be unanswered");
            received.exit_code()
        }
    }
}

fn announce(config: &Config, url: &str, store: &Store) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(url, data = store.name(), version, "listening");
    if config.public_url_is_missing() {
        tracing::warn!(
            "image addresses begin with {url}; say with `--public-url` what clients call"
        );
    }
    output::print(&welcome::text(url, &store.flag()))
}

fn cannot_serve(error: &ServeError) -> Failure {
    match error {
        ServeError::Tls(_) => Failure::refused("cannot serve TLS", error),
        ServeError::Listen { .. } => Failure::Refused(chain(error)),
    }
}

/// The metrics of the process, with the numbers that other rooms keep.
fn metrics(guildhall: &Guildhall) -> Metrics {
    let metrics = Metrics::new(&BuildInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("GUILDHALL_COMMIT")
            .unwrap_or("unknown")
            .to_owned(),
        started_at_seconds: seconds(guildhall.now().as_micros()),
    });
    database_metrics(&metrics, guildhall.clone());
    access_metrics(&metrics, guildhall.clone());
    metrics
}

/// Numbers that another room keeps, asked for whenever the metrics are read.
struct Numbers<'m, N> {
    metrics: &'m Metrics,
    read: Arc<dyn Fn() -> N + Send + Sync>,
}

impl<N: 'static> Numbers<'_, N> {
    fn counter(&self, name: &str, help: &str, one: fn(N) -> u64) {
        let read = Arc::clone(&self.read);
        self.metrics
            .register_counter(name, help, Arc::new(move || one(read())));
    }

    fn gauge(&self, name: &str, help: &str, one: fn(N) -> u64) {
        let read = Arc::clone(&self.read);
        let read = move || i64::try_from(one(read())).unwrap_or(i64::MAX);
        self.metrics.register_gauge(name, help, Arc::new(read));
    }
}

/// The numbers of the database.
fn database_metrics(metrics: &Metrics, guildhall: Guildhall) {
    let database = Numbers {
        metrics,
        read: Arc::new(move || guildhall.stats()),
    };
    database.counter("guildhall_database_commits", "Commits", |stats| {
        stats.commits
    });
    database.counter(
        "guildhall_database_commands",
        "Commands, of all commits",
        |stats| stats.commands,
    );
    database.gauge(
        "guildhall_database_queued_commands",
        "Commands that wait for the writer",
        |stats| stats.queued,
    );
    database.gauge(
        "guildhall_database_log_bytes",
        "Size of the write-ahead log",
        |stats| stats.log_bytes,
    );
    database.gauge(
        "guildhall_database_checkpoint_failing",
        "1 while the write-ahead log cannot be moved back into the database",
        |stats| u64::from(stats.checkpoint_failing),
    );
}

/// The numbers of the snapshots that checks are answered from.
fn access_metrics(metrics: &Metrics, guildhall: Guildhall) {
    let cache = Numbers {
        metrics,
        read: Arc::new(move || guildhall.access_cache_stats()),
    };
    cache.counter(
        "guildhall_access_cache_hits",
        "Questions about access that found the organization in memory",
        |stats| stats.hits,
    );
    cache.counter(
        "guildhall_access_cache_misses",
        "Questions about access that did not",
        |stats| stats.misses,
    );
    cache.counter(
        "guildhall_access_cache_loads",
        "Organizations that were read into memory",
        |stats| stats.loads,
    );
    cache.counter(
        "guildhall_access_cache_renewals",
        "Organizations in memory that were brought up to date from the ledger",
        |stats| stats.renewals,
    );
    cache.counter(
        "guildhall_access_cache_evictions",
        "Organizations that had to make room in memory",
        |stats| stats.evictions,
    );
    cache.gauge(
        "guildhall_access_cache_bytes",
        "Memory of the organizations that questions about access are answered from",
        |stats| stats.bytes,
    );
    cache.gauge(
        "guildhall_access_cache_organizations",
        "Organizations in memory",
        |stats| stats.entries,
    );
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds since 1970 fit the 53 bits until 2255"
)]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// Ids of requests: no two alike, also after a restart; they need not be hard to guess.
fn request_ids() -> Result<RequestIds, Failure> {
    let mut process = [0; 8];
    SystemRng
        .fill(&mut process)
        .map_err(|error| Failure::internal(&error))?;
    let process = format!("{:016x}", u64::from_ne_bytes(process));
    let requests = AtomicU64::new(1);
    Ok(RequestIds::new(move || {
        let request = requests.fetch_add(1, Ordering::Relaxed);
        format!("{process}-{request:x}")
    }))
}

/// The signals that stop a server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// A signal that came.
#[derive(Clone, Copy)]
struct Received {
    name: &'static str,
    number: u8,
}

impl Received {
    /// What a shell reports for a process that this signal ended.
    fn exit_code(self) -> ExitCode {
        ExitCode::from(128_u8.saturating_add(self.number))
    }
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::refused("cannot listen for signals", &error))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Received {
        tokio::select! {
            _ = self.terminate.recv() => Received { name: "SIGTERM", number: 15 },
            _ = self.interrupt.recv() => Received { name: "SIGINT", number: 2 },
        }
    }
}
