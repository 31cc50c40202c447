//! The reader of the journal: whatever stands behind the header of its only segment, opening finds damage or a tail, and what is
//! read up to there is what the file holds, with every checksum right and every hash in its chain. Afterwards the journal goes
//! on: what is appended is there after the next start. The input is tried as it is and as records whose checksums and hashes
//! were made right, since hardly any input would come past them otherwise.

use journal::simio::SimIo;
use journal::{
    Batch, FIRST_SEQ, FileJournal, Journal, OpenError, Options, OwnedBatch, Portion, Tail, chain_hash, check_segment, segment_starts,
};
use sha2::{Digest, Sha256};

const PATH: &str = "journal/00000000000000000001.seg";
const SEGMENT_HEADER_BYTES: usize = 4_096;
const SEGMENT_BYTES: usize = 16 * 1_024;
const BATCH_BYTES_MAX: usize = 4_096;
const HEADER_BYTES: usize = 88;
const ALIGN_BYTES: usize = 512;
const MAGIC: [u8; 8] = [0xF5, b'B', b'E', b'Z', b'F', 0xFF, 0xFE, 0x0A];

/// Checks one input.
pub fn check(data: &[u8]) {
    let records = &data[..data.len().min(SEGMENT_BYTES - SEGMENT_HEADER_BYTES)];
    check_segment_of(records);
    check_segment_of(&with_right_checksums(records));
}

fn options() -> Options {
    let segment_bytes = u64::try_from(SEGMENT_BYTES).expect("small");
    Options { segment_bytes, batch_bytes_max: BATCH_BYTES_MAX, ..Options::for_partition(0) }
}

fn check_segment_of(records: &[u8]) {
    let io = SimIo::new();
    drop(FileJournal::open(io.clone(), options()).expect("an empty journal opens"));
    let mut file = io.files().remove(PATH).expect("a segment was made");
    assert_eq!(file.len(), SEGMENT_BYTES);
    file[SEGMENT_HEADER_BYTES..][..records.len()].copy_from_slice(records);
    io.put_file(PATH, &file);

    let start = segment_starts(&io, 0).expect("its header is sound").remove(0);
    let checked = check_segment(&io, 0, PATH, &start, Portion::Open);
    let (mut journal, report) = match FileJournal::open(io.clone(), options()) {
        Ok(opened) => opened,
        Err(OpenError::Damaged { offset, .. }) => {
            assert!(checked.is_err(), "who opens finds damage, who checks does not");
            assert!(offset < u64::try_from(SEGMENT_BYTES).expect("small"), "damage outside of the file, at {offset}");
            assert_eq!(io.files().remove(PATH).as_ref(), Some(&file), "a damaged journal is not changed");
            return;
        }
        Err(other) => panic!("{other}"),
    };
    assert_eq!(checked.expect("who opens finds no damage").after, report.tail);
    let read = batches(&journal);
    check_batches(&file, &read, report.tail);

    let batch = Batch { event_count: 1, events: b"next", transfers: &[] };
    let tail =
        journal.append(report.tail.next_seq, report.tail.epoch, batch).expect("an open journal takes a batch, in a new segment if need be");
    drop(journal);
    let (journal, report) = FileJournal::open(io, options()).expect("what was repaired is sound");
    assert_eq!(report.tail, tail);
    let again = batches(&journal);
    assert_eq!((&again[..read.len()], again.len()), (&read[..], read.len() + 1), "nothing is lost and one was added");
}

fn batches(journal: &FileJournal<SimIo>) -> Vec<OwnedBatch> {
    journal.read(FIRST_SEQ).expect("the tail is not before the start").map(|batch| batch.expect("opening has checked it")).collect()
}

/// Looks every batch up in the file and checks what it is protected by, by other code.
fn check_batches(file: &[u8], batches: &[OwnedBatch], tail: Tail) {
    let (mut before, mut offset) = (Tail::GENESIS, SEGMENT_HEADER_BYTES);
    for batch in batches {
        while file[offset + 10] == 2 {
            offset += ALIGN_BYTES; // a seal
        }
        let header = &file[offset..offset + HEADER_BYTES];
        assert_eq!(header[84..], crc32c::crc32c(&header[..84]).to_le_bytes(), "a header with a wrong checksum is read");
        let body = &file[offset + HEADER_BYTES..][..batch.events.len() + batch.transfers.len()];
        assert_eq!(header[80..84], crc32c::crc32c(body).to_le_bytes(), "a batch with a wrong checksum is read");
        assert_eq!([&batch.events[..], &batch.transfers[..]].concat(), body, "a batch is not what the file holds");
        assert_eq!(batch.first_seq, before.next_seq, "a batch is missing");
        let parts = Batch { event_count: batch.event_count, events: &batch.events, transfers: &batch.transfers };
        assert_eq!(chain_hash(0, batch.epoch, &before, &parts).expect("it was read"), batch.hash, "the chain is broken");
        before = batch.tail();
        offset += (HEADER_BYTES + body.len()).next_multiple_of(ALIGN_BYTES);
    }
    assert_eq!((before.next_seq, before.hash), (tail.next_seq, tail.hash), "the tail is not after the last batch");
    // No writer does so, but a seal may name a later epoch than the batch that it seals.
    assert!(before.epoch <= tail.epoch, "epochs go back");
}

/// The records with what a writer would have put there for checksums and hashes, as far as they can be told apart.
fn with_right_checksums(data: &[u8]) -> Vec<u8> {
    let mut records = data.to_vec();
    let (mut offset, mut seq, mut hash) = (0, FIRST_SEQ, [0; 32]);
    while offset + HEADER_BYTES <= records.len() {
        let room = records.len() - offset - HEADER_BYTES;
        let record = &mut records[offset..];
        let is_seal = record[10] == 2;
        record[..8].copy_from_slice(&MAGIC);
        record[8..10].copy_from_slice(&1_u16.to_le_bytes());
        record[11..16].fill(0);
        record[24..32].copy_from_slice(&seq.to_le_bytes());
        record[44..48].fill(0);
        record[48..80].copy_from_slice(&hash);
        let length = |at: usize| usize::try_from(u32::from_le_bytes(record[at..at + 4].try_into().expect("four bytes"))).expect("it fits");
        let body_bytes = length(36).saturating_add(length(40));
        if body_bytes > room {
            return records; // cut short
        }
        let body = HEADER_BYTES..HEADER_BYTES + body_bytes;
        let checksum = if is_seal { 0 } else { crc32c::crc32c(&record[body.clone()]) };
        record[80..84].copy_from_slice(&checksum.to_le_bytes());
        let checksum = crc32c::crc32c(&record[..84]);
        record[84..88].copy_from_slice(&checksum.to_le_bytes());
        if !is_seal {
            let chain = Sha256::new().chain_update(hash).chain_update(&record[..48]).chain_update(&record[body]);
            hash = chain.finalize().into();
            seq = seq.saturating_add(u64::from(u32::from_le_bytes(record[32..36].try_into().expect("four bytes"))));
        }
        offset += (HEADER_BYTES + body_bytes).next_multiple_of(ALIGN_BYTES);
    }
    records
}
