//! What surrounds every route, in the order in which a request walks through it.
//!
//! Outermost first: the id and the span; the bound on requests in flight; a panic becomes a 500; compression;
//! the route. On the way out every error gets its body ([`crate::problem`]), and the answer is counted and logged.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Version, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use guildhall_types::errors::ErrorCode;
use guildhall_types::limits::BODY_BYTES_MAX;
use tokio::sync::OwnedSemaphorePermit;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tracing::Instrument;

use crate::admission::Admission;
use crate::body::{BODY_DEADLINE, BodyLimits, Lingering};
use crate::metrics::Metrics;
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
        admission: Admission::new(options.in_flight_max),
        body_limits: BodyLimits {
            bytes_max: options.body_bytes_max,
            deadline: options.body_deadline,
        },
        metrics,
        ids,
    });
    // INVARIANT: the last layer is the outermost one.
    router
        .layer(compression())
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(middleware::from_fn_with_state(shell, walk))
}

#[derive(Debug)]
struct Shell {
    admission: Admission,
    body_limits: BodyLimits,
    metrics: Metrics,
    ids: RequestIds,
}

async fn walk(State(shell): State<Arc<Shell>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let id = shell.ids.of(&parts.headers);
    let trail = Trail::begin(&shell.metrics, &parts);
    let span = trail.span(&id);
    let head_only = parts.method == Method::HEAD;

    let walk = async move {
        let body = lingering(&parts, body);
        let response = match shell.enter(&parts, trail.route()) {
            Ok(place) => {
                parts.extensions.insert(id.clone());
                parts.extensions.insert(shell.body_limits);
                keep_acceptable_encodings(&mut parts.headers, head_only);
                let response = next.run(Request::from_parts(parts, body)).await;
                drop(place);
                response
            }
            Err(problem) => problem.into_response(),
        };
        let mut response = problem::render(response, &id, head_only);
        if let Some(id) = id.to_header() {
            response.headers_mut().insert(X_REQUEST_ID, id);
        }
        trail.finish(&response);
        response
    };
    walk.instrument(span).await
}

impl Shell {
    fn enter(
        &self,
        request: &Parts,
        route: &str,
    ) -> Result<Option<OwnedSemaphorePermit>, ProblemResponse> {
        // HTTP/1.1 is refused earlier; HTTP/2 bounds the bytes of a head, but not its fields.
        if request.headers.len() > HEADERS_MAX {
            let message = format!("a request may have at most {HEADERS_MAX} headers");
            return Err(ProblemResponse::new(ErrorCode::InvalidRequest, message));
        }
        self.admission
            .enter(route)
            .inspect_err(|_| self.metrics.rejected())
    }
}

/// See [`Lingering`]. A client that waits for "100 Continue" has not sent its body, and need not.
fn lingering(request: &Parts, body: Body) -> Body {
    let expects = request.headers.contains_key(header::EXPECT);
    if request.version >= Version::HTTP_2 || expects || body.is_end_stream() {
        body
    } else {
        Body::new(Lingering::new(body))
    }
}

/// Takes away what would make the compression answer 406.
///
/// It does so *after* the handler has run, so that a write would be done and refused. A client that rules out
/// every encoding (`identity;q=0`, `*;q=0`) gets its answer plain instead, and so does `HEAD`, which has no body.
fn keep_acceptable_encodings(headers: &mut HeaderMap, head_only: bool) {
    let special = |value: &[u8]| {
        value.contains(&b'*')
            || value
                .to_ascii_lowercase()
                .windows(8)
                .any(|word| word == b"identity")
    };
    let rules_out = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .any(|value| special(value.as_bytes()));
    if rules_out || head_only {
        headers.remove(header::ACCEPT_ENCODING);
    }
}

fn compression() -> CompressionLayer<impl Predicate> {
    let worthwhile = SizeAbove::new(COMPRESSED_BYTES_MIN).and(NotForContentType::IMAGES);
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(worthwhile)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that `CatchPanicLayer` wants"
)]
fn answer_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = message, "a handler panicked");
    ProblemResponse::from(ErrorCode::Internal).into_response()
}
