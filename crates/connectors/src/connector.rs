//! The seam between the platform and its providers. No provider is named here.

use crate::notices::{EventsPage, EventsQuestion, NoticeError};
use crate::stored::StoredOutcome;
use base::{Currency, DisputeFact, Money, NotSentReason, Notice, Outcome, Redacted, Timestamp};
use egress::{Request, Response, SendError};

/// One thing asked of a provider, together with what makes it recognisable there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What is asked.
    pub operation: Operation,
    /// The idempotency key at the provider; visible ASCII, at most [`Capabilities::key_bytes_max`].
    pub key: String,
    /// Our derived reference, kept with the provider's object so that it can be found: letters, digits, `_` and `-`,
    /// at most [`Capabilities::reference_bytes_max`].
    pub reference: String,
}

/// When the money is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureMode {
    /// At once.
    Automatic,
    /// By a later capture.
    Manual,
}

/// Whether the customer is there while the payment is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The customer is there and can be sent to an authentication.
    OnSession,
    /// The merchant charges a stored payment method while the customer is away. Where the issuer wants an
    /// authentication, that is a decline of class `Authenticate`.
    OffSession,
}

/// What can be asked of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Hold money, or take it at once.
    Authorize {
        /// How much.
        money: Money,
        /// The provider's token of the customer's payment method.
        payment_method: String,
        /// The provider's id of the customer that the payment method is attached to.
        customer: Option<String>,
        /// Whether the customer is there.
        presence: Presence,
        /// Hold or take.
        capture: CaptureMode,
        /// Where the customer comes back to after an authentication.
        return_url: Option<String>,
        /// An instruction to a simulator; refused in a live environment.
        sim: Option<String>,
    },
    /// Try an open payment of the provider's again, with this payment method. The call's reference is the one under which
    /// the payment was made. A lookup cannot tell this try's decline from an earlier one's, so it leaves it unknown:
    /// a payment of its own for each attempt ([`Operation::Authorize`]) is resolved more surely.
    Confirm {
        /// The provider's id of the payment.
        provider_id: String,
        /// How much the payment asks for, to compare.
        money: Money,
        /// The provider's token of the customer's payment method.
        payment_method: String,
        /// Where the customer comes back to after an authentication.
        return_url: Option<String>,
    },
    /// Take held money.
    Capture {
        /// The provider's id of the authorized payment.
        provider_id: String,
        /// How much, at most what is held; what is left of the hold is released.
        money: Money,
    },
    /// Release a hold, or end a payment that waits for the customer.
    Cancel {
        /// The provider's id of the payment.
        provider_id: String,
    },
    /// Give taken money back.
    Refund {
        /// The provider's id of the captured payment.
        provider_id: String,
        /// How much.
        money: Money,
    },
    /// Look at a payment without having asked for anything. Its only legal request is [`Connector::encode_resolve`] with
    /// [`Resolve::Fetch`] of this id. [`Connector::decode_resolve`] answers what the payment is now: `Approved` when money
    /// is held or was taken or it is given up, `Pending` when the customer or the provider is at work, and
    /// `Unknown(NotFound)` when it is open or was refused; never `Declined`. The call's reference is the one under
    /// which the payment was made; the key is not used.
    Observe {
        /// The provider's id of the payment.
        provider_id: String,
        /// How much the payment asked for. Less taken than this is a partial capture and approved as what it is; any other
        /// difference is a mismatch.
        money: Money,
    },
    /// Make a customer at the provider, known there by the call's reference alone. Read the answer with
    /// [`Connector::decode_stored`].
    StoreCustomer,
    /// Keep a payment method with a customer. Read the answer with [`Connector::decode_stored`].
    Attach {
        /// The provider's id of the customer.
        customer: String,
        /// The provider's token of the payment method.
        payment_method: String,
    },
    /// Give up a kept payment method for good. Read the answer with [`Connector::decode_stored`].
    Detach {
        /// The provider's token of the payment method.
        payment_method: String,
    },
}

/// How to find out what a [`Call`] came to when its answer is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolve {
    /// The same call with the same key again. Prefer the kept bytes of the first request; legal only within
    /// [`Capabilities::key_retention_ns`].
    Replay,
    /// Read the object with this provider id: the payment's for `Authorize`, `Confirm`, `Capture`, `Cancel` and `Observe`,
    /// the refund's for `Refund`, the customer's for `StoreCustomer`, the payment method's for `Attach` and `Detach`.
    Fetch {
        /// The provider's id of the object.
        provider_id: String,
    },
    /// Find the object by our reference. For calls whose object is known (`Confirm`, `Capture`, `Cancel`, `Attach`,
    /// `Detach`) this reads that object.
    Search,
}

/// How the provider wants its credential: the header's name and what stands before the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialHeader {
    /// Header name in lower case.
    pub name: &'static str,
    /// Text before the secret, including its space.
    pub prefix: &'static str,
}

