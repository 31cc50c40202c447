//! Tables one feature at a time: bytes, limits, refusals, the filter, what is read when.

use std::collections::BTreeSet;
use std::sync::Arc;

use journal::simio::{Effect, Fault, Operation, SimIo};
use journal::table::{
    BlockBuffer, Error, KEY_BYTES_MAX, Layout, MERGE_INPUTS_MAX, Merge, Progress, Table, VALUE_BYTES_MAX, Writer, remove_unfinished,
};

use crate::support::Random;
use crate::table_model::{ABOUT, Model, build, contents, layout, open_well, varying, write};

/// Keys of 8 bytes that ascend by one, with themselves as values.
fn numbers(range: std::ops::Range<u64>) -> Model {
    range.map(|number| (number.to_be_bytes().to_vec(), number.to_le_bytes().to_vec())).collect()
}

#[test]
fn the_bytes_of_a_table_are_the_golden_ones() {
    for (layout, values, golden) in
        [(layout(6, 2, 4), ["xy", "zz", ".."], GOLDEN), (varying(6, 96, 4), ["xyz", "", "a longer value"], GOLDEN_VARYING)]
    {
        let io = SimIo::new();
        let entries: Model =
            ["acct01", "acct02", "acme--"].into_iter().zip(values).map(|(key, value)| (key.into(), value.into())).collect();
        let table = build(&io, "golden", layout, &entries);
        assert_eq!((table.about(), table.prefix_count(), table.layout()), (ABOUT, 2, layout));
        let found: String = io.files()["golden"].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, golden);
    }
}

#[test]
fn an_empty_table_and_one_with_one_entry_answer() {
    for layout in [layout(8, 8, 0), layout(8, 8, 8), varying(8, 8, 0), varying(8, 96, 8)] {
        let io = SimIo::new();
        let table = build(&io, "empty", layout, &Model::new());
        table.verify().expect("it verifies");
        assert_eq!((table.entry_count(), table.key_bounds()), (0, None));
        assert_eq!(
            table.may_contain(&[7; 8][..usize::from(layout.filter_prefix_bytes.map_or(0, std::num::NonZeroU8::get))]),
            layout.filter_prefix_bytes.is_none()
        );
        assert_eq!(table.value(&mut BlockBuffer::default(), &[7; 8]).expect("it reads"), None);
        assert!(contents(&table).is_empty());
        assert!(table.range(&[0; 8]..=&[0xFF; 8]).next_back().is_none());

        let one = numbers(5..6);
        let table = build(&io, "one", layout, &one);
        table.verify().expect("it verifies");
        assert_eq!(contents(&table), one);
        let key = 5_u64.to_be_bytes();
        assert_eq!(table.key_bounds(), Some(&key[..]..=&key[..]));
        assert_eq!(table.range(&key..=&key).rev().count(), 1);
        assert_eq!(table.range(&[0xFF; 8]..=&[0; 8]).count(), 0, "bounds the wrong way round hold nothing");
    }
}

#[test]
fn widths_at_their_limits_work_and_beyond_them_are_refused() {
    let widest = [u8::try_from(KEY_BYTES_MAX).expect("64"), u8::try_from(VALUE_BYTES_MAX).expect("96")];
    for kind in [layout, varying] {
        check_widths(widest, kind);
    }
}

fn check_widths(widest: [u8; 2], kind: fn(u8, u8, u8) -> Layout) {
    for (key_bytes, value_bytes, prefix_bytes) in
        [(1, 0, 0), (1, 0, 1), (widest[0], widest[1], widest[0]), (widest[0], 0, 1), (1, widest[1], 0)]
    {
        let entries: Model = (0..=u8::MAX)
            .map(|byte| {
                let mut key = vec![0xAB; usize::from(key_bytes)];
                *key.last_mut().expect("a key has a byte") = byte;
                (key, vec![byte; usize::from(value_bytes)])
            })
            .collect();
        let table = build(&SimIo::new(), "table", kind(key_bytes, value_bytes, prefix_bytes), &entries);
        table.verify().expect("it verifies");
        assert_eq!(contents(&table), entries);
    }
    for (key_bytes, value_bytes, prefix_bytes) in [(0, 0, 0), (widest[0] + 1, 0, 0), (8, widest[1] + 1, 0), (8, 0, 9)] {
        let io = SimIo::new();
        let refused = Writer::create(&io, "table", kind(key_bytes, value_bytes, prefix_bytes), ABOUT, 1);
        assert!(matches!(refused.map(drop), Err(Error::Layout { .. })));
        assert!(io.files().is_empty());
    }
}

