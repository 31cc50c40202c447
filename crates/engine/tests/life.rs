//! The life of a payment from its creation to taken, declined, cancelled or expired money.

mod common;

use base::{NextAction, Outcome, PaymentSays, Timestamp};
use common::{
    MERCHANT, OTHER, S, World, authorized, canceled, captured, declined, eur, mismatch, not_found, policy, redirect, settled, unknown,
};
use engine::state::Timer;
use engine::{
    CaptureMode, CapturePayment, Command, ConfirmPayment, CreatePayment, CreateRefund, EffectKind, EffectStatus, Event, EventKind, Private,
    Refusal, Reply, SendKind,
};
use payments::postings::AccountKind;
use payments::{AttemptStatus, CaptureStatus, PaymentStatus};

fn kinds(decision: &engine::Decision) -> Vec<EventKind> {
    decision.entries.iter().map(|entry| entry.event.kind()).collect()
}

#[test]
fn an_automatic_payment_is_held_then_taken_then_released() {
    let mut world = World::new();
    let request = world.request(1_999);
    let decision = world.decision(&Command::CreatePayment(request));
    assert_eq!(kinds(&decision), [EventKind::AccountsOpened, EventKind::PaymentCreated, EventKind::AttemptStarted]);
    let Reply::Payment { payment, replayed: false, waiting_for: Some(effect) } = decision.reply else {
        panic!("{:?}", decision.reply);
    };
    assert_eq!(decision.effects().collect::<Vec<_>>(), [effect]);
    assert_eq!((world.status(payment), world.held()), (PaymentStatus::Processing, 1_999));
    assert_eq!(world.state.dispatch(effect).unwrap().send, 1);

    let available_at = world.now.plus_ns(2 * 86_400 * S);
    world.outcome(effect, settled(1_999, 88, available_at));
    assert_eq!((world.status(payment), world.held()), (PaymentStatus::Captured, 0));
    assert_eq!(world.debit(AccountKind::Receivable), 1_999 - 88);
    assert_eq!(world.debit(AccountKind::Fees), 88);
    assert_eq!(world.credit(AccountKind::MerchantPending), 1_999);
    assert!(!world.is_open(effect));

    world.advance_to_next();
    assert!(world.payment(payment).available);
    assert_eq!((world.credit(AccountKind::MerchantPending), world.credit(AccountKind::MerchantAvailable)), (0, 1_999));
    assert_eq!(world.state.due_at(), None);
    world.assert_replay_is_equal();
}

#[test]
fn a_manual_payment_is_captured_in_full() {
    let mut world = World::new();
    let payment = world.authorized(5_000);
    assert_eq!(world.held(), 5_000);
    world.capture(payment, None);
    let effect = world.operation(payment);
    assert_eq!(world.open(effect).requested.money.amount_minor, 5_000);
    assert!(world.open(effect).requested.provider_id.is_some());
    world.outcome(effect, captured(5_000));
    assert_eq!((world.status(payment), world.held()), (PaymentStatus::Captured, 0));
    assert_eq!(world.debit(AccountKind::Receivable), 5_000);
}

#[test]
fn a_partial_capture_releases_the_rest_of_the_hold_where_one_capture_is_all() {
    let mut world = World::new();
    let payment = world.authorized(5_000);
    world.capture(payment, Some(3_000));
    let effect = world.operation(payment);
    world.outcome(effect, captured(3_000));
    assert_eq!((world.status(payment), world.held()), (PaymentStatus::Captured, 0));
    assert_eq!(world.debit(AccountKind::Receivable), 3_000);
    assert_eq!(world.capture(payment, Some(1)), Reply::Refused(Refusal::StateConflict { status: PaymentStatus::Captured }));
}

fn several_captures() -> World {
    let mut policy = policy();
    policy.providers[0].multiple_captures = true;
    World::with_policy(policy)
}

#[test]
fn several_captures_keep_the_rest_held_where_the_provider_can() {
    let mut world = several_captures();
    let payment = world.authorized(5_000);
    for (amount_minor, held_minor, status) in [(3_000, 2_000, PaymentStatus::PartiallyCaptured), (2_000, 0, PaymentStatus::Captured)] {
        world.capture(payment, Some(amount_minor));
        assert_eq!(world.capture(payment, Some(1)), Reply::Refused(Refusal::OperationInFlight));
        let effect = world.operation(payment);
        world.outcome(effect, captured(amount_minor));
        assert_eq!((world.status(payment), world.held()), (status, held_minor));
    }
    assert_eq!(world.debit(AccountKind::Receivable), 5_000);
    assert_ne!(world.payment(payment).captures[0].effect, world.payment(payment).captures[1].effect);
}

