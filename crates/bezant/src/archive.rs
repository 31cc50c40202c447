//! The history of the ledgers that merchants keep themselves: every transfer there ever was, found in the journal by its id.
//!
//! The engine's state holds accounts and open transfers. Before a batch is decided, [`Archive::recall`] tells its ledger what
//! history knows of the batch's ids; afterwards the ledger forgets it. What is not durable yet is kept here, everything else
//! is read from the journal, where `index.rs` says it stands. `builder.rs` makes tables of the index, beside the hot path. `finder.rs`
//! reads for anybody else what is durable, from any thread.

pub mod builder;
mod finder;
mod index;
mod lines;
mod marks;

pub use finder::Finder;
pub use index::{GENERATION_KEYS_DEFAULT, GENERATIONS_WAITING_MAX, Index, IndexError};

use crate::partition::{self, LoadError};
use base::MerchantId;
use engine::{ArchivedPayment, Command, Entry, Event, PaymentName, State};
use events::Recorded;
use index::{Concern, Key, Place, key, payment_key};
use journal::table::BlockBuffer;
use journal::{Io, OsIo, Reader};
use ledger::{Account, Items, Metadata, Past, PendingStatus, Transfer};
use std::collections::VecDeque;
use std::sync::Arc;

/// Why history could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal could not be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The index could not be read, and not be made again.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The journal does not hold the payment that the index says.
    #[error("the index names event {seq}, which archives no payment {payment}; stop the platform and delete the folder index")]
    MisledByPayment {
        /// The event.
        seq: u64,
        /// The payment or its name that was looked for.
        payment: String,
    },
    /// The journal does not hold what the index says.
    #[error("the index names event {seq}, which holds no {id} of this ledger; stop the platform and delete the folder index")]
    Misled {
        /// The event.
        seq: u64,
        /// The transfer or account that was looked for.
        id: u128,
    },
}

/// What an entry that may not be durable yet created or archived.
struct Kept {
    seq: u64,
    legs: Vec<Transfer>,
    metadata: Items<Metadata>,
    archived: Vec<ArchivedPayment>,
}

/// Most batches of the journal that are remembered.
const BATCHES_REMEMBERED_MAX: usize = 4;

/// Reads transfers at their places, and remembers the batches that it read last: ids that are looked for together often stand
/// together, and the transfers that they end or were ended by in a batch or two beside it.
struct Records<I: Io> {
    journal: Reader<I>,
    /// The one that was needed last is at the end.
    batches: Vec<Vec<Recorded>>,
}

impl<I: Io> Records<I> {
    const fn new(journal: Reader<I>) -> Self {
        Self { journal, batches: Vec::new() }
    }

    /// The entry with this number.
    fn entry(&mut self, seq: u64) -> Result<Option<&Entry>, LoadError> {
        let holds = |batch: &Vec<Recorded>| batch.iter().any(|recorded| recorded.seq == seq);
        match self.batches.iter().rposition(holds) {
            Some(at) => self.batches[at..].rotate_left(1),
            None => {
                let batch = self.journal.read(seq)?.next().transpose()?;
                let batch = batch.as_ref().map(partition::decode).transpose()?.unwrap_or_default();
                if self.batches.len() >= BATCHES_REMEMBERED_MAX {
                    self.batches.remove(0);
                }
                self.batches.push(batch);
            }
        }
        let found = self.batches.last().and_then(|batch| batch.iter().find(|recorded| recorded.seq == seq));
        Ok(found.map(|recorded| &recorded.entry))
    }

    /// The transfer at a place.
    fn transfer(&mut self, place: Place, id: u128) -> Result<Transfer, Error> {
        let leg = place.leg();
        let found = self.entry(place.seq())?.and_then(|entry| entry.legs.get(leg?)).filter(|leg| leg.id == id);
        found.copied().ok_or(Error::Misled { seq: place.seq(), id })
    }

    /// The metadata of what was created at a place.
    fn metadata(&mut self, place: Place) -> Result<Option<Metadata>, LoadError> {
        let entry = self.entry(place.seq())?;
        Ok(entry.and_then(|entry| entry.event.metadata_of(place.leg()?)).cloned())
    }
}

/// The history as the one who decides needs it.
pub struct Archive<I: Io = OsIo> {
    index: Arc<Index<I>>,
    records: Records<I>,
    kept: VecDeque<Kept>,
    buffer: BlockBuffer,
}

