//! Where transfers stand in the journal, by id. What came last is in memory, in generations of bounded size; older ones are
//! tables on disk. Each covers a run of events, and together they cover all: what is missing or damaged is read again from
//! the journal.

use crate::partition::{self, LoadError};
use base::MerchantId;
use engine::{Entry, Event, State};
use journal::table::{self, BlockBuffer, Table};
use journal::{Io, OsIo, Reader};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The folder of tables, relative to the data folder.
pub(super) const INDEX_DIR: &str = "index";
/// Keys that are held in memory before they are written to a table, unless told otherwise.
pub const GENERATION_KEYS_DEFAULT: usize = 512 * 1024;
/// What a key takes, in bytes: what it is about, whose ledger it is, and the number.
const KEY_BYTES: usize = 21;
/// Stands for the event itself where a leg's number would stand.
const WHOLE_EVENT: u16 = u16::MAX;

/// A key as it is stored; keys compare as bytes.
pub(super) type Key = [u8; KEY_BYTES];

/// Tables in the order of the events that they cover.
pub(super) type Tables = Arc<Vec<Arc<Table<OsIo>>>>;

/// What a key is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Concern {
    /// The transfer with an id; the whole event when the id was burned.
    Id = 0,
    /// What ended the pending transfer with an id; the whole event when it expired.
    Fate = 1,
    /// The imported transfer with a timestamp.
    Time = 2,
}

/// The key of something in the ledger of the merchant with this number.
pub(super) fn key(concern: Concern, merchant: u32, number: u128) -> Key {
    let mut key = [0; KEY_BYTES];
    key[0] = concern as u8;
    key[1..5].copy_from_slice(&merchant.to_be_bytes());
    key[5..].copy_from_slice(&number.to_be_bytes());
    key
}

/// Where something stands in the journal: an event's number and a leg of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(u64);

impl Place {
    fn new(seq: u64, leg: u16) -> Self {
        Self(seq << 16 | u64::from(leg))
    }

    pub(super) const fn seq(self) -> u64 {
        self.0 >> 16
    }

    /// `None` for the event itself.
    pub(super) fn leg(self) -> Option<usize> {
        let [.., high, low] = self.0.to_be_bytes();
        let leg = u16::from_be_bytes([high, low]);
        (leg != WHOLE_EVENT).then_some(usize::from(leg))
    }
}

