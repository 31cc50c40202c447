//! Reading an open journal, from any thread, while its writer appends. Only durable batches are visible.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::ScanError;
use crate::frame::Kind;
use crate::scan::{SegmentEntry, Trouble, Walk};
use crate::segment::segment_path;
use crate::snapshot::SnapshotShelf;
use crate::spare::Spares;
use crate::{FIRST_SEQ, Io, OwnedBatch, ReadError, Tail, tail_before};

/// What the writer, readers, the preparer and the snapshot store of one open journal share.
pub(crate) struct Shared<I: Io> {
    pub io: I,
    pub partition: u32,
    pub spares: Spares,
    pub snapshots: SnapshotShelf,
    index: Mutex<Index>,
}

/// Where the durable batches are.
pub(crate) struct Index {
    pub segments: Vec<SegmentEntry>,
    pub tail: Tail,
}

struct Located {
    first_seq: u64,
    next_first_seq: Option<u64>,
    mark: Option<(u64, u64)>,
}

impl<I: Io> Shared<I> {
    pub(crate) fn new(io: I, partition: u32, spares: Spares, snapshots: SnapshotShelf, index: Index) -> Self {
        Shared { io, partition, spares, snapshots, index: Mutex::new(index) }
    }

    pub(crate) fn index(&self) -> MutexGuard<'_, Index> {
        // No code that can panic runs under this lock between two changes that belong together.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locate(&self, seq: u64) -> Option<Located> {
        let index = self.index();
        let after = index.segments.partition_point(|segment| segment.first_seq <= seq);
        let segment = index.segments.get(after.checked_sub(1)?)?;
        let marks_before = segment.marks.partition_point(|(at, _)| *at <= seq);
        Some(Located {
            first_seq: segment.first_seq,
            next_first_seq: index.segments.get(after).map(|next| next.first_seq),
            mark: marks_before.checked_sub(1).and_then(|mark| segment.marks.get(mark).copied()),
        })
    }

    pub(crate) fn read(self: &Arc<Self>, from_seq: u64) -> Result<Batches<I>, ReadError> {
        let end_seq = self.index().tail.next_seq;
        if from_seq > end_seq {
            return Err(ReadError::BeyondTail { from_seq, next_seq: end_seq });
        }
        Ok(Batches { shared: Arc::clone(self), walk: None, last: None, next_seq: from_seq.max(FIRST_SEQ), end_seq })
    }

    pub(crate) fn tail_at(self: &Arc<Self>, next_seq: u64) -> Result<Option<Tail>, ReadError> {
        tail_before(next_seq, |from_seq| match self.read(from_seq) {
            Ok(mut batches) => batches.next().transpose(),
            Err(ReadError::BeyondTail { .. }) => Ok(None),
            Err(error) => Err(error),
        })
    }
}

/// One segment of an open journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it is, below the journal's folder.
    pub path: String,
    /// The first event that it can hold.
    pub first_seq: u64,
    /// The last durable event that it holds; `None` while it holds none.
    pub last_seq: Option<u64>,
    /// Whether the journal goes on in it.
    pub is_active: bool,
}

/// Reads an open journal from any thread.
#[derive(Clone)]
pub struct Reader<I: Io> {
    pub(crate) shared: Arc<Shared<I>>,
}

impl<I: Io> Reader<I> {
    /// As [`crate::Journal::read`].
    ///
    /// # Errors
    /// As [`crate::Journal::read`].
    pub fn read(&self, from_seq: u64) -> Result<Batches<I>, ReadError> {
        self.shared.read(from_seq)
    }

    /// The durable tail of this moment.
    #[must_use]
    pub fn tail(&self) -> Tail {
        self.shared.index().tail
    }

