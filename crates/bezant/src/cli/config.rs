//! `bezant config`: what `serve` would say before it starts, and what to set up at a provider.

use super::serve::Serve;
use super::table::{Paint, Tone};
use super::{Failure, show};
use crate::config::{self, Check, Verdict};
use clap::{Args, Subcommand};
use connectors::stripe::WEBHOOK_TYPES;
use serde_json::json;
use std::io;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check everything that serve needs, and start nothing.
    ///
    /// Takes the arguments and variables of `bezant serve` and looks at the data folder, its lock and its permissions, free space,
    /// secrets and key store, the port, the provider's address and key by their shape, webhooks, clock, and limits. serve makes the
    /// same checks and starts only when none fails. Nothing is sent and nothing is changed.
    #[command(after_long_help = "\
Examples:
  bezant config check --listen 127.0.0.1:0 --data shop-data --stripe-key sk_test_4eC39HqLyjWDarjtT1zdp7dc
  bezant config check --listen 127.0.0.1:0 --data shop-data --stripe-key sk_test_4eC39HqLyjWDarjtT1zdp7dc --json")]
    Check(Box<Serve>),
    /// Print the events that a webhook endpoint at the provider should be told of, one a line.
    ///
    /// An endpoint that is told of all events works, too: the others say nothing that these do not, are kept like them, and each
    /// costs as much as one of these.
    #[command(after_long_help = "\
Examples:
  bezant config webhook-events
  bezant config webhook-events --json")]
    WebhookEvents(WebhookEvents),
}

#[derive(Debug, Args)]
pub(super) struct WebhookEvents {
    /// Print one JSON object with all of them.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(command: ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check(arguments) => check(&arguments),
        ConfigCommand::WebhookEvents(WebhookEvents { json }) => show(&webhook_events(json)),
    }
}

fn webhook_events(wants_json: bool) -> String {
    if wants_json {
        let line = json!({ "object": "webhook_events", "provider": "stripe", "events": WEBHOOK_TYPES });
        return format!("{line}\n");
    }
    WEBHOOK_TYPES.iter().map(|name| format!("{name}\n")).collect()
}

fn check(arguments: &Serve) -> Result<(), Failure> {
    let json = arguments.wants_json();
    let checks = config::checks(&arguments.given());
    show(&if json { checks.iter().map(line).collect() } else { text(&checks, Paint::of(&io::stdout())) })?;
    match checks.iter().filter(|check| check.verdict == Verdict::Fail).count() {
        0 => Ok(()),
        failed => Err(Failure::failed(format!("{failed} of {} checks failed: serve would not start", checks.len()))),
    }
}

fn line(check: &Check) -> String {
    let Check { name, verdict, found, what_to_do } = check;
    let line = json!({ "object": "check", "name": name, "verdict": verdict.name(), "found": found, "what_to_do": what_to_do });
    format!("{line}\n")
}

fn text(checks: &[Check], paint: Paint) -> String {
    let mut text = String::new();
    for Check { name, verdict, found, what_to_do } in checks {
        let tone = match verdict {
            Verdict::Ok => Tone::Good,
            Verdict::Warn => Tone::Warning,
            Verdict::Fail => Tone::Bad,
        };
        text.push_str(&format!("{}  {name:<16}  {found}\n", paint.tone(&format!("{:<4}", verdict.name()), tone)));
        if let Some(what_to_do) = what_to_do {
            text.push_str(&format!("{:>24}{what_to_do}\n", ""));
        }
    }
    let warnings = checks.iter().filter(|check| check.verdict == Verdict::Warn).count();
    if checks.iter().all(|check| check.verdict != Verdict::Fail) {
        text.push_str(&format!("serve would start; {warnings} of {} checks want a look\n", checks.len()));
    }
    text
}
