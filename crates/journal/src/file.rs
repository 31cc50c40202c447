//! The journal on local segment files: opening (with the repair of a torn tail), appending, sealing, rolling over.
//!
//! One append is one write and one `fdatasync` into space that was filled with zeros long before, so that the file
//! system has no metadata to write. A failed write or sync is never retried: the journal stops, because after a failed
//! sync the operating system may show bytes that the disk does not hold. Opening it again settles what is there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::frame::{FRAME_ALIGN_BYTES, Header, SEAL_BYTES, check_batch, encode_frame};
use crate::reader::{Index, Shared};
use crate::scan::{Scan, SegmentEntry, TailState, scan};
use crate::segment::{SEGMENT_DIR, SEGMENT_HEADER_BYTES, SegmentHeader, list_segments, segment_path};
use crate::snapshot::{SNAPSHOT_DIR, SnapshotShelf};
use crate::spare::Spares;
use crate::{
    AppendError, BATCH_BYTES_MAX_DEFAULT, BODY_BYTES_MAX, Batch, Io, IoFailure, Journal, OpenError, OwnedBatch, ReadError, Reader,
    SEGMENT_BYTES_DEFAULT, SegmentPreparer, SnapshotError, SnapshotRef, SnapshotStore, Tail, wide,
};

pub(crate) const LOCK_PATH: &str = "journal.lock";

/// How to open a journal on files.
#[derive(Clone, Debug)]
pub struct Options {
    /// The partition; every record names it, and those of another one are refused.
    pub partition: u32,
    /// The length of new segments, in bytes: a multiple of 4096 with room for a header, the largest batch and a seal.
    pub segment_bytes: u64,
    /// The largest batch accepted (events and transfers together), in bytes; at most [`BODY_BYTES_MAX`].
    pub batch_bytes_max: usize,
    /// The largest snapshot, in bytes.
    pub snapshot_bytes_max: u64,
    /// `None` verifies everything. A snapshot's position verifies only from the segment that contains it (and that
    /// the position is there, with this hash), which bounds the time of a restart.
    pub verify_from: Option<Tail>,
}

impl Options {
    /// Segments of 64 MiB, batches of up to 1 MiB, snapshots of up to 16 GiB, everything verified.
    #[must_use]
    pub fn for_partition(partition: u32) -> Self {
        Options {
            partition,
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            batch_bytes_max: BATCH_BYTES_MAX_DEFAULT,
            snapshot_bytes_max: 16 * 1024 * 1024 * 1024,
            verify_from: None,
        }
    }

    fn check(&self) -> Result<(), OpenError> {
        if self.batch_bytes_max > BODY_BYTES_MAX {
            return Err(OpenError::Options { rule: "batch_bytes_max is at most 16 MiB" });
        }
        if !self.segment_bytes.is_multiple_of(SEGMENT_HEADER_BYTES) {
            return Err(OpenError::Options { rule: "segment_bytes is a multiple of 4096" });
        }
        let largest_frame_bytes = wide(self.batch_bytes_max.saturating_add(crate::frame::HEADER_BYTES).next_multiple_of(FRAME_ALIGN_BYTES));
        if self.segment_bytes < SEGMENT_HEADER_BYTES + largest_frame_bytes + SEAL_BYTES {
            return Err(OpenError::Options { rule: "segment_bytes has room for a header, the largest batch and a seal" });
        }
        Ok(())
    }
}

/// What opening found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenReport {
    /// Where the journal continues.
    pub tail: Tail,
    /// How many segments there are.
    pub segment_count: u64,
    /// How many batches were verified.
    pub batch_count: u64,
    /// How the journal ended before it was opened. A torn tail has been zeroed and the last batch sealed since.
    pub tail_state: TailState,
    /// Bytes without meaning (padding, unused space) that are not zero, in the part that was verified. Harmless, but
    /// a disk that flips bits there will flip others.
    pub stray_bytes: u64,
}

