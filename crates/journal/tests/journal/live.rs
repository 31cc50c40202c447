//! A journal that somebody appends to, read without its lock.

use std::sync::atomic::{AtomicU64, Ordering};

use journal::simio::SimIo;
use journal::{FIRST_SEQ, Io, Journal, OpenError, OsIo, Portion, SegmentStart, Tail, check_segment, dump, dump_between, segment_starts};

use crate::support::{Folder, PARTITION, Random, append_well, open, open_well};

/// What each segment is followed by.
fn portions(starts: &[SegmentStart]) -> Vec<Portion> {
    let sealed = starts.iter().skip(1).map(|next| Portion::Sealed { end: next.before });
    sealed.chain([Portion::Open]).collect()
}

fn check_all(io: &impl Io) -> Result<Tail, OpenError> {
    let starts = segment_starts(io, PARTITION)?;
    let mut after = Tail::GENESIS;
    for (start, portion) in starts.iter().zip(portions(&starts)) {
        assert_eq!(start.before, after);
        after = check_segment(io, PARTITION, &start.path(), start, portion)?.after;
    }
    Ok(after)
}

/// A journal of several segments that is still open.
fn sample(seed: u64) -> (SimIo, journal::FileJournal<SimIo>) {
    let io = SimIo::new();
    let (mut journal, _) = open_well(&io);
    let mut random = Random(seed);
    for _ in 0..20 {
        append_well(&mut journal, &random.bytes(6_000));
        if random.below(3) == 0 {
            journal.seal().expect("a working disk takes a seal");
        }
    }
    (io, journal)
}

#[test]
fn what_is_complete_is_found_whether_it_is_sealed_torn_or_neither() {
    for seed in 0..30 {
        let (io, mut journal) = sample(seed);
        assert_eq!(check_all(&io).expect("undamaged"), journal.tail());
        let tail_before = journal.tail();
        append_well(&mut journal, &[7; 3000]);
        let last = segment_starts(&io, PARTITION).expect("undamaged").last().expect("there is one").path();
        let after = io.files()[&last].clone();
        let last_byte = after.iter().rposition(|byte| *byte != 0).expect("something was appended");
        // Half of the last record, as a reader meets it that is quicker than the writer.
        let mut half = after.clone();
        half[last_byte] ^= 1;
        io.put_file(&last, &half);
        assert_eq!(check_all(&io).expect("a torn end is no damage"), tail_before);
        io.put_file(&last, &after);
        assert_eq!(check_all(&io).expect("undamaged"), journal.tail());
    }
}

