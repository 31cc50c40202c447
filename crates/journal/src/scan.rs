//! Walking the records of segments in order, and the rule for the end of the journal. Changes nothing on disk.
//!
//! The rule: a place that does not hold the next record is *damage* if anything valid follows it (a record or seal with
//! the same or a later sequence number, or a later segment), and a *torn tail* if nothing does. A writer appends only
//! after the previous batch is durable, so whatever follows proves that the place was once complete. One intact header
//! is proof enough: it carries its own checksum. The search looks at every sector behind the place.

use crate::error::{Damage, ScanError, Successor};
use crate::frame::{FRAME_ALIGN_BYTES, HEADER_BYTES, Header, Kind, array_at};
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, Window, damage_in, segment_path};
use crate::{FIRST_SEQ, FrameFault, Io, IoFailure, Tail, wide};

/// How far apart the remembered positions in a segment are, in bytes; a read skips at most this much.
const MARK_DISTANCE_BYTES: u64 = 256 * 1024;

const ZEROS: [u8; FRAME_ALIGN_BYTES] = [0; FRAME_ALIGN_BYTES];

/// How a journal ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TailState {
    /// The last batch is followed by its seal, or starts a segment, or there is none.
    Sealed,
    /// The last batch is complete, and nothing follows it.
    Unsealed,
    /// Behind the last complete record lies something that a cut-short write left. Nothing valid follows it.
    Torn {
        /// The segment file.
        segment: String,
        /// Where the torn record starts, in bytes.
        offset: u64,
        /// How much is there, in bytes of whole sectors.
        bytes: u64,
        /// The sequence number that it would have had.
        seq: u64,
    },
}

/// Why a step failed, still without its place.
#[derive(Debug)]
pub(crate) enum Trouble {
    Io(IoFailure),
    Fault(FrameFault),
}

impl From<IoFailure> for Trouble {
    fn from(failure: IoFailure) -> Self {
        Trouble::Io(failure)
    }
}

impl From<FrameFault> for Trouble {
    fn from(fault: FrameFault) -> Self {
        Trouble::Fault(fault)
    }
}

/// One record that follows the ones before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub offset: u64,
    pub header: Header,
    /// The position after the record.
    pub after: Tail,
    /// Padding bytes that are not zero.
    pub stray_bytes: u64,
}

/// How much of a segment's file is there.
#[derive(Clone, Copy)]
pub(crate) enum Extent {
    /// As much as its header says.
    Whole,
    /// Perhaps less.
    Prefix,
}

/// Walks the records of one segment.
pub(crate) struct Walk<F> {
    window: Window<F>,
    partition: u32,
    first_seq: u64,
    offset: u64,
    next_seq: u64,
    epoch: u64,
    /// `None` after a jump: the next record's word is taken.
    hash: Option<[u8; 32]>,
}

impl<F> Walk<F> {
    /// Opens the segment that starts with `first_seq` and checks its header, against `before` if the caller knows it.
    pub(crate) fn open<I: Io<File = F>>(io: &I, partition: u32, first_seq: u64, before: Option<&Tail>) -> Result<Self, ScanError> {
        Self::open_at(io, partition, segment_path(first_seq), first_seq, before, Extent::Whole)
    }

