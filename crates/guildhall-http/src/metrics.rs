//! What the server counts, in the text format of `OpenMetrics`.
//!
//! INVARIANT: no label comes from a client. The route is the template that matched, the method one of the known
//! ones; otherwise anyone could grow the memory of the server, and of whoever scrapes it, one path at a time.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// The content type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds: a check takes microseconds, a commit on a slow disk a second.
const DURATION_BUCKETS_SECONDS: [f64; 17] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
];

/// What ran, since when.
#[derive(Clone, Debug)]
pub struct BuildInfo {
    /// The version of the server.
    pub version: String,
    /// The commit it was built from, or `unknown`.
    pub commit: String,
    /// When the process started, in seconds since 1970.
    pub started_at_seconds: f64,
}

/// The counters of the process; clones share them, and cost one counter: each request makes one.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Counters>);

/// What the clones of a [`Metrics`] share.
#[derive(Debug)]
pub struct Counters {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    rejected: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) connections: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: Arc<str>,
    status: u16,
}

/// What one method of one route counts, found once rather than for every request.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) method: &'static str,
    pub(crate) route: Arc<str>,
    metrics: Metrics,
    duration: Histogram,
    /// Of the status that nearly every answer has.
    ok: Counter,
}

/// The meters of one route, each made when its method is first asked for.
#[derive(Debug, Default)]
pub(crate) struct RouteMeters {
    get: OnceLock<Meter>,
    post: OnceLock<Meter>,
    patch: OnceLock<Meter>,
    put: OnceLock<Meter>,
    delete: OnceLock<Meter>,
    head: OnceLock<Meter>,
    options: OnceLock<Meter>,
    other: OnceLock<Meter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: Arc<str>,
}

impl std::ops::Deref for Metrics {
    type Target = Counters;

    fn deref(&self) -> &Counters {
        &self.0
    }
}

impl Metrics {
    /// The metrics of HTTP and of the process, all zero.
    pub fn new(build: &BuildInfo) -> Self {
        let metrics = Self(Arc::new(Counters {
            registry: Mutex::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(duration_histogram),
            rejected: Counter::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
        }));
        metrics.register_http();
        metrics.register_process(build);
        metrics
    }

    /// Shows a number that another room knows and that may fall, asked for whenever the metrics are read.
    ///
    /// `name` ends in its unit, as in `guildhall_database_wal_bytes`; `help` is a phrase without a full stop.
    pub fn register_gauge(&self, name: &str, help: &str, read: Arc<dyn Fn() -> i64 + Send + Sync>) {
        self.register_callback(name, help, Read::Gauge(read));
    }

    /// Shows a number that another room knows and that never falls. `_total` is appended to `name`.
    pub fn register_counter(
        &self,
        name: &str,
        help: &str,
        read: Arc<dyn Fn() -> u64 + Send + Sync>,
    ) {
        self.register_callback(name, help, Read::Counter(read));
    }

    /// Everything, as the answer to `GET /metrics`, of type [`CONTENT_TYPE`].
    pub fn encode(&self) -> String {
        let mut text = String::new();
        self.with_registry(|registry| {
            // Writing to a string does not fail; a collector that does leaves a text without its end mark, which
            // the reader refuses.
            if text::encode(&mut text, registry).is_err() {
                tracing::error!("the metrics could not be written");
            }
        });
        text
    }

    fn meter(&self, method: &'static str, route: &str) -> Meter {
        let route: Arc<str> = Arc::from(route);
        let labels = RouteLabels {
            method,
            route: Arc::clone(&route),
        };
        let duration = self.durations.get_or_create_owned(&labels);
        let ok = self.requests.get_or_create_owned(&RequestLabels {
            method,
            route: Arc::clone(&route),
            status: StatusCode::OK.as_u16(),
        });
        Meter {
            method,
            route,
            metrics: self.clone(),
            duration,
            ok,
        }
    }

    /// Counts a request that was refused because too many were in flight.
    pub(crate) fn rejected(&self) {
        self.rejected.inc();
    }

    fn register_http(&self) {
        self.with_registry(|registry| {
            registry.register(
                "guildhall_http_requests",
                "Requests answered; status 499 is a client that left before the answer",
                self.requests.clone(),
            );
            registry.register(
                "guildhall_http_request_duration_seconds",
                "From the head of the request to the head of the answer",
                self.durations.clone(),
            );
            registry.register(
                "guildhall_http_requests_rejected",
                "Requests refused because too many were in flight",
                self.rejected.clone(),
            );
            registry.register(
                "guildhall_http_requests_in_flight",
                "Requests being answered, of those that are bounded",
                self.in_flight.clone(),
            );
            registry.register(
                "guildhall_http_connections",
                "Open connections",
                self.connections.clone(),
            );
        });
    }

