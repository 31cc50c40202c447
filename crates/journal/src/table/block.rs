//! One block of entries: made at the end of a buffer, searched as it is, or decoded as a whole. Pure: no disk here.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 2 | entry count, at least 1 |
//! | 2 | 2 | where the entries end |
//! | 4 | … | the entries |
//! | … | 2 each | where every 16th entry starts, the first included |
//! | … | … | zeros, but for the last block of a table |
//!
//! An entry is the number of bytes that its key shares with the one before (1 byte; 0 at every 16th entry, otherwise
//! as many as possible), the width of its value (1 byte, only where values vary in width), the rest of its key, and its
//! value. So a look-up searches among the whole keys and then reads at most 16 entries.
//!
//! Blocks are decoded after their checksum was found right. What is still checked here keeps a faulty writer or a made-up
//! file from being read as something that no writer makes, and every access within bounds.

use super::{BLOCK_BYTES, Fault, KEY_BYTES_MAX, Layout, VALUE_BYTES_MAX, Values};

/// Every so many entries one has its whole key.
const RUN_ENTRIES: usize = 16;
const HEADER_BYTES: usize = 4;
const RUN_START_BYTES: usize = 2;

/// Most entries of one block: each has at least its number of shared bytes and one byte of its key.
pub(super) const BLOCK_ENTRIES_MAX: u64 = 4094;

/// The widest key and value.
pub(super) const ENTRY_BYTES_MAX: usize = KEY_BYTES_MAX + VALUE_BYTES_MAX;

const _: () = assert!(HEADER_BYTES + 2 * 4094 == BLOCK_BYTES);
// Even behind the table's header there is room for an entry, so that a block is never empty.
const _: () = assert!(super::parts::HEADER_BYTES + HEADER_BYTES + 2 + ENTRY_BYTES_MAX + RUN_START_BYTES <= BLOCK_BYTES);

fn broken(rule: &'static str) -> Fault {
    Fault::Broken { rule }
}

/// What stands before the rest of an entry's key, in bytes.
fn head_bytes(values: Values) -> usize {
    match values {
        Values::Fixed(_) => 1,
        Values::UpTo(_) => 2,
    }
}

/// Makes blocks at the end of a buffer, one after the other.
pub(super) struct Encoder {
    values: Values,
    /// Where the block starts in the buffer.
    start: usize,
    bytes_max: usize,
    entry_count: usize,
    run_starts: Vec<u16>,
}

impl Encoder {
    /// Starts a block of at most `bytes_max`.
    pub(super) fn begin(values: Values, buffer: &mut Vec<u8>, bytes_max: usize) -> Encoder {
        let mut encoder = Encoder { values, start: 0, bytes_max: 0, entry_count: 0, run_starts: Vec::new() };
        encoder.begin_next(buffer, bytes_max);
        encoder
    }

    /// Starts another block.
    pub(super) fn begin_next(&mut self, buffer: &mut Vec<u8>, bytes_max: usize) {
        self.start = buffer.len();
        self.bytes_max = bytes_max;
        self.entry_count = 0;
        self.run_starts.clear();
        buffer.extend_from_slice(&[0; HEADER_BYTES]);
    }

    pub(super) fn start(&self) -> usize {
        self.start
    }

    pub(super) fn entry_count(&self) -> usize {
        self.entry_count
    }

    /// Adds an entry whose key shares `shared` bytes with the one before; `false` when there is no room for it.
    pub(super) fn push(&mut self, buffer: &mut Vec<u8>, shared: usize, key: &[u8], value: &[u8]) -> bool {
        let starts_run = self.entry_count.is_multiple_of(RUN_ENTRIES);
        let shared = if starts_run { 0 } else { shared };
        let place = buffer.len() - self.start;
        let run_count = self.run_starts.len() + usize::from(starts_run);
        let end = place + head_bytes(self.values) + key.len() - shared + value.len();
        if end + run_count * RUN_START_BYTES > self.bytes_max {
            return false;
        }
        if starts_run {
            self.run_starts.push(u16::try_from(place).expect("a block is below 64 KiB"));
        }
        buffer.push(u8::try_from(shared).expect("a key is below 256 bytes"));
        match self.values {
            Values::Fixed(_) => {}
            Values::UpTo(_) => buffer.push(u8::try_from(value.len()).expect("a value is below 256 bytes")),
        }
        buffer.extend_from_slice(&key[shared..]);
        buffer.extend_from_slice(value);
        self.entry_count += 1;
        true
    }