#[test]
fn a_partly_captured_payment_that_expires_gives_the_rest_up_by_a_confirmed_cancel_and_stays_captured() {
    let mut world = several_captures();
    let payment = world.authorized(5_000);
    world.capture(payment, Some(3_000));
    let effect = world.operation(payment);
    world.outcome(effect, captured(3_000));
    assert_eq!(world.state.due_at(), world.payment(payment).expires_at, "the expiry counts again after the capture");
    world.advance_to_next();
    let cancel = world.payment(payment).cancel.expect("a cancel is asked for");
    assert_eq!(world.held(), 2_000);
    world.outcome(cancel, canceled());
    assert_eq!((world.status(payment), world.held()), (PaymentStatus::Captured, 0));
    assert_eq!(world.payment(payment).refundable_minor(), 3_000);
}

#[test]
fn each_capture_is_released_once_and_for_its_own_amount_or_what_is_there() {
    let mut world = several_captures();
    let payment = world.authorized(5_000);
    let first_at = world.now.plus_ns(1_000 * S);
    for (amount_minor, available_at) in [(3_000, first_at), (2_000, first_at.plus_ns(86_400 * S))] {
        world.capture(payment, Some(amount_minor));
        let effect = world.operation(payment);
        world.outcome(effect, settled(amount_minor, 0, available_at));
        world.now = world.now.max(first_at);
        world.tick_until_quiet();
    }
    assert_eq!(world.credit(AccountKind::MerchantAvailable), 3_000);
    assert_eq!(world.credit(AccountKind::MerchantPending), 2_000);
    world.advance_to_next();
    assert_eq!(world.credit(AccountKind::MerchantAvailable), 5_000, "the second release does not move the first again");
    assert_eq!(world.credit(AccountKind::MerchantPending), 0);
}

#[test]
fn two_releases_that_fall_due_in_one_tick_move_the_money_once() {
    let mut world = several_captures();
    let payment = world.authorized(5_000);
    let at = world.now.plus_ns(1_000 * S);
    for (amount_minor, available_at) in [(3_000, at), (2_000, at.plus_ns(1))] {
        world.capture(payment, Some(amount_minor));
        let effect = world.operation(payment);
        world.outcome(effect, settled(amount_minor, 0, available_at));
    }
    world.advance(2_000 * S);
    assert_eq!((world.credit(AccountKind::MerchantAvailable), world.credit(AccountKind::MerchantPending)), (5_000, 0));
    assert_eq!(world.state.due_at(), None);
}

#[test]
fn a_capture_above_what_is_held_is_refused_and_one_that_the_provider_made_is_booked() {
    let mut world = World::new();
    let payment = world.authorized(5_000);
    assert_eq!(world.capture(payment, Some(5_001)), Reply::Refused(Refusal::CaptureAboveHeld { held_minor: 5_000 }));
    world.capture(payment, None);
    let effect = world.operation(payment);
    world.outcome(effect, captured(5_500));
    assert_eq!((world.status(payment), world.held()), (PaymentStatus::Captured, 0));
    assert_eq!(world.debit(AccountKind::Receivable), 5_500);
    assert_eq!(world.payment(payment).refundable_minor(), 5_500);
}

#[test]
fn a_capture_that_fails_leaves_the_hold_and_a_later_one_is_another_operation() {
    let mut world = World::new();
    let payment = world.authorized(5_000);
    world.capture(payment, None);
    let first = world.operation(payment);
    let first_key = world.open(first).requested.key;
    world.outcome(first, declined());
    assert_eq!((world.status(payment), world.held()), (PaymentStatus::Authorized, 5_000));
    assert_eq!(world.payment(payment).captures[0].status, CaptureStatus::Failed);
    world.capture(payment, Some(4_000));
    let second = world.operation(payment);
    assert_ne!(world.open(second).requested.key, first_key);
    world.outcome(second, captured(4_000));
    assert_eq!(world.debit(AccountKind::Receivable), 4_000);
}

