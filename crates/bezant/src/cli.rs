//! Arguments and exit codes. What the commands do is elsewhere.

use crate::operate::{self, Remote};
use crate::pay::PayOptions;
use crate::policy::{Ladder, parse_gaps_ms};
use crate::sweep::Schedule;
use crate::{admin, pay, serve, webhooks};
use base::Redacted;
use clap::builder::{StringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use serde_json::Value;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use telemetry::LogFormat;

/// Bezant takes a payment from checkout to settled, reconciled money, and can prove every step.
#[derive(Debug, Parser)]
#[command(name = "bezant", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the platform: HTTP API, sequencer, journal, read models.
    Serve(Serve),
    /// Charge a file of orders through a running platform; running it again charges nobody twice.
    Pay(PayOptions),
    /// Admit people who run the platform.
    #[command(subcommand)]
    Operators(OperatorsCommand),
    /// Calls to providers that wait for a person.
    #[command(subcommand)]
    Attempts(AttemptsCommand),
    /// Commands that crashed the engine and are kept out.
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// What providers sent of their own accord.
    #[command(subcommand)]
    Webhooks(WebhooksCommand),
    /// Look at a journal without a running platform.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Erase a person's data.
    #[command(subcommand)]
    Privacy(PrivacyCommand),
}

#[derive(Debug, Args)]
struct Serve {
    /// Folder with everything durable.
    #[arg(long, default_value = "bezant-data/platform")]
    data: PathBuf,
    /// Address to listen on; loopback unless you say otherwise, port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where Stripe's API is.
    #[arg(long, default_value = "https://api.stripe.com")]
    stripe_url: String,
    /// Stripe's secret key.
    #[arg(long, env = "BEZANT_STRIPE_KEY", hide_env_values = true, value_parser = redacted_text())]
    stripe_key: Redacted<String>,
    /// An address /v1/webhooks/stripe/NAME for Stripe's webhooks with the endpoint's secret; two secrets while it is being
    /// rolled: NAME=SECRET,SECRET. May be given several times; in the environment with a semicolon between endpoints.
    #[arg(
        long, value_name = "NAME=SECRET", env = "BEZANT_STRIPE_WEBHOOKS", hide_env_values = true, value_delimiter = ';',
        value_parser = redacted_text()
    )]
    stripe_webhook: Vec<Redacted<String>>,
    /// Pause in ms between two looks through Stripe's list of events for what webhooks missed, or off.
    #[arg(long, value_name = "MS|off", default_value = "60000", value_parser = Schedule::parse)]
    sweep_every_ms: Schedule,
    /// Set up a demonstration merchant and let requests ask the simulator for faults.
    #[arg(long)]
    demo: bool,
    /// Print one JSON line once listening, instead of sentences.
    #[arg(long)]
    json: bool,
    /// Waits in ms between replays of a request whose outcome is unknown, such as 2000,8000,50000; the connector's own
    /// when absent. A replay carries the same key, so that it never acts twice.
    #[arg(long, value_name = "MS,MS,…", value_parser = parse_gaps_ms)]
    replay_gaps_ms: Option<engine::Gaps>,
    /// Waits in ms between lookups after the replays; past the last one a person decides. The connector's own when absent.
    #[arg(long, value_name = "MS,MS,…", value_parser = parse_gaps_ms)]
    lookup_gaps_ms: Option<engine::Gaps>,
    /// Longest time in ms for a request's head to arrive, and for a connection to be idle.
    #[arg(long, default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(100..=600_000))]
    head_timeout_ms: u64,
    /// Size of a new journal segment in MiB; two are made ahead, so that a small disk wants small ones.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(2..=1_024))]
    segment_mib: u64,
    /// What to log, as tracing directives such as info or bezant=debug.
    #[arg(long, env = "BEZANT_LOG", default_value = "info")]
    log: String,
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Check every checksum, the chain, and that every event applies; changes nothing.
    Verify(Folder),
    /// List every event in order; sealed fields are shown by their length.
    Dump(Folder),
    /// Pass over a durable event that this program cannot apply, so that the platform can start. Two operators must
    /// agree; the release is journaled and the event stays where it is.
    Skip {
        /// Sequence number of the event, as the failed start named it.
        #[arg(long)]
        seq: u64,
        /// The platform's data folder; no platform may be using it.
        #[arg(long, default_value = "bezant-data/platform")]
        data: PathBuf,
        /// One operator's key.
        #[arg(long, env = "BEZANT_OPERATOR_KEY", hide_env_values = true, value_parser = redacted_text())]
        operator_key: Option<Redacted<String>>,
        /// Another operator's key.
        #[arg(long, env = "BEZANT_SECOND_OPERATOR_KEY", hide_env_values = true, value_parser = redacted_text())]
        second_operator_key: Option<Redacted<String>>,
    },
}

