//! `bezant refunds`: money given back.

use super::ask::{Acting, Listing, PAYMENT, REFUND, Reading, Shape, columns_of, list};
use super::payments::minor_of;
use super::table::{Column, Kind, Paint, column, describe};
use super::{Failure, Output, show};
use crate::operate::Query;
use clap::Subcommand;
use serde_json::{Value, json};
use std::io;

#[derive(Debug, Subcommand)]
pub(super) enum RefundsCommand {
    /// List refunds, newest first.
    #[command(after_long_help = "\
Examples:
  bezant refunds list
  bezant refunds list --payment pay_22ewrpbtw21f00jyjrxtthpazc
  bezant refunds list --status failed --json")]
    List {
        /// Of this payment alone (pay_…).
        #[arg(long)]
        payment: Option<String>,
        /// Where they stand.
        #[arg(long, value_parser = super::names(payments::RefundStatus::ALL.iter().map(|status| status.name())))]
        status: Option<String>,
        #[command(flatten)]
        listing: Listing,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        reading: Reading,
    },
    /// Show one refund.
    #[command(after_long_help = "\
Examples:
  bezant refunds show ref_22ewrpbtw21f00jyjrxtthpazc
  bezant refunds show ref_22ewrpbtw21f00jyjrxtthpazc --json")]
    Show {
        /// The refund (ref_…).
        id: String,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        reading: Reading,
    },
    /// Give money of a payment back.
    ///
    /// Everything that remains unless --amount says less; never more than was taken.
    #[command(after_long_help = "\
Examples:
  bezant refunds create pay_22ewrpbtw21f00jyjrxtthpazc --amount 1.00 --reason \"the cup was broken\"
  bezant refunds create pay_22ewrpbtw21f00jyjrxtthpazc --idempotency-key return-7 --json")]
    Create {
        /// The payment (pay_…).
        payment: String,
        /// How much, such as 5.00, in the payment's currency.
        #[arg(long)]
        amount: Option<String>,
        /// Why; stored sealed.
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        acting: Acting,
    },
}

const COLUMNS: [Column; 6] = [
    column("CREATED (UTC)", "/created_at", Kind::Time),
    column("REFUND", "/id", Kind::Word),
    column("STATUS", "/status", Kind::Status),
    column("AMOUNT", "/amount", Kind::Amount),
    column("PAYMENT", "/payment", Kind::Word),
    column("FAILED FOR", "/failure_code", Kind::Text),
];

const LINES: [Column; 9] = [
    column("Refund", "/id", Kind::Word),
    column("Status", "/status", Kind::Status),
    column("Amount", "/amount", Kind::Amount),
    column("Payment", "/payment", Kind::Word),
    column("Reason", "/reason", Kind::Text),
    column("Failed for", "/failure_code", Kind::Word),
    column("Provider's id", "/provider_id", Kind::Word),
    column("Created", "/created_at", Kind::Time),
    column("Changed", "/updated_at", Kind::Time),
];

/// Runs the command.
pub(super) async fn run(command: RefundsCommand) -> Result<(), Failure> {
    match command {
        RefundsCommand::List { payment, status, listing, output, reading } => {
            payment.as_deref().map_or(Ok(()), |payment| PAYMENT.check(payment))?;
            let empty = "no refund; give money back with `bezant refunds create pay_…`";
            let query = Query::default().with("payment", payment)?.with("status", status)?;
            let (remote, is_of_all) = reading.remote_or_all()?;
            let columns = columns_of(&COLUMNS, is_of_all);
            list(&remote, &listing, output, Shape { path: "/v1/refunds", query, columns: &columns, empty }).await
        }
        RefundsCommand::Show { id, output, reading } => {
            REFUND.check(&id)?;
            present(&reading.remote()?.object(&format!("/v1/refunds/{id}")).await?, output)
        }
        RefundsCommand::Create { payment, amount, reason, output, acting } => {
            PAYMENT.check(&payment)?;
            let remote = acting.remote()?;
            let mut body = json!({ "payment": payment });
            if let Some(amount) = amount {
                body["amount_minor"] = json!(minor_of(&remote, &payment, &amount).await?);
            }
            if let Some(reason) = reason {
                body["reason"] = json!(reason);
            }
            present(&acting.once(&remote, "/v1/refunds", &body).await?, output)
        }
    }
}

fn present(refund: &Value, output: Output) -> Result<(), Failure> {
    if output.json { show(&format!("{refund}\n")) } else { show(&describe(refund, &LINES, Paint::of(&io::stdout()))) }
}
