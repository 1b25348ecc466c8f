//! What a handler answers: the object, and the headers that say at which revision it holds.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use guildhall_core::{Answer, Refusal, Written};
use guildhall_types::dry_run::DryRun;
use guildhall_types::{ErrorCode, Revision, json};
use serde::Serialize;

use crate::change::tags;
use crate::problem::ProblemResponse;

/// The revision at which an answer holds: `<stream id>@<number>`.
pub(crate) const GUILDHALL_REVISION: HeaderName = HeaderName::from_static("guildhall-revision");

/// Says that the answer was given before, under the same `Idempotency-Key`.
pub(crate) const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Seconds after which a refusal for lack of room may be tried again.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Bytes that most single objects fit in, and most pages; what is larger makes room for itself.
const OBJECT_BYTES: usize = 1_024;
const PAGE_BYTES: usize = 32 * 1_024;

/// The answer of a change.
#[derive(Debug)]
pub(crate) enum Changed<T> {
    /// It was made.
    Written(Written<T>),
    /// It was only tried.
    Tried(Box<DryRun>),
}

/// A page that was read.
#[derive(Debug)]
pub(crate) struct Listed<T>(pub(crate) T);

/// What a question is answered: it stands at no revision, or says itself at which.
#[derive(Debug)]
pub(crate) struct Told<T>(pub(crate) T);

/// One object that was read.
#[derive(Debug)]
pub(crate) struct Single<T> {
    pub(crate) object: T,
    pub(crate) revision: Revision,
}

impl<T: Serialize> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        written(&self.0, PAGE_BYTES)
    }
}

impl<T: Serialize> IntoResponse for Told<T> {
    fn into_response(self) -> Response {
        written(&self.0, OBJECT_BYTES)
    }
}

impl<T: Serialize> IntoResponse for Changed<T> {
    fn into_response(self) -> Response {
        let Written { answer, revision } = match self {
            Self::Written(written) => written,
            Self::Tried(tried) => return tried_response(&tried),
        };
        let mut response = match answer {
            Answer::Fresh(answer) => written(&answer, OBJECT_BYTES),
            Answer::Replayed(text) => {
                let mut response = sent(text);
                let replayed = HeaderValue::from_static("true");
                response.headers_mut().insert(IDEMPOTENT_REPLAYED, replayed);
                response
            }
        };
        response.headers_mut().extend(revision_headers(revision));
        response
    }
}

/// With the tag of the revision that was looked at: as `If-Match` of the change, it makes what was foretold come true.
fn tried_response(tried: &DryRun) -> Response {
    let mut response = written(tried, OBJECT_BYTES);
    if let Some(revision) = tried.revision {
        response.headers_mut().extend(revision_headers(revision));
    }
    response
}

impl<T: Serialize> Single<T> {
    /// The object; or only the word that the caller has it already (`If-None-Match`, RFC 9110, section 13.1.2).
    pub(crate) fn unless_known(self, headers: &HeaderMap) -> Response {
        let tag = entity_tag(self.revision);
        let known = tags(headers, &header::IF_NONE_MATCH)
            .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag);
        let mut response = if known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            written(&self.object, OBJECT_BYTES)
        };
        response
            .headers_mut()
            .extend(revision_headers(self.revision));
        response
    }
}

fn written(answer: &impl Serialize, capacity: usize) -> Response {
    match json::to_vec(answer, capacity) {
        Ok(text) => sent(text),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON");
            ProblemResponse::from(ErrorCode::Internal).into_response()
        }
    }
}

/// An answer that is JSON already.
pub(crate) fn sent(text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn entity_tag(revision: Revision) -> String {
    format!("\"{revision}\"")
}

fn revision_headers(revision: Revision) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let texts = [
        (header::ETAG, entity_tag(revision)),
        (GUILDHALL_REVISION, revision.to_string()),
    ];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
    headers
}

impl From<Refusal> for ProblemResponse {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Refused(refused) => {
                let problem = Self::new(refused.code, refused.message).with_fields(refused.fields);
                match refused.code {
                    ErrorCode::Overloaded | ErrorCode::StorageUnavailable => {
                        problem.with_retry_after_seconds(RETRY_AFTER_SECONDS)
                    }
                    _ => problem,
                }
            }
            Refusal::Failed(failure) => {
                tracing::error!(cause = failure.chain(), "a request failed");
                ErrorCode::Internal.into()
            }
        }
    }
}
