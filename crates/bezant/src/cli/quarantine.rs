//! `bezant quarantine`: commands that crashed the engine and are kept out.

use super::ask::Running;
use super::table::{Column, Kind, Paint, column, json_lines, table};
use super::{Failure, Output, show};
use clap::Subcommand;
use serde_json::json;
use std::io;

#[derive(Debug, Subcommand)]
pub(super) enum QuarantineCommand {
    /// List commands that crashed the engine and are kept out.
    ///
    /// Each is named by its fingerprint, which the log has, too; what it wanted stands in the log line of its crash.
    #[command(after_long_help = "\
Examples:
  bezant quarantine list
  bezant quarantine list --json")]
    List {
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        running: Running,
    },
    /// Let a command in again, for instance after an upgrade that mends what it crashed.
    #[command(after_long_help = "\
Examples:
  bezant quarantine release 0123456789abcdef0123456789abcdef")]
    Release {
        /// Its fingerprint: 32 hexadecimal digits.
        fingerprint: String,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        running: Running,
    },
}

const COLUMNS: [Column; 1] = [column("FINGERPRINT", "/id", Kind::Word)];

/// Runs the command.
pub(super) async fn run(command: QuarantineCommand) -> Result<(), Failure> {
    match command {
        QuarantineCommand::List { output, running } => {
            let kept_out = running.remote()?.quarantine().await?;
            if output.json {
                return show(&json_lines(&kept_out));
            }
            if kept_out.is_empty() {
                return show("no command is kept out\n");
            }
            show(&table(&kept_out, &COLUMNS, Paint::of(&io::stdout())))
        }
        QuarantineCommand::Release { fingerprint, output, running } => {
            let well_formed = fingerprint.len() == 32 && fingerprint.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            if !well_formed {
                let sentence = "a fingerprint has 32 hexadecimal digits in lower case; `bezant quarantine list` shows them";
                return Err(Failure::usage(sentence));
            }
            running.remote()?.release(&fingerprint).await?;
            if output.json {
                return show(&format!("{}\n", json!({ "id": fingerprint, "object": "quarantined_command", "released": true })));
            }
            show(&format!("{fingerprint} is let in again\n"))
        }
    }
}
