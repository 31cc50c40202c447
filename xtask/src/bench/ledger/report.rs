//! What was found, as text for people and as the block of docs/ledger-performance.md.

use super::super::figures::{Bar, reached};
use super::super::machine::cpus;
use super::super::page::{CHARTS, Page};
use super::bars::Judged;
use super::case::{Case, Size};
use super::curve::{self, Curve};
use crate::Failure;
use std::fmt::Write;
use std::path::Path;

const PAGE: Page = Page { path: "docs/ledger-performance.md", begin: "<!-- figures: written by `cargo xtask bench ledger --write` -->" };
/// What stands for a figure that was not measured.
const NONE: &str = "-";

/// Everything that was found.
pub(super) struct Report {
    pub(super) machine: String,
    pub(super) size: Size,
    pub(super) cases: Vec<Judged>,
    pub(super) curve: Option<Curve>,
}

/// A table, for a terminal or for a page.
struct Table {
    title: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Report {
    /// All bars that this run can tell.
    pub(super) fn bars(&self) -> Vec<Bar> {
        if self.size == Size::Smoke {
            return Vec::new();
        }
        let cases = self.cases.iter().flat_map(|judged| judged.bars(self.size));
        cases.chain(self.curve.iter().map(Curve::bar)).collect()
    }

    /// The whole report.
    pub(super) fn text(&self) -> String {
        let mut text = self.head().join("\n");
        text.push('\n');
        for table in self.tables() {
            table.write_text(&mut text);
        }
        text.push('\n');
        for Bar { what, found, is_reached } in self.bars() {
            let _ = writeln!(text, "{}  {what}: {found}", if is_reached { "reached" } else { "MISSED " }); // a String takes all
        }
        if self.size != Size::Standard {
            text.push_str(if self.size == Size::Smoke { "No bars" } else { "No bars for bytes" });
            text.push_str(": this was too short for them.\n");
        }
        text
    }

    /// Changes the page, and with a long run its chart.
    pub(super) fn write(&self, root: &Path) -> Result<(), Failure> {
        let chart: Vec<(&str, String)> = self.curve.iter().map(|curve| (curve::CHART, curve.draw())).collect();
        let has_chart = !chart.is_empty() || root.join(CHARTS).join(curve::CHART).exists();
        PAGE.write(root, &self.markdown(has_chart), &chart)
    }

    fn markdown(&self, has_chart: bool) -> String {
        let mut text = String::new();
        for line in self.head() {
            let _ = writeln!(text, "\n{line}"); // a String takes all
        }
        text.push_str("\n| Bar | Found | |\n|---|---|---|\n");
        for Bar { what, found, is_reached } in self.bars() {
            let _ = writeln!(text, "| {what} | {found} | {} |", reached(is_reached));
        }
        for table in self.tables() {
            table.write_markdown(&mut text);
        }
        if has_chart {
            let _ = writeln!(text, "\n![Transfers a second from the first million to the last]({})", curve::link());
        }
        text.push('\n');
        text
    }

    fn head(&self) -> Vec<String> {
        let cpus = cpus();
        let what = match self.size {
            Size::Standard => "Each case in the size that its bar is about.",
            Size::Quick => "A quick run: a twentieth of the transfers; two seconds and a thousand accounts for single ones.",
            Size::Smoke => "One small case, to see whether it measures: these figures say nothing of speed.",
        };
        vec![
            format!("Machine: {}. Platform and load generator, each a process, share the {cpus} CPUs.", self.machine),
            format!("{what} Medians of the rounds, where there are several, and what they lie between."),
            "Every batch waits for fdatasync before its answer, and every id is looked for in all history.".to_owned(),
        ]
    }

    fn tables(&self) -> Vec<Table> {
        let table = |title, head: &[&'static str], row: &dyn Fn(&Judged) -> Vec<String>| {
            let head = [&["case"], head].concat();
            let with_name = |judged: &Judged| [vec![judged.case.name.to_owned()], row(judged)].concat();
            Table { title, head, rows: self.cases.iter().map(with_name).collect() }
        };
        let mut tables = vec![
            table(
                "Transfers a second",
                &["accounts", "batch", "clients", "ids", "rounds", "median", "min", "max", "bar", "bar is", "aim", "aim is"],
                &|judged| throughput(judged, self.size),
            ),
            table(
                "Batches, restart and queries of an account's transfers in the full history",
                &["batch p50 ms", "batch p99 ms", "batch max ms", "restart s", "query p50 ms", "query p99 ms"],
                &latency,
            ),
            table(
                "What a transfer takes, and resident memory at the end",
                &["transfers", "bytes on disk", "bytes written", "CPU µs", "RSS MB"],
                &resources,
            ),
            table(
                "The disk of the same run: the case's own batches appended, each with its fdatasync",
                &["MB/s", "case takes", "batches/s", "fdatasync p50 µs", "fdatasync p99 µs", "echo p50 µs"],
                &disk,
            ),
            table("The state machine alone, in memory", &["transfers/s", "case reaches"], &memory),
        ];
        tables.extend(self.curve.as_ref().map(|curve| Table {
            title: "One long run",
            head: vec!["transfers", "a second"],
            rows: curve.groups().into_iter().map(|(transfers, per_s)| vec![transfers.to_string(), format!("{per_s:.0}")]).collect(),
        }));
        tables
    }
}

/// A median with so many digits after the point.
fn median(judged: &Judged, name: &str, digits: usize) -> String {
    judged.median(name).map_or(NONE.to_owned(), |median| format!("{median:.digits$}"))
}

/// What part of another figure one is.
fn percent(part: Option<f64>, whole: Option<f64>) -> String {
    let percent = part.zip(whole).map(|(part, whole)| part / whole.max(f64::MIN_POSITIVE) * 100.0);
    percent.map_or(NONE.to_owned(), |percent| format!("{percent:.1} %"))
}

fn throughput(judged: &Judged, size: Size) -> Vec<String> {
    let Case { accounts, batch, clients, ids, rounds, .. } = &judged.case;
    let (found, demand) = (judged.spread("transfers_per_s"), judged.demand);
    let whole = |value: Option<f64>| value.map_or(NONE.to_owned(), |value| format!("{value:.0}"));
    let is_reached = found.is_some_and(|found| found.median >= demand.bar);
    let verdict = |is_reached| if size == Size::Smoke { NONE } else { reached(is_reached) }.to_owned();
    vec![
        accounts.to_string(),
        batch.to_string(),
        clients.to_string(),
        (*ids).to_owned(),
        rounds.to_string(),
        whole(found.map(|found| found.median)),
        whole(found.map(|found| found.min)),
        whole(found.map(|found| found.max)),
        // The star says that the disk set it.
        format!("{:.0}{}", demand.bar, if demand.is_of_disk { "*" } else { "" }),
        verdict(is_reached),
        format!("{:.0}", demand.aim),
        verdict(judged.has_reached_aim()),
    ]
}

fn latency(judged: &Judged) -> Vec<String> {
    let columns =
        [("batch_p50_ms", 2), ("batch_p99_ms", 2), ("batch_max_ms", 1), ("restart_s", 2), ("query_p50_ms", 2), ("query_p99_ms", 2)];
    columns.map(|(name, digits)| median(judged, name, digits)).to_vec()
}

fn resources(judged: &Judged) -> Vec<String> {
    let columns =
        [("transfers", 0), ("bytes_on_disk_per_transfer", 0), ("bytes_written_per_transfer", 0), ("cpu_us_per_transfer", 2), ("rss_mb", 0)];
    columns.map(|(name, digits)| median(judged, name, digits)).to_vec()
}

fn disk(judged: &Judged) -> Vec<String> {
    let takes = judged.median("transfers_per_s").zip(judged.median("bytes_written_per_transfer"));
    let appended = judged.median("append_bytes_per_s");
    vec![
        appended.map_or(NONE.to_owned(), |bytes| format!("{:.0}", bytes / 1e6)),
        percent(takes.map(|(per_s, bytes)| per_s * bytes), appended),
        median(judged, "fdatasync_per_s", 0),
        median(judged, "fdatasync_p50_us", 0),
        median(judged, "fdatasync_p99_us", 0),
        median(judged, "echo_p50_us", 0),
    ]
}

fn memory(judged: &Judged) -> Vec<String> {
    let ceiling = "memory_ceiling_per_s";
    vec![median(judged, ceiling, 0), percent(judged.median("transfers_per_s"), judged.median(ceiling))]
}

impl Table {
    /// In columns, the first one to the left and numbers to the right.
    fn write_text(&self, text: &mut String) {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.chain([self.head[column].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let line = |cells: Vec<&str>| {
            let cells = cells.iter().zip(&widths).enumerate();
            let cells =
                cells.map(|(column, (cell, width))| if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") });
            cells.collect::<Vec<_>>().join("  ")
        };
        // A String takes all.
        let _ = writeln!(text, "\n{}\n{}", self.title, line(self.head.clone()));
        for row in &self.rows {
            let _ = writeln!(text, "{}", line(row.iter().map(String::as_str).collect()));
        }
    }

    fn write_markdown(&self, text: &mut String) {
        let _ = writeln!(text, "\n{}:\n\n| {} |\n|{}", self.title, self.head.join(" | "), "---|".repeat(self.head.len()));
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bars::tests::judged;
    use super::super::case::Size;
    use super::super::curve::Curve;
    use super::Report;

    fn report(size: Size) -> Report {
        let cases = vec![judged("bulk", &[("append_bytes_per_s", 1e9)]), judged("single1", &[("transfers_per_s", 100.0)])];
        Report { machine: "a machine".into(), size, cases, curve: None }
    }

    #[test]
    fn the_text_tells_every_bar_and_how_far_the_ceilings_are() {
        let text = report(Size::Standard).text();
        assert!(text.starts_with("Machine: a machine. Platform and load generator"), "{text}");
        assert!(text.contains("reached  bulk: transfers a second, at least 800000: 1200000 (the aim of 1200000 is reached)\n"), "{text}");
        assert!(text.contains("MISSED   single1: transfers a second, at least 2000 (0.5 of one after the other): 100 (the aim"), "{text}");
        // 1.2 million × 400 bytes of 1 GB, and of 6 million in memory.
        assert!(text.contains("bulk     1000      48.0 %") && text.contains("bulk         6000000        20.0 %"), "{text}");
        assert!(text.contains("query p50 ms") && text.contains("  -          2.50\n"), "{text}");
        let quick = report(Size::Quick).text();
        assert!(!quick.contains("bytes on disk for a transfer") && quick.ends_with("No bars for bytes: this was too short for them.\n"));
    }

    #[test]
    fn the_page_has_tables_and_the_chart_when_there_is_one() {
        let points = (1..=10).map(|million: u32| (f64::from(million) * 1e6, 1e6)).collect();
        let report = Report { curve: Some(Curve::new(points).map_err(|failure| failure.message).unwrap()), ..report(Size::Standard) };
        let page = report.markdown(true);
        assert!(
            page.contains("\n| Bar | Found | |\n|---|---|---|\n| bulk: transfers a second, at least 800000 | 1200000 (the aim"),
            "{page}"
        );
        assert!(page.contains("\n| case | MB/s | case takes | batches/s |"), "{page}");
        assert!(page.contains("](img/ledger-throughput.svg)\n") && !report.markdown(false).contains("img/"), "{page}");
        assert!(page.contains("| one long run: the slowest tenth of the transfers, at least 80 % of the first"), "{page}");
    }
}