    /// As [`Walk::open`], for a file that may have another name and be cut short.
    pub(crate) fn open_at<I: Io<File = F>>(
        io: &I,
        partition: u32,
        path: String,
        first_seq: u64,
        before: Option<&Tail>,
        extent: Extent,
    ) -> Result<Self, ScanError> {
        let mut window = Window::open(io, path)?;
        let header_bytes = usize::try_from(SEGMENT_HEADER_BYTES).unwrap_or(usize::MAX);
        let decoded = match window.slice(io, 0, header_bytes)? {
            Some(bytes) => SegmentHeader::decode(bytes),
            None => Err(FrameFault::SegmentHeader),
        };
        let header = decoded
            .and_then(|header| {
                let file_bytes = match extent {
                    Extent::Prefix if window.len() <= header.segment_bytes => header.segment_bytes,
                    Extent::Whole | Extent::Prefix => window.len(),
                };
                header.check(partition, first_seq, file_bytes, before)
            })
            .map_err(|fault| ScanError::Damaged(damage_in(first_seq, 0, first_seq, fault, None)))?;
        Ok(Walk {
            window,
            partition,
            first_seq,
            offset: SEGMENT_HEADER_BYTES,
            next_seq: header.before.next_seq,
            epoch: header.before.epoch,
            hash: Some(header.before.hash),
        })
    }

    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Where the next record would start.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the file ends here.
    pub(crate) fn is_at_end(&self) -> bool {
        self.offset == self.window.len()
    }

    /// The position reached, if its hash is known.
    pub(crate) fn tail(&self) -> Option<Tail> {
        self.hash.map(|hash| Tail { next_seq: self.next_seq, epoch: self.epoch, hash })
    }

    /// Jumps to a place where the batch `seq` is known to start.
    pub(crate) fn jump(&mut self, seq: u64, offset: u64) {
        self.next_seq = seq;
        self.offset = offset;
        self.hash = None;
    }

    /// Skips batches that end at or before `from_seq`, by their headers alone.
    pub(crate) fn skip_to<I: Io<File = F>>(&mut self, io: &I, from_seq: u64) -> Result<(), Trouble> {
        while self.next_seq < from_seq {
            let Some(header) = self.header(io)? else {
                return Ok(());
            };
            if header.next_seq() > from_seq {
                return Ok(());
            }
            self.offset += header.frame_bytes();
            self.next_seq = header.next_seq();
            self.epoch = header.epoch;
            self.hash = match header.kind {
                Kind::Seal => Some(header.previous_hash),
                Kind::Batch => None,
            };
        }
        Ok(())
    }

    /// The header of the record at the current place, if it is the next one; `None` at the segment's end.
    fn header<I: Io<File = F>>(&mut self, io: &I) -> Result<Option<Header>, Trouble> {
        let Some(bytes) = self.window.slice(io, self.offset, HEADER_BYTES)? else {
            return Ok(None);
        };
        let header = Header::decode(bytes, self.partition)?;
        if header.first_seq != self.next_seq {
            return Err(Trouble::Fault(FrameFault::Sequence { found: header.first_seq }));
        }
        if header.epoch < self.epoch {
            return Err(Trouble::Fault(FrameFault::Epoch { found: header.epoch }));
        }
        if self.hash.is_some_and(|hash| hash != header.previous_hash) {
            return Err(Trouble::Fault(FrameFault::Chain));
        }
        if self.window.len() - self.offset < header.frame_bytes() {
            return Err(Trouble::Fault(FrameFault::Layout));
        }
        Ok(Some(header))
    }

    /// The next record, checked in full; `None` at the segment's end. After an error the place is unchanged.
    pub(crate) fn step<I: Io<File = F>>(&mut self, io: &I) -> Result<Option<Record>, Trouble> {
        let Some(header) = self.header(io)? else {
            return Ok(None);
        };
        let count = usize::try_from(header.frame_bytes()).map_err(|_| FrameFault::Layout)?;
        let body_end = usize::try_from(wide(HEADER_BYTES) + header.body_bytes()).map_err(|_| FrameFault::Layout)?;
        let Some(frame) = self.window.slice(io, self.offset, count)? else {
            return Err(Trouble::Fault(FrameFault::Layout));
        };
        let body = &frame[HEADER_BYTES..body_end];
        if crc32c::crc32c(body) != header.body_crc32c {
            return Err(Trouble::Fault(FrameFault::BodyChecksum));
        }
        let after = Tail { next_seq: header.next_seq(), epoch: header.epoch, hash: header.hash_after(&frame[..HEADER_BYTES], &[body]) };
        let record = Record { offset: self.offset, header, after, stray_bytes: nonzero_bytes(&frame[body_end..]) };
        self.offset += header.frame_bytes();
        self.next_seq = after.next_seq;
        self.epoch = after.epoch;
        self.hash = Some(after.hash);
        Ok(Some(record))
    }

