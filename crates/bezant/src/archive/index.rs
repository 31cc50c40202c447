//! Where transfers stand in the journal, by id. What came last is in memory, in generations of bounded size; older ones are
//! tables on disk. Each covers a run of events, and together they cover all: what is missing or damaged is read again from
//! the journal.

use super::builder::{IDS_LAYOUT, LINES_LAYOUT};
use super::lines::{self, Line};
use super::marks;
use crate::partition::{self, LoadError};
use crate::snapshots::EVENTS_BETWEEN;
use base::MerchantId;
use engine::{Entry, Event, PaymentName, State};
use journal::table::{self, BlockBuffer, Table};
use journal::{Io, OsIo, Reader};
use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The folder of tables, relative to the data folder.
pub(super) const INDEX_DIR: &str = "index";
/// Keys that are held in memory before they are written to a table, unless told otherwise.
pub const GENERATION_KEYS_DEFAULT: usize = 512 * 1024;
/// Full generations whose keys may wait in memory to be written; with more, history grows only by what must happen.
pub const GENERATIONS_WAITING_MAX: usize = 4;
/// Keys of a generation for which there was no room ahead, as of the first one after a ledger's first account, or of all while no
/// merchant keeps a ledger: few, so that the system gives a few megabytes for them while a batch waits, and not tens of them.
const KEYS_WITHOUT_ROOM: usize = 64 * 1024;
/// Most generations to come for which there is room ahead.
const ROOMS_MAX: usize = 2;
/// What a key takes, in bytes: what it is about, whose ledger it is, and the number.
const KEY_BYTES: usize = 21;
/// What tables know of events, in their first byte, where no number of an event reaches: 1 since there are marks and accounts.
const KNOWS: u8 = 1;
/// Stands for the event itself where a leg's number would stand.
const WHOLE_EVENT: u16 = u16::MAX;

/// A key as it is stored; keys compare as bytes.
pub(super) type Key = [u8; KEY_BYTES];

/// Lines that are added to one piece; a reader of the newest lines holds pieces, never the lock.
const PIECE_LINES_MAX: usize = 8 * 1024;

/// The tables of one run of events.
pub(super) struct Pair<I: Io> {
    /// Where ids stand.
    pub(super) ids: Table<I>,
    /// Lines of accounts.
    pub(super) lines: Table<I>,
}

impl<I: Io + Clone> Pair<I> {
    /// Opens the tables of the events that both cover.
    pub(super) fn open(io: &I, first_seq: u64, last_seq: u64) -> Result<Self, table::Error> {
        let open = |ending: &str| Table::open(io, &path(first_seq, last_seq, ending));
        Ok(Self { ids: open(IDS)?, lines: open(LINES)? })
    }

    /// Whether both are what their names say, as this release writes them.
    fn is_of(&self, first_seq: u64, last_seq: u64) -> bool {
        [(&self.ids, IDS_LAYOUT), (&self.lines, LINES_LAYOUT)]
            .into_iter()
            .all(|(table, layout)| table.layout() == layout && table.about() == about(first_seq, last_seq))
    }

    /// The events that both cover.
    pub(super) fn covered(&self) -> (u64, u64) {
        covered(&self.ids)
    }
}

/// The ending of a table of ids.
pub(super) const IDS: &str = "ids";
/// The ending of a table of lines.
pub(super) const LINES: &str = "lines";

/// Where a table is, relative to the data folder.
pub(super) fn path(first_seq: u64, last_seq: u64, ending: &str) -> String {
    format!("{INDEX_DIR}/{first_seq:020}-{last_seq:020}.{ending}")
}

/// Tables in the order of the events that they cover.
pub(super) type Tables<I> = Arc<Vec<Arc<Pair<I>>>>;

/// What holds the lines of one run of events.
pub(super) enum Part<I: Io> {
    /// On disk.
    Tables(Arc<Pair<I>>),
    /// In memory, in the order of their transfers.
    Memory(Vec<Arc<Vec<Line>>>),
}

