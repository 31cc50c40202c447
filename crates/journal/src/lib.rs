//! The journal: an append-only, checksummed, hash-chained log of batches, one per partition.
//!
//! It knows bytes only: what an event or a transfer means lives in `events` and `ledger`. Here are the [`Journal`]
//! trait, its backend on local files ([`FileJournal`]), one in memory with scripted faults ([`MemoryJournal`]), the
//! suite that every backend passes unchanged ([`conformance`]), a simulated disk ([`simio`]), and sorted files of keys and
//! values from which indexes of the journal are made ([`table`]).
//!
//! Read [`frame`] for the bytes of one record, then `scan` for the rule that tells a torn tail from damage.
//!
//! Sequence numbers count events. The first event of a journal is [`FIRST_SEQ`]; 0 is free to mean "nothing yet".

mod dump;
mod error;
mod file;
mod io;
mod live;
mod memory;
mod reader;
mod scan;
mod segment;
mod snapshot;
mod spare;

pub mod conformance;
pub mod frame;
pub mod simio;
pub mod table;

pub use dump::{Dump, DumpedRecord, RecordKind, VerifyReport, dump, dump_between, tail, verify};
pub use error::{AppendError, FrameFault, IoFailure, OpenError, ReadError, Reason, SnapshotError, Successor};
pub use file::{FileJournal, OpenReport, Options};
pub use frame::chain_hash;
pub use io::{Io, OsIo};
pub use live::{Checked, Portion, SegmentStart, check_segment, segment_starts, sync_segment};
pub use memory::{MemoryFault, MemoryJournal, MemoryStore};
pub use reader::{Batches, Reader, Segment};
pub use scan::TailState;
pub use snapshot::{SnapshotStore, list_snapshots, load_snapshot_file};
pub use spare::SegmentPreparer;

use std::time::Duration;

/// The sequence number of the first event of every journal.
pub const FIRST_SEQ: u64 = 1;

/// The chain hash of an empty journal.
pub const GENESIS_HASH: [u8; 32] = [0; 32];

/// The size of one record of the transfers section, in bytes.
pub const TRANSFER_BYTES: usize = 128;

/// The largest body that the format allows (events and transfers together), in bytes. A reader refuses more before
/// it allocates, whatever a header says.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The default of [`Options::batch_bytes_max`]: 1 MiB.
pub const BATCH_BYTES_MAX_DEFAULT: usize = 1024 * 1024;

/// The default of [`Options::segment_bytes`]: 64 MiB.
pub const SEGMENT_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;

/// How many snapshots are kept. The older one serves when the newer one fails its check.
pub const SNAPSHOTS_KEPT: usize = 2;

const _: () = assert!(BATCH_BYTES_MAX_DEFAULT <= BODY_BYTES_MAX);

/// One round of the sequencer, to be appended as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// How many events the batch holds, at least 1; the sequence advances by this much.
    pub event_count: u32,
    /// The events section; opaque here.
    pub events: &'a [u8],
    /// The transfers section: whole records of [`TRANSFER_BYTES`].
    pub transfers: &'a [u8],
}

/// One batch read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedBatch {
    /// The sequence number of the batch's first event.
    pub first_seq: u64,
    /// How many events the batch holds, at least 1.
    pub event_count: u32,
    /// The epoch of the leader that appended it.
    pub epoch: u64,
    /// The events section, byte for byte.
    pub events: Vec<u8>,
    /// The transfers section, byte for byte.
    pub transfers: Vec<u8>,
    /// The chain hash after this batch.
    pub hash: [u8; 32],
}

impl OwnedBatch {
    /// The tail of a journal that ends with this batch.
    #[must_use]
    pub fn tail(&self) -> Tail {
        Tail { next_seq: self.first_seq.saturating_add(u64::from(self.event_count)), epoch: self.epoch, hash: self.hash }
    }
}

/// A position between two batches, with the hash that proves everything before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The sequence number that the next event gets.
    pub next_seq: u64,
    /// The epoch of the last batch, 0 when there is none.
    pub epoch: u64,
    /// The chain hash after the last batch, [`GENESIS_HASH`] when there is none.
    pub hash: [u8; 32],
}

impl Tail {
    /// The tail of an empty journal.
    pub const GENESIS: Tail = Tail { next_seq: FIRST_SEQ, epoch: 0, hash: GENESIS_HASH };
}

/// Names one stored snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotRef {
    /// The first sequence number that the snapshot does not contain.
    pub next_seq: u64,
}

impl SnapshotRef {
    /// Where its file is, below the journal's folder.
    #[must_use]
    pub fn path(self) -> String {
        snapshot::snapshot_path(self)
    }
}

/// What [`Journal::newest_valid_snapshot`] found.
#[derive(Debug)]
pub struct SnapshotSearch {
    /// The newest snapshot that passed every check, with its position.
    pub found: Option<(Tail, Vec<u8>)>,
    /// Newer snapshots that failed, and why; an operator should hear of them.
    pub skipped: Vec<(SnapshotRef, SnapshotError)>,
}

