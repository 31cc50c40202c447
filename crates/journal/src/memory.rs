//! A journal in memory, with scripted faults: for tests of what is built on a journal, and the conformance suite's
//! simplest subject. Its contents live in a [`MemoryStore`] that outlives the journal, as a disk would.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::frame::check_batch;
use crate::{
    AppendError, Batch, IoFailure, Journal, OwnedBatch, ReadError, SNAPSHOTS_KEPT, SnapshotError, SnapshotRef, Tail, chain_hash,
    tail_before,
};

/// What a scripted fault does to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryFault {
    /// The append fails and the batch is lost.
    AppendBeforeDurable,
    /// The append fails although the batch is durable.
    AppendAfterDurable,
    /// The seal fails.
    Seal,
    /// The snapshot is not stored.
    Snapshot,
}

/// The contents of a journal in memory; a clone is the same store.
#[derive(Clone)]
pub struct MemoryStore {
    contents: Arc<Mutex<Contents>>,
}

struct Contents {
    partition: u32,
    batches: Vec<OwnedBatch>,
    snapshots: BTreeMap<u64, StoredSnapshot>,
    /// Each with the number of calls of its kind that still succeed.
    faults: Vec<(u64, MemoryFault)>,
    seal_count: u64,
}

#[derive(Clone)]
struct StoredSnapshot {
    at: Tail,
    state: Vec<u8>,
    is_damaged: bool,
}

impl Contents {
    fn tail(&self) -> Tail {
        self.batches.last().map_or(Tail::GENESIS, OwnedBatch::tail)
    }

    fn batch_at(&self, index: usize) -> Option<OwnedBatch> {
        self.batches.get(index).cloned()
    }

    /// The batch that contains `seq`, or the number of batches.
    fn index_of(&self, seq: u64) -> usize {
        self.batches.partition_point(|batch| batch.tail().next_seq <= seq)
    }

    /// Counts one call and says which fault strikes it.
    fn strike(&mut self, kinds: &[MemoryFault]) -> Option<MemoryFault> {
        let mut struck = None;
        for (index, (calls_left, fault)) in self.faults.iter_mut().enumerate() {
            if !kinds.contains(fault) {
                continue;
            }
            match calls_left.checked_sub(1) {
                Some(fewer) => *calls_left = fewer,
                None if struck.is_none() => struck = Some(index),
                None => {}
            }
        }
        struck.map(|index| self.faults.remove(index).1)
    }
}

