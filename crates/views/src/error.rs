//! What can go wrong with the read models, and why a file is thrown away.

use base::MerchantId;
use thiserror::Error;

/// Why a read model could not be written or read. Money is not affected by any of these.
#[derive(Debug, Error)]
pub enum Error {
    /// SQLite failed: disk full, I/O, a lock held too long.
    #[error("read models: {doing}: {source}")]
    Sqlite {
        /// What was attempted.
        doing: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file could not be removed before a rebuild.
    #[error("read models: could not remove {path}")]
    Remove {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A finished file could not be put in its place.
    #[error("read models: could not put {path} in its place: {source}")]
    Install {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A cell does not hold what its column promises.
    #[error("read models: table {table} holds a value out of place in column {column}")]
    Damaged {
        /// Which table.
        table: &'static str,
        /// Which column, counted from 0 in the order of the query.
        column: usize,
    },
    /// The file is not there, or has another schema: its writer has not opened it yet.
    #[error("read models: the file is not ready: {reason}")]
    NotReady {
        /// What is wrong with it.
        reason: RebuildReason,
    },
    /// Events are missing between what was applied and what was given.
    #[error("read models: event {expected_seq} was expected and {found_seq} was given")]
    Gap {
        /// The sequence number that had to come next.
        expected_seq: u64,
        /// The one that came.
        found_seq: u64,
    },
    /// An event is older than the one before it: not a journal of this platform.
    #[error("read models: event {seq} is older than the one before it")]
    TimeWentBack {
        /// Which event.
        seq: u64,
    },
    /// An event does not fit what came before it: not a journal of this platform, or a bug.
    #[error("read models: event {seq} does not fit: {what}")]
    Unfit {
        /// Which event.
        seq: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// A payment of a merchant that was never admitted.
    #[error("read models: event {seq} names {merchant}, who was never admitted")]
    MerchantUnknown {
        /// Which event.
        seq: u64,
        /// Which merchant.
        merchant: MerchantId,
    },
    /// Somebody else wrote to the file since it was opened.
    #[error("read models: another writer changed the file after event {applied_seq}")]
    AnotherWriter {
        /// What this writer had applied.
        applied_seq: u64,
    },
    /// Every connection was in use for longer than a reader may wait.
    #[error("read models: all connections are busy")]
    Busy,
}

impl Error {
    /// Whether the same call may succeed a moment later.
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Sqlite { .. } => !self.is_damage(),
            Self::Busy | Self::NotReady { .. } => true,
            Self::Remove { .. }
            | Self::Install { .. }
            | Self::Damaged { .. }
            | Self::Gap { .. }
            | Self::TimeWentBack { .. }
            | Self::Unfit { .. }
            | Self::MerchantUnknown { .. }
            | Self::AnotherWriter { .. } => false,
        }
    }

    /// Whether only a rebuild helps: [`crate::Writer::discard`].
    pub const fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Sqlite { source: rusqlite::Error::SqliteFailure(failure, _), .. } => {
                matches!(failure.code, rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            }
            Self::Sqlite { .. }
            | Self::Remove { .. }
            | Self::Install { .. }
            | Self::NotReady { .. }
            | Self::Gap { .. }
            | Self::TimeWentBack { .. }
            | Self::Unfit { .. }
            | Self::MerchantUnknown { .. }
            | Self::AnotherWriter { .. }
            | Self::Busy => false,
        }
    }
}

/// Why a file was thrown away and is rebuilt from the first event.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RebuildReason {
    /// There was none.
    #[error("there is no file")]
    Missing,
    /// It was written under another version of the schema.
    #[error("schema version {found}, not {expected}")]
    SchemaVersion {
        /// What the file says.
        found: i64,
        /// What this program writes.
        expected: i64,
    },
    /// Its tables or codes are not those of this program, though its version says so.
    #[error("its tables or codes are not those of its version")]
    SchemaDrift,
    /// SQLite cannot read it, or its check found something.
    #[error("damaged: {detail}")]
    Damaged {
        /// What was found; at most 200 bytes.
        detail: String,
    },
    /// The caller threw it away.
    #[error("discarded by its owner")]
    Discarded,
}

/// Says what was being done when SQLite failed.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, Error>;
}

impl<T> Doing<T> for Result<T, rusqlite::Error> {
    fn doing(self, doing: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Sqlite { doing, source })
    }
}