/// Every width from none to the widest in one table, and in the values of neighbours both the widest step up and down.
#[test]
fn each_value_comes_back_as_wide_as_it_was() {
    let widths = (0..=VALUE_BYTES_MAX).flat_map(|bytes| [bytes, VALUE_BYTES_MAX - bytes]).cycle();
    let entries: Model =
        (0..2_000_u64).zip(widths).map(|(number, bytes)| (number.to_be_bytes().to_vec(), vec![number.to_le_bytes()[0]; bytes])).collect();
    let io = SimIo::new();
    let table = Arc::new(build(&io, "table", varying(8, 96, 8), &entries));
    table.verify().expect("it verifies");
    assert_eq!(contents(&table), entries);
    let value_bytes: usize = entries.values().map(Vec::len).sum();
    // Besides its value an entry has its two bytes, 1 to 3 bytes of its key and 1.25 to 2.5 of filter; a block has its index.
    let file_bytes_max = value_bytes + 2_000 * 8;
    assert!((value_bytes..file_bytes_max).contains(&usize::try_from(table.file_bytes()).expect("small")), "{} bytes", table.file_bytes());
    let mut buffer = BlockBuffer::default();
    for (key, value) in &entries {
        assert_eq!(table.value(&mut buffer, key).expect("it reads"), Some(&value[..]));
    }
    let mut merge = Merge::start(&io, "merged", &[Arc::clone(&table), table], ABOUT).expect("it starts");
    assert!(matches!(merge.step(u64::MAX), Ok(Progress::Done(_))));
    assert_eq!(contents(&open_well(&io, "merged")), entries);
}

#[test]
fn a_value_that_the_layout_does_not_allow_is_a_mistake_of_the_caller() {
    for (layout, value) in [(layout(8, 8, 0), &[0; 7][..]), (layout(8, 8, 0), &[0; 9]), (varying(8, 8, 0), &[0; 9])] {
        let mut writer = Writer::create(&SimIo::new(), "table", layout, ABOUT, 0).expect("it starts");
        let pushed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| writer.push(&[0; 8], value)));
        assert!(pushed.is_err(), "{} bytes in {layout:?}", value.len());
    }
}

#[test]
fn entries_are_equal_when_keys_and_values_are() {
    let entry = |value: &str, behind: &str| {
        let entries: Model = [("a", value), ("b", behind)].map(|(key, value)| (key.into(), value.into())).into();
        let table = build(&SimIo::new(), "table", varying(1, 9, 0), &entries);
        table.range(b"a"..=b"a").next().expect("it is there").expect("it reads")
    };
    assert_eq!(entry("value", "one"), entry("value", "another"));
    assert_ne!(entry("value", "one"), entry("value1", "one"));
    assert_ne!(entry("", "one"), entry("\0", "one"));
}

#[test]
fn a_writer_refuses_what_does_not_ascend_or_was_not_announced_and_goes_on() {
    let io = SimIo::new();
    let mut writer = Writer::create(&io, "table", layout(2, 1, 1), ABOUT, 2).expect("it starts");
    writer.push(b"bb", b"1").expect("the first");
    for key in [b"bb", b"ba", b"aa"] {
        assert!(matches!(writer.push(key, b"2"), Err(Error::NotAscending { path, .. }) if path == "table"));
    }
    writer.push(b"bc", b"2").expect("a second key of one prefix");
    writer.push(b"ca", b"3").expect("a second prefix");
    let refused = writer.push(b"da", b"4").expect_err("a third prefix was not announced");
    assert!(matches!(&refused, Error::TooManyPrefixes { prefix_count_max: 2, .. }) && !refused.retryable());
    writer.push(b"cb", b"5").expect("an announced prefix");
    assert_eq!(writer.finish().expect("it finishes").entry_count, 4);
    let expected: Model = [("bb", "1"), ("bc", "2"), ("ca", "3"), ("cb", "5")].map(|(key, value)| (key.into(), value.into())).into();
    assert_eq!(contents(&open_well(&io, "table")), expected);
}

