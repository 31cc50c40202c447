//! From events to rows: one transaction for each batch.
//!
//! A payment that several events of a batch touch is loaded once and written once. Payments that were touched lately
//! stay in memory, because the next event about them is usually near.

use crate::cells::provider_prefix;
use crate::error::{Doing, Error, RebuildReason};
use crate::project::{CustomerDraft, Draft, MethodDraft};
use crate::rows::NewWebhook;
use crate::store::{Additions, NewEvent, NewMerchant, Store, move_mark};
use crate::{file, lookup};
use base::{CustomerId, MerchantId, PaymentId, PaymentMethodId, Timestamp};
use engine::{Entry, Event, KeyOwner};
use events::Recorded;
use rusqlite::{Connection, TransactionBehavior};
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::path::{Path, PathBuf};

/// Payments of one generation that stay in memory; there are two generations.
const DRAFTS_MAX: usize = 8_192;

/// Keeps the read models up to date. There is one at a time.
pub struct Writer {
    path: PathBuf,
    connection: Connection,
    store: Store,
    mark: Mark,
    merchants: Merchants,
    drafts: Drafts,
    rebuilt: Option<RebuildReason>,
}

impl core::fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Writer").field("path", &self.path).field("applied_seq", &self.mark.seq).finish_non_exhaustive()
    }
}

/// The last event that was applied.
#[derive(Clone, Copy, Debug)]
struct Mark {
    seq: u64,
    at: Timestamp,
}

impl Writer {
    /// Opens the file, or makes an empty one when there is none or it is damaged or of another schema:
    /// [`Writer::rebuilt`] then says why, and every event has to be applied again from the first.
    ///
    /// # Errors
    /// When the folder cannot be written or another process holds the file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (connection, rebuilt) = file::open(path)?;
        Self::with(path.to_owned(), connection, rebuilt)
    }

    /// Throws every row away and starts with an empty file: for a file that turned out damaged, or that is ahead of a
    /// journal restored from a backup. Readers have to be opened again.
    ///
    /// # Errors
    /// When the file cannot be removed or made.
    pub fn discard(self) -> Result<Self, Error> {
        let Self { path, connection, .. } = self;
        drop(connection);
        let connection = file::create_anew(&path)?;
        Self::with(path, connection, Some(RebuildReason::Discarded))
    }

    /// Ends writing: everything that was applied is in the one file and durable, and no log is beside it, so that it can be put
    /// in another one's place with [`crate::install`].
    ///
    /// # Errors
    /// When the log cannot be written into the file; what was applied is there then all the same.
    pub fn finish(self) -> Result<(), Error> {
        let Self { path, connection, .. } = self;
        file::finish(&path, connection)
    }

    fn with(path: PathBuf, connection: Connection, rebuilt: Option<RebuildReason>) -> Result<Self, Error> {
        let mark = Mark::load(&connection)?;
        let merchants = Merchants::load(&connection)?;
        Ok(Self { path, connection, store: Store::new(), mark, merchants, drafts: Drafts::default(), rebuilt })
    }

    /// Why the file was made anew when it was opened; `None` when it was not.
    pub const fn rebuilt(&self) -> Option<&RebuildReason> {
        self.rebuilt.as_ref()
    }

    /// The last event that the rows contain; 0 when they contain none.
    pub const fn applied_seq(&self) -> u64 {
        self.mark.seq
    }

    /// Applies events in one transaction and returns the new [`Writer::applied_seq`]. Events that were applied before
    /// are skipped, so a batch may be given again.
    ///
    /// A few thousand events at a time are several times cheaper each than a few: indexes are sorted inside a batch, and
    /// a payment is written once for all its events in it. Memory grows with the batch.
    ///
    /// # Errors
    /// When events are missing or do not fit, or the file cannot be written; then nothing of the batch was applied, and
    /// [`Error::is_damage`] says whether only [`Writer::discard`] helps.
    pub fn apply(&mut self, batch: &[Recorded]) -> Result<u64, Error> {
        let known = batch.iter().take_while(|recorded| recorded.seq <= self.mark.seq).count();
        let fresh = &batch[known..];
        let Some(after) = self.mark.checked_over(fresh)? else {
            return Ok(self.mark.seq);
        };
        if let Err(error) = self.apply_fresh(fresh, after) {
            self.drafts = Drafts::default();
            self.merchants = Merchants::load(&self.connection)?;
            return Err(error);
        }
        self.mark = after;
        self.drafts.age();
        Ok(self.mark.seq)
    }

    fn apply_fresh(&mut self, fresh: &[Recorded], after: Mark) -> Result<(), Error> {
        let Self { connection, store, mark, merchants, drafts, .. } = self;
        let before_seq = mark.seq;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).doing("beginning a batch")?;
        if Mark::load(&transaction)?.seq != before_seq {
            return Err(Error::AnotherWriter { applied_seq: before_seq });
        }
        let (touched, additions, customers) = (Vec::new(), Additions::default(), Customers::default());
        let mut batch = Batch { connection: &transaction, before_seq, merchants, drafts, touched, customers, additions };
        for recorded in fresh {
            batch.take(recorded)?;
        }
        let Batch { drafts, touched, customers, additions, .. } = batch;
        let changed = touched.iter().filter_map(|payment| drafts.young.get(payment)).collect();
        store.write(&transaction, &additions, changed, before_seq)?;
        store.write_customers(&transaction, customers.customers.values(), customers.methods.values(), before_seq)?;
        move_mark(&transaction, after.seq, after.at)?;
        transaction.commit().doing("committing a batch")
    }
}

