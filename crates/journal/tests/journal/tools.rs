//! The offline tools change nothing and tell the truth.

use journal::simio::SimIo;
use journal::{Journal, OpenError, OsIo, ReadError, RecordKind, TailState, dump, verify};

use crate::support::{Folder, PARTITION, append_well, open, open_well, read_all};

#[test]
fn verify_reports_a_torn_tail_without_changing_a_byte() {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    for index in 0..7 {
        append_well(&mut journal, &[index + 1; 3000]);
    }
    let tail_before_last = read_all(&journal)[5].tail();
    drop(journal);
    let path = io.files().keys().rfind(|path| path.ends_with(".seg")).expect("there are segments").clone();
    let last_byte = io.files()[&path].iter().rposition(|byte| *byte != 0).expect("it is used");
    assert!(io.flip_bits(&path, u64::try_from(last_byte).expect("small"), 1));
    let (files, operations) = (io.files(), io.operation_count());
    let report = verify(&io, PARTITION).expect("a torn tail is not damage");
    assert_eq!(report.batch_count, 6);
    assert_eq!((report.first_seq, report.last_seq), (Some(1), Some(12)));
    assert_eq!(report.tail, tail_before_last);
    assert_eq!(report.segment_count, 3);
    assert!(matches!(&report.tail_state, TailState::Torn { segment, seq: 13, .. } if *segment == path));
    let dumped: Vec<_> = dump(io.clone(), PARTITION).expect("unlocked").collect();
    assert_eq!(dumped.len(), 6);
    assert!(dumped.iter().all(Result::is_ok));
    drop(dumped);
    assert_eq!(io.files(), files);
    assert_eq!(io.operation_count(), operations, "nothing was even attempted");
}

#[test]
fn verify_of_an_empty_folder_makes_no_file() {
    let folder = Folder::new("empty");
    let io = OsIo::new(&folder.0);
    let report = verify(&io, PARTITION).expect("nothing is not damage");
    assert_eq!(report.batch_count, 0);
    assert_eq!((report.first_seq, report.last_seq), (None, None));
    assert_eq!(dump(io, PARTITION).expect("unlocked").count(), 0);
    let mut entries = std::fs::read_dir(&folder.0).expect("it is there");
    assert!(entries.next().is_none());
}

#[test]
fn verify_and_dump_work_on_a_folder_of_read_only_files() {
    let folder = Folder::new("read-only");
    let io = OsIo::new(&folder.0);
    let (mut journal, _) = open(&io).expect("it opens");
    for index in 0..7 {
        append_well(&mut journal, &[index; 3000]);
    }
    journal.seal().expect("it seals");
    drop(journal);
    for path in [folder.0.clone(), folder.0.join("journal")] {
        for entry in std::fs::read_dir(path).expect("it is there") {
            let entry = entry.expect("it lists");
            let mut permissions = entry.metadata().expect("it is there").permissions();
            if entry.path().is_file() {
                permissions.set_readonly(true);
                std::fs::set_permissions(entry.path(), permissions).expect("it is ours");
            }
        }
    }
    let report = verify(&io, PARTITION).expect("undamaged");
    assert_eq!(report.tail_state, TailState::Sealed);
    assert_eq!(dump(io, PARTITION).expect("unlocked").count(), 8);
}

#[test]
fn dump_lists_batches_and_seals_with_their_places_up_to_the_damage() {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    append_well(&mut journal, b"one");
    journal.seal().expect("it seals");
    append_well(&mut journal, b"two");
    append_well(&mut journal, b"three");
    let batches = read_all(&journal);
    assert!(matches!(dump(io.clone(), PARTITION), Err(OpenError::Locked { .. })));
    drop(journal);
    let listed: Vec<_> = dump(io.clone(), PARTITION).expect("unlocked").map(|record| record.expect("undamaged")).collect();
    let places: Vec<_> = listed.iter().map(|record| (record.kind, record.offset, record.first_seq)).collect();
    assert_eq!(
        places,
        [(RecordKind::Batch, 4096, 1), (RecordKind::Seal, 4608, 3), (RecordKind::Batch, 5120, 3), (RecordKind::Batch, 5632, 5),]
    );
    assert_eq!(listed[2].events, b"two");
    assert_eq!(listed[2].hash, batches[1].hash);
    assert!(io.flip_bits("journal/00000000000000000001.seg", 5120 + 89, 1));
    let mut listed = dump(io, PARTITION).expect("unlocked");
    assert!(listed.next().is_some_and(|record| record.is_ok()));
    assert!(listed.next().is_some_and(|record| record.is_ok()));
    let damage = listed.next().expect("the damage is an item");
    assert!(matches!(&damage, Err(ReadError::Damaged { offset: 5120, seq: 3, .. })), "{damage:?}");
    assert!(listed.next().is_none());
}