    /// The events and transfers of a record that `step` has just returned.
    pub(crate) fn sections<I: Io<File = F>>(&mut self, io: &I, record: &Record) -> Result<(Vec<u8>, Vec<u8>), IoFailure> {
        let start = record.offset + wide(HEADER_BYTES);
        let events_bytes = usize::try_from(record.header.events_bytes).unwrap_or(usize::MAX);
        let body_bytes = usize::try_from(record.header.body_bytes()).unwrap_or(usize::MAX);
        let body = self.window.slice(io, start, body_bytes)?.expect("a checked record lies within its segment");
        let (events, transfers) = body.split_at(events_bytes);
        Ok((events.to_vec(), transfers.to_vec()))
    }

    /// Damage at the current place.
    pub(crate) fn damage(&self, fault: FrameFault, successor: Option<Successor>) -> Damage {
        damage_in(self.first_seq, self.offset, self.next_seq, fault, successor)
    }

    /// The segment ended here (at a `fault`, or full) and a segment that starts with `next_first_seq` follows.
    pub(crate) fn check_successor(&self, fault: Option<FrameFault>, next_first_seq: u64) -> Result<(), Damage> {
        if next_first_seq == self.next_seq {
            return Ok(());
        }
        let successor = Successor { segment: segment_path(next_first_seq), offset: 0, seq: next_first_seq };
        Err(self.damage(fault.unwrap_or(FrameFault::SegmentEnd), Some(successor)))
    }

    /// The last segment stopped making sense here: decides between damage and a torn tail, and gives the places of
    /// all sectors behind it that are not zero.
    pub(crate) fn judge_tail<I: Io<File = F>>(&mut self, io: &I, fault: FrameFault) -> Result<Vec<u64>, ScanError> {
        let is_stale = matches!(fault, FrameFault::Sequence { found } if found < self.next_seq);
        if !fault.may_be_torn() && !is_stale {
            return Err(ScanError::Damaged(self.damage(fault, None)));
        }
        // An intact header vouches for its length: what its body contains is not searched for proof.
        let sector_bytes = wide(FRAME_ALIGN_BYTES);
        let proof_from = match (fault, self.header(io)) {
            (FrameFault::BodyChecksum, Ok(Some(header))) => self.offset + header.frame_bytes(),
            (_, Err(Trouble::Io(failure))) => return Err(ScanError::Io(failure)),
            (_, Ok(_) | Err(Trouble::Fault(_))) => self.offset + sector_bytes,
        };
        let mut used_sectors = Vec::new();
        let mut place = self.offset;
        while place < self.window.len() {
            let count = usize::try_from(sector_bytes.min(self.window.len() - place)).unwrap_or(FRAME_ALIGN_BYTES);
            let Some(sector) = self.window.slice(io, place, count)? else {
                break;
            };
            if nonzero_bytes(sector) > 0 {
                used_sectors.push(place);
                if place >= proof_from
                    && let Some(seq) = proof_in(sector, self.partition, self.next_seq)
                {
                    let successor = Successor { segment: segment_path(self.first_seq), offset: place, seq };
                    return Err(ScanError::Damaged(self.damage(fault, Some(successor))));
                }
            }
            place += sector_bytes;
        }
        Ok(used_sectors)
    }

