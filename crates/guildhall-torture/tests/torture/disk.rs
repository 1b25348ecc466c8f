//! A small disk of its own, which can be full without harm to anybody else's.

use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A file system in memory, mounted in a namespace where only those see it who enter. It is gone with the process that
/// holds the namespace, and that process with the test.
#[derive(Debug)]
pub(crate) struct Disk {
    holder: Child,
    /// The mount point, as those see it who have entered.
    directory: TempDir,
    /// Which namespaces to enter.
    entrance: &'static [&'static str],
}

impl Disk {
    /// Mounts it; tells why it may not be mounted, as root or in a namespace of one's own users.
    pub(crate) async fn mount(mebibytes: u32) -> Result<Self, String> {
        let as_root = Self::try_mount(mebibytes, &["--mount"], &["--mount"]).await;
        let Err(first) = as_root else { return as_root };
        let unshared = ["--mount", "--map-root-user"];
        let entered: &'static [_] = &["--mount", "--user", "--preserve-credentials"];
        let mapped = Self::try_mount(mebibytes, &unshared, entered).await;
        mapped.map_err(|second| format!("{first}; {second}"))
    }

    async fn try_mount(
        mebibytes: u32,
        unshared: &[&str],
        entrance: &'static [&'static str],
    ) -> Result<Self, String> {
        let directory = TempDir::with_prefix("guildhall-disk-").unwrap();
        let path = directory.path().display();
        // `read` ends with the test, whose end of the pipe is closed with it.
        let script =
            format!("mount -t tmpfs -o size={mebibytes}m tmpfs {path} && echo mounted && read end");
        let mut holder = Command::new("unshare")
            .args(unshared)
            .args(["sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("no `unshare`: {error}"))?;
        let mut said = BufReader::new(holder.stdout.take().unwrap()).lines();
        if said.next_line().await.unwrap().as_deref() == Some("mounted") {
            return Ok(Self {
                holder,
                directory,
                entrance,
            });
        }
        let output = holder.wait_with_output().await.unwrap();
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }

    fn holder(&self) -> u32 {
        self.holder.id().unwrap()
    }

    /// A directory on it.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The words that start a command where the disk is seen.
    pub(crate) fn through(&self) -> Vec<String> {
        let target = format!("--target={}", self.holder());
        let words = ["nsenter", &target]
            .into_iter()
            .chain(self.entrance.iter().copied());
        words.map(str::to_owned).collect()
    }

    /// Fills it until only so many bytes, in whole pages, are left.
    pub(crate) async fn fill(&self, left: u64) {
        let filler = self.directory.path().join("filler").display().to_string();
        let pages = left.div_ceil(4_096) * 4_096;
        let script = format!(
            "dd if=/dev/zero of={filler} bs=4096 2>/dev/null; truncate --size=-{pages} {filler}"
        );
        self.run(&["sh", "-c", &script]).await;
    }

    /// Gives it more room, so much that nobody can use it up.
    pub(crate) async fn make_room(&self) {
        let directory = self.directory.path().display().to_string();
        let remount = ["mount", "-o", "remount,size=4g", "tmpfs", &directory];
        self.run(&remount).await;
    }

    /// Runs a program where the disk is seen.
    async fn run(&self, line: &[&str]) {
        let through = self.through();
        let (program, words) = through.split_first().unwrap();
        let status = Command::new(program).args(words).args(line).status().await;
        assert!(status.unwrap().success());
    }
}
