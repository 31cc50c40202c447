//! Arguments and exit codes: the list of commands is here, one file per group of commands below. What they do is elsewhere.

mod attempts;
mod bench;
mod journal;
mod operators;
mod privacy;
mod quarantine;
mod serve;
mod table;
mod webhooks;

use crate::bench::BenchCommand;
use crate::operate::{self, Remote};
use crate::pay::PayOptions;
use crate::{admin, pay};
use base::Redacted;
use clap::builder::{StringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Why a command failed, in words for the person who ran it.
type Failure = Box<dyn std::error::Error>;

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
    Serve(serve::Serve),
    /// Charge a file of orders through a running platform; running it again charges nobody twice.
    Pay(PayOptions),
    /// Admit people who run the platform.
    #[command(subcommand)]
    Operators(operators::OperatorsCommand),
    /// Calls to providers that wait for a person.
    #[command(subcommand)]
    Attempts(attempts::AttemptsCommand),
    /// Commands that crashed the engine and are kept out.
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// What providers sent of their own accord.
    #[command(subcommand)]
    Webhooks(webhooks::WebhooksCommand),
    /// Look at a journal without a running platform.
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Erase a person's data.
    #[command(subcommand)]
    Privacy(privacy::PrivacyCommand),
    /// Measure how fast a running platform is.
    #[command(subcommand)]
    Bench(BenchCommand),
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

#[derive(Debug, Args)]
struct Folder {
    /// The platform's data folder.
    #[arg(long, default_value = "bezant-data/platform")]
    data: PathBuf,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// Takes a key so that nothing prints it.
fn redacted_text() -> impl TypedValueParser<Value = Redacted<String>> {
    StringValueParser::new().map(Redacted::new)
}

/// Runs the command line.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Pay(options) => run(async move { pay::command(options).await }),
        Command::Journal(command) => journal::run(command),
        Command::Operators(command) => block_on(operators::run(command)),
        Command::Attempts(command) => block_on(attempts::run(command)),
        Command::Quarantine(command) => block_on(quarantine::run(command)),
        Command::Webhooks(command) => block_on(webhooks::run(command)),
        Command::Privacy(command) => privacy::run(command),
        Command::Bench(command) => bench::run(&command),
    }
}

fn block_on(work: impl Future<Output = Result<(), Failure>>) -> ExitCode {
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
    let runtime = match tokio::runtime::Builder::new_multi_thread().thread_name("runtime").enable_all().build() {
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
            "bench payments --api-key KEY",
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
