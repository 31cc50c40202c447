//! Entries with many legs: what happens to several accounts at once, as postings that balance in every ledger.

use super::balances::{self, BalancesRecord};
use super::texts::{EntryExtras, FoundTransfer, MetadataRecord, of_entries};
use super::{BatchBody, Form, Integer, check_count, found_response, one, small};
use crate::App;
use crate::errors::{Code, Problem};
use crate::extract::{MerchantCaller, PathText, parse_typed};
use crate::middleware::BEZANT_SEQ;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use engine::{Command, Reply};
use http::HeaderValue;
use ledger::{About, ENTRY_POSTINGS_MAX, Entry, EntryResult, Posting, Side, Transfer, TransferFlags};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// So many transfers of an entry are looked up at first: most entries have no more.
const TRANSFERS_LOOKED_UP_FIRST: usize = 8;

/// Creates entries.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateLedgerEntries {
    /// Their postings together are at most 8,189.
    #[schema(max_items = 8_189)]
    entries: Vec<EntryRecord>,
    /// Whether each entry that is created is answered with the balances of its accounts right after it.
    #[serde(default)]
    balances: bool,
}

/// What an entry does to one account: either a debit or a credit.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "PostingFields")]
pub(crate) struct PostingRecord {
    /// The account. Its ledger is the posting's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "1")]
    account_id: Option<Integer<u128>>,
    /// In a request, the account's name instead of its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// In a request, the ledger in which the account has that name.
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<u32>,
    /// What is added to its debits, in the ledger's own unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "120")]
    debit: Option<Integer<u128>>,
    /// What is added to its credits, in the ledger's own unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    credit: Option<Integer<u128>>,
}

/// A posting as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PostingFields {
    account_id: Option<Integer<u128>>,
    account: Option<String>,
    ledger: Option<Integer<u32>>,
    debit: Option<Integer<u128>>,
    credit: Option<Integer<u128>>,
}

impl TryFrom<PostingFields> for PostingRecord {
    type Error = &'static str;

    fn try_from(fields: PostingFields) -> Result<Self, Self::Error> {
        let PostingFields { account_id, account, ledger, debit, credit } = fields;
        let is_of_one_account = account_id.is_some() != account.is_some() && account.is_some() == ledger.is_some();
        if debit.is_some() == credit.is_some() || !is_of_one_account {
            // Read by the one who makes a problem of it.
            return Err("invalid value: expected an account_id, or an account and its ledger, with either debit or credit");
        }
        Ok(Self { account_id, account, ledger: ledger.map(|Integer(ledger)| ledger), debit, credit })
    }
}

impl PostingRecord {
    /// The posting, and the ledger and the name of its account if it is named.
    fn into_parts(self) -> (Posting, Option<(u32, String)>) {
        let Self { account_id, account, ledger, debit, credit } = self;
        let Integer(account_id) = account_id.unwrap_or_default();
        let side = if debit.is_some() { Side::Debit } else { Side::Credit };
        let Integer(amount) = debit.or(credit).unwrap_or_default();
        (Posting { account_id, side, amount }, ledger.zip(account))
    }
}

impl From<Posting> for PostingRecord {
    fn from(posting: Posting) -> Self {
        let Posting { account_id, side, amount } = posting;
        let of_side = |wanted: Side| (side == wanted).then_some(Integer(amount));
        let account_id = Some(Integer(account_id));
        Self { account_id, account: None, ledger: None, debit: of_side(Side::Debit), credit: of_side(Side::Credit) }
    }
}

