//! One text and everything that it may name: ids of ours, ids of providers, handles and references. Of all merchants:
//! for operators only. Every step looks at a bounded number of rows through an index.

use super::{Reader, applied_seq, clamped, rows_max};
use crate::cells::{Cells, prefix, provider_prefix};
use crate::error::{Doing, Error};
use crate::lookup;
use crate::rows::{CustomerRow, DisputeId, DisputeRow, PaymentMethodRow, PaymentRow, RefundRow, WebhookRow};
use crate::schema::{CUSTOMERS, DISPUTES, PAYMENT_METHODS, PAYMENTS, REFUNDS, Table, WEBHOOKS};
use base::{CustomerId, MerchantId, PaymentId, PaymentMethodId, RefundId};
use engine::EventKind;
use rusqlite::{Connection, Row, params};
use std::sync::LazyLock;

/// Most merchants among whose handles and references one search looks, oldest first: each has a key of its own, and there is no
/// index across them.
pub const SEARCH_MERCHANTS_MAX: usize = 1_000;
/// Most things that one search finds.
pub const SEARCH_RESULTS_MAX: usize = 50;
/// Most rows of an index that have the same first eight bytes; more would be a wonder.
const SAME_PREFIX_MAX: usize = 16;

/// A merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantRow {
    /// The engine's number of it.
    pub number: u32,
    /// Its id.
    pub id: MerchantId,
    /// Its short name.
    pub handle: String,
}

impl MerchantRow {
    fn read(cells: &mut Cells<'_>) -> Result<Self, Error> {
        Ok(Self { number: cells.u32()?, id: MerchantId::from_u128(cells.id()?), handle: cells.text()? })
    }
}

/// Something that a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A merchant, by id or handle.
    Merchant(MerchantRow),
    /// A payment, by id, the provider's id of one of its attempts, or reference.
    Payment(Box<PaymentRow>),
    /// A refund, by id or the provider's id.
    Refund(RefundRow),
    /// A dispute, by id or the provider's id.
    Dispute(DisputeRow),
    /// A customer, by id.
    Customer(CustomerRow),
    /// A stored payment method, by id or the provider's id.
    PaymentMethod(PaymentMethodRow),
    /// A provider's message, by the provider's id of it, as it came in first.
    Webhook {
        /// The message.
        webhook: WebhookRow,
        /// Whose payment it is about.
        merchant: Option<MerchantId>,
    },
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchResults {
    /// What the text names: first what has it as our id, then by provider's id, handle, reference; each once.
    pub found: Vec<Found>,
    /// Whether handles and references of all merchants were looked at; false where there are more than [`SEARCH_MERCHANTS_MAX`].
    pub merchants_all: bool,
    /// The last event that the answer contains.
    pub applied_seq: u64,
}

static PAYMENT_BY_NUMBER: LazyLock<String> = LazyLock::new(|| of_merchant(&PAYMENTS));
static CUSTOMER_BY_NUMBER: LazyLock<String> = LazyLock::new(|| of_merchant(&CUSTOMERS));
static METHOD_BY_NUMBER: LazyLock<String> = LazyLock::new(|| of_merchant(&PAYMENT_METHODS));
static REFUND_BY_NUMBER: LazyLock<String> = LazyLock::new(|| of_payment(&REFUNDS));
static DISPUTE_BY_NUMBER: LazyLock<String> = LazyLock::new(|| of_payment(&DISPUTES));

static WEBHOOK_BY_EVENT_ID: LazyLock<String> = LazyLock::new(|| {
    let columns = WEBHOOKS.selection();
    format!(
        "SELECT {columns}, payments.id, merchants.id FROM webhook_ids CROSS JOIN webhooks ON webhooks.seq = webhook_ids.webhook \
         LEFT JOIN payments ON payments.number = webhooks.payment LEFT JOIN merchants ON merchants.number = payments.merchant \
         WHERE webhook_ids.prefix = ?1 AND webhooks.event_id = ?2 ORDER BY webhook_ids.webhook LIMIT 1"
    )
});

