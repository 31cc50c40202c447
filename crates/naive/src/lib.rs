//! A second ledger to judge the first one by, and workloads to try both on.
//!
//! Written from the rules alone, without a look at how the `ledger` crate decides: ordered maps, loops over everything, and a
//! copy of the whole ledger before each chain. It shares the plain records and the names of the statuses with that crate and
//! nothing else. Slow on purpose, and never part of the platform: tests and the simulation link it.
//!
//! * [`Ledger`] is the model: accounts, transfers, expiry, and history by filter.
//! * [`Run`] is what `bezant ledger run` does with a file: a clock, operations, answers. [`json`] writes both down.
//! * [`workload`] makes a random workload from a seed; over some thousands of seeds every status is met.
//! * [`compare`] does a workload with both and names the first difference.
//!
//! Read first: `transfers.rs`.

mod accounts;
mod compare;
mod history;
pub mod json;
mod ledger;
mod random;
mod run;
mod transfers;
mod workload;

pub use crate::ledger::Ledger;
pub use compare::{Met, compare};
pub use history::{Balance, Filter};
pub use random::Random;
pub use run::{Answer, CLOCK_START_NS, Operation, Run};
pub use workload::{workload, workload_of};
