//! Snapshot files: a state at a position of the journal, with its own SHA-256. What the state is, the caller knows.
//!
//! `snapshots/<next sequence number, 20 digits>.snap`, little-endian:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic |
//! | 8 | 2 | format version |
//! | 10 | 2 | zero |
//! | 12 | 4 | partition |
//! | 16 | 8 | next sequence number |
//! | 24 | 8 | epoch |
//! | 32 | 32 | chain hash |
//! | 64 | 8 | length of the state |
//! | 72 | … | the state |
//! | end | 32 | SHA-256 of everything before |

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::frame::{array_at, u32_at, u64_at};
use crate::reader::Shared;
use crate::segment::{Window, parse_name};
use crate::{Io, IoFailure, SNAPSHOTS_KEPT, SnapshotError, SnapshotRef, Tail, wide};

pub(crate) const SNAPSHOT_DIR: &str = "snapshots";

const MAGIC: [u8; 8] = [0xF5, b'B', b'E', b'Z', b'N', 0xFF, 0xFE, 0x0A];
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 72;
const HASH_BYTES: usize = 32;
const WRITE_BYTES: usize = 1024 * 1024;

/// The list of stored snapshots; its lock also keeps two savers apart.
pub(crate) struct SnapshotShelf {
    bytes_max: u64,
    stored: Mutex<Vec<SnapshotRef>>,
}

impl SnapshotShelf {
    /// Lists the snapshots and removes unfinished ones.
    pub(crate) fn open<I: Io>(io: &I, bytes_max: u64) -> Result<Self, IoFailure> {
        let names = io.list(SNAPSHOT_DIR).map_err(IoFailure::on("list", SNAPSHOT_DIR))?;
        for name in names.iter().filter(|name| name.ends_with(".tmp")) {
            let path = format!("{SNAPSHOT_DIR}/{name}");
            io.remove(&path).map_err(IoFailure::on("remove", &path))?;
        }
        Ok(SnapshotShelf { bytes_max, stored: Mutex::new(list_snapshots(io)?) })
    }

    fn stored(&self) -> MutexGuard<'_, Vec<SnapshotRef>> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn list(&self) -> Vec<SnapshotRef> {
        self.stored().clone()
    }
}

impl<I: Io> Shared<I> {
    pub(crate) fn save_snapshot(self: &Arc<Self>, at: &Tail, bytes: &[u8]) -> Result<(), SnapshotError> {
        let bytes_max = self.snapshots.bytes_max;
        if wide(bytes.len()) > bytes_max {
            return Err(SnapshotError::TooLarge { bytes: wide(bytes.len()), bytes_max });
        }
        if self.tail_at(at.next_seq)? != Some(*at) {
            return Err(SnapshotError::NotInJournal { next_seq: at.next_seq });
        }
        let mut stored = self.snapshots.stored();
        write_snapshot(&self.io, self.partition, at, bytes)?;
        let saved = SnapshotRef { next_seq: at.next_seq };
        stored.retain(|snapshot| *snapshot != saved);
        stored.push(saved);
        stored.sort_unstable_by(|left, right| right.cmp(left));
        while stored.len() > SNAPSHOTS_KEPT {
            let Some(oldest) = stored.pop() else { break };
            let path = snapshot_path(oldest);
            self.io.remove(&path).map_err(IoFailure::on("remove", &path))?;
        }
        Ok(())
    }

    pub(crate) fn load_snapshot(&self, snapshot: &SnapshotRef) -> Result<(Tail, Vec<u8>), SnapshotError> {
        load_snapshot_file(&self.io, self.partition, self.snapshots.bytes_max, snapshot)
    }
}

/// Saves and loads snapshots of an open journal from any thread, so that its writer need not wait for them.
#[derive(Clone)]
pub struct SnapshotStore<I: Io> {
    pub(crate) shared: Arc<Shared<I>>,
}

impl<I: Io> SnapshotStore<I> {
    /// As [`crate::Journal::save_snapshot`].
    ///
    /// # Errors
    /// As [`crate::Journal::save_snapshot`].
    pub fn save(&self, at: &Tail, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.shared.save_snapshot(at, bytes)
    }

    /// As [`crate::Journal::load_snapshot`].
    ///
    /// # Errors
    /// As [`crate::Journal::load_snapshot`].
    pub fn load(&self, snapshot: &SnapshotRef) -> Result<(Tail, Vec<u8>), SnapshotError> {
        self.shared.load_snapshot(snapshot)
    }

    /// The stored snapshots, newest first.
    #[must_use]
    pub fn list(&self) -> Vec<SnapshotRef> {
        self.shared.snapshots.list()
    }
}

pub(crate) fn snapshot_path(snapshot: SnapshotRef) -> String {
    format!("{SNAPSHOT_DIR}/{:020}.snap", snapshot.next_seq)
}

/// The stored snapshots of a data folder, newest first; for choosing [`crate::Options::verify_from`] before opening.
///
/// # Errors
/// When the folder cannot be listed; a missing folder has no snapshots.
pub fn list_snapshots<I: Io>(io: &I) -> Result<Vec<SnapshotRef>, IoFailure> {
    let names = io.list(SNAPSHOT_DIR).map_err(IoFailure::on("list", SNAPSHOT_DIR))?;
    let mut snapshots: Vec<SnapshotRef> =
        names.iter().filter_map(|name| parse_name(name, ".snap")).map(|next_seq| SnapshotRef { next_seq }).collect();
    snapshots.sort_unstable_by(|left, right| right.cmp(left));
    Ok(snapshots)
}

