//! What can go wrong, as closed enums: what was attempted, where, and whether trying again can help.

use std::fmt;

/// One failed disk operation.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {path}: {source}")]
pub struct IoFailure {
    /// What was attempted, as a verb: "write", "sync".
    pub operation: &'static str,
    /// The file or folder, relative to the data folder.
    pub path: String,
    /// What the operating system said.
    pub source: std::io::Error,
}

impl IoFailure {
    /// For `map_err`: turns the operating system's error into one that says what was attempted on which path.
    pub fn on<'a>(operation: &'static str, path: &'a str) -> impl FnOnce(std::io::Error) -> IoFailure + 'a {
        move |source| IoFailure { operation, path: path.to_owned(), source }
    }
}

/// Why a batch was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The caller's idea of the tail is not the journal's. Nothing was written.
    #[error("expected sequence number {expected_seq}, but the journal's next is {next_seq}")]
    SequenceMismatch {
        /// What the caller expected.
        expected_seq: u64,
        /// What the journal would assign.
        next_seq: u64,
    },
    /// A newer leader has written. Nothing was written; the caller must stop leading.
    #[error("epoch {epoch} is fenced by epoch {current_epoch}")]
    Fenced {
        /// The caller's epoch.
        epoch: u64,
        /// The journal's epoch.
        current_epoch: u64,
    },
    /// The batch is above the limit. Nothing was written.
    #[error("a batch of {bytes} bytes is above the limit of {bytes_max}")]
    TooLarge {
        /// Events and transfers together, in bytes.
        bytes: usize,
        /// The limit, inclusive, in bytes.
        bytes_max: usize,
    },
    /// The batch breaks a rule of the format. Nothing was written.
    #[error("not a batch: {rule}")]
    Malformed {
        /// The rule.
        rule: &'static str,
    },
    /// An earlier write or sync failed; only opening the journal again can tell what is durable.
    #[error("the journal has stopped after a failure")]
    Stopped,
    /// Storage failed. The batch may or may not be durable, and the journal has stopped.
    #[error(transparent)]
    Io(#[from] IoFailure),
}

impl AppendError {
    /// Whether the same call on the same journal can succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            AppendError::SequenceMismatch { .. }
            | AppendError::Fenced { .. }
            | AppendError::TooLarge { .. }
            | AppendError::Malformed { .. }
            | AppendError::Stopped
            | AppendError::Io(_) => false,
        }
    }
}

/// What is wrong with the bytes at one place of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    /// The magic number is not there.
    #[error("no record starts here")]
    NotAFrame,
    /// The header does not match its CRC32C.
    #[error("the header's checksum does not match")]
    HeaderChecksum,
    /// The body does not match its CRC32C.
    #[error("the body's checksum does not match")]
    BodyChecksum,
    /// Intact, but written by a newer version of the software.
    #[error("format version {found} is unknown")]
    Version {
        /// The version in the header.
        found: u16,
    },
    /// Intact, but its fields break the format's rules.
    #[error("the header's fields contradict each other")]
    Layout,
    /// Intact, but of another partition.
    #[error("it belongs to partition {found}")]
    Partition {
        /// The partition in the header.
        found: u32,
    },
    /// Intact, but not the next in order.
    #[error("it starts with sequence number {found}")]
    Sequence {
        /// The first sequence number in the header.
        found: u64,
    },
    /// Intact, but its epoch is below that of an earlier record.
    #[error("its epoch {found} is below an earlier one")]
    Epoch {
        /// The epoch in the header.
        found: u64,
    },
    /// Intact, but the hash of its predecessor is another one.
    #[error("its predecessor's hash does not match the chain")]
    Chain,
    /// The segment is full although batches are missing between it and the next one.
    #[error("the segment ends here")]
    SegmentEnd,
    /// The segment's header is damaged.
    #[error("the segment's header is damaged")]
    SegmentHeader,
    /// The segment's file has another length than its header says.
    #[error("the segment has {found} bytes, not {expected}")]
    SegmentLength {
        /// The file's length, in bytes.
        found: u64,
        /// The length in the header, in bytes.
        expected: u64,
    },
    /// A segment file is missing.
    #[error("the segment is missing")]
    SegmentMissing,
}

impl FrameFault {
    /// Whether a write that a crash cut short can look like this. Everything else is an intact header that says
    /// something impossible, which no crash produces.
    #[must_use]
    pub fn may_be_torn(self) -> bool {
        match self {
            FrameFault::NotAFrame | FrameFault::HeaderChecksum | FrameFault::BodyChecksum => true,
            FrameFault::Version { .. }
            | FrameFault::Layout
            | FrameFault::Partition { .. }
            | FrameFault::Sequence { .. }
            | FrameFault::Epoch { .. }
            | FrameFault::Chain
            | FrameFault::SegmentEnd
            | FrameFault::SegmentHeader
            | FrameFault::SegmentLength { .. }
            | FrameFault::SegmentMissing => false,
        }
    }
}

/// Something valid behind a damaged place: the proof that the place was once complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    /// The successor's segment file.
    pub segment: String,
    /// The successor's offset in it, in bytes.
    pub offset: u64,
    /// The successor's first sequence number.
    pub seq: u64,
}

/// Why a place counts as damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What is wrong with the bytes.
    pub fault: FrameFault,
    /// What follows and proves that this is damage and not a torn write, when that was needed as proof.
    pub successor: Option<Successor>,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fault)?;
        match &self.successor {
            None => Ok(()),
            Some(Successor { segment, offset, seq }) => {
                write!(f, "; a valid record for sequence number {seq} follows in {segment} at offset {offset}")
            }
        }
    }
}