/// What a key is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Concern {
    /// The transfer with an id; the whole event when the id was burned.
    Id = 0,
    /// What ended the pending transfer with an id; the whole event when it expired.
    Fate = 1,
    /// The imported transfer with a timestamp.
    Time = 2,
    /// The archived payment with an id.
    Payment = 8,
    /// The archived payment with a reference, which its merchant's id is mixed into.
    Reference = 9,
    /// The archived payment that an idempotency key led to, which its merchant's id is mixed into.
    IdempotencyKey = 10,
    /// The archived payment with an object at a provider.
    Object = 11,
    /// The account with an id, if it has metadata: its number among the accounts of its event stands for a leg.
    Account = 16,
    /// A transfer with user data or metadata, see `marks.rs`.
    Mark = 17,
}

/// Whether what a key is about may be archived again: then only the newest place counts.
pub(super) const fn is_superseded(key: &[u8]) -> bool {
    matches!(key, [8..=11, ..])
}

/// The key of a payment's name. Payments belong to no ledger; hashes of references and keys are of no use to another merchant.
pub(super) fn payment_key(name: &PaymentName) -> Key {
    let mixed = |merchant: &MerchantId, hash: &[u8; 16]| merchant.as_u128() ^ u128::from_be_bytes(*hash);
    match name {
        PaymentName::Id(payment) => key(Concern::Payment, 0, payment.as_u128()),
        PaymentName::Reference(merchant, reference) => key(Concern::Reference, 0, mixed(merchant, reference)),
        PaymentName::Key(merchant, used) => key(Concern::IdempotencyKey, 0, mixed(merchant, used)),
        PaymentName::Object(digest) => key(Concern::Object, 0, *digest),
    }
}

/// The key of something in the ledger of the merchant with this number.
pub(super) fn key(concern: Concern, merchant: u32, number: u128) -> Key {
    let mut key = [0; KEY_BYTES];
    key[0] = concern as u8;
    key[1..5].copy_from_slice(&merchant.to_be_bytes());
    key[5..].copy_from_slice(&number.to_be_bytes());
    key
}

/// What a key is made of. Keys compare as their parts do, and numbers compare without a call.
pub(super) fn key_parts(key: &Key) -> (u8, u32, u128) {
    let merchant = u32::from_be_bytes(std::array::from_fn(|index| key[1 + index]));
    (key[0], merchant, u128::from_be_bytes(std::array::from_fn(|index| key[5 + index])))
}

/// Where something stands in the journal: an event's number and a leg of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(u64);

impl Place {
    pub(super) fn new(seq: u64, leg: u16) -> Self {
        Self(seq << 16 | u64::from(leg))
    }

    /// As a number; later places have larger ones.
    pub(super) const fn number(self) -> u64 {
        self.0
    }

    /// The place with this number.
    pub(super) const fn numbered(number: u64) -> Self {
        Self(number)
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
    pub(super) places: Places,
    /// Keys that stand beside each other, see `marks.rs`.
    pub(super) marks: BTreeSet<Key>,
    /// In the order of the transfers.
    pub(super) lines: Vec<Arc<Vec<Line>>>,
    greatest: Key,
    /// Places that later ones in here took the place of, with the number of the event that did, while that may not be durable.
    superseded: Vec<(u64, Key, Place)>,
}

impl Generation {
    fn new(first_seq: u64) -> Self {
        Self {
            first_seq,
            last_seq: first_seq - 1,
            places: HashMap::new(),
            marks: BTreeSet::new(),
            lines: Vec::new(),
            greatest: [0; KEY_BYTES],
            superseded: Vec::new(),
        }
    }

    fn find(&self, key: &Key) -> Option<Place> {
        if *key > self.greatest {
            return None; // ids that grow with time are mostly above all
        }
        self.places.get(key).copied().map(Place)
    }

    /// Where the greatest key within bounds stands, of those of events up to one; looks at every key if there may be one.
    fn greatest_within(&self, bounds: &RangeInclusive<Key>, seq_max: u64) -> Option<Place> {
        if self.greatest < *bounds.start() {
            return None;
        }
        let within = self.places.iter().filter(|(key, place)| bounds.contains(*key) && Place(**place).seq() <= seq_max);
        within.max_by_key(|(key, _)| **key).map(|(_, place)| Place(*place))
    }

