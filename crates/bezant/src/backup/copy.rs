//! Makes a backup, or brings the one in a folder up to date.

use super::manifest::{self, Manifest, PIECE_BYTES, Position, StoredFile, Summary, Summing, pieces, remove_if_there};
use super::{Error, FOLDERS, LOCK_FILE, Progress, SECRET_FOLDER, UNFINISHED, replayed};
use crate::serve::{DEMO_KEY_FILE, OPERATOR_KEY_FILE, PARTITION};
use crate::{admin, keystore, secrets};
use base::Timestamp;
use engine::State;
use journal::{Checked, Io, IoFailure, OsIo, Portion, SegmentStart, Tail};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

/// How much of a hash is in the name of a file that changes, in characters.
const HASH_IN_NAME: usize = 16;

/// What making a backup came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// What the backup contains.
    pub manifest: Manifest,
    /// Files that were copied.
    pub copied_files: u64,
    /// Their length, in bytes.
    pub copied_bytes: u64,
    /// Files that were there already and are what they should be.
    pub kept_files: u64,
    /// Their length, in bytes.
    pub kept_bytes: u64,
    /// Slots of the key store that are damaged in the platform's own folder, too.
    pub damaged_keys: u64,
}

/// Backs `data` up into the folder `to`, which is made, or holds an earlier backup of the same journal. A platform may be
/// running on `data`; nothing there is changed.
///
/// # Errors
/// See [`Error`]; a backup that was complete before is then as it was.
pub fn make(data: &Path, to: &Path, made_at: Timestamp, progress: &mut dyn FnMut(Progress)) -> Result<Made, Error> {
    let source = admin::existing(data)?;
    if let Ok(entries) = std::fs::read_dir(to) {
        for entry in entries {
            let name = entry.map_err(IoFailure::on("list", &to.display().to_string()))?.file_name().to_string_lossy().into_owned();
            let is_ours = FOLDERS.contains(&name.as_str()) || [LOCK_FILE, manifest::FILE].contains(&name.trim_end_matches(UNFINISHED));
            if !is_ours {
                return Err(Error::Foreign { folder: to.to_owned(), name });
            }
        }
    }
    copy(&source, &OsIo::new(to), made_at, progress)
}

