//! A server on a port of its own, with a conscience: when a test ends it, it must have kept every invariant.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use guildhall_core::ambient::{Clock, SystemClock, SystemRng};
use guildhall_core::keys::{self, CreateKey};
use guildhall_core::{Guildhall, Settings, Slot, deployments};
use guildhall_http::app::App;
use guildhall_http::keys::Keys;
use guildhall_http::metrics::{BuildInfo, Metrics};
use guildhall_http::request_id::RequestIds;
use guildhall_http::routes;
use guildhall_http::server::{Server as HttpServer, ServerOptions};
use guildhall_http::shell::{self, ShellOptions};
use guildhall_testbed::Place;
use guildhall_types::Timestamp;
use guildhall_types::keys::KeyScope;
use hyper::HeaderMap;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{Caller, id};

/// The clock of the machine, until a test puts it forward.
#[derive(Debug, Default)]
struct MovableClock {
    ahead_seconds: AtomicI64,
}

impl Clock for MovableClock {
    fn now(&self) -> Timestamp {
        SystemClock
            .now()
            .plus_seconds(self.ahead_seconds.load(Ordering::Relaxed))
    }
}

/// A running server.
pub(crate) struct Server {
    clock: Arc<MovableClock>,
    pub(crate) guildhall: Guildhall,
    address: std::net::SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
    _place: Place,
}

impl Server {
    /// A server with the deployment `default`.
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    /// A server whose keys may make this many requests a minute.
    pub(crate) async fn start_with(requests_a_minute: Option<NonZeroU32>) -> Self {
        let place = Place::new().unwrap();
        let clock = Arc::new(MovableClock::default());
        let guildhall = Guildhall::open(Settings {
            source: place.source(),
            slot: Slot::Server,
            public_url: "http://guildhall.test".to_owned(),
            access_cache_bytes: guildhall_core::ACCESS_CACHE_BYTES,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            rng: Arc::new(SystemRng),
            fatal: |error| panic!("the disk failed: {error}"),
        })
        .unwrap();
        deployments::create(&guildhall, "default").await.unwrap();
        let build = BuildInfo {
            version: "test".to_owned(),
            commit: "unknown".to_owned(),
            started_at_seconds: 0.0,
        };
        let metrics = Metrics::new(&build);
        let app = App::new(
            guildhall.clone(),
            Keys::new(requests_a_minute),
            metrics.clone(),
        );
        let counter = AtomicU64::new(0);
        let ids =
            RequestIds::new(move || format!("test-{}", counter.fetch_add(1, Ordering::Relaxed)));
        let router = shell::wrap(
            routes::router(app),
            ShellOptions::default(),
            metrics.clone(),
            ids,
        );
        let options = ServerOptions::new("127.0.0.1:0".parse().unwrap());
        let server = HttpServer::bind(options).await.unwrap();
        let address = server.local_address();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.serve(router, metrics, async move {
            let _ended = stopped.await;
        }));
        Self {
            clock,
            guildhall,
            address,
            stop: Some(stop),
            running: Some(running),
            _place: place,
        }
    }

    /// Puts the server's clock forward.
    pub(crate) fn advance(&self, seconds: i64) {
        self.clock
            .ahead_seconds
            .fetch_add(seconds, Ordering::Relaxed);
    }

    /// The time by the server's clock, so many seconds from now.
    pub(crate) fn in_seconds(&self, seconds: i64) -> String {
        self.clock.now().plus_seconds(seconds).to_string()
    }

    /// A caller without a key.
    pub(crate) fn stranger(&self) -> Caller {
        Caller {
            address: self.address,
            secret: None,
            headers: HeaderMap::new(),
        }
    }

    /// A caller with a full key of the deployment `default`.
    pub(crate) async fn backend(&self) -> Caller {
        self.caller("default", KeyScope::Full, None).await
    }

    /// A caller with a full key of another, new deployment.
    pub(crate) async fn neighbour(&self) -> Caller {
        deployments::create(&self.guildhall, "neighbour")
            .await
            .unwrap();
        self.caller("neighbour", KeyScope::Full, None).await
    }

    /// A caller with a fresh key.
    pub(crate) async fn caller(
        &self,
        deployment: &str,
        scope: KeyScope,
        expires_at: Option<Timestamp>,
    ) -> Caller {
        let deployment = deployments::operator(&self.guildhall, deployment)
            .await
            .unwrap();
        let command = CreateKey::check("test", scope, expires_at).unwrap();
        let (_, secret) = keys::create(&self.guildhall, deployment, command)
            .await
            .unwrap();
        Caller {
            secret: Some(secret.expose().to_owned()),
            ..self.stranger()
        }
    }

    /// Everything that the database holds, in canonical form, but for the ids that are reserved for later.
    pub(crate) fn export(&self) -> String {
        let mut bytes = Vec::new();
        guildhall_core::export::export(&self.guildhall, &mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .filter(|line| !line.contains("\"id_slots\""))
            .collect()
    }

    /// Ends the server and looks at what it leaves behind.
    pub(crate) async fn finish(mut self) {
        drop(self.stop.take());
        self.running.take().unwrap().await.unwrap();
        let report = guildhall_core::verify::verify(&self.guildhall, |_| {}).unwrap();
        assert!(report.findings.is_empty(), "{:#?}", report.findings);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let forgotten = self.running.is_some() && !std::thread::panicking();
        assert!(!forgotten, "the test must end with `server.finish()`");
    }
}

/// An organization with two members and two roles of its own, and everything's ids.
#[derive(Clone, Debug)]
pub(crate) struct Acme {
    pub(crate) organization: String,
    pub(crate) members: [String; 2],
    pub(crate) users: [String; 2],
    pub(crate) roles: [String; 2],
    /// A user who is not a member.
    pub(crate) outsider: String,
}

impl Acme {
    pub(crate) async fn create(caller: &Caller) -> Self {
        let organization = id(&caller
            .post_form("/organizations", &[("name", "Acme")])
            .await
            .ok());
        let outsider = id(&caller
            .post_form("/users", &[("first_name", "Olaf")])
            .await
            .ok());
        let (members, users, roles) = Default::default();
        let mut acme = Self {
            organization,
            members,
            users,
            roles,
            outsider,
        };
        for (index, name) in ["Editor", "Billing"].into_iter().enumerate() {
            let body = serde_json::json!({ "name": name, "permissions": ["documents:read"] });
            acme.roles[index] = id(&caller.post(&acme.path("/roles"), body).await.ok());
        }
        for (index, name) in ["Ava", "Émile"].into_iter().enumerate() {
            acme.users[index] = id(&caller
                .post_form("/users", &[("first_name", name)])
                .await
                .ok());
            let body =
                serde_json::json!({ "user_id": acme.users[index], "role_ids": [acme.roles[0]] });
            acme.members[index] = id(&caller.post(&acme.path("/members"), body).await.ok());
        }
        acme
    }

    /// A path below the organization.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/organizations/{}{rest}", self.organization)
    }
}

/// The ids that a request has, by the names of their places.
pub(crate) type Ids = BTreeMap<&'static str, String>;

/// Our ids but one: that one is a neighbour's, or nobody's.
pub(crate) fn foreign_and_missing(ours: &Ids, theirs: &Ids, slot: &'static str) -> [Ids; 2] {
    let with = |id: &str| {
        let mut ids = ours.clone();
        ids.insert(slot, id.to_owned());
        ids
    };
    [with(&theirs[slot]), with("4611686018427387")]
}
