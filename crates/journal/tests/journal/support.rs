//! What the tests share: small journals, batches, random numbers, folders.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use journal::simio::SimIo;
use journal::{AppendError, Batch, FileJournal, Io, Journal, OpenError, OpenReport, Options, OwnedBatch, Tail};

pub const PARTITION: u32 = 7;

/// Small segments, so that a few batches fill one.
pub fn options() -> Options {
    Options { segment_bytes: 16 * 1024, batch_bytes_max: 8 * 1024, snapshot_bytes_max: 1024 * 1024, ..Options::for_partition(PARTITION) }
}

pub fn open<I: Io + Clone>(io: &I) -> Result<(FileJournal<I>, OpenReport), OpenError> {
    FileJournal::open(io.clone(), options())
}

pub fn open_well(io: &SimIo) -> (FileJournal<SimIo>, OpenReport) {
    open(io).expect("an undamaged journal opens")
}

pub fn append(journal: &mut dyn Journal, events: &[u8]) -> Result<Tail, AppendError> {
    let tail = journal.tail();
    journal.append(tail.next_seq, tail.epoch, Batch { event_count: 2, events, transfers: &[] })
}

pub fn append_well(journal: &mut dyn Journal, events: &[u8]) -> Tail {
    append(journal, events).expect("a legal batch on a working disk is appended")
}

pub fn read_all(journal: &dyn Journal) -> Vec<OwnedBatch> {
    journal.read(0).expect("the start can always be read from").collect::<Result<_, _>>().expect("an undamaged journal reads without error")
}

/// SplitMix64 (Steele, Lea, Flood 2014): a good stream from any seed.
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    pub fn bytes(&mut self, count_max: u64) -> Vec<u8> {
        (0..self.below(count_max + 1)).map(|_| self.number().to_le_bytes()[0]).collect()
    }
}

/// A folder of its own for one test, removed at its end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the target folder is writable");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
