//! The rule for the tail: damage before it refuses to start and is named; a torn tail is cut; nothing else is judged.

use std::collections::BTreeMap;

use journal::frame::HEADER_BYTES;
use journal::simio::SimIo;
use journal::{DumpedRecord, FileJournal, FrameFault, Journal, OpenError, OwnedBatch, ReadError, RecordKind, TailState, dump, verify};

use crate::support::{PARTITION, append_well, open, open_well, options, read_all};

type Files = BTreeMap<String, Vec<u8>>;

fn disk_with(files: &Files) -> SimIo {
    let io = SimIo::new();
    for (path, contents) in files {
        io.put_file(path, contents);
    }
    io
}

fn segment_path(first_seq: u64) -> String {
    format!("journal/{first_seq:020}.seg")
}

fn records(io: &SimIo) -> Vec<DumpedRecord> {
    dump(io.clone(), PARTITION).expect("nobody has the journal open").collect::<Result<_, _>>().expect("the journal is undamaged")
}

/// A journal over three segments, sealed at its end, with one seal in its middle.
fn three_segments() -> (Files, Vec<DumpedRecord>, Vec<OwnedBatch>) {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    for (index, size) in [10, 700, 5000, 425, 6000, 424, 0, 5000].iter().enumerate() {
        append_well(&mut journal, &vec![0xC3; *size]);
        if index == 1 {
            journal.seal().expect("it seals");
        }
    }
    journal.seal().expect("it seals");
    let batches = read_all(&journal);
    drop(journal);
    let records = records(&io);
    let segments: std::collections::BTreeSet<u64> = records.iter().map(|record| record.segment_first_seq).collect();
    assert_eq!(segments.len(), 3, "the test wants three segments");
    assert_eq!(records.len(), 10, "eight batches and two seals");
    (io.files(), records, batches)
}

fn record_bytes(record: &DumpedRecord) -> u64 {
    u64::try_from(HEADER_BYTES + record.events.len() + record.transfers.len()).expect("a size fits 64 bits")
}

/// Opens a copy with one bit flipped; `None` when it opens with the same batches, else where the damage is.
fn damage_after_flip(files: &Files, batches: &[OwnedBatch], path: &str, offset: u64) -> Option<(String, u64, u64)> {
    let io = disk_with(files);
    let mask = 1_u8 << (offset % 8);
    assert!(io.flip_bits(path, offset, mask));
    let before = io.files();
    let opened = open(&io);
    match opened {
        Ok((journal, _)) => {
            assert_eq!(read_all(&journal), batches, "a flip at {path} {offset} was let through");
            None
        }
        Err(OpenError::Damaged { segment, offset, seq, .. }) => {
            assert_eq!(io.files(), before, "damage is not touched");
            Some((segment, offset, seq))
        }
        Err(other) => panic!("a flip at {path} {offset} gave {other}"),
    }
}

#[test]
fn a_flipped_bit_in_any_record_before_the_last_proof_refuses_and_names_the_place() {
    let (files, records, batches) = three_segments();
    let (last_seal, before_it) = records.split_last().expect("there are records");
    assert_eq!(last_seal.kind, RecordKind::Seal);
    for record in before_it {
        let path = segment_path(record.segment_first_seq);
        let end = record.offset + record_bytes(record);
        // Every byte of the header, and some of a long body.
        let header_end = record.offset + u64::try_from(HEADER_BYTES).expect("small");
        for offset in (record.offset..header_end).chain((header_end..end).step_by(97)).chain((header_end < end).then(|| end - 1)) {
            let damage = damage_after_flip(&files, &batches, &path, offset);
            assert_eq!(damage, Some((path.clone(), record.offset, record.first_seq)), "flip at {path} {offset}");
        }
    }
}

