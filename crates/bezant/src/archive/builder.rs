//! Makes tables of what the index has in memory, and few large ones of many small ones. All of it is beside the hot path, on
//! threads of its own; the one that merges rests as long as it works.

use super::index::{Generation, IDS, Index, IndexError, Key, LINES, Pair, Tables, about, is_superseded, key_parts, path, remove_pair};
use super::lines::{self, Line};
use super::marks;
use crate::beside;
use journal::Io;
use journal::table::{self, Layout, Merge, Progress, Table, Values, Writer};
use std::io::ErrorKind;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How often is looked whether there is something to do.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// When it is looked again after a failure.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// So many tables of about the same size become one.
const MERGED_TOGETHER: usize = 8;
/// Keys that a merge takes before it rests.
const STEP_KEYS: u64 = 20_000;
/// The layout of tables of ids: the filter knows whole keys.
pub(super) const IDS_LAYOUT: Layout = Layout { key_bytes: 21, values: Values::Fixed(8), filter_prefix_bytes: NonZeroU8::new(21) };
/// The layout of tables of lines: the filter knows accounts.
pub(super) const LINES_LAYOUT: Layout = Layout { key_bytes: 29, values: Values::UpTo(77), filter_prefix_bytes: NonZeroU8::new(20) };
const _: () = assert!(lines::KEY_BYTES == 29 && lines::VALUE_BYTES_MAX == 77 && lines::ACCOUNT_BYTES == 20);

/// Builds until `stop` closes, and merges meanwhile. What fails is logged and tried again: until then it stays in memory, or as it
/// is. Memory waits for what is built; for what is merged nobody waits, and a large merge takes many times as long as filling a
/// generation, so each has a thread of its own.
pub fn run<I: Io + Clone>(index: &Index<I>, stop: &Receiver<()>) {
    std::thread::scope(|scope| {
        let (_stop_merging, merging_stopped) = channel::<()>();
        let merging = move || {
            beside::yield_to_others();
            work_until_stopped(&merging_stopped, || merge_all(index, &merging_stopped));
        };
        if let Err(error) = std::thread::Builder::new().name("merges".into()).spawn_scoped(scope, merging) {
            tracing::error!(%error, "indexes are not merged until the next start");
        }
        work_until_stopped(stop, || build_all(index));
    });
}

fn work_until_stopped(stop: &Receiver<()>, work: impl Fn() -> Result<(), IndexError>) {
    let mut pause = LOOK_EVERY;
    while stop.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        pause = match work() {
            Ok(()) => LOOK_EVERY,
            Err(error) => {
                tracing::error!(%error, "an index could not be written; it stays in memory, or as it is, until it can");
                AGAIN_AFTER
            }
        };
    }
}

/// Does everything there is to do now.
///
/// # Errors
/// See [`IndexError`].
pub fn work_off<I: Io + Clone>(index: &Index<I>) -> Result<(), IndexError> {
    build_all(index)?;
    while let Some(mut merging) = Merging::due(index)? {
        while !merging.step(index, STEP_KEYS)? {}
    }
    build_all(index) // what merging found damaged
}

/// Writes all generations that are closed and durable.
fn build_all<I: Io + Clone>(index: &Index<I>) -> Result<(), IndexError> {
    index.make_room();
    while build_next(index)? {
        index.make_room();
    }
    Ok(())
}

/// Writes the oldest generation that is closed and durable; `false` when there is none.
///
/// # Errors
/// See [`IndexError`]. It stays in memory then, and may be written later.
pub fn build_next<I: Io + Clone>(index: &Index<I>) -> Result<bool, IndexError> {
    let (closed, _) = index.work();
    let Some(generation) = closed.into_iter().next() else { return Ok(false) };
    build(index, &generation)?;
    // Nobody else has it any more, unless it is being healed.
    if let Some(built) = Arc::into_inner(generation) {
        index.reuse(built.places);
    }
    Ok(true)
}

