//! Merchants' own ledgers under the same faults as payments, and more: requests of all kinds, an index of small generations, merges
//! and snapshots, on a disk that crashes, tears, loses, misdirects and rots. A naive model says what must come of it.
//!
//! Real parts: the partition, the ledger, the index with its builder, its merges and its readers, the snapshots, the journal and
//! the encoding of events. Simulated: time, chance, the disk, threads (one step of anybody's at a time) and the merchants. Read
//! `world` (what happens), then `model` and `judge` (what must hold), then `damage` (what must be refused).

mod damage;
mod disk;
mod judge;
mod mistakes;
mod model;
mod shell;
mod workload;
mod world;

pub use mistakes::Mistake;
pub use world::{LEDGER_FAULT_KINDS, LedgerReport};

/// Runs one seed. The same seed and mistake give the same report, hash included.
pub fn run_ledger_seed(seed: u64, mistake: Mistake) -> LedgerReport {
    world::run(seed, mistake)
}
