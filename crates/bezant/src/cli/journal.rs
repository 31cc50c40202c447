//! `bezant journal`: a journal that no platform has open.

use super::{DATA, Failure, Folder, Output, redacted_text, report};
use crate::admin;
use base::Redacted;
use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum JournalCommand {
    /// Check every checksum, the chain, and that every event applies; changes nothing.
    ///
    /// Damage is named by segment, offset and sequence number.
    #[command(after_long_help = "\
Examples:
  bezant journal verify
  bezant journal verify --data bezant-data/platform --json")]
    Verify(Folder),
    /// List every event in order with its ledger legs; sealed fields are shown by their length.
    #[command(after_long_help = "\
Examples:
  bezant journal dump | head
  bezant journal dump --json | tail -n 1")]
    Dump(Folder),
    /// Pass over a durable event that this program cannot apply, so that the platform can start.
    ///
    /// Two operators must agree; the release is journaled and the event stays where it is. What it meant has to be put right
    /// by hand. The failed start named its sequence number.
    #[command(after_long_help = "\
Examples:
  bezant journal skip --seq 4711 --data bezant-data/platform")]
    Skip {
        /// Sequence number of the event, as the failed start named it.
        #[arg(long)]
        seq: u64,
        /// The platform's data folder; no platform may be using it.
        #[arg(long, value_name = "FOLDER", default_value = DATA)]
        data: PathBuf,
        /// One operator's key.
        #[arg(long, value_name = "KEY", env = "BEZANT_OPERATOR_KEY", hide_env_values = true, value_parser = redacted_text())]
        operator_key: Option<Redacted<String>>,
        /// Another operator's key.
        #[arg(long, value_name = "KEY", env = "BEZANT_SECOND_OPERATOR_KEY", hide_env_values = true, value_parser = redacted_text())]
        second_operator_key: Option<Redacted<String>>,
        #[command(flatten)]
        output: Output,
    },
}

/// Runs the command.
pub(super) fn run(command: JournalCommand) -> Result<(), Failure> {
    match command {
        JournalCommand::Verify(folder) => report(|out| admin::verify(&folder.data, folder.output.json, out)),
        JournalCommand::Dump(folder) => report(|out| admin::dump(&folder.data, folder.output.json, out)),
        JournalCommand::Skip { seq, data, operator_key, second_operator_key, output } => {
            report(|out| admin::skip(&data, seq, [operator_key, second_operator_key], output.json, out))
        }
    }
}
