//! What one send came to, for every kind of effect. "Unknown" goes up a ladder of replays and lookups and ends, if
//! nothing helps, with a person; no row here turns it into a refusal.

use super::{Draft, Reply, observe};
use crate::command::OutcomeReport;
use crate::effect::{Effect, EffectKind, EffectStatus, SendKind};
use crate::event::Event;
use crate::refusal::Refusal;
use crate::state::Payment;
use base::limits::AMOUNT_MINOR_MAX;
use base::{
    Approval, Decline, Mismatch, NextAction, NotSentReason, Outcome, OutcomeClass, ProviderState, RefundId, Rejection, UnknownReason,
};
use payments::postings::AccountKind;
use payments::{AttemptInput, AttemptStatus, PaymentInput, RefundStatus};

pub(super) fn apply(draft: &mut Draft<'_>, report: &OutcomeReport) -> Result<Reply, Refusal> {
    let Some(open) = draft.state.effects.get(&report.effect) else {
        return Ok(Reply::Done); // closed by an earlier answer: a late one adds nothing
    };
    let payment = draft.state.payments.get(&open.payment).expect("an effect belongs to a payment that exists");
    let Some(outcome) = heard(open, report) else {
        return Ok(Reply::Done);
    };
    settle(draft, &Heard { open, payment, provider_id: report.provider_id.clone() }, outcome);
    Ok(Reply::Done)
}

fn settle(draft: &mut Draft<'_>, call: &Heard<'_>, outcome: Outcome) {
    match call.open.requested.kind {
        EffectKind::Authorize { attempt } => authorize(draft, call, attempt, outcome),
        EffectKind::Capture { .. } => capture(draft, call, outcome),
        EffectKind::Cancel { expiry } => cancel(draft, call, expiry, outcome),
        EffectKind::Refund { refund } => refund_outcome(draft, call, refund, outcome),
        EffectKind::Observe { attempt } => observe::outcome(draft, call, attempt, outcome),
        EffectKind::UndoHold { .. } | EffectKind::UndoCapture { .. } => observe::undone(draft, call, outcome),
    }
}

/// Ends a call that was provably never executed and may no longer be sent: its time is over or its request is gone.
pub(super) fn give_up(draft: &mut Draft<'_>, open: &Effect) {
    assert!(open.status == EffectStatus::Deferred, "only what was provably never executed is given up");
    assert!(open.earlier != Some(OutcomeClass::Unknown), "what may have been executed is never given up");
    let payment = draft.state.payments.get(&open.payment).expect("an effect belongs to a payment that exists");
    settle(draft, &Heard { open, payment, provider_id: None }, Outcome::NotSent(NotSentReason::Deadline));
}

/// What the answer says about the call itself; `None` when it says nothing new.
fn heard(open: &Effect, report: &OutcomeReport) -> Option<Outcome> {
    let about_call = !matches!(report.outcome, Outcome::NotSent(_) | Outcome::Rejected(_));
    let definite = about_call && !matches!(report.outcome, Outcome::Unknown(_));
    let late = report.send != open.sends || open.status != EffectStatus::InFlight;
    if report.send > open.sends || (late && !definite) {
        return None; // no such send, or nothing certain about one that has already been given up as unknown
    }
    if !is_plausible(&report.outcome) {
        return (!late).then_some(Outcome::Unknown(UnknownReason::Undecodable));
    }
    if open.send_kind == SendKind::Lookup && !about_call {
        // The lookup failed, not the call: it found nothing out, not even that there is nothing.
        return Some(Outcome::Unknown(UnknownReason::ServerError));
    }
    Some(report.outcome.clone().joined_with_earlier(open.earlier))
}

/// Whether the amounts can be true. Nobody moves more than the limit; such an answer was not understood.
fn is_plausible(outcome: &Outcome) -> bool {
    let amount_minor = match outcome {
        Outcome::Approved(Approval { state, fee_minor, .. }) => {
            let state_minor = match state {
                ProviderState::Authorized { amount_minor }
                | ProviderState::Captured { amount_minor }
                | ProviderState::Refunded { amount_minor }
                | ProviderState::RefundPending { amount_minor } => *amount_minor,
                ProviderState::Canceled => 0,
            };
            state_minor.max(fee_minor.unwrap_or(0))
        }
        Outcome::Mismatch(mismatch) => mismatch.amount_minor,
        Outcome::NotSent(_) | Outcome::Rejected(_) | Outcome::Declined(_) | Outcome::Pending(_) | Outcome::Unknown(_) => 0,
    };
    amount_minor <= AMOUNT_MINOR_MAX
}

