//! What a backup contains: the manifest, and checksums of files. All of it is input when it is read.
//!
//! The file has two lines: `bezant-backup 1`, a space and the SHA-256 of the second line; and the manifest as JSON.

use super::{Error, UNFINISHED};
use crate::secrets::hex;
use journal::{Io, IoFailure, Tail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::ErrorKind;

/// The manifest's name in the backup's folder.
pub const FILE: &str = "manifest";
/// Checksums are of pieces of this size, so that damage has a place; in bytes.
pub const PIECE_BYTES: usize = 1024 * 1024;
/// Longest manifest that is read: enough for more than 4 TiB; in bytes.
const MANIFEST_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Longest name of a file, in bytes.
const NAME_BYTES_MAX: usize = 128;
const FORMAT: &str = "bezant-backup 1 ";

/// A position between two batches of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The number that the next event gets.
    pub next_seq: u64,
    /// The epoch of the last batch.
    pub epoch: u64,
    /// The hash that vouches for everything before it, in hexadecimal.
    pub chain_hash: String,
}

impl Position {
    /// The same as the journal has it.
    pub fn of(tail: &Tail) -> Self {
        let Tail { next_seq, epoch, hash } = tail;
        Self { next_seq: *next_seq, epoch: *epoch, chain_hash: hex(hash) }
    }

    /// The last event before it; 0 when there is none.
    pub const fn last_seq(&self) -> u64 {
        self.next_seq.saturating_sub(1)
    }
}

/// The length of a file and what vouches for its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// How long it is, in bytes.
    pub bytes: u64,
    /// SHA-256 of all of it, in hexadecimal.
    pub sha256: String,
    /// CRC32C of each piece of [`PIECE_BYTES`], the last one perhaps shorter.
    pub pieces_crc32c: Vec<u32>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Its name in a data folder.
    pub path: String,
    /// Its name in the backup's folder.
    pub stored: String,
    /// How long it is in a data folder, in bytes: what the backup leaves out at its end is zeros.
    pub restored_bytes: u64,
    /// Of what is stored.
    #[serde(flatten)]
    pub summary: Summary,
    /// Of a sealed segment: the position after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<Position>,
}

/// A whole backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// When it was made.
    pub made_at: String,
    /// The program that made it.
    pub program: String,
    /// The end of the journal in it.
    pub tail: Position,
    /// The version of the state that the digest is of.
    pub state_version: u32,
    /// The digest of the state at the end of the journal, in hexadecimal.
    pub state_digest: String,
    /// Its files.
    pub files: Vec<StoredFile>,
}

impl Manifest {
    /// The one in a backup's folder; `None` when no backup was ever complete there.
    ///
    /// # Errors
    /// [`Error::Manifest`] when it is not what was written, [`Error::Io`].
    pub fn load<I: Io>(io: &I) -> Result<Option<Self>, Error> {
        let damaged = |what: &str| Error::Manifest { path: format!("{}/{FILE}", io.root()), what: what.to_owned() };
        let file = match io.open_read(FILE) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(IoFailure::on("open", FILE))?,
        };
        let length = io.len(&file).map_err(IoFailure::on("measure", FILE))?;
        if length > MANIFEST_BYTES_MAX {
            return Err(damaged("it is longer than any manifest"));
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| damaged("it does not fit into memory"))?];
        io.read_at(&file, 0, &mut bytes).map_err(IoFailure::on("read", FILE))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| damaged("it is not text"))?;
        let lines = text.strip_suffix('\n').and_then(|text| text.split_once('\n'));
        let (first, body) = lines.ok_or_else(|| damaged("it does not have two lines"))?;
        let hash = first.strip_prefix(FORMAT).ok_or_else(|| damaged("it is of no version that this program knows"))?;
        if hash != hex(&Sha256::digest(body)) {
            return Err(damaged("its checksum does not match"));
        }
        let manifest: Self = serde_json::from_str(body).map_err(|error| damaged(&error.to_string()))?;
        match manifest.files.iter().find(|file| !is_plain(&file.path) || !is_plain(&file.stored)) {
            Some(_) => Err(damaged("it names a file outside of the backup")),
            None => Ok(Some(manifest)),
        }
    }

    /// Makes it the one of the folder, durably: with this the backup is complete.
    pub(super) fn save<I: Io>(&self, io: &I) -> Result<(), Error> {
        let body = serde_json::to_string(self).expect("a manifest holds nothing that JSON cannot");
        let text = format!("{FORMAT}{}\n{body}\n", hex(&Sha256::digest(&body)));
        let unfinished = format!("{FILE}{UNFINISHED}");
        remove_if_there(io, &unfinished)?;
        let file = io.create_new(&unfinished).map_err(IoFailure::on("create", &unfinished))?;
        io.write_at(&file, 0, text.as_bytes()).map_err(IoFailure::on("write", &unfinished))?;
        io.sync_data(&file).map_err(IoFailure::on("sync", &unfinished))?;
        io.rename(&unfinished, FILE).map_err(IoFailure::on("rename", &unfinished))?;
        Ok(io.sync_dir("").map_err(IoFailure::on("sync", &io.root()))?)
    }
}

