//! How long things took, in buckets: the width of a bucket is a 64th of what it counts, so that a quantile is off by
//! 1.6 % at most, from nanoseconds to hours, in 30 KiB.

use std::time::Duration;

const SUB_BITS: u32 = 6;
const SUB: usize = 1 << SUB_BITS;
const BUCKETS: usize = SUB * (64 - SUB_BITS as usize + 1);

#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u32>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            total: 0,
        }
    }
}

impl Histogram {
    pub(crate) fn record(&mut self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(bucket(nanos)) {
            *count = count.saturating_add(1);
            self.total += 1;
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.total += other.total;
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The time that `per_mille` of all things took at most; zero when there were none.
    pub(crate) fn quantile(&self, per_mille: u64) -> Duration {
        let wanted = (self.total * per_mille).div_ceil(1_000).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return Duration::from_nanos(end(index));
            }
        }
        Duration::ZERO
    }
}

/// Below 64 each number has a bucket of its own; above, the first six bits after the leading one tell it.
fn bucket(value: u64) -> usize {
    let shift = (64 - value.leading_zeros()).saturating_sub(SUB_BITS + 1);
    shift as usize * SUB + usize::try_from(value >> shift).unwrap_or(usize::MAX)
}

/// The largest value of a bucket.
fn end(index: usize) -> u64 {
    let shift = (index / SUB).saturating_sub(1);
    let lead = (index - shift * SUB) as u64;
    ((lead + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_it_says() {
        for value in (0..200).chain([1_000, 999_999, 123_456_789, 60_000_000_000]) {
            let end = end(bucket(value));
            assert!(
                value <= end && end <= value + value / 60 + 1,
                "{value} {end}"
            );
            assert_eq!(bucket(end), bucket(value));
        }
    }

    #[test]
    fn quantiles_are_those_of_all() {
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        for micros in 1..=500 {
            one.record(Duration::from_micros(micros));
            other.record(Duration::from_micros(micros + 500));
        }
        one.add(&other);
        assert_eq!(one.total(), 1_000);
        for (per_mille, micros) in [(500, 500.0), (990, 990.0), (1_000, 1_000.0)] {
            let found = one.quantile(per_mille).as_secs_f64() * 1e6;
            assert!(
                (micros..micros * 1.02).contains(&found),
                "{per_mille}: {found}"
            );
        }
        assert_eq!(Histogram::default().quantile(500), Duration::ZERO);
    }
}
