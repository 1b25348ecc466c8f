//! The one way an error leaves.
//!
//! Whoever refuses a request answers with a [`ProblemResponse`]. It travels outwards as a status, headers and
//! an extension, with an empty body; the outermost layer of the shell gives it the JSON body, because only that
//! layer knows the id of the request. A refusal that was *not* made by us (an extractor of axum, an unknown
//! route, a wrong method) passes the same place and is dressed the same way, so no door can forget the form.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use guildhall_types::errors::{ErrorCode, FieldError, Problem};
use guildhall_types::limits::BODY_BYTES_MAX;

use crate::request_id::RequestId;

/// Headers that describe the body which the problem replaces.
const HEADERS_OF_THE_BODY: [HeaderName; 5] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::TRANSFER_ENCODING,
    header::ETAG,
    header::LAST_MODIFIED,
];

/// A refusal on its way to the client.
///
/// `message` goes out as it is: it is written for the caller, in lower case, and holds nothing of the server.
#[derive(Clone, Debug)]
pub struct ProblemResponse {
    code: ErrorCode,
    message: String,
    fields: Vec<FieldError>,
    retry_after_seconds: Option<u32>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ProblemResponse {
    /// A refusal with a sentence for the caller.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            fields: Vec::new(),
            retry_after_seconds: None,
            headers: Vec::new(),
        }
    }

    /// Names the fields that broke a rule.
    #[must_use]
    pub fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.fields = fields;
        self
    }

    /// Says when to try again, in the header `Retry-After`.
    #[must_use]
    pub fn with_retry_after_seconds(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Adds a header to the answer, for example the `ETag` of the revision that is current.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The reason.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The sentence for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The fields that broke a rule.
    pub fn fields(&self) -> &[FieldError] {
        &self.fields
    }

    /// What a bare status of somebody else's means here.
    ///
    /// Its body is dropped: it names Rust types, which no client can use.
    fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => ErrorCode::Unauthenticated.into(),
            StatusCode::NOT_FOUND => Self::new(ErrorCode::RouteNotFound, "no route has this path"),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                ErrorCode::MethodNotAllowed,
                "the route does not take this method; the header `Allow` lists those it takes",
            ),
            StatusCode::REQUEST_TIMEOUT => ErrorCode::RequestTimeout.into(),
            StatusCode::PAYLOAD_TOO_LARGE => Self::body_too_large(BODY_BYTES_MAX),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorCode::UnsupportedMediaType.into(),
            StatusCode::TOO_MANY_REQUESTS => ErrorCode::RateLimited.into(),
            StatusCode::SERVICE_UNAVAILABLE => ErrorCode::Overloaded.into(),
            status if status.is_client_error() => ErrorCode::InvalidRequest.into(),
            _ => ErrorCode::Internal.into(),
        }
    }

    /// The refusal of a body that is longer than it may be.
    pub(crate) fn body_too_large(bytes_max: usize) -> Self {
        Self::new(
            ErrorCode::BodyTooLarge,
            format!("the body may have at most {bytes_max} bytes"),
        )
    }
}

impl From<ErrorCode> for ProblemResponse {
    /// A refusal that says no more than its code does.
    fn from(code: ErrorCode) -> Self {
        Self::new(code, code.title())
    }
}

impl IntoResponse for ProblemResponse {
    fn into_response(self) -> Response {
        let mut response = StatusCode::from_u16(self.code.status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            .into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives every error its body; lets every other answer pass.
///
/// Afterwards the extensions hold the [`ErrorCode`], for the log. 3xx passes: a redirect and "not modified" are
/// answers, not refusals.
pub(crate) fn render(response: Response, id: &RequestId, head_only: bool) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let (mut parts, _) = response.into_parts();
    let problem = parts
        .extensions
        .remove::<ProblemResponse>()
        .unwrap_or_else(|| ProblemResponse::from_status(status));
    let code = problem.code;
    parts.status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    parts.extensions.insert(code);

    for name in HEADERS_OF_THE_BODY {
        parts.headers.remove(name);
    }
    parts.headers.extend(problem.headers);
    if let Some(seconds) = problem.retry_after_seconds {
        parts.headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if code == ErrorCode::Unauthenticated {
        // RFC 9110, section 15.5.2: a 401 names the scheme that it wants.
        let scheme = HeaderValue::from_static("Bearer");
        parts
            .headers
            .entry(header::WWW_AUTHENTICATE)
            .or_insert(scheme);
    }

    let body = Problem::new(
        code,
        problem.message,
        problem.fields,
        id.as_str().to_owned(),
    );
    // A struct of strings and numbers always serializes; an empty body is better than a panic all the same.
    let body = serde_json::to_vec(&body).unwrap_or_default();
    let json = HeaderValue::from_static("application/json");
    parts.headers.insert(header::CONTENT_TYPE, json);
    parts
        .headers
        .insert(header::CONTENT_LENGTH, body.len().into());
    let body = if head_only {
        Body::empty()
    } else {
        Body::from(body)
    };
    Response::from_parts(parts, body)
}
