//! Payments and their attempts, cancels and disputes.

use super::signed;
use crate::effect::{EffectRequested, EffectStatus, SendKind};
use crate::event::{Entry, Event, KeyUse, PaymentCreated, PaymentRevised};
use crate::state::{Attempt, Dispute, KeyedObject, Payment, State, Timer, object_digest, object_hash};
use ::payments::{AttemptInput, AttemptStatus, DisputeInput, DisputeStatus, PaymentInput, PaymentStatus};
use base::time::NS_PER_S;
use base::{Decline, DeclineClass, EffectId, NextAction, OutcomeClass, PaymentId, Timestamp};

/// How long an expiry waits at least after a cancel failed: one hour.
const CANCEL_AGAIN_NS: u64 = 3_600 * NS_PER_S;

impl State {
    pub(super) fn payment_created(&mut self, created: &PaymentCreated, at: Timestamp) {
        let payment = Payment {
            merchant: created.merchant,
            subject: created.subject,
            money: created.money,
            capture: created.capture,
            status: PaymentStatus::Created,
            reference: created.reference,
            content: created.content,
            payment_method: created.payment_method.clone(),
            on_file: created.on_file.map(Box::new),
            created_at: at,
            hold: None,
            held_minor: 0,
            captured_minor: 0,
            refunded_minor: 0,
            refunding_minor: 0,
            fee_minor: 0,
            available: false,
            unreleased_minor: 0,
            attempts: Vec::new(),
            captures: Vec::new(),
            refunds: Vec::new(),
            disputes: Vec::new(),
            last_decline: None,
            next_action: None,
            expires_at: None,
            operation: None,
            cancel: None,
            cancels: 0,
            observations: Vec::new(),
            settling: None,
            open_effects: 0,
            keys: Vec::new(),
            resting_since: None,
        };
        assert!(self.payments.insert(created.payment, Box::new(payment)).is_none(), "a payment is created once");
        if let Some(reference) = created.reference {
            let taken = self.references.insert((created.merchant, reference), created.payment);
            assert!(taken.is_none(), "a reference names one payment");
        }
        self.set_expiry(created.payment, Some(created.expires_at));
        self.remember_key(created.merchant, KeyedObject::Payment(created.payment), None, Some(created.key));
    }

    pub(super) fn payment_revised(&mut self, revised: &PaymentRevised) {
        let payment = self.payment_mut(revised.payment);
        assert!(payment.status == PaymentStatus::Declined, "only a declined payment is revised");
        payment.subject = revised.subject;
        payment.money = revised.money;
        payment.capture = revised.capture;
        payment.content = revised.content;
        payment.payment_method.clone_from(&revised.payment_method);
        payment.on_file = revised.on_file.map(Box::new);
    }

    pub(super) fn attempt_started(&mut self, id: PaymentId, requested: &EffectRequested, key: Option<KeyUse>, entry: &Entry) {
        self.advance(id, PaymentInput::AttemptStarted);
        self.set_expiry(id, None);
        let [hold] = entry.legs.as_slice() else {
            panic!("an attempt starts with one hold");
        };
        let payment = self.payment_mut(id);
        assert!(payment.hold.is_none() && payment.operation.is_none(), "one attempt at a time");
        payment.hold = Some(hold.id);
        assert!(payment.money == requested.money, "an attempt asks for its payment's money");
        payment.held_minor = requested.money.amount_minor;
        payment.operation = Some(requested.effect);
        payment.payment_method = Some(requested.payment_method.clone());
        payment.next_action = None;
        payment.last_decline = None;
        payment.attempts.reserve_exact(1); // a second attempt is rare and a closed payment stays
        payment.attempts.push(Attempt {
            effect: requested.effect,
            provider: requested.provider,
            status: AttemptStatus::Started,
            provider_id: None,
            money: requested.money,
            late_fee_minor: 0,
            is_late_fee_awaited: false,
        });
        let merchant = payment.merchant;
        self.open_effect(id, requested, SendKind::First, entry.at);
        self.remember_key(merchant, KeyedObject::Payment(id), Some(requested.effect), key);
    }

