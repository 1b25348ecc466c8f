//! One keep-alive connection of HTTP/1.1: sends a request that is bytes already, reads the answer, looks at no more of
//! it than it must. It costs a write and a read of the socket, so that the server has the machine to itself.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::failure::{Failure, Outcome};

/// Room for the answer before the first read; a page of 50 fits.
const BUFFER_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, as it lies in the buffer of its connection.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    head: &'a [u8],
    pub(crate) body: &'a [u8],
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(Failure::doing(format!("connecting to {address}")))?;
        stream
            .set_nodelay(true)
            .map_err(Failure::doing("setting up a connection"))?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(BUFFER_BYTES),
        })
    }

    /// Sends one request and reads its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Outcome<Answer<'_>> {
        self.stream
            .write_all(request)
            .await
            .map_err(Failure::doing("sending a request"))?;
        self.buffer.clear();
        let head = loop {
            self.read().await?;
            if let Some(head) = Head::parse(&self.buffer) {
                break head?;
            }
        };
        let bytes = head.bytes + head.body_bytes;
        while self.buffer.len() < bytes {
            self.read().await?;
        }
        let (text, body) = self.buffer.split_at_checked(head.bytes).unwrap_or_default();
        Ok(Answer {
            status: head.status,
            head: text,
            body,
        })
    }

    async fn read(&mut self) -> Outcome {
        self.buffer.reserve(BUFFER_BYTES / 4);
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(Failure::new(
                "the server closed the connection before it had answered",
            )),
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::doing("reading an answer")(error)),
        }
    }
}

impl Answer<'_> {
    /// The headers that the handler gave, in order.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = std::str::from_utf8(self.head).unwrap_or_default();
        text.split("\r\n")
            .skip(1)
            .filter_map(|line| line.split_once(": "))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.body).into_owned()
    }
}

/// What must be known of the head of an answer to read all of it.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    bytes: usize,
    body_bytes: usize,
}

impl Head {
    /// `None` while the head is not there yet.
    fn parse(buffer: &[u8]) -> Option<Outcome<Self>> {
        let end = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
        let text = buffer
            .get(..end)
            .and_then(|head| std::str::from_utf8(head).ok())
            .unwrap_or_default();
        let status = text.get(9..12).and_then(|status| status.parse().ok());
        let length = text.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse().ok())?
        });
        Some(match (status, length) {
            (Some(status), Some(body_bytes)) => Ok(Self {
                status,
                bytes: end + 4,
                body_bytes,
            }),
            _ => Err(Failure::new(format!(
                "an answer without a length cannot be measured: {text}"
            ))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_tells_how_long_the_answer_is() {
        let text = b"HTTP/1.1 404 Not Found\r\ncontent-type: a/b\r\nContent-Length: 12\r\n\r\n{";
        let head = Head::parse(text).unwrap().unwrap();
        assert_eq!(
            head,
            Head {
                status: 404,
                bytes: text.len() - 1,
                body_bytes: 12
            }
        );
        assert!(Head::parse(&text[..40]).is_none());
        assert!(
            Head::parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                .unwrap()
                .is_err()
        );
    }
}
