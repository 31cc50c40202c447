//! `bezant balances`: a merchant's books.

use super::ask::Reading;
use super::table::{Column, Kind, Paint, column, table};
use super::{Failure, Output, show};
use clap::Args;
use serde_json::Value;
use std::io;

/// Whose books.
#[derive(Debug, Args)]
pub(super) struct Balances {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    reading: Reading,
}

const COLUMNS: [Column; 5] = [
    column("ACCOUNT", "/kind", Kind::Word),
    column("BALANCE", "/balance_minor", Kind::Minor("/currency")),
    column("DEBITS", "/debits_posted_minor", Kind::Minor("/currency")),
    column("CREDITS", "/credits_posted_minor", Kind::Minor("/currency")),
    column("RESERVED", "/debits_pending_minor", Kind::Minor("/currency")),
];

/// Shows every account by currency.
pub(super) async fn run(arguments: Balances) -> Result<(), Failure> {
    let Balances { output, reading } = arguments;
    let balances = reading.remote()?.object("/v1/balances").await?;
    if output.json {
        return show(&format!("{balances}\n"));
    }
    let paint = Paint::of(&io::stdout());
    let mut tables = Vec::new();
    for books in balances.get("data").and_then(Value::as_array).into_iter().flatten() {
        let mut accounts = books.get("accounts").and_then(Value::as_array).cloned().unwrap_or_default();
        for account in &mut accounts {
            account["currency"] = books.get("currency").cloned().unwrap_or_default();
        }
        tables.push(table(&accounts, &COLUMNS, paint));
    }
    if tables.is_empty() {
        return show("no account yet; they are opened with the first payment in a currency\n");
    }
    show(&tables.join("\n"))
}
