//! Damage in parts of the journal that were acknowledged: it must be refused with its place, wherever it is. Each damage is made on
//! a copy of the disk.

use crate::ledgers::disk::Disk;
use crate::ledgers::mistakes::Mistake;
use crate::ledgers::shell::options;
use crate::random::Random;
use crate::report::{Checked, Rule, violated};
use journal::frame::{FRAME_ALIGN_BYTES, HEADER_BYTES, MAGIC};
use journal::simio::SECTOR_BYTES;
use journal::{FileJournal, OpenError};
use std::collections::BTreeMap;

/// Where a record of a batch stands.
struct Record {
    path: String,
    offset: usize,
    /// How many of its bytes mean something.
    bytes: usize,
}

/// Where the checksum of the body stands in a header.
const BODY_CHECKSUM_AT: usize = 80;
/// Where the checksum of the header stands in it.
const HEADER_CHECKSUM_AT: usize = 84;
/// The kind of a record that is a batch.
const BATCH: u8 = 1;

/// Every batch of a journal, by what the format says.
fn records(files: &BTreeMap<String, Vec<u8>>) -> Vec<Record> {
    let mut records = Vec::new();
    for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with("journal/") && path.ends_with(".seg")) {
        for offset in (0..bytes.len()).step_by(FRAME_ALIGN_BYTES) {
            let Some(header) = bytes.get(offset..offset + HEADER_BYTES).filter(|header| header[..8] == MAGIC && header[10] == BATCH) else {
                continue;
            };
            let length = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
            let body = usize::try_from(u64::from(length(36)) + u64::from(length(40))).unwrap_or(0);
            records.push(Record { path: path.clone(), offset, bytes: HEADER_BYTES + body });
        }
    }
    records
}

/// The mistake: gives the last record of the journal the checksums of what is there.
pub fn vouch_for_tail(disk: &Disk) {
    let files = disk.sim.files();
    let Some(Record { path, offset, bytes }) = records(&files).pop() else { return };
    let Some(record) = files.get(&path).and_then(|file| file.get(offset..offset + bytes)) else { return };
    let mut header = record[..HEADER_BYTES].to_vec();
    let checksum = crc32c(&record[HEADER_BYTES..]);
    header[BODY_CHECKSUM_AT..HEADER_CHECKSUM_AT].copy_from_slice(&checksum.to_le_bytes());
    let checksum = crc32c(&header[..HEADER_CHECKSUM_AT]);
    header[HEADER_CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
    disk.overwrite(&path, u64::try_from(offset).expect("a segment is short"), &header);
}

/// CRC32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut checksum = u32::MAX;
    for byte in bytes {
        checksum ^= u32::from(*byte);
        for _ in 0..8 {
            let is_odd = checksum & 1 == 1;
            checksum = (checksum >> 1) ^ if is_odd { 0x82f6_3b78 } else { 0 };
        }
    }
    !checksum
}

/// Damages a copy of the disk in one place, and opens it. Says what was done; `None` if there is nothing to damage.
///
/// # Errors
/// The damage was not refused, or another place was named.
pub fn check_one(files: &BTreeMap<String, Vec<u8>>, random: &mut Random) -> Checked<Option<&'static str>> {
    let records = records(files);
    if records.is_empty() {
        return Ok(None);
    }
    let record = random.pick(&records);
    let mut damaged = files[&record.path].clone();
    let sectors = record.bytes.div_ceil(SECTOR_BYTES);
    let sector = record.offset + SECTOR_BYTES * random.index(sectors);
    let kind = match random.below(3) {
        0 => {
            let at = record.offset + random.index(record.bytes);
            damaged[at] ^= 1 << random.below(8);
            "journal: a bit flipped"
        }
        1 => {
            damaged[sector..sector + SECTOR_BYTES].fill(0);
            "journal: a write lost"
        }
        _ => {
            let other = random.pick(&records);
            let from = other.offset + SECTOR_BYTES * random.index(other.bytes.div_ceil(SECTOR_BYTES));
            let bytes = files[&other.path][from..from + SECTOR_BYTES].to_vec();
            damaged[sector..sector + SECTOR_BYTES].copy_from_slice(&bytes);
            "journal: a write misdirected"
        }
    };
    let meant = record.offset..record.offset + record.bytes;
    if damaged[meant.clone()] == files[&record.path][meant] {
        return Ok(None); // it had those bytes already
    }
    let disk = Disk::new(Mistake::None);
    for (path, bytes) in files {
        disk.sim.put_file(path, if *path == record.path { &damaged } else { bytes });
    }
    let expected = u64::try_from(record.offset).expect("a segment is short");
    match FileJournal::open(disk, options(None)) {
        Err(OpenError::Damaged { segment, offset, .. }) if segment == record.path && offset == expected => Ok(Some(kind)),
        opened => {
            let opened = opened.map(|(_, report)| report);
            violated(Rule::DamageIsRefused, format!("{kind} in {} at {expected}, and the journal opens as {opened:?}", record.path))
        }
    }
}
