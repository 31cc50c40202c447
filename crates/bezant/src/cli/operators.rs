//! `bezant operators`: people who run the platform.

use super::ask::{OPERATOR, Running};
use super::{Failure, Output, show};
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum OperatorsCommand {
    /// Admit another operator and print a key, which is shown this once.
    ///
    /// Prints the operator's id and the key, a line each. What two people must agree on needs a second operator.
    #[command(after_long_help = "\
Examples:
  bezant operators create bob
  bezant operators create carol --json")]
    Create {
        /// Short name: lower-case letters, digits and hyphens.
        handle: String,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        running: Running,
    },
    /// Make another key for an operator and print it, which is done this once.
    #[command(after_long_help = "\
Examples:
  bezant operators create-key opr_22ewrpbtw21f00jyjrxtthpazc")]
    CreateKey {
        /// The operator (opr_…).
        id: String,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        running: Running,
    },
}

/// Runs the command.
pub(super) async fn run(command: OperatorsCommand) -> Result<(), Failure> {
    match command {
        OperatorsCommand::Create { handle, output, running } => {
            let (id, secret) = running.remote()?.create_operator(&handle).await?;
            if output.json {
                return show(&format!("{}\n", json!({ "id": id, "object": "operator", "handle": handle, "secret": secret.expose() })));
            }
            show(&format!("{id}\n{}\n", secret.expose()))
        }
        OperatorsCommand::CreateKey { id, output, running } => {
            OPERATOR.check(&id)?;
            let secret = running.remote()?.create_operator_key(&id).await?;
            if output.json {
                return show(&format!("{}\n", json!({ "object": "api_key", "operator": id, "secret": secret.expose() })));
            }
            show(&format!("{}\n", secret.expose()))
        }
    }
}
