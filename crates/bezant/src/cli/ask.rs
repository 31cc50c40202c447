//! What many commands share: which platform is asked, with whose key, for which part of a list, and which ids are taken.

use super::table::{Column, Kind, Paint, column, json_lines, table};
use super::{Failure, Output, note, redacted_text, show};
use crate::operate::{Credential, Error, Query, Remote};
use base::Redacted;
use base::id::parse_base32;
use clap::Args;
use serde_json::{Value, json};
use std::io;

/// Where a platform listens unless told otherwise.
pub(super) const URL: &str = "http://127.0.0.1:8080";

/// A running platform, asked by somebody who runs it.
#[derive(Debug, Args)]
pub(super) struct Running {
    /// The platform's address.
    #[arg(long, env = "BEZANT_URL", default_value = URL)]
    url: String,
    /// The operator's key; the first one is in the file operator.key of the data folder.
    #[arg(long, value_name = "KEY", env = "BEZANT_OPERATOR_KEY", hide_env_values = true, value_parser = redacted_text())]
    operator_key: Option<Redacted<String>>,
}

impl Running {
    pub(super) fn remote(&self) -> Result<Remote, Failure> {
        Ok(Remote::new(&self.url, given(self.operator_key.as_ref()))?)
    }
}

/// A running platform, asked for a merchant's data by the merchant or by an operator.
#[derive(Debug, Args)]
pub(super) struct Reading {
    /// The platform's address.
    #[arg(long, env = "BEZANT_URL", default_value = URL)]
    url: String,
    /// A merchant's secret API key.
    #[arg(long, value_name = "KEY", env = "BEZANT_API_KEY", hide_env_values = true, value_parser = redacted_text())]
    api_key: Option<Redacted<String>>,
    /// An operator's key, which reads for the merchant that --merchant names.
    #[arg(long, value_name = "KEY", env = "BEZANT_OPERATOR_KEY", hide_env_values = true, value_parser = redacted_text())]
    operator_key: Option<Redacted<String>>,
    /// The merchant for whom an operator reads (mer_…).
    #[arg(long, value_name = "MERCHANT", env = "BEZANT_MERCHANT")]
    merchant: Option<String>,
}

impl Reading {
    /// For one merchant.
    pub(super) fn remote(&self) -> Result<Remote, Failure> {
        let (remote, is_of_all) = self.remote_or_all()?;
        if is_of_all { Err(Error::MerchantMissing.into()) } else { Ok(remote) }
    }

    /// For one merchant, or for all of them, which is said with it, when an operator named nobody.
    pub(super) fn remote_or_all(&self) -> Result<(Remote, bool), Failure> {
        let (api_key, operator_key) = (given(self.api_key.as_ref()), given(self.operator_key.as_ref()));
        let merchant = self.merchant.as_deref().filter(|merchant| !merchant.is_empty());
        let credential = match (merchant, api_key, operator_key) {
            (Some(merchant), _, Some(key)) => {
                MERCHANT.check(merchant)?;
                Credential::ActingFor(key, merchant)
            }
            (Some(_), _, None) => return Err(Error::OperatorOnly.into()),
            (None, Some(key), _) => Credential::Merchant(key),
            (None, None, Some(key)) => Credential::Operator(key),
            (None, None, None) => return Err(Error::MerchantKeyMissing.into()),
        };
        Ok((Remote::with_credential(&self.url, credential)?, matches!(credential, Credential::Operator(_))))
    }
}

/// A running platform, told what to do by a merchant.
#[derive(Debug, Args)]
pub(super) struct Acting {
    /// The platform's address.
    #[arg(long, env = "BEZANT_URL", default_value = URL)]
    url: String,
    /// A merchant's secret API key.
    #[arg(long, value_name = "KEY", env = "BEZANT_API_KEY", hide_env_values = true, value_parser = redacted_text())]
    api_key: Option<Redacted<String>>,
    /// Name of this request: what was done under it once is never done again. Drawn by chance when absent.
    #[arg(long, value_name = "TEXT")]
    idempotency_key: Option<String>,
}

impl Acting {
    pub(super) fn remote(&self) -> Result<Remote, Failure> {
        let key = given(self.api_key.as_ref()).ok_or(Error::MerchantOnly)?;
        Ok(Remote::with_credential(&self.url, Credential::Merchant(key))?)
    }

