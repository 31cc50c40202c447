//! Accounts of a merchant's own ledger by their names.

use super::found_response;
use super::history::limit;
use super::records::AccountRecord;
use super::texts::FoundAccount;
use crate::App;
use crate::errors::{Code, Problem};
use crate::extract::{MerchantCaller, Parameters};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use ledger::{ACCOUNT_NAME_BYTES_MAX, AccountName};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// Which accounts of a ledger, by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerNames {
    /// The one with this name.
    Is(AccountName),
    /// Those whose names begin so, in order of their names.
    StartWith {
        /// How they begin.
        prefix: String,
        /// Only those after this name.
        after: Option<AccountName>,
        /// Most accounts.
        count_max: usize,
    },
}

impl LedgerNames {
    /// Those accounts in a merchant's ledger, with their names.
    pub fn of(&self, ledger: &ledger::Ledger, number: u32) -> Vec<(ledger::Account, AccountName)> {
        match self {
            Self::Is(name) => ledger.account_named(number, name).map(|account| (*account, name.clone())).into_iter().collect(),
            Self::StartWith { prefix, after, count_max } => {
                let named = ledger.accounts_named_from(number, prefix, after.as_ref()).take(*count_max);
                named.map(|(name, account)| (*account, name.clone())).collect()
            }
        }
    }
}

/// A page of accounts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerAccountsPage {
    /// Always `list`.
    #[schema(value_type = String, example = "list")]
    object: &'static str,
    /// The accounts, in order of their names.
    data: Vec<AccountRecord>,
    /// Whether there is a next page.
    has_more: bool,
    /// What to send as `cursor` for the next page.
    next_cursor: Option<String>,
}

/// Which accounts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters for the specification; the handler reads them")]
pub(crate) struct LedgerAccountsQuery {
    /// The ledger, in which a name is unique.
    ledger: u32,
    /// Only the account with this name.
    name: Option<String>,
    /// Only accounts whose names begin so; all that have a name when absent.
    name_prefix: Option<String>,
    /// Most accounts on the page; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of an earlier page.
    cursor: Option<String>,
}

/// List accounts of the merchant's own ledger by their names
///
/// Those of one ledger that have a name, in order of their names.
#[utoipa::path(
    get, path = "/v1/ledger/accounts", tag = "ledger", operation_id = "listLedgerAccounts", params(LedgerAccountsQuery),
    responses((status = 200, description = "a page", body = LedgerAccountsPage)), security(("merchant_key" = []))
)]
pub(crate) async fn accounts(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let ledger = parameters.parse("ledger", "a whole number below 2^32", |text| text.parse().ok())?;
    let is_name = "the name of an account: a letter, then letters, digits and _ - . :, 64 in all";
    let name = parameters.parse("name", is_name, AccountName::parse)?;
    let prefix = |text: &str| (text.is_empty() || AccountName::parse(text).is_some()).then(|| text.to_owned());
    let prefix = parameters.parse("name_prefix", "the beginning of such a name", prefix)?;
    let count_max = limit(&mut parameters)?;
    let refused = || Problem::of_field(Code::CursorInvalid, "cursor", "this is not a cursor; pass on what an earlier page gave");
    let after = parameters.take("cursor")?.map(|text| read_cursor(&text).ok_or_else(refused)).transpose()?;
    parameters.finish()?;
    let missing = || Problem::of_field(Code::FieldMissing, "ledger", "ledger is missing: a name is unique in its ledger");
    let ledger = ledger.ok_or_else(missing)?;
    if name.is_some() && prefix.is_some() {
        return Err(Problem::of_field(Code::FieldInvalid, "name_prefix", "give name or name_prefix, not both"));
    }
    let names = match name {
        Some(name) => LedgerNames::Is(name),
        None => LedgerNames::StartWith { prefix: prefix.unwrap_or_default(), after, count_max: count_max + 1 },
    };
    let (mut found, seq) = app.platform.ledger_accounts_named(merchant, ledger, names).await?;
    let has_more = found.len() > count_max;
    found.truncate(count_max);
    let next_cursor = found.last().filter(|_| has_more).and_then(|last: &FoundAccount| last.name.as_ref()).map(cursor);
    let data = found.into_iter().map(AccountRecord::from).collect();
    Ok(found_response(Json(LedgerAccountsPage { object: "list", data, has_more, next_cursor }), seq))
}

/// A name as a cursor: letters alone, so that nothing in it looks like a number.
fn cursor(name: &AccountName) -> String {
    let letter = |nibble: u8| char::from(b'a' + nibble);
    name.as_str().bytes().flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]).collect()
}

/// The name in a text of [`cursor`].
fn read_cursor(text: &str) -> Option<AccountName> {
    if text.len() > 2 * ACCOUNT_NAME_BYTES_MAX || !text.bytes().all(|byte| (b'a'..=b'p').contains(&byte)) {
        return None;
    }
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| (high - b'a') << 4 | (low - b'a')).collect();
    AccountName::parse(&String::from_utf8(bytes).ok()?).filter(|_| rest.is_empty())
}
