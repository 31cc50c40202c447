//! Errands: calls to a provider that move no money and that it must receive because the journal says so. Like effects
//! they are part of the state until their outcome is journaled; unlike them they end by themselves when nobody can say
//! what became of them, because nothing is owed to anybody then.

use crate::effect::{SendKind, key_text, reference_text};
use crate::state::{CardFacts, Sealed};
use base::{CustomerId, Decline, ErrandId, NotSentReason, OutcomeClass, PaymentMethodId, Rejection, Timestamp, UnknownReason};
use serde::{Deserialize, Serialize};

/// The code of an errand of which nobody can say what became of it.
pub const OUTCOME_UNKNOWN: &str = "outcome_unknown";

/// What a provider is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrandKind {
    /// Make the customer known.
    StoreCustomer,
    /// Keep a payment method with the customer.
    Attach {
        /// Which.
        method: PaymentMethodId,
    },
    /// Give a kept payment method up for good.
    Detach {
        /// Which.
        method: PaymentMethodId,
    },
}

impl ErrandKind {
    /// The operation's name in metrics and for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StoreCustomer => "store_customer",
            Self::Attach { .. } => "attach",
            Self::Detach { .. } => "detach",
        }
    }
}

/// The typed fields of an errand, journaled when it is asked for, together with the sealed bytes of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrandRequested {
    /// The errand.
    pub errand: ErrandId,
    /// What to do.
    pub kind: ErrandKind,
    /// For whom.
    pub customer: CustomerId,
    /// Number of the provider endpoint.
    pub provider: u16,
    /// The provider's idempotency key, derived and never stamped.
    pub key: u128,
    /// Our reference at the provider, derived and never stamped.
    pub reference: u128,
    /// Version of the key that derived the two.
    pub key_version: u32,
    /// The provider's id of the customer, where the call names it.
    pub customer_provider_id: Option<String>,
    /// The provider's token of the payment method, where the call names it.
    pub token: Option<String>,
    /// The exact request, sealed; absent when it could not be encoded, and then nothing is ever sent.
    pub request: Option<Sealed>,
}

impl ErrandRequested {
    /// The reference as the provider's object carries it.
    pub fn reference_text(&self) -> String {
        reference_text(self.reference)
    }

    /// The idempotency key as the provider gets it.
    pub fn key_text(&self) -> String {
        key_text(self.key)
    }
}

/// Where an open errand stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ErrandStatus {
    /// A send is on its way.
    InFlight,
    /// Perhaps executed; the ladder says when to look again.
    Unknown,
    /// Provably not executed; will be sent again.
    Deferred,
}

/// An open errand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand {
    /// What was asked for.
    pub requested: ErrandRequested,
    /// When.
    pub requested_at: Timestamp,
    /// Where it stands.
    pub status: ErrandStatus,
    /// Sends so far, lookups included.
    pub sends: u32,
    /// How the latest send went out.
    pub send_kind: SendKind,
    /// Position on the ladder of the present status.
    pub step: u16,
    /// When the next send is due.
    pub next_at: Option<Timestamp>,
    /// The class that earlier sends left, joined.
    pub earlier: Option<OutcomeClass>,
}

impl Errand {
    /// Whether the very first send is on its way: a second request with the same key has to wait for its answer.
    pub fn is_first_answer_due(&self) -> bool {
        self.status == ErrandStatus::InFlight && self.send_kind == SendKind::First
    }
}

/// All that a runner needs to make one send of an errand; read from the state after the entry that asks for it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrandDispatch {
    /// The call.
    pub requested: ErrandRequested,
    /// Number of this send, from 1.
    pub send: u32,
    /// How to send.
    pub send_kind: SendKind,
}

/// What one send of an errand came to. No money moves, so it is no [`base::Outcome`]; "we do not know" is one of its
/// values all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrandOutcome {
    /// Provably no request byte reached the provider.
    NotSent(NotSentReason),
    /// The provider did not execute the request and says so.
    Rejected(Rejection),
    /// Issuer or provider refused the payment method.
    Declined(Decline),
    /// Done.
    Done(ErrandDone),
    /// Perhaps done.
    Unknown(UnknownReason),
}

/// What an errand has brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrandDone {
    /// The provider knows the customer.
    CustomerStored {
        /// Under this id.
        provider_id: String,
    },
    /// The provider keeps the payment method.
    MethodStored {
        /// Under this token; it may be another than the one that was given.
        provider_id: String,
        /// What may be shown of it, when it is a card.
        card: Option<CardFacts>,
    },
    /// The provider gave the payment method up.
    MethodRemoved,
}

/// What one send of an errand came to, as a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrandReport {
    /// The errand.
    pub errand: ErrandId,
    /// Which send, from 1.
    pub send: u32,
    /// What it came to.
    pub outcome: ErrandOutcome,
}
