//! Failing disks, full disks, roll-over, locks.

use journal::simio::{Effect, Fault, Operation, SimIo};
use journal::{AppendError, Batch, FileJournal, Journal, OpenError, Options, OsIo, TailState, verify};

use crate::support::{Folder, PARTITION, append, append_well, open, open_well, options, read_all};

#[test]
fn a_failed_write_or_sync_stops_the_journal_and_a_restart_has_all_acknowledged_batches() {
    for (operation, effect) in [
        (Operation::Write, Effect::InputOutputError),
        (Operation::Write, Effect::NoSpace),
        (Operation::Sync, Effect::InputOutputError),
        (Operation::Sync, Effect::PowerCut),
    ] {
        for has_machine_crashed in [false, true] {
            let io = SimIo::new();
            let (mut journal, _) = open_well(&io);
            for index in 0..10 {
                append_well(&mut journal, &[index; 900]);
            }
            let acknowledged = read_all(&journal);
            io.fail_next(operation, effect);
            let result = append(&mut journal, &[99; 3000]);
            assert!(matches!(result, Err(AppendError::Io(_))), "{result:?}");
            assert!(journal.is_stopped());
            let result = append(&mut journal, b"more");
            assert!(matches!(result, Err(AppendError::Stopped)), "{result:?}");
            assert!(matches!(journal.seal(), Err(AppendError::Stopped)));
            drop(journal);
            if has_machine_crashed || effect == Effect::PowerCut {
                io.crash(&mut || 2);
            } else {
                io.kill();
            }
            let (mut journal, _) = open_well(&io);
            let found = read_all(&journal);
            assert_eq!(found[..10], acknowledged);
            assert!(found.len() <= 11);
            append_well(&mut journal, b"and on");
        }
    }
}

#[test]
fn what_a_restart_finds_in_the_page_cache_is_made_durable_before_anybody_acts_on_it() {
    // The sync fails, Linux marks the pages clean, the process restarts and finds the batch in the page cache. Then
    // the machine crashes and loses every sector that was not synced.
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    append_well(&mut journal, b"first");
    io.fail_next(Operation::Sync, Effect::InputOutputError);
    append(&mut journal, &[5; 2000]).expect_err("the sync fails");
    drop(journal);
    io.kill();
    let (journal, report) = open_well(&io);
    assert_eq!(report.tail_state, TailState::Unsealed);
    let found = read_all(&journal);
    assert_eq!(found.len(), 2, "the unacknowledged batch is in the page cache");
    drop(journal);
    io.crash(&mut || 0);
    let (journal, _) = open_well(&io);
    assert_eq!(read_all(&journal), found);
}

#[test]
fn a_failed_seal_stops_the_journal_too() {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    append_well(&mut journal, b"one");
    io.fail_next(Operation::Sync, Effect::InputOutputError);
    assert!(matches!(journal.seal(), Err(AppendError::Io(_))));
    let result = append(&mut journal, b"two");
    assert!(matches!(result, Err(AppendError::Stopped)), "{result:?}");
    drop(journal);
    io.crash(&mut || 0);
    assert_eq!(read_all(&open_well(&io).0).len(), 1);
}

#[test]
fn a_full_disk_stops_at_the_next_segment_and_after_making_room_everything_is_there() {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    io.set_capacity_bytes(Some(24 * 1024));
    let mut acknowledged = 0;
    let error = loop {
        match append(&mut journal, &[1; 3000]) {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, AppendError::Io(failure) if failure.source.raw_os_error() == Some(28)), "{error}");
    assert_eq!(acknowledged, 3, "the first segment was filled before");
    drop(journal);
    assert_eq!(io.files().len(), 2, "only the lock and the first segment are left: the space is given back");
    // Still full: the journal opens, since that needs no space, and stops at the same place.
    let (mut journal, _) = open_well(&io);
    append(&mut journal, &[1; 3000]).expect_err("the disk is still full");
    drop(journal);
    io.set_capacity_bytes(None);
    let (mut journal, _) = open_well(&io);
    assert_eq!(read_all(&journal).len(), acknowledged);
    append_well(&mut journal, &[1; 3000]);
    assert!(io.counts().no_space >= 2);
}

