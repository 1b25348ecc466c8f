//! Who calls: the API key in front of every route of the API.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use axum::routing::future::RouteFuture;
use futures_util::future::{BoxFuture, Either};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use guildhall_core::keys::{self, Authenticated, SecretHash};
use guildhall_core::{Guildhall, Refusal};
use guildhall_types::ErrorCode;
use guildhall_types::ids::KeyId;
use tower::layer::layer_fn;
use tower::{Layer, Service};

use crate::app::App;
use crate::change::Caller;
use crate::problem::ProblemResponse;

/// How long a key is believed without a look at the database. A key that was revoked, on this server or by the
/// command line beside it, is refused after this time at the latest.
const BELIEVED_FOR: Duration = Duration::from_millis(500);

/// Keys that are remembered; a deployment has a handful.
const REMEMBERED_MAX: usize = 10_000;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// The keys that were seen lately, and how much each has asked for.
#[derive(Debug)]
pub struct Keys {
    seen: RwLock<HashMap<SecretHash, Seen>>,
    limiters: RwLock<HashMap<KeyId, Arc<Limiter>>>,
    requests_a_minute: Option<NonZeroU32>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    key: Authenticated,
    at: Instant,
}

impl Keys {
    /// `requests_a_minute` bounds what each key may ask for; `None` is no bound.
    pub fn new(requests_a_minute: Option<NonZeroU32>) -> Self {
        Self {
            seen: RwLock::default(),
            limiters: RwLock::default(),
            requests_a_minute,
        }
    }

    /// The key of a request, if it was looked up lately.
    fn lately(&self, guildhall: &Guildhall, hash: &SecretHash) -> Option<Authenticated> {
        let Seen { key, at } = self.last_seen(hash)?;
        (at.elapsed() < BELIEVED_FOR && !is_over(&key, guildhall)).then_some(key)
    }

    fn last_seen(&self, hash: &SecretHash) -> Option<Seen> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        seen.get(hash).copied()
    }

    /// Looks the key of a request up, and remembers what was found.
    async fn look_up(
        &self,
        guildhall: &Guildhall,
        hash: SecretHash,
    ) -> Result<Authenticated, Refusal> {
        let found = keys::authenticate(guildhall, hash).await;
        let refusal = match found {
            Ok(key) => {
                self.remember(hash, key);
                return Ok(key);
            }
            Err(refusal) => refusal,
        };
        // Nobody can have revoked it in a database that nobody can reach.
        if refusal.code() == Some(ErrorCode::StorageUnavailable)
            && let Some(Seen { key, .. }) = self.last_seen(&hash)
            && !is_over(&key, guildhall)
        {
            return Ok(key);
        }
        let mut remembered = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        remembered.remove(&hash);
        match refusal.code() {
            Some(ErrorCode::Unauthenticated) => Err(unauthenticated()),
            _ => Err(refusal),
        }
    }

    fn remember(&self, hash: SecretHash, key: Authenticated) {
        let mut remembered = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        let at = Instant::now();
        remembered.insert(hash, Seen { key, at });
    }

    /// Counts one request of the key; tells how the answer shows it.
    fn count(&self, key: KeyId) -> Result<Option<HeaderMap>, ProblemResponse> {
        let Some(quota) = self.requests_a_minute else {
            return Ok(None);
        };
        let limiter = self.limiter(key, quota);
        match limiter.check() {
            Ok(state) => Ok(Some(rate_headers(
                quota,
                state.remaining_burst_capacity(),
                0,
            ))),
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                let seconds = u32::try_from(wait.as_secs())
                    .unwrap_or(u32::MAX)
                    .saturating_add(1);
                let message = format!(
                    "an API key may make {quota} requests a minute; try again in {seconds} s"
                );
                let mut problem = ProblemResponse::new(ErrorCode::RateLimited, message)
                    .with_retry_after_seconds(seconds);
                for (name, value) in &rate_headers(quota, 0, seconds) {
                    problem = problem.with_header(name.clone(), value.clone());
                }
                Err(problem)
            }
        }
    }

    fn limiter(&self, key: KeyId, quota: NonZeroU32) -> Arc<Limiter> {
        let known = self
            .limiters
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        known.unwrap_or_else(|| {
            let mut limiters = self
                .limiters
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            let fresh = || {
                let limiter = RateLimiter::direct(Quota::per_minute(quota));
                Arc::new(limiter.with_middleware())
            };
            Arc::clone(limiters.entry(key).or_insert_with(fresh))
        })
    }
}

/// The headers of draft-ietf-httpapi-ratelimit-headers.
fn rate_headers(quota: NonZeroU32, remaining: u32, reset_seconds: u32) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let policy = format!("\"key\";q={quota};w=60");
    let state = format!("\"key\";r={remaining};t={reset_seconds}");
    for (name, text) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
    headers
}

/// The secret of the one `Authorization: Bearer` header; the scheme is not sensitive to case (RFC 9110, section 11.1).
fn unauthenticated() -> Refusal {
    let message = "send an API key of this server as `Authorization: Bearer ghk_…`; \
        `guildhall key create` makes one";
    Refusal::new(ErrorCode::Unauthenticated, message)
}

fn is_over(key: &Authenticated, guildhall: &Guildhall) -> bool {
    key.expires_at.is_some_and(|end| guildhall.now() >= end)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (sent.next(), sent.next()) else {
        return None;
    };
    let (scheme, secret) = value.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| secret.trim_start())
}

/// The layer in front of every route of the API: no valid key, no entry.
pub(crate) fn require(app: &App) -> impl Layer<Route, Service = Locked> + Clone + use<> {
    let app = app.clone();
    layer_fn(move |route| Locked {
        app: app.clone(),
        route,
    })
}

/// A route that a key opens.
#[derive(Clone, Debug)]
pub(crate) struct Locked {
    app: App,
    route: Route,
}

impl Locked {
    /// Lets a request in with its key: puts who calls among the extensions, and answers by the route.
    fn enter(&mut self, key: Authenticated, mut request: Request) -> Answer {
        let headers = match self.app.keys.count(key.key) {
            Ok(headers) => headers,
            Err(problem) => return refuse(problem),
        };
        request.extensions_mut().insert(Caller {
            deployment: key.deployment,
            scope: key.scope,
        });
        let answer = self.route.call(request);
        match headers {
            None => Either::Left(answer),
            Some(headers) => Either::Right(Box::pin(async {
                let mut response = answer.await?;
                response.headers_mut().extend(headers);
                Ok(response)
            })),
        }
    }
}

/// Nearly every answer is the route's own, which costs no box.
type Answer = Either<RouteFuture<Infallible>, BoxFuture<'static, Result<Response, Infallible>>>;

fn refuse(problem: impl Into<ProblemResponse>) -> Answer {
    let response = problem.into().into_response();
    Either::Right(Box::pin(future::ready(Ok(response))))
}

impl Service<Request> for Locked {
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Some(hash) = bearer(request.headers()).and_then(keys::hash) else {
            return refuse(unauthenticated());
        };
        if let Some(key) = self.app.keys.lately(&self.app.guildhall, &hash) {
            return self.enter(key, request);
        }
        let mut locked = self.clone();
        Either::Right(Box::pin(async move {
            let app = &locked.app;
            match app.keys.look_up(&app.guildhall, hash).await {
                Ok(key) => locked.enter(key, request).await,
                Err(refusal) => refuse(refusal).await,
            }
        }))
    }
}
