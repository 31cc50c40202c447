//! The same request twice is one: by its key for thirty days, by the merchant's reference and the derived id for ever.

mod common;

use base::limits::IDEMPOTENCY_KEPT_NS;
use common::{MERCHANT, OTHER, World, captured, declined, idempotency, redirect, refunded, unknown};
use engine::state::KeyedObject;
use engine::{CaptureMode, CapturePayment, Command, CreatePayment, CreateRefund, Private, Refusal, Reply};
use payments::PaymentStatus;

#[test]
fn a_key_waits_for_the_first_answer_then_replays_it() {
    let mut world = World::new();
    let request = world.request(100);
    let payment = world.create(&request);
    let command = Command::CreatePayment(request);
    assert_eq!(world.submit(&command), Reply::Refused(Refusal::IdempotencyKeyInUse));
    let effect = world.operation(payment);
    world.outcome(effect, unknown());
    let waiting = Reply::Payment { payment, replayed: true, waiting_for: Some(effect) };
    assert_eq!(world.submit(&command), waiting, "an outcome that is not known yet is still worth waiting for");
    world.advance_to_next();
    assert_eq!(world.submit(&command), waiting, "only the very first send makes a second request wait outside");
    world.outcome(effect, captured(100));
    assert_eq!(world.submit(&command), Reply::Payment { payment, replayed: true, waiting_for: None });
}

#[test]
fn a_key_with_another_body_is_refused_whatever_became_of_the_first() {
    let mut world = World::new();
    let request = world.request(100);
    let payment = world.create(&request);
    let other = CreatePayment { idempotency: engine::Idempotency { fingerprint: [9; 16], ..request.idempotency }, ..request };
    assert_eq!(world.submit(&Command::CreatePayment(other.clone())), Reply::Refused(Refusal::IdempotencyKeyReused));
    let effect = world.operation(payment);
    world.outcome(effect, declined());
    assert_eq!(world.submit(&Command::CreatePayment(other)), Reply::Refused(Refusal::IdempotencyKeyReused));
}

#[test]
fn keys_belong_to_their_merchant() {
    let mut world = World::new();
    let request = world.request(100);
    let payment = world.create(&request);
    let theirs = world.create(&CreatePayment { merchant: OTHER, ..request });
    assert_ne!(payment, theirs);
}

#[test]
fn captures_cancels_and_refunds_replay_their_answer() {
    let mut world = World::new();
    let payment = world.authorized(100);
    let key = world.fresh();
    let capture = Command::CapturePayment(CapturePayment {
        merchant: MERCHANT,
        payment,
        idempotency: key,
        amount_minor: None,
        private: Private::default(),
    });
    let Reply::Payment { waiting_for: Some(effect), replayed: false, .. } = world.submit(&capture) else {
        panic!("a capture starts");
    };
    assert_eq!(world.submit(&capture), Reply::Refused(Refusal::IdempotencyKeyInUse));
    world.outcome(effect, captured(100));
    assert_eq!(world.submit(&capture), Reply::Payment { payment, replayed: true, waiting_for: None });

    let key = world.fresh();
    let refund =
        CreateRefund { merchant: MERCHANT, payment, idempotency: key, amount_minor: Some(60), details: None, private: Private::default() };
    let refund = Command::CreateRefund(refund);
    let Reply::Refund { refund: id, waiting_for: Some(effect), replayed: false, .. } = world.submit(&refund) else {
        panic!("a refund starts");
    };
    assert_eq!(world.submit(&refund), Reply::Refused(Refusal::IdempotencyKeyInUse));
    world.outcome(effect, refunded(60));
    assert_eq!(world.submit(&refund), Reply::Refund { payment, refund: id, replayed: true, waiting_for: None });
    assert_eq!(world.payment(payment).refunded_minor, 60);

    let created = CreatePayment { confirm: false, ..world.request(1) };
    let payment = world.create(&created);
    let key = world.fresh();
    let cancel =
        Command::CancelPayment(engine::CancelPayment { merchant: MERCHANT, payment, idempotency: key, private: Private::default() });
    for replayed in [false, true] {
        assert_eq!(world.submit(&cancel), Reply::Payment { payment, replayed, waiting_for: None });
    }
}

#[test]
fn a_refused_request_uses_no_key_up() {
    let mut world = World::new();
    let payment = world.authorized(100);
    let key = world.fresh();
    let capture = |amount_minor| {
        Command::CapturePayment(CapturePayment { merchant: MERCHANT, payment, idempotency: key, amount_minor, private: Private::default() })
    };
    assert_eq!(world.submit(&capture(Some(101))), Reply::Refused(Refusal::CaptureAboveHeld { held_minor: 100 }));
    assert!(matches!(world.submit(&capture(None)), Reply::Payment { replayed: false, .. }));
}

