//! Crashes over many seeds: every acknowledged batch is there afterwards, at most the one in flight besides.

use journal::simio::{Effect, Fault, FaultCounts, Operation, SimIo};
use journal::{
    AppendError, Batch, FileJournal, Journal, OpenError, Options, SnapshotError, Tail, list_snapshots, load_snapshot_file, verify,
};

use crate::support::{PARTITION, Random, options};

#[derive(Clone, PartialEq, Eq, Debug)]
struct Sample {
    event_count: u32,
    epoch: u64,
    events: Vec<u8>,
    transfers: Vec<u8>,
}

/// What a client of the journal knows.
struct Client {
    io: SimIo,
    random: Random,
    acknowledged: Vec<Sample>,
    /// The position after each acknowledged batch.
    positions: Vec<Tail>,
    /// The append whose result was an error.
    in_flight: Option<Sample>,
    snapshot_seq_min: u64,
}

fn snapshot_state(at: &Tail) -> Vec<u8> {
    at.hash.repeat(40)
}

impl Client {
    fn new(seed: u64) -> Self {
        Client {
            io: SimIo::new(),
            random: Random(seed),
            acknowledged: Vec::new(),
            positions: vec![Tail::GENESIS],
            in_flight: None,
            snapshot_seq_min: 0,
        }
    }

    fn sample(&mut self, epoch: u64) -> Sample {
        let transfer_count = self.random.below(5);
        let byte = self.random.number().to_le_bytes()[0];
        Sample {
            event_count: u32::try_from(self.random.below(9) + 1).expect("small"),
            epoch: epoch + self.random.below(2),
            events: self.random.bytes(3000),
            transfers: vec![byte; usize::try_from(transfer_count * 128).expect("small")],
        }
    }

    fn schedule_faults(&mut self) {
        if self.random.below(3) == 0 {
            let operations = self.random.below(25);
            self.io.cut_power_after(operations);
        }
        for _ in 0..self.random.below(3) {
            let operation = match self.random.below(12) {
                0 => Operation::Create,
                1 => Operation::Rename,
                2 => Operation::SyncDir,
                3..8 => Operation::Write,
                _ => Operation::Sync,
            };
            let effect = match self.random.below(4) {
                0 => Effect::NoSpace,
                1 => Effect::PowerCut,
                _ => Effect::InputOutputError,
            };
            let calls_before = self.random.below(12);
            self.io.schedule(Fault { operation, path_part: None, calls_before, effect });
        }
    }

    fn die(&mut self) {
        // A machine without power can only come back by a crash.
        let is_power_cut = self.io.list_fails();
        if is_power_cut || self.random.below(2) == 0 {
            let random = &mut self.random;
            self.io.crash(&mut || random.number());
        } else {
            self.io.kill();
        }
    }

    fn options(&mut self) -> Options {
        let mut options = options();
        if self.random.below(2) == 0 {
            let snapshots = list_snapshots(&self.io).unwrap_or_default();
            options.verify_from = snapshots
                .first()
                .and_then(|newest| load_snapshot_file(&self.io, PARTITION, options.snapshot_bytes_max, newest).ok().map(|(at, _)| at));
        }
        options
    }

    fn open(&mut self) -> FileJournal<SimIo> {
        for _ in 0..20 {
            let options = self.options();
            match FileJournal::open(self.io.clone(), options) {
                Ok((journal, _)) => return journal,
                Err(OpenError::Io(_)) => self.die(),
                Err(other) => panic!("a crash made the journal refuse: {other}"),
            }
        }
        panic!("at most a few faults are ever scheduled");
    }

    /// Compares the journal with what was acknowledged; what it has besides is from now on there to stay.
    fn check(&mut self, journal: &FileJournal<SimIo>) {
        let mut found = journal.read(0).expect("the start can be read from").map(|batch| batch.expect("a crash damages nothing"));
        for (index, expected) in self.acknowledged.iter().enumerate() {
            let batch = found.next().unwrap_or_else(|| panic!("acknowledged batch {index} is lost"));
            assert_eq!(batch.tail(), self.positions[index + 1]);
            assert_eq!(batch.events, expected.events);
            assert_eq!(batch.transfers, expected.transfers);
        }
        if let Some(batch) = found.next() {
            let survivor = self.in_flight.take().expect("a batch came from nowhere");
            assert_eq!(batch.events, survivor.events);
            assert_eq!(batch.transfers, survivor.transfers);
            assert_eq!(batch.event_count, survivor.event_count);
            self.positions.push(batch.tail());
            self.acknowledged.push(survivor);
        }
        assert!(found.next().is_none(), "only one batch can be in flight");
        self.in_flight = None;
        assert_eq!(Some(&journal.tail()), self.positions.last());
        let search = journal.newest_valid_snapshot().expect("the journal reads");
        assert!(search.skipped.is_empty(), "a crash damages no snapshot");
        match search.found {
            Some((at, state)) => {
                assert!(at.next_seq >= self.snapshot_seq_min);
                assert_eq!(state, snapshot_state(&at));
            }
            None => assert_eq!(self.snapshot_seq_min, 0, "an acknowledged snapshot is lost"),
        }
    }

