//! `bezant merchants`: for whom payments are taken.

use super::ask::{Listing, Running, Shape, list};
use super::table::{Column, Kind, column, field};
use super::{Failure, Output, show};
use crate::operate::Query;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum MerchantsCommand {
    /// List merchants, in the order of their ids.
    #[command(after_long_help = "\
Examples:
  bezant merchants list
  bezant merchants list --all --json")]
    List {
        #[command(flatten)]
        listing: Listing,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        running: Running,
    },
    /// Admit a merchant and print its id.
    ///
    /// A merchant needs a key before its server can do anything: `bezant keys create`.
    #[command(after_long_help = "\
Examples:
  bezant merchants create bookshop
  bezant merchants create tea-house --json")]
    Create {
        /// Short name: lower-case letters, digits and hyphens.
        handle: String,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        running: Running,
    },
}

const COLUMNS: [Column; 3] =
    [column("MERCHANT", "/id", Kind::Word), column("HANDLE", "/handle", Kind::Word), column("CURRENCIES", "/currencies", Kind::Word)];

/// Runs the command.
pub(super) async fn run(command: MerchantsCommand) -> Result<(), Failure> {
    match command {
        MerchantsCommand::List { listing, output, running } => {
            let empty = "no merchant; admit one with `bezant merchants create HANDLE`";
            let shape = Shape { path: "/v1/merchants", query: Query::default(), columns: &COLUMNS, empty };
            list(&running.remote()?, &listing, output, shape).await
        }
        MerchantsCommand::Create { handle, output, running } => {
            let merchant = running.remote()?.create_merchant(&handle).await?;
            if output.json {
                return show(&format!("{merchant}\n"));
            }
            let id = field(&merchant, "/id");
            show(&format!("{id}\n"))?;
            super::note(&format!("make a key for its server with `bezant keys create {id}`"));
            Ok(())
        }
    }
}
