//! Every story of a payment against every fault of its provider and every order of its webhooks: all of them with one
//! fault, and two thousand drawn combinations, with restarts among them. What a run must come to is said in `sim::matrix`.

use engine::EventKind;
use sandbox::stripe::{FaultKind, WebhookFaultKind};
use sim::matrix::{Disorder, Plan, STORIES, Story, Strike, Verdict, run};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Which of the platform's requests a single fault strikes: the first, the second (a capture, a refund, a look), the third.
const STRUCK: [u64; 3] = [1, 2, 3];
/// Combinations that are drawn.
const COMBINATIONS: u64 = 2_000;
/// Moments at which the platform is killed: the first happenings of a story; later ones are days apart and alike.
const MOMENTS: u32 = 50;
/// Threads.
const WORKERS: usize = 2;

/// Runs all plans on a few threads; the verdicts in the order of the plans.
fn run_all(plans: &[Plan]) -> Vec<Result<Verdict, String>> {
    let next = AtomicUsize::new(0);
    let mut verdicts: Vec<(usize, Result<Verdict, String>)> = std::thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(plan) = plans.get(index) else { return done };
                done.push((index, run(plan)));
            }
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a run does not panic")).collect()
    });
    verdicts.sort_by_key(|(index, _)| *index);
    verdicts.into_iter().map(|(_, verdict)| verdict).collect()
}

/// Asserts that no run went wrong, and says how they ended.
fn judged(plans: &[Plan]) -> Vec<Verdict> {
    let verdicts = run_all(plans);
    let wrong: Vec<&String> = verdicts.iter().filter_map(|verdict| verdict.as_ref().err()).collect();
    assert!(wrong.is_empty(), "{} of {} runs went wrong, for example\n{}", wrong.len(), plans.len(), wrong[0]);
    verdicts.into_iter().filter_map(Result::ok).collect()
}

fn plain(story: Story) -> Plan {
    Plan { story, strikes: Vec::new(), disorders: Vec::new(), restarts: Vec::new(), seed: 1 }
}

fn every_disorder() -> Vec<Vec<Disorder>> {
    let all = WebhookFaultKind::ALL.into_iter().map(|kind| vec![Disorder { kind, nth: 1, count: 1_000 }]);
    std::iter::once(Vec::new()).chain(all).collect()
}

#[test]
fn without_a_fault_every_story_ends_as_it_should() {
    let mut seen = BTreeMap::new();
    for story in STORIES {
        let verdict = run(&plain(*story)).unwrap_or_else(|error| panic!("{error}"));
        assert!(!verdict.is_parked, "{}", story.name);
        seen.insert(story.name, verdict.status.name());
    }
    let expected = BTreeMap::from([
        ("charge", "captured"),
        ("decline", "declined"),
        ("decline and retry", "captured"),
        ("hold until it expires", "expired"),
        ("hold and capture", "captured"),
        ("hold and capture a part", "captured"),
        ("hold and cancel", "canceled"),
        ("refund all", "refunded"),
        ("refund twice", "refunded"),
        ("capture and refund", "partially_refunded"),
        ("refund that settles later", "refunded"),
        ("refund that fails later", "captured"),
        ("challenge passed", "captured"),
        ("challenge failed", "declined"),
        ("challenge abandoned", "expired"),
        ("challenge canceled", "canceled"),
        ("dispute lost by silence", "captured"),
        ("dispute won", "captured"),
        ("dispute lost", "captured"),
        ("inquiry", "captured"),
        ("captured elsewhere", "captured"),
        ("canceled elsewhere", "canceled"),
        ("declined and paid elsewhere", "declined"),
        ("retried and paid twice", "captured"),
        ("held twice", "captured"),
    ]);
    assert_eq!(seen, expected);
}

