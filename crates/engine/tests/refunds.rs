//! Money given back: never more than was taken, whatever is open, unknown or disputed.

mod common;

use base::DisputePhase;
use base::Outcome;
use base::limits::AMOUNT_MINOR_MAX;
use common::{MERCHANT, S, World, captured, declined, not_found, not_sent, refund_pending, refunded, settled, unknown};
use engine::{CaptureMode, Command, CreateRefund, EffectStatus, Event, NoticeUse, Private, Refusal, Reply, SendKind};
use payments::postings::AccountKind;
use payments::{PaymentStatus, RefundStatus};

/// A captured payment of 100, released or not.
fn taken(released: bool) -> (World, base::PaymentId) {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    let available_at = world.now.plus_ns(1_000 * S);
    world.outcome(effect, settled(100, 0, available_at));
    if released {
        world.advance_to_next();
        assert!(world.payment(payment).available);
    }
    (world, payment)
}

#[test]
fn of_two_refunds_of_60_on_100_one_wins() {
    let (mut world, payment) = taken(false);
    let (_, effect) = world.refunding(payment, 60);
    assert_eq!(world.refund(payment, Some(60)), Reply::Refused(Refusal::RefundAboveRemaining { remaining_minor: 40 }));
    world.outcome(effect, refunded(60));
    assert_eq!(world.refund(payment, Some(60)), Reply::Refused(Refusal::RefundAboveRemaining { remaining_minor: 40 }));
    assert_eq!(world.status(payment), PaymentStatus::PartiallyRefunded);
    let Reply::Refund { waiting_for: Some(rest), .. } = world.refund(payment, None) else {
        panic!("the rest is refunded");
    };
    assert_eq!(world.open(rest).requested.money.amount_minor, 40);
    world.outcome(rest, refunded(40));
    assert_eq!(world.status(payment), PaymentStatus::Refunded);
    assert_eq!(world.debit(AccountKind::Receivable), 0);
}

#[test]
fn unknown_and_pending_refunds_count_until_they_are_decided() {
    for answer in [unknown(), refund_pending(60), not_sent()] {
        let (mut world, payment) = taken(false);
        let (refund, effect) = world.refunding(payment, 60);
        world.outcome(effect, answer);
        assert_eq!(world.payment(payment).refundable_minor(), 40);
        assert_eq!(world.refund(payment, Some(41)), Reply::Refused(Refusal::RefundAboveRemaining { remaining_minor: 40 }));
        world.advance_to_next();
        world.outcome(effect, declined());
        assert_eq!(world.payment(payment).refund(refund).unwrap().status, RefundStatus::Failed);
        assert_eq!((world.payment(payment).refundable_minor(), world.status(payment)), (100, PaymentStatus::Captured));
    }
}

#[test]
fn disputes_reduce_what_may_be_given_back_until_they_are_won() {
    let (mut world, payment) = taken(false);
    world.dispute(payment, "dp_1", 70, DisputePhase::Open);
    assert_eq!(
        (world.debit(AccountKind::Receivable), world.debit(AccountKind::Fees)),
        (15, 15),
        "the bank took 70 and the provider keeps 15"
    );
    assert_eq!(world.refund(payment, Some(31)), Reply::Refused(Refusal::RefundAboveRemaining { remaining_minor: 30 }));
    for (phase, remaining_minor) in [(DisputePhase::Lost, 30), (DisputePhase::Won, 100), (DisputePhase::Lost, 100)] {
        world.dispute(payment, "dp_1", 70, phase);
        assert_eq!(world.payment(payment).refundable_minor(), remaining_minor);
    }
    assert_eq!((world.debit(AccountKind::Receivable), world.debit(AccountKind::Disputed)), (85, 0));
}

#[test]
fn a_dispute_is_booked_whatever_was_refunded_before_and_one_that_cannot_be_true_is_kept_for_a_person() {
    let (mut world, payment) = taken(false);
    let (_, effect) = world.refunding(payment, 100);
    for (dispute, amount_minor) in [("a", 100), ("b", AMOUNT_MINOR_MAX), ("c", AMOUNT_MINOR_MAX)] {
        world.dispute(payment, dispute, amount_minor, DisputePhase::Open);
    }
    assert_eq!(world.payment(payment).disputed_minor(), 100 + 2 * AMOUNT_MINOR_MAX);
    let kept = world.dispute(payment, "d", u64::MAX, DisputePhase::Open);
    assert!(matches!(kept.entries[0].event, Event::WebhookReceived { found: NoticeUse::Unmatched, .. }));
    assert_eq!(world.payment(payment).disputes.len(), 3);
    assert_eq!(world.payment(payment).refundable_minor(), 0);
    world.outcome(effect, refunded(100));
    assert_eq!(world.status(payment), PaymentStatus::Refunded);
}