    /// Completes the block, which is then everything in the buffer from [`Encoder::start`] on.
    pub(super) fn end(&mut self, buffer: &mut Vec<u8>) {
        let entries_end = u16::try_from(buffer.len() - self.start).expect("a block is below 64 KiB");
        let entry_count = u16::try_from(self.entry_count).expect("an entry has at least 2 bytes");
        let header = &mut buffer[self.start..self.start + HEADER_BYTES];
        header[0..2].copy_from_slice(&entry_count.to_le_bytes());
        header[2..4].copy_from_slice(&entries_end.to_le_bytes());
        for place in &self.run_starts {
            buffer.extend_from_slice(&place.to_le_bytes());
        }
    }
}

/// How many bytes two keys of one width share at their start.
pub(super) fn shared_bytes(left: &[u8], right: &[u8]) -> usize {
    let (left_words, left_rest) = left.as_chunks::<8>();
    let (right_words, right_rest) = right.as_chunks::<8>();
    let mut shared = 0;
    for (left_word, right_word) in left_words.iter().zip(right_words) {
        let difference = u64::from_le_bytes(*left_word) ^ u64::from_le_bytes(*right_word);
        if difference != 0 {
            return shared + super::narrow(u64::from(difference.trailing_zeros() / 8));
        }
        shared += 8;
    }
    shared + left_rest.iter().zip(right_rest).take_while(|(left, right)| left == right).count()
}

/// A block whose checksum is right, with its outline checked.
#[derive(Clone, Copy)]
struct Outline<'a> {
    layout: Layout,
    entry_count: usize,
    /// The block up to where its entries end.
    entries: &'a [u8],
    run_starts: &'a [[u8; RUN_START_BYTES]],
}

impl<'a> Outline<'a> {
    fn parse(layout: Layout, bytes: &'a [u8]) -> Result<Outline<'a>, Fault> {
        let Some((header, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(broken("a block has a header"));
        };
        let entry_count = usize::from(u16::from_le_bytes([header[0], header[1]]));
        let entries_end = usize::from(u16::from_le_bytes([header[2], header[3]]));
        let run_count = entry_count.div_ceil(RUN_ENTRIES);
        let run_starts = bytes.get(entries_end..entries_end + run_count * RUN_START_BYTES);
        match run_starts {
            Some(run_starts) if entry_count > 0 && entries_end >= HEADER_BYTES => {
                Ok(Outline { layout, entry_count, entries: &bytes[..entries_end], run_starts: run_starts.as_chunks().0 })
            }
            Some(_) | None => Err(broken("a block has entries within its bounds")),
        }
    }

    fn run_start(&self, run: usize) -> usize {
        usize::from(u16::from_le_bytes(self.run_starts[run]))
    }

    /// The key at the start of a run, which is whole.
    fn run_key(&self, run: usize) -> Result<&'a [u8], Fault> {
        let place = self.run_start(run);
        let head_bytes = head_bytes(self.layout.values);
        match self.entries.get(place..place + head_bytes + self.layout.key()) {
            Some(entry) if place >= HEADER_BYTES && entry[0] == 0 => Ok(&entry[head_bytes..]),
            Some(_) | None => Err(broken("a run starts with a whole key")),
        }
    }

    /// The entry at `place`.
    fn entry(&self, place: usize) -> Result<Packed<'a>, Fault> {
        let Layout { values, .. } = self.layout;
        let start = place + head_bytes(values);
        let head = self.entries.get(place..start).ok_or(broken("every entry is within its block"))?;
        let shared = usize::from(head[0]);
        if shared >= self.layout.key() {
            return Err(broken("a key differs from the one before"));
        }
        let value_bytes = match values {
            Values::Fixed(bytes) => bytes,
            Values::UpTo(bytes_max) if head[1] <= bytes_max => head[1],
            Values::UpTo(_) => return Err(broken("a value is at most as wide as the layout says")),
        };
        let end = start + self.layout.key() - shared + usize::from(value_bytes);
        let rest = self.entries.get(start..end).ok_or(broken("every entry is within its block"))?;
        Ok(Packed { shared, rest, value_bytes, end })
    }
}

/// One entry as it stands in a block.
struct Packed<'a> {
    /// How many bytes its key shares with the one before.
    shared: usize,
    /// The rest of its key, then its value.
    rest: &'a [u8],
    value_bytes: u8,
    /// Where it ends in the block.
    end: usize,
}