/// An answer to a call, with what it is about.
pub(super) struct Heard<'a> {
    pub(super) open: &'a Effect,
    pub(super) payment: &'a Payment,
    provider_id: Option<String>,
}

/// How the next send of an effect goes out when it is due; `None` when everything was tried.
pub(super) fn due_send(draft: &Draft<'_>, open: &Effect) -> Option<SendKind> {
    match open.status {
        EffectStatus::Deferred => Some(SendKind::Replay),
        EffectStatus::Waiting | EffectStatus::Watching => Some(SendKind::Lookup),
        EffectStatus::Unknown => {
            let provider = draft.provider(open.requested.provider);
            let replays = provider.replay_gaps.0.len();
            let step = usize::from(open.step);
            if step < replays && is_replay_legal(draft, open) {
                return Some(SendKind::Replay);
            }
            (step < replays + provider.lookup_gaps.0.len()).then_some(SendKind::Lookup)
        }
        EffectStatus::InFlight | EffectStatus::Parked => None,
    }
}

/// A replay is legal while the provider remembers the key, the exact bytes are there, and (for an authorization) the
/// payment still wants it.
pub(super) fn is_replay_legal(draft: &Draft<'_>, open: &Effect) -> bool {
    let age_ns = draft.context.now.since_ns(open.requested_at);
    let wanted = !matches!(open.requested.kind, EffectKind::Authorize { .. }) || age_ns < draft.context.policy.attempt_deadline_ns;
    let readable = open.requested.request.as_ref().is_some_and(|request| !draft.state.erased.contains(&request.subject));
    wanted && readable && age_ns < draft.provider(open.requested.provider).key_retention_ns
}

/// Waits for the next rung of the ladder, or parks.
pub(super) fn unknown(draft: &mut Draft<'_>, call: &Heard<'_>, reason: UnknownReason) {
    let (payment, effect) = (call.open.payment, call.open.requested.effect);
    if call.open.status != EffectStatus::InFlight {
        return; // a late answer that decides nothing: the next look is already planned, or a person looks
    }
    match call.open.awaited() {
        Some(Awaited::Provider) => return unchanged(draft, call, true),
        Some(Awaited::Trust) if reason == UnknownReason::NotFound => return unchanged(draft, call, false),
        Some(Awaited::Trust) => return look_again(draft, call),
        None => {}
    }
    let is_on_ladder = call.open.earlier == Some(OutcomeClass::Unknown);
    let step = if is_on_ladder { next_step(call) } else { 0 };
    let provider = draft.provider(call.open.requested.provider);
    let replays = u16::try_from(provider.replay_gaps.0.len()).expect("ladders are short");
    let gap = if step < replays { provider.replay_gaps.at(step) } else { provider.lookup_gaps.at(step - replays) };
    let next_at = gap.map(|gap| draft.context.now.plus_ns(hinted(call, gap)));
    draft.push(Event::EffectUnknown { payment, effect, reason, step, next_at });
    if next_at.is_none() {
        draft.push(Event::EffectParked { payment, effect });
    }
}

/// A look found the provider where it was; looks again later, or stops looking.
pub(super) fn unchanged(draft: &mut Draft<'_>, call: &Heard<'_>, for_ever: bool) {
    let step = next_step(call);
    let policy = draft.context.policy;
    let gap = if for_ever { policy.waiting_gaps.at_or_last(step) } else { policy.watch_gaps.at(step) };
    let next_at = gap.map(|gap| draft.context.now.plus_ns(hinted(call, gap)));
    draft.push(Event::EffectUnchanged { payment: call.open.payment, effect: call.open.requested.effect, step, next_at });
}

/// A look at what is trusted failed: it counts for nothing and is made again.
fn look_again(draft: &mut Draft<'_>, call: &Heard<'_>) {
    let step = call.open.step;
    let gap = draft.context.policy.watch_gaps.at_or_last(step);
    let next_at = gap.map(|gap| draft.context.now.plus_ns(hinted(call, gap)));
    draft.push(Event::EffectUnchanged { payment: call.open.payment, effect: call.open.requested.effect, step, next_at });
}

