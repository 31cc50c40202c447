//! An open table: what of it is in memory, look-ups, and the check of everything.

use std::io::ErrorKind;
use std::ops::RangeInclusive;

use super::block::{Decoded, search};
use super::filter::{Filter, LINE_BYTES, Probes};
use super::parts::{CHECKSUM_BYTES, FOOTER_BYTES, Footer, HEADER_BYTES, Header, block_crc32c, block_place};
use super::{Error, Fault, KEY_BYTES_MAX, Layout, PIECE_BYTES, Range, narrow};
use crate::{Io, IoFailure, wide};

/// Takes the block that a look-up reads; meant to be used again, for any table.
#[derive(Debug, Default)]
pub struct BlockBuffer {
    bytes: Vec<u8>,
}

/// An open table. Reading needs no exclusive access and keeps nothing.
pub struct Table<I: Io> {
    io: I,
    file: I::File,
    path: String,
    file_bytes: u64,
    parts: Parts,
}

/// What of a table is in memory, each part checked.
struct Parts {
    header: Header,
    footer: Footer,
    /// The first key of every block, side by side.
    first_keys: Vec<u8>,
    block_crc32cs: Vec<u32>,
    filter: Filter,
}

impl Parts {
    fn block_count(&self) -> usize {
        self.block_crc32cs.len()
    }

    fn first_key(&self, number: usize) -> &[u8] {
        let key_bytes = self.header.layout.key();
        &self.first_keys[number * key_bytes..(number + 1) * key_bytes]
    }

    /// How many blocks start at or below `key`.
    fn blocks_from_or_below(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.block_count());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.first_key(middle) <= key { low = middle + 1 } else { high = middle }
        }
        low
    }
}

/// One file while its parts are read.
struct Source<'a, I: Io> {
    io: &'a I,
    file: &'a I::File,
    path: &'a str,
}

impl<I: Io> Source<'_, I> {
    fn damaged(&self, offset: u64, fault: Fault) -> Error {
        Error::Damaged { path: self.path.to_owned(), offset, fault }
    }

    fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), Error> {
        self.io.read_at(self.file, offset, bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => self.damaged(offset, Fault::CutShort),
            _ => Error::Io(IoFailure::on("read", self.path)(error)),
        })
    }

    fn parts(&self, file_bytes: u64) -> Result<Parts, Error> {
        let Some(footer_at) = file_bytes.checked_sub(wide(FOOTER_BYTES)).filter(|at| *at >= wide(HEADER_BYTES)) else {
            return Err(self.damaged(0, Fault::NotATable));
        };
        let mut header = [0; HEADER_BYTES];
        self.read(0, &mut header)?;
        let header = Header::decode(&header).map_err(|fault| self.damaged(0, fault))?;
        let mut footer = [0; FOOTER_BYTES];
        self.read(footer_at, &mut footer)?;
        let footer = Footer::decode(&footer, &header, file_bytes).map_err(|fault| self.damaged(footer_at, fault))?;
        let filter_at = footer_at - footer.line_count * wide(LINE_BYTES);
        let filter = self.filter(filter_at, &footer)?;
        let (first_keys, block_crc32cs) = self.index(filter_at - footer.blocks_end, header.layout, &footer)?;
        let parts = Parts { header, footer, first_keys, block_crc32cs, filter };
        let ascend = (1..parts.block_count()).all(|number| parts.first_key(number - 1) < parts.first_key(number));
        if !ascend {
            return Err(self.damaged(footer.blocks_end, Fault::Broken { rule: "first keys ascend" }));
        }
        Ok(parts)
    }

    fn index(&self, index_bytes: u64, layout: Layout, footer: &Footer) -> Result<(Vec<u8>, Vec<u32>), Error> {
        let mut index = vec![0; narrow(index_bytes)];
        self.read(footer.blocks_end, &mut index)?;
        if crc32c::crc32c(&index) != footer.index_crc32c {
            return Err(self.damaged(footer.blocks_end, Fault::IndexChecksum));
        }
        let block_count = narrow(footer.block_count());
        let mut first_keys = Vec::with_capacity(block_count * layout.key());
        let mut block_crc32cs = Vec::with_capacity(block_count);
        for block in index.chunks_exact(layout.key() + CHECKSUM_BYTES) {
            first_keys.extend_from_slice(&block[..layout.key()]);
            block_crc32cs.push(crate::frame::u32_at(block, layout.key()));
        }
        Ok((first_keys, block_crc32cs))
    }

    fn filter(&self, filter_at: u64, footer: &Footer) -> Result<Filter, Error> {
        let mut filter = Filter::with_capacity(narrow(footer.line_count));
        let mut left = narrow(footer.line_count) * LINE_BYTES;
        let mut piece = vec![0; PIECE_BYTES.min(left)];
        let mut at = filter_at;
        let mut checksum = 0;
        while left > 0 {
            let piece = &mut piece[..PIECE_BYTES.min(left)];
            self.read(at, piece)?;
            checksum = crc32c::crc32c_append(checksum, piece);
            filter.extend_from_bytes(piece);
            at += wide(piece.len());
            left -= piece.len();
        }
        if checksum != footer.filter_crc32c {
            return Err(self.damaged(filter_at, Fault::FilterChecksum));
        }
        Ok(filter)
    }

    /// Fills `bytes` with one block, whose checksum is right.
    fn block(&self, parts: &Parts, number: usize, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let (start, end) = block_place(wide(number), parts.footer.blocks_end);
        bytes.resize(narrow(end - start), 0);
        self.read(start, bytes)?;
        if block_crc32c(start, bytes) != parts.block_crc32cs[number] {
            return Err(self.damaged(start, Fault::BlockChecksum));
        }
        Ok(())
    }

    /// Decodes a block and checks that it stands where the index has it.
    fn decode(&self, parts: &Parts, number: usize, bytes: &mut Vec<u8>, decoded: &mut Decoded) -> Result<(), Error> {
        self.block(parts, number, bytes)?;
        let broken = |fault| self.damaged(block_place(wide(number), parts.footer.blocks_end).0, fault);
        decoded.decode(bytes).map_err(broken)?;
        let is_last = number + 1 == parts.block_count();
        let last_key = decoded.key(decoded.entry_count() - 1);
        let ends_right =
            if is_last { *last_key == parts.footer.last_key[..last_key.len()] } else { last_key < parts.first_key(number + 1) };
        if decoded.key(0) != parts.first_key(number) || !ends_right {
            return Err(broken(Fault::Broken { rule: "a block has the keys that the index has for it" }));
        }
        Ok(())
    }

    /// Reads every block and checks that entries, filter and counts agree.
    fn verify(&self, parts: &Parts) -> Result<(), Error> {
        let footer_at = |rule| self.damaged(parts.footer.blocks_end, Fault::Broken { rule });
        let layout = parts.header.layout;
        let mut bytes = Vec::new();
        let mut decoded = Decoded::new(layout);
        let (mut entry_count, mut prefix_count) = (0, 0);
        let mut last_prefix = [0; KEY_BYTES_MAX];
        let last_prefix = &mut last_prefix[..layout.prefix()];
        for number in 0..parts.block_count() {
            self.decode(parts, number, &mut bytes, &mut decoded)?;
            for index in 0..decoded.entry_count() {
                let prefix = &decoded.key(index)[..layout.prefix()];
                if layout.filter_prefix_bytes.is_some() && (prefix_count == 0 || *last_prefix != *prefix) {
                    if !parts.filter.may_contain(prefix) {
                        return Err(footer_at("the filter contains the prefix of every key"));
                    }
                    prefix_count += 1;
                    last_prefix.copy_from_slice(prefix);
                }
            }
            entry_count += wide(decoded.entry_count());
        }
        if entry_count != parts.footer.entry_count || prefix_count != parts.footer.prefix_count {
            return Err(footer_at("the footer counts the entries and their prefixes"));
        }
        Ok(())
    }
}