impl CredentialHeader {
    /// The header's value for this secret.
    pub fn value(&self, secret: &Redacted<String>) -> Redacted<String> {
        Redacted::new(format!("{}{}", self.prefix, secret.expose()))
    }
}

/// One step of a [`ResolveLadder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// When, in nanoseconds after the outcome became unknown.
    pub after_ns: u64,
    /// What.
    pub how: RungKind,
}

/// What a [`Rung`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RungKind {
    /// [`Resolve::Replay`].
    Replay,
    /// [`Resolve::Fetch`] where the object's id is known, else [`Resolve::Search`].
    Lookup,
}

/// When to try to resolve an unknown outcome, and when to call a person. A default that configuration may replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveLadder {
    /// In order of time; rungs of one moment run in the order given.
    pub rungs: Vec<Rung>,
    /// When a person takes over, in nanoseconds after the outcome became unknown.
    pub operator_after_ns: u64,
}

/// What a provider can do and how it wants to be treated, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The provider's name for configuration, logs and people; never compared in code.
    pub name: &'static str,
    /// Where its API is.
    pub base_url: &'static str,
    /// How it wants its credential.
    pub credential: CredentialHeader,
    /// Whether one authorization can be captured several times. Without it the first capture is final.
    pub multiple_captures: bool,
    /// Whether less than the held amount can be captured.
    pub partial_captures: bool,
    /// Whether a refund that succeeded can still fail later.
    pub refund_can_fail_later: bool,
    /// Whether a declined payment stays open at the provider, so that it must be cancelled, and that be confirmed,
    /// before the money is asked for elsewhere.
    pub declined_stays_open: bool,
    /// How long a key is remembered, in nanoseconds; a replay later than that would act twice.
    pub key_retention_ns: u64,
    /// Longest key, in bytes.
    pub key_bytes_max: usize,
    /// Longest reference, in bytes.
    pub reference_bytes_max: usize,
    /// How long a search normally lags behind, in nanoseconds.
    pub search_lag_ns: u64,
    /// How long a search may lag behind when the provider has trouble, in nanoseconds.
    pub search_lag_ns_max: u64,
    /// Largest amount in the provider's own unit.
    pub provider_amount_max: u64,
    /// Currencies, by their letters, that we do not send there.
    pub currencies_refused: Vec<&'static str>,
    /// Reasons that a cancellation may name.
    pub cancel_reasons: &'static [&'static str],
    /// Largest response that a call can need, in bytes.
    pub response_bytes_max: usize,
    /// When to resolve unknown outcomes.
    pub resolve_ladder: ResolveLadder,
    /// The header of a webhook that carries its signature, in lower case.
    pub signature_header: &'static str,
    /// Largest response to [`Connector::encode_events`]'s request, in bytes.
    pub events_response_bytes_max: usize,
    /// How long the provider lists its events, in nanoseconds; a gap older than that cannot be swept.
    pub events_kept_ns: u64,
}

impl Capabilities {
    /// Whether money in this currency is never sent there.
    pub fn refuses(&self, currency: Currency) -> bool {
        self.currencies_refused.contains(&currency.alpha())
    }
}

/// Why a call cannot become a request; nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The provider does not take this currency, or we do not know in which unit it would.
    #[error("the currency {0} is not sent to this provider")]
    CurrencyRefused(Currency),
    /// The amount has digits that the provider's unit cannot express.
    #[error("the amount {0} cannot be expressed in the provider's unit")]
    AmountNotRepresentable(Money),
    /// Zero, or more than the provider takes.
    #[error("the amount {0} is not within the provider's limits")]
    AmountOutOfRange(Money),
    /// The idempotency key is empty, too long, or not visible ASCII.
    #[error("the idempotency key is malformed")]
    Key,
    /// The reference is empty, too long, or has other characters than letters, digits, `_` and `-`.
    #[error("the reference is malformed")]
    Reference,
    /// The provider's id is not one of the kind that this operation needs.
    #[error("the provider id is malformed or of another kind")]
    ProviderId,
    /// The token of the payment method is malformed.
    #[error("the payment method is malformed")]
    PaymentMethod,
    /// The return address is not an absolute https URL (or http to loopback).
    #[error("the return URL is not https, not absolute or too long")]
    ReturnUrl,
    /// The provider's id of the customer is malformed.
    #[error("the customer is malformed")]
    Customer,
    /// The operation only looks: it has no request of its own and no other lookup than by id.
    #[error("the operation asks for nothing and can only be fetched")]
    ReadOnly,
    /// An instruction to a simulator in a live environment, or a malformed one.
    #[error("the simulator instruction is malformed or not allowed here")]
    Sim,
    /// The request became larger than may be kept.
    #[error("the request is too large")]
    TooLarge,
}

impl EncodeError {
    /// What this means for the call.
    pub const fn outcome(&self) -> Outcome {
        Outcome::NotSent(NotSentReason::Encode)
    }
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// What the call came to.
    pub outcome: Outcome,
    /// The provider's id of the object, when the answer names one: also after a decline, whose object may still be
    /// open. The payment's for `Authorize`, `Capture` and `Cancel`, the refund's for `Refund`.
    pub provider_id: Option<String>,
}