fn scripted_failure(operation: &'static str) -> IoFailure {
    IoFailure { operation, path: "memory".to_owned(), source: std::io::Error::other("scripted fault") }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(partition: u32) -> Self {
        MemoryStore {
            contents: Arc::new(Mutex::new(Contents {
                partition,
                batches: Vec::new(),
                snapshots: BTreeMap::new(),
                faults: Vec::new(),
                seal_count: 0,
            })),
        }
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `calls_before` more calls of the fault's kind succeed and then strikes one.
    pub fn schedule(&self, calls_before: u64, fault: MemoryFault) {
        self.contents().faults.push((calls_before, fault));
    }

    /// Makes a stored snapshot fail its check; says whether there was one.
    pub fn damage_snapshot(&self, snapshot: SnapshotRef) -> bool {
        match self.contents().snapshots.get_mut(&snapshot.next_seq) {
            Some(stored) => {
                stored.is_damaged = true;
                true
            }
            None => false,
        }
    }

    /// How many seals were written.
    #[must_use]
    pub fn seal_count(&self) -> u64 {
        self.contents().seal_count
    }
}

/// A journal over a [`MemoryStore`].
pub struct MemoryJournal {
    store: MemoryStore,
    batch_bytes_max: usize,
    tail: Tail,
    sealed: bool,
    stopped: bool,
}

impl MemoryJournal {
    /// Opens the store, with batches of up to `batch_bytes_max` bytes. Unlike on files, nothing keeps two writers apart.
    #[must_use]
    pub fn open(store: MemoryStore, batch_bytes_max: usize) -> Self {
        let tail = store.contents().tail();
        MemoryJournal { store, tail, batch_bytes_max, sealed: true, stopped: false }
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, expected_seq: u64, epoch: u64, batch: Batch<'_>) -> Result<Tail, AppendError> {
        if self.stopped {
            return Err(AppendError::Stopped);
        }
        let mut contents = self.store.contents();
        let before = contents.tail();
        check_batch(before.next_seq, &batch, self.batch_bytes_max)?;
        if epoch < before.epoch {
            return Err(AppendError::Fenced { epoch, current_epoch: before.epoch });
        }
        if expected_seq != before.next_seq {
            return Err(AppendError::SequenceMismatch { expected_seq, next_seq: before.next_seq });
        }
        let fault = contents.strike(&[MemoryFault::AppendBeforeDurable, MemoryFault::AppendAfterDurable]);
        if fault != Some(MemoryFault::AppendBeforeDurable) {
            let hash = chain_hash(contents.partition, epoch, &before, &batch)?;
            contents.batches.push(OwnedBatch {
                first_seq: before.next_seq,
                event_count: batch.event_count,
                epoch,
                events: batch.events.to_vec(),
                transfers: batch.transfers.to_vec(),
                hash,
            });
        }
        if fault.is_some() {
            self.stopped = true;
            return Err(AppendError::Io(scripted_failure("append")));
        }
        self.sealed = false;
        self.tail = contents.tail();
        Ok(self.tail)
    }

    fn seal(&mut self) -> Result<(), AppendError> {
        if self.stopped {
            return Err(AppendError::Stopped);
        }
        if self.sealed {
            return Ok(());
        }
        let mut contents = self.store.contents();
        if contents.strike(&[MemoryFault::Seal]).is_some() {
            self.stopped = true;
            return Err(AppendError::Io(scripted_failure("seal")));
        }
        contents.seal_count += 1;
        self.sealed = true;
        Ok(())
    }

    fn read(&self, from_seq: u64) -> Result<Box<dyn Iterator<Item = Result<OwnedBatch, ReadError>> + '_>, ReadError> {
        let contents = self.store.contents();
        let next_seq = contents.tail().next_seq;
        if from_seq > next_seq {
            return Err(ReadError::BeyondTail { from_seq, next_seq });
        }
        let indexes = contents.index_of(from_seq)..contents.batches.len();
        drop(contents);
        Ok(Box::new(indexes.filter_map(|index| self.store.contents().batch_at(index)).map(Ok)))
    }

    fn tail(&self) -> Tail {
        self.tail
    }

    fn save_snapshot(&mut self, at: &Tail, bytes: &[u8]) -> Result<(), SnapshotError> {
        if self.tail_at(at.next_seq)? != Some(*at) {
            return Err(SnapshotError::NotInJournal { next_seq: at.next_seq });
        }
        let mut contents = self.store.contents();
        if contents.strike(&[MemoryFault::Snapshot]).is_some() {
            return Err(SnapshotError::Io(scripted_failure("save a snapshot")));
        }
        contents.snapshots.insert(at.next_seq, StoredSnapshot { at: *at, state: bytes.to_vec(), is_damaged: false });
        while contents.snapshots.len() > SNAPSHOTS_KEPT {
            contents.snapshots.pop_first();
        }
        Ok(())
    }

    fn snapshots(&self) -> Vec<SnapshotRef> {
        self.store.contents().snapshots.keys().rev().map(|next_seq| SnapshotRef { next_seq: *next_seq }).collect()
    }

    fn load_snapshot(&self, snapshot: &SnapshotRef) -> Result<(Tail, Vec<u8>), SnapshotError> {
        let next_seq = snapshot.next_seq;
        let contents = self.store.contents();
        let stored = contents.snapshots.get(&next_seq).ok_or(SnapshotError::Missing { next_seq })?;
        if stored.is_damaged {
            return Err(SnapshotError::Corrupt { next_seq, rule: "its hash does not match" });
        }
        Ok((stored.at, stored.state.clone()))
    }

    fn tail_at(&self, next_seq: u64) -> Result<Option<Tail>, ReadError> {
        tail_before(next_seq, |from_seq| {
            let contents = self.store.contents();
            Ok(contents.batch_at(contents.index_of(from_seq)))
        })
    }
}
