//! Copying everything from one database to another, of whichever engine: the way out of one machine, and back.
//!
//! One thread reads the source, as of one moment; another writes the target, in one transaction. Before it commits, the
//! target is read back: its canonical export (see [`export`](crate::export)) must be that of the source, byte by byte. So a
//! copy is there as a whole and proven, or it is not there.

use std::io::{self, Sink};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use guildhall_db::{DbError, Param, Row, Source, Tx, Value, fill, read_whole};

use crate::backup::{RestoreError, make_in_place};
use crate::export::{ExportSummary, Kind, Output, TABLES, Table};
use crate::guildhall::MIGRATIONS;
use crate::refusal::Refusal;

/// The table that tells of the schema; the target has its own rows there, and they must be the same.
const SCHEMA_TABLE: &str = "schema_migrations";

/// What is handed over at once: so many rows, or rows of so many bytes.
const PARCEL_ROWS: usize = 1_000;
const PARCEL_BYTES: usize = 1024 * 1024;

/// Parcels that wait for whoever writes.
const PARCELS_WAITING: usize = 4;

/// What a copy is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Rows go from the source to the target.
    Copying,
    /// The target is read back.
    Comparing,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What it is at.
    pub step: Step,
    /// Rows that are done in this step.
    pub done: u64,
    /// Rows in all.
    pub total: u64,
}

/// Why nothing was copied. Whatever the reason, the target holds nothing then.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The source has no schema of ours.
    #[error("the source holds no Guildhall data")]
    NoSource,
    /// The source was not brought up to date.
    #[error(
        "the source has schema {found}, this program needs {known}: run `guildhall migrate` on it first"
    )]
    SourceTooOld {
        /// The number of its newest step.
        found: i64,
        /// The number of the newest step that this program has.
        known: i64,
    },
    /// The target has rows already.
    #[error("the target is not empty, it holds {found}; choose another schema or database")]
    NotEmpty {
        /// The tables that have rows, and how many.
        found: String,
    },
    /// Somebody else uses the target.
    #[error("the target is in use: a server or another copy has it open")]
    InUse,
    /// What was read back is not what was written.
    #[error("the target is not equal to the source ({target}, not {origin}); nothing was kept")]
    Different {
        /// SHA-256 of the export of the source.
        origin: String,
        /// SHA-256 of the export of the target.
        target: String,
    },
    /// The data directory of the target cannot be filled.
    #[error(transparent)]
    Place(#[from] RestoreError),
    /// A database failed.
    #[error(transparent)]
    Db(DbError),
    /// Something else failed.
    #[error("the copy failed: {0}")]
    Internal(String),
    /// The other thread has ended, and knows why.
    #[error("the copy was cut off")]
    CutOff,
}

impl From<DbError> for CopyError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Conflict => Self::InUse,
            other => Self::Db(other),
        }
    }
}

impl From<Refusal> for CopyError {
    fn from(refusal: Refusal) -> Self {
        Self::Internal(match refusal {
            Refusal::Refused(refused) => refused.message,
            Refusal::Failed(failure) => failure.chain(),
        })
    }
}

/// Copies everything from one database to another that has nothing yet. May take minutes: not for an async thread.
///
/// A target in a file is the database of a data directory that has none. The source is only read; whoever may be writing
/// to it has to be kept away by the caller, or goes on to change what nobody will look at any more.
pub fn copy(
    from: &Source,
    to: &Source,
    progress: impl FnMut(Progress) + Send,
) -> Result<ExportSummary, CopyError> {
    // Before anything is made at the target.
    read_whole(from, MIGRATIONS, |_| Ok(())).map_err(source_error)?;
    match to {
        Source::Sqlite(path) => {
            let data_dir = path.parent().unwrap_or(Path::new("."));
            make_in_place(data_dir, ".copying", |beside| {
                fill_from(from, &Source::Sqlite(beside.to_owned()), progress)
            })
        }
        Source::Postgres(_) => fill_from(from, to, progress),
    }
}

fn source_error(error: DbError) -> CopyError {
    match error {
        DbError::SchemaTooOld { found: 0, .. } => CopyError::NoSource,
        DbError::SchemaTooOld { found, known } => CopyError::SourceTooOld { found, known },
        other => CopyError::Db(other),
    }
}

fn fill_from(
    from: &Source,
    to: &Source,
    progress: impl FnMut(Progress) + Send,
) -> Result<ExportSummary, CopyError> {
    let tables: Vec<_> = TABLES.iter().map(|table| table.name).collect();
    fill(to, MIGRATIONS, &tables, |target| {
        must_be_empty(target)?;
        let (sender, parcels) = sync_channel(PARCELS_WAITING);
        thread::scope(|scope| {
            let reader = scope.spawn(move || read(from, &sender));
            let written = write(target, parcels, progress);
            let read = reader.join();
            let read = read.unwrap_or_else(|_| Err(CopyError::Db(DbError::Panicked)));
            match (written, read) {
                // One of them was cut off by the other, which says why.
                (Err(CopyError::CutOff), Err(reason)) | (Err(reason), _) => Err(reason),
                (Ok(_), Err(reason)) => Err(reason),
                (Ok(summary), Ok(())) => Ok(summary),
            }
        })
    })
}

