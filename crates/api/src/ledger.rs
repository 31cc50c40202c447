//! Ledgers that merchants keep themselves: accounts and transfers in batches, as JSON or as fixed records of 128 bytes.
//!
//! A request is one batch: it is decided as a whole, becomes durable as a whole, and every item of it has its own result. Ids are
//! the callers', so that a batch may be sent again: what is there already says `exists`. The rules are the crate `ledger`'s.

mod balances;
pub(crate) mod entries;
pub(crate) mod history;
pub(crate) mod names;
mod records;
mod texts;

pub use history::{
    LedgerFilter, LedgerLines, LedgerPage, LedgerPeriod, LedgerStatement, LedgerStatementLine, MetadataFilter, PendingState,
};
pub use names::LedgerNames;
pub use records::{AccountRecord, Flags, Integer, Names, OfAccounts, OfTransfers, TransferRecord, small};
pub use texts::{AccountExtras, FoundAccount, FoundTransfer, MetadataRecord, TransferExtras};

use crate::App;
use crate::errors::{Code, Problem};
use crate::extract::{MerchantCaller, PathText, check_json, parse_typed, read_body};
use crate::middleware::BEZANT_SEQ;
use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use balances::BalancesRecord;
use engine::{Command, LedgerTexts, Reply};
use http::{HeaderMap, HeaderValue, header};
use ledger::{ACCOUNT_SIZE_BYTES, Account, AccountBalances, BATCH_EVENTS_MAX, TRANSFER_SIZE_BYTES, Transfer};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

/// Largest body of a batch as JSON, in bytes: the largest batch in its longest spelling fits.
const JSON_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Largest body of a batch as records, in bytes.
const RECORDS_BYTES_MAX: usize = BATCH_EVENTS_MAX * TRANSFER_SIZE_BYTES;
/// All bodies of batches that may be worked on at a time, in KiB; one more is answered 503.
pub(crate) const BATCHES_OPEN_KIB_MAX: usize = 64 * 1024;
/// Accounts as records.
const ACCOUNTS: &str = "application/vnd.bezant.accounts";
/// Transfers as records.
const TRANSFERS: &str = "application/vnd.bezant.transfers";
/// What became of each record, as its number in four bytes, least significant first.
const STATUSES: &str = "application/vnd.bezant.statuses";

const _: () = assert!(ACCOUNT_SIZE_BYTES == TRANSFER_SIZE_BYTES);

/// Creates accounts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateLedgerAccounts {
    /// At most 8,189 accounts.
    #[schema(max_items = 8_189)]
    accounts: Vec<AccountRecord>,
}

/// Creates transfers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateLedgerTransfers {
    /// At most 8,189 transfers.
    #[schema(max_items = 8_189)]
    transfers: Vec<TransferRecord>,
    /// Whether each transfer that is created is answered with the balances of its accounts right after it.
    #[serde(default)]
    balances: bool,
}

/// Looks objects up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LookupLedger {
    /// At most 8,189 ids.
    #[schema(max_items = 8_189, value_type = Vec<String>)]
    ids: Vec<Integer<u128>>,
}

/// What became of one item of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerResult {
    /// `created`, or why not.
    #[schema(value_type = String, example = "created")]
    status: &'static str,
    /// When, in nanoseconds since 1970: when it was created, also if that was earlier; otherwise when it was refused.
    #[schema(value_type = String, example = "1795253580000000000")]
    timestamp: Integer<u64>,
    /// If they were asked for: of a transfer that is created, the balances of its debit account and of its credit account right
    /// after it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    balances: Vec<BalancesRecord>,
}

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerResults {
    /// Always `ledger_results`.
    #[schema(value_type = String, example = "ledger_results")]
    object: &'static str,
    /// One for each item, in order.
    results: Vec<LedgerResult>,
}

/// Accounts that were found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerAccounts {
    /// Always `list`.
    #[schema(value_type = String, example = "list")]
    object: &'static str,
    /// In the order of the ids that were asked for; those that do not exist are left out.
    data: Vec<AccountRecord>,
}

/// Transfers that were found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerTransfers {
    /// Always `list`.
    #[schema(value_type = String, example = "list")]
    object: &'static str,
    /// In the order of the ids that were asked for; those that do not exist are left out.
    data: Vec<TransferRecord>,
}

/// How a batch came in, which is how it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Records,
}

/// The body of a batch, with the room that it takes until it is answered.
pub(crate) struct BatchBody {
    form: Form,
    bytes: bytes::Bytes,
    room: OwnedSemaphorePermit,
}

impl FromRequest<App> for BatchBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let named = |media_type: &str| is_media_type(&parts.headers, media_type);
        let (form, bytes_max) =
            if named(ACCOUNTS) || named(TRANSFERS) { (Form::Records, RECORDS_BYTES_MAX) } else { (Form::Json, JSON_BYTES_MAX) };
        let room = app.clone().batch_room(announced_bytes(&parts.headers).unwrap_or(bytes_max).min(bytes_max))?;
        let bytes = read_body(&parts.headers, body, bytes_max).await?;
        if form == Form::Json {
            check_json(&parts.headers)?;
        }
        Ok(Self { form, bytes, room })
    }
}

