//! The ledger's accounts as the books have them, and the trial balance that proves them.

use crate::App;
use crate::books::{Books, LedgerAccount};
use crate::errors::{Code, Problem};
use crate::extract::{Parameters, ReadScope};
use crate::objects::net;
use crate::reads::PAGE_LIMIT_MAX;
use axum::Json;
use axum::extract::State;
use base::Currency;
use core::fmt;
use core::str::FromStr;
use engine::state::Balance;
use payments::postings::AccountKind;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

/// One account of the ledger. Sums are in minor units of its currency.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = LedgerAccount)]
pub(crate) struct AccountObject {
    /// Its code in the chart of accounts, its ledger and its merchant's number: `210.978.1`.
    id: String,
    /// Always `account`.
    #[schema(value_type = String, example = "account")]
    object: &'static str,
    /// What it is called.
    name: String,
    /// What it is for.
    #[schema(schema_with = kind_schema)]
    kind: &'static str,
    /// Number in the chart of accounts.
    code: u16,
    /// Whose, `mer_…`
    merchant: String,
    /// ISO 4217 code.
    #[schema(value_type = String, example = "EUR")]
    currency: &'static str,
    /// Posted credits less posted debits: positive is owed to the merchant.
    #[schema(value_type = i64)]
    balance_minor: i128,
    /// Sum of reserved debits.
    #[schema(value_type = u64)]
    debits_pending_minor: u128,
    /// Sum of posted debits.
    #[schema(value_type = u64)]
    debits_posted_minor: u128,
    /// Sum of reserved credits.
    #[schema(value_type = u64)]
    credits_pending_minor: u128,
    /// Sum of posted credits.
    #[schema(value_type = u64)]
    credits_posted_minor: u128,
}

/// All accounts of one currency together. Sums are in minor units of the currency.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TrialBalance {
    /// ISO 4217 code.
    #[schema(value_type = String, example = "EUR")]
    currency: &'static str,
    /// Sum of reserved debits.
    #[schema(value_type = u64)]
    debits_pending_minor: u128,
    /// Sum of posted debits.
    #[schema(value_type = u64)]
    debits_posted_minor: u128,
    /// Sum of reserved credits.
    #[schema(value_type = u64)]
    credits_pending_minor: u128,
    /// Sum of posted credits.
    #[schema(value_type = u64)]
    credits_posted_minor: u128,
    /// Whether debits equal credits, reserved and posted apart.
    balanced: bool,
}

/// A page of accounts, and the trial balance of all of them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Accounts {
    /// Always `list`.
    #[schema(value_type = String, example = "list")]
    object: &'static str,
    /// The accounts, in the order of the chart, then of the currencies' numbers.
    data: Vec<AccountObject>,
    /// Whether there is a next page.
    has_more: bool,
    /// What to send as `cursor` for the next page.
    next_cursor: Option<String>,
    /// By currency, over every account and not only those of the page; true as of the same moment.
    trial_balance: Vec<TrialBalance>,
    /// The last event that is in them.
    seq: u64,
}

/// The id of an account, which reads as `code.ledger.merchant`.
#[derive(Clone, Copy)]
struct AccountId(u128);

impl fmt::Display for AccountId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.0 >> 64, (self.0 >> 32) & u128::from(u32::MAX), self.0 & u128::from(u32::MAX))
    }
}

/// A text that is not an account's id.
struct AccountIdMalformed;

impl FromStr for AccountId {
    type Err = AccountIdMalformed;

    fn from_str(text: &str) -> Result<Self, AccountIdMalformed> {
        let mut parts = text.split('.').map(|part| part.parse::<u32>().map(u128::from));
        let mut part = || parts.next().and_then(Result::ok).ok_or(AccountIdMalformed);
        let id = Self((part()? << 64) | (part()? << 32) | part()?);
        if parts.next().is_some() { Err(AccountIdMalformed) } else { Ok(id) }
    }
}

