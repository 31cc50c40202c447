//! Applying what happened. Total over every event; a transition that the life cycles do not permit is a broken
//! invariant and stops the process before anything wrong is acknowledged.

mod captures;
mod customers;
mod effects;
mod errands;
mod ledgers;
mod notices;
mod payments;
mod platform;
mod refunds;

pub use self::ledgers::Booked;
use crate::event::{Entry, Event, KeyUse};
use crate::state::{Expiry, IdempotencyRecord, KeyedObject, Payment, State, Timer};
use ::payments::PaymentInput;
use base::{EffectId, MerchantId, PaymentId, Timestamp};

/// Most idempotency keys that one event forgets, so that no single event is slow.
const KEYS_FORGOTTEN_PER_EVENT_MAX: usize = 8;

impl State {
    /// Applies the next entry of the journal.
    ///
    /// # Panics
    /// When the entry breaks an invariant: time goes back, a life cycle has no such row, a leg does not balance.
    pub fn evolve(&mut self, entry: &Entry) {
        assert!(entry.at >= self.last_at, "time never goes back: {} after {}", entry.at, self.last_at);
        self.last_at = entry.at;
        self.open_accounts_of(&entry.event, entry.at);
        if !entry.event.is_of_merchants_ledger() {
            self.ledger.apply_legs(&entry.legs);
        }
        self.apply(&entry.event, entry);
        if let Some(payment) = entry.event.payment() {
            self.arm_expiry(payment);
            self.note_rest(payment);
        }
        self.next_seq += 1;
        self.forget_keys();
    }

    fn apply(&mut self, event: &Event, entry: &Entry) {
        let at = entry.at;
        match event {
            Event::LedgerAccountsCreated { .. } | Event::LedgerTransfersCreated { .. } | Event::LedgerTransfersExpired { .. } => {
                self.apply_ledger(event, &entry.legs);
            }
            Event::MinVersionRaised { .. }
            | Event::LeaderStarted { .. }
            | Event::MerchantCreated { .. }
            | Event::OperatorCreated { .. }
            | Event::ApiKeyCreated { .. }
            | Event::ApiKeyRevoked { .. }
            | Event::AccountsOpened { .. }
            | Event::SubjectErased { .. }
            | Event::CommandQuarantined { .. }
            | Event::QuarantineReleased { .. }
            | Event::EventSkipped { .. }
            | Event::ClockJumped { .. }
            | Event::ClockConfirmed => self.apply_platform(event),
            Event::EffectUnknown { .. }
            | Event::EffectDeferred { .. }
            | Event::EffectSent { .. }
            | Event::EffectUnchanged { .. }
            | Event::EffectParked { .. } => self.apply_effect(event),
            Event::PaymentsArchived { payments } => payments.iter().for_each(|archived| self.take_out(archived)),
            Event::PaymentRecalled { archived } => {
                self.put_back(archived, at);
                self.note_rest(archived.id);
            }
            Event::PaymentCreated(created) => self.payment_created(created, at),
            Event::PaymentRevised(revised) => self.payment_revised(revised),
            Event::AttemptStarted { payment, requested, key, on_file } => {
                self.payment_mut(*payment).on_file = on_file.map(Box::new);
                self.attempt_started(*payment, requested, *key, entry);
            }
            Event::AttemptPending { .. }
            | Event::AttemptAuthorized { .. }
            | Event::AttemptCaptured { .. }
            | Event::AttemptDeclined { .. }
            | Event::AttemptFailed { .. }
            | Event::AttemptMismatched { .. } => self.apply_attempt(event),
            Event::CaptureStarted { .. } | Event::CaptureSucceeded { .. } | Event::CaptureFailed { .. } | Event::CaptureReversed { .. } => {
                self.apply_capture(event, entry)
            }
            Event::CancelStarted { payment, requested, key } => self.cancel_started(*payment, requested, *key, at),
            Event::CancelFailed { payment, effect, .. } => self.cancel_failed(*payment, *effect, at),
            Event::PaymentCanceled { payment, expired, key } => self.payment_canceled(*payment, *expired, *key),
            Event::RefundStarted { .. }
            | Event::RefundPending { .. }
            | Event::RefundSucceeded { .. }
            | Event::RefundFailed { .. }
            | Event::RefundReversed { .. } => self.apply_refund(event, entry),
            Event::FundsAvailable { payment, amount_minor } => self.funds_available(*payment, *amount_minor, at),
            Event::DisputeInquired { .. }
            | Event::DisputeInquiryClosed { .. }
            | Event::DisputeOpened { .. }
            | Event::DisputeClosed { .. }
            | Event::DisputeFeeBooked { .. } => self.apply_dispute(event),
            Event::WebhookReceived { .. } | Event::StrayMatched { .. } | Event::SweepEnded { .. } => self.apply_notice(event),
            Event::ObservationStarted { .. }
            | Event::ObservationEnded { .. }
            | Event::SettlementAwaited { .. }
            | Event::FeeBooked { .. }
            | Event::CaptureObserved { .. }
            | Event::LateSuccessFound { .. }
            | Event::LateSuccessAccepted { .. }
            | Event::LateSuccessUndone { .. }
            | Event::LateSuccessReturned { .. }
            | Event::LateHoldCaptured { .. }
            | Event::RefundWatched { .. } => self.apply_observation(event, entry),
            Event::KeyRemembered { payment, effect, key } => {
                let merchant = self.payment_mut(*payment).merchant;
                self.remember_key(merchant, KeyedObject::Payment(*payment), *effect, Some(*key));
            }
            Event::CustomerCreated { .. }
            | Event::CustomerStored { .. }
            | Event::CustomerStoreFailed { .. }
            | Event::CustomerDeleted { .. }
            | Event::MethodStarted { .. }
            | Event::MethodStored { .. }
            | Event::MethodFailed { .. }
            | Event::MethodRemovalStarted { .. }
            | Event::MethodRemoved { .. }
            | Event::MethodRemovalFailed { .. } => self.apply_customer(event, at),
            Event::ErrandStarted { .. } | Event::ErrandUnknown { .. } | Event::ErrandDeferred { .. } | Event::ErrandSent { .. } => {
                self.apply_errand(event, at);
            }
        }
    }