/// The next rung; the same again after a look that a message asked for.
const fn next_step(call: &Heard<'_>) -> u16 {
    if call.open.is_prompted { call.open.step } else { call.open.step.saturating_add(1) }
}

/// No wait when the provider has said meanwhile that there is something to see.
const fn hinted(call: &Heard<'_>, gap_ns: u64) -> u64 {
    if call.open.is_hinted { 0 } else { gap_ns }
}

/// Plans another send of a call that was provably not executed; `false` when no more are planned.
pub(super) fn deferred(draft: &mut Draft<'_>, call: &Heard<'_>, outcome: &Outcome) -> bool {
    let permanent = matches!(outcome, Outcome::Rejected(Rejection { permanent: true, .. }) | Outcome::NotSent(NotSentReason::Encode));
    let step = if call.open.earlier.is_some() { call.open.step + 1 } else { 0 };
    let Some(gap) = draft.context.policy.defer_gaps.at(step).filter(|_| !permanent && is_replay_legal(draft, call.open)) else {
        return false;
    };
    draft.push(Event::EffectDeferred {
        payment: call.open.payment,
        effect: call.open.requested.effect,
        class: outcome.class(),
        code: refusal_code(outcome),
        step,
        next_at: draft.context.now.plus_ns(gap),
    });
    true
}

fn refusal_code(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Rejected(rejection) => rejection.code.clone(),
        Outcome::Declined(decline) => decline.code.clone(),
        Outcome::NotSent(reason) => not_sent_code(*reason).into(),
        Outcome::Approved(_) | Outcome::Pending(_) | Outcome::Mismatch(_) | Outcome::Unknown(_) => String::new(),
    }
}

/// Why a request never went out, as a code.
pub(super) const fn not_sent_code(reason: NotSentReason) -> &'static str {
    match reason {
        NotSentReason::Resolve => "not_sent_resolve",
        NotSentReason::Connect => "not_sent_connect",
        NotSentReason::Tls => "not_sent_tls",
        NotSentReason::Encode => "not_sent_encode",
        NotSentReason::Deadline => "not_sent_deadline",
    }
}

fn authorize(draft: &mut Draft<'_>, call: &Heard<'_>, attempt: u16, outcome: Outcome) {
    let (payment, effect) = (call.open.payment, call.open.requested.effect);
    let provider_id = call.provider_id.clone();
    let status = call.payment.attempts.get(usize::from(attempt)).expect("an effect names an attempt that exists").status;
    if status == AttemptStatus::Mismatched {
        return; // a person decides
    }
    let hold = call.payment.hold.expect("an open authorization has a hold");
    let books = draft.books(payment, call.payment.merchant, call.payment.money.currency);
    match outcome {
        Outcome::NotSent(_) | Outcome::Rejected(_) => {
            if !deferred(draft, call, &outcome) {
                let (class, code) = (outcome.class(), refusal_code(&outcome));
                draft.push_with(Event::AttemptFailed { payment, effect, class, code }, vec![books.release(0, hold)]);
                observe::if_hinted(draft, call);
            }
        }
        Outcome::Declined(decline) => {
            draft.push_with(Event::AttemptDeclined { payment, effect, provider_id, decline }, vec![books.release(0, hold)]);
            observe::if_hinted(draft, call);
        }
        Outcome::Approved(approval) => approved(draft, call, status, &approval),
        Outcome::Pending(action) => pending(draft, call, status, action),
        Outcome::Mismatch(mismatch) => mismatched(draft, call, mismatch),
        Outcome::Unknown(reason) => unknown(draft, call, reason),
    }
}

