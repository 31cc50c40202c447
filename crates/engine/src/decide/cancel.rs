//! Giving a payment up, because the merchant asks or because nobody acted in time. Where a provider may hold money or
//! an open intent, only its confirmation makes it so.

use super::{Draft, Reply, started};
use crate::command::CancelPayment;
use crate::effect::{CaptureMode, EffectKind, EffectRequested, Presence};
use crate::event::{Event, KeyUse};
use crate::refusal::Refusal;
use crate::state::{Expiry, Payment};
use base::PaymentId;
use payments::PaymentStatus;

/// Cancels that a merchant may ask for on one payment; an expiry asks beyond that, at most once an hour.
pub(crate) const CANCELS_PER_PAYMENT_MAX: u16 = 50;

pub(super) fn start(draft: &mut Draft<'_>, command: &CancelPayment) -> Result<Reply, Refusal> {
    let payment = draft.payment(command.merchant, command.payment)?;
    if let Some(reply) = draft.replay(command.merchant, command.idempotency)? {
        return Ok(reply);
    }
    if payment.cancel.is_some() {
        return Err(Refusal::OperationInFlight);
    }
    if payment.cancels >= CANCELS_PER_PAYMENT_MAX {
        return Err(Refusal::TooMany { what: "cancels", count_max: usize::from(CANCELS_PER_PAYMENT_MAX) });
    }
    let key = Some(draft.key_use(command.idempotency));
    match payment.status {
        PaymentStatus::Created => {
            draft.push(Event::PaymentCanceled { payment: command.payment, expired: false, key });
            Ok(Reply::Payment { payment: command.payment, replayed: false, waiting_for: None })
        }
        PaymentStatus::Authorized | PaymentStatus::PartiallyCaptured if payment.operation.is_none() => {
            Ok(ask_provider(draft, command.payment, payment, false, key))
        }
        PaymentStatus::RequiresAction if draft.state.is_waiting(payment) => Ok(ask_provider(draft, command.payment, payment, false, key)),
        PaymentStatus::Authorized | PaymentStatus::PartiallyCaptured | PaymentStatus::RequiresAction | PaymentStatus::Processing => {
            Err(Refusal::OperationInFlight)
        }
        status @ (PaymentStatus::Captured
        | PaymentStatus::PartiallyRefunded
        | PaymentStatus::Refunded
        | PaymentStatus::Canceled
        | PaymentStatus::Declined
        | PaymentStatus::Expired) => Err(Refusal::StateConflict { status }),
    }
}

/// A payment's time is up: what nobody asked a provider for ends here, everything else by a confirmed cancel.
pub(super) fn expire(draft: &mut Draft<'_>, id: PaymentId, payment: &Payment) {
    match draft.state.expiry(payment) {
        Expiry::AtOnce => draft.push(Event::PaymentCanceled { payment: id, expired: true, key: None }),
        Expiry::ByCancel => {
            ask_provider(draft, id, payment, true, None);
        }
        Expiry::NotNow => unreachable!("the expiry of a payment runs only while it can end it"),
    }
}

fn ask_provider(draft: &mut Draft<'_>, id: PaymentId, payment: &Payment, expiry: bool, key_use: Option<KeyUse>) -> Reply {
    let attempt = payment.attempts.last().expect("a payment at a provider has an attempt");
    // A failed cancel may be asked for again; each one is an operation of its own.
    let (effect, reference, key) = draft.context.derive_key.operation(id, "cancel", u128::from(payment.cancels));
    let requested = EffectRequested {
        effect,
        kind: EffectKind::Cancel { expiry },
        provider: attempt.provider,
        key,
        reference,
        key_version: draft.context.derive_key.version(),
        money: payment.money,
        capture: CaptureMode::Manual,
        payment_method: String::new(),
        provider_id: attempt.provider_id.clone(),
        request: None,
        customer: None,
        presence: Presence::OnSession,
    };
    let reply = started(id, &requested);
    draft.push(Event::CancelStarted { payment: id, requested, key: key_use });
    reply
}
