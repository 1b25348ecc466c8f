//! What a request leaves behind: its numbers and its line in the log, whatever becomes of it.

use std::time::Instant;

use axum::response::Response;
use guildhall_types::errors::ErrorCode;
use tracing::Span;

use crate::metrics::Meter;
use crate::request_id::RequestId;

/// The status that stands in metrics for a client that went away, as in nginx.
const STATUS_CLIENT_GONE: u16 = 499;

/// A request being answered.
///
/// Dropped without [`Trail::finish`], it counts as a client that went away: hyper drops the answer being made
/// when its connection ends.
#[derive(Debug)]
pub(crate) struct Trail<'a> {
    meter: &'a Meter,
    started: Instant,
    answered: bool,
}

impl<'a> Trail<'a> {
    pub(crate) fn begin(meter: &'a Meter) -> Self {
        Self {
            meter,
            started: Instant::now(),
            answered: false,
        }
    }

    /// What every line of the log about this request carries.
    ///
    /// At the level of errors, so that no filter can take the id off an error. Headers, bodies and query strings
    /// are never recorded: they hold keys and people.
    pub(crate) fn span(&self, id: &RequestId) -> Span {
        let Meter { method, route, .. } = self.meter;
        tracing::error_span!(
            "request",
            request.id = id.as_str(),
            http.method = method,
            http.route = &**route
        )
    }

    /// Counts and logs the answer; call it inside the span.
    pub(crate) fn finish(mut self, response: &Response) {
        self.answered = true;
        let status = response.status().as_u16();
        let took = self.started.elapsed();
        self.meter.answered(status, took);

        let latency_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let code = response.extensions().get::<ErrorCode>().copied();
        let word = code.map(ErrorCode::word);
        match status {
            // Refusing must stay cheap when there is too much work; `Admission` logs the overload as such, the writer that
            // the disk is full.
            503 if matches!(
                code,
                Some(ErrorCode::Overloaded | ErrorCode::StorageUnavailable)
            ) =>
            {
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

impl Drop for Trail<'_> {
    fn drop(&mut self) {
        if !self.answered {
            let took = self.started.elapsed();
            self.meter.answered(STATUS_CLIENT_GONE, took);
            tracing::debug!("the client went away before it was answered");
        }
    }
}