#[test]
fn a_flipped_bit_in_the_last_seal_is_cut_off_and_costs_nothing() {
    let (files, records, batches) = three_segments();
    let seal = records.last().expect("there are records");
    let path = segment_path(seal.segment_first_seq);
    for offset in seal.offset..seal.offset + record_bytes(seal) {
        let io = disk_with(&files);
        assert!(io.flip_bits(&path, offset, 1));
        match open(&io) {
            Ok((journal, report)) => {
                assert!(matches!(report.tail_state, TailState::Torn { .. }));
                assert_eq!(read_all(&journal), batches);
                drop(journal);
                let report = verify(&io, PARTITION).expect("the repair holds");
                assert_eq!(report.tail_state, TailState::Sealed);
            }
            Err(other) => panic!("a flip in the last seal at {offset} gave {other}"),
        }
    }
}

#[test]
fn flipped_bits_in_padding_and_unused_space_are_harmless_and_counted() {
    let (files, records, batches) = three_segments();
    let mut harmless = 0;
    for (record, next) in records.iter().zip(&records[1..]) {
        let path = segment_path(record.segment_first_seq);
        let end = if next.segment_first_seq == record.segment_first_seq { next.offset } else { options().segment_bytes };
        for offset in (record.offset + record_bytes(record)..end).step_by(61) {
            assert_eq!(damage_after_flip(&files, &batches, &path, offset), None);
            let io = disk_with(&files);
            assert!(io.flip_bits(&path, offset, 8));
            let report = verify(&io, PARTITION).expect("it is harmless");
            assert_eq!(report.stray_bytes, 1, "flip at {path} {offset}");
            harmless += 1;
        }
    }
    assert!(harmless > 50, "only {harmless} places were tried");
}

#[test]
fn a_flipped_bit_in_a_segments_header_refuses_and_names_the_segment() {
    let (files, records, batches) = three_segments();
    let mut first_seqs: Vec<u64> = records.iter().map(|record| record.segment_first_seq).collect();
    first_seqs.dedup();
    for first_seq in first_seqs {
        let path = segment_path(first_seq);
        for offset in 0..76 {
            assert_eq!(damage_after_flip(&files, &batches, &path, offset), Some((path.clone(), 0, first_seq)), "flip at {path} {offset}");
        }
        for offset in (76..4096).step_by(101) {
            assert_eq!(damage_after_flip(&files, &batches, &path, offset), None);
        }
    }
}

#[test]
fn a_damaged_last_batch_refuses_because_of_its_seal_and_is_cut_without_one() {
    for is_sealed in [true, false] {
        let io = SimIo::new();
        let (mut journal, _) = open_well(&io);
        let first = append_well(&mut journal, &[1; 100]);
        append_well(&mut journal, &[2; 100]);
        if is_sealed {
            journal.seal().expect("it seals");
        }
        drop(journal);
        assert!(io.flip_bits(&segment_path(1), 4096 + 512 + 100, 1));
        match (is_sealed, open(&io)) {
            (true, Err(OpenError::Damaged { seq, reason, .. })) => {
                assert_eq!(seq, first.next_seq);
                assert_eq!(reason.fault, FrameFault::BodyChecksum);
                let proof = reason.successor.expect("the seal is the proof");
                assert_eq!((proof.offset, proof.seq), (4096 + 1024, 5));
            }
            (false, Ok((journal, report))) => {
                assert_eq!(journal.tail(), first);
                assert_eq!(report.tail_state, TailState::Torn { segment: segment_path(1), offset: 4096 + 512, bytes: 512, seq: 3 });
            }
            (_, result) => panic!("sealed: {is_sealed}, {:?}", result.err()),
        }
    }
}

#[test]
fn opening_seals_the_last_batch_so_that_it_cannot_be_mistaken_for_a_torn_one_later() {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    append_well(&mut journal, b"acknowledged");
    drop(journal);
    let (journal, report) = open_well(&io);
    assert_eq!(report.tail_state, TailState::Unsealed);
    drop(journal);
    assert_eq!(verify(&io, PARTITION).expect("undamaged").tail_state, TailState::Sealed);
    assert!(io.flip_bits(&segment_path(1), 4096 + 90, 1));
    assert!(matches!(open(&io), Err(OpenError::Damaged { .. })));
}