#[test]
fn a_capture_that_fails_after_the_hold_ran_out_lets_it_expire_at_once() {
    let mut world = World::new();
    let payment = world.authorized(5_000);
    let expires_at = world.payment(payment).expires_at.unwrap();
    world.now = Timestamp::from_ns(expires_at.ns() - 10 * S);
    world.capture(payment, None);
    let effect = world.operation(payment);
    world.advance(100 * S);
    assert_eq!(world.payment(payment).cancel, None, "a payment that is being captured does not expire");
    world.outcome(effect, declined());
    world.tick_until_quiet();
    assert!(world.payment(payment).cancel.is_some());
}

#[test]
fn a_capture_that_had_gone_through_and_fails_is_a_reversal_in_the_ledger() {
    for released in [false, true] {
        let mut world = World::new();
        let (payment, effect) = world.pay(1_000, CaptureMode::Automatic);
        let available_at = world.now.plus_ns(10 * S);
        world.outcome(effect, settled(1_000, 30, available_at));
        if released {
            world.advance_to_next();
        }
        world.reverse_capture(payment);
        assert_eq!(world.status(payment), PaymentStatus::Declined);
        assert_eq!(world.debit(AccountKind::Receivable), -30, "the fee stays");
        assert_eq!((world.credit(AccountKind::MerchantPending), world.credit(AccountKind::MerchantAvailable)), (0, 0));
        let again = world.observe(payment, PaymentSays::Unclear, canceled());
        assert_eq!(again.entries.len(), 1, "what was taken back once is not taken back again: {:?}", again.entries);
        assert_eq!(world.confirm(payment), Reply::Refused(Refusal::StateConflict { status: PaymentStatus::Declined }));
        assert_eq!(world.advance(86_400 * S), []);
    }
}

#[test]
fn a_decline_gives_the_hold_up_and_a_new_attempt_has_keys_of_its_own() {
    let mut world = World::new();
    let request = CreatePayment { reference: Some([5; 16]), ..world.request(1_000) };
    let payment = world.create(&request);
    let first = world.open(world.operation(payment)).requested.clone();
    world.outcome(first.effect, declined());
    assert_eq!((world.status(payment), world.held()), (PaymentStatus::Declined, 0));
    assert_eq!(world.payment(payment).last_decline.as_ref().unwrap().code, "insufficient_funds");

    let retry = CreatePayment { idempotency: world.fresh(), retry_declined: true, content: [2; 16], ..request };
    let retry = CreatePayment { money: base::Money { amount_minor: 900, currency: "JPY".parse().unwrap() }, ..retry };
    let decision = world.decision(&Command::CreatePayment(retry));
    assert_eq!(kinds(&decision), [EventKind::AccountsOpened, EventKind::PaymentRevised, EventKind::AttemptStarted]);
    let second = world.open(world.operation(payment)).requested.clone();
    assert!(first.effect != second.effect && first.key != second.key && first.reference != second.reference);
    assert_eq!(second.kind, EffectKind::Authorize { attempt: 1 });
    assert_eq!(world.held(), 0, "nothing is held in the old currency");
    world.outcome(second.effect, captured(900));
    assert_eq!(world.status(payment), PaymentStatus::Captured);
    let statuses: Vec<_> = world.payment(payment).attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [AttemptStatus::Declined, AttemptStatus::Captured]);
}

#[test]
fn a_payment_has_a_limited_number_of_attempts() {
    let mut world = World::new();
    let (payment, mut effect) = world.pay(100, CaptureMode::Automatic);
    for _ in 1..base::limits::ATTEMPTS_PER_PAYMENT_MAX {
        world.outcome(effect, declined());
        world.confirm(payment);
        effect = world.operation(payment);
    }
    world.outcome(effect, declined());
    let count_max = base::limits::ATTEMPTS_PER_PAYMENT_MAX;
    assert_eq!(world.confirm(payment), Reply::Refused(Refusal::TooMany { what: "attempts", count_max }));
}