impl<I: Io + Clone> Archive<I> {
    /// Over an index and its journal.
    pub fn new(index: Arc<Index<I>>, journal: Reader<I>) -> Self {
        let records = Records::new(journal);
        Self { index, records, kept: VecDeque::new(), buffer: BlockBuffer::default() }
    }

    /// Tells a merchant's ledger what history knows of the ids in a command.
    ///
    /// # Errors
    /// See [`Error`]: nothing may be decided then.
    pub fn recall(&mut self, state: &mut State, command: &Command) -> Result<(), Error> {
        match command {
            Command::CreateLedgerTransfers { merchant, transfers, .. } => {
                let resolved = transfers.iter().filter(|transfer| transfer.is_resolution()).map(|transfer| transfer.pending_id);
                self.recall_ids(state, *merchant, transfers.iter().map(|transfer| transfer.id), resolved)
            }
            Command::CreateLedgerEntries { merchant, entries, .. } => {
                let ids = entries.iter().flat_map(|entry| (entry.id..=u128::MAX).take(entry.events_count()));
                self.recall_ids(state, *merchant, ids, std::iter::empty())
            }
            Command::CreateLedgerAccounts { merchant, accounts, texts: _ } => {
                self.recall_accounts(state, *merchant, accounts)?;
                let imported = accounts.iter().filter(|account| account.flags.contains(ledger::AccountFlags::IMPORTED));
                imported.map(|account| account.timestamp).try_for_each(|timestamp| self.recall_at(state, *merchant, timestamp))
            }
            _ => Ok(()),
        }
    }

    /// Recalls transfers that a command is to create, and others that it refers to.
    fn recall_ids(
        &mut self,
        state: &mut State,
        merchant: MerchantId,
        own: impl Iterator<Item = u128>,
        others: impl Iterator<Item = u128>,
    ) -> Result<(), Error> {
        let Some(number) = state.merchants.get(&merchant).map(|found| found.number) else { return Ok(()) };
        let Some(found) = state.ledgers.get_mut(&merchant) else { return Ok(()) };
        let keyed = |id: u128| (id, key(Concern::Id, number, id));
        // What the ledger knows has its metadata in the journal all the same.
        let mut known_keys = Vec::new();
        let unknown = |id: &u128, known_keys: &mut Vec<(u128, Key)>| {
            let is_known = found.ledger.is_known(*id);
            known_keys.extend(is_known.then(|| keyed(*id)));
            !is_known
        };
        let own = own.filter(|id| unknown(id, &mut known_keys)).map(keyed);
        let (ids, keys): (Vec<u128>, Vec<Key>) = own.chain(others.filter(|id| !found.ledger.is_known(*id)).map(keyed)).unzip();
        let places = self.index.find_all(&keys, &mut self.buffer)?;
        for (id, place) in ids.into_iter().zip(places) {
            let Some(place) = place else { continue };
            // It may be known by now: it was there before, or another one resolved it.
            if !found.ledger.is_known(id) {
                found.ledger.recall(self.past(number, id, place)?);
            }
            self.metadata(place)?.into_iter().for_each(|metadata| found.ledger.recall_metadata(id, metadata));
        }
        let (ids, keys): (Vec<u128>, Vec<Key>) = known_keys.into_iter().unzip();
        let places = self.index.find_all(&keys, &mut self.buffer)?;
        for (id, place) in ids.into_iter().zip(places) {
            let Some(place) = place else { continue };
            self.metadata(place)?.into_iter().for_each(|metadata| found.ledger.recall_metadata(id, metadata));
        }
        Ok(())
    }

    /// Tells the metadata of the accounts that are there already.
    fn recall_accounts(&mut self, state: &mut State, merchant: MerchantId, accounts: &[Account]) -> Result<(), Error> {
        let Some(number) = state.merchants.get(&merchant).map(|found| found.number) else { return Ok(()) };
        let Some(found) = state.ledgers.get_mut(&merchant) else { return Ok(()) };
        let ids = accounts.iter().map(|account| account.id).filter(|id| found.ledger.account(*id).is_some());
        let (ids, keys): (Vec<u128>, Vec<Key>) = ids.map(|id| (id, key(Concern::Account, number, id))).unzip();
        let places = self.index.find_all(&keys, &mut self.buffer)?;
        for (id, place) in ids.into_iter().zip(places) {
            let Some(place) = place else { continue };
            let metadata = self.metadata(place)?.ok_or(Error::Misled { seq: place.seq(), id })?;
            found.ledger.recall_account_metadata(id, metadata);
        }
        Ok(())
    }

