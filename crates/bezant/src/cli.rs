//! Arguments and exit codes: the list of commands is here, one file per group of commands below. What they do is elsewhere.
//!
//! Read first: [`Command`] for what there is, `ask.rs` for arguments that many share, `table.rs` for how answers are shown.

mod ask;
mod attempts;
mod backup;
mod balances;
mod bench;
mod completions;
mod config;
mod customers;
mod disputes;
mod journal;
mod journey;
mod keys;
mod ledger;
mod merchants;
mod operators;
mod payments;
mod privacy;
mod quarantine;
mod refunds;
mod search;
mod serve;
mod status;
mod table;
mod views;
mod webhooks;

use crate::bench::BenchCommand;
use crate::operate;
use crate::pay::PayOptions;
use crate::{admin, pay};
use base::Redacted;
use clap::builder::{PossibleValuesParser, StringValueParser, TypedValueParser};
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use serde_json::json;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit code of a command line that has to be corrected; clap's own, too.
const EXIT_WRONG_USE: u8 = 2;

/// Bezant takes a payment from checkout to settled, reconciled money, and can prove every step.
#[derive(Debug, Parser)]
#[command(
    name = "bezant", version, max_term_width = 110, arg_required_else_help = true, subcommand_required = true, after_help = FIRST_STEPS,
    after_long_help = TOP
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What a newcomer runs first.
const FIRST_STEPS: &str = "\
First steps:
  1. bezant serve --demo --stripe-key sk_test_…
         starts the platform, with a merchant to try it with (bezant-sandbox stands in for Stripe: --stripe-url)
  2. export BEZANT_API_KEY=$(cat bezant-data/platform/demo.key)
     bezant payments create 19.99 EUR --payment-method pm_card_visa
         takes a payment and says what its id is
  3. bezant payments journey pay_…
         tells what happened, step by step, and what happens next

`bezant COMMAND --help` has examples that can be copied.";

/// As [`FIRST_STEPS`], with what is the same for all commands.
const TOP: &str = "\
First steps:
  1. bezant serve --demo --stripe-key sk_test_…
         starts the platform, with a merchant to try it with (bezant-sandbox stands in for Stripe: --stripe-url)
  2. export BEZANT_API_KEY=$(cat bezant-data/platform/demo.key)
     bezant payments create 19.99 EUR --payment-method pm_card_visa
         takes a payment and says what its id is
  3. bezant payments journey pay_…
         tells what happened, step by step, and what happens next

Output:
  Tables and sentences for people; with --json one JSON object a line, as the API shows it. Data goes to standard output.
  Errors, hints and where the next page begins go to standard error, with --json as objects, too.

Environment:
  BEZANT_URL                  the platform's address, for every command that asks a running one
  BEZANT_API_KEY              a merchant's secret key
  BEZANT_OPERATOR_KEY         an operator's key
  BEZANT_SECOND_OPERATOR_KEY  another operator's key, where two must agree
  BEZANT_MERCHANT             the merchant for whom an operator reads (mer_…)
  BEZANT_STRIPE_KEY           Stripe's secret key, for serve
  BEZANT_STRIPE_WEBHOOKS      Stripe's webhook endpoints and their secrets, for serve
  BEZANT_LOG                  what serve logs
  NO_COLOR                    set to anything: no colours; there are none either where output is not a terminal

Exit codes:
  0  done
  1  failed: the message says why and what to do
  2  wrong use: the command line has to be corrected

`bezant COMMAND --help` has examples that can be copied.";

/// What every command's help ends with.
const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong use.";
/// The same for `bezant pay`.
const EXIT_CODES_PAY: &str = "\
Exit codes: 0 every row was taken (declines are results, counted in the summary), 1 it stopped early or nothing could be
sent, 2 wrong use, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the platform: HTTP API, sequencer, journal, read models.
    ///
    /// Everything durable is in one folder, which one process at a time may use. SIGTERM and SIGINT stop it in order.
    #[command(after_long_help = "\