/// Loads one snapshot of a data folder and checks it against its own hash, before any journal is open.
///
/// # Errors
/// [`SnapshotError::Missing`], [`SnapshotError::TooLarge`] above `bytes_max`, [`SnapshotError::Corrupt`], `Io`.
pub fn load_snapshot_file<I: Io>(io: &I, partition: u32, bytes_max: u64, snapshot: &SnapshotRef) -> Result<(Tail, Vec<u8>), SnapshotError> {
    let next_seq = snapshot.next_seq;
    let corrupt = |rule| SnapshotError::Corrupt { next_seq, rule };
    let path = snapshot_path(*snapshot);
    let mut window = match Window::open(io, path.clone()) {
        Err(failure) if failure.source.kind() == std::io::ErrorKind::NotFound => {
            return Err(SnapshotError::Missing { next_seq });
        }
        opened => opened?,
    };
    let file_bytes = window.len();
    let header: [u8; HEADER_BYTES] = match window.slice(io, 0, HEADER_BYTES)? {
        Some(bytes) => array_at(bytes, 0),
        None => return Err(corrupt("the header is cut short")),
    };
    if header[0..8] != MAGIC {
        return Err(corrupt("the magic number is not there"));
    }
    if u16::from_le_bytes(array_at(&header, 8)) != VERSION {
        return Err(corrupt("the format version is unknown"));
    }
    let state_bytes = u64_at(&header, 64);
    if state_bytes > bytes_max {
        return Err(SnapshotError::TooLarge { bytes: state_bytes, bytes_max });
    }
    if state_bytes.checked_add(wide(HEADER_BYTES + HASH_BYTES)) != Some(file_bytes) {
        return Err(corrupt("the file's length is not what the header says"));
    }
    let state_bytes = usize::try_from(state_bytes).map_err(|_| corrupt("it does not fit into memory"))?;
    let mut hasher = Sha256::new();
    hasher.update(header);
    let mut state = Vec::with_capacity(state_bytes);
    while state.len() < state_bytes {
        let count = WRITE_BYTES.min(state_bytes - state.len());
        match window.slice(io, wide(HEADER_BYTES + state.len()), count)? {
            Some(bytes) => {
                hasher.update(bytes);
                state.extend_from_slice(bytes);
            }
            None => return Err(corrupt("the file is cut short")),
        }
    }
    let stored_hash: Option<[u8; HASH_BYTES]> =
        window.slice(io, wide(HEADER_BYTES + state_bytes), HASH_BYTES)?.map(|bytes| array_at(bytes, 0));
    if stored_hash != Some(hasher.finalize().into()) {
        return Err(corrupt("its hash does not match"));
    }
    if u32_at(&header, 12) != partition {
        return Err(corrupt("it belongs to another partition"));
    }
    let tail = Tail { next_seq: u64_at(&header, 16), epoch: u64_at(&header, 24), hash: array_at(&header, 32) };
    if tail.next_seq != next_seq {
        return Err(corrupt("its name and its content disagree"));
    }
    Ok((tail, state))
}

fn write_snapshot<I: Io>(io: &I, partition: u32, at: &Tail, state: &[u8]) -> Result<(), IoFailure> {
    let path = snapshot_path(SnapshotRef { next_seq: at.next_seq });
    let unfinished = format!("{path}.tmp");
    match io.remove(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(IoFailure::on("remove", &unfinished)(error));
        }
        Ok(()) | Err(_) => {}
    }
    let written = write_file(io, &unfinished, &encode_header(partition, at, state), state)
        .and_then(|()| io.rename(&unfinished, &path).map_err(IoFailure::on("rename", &unfinished)));
    if let Err(failure) = written {
        // Gives the space back on a full disk. If this fails too, the next open removes the file.
        drop(io.remove(&unfinished));
        return Err(failure);
    }
    io.sync_dir(SNAPSHOT_DIR).map_err(IoFailure::on("sync", SNAPSHOT_DIR))
}

fn encode_header(partition: u32, at: &Tail, state: &[u8]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[0..8].copy_from_slice(&MAGIC);
    header[8..10].copy_from_slice(&VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&partition.to_le_bytes());
    header[16..24].copy_from_slice(&at.next_seq.to_le_bytes());
    header[24..32].copy_from_slice(&at.epoch.to_le_bytes());
    header[32..64].copy_from_slice(&at.hash);
    header[64..72].copy_from_slice(&wide(state.len()).to_le_bytes());
    header
}

fn write_file<I: Io>(io: &I, path: &str, header: &[u8], state: &[u8]) -> Result<(), IoFailure> {
    let hash: [u8; HASH_BYTES] = Sha256::new().chain_update(header).chain_update(state).finalize().into();
    let file = io.create_new(path).map_err(IoFailure::on("create", path))?;
    let mut place = 0;
    for piece in [header].into_iter().chain(state.chunks(WRITE_BYTES)).chain([hash.as_slice()]) {
        io.write_at(&file, place, piece).map_err(IoFailure::on("write", path))?;
        place += wide(piece.len());
    }
    io.sync_data(&file).map_err(IoFailure::on("sync", path))
}