    /// The metadata of what was created at a place.
    fn metadata(&mut self, place: Place) -> Result<Option<Metadata>, Error> {
        match self.kept(place.seq()) {
            Some(kept) => Ok(place.leg().and_then(|leg| kept.metadata.of(leg)).cloned()),
            None => Ok(self.records.metadata(place)?),
        }
    }

    /// What history knows of an id that is not open and stands at this place.
    fn past(&mut self, merchant: u32, id: u128, place: Place) -> Result<Past, Error> {
        if place.leg().is_none() {
            return Ok(Past::Burned { id });
        }
        let transfer = self.record(place, id)?;
        let resolved = if transfer.is_resolution() { self.transfer(merchant, transfer.pending_id)? } else { None };
        let is_pending = transfer.flags.contains(ledger::TransferFlags::PENDING);
        let status = if is_pending { self.fate(merchant, id)? } else { PendingStatus::None };
        Ok(Past::Happened { transfer, status, resolved })
    }

    fn transfer(&mut self, merchant: u32, id: u128) -> Result<Option<Transfer>, Error> {
        let place = self.index.find(&key(Concern::Id, merchant, id), &mut self.buffer)?;
        place.map(|place| self.record(place, id)).transpose()
    }

    /// What became of a pending transfer that is not open any more.
    fn fate(&mut self, merchant: u32, id: u128) -> Result<PendingStatus, Error> {
        let place = self.index.find(&key(Concern::Fate, merchant, id), &mut self.buffer)?;
        let place = place.ok_or(Error::Misled { seq: 0, id })?;
        let Some(leg) = place.leg() else { return Ok(PendingStatus::Expired) };
        let resolution = match self.kept(place.seq()) {
            Some(kept) => kept.legs.get(leg).copied(),
            None => self.records.entry(place.seq())?.and_then(|entry| entry.legs.get(leg)).copied(),
        };
        let resolution = resolution.filter(|found| found.pending_id == id).ok_or(Error::Misled { seq: place.seq(), id })?;
        let is_post = resolution.flags.contains(ledger::TransferFlags::POST_PENDING_TRANSFER);
        Ok(if is_post { PendingStatus::Posted } else { PendingStatus::Voided })
    }

    fn record(&mut self, place: Place, id: u128) -> Result<Transfer, Error> {
        match (self.kept(place.seq()), place.leg()) {
            (Some(kept), Some(leg)) => {
                let found = kept.legs.get(leg).filter(|found| found.id == id);
                found.copied().ok_or(Error::Misled { seq: place.seq(), id })
            }
            (None, _) | (_, None) => self.records.transfer(place, id),
        }
    }

    fn kept(&self, seq: u64) -> Option<&Kept> {
        let at = self.kept.binary_search_by_key(&seq, |kept| kept.seq).ok()?;
        self.kept.get(at)
    }

    /// Recalls the transfer that has exactly this time, if there is one: an imported account must not have it too.
    fn recall_at(&mut self, state: &mut State, merchant: MerchantId, timestamp: u64) -> Result<(), Error> {
        let Some(number) = state.merchants.get(&merchant).map(|found| found.number) else { return Ok(()) };
        let last = state.ledgers.get(&merchant).map_or(0, |found| found.ledger.transfer_timestamp_last());
        if timestamp == 0 || timestamp > last {
            return Ok(());
        }
        let timed = key(Concern::Time, number, u128::from(timestamp));
        let Some(place) = self.index.find(&timed, &mut self.buffer)? else { return self.recall_by_clock(state, merchant, timestamp) };
        let Some(leg) = place.leg() else { return Ok(()) };
        let found = match self.kept(place.seq()) {
            Some(kept) => kept.legs.get(leg).map(|found| found.id),
            None => self.records.entry(place.seq())?.and_then(|entry| entry.legs.get(leg)).map(|found| found.id),
        };
        self.recall_ids(state, merchant, std::iter::empty(), found.into_iter())
    }

