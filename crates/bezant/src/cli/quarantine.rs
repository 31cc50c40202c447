//! `bezant quarantine`: commands that crashed the engine and are kept out.

use super::table::field;
use super::{Failure, Running};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum QuarantineCommand {
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

/// Runs the command.
pub(super) async fn run(command: QuarantineCommand) -> Result<(), Failure> {
    match command {
        QuarantineCommand::List { running } => {
            for command in running.remote()?.quarantine().await? {
                println!("{}", field(&command, "/id"));
            }
        }
        QuarantineCommand::Release { fingerprint, running } => {
            running.remote()?.release(&fingerprint).await?;
            println!("{fingerprint} is let in again");
        }
    }
    Ok(())
}
