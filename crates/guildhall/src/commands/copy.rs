//! `guildhall copy`: everything, from one database to another.

use std::path::{Path, PathBuf};

use guildhall_core::copy::{self, CopyError, Step};
use guildhall_core::export::ExportSummary;
use guildhall_core::{DATABASE_FILE, DirectoryLock, Source};

use crate::cli::Copy;
use crate::config::End;
use crate::data_dir::DataDir;
use crate::failure::{Failure, chain};
use crate::progress::Progress;
use crate::store::{At, Store};
use crate::{output, welcome};

pub(super) fn run(words: Copy) -> Result<(), Failure> {
    let (from, to) = (words.from.end()?, words.to.end()?);
    let origin = Origin::of(from)?;
    let target = target(to)?;
    let progress = Progress::new("copying", 0);
    let mut step = Step::Copying;
    let copied = copy::copy(&origin.source, &target.source(), |at| {
        if std::mem::replace(&mut step, at.step) != at.step {
            progress.doing("comparing");
        }
        progress.set(at.done, at.total);
    });
    drop(progress);
    let ExportSummary { rows, sha256 } = copied.map_err(failure)?;
    let (program, flag) = (welcome::program(), target.flag());
    output::print(&format!(
        "copied {rows} rows from `{from}` to `{to}`\n\
         sha256 {sha256} on both sides\n\
         check it with `{program} verify {flag}`, start it with `{program} serve {flag}`\n",
        from = origin.name,
        to = target.name(),
    ))?;
    if matches!(origin.source, Source::Postgres(_)) {
        output::note("what servers changed at the source since the copy began is not in it");
    }
    Ok(())
}

/// What is copied, kept as it is until this is dropped.
struct Origin {
    source: Source,
    name: String,
    _locks: Vec<DirectoryLock>,
}

impl Origin {
    fn of(end: End) -> Result<Self, Failure> {
        let (source, name, locks) = match end {
            End::Postgres(options) => {
                let name = options.place();
                (Source::Postgres(options), name, Vec::new())
            }
            End::Sqlite(path) => {
                let data_dir = data_dir(&path);
                let file = data_dir.as_ref().map_or(path.clone(), DataDir::database);
                if !file.exists() {
                    let file = file.display();
                    return Err(Failure::Refused(format!(
                        "there is no database at `{file}`"
                    )));
                }
                let locks = data_dir
                    .as_ref()
                    .map_or(Ok(Vec::new()), DataDir::lock_as_it_is)?;
                (Source::Sqlite(file), path.display().to_string(), locks)
            }
        };
        Ok(Self {
            source,
            name,
            _locks: locks,
        })
    }
}

/// The data directory that a path names: itself, or by its database. Any other file is a backup, which nobody has open.
fn data_dir(path: &Path) -> Option<DataDir> {
    if path.is_dir() {
        return Some(DataDir::new(path.to_owned()));
    }
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let is_database = path.file_name().is_some_and(|name| name == DATABASE_FILE);
    is_database.then(|| DataDir::new(parent.map_or(PathBuf::from("."), Path::to_owned)))
}

fn target(end: End) -> Result<Store, Failure> {
    match end {
        End::Postgres(options) => Ok(Store::at(At::Postgres(options))),
        End::Sqlite(path) if path.is_file() => Err(Failure::Refused(format!(
            "`{}` exists already; name a directory that has no database",
            path.display()
        ))),
        End::Sqlite(path) => {
            let data_dir = data_dir(&path).unwrap_or_else(|| DataDir::new(path));
            data_dir.create()?;
            Ok(Store::at(At::Directory(data_dir)))
        }
    }
}

fn failure(error: CopyError) -> Failure {
    match error {
        CopyError::Db(error) => Failure::from(error),
        CopyError::Different { .. } | CopyError::Internal(_) | CopyError::CutOff => {
            Failure::internal(&error)
        }
        CopyError::NoSource
        | CopyError::SourceTooOld { .. }
        | CopyError::NotEmpty { .. }
        | CopyError::InUse
        | CopyError::Place(_) => Failure::Refused(chain(&error)),
    }
}
