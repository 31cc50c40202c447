//! What a run did: counts, sums per currency, latencies; as one JSON object and as a table. Its size does not depend
//! on the number of orders.

use super::judge::Outcome;
use base::{Currency, Money};
use serde::Serialize;
use serde_json::Number;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;
use telemetry::Histogram;

/// Most reasons that are counted by name; further ones are counted together.
const REASONS_MAX: usize = 64;
/// Where further reasons are counted.
const REASON_OTHER: &str = "other";
/// Refused rows that a summary keeps.
const REFUSED_ROWS_KEPT_MAX: usize = 20;

/// One refused row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// Line of the file, from 1.
    pub line: u64,
    /// Stable code.
    pub code: String,
    /// For people.
    pub reason: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every row was taken.
    Completed,
    /// It was interrupted: rows after the last one taken were not sent.
    Interrupted,
    /// It could not go on, for this reason: rows after the last one taken were not sent.
    Failed(String),
}

/// What a run did.
#[derive(Clone, Debug)]
pub struct Summary {
    /// How it ended.
    pub ended: Ended,
    /// Rows taken from the file: the sum of the five below.
    pub orders: u64,
    /// Authorised or captured by this run.
    pub charged: u64,
    /// Answered before, whatever the answer was.
    pub replayed: u64,
    /// Declined in this run.
    pub declined: u64,
    /// Rows that are no orders, and orders that the platform does not take as they are.
    pub refused: u64,
    /// Not decided yet, or not known.
    pub pending: u64,
    /// Sums of what this run charged, in minor units.
    pub totals: BTreeMap<Currency, u128>,
    /// Failures by kind and code: declines, refusals, pending orders.
    pub failures: BTreeMap<(&'static str, String), u64>,
    /// The first refused rows.
    pub refused_rows: Vec<RefusedRow>,
    /// How long the run took.
    pub wall: Duration,
    /// Orders that the platform answered.
    pub answered: u64,
    latencies: Histogram,
}

/// The object that `--json` prints; its fields and their order are a contract.
#[derive(Serialize)]
struct Document {
    orders: u64,
    charged: u64,
    replayed: u64,
    declined: u64,
    refused: u64,
    pending: u64,
    totals: BTreeMap<&'static str, u128>,
    wall_s: Number,
    payments_per_s: Number,
    p50_ms: Number,
    p99_ms: Number,
}

impl Summary {
    pub(super) fn new() -> Self {
        Self {
            ended: Ended::Completed,
            orders: 0,
            charged: 0,
            replayed: 0,
            declined: 0,
            refused: 0,
            pending: 0,
            totals: BTreeMap::new(),
            failures: BTreeMap::new(),
            refused_rows: Vec::new(),
            wall: Duration::ZERO,
            answered: 0,
            latencies: Histogram::default(),
        }
    }

    /// Counts a row that is no order, or an order that is not taken.
    pub(super) fn count_refused(&mut self, row: RefusedRow) {
        self.orders += 1;
        self.refused += 1;
        self.count_failure("refused", &row.code);
        if self.refused_rows.len() < REFUSED_ROWS_KEPT_MAX {
            self.refused_rows.push(row);
        }
    }

    /// Counts an order that the platform answered.
    pub(super) fn count_answered(&mut self, line: u64, money: Money, outcome: Outcome, latency: Duration) {
        self.answered += 1;
        self.latencies.record(latency);
        match outcome {
            Outcome::Charged => {
                self.orders += 1;
                self.charged += 1;
                *self.totals.entry(money.currency).or_default() += u128::from(money.amount_minor);
            }
            Outcome::Replayed => {
                self.orders += 1;
                self.replayed += 1;
            }
            Outcome::Declined { code } => {
                self.orders += 1;
                self.declined += 1;
                self.count_failure("declined", &code);
            }
            Outcome::Refused { code, reason } => self.count_refused(RefusedRow { line, code, reason }),
            Outcome::Pending { code } => self.count_pending(&code),
        }
    }

    /// Counts an order whose fate is not known.
    pub(super) fn count_pending(&mut self, code: &str) {
        self.orders += 1;
        self.pending += 1;
        self.count_failure("pending", code);
    }