#[test]
fn a_new_segment_proves_that_the_batch_before_it_was_complete() {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    let first = append_well(&mut journal, &[1; 8000]);
    let second = append_well(&mut journal, &[2; 8000]);
    drop(journal);
    // Take the second batch out of the second segment: only the segment's header is left as proof.
    let path = segment_path(first.next_seq);
    let mut files = io.files();
    files.get_mut(&path).expect("it rolled over")[4096..].fill(0);
    let damage = damage_after_flip(&files, &[], &segment_path(1), 4096 + 88);
    assert_eq!(damage, Some((segment_path(1), 4096, 1)));
    let io = disk_with(&files);
    let (journal, _) = open_well(&io);
    assert_eq!(journal.tail(), first, "an empty last segment is legal");
    assert_ne!(journal.tail(), second);
}

#[test]
fn the_search_for_proof_looks_at_every_sector() {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    for size in [10, 3000, 600, 700] {
        append_well(&mut journal, &vec![0xC3; size]);
    }
    drop(journal);
    let records = records(&io);
    let (damaged, last) = (&records[1], &records[3]);
    let at = |offset: u64| usize::try_from(offset).expect("small");
    let mut files = io.files();
    let segment = files.get_mut(&segment_path(1)).expect("it is there");
    segment[at(damaged.offset)..at(last.offset)].fill(0xEE);
    segment[at(last.offset) + HEADER_BYTES..].fill(0);
    // All that is left of the last batch is its header, and that is proof enough.
    match open(&disk_with(&files)) {
        Err(OpenError::Damaged { offset, seq, reason, .. }) => {
            assert_eq!((offset, seq), (damaged.offset, damaged.first_seq));
            let proof = reason.successor.expect("the last header is the proof");
            assert_eq!((proof.offset, proof.seq), (last.offset, last.first_seq));
        }
        result => panic!("{:?}", result.err()),
    }
    // Without it, the rest is what a torn write may leave.
    let segment = files.get_mut(&segment_path(1)).expect("it is there");
    segment[at(last.offset)] ^= 1;
    let (journal, _) = open_well(&disk_with(&files));
    assert_eq!(read_all(&journal).len(), 1);
}

#[test]
fn a_body_that_contains_a_record_proves_nothing_while_its_own_header_is_intact() {
    // An event that contains the bytes of a later record, aligned to a sector.
    let other = SimIo::new();
    let (mut journal, _) = open_well(&other);
    for _ in 0..3 {
        append_well(&mut journal, b"later");
    }
    let later = other.files()[&segment_path(1)][4096 + 1024..4096 + 1536].to_vec();
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    let mut events = vec![0; 512 - HEADER_BYTES];
    events.extend(later);
    append_well(&mut journal, &events);
    drop(journal);
    assert!(io.flip_bits(&segment_path(1), 4096 + 100, 1));
    let (journal, report) = open_well(&io);
    assert!(matches!(report.tail_state, TailState::Torn { .. }));
    assert_eq!(read_all(&journal), Vec::new());
    drop(journal);
    let verified = verify(&io, PARTITION).expect("the torn batch is gone without a trace");
    assert_eq!(verified.stray_bytes, 0);
}

#[test]
fn stale_records_behind_the_tail_are_neither_accepted_nor_kept() {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    for index in 0..5 {
        append_well(&mut journal, &[index; 20]);
    }
    journal.seal().expect("it seals");
    let batches = read_all(&journal);
    drop(journal);
    let mut files = io.files();
    let segment = files.get_mut(&segment_path(1)).expect("it is there");
    // The second and third batch once more, where the next record would go.
    let stale = segment[4096 + 512..4096 + 1536].to_vec();
    let tail = 4096 + 6 * 512;
    segment[tail..tail + 1024].copy_from_slice(&stale);
    let io = disk_with(&files);
    let (mut journal, report) = open_well(&io);
    assert!(matches!(report.tail_state, TailState::Torn { bytes: 1024, .. }));
    assert_eq!(read_all(&journal), batches);
    append_well(&mut journal, b"next");
    drop(journal);
    assert_eq!(read_all(&open_well(&io).0).len(), 6);
}

