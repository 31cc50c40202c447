//! The bytes of one record in a segment, and the chain hash. Pure: no disk here.
//!
//! A record (a *frame*) is a header of [`HEADER_BYTES`], the body (events, then transfers) and zeros up to a multiple
//! of [`FRAME_ALIGN_BYTES`]. All integers are little-endian.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | [`MAGIC`] |
//! | 8 | 2 | format version, [`VERSION`] |
//! | 10 | 1 | kind: 1 batch, 2 seal |
//! | 11 | 1 | zero |
//! | 12 | 4 | partition |
//! | 16 | 8 | epoch |
//! | 24 | 8 | first sequence number; of a seal, the one after the batch that it seals |
//! | 32 | 4 | event count |
//! | 36 | 4 | length of the events section |
//! | 40 | 4 | length of the transfers section |
//! | 44 | 4 | zero |
//! | 48 | 32 | chain hash before this record |
//! | 80 | 4 | CRC32C of the body |
//! | 84 | 4 | CRC32C of bytes 0 to 83 |
//!
//! The chain hash after a batch is SHA-256(previous chain hash, header bytes 0 to 47, body). Seals are storage only:
//! they do not enter the chain, so that every backend computes the same hashes.
//!
//! Why 512 bytes of alignment and not 64: a disk writes whole sectors, so a sector that holds acknowledged bytes must
//! never be written again for the sake of the next record; and a seal is then exactly one sector, which is written
//! whole or not at all. The price is 256 bytes per batch on average.
//!
//! The padding carries no meaning: a flipped bit there changes nothing and is counted as stray.

use sha2::{Digest, Sha256};

use crate::{AppendError, BODY_BYTES_MAX, Batch, FrameFault, TRANSFER_BYTES, Tail, wide};

/// Starts every record. The bytes 0xF5, 0xFE and 0xFF never occur in UTF-8, so no text in a body can look like it.
pub const MAGIC: [u8; 8] = [0xF5, b'B', b'E', b'Z', b'F', 0xFF, 0xFE, 0x0A];

/// The version of this format.
pub const VERSION: u16 = 1;

/// The header's size, in bytes.
pub const HEADER_BYTES: usize = 88;

/// Records start at multiples of this, in bytes: one disk sector.
pub const FRAME_ALIGN_BYTES: usize = 512;

/// The size of a seal on disk, in bytes.
pub(crate) const SEAL_BYTES: u64 = 512;

/// How much of the header enters the chain hash: all before the previous hash and the checksums.
const HASHED_BYTES: usize = 48;
const CHECKED_BYTES: usize = 84;

const _: () = assert!(HEADER_BYTES <= FRAME_ALIGN_BYTES);

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Batch,
    Seal,
}

/// A record's header, parsed and within its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub kind: Kind,
    pub partition: u32,
    pub epoch: u64,
    pub first_seq: u64,
    pub event_count: u32,
    pub events_bytes: u32,
    pub transfers_bytes: u32,
    pub previous_hash: [u8; 32],
    pub body_crc32c: u32,
}

/// Checks a batch against the format and a limit; every backend calls this first.
///
/// # Errors
/// [`AppendError::Malformed`] when it has no events, broken transfers, or its last sequence number does not exist;
/// [`AppendError::TooLarge`] above `bytes_max` or [`BODY_BYTES_MAX`].
pub fn check_batch(first_seq: u64, batch: &Batch<'_>, bytes_max: usize) -> Result<(), AppendError> {
    if batch.event_count == 0 {
        return Err(AppendError::Malformed { rule: "a batch has at least one event" });
    }
    if !batch.transfers.len().is_multiple_of(TRANSFER_BYTES) {
        return Err(AppendError::Malformed { rule: "the transfers section holds whole records of 128 bytes" });
    }
    if first_seq.checked_add(u64::from(batch.event_count)).is_none() {
        return Err(AppendError::Malformed { rule: "sequence numbers end at 2^64 - 1" });
    }
    let bytes = batch.events.len().saturating_add(batch.transfers.len());
    let bytes_max = bytes_max.min(BODY_BYTES_MAX);
    if bytes > bytes_max {
        return Err(AppendError::TooLarge { bytes, bytes_max });
    }
    Ok(())
}

/// The chain hash after `batch` is appended at `before` with `epoch`. The same for every backend.
///
/// # Errors
/// As [`check_batch`] with the format's own limit.
pub fn chain_hash(partition: u32, epoch: u64, before: &Tail, batch: &Batch<'_>) -> Result<[u8; 32], AppendError> {
    let header = Header::for_batch(partition, epoch, before, batch)?;
    let bytes = header.encode();
    Ok(header.hash_after(&bytes, &[batch.events, batch.transfers]))
}