/// A running platform.
#[derive(Debug, Args)]
struct Running {
    /// Its address, such as http://127.0.0.1:8080.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The operator's key; the first one is in the file operator.key of the data folder.
    #[arg(long, env = "BEZANT_OPERATOR_KEY", hide_env_values = true, value_parser = redacted_text())]
    operator_key: Option<Redacted<String>>,
}

impl Running {
    fn remote(&self) -> Result<Remote, operate::Error> {
        Remote::new(&self.url, self.operator_key.as_ref())
    }
}

#[derive(Debug, Subcommand)]
enum OperatorsCommand {
    /// Admit another operator and print a key, which is shown this once.
    Create {
        /// Short name: lower-case letters, digits and hyphens.
        handle: String,
        #[command(flatten)]
        running: Running,
    },
    /// Make another key for an operator and print it, which is done this once.
    CreateKey {
        /// The operator (opr_…).
        id: String,
        #[command(flatten)]
        running: Running,
    },
}

#[derive(Debug, Subcommand)]
enum AttemptsCommand {
    /// List calls whose outcome nobody could find out: age, amount, what was tried. Their money stays reserved.
    Parked {
        /// JSON, one object a line, instead of a table.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        running: Running,
    },
    /// Ask the provider once more what became of a parked call; nothing is executed again.
    Look {
        /// The call (eff_…).
        id: String,
        #[command(flatten)]
        running: Running,
    },
}

#[derive(Debug, Subcommand)]
enum QuarantineCommand {
    /// List commands that crashed the engine and are kept out.
    List {
        #[command(flatten)]
        running: Running,
    },
    /// Let a command in again.
    Release {
        /// Its fingerprint: 32 hexadecimal digits.
        fingerprint: String,
        #[command(flatten)]
        running: Running,
    },
}

