//! `guildhall export`: everything in one canonical form, to show that two databases are equal.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use guildhall_core::Guildhall;
use guildhall_core::export::{self, ExportSummary};

use crate::cli::Export;
use crate::failure::Failure;
use crate::output;
use crate::store::Store;

pub(super) fn run(words: Export) -> Result<(), Failure> {
    let guildhall = Store::configured(words.place)?.open_to_read()?;
    let summary = match &words.file {
        Some(path) => Some(to_file(&guildhall, path)?),
        None => to_stdout(&guildhall)?,
    };
    if let Some(ExportSummary { rows, sha256 }) = summary {
        output::note(&format!("{rows} rows\nsha256 {sha256}"));
    }
    Ok(())
}

/// The file is whole, or it is not there.
fn to_file(guildhall: &Guildhall, path: &Path) -> Result<ExportSummary, Failure> {
    let cannot = |error: &(dyn std::error::Error + 'static)| {
        Failure::refused(format!("cannot export to `{}`", path.display()), error)
    };
    // It holds what the data directory holds, and like that it is open to nobody but its owner.
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let file = file.map_err(|error| cannot(&error))?;
    let written = export::export(guildhall, BufWriter::new(&file)).map_err(Failure::from);
    let whole = written.and_then(|summary| match file.sync_all() {
        Ok(()) => Ok(summary),
        Err(error) => Err(cannot(&error)),
    });
    if whole.is_err() {
        // The reason for the failure is worth more than that of the clearing.
        drop(fs::remove_file(path));
    }
    whole
}

/// Nothing is summed up where the reader went away.
fn to_stdout(guildhall: &Guildhall) -> Result<Option<ExportSummary>, Failure> {
    let mut stdout = Stdout {
        to: io::stdout(),
        reader_is_gone: false,
    };
    match export::export(guildhall, BufWriter::new(&mut stdout)) {
        Ok(summary) => Ok(Some(summary)),
        Err(_) if stdout.reader_is_gone => Ok(None),
        Err(refusal) => Err(refusal.into()),
    }
}

/// Remembers what an error becomes a text of on its way out: that the reader had enough.
struct Stdout<W> {
    to: W,
    reader_is_gone: bool,
}

impl<W: Write> Write for Stdout<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes).inspect_err(|error| {
            self.reader_is_gone |= error.kind() == ErrorKind::BrokenPipe;
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush().inspect_err(|error| {
            self.reader_is_gone |= error.kind() == ErrorKind::BrokenPipe;
        })
    }
}
