//! Answers kept under the caller's `Idempotency-Key`, in the transaction of the change itself.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use guildhall_db::{Tx, statements};
use guildhall_types::ids::DeploymentId;
use guildhall_types::limits::IDEMPOTENCY_HOURS;
use guildhall_types::{ErrorCode, Revision, Timestamp};

use crate::refusal::Refusal;

statements! {
    FIND = "SELECT fingerprint, answer, stream_id, revision FROM idempotency_records
        WHERE deployment_id = ?1 AND idempotency_key = ?2 AND expires_at > ?3";
    KEEP = "INSERT INTO idempotency_records
          (deployment_id, idempotency_key, fingerprint, answer, stream_id, revision, expires_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (deployment_id, idempotency_key)
        DO UPDATE SET fingerprint = ?3, answer = ?4, stream_id = ?5, revision = ?6, expires_at = ?7
        WHERE idempotency_records.expires_at <= ?8";
    SWEEP = "DELETE FROM idempotency_records WHERE (deployment_id, idempotency_key) IN (
          SELECT deployment_id, idempotency_key FROM idempotency_records
          WHERE expires_at <= ?1 ORDER BY expires_at LIMIT 1000)";
}

/// What tells one request from another: a hash over method, path and body.
pub type Fingerprint = [u8; 32];

/// The caller's promise that a request with this key is this request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The key, chosen by the caller.
    pub key: String,
    /// The request.
    pub fingerprint: Fingerprint,
}

/// An answer that was given before.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) answer: String,
    pub(crate) revision: Revision,
}

/// The answer kept under the key, if there is one; refused when it belongs to another request.
pub(crate) fn find(
    sql: &Tx<'_>,
    deployment: DeploymentId,
    idempotency: &Idempotency,
    now: Timestamp,
) -> Result<Option<Kept>, Refusal> {
    let found = sql.one(&FIND, &[&deployment, &idempotency.key, &now], |row| {
        let revision = Revision {
            stream: row.get(2)?,
            number: row.get(3)?,
        };
        Ok::<_, Refusal>((
            row.get::<Fingerprint>(0)?,
            Kept {
                answer: row.get(1)?,
                revision,
            },
        ))
    })?;
    match found {
        Some((fingerprint, _)) if fingerprint != idempotency.fingerprint => {
            Err(Refusal::plain(ErrorCode::IdempotencyKeyReused))
        }
        found => Ok(found.map(|(_, kept)| kept)),
    }
}

/// Keeps an answer under the key.
pub(crate) fn keep(
    sql: &Tx<'_>,
    deployment: DeploymentId,
    idempotency: &Idempotency,
    answer: &str,
    revision: Revision,
    now: Timestamp,
) -> Result<(), Refusal> {
    let expires_at = now.plus_seconds(IDEMPOTENCY_HOURS * 3_600);
    let Idempotency { key, fingerprint } = idempotency;
    let (stream, number) = (revision.stream, revision.number);
    sql.exec_exactly(
        1,
        &KEEP,
        &[
            &deployment,
            key,
            fingerprint,
            &answer,
            &stream,
            &number,
            &expires_at,
            &now,
        ],
    )?;
    Ok(())
}

/// Removes a bounded number of records that nobody can ask for any more; tells how many.
pub(crate) fn sweep(sql: &Tx<'_>, now: Timestamp) -> Result<u64, Refusal> {
    Ok(sql.exec(&SWEEP, &[&now])?)
}

/// The keys of the requests that are under way in this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashSet<(DeploymentId, String)>>>);

/// A key that is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    in_flight: InFlight,
    entry: (DeploymentId, String),
}

impl InFlight {
    /// Claims the key; refused while another request with it is under way.
    pub(crate) fn claim(&self, deployment: DeploymentId, key: &str) -> Result<Claim, Refusal> {
        let entry = (deployment, key.to_owned());
        if self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(entry.clone())
        {
            Ok(Claim {
                in_flight: self.clone(),
                entry,
            })
        } else {
            Err(Refusal::plain(ErrorCode::IdempotencyInFlight))
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.in_flight
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.entry);
    }
}
