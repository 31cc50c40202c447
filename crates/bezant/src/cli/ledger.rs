//! `bezant ledger`: the double-entry ledger by itself.

use super::{Failure, redacted_text};
use crate::ledger_bench::{self, Found, Ids, Options};
use crate::workload;
use base::Redacted;
use clap::{Args, Subcommand};
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(super) enum LedgerCommand {
    /// Run a file of operations against a fresh ledger, in memory or on disk; answers one JSON object a line.
    ///
    /// Each line is an operation: create accounts and transfers, look them up, ask for an account's transfers and balances, move
    /// the clock on. The clock starts at a fixed time, so that the same file always gives the same answers. The first line
    /// that cannot be run ends it; what was answered before stays. With --data each operation is durable before it is answered,
    /// and the answers are the same. docs/guide/ledger-workloads.md describes the format.
    #[command(after_long_help = "\
Examples:
  bezant ledger run workload.jsonl
  bezant ledger run workload.jsonl --data ./ledger
  bezant ledger run - --json < workload.jsonl")]
    Run(Run),
    /// Measure how many transfers a second become durable, over HTTP and with the records for bulk.
    ///
    /// Starts a platform of its own, as a process of its own on loopback with its data in a new folder, measures, kills it, starts
    /// it again and removes the folder. With --address it measures a running one instead, in the ledger of the merchant whose key
    /// is given, which must be empty. `cargo xtask bench ledger` holds the figures against yardsticks.
    #[command(after_long_help = "\
Examples:
  bezant ledger bench
  bezant ledger bench --transfers 10000000 --accounts 1000000 --ids random
  bezant ledger bench --batch 1 --clients 32 --seconds 10 --json")]
    Bench(Bench),
}

#[derive(Debug, Args)]
pub(super) struct Bench {
    /// Accounts.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(2..=100_000_000))]
    accounts: u64,
    /// Transfers.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000_000))]
    transfers: u64,
    /// Transfers of one request.
    #[arg(long, default_value_t = 8_189, value_parser = clap::value_parser!(u16).range(1..=8_189))]
    batch: u16,
    /// Connections, each of which asks again as soon as it is answered.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    clients: u16,
    /// How ids of transfers are chosen.
    #[arg(long, value_enum, default_value_t = Ids::Time)]
    ids: Ids,
    /// Accounts ask for their history.
    #[arg(long)]
    history: bool,
    /// Stop after so many seconds, even if fewer transfers were made.
    #[arg(long)]
    seconds: Option<u64>,
    /// Folder for the data of the platform that is started; it must not exist.
    #[arg(long, value_name = "FOLDER", default_value = "bezant-data/ledger-bench")]
    data: PathBuf,
    /// Leave the data folder there, with its platform stopped.
    #[arg(long)]
    keep: bool,
    /// Also say how fast each million of transfers was.
    #[arg(long)]
    curve: bool,
    /// Address of a running platform, such as 127.0.0.1:8080, to measure instead of starting one.
    #[arg(long, value_name = "ADDRESS", requires = "api_key")]
    address: Option<SocketAddr>,
    /// Secret key of a merchant there.
    #[arg(long, env = "BEZANT_API_KEY", hide_env_values = true, value_parser = redacted_text())]
    api_key: Option<Redacted<String>>,
    /// Answer with one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// The file of operations; - for standard input.
    #[arg(value_name = "WORKLOAD")]
    workload: PathBuf,
    /// Keep the ledger in this folder, which must not exist, instead of in memory.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// An error is an object, too; answers always are.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(command: LedgerCommand) -> Result<(), Failure> {
    match command {
        LedgerCommand::Run(options) => run_workload(&options),
        LedgerCommand::Bench(options) => bench(options),
    }
}

fn run_workload(Run { workload, data, json: _ }: &Run) -> Result<(), Failure> {
    let file: Box<dyn Read> = if workload.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        let opened = File::open(workload);
        Box::new(opened.map_err(|error| Failure::failed(format!("cannot read {}: {error}", workload.display())))?)
    };
    let answers = io::stdout().lock();
    let ended = match data {
        None => workload::run(file, answers),
        Some(folder) => workload::run_on_disk(file, answers, folder, workload::Layout::PLATFORM),
    };
    ended.map_err(|error| Failure::failed(error.to_string()))
}

fn bench(options: Bench) -> Result<(), Failure> {
    let Bench { accounts, transfers, batch, clients, ids, history, seconds, data, keep, curve, address, api_key, json } = options;
    let options = Options {
        running: address.zip(api_key),
        data,
        keep,
        curve,
        accounts,
        transfers,
        batch: usize::from(batch),
        clients: usize::from(clients),
        ids,
        history,
        time_max: seconds.map(Duration::from_secs),
    };
    let is_shown = io::stderr().is_terminal();
    let mut progress = |done: u64| {
        if is_shown {
            eprint!("\r{done} of {transfers} transfers");
        }
    };
    let found = ledger_bench::run(&options, &mut progress);
    if is_shown {
        eprintln!();
    }
    let found = found.map_err(|error| Failure::failed(error.to_string()))?;
    if json {
        let line = serde_json::to_string(&found).map_err(|error| Failure::failed(error.to_string()))?;
        println!("{line}");
    } else {
        print!("{}", text(&found));
    }
    Ok(())
}

/// The figures as a table.
fn text(found: &Found) -> String {
    let mut rows = vec![
        ("transfers", format!("{}", found.transfers)),
        ("refused", format!("{}", found.refused)),
        ("seconds", format!("{:.1}", found.elapsed_s)),
        ("transfers a second", format!("{:.0}", found.transfers_per_s)),
        ("batch, p50", format!("{:.1} ms", found.batch_p50_ms)),
        ("batch, p99", format!("{:.1} ms", found.batch_p99_ms)),
        ("batch, slowest", format!("{:.1} ms", found.batch_max_ms)),
        ("10 of an account, p50", format!("{:.1} ms", found.query_p50_ms)),
        ("10 of an account, p99", format!("{:.1} ms", found.query_p99_ms)),
    ];
    if let Some(server) = &found.server {
        rows.extend([
            ("memory", format!("{:.0} MB", server.rss_mb)),
            ("CPU of a transfer", format!("{:.2} µs", server.cpu_us_per_transfer)),
            ("on disk for each", format!("{:.0} bytes", server.bytes_on_disk_per_transfer)),
            ("written for each", format!("{:.0} bytes", server.bytes_written_per_transfer)),
            ("restart after kill -9", format!("{:.2} s", server.restart_s)),
        ]);
    }
    rows.iter().map(|(name, value)| format!("{name:22} {value}\n")).collect()
}
