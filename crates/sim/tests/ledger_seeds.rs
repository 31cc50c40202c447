//! Merchants' ledgers keep every promise over seeds, each deliberate mistake about them is seen, and a run repeats itself exactly.

use sim::{LEDGER_FAULT_KINDS, Mistake, run_ledger_seed};

#[test]
fn twenty_seeds_of_ledgers_keep_every_promise_and_meet_every_fault() {
    let mut met = sim::Counters::default();
    for seed in 0..20 {
        let report = run_ledger_seed(seed, Mistake::None);
        assert!(report.violation.is_none(), "{report}");
        met.merge(&report.counters);
    }
    let missed: Vec<_> = met.rows(&LEDGER_FAULT_KINDS).into_iter().filter(|(_, count)| *count == 0).collect();
    assert!(missed.is_empty(), "never struck: {missed:?}");
}

/// Seeds in which a mistake must be seen.
const SEEDS_MAX: u64 = 24;

#[test]
fn every_deliberate_mistake_about_ledgers_is_caught_within_a_few_seeds() {
    for mistake in Mistake::ALL {
        let caught = (0..SEEDS_MAX).find_map(|seed| run_ledger_seed(seed, mistake).violation.map(|violation| (seed, violation)));
        let Some((seed, violation)) = caught else { panic!("{mistake:?} was not caught in {SEEDS_MAX} seeds") };
        println!("{mistake:?} caught at seed {seed}: {}: {:.200}", violation.rule.name(), violation.detail);
    }
}

#[test]
fn the_same_seed_of_ledgers_gives_the_same_hash_and_another_seed_another() {
    for seed in [0, 7, 4_711] {
        let (first, second) = (run_ledger_seed(seed, Mistake::None), run_ledger_seed(seed, Mistake::None));
        assert_eq!((first.hash, first.steps), (second.hash, second.steps), "seed {seed}");
        assert_eq!(first.counters, second.counters, "seed {seed}");
    }
    assert_ne!(run_ledger_seed(1, Mistake::None).hash, run_ledger_seed(2, Mistake::None).hash);
}
