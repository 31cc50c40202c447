//! Tables against a model: a map of the standard library answers the same questions, over many seeds.

use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::sync::Arc;

use journal::simio::SimIo;
use journal::table::{BlockBuffer, KEY_BYTES_MAX, Layout, Merge, Progress, Table, VALUE_BYTES_MAX, Values, Writer};

use crate::support::Random;

pub type Model = BTreeMap<Vec<u8>, Vec<u8>>;

pub const ABOUT: [u8; 16] = *b"what it is about";

pub fn layout(key_bytes: u8, value_bytes: u8, filter_prefix_bytes: u8) -> Layout {
    Layout { key_bytes, values: Values::Fixed(value_bytes), filter_prefix_bytes: NonZeroU8::new(filter_prefix_bytes) }
}

/// As [`layout`] with values that vary in width.
pub fn varying(key_bytes: u8, value_bytes_max: u8, filter_prefix_bytes: u8) -> Layout {
    Layout { key_bytes, values: Values::UpTo(value_bytes_max), filter_prefix_bytes: NonZeroU8::new(filter_prefix_bytes) }
}

fn pick<'a, T>(random: &mut Random, choices: &'a [T]) -> &'a T {
    let index = random.below(u64::try_from(choices.len()).expect("small"));
    &choices[usize::try_from(index).expect("small")]
}

/// Writes a table without looking at it.
pub fn write(io: &SimIo, path: &str, layout: Layout, model: &Model) -> Result<(), journal::table::Error> {
    let prefix_count_max = u64::try_from(model.len()).expect("small");
    let mut writer = Writer::create(io, path, layout, ABOUT, prefix_count_max)?;
    for (key, value) in model {
        writer.push(key, value)?;
    }
    let summary = writer.finish()?;
    assert_eq!(summary.entry_count, prefix_count_max);
    Ok(())
}

pub fn open_well(io: &SimIo, path: &str) -> Table<SimIo> {
    Table::open(io, path).expect("an undamaged table opens")
}

pub fn build(io: &SimIo, path: &str, layout: Layout, model: &Model) -> Table<SimIo> {
    write(io, path, layout, model).expect("a working disk takes a table");
    open_well(io, path)
}

/// Everything in the table.
pub fn contents(table: &Table<SimIo>) -> Model {
    let key_bytes = usize::from(table.layout().key_bytes);
    let (from, to) = (vec![0; key_bytes], vec![0xFF; key_bytes]);
    table
        .range(&from..=&to)
        .map(|entry| entry.expect("an undamaged table reads"))
        .map(|entry| (entry.key().to_vec(), entry.value().to_vec()))
        .collect()
}

/// Random entries of which many share their start with others. Values that vary are often empty or the widest.
pub fn entries(random: &mut Random, layout: Layout, count: u64) -> Model {
    let key_bytes = usize::from(layout.key_bytes);
    let mut model = Model::new();
    let mut key = vec![0; key_bytes];
    for _ in 0..count {
        let kept = usize::try_from(random.below(u64::from(layout.key_bytes) + 1)).expect("small");
        // Few different bytes, among them the extreme ones.
        for byte in &mut key[kept..] {
            let other = random.number().to_le_bytes()[0];
            *byte = *pick(random, &[0x00, 0xFF, 0x80, other]);
        }
        let value_bytes = match layout.values {
            Values::Fixed(bytes) => bytes,
            Values::UpTo(bytes_max) => {
                let other = u8::try_from(random.below(u64::from(bytes_max) + 1)).expect("it was one");
                *pick(random, &[0, bytes_max, other, other])
            }
        };
        let value = random.number().to_le_bytes().repeat(VALUE_BYTES_MAX / 8);
        model.insert(key.clone(), value[..usize::from(value_bytes)].to_vec());
    }
    model
}

fn random_layout(random: &mut Random) -> Layout {
    let mut width = |end: usize| u8::try_from(random.below(u64::try_from(end).expect("small"))).expect("small");
    let key_bytes = 1 + width(KEY_BYTES_MAX);
    let (value_bytes, filter_prefix_bytes) = (width(VALUE_BYTES_MAX + 1), width(usize::from(key_bytes) + 1));
    let kind = pick(random, &[layout, varying]);
    kind(key_bytes, value_bytes, filter_prefix_bytes)
}