impl BatchBody {
    /// The items: JSON of `T`, or records of `RECORD_BYTES`.
    fn items<T: DeserializeOwned, I>(
        &self,
        of_json: impl FnOnce(T) -> Result<Vec<I>, Problem>,
        of_record: impl Fn(&[u8; TRANSFER_SIZE_BYTES]) -> I,
    ) -> Result<Vec<I>, Problem> {
        let items: Vec<I> = match self.form {
            Form::Json => of_json(parse_typed(&self.bytes)?)?,
            Form::Records => {
                let (records, rest) = self.bytes.as_chunks::<TRANSFER_SIZE_BYTES>();
                if !rest.is_empty() {
                    let detail = format!("{} bytes are no whole number of records of {TRANSFER_SIZE_BYTES} bytes", self.bytes.len());
                    return Err(Problem::with_detail(Code::RecordsMalformed, detail));
                }
                records.iter().map(of_record).collect()
            }
        };
        check_count(items.len())?;
        Ok(items)
    }
}

impl App {
    /// Room for a body of so many bytes.
    fn batch_room(self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        self.batch_places.try_acquire_many_owned(kib).map_err(|_| Problem::new(Code::Busy))
    }
}

fn announced_bytes(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn is_media_type(headers: &HeaderMap, wanted: &str) -> bool {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

/// Refuses a batch without or with too many of what its limit counts.
fn check_count(count: usize) -> Result<(), Problem> {
    match count {
        0 => Err(Problem::with_detail(Code::LedgerBatchEmpty, "the batch holds nothing")),
        count if count > BATCH_EVENTS_MAX => Err(Problem::with_detail(
            Code::LedgerBatchTooLarge,
            format!("a batch may have {BATCH_EVENTS_MAX} items, and this one has {count}"),
        )),
        _ => Ok(()),
    }
}

/// The answer to a batch: results as JSON or as numbers.
fn answer(form: Form, seq: u64, results: impl Iterator<Item = (u32, &'static str, u64)>, balances: Vec<Vec<AccountBalances>>) -> Response {
    let mut response = match form {
        Form::Json => {
            let results = results.zip(balances::records(balances));
            let of_item = |((_, status, timestamp), balances)| LedgerResult { status, timestamp: Integer(timestamp), balances };
            let results = results.map(of_item).collect();
            Json(LedgerResults { object: "ledger_results", results }).into_response()
        }
        Form::Records => {
            let body: Vec<u8> = results.flat_map(|(number, _, _)| number.to_le_bytes()).collect();
            ([(header::CONTENT_TYPE, STATUSES)], body).into_response()
        }
    };
    response.headers_mut().insert(BEZANT_SEQ, HeaderValue::from(seq));
    response
}

/// Create accounts in the merchant's own ledger
///
/// A batch: one result for each account, in order. Sending it again changes nothing and answers `exists`.
#[utoipa::path(
    post, path = "/v1/ledger/accounts", tag = "ledger", operation_id = "createLedgerAccounts",
    request_body(content((CreateLedgerAccounts = "application/json"), (Vec<u8> = "application/vnd.bezant.accounts"))),
    responses((status = 200, description = "one result for each account", content((LedgerResults = "application/json"), (Vec<u8> = "application/vnd.bezant.statuses")))),
    security(("merchant_key" = []))
)]
pub(crate) async fn create_accounts(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    body: BatchBody,
) -> Result<Response, Problem> {
    let mut texts = LedgerTexts::default();
    let of_json = |body: CreateLedgerAccounts| {
        check_count(body.accounts.len())?;
        let (accounts, extras) = body.accounts.into_iter().map(AccountRecord::into_parts).unzip();
        texts = texts::of_accounts(extras)?;
        Ok(accounts)
    };
    let accounts = body.items(of_json, Account::from_record)?;
    let submitted = app.submit_holding(Command::CreateLedgerAccounts { merchant, accounts, texts }, body.room).await?;
    let Reply::LedgerAccounts { results } = submitted.reply else {
        return Err(Problem::new(Code::Internal));
    };
    let results = results.iter().map(|result| (result.status.code(), result.status.name(), result.timestamp));
    Ok(answer(body.form, submitted.seq, results, Vec::new()))
}

/// Create transfers in the merchant's own ledger
///
/// A batch: one result for each transfer, in order; each sees those before it. Linked ones happen together or not at all. Sending
/// it again changes nothing and answers `exists`.
#[utoipa::path(
    post, path = "/v1/ledger/transfers", tag = "ledger", operation_id = "createLedgerTransfers",
    request_body(content((CreateLedgerTransfers = "application/json"), (Vec<u8> = "application/vnd.bezant.transfers"))),
    responses((status = 200, description = "one result for each transfer", content((LedgerResults = "application/json"), (Vec<u8> = "application/vnd.bezant.statuses")))),
    security(("merchant_key" = []))
)]
pub(crate) async fn create_transfers(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    body: BatchBody,
) -> Result<Response, Problem> {
    let (mut wanted, mut texts) = (balances::wanted(false), LedgerTexts::default());
    let of_json = |body: CreateLedgerTransfers| {
        check_count(body.transfers.len())?;
        wanted = balances::wanted(body.balances);
        let (transfers, extras): (Vec<Transfer>, _) = body.transfers.into_iter().map(TransferRecord::into_parts).unzip();
        texts = texts::of_transfers(&transfers, extras)?;
        Ok(transfers)
    };
    let transfers = body.items(of_json, Transfer::from_record)?;
    let submitted = app.submit_holding(Command::CreateLedgerTransfers { merchant, transfers, texts, answer: wanted }, body.room).await?;
    let Reply::LedgerTransfers { results, balances } = submitted.reply else {
        return Err(Problem::new(Code::Internal));
    };
    let results = results.iter().map(|result| (result.status.code(), result.status.name(), result.timestamp));
    Ok(answer(body.form, submitted.seq, results, balances))
}

