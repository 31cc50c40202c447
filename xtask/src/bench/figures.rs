//! Figures of rounds by name, their medians, and the bars.

use crate::Failure;
use std::collections::{BTreeMap, BTreeSet};

/// Payments a second are at least the echo's divided by this.
pub(super) const RATIO_BAR: f64 = 25.0;
/// What we aim at.
pub(super) const RATIO_AIM: f64 = 15.0;
/// Added latency is at most so many times the median of `fdatasync` …
const ADDED_SYNCS: f64 = 4.0;
/// … and so many ms.
const ADDED_MS: f64 = 2.0;
/// Longest restart, in seconds.
const RESTART_S: f64 = 5.0;

/// What one round found.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures(BTreeMap<String, f64>);

impl Figures {
    pub(super) fn put(&mut self, name: impl Into<String>, value: f64) {
        self.0.insert(name.into(), value);
    }

    pub(super) fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    pub(super) fn value(&self, name: &str) -> Result<f64, Failure> {
        self.get(name).ok_or_else(|| Failure::new(format!("{name} was not measured")))
    }
}

/// The median of a figure, with the smallest and the largest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    /// Of at least one value.
    pub(super) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1], values[middle]) } else { values[middle] };
        Some(Self { median, min, max })
    }
}

/// A journal of many payments.
#[derive(Clone, Debug)]
pub(super) struct Million {
    pub(super) payments: u64,
    pub(super) events: u64,
    pub(super) fill_s: f64,
    /// Payments a second of the last pieces, when the journal is nearly full.
    pub(super) last_payments_per_s: f64,
    /// From the start of the process to the first answered payment.
    pub(super) restart_s: Spread,
    /// Of the restarted process, when it answered.
    pub(super) rss_mb: Spread,
    /// Of the process that made the journal, at its end.
    pub(super) fill_rss_mb: f64,
    pub(super) journal_bytes: u64,
    pub(super) snapshot_bytes: u64,
    pub(super) views_bytes: u64,
}

/// What must hold, and whether it does.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) what: String,
    pub(super) found: String,
    pub(super) is_reached: bool,
}

/// Figures of several rounds, by name.
#[derive(Clone, Debug)]
pub(super) struct Spreads(BTreeMap<String, Spread>);

impl Spreads {
    /// Medians over the rounds. What only some rounds have, such as a thread that did nothing in the others, counts as zero
    /// there.
    pub(super) fn new(rounds: &[Figures]) -> Result<Self, Failure> {
        let names: BTreeSet<&String> = rounds.iter().flat_map(|round| round.0.keys()).collect();
        let spread = |name: &String| Spread::of(rounds.iter().map(|round| round.get(name).unwrap_or(0.0)).collect());
        let spreads: BTreeMap<String, Spread> = names.into_iter().filter_map(|name| Some((name.clone(), spread(name)?))).collect();
        if spreads.is_empty() { Err(Failure::new("nothing was measured")) } else { Ok(Self(spreads)) }
    }

    /// A figure's spread, if any round has it.
    pub(super) fn get(&self, name: &str) -> Option<Spread> {
        self.0.get(name).copied()
    }

    /// A figure's median, which some round must have.
    pub(super) fn value(&self, name: &str) -> Result<f64, Failure> {
        self.get(name).map(|spread| spread.median).ok_or_else(|| Failure::new(format!("{name} was not measured")))
    }
}

/// Everything that was found.
#[derive(Clone, Debug)]
pub(super) struct Summary {
    spreads: Spreads,
    pub(super) million: Option<Million>,
}

impl Summary {
    /// Medians over the rounds.
    pub(super) fn new(rounds: &[Figures], million: Option<Million>) -> Result<Self, Failure> {
        Ok(Self { spreads: Spreads::new(rounds)?, million })
    }

