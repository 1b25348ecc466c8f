//! Numbers that look random and are the same in every run.

/// `SplitMix64` (Steele, Lea and Flood, 2014): enough to draw names and sizes with.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A stream of its own for each thing that is made, so that the order in which they are made does not matter.
    pub(crate) fn of(purpose: u64, index: u64) -> Self {
        let mut random = Self(purpose.wrapping_mul(0xd134_2543_de82_ef95) ^ index);
        random.next();
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when there is none.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or_default()
    }

    /// A number in `from..=to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// Whether something happens that does so in `percent` of all cases.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of the items; `None` when there are none.
    pub(crate) fn choose<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        let index = usize::try_from(self.below(items.len() as u64)).unwrap_or_default();
        items.get(index).copied()
    }

    /// One of the words; the empty one when there are none.
    pub(crate) fn word(&mut self, words: &[&'static str]) -> &'static str {
        self.choose(words).unwrap_or_default()
    }

    /// Puts the items into another order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap_or_default();
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_is_drawn_the_same_way() {
        let draw = |index| {
            let mut random = Random::of(7, index);
            (
                random.between(3, 9),
                random.chance(50),
                random.word(&["a", "b", "c"]),
            )
        };
        assert_eq!(draw(1), draw(1));
        assert!((0..100).all(|index| (3..=9).contains(&draw(index).0)));
        let mut items: Vec<u64> = (0..100).collect();
        Random::of(1, 1).shuffle(&mut items);
        assert!(items.windows(2).any(|pair| pair[0] > pair[1]));
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
