//! How many requests the server works on at the same time.
//!
//! A server with more work than it can do is fast for nobody. Beyond the bound a request is refused at once:
//! there is no queue, because a request that waited is often one whose client has given up.

use std::sync::atomic::{AtomicBool, Ordering};

use guildhall_types::errors::ErrorCode;
use prometheus_client::metrics::gauge::Gauge;

use crate::problem::ProblemResponse;

/// Routes that answer under any load: they say how the server is, and cost nothing.
pub(crate) const ALWAYS_ADMITTED: [&str; 3] = ["/health", "/ready", "/metrics"];

/// When a refused client may come again. The work in hand is a matter of milliseconds.
const RETRY_AFTER_SECONDS: u32 = 1;

/// The bound.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Requests that hold a place; the metrics show it.
    in_flight: Gauge,
    in_flight_max: i64,
    /// Whether the present overload has been logged; it ends when a quarter of the places is free again.
    overloaded: AtomicBool,
}

/// A place, held until the request is answered.
#[derive(Debug)]
pub(crate) struct Place<'a>(&'a Gauge);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Admission {
    pub(crate) fn new(in_flight_max: usize, in_flight: Gauge) -> Self {
        Self {
            in_flight,
            in_flight_max: i64::try_from(in_flight_max.max(1)).unwrap_or(i64::MAX),
            overloaded: AtomicBool::new(false),
        }
    }

    /// A place for a request of this route. `None` is a route that needs no place.
    pub(crate) fn enter(&self, route: &str) -> Result<Option<Place<'_>>, ProblemResponse> {
        if ALWAYS_ADMITTED.contains(&route) {
            return Ok(None);
        }
        let others = self.in_flight.inc();
        let place = Place(&self.in_flight);
        if others < self.in_flight_max {
            let free = self.in_flight_max - others - 1;
            if self.overloaded.load(Ordering::Relaxed)
                && free > self.in_flight_max / 4
                && self.overloaded.swap(false, Ordering::Relaxed)
            {
                tracing::info!("the server takes all requests again");
            }
            return Ok(Some(place));
        }
        // One line an overload, not one a request: logging must not be what the server does under load.
        if !self.overloaded.swap(true, Ordering::Relaxed) {
            let in_flight_max = self.in_flight_max;
            tracing::warn!(
                "requests are refused: {in_flight_max} are in flight, which is the bound"
            );
        }
        Err(ProblemResponse::from(ErrorCode::Overloaded)
            .with_retry_after_seconds(RETRY_AFTER_SECONDS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_request_is_answered() {
        let admission = Admission::new(1, Gauge::default());
        let place = admission.enter("/organizations").unwrap();
        assert!(place.is_some());
        assert_eq!(
            admission.enter("/organizations").unwrap_err().code(),
            ErrorCode::Overloaded
        );
        drop(place);
        assert!(admission.enter("/organizations").is_ok());
    }

    #[test]
    fn how_the_server_is_can_always_be_asked() {
        let admission = Admission::new(1, Gauge::default());
        let _place = admission.enter("/organizations").unwrap();
        for route in ALWAYS_ADMITTED {
            assert!(admission.enter(route).unwrap().is_none());
        }
    }
}
