//! Looking at a provider's object without having asked for anything: a fee that came later, a capture or a cancel that
//! somebody made at the provider, a success after its attempt was over.

use super::Draft;
use super::notice::look_id;
use super::outcome::{Heard, deferred, unknown};
use crate::effect::{CaptureMode, EffectKind, EffectRequested, EffectStatus, Presence, SendKind};
use crate::event::Event;
use crate::state::{Attempt, Payment};
use base::{Approval, Decline, EffectId, Mismatch, Money, Outcome, PaymentId, ProviderState, UnknownReason};
use payments::postings::AccountKind;
use payments::{AttemptInput, AttemptStatus, CaptureStatus, PaymentInput};

/// Looks at the newest attempt's object unless a look is open: an operation was refused, and the reason may be that
/// somebody else captured or cancelled at the provider.
pub(super) fn after_refusal(draft: &mut Draft<'_>, call: &Heard<'_>) {
    let named = call.payment.attempts.last().is_some_and(|attempt| attempt.provider_id.is_some());
    if named && draft.state.observation_of(call.payment, newest(call.payment)).is_none() {
        start(draft, call.open.payment, newest(call.payment));
    }
}

/// Looks again after a definite answer if the provider said something while that was on its way: the answer may be older.
pub(super) fn if_hinted(draft: &mut Draft<'_>, call: &Heard<'_>) {
    if call.open.is_hinted {
        after_refusal(draft, call);
    }
}

/// Index of the newest attempt of a payment that has one.
pub(super) fn newest(payment: &Payment) -> u16 {
    let index = payment.attempts.len().checked_sub(1).expect("a payment that is looked at has an attempt");
    u16::try_from(index).expect("attempts are limited")
}

/// Starts a look at an attempt's object.
pub(super) fn start(draft: &mut Draft<'_>, id: PaymentId, index: u16) {
    let payment = draft.state.payments.get(&id).expect("an observation is of a payment that exists");
    assert!(draft.state.observation_of(payment, index).is_none(), "one observation of an attempt at a time");
    let attempt = payment.attempts.get(usize::from(index)).expect("an observation is of an attempt that exists");
    let (_, reference, key) = draft.context.derive_key.operation(id, "authorize", u128::from(index));
    let requested = EffectRequested {
        effect: look_id(draft, id),
        kind: EffectKind::Observe { attempt: index },
        reference,
        key,
        ..asking_nothing(draft, attempt, attempt.money)
    };
    draft.push(Event::ObservationStarted { payment: id, requested });
}

/// The common fields of a call that executes nothing.
pub(super) fn asking_nothing(draft: &Draft<'_>, attempt: &Attempt, money: Money) -> EffectRequested {
    EffectRequested {
        effect: EffectId::from_u128(0),
        kind: EffectKind::Observe { attempt: 0 },
        provider: attempt.provider,
        key: 0,
        reference: 0,
        key_version: draft.context.derive_key.version(),
        money,
        capture: CaptureMode::Manual,
        payment_method: String::new(),
        provider_id: attempt.provider_id.clone(),
        request: None,
        customer: None,
        presence: Presence::OnSession,
    }
}

/// What the provider has taken for the newest attempt as we know it, whatever was given back since.
pub(super) fn taken_minor(payment: &Payment) -> u64 {
    let separately = payment.captures.iter().filter(|capture| capture.status == CaptureStatus::Succeeded);
    let at_once = payment.captures.is_empty() && payment.attempts.last().is_some_and(|attempt| attempt.status == AttemptStatus::Captured);
    if at_once { payment.captured_minor } else { separately.map(|capture| capture.amount_minor).sum() }
}

