//! What messages say while something else is on its way, and what comes of successes that came too late.

mod common;

use base::{About, DisputePhase, Mismatch, Outcome, PaymentSays, RefundSays};
use common::{S, World, authorized, captured, declined, eur, policy, redirect, refunded, settled, unknown};
use engine::{CaptureMode, EffectKind, EffectStatus, EventKind, Gaps, SendKind};
use payments::postings::AccountKind;
use payments::{AttemptStatus, PaymentStatus};

const TAKEN: PaymentSays = PaymentSays::Captured { amount_minor: 100 };

fn taken_elsewhere() -> Outcome {
    Outcome::Mismatch(Mismatch { amount_minor: 100, currency: eur(), captured: true })
}

/// A payment whose only attempt was refused, and then taken after all: the refund that gives it back is on its way.
fn late_capture() -> (World, base::PaymentId, base::EffectId) {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, declined());
    world.observe(payment, TAKEN, captured(100));
    let undo = *world.state.effects.keys().next().expect("it is given back");
    assert!(matches!(world.open(undo).requested.kind, EffectKind::UndoCapture { attempt: 0 }));
    assert_eq!((world.credit(AccountKind::Suspense), world.debit(AccountKind::Receivable)), (100, 100));
    (world, payment, undo)
}

#[test]
fn a_success_that_overtakes_an_older_refusal_is_looked_for_again() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, redirect());
    world.advance(5 * S);
    assert_eq!(world.stand(effect), (EffectStatus::InFlight, SendKind::Lookup));
    world.hear(world.about(payment, TAKEN));
    world.outcome(effect, declined());
    assert_eq!(world.status(payment), PaymentStatus::Declined);
    let look = *world.payment(payment).observations.last().expect("the answer may be older than the message");
    world.outcome(look, captured(100));
    assert_eq!(world.payment(payment).attempts[0].status, AttemptStatus::SucceededLate);
}

#[test]
fn a_cancel_that_finds_the_money_taken_is_over_and_the_capture_is_booked() {
    let mut world = World::new();
    let payment = world.authorized(100);
    world.cancel(payment);
    let cancel = world.payment(payment).cancel.expect("a cancel is open");
    world.outcome(cancel, unknown());
    world.advance_to_next();
    world.outcome(cancel, taken_elsewhere());
    assert!(!world.is_open(cancel), "there is nothing left to cancel");
    let look = *world.payment(payment).observations.last().expect("somebody else took it");
    world.outcome(look, captured(100));
    assert_eq!((world.status(payment), world.debit(AccountKind::Receivable)), (PaymentStatus::Captured, 100));
}

#[test]
fn a_late_success_is_given_back_once_watched_and_taken_into_suspense_again_if_that_fails() {
    let (mut world, payment, undo) = late_capture();
    world.outcome(undo, refunded(100));
    assert_eq!((world.credit(AccountKind::Suspense), world.debit(AccountKind::Receivable)), (0, 0));
    assert_eq!(world.open(undo).status, EffectStatus::Watching);
    let reference = Some(world.open(undo).requested.reference_text());
    let payment_provider_id = world.provider_id(payment);
    let failed = About::Refund { provider_id: "re_1".into(), payment_provider_id, reference, says: RefundSays::Failed };
    world.hear(failed);
    assert_eq!(world.stand(undo), (EffectStatus::InFlight, SendKind::Lookup));
    world.outcome(undo, declined());
    assert_eq!(world.open(undo).status, EffectStatus::Parked);
    assert_eq!((world.credit(AccountKind::Suspense), world.debit(AccountKind::Receivable)), (100, 100));
    world.outcome(undo, refunded(100));
    assert_eq!((world.credit(AccountKind::Suspense), world.debit(AccountKind::Receivable)), (0, 0), "a person refunded it again");
}

#[test]
fn a_refund_of_a_late_success_that_stays_is_trusted_in_the_end() {
    let (mut world, _, undo) = late_capture();
    world.outcome(undo, refunded(100));
    for _ in 0..2 {
        world.advance_to_next();
        world.outcome(undo, refunded(100));
    }
    assert!(!world.is_open(undo));
    assert_eq!(world.credit(AccountKind::Suspense), 0);
}

