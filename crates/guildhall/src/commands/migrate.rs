//! `guildhall migrate`: the schema of the database, brought up to date.

use guildhall_core::schema::{self, SchemaStep};

use crate::cli::Migrate;
use crate::failure::Failure;
use crate::store::Store;
use crate::{output, welcome};

pub(super) fn run(words: Migrate) -> Result<(), Failure> {
    let store = Store::configured(words.place)?;
    let (place, known) = (store.name(), schema::known());
    let steps = if words.dry_run {
        schema::missing(&store.source())?
    } else {
        store.migrate()?
    };
    if steps.is_empty() {
        return output::line(&format!(
            "`{place}` lacks nothing: this program needs schema {known}"
        ));
    }
    let list: String = steps.iter().map(line).collect();
    output::print(&if words.dry_run {
        format!(
            "`{place}` lacks\n{list}nothing was changed; `{program} migrate {flag}` runs this\n",
            program = welcome::program(),
            flag = store.flag(),
        )
    } else {
        format!("ran\n{list}`{place}` has schema {known} now\n")
    })
}

fn line(step: &SchemaStep) -> String {
    format!("  step {}: {}\n", step.number, step.name)
}
