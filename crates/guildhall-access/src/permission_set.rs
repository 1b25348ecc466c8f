//! What one role permits.

use std::{collections::HashSet, mem, sync::Arc};

use crate::{
    heap::text_bytes,
    pattern::{is_pattern, matches},
};

/// An immutable set of permission texts, in the order given, without repeated ones.
///
/// Texts without a wildcard are found by hash, so that a role may hold a thousand of them; those with one are
/// tried one after the other.
///
/// ```
/// use guildhall_access::PermissionSet;
///
/// let editor = PermissionSet::new(["documents:*", "invoices:read"]);
/// assert!(editor.grants("documents:write", false));
/// assert!(!editor.grants("documents:write", true), "no pattern gives what is exact-only");
/// assert!(editor.grants("invoices:read", true));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionSet {
    texts: Box<[Arc<str>]>,
    /// Sorted by hash; the place is that in `texts`.
    exact: Box<[Exact]>,
    /// A bit for each hash of `exact`: most sets are left again without a search.
    filter: u64,
    patterns: Box<[Arc<str>]>,
    /// On the heap. Counted once: each change of a role adds up those of all roles.
    bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Exact {
    hash: u32,
    place: u32,
}

/// A permission that is asked for, with its hash: computed once for all the roles that are looked through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    text: &'a str,
    hash: u32,
    exact_only: bool,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(text: &'a str, exact_only: bool) -> Self {
        Self {
            text,
            hash: hash(text),
            exact_only,
        }
    }
}

impl PermissionSet {
    /// The set of these texts. Texts that are `Arc<str>` already are shared, not copied.
    pub fn new<T>(texts: impl IntoIterator<Item = T>) -> Self
    where
        T: AsRef<str> + Into<Arc<str>>,
    {
        let mut seen: HashSet<Arc<str>> = HashSet::new();
        let mut kept: Vec<Arc<str>> = Vec::new();
        for text in texts {
            if !seen.contains(text.as_ref()) {
                let text: Arc<str> = text.into();
                seen.insert(Arc::clone(&text));
                kept.push(text);
            }
        }
        let patterns: Box<[_]> = kept
            .iter()
            .filter(|text| is_pattern(text))
            .cloned()
            .collect();
        let mut exact: Vec<Exact> = kept
            .iter()
            .zip(0..)
            .filter(|(text, _)| !is_pattern(text))
            .map(|(text, place)| Exact {
                hash: hash(text),
                place,
            })
            .collect();
        exact.sort_unstable_by_key(|entry| (entry.hash, entry.place));
        let texts: usize = kept.iter().map(|text| text_bytes(text)).sum();
        let lists =
            mem::size_of_val(&*kept) + mem::size_of_val(&*exact) + mem::size_of_val(&*patterns);
        Self {
            bytes: texts + lists,
            filter: exact.iter().fold(0, |bits, entry| bits | bit(entry.hash)),
            patterns,
            exact: exact.into(),
            texts: kept.into(),
        }
    }

    /// Whether the set gives `asked`; for an exact-only permission its patterns do not count.
    pub fn grants(&self, asked: &str, exact_only: bool) -> bool {
        self.granting(Asked::new(asked, exact_only))
            .next()
            .is_some()
    }

    /// The texts as given.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(AsRef::as_ref)
    }

    /// Bytes on the heap, with texts that other sets may share.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The texts of this set that give `asked`. Every decision and every explanation is read from here.
    pub(crate) fn granting<'a>(&'a self, asked: Asked<'a>) -> impl Iterator<Item = &'a Arc<str>> {
        let patterns = if asked.exact_only {
            &[]
        } else {
            &*self.patterns
        };
        let patterns = patterns
            .iter()
            .filter(move |held| matches(held, asked.text));
        self.exact(asked).into_iter().chain(patterns)
    }

    fn exact(&self, asked: Asked<'_>) -> Option<&Arc<str>> {
        if self.filter & bit(asked.hash) == 0 {
            return None;
        }
        let start = self.exact.partition_point(|entry| entry.hash < asked.hash);
        let alike = self.exact.get(start..)?.iter();
        alike
            .take_while(|entry| entry.hash == asked.hash)
            .filter_map(|entry| self.texts.get(entry.place as usize))
            .find(|text| ***text == *asked.text)
    }

    pub(crate) fn texts(&self) -> &[Arc<str>] {
        &self.texts
    }
}

fn bit(hash: u32) -> u64 {
    1 << (hash % u64::BITS)
}

/// Eight bytes at a step, the last eight perhaps twice. It only finds candidates, whose text is then compared: a forged
/// collision makes a role slow, never wrong.
fn hash(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let (words, _) = bytes.as_chunks::<8>();
    let last = match bytes.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last),
        None => bytes
            .iter()
            .fold(0, |last, byte| last << 8 | u64::from(*byte)),
    };
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let hash = words.chain([last]).fold(bytes.len() as u64, |hash, word| {
        (hash.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    });
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_kept_and_repeated_texts_are_dropped() {
        let set = PermissionSet::new(["b", "a:*", "b", "a", "a:*"]);
        assert_eq!(set.iter().collect::<Vec<_>>(), ["b", "a:*", "a"]);
    }

    #[test]
    fn a_thousand_texts_are_found_and_no_other() {
        let set = PermissionSet::new((0..1_000).map(|n| format!("noun{n}:verb")));
        for n in 0..1_000 {
            assert!(set.grants(&format!("noun{n}:verb"), true));
            assert!(!set.grants(&format!("noun{n}:verbs"), false));
        }
    }

    #[test]
    fn texts_that_hash_alike_are_told_apart() {
        // Found among a million of such texts; another hash needs another pair.
        let (one, other) = ("noun125575:verb", "noun741711:verb");
        assert_eq!(hash(one), hash(other));
        assert!(!PermissionSet::new([one]).grants(other, false));
        let both = PermissionSet::new([one, other]);
        assert!(both.grants(one, false) && both.grants(other, false));
    }

    #[test]
    fn a_pattern_gives_nothing_that_is_exact_only() {
        let set = PermissionSet::new(["*", "a:*", "a:b"]);
        assert!(set.grants("a:c", false) && !set.grants("a:c", true));
        assert!(set.grants("a:b", true));
        assert!(!set.grants("a:*", true), "a pattern is not exact");
    }

    #[test]
    fn every_text_that_gives_a_permission_is_named() {
        let set = PermissionSet::new(["*", "b", "a:*", "a:b"]);
        let granting: Vec<_> = set.granting(Asked::new("a:b", false)).collect();
        assert_eq!(
            granting,
            [&"a:b".into(), &"*".into(), &"a:*".into()] as [&Arc<str>; 3]
        );
    }

    #[test]
    fn a_shared_text_is_not_copied() {
        let text: Arc<str> = "a:b".into();
        let set = PermissionSet::new([Arc::clone(&text)]);
        assert!(set.texts().iter().all(|held| Arc::ptr_eq(held, &text)));
    }
}
