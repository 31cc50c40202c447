//! Golden bytes: a released format never changes. They were computed by an independent program.

use journal::simio::SimIo;
use journal::{Batch, FileJournal, Journal, Options, Tail, chain_hash};

use crate::support::PARTITION;

const SEGMENT: &str = "journal/00000000000000000001.seg";

const SEGMENT_HEADER: &str = "f542455a53fffe0a010000000700000001000000000000000020000000000000\
    00000000000000000000000000000000000000000000000000000000000000000000000000000000bdf4fbbd";
const BATCH_HEADER: &str = "f542455a46fffe0a010001000700000003000000000000000100000000000000\
    0200000006000000800000000000000000000000000000000000000000000000000000000000000000000000\
    000000000aed7d7966c63e25";
const SEAL_HEADER: &str = "f542455a46fffe0a010002000700000003000000000000000300000000000000\
    000000000000000000000000000000003da3a7ae032f08e7e62af025fbd77f31b0c5f4c8cc00574c1f32f66b\
    315856a90000000057854cc5";
const CHAIN_HASH: &str = "3da3a7ae032f08e7e62af025fbd77f31b0c5f4c8cc00574c1f32f66b315856a9";
const SNAPSHOT: &str = "f542455a4efffe0a010000000700000003000000000000000300000000000000\
    3da3a7ae032f08e7e62af025fbd77f31b0c5f4c8cc00574c1f32f66b315856a90500000000000000\
    7374617465a40e109ee3fc1533e1398e919aac24c07cf8f62557d1c6dd0f03a5876fe5f346";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("golden bytes are hex")).collect()
}

fn golden_transfers() -> Vec<u8> {
    (0..128).collect()
}

#[test]
fn the_bytes_of_a_segment_are_the_golden_ones() {
    let io = SimIo::new();
    let options = Options { segment_bytes: 8192, batch_bytes_max: 1024, ..Options::for_partition(PARTITION) };
    let (mut journal, _) = FileJournal::open(io.clone(), options).expect("it opens");
    let transfers = golden_transfers();
    let batch = Batch { event_count: 2, events: b"golden", transfers: &transfers };
    let tail = journal.append(1, 3, batch).expect("it appends");
    journal.seal().expect("it seals");
    journal.save_snapshot(&tail, b"state").expect("it saves");

    let mut expected = bytes(SEGMENT_HEADER);
    expected.resize(4096, 0);
    expected.extend(bytes(BATCH_HEADER));
    expected.extend(b"golden");
    expected.extend(&transfers);
    expected.resize(4096 + 512, 0);
    expected.extend(bytes(SEAL_HEADER));
    expected.resize(8192, 0);
    assert_eq!(io.files()[SEGMENT], expected);
    assert_eq!(io.files()["snapshots/00000000000000000003.snap"], bytes(SNAPSHOT));
}

#[test]
fn the_chain_hash_is_the_golden_one_and_depends_on_every_input() {
    let transfers = golden_transfers();
    let batch = Batch { event_count: 2, events: b"golden", transfers: &transfers };
    let hash =
        |partition, epoch, before: &Tail, batch: Batch<'_>| chain_hash(partition, epoch, before, &batch).expect("the batch is legal");
    let golden = hash(PARTITION, 3, &Tail::GENESIS, batch);
    assert_eq!(golden.to_vec(), bytes(CHAIN_HASH));
    let moved = Tail { next_seq: 2, ..Tail::GENESIS };
    let other_past = Tail { hash: [1; 32], ..Tail::GENESIS };
    let joined = [b"golden".as_slice(), &transfers].concat();
    let variants = [
        hash(PARTITION + 1, 3, &Tail::GENESIS, batch),
        hash(PARTITION, 4, &Tail::GENESIS, batch),
        hash(PARTITION, 3, &moved, batch),
        hash(PARTITION, 3, &other_past, batch),
        hash(PARTITION, 3, &Tail::GENESIS, Batch { event_count: 1, ..batch }),
        hash(PARTITION, 3, &Tail::GENESIS, Batch { events: b"Golden", ..batch }),
        // The same bytes, divided otherwise.
        hash(PARTITION, 3, &Tail::GENESIS, Batch { events: &joined, transfers: &[], ..batch }),
    ];
    for (index, variant) in variants.iter().enumerate() {
        assert_ne!(*variant, golden, "variant {index}");
    }
}

#[test]
fn options_out_of_range_are_refused() {
    let good = Options { segment_bytes: 8192, batch_bytes_max: 1024, ..Options::for_partition(PARTITION) };
    let bad = [
        Options { segment_bytes: 8191, ..good.clone() },
        Options { segment_bytes: 4096, ..good.clone() },
        Options { batch_bytes_max: 4096, ..good.clone() },
        Options { batch_bytes_max: 16 * 1024 * 1024 + 1, ..good.clone() },
        Options { batch_bytes_max: usize::MAX, ..good },
    ];
    for options in bad {
        let text = format!("{options:?}");
        let result = FileJournal::open(SimIo::new(), options);
        assert!(matches!(result, Err(journal::OpenError::Options { .. })), "{text}");
    }
}
