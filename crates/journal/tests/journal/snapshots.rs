//! Snapshots on disk: checks, fallback, and opening from one.

use journal::simio::{Effect, Fault, Operation, SimIo};
use journal::{FileJournal, Journal, OpenError, Options, SnapshotError, SnapshotRef, Tail, list_snapshots, load_snapshot_file};

use crate::support::{PARTITION, append_well, open, open_well, options, read_all};

fn snapshot_path(next_seq: u64) -> String {
    format!("snapshots/{next_seq:020}.snap")
}

/// A journal over several segments with snapshots after its 10th and 15th of 20 batches.
fn with_snapshots() -> (SimIo, Vec<Tail>) {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    let tails: Vec<Tail> = (0..20).map(|index| append_well(&mut journal, &[index; 2000])).collect();
    journal.save_snapshot(&tails[9], b"state at ten").expect("it saves");
    journal.save_snapshot(&tails[14], b"state at fifteen").expect("it saves");
    drop(journal);
    (io, tails)
}

#[test]
fn a_flipped_bit_anywhere_in_a_snapshot_makes_the_older_one_serve() {
    let (io, tails) = with_snapshots();
    let newest = SnapshotRef { next_seq: tails[14].next_seq };
    let path = snapshot_path(newest.next_seq);
    let length = io.files()[&path].len();
    let (journal, _) = open_well(&io);
    for offset in 0..length {
        let offset = u64::try_from(offset).expect("small");
        assert!(io.flip_bits(&path, offset, 16));
        let search = journal.newest_valid_snapshot().expect("the journal reads");
        assert_eq!(search.found, Some((tails[9], b"state at ten".to_vec())));
        assert_eq!(search.skipped.len(), 1);
        assert_eq!(search.skipped[0].0, newest);
        assert!(io.flip_bits(&path, offset, 16), "and back");
    }
    let search = journal.newest_valid_snapshot().expect("the journal reads");
    assert_eq!(search.found, Some((tails[14], b"state at fifteen".to_vec())));
}

#[test]
fn a_snapshot_cut_short_or_too_large_is_not_loaded() {
    let (io, tails) = with_snapshots();
    let newest = SnapshotRef { next_seq: tails[14].next_seq };
    let path = snapshot_path(newest.next_seq);
    let whole = io.files()[&path].clone();
    for length in 0..whole.len() {
        io.put_file(&path, &whole[..length]);
        let result = load_snapshot_file(&io, PARTITION, 1024, &newest);
        assert!(matches!(result, Err(SnapshotError::Corrupt { .. })), "{length} bytes: {result:?}");
    }
    io.put_file(&path, &whole);
    let result = load_snapshot_file(&io, PARTITION, 5, &newest);
    assert!(matches!(result, Err(SnapshotError::TooLarge { .. })), "{result:?}");
    let result = load_snapshot_file(&io, PARTITION + 1, 1024, &newest);
    assert!(matches!(result, Err(SnapshotError::Corrupt { .. })), "{result:?}");
}

#[test]
fn a_valid_snapshot_of_another_history_is_skipped() {
    let (io, tails) = with_snapshots();
    let other = SimIo::new();
    let (mut journal, _) = open_well(&other);
    for _ in 0..15 {
        append_well(&mut journal, b"another history");
    }
    let at = journal.tail();
    assert_eq!(at.next_seq, tails[14].next_seq);
    journal.save_snapshot(&at, b"foreign").expect("it saves");
    let path = snapshot_path(at.next_seq);
    io.put_file(&path, &other.files()[&path]);
    let (journal, _) = open_well(&io);
    let search = journal.newest_valid_snapshot().expect("the journal reads");
    assert_eq!(search.found, Some((tails[9], b"state at ten".to_vec())));
    assert!(matches!(search.skipped.as_slice(), [(_, SnapshotError::NotInJournal { .. })]));
}

