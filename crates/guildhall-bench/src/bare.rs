//! The ceiling of the reads: a bare axum server that answers the same bytes for the same path, or for the same body of a
//! question, and does nothing else.
//!
//! It has the runtime and the allocator of the real server, and the same routes; the answers were taken from the real
//! server beforehand.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::failure::{Failure, Outcome};

/// As much of the body of a question as tells it from the others.
const QUESTION_BYTES: usize = 128;

/// What a request is answered with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RecordedAnswer {
    /// The path of a `GET`; of a question, what [`beginning`] leaves of its body.
    pub(crate) key: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

struct Ready {
    headers: HeaderMap,
    body: Bytes,
}

type Answers = Arc<HashMap<String, Ready>>;

/// Serves the answers in `file` until the process is ended.
pub(crate) fn serve(listen: SocketAddr, file: &Path) -> Outcome {
    let answers = read(file)?;
    let router = Router::new()
        .route("/health", get(|| async { "healthy" }))
        .route("/access/check", post(question))
        .route("/access/check-batch", post(question))
        .route("/organizations", get(answer))
        .route("/organizations/{organization_id}", get(answer))
        .route("/organizations/{organization_id}/members", get(answer))
        .with_state(answers);
    // As the server has it: crates/guildhall/src/serve.rs.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::doing("starting the threads of the bare server"))?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen)
            .await
            .map_err(Failure::doing(format!("listening on {listen}")))?;
        // A socket that cannot do without the delay still answers, only later.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        axum::serve(listener, router)
            .await
            .map_err(Failure::doing("serving"))
    })
}

async fn answer(State(answers): State<Answers>, uri: Uri) -> Response {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    find(&answers, path)
}

/// Reads the whole body, as whoever answers a question must.
async fn question(State(answers): State<Answers>, body: Bytes) -> Response {
    find(&answers, beginning(&body))
}

/// What a question is known by.
pub(crate) fn beginning(body: &[u8]) -> &str {
    let bytes = body.get(..QUESTION_BYTES).unwrap_or(body);
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn find(answers: &Answers, key: &str) -> Response {
    let Some(ready) = answers.get(key) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = Response::new(Body::from(ready.body.clone()));
    response.headers_mut().clone_from(&ready.headers);
    response
}

fn read(file: &Path) -> Outcome<Answers> {
    let reading = || format!("reading `{}`", file.display());
    let text = std::fs::read(file).map_err(Failure::doing(reading()))?;
    let recorded: Vec<RecordedAnswer> =
        serde_json::from_slice(&text).map_err(Failure::doing(reading()))?;
    Ok(Arc::new(recorded.into_iter().map(ready).collect()))
}

fn ready(recorded: RecordedAnswer) -> (String, Ready) {
    let headers = recorded
        .headers
        .iter()
        .filter_map(|(name, value)| {
            Some((
                name.parse::<HeaderName>().ok()?,
                HeaderValue::from_str(value).ok()?,
            ))
        })
        .collect();
    (
        recorded.key,
        Ready {
            headers,
            body: recorded.body.into(),
        },
    )
}