/// A damaged place, before it becomes part of an [`OpenError`] or [`ReadError`].
#[derive(Clone, Debug)]
pub(crate) struct Damage {
    pub segment: String,
    pub offset: u64,
    pub seq: u64,
    pub reason: Reason,
}

/// What looking at segments may give.
#[derive(Debug)]
pub(crate) enum ScanError {
    Io(IoFailure),
    Damaged(Damage),
    SnapshotMismatch { next_seq: u64 },
}

impl From<IoFailure> for ScanError {
    fn from(failure: IoFailure) -> Self {
        ScanError::Io(failure)
    }
}

/// Why a journal was not opened or did not verify.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// An option is out of range.
    #[error("bad option: {rule}")]
    Options {
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// Another process (or another journal in this one) uses the folder.
    #[error("{folder} is in use by another process")]
    Locked {
        /// The data folder.
        folder: String,
    },
    /// Bytes before the tail are damaged. Nothing was changed; restore the segment from a copy.
    #[error("damaged: {segment} at offset {offset}, sequence number {seq}: {reason}")]
    Damaged {
        /// The segment file, relative to the data folder.
        segment: String,
        /// Where in the segment, in bytes.
        offset: u64,
        /// The sequence number that was expected there.
        seq: u64,
        /// What is wrong.
        reason: Reason,
    },
    /// The snapshot given as [`Options::verify_from`](crate::Options::verify_from) is not a position of this journal.
    #[error("the snapshot at sequence number {next_seq} does not belong to this journal")]
    SnapshotMismatch {
        /// The snapshot's position.
        next_seq: u64,
    },
    /// A stored snapshot is newer than the journal's tail: batches that were durable are gone.
    #[error("a snapshot at sequence number {snapshot_seq} exists, but the journal ends before {next_seq}")]
    BehindSnapshot {
        /// The snapshot's position.
        snapshot_seq: u64,
        /// The journal's next sequence number.
        next_seq: u64,
    },
    /// Storage failed.
    #[error(transparent)]
    Io(#[from] IoFailure),
}

impl OpenError {
    /// Whether the same call can succeed later without anybody repairing data or options.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            OpenError::Locked { .. } | OpenError::Io(_) => true,
            OpenError::Options { .. }
            | OpenError::Damaged { .. }
            | OpenError::SnapshotMismatch { .. }
            | OpenError::BehindSnapshot { .. } => false,
        }
    }
}

impl From<ScanError> for OpenError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Io(failure) => OpenError::Io(failure),
            ScanError::SnapshotMismatch { next_seq } => OpenError::SnapshotMismatch { next_seq },
            ScanError::Damaged(Damage { segment, offset, seq, reason }) => OpenError::Damaged { segment, offset, seq, reason },
        }
    }
}

/// Why a batch could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The position is above the tail.
    #[error("sequence number {from_seq} is beyond the journal's next, {next_seq}")]
    BeyondTail {
        /// What was asked for.
        from_seq: u64,
        /// The journal's next sequence number.
        next_seq: u64,
    },
    /// The bytes are not what was written.
    #[error("damaged: {segment} at offset {offset}, sequence number {seq}: {reason}")]
    Damaged {
        /// The segment file, relative to the data folder.
        segment: String,
        /// Where in the segment, in bytes.
        offset: u64,
        /// The sequence number that was expected there.
        seq: u64,
        /// What is wrong.
        reason: Reason,
    },
    /// Storage failed.
    #[error(transparent)]
    Io(#[from] IoFailure),
}

impl ReadError {
    /// Whether the same call can succeed later without anybody repairing data.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            ReadError::BeyondTail { .. } | ReadError::Io(_) => true,
            ReadError::Damaged { .. } => false,
        }
    }
}

impl From<Damage> for ReadError {
    fn from(damage: Damage) -> Self {
        let Damage { segment, offset, seq, reason } = damage;
        ReadError::Damaged { segment, offset, seq, reason }
    }
}

/// Why a snapshot was not stored or loaded.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// There is no snapshot of that name.
    #[error("there is no snapshot at sequence number {next_seq}")]
    Missing {
        /// The position asked for.
        next_seq: u64,
    },
    /// The snapshot fails its own check.
    #[error("the snapshot at sequence number {next_seq} is unusable: {rule}")]
    Corrupt {
        /// The snapshot's position according to its name.
        next_seq: u64,
        /// The check that failed.
        rule: &'static str,
    },
    /// The journal has no batch that ends at this position with this hash.
    #[error("sequence number {next_seq} with this hash is not a position of the journal")]
    NotInJournal {
        /// The position in question.
        next_seq: u64,
    },
    /// Above the limit.
    #[error("a snapshot of {bytes} bytes is above the limit of {bytes_max}")]
    TooLarge {
        /// Its size, in bytes.
        bytes: u64,
        /// The limit, inclusive, in bytes.
        bytes_max: u64,
    },
    /// The journal could not be read to check the position.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Storage failed. Older snapshots and the journal are as they were.
    #[error(transparent)]
    Io(#[from] IoFailure),
}

impl SnapshotError {
    /// Whether the same call can succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            SnapshotError::Io(_) => true,
            SnapshotError::Read(error) => error.retryable(),
            SnapshotError::Missing { .. }
            | SnapshotError::Corrupt { .. }
            | SnapshotError::NotInJournal { .. }
            | SnapshotError::TooLarge { .. } => false,
        }
    }
}