pub(super) fn outcome(draft: &mut Draft<'_>, call: &Heard<'_>, index: u16, outcome: Outcome) {
    let attempt = call.payment.attempts.get(usize::from(index)).expect("an observation is of an attempt that exists");
    let says = matches!(outcome, Outcome::Approved(_) | Outcome::Pending(_) | Outcome::Declined(_) | Outcome::Mismatch(_))
        || outcome == Outcome::Unknown(UnknownReason::NotFound);
    if call.open.is_hinted && says {
        return look_again(draft, call); // something happened while the answer was on its way: it may be older than that
    }
    match outcome {
        Outcome::Approved(approval) => seen(draft, call, index, attempt, &approval),
        // It is open, refused or not to be found: no money hangs on it.
        Outcome::Pending(_) | Outcome::Declined(_) | Outcome::Unknown(UnknownReason::NotFound) => end(draft, call, index),
        Outcome::Unknown(reason) => unknown(draft, call, reason),
        // Another amount or currency than was asked for, and not by our doing.
        Outcome::Mismatch(_) => park(draft, call),
        Outcome::NotSent(_) | Outcome::Rejected(_) => unknown(draft, call, UnknownReason::NotFound),
    }
}

/// The look is over. A fee that is still not known is looked for again later.
fn end(draft: &mut Draft<'_>, call: &Heard<'_>, index: u16) {
    let payment = call.open.payment;
    draft.push(Event::ObservationEnded { payment, effect: call.open.requested.effect });
    let awaited = call.payment.settling.as_ref().filter(|settling| settling.attempt == index && settling.next_at.is_none());
    // One whose next look is planned still has it.
    if let Some(settling) = awaited {
        await_settlement(draft, payment, settling.attempt, settling.step.saturating_add(1));
    }
}

/// Plans the next look for a fee, or says that there will be none.
pub(super) fn await_settlement(draft: &mut Draft<'_>, payment: PaymentId, attempt: u16, step: u16) {
    let gap = draft.context.policy.settle_gaps.at(step);
    if step > 0 || gap.is_some() {
        let next_at = gap.map(|gap| draft.context.now.plus_ns(gap));
        draft.push(Event::SettlementAwaited { payment, attempt, step, next_at });
    }
}

fn seen(draft: &mut Draft<'_>, call: &Heard<'_>, index: u16, attempt: &Attempt, approval: &Approval) {
    let is_newest = usize::from(index) + 1 == call.payment.attempts.len();
    // What is open tells by itself what became of it.
    let is_idle = call.payment.operation.is_none() && call.payment.cancel.is_none();
    let taken_minor = taken_minor(call.payment);
    // What is left of a hold after captures was given up: that attempt was a success.
    let was_taken = is_newest && taken_minor > 0;
    match (attempt.status, approval.state) {
        (AttemptStatus::Authorized | AttemptStatus::Captured, ProviderState::Captured { amount_minor }) if amount_minor <= taken_minor => {
            settle(draft, call, index, approval);
        }
        (AttemptStatus::SucceededLate, ProviderState::Captured { .. }) => settle(draft, call, index, approval),
        (AttemptStatus::Authorized, ProviderState::Captured { amount_minor }) if is_newest && is_idle && call.payment.hold.is_some() => {
            captured_elsewhere(draft, call, approval, amount_minor - taken_minor);
        }
        (AttemptStatus::Authorized, ProviderState::Canceled) if is_newest && is_idle && call.payment.hold.is_some() => {
            canceled_elsewhere(draft, call, index);
        }
        (AttemptStatus::Captured, ProviderState::Canceled) if is_newest && is_idle && call.payment.captured_minor > 0 => {
            capture_reversed(draft, call, index);
        }
        (AttemptStatus::Declined | AttemptStatus::Failed | AttemptStatus::Canceled, ProviderState::Captured { amount_minor })
            if amount_minor > 0 && !was_taken =>
        {
            succeeded_late(draft, call, index, EffectKind::UndoCapture { attempt: index }, amount_minor, approval.fee_minor);
        }
        (AttemptStatus::Declined | AttemptStatus::Failed | AttemptStatus::Canceled, ProviderState::Authorized { amount_minor })
            if !was_taken =>
        {
            succeeded_late(draft, call, index, EffectKind::UndoHold { attempt: index }, amount_minor, Some(0));
        }
        (AttemptStatus::Authorized | AttemptStatus::Captured, ProviderState::Captured { .. }) if is_idle => {
            // More was taken than was asked for: a person decides.
            park(draft, call);
        }
        _ => end(draft, call, index),
    }
}

