//! Durations in a fixed number of counters: exact below 32 µs, within 1/16 above, the same for everything beyond an hour.

use std::time::Duration;

/// Buckets of one power of two: 2^4.
const STEPS_LOG2: u32 = 4;
const STEPS: usize = 1 << STEPS_LOG2;
/// The longest duration that is told apart, in microseconds: 71 minutes.
const US_MAX: u64 = u32::MAX as u64;
const BUCKETS: usize = STEPS * (32 - 4 + 1);

/// Counts of durations. It takes no room before the first is counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    counts: Vec<u32>,
    total: u64,
}

impl Histogram {
    /// Counts one duration.
    pub(crate) fn record(&mut self, duration: Duration) {
        if self.counts.is_empty() {
            self.counts.resize(BUCKETS, 0);
        }
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let count = &mut self.counts[bucket(us)];
        *count = count.saturating_add(1);
        self.total += 1;
    }

    /// Adds what another one counted.
    pub(crate) fn add(&mut self, other: &Self) {
        if other.counts.is_empty() {
            return;
        }
        if self.counts.is_empty() {
            self.counts.resize(BUCKETS, 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.total += other.total;
    }

    /// How many durations were counted.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    /// The smallest bucket's upper end, in microseconds, that at least `per_mille` of the durations do not exceed; `None` when
    /// nothing was counted.
    pub(crate) fn quantile_us(&self, per_mille: u64) -> Option<u64> {
        let rank = (u128::from(self.total) * u128::from(per_mille)).div_ceil(1_000).max(1);
        let mut seen = 0_u128;
        for (index, count) in self.counts.iter().enumerate() {
            seen += u128::from(*count);
            if seen >= rank {
                return Some(upper_us(index));
            }
        }
        None
    }
}

fn bucket(us: u64) -> usize {
    let us = us.min(US_MAX);
    let magnitude = u64::BITS - us.leading_zeros();
    let shift = magnitude.saturating_sub(STEPS_LOG2 + 1);
    let step = usize::try_from(us >> shift).expect("at most five bits remain");
    usize::try_from(shift).expect("at most 32") * STEPS + step
}

fn upper_us(index: usize) -> u64 {
    let shift = (index / STEPS).saturating_sub(1);
    let step = u64::try_from(index - shift * STEPS).expect("an index fits 64 bits");
    ((step + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, Histogram, US_MAX, bucket, upper_us};
    use std::time::Duration;

    #[test]
    fn every_duration_falls_into_the_bucket_that_covers_it() {
        for us in (0..10_000).chain((0..32).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 1])).chain([US_MAX]) {
            let index = bucket(us);
            assert!(index < BUCKETS, "{us}");
            assert!(us <= upper_us(index), "{us}");
            assert!(index == 0 || upper_us(index - 1) < us, "{us}");
            assert!(upper_us(index) - us <= us / 16, "{us}");
        }
        assert_eq!(bucket(u64::MAX), bucket(US_MAX));
        assert_eq!(bucket(US_MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_count_from_below_and_over_what_was_added() {
        let (mut odd, mut all) = (Histogram::default(), Histogram::default());
        assert_eq!(all.quantile_us(500), None);
        for ms in 1..=100 {
            if ms % 2 == 1 { &mut odd } else { &mut all }.record(Duration::from_millis(ms));
        }
        all.add(&odd);
        all.add(&Histogram::default());
        assert_eq!(all.total(), 100);
        let p50 = all.quantile_us(500).unwrap();
        let p99 = all.quantile_us(990).unwrap();
        assert!((50_000..53_200).contains(&p50), "{p50}");
        assert!((99_000..105_200).contains(&p99), "{p99}");
        assert!(all.quantile_us(0).unwrap() >= 1_000);
    }
}
