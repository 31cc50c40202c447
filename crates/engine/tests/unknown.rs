//! "We do not know" goes up a ladder of replays and lookups to a person, and never becomes a refusal by itself.

mod common;

use base::{EffectId, Outcome, OutcomeClass, PaymentId, ProviderState, SubjectId};
use common::{
    S, World, approved, authorized, canceled, captured, declined, mismatch, not_found, not_sent, redirect, refund_pending, refunded,
    rejected, unknown,
};
use engine::{CaptureMode, Command, EffectStatus, Reply, SendKind};
use payments::{AttemptStatus, CaptureStatus, PaymentStatus, RefundStatus};

/// Answers "unknown" until the effect parks; returns how each send went out and how long it waited, in seconds.
fn climb(world: &mut World, effect: EffectId) -> Vec<(SendKind, u64)> {
    let key = |world: &World| {
        (world.open(effect).requested.key, world.open(effect).requested.reference, world.open(effect).requested.request.clone())
    };
    let first = key(world);
    let mut rungs = Vec::new();
    world.outcome(effect, unknown());
    while world.open(effect).status == EffectStatus::Unknown {
        let waited_ns = world.open(effect).next_at.expect("an unknown effect is looked at again").since_ns(world.state.last_at);
        assert_eq!(world.advance_to_next(), [effect]);
        assert_eq!(key(world), first, "the same key, reference and bytes each time");
        rungs.push((world.open(effect).send_kind, waited_ns / S));
        world.outcome(effect, not_found());
    }
    assert_eq!(world.open(effect).status, EffectStatus::Parked);
    assert_eq!(world.advance(365 * 24 * 3_600 * S), [], "a parked effect waits for a person");
    rungs
}

const LADDER: [(SendKind, u64); 5] =
    [(SendKind::Replay, 2), (SendKind::Replay, 10), (SendKind::Lookup, 60), (SendKind::Lookup, 600), (SendKind::Lookup, 3_600)];

#[test]
fn an_unknown_authorization_is_replayed_then_looked_up_then_parked() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    assert_eq!(climb(&mut world, effect), LADDER);
    assert_eq!((world.status(payment), world.held()), (PaymentStatus::Processing, 100));
    assert_eq!(world.payment(payment).attempts[0].status, AttemptStatus::Unknown);
    world.outcome(effect, captured(100));
    assert_eq!(world.status(payment), PaymentStatus::Captured, "a definite answer is heard even then");
}

#[test]
fn unknown_captures_cancels_and_refunds_go_up_the_same_ladder() {
    let mut world = World::new();
    let payment = world.authorized(100);
    world.capture(payment, None);
    let capture = world.operation(payment);
    assert_eq!(climb(&mut world, capture), LADDER);
    assert_eq!((world.status(payment), world.held()), (PaymentStatus::Authorized, 100));

    let payment = world.authorized(100);
    world.cancel(payment);
    let cancel = world.payment(payment).cancel.unwrap();
    assert_eq!(climb(&mut world, cancel), LADDER);
    assert_eq!(world.status(payment), PaymentStatus::Authorized);

    let payment = world.captured(100);
    let (_, refund) = world.refunding(payment, 60);
    assert_eq!(climb(&mut world, refund), LADDER);
    assert_eq!(world.payment(payment).refundable_minor(), 40);
}

#[test]
fn a_refusal_of_a_replay_says_nothing_about_the_send_before() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, unknown());
    for outcome in [not_sent(), rejected(true), rejected(false), not_sent()] {
        world.advance_to_next();
        world.outcome(effect, outcome);
        assert_eq!(world.open(effect).status, EffectStatus::Unknown);
        assert_eq!(world.payment(payment).attempts[0].status, AttemptStatus::Unknown);
    }
    world.advance_to_next();
    world.outcome(effect, declined());
    assert_eq!(world.status(payment), PaymentStatus::Declined, "a definite answer ends it");
}

