//! Reading what a client sends, within bounds.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{Extensions, Request, Version, header};
use bytes::Bytes;
use guildhall_types::errors::ErrorCode;
use guildhall_types::limits::BODY_BYTES_MAX;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Frame, Incoming, SizeHint};

use crate::problem::ProblemResponse;

/// How long a client may take to send the body of a request.
///
/// Both published SDKs give up a request after 30 seconds.
pub const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// How much of a body that nobody wants is read all the same; see [`Lingering`].
const LINGER_BYTES_MAX: usize = 4 * BODY_BYTES_MAX;

/// How long a body that nobody wants is read.
const LINGER_DEADLINE: Duration = Duration::from_secs(5);

/// The bounds on the body of a request; extractors find them among the extensions.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// The longest body, whatever its `Content-Length` says.
    pub bytes_max: usize,
    /// From the head of the request to the last byte of its body.
    pub deadline: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            bytes_max: BODY_BYTES_MAX,
            deadline: BODY_DEADLINE,
        }
    }
}

impl BodyLimits {
    /// Those of a request; the default ones where a route was mounted outside the shell.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or_default()
    }
}

/// Reads a body to its end.
///
/// # Errors
///
/// `body_too_large` when it is longer than it may be: at once when `Content-Length` says so, otherwise as soon as
/// the first byte too many is there. `request_timeout` when it is not complete in time. `malformed_body` when the
/// client stops in the middle.
pub async fn read(body: Body, limits: BodyLimits) -> Result<Bytes, ProblemResponse> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limits.bytes_max {
        return Err(ProblemResponse::body_too_large(limits.bytes_max));
    }
    let mut collecting = pin!(Limited::new(body, limits.bytes_max).collect());
    let collected = match at_once(collecting.as_mut()).await {
        Some(collected) => Ok(collected),
        None => tokio::time::timeout(limits.deadline, collecting).await,
    };
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if is_too_long(error.as_ref()) => {
            Err(ProblemResponse::body_too_large(limits.bytes_max))
        }
        Ok(Err(_)) => Err(ProblemResponse::new(
            ErrorCode::MalformedBody,
            "the body ended before it was complete",
        )),
        Err(_) => Err(ProblemResponse::new(
            ErrorCode::RequestTimeout,
            format!(
                "the body did not arrive within {} seconds",
                limits.deadline.as_secs()
            ),
        )),
    }
}

/// What is there at the second look.
///
/// The first one makes hyper hand over what came together with the head, which is nearly every body. Only a body that
/// is later is worth a timer, behind whose lock all requests would meet.
async fn at_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    let mut looks = 0;
    poll_fn(|context| {
        looks += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if looks > 1 => Poll::Ready(None),
            Poll::Pending => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    })
    .await
}

fn is_too_long(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The body of a request as handlers get it.
///
/// A client that waits for "100 Continue" has not sent its body, and need not: nothing lingers.
pub(crate) fn of_request(request: Request<Incoming>) -> Request<Body> {
    let (parts, body) = request.into_parts();
    let expects = parts.headers.contains_key(header::EXPECT);
    let body = if body.is_end_stream() {
        Body::empty()
    } else if parts.version >= Version::HTTP_2 || expects {
        Body::new(body)
    } else {
        Body::new(Lingering { unread: Some(body) })
    };
    Request::from_parts(parts, body)
}

/// A body of HTTP/1.1 that is read on for a while after its handler has lost interest.
///
/// A refusal often comes before the body has been read (401, 413, 503). When the connection is then closed
/// with bytes of the client still unread, TCP resets it, and most clients never see the answer: they report a
/// broken connection instead of the 413. nginx calls the remedy lingering. Both bounds are small; a client that
/// sends more has its connection closed. HTTP/2 has a frame for this and needs no help.
#[derive(Debug)]
struct Lingering {
    /// `None` once it has ended.
    unread: Option<Incoming>,
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.unread else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.unread = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.unread.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.unread
            .as_ref()
            .map_or(SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(body) = self.unread.take().filter(|body| !body.is_end_stream()) else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(LINGER_DEADLINE, discard(body)));
        }
    }
}

async fn discard(mut body: Incoming) {
    let mut bytes_left = LINGER_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        match bytes_left.checked_sub(bytes) {
            Some(left) => bytes_left = left,
            None => return,
        }
    }
}
