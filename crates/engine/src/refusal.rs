//! Why a command is refused: domain results, not errors. A refused command changed nothing.

use crate::state::KeyedObject;
use base::PaymentId;
use payments::{PaymentStatus, StoredMethodStatus};

/// Closed list, in order of precedence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The command crashed the engine before and is kept out.
    Quarantined,
    /// No such merchant.
    MerchantUnknown,
    /// No such operator.
    OperatorUnknown,
    /// The short name is taken.
    HandleTaken,
    /// The public part of the key is taken.
    KeyTaken,
    /// No such key.
    KeyUnknown,
    /// The two operators who release something are one.
    SecondPersonRequired,
    /// No call of that id waits for a person.
    NotParked,
    /// What became of the call is known, and it was not what was asked: another look says the same.
    OutcomeKnown,
    /// No such payment of this merchant.
    PaymentUnknown,
    /// No such customer of this merchant, or it was deleted.
    CustomerUnknown,
    /// No such stored payment method of this merchant and customer.
    MethodUnknown,
    /// No such provider endpoint.
    ProviderUnknown,
    /// The key was used for something else.
    IdempotencyKeyReused,
    /// The first request with this key has not been answered by the provider.
    IdempotencyKeyInUse,
    /// The key's record has expired but what it created still exists.
    IdempotencyKeyExpired {
        /// What it created.
        created: KeyedObject,
    },
    /// The reference belongs to a payment with other content.
    ReferenceConflict {
        /// That payment.
        payment: PaymentId,
        /// Where it stands.
        status: PaymentStatus,
    },
    /// The payment's state does not permit this.
    StateConflict {
        /// Where it stands.
        status: PaymentStatus,
    },
    /// Another operation on the payment is open.
    OperationInFlight,
    /// A payment method is needed.
    PaymentMethodRequired,
    /// While the customer is away only a stored payment method may be charged.
    StoredMethodRequired,
    /// The stored payment method's state does not permit this.
    MethodStateConflict {
        /// Where it stands.
        status: StoredMethodStatus,
    },
    /// The stored payment method has no credential at the provider that takes the payment: it has to be stored there.
    MethodNotAtProvider,
    /// No provider takes this amount.
    AmountAboveProviderMax {
        /// The largest amount that one takes, in minor units.
        amount_minor_max: u64,
    },
    /// More than is held.
    CaptureAboveHeld {
        /// What is held, in minor units.
        held_minor: u64,
    },
    /// More than was taken and not given back or disputed, counting open refunds.
    RefundAboveRemaining {
        /// What remains, in minor units.
        remaining_minor: u64,
    },
    /// One more payment method than a customer may have.
    TooManyMethods {
        /// How many are allowed.
        count_max: usize,
    },
    /// One more attempt, capture or refund than a payment may have.
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        count_max: usize,
    },
    /// The version is not above the present one, or this program does not know it.
    VersionNotRaised,
}