impl Mark {
    fn load(connection: &Connection) -> Result<Self, Error> {
        let sql = "SELECT applied_seq, applied_at FROM meta WHERE singleton = 0";
        let found = lookup::first(connection, sql, [], "meta", |cells| Ok(Self { seq: cells.u64()?, at: cells.time()? }))?;
        found.ok_or(Error::Damaged { table: "meta", column: 0 })
    }

    /// The mark after these events, if there are any: each must follow the one before it.
    fn checked_over(self, fresh: &[Recorded]) -> Result<Option<Self>, Error> {
        let mut mark = self;
        for recorded in fresh {
            let (found_seq, expected_seq) = (recorded.seq, mark.seq + 1);
            if found_seq != expected_seq {
                return Err(Error::Gap { expected_seq, found_seq });
            }
            if i64::try_from(found_seq).is_err() {
                return Err(Error::Unfit { seq: found_seq, what: "the sequence number has more than 63 bits" });
            }
            if recorded.entry.at < mark.at {
                return Err(Error::TimeWentBack { seq: found_seq });
            }
            mark = Self { seq: found_seq, at: recorded.entry.at };
        }
        Ok((!fresh.is_empty()).then_some(mark))
    }
}

/// A batch while its events are taken in.
struct Batch<'a, 'b> {
    connection: &'a Connection,
    before_seq: u64,
    merchants: &'a mut Merchants,
    drafts: &'a mut Drafts,
    /// Payments of this batch, each once.
    touched: Vec<PaymentId>,
    /// Customers and stored payment methods of this batch. They are few beside payments: none stays in memory.
    customers: Customers,
    additions: Additions<'b>,
}

/// Rows that a batch touches.
#[derive(Default)]
struct Customers {
    customers: HashMap<CustomerId, CustomerDraft>,
    methods: HashMap<PaymentMethodId, MethodDraft>,
}