/// The segment that appends go to.
struct Active<F> {
    file: F,
    path: String,
    first_seq: u64,
    segment_bytes: u64,
    offset: u64,
}

/// The journal of one partition on local files. One writer; readers through [`FileJournal::reader`].
pub struct FileJournal<I: Io> {
    shared: Arc<Shared<I>>,
    active: Active<I::File>,
    tail: Tail,
    sealed: bool,
    stopped: bool,
    /// How long the last record waited for the disk.
    last_sync: Option<Duration>,
    batch_bytes_max: usize,
    /// Reused for every record.
    frame: Vec<u8>,
    _lock: I::Lock,
}

impl<I: Io> FileJournal<I> {
    /// Opens the journal in `io`'s root, or starts a new one, and locks it against every other writer.
    ///
    /// Verifies (see [`Options::verify_from`]), zeroes a torn tail, makes the last record durable and seals it.
    ///
    /// # Errors
    /// [`OpenError::Locked`]; [`OpenError::Damaged`], [`OpenError::SnapshotMismatch`] and
    /// [`OpenError::BehindSnapshot`], which change nothing on disk; [`OpenError::Options`]; [`OpenError::Io`].
    pub fn open(io: I, options: Options) -> Result<(Self, OpenReport), OpenError> {
        options.check()?;
        for dir in ["", SEGMENT_DIR, SNAPSHOT_DIR] {
            io.create_dir(dir).map_err(IoFailure::on("create", dir))?;
        }
        let lock = lock(&io)?;
        let scan = scan(&io, options.partition, &list_segments(&io)?, options.verify_from.as_ref())?;
        let snapshots = SnapshotShelf::open(&io, options.snapshot_bytes_max)?;
        if let Some(newest) = snapshots.list().first()
            && newest.next_seq > scan.tail.next_seq
        {
            return Err(OpenError::BehindSnapshot { snapshot_seq: newest.next_seq, next_seq: scan.tail.next_seq });
        }
        let spares = Spares::open(&io, options.segment_bytes)?;
        // The names of segments are made durable again: the process may have died between renaming and syncing.
        io.sync_dir(SEGMENT_DIR).map_err(IoFailure::on("sync", SEGMENT_DIR))?;
        let report = report(&scan);
        let (active, sealed) = settle_tail(&io, &options, &spares, &scan)?;
        let mut index = Index { segments: scan.segments, tail: scan.tail };
        if index.segments.is_empty() {
            index.segments.push(SegmentEntry::new(active.first_seq));
        }
        let mut journal = FileJournal {
            shared: Arc::new(Shared::new(io, options.partition, spares, snapshots, index)),
            active,
            tail: scan.tail,
            sealed,
            stopped: false,
            last_sync: None,
            batch_bytes_max: options.batch_bytes_max,
            frame: Vec::new(),
            _lock: lock,
        };
        // From here on somebody may act on the last batch, so it must not be mistaken for a torn one later.
        journal.write_seal()?;
        Ok((journal, report))
    }

    /// A handle that reads this journal from any thread.
    #[must_use]
    pub fn reader(&self) -> Reader<I> {
        Reader { shared: Arc::clone(&self.shared) }
    }

    /// A handle that makes segments ahead of need, from any thread.
    #[must_use]
    pub fn preparer(&self) -> SegmentPreparer<I> {
        SegmentPreparer { shared: Arc::clone(&self.shared) }
    }

    /// A handle that saves and loads snapshots, from any thread.
    #[must_use]
    pub fn snapshot_store(&self) -> SnapshotStore<I> {
        SnapshotStore { shared: Arc::clone(&self.shared) }
    }

    /// As [`SegmentPreparer::prepare_next_segment`], on the writer's own thread.
    ///
    /// # Errors
    /// The failed operation; the journal goes on.
    pub fn prepare_next_segment(&self) -> Result<bool, IoFailure> {
        self.shared.spares.prepare(&self.shared.io)
    }