    fn payment_mut(&mut self, payment: PaymentId) -> &mut Payment {
        self.payments.get_mut(&payment).expect("an event names a payment that exists")
    }

    /// Moves a payment along its life cycle.
    fn advance(&mut self, payment: PaymentId, input: PaymentInput) {
        let found = self.payment_mut(payment);
        let after = found.status.after(input);
        found.status =
            after.unwrap_or_else(|| panic!("no row of the payment's life cycle: {:?} after {:?} of {payment}", input, found.status));
    }

    fn set_timer(&mut self, at: Option<Timestamp>, timer: Timer) {
        if let Some(at) = at {
            self.timers.insert((at, timer));
        }
    }

    /// Sets or clears the one expiry of a payment; [`State::arm_expiry`] decides whether its timer runs.
    fn set_expiry(&mut self, payment: PaymentId, expires_at: Option<Timestamp>) {
        let before = core::mem::replace(&mut self.payment_mut(payment).expires_at, expires_at);
        if let Some(at) = before {
            self.timers.remove(&(at, Timer::Expiry(payment)));
        }
    }

    /// Lets a payment's expiry run exactly while it could end the payment: a timer that nothing answers would be due for
    /// ever, and one that is not set again would leave a hold for ever.
    fn arm_expiry(&mut self, payment: PaymentId) {
        let found = self.payments.get(&payment).expect("an event names a payment that exists");
        let Some(at) = found.expires_at else {
            return;
        };
        if self.expiry(found) == Expiry::NotNow {
            self.timers.remove(&(at, Timer::Expiry(payment)));
        } else {
            self.timers.insert((at, Timer::Expiry(payment)));
        }
    }

    /// Money was released. Of several timers of a payment only the one that ran ends; it is near the front.
    fn funds_available(&mut self, payment: PaymentId, amount_minor: u64, at: Timestamp) {
        let mut due = self.timers.iter().take_while(|(due_at, _)| *due_at <= at);
        if let Some(ran) = due.find(|(_, timer)| *timer == Timer::Funds(payment)).copied() {
            self.timers.remove(&ran);
        }
        let found = self.payment_mut(payment);
        found.available = true;
        found.unreleased_minor -= signed(amount_minor);
    }

    fn remember_key(&mut self, merchant: MerchantId, object: KeyedObject, effect: Option<EffectId>, key: Option<KeyUse>) {
        let Some(KeyUse { key, fingerprint, expires_at }) = key else {
            return;
        };
        let record = IdempotencyRecord { fingerprint, object, effect, expires_at };
        if let Some(before) = self.idempotency.insert((merchant, key), record) {
            self.unlist_key(before.object, &key);
            self.idempotency_expiry.remove(&(before.expires_at, merchant, key));
        }
        self.idempotency_expiry.insert((expires_at, merchant, key));
        if let KeyedObject::Payment(payment) | KeyedObject::Refund { payment, .. } = object {
            self.payment_mut(payment).keys.push(key);
        }
    }

    /// A payment no longer lists a key.
    fn unlist_key(&mut self, object: KeyedObject, key: &[u8; 16]) {
        if let KeyedObject::Payment(payment) | KeyedObject::Refund { payment, .. } = object {
            self.payment_mut(payment).keys.retain(|listed| listed != key);
        }
    }

    fn forget_keys(&mut self) {
        for _ in 0..KEYS_FORGOTTEN_PER_EVENT_MAX {
            let Some((_, merchant, key)) = self.idempotency_expiry.first().copied().filter(|(at, _, _)| *at <= self.last_at) else {
                return;
            };
            self.idempotency_expiry.pop_first();
            if let Some(forgotten) = self.idempotency.remove(&(merchant, key)) {
                self.unlist_key(forgotten.object, &key);
            }
        }
    }
}

/// An amount as a difference. Amounts are limited far below the half of 64 bits when they are decided.
fn signed(amount_minor: u64) -> i64 {
    i64::try_from(amount_minor).expect("amounts are limited")
}
