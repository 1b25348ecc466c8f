//! A data directory, and the server on it as a process that can be killed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::settings;

/// How long a start, a stop or a command may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a server keeps its data and its log. A failed test leaves it there and says where.
#[derive(Debug)]
pub(crate) struct Place {
    directory: TempDir,
    data_dir: PathBuf,
    binary: PathBuf,
    /// What every run of the binary is started through.
    through: Vec<String>,
}

/// A running server; dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = TempDir::with_prefix("guildhall-torture-").unwrap();
        Self {
            data_dir: directory.path().join("data"),
            directory,
            binary: settings::binary(),
            through: Vec::new(),
        }
    }

    /// The same, with the data elsewhere, where only runs that are started `through` these words find it.
    pub(crate) fn elsewhere(data_dir: &Path, through: &[String]) -> Self {
        let mut place = Self::new();
        place.data_dir = data_dir.to_owned();
        place.through = through.to_vec();
        place
    }

    /// Where the data is, as its servers see it.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// What the servers of this place have logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.directory.path().join("server.log")
    }

    fn command(&self, through: &[&str], words: &[&str]) -> Command {
        let mut line = self.through.clone();
        line.extend(through.iter().map(|word| (*word).to_owned()));
        line.push(self.binary.display().to_string());
        line.extend(words.iter().map(|word| (*word).to_owned()));
        let mut command = Command::new(line.remove(0));
        command
            .args(line)
            .arg("--data-dir")
            .arg(&self.data_dir)
            // Who runs the tests may have settings for a server of their own.
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Starts a process that will serve, and does not wait until it does.
    pub(crate) fn spawn(&self, through: &[&str], words: &[&str]) -> Child {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.log_file())
            .unwrap();
        self.command(
            through,
            &[&["serve", "--listen", "127.0.0.1:0"], words].concat(),
        )
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap()
    }

    pub(crate) async fn serve(&self) -> Server {
        self.serve_with(&[], &[]).await
    }

    /// A server that is started `through` another program, with these words.
    pub(crate) async fn serve_with(&self, through: &[&str], words: &[&str]) -> Server {
        let mut process = self.spawn(through, words);
        let mut greeting = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = timeout(PATIENCE, greeting.next_line()).await;
        let line = line
            .expect("the server starts in time")
            .unwrap()
            .unwrap_or_default();
        let url = line.split_once(" listens on http://");
        let (_, address) =
            url.unwrap_or_else(|| panic!("the server does not start: {line}\n{}", self.log()));
        Server {
            process,
            address: address.parse().unwrap(),
        }
    }

    /// Runs a command beside the server, to its end.
    pub(crate) async fn run(&self, words: &[&str]) -> Output {
        timeout(PATIENCE, self.command(&[], words).output())
            .await
            .unwrap_or_else(|_| panic!("{words:?} does not end"))
            .unwrap()
    }

    /// A new key of the deployment `default`.
    pub(crate) async fn key(&self) -> String {
        let output = self.run(&["key", "create"]).await;
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Fails unless every rule is kept, and tells what was looked at.
    pub(crate) async fn verify(&self) -> Value {
        let output = self.run(&["verify", "--json"]).await;
        let report = serde_json::from_slice::<Value>(&output.stdout)
            .unwrap_or_else(|_| panic!("no report: {output:?}"));
        let sound = output.status.success() && report["findings_count"] == 0;
        assert!(sound, "{report:#}\n{}", self.log());
        report
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.directory.disable_cleanup(true);
            let path = self.directory.path().display();
            println!("the data and the log of the servers are in {path}");
        }
    }
}

impl Server {
    /// Ends it without a word, as `kill -9` does.
    pub(crate) async fn kill(mut self) {
        self.start_kill();
        self.wait().await;
    }

    /// The same, not waiting until it is gone.
    pub(crate) fn start_kill(&mut self) {
        self.process.start_kill().unwrap();
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn wait(mut self) -> ExitStatus {
        timeout(PATIENCE, self.process.wait())
            .await
            .expect("the server ends in time")
            .unwrap()
    }

    /// Stops it as an operator does, and fails unless that was in order.
    pub(crate) async fn stop(self) {
        let id = self.process.id().unwrap().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(told.unwrap().success());
        assert_eq!(self.wait().await.code(), Some(0));
    }
}