impl Decoded {
    /// An outcome about an object that the answer does not name.
    pub const fn nameless(outcome: Outcome) -> Self {
        Self { outcome, provider_id: None }
    }
}

/// A provider. Implementations are pure: the same call gives the same bytes, the same answer the same outcome. They
/// are total on hostile answers: what cannot be read is `Unknown`, never a panic and never a decline.
pub trait Connector: Send + Sync {
    /// What the provider can do.
    fn capabilities(&self) -> &Capabilities;

    /// The request for a call, without credentials.
    ///
    /// # Errors
    /// The first [`EncodeError`] that applies; the call is then not sent.
    fn encode(&self, call: &Call) -> Result<Request, EncodeError>;

    /// Names of the headers and fields of [`Self::encode`]'s requests whose values may be shown to people: what was
    /// asked for, and never a credential, personal data, or what a client wrote freely.
    fn shown_fields(&self) -> &'static [&'static str];

    /// The request that finds out what a call came to.
    ///
    /// # Errors
    /// The first [`EncodeError`] that applies; the lookup is then not sent, and the call's outcome stays unknown.
    fn encode_resolve(&self, call: &Call, how: &Resolve) -> Result<Request, EncodeError>;

    /// What the answer to [`Self::encode`]'s request says about the call.
    fn decode(&self, call: &Call, response: &Response) -> Decoded;

    /// What the answer to [`Self::encode_resolve`]'s request says about the *original* call. A lookup that finds
    /// nothing, or finds the object as if the call had never been made, proves nothing and is
    /// `Unknown(NotFound)`; a lookup that itself is refused is never a rejection of the call.
    ///
    /// The state in an approval is the object's, whatever was asked: a lookup after a capture may say `Canceled`
    /// (the hold is gone and nothing can be taken any more).
    fn decode_resolve(&self, call: &Call, how: &Resolve, response: &Response) -> Decoded;

    /// As [`Self::decode`] for `StoreCustomer`, `Attach` and `Detach`, whose success has no [`Outcome`]:
    /// [`Self::decode`] leaves it unknown. Other operations are unknown here.
    fn decode_stored(&self, call: &Call, response: &Response) -> StoredOutcome;

    /// As [`Self::decode_resolve`] for `StoreCustomer`, `Attach` and `Detach`. A lookup that does not find what was
    /// asked for proves nothing and is `Unknown(NotFound)`; it is never a rejection or a decline.
    fn decode_stored_resolve(&self, call: &Call, how: &Resolve, response: &Response) -> StoredOutcome;

    /// Whether a webhook comes from the provider, decided on its raw bytes. `signature` is the value of the header
    /// [`Capabilities::signature_header`]; a header that came several times is joined by commas. Every signature in it is
    /// compared with every secret in constant time; at most [`crate::NOTICE_SECRETS_MAX`] secrets are tried, in order,
    /// and an empty one never fits.
    ///
    /// # Errors
    /// The first [`NoticeError`] that applies.
    fn verify_notice(&self, signature: Option<&str>, body: &[u8], secrets: &[Redacted<String>], now: Timestamp) -> Result<(), NoticeError>;

    /// What a webhook says. Verify it first. Types and objects that we do not know are [`base::About::Other`], states and
    /// amounts that we do not know are unclear: a message is only refused when it cannot be told from others.
    ///
    /// # Errors
    /// [`NoticeError::TooLarge`] or [`NoticeError::Unreadable`].
    fn parse_notice(&self, body: &[u8]) -> Result<Notice, NoticeError>;

    /// The request for a page of the provider's events, with which missed webhooks are made up for: only of events that can
    /// say what no answer to a call says, which are disputes, changes of refunds, and payments that were held, taken or
    /// given up. Which these are is the provider's own matter, so no types are named in the question.
    ///
    /// # Errors
    /// [`EncodeError::ProviderId`] when the event to go on after is malformed.
    fn encode_events(&self, question: &EventsQuestion) -> Result<Request, EncodeError>;

    /// Reads a page of events; `None` when it is no page: the sweep has to ask again. An event that cannot be read
    /// is counted and left out, and the others are kept.
    fn decode_events(&self, response: &Response) -> Option<EventsPage>;

    /// The request that reads a dispute by its provider id.
    ///
    /// # Errors
    /// [`EncodeError::ProviderId`] when the id is malformed.
    fn encode_dispute(&self, dispute: &str) -> Result<Request, EncodeError>;

    /// Reads the answer to [`Self::encode_dispute`]: the provider's id of the payment and where the dispute stands. `None`
    /// when the answer is no dispute of a payment, is another dispute or cannot be read.
    fn decode_dispute(&self, dispute: &str, response: &Response) -> Option<(String, DisputeFact)>;

    /// What a call came to whose send failed.
    fn outcome_of_error(&self, error: &SendError) -> Outcome {
        error.outcome()
    }
}
