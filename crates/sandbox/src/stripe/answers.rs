//! Answers before they are text. A saved answer is a small picture of the objects as they were, not their
//! rendered JSON; rendering it again gives the same bytes.

use super::errors::ApiError;
use super::objects::{Charge, Dispute, Intent, PaymentMethod, Refund, Row, Transaction};

/// Which references an answer shows as whole objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expand(u8);

impl Expand {
    /// None.
    pub const NONE: Self = Self(0);
    /// The charge of an intent (`latest_charge`) or of a refund.
    pub const CHARGE: Self = Self(1);
    /// The balance transaction of a charge.
    pub const CHARGE_TRANSACTION: Self = Self(2);
    /// The payment method of an intent.
    pub const METHOD: Self = Self(4);
    /// The intent of a charge or a refund.
    pub const INTENT: Self = Self(8);
    /// The balance transaction of a refund.
    pub const OWN_TRANSACTION: Self = Self(16);
    /// The charge of a refund's intent.
    pub const INTENT_CHARGE: Self = Self(32);

    /// Both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are in this set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Paths below a payment intent.
    pub fn below_intent(path: &str) -> Option<Self> {
        match path {
            "latest_charge" => Some(Self::CHARGE),
            "latest_charge.balance_transaction" => Some(Self::CHARGE.with(Self::CHARGE_TRANSACTION)),
            "payment_method" => Some(Self::METHOD),
            _ => None,
        }
    }

    /// Paths below a charge.
    pub fn below_charge(path: &str) -> Option<Self> {
        match path {
            "balance_transaction" => Some(Self::CHARGE_TRANSACTION),
            "payment_intent" => Some(Self::INTENT),
            _ => None,
        }
    }

    /// Paths below a refund.
    pub fn below_refund(path: &str) -> Option<Self> {
        match path {
            "charge" => Some(Self::CHARGE),
            "charge.balance_transaction" => Some(Self::CHARGE.with(Self::CHARGE_TRANSACTION)),
            "balance_transaction" => Some(Self::OWN_TRANSACTION),
            "payment_intent" => Some(Self::INTENT),
            "payment_intent.latest_charge" => Some(Self::INTENT.with(Self::INTENT_CHARGE)),
            "payment_intent.latest_charge.balance_transaction" => {
                Some(Self::INTENT.with(Self::INTENT_CHARGE).with(Self::CHARGE_TRANSACTION))
            }
            _ => None,
        }
    }

    /// Objects without anything to expand.
    pub fn below_nothing(_path: &str) -> Option<Self> {
        None
    }
}

/// A status in an answer as it is, or one that no client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusShown {
    /// As it is.
    True,
    /// A value that no client knows; the object itself is untouched.
    Unknown,
}

/// A payment intent at one moment.
#[derive(Debug, Clone)]
pub struct IntentView {
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

/// A charge at one moment.
#[derive(Debug, Clone)]
pub struct ChargeView {
    /// Which charge.
    pub row: Row<Charge>,
    /// Its fields.
    pub charge: Charge,
    /// Its intent, if that is shown whole.
    pub intent: Option<Box<IntentView>>,
    /// What is shown whole.
    pub expand: Expand,
    /// The moment, ms since 1970.
    pub at_ms: u64,
}

/// A refund at one moment.
#[derive(Debug, Clone)]
pub struct RefundView {
    /// Which refund.
    pub row: Row<Refund>,
    /// Its fields.
    pub refund: Refund,
    /// Its charge, if that is shown whole.
    pub charge: Option<Charge>,
    /// Its intent, if that is shown whole.
    pub intent: Option<Box<IntentView>>,
    /// What is shown whole.
    pub expand: Expand,
    /// The moment, ms since 1970.
    pub at_ms: u64,
    /// How its status is shown.
    pub status: StatusShown,
}

/// An answer that is text already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawAnswer {
    /// HTTP status.
    pub status: u16,
    /// `Stripe-Should-Retry`.
    pub should_retry: Option<bool>,
    /// Body.
    pub body: Box<[u8]>,
}

/// A page of objects.
#[derive(Debug, Clone)]
pub enum Page {
    /// Payment intents.
    Intents(Vec<Row<Intent>>),
    /// Charges.
    Charges(Vec<Row<Charge>>),
    /// Refunds.
    Refunds(Vec<Row<Refund>>),
    /// Balance transactions.
    Transactions(Vec<Row<Transaction>>),
    /// Disputes.
    Disputes(Vec<Row<Dispute>>),
}

/// What a request is answered with.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A payment intent, 200.
    Intent(Box<IntentView>),
    /// A decline, 402, with the intent inside.
    Decline(Box<IntentView>),
    /// A refund, 200.
    Refund(Box<RefundView>),
    /// A charge, 200.
    Charge(Box<ChargeView>),
    /// A balance transaction, 200; at a moment.
    Transaction(Row<Transaction>, u64),
    /// A payment method, 200.
    Method(Row<PaymentMethod>),
    /// A dispute, 200; at a moment.
    Dispute(Row<Dispute>, u64),
    /// Text.
    Raw(Box<RawAnswer>),
}

impl Answer {
    /// The same with a status that no client knows, where there is a status.
    pub fn show_unknown_status(&mut self) {
        match self {
            Self::Intent(view) => view.status = StatusShown::Unknown,
            Self::Refund(view) => view.status = StatusShown::Unknown,
            Self::Decline(_) | Self::Charge(_) | Self::Transaction(..) | Self::Method(_) | Self::Dispute(..) | Self::Raw(_) => {}
        }
    }
}

/// The outcome of an endpoint.
pub type Outcome = Result<Answer, ApiError>;