/// As [`make`], from and to any storage.
///
/// # Errors
/// As [`make`].
pub fn copy<S: Io + Clone, T: Io>(source: &S, target: &T, made_at: Timestamp, progress: &mut dyn FnMut(Progress)) -> Result<Made, Error> {
    for folder in [""].into_iter().chain(FOLDERS) {
        target.create_dir(folder).map_err(IoFailure::on("create", folder))?;
    }
    let _lock = target.lock_exclusive(LOCK_FILE).map_err(IoFailure::on("lock", LOCK_FILE))?.ok_or_else(|| Error::Busy(target.root()))?;
    let previous = Manifest::load(target)?;
    remove_unfinished(target)?;

    let snapshot = newest_snapshot(source)?;
    let starts = journal::segment_starts(source, PARTITION)?;
    let Some((open, sealed)) = starts.split_last() else {
        return Err(Error::NotStarted("journal"));
    };
    let end = journal::check_segment(source, PARTITION, &open.path(), open, Portion::Open)?;
    journal::sync_segment(source, open)?;
    if let Some(previous) = &previous
        && !has_position(source, &end.after, &previous.tail)?
    {
        return Err(Error::OtherHistory { folder: target.root(), last_seq: previous.tail.last_seq() });
    }
    // Snapshots of a platform that was restored from elsewhere may be of another history.
    let snapshot = match snapshot {
        Some((at, bytes)) if has_position(source, &end.after, &Position::of(&at))? => Some((at, bytes)),
        Some(_) | None => None,
    };

    let total_bytes = starts.iter().map(|start| start.segment_bytes).sum();
    let mut copier =
        Copier { source, target, previous, files: Vec::new(), counts: Counts::default(), done_bytes: 0, total_bytes, progress };
    if let Some((at, _)) = &snapshot {
        let path = journal::SnapshotRef { next_seq: at.next_seq }.path();
        copier.changing(&path, "snapshots", &mut |_, _| Ok(()))?;
    }
    for (start, next) in sealed.iter().zip(starts.iter().skip(1)) {
        copier.sealed(start, next.before)?;
    }
    copier.open(open, &end)?;
    for (path, is_needed) in [(secrets::FILE_NAME, true), (OPERATOR_KEY_FILE, false), (DEMO_KEY_FILE, false)] {
        if exists(source, path)? {
            copier.changing(path, SECRET_FOLDER, &mut |_, _| Ok(()))?;
        } else if is_needed {
            return Err(Error::NotStarted(secrets::FILE_NAME));
        }
    }
    // Last, as the module says.
    let damaged_keys = copier.keys()?;
    let Copier { files, counts, .. } = copier;

    let start = || snapshot.as_ref().and_then(|(_, bytes)| events::snapshot::decode(bytes).ok()).unwrap_or_else(State::new);
    let last_seq = end.after.next_seq - 1;
    let mut seen = |state: &State| progress(Progress::Events { seq: state.next_seq - 1, last_seq });
    let state = replayed(source, &start, end.after.next_seq, &mut seen)?;
    let manifest = Manifest {
        made_at: made_at.to_string(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        tail: Position::of(&end.after),
        state_version: events::snapshot::VERSION,
        state_digest: secrets::hex(&events::snapshot::digest(&state)),
        files,
    };
    for folder in FOLDERS {
        target.sync_dir(folder).map_err(IoFailure::on("sync", folder))?;
    }
    manifest.save(target)?;
    remove_unnamed(target, &manifest)?;
    let Counts { copied_files, copied_bytes, kept_files, kept_bytes } = counts;
    Ok(Made { manifest, copied_files, copied_bytes, kept_files, kept_bytes, damaged_keys })
}

/// Removes what a backup that did not come to its end has left half written.
fn remove_unfinished<I: Io>(target: &I) -> Result<(), Error> {
    for folder in FOLDERS {
        for name in target.list(folder).map_err(IoFailure::on("list", folder))? {
            if name.ends_with(UNFINISHED) {
                remove_if_there(target, &format!("{folder}/{name}"))?;
            }
        }
    }
    Ok(())
}

/// Removes what belongs to no complete backup any more: above all older copies of the keys of persons, so that an erasure
/// reaches the backup as well.
fn remove_unnamed<I: Io>(target: &I, manifest: &Manifest) -> Result<(), Error> {
    let named: BTreeSet<&str> = manifest.files.iter().map(|file| file.stored.as_str()).collect();
    for folder in FOLDERS {
        for name in target.list(folder).map_err(IoFailure::on("list", folder))? {
            let path = format!("{folder}/{name}");
            if !named.contains(path.as_str()) {
                remove_if_there(target, &path)?;
            }
        }
        target.sync_dir(folder).map_err(IoFailure::on("sync", folder))?;
    }
    Ok(())
}

/// The newest snapshot that is whole; one may be removed while they are looked at, because there is a newer one.
fn newest_snapshot<I: Io>(source: &I) -> Result<Option<(Tail, Vec<u8>)>, Error> {
    let bytes_max = journal::Options::for_partition(PARTITION).snapshot_bytes_max;
    let snapshots = journal::list_snapshots(source)?;
    Ok(snapshots.iter().find_map(|snapshot| journal::load_snapshot_file(source, PARTITION, bytes_max, snapshot).ok()))
}

/// Whether the journal, which ends at `end`, comes by a position.
fn has_position<I: Io + Clone>(source: &I, end: &Tail, wanted: &Position) -> Result<bool, Error> {
    if *wanted == Position::of(&Tail::GENESIS) {
        return Ok(true);
    }
    if wanted.next_seq > end.next_seq || wanted.next_seq <= journal::FIRST_SEQ {
        return Ok(false);
    }
    let mut found = None;
    for record in journal::dump_between(source.clone(), PARTITION, wanted.next_seq - 1, wanted.next_seq)? {
        let record = record?;
        let next_seq = record.first_seq + u64::from(record.event_count);
        found = Some(Position::of(&Tail { next_seq, epoch: record.epoch, hash: record.hash }));
    }
    Ok(found.as_ref() == Some(wanted))
}

fn exists<I: Io>(io: &I, path: &str) -> Result<bool, Error> {
    match io.open_read(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(IoFailure::on("open", path)(error).into()),
    }
}

#[derive(Clone, Copy, Default)]
struct Counts {
    copied_files: u64,
    copied_bytes: u64,
    kept_files: u64,
    kept_bytes: u64,
}

/// What looks at a copy under its unfinished name and may refuse it.
type Check<'a, T> = &'a mut dyn FnMut(&T, &str) -> Result<(), Error>;

/// Copies files one after the other and keeps the list of them.
struct Copier<'a, S: Io, T: Io> {
    source: &'a S,
    target: &'a T,
    previous: Option<Manifest>,
    files: Vec<StoredFile>,
    counts: Counts,
    done_bytes: u64,
    total_bytes: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl<S: Io, T: Io> Copier<'_, S, T> {
    /// A sealed segment. One that the last backup has is proven by the next segment's header and not read again; its copy
    /// is read, and made anew if it is not what it was.
    fn sealed(&mut self, start: &SegmentStart, end: Tail) -> Result<(), Error> {
        let path = start.path();
        let sealed_at = Some(Position::of(&end));
        let portion = Portion::Sealed { end };
        let listed = self.listed(&path).filter(|file| file.sealed_at == sealed_at).map(|file| file.summary.clone());
        let expected = match listed {
            Some(summary) => summary,
            // Perhaps a backup was killed after it had copied this one.
            None if exists(self.target, &path)? => self.summary(self.source, &path, start.segment_bytes)?,
            None => return self.copy_sealed(start, portion, sealed_at),
        };
        if self.summary_of_stored(&path)? != Some(expected.clone()) {
            return self.copy_sealed(start, portion, sealed_at);
        }
        journal::check_segment(self.target, PARTITION, &path, start, portion)?;
        self.kept(StoredFile { stored: path.clone(), path, restored_bytes: start.segment_bytes, summary: expected, sealed_at });
        Ok(())
    }

    fn copy_sealed(&mut self, start: &SegmentStart, portion: Portion, sealed_at: Option<Position>) -> Result<(), Error> {
        let path = start.path();
        let unfinished = format!("{path}{UNFINISHED}");
        let summary = self.copy(&path, start.segment_bytes, &unfinished)?;
        journal::check_segment(self.target, PARTITION, &unfinished, start, portion)?;
        self.target.rename(&unfinished, &path).map_err(IoFailure::on("rename", &unfinished))?;
        self.copied(StoredFile { stored: path.clone(), path, restored_bytes: start.segment_bytes, summary, sealed_at });
        Ok(())
    }

    /// The last segment, up to the last record that was complete when its end was looked for.
    fn open(&mut self, start: &SegmentStart, end: &Checked) -> Result<(), Error> {
        let path = start.path();
        let mut check = |target: &T, unfinished: &str| {
            let found = journal::check_segment(target, PARTITION, unfinished, start, Portion::Prefix)?;
            if found == *end {
                return Ok(());
            }
            let shown = |checked: &Checked| format!("event {}", checked.after.next_seq - 1);
            Err(Error::NotProven { what: "the last event of the journal's copy", found: shown(&found), expected: shown(end) })
        };
        self.file(&path, "journal", end.records_end, start.segment_bytes, &mut check)
    }

    /// The keys of persons. A slot that is written while it is read looks damaged: a second copy has it whole.
    fn keys(&mut self) -> Result<u64, Error> {
        if !exists(self.source, keystore::FILE)? {
            return Err(Error::NotStarted("key store"));
        }
        let before = (self.files.len(), self.counts);
        let mut damaged = 0;
        for _ in 0..2 {
            self.files.truncate(before.0);
            self.counts = before.1;
            let mut check = |target: &T, copy: &str| {
                damaged = keystore::damaged_slots(target, copy)?;
                Ok(())
            };
            self.changing(keystore::FILE, SECRET_FOLDER, &mut check)?;
            if damaged == 0 {
                break;
            }
        }
        Ok(damaged)
    }

    /// All of a file that changes, or is replaced, between two backups.
    fn changing(&mut self, path: &str, folder: &str, check: Check<'_, T>) -> Result<(), Error> {
        let file = self.source.open_read(path).map_err(IoFailure::on("open", path))?;
        let bytes = self.source.len(&file).map_err(IoFailure::on("measure", path))?;
        self.file(path, folder, bytes, bytes, check)
    }

    fn file(&mut self, path: &str, folder: &str, bytes: u64, restored_bytes: u64, check: Check<'_, T>) -> Result<(), Error> {
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        let unfinished = format!("{folder}/{name}{UNFINISHED}");
        let listed = self.listed(path).filter(|file| file.summary.bytes == bytes && file.restored_bytes == restored_bytes).cloned();
        if let Some(listed) = listed
            && self.summary(self.source, path, bytes)? == listed.summary
            && self.summary_of_stored(&listed.stored)?.as_ref() == Some(&listed.summary)
        {
            check(self.target, &listed.stored)?;
            self.kept(listed);
            return Ok(());
        }
        remove_if_there(self.target, &unfinished)?;
        let summary = self.copy(path, bytes, &unfinished)?;
        check(self.target, &unfinished)?;
        let stored = format!("{folder}/{name}.{}", &summary.sha256[..HASH_IN_NAME]);
        self.target.rename(&unfinished, &stored).map_err(IoFailure::on("rename", &unfinished))?;
        self.copied(StoredFile { path: path.to_owned(), stored, restored_bytes, summary, sealed_at: None });
        Ok(())
    }

    /// Copies the first `bytes` of a file durably, and reads the copy.
    fn copy(&mut self, from: &str, bytes: u64, to: &str) -> Result<Summary, Error> {
        remove_if_there(self.target, to)?;
        let source = self.source.open_read(from).map_err(IoFailure::on("open", from))?;
        let target = self.target.create_new(to).map_err(IoFailure::on("create", to))?;
        let mut summing = Summing::default();
        let mut buffer = vec![0; PIECE_BYTES];
        for (start, count) in pieces(bytes) {
            let piece = &mut buffer[..count];
            self.source.read_at(&source, start, piece).map_err(IoFailure::on("read", from))?;
            summing.add(piece);
            self.target.write_at(&target, start, piece).map_err(IoFailure::on("write", to))?;
            self.advance(count);
        }
        self.target.sync_data(&target).map_err(IoFailure::on("sync", to))?;
        let summary = summing.finish();
        if self.summary(self.target, to, bytes)? != summary {
            let differs = std::io::Error::other("what was written does not read the same");
            return Err(IoFailure::on("verify", to)(differs).into());
        }
        Ok(summary)
    }

    /// Of what is stored under a name; `None` when nothing is.
    fn summary_of_stored(&mut self, stored: &str) -> Result<Option<Summary>, Error> {
        let file = match self.target.open_read(stored) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(IoFailure::on("open", stored))?,
        };
        let bytes = self.target.len(&file).map_err(IoFailure::on("measure", stored))?;
        let summary = self.summary(self.target, stored, bytes)?;
        self.advance(usize::try_from(bytes).unwrap_or(usize::MAX));
        Ok(Some(summary))
    }

    fn summary<I: Io>(&self, io: &I, path: &str, bytes: u64) -> Result<Summary, Error> {
        let file = io.open_read(path).map_err(IoFailure::on("open", path))?;
        let mut summing = Summing::default();
        let mut buffer = vec![0; PIECE_BYTES];
        for (start, count) in pieces(bytes) {
            let piece = &mut buffer[..count];
            io.read_at(&file, start, piece).map_err(IoFailure::on("read", path))?;
            summing.add(piece);
        }
        Ok(summing.finish())
    }

    fn listed(&self, path: &str) -> Option<&StoredFile> {
        self.previous.as_ref()?.files.iter().find(|file| file.path == path)
    }

    fn kept(&mut self, file: StoredFile) {
        self.counts.kept_files += 1;
        self.counts.kept_bytes += file.summary.bytes;
        self.files.push(file);
    }

    fn copied(&mut self, file: StoredFile) {
        self.counts.copied_files += 1;
        self.counts.copied_bytes += file.summary.bytes;
        self.files.push(file);
    }

    fn advance(&mut self, count: usize) {
        self.done_bytes += u64::try_from(count).unwrap_or_default();
        (self.progress)(Progress::Files { done_bytes: self.done_bytes.min(self.total_bytes), total_bytes: self.total_bytes });
    }
}
