//! Damaged tables: whatever was done to a file, a reader answers rightly or says where it is damaged.

use journal::simio::SimIo;
use journal::table::{BLOCK_BYTES, BlockBuffer, Error, Fault, Layout, Merge, Table, Writer};
use journal::{Io, OsIo};

use crate::support::{Folder, Random};
use crate::table_model::{ABOUT, Model, build, entries, layout, varying, write};

const PATH: &str = "tables/1.ids";

/// Both kinds, of about the same size.
fn layouts() -> [Layout; 2] {
    [layout(12, 6, 4), varying(12, 11, 4)]
}

/// A table of both kinds with as many blocks as its entries take, and what is in it.
fn samples(entry_count: u64) -> [(Vec<u8>, Model); 2] {
    layouts().map(|layout| sample(layout, entry_count))
}

fn sample(layout: Layout, entry_count: u64) -> (Vec<u8>, Model) {
    let model = entries(&mut Random(1), layout, entry_count);
    (file(layout, &model), model)
}

fn file(layout: Layout, model: &Model) -> Vec<u8> {
    let io = SimIo::new();
    write(&io, PATH, layout, model).expect("it is written");
    io.files()[PATH].clone()
}

fn place(error: Error) -> (u64, Fault) {
    match error {
        Error::Damaged { path, offset, fault } => {
            assert_eq!(path, PATH);
            (offset, fault)
        }
        other => panic!("{other}"),
    }
}

/// Asks everything of a damaged table. What is answered is right, and the damage is found and named by a check of
/// everything, if not before.
fn damage_in(contents: &[u8], model: &Model) -> (u64, Fault) {
    let io = SimIo::new();
    io.put_file(PATH, contents);
    let table = match Table::open(&io, PATH) {
        Ok(table) => table,
        Err(error) => return place(error),
    };
    let mut buffer = BlockBuffer::default();
    for (key, value) in model.iter().step_by(1 + model.len() / 30) {
        match table.value(&mut buffer, key) {
            Ok(found) => assert_eq!(found, Some(&value[..])),
            Err(error) => {
                place(error);
            }
        }
    }
    let key_bytes = usize::from(table.layout().key_bytes);
    let (from, to) = (vec![0; key_bytes], vec![0xFF; key_bytes]);
    let check = |found: &mut dyn Iterator<Item = Result<journal::table::Entry, Error>>,
                 expected: &mut dyn Iterator<Item = (&Vec<u8>, &Vec<u8>)>| {
        for entry in found {
            match entry {
                Ok(entry) => assert_eq!(Some((entry.key(), entry.value())), expected.next().map(|(key, value)| (&key[..], &value[..]))),
                Err(error) => {
                    place(error);
                    return;
                }
            }
        }
        assert!(expected.next().is_none(), "entries are missing and nobody says so");
    };
    check(&mut table.range(&from..=&to), &mut model.iter());
    check(&mut table.range(&from..=&to).rev(), &mut model.iter().rev());
    place(table.verify().expect_err("the damage is found by who looks everywhere"))
}