impl<I: Io + Clone> Table<I> {
    /// Opens the table at `path`: reads and checks everything but its blocks, and holds it in memory.
    ///
    /// # Errors
    /// [`Error::Damaged`]; [`Error::Io`], also when there is no such file.
    pub fn open(io: &I, path: &str) -> Result<Table<I>, Error> {
        let file = io.open_read(path).map_err(IoFailure::on("open", path))?;
        let file_bytes = io.len(&file).map_err(IoFailure::on("measure", path))?;
        let parts = Source { io, file: &file, path }.parts(file_bytes)?;
        Ok(Table { io: io.clone(), file, path: path.to_owned(), file_bytes, parts })
    }
}

impl<I: Io> Table<I> {
    /// Where the table is, relative to the data folder.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The widths of its entries.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.parts.header.layout
    }

    /// What its maker said of it.
    #[must_use]
    pub fn about(&self) -> [u8; 16] {
        self.parts.header.about
    }

    /// How many entries it has.
    #[must_use]
    pub fn entry_count(&self) -> u64 {
        self.parts.footer.entry_count
    }

    /// How many distinct prefixes its filter has; 0 without filter.
    #[must_use]
    pub fn prefix_count(&self) -> u64 {
        self.parts.footer.prefix_count
    }

    /// The first and the last key; `None` when the table is empty.
    #[must_use]
    pub fn key_bounds(&self) -> Option<RangeInclusive<&[u8]>> {
        let is_empty = self.parts.block_count() == 0;
        (!is_empty).then(|| self.parts.first_key(0)..=&self.parts.footer.last_key[..self.layout().key()])
    }

    /// The length of its file, in bytes.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// How much memory it takes while it is open, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let Parts { header: _, footer: _, first_keys, block_crc32cs, filter } = &self.parts;
        let index_bytes = wide(first_keys.capacity() + block_crc32cs.capacity() * size_of::<u32>());
        wide(size_of::<Self>() + self.path.capacity()) + index_bytes + filter.memory_bytes()
    }

    /// Whether a key with this prefix may be in the table; `false` is certain. Reads nothing. Without filter always `true`.
    ///
    /// Prefixes outside of the table's keys, as new ids are that start with a time, do not even cost the filter's cache
    /// miss.
    ///
    /// # Panics
    /// When the prefix has not the width that the layout says.
    #[must_use]
    pub fn may_contain(&self, prefix: &[u8]) -> bool {
        assert_eq!(prefix.len(), self.layout().prefix(), "a prefix has the filter's width");
        if prefix.is_empty() {
            return true;
        }
        self.is_within_keys(prefix) && self.parts.filter.may_contain(prefix)
    }

    /// As [`Table::may_contain`] for many: puts the numbers of those that may be in the table into `numbers`, ascending,
    /// replacing what was there. Quicker, since the cache misses of several probes overlap.
    ///
    /// # Panics
    /// As [`Table::may_contain`].
    pub fn candidates<'p>(&self, prefixes: impl IntoIterator<Item = &'p [u8]>, numbers: &mut Vec<usize>) {
        numbers.clear();
        let mut probes = Probes::default();
        for (number, prefix) in prefixes.into_iter().enumerate() {
            assert_eq!(prefix.len(), self.layout().prefix(), "a prefix has the filter's width");
            if prefix.is_empty() {
                numbers.push(number);
            } else if self.is_within_keys(prefix) {
                probes.push(number, prefix);
                if probes.is_full() {
                    self.parts.filter.take_candidates(&mut probes, numbers);
                }
            }
        }
        self.parts.filter.take_candidates(&mut probes, numbers);
    }

    /// Whether keys with this prefix would stand between the first and the last key.
    fn is_within_keys(&self, prefix: &[u8]) -> bool {
        self.key_bounds().is_some_and(|bounds| {
            let (first, last) = bounds.into_inner();
            first[..prefix.len()] <= *prefix && *prefix <= last[..prefix.len()]
        })
    }

    /// The value of `key`, if the table has the key. Asks the filter first and then reads one block into `buffer`.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the block is not what was written; [`Error::Io`].
    ///
    /// # Panics
    /// When the key has not the layout's width.
    pub fn value<'b>(&self, buffer: &'b mut BlockBuffer, key: &[u8]) -> Result<Option<&'b [u8]>, Error> {
        let layout = self.layout();
        assert_eq!(key.len(), layout.key(), "a key has the layout's width");
        if !self.may_contain(&key[..layout.prefix()]) || *key > self.parts.footer.last_key[..layout.key()] {
            return Ok(None);
        }
        let Some(number) = self.parts.blocks_from_or_below(key).checked_sub(1) else {
            return Ok(None);
        };
        let source = self.source();
        source.block(&self.parts, number, &mut buffer.bytes)?;
        let place = search(layout, &buffer.bytes, key)
            .map_err(|fault| source.damaged(block_place(wide(number), self.parts.footer.blocks_end).0, fault))?;
        Ok(place.map(|place| &buffer.bytes[place]))
    }

    /// The entries with keys within `bounds`, both included, ascending from the front and descending from the back.
    ///
    /// # Panics
    /// When a bound has not the layout's width.
    #[must_use]
    pub fn range(&self, bounds: RangeInclusive<&[u8]>) -> Range<'_, I> {
        let (from, to) = bounds.into_inner();
        assert_eq!(from.len(), self.layout().key(), "a bound has the layout's width");
        assert_eq!(to.len(), self.layout().key(), "a bound has the layout's width");
        let first = self.parts.blocks_from_or_below(from).saturating_sub(1);
        let blocks = if from <= to { first..self.parts.blocks_from_or_below(to).max(first) } else { 0..0 };
        Range::new(self, blocks, from, to)
    }

    /// Reads and checks everything again, with the parts that are in memory; takes as long as reading the file.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Io`].
    pub fn verify(&self) -> Result<(), Error> {
        let source = self.source();
        let parts = source.parts(self.io.len(&self.file).map_err(IoFailure::on("measure", &self.path))?)?;
        source.verify(&parts)
    }

    /// How many blocks there are.
    pub(super) fn block_count(&self) -> usize {
        self.parts.block_count()
    }

    /// Decodes one block by way of `bytes`.
    pub(super) fn decode_block(&self, number: usize, bytes: &mut Vec<u8>, decoded: &mut Decoded) -> Result<(), Error> {
        self.source().decode(&self.parts, number, bytes, decoded)
    }

    /// The error of a caller who finds that entries, intact as they are, are not what makes such tables: it is no table of theirs.
    #[must_use]
    pub fn misread(&self, rule: &'static str) -> Error {
        self.broken(rule)
    }

    /// The table's index does not agree with its blocks.
    pub(super) fn broken(&self, rule: &'static str) -> Error {
        self.source().damaged(self.parts.footer.blocks_end, Fault::Broken { rule })
    }

    fn source(&self) -> Source<'_, I> {
        Source { io: &self.io, file: &self.file, path: &self.path }
    }
}
