//! Progress on standard error: a bar with rate and estimate on a terminal, else a line every few seconds. Standard
//! output stays free for the summary.

use super::summary::{RefusedRow, Summary};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;
use tokio::time::Instant;

/// How often a line is printed where no bar can be drawn.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// How often the bar is drawn at most.
pub(super) const DRAW_EVERY: Duration = Duration::from_millis(200);

/// Where progress goes.
pub(super) enum Progress {
    /// A terminal.
    Bar(ProgressBar),
    /// A log.
    Lines {
        /// When the last line was printed.
        last: Instant,
    },
    /// Nowhere.
    Silent,
}

impl Progress {
    /// For a file of so many bytes; the estimate goes by bytes, for nobody knows the number of rows.
    pub(super) fn new(file_bytes: u64) -> Self {
        if !stderr().is_terminal() {
            return Self::Lines { last: Instant::now() };
        }
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} % {msg}, {eta} left").expect("the template is a constant");
        let bar = ProgressBar::with_draw_target(Some(file_bytes), ProgressDrawTarget::stderr_with_hz(5));
        Self::Bar(bar.with_style(style))
    }

    /// Shows where the run is.
    pub(super) fn show(&mut self, summary: &Summary, bytes_taken: u64, elapsed: Duration) {
        match self {
            Self::Bar(bar) => {
                bar.set_position(bytes_taken);
                bar.set_message(counts(summary, elapsed));
            }
            Self::Lines { last } if last.elapsed() >= LINE_EVERY => {
                *last = Instant::now();
                print_line(&counts(summary, elapsed));
            }
            Self::Lines { .. } | Self::Silent => {}
        }
    }

    /// Names a refused row as it is found.
    pub(super) fn refused(&self, row: &RefusedRow) {
        self.say(&format!("line {}: refused, {}: {}", row.line, row.code, row.reason));
    }

    /// Prints a line above the bar.
    pub(super) fn say(&self, line: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| print_line(line)),
            Self::Lines { .. } => print_line(line),
            Self::Silent => {}
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            Self::Lines { .. } | Self::Silent => {}
        }
    }
}

/// A reader that went away must not stop a run that moves money.
fn print_line(line: &str) {
    let _ignored = writeln!(stderr(), "{line}");
}

fn counts(summary: &Summary, elapsed: Duration) -> String {
    let per_s = u128::from(summary.orders) * 1_000 / elapsed.as_millis().max(1);
    let Summary { orders, charged, replayed, declined, refused, pending, .. } = summary;
    format!("{orders} orders, {per_s}/s: {charged} charged, {replayed} replayed, {declined} declined, {refused} refused, {pending} pending")
}
