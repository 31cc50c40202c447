//! What was found, as text for people and as one JSON object.

use super::ROUNDS;
use super::Times;
use super::figures::{Bar, Million, Spread, Summary, reached};
use super::machine::cpus;
use super::programs::CONNECTIONS;
use super::round::RATE;
use crate::Failure;
use serde_json::Value;
use std::fmt::Write;

/// What each of the platform's threads does.
pub(super) const STAGES: [(&str, &str); 7] = [
    ("runtime", "HTTP, sealing, calls to the provider, its webhooks"),
    ("views", "rows of the read models"),
    ("sequencer", "decides, encodes, releases"),
    ("journal", "appends, fdatasync"),
    ("keys", "keys of new persons, fdatasync"),
    ("segments", "fills the next segment with zeros"),
    ("snapshots", "snapshots, one in 200,000 events"),
];

/// The whole report.
pub(super) fn text(summary: &Summary, machine: &str, times: Times) -> String {
    let mut text = head(machine, times);
    throughput(summary, &mut text);
    cpu(summary, &mut text);
    resources(summary, &mut text);
    latency(summary, &mut text);
    if let Some(million) = &summary.million {
        long_journal(million, &mut text);
    }
    line(&mut text, "");
    for Bar { what, found, is_reached } in summary.bars() {
        line(&mut text, &format!("{}  {what}: {found}", if is_reached { "reached" } else { "MISSED " }));
    }
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

/// A figure with its spread; `digits` after the point.
fn row(text: &mut String, name: &str, spread: Spread, digits: usize, unit: &str) {
    let Spread { median, min, max } = spread;
    line(text, &format!("{name:<26} {median:>10.digits$} {min:>10.digits$} {max:>10.digits$}  {unit}"));
}

fn head(machine: &str, times: Times) -> String {
    let (cpus, payments_s, open_s) = (cpus(), times.payments / 1_000, times.open / 1_000);
    format!(
        "Medians of {ROUNDS} rounds, with the smallest and the largest.\n\
         machine   {machine}\n\
         shared    The {cpus} CPUs are shared by all: load generator and simulator, one thread each, and the platform with all\n\
         \x20         of its threads. Of the yardsticks, the echo and the relay have a thread for each CPU, as the platform has.\n\
         payment   One POST /v1/payments that creates and confirms, for a new customer each; {CONNECTIONS} connections ask again as\n\
         \x20         soon as they are answered, for {payments_s} s. The simulator is in memory and adds no latency. Every answer and\n\
         \x20         every send waits for fdatasync. The clock stops when all webhooks are delivered and the read models caught up.\n\
         webhooks  The events of `bezant config webhook-events`, as the guide says: one for each payment of the three that\n\
         \x20         the simulator has.\n\
         open loop {RATE} payments a second at fixed times for {open_s} s; latencies count from when a request was due.\n\n\
         {:<26} {:>10} {:>10} {:>10}\n",
        "", "median", "min", "max"
    )
}

fn throughput(summary: &Summary, text: &mut String) {
    row(text, "echo ceiling", summary.spread("echo_per_s"), 0, "a second: axum reads and writes a payment as JSON");
    row(text, "relay ceiling", summary.spread("relay_per_s"), 0, "a second: a handler that only calls the simulator");
    row(text, "append ceiling", summary.spread("append_batches_per_s"), 0, "batches a second, each with its fdatasync");
    row(text, "  in payments", summary.spread("append_payments_per_s"), 0, "a second: these were the platform's own batches");
    row(text, "  fdatasync p50", summary.spread("fsync_p50_us"), 0, "µs");
    row(text, "  fdatasync p99", summary.spread("fsync_p99_us"), 0, "µs");
    row(text, "payments", summary.spread("payments_per_s"), 0, "a second");
    row(text, "  of the echo", scaled(summary.spread("ratio_to_echo"), 100.0), 2, "%");
    row(text, "  request p50", scaled(summary.spread("p50_us"), 0.001), 2, "ms");
    row(text, "  request p99", scaled(summary.spread("p99_us"), 0.001), 2, "ms");
    row(text, "  after the last answer", scaled(summary.spread("settle_us"), 0.001), 0, "ms until webhooks and read models were through");
}

fn scaled(Spread { median, min, max }: Spread, factor: f64) -> Spread {
    Spread { median: median * factor, min: min * factor, max: max * factor }
}

fn cpu(summary: &Summary, text: &mut String) {
    line(text, "\nCPU of one payment");
    row(text, "platform", summary.spread("cpu.platform"), 0, "µs, of these by thread:");
    for (thread, does) in STAGES {
        row(text, &format!("  {thread}"), summary.spread(&format!("cpu.platform.{thread}")), 0, &format!("µs: {does}"));
    }
    row(text, "simulator", summary.spread("cpu.simulator"), 0, "µs: answers, and delivers webhooks");
    row(text, "load generator", summary.spread("cpu.load generator"), 0, "µs");
    row(text, "CPUs busy with these", summary.spread("cpus_busy"), 2, &format!("of {}", cpus()));
}

fn resources(summary: &Summary, text: &mut String) {
    line(text, "\nMemory and disk");
    let payments = summary.median("payments");
    row(text, "resident memory", summary.spread("rss_mb"), 0, &format!("MB of the platform, after some {payments:.0} payments"));
    row(text, "bytes written", summary.spread("bytes_per_payment"), 0, "for each payment, of these by thread:");
    let mut written: Vec<(&str, Spread)> = summary.family("written.").collect();
    written.sort_by(|(_, left), (_, right)| right.median.total_cmp(&left.median));
    for (thread, spread) in written {
        row(text, &format!("  {thread}"), spread, 0, if thread == "segments" { "zeros, before the journal" } else { "" });
    }
    row(text, "journal's group commits", summary.spread("commits.journal"), 2, "for each payment");
}

fn latency(summary: &Summary, text: &mut String) {
    line(text, &format!("\nAt {RATE} payments a second"));
    row(text, "request p50", scaled(summary.spread("open_p50_us"), 0.001), 2, "ms");
    row(text, "request p99", scaled(summary.spread("open_p99_us"), 0.001), 2, "ms");
    row(text, "provider p50", scaled(summary.spread("provider_p50_us"), 0.001), 2, "ms: the simulator alone, asked at the same rate");
    row(text, "added p50", summary.spread("added_p50_ms"), 2, "ms: request p50 less provider p50");
    row(text, "added p99", summary.spread("added_p99_ms"), 2, "ms: request p99 less provider p50");
}

fn long_journal(million: &Million, text: &mut String) {
    let Million { payments, events, fill_s, last_payments_per_s, restart_s, rss_mb, fill_rss_mb, .. } = million;
    let gigabytes = |bytes: u64| format!("{}.{:02} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 10_000_000);
    let (journal, snapshot, views) = (gigabytes(million.journal_bytes), gigabytes(million.snapshot_bytes), gigabytes(million.views_bytes));
    line(text, &format!("\nA journal of {payments} payments, made through the platform in {fill_s:.0} s"));
    line(text, &format!("{last_payments_per_s:.0} payments a second at its end, {fill_rss_mb:.0} MB resident; more than {events} events"));
    line(text, &format!("journal {journal}, newest snapshot {snapshot}, read models {views}"));
    row(text, "restart", *restart_s, 2, "s from the start of the process to the first captured payment");
    row(text, "resident memory then", *rss_mb, 0, "MB");
}

/// A number with so many digits after the point; a whole one without a point.
pub(super) fn rounded(value: f64, digits: usize) -> Value {
    serde_json::from_str(&format!("{value:.digits$}")).unwrap_or(Value::Null)
}

/// The object of `--json`: medians, and nothing else.
pub(super) fn json(summary: &Summary) -> Result<String, Failure> {
    let median = |name: &str, digits| (name.to_owned(), rounded(summary.median(name), digits));
    let million = summary.million.as_ref();
    let mut fields: serde_json::Map<String, Value> = [
        median("payments_per_s", 0),
        median("echo_per_s", 0),
        median("relay_per_s", 0),
        median("ratio_to_echo", 5),
        median("fsync_p50_us", 0),
        median("added_p50_ms", 3),
        median("added_p99_ms", 3),
        median("cpu_us_per_payment", 0),
        median("rss_mb", 1),
        median("bytes_per_payment", 0),
    ]
    .into_iter()
    .collect();
    // On the long journal, what a restart came to is the memory that counts.
    if let Some(Million { rss_mb, .. }) = million {
        fields.insert("rss_mb".to_owned(), rounded(rss_mb.median, 1));
    }
    fields.insert("restart_s".to_owned(), million.map_or(Value::Null, |million| rounded(million.restart_s.median, 3)));
    serde_json::to_string(&fields).map_err(|error| Failure::new(format!("the figures are no JSON: {error}")))
}

/// The bars as a table of Markdown.
pub(super) fn bars(summary: &Summary) -> String {
    let mut text = String::from("| Bar | Found | |\n|---|---|---|\n");
    for Bar { what, found, is_reached } in summary.bars() {
        let _ = writeln!(text, "| {what} | {found} | {} |", reached(is_reached)); // a String takes all
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::figures::Figures;
    use super::*;

    const FIELDS: [&str; 11] = [
        "added_p50_ms",
        "added_p99_ms",
        "bytes_per_payment",
        "cpu_us_per_payment",
        "echo_per_s",
        "fsync_p50_us",
        "payments_per_s",
        "ratio_to_echo",
        "relay_per_s",
        "restart_s",
        "rss_mb",
    ];

    fn summary(million: Option<Million>) -> Summary {
        let mut figures = Figures::default();
        for (name, value) in [("payments_per_s", 2_000.4), ("echo_per_s", 40_000.0), ("ratio_to_echo", 0.05), ("rss_mb", 100.0)] {
            figures.put(name, value);
        }
        for name in ["relay_per_s", "fsync_p50_us", "added_p50_ms", "added_p99_ms", "cpu_us_per_payment", "bytes_per_payment"] {
            figures.put(name, 1.0);
        }
        Summary::new(&[figures], million).map_err(|failure| failure.message).unwrap()
    }

    fn million() -> Million {
        let spread = |median| Spread { median, min: 1.0, max: 9.0 };
        Million {
            payments: 1_000_000,
            events: 7_000_000,
            fill_s: 400.0,
            last_payments_per_s: 1_900.0,
            restart_s: spread(4.5),
            rss_mb: spread(1_700.0),
            fill_rss_mb: 2_000.0,
            journal_bytes: 10_020_000_000,
            snapshot_bytes: 550_000_000,
            views_bytes: 9_000_000_000,
        }
    }

    fn object(summary: &Summary) -> serde_json::Map<String, Value> {
        serde_json::from_str(&json(summary).map_err(|failure| failure.message).unwrap()).unwrap()
    }

    #[test]
    fn the_object_has_its_fields_and_no_others() {
        let short = object(&summary(None));
        assert_eq!(short.keys().map(String::as_str).collect::<Vec<_>>(), FIELDS);
        assert_eq!((&short["restart_s"], &short["payments_per_s"], &short["rss_mb"]), (&Value::Null, &2_000.into(), &100.0.into()));
        let long = object(&summary(Some(million())));
        assert_eq!(long.keys().map(String::as_str).collect::<Vec<_>>(), FIELDS);
        assert_eq!((&long["restart_s"], &long["rss_mb"]), (&4.5.into(), &1_700.0.into()));
    }

    #[test]
    fn the_text_says_who_shares_the_machine_and_how_each_bar_ended() {
        let text = text(&summary(Some(million())), "a machine", Times::QUICK);
        assert!(text.contains("machine   a machine\nshared    The "), "{text}");
        assert!(text.contains("reached  payments a second, at least 1/25 of the echo's: 1/20.0 (the aim of 1/15 is missed)"), "{text}");
        assert!(text.contains("reached  restart on 1000000 payments, at most 5 s: 4.50 s"), "{text}");
        assert!(text.contains("journal 10.02 GB, newest snapshot 0.55 GB"), "{text}");
    }
}
