//! The reader of the journal's sorted tables: whatever a file holds, nothing panics, keys ascend, and both directions,
//! look-ups and a merge agree on what is in a table that verifies. The input is a table's file; it is tried as it is and
//! with its checksums made right, since hardly any input would come past them otherwise.

use std::sync::Arc;

use journal::simio::SimIo;
use journal::table::{BLOCK_BYTES, BlockBuffer, Entry, Error, Fault, Merge, Progress, Table};

const HEADER_BYTES: usize = 36;
const FOOTER_BYTES: usize = 120;
const PATH: &str = "input";

/// Checks one input.
pub fn check(data: &[u8]) {
    check_file(data, data);
    check_file(&with_right_checksums(data), data);
}

fn check_file(file: &[u8], data: &[u8]) {
    let io = SimIo::new();
    io.put_file(PATH, file);
    match Table::open(&io, PATH) {
        Ok(table) => check_table(&io, Arc::new(table), data),
        Err(Error::Damaged { offset, fault, .. }) => {
            assert!(fault != Fault::CutShort && offset <= u64::try_from(file.len()).expect("small"), "{fault} at {offset}");
        }
        Err(other) => panic!("{other}"),
    }
}

fn check_table(io: &SimIo, table: Arc<Table<SimIo>>, data: &[u8]) {
    let is_sound = table.verify().is_ok();
    let key_bytes = usize::from(table.layout().key_bytes);
    let prefix_bytes = table.layout().filter_prefix_bytes.map_or(0, |prefix| usize::from(prefix.get()));
    let (least, greatest) = (vec![0; key_bytes], vec![0xFF; key_bytes]);
    let ascending: Result<Vec<Entry>, Error> = table.range(&least..=&greatest).collect();
    let descending: Result<Vec<Entry>, Error> = table.range(&least..=&greatest).rev().collect();
    if let Ok(entries) = &ascending {
        assert!(entries.windows(2).all(|pair| pair[0].key() < pair[1].key()), "keys do not ascend");
        let descending = descending.as_ref().expect("both directions read the same blocks");
        assert!(entries.iter().eq(descending.iter().rev()), "the directions differ");
    }
    let mut buffer = BlockBuffer::default();
    for key in data.chunks_exact(key_bytes) {
        let _ = table.value(&mut buffer, key);
    }
    if !is_sound {
        return;
    }
    let entries = ascending.expect("a table that verifies can be read");
    assert_eq!(u64::try_from(entries.len()).expect("small"), table.entry_count());
    for entry in &entries {
        assert!(table.may_contain(&entry.key()[..prefix_bytes]));
        assert_eq!(table.value(&mut buffer, entry.key()).expect("it verifies"), Some(entry.value()));
    }
    for key in data.chunks_exact(key_bytes) {
        let expected = entries.binary_search_by(|entry| entry.key().cmp(key)).ok().map(|index| entries[index].value());
        assert_eq!(table.value(&mut buffer, key).expect("it verifies"), expected);
        let from_there = entries.len() - entries.partition_point(|entry| entry.key() < key);
        assert_eq!(table.range(key..=&greatest).count(), from_there);
    }
    let mut merge = Merge::start(io, "merged", &[Arc::clone(&table), table], [0; 16]).expect("it verifies");
    while let Progress::Working { .. } = merge.step(100).expect("a table agrees with itself") {}
    let merged = Table::open(io, "merged").expect("it was just written");
    merged.verify().expect("it was just written");
    assert!(merged.range(&least..=&greatest).map(|entry| entry.expect("it verifies")).eq(entries), "merging changed something");
}

/// The file with what a writer would have put there for its header, blocks, index and filter, as far as they can be told
/// apart.
fn with_right_checksums(data: &[u8]) -> Vec<u8> {
    let mut file = data.to_vec();
    if file.len() < HEADER_BYTES + FOOTER_BYTES {
        return file;
    }
    let magic = [0xF5, b'B', b'E', b'Z', b'T', 0xFF, 0xFE, 0x0A];
    file[..8].copy_from_slice(&magic);
    let header_checksum = put_checksum(&mut file, 0..32, 32);
    let footer = file.len() - FOOTER_BYTES;
    put(&mut file, footer + 96, header_checksum);
    file[footer + 108..footer + 116].copy_from_slice(&magic);
    let blocks_end = number(&file, footer + 16);
    let filter = number(&file, footer + 24).and_then(|lines| footer.checked_sub(lines.checked_mul(64)?));
    if let (Some(blocks_end), Some(filter)) = (blocks_end, filter)
        && (HEADER_BYTES..=filter).contains(&blocks_end)
    {
        let stride = usize::from(file[10]) + 4;
        for number in 0..(filter - blocks_end) / stride {
            let start = (number * BLOCK_BYTES).max(HEADER_BYTES);
            let end = ((number + 1) * BLOCK_BYTES).min(blocks_end);
            if start < end {
                let place = crc32c::crc32c(&u64::try_from(start).expect("small").to_le_bytes());
                let checksum = crc32c::crc32c_append(place, &file[start..end]);
                put(&mut file, blocks_end + (number + 1) * stride - 4, checksum);
            }
        }
        put_checksum(&mut file, blocks_end..filter, footer + 100);
        put_checksum(&mut file, filter..footer, footer + 104);
    }
    put_checksum(&mut file, footer..footer + 116, footer + 116);
    file
}

fn put(file: &mut [u8], at: usize, checksum: u32) {
    file[at..at + 4].copy_from_slice(&checksum.to_le_bytes());
}

fn put_checksum(file: &mut [u8], part: std::ops::Range<usize>, at: usize) -> u32 {
    let checksum = crc32c::crc32c(&file[part]);
    put(file, at, checksum);
    checksum
}

fn number(file: &[u8], at: usize) -> Option<usize> {
    let bytes = file[at..at + 8].try_into().ok()?;
    usize::try_from(u64::from_le_bytes(bytes)).ok()
}
