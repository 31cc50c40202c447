//! The index of merchants' ledgers without a platform around it.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use api::{FoundTransfer, LedgerFilter, LedgerLines, LedgerPeriod, LedgerStatementLine, MetadataFilter, PendingState};
use base::{MerchantId, OperatorId, Timestamp};
use bezant::archive::{Archive, Finder, GENERATION_KEYS_DEFAULT, Index, builder};
use engine::{Booked, Command, Entry, Event, LedgerAnswer, LedgerTexts, Reply, State};
use journal::{Batch, FileJournal, Journal, Options, OsIo};
use ledger::{Account, Balances, CreateTransferStatus, Items, Metadata, Transfer, TransferFlags, TransferResult};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use support::{Folder, wait_for};

const MERCHANT: MerchantId = MerchantId::from_u128(1);
const OTHER: MerchantId = MerchantId::from_u128(2);
/// Events of another kind after the ledger's: as many as make a snapshot due.
const OTHERS: u64 = bezant::snapshots::EVENTS_BETWEEN;
const BATCH: usize = 10_000;

fn entry(number: u64, event: Event, legs: Vec<Transfer>) -> Entry {
    Entry { at: Timestamp::from_ns(1_000 + number), event, legs }
}

#[test]
fn a_few_transfers_among_many_events_are_in_a_table_and_need_not_be_read_again() {
    let folder = Folder::new("archive-few");
    let io = OsIo::new(&folder.0);
    let (mut journal, _) = FileJournal::open(io.clone(), Options::for_partition(0)).unwrap();
    let account = |id, timestamp| Account { id, ledger: 1, code: 1, timestamp, ..Account::default() };
    let transfer = Transfer {
        id: 9,
        debit_account_id: 1,
        credit_account_id: 2,
        amount: 7,
        ledger: 1,
        code: 1,
        timestamp: 1_003,
        ..Transfer::default()
    };
    let note = Metadata::new([("note", "second")]).unwrap();
    let mut described = Items::NONE;
    described.push(1, note.clone());
    let mut entries = vec![
        entry(0, Event::MinVersionRaised { version: 1 }, Vec::new()),
        entry(1, Event::MerchantCreated { merchant: MERCHANT, number: 1, handle: "shop".into() }, Vec::new()),
        entry(
            2,
            Event::LedgerAccountsCreated {
                merchant: MERCHANT,
                accounts: vec![account(1, 1_001), account(2, 1_002)],
                names: Items::NONE,
                metadata: described,
            },
            Vec::new(),
        ),
        entry(
            3,
            Event::LedgerTransfersCreated { merchant: MERCHANT, burned: vec![10], released: Vec::new(), metadata: Items::NONE },
            vec![transfer],
        ),
    ];
    let admitted = |number: u64| Event::OperatorCreated { operator: OperatorId::from_u128(number.into()), handle: number.to_string() };
    entries.extend((4..4 + OTHERS).map(|number| entry(number, admitted(number), Vec::new())));
    let mut state = State::new();
    entries.iter().for_each(|entry| state.evolve(entry));
    for part in entries.chunks(BATCH) {
        let encoded = events::encode_batch(part);
        let batch = Batch { event_count: encoded.event_count, events: &encoded.events, transfers: &encoded.transfers };
        journal.append(journal.tail().next_seq, 1, batch).unwrap();
    }
    let index = Arc::new(Index::open(io.clone(), journal.reader(), &state, 1_024).unwrap());
    let (stop, stopped) = channel::<()>();
    let built = Arc::clone(&index);
    let building = std::thread::spawn(move || builder::run(&built, &stopped));
    let table = folder.join(&format!("index/{:020}-{:020}.lines", 1, entries.len()));
    wait_for("a table of all events", || table.exists().then_some(()));
    drop(stop);
    building.join().unwrap();
    let again = Arc::new(Index::open(io, journal.reader(), &state, 1_024).unwrap());
    for index in [index, again] {
        let mut finder = Finder::new(index, journal.reader());
        assert_eq!(finder.transfer(1, 9).unwrap(), Some(FoundTransfer { transfer, metadata: Metadata::none() }));
        assert_eq!([1, 2, 3].map(|id| finder.account_metadata(1, id).unwrap()), [Metadata::none(), note.clone(), Metadata::none()]);
        assert_eq!(finder.account_metadata(2, 2).unwrap(), Metadata::none(), "another merchant's account");
        assert_eq!(finder.transfer(1, 10).unwrap(), None, "a burned id is no transfer");
        assert_eq!(finder.transfer(2, 9).unwrap(), None, "another merchant's ledger");
    }
}