#[test]
fn a_refund_that_succeeded_and_failed_later_is_reversed_in_the_ledger_where_it_was_taken_from() {
    for released in [false, true] {
        let (mut world, payment) = taken(released);
        let source = if released { AccountKind::MerchantAvailable } else { AccountKind::MerchantPending };
        let (refund, effect) = world.refunding(payment, 60);
        assert_eq!(world.balance(source).debits_pending, 60);
        world.outcome(effect, refunded(60));
        assert_eq!((world.credit(source), world.balance(source).debits_pending), (40, 0));
        assert_eq!(world.open(effect).status, EffectStatus::Watching);
        world.advance_to_next();
        assert_eq!(world.stand(effect), (EffectStatus::InFlight, SendKind::Lookup));
        world.outcome(effect, declined());
        assert_eq!(world.payment(payment).refund(refund).unwrap().status, RefundStatus::Reversed);
        assert_eq!((world.credit(source), world.debit(AccountKind::Receivable)), (100, 100));
        assert_eq!((world.status(payment), world.payment(payment).refundable_minor()), (PaymentStatus::Captured, 100));
        assert!(!world.is_open(effect));
    }
}

#[test]
fn of_two_refunds_that_succeeded_one_may_come_back() {
    let (mut world, payment) = taken(true);
    let (_, first) = world.refunding(payment, 60);
    let (_, second) = world.refunding(payment, 40);
    world.outcome(first, refunded(60));
    world.outcome(second, refunded(40));
    assert_eq!(world.status(payment), PaymentStatus::Refunded);
    world.advance(60 * S);
    world.outcome(first, declined());
    assert_eq!(world.status(payment), PaymentStatus::PartiallyRefunded);
    assert_eq!(world.payment(payment).refundable_minor(), 60);
}

#[test]
fn a_refund_that_stays_succeeded_is_trusted_after_the_last_look() {
    let (mut world, payment) = taken(true);
    let (_, effect) = world.refunding(payment, 60);
    world.outcome(effect, refunded(60));
    for answer in [refunded(60), not_found()] {
        assert_eq!(world.advance_to_next(), [effect]);
        world.outcome(effect, answer);
    }
    assert!(!world.is_open(effect));
    assert_eq!((world.state.due_at(), world.status(payment)), (None, PaymentStatus::PartiallyRefunded));
}

#[test]
fn money_is_released_less_open_refunds_and_what_comes_back_follows() {
    for (answer, available) in [(declined(), 100), (refunded(60), 40)] {
        let (mut world, payment) = taken(false);
        let (_, effect) = world.refunding(payment, 60);
        world.advance(1_000 * S);
        assert!(world.payment(payment).available);
        assert_eq!((world.credit(AccountKind::MerchantPending), world.credit(AccountKind::MerchantAvailable)), (60, 40));
        world.outcome(effect, answer);
        assert_eq!((world.credit(AccountKind::MerchantPending), world.credit(AccountKind::MerchantAvailable)), (0, available));
    }
    // Succeeded before the release, came back after it.
    let (mut world, payment) = taken(false);
    let (_, effect) = world.refunding(payment, 60);
    world.outcome(effect, refunded(60));
    world.advance(1_000 * S);
    assert_eq!(world.credit(AccountKind::MerchantAvailable), 40);
    world.outcome(effect, declined());
    assert_eq!((world.credit(AccountKind::MerchantPending), world.credit(AccountKind::MerchantAvailable)), (0, 100));
    assert_eq!(world.status(payment), PaymentStatus::Captured);
}

#[test]
fn a_deferred_refund_that_is_given_up_in_the_tick_of_the_release_ends_in_available() {
    let (mut world, payment) = taken(false);
    let (_, effect) = world.refunding(payment, 60);
    world.outcome(effect, not_sent());
    world.submit(&Command::EraseSubject { subject: world.payment(payment).subject });
    world.advance(2_000 * S);
    assert!(!world.is_open(effect));
    assert_eq!((world.credit(AccountKind::MerchantPending), world.credit(AccountKind::MerchantAvailable)), (0, 100));
}

