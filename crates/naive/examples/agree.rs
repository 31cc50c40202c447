//! Compares the ledger with the model on long random workloads for so many seconds:
//! `cargo run --release -p naive --example agree -- 60`. A second number is the seed to begin with.

use naive::{Met, Random, compare, workload_of};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The most operations of a workload.
const OPERATIONS_MAX: u64 = 3_000;
/// So often the whole states are compared, in operations.
const STATES_EVERY: usize = 50;

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let time_max = Duration::from_secs(numbers.first().copied().unwrap_or(10));
    let (started, mut met, mut operations_count) = (Instant::now(), Met::default(), 0);
    let first = numbers.get(1).copied().unwrap_or(0);
    for seed in first.. {
        if started.elapsed() >= time_max {
            println!("{} workloads agree, {operations_count} operations; statuses never met: {:?}", seed - first, met.missed());
            break;
        }
        let count = usize::try_from(Random::new(seed ^ first).below(OPERATIONS_MAX)).expect("it is small") + 1;
        operations_count += count;
        if let Err(difference) = compare(&workload_of(seed, count), seed, STATES_EVERY, &mut met) {
            println!("workload {seed} of {count} operations: {difference}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