/// Books a fee that was not known when the money was taken.
fn settle(draft: &mut Draft<'_>, call: &Heard<'_>, index: u16, approval: &Approval) {
    let (payment, effect) = (call.open.payment, call.open.requested.effect);
    let awaited = call.payment.settling.as_ref().filter(|settling| settling.attempt == index);
    let is_said = approval.fee_minor.is_some() || approval.available_at.is_some();
    if awaited.is_none() || !is_said {
        return end(draft, call, index);
    }
    // A date without a fee: it is kept in another currency, and will never be said in this one.
    let fee_minor = approval.fee_minor.unwrap_or(0);
    let currency = call.open.requested.money.currency;
    let books = draft.books(payment, call.payment.merchant, currency);
    let legs = if fee_minor > 0 { vec![books.fee(0, fee_minor)] } else { Vec::new() };
    draft.push_with(Event::FeeBooked { payment, attempt: index, effect, fee_minor, available_at: approval.available_at }, legs);
    let awaited = call.payment.attempts.iter().enumerate().filter(|(_, attempt)| attempt.is_late_fee_awaited);
    if let Some(next) = awaited.filter_map(|(other, _)| u16::try_from(other).ok()).find(|other| *other != index) {
        await_settlement(draft, payment, next, 0);
    }
}

fn captured_elsewhere(draft: &mut Draft<'_>, call: &Heard<'_>, approval: &Approval, amount_minor: u64) {
    let (payment, effect) = (call.open.payment, call.open.requested.effect);
    let fee_minor = approval.fee_minor.unwrap_or(0);
    let (legs, held_minor) = super::outcome::capture_legs(draft, call, amount_minor, fee_minor);
    let available_at = approval.available_at;
    draft.push_with(Event::CaptureObserved { payment, effect, amount_minor, fee_minor, held_minor, available_at }, legs);
    if approval.fee_minor.is_none() && available_at.is_none() {
        await_settlement(draft, payment, newest(call.payment), 0);
    }
}

fn canceled_elsewhere(draft: &mut Draft<'_>, call: &Heard<'_>, index: u16) {
    let payment = call.open.payment;
    end(draft, call, index);
    let books = draft.books(payment, call.payment.merchant, call.payment.money.currency);
    let legs = call.payment.hold.map(|hold| books.release(0, hold)).into_iter().collect();
    draft.push_with(Event::PaymentCanceled { payment, expired: false, key: None }, legs);
}

/// A capture that had gone through failed at the provider: a correction, never an edit.
fn capture_reversed(draft: &mut Draft<'_>, call: &Heard<'_>, index: u16) {
    let id = call.open.payment;
    let payment = call.payment;
    end(draft, call, index);
    if payment.status.after(PaymentInput::CaptureReversed).is_none() {
        return;
    }
    let source = if payment.available { AccountKind::MerchantAvailable } else { AccountKind::MerchantPending };
    let code = "canceled".to_owned();
    if payment.captures.is_empty() {
        let books = draft.books(id, payment.merchant, payment.money.currency);
        let legs = vec![books.capture_reversal(0, payment.captured_minor, source)];
        return draft.push_with(Event::CaptureReversed { payment: id, capture: None, amount_minor: payment.captured_minor, code }, legs);
    }
    for (index, capture) in payment.captures.iter().enumerate().filter(|(_, capture)| capture.status == CaptureStatus::Succeeded) {
        let books = draft.books(id, payment.merchant, payment.money.currency);
        let legs = vec![books.capture_reversal(0, capture.amount_minor, source)];
        let capture_index = Some(u16::try_from(index).expect("captures are limited"));
        let (amount_minor, code) = (capture.amount_minor, code.clone());
        draft.push_with(Event::CaptureReversed { payment: id, capture: capture_index, amount_minor, code }, legs);
    }
}

