//! What happened to an account of a merchant's own ledger: its transfers, its balances at any time, its statement.

use super::records::{Integer, TransferRecord};
use super::texts::FoundTransfer;
use super::{found_response, one};
use crate::App;
use crate::errors::{Code, Problem};
use crate::extract::{MerchantCaller, Parameters, PathText};
use crate::reads::PAGE_LIMIT_MAX;
use crate::times::parse_rfc3339;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use base::MerchantId;
use ledger::{Account, Balances, METADATA_KEY_BYTES_MAX, Metadata, Transfer};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// Transfers or lines on a page unless another number is asked for.
const PAGE_LIMIT: usize = 20;
/// How a time may be written.
const TIME: &str = "a time such as 2026-11-21T09:33:00Z, or nanoseconds since 1970";

/// A period of a merchant's ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerPeriod {
    /// Nothing before this time, in nanoseconds since 1970.
    pub from_ns: Option<u64>,
    /// Only what is before this time, in nanoseconds since 1970.
    pub until_ns: Option<u64>,
}

/// How a pending transfer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingState {
    /// What it reserved is reserved.
    Pending,
    /// Another transfer let it happen, in part or whole.
    Posted,
    /// Another transfer ended it.
    Voided,
    /// Its timeout ended it.
    Expired,
}

/// Which transfers: those that have all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerFilter {
    /// When they happened.
    pub period: LedgerPeriod,
    /// Whether they credited the account that is asked for, or debited it.
    pub is_credit: Option<bool>,
    /// Least amount.
    pub amount_min: Option<u128>,
    /// Greatest amount.
    pub amount_max: Option<u128>,
    /// Their ledger.
    pub ledger: Option<u32>,
    /// Their code.
    pub code: Option<u16>,
    /// As the merchant set it.
    pub user_data_128: Option<u128>,
    /// As the merchant set it.
    pub user_data_64: Option<u64>,
    /// As the merchant set it.
    pub user_data_32: Option<u32>,
    /// Pending transfers alone, and how they stand now.
    pub pending_state: Option<PendingState>,
    /// What is in their metadata.
    pub metadata: Option<MetadataFilter>,
}

/// A pair that metadata has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataFilter {
    /// Its key.
    pub key: String,
    /// Its value; any when absent.
    pub value: Option<String>,
}

impl MetadataFilter {
    fn takes(&self, metadata: &Metadata) -> bool {
        metadata.value(&self.key).is_some_and(|found| self.value.as_ref().is_none_or(|value| value == found))
    }
}

impl LedgerFilter {
    /// Whether a transfer has what is asked for in its record and its metadata.
    pub fn takes(&self, transfer: &Transfer, metadata: Option<&Metadata>) -> bool {
        self.metadata.as_ref().is_none_or(|wanted| metadata.is_some_and(|metadata| wanted.takes(metadata)))
            && self.amount_min.is_none_or(|least| transfer.amount >= least)
            && self.amount_max.is_none_or(|most| transfer.amount <= most)
            && self.ledger.is_none_or(|ledger| transfer.ledger == ledger)
            && self.code.is_none_or(|code| transfer.code == code)
            && self.user_data_128.is_none_or(|data| transfer.user_data_128 == data)
            && self.user_data_64.is_none_or(|data| transfer.user_data_64 == data)
            && self.user_data_32.is_none_or(|data| transfer.user_data_32 == data)
    }
}

/// Which transfers of a merchant's own ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerLines {
    /// Only those that debited or credited this account.
    pub account: Option<u128>,
    /// Only those after this place, in the order that is asked for.
    pub after: Option<u64>,
    /// Whether the newest come first; only of an account.
    pub newest_first: bool,
    /// Most transfers.
    pub count_max: usize,
    /// Which.
    pub filter: LedgerFilter,
}