fn must_be_empty(target: &Tx<'_>) -> Result<(), CopyError> {
    let mut found = Vec::new();
    for table in TABLES.iter().filter(|table| table.name != SCHEMA_TABLE) {
        let count = count(target, table)?;
        if count > 0 {
            found.push(format!("{count} rows of `{}`", table.name));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let found = found.join(", ");
    Err(CopyError::NotEmpty { found })
}

fn count(tx: &Tx<'_>, table: &'static Table) -> Result<u64, DbError> {
    let count = tx.one(&table.count, &[], |row| row.get::<u64>(0))?;
    Ok(count.unwrap_or_default())
}

/// What goes from the thread that reads to the one that writes.
enum Parcel {
    /// How many rows there will be.
    Total(u64),
    Rows(&'static Table, Vec<Vec<Cell>>),
    /// There is no more.
    End(ExportSummary),
}

fn read(from: &Source, parcels: &SyncSender<Parcel>) -> Result<(), CopyError> {
    let send = |parcel| parcels.send(parcel).map_err(|_| CopyError::CutOff);
    read_whole(from, MIGRATIONS, |sql| {
        let counts = TABLES.iter().map(|table| count(sql, table));
        let counts = counts.collect::<Result<Vec<_>, _>>()?;
        send(Parcel::Total(counts.iter().sum()))?;
        let mut output = Output::new(io::sink());
        for table in &TABLES {
            let (mut rows, mut bytes) = (Vec::new(), 0);
            sql.each(&table.select, &[], |row| {
                let cells = cells(table, row)?;
                output.row(table, row)?;
                bytes += cells.iter().map(Cell::bytes).sum::<usize>();
                rows.push(cells);
                if rows.len() == PARCEL_ROWS || bytes >= PARCEL_BYTES {
                    bytes = 0;
                    send(Parcel::Rows(table, std::mem::take(&mut rows)))?;
                }
                Ok::<_, CopyError>(())
            })?;
            send(Parcel::Rows(table, rows))?;
        }
        send(Parcel::End(output.finish()?))
    })
}

fn write(
    target: &Tx<'_>,
    parcels: Receiver<Parcel>,
    mut progress: impl FnMut(Progress),
) -> Result<ExportSummary, CopyError> {
    let (mut total, mut done) = (0, 0);
    for parcel in parcels {
        match parcel {
            Parcel::Total(rows) => total = rows,
            Parcel::Rows(table, rows) => {
                if table.name != SCHEMA_TABLE {
                    target.insert_many(&table.insert, &rows)?;
                }
                done += rows.len() as u64;
                progress(Progress {
                    step: Step::Copying,
                    done,
                    total,
                });
            }
            Parcel::End(origin) => return compare(target, origin, progress),
        }
    }
    Err(CopyError::CutOff)
}

/// Reads the target back.
fn compare(
    target: &Tx<'_>,
    origin: ExportSummary,
    mut progress: impl FnMut(Progress),
) -> Result<ExportSummary, CopyError> {
    let mut output: Output<Sink> = Output::new(io::sink());
    let mut done = 0;
    for table in &TABLES {
        target.each(&table.select, &[], |row| {
            done += 1;
            progress(Progress {
                step: Step::Comparing,
                done,
                total: origin.rows,
            });
            output.row(table, row)
        })?;
    }
    let copied = output.finish()?;
    if copied == origin {
        return Ok(origin);
    }
    Err(CopyError::Different {
        origin: origin.sha256,
        target: copied.sha256,
    })
}

/// A value on its way from one database to another.
#[derive(Debug)]
enum Cell {
    Null,
    Int(i64),
    Bool(bool),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    fn read(row: &Row<'_>, index: usize, kind: Kind) -> Result<Self, DbError> {
        let cell = match kind {
            Kind::BigInt => row.get::<Option<i64>>(index)?.map(Self::Int),
            Kind::Boolean => row.get::<Option<bool>>(index)?.map(Self::Bool),
            Kind::Text => row.get::<Option<String>>(index)?.map(Self::Text),
            Kind::Bytea => row.get::<Option<Vec<u8>>>(index)?.map(Self::Bytes),
        };
        Ok(cell.unwrap_or(Self::Null))
    }

    /// About what it takes in memory.
    fn bytes(&self) -> usize {
        let content = match self {
            Self::Null | Self::Int(_) | Self::Bool(_) => 0,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        };
        content.saturating_add(size_of::<Self>())
    }
}

fn cells(table: &Table, row: &Row<'_>) -> Result<Vec<Cell>, DbError> {
    let columns = table.columns.iter().enumerate();
    columns
        .map(|(index, (_, kind))| Cell::read(row, index, *kind))
        .collect()
}

impl Param for Cell {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::Int(*number),
            Self::Bool(value) => Value::Bool(*value),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}