    /// How many bytes from here to the segment's end are not zero.
    pub(crate) fn stray_bytes<I: Io<File = F>>(&mut self, io: &I) -> Result<u64, IoFailure> {
        let mut stray_bytes = 0;
        let mut place = self.offset;
        while place < self.window.len() {
            let count = usize::try_from(wide(FRAME_ALIGN_BYTES).min(self.window.len() - place)).unwrap_or(FRAME_ALIGN_BYTES);
            let Some(sector) = self.window.slice(io, place, count)? else {
                break;
            };
            stray_bytes += nonzero_bytes(sector);
            place += wide(count);
        }
        Ok(stray_bytes)
    }
}

fn nonzero_bytes(bytes: &[u8]) -> u64 {
    // Nearly all of it is zero, and comparing is much faster than counting.
    if ZEROS.get(..bytes.len()) == Some(bytes) {
        return 0;
    }
    wide(bytes.iter().filter(|byte| **byte != 0).count())
}

/// The sequence number of an intact header in this sector, if it proves that `next_seq` was once complete.
fn proof_in(sector: &[u8], partition: u32, next_seq: u64) -> Option<u64> {
    match Header::decode(sector, partition) {
        Ok(header) if header.first_seq >= next_seq => Some(header.first_seq),
        // A stale record from before; proves nothing.
        Ok(_) => None,
        Err(FrameFault::NotAFrame | FrameFault::HeaderChecksum) => None,
        // Intact but not understood, so its own number is not to be trusted; it was not torn, that is enough.
        Err(_) => Some(u64::from_le_bytes(array_at(sector, 24))),
    }
}

/// A segment as the journal knows it in memory.
#[derive(Clone, Debug)]
pub(crate) struct SegmentEntry {
    pub first_seq: u64,
    /// Starts of some batches: (sequence number, offset), ascending.
    pub marks: Vec<(u64, u64)>,
}

impl SegmentEntry {
    pub(crate) fn new(first_seq: u64) -> Self {
        SegmentEntry { first_seq, marks: Vec::new() }
    }

    /// Remembers where a batch starts if the last remembered one is far enough away.
    pub(crate) fn mark(&mut self, seq: u64, offset: u64) {
        let last_offset = self.marks.last().map_or(SEGMENT_HEADER_BYTES, |(_, offset)| *offset);
        if offset >= last_offset + MARK_DISTANCE_BYTES {
            self.marks.push((seq, offset));
        }
    }
}

/// The last segment, as found.
#[derive(Debug)]
pub(crate) struct ActiveScan {
    pub first_seq: u64,
    pub segment_bytes: u64,
    /// Where the next record goes.
    pub offset: u64,
    /// The last record in this segment: offset and size on disk.
    pub last_record: Option<(u64, u64)>,
    /// Whether a seal or the segment's own header vouches for the last batch.
    pub sealed: bool,
    /// Sectors behind the last record that are not zero.
    pub torn_sectors: Vec<u64>,
}

/// What a scan found.
#[derive(Debug)]
pub(crate) struct Scan {
    pub segments: Vec<SegmentEntry>,
    pub tail: Tail,
    pub active: Option<ActiveScan>,
    pub batch_count: u64,
    pub seal_count: u64,
    pub stray_bytes: u64,
}

impl Scan {
    pub(crate) fn tail_state(&self) -> TailState {
        match &self.active {
            None => TailState::Sealed,
            Some(active) => match active.torn_sectors.len() {
                0 if active.sealed => TailState::Sealed,
                0 => TailState::Unsealed,
                sectors => TailState::Torn {
                    segment: segment_path(active.first_seq),
                    offset: active.offset,
                    bytes: wide(sectors) * wide(FRAME_ALIGN_BYTES),
                    seq: self.tail.next_seq,
                },
            },
        }
    }
}

/// A position that the scan has to come by.
struct Checkpoint<'a> {
    wanted: Option<&'a Tail>,
    met: bool,
}