/// Whether a name stays within its folder: plain words with at most one folder before them.
fn is_plain(name: &str) -> bool {
    let is_word = |word: &str| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        !word.is_empty() && !word.starts_with('.') && word.bytes().all(is_known)
    };
    name.len() <= NAME_BYTES_MAX && name.split('/').count() <= 2 && name.split('/').all(is_word)
}

pub(super) fn remove_if_there<I: Io>(io: &I, path: &str) -> Result<(), IoFailure> {
    match io.remove(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(IoFailure::on("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Takes the pieces of one file as they pass.
#[derive(Default)]
pub(super) struct Summing {
    bytes: u64,
    hasher: Sha256,
    pieces_crc32c: Vec<u32>,
}

impl Summing {
    pub(super) fn add(&mut self, piece: &[u8]) {
        self.bytes += u64::try_from(piece.len()).expect("a piece is small");
        self.hasher.update(piece);
        self.pieces_crc32c.push(crc32c::crc32c(piece));
    }

    pub(super) fn finish(self) -> Summary {
        Summary { bytes: self.bytes, sha256: hex(&self.hasher.finalize()), pieces_crc32c: self.pieces_crc32c }
    }
}

/// The pieces of the first `bytes` of a file: where each starts, and how long it is.
pub(super) fn pieces(bytes: u64) -> impl Iterator<Item = (u64, usize)> {
    let piece_bytes = u64::try_from(PIECE_BYTES).expect("a piece is small");
    (0..bytes.div_ceil(piece_bytes)).map(move |number| {
        let start = number * piece_bytes;
        (start, usize::try_from(piece_bytes.min(bytes - start)).expect("a piece is small"))
    })
}

#[cfg(test)]
mod tests {
    use super::{PIECE_BYTES, is_plain, pieces};

    #[test]
    fn names_that_leave_the_folder_are_not_plain() {
        for name in ["journal/00000000000000000001.seg", "platform.secrets", "keys/subjects.keys.0123456789abcdef"] {
            assert!(is_plain(name), "{name}");
        }
        let long = "a".repeat(200);
        for name in ["", "/etc/passwd", "../x", "journal/../../x", "a/b/c", "journal/", ".hidden", "a b", "a\\b", "a\0", &long] {
            assert!(!is_plain(name), "{name}");
        }
    }

    #[test]
    fn pieces_cover_a_file_once() {
        let piece = u64::try_from(PIECE_BYTES).unwrap_or_default();
        for bytes in [0, 1, piece - 1, piece, piece + 1, 3 * piece, 3 * piece + 7] {
            let mut end = 0;
            for (start, count) in pieces(bytes) {
                assert!(start == end && count > 0);
                end = start + u64::try_from(count).unwrap_or_default();
            }
            assert_eq!(end, bytes);
        }
    }
}