    /// So many keys, as a table has them.
    fn key_count(&self) -> usize {
        self.places.len() + self.marks.len()
    }

    fn insert(&mut self, key: Key, place: Place) {
        self.greatest = self.greatest.max(key);
        self.places.insert(key, place.0);
    }

    /// As [`Generation::insert`], for what may have stood elsewhere before.
    fn supersede(&mut self, key: Key, place: Place) {
        self.greatest = self.greatest.max(key);
        if let Some(before) = self.places.insert(key, place.0) {
            self.superseded.push((place.seq(), key, Place(before)));
        }
    }

    /// Nothing after this number happened.
    fn take_back(&mut self, seq: u64) {
        self.places.retain(|_, place| Place(*place).seq() <= seq);
        while let Some((_, key, before)) = self.superseded.pop_if(|(by, ..)| *by > seq) {
            if before.seq() <= seq {
                self.places.insert(key, before.0);
            }
        }
        self.marks.retain(|mark| marks::place_of(mark).seq() <= seq);
        for piece in &mut self.lines {
            Arc::make_mut(piece).retain(|line| line.place.seq() <= seq);
        }
        self.last_seq = self.last_seq.min(seq);
    }

    /// Adds the lines of one entry. The last piece is taken out for as long: to ask for each line whether a reader has the piece
    /// would wait every time for the keys that are on their way to memory.
    fn add_lines(&mut self, seq: u64, entry: &Entry, merchant: u32) {
        let new_piece = || Vec::with_capacity(PIECE_LINES_MAX);
        let mut piece = self.lines.pop().map_or_else(new_piece, Arc::unwrap_or_clone);
        lines::of_event(seq, entry, merchant, |line| {
            if piece.len() >= PIECE_LINES_MAX {
                self.lines.push(Arc::new(std::mem::replace(&mut piece, new_piece())));
            }
            piece.push(line);
        });
        self.lines.push(Arc::new(piece));
    }

