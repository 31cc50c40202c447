//! The file: what is refused, what is thrown away, what is applied twice without harm.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use base::Money;
use common::{Folder, admitted, captured, created, dump, euro, merchant, payment, recorded, released, started};
use events::Recorded;
use rusqlite::Connection;
use std::path::Path;
use views::{Error, Page, PaymentFilter, Reader, RebuildReason, Writer};

const EUR_10: fn() -> Money = || Money { amount_minor: 1_000, currency: euro() };

/// One merchant and `count` payments with four events each.
fn journal(count: u64) -> Vec<Recorded> {
    let mut entries = vec![admitted(1)];
    for number in 1..=count {
        let (id, at_s) = (payment(number), 10 * number);
        entries.extend([
            created(id, merchant(1), EUR_10(), at_s),
            started(id, EUR_10(), at_s),
            captured(id, EUR_10(), at_s + 1),
            released(id, EUR_10(), at_s + 2),
        ]);
    }
    recorded(entries)
}

fn filled(path: &Path, events: &[Recorded]) {
    let mut writer = Writer::open(path).unwrap();
    assert_eq!(writer.rebuilt(), Some(&RebuildReason::Missing));
    assert_eq!(writer.apply(events).unwrap(), events.last().unwrap().seq);
}

#[test]
fn events_that_were_applied_are_skipped() {
    let folder = Folder::new();
    let events = journal(20);
    filled(&folder.file(), &events);
    let before = dump(&folder.file());
    let mut writer = Writer::open(&folder.file()).unwrap();
    assert_eq!((writer.rebuilt(), writer.applied_seq()), (None, 81));
    assert_eq!(writer.apply(&events).unwrap(), 81);
    assert_eq!(writer.apply(&events[70..]).unwrap(), 81);
    assert_eq!(writer.apply(&[]).unwrap(), 81);
    drop(writer);
    assert_eq!(dump(&folder.file()), before);
}

#[test]
fn a_gap_is_refused_and_nothing_of_the_batch_stays() {
    let folder = Folder::new();
    let events = journal(5);
    let mut writer = Writer::open(&folder.file()).unwrap();
    assert!(matches!(writer.apply(&events[1..]), Err(Error::Gap { expected_seq: 1, found_seq: 2 })));
    assert_eq!(writer.apply(&events[..6]).unwrap(), 6);
    let before = dump(&folder.file());
    assert!(matches!(writer.apply(&events[8..]), Err(Error::Gap { expected_seq: 7, found_seq: 9 })));
    let holed = [events[6].clone(), events[8].clone()];
    assert!(matches!(writer.apply(&holed), Err(Error::Gap { expected_seq: 8, found_seq: 9 })));
    assert_eq!(dump(&folder.file()), before);
    assert_eq!(writer.apply(&events).unwrap(), 21);
}

#[test]
fn events_that_do_not_follow_are_refused_and_leave_the_rows_as_they_were() {
    let folder = Folder::new();
    let good = journal(2);
    let mut writer = Writer::open(&folder.file()).unwrap();
    writer.apply(&good).unwrap();
    let before = dump(&folder.file());
    let late = 1_000;
    let cases = [
        ("a payment twice", created(payment(1), merchant(1), EUR_10(), late)),
        ("a payment nobody created", captured(payment(99), EUR_10(), late)),
        ("a capture of what was captured", captured(payment(1), EUR_10(), late)),
        ("a second attempt on taken money", started(payment(1), EUR_10(), late)),
        ("a merchant twice", engine::Entry { at: base::Timestamp::from_s(late), ..admitted(1) }),
    ];
    for (name, entry) in cases {
        // A good event before the bad one goes back with it.
        let fresh = created(payment(50), merchant(1), EUR_10(), late);
        let batch = [Recorded { seq: 10, entry: fresh, payload: vec![1] }, Recorded { seq: 11, entry, payload: vec![2] }];
        assert!(matches!(writer.apply(&batch), Err(Error::Unfit { seq: 11, .. })), "{name}");
        assert_eq!(writer.applied_seq(), 9, "{name}");
        assert_eq!(dump(&folder.file()), before, "{name}");
    }
    let stranger = Recorded { seq: 10, entry: created(payment(9), merchant(2), EUR_10(), late), payload: vec![] };
    assert!(matches!(writer.apply(&[stranger]), Err(Error::MerchantUnknown { seq: 10, .. })));
    let old = Recorded { seq: 10, entry: created(payment(9), merchant(1), EUR_10(), 2), payload: vec![] };
    assert!(matches!(writer.apply(&[old]), Err(Error::TimeWentBack { seq: 10 })));
    let fine = Recorded { seq: 10, entry: created(payment(9), merchant(1), EUR_10(), late), payload: vec![] };
    assert_eq!(writer.apply(&[fine]).unwrap(), 10);
}

