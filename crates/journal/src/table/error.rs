//! What can go wrong with a table: where, and what to do about it.

use crate::IoFailure;

/// What is wrong with the bytes at one place of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The magic number is not there.
    #[error("no table starts here")]
    NotATable,
    /// The header does not match its CRC32C.
    #[error("the header's checksum does not match")]
    HeaderChecksum,
    /// Intact, but written by a newer version of the software.
    #[error("format version {found} is unknown")]
    Version {
        /// The version in the header.
        found: u16,
    },
    /// The footer does not match its CRC32C, as at the end of a file that was cut short.
    #[error("the footer's checksum does not match")]
    FooterChecksum,
    /// The index does not match its CRC32C.
    #[error("the index's checksum does not match")]
    IndexChecksum,
    /// The filter does not match its CRC32C.
    #[error("the filter's checksum does not match")]
    FilterChecksum,
    /// The block does not match the CRC32C that the index has for this place.
    #[error("the block's checksum does not match")]
    BlockChecksum,
    /// The file ends here, and did not when it was opened.
    #[error("the file has been cut short")]
    CutShort,
    /// Intact, but it breaks the format's rules.
    #[error("intact, but it breaks a rule: {rule}")]
    Broken {
        /// The rule.
        rule: &'static str,
    },
}

/// Why a table was not written, opened or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The widths are out of range. Nothing was written.
    #[error("bad layout of {path}: {rule}")]
    Layout {
        /// The table that was to be written.
        path: String,
        /// The rule that the layout breaks.
        rule: &'static str,
    },
    /// A key is not above the one before. It was not written; the writer goes on.
    #[error("key {key} of {path} is not above the one before")]
    NotAscending {
        /// The table being written.
        path: String,
        /// The key, in hexadecimal.
        key: String,
    },
    /// More distinct filter prefixes came than were announced. The entry was not written; the writer goes on.
    #[error("{path} was announced to have at most {prefix_count_max} distinct prefixes and gets more")]
    TooManyPrefixes {
        /// The table being written.
        path: String,
        /// What was announced.
        prefix_count_max: u64,
    },
    /// Two tables give one key different values: at least one of them is wrong.
    #[error("{left} and {right} have different values for key {key}; delete both, they are made again from the journal")]
    Conflict {
        /// One table.
        left: String,
        /// The other table.
        right: String,
        /// The key, in hexadecimal.
        key: String,
    },
    /// Two tables with different widths cannot be merged.
    #[error("{left} and {right} have different layouts")]
    LayoutsDiffer {
        /// One table.
        left: String,
        /// The other table.
        right: String,
    },
    /// No tables or more than one merge reads.
    #[error("{found} tables cannot be merged at once, only 1 to {max}", max = super::MERGE_INPUTS_MAX)]
    InputCount {
        /// How many were given.
        found: usize,
    },
    /// An earlier failure ended the writing of this table.
    #[error("the writing of {path} has ended with an earlier failure")]
    Stopped {
        /// The table being written.
        path: String,
    },
    /// The bytes are not what was written.
    #[error("damaged: {path} at offset {offset}: {fault}; delete it, it is made again from the journal")]
    Damaged {
        /// The table, relative to the data folder.
        path: String,
        /// Where the damaged part starts, in bytes.
        offset: u64,
        /// What is wrong.
        fault: Fault,
    },
    /// Storage failed.
    #[error(transparent)]
    Io(#[from] IoFailure),
}

impl Error {
    /// Whether the same can succeed later: a reader's call as it is, a table's writing from its start.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Error::Io(_) => true,
            Error::Layout { .. }
            | Error::NotAscending { .. }
            | Error::TooManyPrefixes { .. }
            | Error::Conflict { .. }
            | Error::LayoutsDiffer { .. }
            | Error::InputCount { .. }
            | Error::Stopped { .. }
            | Error::Damaged { .. } => false,
        }
    }
}

/// A key as it stands in messages.
pub(super) fn hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}