    /// Moves the attempt behind an effect along its life cycle and notes the provider's id.
    fn advance_attempt(&mut self, id: PaymentId, effect: EffectId, input: AttemptInput, provider_id: Option<&String>) {
        self.outdate_observations(id);
        let payment = self.payment_mut(id);
        let attempt = payment.attempts.iter_mut().find(|attempt| attempt.effect == effect).expect("an effect belongs to an attempt");
        let after = attempt.status.after(input);
        attempt.status = after.unwrap_or_else(|| panic!("no row of the attempt's life cycle: {input:?} after {:?}", attempt.status));
        let index = payment.attempts.iter().position(|attempt| attempt.effect == effect);
        if let Some((index, provider_id)) = index.zip(provider_id) {
            self.name_attempt(id, index, provider_id);
        }
    }

    /// The provider's id of an attempt is known.
    pub(super) fn name_attempt(&mut self, id: PaymentId, index: usize, provider_id: &str) {
        let attempt = self.payment_mut(id).attempts.get_mut(index).expect("an effect names an attempt that exists");
        attempt.provider_id = Some(provider_id.to_owned());
        let place = (object_hash(object_digest(attempt.provider, provider_id)), id);
        if self.provider_objects.insert(place) {
            self.arm_stray(id);
        }
    }

    /// The attempt is over: nothing is held and nothing is open.
    fn end_attempt(&mut self, id: PaymentId, effect: EffectId) {
        self.close_effect(effect);
        self.set_expiry(id, None);
        let payment = self.payment_mut(id);
        payment.operation = None;
        payment.hold = None;
        payment.held_minor = 0;
        payment.next_action = None;
    }

    pub(super) fn apply_attempt(&mut self, event: &Event) {
        match event {
            Event::AttemptPending { payment, effect, action, provider_id, next_at, expires_at } => {
                self.advance_attempt(*payment, *effect, AttemptInput::Pending, provider_id.as_ref());
                let input = match action {
                    NextAction::Redirect { .. } => PaymentInput::ActionRequired,
                    NextAction::Wait => PaymentInput::AnswerPending,
                };
                self.advance(*payment, input);
                self.payment_mut(*payment).next_action = Some(action.clone());
                self.set_expiry(*payment, Some(*expires_at));
                self.accept_effect(*effect, EffectStatus::Waiting, Some(*next_at));
                if provider_id.is_some() {
                    let open = self.effects.get_mut(effect).expect("a waiting effect is open");
                    open.requested.provider_id.clone_from(provider_id);
                }
            }
            Event::AttemptAuthorized { payment, effect, provider_id, expires_at } => {
                self.advance_attempt(*payment, *effect, AttemptInput::Authorized, provider_id.as_ref());
                self.advance(*payment, PaymentInput::Authorized);
                self.close_effect(*effect);
                let found = self.payment_mut(*payment);
                found.operation = None;
                found.next_action = None;
                self.set_expiry(*payment, Some(*expires_at));
            }
            Event::AttemptCaptured { payment, effect, provider_id, amount_minor, fee_minor, available_at } => {
                self.advance_attempt(*payment, *effect, AttemptInput::Captured, provider_id.as_ref());
                self.advance(*payment, PaymentInput::Captured);
                self.end_attempt(*payment, *effect);
                let found = self.payment_mut(*payment);
                found.captured_minor += amount_minor;
                found.fee_minor += fee_minor;
                found.unreleased_minor += signed(*amount_minor);
                self.set_timer(*available_at, Timer::Funds(*payment));
            }
            Event::AttemptDeclined { payment, effect, provider_id, decline } => {
                self.advance_attempt(*payment, *effect, AttemptInput::Declined, provider_id.as_ref());
                self.advance(*payment, PaymentInput::Declined);
                self.end_attempt(*payment, *effect);
                self.payment_mut(*payment).last_decline = Some(decline.clone());
            }
            Event::AttemptFailed { payment, effect, class, code } => {
                self.advance_attempt(*payment, *effect, AttemptInput::Failed, None);
                self.advance(*payment, PaymentInput::Declined);
                self.end_attempt(*payment, *effect);
                let decline_class = if *class == OutcomeClass::NotSent { DeclineClass::SoftPsp } else { DeclineClass::Config };
                let decline = Decline { class: decline_class, code: code.clone(), network_code: None };
                self.payment_mut(*payment).last_decline = Some(decline);
            }
            Event::AttemptMismatched { payment, effect, provider_id, .. } => {
                self.advance_attempt(*payment, *effect, AttemptInput::Mismatched, provider_id.as_ref());
                self.set_expiry(*payment, None);
                let found = self.payment_mut(*payment);
                found.hold = None;
                found.held_minor = 0;
                found.next_action = None;
            }
            other => unreachable!("{:?} is applied elsewhere", other.kind()),
        }
    }

