//! `bezant operators`: people who run the platform.

use super::{Failure, Running};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum OperatorsCommand {
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

/// Runs the command.
pub(super) async fn run(command: OperatorsCommand) -> Result<(), Failure> {
    match command {
        OperatorsCommand::Create { handle, running } => {
            let (id, secret) = running.remote()?.create_operator(&handle).await?;
            println!("{id}\n{}", secret.expose());
        }
        OperatorsCommand::CreateKey { id, running } => {
            let secret = running.remote()?.create_operator_key(&id).await?;
            println!("{}", secret.expose());
        }
    }
    Ok(())
}
