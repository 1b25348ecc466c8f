//! API keys: how a backend proves which deployment it acts for.
//!
//! A secret is `ghk_`, 64 hexadecimal digits (256 random bits) and 8 more that check them: a typing error or a made-up
//! key is refused without a look at the database. Only its SHA-256 is stored; the bits are random, so that a slow
//! hash would add nothing.

use guildhall_db::{Row, statements};
use guildhall_types::ids::{DeploymentId, KeyId};
use guildhall_types::keys::{ApiKey, KeyScope};
use guildhall_types::ledger::{Action, Actor};
use guildhall_types::limits::KEY_NAME_CHARS_MAX;
use guildhall_types::{ErrorCode, Timestamp};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::ambient::Rng;
use crate::guildhall::Guildhall;
use crate::ledger::Change;
use crate::normalise;
use crate::refusal::Refusal;
use crate::scope::{Deployment, DeploymentWrite, ReadTx, Recorded, WriteTx};

statements! {
    INSERT = "INSERT INTO api_keys
          (deployment_id, id, name, scope, secret_hash, hint, created_at, expires_at, revoked_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL)";
    LIST = "SELECT id, name, scope, hint, created_at, expires_at, revoked_at, secret_hash FROM api_keys
        WHERE deployment_id = ?1 ORDER BY id";
    FIND = "SELECT id, name, scope, hint, created_at, expires_at, revoked_at, secret_hash FROM api_keys
        WHERE deployment_id = ?1 AND id = ?2";
    REVOKE = "UPDATE api_keys SET revoked_at = ?3 WHERE deployment_id = ?1 AND id = ?2 AND revoked_at IS NULL";
    AUTHENTICATE = "SELECT deployment_id, id, scope, expires_at, revoked_at FROM api_keys WHERE secret_hash = ?1";
}

/// SHA-256 of a secret: what is stored of it.
pub type SecretHash = [u8; 32];

const PREFIX: &str = "ghk_";
const SECRET_BYTES: usize = 32;
const CHECK_DIGITS: usize = 8;

/// Digits of the secret that a list shows.
const HINT_DIGITS: usize = 6;

/// The secret of a key: shown once, never stored, never logged. It has no `Debug`.
pub struct Secret(String);

impl Secret {
    fn generate(rng: &dyn Rng) -> Result<Self, Refusal> {
        let mut bytes = [0; SECRET_BYTES];
        rng.fill(&mut bytes).map_err(Refusal::internal)?;
        let digits = hex::encode(bytes);
        let check = check_digits(&digits);
        Ok(Self(format!("{PREFIX}{digits}{check}")))
    }