/// Compares what both say to everything that can be asked.
fn check_same(random: &mut Random, table: &Table<SimIo>, model: &Model) {
    let layout = table.layout();
    let prefix_bytes = layout.filter_prefix_bytes.map_or(0, |prefix| usize::from(prefix.get()));
    table.verify().expect("an undamaged table verifies");
    assert_eq!(contents(table), *model);
    assert_eq!(table.entry_count(), u64::try_from(model.len()).expect("small"));
    let bounds = table.key_bounds().map(std::ops::RangeInclusive::into_inner);
    let expected_bounds = model.first_key_value().zip(model.last_key_value());
    assert_eq!(bounds, expected_bounds.map(|((first, _), (last, _))| (&first[..], &last[..])));
    let mut buffer = BlockBuffer::default();
    for (key, value) in model {
        assert!(table.may_contain(&key[..prefix_bytes]));
        assert_eq!(table.value(&mut buffer, key).expect("it reads"), Some(&value[..]));
    }
    let others = entries(random, layout, 200);
    for key in others.keys() {
        assert_eq!(table.value(&mut buffer, key).expect("it reads"), model.get(key).map(|value| &value[..]));
    }
    let prefixes: Vec<&[u8]> = others.keys().chain(model.keys()).map(|key| &key[..prefix_bytes]).collect();
    let expected: Vec<usize> = (0..prefixes.len()).filter(|number| table.may_contain(prefixes[*number])).collect();
    let mut candidates = vec![7];
    table.candidates(prefixes, &mut candidates);
    assert_eq!(candidates, expected);
    let bounds: Vec<&Vec<u8>> = others.keys().chain(model.keys().step_by(1 + model.len() / 20)).collect();
    for _ in 0..60 {
        let [from, to] = [(); 2].map(|()| *pick(random, &bounds));
        check_range(random, table, model, from, to);
    }
}

/// Takes a range from both ends in random turns; its sides must meet without a gap or a repetition.
fn check_range(random: &mut Random, table: &Table<SimIo>, model: &Model, from: &Vec<u8>, to: &Vec<u8>) {
    let mut expected = if from <= to { Some(model.range(from.clone()..=to.clone())) } else { None };
    let mut found = table.range(from..=to);
    let back_of_16 = *pick(random, &[0, 16, 8]);
    for _ in 0..=model.len() {
        let (expected, found) = if random.below(16) < back_of_16 {
            (expected.as_mut().and_then(DoubleEndedIterator::next_back), found.next_back())
        } else {
            (expected.as_mut().and_then(Iterator::next), found.next())
        };
        let found = found.transpose().expect("an undamaged table reads");
        assert_eq!(
            found.map(|entry| (entry.key().to_vec(), entry.value().to_vec())),
            expected.map(|(key, value)| (key.clone(), value.clone()))
        );
        if found.is_none() {
            return;
        }
    }
    panic!("the range has more than the table");
}

#[test]
fn a_table_says_what_a_map_says_over_many_seeds() {
    let mut block_counts = [0; 3];
    for seed in 0..150 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let layout = random_layout(&mut random);
        let count = *pick(&mut random, &[3, 400, 3000]);
        let model = entries(&mut random, layout, count);
        let table = build(&SimIo::new(), "table", layout, &model);
        check_same(&mut random, &table, &model);
        block_counts[usize::try_from(table.file_bytes() / 8192).expect("small").min(2)] += 1;
    }
    assert!(block_counts.iter().all(|count| *count > 10), "{block_counts:?}: the test has lost its teeth");
}

#[test]
fn a_merge_of_tables_says_what_the_union_of_maps_says_over_many_seeds() {
    let mut collapsed = 0;
    for seed in 0..80 {
        println!("seed {seed}");
        let io = SimIo::new();
        let mut random = Random(seed);
        let layout = random_layout(&mut random);
        let count = 1 + random.below(2000);
        let all = entries(&mut random, layout, count);
        let mut tables = Vec::new();
        let mut union = Model::new();
        for number in 0..=random.below(8) {
            let share = random.below(4);
            let part: Model = all.iter().filter(|_| random.below(4) < share).map(|(key, value)| (key.clone(), value.clone())).collect();
            collapsed += part.keys().filter(|key| union.contains_key(*key)).count();
            tables.push(Arc::new(build(&io, &format!("input-{number}"), layout, &part)));
            union.extend(part);
        }
        let mut merge = Merge::start(&io, "merged", &tables, *b"about the merged").expect("it starts");
        let entries_total: u64 = tables.iter().map(|table| table.entry_count()).sum();
        let step = 1 + random.below(500);
        let mut entries_done = 0;
        let summary = loop {
            match merge.step(step).expect("it goes on") {
                Progress::Done(summary) => break summary,
                Progress::Working { entries_done: done, entries_total: total } => {
                    entries_done += step;
                    assert_eq!((done, total), (entries_done, entries_total));
                    assert!(Table::open(&io, "merged").is_err(), "an unfinished table has no name");
                }
            }
        };
        assert_eq!(merge.step(1).expect("it stays done"), Progress::Done(summary));
        let merged = open_well(&io, "merged");
        assert_eq!(merged.about(), *b"about the merged");
        assert_eq!((summary.entry_count, summary.file_bytes), (merged.entry_count(), merged.file_bytes()));
        check_same(&mut random, &merged, &union);
    }
    assert!(collapsed > 1000, "only {collapsed} keys stood in several tables");
}
