//! Effects: calls that a provider must receive because the journal says so. Open effects are part of the state until
//! their outcome is journaled.

use crate::state::Sealed;
use base::id::{encode_base32, parse_base32};
use base::{EffectId, Money, OutcomeClass, PaymentId, RefundId, Timestamp};
use serde::{Deserialize, Serialize};

/// What our references at providers start with.
const REFERENCE_PREFIX: &str = "bzr_";

/// Whether an authorization is taken at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CaptureMode {
    /// Authorize and capture in one step.
    Automatic,
    /// Authorize; capture later.
    Manual,
}

/// Whether the customer is there while a payment is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Presence {
    /// The customer can be sent to an authentication.
    OnSession,
    /// The customer is away: where the issuer wants an authentication, the payment is declined.
    OffSession,
}

/// What a provider is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EffectKind {
    /// Take or hold the payment's money; `attempt` counts from 0.
    Authorize {
        /// Index into the payment's attempts.
        attempt: u16,
    },
    /// Take held money; `capture` counts from 0.
    Capture {
        /// Index into the payment's captures.
        capture: u16,
    },
    /// Give up the hold or intent.
    Cancel {
        /// Whether nobody acted in time, as opposed to the merchant asking.
        expiry: bool,
    },
    /// Give money back.
    Refund {
        /// Which refund.
        refund: RefundId,
    },
    /// Ask for nothing: see what the provider's object is.
    Observe {
        /// Index into the payment's attempts.
        attempt: u16,
    },
    /// Give up a hold that came after its attempt was over.
    UndoHold {
        /// Index into the payment's attempts.
        attempt: u16,
    },
    /// Give back money that was taken after its attempt was over.
    UndoCapture {
        /// Index into the payment's attempts.
        attempt: u16,
    },
}

impl EffectKind {
    /// The operation's name in the API, in metrics and for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorize { .. } => "authorize",
            Self::Capture { .. } => "capture",
            Self::Cancel { .. } => "cancel",
            Self::Refund { .. } => "refund",
            Self::Observe { .. } => "observe",
            Self::UndoHold { .. } => "undo_hold",
            Self::UndoCapture { .. } => "undo_capture",
        }
    }
}

/// The typed fields of a call, journaled when it is asked for, together with the sealed bytes of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectRequested {
    /// The effect.
    pub effect: EffectId,
    /// What to do.
    pub kind: EffectKind,
    /// Number of the provider endpoint; an attempt pins it.
    pub provider: u16,
    /// The provider's idempotency key, derived and never stamped.
    pub key: u128,
    /// Our reference at the provider, derived and never stamped.
    pub reference: u128,
    /// Version of the key that derived the two.
    pub key_version: u32,
    /// How much.
    pub money: Money,
    /// Whether an authorization is taken at once.
    pub capture: CaptureMode,
    /// The provider's token of the payment method.
    pub payment_method: String,
    /// The provider's id of the payment, where it has one.
    pub provider_id: Option<String>,
    /// The exact request, sealed; absent when it could not be encoded, and then nothing is ever sent.
    pub request: Option<Sealed>,
    /// The provider's id of the customer whose payment method is charged.
    pub customer: Option<String>,
    /// Whether the customer is there.
    pub presence: Presence,
}

/// Our reference as a provider's object carries it.
pub(crate) fn reference_text(reference: u128) -> String {
    format!("{REFERENCE_PREFIX}{}", encode_base32(reference))
}

/// An idempotency key as a provider gets it.
pub(crate) fn key_text(key: u128) -> String {
    format!("bzk_{}", encode_base32(key))
}

impl EffectRequested {
    /// The reference as the provider's object carries it.
    pub fn reference_text(&self) -> String {
        reference_text(self.reference)
    }

    /// The reference that [`EffectRequested::reference_text`] wrote; `None` for what we did not write.
    pub fn parse_reference(text: &str) -> Option<u128> {
        parse_base32(text.strip_prefix(REFERENCE_PREFIX)?)
    }

    /// Whether the call makes an object of its own at the provider, which then carries the reference.
    pub const fn is_object_made(&self) -> bool {
        match self.kind {
            EffectKind::Authorize { .. } | EffectKind::Refund { .. } | EffectKind::UndoCapture { .. } => true,
            EffectKind::Capture { .. } | EffectKind::Cancel { .. } | EffectKind::Observe { .. } | EffectKind::UndoHold { .. } => false,
        }
    }

    /// The idempotency key as the provider gets it.
    pub fn key_text(&self) -> String {
        key_text(self.key)
    }
}

/// Where an open effect stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EffectStatus {
    /// A send is on its way.
    InFlight,
    /// Perhaps executed; the ladder says when to look again.
    Unknown,
    /// Provably not executed; will be sent again.
    Deferred,
    /// The provider has it and is not done.
    Waiting,
    /// Done; looked at again because success is not terminal.
    Watching,
    /// Everything was tried; a person decides.
    Parked,
}

/// How a send goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SendKind {
    /// For the first time.
    First,
    /// The same bytes under the same key.
    Replay,
    /// Asking what became of it, without any effect.
    Lookup,
}

/// An open effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// The payment it belongs to.
    pub payment: PaymentId,
    /// What was asked for.
    pub requested: EffectRequested,
    /// When.
    pub requested_at: Timestamp,
    /// Where it stands.
    pub status: EffectStatus,
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
    /// The status to return to after a look, once the provider has accepted the call.
    pub accepted: Option<EffectStatus>,
    /// Whether the provider said something about it while a send was on its way: if that send settles nothing, the next
    /// one is due at once.
    pub is_hinted: bool,
    /// Whether the look that is on its way was asked for by a message of the provider: it takes no step of a ladder.
    pub is_prompted: bool,
}

/// All that a runner needs to make one send; read from the state after the entry that asks for it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// The payment.
    pub payment: PaymentId,
    /// The call.
    pub requested: EffectRequested,
    /// Number of this send, from 1.
    pub send: u32,
    /// How to send.
    pub send_kind: SendKind,
}

impl Effect {
    /// Whether the very first send is on its way: a second request with the same key has to wait for its answer.
    pub fn is_first_answer_due(&self) -> bool {
        self.status == EffectStatus::InFlight && self.send_kind == SendKind::First
    }

    /// Whether its outcome is neither known nor given up.
    pub const fn is_undecided(&self) -> bool {
        match self.status {
            EffectStatus::InFlight | EffectStatus::Unknown | EffectStatus::Deferred => true,
            EffectStatus::Waiting | EffectStatus::Watching | EffectStatus::Parked => false,
        }
    }
}