#[test]
fn a_merge_names_two_tables_that_contradict_each_other_and_leaves_none() {
    // A value of its own, and one that another table's value only starts with.
    check_conflict(layout(8, 8, 8), &[0xEE; 8]);
    check_conflict(varying(8, 8, 8), &120_u64.to_le_bytes()[..7]);
    check_conflict(varying(8, 8, 8), &[]);
}

fn check_conflict(layout: Layout, value: &[u8]) {
    let io = SimIo::new();
    let mut other = numbers(50..150);
    other.insert(120_u64.to_be_bytes().to_vec(), value.to_vec());
    let tables = [("left", numbers(0..60)), ("middle", numbers(100..130)), ("right", other)]
        .map(|(name, entries)| Arc::new(build(&io, name, layout, &entries)));
    let mut merge = Merge::start(&io, "merged", &tables, ABOUT).expect("it starts");
    let error = merge.step(u64::MAX).expect_err("one key has two values");
    let Error::Conflict { left, right, key } = &error else { panic!("{error}") };
    assert_eq!((BTreeSet::from([&left[..], &right[..]]), &key[..]), (BTreeSet::from(["middle", "right"]), "0000000000000078"));
    assert!(matches!(merge.step(1), Err(Error::Stopped { .. })));
    drop(merge);
    assert_eq!(io.files().len(), 3, "nothing of the new table is left");
}

#[test]
fn a_merge_takes_one_to_64_tables_of_one_layout() {
    let io = SimIo::new();
    let table = |name: &str, layout: Layout, entries| Arc::new(build(&io, name, layout, &entries));
    let one = table("one", layout(8, 8, 8), numbers(0..9));
    let refused = |inputs: &[Arc<Table<SimIo>>]| Merge::start(&io, "merged", inputs, ABOUT).map(drop).expect_err("it is refused");
    assert!(matches!(refused(&[]), Error::InputCount { found: 0 }));
    assert!(matches!(refused(&vec![Arc::clone(&one); MERGE_INPUTS_MAX + 1]), Error::InputCount { found: 65 }));
    for layout in [layout(8, 8, 7), varying(8, 8, 8)] {
        let other = table("other", layout, numbers(0..9));
        assert!(matches!(refused(&[Arc::clone(&one), other]), Error::LayoutsDiffer { left, right } if left == "one" && right == "other"));
    }
    let mut merge = Merge::start(&io, "merged", &vec![one; MERGE_INPUTS_MAX], ABOUT).expect("it starts");
    assert!(matches!(merge.step(u64::MAX), Ok(Progress::Done(summary)) if summary.entry_count == 9));
}

#[test]
fn a_writer_or_merge_that_is_given_up_leaves_nothing_and_one_that_was_killed_is_cleaned_up() {
    let io = SimIo::new();
    let input = Arc::new(build(&io, "tables/input", layout(8, 8, 8), &numbers(0..100_000)));
    let mut writer = Writer::create(&io, "tables/new", layout(8, 8, 0), ABOUT, 0).expect("it starts");
    for number in 0_u64..50_000 {
        writer.push(&number.to_be_bytes(), &[0; 8]).expect("it ascends");
    }
    let mut merge = Merge::start(&io, "tables/merged", &[input], ABOUT).expect("it starts");
    merge.step(50_000).expect("it goes on");
    assert_eq!(io.files().keys().map(String::as_str).collect::<Vec<_>>(), ["tables/input", "tables/merged.tmp", "tables/new.tmp"]);
    drop((writer, merge));
    assert_eq!(io.files().len(), 1);

    let writer = Writer::create(&io, "tables/new", layout(8, 8, 0), ABOUT, 0).expect("it starts");
    std::mem::forget(writer);
    assert_eq!(io.files().len(), 2);
    assert!(Table::open(&io, "tables/new").is_err());
    remove_unfinished(&io, "tables").expect("it removes");
    assert_eq!(io.files().keys().map(String::as_str).collect::<Vec<_>>(), ["tables/input"]);
}

