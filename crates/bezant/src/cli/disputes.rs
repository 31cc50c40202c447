//! `bezant disputes`: what customers' banks ask about or take back. They are read here and answered at the provider.

use super::ask::{DISPUTE, Listing, PAYMENT, Reading, Shape, columns_of, list};
use super::table::{Column, Kind, Paint, column, describe};
use super::{Failure, Output, show};
use crate::operate::Query;
use clap::Subcommand;
use std::io;

#[derive(Debug, Subcommand)]
pub(super) enum DisputesCommand {
    /// List disputes, newest first.
    ///
    /// A dispute is answered at the provider, before the time in the column ANSWER BY.
    #[command(after_long_help = "\
Examples:
  bezant disputes list
  bezant disputes list --payment pay_22ewrpbtw21f00jyjrxtthpazc
  bezant disputes list --status open --all --json")]
    List {
        /// Of this payment alone (pay_…).
        #[arg(long)]
        payment: Option<String>,
        /// Where they stand.
        #[arg(long, value_parser = super::names(payments::DisputeStatus::ALL.iter().map(|status| status.name())))]
        status: Option<String>,
        #[command(flatten)]
        listing: Listing,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        reading: Reading,
    },
    /// Show one dispute.
    #[command(after_long_help = "\
Examples:
  bezant disputes show dsp_22ewrpbtw21f00jyjrxtthpazc
  bezant disputes show dsp_22ewrpbtw21f00jyjrxtthpazc --json")]
    Show {
        /// The dispute (dsp_…).
        id: String,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        reading: Reading,
    },
}

const COLUMNS: [Column; 7] = [
    column("OPENED (UTC)", "/created_at", Kind::Time),
    column("DISPUTE", "/id", Kind::Word),
    column("STATUS", "/status", Kind::Status),
    column("AMOUNT", "/amount", Kind::Amount),
    column("REASON", "/reason", Kind::Text),
    column("ANSWER BY (UTC)", "/respond_by", Kind::Time),
    column("PAYMENT", "/payment", Kind::Word),
];

const LINES: [Column; 10] = [
    column("Dispute", "/id", Kind::Word),
    column("Status", "/status", Kind::Status),
    column("Amount", "/amount", Kind::Amount),
    column("Provider's fee", "/fee_minor", Kind::Minor("/amount/currency")),
    column("Reason", "/reason", Kind::Text),
    column("Answer by", "/respond_by", Kind::Time),
    column("Payment", "/payment", Kind::Word),
    column("Provider's id", "/provider_id", Kind::Word),
    column("Opened", "/created_at", Kind::Time),
    column("Changed", "/updated_at", Kind::Time),
];

/// Runs the command.
pub(super) async fn run(command: DisputesCommand) -> Result<(), Failure> {
    match command {
        DisputesCommand::List { payment, status, listing, output, reading } => {
            payment.as_deref().map_or(Ok(()), |payment| PAYMENT.check(payment))?;
            let empty = "no dispute; the provider tells of them by webhook, or when its list of events is swept";
            let query = Query::default().with("payment", payment)?.with("status", status)?;
            let (remote, is_of_all) = reading.remote_or_all()?;
            let columns = columns_of(&COLUMNS, is_of_all);
            list(&remote, &listing, output, Shape { path: "/v1/disputes", query, columns: &columns, empty }).await
        }
        DisputesCommand::Show { id, output, reading } => {
            DISPUTE.check(&id)?;
            let dispute = reading.remote()?.object(&format!("/v1/disputes/{id}")).await?;
            if output.json {
                return show(&format!("{dispute}\n"));
            }
            show(&describe(&dispute, &LINES, Paint::of(&io::stdout())))
        }
    }
}