impl Header {
    pub(crate) fn for_batch(partition: u32, epoch: u64, before: &Tail, batch: &Batch<'_>) -> Result<Header, AppendError> {
        check_batch(before.next_seq, batch, BODY_BYTES_MAX)?;
        let section_bytes = |section: &[u8]| u32::try_from(section.len()).expect("a checked body is below 2^32 bytes");
        Ok(Header {
            kind: Kind::Batch,
            partition,
            epoch,
            first_seq: before.next_seq,
            event_count: batch.event_count,
            events_bytes: section_bytes(batch.events),
            transfers_bytes: section_bytes(batch.transfers),
            previous_hash: before.hash,
            body_crc32c: crc32c::crc32c_append(crc32c::crc32c(batch.events), batch.transfers),
        })
    }

    pub(crate) fn for_seal(partition: u32, sealed: &Tail) -> Header {
        Header {
            kind: Kind::Seal,
            partition,
            epoch: sealed.epoch,
            first_seq: sealed.next_seq,
            event_count: 0,
            events_bytes: 0,
            transfers_bytes: 0,
            previous_hash: sealed.hash,
            body_crc32c: 0,
        }
    }

    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[10] = match self.kind {
            Kind::Batch => 1,
            Kind::Seal => 2,
        };
        bytes[12..16].copy_from_slice(&self.partition.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_seq.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.event_count.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.events_bytes.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.transfers_bytes.to_le_bytes());
        bytes[48..80].copy_from_slice(&self.previous_hash);
        bytes[80..84].copy_from_slice(&self.body_crc32c.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..CHECKED_BYTES]);
        bytes[84..88].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Parses the start of `bytes`, which the caller makes long enough.
    pub(crate) fn decode(bytes: &[u8], partition: u32) -> Result<Header, FrameFault> {
        if bytes.len() < HEADER_BYTES || bytes[0..8] != MAGIC {
            return Err(FrameFault::NotAFrame);
        }
        if u32_at(bytes, 84) != crc32c::crc32c(&bytes[..CHECKED_BYTES]) {
            return Err(FrameFault::HeaderChecksum);
        }
        let version = u16::from_le_bytes(array_at(bytes, 8));
        if version != VERSION {
            return Err(FrameFault::Version { found: version });
        }
        let kind = match bytes[10] {
            1 => Kind::Batch,
            2 => Kind::Seal,
            _ => return Err(FrameFault::Layout),
        };
        let header = Header {
            kind,
            partition: u32_at(bytes, 12),
            epoch: u64_at(bytes, 16),
            first_seq: u64_at(bytes, 24),
            event_count: u32_at(bytes, 32),
            events_bytes: u32_at(bytes, 36),
            transfers_bytes: u32_at(bytes, 40),
            previous_hash: array_at(bytes, 48),
            body_crc32c: u32_at(bytes, 80),
        };
        if bytes[11] != 0 || u32_at(bytes, 44) != 0 || !header.is_consistent() {
            return Err(FrameFault::Layout);
        }
        if header.partition != partition {
            return Err(FrameFault::Partition { found: header.partition });
        }
        Ok(header)
    }

    fn is_consistent(&self) -> bool {
        let transfers_are_whole = u64::from(self.transfers_bytes).is_multiple_of(wide(TRANSFER_BYTES));
        let has_next = self.first_seq.checked_add(u64::from(self.event_count)).is_some();
        match self.kind {
            Kind::Batch => self.event_count > 0 && transfers_are_whole && has_next && self.body_bytes() <= wide(BODY_BYTES_MAX),
            Kind::Seal => self.event_count == 0 && self.body_bytes() == 0 && self.body_crc32c == 0,
        }
    }

    pub(crate) fn body_bytes(&self) -> u64 {
        u64::from(self.events_bytes) + u64::from(self.transfers_bytes)
    }

    /// The record's size on disk, padding included.
    pub(crate) fn frame_bytes(&self) -> u64 {
        (wide(HEADER_BYTES) + self.body_bytes()).next_multiple_of(wide(FRAME_ALIGN_BYTES))
    }

    /// The next sequence number after this record.
    pub(crate) fn next_seq(&self) -> u64 {
        self.first_seq.saturating_add(u64::from(self.event_count))
    }

    /// The chain hash after this record, given its encoded header and its body in pieces.
    pub(crate) fn hash_after(&self, header_bytes: &[u8], body: &[&[u8]]) -> [u8; 32] {
        match self.kind {
            Kind::Seal => self.previous_hash,
            Kind::Batch => {
                let mut hasher = Sha256::new();
                hasher.update(self.previous_hash);
                hasher.update(&header_bytes[..HASHED_BYTES]);
                for piece in body {
                    hasher.update(piece);
                }
                hasher.finalize().into()
            }
        }
    }
}

/// Puts a whole record into `frame`, padding included, replacing what was there.
pub(crate) fn encode_frame(frame: &mut Vec<u8>, header: &[u8; HEADER_BYTES], body: &[&[u8]]) {
    frame.clear();
    frame.extend_from_slice(header);
    for piece in body {
        frame.extend_from_slice(piece);
    }
    frame.resize(frame.len().next_multiple_of(FRAME_ALIGN_BYTES), 0);
}

/// A fixed number of bytes at a constant place that the caller knows to exist.
pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}