const PAYMENTS_OF_PREFIX: &str = "SELECT payment FROM payment_ids WHERE prefix = ?1 ORDER BY payment LIMIT ?2";
const PAYMENTS_OF_REFERENCE: &str = "SELECT payment FROM payment_references WHERE prefix = ?1 ORDER BY payment LIMIT ?2";
const REFUNDS_OF_PREFIX: &str = "SELECT refund FROM refund_ids WHERE prefix = ?1 ORDER BY refund LIMIT ?2";
const DISPUTES_OF_PREFIX: &str = "SELECT dispute FROM dispute_ids WHERE prefix = ?1 ORDER BY dispute LIMIT ?2";
const CUSTOMERS_OF_PREFIX: &str = "SELECT customer FROM customer_ids WHERE prefix = ?1 ORDER BY customer LIMIT ?2";
const METHODS_OF_PREFIX: &str = "SELECT method FROM payment_method_ids WHERE prefix = ?1 ORDER BY method LIMIT ?2";
const NUMBERS_OF_PROVIDER_ID: &str = "SELECT number FROM provider_ids WHERE prefix = ?1 ORDER BY number LIMIT ?2";
const KIND_OF_EVENT: &str = "SELECT kind FROM events WHERE seq = ?1";
const MERCHANT_BY_ID: &str = "SELECT number, id, handle FROM merchants WHERE id = ?1";
const MERCHANTS_IN_ORDER: &str = "SELECT number, id, handle FROM merchants WHERE number > ?1 ORDER BY number LIMIT ?2";

/// Every statement of this file, for a test of their plans.
#[cfg(test)]
pub(super) fn statements() -> Vec<&'static str> {
    let made = [&PAYMENT_BY_NUMBER, &CUSTOMER_BY_NUMBER, &METHOD_BY_NUMBER, &REFUND_BY_NUMBER, &DISPUTE_BY_NUMBER, &WEBHOOK_BY_EVENT_ID];
    let mut all: Vec<&'static str> = made.map(|sql| sql.as_str()).to_vec();
    all.extend([PAYMENTS_OF_PREFIX, PAYMENTS_OF_REFERENCE, REFUNDS_OF_PREFIX, DISPUTES_OF_PREFIX, CUSTOMERS_OF_PREFIX, METHODS_OF_PREFIX]);
    all.extend([NUMBERS_OF_PROVIDER_ID, KIND_OF_EVENT, MERCHANT_BY_ID, MERCHANTS_IN_ORDER]);
    all
}

/// A row by its number, and its merchant's id.
fn of_merchant(table: &Table) -> String {
    let (columns, name) = (table.selection(), table.name);
    format!(
        "SELECT {columns}, merchants.id FROM {name} CROSS JOIN merchants ON merchants.number = {name}.merchant WHERE {name}.number = ?1"
    )
}

/// As [`of_merchant`], with the payment's id before the merchant's.
fn of_payment(table: &Table) -> String {
    let (columns, name) = (table.selection(), table.name);
    format!(
        "SELECT {columns}, payments.id, merchants.id FROM {name} CROSS JOIN payments ON payments.number = {name}.payment \
         CROSS JOIN merchants ON merchants.number = {name}.merchant WHERE {name}.number = ?1"
    )
}

impl Reader {
    /// Everything that `text` names, whoever owns it. `reference_of` is the keyed hash of `text` as a merchant's reference.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn search(&self, text: &str, reference_of: impl Fn(MerchantId) -> [u8; 16]) -> Result<SearchResults, Error> {
        self.read(|connection| {
            let mut merchants = merchants(connection)?;
            let merchants_all = merchants.len() <= SEARCH_MERCHANTS_MAX;
            merchants.truncate(SEARCH_MERCHANTS_MAX);
            let mut found = by_our_id(connection, text)?;
            found.extend(by_provider_id(connection, text)?);
            let named = merchants.iter().filter(|merchant| merchant.handle == text);
            found.extend(named.cloned().map(Found::Merchant));
            for merchant in &merchants {
                found.extend(by_reference(connection, merchant, reference_of(merchant.id))?);
            }
            let mut each_once: Vec<Found> = Vec::new();
            for one in found {
                if !each_once.contains(&one) && each_once.len() < SEARCH_RESULTS_MAX {
                    each_once.push(one);
                }
            }
            Ok(SearchResults { found: each_once, merchants_all, applied_seq: applied_seq(connection)? })
        })
    }
}