#[test]
fn every_story_survives_every_fault_in_every_order_of_webhooks() {
    let mut plans = Vec::new();
    for story in STORIES {
        for disorders in every_disorder() {
            for nth in STRUCK {
                for kind in FaultKind::ALL {
                    let strikes = vec![Strike { kind, nth, count: 1 }];
                    plans.push(Plan { strikes, disorders: disorders.clone(), seed: nth, ..plain(*story) });
                }
            }
            plans.push(Plan { disorders, ..plain(*story) });
        }
    }
    plans.retain(|plan| !plan.is_mute());
    let verdicts = judged(&plans);
    // A 500 that is kept under the key answers every replay, and no lookup can prove that nothing was done: a person decides.
    // Nothing else may come to that.
    let parked: Vec<&Plan> = plans.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_parked).map(|(plan, _)| plan).collect();
    let is_kept = |plan: &&&Plan| plan.strikes.iter().any(|strike| strike.kind == FaultKind::Error500BeforeEffect);
    assert_eq!(parked.iter().filter(is_kept).count(), parked.len(), "for example {:?}", parked.iter().find(|plan| !is_kept(plan)));
    println!("{} runs, in {} of them a person has to decide something", plans.len(), parked.len());
    let kinds: BTreeSet<_> = verdicts.iter().flat_map(|verdict| verdict.kinds.iter().copied()).collect();
    for kind in [EventKind::LateSuccessUndone, EventKind::DisputeFeeBooked, EventKind::CaptureObserved, EventKind::RefundReversed] {
        assert!(kinds.contains(&kind), "{} never happened", kind.name());
    }
}

#[test]
fn every_story_survives_a_restart_at_any_moment() {
    let orders = [Vec::new(), vec![Disorder { kind: WebhookFaultKind::Early, nth: 1, count: 1_000 }]];
    let mut plans = Vec::new();
    for story in STORIES {
        for disorders in &orders {
            for moment in 1..=MOMENTS {
                plans.push(Plan { disorders: disorders.clone(), restarts: vec![moment], ..plain(*story) });
            }
        }
    }
    let parked = judged(&plans).iter().filter(|verdict| verdict.is_parked).count();
    assert_eq!(parked, 0, "a restart alone leaves nothing to a person");
}

/// Numbers drawn one after the other.
struct Draw(u64);

impl Draw {
    fn below(&mut self, count: u64) -> u64 {
        // A multiplicative congruential step (Knuth, MMIX) is random enough to choose among few.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % count
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        let count = u64::try_from(all.len()).expect("a list is short");
        all[usize::try_from(self.below(count)).expect("it is below a small number")]
    }
}

#[test]
fn drawn_combinations_of_faults_and_orders_end_with_books_that_are_true() {
    let plan = |number: u64| {
        let mut draw = Draw(number);
        draw.below(2);
        let story = draw.of(STORIES);
        let strikes =
            (0..draw.below(5)).map(|_| Strike { kind: draw.of(&FaultKind::ALL), nth: 1 + draw.below(8), count: 1 + draw.below(3) });
        let strikes = strikes.collect();
        let disorders = (0..draw.below(4)).map(|_| Disorder {
            kind: draw.of(&WebhookFaultKind::ALL),
            nth: 1 + draw.below(10),
            count: 1 + draw.below(20),
        });
        let disorders = disorders.collect();
        let restarts = (0..draw.below(4)).map(|_| u32::try_from(1 + draw.below(60)).expect("it is below a small number")).collect();
        Plan { story, strikes, disorders, restarts, seed: number }
    };
    let mut plans: Vec<Plan> = (0..COMBINATIONS * 2).map(plan).filter(|plan| !plan.is_mute()).collect();
    plans.truncate(usize::try_from(COMBINATIONS).expect("it is a small number"));
    assert_eq!(plans.len() as u64, COMBINATIONS);
    let verdicts = judged(&plans);
    let parked = verdicts.iter().filter(|verdict| verdict.is_parked).count();
    println!("{} runs, in {parked} of them a person has to decide something", plans.len());
}