#[test]
fn a_payment_that_nobody_confirms_expires_without_asking_a_provider() {
    let mut world = World::new();
    let request = CreatePayment { confirm: false, ..world.request(100) };
    let payment = world.create(&request);
    assert_eq!((world.status(payment), world.held()), (PaymentStatus::Created, 0));
    assert_eq!(world.advance_to_next(), []);
    assert_eq!(world.status(payment), PaymentStatus::Expired);
    assert_eq!(world.state.due_at(), None);
}

#[test]
fn a_created_payment_is_confirmed_later_or_cancelled_at_once() {
    let mut world = World::new();
    let bare = CreatePayment { confirm: false, payment_method: None, ..world.request(100) };
    let payment = world.create(&bare);
    assert_eq!(world.confirm(payment), Reply::Refused(Refusal::PaymentMethodRequired));
    let idempotency = world.fresh();
    let payment_method = Some("pm_card".to_owned());
    let command = ConfirmPayment {
        merchant: MERCHANT,
        payment,
        idempotency,
        payment_method,
        method: None,
        presence: None,
        private: Private::default(),
    };
    world.submit(&Command::ConfirmPayment(command));
    let effect = world.operation(payment);
    world.outcome(effect, captured(100));
    assert_eq!(world.status(payment), PaymentStatus::Captured);

    let request = CreatePayment { confirm: false, ..world.request(100) };
    let other = world.create(&request);
    assert_eq!(world.cancel(other), Reply::Payment { payment: other, replayed: false, waiting_for: None });
    assert_eq!(world.status(other), PaymentStatus::Canceled);
    assert_eq!(world.state.due_at(), None);
}

#[test]
fn a_hold_is_given_up_only_by_a_confirmed_cancel() {
    let mut world = World::new();
    let payment = world.authorized(700);
    world.cancel(payment);
    let cancel = world.payment(payment).cancel.unwrap();
    assert_eq!((world.status(payment), world.held()), (PaymentStatus::Authorized, 700));
    assert_eq!(world.capture(payment, None), Reply::Refused(Refusal::OperationInFlight));
    assert_eq!(world.cancel(payment), Reply::Refused(Refusal::OperationInFlight));
    world.outcome(cancel, unknown());
    assert_eq!(world.held(), 700);
    world.advance_to_next();
    world.outcome(cancel, canceled());
    assert_eq!((world.status(payment), world.held()), (PaymentStatus::Canceled, 0));
    assert_eq!(world.payment(payment).attempts[0].status, AttemptStatus::Canceled);
    assert_eq!(world.state.due_at(), None);
}

#[test]
fn a_hold_whose_cancel_fails_is_tried_again_later_and_not_at_once() {
    let mut world = World::new();
    let payment = world.authorized(700);
    world.advance_to_next();
    for _ in 0..3 {
        let cancel = world.payment(payment).cancel.expect("the hold ran out");
        world.outcome(cancel, declined());
        assert_eq!(world.tick_until_quiet(), []);
        assert!(world.state.due_at().unwrap() >= world.now.plus_ns(3_599 * S));
        assert_eq!(world.advance_to_next(), [world.payment(payment).cancel.unwrap()]);
    }
    let cancel = world.payment(payment).cancel.unwrap();
    world.outcome(cancel, canceled());
    assert_eq!(world.status(payment), PaymentStatus::Expired);
}

#[test]
fn a_merchant_may_ask_for_a_limited_number_of_cancels() {
    let mut world = World::new();
    let payment = world.authorized(700);
    for _ in 0..50 {
        world.cancel(payment);
        let cancel = world.payment(payment).cancel.unwrap();
        world.outcome(cancel, declined());
    }
    assert_eq!(world.cancel(payment), Reply::Refused(Refusal::TooMany { what: "cancels", count_max: 50 }));
}

