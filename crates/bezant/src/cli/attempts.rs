//! `bezant attempts`: calls to providers that wait for a person.

use super::ask::{EFFECT, Running};
use super::table::{Column, Kind, Paint, column, json_lines, table};
use super::{Failure, Output, note, show};
use clap::Subcommand;
use serde_json::json;
use std::io;

#[derive(Debug, Subcommand)]
pub(super) enum AttemptsCommand {
    /// List calls whose outcome nobody could find out: age, amount, what was tried. Their money stays reserved.
    ///
    /// Look for the reference at the provider; when its answer can be read again, `bezant attempts look` books it.
    #[command(after_long_help = "\
Examples:
  bezant attempts parked
  bezant attempts parked --json")]
    Parked {
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        running: Running,
    },
    /// Ask the provider once more what became of a parked call; nothing is executed again.
    #[command(after_long_help = "\
Examples:
  bezant attempts look eff_22ewrpbtw21f00jyjrxtthpazc")]
    Look {
        /// The call (eff_…).
        id: String,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        running: Running,
    },
}

const COLUMNS: [Column; 10] = [
    column("CALL", "/id", Kind::Word),
    column("REASON", "/reason", Kind::Status),
    column("OPERATION", "/operation", Kind::Word),
    column("AGE (S)", "/age_s", Kind::Count),
    column("AMOUNT", "/amount", Kind::Amount),
    column("SENDS", "/sends", Kind::Count),
    column("PROVIDER", "/provider", Kind::Word),
    column("PROVIDER'S ID", "/provider_id", Kind::Word),
    column("REFERENCE THERE", "/reference", Kind::Word),
    column("PAYMENT", "/payment", Kind::Word),
];

/// Runs the command.
pub(super) async fn run(command: AttemptsCommand) -> Result<(), Failure> {
    match command {
        AttemptsCommand::Parked { output, running } => {
            let calls = running.remote()?.parked().await?;
            if output.json {
                return show(&json_lines(&calls));
            }
            if calls.is_empty() {
                return show("nothing is parked\n");
            }
            show(&table(&calls, &COLUMNS, Paint::of(&io::stdout())))?;
            note("ask the provider once more about one of them: bezant attempts look eff_…");
            Ok(())
        }
        AttemptsCommand::Look { id, output, running } => {
            EFFECT.check(&id)?;
            running.remote()?.look(&id).await?;
            if output.json {
                return show(&format!("{}\n", json!({ "id": id, "object": "parked_call", "status": "looking" })));
            }
            show(&format!("{id} is being looked at; the payment's journey will say what the provider says\n"))
        }
    }
}
