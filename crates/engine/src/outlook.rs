//! What can still happen to a payment: which requests would be accepted now, which calls are open, when it expires. Only
//! for people to see; [`crate::decide`] decides, and a property test holds both against each other.

use crate::decide::CANCELS_PER_PAYMENT_MAX;
use crate::effect::{Effect, EffectKind, EffectStatus};
use crate::state::{Expiry, Payment, State};
use base::limits::{ATTEMPTS_PER_PAYMENT_MAX, CAPTURES_PER_PAYMENT_MAX, REFUNDS_PER_PAYMENT_MAX};
use base::{EffectId, MerchantId, PaymentId, Timestamp};
use payments::{AttemptStatus, PaymentStatus};

/// What a merchant may ask for now, given a fresh idempotency key. Open calls may make any of it moot a moment later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permitted {
    /// Another attempt with a payment method of its own, for a customer who is there.
    pub confirm: bool,
    /// A confirm that asks the provider whether the customer has acted.
    pub look: bool,
    /// A capture of at most so much, in minor units.
    pub capture_minor_max: Option<u64>,
    /// A cancel.
    pub cancel: bool,
    /// A refund of at most so much, in minor units.
    pub refund_minor_max: Option<u64>,
}

/// A payment with what is open for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// As of which event it is true.
    pub seq: u64,
    /// The payment.
    pub payment: Payment,
    /// Open calls for it, in the order in which they were asked for. Their sealed requests are left out.
    pub effects: Vec<Effect>,
    /// Those of them that did something else than was asked.
    pub mismatched: Vec<EffectId>,
    /// What the merchant may ask for.
    pub permitted: Permitted,
    /// When it ends by itself, while its time runs.
    pub expires_at: Option<Timestamp>,
    /// Whether expiries wait because the clock jumped.
    pub is_clock_doubted: bool,
}

impl State {
    /// What can still happen to a payment, if this merchant owns it.
    pub fn outlook(&self, merchant: MerchantId, payment: PaymentId) -> Option<Outlook> {
        let found = self.payment_of(merchant, payment)?;
        let effects = self.open_for(payment, found);
        let mismatched = effects.iter().filter(|open| self.is_mismatched(open)).map(|open| open.requested.effect).collect();
        Some(Outlook {
            seq: self.next_seq - 1,
            payment: found.clone(),
            effects,
            mismatched,
            permitted: self.permitted(found),
            expires_at: found.expires_at.filter(|_| self.expiry(found) != Expiry::NotNow),
            is_clock_doubted: self.expiries_suspended,
        })
    }

    fn open_for(&self, id: PaymentId, payment: &Payment) -> Vec<Effect> {
        let refunds = payment.refunds.iter().map(|refund| refund.effect);
        let known = payment.operation.into_iter().chain(payment.cancel).chain(payment.observations.iter().copied()).chain(refunds);
        let mut open: Vec<&Effect> = known.filter_map(|effect| self.effects.get(&effect)).collect();
        if payment.attempts.iter().any(|attempt| attempt.status == AttemptStatus::SucceededLate) {
            // Rare enough to look through what is open.
            let undoing = |open: &&Effect| {
                open.payment == id && matches!(open.requested.kind, EffectKind::UndoHold { .. } | EffectKind::UndoCapture { .. })
            };
            open.extend(self.effects.values().filter(undoing));
        }
        open.sort_by_key(|open| (open.requested_at, open.requested.effect));
        open.dedup_by_key(|open| open.requested.effect);
        open.into_iter().map(without_request).collect()
    }

    fn permitted(&self, payment: &Payment) -> Permitted {
        let is_idle = payment.operation.is_none() && payment.cancel.is_none();
        let is_held = matches!(payment.status, PaymentStatus::Authorized | PaymentStatus::PartiallyCaptured);
        let refundable_minor = payment.refundable_minor();
        Permitted {
            confirm: is_idle && self.may_be_tried(payment),
            look: payment.status == PaymentStatus::RequiresAction,
            capture_minor_max: (is_held && is_idle && payment.captures.len() < CAPTURES_PER_PAYMENT_MAX).then_some(payment.held_minor),
            cancel: payment.cancel.is_none() && payment.cancels < CANCELS_PER_PAYMENT_MAX && self.may_be_given_up(payment),
            refund_minor_max: (payment.status.is_refundable() && refundable_minor > 0 && payment.refunds.len() < REFUNDS_PER_PAYMENT_MAX)
                .then_some(refundable_minor),
        }
    }

    fn may_be_tried(&self, payment: &Payment) -> bool {
        let is_open = payment.status == PaymentStatus::Created || (payment.status == PaymentStatus::Declined && !payment.was_captured());
        let customer = payment.on_file.as_deref().map(|kept| kept.customer);
        let is_known = customer.is_none_or(|id| self.customer_of(payment.merchant, id).is_some_and(|found| !found.deleted));
        is_open && is_known && payment.attempts.len() < ATTEMPTS_PER_PAYMENT_MAX
    }

    fn may_be_given_up(&self, payment: &Payment) -> bool {
        match payment.status {
            PaymentStatus::Created => true,
            PaymentStatus::Authorized | PaymentStatus::PartiallyCaptured => payment.operation.is_none(),
            PaymentStatus::RequiresAction => self.is_waiting(payment),
            PaymentStatus::Processing
            | PaymentStatus::Captured
            | PaymentStatus::PartiallyRefunded
            | PaymentStatus::Refunded
            | PaymentStatus::Canceled
            | PaymentStatus::Declined
            | PaymentStatus::Expired => false,
        }
    }
}

impl Outlook {
    /// The open calls that wait for a person and that may be looked at again.
    pub fn parked(&self) -> impl Iterator<Item = &Effect> {
        self.effects.iter().filter(|open| open.status == EffectStatus::Parked && !self.mismatched.contains(&open.requested.effect))
    }
}

fn without_request(open: &Effect) -> Effect {
    let mut shown = open.clone();
    shown.requested.request = None;
    shown
}