/// Look up accounts of the merchant's own ledger
#[utoipa::path(
    post, path = "/v1/ledger/accounts/lookup", tag = "ledger", operation_id = "lookUpLedgerAccounts", request_body = LookupLedger,
    responses((status = 200, description = "those that exist", body = LedgerAccounts)), security(("merchant_key" = []))
)]
pub(crate) async fn look_up_accounts(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    body: BatchBody,
) -> Result<Response, Problem> {
    let (found, seq) = app.platform.ledger_accounts(merchant, ids(&body)?).await?;
    let data = found.into_iter().map(AccountRecord::from).collect();
    Ok(found_response(Json(LedgerAccounts { object: "list", data }), seq))
}

/// Look up transfers of the merchant's own ledger
#[utoipa::path(
    post, path = "/v1/ledger/transfers/lookup", tag = "ledger", operation_id = "lookUpLedgerTransfers", request_body = LookupLedger,
    responses((status = 200, description = "those that exist", body = LedgerTransfers)), security(("merchant_key" = []))
)]
pub(crate) async fn look_up_transfers(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    body: BatchBody,
) -> Result<Response, Problem> {
    let (found, seq) = app.platform.ledger_transfers(merchant, ids(&body)?).await?;
    let data = found.into_iter().map(TransferRecord::from).collect();
    Ok(found_response(Json(LedgerTransfers { object: "list", data }), seq))
}

/// Read one account of the merchant's own ledger
#[utoipa::path(
    get, path = "/v1/ledger/accounts/{id}", tag = "ledger", operation_id = "getLedgerAccount",
    params(("id" = String, Path, description = "its id, as a decimal number")),
    responses((status = 200, description = "the account", body = AccountRecord)), security(("merchant_key" = []))
)]
pub(crate) async fn account(State(app): State<App>, MerchantCaller(merchant): MerchantCaller, id: PathText) -> Result<Response, Problem> {
    let unknown = || Problem::new(Code::LedgerAccountUnknown);
    let (found, seq) = one(&id, unknown, |ids| app.platform.ledger_accounts(merchant, ids)).await?;
    Ok(found_response(Json(AccountRecord::from(found)), seq))
}

/// Read one transfer of the merchant's own ledger
#[utoipa::path(
    get, path = "/v1/ledger/transfers/{id}", tag = "ledger", operation_id = "getLedgerTransfer",
    params(("id" = String, Path, description = "its id, as a decimal number")),
    responses((status = 200, description = "the transfer", body = TransferRecord)), security(("merchant_key" = []))
)]
pub(crate) async fn transfer(State(app): State<App>, MerchantCaller(merchant): MerchantCaller, id: PathText) -> Result<Response, Problem> {
    let unknown = || Problem::new(Code::LedgerTransferUnknown);
    let (found, seq) = one(&id, unknown, |ids| app.platform.ledger_transfers(merchant, ids)).await?;
    Ok(found_response(Json(TransferRecord::from(found)), seq))
}

/// The one object that a path names by its number; what is no number does not exist.
async fn one<T, F: Future<Output = Result<(Vec<T>, u64), crate::SubmitError>>>(
    id: &PathText,
    unknown: impl Fn() -> Problem,
    look: impl FnOnce(Vec<u128>) -> F,
) -> Result<(T, u64), Problem> {
    let id = id.as_str().parse().map_err(|_| unknown())?;
    let (found, seq) = look(vec![id]).await?;
    let found = found.into_iter().next().ok_or_else(unknown)?;
    Ok((found, seq))
}

fn ids(body: &BatchBody) -> Result<Vec<u128>, Problem> {
    if body.form != Form::Json {
        return Err(Problem::new(Code::ContentTypeUnsupported));
    }
    let LookupLedger { ids } = parse_typed(&body.bytes)?;
    check_count(ids.len())?;
    Ok(ids.into_iter().map(|Integer(id)| id).collect())
}

fn found_response<T: Serialize>(body: Json<T>, seq: u64) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(BEZANT_SEQ, HeaderValue::from(seq));
    response
}
