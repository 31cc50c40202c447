//! What keeping a customer or a payment method at a provider came to. No money moves here, so it is no
//! [`base::Approval`]; the classes are the same, and "we do not know" is one of them here too.

use base::{Decline, NotSentReason, Outcome, OutcomeClass, Rejection, UnknownReason};
use egress::SendError;

/// What a call that keeps or gives up something came to. Closed on purpose: every consumer matches all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredOutcome {
    /// Provably no request byte reached the provider.
    NotSent(NotSentReason),
    /// The provider did not execute the request and says so.
    Rejected(Rejection),
    /// Issuer or provider refused the payment method.
    Declined(Decline),
    /// Done.
    Done(Stored),
    /// Perhaps done.
    Unknown(UnknownReason),
}

/// What is kept, or no longer kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// A customer.
    Customer {
        /// The provider's id of the customer.
        provider_id: String,
    },
    /// A payment method of a customer.
    Attached(StoredMethod),
    /// A payment method that belongs to nobody any more and cannot be used again.
    Detached {
        /// The provider's id of the payment method.
        provider_id: String,
    },
}

/// A payment method kept with a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMethod {
    /// The provider's id, under which it can be charged. A test token is exchanged for an id of its own.
    pub provider_id: String,
    /// The provider's id of the customer.
    pub customer: String,
    /// What may be shown of the card; `None` when it is no card or the provider's words for it cannot be read.
    pub card: Option<StoredCard>,
}

/// What may be shown of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCard {
    /// The provider's word for the scheme, such as `visa`. At most 64 bytes of visible ASCII.
    pub brand: String,
    /// The last four digits.
    pub last4: String,
    /// Month of expiry, 1 to 12.
    pub exp_month: u8,
    /// Year of expiry, four digits.
    pub exp_year: u16,
}

impl StoredOutcome {
    /// The class alone; `Done` counts as `Approved`.
    pub const fn class(&self) -> OutcomeClass {
        match self {
            Self::NotSent(_) => OutcomeClass::NotSent,
            Self::Rejected(_) => OutcomeClass::Rejected,
            Self::Declined(_) => OutcomeClass::Declined,
            Self::Done(_) => OutcomeClass::Approved,
            Self::Unknown(_) => OutcomeClass::Unknown,
        }
    }

    /// What a call came to whose send failed.
    pub fn of_error(error: &SendError) -> Self {
        Self::of_failure(error.outcome())
    }

    /// The same failure. What is not one cannot be said here and is unknown.
    pub(crate) fn of_failure(outcome: Outcome) -> Self {
        match outcome {
            Outcome::NotSent(reason) => Self::NotSent(reason),
            Outcome::Rejected(rejection) => Self::Rejected(rejection),
            Outcome::Declined(decline) => Self::Declined(decline),
            Outcome::Unknown(reason) => Self::Unknown(reason),
            Outcome::Approved(_) | Outcome::Pending(_) | Outcome::Mismatch(_) => Self::Unknown(UnknownReason::Undecodable),
        }
    }
}
