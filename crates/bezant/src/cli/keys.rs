//! `bezant keys`: API keys of merchants. Those of operators are made with `bezant operators`.

use super::ask::{Listing, MERCHANT, Running, Shape, list};
use super::table::{Column, Kind, column, field};
use super::{Failure, Output, note, show};
use crate::operate::{Query, Remote};
use clap::Subcommand;
use serde_json::Value;

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// List keys by their public ids: whose they are and whether they work. Secrets are shown when a key is made, and never again.
    #[command(after_long_help = "\
Examples:
  bezant keys list
  bezant keys list --merchant mer_22ewrpbtw21f00jyjrxtthpazc --json")]
    List {
        /// Of this merchant alone (mer_…).
        #[arg(long, env = "BEZANT_MERCHANT")]
        merchant: Option<String>,
        #[command(flatten)]
        listing: Listing,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        running: Running,
    },
    /// Make a key for a merchant and print it, which is done this once.
    ///
    /// The key goes to standard output and nothing else does, so that it can be written to a file.
    #[command(after_long_help = "\
Examples:
  bezant keys create mer_22ewrpbtw21f00jyjrxtthpazc
  bezant keys create mer_22ewrpbtw21f00jyjrxtthpazc > shop.key
  bezant keys create mer_22ewrpbtw21f00jyjrxtthpazc --json")]
    Create {
        /// The merchant (mer_…).
        merchant: String,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        running: Running,
    },
    /// Make a new key for a merchant in place of an old one.
    ///
    /// The old key goes on working, so that servers can change over one after the other; end it with `bezant keys revoke`.
    /// With --revoke-now it ends at once, when the new one is durable.
    #[command(after_long_help = "\
Examples:
  bezant keys rotate mer_22ewrpbtw21f00jyjrxtthpazc Abc123Def4
  bezant keys rotate mer_22ewrpbtw21f00jyjrxtthpazc Abc123Def4 --revoke-now")]
    Rotate {
        /// The merchant (mer_…).
        merchant: String,
        /// The old key's public id: the ten characters after sk_test_ or sk_live_.
        old: String,
        /// End the old key at once.
        #[arg(long)]
        revoke_now: bool,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        running: Running,
    },
    /// End a key. It stops working with the answer; revoking it again changes nothing.
    #[command(after_long_help = "\
Examples:
  bezant keys revoke Abc123Def4")]
    Revoke {
        /// The key's public id: the ten characters after sk_test_ or the like. Never the whole key.
        public_id: String,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        running: Running,
    },
}

const COLUMNS: [Column; 4] = [
    column("KEY", "/id", Kind::Word),
    column("REVOKED", "/revoked", Kind::Flag),
    column("MERCHANT", "/merchant", Kind::Word),
    column("OPERATOR", "/operator", Kind::Word),
];

/// Runs the command.
pub(super) async fn run(command: KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::List { merchant, listing, output, running } => {
            let merchant = merchant.filter(|merchant| !merchant.is_empty());
            merchant.as_deref().map_or(Ok(()), |merchant| MERCHANT.check(merchant))?;
            let query = Query::default().with("merchant", merchant)?;
            let empty = "no key; make one with `bezant keys create mer_…`";
            list(&running.remote()?, &listing, output, Shape { path: "/v1/api_keys", query, columns: &COLUMNS, empty }).await
        }
        KeysCommand::Create { merchant, output, running } => {
            MERCHANT.check(&merchant)?;
            let key = running.remote()?.create_merchant_key(&merchant).await?;
            present(&key, output)?;
            note_for(output, &format!("this is the only time that the key is shown; its public id is {}", field(&key, "/id")));
            Ok(())
        }
        KeysCommand::Rotate { merchant, old, revoke_now, output, running } => {
            MERCHANT.check(&merchant)?;
            check_public_id(&old)?;
            let remote = running.remote()?;
            let key = remote.create_merchant_key(&merchant).await?;
            present(&key, output)?;
            if revoke_now {
                revoke(&remote, &old).await?;
                note_for(output, &format!("{old} is revoked; the new key's public id is {}", field(&key, "/id")));
            } else {
                note_for(output, &format!("when every server has the new key, end the old one: bezant keys revoke {old}"));
            }
            Ok(())
        }
        KeysCommand::Revoke { public_id, output, running } => {
            check_public_id(&public_id)?;
            let revoked = revoke(&running.remote()?, &public_id).await?;
            if output.json {
                return show(&format!("{revoked}\n"));
            }
            show(&format!("{public_id} is revoked: whoever uses it is answered 401 from now on\n"))
        }
    }
}

fn present(key: &Value, output: Output) -> Result<(), Failure> {
    if output.json { show(&format!("{key}\n")) } else { show(&format!("{}\n", field(key, "/secret"))) }
}

fn note_for(output: Output, sentence: &str) {
    if !output.json {
        note(sentence);
    }
}

async fn revoke(remote: &Remote, public_id: &str) -> Result<Value, Failure> {
    Ok(remote.revoke_key(public_id).await?)
}

/// Refuses a whole key, which has no business on a command line, and what cannot be a public id.
fn check_public_id(text: &str) -> Result<(), Failure> {
    if text.parse::<identity::PublicId>().is_ok() {
        return Ok(());
    }
    let sentence = match identity::parse_key(text) {
        Ok(_) => "this is a whole key; give the ten characters after its prefix, and keep the rest out of command lines".to_owned(),
        Err(_) => "a key's public id has ten letters and digits: those after sk_test_ or the like".to_owned(),
    };
    Err(Failure::usage(sentence))
}
