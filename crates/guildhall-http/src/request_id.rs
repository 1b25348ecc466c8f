//! The id of a request: in the header `X-Request-Id`, in every error and in every line of the log.

use std::fmt;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use guildhall_types::limits::REQUEST_ID_CHARS_MAX;

/// The header that carries the id, in both directions.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of one request, kept as the header that it came with or leaves in; handlers find it among the extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id as it stands in the header.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The id as a header.
    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Where fresh ids come from. Randomness is an argument: the binary draws them, a test counts.
#[derive(Clone)]
pub struct RequestIds(Arc<dyn Fn() -> String + Send + Sync>);

impl fmt::Debug for RequestIds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RequestIds")
    }
}

impl RequestIds {
    /// `fresh` returns an id that was not given before, of visible ASCII characters.
    pub fn new(fresh: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(fresh))
    }

    /// The client's id, if it sent exactly one and that is fit to be logged and sent back; otherwise a fresh one.
    pub(crate) fn of(&self, headers: &HeaderMap) -> RequestId {
        let mut sent = headers.get_all(X_REQUEST_ID).iter();
        match (sent.next(), sent.next()) {
            (Some(id), None)
                if (1..=REQUEST_ID_CHARS_MAX).contains(&id.len())
                    && id.as_bytes().iter().all(u8::is_ascii_graphic) =>
            {
                RequestId(id.clone())
            }
            _ => self.fresh(),
        }
    }

    fn fresh(&self) -> RequestId {
        // Whoever makes ids of other characters gets one that says so.
        let id = HeaderValue::try_from((self.0)());
        RequestId(id.unwrap_or(HeaderValue::from_static("unspeakable")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(sent: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for id in sent {
            headers.append(X_REQUEST_ID, HeaderValue::from_bytes(id).unwrap());
        }
        RequestIds::new(|| "fresh".to_owned())
            .of(&headers)
            .to_string()
    }

    #[test]
    fn a_decent_id_is_taken_over() {
        assert_eq!(id_for(&[b"8f3/a-1~"]), "8f3/a-1~");
        let longest = "x".repeat(REQUEST_ID_CHARS_MAX);
        assert_eq!(id_for(&[longest.as_bytes()]), longest);
    }

    #[test]
    fn any_other_is_replaced() {
        let too_long = "x".repeat(REQUEST_ID_CHARS_MAX + 1);
        let hostile: [&[&[u8]]; 6] = [
            &[],
            &[b""],
            &[too_long.as_bytes()],
            &[b"a b"],
            &["é".as_bytes()],
            &[b"a", b"b"],
        ];
        for sent in hostile {
            assert_eq!(id_for(sent), "fresh", "{sent:?}");
        }
    }
}
