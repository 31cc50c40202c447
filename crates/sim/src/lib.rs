//! Deterministic simulation of the platform's core: one seed drives clock, disk, network, provider, crashes and clients
//! in one thread, and an independent model judges what came out.
//!
//! Real parts: the partition, key store, request preparation, journal, engine, event encoding, connector, and the
//! provider simulator. Simulated: time, chance, the disk, the network between the two, and the clients. Read [`run_seed`],
//! then `world` (what happens), `platform` (the shell and its duties), `judge` and `books` (what must hold).
//!
//! Other seeds are of the ledgers that merchants keep themselves, with the index of their history and without a provider: read
//! [`run_ledger_seed`] and `ledgers`.
//!
//! Limits of the fault model: the wall clock jumps back by at most ten minutes, far less than a provider remembers an
//! idempotency key; stored journal bytes rot only on copies of the disk, which must be refused.

mod books;
mod chaos;
mod clients;
mod judge;
mod ledgers;
pub mod matrix;
mod network;
mod platform;
mod random;
mod report;
mod world;

pub use ledgers::{LEDGER_FAULT_KINDS, LedgerReport, Mistake, run_ledger_seed};
pub use report::{Broken, Counters, FAULT_KINDS, Report, Rule, TRACE_LINES_KEPT, Violation};

/// Runs one seed. The same seed and mistake give the same report, hash included.
pub fn run_seed(seed: u64, broken: Broken) -> Report {
    world::run(seed, broken)
}
