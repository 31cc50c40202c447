//! The suite that every journal backend passes unchanged. A backend's test gives [`run`] a way to make fresh storage.
//!
//! Panics on the first broken promise, naming it. What only one backend has (segments, torn tails, locks on folders) is
//! tested with that backend.

use crate::{AppendError, Batch, FIRST_SEQ, Journal, OwnedBatch, ReadError, SNAPSHOTS_KEPT, SnapshotError, Tail, chain_hash};

/// Fresh storage of one backend.
pub trait Harness {
    /// The partition that the storage belongs to.
    fn partition(&self) -> u32;
    /// The largest batch that the opened journals accept, in bytes.
    fn batch_bytes_max(&self) -> usize;
    /// Opens the storage; the journal opened before has been dropped.
    fn open(&mut self) -> Box<dyn Journal>;
    /// Makes the next append of the open journal fail in storage. `false` when the backend cannot arrange that.
    fn fail_next_append(&mut self) -> bool;
    /// Damages the newest stored snapshot. `false` when the backend cannot arrange that.
    fn damage_newest_snapshot(&mut self) -> bool;
}

type Check = (&'static str, fn(&mut dyn Harness) -> Verdict);

/// What became of one check that did not panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Skipped,
}

/// The names of the checks that ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Passed.
    pub passed: Vec<&'static str>,
    /// Not run in full, because the harness could not arrange the fault.
    pub skipped: Vec<&'static str>,
}

const CHECKS: [Check; 13] = [
    ("an empty journal starts at the genesis tail", empty),
    ("batches come back in order, byte for byte, on one chain", order),
    ("a wrong expected sequence number changes nothing", sequence),
    ("an older epoch is fenced, also after a restart", fencing),
    ("batches above the limits are refused and leave no trace", limits),
    ("empty sections are legal", empty_sections),
    ("reopening finds the same tail and the same bytes", reopen),
    ("reading starts in the middle of a batch, and never beyond the tail", middle),
    ("sealing changes neither tail nor content", sealing),
    ("after a failed append the journal stops, and a restart has all acknowledged batches", failure),
    ("the newest snapshots are kept and come back", snapshots),
    ("a snapshot of a position that the journal does not have is refused", foreign_snapshot),
    ("a damaged snapshot is skipped for an older one", damaged_snapshot),
];

/// Runs every check, each on storage of its own.
///
/// # Panics
/// When the backend breaks a promise.
pub fn run(make: &mut dyn FnMut() -> Box<dyn Harness>) -> Report {
    let mut report = Report::default();
    for (name, check) in CHECKS {
        println!("conformance: {name}");
        match check(make().as_mut()) {
            Verdict::Passed => report.passed.push(name),
            Verdict::Skipped => report.skipped.push(name),
        }
    }
    report
}

/// The `index`-th of an endless series of different batches.
struct Sample {
    event_count: u32,
    events: Vec<u8>,
    transfers: Vec<u8>,
}

impl Sample {
    fn new(index: u8) -> Self {
        let transfer_count = usize::from(index % 4);
        Sample {
            event_count: u32::from(index % 5) + 1,
            events: vec![index; usize::from(index) * 7 % 1500 + 1],
            transfers: vec![index ^ 0xAA; transfer_count * crate::TRANSFER_BYTES],
        }
    }

    fn batch(&self) -> Batch<'_> {
        Batch { event_count: self.event_count, events: &self.events, transfers: &self.transfers }
    }
}

fn append(journal: &mut dyn Journal, epoch: u64, sample: &Sample) -> Tail {
    let before = journal.tail();
    let tail = journal.append(before.next_seq, epoch, sample.batch()).expect("a legal batch at the tail is appended");
    assert_eq!(tail.next_seq, before.next_seq + u64::from(sample.event_count), "the sequence advances by the number of events");
    assert_eq!(tail.epoch, epoch, "the tail has the epoch of the last batch");
    assert_eq!(journal.tail(), tail, "append returns the journal's tail");
    tail
}

fn append_many(journal: &mut dyn Journal, count: u8) -> Vec<Tail> {
    (0..count).map(|index| append(journal, 1, &Sample::new(index))).collect()
}

fn read_all(journal: &dyn Journal, from_seq: u64) -> Vec<OwnedBatch> {
    journal
        .read(from_seq)
        .expect("a position up to the tail can be read from")
        .collect::<Result<_, _>>()
        .expect("an undamaged journal reads without error")
}

