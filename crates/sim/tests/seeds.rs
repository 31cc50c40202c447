//! The promises hold over seeds, each deliberate mistake is seen, and a run repeats itself exactly.

use sim::{Broken, run_seed};

#[test]
fn forty_seeds_keep_every_promise() {
    for seed in 0..40 {
        let report = run_seed(seed, Broken::Nothing);
        assert!(report.violation.is_none(), "{report}");
    }
}

fn assert_caught(broken: Broken) {
    for seed in 0..200 {
        let report = run_seed(seed, broken);
        if let Some(violation) = &report.violation {
            println!("{broken:?} caught at seed {seed}: {}: {}", violation.rule.name(), violation.detail);
            return;
        }
    }
    panic!("{broken:?} was not caught in 200 seeds");
}

#[test]
fn acknowledging_before_the_sync_is_caught() {
    assert_caught(Broken::AckBeforeSync);
}

#[test]
fn a_new_key_on_a_replay_is_caught() {
    assert_caught(Broken::NewKeyOnReplay);
}

#[test]
fn reading_unknown_as_a_decline_is_caught() {
    assert_caught(Broken::UnknownAsDecline);
}

#[test]
fn the_same_seed_gives_the_same_hash_and_another_seed_another() {
    for seed in [0, 7, 4_711] {
        let (first, second) = (run_seed(seed, Broken::Nothing), run_seed(seed, Broken::Nothing));
        assert_eq!((first.hash, first.steps), (second.hash, second.steps), "seed {seed}");
        assert_eq!(first.counters, second.counters, "seed {seed}");
    }
    assert_ne!(run_seed(1, Broken::Nothing).hash, run_seed(2, Broken::Nothing).hash);
}