#[test]
fn refunds_go_on_after_the_capture_behind_them_was_reversed() {
    for (answers, receivable) in [(vec![refunded(100)], -100), (vec![declined()], 0), (vec![refunded(100), declined()], 0)] {
        let (mut world, payment) = taken(false);
        let (_, effect) = world.refunding(payment, 100);
        world.reverse_capture(payment);
        assert_eq!(world.status(payment), PaymentStatus::Declined);
        for answer in answers {
            world.outcome(effect, answer);
            world.advance(60 * S);
        }
        assert_eq!((world.status(payment), world.debit(AccountKind::Receivable)), (PaymentStatus::Declined, receivable));
        assert_eq!(world.confirm(payment), Reply::Refused(Refusal::StateConflict { status: PaymentStatus::Declined }));
    }
}

#[test]
fn a_refund_of_another_amount_than_asked_is_not_understood() {
    let (mut world, payment) = taken(false);
    let (_, effect) = world.refunding(payment, 60);
    world.outcome(effect, refunded(61));
    assert_eq!((world.open(effect).status, world.payment(payment).refunding_minor), (EffectStatus::Unknown, 60));
}

#[test]
fn a_refund_whose_success_is_told_before_it_is_awaited_is_booked_once() {
    let (mut world, payment) = taken(false);
    let (_, effect) = world.refunding(payment, 60);
    world.outcome(effect, refund_pending(60));
    for answer in [refunded(60), refunded(60), refund_pending(60)] {
        world.outcome(effect, answer);
        assert_eq!(world.payment(payment).refunded_minor, 60);
    }
    assert_eq!(world.debit(AccountKind::Receivable), 40);
}

#[test]
fn only_taken_money_is_given_back_and_a_payment_has_a_limited_number_of_refunds() {
    let mut world = World::new();
    let payment = world.authorized(100);
    assert_eq!(world.refund(payment, None), Reply::Refused(Refusal::StateConflict { status: PaymentStatus::Authorized }));
    let payment = world.captured(1_000);
    for _ in 0..base::limits::REFUNDS_PER_PAYMENT_MAX {
        world.refunding(payment, 1);
    }
    let count_max = base::limits::REFUNDS_PER_PAYMENT_MAX;
    assert_eq!(world.refund(payment, Some(1)), Reply::Refused(Refusal::TooMany { what: "refunds", count_max }));
}

#[test]
fn a_refunds_id_follows_from_its_payment_and_the_clients_key() {
    let mut world = World::new();
    let payment = world.captured(100);
    let idempotency = world.fresh();
    let command =
        CreateRefund { merchant: MERCHANT, payment, idempotency, amount_minor: Some(1), details: None, private: Private::default() };
    let Reply::Refund { refund, .. } = world.submit(&Command::CreateRefund(command)) else {
        panic!("a refund starts");
    };
    assert_eq!(refund, world.derive_key.refund(payment, &idempotency.key));
}

#[test]
fn an_answer_that_belongs_to_a_payment_does_not_decide_a_refund() {
    let outcomes: [Outcome; 2] = [captured(60), common::canceled()];
    for outcome in outcomes {
        let (mut world, payment) = taken(false);
        let (_, effect) = world.refunding(payment, 60);
        world.outcome(effect, outcome);
        assert_eq!(world.open(effect).status, EffectStatus::Unknown);
        assert_eq!(world.payment(payment).refunded_minor, 0);
    }
}

#[test]
fn a_disputed_payment_keeps_its_currency() {
    let mut world = World::new();
    let request = engine::CreatePayment { reference: Some([1; 16]), ..world.request(100) };
    let payment = world.create(&request);
    let effect = world.operation(payment);
    world.outcome(effect, declined());
    world.dispute(payment, "dp_1", 70, DisputePhase::Open);
    let money = base::Money { amount_minor: 100, currency: "JPY".parse().unwrap() };
    let retry = engine::CreatePayment { idempotency: world.fresh(), retry_declined: true, content: [2; 16], money, ..request };
    let conflict = Refusal::ReferenceConflict { payment, status: PaymentStatus::Declined };
    assert_eq!(world.submit(&Command::CreatePayment(retry)), Reply::Refused(conflict));
}