#[test]
fn a_customer_who_acts_is_found_by_polling() {
    for (answer, status) in [(captured(100), PaymentStatus::Captured), (declined(), PaymentStatus::Declined)] {
        let mut world = World::new();
        let (payment, effect) = world.pay(100, CaptureMode::Automatic);
        world.outcome(effect, redirect());
        assert_eq!((world.status(payment), world.held()), (PaymentStatus::RequiresAction, 100));
        assert!(matches!(world.payment(payment).next_action, Some(NextAction::Redirect { .. })));
        for gap_s in [5, 60, 60, 60] {
            assert_eq!(world.state.due_at(), Some(world.open(effect).next_at.unwrap()));
            let waited_ns = world.open(effect).next_at.unwrap().since_ns(world.state.last_at);
            assert_eq!(waited_ns, gap_s * S);
            assert_eq!(world.advance_to_next(), [effect]);
            assert_eq!(world.stand(effect), (EffectStatus::InFlight, SendKind::Lookup));
            world.outcome(effect, redirect());
        }
        world.advance_to_next();
        world.outcome(effect, unknown());
        assert_eq!(world.status(payment), PaymentStatus::RequiresAction, "a look that fails changes nothing");
        world.advance_to_next();
        world.outcome(effect, answer);
        assert_eq!((world.status(payment), world.held()), (status, 0));
        assert_eq!(world.payment(payment).next_action, None);
        assert_eq!(world.state.due_at(), None);
    }
}

#[test]
fn a_confirm_of_a_payment_that_waits_for_the_customer_looks_now() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, redirect());
    assert_eq!(world.confirm(payment), Reply::Payment { payment, replayed: false, waiting_for: Some(effect) });
    assert_eq!(world.stand(effect), (EffectStatus::InFlight, SendKind::Lookup));
    let sends = world.open(effect).sends;
    world.confirm(payment);
    assert_eq!(world.open(effect).sends, sends, "one look at a time");
    world.outcome(effect, captured(100));
    assert_eq!(world.status(payment), PaymentStatus::Captured);
}

#[test]
fn a_customer_who_does_not_act_in_time_expires_the_payment_by_a_confirmed_cancel() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, redirect());
    let expires_at = world.payment(payment).expires_at.unwrap();
    while world.payment(payment).cancel.is_none() {
        world.advance_to_next();
        if world.open(effect).status == EffectStatus::InFlight {
            // A provider that hands out a new address every time gives no new time.
            let url = format!("https://provider.example/{}", world.now.ns());
            world.outcome(effect, Outcome::Pending(NextAction::Redirect { url }));
        }
    }
    assert!(world.now.since_ns(expires_at) < 61 * S, "the first deadline holds");
    let cancel = world.payment(payment).cancel.unwrap();
    assert_eq!((world.status(payment), world.held()), (PaymentStatus::RequiresAction, 100));
    assert_eq!(world.open(cancel).requested.kind, EffectKind::Cancel { expiry: true });
    world.outcome(cancel, canceled());
    assert_eq!((world.status(payment), world.held()), (PaymentStatus::Expired, 0));
    assert!(!world.is_open(effect) && !world.is_open(cancel));
    assert_eq!(world.state.due_at(), None);
}

#[test]
fn a_cancel_that_races_with_the_customer_loses_to_the_money() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, redirect());
    world.cancel(payment);
    let cancel = world.payment(payment).cancel.unwrap();
    world.advance(5 * S);
    world.outcome(effect, captured(100));
    assert_eq!(world.status(payment), PaymentStatus::Captured);
    world.outcome(cancel, declined());
    assert_eq!((world.status(payment), world.payment(payment).cancel), (PaymentStatus::Captured, None));
    assert_eq!(world.debit(AccountKind::Receivable), 100);
}

#[test]
fn a_cancel_that_is_still_open_lets_no_new_attempt_start() {
    let mut world = World::new();
    let request = CreatePayment { reference: Some([5; 16]), ..world.request(100) };
    let payment = world.create(&request);
    let effect = world.operation(payment);
    world.outcome(effect, redirect());
    world.cancel(payment);
    let cancel = world.payment(payment).cancel.unwrap();
    world.advance(5 * S);
    world.outcome(effect, declined());
    assert_eq!(world.status(payment), PaymentStatus::Declined);
    assert_eq!(world.confirm(payment), Reply::Refused(Refusal::OperationInFlight));
    let retry = CreatePayment { idempotency: world.fresh(), retry_declined: true, ..request };
    assert_eq!(world.submit(&Command::CreatePayment(retry.clone())), Reply::Refused(Refusal::OperationInFlight));
    world.outcome(cancel, canceled());
    assert_eq!(world.status(payment), PaymentStatus::Declined);
    world.submit(&Command::CreatePayment(retry));
    let again = world.operation(payment);
    world.outcome(again, captured(100));
    assert_eq!(world.status(payment), PaymentStatus::Captured);
}

