//! Makes a data folder out of a backup, and proves that it is what was backed up before it gets its name.

use super::manifest::{Manifest, PIECE_BYTES, Position, StoredFile, Summing, pieces};
use super::{Error, Progress, replayed};
use crate::keystore::KeyStore;
use crate::secrets::{self, Secrets};
use crate::serve::PARTITION;
use base::MerchantId;
use engine::State;
use journal::{Io, IoFailure, OsIo, TailState};
use ledger::{Ledger, Totals};
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Ends the name of the folder that is being restored, beside the one that it becomes.
const UNFINISHED_FOLDER: &str = ".restoring";
/// Says that a folder is an unfinished restore, and is locked meanwhile.
const MARK: &str = "restoring";

/// The sums of one ledger, in its minor unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balanced {
    /// The merchant whose own ledger it is; `None` for the platform's books.
    pub merchant: Option<MerchantId>,
    /// Its number: of the platform's books the ISO 4217 number of the currency.
    pub ledger: u32,
    /// The sums over all of its accounts; debits equal credits.
    pub totals: Totals,
}

/// What was restored and proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the backup said, which is what was found.
    pub manifest: Manifest,
    /// The length of all files of the backup, in bytes.
    pub bytes: u64,
    /// Every ledger in which something moved, the platform's first.
    pub balanced: Vec<Balanced>,
    /// Keys of persons that the secrets open.
    pub keys: u64,
    /// Keys that the journal says were destroyed and that were there: an older copy of the keys. They are destroyed again.
    pub erased_again: u64,
    /// Slots of the key store that are damaged, as they were when they were backed up.
    pub damaged_keys: u64,
}

