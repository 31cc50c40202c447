//! What must hold in every state after every entry, said independently of the code that keeps it so.

use base::limits::METHODS_PER_CUSTOMER_MAX;
use base::{Currency, MerchantId, PaymentId};
use engine::state::{Balance, KeyedObject, Settling, Timer, object_digest, object_hash};
use engine::{Effect, EffectKind, EffectStatus, Errand, ErrandKind, ErrandStatus, Payment, State};
use payments::postings::AccountKind;
use payments::{AttemptStatus, CaptureStatus, DisputeStatus, PaymentStatus, RefundStatus, StoredMethodStatus};
use std::collections::{BTreeMap, BTreeSet};

/// Judges a whole state.
pub fn check_state(state: &State) {
    for (ledger, totals) in state.ledger.ledgers() {
        assert!(totals.is_balanced(), "ledger {ledger} is balanced: {totals:?}");
    }
    for payment in state.payments.values() {
        check_amounts(payment);
        check_holds(state, payment);
        check_operations(state, payment);
    }
    for effect in state.effects.values() {
        check_effect(state, effect);
    }
    check_customers(state);
    for errand in state.errands.values() {
        check_errand(state, errand);
    }
    check_reservations(state);
    check_timers(state);
    check_indexes(state);
    check_rest(state);
    check_books(state);
}

/// What says which payments rest and what belongs to them agrees with the payments.
fn check_rest(state: &State) {
    let resting: BTreeMap<u64, PaymentId> = state.payments.iter().filter_map(|(id, payment)| Some((payment.resting_since?, *id))).collect();
    assert_eq!(resting, state.resting, "payments that rest are listed");
    for (id, payment) in &state.payments {
        let open = state.effects.values().filter(|open| open.payment == *id).count();
        assert_eq!(usize::from(payment.open_effects), open, "open effects are counted");
        assert!(payment.resting_since.is_none() || open == 0, "nothing is open at a payment that rests");
        let is_about =
            |object: &KeyedObject| matches!(object, KeyedObject::Payment(payment) | KeyedObject::Refund { payment, .. } if payment == id);
        let remembered: BTreeSet<[u8; 16]> =
            state.idempotency.iter().filter(|(_, record)| is_about(&record.object)).map(|((_, key), _)| *key).collect();
        assert_eq!(payment.keys.iter().copied().collect::<BTreeSet<_>>(), remembered, "remembered keys are listed");
        assert_eq!(payment.keys.len(), remembered.len(), "each once");
    }
}

fn is_reversed(payment: &Payment) -> bool {
    let manual = payment.captures.iter().any(|capture| capture.status == CaptureStatus::Reversed);
    manual || payment.status == PaymentStatus::Declined && payment.attempts.iter().any(|attempt| attempt.status == AttemptStatus::Captured)
}

fn check_amounts(payment: &Payment) {
    let sum = |status: &[RefundStatus]| -> u64 {
        payment.refunds.iter().filter(|refund| status.contains(&refund.status)).map(|refund| refund.amount_minor).sum()
    };
    assert_eq!(payment.refunded_minor, sum(&[RefundStatus::Succeeded]));
    assert_eq!(payment.refunding_minor, sum(&[RefundStatus::Started, RefundStatus::Unknown, RefundStatus::Pending]));
    if !is_reversed(payment) {
        assert!(payment.captured_minor >= payment.refunded_minor + payment.refunding_minor, "no more is given back than was taken");
    }
    let taken = payment.attempts.iter().filter(|attempt| attempt.status == AttemptStatus::Captured).count();
    assert!(taken <= 1, "one payment is taken at most once");
}

