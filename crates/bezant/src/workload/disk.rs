//! A ledger on disk: a journal, the index of its history, and in memory what the platform itself has there. Each operation is durable
//! when it is answered. The same parts as in the platform, without its threads: tables of the index are made between operations.

use super::book::{Balance, Filter, Sums};
use super::clock::{Clock, START_NS};
use super::{Keeper, NotDone};
use crate::archive::{self, Archive, Finder, GENERATION_KEYS_DEFAULT, Index, IndexError, builder};
use crate::partition;
use api::{LedgerFilter, LedgerLines, LedgerPeriod};
use base::{MerchantId, Timestamp};
use engine::event::VERSION_MAX;
use engine::{Command, Entry, Event, LedgerAnswer, LedgerTexts, Reply, State};
use journal::{AppendError, Batch, FileJournal, Journal, OpenError, Options, OsIo};
use ledger::{Account, AccountFlags, AccountResult, BATCH_EVENTS_MAX, Ledger, Transfer, TransferResult};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The one whose ledger it is.
const MERCHANT: MerchantId = MerchantId::from_u128(1);
/// Its number, by which the index knows it.
const NUMBER: u32 = 1;
/// The leader of the journal, the first and last one.
const EPOCH: u64 = 1;
/// Transfers or lines that are taken from history at once.
const PAGE: usize = 1_000;

/// Why a ledger on disk cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The folder is there already.
    #[error("{} exists already, and a workload begins with a fresh ledger: name a folder that does not exist", .0.display())]
    Exists(PathBuf),
    /// The folder cannot be made.
    #[error("cannot create {}: {source}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The journal cannot be opened.
    #[error(transparent)]
    Open(Box<OpenError>),
    /// The journal takes no more.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// History cannot be read, or not be put in order.
    #[error(transparent)]
    Archive(Box<archive::Error>),
}

impl From<OpenError> for Failed {
    fn from(error: OpenError) -> Self {
        Self::Open(Box::new(error))
    }
}

impl From<archive::Error> for Failed {
    fn from(error: archive::Error) -> Self {
        Self::Archive(Box::new(error))
    }
}

impl From<IndexError> for Failed {
    fn from(error: IndexError) -> Self {
        archive::Error::from(error).into()
    }
}

impl From<Failed> for NotDone {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

/// How a ledger lies on disk.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Keys of the index that are in memory before they are written to a table.
    pub generation_keys: usize,
    /// The length of the journal's segments, in bytes: a multiple of 4096 with room for [`partition::BATCH_BYTES_MAX`].
    pub segment_bytes: u64,
}

impl Layout {
    /// As the platform has it.
    pub const PLATFORM: Self = Self { generation_keys: GENERATION_KEYS_DEFAULT, segment_bytes: journal::SEGMENT_BYTES_DEFAULT };
}

/// A ledger on disk and its clock.
pub(super) struct DiskBook {
    clock: Clock,
    state: State,
    journal: FileJournal<OsIo>,
    index: Arc<Index>,
    archive: Archive,
    finder: Finder,
}

impl DiskBook {
    /// A fresh ledger in a folder that does not exist.
    pub(super) fn create(folder: &Path, layout: Layout) -> Result<Self, Failed> {
        create_folder(folder)?;
        let io = OsIo::new(folder);
        let Layout { generation_keys, segment_bytes } = layout;
        let options = Options { batch_bytes_max: partition::BATCH_BYTES_MAX, segment_bytes, ..Options::for_partition(0) };
        let (journal, _) = FileJournal::open(io.clone(), options)?;
        let state = State::new();
        let index = Arc::new(Index::open(io, journal.reader(), &state, generation_keys)?);
        let archive = Archive::new(Arc::clone(&index), journal.reader());
        let finder = Finder::new(Arc::clone(&index), journal.reader());
        let mut book = Self { clock: Clock::new(), state, journal, index, archive, finder };
        for event in [
            Event::MinVersionRaised { version: VERSION_MAX },
            Event::MerchantCreated { merchant: MERCHANT, number: NUMBER, handle: "workload".to_owned() },
        ] {
            let entry = Entry { at: Timestamp::from_ns(START_NS - 1), event, legs: Vec::new() };
            book.state.evolve(&entry);
            book.append(&entry)?;
        }
        Ok(book)
    }