#[test]
fn a_damaged_file_is_made_anew_and_says_why() {
    let events = journal(400);
    let whole = Folder::new();
    filled(&whole.file(), &events);
    let bytes = std::fs::read(whole.file()).unwrap();
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 5] = [
        ("header", |bytes| bytes[..16].fill(0)),
        ("schema page", |bytes| bytes[100..4_000].fill(0xFF)),
        ("a page in the middle", |bytes| {
            let middle = bytes.len() / 2 / 8_192 * 8_192;
            bytes[middle..middle + 8_192].fill(0xA5);
        }),
        ("cut short", |bytes| bytes.truncate(bytes.len() / 2)),
        ("not a database", |bytes| *bytes = b"hello".repeat(1_000)),
    ];
    for (name, damage) in damages {
        let folder = Folder::new();
        let mut damaged = bytes.clone();
        damage(&mut damaged);
        std::fs::write(folder.file(), &damaged).unwrap();
        let mut writer = Writer::open(&folder.file()).unwrap();
        assert!(matches!(writer.rebuilt(), Some(RebuildReason::Damaged { .. })), "{name}: {:?}", writer.rebuilt());
        assert_eq!(writer.applied_seq(), 0, "{name}");
        writer.apply(&events).unwrap();
        drop(writer);
        assert_eq!(dump(&folder.file()), dump(&whole.file()), "{name}");
    }
}

#[test]
fn a_file_of_another_schema_is_made_anew_and_no_reader_opens_it() {
    let events = journal(3);
    let changes = [
        ("an older version", "PRAGMA user_version = 0"),
        ("a newer version", "PRAGMA user_version = 99"),
        ("another program's file", "PRAGMA application_id = 7"),
        ("a table more", "CREATE TABLE extra (a INTEGER)"),
        ("an index less", "DROP INDEX payments_by_status"),
        ("a code with another meaning", "UPDATE legend SET label = 'captured!' WHERE label = 'captured' AND kind = 'payment_status'"),
        ("a code too many", "INSERT INTO legend VALUES ('payment_status', 99, 'lost')"),
        ("no mark", "DELETE FROM meta"),
    ];
    for (name, change) in changes {
        let folder = Folder::new();
        filled(&folder.file(), &events);
        Connection::open(folder.file()).unwrap().execute_batch(change).unwrap();
        if change.starts_with("PRAGMA") {
            assert!(matches!(Reader::open(&folder.file()), Err(Error::NotReady { .. })), "{name}");
        }
        let writer = Writer::open(&folder.file()).unwrap();
        let reason = writer.rebuilt().expect(name);
        assert!(matches!(reason, RebuildReason::SchemaVersion { .. } | RebuildReason::SchemaDrift), "{name}: {reason}");
        assert_eq!(writer.applied_seq(), 0, "{name}");
    }
}

#[test]
fn a_reader_waits_for_the_writer_to_make_the_file() {
    let folder = Folder::new();
    assert!(matches!(Reader::open(&folder.file()), Err(Error::NotReady { reason: RebuildReason::Missing })));
    std::fs::write(folder.file(), b"").unwrap();
    assert!(matches!(Reader::open(&folder.file()), Err(Error::NotReady { .. })));
    let _writer = Writer::open(&folder.file()).unwrap();
    assert_eq!(Reader::open(&folder.file()).unwrap().applied_seq().unwrap(), 0);
}

#[test]
fn a_discarded_file_is_filled_again_from_the_first_event() {
    let folder = Folder::new();
    let events = journal(7);
    filled(&folder.file(), &events);
    let before = dump(&folder.file());
    let mut writer = Writer::open(&folder.file()).unwrap().discard().unwrap();
    assert_eq!((writer.applied_seq(), writer.rebuilt()), (0, Some(&RebuildReason::Discarded)));
    writer.apply(&events).unwrap();
    drop(writer);
    assert_eq!(dump(&folder.file()), before);
}

#[test]
fn a_second_writer_notices_the_first() {
    let folder = Folder::new();
    let events = journal(2);
    let mut first = Writer::open(&folder.file()).unwrap();
    let mut second = Writer::open(&folder.file()).unwrap();
    first.apply(&events[..5]).unwrap();
    assert!(matches!(second.apply(&events[..2]), Err(Error::AnotherWriter { applied_seq: 0 })));
    assert_eq!(first.apply(&events).unwrap(), 9);
}

#[test]
fn readers_see_whole_batches_while_the_writer_writes() {
    let folder = Folder::new();
    let events = journal(300);
    let mut writer = Writer::open(&folder.file()).unwrap();
    writer.apply(&events[..1]).unwrap();
    let reader = Reader::open(&folder.file()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let reader = reader.clone();
            scope.spawn(move || {
                let mut last = 0;
                while last < 1_201 {
                    let page = Page { after: None, limit: 1_000 };
                    let found = reader.payments(merchant(1), &PaymentFilter::default(), &page).unwrap();
                    assert!(found.applied_seq >= last);
                    last = found.applied_seq;
                    // Batches below hold ten payments each.
                    assert_eq!(u64::try_from(found.items.len()).unwrap(), (last - 1) / 4);
                    assert!(found.items.iter().all(|payment| payment.available && payment.changed_seq <= last));
                }
            });
        }
        for batch in events[1..].chunks(40) {
            writer.apply(batch).unwrap();
        }
    });
}
