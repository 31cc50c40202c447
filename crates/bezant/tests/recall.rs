//! What a ledger is told of its history before it decides a batch, wherever that stands.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use base::{MerchantId, Timestamp};
use bezant::archive::{Archive, Index, builder};
use engine::{Command, Entry, Event, LedgerTexts, Reply, State};
use journal::{Batch, FileJournal, Journal, Options, OsIo};
use ledger::{Account, CreateTransferStatus as Status, Items, Metadata, Transfer, TransferFlags};
use std::collections::BTreeSet;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::mpsc::channel;
use support::{Draw, Folder, wait_for};

const MERCHANT: MerchantId = MerchantId::from_u128(1);

fn entry(number: u64, event: Event) -> Entry {
    Entry { at: Timestamp::from_ns(1_000 + number), event, legs: Vec::new() }
}

/// Numbers of ids that do not grow with time, so that the filter of every table is asked.
fn id(number: u64) -> u128 {
    u128::from(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1) << 64 | u128::from(number)
}

/// Anything that a client may ask for, about ids of the last thousands or new ones.
fn drawn(draw: &mut Draw, newest: &mut u64) -> Transfer {
    let old = |draw: &mut Draw, newest: u64| id(newest.saturating_sub(draw.below(4_000)));
    let flags = [TransferFlags::PENDING, TransferFlags::POST_PENDING_TRANSFER, TransferFlags::VOID_PENDING_TRANSFER, TransferFlags::NONE];
    let flags = flags[usize::try_from(draw.below(4)).unwrap()];
    let is_resolution = flags.intersects(TransferFlags::POST_PENDING_TRANSFER.union(TransferFlags::VOID_PENDING_TRANSFER));
    let mut transfer = Transfer { flags, ..Transfer::default() };
    *newest += 1;
    transfer.id = if draw.below(8) == 0 { old(draw, *newest) } else { id(*newest) };
    if is_resolution {
        transfer.pending_id = old(draw, *newest);
        transfer.amount = if flags == TransferFlags::POST_PENDING_TRANSFER { ledger::AMOUNT_MAX } else { 0 };
    } else {
        // One account in three is missing, which burns the id.
        transfer =
            Transfer { debit_account_id: 1 + u128::from(draw.below(3)), credit_account_id: 4, amount: 5, ledger: 1, code: 1, ..transfer };
        transfer.timeout_s = if flags == TransferFlags::PENDING { u32::try_from(draw.below(2)).unwrap() } else { 0 };
    }
    transfer
}

/// Metadata of some, mostly the same for the same id.
fn drawn_texts(draw: &mut Draw, transfers: &[Transfer]) -> LedgerTexts {
    let mut metadata = Items::NONE;
    for (item, transfer) in transfers.iter().enumerate() {
        let note = if draw.below(20) == 0 { draw.below(3) } else { u64::try_from(transfer.id % 3).unwrap() };
        if note > 0 {
            metadata.push(item, Metadata::new([("note", note.to_string().as_str())]).unwrap());
        }
    }
    LedgerTexts { metadata, ..LedgerTexts::default() }
}

/// Changes a byte of a table, as soon as there is one; it may be merged into another meanwhile.
fn damage(folder: &Folder, draw: &mut Draw) {
    let path = wait_for("a table", || {
        let entries = std::fs::read_dir(folder.join("index")).unwrap().map(|entry| entry.unwrap().path());
        let mut tables: Vec<_> = entries.filter(|path| path.extension().is_some_and(|ending| ending == "ids")).collect();
        tables.sort();
        let count = u64::try_from(tables.len()).unwrap();
        (count > 0).then(|| tables.swap_remove(usize::try_from(draw.below(count)).unwrap()))
    });
    let Ok(file) = std::fs::OpenOptions::new().read(true).write(true).open(path) else { return };
    let mut byte = [0];
    let at = 64 + draw.below(2_000);
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

#[test]
fn a_ledger_that_is_told_its_history_answers_as_one_that_never_forgot_wherever_the_history_stands() {
    let folder = Folder::new("archive-told");
    let io = OsIo::new(&folder.0);
    let (mut journal, _) = FileJournal::open(io.clone(), Options::for_partition(0)).unwrap();
    let index = Arc::new(Index::open(io, journal.reader(), &State::new(), 512).unwrap());
    let mut archive = Archive::new(Arc::clone(&index), journal.reader());
    let (stop, stopped) = channel::<()>();
    let building = std::thread::spawn(move || builder::run(&index, &stopped));
    let (mut told, mut remembering) = (State::new(), State::new());
    let set_up = [
        entry(0, Event::MinVersionRaised { version: 1 }),
        entry(1, Event::MerchantCreated { merchant: MERCHANT, number: 1, handle: "shop".into() }),
    ];
    let mut waiting: Vec<Entry> = Vec::new();
    for entry in set_up {
        archive.note(&told, told.next_seq, &entry);
        told.evolve(&entry);
        remembering.evolve(&entry);
        waiting.push(entry);
    }
    let account = |id| Account { id, ledger: 1, code: 1, ..Account::default() };
    let accounts =
        Command::CreateLedgerAccounts { merchant: MERCHANT, accounts: [1, 2, 4].map(account).to_vec(), texts: LedgerTexts::default() };
    let (mut draw, mut newest, mut seen) = (Draw::new(7), 0, BTreeSet::new());
    for step in 0..600 {
        let command = match step {
            0 => accounts.clone(),
            _ if step % 16 == 0 => Command::ExpireLedgerTransfers { merchant: MERCHANT },
            _ => {
                let transfers: Vec<Transfer> = (0..100).map(|_| drawn(&mut draw, &mut newest)).collect();
                let texts = drawn_texts(&mut draw, &transfers);
                Command::CreateLedgerTransfers { merchant: MERCHANT, transfers, texts, answer: engine::LedgerAnswer::Statuses }
            }
        };
        let now = Timestamp::from_ns(told.last_at.ns() + 100_000_000);
        archive.recall(&mut told, &command).unwrap();
        let booked = told.book(now, &command);
        told.ledgers.get_mut(&MERCHANT).unwrap().ledger.forget();
        assert_eq!(booked.reply, remembering.book(now, &command).reply, "step {step}");
        if let Reply::LedgerTransfers { results, .. } = &booked.reply {
            seen.extend(results.iter().map(|result| result.status.name()));
        }
        if let Some(entry) = booked.entry {
            archive.note(&told, told.next_seq - 1, &entry);
            waiting.push(entry);
        }
        // Some batches are durable only after others were decided.
        if step % 3 == 2 {
            let encoded = events::encode_batch(&waiting);
            let batch = Batch { event_count: encoded.event_count, events: &encoded.events, transfers: &encoded.transfers };
            journal.append(journal.tail().next_seq, 1, batch).unwrap();
            archive.durable(journal.tail().next_seq - 1);
            waiting.clear();
        }
        if step % 50 == 49 {
            damage(&folder, &mut draw);
        }
    }
    drop(stop);
    building.join().unwrap();
    let expected = [
        Status::Created,
        Status::Exists,
        Status::ExistsWithDifferentFlags,
        Status::ExistsWithDifferentMetadata,
        Status::IdAlreadyFailed,
        Status::DebitAccountNotFound,
        Status::PendingTransferNotFound,
        Status::PendingTransferNotPending,
        Status::PendingTransferAlreadyPosted,
        Status::PendingTransferAlreadyVoided,
        Status::PendingTransferExpired,
    ];
    for status in expected {
        assert!(seen.contains(status.name()), "{status} is never answered: {seen:?}");
    }
}