    /// One step; `false` when the journal has stopped.
    fn step(&mut self, journal: &mut FileJournal<SimIo>) -> bool {
        match self.random.below(20) {
            0 => journal.seal().is_ok(),
            1 => {
                // Failing to prepare is no failure of the journal.
                drop(journal.prepare_next_segment());
                true
            }
            2 => {
                let index = self.random.below(u64::try_from(self.positions.len()).expect("small"));
                let at = self.positions[usize::try_from(index).expect("small")];
                match journal.save_snapshot(&at, &snapshot_state(&at)) {
                    Ok(()) => {
                        let kept = journal.snapshots();
                        assert!(kept.len() <= journal::SNAPSHOTS_KEPT);
                        let newest = kept.first().expect("one was just saved");
                        self.snapshot_seq_min = newest.next_seq;
                    }
                    Err(SnapshotError::Io(_) | SnapshotError::Read(_)) => {}
                    Err(other) => panic!("{other}"),
                }
                true
            }
            _ => {
                let tail = journal.tail();
                let sample = self.sample(tail.epoch);
                let batch = Batch { event_count: sample.event_count, events: &sample.events, transfers: &sample.transfers };
                match journal.append(tail.next_seq, sample.epoch, batch) {
                    Ok(tail) => {
                        self.positions.push(tail);
                        self.acknowledged.push(sample);
                        true
                    }
                    Err(AppendError::Io(_)) => {
                        self.in_flight = Some(sample);
                        let result = journal.append(tail.next_seq, tail.epoch, batch_of_one());
                        assert!(matches!(result, Err(AppendError::Stopped)));
                        false
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }

    fn live(&mut self) {
        for _ in 0..5 {
            let mut journal = self.open();
            self.check(&journal);
            self.schedule_faults();
            for _ in 0..self.random.below(40) {
                if !self.step(&mut journal) {
                    break;
                }
            }
            drop(journal);
            self.die();
        }
        self.io.clear_faults();
        let journal = self.open();
        self.check(&journal);
        drop(journal);
        let report = verify(&self.io, PARTITION).expect("it verifies");
        assert_eq!(Some(&report.tail), self.positions.last());
        assert_eq!(report.stray_bytes, 0);
    }
}

fn batch_of_one() -> Batch<'static> {
    Batch { event_count: 1, events: b"one", transfers: &[] }
}

trait PowerProbe {
    fn list_fails(&self) -> bool;
}

impl PowerProbe for SimIo {
    fn list_fails(&self) -> bool {
        journal::Io::list(self, "").is_err()
    }
}

#[test]
fn no_crash_or_fault_loses_an_acknowledged_batch_over_many_seeds() {
    let mut total = FaultCounts::default();
    let mut acknowledged = 0;
    for seed in 0..2000 {
        println!("seed {seed}");
        let mut client = Client::new(seed);
        client.live();
        acknowledged += client.acknowledged.len();
        let counts = client.io.counts();
        total.write_errors += counts.write_errors;
        total.sync_errors += counts.sync_errors;
        total.other_errors += counts.other_errors;
        total.no_space += counts.no_space;
        total.power_cuts += counts.power_cuts;
        total.crashes += counts.crashes;
        total.kills += counts.kills;
        total.torn_files += counts.torn_files;
        total.names_lost += counts.names_lost;
    }
    println!("{acknowledged} batches acknowledged; {total:?}");
    assert!(acknowledged > 40_000, "{acknowledged}");
    for (kind, count) in [
        ("write errors", total.write_errors),
        ("sync errors", total.sync_errors),
        ("other errors", total.other_errors),
        ("full disks", total.no_space),
        ("power cuts", total.power_cuts),
        ("crashes", total.crashes),
        ("kills", total.kills),
        ("torn files", total.torn_files),
        ("lost names", total.names_lost),
    ] {
        assert!(count >= 200, "only {count} {kind}: the test has lost its teeth");
    }
}

#[test]
fn the_same_seed_gives_the_same_disk() {
    let disk_of = |seed| {
        let mut client = Client::new(seed);
        client.live();
        (client.io.files(), client.io.counts())
    };
    assert!(disk_of(11) == disk_of(11));
    assert!(disk_of(11) != disk_of(12));
}

#[test]
fn a_disk_that_lies_about_syncs_loses_acknowledged_batches_and_the_test_sees_it() {
    // The counter-proof: without durable syncs the simulated disk does lose data.
    let mut lost = 0;
    for seed in 0..50 {
        let io = SimIo::new();
        let (mut journal, _) = crate::support::open_well(&io);
        crate::support::append_well(&mut journal, b"durable");
        io.set_lying(true);
        for index in 0..5 {
            crate::support::append_well(&mut journal, &[index; 1500]);
        }
        drop(journal);
        let mut random = Random(seed);
        io.crash(&mut || random.number());
        io.set_lying(false);
        match crate::support::open(&io) {
            Ok((journal, _)) => {
                let found = crate::support::read_all(&journal).len();
                assert!(found >= 1, "what was synced before the lies is there");
                lost += usize::from(found < 6);
            }
            Err(OpenError::Damaged { .. }) => lost += 1,
            Err(other) => panic!("{other}"),
        }
        assert!(io.counts().sync_lies >= 5);
    }
    assert!(lost > 25, "only {lost} of 50 crashes lost anything");
}