/// An entry that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntryRecord {
    /// Made by the caller: the entry's transfers have this id, the next one and so on.
    #[schema(value_type = String, example = "1")]
    id: Integer<u128>,
    /// At most 1,024; in every ledger debits equal credits, and no account stands twice.
    #[schema(max_items = 1_024)]
    postings: Vec<PostingRecord>,
    /// The caller's own, 128 bits.
    #[serde(default)]
    #[schema(value_type = String, example = "1")]
    user_data_128: Integer<u128>,
    /// The caller's own, 64 bits.
    #[serde(default)]
    #[schema(value_type = String, example = "1")]
    user_data_64: Integer<u64>,
    /// The caller's own, 32 bits.
    #[serde(default, deserialize_with = "small")]
    user_data_32: u32,
    /// The caller's own code, not 0.
    #[serde(default, deserialize_with = "small")]
    code: u16,
    /// The caller's own pairs of text, as those of a transfer; they are its first transfer's.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>, required = false)]
    metadata: MetadataRecord,
}

const _: () = assert!(ENTRY_POSTINGS_MAX == 1_024);

impl EntryRecord {
    fn into_parts(self) -> (Entry, EntryExtras) {
        let Self { id, postings, user_data_128, user_data_64, user_data_32, code, metadata } = self;
        let (postings, names): (Vec<Posting>, Vec<_>) = postings.into_iter().map(PostingRecord::into_parts).unzip();
        let named = names.into_iter().enumerate().filter_map(|(at, name)| name.map(|(ledger, name)| (at, ledger, name)));
        let accounts = named.collect();
        let entry = Entry { id: id.0, postings, user_data_128: user_data_128.0, user_data_64: user_data_64.0, user_data_32, code };
        (entry, EntryExtras { accounts, metadata })
    }
}

/// An entry that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerEntry {
    /// Its id.
    #[schema(value_type = String, example = "1")]
    id: Integer<u128>,
    /// What it did, each account once.
    postings: Vec<PostingRecord>,
    /// The caller's own, 128 bits.
    #[schema(value_type = String, example = "1")]
    user_data_128: Integer<u128>,
    /// The caller's own, 64 bits.
    #[schema(value_type = String, example = "1")]
    user_data_64: Integer<u64>,
    /// The caller's own, 32 bits.
    user_data_32: u32,
    /// The caller's own code.
    code: u16,
    /// When it was created, in nanoseconds since 1970.
    #[schema(value_type = String, example = "1795253580000000000")]
    timestamp: Integer<u64>,
    /// The caller's own pairs of text. Absent when there are none.
    #[serde(skip_serializing_if = "MetadataRecord::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, String>, required = false)]
    metadata: MetadataRecord,
}

impl LedgerEntry {
    fn new(entry: Entry, first: FoundTransfer) -> Self {
        let Entry { id, postings, user_data_128, user_data_64, user_data_32, code } = entry;
        Self {
            id: Integer(id),
            postings: postings.into_iter().map(PostingRecord::from).collect(),
            user_data_128: Integer(user_data_128),
            user_data_64: Integer(user_data_64),
            user_data_32,
            code,
            timestamp: Integer(first.transfer.timestamp),
            metadata: first.metadata.into(),
        }
    }
}

/// What became of one entry of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerEntryResult {
    /// `created`, or why not.
    #[schema(value_type = String, example = "created")]
    status: &'static str,
    /// When, in nanoseconds since 1970: when it was created, also if that was earlier; otherwise when it was refused.
    #[schema(value_type = String, example = "1795253580000000000")]
    timestamp: Integer<u64>,
    /// Which postings a refusal is about, counted from 0: one, or the debit and the credit of a transfer that the ledger refuses.
    /// Absent when it is about the entry as a whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    postings: Vec<usize>,
    /// If they were asked for: of an entry that is created, the balances of the account of each posting right after it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    balances: Vec<BalancesRecord>,
}

impl LedgerEntryResult {
    fn new(result: EntryResult, balances: Vec<BalancesRecord>) -> Self {
        let EntryResult { status, timestamp, about } = result;
        let postings = match about {
            About::Entry => Vec::new(),
            About::Posting(at) => vec![at],
            About::Pair { debit, credit } => vec![debit, credit],
        };
        Self { status: status.name(), timestamp: Integer(timestamp), postings, balances }
    }
}

