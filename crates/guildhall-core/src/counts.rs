//! How many of a noun a deployment has, without counting them.

use guildhall_db::{Tx, statements};
use guildhall_types::ids::DeploymentId;

use crate::refusal::Refusal;

statements! {
    ADD = "INSERT INTO deployment_counts (deployment_id, noun, shard, value) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (deployment_id, noun, shard) DO UPDATE SET value = deployment_counts.value + ?4";
    SUM = "SELECT CAST(COALESCE(SUM(value), 0) AS BIGINT) FROM deployment_counts WHERE deployment_id = ?1 AND noun = ?2";
}

/// Rows that a count is spread over, so that two writes seldom wait for the same one.
const SHARDS: i64 = 16;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noun {
    Organizations,
    Users,
}

impl Noun {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Organizations => "organizations",
            Self::Users => "users",
        }
    }
}

/// Adds `change` to the count; `id` is what came or went.
pub(crate) fn add(
    sql: &Tx<'_>,
    deployment: DeploymentId,
    noun: Noun,
    id: i64,
    change: i64,
) -> Result<(), Refusal> {
    // The low bits of an id are a counter that is mostly 0; the milliseconds spread well.
    let shard = (id >> 12).rem_euclid(SHARDS);
    sql.exec_exactly(1, &ADD, &[&deployment, &noun.word(), &shard, &change])?;
    Ok(())
}

/// The count.
pub(crate) fn total(sql: &Tx<'_>, deployment: DeploymentId, noun: Noun) -> Result<u64, Refusal> {
    let sum = sql.one(&SUM, &[&deployment, &noun.word()], |row| row.get::<i64>(0))?;
    Ok(sum
        .and_then(|sum| u64::try_from(sum).ok())
        .unwrap_or_default())
}