#[test]
fn a_failure_at_any_step_of_a_roll_over_loses_nothing() {
    for operation in [Operation::Create, Operation::Write, Operation::Sync, Operation::Rename, Operation::SyncDir] {
        for calls_before in 0..4 {
            for crash in [None, Some(0), Some(1), Some(2)] {
                let io = SimIo::new();
                let (mut journal, _) = open_well(&io);
                append_well(&mut journal, &[1; 8000]);
                let acknowledged = read_all(&journal);
                io.schedule(Fault { operation, path_part: None, calls_before, effect: Effect::InputOutputError });
                // The second batch needs a new segment.
                let appended = append(&mut journal, &[2; 8000]).is_ok();
                drop(journal);
                match crash {
                    None => io.kill(),
                    Some(number) => io.crash(&mut || number),
                }
                io.clear_faults();
                let (mut journal, _) = open_well(&io);
                let found = read_all(&journal);
                assert_eq!(found[..1], acknowledged);
                assert!(!appended || found.len() == 2);
                append_well(&mut journal, &[3; 8000]);
                drop(journal);
                verify(&io, PARTITION).expect("it verifies");
            }
        }
    }
}

#[test]
fn a_prepared_segment_makes_a_roll_over_without_filling_a_file() {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    let preparer = journal.preparer();
    assert!(preparer.prepare_next_segment().expect("it prepares"));
    assert!(!preparer.prepare_next_segment().expect("one is ready"));
    append_well(&mut journal, &[1; 8000]);
    let before = io.operation_count();
    append_well(&mut journal, &[2; 8000]);
    // Header, its sync, the name, the folder's sync; then the batch and its sync.
    assert_eq!(io.operation_count() - before, 6);
    assert!(journal.prepare_next_segment().expect("it prepares"));
    drop(journal);
    let (mut journal, _) = open_well(&io);
    assert!(!journal.prepare_next_segment().expect("one is ready"), "a spare survives a restart");
    append_well(&mut journal, &[3; 8000]);
    assert_eq!(read_all(&journal).len(), 3);
}

#[test]
fn a_journal_that_fills_segments_has_two_ready() {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    let preparer = journal.preparer();
    let prepared = || (0..3).map(|_| preparer.prepare_next_segment().expect("it prepares")).filter(|made| *made).count();
    assert_eq!(prepared(), 1, "one is enough until a segment was filled");
    append_well(&mut journal, &[1; 8000]);
    append_well(&mut journal, &[2; 8000]);
    assert_eq!(prepared(), 2);
    for number in 3..5 {
        let before = io.operation_count();
        append_well(&mut journal, &[number; 8000]);
        assert_eq!(io.operation_count() - before, 6, "no file is filled");
    }
    drop(journal);
    let (journal, _) = open_well(&io);
    assert_eq!(read_all(&journal).len(), 4);
}

#[test]
fn a_spare_that_is_not_all_zeros_is_not_used() {
    let io = SimIo::new();
    let (journal, _) = open_well(&io);
    journal.prepare_next_segment().expect("it prepares");
    drop(journal);
    let spare = "journal/spare-1.zero";
    assert!(io.flip_bits(spare, 9000, 1));
    let (journal, _) = open_well(&io);
    assert!(!io.files().contains_key(spare));
    assert!(journal.prepare_next_segment().expect("it prepares"));
}

#[test]
fn failing_to_prepare_a_segment_does_not_stop_the_journal() {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    for (operation, effect) in [
        (Operation::Create, Effect::NoSpace),
        (Operation::Write, Effect::NoSpace),
        (Operation::Write, Effect::InputOutputError),
        (Operation::Sync, Effect::InputOutputError),
        (Operation::Rename, Effect::InputOutputError),
    ] {
        io.fail_next(operation, effect);
        journal.preparer().prepare_next_segment().expect_err("the disk fails");
        append_well(&mut journal, &[1; 8000]);
    }
    assert_eq!(read_all(&journal).len(), 5);
    assert!(io.files().keys().all(|path| !path.contains("spare")));
}

#[test]
fn segments_of_another_size_than_configured_go_on_working() {
    let io = SimIo::new();
    let (journal, _) = open_well(&io);
    drop(journal);
    // The empty first segment is too short for the larger batches that are now allowed.
    let larger = Options { segment_bytes: 64 * 1024, batch_bytes_max: 40 * 1024, ..options() };
    let (mut journal, _) = FileJournal::open(io.clone(), larger).expect("it opens");
    append_well(&mut journal, &[1; 40 * 1024]);
    append_well(&mut journal, &[2; 10]);
    drop(journal);
    // And smaller limits still read what larger ones wrote.
    let (mut journal, _) = open_well(&io);
    append_well(&mut journal, &[3; 8000]);
    let sizes: Vec<usize> = read_all(&journal).iter().map(|batch| batch.events.len()).collect();
    assert_eq!(sizes, [40 * 1024, 10, 8000]);
}

