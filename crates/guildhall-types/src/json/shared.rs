//! What many answers show in the same words.

use std::ops::Deref;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{self, Serialize, Serializer};

use super::{RawText, to_vec};

/// Bytes that most of such values fit in; what is larger makes room for itself.
const JSON_BYTES: usize = 256;

/// A value that many others hold, with its JSON, which is written once for all of them.
#[derive(Debug)]
pub struct Shared<T>(Arc<(T, String)>);

impl<T: Serialize> Shared<T> {
    /// The value, ready to be shared.
    pub fn new(value: T) -> Result<Self, serde_json::Error> {
        let json = to_vec(&value, JSON_BYTES)?;
        let json = String::from_utf8(json).map_err(ser::Error::custom)?;
        Ok(Self(Arc::new((value, json))))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.0
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Shared<T> {}

impl<T> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawText(&self.0.1).serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de> + Serialize> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(T::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
