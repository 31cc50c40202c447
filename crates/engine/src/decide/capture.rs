//! Taking held money. Several captures are a provider's capability; without it the first is final and voids the rest.

use super::{Draft, Reply, started};
use crate::command::CapturePayment;
use crate::effect::{CaptureMode, EffectKind, EffectRequested, Presence};
use crate::event::Event;
use crate::refusal::Refusal;
use base::Money;
use base::limits::CAPTURES_PER_PAYMENT_MAX;
use payments::PaymentStatus;

pub(super) fn start(draft: &mut Draft<'_>, command: &CapturePayment) -> Result<Reply, Refusal> {
    let payment = draft.payment(command.merchant, command.payment)?;
    if let Some(reply) = draft.replay(command.merchant, command.idempotency)? {
        return Ok(reply);
    }
    if !matches!(payment.status, PaymentStatus::Authorized | PaymentStatus::PartiallyCaptured) {
        return Err(Refusal::StateConflict { status: payment.status });
    }
    if payment.operation.is_some() || payment.cancel.is_some() {
        return Err(Refusal::OperationInFlight);
    }
    let held_minor = payment.held_minor;
    let amount_minor = command.amount_minor.unwrap_or(held_minor);
    if amount_minor > held_minor {
        return Err(Refusal::CaptureAboveHeld { held_minor });
    }
    if payment.captures.len() >= CAPTURES_PER_PAYMENT_MAX {
        return Err(Refusal::TooMany { what: "captures", count_max: CAPTURES_PER_PAYMENT_MAX });
    }
    let capture = u16::try_from(payment.captures.len()).expect("captures are limited");
    let attempt = payment.attempts.last().expect("an authorized payment has an attempt");
    let (effect, reference, key) = draft.context.derive_key.operation(command.payment, "capture", u128::from(capture));
    let requested = EffectRequested {
        effect,
        kind: EffectKind::Capture { capture },
        provider: attempt.provider,
        key,
        reference,
        key_version: draft.context.derive_key.version(),
        money: Money { amount_minor, currency: payment.money.currency },
        capture: CaptureMode::Manual,
        payment_method: String::new(),
        provider_id: attempt.provider_id.clone(),
        request: None,
        customer: None,
        presence: Presence::OnSession,
    };
    let reply = started(command.payment, &requested);
    let key = Some(draft.key_use(command.idempotency));
    draft.push(Event::CaptureStarted { payment: command.payment, requested, key });
    Ok(reply)
}
