//! Offline tools: verifying and listing a journal that nobody has open. They change nothing, and repair nothing.

use crate::error::ScanError;
use crate::file::LOCK_PATH;
use crate::frame::Kind;
use crate::scan::{TailState, Trouble, Walk, scan};
use crate::segment::list_segments;
use crate::{Io, IoFailure, OpenError, ReadError, Tail, wide};

/// What [`verify`] found in an undamaged journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// How many segments there are.
    pub segment_count: u64,
    /// How many batches there are.
    pub batch_count: u64,
    /// How many seals there are.
    pub seal_count: u64,
    /// The first sequence number, or `None` when the journal holds no batch.
    pub first_seq: Option<u64>,
    /// The last sequence number, or `None` when the journal holds no batch.
    pub last_seq: Option<u64>,
    /// The position after the last batch, with the chain hash that vouches for everything before it.
    pub tail: Tail,
    /// How the journal ends.
    pub tail_state: TailState,
    /// Bytes without meaning (padding, unused space) that are not zero.
    pub stray_bytes: u64,
}

/// Locks an existing journal, so that nobody writes while it is read. A folder that was never opened has no lock file,
/// and none is made.
fn lock_offline<I: Io>(io: &I) -> Result<Option<I::Lock>, OpenError> {
    let names = io.list("").map_err(IoFailure::on("list", ""))?;
    if !names.iter().any(|name| name == LOCK_PATH) {
        return Ok(None);
    }
    io.lock_exclusive(LOCK_PATH).map_err(IoFailure::on("lock", LOCK_PATH))?.ok_or_else(|| OpenError::Locked { folder: io.root() }).map(Some)
}

/// Verifies a whole journal: every checksum, the order, the chain and the end.
///
/// # Errors
/// [`OpenError::Damaged`] names the first damaged place; [`OpenError::Locked`] when the journal is open;
/// [`OpenError::Io`].
pub fn verify<I: Io>(io: &I, partition: u32) -> Result<VerifyReport, OpenError> {
    let _lock = lock_offline(io)?;
    let scan = scan(io, partition, &list_segments(io)?, None)?;
    let has_batches = scan.batch_count > 0;
    Ok(VerifyReport {
        segment_count: wide(scan.segments.len()),
        batch_count: scan.batch_count,
        seal_count: scan.seal_count,
        first_seq: has_batches.then_some(crate::FIRST_SEQ),
        last_seq: has_batches.then(|| scan.tail.next_seq - 1),
        tail: scan.tail,
        tail_state: scan.tail_state(),
        stray_bytes: scan.stray_bytes,
    })
}

/// Where a journal that nobody has open ends; changes nothing. What is before `verify_from`, such as a snapshot's place, is
/// only checked for its order.
///
/// # Errors
/// As [`verify`].
pub fn tail<I: Io>(io: &I, partition: u32, verify_from: Option<&crate::Tail>) -> Result<crate::Tail, OpenError> {
    let _lock = lock_offline(io)?;
    Ok(scan(io, partition, &list_segments(io)?, verify_from)?.tail)
}

/// What a dumped record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// A batch of events.
    Batch,
    /// The proof that the batch before it was complete.
    Seal,
}

/// One record, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpedRecord {
    /// The segment's first sequence number, which is its file's name.
    pub segment_first_seq: u64,
    /// Where in the segment the record starts, in bytes.
    pub offset: u64,
    /// What it is.
    pub kind: RecordKind,
    /// The epoch of the leader that wrote it.
    pub epoch: u64,
    /// The first sequence number; of a seal, the one after the batch that it seals.
    pub first_seq: u64,
    /// How many events it holds; of a seal, 0.
    pub event_count: u32,
    /// The events section.
    pub events: Vec<u8>,
    /// The transfers section.
    pub transfers: Vec<u8>,
    /// The chain hash after it.
    pub hash: [u8; 32],
}

