//! Lists, searches, journeys. Every answer is bounded, comes from one consistent state of the file, and shows a
//! merchant nothing of another one's.

mod pool;
mod search;

pub use search::{Found, MerchantRow, SEARCH_MERCHANTS_MAX, SEARCH_RESULTS_MAX, SearchResults};

use crate::cells::{Cells, prefix, provider_prefix, unsigned};
use crate::codes::Coded;
use crate::cursor::{Cursor, CursorKind};
use crate::error::{Doing, Error};
use crate::lookup;
use crate::rows::{
    AttemptRow, CaptureRow, CustomerRow, DisputeId, DisputeRow, EventRow, LegRow, PaymentMethodRow, PaymentRow, RefundRow, WebhookRow,
};
use crate::schema::{CUSTOMERS, DISPUTES, LEGS, PAYMENT_METHODS, PAYMENTS, REFUNDS, WEBHOOKS};
use base::{Currency, CustomerId, DeclineClass, MerchantId, PaymentId, PaymentMethodId, RefundId, Timestamp};
use engine::{EventKind, NoticeSource, NoticeUse};
use payments::{DisputeStatus, PaymentStatus, RefundStatus};
use pool::Pool;
use rusqlite::types::ToSql;
use rusqlite::{Connection, Row, params};
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// Most rows of one page.
pub const PAGE_ROWS_MAX: usize = 1_000;
/// Most rows that one search looks at; it goes on with the next page.
pub const SCAN_ROWS_MAX: usize = 10_000;

/// Whose objects a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One merchant's.
    Merchant(MerchantId),
    /// All merchants': for operators only.
    All,
}

impl From<MerchantId> for Scope {
    fn from(merchant: MerchantId) -> Self {
        Self::Merchant(merchant)
    }
}

/// Which payments a list shows; absent fields do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentFilter {
    /// Those that stand here.
    pub status: Option<PaymentStatus>,
    /// Those created then or later.
    pub created_from: Option<Timestamp>,
    /// Those created before.
    pub created_until: Option<Timestamp>,
    /// Those in this currency.
    pub currency: Option<Currency>,
    /// The one with this keyed hash of its reference.
    pub reference: Option<[u8; 16]>,
    /// Those of this many minor units or more.
    pub amount_minor_min: Option<u64>,
    /// Those of this many minor units or fewer.
    pub amount_minor_max: Option<u64>,
    /// Those of this customer.
    pub customer: Option<CustomerId>,
    /// Those whose last refusal permits this.
    pub decline_class: Option<DeclineClass>,
    /// Those whose last refusal has this code of the provider.
    pub decline_code: Option<String>,
}

/// Which refunds a list shows; absent fields do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefundFilter {
    /// Those of this payment.
    pub payment: Option<PaymentId>,
    /// Those that stand here.
    pub status: Option<RefundStatus>,
}

/// Which disputes a list shows; absent fields do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DisputeFilter {
    /// Those of this payment.
    pub payment: Option<PaymentId>,
    /// Those that stand here.
    pub status: Option<DisputeStatus>,
}

/// Which messages of providers a list shows; absent fields do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookFilter {
    /// Those that came in this way.
    pub source: Option<NoticeSource>,
    /// Those that were good for this.
    pub found: Option<NoticeUse>,
    /// Those of this type.
    pub event_type: Option<String>,
    /// Those that came in then or later.
    pub received_from: Option<Timestamp>,
    /// Those about a payment of this merchant.
    pub merchant: Option<MerchantId>,
}

/// Which events a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventFilter {
    /// Only this kind, when given.
    pub kind: Option<EventKind>,
    /// From which end.
    pub order: Order,
}

/// From which end a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Oldest first: to follow what happens.
    OldestFirst,
    /// Newest first: to look back.
    NewestFirst,
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where the page before ended; the list's beginning, when absent.
    pub after: Option<Cursor>,
    /// Most rows; at least 1 and at most [`PAGE_ROWS_MAX`] count.
    pub limit: usize,
}

/// A part of a list. It may hold fewer rows than asked for, even none, while there is a next part: a search looks at
/// no more than [`SCAN_ROWS_MAX`] rows at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageOf<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next part begins; `None` at the end.
    pub next: Option<Cursor>,
    /// The last event that the answer contains.
    pub applied_seq: u64,
}

/// Answers questions from the file. Cheap to clone; clones share a few connections.
#[derive(Clone)]
pub struct Reader {
    pool: Arc<Pool>,
}

impl core::fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Reader").finish_non_exhaustive()
    }
}

static BY_MERCHANT: LazyLock<String> = LazyLock::new(|| {
    let columns = PAYMENTS.selection();
    format!(
        "SELECT {columns} FROM payments INDEXED BY payments_by_merchant \
         WHERE merchant = ?1 AND number < ?2 AND number >= ?3 ORDER BY number DESC"
    )
});

