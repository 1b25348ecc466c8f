//! A server to test and a client that sends exactly what it is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use guildhall_http::body::{self, BodyLimits};
use guildhall_http::metrics::{BuildInfo, Metrics};
use guildhall_http::problem::ProblemResponse;
use guildhall_http::request_id::{RequestId, RequestIds};
use guildhall_http::server::{Server, ServerOptions};
use guildhall_http::shell::{self, ShellOptions};
use guildhall_types::errors::{ErrorCode, FieldError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

/// Longer than anything takes; who waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What has not happened by now is taken not to happen.
pub(crate) const A_WHILE: Duration = Duration::from_millis(300);

/// Waits for what must come.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it should have happened by now")
}

/// A handler that stays inside until it is let go.
#[derive(Clone)]
pub(crate) struct Gate {
    entered: Arc<Semaphore>,
    exits: Arc<Semaphore>,
}

impl Gate {
    async fn pass(self) -> &'static str {
        self.entered.add_permits(1);
        self.exits.acquire().await.unwrap().forget();
        "through the gate"
    }

    /// Waits until a request is inside.
    pub(crate) async fn entered(&self) {
        soon(self.entered.acquire()).await.unwrap().forget();
    }

    /// Lets one request go.
    pub(crate) fn open(&self) {
        self.exits.add_permits(1);
    }
}

/// A server with one route for each manner.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) gate: Gate,
    pub(crate) metrics: Metrics,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_, _| ()).await
    }

    pub(crate) async fn start_with(
        configure: impl FnOnce(&mut ServerOptions, &mut ShellOptions),
    ) -> Self {
        let mut server_options = ServerOptions::new(([127, 0, 0, 1], 0).into());
        let mut shell_options = ShellOptions::default();
        configure(&mut server_options, &mut shell_options);

        let build = BuildInfo {
            version: "0".to_owned(),
            commit: "0".to_owned(),
            started_at_seconds: 0.0,
        };
        let metrics = Metrics::new(&build);
        let gate = Gate {
            entered: Arc::new(Semaphore::new(0)),
            exits: Arc::new(Semaphore::new(0)),
        };
        let count = AtomicUsize::new(0);
        let ids =
            RequestIds::new(move || format!("fresh-{}", count.fetch_add(1, Ordering::Relaxed)));
        let router = shell::wrap(routes(&gate, &metrics), shell_options, metrics.clone(), ids);

        let server = Server::bind(server_options).await.unwrap();
        let address = server.local_address();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.serve(router, metrics.clone(), async move {
            let _ = stopped.await;
        }));
        Self {
            address,
            gate,
            metrics,
            stop: Some(stop),
            running,
        }
    }

    /// Gives the order to stop.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until the server has stopped.
    pub(crate) async fn stopped(self) {
        soon(self.running).await.unwrap();
    }

    pub(crate) async fn connect(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// One request on a connection of its own.
    pub(crate) async fn exchange(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.connect().await;
        client.send(request).await;
        client.answer().await
    }

    /// `GET` without anything else.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.exchange(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            .await
    }

    /// Waits until the metrics have this line.
    pub(crate) async fn until_metric(&self, line: &str) {
        soon(async {
            while !self
                .metrics
                .encode()
                .lines()
                .any(|candidate| candidate == line)
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

fn routes(gate: &Gate, metrics: &Metrics) -> Router {
    let gate = gate.clone();
    let metrics = metrics.clone();
    Router::new()
        .route("/hello/{name}", get(|| async { "hello" }))
        .route(
            "/id",
            get(|Extension(id): Extension<RequestId>| async move { id.to_string() }),
        )
        .route("/echo", post(echo))
        .route(
            "/json",
            post(|Json(value): Json<serde_json::Value>| async { Json(value) }),
        )
        .route("/unread", post(|| async { "did not look" }))
        .route("/panic", get(|| async { panic_in_a_handler() }))
        .route("/gate", get(move || gate.pass()))
        .route("/large", get(|| async { "guildhall ".repeat(4096) }))
        .route(
            "/image",
            get(|| async { ([(header::CONTENT_TYPE, "image/png")], vec![0; 65_536]) }),
        )
        .route("/huge", get(|| async { vec![b'x'; 64 * 1024 * 1024] }))
        .route("/refused", get(refused))
        .route(
            "/unauthenticated",
            get(|| async { ProblemResponse::from(ErrorCode::Unauthenticated) }),
        )
        .route("/health", get(|| async { "ok" }))
        .route("/metrics", get(move || async move { metrics.encode() }))
}

fn panic_in_a_handler() -> &'static str {
    panic!("the handler's secret")
}

async fn refused() -> ProblemResponse {
    let field = FieldError {
        field: "name".to_owned(),
        message: "is missing".to_owned(),
    };
    ProblemResponse::new(ErrorCode::RevisionMismatch, "the revision is 8")
        .with_fields(vec![field])
        .with_retry_after_seconds(7)
        .with_header(header::ETAG, HeaderValue::from_static("\"8\""))
}

async fn echo(
    Extension(limits): Extension<BodyLimits>,
    body: Body,
) -> Result<Bytes, ProblemResponse> {
    body::read(body, limits).await
}

/// One connection of HTTP/1.1.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.stream.write_all(bytes.as_ref())).await.unwrap();
        soon(self.stream.flush()).await.unwrap();
    }

    /// The next answer, with its body as it was sent.
    pub(crate) async fn answer(&mut self) -> Answer {
        let mut answer = Answer {
            head: self.head().await,
            body: Vec::new(),
        };
        if answer.header("transfer-encoding").is_some() {
            loop {
                let size = String::from_utf8(self.take_until(b"\r\n").await).unwrap();
                let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
                answer.body.extend(self.take(size).await);
                self.take(2).await;
                if size == 0 {
                    break;
                }
            }
        } else {
            let size = answer
                .header("content-length")
                .map_or(0, |size| size.parse().unwrap());
            answer.body = self.take(size).await;
        }
        answer
    }

    /// The head of an answer that has no body, whatever it says.
    pub(crate) async fn head(&mut self) -> String {
        String::from_utf8(self.take_until(b"\r\n\r\n").await).unwrap()
    }

    /// Waits until the server closes.
    pub(crate) async fn closed(&mut self) {
        soon(async {
            let mut bytes = [0; 4096];
            while !matches!(self.stream.read(&mut bytes).await, Ok(0) | Err(_)) {}
        })
        .await;
    }

    /// Nothing comes for a while.
    pub(crate) async fn silent(&mut self) {
        let read = tokio::time::timeout(A_WHILE, self.stream.read_u8()).await;
        assert!(read.is_err(), "nothing should have come: {read:?}");
    }

    async fn take_until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self
                .read
                .windows(end.len())
                .position(|window| window == end)
            {
                return self.read.drain(..at + end.len()).collect();
            }
            self.more().await;
        }
    }

    async fn take(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            self.more().await;
        }
        self.read.drain(..count).collect()
    }

    async fn more(&mut self) {
        let count = soon(self.stream.read_buf(&mut self.read)).await.unwrap();
        assert!(
            count > 0,
            "the connection ended after {:?}",
            String::from_utf8_lossy(&self.read)
        );
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head[9..12].parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Holds every error to its form, and returns its message.
    pub(crate) fn assert_problem(&self, code: &str, status: u16) -> String {
        assert_eq!(self.status(), status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(json["code"], code);
        assert_eq!(json["status"], status);
        assert_eq!(json["error"]["status"], status);
        assert_eq!(json["request_id"], self.header("x-request-id").unwrap());
        json["message"].as_str().unwrap().to_owned()
    }
}
