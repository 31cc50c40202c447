//! Payments as they leave the state and come back. What is empty at every payment at which nothing is open is not written.

use crate::error::{FieldError, FieldProblem};
use crate::generated::v1;
use crate::wire::Wire;
use base::Decline;
use engine::state::Settling;
use engine::{ArchivedKey, ArchivedPayment, Attempt, Capture, Dispute, Payment, Refund};

/// Structs of the engine as messages with another name, one after the other. Behind the bar: what is the same in all that are
/// archived, and so not written.
macro_rules! parts {
    ($($type:ident as $message:ident { $($field:ident),* $(; $($inner:ident = $outer:ident),+)? $(| $($fixed:ident: $value:expr),+)? })+) => {$(
        impl Wire for Vec<$type> {
            type Proto = Vec<v1::$message>;

            fn encode(&self) -> Self::Proto {
                let message = |part: &$type| {
                    let $type { $($field,)* $($($inner,)+)? $($($fixed: _,)+)? } = part;
                    v1::$message { $($field: Wire::encode($field),)* $($($outer: Wire::encode($inner),)+)? }
                };
                self.iter().map(message).collect()
            }

            fn decode(proto: Self::Proto, _field: &'static str) -> Result<Self, FieldError> {
                let part = |message: v1::$message| {
                    let v1::$message { $($field,)* $($($outer,)+)? } = message;
                    Ok($type {
                        $($field: Wire::decode($field, stringify!($field))?,)*
                        $($($inner: Wire::decode($outer, stringify!($outer))?,)+)?
                        $($($fixed: $value,)+)?
                    })
                };
                proto.into_iter().map(part).collect()
            }
        }
    )+};
}

parts! {
    Attempt as ArchivedAttempt { effect, provider, status, provider_id, money, late_fee_minor, is_late_fee_awaited }
    Capture as ArchivedCapture { effect, amount_minor, status }
    Refund as ArchivedRefund {
        refund, effect, amount_minor, status, from_available, provider_id; created_at = created_at_ns | hold: None
    }
    Dispute as ArchivedDispute { dispute, amount_minor, status, fee_minor, fee_version }
    ArchivedKey as ArchivedKey { key, fingerprint, refund, effect; expires_at = expires_at_ns }
}

impl Wire for Option<Box<Settling>> {
    type Proto = Option<v1::SettlingGivenUp>;

    fn encode(&self) -> Self::Proto {
        let Settling { attempt, step, next_at: _ } = **self.as_ref()?;
        Some(v1::SettlingGivenUp { attempt: attempt.encode(), step: step.encode() })
    }

    fn decode(proto: Self::Proto, _field: &'static str) -> Result<Self, FieldError> {
        let settling = |v1::SettlingGivenUp { attempt, step }| {
            Ok(Box::new(Settling { attempt: Wire::decode(attempt, "attempt")?, step: Wire::decode(step, "step")?, next_at: None }))
        };
        proto.map(settling).transpose()
    }
}

impl Wire for Option<Decline> {
    type Proto = Option<v1::Decline>;

    fn encode(&self) -> Self::Proto {
        self.as_ref().and_then(Wire::encode)
    }

    fn decode(proto: Self::Proto, field: &'static str) -> Result<Self, FieldError> {
        proto.map(|present| Decline::decode(Some(present), field)).transpose()
    }
}