static BY_STATUS: LazyLock<String> = LazyLock::new(|| {
    let columns = PAYMENTS.selection();
    format!(
        "SELECT {columns} FROM payments INDEXED BY payments_by_status \
         WHERE merchant = ?1 AND number < ?2 AND number >= ?3 AND status = ?4 ORDER BY number DESC"
    )
});

static BY_CUSTOMER: LazyLock<String> = LazyLock::new(|| {
    let columns = PAYMENTS.selection();
    format!(
        "SELECT {columns} FROM payments INDEXED BY payments_by_customer \
         WHERE customer = ?4 AND merchant = ?1 AND number < ?2 AND number >= ?3 ORDER BY number DESC"
    )
});

static BY_DECLINE: LazyLock<String> = LazyLock::new(|| {
    let columns = PAYMENTS.selection();
    format!(
        "SELECT {columns} FROM payments INDEXED BY payments_by_decline \
         WHERE merchant = ?1 AND decline_code = ?4 AND number < ?2 AND number >= ?3 ORDER BY number DESC"
    )
});

/// Of all merchants, each with its merchant's id.
static PAYMENTS_BACKWARD: LazyLock<String> = LazyLock::new(|| {
    let columns = PAYMENTS.selection();
    format!(
        "SELECT {columns}, merchants.id FROM payments CROSS JOIN merchants ON merchants.number = payments.merchant \
         WHERE payments.number < ?1 AND payments.number >= ?2 ORDER BY payments.number DESC"
    )
});

/// As [`PAYMENTS_BACKWARD`].
static PAYMENTS_OF_CUSTOMER: LazyLock<String> = LazyLock::new(|| {
    let columns = PAYMENTS.selection();
    format!(
        "SELECT {columns}, merchants.id FROM payments INDEXED BY payments_by_customer \
         CROSS JOIN merchants ON merchants.number = payments.merchant \
         WHERE payments.customer = ?3 AND payments.number < ?1 AND payments.number >= ?2 ORDER BY payments.number DESC"
    )
});

/// Of all merchants, each with its payment's and its merchant's id.
static REFUNDS_BACKWARD: LazyLock<String> = LazyLock::new(|| {
    let columns = REFUNDS.selection();
    format!(
        "SELECT {columns}, payments.id, merchants.id FROM refunds CROSS JOIN payments ON payments.number = refunds.payment \
         CROSS JOIN merchants ON merchants.number = refunds.merchant WHERE refunds.number < ?1 ORDER BY refunds.number DESC"
    )
});

/// As [`REFUNDS_BACKWARD`].
static DISPUTES_BACKWARD: LazyLock<String> = LazyLock::new(|| {
    let columns = DISPUTES.selection();
    format!(
        "SELECT {columns}, payments.id, merchants.id FROM disputes CROSS JOIN payments ON payments.number = disputes.payment \
         CROSS JOIN merchants ON merchants.number = disputes.merchant WHERE disputes.number < ?1 ORDER BY disputes.number DESC"
    )
});

/// As [`DISPUTES_BACKWARD`].
static DISPUTES_OF_STATUS: LazyLock<String> = LazyLock::new(|| {
    let columns = DISPUTES.selection();
    format!(
        "SELECT {columns}, payments.id, merchants.id FROM disputes INDEXED BY disputes_by_status \
         CROSS JOIN payments ON payments.number = disputes.payment CROSS JOIN merchants ON merchants.number = disputes.merchant \
         WHERE disputes.status = ?2 AND disputes.number < ?1 ORDER BY disputes.number DESC"
    )
});

const DISPUTES_OPEN: &str = "SELECT number FROM disputes INDEXED BY disputes_by_status WHERE status = ?1 LIMIT ?2";

static BY_REFERENCE: LazyLock<String> = LazyLock::new(|| {
    let columns = PAYMENTS.selection();
    format!(
        "SELECT {columns} FROM payment_references CROSS JOIN payments ON payments.number = payment_references.payment \
         WHERE payment_references.prefix = ?4 AND payments.merchant = ?1 \
         AND payment_references.payment < ?2 AND payment_references.payment >= ?3 AND payments.reference = ?5 \
         ORDER BY payment_references.payment DESC"
    )
});

static REFUND_BY_ID: LazyLock<String> = LazyLock::new(|| {
    let columns = REFUNDS.selection();
    format!(
        "SELECT {columns}, payments.id FROM refund_ids CROSS JOIN refunds ON refunds.number = refund_ids.refund \
         CROSS JOIN payments ON payments.number = refunds.payment \
         WHERE refund_ids.prefix = ?1 AND refunds.id = ?2 AND refunds.merchant = ?3"
    )
});