    /// Takes up an entry; whether there was anything to take up.
    fn note(&mut self, seq: u64, entry: &Entry, number: impl Fn(&MerchantId) -> Option<u32>) -> bool {
        self.last_seq = seq;
        match &entry.event {
            Event::LedgerAccountsCreated { merchant, accounts, names: _, metadata } => {
                let Some(merchant) = number(merchant) else { return false };
                for (item, _) in metadata.iter() {
                    let account = accounts.get(usize::from(item)).map(|account| key(Concern::Account, merchant, account.id));
                    account.into_iter().for_each(|account| self.insert(account, Place::new(seq, item)));
                }
                !metadata.is_empty()
            }
            Event::LedgerTransfersCreated { merchant, burned, released: _, metadata } => {
                let Some(merchant) = number(merchant) else { return false };
                for (leg, transfer) in (0..WHOLE_EVENT).zip(&entry.legs) {
                    let place = Place::new(seq, leg);
                    self.insert(key(Concern::Id, merchant, transfer.id), place);
                    if transfer.is_resolution() {
                        self.insert(key(Concern::Fate, merchant, transfer.pending_id), place);
                    }
                    marks::each(transfer, metadata.of(usize::from(leg)), |hash| {
                        self.marks.insert(marks::mark(merchant, hash, place));
                    });
                    if transfer.flags.contains(ledger::TransferFlags::IMPORTED) {
                        self.insert(key(Concern::Time, merchant, u128::from(transfer.timestamp)), place);
                    }
                }
                for id in burned {
                    self.insert(key(Concern::Id, merchant, *id), Place::new(seq, WHOLE_EVENT));
                }
                self.add_lines(seq, entry, merchant);
                true
            }
            Event::LedgerTransfersExpired { merchant } => {
                let Some(merchant) = number(merchant) else { return false };
                for transfer in &entry.legs {
                    self.insert(key(Concern::Fate, merchant, transfer.id), Place::new(seq, WHOLE_EVENT));
                }
                self.add_lines(seq, entry, merchant);
                true
            }
            Event::PaymentsArchived { payments } => {
                for (leg, archived) in (0..WHOLE_EVENT).zip(payments) {
                    archived.names().for_each(|name| self.supersede(payment_key(&name), Place::new(seq, leg)));
                }
                true
            }
            _ => false,
        }
    }
}

/// Keys and where their subjects stand; as room, without any.
pub(super) type Places = HashMap<Key, u64>;

/// For how many keys a generation has room at least, so that its table never grows on the hot path.
fn room(keys_max: usize) -> usize {
    keys_max + 4 * ledger::BATCH_EVENTS_MAX
}

pub(super) struct Inner<I: Io> {
    open: Generation,
    /// Oldest first.
    pub(super) closed: Vec<Arc<Generation>>,
    /// Oldest first.
    pub(super) tables: Tables<I>,
    /// Room for the keys of generations to come. Their memory was touched before: when the keys of one batch went all over a
    /// new table, the system cleared tens of megabytes for them while everybody waited.
    rooms: Vec<Places>,
}

impl<I: Io> Inner<I> {
    /// Closes the open generation, and opens the next.
    fn close(&mut self) {
        let next = Generation::new(self.open.last_seq + 1);
        let full = std::mem::replace(&mut self.open, next);
        self.closed.push(Arc::new(full));
    }
}

/// Where every transfer stands. One writer, readers on any thread.
pub struct Index<I: Io = OsIo> {
    pub(super) io: I,
    /// A generation is closed when it has so many keys.
    pub(super) keys_max: usize,
    journal: Reader<I>,
    inner: RwLock<Inner<I>>,
    durable_seq: AtomicU64,
    /// Numbers of the merchants that have a ledger.
    numbers: RwLock<HashMap<MerchantId, u32>>,
    /// Whether any payment was archived.
    has_payments: AtomicBool,
}

impl<I: Io + Clone> Index<I> {
    /// Opens the tables in the data folder, and reads what none of them covers from the journal. `keys_max` keys are held in memory
    /// before they are written to a table.
    ///
    /// # Errors
    /// See [`IndexError`]. A table that is damaged is none: it is removed, and read again.
    pub fn open(io: I, journal: Reader<I>, state: &State, keys_max: usize) -> Result<Self, IndexError> {
        io.create_dir(INDEX_DIR).map_err(journal::IoFailure::on("create", INDEX_DIR))?;
        table::remove_unfinished(&io, INDEX_DIR)?;
        let durable_seq = journal.tail().next_seq - 1;
        let mut tables = Vec::new();
        let mut covered_to = 0;
        let mut missing = Vec::new();
        for (first_seq, last_seq) in found_tables(&io)? {
            let of_no_use = last_seq <= covered_to || last_seq > durable_seq || first_seq <= covered_to || first_seq > last_seq;
            let table = if of_no_use { None } else { open_pair(&io, first_seq, last_seq)? };
            let Some(table) = table else {
                remove_pair(&io, first_seq, last_seq); // merged into another, of another journal, or damaged
                continue;
            };
            if first_seq > covered_to + 1 {
                missing.push((covered_to + 1, first_seq - 1));
            }
            covered_to = last_seq;
            tables.push(Arc::new(table));
        }
        let open = Generation::new(covered_to + 1);
        let inner = Inner { open, closed: Vec::new(), tables: Arc::new(tables), rooms: Vec::new() };
        let numbers = state.ledgers.keys().filter_map(|merchant| Some((*merchant, state.merchants.get(merchant)?.number)));
        let numbers = RwLock::new(numbers.collect());
        let has_payments = AtomicBool::new(state.archived_count > 0);
        let inner = RwLock::new(inner);
        let index = Self { io, keys_max, journal, inner, durable_seq: AtomicU64::new(durable_seq), numbers, has_payments };
        for (first_seq, last_seq) in missing {
            let generation = index.read_again(first_seq, last_seq)?;
            index.write().closed.push(Arc::new(generation));
        }
        let open = index.read_again(covered_to + 1, durable_seq)?;
        let mut inner = index.write();
        inner.open = open;
        if index.is_full(&inner.open) {
            inner.close();
        }
        drop(inner);
        index.durable(durable_seq);
        Ok(index)
    }

