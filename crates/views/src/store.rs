//! Writing one batch: each table once, in the order of its keys, each changed row once.

use crate::cells::{Wide, amount, prefix, provider_prefix, time, unsigned};
use crate::codes::Coded;
use crate::error::{Doing, Error};
use crate::project::{CustomerDraft, Draft, MethodDraft};
use crate::rows::NewWebhook;
use crate::schema::{
    ATTEMPTS, CAPTURES, CUSTOMER_IDS, CUSTOMERS, DISPUTE_IDS, DISPUTES, EVENTS, LEGS, MERCHANTS, META, PAYMENT_EVENTS, PAYMENT_IDS,
    PAYMENT_METHOD_IDS, PAYMENT_METHODS, PAYMENT_REFERENCES, PAYMENTS, PROVIDER_IDS, REFUND_IDS, REFUNDS, Table, WEBHOOK_IDS, WEBHOOKS,
};
use base::{MerchantId, Timestamp};
use engine::{Entry, EventKind};
use rusqlite::{CachedStatement, Connection, params};

/// What a batch adds beside payments.
#[derive(Default)]
pub(crate) struct Additions<'a> {
    /// New merchants.
    pub(crate) merchants: Vec<NewMerchant<'a>>,
    /// Events in order.
    pub(crate) events: Vec<NewEvent<'a>>,
    /// Messages of providers, in order.
    pub(crate) webhooks: Vec<NewWebhook<'a>>,
    /// What providers call objects: the hash of the name, and the event that created the object.
    pub(crate) provider_ids: Vec<(i64, u64)>,
}

/// A row of `merchants`.
pub(crate) struct NewMerchant<'a> {
    pub(crate) number: u32,
    pub(crate) merchant: MerchantId,
    pub(crate) handle: &'a str,
    pub(crate) seq: u64,
}

/// A row of `events`, with what its ledger lines need.
pub(crate) struct NewEvent<'a> {
    pub(crate) seq: u64,
    pub(crate) kind: EventKind,
    /// The merchant's number.
    pub(crate) merchant: Option<u32>,
    /// The payment's number.
    pub(crate) payment: Option<u64>,
    pub(crate) entry: &'a Entry,
    pub(crate) payload: &'a [u8],
}

/// Statements of a table whose rows are changed in place, made once.
struct Sql {
    insertion: String,
    change: String,
}

impl Sql {
    fn new(table: &Table) -> Self {
        Self { insertion: table.insertion(), change: table.change() }
    }
}