static REFUNDS_BY_MERCHANT: LazyLock<String> = LazyLock::new(|| {
    let columns = REFUNDS.selection();
    format!(
        "SELECT {columns}, payments.id FROM refunds INDEXED BY refunds_by_merchant \
         CROSS JOIN payments ON payments.number = refunds.payment \
         WHERE refunds.merchant = ?1 AND refunds.number < ?2 ORDER BY refunds.number DESC"
    )
});

static REFUNDS_BY_PAYMENT: LazyLock<String> = LazyLock::new(|| {
    let columns = REFUNDS.selection();
    format!(
        "SELECT {columns}, payments.id FROM refunds INDEXED BY refunds_by_payment \
         CROSS JOIN payments ON payments.number = refunds.payment \
         WHERE refunds.payment = ?1 AND refunds.number < ?2 ORDER BY refunds.number DESC"
    )
});

static DISPUTE_BY_ID: LazyLock<String> = LazyLock::new(|| {
    let columns = DISPUTES.selection();
    format!(
        "SELECT {columns}, payments.id FROM dispute_ids CROSS JOIN disputes ON disputes.number = dispute_ids.dispute \
         CROSS JOIN payments ON payments.number = disputes.payment \
         WHERE dispute_ids.prefix = ?1 AND disputes.id = ?2 AND disputes.merchant = ?3"
    )
});

static DISPUTES_BY_MERCHANT: LazyLock<String> = LazyLock::new(|| {
    let columns = DISPUTES.selection();
    format!(
        "SELECT {columns}, payments.id FROM disputes INDEXED BY disputes_by_merchant \
         CROSS JOIN payments ON payments.number = disputes.payment \
         WHERE disputes.merchant = ?1 AND disputes.number < ?2 ORDER BY disputes.number DESC"
    )
});

static DISPUTES_BY_PAYMENT: LazyLock<String> = LazyLock::new(|| {
    let columns = DISPUTES.selection();
    format!(
        "SELECT {columns}, payments.id FROM disputes INDEXED BY disputes_by_payment \
         CROSS JOIN payments ON payments.number = disputes.payment \
         WHERE disputes.payment = ?1 AND disputes.number < ?2 ORDER BY disputes.number DESC"
    )
});

static CUSTOMERS_BY_MERCHANT: LazyLock<String> = LazyLock::new(|| {
    let columns = CUSTOMERS.selection();
    format!(
        "SELECT {columns} FROM customers INDEXED BY customers_by_merchant \
         WHERE customers.merchant = ?1 AND customers.number < ?2 ORDER BY customers.number DESC"
    )
});

static METHODS_BY_CUSTOMER: LazyLock<String> = LazyLock::new(|| {
    let columns = PAYMENT_METHODS.selection();
    format!(
        "SELECT {columns} FROM payment_methods INDEXED BY payment_methods_by_customer \
         WHERE payment_methods.customer = ?1 ORDER BY payment_methods.number DESC LIMIT ?2"
    )
});

static WEBHOOKS_BACKWARD: LazyLock<String> = LazyLock::new(|| {
    let columns = WEBHOOKS.selection();
    format!(
        "SELECT {columns}, payments.id, payments.merchant FROM webhooks LEFT JOIN payments ON payments.number = webhooks.payment \
         WHERE webhooks.seq < ?1 AND webhooks.seq >= ?2 ORDER BY webhooks.seq DESC"
    )
});

static WEBHOOKS_BY_EVENT_ID: LazyLock<String> = LazyLock::new(|| {
    let columns = WEBHOOKS.selection();
    format!(
        "SELECT {columns}, payments.id FROM webhook_ids CROSS JOIN webhooks ON webhooks.seq = webhook_ids.webhook \
         LEFT JOIN payments ON payments.number = webhooks.payment \
         WHERE webhook_ids.prefix = ?1 AND webhooks.event_id = ?2 ORDER BY webhook_ids.webhook LIMIT ?3"
    )
});

static LEGS_OF: LazyLock<String> = LazyLock::new(|| {
    let columns = LEGS.selection();
    format!("SELECT {columns} FROM legs WHERE payment = ?1 AND (seq, position) > (?2, ?3) ORDER BY seq, position LIMIT ?4")
});

const JOURNEY: &str = "SELECT events.seq, events.at, events.kind, events.payload, ?4 \
    FROM payment_events CROSS JOIN events ON events.seq = payment_events.seq \
    WHERE payment_events.payment = ?1 AND payment_events.seq > ?2 ORDER BY payment_events.seq LIMIT ?3";

const EVENTS_FORWARD: &str = "SELECT events.seq, events.at, events.kind, events.payload, payments.id \
    FROM events INDEXED BY events_by_merchant LEFT JOIN payments ON payments.number = events.payment \
    WHERE events.merchant = ?1 AND events.seq > ?2 ORDER BY events.seq";

