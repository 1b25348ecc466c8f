//! Walking through a sorted map, and through two at once.

use crate::{
    run::Run,
    sorted_map::{Leaf, SortedMap},
};

/// A place in a sorted map, from where its entries follow in ascending order.
#[derive(Debug)]
pub(crate) struct Cursor<'a, K, V> {
    map: &'a SortedMap<K, V>,
    branch: usize,
    leaf: usize,
    entry: usize,
}

impl<'a, K: Ord, V> Cursor<'a, K, V> {
    /// Before the first entry whose key is above `after`.
    pub(crate) fn new(map: &'a SortedMap<K, V>, after: Option<&K>) -> Self {
        let mut cursor = Self {
            map,
            branch: 0,
            leaf: 0,
            entry: 0,
        };
        if let Some(key) = after {
            cursor.branch = map.root().floor(key);
            cursor.leaf = cursor.branch().map_or(0, |branch| branch.floor(key));
            cursor.entry = cursor.leaf().map_or(0, |leaf| match leaf.place(key) {
                Ok(place) => place + 1,
                Err(place) => place,
            });
        }
        cursor.settle();
        cursor
    }

    /// The entry that comes next.
    pub(crate) fn peek(&self) -> Option<(&'a K, &'a V)> {
        self.leaf()?.at(self.entry)
    }

    /// Goes over what lies before both cursors in parts that the two maps share.
    pub(crate) fn skip_shared(&mut self, other: &mut Self) {
        while self.entry == 0 && other.entry == 0 {
            if self.leaf == 0 && other.leaf == 0 && are_shared(self.branch(), other.branch()) {
                self.branch += 1;
                other.branch += 1;
            } else if are_shared(self.leaf(), other.leaf()) {
                self.leaf += 1;
                other.leaf += 1;
                self.settle();
                other.settle();
            } else {
                break;
            }
        }
    }

    fn branch(&self) -> Option<&'a Run<K, Leaf<K, V>>> {
        let (_, branch) = self.map.root().at(self.branch)?;
        Some(branch)
    }

    fn leaf(&self) -> Option<&'a Leaf<K, V>> {
        let (_, leaf) = self.branch()?.at(self.leaf)?;
        Some(leaf)
    }

    /// From the end of a leaf or branch to the beginning of the next; no run in a map is empty.
    fn settle(&mut self) {
        if self.leaf().is_some_and(|leaf| self.entry >= leaf.len()) {
            self.leaf += 1;
            self.entry = 0;
        }
        if self
            .branch()
            .is_some_and(|branch| self.leaf >= branch.len())
        {
            self.branch += 1;
            self.leaf = 0;
        }
    }
}

impl<'a, K: Ord, V> Iterator for Cursor<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.peek()?;
        self.entry += 1;
        self.settle();
        Some(entry)
    }
}

fn are_shared<K, T>(one: Option<&Run<K, T>>, other: Option<&Run<K, T>>) -> bool {
    one.zip(other)
        .is_some_and(|(one, other)| one.is_shared_with(other))
}
