//! A short sorted array that is never changed, only replaced.

use std::{borrow::Borrow, iter, ops::Range, sync::Arc};

use guildhall_types::ids::UserId;

use crate::heap::ARC_HEADER_BYTES;

/// A key of a sorted map.
pub(crate) trait Key: Ord {
    /// About where this key is among `len` keys from `low` on and below `high`, for keys that lie evenly enough to
    /// make a guess worth a look.
    fn guess(&self, low: &Self, high: &Self, len: usize) -> Option<usize>;
}

/// Ids are given out as time goes by, so that neighbours lie about evenly.
impl Key for UserId {
    fn guess(&self, low: &Self, high: &Self, len: usize) -> Option<usize> {
        let part = self.raw().checked_sub(low.raw())?;
        let whole = high.raw().checked_sub(low.raw())?;
        let len = i64::try_from(len).ok()?;
        usize::try_from(part.checked_mul(len)?.checked_div(whole)?).ok()
    }
}

/// Keys in ascending order, each with its item: whoever finds the key has the item in the same cache line.
#[derive(Debug)]
pub(crate) struct Run<K, T> {
    entries: Arc<[(K, T)]>,
}

impl<K, T> Clone for Run<K, T> {
    fn clone(&self) -> Self {
        Self {
            entries: Arc::clone(&self.entries),
        }
    }
}

impl<K, T> Default for Run<K, T> {
    fn default() -> Self {
        Self {
            entries: Arc::default(),
        }
    }
}

impl<K, T> Run<K, T> {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &T)> {
        self.entries.iter().map(|(key, item)| (key, item))
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, item)| item)
    }

    pub(crate) fn key(&self, place: usize) -> Option<&K> {
        Some(&self.entries.get(place)?.0)
    }

    pub(crate) fn at(&self, place: usize) -> Option<(&K, &T)> {
        self.entries.get(place).map(|(key, item)| (key, item))
    }

    /// Whether both are one and the same allocation.
    pub(crate) fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.entries, &other.entries)
    }

    /// Bytes on the heap of its own allocation, without what keys and items hold.
    pub(crate) fn bytes(&self) -> usize {
        ARC_HEADER_BYTES + size_of_val(&*self.entries)
    }
}

impl<K: Ord, T> Run<K, T> {
    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&T>
    where
        K: Borrow<Q>,
    {
        let (_, item) = self.at(self.place(key).ok()?)?;
        Some(item)
    }

    /// The place of `key`, or where it would be inserted.
    pub(crate) fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.entries
            .binary_search_by(|(held, _)| held.borrow().cmp(key))
    }

    /// The place of the last key that is not above `key`; the first place when there is none.
    pub(crate) fn floor(&self, key: &K) -> usize {
        self.entries
            .partition_point(|(held, _)| held <= key)
            .saturating_sub(1)
    }
}

impl<K: Key, T> Run<K, T> {
    /// [`floor`](Self::floor) in a run whose first key is `low` and whose keys are below `high`.
    ///
    /// A binary search of a run that is in no cache waits for memory at almost every step; a guess and a few steps
    /// from there wait once or twice. A bad guess costs the walk through a run, which is short.
    pub(crate) fn floor_between(&self, key: &K, low: &K, high: Option<&K>) -> usize {
        let guess = high.and_then(|high| key.guess(low, high, self.len()));
        match guess.and_then(|guess| self.entries.split_at_checked(guess)) {
            Some((below, above)) => {
                let up = above.iter().take_while(|(held, _)| held <= key).count();
                let is_above = |(held, _): &&(K, T)| held > key;
                let down = match up {
                    0 => below.iter().rev().take_while(is_above).count(),
                    _ => 0,
                };
                (below.len() + up - down).saturating_sub(1)
            }
            None => self.floor(key),
        }
    }
}

impl<K: Ord + Clone, T: Clone> Run<K, T> {
    /// This run with `item` at `key`, in place of the one that was there.
    pub(crate) fn with(&self, key: K, item: T) -> Self {
        let range = match self.place(&key) {
            Ok(place) => place..place + 1,
            Err(place) => place..place,
        };
        self.splice(range, iter::once((key, item)))
    }

    /// This run without `key`.
    pub(crate) fn without(&self, key: &K) -> Self {
        match self.place(key) {
            Ok(place) => self.splice(place..place + 1, iter::empty()),
            Err(_) => self.clone(),
        }
    }

    /// This run with the entries of `range`, as far as it has them, replaced by `new` ones that keep the order.
    pub(crate) fn splice(&self, range: Range<usize>, new: impl Iterator<Item = (K, T)>) -> Self {
        let before = self.entries.get(..range.start).unwrap_or(&self.entries);
        let after = self.entries.get(range.end..).unwrap_or_default();
        before
            .iter()
            .cloned()
            .chain(new)
            .chain(after.iter().cloned())
            .collect()
    }

    /// The entries of this run and then those of `other`, whose keys are all above.
    pub(crate) fn followed_by(&self, other: &Self) -> Self {
        let end = self.len();
        self.splice(end..end, other.entries.iter().cloned())
    }

    /// This run in equal parts of at most `most` entries; no part when it is empty.
    pub(crate) fn split(self, most: usize) -> Vec<Self> {
        if (1..=most).contains(&self.len()) {
            return vec![self];
        }
        let parts = self.len().div_ceil(most).max(1);
        let size = self.len().div_ceil(parts).max(1);
        self.entries
            .chunks(size)
            .map(|part| part.iter().cloned().collect())
            .collect()
    }
}

impl<K: Ord, T> FromIterator<(K, T)> for Run<K, T> {
    /// The entries come in ascending order of their keys, each key once.
    fn from_iter<I: IntoIterator<Item = (K, T)>>(entries: I) -> Self {
        let entries: Arc<[(K, T)]> = entries.into_iter().collect();
        debug_assert!(entries.is_sorted_by(|(a, _), (b, _)| a < b));
        Self { entries }
    }
}
