//! A real Guildhall for one test, with a conscience: dropping it fails the test when the server did not end
//! cleanly, logged an error, or left behind data that `guildhall verify` objects to.

mod answers;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use wacht::{WachtClient, WachtConfig};

pub use answers::{
    assert_id, assert_timestamp, conflict, fields, invalid, names, not_found, refusal,
};

const START_MAX: Duration = Duration::from_secs(15);
const STOP_MAX: Duration = Duration::from_secs(15);

/// An id that nothing has: the largest there is.
pub const NOBODY: &str = "9007199254740991";

/// The same picture in each kind that is accepted.
pub const PNG: &[u8] = include_bytes!("../../../images/logo.png");
pub const IMAGES: [&[u8]; 5] = [
    PNG,
    include_bytes!("../../../images/logo.jpg"),
    include_bytes!("../../../images/logo.gif"),
    include_bytes!("../../../images/logo.webp"),
    include_bytes!("../../../images/logo.ico"),
];

/// A running server and its data directory.
#[derive(Debug)]
pub struct Guildhall {
    pub base_url: String,
    pid: Pid,
    exit: Receiver<ExitStatus>,
    lines: Receiver<String>,
    log: String,
    data_dir: TempDir,
}

impl Guildhall {
    /// Starts the server as a newcomer would: an empty directory, a free port, nothing else.
    pub fn start() -> Self {
        let data_dir = TempDir::with_prefix("guildhall-rust-sdk-").expect("a temporary directory");
        let mut process = command(&["serve", "--listen", "127.0.0.1:0"], data_dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("GUILDHALL_BIN starts");
        let pid = Pid::from_child(&process);
        let (sender, lines) = mpsc::channel();
        forward(process.stdout.take().expect("is piped"), sender.clone());
        forward(process.stderr.take().expect("is piped"), sender);
        let exit = wait_for(process);
        let mut server = Self {
            base_url: String::new(),
            pid,
            exit,
            lines,
            log: String::new(),
            data_dir,
        };
        server.base_url = server.address();
        server
    }

    /// The SDK with a key of the deployment that the first start created.
    pub fn client(&self) -> WachtClient {
        self.client_with_key(&self.key(&[]))
    }

    /// The SDK with this key.
    pub fn client_with_key(&self, secret: &str) -> WachtClient {
        // `WachtConfig::new` fixes the address of the vendor's cloud; the public field changes it afterwards.
        let mut config = WachtConfig::new(secret, "http://127.0.0.1:1");
        config.base_url.clone_from(&self.base_url);
        WachtClient::new(config).expect("a client")
    }

    /// The SDK with a key of a deployment of that name, made for the occasion.
    pub fn client_of_new_deployment(&self, name: &str) -> WachtClient {
        self.cli(&["deployment", "create", name]);
        self.client_with_key(&self.key(&["--deployment", name]))
    }

    /// A new key: the one line that `guildhall key create` prints.
    pub fn key(&self, flags: &[&str]) -> String {
        let printed = self.cli(&[&["key", "create"], flags].concat());
        let secret = printed.trim_end();
        assert!(
            !secret.is_empty() && secret.lines().count() == 1,
            "one line, the secret: {printed:?}"
        );
        secret.to_owned()
    }

    fn cli(&self, arguments: &[&str]) -> String {
        let output = command(arguments, self.data_dir.path())
            .output()
            .expect("GUILDHALL_BIN runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "guildhall {arguments:?}: {stderr}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Waits until the server says where it listens.
    fn address(&mut self) -> String {
        let deadline = Instant::now() + START_MAX;
        loop {
            let wait = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(wait) {
                Ok(line) => {
                    self.note(&line);
                    if let Some(address) = address_in(&line) {
                        return address;
                    }
                }
                Err(reason) => panic!(
                    "the server did not say where it listens ({reason}):\n{}",
                    self.log
                ),
            }
        }
    }

    fn note(&mut self, line: &str) {
        writeln!(self.log, "{line}").expect("a string takes all");
    }

    /// Stops the server and says what was wrong with its life.
    fn stop(&mut self) -> Vec<String> {
        let mut complaints = Vec::new();
        let _ = kill_process(self.pid, Signal::TERM);
        match self.exit.recv_timeout(STOP_MAX) {
            Ok(status) if status.success() => {}
            Ok(status) => complaints.push(format!(
                "the server did not end with 0 on SIGTERM: {status}"
            )),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                let _ = kill_process(self.pid, Signal::KILL);
                complaints.push(format!(
                    "the server did not end within {STOP_MAX:?} of SIGTERM"
                ));
            }
        }
        while let Ok(line) = self.lines.recv_timeout(STOP_MAX) {
            self.note(&line);
        }
        complaints.extend(
            self.log
                .lines()
                .filter(|line| is_error(line))
                .map(|line| format!("the server logged an error: {line}")),
        );
        let verified = command(&["verify"], self.data_dir.path())
            .output()
            .expect("GUILDHALL_BIN runs");
        if !verified.status.success() {
            let report = [verified.stdout, verified.stderr].concat();
            complaints.push(format!(
                "`guildhall verify` objects: {}",
                String::from_utf8_lossy(&report)
            ));
        }
        complaints
    }
}

impl Drop for Guildhall {
    fn drop(&mut self) {
        let complaints = self.stop();
        if thread::panicking() {
            eprintln!("the log of the server:\n{}", self.log);
        } else {
            assert!(
                complaints.is_empty(),
                "{}\n{}",
                complaints.join("\n"),
                self.log
            );
        }
    }
}

fn command(arguments: &[&str], data_dir: &Path) -> Command {
    let binary = std::env::var_os("GUILDHALL_BIN")
        .expect("GUILDHALL_BIN holds the path of the `guildhall` binary");
    let mut command = Command::new(binary);
    command.args(arguments);
    if std::env::var_os("GUILDHALL_DATABASE_URL").is_some() {
        command.env("GUILDHALL_DATABASE_SCHEMA", schema(data_dir));
    } else {
        command.arg("--data-dir").arg(data_dir);
    }
    command
}

/// The schema of a server on PostgreSQL: as new as the directory, and as unlike all others.
fn schema(data_dir: &Path) -> String {
    let name = data_dir.file_name().expect("a directory of our own");
    name.to_string_lossy().to_lowercase().replace('-', "_")
}

/// Sends what the server prints, line by line, so that its pipe never fills.
fn forward(stream: impl Read + Send + 'static, lines: mpsc::Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                break;
            }
        }
    });
}

fn wait_for(mut process: Child) -> Receiver<ExitStatus> {
    let (sender, exit) = mpsc::channel();
    thread::spawn(move || {
        if let Ok(status) = process.wait() {
            let _ = sender.send(status);
        }
    });
    exit
}

fn address_in(line: &str) -> Option<String> {
    let start = line.find("http://127.0.0.1:")?;
    let rest = &line[start + "http://127.0.0.1:".len()..];
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!port.is_empty() && port != "0").then(|| format!("http://127.0.0.1:{port}"))
}

fn is_error(line: &str) -> bool {
    line.contains("panicked at")
        || line
            .split(|character: char| !character.is_alphanumeric())
            .any(|word| word == "ERROR")
}