impl LedgerLines {
    /// Whether a transfer did to the account what is asked for; any does when no account is.
    pub fn is_of_account(&self, transfer: &Transfer) -> bool {
        let credits = Some(transfer.credit_account_id) == self.account && self.filter.is_credit != Some(false);
        let debits = Some(transfer.debit_account_id) == self.account && self.filter.is_credit != Some(true);
        self.account.is_none() || credits || debits
    }
}

/// Transfers that were found, each with the number of its place: later ones have larger numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerPage {
    /// In the order that was asked for.
    pub transfers: Vec<(u64, FoundTransfer)>,
    /// After which place to go on, if there may be more.
    pub next: Option<u64>,
}

/// A line of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerStatementLine {
    /// The number of its place.
    pub place: u64,
    /// When, in nanoseconds since 1970.
    pub at_ns: u64,
    /// The transfer, or the pending transfer that expired.
    pub transfer: FoundTransfer,
    /// Whether it expired.
    pub is_expiry: bool,
    /// The account's balances after it.
    pub balances: Balances,
}

/// Part of a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerStatement {
    /// The balances when the period began.
    pub opening: Balances,
    /// Oldest first.
    pub lines: Vec<LedgerStatementLine>,
    /// The balances when the period ended.
    pub closing: Balances,
    /// After which place to go on, if there is more.
    pub next: Option<u64>,
}

/// A page of transfers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerTransfersPage {
    /// Always `list`.
    #[schema(value_type = String, example = "list")]
    object: &'static str,
    /// The transfers, as they happened.
    data: Vec<TransferRecord>,
    /// Whether there may be a next page. One page looks at a limited part of history, so with a filter it may be short or empty and
    /// have more behind it.
    has_more: bool,
    /// What to send as `cursor` for the next page.
    next_cursor: Option<String>,
}

/// Which transfers.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters for the specification; the handler reads them")]
pub(crate) struct LedgerTransfersQuery {
    /// Most transfers on the page; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of an earlier page.
    cursor: Option<String>,
    /// Only what happened at this time or later: a time such as `2026-11-21T09:33:00Z`, or nanoseconds since 1970.
    from: Option<String>,
    /// Only what happened before this time.
    until: Option<String>,
    /// Least amount.
    amount_min: Option<String>,
    /// Greatest amount.
    amount_max: Option<String>,
    /// Only transfers with this code.
    code: Option<u16>,
    /// Only transfers with this `user_data_128`.
    user_data_128: Option<String>,
    /// Only transfers with this `user_data_64`.
    user_data_64: Option<String>,
    /// Only transfers with this `user_data_32`.
    user_data_32: Option<u32>,
    /// `pending`, `posted`, `voided` or `expired`: only pending transfers that stand so now.
    pending_state: Option<String>,
    /// Only transfers whose metadata has this key; as `key=value`, also this value.
    metadata: Option<String>,
}

/// Which transfers of all, beside [`LedgerTransfersQuery`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters for the specification; the handler reads them")]
pub(crate) struct AllLedgerTransfersQuery {
    /// Only transfers of this ledger.
    ledger: Option<u32>,
}

/// Which transfers of an account, beside [`LedgerTransfersQuery`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters for the specification; the handler reads them")]
pub(crate) struct LedgerAccountTransfersQuery {
    /// `oldest_first` (when absent) or `newest_first`.
    order: Option<String>,
    /// `debit` or `credit`: only transfers that did this to the account.
    side: Option<String>,
}

/// Balances of an account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerBalances {
    /// Debits reserved by open pending transfers.
    #[schema(value_type = String, example = "0")]
    debits_pending: Integer<u128>,
    /// Debits that happened.
    #[schema(value_type = String, example = "240")]
    debits_posted: Integer<u128>,
    /// Credits reserved by open pending transfers.
    #[schema(value_type = String, example = "0")]
    credits_pending: Integer<u128>,
    /// Credits that happened.
    #[schema(value_type = String, example = "500")]
    credits_posted: Integer<u128>,
}