#[test]
fn a_lookup_that_was_not_sent_says_nothing_about_a_call_that_was_deferred_before() {
    let mut world = World::new();
    let (_, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, not_sent());
    world.advance_to_next();
    world.outcome(effect, unknown());
    assert_eq!(world.open(effect).earlier, Some(OutcomeClass::Unknown));
    for _ in 0..3 {
        world.advance_to_next();
        world.outcome(effect, rejected(true));
        assert_eq!(world.open(effect).status, EffectStatus::Unknown);
    }
}

#[test]
fn what_was_provably_not_executed_is_sent_again_at_the_policys_gaps_and_then_fails() {
    for (outcome, class) in [(not_sent(), base::DeclineClass::SoftPsp), (rejected(false), base::DeclineClass::Config)] {
        let mut world = World::new();
        let (payment, effect) = world.pay(100, CaptureMode::Automatic);
        let key = world.open(effect).requested.key;
        for gap_s in [1, 3] {
            world.outcome(effect, outcome.clone());
            assert_eq!(world.open(effect).status, EffectStatus::Deferred);
            assert_eq!(world.state.due_at().unwrap().since_ns(world.state.last_at), gap_s * S);
            assert_eq!(world.advance_to_next(), [effect]);
            assert_eq!((world.open(effect).send_kind, world.open(effect).requested.key), (SendKind::Replay, key));
        }
        world.outcome(effect, outcome);
        assert_eq!((world.status(payment), world.held()), (PaymentStatus::Declined, 0));
        assert_eq!(world.payment(payment).attempts[0].status, AttemptStatus::Failed);
        assert_eq!(world.payment(payment).last_decline.as_ref().unwrap().class, class);
    }
}

#[test]
fn what_can_never_be_sent_fails_at_once() {
    for outcome in [rejected(true), Outcome::NotSent(base::NotSentReason::Encode)] {
        let mut world = World::new();
        let (payment, effect) = world.pay(100, CaptureMode::Automatic);
        world.outcome(effect, outcome.clone());
        assert_eq!(world.status(payment), PaymentStatus::Declined);

        let payment = world.authorized(100);
        world.capture(payment, None);
        let capture = world.operation(payment);
        world.outcome(capture, outcome.clone());
        assert_eq!(world.payment(payment).captures[0].status, CaptureStatus::Failed);

        let payment = world.captured(100);
        let (refund, effect) = world.refunding(payment, 100);
        world.outcome(effect, outcome);
        assert_eq!(world.payment(payment).refund(refund).unwrap().status, RefundStatus::Failed);
        assert_eq!(world.payment(payment).refundable_minor(), 100);
    }
}