#[test]
fn a_key_is_forgotten_after_thirty_days_and_what_it_created_stays_protected() {
    let mut world = World::new();
    let request = world.request(100);
    let payment = world.create(&request);
    let effect = world.operation(payment);
    world.outcome(effect, captured(100));
    let key = world.fresh();
    let refund =
        CreateRefund { merchant: MERCHANT, payment, idempotency: key, amount_minor: Some(60), details: None, private: Private::default() };
    let refund = Command::CreateRefund(refund);
    let Reply::Refund { waiting_for: Some(effect), .. } = world.submit(&refund) else {
        panic!("a refund starts");
    };
    world.outcome(effect, refunded(60));

    world.now = world.now.plus_ns(IDEMPOTENCY_KEPT_NS);
    world.submit(&Command::Quarantine { fingerprint: [1; 16] });
    assert_eq!((world.state.idempotency.len(), world.state.idempotency_expiry.len()), (0, 0));
    assert_eq!(
        world.submit(&Command::CreatePayment(request)),
        Reply::Refused(Refusal::IdempotencyKeyExpired { created: KeyedObject::Payment(payment) })
    );
    let reply = world.submit(&refund);
    assert_eq!(reply, Reply::Refused(Refusal::RefundAboveRemaining { remaining_minor: 40 }));
    let other =
        CreateRefund { merchant: MERCHANT, payment, idempotency: key, amount_minor: Some(1), details: None, private: Private::default() };
    let refund = world.payment(payment).refunds[0].refund;
    let created = KeyedObject::Refund { payment, refund };
    assert_eq!(world.submit(&Command::CreateRefund(other)), Reply::Refused(Refusal::IdempotencyKeyExpired { created }));
    assert_eq!(world.payment(payment).refunds.len(), 1);
}

#[test]
fn keys_are_forgotten_a_few_at_a_time() {
    let mut world = World::new();
    for _ in 0..20 {
        world.captured(1);
    }
    world.now = world.now.plus_ns(IDEMPOTENCY_KEPT_NS);
    for left in [12, 4, 0] {
        world.submit(&Command::ReportClockJump { jump_ns: 1 });
        assert_eq!(world.state.idempotency.len(), left);
    }
}

#[test]
fn a_reference_names_one_payment_for_ever() {
    struct Row {
        what: &'static str,
        same: bool,
        retry: bool,
        before: fn(&mut World, base::EffectId),
        after: fn(base::PaymentId, base::EffectId) -> Reply,
        attempts: usize,
    }
    let replayed = |payment, _| Reply::Payment { payment, replayed: true, waiting_for: None };
    let waiting = |payment, effect| Reply::Payment { payment, replayed: true, waiting_for: Some(effect) };
    // A capture and its reversal by the provider.
    fn reversed(world: &mut World, effect: base::EffectId) {
        let payment = world.open(effect).payment;
        world.outcome(effect, captured(100));
        world.reverse_capture(payment);
    }
    let rows = [
        Row { what: "same, in flight", same: true, retry: false, before: |_, _| {}, after: waiting, attempts: 1 },
        Row {
            what: "same, unknown",
            same: true,
            retry: true,
            before: |w, e| {
                w.outcome(e, unknown());
            },
            after: waiting,
            attempts: 1,
        },
        Row {
            what: "same, captured",
            same: true,
            retry: true,
            before: |w, e| {
                w.outcome(e, captured(100));
            },
            after: replayed,
            attempts: 1,
        },
        Row {
            what: "same, declined",
            same: true,
            retry: false,
            before: |w, e| {
                w.outcome(e, declined());
            },
            after: replayed,
            attempts: 1,
        },
        Row { what: "same, reversed", same: true, retry: true, before: reversed, after: replayed, attempts: 1 },
        Row {
            what: "same, waits",
            same: true,
            retry: true,
            before: |w, e| {
                w.outcome(e, redirect());
            },
            after: replayed,
            attempts: 1,
        },
        Row {
            what: "other, captured",
            same: false,
            retry: true,
            before: |w, e| {
                w.outcome(e, captured(100));
            },
            after: |payment, _| Reply::Refused(Refusal::ReferenceConflict { payment, status: PaymentStatus::Captured }),
            attempts: 1,
        },
        Row {
            what: "other, declined, no retry",
            same: false,
            retry: false,
            before: |w, e| {
                w.outcome(e, declined());
            },
            after: |payment, _| Reply::Refused(Refusal::ReferenceConflict { payment, status: PaymentStatus::Declined }),
            attempts: 1,
        },
        Row {
            what: "other, reversed, retry",
            same: false,
            retry: true,
            before: reversed,
            after: |payment, _| Reply::Refused(Refusal::ReferenceConflict { payment, status: PaymentStatus::Declined }),
            attempts: 1,
        },
    ];
    for Row { what, same, retry, before, after, attempts } in rows {
        let mut world = World::new();
        let request = CreatePayment { reference: Some([3; 16]), ..world.request(100) };
        let payment = world.create(&request);
        let effect = world.operation(payment);
        before(&mut world, effect);
        let again = CreatePayment { idempotency: world.fresh(), retry_declined: retry, ..request };
        let again = if same { again } else { CreatePayment { content: [8; 16], ..again } };
        assert_eq!(world.submit(&Command::CreatePayment(again)), after(payment, effect), "{what}");
        assert_eq!(world.payment(payment).attempts.len(), attempts, "{what}");
    }
}