/// Restores the backup in `from` as the folder `data`, which must not exist or be empty. Everything happens in a folder beside
/// it, which gets its name only when all is proven; a restore that was killed is begun anew.
///
/// # Errors
/// See [`Error`]; `data` is then as it was.
pub fn restore(from: &Path, data: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Restored, Error> {
    let backup = OsIo::new(from);
    let manifest = Manifest::load(&backup)?.ok_or_else(|| Error::NoBackup(from.display().to_string()))?;
    if manifest.state_version != events::snapshot::VERSION {
        let (program, found) = (manifest.program, manifest.state_version);
        return Err(Error::StateVersion { program, found, known: events::snapshot::VERSION });
    }
    refuse_used(data)?;
    let (folder, _lock) = unfinished_folder(data)?;
    let restored = OsIo::new(&folder);
    let total_bytes = manifest.files.iter().map(|file| file.summary.bytes).sum();
    let mut done_bytes = 0;
    for file in &manifest.files {
        fetch(&backup, &restored, file, &mut |bytes| {
            done_bytes += bytes;
            progress(Progress::Files { done_bytes, total_bytes });
        })?;
    }
    let state = prove_state(&restored, &manifest, progress)?;
    let balanced = trial_balance(&state)?;
    let Keys { keys, erased_again, damaged_keys } = prove_keys(&folder, &state)?;
    install(&folder, data)?;
    Ok(Restored { manifest, bytes: total_bytes, balanced, keys, erased_again, damaged_keys })
}

/// Nothing is ever restored over anything.
fn refuse_used(data: &Path) -> Result<(), Error> {
    match fs::read_dir(data).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::NotEmpty(data.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Err(Error::NotEmpty(data.to_owned())),
        Err(error) => Err(IoFailure::on("list", &data.display().to_string())(error).into()),
    }
}

/// An empty folder beside `data`, locked; what a restore that was killed has left there is removed.
fn unfinished_folder(data: &Path) -> Result<(PathBuf, impl Sized), Error> {
    let mut name = OsString::from(data.file_name().unwrap_or_default());
    name.push(UNFINISHED_FOLDER);
    let folder = data.with_file_name(name);
    let shown = folder.display().to_string();
    if folder.is_dir() && !folder.join(MARK).is_file() {
        refuse_used(&folder)?;
    }
    let io = OsIo::new(&folder);
    io.create_dir("").map_err(IoFailure::on("create", &shown))?;
    let lock = io.lock_exclusive(MARK).map_err(IoFailure::on("lock", &shown))?.ok_or_else(|| Error::Busy(shown.clone()))?;
    for entry in fs::read_dir(&folder).map_err(IoFailure::on("list", &shown))? {
        let entry = entry.map_err(IoFailure::on("list", &shown))?;
        let path = entry.path();
        let removed = match entry.file_name() == MARK {
            true => Ok(()),
            false if path.is_dir() => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        };
        removed.map_err(IoFailure::on("remove", &path.display().to_string()))?;
    }
    for name in super::FOLDERS {
        io.create_dir(name).map_err(IoFailure::on("create", name))?;
    }
    Ok((folder, lock))
}

/// Copies one file and checks every piece of it.
fn fetch(backup: &OsIo, restored: &OsIo, file: &StoredFile, done: &mut dyn FnMut(u64)) -> Result<(), Error> {
    let StoredFile { path, stored, restored_bytes, summary, sealed_at: _ } = file;
    let source = match backup.open_read(stored) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::Missing { path: stored.clone(), folder: backup.root() });
        }
        opened => opened.map_err(IoFailure::on("open", stored))?,
    };
    let damaged = |from, to| Error::Damaged { path: format!("{}/{stored}", backup.root()), from, to };
    let found_bytes = backup.len(&source).map_err(IoFailure::on("measure", stored))?;
    if found_bytes != summary.bytes || *restored_bytes < summary.bytes {
        return Err(damaged(found_bytes.min(summary.bytes), found_bytes.max(summary.bytes)));
    }
    let target = restored.create_new(path).map_err(IoFailure::on("create", path))?;
    let mut summing = Summing::default();
    let mut buffer = vec![0; PIECE_BYTES];
    let mut expected = summary.pieces_crc32c.iter();
    for (start, count) in pieces(summary.bytes) {
        let (piece, bytes) = (&mut buffer[..count], u64::try_from(count).unwrap_or_default());
        backup.read_at(&source, start, piece).map_err(IoFailure::on("read", stored))?;
        if expected.next() != Some(&crc32c::crc32c(piece)) {
            return Err(damaged(start, start + bytes));
        }
        summing.add(piece);
        restored.write_at(&target, start, piece).map_err(IoFailure::on("write", path))?;
        done(bytes);
    }
    if summing.finish() != *summary {
        return Err(damaged(0, summary.bytes));
    }
    let zeros = vec![0; PIECE_BYTES];
    for (start, count) in pieces(restored_bytes - summary.bytes) {
        restored.write_at(&target, summary.bytes + start, &zeros[..count]).map_err(IoFailure::on("write", path))?;
    }
    Ok(restored.sync_data(&target).map_err(IoFailure::on("sync", path))?)
}

