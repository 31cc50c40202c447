//! What a provider call came to. The most important rule of the house lives in this type: "we do not know" is a
//! value of its own, and nothing turns it into a decline.

use crate::{Currency, Timestamp};
use serde::{Deserialize, Serialize};

/// Why a request provably never reached the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotSentReason {
    /// The name did not resolve.
    Resolve,
    /// No TCP connection could be made.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// We could not encode or open our own request.
    Encode,
    /// The deadline had passed before the first byte was written.
    Deadline,
}

/// Why we do not know whether the provider executed a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnknownReason {
    /// No answer within the deadline after bytes were written.
    Timeout,
    /// The connection broke after bytes were written.
    ConnectionLost,
    /// The provider answered 5xx.
    ServerError,
    /// The provider answered 2xx with something we cannot read, or a state we do not know.
    Undecodable,
    /// The provider says that the key is executing now or was used with other parameters.
    IdempotencyConflict,
    /// The platform restarted while the call was open.
    Restart,
    /// A lookup did not find the object, or finds it undecided; that proves nothing.
    NotFound,
}

/// The provider answered and says that it did not execute the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Whether our request or configuration is at fault (no other try can help), as opposed to a rate limit.
    pub permanent: bool,
    /// The provider's error code, from its own list; empty when it gave none. At most 64 bytes.
    pub code: String,
}

/// What a decline permits. The source of the classes is the provider's list of decline codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DeclineClass {
    /// Lost, stolen, closed, expired, revoked: never again with this card.
    HardCard,
    /// Fraud according to issuer or provider.
    HardRisk,
    /// Not enough money or a limit reached: later, and nowhere else sooner.
    SoftFunds,
    /// The issuer refused without a lasting reason.
    SoftIssuer,
    /// The provider or acquirer had a problem.
    SoftPsp,
    /// The customer must correct data.
    FixData,
    /// The customer must authenticate.
    Authenticate,
    /// The provider's account is not set up for this.
    Config,
    /// The provider believes that it did this before.
    Duplicate,
}

/// A definite refusal by issuer or provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// What may be done next.
    pub class: DeclineClass,
    /// The provider's decline or error code; at most 64 bytes.
    pub code: String,
    /// The network's own code, when given.
    pub network_code: Option<String>,
}

/// What the customer has to do before the provider goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NextAction {
    /// Send the customer to this address.
    Redirect {
        /// Absolute URL at the provider; at most 2,048 bytes.
        url: String,
    },
    /// Nothing for the customer; the provider answers later.
    Wait,
}

/// What the provider says it did, in amounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The state the provider's object is in now.
    pub state: ProviderState,
    /// The provider's fee in minor units of the payment's currency, when it already says.
    pub fee_minor: Option<u64>,
    /// When the money becomes available at the provider, when it already says.
    pub available_at: Option<Timestamp>,
}

/// The provider's object after an approved call, in our words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderState {
    /// Money is held and can be captured.
    Authorized {
        /// Held amount in minor units.
        amount_minor: u64,
    },
    /// Money was taken.
    Captured {
        /// Taken amount in minor units.
        amount_minor: u64,
    },
    /// The hold or intent is gone; no money moved.
    Canceled,
    /// A refund went through.
    Refunded {
        /// Refunded amount in minor units.
        amount_minor: u64,
    },
    /// A refund was accepted and is not final.
    RefundPending {
        /// Refunded amount in minor units.
        amount_minor: u64,
    },
}

/// The provider did something else than was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// The amount the provider names, in minor units of `currency`.
    pub amount_minor: u64,
    /// The currency the provider names.
    pub currency: Currency,
    /// Whether money was taken (as opposed to only held).
    pub captured: bool,
}

/// What one send came to. Closed on purpose: every consumer matches all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Provably no request byte reached the provider.
    NotSent(NotSentReason),
    /// The provider did not execute the request and says so.
    Rejected(Rejection),
    /// Issuer or provider refused.
    Declined(Decline),
    /// Done.
    Approved(Approval),
    /// The provider's object exists and waits.
    Pending(NextAction),
    /// Done, but not what was asked.
    Mismatch(Mismatch),
    /// Perhaps done.
    Unknown(UnknownReason),
}

/// The class of an [`Outcome`] without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OutcomeClass {
    /// See [`Outcome::NotSent`].
    NotSent,
    /// See [`Outcome::Rejected`].
    Rejected,
    /// See [`Outcome::Declined`].
    Declined,
    /// See [`Outcome::Approved`].
    Approved,
    /// See [`Outcome::Pending`].
    Pending,
    /// See [`Outcome::Mismatch`].
    Mismatch,
    /// See [`Outcome::Unknown`].
    Unknown,
}

impl Outcome {
    /// The class alone.
    pub const fn class(&self) -> OutcomeClass {
        match self {
            Self::NotSent(_) => OutcomeClass::NotSent,
            Self::Rejected(_) => OutcomeClass::Rejected,
            Self::Declined(_) => OutcomeClass::Declined,
            Self::Approved(_) => OutcomeClass::Approved,
            Self::Pending(_) => OutcomeClass::Pending,
            Self::Mismatch(_) => OutcomeClass::Mismatch,
            Self::Unknown(_) => OutcomeClass::Unknown,
        }
    }

    /// Joins this send's outcome with what earlier sends of the same attempt left: a `NotSent` or `Rejected` replay
    /// says nothing about an earlier send that may have been executed, so an earlier `Unknown` stays.
    #[must_use]
    pub fn joined_with_earlier(self, earlier: Option<OutcomeClass>) -> Self {
        let says_nothing = matches!(self, Self::NotSent(_) | Self::Rejected(_));
        if says_nothing && earlier == Some(OutcomeClass::Unknown) {
            return Self::Unknown(UnknownReason::NotFound);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{NotSentReason, Outcome, OutcomeClass, Rejection, UnknownReason};

    #[test]
    fn a_replay_that_was_not_sent_or_rejected_never_clears_an_earlier_unknown() {
        let rejected = Outcome::Rejected(Rejection { permanent: true, code: "rate_limit".into() });
        for outcome in [Outcome::NotSent(NotSentReason::Connect), rejected.clone()] {
            assert_eq!(outcome.joined_with_earlier(Some(OutcomeClass::Unknown)).class(), OutcomeClass::Unknown);
        }
        assert_eq!(rejected.clone().joined_with_earlier(None), rejected);
        let unknown = Outcome::Unknown(UnknownReason::Timeout);
        assert_eq!(unknown.clone().joined_with_earlier(None), unknown);
    }
}