/// Books what a finished attempt took after all where nobody can spend it, and gives it back.
fn succeeded_late(draft: &mut Draft<'_>, call: &Heard<'_>, index: u16, kind: EffectKind, amount_minor: u64, fee_minor: Option<u64>) {
    let id = call.open.payment;
    let attempt = call.payment.attempts.get(usize::from(index)).expect("an observation is of an attempt that exists");
    assert!(attempt.status.after(AttemptInput::SucceededLate).is_some(), "only an attempt that is over succeeds late");
    let currency = attempt.money.currency;
    let is_captured = matches!(kind, EffectKind::UndoCapture { .. });
    let requested = giving_back(draft, id, attempt, kind, Money { amount_minor, currency });
    let books = draft.books(id, call.payment.merchant, currency);
    let mut legs = Vec::new();
    if is_captured {
        legs.push(books.mismatch(0, amount_minor));
    }
    if let Some(fee_minor) = fee_minor.filter(|fee_minor| *fee_minor > 0) {
        legs.push(books.fee(1, fee_minor));
    }
    draft.push_with(Event::LateSuccessFound { payment: id, observed: call.open.requested.effect, requested, fee_minor }, legs);
    if fee_minor.is_none() && call.payment.settling.is_none() {
        await_settlement(draft, id, index, 0);
    }
}

/// The call that gives a late success back. Derived and not stamped, so that it happens once even if it is decided twice.
fn giving_back(draft: &Draft<'_>, id: PaymentId, attempt: &Attempt, kind: EffectKind, money: Money) -> EffectRequested {
    let (EffectKind::UndoHold { attempt: index } | EffectKind::UndoCapture { attempt: index }) = kind else {
        panic!("a late success is given back by a cancel or a refund");
    };
    let is_captured = matches!(kind, EffectKind::UndoCapture { .. });
    let discriminator = (u128::from(index) << 1) | u128::from(is_captured);
    let (effect, reference, key) = draft.context.derive_key.operation(id, "undo", discriminator);
    EffectRequested { effect, kind, reference, key, ..asking_nothing(draft, attempt, money) }
}

/// What became of giving a late success back. What cannot be given back waits for a person.
pub(super) fn undone(draft: &mut Draft<'_>, call: &Heard<'_>, outcome: Outcome) {
    match call.open.requested.kind {
        EffectKind::UndoHold { attempt } => hold_undone(draft, call, attempt, outcome),
        _ => capture_undone(draft, call, outcome),
    }
}

fn hold_undone(draft: &mut Draft<'_>, call: &Heard<'_>, attempt: u16, outcome: Outcome) {
    let (payment, effect) = (call.open.payment, call.open.requested.effect);
    let currency = call.open.requested.money.currency;
    match outcome {
        Outcome::Approved(Approval { state: ProviderState::Canceled, .. }) => {
            draft.push(Event::LateSuccessUndone { payment, effect, next_at: None });
        }
        // Somebody captured it first: the money is given back instead.
        Outcome::Approved(Approval { state: ProviderState::Captured { amount_minor }, .. }) if amount_minor > 0 => {
            hold_captured(draft, call, attempt, amount_minor);
        }
        Outcome::Mismatch(Mismatch { captured: true, amount_minor, currency: theirs }) if amount_minor > 0 && theirs == currency => {
            hold_captured(draft, call, attempt, amount_minor);
        }
        Outcome::NotSent(_) | Outcome::Rejected(_) | Outcome::Declined(_) => {
            let is_deferred = !matches!(outcome, Outcome::Declined(_)) && deferred(draft, call, &outcome);
            if !is_deferred && call.open.send_kind == SendKind::Lookup {
                park(draft, call);
            } else if !is_deferred {
                look_again(draft, call); // the refusal does not say what became of the hold
            }
        }
        Outcome::Approved(_) | Outcome::Pending(_) | Outcome::Mismatch(_) => unknown(draft, call, UnknownReason::Undecodable),
        Outcome::Unknown(reason) => unknown(draft, call, reason),
    }
}