#[test]
fn opening_from_a_snapshot_verifies_only_from_its_segment_and_reads_everything() {
    let (io, tails) = with_snapshots();
    let newest = list_snapshots(&io).expect("it lists")[0];
    let (at, state) = load_snapshot_file(&io, PARTITION, 1024, &newest).expect("it loads");
    assert_eq!((at, state.as_slice()), (tails[14], b"state at fifteen".as_slice()));
    let from = |tail: Tail| Options { verify_from: Some(tail), ..options() };
    let (mut journal, report) = FileJournal::open(io.clone(), from(at)).expect("it opens");
    assert!(report.batch_count >= 5 && report.batch_count < 20, "{} batches verified", report.batch_count);
    assert_eq!(journal.tail(), tails[19]);
    assert_eq!(read_all(&journal).len(), 20);
    append_well(&mut journal, b"and on");
    drop(journal);
    // Every position of the journal works, the ends and the borders of segments included.
    for tail in [Tail::GENESIS].iter().chain(&tails) {
        let (journal, _) = FileJournal::open(io.clone(), from(*tail)).expect("it opens");
        assert_eq!(read_all(&journal).len(), 21);
        let mut reading = journal.read(tail.next_seq).expect("up to the tail");
        assert_eq!(reading.next().expect("a batch follows").expect("undamaged").first_seq, tail.next_seq);
    }
    let wrong = [
        Tail { hash: [1; 32], ..tails[14] },
        Tail { epoch: 1, ..tails[14] },
        Tail { next_seq: tails[14].next_seq + 1, ..tails[14] },
        Tail { next_seq: 1000, ..tails[14] },
        Tail { next_seq: 0, ..Tail::GENESIS },
        Tail { hash: [1; 32], ..Tail::GENESIS },
    ];
    for tail in wrong {
        let result = FileJournal::open(io.clone(), from(tail));
        assert!(matches!(result, Err(OpenError::SnapshotMismatch { .. })), "{tail:?}: {:?}", result.err());
    }
    let result = FileJournal::open(SimIo::new(), from(tails[0]));
    assert!(matches!(result, Err(OpenError::SnapshotMismatch { .. })));
}

#[test]
fn opening_from_a_snapshot_keeps_the_rule_for_the_tail() {
    let (io, tails) = with_snapshots();
    let options = Options { verify_from: Some(tails[14]), ..options() };
    // The last batch is unsealed: flipping a bit in its body makes it a torn one.
    let path = io.files().keys().rfind(|path| path.ends_with(".seg")).expect("there are segments").clone();
    let segment = &io.files()[&path];
    let last_byte = segment.iter().rposition(|byte| *byte != 0).expect("it is used");
    let last_byte = u64::try_from(last_byte).expect("small");
    assert!(io.flip_bits(&path, last_byte, 1));
    let (journal, _) = FileJournal::open(io.clone(), options.clone()).expect("it opens");
    assert_eq!(journal.tail(), tails[18]);
    drop(journal);
    // By now the batch before it is sealed, and the same damage there refuses.
    assert!(io.flip_bits(&path, last_byte - 2560 - 100, 1));
    match FileJournal::open(io, options) {
        Err(OpenError::Damaged { seq, .. }) => assert_eq!(seq, tails[17].next_seq),
        result => panic!("{:?}", result.err()),
    }
}

#[test]
fn a_snapshot_newer_than_the_journal_means_that_batches_are_gone_and_refuses() {
    let (io, tails) = with_snapshots();
    let io_without_segments = SimIo::new();
    for (path, contents) in io.files() {
        if !path.ends_with(".seg") {
            io_without_segments.put_file(&path, &contents);
        }
    }
    match open(&io_without_segments) {
        Err(OpenError::BehindSnapshot { snapshot_seq, next_seq }) => assert_eq!((snapshot_seq, next_seq), (tails[14].next_seq, 1)),
        result => panic!("{:?}", result.err()),
    }
}

#[test]
fn a_failure_while_saving_leaves_the_older_snapshots_and_the_journal_alone() {
    for operation in [Operation::Create, Operation::Write, Operation::Sync, Operation::Rename, Operation::SyncDir] {
        for effect in [Effect::InputOutputError, Effect::NoSpace] {
            for calls_before in 0..3 {
                let (io, tails) = with_snapshots();
                let (mut journal, _) = open_well(&io);
                io.schedule(Fault { operation, path_part: Some("snapshots".to_owned()), calls_before, effect });
                let is_saved = journal.save_snapshot(&tails[19], b"at twenty").is_ok();
                assert!(calls_before > 0 || !is_saved);
                append_well(&mut journal, b"the journal goes on");
                drop(journal);
                io.crash(&mut || 0);
                io.clear_faults();
                let (mut journal, _) = open_well(&io);
                let search = journal.newest_valid_snapshot().expect("the journal reads");
                assert!(search.skipped.is_empty());
                let (at, _) = search.found.expect("one is left");
                assert!(at == tails[14] || at == tails[19]);
                assert!(!is_saved || at == tails[19]);
                journal.save_snapshot(&tails[19], b"at twenty").expect("it saves");
                assert!(io.files().keys().all(|path| !path.ends_with(".tmp")));
            }
        }
    }
}