#[test]
fn the_filter_lets_through_fewer_than_2_in_100_and_is_as_large_as_promised() {
    for (count, prefix_count_max) in [(1_000, 1_000), (100_000, 100_000), (100_000, 170_000), (3_000, 1_000_000)] {
        let io = SimIo::new();
        let mut random = Random(count);
        let keys: BTreeSet<[u8; 20]> = (0..count).map(|_| random_key(&mut random)).collect();
        let mut writer = Writer::create(&io, "table", layout(20, 0, 20), ABOUT, prefix_count_max).expect("it starts");
        for key in &keys {
            writer.push(key, &[]).expect("they ascend");
        }
        writer.finish().expect("it finishes");
        let table = open_well(&io, "table");
        assert!(keys.iter().all(|key| table.may_contain(key)));
        let wrong_count = (0..100_000).filter(|_| table.may_contain(&random_key(&mut random))).count();
        println!("{count} keys of {prefix_count_max}: {wrong_count} in 100,000 in vain, {} bytes of memory", table.memory_bytes());
        assert!(wrong_count < 2_000, "{wrong_count} in 100,000 pass in vain");
        // Index: 24 bytes for each block of at least 300 entries. Filter: 10 to 20 bits for each.
        let filter_bytes_max = if prefix_count_max == count { count * 13 / 10 } else { count * 5 / 2 };
        let memory_bytes_max = filter_bytes_max + count * 24 / 300 + 1_000;
        assert!((count * 5 / 4..=memory_bytes_max).contains(&table.memory_bytes()), "{} bytes", table.memory_bytes());
    }
}

fn random_key(random: &mut Random) -> [u8; 20] {
    let mut key = [0; 20];
    key.iter_mut().for_each(|byte| *byte = random.number().to_le_bytes()[3]);
    key
}

#[test]
fn a_filter_over_a_prefix_tells_prefixes_apart_in_few_bytes() {
    let io = SimIo::new();
    let mut writer = Writer::create(&io, "table", layout(16, 0, 8), ABOUT, 100_000).expect("it starts");
    for account in (0_u64..1_000).map(|number| number * 2) {
        for position in 0_u64..100 {
            writer.push(&[account.to_be_bytes(), position.to_be_bytes()].concat(), &[]).expect("they ascend");
        }
    }
    assert_eq!(writer.finish().expect("it finishes").prefix_count, 1_000);
    let table = open_well(&io, "table");
    let passing = |odd: u64| (0_u64..1_000).filter(|number| table.may_contain(&(number * 2 + odd).to_be_bytes())).count();
    assert_eq!(passing(0), 1_000);
    assert!(passing(1) < 20);
    assert!((2_000_u64..100_000).all(|account| !table.may_contain(&account.to_be_bytes())), "what is above the last key is not there");
    assert!(table.memory_bytes() < 10_000, "{} bytes", table.memory_bytes());
}