/// The first keys come before there is room for a whole generation of them: nobody waits until there is.
#[test]
fn a_generation_for_which_there_is_no_room_yet_is_a_small_one() {
    let mut world = World::with_keys(GENERATION_KEYS_DEFAULT);
    (0..10).for_each(|_| world.act(&Act::Book(vec![(1, 2, 1, false); 4_000])));
    assert!(world.index.keys_waiting() > 0, "the first generation was closed, and is far from full");
    builder::work_off(&world.index).unwrap();
    assert_eq!(world.index.keys_waiting(), 0);
}

/// What a merchant did to its ledger.
#[derive(Clone, Debug)]
enum Act {
    /// Transfers between accounts of a few, some of them pending.
    Book(Vec<(u8, u8, u64, bool)>),
    /// The end of the pending transfer that was made so long ago, with all or some of its amount.
    Resolve { back: usize, posts: bool, part: u64 },
    /// Transfers of long ago, in order.
    Import(Vec<(u8, u8, u64)>),
    /// What was made so long ago comes again, as it was and with other metadata; and an account.
    Resend { back: usize },
    /// Seconds.
    Wait(u64),
    /// The index makes tables of what it has in memory.
    Build,
}

fn any_act() -> impl Strategy<Value = Act> {
    let pair = || (1..5_u8, 1..5_u8, 1..50_u64);
    prop_oneof![
        6 => vec((1..5_u8, 1..5_u8, 1..50_u64, any::<bool>()), 1..20).prop_map(Act::Book),
        3 => (0..6_usize, any::<bool>(), 1..60_u64).prop_map(|(back, posts, part)| Act::Resolve { back, posts, part }),
        1 => vec(pair(), 1..4).prop_map(Act::Import),
        2 => (0..30_usize).prop_map(|back| Act::Resend { back }),
        2 => (1..40_u64).prop_map(Act::Wait),
        2 => Just(Act::Build),
    ]
}

/// The metadata that something is created with: some have none.
fn metadata_of(id: u128) -> Metadata {
    let (order, note) = ((id % 5).to_string(), "n".repeat(usize::try_from(id % 100).unwrap()));
    if id.is_multiple_of(3) { Metadata::none() } else { Metadata::new([("order", order.as_str()), ("note", &note)]).unwrap() }
}

/// What was created under these ids, each with its own metadata.
fn texts_of(ids: impl Iterator<Item = u128>) -> LedgerTexts {
    let mut metadata = Items::NONE;
    ids.map(metadata_of).enumerate().filter(|(_, own)| !own.is_empty()).for_each(|(item, own)| metadata.push(item, own));
    LedgerTexts { metadata, ..LedgerTexts::default() }
}

fn pair(key: &str, value: Option<&str>) -> Option<MetadataFilter> {
    Some(MetadataFilter { key: key.into(), value: value.map(str::to_owned) })
}

fn described(transfer: Transfer) -> FoundTransfer {
    FoundTransfer { transfer, metadata: metadata_of(transfer.id) }
}

/// A line as it was when it happened.
#[derive(Clone, Copy, Debug)]
struct Line {
    account: u128,
    at_ns: u64,
    transfer: Transfer,
    is_expiry: bool,
    balances: Balances,
}

/// A ledger whose history is in a journal and an index, and all that happened in it.
struct World {
    _folder: Folder,
    state: State,
    journal: FileJournal<OsIo>,
    index: Arc<Index>,
    archive: Archive,
    now: u64,
    next_id: u128,
    lines: Vec<Line>,
    balances: BTreeMap<u128, Balances>,
    pending: BTreeMap<u128, Transfer>,
}

fn account(id: u128) -> Account {
    Account { id, ledger: 1, code: 1, ..Account::default() }
}

const SECOND_NS: u64 = 1_000_000_000;
/// Keys of a generation: few, so that there are many tables, and merges of them.
const GENERATION_KEYS: usize = 24;

impl World {
    fn new() -> Self {
        Self::with_keys(GENERATION_KEYS)
    }