Examples:
  bezant serve --demo --stripe-key sk_test_4eC39HqLyjWDarjtT1zdp7dc
  bezant serve --demo --stripe-key sk_test_simulated --stripe-url http://127.0.0.1:12111
  bezant serve --data bezant-data/platform --listen 127.0.0.1:8080 --stripe-key sk_test_4eC39HqLyjWDarjtT1zdp7dc --stripe-webhook main=whsec_0123456789abcdef
  bezant serve --listen 127.0.0.1:0 --json --stripe-key sk_test_4eC39HqLyjWDarjtT1zdp7dc")]
    Serve(Box<serve::Serve>),
    /// Check what serve is given before it is started.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Charge a file of orders through a running platform; running it again charges nobody twice.
    ///
    /// A row's order id is the payment's permanent reference. docs/guide/orders-csv.md describes the file and every outcome.
    #[command(after_long_help = "\
Examples:
  bezant pay --orders orders.csv
  bezant pay --orders orders.csv --json --quiet
  bezant pay --orders orders.csv --retry-declined --concurrency 8")]
    Pay(PayOptions),
    /// How a running platform does, how its providers answer, and what waits for a person.
    #[command(after_long_help = "\
Examples:
  bezant status
  bezant status --json")]
    Status(status::Status),
    /// Payments of a merchant: look at them, take them, follow what happened to them.
    #[command(subcommand)]
    Payments(payments::PaymentsCommand),
    /// Money given back.
    #[command(subcommand)]
    Refunds(refunds::RefundsCommand),
    /// What customers' banks ask about or take back.
    #[command(subcommand)]
    Disputes(disputes::DisputesCommand),
    /// Customers of a merchant and their stored payment methods.
    #[command(subcommand)]
    Customers(customers::CustomersCommand),
    /// A merchant's books: every account with its balance, by currency.
    #[command(after_long_help = "\
Examples:
  bezant balances
  bezant balances --json")]
    Balances(balances::Balances),
    /// Find a payment, refund, dispute, customer, message or merchant by whatever you have of it.
    ///
    /// Looks through all merchants for an id of Bezant's or of a provider, a merchant's handle, or an exact reference.
    #[command(after_long_help = "\
Examples:
  bezant search order-1001
  bezant search pay_22ewrpbtw21f00jyjrxtthpazc
  bezant search pi_3MtwBwLkdIwHu7ix --json")]
    Search(search::Search),
    /// Merchants, for whom payments are taken.
    #[command(subcommand)]
    Merchants(merchants::MerchantsCommand),
    /// API keys of merchants.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Admit people who run the platform.
    #[command(subcommand)]
    Operators(operators::OperatorsCommand),
    /// What providers sent of their own accord.
    #[command(subcommand)]
    Webhooks(webhooks::WebhooksCommand),
    /// Calls to providers that wait for a person.
    #[command(subcommand)]
    Attempts(attempts::AttemptsCommand),
    /// Commands that crashed the engine and are kept out.
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// Look at a journal without a running platform.
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Copy everything durable into a folder, while the platform is running or when it is stopped.
    ///
    /// The next backup into the same folder copies what is new. A backup is complete when the command has said so; one that
    /// is stopped in the middle leaves the one before as it was. What is in the backup's folder `keys` must be guarded.
    #[command(after_long_help = "\
Examples:
  bezant backup --to backup
  bezant backup --data bezant-data/platform --to backup --json")]
    Backup(backup::Backup),
    /// Make a data folder out of a backup, and prove that it is what was backed up.
    ///
    /// Every checksum is compared, every event applied; the state must have the digest that it had, and debits must equal
    /// credits in every ledger. Only then the folder gets its name; nothing is ever restored over anything.
    #[command(after_long_help = "\
Examples:
  bezant restore --from backup --data restored
  bezant restore --from backup --data bezant-data/restored --json")]
    Restore(backup::Restore),
    /// The double-entry ledger by itself.
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// The platform's clock, after it jumped.
    #[command(subcommand)]
    Clock(status::ClockCommand),
    /// The read models that lists and searches come from.
    #[command(subcommand)]
    Views(views::ViewsCommand),
    /// Erase a person's data.
    #[command(subcommand)]
    Privacy(privacy::PrivacyCommand),
    /// Measure how fast a running platform is.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Print completions of this command line for a shell.
    ///
    /// bash: source <(bezant completions bash), best in ~/.bashrc. zsh: write them to a file _bezant in a folder of $fpath.
    /// fish: bezant completions fish | source. PowerShell: bezant completions powershell | Out-String | Invoke-Expression.
    #[command(after_long_help = "\
Examples:
  bezant completions bash > bezant.bash
  bezant completions zsh > _bezant
  bezant completions fish > bezant.fish
  bezant completions powershell > bezant.ps1")]
    Completions(completions::Completions),
}