/// The oldest merchants, one more than a search looks at.
fn merchants(connection: &Connection) -> Result<Vec<MerchantRow>, Error> {
    lookup::all(connection, MERCHANTS_IN_ORDER, params![-1, rows_max(SEARCH_MERCHANTS_MAX) + 1], "merchants", MerchantRow::read)
}

fn by_our_id(connection: &Connection, text: &str) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    if let Ok(id) = text.parse::<PaymentId>() {
        found.extend(payment_by_id(connection, id)?.map(|row| Found::Payment(Box::new(row))));
    }
    if let Ok(id) = text.parse::<RefundId>() {
        for number in numbers(connection, REFUNDS_OF_PREFIX, prefix(id.as_u128()))? {
            found.extend(refund(connection, number)?.filter(|row| row.id == id).map(Found::Refund));
        }
    }
    if let Ok(id) = text.parse::<DisputeId>() {
        for number in numbers(connection, DISPUTES_OF_PREFIX, prefix(id.as_u128()))? {
            found.extend(dispute(connection, number)?.filter(|row| row.id == id).map(Found::Dispute));
        }
    }
    if let Ok(id) = text.parse::<CustomerId>() {
        for number in numbers(connection, CUSTOMERS_OF_PREFIX, prefix(id.as_u128()))? {
            found.extend(customer(connection, number)?.filter(|row| row.id == id).map(Found::Customer));
        }
    }
    if let Ok(id) = text.parse::<MerchantId>() {
        let id = id.as_u128().to_be_bytes();
        found.extend(lookup::first(connection, MERCHANT_BY_ID, params![id], "merchants", MerchantRow::read)?.map(Found::Merchant));
    }
    if let Ok(id) = text.parse::<PaymentMethodId>() {
        for number in numbers(connection, METHODS_OF_PREFIX, prefix(id.as_u128()))? {
            found.extend(method(connection, number)?.filter(|row| row.id == id).map(Found::PaymentMethod));
        }
    }
    Ok(found)
}

fn by_provider_id(connection: &Connection, text: &str) -> Result<Vec<Found>, Error> {
    let key = provider_prefix(text);
    let mut found = Vec::new();
    for number in numbers(connection, NUMBERS_OF_PROVIDER_ID, key)? {
        let kind = lookup::first(connection, KIND_OF_EVENT, params![clamped(number)], "events", |cells| cells.coded::<EventKind>())?;
        let is_named = |provider_id: Option<&String>| provider_id.is_some_and(|known| known == text);
        found.extend(match kind {
            Some(EventKind::PaymentCreated) => match payment(connection, number)? {
                Some(row) if lookup::attempts(connection, number)?.iter().any(|attempt| is_named(attempt.provider_id.as_ref())) => {
                    Some(Found::Payment(Box::new(row)))
                }
                Some(_) | None => None,
            },
            Some(EventKind::RefundStarted) => {
                refund(connection, number)?.filter(|row| is_named(row.provider_id.as_ref())).map(Found::Refund)
            }
            Some(EventKind::DisputeInquired | EventKind::DisputeOpened) => {
                dispute(connection, number)?.filter(|row| row.provider_id == text).map(Found::Dispute)
            }
            Some(EventKind::MethodStarted) => {
                method(connection, number)?.filter(|row| is_named(row.provider_id.as_ref())).map(Found::PaymentMethod)
            }
            _ => return Err(Error::Damaged { table: "provider_ids", column: 1 }),
        });
    }
    found.extend(webhook(connection, key, text)?);
    Ok(found)
}

fn by_reference(connection: &Connection, merchant: &MerchantRow, reference: [u8; 16]) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    for number in numbers(connection, PAYMENTS_OF_REFERENCE, prefix(u128::from_be_bytes(reference)))? {
        let named = payment(connection, number)?.filter(|row| row.merchant == merchant.id && row.reference == Some(reference));
        found.extend(named.map(|row| Found::Payment(Box::new(row))));
    }
    Ok(found)
}

/// Rows that an index has under a key.
fn numbers(connection: &Connection, sql: &str, key: i64) -> Result<Vec<u64>, Error> {
    lookup::all(connection, sql, params![key, rows_max(SAME_PREFIX_MAX)], "index", |cells| cells.u64())
}

