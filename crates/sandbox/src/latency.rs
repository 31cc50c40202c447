//! How long answers take: distributions drawn from the seed, in whole numbers, so that every machine draws the same.

use crate::random;
use serde::{Deserialize, Serialize};

/// Longest latency, in milliseconds.
pub const LATENCY_MS_MAX: u64 = 3_600_000;
const PPM: u64 = 1_000_000;
/// Quantiles of the standard normal distribution: of so many millionths of all draws the value is at most so many
/// thousandths. Between two points the value is interpolated.
const NORMAL: [(u64, i64); 17] = [
    (0, -4_265),
    (100, -3_719),
    (1_000, -3_090),
    (10_000, -2_326),
    (50_000, -1_645),
    (100_000, -1_282),
    (250_000, -674),
    (400_000, -253),
    (500_000, 0),
    (600_000, 253),
    (750_000, 674),
    (900_000, 1_282),
    (950_000, 1_645),
    (990_000, 2_326),
    (999_000, 3_090),
    (999_900, 3_719),
    (PPM, 4_265),
];
/// The value that 99 % of all draws do not exceed, in thousandths.
const P99_MILLI: i64 = 2_326;
/// 2^(1/2), 2^(1/4), 2^(1/8) and so on, in units of 2^-32.
const ROOTS: [u128; 16] = [
    6_074_000_999,
    5_107_605_666,
    4_683_695_047,
    4_485_121_743,
    4_389_014_833,
    4_341_736_423,
    4_318_288_543,
    4_306_612_133,
    4_300_785_773,
    4_297_875_549,
    4_296_421_176,
    4_295_694_174,
    4_295_330_719,
    4_295_149_003,
    4_295_058_148,
    4_295_012_721,
];

/// A distribution of latencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "snake_case", deny_unknown_fields)]
pub enum Latency {
    /// Every value between two bounds is as likely.
    Uniform {
        /// Shortest, ms.
        min_ms: u64,
        /// Longest, ms.
        max_ms: u64,
    },
    /// A bell around a mean; never below zero.
    Normal {
        /// Mean, ms.
        mean_ms: u64,
        /// Standard deviation, ms.
        deviation_ms: u64,
    },
    /// Log-normal: most answers are quick, few are very slow.
    LongTail {
        /// Half of all answers take at most this, ms; at least 1.
        p50_ms: u64,
        /// 99 % of all answers take at most this, ms; at least the median.
        p99_ms: u64,
    },
}

impl Latency {
    /// Checks the distribution's own limits.
    ///
    /// # Errors
    /// What is wrong, in words for the operator.
    pub fn check(self) -> Result<(), String> {
        let (low, high) = match self {
            Self::Uniform { min_ms, max_ms } => (min_ms, max_ms),
            Self::Normal { mean_ms, deviation_ms } => (deviation_ms.min(mean_ms), mean_ms.max(deviation_ms)),
            Self::LongTail { p50_ms: 0, .. } => return Err("p50_ms must be at least 1".to_owned()),
            Self::LongTail { p50_ms, p99_ms } => (p50_ms, p99_ms),
        };
        if low > high {
            return Err("the lower latency is above the higher one".to_owned());
        }
        if high > LATENCY_MS_MAX {
            return Err(format!("a latency must be at most {LATENCY_MS_MAX} ms"));
        }
        Ok(())
    }

    /// The latency at `counter` of a stream of draws, ms.
    pub fn draw(self, seed: u64, stream: u64, counter: u64) -> u64 {
        let drawn_ms = match self {
            Self::Uniform { min_ms, max_ms } => {
                min_ms.saturating_add(random::below(seed, stream, counter, max_ms.saturating_sub(min_ms).saturating_add(1)))
            }
            Self::Normal { mean_ms, deviation_ms } => {
                let normal = normal_milli(random::below(seed, stream, counter, PPM));
                let part_ms = deviation_ms.min(LATENCY_MS_MAX).saturating_mul(normal.unsigned_abs()) / 1_000;
                if normal < 0 { mean_ms.saturating_sub(part_ms) } else { mean_ms.saturating_add(part_ms) }
            }
            Self::LongTail { p50_ms, p99_ms } => {
                let normal = normal_milli(random::below(seed, stream, counter, PPM));
                // x = p50 · (p99 / p50)^(z / 2.326)
                times_power_of_two(p50_ms.min(LATENCY_MS_MAX), normal * log2_q16(p99_ms.min(LATENCY_MS_MAX), p50_ms) / P99_MILLI)
            }
        };
        drawn_ms.min(LATENCY_MS_MAX)
    }
}