#[test]
fn a_record_of_another_history_with_the_right_number_is_refused_as_damage() {
    let segment_of = |events: &[u8]| {
        let io = SimIo::new();
        let (mut journal, _) = open_well(&io);
        append_well(&mut journal, events);
        append_well(&mut journal, b"second");
        drop(journal);
        io.files()
    };
    let mut ours = segment_of(b"ours");
    let theirs = segment_of(b"theirs");
    let path = segment_path(1);
    let record = theirs[&path][4096 + 512..4096 + 1024].to_vec();
    ours.get_mut(&path).expect("it is there")[4096 + 512..4096 + 1024].copy_from_slice(&record);
    match open(&disk_with(&ours)) {
        Err(OpenError::Damaged { seq: 3, reason, .. }) => {
            assert_eq!(reason.fault, FrameFault::Chain);
        }
        result => panic!("{:?}", result.err()),
    }
}

#[test]
fn another_partition_is_refused() {
    let (files, _, _) = three_segments();
    let io = disk_with(&files);
    let result = verify(&io, PARTITION + 1);
    assert!(
        matches!(
            &result,
            Err(OpenError::Damaged { reason, .. })
                if reason.fault == FrameFault::Partition { found: PARTITION }
        ),
        "{result:?}"
    );
}

#[test]
fn missing_and_shortened_segments_are_refused() {
    let (files, records, _) = three_segments();
    let mut first_seqs: Vec<u64> = records.iter().map(|record| record.segment_first_seq).collect();
    first_seqs.dedup();
    for (gone, segment, seq) in [(first_seqs[0], segment_path(1), 1), (first_seqs[1], segment_path(1), first_seqs[1])] {
        let mut files = files.clone();
        files.remove(&segment_path(gone));
        match open(&disk_with(&files)) {
            Err(OpenError::Damaged { segment: named, seq: at, .. }) => assert_eq!((named, at), (segment, seq)),
            result => panic!("{:?}", result.err()),
        }
    }
    for first_seq in first_seqs {
        for length in [0, 100, 4096, 8192] {
            let mut files = files.clone();
            files.get_mut(&segment_path(first_seq)).expect("it is there").truncate(length);
            match open(&disk_with(&files)) {
                Err(OpenError::Damaged { segment, offset, .. }) => {
                    assert_eq!((segment, offset), (segment_path(first_seq), 0));
                }
                result => panic!("{:?}", result.err()),
            }
        }
    }
}

#[test]
fn damage_after_opening_is_found_by_the_reader_and_ends_the_reading() {
    let (files, records, batches) = three_segments();
    let io = disk_with(&files);
    let (journal, _) = open_well(&io);
    let struck = &records[4];
    assert!(io.flip_bits(&segment_path(struck.segment_first_seq), struck.offset + 90, 1));
    let mut reading = journal.read(0).expect("the start can be read from");
    let mut good = 0;
    let error = loop {
        match reading.next().expect("the damage comes before the end") {
            Ok(batch) => {
                assert_eq!(batch, batches[good]);
                good += 1;
            }
            Err(error) => break error,
        }
    };
    assert_eq!(batches[good].first_seq, struck.first_seq);
    assert!(matches!(&error, ReadError::Damaged { seq, .. } if *seq == struck.first_seq), "{error}");
    assert!(reading.next().is_none());
}