    /// The newest segments, at most `count_max`, the newest last, and how many there are.
    #[must_use]
    pub fn segments(&self, count_max: usize) -> (Vec<Segment>, usize) {
        let index = self.shared.index();
        let count = index.segments.len();
        let ends = index.segments.iter().skip(1).map(|next| Some(next.first_seq)).chain([None]);
        let segment = |(entry, next_first_seq): (&SegmentEntry, Option<u64>)| {
            let next_seq = next_first_seq.unwrap_or(index.tail.next_seq);
            Segment {
                path: segment_path(entry.first_seq),
                first_seq: entry.first_seq,
                last_seq: (next_seq > entry.first_seq).then(|| next_seq - 1),
                is_active: next_first_seq.is_none(),
            }
        };
        (index.segments.iter().zip(ends).skip(count.saturating_sub(count_max)).map(segment).collect(), count)
    }
}

/// Batches in order, up to the tail at the time of the call.
pub struct Batches<I: Io> {
    shared: Arc<Shared<I>>,
    walk: Option<(Walk<I::File>, Option<u64>)>,
    /// The position after the last batch returned.
    last: Option<Tail>,
    next_seq: u64,
    /// Set to `next_seq` or below by an error: nothing more comes.
    end_seq: u64,
}

impl<I: Io> Iterator for Batches<I> {
    type Item = Result<OwnedBatch, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next_seq >= self.end_seq {
            return None;
        }
        let result = self.read_next();
        match &result {
            Ok(batch) => {
                let tail = batch.tail();
                self.next_seq = tail.next_seq;
                self.last = Some(tail);
            }
            Err(_) => self.end_seq = FIRST_SEQ,
        }
        Some(result)
    }
}

impl<I: Io> Batches<I> {
    fn read_next(&mut self) -> Result<OwnedBatch, ReadError> {
        loop {
            let (walk, next_first_seq) = match &mut self.walk {
                Some(open) => (&mut open.0, open.1),
                None => {
                    let open = self.open_segment()?;
                    let open = self.walk.insert(open);
                    (&mut open.0, open.1)
                }
            };
            if next_first_seq == Some(walk.next_seq()) {
                self.walk = None;
                continue;
            }
            match walk.step(&self.shared.io) {
                Ok(Some(record)) if record.header.kind == Kind::Batch => {
                    let (events, transfers) = walk.sections(&self.shared.io, &record)?;
                    return Ok(OwnedBatch {
                        first_seq: record.header.first_seq,
                        event_count: record.header.event_count,
                        epoch: record.header.epoch,
                        events,
                        transfers,
                        hash: record.after.hash,
                    });
                }
                Ok(Some(_)) => {}
                Ok(None) => {
                    return Err(walk.damage(crate::FrameFault::SegmentEnd, None).into());
                }
                Err(Trouble::Io(failure)) => return Err(failure.into()),
                Err(Trouble::Fault(fault)) => return Err(walk.damage(fault, None).into()),
            }
        }
    }

    /// Opens the segment that contains `next_seq`, at the batch that does.
    fn open_segment(&self) -> Result<(Walk<I::File>, Option<u64>), ReadError> {
        let located = self.shared.locate(self.next_seq).expect("a journal with batches has segments from the first sequence number on");
        // Coming from the segment before, the chain continues; after a jump it starts anew.
        let before = self.last.filter(|last| last.next_seq == located.first_seq);
        let mut walk =
            Walk::open(&self.shared.io, self.shared.partition, located.first_seq, before.as_ref()).map_err(|error| match error {
                ScanError::Io(failure) => ReadError::Io(failure),
                ScanError::Damaged(damage) => damage.into(),
                ScanError::SnapshotMismatch { next_seq } => ReadError::BeyondTail { from_seq: next_seq, next_seq: self.end_seq },
            })?;
        if let Some((seq, offset)) = located.mark {
            walk.jump(seq, offset);
        }
        match walk.skip_to(&self.shared.io, self.next_seq) {
            Ok(()) => Ok((walk, located.next_first_seq)),
            Err(Trouble::Io(failure)) => Err(failure.into()),
            Err(Trouble::Fault(fault)) => Err(walk.damage(fault, None).into()),
        }
    }
}