    /// As [`Archive::recall_at`], of transfers that were not imported: theirs is the time of their event, or just before.
    fn recall_by_clock(&mut self, state: &mut State, merchant: MerchantId, timestamp: u64) -> Result<(), Error> {
        let has_time = |leg: &&Transfer| leg.timestamp == timestamp;
        // Of another merchant's transfer nothing is recalled: its id is looked for in this one's ledger.
        let mut ids: Vec<u128> = self.kept.iter().flat_map(|kept| kept.legs.iter()).filter(has_time).map(|leg| leg.id).collect();
        let (mut low, end) = (journal::FIRST_SEQ, self.records.journal.tail().next_seq);
        let mut high = end;
        while low < high {
            let middle = low + (high - low) / 2;
            if self.records.entry(middle)?.is_some_and(|entry| entry.at.ns() < timestamp) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        // Several events may have that time.
        for seq in low..end {
            let Some(entry) = self.records.entry(seq)? else { break };
            if matches!(&entry.event, Event::LedgerTransfersCreated { merchant: found, .. } if *found == merchant) {
                ids.extend(entry.legs.iter().filter(has_time).map(|leg| leg.id));
            }
            if entry.at.ns() > timestamp {
                break;
            }
        }
        self.recall_ids(state, merchant, std::iter::empty(), ids.into_iter())
    }

    /// The archived payments that names stand for, as they were archived last, each once. What the state knows itself is passed
    /// over.
    ///
    /// # Errors
    /// See [`Error`]: nothing may be decided then.
    pub fn payments(&mut self, state: &State, names: &[PaymentName]) -> Result<Vec<ArchivedPayment>, Error> {
        if state.archived_count == 0 {
            return Ok(Vec::new());
        }
        let unknown: Vec<&PaymentName> = names.iter().filter(|name| !state.is_named(name)).collect();
        let keys: Vec<Key> = unknown.iter().map(|name| payment_key(name)).collect();
        let places = self.index.find_all(&keys, &mut self.buffer)?;
        let mut found: Vec<ArchivedPayment> = Vec::new();
        for (name, place) in unknown.into_iter().zip(places) {
            let Some(place) = place else { continue };
            let archived = self.archived(place, name)?;
            if state.payments.contains_key(&archived.id) || found.iter().any(|other| other.id == archived.id) {
                continue;
            }
            // A name may be of an earlier time: since then the payment may have been archived again.
            let by_id = PaymentName::Id(archived.id);
            let newest = self.index.find(&payment_key(&by_id), &mut self.buffer)?;
            found.push(match newest.filter(|newest| *newest != place) {
                Some(newest) => self.archived(newest, &by_id)?,
                None => archived,
            });
        }
        Ok(found)
    }

    /// The archived payment at a place.
    fn archived(&mut self, place: Place, name: &PaymentName) -> Result<ArchivedPayment, Error> {
        let payments = match self.kept(place.seq()) {
            Some(kept) => Some(&kept.archived),
            None => match self.records.entry(place.seq())?.map(|entry| &entry.event) {
                Some(Event::PaymentsArchived { payments }) => Some(payments),
                Some(_) | None => None,
            },
        };
        let found = payments.zip(place.leg()).and_then(|(payments, leg)| payments.get(leg));
        let found = found.filter(|archived| archived.names().any(|other| other == *name)).cloned();
        found.ok_or_else(|| Error::MisledByPayment { seq: place.seq(), payment: format!("{name:?}") })
    }

    /// Takes note of an entry that was applied and is not durable yet.
    pub fn note(&mut self, state: &State, seq: u64, entry: &Entry) {
        if self.index.note(state, seq, entry) {
            let metadata = match &entry.event {
                Event::LedgerAccountsCreated { metadata, .. } | Event::LedgerTransfersCreated { metadata, .. } => metadata.clone(),
                _ => Items::NONE,
            };
            let archived = match &entry.event {
                Event::PaymentsArchived { payments } => payments.clone(),
                _ => Vec::new(),
            };
            self.kept.push_back(Kept { seq, legs: entry.legs.clone(), metadata, archived });
        }
    }

    /// Whether so much of history waits to be written that it should not grow by a client's wish.
    pub fn is_behind(&self) -> bool {
        self.index.is_behind()
    }

    /// Everything up to this number is durable, and found in the journal.
    pub fn durable(&mut self, seq: u64) {
        while self.kept.front().is_some_and(|kept| kept.seq <= seq) {
            self.kept.pop_front();
        }
        self.index.durable(seq);
    }

    /// Nothing after this number happened: the state was loaded again.
    pub fn taken_back(&mut self, seq: u64) {
        self.kept.retain(|kept| kept.seq <= seq);
        self.index.taken_back(seq);
    }
}
