//! The ledger against the model, on random workloads.

use naive::{Met, compare, workload, workload_of};

/// So many short workloads.
const SEEDS: u64 = 10_000;

#[test]
fn ten_thousand_short_workloads_are_answered_as_the_model_answers_and_meet_every_status() {
    let mut met = Met::default();
    for seed in 0..SEEDS {
        compare(&workload(seed), seed, 1, &mut met).unwrap_or_else(|difference| panic!("workload {seed}: {difference}"));
    }
    assert!(met.missed().is_empty(), "no workload meets {:?}", met.missed());
}

#[test]
fn a_few_long_workloads_are_answered_as_the_model_answers() {
    for seed in 0..20 {
        let operations = workload_of(seed, 500);
        compare(&operations, seed, 25, &mut Met::default()).unwrap_or_else(|difference| panic!("workload {seed}: {difference}"));
    }
}
