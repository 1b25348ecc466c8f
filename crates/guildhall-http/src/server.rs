//! The listener: takes connections, bounds them, and stops without losing what it accepted.
//!
//! The accept loop is our own, on hyper-util. `axum-server` 0.9 takes every connection at once and has no bound
//! to set, knows no idle deadline (hyper's for heads serves for both, and only on HTTP/1.1), drops at a graceful
//! stop a connection whose first request is on its way, and brings four crates that nothing else needs.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::activity::Deadlines;
use crate::connection::{self, Shared, Stage};
use crate::metrics::Metrics;
use crate::tls::{Certificates, TlsError, TlsOptions};

/// Open connections, unless configured otherwise. Each is a file descriptor and about 30 KiB, more with TLS.
pub const CONNECTIONS_MAX: usize = 4096;

/// How long the head of a request may take to arrive, and a TLS handshake, unless configured otherwise.
pub const HEADER_DEADLINE: Duration = Duration::from_secs(10);

/// How long a connection may wait for its next request, unless configured otherwise.
pub const IDLE_DEADLINE: Duration = Duration::from_mins(1);

/// How long a stopping server finishes what it accepted, unless configured otherwise.
///
/// Kubernetes kills after 30 seconds, systemd after 90.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(25);

/// Header fields of a request.
///
/// INVARIANT: this is hyper's own default for HTTP/1.1, which is left alone there: a bound that is set, even to
/// the same number, costs an allocation a request. A test holds the two together.
pub const HEADERS_MAX: usize = 100;

/// Bytes of the head of a request.
pub const HEADERS_BYTES_MAX: u32 = 64 * 1024;

/// Requests at the same time on one connection of HTTP/2.
const STREAMS_MAX: u32 = 128;

/// How long to wait when the system has no resources for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// How often the log may say that connections wait.
const WAITING_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// How long connections may take to notice that the server is out of patience.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

/// Where to listen, and the bounds on connections.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The address; port 0 is any that is free.
    pub listen: SocketAddr,
    /// The certificate; without one, clients speak plain HTTP.
    pub tls: Option<TlsOptions>,
    /// Open connections. A client beyond them waits in the queue of the listener until one closes.
    pub connections_max: usize,
    /// From the first byte of a request (or of a connection) to the end of its head; also for a TLS handshake.
    pub header_deadline: Duration,
    /// Between two requests, and between two steps of a client that reads an answer.
    pub idle_deadline: Duration,
    /// From the order to stop to closing what is still open.
    pub drain_deadline: Duration,
}

impl ServerOptions {
    /// An address with the defaults named above, without TLS.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            tls: None,
            connections_max: CONNECTIONS_MAX,
            header_deadline: HEADER_DEADLINE,
            idle_deadline: IDLE_DEADLINE,
            drain_deadline: DRAIN_DEADLINE,
        }
    }
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}; choose another address or stop the program that uses it")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A server that listens already: clients may connect, and are answered from [`Server::serve`] on.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    local_address: SocketAddr,
    certificates: Option<Certificates>,
    options: ServerOptions,
}

impl Server {
    /// Reads the certificate and takes the address. Nothing can fail after this.
    pub async fn bind(options: ServerOptions) -> Result<Self, ServeError> {
        let certificates = options.tls.clone().map(Certificates::load).transpose()?;
        let address = options.listen;
        let listen = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let local_address = listener.local_addr().map_err(listen)?;
        Ok(Self {
            listener,
            local_address,
            certificates,
            options,
        })
    }