fn empty(harness: &mut dyn Harness) -> Verdict {
    let journal = harness.open();
    assert_eq!(journal.tail(), Tail::GENESIS);
    assert_eq!(read_all(journal.as_ref(), 0), Vec::new());
    assert_eq!(read_all(journal.as_ref(), FIRST_SEQ), Vec::new());
    assert_eq!(journal.snapshots(), Vec::new());
    drop(journal);
    assert_eq!(harness.open().tail(), Tail::GENESIS, "also when reopened");
    Verdict::Passed
}

fn order(harness: &mut dyn Harness) -> Verdict {
    let mut journal = harness.open();
    let samples: Vec<Sample> = (0..60).map(Sample::new).collect();
    let mut before = Tail::GENESIS;
    for (sample, epoch) in samples.iter().zip(1_u64..) {
        let tail = append(journal.as_mut(), epoch, sample);
        let hash = chain_hash(harness.partition(), epoch, &before, &sample.batch()).expect("the sample is legal");
        assert_eq!(tail.hash, hash, "the chain hash is the format's");
        before = tail;
    }
    let batches = read_all(journal.as_ref(), 0);
    assert_eq!(batches.len(), samples.len());
    let mut before = Tail::GENESIS;
    for ((batch, sample), epoch) in batches.iter().zip(&samples).zip(1_u64..) {
        assert_eq!(batch.first_seq, before.next_seq);
        assert_eq!(batch.event_count, sample.event_count);
        assert_eq!(batch.epoch, epoch);
        assert_eq!(batch.events, sample.events);
        assert_eq!(batch.transfers, sample.transfers);
        let hash = chain_hash(harness.partition(), epoch, &before, &sample.batch()).expect("the sample is legal");
        assert_eq!(batch.hash, hash);
        before = batch.tail();
    }
    assert_eq!(before, journal.tail());
    Verdict::Passed
}

fn sequence(harness: &mut dyn Harness) -> Verdict {
    let mut journal = harness.open();
    append_many(journal.as_mut(), 4);
    let tail = journal.tail();
    let sample = Sample::new(9);
    for wrong in [0, FIRST_SEQ, tail.next_seq - 1, tail.next_seq + 1, u64::MAX] {
        match journal.append(wrong, 1, sample.batch()) {
            Err(AppendError::SequenceMismatch { expected_seq, next_seq }) => {
                assert_eq!(expected_seq, wrong);
                assert_eq!(next_seq, tail.next_seq);
            }
            other => panic!("expected a sequence mismatch at {wrong}, got {other:?}"),
        }
        assert_eq!(journal.tail(), tail);
    }
    append(journal.as_mut(), 1, &sample);
    assert_eq!(read_all(journal.as_ref(), 0).len(), 5);
    Verdict::Passed
}

fn assert_fenced(journal: &mut dyn Journal, epoch: u64, current_epoch: u64) {
    let tail = journal.tail();
    let sample = Sample::new(3);
    match journal.append(tail.next_seq, epoch, sample.batch()) {
        Err(AppendError::Fenced { epoch: refused, current_epoch: current }) => assert_eq!((refused, current), (epoch, current_epoch)),
        other => panic!("expected epoch {epoch} to be fenced, got {other:?}"),
    }
    assert_eq!(journal.tail(), tail);
}

fn fencing(harness: &mut dyn Harness) -> Verdict {
    let mut journal = harness.open();
    append(journal.as_mut(), 5, &Sample::new(1));
    assert_fenced(journal.as_mut(), 4, 5);
    append(journal.as_mut(), 5, &Sample::new(2));
    append(journal.as_mut(), 9, &Sample::new(3));
    assert_fenced(journal.as_mut(), 5, 9);
    drop(journal);
    let mut journal = harness.open();
    assert_fenced(journal.as_mut(), 8, 9);
    append(journal.as_mut(), 9, &Sample::new(4));
    Verdict::Passed
}