#[test]
fn a_late_hold_that_somebody_captures_first_is_refunded_instead() {
    for seen in [taken_elsewhere(), captured(100)] {
        let mut world = World::new();
        let (payment, effect) = world.pay(100, CaptureMode::Manual);
        world.outcome(effect, declined());
        world.observe(payment, PaymentSays::Authorized, authorized(100));
        let cancel = *world.state.effects.keys().next().expect("the hold is given up");
        world.outcome(cancel, declined());
        assert_eq!(world.stand(cancel), (EffectStatus::InFlight, SendKind::Lookup), "a refusal does not say what became of the hold");
        world.outcome(cancel, seen);
        let refund = *world.state.effects.keys().next().expect("the money is given back");
        assert!(matches!(world.open(refund).requested.kind, EffectKind::UndoCapture { attempt: 0 }));
        assert_eq!(world.credit(AccountKind::Suspense), 100);
        world.outcome(refund, refunded(100));
        assert_eq!((world.credit(AccountKind::Suspense), world.debit(AccountKind::Receivable)), (0, 0));
    }
}

#[test]
fn a_late_hold_that_waits_for_a_person_is_looked_at_again_when_it_is_captured() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Manual);
    world.outcome(effect, declined());
    world.observe(payment, PaymentSays::Authorized, authorized(100));
    let cancel = *world.state.effects.keys().next().expect("the hold is given up");
    for _ in 0..2 {
        world.outcome(cancel, declined());
    }
    assert_eq!(world.open(cancel).status, EffectStatus::Parked);
    world.hear(world.about(payment, TAKEN));
    world.outcome(cancel, taken_elsewhere());
    assert_eq!(world.credit(AccountKind::Suspense), 100, "it is booked, and on its way back");
}

#[test]
fn a_dispute_takes_what_it_says_and_not_what_was_asked_about_before() {
    let mut world = World::new();
    let payment = world.captured(100);
    world.dispute(payment, "dp_1", 100, DisputePhase::Inquiry);
    world.dispute(payment, "dp_1", 60, DisputePhase::Open);
    assert_eq!((world.debit(AccountKind::Disputed), world.payment(payment).refundable_minor()), (60, 40));
    world.dispute(payment, "dp_1", 90, DisputePhase::Won);
    assert_eq!(world.debit(AccountKind::Disputed), 0, "what was booked comes back, whatever it is called now");
}

#[test]
fn a_date_without_a_fee_is_enough_to_release_the_money() {
    let mut policy = policy();
    policy.settle_gaps = Gaps::seconds(&[10, 600]);
    let mut world = World::with_policy(policy);
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, captured(100));
    assert!(world.payment(payment).settling.is_some(), "neither fee nor date is known");
    world.advance_to_next();
    let look = world.payment(payment).observations[0];
    let available_at = world.now.plus_ns(60 * S);
    let Outcome::Approved(said) = settled(100, 0, available_at) else { panic!("an approval") };
    world.outcome(look, Outcome::Approved(base::Approval { fee_minor: None, ..said }));
    assert!(world.payment(payment).settling.is_none());
    world.advance(60 * S);
    assert_eq!(world.credit(AccountKind::MerchantAvailable), 100);
}

#[test]
fn messages_take_no_step_of_a_ladder() {
    let mut policy = policy();
    policy.settle_gaps = Gaps::seconds(&[10, 600]);
    let mut world = World::with_policy(policy);
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, captured(100));
    for _ in 0..5 {
        world.observe(payment, PaymentSays::Settling, captured(100));
    }
    let settling = world.payment(payment).settling.as_ref().expect("the fee is not known");
    assert_eq!((settling.step, settling.next_at.is_some()), (0, true), "the planned look is still planned");

    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    let reference = Some(world.open(effect).requested.reference_text());
    world.outcome(effect, unknown());
    for _ in 0..20 {
        world.hear(About::Payment { provider_id: "pi_9".into(), reference: reference.clone(), says: TAKEN });
        world.outcome(effect, unknown());
    }
    assert_eq!((world.open(effect).status, world.open(effect).step), (EffectStatus::Unknown, 0));
    assert_eq!(world.payment(payment).attempts[0].status, AttemptStatus::Unknown);
    assert!(world.entries.iter().all(|entry| entry.event.kind() != EventKind::EffectParked));
}