#[test]
fn many_segments_read_from_any_batch() {
    let io = SimIo::new();
    let options = Options { segment_bytes: 1024 * 1024, batch_bytes_max: 100 * 1024, ..options() };
    let (mut journal, _) = FileJournal::open(io.clone(), options.clone()).expect("it opens");
    for index in 0..60 {
        append_well(&mut journal, &vec![index; 70_000]);
    }
    let batches = read_all(&journal);
    let check = |journal: &FileJournal<SimIo>| {
        for expected in &batches {
            for from_seq in expected.first_seq..expected.tail().next_seq {
                let mut reading = journal.read(from_seq).expect("a position before the tail");
                let found = reading.next().expect("a batch follows").expect("undamaged");
                assert_eq!(found.first_seq, expected.first_seq);
                assert_eq!(found.hash, expected.hash);
            }
        }
    };
    check(&journal);
    drop(journal);
    let (journal, report) = FileJournal::open(io, options).expect("it opens");
    assert!(report.segment_count >= 4);
    let (segments, count) = journal.reader().segments(usize::MAX);
    assert_eq!((segments.len(), count), (usize::try_from(report.segment_count).expect("few"), segments.len()));
    assert!(segments.windows(2).all(|pair| !pair[0].is_active && pair[0].last_seq == Some(pair[1].first_seq - 1)));
    let last = segments.last().expect("a journal has a segment");
    assert!(last.is_active && last.last_seq == Some(journal.tail().next_seq - 1) && segments[0].first_seq == 1);
    assert_eq!(journal.reader().segments(2), (segments[count - 2..].to_vec(), count), "the newest");
    assert_eq!(report.batch_count, 60);
    check(&journal);
}

#[test]
fn a_reader_on_another_thread_sees_durable_batches_in_order_while_the_writer_appends() {
    let folder = Folder::new("reader");
    let io = OsIo::new(&folder.0);
    let (mut journal, _) = FileJournal::open(io, options()).expect("it opens");
    let reader = journal.reader();
    let preparer = journal.preparer();
    let batch_count: u64 = 200;
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || {
            let mut from_seq = 1;
            while from_seq < 1 + 2 * batch_count {
                for batch in reader.read(from_seq).expect("a position up to the tail") {
                    let batch = batch.expect("undamaged");
                    assert_eq!(batch.first_seq, from_seq);
                    from_seq = batch.tail().next_seq;
                }
                std::thread::yield_now();
            }
            from_seq
        });
        let preparing = scope.spawn(move || {
            for _ in 0..20 {
                preparer.prepare_next_segment().expect("it prepares");
                std::thread::yield_now();
            }
        });
        for index in 0..batch_count {
            append_well(&mut journal, &vec![index.to_le_bytes()[0]; 1200]);
        }
        assert_eq!(reading.join().expect("no panic"), 1 + 2 * batch_count);
        preparing.join().expect("no panic");
    });
}

#[test]
fn a_second_open_of_the_same_folder_is_refused_by_name() {
    let folder = Folder::new("lock");
    let io = OsIo::new(folder.0.join("data"));
    let (journal, _) = open(&io).expect("it opens");
    let named = folder.0.join("data").display().to_string();
    match open(&io) {
        Err(OpenError::Locked { folder }) => assert_eq!(folder, named),
        result => panic!("{:?}", result.err()),
    }
    assert!(matches!(verify(&io, PARTITION), Err(OpenError::Locked { .. })));
    drop(journal);
    drop(open(&io).expect("the lock is free again"));
    let simulated = SimIo::new();
    let (_journal, _) = open_well(&simulated);
    assert!(matches!(open(&simulated), Err(OpenError::Locked { .. })));
}

#[test]
fn sequence_numbers_end_without_wrapping() {
    let batch = Batch { event_count: u32::MAX, events: &[], transfers: &[] };
    let result = journal::frame::check_batch(u64::MAX - 5, &batch, 1024);
    assert!(matches!(result, Err(AppendError::Malformed { .. })), "{result:?}");
}
