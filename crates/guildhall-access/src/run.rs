//! A short sorted array that is never changed, only replaced.

use std::{borrow::Borrow, iter, ops::Range, sync::Arc};

use crate::heap::ARC_HEADER_BYTES;

/// Keys in ascending order, and an item for each.
///
/// Keys lie apart from the items: a search touches few cache lines, and a change of an item copies no keys.
#[derive(Debug)]
pub(crate) struct Run<K, T> {
    keys: Arc<[K]>,
    items: Arc<[T]>,
}

impl<K, T> Clone for Run<K, T> {
    fn clone(&self) -> Self {
        Self {
            keys: Arc::clone(&self.keys),
            items: Arc::clone(&self.items),
        }
    }
}

impl<K, T> Default for Run<K, T> {
    fn default() -> Self {
        Self {
            keys: Arc::default(),
            items: Arc::default(),
        }
    }
}

impl<K, T> Run<K, T> {
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn keys(&self) -> &[K] {
        &self.keys
    }

    pub(crate) fn items(&self) -> &[T] {
        &self.items
    }

    pub(crate) fn entry(&self, place: usize) -> Option<(&K, &T)> {
        self.keys.get(place).zip(self.items.get(place))
    }

    /// Whether both are one and the same allocation.
    pub(crate) fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.keys, &other.keys) && Arc::ptr_eq(&self.items, &other.items)
    }

    /// Bytes on the heap of its own two allocations, without what the items hold.
    pub(crate) fn bytes(&self) -> usize {
        2 * ARC_HEADER_BYTES + size_of_val(&*self.keys) + size_of_val(&*self.items)
    }
}

impl<K: Ord, T> Run<K, T> {
    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&T>
    where
        K: Borrow<Q>,
    {
        let place = self.keys.binary_search_by(|held| held.borrow().cmp(key));
        self.items.get(place.ok()?)
    }

    /// The place of `key`, or where it would be inserted.
    pub(crate) fn place(&self, key: &K) -> Result<usize, usize> {
        self.keys.binary_search(key)
    }

    /// The place of the last key that is not above `key`; the first place when there is none.
    pub(crate) fn floor(&self, key: &K) -> usize {
        self.keys
            .partition_point(|held| held <= key)
            .saturating_sub(1)
    }
}

impl<K: Ord + Clone, T: Clone> Run<K, T> {
    /// This run with `item` at `key`, in place of the one that was there.
    pub(crate) fn with(&self, key: K, item: T) -> Self {
        match self.keys.binary_search(&key) {
            Ok(place) => {
                let mut items = Arc::clone(&self.items);
                if let Some(old) = Arc::make_mut(&mut items).get_mut(place) {
                    *old = item;
                }
                Self {
                    keys: Arc::clone(&self.keys),
                    items,
                }
            }
            Err(place) => self.splice(place..place, iter::once((key, item))),
        }
    }

    /// This run without `key`.
    pub(crate) fn without(&self, key: &K) -> Self {
        match self.keys.binary_search(key) {
            Ok(place) => self.splice(place..place + 1, iter::empty()),
            Err(_) => self.clone(),
        }
    }

    /// This run with the entries of `range`, as far as it has them, replaced by `new` ones that keep the order.
    pub(crate) fn splice(&self, range: Range<usize>, new: impl Iterator<Item = (K, T)>) -> Self {
        let (keys, items): (Vec<K>, Vec<T>) = new.unzip();
        Self {
            keys: spliced(&self.keys, &range, keys),
            items: spliced(&self.items, &range, items),
        }
    }

    /// The entries of this run and then those of `other`, whose keys are all above.
    pub(crate) fn followed_by(&self, other: &Self) -> Self {
        let end = self.len();
        let entries = other.keys.iter().cloned().zip(other.items.iter().cloned());
        self.splice(end..end, entries)
    }

    /// This run in equal parts of at most `most` entries; no part when it is empty.
    pub(crate) fn split(self, most: usize) -> Vec<Self> {
        if (1..=most).contains(&self.len()) {
            return vec![self];
        }
        let parts = self.len().div_ceil(most).max(1);
        let size = self.len().div_ceil(parts).max(1);
        let keys = self.keys.chunks(size).map(Arc::from);
        let items = self.items.chunks(size).map(Arc::from);
        keys.zip(items)
            .map(|(keys, items)| Self { keys, items })
            .collect()
    }
}

impl<K: Ord, T> FromIterator<(K, T)> for Run<K, T> {
    /// The entries come in ascending order of their keys.
    fn from_iter<I: IntoIterator<Item = (K, T)>>(entries: I) -> Self {
        let (keys, items): (Vec<K>, Vec<T>) = entries.into_iter().unzip();
        debug_assert!(keys.is_sorted_by(|a, b| a < b));
        Self {
            keys: keys.into(),
            items: items.into(),
        }
    }
}

fn spliced<T: Clone>(old: &[T], range: &Range<usize>, new: Vec<T>) -> Arc<[T]> {
    let before = old.get(..range.start).unwrap_or(old);
    let after = old.get(range.end..).unwrap_or_default();
    before
        .iter()
        .cloned()
        .chain(new)
        .chain(after.iter().cloned())
        .collect()
}
