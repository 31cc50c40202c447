//! Makes tables of what the index has in memory, and few large ones of many small ones. All of it is beside the hot path, on
//! threads of its own; the one that merges rests as long as it works.

use super::index::{Generation, IDS, Index, IndexError, Key, LINES, Pair, Tables, about, key_parts, path, remove_pair};
use super::lines::{self, Line};
use crate::beside;
use journal::OsIo;
use journal::table::{Layout, Merge, Progress, Table, Values, Writer};
use std::num::NonZeroU8;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How often is looked whether there is something to do.
const LOOK_EVERY: Duration = Duration::from_millis(100);
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
pub fn run(index: &Index, stop: &Receiver<()>) {
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
    while stop.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        if let Err(error) = work() {
            tracing::error!(%error, "an index could not be written; it stays in memory, or as it is, until it can");
        }
    }
}

/// Does everything there is to do now.
///
/// # Errors
/// See [`IndexError`].
pub fn work_off(index: &Index) -> Result<(), IndexError> {
    let (_sender, stop) = channel();
    build_all(index)?;
    merge_all(index, &stop)?;
    build_all(index) // what merging found damaged
}

/// Writes all generations that are closed and durable.
fn build_all(index: &Index) -> Result<(), IndexError> {
    loop {
        index.make_room();
        let (closed, _) = index.work();
        let Some(generation) = closed.into_iter().next() else { return Ok(()) };
        build(index, &generation)?;
        // Nobody else has it any more, unless it is being healed.
        if let Some(built) = Arc::into_inner(generation) {
            index.reuse(built.places);
        }
    }
}

/// Merges all tables that are ripe for it.
fn merge_all(index: &Index, stop: &Receiver<()>) -> Result<(), IndexError> {
    loop {
        let (_, tables) = index.work();
        let Some(first) = mergeable(&tables, index.keys_max) else { return Ok(()) };
        let inputs = &tables[first..first + MERGED_TOGETHER];
        match merge(index, inputs, stop) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(IndexError::Table(error)) if !error.retryable() => {
                tracing::warn!(%error, "damaged indexes are made again from the journal");
                for input in inputs {
                    index.heal(input)?;
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Writes a generation as tables, and puts them into its place.
fn build(index: &Index, generation: &Arc<Generation>) -> Result<(), IndexError> {
    let (first_seq, last_seq) = (generation.first_seq, generation.last_seq);
    let about = about(first_seq, last_seq);
    let mut entries: Vec<(Key, u64)> = generation.places.iter().map(|(key, place)| (*key, *place)).collect();
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

fn put(tables: &mut Tables, pair: Arc<Pair>) {
    let tables = Arc::make_mut(tables);
    let at = tables.partition_point(|other| other.covered().0 < pair.covered().0);
    tables.insert(at, pair);
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The first of so many tables side by side that are of one size.
fn mergeable(tables: &[Arc<Pair>], keys_max: usize) -> Option<usize> {
    let class = |pair: &Pair| size_class(pair, keys_max);
    let are_alike = |some: &[Arc<Pair>]| some.iter().all(|pair| class(pair) == class(&some[0]));
    let touch = |some: &[Arc<Pair>]| some.windows(2).all(|two| two[0].covered().1 + 1 == two[1].covered().0);
    tables.windows(MERGED_TOGETHER).position(|some| are_alike(some) && touch(some))
}

/// How often tables of the smallest size were merged to give one of this size.
fn size_class(pair: &Pair, keys_max: usize) -> u32 {
    let smallest = u64::try_from(keys_max).unwrap_or(u64::MAX).max(1);
    (pair.ids.entry_count() / smallest).max(1).ilog(8)
}

/// Merges tables into ones that take their place; `false` when it was told to stop before it was done.
fn merge(index: &Index, inputs: &[Arc<Pair>], stop: &Receiver<()>) -> Result<bool, IndexError> {
    let (first_seq, last_seq) = (inputs[0].covered().0, inputs[inputs.len() - 1].covered().1);
    for ending in [IDS, LINES] {
        let tables: Result<Vec<_>, _> = inputs.iter().map(|pair| reopened(index, pair, ending)).collect();
        let merge = Merge::start(&index.io, &path(first_seq, last_seq, ending), &tables?, about(first_seq, last_seq))?;
        if !run_slowly(merge, stop)? {
            return Ok(false);
        }
    }
    let pair = Arc::new(Pair::open(&index.io, first_seq, last_seq)?);
    let mut inner = index.write();
    let is_there = |input: &Arc<Pair>| inner.tables.iter().any(|table| Arc::ptr_eq(input, table));
    if !inputs.iter().all(is_there) {
        // A reader found one damaged meanwhile, and its events are read again: they must not be in two places.
        drop(inner);
        drop(pair);
        remove_pair(&index.io, first_seq, last_seq);
        return Ok(true);
    }
    Arc::make_mut(&mut inner.tables).retain(|other| !inputs.iter().any(|input| Arc::ptr_eq(input, other)));
    put(&mut inner.tables, pair);
    drop(inner);
    for input in inputs {
        let (first_seq, last_seq) = input.covered();
        remove_pair(&index.io, first_seq, last_seq);
    }
    Ok(true)
}

/// A table of its own for a merge, which holds its inputs longer than anybody looks into them.
fn reopened(index: &Index, pair: &Pair, ending: &str) -> Result<Arc<Table<OsIo>>, IndexError> {
    let (first_seq, last_seq) = pair.covered();
    Ok(Arc::new(Table::open(&index.io, &path(first_seq, last_seq, ending))?))
}

/// Merges in steps, and rests as long after each as it took; `false` when it was told to stop.
fn run_slowly(mut merge: Merge<OsIo>, stop: &Receiver<()>) -> Result<bool, IndexError> {
    loop {
        let started = Instant::now();
        if let Progress::Done(_) = merge.step(STEP_KEYS)? {
            return Ok(true);
        }
        match stop.recv_timeout(started.elapsed()) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(false),
        }
    }
}