    /// Nothing follows: damage of the last batch can be told from a torn one.
    pub(super) fn seal(&mut self) -> Result<(), Failed> {
        Ok(self.journal.seal()?)
    }

    /// Decides a command at a time and makes what happened durable.
    fn book(&mut self, at_ns: u64, command: &Command) -> Result<(Reply, Option<Entry>), Failed> {
        self.archive.recall(&mut self.state, command)?;
        // What expired has the time that the clock shows, and so may the first event after it. The platform's clock would move on.
        self.state.last_at = self.state.last_at.min(Timestamp::from_ns(at_ns - 1));
        let booked = self.state.book(Timestamp::from_ns(at_ns), command);
        if let Some(found) = self.state.ledgers.get_mut(&MERCHANT) {
            found.ledger.forget();
        }
        if let Some(entry) = &booked.entry {
            self.append(entry)?;
            builder::work_off(&self.index)?;
        }
        Ok((booked.reply, booked.entry))
    }

    fn append(&mut self, entry: &Entry) -> Result<(), Failed> {
        let seq = self.state.next_seq - 1;
        self.archive.note(&self.state, seq, entry);
        let encoded = events::encode_batch(std::slice::from_ref(entry));
        let batch = Batch { event_count: encoded.event_count, events: &encoded.events, transfers: &encoded.transfers };
        self.journal.append(seq, EPOCH, batch)?;
        self.archive.durable(seq);
        Ok(())
    }

    fn ledger(&self) -> Option<&Ledger> {
        self.state.ledgers.get(&MERCHANT).map(|found| &found.ledger)
    }

    /// The transfers of an account that a filter takes, each with the number of its place.
    fn found(&mut self, filter: &Filter) -> Result<Vec<(u64, Transfer)>, Failed> {
        if !filter.is_valid() {
            return Ok(Vec::new());
        }
        let mut lines = LedgerLines {
            account: Some(filter.account_id),
            after: None,
            newest_first: filter.reversed,
            count_max: PAGE,
            filter: asked(filter),
        };
        let mut found = Vec::new();
        loop {
            lines.count_max = PAGE.min(filter.limit() - found.len());
            let page = self.finder.transfers_where(NUMBER, &lines)?;
            found.extend(page.transfers.into_iter().map(|(place, found)| (place, found.transfer)));
            lines.after = page.next;
            if found.len() == filter.limit() || page.next.is_none() {
                return Ok(found);
            }
        }
    }

