//! The vocabulary shared by every crate: money and its currencies, typed ids, time, provider outcomes, limits.
//!
//! Nothing here does I/O, knows a clock or holds state. Start with [`Money`] and [`Outcome`]. What does not belong
//! here: anything only one other crate needs.

pub mod card;
pub mod id;
pub mod limits;
pub mod money;
pub mod notice;
pub mod outcome;
pub mod redacted;
pub mod time;
pub mod trace;

pub use id::{
    ApiKeyId, AttemptId, CaptureId, CustomerId, EffectId, ErrandId, EventId, IdError, MerchantId, OperatorId, PaymentId, PaymentMethodId,
    RefundId, SubjectId,
};
pub use money::{Currency, Money, MoneyError};
pub use notice::{About, DisputeFact, DisputePhase, Notice, PaymentSays, RefundSays};
pub use outcome::{
    Approval, Decline, DeclineClass, Mismatch, NextAction, NotSentReason, Outcome, OutcomeClass, ProviderState, Rejection, UnknownReason,
};
pub use redacted::Redacted;
pub use time::Timestamp;
pub use trace::TraceId;
