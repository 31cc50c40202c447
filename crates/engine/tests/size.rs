//! What a closed payment costs in memory.
//!
//! Counted: every map entry that stays (payment, reference, idempotency key and its expiry, refund), half as much again
//! for the empty slots of B-tree nodes, the boxed payment, and the capacity of every string and list behind it. Not
//! counted: the allocator's own rounding.

mod common;

use base::{MerchantId, NextAction, PaymentId, Timestamp};
use common::{S, World, captured, declined, refunded, settled};
use engine::state::{IdempotencyRecord, Timer};
use engine::{Attempt, CreatePayment, Payment, State};

/// Most bytes that a closed simple payment may cost until it is archived.
const CLOSED_PAYMENT_BYTES_MAX: usize = 1_280;
/// Most bytes that an archived payment may cost while its money is not released: a timer.
const ARCHIVED_PAYMENT_BYTES_MAX: usize = 96;

/// Entries of a B-tree at its emptiest fill six of eleven slots (the standard library's B is 6), and random insertion
/// fills about 69 of 100: counted as two thirds.
const fn in_tree(entry_bytes: usize) -> usize {
    entry_bytes * 3 / 2
}

fn text(value: Option<&String>) -> usize {
    value.map_or(0, String::capacity)
}

/// Bytes behind a payment's pointers.
fn heap_bytes(payment: &Payment) -> usize {
    let attempts: usize = payment.attempts.iter().map(|attempt| text(attempt.provider_id.as_ref())).sum();
    let refunds: usize = payment.refunds.iter().map(|refund| text(refund.provider_id.as_ref())).sum();
    let disputes: usize = payment.disputes.iter().map(|dispute| dispute.dispute.capacity()).sum();
    let decline = payment.last_decline.as_ref().map_or(0, |decline| decline.code.capacity() + text(decline.network_code.as_ref()));
    let action = match &payment.next_action {
        Some(NextAction::Redirect { url }) => url.capacity(),
        Some(NextAction::Wait) | None => 0,
    };
    attempts
        + refunds
        + disputes
        + decline
        + action
        + text(payment.payment_method.as_ref())
        + payment.attempts.capacity() * size_of::<Attempt>()
        + payment.captures.capacity() * size_of::<engine::Capture>()
        + payment.refunds.capacity() * size_of::<engine::Refund>()
        + payment.disputes.capacity() * size_of::<engine::Dispute>()
        + payment.keys.capacity() * size_of::<[u8; 16]>()
}

/// Everything that stays of all payments of a state, in bytes.
fn state_bytes(state: &State) -> usize {
    let payments = state.payments.len() * (in_tree(size_of::<(PaymentId, Box<Payment>)>()) + size_of::<Payment>())
        + state.payments.values().map(|payment| heap_bytes(payment)).sum::<usize>();
    let references = state.references.len() * in_tree(size_of::<((MerchantId, [u8; 16]), PaymentId)>());
    let keys = state.idempotency.len() * in_tree(size_of::<((MerchantId, [u8; 16]), IdempotencyRecord)>());
    let expiries = state.idempotency_expiry.len() * in_tree(size_of::<(Timestamp, MerchantId, [u8; 16])>());
    let refunds = state.refunds.len() * in_tree(size_of::<(base::RefundId, PaymentId)>());
    let timers = state.timers.len() * in_tree(size_of::<(Timestamp, Timer)>());
    let objects = state.provider_objects.len() * in_tree(size_of::<(u64, PaymentId)>());
    let resting = state.resting.len() * in_tree(size_of::<(u64, PaymentId)>());
    payments + references + keys + expiries + refunds + timers + objects + resting
}

/// Bytes for each of some closed payments that `live` leads through their life.
fn closed_bytes(live: impl Fn(&mut World, u8)) -> usize {
    const COUNT: u8 = 50;
    let mut world = World::new();
    let before = state_bytes(&world.state);
    for number in 0..COUNT {
        live(&mut world, number);
    }
    world.advance(10 * 86_400 * S);
    assert!(world.state.effects.is_empty() && world.state.timers.is_empty(), "the payments are closed");
    (state_bytes(&world.state) - before) / usize::from(COUNT)
}

