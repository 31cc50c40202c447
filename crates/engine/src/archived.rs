//! Payments that have left the state. A payment at which nothing is open is put into an event, whole, and forgotten; the
//! journal keeps it, and an index says where. Before a command or a look that may need it, it is put back: for a command by
//! an event of its own, so that the journal alone gives the same state again.

use crate::command::Command;
use crate::derive::DeriveKey;
use crate::state::{IdempotencyRecord, KeyedObject, Payment, State, Timer, object_digest, object_hash};
use base::{About, EffectId, MerchantId, PaymentId, RefundId, Timestamp};
use core::mem::size_of;
use std::collections::BTreeSet;

/// Most bytes of payments that one event archives and one command puts back, by [`ArchivedPayment::bytes_estimate`]. A payment
/// that is larger by itself stays in the state.
pub const ARCHIVED_BYTES_MAX: usize = 64 * 1024;
/// Most payments that one event archives.
pub const ARCHIVED_PER_EVENT_MAX: usize = 64;

/// What a key takes of it at most.
const KEY_BYTES: usize = 2 * size_of::<ArchivedKey>();

/// An idempotency key that led to a payment, or to a refund of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchivedKey {
    /// Keyed hash of the key.
    pub key: [u8; 16],
    /// What it was used for.
    pub fingerprint: [u8; 16],
    /// The refund that it created; the payment itself without one.
    pub refund: Option<RefundId>,
    /// The effect that it started.
    pub effect: Option<EffectId>,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// A payment at which nothing is open, with all that the state held of it. Only the timers of its released money stay there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedPayment {
    /// Its id.
    pub id: PaymentId,
    /// The payment.
    pub payment: Box<Payment>,
    /// The keys that led to it, in the order in which they were used.
    pub keys: Vec<ArchivedKey>,
}

impl ArchivedPayment {
    /// Upper estimate of its encoded size, in bytes.
    pub fn bytes_estimate(&self) -> usize {
        bytes_estimate(&self.payment) + self.keys.len() * KEY_BYTES
    }

    /// By which names it is looked for: itself, its reference, its keys, its objects at providers.
    pub fn names(&self) -> impl Iterator<Item = PaymentName> {
        let merchant = self.payment.merchant;
        let reference = self.payment.reference.map(|reference| PaymentName::Reference(merchant, reference));
        let keys = self.keys.iter().map(move |used| PaymentName::Key(merchant, used.key));
        let ids = self.payment.attempts.iter().filter_map(|attempt| Some((attempt.provider, attempt.provider_id.as_deref()?)));
        let objects = ids.map(|(provider, id)| PaymentName::Object(object_digest(provider, id)));
        core::iter::once(PaymentName::Id(self.id)).chain(reference).chain(keys).chain(objects)
    }
}

/// A name under which a payment may be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentName {
    /// Its id.
    Id(PaymentId),
    /// A merchant's reference, hashed.
    Reference(MerchantId, [u8; 16]),
    /// An idempotency key of a merchant, hashed.
    Key(MerchantId, [u8; 16]),
    /// An object at a provider, by [`object_digest`].
    Object(u128),
}

impl PaymentName {
    /// The name that a provider's message has for a payment.
    pub fn of_notice(provider: u16, about: &About) -> Option<Self> {
        let id = match about {
            About::Payment { provider_id, .. } => provider_id,
            About::Refund { payment_provider_id, .. }
            | About::PaymentPart { payment_provider_id, .. }
            | About::Dispute { payment_provider_id, .. } => payment_provider_id,
            About::Other => return None,
        };
        Some(Self::Object(object_digest(provider, id)))
    }
}

