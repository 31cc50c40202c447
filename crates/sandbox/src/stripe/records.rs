//! The objects around a payment: customers, payment methods, setup intents, disputes, payouts, early fraud warnings and
//! webhook endpoints, as the simulator keeps them. Events are in [`super::events`].

use super::cards::{CardIndex, Decline, DisputeKind};
use super::contacts::{Address, Billing, Shipping};
use super::currency::Currency;
use super::objects::{Account, AutomaticMethods, Charge, Metadata, Row, Transaction, kind};
use crate::form::Node;
use std::sync::Arc;

/// A customer.
#[derive(Debug, Clone)]
pub struct Customer {
    /// Owner.
    pub account: Account,
    /// Creation time, ms since 1970.
    pub created_ms: u64,
    /// Whether it was deleted: then only its id can be read.
    pub deleted: bool,
    /// Everything the merchant can set.
    pub texts: Arc<CustomerTexts>,
}

/// What a merchant can set on a customer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomerTexts {
    /// `address`.
    pub address: Option<Address>,
    /// `balance`, minor units.
    pub balance: i64,
    /// `business_name`.
    pub business_name: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `email`.
    pub email: Option<String>,
    /// `individual_name`.
    pub individual_name: Option<String>,
    /// `invoice_prefix`, if the merchant chose it.
    pub invoice_prefix: Option<String>,
    /// `invoice_settings.default_payment_method`.
    pub default_method: Option<Row<PaymentMethod>>,
    /// `invoice_settings.footer`.
    pub invoice_footer: Option<String>,
    /// `metadata`.
    pub metadata: Metadata,
    /// `name`.
    pub name: Option<String>,
    /// `next_invoice_sequence`, if the merchant chose it.
    pub next_invoice_sequence: Option<u64>,
    /// `phone`.
    pub phone: Option<String>,
    /// `preferred_locales`.
    pub preferred_locales: Vec<String>,
    /// `shipping`.
    pub shipping: Option<Shipping>,
    /// `tax_exempt`; `none` unless set.
    pub tax_exempt: Option<&'static str>,
}

/// Whether a payment method can still be charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodUse {
    /// Never charged without a customer, never detached.
    Fresh,
    /// Charged without belonging to a customer: it was good for one payment.
    Spent,
    /// Taken off its customer.
    Detached,
}

/// A payment method made from a test card or a test bank account.
#[derive(Debug, Clone)]
pub struct PaymentMethod {
    /// Owner.
    pub account: Account,
    /// Which test card.
    pub card: CardIndex,
    /// Creation time, ms since 1970.
    pub created_ms: u64,
    /// Whom it belongs to.
    pub customer: Option<Row<Customer>>,
    /// Whether it can be charged.
    pub used: MethodUse,
    /// Whether its owner agreed to be charged later without being present.
    pub set_up: bool,
    /// What the merchant set, if anything.
    pub texts: Option<Arc<MethodTexts>>,
}

/// What a merchant can set on a payment method.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MethodTexts {
    /// `billing_details`.
    pub billing: Billing,
    /// `metadata`.
    pub metadata: Metadata,
    /// `allow_redisplay`.
    pub allow_redisplay: Option<&'static str>,
    /// `card.exp_month` and `card.exp_year`, if not those of the test card.
    pub expiry: Option<(u64, u64)>,
    /// How the card was named.
    pub origin: CardOrigin,
}

/// How a test card was named when its payment method was made, which decides what could be checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CardOrigin {
    /// By the name of a payment method or a token: as if everything had been given.
    #[default]
    Name,
    /// By its number and a verification code.
    NumberWithCode,
    /// By its number alone.
    NumberWithoutCode,
}

/// Status of a setup intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupStatus {
    /// No usable payment method; also after a decline.
    RequiresPaymentMethod,
    /// Has a payment method, waits for confirmation.
    RequiresConfirmation,
    /// The customer must act.
    RequiresAction,
    /// Ended without a method.
    Canceled,
    /// The method is ready.
    Succeeded,
}

impl SetupStatus {
    /// The status's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Canceled => "canceled",
            Self::Succeeded => "succeeded",
        }
    }
}

/// A setup intent.
#[derive(Debug, Clone)]
pub struct SetupIntent {
    /// Owner.
    pub account: Account,
    /// Creation time, ms since 1970.
    pub created_ms: u64,
    /// Status.
    pub status: SetupStatus,
    /// Whose method it sets up.
    pub customer: Option<Row<Customer>>,
    /// The method.
    pub method: Option<Row<PaymentMethod>>,
    /// `automatic_payment_methods`.
    pub automatic_methods: AutomaticMethods,
    /// `usage`.
    pub usage: &'static str,
    /// Number of attempts so far; each has an id.
    pub attempt_count: u32,
    /// Why the last attempt failed, and with which method.
    pub failure: Option<(Decline, Row<PaymentMethod>)>,
    /// `cancellation_reason`.
    pub cancellation_reason: Option<&'static str>,
    /// Texts.
    pub texts: Arc<SetupTexts>,
}

/// Texts of a setup intent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetupTexts {
    /// `description`.
    pub description: Option<String>,
    /// `metadata`.
    pub metadata: Metadata,
    /// `return_url` of the last confirmation.
    pub return_url: Option<String>,
    /// `payment_method_types` if it is not just `card`.
    pub payment_method_types: Option<Vec<String>>,
}

