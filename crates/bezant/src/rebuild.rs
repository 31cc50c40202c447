//! Read models without a running platform: how a folder's file stands, and how it is built anew from the journal.

use crate::admin::{self, existing};
use crate::feed;
use crate::partition::{self, Skips};
use crate::serve::{self, PARTITION, VIEWS_FILE};
use std::path::Path;
use views::{RebuildReason, Writer};

/// The file that is being built, beside the one that it will replace.
const UNFINISHED_FILE: &str = "views.sqlite.rebuilding";

/// How a folder's read models stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The file's size, in bytes.
    pub bytes: u64,
    /// The version of tables and projection that this program writes.
    pub schema_version: i64,
    /// The last event that the rows contain, or why they are made anew at the next start.
    pub applied_seq: Result<u64, RebuildReason>,
    /// The last event of the journal; `None` while a platform has it open.
    pub last_seq: Option<u64>,
}

/// What a rebuild did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// Events that were applied: all there are.
    pub events: u64,
    /// The new file's size, in bytes.
    pub bytes: u64,
}

/// Looks at the read models in `data` and changes nothing. All of the file is read through.
///
/// # Errors
/// See [`admin::Error`]. A journal that a platform has open is no error.
pub fn status(data: &Path) -> Result<Status, admin::Error> {
    let io = existing(data)?;
    let views::FileStatus { bytes, applied_seq, schema_version } = views::inspect_file(&data.join(VIEWS_FILE))?;
    let last_seq = match journal::tail(&io, PARTITION, serve::newest_sound_snapshot(&io).as_ref()) {
        Ok(tail) => Some(tail.next_seq - 1),
        Err(journal::OpenError::Locked { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Status { bytes, schema_version, applied_seq, last_seq })
}

/// Builds the read models in `data` anew from the first event on, in a file beside the old one, which it replaces at the end.
/// No platform may have the folder open. `progress` hears the last event applied and the last one there is.
///
/// A crash leaves the old file, none, or the new one; a platform that finds none builds it itself.
///
/// # Errors
/// See [`admin::Error`]; the old file is as it was unless putting the new one in its place is what failed.
pub fn rebuild(data: &Path, mut progress: impl FnMut(u64, u64)) -> Result<Rebuilt, admin::Error> {
    existing(data)?;
    let (journal, report) = serve::open_journal(data, journal::SEGMENT_BYTES_DEFAULT)?;
    let skips = Skips::of(&partition::load(&journal)?.0);
    let last_seq = report.tail.next_seq - 1;
    let (unfinished, path) = (data.join(UNFINISHED_FILE), data.join(VIEWS_FILE));
    views::remove(&unfinished)?;
    let mut writer = Writer::open(&unfinished)?;
    feed::catch_up(&mut writer, &journal.reader(), &skips, |seq| progress(seq, last_seq))?;
    let events = writer.applied_seq();
    writer.finish()?;
    views::install(&unfinished, &path)?;
    let bytes = std::fs::metadata(&path).map_or(0, |found| found.len());
    Ok(Rebuilt { events, bytes })
}
