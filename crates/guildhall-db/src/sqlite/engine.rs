//! The embedded engine: the writer, the readers, and what looks after the log and the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::beside::reserve_index;
use super::checkpoint::{Checkpointer, log_bytes, log_path};
use super::lookout;
use super::readers::Readers;
use super::room::Room;
use super::rounds::Rounds;
use super::writer::Writer;
use super::{Journal, open};
use crate::database::{BatchHook, DatabaseStats};
use crate::error::DbError;
use crate::migrations::{Migration, migrate};

/// An open database file.
#[derive(Debug)]
pub(crate) struct Engine {
    path: PathBuf,
    pub(crate) writer: Writer,
    pub(crate) readers: Arc<Readers>,
    checkpointer: Checkpointer,
    room: Arc<Room>,
    _lookout: Rounds,
}

impl Engine {
    /// Opens the file, creates it if it is missing and brings its schema up to date.
    pub(crate) fn open(
        path: &Path,
        migrations: &'static [Migration],
        hooks: Vec<Box<dyn BatchHook>>,
        fatal: fn(&DbError),
    ) -> Result<Self, DbError> {
        let mut connection = open(path, Journal::Write)?;
        migrate(&mut connection, migrations)?;
        reserve_index(&connection, path)?;
        let room = Arc::new(Room::beside(path));
        let checkpointer = Checkpointer::start(path, fatal)?;
        let handover = checkpointer.handover();
        let writer = Writer::start(connection, handover, Arc::clone(&room), hooks, fatal)?;
        Ok(Self {
            _lookout: lookout::start(writer.lookout(), Arc::clone(&room))?,
            writer,
            readers: Arc::new(Readers::new(path.to_path_buf())),
            checkpointer,
            room,
            path: path.to_path_buf(),
        })
    }

    /// Refuses while the disk is known to be full: until a look at it, twice a second, finds room.
    pub(crate) fn has_room(&self) -> Result<(), DbError> {
        if self.room.is_full() {
            Err(DbError::StorageFull)
        } else {
            Ok(())
        }
    }

    /// Numbers for the metrics, as of now.
    pub(crate) fn stats(&self) -> DatabaseStats {
        DatabaseStats {
            commits: self.writer.counts.commits.load(Ordering::Relaxed),
            commands: self.writer.counts.commands.load(Ordering::Relaxed),
            queued: self.writer.queued() as u64,
            conflicts: 0,
            log_bytes: log_bytes(&log_path(&self.path)),
            checkpoint_failing: self.checkpointer.failing(),
        }
    }
}