fn check_holds(state: &State, payment: &Payment) {
    assert_eq!(payment.hold.is_some(), payment.held_minor > 0, "a hold is there exactly while money is held");
    let mismatched = payment.attempts.last().is_some_and(|attempt| attempt.status == AttemptStatus::Mismatched);
    let held = match payment.status {
        PaymentStatus::Processing | PaymentStatus::RequiresAction => !mismatched,
        PaymentStatus::Authorized | PaymentStatus::PartiallyCaptured => true,
        PaymentStatus::Created
        | PaymentStatus::Captured
        | PaymentStatus::PartiallyRefunded
        | PaymentStatus::Refunded
        | PaymentStatus::Canceled
        | PaymentStatus::Declined
        | PaymentStatus::Expired => false,
    };
    assert_eq!(payment.hold.is_some(), held, "held in {:?}", payment.status);
    if let Some(hold) = payment.hold {
        let pending = state.ledger.leg_pending(hold).expect("a hold is a reservation in the ledger");
        assert_eq!(pending.amount, u128::from(payment.held_minor));
    }
    for refund in &payment.refunds {
        let open = matches!(refund.status, RefundStatus::Started | RefundStatus::Unknown | RefundStatus::Pending);
        assert_eq!(refund.hold.is_some(), open, "a refund is reserved exactly while it is open");
        if let Some(hold) = refund.hold {
            assert_eq!(state.ledger.leg_pending(hold).expect("it is a reservation in the ledger").amount, u128::from(refund.amount_minor));
        }
    }
}

fn check_operations(state: &State, payment: &Payment) {
    if let Some(effect) = payment.operation {
        let open = state.effects.get(&effect).expect("the operation of a payment is open");
        assert!(matches!(open.requested.kind, EffectKind::Authorize { .. } | EffectKind::Capture { .. }));
    }
    if let Some(effect) = payment.cancel {
        let open = state.effects.get(&effect).expect("the cancel of a payment is open");
        assert!(matches!(open.requested.kind, EffectKind::Cancel { .. }));
    }
    for refund in &payment.refunds {
        let open = matches!(refund.status, RefundStatus::Started | RefundStatus::Unknown | RefundStatus::Pending);
        assert!(!open || state.effects.contains_key(&refund.effect), "an open refund has an open effect");
    }
    if let Some(attempt) = payment.attempts.last() {
        let open = matches!(attempt.status, AttemptStatus::Started | AttemptStatus::Unknown | AttemptStatus::Pending);
        assert_eq!(open, payment.operation == Some(attempt.effect) && attempt.status != AttemptStatus::Mismatched, "{:?}", attempt.status);
    }
}

fn check_effect(state: &State, effect: &Effect) {
    let id = effect.requested.effect;
    let payment = state.payments.get(&effect.payment).expect("the payment of an open effect exists");
    let owned = match effect.requested.kind {
        EffectKind::Authorize { .. } | EffectKind::Capture { .. } => payment.operation == Some(id),
        EffectKind::Cancel { .. } => payment.cancel == Some(id),
        EffectKind::Refund { refund } => payment.refund(refund).is_some_and(|refund| refund.effect == id),
        EffectKind::Observe { .. } => payment.observations.contains(&id),
        EffectKind::UndoHold { attempt } | EffectKind::UndoCapture { attempt } => {
            payment.attempts[usize::from(attempt)].status == AttemptStatus::SucceededLate
        }
    };
    if effect.requested.is_object_made() {
        assert_eq!(state.open_references.get(&effect.requested.reference), Some(&id), "an open call is found by its reference");
    }
    assert!(owned, "an open effect belongs to what it is for: {effect:?}");
    assert_eq!(effect.next_at.is_some(), state.timers.iter().any(|(_, timer)| *timer == Timer::Send(id)));
    if let Some(at) = effect.next_at {
        assert!(state.timers.contains(&(at, Timer::Send(id))), "the timer of an effect is the one it names");
    }
    match effect.status {
        EffectStatus::InFlight | EffectStatus::Parked => assert_eq!(effect.next_at, None),
        EffectStatus::Deferred | EffectStatus::Waiting | EffectStatus::Watching => assert!(effect.next_at.is_some()),
        EffectStatus::Unknown => {} // parked by the next entry when no look is left
    }
}