fn hold_captured(draft: &mut Draft<'_>, call: &Heard<'_>, attempt: u16, amount_minor: u64) {
    let (payment, effect) = (call.open.payment, call.open.requested.effect);
    let found = call.payment.attempts.get(usize::from(attempt)).expect("an effect names an attempt that exists");
    let currency = call.open.requested.money.currency;
    let requested = giving_back(draft, payment, found, EffectKind::UndoCapture { attempt }, Money { amount_minor, currency });
    let leg = draft.books(payment, call.payment.merchant, currency).mismatch(0, amount_minor);
    draft.push_with(Event::LateHoldCaptured { payment, effect, requested }, vec![leg]);
}

fn capture_undone(draft: &mut Draft<'_>, call: &Heard<'_>, outcome: Outcome) {
    let (payment, effect) = (call.open.payment, call.open.requested.effect);
    let Money { amount_minor, currency } = call.open.requested.money;
    let books = draft.books(payment, call.payment.merchant, currency);
    let is_watched = call.open.accepted == Some(EffectStatus::Watching);
    let policy = draft.context.policy;
    match outcome {
        Outcome::Approved(Approval { state: ProviderState::Refunded { amount_minor: back_minor }, .. }) if back_minor == amount_minor => {
            if is_watched {
                return super::outcome::unchanged(draft, call, false);
            }
            let next_at = policy.watch_gaps.at(0).map(|gap| draft.context.now.plus_ns(gap));
            draft.push_with(Event::LateSuccessUndone { payment, effect, next_at }, vec![books.mismatch_returned(0, amount_minor)]);
        }
        Outcome::Approved(Approval { state: ProviderState::RefundPending { .. }, .. }) => {
            if call.open.accepted.is_some() {
                return super::outcome::unchanged(draft, call, !is_watched);
            }
            let gap = policy.waiting_gaps.at_or_last(0).expect("a policy says how often to look at what waits");
            let next_at = draft.context.now.plus_ns(gap);
            draft.push(Event::LateSuccessAccepted { payment, effect, next_at });
        }
        Outcome::Declined(Decline { code, .. }) if is_watched => {
            draft.push_with(Event::LateSuccessReturned { payment, effect, code }, vec![books.mismatch(0, amount_minor)]);
            park(draft, call);
        }
        Outcome::NotSent(_) | Outcome::Rejected(_) => {
            if !deferred(draft, call, &outcome) {
                park(draft, call);
            }
        }
        Outcome::Declined(_) => park(draft, call),
        Outcome::Approved(_) | Outcome::Pending(_) | Outcome::Mismatch(_) => unknown(draft, call, UnknownReason::Undecodable),
        Outcome::Unknown(reason) => unknown(draft, call, reason),
    }
}

/// Asks at once what the object is now.
fn look_again(draft: &mut Draft<'_>, call: &Heard<'_>) {
    let (payment, effect) = (call.open.payment, call.open.requested.effect);
    let (send, step) = (call.open.sends.saturating_add(1), call.open.step);
    draft.push(Event::EffectSent { payment, effect, send, send_kind: SendKind::Lookup, step });
}

/// Leaves the call to a person, if it is not left to one already.
fn park(draft: &mut Draft<'_>, call: &Heard<'_>) {
    if call.open.status != EffectStatus::Parked {
        draft.push(Event::EffectParked { payment: call.open.payment, effect: call.open.requested.effect });
    }
}
