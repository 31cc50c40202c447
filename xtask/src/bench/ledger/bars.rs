//! What must hold of a case, and whether it does.

use super::super::figures::{Bar, Figures, Spread, Spreads, reached};
use super::super::report::rounded;
use super::case::{Case, Size, Target};
use crate::Failure;
use serde_json::Value;

/// Where the disk is too slow for the bar of a bulk case, this part of the bytes that it takes …
const APPEND_SHARE: f64 = 0.8;
/// … and where it is too slow for small batches, this part of the syncs.
const SYNC_SHARE: f64 = 0.6;
const BYTES_ON_DISK_MAX: f64 = 300.0;
const BYTES_WRITTEN_MAX: f64 = 400.0;
const BATCH_MS_MAX: f64 = 250.0;
const RESTART_S_MAX: f64 = 5.0;

/// Fields of a case's object, with the digits after the point.
const NUMBERS: [(&str, usize); 13] = [
    ("transfers_per_s", 0),
    ("append_bytes_per_s", 0),
    ("fdatasync_per_s", 0),
    ("fdatasync_p50_us", 0),
    ("echo_p50_us", 0),
    ("memory_ceiling_per_s", 0),
    ("bytes_on_disk_per_transfer", 1),
    ("bytes_written_per_transfer", 1),
    ("rss_mb", 1),
    ("batch_p50_ms", 3),
    ("batch_p99_ms", 3),
    ("batch_max_ms", 3),
    ("restart_s", 3),
];

/// What a case must reach on the disk of this run, in transfers a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Demand {
    pub(super) bar: f64,
    pub(super) aim: f64,
    /// The disk is too slow for the bar that this would have.
    pub(super) is_of_disk: bool,
}

/// A case with what was found.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub(super) case: Case,
    pub(super) demand: Demand,
    spreads: Spreads,
}

impl Judged {
    /// By the medians of the rounds.
    pub(super) fn new(case: Case, rounds: &[Figures]) -> Result<Self, Failure> {
        let spreads = Spreads::new(rounds)?;
        let demand = demand(&case, &spreads)?;
        Ok(Self { case, demand, spreads })
    }

    /// A figure, if it was measured.
    pub(super) fn spread(&self, name: &str) -> Option<Spread> {
        self.spreads.get(name)
    }

    pub(super) fn median(&self, name: &str) -> Option<f64> {
        self.spread(name).map(|spread| spread.median)
    }

    /// Whether transfers came as fast as they should at best.
    pub(super) fn has_reached_aim(&self) -> bool {
        self.median("transfers_per_s").is_some_and(|found| found >= self.demand.aim)
    }

    /// Its bars. In few transfers the files that are made ahead would be most of their bytes.
    pub(super) fn bars(&self, size: Size) -> Vec<Bar> {
        let mut bars = vec![self.throughput()];
        if size == Size::Standard {
            bars.push(self.at_most("bytes_on_disk_per_transfer", "bytes on disk for a transfer", BYTES_ON_DISK_MAX, 0));
            bars.push(self.at_most("bytes_written_per_transfer", "bytes written for a transfer", BYTES_WRITTEN_MAX, 0));
        }
        bars.push(self.at_most("rss_mb", "MB of resident memory", self.case.rss_mb_max, 0));
        bars.push(self.at_most("batch_max_ms", "ms for the slowest batch, on a quiet machine", BATCH_MS_MAX, 1));
        bars.push(self.at_most("restart_s", "s to restart after kill -9", RESTART_S_MAX, 2));
        bars
    }

    fn throughput(&self) -> Bar {
        let Demand { bar, aim, is_of_disk } = self.demand;
        let found = self.median("transfers_per_s").unwrap_or(0.0);
        let why = match (self.case.target, is_of_disk) {
            (Target::OneByOne { bar_share, .. }, _) => format!(" ({bar_share} of one after the other)"),
            (Target::Bulk { bar, .. } | Target::Small { bar, .. }, true) => format!(" (the disk is too slow for {bar:.0})"),
            (Target::Bulk { .. } | Target::Small { .. }, false) => String::new(),
        };
        Bar {
            what: format!("{}: transfers a second, at least {bar:.0}{why}", self.case.name),
            found: format!("{found:.0} (the aim of {aim:.0} is {})", reached(self.has_reached_aim())),
            is_reached: found >= bar,
        }
    }