#[test]
fn a_length_in_an_intact_header_is_bounded_before_anything_is_allocated() {
    // A header with a good checksum that claims a body of 4 GiB.
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    append_well(&mut journal, b"honest");
    drop(journal);
    let mut files = io.files();
    let segment = files.get_mut(&segment_path(1)).expect("it is there");
    let header = &mut segment[4096..4096 + HEADER_BYTES];
    header[36..40].copy_from_slice(&u32::MAX.to_le_bytes());
    let checksum = crc32c::crc32c(&header[..84]);
    header[84..88].copy_from_slice(&checksum.to_le_bytes());
    match FileJournal::open(disk_with(&files), options()) {
        Err(OpenError::Damaged { reason, .. }) => assert_eq!(reason.fault, FrameFault::Layout),
        result => panic!("{:?}", result.err()),
    }
}

#[test]
fn a_record_of_a_newer_version_is_never_cut_off_as_torn() {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    append_well(&mut journal, b"from the future");
    drop(journal);
    let mut files = io.files();
    let segment = files.get_mut(&segment_path(1)).expect("it is there");
    let header = &mut segment[4096..4096 + HEADER_BYTES];
    header[8] = 2;
    let checksum = crc32c::crc32c(&header[..84]);
    header[84..88].copy_from_slice(&checksum.to_le_bytes());
    match open(&disk_with(&files)) {
        Err(OpenError::Damaged { reason, .. }) => {
            assert_eq!(reason.fault, FrameFault::Version { found: 2 });
        }
        result => panic!("{:?}", result.err()),
    }
}

#[test]
fn random_garbage_in_place_of_a_journal_never_panics() {
    let mut random = crate::support::Random(1);
    let (files, records, _) = three_segments();
    for round in 0..300 {
        let mut files = files.clone();
        let record = &records[usize::try_from(random.below(10)).expect("small")];
        let path = segment_path(record.segment_first_seq);
        let segment = files.get_mut(&path).expect("it is there");
        let start = usize::try_from(random.below(16 * 1024)).expect("small");
        let garbage = random.bytes(3000);
        let end = (start + garbage.len()).min(segment.len());
        segment[start..end].copy_from_slice(&garbage[..end - start]);
        if round % 3 == 0 {
            let length = usize::try_from(random.below(16 * 1024)).expect("small");
            segment.truncate(length);
        }
        let io = disk_with(&files);
        let verified = verify(&io, PARTITION).is_ok();
        assert_eq!(verified, open(&io).is_ok(), "verify and open agree");
    }
}

#[test]
fn a_damaged_seal_before_the_last_batch_refuses_although_the_batch_is_unsealed() {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    append_well(&mut journal, b"first");
    journal.seal().expect("it seals");
    append_well(&mut journal, b"acknowledged");
    drop(journal);
    assert!(io.flip_bits(&segment_path(1), 4096 + 512 + 30, 1));
    match open(&io) {
        Err(OpenError::Damaged { offset, seq, reason, .. }) => {
            assert_eq!((offset, seq), (4096 + 512, 3));
            let proof = reason.successor.expect("the batch behind the seal is the proof");
            assert_eq!((proof.offset, proof.seq), (4096 + 1024, 3));
        }
        result => panic!("{:?}", result.err()),
    }
}

#[test]
fn an_epoch_that_falls_is_refused() {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    for expected_seq in 1..3 {
        let batch = journal::Batch { event_count: 1, events: b"led", transfers: &[] };
        journal.append(expected_seq, 5, batch).expect("it appends");
    }
    drop(journal);
    let mut files = io.files();
    let segment = files.get_mut(&segment_path(1)).expect("it is there");
    let header = &mut segment[4096 + 512..4096 + 512 + HEADER_BYTES];
    header[16] = 4;
    let checksum = crc32c::crc32c(&header[..84]);
    header[84..88].copy_from_slice(&checksum.to_le_bytes());
    match open(&disk_with(&files)) {
        Err(OpenError::Damaged { seq: 2, reason, .. }) => {
            assert_eq!(reason.fault, FrameFault::Epoch { found: 4 });
        }
        result => panic!("{:?}", result.err()),
    }
}