    /// The secret, for the one who is to have it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn hint(&self) -> &str {
        self.0
            .get(self.0.len().saturating_sub(HINT_DIGITS)..)
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

fn check_digits(digits: &str) -> String {
    format!("{:08x}", crc32fast::hash(digits.as_bytes()))
}

/// The hash that a well-formed secret is stored under; `None` when the text is not one of ours.
pub fn hash(secret: &str) -> Option<SecretHash> {
    let digits = secret.strip_prefix(PREFIX)?;
    let (digits, check) = digits.split_at_checked(2 * SECRET_BYTES)?;
    let well_formed = check.len() == CHECK_DIGITS && check == check_digits(digits);
    well_formed.then(|| Sha256::digest(secret.as_bytes()).into())
}

/// A key that was found valid, until it expires or is looked up again.
#[derive(Clone, Copy, Debug)]
pub struct Authenticated {
    /// The deployment, with the key as who acts.
    pub deployment: Deployment,
    /// The key.
    pub key: KeyId,
    /// What it may do.
    pub scope: KeyScope,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// Looks a key up by the hash of its secret. Unknown, revoked and expired are one refusal.
pub async fn authenticate(
    guildhall: &Guildhall,
    hash: SecretHash,
) -> Result<Authenticated, Refusal> {
    let now = guildhall.now();
    let found = guildhall.inner.db.point(move |sql| {
        sql.one(&AUTHENTICATE, &[&hash], |row| {
            let key: KeyId = row.get(1)?;
            let deployment =
                Deployment::new(row.get::<DeploymentId>(0)?, Actor::ApiKey { id: key });
            let (expires_at, revoked_at): (Option<Timestamp>, Option<Timestamp>) =
                (row.get(3)?, row.get(4)?);
            let valid = revoked_at.is_none() && expires_at.is_none_or(|end| now < end);
            Ok::<_, Refusal>(valid.then_some(Authenticated {
                deployment,
                key,
                scope: scope(row, 2)?,
                expires_at,
            }))
        })
    });
    found
        .await?
        .flatten()
        .ok_or_else(|| Refusal::plain(ErrorCode::Unauthenticated))
}

/// A checked command to create a key.
#[derive(Clone, Debug)]
pub struct CreateKey {
    name: String,
    scope: KeyScope,
    expires_at: Option<Timestamp>,
}

impl CreateKey {
    /// Checks the label: at most [`KEY_NAME_CHARS_MAX`] characters, and not empty.
    pub fn check(
        name: &str,
        scope: KeyScope,
        expires_at: Option<Timestamp>,
    ) -> Result<Self, Refusal> {
        let name = normalise::name(name, "name", KEY_NAME_CHARS_MAX)?;
        Ok(Self {
            name,
            scope,
            expires_at,
        })
    }
}

/// A key as it stands in its table.
#[derive(Clone, Debug)]
pub(crate) struct StoredKey {
    pub(crate) key: ApiKey,
    secret_hash: SecretHash,
}

/// A key as the ledger keeps it: with the hash of its secret, so that nobody can put another in its place unseen.
#[derive(Debug, Serialize)]
pub(crate) struct KeyRecord<'a> {
    name: &'a str,
    scope: KeyScope,
    hint: &'a str,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    secret_hash: String,
}

impl StoredKey {
    /// What the ledger keeps of it.
    pub(crate) fn record(&self) -> KeyRecord<'_> {
        KeyRecord {
            name: &self.key.name,
            scope: self.key.scope,
            hint: &self.key.hint,
            created_at: self.key.created_at,
            expires_at: self.key.expires_at,
            revoked_at: self.key.revoked_at,
            secret_hash: hex::encode(self.secret_hash),
        }
    }
}

/// Creates a key; the secret is in the answer and nowhere else.
pub async fn create(
    guildhall: &Guildhall,
    deployment: Deployment,
    command: CreateKey,
) -> Result<(ApiKey, Secret), Refusal> {
    let secret = Secret::generate(guildhall.inner.rng.as_ref())?;
    let (hash, hint) = (stored_hash(&secret), secret.hint().to_owned());
    let key = guildhall
        .operate(deployment, move |tx| insert(tx, &command, hash, &hint))
        .await?;
    Ok((key, secret))
}

/// Revokes a key, for good; the server refuses it within a second.
pub async fn revoke(
    guildhall: &Guildhall,
    deployment: Deployment,
    id: KeyId,
) -> Result<ApiKey, Refusal> {
    guildhall
        .operate(deployment, move |tx| end(tx, id, Action::KeyRevoked))
        .await
}

/// Replaces a key by a new one with the same label, scope and end, and revokes the old one.
pub async fn rotate(
    guildhall: &Guildhall,
    deployment: Deployment,
    id: KeyId,
) -> Result<(ApiKey, Secret), Refusal> {
    let secret = Secret::generate(guildhall.inner.rng.as_ref())?;
    let (hash, hint) = (stored_hash(&secret), secret.hint().to_owned());
    let key = guildhall
        .operate(deployment, move |tx| {
            let old = end(tx, id, Action::KeyRotated)?.answer;
            let command = CreateKey {
                name: old.name,
                scope: old.scope,
                expires_at: old.expires_at,
            };
            insert(tx, &command, hash, &hint)
        })
        .await?;
    Ok((key, secret))
}

/// Every key of the deployment, oldest first, revoked ones too.
pub fn list(tx: &ReadTx<'_>) -> Result<Vec<ApiKey>, Refusal> {
    Ok(stored(tx)?.into_iter().map(|stored| stored.key).collect())
}

