//! A server as a process of its own: started, waited for, measured from outside, stopped.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::generator::{Load, Measured, Requests, drive};
use crate::scenarios::request;

/// How long a server may take to answer its first request, and to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is asked whether it is there yet.
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// A running server; dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process to its first answer.
    pub(crate) started_in: Duration,
}

/// The memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) resident: u64,
    /// At most since it was started.
    pub(crate) peak: u64,
}

impl Server {
    /// Starts a program that is told its address by `--listen`, and waits until `GET /health` is answered.
    pub(crate) async fn start(program: &Path, words: &[&str], log: &Path) -> Outcome<Self> {
        let name = program.display();
        let starting = || format!("starting `{name}`");
        let address = free_address()?;
        let log_file = File::create(log).map_err(Failure::doing(starting()))?;
        let errors = log_file.try_clone().map_err(Failure::doing(starting()))?;
        let begin = Instant::now();
        let child = Command::new(program)
            .args(words)
            .args(["--listen", &address.to_string()])
            // The settings of whoever runs the benchmark are not those of the benchmark.
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log_file)
            .stderr(errors)
            .spawn()
            .map_err(Failure::doing(starting()))?;
        let mut server = Self {
            child,
            address,
            started_in: Duration::ZERO,
        };
        while !healthy(address).await {
            let ended = server
                .child
                .try_wait()
                .map_err(Failure::doing(starting()))?;
            if ended.is_some() || begin.elapsed() > PATIENCE {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                return Err(Failure::new(format!(
                    "`{name}` does not answer; it said:\n{said}"
                )));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        server.started_in = begin.elapsed();
        Ok(server)
    }

    /// What the system says of the memory of the process.
    pub(crate) fn memory(&self) -> Outcome<Memory> {
        let path = format!("/proc/{}/status", self.child.id());
        let status =
            std::fs::read_to_string(&path).map_err(Failure::doing(format!("reading `{path}`")))?;
        Ok(Memory {
            resident: field(&status, "VmRSS:"),
            peak: field(&status, "VmHWM:"),
        })
    }

    /// Puts a load on the server; tells also what that took of the processor.
    pub(crate) async fn drive(&self, load: Load, requests: &Requests) -> Outcome<Measured> {
        let before = self.cpu()?;
        let mut measured = drive(self.address, load, requests).await?;
        let answers = u32::try_from(measured.answers).unwrap_or(u32::MAX).max(1);
        measured.cpu = Some(self.cpu()?.saturating_sub(before) / answers);
        Ok(measured)
    }

    /// The time of the processor that the process has used, in its own code and in the system.
    fn cpu(&self) -> Outcome<Duration> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat =
            std::fs::read_to_string(&path).map_err(Failure::doing(format!("reading `{path}`")))?;
        // After the name of the program, which ends in the last `)`: fields 14 and 15 of proc(5), in hundredths.
        let fields = stat
            .rsplit_once(')')
            .map_or("", |(_, fields)| fields)
            .split_whitespace();
        let ticks: u64 = fields
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Tells the server to stop, as an operator does, and waits until it has.
    pub(crate) async fn stop(mut self) -> Outcome {
        let pid = self.child.id().to_string();
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .map_err(Failure::doing("stopping a server with `kill`"))?;
        let begin = Instant::now();
        while self
            .child
            .try_wait()
            .map_err(Failure::doing("stopping a server"))?
            .is_none()
        {
            if begin.elapsed() > PATIENCE {
                return Err(Failure::new("a server does not stop"));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port that was free a moment ago.
fn free_address() -> Outcome<SocketAddr> {
    let looking = || "looking for a free port";
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Failure::doing(looking()))?;
    listener.local_addr().map_err(Failure::doing(looking()))
}

async fn healthy(address: SocketAddr) -> bool {
    let Ok(mut connection) = Connection::open(address).await else {
        return false;
    };
    let request = request("GET", "/health", None, &[], &[]);
    connection
        .exchange(&request)
        .await
        .is_ok_and(|answer| answer.status == 200)
}

/// A field of `/proc/…/status`, which counts in KiB.
fn field(status: &str, name: &str) -> u64 {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap_or_default();
    let kib: u64 = line
        .split_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or_default();
    kib * 1024
}
