//! Reading a journal that another process may be appending to, without its lock: for whoever copies it. Changes nothing.
//!
//! What stands before the writer's place never changes. Who reads as far as that place may see half of a record, and behind
//! it, because that is read later, something valid: elsewhere the proof of damage. So damage in the last segment counts
//! when a second look finds it at the same place, for what something valid follows was complete before that was written.

use crate::error::ScanError;
use crate::scan::{Extent, Trouble, Walk};
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, damage_in, list_segments, segment_path};
use crate::{FIRST_SEQ, FrameFault, Io, IoFailure, OpenError, Tail};

/// Most looks at a last segment that seems damaged, each time at another place. The writer must be that much quicker.
const LOOKS_MAX: usize = 100;

/// How a segment starts, from its header, whose checksum is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentStart {
    /// The position before its first record. Its hash vouches for all segments before.
    pub before: Tail,
    /// The length of its file, in bytes.
    pub segment_bytes: u64,
}

impl SegmentStart {
    /// Where it is, below the data folder.
    #[must_use]
    pub fn path(&self) -> String {
        segment_path(self.before.next_seq)
    }
}

/// What of a segment's file is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portion {
    /// All of it, and the next segment starts at this position.
    Sealed {
        /// The position in the header of the next segment.
        end: Tail,
    },
    /// All of it, and somebody may be appending.
    Open,
    /// A copy of its first bytes, up to the end of a record.
    Prefix,
}

/// What a checked segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The position after its last complete record.
    pub after: Tail,
    /// Where that record ends, in bytes: nothing behind it has a meaning.
    pub records_end: u64,
}

/// The segments of a journal in order; each one's header is checked, and no record.
///
/// # Errors
/// [`OpenError::Damaged`] for a damaged header or when the first segment is missing; [`OpenError::Io`].
pub fn segment_starts<I: Io>(io: &I, partition: u32) -> Result<Vec<SegmentStart>, OpenError> {
    let first_seqs = list_segments(io)?;
    if first_seqs.first().is_some_and(|first_seq| *first_seq != FIRST_SEQ) {
        return Err(ScanError::Damaged(damage_in(FIRST_SEQ, 0, FIRST_SEQ, FrameFault::SegmentMissing, None)).into());
    }
    first_seqs.into_iter().map(|first_seq| segment_start(io, partition, first_seq)).collect()
}

fn segment_start<I: Io>(io: &I, partition: u32, first_seq: u64) -> Result<SegmentStart, OpenError> {
    let damaged = |fault| OpenError::from(ScanError::Damaged(damage_in(first_seq, 0, first_seq, fault, None)));
    let path = segment_path(first_seq);
    let file = io.open_read(&path).map_err(IoFailure::on("open", &path))?;
    let file_bytes = io.len(&file).map_err(IoFailure::on("measure", &path))?;
    if file_bytes < SEGMENT_HEADER_BYTES {
        return Err(damaged(FrameFault::SegmentHeader));
    }
    let mut bytes = [0; 128];
    io.read_at(&file, 0, &mut bytes).map_err(IoFailure::on("read", &path))?;
    let header = SegmentHeader::decode(&bytes).and_then(|header| header.check(partition, first_seq, file_bytes, None)).map_err(damaged)?;
    Ok(SegmentStart { before: header.before, segment_bytes: header.segment_bytes })
}

/// Checks every record of one segment, whose file is at `path`: checksums, order, chain, and that nothing is missing at its
/// end. Messages name the segment by its place in a journal.
///
/// # Errors
/// [`OpenError::Damaged`] with the place; [`OpenError::Io`].
pub fn check_segment<I: Io>(io: &I, partition: u32, path: &str, start: &SegmentStart, portion: Portion) -> Result<Checked, OpenError> {
    match portion {
        Portion::Sealed { .. } | Portion::Prefix => Ok(look(io, partition, path, start, portion)?),
        Portion::Open => {
            let mut last_place = None;
            for _ in 0..LOOKS_MAX {
                match look(io, partition, path, start, portion) {
                    Err(ScanError::Damaged(damage)) if last_place != Some(damage.offset) => last_place = Some(damage.offset),
                    ended => return Ok(ended?),
                }
            }
            Ok(look(io, partition, path, start, portion)?)
        }
    }
}

fn look<I: Io>(io: &I, partition: u32, path: &str, start: &SegmentStart, portion: Portion) -> Result<Checked, ScanError> {
    let extent = match portion {
        Portion::Sealed { .. } | Portion::Open => Extent::Whole,
        Portion::Prefix => Extent::Prefix,
    };
    let mut walk = Walk::open_at(io, partition, path.to_owned(), start.before.next_seq, Some(&start.before), extent)?;
    let mut after = start.before;
    let fault = loop {
        match walk.step(io) {
            Ok(Some(record)) => after = record.after,
            Ok(None) => break None,
            Err(Trouble::Io(failure)) => return Err(failure.into()),
            Err(Trouble::Fault(fault)) => break Some(fault),
        }
    };
    match (portion, fault) {
        (Portion::Sealed { end }, fault) => {
            walk.check_successor(fault, end.next_seq).map_err(ScanError::Damaged)?;
            if after != end {
                return Err(ScanError::Damaged(walk.damage(FrameFault::Chain, None)));
            }
        }
        (Portion::Open, Some(fault)) => {
            walk.judge_tail(io, fault)?;
        }
        (Portion::Prefix, Some(fault)) => return Err(ScanError::Damaged(walk.damage(fault, None))),
        (Portion::Prefix, None) if !walk.is_at_end() => {
            return Err(ScanError::Damaged(walk.damage(FrameFault::SegmentEnd, None)));
        }
        (Portion::Open | Portion::Prefix, None) => {}
    }
    Ok(Checked { after, records_end: walk.offset() })
}

/// Makes durable what of a segment can be read now, so that a copy never holds more than the original after a power cut.
///
/// # Errors
/// The failed operation.
pub fn sync_segment<I: Io>(io: &I, start: &SegmentStart) -> Result<(), IoFailure> {
    let path = start.path();
    let file = io.open_read(&path).map_err(IoFailure::on("open", &path))?;
    io.sync_data(&file).map_err(IoFailure::on("sync", &path))
}
