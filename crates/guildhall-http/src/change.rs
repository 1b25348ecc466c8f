//! What a request brings, taken apart once for all handlers.
//!
//! A handler of a read takes [`Caller`]. A handler of a change takes [`Change`] and one kind of body:
//! [`Json`](crate::json::Json), [`Form`](crate::form::Form) or nothing; reading the body is what makes the fingerprint of an `Idempotency-Key`.

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use bytes::Bytes;
use guildhall_core::Deployment;
use guildhall_core::idempotency::Idempotency;
use guildhall_types::keys::KeyScope;
use guildhall_types::limits::IDEMPOTENCY_KEY_CHARS_MAX;
use guildhall_types::{ErrorCode, FieldError, IfMatch};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::body::{self, BodyLimits};
use crate::dry_run::{self, Asked};
use crate::problem::ProblemResponse;
use crate::request_id::RequestId;

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Who calls, as the layer in front found out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) deployment: Deployment,
    pub(crate) scope: KeyScope,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ProblemResponse> {
        // Absent only where a route was mounted outside the layer: nobody gets in by mistake.
        parts
            .extensions
            .get()
            .copied()
            .ok_or_else(|| ErrorCode::Unauthenticated.into())
    }
}

/// What a change comes with besides its body.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) caller: Caller,
    pub(crate) request_id: RequestId,
    pub(crate) if_match: IfMatch,
    pub(crate) purpose: Purpose,
}

/// What a change is sent for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// To be carried out, and once only if there is a key.
    CarryOut(Option<Idempotency>),
    /// To hear what it would do (`?dry_run=true`).
    DryRun(Asked),
}

/// A change together with its body.
#[derive(Debug)]
pub(crate) struct With<B> {
    pub(crate) change: Change,
    pub(crate) body: B,
}

/// A kind of body.
pub(crate) trait Content: Sized + Send {
    /// Reads the body, and puts what identifies it into the hash.
    fn read(
        headers: &HeaderMap,
        body: Bytes,
        hash: &mut Sha256,
    ) -> impl Future<Output = Result<Self, ProblemResponse>> + Send;
}

impl<S: Sync, B: Content> FromRequest<S> for With<B> {
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, state: &S) -> Result<Self, ProblemResponse> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, state).await?;
        let rehearsed = dry_run::Parameters::read(&parts.uri)?.asked()?;
        // A dry run changes nothing, and tells nothing that the key could not read.
        if caller.scope == KeyScope::ReadOnly && rehearsed.is_none() {
            return Err(ErrorCode::ReadOnlyKey.into());
        }
        let limits = BodyLimits::of(&parts.extensions);
        let request_id = parts.extensions.get::<RequestId>().cloned();
        let request_id = request_id.ok_or_else(|| ProblemResponse::from(ErrorCode::Internal))?;
        let if_match = if_match(&parts.headers);
        let key = idempotency_key(&parts.headers)?;
        let body = body::read(body, limits).await?;
        let mut hash = Sha256::new();
        hash.update(parts.method.as_str());
        hash.update([0]);
        // All pages of a dry run are of one change.
        let target = parts.uri.path_and_query().filter(|_| rehearsed.is_none());
        hash.update(target.map_or(parts.uri.path(), |target| target.as_str()));
        hash.update([0]);
        let body = B::read(&parts.headers, body, &mut hash).await?;
        let purpose = match (rehearsed, key) {
            (Some(page), None) => Purpose::DryRun(Asked {
                page,
                fingerprint: hash.finalize().into(),
            }),
            (Some(_), Some(_)) => {
                return Err(invalid_field(
                    "Idempotency-Key",
                    "cannot be combined with `dry_run`: what does nothing may be repeated",
                ));
            }
            (None, key) => Purpose::CarryOut(key.map(|key| Idempotency {
                key,
                fingerprint: hash.finalize().into(),
            })),
        };
        Ok(Self {
            change: Change {
                caller,
                request_id,
                if_match,
                purpose,
            },
            body,
        })
    }
}

/// No body is expected; one that is sent all the same is ignored, but tells the request from others.
impl Content for () {
    async fn read(_: &HeaderMap, body: Bytes, hash: &mut Sha256) -> Result<Self, ProblemResponse> {
        hash.update(&body);
        Ok(())
    }
}

/// The ids in the path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Ids<T> {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemResponse> {
        let Path(ids) = Path::<T>::from_request_parts(parts, state)
            .await
            .map_err(|_| {
                let message = format!("an id in a path {}", guildhall_types::ids::InvalidId);
                ProblemResponse::new(ErrorCode::InvalidId, message)
            })?;
        Ok(Self(ids))
    }
}

/// The revisions in `If-Match`. A tag that is not one of ours matches nothing, and neither does a weak one (RFC 9110,
/// section 13.1.1).
fn if_match(headers: &HeaderMap) -> IfMatch {
    let mut tags = tags(headers, &header::IF_MATCH).peekable();
    if tags.peek().is_none() {
        return IfMatch::Any;
    }
    let tags: Vec<&str> = tags.collect();
    if tags == ["*"] {
        return IfMatch::Any;
    }
    let strong = tags
        .iter()
        .filter_map(|tag| tag.strip_prefix('"')?.strip_suffix('"'));
    IfMatch::OneOf(strong.filter_map(|tag| tag.parse().ok()).collect())
}

/// The entity tags of a header, as they are written; a list may be spread over several headers.
pub(crate) fn tags<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    headers
        .get_all(name)
        .iter()
        // What is not text is no tag of ours, and must not count as no tag at all.
        .flat_map(|value| value.to_str().unwrap_or("\u{fffd}").split(','))
        .map(str::trim)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ProblemResponse> {
    let mut sent = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = sent.next() else {
        return Ok(None);
    };
    let key = key.to_str().ok().filter(|key| {
        (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_graphic())
    });
    match (key, sent.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
        _ => Err(invalid_field(
            "Idempotency-Key",
            format!(
                "must be one header of 1 to {IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters"
            ),
        )),
    }
}

/// The refusal of one field.
pub(crate) fn invalid_field(field: &str, message: impl Into<String>) -> ProblemResponse {
    let error = FieldError {
        field: field.to_owned(),
        message: message.into(),
    };
    let message = format!("`{}` {}", error.field, error.message);
    ProblemResponse::new(ErrorCode::InvalidRequest, message).with_fields(vec![error])
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use guildhall_types::Revision;

    fn headers(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn if_match_names_revisions() {
        let read = |values: &[&'static str]| if_match(&headers(&header::IF_MATCH, values));
        let revision = |stream, number| Revision { stream, number };
        assert_eq!(read(&[]), IfMatch::Any);
        assert_eq!(read(&["*"]), IfMatch::Any);
        assert_eq!(
            read(&["\"4@1\", \"4@2\"", "\"5@3\""]),
            IfMatch::OneOf(vec![revision(4, 1), revision(4, 2), revision(5, 3)])
        );
        for stranger in ["W/\"4@1\"", "4@1", "\"x\"", "", "\"4@1"] {
            assert_eq!(read(&[stranger]), IfMatch::OneOf(Vec::new()), "{stranger}");
        }
    }

    #[test]
    fn an_idempotency_key_is_short_and_visible() {
        let read = |values: &[&'static str]| idempotency_key(&headers(&IDEMPOTENCY_KEY, values));
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&["k-1"]).unwrap().as_deref(), Some("k-1"));
        assert!(read(&[""]).is_err() && read(&["a b"]).is_err() && read(&["a", "b"]).is_err());
    }
}
