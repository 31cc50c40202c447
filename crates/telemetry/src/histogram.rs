//! Durations in a fixed number of counters: exact below 64 µs, within 1/32 above. Integers only. Not a metric: Prometheus
//! has its own in the recorder.

use std::time::Duration;

/// Buckets of one power of two: 2^5.
const STEPS_LOG2: u32 = 5;
const STEPS: usize = 1 << STEPS_LOG2;
/// Powers of two above the exact range that a 64-bit count of microseconds can have.
const BUCKETS: usize = STEPS * (64 - 5 + 1);

/// Counts of durations. It takes no room before the first is counted, 8 KiB after that.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    counts: Vec<u32>,
    total: u64,
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        if self.counts.is_empty() {
            self.counts.resize(BUCKETS, 0);
        }
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let count = &mut self.counts[bucket(us)];
        *count = count.saturating_add(1);
        self.total += 1;
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.clone_from(other);
            return;
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.total += other.total;
    }

    /// How many durations were counted.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The smallest bucket's upper end, in microseconds, that at least `per_mille` of the durations do not exceed; `None`
    /// when nothing was counted.
    pub fn quantile_us(&self, per_mille: u64) -> Option<u64> {
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
    let magnitude = u64::BITS - us.leading_zeros();
    let shift = magnitude.saturating_sub(STEPS_LOG2 + 1);
    let step = usize::try_from(us >> shift).expect("at most six bits remain");
    usize::try_from(shift).expect("at most 64") * STEPS + step
}

fn upper_us(index: usize) -> u64 {
    let shift = (index / STEPS).saturating_sub(1);
    let step = u128::try_from(index - shift * STEPS).expect("an index fits 128 bits");
    u64::try_from(((step + 1) << shift) - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, Histogram, bucket, upper_us};
    use std::time::Duration;

    #[test]
    fn every_duration_falls_into_the_bucket_that_covers_it() {
        for us in (0..10_000).chain((0..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 1])).chain([u64::MAX]) {
            let index = bucket(us);
            assert!(index < BUCKETS, "{us}");
            assert!(us <= upper_us(index), "{us}");
            assert!(index == 0 || upper_us(index - 1) < us, "{us}");
            assert!(upper_us(index) - us <= us / 32, "{us}");
        }
    }

    #[test]
    fn quantiles_count_from_below() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile_us(500), None);
        for ms in 1..=100 {
            histogram.record(Duration::from_millis(ms));
        }
        let p50 = histogram.quantile_us(500).unwrap();
        let p99 = histogram.quantile_us(990).unwrap();
        assert!((50_000..51_600).contains(&p50), "{p50}");
        assert!((99_000..102_100).contains(&p99), "{p99}");
        assert!(histogram.quantile_us(0).unwrap() >= 1_000);
    }

    #[test]
    fn two_merged_are_as_one_that_counted_all() {
        let (mut even, mut odd, mut all) = (Histogram::default(), Histogram::default(), Histogram::default());
        for us in 0..5_000 {
            let one = if us % 2 == 0 { &mut even } else { &mut odd };
            one.record(Duration::from_micros(us * 7));
            all.record(Duration::from_micros(us * 7));
        }
        even.merge(&odd);
        even.merge(&Histogram::default());
        assert_eq!(even.total(), all.total());
        for per_mille in [0, 1, 500, 990, 1_000] {
            assert_eq!(even.quantile_us(per_mille), all.quantile_us(per_mille));
        }
        let mut none = Histogram::default();
        none.merge(&all);
        assert_eq!((none.total(), none.quantile_us(500)), (all.total(), all.quantile_us(500)));
    }
}
