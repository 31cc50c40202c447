//! `bezant journal`: a journal that no platform has open.

use super::{Folder, redacted_text, report};
use crate::admin;
use base::Redacted;
use clap::Subcommand;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(super) enum JournalCommand {
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

/// Runs the command.
pub(super) fn run(command: JournalCommand) -> ExitCode {
    match command {
        JournalCommand::Verify(folder) => report(|out| admin::verify(&folder.data, folder.json, out)),
        JournalCommand::Dump(folder) => report(|out| admin::dump(&folder.data, folder.json, out)),
        JournalCommand::Skip { seq, data, operator_key, second_operator_key } => {
            report(|out| admin::skip(&data, seq, [operator_key, second_operator_key], out))
        }
    }
}
