//! One connection, from its handshake to its end.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::{Request, Response, Version};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use crate::activity::{Activity, Deadlines, Exchange, Verdict};
use crate::body;
use crate::metrics::Metrics;
use crate::tls::CurrentTls;

/// How long a connection that has sent nothing yet may still send its first request when the server stops.
///
/// The client may have written it already; Go's server allows for the same.
const FRESH_GRACE: Duration = Duration::from_millis(500);

/// How often a connection looks at itself while the server stops.
const DRAINING_PAUSE: Duration = Duration::from_millis(50);

/// Where the server is in its life; only ever moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Taking connections.
    Open,
    /// Finishing what was accepted.
    Draining,
    /// Out of patience.
    Closed,
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) http: auto::Builder<TokioExecutor>,
    pub(crate) router: Router,
    pub(crate) metrics: Metrics,
    pub(crate) deadlines: Deadlines,
    pub(crate) tls: Option<CurrentTls>,
    pub(crate) stage: watch::Receiver<Stage>,
    /// Signalled when a new client waits and there is no place: one idle connection makes room.
    pub(crate) place_wanted: Notify,
}

/// Serves a connection until it ends, by itself or because it must.
pub(crate) async fn run(shared: Arc<Shared>, stream: TcpStream) {
    let _open = OpenConnection::count(&shared.metrics);
    // Answers are one write each; waiting for more (Nagle) would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a connection was gone at once"
        );
        return;
    }
    let Some(tls) = &shared.tls else {
        return serve(&shared, stream).await;
    };
    let handshake = TlsAcceptor::from(tls.current()).accept(stream);
    let shaken = tokio::select! {
        biased;
        _ = next_stage(&shared, Stage::Draining) => return,
        shaken = tokio::time::timeout(shared.deadlines.header, handshake) => shaken,
    };
    match shaken {
        Ok(Ok(stream)) => serve(&shared, stream).await,
        Ok(Err(error)) => {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "a TLS handshake failed"
            );
        }
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn serve<S>(shared: &Shared, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Activity::new(shared.deadlines);
    let watched = Watched {
        stream,
        activity: Arc::clone(&activity),
    };
    let service = {
        let activity = Arc::clone(&activity);
        let router = shared.router.clone();
        service_fn(move |request| answer(&activity, router.clone(), request))
    };
    let mut connection = pin!(shared.http.serve_connection(TokioIo::new(watched), service));

    let mut stage = Stage::Open;
    let mut draining_since = None;
    let mut closing_since: Option<Instant> = None;
    // Behind a timer and two signals are locks that all connections share. Beside the connection they would be polled
    // with each of its requests; in here they are polled when they have something to say.
    let mut events = FuturesUnordered::new();
    loop {
        if events.is_empty() {
            let may_make_room = closing_since.is_none() && activity.is_idle();
            events.push(event(shared, stage, may_make_room));
        }
        let mut verdict = tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error = &*error as &dyn std::error::Error, "a connection broke");
                }
                return;
            }
            Some(event) = events.next() => match event {
                Event::Pause => activity.verdict(Instant::now()),
                Event::PlaceWanted => Verdict::Close,
                Event::Stage(Stage::Closed) => Verdict::Cut,
                Event::Stage(entered) => {
                    stage = entered;
                    draining_since = Some(Instant::now());
                    Verdict::Keep
                }
            },
        };
        let drained = draining_since
            .is_some_and(|since: Instant| !activity.is_fresh() || since.elapsed() > FRESH_GRACE);
        if drained && verdict == Verdict::Keep {
            verdict = Verdict::Close;
        }
        match (verdict, closing_since) {
            (Verdict::Keep, _) => {}
            (Verdict::Cut, _) => return,
            (Verdict::Close, None) => {
                closing_since = Some(Instant::now());
                connection.as_mut().graceful_shutdown();
            }
            // An answer that the client does not read keeps a closing connection open. A drain has its own end.
            (Verdict::Close, Some(since)) => {
                if draining_since.is_none() && since.elapsed() > shared.deadlines.header {
                    return;
                }
            }
        }
    }
}

/// What makes a connection look at itself.
enum Event {
    /// It has not done so for a while.
    Pause,
    /// A new client waits for a place.
    PlaceWanted,
    /// The server has moved on.
    Stage(Stage),
}

async fn event(shared: &Shared, stage: Stage, may_make_room: bool) -> Event {
    let pause = match stage {
        Stage::Open => shared.deadlines.header / 4,
        Stage::Draining | Stage::Closed => DRAINING_PAUSE,
    };
    tokio::select! {
        () = tokio::time::sleep(pause) => Event::Pause,
        () = shared.place_wanted.notified(), if may_make_room => Event::PlaceWanted,
        stage = next_stage(shared, stage) => Event::Stage(stage),
    }
}

/// Waits until the server is past a stage.
async fn next_stage(shared: &Shared, past: Stage) -> Stage {
    let mut stage = shared.stage.clone();
    let next = stage.wait_for(|stage| *stage > past).await;
    // Nobody is there to tell the stage any more.
    next.map_or(Stage::Closed, |stage| *stage)
}

fn answer(
    activity: &Arc<Activity>,
    mut router: Router,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Answer>, Infallible>> + use<> {
    let mut exchange = activity.request_arrived(request.version() == Version::HTTP_2);
    async move {
        let response = router.call(body::of_request(request)).await?;
        exchange.answered();
        Ok(response.map(|body| Answer { body, exchange }))
    }
}

/// The body of an answer, which tells its connection how far it is.
struct Answer {
    body: Body,
    exchange: Exchange,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.exchange.progressed();
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that tells its connection when bytes arrive.
struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.bytes_arrived();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Keeps the gauge of open connections true.
#[derive(Debug)]
struct OpenConnection(Metrics);

impl OpenConnection {
    fn count(metrics: &Metrics) -> Self {
        metrics.connections.inc();
        Self(metrics.clone())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}