    pub(super) fn cancel_started(&mut self, id: PaymentId, requested: &EffectRequested, key: Option<KeyUse>, at: Timestamp) {
        let payment = self.payment_mut(id);
        assert!(payment.cancel.is_none(), "one cancel at a time");
        payment.cancel = Some(requested.effect);
        payment.cancels += 1;
        let merchant = payment.merchant;
        self.open_effect(id, requested, SendKind::First, at);
        self.remember_key(merchant, KeyedObject::Payment(id), Some(requested.effect), key);
    }

    /// What could not be cancelled still expires, but not so soon that one failure follows the other.
    pub(super) fn cancel_failed(&mut self, id: PaymentId, effect: EffectId, at: Timestamp) {
        self.close_effect(effect);
        let payment = self.payment_mut(id);
        payment.cancel = None;
        let expires_at = payment.expires_at.map(|expires_at| expires_at.max(at.plus_ns(CANCEL_AGAIN_NS)));
        self.set_expiry(id, expires_at);
    }

    /// Ends a payment whose money was not (all) taken, together with whatever was open on it.
    pub(super) fn payment_canceled(&mut self, id: PaymentId, expired: bool, key: Option<KeyUse>) {
        self.advance(id, if expired { PaymentInput::Expired } else { PaymentInput::Canceled });
        self.outdate_observations(id);
        self.set_expiry(id, None);
        let payment = self.payment_mut(id);
        let open = [payment.operation.take(), payment.cancel.take()];
        payment.hold = None;
        payment.held_minor = 0;
        payment.next_action = None;
        let merchant = payment.merchant;
        if let Some(attempt) = payment.attempts.last_mut() {
            attempt.status = attempt.status.after(AttemptInput::Canceled).unwrap_or(attempt.status);
        }
        for effect in open.into_iter().flatten() {
            self.close_effect(effect);
        }
        self.remember_key(merchant, KeyedObject::Payment(id), None, key);
    }

    pub(super) fn apply_dispute(&mut self, event: &Event) {
        match event {
            Event::DisputeInquired { payment, dispute, amount_minor, .. } => {
                let inquiry = Dispute {
                    dispute: dispute.clone(),
                    amount_minor: *amount_minor,
                    status: DisputeStatus::Inquiry,
                    fee_minor: 0,
                    fee_version: 0,
                };
                self.payment_mut(*payment).disputes.push(inquiry);
            }
            Event::DisputeOpened { payment, dispute, amount_minor, .. } => {
                let found = self.payment_mut(*payment);
                match found.disputes.iter_mut().find(|known| known.dispute == *dispute) {
                    Some(known) => {
                        known.amount_minor = *amount_minor;
                        advance_dispute(known, DisputeInput::Opened);
                    }
                    None => found.disputes.push(Dispute {
                        dispute: dispute.clone(),
                        amount_minor: *amount_minor,
                        status: DisputeStatus::Open,
                        fee_minor: 0,
                        fee_version: 0,
                    }),
                }
            }
            Event::DisputeInquiryClosed { payment, dispute } => {
                advance_dispute(self.dispute_mut(*payment, dispute), DisputeInput::InquiryClosed);
            }
            Event::DisputeClosed { payment, dispute, won } => {
                advance_dispute(self.dispute_mut(*payment, dispute), if *won { DisputeInput::Won } else { DisputeInput::Lost });
            }
            Event::DisputeFeeBooked { payment, dispute, fee_minor, version } => {
                let found = self.dispute_mut(*payment, dispute);
                found.fee_version = *version;
                let before_minor = core::mem::replace(&mut found.fee_minor, *fee_minor);
                let payment = self.payment_mut(*payment);
                payment.fee_minor = (payment.fee_minor + fee_minor).checked_sub(before_minor).expect("a fee was counted before");
            }
            other => unreachable!("{:?} is applied elsewhere", other.kind()),
        }
    }

    fn dispute_mut(&mut self, payment: PaymentId, dispute: &str) -> &mut Dispute {
        let found = self.payment_mut(payment).disputes.iter_mut().find(|known| known.dispute == dispute);
        found.expect("an event names a dispute that was opened")
    }
}

fn advance_dispute(dispute: &mut Dispute, input: DisputeInput) {
    let after = dispute.status.after(input);
    dispute.status = after.unwrap_or_else(|| panic!("no row of the dispute's life cycle: {input:?} after {:?}", dispute.status));
}
