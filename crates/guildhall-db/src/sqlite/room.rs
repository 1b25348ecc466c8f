//! Whether the disk has room: said once when it has none left, and once when it has some again.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Room that there must be before the disk counts as having some: what a group of large changes takes. Less, and changes
/// would be taken and refused by turns.
const ROOM_BYTES: usize = 2 * 1024 * 1024;

/// What is known of the room on the disk of the database: the writer says when there is none, the lookout when there is
/// some again.
#[derive(Debug)]
pub(crate) struct Room {
    /// A file that is there only while the disk is looked at.
    trial: PathBuf,
    /// How many commands found no room, since the disk is full.
    refused: Mutex<Option<u64>>,
}

impl Room {
    pub(crate) fn beside(database: &Path) -> Self {
        let mut trial = database.as_os_str().to_owned();
        trial.push("-room");
        Self {
            trial: trial.into(),
            refused: Mutex::default(),
        }
    }

    /// Takes note that so many commands found no room.
    pub(crate) fn refuse(&self, commands: u64) {
        let mut refused = self.refused();
        if refused.is_none() {
            tracing::error!("the disk is full: changes are refused until it has room");
        }
        *refused = Some(refused.unwrap_or_default() + commands);
    }

    /// Whether the disk is full, as far as that is known.
    pub(crate) fn is_full(&self) -> bool {
        self.refused().is_some()
    }

    /// Looks at a full disk again, by writing to it: nobody waits meanwhile who only asks.
    pub(crate) fn look(&self) {
        let before = *self.refused();
        if before.is_none() || self.try_out().is_err() {
            return;
        }
        let mut refused = self.refused();
        // If more were refused meanwhile, that room is gone again.
        if *refused == before {
            tracing::warn!(
                refused = *refused,
                "the disk has room again: changes are taken"
            );
            *refused = None;
        }
    }

    fn try_out(&self) -> std::io::Result<()> {
        let written = File::create(&self.trial).and_then(|mut file| {
            file.write_all(&vec![1; ROOM_BYTES])?;
            file.sync_all()
        });
        let removed = std::fs::remove_file(&self.trial);
        written.and(removed)
    }

    fn refused(&self) -> MutexGuard<'_, Option<u64>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_until_a_look_finds_room() {
        let directory = tempfile::tempdir().unwrap();
        let disk = directory.path().join("disk");
        let room = Room::beside(&disk.join("things.db"));
        assert!(!room.is_full());
        room.refuse(3);
        // Nothing can be written there.
        room.look();
        assert!(room.is_full());
        std::fs::create_dir(&disk).unwrap();
        assert!(room.is_full());
        room.look();
        assert!(!room.is_full());
        assert_eq!(std::fs::read_dir(&disk).unwrap().count(), 0);
    }
}