#[derive(Debug, Subcommand)]
enum WebhooksCommand {
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

#[derive(Debug, Args)]
struct Folder {
    /// The platform's data folder.
    #[arg(long, default_value = "bezant-data/platform")]
    data: PathBuf,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum PrivacyCommand {
    /// Destroy a person's key: everything sealed under it becomes unreadable everywhere, and every hash still holds.
    /// With --url the running platform does it; without, the data folder must not be in use.
    Erase {
        /// The subject (sub_…), or one of the person's payments (pay_…) when the folder is used.
        subject: String,
        /// The platform's data folder.
        #[arg(long, default_value = "bezant-data/platform")]
        data: PathBuf,
        /// A running platform, such as http://127.0.0.1:8080.
        #[arg(long)]
        url: Option<String>,
        /// The operator's key, for --url.
        #[arg(long, env = "BEZANT_OPERATOR_KEY", hide_env_values = true, value_parser = redacted_text())]
        operator_key: Option<Redacted<String>>,
    },
}

/// Takes a key so that nothing prints it.
fn redacted_text() -> impl TypedValueParser<Value = Redacted<String>> {
    StringValueParser::new().map(Redacted::new)
}

/// Runs the command line.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(arguments) => serve(arguments),
        Command::Pay(options) => run(async move { pay::command(options).await }),
        Command::Journal(JournalCommand::Verify(folder)) => report(|out| admin::verify(&folder.data, folder.json, out)),
        Command::Journal(JournalCommand::Dump(folder)) => report(|out| admin::dump(&folder.data, folder.json, out)),
        Command::Journal(JournalCommand::Skip { seq, data, operator_key, second_operator_key }) => {
            report(|out| admin::skip(&data, seq, [operator_key, second_operator_key], out))
        }
        Command::Operators(OperatorsCommand::Create { handle, running }) => block_on(async move {
            let (id, secret) = running.remote()?.create_operator(&handle).await?;
            println!("{id}\n{}", secret.expose());
            Ok(())
        }),
        Command::Operators(OperatorsCommand::CreateKey { id, running }) => block_on(async move {
            let secret = running.remote()?.create_operator_key(&id).await?;
            println!("{}", secret.expose());
            Ok(())
        }),
        Command::Attempts(AttemptsCommand::Parked { json, running }) => block_on(async move {
            let calls = running.remote()?.parked().await?;
            print!("{}", if json { json_lines(&calls) } else { parked_table(&calls) });
            Ok(())
        }),
        Command::Attempts(AttemptsCommand::Look { id, running }) => block_on(async move {
            running.remote()?.look(&id).await?;
            println!("{id} is being looked at; the payment's journey will say what the provider says");
            Ok(())
        }),
        Command::Quarantine(QuarantineCommand::List { running }) => block_on(async move {
            for command in running.remote()?.quarantine().await? {
                println!("{}", field(&command, "/id"));
            }
            Ok(())
        }),
        Command::Quarantine(QuarantineCommand::Release { fingerprint, running }) => block_on(async move {
            running.remote()?.release(&fingerprint).await?;
            println!("{fingerprint} is let in again");
            Ok(())
        }),
        Command::Webhooks(command) => block_on(webhooks_command(command)),
        Command::Privacy(PrivacyCommand::Erase { subject, data, url, operator_key }) => match url {
            None => report(|out| {
                let erased = admin::erase(&data, &subject)?;
                writeln!(out, "{erased} is erased: what was sealed for it cannot be read any more")?;
                Ok(())
            }),
            Some(url) => block_on(async move {
                Remote::new(&url, operator_key.as_ref())?.erase(&subject).await?;
                println!("{subject} is erased: what was sealed for it cannot be read any more");
                Ok(())
            }),
        },
    }
}

