//! One connection of a backend: kept open from call to call.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// How long the server may take over anything that it answers at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// A number that the server gave out.
pub(crate) type Id = u64;

/// What a backend asks, as often as it needs to.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    method: Method,
    path: String,
    content_type: Option<&'static str>,
    body: Bytes,
    headers: Vec<(&'static str, String)>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The connection broke before the whole answer was there: the server may have done what it was asked, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unanswered(pub(crate) String);

/// Who calls.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    secret: String,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Call {
    fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            content_type: None,
            body: Bytes::new(),
            headers: Vec::new(),
        }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// A POST without a body.
    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn json(method: Method, path: impl Into<String>, body: &Value) -> Self {
        Self {
            content_type: Some("application/json"),
            body: body.to_string().into(),
            ..Self::new(method, path)
        }
    }

    pub(crate) fn form(method: Method, path: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        let part = |(name, value): &(&str, &str)| {
            format!("--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body = fields.iter().map(part).collect::<String>() + "--edge--\r\n";
        Self {
            content_type: Some("multipart/form-data; boundary=edge"),
            body: body.into(),
            ..Self::new(method, path)
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr, secret: &str) -> Self {
        Self {
            address,
            secret: secret.to_owned(),
            connection: None,
        }
    }

    /// Asks and waits for the answer. One that takes too long fails the test: nothing may make the server hang.
    pub(crate) async fn call(&mut self, call: &Call) -> Result<Reply, Unanswered> {
        let answered = tokio::time::timeout(PATIENCE, self.exchange(call)).await;
        let reply = answered.unwrap_or_else(|_| panic!("no answer in {PATIENCE:?}: {call:?}"));
        if reply.is_err() {
            self.connection = None;
        }
        reply
    }

    /// Asks a server that nobody kills.
    #[track_caller]
    pub(crate) fn ask(&mut self, call: Call) -> impl Future<Output = Reply> {
        let caller = std::panic::Location::caller();
        async move {
            self.call(&call)
                .await
                .unwrap_or_else(|error| panic!("{caller}: {error:?} to {call:?}"))
        }
    }

    async fn exchange(&mut self, call: &Call) -> Result<Reply, Unanswered> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            closed => closed.insert(connect(self.address).await?),
        };
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(&call.path)
            .header(HOST, "guildhall.test")
            .header(AUTHORIZATION, format!("Bearer {}", self.secret));
        if let Some(content_type) = call.content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(call.body.clone())).unwrap();
        connection.ready().await.map_err(broken)?;
        let response = connection.send_request(request).await.map_err(broken)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(broken)?.to_bytes();
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Unanswered> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| Unanswered(error.to_string()))?;
    stream
        .set_nodelay(true)
        .map_err(|error| Unanswered(error.to_string()))?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
    tokio::spawn(connection);
    Ok(sender)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the form that `map_err` wants"
)]
fn broken(error: hyper::Error) -> Unanswered {
    Unanswered(error.to_string())
}

impl Reply {
    /// The JSON of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self}");
        self.json()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self}"))
    }

    /// Whether the server refused with this code.
    pub(crate) fn is_refused(&self, status: u16, code: &str) -> bool {
        self.status == status && self.json()["code"] == code
    }

    /// A header, or the empty text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The stream and the number of `<stream>@<number>` in `etag` or `guildhall-revision`.
    #[track_caller]
    pub(crate) fn revision(&self) -> (Id, u64) {
        let tag = self.header("etag").trim_matches('"');
        let (stream, number) = tag
            .split_once('@')
            .unwrap_or_else(|| panic!("no revision: {self}"));
        (stream.parse().unwrap(), number.parse().unwrap())
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

/// The number in a field of an object.
#[track_caller]
pub(crate) fn id(object: &Value, field: &str) -> Id {
    object[field]
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("no `{field}` in {object}"))
}