    /// Whether an earlier failure has stopped this journal.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Writes `self.frame` at the end of the active segment and makes it durable.
    fn write_frame(&mut self) -> Result<(), IoFailure> {
        let io = &self.shared.io;
        let Active { file, path, offset, .. } = &self.active;
        io.write_at(file, *offset, &self.frame).map_err(IoFailure::on("write", path))?;
        let started = Instant::now();
        io.sync_data(file).map_err(IoFailure::on("sync", path))?;
        self.last_sync = Some(started.elapsed());
        self.active.offset += wide(self.frame.len());
        Ok(())
    }

    /// Seals the last batch unless something vouches for it already.
    fn write_seal(&mut self) -> Result<(), IoFailure> {
        // Every append leaves room for its seal; a segment written by somebody else might not.
        let room_bytes = self.active.segment_bytes - self.active.offset;
        if self.sealed || room_bytes < SEAL_BYTES {
            return Ok(());
        }
        let header = Header::for_seal(self.shared.partition, &self.tail);
        encode_frame(&mut self.frame, &header.encode(), &[]);
        self.write_frame()?;
        self.sealed = true;
        Ok(())
    }

    /// Goes on in a new segment if the frame and its seal do not fit.
    fn roll_over_for(&mut self, header: &Header) -> Result<(), IoFailure> {
        let needed_bytes = header.frame_bytes() + SEAL_BYTES;
        if needed_bytes <= self.active.segment_bytes - self.active.offset {
            return Ok(());
        }
        self.active = start_segment(&self.shared.io, &self.shared.spares, self.shared.partition, &self.tail)?;
        // The new segment's header vouches for the last batch.
        self.sealed = true;
        let mut index = self.shared.index();
        // An empty segment that was too short for this batch has just been replaced, under the same name.
        if index.segments.last().map(|last| last.first_seq) != Some(self.tail.next_seq) {
            index.segments.push(SegmentEntry::new(self.tail.next_seq));
        }
        Ok(())
    }

    fn append_frame(&mut self, header: &Header, batch: &Batch<'_>) -> Result<Tail, IoFailure> {
        self.roll_over_for(header)?;
        let header_bytes = header.encode();
        let body = [batch.events, batch.transfers];
        encode_frame(&mut self.frame, &header_bytes, &body);
        let tail = Tail { next_seq: header.next_seq(), epoch: header.epoch, hash: header.hash_after(&header_bytes, &body) };
        let offset = self.active.offset;
        self.write_frame()?;
        self.tail = tail;
        self.sealed = false;
        let mut index = self.shared.index();
        if let Some(segment) = index.segments.last_mut() {
            segment.mark(header.first_seq, offset);
        }
        index.tail = tail;
        Ok(tail)
    }
}

impl<I: Io> Journal for FileJournal<I> {
    fn append(&mut self, expected_seq: u64, epoch: u64, batch: Batch<'_>) -> Result<Tail, AppendError> {
        if self.stopped {
            return Err(AppendError::Stopped);
        }
        check_batch(self.tail.next_seq, &batch, self.batch_bytes_max)?;
        if epoch < self.tail.epoch {
            return Err(AppendError::Fenced { epoch, current_epoch: self.tail.epoch });
        }
        if expected_seq != self.tail.next_seq {
            return Err(AppendError::SequenceMismatch { expected_seq, next_seq: self.tail.next_seq });
        }
        let header = Header::for_batch(self.shared.partition, epoch, &self.tail, &batch)?;
        self.append_frame(&header, &batch).map_err(|failure| {
            self.stopped = true;
            AppendError::Io(failure)
        })
    }

    fn seal(&mut self) -> Result<(), AppendError> {
        if self.stopped {
            return Err(AppendError::Stopped);
        }
        self.write_seal().map_err(|failure| {
            self.stopped = true;
            AppendError::Io(failure)
        })
    }

    fn last_sync(&self) -> Option<Duration> {
        self.last_sync
    }

