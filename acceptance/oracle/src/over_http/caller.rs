//! A backend with a key and one connection.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

use serde_json::Value;

/// HTTP/1.1 as far as our server speaks it to a client that wants no more: answers have a length.
#[derive(Debug)]
pub(super) struct Caller {
    stream: BufReader<TcpStream>,
    secret: String,
}

impl Caller {
    pub(super) fn new(address: SocketAddr, secret: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
            secret: secret.to_owned(),
        }
    }

    pub(super) fn get(&mut self, path: &str) -> Value {
        self.send("GET", path, "application/json", "")
    }

    pub(super) fn delete(&mut self, path: &str) -> Value {
        self.send("DELETE", path, "application/json", "")
    }

    pub(super) fn post(&mut self, path: &str, body: &Value) -> Value {
        self.send("POST", path, "application/json", &body.to_string())
    }

    pub(super) fn patch(&mut self, path: &str, body: &Value) -> Value {
        self.send("PATCH", path, "application/json", &body.to_string())
    }

    /// Sends a form of one field.
    pub(super) fn form(&mut self, method: &str, path: &str, field: &str, value: &str) -> Value {
        let body = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n--edge--\r\n"
        );
        self.send(method, path, "multipart/form-data; boundary=edge", &body)
    }

    /// The answer, which must be a success.
    fn send(&mut self, method: &str, path: &str, content_type: &str, body: &str) -> Value {
        let (secret, length) = (&self.secret, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: guildhall.test\r\nauthorization: Bearer {secret}\r\n\
             content-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let status = self.line();
        let mut length = None;
        loop {
            let header = self.line();
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(": ").unwrap();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().ok();
            }
        }
        let mut answer = vec![0; length.unwrap()];
        self.stream.read_exact(&mut answer).unwrap();
        let is_success = status.starts_with("HTTP/1.1 200 ");
        let text = String::from_utf8_lossy(&answer);
        assert!(is_success, "{method} {path} {body}: {status}: {text}");
        serde_json::from_slice(&answer).unwrap()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

/// The id in an object.
pub(super) fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}
