//! The ledger: one entry for each change, chained by hash to the entry before it in its stream.

use guildhall_db::{Row, Tx, statements};
use guildhall_types::ids::{DeploymentId, KeyId, OrganizationId};
use guildhall_types::ledger::{Action, Actor, LedgerEntry};
use guildhall_types::{Page, Revision, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::access::news::News;
use crate::lists::{List, orders};
use crate::paging::PageRequest;
use crate::refusal::Refusal;
use crate::scope::{ReadTx, WriteTx};

statements! {
    APPEND = "INSERT INTO ledger (deployment_id, stream_id, revision, occurred_at, action, actor_key_id,
          request_id, entity_id, before, after, previous_hash, hash)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    END = "INSERT INTO ledger_ends (deployment_id, stream_id, revision, hash) VALUES (?1, ?2, ?3, ?4)";
    BETWEEN = "SELECT revision, action, entity_id, before, after FROM ledger
        WHERE deployment_id = ?1 AND stream_id = ?2 AND revision > ?3 AND revision <= ?4 ORDER BY revision";
    /// A stream has no gaps, so that its last revision is the number of its entries.
    LAST = "SELECT COALESCE(MAX(revision), 0) FROM ledger WHERE deployment_id = ?1 AND stream_id = ?2";
}

orders! {
    "l.revision, l.occurred_at, l.action, l.actor_key_id, l.request_id, l.entity_id, l.before, l.after, l.previous_hash,
      l.hash", "l.revision";
    ENTRIES: "ledger l WHERE l.deployment_id = ?1 AND l.stream_id = ?6", Numbers "l.revision";
}

/// A SHA-256.
pub(crate) type Hash = [u8; 32];

/// Where the next entry of a stream goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    /// The organization or deployment.
    pub(crate) stream: i64,
    /// The revision of the next entry.
    pub(crate) revision: i64,
    /// The hash of the entry before it.
    pub(crate) previous: Hash,
}

impl Head {
    /// Where the first entry of a stream goes.
    pub(crate) fn first(stream: i64) -> Self {
        Self {
            stream,
            revision: 1,
            previous: [0; 32],
        }
    }

    pub(crate) fn revision(&self) -> Revision {
        Revision {
            stream: self.stream,
            number: self.revision,
        }
    }
}

/// What changed.
#[derive(Debug)]
pub(crate) struct Change {
    action: Action,
    entity: i64,
    before: Option<String>,
    after: Option<String>,
}

impl Change {
    /// Something that is new.
    pub(crate) fn created(
        action: Action,
        entity: i64,
        after: &impl Serialize,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            action,
            entity,
            before: None,
            after: Some(serde_json::to_string(after)?),
        })
    }

    /// Something that is different now.
    pub(crate) fn updated<T: Serialize>(
        action: Action,
        entity: i64,
        before: &T,
        after: &T,
    ) -> Result<Self, Refusal> {
        let (before, after) = (
            serde_json::to_string(before)?,
            serde_json::to_string(after)?,
        );
        Ok(Self {
            action,
            entity,
            before: Some(before),
            after: Some(after),
        })
    }

    /// Something that is gone.
    pub(crate) fn deleted(
        action: Action,
        entity: i64,
        before: &impl Serialize,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            action,
            entity,
            before: Some(serde_json::to_string(before)?),
            after: None,
        })
    }
}

/// Appends an entry, notes it as news of this transaction, and returns its hash.
pub(crate) fn append(tx: &WriteTx<'_>, head: &Head, change: Change) -> Result<Hash, Refusal> {
    let entry = Entry {
        revision: head.revision,
        occurred_at: tx.now,
        action: change.action.word(),
        actor: tx.deployment.actor().key(),
        request_id: tx.request_id,
        entity: change.entity,
        before: change.before.as_deref(),
        after: change.after.as_deref(),
        previous: &head.previous,
    };
    let hash = entry.hash(tx.deployment.id(), head.stream);
    tx.sql.exec_exactly(
        1,
        &APPEND,
        &[
            &tx.deployment.id(),
            &head.stream,
            &entry.revision,
            &entry.occurred_at,
            &entry.action,
            &entry.actor,
            &entry.request_id,
            &entry.entity,
            &entry.before,
            &entry.after,
            entry.previous,
            &hash,
        ],
    )?;
    tx.told.tell(News {
        deployment: tx.deployment.id(),
        stream: head.stream,
        revision: head.revision,
        action: change.action,
        entity: change.entity,
        before: change.before,
        after: change.after,
    });
    Ok(hash)
}

/// Remembers where the stream of a deleted organization ends.
pub(crate) fn end(tx: &WriteTx<'_>, head: &Head, hash: &Hash) -> Result<(), Refusal> {
    tx.sql.exec_exactly(
        1,
        &END,
        &[&tx.deployment.id(), &head.stream, &head.revision, hash],
    )?;
    Ok(())
}

