//! One stream of the ledger, walked from its first entry to its last.

use guildhall_db::{Param, Row, statements};
use guildhall_types::Timestamp;
use guildhall_types::ids::{DeploymentId, KeyId};
use serde::Serialize;

use super::history::{History, Kind};
use super::{Audit, Place, Rule};
use crate::ledger::{Entry, Hash};
use crate::refusal::Refusal;

statements! {
    ENTRIES = "SELECT revision, occurred_at, action, actor_key_id, request_id, entity_id, before, after,
          previous_hash, hash
        FROM ledger WHERE deployment_id = ?1 AND stream_id = ?2 AND revision > ?3
        ORDER BY revision LIMIT ?4";
    // Three looks at the front of a key, whatever the number of streams.
    NEXT = "SELECT MIN(id) FROM (
          SELECT MIN(id) AS id FROM organizations WHERE deployment_id = ?1 AND id > ?2
          UNION ALL SELECT MIN(stream_id) FROM ledger_ends WHERE deployment_id = ?1 AND stream_id > ?2
          UNION ALL SELECT MIN(stream_id) FROM ledger WHERE deployment_id = ?1 AND stream_id > ?2) AS streams";
    END = "SELECT revision, hash FROM ledger_ends WHERE deployment_id = ?1 AND stream_id = ?2";
}

/// Entries that are read at once; each may hold four metadata fields.
const ENTRIES_AT_ONCE: u32 = 50;

/// The id of the first stream after `after`: of an organization, of an end that is kept, or of entries.
pub(super) fn next(
    audit: &Audit<'_>,
    deployment: DeploymentId,
    after: i64,
) -> Result<Option<i64>, Refusal> {
    let next = audit.sql.one(&NEXT, &[&deployment, &after], |row| {
        Ok::<_, Refusal>(row.get::<Option<i64>>(0)?)
    })?;
    Ok(next.flatten())
}

/// Where a stream ends, as its owner says or as its entries do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) revision: i64,
    pub(super) hash: Hash,
}

/// The end of a stream whose organization is gone.
pub(super) fn end(
    audit: &Audit<'_>,
    deployment: DeploymentId,
    stream: i64,
) -> Result<Option<Head>, Refusal> {
    audit.sql.one(&END, &[&deployment, &stream], |row| {
        Ok(Head {
            revision: row.get(0)?,
            hash: row.get(1)?,
        })
    })
}

/// An entry as it stands in its table.
#[derive(Debug)]
pub(super) struct StoredEntry {
    pub(super) revision: i64,
    occurred_at: Timestamp,
    pub(super) action: String,
    pub(super) actor: Option<KeyId>,
    request_id: String,
    pub(super) entity: i64,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    previous: Hash,
    hash: Hash,
}

impl StoredEntry {
    fn read(row: &Row<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            revision: row.get(0)?,
            occurred_at: row.get(1)?,
            action: row.get(2)?,
            actor: row.get(3)?,
            request_id: row.get(4)?,
            entity: row.get(5)?,
            before: row.get(6)?,
            after: row.get(7)?,
            previous: row.get(8)?,
            hash: row.get(9)?,
        })
    }

    /// The hash that the fields have.
    fn own_hash(&self, deployment: DeploymentId, stream: i64) -> Hash {
        let entry = Entry {
            revision: self.revision,
            occurred_at: self.occurred_at,
            action: &self.action,
            actor: self.actor,
            request_id: &self.request_id,
            entity: self.entity,
            before: self.before.as_deref(),
            after: self.after.as_deref(),
            previous: &self.previous,
        };
        entry.hash(deployment, stream)
    }
}

/// A stream that was walked.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) deployment: DeploymentId,
    pub(super) id: i64,
    pub(super) place: Place,
    pub(super) history: History,
    last: Head,
}

impl Stream {
    /// Walks the stream and replays it.
    pub(super) fn walk(
        audit: &mut Audit<'_>,
        deployment: DeploymentId,
        id: i64,
        place: &Place,
    ) -> Result<Self, Refusal> {
        let mut stream = Self {
            deployment,
            id,
            place: place.clone(),
            history: History::new(deployment, id),
            last: Head {
                revision: 0,
                hash: [0; 32],
            },
        };
        let mut after = i64::MIN;
        loop {
            let params: [&dyn Param; 4] = [&deployment, &id, &after, &ENTRIES_AT_ONCE];
            let entries = audit.sql.rows(&ENTRIES, &params, StoredEntry::read)?;
            for entry in &entries {
                stream.link(audit, entry);
                let place = place.part("revision", entry.revision);
                stream.history.apply(audit, &place, entry)?;
            }
            audit.report.ledger_entries += entries.len() as u64;
            audit.advance(entries.len() as u64);
            match entries.last() {
                Some(last) if entries.len() == ENTRIES_AT_ONCE as usize => after = last.revision,
                _ => return Ok(stream),
            }
        }
    }

    fn link(&mut self, audit: &mut Audit<'_>, entry: &StoredEntry) {
        let place = self.place.part("revision", entry.revision);
        if entry.revision != self.last.revision + 1 {
            let message = format!("follows revision {}", self.last.revision);
            audit.find(&place, Rule::LedgerGapless, message);
        }
        let chained = entry.previous == self.last.hash;
        audit.expect(
            chained,
            &place,
            Rule::LedgerChained,
            "does not carry the hash of the entry before it",
        );
        let hashed = entry.hash == entry.own_hash(self.deployment, self.id);
        audit.expect(
            hashed,
            &place,
            Rule::LedgerHash,
            "its hash is not that of its fields",
        );
        self.last = Head {
            revision: entry.revision,
            hash: entry.hash,
        };
    }

    /// The end of the stream against what its owner says.
    pub(super) fn ends_at(&self, audit: &mut Audit<'_>, head: &Head) {
        if self.last.revision != head.revision {
            let message = format!(
                "is at revision {}, the ledger ends at {}",
                head.revision, self.last.revision
            );
            audit.find(&self.place, Rule::LedgerHead, message);
        } else if self.last.hash != head.hash {
            let message = "the hash of its last entry is another than it says";
            audit.find(&self.place, Rule::LedgerHead, message);
        }
    }

    /// A row against the last entry about it; tells the revision of that entry.
    pub(super) fn row(
        &mut self,
        audit: &mut Audit<'_>,
        kind: Kind,
        id: i64,
        place: &Place,
        record: &impl Serialize,
    ) -> Result<Option<i64>, Refusal> {
        let Some(last) = self.history.take(kind, id) else {
            audit.find(
                place,
                Rule::RowRecorded,
                "no entry of the ledger says that it is there",
            );
            return Ok(None);
        };
        let record = serde_json::to_string(record)?;
        if let Some(difference) = self.history.difference(audit, id, &last, &record)? {
            let message = format!("{difference} is not as revision {} left it", last.revision);
            audit.find(place, Rule::RowUnchanged, message);
        }
        Ok(Some(last.revision))
    }

    /// What the stream says is there and no row was: for after all rows were seen.
    pub(super) fn finish(self, audit: &mut Audit<'_>) {
        for (id, last) in self.history.into_rest() {
            let place = match last.kind {
                Kind::Organization | Kind::Deployment => self.place.clone(),
                kind => self.place.part(kind.noun(), id),
            };
            let message = format!("is there, says revision {}, but has no row", last.revision);
            audit.find(&place, Rule::RowPresent, message);
        }
    }
}