impl From<Balances> for LedgerBalances {
    fn from(balances: Balances) -> Self {
        let Balances { debits_pending, debits_posted, credits_pending, credits_posted } = balances;
        Self {
            debits_pending: Integer(debits_pending),
            debits_posted: Integer(debits_posted),
            credits_pending: Integer(credits_pending),
            credits_posted: Integer(credits_posted),
        }
    }
}

/// The balances of an account at a time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerBalancesAt {
    /// Always `ledger_balances`.
    #[schema(value_type = String, example = "ledger_balances")]
    object: &'static str,
    /// The account.
    #[schema(value_type = String, example = "2")]
    account_id: Integer<u128>,
    /// The time that was asked for, in nanoseconds since 1970; what happened at it is in the balances.
    #[schema(value_type = Option<String>, example = "1795253580000000000")]
    at: Option<Integer<u64>>,
    /// The balances.
    balances: LedgerBalances,
}

/// One line of a statement.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerLine {
    /// `transfer`, or `expiry` when the timeout of a pending transfer ended it.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "transfer")]
    kind: &'static str,
    /// When, in nanoseconds since 1970.
    #[schema(value_type = String, example = "1795253580000000000")]
    timestamp: Integer<u64>,
    /// The transfer, as it happened.
    transfer: TransferRecord,
    /// The account's balances after it.
    balances: LedgerBalances,
}

/// A page of an account's statement.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerStatementPage {
    /// Always `ledger_statement`.
    #[schema(value_type = String, example = "ledger_statement")]
    object: &'static str,
    /// The account.
    #[schema(value_type = String, example = "2")]
    account_id: Integer<u128>,
    /// The balances when the period began: the same on every page.
    opening: LedgerBalances,
    /// What changed the balances, oldest first.
    lines: Vec<LedgerLine>,
    /// The balances when the period ended: the same on every page of a period that is over.
    closing: LedgerBalances,
    /// Whether there is a next page.
    has_more: bool,
    /// What to send as `cursor` for the next page.
    next_cursor: Option<String>,
}

/// Which part of a statement.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters for the specification; the handler reads them")]
pub(crate) struct LedgerStatementQuery {
    /// When the period begins: a time such as `2026-11-01T00:00:00Z`, or nanoseconds since 1970; with the account when absent.
    from: Option<String>,
    /// When it ends; what happens at this time is in the next one. Now when absent.
    until: Option<String>,
    /// Most lines on the page; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The `next_cursor` of an earlier page.
    cursor: Option<String>,
}

/// Which time.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters for the specification; the handler reads them")]
pub(crate) struct LedgerBalancesQuery {
    /// A time such as `2026-11-21T09:33:00Z`, or nanoseconds since 1970; now when absent.
    at: Option<String>,
}

/// List the transfers of an account of the merchant's own ledger
///
/// All that ever debited or credited it, in the order in which they happened, or the newest first.
#[utoipa::path(
    get, path = "/v1/ledger/accounts/{id}/transfers", tag = "ledger", operation_id = "listLedgerAccountTransfers",
    params(("id" = String, Path, description = "the account's id, as a decimal number"), LedgerTransfersQuery, LedgerAccountTransfersQuery),
    responses((status = 200, description = "a page", body = LedgerTransfersPage)), security(("merchant_key" = []))
)]
pub(crate) async fn transfers_of(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    id: PathText,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let count_max = limit(&mut parameters)?;
    let order = |text: &str| match text {
        "oldest_first" => Some(false),
        "newest_first" => Some(true),
        _ => None,
    };
    let newest_first = parameters.parse("order", "oldest_first or newest_first", order)?.unwrap_or(false);
    let after = after(&mut parameters)?;
    let side = |text: &str| match text {
        "debit" => Some(false),
        "credit" => Some(true),
        _ => None,
    };
    let is_credit = parameters.parse("side", "debit or credit", side)?;
    let filter = LedgerFilter { is_credit, ..filter(&mut parameters)? };
    parameters.finish()?;
    let account = account(&app, merchant, &id).await?;
    page(&app, merchant, LedgerLines { account: Some(account.id), after, newest_first, count_max, filter }).await
}