    /// The keys of a run of events, from the journal.
    fn read_again(&self, first_seq: u64, last_seq: u64) -> Result<Generation, IndexError> {
        let mut generation = Generation::new(first_seq);
        let numbers = self.numbers.read().unwrap_or_else(PoisonError::into_inner);
        // Without any ledger or archived payment there is nothing to find.
        if self.is_needed() && first_seq <= last_seq {
            if !numbers.is_empty() {
                generation.places.reserve(room(self.keys_max));
            }
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
        generation.superseded.clear(); // what was read is durable
        Ok(generation)
    }

    /// Whether there is anything to find.
    fn is_needed(&self) -> bool {
        self.has_payments.load(Ordering::Acquire) || self.has_ledgers()
    }

    /// Whether a merchant keeps a ledger.
    fn has_ledgers(&self) -> bool {
        !self.numbers.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Whether a generation has as many keys as there was room for ahead, or as many as one may have without.
    fn is_full(&self, generation: &Generation) -> bool {
        let has_room = generation.places.capacity() >= room(self.keys_max);
        generation.key_count() >= if has_room { self.keys_max } else { self.keys_max.min(KEYS_WITHOUT_ROOM) }
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner<I>> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Inner<I>> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The closed generations that are durable, and the tables, oldest first.
    pub(super) fn work(&self) -> (Vec<Arc<Generation>>, Tables<I>) {
        let durable_seq = self.durable_seq.load(Ordering::Acquire);
        let inner = self.read();
        let durable = inner.closed.iter().filter(|generation| generation.last_seq <= durable_seq).cloned().collect();
        (durable, Arc::clone(&inner.tables))
    }

    /// How many keys wait in memory to be written.
    pub fn keys_waiting(&self) -> usize {
        self.read().closed.iter().map(|generation| generation.key_count()).sum()
    }

    /// Whether no more keys should come until some are written.
    pub(super) fn is_behind(&self) -> bool {
        self.keys_waiting() >= self.keys_max.saturating_mul(GENERATIONS_WAITING_MAX)
    }

    /// Everything that may hold lines of accounts now, oldest first.
    pub(super) fn parts(&self) -> Vec<Part<I>> {
        let inner = self.read();
        let tables = inner.tables.iter().map(|pair| (pair.covered().0, Part::Tables(Arc::clone(pair))));
        let generations = inner.closed.iter().map(Arc::as_ref).chain([&inner.open]);
        let memory = generations.map(|generation| (generation.first_seq, Part::Memory(generation.lines.clone())));
        let mut parts: Vec<(u64, Part<I>)> = tables.chain(memory).collect();
        parts.sort_by_key(|(first_seq, _)| *first_seq);
        parts.into_iter().map(|(_, part)| part).collect()
    }

    /// Where a key's subject stands.
    pub(super) fn find(&self, key: &Key, buffer: &mut BlockBuffer) -> Result<Option<Place>, IndexError> {
        self.find_all(std::slice::from_ref(key), buffer).map(|places| places.first().copied().flatten())
    }

    /// Where the subjects of keys stand, in the order of the keys. Much quicker than one after the other, since each filter is
    /// asked about all that newer tables do not have.
    pub(super) fn find_all(&self, keys: &[Key], buffer: &mut BlockBuffer) -> Result<Vec<Option<Place>>, IndexError> {
        let mut found = Search::new(keys);
        let (tables, mut older) = {
            let inner = self.read();
            let tables_end = inner.tables.last().map_or(0, |pair| pair.covered().1);
            let (older, newer) = inner.closed.split_at(inner.closed.partition_point(|closed| closed.first_seq <= tables_end));
            let newer = newer.iter().rev().map(Arc::as_ref);
            std::iter::once(&inner.open).chain(newer).for_each(|generation| found.look_in(generation));
            (Arc::clone(&inner.tables), older.to_vec())
        };
        for pair in tables.iter().rev() {
            // Generations that were damaged tables stand between tables.
            while let Some(generation) = older.pop_if(|generation| generation.first_seq > pair.covered().0) {
                found.look_in(&generation);
            }
            match found.read_from(&pair.ids, buffer) {
                Ok(()) => {}
                Err(error) if error.retryable() => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(%error, "a damaged index is made again from the journal");
                    found.look_in(&*self.heal(pair)?);
                }
            }
        }
        older.iter().rev().for_each(|generation| found.look_in(generation));
        Ok(found.places)
    }

    /// Number of the merchant in whose ledger an event created transfers.
    pub(super) fn number_of_transfers(&self, event: &Event) -> Option<u32> {
        let Event::LedgerTransfersCreated { merchant, .. } = event else { return None };
        self.numbers.read().unwrap_or_else(PoisonError::into_inner).get(merchant).copied()
    }

    /// Where the last imported transfer stands that has this time or an earlier one, in the ledger of the merchant with this number
    /// and among the events up to `durable_seq`.
    pub(super) fn last_imported(&self, merchant: u32, timestamp: u64, durable_seq: u64) -> Result<Option<Place>, IndexError> {
        let bounds = key(Concern::Time, merchant, 0)..=key(Concern::Time, merchant, u128::from(timestamp));
        let (in_memory, tables) = {
            let inner = self.read();
            let generations = inner.closed.iter().map(Arc::as_ref).chain([&inner.open]);
            (generations.filter_map(|generation| generation.greatest_within(&bounds, durable_seq)).max(), Arc::clone(&inner.tables))
        };
        let mut last = in_memory;
        for pair in tables.iter() {
            match pair.ids.range(bounds.start()..=bounds.end()).next_back() {
                None => {}
                Some(Ok(entry)) => last = last.max(place_in(entry.value())),
                Some(Err(error)) if error.retryable() => return Err(error.into()),
                Some(Err(error)) => {
                    tracing::warn!(%error, "a damaged index is made again from the journal");
                    last = last.max(self.heal(pair)?.greatest_within(&bounds, durable_seq));
                }
            }
        }
        Ok(last)
    }

    /// The places of marks within bounds, in order of places or the newest first, at most so many.
    pub(super) fn marked(&self, bounds: &RangeInclusive<Key>, newest_first: bool, count_max: usize) -> Result<Vec<Place>, IndexError> {
        let (mut parts, tables) = {
            let inner = self.read();
            let generations = inner.closed.iter().map(Arc::as_ref).chain([&inner.open]);
            let marked = |generation: &Generation| {
                let marks = generation.marks.range(bounds.clone()).map(marks::place_of);
                let marks = if newest_first { marks.rev().take(count_max).collect() } else { marks.take(count_max).collect() };
                (generation.first_seq, marks)
            };
            (generations.map(marked).collect::<Vec<(u64, Vec<Place>)>>(), Arc::clone(&inner.tables))
        };
        for pair in tables.iter() {
            parts.push((pair.covered().0, self.marked_in(pair, bounds, newest_first, count_max)?));
        }
        parts.sort_unstable_by_key(|(first_seq, _)| *first_seq);
        if newest_first {
            parts.reverse();
        }
        Ok(parts.into_iter().flat_map(|(_, places)| places).take(count_max).collect())
    }

    fn marked_in(
        &self,
        pair: &Arc<Pair<I>>,
        bounds: &RangeInclusive<Key>,
        newest_first: bool,
        count_max: usize,
    ) -> Result<Vec<Place>, IndexError> {
        let mut range = pair.ids.range(bounds.start()..=bounds.end());
        let mut places = Vec::new();
        while places.len() < count_max {
            let Some(entry) = (if newest_first { range.next_back() } else { range.next() }) else { break };
            match entry {
                Ok(entry) => places.extend(place_in(entry.value())),
                Err(error) if error.retryable() => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(%error, "a damaged index is made again from the journal");
                    let healed = self.heal(pair)?;
                    let marks = healed.marks.range(bounds.clone()).map(marks::place_of);
                    return Ok(if newest_first { marks.rev().take(count_max).collect() } else { marks.take(count_max).collect() });
                }
            }
        }
        Ok(places)
    }

    /// Reads what a damaged table covers from the journal again; the builder makes another table of it.
    pub(super) fn heal(&self, damaged: &Arc<Pair<I>>) -> Result<Arc<Generation>, IndexError> {
        let (first_seq, last_seq) = damaged.covered();
        let generation = Arc::new(self.read_again(first_seq, last_seq)?);
        let mut inner = self.write();
        if inner.tables.iter().any(|table| Arc::ptr_eq(table, damaged)) {
            Arc::make_mut(&mut inner.tables).retain(|table| !Arc::ptr_eq(table, damaged));
            let at = inner.closed.partition_point(|other| other.first_seq < first_seq);
            inner.closed.insert(at, Arc::clone(&generation));
        }
        Ok(generation)
    }

    /// Makes room for the next generation unless there is some, or no ledger that needs it.
    pub(super) fn make_room(&self) {
        if !self.read().rooms.is_empty() || !self.has_ledgers() {
            return;
        }
        let mut places = Places::with_capacity(room(self.keys_max));
        // Keys all over it, so that the system gives it all of its memory now.
        let numbers = 0..u128::try_from(self.keys_max).unwrap_or(u128::MAX);
        places.extend(numbers.map(|number| (key(Concern::Id, 0, number), 0)));
        self.reuse(places);
    }

    /// Takes the room of a generation that is not needed any more.
    pub(super) fn reuse(&self, mut places: Places) {
        let usual = room(self.keys_max)..=2 * room(self.keys_max);
        if usual.contains(&places.capacity()) && self.read().rooms.len() < ROOMS_MAX {
            places.clear();
            self.write().rooms.push(places);
        }
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
        if matches!(entry.event, Event::PaymentsArchived { .. }) {
            self.has_payments.store(true, Ordering::Release);
        }
        let mut inner = self.write();
        let has_keys = match &entry.event {
            Event::LedgerAccountsCreated { metadata, .. } => !metadata.is_empty(),
            event => matches!(event, Event::LedgerTransfersCreated { .. } | Event::LedgerTransfersExpired { .. }),
        };
        if has_keys && inner.open.places.capacity() == 0 {
            let scarce = || Places::with_capacity(room(self.keys_max.min(KEYS_WITHOUT_ROOM)));
            inner.open.places = inner.rooms.pop().unwrap_or_else(scarce);
        }
        let is_noted = inner.open.note(seq, entry, number);
        if self.is_full(&inner.open) {
            inner.close();
        }
        is_noted
    }

    /// Everything up to this number is durable. A generation is also closed when it covers many events, so that a start need not
    /// read them again for the sake of a few transfers.
    pub(super) fn durable(&self, seq: u64) {
        self.durable_seq.store(seq, Ordering::Release);
        let (covers_many, has_superseded) = {
            let open = &self.read().open;
            (seq.saturating_sub(open.first_seq) >= EVENTS_BETWEEN, !open.superseded.is_empty())
        };
        if has_superseded {
            self.write().open.superseded.retain(|(by, ..)| *by > seq);
        }
        if covers_many && self.is_needed() {
            let mut inner = self.write();
            // What was applied after it is in there, too.
            inner.open.last_seq = inner.open.last_seq.max(seq);
            inner.close();
        }
    }

    /// Nothing after this number happened.
    pub(super) fn taken_back(&self, seq: u64) {
        let mut inner = self.write();
        while let Some(last) = inner.closed.pop_if(|last| last.last_seq > seq) {
            inner.open = Arc::unwrap_or_clone(last); // what was open came after it
        }
        inner.open.take_back(seq);
    }
}

/// The place that is the value of an id.
fn place_in(value: &[u8]) -> Option<Place> {
    <[u8; 8]>::try_from(value).ok().map(|bytes| Place(u64::from_be_bytes(bytes)))
}

/// Keys that are looked for together, from the newest events to the oldest: the first place that is found is the newest.
struct Search<'k> {
    keys: &'k [Key],
    places: Vec<Option<Place>>,
    /// The numbers of the keys that were not found yet, ascending.
    missing: Vec<usize>,
    /// Which of the missing ones a filter lets through.
    candidates: Vec<usize>,
}

impl<'k> Search<'k> {
    fn new(keys: &'k [Key]) -> Self {
        Self { keys, places: vec![None; keys.len()], missing: (0..keys.len()).collect(), candidates: Vec::new() }
    }

