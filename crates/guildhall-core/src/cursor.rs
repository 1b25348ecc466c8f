//! Cursors: where a page ended, opaque to the caller and good only for the list that gave it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guildhall_db::{Param, Value};
use guildhall_types::ErrorCode;
use guildhall_types::ids::DeploymentId;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::refusal::Refusal;

/// The form of the cursors of this version.
const VERSION: u8 = 1;

/// The sort key of the last item of a page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// A number or a time.
    Int(i64),
    /// A folded text.
    Text(String),
}

impl Param for Key {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text),
        }
    }
}

/// Where a page ended: the sort key of its last item, and the id that breaks ties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) key: Key,
    pub(crate) id: i64,
}

/// The deployment and the query that a cursor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Binding([u8; 8]);

impl Binding {
    /// The binding of a query, given by everything but its place in the list.
    pub(crate) fn new(deployment: DeploymentId, query: &impl Serialize) -> Self {
        let query = serde_json::to_vec(query).unwrap_or_default();
        let mut hasher = Sha256::new();
        hasher.update(deployment.raw().to_le_bytes());
        hasher.update(query);
        let hash: [u8; 32] = hasher.finalize().into();
        Self(hash.first_chunk().copied().unwrap_or_default())
    }
}

impl Cursor {
    /// The text that the caller sends back.
    pub(crate) fn encode(&self, binding: Binding) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(binding.0);
        bytes.extend(self.id.to_le_bytes());
        match &self.key {
            Key::Int(value) => {
                bytes.push(b'i');
                bytes.extend(value.to_le_bytes());
            }
            Key::Text(value) => {
                bytes.push(b't');
                bytes.extend(value.as_bytes());
            }
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what the caller sent back; refused when another query or deployment made it.
    pub(crate) fn decode(text: &str, binding: Binding) -> Result<Self, Refusal> {
        Self::read(text, binding).ok_or_else(|| {
            Refusal::field(
                ErrorCode::InvalidCursor,
                "cursor",
                "was not given by this list with these filters and this order; begin without it",
            )
        })
    }

    fn read(text: &str, binding: Binding) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (version, rest) = bytes.split_first()?;
        let (bound, rest) = rest.split_first_chunk::<8>()?;
        let (id, rest) = rest.split_first_chunk::<8>()?;
        let (kind, key) = rest.split_first()?;
        if *version != VERSION || *bound != binding.0 {
            return None;
        }
        let key = match kind {
            b'i' => Key::Int(i64::from_le_bytes(key.try_into().ok()?)),
            b't' => Key::Text(
                std::str::from_utf8(key)
                    .ok()
                    .filter(|text| !text.contains('\0'))?
                    .to_owned(),
            ),
            _ => return None,
        };
        Some(Self {
            key,
            id: i64::from_le_bytes(*id),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_only_for_its_own_list() {
        let deployment = DeploymentId::new(7).unwrap();
        let binding = Binding::new(deployment, &("organizations", "name", "asc"));
        for key in [Key::Int(-3), Key::Text("école".to_owned())] {
            let cursor = Cursor { key, id: 42 };
            assert_eq!(
                Cursor::decode(&cursor.encode(binding), binding).unwrap(),
                cursor
            );
            let other_order = Binding::new(deployment, &("organizations", "name", "desc"));
            let other_deployment = Binding::new(
                DeploymentId::new(8).unwrap(),
                &("organizations", "name", "asc"),
            );
            for stranger in [other_order, other_deployment] {
                let refusal = Cursor::decode(&cursor.encode(binding), stranger).unwrap_err();
                assert_eq!(refusal.code(), Some(ErrorCode::InvalidCursor));
            }
        }
        for text in ["", "AQ", "!!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(Cursor::decode(text, binding).is_err(), "{text:?}");
        }
    }
}
