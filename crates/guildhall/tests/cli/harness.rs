//! A data directory for each test, and the server on it.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use tempfile::TempDir;

use crate::answer::Answer;
use crate::patience::{PATIENCE, eventually};
use crate::run::{Run, command, signal};

/// A data directory of its own for each test.
#[derive(Debug)]
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            directory: TempDir::with_prefix("guildhall-cli-").unwrap(),
        }
    }

    /// A directory that has been a server's.
    pub(crate) fn used() -> Self {
        let place = Self::new();
        place.serve().stop();
        place
    }

    /// The data directory: not there until something creates it.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.file("data")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs the binary on the data directory.
    pub(crate) fn run(&self, words: &[&str]) -> Run {
        Run::finished(on(&self.data_dir(), words))
    }

    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[], &[])
    }

    pub(crate) fn serve_with(&self, words: &[&str], variables: &[(&str, &str)]) -> Server {
        let words = [&["serve", "--listen", "127.0.0.1:0"], words].concat();
        let mut command = on(&self.data_dir(), &words);
        command.envs(variables.iter().copied());
        Server::start(command)
    }

    /// A server whose disk fails when a file of it grows beyond the bound.
    pub(crate) fn serve_on_a_disk_that_fails(&self, file_kibibytes_max: u32) -> Server {
        let limited = format!("trap '' XFSZ; ulimit -f {file_kibibytes_max}; exec \"$@\"");
        let mut command = Command::new("bash");
        command.args(["-c", &limited, "guildhall", env!("CARGO_BIN_EXE_guildhall")]);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(self.data_dir());
        Server::start(command)
    }

    /// A new key of the deployment that the first start created.
    pub(crate) fn key(&self) -> String {
        self.key_with(&[])
    }

    pub(crate) fn key_with(&self, flags: &[&str]) -> String {
        let printed = self.run(&[&["key", "create"], flags].concat()).succeeds();
        let secret = printed.strip_suffix('\n').unwrap();
        assert!(
            secret.starts_with("ghk_") && secret.bytes().all(|byte| byte.is_ascii_graphic()),
            "{printed:?}"
        );
        secret.to_owned()
    }
}

/// The binary with the data directory as its last words.
pub(crate) fn on(data_dir: &Path, words: &[&str]) -> Command {
    let mut command = command(words);
    command.arg("--data-dir").arg(data_dir);
    command
}

/// A running server; dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    /// What it printed for people.
    pub(crate) greeting: String,
    pub(crate) url: String,
    log: Receiver<String>,
}

/// How a server ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) log: String,
}

impl Server {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = lines(process.stdout.take().unwrap());
        let log = lines(process.stderr.take().unwrap());
        let mut greeting = String::new();
        while !greeting.contains("Ctrl-C") {
            let Ok(line) = printed.recv_timeout(PATIENCE) else {
                drop(process.kill());
                panic!("no greeting:\n{greeting}{}", log.iter().collect::<String>());
            };
            writeln!(greeting, "{line}").unwrap();
        }
        let (_, rest) = greeting.split_once(" listens on ").unwrap();
        let url = rest.lines().next().unwrap().to_owned();
        Self {
            process,
            greeting,
            url,
            log,
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.process.id(), name);
    }

    /// Stops the server as an operator does, and fails unless that was all in order.
    pub(crate) fn stop(self) -> Ended {
        self.signal("TERM");
        let ended = self.wait();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
        assert!(!ended.log.contains("ERROR"), "{}", ended.log);
        ended
    }

    /// Waits until the server has ended by itself.
    pub(crate) fn wait(mut self) -> Ended {
        let mut status = None;
        eventually("the server ends", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        let log = self
            .log
            .iter()
            .fold(String::new(), |log, line| log + &line + "\n");
        Ended {
            status: status.unwrap(),
            log,
        }
    }

    /// The host and port to connect to.
    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    pub(crate) fn get(&self, path: &str, key: &str) -> Answer {
        self.request("GET", path, key, "").unwrap()
    }

    /// Creates an organization of this name.
    pub(crate) fn create_organization(&self, name: &str, key: &str) -> Answer {
        self.post_organization(&[("name", name)], key).unwrap()
    }

    /// Creates an organization from the fields of a form; no answer is an error, not a failed test.
    pub(crate) fn post_organization(&self, fields: &[(&str, &str)], key: &str) -> Option<Answer> {
        let part = |(name, value): &(&str, &str)| {
            format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let form = fields.iter().map(part).collect::<String>() + "--x--\r\n";
        self.request("POST", "/organizations", key, &form)
    }

    fn request(&self, method: &str, path: &str, key: &str, form: &str) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.address()).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: guildhall\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
             content-type: multipart/form-data; boundary=x\r\ncontent-length: {}\r\n\r\n",
            form.len(),
        );
        stream.write_all((head + form).as_bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        Answer::read(&String::from_utf8_lossy(&bytes))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The lines of a stream, read as they come so that its pipe never fills.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
