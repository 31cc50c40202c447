//! A journey as an object: every step of a payment in plain sentences, with what proves them.

use crate::objects::{Amount, Event};
use crate::words::Tone;
use serde::Serialize;
use utoipa::ToSchema;

/// What happened to a payment, what comes next, and what one can do about it. All texts are in one language and ready to
/// be shown; nothing in them has to be put together or translated by whoever shows them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Journey {
    /// Always `journey`.
    #[schema(value_type = String, example = "journey")]
    pub(crate) object: &'static str,
    /// The payment, `pay_…`
    pub(crate) payment: String,
    /// How the payment stands.
    pub(crate) summary: JourneySummary,
    /// Every step, oldest first.
    pub(crate) data: Vec<JourneyStep>,
    /// What happens next.
    pub(crate) next: JourneyNext,
    /// What one can do now.
    pub(crate) actions: Vec<JourneyAction>,
}

/// How a payment stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct JourneySummary {
    /// A few words.
    #[schema(example = "Declined: insufficient funds")]
    pub(crate) title: String,
    /// Whole sentences.
    pub(crate) sentence: String,
    /// What it means for whoever waits for the money.
    pub(crate) tone: Tone,
}

/// One step: an event with the words that tell it and what proves them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct JourneyStep {
    /// What happened.
    #[serde(flatten)]
    pub(crate) event: Event,
    /// A few words.
    pub(crate) title: String,
    /// Whole sentences.
    pub(crate) sentence: String,
    /// What it means for whoever waits for the money.
    pub(crate) tone: Tone,
    /// What proves it; never card numbers, secrets or personal data.
    pub(crate) evidence: Vec<Evidence>,
}

/// What happens next if nobody does anything.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct JourneyNext {
    /// Whole sentences.
    pub(crate) sentence: String,
    /// When (RFC 3339); null when it is not known or nothing comes.
    pub(crate) at: Option<String>,
}

/// Something that somebody can do now. It may be moot a moment later.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct JourneyAction {
    /// Which.
    pub(crate) code: ActionCode,
    /// What it does.
    pub(crate) sentence: String,
    /// The method of the request.
    #[schema(value_type = String, example = "POST")]
    pub(crate) method: &'static str,
    /// The path of the request.
    #[schema(example = "/v1/refunds")]
    pub(crate) path: String,
    /// The command that does the same, with words in capitals for what one has to choose; null when there is none.
    pub(crate) cli: Option<String>,
    /// Who may do it.
    pub(crate) by: Actor,
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionCode {
    /// Charge the payment with a payment method.
    Confirm,
    /// Ask whether the customer has confirmed.
    Look,
    /// Take held money.
    Capture,
    /// Give the payment up.
    Cancel,
    /// Give money back.
    Refund,
    /// Ask once more what became of a call that waits for a person.
    LookParked,
    /// Say that the platform's clock is right.
    ConfirmClock,
}

/// Who may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The merchant, with its API key.
    Merchant,
    /// An operator, with an operator's key.
    Operator,
}

/// What proves a step. Every kind is a title over facts, ledger lines or both.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Evidence {
    /// What kind of proof it is.
    pub(crate) kind: EvidenceKind,
    /// What it is.
    pub(crate) title: String,
    /// Names and values, in order.
    pub(crate) facts: Vec<EvidenceFact>,
    /// What was booked, in order; only of `ledger`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) lines: Vec<EvidenceLine>,
    /// Why there is less to see than one would expect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// What kind of proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// What we sent to a provider.
    Request,
    /// What a provider said, as we understood it.
    Answer,
    /// The event in the journal.
    Event,
    /// What was booked.
    Ledger,
    /// The trace of the request that caused it.
    Trace,
}

/// A name and a value.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EvidenceFact {
    /// The name.
    #[schema(example = "Amount")]
    pub(crate) name: String,
    /// The value, ready to be shown.
    #[schema(example = "19.99 EUR")]
    pub(crate) value: String,
}

/// One line in the ledger: the debit account's debits and the credit account's credits grow by the amount.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EvidenceLine {
    /// Why.
    pub(crate) sentence: String,
    /// The account that is debited.
    #[schema(example = "Owed by the provider")]
    pub(crate) debit: String,
    /// The account that is credited.
    #[schema(example = "Merchant, pending")]
    pub(crate) credit: String,
    /// How much.
    #[serde(flatten)]
    pub(crate) amount: Amount,
    /// How much, ready to be shown.
    #[schema(example = "19.99 EUR")]
    pub(crate) text: String,
    /// Whether it is booked, reserved, or a reservation that was given up.
    pub(crate) state: LineState,
}

/// How a ledger line counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineState {
    /// It is booked.
    Posted,
    /// It is reserved.
    Pending,
    /// It gives a reservation up.
    Voided,
}