const EVENTS_BACKWARD: &str = "SELECT events.seq, events.at, events.kind, events.payload, payments.id \
    FROM events INDEXED BY events_by_merchant LEFT JOIN payments ON payments.number = events.payment \
    WHERE events.merchant = ?1 AND events.seq < ?2 ORDER BY events.seq DESC";

const EVENT_BY_SEQ: &str = "SELECT events.seq, events.at, events.kind, events.payload, payments.id \
    FROM events LEFT JOIN payments ON payments.number = events.payment WHERE events.seq = ?1";

const AT_OF_EVENT: &str = "SELECT at FROM events WHERE seq = ?1";

impl Reader {
    /// Opens the file that a [`crate::Writer`] made.
    ///
    /// # Errors
    /// [`Error::NotReady`] when there is no file of this schema yet.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { pool: Arc::new(Pool::open(path)?) })
    }

    /// The last event that the rows contain; 0 when they contain none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn applied_seq(&self) -> Result<u64, Error> {
        let connection = self.pool.lease()?;
        applied_seq(&connection)
    }

    /// The payment, if this merchant owns it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn payment(&self, merchant: MerchantId, id: PaymentId) -> Result<Option<PaymentRow>, Error> {
        self.read(|connection| payment_of(connection, merchant, id))
    }

    /// Payments, newest first. A reference is one merchant's, so that all merchants together have none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn payments(&self, scope: impl Into<Scope>, filter: &PaymentFilter, page: &Page) -> Result<PageOf<PaymentRow>, Error> {
        match scope.into() {
            Scope::Merchant(merchant) => self.read(|connection| payments_of_merchant(connection, merchant, filter, page)),
            Scope::All => self.read(|connection| payments_of_all(connection, filter, page)),
        }
    }

    /// The refund, if this merchant owns it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn refund(&self, merchant: MerchantId, id: RefundId) -> Result<Option<RefundRow>, Error> {
        self.read(|connection| {
            let Some(number) = lookup::merchant_number(connection, merchant)? else {
                return Ok(None);
            };
            let raw = id.as_u128();
            let mut statement = connection.prepare_cached(&REFUND_BY_ID).doing("preparing a query")?;
            let mut rows = statement.query(params![prefix(raw), raw.to_be_bytes(), number]).doing("running a query")?;
            rows.next().doing("reading a row")?.map(|row| read_refund(row, merchant)).transpose()
        })
    }

    /// Refunds, newest first. Another merchant's payment has none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn refunds(&self, scope: impl Into<Scope>, filter: &RefundFilter, page: &Page) -> Result<PageOf<RefundRow>, Error> {
        let scope = scope.into();
        self.read(|connection| {
            let before = clamped(page.seq_before());
            let fits = |refund: &RefundRow| filter.status.is_none_or(|status| refund.status == status);
            let kind = CursorKind::Refunds;
            if let Some(payment) = filter.payment {
                return match payment_in(connection, scope, payment)? {
                    Some(payment) => {
                        let read = |row: &Row<'_>| Ok(Some(read_refund(row, payment.merchant)?).filter(fits));
                        scan(connection, &REFUNDS_BY_PAYMENT, &[&unsigned(payment.number), &before], page, kind, read)
                    }
                    None => empty(connection),
                };
            }
            let Scope::Merchant(merchant) = scope else {
                let read = |row: &Row<'_>| Ok(Some(search::read_refund(row)?).filter(fits));
                return scan(connection, &REFUNDS_BACKWARD, &[&before], page, kind, read);
            };
            let read = |row: &Row<'_>| Ok(Some(read_refund(row, merchant)?).filter(fits));
            match lookup::merchant_number(connection, merchant)? {
                Some(number) => scan(connection, &REFUNDS_BY_MERCHANT, &[&number, &before], page, kind, read),
                None => empty(connection),
            }
        })
    }

    /// What happened to a payment after event `after_seq`, oldest first, at most `limit` and [`PAGE_ROWS_MAX`] events;
    /// `None` when this merchant has no such payment.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn journey(&self, merchant: MerchantId, payment: PaymentId, after_seq: u64, limit: usize) -> Result<Option<Vec<EventRow>>, Error> {
        self.of_payment(merchant, payment, |connection, row| {
            let id = payment.as_u128().to_be_bytes();
            let parameters = params![unsigned(row.number), clamped(after_seq), rows_max(limit), id];
            lookup::all(connection, JOURNEY, parameters, "events", EventRow::read)
        })
    }

    /// Events about this merchant and its payments.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn events(&self, merchant: MerchantId, filter: &EventFilter, page: &Page) -> Result<PageOf<EventRow>, Error> {
        self.read(|connection| {
            let Some(number) = lookup::merchant_number(connection, merchant)? else {
                return empty(connection);
            };
            let read = |row: &Row<'_>| {
                let kind = Cells::starting_at("events", row, 2).coded::<EventKind>()?;
                if filter.kind.is_some_and(|wanted| wanted != kind) {
                    return Ok(None);
                }
                EventRow::read(&mut Cells::new("events", row)).map(Some)
            };
            let (sql, edge) = match filter.order {
                Order::OldestFirst => (EVENTS_FORWARD, clamped(page.after.map_or(0, |cursor| cursor.seq))),
                Order::NewestFirst => (EVENTS_BACKWARD, clamped(page.seq_before())),
            };
            scan(connection, sql, &[&number, &edge], page, CursorKind::Events, read)
        })
    }

    /// The event of that number, whoever it is about.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn event(&self, seq: u64) -> Result<Option<EventRow>, Error> {
        self.read(|connection| lookup::first(connection, EVENT_BY_SEQ, params![clamped(seq)], "events", EventRow::read))
    }

    /// The dispute, if this merchant's payment is disputed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn dispute(&self, merchant: MerchantId, id: DisputeId) -> Result<Option<DisputeRow>, Error> {
        self.read(|connection| {
            let Some(number) = lookup::merchant_number(connection, merchant)? else {
                return Ok(None);
            };
            let raw = id.as_u128();
            let mut statement = connection.prepare_cached(&DISPUTE_BY_ID).doing("preparing a query")?;
            let mut rows = statement.query(params![prefix(raw), raw.to_be_bytes(), number]).doing("running a query")?;
            rows.next().doing("reading a row")?.map(|row| read_dispute(row, merchant)).transpose()
        })
    }

    /// Disputes, newest first. Another merchant's payment has none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn disputes(&self, scope: impl Into<Scope>, filter: &DisputeFilter, page: &Page) -> Result<PageOf<DisputeRow>, Error> {
        let scope = scope.into();
        self.read(|connection| {
            let before = clamped(page.seq_before());
            let fits = |dispute: &DisputeRow| filter.status.is_none_or(|status| dispute.status == status);
            let kind = CursorKind::Disputes;
            if let Some(payment) = filter.payment {
                return match payment_in(connection, scope, payment)? {
                    Some(payment) => {
                        let read = |row: &Row<'_>| Ok(Some(read_dispute(row, payment.merchant)?).filter(fits));
                        scan(connection, &DISPUTES_BY_PAYMENT, &[&unsigned(payment.number), &before], page, kind, read)
                    }
                    None => empty(connection),
                };
            }
            let Scope::Merchant(merchant) = scope else {
                let read = |row: &Row<'_>| Ok(Some(search::read_dispute(row)?).filter(fits));
                return match filter.status {
                    Some(status) => scan(connection, &DISPUTES_OF_STATUS, &[&before, &status.code()], page, kind, read),
                    None => scan(connection, &DISPUTES_BACKWARD, &[&before], page, kind, read),
                };
            };
            let read = |row: &Row<'_>| Ok(Some(read_dispute(row, merchant)?).filter(fits));
            match lookup::merchant_number(connection, merchant)? {
                Some(number) => scan(connection, &DISPUTES_BY_MERCHANT, &[&number, &before], page, kind, read),
                None => empty(connection),
            }
        })
    }

    /// How many disputes of all merchants are open; no more than `count_max` and [`PAGE_ROWS_MAX`] are counted.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn disputes_open(&self, count_max: usize) -> Result<usize, Error> {
        self.read(|connection| {
            let parameters = params![DisputeStatus::Open.code(), rows_max(count_max)];
            lookup::all(connection, DISPUTES_OPEN, parameters, DISPUTES.name, |cells| cells.u64()).map(|found| found.len())
        })
    }

    /// The customer, if this merchant owns it; deleted ones included.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn customer(&self, merchant: MerchantId, id: CustomerId) -> Result<Option<CustomerRow>, Error> {
        self.read(|connection| {
            let Some(number) = lookup::merchant_number(connection, merchant)? else {
                return Ok(None);
            };
            let found = lookup::customer(connection, id, |_| Some(merchant))?;
            Ok(found.filter(|(owner, _)| *owner == number).map(|(_, row)| row))
        })
    }

    /// The merchant's customers, newest first; deleted ones are left out.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn customers(&self, merchant: MerchantId, page: &Page) -> Result<PageOf<CustomerRow>, Error> {
        self.read(|connection| {
            let Some(number) = lookup::merchant_number(connection, merchant)? else {
                return empty(connection);
            };
            let before = clamped(page.seq_before());
            let read = |row: &Row<'_>| {
                let (_, found) = CustomerRow::read(&mut Cells::new(CUSTOMERS.name, row), |_| Some(merchant))?;
                Ok(Some(found).filter(|customer| !customer.deleted))
            };
            scan(connection, &CUSTOMERS_BY_MERCHANT, &[&number, &before], page, CursorKind::Customers, read)
        })
    }

    /// The stored payment method, if this merchant owns it; failed and removed ones included.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn payment_method(&self, merchant: MerchantId, id: PaymentMethodId) -> Result<Option<PaymentMethodRow>, Error> {
        self.read(|connection| {
            let Some(number) = lookup::merchant_number(connection, merchant)? else {
                return Ok(None);
            };
            let found = lookup::method(connection, id, |_| Some(merchant))?;
            Ok(found.filter(|(owner, _)| *owner == number).map(|(_, row)| row))
        })
    }

    /// A customer's payment methods, newest first, failed and removed ones included, at most `limit` and
    /// [`PAGE_ROWS_MAX`]; `None` when this merchant has no such customer.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn payment_methods(
        &self,
        merchant: MerchantId,
        customer: CustomerId,
        limit: usize,
    ) -> Result<Option<Vec<PaymentMethodRow>>, Error> {
        self.read(|connection| {
            let number = lookup::merchant_number(connection, merchant)?;
            let owner = lookup::customer(connection, customer, |_| Some(merchant))?.map(|(owner, _)| owner);
            if number.is_none() || number != owner {
                return Ok(None);
            }
            let parameters = params![customer.as_u128().to_be_bytes(), rows_max(limit)];
            let read = |cells: &mut Cells<'_>| PaymentMethodRow::read(cells, |_| Some(merchant)).map(|(_, row)| row);
            lookup::all(connection, &METHODS_BY_CUSTOMER, parameters, PAYMENT_METHODS.name, read).map(Some)
        })
    }

    /// Messages of providers, newest first. They are of all merchants: for operators only.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn webhooks(&self, filter: &WebhookFilter, page: &Page) -> Result<PageOf<WebhookRow>, Error> {
        self.read(|connection| {
            let before = clamped(page.seq_before());
            let from = clamped(filter.received_from.map_or(Ok(0), |from| first_seq_at(connection, from))?);
            let owner = match filter.merchant {
                None => None,
                Some(merchant) => match lookup::merchant_number(connection, merchant)? {
                    Some(number) => Some(number),
                    None => return empty(connection),
                },
            };
            let read = |row: &Row<'_>| {
                let mut cells = Cells::new(WEBHOOKS.name, row);
                let webhook = WebhookRow::read(&mut cells)?;
                let found = cells.u64_optional()?;
                let is_owned = owner.is_none_or(|owner| found == Some(u64::from(owner)));
                Ok(Some(webhook).filter(|webhook| is_owned && filter.matches(webhook)))
            };
            scan(connection, &WEBHOOKS_BACKWARD, &[&before, &from], page, CursorKind::Webhooks, read)
        })
    }

    /// Every time that the message with this provider's id came in, oldest first, at most `limit` and [`PAGE_ROWS_MAX`];
    /// none when it never did. For operators only.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn webhooks_of(&self, event_id: &str, limit: usize) -> Result<Vec<WebhookRow>, Error> {
        self.read(|connection| {
            let parameters = params![provider_prefix(event_id), event_id, rows_max(limit)];
            lookup::all(connection, &WEBHOOKS_BY_EVENT_ID, parameters, WEBHOOKS.name, WebhookRow::read)
        })
    }

    /// A payment's attempts, oldest first; `None` when this merchant has no such payment.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn attempts(&self, merchant: MerchantId, payment: PaymentId) -> Result<Option<Vec<AttemptRow>>, Error> {
        self.of_payment(merchant, payment, |connection, row| lookup::attempts(connection, row.number))
    }

    /// A payment's separate captures, oldest first; `None` when this merchant has no such payment.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn captures(&self, merchant: MerchantId, payment: PaymentId) -> Result<Option<Vec<CaptureRow>>, Error> {
        self.of_payment(merchant, payment, |connection, row| lookup::captures(connection, row.number))
    }

    /// A payment's ledger lines after the one at `after` (event and position), in the order of booking, at most `limit`
    /// and [`PAGE_ROWS_MAX`]; `None` when this merchant has no such payment.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn legs(
        &self,
        merchant: MerchantId,
        payment: PaymentId,
        after: Option<(u64, u16)>,
        limit: usize,
    ) -> Result<Option<Vec<LegRow>>, Error> {
        self.of_payment(merchant, payment, |connection, row| {
            let (seq, position) = after.unwrap_or((0, 0));
            let parameters = params![unsigned(row.number), clamped(seq), position, rows_max(limit)];
            lookup::all(connection, &LEGS_OF, parameters, LEGS.name, LegRow::read)
        })
    }

    /// Runs queries on one state of the file.
    fn read<T>(&self, queries: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let connection = self.pool.lease()?;
        let transaction = connection.unchecked_transaction().doing("beginning to read")?;
        let found = queries(&transaction);
        transaction.finish().doing("ending to read")?;
        found
    }

    fn of_payment<T>(
        &self,
        merchant: MerchantId,
        payment: PaymentId,
        query: impl FnOnce(&Connection, &PaymentRow) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.read(|connection| payment_of(connection, merchant, payment)?.map(|row| query(connection, &row)).transpose())
    }
}

