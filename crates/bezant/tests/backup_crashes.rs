//! Backups on a simulated disk: whatever fails at whatever moment, the last complete backup can be restored.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use base::{OperatorId, Redacted, SubjectId, Timestamp};
use bezant::backup::manifest::Manifest;
use bezant::backup::{Error, Made, copy};
use bezant::keystore::{self, KeyStore};
use bezant::{partition, secrets};
use engine::{Entry, Event, State};
use journal::simio::{Effect, Fault, Operation, SimIo};
use journal::{Batch, FileJournal, Journal, OpenError, Options, ReadError};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const MASTER: [u8; 32] = [9; 32];

/// Small segments, so that a few batches fill one.
fn options() -> Options {
    Options { segment_bytes: 16 * 1024, batch_bytes_max: 8 * 1024, ..Options::for_partition(0) }
}

/// A platform's folder with its writer at work.
struct Platform {
    io: SimIo,
    journal: FileJournal<SimIo>,
    state: State,
    keys: KeyStore<SimIo>,
}

impl Platform {
    fn new() -> Self {
        let io = SimIo::new();
        let (journal, _) = FileJournal::open(io.clone(), options()).unwrap();
        let keys = KeyStore::open(io.clone(), Redacted::new(MASTER)).unwrap();
        io.put_file(secrets::FILE_NAME, b"secrets of a simulated platform\n");
        let mut platform = Self { io, journal, state: State::new(), keys };
        platform.append(vec![Event::MinVersionRaised { version: 1 }]);
        platform
    }

    fn append(&mut self, events: Vec<Event>) {
        let first_seq = self.state.next_seq;
        let entry = |(seq, event): (u64, Event)| Entry { at: Timestamp::from_ns(seq), event, legs: Vec::new() };
        let entries: Vec<Entry> = (first_seq..).zip(events).map(entry).collect();
        entries.iter().for_each(|entry| self.state.evolve(entry));
        let encoded = events::encode_batch(&entries);
        let batch = Batch { event_count: encoded.event_count, events: &encoded.events, transfers: &encoded.transfers };
        self.journal.append(first_seq, 1, batch).unwrap();
    }

    /// So many batches, each of several operators, and a person's key.
    fn work(&mut self, batches: u64) {
        for _ in 0..batches {
            let number = u128::from(self.state.next_seq);
            let mut entropy = |bytes: &mut [u8]| bytes.fill(7);
            self.keys.ensure(&[SubjectId::from_u128(number)], &mut entropy).unwrap();
            let operator = |one: u128| Event::OperatorCreated {
                operator: OperatorId::from_u128(number * 1_000 + one),
                handle: format!("operator-{number}-{one}-{}", "x".repeat(40)),
            };
            self.append((0..40).map(operator).collect());
        }
    }

    fn back_up(&self, target: &SimIo) -> Result<Made, Error> {
        copy(&self.io, target, Timestamp::from_ns(1), &mut |_| {})
    }

    /// Several segments and a snapshot in the middle.
    fn busy() -> Self {
        let mut platform = Self::new();
        platform.work(6);
        platform.journal.save_snapshot(&platform.journal.tail(), &events::snapshot::encode(&platform.state)).unwrap();
        platform.work(3);
        platform
    }
}

fn disk(files: &BTreeMap<String, Vec<u8>>) -> SimIo {
    let io = SimIo::new();
    files.iter().for_each(|(path, contents)| io.put_file(path, contents));
    io
}

/// The last event of the backup in `target`, which is whole: its files make a journal that comes to the state it names.
fn proven(target: &SimIo) -> Option<u64> {
    let manifest = Manifest::load(target).unwrap()?;
    let stored = target.files();
    let restored = SimIo::new();
    for file in &manifest.files {
        let mut contents = stored.get(&file.stored).unwrap_or_else(|| panic!("{} is named and not there", file.stored)).clone();
        assert_eq!(secrets::hex(&Sha256::digest(&contents)), file.summary.sha256, "{}", file.stored);
        contents.resize(usize::try_from(file.restored_bytes).unwrap(), 0);
        restored.put_file(&file.path, &contents);
    }
    let (journal, report) = FileJournal::open(restored.clone(), options()).unwrap();
    assert_eq!(secrets::hex(&report.tail.hash), manifest.tail.chain_hash);
    let (state, _) = partition::load(&journal).unwrap();
    assert_eq!(secrets::hex(&events::snapshot::digest(&state)), manifest.state_digest);
    let keys = KeyStore::open(restored, Redacted::new(MASTER)).unwrap();
    let operators = state.operators.len() / 40;
    assert!(keys.damaged_count() == 0 && keys.keys().count() >= operators, "a key is there before the events that need it");
    Some(manifest.tail.last_seq())
}

/// Nothing lies in the folder that belongs to no backup.
fn assert_tidy(target: &SimIo) {
    let manifest = Manifest::load(target).unwrap().unwrap();
    for path in target.files().keys().filter(|path| path.contains('/')) {
        assert!(manifest.files.iter().any(|file| file.stored == *path), "{path} is left over");
    }
}