fn start(world: &mut World, number: u8) -> base::EffectId {
    // A provider's token as long as Stripe's: 27 characters.
    let payment_method = Some("pm_1NvXbZ2eZvKYlo2CEr6fQJ8W".to_owned());
    let request = CreatePayment { reference: Some([number; 16]), payment_method, ..world.request(100) };
    let payment = world.create(&request);
    world.operation(payment)
}

#[test]
fn a_closed_payment_costs_little_more_than_a_kilobyte() {
    let taken = closed_bytes(|world, number| {
        let effect = start(world, number);
        let available_at = world.now.plus_ns(86_400 * S);
        world.outcome(effect, settled(100, 3, available_at));
    });
    let refused = closed_bytes(|world, number| {
        let effect = start(world, number);
        world.outcome(effect, declined());
    });
    println!(
        "payment {} bytes, attempt {} bytes, refund {} bytes",
        size_of::<Payment>(),
        size_of::<Attempt>(),
        size_of::<engine::Refund>()
    );
    println!("a captured payment costs {taken} bytes, a declined one {refused} bytes");
    assert!(taken <= CLOSED_PAYMENT_BYTES_MAX, "{taken} bytes");
    assert!(refused <= CLOSED_PAYMENT_BYTES_MAX, "{refused} bytes");
}

#[test]
fn an_archived_payment_costs_a_timer_until_its_money_is_released() {
    const COUNT: u8 = 50;
    let mut world = World::new();
    let before = state_bytes(&world.state);
    for number in 0..COUNT {
        let effect = start(&mut world, number);
        let available_at = world.now.plus_ns(86_400 * S);
        world.outcome(effect, settled(100, 3, available_at));
    }
    world.archive_all();
    assert!(world.state.payments.is_empty(), "nothing is open at any of them");
    let bytes = (state_bytes(&world.state) - before) / usize::from(COUNT);
    println!("an archived payment costs {bytes} bytes");
    assert!((1..=ARCHIVED_PAYMENT_BYTES_MAX).contains(&bytes), "{bytes} bytes");
}

#[test]
fn payments_with_many_keys_are_archived_by_events_of_their_own() {
    const KEYS: usize = 200;
    let mut world = World::new();
    for number in 0..3 {
        let effect = start(&mut world, number);
        world.outcome(effect, declined());
        let payment = world.state.payments.keys().copied().find(|id| world.state.payments[id].reference == Some([number; 16]));
        for _ in 0..KEYS {
            let payment_method = Some("pm_1NvXbZ2eZvKYlo2CEr6fQJ8W".to_owned());
            let again = CreatePayment { reference: Some([number; 16]), payment_method, ..world.request(100) };
            let reply = world.submit(&engine::Command::CreatePayment(again));
            assert!(matches!(reply, engine::Reply::Payment { payment: found, replayed: true, .. } if Some(found) == payment));
        }
    }
    let before = world.entries.len();
    let archived = world.archive_all();
    assert_eq!((archived.len(), world.entries.len() - before), (3, 3), "two have no room in one event");
    for payment in archived.values() {
        assert!(payment.keys.len() > KEYS && payment.bytes_estimate() <= engine::ARCHIVED_BYTES_MAX);
    }
}

#[test]
fn a_manual_capture_and_a_refund_are_counted_too() {
    let bytes = closed_bytes(|world, _| {
        let payment = world.authorized(100);
        world.capture(payment, None);
        let effect = world.operation(payment);
        world.outcome(effect, captured(100));
        let (_, refund) = world.refunding(payment, 100);
        world.outcome(refund, refunded(100));
        for _ in 0..2 {
            world.advance_to_next();
            world.outcome(refund, refunded(100));
        }
    });
    println!("a captured and refunded payment costs {bytes} bytes");
    assert!(bytes <= 3 * CLOSED_PAYMENT_BYTES_MAX / 2, "{bytes} bytes");
}
