//! Keeps the read models up with the journal. They are disposable: whatever goes wrong here loses nothing, and lists
//! are only late.

use crate::partition::{self, Skips};
use crate::sequencer::Durable;
use journal::{OsIo, Reader};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use tokio::sync::watch;
use views::Writer;

/// Batches that may wait before the rest is read from the journal instead.
pub const BATCHES_QUEUED_MAX: usize = 4_096;
/// Most events applied in one transaction.
const EVENTS_PER_TRANSACTION: usize = 8_192;
/// How long to wait after a failure, and how often to look for what was missed.
const PATIENCE: Duration = Duration::from_millis(200);

/// Runs until the other side closes. `applied` says how far the rows are.
pub fn run(
    mut writer: Writer,
    path: &Path,
    reader: &Reader<OsIo>,
    skips: &Skips,
    durable: &Receiver<Durable>,
    applied: &watch::Sender<u64>,
) {
    loop {
        let outcome = catch_up(&mut writer, reader, skips, applied).and_then(|()| follow(&mut writer, durable, applied));
        match outcome {
            Ok(Followed::Missed) => {}
            Ok(Followed::Closed) => return,
            Err(error) => {
                tracing::error!(%error, "the read models fell behind; trying again");
                std::thread::sleep(PATIENCE);
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

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Views(#[from] views::Error),
    #[error(transparent)]
    Read(#[from] journal::ReadError),
    #[error(transparent)]
    Load(#[from] partition::LoadError),
}

/// Applies everything in the journal after the rows.
fn catch_up(writer: &mut Writer, reader: &Reader<OsIo>, skips: &Skips, applied: &watch::Sender<u64>) -> Result<(), Error> {
    let mut recorded = Vec::new();
    for batch in reader.read(writer.applied_seq() + 1)? {
        let mut events = partition::decode(&batch?)?;
        skips.pass_over(&mut events);
        recorded.extend(events);
        if recorded.len() >= EVENTS_PER_TRANSACTION {
            applied.send_replace(writer.apply(&recorded)?);
            recorded.clear();
        }
    }
    applied.send_replace(writer.apply(&recorded)?);
    Ok(())
}

/// Applies batches as they become durable, as many at a time as wait.
fn follow(writer: &mut Writer, durable: &Receiver<Durable>, applied: &watch::Sender<u64>) -> Result<Followed, Error> {
    loop {
        let first = match durable.recv_timeout(PATIENCE) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => return Ok(Followed::Missed),
            Err(RecvTimeoutError::Disconnected) => return Ok(Followed::Closed),
        };
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
            next = if recorded.len() < EVENTS_PER_TRANSACTION { durable.try_recv().ok() } else { None };
        }
        applied.send_replace(writer.apply(&recorded)?);
    }
}