/// Lets a backup go wrong, and judges what is there afterwards.
fn check(platform: &Platform, target: &SimIo, seed: u64, older: Option<u64>) -> bool {
    let result = platform.back_up(target);
    let mut number = seed;
    let is_off = journal::Io::list(target, "").is_err();
    if is_off || seed.is_multiple_of(2) {
        target.crash(&mut || {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            number >> 7
        });
    } else {
        target.kill();
    }
    target.clear_faults();
    let newest = platform.state.next_seq - 1;
    let found = proven(target);
    match &result {
        Ok(made) => assert_eq!((made.manifest.tail.last_seq(), found), (newest, Some(newest)), "what was complete is there"),
        Err(Error::Io(_) | Error::Journal(OpenError::Io(_)) | Error::Keys(keystore::Error::Io { .. })) => {}
        Err(other) => panic!("{other}"),
    }
    assert!(found == Some(newest) || found == older, "{found:?} is neither the new backup nor the one before");
    platform.back_up(target).unwrap();
    assert_eq!(proven(target), Some(newest), "the disk works again");
    assert_tidy(target);
    found == Some(newest)
}

#[test]
fn a_crash_at_any_moment_of_a_backup_leaves_the_last_complete_one() {
    let mut platform = Platform::busy();
    for has_older in [false, true] {
        let target = SimIo::new();
        if has_older {
            platform.back_up(&target).unwrap();
            platform.work(4);
        }
        let (older, files) = (proven(&target), target.files());
        let before = target.operation_count();
        platform.back_up(&target).unwrap();
        let operation_count = target.operation_count() - before;
        assert!(operation_count > 20, "{operation_count} operations");
        let mut new_count = 0;
        for cut_after in 0..=operation_count {
            let target = disk(&files);
            target.cut_power_after(cut_after);
            new_count += u64::from(check(&platform, &target, cut_after, older));
        }
        assert!((1..operation_count).contains(&new_count), "{new_count} of {operation_count} came late enough");
    }
}

#[test]
fn a_failing_disk_leaves_the_last_complete_backup() {
    let mut platform = Platform::busy();
    let target = SimIo::new();
    platform.back_up(&target).unwrap();
    platform.work(4);
    let (older, files) = (proven(&target), target.files());
    for operation in [Operation::Create, Operation::Write, Operation::Sync, Operation::Rename, Operation::SyncDir, Operation::Read] {
        for effect in [Effect::InputOutputError, Effect::NoSpace] {
            for calls_before in (0..200).step_by(3) {
                let target = disk(&files);
                target.schedule(Fault { operation, path_part: None, calls_before, effect });
                check(&platform, &target, 1, older);
                let counts = target.counts();
                if counts.write_errors + counts.sync_errors + counts.other_errors + counts.no_space == 0 {
                    assert!(calls_before > 0, "{operation:?} never happens");
                    break;
                }
            }
        }
    }
}

#[test]
fn the_next_backup_copies_what_is_new_and_what_was_damaged_in_the_backup() {
    let mut platform = Platform::busy();
    let target = SimIo::new();
    let first = platform.back_up(&target).unwrap();
    assert!(first.kept_files == 0 && first.copied_files > 5);
    let again = platform.back_up(&target).unwrap();
    assert_eq!((again.copied_files, again.kept_files), (0, first.copied_files));
    assert_eq!(again.manifest.files, first.manifest.files);
    platform.work(4);
    let sealed = |made: &Made| made.manifest.files.iter().filter(|file| file.sealed_at.is_some()).count();
    let next = platform.back_up(&target).unwrap();
    assert!(sealed(&next) > sealed(&first));
    // The segments that were sealed before, snapshot and secrets.
    assert_eq!(next.kept_files, u64::try_from(sealed(&first) + 2).unwrap());
    for file in &next.manifest.files {
        assert!(target.flip_bits(&file.stored, file.summary.bytes / 2, 1));
        let repaired = platform.back_up(&target).unwrap();
        assert_eq!(repaired.copied_files, 1, "{}", file.path);
        assert_eq!(proven(&target), Some(next.manifest.tail.last_seq()));
    }
}

#[test]
fn damage_in_the_journal_is_not_backed_up() {
    let platform = Platform::busy();
    let target = SimIo::new();
    platform.back_up(&target).unwrap();
    let (older, segments) = (proven(&target), journal::segment_starts(&platform.io, 0).unwrap());
    assert!(segments.len() > 2);
    for start in &segments {
        let path = start.path();
        assert!(platform.io.flip_bits(&path, 4_096 + 100, 1));
        let is_last = segments.last() == Some(start);
        let damaged = platform.back_up(&SimIo::new());
        match damaged {
            Err(
                Error::Journal(OpenError::Damaged { segment, offset: 4_096, .. })
                | Error::Read(ReadError::Damaged { segment, offset: 4_096, .. }),
            ) => assert_eq!(segment, path),
            Ok(made) if is_last => assert!(Some(made.manifest.tail.last_seq()) < older, "alone at the end it looks like a torn record"),
            other => panic!("{other:?}"),
        }
        if is_last {
            // The backup knows better: it has what the journal seems to have lost.
            assert!(!matches!(platform.back_up(&target), Ok(made) if Some(made.manifest.tail.last_seq()) < older));
        }
        assert!(platform.io.flip_bits(&path, 4_096 + 100, 1));
    }
    assert_eq!(proven(&target), older);
}

#[test]
fn a_backup_of_another_journal_is_not_overwritten_and_two_do_not_work_at_once() {
    let (platform, mut other) = (Platform::busy(), Platform::new());
    other.append(vec![Event::LeaderStarted { epoch: 1 }]);
    let target = SimIo::new();
    platform.back_up(&target).unwrap();
    let files = target.files();
    for _ in 0..2 {
        assert!(matches!(other.back_up(&target), Err(Error::OtherHistory { .. })), "shorter or longer, it is another history");
        other.work(30);
    }
    let _lock = journal::Io::lock_exclusive(&target, "backup.lock").unwrap().unwrap();
    assert!(matches!(platform.back_up(&target), Err(Error::Busy(_))));
    assert_eq!(target.files(), files);
}
