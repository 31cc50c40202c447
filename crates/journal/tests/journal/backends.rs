//! The conformance suite on each backend.

use journal::conformance::{Harness, Report, run};
use journal::simio::{Effect, Operation, SimIo};
use journal::{FileJournal, Journal, MemoryFault, MemoryJournal, MemoryStore, Options, OsIo, SnapshotRef, list_snapshots};

use crate::support::{Folder, PARTITION, options};

struct OnMemory(MemoryStore);

impl Harness for OnMemory {
    fn partition(&self) -> u32 {
        PARTITION
    }

    fn batch_bytes_max(&self) -> usize {
        4096
    }

    fn open(&mut self) -> Box<dyn Journal> {
        Box::new(MemoryJournal::open(self.0.clone(), 4096))
    }

    fn fail_next_append(&mut self) -> bool {
        self.0.schedule(0, MemoryFault::AppendBeforeDurable);
        true
    }

    fn damage_newest_snapshot(&mut self) -> bool {
        let newest = MemoryJournal::open(self.0.clone(), 4096).snapshots()[0];
        self.0.damage_snapshot(newest)
    }
}

/// Which of the disk's promises the next append finds broken.
#[derive(Clone, Copy)]
struct OnSimulatedDisk {
    operation: Operation,
    effect: Effect,
}

struct Simulated(SimIo, OnSimulatedDisk);

impl Harness for Simulated {
    fn partition(&self) -> u32 {
        PARTITION
    }

    fn batch_bytes_max(&self) -> usize {
        options().batch_bytes_max
    }

    fn open(&mut self) -> Box<dyn Journal> {
        let (journal, _) = FileJournal::open(self.0.clone(), options()).expect("it opens");
        Box::new(journal)
    }

    fn fail_next_append(&mut self) -> bool {
        self.0.fail_next(self.1.operation, self.1.effect);
        true
    }

    fn damage_newest_snapshot(&mut self) -> bool {
        let newest = list_snapshots(&self.0).expect("the disk lists")[0];
        self.0.flip_bits(&snapshot_path(newest), 75, 4)
    }
}

struct OnFiles(Folder);

impl Harness for OnFiles {
    fn partition(&self) -> u32 {
        PARTITION
    }

    fn batch_bytes_max(&self) -> usize {
        options().batch_bytes_max
    }

    fn open(&mut self) -> Box<dyn Journal> {
        let io = OsIo::new(self.0.0.join("data"));
        let options = Options { segment_bytes: 32 * 1024, ..options() };
        let (journal, _) = FileJournal::open(io, options).expect("it opens");
        Box::new(journal)
    }

    fn fail_next_append(&mut self) -> bool {
        false
    }

    fn damage_newest_snapshot(&mut self) -> bool {
        let data = self.0.0.join("data");
        let newest = list_snapshots(&OsIo::new(&data)).expect("the folder lists")[0];
        let path = data.join(snapshot_path(newest));
        let mut bytes = std::fs::read(&path).expect("the snapshot is there");
        bytes[75] ^= 4;
        std::fs::write(&path, bytes).expect("the snapshot is writable");
        true
    }
}

fn snapshot_path(snapshot: SnapshotRef) -> String {
    format!("snapshots/{:020}.snap", snapshot.next_seq)
}

fn assert_passed(report: &Report, skipped: &[&str]) {
    assert_eq!(report.passed.len() + report.skipped.len(), 13);
    assert_eq!(report.skipped, skipped);
}

#[test]
fn the_journal_in_memory_conforms() {
    let report = run(&mut || Box::new(OnMemory(MemoryStore::new(PARTITION))));
    assert_passed(&report, &[]);
}

#[test]
fn the_journal_on_a_simulated_disk_conforms_whatever_operation_fails() {
    for (operation, effect) in
        [(Operation::Write, Effect::InputOutputError), (Operation::Write, Effect::NoSpace), (Operation::Sync, Effect::InputOutputError)]
    {
        let fault = OnSimulatedDisk { operation, effect };
        let report = run(&mut || Box::new(Simulated(SimIo::new(), fault)));
        assert_passed(&report, &[]);
    }
}

#[test]
fn the_journal_on_real_files_conforms() {
    let report = run(&mut || Box::new(OnFiles(Folder::new("conformance"))));
    // A real disk does not fail on command.
    assert_passed(&report, &["after a failed append the journal stops, and a restart has all acknowledged batches"]);
}

#[test]
fn an_append_in_memory_can_fail_although_it_is_durable() {
    let store = MemoryStore::new(PARTITION);
    store.schedule(1, MemoryFault::AppendAfterDurable);
    let mut journal = MemoryJournal::open(store.clone(), 4096);
    crate::support::append_well(&mut journal, b"one");
    let acknowledged = journal.tail();
    crate::support::append(&mut journal, b"two").expect_err("the second append fails");
    assert_eq!(journal.tail(), acknowledged);
    let journal = MemoryJournal::open(store, 4096);
    assert_eq!(crate::support::read_all(&journal).len(), 2);
}

#[test]
fn seals_and_snapshots_in_memory_fail_on_command() {
    let store = MemoryStore::new(PARTITION);
    let mut journal = MemoryJournal::open(store.clone(), 4096);
    let tail = crate::support::append_well(&mut journal, b"one");
    store.schedule(0, MemoryFault::Snapshot);
    journal.save_snapshot(&tail, b"state").expect_err("the snapshot fails");
    journal.save_snapshot(&tail, b"state").expect("a failed snapshot does not stop the journal");
    store.schedule(0, MemoryFault::Seal);
    journal.seal().expect_err("the seal fails");
    assert_eq!(store.seal_count(), 0);
    crate::support::append(&mut journal, b"two").expect_err("the journal has stopped");
}
