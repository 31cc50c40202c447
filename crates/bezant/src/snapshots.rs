//! Snapshots bound the time of a restart. They are made beside the hot path: the journal after the last snapshot is
//! replayed onto it and the result saved.

use crate::installation::LastDigest;
use crate::partition::{self, LoadError, Skips};
use api::StateFacts;
use engine::State;
use journal::{Io, OsIo, Reader, SnapshotStore, Tail};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// A snapshot is made when at least this many events came after the last one.
pub const EVENTS_BETWEEN: u64 = 200_000;
/// Or when at least this many segments of the journal were begun after it: an event may hold thousands of transfers.
const SEGMENTS_BETWEEN: usize = 8;
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Makes snapshots until `stop` closes. A failure is logged and tried again later: the journal alone is the truth.
pub fn run(reader: &Reader<OsIo>, store: &SnapshotStore<OsIo>, skips: &Skips, digest: &LastDigest, stop: &Receiver<()>) {
    loop {
        match stop.recv_timeout(LOOK_EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
        let newest_seq = store.list().first().map_or(1, |snapshot| snapshot.next_seq);
        if !is_due(reader, newest_seq) {
            continue;
        }
        let started = Instant::now();
        match make(reader, store, skips) {
            Ok((at, facts)) => {
                digest.keep(facts);
                metrics::histogram!(telemetry::names::SNAPSHOT_DURATION_SECONDS).record(started.elapsed().as_secs_f64());
                tracing::info!(seq = at.next_seq, "snapshot made");
            }
            Err(error) => tracing::error!(%error, "no snapshot could be made; a restart will replay more of the journal"),
        }
    }
}

/// Whether enough came after a snapshot at `newest_seq`.
fn is_due(reader: &Reader<OsIo>, newest_seq: u64) -> bool {
    let (segments, _) = reader.segments(SEGMENTS_BETWEEN);
    let begun_after = segments.iter().filter(|segment| segment.first_seq >= newest_seq).count();
    reader.tail().next_seq.saturating_sub(newest_seq) >= EVENTS_BETWEEN || begun_after >= SEGMENTS_BETWEEN
}

/// Why no snapshot was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal could not be replayed.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The journal could not be read.
    #[error(transparent)]
    Read(#[from] journal::ReadError),
    /// The snapshot could not be saved.
    #[error(transparent)]
    Save(#[from] journal::SnapshotError),
}

/// Replays the journal onto the newest sound snapshot and saves the result; where that is, and the state's digest.
///
/// # Errors
/// See [`Error`].
pub fn make<I: Io>(reader: &Reader<I>, store: &SnapshotStore<I>, skips: &Skips) -> Result<(Tail, StateFacts), Error> {
    let mut state = newest(store).unwrap_or_default();
    let mut at = Tail::GENESIS;
    for batch in reader.read(state.next_seq)? {
        let batch = batch?;
        partition::replay(&mut state, &batch, skips)?;
        at = batch.tail();
    }
    let encoded = events::snapshot::encode(&state);
    if at != Tail::GENESIS {
        store.save(&at, &encoded)?;
    }
    Ok((at, StateFacts { digest: events::snapshot::digest_of_encoded(&encoded), seq: state.next_seq - 1 }))
}

fn newest<I: Io>(store: &SnapshotStore<I>) -> Option<State> {
    store.list().iter().find_map(|snapshot| {
        let (_, bytes) = store.load(snapshot).ok()?;
        events::snapshot::decode(&bytes).ok()
    })
}