/// The payment of that id, whoever owns it.
pub(super) fn payment_by_id(connection: &Connection, id: PaymentId) -> Result<Option<PaymentRow>, Error> {
    for number in numbers(connection, PAYMENTS_OF_PREFIX, prefix(id.as_u128()))? {
        if let Some(row) = payment(connection, number)?.filter(|row| row.id == id) {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

fn payment(connection: &Connection, number: u64) -> Result<Option<PaymentRow>, Error> {
    numbered(connection, &PAYMENT_BY_NUMBER, number, read_payment)
}

/// A payment whose row ends with its merchant's id.
pub(super) fn read_payment(row: &Row<'_>) -> Result<PaymentRow, Error> {
    let merchant = MerchantId::from_u128(from_end(PAYMENTS.name, row, 1)?);
    Ok(PaymentRow::read(&mut Cells::new(PAYMENTS.name, row), |_| Some(merchant))?.1)
}

fn customer(connection: &Connection, number: u64) -> Result<Option<CustomerRow>, Error> {
    numbered(connection, &CUSTOMER_BY_NUMBER, number, |row| {
        let merchant = MerchantId::from_u128(from_end(CUSTOMERS.name, row, 1)?);
        Ok(CustomerRow::read(&mut Cells::new(CUSTOMERS.name, row), |_| Some(merchant))?.1)
    })
}

fn method(connection: &Connection, number: u64) -> Result<Option<PaymentMethodRow>, Error> {
    numbered(connection, &METHOD_BY_NUMBER, number, |row| {
        let merchant = MerchantId::from_u128(from_end(PAYMENT_METHODS.name, row, 1)?);
        Ok(PaymentMethodRow::read(&mut Cells::new(PAYMENT_METHODS.name, row), |_| Some(merchant))?.1)
    })
}

fn refund(connection: &Connection, number: u64) -> Result<Option<RefundRow>, Error> {
    numbered(connection, &REFUND_BY_NUMBER, number, read_refund)
}

/// A refund whose row ends with its payment's and its merchant's id.
pub(super) fn read_refund(row: &Row<'_>) -> Result<RefundRow, Error> {
    let merchant = MerchantId::from_u128(from_end(REFUNDS.name, row, 1)?);
    let payment = PaymentId::from_u128(from_end(REFUNDS.name, row, 2)?);
    RefundRow::read(&mut Cells::new(REFUNDS.name, row), merchant, payment)
}

fn dispute(connection: &Connection, number: u64) -> Result<Option<DisputeRow>, Error> {
    numbered(connection, &DISPUTE_BY_NUMBER, number, read_dispute)
}

/// A dispute whose row ends with its payment's and its merchant's id.
pub(super) fn read_dispute(row: &Row<'_>) -> Result<DisputeRow, Error> {
    let merchant = MerchantId::from_u128(from_end(DISPUTES.name, row, 1)?);
    let payment = PaymentId::from_u128(from_end(DISPUTES.name, row, 2)?);
    DisputeRow::read(&mut Cells::new(DISPUTES.name, row), merchant, payment)
}

fn webhook(connection: &Connection, key: i64, event_id: &str) -> Result<Option<Found>, Error> {
    lookup::first(connection, &WEBHOOK_BY_EVENT_ID, params![key, event_id], WEBHOOKS.name, |cells| {
        let webhook = WebhookRow::read(cells)?;
        Ok(Found::Webhook { webhook, merchant: cells.id_optional()?.map(MerchantId::from_u128) })
    })
}

fn numbered<T>(
    connection: &Connection,
    sql: &str,
    number: u64,
    read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let mut statement = connection.prepare_cached(sql).doing("preparing a query")?;
    let mut rows = statement.query(params![clamped(number)]).doing("running a query")?;
    rows.next().doing("reading a row")?.map(read).transpose()
}

/// The id in the column that is so many places from the end, the last being 1.
fn from_end(table: &'static str, row: &Row<'_>, places: usize) -> Result<u128, Error> {
    Cells::starting_at(table, row, row.as_ref().column_count().saturating_sub(places)).id()
}