#[test]
fn a_probe_reads_nothing_and_a_lookup_reads_once_and_only_if_it_must() {
    let io = SimIo::new();
    let table = build(&io, "table", layout(8, 8, 8), &numbers(1000..50_000));
    let fail_read_after = |calls_before| {
        io.clear_faults();
        io.schedule(Fault { operation: Operation::Read, path_part: None, calls_before, effect: Effect::InputOutputError });
    };
    let mut buffer = BlockBuffer::default();
    let (present, beyond) = (20_000_u64.to_be_bytes(), u64::MAX.to_be_bytes());
    fail_read_after(0);
    assert!(table.may_contain(&present));
    assert_eq!(
        (0..1000_u64).filter(|number| table.value(&mut buffer, &number.to_be_bytes()).is_err()).count(),
        0,
        "the filter or the first key says no"
    );
    assert_eq!(table.value(&mut buffer, &beyond).expect("it is above the last key"), None);
    assert!(matches!(table.value(&mut buffer, &present), Err(Error::Io(_))));
    fail_read_after(1);
    assert_eq!(table.value(&mut buffer, &present).expect("one read is let through"), Some(&20_000_u64.to_le_bytes()[..]));
    assert!(matches!(table.value(&mut buffer, &present), Err(Error::Io(failure)) if failure.path == "table"));
    assert_eq!(table.value(&mut buffer, &present).expect("a failed read can be tried again"), Some(&20_000_u64.to_le_bytes()[..]));
    fail_read_after(1);
    let mut range = table.range(&[0; 8]..=&[0xFF; 8]);
    let read: Vec<bool> = range.by_ref().map(|entry| entry.is_ok()).collect();
    assert!(read.len() > 200 && read.iter().rev().skip(1).all(|ok| *ok) && !read[read.len() - 1], "it ends with the error");
    assert!(range.next_back().is_none(), "after an error there is nothing more");
}

#[test]
fn a_merge_holds_a_block_of_each_input_and_no_more() {
    let io = SimIo::new();
    let tables: Vec<_> = (0..8_u64)
        .map(|number| Arc::new(build(&io, &format!("input-{number}"), layout(8, 8, 0), &numbers(number * 20_000..(number + 1) * 20_000))))
        .collect();
    let mut merge = Merge::start(&io, "merged", &tables, ABOUT).expect("it starts");
    let mut memory_bytes_max = 0;
    while let Progress::Working { .. } = merge.step(1_000).expect("it goes on") {
        memory_bytes_max = memory_bytes_max.max(merge.memory_bytes());
    }
    assert!(memory_bytes_max < 640 * 1024, "{memory_bytes_max} bytes");
    assert_eq!(open_well(&io, "merged").entry_count(), 160_000);
}

#[test]
fn a_table_replaces_one_of_its_name_only_when_it_is_finished() {
    let io = SimIo::new();
    write(&io, "table", layout(8, 8, 8), &numbers(0..10)).expect("it is written");
    let open_before = open_well(&io, "table");
    let mut writer = Writer::create(&io, "table", layout(8, 8, 0), ABOUT, 0).expect("it starts");
    writer.push(&[9; 8], &[9; 8]).expect("it ascends");
    assert_eq!(contents(&open_well(&io, "table")), numbers(0..10));
    writer.finish().expect("it finishes");
    assert_eq!(open_well(&io, "table").entry_count(), 1);
    assert_eq!(contents(&open_before), numbers(0..10), "who has the old one open still reads it");
    for _ in 0..2 {
        journal::table::remove(&io, "table").expect("it is removed, or gone already");
        io.crash(&mut || 0);
        assert!(io.files().is_empty());
    }
}

/// Computed by an independent program.
const GOLDEN: &str = "f542455a54fffe0a0100060204000000776861742069742069732061626f7574e4fab96f0300180000616363743031787905\
    327a7a026d652d2d2e2e04006163637430316944b5e100400000800000000040001000000000400000000020000000200000\
    0080000000200800000000000000020040000000000008020000000000000001008000000300000000000000020000000000\
    00003e00000000000000010000000000000061636d652d2d0000000000000000000000000000000000000000000000000000\
    0000000000000000000000000000000000000000000000000000000000000000e4fab96f5f65ce8b92ace268f542455a54ff\
    fe0ac0ced66c";

/// Computed by the same program.
const GOLDEN_VARYING: &str = "f542455a54fffe0a0100066004010000776861742069742069732061626f7574db669e2403002600000361636374303178\
    797a050032020e6d652d2d61206c6f6e6765722076616c75650400616363743031fc28ed8700400000800000000040001000\
    0000004000000000200000002000000080000000200800000000000000020040000000000008020000000000000001008000\
    00030000000000000002000000000000004c00000000000000010000000000000061636d652d2d0000000000000000000000\
    0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000db669e\
    24b3e7620c92ace268f542455a54fffe0a2546815e";