/// List transfers of the merchant's own ledger
///
/// Those of all accounts that have what is asked for, from the oldest on. To look for those of one account is much quicker by the
/// account's own list.
#[utoipa::path(
    get, path = "/v1/ledger/transfers", tag = "ledger", operation_id = "listLedgerTransfers",
    params(LedgerTransfersQuery, AllLedgerTransfersQuery),
    responses((status = 200, description = "a page", body = LedgerTransfersPage)), security(("merchant_key" = []))
)]
pub(crate) async fn transfers(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let (count_max, after) = (limit(&mut parameters)?, after(&mut parameters)?);
    let ledger = parameters.parse("ledger", "a whole number below 2^32", |text| text.parse().ok())?;
    let filter = LedgerFilter { ledger, ..filter(&mut parameters)? };
    parameters.finish()?;
    page(&app, merchant, LedgerLines { account: None, after, newest_first: false, count_max, filter }).await
}

async fn page(app: &App, merchant: MerchantId, lines: LedgerLines) -> Result<Response, Problem> {
    let (LedgerPage { transfers, next }, seq) = app.platform.ledger_transfers_where(merchant, lines).await?;
    let data = transfers.into_iter().map(|(_, transfer)| TransferRecord::from(transfer)).collect();
    let page = LedgerTransfersPage { object: "list", data, has_more: next.is_some(), next_cursor: next.map(cursor) };
    Ok(found_response(Json(page), seq))
}

/// Read the balances of an account at any time
#[utoipa::path(
    get, path = "/v1/ledger/accounts/{id}/balances", tag = "ledger", operation_id = "getLedgerAccountBalances",
    params(("id" = String, Path, description = "the account's id, as a decimal number"), LedgerBalancesQuery),
    responses((status = 200, description = "the balances", body = LedgerBalancesAt)), security(("merchant_key" = []))
)]
pub(crate) async fn balances(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    id: PathText,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let at = parameters.parse("at", TIME, parse_time)?;
    parameters.finish()?;
    let account = account(&app, merchant, &id).await?;
    let before_ns = at.map(|at_ns| at_ns.saturating_add(1));
    let (balances, seq) = app.platform.ledger_balances(merchant, account.id, before_ns).await?;
    let (account_id, at, balances) = (Integer(account.id), at.map(Integer), balances.into());
    Ok(found_response(Json(LedgerBalancesAt { object: "ledger_balances", account_id, at, balances }), seq))
}

/// Read the statement of an account
///
/// The balances when the period began, everything that changed them with the balances after it, and those when it ended.
#[utoipa::path(
    get, path = "/v1/ledger/accounts/{id}/statement", tag = "ledger", operation_id = "getLedgerAccountStatement",
    params(("id" = String, Path, description = "the account's id, as a decimal number"), LedgerStatementQuery),
    responses((status = 200, description = "a page", body = LedgerStatementPage)), security(("merchant_key" = []))
)]
pub(crate) async fn statement(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    id: PathText,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let (period, count_max, after) = (period(&mut parameters)?, limit(&mut parameters)?, after(&mut parameters)?);
    parameters.finish()?;
    let account = account(&app, merchant, &id).await?;
    let (found, seq) = app.platform.ledger_statement(merchant, account.id, period, after, count_max).await?;
    let line = |line: LedgerStatementLine| LedgerLine {
        kind: if line.is_expiry { "expiry" } else { "transfer" },
        timestamp: Integer(line.at_ns),
        transfer: line.transfer.into(),
        balances: line.balances.into(),
    };
    let page = LedgerStatementPage {
        object: "ledger_statement",
        account_id: Integer(account.id),
        opening: found.opening.into(),
        lines: found.lines.into_iter().map(line).collect(),
        closing: found.closing.into(),
        has_more: found.next.is_some(),
        next_cursor: found.next.map(cursor),
    };
    Ok(found_response(Json(page), seq))
}