/// Customers and their payment methods name each other, and each waits for exactly the errand that is open for it.
fn check_customers(state: &State) {
    for (id, customer) in &state.customers {
        assert!(customer.methods.len() <= METHODS_PER_CUSTOMER_MAX);
        for (provider, errand) in &customer.storing {
            let open = state.errands.get(errand).expect("a customer that is being stored has its errand");
            assert_eq!((open.requested.customer, open.requested.provider), (*id, *provider));
            assert!(!customer.credentials.contains_key(provider), "a customer that is known is not stored again");
        }
    }
    for (id, method) in &state.methods {
        let customer = &state.customers[&method.customer];
        let is_over = matches!(method.status, StoredMethodStatus::Failed | StoredMethodStatus::Removed);
        assert_eq!(customer.methods.contains(id), !is_over, "a customer names what is not over: {method:?}");
        let may_wait = matches!(method.status, StoredMethodStatus::Storing | StoredMethodStatus::Removing);
        assert!(may_wait || state.errand_of(method).is_none(), "what is settled waits for nothing: {method:?}");
        let charged = matches!(method.status, StoredMethodStatus::Active | StoredMethodStatus::Removing);
        assert_eq!(method.credentials.is_empty(), !charged, "what can be charged has a credential: {method:?}");
    }
    for payment in state.payments.values() {
        let Some(on_file) = &payment.on_file else { continue };
        assert_eq!(state.customers[&on_file.customer].merchant, payment.merchant);
        assert!(on_file.method.is_none_or(|method| state.methods[&method].customer == on_file.customer));
    }
}

fn check_errand(state: &State, errand: &Errand) {
    let id = errand.requested.errand;
    match errand.requested.kind {
        ErrandKind::StoreCustomer => {
            assert_eq!(state.customers[&errand.requested.customer].storing.get(&errand.requested.provider), Some(&id));
        }
        ErrandKind::Attach { method } => assert_eq!(state.methods[&method].errand, Some(id)),
        ErrandKind::Detach { method } => assert_eq!(state.methods[&method].errand, Some(id)),
    }
    assert_eq!(errand.status == ErrandStatus::InFlight, errand.next_at.is_none(), "what is not under way has its time");
    if let Some(at) = errand.next_at {
        assert!(state.timers.contains(&(at, Timer::Errand(id))), "the timer of an errand is the one it names");
    }
}

/// The ledger reserves what payments and refunds hold, and nothing else.
fn check_reservations(state: &State) {
    let holds = state.payments.values().flat_map(|payment| payment.hold.into_iter().chain(payment.refunds.iter().filter_map(|r| r.hold)));
    let known: BTreeSet<u128> = holds.collect();
    let open: BTreeSet<u128> = state.ledger.leg_pendings().map(|(id, _)| id).collect();
    assert_eq!(known, open, "no reservation is forgotten");
}

fn check_timers(state: &State) {
    let mut expiries = BTreeSet::new();
    for (at, timer) in &state.timers {
        match timer {
            Timer::Send(effect) => assert_eq!(state.effects.get(effect).expect("a timer names an open effect").next_at, Some(*at)),
            Timer::Expiry(payment) => {
                assert!(expiries.insert(*payment), "a payment expires once");
                assert_eq!(state.payments.get(payment).expect("a timer names a payment that exists").expires_at, Some(*at));
            }
            Timer::Errand(errand) => assert_eq!(state.errands.get(errand).expect("a timer names an open errand").next_at, Some(*at)),
            Timer::Ledger(merchant) => assert_eq!(state.ledgers[merchant].armed_at, Some(*at)),
            Timer::Funds(payment) => assert!(state.payments.contains_key(payment)),
            Timer::Stray(payment) => assert!(state.payments.contains_key(payment)),
            Timer::Settle(payment) => {
                assert!(state.payments[payment].settling.as_ref().is_some_and(|settling| settling.next_at == Some(*at)))
            }
        }
    }
    for (id, payment) in &state.payments {
        let idle_hold = payment.status == PaymentStatus::Authorized && payment.operation.is_none() && payment.cancel.is_none();
        assert!(!idle_hold || expiries.contains(id), "a hold that nobody works on expires");
    }
}

