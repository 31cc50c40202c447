//! Creating and confirming payments: the only place where an attempt starts.

use super::{Draft, Reply, started};
use crate::command::{ConfirmPayment, CreatePayment};
use crate::effect::{CaptureMode, EffectKind, EffectRequested, EffectStatus, SendKind};
use crate::event::{Event, KeyUse, PaymentCreated, PaymentRevised};
use crate::refusal::Refusal;
use crate::state::Payment;
use base::limits::ATTEMPTS_PER_PAYMENT_MAX;
use base::{MerchantId, Money, PaymentId};
use payments::PaymentStatus;

/// Number of the provider endpoint that new attempts use. Routing among several replaces this choice.
const PROVIDER_DEFAULT: u16 = 0;

pub(super) fn create(draft: &mut Draft<'_>, command: &CreatePayment) -> Result<Reply, Refusal> {
    if !draft.state.merchants.contains_key(&command.merchant) {
        return Err(Refusal::MerchantUnknown);
    }
    if let Some(reply) = draft.replay(command.merchant, command.idempotency)? {
        return Ok(reply);
    }
    check_amount(draft, command.money)?;
    if let Some(existing) = command.reference.and_then(|reference| draft.state.references.get(&(command.merchant, reference))) {
        return create_again(draft, command, *existing);
    }
    let client_key = command.reference.unwrap_or(command.idempotency.key);
    let payment = draft.context.derive_key.payment(command.merchant, &client_key);
    if draft.state.payments.contains_key(&payment) {
        return Err(Refusal::IdempotencyKeyExpired { payment });
    }
    if command.confirm && command.payment_method.is_none() {
        return Err(Refusal::PaymentMethodRequired);
    }
    draft.open_accounts(command.merchant, command.money.currency);
    let key = draft.key_use(command.idempotency);
    draft.push(Event::PaymentCreated(PaymentCreated {
        payment,
        merchant: command.merchant,
        subject: command.subject,
        money: command.money,
        capture: command.capture,
        reference: command.reference,
        content: command.content,
        payment_method: command.payment_method.clone(),
        key_version: draft.context.derive_key.version(),
        details: command.details.clone(),
        expires_at: draft.context.now.plus_ns(draft.context.policy.created_ns),
        key,
    }));
    let Some(payment_method) = command.payment_method.as_ref().filter(|_| command.confirm) else {
        return Ok(Reply::Payment { payment, replayed: false, waiting_for: None });
    };
    let plan = AttemptPlan {
        payment,
        merchant: command.merchant,
        money: command.money,
        capture: command.capture,
        payment_method,
        number: 0,
        key: Some(key),
    };
    Ok(start_attempt(draft, &plan))
}

/// The reference is known: the same content is the same payment; a declined one may be tried again when asked.
fn create_again(draft: &mut Draft<'_>, command: &CreatePayment, payment: PaymentId) -> Result<Reply, Refusal> {
    let existing = draft.payment(command.merchant, payment)?;
    // The content covers money and capture mode; they are compared again because money depends on it.
    let same = existing.content == command.content && existing.money == command.money && existing.capture == command.capture;
    let retry = command.retry_declined && existing.status == PaymentStatus::Declined && !existing.was_captured();
    if !retry {
        if !same {
            return Err(Refusal::ReferenceConflict { payment, status: existing.status });
        }
        let waiting_for = existing.operation.filter(|effect| draft.state.effects.get(effect).is_some_and(crate::Effect::is_undecided));
        let key = draft.key_use(command.idempotency);
        draft.push(Event::KeyRemembered { payment, effect: waiting_for, key });
        return Ok(Reply::Payment { payment, replayed: true, waiting_for });
    }
    if existing.money.currency != command.money.currency && !existing.disputes.is_empty() {
        return Err(Refusal::ReferenceConflict { payment, status: existing.status }); // disputes are booked in the payment's currency
    }
    check_idle(existing)?;
    let payment_method = command.payment_method.as_ref().ok_or(Refusal::PaymentMethodRequired)?;
    check_attempts(existing)?;
    draft.open_accounts(command.merchant, command.money.currency);
    if !same {
        draft.push(Event::PaymentRevised(PaymentRevised {
            payment,
            subject: command.subject,
            money: command.money,
            capture: command.capture,
            content: command.content,
            payment_method: command.payment_method.clone(),
            details: command.details.clone(),
        }));
    }
    let plan = AttemptPlan {
        payment,
        merchant: command.merchant,
        money: command.money,
        capture: command.capture,
        payment_method,
        number: existing.attempts.len(),
        key: Some(draft.key_use(command.idempotency)),
    };
    Ok(start_attempt(draft, &plan))
}

