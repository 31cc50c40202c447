//! What a provider says of its own accord, in a webhook or in its list of events, in our words. It is a hint: it may be
//! late, doubled, out of order or about something that is not ours, and what it says is looked up before it is believed
//! wherever money hangs on it.

use crate::{Money, Timestamp};
use serde::{Deserialize, Serialize};

/// One message of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The provider's id of the message; the same when it is delivered again. At most 100 bytes of visible ASCII.
    pub event_id: String,
    /// The provider's name of what happened, for people. At most 100 bytes of visible ASCII.
    pub event_type: String,
    /// When it happened, by the provider's clock.
    pub created_at: Option<Timestamp>,
    /// What it is about.
    pub about: About,
}

/// What a [`Notice`] is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum About {
    /// A payment at the provider.
    Payment {
        /// The provider's id of the payment.
        provider_id: String,
        /// Our reference, where the object carries it.
        reference: Option<String>,
        /// What the message says of it.
        says: PaymentSays,
    },
    /// A refund.
    Refund {
        /// The provider's id of the refund.
        provider_id: String,
        /// The provider's id of the payment.
        payment_provider_id: String,
        /// Our reference, where the object carries it.
        reference: Option<String>,
        /// What the message says of it.
        says: RefundSays,
    },
    /// A dispute.
    Dispute {
        /// The provider's id of the payment.
        payment_provider_id: String,
        /// What the message says of it.
        dispute: DisputeFact,
    },
    /// Something else that belongs to a payment. It is kept with it and changes nothing.
    PaymentPart {
        /// The provider's id of the payment.
        payment_provider_id: String,
        /// Our reference of the payment, where the object carries it.
        reference: Option<String>,
    },
    /// Something that is kept and changes nothing.
    Other,
}

/// What a message says of a payment. Enough to see whether it is news; never enough to book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentSays {
    /// It waits for the customer or for the provider, or was refused and may be tried again.
    Open,
    /// Money is held.
    Authorized,
    /// Money was taken, so much in minor units of the payment's currency, as far as that can be read.
    Captured {
        /// Taken amount in minor units.
        amount_minor: u64,
    },
    /// It is given up.
    Canceled,
    /// Its fee or date of availability may be known now.
    Settling,
    /// A state or amount that we do not know.
    Unclear,
}

/// What a message says of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundSays {
    /// Accepted and not final.
    Pending,
    /// Went through.
    Succeeded,
    /// Failed, or was given up.
    Failed,
    /// A state that we do not know.
    Unclear,
}

/// Where a dispute stands at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DisputePhase {
    /// The bank asks; no money was taken.
    Inquiry,
    /// An inquiry that ended without a dispute.
    InquiryClosed,
    /// Money was taken back; it may be answered or is being decided.
    Open,
    /// Decided for the merchant.
    Won,
    /// Decided against the merchant.
    Lost,
    /// A state that we do not know.
    Unclear,
}

/// What a provider says of a dispute. It moves from phase to phase in one direction only, so that the furthest message
/// heard is true whatever order they come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeFact {
    /// The provider's id. At most 100 bytes of visible ASCII.
    pub dispute: String,
    /// How much is disputed.
    pub money: Money,
    /// Where it stands.
    pub phase: DisputePhase,
    /// The provider's word for the reason. At most 64 bytes of visible ASCII.
    pub reason: String,
    /// Until when it may be answered.
    pub respond_by: Option<Timestamp>,
    /// What the provider keeps for it so far, in minor units of `money`'s currency.
    pub fee_minor: u64,
    /// Whether the provider has taken the money from the balance and not given it back.
    pub is_withdrawn: bool,
}
