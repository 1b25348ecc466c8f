//! `guildhall restore`: a data directory from a backup.

use guildhall_core::backup;

use crate::cli::Restore;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::store::Store;
use crate::{output, welcome};

pub(super) fn run(words: Restore) -> Result<(), Failure> {
    let data_dir = Store::configured(words.place)?
        .directory("PostgreSQL is restored by its own tools, such as `pg_restore`")?;
    // Here, because it is to be open to nobody but its owner.
    data_dir.create()?;
    let file = words.file.display();
    let progress = Progress::new("copying", 0);
    backup::restore(&words.file, data_dir.path(), |at| {
        progress.set(at.done, at.total);
    })
    .map_err(|error| Failure::refused(format!("cannot restore `{file}`"), &error))?;
    drop(progress);
    let program = welcome::program();
    let path = data_dir.path().display();
    let quoted = welcome::quoted(&path.to_string());
    output::print(&format!(
        "restored `{file}` to `{path}`\n\
         check it with `{program} verify --data-dir {quoted}`, \
         start it with `{program} serve --data-dir {quoted}`\n",
    ))
}