/// The fields of an entry, as the hash covers them.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) revision: i64,
    pub(crate) occurred_at: Timestamp,
    pub(crate) action: &'a str,
    pub(crate) actor: Option<KeyId>,
    pub(crate) request_id: &'a str,
    pub(crate) entity: i64,
    pub(crate) before: Option<&'a str>,
    pub(crate) after: Option<&'a str>,
    pub(crate) previous: &'a Hash,
}

impl Entry<'_> {
    /// SHA-256 over a version tag, the place of the entry and every field, each with its length in front, so that
    /// no two entries have the same input.
    pub(crate) fn hash(&self, deployment: DeploymentId, stream: i64) -> Hash {
        let mut hasher = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(b"guildhall ledger 1");
        part(self.previous);
        part(&deployment.raw().to_le_bytes());
        part(&stream.to_le_bytes());
        part(&self.revision.to_le_bytes());
        part(&self.occurred_at.as_micros().to_le_bytes());
        part(self.action.as_bytes());
        part(&self.actor.map_or(0, KeyId::raw).to_le_bytes());
        part(self.request_id.as_bytes());
        part(&self.entity.to_le_bytes());
        for side in [self.before, self.after] {
            part(&[u8::from(side.is_some())]);
            part(side.unwrap_or_default().as_bytes());
        }
        hasher.finalize().into()
    }
}

/// A page of the history of an organization, which may be gone: its ledger stays.
pub fn list(
    tx: &ReadTx<'_>,
    organization: OrganizationId,
    request: &PageRequest,
) -> Result<Page<LedgerEntry>, Refusal> {
    let (deployment, stream) = (tx.deployment.id(), organization.raw());
    // The deployment's own stream is in the same table, under the deployment's id: it is no organization.
    let total = if stream == deployment.raw() {
        0
    } else {
        last_revision(tx.sql, deployment, stream)?
    };
    if total == 0 {
        return Err(Refusal::plain(
            guildhall_types::ErrorCode::OrganizationNotFound,
        ));
    }
    let list = List {
        query: ("ledger", stream),
        ordered: &ENTRIES,
        filters: &[&stream],
        total: u64::try_from(total).unwrap_or_default(),
    };
    list.page(tx, request, entry)
}

/// What happened in a stream after the revision `after`, up to `until`.
pub(crate) fn between(
    sql: &Tx<'_>,
    deployment: DeploymentId,
    stream: i64,
    after: i64,
    until: i64,
) -> Result<Vec<News>, Refusal> {
    sql.rows(&BETWEEN, &[&deployment, &stream, &after, &until], |row| {
        Ok(News {
            deployment,
            stream,
            revision: row.get(0)?,
            action: action(row, 1)?,
            entity: row.get(2)?,
            before: row.get(3)?,
            after: row.get(4)?,
        })
    })
}

/// The number of the last entry of a stream; 0 when there is none.
pub(crate) fn last_revision(
    sql: &Tx<'_>,
    deployment: DeploymentId,
    stream: i64,
) -> Result<i64, Refusal> {
    Ok(sql
        .one(&LAST, &[&deployment, &stream], |row| row.get::<i64>(0))?
        .unwrap_or_default())
}

/// What the requests begin with that the server makes to itself. An entry without a key is of the command line, or of the
/// server if its request says so: only the process itself makes requests without a key, and the hash covers both.
pub(crate) const SERVER_REQUEST_PREFIX: &str = "sweep-";

fn actor(key: Option<KeyId>, request_id: &str) -> Actor {
    match key {
        Some(id) => Actor::ApiKey { id },
        None if request_id.starts_with(SERVER_REQUEST_PREFIX) => Actor::Server,
        None => Actor::CommandLine,
    }
}

fn entry(row: &Row<'_>, first: usize) -> Result<LedgerEntry, Refusal> {
    let side = |index| -> Result<Option<Box<RawValue>>, Refusal> {
        let text: Option<String> = row.get(index)?;
        Ok(text.map(RawValue::from_string).transpose()?)
    };
    Ok(LedgerEntry {
        revision: row.get(first)?,
        occurred_at: row.get(first + 1)?,
        action: action(row, first + 2)?,
        actor: actor(row.get(first + 3)?, row.text(first + 4)?),
        request_id: row.get(first + 4)?,
        entity_id: row.get::<i64>(first + 5)?.to_string(),
        before: side(first + 6)?,
        after: side(first + 7)?,
        previous_hash: hex::encode(row.get::<Hash>(first + 8)?),
        hash: hex::encode(row.get::<Hash>(first + 9)?),
    })
}

fn action(row: &Row<'_>, index: usize) -> Result<Action, Refusal> {
    let action = Action::from_word(row.text(index)?);
    Ok(action.ok_or_else(|| row.corrupt(index, "no such action"))?)
}