async fn account(app: &App, merchant: MerchantId, id: &PathText) -> Result<Account, Problem> {
    let unknown = || Problem::new(Code::LedgerAccountUnknown);
    Ok(one(id, unknown, |ids| app.platform.ledger_accounts(merchant, ids)).await?.0.account)
}

pub(super) fn limit(parameters: &mut Parameters) -> Result<usize, Problem> {
    let limit = |text: &str| text.parse().ok().filter(|limit| (1..=PAGE_LIMIT_MAX).contains(limit));
    Ok(parameters.parse("limit", "a whole number from 1 to 100", limit)?.unwrap_or(PAGE_LIMIT))
}

fn after(parameters: &mut Parameters) -> Result<Option<u64>, Problem> {
    let refused = || Problem::of_field(Code::CursorInvalid, "cursor", "this is not a cursor; pass on what an earlier page gave");
    parameters.take("cursor")?.map(|text| read_cursor(&text).ok_or_else(refused)).transpose()
}

fn period(parameters: &mut Parameters) -> Result<LedgerPeriod, Problem> {
    let (from_ns, until_ns) = (parameters.parse("from", TIME, parse_time)?, parameters.parse("until", TIME, parse_time)?);
    Ok(LedgerPeriod { from_ns, until_ns })
}

fn filter(parameters: &mut Parameters) -> Result<LedgerFilter, Problem> {
    let pending_state = |text: &str| match text {
        "pending" => Some(PendingState::Pending),
        "posted" => Some(PendingState::Posted),
        "voided" => Some(PendingState::Voided),
        "expired" => Some(PendingState::Expired),
        _ => None,
    };
    let amount = "a whole number below 2^128";
    Ok(LedgerFilter {
        period: period(parameters)?,
        amount_min: parameters.parse("amount_min", amount, |text| text.parse().ok())?,
        amount_max: parameters.parse("amount_max", amount, |text| text.parse().ok())?,
        code: parameters.parse("code", "a whole number below 65,536", |text| text.parse().ok())?,
        user_data_128: parameters.parse("user_data_128", amount, |text| text.parse().ok())?,
        user_data_64: parameters.parse("user_data_64", "a whole number below 2^64", |text| text.parse().ok())?,
        user_data_32: parameters.parse("user_data_32", "a whole number below 2^32", |text| text.parse().ok())?,
        pending_state: parameters.parse("pending_state", "pending, posted, voided or expired", pending_state)?,
        is_credit: None,
        ledger: None,
        metadata: parameters.parse("metadata", "a key, or a key and a value as key=value", parse_metadata)?,
    })
}

fn parse_metadata(text: &str) -> Option<MetadataFilter> {
    let (key, value) = text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value)));
    let is_key = !key.is_empty() && key.len() <= METADATA_KEY_BYTES_MAX;
    is_key.then(|| MetadataFilter { key: key.to_owned(), value: value.map(str::to_owned) })
}

/// A time in nanoseconds since 1970, written as such or for people.
fn parse_time(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| parse_rfc3339(text).map(|at| at.ns()))
}

/// A place as text: letters alone, so that nothing in it looks like another number.
fn cursor(place: u64) -> String {
    (0..16).rev().map(|nibble| char::from(b'a' + u8::try_from(place >> (4 * nibble) & 15).unwrap_or(0))).collect()
}

/// The place in a text of [`cursor`].
fn read_cursor(text: &str) -> Option<u64> {
    let is_cursor = text.len() == 16 && text.bytes().all(|byte| (b'a'..=b'p').contains(&byte));
    is_cursor.then(|| text.bytes().fold(0, |place, byte| place << 4 | u64::from(byte - b'a')))
}
