//! Keeps the read models up with the journal. They are disposable: whatever goes wrong here loses nothing, and lists
//! are only late.

use crate::partition::{self, Skips};
use crate::sequencer::Durable;
use journal::{OsIo, Reader};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use views::Writer;

/// Batches that may wait before the rest is read from the journal instead.
pub const BATCHES_QUEUED_MAX: usize = 4_096;
/// Most events applied in one transaction.
const EVENTS_PER_TRANSACTION: usize = 8_192;
/// How long to wait after a failure, and how often to look for what was missed.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long rows may wait for more to come when nobody asks for them. A transaction writes whole pages, so that one for many
/// payments costs little more than one for each of them.
const GATHER_MAX: Duration = Duration::from_millis(50);
/// How often to look for more batches meanwhile. To be woken by each would cost more than to take them.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The newest sequence number whose rows somebody waits for, and the thread that writes them.
#[derive(Debug, Default)]
pub struct Wanted {
    seq: AtomicU64,
    writer: OnceLock<Thread>,
}

impl Wanted {
    /// Asks for the rows up to this event without delay.
    pub fn ask(&self, seq: u64) {
        // Either the writer sees the number when it looks next, or it is woken: unpark and park synchronise.
        if self.seq.fetch_max(seq, Ordering::Relaxed) < seq {
            self.writer.get().inspect(|writer| writer.unpark());
        }
    }

    fn is_beyond(&self, applied_seq: u64) -> bool {
        self.seq.load(Ordering::Relaxed) > applied_seq
    }
}

/// Runs until the other side closes. `applied` says how far the rows are.
pub fn run(
    mut writer: Writer,
    path: &Path,
    reader: &Reader<OsIo>,
    skips: &Skips,
    durable: &Receiver<Durable>,
    applied: &watch::Sender<u64>,
    wanted: &Wanted,
) {
    wanted.writer.get_or_init(thread::current);
    loop {
        let outcome = catch_up(&mut writer, reader, skips, |seq| {
            applied.send_replace(seq);
        })
        .and_then(|()| follow(&mut writer, durable, applied, wanted));
        match outcome {
            Ok(Followed::Missed) => {}
            Ok(Followed::Closed) => return,
            Err(error) => {
                tracing::error!(%error, "the read models fell behind; trying again");
                thread::sleep(PATIENCE);
                writer = match reopen(writer, path, &error) {
                    Ok(writer) => writer,
                    Err(error) => {
                        tracing::error!(%error, "the read models cannot be written; lists are stale until a restart");
                        return;
                    }
                };
            }
        }
    }
}

fn reopen(writer: Writer, path: &Path, error: &Error) -> Result<Writer, views::Error> {
    match error {
        Error::Views(error) if error.is_damage() => writer.discard(),
        Error::Views(_) | Error::Read(_) | Error::Load(_) => {
            drop(writer);
            Writer::open(path)
        }
    }
}

enum Followed {
    /// Something is in the journal that did not come this way.
    Missed,
    /// Nothing will come any more.
    Closed,
}

/// Why rows could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// They could not be written.
    #[error(transparent)]
    Views(#[from] views::Error),
    /// The journal could not be read.
    #[error(transparent)]
    Read(#[from] journal::ReadError),
    /// A batch could not be decoded.
    #[error(transparent)]
    Load(#[from] partition::LoadError),
}

/// Applies everything in the journal after the rows; `applied` hears how far they are, at least once.
///
/// # Errors
/// See [`Error`]. What was applied stays.
pub fn catch_up(writer: &mut Writer, reader: &Reader<OsIo>, skips: &Skips, mut applied: impl FnMut(u64)) -> Result<(), Error> {
    let mut recorded = Vec::new();
    for batch in reader.read(writer.applied_seq() + 1)? {
        let mut events = partition::decode(&batch?)?;
        skips.pass_over(&mut events);
        recorded.extend(events);
        if recorded.len() >= EVENTS_PER_TRANSACTION {
            applied(writer.apply(&recorded)?);
            recorded.clear();
        }
    }
    applied(writer.apply(&recorded)?);
    Ok(())
}

/// Applies batches as they become durable, as many at a time as come until somebody asks for their rows.
fn follow(writer: &mut Writer, durable: &Receiver<Durable>, applied: &watch::Sender<u64>, wanted: &Wanted) -> Result<Followed, Error> {
    loop {
        let first = match durable.recv_timeout(PATIENCE) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => return Ok(Followed::Missed),
            Err(RecvTimeoutError::Disconnected) => return Ok(Followed::Closed),
        };
        let apply_at = Instant::now() + GATHER_MAX;
        let mut recorded = Vec::new();
        let mut next = Some(first);
        while let Some(batch) = next {
            let expected = recorded.last().map_or(writer.applied_seq() + 1, |last: &events::Recorded| last.seq + 1);
            if batch.first_seq > expected {
                return Ok(Followed::Missed);
            }
            recorded.extend(partition::decode_sections(
                batch.first_seq,
                batch.batch.event_count,
                &batch.batch.events,
                &batch.batch.transfers,
            )?);
            next = if recorded.len() < EVENTS_PER_TRANSACTION { gather(durable, writer.applied_seq(), wanted, apply_at) } else { None };
        }
        applied.send_replace(writer.apply(&recorded)?);
    }
}

/// The next batch that goes into the same transaction; `None` when it is time to write.
fn gather(durable: &Receiver<Durable>, applied_seq: u64, wanted: &Wanted, apply_at: Instant) -> Option<Durable> {
    loop {
        match durable.try_recv() {
            Ok(batch) => return Some(batch),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        let left = apply_at.saturating_duration_since(Instant::now());
        if left.is_zero() || wanted.is_beyond(applied_seq) {
            return None;
        }
        thread::park_timeout(left.min(LOOK_EVERY));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{Wanted, gather};
    use crate::sequencer::Durable;
    use events::EncodedBatch;
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    const LONG: Duration = Duration::from_secs(3_600);

    fn batch(first_seq: u64) -> Durable {
        let batch = EncodedBatch { event_count: 1, events: Vec::new(), transfers: Vec::new() };
        Durable { first_seq, batch: Arc::new(batch) }
    }

    #[test]
    fn what_waits_is_taken_whoever_asks_and_whatever_the_time() {
        let (sender, receiver) = channel();
        let wanted = Wanted::default();
        wanted.ask(9);
        sender.send(batch(3)).unwrap();
        assert_eq!(gather(&receiver, 2, &wanted, Instant::now()).map(|batch| batch.first_seq), Some(3));
        assert!(gather(&receiver, 2, &wanted, Instant::now()).is_none());
    }

    #[test]
    fn rows_that_somebody_asks_for_are_written_without_waiting_for_more() {
        let (_sender, receiver) = channel();
        let wanted = Wanted::default();
        wanted.ask(3);
        wanted.ask(1);
        assert!(gather(&receiver, 2, &wanted, Instant::now() + LONG).is_none());
    }

    #[test]
    fn rows_that_nobody_asks_for_wait_for_more_until_nothing_can_come() {
        let (sender, receiver) = channel();
        let wanted = Wanted::default();
        wanted.ask(2); // and was served
        let sending = std::thread::spawn(move || sender.send(batch(3)).unwrap());
        assert_eq!(gather(&receiver, 2, &wanted, Instant::now() + LONG).map(|batch| batch.first_seq), Some(3));
        sending.join().unwrap();
        assert!(gather(&receiver, 2, &wanted, Instant::now() + LONG).is_none());
    }
}
