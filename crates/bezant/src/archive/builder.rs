//! Makes tables of what the index has in memory, and few large ones of many small ones. All of it is beside the hot path, on a
//! thread that rests as long as it works.

use super::index::{Generation, INDEX_DIR, Index, IndexError, about, covered, remove};
use journal::OsIo;
use journal::table::{Layout, Merge, Progress, Table, Writer};
use std::num::NonZeroU8;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How often is looked whether there is something to do.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// So many tables of about the same size become one.
const MERGED_TOGETHER: usize = 8;
/// Keys that a merge takes before it rests.
const STEP_KEYS: u64 = 20_000;
/// The layout of the tables: the filter knows whole keys.
const LAYOUT: Layout = Layout { key_bytes: 21, value_bytes: 8, filter_prefix_bytes: NonZeroU8::new(21) };

/// Builds until `stop` closes. What fails is logged and tried again: until then it stays in memory.
pub fn run(index: &Index, stop: &Receiver<()>) {
    loop {
        match stop.recv_timeout(LOOK_EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
        if let Err(error) = work(index, stop) {
            tracing::error!(%error, "an index could not be written; it stays in memory until it can");
        }
    }
}

/// Does everything there is to do.
fn work(index: &Index, stop: &Receiver<()>) -> Result<(), IndexError> {
    loop {
        let (closed, tables) = index.work();
        if let Some(generation) = closed.first() {
            build(index, generation)?;
        } else if let Some(first) = mergeable(&tables, index.keys_max) {
            if !merge(index, &tables[first..first + MERGED_TOGETHER], stop)? {
                return Ok(());
            }
        } else {
            return Ok(());
        }
    }
}

fn path(first_seq: u64, last_seq: u64) -> String {
    format!("{INDEX_DIR}/{first_seq:020}-{last_seq:020}.ids")
}

/// Writes a generation as a table, and puts the table into its place.
fn build(index: &Index, generation: &Arc<Generation>) -> Result<(), IndexError> {
    let mut entries: Vec<(&[u8; 21], &u64)> = generation.places.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| **key);
    let (first_seq, last_seq) = (generation.first_seq, generation.last_seq);
    let path = path(first_seq, last_seq);
    let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    let mut writer = Writer::create(&index.io, &path, LAYOUT, about(first_seq, last_seq), count)?;
    for (key, place) in entries {
        writer.push(key, &place.to_be_bytes())?;
    }
    writer.finish()?;
    let table = Arc::new(Table::open(&index.io, &path)?);
    let mut inner = index.write();
    inner.closed.retain(|other| !Arc::ptr_eq(other, generation));
    let tables = Arc::make_mut(&mut inner.tables);
    let at = tables.partition_point(|other| covered(other).0 < first_seq);
    tables.insert(at, table);
    Ok(())
}

/// The first of so many tables side by side that are of one size.
fn mergeable(tables: &[Arc<Table<OsIo>>], keys_max: usize) -> Option<usize> {
    let class = |table: &Table<OsIo>| size_class(table, keys_max);
    let are_alike = |some: &[Arc<Table<OsIo>>]| some.iter().all(|table| class(table) == class(&some[0]));
    let touch = |some: &[Arc<Table<OsIo>>]| some.windows(2).all(|two| covered(&two[0]).1 + 1 == covered(&two[1]).0);
    tables.windows(MERGED_TOGETHER).position(|some| are_alike(some) && touch(some))
}

/// How often tables of the smallest size were merged to give one of this size.
fn size_class(table: &Table<OsIo>, keys_max: usize) -> u32 {
    let smallest = u64::try_from(keys_max).unwrap_or(u64::MAX).max(1);
    (table.entry_count() / smallest).max(1).ilog(8)
}

/// Merges tables into one that takes their place; `false` when it was told to stop before it was done.
fn merge(index: &Index, inputs: &[Arc<Table<OsIo>>], stop: &Receiver<()>) -> Result<bool, IndexError> {
    let (first_seq, last_seq) = (covered(&inputs[0]).0, covered(&inputs[inputs.len() - 1]).1);
    let path = path(first_seq, last_seq);
    let mut merge = Merge::start(&index.io, &path, inputs, about(first_seq, last_seq))?;
    loop {
        let started = Instant::now();
        if let Progress::Done(_) = merge.step(STEP_KEYS)? {
            break;
        }
        match stop.recv_timeout(started.elapsed()) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(false),
        }
    }
    let table = Arc::new(Table::open(&index.io, &path)?);
    let mut inner = index.write();
    let tables = Arc::make_mut(&mut inner.tables);
    tables.retain(|other| !inputs.iter().any(|input| Arc::ptr_eq(input, other)));
    let at = tables.partition_point(|other| covered(other).0 < first_seq);
    tables.insert(at, table);
    drop(inner);
    for input in inputs {
        remove(&index.io, input.path());
    }
    Ok(true)
}
