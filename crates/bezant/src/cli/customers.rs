//! `bezant customers`: a merchant's customers and the payment methods that they stored.

use super::ask::{CUSTOMER, Listing, Reading, Shape, list};
use super::table::{Column, Kind, Paint, column, describe, table};
use super::{Failure, Output, show};
use crate::operate::Query;
use clap::Subcommand;
use serde_json::json;
use std::io;

#[derive(Debug, Subcommand)]
pub(super) enum CustomersCommand {
    /// List customers, newest first, without deleted ones.
    #[command(after_long_help = "\
Examples:
  bezant customers list
  bezant customers list --all --json")]
    List {
        #[command(flatten)]
        listing: Listing,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        reading: Reading,
    },
    /// Show one customer with the payment methods that are stored.
    ///
    /// --json prints one object: the customer, and its payment methods in the field payment_methods.
    #[command(after_long_help = "\
Examples:
  bezant customers show cus_22ewrpbtw21f00jyjrxtthpazc
  bezant customers show cus_22ewrpbtw21f00jyjrxtthpazc --json")]
    Show {
        /// The customer (cus_…).
        id: String,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        reading: Reading,
    },
}

const COLUMNS: [Column; 5] = [
    column("CREATED (UTC)", "/created_at", Kind::Time),
    column("CUSTOMER", "/id", Kind::Word),
    column("NAME", "/name", Kind::Text),
    column("E-MAIL", "/email", Kind::Text),
    column("REFERENCE", "/reference", Kind::Text),
];

const LINES: [Column; 9] = [
    column("Customer", "/id", Kind::Word),
    column("Name", "/name", Kind::Text),
    column("E-mail", "/email", Kind::Text),
    column("Reference", "/reference", Kind::Text),
    column("Description", "/description", Kind::Text),
    column("Person", "/subject", Kind::Word),
    column("Person's data erased", "/erased", Kind::Flag),
    column("Deleted", "/deleted", Kind::Flag),
    column("Created", "/created_at", Kind::Time),
];

const METHODS: [Column; 7] = [
    column("PAYMENT METHOD", "/id", Kind::Word),
    column("STATUS", "/status", Kind::Status),
    column("CARD", "/card/brand", Kind::Word),
    column("LAST 4", "/card/last4", Kind::Word),
    column("MONTH", "/card/exp_month", Kind::Count),
    column("YEAR", "/card/exp_year", Kind::Count),
    column("FAILED FOR", "/failure_code", Kind::Text),
];

/// Runs the command.
pub(super) async fn run(command: CustomersCommand) -> Result<(), Failure> {
    match command {
        CustomersCommand::List { listing, output, reading } => {
            let empty = "no customer; a merchant's server creates them with POST /v1/customers";
            let shape = Shape { path: "/v1/customers", query: Query::default(), columns: &COLUMNS, empty };
            list(&reading.remote()?, &listing, output, shape).await
        }
        CustomersCommand::Show { id, output, reading } => {
            CUSTOMER.check(&id)?;
            let remote = reading.remote()?;
            let mut customer = remote.object(&format!("/v1/customers/{id}")).await?;
            let methods = remote.page(&format!("/v1/customers/{id}/payment_methods"), &Query::default()).await?.data;
            if output.json {
                customer["payment_methods"] = json!(methods);
                return show(&format!("{customer}\n"));
            }
            let paint = Paint::of(&io::stdout());
            let stored = if methods.is_empty() { "no payment method is stored\n".to_owned() } else { table(&methods, &METHODS, paint) };
            show(&format!("{}\n{stored}", describe(&customer, &LINES, paint)))
        }
    }
}
