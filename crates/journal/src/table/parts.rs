//! Header and footer of a table: their bytes, and the rule that the parts between them fill the file. Pure.
//!
//! | offset | bytes | field of the header |
//! |---|---|---|
//! | 0 | 8 | magic |
//! | 8 | 2 | format version |
//! | 10 | 1 | width of a key |
//! | 11 | 1 | width of a value, or of the widest that there may be |
//! | 12 | 1 | length of the filter's prefix; 0 without filter |
//! | 13 | 1 | 0 when all values have that width, 1 when each has its own |
//! | 14 | 2 | zero |
//! | 16 | 16 | what the caller says of the table |
//! | 32 | 4 | CRC32C of bytes 0 to 31 |
//!
//! | offset | bytes | field of the footer, which ends the file |
//! |---|---|---|
//! | 0 | 8 | entry count |
//! | 8 | 8 | count of distinct prefixes in the filter |
//! | 16 | 8 | where the blocks end |
//! | 24 | 8 | line count of the filter |
//! | 32 | 64 | the last key, then zeros |
//! | 96 | 4 | the header's own CRC32C (one over all of it would be the same for every header) |
//! | 100 | 4 | CRC32C of the index |
//! | 104 | 4 | CRC32C of the filter |
//! | 108 | 8 | magic |
//! | 116 | 4 | CRC32C of bytes 0 to 115 |

use super::block::BLOCK_ENTRIES_MAX;
use super::filter::LINE_BYTES;
use super::{BLOCK_BYTES, Fault, KEY_BYTES_MAX, Layout, Values};
use crate::frame::{array_at, u32_at, u64_at};
use crate::wide;

pub(super) const HEADER_BYTES: usize = 36;
pub(super) const FOOTER_BYTES: usize = 120;

/// What the index holds of a block besides its first key.
pub(super) const CHECKSUM_BYTES: usize = 4;

const MAGIC: [u8; 8] = [0xF5, b'B', b'E', b'Z', b'T', 0xFF, 0xFE, 0x0A];
const VERSION: u16 = 1;
// Software that knows no varying values knows this byte as a spare one that is zero, and refuses such a table.
const VALUES_FIXED: u8 = 0;
const VALUES_VARYING: u8 = 1;
const HEADER_CHECKED_BYTES: usize = 32;
const FOOTER_CHECKED_BYTES: usize = 116;

/// What a table's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub layout: Layout,
    pub about: [u8; 16],
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[10] = self.layout.key_bytes;
        (bytes[11], bytes[13]) = match self.layout.values {
            Values::Fixed(bytes) => (bytes, VALUES_FIXED),
            Values::UpTo(bytes_max) => (bytes_max, VALUES_VARYING),
        };
        bytes[12] = self.layout.filter_prefix_bytes.map_or(0, std::num::NonZeroU8::get);
        bytes[16..32].copy_from_slice(&self.about);
        let checksum = crc32c::crc32c(&bytes[..HEADER_CHECKED_BYTES]);
        bytes[32..36].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(super) fn crc32c(&self) -> u32 {
        u32_at(&self.encode(), HEADER_CHECKED_BYTES)
    }

    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Header, Fault> {
        if bytes[0..8] != MAGIC {
            return Err(Fault::NotATable);
        }
        if u32_at(bytes, 32) != crc32c::crc32c(&bytes[..HEADER_CHECKED_BYTES]) {
            return Err(Fault::HeaderChecksum);
        }
        let version = u16::from_le_bytes(array_at(bytes, 8));
        if version != VERSION {
            return Err(Fault::Version { found: version });
        }
        let values = match bytes[13] {
            VALUES_FIXED => Values::Fixed(bytes[11]),
            VALUES_VARYING => Values::UpTo(bytes[11]),
            _ => return Err(Fault::Broken { rule: "values have one width or each its own" }),
        };
        let layout = Layout { key_bytes: bytes[10], values, filter_prefix_bytes: std::num::NonZeroU8::new(bytes[12]) };
        match layout.broken_rule() {
            Some(rule) => Err(Fault::Broken { rule }),
            None if bytes[14..16] != [0; 2] => Err(Fault::Broken { rule: "the header's spare bytes are zero" }),
            None => Ok(Header { layout, about: array_at(bytes, 16) }),
        }
    }
}

