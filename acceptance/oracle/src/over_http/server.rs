//! A server on a port of its own, whose clock stands still until it is moved.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use guildhall_core::{
    ACCESS_CACHE_BYTES, DATABASE_FILE, Guildhall, Settings, Slot, Source,
    ambient::{Clock, ManualClock, SystemRng},
    deployments,
    keys::{self, CreateKey},
};
use guildhall_http::{
    app::App,
    keys::Keys,
    metrics::{BuildInfo, Metrics},
    request_id::RequestIds,
    routes,
    server::{Server as HttpServer, ServerOptions},
    shell::{self, ShellOptions},
};
use guildhall_types::{Timestamp, keys::KeyScope};
use tokio::{runtime::Runtime, sync::oneshot, task::JoinHandle};

use super::caller::Caller;

#[derive(Debug)]
pub(super) struct Server {
    runtime: Runtime,
    clock: Arc<ManualClock>,
    guildhall: Guildhall,
    address: SocketAddr,
    secret: String,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

impl Server {
    /// A server with one deployment and a full key of it.
    pub(super) fn start(now: Timestamp) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::starting_at(now));
        let guildhall = Guildhall::open(Settings {
            source: Source::Sqlite(directory.path().join(DATABASE_FILE)),
            slot: Slot::Server,
            public_url: "http://guildhall.test".to_owned(),
            access_cache_bytes: ACCESS_CACHE_BYTES,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            rng: Arc::new(SystemRng),
            fatal: |error| panic!("the disk failed: {error}"),
        })
        .unwrap();
        let runtime = Runtime::new().unwrap();
        let (secret, server) = runtime.block_on(async {
            deployments::create(&guildhall, "default").await.unwrap();
            let deployment = deployments::operator(&guildhall, "default").await.unwrap();
            let command = CreateKey::check("oracle", KeyScope::Full, None).unwrap();
            let (_, secret) = keys::create(&guildhall, deployment, command).await.unwrap();
            let options = ServerOptions::new("127.0.0.1:0".parse().unwrap());
            let server = HttpServer::bind(options).await.unwrap();
            (secret.expose().to_owned(), server)
        });
        let address = server.local_address();
        let (stop, stopped) = oneshot::channel();
        let metrics = Metrics::new(&BuildInfo {
            version: "test".to_owned(),
            commit: "unknown".to_owned(),
            started_at_seconds: 0.0,
        });
        let app = App::new(guildhall.clone(), Keys::new(None), metrics.clone());
        let counter = AtomicU64::new(0);
        let ids = RequestIds::new(move || counter.fetch_add(1, Ordering::Relaxed).to_string());
        let router = shell::wrap(
            routes::router(app),
            ShellOptions::default(),
            metrics.clone(),
            ids,
        );
        let running = runtime.spawn(server.serve(router, metrics, async move {
            let _ended = stopped.await;
        }));
        Self {
            runtime,
            clock,
            guildhall,
            address,
            secret,
            stop,
            running,
            _directory: directory,
        }
    }

    /// A backend with the key.
    pub(super) fn caller(&self) -> Caller {
        Caller::new(self.address, &self.secret)
    }

    /// Moves the clock to `then`, which is whole seconds ahead.
    pub(super) fn wait_until(&self, then: Timestamp) {
        let micros = then.as_micros() - self.clock.now().as_micros();
        self.clock.advance_seconds(micros / 1_000_000);
    }

    /// Ends the server and looks at what it leaves behind.
    pub(super) fn finish(self) {
        drop(self.stop);
        self.runtime.block_on(self.running).unwrap();
        let report = guildhall_core::verify::verify(&self.guildhall, |_| {}).unwrap();
        assert!(report.findings.is_empty(), "{:#?}", report.findings);
    }
}
