//! `bezant webhooks`: what providers sent of their own accord.

use super::ask::{Listing, Running, Shape, list};
use super::table::{Column, Kind, Paint, column, describe, field, plain, table};
use super::{Failure, Output, complain, show};
use crate::operate::{Query, Remote};
use clap::Subcommand;
use serde_json::Value;
use std::io;

#[derive(Debug, Subcommand)]
pub(super) enum WebhooksCommand {
    /// List messages of providers, newest first: when, from whom, what they were good for.
    ///
    /// news led to something, known changed nothing, unmatched is about something that is not ours, kept is of a kind that
    /// changes nothing, unclear is not understood.
    #[command(after_long_help = "\
Examples:
  bezant webhooks list
  bezant webhooks list --found unmatched
  bezant webhooks list --since 2026-01-01T00:00:00Z --all --json")]
    List {
        /// Only those that were good for this.
        #[arg(long, value_parser = super::names(["news", "known", "unmatched", "kept", "unclear"].into_iter()))]
        found: Option<String>,
        /// Only those that came in then or later, such as 2026-11-21T09:33:00Z.
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        #[command(flatten)]
        listing: Listing,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        running: Running,
    },
    /// Show a message with its body exactly as it came.
    #[command(after_long_help = "\
Examples:
  bezant webhooks show evt_1MtwBwLkdIwHu7ixAbc123De
  bezant webhooks show evt_1MtwBwLkdIwHu7ixAbc123De --json")]
    Show {
        /// The provider's id of the message (evt_…).
        id: String,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        running: Running,
    },
    /// Read kept messages again and look whether they are news; harmless as often as one likes.
    #[command(after_long_help = "\
Examples:
  bezant webhooks replay evt_1MtwBwLkdIwHu7ixAbc123De
  bezant webhooks replay --unmatched
  bezant webhooks replay --since 2026-01-01T00:00:00Z --json")]
    Replay {
        /// The provider's id of one message (evt_…).
        #[arg(required_unless_present_any = ["since", "unmatched"], conflicts_with_all = ["since", "unmatched"])]
        id: Option<String>,
        /// All that came in then or later, such as 2026-11-21T09:33:00Z.
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// All that were about something that was not ours.
        #[arg(long)]
        unmatched: bool,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        running: Running,
    },
}

const COLUMNS: [Column; 7] = [
    column("RECEIVED (UTC)", "/received_at", Kind::Time),
    column("MESSAGE", "/id", Kind::Word),
    column("TYPE", "/type", Kind::Word),
    column("SOURCE", "/source", Kind::Word),
    column("FOUND", "/found", Kind::Status),
    column("PROVIDER", "/provider", Kind::Word),
    column("PAYMENT", "/payment", Kind::Word),
];

const LINES: [Column; 9] = [
    column("Message", "/id", Kind::Word),
    column("Type", "/type", Kind::Word),
    column("Provider", "/provider", Kind::Word),
    column("Source", "/source", Kind::Word),
    column("Found", "/found", Kind::Status),
    column("Payment", "/payment", Kind::Word),
    column("Person", "/subject", Kind::Word),
    column("Received", "/received_at", Kind::Time),
    column("Body", "/body_status", Kind::Word),
];

/// Runs the command.
pub(super) async fn run(command: WebhooksCommand) -> Result<(), Failure> {
    match command {
        WebhooksCommand::List { found, since, listing, output, running } => {
            let query = Query::default().with("found", found)?.with("received_from", since)?;
            let empty = "no message of a provider";
            list(&running.remote()?, &listing, output, Shape { path: "/v1/webhooks", query, columns: &COLUMNS, empty }).await
        }
        WebhooksCommand::Show { id, output, running } => {
            let message = running.remote()?.webhook(&id).await?;
            if output.json { show(&format!("{message}\n")) } else { show(&text(&message)) }
        }
        WebhooksCommand::Replay { id, since, unmatched, output, running } => {
            let remote = running.remote()?;
            let ids = match id {
                Some(id) => vec![id],
                None => remote.replayable(since.as_deref(), unmatched).await?,
            };
            let summary = replay_all(&remote, &ids, output.json).await?;
            if !output.json {
                show(&format!("{summary}\n"))?;
            }
            if summary.failed > 0 {
                return Err(Failure::failed(format!("{} of {} messages could not be replayed", summary.failed, ids.len())));
            }
            Ok(())
        }
    }
}

/// A message for people: what is known of it, when it came again, and its body.
fn text(message: &Value) -> String {
    let paint = Paint::of(&io::stdout());
    let mut text = describe(message, &LINES, paint);
    if let Some(again) = message.get("again").and_then(Value::as_array).filter(|again| !again.is_empty()) {
        text.push_str(&format!("\nit came in again:\n{}", table(again, &COLUMNS, paint)));
    }
    if let Some(body) = message.get("body").and_then(Value::as_str) {
        let lines: Vec<String> = body.lines().map(plain).collect();
        text.push_str(&format!("\n{}\n", lines.join("\n")));
    }
    text
}

/// What replays came to.
#[derive(Default)]
struct Replayed {
    news: u64,
    known: u64,
    other: u64,
    failed: u64,
}

impl std::fmt::Display for Replayed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { news, known, other, failed } = self;
        let all = news + known + other + failed;
        write!(formatter, "{all} replayed: {news} news, {known} known, {other} of no use, {failed} failed")
    }
}

/// Replays one message after the other and says of each what it came to.
async fn replay_all(remote: &Remote, ids: &[String], json: bool) -> Result<Replayed, Failure> {
    let mut summary = Replayed::default();
    for (index, id) in ids.iter().enumerate() {
        let place = format!("{}/{}", index + 1, ids.len());
        match remote.replay(id).await {
            Ok(message) => {
                let found = field(&message, "/found");
                match found.as_str() {
                    "news" => summary.news += 1,
                    "known" => summary.known += 1,
                    _ => summary.other += 1,
                }
                match json {
                    true => show(&format!("{message}\n"))?,
                    false => show(&format!("{place}  {id}  {found}  {}\n", field(&message, "/payment")))?,
                }
            }
            Err(error) => {
                summary.failed += 1;
                complain(&format!("{place}  {id}: {error}"));
            }
        }
    }
    Ok(summary)
}