/// What a table's footer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    pub entry_count: u64,
    pub prefix_count: u64,
    pub blocks_end: u64,
    pub line_count: u64,
    pub last_key: [u8; KEY_BYTES_MAX],
    pub header_crc32c: u32,
    pub index_crc32c: u32,
    pub filter_crc32c: u32,
}

impl Footer {
    pub(super) fn encode(&self) -> [u8; FOOTER_BYTES] {
        let mut bytes = [0; FOOTER_BYTES];
        bytes[0..8].copy_from_slice(&self.entry_count.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.prefix_count.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.blocks_end.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.line_count.to_le_bytes());
        bytes[32..96].copy_from_slice(&self.last_key);
        bytes[96..100].copy_from_slice(&self.header_crc32c.to_le_bytes());
        bytes[100..104].copy_from_slice(&self.index_crc32c.to_le_bytes());
        bytes[104..108].copy_from_slice(&self.filter_crc32c.to_le_bytes());
        bytes[108..116].copy_from_slice(&MAGIC);
        let checksum = crc32c::crc32c(&bytes[..FOOTER_CHECKED_BYTES]);
        bytes[116..120].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Checks the footer against the file and its header as well.
    pub(super) fn decode(bytes: &[u8; FOOTER_BYTES], header: &Header, file_bytes: u64) -> Result<Footer, Fault> {
        if bytes[108..116] != MAGIC || u32_at(bytes, 116) != crc32c::crc32c(&bytes[..FOOTER_CHECKED_BYTES]) {
            return Err(Fault::FooterChecksum);
        }
        let footer = Footer {
            entry_count: u64_at(bytes, 0),
            prefix_count: u64_at(bytes, 8),
            blocks_end: u64_at(bytes, 16),
            line_count: u64_at(bytes, 24),
            last_key: array_at(bytes, 32),
            header_crc32c: u32_at(bytes, 96),
            index_crc32c: u32_at(bytes, 100),
            filter_crc32c: u32_at(bytes, 104),
        };
        if footer.header_crc32c != header.crc32c() {
            return Err(Fault::Broken { rule: "header and footer belong together" });
        }
        if footer.file_bytes(header.layout) != Some(file_bytes) {
            return Err(Fault::Broken { rule: "the parts fill the file" });
        }
        if !footer.has_possible_counts(header.layout) {
            return Err(Fault::Broken { rule: "the counts are possible" });
        }
        Ok(footer)
    }

    pub(super) fn block_count(&self) -> u64 {
        if self.blocks_end == wide(HEADER_BYTES) { 0 } else { self.blocks_end.div_ceil(wide(BLOCK_BYTES)) }
    }

    pub(super) fn index_bytes(&self, layout: Layout) -> Option<u64> {
        self.block_count().checked_mul(wide(layout.key() + CHECKSUM_BYTES))
    }

    /// The length of a file with these parts.
    fn file_bytes(&self, layout: Layout) -> Option<u64> {
        let filter_bytes = self.line_count.checked_mul(wide(LINE_BYTES))?;
        self.blocks_end.checked_add(self.index_bytes(layout)?)?.checked_add(filter_bytes)?.checked_add(wide(FOOTER_BYTES))
    }

    fn has_possible_counts(&self, layout: Layout) -> bool {
        let block_count = self.block_count();
        let entries_fit = (block_count..=block_count.saturating_mul(BLOCK_ENTRIES_MAX)).contains(&self.entry_count);
        let prefixes_fit = match layout.filter_prefix_bytes {
            None => self.prefix_count == 0 && self.line_count == 0,
            Some(_) => {
                let is_empty = self.entry_count == 0;
                self.prefix_count <= self.entry_count && (self.prefix_count == 0) == is_empty && (is_empty || self.line_count > 0)
            }
        };
        self.blocks_end >= wide(HEADER_BYTES) && entries_fit && prefixes_fit
    }
}

/// Where a block starts and ends in a file whose blocks end at `blocks_end`.
pub(super) fn block_place(number: u64, blocks_end: u64) -> (u64, u64) {
    let start = number * wide(BLOCK_BYTES);
    let end = blocks_end.min(start + wide(BLOCK_BYTES));
    (start.max(wide(HEADER_BYTES)), end)
}

/// The checksum of a block that starts at this place.
pub(super) fn block_crc32c(place: u64, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&place.to_le_bytes()), bytes)
}