impl Command {
    /// The payments that this command may be about. One that is archived must be put back first.
    pub fn payment_names(&self, derive_key: &DeriveKey) -> Vec<PaymentName> {
        let named = |merchant, payment, key| vec![PaymentName::Id(payment), PaymentName::Key(merchant, key)];
        match self {
            Self::CreatePayment(command) => {
                let key = command.idempotency.key;
                let payment = derive_key.payment(command.merchant, &command.reference.unwrap_or(key));
                let mut names = named(command.merchant, payment, key);
                names.extend(command.reference.map(|reference| PaymentName::Reference(command.merchant, reference)));
                names
            }
            Self::ConfirmPayment(command) => named(command.merchant, command.payment, command.idempotency.key),
            Self::CapturePayment(command) => named(command.merchant, command.payment, command.idempotency.key),
            Self::CancelPayment(command) => named(command.merchant, command.payment, command.idempotency.key),
            Self::CreateRefund(command) => named(command.merchant, command.payment, command.idempotency.key),
            Self::CreateCustomer(command) => vec![PaymentName::Key(command.merchant, command.idempotency.key)],
            Self::StorePaymentMethod(command) => vec![PaymentName::Key(command.merchant, command.idempotency.key)],
            Self::ReceiveNotice(command) => PaymentName::of_notice(command.provider, &command.notice.about).into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

impl State {
    /// Whether the state itself knows what a name stands for.
    pub fn is_named(&self, name: &PaymentName) -> bool {
        match name {
            PaymentName::Id(payment) => self.payments.contains_key(payment),
            PaymentName::Reference(merchant, reference) => self.references.contains_key(&(*merchant, *reference)),
            PaymentName::Key(merchant, key) => self.idempotency.contains_key(&(*merchant, *key)),
            PaymentName::Object(digest) => {
                let hash = object_hash(*digest);
                let places = (hash, PaymentId::from_u128(0))..=(hash, PaymentId::from_u128(u128::MAX));
                self.provider_objects.range(places).next().is_some()
            }
        }
    }

    /// Archived payments for which something is due, most overdue first; at most [`ARCHIVED_PER_EVENT_MAX`].
    pub fn archived_due(&self, now: Timestamp) -> Vec<PaymentId> {
        let due = self.timers.iter().take_while(|(at, _)| *at <= now);
        let payments = due.filter_map(|(_, timer)| match timer {
            Timer::Funds(payment) | Timer::Expiry(payment) | Timer::Settle(payment) | Timer::Stray(payment) => {
                Some(*payment).filter(|payment| !self.payments.contains_key(payment))
            }
            Timer::Send(_) | Timer::Errand(_) | Timer::Ledger(_) => None,
        });
        payments.take(ARCHIVED_PER_EVENT_MAX).collect()
    }

    /// Whether so many payments rest that some should be archived, when `kept` shall stay: enough to fill an event, unless few
    /// stay.
    pub fn is_archiving_due(&self, kept: usize) -> bool {
        self.resting.len() >= kept.saturating_add(kept.clamp(1, ARCHIVED_PER_EVENT_MAX))
    }

    /// The payments that rest longest, when `kept` shall stay: as many as one event archives.
    pub(crate) fn longest_resting(&self, kept: usize) -> Vec<ArchivedPayment> {
        let mut bytes_left = ARCHIVED_BYTES_MAX;
        let mut longest = Vec::new();
        for payment in self.resting.values().take(self.resting.len().saturating_sub(kept).min(ARCHIVED_PER_EVENT_MAX)) {
            let archived = self.copied_out(*payment);
            let Some(left) = bytes_left.checked_sub(archived.bytes_estimate()) else { break };
            bytes_left = left;
            longest.push(archived);
        }
        longest
    }

    /// Whether nothing is open at a payment, so that nothing but a new request, a message or released money changes it.
    fn is_at_rest(&self, id: PaymentId, payment: &Payment) -> bool {
        let is_over = payment.open_effects == 0
            && payment.hold.is_none()
            && payment.operation.is_none()
            && payment.cancel.is_none()
            && payment.observations.is_empty()
            && payment.expires_at.is_none()
            && payment.next_action.is_none()
            && payment.settling.as_ref().is_none_or(|settling| settling.next_at.is_none())
            && payment.refunding_minor == 0
            && payment.held_minor == 0
            && payment.refunds.iter().all(|refund| refund.hold.is_none());
        let has_stray = || !self.strays.is_empty() && self.stray_of(id).is_some();
        is_over && bytes_estimate(payment) <= ARCHIVED_BYTES_MAX && !has_stray()
    }

    /// Something happened to a payment: from now on it rests, or it does not.
    pub(crate) fn note_rest(&mut self, id: PaymentId) {
        let found = self.payments.get(&id).expect("an event names a payment that exists");
        let resting_since = self.is_at_rest(id, found).then_some(self.next_seq);
        let found = self.payments.get_mut(&id).expect("it was there");
        if let Some(before) = core::mem::replace(&mut found.resting_since, resting_since) {
            self.resting.remove(&before);
        }
        if let Some(seq) = resting_since {
            self.resting.insert(seq, id);
        }
    }

    /// A payment as it would be archived.
    fn copied_out(&self, id: PaymentId) -> ArchivedPayment {
        let mut payment = self.payments.get(&id).expect("a payment that rests exists").clone();
        payment.resting_since = None;
        let keys = core::mem::take(&mut payment.keys);
        let archived = |key: [u8; 16]| {
            let IdempotencyRecord { fingerprint, object, effect, expires_at } = *self.idempotency.get(&(payment.merchant, key))?;
            let refund = match object {
                KeyedObject::Refund { refund, .. } => Some(refund),
                KeyedObject::Payment(_) | KeyedObject::Customer(_) | KeyedObject::Method(_) => None,
            };
            Some(ArchivedKey { key, fingerprint, refund, effect, expires_at })
        };
        let keys = keys.into_iter().map(|key| archived(key).expect("a payment lists keys that are remembered")).collect();
        ArchivedPayment { id, payment, keys }
    }

    /// Takes a payment out of the state.
    ///
    /// # Panics
    /// When it is not there, or not as the caller says it is.
    pub(crate) fn take_out(&mut self, archived: &ArchivedPayment) {
        let id = archived.id;
        assert!(self.copied_out(id) == *archived, "a payment is archived as it is");
        let payment = self.payments.remove(&id).expect("it was copied");
        if let Some(seq) = payment.resting_since {
            self.resting.remove(&seq);
        }
        if let Some(reference) = payment.reference {
            self.references.remove(&(payment.merchant, reference));
        }
        for refund in &payment.refunds {
            self.refunds.remove(&refund.refund);
        }
        for place in places(id, &payment) {
            self.provider_objects.remove(&place);
        }
        for used in &archived.keys {
            self.idempotency.remove(&(payment.merchant, used.key));
            self.idempotency_expiry.remove(&(used.expires_at, payment.merchant, used.key));
        }
        self.archived_count += 1;
    }

    /// Puts a payment back, without keys that are forgotten at this time or were used again since.
    ///
    /// # Panics
    /// When it is there.
    pub(crate) fn put_back(&mut self, archived: &ArchivedPayment, at: Timestamp) {
        let ArchivedPayment { id, payment, keys } = archived;
        let id = *id;
        let merchant = payment.merchant;
        let mut payment = payment.clone();
        for refund in &payment.refunds {
            self.refunds.insert(refund.refund, id);
        }
        if let Some(reference) = payment.reference {
            let before = self.references.insert((merchant, reference), id);
            assert!(before.is_none(), "a reference names one payment");
        }
        self.provider_objects.extend(places(id, &payment));
        let is_known = |used: &&ArchivedKey| used.expires_at > at && !self.idempotency.contains_key(&(merchant, used.key));
        for used in keys.iter().filter(is_known).collect::<Vec<_>>() {
            let ArchivedKey { key, fingerprint, refund, effect, expires_at } = *used;
            let object = refund.map_or(KeyedObject::Payment(id), |refund| KeyedObject::Refund { payment: id, refund });
            payment.keys.push(key);
            self.idempotency.insert((merchant, key), IdempotencyRecord { fingerprint, object, effect, expires_at });
            self.idempotency_expiry.insert((expires_at, merchant, key));
        }
        assert!(self.payments.insert(id, payment).is_none(), "only a payment that was archived is put back");
        self.archived_count = self.archived_count.checked_sub(1).expect("only a payment that was archived is put back");
    }

    /// Looks at the state as if archived payments had not left it. Those that are there are passed over.
    pub fn look_with<T>(&mut self, archived: &[ArchivedPayment], look: impl FnOnce(&Self) -> T) -> T {
        let mut put_back = BTreeSet::new();
        for payment in archived {
            if !self.payments.contains_key(&payment.id) {
                self.put_back(payment, self.last_at);
                put_back.insert(payment.id);
            }
        }
        let seen = look(self);
        for id in put_back {
            let copy = self.copied_out(id);
            self.take_out(&copy);
        }
        seen
    }
}

/// The places of a payment in [`State::provider_objects`].
fn places(id: PaymentId, payment: &Payment) -> impl Iterator<Item = (u64, PaymentId)> {
    let ids = payment.attempts.iter().filter_map(|attempt| Some((attempt.provider, attempt.provider_id.as_deref()?)));
    ids.map(move |(provider, provider_id)| (object_hash(object_digest(provider, provider_id)), id))
}

/// What a payment takes in the encoding of an event at most, its keys included: every field at its full width, with what the
/// encoding puts before it.
fn bytes_estimate(payment: &Payment) -> usize {
    /// What stands before a field or a part.
    const HEAD_BYTES: usize = 8;
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len) + HEAD_BYTES;
    let attempts = payment.attempts.iter().map(|attempt| 2 * size_of::<crate::state::Attempt>() + text(&attempt.provider_id));
    let refunds = payment.refunds.iter().map(|refund| 2 * size_of::<crate::state::Refund>() + text(&refund.provider_id));
    let disputes = payment.disputes.iter().map(|dispute| 2 * size_of::<crate::state::Dispute>() + dispute.dispute.len());
    let parts: usize = attempts.chain(refunds).chain(disputes).sum();
    let captures = payment.captures.len() * 2 * size_of::<crate::state::Capture>();
    let keys = payment.keys.len() * KEY_BYTES;
    let decline = payment.last_decline.as_ref().map_or(0, |decline| decline.code.len() + text(&decline.network_code) + 4 * HEAD_BYTES);
    size_of::<Payment>() + text(&payment.payment_method) + parts + captures + keys + decline
}