impl PaymentFilter {
    fn matches(&self, payment: &PaymentRow) -> bool {
        let Self {
            status,
            created_from,
            created_until,
            currency,
            reference,
            amount_minor_min,
            amount_minor_max,
            customer,
            decline_class,
            decline_code,
        } = self;
        let decline = payment.last_decline.as_ref();
        status.is_none_or(|status| payment.status == status)
            && created_from.is_none_or(|from| payment.created_at >= from)
            && created_until.is_none_or(|until| payment.created_at < until)
            && currency.is_none_or(|currency| payment.money.currency == currency)
            && reference.is_none_or(|reference| payment.reference == Some(reference))
            && amount_minor_min.is_none_or(|least| payment.money.amount_minor >= least)
            && amount_minor_max.is_none_or(|most| payment.money.amount_minor <= most)
            && customer.is_none_or(|customer| payment.on_file.is_some_and(|on_file| on_file.customer == customer))
            && decline_class.is_none_or(|class| decline.is_some_and(|decline| decline.class == class))
            && decline_code.as_ref().is_none_or(|code| decline.is_some_and(|decline| decline.code == *code))
    }
}

impl WebhookFilter {
    fn matches(&self, webhook: &WebhookRow) -> bool {
        // Whose payment it is about stands beside the row.
        let Self { source, found, event_type, received_from, merchant: _ } = self;
        source.is_none_or(|source| webhook.source == source)
            && found.is_none_or(|found| webhook.found == found)
            && event_type.as_ref().is_none_or(|event_type| webhook.event_type == *event_type)
            && received_from.is_none_or(|from| webhook.at >= from)
    }
}

