//! `bezant status`: how a running platform does, and what waits for a person.

use super::ask::Running;
use super::table::{Column, Kind, Paint, Tone, column, describe, field, table};
use super::{Failure, Output, show};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::io;

/// Which platform.
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    running: Running,
}

#[derive(Debug, Subcommand)]
pub(super) enum ClockCommand {
    /// Say that the platform's clock is right after it jumped, so that payments expire again.
    ///
    /// Look at the clock first: while it is doubted nothing expires, and nothing is lost by waiting.
    #[command(after_long_help = "\
Examples:
  bezant clock confirm")]
    Confirm {
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        running: Running,
    },
}

const LINES: [Column; 9] = [
    column("At", "/at", Kind::Time),
    column("Running since", "/since", Kind::Time),
    column("Payments a second", "/payments/per_second_now", Kind::Tenths),
    column("Unknown, being found out", "/unknown_open", Kind::Count),
    column("Parked for a person", "/parked", Kind::Count),
    column("Commands kept out", "/quarantined", Kind::Count),
    column("Journal ends at event", "/journal/durable_seq", Kind::Count),
    column("Lists are at event", "/journal/views_seq", Kind::Count),
    column("Events behind", "/journal/views_lag_events", Kind::Count),
];

const PROVIDERS: [Column; 10] = [
    column("PROVIDER", "/name", Kind::Word),
    column("HEALTH", "/health", Kind::Status),
    column("CALLS", "/sends", Kind::Count),
    column("APPROVED", "/approved", Kind::Count),
    column("DECLINED", "/declined", Kind::Count),
    column("REJECTED", "/rejected", Kind::Count),
    column("UNKNOWN", "/unknown", Kind::Count),
    column("P50 (MS)", "/p50_ms", Kind::Tenths),
    column("P99 (MS)", "/p99_ms", Kind::Tenths),
    column("LAST UNKNOWN (UTC)", "/last_unknown_at", Kind::Time),
];

/// Shows the overview.
pub(super) async fn run(arguments: Status) -> Result<(), Failure> {
    let Status { output, running } = arguments;
    let overview = running.remote()?.object("/v1/overview").await?;
    if output.json { show(&format!("{overview}\n")) } else { show(&text(&overview, Paint::of(&io::stdout()))) }
}

/// Runs `bezant clock`.
pub(super) async fn clock(ClockCommand::Confirm { output, running }: ClockCommand) -> Result<(), Failure> {
    let clock = running.remote()?.confirm_clock().await?;
    if output.json { show(&format!("{clock}\n")) } else { show("the clock is confirmed: payments expire again\n") }
}

fn text(overview: &Value, paint: Paint) -> String {
    let mut text = describe(overview, &LINES, paint);
    let outcomes = overview.get("outcomes").and_then(Value::as_object).into_iter().flatten();
    let counted: Vec<String> = outcomes
        .filter(|(_, count)| count.as_u64() != Some(0))
        .map(|(name, count)| format!("{count} {}", name.replace('_', " ")))
        .collect();
    let minutes = overview.get("window_s").and_then(Value::as_u64).unwrap_or_default() / 60;
    let counted = if counted.is_empty() { "nothing".to_owned() } else { counted.join(", ") };
    text.push_str(&format!("\nin the last {minutes} minutes: {counted}\n"));
    if let Some(providers) = overview.get("providers").and_then(Value::as_array).filter(|providers| !providers.is_empty()) {
        text.push_str(&format!("\n{}", table(providers, &PROVIDERS, paint)));
    }
    let waiting = overview.get("needs_attention").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if waiting.is_empty() {
        text.push_str(&format!("\n{}\n", paint.tone("nothing waits for a person", Tone::Good)));
    }
    for attention in waiting {
        let hint = command_of(attention).map(|command| format!(": {command}")).unwrap_or_default();
        text.push_str(&format!("\n{} {}{hint}\n", paint.tone("!", Tone::Warning), field(attention, "/sentence")));
    }
    text
}

/// The command that looks at what waits.
fn command_of(attention: &Value) -> Option<&'static str> {
    match attention.get("kind").and_then(Value::as_str)? {
        "parked" | "mismatched" => Some("bezant attempts parked"),
        "quarantined" => Some("bezant quarantine list"),
        "clock" => Some("bezant clock confirm"),
        "disputes" => Some("bezant disputes list"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::cli::table::Paint;
    use serde_json::json;

    #[test]
    fn what_waits_for_a_person_comes_with_the_command_that_looks_at_it() {
        let mut overview = json!({
            "at": "2026-11-21T19:05:46.123Z", "window_s": 600, "payments": { "per_second_now": 1.25 }, "unknown_open": 1, "parked": 2,
            "outcomes": { "captured": 7, "failed": 0, "requires_action": 1 },
            "providers": [{ "name": "stripe", "health": "good", "sends": 9, "p50_ms": 3.26, "p99_ms": null }],
            "needs_attention": [{ "kind": "parked", "count": 2, "sentence": "Two calls wait", "path": "/v1/parked_calls" }],
        });
        let shown = text(&overview, Paint::Plain);
        for expected in [
            "in the last 10 minutes: 7 captured, 1 requires action\n",
            "stripe    good        9",
            " 3.3 ",
            "! Two calls wait: bezant attempts parked\n",
        ] {
            assert!(shown.contains(expected), "{expected} is not in {shown}");
        }
        overview["needs_attention"] = json!([]);
        assert!(text(&overview, Paint::Plain).ends_with("\nnothing waits for a person\n"));
    }
}
