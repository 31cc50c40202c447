//! `bezant ledger`: the double-entry ledger by itself.

use super::Failure;
use crate::workload;
use clap::{Args, Subcommand};
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum LedgerCommand {
    /// Run a file of operations against a fresh ledger in memory; answers one JSON object a line.
    ///
    /// Each line is an operation: create accounts and transfers, look them up, ask for an account's transfers and balances, move
    /// the clock on. The clock starts at a fixed time, so that the same file always gives the same answers. The first line
    /// that cannot be run ends it; what was answered before stays. docs/guide/ledger-workloads.md describes the format.
    #[command(after_long_help = "\
Examples:
  bezant ledger run workload.jsonl
  bezant ledger run - --json < workload.jsonl")]
    Run(Run),
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// The file of operations; - for standard input.
    #[arg(value_name = "WORKLOAD")]
    workload: PathBuf,
    /// An error is an object, too; answers always are.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(LedgerCommand::Run(Run { workload, json: _ }): LedgerCommand) -> Result<(), Failure> {
    let file: Box<dyn Read> = if workload.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        let opened = File::open(&workload);
        Box::new(opened.map_err(|error| Failure::failed(format!("cannot read {}: {error}", workload.display())))?)
    };
    workload::run(file, io::stdout().lock()).map_err(|error| Failure::failed(error.to_string()))
}
