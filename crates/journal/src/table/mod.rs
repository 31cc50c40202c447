//! Tables: immutable, checksummed, sorted files of keys and values, from which indexes of sealed segments are made. Keys
//! have one width; values too, or each its own ([`Values`]). What keys mean, the caller knows; that a table can be deleted
//! and made again from the journal, too.
//!
//! A table is written by a [`Writer`] from ascending entries or by a [`Merge`] of other tables, under another name until
//! it is durable, and never changed. A [`Table`] reads it. All integers are little-endian:
//!
//! | part | bytes | content |
//! |---|---|---|
//! | header | 36 | what the caller says of the table, and the widths (`parts`) |
//! | blocks | … | the entries, front-coded (`block`) |
//! | index | (key + 4) each | per block: its first key, CRC32C of the block's place (8 bytes) and of its bytes |
//! | filter | 64 each | lines of a Bloom filter over the first bytes of the keys (`filter`) |
//! | footer | 120 | counts, the last key, checksums of header, index and filter, and its own (`parts`) |
//!
//! The file is cut at multiples of [`BLOCK_BYTES`]: block *n* starts at *n* × [`BLOCK_BYTES`], but for the first, which
//! starts behind the header, and ends with its piece, but for the last, which ends with its entries. So the place of a
//! block need not be stored, and one aligned read fetches it.
//!
//! The checksums form a tree with the footer as its root. A block's stands in the index and not beside the block, because
//! a block that belongs elsewhere, in this table or another, may be intact and is wrong all the same. The parts must fill
//! the file without a gap, so no number in a footer can make a reader allocate more than the file is long.
//!
//! Header, footer, index and filter are in memory while a table is open ([`Table::memory_bytes`]); blocks are read when
//! they are asked for and not kept, since the operating system keeps them.

mod block;
mod error;
mod filter;
mod merge;
mod parts;
mod range;
mod reader;
mod writer;

pub use error::{Error, Fault};
pub use merge::{Merge, Progress};
pub use range::{Entry, Range};
pub use reader::{BlockBuffer, Table};
pub use writer::{Summary, Writer, remove, remove_unfinished};

/// Widest key, in bytes.
pub const KEY_BYTES_MAX: usize = 64;

/// Widest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 96;

/// The pieces in which a table is read, in bytes.
pub const BLOCK_BYTES: usize = 8 * 1024;

/// Bits of the filter for each distinct prefix, at least; under twice as many unless the filter is tiny.
pub const FILTER_BITS_PER_PREFIX: u64 = 10;

/// Most tables that one [`Merge`] reads.
pub const MERGE_INPUTS_MAX: usize = 64;

/// How much is read or written at once where the whole file passes, in bytes.
const PIECE_BYTES: usize = 256 * 1024;

/// A writer syncs after so many bytes, so that the journal's own syncs never wait behind more.
const SYNC_BYTES: u64 = 8 * 1024 * 1024;

const _: () = assert!(PIECE_BYTES.is_multiple_of(BLOCK_BYTES));

/// The widths of a table's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The width of every key, in bytes: 1 to [`KEY_BYTES_MAX`]. Keys compare as bytes.
    pub key_bytes: u8,
    /// The width of values.
    pub values: Values,
    /// How much of a key's start the filter knows, in bytes, at most the whole key; `None` for no filter.
    pub filter_prefix_bytes: Option<std::num::NonZeroU8>,
}

/// The width of a table's values. One width costs a byte less for each entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Every value has so many bytes: 0 to [`VALUE_BYTES_MAX`].
    Fixed(u8),
    /// Each value has its own width, of 0 to so many bytes, which are at most [`VALUE_BYTES_MAX`].
    UpTo(u8),
}

impl Values {
    /// The width of the widest value, in bytes.
    fn bytes_max(self) -> usize {
        match self {
            Values::Fixed(bytes) | Values::UpTo(bytes) => usize::from(bytes),
        }
    }

    fn fit(self, value: &[u8]) -> bool {
        match self {
            Values::Fixed(bytes) => value.len() == usize::from(bytes),
            Values::UpTo(bytes_max) => value.len() <= usize::from(bytes_max),
        }
    }
}

impl Layout {
    /// The rule that the widths break, if any.
    fn broken_rule(self) -> Option<&'static str> {
        let Layout { key_bytes, values, filter_prefix_bytes } = self;
        if key_bytes == 0 || usize::from(key_bytes) > KEY_BYTES_MAX {
            return Some("a key has 1 to 64 bytes");
        }
        if values.bytes_max() > VALUE_BYTES_MAX {
            return Some("a value has at most 96 bytes");
        }
        if filter_prefix_bytes.is_some_and(|prefix| prefix.get() > key_bytes) {
            return Some("the filter's prefix is at most the whole key");
        }
        None
    }

    fn key(self) -> usize {
        usize::from(self.key_bytes)
    }

    /// 0 when there is no filter.
    fn prefix(self) -> usize {
        self.filter_prefix_bytes.map_or(0, |prefix| usize::from(prefix.get()))
    }
}

/// Narrows a size or number that is known to be one in memory.
fn narrow(number: u64) -> usize {
    usize::try_from(number).expect("it counts something in memory")
}
