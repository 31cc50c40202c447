//! Latencies in a fixed number of counters: exact below 64 µs, within 1/32 above. Integers only.

use std::time::Duration;

/// Buckets of one power of two: 2^5.
const STEPS_LOG2: u32 = 5;
const STEPS: usize = 1 << STEPS_LOG2;
/// Powers of two above the exact range that a 64-bit count of microseconds can have.
const BUCKETS: usize = STEPS * (64 - 5 + 1);

/// Counts of durations.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// Nothing counted.
    pub fn new() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }

    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket(us)] += 1;
        self.total += 1;
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
    }

    /// The smallest bucket's upper end, in microseconds, that at least `per_mille` of the durations do not exceed; zero
    /// when nothing was counted.
    pub fn quantile_us(&self, per_mille: u64) -> u64 {
        let rank = (u128::from(self.total) * u128::from(per_mille)).div_ceil(1_000).max(1);
        let mut seen = 0_u128;
        for (index, count) in self.counts.iter().enumerate() {
            seen += u128::from(*count);
            if seen >= rank {
                return upper_us(index);
            }
        }
        0
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
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile_us(500), 0);
        for ms in 1..=100 {
            histogram.record(Duration::from_millis(ms));
        }
        let p50 = histogram.quantile_us(500);
        let p99 = histogram.quantile_us(990);
        assert!((50_000..51_600).contains(&p50), "{p50}");
        assert!((99_000..102_100).contains(&p99), "{p99}");
        assert!(histogram.quantile_us(0) >= 1_000);
    }

    #[test]
    fn two_merged_are_as_one_that_counted_all() {
        let (mut even, mut odd, mut all) = (Histogram::new(), Histogram::new(), Histogram::new());
        for us in 0..5_000 {
            let one = if us % 2 == 0 { &mut even } else { &mut odd };
            one.record(Duration::from_micros(us * 7));
            all.record(Duration::from_micros(us * 7));
        }
        even.merge(&odd);
        for per_mille in [0, 1, 500, 990, 1_000] {
            assert_eq!(even.quantile_us(per_mille), all.quantile_us(per_mille));
        }
    }
}
