//! Values inside events that are messages, enums or alternatives of their own.
//!
//! Each is one line or table, read in both directions, and names every field and variant: a new one does not compile
//! until it has its place in the schema.

use crate::error::{FieldError, FieldProblem};
use crate::generated::v1::{
    self, api_key_created::Owner, effect_requested::Operation, errand_requested::Operation as ErrandOperation, next_action::Action,
};
use crate::wire::Wire;
use base::{Decline, DeclineClass, DisputeFact, DisputePhase, Mismatch, Money, NextAction, OutcomeClass, RefundId, UnknownReason};
use engine::event::{KeyUse, PaymentCreated, PaymentRevised};
use engine::{
    CaptureMode, CardFacts, EffectKind, EffectRequested, ErrandKind, ErrandRequested, KeyOwner, NoticeSource, NoticeUse, OnFile, Presence,
    Sealed, SendKind, StrayDispute,
};
use payments::{AttemptStatus, CaptureStatus, DisputeStatus, PaymentStatus, RefundStatus};

const fn missing(field: &'static str) -> FieldError {
    FieldError { field, problem: FieldProblem::Missing }
}

/// Structs of the engine as messages of the same name. After the semicolon: fields that have another name there, times
/// mostly, which carry their unit.
macro_rules! messages {
    ($($type:ident { $($field:ident),* $(; $($inner:ident = $outer:ident),+)? })+) => {$(
        impl Wire for $type {
            type Proto = Option<v1::$type>;

            fn encode(&self) -> Self::Proto {
                let Self { $($field,)* $($($inner,)+)? } = self;
                Some(v1::$type { $($field: Wire::encode($field),)* $($($outer: Wire::encode($inner),)+)? })
            }

            fn decode(proto: Self::Proto, field: &'static str) -> Result<Self, FieldError> {
                let v1::$type { $($field,)* $($($outer,)+)? } = proto.ok_or(missing(field))?;
                Ok(Self {
                    $($field: Wire::decode($field, stringify!($field))?,)*
                    $($($inner: Wire::decode($outer, stringify!($outer))?,)+)?
                })
            }
        }
    )+};
}

messages! {
    Money { amount_minor, currency }
    Sealed { subject, bytes }
    KeyUse { key, fingerprint; expires_at = expires_at_ns }
    Decline { class, code, network_code }
    Mismatch { amount_minor, currency, captured }
    DisputeFact { dispute, money, phase, reason, fee_minor, is_withdrawn; respond_by = respond_by_ns }
    StrayDispute { payment_provider_id, fact }
    EffectRequested {
        effect, provider, key, reference, key_version, money, capture, payment_method, provider_id, request, customer;
        kind = operation, presence = off_session
    }
    ErrandRequested {
        errand, customer, provider, key, reference, key_version, customer_provider_id, token, request;
        kind = operation
    }
    OnFile { customer, method; presence = off_session }
    CardFacts { brand, last4, exp_month, exp_year }
    PaymentCreated {
        payment, merchant, subject, money, capture, reference, content, payment_method, key_version, details, key, on_file;
        expires_at = expires_at_ns
    }
    PaymentRevised { payment, subject, money, capture, content, payment_method, details, on_file }
}

/// Messages that may be absent; every message field can be, so the schema needs no `optional`.
macro_rules! optional_messages {
    ($($type:ident),+) => {$(
        impl Wire for Option<$type> {
            type Proto = Option<v1::$type>;

            fn encode(&self) -> Self::Proto {
                self.as_ref().and_then(Wire::encode)
            }

            fn decode(proto: Self::Proto, field: &'static str) -> Result<Self, FieldError> {
                proto.map(|present| <$type>::decode(Some(present), field)).transpose()
            }
        }
    )+};
}

optional_messages!(CardFacts, KeyUse, OnFile, Sealed, StrayDispute);

/// Enums of the engine as enums of the same name, which have an unspecified value besides.
macro_rules! enums {
    ($($type:ident { $($variant:ident),+ })+) => {$(
        impl Wire for $type {
            type Proto = i32;

            fn encode(&self) -> i32 {
                match self { $(Self::$variant => v1::$type::$variant.into(),)+ }
            }

            fn decode(proto: i32, field: &'static str) -> Result<Self, FieldError> {
                match v1::$type::try_from(proto) {
                    $(Ok(v1::$type::$variant) => Ok(Self::$variant),)+
                    Ok(v1::$type::Unspecified) => Err(FieldError { field, problem: FieldProblem::Unspecified }),
                    Err(_) => Err(FieldError { field, problem: FieldProblem::UnknownValue { value: proto } }),
                }
            }
        }
    )+};
}