impl Page {
    /// The sequence number that rows of a list that goes back must be below.
    fn seq_before(&self) -> u64 {
        self.after.map_or(u64::MAX, |cursor| cursor.seq)
    }
}

/// Takes the rows that `read` lets through, until the page is full or enough was looked at. The first column is the
/// sequence number that the list is sorted by.
fn scan<T>(
    connection: &Connection,
    sql: &str,
    parameters: &[&dyn ToSql],
    page: &Page,
    kind: CursorKind,
    mut read: impl FnMut(&Row<'_>) -> Result<Option<T>, Error>,
) -> Result<PageOf<T>, Error> {
    let limit = page.limit.clamp(1, PAGE_ROWS_MAX);
    let mut statement = connection.prepare_cached(sql).doing("preparing a query")?;
    let mut rows = statement.query(parameters).doing("running a query")?;
    let mut items = Vec::new();
    let mut last_seq = None;
    let mut next = None;
    for looked_at in 0.. {
        let Some(row) = rows.next().doing("reading a row")? else {
            break;
        };
        if looked_at == SCAN_ROWS_MAX || items.len() == limit {
            next = last_seq.map(|seq| Cursor { kind, seq });
            break;
        }
        last_seq = Some(Cells::new("list", row).u64()?);
        items.extend(read(row)?);
    }
    Ok(PageOf { items, next, applied_seq: applied_seq(connection)? })
}

fn empty<T>(connection: &Connection) -> Result<PageOf<T>, Error> {
    Ok(PageOf { items: Vec::new(), next: None, applied_seq: applied_seq(connection)? })
}

fn applied_seq(connection: &Connection) -> Result<u64, Error> {
    let found = lookup::first(connection, "SELECT applied_seq FROM meta WHERE singleton = 0", [], "meta", |cells| cells.u64())?;
    found.ok_or(Error::Damaged { table: "meta", column: 0 })
}

fn payment_of(connection: &Connection, merchant: MerchantId, id: PaymentId) -> Result<Option<PaymentRow>, Error> {
    let Some(number) = lookup::merchant_number(connection, merchant)? else {
        return Ok(None);
    };
    // Another merchant's row is read under this one's id and dropped before anybody sees it.
    let found = lookup::payment(connection, id, |_| Some(merchant))?;
    Ok(found.filter(|(owner, _)| *owner == number).map(|(_, row)| row))
}

fn payments_of_merchant(
    connection: &Connection,
    merchant: MerchantId,
    filter: &PaymentFilter,
    page: &Page,
) -> Result<PageOf<PaymentRow>, Error> {
    let Some(number) = lookup::merchant_number(connection, merchant)? else {
        return empty(connection);
    };
    let (before, from) = created_between(connection, filter, page)?;
    let read = |row: &Row<'_>| {
        let found = PaymentRow::read(&mut Cells::new(PAYMENTS.name, row), |found| (found == number).then_some(merchant))?;
        Ok(Some(found.1).filter(|payment| filter.matches(payment)))
    };
    let scan_by = |sql: &str, key: &dyn ToSql| scan(connection, sql, &[&number, &before, &from, key], page, CursorKind::Payments, read);
    // The narrowest first; what a statement does not ask for, `matches` does.
    if let Some(reference) = filter.reference {
        let key = prefix(u128::from_be_bytes(reference));
        return scan(connection, &BY_REFERENCE, &[&number, &before, &from, &key, &reference], page, CursorKind::Payments, read);
    }
    match (filter.customer, &filter.decline_code, filter.status) {
        (Some(customer), _, _) => scan_by(&BY_CUSTOMER, &customer.as_u128().to_be_bytes()),
        (None, Some(code), _) => scan_by(&BY_DECLINE, code),
        (None, None, Some(status)) => scan_by(&BY_STATUS, &status.code()),
        (None, None, None) => scan(connection, &BY_MERCHANT, &[&number, &before, &from], page, CursorKind::Payments, read),
    }
}

