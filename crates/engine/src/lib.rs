//! The one door to state: [`decide`] says what a command comes to, [`State::evolve`] makes it so. Both are pure: time,
//! keys and policy come in with the [`Context`], and the same entries give the same state on any machine.
//!
//! Read [`event::Event`] for what can have happened, [`command::Command`] for what can be asked, [`state::State`] for
//! what is remembered. No I/O, no clock, no encoding lives here.

mod about;
mod archived;
mod bulk;
pub mod command;
pub mod context;
mod decide;
pub mod derive;
pub mod effect;
pub mod errand;
pub mod event;
mod evolve;
mod outlook;
pub mod refusal;
pub mod state;

pub use archived::{ARCHIVED_BYTES_MAX, ARCHIVED_PER_EVENT_MAX, ArchivedKey, ArchivedPayment, PaymentName};
pub use command::{
    AccountReference, CancelPayment, CapturePayment, Command, ConfirmPayment, CreateApiKey, CreateCustomer, CreatePayment, CreateRefund,
    Idempotency, LEDGER_TEXT_BYTES_MAX, LEDGER_TEXT_HEAD_BYTES, Lane, LedgerAnswer, LedgerTexts, OutcomeReport, Private, ReceiveNotice,
    StorePaymentMethod,
};
pub use context::{Context, Gaps, Policy, ProviderPolicy};
pub use decide::{Decision, Reply, decide};
pub use derive::DeriveKey;
pub use effect::{CaptureMode, Dispatch, Effect, EffectKind, EffectRequested, EffectStatus, Presence, SendKind};
pub use errand::{
    Errand, ErrandDispatch, ErrandDone, ErrandKind, ErrandOutcome, ErrandReport, ErrandRequested, ErrandStatus, OUTCOME_UNKNOWN,
};
pub use event::{Entry, Event, EventKind, NoticeSource, NoticeUse, StrayDispute};
pub use evolve::Booked;
pub use outlook::{Outlook, Permitted};
pub use refusal::Refusal;
pub use state::{
    ApiKey, Attempt, Capture, CardFacts, Customer, Dispute, KeyOwner, Merchant, MerchantLedger, OnFile, Payment, Refund, Sealed, State,
    StoredMethod,
};
