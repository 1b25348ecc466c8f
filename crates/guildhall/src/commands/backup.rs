//! `guildhall backup`: the database as of now in one file, while the server runs.

use std::fs;

use guildhall_core::backup;

use crate::cli::Backup;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::store::Store;
use crate::{output, welcome};

pub(super) fn run(words: Backup) -> Result<(), Failure> {
    let data_dir = Store::configured(words.place)?
        .directory("PostgreSQL is backed up by its own tools, such as `pg_dump`")?;
    data_dir.must_have_a_database()?;
    let file = words.file.display();
    let progress = Progress::new("copying", 0);
    backup::backup(data_dir.path(), &words.file, |at| {
        progress.set(at.done, at.total);
    })
    .map_err(|error| Failure::refused(format!("cannot back up to `{file}`"), &error))?;
    drop(progress);
    let bytes = fs::metadata(&words.file)
        .map(|file| file.len())
        .unwrap_or_default();
    let program = welcome::program();
    let quoted = welcome::quoted(&file.to_string());
    output::print(&format!(
        "backed up `{path}` to `{file}` ({bytes} bytes)\n\
         put it back with `{program} restore {quoted} --data-dir NEW_DIRECTORY`\n",
        path = data_dir.path().display(),
    ))
}