#[test]
fn an_authorization_that_wins_against_a_cancel_expires_when_the_cancel_fails() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Manual);
    world.outcome(effect, redirect());
    world.cancel(payment);
    let cancel = world.payment(payment).cancel.unwrap();
    world.advance(5 * S);
    world.outcome(effect, authorized(100));
    world.advance(30 * 86_400 * S);
    assert!(world.is_open(cancel), "an expiry does not run while a cancel is open");
    world.outcome(cancel, declined());
    world.advance_to_next();
    assert!(world.payment(payment).cancel.is_some_and(|again| again != cancel));
}

#[test]
fn a_pending_intent_without_a_name_is_looked_at_and_never_loops() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    let outcome = Outcome::Pending(NextAction::Wait);
    let report = engine::OutcomeReport { effect, send: 1, outcome, provider_id: None };
    world.submit(&Command::ReportOutcome(report));
    assert_eq!(world.status(payment), PaymentStatus::Processing);
    world.advance(2 * 86_400 * S);
    assert_eq!(world.payment(payment).cancel, None, "nothing to cancel is known");
    world.outcome(effect, captured(100));
    assert_eq!(world.status(payment), PaymentStatus::Captured);
}

#[test]
fn money_taken_otherwise_than_asked_waits_in_suspense_for_a_person() {
    for (answer, suspense) in [(mismatch(90, true), 90), (captured(90), 90), (mismatch(90, false), 0), (authorized(90), 0)] {
        let mut world = World::new();
        let (payment, effect) = world.pay(100, CaptureMode::Automatic);
        world.outcome(effect, answer);
        assert_eq!(world.payment(payment).attempts[0].status, AttemptStatus::Mismatched);
        assert_eq!(world.open(effect).status, EffectStatus::Parked);
        assert_eq!((world.credit(AccountKind::Suspense), world.held()), (suspense, 0));
        assert_eq!(world.confirm(payment), Reply::Refused(Refusal::OperationInFlight));
        assert_eq!(world.cancel(payment), Reply::Refused(Refusal::OperationInFlight));
        for late in [captured(100), declined(), redirect(), mismatch(80, true), canceled(), unknown()] {
            assert_eq!(world.outcome(effect, late).entries, [], "a person decides, not a late answer");
        }
        assert_eq!(world.advance(365 * 86_400 * S), []);
        assert_eq!(world.state.due_at(), None);
    }
}

#[test]
fn a_mismatch_in_another_currency_is_booked_in_that_currency() {
    let mut world = World::new();
    let (_, effect) = world.pay(100, CaptureMode::Automatic);
    let currency = "USD".parse().unwrap();
    world.outcome(effect, Outcome::Mismatch(base::Mismatch { amount_minor: 120, currency, captured: true }));
    assert_eq!(world.state.balance(MERCHANT, currency, AccountKind::Suspense).credits_posted, 120);
    assert_eq!(world.state.balance(MERCHANT, eur(), AccountKind::Receivable), engine::state::Balance::default());
}

#[test]
fn a_mismatch_on_a_waiting_payment_is_not_cancelled_by_its_expiry_or_by_a_cancel_under_way() {
    for asks in [false, true] {
        let mut world = World::new();
        let (payment, effect) = world.pay(100, CaptureMode::Automatic);
        world.outcome(effect, redirect());
        if asks {
            world.cancel(payment);
        }
        world.advance(5 * S);
        world.outcome(effect, mismatch(90, true));
        world.advance(86_400 * S);
        if let Some(cancel) = world.payment(payment).cancel {
            assert!(asks);
            world.outcome(cancel, canceled());
        }
        assert_eq!(world.payment(payment).cancel, None);
        assert_eq!(world.open(effect).status, EffectStatus::Parked);
        assert_eq!(world.credit(AccountKind::Suspense), 90);
    }
}

#[test]
fn amounts_that_nobody_can_move_are_not_understood() {
    for amount_minor in [u64::MAX, base::limits::AMOUNT_MINOR_MAX + 1] {
        let mut world = World::new();
        let (payment, effect) = world.pay(100, CaptureMode::Automatic);
        world.outcome(effect, captured(amount_minor));
        assert_eq!(world.open(effect).status, EffectStatus::Unknown);
        world.advance_to_next();
        world.outcome(effect, settled(100, amount_minor, Timestamp::ZERO));
        world.advance_to_next();
        world.outcome(effect, mismatch(amount_minor, true));
        world.advance_to_next();
        world.outcome(effect, captured(100));
        assert_eq!(world.status(payment), PaymentStatus::Captured);
    }
}