fn check_indexes(state: &State) {
    for (refund, payment) in &state.refunds {
        assert!(state.payments[payment].refund(*refund).is_some());
    }
    for ((merchant, reference), payment) in &state.references {
        let found = &state.payments[payment];
        assert_eq!((found.merchant, found.reference), (*merchant, Some(*reference)));
    }
    for ((merchant, key), record) in &state.idempotency {
        let owner = match record.object {
            KeyedObject::Payment(payment) => state.payments[&payment].merchant,
            KeyedObject::Refund { payment, refund } => {
                assert!(state.payments[&payment].refund(refund).is_some());
                state.payments[&payment].merchant
            }
            KeyedObject::Customer(customer) => state.customers[&customer].merchant,
            KeyedObject::Method(method) => state.customers[&state.methods[&method].customer].merchant,
        };
        assert_eq!(owner, *merchant);
        assert!(state.idempotency_expiry.iter().any(|(_, owner, found)| owner == merchant && found == key), "a key is forgotten some day");
    }
    assert_eq!(state.idempotency.len(), state.idempotency_expiry.len());
    let made = state.effects.values().filter(|open| open.requested.is_object_made()).count();
    assert_eq!(state.open_references.len(), made, "no reference of a closed call is kept");
    for (id, payment) in &state.payments {
        for (index, attempt) in payment.attempts.iter().enumerate() {
            let Some(provider_id) = &attempt.provider_id else { continue };
            assert!(state.provider_objects.contains(&(object_hash(object_digest(attempt.provider, provider_id)), *id)));
            let found = state.attempt_of(attempt.provider, provider_id);
            assert!(found.is_some_and(|found| found == (*id, index) || is_shared(state, provider_id)));
        }
        if let Some(Settling { next_at: Some(at), .. }) = payment.settling.as_deref().copied() {
            assert!(state.timers.contains(&(at, Timer::Settle(*id))), "a fee that is awaited has its timer");
        }
    }
    for id in state.payments.values().flat_map(|payment| payment.refunds.iter().map(|refund| refund.refund)) {
        assert!(state.refunds.contains_key(&id));
    }
}

/// Whether several attempts have one provider id: random answers name few.
fn is_shared(state: &State, provider_id: &str) -> bool {
    let attempts = state.payments.values().flat_map(|payment| &payment.attempts);
    attempts.filter(|attempt| attempt.provider_id.as_deref() == Some(provider_id)).count() > 1
}

/// What the payments of one merchant in one currency say about its accounts, in minor units.
#[derive(Default)]
struct Expected {
    unreleased: i128,
    kept: i128,
    held: i128,
    fees: i128,
    disputed: i128,
}

fn check_books(state: &State) {
    let mut expected: BTreeMap<(MerchantId, Currency), Expected> = BTreeMap::new();
    for payment in state.payments.values() {
        let sums = expected.entry((payment.merchant, payment.money.currency)).or_default();
        sums.unreleased += i128::from(payment.unreleased_minor);
        sums.kept += i128::from(payment.captured_minor) - i128::from(payment.refunded_minor);
        sums.held += i128::from(payment.held_minor);
        sums.fees += i128::from(payment.fee_minor);
        let standing = payment.disputes.iter().filter(|dispute| matches!(dispute.status, DisputeStatus::Open | DisputeStatus::Lost));
        sums.disputed += standing.map(|dispute| i128::from(dispute.amount_minor)).sum::<i128>();
    }
    for payment in state.payments.values() {
        for attempt in &payment.attempts {
            expected.entry((payment.merchant, attempt.money.currency)).or_default().fees += i128::from(attempt.late_fee_minor);
        }
    }
    for ((merchant, currency), sums) in expected {
        let balance = |kind| state.balance(merchant, currency, kind);
        let pending = balance(AccountKind::MerchantPending);
        let available = balance(AccountKind::MerchantAvailable);
        let suspense = credit(balance(AccountKind::Suspense));
        assert_eq!(credit(pending) - wide(pending.debits_pending), sums.unreleased, "pending is what was not released");
        assert_eq!(credit(pending) + credit(available), sums.kept, "a merchant has what was taken and not given back");
        assert_eq!(wide(balance(AccountKind::Receivable).debits_pending), sums.held);
        assert_eq!(-credit(balance(AccountKind::Fees)), sums.fees);
        assert_eq!(-credit(balance(AccountKind::Disputed)), sums.disputed);
        let receivable = -credit(balance(AccountKind::Receivable));
        assert_eq!(receivable, sums.kept - sums.fees - sums.disputed + suspense, "a provider owes what it took");
    }
}

fn wide(amount_minor: u128) -> i128 {
    i128::try_from(amount_minor).expect("the amounts of tests are small")
}

fn credit(balance: Balance) -> i128 {
    wide(balance.credits_posted) - wide(balance.debits_posted)
}