/// How answers are shown.
#[derive(Clone, Copy, Debug, Args)]
struct Output {
    /// JSON, one object a line, instead of text for people.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Folder {
    /// The platform's data folder.
    #[arg(long, value_name = "FOLDER", default_value = DATA)]
    data: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// Where a platform keeps what is durable unless told otherwise.
const DATA: &str = "bezant-data/platform";

/// Why a command ended without having done what it was asked, in words for the person who ran it.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The command line has to be corrected.
    #[error("{0}")]
    Usage(String),
    /// It could not be done.
    #[error("{0}")]
    Failed(String),
    /// The platform did not do it.
    #[error("the platform answered {}: {}", .0.status, .0.sentence())]
    Refused(Box<operate::Refused>),
    /// Nobody reads the output any more, which is their right.
    #[error("the output was closed")]
    OutputClosed,
}

impl Failure {
    fn usage(sentence: impl Into<String>) -> Self {
        Self::Usage(sentence.into())
    }

    fn failed(sentence: impl Into<String>) -> Self {
        Self::Failed(sentence.into())
    }
}

impl From<operate::Error> for Failure {
    fn from(error: operate::Error) -> Self {
        match error {
            operate::Error::Refused(refused) => Self::Refused(refused),
            error if error.is_wrong_use() => Self::usage(error.to_string()),
            error => Self::failed(error.to_string()),
        }
    }
}