fn encode(archived: &ArchivedPayment) -> v1::ArchivedPayment {
    let ArchivedPayment { id, payment, keys } = archived;
    // Of the fields without a name here each is as a payment has it at which nothing is open: see `engine::State`.
    let Payment {
        merchant,
        subject,
        money,
        capture,
        status,
        reference,
        content,
        payment_method,
        on_file,
        created_at,
        hold: _,
        held_minor: _,
        captured_minor,
        refunded_minor,
        refunding_minor: _,
        fee_minor,
        available,
        unreleased_minor,
        attempts,
        captures,
        refunds,
        disputes,
        last_decline,
        next_action: _,
        expires_at: _,
        operation: _,
        cancel: _,
        cancels,
        observations: _,
        settling,
        open_effects: _,
        keys: _,
        resting_since: _,
    } = payment.as_ref();
    v1::ArchivedPayment {
        payment: id.encode(),
        merchant: merchant.encode(),
        subject: subject.encode(),
        money: money.encode(),
        capture: capture.encode(),
        status: status.encode(),
        reference: reference.encode(),
        content: content.encode(),
        payment_method: payment_method.encode(),
        on_file: on_file.as_deref().and_then(Wire::encode),
        created_at_ns: created_at.encode(),
        captured_minor: *captured_minor,
        refunded_minor: *refunded_minor,
        fee_minor: *fee_minor,
        available: *available,
        unreleased_minor: *unreleased_minor,
        attempts: attempts.encode(),
        captures: captures.encode(),
        refunds: refunds.encode(),
        disputes: disputes.encode(),
        last_decline: last_decline.encode(),
        cancels: cancels.encode(),
        settling: settling.encode(),
        keys: keys.encode(),
    }
}

fn decode(proto: v1::ArchivedPayment) -> Result<ArchivedPayment, FieldError> {
    let on_file = proto.on_file.map(|present| Wire::decode(Some(present), "on_file")).transpose()?;
    let payment = Payment {
        merchant: Wire::decode(proto.merchant, "merchant")?,
        subject: Wire::decode(proto.subject, "subject")?,
        money: Wire::decode(proto.money, "money")?,
        capture: Wire::decode(proto.capture, "capture")?,
        status: Wire::decode(proto.status, "status")?,
        reference: Wire::decode(proto.reference, "reference")?,
        content: Wire::decode(proto.content, "content")?,
        payment_method: Wire::decode(proto.payment_method, "payment_method")?,
        on_file: on_file.map(Box::new),
        created_at: Wire::decode(proto.created_at_ns, "created_at_ns")?,
        hold: None,
        held_minor: 0,
        captured_minor: proto.captured_minor,
        refunded_minor: proto.refunded_minor,
        refunding_minor: 0,
        fee_minor: proto.fee_minor,
        available: proto.available,
        unreleased_minor: proto.unreleased_minor,
        attempts: Wire::decode(proto.attempts, "attempts")?,
        captures: Wire::decode(proto.captures, "captures")?,
        refunds: Wire::decode(proto.refunds, "refunds")?,
        disputes: Wire::decode(proto.disputes, "disputes")?,
        last_decline: Wire::decode(proto.last_decline, "last_decline")?,
        next_action: None,
        expires_at: None,
        operation: None,
        cancel: None,
        cancels: Wire::decode(proto.cancels, "cancels")?,
        observations: Vec::new(),
        settling: Wire::decode(proto.settling, "settling")?,
        open_effects: 0,
        keys: Vec::new(),
        resting_since: None,
    };
    let id = Wire::decode(proto.payment, "payment")?;
    Ok(ArchivedPayment { id, payment: Box::new(payment), keys: Wire::decode(proto.keys, "keys")? })
}

impl Wire for ArchivedPayment {
    type Proto = Option<v1::ArchivedPayment>;

    fn encode(&self) -> Self::Proto {
        Some(encode(self))
    }

    fn decode(proto: Self::Proto, field: &'static str) -> Result<Self, FieldError> {
        decode(proto.ok_or(FieldError { field, problem: FieldProblem::Missing })?)
    }
}

impl Wire for Vec<ArchivedPayment> {
    type Proto = Vec<v1::ArchivedPayment>;

    fn encode(&self) -> Self::Proto {
        self.iter().map(encode).collect()
    }

    fn decode(proto: Self::Proto, _field: &'static str) -> Result<Self, FieldError> {
        proto.into_iter().map(decode).collect()
    }
}
