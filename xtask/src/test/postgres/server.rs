//! A PostgreSQL server for one step: on the loopback interface, with data that nobody keeps.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::PathBuf,
    process::{Child, ChildStderr, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::Duration,
};

use tempfile::TempDir;

use super::{release::Release, user::User};
use crate::{
    failure::{Failure, Outcome},
    process::{capture, run},
    project::Project,
};

/// The superuser of the server.
const NAME: &str = "guildhall";

/// The database that `initdb` makes.
const DATABASE: &str = "postgres";

const HOST: &str = "127.0.0.1";

/// What is said to every server: nothing of it outlives the step, so nothing has to reach a disk. `log` leaves out the
/// errors of statements, which the tests provoke.
const SETTINGS: &[&str] = &[
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=400",
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "log_min_messages=log",
    "log_checkpoints=off",
];

/// What the server says once it can be used.
const READY: &str = "ready to accept connections";

const START_MAX: Duration = Duration::from_mins(1);

/// The last lines of the log that are shown when it went wrong.
const LINES_SHOWN: usize = 30;

/// A running server. It is stopped when this is dropped, and what it stored is gone.
#[derive(Debug)]
pub(super) struct Server {
    url: String,
    postgres: Child,
    log: Option<JoinHandle<Vec<String>>>,
    house: House,
}

/// Where the programs and the data of a server are, and who runs it.
#[derive(Debug)]
struct House {
    user: User,
    programs: PathBuf,
    directory: TempDir,
}

impl Server {
    /// Starts a server, lets `work` use it by its URL, and stops it.
    pub(super) fn lend(
        project: &Project,
        release: Release,
        settings: &[&str],
        work: impl FnOnce(&str) -> Outcome,
    ) -> Outcome {
        let mut server = Self::start(project, release, settings)?;
        let outcome = work(&server.url);
        // A server that ended by itself is why the work failed.
        server.must_be_running()?;
        outcome
    }

    fn start(project: &Project, release: Release, settings: &[&str]) -> Outcome<Self> {
        let house = House::build(project, release)?;
        print!("{}", capture(house.program("postgres").arg("--version"))?);
        let password = random()?;
        house.furnish(release, &password)?;
        let port = free_port()?;
        let mut postgres = house.program("postgres");
        postgres.arg("-D").arg(house.data());
        postgres.arg("-c").arg(format!("port={port}"));
        for setting in [SETTINGS, settings].concat() {
            postgres.args(["-c", setting]);
        }
        let (postgres, ready, log) = spawn(&mut postgres)?;
        let mut server = Self {
            url: format!("postgres://{NAME}:{password}@{HOST}:{port}/{DATABASE}"),
            postgres,
            log: Some(log),
            house,
        };
        match ready.recv_timeout(START_MAX) {
            Ok(()) => Ok(server),
            Err(RecvTimeoutError::Timeout) => Err(server.failed("was not ready within a minute")),
            Err(RecvTimeoutError::Disconnected) => Err(server.failed("did not start")),
        }
    }

    fn must_be_running(&mut self) -> Outcome {
        match self.postgres.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.failed(&format!("ended by itself with {status}"))),
            Err(error) => Err(Failure::doing("looking after PostgreSQL")(error)),
        }
    }

    /// Stops it, and shows what it said last.
    fn failed(&mut self, what: &str) -> Failure {
        self.stop();
        let log = self.log.take().and_then(|log| log.join().ok());
        let log = log.unwrap_or_default();
        let shown = log.get(log.len().saturating_sub(LINES_SHOWN)..);
        Failure::new(format!(
            "PostgreSQL {what}; its last words:\n{}",
            shown.unwrap_or_default().join("\n")
        ))
    }

    /// Nothing is worth being written any more.
    fn stop(&mut self) {
        let mut stop = self.house.program("pg_ctl");
        stop.args(["stop", "--silent", "--mode=immediate", "--pgdata"]);
        let stopped = matches!(self.postgres.try_wait(), Ok(Some(_)))
            || run(stop.arg(self.house.data())).is_ok()
            || self.postgres.kill().is_ok();
        if stopped {
            drop(self.postgres.wait());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl House {
    fn build(project: &Project, release: Release) -> Outcome<Self> {
        let mut programs = release.programs(project)?;
        let user = User::find()?;
        let directory = tempfile::Builder::new()
            .prefix("guildhall-postgres-")
            .tempdir()
            .map_err(Failure::doing("making a directory for PostgreSQL"))?;
        user.own(directory.path())?;
        if let (Some(whole), true) = (release.in_the_checkout(project), user.is_other()) {
            // That user may not be able to look into our checkout.
            let copy = directory.path().join("release");
            run(Command::new("cp").arg("--archive").arg(whole).arg(&copy))?;
            programs = copy.join("bin");
        }
        Ok(Self {
            user,
            programs,
            directory,
        })
    }

    /// Makes the data directory.
    fn furnish(&self, release: Release, password: &str) -> Outcome {
        let secret = self.directory.path().join("password");
        fs::write(&secret, password).map_err(Failure::doing("writing a password"))?;
        self.user.own(&secret)?;
        let mut initdb = self.program("initdb");
        initdb.args(["--no-sync", "--no-instructions", "--encoding=UTF8"]);
        initdb.args(["--auth=scram-sha-256", "--username", NAME]);
        initdb.args(release.locale());
        initdb.arg("--pwfile").arg(secret);
        initdb.arg("--pgdata").arg(self.data());
        capture(&mut initdb).map(drop)
    }

    fn program(&self, name: &str) -> Command {
        self.user
            .program(self.programs.join(name), self.directory.path())
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }
}

/// Starts the server: what tells when it is ready, and what collects what it says until it ends.
fn spawn(command: &mut Command) -> Outcome<(Child, Receiver<()>, JoinHandle<Vec<String>>)> {
    let mut postgres = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Failure::doing("starting PostgreSQL"))?;
    let said = postgres.stderr.take();
    let said = said.ok_or_else(|| Failure::new("PostgreSQL cannot be heard"))?;
    let (tell, ready) = channel();
    let log = std::thread::spawn(move || listen(said, &tell));
    Ok((postgres, ready, log))
}

fn listen(said: ChildStderr, tell: &Sender<()>) -> Vec<String> {
    let lines = BufReader::new(said).lines().map_while(Result::ok);
    lines
        .inspect(|line| {
            if line.contains(READY) {
                // Nobody waits any more when it is said again.
                tell.send(()).unwrap_or_default();
            }
        })
        .collect()
}

/// A port that nobody listens on just now.
fn free_port() -> Outcome<u16> {
    let address = TcpListener::bind((HOST, 0)).and_then(|listener| listener.local_addr());
    address
        .map(|address| address.port())
        .map_err(Failure::doing("looking for a free port"))
}

/// A password that nobody else on this machine knows: the superuser could run programs.
fn random() -> Outcome<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .map_err(Failure::doing("making a password"))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_is_heard() {
        let mut speaker = Command::new("/bin/sh");
        let words = "echo starting >&2; echo 'ready to accept connections' >&2; echo over >&2";
        let (mut child, ready, log) = spawn(speaker.args(["-c", words])).unwrap();
        ready.recv_timeout(START_MAX).unwrap();
        child.wait().unwrap();
        assert_eq!(log.join().unwrap(), ["starting", READY, "over"]);
        assert_eq!(
            ready.recv_timeout(START_MAX),
            Err(RecvTimeoutError::Disconnected),
            "whoever waits for a server that ended does not wait long"
        );
    }

    #[test]
    fn no_two_passwords_are_the_same() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_eq!(one.len(), 32);
        assert_ne!(one, other);
    }
}