impl From<admin::Error> for Failure {
    fn from(error: admin::Error) -> Self {
        match error {
            admin::Error::Output(error) => error.into(),
            error => Self::failed(error.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::failed(format!("cannot write the output: {error}")),
        }
    }
}

/// Takes a key so that nothing prints it.
fn redacted_text() -> impl TypedValueParser<Value = Redacted<String>> {
    StringValueParser::new().map(Redacted::new)
}

/// Takes one of these words, and names them all in help, errors and completions.
fn names(names: impl Iterator<Item = &'static str>) -> PossibleValuesParser {
    PossibleValuesParser::new(names)
}

/// The command line as it is parsed, helped with and completed.
pub fn command() -> clap::Command {
    taught(Cli::command())
}

/// Ends the help of every command that does something with its exit codes.
fn taught(command: clap::Command) -> clap::Command {
    if command.has_subcommands() {
        return command.mut_subcommands(taught);
    }
    let codes = if command.get_name() == "pay" { EXIT_CODES_PAY } else { EXIT_CODES };
    let help = match command.get_after_long_help() {
        Some(help) => format!("{help}\n\n{codes}"),
        None => codes.to_owned(),
    };
    command.after_long_help(help)
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let matches = command().get_matches();
    let json = wants_json(&matches);
    let parsed = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let result = match parsed.command {
        Command::Serve(arguments) => serve::run(*arguments),
        Command::Pay(options) => {
            return match runtime() {
                Ok(runtime) => runtime.block_on(pay::command(options)),
                Err(error) => ended(&Err(error), json),
            };
        }
        Command::Status(arguments) => block_on(status::run(arguments)),
        Command::Clock(command) => block_on(status::clock(command)),
        Command::Payments(command) => block_on(payments::run(command)),
        Command::Refunds(command) => block_on(refunds::run(command)),
        Command::Disputes(command) => block_on(disputes::run(command)),
        Command::Customers(command) => block_on(customers::run(command)),
        Command::Balances(arguments) => block_on(balances::run(arguments)),
        Command::Search(arguments) => block_on(search::run(arguments)),
        Command::Merchants(command) => block_on(merchants::run(command)),
        Command::Keys(command) => block_on(keys::run(command)),
        Command::Operators(command) => block_on(operators::run(command)),
        Command::Webhooks(command) => block_on(webhooks::run(command)),
        Command::Attempts(command) => block_on(attempts::run(command)),
        Command::Quarantine(command) => block_on(quarantine::run(command)),
        Command::Journal(command) => journal::run(command),
        Command::Backup(arguments) => backup::backup(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Ledger(command) => ledger::run(command),
        Command::Config(command) => config::run(command),
        Command::Views(command) => views::run(command),
        Command::Privacy(command) => privacy::run(command),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Bench(command) => bench::run(&command),
    };
    ended(&result, json)
}

/// Whether the command that was named has `--json` and it was given.
fn wants_json(matches: &ArgMatches) -> bool {
    match matches.subcommand() {
        Some((_, inner)) => wants_json(inner),
        None => matches.try_get_one::<bool>("json").ok().flatten().copied().unwrap_or(false),
    }
}

/// The exit code, after saying what went wrong.
fn ended(result: &Result<(), Failure>, json: bool) -> ExitCode {
    let Err(failure) = result else { return ExitCode::SUCCESS };
    let exit_code = match failure {
        Failure::OutputClosed => return ExitCode::SUCCESS,
        Failure::Usage(_) => EXIT_WRONG_USE,
        Failure::Failed(_) | Failure::Refused(_) => 1,
    };
    if !json {
        complain(failure);
        return ExitCode::from(exit_code);
    }
    let mut error = json!({ "object": "error", "message": failure.to_string(), "exit_code": exit_code });
    if let Failure::Refused(refused) = failure {
        let operate::Refused { status, code, detail, what_to_do, trace_id } = refused.as_ref();
        error = json!({
            "object": "error", "message": detail, "exit_code": exit_code, "status": status, "code": code, "what_to_do": what_to_do,
            "trace_id": trace_id,
        });
    }
    note(&error.to_string());
    ExitCode::from(exit_code)
}

fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = runtime()?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    result
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("runtime").enable_all().build();
    runtime.map_err(|error| Failure::failed(format!("cannot start: {error}")))
}

/// Writes what was asked for to standard output.
fn show(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Says something beside what was asked for, on standard error.
fn note(sentence: &str) {
    let _ = writeln!(io::stderr(), "{sentence}"); // nobody else to tell
}

/// Tells people what went wrong. An error stream that cannot be written, on the very disk that is full, changes no exit
/// code.
fn complain(error: &impl std::fmt::Display) {
    note(&format!("bezant: {error}"));
}

fn report(work: impl FnOnce(&mut BufWriter<io::StdoutLock<'static>>) -> Result<(), admin::Error>) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let result = work(&mut out).and_then(|()| Ok(out.flush()?));
    if result.is_err() {
        let _ = out.flush(); // the error matters more
    }
    Ok(result?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{Cli, FIRST_STEPS, TOP, command};
    use crate::operate::Remote;
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
            "payments list --api-key KEY --operator-key KEY",
            "payments create 1 EUR --payment-method pm_1 --api-key KEY",
            "balances --api-key KEY --operator-key KEY",
            "keys create mer_1 --operator-key KEY",
            "search text --operator-key KEY",
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

    /// Every command that does something, with its words.
    fn leaves(command: &clap::Command, path: &[String]) -> Vec<(Vec<String>, clap::Command)> {
        if !command.has_subcommands() {
            return vec![(path.to_vec(), command.clone())];
        }
        let below = |inner: &clap::Command| leaves(inner, &[path, &[inner.get_name().to_owned()]].concat());
        command.get_subcommands().filter(|inner| inner.get_name() != "help").flat_map(below).collect()
    }

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_is_for_and_shows_how() {
        for (path, leaf) in leaves(&command(), &[]) {
            let name = path.join(" ");
            assert!(leaf.get_about().is_some_and(|about| about.to_string().len() > 10), "`{name}` says nothing");
            let help = leaf.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("Examples:\n  bezant "), "`{name}` has no examples");
            assert!(help.contains("Exit codes: 0 "), "`{name}` does not say its exit codes");
            for argument in leaf.get_arguments() {
                assert!(argument.get_help().is_some(), "`{name}`: {} has no help", argument.get_id());
            }
        }
    }

    #[test]
    fn what_prints_data_prints_it_as_json_too() {
        for (path, leaf) in leaves(&command(), &[]) {
            let has_json = leaf.get_arguments().any(|argument| argument.get_long() == Some("json"));
            assert!(has_json || path == ["completions"], "`{}` has no --json", path.join(" "));
        }
    }

    #[test]
    fn the_top_help_names_every_variable_and_begins_with_the_first_steps() {
        assert!(TOP.starts_with(FIRST_STEPS.split("\n\n").next().unwrap()));
        for (path, leaf) in leaves(&command(), &[]) {
            for variable in leaf.get_arguments().filter_map(clap::Arg::get_env) {
                let variable = variable.to_str().unwrap();
                assert!(TOP.contains(&format!("  {variable} ")), "`{}`: {variable}", path.join(" "));
            }
        }
    }
}