enums! {
    CaptureMode { Automatic, Manual }
    SendKind { First, Replay, Lookup }
    NoticeSource { Webhook, Sweep, Replay }
    DisputePhase { Inquiry, InquiryClosed, Open, Won, Lost, Unclear }
    NoticeUse { News, Known, Unmatched, Kept, Unclear }
    OutcomeClass { NotSent, Rejected, Declined, Approved, Pending, Mismatch, Unknown }
    UnknownReason { Timeout, ConnectionLost, ServerError, Undecodable, IdempotencyConflict, Restart, NotFound }
    PaymentStatus { Created, Processing, RequiresAction, Authorized, PartiallyCaptured, Captured, PartiallyRefunded, Refunded, Canceled, Declined, Expired }
    AttemptStatus { Started, Unknown, Pending, Authorized, Captured, Declined, Failed, Mismatched, Canceled, SucceededLate }
    CaptureStatus { Started, Unknown, Succeeded, Failed, Reversed }
    RefundStatus { Started, Unknown, Pending, Succeeded, Failed, Reversed }
    DisputeStatus { Inquiry, InquiryClosed, Open, Won, Lost }
    DeclineClass { HardCard, HardRisk, SoftFunds, SoftIssuer, SoftPsp, FixData, Authenticate, Config, Duplicate }
}

impl Wire for EffectKind {
    type Proto = Option<Operation>;

    fn encode(&self) -> Self::Proto {
        Some(match self {
            Self::Authorize { attempt } => Operation::AuthorizeAttempt(attempt.encode()),
            Self::Capture { capture } => Operation::CaptureIndex(capture.encode()),
            Self::Cancel { expiry } => Operation::CancelExpiry(expiry.encode()),
            Self::Refund { refund } => Operation::Refund(refund.encode()),
            Self::Observe { attempt } => Operation::ObserveAttempt(attempt.encode()),
            Self::UndoHold { attempt } => Operation::UndoHoldAttempt(attempt.encode()),
            Self::UndoCapture { attempt } => Operation::UndoCaptureAttempt(attempt.encode()),
        })
    }

    fn decode(proto: Self::Proto, field: &'static str) -> Result<Self, FieldError> {
        Ok(match proto.ok_or(missing(field))? {
            Operation::AuthorizeAttempt(attempt) => Self::Authorize { attempt: u16::decode(attempt, "authorize_attempt")? },
            Operation::CaptureIndex(capture) => Self::Capture { capture: u16::decode(capture, "capture_index")? },
            Operation::CancelExpiry(expiry) => Self::Cancel { expiry },
            Operation::Refund(refund) => Self::Refund { refund: RefundId::decode(refund, "refund")? },
            Operation::ObserveAttempt(attempt) => Self::Observe { attempt: u16::decode(attempt, "observe_attempt")? },
            Operation::UndoHoldAttempt(attempt) => Self::UndoHold { attempt: u16::decode(attempt, "undo_hold_attempt")? },
            Operation::UndoCaptureAttempt(attempt) => Self::UndoCapture { attempt: u16::decode(attempt, "undo_capture_attempt")? },
        })
    }
}

/// As a flag that is absent while the customer is there, so that earlier events have the same bytes.
impl Wire for Presence {
    type Proto = bool;

    fn encode(&self) -> bool {
        match self {
            Self::OnSession => false,
            Self::OffSession => true,
        }
    }

    fn decode(proto: bool, _field: &'static str) -> Result<Self, FieldError> {
        Ok(if proto { Self::OffSession } else { Self::OnSession })
    }
}

impl Wire for ErrandKind {
    type Proto = Option<ErrandOperation>;

    fn encode(&self) -> Self::Proto {
        Some(match self {
            Self::StoreCustomer => ErrandOperation::StoreCustomer(v1::StoreCustomer {}),
            Self::Attach { method } => ErrandOperation::Attach(method.encode()),
            Self::Detach { method } => ErrandOperation::Detach(method.encode()),
        })
    }

    fn decode(proto: Self::Proto, field: &'static str) -> Result<Self, FieldError> {
        Ok(match proto.ok_or(missing(field))? {
            ErrandOperation::StoreCustomer(v1::StoreCustomer {}) => Self::StoreCustomer,
            ErrandOperation::Attach(method) => Self::Attach { method: Wire::decode(method, "attach")? },
            ErrandOperation::Detach(method) => Self::Detach { method: Wire::decode(method, "detach")? },
        })
    }
}

impl Wire for KeyOwner {
    type Proto = Option<Owner>;

    fn encode(&self) -> Self::Proto {
        Some(match self {
            Self::Merchant(merchant) => Owner::Merchant(merchant.encode()),
            Self::Operator(operator) => Owner::Operator(operator.encode()),
        })
    }

    fn decode(proto: Self::Proto, field: &'static str) -> Result<Self, FieldError> {
        Ok(match proto.ok_or(missing(field))? {
            Owner::Merchant(merchant) => Self::Merchant(Wire::decode(merchant, "merchant")?),
            Owner::Operator(operator) => Self::Operator(Wire::decode(operator, "operator")?),
        })
    }
}

impl Wire for NextAction {
    type Proto = Option<v1::NextAction>;

    fn encode(&self) -> Self::Proto {
        let action = match self {
            Self::Redirect { url } => Action::RedirectUrl(url.encode()),
            Self::Wait => Action::Wait(v1::Wait {}),
        };
        Some(v1::NextAction { action: Some(action) })
    }

    fn decode(proto: Self::Proto, field: &'static str) -> Result<Self, FieldError> {
        let v1::NextAction { action } = proto.ok_or(missing(field))?;
        Ok(match action.ok_or(missing("action"))? {
            Action::RedirectUrl(url) => Self::Redirect { url: String::decode(url, "redirect_url")? },
            Action::Wait(v1::Wait {}) => Self::Wait,
        })
    }
}