/// List ledger accounts
///
/// From the books themselves, as of now: a merchant's own, or with an operator's key and without `Bezant-Merchant` those of all
/// merchants. Debits equal credits in every currency after every event.
#[utoipa::path(
    get, path = "/v1/accounts", tag = "balances", operation_id = "listAccounts", params(crate::openapi::AccountsQuery),
    responses((status = 200, description = "a page", body = Accounts)), security(("merchant_key" = []))
)]
pub(crate) async fn list(
    State(app): State<App>,
    ReadScope(scope): ReadScope,
    mut parameters: Parameters,
) -> Result<Json<Accounts>, Problem> {
    let limit = |text: &str| text.parse().ok().filter(|limit| (1..=PAGE_LIMIT_MAX).contains(limit));
    let limit = parameters.parse("limit", "a whole number from 1 to 100", limit)?.unwrap_or(PAGE_LIMIT_MAX);
    let refused = |_| Problem::of_field(Code::CursorInvalid, "cursor", "this is not a cursor; pass on what an earlier page gave");
    let after: Option<AccountId> = parameters.take("cursor")?.map(|text| text.parse().map_err(refused)).transpose()?;
    parameters.finish()?;
    let Books { mut accounts, totals, seq } = app.platform.books(scope, after.map(|id| id.0), limit + 1).await?;
    let has_more = accounts.len() > limit;
    accounts.truncate(limit);
    let next_cursor = accounts.last().filter(|_| has_more).map(|last| AccountId(last.id).to_string());
    let data = accounts.iter().map(AccountObject::of).collect();
    let trial_balance = totals.iter().map(|(currency, sums)| TrialBalance::of(*currency, sums)).collect();
    Ok(Json(Accounts { object: "list", data, has_more, next_cursor, trial_balance, seq }))
}

impl AccountObject {
    fn of(account: &LedgerAccount) -> Self {
        let LedgerAccount { id, merchant, handle, currency, kind, balance } = account;
        let Balance { debits_posted, credits_posted, debits_pending, credits_pending } = *balance;
        Self {
            id: AccountId(*id).to_string(),
            object: "account",
            name: format!("{} of {handle}", name(*kind)),
            kind: kind.name(),
            code: kind.code(),
            merchant: merchant.to_string(),
            currency: currency.alpha(),
            balance_minor: net(balance),
            debits_pending_minor: debits_pending,
            debits_posted_minor: debits_posted,
            credits_pending_minor: credits_pending,
            credits_posted_minor: credits_posted,
        }
    }
}

impl TrialBalance {
    fn of(currency: Currency, sums: &Balance) -> Self {
        let Balance { debits_posted, credits_posted, debits_pending, credits_pending } = *sums;
        Self {
            currency: currency.alpha(),
            debits_pending_minor: debits_pending,
            debits_posted_minor: debits_posted,
            credits_pending_minor: credits_pending,
            credits_posted_minor: credits_posted,
            balanced: debits_posted == credits_posted && debits_pending == credits_pending,
        }
    }
}

/// What an account is called.
const fn name(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::Receivable => "Receivable from providers",
        AccountKind::MerchantPending => "Pending money",
        AccountKind::MerchantAvailable => "Available money",
        AccountKind::Fees => "Provider fees",
        AccountKind::Disputed => "Disputed money",
        AccountKind::Suspense => "Suspense",
    }
}

fn kind_schema() -> Object {
    crate::objects::account_kind_schema()
}

#[cfg(test)]
mod tests {
    use super::AccountId;

    #[test]
    fn an_accounts_id_reads_as_what_it_is_made_of() {
        let id = payments::postings::Books::account_id(7, "EUR".parse().unwrap(), payments::postings::AccountKind::MerchantPending);
        assert_eq!(AccountId(id).to_string(), "210.978.7");
        assert_eq!("210.978.7".parse::<AccountId>().map(|id| id.0).ok(), Some(id));
        for text in ["", "210", "210.978", "210.978.7.1", "210.978.-7", "a.b.c", "210.978.4294967296"] {
            assert!(text.parse::<AccountId>().is_err(), "{text}");
        }
    }
}