    fn register_process(&self, build: &BuildInfo) {
        let labels = vec![
            ("version", build.version.clone()),
            ("commit", build.commit.clone()),
        ];
        let started_at: Gauge<f64, AtomicU64> = Gauge::default();
        started_at.set(build.started_at_seconds);
        self.with_registry(|registry| {
            registry.register("guildhall_build", "What is running", Info::new(labels));
            registry.register(
                "process_start_time_seconds",
                "When the process started, since 1970",
                started_at,
            );
        });
        self.register_gauge(
            "process_resident_memory_bytes",
            "Memory of the process that is in RAM",
            Arc::new(resident_memory_bytes),
        );
    }

    fn register_callback(&self, name: &str, help: &str, read: Read) {
        let callback = Callback {
            name: name.to_owned(),
            help: format!("{help}."),
            read,
        };
        self.with_registry(|registry| registry.register_collector(Box::new(callback)));
    }

    fn with_registry(&self, work: impl FnOnce(&mut Registry)) {
        // A panic inside leaves a registry that is still whole: it is only ever appended to.
        work(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl RouteMeters {
    /// The meter of a method.
    pub(crate) fn of(&self, method: &Method, route: &str, metrics: &Metrics) -> &Meter {
        let (meter, label) = match *method {
            Method::GET => (&self.get, "GET"),
            Method::POST => (&self.post, "POST"),
            Method::PATCH => (&self.patch, "PATCH"),
            Method::PUT => (&self.put, "PUT"),
            Method::DELETE => (&self.delete, "DELETE"),
            Method::HEAD => (&self.head, "HEAD"),
            Method::OPTIONS => (&self.options, "OPTIONS"),
            _ => (&self.other, "other"),
        };
        meter.get_or_init(|| metrics.meter(label, route))
    }
}

impl Meter {
    /// Counts an answered request.
    pub(crate) fn answered(&self, status: u16, took: Duration) {
        self.duration.observe(took.as_secs_f64());
        if status == StatusCode::OK.as_u16() {
            self.ok.inc();
            return;
        }
        let labels = RequestLabels {
            method: self.method,
            route: Arc::clone(&self.route),
            status,
        };
        self.metrics.requests.get_or_create(&labels).inc();
    }
}

fn duration_histogram() -> Histogram {
    Histogram::new(DURATION_BUCKETS_SECONDS)
}

/// From `/proc`; zero where there is none.
fn resident_memory_bytes() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse::<i64>().ok());
    kibibytes.unwrap_or(0).saturating_mul(1024)
}

/// A metric that is asked for when it is read.
#[derive(Debug)]
struct Callback {
    name: String,
    help: String,
    read: Read,
}

enum Read {
    Gauge(Arc<dyn Fn() -> i64 + Send + Sync>),
    Counter(Arc<dyn Fn() -> u64 + Send + Sync>),
}

impl fmt::Debug for Read {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gauge(_) => "Gauge",
            Self::Counter(_) => "Counter",
        })
    }
}

impl Collector for Callback {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let metric: Box<dyn EncodeMetric> = match &self.read {
            Read::Gauge(read) => Box::new(ConstGauge::new(read())),
            Read::Counter(read) => Box::new(ConstCounter::new(read())),
        };
        metric.encode(encoder.encode_descriptor(
            &self.name,
            &self.help,
            None,
            metric.metric_type(),
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        Metrics::new(&BuildInfo {
            version: "1.2.3".to_owned(),
            commit: "abc".to_owned(),
            started_at_seconds: 7.5,
        })
    }

    #[test]
    fn other_rooms_show_their_numbers() {
        let metrics = metrics();
        metrics.register_gauge(
            "guildhall_database_wal_bytes",
            "Size of the WAL",
            Arc::new(|| 4096),
        );
        metrics.register_counter("guildhall_commits", "Commits", Arc::new(|| 9));
        let text = metrics.encode();
        let lines = [
            "# HELP guildhall_database_wal_bytes Size of the WAL.",
            "guildhall_database_wal_bytes 4096",
            "guildhall_commits_total 9",
            r#"guildhall_build_info{version="1.2.3",commit="abc"} 1"#,
            "process_start_time_seconds 7.5",
            "# EOF",
        ];
        for line in lines {
            assert!(
                text.lines().any(|candidate| candidate == line),
                "`{line}` is not in\n{text}"
            );
        }
    }

    #[test]
    fn a_running_process_has_memory() {
        assert!(resident_memory_bytes() > 1024 * 1024);
    }

    #[test]
    fn a_method_of_the_client_s_own_making_gets_no_label_of_its_own() {
        let (meters, metrics) = (RouteMeters::default(), metrics());
        let label = |method: &Method| meters.of(method, "/", &metrics).method;
        assert_eq!(label(&Method::from_bytes(b"X-1").unwrap()), "other");
        assert_eq!(label(&Method::PATCH), "PATCH");
    }
}