    fn at_most(&self, name: &str, what: &str, most: f64, digits: usize) -> Bar {
        let found = self.median(name);
        Bar {
            what: format!("{}: {what}, at most {most}", self.case.name),
            found: found.map_or("not measured".to_owned(), |found| format!("{found:.digits$}")),
            is_reached: found.is_some_and(|found| found <= most),
        }
    }

    /// The object of `--json`: medians, null for what was not measured.
    pub(super) fn json(&self) -> Result<String, Failure> {
        let number = |name: &str, digits| self.median(name).map_or(Value::Null, |median| rounded(median, digits));
        let mut fields: serde_json::Map<String, Value> =
            NUMBERS.into_iter().map(|(name, digits)| (name.to_owned(), number(name, digits))).collect();
        fields.insert("case".to_owned(), self.case.name.into());
        fields.insert("bar".to_owned(), rounded(self.demand.bar, 0));
        fields.insert("query_p99_ms".to_owned(), number("query_p99_ms", 3));
        serde_json::to_string(&fields).map_err(|error| Failure::new(format!("the figures are no JSON: {error}")))
    }
}

/// The bar of a case on the disk of this run.
fn demand(case: &Case, found: &Spreads) -> Result<Demand, Failure> {
    let (bar, aim, of_disk) = match case.target {
        Target::Bulk { bar, aim } => {
            let written = found.value("bytes_written_per_transfer")?;
            (bar, aim, APPEND_SHARE * found.value("append_bytes_per_s")? / written)
        }
        Target::Small { bar, aim } => {
            let at_once = f64::from(case.clients) * f64::from(case.batch);
            (bar, aim, SYNC_SHARE * at_once * found.value("fdatasync_per_s")?)
        }
        Target::OneByOne { bar_share, aim_share } => {
            let each_us = found.value("fdatasync_p50_us")? + found.value("echo_p50_us")?;
            let one_by_one = 1e6 / each_us.max(1.0);
            (bar_share * one_by_one, aim_share * one_by_one, f64::INFINITY)
        }
    };
    let is_of_disk = of_disk < bar;
    Ok(Demand { bar: if is_of_disk { of_disk } else { bar }, aim, is_of_disk })
}

/// Fields of a case's object, sorted.
#[cfg(test)]
pub(super) const FIELDS: [&str; 16] = [
    "append_bytes_per_s",
    "bar",
    "batch_max_ms",
    "batch_p50_ms",
    "batch_p99_ms",
    "bytes_on_disk_per_transfer",
    "bytes_written_per_transfer",
    "case",
    "echo_p50_us",
    "fdatasync_p50_us",
    "fdatasync_per_s",
    "memory_ceiling_per_s",
    "query_p99_ms",
    "restart_s",
    "rss_mb",
    "transfers_per_s",
];

#[cfg(test)]
pub(super) mod tests {
    use super::super::case::{Size, all};
    use super::{FIELDS, Figures, Judged};
    use serde_json::{Map, Value};

    /// Reaches every bar and aim of every case, each just so.
    pub(in super::super) const GOOD: [(&str, f64); 16] = [
        ("transfers_per_s", 1_200_000.0),
        ("batch_p50_ms", 10.0),
        ("batch_p99_ms", 40.0),
        ("batch_max_ms", 250.0),
        ("rss_mb", 1_000.0),
        ("cpu_us_per_transfer", 1.2),
        ("bytes_on_disk_per_transfer", 300.0),
        ("bytes_written_per_transfer", 400.0),
        ("restart_s", 5.0),
        ("append_bytes_per_s", 1e9),
        ("fdatasync_per_s", 6_000.0),
        ("fdatasync_p50_us", 150.0),
        ("fdatasync_p99_us", 300.0),
        ("echo_p50_us", 100.0),
        ("memory_ceiling_per_s", 6_000_000.0),
        ("query_p99_ms", 2.5),
    ];

    /// A case that found [`GOOD`], but for these.
    pub(in super::super) fn judged(name: &str, others: &[(&str, f64)]) -> Judged {
        let case = all(Size::Standard).into_iter().find(|case| case.name == name).unwrap();
        let mut figures = Figures::default();
        for (name, value) in GOOD.iter().chain(others) {
            figures.put(*name, *value);
        }
        Judged::new(case, &[figures]).map_err(|failure| failure.message).unwrap()
    }