fn payments_of_all(connection: &Connection, filter: &PaymentFilter, page: &Page) -> Result<PageOf<PaymentRow>, Error> {
    if filter.reference.is_some() {
        return empty(connection);
    }
    let (before, from) = created_between(connection, filter, page)?;
    let read = |row: &Row<'_>| Ok(Some(search::read_payment(row)?).filter(|payment| filter.matches(payment)));
    match filter.customer {
        Some(customer) => {
            let parameters: [&dyn ToSql; 3] = [&before, &from, &customer.as_u128().to_be_bytes()];
            scan(connection, &PAYMENTS_OF_CUSTOMER, &parameters, page, CursorKind::Payments, read)
        }
        None => scan(connection, &PAYMENTS_BACKWARD, &[&before, &from], page, CursorKind::Payments, read),
    }
}

/// Between which events the payments of a page were created: before the first, from the second on.
fn created_between(connection: &Connection, filter: &PaymentFilter, page: &Page) -> Result<(i64, i64), Error> {
    let before = created_before(connection, filter.created_until)?.min(page.seq_before());
    let from = filter.created_from.map_or(Ok(0), |from| first_seq_at(connection, from))?;
    Ok((clamped(before), clamped(from)))
}

fn payment_in(connection: &Connection, scope: Scope, id: PaymentId) -> Result<Option<PaymentRow>, Error> {
    match scope {
        Scope::Merchant(merchant) => payment_of(connection, merchant, id),
        Scope::All => search::payment_by_id(connection, id),
    }
}

