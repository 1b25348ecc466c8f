//! What a request leaves behind: its numbers and its line in the log, whatever becomes of it.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::MatchedPath;
use axum::http::request::Parts;
use axum::response::Response;
use guildhall_types::errors::ErrorCode;
use tracing::Span;

use crate::metrics::{Metrics, method_label};
use crate::request_id::RequestId;

/// The route of a request that matched none.
const ROUTE_UNKNOWN: &str = "unknown";

/// The status that stands in metrics for a client that went away, as in nginx.
const STATUS_CLIENT_GONE: u16 = 499;

/// A request being answered.
///
/// Dropped without [`Trail::finish`], it counts as a client that went away: hyper drops the answer being made
/// when its connection ends.
#[derive(Debug)]
pub(crate) struct Trail {
    metrics: Metrics,
    method: &'static str,
    route: Arc<str>,
    started: Instant,
    answered: bool,
}

impl Trail {
    pub(crate) fn begin(metrics: &Metrics, request: &Parts) -> Self {
        let route = request
            .extensions
            .get::<MatchedPath>()
            .map_or(ROUTE_UNKNOWN, MatchedPath::as_str);
        metrics.in_flight.inc();
        Self {
            metrics: metrics.clone(),
            method: method_label(&request.method),
            route: Arc::from(route),
            started: Instant::now(),
            answered: false,
        }
    }

    /// The template of the path, never the path itself.
    pub(crate) fn route(&self) -> &str {
        &self.route
    }

    /// What every line of the log about this request carries.
    ///
    /// At the level of errors, so that no filter can take the id off an error. Headers, bodies and query strings
    /// are never recorded: they hold keys and people.
    pub(crate) fn span(&self, id: &RequestId) -> Span {
        let route = &*self.route;
        tracing::error_span!("request", request.id = %id, http.method = self.method, http.route = route)
    }

    /// Counts and logs the answer; call it inside the span.
    pub(crate) fn finish(mut self, response: &Response) {
        self.answered = true;
        let status = response.status().as_u16();
        let took = self.started.elapsed();
        self.metrics
            .answered(self.method, &self.route, status, took);

        let latency_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let code = response.extensions().get::<ErrorCode>().copied();
        let word = code.map(ErrorCode::word);
        match status {
            // Refusing must stay cheap when there is too much work; `Admission` logs the overload as such.
            503 if code == Some(ErrorCode::Overloaded) => {
                tracing::debug!(
                    http.status = status,
                    error.code = word,
                    latency_us,
                    "answered"
                );
            }
            500.. => tracing::error!(
                http.status = status,
                error.code = word,
                latency_us,
                "answered"
            ),
            400..500 => tracing::info!(
                http.status = status,
                error.code = word,
                latency_us,
                "answered"
            ),
            _ => tracing::debug!(http.status = status, latency_us, "answered"),
        }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        if !self.answered {
            let took = self.started.elapsed();
            self.metrics
                .answered(self.method, &self.route, STATUS_CLIENT_GONE, took);
            tracing::debug!("the client went away before it was answered");
        }
    }
}
