//! What operators and tools ask: `/health`, `/ready`, `/metrics`, `/openapi.json`, `/docs`.

use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use guildhall_types::{ErrorCode, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Told;
use crate::app::App;
use crate::metrics;
use crate::problem::ProblemResponse;

/// That the server answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `healthy`.
    #[schema(example = "healthy")]
    status: &'static str,
    /// The time by the server's clock.
    timestamp: Timestamp,
}

/// Whether the process answers
///
/// It needs no key and does not look at the database; wire contract, section 21.
#[utoipa::path(get, path = "/health", tag = "system", security(()), responses((status = 200, body = Health)))]
pub(crate) async fn health(State(app): State<App>) -> Told<Health> {
    Told(Health {
        status: "healthy",
        timestamp: app.guildhall.now(),
    })
}

/// Whether the database takes a write
///
/// For load balancers: 503 while it does not.
#[utoipa::path(get, path = "/ready", tag = "system", security(()), responses((status = 200, body = Health)))]
pub(crate) async fn ready(State(app): State<App>) -> Result<Told<Health>, ProblemResponse> {
    app.guildhall.ready().await?;
    Ok(Told(Health {
        status: "ready",
        timestamp: app.guildhall.now(),
    }))
}

/// The counters of the server
///
/// In the text format of `OpenMetrics`, which Prometheus reads.
#[utoipa::path(get, path = "/metrics", tag = "system", security(()),
    responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
pub(crate) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, metrics::CONTENT_TYPE)],
        app.metrics.encode(),
    )
}

/// The reference page. It loads nothing from another host.
pub(crate) async fn docs() -> Html<&'static str> {
    Html(include_str!("../assets/docs.html"))
}

/// The page that the `type` of every problem leads to.
pub(crate) async fn docs_errors() -> Html<String> {
    let rows: String = ErrorCode::ALL
        .iter()
        .map(|code| {
            let (word, status, title) = (code.word(), code.status(), code.title());
            format!("<tr id=\"{word}\"><td><code>{word}</code></td><td>{status}</td><td>{title}</td></tr>\n")
        })
        .collect::<Vec<_>>()
        .concat();
    Html(include_str!("../assets/errors.html").replace("<!-- rows -->", &rows))
}

/// The program of the reference page.
pub(crate) async fn docs_program() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (kind, include_str!("../assets/rapidoc-min.js"))
}
