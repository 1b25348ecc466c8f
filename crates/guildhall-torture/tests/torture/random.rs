//! Draws that a seed repeats.

/// `SplitMix64` (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream of its own, for somebody who draws beside others.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Whether something happens that does so in `percent` of all cases.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A duration up to `most`, short ones as likely as long ones are: each doubling has the same chance.
    pub(crate) fn moment(&mut self, most: std::time::Duration) -> std::time::Duration {
        let halvings = u32::try_from(self.below(6)).unwrap();
        let bound = u64::try_from(most.as_micros()).unwrap() >> halvings;
        std::time::Duration::from_micros(bound / 2 + self.below(bound / 2 + 1))
    }

    /// One of the items, if there are any.
    pub(crate) fn pick<T>(&mut self, mut items: impl ExactSizeIterator<Item = T>) -> Option<T> {
        let count = items.len() as u64;
        let index = self.next().checked_rem(count)?;
        items.nth(usize::try_from(index).unwrap())
    }
}