pub(super) fn confirm(draft: &mut Draft<'_>, command: &ConfirmPayment) -> Result<Reply, Refusal> {
    let payment = draft.payment(command.merchant, command.payment)?;
    if let Some(reply) = draft.replay(command.merchant, command.idempotency)? {
        return Ok(reply);
    }
    match payment.status {
        PaymentStatus::Declined if payment.was_captured() => return Err(Refusal::StateConflict { status: payment.status }),
        PaymentStatus::Created | PaymentStatus::Declined => {}
        PaymentStatus::RequiresAction => return Ok(look_again(draft, command, payment)),
        PaymentStatus::Processing => return Err(Refusal::OperationInFlight),
        status @ (PaymentStatus::Authorized
        | PaymentStatus::PartiallyCaptured
        | PaymentStatus::Captured
        | PaymentStatus::PartiallyRefunded
        | PaymentStatus::Refunded
        | PaymentStatus::Canceled
        | PaymentStatus::Expired) => return Err(Refusal::StateConflict { status }),
    }
    check_idle(payment)?;
    check_attempts(payment)?;
    let payment_method = command.payment_method.as_ref().or(payment.payment_method.as_ref()).ok_or(Refusal::PaymentMethodRequired)?;
    draft.open_accounts(command.merchant, payment.money.currency);
    let plan = AttemptPlan {
        payment: command.payment,
        merchant: command.merchant,
        money: payment.money,
        capture: payment.capture,
        payment_method,
        number: payment.attempts.len(),
        key: Some(draft.key_use(command.idempotency)),
    };
    Ok(start_attempt(draft, &plan))
}

/// The customer may have acted: ask the provider now instead of at the next step of the ladder.
fn look_again(draft: &mut Draft<'_>, command: &ConfirmPayment, payment: &Payment) -> Reply {
    let id = command.payment;
    let waiting = payment.operation.and_then(|effect| draft.state.effects.get(&effect)).filter(|open| open.status == EffectStatus::Waiting);
    if let Some(open) = waiting {
        let effect = open.requested.effect;
        draft.push(Event::EffectSent { payment: id, effect, send: open.sends + 1, send_kind: SendKind::Lookup, step: open.step });
    }
    let key = draft.key_use(command.idempotency);
    draft.push(Event::KeyRemembered { payment: id, effect: payment.operation, key });
    Reply::Payment { payment: id, replayed: false, waiting_for: payment.operation }
}

fn check_amount(draft: &Draft<'_>, money: Money) -> Result<(), Refusal> {
    let amount_minor_max = draft.provider(PROVIDER_DEFAULT).amount_minor_max;
    if money.amount_minor > amount_minor_max {
        return Err(Refusal::AmountAboveProviderMax { amount_minor_max });
    }
    Ok(())
}

/// A cancel that is still open was meant for the attempt before: its confirmation must not meet a new one.
const fn check_idle(payment: &Payment) -> Result<(), Refusal> {
    if payment.operation.is_some() || payment.cancel.is_some() {
        return Err(Refusal::OperationInFlight);
    }
    Ok(())
}

const fn check_attempts(payment: &Payment) -> Result<(), Refusal> {
    if payment.attempts.len() >= ATTEMPTS_PER_PAYMENT_MAX {
        return Err(Refusal::TooMany { what: "attempts", count_max: ATTEMPTS_PER_PAYMENT_MAX });
    }
    Ok(())
}

struct AttemptPlan<'a> {
    payment: PaymentId,
    merchant: MerchantId,
    money: Money,
    capture: CaptureMode,
    payment_method: &'a str,
    number: usize,
    key: Option<KeyUse>,
}

fn start_attempt(draft: &mut Draft<'_>, plan: &AttemptPlan<'_>) -> Reply {
    let attempt = u16::try_from(plan.number).expect("attempts are limited");
    let (effect, reference, key) = draft.context.derive_key.operation(plan.payment, "authorize", u128::from(attempt));
    let requested = EffectRequested {
        effect,
        kind: EffectKind::Authorize { attempt },
        provider: PROVIDER_DEFAULT,
        key,
        reference,
        key_version: draft.context.derive_key.version(),
        money: plan.money,
        capture: plan.capture,
        payment_method: plan.payment_method.to_owned(),
        provider_id: None,
        request: None,
    };
    let books = draft.books(plan.payment, plan.merchant, plan.money.currency);
    let reply = started(plan.payment, &requested);
    let hold = books.hold(0, plan.money.amount_minor);
    draft.push_with(Event::AttemptStarted { payment: plan.payment, requested, key: plan.key }, vec![hold]);
    reply
}