/// What became of a batch of entries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerEntryResults {
    /// Always `ledger_results`.
    #[schema(value_type = String, example = "ledger_results")]
    object: &'static str,
    /// One for each entry, in order.
    results: Vec<LedgerEntryResult>,
}

/// Create entries with many legs in the merchant's own ledger
///
/// A batch: one result for each entry, in order; each sees those before it, and happens as a whole or not at all, as a chain of
/// linked transfers. Sending it again changes nothing and answers `exists`.
#[utoipa::path(
    post, path = "/v1/ledger/entries", tag = "ledger", operation_id = "createLedgerEntries", request_body = CreateLedgerEntries,
    responses((status = 200, description = "one result for each entry", body = LedgerEntryResults)), security(("merchant_key" = []))
)]
pub(crate) async fn create_entries(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    body: BatchBody,
) -> Result<Response, Problem> {
    if body.form != Form::Json {
        return Err(Problem::new(Code::ContentTypeUnsupported));
    }
    let CreateLedgerEntries { entries, balances } = parse_typed(&body.bytes)?;
    let (entries, extras): (Vec<Entry>, _) = entries.into_iter().map(EntryRecord::into_parts).unzip();
    check_count(entries.iter().map(Entry::events_count).sum())?;
    let (texts, answer) = (of_entries(extras)?, balances::wanted(balances));
    let submitted = app.submit_holding(Command::CreateLedgerEntries { merchant, entries, texts, answer }, body.room).await?;
    let Reply::LedgerEntries { results, balances } = submitted.reply else {
        return Err(Problem::new(Code::Internal));
    };
    let results = results.into_iter().zip(balances::records(balances));
    let results = results.map(|(result, balances)| LedgerEntryResult::new(result, balances)).collect();
    let mut response = Json(LedgerEntryResults { object: "ledger_results", results }).into_response();
    response.headers_mut().insert(BEZANT_SEQ, HeaderValue::from(submitted.seq));
    Ok(response)
}

/// Read one entry of the merchant's own ledger
///
/// As postings, each account once. A plain transfer is an entry with two postings.
#[utoipa::path(
    get, path = "/v1/ledger/entries/{id}", tag = "ledger", operation_id = "getLedgerEntry",
    params(("id" = String, Path, description = "its id, as a decimal number")),
    responses((status = 200, description = "the entry", body = LedgerEntry)), security(("merchant_key" = []))
)]
pub(crate) async fn entry(State(app): State<App>, MerchantCaller(merchant): MerchantCaller, id: PathText) -> Result<Response, Problem> {
    let unknown = || Problem::new(Code::LedgerEntryUnknown);
    let (found, seq) = one(&id, unknown, |ids| app.platform.ledger_transfers(merchant, ids)).await?;
    let first = found.transfer;
    let before: Vec<u128> = first.id.checked_sub(1).into_iter().collect();
    let (before, _) = app.platform.ledger_transfers(merchant, before).await?;
    if before.iter().any(|before| goes_on(&before.transfer) && before.transfer.timestamp + 1 == first.timestamp) {
        // It stands within an entry, whose id is another.
        return Err(unknown());
    }
    let mut transfers = vec![first];
    for count in [TRANSFERS_LOOKED_UP_FIRST, ENTRY_POSTINGS_MAX] {
        if transfers.last().is_some_and(goes_on) {
            let ids = (first.id + 1..u128::MAX).take(count).skip(transfers.len() - 1).collect();
            transfers.extend(app.platform.ledger_transfers(merchant, ids).await?.0.into_iter().map(|found| found.transfer));
        }
    }
    let entry = Entry::of_transfers(&transfers).ok_or_else(unknown)?;
    Ok(found_response(Json(LedgerEntry::new(entry, found)), seq))
}

/// Whether a transfer's chain does not end with it.
fn goes_on(transfer: &Transfer) -> bool {
    transfer.flags.contains(TransferFlags::LINKED)
}