    fn missed(judged: &Judged, size: Size) -> Vec<String> {
        judged.bars(size).into_iter().filter(|bar| !bar.is_reached).map(|bar| bar.what).collect()
    }

    #[test]
    fn every_case_has_its_bar_and_reaches_it_with_its_own_value() {
        for (name, bar, aim) in [
            ("bulk", 800_000.0, 1_200_000.0),
            ("bulk_1m_accounts", 500_000.0, 800_000.0),
            ("bulk_random_ids", 500_000.0, 800_000.0),
            ("batch100", 150_000.0, 220_000.0),
            ("single32", 20_000.0, 30_000.0),
            ("single1", 2_000.0, 2_800.0), // a sync and an echo take 250 µs
        ] {
            let at = |per_s: f64| judged(name, &[("transfers_per_s", per_s)]);
            assert_eq!(missed(&at(bar), Size::Standard), [""; 0], "{name}");
            assert_eq!(missed(&at(bar - 0.5), Size::Standard).len(), 1, "{name}");
            assert_eq!((at(aim).has_reached_aim(), at(aim - 0.5).has_reached_aim()), (true, false), "{name}");
            assert!(!at(bar).demand.is_of_disk, "{name}");
        }
    }

    #[test]
    fn a_slow_disk_lowers_the_bar_and_a_fast_one_does_not_raise_it() {
        let bar = |name: &str, others: &[(&str, f64)]| judged(name, others).demand;
        // 0.8 × 200 MB ÷ 400 bytes.
        let slow = bar("bulk", &[("append_bytes_per_s", 200e6)]);
        assert!((slow.bar - 400_000.0).abs() < 1e-6 && slow.is_of_disk && slow.aim > 1_199_999.0, "{slow:?}");
        assert!((bar("bulk", &[("append_bytes_per_s", 400e6)]).bar - 800_000.0).abs() < 1e-6);
        // 0.6 × 100 × 1000, and 0.6 × 32 × 500.
        assert!((bar("batch100", &[("fdatasync_per_s", 1_000.0)]).bar - 60_000.0).abs() < 1e-6);
        assert!((bar("single32", &[("fdatasync_per_s", 500.0)]).bar - 9_600.0).abs() < 1e-6);
        // This one follows the disk anyway.
        let one = bar("single1", &[("fdatasync_per_s", 1.0), ("fdatasync_p50_us", 9_900.0)]);
        assert!((one.bar - 50.0).abs() < 1e-6 && !one.is_of_disk, "{one:?}");
        let text = judged("bulk", &[("append_bytes_per_s", 200e6)]).bars(Size::Standard)[0].what.clone();
        assert_eq!(text, "bulk: transfers a second, at least 400000 (the disk is too slow for 800000)");
    }

    #[test]
    fn each_limit_is_judged_by_itself_and_bytes_only_in_full_size() {
        for (name, too_much) in [("rss_mb", 1_000.1), ("batch_max_ms", 250.1), ("restart_s", 5.1), ("bytes_on_disk_per_transfer", 300.1)] {
            assert_eq!(missed(&judged("bulk", &[(name, too_much)]), Size::Standard).len(), 1, "{name}");
        }
        let heavy = judged("bulk", &[("bytes_on_disk_per_transfer", 900.0), ("bytes_written_per_transfer", 900.0)]);
        assert_eq!((missed(&heavy, Size::Standard).len(), missed(&heavy, Size::Quick).len()), (2, 0));
        assert_eq!(missed(&judged("bulk_1m_accounts", &[("rss_mb", 2_000.0)]), Size::Standard), [""; 0]);
    }

    #[test]
    fn the_object_of_a_case_has_its_fields_and_no_others() {
        let object = |judged: &Judged| -> Map<String, Value> {
            serde_json::from_str(&judged.json().map_err(|failure| failure.message).unwrap()).unwrap()
        };
        let bulk = object(&judged("bulk", &[]));
        assert_eq!(bulk.keys().map(String::as_str).collect::<Vec<_>>(), FIELDS);
        assert_eq!((&bulk["bar"], &bulk["rss_mb"], &bulk["query_p99_ms"]), (&800_000.into(), &1_000.0.into(), &2.5.into()));
    }
}
