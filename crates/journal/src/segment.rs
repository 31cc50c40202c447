//! Segment files: their names, their headers, and bounded reading of one. What is in the records is `scan`'s matter.
//!
//! A segment is a file of fixed length that was filled with zeros and synced before it got its name, so that an append
//! never changes the file's length or extents. Its header fills the first [`SEGMENT_HEADER_BYTES`]:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic |
//! | 8 | 2 | format version |
//! | 10 | 2 | zero |
//! | 12 | 4 | partition |
//! | 16 | 8 | first sequence number |
//! | 24 | 8 | length of the file |
//! | 32 | 8 | epoch before the first record |
//! | 40 | 32 | chain hash before the first record |
//! | 72 | 4 | CRC32C of bytes 0 to 71 |
//! | 76 | 4020 | without meaning |
//!
//! The header is written and synced *before* the file gets its name: a named segment without a valid header is damage,
//! never a crash. And it is a successor: it proves that the batch before it was complete.

use crate::error::{Damage, Reason, Successor};
use crate::frame::{array_at, u32_at, u64_at};
use crate::{FrameFault, Io, IoFailure, Tail, wide};

/// The folder of segments, relative to the data folder.
pub(crate) const SEGMENT_DIR: &str = "journal";

/// The size of a segment's header, in bytes; the first record follows.
pub(crate) const SEGMENT_HEADER_BYTES: u64 = 4096;

const MAGIC: [u8; 8] = [0xF5, b'B', b'E', b'Z', b'S', 0xFF, 0xFE, 0x0A];
const VERSION: u16 = 1;
const CHECKED_BYTES: usize = 72;
const FIELDS_BYTES: usize = 76;

/// How much is read ahead, in bytes.
const WINDOW_BYTES: usize = 256 * 1024;

/// What a segment's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub partition: u32,
    pub segment_bytes: u64,
    /// The position before the first record.
    pub before: Tail,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; 4096] {
        let mut bytes = [0; 4096];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.partition.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.before.next_seq.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.segment_bytes.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.before.epoch.to_le_bytes());
        bytes[40..72].copy_from_slice(&self.before.hash);
        let checksum = crc32c::crc32c(&bytes[..CHECKED_BYTES]);
        bytes[72..76].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<SegmentHeader, FrameFault> {
        if bytes.len() < FIELDS_BYTES || bytes[0..8] != MAGIC || u32_at(bytes, 72) != crc32c::crc32c(&bytes[..CHECKED_BYTES]) {
            return Err(FrameFault::SegmentHeader);
        }
        let version = u16::from_le_bytes(array_at(bytes, 8));
        if version != VERSION {
            return Err(FrameFault::Version { found: version });
        }
        Ok(SegmentHeader {
            partition: u32_at(bytes, 12),
            segment_bytes: u64_at(bytes, 24),
            before: Tail { next_seq: u64_at(bytes, 16), epoch: u64_at(bytes, 32), hash: array_at(bytes, 40) },
        })
    }

    /// Checks it against its file's name and length, and against the position before it if that is known.
    pub(crate) fn check(self, partition: u32, first_seq: u64, file_bytes: u64, before: Option<&Tail>) -> Result<SegmentHeader, FrameFault> {
        if self.partition != partition {
            return Err(FrameFault::Partition { found: self.partition });
        }
        if self.before.next_seq != first_seq {
            return Err(FrameFault::Sequence { found: self.before.next_seq });
        }
        if self.segment_bytes != file_bytes {
            return Err(FrameFault::SegmentLength { found: file_bytes, expected: self.segment_bytes });
        }
        match before {
            Some(tail) if tail.hash != self.before.hash => Err(FrameFault::Chain),
            Some(tail) if tail.epoch != self.before.epoch => Err(FrameFault::Epoch { found: self.before.epoch }),
            Some(_) | None => Ok(self),
        }
    }
}

/// The path of the segment that starts with `first_seq`.
pub(crate) fn segment_path(first_seq: u64) -> String {
    format!("{SEGMENT_DIR}/{first_seq:020}.seg")
}

/// The number in a name of 20 digits and the given ending.
pub(crate) fn parse_name(name: &str, ending: &str) -> Option<u64> {
    let digits = name.strip_suffix(ending)?;
    if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// The first sequence numbers of all segments, ascending. Other files are not ours and are left alone.
pub(crate) fn list_segments<I: Io>(io: &I) -> Result<Vec<u64>, IoFailure> {
    let names = io.list(SEGMENT_DIR).map_err(IoFailure::on("list", SEGMENT_DIR))?;
    let mut first_seqs: Vec<u64> = names.iter().filter_map(|name| parse_name(name, ".seg")).collect();
    first_seqs.sort_unstable();
    Ok(first_seqs)
}

/// A damaged place in the segment that starts with `first_seq`.
pub(crate) fn damage_in(first_seq: u64, offset: u64, seq: u64, fault: FrameFault, successor: Option<Successor>) -> Damage {
    Damage { segment: segment_path(first_seq), offset, seq, reason: Reason { fault, successor } }
}

/// Reads one file through a window of bounded size.
pub(crate) struct Window<F> {
    file: F,
    path: String,
    len: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<F> Window<F> {
    pub(crate) fn open<I: Io<File = F>>(io: &I, path: String) -> Result<Self, IoFailure> {
        let file = io.open_read(&path).map_err(IoFailure::on("open", &path))?;
        let len = io.len(&file).map_err(IoFailure::on("measure", &path))?;
        Ok(Window { file, path, len, start: 0, bytes: Vec::new() })
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// `count` bytes from `offset`, or `None` when the file ends before.
    pub(crate) fn slice<I: Io<File = F>>(&mut self, io: &I, offset: u64, count: usize) -> Result<Option<&[u8]>, IoFailure> {
        match offset.checked_add(wide(count)) {
            Some(end) if end <= self.len => {
                let held_to = self.start + wide(self.bytes.len());
                if offset < self.start || end > held_to {
                    self.refill(io, offset, count)?;
                }
            }
            Some(_) | None => return Ok(None),
        }
        let from = usize::try_from(offset - self.start).expect("the window is in memory");
        Ok(Some(&self.bytes[from..from + count]))
    }

    fn refill<I: Io<File = F>>(&mut self, io: &I, offset: u64, count: usize) -> Result<(), IoFailure> {
        let wanted = count.max(WINDOW_BYTES);
        let available = usize::try_from(self.len - offset).unwrap_or(usize::MAX);
        self.bytes.resize(wanted.min(available), 0);
        self.start = offset;
        io.read_at(&self.file, offset, &mut self.bytes).inspect_err(|_| self.bytes.clear()).map_err(IoFailure::on("read", &self.path))
    }
}