impl<'b> Batch<'_, 'b> {
    fn take(&mut self, recorded: &'b Recorded) -> Result<(), Error> {
        let (seq, entry) = (recorded.seq, &recorded.entry);
        let (merchant, payment) = match entry.event.payment() {
            Some(payment) => {
                let (merchant, payment) = self.take_payment(seq, entry, payment)?;
                (Some(merchant), Some(payment))
            }
            None => match self.take_customer(seq, entry)? {
                Some(merchant) => (Some(merchant), None),
                None => (self.take_platform(seq, &entry.event)?, None),
            },
        };
        if let Event::WebhookReceived { provider, event_id, event_type, source, found, .. } = &entry.event {
            let (provider, source, found, at) = (*provider, *source, *found, entry.at);
            self.additions.webhooks.push(NewWebhook { seq, provider, event_id, event_type, source, found, payment, at });
        }
        let kind = entry.event.kind();
        self.additions.events.push(NewEvent { seq, kind, merchant, payment, entry, payload: &recorded.payload });
        Ok(())
    }

    /// Applies an event about a payment and returns the numbers of merchant and payment.
    fn take_payment(&mut self, seq: u64, entry: &Entry, payment: PaymentId) -> Result<(u32, u64), Error> {
        let known = self.drafts.load(self.connection, payment, self.merchants)?;
        let draft = match (known, &entry.event) {
            (None, Event::PaymentCreated(created)) => {
                let number = self.merchants.number(created.merchant).ok_or(Error::MerchantUnknown { seq, merchant: created.merchant })?;
                self.touched.push(payment);
                self.drafts.young.entry(payment).or_insert(Draft::created(seq, entry.at, created, number))
            }
            (None, _) => return Err(Error::Unfit { seq, what: "an event names a payment that was never created" }),
            (Some(()), _) => {
                let draft = self.drafts.young.get_mut(&payment).ok_or(Error::Unfit { seq, what: "a payment was not loaded" })?;
                if draft.row.changed_seq <= self.before_seq {
                    self.touched.push(payment);
                }
                draft.apply(seq, entry)?;
                draft
            }
        };
        if let Some((name, number)) = draft.named(&entry.event) {
            self.additions.provider_ids.push((provider_prefix(name), number));
        }
        Ok((draft.merchant_number, draft.row.number))
    }

    /// Applies an event about a customer or a stored payment method and returns the number of the merchant; `None` for
    /// events about neither.
    fn take_customer(&mut self, seq: u64, entry: &Entry) -> Result<Option<u32>, Error> {
        let twice = |what| Error::Unfit { seq, what };
        match &entry.event {
            Event::CustomerCreated { customer, merchant, .. } => {
                let number = self.merchants.number(*merchant).ok_or(Error::MerchantUnknown { seq, merchant: *merchant })?;
                let draft = CustomerDraft::created(seq, entry, number).ok_or(twice("not a new customer"))?;
                if self.customers.customer(self.connection, self.merchants, *customer)?.is_some() {
                    return Err(twice("a customer is created twice"));
                }
                self.customers.customers.insert(*customer, draft);
                Ok(Some(number))
            }
            event @ (Event::CustomerStored { customer, .. }
            | Event::CustomerStoreFailed { customer, .. }
            | Event::CustomerDeleted { customer }) => {
                let draft = self.customers.customer(self.connection, self.merchants, *customer)?;
                let draft = draft.ok_or(twice("an event names a customer that was never created"))?;
                draft.apply(seq, entry.at, event)?;
                Ok(Some(draft.merchant_number))
            }
            Event::MethodStarted { method, customer, .. } => {
                let owner = self.customers.customer(self.connection, self.merchants, *customer)?;
                let owner = owner.ok_or(twice("a payment method is stored with a customer that was never created"))?;
                let (merchant, number) = (owner.row.merchant, owner.merchant_number);
                if self.customers.method(self.connection, self.merchants, *method)?.is_some() {
                    return Err(twice("a payment method is stored twice"));
                }
                let draft = MethodDraft::started(seq, entry, merchant, number).ok_or(twice("not a new payment method"))?;
                self.customers.methods.insert(*method, draft);
                Ok(Some(number))
            }
            event => {
                let Some(method) = event.method() else {
                    return Ok(None);
                };
                let draft = self.customers.method(self.connection, self.merchants, method)?;
                let draft = draft.ok_or(twice("an event names a payment method that was never stored"))?;
                draft.apply(seq, entry.at, event)?;
                if let Event::MethodStored { provider_id, .. } = event {
                    self.additions.provider_ids.push((provider_prefix(provider_id), draft.row.number));
                }
                Ok(Some(draft.merchant_number))
            }
        }
    }

    /// Notes an event about no payment and returns the number of the merchant that it is about.
    fn take_platform(&mut self, seq: u64, event: &'b Event) -> Result<Option<u32>, Error> {
        let merchant = match event {
            Event::MerchantCreated { merchant, number, handle } => {
                if !self.merchants.insert(*merchant, *number) {
                    return Err(Error::Unfit { seq, what: "a merchant is admitted twice" });
                }
                self.additions.merchants.push(NewMerchant { number: *number, merchant: *merchant, handle, seq });
                *merchant
            }
            Event::AccountsOpened { merchant, .. } | Event::ApiKeyCreated { owner: KeyOwner::Merchant(merchant), .. } => *merchant,
            _ => return Ok(None),
        };
        self.merchants.number(merchant).map(Some).ok_or(Error::MerchantUnknown { seq, merchant })
    }
}