/// Checks the whole journal and applies every event of it, from the first one on: the snapshot must agree on the way, and
/// the digest at the end.
fn prove_state(restored: &OsIo, manifest: &Manifest, progress: &mut dyn FnMut(Progress)) -> Result<State, Error> {
    let report = journal::verify(restored, PARTITION)?;
    let proven = |what: &'static str, found: String, expected: String| {
        if found == expected { Ok(()) } else { Err(Error::NotProven { what, found, expected }) }
    };
    let tail = Position::of(&report.tail);
    proven("the number of events", tail.last_seq().to_string(), manifest.tail.last_seq().to_string())?;
    proven("the chain hash", tail.chain_hash, manifest.tail.chain_hash.clone())?;
    if let TailState::Torn { .. } = report.tail_state {
        proven("the journal's end", "torn".to_owned(), "whole".to_owned())?;
    }
    let snapshots = journal::list_snapshots(restored)?;
    let bytes_max = journal::Options::for_partition(PARTITION).snapshot_bytes_max;
    let snapshot = snapshots.first().and_then(|newest| journal::load_snapshot_file(restored, PARTITION, bytes_max, newest).ok());
    // One of another version is never loaded, either.
    let snapshot = snapshot.filter(|(_, bytes)| events::snapshot::decode(bytes).is_ok());
    let mut compared = None;
    let last_seq = tail.next_seq - 1;
    let mut seen = |state: &State| {
        if let Some((at, bytes)) = &snapshot
            && at.next_seq == state.next_seq
        {
            let digests = [events::snapshot::digest_of_encoded(bytes), events::snapshot::digest(state)];
            compared = Some(digests.map(|digest| secrets::hex(&digest)));
        }
        progress(Progress::Events { seq: state.next_seq - 1, last_seq });
    };
    let state = replayed(restored, &State::new, tail.next_seq, &mut seen)?;
    match (&snapshot, compared) {
        (Some(_), Some([found, expected])) => proven("the digest of the snapshot", found, expected)?,
        (Some((at, _)), None) => proven("the snapshot's place", at.next_seq.to_string(), "between two batches".to_owned())?,
        (None, _) => {}
    }
    proven("the state's digest", secrets::hex(&events::snapshot::digest(&state)), manifest.state_digest.clone())?;
    Ok(state)
}

/// Checks every sum and reference of all books from scratch, and gives the sums of each ledger.
fn trial_balance(state: &State) -> Result<Vec<Balanced>, Error> {
    let mut balanced = Vec::new();
    let merchants = state.ledgers.iter().map(|(merchant, found)| (Some(*merchant), &found.ledger));
    for (merchant, books) in [(None, &state.ledger)].into_iter().chain(merchants) {
        balanced.extend(sums(merchant, books)?);
    }
    Ok(balanced)
}

fn sums(merchant: Option<MerchantId>, books: &Ledger) -> Result<Vec<Balanced>, Error> {
    let whose = || merchant.map_or_else(|| "the platform".to_owned(), |merchant| merchant.to_string());
    books.check_consistency().map_err(|inconsistency| Error::Unbalanced { whose: whose(), inconsistency })?;
    books
        .ledgers()
        .map(|(ledger, totals)| match totals.is_balanced() {
            true => Ok(Balanced { merchant, ledger, totals: *totals }),
            false => Err(Error::Unbalanced { whose: whose(), inconsistency: ledger::Inconsistency::TotalsDiffer { ledger } }),
        })
        .collect()
}

/// What became of the keys of persons.
struct Keys {
    keys: u64,
    erased_again: u64,
    damaged_keys: u64,
}

/// Opens every key with the secrets, and destroys those that the journal says were destroyed.
fn prove_keys(folder: &Path, state: &State) -> Result<Keys, Error> {
    let secrets = Secrets::load(folder)?.ok_or(Error::NotStarted(secrets::FILE_NAME))?;
    let mut keys = KeyStore::open(OsIo::new(folder), secrets.master)?;
    let erased_again = keys.reapply(&state.erased)?;
    let wide = |count: usize| u64::try_from(count).expect("counts fit 64 bits");
    Ok(Keys { keys: wide(keys.keys().count()), erased_again: wide(erased_again), damaged_keys: keys.damaged_count() })
}

/// Gives the folder its name, durably.
fn install(folder: &Path, data: &Path) -> Result<(), Error> {
    let io = OsIo::new(folder);
    io.remove(MARK).map_err(IoFailure::on("remove", MARK))?;
    for name in super::FOLDERS.into_iter().chain([""]) {
        io.sync_dir(name).map_err(IoFailure::on("sync", name))?;
    }
    // Takes the place of an empty folder as well, and never of another.
    fs::rename(folder, data).map_err(IoFailure::on("rename", &folder.display().to_string()))?;
    let parent = data.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(OsIo::new(parent).sync_dir("").map_err(IoFailure::on("sync", &parent.display().to_string()))?)
}