/// The standard normal value, in thousandths, below which so many millionths of all draws lie.
fn normal_milli(ppm: u64) -> i64 {
    let above = NORMAL.iter().position(|(point, _)| ppm < *point).unwrap_or(NORMAL.len() - 1).max(1);
    let ((from_ppm, from), (to_ppm, to)) = (NORMAL[above - 1], NORMAL[above]);
    let rise = i64::try_from((ppm - from_ppm).saturating_mul((to - from).unsigned_abs()) / (to_ppm - from_ppm));
    from + rise.expect("a part of a small difference")
}

/// The binary logarithm of a ratio of at least one, in units of 2^-16.
fn log2_q16(numerator: u64, denominator: u64) -> i64 {
    const TWO: u128 = 2 << 32;
    let mut rest = (u128::from(numerator) << 32) / u128::from(denominator.max(1));
    let mut log = 0i64;
    while rest >= TWO {
        rest >>= 1;
        log += 1 << 16;
    }
    for bit in (0..16).rev() {
        rest = (rest * rest) >> 32;
        if rest >= TWO {
            rest >>= 1;
            log += 1 << bit;
        }
    }
    log
}

/// A number times two to a power in units of 2^-16.
fn times_power_of_two(number: u64, power_q16: i64) -> u64 {
    let (whole, part) = (power_q16.div_euclid(1 << 16), power_q16.rem_euclid(1 << 16));
    let mut product = u128::from(number) << 32;
    for (place, root) in ROOTS.iter().enumerate() {
        if part & (1 << (15 - place)) != 0 {
            product = (product * root) >> 32;
        }
    }
    // A number of at most 22 bits, times at most two, has room for that.
    let shift = u32::try_from(whole.unsigned_abs().min(40)).expect("at most 40");
    let product = if whole < 0 { product >> shift } else { product << shift };
    u64::try_from((product + (1 << 31)) >> 32).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Median, 99th percentile, smallest and largest of many draws.
    fn seen(latency: Latency) -> [u64; 4] {
        let mut drawn: Vec<u64> = (0..20_000).map(|counter| latency.draw(7, 1, counter)).collect();
        drawn.sort_unstable();
        [drawn[10_000], drawn[19_800], drawn[0], drawn[19_999]]
    }

    #[test]
    fn draws_follow_their_distribution() {
        let near = |seen: u64, expected: u64| seen.abs_diff(expected) <= expected / 12 + 1;
        for (latency, p50, p99) in [
            (Latency::Uniform { min_ms: 100, max_ms: 300 }, 200, 298),
            (Latency::Uniform { min_ms: 5, max_ms: 5 }, 5, 5),
            (Latency::Normal { mean_ms: 500, deviation_ms: 50 }, 500, 616),
            (Latency::LongTail { p50_ms: 20, p99_ms: 400 }, 20, 400),
            (Latency::LongTail { p50_ms: 100, p99_ms: 100 }, 100, 100),
        ] {
            let [median, high, _, _] = seen(latency);
            assert!(near(median, p50) && near(high, p99), "{latency:?}: {median} {high}");
        }
        let [.., low, high] = seen(Latency::LongTail { p50_ms: 20, p99_ms: 400 });
        assert!(low < 2 && high > 1_000, "{low} {high}");
        assert_eq!(seen(Latency::Normal { mean_ms: 10, deviation_ms: 10 })[2], 0, "a latency is never negative");
        assert!(seen(Latency::Uniform { min_ms: 100, max_ms: 300 })[2] >= 100);
    }

    #[test]
    fn the_longest_latency_is_bounded() {
        for latency in [
            Latency::Uniform { min_ms: 0, max_ms: u64::MAX },
            Latency::Normal { mean_ms: u64::MAX, deviation_ms: u64::MAX },
            Latency::LongTail { p50_ms: 1, p99_ms: u64::MAX },
            Latency::LongTail { p50_ms: u64::MAX, p99_ms: u64::MAX },
        ] {
            assert!((0..1_000).all(|counter| latency.draw(1, 1, counter) <= LATENCY_MS_MAX), "{latency:?}");
            assert!(latency.check().is_err(), "{latency:?}");
        }
    }

    #[test]
    fn distributions_that_make_no_sense_are_refused() {
        for (latency, fits) in [
            (Latency::Uniform { min_ms: 2, max_ms: 1 }, false),
            (Latency::LongTail { p50_ms: 2, p99_ms: 1 }, false),
            (Latency::LongTail { p50_ms: 0, p99_ms: 1 }, false),
            (Latency::Normal { mean_ms: 0, deviation_ms: 5 }, true),
            (Latency::LongTail { p50_ms: 1, p99_ms: 1 }, true),
        ] {
            assert_eq!(latency.check().is_ok(), fits, "{latency:?}");
        }
    }
}
