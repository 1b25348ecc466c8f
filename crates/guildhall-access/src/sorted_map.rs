//! A sorted map whose versions share what did not change.

use crate::{
    cursor::Cursor,
    heap::ARC_HEADER_BYTES,
    run::{Key, Run},
};

/// Entries of a leaf. A change copies one leaf, one branch and the root: with a million entries some 128 + 64 + 123 items.
const LEAF_MAX: usize = 128;

/// Leaves of a branch.
const BRANCH_MAX: usize = 64;

/// A run below this part of its maximum is joined with its neighbour.
const SPARSE: usize = 4;

pub(crate) type Leaf<K, V> = Run<K, V>;
pub(crate) type Branch<K, V> = Run<K, Leaf<K, V>>;

/// A sorted map of three storeys: a root of branches, branches of leaves, leaves of entries.
///
/// A parent keeps the first key of each of its children. A clone is two counts; [`with`](Self::with) and
/// [`without`](Self::without) answer a new map and leave the old one as it was.
#[derive(Debug)]
pub(crate) struct SortedMap<K, V> {
    root: Run<K, Branch<K, V>>,
    len: usize,
}

impl<K, V> Clone for SortedMap<K, V> {
    fn clone(&self) -> Self {
        Self {
            root: self.root.clone(),
            len: self.len,
        }
    }
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self {
            root: Run::default(),
            len: 0,
        }
    }
}

impl<K, V> SortedMap<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes on the heap, without what keys and values hold elsewhere.
    pub(crate) fn bytes(&self) -> usize {
        let leaves: usize = self.root.items().map(Run::len).sum();
        self.root.bytes()
            + self.root.items().map(Run::bytes).sum::<usize>()
            + leaves * ARC_HEADER_BYTES
            + self.len * size_of::<(K, V)>()
    }

    pub(crate) fn root(&self) -> &Run<K, Branch<K, V>> {
        &self.root
    }

    /// Whether both are the same version.
    pub(crate) fn is_shared_with(&self, other: &Self) -> bool {
        self.root.is_shared_with(&other.root)
    }
}

impl<K: Key, V> SortedMap<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let (_, value) = self.entry(key)?;
        Some(value)
    }

    /// The entry of `key`, with the key as the map holds it.
    pub(crate) fn entry(&self, key: &K) -> Option<(&K, &V)> {
        let in_root = self.root.floor(key);
        let (low, branch) = self.root.at(in_root)?;
        let high = self.root.key(in_root + 1);
        let in_branch = branch.floor_between(key, low, high);
        let (low, leaf) = branch.at(in_branch)?;
        let high = branch.key(in_branch + 1).or(high);
        let entry = leaf.at(leaf.floor_between(key, low, high))?;
        (entry.0 == key).then_some(entry)
    }

    /// The entries whose keys are above `after`, in ascending order.
    pub(crate) fn after(&self, after: Option<&K>) -> Cursor<'_, K, V> {
        Cursor::new(self, after)
    }
}

impl<K: Key + Clone, V: Clone> SortedMap<K, V> {
    /// This map with `value` at `key`.
    pub(crate) fn with(&self, key: K, value: V) -> Self {
        let is_new = self.get(&key).is_none();
        Self {
            root: self.change(&key.clone(), |leaf| leaf.with(key, value)),
            len: self.len + usize::from(is_new),
        }
    }

    /// This map without `key`.
    pub(crate) fn without(&self, key: &K) -> Self {
        if self.get(key).is_none() {
            return self.clone();
        }
        Self {
            root: self.change(key, |leaf| leaf.without(key)),
            len: self.len - 1,
        }
    }

