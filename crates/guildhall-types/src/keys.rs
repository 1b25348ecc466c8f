//! Keys that a backend calls the API with, as the command line shows them.

use serde::{Deserialize, Serialize};

use crate::ids::KeyId;
use crate::time::Timestamp;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyScope {
    /// Everything.
    Full,
    /// Reading only.
    ReadOnly,
}

impl KeyScope {
    /// The word on the wire and in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::ReadOnly => "read_only",
        }
    }

    /// The scope of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Full, Self::ReadOnly]
            .into_iter()
            .find(|scope| scope.word() == word)
    }
}

/// An API key without its secret, which is shown once and never stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApiKey {
    /// The key's id: what the ledger names as the actor.
    pub id: KeyId,
    /// The label that its owner gave it.
    pub name: String,
    /// What it may do.
    pub scope: KeyScope,
    /// The last characters of the secret, to tell keys apart.
    pub hint: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}