    /// Looks for what is missing in a generation.
    fn look_in(&mut self, generation: &Generation) {
        let Self { keys, places, missing, .. } = self;
        missing.retain(|number| {
            places[*number] = generation.find(&keys[*number]);
            places[*number].is_none()
        });
    }

    /// Looks for what is missing in a table. What was found before a failure stays found.
    fn read_from<I: Io>(&mut self, table: &Table<I>, buffer: &mut BlockBuffer) -> Result<(), table::Error> {
        let Self { keys, places, missing, candidates } = self;
        table.candidates(missing.iter().map(|number| keys[*number].as_slice()), candidates);
        let read = candidates.iter().map(|candidate| missing[*candidate]).try_for_each(|number| {
            let value = table.value(buffer, &keys[number])?;
            places[number] = value.and_then(place_in);
            Ok(())
        });
        if !candidates.is_empty() {
            missing.retain(|number| places[*number].is_none());
        }
        read
    }
}

/// The runs of events that tables in the folder say they cover, in order, wider ones first.
fn found_tables<I: Io>(io: &I) -> Result<Vec<(u64, u64)>, IndexError> {
    let names = io.list(INDEX_DIR).map_err(journal::IoFailure::on("list", INDEX_DIR))?;
    let covered = |name: &String| {
        let (stem, ending) = name.rsplit_once('.')?;
        let (first_seq, last_seq) = stem.split_once('-').filter(|_| ending == IDS || ending == LINES)?;
        Some((first_seq.parse().ok()?, last_seq.parse().ok()?))
    };
    let mut found: Vec<(u64, u64)> = names.iter().filter_map(covered).collect();
    found.sort_by_key(|(first_seq, last_seq)| (*first_seq, std::cmp::Reverse(*last_seq)));
    found.dedup();
    Ok(found)
}

/// The tables of a run of events; `None` when one is missing, damaged, or of another release.
fn open_pair<I: Io + Clone>(io: &I, first_seq: u64, last_seq: u64) -> Result<Option<Pair<I>>, IndexError> {
    match Pair::open(io, first_seq, last_seq) {
        Ok(pair) if pair.is_of(first_seq, last_seq) => Ok(Some(pair)),
        Ok(_) => Ok(None),
        Err(table::Error::Io(failure)) if failure.source.kind() != std::io::ErrorKind::NotFound => Err(failure.into()),
        Err(error) => {
            tracing::warn!(%error, "a missing or damaged index is made again from the journal");
            Ok(None)
        }
    }
}

/// The events that a table covers.
fn covered<I: Io>(table: &Table<I>) -> (u64, u64) {
    let about = table.about();
    let number = |from: usize| u64::from_be_bytes(std::array::from_fn(|index| about[from + index]));
    (number(0) & (u64::MAX >> 8), number(8))
}

/// How a table says which events it covers, and what it knows of them. A table that knows less is made again from the journal.
pub(super) fn about(first_seq: u64, last_seq: u64) -> [u8; 16] {
    let mut about = (u128::from(first_seq) << 64 | u128::from(last_seq)).to_be_bytes();
    about[0] = KNOWS;
    about
}

/// Removes the tables of a run of events; what cannot be removed is found again at the next start.
pub(super) fn remove_pair<I: Io>(io: &I, first_seq: u64, last_seq: u64) {
    for ending in [IDS, LINES] {
        let path = path(first_seq, last_seq, ending);
        match io.remove(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, path, "an index that is of no use could not be removed");
            }
            Ok(()) | Err(_) => {}
        }
    }
}
