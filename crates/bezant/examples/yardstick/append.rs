//! The journal alone: batches appended one after the other, each with its write and its `fdatasync`.

use crate::{Failure, say};
use clap::Args;
use journal::{Batch, DumpedRecord, FileJournal, Io, Journal, OsIo, RecordKind};
use std::io::Result;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use telemetry::Histogram;

const PARTITION: u32 = 0;
/// Most batches that are read of a platform's journal.
const BATCHES_MAX: usize = 20_000;

#[derive(Debug, Args)]
pub struct Options {
    /// Folder of the journal to make, on the disk to measure; it must not exist.
    #[arg(long)]
    data: PathBuf,
    /// Append the same batches as a stopped platform's data folder has in its journal.
    #[arg(long)]
    like: PathBuf,
    /// For how many milliseconds; after the last batch the first follows.
    #[arg(long, default_value_t = 1_000)]
    ms: u64,
}

/// One batch to append.
struct Body {
    events: Vec<u8>,
    transfers: Vec<u8>,
    event_count: u32,
}

/// Appends and says how fast it was.
pub fn run(options: &Options) -> std::result::Result<(), Failure> {
    let bodies = batches_of(&options.like)?;
    let syncs = Arc::new(Mutex::new(Histogram::default()));
    let io = TimedIo { io: OsIo::new(&options.data), syncs: Arc::clone(&syncs) };
    let (mut journal, _) = FileJournal::open(io, journal::Options::for_partition(PARTITION))?;
    *syncs.lock().unwrap_or_else(PoisonError::into_inner) = Histogram::default();
    let (mut batches, mut bytes, mut events) = (0_u64, 0_u64, 0_u64);
    let (started, time) = (Instant::now(), Duration::from_millis(options.ms));
    for body in bodies.iter().cycle() {
        if started.elapsed() >= time {
            break;
        }
        let batch = Batch { event_count: body.event_count, events: &body.events, transfers: &body.transfers };
        journal.append(journal.tail().next_seq, 1, batch)?;
        batches += 1;
        events += u64::from(body.event_count);
        bytes += u64::try_from(body.events.len() + body.transfers.len())?;
    }
    let elapsed = started.elapsed();
    let each = bodies.iter().map(payments_of).collect::<std::result::Result<Vec<_>, _>>()?;
    let payments: u64 = each.iter().cycle().take(usize::try_from(batches)?).sum();
    let syncs = syncs.lock().unwrap_or_else(PoisonError::into_inner);
    say(&serde_json::json!({
        "batches": batches,
        "events": events,
        "payments": payments,
        "bytes": bytes,
        "batches_per_s": bezant::bench::load::per_s(batches, elapsed),
        "payments_per_s": bezant::bench::load::per_s(payments, elapsed),
        "fsync_p50_us": syncs.quantile_us(500).unwrap_or(0),
        "fsync_p99_us": syncs.quantile_us(990).unwrap_or(0),
    }));
    Ok(())
}

fn batches_of(folder: &Path) -> std::result::Result<Vec<Body>, Failure> {
    let mut bodies = Vec::new();
    for record in journal::dump(OsIo::new(folder), PARTITION)? {
        let DumpedRecord { kind, events, transfers, event_count, .. } = record?;
        if kind == RecordKind::Batch {
            bodies.push(Body { events, transfers, event_count });
        }
        if bodies.len() == BATCHES_MAX {
            break;
        }
    }
    if bodies.is_empty() {
        return Err(format!("{} holds no batch", folder.display()).into());
    }
    Ok(bodies)
}

/// Payments that a batch creates.
fn payments_of(body: &Body) -> std::result::Result<u64, Failure> {
    let recorded = events::decode_batch(journal::FIRST_SEQ, body.event_count, &body.events, &body.transfers)?;
    let created = recorded.iter().filter(|recorded| recorded.entry.event.kind() == engine::EventKind::PaymentCreated);
    Ok(u64::try_from(created.count())?)
}

/// Real files, with the time of every `fdatasync`.
struct TimedIo {
    io: OsIo,
    syncs: Arc<Mutex<Histogram>>,
}

impl Io for TimedIo {
    type File = <OsIo as Io>::File;
    type Lock = <OsIo as Io>::Lock;

    fn root(&self) -> String {
        self.io.root()
    }

    fn create_dir(&self, dir: &str) -> Result<()> {
        self.io.create_dir(dir)
    }

    fn create_new(&self, path: &str) -> Result<Self::File> {
        self.io.create_new(path)
    }

    fn open(&self, path: &str) -> Result<Self::File> {
        self.io.open(path)
    }

    fn open_read(&self, path: &str) -> Result<Self::File> {
        self.io.open_read(path)
    }

    fn len(&self, file: &Self::File) -> Result<u64> {
        self.io.len(file)
    }

    fn read_at(&self, file: &Self::File, offset: u64, bytes: &mut [u8]) -> Result<()> {
        self.io.read_at(file, offset, bytes)
    }

    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> Result<()> {
        self.io.write_at(file, offset, bytes)
    }

    fn sync_data(&self, file: &Self::File) -> Result<()> {
        let started = Instant::now();
        self.io.sync_data(file)?;
        self.syncs.lock().unwrap_or_else(PoisonError::into_inner).record(started.elapsed());
        Ok(())
    }

    fn sync_dir(&self, dir: &str) -> Result<()> {
        self.io.sync_dir(dir)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.io.rename(from, to)
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.io.remove(path)
    }

    fn list(&self, dir: &str) -> Result<Vec<String>> {
        self.io.list(dir)
    }

    fn lock_exclusive(&self, path: &str) -> Result<Option<Self::Lock>> {
        self.io.lock_exclusive(path)
    }
}