    /// With so many keys of a generation.
    fn with_keys(generation_keys: usize) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let folder = Folder::new(&format!("archive-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let io = OsIo::new(&folder.0);
        let (journal, _) = FileJournal::open(io.clone(), Options::for_partition(0)).unwrap();
        let state = State::new();
        let index = Arc::new(Index::open(io, journal.reader(), &state, generation_keys).unwrap());
        let archive = Archive::new(Arc::clone(&index), journal.reader());
        let (lines, balances, pending) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let mut world = Self { _folder: folder, state, journal, index, archive, now: 1_000, next_id: 1, lines, balances, pending };
        for event in [
            Event::MinVersionRaised { version: 1 },
            Event::MerchantCreated { merchant: OTHER, number: 1, handle: "other".into() },
            Event::MerchantCreated { merchant: MERCHANT, number: 2, handle: "shop".into() },
        ] {
            let entry = Entry { at: Timestamp::from_ns(world.now), event, legs: Vec::new() };
            world.state.evolve(&entry);
            world.append(&entry);
        }
        for merchant in [MERCHANT, OTHER] {
            world.book(&Command::CreateLedgerAccounts { merchant, accounts: (1..5).map(account).collect(), texts: texts_of(1..5) });
        }
        world
    }

    fn append(&mut self, entry: &Entry) {
        let seq = self.state.next_seq - 1;
        self.archive.note(&self.state, seq, entry);
        let encoded = events::encode_batch(std::slice::from_ref(entry));
        let batch = Batch { event_count: encoded.event_count, events: &encoded.events, transfers: &encoded.transfers };
        self.journal.append(seq, 1, batch).unwrap();
        self.archive.durable(seq);
    }

    fn book(&mut self, command: &Command) -> Reply {
        self.now = self.now.max(self.state.last_at.ns()) + 1;
        self.archive.recall(&mut self.state, command).unwrap();
        let Booked { entry, reply } = self.state.book(Timestamp::from_ns(self.now), command);
        for found in self.state.ledgers.values_mut() {
            found.ledger.forget();
        }
        let Some(entry) = entry else { return reply };
        self.append(&entry);
        match &entry.event {
            Event::LedgerTransfersCreated { merchant: MERCHANT, .. } => {
                entry.legs.iter().for_each(|leg| self.happened(leg, leg.timestamp, false))
            }
            Event::LedgerTransfersExpired { merchant: MERCHANT } => {
                entry.legs.iter().for_each(|leg| self.happened(leg, entry.at.ns(), true))
            }
            _ => {}
        }
        reply
    }

    /// Writes down what a transfer or an expiry did, in the plainest way.
    fn happened(&mut self, transfer: &Transfer, at_ns: u64, is_expiry: bool) {
        let (mut reserved, mut released, mut posted) = (0, 0, 0);
        if is_expiry {
            released = self.pending.remove(&transfer.id).unwrap().amount;
        } else if transfer.is_resolution() {
            released = self.pending.remove(&transfer.pending_id).unwrap().amount;
            posted = if transfer.flags.contains(TransferFlags::POST_PENDING_TRANSFER) { transfer.amount } else { 0 };
        } else if transfer.flags.contains(TransferFlags::PENDING) {
            self.pending.insert(transfer.id, *transfer);
            reserved = transfer.amount;
        } else {
            posted = transfer.amount;
        }
        let debit = self.balances.entry(transfer.debit_account_id).or_default();
        debit.debits_pending = debit.debits_pending + reserved - released;
        debit.debits_posted += posted;
        self.lines.push(Line { account: transfer.debit_account_id, at_ns, transfer: *transfer, is_expiry, balances: *debit });
        let credit = self.balances.entry(transfer.credit_account_id).or_default();
        credit.credits_pending = credit.credits_pending + reserved - released;
        credit.credits_posted += posted;
        self.lines.push(Line { account: transfer.credit_account_id, at_ns, transfer: *transfer, is_expiry, balances: *credit });
    }

    fn id(&mut self) -> u128 {
        self.next_id += 1;
        self.next_id
    }

    fn transfer(&mut self, debit: u8, credit: u8, amount: u64) -> Transfer {
        let (debit_account_id, credit_account_id) = (debit.into(), credit.into());
        let user_data_32 = u32::try_from(amount % 3).unwrap();
        Transfer {
            id: self.id(),
            debit_account_id,
            credit_account_id,
            amount: amount.into(),
            user_data_32,
            ledger: 1,
            code: 1,
            ..Transfer::default()
        }
    }

    fn act(&mut self, act: &Act) {
        let made = |transfers: Vec<Transfer>| {
            let texts = texts_of(transfers.iter().map(|transfer| transfer.id));
            Command::CreateLedgerTransfers { merchant: MERCHANT, transfers, texts, answer: LedgerAnswer::Statuses }
        };
        match act {
            Act::Book(all) => {
                let transfers = all.iter().map(|(debit, credit, amount, is_pending)| {
                    let transfer = self.transfer(*debit, *credit, *amount);
                    let flags = if *is_pending { TransferFlags::PENDING } else { TransferFlags::NONE };
                    Transfer { flags, timeout_s: if *is_pending && amount % 2 == 0 { 30 } else { 0 }, ..transfer }
                });
                let command = made(transfers.collect());
                self.book(&command);
                // Another merchant does the same in a ledger of its own.
                let Command::CreateLedgerTransfers { transfers, .. } = command else { unreachable!() };
                self.book(&Command::CreateLedgerTransfers {
                    merchant: OTHER,
                    transfers,
                    texts: LedgerTexts::default(),
                    answer: LedgerAnswer::Statuses,
                });
            }
            Act::Resolve { back, posts, part } => {
                let Some(pending) = self.pending.values().rev().nth(*back).copied() else { return };
                let amount = if *posts { pending.amount.min((*part).into()) } else { 0 };
                let flags = if *posts { TransferFlags::POST_PENDING_TRANSFER } else { TransferFlags::VOID_PENDING_TRANSFER };
                let id = self.id();
                self.book(&made(vec![Transfer { id, pending_id: pending.id, amount, flags, ..Transfer::default() }]));
            }
            Act::Import(all) => {
                self.now = self.now.max(self.state.last_at.ns()) + 100;
                let first = self.state.last_at.ns() + 10;
                let imported = (first..).step_by(3).zip(all);
                let transfers = imported.map(|(timestamp, (debit, credit, amount))| Transfer {
                    timestamp,
                    flags: TransferFlags::IMPORTED,
                    ..self.transfer(*debit, *credit, *amount)
                });
                let command = made(transfers.collect());
                self.book(&command);
            }
            Act::Resend { back } => self.resend(*back),
            Act::Wait(seconds) => {
                self.now += seconds * SECOND_NS;
                while self.state.ledger_due(Timestamp::from_ns(self.now)) == Some(MERCHANT) {
                    self.book(&Command::ExpireLedgerTransfers { merchant: MERCHANT });
                }
            }
            Act::Build => builder::work_off(&self.index).unwrap(),
        }
    }

    fn resend(&mut self, back: usize) {
        let is_made = |line: &&Line| {
            let kind = TransferFlags::IMPORTED.union(TransferFlags::POST_PENDING_TRANSFER).union(TransferFlags::VOID_PENDING_TRANSFER);
            !line.is_expiry && !line.transfer.flags.intersects(kind)
        };
        let Some(Line { transfer, .. }) = self.lines.iter().rev().filter(is_made).nth(back).copied() else { return };
        let (made, other) = (Transfer { timestamp: 0, ..transfer }, Metadata::new([("order", "another")]).unwrap());
        let mut texts = texts_of([transfer.id].into_iter());
        texts.metadata.push(1, other.clone());
        let command =
            Command::CreateLedgerTransfers { merchant: MERCHANT, transfers: vec![made; 2], texts, answer: LedgerAnswer::Statuses };
        let Reply::LedgerTransfers { results, .. } = self.book(&command) else { panic!("results are answered") };
        assert_eq!(results[0], TransferResult { status: CreateTransferStatus::Exists, timestamp: transfer.timestamp });
        assert_eq!(results[1].status, CreateTransferStatus::ExistsWithDifferentMetadata);
        let id = transfer.debit_account_id;
        let mut texts = texts_of([id].into_iter());
        texts.metadata.push(1, other);
        let command = Command::CreateLedgerAccounts { merchant: MERCHANT, accounts: vec![account(id); 2], texts };
        let Reply::LedgerAccounts { results } = self.book(&command) else { panic!("results are answered") };
        let statuses = results.iter().map(|result| result.status.name());
        assert!(statuses.eq(["exists", "exists_with_different_metadata"]), "{results:?}");
    }

    fn finder(&self) -> Finder {
        Finder::new(Arc::clone(&self.index), self.journal.reader())
    }

    /// Compares what is found about a period with what happened.
    fn compare(&self, account: u128, period: LedgerPeriod) {
        let mut finder = self.finder();
        let of_account: Vec<&Line> = self.lines.iter().filter(|line| line.account == account).collect();
        let before = |time: Option<u64>| {
            let last = of_account.iter().rev().find(|line| time.is_none_or(|time| line.at_ns < time));
            last.map(|line| line.balances).unwrap_or_default()
        };
        assert_eq!(finder.balances_before(2, account, period.until_ns).unwrap(), before(period.until_ns));
        let is_within =
            |line: &&&Line| period.from_ns.is_none_or(|from| line.at_ns >= from) && period.until_ns.is_none_or(|until| line.at_ns < until);
        let expected: Vec<&Line> = of_account.iter().filter(is_within).copied().collect();
        let (mut after, mut found) = (None, Vec::new());
        loop {
            let page = finder.statement(2, account, period, after, 5).unwrap();
            assert_eq!(page.opening, before(Some(period.from_ns.unwrap_or(0))));
            let is_empty = period.from_ns.zip(period.until_ns).is_some_and(|(from, until)| from >= until);
            assert_eq!(page.closing, if is_empty { page.opening } else { before(period.until_ns) });
            found.extend(page.lines);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let shown = |line: &LedgerStatementLine| (line.at_ns, line.transfer.clone(), line.is_expiry, line.balances);
        let happened = |line: &&Line| (line.at_ns, described(line.transfer), line.is_expiry, line.balances);
        assert_eq!(found.iter().map(shown).collect::<Vec<_>>(), expected.iter().map(happened).collect::<Vec<_>>());
        self.compare_transfers(account, period, &expected);
    }

    /// Compares lists of transfers with what happened, with every filter.
    fn compare_transfers(&self, account: u128, period: LedgerPeriod, expected: &[&Line]) {
        let any = LedgerFilter { period, ..LedgerFilter::default() };
        let filters = [
            any.clone(),
            LedgerFilter { is_credit: Some(true), amount_min: Some(10), amount_max: Some(30), ..any.clone() },
            LedgerFilter { user_data_32: Some(1), ..any.clone() },
            LedgerFilter { metadata: pair("order", None), is_credit: Some(true), ..any.clone() },
            LedgerFilter { metadata: pair("order", Some("4")), ..any.clone() },
            LedgerFilter { metadata: pair("note", Some("")), user_data_32: Some(2), ..any.clone() },
            LedgerFilter { metadata: pair("none", None), ..any.clone() },
            LedgerFilter { pending_state: Some(PendingState::Pending), ..any.clone() },
            LedgerFilter { pending_state: Some(PendingState::Posted), is_credit: Some(false), ..any.clone() },
            LedgerFilter { pending_state: Some(PendingState::Voided), ..any.clone() },
            LedgerFilter { pending_state: Some(PendingState::Expired), ..any.clone() },
        ];
        for filter in filters {
            for newest_first in [false, true] {
                let mut expected: Vec<FoundTransfer> = expected
                    .iter()
                    .filter(|line| !line.is_expiry && filter.takes(&line.transfer, Some(&metadata_of(line.transfer.id))))
                    .filter(|line| filter.is_credit.is_none_or(|is_credit| is_credit == (line.transfer.credit_account_id == account)))
                    .filter(|line| filter.pending_state.is_none_or(|state| self.state_of(&line.transfer) == Some(state)))
                    .map(|line| described(line.transfer))
                    .collect();
                if newest_first {
                    expected.reverse();
                }
                let (mut after, mut found, mut finder) = (None, Vec::new(), self.finder());
                loop {
                    let lines = LedgerLines { account: Some(account), after, newest_first, count_max: 4, filter: filter.clone() };
                    let page = finder.transfers_where(2, &lines).unwrap();
                    found.extend(page.transfers.into_iter().map(|(_, transfer)| transfer));
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(found, expected, "{filter:?}");
            }
        }
    }

    /// Compares the list of all accounts' transfers with what happened.
    fn compare_all(&self, period: LedgerPeriod) {
        let any = LedgerFilter { period, ledger: Some(1), ..LedgerFilter::default() };
        for filter in [
            LedgerFilter { amount_min: Some(10), ..any.clone() },
            LedgerFilter { user_data_32: Some(1), amount_max: Some(30), ..any.clone() },
            LedgerFilter { metadata: pair("order", Some("2")), ..any },
        ] {
            self.compare_all_with(&filter);
        }
    }

    fn compare_all_with(&self, filter: &LedgerFilter) {
        let period = filter.period;
        let is_within = |at: u64| period.from_ns.is_none_or(|from| at >= from) && period.until_ns.is_none_or(|until| at < until);
        let once = self.lines.iter().filter(|line| !line.is_expiry && line.account == line.transfer.debit_account_id);
        let expected = once
            .filter(|line| is_within(line.at_ns) && filter.takes(&line.transfer, Some(&metadata_of(line.transfer.id))))
            .map(|line| described(line.transfer));
        let (mut after, mut found, mut finder) = (None, Vec::new(), self.finder());
        loop {
            let lines = LedgerLines { account: None, after, newest_first: false, count_max: 7, filter: filter.clone() };
            let page = finder.transfers_where(2, &lines).unwrap();
            found.extend(page.transfers.into_iter().map(|(_, transfer)| transfer));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, expected.collect::<Vec<_>>());
    }

    fn state_of(&self, pending: &Transfer) -> Option<PendingState> {
        if !pending.flags.contains(TransferFlags::PENDING) {
            return None;
        }
        let ended =
            self.lines.iter().find(|line| line.transfer.pending_id == pending.id || (line.is_expiry && line.transfer.id == pending.id));
        Some(match ended {
            None => PendingState::Pending,
            Some(line) if line.is_expiry => PendingState::Expired,
            Some(line) if line.transfer.flags.contains(TransferFlags::POST_PENDING_TRANSFER) => PendingState::Posted,
            Some(_) => PendingState::Voided,
        })
    }
}

/// What is imported counts at its own time, but not before it is durable: an expiry before it has happened at its time until then.
#[test]
fn a_period_does_not_end_later_for_what_is_not_durable() {
    let mut world = World::new();
    world.act(&Act::Book(vec![(1, 2, 10, true)]));
    let reserved = world.balances[&1];
    world.act(&Act::Wait(40));
    let expired_at = world.lines.last().unwrap().at_ns;
    let transfer = Transfer { timestamp: expired_at - 5, flags: TransferFlags::IMPORTED, ..world.transfer(1, 3, 7) };
    let texts = LedgerTexts::default();
    let import = Command::CreateLedgerTransfers { merchant: MERCHANT, transfers: vec![transfer], texts, answer: LedgerAnswer::Statuses };
    let entry = world.state.book(Timestamp::from_ns(world.now + 10), &import).entry.unwrap();
    assert_eq!(entry.legs.len(), 1, "the import happens");
    world.archive.note(&world.state, world.state.next_seq - 1, &entry);
    assert_eq!(world.finder().balances_before(2, 1, Some(expired_at)).unwrap(), reserved);
}

/// A table that somebody removes while the platform runs is still open and read, but a merge opens it again.
#[test]
fn a_merge_whose_input_was_lost_makes_it_again_and_goes_on() {
    let mut world = World::new();
    let folder = world._folder.join("index");
    let names = || std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    let book = |world: &mut World| world.act(&Act::Book((1..13).map(|amount| (1, 2, amount, false)).collect()));
    while names().len() < 2 * 4 {
        book(&mut world);
        while builder::build_next(&world.index).unwrap() {}
    }
    let lost = names().into_iter().min().unwrap();
    std::fs::remove_file(folder.join(&lost)).unwrap();
    for _ in 0..16 {
        book(&mut world);
    }
    builder::work_off(&world.index).unwrap();
    builder::work_off(&world.index).unwrap();
    assert!(names().len() < 2 * 8, "what was lost keeps nothing from being merged: {:?}", names());
    world.compare(1, LedgerPeriod::default());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is in memory and whatever in tables: the past is what it was.
    #[test]
    fn balances_statements_and_lists_of_any_period_are_what_happened(
        acts in vec(any_act(), 1..60),
        periods in vec((any::<Option<prop::sample::Index>>(), any::<Option<prop::sample::Index>>(), 0..3_u64), 2),
    ) {
        let mut world = World::new();
        acts.iter().for_each(|act| world.act(act));
        let times: Vec<u64> = world.lines.iter().map(|line| line.at_ns).chain([0, 1_500, world.now + 1_000]).collect();
        let time = |at: Option<prop::sample::Index>, more: u64| at.map(|at| at.get(&times) + more);
        for (from, until, more) in periods {
            let period = LedgerPeriod { from_ns: time(from, more), until_ns: time(until, 2 - more) };
            (1..4).for_each(|account| world.compare(account, period));
            world.compare_all(period);
        }
        for (account, balances) in &world.balances {
            prop_assert_eq!(world.state.ledgers[&MERCHANT].ledger.account(*account).unwrap().balances(), *balances);
        }
        // And after a restart.
        let io = OsIo::new(&world._folder.0);
        world.index = Arc::new(Index::open(io, world.journal.reader(), &world.state, GENERATION_KEYS).unwrap());
        (4..6).for_each(|account| world.compare(account, LedgerPeriod::default()));
    }
}