/// Status of a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeStatus {
    /// An inquiry waits for an answer.
    WarningNeedsResponse,
    /// An inquiry was answered.
    WarningUnderReview,
    /// An inquiry ended.
    WarningClosed,
    /// A chargeback waits for an answer.
    NeedsResponse,
    /// A chargeback was answered.
    UnderReview,
    /// The merchant keeps the money.
    Won,
    /// The cardholder keeps the money.
    Lost,
}

impl DisputeStatus {
    /// The status's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::WarningNeedsResponse => "warning_needs_response",
            Self::WarningUnderReview => "warning_under_review",
            Self::WarningClosed => "warning_closed",
            Self::NeedsResponse => "needs_response",
            Self::UnderReview => "under_review",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }

    /// Whether nothing can follow.
    pub fn is_closed(self) -> bool {
        match self {
            Self::WarningClosed | Self::Won | Self::Lost => true,
            Self::WarningNeedsResponse | Self::WarningUnderReview | Self::NeedsResponse | Self::UnderReview => false,
        }
    }

    /// Whether no money was taken.
    pub fn is_inquiry(self) -> bool {
        match self {
            Self::WarningNeedsResponse | Self::WarningUnderReview | Self::WarningClosed => true,
            Self::NeedsResponse | Self::UnderReview | Self::Won | Self::Lost => false,
        }
    }
}

/// What a merchant said in a dispute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Texts by the name of their field.
    pub texts: Vec<(&'static str, String)>,
    /// `enhanced_evidence` as sent.
    pub enhanced: Option<Node>,
    /// `metadata`.
    pub metadata: Metadata,
}

/// A dispute.
#[derive(Debug, Clone)]
pub struct Dispute {
    /// Owner.
    pub account: Account,
    /// The disputed charge.
    pub charge: Row<Charge>,
    /// Which kind.
    pub kind: DisputeKind,
    /// Disputed amount, minor units.
    pub amount: u64,
    /// Creation time, ms since 1970.
    pub created_ms: u64,
    /// Until when it can be answered, ms since 1970.
    pub due_ms: u64,
    /// Status.
    pub status: DisputeStatus,
    /// How often evidence was submitted.
    pub submission_count: u64,
    /// Evidence and metadata.
    pub evidence: Arc<Evidence>,
    /// What took the money; inquiries take none.
    pub withdrawal: Option<Row<Transaction>>,
    /// What gave the money back.
    pub reinstatement: Option<Row<Transaction>>,
}

/// Status of a payout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayoutStatus {
    /// On its way, can be canceled.
    Pending,
    /// Arrived.
    Paid,
    /// Came back.
    Failed,
    /// Canceled.
    Canceled,
}

impl PayoutStatus {
    /// The status's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

/// A payout to the merchant's bank account, or with a negative amount a debit from it.
#[derive(Debug, Clone)]
pub struct Payout {
    /// Owner.
    pub account: Account,
    /// Creation time, ms since 1970.
    pub created_ms: u64,
    /// When it arrives, ms since 1970.
    pub arrival_ms: u64,
    /// Amount, minor units, negative for a reversal.
    pub amount: i64,
    /// Currency.
    pub currency: Currency,
    /// Status.
    pub status: PayoutStatus,
    /// `standard` or `instant`.
    pub method: &'static str,
    /// The bank account.
    pub destination: CardIndex,
    /// Why it failed.
    pub failure: Option<Decline>,
    /// What it did to the balance.
    pub transaction: Row<Transaction>,
    /// What its failure or cancellation did to the balance.
    pub failure_transaction: Option<Row<Transaction>>,
    /// The payout that this one reverses.
    pub original: Option<Row<Payout>>,
    /// The payout that reverses this one.
    pub reversed_by: Option<Row<Payout>>,
    /// Texts.
    pub texts: Arc<PayoutTexts>,
}

/// Texts of a payout.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PayoutTexts {
    /// `description`.
    pub description: Option<String>,
    /// `statement_descriptor`.
    pub statement_descriptor: Option<String>,
    /// `metadata`.
    pub metadata: Metadata,
}

/// An early fraud warning.
#[derive(Debug, Clone)]
pub struct Warning {
    /// Owner.
    pub account: Account,
    /// Creation time, ms since 1970.
    pub created_ms: u64,
    /// The charge it is about.
    pub charge: Row<Charge>,
}

/// A webhook endpoint.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Owner.
    pub account: Account,
    /// Creation time, ms since 1970.
    pub created_ms: u64,
    /// Whether it was deleted: then it is unknown.
    pub deleted: bool,
    /// Whether it gets events.
    pub enabled: bool,
    /// Whether it gets events of connected accounts instead of its own.
    pub connect: bool,
    /// `url`.
    pub url: String,
    /// `description`.
    pub description: Option<String>,
    /// `enabled_events`.
    pub events: Vec<String>,
    /// `api_version`; the account's own if not set.
    pub api_version: Option<String>,
    /// `metadata`.
    pub metadata: Metadata,
    /// What signs, if not what follows from the seed.
    pub secret: Option<String>,
    /// What signed before the last roll, and until when it signs too, ms since 1970.
    pub old_secret: Option<(String, u64)>,
    /// How often the secret was rolled.
    pub roll_count: u32,
}

kind!(Dispute, "dp_", "dispute", 5);
kind!(PaymentMethod, "pm_", "PaymentMethod", 6);
kind!(Customer, "cus_", "customer", 7);
kind!(SetupIntent, "seti_", "setupintent", 8);
kind!(Payout, "po_", "payout", 9);
kind!(Warning, "issfr_", "early fraud warning", 10);
kind!(Endpoint, "we_", "webhook endpoint", 11);