    fn change(
        &self,
        key: &K,
        change: impl FnOnce(&Leaf<K, V>) -> Leaf<K, V>,
    ) -> Run<K, Branch<K, V>> {
        let in_root = self.root.floor(key);
        let branch = child(&self.root, in_root);
        let in_branch = branch.floor(key);
        let leaf = change(&child(&branch, in_branch));
        let branch = with_child(&branch, in_branch, leaf, LEAF_MAX);
        with_child(&self.root, in_root, branch, BRANCH_MAX)
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for SortedMap<K, V> {
    /// The entries come in ascending order of their keys, each key once.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries = Run::from_iter(entries);
        let len = entries.len();
        let leaves: Branch<K, V> = entries
            .split(LEAF_MAX)
            .into_iter()
            .filter_map(keyed)
            .collect();
        let root = leaves
            .split(BRANCH_MAX)
            .into_iter()
            .filter_map(keyed)
            .collect();
        Self { root, len }
    }
}

/// The child at `place`; an empty one where the parent has none yet.
fn child<K, T>(parent: &Run<K, Run<K, T>>, place: usize) -> Run<K, T> {
    parent
        .at(place)
        .map_or_else(Run::default, |(_, child)| child.clone())
}

/// `parent` with `child` at `place`: split when it has grown above `most`, joined with a neighbour when it has become
/// sparse, gone when it is empty.
fn with_child<K: Ord + Clone, T: Clone>(
    parent: &Run<K, Run<K, T>>,
    place: usize,
    child: Run<K, T>,
    most: usize,
) -> Run<K, Run<K, T>> {
    let neighbour = if place > 0 { place - 1 } else { place + 1 };
    let (range, child) = match parent.at(neighbour) {
        Some((_, before)) if child.len() < most / SPARSE && place > 0 => {
            (neighbour..place + 1, before.followed_by(&child))
        }
        Some((_, after)) if child.len() < most / SPARSE => {
            (place..neighbour + 1, child.followed_by(after))
        }
        _ => (place..place + 1, child),
    };
    parent.splice(range, child.split(most).into_iter().filter_map(keyed))
}

/// A run with its first key, as its parent keeps it.
fn keyed<K: Clone, T>(run: Run<K, T>) -> Option<(K, Run<K, T>)> {
    let first = run.key(0)?.clone();
    Some((first, run))
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Key for u32 {
        fn guess(&self, low: &Self, high: &Self, len: usize) -> Option<usize> {
            let part = usize::try_from(self.checked_sub(*low)?).ok()?;
            (part * len).checked_div(usize::try_from(high - low).ok()?)
        }
    }

    fn numbers(map: &SortedMap<u32, u32>) -> Vec<u32> {
        map.after(None).map(|(key, _)| *key).collect()
    }

    /// What must hold in every map, whatever was done to it.
    fn assert_sound(map: &SortedMap<u32, u32>) {
        let keys = numbers(map);
        assert_eq!(keys.len(), map.len());
        assert!(keys.is_sorted_by(|a, b| a < b));
        assert!(
            map.root
                .items()
                .all(|branch| (1..=BRANCH_MAX).contains(&branch.len()))
        );
        let leaves: Vec<_> = map.root.items().flat_map(Run::items).collect();
        assert!(
            leaves
                .iter()
                .all(|leaf| (1..=LEAF_MAX).contains(&leaf.len()))
        );
        assert!(leaves.len() <= 1 + keys.len() / (LEAF_MAX / SPARSE));
        for key in keys {
            assert_eq!(map.get(&key), Some(&(key * 2)));
        }
    }

    #[test]
    fn entries_are_found_in_maps_of_any_size_however_they_lie() {
        let spaces: [fn(u32) -> u32; 3] = [
            |n| n * 3,
            |n| n * n * 3,
            |n| (n / 50) * 100_000 + (n % 50) * 3,
        ];
        for (space, len) in spaces
            .into_iter()
            .flat_map(|space| [0, 1, 127, 128, 129, 8_192, 8_193, 20_000].map(|len| (space, len)))
        {
            let map: SortedMap<u32, u32> = (0..len).map(|n| (space(n), space(n) * 2)).collect();
            assert_sound(&map);
            for n in 0..len {
                assert_eq!(map.get(&(space(n) + 1)), None);
            }
            assert_eq!(map.get(&u32::MAX), None);
        }
    }

    #[test]
    fn a_map_grows_from_any_end_and_shrinks_to_nothing() {
        // 7919 is prime: the keys come in no order.
        for step in [1, 9_999, 7_919] {
            let keys = || (0..10_000_u32).map(|n| n * step % 10_000);
            let mut map = SortedMap::default();
            for key in keys() {
                map = map.with(key, key * 2);
            }
            assert_sound(&map);
            assert_eq!(map.len(), 10_000);
            for (key, left) in keys().zip((0..10_000).rev()) {
                map = map.without(&key);
                assert_eq!(map.len(), left);
                if left % 997 == 0 {
                    assert_sound(&map);
                }
            }
            assert!(numbers(&map).is_empty());
        }
    }

    #[test]
    fn a_change_leaves_the_old_version_as_it_was() {
        let old: SortedMap<u32, u32> = (0..1_000).map(|n| (n, n * 2)).collect();
        let changed = old.with(500, 0);
        let longer = old.with(2_000, 4_000);
        let shorter = old.without(&500);
        assert_sound(&old);
        assert_eq!((changed.get(&500), changed.len()), (Some(&0), 1_000));
        assert_eq!((longer.get(&2_000), longer.len()), (Some(&4_000), 1_001));
        assert_eq!((shorter.get(&500), shorter.len()), (None, 999));
        assert!(old.without(&5_000).is_shared_with(&old));
    }

    #[test]
    fn the_bytes_are_those_of_a_map_built_afresh() {
        let built: SortedMap<u32, u32> = (0..128).map(|n| (n, n)).collect();
        let grown = (0..128).fold(SortedMap::default(), |map, n| map.with(n, n));
        assert_eq!(built.bytes(), grown.bytes());
        // A leaf of 128 pairs of numbers; in branch and root the first number, padded, and two words that point below.
        let pairs = 128 * 8 + 2 * (8 + 16);
        assert_eq!(built.bytes(), pairs + 3 * ARC_HEADER_BYTES);
    }

    #[test]
    fn a_walk_begins_anywhere() {
        let map: SortedMap<u32, u32> = (0..10_000).map(|n| (n * 2, n)).collect();
        for after in [
            0, 1, 254, 255, 256, 16_382, 16_383, 16_384, 19_997, 19_998, 30_000,
        ] {
            let first = map.after(Some(&after)).next().map(|(key, _)| *key);
            let expected = (after / 2 + 1) * 2;
            assert_eq!(first, (expected < 20_000).then_some(expected), "{after}");
        }
    }
}