    /// A figure's spread; zeros when it was not measured, which only a stage that did nothing can be.
    pub(super) fn spread(&self, name: &str) -> Spread {
        self.spreads.get(name).unwrap_or(Spread { median: 0.0, min: 0.0, max: 0.0 })
    }

    pub(super) fn median(&self, name: &str) -> f64 {
        self.spread(name).median
    }

    /// Figures whose names begin with this, without it.
    pub(super) fn family<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, Spread)> {
        self.spreads.0.iter().filter_map(move |(name, spread)| Some((name.strip_prefix(prefix)?, *spread)))
    }

    /// The longest added latency that reaches the bar, in ms.
    pub(super) fn added_ms_max(&self) -> f64 {
        ADDED_SYNCS * self.median("fsync_p50_us") / 1_000.0 + ADDED_MS
    }

    /// All bars that this run can tell.
    pub(super) fn bars(&self) -> Vec<Bar> {
        let divisor = 1.0 / self.median("ratio_to_echo");
        let (added, added_max) = (self.median("added_p50_ms"), self.added_ms_max());
        let mut bars = vec![
            Bar {
                what: format!("payments a second, at least 1/{RATIO_BAR} of the echo's"),
                found: format!("1/{divisor:.1} (the aim of 1/{RATIO_AIM} is {})", reached(divisor <= RATIO_AIM)),
                is_reached: divisor <= RATIO_BAR,
            },
            Bar {
                what: format!("added latency p50, at most {ADDED_SYNCS} fdatasync + {ADDED_MS} ms = {added_max:.2} ms"),
                found: format!("{added:.2} ms"),
                is_reached: added <= added_max,
            },
        ];
        if let Some(Million { payments, restart_s, .. }) = &self.million {
            bars.push(Bar {
                what: format!("restart on {payments} payments, at most {RESTART_S} s"),
                found: format!("{:.2} s", restart_s.median),
                is_reached: restart_s.median <= RESTART_S,
            });
        }
        bars
    }
}

/// A bar's verdict in a word.
pub(super) const fn reached(is_reached: bool) -> &'static str {
    if is_reached { "reached" } else { "missed" }
}

#[cfg(test)]
mod tests {
    use super::{Figures, Spread, Summary};

    fn round(ratio: f64, added: f64) -> Figures {
        let mut figures = Figures::default();
        figures.put("ratio_to_echo", ratio);
        figures.put("added_p50_ms", added);
        figures.put("fsync_p50_us", 250.0);
        figures
    }

    #[test]
    fn a_spread_has_the_middle_value_and_both_ends() {
        let spread = |values: &[f64]| Spread::of(values.to_vec()).map(|spread| (spread.median, spread.min, spread.max));
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some((2.0, 1.0, 3.0)));
        assert_eq!(spread(&[4.0, 1.0]), Some((2.5, 1.0, 4.0)));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn bars_are_judged_by_medians_and_include_their_own_value() {
        let judge = |rounds: &[Figures]| {
            let bars = Summary::new(rounds, None).map(|summary| summary.bars()).unwrap_or_default();
            bars.iter().map(|bar| bar.is_reached).collect::<Vec<_>>()
        };
        assert_eq!(judge(&[round(1.0 / 25.0, 3.0), round(0.001, 9.0), round(0.5, 0.1)]), [true, true]);
        assert_eq!(judge(&[round(1.0 / 25.1, 3.0), round(1.0 / 26.0, 3.01), round(0.5, 3.01)]), [false, false]);
    }

    #[test]
    fn a_figure_that_a_round_lacks_counts_as_zero_there() {
        let mut first = round(0.1, 1.0);
        first.put("cpu.platform.snapshots", 9.0);
        let summary = Summary::new(&[first, round(0.1, 1.0), round(0.1, 1.0)], None).map_err(|failure| failure.message).unwrap();
        assert_eq!(summary.spread("cpu.platform.snapshots"), Spread { median: 0.0, min: 0.0, max: 9.0 });
        assert_eq!(summary.family("cpu.platform.").count(), 1);
    }
}
