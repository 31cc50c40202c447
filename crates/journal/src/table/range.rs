//! The entries of a table in order, from both ends. One block at each end is held, decoded.

use super::block::{Decoded, ENTRY_BYTES_MAX};
use super::{Error, KEY_BYTES_MAX, Table};
use crate::Io;

/// One entry, copied out of its block.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its key, its value, and whatever stood behind them: a fixed number of bytes is copied quicker than the right one.
    bytes: [u8; ENTRY_BYTES_MAX],
    key_bytes: u8,
    value_bytes: u8,
}

impl Entry {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.bytes[..usize::from(self.key_bytes)]
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        let start = usize::from(self.key_bytes);
        &self.bytes[start..start + usize::from(self.value_bytes)]
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        (self.key(), self.value()) == (other.key(), other.value())
    }
}

impl Eq for Entry {}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("key", &self.key()).field("value", &self.value()).finish()
    }
}

/// What is left of one block.
struct Rest {
    decoded: Decoded,
    entries: std::ops::Range<usize>,
}

/// The entries of a range, from both ends; made by [`Table::range`]. After an error there is nothing more.
pub struct Range<'t, I: Io> {
    table: &'t Table<I>,
    from: [u8; KEY_BYTES_MAX],
    to: [u8; KEY_BYTES_MAX],
    /// Blocks that neither end has read.
    blocks: std::ops::Range<usize>,
    front: Rest,
    back: Rest,
    /// Takes each block as it is read.
    bytes: Vec<u8>,
}

impl<'t, I: Io> Range<'t, I> {
    /// `blocks` are those that can hold keys of the range, of which all but the first start within it.
    pub(super) fn new(table: &'t Table<I>, blocks: std::ops::Range<usize>, from: &[u8], to: &[u8]) -> Self {
        let bound = |key: &[u8]| {
            let mut bound = [0; KEY_BYTES_MAX];
            bound[..key.len()].copy_from_slice(key);
            bound
        };
        let rest = || Rest { decoded: Decoded::new(table.layout()), entries: 0..0 };
        Range { table, from: bound(from), to: bound(to), blocks, front: rest(), back: rest(), bytes: Vec::new() }
    }

    /// Reads a block for one end and keeps what of it is in the range.
    fn read(&mut self, number: usize, end: End) -> Result<(), Error> {
        let rest = match end {
            End::Front => &mut self.front,
            End::Back => &mut self.back,
        };
        let read = self.table.decode_block(number, &mut self.bytes, &mut rest.decoded);
        if let Err(error) = read {
            self.blocks = 0..0;
            self.front.entries = 0..0;
            self.back.entries = 0..0;
            return Err(error);
        }
        let key_bytes = self.table.layout().key();
        let first = rest.decoded.partition_point(|key| *key < self.from[..key_bytes]);
        let end = rest.decoded.partition_point(|key| *key <= self.to[..key_bytes]);
        rest.entries = first..end;
        Ok(())
    }

    fn entry(&self, decoded: &Decoded, index: usize) -> Entry {
        let key_bytes = self.table.layout().key_bytes;
        Entry { bytes: *decoded.entry_and_more(index), key_bytes, value_bytes: decoded.value_bytes(index) }
    }
}

#[derive(Clone, Copy)]
enum End {
    Front,
    Back,
}

impl<I: Io> Iterator for Range<'_, I> {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(index) = self.front.entries.next() {
                return Some(Ok(self.entry(&self.front.decoded, index)));
            }
            let Some(number) = self.blocks.next() else {
                // Whatever is left is what the other end has read.
                return self.back.entries.next().map(|index| Ok(self.entry(&self.back.decoded, index)));
            };
            if let Err(error) = self.read(number, End::Front) {
                return Some(Err(error));
            }
        }
    }
}

impl<I: Io> DoubleEndedIterator for Range<'_, I> {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(index) = self.back.entries.next_back() {
                return Some(Ok(self.entry(&self.back.decoded, index)));
            }
            let Some(number) = self.blocks.next_back() else {
                return self.front.entries.next_back().map(|index| Ok(self.entry(&self.front.decoded, index)));
            };
            if let Err(error) = self.read(number, End::Back) {
                return Some(Err(error));
            }
        }
    }
}

impl<I: Io> std::iter::FusedIterator for Range<'_, I> {}