/// Where the value of `key` stands in the block, if the block has the key.
pub(super) fn search(layout: Layout, bytes: &[u8], key: &[u8]) -> Result<Option<std::ops::Range<usize>>, Fault> {
    let outline = Outline::parse(layout, bytes)?;
    // The last run that starts at or below the key.
    let (mut low, mut high) = (0, outline.run_starts.len());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if outline.run_key(middle)? <= key { low = middle } else { high = middle }
    }
    let mut found = [0; KEY_BYTES_MAX];
    let found = &mut found[..layout.key()];
    let mut place = outline.run_start(low);
    let run_entries = RUN_ENTRIES.min(outline.entry_count - low * RUN_ENTRIES);
    for index in 0..run_entries {
        let Packed { shared, rest, value_bytes, end } = outline.entry(place)?;
        if index == 0 && shared != 0 {
            return Err(broken("a run starts with a whole key"));
        }
        found[shared..].copy_from_slice(&rest[..layout.key() - shared]);
        match (*found).cmp(key) {
            std::cmp::Ordering::Less => place = end,
            std::cmp::Ordering::Equal => return Ok(Some(end - usize::from(value_bytes)..end)),
            std::cmp::Ordering::Greater => return Ok(None),
        }
    }
    Ok(None)
}

/// The entries of a block side by side, each in a slot of one width, so that any of them is found without the others: a key
/// and its value, and where values vary the slot ends with the value's width.
pub(super) struct Decoded {
    layout: Layout,
    slot_bytes: usize,
    entry_count: usize,
    /// Longer than the slots by the widest entry, and more after a block with more entries.
    bytes: Vec<u8>,
}

impl Decoded {
    pub(super) fn new(layout: Layout) -> Decoded {
        let width_bytes = match layout.values {
            Values::Fixed(_) => 0,
            Values::UpTo(_) => 1,
        };
        let slot_bytes = layout.key() + layout.values.bytes_max() + width_bytes;
        Decoded { layout, slot_bytes, entry_count: 0, bytes: Vec::new() }
    }

    /// Replaces what was there by the entries of a block, all of them strictly ascending.
    pub(super) fn decode(&mut self, block: &[u8]) -> Result<(), Fault> {
        let layout = self.layout;
        let (key_bytes, slot_bytes) = (layout.key(), self.slot_bytes);
        self.entry_count = 0;
        let outline = Outline::parse(layout, block)?;
        let bytes = outline.entry_count * slot_bytes + ENTRY_BYTES_MAX;
        if self.bytes.len() < bytes {
            self.bytes.resize(bytes, 0);
        }
        let mut place = HEADER_BYTES;
        for index in 0..outline.entry_count {
            let Packed { shared, rest, value_bytes, end } = outline.entry(place)?;
            let (before, entry) = self.bytes.split_at_mut(index * slot_bytes);
            let entry = &mut entry[..slot_bytes];
            let last = &before[before.len().saturating_sub(slot_bytes)..];
            entry[shared..shared + rest.len()].copy_from_slice(rest);
            match layout.values {
                Values::Fixed(_) => {}
                Values::UpTo(_) => entry[slot_bytes - 1] = value_bytes,
            }
            if index.is_multiple_of(RUN_ENTRIES) {
                if shared != 0 || outline.run_start(index / RUN_ENTRIES) != place {
                    return Err(broken("every 16th entry starts a run"));
                }
                if index > 0 && entry[..key_bytes] <= last[..key_bytes] {
                    return Err(broken("keys ascend"));
                }
            } else {
                // As many bytes as possible are shared, so the next one decides.
                if entry[shared] <= last[shared] {
                    return Err(broken("keys ascend"));
                }
                entry[..shared].copy_from_slice(&last[..shared]);
            }
            place = end;
        }
        if place != outline.entries.len() {
            return Err(broken("entries fill their block"));
        }
        self.entry_count = outline.entry_count;
        Ok(())
    }

    pub(super) fn entry_count(&self) -> usize {
        self.entry_count
    }

    fn slot(&self, index: usize) -> &[u8] {
        &self.bytes[index * self.slot_bytes..(index + 1) * self.slot_bytes]
    }

    /// An entry: its key and then its value.
    pub(super) fn entry(&self, index: usize) -> &[u8] {
        &self.slot(index)[..self.layout.key() + usize::from(self.value_bytes(index))]
    }

    /// An entry and whatever stands behind it.
    pub(super) fn entry_and_more(&self, index: usize) -> &[u8; ENTRY_BYTES_MAX] {
        self.bytes[index * self.slot_bytes..].first_chunk().expect("the widest entry fits behind the slots")
    }

    pub(super) fn key(&self, index: usize) -> &[u8] {
        &self.slot(index)[..self.layout.key()]
    }

    pub(super) fn value_bytes(&self, index: usize) -> u8 {
        match self.layout.values {
            Values::Fixed(bytes) => bytes,
            Values::UpTo(_) => self.slot(index)[self.slot_bytes - 1],
        }
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        crate::wide(self.bytes.capacity())
    }

    /// How many entries come before the first whose key is not `is_before`.
    pub(super) fn partition_point(&self, is_before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.entry_count);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(self.key(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }
}