fn limits(harness: &mut dyn Harness) -> Verdict {
    let mut journal = harness.open();
    let transfers = vec![1; crate::TRANSFER_BYTES];
    let largest = vec![7; harness.batch_bytes_max() - transfers.len()];
    let too_large = vec![7; largest.len() + 1];
    let cut_transfer = &transfers[1..];
    let batch = |event_count, events, transfers| Batch { event_count, events, transfers };
    let result = journal.append(FIRST_SEQ, 1, batch(1, &too_large, &transfers));
    match result {
        Err(AppendError::TooLarge { bytes, bytes_max }) => {
            assert_eq!((bytes, bytes_max), (bytes_max + 1, harness.batch_bytes_max()));
        }
        other => panic!("expected the batch to be too large, got {other:?}"),
    }
    for malformed in [batch(0, &[1], &transfers), batch(1, &[1], cut_transfer)] {
        let result = journal.append(FIRST_SEQ, 1, malformed);
        assert!(matches!(result, Err(AppendError::Malformed { .. })), "expected a malformed batch, got {result:?}");
    }
    assert_eq!(journal.tail(), Tail::GENESIS);
    for round in 0..3 {
        let expected_seq = FIRST_SEQ + round;
        journal.append(expected_seq, 1, batch(1, &largest, &transfers)).expect("a batch of exactly the limit is appended");
    }
    let batches = read_all(journal.as_ref(), 0);
    assert!(batches.iter().all(|batch| batch.events == largest));
    assert_eq!(batches.len(), 3);
    Verdict::Passed
}

fn empty_sections(harness: &mut dyn Harness) -> Verdict {
    let mut journal = harness.open();
    let sections: [(&[u8], &[u8]); 3] = [(&[], &[]), (&[], &[3; crate::TRANSFER_BYTES]), (&[4], &[])];
    for (events, transfers) in sections {
        let expected_seq = journal.tail().next_seq;
        let batch = Batch { event_count: 1, events, transfers };
        journal.append(expected_seq, 1, batch).expect("sections may be empty");
    }
    for (batch, (events, transfers)) in read_all(journal.as_ref(), 0).iter().zip(sections) {
        assert_eq!((&*batch.events, &*batch.transfers), (events, transfers));
    }
    Verdict::Passed
}

fn reopen(harness: &mut dyn Harness) -> Verdict {
    let mut expected = Vec::new();
    for round in 0..8_u8 {
        let mut journal = harness.open();
        assert_eq!(read_all(journal.as_ref(), 0), expected);
        for index in 0..round {
            append(journal.as_mut(), u64::from(round), &Sample::new(round * 8 + index));
            if round % 3 == 0 {
                journal.seal().expect("sealing succeeds");
            }
        }
        expected = read_all(journal.as_ref(), 0);
        let tail = journal.tail();
        drop(journal);
        assert_eq!(harness.open().tail(), tail);
    }
    assert_eq!(expected.len(), 28);
    Verdict::Passed
}

fn middle(harness: &mut dyn Harness) -> Verdict {
    let mut journal = harness.open();
    append_many(journal.as_mut(), 40);
    let batches = read_all(journal.as_ref(), 0);
    let end_seq = journal.tail().next_seq;
    for from_seq in 0..=end_seq {
        let expected: Vec<OwnedBatch> = batches.iter().filter(|batch| batch.tail().next_seq > from_seq).cloned().collect();
        assert_eq!(read_all(journal.as_ref(), from_seq), expected);
    }
    for from_seq in [end_seq + 1, u64::MAX] {
        match journal.read(from_seq) {
            Err(ReadError::BeyondTail { next_seq, .. }) => assert_eq!(next_seq, end_seq),
            Err(other) => panic!("expected a position beyond the tail, got {other}"),
            Ok(_) => panic!("expected a position beyond the tail"),
        }
    }
    Verdict::Passed
}

fn sealing(harness: &mut dyn Harness) -> Verdict {
    let mut journal = harness.open();
    journal.seal().expect("an empty journal has nothing to seal");
    append_many(journal.as_mut(), 5);
    let (tail, batches) = (journal.tail(), read_all(journal.as_ref(), 0));
    for _ in 0..3 {
        journal.seal().expect("sealing is idempotent");
        assert_eq!(journal.tail(), tail);
        assert_eq!(read_all(journal.as_ref(), 0), batches);
    }
    append(journal.as_mut(), 1, &Sample::new(6));
    assert_eq!(read_all(journal.as_ref(), tail.next_seq).len(), 1);
    Verdict::Passed
}