/// Lists every record of a journal in order, seals included, up to its end or to the first damaged place.
///
/// # Errors
/// [`OpenError::Locked`] when the journal is open; [`OpenError::Io`]. Damage is the iterator's last item.
pub fn dump<I: Io>(io: I, partition: u32) -> Result<Dump<I>, OpenError> {
    let lock = lock_offline(&io)?;
    let first_seqs = list_segments(&io)?;
    let before = Some(Tail::GENESIS);
    Ok(Dump {
        io,
        partition,
        pending: first_seqs.into_iter().collect(),
        walk: None,
        before,
        end_seq: u64::MAX,
        finished: false,
        _lock: lock,
    })
}

/// As [`dump`], without a lock, for a journal that somebody may be appending to: from the segment that contains `from_seq` on,
/// and no further than to the end of the batch before `end_seq`, which must be there already.
///
/// # Errors
/// [`OpenError::Io`]. Damage is the iterator's last item.
pub fn dump_between<I: Io>(io: I, partition: u32, from_seq: u64, end_seq: u64) -> Result<Dump<I>, OpenError> {
    let first_seqs = list_segments(&io)?;
    let start = first_seqs.partition_point(|first_seq| *first_seq <= from_seq).saturating_sub(1);
    let pending = first_seqs.into_iter().skip(start).filter(|first_seq| *first_seq < end_seq).collect();
    Ok(Dump { io, partition, pending, walk: None, before: None, end_seq, finished: false, _lock: None })
}

/// The records of a journal in order; see [`dump`].
pub struct Dump<I: Io> {
    io: I,
    partition: u32,
    /// First sequence numbers of the segments not yet opened.
    pending: std::collections::VecDeque<u64>,
    walk: Option<(u64, Walk<I::File>)>,
    /// The position reached; not known before the first segment when that is not the journal's first.
    before: Option<Tail>,
    /// Where to stop, whatever follows.
    end_seq: u64,
    finished: bool,
    _lock: Option<I::Lock>,
}

impl<I: Io> Iterator for Dump<I> {
    type Item = Result<DumpedRecord, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let item = match self.read_next() {
            Ok(record) => record.map(Ok),
            Err(ScanError::Io(failure)) => Some(Err(failure.into())),
            Err(ScanError::Damaged(damage)) => Some(Err(damage.into())),
            Err(ScanError::SnapshotMismatch { next_seq }) => Some(Err(ReadError::BeyondTail { from_seq: next_seq, next_seq })),
        };
        self.finished = !matches!(item, Some(Ok(_)));
        item
    }
}

impl<I: Io> Dump<I> {
    fn read_next(&mut self) -> Result<Option<DumpedRecord>, ScanError> {
        loop {
            if self.before.is_some_and(|before| before.next_seq >= self.end_seq) {
                return Ok(None);
            }
            let (segment_first_seq, walk) = match &mut self.walk {
                Some((first_seq, walk)) => (*first_seq, walk),
                None => {
                    let Some(first_seq) = self.pending.pop_front() else {
                        return Ok(None);
                    };
                    let walk = Walk::open(&self.io, self.partition, first_seq, self.before.as_ref())?;
                    let (_, walk) = self.walk.insert((first_seq, walk));
                    (first_seq, walk)
                }
            };
            let fault = match walk.step(&self.io) {
                Ok(Some(record)) => {
                    let (events, transfers) = walk.sections(&self.io, &record)?;
                    self.before = Some(record.after);
                    return Ok(Some(DumpedRecord {
                        segment_first_seq,
                        offset: record.offset,
                        kind: match record.header.kind {
                            Kind::Batch => RecordKind::Batch,
                            Kind::Seal => RecordKind::Seal,
                        },
                        epoch: record.header.epoch,
                        first_seq: record.header.first_seq,
                        event_count: record.header.event_count,
                        events,
                        transfers,
                        hash: record.after.hash,
                    }));
                }
                Ok(None) => None,
                Err(Trouble::Io(failure)) => return Err(ScanError::Io(failure)),
                Err(Trouble::Fault(fault)) => Some(fault),
            };
            match (self.pending.front(), fault) {
                (Some(next_first_seq), fault) => walk.check_successor(fault, *next_first_seq).map_err(ScanError::Damaged)?,
                (None, Some(fault)) => {
                    walk.judge_tail(&self.io, fault)?;
                }
                (None, None) => {}
            }
            self.walk = None;
        }
    }
}