fn approved(draft: &mut Draft<'_>, call: &Heard<'_>, status: AttemptStatus, approval: &Approval) {
    let (payment, effect) = (call.open.payment, call.open.requested.effect);
    let provider_id = call.provider_id.clone();
    let money = call.payment.money;
    let hold = call.payment.hold.expect("an open authorization has a hold");
    let books = draft.books(payment, call.payment.merchant, money.currency);
    match approval.state {
        ProviderState::Authorized { amount_minor } if amount_minor == money.amount_minor => {
            let expires_at = draft.context.now.plus_ns(draft.context.policy.hold_ns);
            draft.push(Event::AttemptAuthorized { payment, effect, provider_id, expires_at });
            observe::if_hinted(draft, call);
        }
        ProviderState::Captured { amount_minor } if amount_minor == money.amount_minor => {
            // A date without a fee: it is kept in another currency, and will never be said in this one.
            let (is_fee_known, fee_minor) =
                (approval.fee_minor.is_some() || approval.available_at.is_some(), approval.fee_minor.unwrap_or(0));
            let mut legs = vec![books.capture(0, hold, amount_minor)];
            if fee_minor > 0 {
                legs.push(books.fee(1, fee_minor));
            }
            let available_at = approval.available_at;
            draft.push_with(Event::AttemptCaptured { payment, effect, provider_id, amount_minor, fee_minor, available_at }, legs);
            if !is_fee_known {
                observe::await_settlement(draft, payment, observe::newest(call.payment), 0);
            }
        }
        ProviderState::Authorized { amount_minor } => {
            mismatched(draft, call, Mismatch { amount_minor, currency: money.currency, captured: false });
        }
        ProviderState::Captured { amount_minor } => {
            mismatched(draft, call, Mismatch { amount_minor, currency: money.currency, captured: true });
        }
        ProviderState::Canceled if status.after(AttemptInput::Canceled).is_some() => {
            draft.push_with(Event::PaymentCanceled { payment, expired: false, key: None }, vec![books.release(0, hold)]);
        }
        ProviderState::Canceled | ProviderState::Refunded { .. } | ProviderState::RefundPending { .. } => {
            unknown(draft, call, UnknownReason::Undecodable);
        }
    }
}

fn pending(draft: &mut Draft<'_>, call: &Heard<'_>, status: AttemptStatus, action: NextAction) {
    if status == AttemptStatus::Pending && call.payment.next_action.as_ref() == Some(&action) {
        return unchanged(draft, call, true);
    }
    let policy = draft.context.policy;
    // Another thing to do at the same provider is no more time to do it.
    let earlier_expires_at = call.payment.expires_at.filter(|_| status == AttemptStatus::Pending);
    let gap = policy.waiting_gaps.at_or_last(0).expect("a policy says how often to look at what waits");
    draft.push(Event::AttemptPending {
        payment: call.open.payment,
        effect: call.open.requested.effect,
        action,
        provider_id: call.provider_id.clone(),
        next_at: draft.context.now.plus_ns(gap),
        expires_at: earlier_expires_at.unwrap_or(draft.context.now.plus_ns(policy.action_ns)),
    });
}

/// Books what the provider says to suspense, gives our own hold up and leaves the rest to a person.
fn mismatched(draft: &mut Draft<'_>, call: &Heard<'_>, mismatch: Mismatch) {
    let (payment, effect) = (call.open.payment, call.open.requested.effect);
    draft.open_accounts(call.payment.merchant, mismatch.currency);
    let own = draft.books(payment, call.payment.merchant, call.payment.money.currency);
    let theirs = draft.books(payment, call.payment.merchant, mismatch.currency);
    let mut legs: Vec<_> = call.payment.hold.map(|hold| own.release(0, hold)).into_iter().collect();
    if mismatch.captured && mismatch.amount_minor > 0 {
        legs.push(theirs.mismatch(1, mismatch.amount_minor));
    }
    draft.push_with(Event::AttemptMismatched { payment, effect, provider_id: call.provider_id.clone(), mismatch }, legs);
    draft.push(Event::EffectParked { payment, effect });
}

