//! `bezant webhooks`: what providers sent of their own accord.

use super::table::{field, json_lines, table};
use super::{Failure, Running, complain};
use crate::operate::Remote;
use clap::Subcommand;
use serde_json::Value;

#[derive(Debug, Subcommand)]
pub(super) enum WebhooksCommand {
    /// List messages of providers, newest first: when, from whom, what they were good for.
    List {
        /// Only those that were good for this: news, known, unmatched, kept or unclear.
        #[arg(long)]
        found: Option<String>,
        /// Only those that came in then or later, such as 2026-11-21T09:33:00Z.
        #[arg(long)]
        since: Option<String>,
        /// JSON, one object a line, instead of a table.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        running: Running,
    },
    /// Show a message with its body exactly as it came, as JSON.
    Show {
        /// The provider's id of the message (evt_…).
        id: String,
        #[command(flatten)]
        running: Running,
    },
    /// Read kept messages again and look whether they are news; harmless as often as one likes.
    Replay {
        /// The provider's id of one message (evt_…).
        #[arg(required_unless_present_any = ["since", "unmatched"], conflicts_with_all = ["since", "unmatched"])]
        id: Option<String>,
        /// All that came in then or later, such as 2026-11-21T09:33:00Z.
        #[arg(long)]
        since: Option<String>,
        /// All that were about something that was not ours.
        #[arg(long)]
        unmatched: bool,
        /// JSON, one object a line, instead of sentences.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        running: Running,
    },
}

/// Runs the command.
pub(super) async fn run(command: WebhooksCommand) -> Result<(), Failure> {
    match command {
        WebhooksCommand::List { found, since, json, running } => {
            let messages = running.remote()?.webhooks(found.as_deref(), since.as_deref(), None).await?;
            print!("{}", if json { json_lines(&messages) } else { webhooks_table(&messages) });
            Ok(())
        }
        WebhooksCommand::Show { id, running } => {
            let message = running.remote()?.webhook(&id).await?;
            println!("{}", serde_json::to_string_pretty(&message)?);
            Ok(())
        }
        WebhooksCommand::Replay { id, since, unmatched, json, running } => {
            let remote = running.remote()?;
            let ids = match id {
                Some(id) => vec![id],
                None => remote.replayable(since.as_deref(), unmatched).await?,
            };
            let summary = replay_all(&remote, &ids, json).await;
            if !json {
                println!("{summary}");
            }
            if summary.failed > 0 {
                Err(format!("{} of {} messages could not be replayed", summary.failed, ids.len()).into())
            } else {
                Ok(())
            }
        }
    }
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
async fn replay_all(remote: &Remote, ids: &[String], json: bool) -> Replayed {
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
                if json {
                    println!("{message}");
                } else {
                    println!("{place}  {id}  {found}  {}", field(&message, "/payment"));
                }
            }
            Err(error) => {
                summary.failed += 1;
                complain(&format!("{place}  {id}: {error}"));
            }
        }
    }
    summary
}

fn webhooks_table(messages: &[Value]) -> String {
    if messages.is_empty() {
        return "no message of a provider\n".to_owned();
    }
    let columns = ["/received_at", "/id", "/type", "/source", "/found", "/provider", "/payment"];
    table(messages, columns, ["RECEIVED", "MESSAGE", "TYPE", "SOURCE", "FOUND", "PROVIDER", "PAYMENT"])
}
