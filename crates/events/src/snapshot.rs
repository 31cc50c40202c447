//! The whole state as bytes, and its digest.
//!
//! A snapshot is a cache of the journal: a program that cannot read one replays instead. So there is exactly one
//! layout per program, and any other is refused rather than lifted.
//!
//! Layout: 8 bytes of [`MAGIC`], [`VERSION`] and the highest event version that the writer knew (both `u32`,
//! little-endian), then the state in the encoding of postcard. The same state gives the same bytes.

use engine::State;
use engine::event::VERSION_MAX;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// What every snapshot starts with.
pub const MAGIC: [u8; 8] = *b"BZNTSNAP";

/// The layout of the state. Raised with every change to what the state holds, in a change of its own; a frozen digest in
/// the tests reminds.
pub const VERSION: u32 = 7;

const HEADER_BYTES: usize = 16;

/// Why bytes are not a snapshot that this program can use. All but [`SnapshotError::EventVersion`] mean: replay.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// Too short, or it starts with something else.
    #[error("this is not a snapshot")]
    NotASnapshot,
    /// Another layout.
    #[error("the snapshot has version {found}, not {VERSION}; replay the journal instead")]
    Version {
        /// Its version.
        found: u32,
    },
    /// It was written by a program that knew newer events, so that this one must not go on from it.
    #[error("the snapshot was written with events of version {found} but this program knows up to {VERSION_MAX}; upgrade the program")]
    EventVersion {
        /// The highest event version that its writer knew.
        found: u32,
    },
    /// The state is not readable, or does not add up.
    #[error("the snapshot is damaged")]
    Malformed {
        /// What the decoder says.
        source: postcard::Error,
    },
    /// Something follows the state.
    #[error("{bytes} bytes follow the snapshot")]
    Trailing {
        /// How many bytes.
        bytes: usize,
    },
}

/// The state as a snapshot.
pub fn encode(state: &State) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&VERSION_MAX.to_le_bytes());
    postcard::to_extend(state, header).expect("a state holds nothing that postcard cannot write")
}

/// The state in a snapshot. Sums and references of its ledger are checked.
///
/// # Errors
///
/// The first [`SnapshotError`] in the order of its variants that applies.
pub fn decode(bytes: &[u8]) -> Result<State, SnapshotError> {
    let (magic, rest) = bytes.split_first_chunk::<8>().ok_or(SnapshotError::NotASnapshot)?;
    let (version, rest) = rest.split_first_chunk::<4>().ok_or(SnapshotError::NotASnapshot)?;
    let (event_version, body) = rest.split_first_chunk::<4>().ok_or(SnapshotError::NotASnapshot)?;
    if *magic != MAGIC {
        return Err(SnapshotError::NotASnapshot);
    }
    let version = u32::from_le_bytes(*version);
    if version != VERSION {
        return Err(SnapshotError::Version { found: version });
    }
    let event_version = u32::from_le_bytes(*event_version);
    if event_version > VERSION_MAX {
        return Err(SnapshotError::EventVersion { found: event_version });
    }
    let (state, rest) = postcard::take_from_bytes(body).map_err(|source| SnapshotError::Malformed { source })?;
    if !rest.is_empty() {
        return Err(SnapshotError::Trailing { bytes: rest.len() });
    }
    Ok(state)
}

/// The [`digest`] of a state that [`encode`] has written already.
pub fn digest_of_encoded(snapshot: &[u8]) -> [u8; 32] {
    Sha256::digest(snapshot.get(HEADER_BYTES..).unwrap_or_default()).into()
}

/// SHA-256 of the state in its one encoding, without the header: two programs of the same [`VERSION`] that agree on
/// this agree on everything.
pub fn digest(state: &State) -> [u8; 32] {
    let hasher = postcard::to_io(state, Sha256::new()).expect("a state holds nothing that postcard cannot write");
    hasher.finalize().into()
}
