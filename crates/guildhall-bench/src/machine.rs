//! Where and of what a report tells.

use std::fs;
use std::process::Command;

use guildhall_core::ambient::{Clock, SystemClock};

/// What a reader must know to compare two reports.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// `2026-05-03`.
    pub(crate) date: String,
    pub(crate) time: String,
    /// The first digits of the commit, and whether the checkout differs from it.
    pub(crate) commit: String,
    pub(crate) machine: String,
    /// Processes that wanted a core over the last minute, before and after.
    pub(crate) load_before: String,
    pub(crate) load_after: String,
}

impl Origin {
    pub(crate) fn here() -> Self {
        let now = SystemClock.now().to_string();
        Self {
            date: now.get(..10).unwrap_or_default().to_owned(),
            time: now.get(..19).unwrap_or_default().replace('T', " "),
            commit: commit(),
            machine: machine(),
            load_before: load(),
            load_after: String::new(),
        }
    }
}

/// Processes that wanted a core over the last minute.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace()
        .next()
        .unwrap_or("unknown")
        .to_owned()
}

fn commit() -> String {
    let git = |words: &[&str]| {
        let output = Command::new("git").args(words).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=10", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if !changes.is_empty() => commit + "-modified",
        _ => commit,
    }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let model = field("/proc/cpuinfo", "model name");
    let kib: u64 = field("/proc/meminfo", "MemTotal")
        .split_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{cores} cores of {model}, {} GiB of memory, Linux {}",
        kib.div_ceil(1024 * 1024),
        kernel.trim()
    )
}

/// The first value of this name in a file of `name : value` lines.
fn field(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields
        .filter(|(field, _)| field.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
        .next()
        .unwrap_or_else(|| "unknown".to_owned())
}