    fn count_failure(&mut self, kind: &'static str, code: &str) {
        let known = (kind, code.to_owned());
        let room = self.failures.len() < REASONS_MAX || self.failures.contains_key(&known);
        *self.failures.entry(if room { known } else { (kind, REASON_OTHER.to_owned()) }).or_default() += 1;
    }

    /// 0 when every row was taken, however it went; 130 when interrupted; 1 when the run could not go on.
    pub const fn exit_code(&self) -> u8 {
        match self.ended {
            Ended::Completed => 0,
            Ended::Interrupted => 130,
            Ended::Failed(_) => 1,
        }
    }

    /// One JSON object on one line, without the line's end.
    pub fn json(&self) -> String {
        let document = Document {
            orders: self.orders,
            charged: self.charged,
            replayed: self.replayed,
            declined: self.declined,
            refused: self.refused,
            pending: self.pending,
            totals: self.totals.iter().map(|(currency, amount_minor)| (currency.alpha(), *amount_minor)).collect(),
            wall_s: thousandths(self.wall.as_millis()),
            payments_per_s: thousandths(self.payments_per_1000_s()),
            p50_ms: thousandths(self.latencies.quantile_us(500).unwrap_or(0).into()),
            p99_ms: thousandths(self.latencies.quantile_us(990).unwrap_or(0).into()),
        };
        serde_json::to_string(&document).expect("numbers and currency codes are always JSON")
    }

    fn payments_per_1000_s(&self) -> u128 {
        u128::from(self.answered) * 1_000_000 / self.wall.as_millis().max(1)
    }

    /// A table for people, with a line end after each row.
    pub fn table(&self) -> String {
        let mut lines = vec![
            ("orders".to_owned(), grouped(self.orders.into()), String::new()),
            ("  charged".to_owned(), grouped(self.charged.into()), self.totals_text()),
            ("  replayed".to_owned(), grouped(self.replayed.into()), String::new()),
            ("  declined".to_owned(), grouped(self.declined.into()), String::new()),
            ("  refused".to_owned(), grouped(self.refused.into()), String::new()),
            ("  pending".to_owned(), grouped(self.pending.into()), String::new()),
        ];
        for ((kind, code), count) in &self.failures {
            lines.push((format!("{kind}: {code}"), grouped((*count).into()), String::new()));
        }
        let speed = format!("{} payments/s", thousandths(self.payments_per_1000_s()));
        lines.push(("seconds".to_owned(), thousandths(self.wall.as_millis()).to_string(), speed));
        let p99 = format!("p99 {}", thousandths(self.latencies.quantile_us(990).unwrap_or(0).into()));
        lines.push(("ms, p50".to_owned(), thousandths(self.latencies.quantile_us(500).unwrap_or(0).into()).to_string(), p99));
        let name_width = lines.iter().map(|(name, _, _)| name.len()).max().unwrap_or(0);
        let count_width = lines.iter().map(|(_, count, _)| count.len()).max().unwrap_or(0);
        let mut text = String::new();
        for (name, count, note) in lines {
            let line = format!("{name:name_width$}  {count:>count_width$}  {note}");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        for RefusedRow { line, code, reason } in &self.refused_rows {
            writeln!(text, "line {line}: {code}: {reason}").expect("a String takes everything");
        }
        let more = self.refused.saturating_sub(u64::try_from(self.refused_rows.len()).expect("a short list"));
        if more > 0 {
            writeln!(text, "and {more} more refused rows").expect("a String takes everything");
        }
        text
    }

    fn totals_text(&self) -> String {
        let sums = self.totals.iter().map(|(currency, amount_minor)| major(*currency, *amount_minor));
        sums.collect::<Vec<_>>().join(", ")
    }
}

/// `1234` as `1.234`; floats only in what JSON makes of it.
fn thousandths(count: u128) -> Number {
    let text = format!("{}.{:03}", count / 1_000, count % 1_000);
    serde_json::from_str(&text).expect("digits, a point and digits are a JSON number")
}

/// Digits in groups of three.
fn grouped(count: u128) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Major units with the currency; sums may be larger than one amount may.
fn major(currency: Currency, amount_minor: u128) -> String {
    let exponent = usize::from(currency.exponent());
    let digits = format!("{amount_minor:0width$}", width = exponent + 1);
    let (whole, fraction) = digits.split_at(digits.len() - exponent);
    let point = if exponent == 0 { "" } else { "." };
    format!("{whole}{point}{fraction} {currency}")
}

#[cfg(test)]
mod tests {
    use super::{Ended, Outcome, RefusedRow, Summary};
    use base::Money;
    use std::time::Duration;