/// The statements of every table.
pub(crate) struct Store {
    merchants: String,
    events: String,
    payment_events: String,
    legs: String,
    payment_ids: String,
    payment_references: String,
    refund_ids: String,
    dispute_ids: String,
    webhooks: String,
    webhook_ids: String,
    provider_ids: String,
    payments: Sql,
    refunds: Sql,
    attempts: String,
    captures: String,
    disputes: Sql,
    customers: Sql,
    customer_ids: String,
    methods: Sql,
    method_ids: String,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            merchants: MERCHANTS.insertion(),
            events: EVENTS.insertion(),
            payment_events: PAYMENT_EVENTS.insertion(),
            legs: LEGS.insertion(),
            payment_ids: PAYMENT_IDS.insertion(),
            payment_references: PAYMENT_REFERENCES.insertion(),
            refund_ids: REFUND_IDS.insertion(),
            dispute_ids: DISPUTE_IDS.insertion(),
            webhooks: WEBHOOKS.insertion(),
            webhook_ids: WEBHOOK_IDS.insertion(),
            provider_ids: PROVIDER_IDS.addition(),
            payments: Sql::new(&PAYMENTS),
            refunds: Sql::new(&REFUNDS),
            attempts: ATTEMPTS.replacement(),
            captures: CAPTURES.replacement(),
            disputes: Sql::new(&DISPUTES),
            customers: Sql::new(&CUSTOMERS),
            customer_ids: CUSTOMER_IDS.insertion(),
            methods: Sql::new(&PAYMENT_METHODS),
            method_ids: PAYMENT_METHOD_IDS.insertion(),
        }
    }

    /// Writes what a batch came to. `changed` are the payments that it touched, `before_seq` is the last event before
    /// it: whatever was created or changed later is written.
    pub(crate) fn write(
        &self,
        connection: &Connection,
        additions: &Additions<'_>,
        mut changed: Vec<&Draft>,
        before_seq: u64,
    ) -> Result<(), Error> {
        changed.sort_unstable_by_key(|draft| draft.row.number);
        self.write_merchants(connection, &additions.merchants)?;
        self.write_events(connection, &additions.events)?;
        self.write_payments(connection, &changed, before_seq)?;
        self.write_names(connection, &changed, before_seq)?;
        self.write_parts(connection, &changed, before_seq)?;
        self.write_refunds(connection, &changed, before_seq)?;
        self.write_disputes(connection, &changed, before_seq)?;
        self.write_webhooks(connection, &additions.webhooks)?;
        // One object is told of more than once, so a name may be there already.
        write_pairs(connection, &self.provider_ids, additions.provider_ids.clone())
    }

    /// Writes the customers and stored payment methods that a batch touched, each in the order of their numbers.
    pub(crate) fn write_customers<'a>(
        &self,
        connection: &Connection,
        customers: impl Iterator<Item = &'a CustomerDraft>,
        methods: impl Iterator<Item = &'a MethodDraft>,
        before_seq: u64,
    ) -> Result<(), Error> {
        let mut customers: Vec<_> = customers.collect();
        customers.sort_unstable_by_key(|draft| draft.row.number);
        let mut methods: Vec<_> = methods.collect();
        methods.sort_unstable_by_key(|draft| draft.row.number);
        for draft in &customers {
            let is_new = draft.row.number > before_seq;
            let sql = if is_new { &self.customers.insertion } else { &self.customers.change };
            draft.row.write(&mut prepared(connection, sql)?, draft.merchant_number)?;
        }
        for draft in &methods {
            let is_new = draft.row.number > before_seq;
            let sql = if is_new { &self.methods.insertion } else { &self.methods.change };
            draft.row.write(&mut prepared(connection, sql)?, draft.merchant_number)?;
        }
        let created = |number: u64, id: u128| (number > before_seq).then_some((prefix(id), number));
        let customer_ids = customers.iter().filter_map(|draft| created(draft.row.number, draft.row.id.as_u128())).collect();
        let method_ids = methods.iter().filter_map(|draft| created(draft.row.number, draft.row.id.as_u128())).collect();
        write_pairs(connection, &self.customer_ids, customer_ids)?;
        write_pairs(connection, &self.method_ids, method_ids)
    }

    fn write_merchants(&self, connection: &Connection, merchants: &[NewMerchant<'_>]) -> Result<(), Error> {
        for new in merchants {
            prepared(connection, &self.merchants)?
                .execute(params![new.number, new.merchant.as_u128().to_be_bytes(), new.handle, unsigned(new.seq)])
                .doing("writing a merchant")?;
        }
        Ok(())
    }

    fn write_events(&self, connection: &Connection, events: &[NewEvent<'_>]) -> Result<(), Error> {
        let mut statement = prepared(connection, &self.events)?;
        for new in events {
            statement
                .execute(params![
                    unsigned(new.seq),
                    time(new.entry.at),
                    new.kind.code(),
                    new.merchant,
                    new.payment.map(unsigned),
                    new.payload
                ])
                .doing("writing an event")?;
        }
        let mut by_payment: Vec<(u64, &NewEvent<'_>)> = events.iter().filter_map(|new| new.payment.map(|payment| (payment, new))).collect();
        by_payment.sort_unstable_by_key(|(payment, new)| (*payment, new.seq));
        let mut statement = prepared(connection, &self.payment_events)?;
        for (payment, new) in &by_payment {
            statement.execute(params![unsigned(*payment), unsigned(new.seq)]).doing("writing an event of a payment")?;
        }
        let mut statement = prepared(connection, &self.legs)?;
        for (payment, new) in by_payment {
            for (position, leg) in new.entry.legs.iter().enumerate() {
                statement
                    .execute(params![
                        unsigned(payment),
                        unsigned(new.seq),
                        u16::try_from(position).map_err(|_| Error::Unfit { seq: new.seq, what: "too many ledger lines" })?,
                        Wide::new(leg.id),
                        Wide::new(leg.debit_account_id),
                        Wide::new(leg.credit_account_id),
                        amount(leg.amount),
                        Wide::new(leg.pending_id),
                        leg.ledger,
                        leg.code,
                        leg.flags.bits(),
                        unsigned(leg.timestamp),
                    ])
                    .doing("writing a ledger line")?;
            }
        }
        Ok(())
    }

    fn write_payments(&self, connection: &Connection, changed: &[&Draft], before_seq: u64) -> Result<(), Error> {
        let mut insertion = prepared(connection, &self.payments.insertion)?;
        let mut change = prepared(connection, &self.payments.change)?;
        for draft in changed {
            let statement = if draft.row.number > before_seq { &mut insertion } else { &mut change };
            draft.row.write(statement, draft.merchant_number)?;
        }
        Ok(())
    }

    /// The indexes of ids and references, in the order of their keys.
    fn write_names(&self, connection: &Connection, changed: &[&Draft], before_seq: u64) -> Result<(), Error> {
        let created = || changed.iter().map(|draft| &draft.row).filter(|row| row.number > before_seq);
        let ids = created().map(|row| (prefix(row.id.as_u128()), row.number)).collect();
        let references = created().filter_map(|row| row.reference.map(|hash| (prefix(u128::from_be_bytes(hash)), row.number))).collect();
        let refunds = changed.iter().flat_map(|draft| &draft.refunds).filter(|refund| refund.number > before_seq);
        let refunds = refunds.map(|refund| (prefix(refund.id.as_u128()), refund.number)).collect();
        let disputes = changed.iter().flat_map(|draft| &draft.disputes).filter(|dispute| dispute.number > before_seq);
        let disputes = disputes.map(|dispute| (prefix(dispute.id.as_u128()), dispute.number)).collect();
        write_pairs(connection, &self.payment_ids, ids)?;
        write_pairs(connection, &self.payment_references, references)?;
        write_pairs(connection, &self.refund_ids, refunds)?;
        write_pairs(connection, &self.dispute_ids, disputes)
    }

    fn write_parts(&self, connection: &Connection, changed: &[&Draft], before_seq: u64) -> Result<(), Error> {
        let mut attempts = prepared(connection, &self.attempts)?;
        let mut captures = prepared(connection, &self.captures)?;
        for draft in changed {
            let payment = draft.row.number;
            for attempt in draft.attempts.iter().filter(|attempt| attempt.changed_seq > before_seq) {
                attempt.write(&mut attempts, payment)?;
            }
            for capture in draft.captures.iter().filter(|capture| capture.changed_seq > before_seq) {
                capture.write(&mut captures, payment)?;
            }
        }
        Ok(())
    }

    fn write_refunds(&self, connection: &Connection, changed: &[&Draft], before_seq: u64) -> Result<(), Error> {
        let mut touched: Vec<_> = changed
            .iter()
            .flat_map(|draft| draft.refunds.iter().map(move |refund| (*draft, refund)))
            .filter(|(_, refund)| refund.changed_seq > before_seq)
            .collect();
        touched.sort_unstable_by_key(|(_, refund)| refund.number);
        let mut insertion = prepared(connection, &self.refunds.insertion)?;
        let mut change = prepared(connection, &self.refunds.change)?;
        for (draft, refund) in touched {
            let statement = if refund.number > before_seq { &mut insertion } else { &mut change };
            refund.write(statement, draft.row.number, draft.merchant_number)?;
        }
        Ok(())
    }

    fn write_disputes(&self, connection: &Connection, changed: &[&Draft], before_seq: u64) -> Result<(), Error> {
        let mut touched: Vec<_> = changed
            .iter()
            .flat_map(|draft| draft.disputes.iter().map(move |dispute| (*draft, dispute)))
            .filter(|(_, dispute)| dispute.changed_seq > before_seq)
            .collect();
        touched.sort_unstable_by_key(|(_, dispute)| dispute.number);
        let mut insertion = prepared(connection, &self.disputes.insertion)?;
        let mut change = prepared(connection, &self.disputes.change)?;
        for (draft, dispute) in touched {
            let statement = if dispute.number > before_seq { &mut insertion } else { &mut change };
            dispute.write(statement, draft.row.number, draft.merchant_number)?;
        }
        Ok(())
    }

    fn write_webhooks(&self, connection: &Connection, webhooks: &[NewWebhook<'_>]) -> Result<(), Error> {
        let mut statement = prepared(connection, &self.webhooks)?;
        for webhook in webhooks {
            webhook.write(&mut statement)?;
        }
        let ids = webhooks.iter().map(|webhook| (provider_prefix(webhook.event_id), webhook.seq)).collect();
        write_pairs(connection, &self.webhook_ids, ids)
    }
}

fn prepared<'a>(connection: &'a Connection, sql: &str) -> Result<CachedStatement<'a>, Error> {
    connection.prepare_cached(sql).doing("preparing a statement")
}

fn write_pairs(connection: &Connection, sql: &str, mut pairs: Vec<(i64, u64)>) -> Result<(), Error> {
    pairs.sort_unstable();
    let mut statement = prepared(connection, sql)?;
    for (key, number) in pairs {
        statement.execute(params![key, unsigned(number)]).doing("writing an index")?;
    }
    Ok(())
}

/// Moves the mark up to which the file is complete.
pub(crate) fn move_mark(connection: &Connection, applied_seq: u64, at: Timestamp) -> Result<(), Error> {
    prepared(connection, &META.change())?.execute(params![0, unsigned(applied_seq), time(at)]).doing("moving the mark")?;
    Ok(())
}
