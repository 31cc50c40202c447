//! Answers before they are text, and what is kept of them under idempotency keys. What most requests are answered with
//! is kept as a small picture of the object as it was, which renders to the same bytes again; the rest is kept as text.

use super::errors::ApiError;
use super::events::Event;
use super::expand::{Expand, NOTHING};
use super::objects::{Charge, Intent, Refund, Row, Transaction};
use super::records::{Customer, Dispute, Endpoint, PaymentMethod, Payout, SetupIntent, Warning};

/// A status in an answer as it is, or one that no client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusShown {
    /// As it is.
    True,
    /// A value that no client knows; the object itself is untouched.
    Unknown,
}

/// How an object is rendered.
#[derive(Debug, Clone, Copy)]
pub struct Show<'a> {
    /// What is shown whole below it.
    pub expand: &'a Expand,
    /// The moment, ms since 1970.
    pub at_ms: u64,
    /// How its status is shown.
    pub status: StatusShown,
    /// Its charge as it was, if not as it is.
    pub charge: Option<&'a Charge>,
}

impl<'a> Show<'a> {
    /// Without anything whole below.
    pub fn plain(at_ms: u64) -> Self {
        Self::with(&NOTHING, at_ms)
    }

    /// With some references whole.
    pub fn with(expand: &'a Expand, at_ms: u64) -> Self {
        Self { expand, at_ms, status: StatusShown::True, charge: None }
    }

    /// How the object in a field is rendered, if it is shown whole.
    pub fn below(self, field: &str) -> Option<Self> {
        Some(Self::with(self.expand.below(field)?, self.at_ms))
    }
}

/// Whether a webhook endpoint's secret is in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretShown {
    /// Only when the endpoint was just made.
    Once,
    /// Never again.
    No,
}

/// An object that was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// A customer.
    Customer(Row<Customer>),
    /// A webhook endpoint.
    Endpoint(Row<Endpoint>),
}

/// What an answer shows.
#[derive(Debug, Clone)]
pub enum Shown {
    /// A payment intent.
    Intent(Row<Intent>),
    /// A decline, 402, with the intent inside.
    Decline(Row<Intent>),
    /// A decline, 402, with the setup intent inside.
    SetupDecline(Row<SetupIntent>),
    /// A refund.
    Refund(Row<Refund>),
    /// A charge.
    Charge(Row<Charge>),
    /// A balance transaction.
    Transaction(Row<Transaction>),
    /// A payment method.
    Method(Row<PaymentMethod>),
    /// A dispute.
    Dispute(Row<Dispute>),
    /// A customer.
    Customer(Row<Customer>),
    /// A setup intent.
    Setup(Row<SetupIntent>),
    /// A payout.
    Payout(Row<Payout>),
    /// An early fraud warning.
    Warning(Row<Warning>),
    /// A webhook endpoint.
    Endpoint(Row<Endpoint>, SecretShown),
    /// An event.
    Event(Row<Event>),
    /// What is left of a deleted object.
    Deleted(Deleted),
    /// Text that was made already, 200.
    Text(Vec<u8>),
}

/// What a request is answered with.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The object or text.
    pub shown: Shown,
    /// What is shown whole below it.
    pub expand: Expand,
    /// How its status is shown.
    pub status: StatusShown,
}

impl Answer {
    /// An answer with some references whole.
    pub fn new(shown: Shown, expand: Expand) -> Self {
        Self { shown, expand, status: StatusShown::True }
    }

    /// A finished text.
    pub fn text(body: Vec<u8>) -> Self {
        Self::new(Shown::Text(body), Expand::default())
    }
}

/// An answer that is text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawAnswer {
    /// HTTP status.
    pub status: u16,
    /// `Stripe-Should-Retry`.
    pub should_retry: Option<bool>,
    /// Body.
    pub body: Vec<u8>,
}

/// A payment intent as it was.
#[derive(Debug, Clone)]
pub struct IntentPicture {
    /// Which intent.
    pub row: Row<Intent>,
    /// Its fields.
    pub intent: Intent,
    /// Its charge, if that is shown whole.
    pub charge: Option<Charge>,
    /// What is shown whole.
    pub expand: Expand,
    /// The moment, ms since 1970.
    pub at_ms: u64,
    /// How its status is shown.
    pub status: StatusShown,
}

/// A refund as it was.
#[derive(Debug, Clone)]
pub struct RefundPicture {
    /// Which refund.
    pub row: Row<Refund>,
    /// Its fields.
    pub refund: Refund,
    /// The moment, ms since 1970.
    pub at_ms: u64,
    /// How its status is shown.
    pub status: StatusShown,
}

/// What is kept of an answer.
#[derive(Debug, Clone)]
pub enum Kept {
    /// A payment intent, 200.
    Intent(Box<IntentPicture>),
    /// A refund, 200.
    Refund(Box<RefundPicture>),
    /// Anything else, as text.
    Text(Box<RawAnswer>),
}

impl Kept {
    /// Bytes of text it holds; pictures count as nothing.
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Text(raw) => raw.body.len(),
            Self::Intent(_) | Self::Refund(_) => 0,
        }
    }
}

/// The outcome of an endpoint.
pub type Outcome = Result<Answer, ApiError>;
