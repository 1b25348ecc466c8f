//! The schema of a database that nobody has opened: what it lacks, and bringing it up to date.

use guildhall_db::{DbError, Migration, Source, missing_steps, run_steps};
use serde::Serialize;

use crate::guildhall::MIGRATIONS;

/// A step of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SchemaStep {
    /// Its number.
    pub number: i64,
    /// What it is for, in a few words.
    pub name: &'static str,
}

impl From<&Migration> for SchemaStep {
    fn from(step: &Migration) -> Self {
        Self {
            number: step.number,
            name: step.name,
        }
    }
}

/// The number of the newest step that this program has.
pub fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |step| step.number)
}

/// The steps that a database lacks; all of them if there is none yet. Changes nothing, and may block.
pub fn missing(source: &Source) -> Result<Vec<SchemaStep>, DbError> {
    let steps = missing_steps(source, MIGRATIONS)?;
    Ok(steps.iter().map(SchemaStep::from).collect())
}

/// Brings the schema of a database up to date, which is made if it is missing, and tells the steps that were run. May block.
pub fn migrate(source: &Source) -> Result<Vec<SchemaStep>, DbError> {
    let steps = run_steps(source, MIGRATIONS)?;
    Ok(steps.into_iter().map(SchemaStep::from).collect())
}

/// Refuses a database that lacks a step.
pub fn must_be_up_to_date(source: &Source) -> Result<(), DbError> {
    match missing(source)?.first() {
        None => Ok(()),
        Some(first) => Err(DbError::SchemaTooOld {
            found: first.number.saturating_sub(1),
            known: known(),
        }),
    }
}