    /// The address with the port that the system chose.
    pub fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    /// Answers until `shutdown` is ready, then finishes the requests that were accepted and returns.
    ///
    /// HTTP/1.1 and HTTP/2, the latter by ALPN or by prior knowledge.
    pub async fn serve(self, router: Router, metrics: Metrics, shutdown: impl Future<Output = ()>) {
        let Self {
            listener,
            certificates,
            options,
            ..
        } = self;
        let stage = watch::Sender::new(Stage::Open);
        let places = Places::new(options.connections_max);
        let shared = Arc::new(Shared {
            http: http(),
            router,
            metrics,
            deadlines: Deadlines {
                header: options.header_deadline,
                idle: options.idle_deadline,
            },
            tls: certificates.as_ref().map(Certificates::current),
            stage: stage.subscribe(),
            place_wanted: Notify::new(),
        });
        tokio::select! {
            biased;
            () = shutdown => {}
            never = accept(&listener, &places, &shared) => match never {},
            never = keep_fresh(certificates) => match never {},
        }
        // New clients are turned away from here on: another server, if there is one, takes them.
        drop(listener);
        stage.send_replace(Stage::Draining);
        if !places.all_free_within(options.drain_deadline).await {
            let open = places.taken();
            tracing::warn!(
                "{open} connections were still busy at the drain deadline and are closed"
            );
            stage.send_replace(Stage::Closed);
            places.all_free_within(CLOSE_DEADLINE).await;
        }
    }
}

/// Takes one connection after the other.
///
/// Over the bound a client waits rather than being refused: the queue is the kernel's and costs no descriptor and
/// no memory of ours, and most connections at the bound only idle, so that one of them can make room. A refusal
/// would need a handshake and a write for each client, the most work when there is the least time.
async fn accept(listener: &TcpListener, places: &Places, shared: &Arc<Shared>) -> Infallible {
    let mut quiet_until = Instant::now();
    loop {
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) if is_of_the_client(&error) => continue,
            Err(error) => {
                // Out of descriptors, most likely: an idle connection has one to give.
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "cannot accept a connection; raise the limit of open files",
                );
                shared.place_wanted.notify_one();
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = if let Some(place) = places.try_take() {
            place
        } else {
            if Instant::now() >= quiet_until {
                quiet_until = Instant::now() + WAITING_LOG_INTERVAL;
                tracing::warn!(
                    "clients wait: {} connections are open, which is the bound",
                    places.count
                );
            }
            shared.place_wanted.notify_one();
            places.take().await
        };
        let connection = connection::run(Arc::clone(shared), stream);
        tokio::spawn(async move {
            connection.await;
            drop(place);
        });
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

async fn keep_fresh(certificates: Option<Certificates>) -> Infallible {
    match certificates {
        Some(certificates) => certificates.keep_fresh().await,
        None => std::future::pending().await,
    }
}

fn http() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        // `Activity` tells a slow head from an idle connection; this deadline cannot.
        .header_read_timeout(None)
        .max_buf_size(usize::try_from(HEADERS_BYTES_MAX).unwrap_or(usize::MAX));
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADERS_BYTES_MAX)
        .max_concurrent_streams(STREAMS_MAX);
    http
}

/// The bound on connections.
struct Places {
    semaphore: Arc<Semaphore>,
    count: u32,
}

impl Places {
    fn new(connections_max: usize) -> Self {
        let count =
            u32::try_from(connections_max.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        let semaphore = Arc::new(Semaphore::new(usize::try_from(count).unwrap_or(1)));
        Self { semaphore, count }
    }

    fn try_take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.semaphore).try_acquire_owned().ok()
    }

    async fn take(&self) -> OwnedSemaphorePermit {
        match Arc::clone(&self.semaphore).acquire_owned().await {
            Ok(place) => place,
            // Only a semaphore that was closed refuses, and nobody closes this one.
            Err(_) => std::future::pending().await,
        }
    }

    fn taken(&self) -> usize {
        usize::try_from(self.count)
            .unwrap_or(usize::MAX)
            .saturating_sub(self.semaphore.available_permits())
    }

    async fn all_free_within(&self, deadline: Duration) -> bool {
        tokio::time::timeout(deadline, self.semaphore.acquire_many(self.count))
            .await
            .is_ok()
    }
}