fn read_refund(row: &Row<'_>, merchant: MerchantId) -> Result<RefundRow, Error> {
    let payment_column = row.as_ref().column_count().saturating_sub(1);
    let payment = PaymentId::from_u128(Cells::starting_at(REFUNDS.name, row, payment_column).id()?);
    RefundRow::read(&mut Cells::new(REFUNDS.name, row), merchant, payment)
}

fn read_dispute(row: &Row<'_>, merchant: MerchantId) -> Result<DisputeRow, Error> {
    let payment_column = row.as_ref().column_count().saturating_sub(1);
    let payment = PaymentId::from_u128(Cells::starting_at(DISPUTES.name, row, payment_column).id()?);
    DisputeRow::read(&mut Cells::new(DISPUTES.name, row), merchant, payment)
}

fn created_before(connection: &Connection, until: Option<Timestamp>) -> Result<u64, Error> {
    until.map_or(Ok(u64::MAX), |until| first_seq_at(connection, until))
}

/// The first event at `at` or later, or the one to come. Times never go back along the journal, so halving finds it.
fn first_seq_at(connection: &Connection, at: Timestamp) -> Result<u64, Error> {
    let mut low = 1;
    let mut high = applied_seq(connection)? + 1;
    while low < high {
        let middle = low + (high - low) / 2;
        let found = lookup::first(connection, AT_OF_EVENT, params![clamped(middle)], "events", |cells| cells.time())?;
        match found {
            Some(found) if found < at => low = middle + 1,
            Some(_) => high = middle,
            None => return Err(Error::Damaged { table: "events", column: 0 }),
        }
    }
    Ok(low)
}

/// A sequence number as SQL knows it; those that it cannot hold are beyond every row.
fn clamped(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

fn rows_max(limit: usize) -> i64 {
    i64::try_from(limit.clamp(1, PAGE_ROWS_MAX)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
