//! Segments made ahead of need: files full of durable zeros that wait for a name.
//!
//! A spare is filled under a temporary name, synced, and only then renamed to `spare-N.zero`. A spare found when the
//! journal is opened is used again if it is still all zeros. History is never recycled.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::reader::Shared;
use crate::segment::{SEGMENT_DIR, Window};
use crate::{Io, IoFailure, wide};

/// How much is written and synced at a time, in bytes: small enough not to hold up a concurrent append for long.
const FILL_BYTES: usize = 4 * 1024 * 1024;

const READY_ENDING: &str = ".zero";
const UNFINISHED_ENDING: &str = ".tmp";

/// Spares that are kept ready by a journal that grows quickly: when the disk or the processors are busy, filling one may take longer
/// than using one up.
const SPARES_READY_MAX: usize = 2;

/// The spare segments of one journal.
pub(crate) struct Spares {
    segment_bytes: u64,
    ready: Mutex<Ready>,
    /// The number of the next one. Held while one is made, so that a writer who needs it waits for this one instead of filling a
    /// second file; a writer for whom one is ready does not.
    next_number: Mutex<u64>,
}

#[derive(Default)]
struct Ready {
    /// Oldest first.
    paths: VecDeque<String>,
    /// Spares that became segments since the journal was opened.
    taken_count: u64,
}

impl Ready {
    /// How many there should be: a journal that never fills a segment needs no second one.
    const fn wanted(&self) -> usize {
        if self.taken_count < 2 { 1 } else { SPARES_READY_MAX }
    }

    fn take(&mut self) -> Option<String> {
        let path = self.paths.pop_front()?;
        self.taken_count += 1;
        Some(path)
    }
}

impl Spares {
    /// Looks for spares left by an earlier run and removes everything unusable.
    pub(crate) fn open<I: Io>(io: &I, segment_bytes: u64) -> Result<Self, IoFailure> {
        let names = io.list(SEGMENT_DIR).map_err(IoFailure::on("list", SEGMENT_DIR))?;
        let mut ready = Ready::default();
        for name in names.iter().filter(|name| name.starts_with("spare-")) {
            let path = format!("{SEGMENT_DIR}/{name}");
            let is_wanted = ready.paths.len() < SPARES_READY_MAX && name.ends_with(READY_ENDING);
            if is_wanted && is_zeroed(io, &path, segment_bytes)? {
                ready.paths.push_back(path);
            } else if name.ends_with(READY_ENDING) || name.ends_with(UNFINISHED_ENDING) {
                io.remove(&path).map_err(IoFailure::on("remove", &path))?;
            }
        }
        let last_number = ready.paths.iter().filter_map(|path| spare_number(path)).max();
        let next_number = last_number.map_or(0, |number| number.saturating_add(1));
        Ok(Spares { segment_bytes, ready: Mutex::new(ready), next_number: Mutex::new(next_number) })
    }

    fn ready(&self) -> MutexGuard<'_, Ready> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a spare if there are fewer than wanted; says whether it made one.
    pub(crate) fn prepare<I: Io>(&self, io: &I) -> Result<bool, IoFailure> {
        let mut next_number = self.next_number.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted = {
            let ready = self.ready();
            ready.paths.len() < ready.wanted()
        };
        if is_wanted {
            let path = make_spare(io, &mut next_number, self.segment_bytes)?;
            self.ready().paths.push_back(path);
        }
        Ok(is_wanted)
    }

    /// The path of a segment full of durable zeros; made now if need be.
    pub(crate) fn take<I: Io>(&self, io: &I) -> Result<String, IoFailure> {
        if let Some(path) = self.ready().take() {
            return Ok(path);
        }
        let mut next_number = self.next_number.lock().unwrap_or_else(PoisonError::into_inner);
        // The one that was being made.
        if let Some(path) = self.ready().take() {
            return Ok(path);
        }
        let path = make_spare(io, &mut next_number, self.segment_bytes)?;
        self.ready().taken_count += 1;
        Ok(path)
    }
}

fn spare_number(path: &str) -> Option<u64> {
    let (_, name) = path.rsplit_once("spare-")?;
    name.strip_suffix(READY_ENDING)?.parse().ok()
}

fn is_zeroed<I: Io>(io: &I, path: &str, segment_bytes: u64) -> Result<bool, IoFailure> {
    let mut window = Window::open(io, path.to_owned())?;
    if window.len() != segment_bytes {
        return Ok(false);
    }
    let zeros = [0; 4096];
    let mut place = 0;
    while place < segment_bytes {
        let left = usize::try_from(segment_bytes - place).unwrap_or(usize::MAX);
        let count = left.min(zeros.len());
        match window.slice(io, place, count)? {
            Some(bytes) if *bytes == zeros[..count] => place += wide(count),
            Some(_) | None => return Ok(false),
        }
    }
    Ok(true)
}

fn make_spare<I: Io>(io: &I, next_number: &mut u64, segment_bytes: u64) -> Result<String, IoFailure> {
    let number = *next_number;
    *next_number = number.saturating_add(1);
    let unfinished = format!("{SEGMENT_DIR}/spare-{number}{UNFINISHED_ENDING}");
    let ready = format!("{SEGMENT_DIR}/spare-{number}{READY_ENDING}");
    let made =
        fill(io, &unfinished, segment_bytes).and_then(|()| io.rename(&unfinished, &ready).map_err(IoFailure::on("rename", &unfinished)));
    match made {
        Ok(()) => Ok(ready),
        Err(failure) => {
            // Gives the space back on a full disk. If this fails too, the next open removes the file.
            drop(io.remove(&unfinished));
            Err(failure)
        }
    }
}

fn fill<I: Io>(io: &I, path: &str, segment_bytes: u64) -> Result<(), IoFailure> {
    let file = io.create_new(path).map_err(IoFailure::on("create", path))?;
    let zeros = vec![0; usize::try_from(segment_bytes).map_or(FILL_BYTES, |all| all.min(FILL_BYTES))];
    let mut place = 0;
    while place < segment_bytes {
        let left = usize::try_from(segment_bytes - place).unwrap_or(usize::MAX);
        let piece = &zeros[..zeros.len().min(left)];
        io.write_at(&file, place, piece).map_err(IoFailure::on("write", path))?;
        io.sync_data(&file).map_err(IoFailure::on("sync", path))?;
        place += wide(piece.len());
    }
    Ok(())
}

/// Makes spare segments from any thread, so that appends never wait for a file to be filled.
#[derive(Clone)]
pub struct SegmentPreparer<I: Io> {
    pub(crate) shared: Arc<Shared<I>>,
}

impl<I: Io> SegmentPreparer<I> {
    /// Makes a segment ready if there are fewer than wanted; returns whether it did. Cheap when there is nothing to do. Call it
    /// after opening and after every append or so, on a thread that may be busy for as long as writing a segment takes.
    ///
    /// # Errors
    /// The failed operation. The journal goes on; it tries again itself when it needs the segment.
    pub fn prepare_next_segment(&self) -> Result<bool, IoFailure> {
        self.shared.spares.prepare(&self.shared.io)
    }
}