/// Makes a replay of the effect illegal in one of the ways there are.
fn forbid_replay(world: &mut World, way: &str, payment: PaymentId) {
    match way {
        "key retention" => world.policy.providers[0].key_retention_ns = S,
        "attempt deadline" => world.policy.attempt_deadline_ns = S,
        "erasure" => {
            let subject = world.payment(payment).subject;
            assert_eq!(world.submit(&Command::EraseSubject { subject }), Reply::Done);
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_replay_is_illegal_after_key_retention_deadline_or_erasure_and_lookups_go_on() {
    for way in ["key retention", "attempt deadline", "erasure"] {
        let mut world = World::new();
        let (payment, effect) = world.pay(100, CaptureMode::Automatic);
        forbid_replay(&mut world, way, payment);
        let kinds: Vec<SendKind> = climb(&mut world, effect).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [SendKind::Lookup; 5], "{way}");
    }
    let mut world = World::new();
    world.seals = false;
    let (_, effect) = world.pay(100, CaptureMode::Automatic);
    assert!(climb(&mut world, effect).iter().all(|(kind, _)| *kind == SendKind::Lookup), "without its bytes nothing is sent again");
}

#[test]
fn the_attempts_deadline_binds_authorizations_only() {
    let mut world = World::new();
    let payment = world.captured(100);
    let (_, effect) = world.refunding(payment, 100);
    forbid_replay(&mut world, "attempt deadline", payment);
    assert_eq!(climb(&mut world, effect), LADDER);
}

#[test]
fn another_subjects_erasure_changes_nothing() {
    let mut world = World::new();
    let (_, effect) = world.pay(100, CaptureMode::Automatic);
    world.submit(&Command::EraseSubject { subject: SubjectId::from_u128(8) });
    assert_eq!(climb(&mut world, effect), LADDER);
}

#[test]
fn a_deferred_call_whose_time_is_over_or_whose_request_is_gone_is_never_sent() {
    for way in ["key retention", "attempt deadline", "erasure"] {
        let mut world = World::new();
        let (payment, effect) = world.pay(100, CaptureMode::Automatic);
        world.outcome(effect, not_sent());
        forbid_replay(&mut world, way, payment);
        assert_eq!(world.advance(3_600 * S), [], "{way}");
        assert_eq!((world.status(payment), world.held()), (PaymentStatus::Declined, 0));
        assert!(!world.is_open(effect));
    }
}

#[test]
fn a_restart_turns_what_was_in_flight_into_unknown_and_spaces_the_looks() {
    let mut world = World::new();
    let in_flight: Vec<_> = (0..4).map(|_| world.pay(100, CaptureMode::Automatic)).collect();
    let (waiting_payment, waiting) = world.pay(100, CaptureMode::Automatic);
    world.outcome(waiting, redirect());
    world.confirm(waiting_payment);
    let (_, deferred) = world.pay(100, CaptureMode::Automatic);
    world.outcome(deferred, not_sent());
    let deferred_at = world.open(deferred).next_at;

    assert_eq!(world.submit(&Command::StartLeader { epoch: 2 }), Reply::Done);
    let started_at = world.state.last_at;
    let mut times: Vec<_> = in_flight.iter().map(|(_, effect)| world.open(*effect).next_at.unwrap()).collect();
    assert!(in_flight.iter().all(|(_, effect)| world.open(*effect).status == EffectStatus::Unknown));
    assert_eq!(world.open(waiting).status, EffectStatus::Waiting, "a look that was under way is only looked again");
    times.push(world.open(waiting).next_at.unwrap());
    times.sort_unstable();
    let gaps: Vec<u64> = times.iter().enumerate().map(|(index, at)| at.since_ns(started_at) / u64::try_from(index + 1).unwrap()).collect();
    assert_eq!(gaps, [5_000_000; 5]);
    assert_eq!(world.open(deferred).next_at, deferred_at);

    world.advance(S);
    for (payment, effect) in in_flight {
        assert_eq!(world.stand(effect), (EffectStatus::InFlight, SendKind::Replay));
        world.outcome(effect, captured(100));
        assert_eq!(world.status(payment), PaymentStatus::Captured);
    }
    world.assert_replay_is_equal();
}

#[test]
fn a_restart_keeps_the_rung_of_the_ladder() {
    let mut world = World::new();
    let (_, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, unknown());
    world.advance_to_next();
    world.outcome(effect, unknown());
    world.advance_to_next();
    world.outcome(effect, unknown());
    world.advance_to_next();
    assert_eq!(world.stand(effect), (EffectStatus::InFlight, SendKind::Lookup));
    let step = world.open(effect).step;
    world.submit(&Command::StartLeader { epoch: 2 });
    assert_eq!(world.open(effect).step, step);
    world.advance(S);
    assert_eq!(world.stand(effect), (EffectStatus::InFlight, SendKind::Lookup));
}

/// Every kind of answer that a send can come to, for every kind of effect.
fn representatives() -> Vec<Outcome> {
    vec![
        unknown(),
        not_found(),
        not_sent(),
        rejected(true),
        rejected(false),
        declined(),
        redirect(),
        authorized(100),
        captured(100),
        captured(90),
        canceled(),
        refunded(100),
        refund_pending(100),
        mismatch(90, true),
        approved(ProviderState::Captured { amount_minor: 0 }),
    ]
}

/// Opens one effect of each kind in a world of its own.
fn openings() -> Vec<(&'static str, World, PaymentId, EffectId)> {
    let mut list = Vec::new();
    for (name, mode) in [("authorize and capture", CaptureMode::Automatic), ("authorize", CaptureMode::Manual)] {
        let mut world = World::new();
        let (payment, effect) = world.pay(100, mode);
        list.push((name, world, payment, effect));
    }
    let mut world = World::new();
    let payment = world.authorized(100);
    world.capture(payment, None);
    let effect = world.operation(payment);
    list.push(("capture", world, payment, effect));
    let mut world = World::new();
    let payment = world.authorized(100);
    world.cancel(payment);
    let effect = world.payment(payment).cancel.expect("a cancel was asked for");
    list.push(("cancel", world, payment, effect));
    let mut world = World::new();
    let payment = world.captured(100);
    let (_, effect) = world.refunding(payment, 100);
    list.push(("refund", world, payment, effect));
    list
}

/// A world can be followed down several branches.
fn branch(world: &World) -> World {
    let mut copy = World::bare(world.policy.clone());
    copy.state = world.state.clone();
    copy.now = world.now;
    copy
}

/// An attempt, capture or refund that ended without the provider's definite word.
fn is_refused(world: &World, payment: PaymentId, effect: EffectId) -> bool {
    let found = world.payment(payment);
    found
        .attempts
        .iter()
        .any(|attempt| attempt.effect == effect && matches!(attempt.status, AttemptStatus::Declined | AttemptStatus::Failed))
        || found.captures.iter().any(|capture| capture.effect == effect && capture.status == CaptureStatus::Failed)
        || found.refunds.iter().any(|refund| refund.effect == effect && refund.status == RefundStatus::Failed)
}

#[test]
fn after_an_unknown_every_kind_of_effect_leaves_only_by_a_definite_answer() {
    let outcomes = representatives();
    let mut leaves = 0;
    for (name, world, payment, effect) in openings() {
        let mut open = vec![(branch(&world), Vec::new())];
        for _ in 0..3 {
            let mut next = Vec::new();
            for (world, path) in open {
                for outcome in &outcomes {
                    let mut world = branch(&world);
                    let mut path: Vec<Outcome> = path.clone();
                    path.push(outcome.clone());
                    world.outcome(effect, outcome.clone());
                    check_path(&world, (payment, effect), name, &path);
                    leaves += 1;
                    if world.is_open(effect) && world.open(effect).next_at.is_some() {
                        while world.is_open(effect) && world.open(effect).status != EffectStatus::InFlight {
                            world.advance_to_next();
                        }
                        next.push((world, path));
                    }
                }
            }
            open = next;
        }
    }
    println!("{leaves} sequences of outcomes");
    assert!(leaves > 5_000, "{leaves} sequences");
}

fn check_path(world: &World, (payment, effect): (PaymentId, EffectId), name: &str, path: &[Outcome]) {
    let was_unknown = path.iter().any(|outcome| outcome.class() == OutcomeClass::Unknown);
    // That the hold is gone is a definite answer about a capture, too.
    let is_refusal = |outcome: &&Outcome| outcome.class() == OutcomeClass::Declined || name == "capture" && **outcome == canceled();
    let refusals = path.iter().filter(is_refusal).count();
    if was_unknown && refusals == 0 {
        assert!(!is_refused(world, payment, effect), "{name}: refused after {path:?}");
    }
    if let Some(open) = world.state.effects.get(&effect) {
        let uncertain = open.earlier == Some(OutcomeClass::Unknown);
        assert!(!uncertain || open.status != EffectStatus::Deferred, "{name}: {path:?}");
    } else {
        let says_nothing =
            |outcome: &Outcome| matches!(outcome.class(), OutcomeClass::Unknown | OutcomeClass::NotSent | OutcomeClass::Rejected);
        assert!(!was_unknown || !path.iter().all(says_nothing), "{name}: closed without an answer after {path:?}");
    }
}