    fn money(amount: &str, currency: &str) -> Money {
        Money::parse_major(amount, currency.parse().unwrap()).unwrap()
    }

    fn refused(line: u64) -> RefusedRow {
        RefusedRow { line, code: "amount_zero".into(), reason: "the amount is zero".into() }
    }

    fn example() -> Summary {
        let mut summary = Summary::new();
        let latency = Duration::from_micros(40);
        summary.count_answered(2, money("19.99", "EUR"), Outcome::Charged, latency);
        summary.count_answered(3, money("0.01", "EUR"), Outcome::Charged, latency);
        summary.count_answered(4, money("500", "JPY"), Outcome::Charged, latency);
        summary.count_answered(5, money("7", "USD"), Outcome::Replayed, latency);
        summary.count_answered(6, money("7", "USD"), Outcome::Declined { code: "insufficient_funds".into() }, latency);
        summary.count_answered(7, money("7", "USD"), Outcome::Pending { code: "processing".into() }, latency);
        summary.count_answered(
            8,
            money("7", "USD"),
            Outcome::Refused { code: "reference_conflict".into(), reason: "other".into() },
            latency,
        );
        summary.count_refused(refused(9));
        summary.wall = Duration::from_millis(3_500);
        summary
    }

    #[test]
    fn the_json_object_has_its_fields_in_their_order_and_nothing_else() {
        let expected = r#"{"orders":8,"charged":3,"replayed":1,"declined":1,"refused":2,"pending":1,"totals":{"EUR":2000,"JPY":500},"wall_s":3.5,"payments_per_s":2.0,"p50_ms":0.04,"p99_ms":0.04}"#;
        assert_eq!(example().json(), expected);
        assert_eq!(
            Summary::new().json(),
            r#"{"orders":0,"charged":0,"replayed":0,"declined":0,"refused":0,"pending":0,"totals":{},"wall_s":0.0,"payments_per_s":0.0,"p50_ms":0.0,"p99_ms":0.0}"#
        );
    }

    #[test]
    fn the_table_is_aligned() {
        let expected = "\
orders                           8
  charged                        3  500 JPY, 20.00 EUR
  replayed                       1
  declined                       1
  refused                        2
  pending                        1
declined: insufficient_funds     1
pending: processing              1
refused: amount_zero             1
refused: reference_conflict      1
seconds                        3.5  2.0 payments/s
ms, p50                       0.04  p99 0.04
line 8: reference_conflict: other
line 9: amount_zero: the amount is zero
";
        assert_eq!(example().table(), expected);
    }

    #[test]
    fn a_summary_stays_small_whatever_is_refused() {
        let mut summary = Summary::new();
        for line in 0..10_000 {
            summary.count_refused(RefusedRow { line, code: format!("code_{line}"), reason: String::new() });
        }
        assert_eq!(summary.refused_rows.len(), 20);
        assert_eq!(summary.failures.len(), 65);
        assert_eq!(summary.failures.values().sum::<u64>(), 10_000);
        assert!(summary.table().ends_with("and 9980 more refused rows\n"));
    }

    #[test]
    fn exit_codes_tell_how_the_run_ended_and_not_how_orders_went() {
        let mut summary = example();
        assert_eq!(summary.exit_code(), 0);
        summary.ended = Ended::Interrupted;
        assert_eq!(summary.exit_code(), 130);
        summary.ended = Ended::Failed("gone".into());
        assert_eq!(summary.exit_code(), 1);
    }
}