#[test]
fn every_flipped_bit_of_a_small_table_is_found() {
    for (sound, model) in samples(20) {
        assert!(sound.len() < 1500);
        for at in 0..sound.len() {
            for bit in 0..8 {
                let mut flipped = sound.clone();
                flipped[at] ^= 1 << bit;
                damage_in(&flipped, &model);
            }
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_table_of_several_blocks_is_found_in_its_part() {
    for (sound, model) in samples(1200) {
        check_flips(&sound, &model);
    }
}

fn check_flips(sound: &[u8], model: &Model) {
    let blocks_end = sound.len()
        - 120
        - usize::try_from(u64::from_le_bytes(sound[sound.len() - 96..sound.len() - 88].try_into().expect("8"))).expect("small") * 64;
    let mut block_count = 0;
    for at in (0..sound.len()).step_by(7) {
        let mut flipped = sound.to_vec();
        flipped[at] ^= 1 << (at % 8);
        let (offset, fault) = damage_in(&flipped, model);
        let block = at / BLOCK_BYTES * BLOCK_BYTES;
        match fault {
            Fault::NotATable | Fault::HeaderChecksum => assert!(at < 36 && offset == 0),
            Fault::BlockChecksum => {
                assert_eq!(offset, u64::try_from(block.max(36)).expect("small"), "flip at {at}");
                block_count += 1;
            }
            Fault::IndexChecksum => assert!(at < blocks_end),
            Fault::FilterChecksum => assert!((blocks_end..sound.len() - 120).contains(&at)),
            Fault::FooterChecksum => assert!(at >= sound.len() - 120),
            other => panic!("a flip at {at} gave {other}"),
        }
    }
    assert!(block_count > 1000, "only {block_count} flips in blocks");
}

#[test]
fn a_file_cut_anywhere_or_grown_is_no_table() {
    for (sound, model) in samples(20) {
        for bytes in 0..sound.len() {
            damage_in(&sound[..bytes], &model);
        }
    }
    for (sound, model) in samples(1200) {
        check_lengths(&sound, &model);
    }
}

fn check_lengths(sound: &[u8], model: &Model) {
    let last_parts = sound.len() - 2000..sound.len();
    for bytes in (0..300).chain((300..sound.len()).step_by(13)).chain(last_parts) {
        let (_, fault) = damage_in(&sound[..bytes], model);
        assert!(matches!(fault, Fault::NotATable | Fault::FooterChecksum), "{bytes} bytes gave {fault}");
    }
    for grown in [1, 119, 120, 121, 512, 8192] {
        assert_eq!(damage_in(&[sound, &vec![0; grown]].concat(), model).1, Fault::FooterChecksum);
        let twice = [sound, &sound[sound.len() - grown.min(sound.len())..]].concat();
        assert!(matches!(damage_in(&twice, model).1, Fault::FooterChecksum | Fault::Broken { .. }));
    }
}

#[test]
fn a_torn_sector_anywhere_is_found() {
    for (sound, model) in samples(1200) {
        for sector in 0..sound.len() / 512 {
            for fill in [0x00, 0xFF] {
                let mut torn = sound.clone();
                torn[sector * 512..(sector + 1) * 512].fill(fill);
                // Padding between blocks may be zero already.
                if torn != sound {
                    damage_in(&torn, &model);
                }
            }
        }
    }
}

#[test]
fn a_block_that_belongs_elsewhere_is_found() {
    for layout in layouts() {
        check_misdirected(layout);
    }
}

fn check_misdirected(layout: Layout) {
    let (sound, model) = sample(layout, 8000);
    let block = |number: usize| number * BLOCK_BYTES..(number + 1) * BLOCK_BYTES;
    assert!(sound.len() > 5 * BLOCK_BYTES);
    // Within the table.
    let mut swapped = sound.clone();
    swapped.copy_within(block(1), 2 * BLOCK_BYTES);
    assert_eq!(damage_in(&swapped, &model), (2 * 8192, Fault::BlockChecksum));
    // From the same place of another table: its checksum would be right there.
    let mut other = model.clone();
    other.values_mut().filter_map(|value| value.first_mut()).for_each(|byte| *byte ^= 1);
    let other_file = file(layout, &other);
    let mut misdirected = sound.clone();
    misdirected[block(1)].copy_from_slice(&other_file[block(1)]);
    assert_eq!(damage_in(&misdirected, &model), (8192, Fault::BlockChecksum));
    // The header of a table about something else.
    let io = SimIo::new();
    let mut writer = Writer::create(&io, PATH, layout, *b"about the others", 9).expect("it starts");
    writer.push(&[0; 12], &[0; 6]).expect("it ascends");
    writer.finish().expect("it finishes");
    let mut mixed = sound.clone();
    mixed[..36].copy_from_slice(&io.files()[PATH][..36]);
    assert!(matches!(damage_in(&mixed, &model), (_, Fault::Broken { rule }) if rule.contains("belong together")));
    // The start of another table of the same length: the rest is intact, and all its own.
    let mut mixed = sound.clone();
    let tail = sound.len() / 2 / BLOCK_BYTES * BLOCK_BYTES;
    mixed[tail..].copy_from_slice(&other_file[tail..]);
    assert_eq!(damage_in(&mixed, &other), (36, Fault::BlockChecksum));
}

#[test]
fn a_version_from_the_future_is_named_and_what_no_version_writes_is_refused() {
    for (sound, model) in samples(20) {
        let with = |at: usize, byte: u8| {
            let mut file = sound.clone();
            file[at] = byte;
            put_crc32c(&mut file, 0..32, 32);
            damage_in(&file, &model)
        };
        assert_eq!(with(8, 2), (0, Fault::Version { found: 2 }));
        for (at, byte) in [(11, 97), (13, 2), (13, 0xFF), (14, 1), (15, 1)] {
            assert!(matches!(with(at, byte), (0, Fault::Broken { .. })), "{byte} at {at}");
        }
        // One kind of values is not taken for the other: the footer knows which header is its own.
        let other_kind = sound[13] ^ 1;
        assert!(matches!(with(13, other_kind), (_, Fault::Broken { rule }) if rule.contains("belong together")));
    }
}

#[test]
fn an_intact_block_whose_value_is_wider_than_the_layout_says_is_refused() {
    for (value_bytes, byte) in [(0, 12), (11, 12), (11, 0xFF), (5, 6), (5, 4)] {
        let model = Model::from([(vec![7; 12], vec![7; value_bytes])]);
        let mut file = file(varying(12, 11, 0), &model);
        let footer = file.len() - 120;
        let index = footer - 16;
        file[36 + 4 + 1] = byte;
        let block = crc32c(&[&36_u64.to_le_bytes(), &file[36..index]].concat());
        file[index + 12..footer].copy_from_slice(&block.to_le_bytes());
        put_crc32c(&mut file, index..footer, footer + 100);
        put_crc32c(&mut file, footer..footer + 116, footer + 116);
        let (offset, fault) = damage_in(&file, &Model::new());
        assert!(matches!(fault, Fault::Broken { .. }) && offset == 36, "{byte} for {value_bytes} bytes gave {fault} at {offset}");
    }
}

fn put_crc32c(file: &mut [u8], part: std::ops::Range<usize>, at: usize) {
    let checksum = crc32c(&file[part]);
    file[at..at + 4].copy_from_slice(&checksum.to_le_bytes());
}

/// CRC32C, one bit at a time: a second implementation.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |state, byte| (0..8).fold(state ^ u32::from(*byte), |state, _| (state >> 1) ^ (0x82F6_3B78 * (state & 1))))
}

#[test]
fn a_made_up_footer_makes_nobody_allocate_or_panic() {
    for (sound, model) in samples(1200) {
        check_footers(&sound, &model);
    }
}

fn check_footers(sound: &[u8], model: &Model) {
    let footer = sound.len() - 120;
    for field in [0, 8, 16, 24] {
        let value = u64::from_le_bytes(sound[footer + field..footer + field + 8].try_into().expect("8"));
        for made_up in [0, 1, 35, 36, 37, value.wrapping_sub(1), value + 1, value * 2, 1 << 40, 1 << 62, u64::MAX / 64, u64::MAX] {
            if made_up == value {
                continue;
            }
            let mut file = sound.to_vec();
            file[footer + field..footer + field + 8].copy_from_slice(&made_up.to_le_bytes());
            put_crc32c(&mut file, footer..footer + 116, footer + 116);
            let (_, fault) = damage_in(&file, model);
            assert!(matches!(fault, Fault::Broken { .. }), "field {field} with {made_up} gave {fault}");
        }
    }
}

#[test]
fn a_merge_of_a_damaged_table_names_its_place_and_leaves_no_table() {
    for layout in layouts() {
        check_merge_of_damaged(layout);
    }
}

fn check_merge_of_damaged(layout: Layout) {
    let (mut file, _) = sample(layout, 1200);
    file[BLOCK_BYTES + 100] ^= 1;
    let io = SimIo::new();
    io.put_file(PATH, &file);
    let damaged = std::sync::Arc::new(Table::open(&io, PATH).expect("its blocks are not read"));
    let sound = std::sync::Arc::new(build(&io, "sound", layout, &Model::new()));
    let mut merge = Merge::start(&io, "merged", &[sound, damaged], ABOUT).expect("the first block is sound");
    assert_eq!(place(merge.step(u64::MAX).expect_err("the second is not")), (8192, Fault::BlockChecksum));
    assert!(matches!(merge.step(1), Err(Error::Stopped { .. })));
    drop(merge);
    assert_eq!(io.files().len(), 2);
}

#[test]
fn a_file_that_is_cut_while_it_is_open_is_damaged_and_not_just_short() {
    let folder = Folder::new("table");
    let io = OsIo::new(&folder.0);
    let mut writer = Writer::create(&io, "cut", layout(8, 0, 8), ABOUT, 10_000).expect("it starts");
    for number in 0_u64..10_000 {
        writer.push(&number.to_be_bytes(), &[]).expect("it ascends");
    }
    writer.finish().expect("it finishes");
    let table = Table::open(&io, "cut").expect("it opens");
    table.verify().expect("it verifies");
    io.open("cut").expect("it is there").set_len(8192).expect("it can be cut");
    let result = table.value(&mut BlockBuffer::default(), &9_999_u64.to_be_bytes()).map(drop);
    assert!(matches!(result, Err(Error::Damaged { fault: Fault::CutShort, offset, .. }) if offset >= 8192));
    assert!(matches!(table.verify(), Err(Error::Damaged { .. })));
}