/// Every key of the deployment as it stands in its table.
pub(crate) fn stored(tx: &ReadTx<'_>) -> Result<Vec<StoredKey>, Refusal> {
    tx.sql.rows(&LIST, &[&tx.deployment.id()], read)
}

fn stored_hash(secret: &Secret) -> SecretHash {
    Sha256::digest(secret.0.as_bytes()).into()
}

fn insert(
    tx: &WriteTx<'_>,
    command: &CreateKey,
    secret_hash: SecretHash,
    hint: &str,
) -> Result<Recorded<ApiKey>, Refusal> {
    let deployment = DeploymentWrite::open(tx)?;
    let key = ApiKey {
        id: tx.ids.next(KeyId::new)?,
        name: command.name.clone(),
        scope: command.scope,
        hint: hint.to_owned(),
        created_at: tx.now,
        expires_at: command.expires_at,
        revoked_at: None,
    };
    tx.sql.exec_exactly(
        1,
        &INSERT,
        &[
            &tx.deployment.id(),
            &key.id,
            &key.name,
            &key.scope.word(),
            &secret_hash,
            &key.hint,
            &key.created_at,
            &key.expires_at,
        ],
    )?;
    let stored = StoredKey { key, secret_hash };
    let change = Change::created(Action::KeyCreated, stored.key.id.raw(), &stored.record())?;
    deployment.record(change, stored.key)
}

/// Ends a key and records it as `action`.
fn end(tx: &WriteTx<'_>, id: KeyId, action: Action) -> Result<Recorded<ApiKey>, Refusal> {
    let deployment = DeploymentWrite::open(tx)?;
    let before = tx
        .sql
        .one(&FIND, &[&tx.deployment.id(), &id], read)?
        .ok_or_else(|| unknown(id, "does not exist in this deployment"))?;
    if before.key.revoked_at.is_some() {
        return Err(unknown(id, "is revoked already"));
    }
    tx.sql
        .exec_exactly(1, &REVOKE, &[&tx.deployment.id(), &id, &tx.now])?;
    let mut after = before.clone();
    after.key.revoked_at = Some(tx.now);
    let change = Change::updated(action, id.raw(), &before.record(), &after.record())?;
    deployment.record(change, after.key)
}

fn unknown(id: KeyId, what: &str) -> Refusal {
    let message = format!("`{id}` {what}; `guildhall key list` shows the keys");
    Refusal::field(ErrorCode::InvalidRequest, "key", message)
}

fn scope(row: &Row<'_>, index: usize) -> Result<KeyScope, Refusal> {
    let word = row.text(index)?;
    KeyScope::from_word(word).ok_or_else(|| row.corrupt(index, "no such scope").into())
}

fn read(row: &Row<'_>) -> Result<StoredKey, Refusal> {
    let key = ApiKey {
        id: row.get(0)?,
        name: row.get(1)?,
        scope: scope(row, 2)?,
        hint: row.get(3)?,
        created_at: row.get(4)?,
        expires_at: row.get(5)?,
        revoked_at: row.get(6)?,
    };
    Ok(StoredKey {
        key,
        secret_hash: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::SystemRng;

    #[test]
    fn a_secret_is_refused_offline_when_one_digit_is_wrong() {
        let secret = Secret::generate(&SystemRng).unwrap();
        assert!(hash(secret.expose()).is_some());
        for position in 0..secret.expose().len() {
            let mut damaged = secret.expose().to_owned().into_bytes();
            damaged[position] = if damaged[position] == b'0' {
                b'1'
            } else {
                b'0'
            };
            assert_eq!(
                hash(std::str::from_utf8(&damaged).unwrap()),
                None,
                "digit {position}"
            );
        }
        assert_eq!(hash(""), None);
        assert_eq!(hash(&secret.expose()[..20]), None);
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(
            format!("{:?}", Secret::generate(&SystemRng).unwrap()),
            "Secret"
        );
    }
}