fn capture(draft: &mut Draft<'_>, call: &Heard<'_>, outcome: Outcome) {
    let (payment, effect) = (call.open.payment, call.open.requested.effect);
    match outcome {
        Outcome::NotSent(_) | Outcome::Rejected(_) => {
            if !deferred(draft, call, &outcome) {
                draft.push(Event::CaptureFailed { payment, effect, code: refusal_code(&outcome) });
                if outcome.class() == OutcomeClass::Rejected {
                    observe::after_refusal(draft, call);
                }
            }
        }
        Outcome::Declined(Decline { code, .. }) => {
            draft.push(Event::CaptureFailed { payment, effect, code });
            observe::after_refusal(draft, call);
        }
        Outcome::Approved(Approval { state: ProviderState::Captured { amount_minor }, fee_minor, available_at }) if amount_minor > 0 => {
            let (is_fee_known, fee_minor) = (fee_minor.is_some() || available_at.is_some(), fee_minor.unwrap_or(0));
            let (legs, held_minor) = capture_legs(draft, call, amount_minor, fee_minor);
            draft.push_with(Event::CaptureSucceeded { payment, effect, amount_minor, fee_minor, held_minor, available_at }, legs);
            if !is_fee_known {
                observe::await_settlement(draft, payment, observe::newest(call.payment), 0);
            }
        }
        Outcome::Mismatch(Mismatch { amount_minor, currency, captured: true })
            if currency == call.payment.money.currency && amount_minor > 0 =>
        {
            let (legs, held_minor) = capture_legs(draft, call, amount_minor, 0);
            let event = Event::CaptureSucceeded { payment, effect, amount_minor, fee_minor: 0, held_minor, available_at: None };
            draft.push_with(event, legs);
            observe::await_settlement(draft, payment, observe::newest(call.payment), 0);
        }
        // The hold is gone: nothing was taken and nothing can be taken any more.
        Outcome::Approved(Approval { state: ProviderState::Canceled, .. }) => {
            draft.push(Event::CaptureFailed { payment, effect, code: "canceled".into() });
            observe::after_refusal(draft, call);
        }
        Outcome::Approved(_) | Outcome::Pending(_) | Outcome::Mismatch(_) => unknown(draft, call, UnknownReason::Undecodable),
        Outcome::Unknown(reason) => unknown(draft, call, reason),
    }
}

/// Legs of a capture and what stays held after it.
pub(super) fn capture_legs(draft: &Draft<'_>, call: &Heard<'_>, amount_minor: u64, fee_minor: u64) -> (Vec<ledger::Transfer>, u64) {
    let books = draft.books(call.open.payment, call.payment.merchant, call.payment.money.currency);
    let hold = call.payment.hold.expect("a payment that is being captured has a hold");
    let held_minor = call.payment.held_minor;
    let several = draft.provider(call.open.requested.provider).multiple_captures;
    let rest_minor = if several { held_minor.saturating_sub(amount_minor) } else { 0 };
    let mut legs = if amount_minor <= held_minor {
        vec![books.capture(0, hold, amount_minor)]
    } else {
        vec![books.release(0, hold), books.capture_without_hold(1, amount_minor)]
    };
    if fee_minor > 0 {
        legs.push(books.fee(2, fee_minor));
    }
    if rest_minor > 0 {
        legs.push(books.hold(3, rest_minor));
    }
    (legs, rest_minor)
}

fn cancel(draft: &mut Draft<'_>, call: &Heard<'_>, expiry: bool, outcome: Outcome) {
    let (payment, effect) = (call.open.payment, call.open.requested.effect);
    match outcome {
        Outcome::Approved(Approval { state: ProviderState::Canceled, .. }) => {
            let input = if expiry { PaymentInput::Expired } else { PaymentInput::Canceled };
            // An attempt that did something else than asked may have taken money: a person decides, not this answer.
            let mismatched = call.payment.attempts.last().is_some_and(|attempt| attempt.status == AttemptStatus::Mismatched);
            if call.payment.status.after(input).is_none() || mismatched {
                return draft.push(Event::CancelFailed { payment, effect, code: call.payment.status.name().to_owned() });
            }
            let books = draft.books(payment, call.payment.merchant, call.payment.money.currency);
            let legs = call.payment.hold.map(|hold| books.release(0, hold)).into_iter().collect();
            draft.push_with(Event::PaymentCanceled { payment, expired: expiry, key: None }, legs);
        }
        Outcome::NotSent(_) | Outcome::Rejected(_) => {
            if !deferred(draft, call, &outcome) {
                draft.push(Event::CancelFailed { payment, effect, code: refusal_code(&outcome) });
                if outcome.class() == OutcomeClass::Rejected {
                    observe::after_refusal(draft, call);
                }
            }
        }
        Outcome::Declined(Decline { code, .. }) => {
            draft.push(Event::CancelFailed { payment, effect, code });
            observe::after_refusal(draft, call);
        }
        // The money was taken: there is nothing left to cancel.
        Outcome::Approved(Approval { state: ProviderState::Captured { .. }, .. }) | Outcome::Mismatch(Mismatch { captured: true, .. }) => {
            draft.push(Event::CancelFailed { payment, effect, code: "captured".into() });
            observe::after_refusal(draft, call);
        }
        Outcome::Approved(_) | Outcome::Pending(_) | Outcome::Mismatch(_) => unknown(draft, call, UnknownReason::Undecodable),
        Outcome::Unknown(reason) => unknown(draft, call, reason),
    }
}