#[test]
fn amounts_at_the_limits_go_through() {
    let mut world = World::new();
    let amount_minor_max = world.policy.providers[0].amount_minor_max;
    let request = world.request(amount_minor_max + 1);
    let reply = world.submit(&Command::CreatePayment(request));
    assert_eq!(reply, Reply::Refused(Refusal::AmountAboveProviderMax { amount_minor_max }));
    for amount_minor in [1, amount_minor_max] {
        let payment = world.captured(amount_minor);
        assert_eq!(world.refund(payment, Some(0)), Reply::Refused(Refusal::RefundAboveRemaining { remaining_minor: amount_minor }));
        let (_, refund) = world.refunding(payment, amount_minor);
        world.outcome(refund, common::refunded(amount_minor));
        assert_eq!(world.status(payment), PaymentStatus::Refunded);
    }
    world.policy.providers[0].amount_minor_max = base::limits::AMOUNT_MINOR_MAX;
    world.captured(base::limits::AMOUNT_MINOR_MAX);
}

#[test]
fn another_merchants_payment_does_not_exist() {
    let mut world = World::new();
    let payment = world.authorized(100);
    let idempotency = world.fresh();
    let private = Private::default;
    let commands = [
        Command::ConfirmPayment(ConfirmPayment {
            merchant: OTHER,
            payment,
            idempotency,
            payment_method: None,
            method: None,
            presence: None,
            private: private(),
        }),
        Command::CapturePayment(CapturePayment { merchant: OTHER, payment, idempotency, amount_minor: None, private: private() }),
        Command::CancelPayment(engine::CancelPayment { merchant: OTHER, payment, idempotency, private: private() }),
        Command::CreateRefund(CreateRefund {
            merchant: OTHER,
            payment,
            idempotency,
            amount_minor: None,
            details: None,
            private: private(),
        }),
    ];
    for command in commands {
        let decision = world.decision(&command);
        assert_eq!((decision.reply, decision.entries.len()), (Reply::Refused(Refusal::PaymentUnknown), 0));
    }
    assert_eq!(world.state.payment_of(OTHER, payment), None);
    let stranger = CreatePayment { merchant: base::MerchantId::from_u128(77), ..world.request(1) };
    assert_eq!(world.submit(&Command::CreatePayment(stranger)), Reply::Refused(Refusal::MerchantUnknown));
}

#[test]
fn late_answers_to_closed_effects_change_nothing() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, captured(100));
    let before = world.state.clone();
    for late in [captured(100), declined(), unknown(), redirect(), mismatch(1, true), canceled(), not_found()] {
        assert_eq!(world.outcome(effect, late).entries, []);
    }
    assert_eq!(world.outcome(base::EffectId::from_u128(1), captured(1)).entries, []);
    assert!(world.state == before);
    assert_eq!(world.status(payment), PaymentStatus::Captured);
}

#[test]
fn an_answer_to_an_earlier_send_counts_when_it_is_definite_and_not_otherwise() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, unknown());
    world.advance_to_next();
    assert_eq!(world.stand(effect), (EffectStatus::InFlight, SendKind::Replay));
    for late in [unknown(), common::not_sent(), common::rejected(true)] {
        assert_eq!(world.outcome_of(effect, 1, late).entries, []);
    }
    assert_eq!(world.outcome_of(effect, 3, captured(100)).entries, [], "no such send");
    world.outcome_of(effect, 1, captured(100));
    assert_eq!(world.status(payment), PaymentStatus::Captured);
}

#[test]
fn a_payment_has_one_expiry_at_most_and_every_event_names_its_payment() {
    let mut world = World::new();
    let payment = world.authorized(100);
    let expiries = world.state.timers.iter().filter(|(_, timer)| *timer == Timer::Expiry(payment)).count();
    assert_eq!(expiries, 1);
    for entry in &world.entries {
        assert_eq!(
            entry.event.payment().is_some(),
            matches!(entry.event, Event::PaymentCreated(_) | Event::AttemptStarted { .. } | Event::AttemptAuthorized { .. })
        );
    }
}