    /// The balances of an account after some of its transfers, in the same order.
    fn balances_after(&mut self, account: u128, transfers: &[(u64, Transfer)]) -> Result<Vec<Balance>, Failed> {
        let mut sorted: Vec<u64> = transfers.iter().map(|(place, _)| *place).collect();
        sorted.sort_unstable();
        let mut wanted = sorted.iter().peekable();
        let mut after = sorted.first().and_then(|first| first.checked_sub(1));
        let mut found = Vec::new();
        while wanted.peek().is_some() {
            let page = self.finder.statement(NUMBER, account, LedgerPeriod::default(), after, PAGE)?;
            for line in page.lines {
                if wanted.next_if(|place| **place == line.place).is_some() {
                    found.push(Balance { sums: Sums::of(&line.balances), timestamp: line.transfer.transfer.timestamp });
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found.len(), transfers.len(), "a statement has every transfer of its account");
        let is_reversed = transfers.first().map(|(place, _)| place) > transfers.last().map(|(place, _)| place);
        if is_reversed {
            found.reverse();
        }
        Ok(found)
    }
}

impl Keeper for DiskBook {
    fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    fn create_accounts(&mut self, events: Vec<Account>) -> Result<Vec<AccountResult>, NotDone> {
        let first = self.clock.pass(events.len()).map_err(NotDone::Refused)?;
        let command = Command::CreateLedgerAccounts { merchant: MERCHANT, accounts: events, texts: LedgerTexts::default() };
        match self.book(first, &command)? {
            (Reply::LedgerAccounts { results }, _) => Ok(results),
            (other, _) => unreachable!("accounts are not answered {other:?}"),
        }
    }

    fn create_transfers(&mut self, events: Vec<Transfer>) -> Result<Vec<TransferResult>, NotDone> {
        let first = self.clock.pass(events.len()).map_err(NotDone::Refused)?;
        let (texts, answer) = (LedgerTexts::default(), LedgerAnswer::Statuses);
        match self.book(first, &Command::CreateLedgerTransfers { merchant: MERCHANT, transfers: events, texts, answer })? {
            (Reply::LedgerTransfers { results, .. }, _) => Ok(results),
            (other, _) => unreachable!("transfers are not answered {other:?}"),
        }
    }

    fn tick(&mut self, ns: u64) -> Result<Vec<u128>, NotDone> {
        self.clock.tick(ns).map_err(NotDone::Refused)?;
        let mut all = Vec::new();
        loop {
            let (_, entry) = self.book(self.clock.now_ns(), &Command::ExpireLedgerTransfers { merchant: MERCHANT })?;
            let expired = entry.map(|entry| entry.legs).unwrap_or_default();
            all.extend(expired.iter().map(|pending| pending.id));
            if expired.len() < BATCH_EVENTS_MAX {
                return Ok(all);
            }
        }
    }

    fn account(&mut self, id: u128) -> Result<Option<Account>, NotDone> {
        Ok(self.ledger().and_then(|ledger| ledger.account(id)).copied())
    }

    fn transfer(&mut self, id: u128) -> Result<Option<Transfer>, NotDone> {
        Ok(self.finder.transfer(NUMBER, id).map_err(Failed::from)?.map(|found| found.transfer))
    }

    fn account_transfers(&mut self, filter: &Filter) -> Result<Vec<Transfer>, NotDone> {
        Ok(self.found(filter)?.into_iter().map(|(_, transfer)| transfer).collect())
    }

    fn account_balances(&mut self, filter: &Filter) -> Result<Vec<Balance>, NotDone> {
        let account = self.ledger().and_then(|ledger| ledger.account(filter.account_id));
        if !account.is_some_and(|account| account.flags.contains(AccountFlags::HISTORY)) {
            return Ok(Vec::new());
        }
        let found = self.found(filter)?;
        Ok(self.balances_after(filter.account_id, &found)?)
    }
}

/// A new folder, whose name is durable.
fn create_folder(folder: &Path) -> Result<(), Failed> {
    let failed = |source| Failed::Folder { folder: folder.to_owned(), source };
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(failed)?;
    fs::create_dir(folder).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Failed::Exists(folder.to_owned()),
        _ => failed(source),
    })?;
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)
}

/// The same question in the words of history: what is not asked for is left out.
fn asked(filter: &Filter) -> LedgerFilter {
    let Filter {
        account_id: _,
        user_data_128,
        user_data_64,
        user_data_32,
        code,
        timestamp_min,
        timestamp_max,
        limit: _,
        debits,
        credits,
        reversed: _,
        reserved_bits: _,
    } = *filter;
    LedgerFilter {
        period: LedgerPeriod {
            from_ns: (timestamp_min != 0).then_some(timestamp_min),
            until_ns: (timestamp_max != 0).then_some(timestamp_max + 1),
        },
        is_credit: (debits != credits).then_some(credits),
        amount_min: None,
        amount_max: None,
        ledger: None,
        code: (code != 0).then_some(code),
        user_data_128: (user_data_128 != 0).then_some(user_data_128),
        user_data_64: (user_data_64 != 0).then_some(user_data_64),
        user_data_32: (user_data_32 != 0).then_some(user_data_32),
        pending_state: None,
        metadata: None,
    }
}