#[test]
fn a_declined_payment_is_tried_again_only_when_asked_and_with_the_new_content() {
    for content in [[1; 16], [2; 16]] {
        let mut world = World::new();
        let request = CreatePayment { reference: Some([3; 16]), ..world.request(100) };
        let payment = world.create(&request);
        let effect = world.operation(payment);
        world.outcome(effect, declined());
        let retry = CreatePayment { idempotency: world.fresh(), retry_declined: true, content, ..request };
        let Reply::Payment { replayed: false, waiting_for: Some(second), .. } = world.submit(&Command::CreatePayment(retry.clone())) else {
            panic!("a new attempt starts");
        };
        assert_ne!(second, effect);
        assert_eq!(world.payment(payment).content, content);
        assert_eq!(world.submit(&Command::CreatePayment(retry.clone())), Reply::Refused(Refusal::IdempotencyKeyInUse));
        world.outcome(second, captured(100));
        assert_eq!(world.submit(&Command::CreatePayment(retry)), Reply::Payment { payment, replayed: true, waiting_for: None });
        let without = CreatePayment { idempotency: world.fresh(), payment_method: None, content, ..request_like(&mut world) };
        assert_eq!(world.submit(&Command::CreatePayment(without)), Reply::Payment { payment, replayed: true, waiting_for: None });
    }
}

fn request_like(world: &mut World) -> CreatePayment {
    CreatePayment { reference: Some([3; 16]), ..world.request(100) }
}

#[test]
fn references_belong_to_their_merchant() {
    let mut world = World::new();
    let request = CreatePayment { reference: Some([3; 16]), ..world.request(100) };
    let payment = world.create(&request);
    let theirs = world.create(&CreatePayment { merchant: OTHER, ..request });
    assert_ne!(payment, theirs);
}

#[test]
fn the_same_request_after_a_lost_tail_asks_the_provider_with_the_same_key() {
    let request = |world: &mut World| CreatePayment { reference: Some([3; 16]), idempotency: idempotency(1, 1), ..world.request(100) };
    let mut world = World::new();
    let first = request(&mut world);
    let payment = world.create(&first);
    let mut restored = World::new();
    restored.pay(7, CaptureMode::Manual);
    let second = request(&mut restored);
    assert_eq!(restored.create(&second), payment);
    let (before, after) = (&world.open(world.operation(payment)).requested, &restored.open(restored.operation(payment)).requested);
    assert_eq!((before.effect, before.key, before.reference), (after.effect, after.key, after.reference));
}

#[test]
fn a_confirmation_that_only_looks_again_remembers_its_key() {
    let mut world = World::new();
    let (payment, effect) = world.pay(100, CaptureMode::Automatic);
    world.outcome(effect, redirect());
    let confirm = |idempotency| {
        Command::ConfirmPayment(engine::ConfirmPayment {
            merchant: MERCHANT,
            payment,
            idempotency,
            payment_method: None,
            method: None,
            presence: None,
            private: Private::default(),
        })
    };
    let key = world.fresh();
    let looks = world.decision(&confirm(key));
    assert_eq!(looks.effects().collect::<Vec<_>>(), [effect], "it asks the provider");
    let other = engine::Idempotency { fingerprint: [9; 16], ..key };
    assert_eq!(world.submit(&confirm(other)), Reply::Refused(Refusal::IdempotencyKeyReused));
    let again = world.decision(&confirm(key));
    assert_eq!((again.reply, again.entries.len()), (Reply::Payment { payment, replayed: true, waiting_for: Some(effect) }, 0));
    world.outcome(effect, captured(100));
    assert_eq!(world.submit(&confirm(key)), Reply::Payment { payment, replayed: true, waiting_for: None });
    world.assert_replay_is_equal();
}

#[test]
fn a_creation_answered_through_its_reference_remembers_its_key() {
    let mut world = World::new();
    let request = CreatePayment { reference: Some([5; 16]), ..world.request(100) };
    let payment = world.create(&request);
    let effect = world.operation(payment);
    world.outcome(effect, captured(100));
    let key = world.fresh();
    let second = CreatePayment { idempotency: key, ..request.clone() };
    let found = Reply::Payment { payment, replayed: true, waiting_for: None };
    assert_eq!(world.submit(&Command::CreatePayment(second.clone())), found);
    let other = CreatePayment { idempotency: engine::Idempotency { fingerprint: [9; 16], ..key }, reference: None, ..second.clone() };
    assert_eq!(world.submit(&Command::CreatePayment(other)), Reply::Refused(Refusal::IdempotencyKeyReused));
    let again = world.decision(&Command::CreatePayment(second));
    assert_eq!((again.reply, again.entries.len()), (found, 0), "it is remembered once");
    world.assert_replay_is_equal();
}