impl Customers {
    /// The customer as of the last event; `None` when there is none.
    fn customer(&mut self, connection: &Connection, merchants: &Merchants, id: CustomerId) -> Result<Option<&mut CustomerDraft>, Error> {
        match self.customers.entry(id) {
            Slot::Occupied(found) => Ok(Some(found.into_mut())),
            Slot::Vacant(slot) => {
                let found = lookup::customer(connection, id, |number| merchants.ids.get(&number).copied())?;
                Ok(found.map(|(merchant_number, row)| slot.insert(CustomerDraft { merchant_number, row })))
            }
        }
    }

    /// The stored payment method as of the last event; `None` when there is none.
    fn method(&mut self, connection: &Connection, merchants: &Merchants, id: PaymentMethodId) -> Result<Option<&mut MethodDraft>, Error> {
        match self.methods.entry(id) {
            Slot::Occupied(found) => Ok(Some(found.into_mut())),
            Slot::Vacant(slot) => {
                let found = lookup::method(connection, id, |number| merchants.ids.get(&number).copied())?;
                Ok(found.map(|(merchant_number, row)| slot.insert(MethodDraft { merchant_number, row })))
            }
        }
    }
}

/// Merchants and their numbers, all of them: one is some tens of bytes.
#[derive(Default)]
struct Merchants {
    numbers: HashMap<MerchantId, u32>,
    ids: HashMap<u32, MerchantId>,
}

impl Merchants {
    fn load(connection: &Connection) -> Result<Self, Error> {
        let sql = "SELECT number, id FROM merchants";
        let found = lookup::all(connection, sql, [], "merchants", |cells| Ok((cells.u32()?, MerchantId::from_u128(cells.id()?))))?;
        let mut merchants = Self::default();
        for (number, id) in found {
            merchants.insert(id, number);
        }
        Ok(merchants)
    }

    /// `false` when id or number are taken.
    fn insert(&mut self, merchant: MerchantId, number: u32) -> bool {
        if self.numbers.contains_key(&merchant) || self.ids.contains_key(&number) {
            return false;
        }
        self.numbers.insert(merchant, number);
        self.ids.insert(number, merchant);
        true
    }

    fn number(&self, merchant: MerchantId) -> Option<u32> {
        self.numbers.get(&merchant).copied()
    }
}

/// Payments in memory, as the file has them after the last batch. What was not touched for a generation is forgotten.
#[derive(Default)]
struct Drafts {
    young: HashMap<PaymentId, Draft>,
    old: HashMap<PaymentId, Draft>,
}

impl Drafts {
    /// Makes a payment ready in the young generation; `None` when the file does not have it.
    fn load(&mut self, connection: &Connection, payment: PaymentId, merchants: &Merchants) -> Result<Option<()>, Error> {
        if self.young.contains_key(&payment) {
            return Ok(Some(()));
        }
        let draft = match self.old.remove(&payment) {
            Some(draft) => draft,
            None => match load(connection, payment, merchants)? {
                Some(draft) => draft,
                None => return Ok(None),
            },
        };
        self.young.insert(payment, draft);
        Ok(Some(()))
    }

    fn age(&mut self) {
        if self.young.len() > DRAFTS_MAX {
            self.old = core::mem::take(&mut self.young);
        }
    }
}

/// Reads a payment with all its parts; those that it has none of are not looked for.
fn load(connection: &Connection, payment: PaymentId, merchants: &Merchants) -> Result<Option<Draft>, Error> {
    let Some((merchant_number, row)) = lookup::payment(connection, payment, |number| merchants.ids.get(&number).copied())? else {
        return Ok(None);
    };
    let number = row.number;
    let attempts = if row.attempts_count > 0 { lookup::attempts(connection, number)? } else { Vec::new() };
    let captures = if row.captures_count > 0 { lookup::captures(connection, number)? } else { Vec::new() };
    let refunds = if row.refunds_count > 0 { lookup::refunds(connection, &row)? } else { Vec::new() };
    let disputes = if row.disputes_count > 0 { lookup::disputes(connection, &row)? } else { Vec::new() };
    Ok(Some(Draft { merchant_number, row, attempts, captures, refunds, disputes }))
}