/// Merges all tables that are ripe for it, in steps, and rests as long after each as it took.
fn merge_all<I: Io + Clone>(index: &Index<I>, stop: &Receiver<()>) -> Result<(), IndexError> {
    while let Some(mut merging) = Merging::due(index)? {
        loop {
            let started = Instant::now();
            if merging.step(index, STEP_KEYS)? {
                break;
            }
            match stop.recv_timeout(started.elapsed()) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }
    Ok(())
}

/// Writes a generation as tables, and puts them into its place.
fn build<I: Io + Clone>(index: &Index<I>, generation: &Arc<Generation>) -> Result<(), IndexError> {
    let (first_seq, last_seq) = (generation.first_seq, generation.last_seq);
    let about = about(first_seq, last_seq);
    let marks = generation.marks.iter().map(|mark| (*mark, marks::place_of(mark).number()));
    let mut entries: Vec<(Key, u64)> = generation.places.iter().map(|(key, place)| (*key, *place)).chain(marks).collect();
    entries.sort_unstable_by_key(|(key, _)| key_parts(key));
    let mut writer = Writer::create(&index.io, &path(first_seq, last_seq, IDS), IDS_LAYOUT, about, count(entries.len()))?;
    for (key, place) in &entries {
        writer.push(key, &place.to_be_bytes())?;
    }
    writer.finish()?;
    let mut lines: Vec<Line> = generation.lines.iter().flat_map(|piece| piece.iter().copied()).collect();
    lines.sort_unstable_by_key(Line::order);
    let mut writer = Writer::create(&index.io, &path(first_seq, last_seq, LINES), LINES_LAYOUT, about, count(lines.len()))?;
    lines::entries(&lines, |key, value| writer.push(key, value))?;
    writer.finish()?;
    let pair = Arc::new(Pair::open(&index.io, first_seq, last_seq)?);
    let mut inner = index.write();
    inner.closed.retain(|other| !Arc::ptr_eq(other, generation));
    put(&mut inner.tables, pair);
    Ok(())
}

fn put<I: Io + Clone>(tables: &mut Tables<I>, pair: Arc<Pair<I>>) {
    let tables = Arc::make_mut(tables);
    let at = tables.partition_point(|other| other.covered().0 < pair.covered().0);
    tables.insert(at, pair);
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The first of so many tables side by side that are of one size.
fn mergeable<I: Io + Clone>(tables: &[Arc<Pair<I>>], keys_max: usize) -> Option<usize> {
    let class = |pair: &Pair<I>| size_class(pair, keys_max);
    let are_alike = |some: &[Arc<Pair<I>>]| some.iter().all(|pair| class(pair) == class(&some[0]));
    let touch = |some: &[Arc<Pair<I>>]| some.windows(2).all(|two| two[0].covered().1 + 1 == two[1].covered().0);
    tables.windows(MERGED_TOGETHER).position(|some| are_alike(some) && touch(some))
}

/// How often tables of the smallest size were merged to give one of this size.
fn size_class<I: Io>(pair: &Pair<I>, keys_max: usize) -> u32 {
    let smallest = u64::try_from(keys_max).unwrap_or(u64::MAX).max(1);
    (pair.ids.entry_count() / smallest).max(1).ilog(8)
}

/// A merge under way: of tables of ids, then of those of lines beside them. Dropped before it is over, it changed nothing.
pub struct Merging<I: Io> {
    inputs: Vec<Arc<Pair<I>>>,
    ending: &'static str,
    merge: Merge<I>,
}

impl<I: Io + Clone> Merging<I> {
    /// Begins the merge that is due; `None` when none is. Inputs that are damaged are made again from the journal instead.
    ///
    /// # Errors
    /// See [`IndexError`]; everything is as it was.
    pub fn due(index: &Index<I>) -> Result<Option<Self>, IndexError> {
        loop {
            let (_, tables) = index.work();
            let Some(first) = mergeable(&tables, index.keys_max) else { return Ok(None) };
            let inputs = tables[first..first + MERGED_TOGETHER].to_vec();
            match begin(index, &inputs, IDS) {
                Ok(merge) => return Ok(Some(Self { inputs, ending: IDS, merge })),
                Err(error) => heal_damaged(index, &inputs, error)?,
            }
        }
    }

    /// Takes so many keys of the inputs; `true` when the merge is over, and perhaps another one due.
    ///
    /// # Errors
    /// See [`IndexError`]; everything is as it was before the merge, which cannot go on.
    pub fn step(&mut self, index: &Index<I>, keys_count: u64) -> Result<bool, IndexError> {
        let stepped = match self.merge.step(keys_count) {
            Ok(Progress::Working { .. }) => return Ok(false),
            Ok(Progress::Done(_)) if self.ending == IDS => begin(index, &self.inputs, LINES).map(Some),
            Ok(Progress::Done(_)) => replace(index, &self.inputs).map(|()| None),
            Err(error) => Err(error.into()),
        };
        match stepped {
            Ok(Some(merge)) => {
                (self.ending, self.merge) = (LINES, merge);
                Ok(false)
            }
            Ok(None) => Ok(true),
            Err(error) => heal_damaged(index, &self.inputs, error).map(|()| true),
        }
    }
}

/// The events that tables side by side cover.
fn covered<I: Io + Clone>(inputs: &[Arc<Pair<I>>]) -> (u64, u64) {
    (inputs[0].covered().0, inputs[inputs.len() - 1].covered().1)
}

/// Begins to merge the tables with an ending. A merge has tables of its own: it holds its inputs longer than anybody looks into them.
fn begin<I: Io + Clone>(index: &Index<I>, inputs: &[Arc<Pair<I>>], ending: &str) -> Result<Merge<I>, IndexError> {
    let reopened = |pair: &Arc<Pair<I>>| {
        let (first_seq, last_seq) = pair.covered();
        Table::open(&index.io, &path(first_seq, last_seq, ending)).map(Arc::new)
    };
    let tables: Vec<_> = inputs.iter().map(reopened).collect::<Result<_, _>>()?;
    let (first_seq, last_seq) = covered(inputs);
    let merge = Merge::start(&index.io, &path(first_seq, last_seq, ending), &tables, about(first_seq, last_seq))?;
    Ok(if ending == IDS { merge.superseding(is_superseded) } else { merge })
}

/// Puts merged tables into the place of their inputs.
fn replace<I: Io + Clone>(index: &Index<I>, inputs: &[Arc<Pair<I>>]) -> Result<(), IndexError> {
    let (first_seq, last_seq) = covered(inputs);
    let pair = Arc::new(Pair::open(&index.io, first_seq, last_seq)?);
    let mut inner = index.write();
    let is_there = |input: &Arc<Pair<I>>| inner.tables.iter().any(|table| Arc::ptr_eq(input, table));
    if !inputs.iter().all(is_there) {
        // A reader found one damaged meanwhile, and its events are read again: they must not be in two places.
        drop(inner);
        drop(pair);
        remove_pair(&index.io, first_seq, last_seq);
        return Ok(());
    }
    Arc::make_mut(&mut inner.tables).retain(|other| !inputs.iter().any(|input| Arc::ptr_eq(input, other)));
    put(&mut inner.tables, pair);
    drop(inner);
    for input in inputs {
        let (first_seq, last_seq) = input.covered();
        remove_pair(&index.io, first_seq, last_seq);
    }
    Ok(())
}

/// Makes the inputs of a merge again from the journal when damage is why it failed, or the loss of one.
fn heal_damaged<I: Io + Clone>(index: &Index<I>, inputs: &[Arc<Pair<I>>], error: IndexError) -> Result<(), IndexError> {
    match error {
        IndexError::Table(error) if !error.retryable() || is_lost(&error) => {
            tracing::warn!(%error, "damaged indexes are made again from the journal");
            inputs.iter().try_for_each(|input| index.heal(input).map(drop))
        }
        error => Err(error),
    }
}

/// Whether a table is not where it was. Who has it open still reads it, but another try to open it finds it as little.
fn is_lost(error: &table::Error) -> bool {
    matches!(error, table::Error::Io(failure) if failure.operation == "open" && failure.source.kind() == ErrorKind::NotFound)
}