/// Why the index is of no use.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A table could not be read or written.
    #[error(transparent)]
    Table(#[from] table::Error),
    /// The folder could not be read.
    #[error(transparent)]
    Folder(#[from] journal::IoFailure),
    /// What is missing could not be read again.
    #[error("the index cannot be made again from the journal: {0}")]
    Load(#[source] Box<LoadError>),
}

impl From<LoadError> for IndexError {
    fn from(error: LoadError) -> Self {
        Self::Load(Box::new(error))
    }
}

impl From<journal::ReadError> for IndexError {
    fn from(error: journal::ReadError) -> Self {
        LoadError::from(error).into()
    }
}

/// A run of events in memory.
#[derive(Clone, Debug)]
pub(super) struct Generation {
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
    pub(super) places: HashMap<Key, u64>,
    greatest: Key,
    /// Room for so many keys is made with the first.
    keys_max: usize,
}

impl Generation {
    fn new(first_seq: u64, keys_max: usize) -> Self {
        Self { first_seq, last_seq: first_seq - 1, places: HashMap::new(), greatest: [0; KEY_BYTES], keys_max }
    }

    fn find(&self, key: &Key) -> Option<Place> {
        if *key > self.greatest {
            return None; // ids that grow with time are mostly above all
        }
        self.places.get(key).copied().map(Place)
    }

    fn insert(&mut self, key: Key, place: Place) {
        if self.places.capacity() == 0 {
            self.places.reserve(self.keys_max + 4 * ledger::BATCH_EVENTS_MAX); // never grows on the hot path
        }
        self.greatest = self.greatest.max(key);
        self.places.insert(key, place.0);
    }

    /// Takes up an entry; whether there was anything to take up.
    fn note(&mut self, seq: u64, entry: &Entry, number: impl Fn(&MerchantId) -> Option<u32>) -> bool {
        self.last_seq = seq;
        match &entry.event {
            Event::LedgerTransfersCreated { merchant, burned } => {
                let Some(merchant) = number(merchant) else { return false };
                for (leg, transfer) in (0..WHOLE_EVENT).zip(&entry.legs) {
                    let place = Place::new(seq, leg);
                    self.insert(key(Concern::Id, merchant, transfer.id), place);
                    if transfer.is_resolution() {
                        self.insert(key(Concern::Fate, merchant, transfer.pending_id), place);
                    }
                    if transfer.flags.contains(ledger::TransferFlags::IMPORTED) {
                        self.insert(key(Concern::Time, merchant, u128::from(transfer.timestamp)), place);
                    }
                }
                for id in burned {
                    self.insert(key(Concern::Id, merchant, *id), Place::new(seq, WHOLE_EVENT));
                }
                true
            }
            Event::LedgerTransfersExpired { merchant, transfers } => {
                let Some(merchant) = number(merchant) else { return false };
                for id in transfers {
                    self.insert(key(Concern::Fate, merchant, *id), Place::new(seq, WHOLE_EVENT));
                }
                true
            }
            _ => false,
        }
    }
}

pub(super) struct Inner {
    open: Generation,
    /// Oldest first.
    pub(super) closed: Vec<Arc<Generation>>,
    /// Oldest first.
    pub(super) tables: Tables,
}

/// Where every transfer stands. One writer, readers on any thread.
pub struct Index {
    pub(super) io: OsIo,
    /// A generation is closed when it has so many keys.
    pub(super) keys_max: usize,
    journal: Reader<OsIo>,
    inner: RwLock<Inner>,
    durable_seq: AtomicU64,
    /// Numbers of the merchants that have a ledger.
    numbers: RwLock<HashMap<MerchantId, u32>>,
}

impl Index {
    /// Opens the tables in the data folder, and reads what none of them covers from the journal. `keys_max` keys are held in memory
    /// before they are written to a table.
    ///
    /// # Errors
    /// See [`IndexError`]. A table that is damaged is none: it is removed, and read again.
    pub fn open(io: OsIo, journal: Reader<OsIo>, state: &State, keys_max: usize) -> Result<Self, IndexError> {
        io.create_dir(INDEX_DIR).map_err(journal::IoFailure::on("create", INDEX_DIR))?;
        table::remove_unfinished(&io, INDEX_DIR)?;
        let durable_seq = journal.tail().next_seq - 1;
        let mut tables = Vec::new();
        let mut covered_to = 0;
        let mut missing = Vec::new();
        for table in found_tables(&io)? {
            let (first_seq, last_seq) = covered(&table);
            if last_seq <= covered_to || last_seq > durable_seq || first_seq <= covered_to {
                remove(&io, table.path()); // merged into another, or of another journal
                continue;
            }
            if first_seq > covered_to + 1 {
                missing.push((covered_to + 1, first_seq - 1));
            }
            covered_to = last_seq;
            tables.push(Arc::new(table));
        }
        let open = Generation::new(covered_to + 1, keys_max);
        let inner = Inner { open, closed: Vec::new(), tables: Arc::new(tables) };
        let numbers = state.ledgers.keys().filter_map(|merchant| Some((*merchant, state.merchants.get(merchant)?.number)));
        let numbers = RwLock::new(numbers.collect());
        let index = Self { io, keys_max, journal, inner: RwLock::new(inner), durable_seq: AtomicU64::new(durable_seq), numbers };
        for (first_seq, last_seq) in missing {
            let generation = index.read_again(first_seq, last_seq)?;
            index.write().closed.push(Arc::new(generation));
        }
        let open = index.read_again(covered_to + 1, durable_seq)?;
        index.write().open = open;
        index.close_if_full();
        Ok(index)
    }

    /// The keys of a run of events, from the journal.
    fn read_again(&self, first_seq: u64, last_seq: u64) -> Result<Generation, IndexError> {
        let mut generation = Generation::new(first_seq, self.keys_max);
        let numbers = self.numbers.read().unwrap_or_else(PoisonError::into_inner);
        // Without any such ledger there is nothing to find.
        if !numbers.is_empty() && first_seq <= last_seq {
            let number = |merchant: &MerchantId| numbers.get(merchant).copied();
            'all: for batch in self.journal.read(first_seq)? {
                for recorded in partition::decode(&batch?)? {
                    if recorded.seq > last_seq {
                        break 'all;
                    }
                    if recorded.seq >= first_seq {
                        generation.note(recorded.seq, &recorded.entry, number);
                    }
                }
            }
        }
        generation.last_seq = last_seq;
        Ok(generation)
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The closed generations that are durable, and the tables, oldest first.
    pub(super) fn work(&self) -> (Vec<Arc<Generation>>, Tables) {
        let durable_seq = self.durable_seq.load(Ordering::Acquire);
        let inner = self.read();
        let durable = inner.closed.iter().filter(|generation| generation.last_seq <= durable_seq).cloned().collect();
        (durable, Arc::clone(&inner.tables))
    }

    /// Where a key's subject stands.
    pub(super) fn find(&self, key: &Key, buffer: &mut BlockBuffer) -> Result<Option<Place>, IndexError> {
        let tables = {
            let inner = self.read();
            let closed = inner.closed.iter().rev().map(Arc::as_ref);
            if let Some(place) = std::iter::once(&inner.open).chain(closed).find_map(|generation| generation.find(key)) {
                return Ok(Some(place));
            }
            if inner.tables.is_empty() {
                return Ok(None);
            }
            Arc::clone(&inner.tables)
        };
        for table in tables.iter().rev() {
            match table.value(buffer, key) {
                Ok(None) => {}
                Ok(Some(value)) => {
                    let place = <[u8; 8]>::try_from(value).map(u64::from_be_bytes);
                    return Ok(place.ok().map(Place));
                }
                Err(error) if error.retryable() => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(%error, "a damaged index is made again from the journal");
                    if let Some(place) = self.heal(table)?.find(key) {
                        return Ok(Some(place));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Reads what a damaged table covers from the journal again; the builder makes another table of it.
    fn heal(&self, damaged: &Arc<Table<OsIo>>) -> Result<Arc<Generation>, IndexError> {
        let (first_seq, last_seq) = covered(damaged);
        let generation = Arc::new(self.read_again(first_seq, last_seq)?);
        let mut inner = self.write();
        if inner.tables.iter().any(|table| Arc::ptr_eq(table, damaged)) {
            Arc::make_mut(&mut inner.tables).retain(|table| !Arc::ptr_eq(table, damaged));
            let at = inner.closed.partition_point(|other| other.first_seq < first_seq);
            inner.closed.insert(at, Arc::clone(&generation));
        }
        Ok(generation)
    }

    /// Takes up an entry that was applied; whether there was anything to take up.
    pub(super) fn note(&self, state: &State, seq: u64, entry: &Entry) -> bool {
        let number = |merchant: &MerchantId| state.merchants.get(merchant).map(|found| found.number);
        if let Event::LedgerAccountsCreated { merchant, .. } | Event::LedgerTransfersCreated { merchant, .. } = &entry.event
            && let Some(number) = number(merchant)
        {
            let is_new = !self.numbers.read().unwrap_or_else(PoisonError::into_inner).contains_key(merchant);
            if is_new {
                self.numbers.write().unwrap_or_else(PoisonError::into_inner).insert(*merchant, number);
            }
        }
        let is_noted = self.write().open.note(seq, entry, number);
        self.close_if_full();
        is_noted
    }

    fn close_if_full(&self) {
        let mut inner = self.write();
        if inner.open.places.len() >= self.keys_max {
            let next = Generation::new(inner.open.last_seq + 1, self.keys_max);
            let full = std::mem::replace(&mut inner.open, next);
            inner.closed.push(Arc::new(full));
        }
    }

    pub(super) fn durable(&self, seq: u64) {
        self.durable_seq.store(seq, Ordering::Release);
    }

    /// Nothing after this number happened.
    pub(super) fn taken_back(&self, seq: u64) {
        let mut inner = self.write();
        while let Some(last) = inner.closed.pop_if(|last| last.last_seq > seq) {
            inner.open = Arc::unwrap_or_clone(last); // what was open came after it
        }
        inner.open.places.retain(|_, place| Place(*place).seq() <= seq);
        inner.open.last_seq = inner.open.last_seq.min(seq);
    }
}

/// The tables in the folder, in the order of the events that they cover, wider ones first; what cannot be read is removed.
fn found_tables(io: &OsIo) -> Result<Vec<Table<OsIo>>, IndexError> {
    let names = io.list(INDEX_DIR).map_err(journal::IoFailure::on("list", INDEX_DIR))?;
    let mut tables = Vec::new();
    for name in names.iter().filter(|name| name.ends_with(".ids")) {
        let path = format!("{INDEX_DIR}/{name}");
        match Table::open(io, &path) {
            Ok(table) => tables.push(table),
            Err(error) if error.retryable() => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "a damaged index is made again from the journal");
                remove(io, &path);
            }
        }
    }
    tables.sort_by_key(|table| {
        let (first_seq, last_seq) = covered(table);
        (first_seq, std::cmp::Reverse(last_seq))
    });
    Ok(tables)
}

/// The events that a table covers.
pub(super) fn covered(table: &Table<OsIo>) -> (u64, u64) {
    let about = table.about();
    let number = |from: usize| u64::from_be_bytes(std::array::from_fn(|index| about[from + index]));
    (number(0), number(8))
}

/// How a table says which events it covers.
pub(super) fn about(first_seq: u64, last_seq: u64) -> [u8; 16] {
    (u128::from(first_seq) << 64 | u128::from(last_seq)).to_be_bytes()
}

/// Removes a table that is of no use; if that fails it is found again at the next start.
pub(super) fn remove(io: &OsIo, path: &str) {
    if let Err(error) = io.remove(path) {
        tracing::warn!(%error, path, "an index that is of no use could not be removed");
    }
}