async fn webhooks_command(command: WebhooksCommand) -> Result<(), Box<dyn std::error::Error>> {
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

fn json_lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

/// One of an answer's fields as text; a dash when it has none.
fn field(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}

fn parked_table(calls: &[Value]) -> String {
    if calls.is_empty() {
        return "nothing is parked\n".to_owned();
    }
    let columns = [
        "/id",
        "/reason",
        "/operation",
        "/age_s",
        "/amount/amount_minor",
        "/amount/currency",
        "/sends",
        "/provider",
        "/provider_id",
        "/payment",
    ];
    let titles = ["CALL", "REASON", "OPERATION", "AGE (S)", "MINOR UNITS", "CURRENCY", "SENDS", "PROVIDER", "PROVIDER ID", "PAYMENT"];
    table(calls, columns, titles)
}

fn webhooks_table(messages: &[Value]) -> String {
    if messages.is_empty() {
        return "no message of a provider\n".to_owned();
    }
    let columns = ["/received_at", "/id", "/type", "/source", "/found", "/provider", "/payment"];
    table(messages, columns, ["RECEIVED", "MESSAGE", "TYPE", "SOURCE", "FOUND", "PROVIDER", "PAYMENT"])
}

/// Objects as lines under titles, each column as wide as its widest cell.
fn table<const N: usize>(objects: &[Value], columns: [&str; N], titles: [&str; N]) -> String {
    let mut rows = vec![titles.map(str::to_owned)];
    rows.extend(objects.iter().map(|object| columns.map(|column| field(object, column))));
    let widths: Vec<usize> = (0..N).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn serve(arguments: Serve) -> ExitCode {
    let Serve { data, listen, stripe_url, stripe_key, stripe_webhook, sweep_every_ms, demo, json, .. } = arguments;
    let Serve { replay_gaps_ms, lookup_gaps_ms, head_timeout_ms, segment_mib, log, .. } = arguments;
    if let Err(error) = telemetry::init_logs(LogFormat::Json, &log, io::stderr) {
        complain(&error);
        return ExitCode::FAILURE;
    }
    // Read here and not by the parser of arguments, which repeats what it refuses.
    let stripe_webhooks = match webhooks::parse_endpoints(&stripe_webhook) {
        Ok(endpoints) => endpoints,
        Err(error) => {
            complain(&format!("--stripe-webhook: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let options = serve::Options {
        data,
        listen,
        stripe_url,
        stripe_key,
        demo,
        json,
        ladder: Ladder { replay_gaps: replay_gaps_ms, lookup_gaps: lookup_gaps_ms },
        head_timeout: Duration::from_millis(head_timeout_ms),
        segment_bytes: segment_mib * 1024 * 1024,
        stripe_webhooks,
        sweep: sweep_every_ms,
    };
    block_on(async move { Ok(serve::run(options).await?) })
}

fn block_on(work: impl Future<Output = Result<(), Box<dyn std::error::Error>>>) -> ExitCode {
    run(async move {
        match work.await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(%error, "bezant ends");
                complain(&error);
                ExitCode::FAILURE
            }
        }
    })
}

fn run(work: impl Future<Output = ExitCode>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(work);
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    code
}

/// Tells people what went wrong. An error stream that cannot be written, on the very disk that is full, changes no exit
/// code.
fn complain(error: &impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "bezant: {error}"); // nobody else to tell
}

fn report(work: impl FnOnce(&mut BufWriter<io::StdoutLock<'static>>) -> Result<(), admin::Error>) -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    let result = work(&mut out).and_then(|()| Ok(out.flush()?));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(admin::Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = out.flush(); // the error below matters more
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{Cli, Remote};
    use base::Redacted;
    use clap::Parser;

    const KEY: &str = "ok_test_0123456789abcdef";

    #[test]
    fn arguments_that_hold_keys_do_not_show_them() {
        for line in [
            "serve --stripe-key KEY",
            "serve --stripe-key KEY --stripe-webhook eu=KEY,KEY --stripe-webhook us=KEY",
            "webhooks list --operator-key KEY",
            "webhooks show evt_1 --operator-key KEY",
            "webhooks replay evt_1 --operator-key KEY",
            "pay --orders orders.csv --api-key KEY",
            "operators create bob --operator-key KEY",
            "operators create-key opr_1 --operator-key KEY",
            "attempts parked --operator-key KEY",
            "attempts look eff_1 --operator-key KEY",
            "quarantine list --operator-key KEY",
            "quarantine release 00 --operator-key KEY",
            "journal skip --seq 1 --operator-key KEY --second-operator-key KEY",
            "privacy erase sub_1 --url http://127.0.0.1:1 --operator-key KEY",
        ] {
            let words = line.split(' ').map(|word| word.replace("KEY", KEY));
            let shown = format!("{:?}", Cli::try_parse_from(std::iter::once("bezant".to_owned()).chain(words)).unwrap());
            assert!(!shown.contains(KEY), "{line}: {shown}");
            let arguments = line.split(' ').filter(|word| word.contains("KEY")).count();
            assert_eq!(shown.matches("[redacted]").count(), arguments, "{line}: {shown}");
        }
        let remote = Remote::new("http://127.0.0.1:1", Some(&Redacted::new(KEY.to_owned()))).unwrap();
        assert!(!format!("{remote:?}").contains(KEY));
    }
}
