//! Whether the disk has room: said once when it has none left, and once when it has some again.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a full disk is looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Room that there must be before the disk counts as having some: what a group of large changes takes. Less, and changes
/// would be taken and refused by turns.
const ROOM_BYTES: usize = 2 * 1024 * 1024;

/// What the writer knows of the room on the disk of the database.
#[derive(Debug)]
pub(crate) struct Room {
    /// A file that is there only while the disk is looked at.
    trial: PathBuf,
    full: Mutex<Option<Full>>,
}

#[derive(Debug)]
struct Full {
    refused: u64,
    looked_at: Instant,
}

impl Room {
    pub(crate) fn beside(database: &Path) -> Self {
        let mut trial = database.as_os_str().to_owned();
        trial.push("-room");
        Self {
            trial: trial.into(),
            full: Mutex::default(),
        }
    }

    /// Takes note that so many commands found no room.
    pub(crate) fn refuse(&self, commands: u64) {
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full) = full.as_mut() {
            full.refused += commands;
            return;
        }
        tracing::error!("the disk is full: changes are refused until it has room");
        *full = Some(Full {
            refused: commands,
            looked_at: Instant::now(),
        });
    }

    /// Whether the disk is full, as far as that is known; looks again from time to time, which writes to the disk.
    pub(crate) fn is_full(&self) -> bool {
        let mut state = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(full) = state.as_mut() else {
            return false;
        };
        if full.looked_at.elapsed() < LOOK_EVERY {
            return true;
        }
        full.looked_at = Instant::now();
        if self.try_out().is_err() {
            return true;
        }
        tracing::warn!(
            refused = full.refused,
            "the disk has room again: changes are taken"
        );
        *state = None;
        false
    }

    fn try_out(&self) -> std::io::Result<()> {
        let written = File::create(&self.trial).and_then(|mut file| {
            file.write_all(&vec![1; ROOM_BYTES])?;
            file.sync_all()
        });
        let removed = std::fs::remove_file(&self.trial);
        written.and(removed)
    }
}