#[test]
fn a_prefix_is_whole_only_up_to_the_end_of_a_record() {
    let (io, journal) = sample(3);
    let starts = segment_starts(&io, PARTITION).expect("undamaged");
    let start = starts.last().expect("there is one");
    let whole = io.files()[&start.path()].clone();
    let checked = check_segment(&io, PARTITION, &start.path(), start, Portion::Open).expect("undamaged");
    assert_eq!(checked.after, journal.tail());
    let records_end = usize::try_from(checked.records_end).expect("small");
    let mut ends = Vec::new();
    for bytes in (4096..=records_end).step_by(8) {
        io.put_file("copy", &whole[..bytes]);
        match check_segment(&io, PARTITION, "copy", start, Portion::Prefix) {
            Ok(found) => ends.push((bytes, found)),
            Err(OpenError::Damaged { segment, .. }) => assert_eq!(segment, start.path()),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(ends.last(), Some(&(records_end, checked)));
    assert!(ends.iter().all(|(bytes, found)| u64::try_from(*bytes).expect("small") == found.records_end));
    drop(journal);
    let records = dump(io.clone(), PARTITION).expect("unlocked").map(|record| record.expect("undamaged"));
    let of_last = records.filter(|record| record.segment_first_seq == start.before.next_seq);
    let places: Vec<u64> = of_last.map(|record| record.offset).skip(1).collect();
    assert_eq!(places, ends[1..ends.len() - 1].iter().map(|(_, found)| found.records_end).collect::<Vec<_>>());
    assert!(check_segment(&io, PARTITION, &start.path(), start, Portion::Prefix).is_err(), "zeros are no part of a prefix");
}

#[test]
fn a_flipped_bit_in_any_record_is_damage_at_its_place() {
    let (io, journal) = sample(5);
    let starts = segment_starts(&io, PARTITION).expect("undamaged");
    let mut random = Random(9);
    for record in dump_between(io.clone(), PARTITION, FIRST_SEQ, journal.tail().next_seq).expect("it opens") {
        let record = record.expect("undamaged");
        let number = starts.iter().position(|start| start.before.next_seq == record.segment_first_seq).expect("it is one of them");
        let (start, portion) = (starts[number], portions(&starts)[number]);
        let is_last = portion == Portion::Open && record.offset + 4096 > checked_end(&io, &start);
        let at = record.offset + random.below(88);
        let path = start.path();
        let sound = io.files()[&path].clone();
        let mut flipped = sound.clone();
        flipped[usize::try_from(at).expect("small")] ^= 1;
        io.put_file(&path, &flipped);
        match check_segment(&io, PARTITION, &path, &start, portion) {
            Err(OpenError::Damaged { segment, offset, .. }) => assert_eq!((segment, offset), (path.clone(), record.offset)),
            other => assert!((is_last || record.event_count == 0) && other.is_ok(), "only the last record can look torn: {other:?}"),
        }
        io.put_file(&path, &sound);
    }
}

fn checked_end(io: &SimIo, start: &SegmentStart) -> u64 {
    check_segment(io, PARTITION, &start.path(), start, Portion::Open).expect("undamaged").records_end
}

#[test]
fn segments_that_do_not_follow_one_another_are_damage() {
    let (io, journal) = sample(5);
    drop(journal);
    let starts = segment_starts(&io, PARTITION).expect("undamaged");
    let wrong = Tail { hash: [1; 32], ..starts[1].before };
    let checked = check_segment(&io, PARTITION, &starts[0].path(), &starts[0], Portion::Sealed { end: wrong });
    assert!(matches!(checked, Err(OpenError::Damaged { .. })));
    let checked = check_segment(&io, PARTITION, &starts[0].path(), &starts[0], Portion::Sealed { end: starts[2].before });
    assert!(matches!(checked, Err(OpenError::Damaged { .. })), "a segment between them is missing");
    io.remove(&starts[0].path()).expect("it is there");
    assert!(matches!(segment_starts(&io, PARTITION), Err(OpenError::Damaged { .. })));
}

#[test]
fn a_part_of_a_journal_reads_as_it_does_in_the_whole() {
    let (io, journal) = sample(11);
    let end_seq = journal.tail().next_seq;
    drop(journal);
    let whole: Vec<_> = dump(io.clone(), PARTITION).expect("unlocked").map(|record| record.expect("undamaged")).collect();
    for from_seq in FIRST_SEQ..=end_seq {
        for until in [from_seq, from_seq + 4, end_seq] {
            // Batches have two events: an end that is no batch's end is one event further.
            let until = until.min(end_seq) | 1;
            let part = dump_between(io.clone(), PARTITION, from_seq, until).expect("it opens");
            let part: Vec<_> = part.map(|record| record.expect("undamaged")).filter(|record| record.event_count > 0).collect();
            let wanted =
                |seq: u64| whole.iter().any(|record| record.first_seq <= seq && seq < record.first_seq + u64::from(record.event_count));
            for seq in from_seq..until {
                let is_read = part.iter().any(|record| record.first_seq <= seq && seq < record.first_seq + u64::from(record.event_count));
                assert_eq!(is_read, wanted(seq));
            }
            assert!(part.iter().all(|record| whole.contains(record) && record.first_seq < until));
        }
    }
}

/// A real writer in another thread: what it has appended before a look is found by it, and no look sees damage.
#[test]
fn a_reader_beside_a_busy_writer_never_sees_damage_and_never_misses_what_was_durable() {
    let folder = Folder::new("live");
    let io = OsIo::new(&folder.0);
    let (mut journal, _) = open(&io).expect("it opens");
    let durable_seq = AtomicU64::new(0);
    let looks = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut random = Random(4);
            for _ in 0..400 {
                let tail = append_well(&mut journal, &random.bytes(4_000));
                durable_seq.store(tail.next_seq, Ordering::SeqCst);
            }
        });
        let mut looks = 0;
        while !writer.is_finished() {
            let before = durable_seq.load(Ordering::SeqCst);
            let found = check_all(&io).expect("a writer at work is no damage");
            assert!(found.next_seq >= before);
            looks += 1;
        }
        looks
    });
    assert!(looks > 0);
    assert_eq!(check_all(&io).expect("undamaged"), journal.tail());
}
