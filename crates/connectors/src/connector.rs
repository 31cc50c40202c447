//! The seam between the platform and its providers. No provider is named here.

use base::{Currency, Money, NotSentReason, Outcome, Redacted};
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

/// What can be asked of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Hold money, or take it at once.
    Authorize {
        /// How much.
        money: Money,
        /// The provider's token of the customer's payment method.
        payment_method: String,
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
}

/// How to find out what a [`Call`] came to when its answer is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolve {
    /// The same call with the same key again. Prefer the kept bytes of the first request; legal only within
    /// [`Capabilities::key_retention_ns`].
    Replay,
    /// Read the object with this provider id: the payment's for `Authorize`, `Capture` and `Cancel`, the refund's for
    /// `Refund`.
    Fetch {
        /// The provider's id of the object.
        provider_id: String,
    },
    /// Find the object by our reference. For `Capture` and `Cancel`, whose object is known, this reads that object.
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

    /// What a call came to whose send failed.
    fn outcome_of_error(&self, error: &SendError) -> Outcome {
        error.outcome()
    }
}
