//! What surrounds every route, in the order in which a request walks through it.
//!
//! Its id and span; the bound on requests in flight; the route, whose panic becomes a 500. Then a long answer is
//! compressed, every error gets its body ([`crate::problem`]), and the answer is counted and logged. It is one service
//! around each route: a stack of layers would box and copy the request once for each of them.

use std::any::Any;
use std::convert::Infallible;
use std::future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use guildhall_types::errors::ErrorCode;
use guildhall_types::limits::BODY_BYTES_MAX;
use tower::layer::layer_fn;
use tower::{Service, ServiceExt, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::Compression;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tracing::Instrument;

use crate::admission::{Admission, Place};
use crate::body::{BODY_DEADLINE, BodyLimits};
use crate::metrics::{Metrics, RouteMeters};
use crate::problem::{self, ProblemResponse};
use crate::request_id::{RequestIds, X_REQUEST_ID};
use crate::server::HEADERS_MAX;
use crate::trail::Trail;

/// Requests in flight, unless configured otherwise.
///
/// Two cores answer about 50,000 checks a second; 512 of them are 10 ms of work, which is what an admitted check
/// may take. It also bounds the memory for bodies: 512 times [`BODY_BYTES_MAX`] is 1 GiB.
pub const IN_FLIGHT_MAX: usize = 512;

/// Smaller answers are sent as they are: they fit one packet, and compressing costs more than it saves.
const COMPRESSED_BYTES_MIN: u64 = 1024;

/// The route of a request that matched none.
const ROUTE_UNKNOWN: &str = "unknown";

/// The bounds on requests.
#[derive(Clone, Copy, Debug)]
pub struct ShellOptions {
    /// Requests being answered at the same time; one more is refused with 503.
    pub in_flight_max: usize,
    /// The longest body of a request.
    pub body_bytes_max: usize,
    /// How long a client may take to send it.
    pub body_deadline: Duration,
}

impl Default for ShellOptions {
    fn default() -> Self {
        Self {
            in_flight_max: IN_FLIGHT_MAX,
            body_bytes_max: BODY_BYTES_MAX,
            body_deadline: BODY_DEADLINE,
        }
    }
}

/// Surrounds routes with everything that is the same for all of them.
///
/// Call it last: routes that are added to the result stand outside. Handlers then find a
/// [`RequestId`](crate::request_id::RequestId) and [`BodyLimits`] among the extensions of their request.
pub fn wrap(router: Router, options: ShellOptions, metrics: Metrics, ids: RequestIds) -> Router {
    let shell = Arc::new(Shell {
        admission: Admission::new(options.in_flight_max, metrics.in_flight.clone()),
        body_limits: BodyLimits {
            bytes_max: options.body_bytes_max,
            deadline: options.body_deadline,
        },
        metrics,
        ids,
    });
    router.layer(layer_fn(move |route| Door {
        shell: Arc::clone(&shell),
        meters: Arc::default(),
        route,
    }))
}

/// What all routes share.
#[derive(Debug)]
struct Shell {
    admission: Admission,
    body_limits: BodyLimits,
    metrics: Metrics,
    ids: RequestIds,
}

/// A route inside the shell.
#[derive(Clone, Debug)]
struct Door {
    shell: Arc<Shell>,
    meters: Arc<RouteMeters>,
    route: Route,
}

impl Service<Request> for Door {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A route is always ready; it is `Admission` that refuses.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let door = self.clone();
        Box::pin(async move { Ok(door.walk(request).await) })
    }
}

impl Door {
    async fn walk(self, mut request: Request) -> Response {
        let Self {
            shell,
            meters,
            mut route,
        } = self;
        let id = shell.ids.of(request.headers());
        let template = request.extensions().get::<MatchedPath>();
        let template = template.map_or(ROUTE_UNKNOWN, MatchedPath::as_str);
        let meter = meters.of(request.method(), template, &shell.metrics);
        let trail = Trail::begin(meter);
        let span = trail.span(&id);

        let walk = async {
            let head_only = request.method() == Method::HEAD;
            let encodings = acceptable_encodings(request.headers());
            let mut response = match shell.enter(request.headers(), &meter.route) {
                Ok(place) => {
                    request.extensions_mut().insert(id.clone());
                    request.extensions_mut().insert(shell.body_limits);
                    let answer = AssertUnwindSafe(async { route.call(request).await });
                    let response = match answer.catch_unwind().await {
                        Ok(Ok(response)) => response,
                        Ok(Err(never)) => match never {},
                        Err(panic) => answer_panic(&*panic),
                    };
                    drop(place);
                    response
                }
                Err(problem) => problem.into_response(),
            };
            if !head_only && worthwhile().should_compress(&response) {
                response = compressed(response, encodings).await;
            }
            let mut response = problem::render(response, &id, head_only);
            response
                .headers_mut()
                .insert(X_REQUEST_ID, id.into_header());
            trail.finish(&response);
            response
        };
        walk.instrument(span).await
    }
}

impl Shell {
    fn enter(
        &self,
        headers: &HeaderMap,
        route: &str,
    ) -> Result<Option<Place<'_>>, ProblemResponse> {
        // HTTP/1.1 is refused earlier; HTTP/2 bounds the bytes of a head, but not its fields.
        if headers.len() > HEADERS_MAX {
            let message = format!("a request may have at most {HEADERS_MAX} headers");
            return Err(ProblemResponse::new(ErrorCode::InvalidRequest, message));
        }
        self.admission
            .enter(route)
            .inspect_err(|_| self.metrics.rejected())
    }
}

/// The encodings that a client asks for, without those that would make the compression answer 406.
///
/// A client that rules out every encoding (`identity;q=0`, `*;q=0`) gets its answer plain instead: the write that is
/// answered has been done.
fn acceptable_encodings(headers: &HeaderMap) -> Vec<HeaderValue> {
    let special = |value: &[u8]| {
        value.contains(&b'*')
            || value
                .to_ascii_lowercase()
                .windows(8)
                .any(|word| word == b"identity")
    };
    let asked = headers.get_all(header::ACCEPT_ENCODING);
    if asked.iter().any(|value| special(value.as_bytes())) {
        return Vec::new();
    }
    asked.iter().cloned().collect()
}

fn worthwhile() -> impl Predicate {
    SizeAbove::new(COMPRESSED_BYTES_MIN).and(NotForContentType::IMAGES)
}

/// Compresses an answer for which it is worthwhile.
async fn compressed(response: Response, encodings: Vec<HeaderValue>) -> Response {
    let mut request = Request::new(Body::empty());
    for encoding in encodings {
        request
            .headers_mut()
            .append(header::ACCEPT_ENCODING, encoding);
    }
    let mut answer = Some(response);
    let answering =
        service_fn(move |_: Request| future::ready(answer.take().ok_or(ErrorCode::Internal)));
    let compression = Compression::new(answering)
        .quality(CompressionLevel::Fastest)
        .compress_when(worthwhile());
    match compression.oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(code) => ProblemResponse::from(code).into_response(),
    }
}

fn answer_panic(panic: &(dyn Any + Send)) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = message, "a handler panicked");
    ProblemResponse::from(ErrorCode::Internal).into_response()
}