fn refund_outcome(draft: &mut Draft<'_>, call: &Heard<'_>, id: RefundId, outcome: Outcome) {
    let payment = call.open.payment;
    let refund = call.payment.refund(id).expect("an effect names a refund that exists");
    match outcome {
        Outcome::NotSent(_) | Outcome::Rejected(_) => {
            if !deferred(draft, call, &outcome) {
                refund_failed(draft, call, id, refusal_code(&outcome));
            }
        }
        Outcome::Declined(Decline { code, .. }) => refund_failed(draft, call, id, code),
        Outcome::Approved(Approval { state: ProviderState::Refunded { amount_minor }, .. }) if amount_minor == refund.amount_minor => {
            if refund.status == RefundStatus::Succeeded {
                return unchanged(draft, call, false);
            }
            let source = source_of(refund.from_available);
            let hold = refund.hold.expect("an open refund has a reservation");
            let leg = draft.books(payment, call.payment.merchant, call.payment.money.currency).refund(0, hold, amount_minor, source);
            let next_at = draft.context.policy.watch_gaps.at(0).map(|gap| draft.context.now.plus_ns(gap));
            let provider_id = call.provider_id.clone();
            draft.push_with(Event::RefundSucceeded { payment, refund: id, provider_id, next_at }, vec![leg]);
        }
        Outcome::Approved(Approval { state: ProviderState::RefundPending { amount_minor }, .. }) if amount_minor == refund.amount_minor => {
            if refund.status == RefundStatus::Succeeded || refund.status == RefundStatus::Pending {
                return unchanged(draft, call, refund.status == RefundStatus::Pending);
            }
            let gap = draft.context.policy.waiting_gaps.at_or_last(0).expect("a policy says how often to look at what waits");
            let next_at = draft.context.now.plus_ns(gap);
            draft.push(Event::RefundPending { payment, refund: id, provider_id: call.provider_id.clone(), next_at });
        }
        Outcome::Approved(_) | Outcome::Pending(_) | Outcome::Mismatch(_) => unknown(draft, call, UnknownReason::Undecodable),
        Outcome::Unknown(reason) => unknown(draft, call, reason),
    }
}

const fn source_of(from_available: bool) -> AccountKind {
    if from_available { AccountKind::MerchantAvailable } else { AccountKind::MerchantPending }
}

/// A refund did not go through, or came back after it had. Money that returns to pending after the provider released
/// the payment's money follows it to available.
fn refund_failed(draft: &mut Draft<'_>, call: &Heard<'_>, id: RefundId, code: String) {
    let payment = call.open.payment;
    let refund = call.payment.refund(id).expect("an effect names a refund that exists");
    let books = draft.books(payment, call.payment.merchant, call.payment.money.currency);
    let source = source_of(refund.from_available);
    let reversed = refund.status == RefundStatus::Succeeded;
    let mut legs = match refund.hold {
        Some(hold) => vec![books.refund_release(0, hold, source)],
        None => vec![books.refund_reversal(0, refund.amount_minor, source)],
    };
    if call.payment.available && !refund.from_available {
        legs.push(books.available(1, refund.amount_minor));
    }
    let event =
        if reversed { Event::RefundReversed { payment, refund: id, code } } else { Event::RefundFailed { payment, refund: id, code } };
    draft.push_with(event, legs);
}

/// What an effect that has been accepted is waiting for.
enum Awaited {
    /// The customer or the provider.
    Provider,
    /// That a success stays one.
    Trust,
}

impl Effect {
    const fn awaited(&self) -> Option<Awaited> {
        match self.accepted {
            Some(EffectStatus::Waiting) => Some(Awaited::Provider),
            Some(EffectStatus::Watching) => Some(Awaited::Trust),
            Some(EffectStatus::InFlight | EffectStatus::Unknown | EffectStatus::Deferred | EffectStatus::Parked) | None => None,
        }
    }
}
