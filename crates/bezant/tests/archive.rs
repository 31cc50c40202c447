//! The index of merchants' ledgers without a platform around it.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use base::{MerchantId, OperatorId, Timestamp};
use bezant::archive::{Finder, Index, builder};
use engine::{Entry, Event, State};
use journal::{Batch, FileJournal, Journal, Options, OsIo};
use ledger::{Account, Transfer};
use std::sync::Arc;
use std::sync::mpsc::channel;
use support::{Folder, wait_for};

const MERCHANT: MerchantId = MerchantId::from_u128(1);
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
    let mut entries = vec![
        entry(0, Event::MinVersionRaised { version: 1 }, Vec::new()),
        entry(1, Event::MerchantCreated { merchant: MERCHANT, number: 1, handle: "shop".into() }, Vec::new()),
        entry(2, Event::LedgerAccountsCreated { merchant: MERCHANT, accounts: vec![account(1, 1_001), account(2, 1_002)] }, Vec::new()),
        entry(3, Event::LedgerTransfersCreated { merchant: MERCHANT, burned: vec![10], released: Vec::new() }, vec![transfer]),
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
        assert_eq!(finder.transfer(1, 9).unwrap(), Some(transfer));
        assert_eq!(finder.transfer(1, 10).unwrap(), None, "a burned id is no transfer");
        assert_eq!(finder.transfer(2, 9).unwrap(), None, "another merchant's ledger");
    }
}
