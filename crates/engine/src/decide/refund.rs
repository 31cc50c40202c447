//! Giving money back: never more than was taken, counting refunds that are open or unknown and disputes not won.

use super::{Draft, Reply};
use crate::command::CreateRefund;
use crate::effect::{CaptureMode, EffectKind, EffectRequested, Presence};
use crate::event::Event;
use crate::refusal::Refusal;
use crate::state::KeyedObject;
use base::Money;
use base::limits::REFUNDS_PER_PAYMENT_MAX;
use payments::postings::AccountKind;

pub(super) fn start(draft: &mut Draft<'_>, command: &CreateRefund) -> Result<Reply, Refusal> {
    let payment = draft.payment(command.merchant, command.payment)?;
    if let Some(reply) = draft.replay(command.merchant, command.idempotency)? {
        return Ok(reply);
    }
    if !payment.status.is_refundable() {
        return Err(Refusal::StateConflict { status: payment.status });
    }
    let remaining_minor = payment.refundable_minor();
    let amount_minor = command.amount_minor.unwrap_or(remaining_minor);
    if amount_minor > remaining_minor || amount_minor == 0 {
        return Err(Refusal::RefundAboveRemaining { remaining_minor });
    }
    if payment.refunds.len() >= REFUNDS_PER_PAYMENT_MAX {
        return Err(Refusal::TooMany { what: "refunds", count_max: REFUNDS_PER_PAYMENT_MAX });
    }
    let refund = draft.context.derive_key.refund(command.payment, &command.idempotency.key);
    if draft.state.refunds.contains_key(&refund) {
        return Err(Refusal::IdempotencyKeyExpired { created: KeyedObject::Refund { payment: command.payment, refund } });
    }
    let attempt = payment.attempts.last().expect("a captured payment has an attempt");
    let (effect, reference, key) = draft.context.derive_key.operation(command.payment, "refund", refund.as_u128());
    let requested = EffectRequested {
        effect,
        kind: EffectKind::Refund { refund },
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
    let from_available = payment.available;
    let source = if from_available { AccountKind::MerchantAvailable } else { AccountKind::MerchantPending };
    let leg = draft.books(command.payment, command.merchant, payment.money.currency).refund_hold(0, amount_minor, source);
    let key = Some(draft.key_use(command.idempotency));
    let details = command.details.clone();
    draft.push_with(Event::RefundStarted { payment: command.payment, requested, from_available, details, key }, vec![leg]);
    Ok(Reply::Refund { payment: command.payment, refund, replayed: false, waiting_for: Some(effect) })
}