    /// Asks once. When it is unknown whether it was done, says how to find out.
    pub(super) async fn once(&self, remote: &Remote, path: &str, body: &Value) -> Result<Value, Failure> {
        let key = match &self.idempotency_key {
            Some(key) => key.clone(),
            None => drawn_key()?,
        };
        match remote.once(path, &key, body).await {
            Ok(answer) => Ok(answer),
            Err(error) if error.is_unknown() => {
                Err(Failure::failed(format!("{error}; the same command with --idempotency-key {key} finds out, and does nothing twice")))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn drawn_key() -> Result<String, Failure> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| Failure::failed(format!("the system gives no random numbers: {error}")))?;
    Ok(format!("cli-{}", crate::secrets::hex(&bytes)))
}

/// A variable that is set to nothing gives no key.
fn given(key: Option<&Redacted<String>>) -> Option<&Redacted<String>> {
    key.filter(|key| !key.expose().trim().is_empty())
}

/// Which part of a list.
#[derive(Debug, Args)]
pub(super) struct Listing {
    /// Objects on the page.
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
    limit: u16,
    /// Where to go on: what the page before said.
    #[arg(long)]
    cursor: Option<String>,
    /// Every page, one after the other.
    #[arg(long, conflicts_with_all = ["cursor", "limit"])]
    all: bool,
}

/// A list as it is asked for and shown.
pub(super) struct Shape<'a> {
    /// Its address.
    pub(super) path: &'a str,
    /// What narrows it.
    pub(super) query: Query,
    /// Its columns.
    pub(super) columns: &'a [Column],
    /// What to say when it is empty, with what to do.
    pub(super) empty: &'a str,
}

/// The columns, and whose each object is where a list is of all merchants.
pub(super) fn columns_of(columns: &[Column], is_of_all: bool) -> Vec<Column> {
    let whose = is_of_all.then(|| column("MERCHANT", "/merchant", Kind::Word));
    columns.iter().copied().chain(whose).collect()
}

/// Shows a page of a list, or all of it, and how to go on.
pub(super) async fn list(remote: &Remote, listing: &Listing, output: Output, shape: Shape<'_>) -> Result<(), Failure> {
    let Shape { path, query, columns, empty } = shape;
    let paint = Paint::of(&io::stdout());
    if listing.all && output.json {
        let mut printed = Ok(());
        let pages = remote.pages(path, &query, |data| {
            if printed.is_ok() {
                printed = show(&json_lines(&data));
            }
        });
        pages.await?;
        return printed;
    }
    let (data, next_cursor) = if listing.all {
        (remote.all(path, &query).await?, None)
    } else {
        let page = remote.page(path, &query.with("limit", Some(listing.limit))?.with("cursor", listing.cursor.as_ref())?).await?;
        (page.data, page.next_cursor)
    };
    match (output.json, data.is_empty(), &next_cursor) {
        (true, _, _) => show(&json_lines(&data))?,
        (false, false, _) => show(&table(&data, columns, paint))?,
        (false, true, Some(_)) => show("nothing on this page\n")?,
        (false, true, None) => show(&format!("{empty}\n"))?,
    }
    if let Some(next) = next_cursor {
        note(&match output.json {
            true => json!({ "object": "page", "has_more": true, "next_cursor": next }).to_string(),
            false => format!("there is more: add --cursor {next} for the next page, or --all for everything"),
        });
    }
    Ok(())
}

/// A kind of thing that has ids, and the command that looks at one.
#[derive(Clone, Copy, Debug)]
pub(super) struct IdKind {
    prefix: &'static str,
    /// With its article.
    what: &'static str,
    /// What looks at one; the id follows.
    look: &'static str,
    /// Where ids of this kind are found.
    found_in: &'static str,
}

const fn kind(prefix: &'static str, what: &'static str, look: &'static str, found_in: &'static str) -> IdKind {
    IdKind { prefix, what, look, found_in }
}

pub(super) const PAYMENT: IdKind = kind("pay", "a payment", "bezant payments show", "bezant payments list");
pub(super) const REFUND: IdKind = kind("ref", "a refund", "bezant refunds show", "bezant refunds list");
pub(super) const DISPUTE: IdKind = kind("dsp", "a dispute", "bezant disputes show", "bezant disputes list");
pub(super) const CUSTOMER: IdKind = kind("cus", "a customer", "bezant customers show", "bezant customers list");
pub(super) const MERCHANT: IdKind = kind("mer", "a merchant", "bezant payments list --merchant", "bezant merchants list");
pub(super) const OPERATOR: IdKind = kind("opr", "an operator", "bezant operators create-key", "bezant operators create");
pub(super) const EFFECT: IdKind = kind("eff", "a call to a provider", "bezant attempts look", "bezant attempts parked");
const METHOD: IdKind = kind("pmt", "a stored payment method", "bezant search", "bezant customers show");
const ATTEMPT: IdKind = kind("att", "an attempt of a payment", "bezant search", "bezant payments show");
const SUBJECT: IdKind = kind("sub", "a person", "bezant privacy erase", "bezant payments show");
const KINDS: [IdKind; 10] = [PAYMENT, REFUND, DISPUTE, CUSTOMER, MERCHANT, OPERATOR, EFFECT, METHOD, ATTEMPT, SUBJECT];
/// How the ids of providers' objects start that people meet most.
const PROVIDER_PREFIXES: [&str; 8] = ["pi_", "re_", "ch_", "du_", "dp_", "evt_", "pm_", "py_"];

impl IdKind {
    /// Refuses what cannot be an id of this kind, and says which command takes it.
    pub(super) fn check(self, id: &str) -> Result<(), Failure> {
        let Self { prefix, what, found_in, .. } = self;
        let (given_prefix, body) = id.split_once('_').unwrap_or(("", id));
        if given_prefix == prefix {
            return match parse_base32(body) {
                Some(_) => Ok(()),
                None => Err(Failure::usage(format!(
                    "\"{id}\" is not an id of {what}: after {prefix}_ come 26 characters of 0-9 and a-z; copy it again, whole"
                ))),
            };
        }
        let hint = if let Some(other) = KINDS.iter().find(|kind| kind.prefix == given_prefix) {
            format!("it is the id of {}: `{} {id}`", other.what, other.look)
        } else if PROVIDER_PREFIXES.iter().any(|prefix| id.starts_with(prefix)) {
            format!("it looks like a provider's own id: `bezant search {id}` finds what it belongs to")
        } else {
            format!("those start with {prefix}_, and `{found_in}` shows them")
        };
        Err(Failure::usage(format!("\"{id}\" is not an id of {what}; {hint}")))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{DISPUTE, KINDS, PAYMENT, REFUND};
    use crate::cli::command;
    use std::collections::BTreeSet;

    #[test]
    fn an_id_of_another_kind_names_the_command_that_takes_it() {
        let body = "22ewrpbtw21f00jyjrxtthpazc";
        assert!(PAYMENT.check(&format!("pay_{body}")).is_ok());
        for (kind, given, expected) in [
            (PAYMENT, format!("ref_{body}"), format!("`bezant refunds show ref_{body}`")),
            (REFUND, format!("pay_{body}"), format!("`bezant payments show pay_{body}`")),
            (DISPUTE, "pi_3abc".to_owned(), "`bezant search pi_3abc`".to_owned()),
            (PAYMENT, "order-7".to_owned(), "`bezant payments list` shows them".to_owned()),
            (PAYMENT, format!("pay_{}", &body[1..]), "copy it again, whole".to_owned()),
            (PAYMENT, "../merchants".to_owned(), "those start with pay_".to_owned()),
        ] {
            let error = kind.check(&given).unwrap_err().to_string();
            assert!(error.contains("is not an id of") && error.contains(&expected), "{error}");
        }
    }

    #[test]
    fn every_kind_is_named_once_with_commands_that_exist() {
        let prefixes: BTreeSet<&str> = KINDS.iter().map(|kind| kind.prefix).collect();
        assert_eq!(prefixes.len(), KINDS.len());
        for line in KINDS.iter().flat_map(|kind| [kind.look, kind.found_in]) {
            let mut command = command();
            for word in line.split(' ').skip(1).take_while(|word| !word.starts_with('-')) {
                command = command.find_subcommand(word).unwrap_or_else(|| panic!("`{line}` does not exist")).clone();
            }
        }
    }
}