impl Checkpoint<'_> {
    fn pass(&mut self, tail: &Tail) -> Result<(), ScanError> {
        match self.wanted {
            Some(wanted) if wanted.next_seq == tail.next_seq => {
                self.met = wanted == tail;
                self.require()
            }
            Some(_) | None => Ok(()),
        }
    }

    fn require(&self) -> Result<(), ScanError> {
        match self.wanted {
            Some(wanted) if !self.met => Err(ScanError::SnapshotMismatch { next_seq: wanted.next_seq }),
            Some(_) | None => Ok(()),
        }
    }
}

/// Scans all segments in order, or only from the one that contains the position `from`, whose hash must then agree.
pub(crate) fn scan<I: Io>(io: &I, partition: u32, first_seqs: &[u64], from: Option<&Tail>) -> Result<Scan, ScanError> {
    let mut found = Scan {
        segments: first_seqs.iter().map(|first_seq| SegmentEntry::new(*first_seq)).collect(),
        tail: Tail::GENESIS,
        active: None,
        batch_count: 0,
        seal_count: 0,
        stray_bytes: 0,
    };
    let mut checkpoint = Checkpoint { wanted: from, met: false };
    // History is never deleted, so a journal whose first segment is gone is damaged, wherever the scan starts.
    match first_seqs.first() {
        None => {
            checkpoint.pass(&Tail::GENESIS)?;
            checkpoint.require()?;
            return Ok(found);
        }
        Some(&FIRST_SEQ) => {}
        Some(_) => {
            return Err(ScanError::Damaged(damage_in(FIRST_SEQ, 0, FIRST_SEQ, FrameFault::SegmentMissing, None)));
        }
    }
    let from_seq = from.map_or(FIRST_SEQ, |tail| tail.next_seq);
    let start = first_seqs.partition_point(|first_seq| *first_seq <= from_seq).saturating_sub(1);
    let mut before = (start == 0).then_some(Tail::GENESIS);
    for index in start..first_seqs.len() {
        let mut walk = Walk::open(io, partition, first_seqs[index], before.as_ref())?;
        let tail = scan_segment(io, &mut walk, first_seqs.get(index + 1).copied(), &mut found, index, &mut checkpoint)?;
        found.tail = tail;
        before = Some(tail);
    }
    checkpoint.require()?;
    Ok(found)
}

fn scan_segment<I: Io>(
    io: &I,
    walk: &mut Walk<I::File>,
    next_first_seq: Option<u64>,
    found: &mut Scan,
    index: usize,
    checkpoint: &mut Checkpoint<'_>,
) -> Result<Tail, ScanError> {
    let mut tail = walk.tail().expect("a walk knows its hash before any jump");
    checkpoint.pass(&tail)?;
    let mut last_record = None;
    let mut sealed = true;
    let fault = loop {
        match walk.step(io) {
            Ok(Some(record)) => {
                last_record = Some((record.offset, record.header.frame_bytes()));
                found.stray_bytes += record.stray_bytes;
                tail = record.after;
                match record.header.kind {
                    Kind::Seal => {
                        found.seal_count += 1;
                        sealed = true;
                    }
                    Kind::Batch => {
                        found.batch_count += 1;
                        sealed = false;
                        found.segments[index].mark(record.header.first_seq, record.offset);
                        checkpoint.pass(&tail)?;
                    }
                }
            }
            Ok(None) => break None,
            Err(Trouble::Io(failure)) => return Err(ScanError::Io(failure)),
            Err(Trouble::Fault(fault)) => break Some(fault),
        }
    };
    if let Some(next_first_seq) = next_first_seq {
        walk.check_successor(fault, next_first_seq).map_err(ScanError::Damaged)?;
        found.stray_bytes += walk.stray_bytes(io)?;
        return Ok(tail);
    }
    let torn_sectors = match fault {
        None => Vec::new(),
        Some(fault) => walk.judge_tail(io, fault)?,
    };
    found.active = Some(ActiveScan {
        first_seq: walk.first_seq,
        segment_bytes: walk.window.len(),
        offset: walk.offset,
        last_record,
        sealed,
        torn_sectors,
    });
    Ok(tail)
}