    fn read(&self, from_seq: u64) -> Result<Box<dyn Iterator<Item = Result<OwnedBatch, ReadError>> + '_>, ReadError> {
        Ok(Box::new(self.shared.read(from_seq)?))
    }

    fn tail(&self) -> Tail {
        self.tail
    }

    fn save_snapshot(&mut self, at: &Tail, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.shared.save_snapshot(at, bytes)
    }

    fn snapshots(&self) -> Vec<SnapshotRef> {
        self.shared.snapshots.list()
    }

    fn load_snapshot(&self, snapshot: &SnapshotRef) -> Result<(Tail, Vec<u8>), SnapshotError> {
        self.shared.load_snapshot(snapshot)
    }
}

fn lock<I: Io>(io: &I) -> Result<I::Lock, OpenError> {
    io.lock_exclusive(LOCK_PATH).map_err(IoFailure::on("lock", LOCK_PATH))?.ok_or_else(|| OpenError::Locked { folder: io.root() })
}

fn report(scan: &Scan) -> OpenReport {
    OpenReport {
        tail: scan.tail,
        segment_count: wide(scan.segments.len()).max(1),
        batch_count: scan.batch_count,
        tail_state: scan.tail_state(),
        stray_bytes: scan.stray_bytes,
    }
}

/// Makes the end of the journal what the scan says it is, durably; returns where to go on and whether it is sealed.
fn settle_tail<I: Io>(io: &I, options: &Options, spares: &Spares, scan: &Scan) -> Result<(Active<I::File>, bool), IoFailure> {
    let Some(found) = &scan.active else {
        let active = start_segment(io, spares, options.partition, &scan.tail)?;
        return Ok((active, true));
    };
    let path = segment_path(found.first_seq);
    let file = io.open(&path).map_err(IoFailure::on("open", &path))?;
    // After a sync that failed, or a process that died before it, the last record may be in the page cache only, and
    // Linux may even have marked it clean. Writing the same bytes again makes the next sync count. Only the last
    // record can be in that state: nothing is written before its predecessor is durable.
    if let Some((offset, record_bytes)) = found.last_record {
        let mut record = vec![0; usize::try_from(record_bytes).unwrap_or(usize::MAX)];
        io.read_at(&file, offset, &mut record).map_err(IoFailure::on("read", &path))?;
        io.write_at(&file, offset, &record).map_err(IoFailure::on("write", &path))?;
    }
    let zeros = [0; FRAME_ALIGN_BYTES];
    for sector in &found.torn_sectors {
        let room = usize::try_from(found.segment_bytes - sector).unwrap_or(FRAME_ALIGN_BYTES);
        io.write_at(&file, *sector, &zeros[..room.min(FRAME_ALIGN_BYTES)]).map_err(IoFailure::on("write", &path))?;
    }
    io.sync_data(&file).map_err(IoFailure::on("sync", &path))?;
    let active = Active { file, path, first_seq: found.first_seq, segment_bytes: found.segment_bytes, offset: found.offset };
    Ok((active, found.sealed))
}

/// Gives a spare its header and then its name, durably.
fn start_segment<I: Io>(io: &I, spares: &Spares, partition: u32, before: &Tail) -> Result<Active<I::File>, IoFailure> {
    let spare = spares.take(io)?;
    let file = io.open(&spare).map_err(IoFailure::on("open", &spare))?;
    let segment_bytes = io.len(&file).map_err(IoFailure::on("measure", &spare))?;
    let header = SegmentHeader { partition, segment_bytes, before: *before };
    io.write_at(&file, 0, &header.encode()).map_err(IoFailure::on("write", &spare))?;
    io.sync_data(&file).map_err(IoFailure::on("sync", &spare))?;
    let path = segment_path(before.next_seq);
    io.rename(&spare, &path).map_err(IoFailure::on("rename", &spare))?;
    io.sync_dir(SEGMENT_DIR).map_err(IoFailure::on("sync", SEGMENT_DIR))?;
    Ok(Active { file, path, first_seq: before.next_seq, segment_bytes, offset: SEGMENT_HEADER_BYTES })
}
