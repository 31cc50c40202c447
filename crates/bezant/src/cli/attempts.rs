//! `bezant attempts`: calls to providers that wait for a person.

use super::table::{json_lines, table};
use super::{Failure, Running};
use clap::Subcommand;
use serde_json::Value;

#[derive(Debug, Subcommand)]
pub(super) enum AttemptsCommand {
    /// List calls whose outcome nobody could find out: age, amount, what was tried. Their money stays reserved.
    Parked {
        /// JSON, one object a line, instead of a table.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        running: Running,
    },
    /// Ask the provider once more what became of a parked call; nothing is executed again.
    Look {
        /// The call (eff_…).
        id: String,
        #[command(flatten)]
        running: Running,
    },
}

/// Runs the command.
pub(super) async fn run(command: AttemptsCommand) -> Result<(), Failure> {
    match command {
        AttemptsCommand::Parked { json, running } => {
            let calls = running.remote()?.parked().await?;
            print!("{}", if json { json_lines(&calls) } else { parked_table(&calls) });
        }
        AttemptsCommand::Look { id, running } => {
            running.remote()?.look(&id).await?;
            println!("{id} is being looked at; the payment's journey will say what the provider says");
        }
    }
    Ok(())
}

fn parked_table(calls: &[Value]) -> String {
    if calls.is_empty() {
        return "nothing is parked\n".to_owned();
    }
    let columns = [
        "/id",
        "/reason",
        "/operation",
        "/age_s",
        "/amount/amount_minor",
        "/amount/currency",
        "/sends",
        "/provider",
        "/provider_id",
        "/payment",
    ];
    let titles = ["CALL", "REASON", "OPERATION", "AGE (S)", "MINOR UNITS", "CURRENCY", "SENDS", "PROVIDER", "PROVIDER ID", "PAYMENT"];
    table(calls, columns, titles)
}