fn failure(harness: &mut dyn Harness) -> Verdict {
    let mut journal = harness.open();
    append_many(journal.as_mut(), 6);
    let (tail, acknowledged) = (journal.tail(), read_all(journal.as_ref(), 0));
    if !harness.fail_next_append() {
        return Verdict::Skipped;
    }
    let lost = Sample::new(77);
    let result = journal.append(tail.next_seq, 1, lost.batch());
    assert!(matches!(result, Err(AppendError::Io { .. })), "expected the storage to fail, got {result:?}");
    assert_eq!(journal.tail(), tail, "what is not acknowledged is not the tail");
    let result = journal.append(tail.next_seq, 1, lost.batch());
    assert!(matches!(result, Err(AppendError::Stopped)), "{result:?}");
    let result = journal.seal();
    assert!(matches!(result, Err(AppendError::Stopped)), "{result:?}");
    drop(journal);
    let mut journal = harness.open();
    let found = read_all(journal.as_ref(), 0);
    assert_eq!(found[..acknowledged.len()], acknowledged);
    match &found[acknowledged.len()..] {
        [] => {}
        [unacknowledged] => assert_eq!(unacknowledged.events, lost.events),
        more => panic!("{} batches came from nowhere", more.len()),
    }
    append(journal.as_mut(), 1, &Sample::new(8));
    Verdict::Passed
}

fn snapshots(harness: &mut dyn Harness) -> Verdict {
    let mut journal = harness.open();
    journal.save_snapshot(&Tail::GENESIS, b"nothing yet").expect("even an empty journal has a snapshot");
    let positions = append_many(journal.as_mut(), 6);
    let large = vec![5; 300_000];
    for (at, state) in [(&positions[1], b"one".as_slice()), (&positions[2], b""), (&positions[5], &large)] {
        journal.save_snapshot(at, state).expect("saving succeeds");
    }
    for _ in 0..2 {
        let stored = journal.snapshots();
        assert_eq!(stored.len(), SNAPSHOTS_KEPT);
        assert_eq!(stored[0].next_seq, positions[5].next_seq, "newest first");
        assert_eq!(stored[1].next_seq, positions[2].next_seq);
        let newest = journal.load_snapshot(&stored[0]).expect("it loads");
        assert_eq!(newest, (positions[5], large.clone()));
        let older = journal.load_snapshot(&stored[1]).expect("it loads");
        assert_eq!(older, (positions[2], Vec::new()));
        drop(journal);
        journal = harness.open();
    }
    let gone = crate::SnapshotRef { next_seq: positions[1].next_seq };
    let result = journal.load_snapshot(&gone);
    assert!(matches!(result, Err(SnapshotError::Missing { .. })));
    let search = journal.newest_valid_snapshot().expect("the journal reads");
    assert_eq!(search.found, Some((positions[5], large)));
    assert!(search.skipped.is_empty());
    Verdict::Passed
}

fn foreign_snapshot(harness: &mut dyn Harness) -> Verdict {
    let mut journal = harness.open();
    append_many(journal.as_mut(), 5);
    let tail = journal.tail();
    let wrong = [
        Tail { hash: [9; 32], ..tail },
        Tail { epoch: tail.epoch + 1, ..tail },
        // The last sample has five events, so nothing ends right before the tail.
        Tail { next_seq: tail.next_seq - 1, ..tail },
        Tail { next_seq: tail.next_seq + 1, ..tail },
        Tail { next_seq: 0, ..tail },
    ];
    for at in wrong {
        let result = journal.save_snapshot(&at, b"foreign");
        assert!(matches!(result, Err(SnapshotError::NotInJournal { .. })), "expected {at:?} to be refused, got {result:?}");
    }
    assert_eq!(journal.snapshots(), Vec::new());
    Verdict::Passed
}

fn damaged_snapshot(harness: &mut dyn Harness) -> Verdict {
    let mut journal = harness.open();
    let positions = append_many(journal.as_mut(), 6);
    for at in [&positions[2], &positions[4]] {
        journal.save_snapshot(at, b"state").expect("saving succeeds");
    }
    if !harness.damage_newest_snapshot() {
        return Verdict::Skipped;
    }
    let search = journal.newest_valid_snapshot().expect("the journal reads");
    assert_eq!(search.found, Some((positions[2], b"state".to_vec())));
    match search.skipped.as_slice() {
        [(snapshot, SnapshotError::Corrupt { .. })] => {
            assert_eq!(snapshot.next_seq, positions[4].next_seq);
        }
        other => panic!("expected one corrupt snapshot, got {other:?}"),
    }
    Verdict::Passed
}
