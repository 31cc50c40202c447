//! Refunds. What was given back and what is being given back never exceed what was taken.

use super::signed;
use crate::effect::{EffectKind, EffectStatus};
use crate::event::{Entry, Event};
use crate::state::{KeyedObject, Payment, Refund, State};
use ::payments::{PaymentInput, RefundInput, RefundStatus};
use base::RefundId;

impl State {
    pub(super) fn apply_refund(&mut self, event: &Event, entry: &Entry) {
        match event {
            Event::RefundStarted { payment, requested, from_available, key, .. } => {
                let EffectKind::Refund { refund } = requested.kind else {
                    panic!("a refund starts a refund effect");
                };
                let [hold] = entry.legs.as_slice() else {
                    panic!("a refund starts with one reservation");
                };
                let amount_minor = requested.money.amount_minor;
                let found = self.payment_mut(*payment);
                assert!(amount_minor <= found.refundable_minor(), "no more is given back than was taken");
                found.refunding_minor += amount_minor;
                if !from_available {
                    found.unreleased_minor -= signed(amount_minor);
                }
                found.refunds.reserve_exact(1);
                found.refunds.push(Refund {
                    refund,
                    effect: requested.effect,
                    amount_minor,
                    status: RefundStatus::Started,
                    hold: Some(hold.id),
                    from_available: *from_available,
                    provider_id: None,
                    created_at: entry.at,
                });
                let merchant = found.merchant;
                assert!(self.refunds.insert(refund, *payment).is_none(), "a refund is created once");
                self.open_effect(*payment, requested, event.first_send_kind(), entry.at);
                self.remember_key(merchant, KeyedObject::Refund { payment: *payment, refund }, Some(requested.effect), *key);
            }
            Event::RefundPending { payment, refund, provider_id, next_at } => {
                let found = refund_mut(self.payment_mut(*payment), *refund);
                advance(found, RefundInput::Pending);
                if provider_id.is_some() {
                    found.provider_id.clone_from(provider_id);
                }
                let effect = found.effect;
                self.accept_effect(effect, EffectStatus::Waiting, Some(*next_at));
            }
            Event::RefundSucceeded { payment, refund, provider_id, next_at } => {
                let payment_found = self.payment_mut(*payment);
                let found = refund_mut(payment_found, *refund);
                advance(found, RefundInput::Succeeded);
                found.hold = None;
                if provider_id.is_some() {
                    found.provider_id.clone_from(provider_id);
                }
                let (effect, amount_minor) = (found.effect, found.amount_minor);
                settle(payment_found, amount_minor);
                payment_found.refunded_minor += amount_minor;
                let all = payment_found.refunded_minor >= payment_found.captured_minor;
                self.advance(*payment, if all { PaymentInput::RefundedAll } else { PaymentInput::RefundedPart });
                match next_at {
                    Some(_) => self.accept_effect(effect, EffectStatus::Watching, *next_at),
                    None => self.close_effect(effect),
                }
            }
            Event::RefundFailed { payment, refund, .. } => {
                let payment_found = self.payment_mut(*payment);
                let found = refund_mut(payment_found, *refund);
                advance(found, RefundInput::Failed);
                found.hold = None;
                let (effect, amount_minor) = (found.effect, found.amount_minor);
                settle(payment_found, amount_minor);
                returned(payment_found, *refund, entry);
                self.close_effect(effect);
            }
            Event::RefundReversed { payment, refund, .. } => {
                let payment_found = self.payment_mut(*payment);
                let found = refund_mut(payment_found, *refund);
                advance(found, RefundInput::Reversed);
                let (effect, amount_minor) = (found.effect, found.amount_minor);
                payment_found.refunded_minor =
                    payment_found.refunded_minor.checked_sub(amount_minor).expect("no more is reversed than was given back");
                returned(payment_found, *refund, entry);
                let none = payment_found.refunded_minor == 0;
                self.advance(*payment, if none { PaymentInput::RefundReversedAll } else { PaymentInput::RefundReversedPart });
                self.close_effect(effect);
            }
            other => unreachable!("{:?} is applied elsewhere", other.kind()),
        }
    }
}

fn refund_mut(payment: &mut Payment, refund: RefundId) -> &mut Refund {
    payment.refunds.iter_mut().find(|found| found.refund == refund).expect("an event names a refund that exists")
}

fn advance(refund: &mut Refund, input: RefundInput) {
    let after = refund.status.after(input);
    refund.status = after.unwrap_or_else(|| panic!("no row of the refund's life cycle: {input:?} after {:?}", refund.status));
}

fn settle(payment: &mut Payment, amount_minor: u64) {
    payment.refunding_minor = payment.refunding_minor.checked_sub(amount_minor).expect("an open refund was counted");
}

/// Money of a refund that was not or did not stay given back stands where it was taken from, unless a second leg moved it
/// on to available.
fn returned(payment: &mut Payment, refund: RefundId, entry: &Entry) {
    let found = payment.refunds.iter().find(|found| found.refund == refund).expect("an event names a refund that exists");
    if !found.from_available && entry.legs.len() == 1 {
        payment.unreleased_minor += signed(found.amount_minor);
    }
}