/// A durable log of one partition with one writer.
pub trait Journal: Send {
    /// Appends one batch after the tail and returns the new tail once the batch is durable.
    ///
    /// # Errors
    /// In this order of precedence: [`AppendError::Stopped`] after an earlier failure; [`AppendError::Malformed`] and
    /// [`AppendError::TooLarge`] for a batch that no journal takes; [`AppendError::Fenced`] when `epoch` is below the
    /// tail's; [`AppendError::SequenceMismatch`] when `expected_seq` is not the tail's next; [`AppendError::Io`] when
    /// storage failed. After `Io` the batch may or may not be durable, and every later call is `Stopped`.
    fn append(&mut self, expected_seq: u64, epoch: u64, batch: Batch<'_>) -> Result<Tail, AppendError>;

    /// Makes durable that the last batch was complete, unless a seal or a successor says so already.
    ///
    /// Idempotent; moves neither the tail nor the chain hash. Call it when no next batch follows within a millisecond.
    ///
    /// # Errors
    /// [`AppendError::Stopped`] and [`AppendError::Io`], as for `append`.
    fn seal(&mut self) -> Result<(), AppendError>;

    /// How long the last append waited for the disk to have it; `None` where nothing was appended or nobody measures.
    fn last_sync(&self) -> Option<Duration> {
        None
    }

    /// The batches from the one that contains `from_seq` to the tail of this moment, in order. `from_seq` 0 means from
    /// the start.
    ///
    /// # Errors
    /// [`ReadError::BeyondTail`] when `from_seq` is above the tail's next. Each item is checked (checksum, order,
    /// chain); after an error the iterator ends.
    fn read(&self, from_seq: u64) -> Result<Box<dyn Iterator<Item = Result<OwnedBatch, ReadError>> + '_>, ReadError>;

    /// The durable tail.
    fn tail(&self) -> Tail;

    /// Stores a snapshot of the state at `at`, durably, and forgets all but the newest [`SNAPSHOTS_KEPT`].
    ///
    /// # Errors
    /// [`SnapshotError::NotInJournal`] when the journal has no such position; [`SnapshotError::TooLarge`]; `Io`, which
    /// does not stop the journal and leaves older snapshots as they were.
    fn save_snapshot(&mut self, at: &Tail, bytes: &[u8]) -> Result<(), SnapshotError>;

    /// The stored snapshots, newest first.
    fn snapshots(&self) -> Vec<SnapshotRef>;

    /// Loads one snapshot and checks it against its own hash, not against the journal.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`], [`SnapshotError::Corrupt`], `Io`. The caller tries an older one.
    fn load_snapshot(&self, snapshot: &SnapshotRef) -> Result<(Tail, Vec<u8>), SnapshotError>;

    /// The position right before `next_seq`, or `None` when no batch ends there.
    ///
    /// # Errors
    /// What reading the batch before it may give.
    fn tail_at(&self, next_seq: u64) -> Result<Option<Tail>, ReadError> {
        tail_before(next_seq, |from_seq| match self.read(from_seq) {
            Ok(mut batches) => batches.next().transpose(),
            Err(ReadError::BeyondTail { .. }) => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// The newest snapshot that passes its own check and whose position is in this journal with the same chain hash.
    ///
    /// # Errors
    /// Only when the journal itself cannot be read; a bad snapshot is skipped and listed.
    fn newest_valid_snapshot(&self) -> Result<SnapshotSearch, ReadError> {
        let mut skipped = Vec::new();
        for snapshot in self.snapshots() {
            match self.load_snapshot(&snapshot) {
                Ok((tail, bytes)) if self.tail_at(tail.next_seq)? == Some(tail) => {
                    return Ok(SnapshotSearch { found: Some((tail, bytes)), skipped });
                }
                Ok((tail, _)) => skipped.push((snapshot, SnapshotError::NotInJournal { next_seq: tail.next_seq })),
                Err(error) => skipped.push((snapshot, error)),
            }
        }
        Ok(SnapshotSearch { found: None, skipped })
    }
}

/// Shared by the backends: the tail before `next_seq`, given a way to read the batch that contains a number.
fn tail_before(next_seq: u64, batch_with: impl FnOnce(u64) -> Result<Option<OwnedBatch>, ReadError>) -> Result<Option<Tail>, ReadError> {
    if next_seq == FIRST_SEQ {
        return Ok(Some(Tail::GENESIS));
    }
    if next_seq < FIRST_SEQ {
        return Ok(None);
    }
    Ok(batch_with(next_seq - 1)?.map(|batch| batch.tail()).filter(|tail| tail.next_seq == next_seq))
}

/// Widens a size for arithmetic with file offsets.
fn wide(size: usize) -> u64 {
    u64::try_from(size).expect("a size in memory has at most 64 bits")
}
