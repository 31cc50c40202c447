//! Captures that were asked for separately.

use super::signed;
use crate::event::{Entry, Event};
use crate::state::{Capture, KeyedObject, Payment, State, Timer};
use ::payments::{CaptureInput, CaptureStatus, PaymentInput};
use base::EffectId;

impl State {
    pub(super) fn apply_capture(&mut self, event: &Event, entry: &Entry) {
        match event {
            Event::CaptureStarted { payment, requested, key } => {
                let found = self.payment_mut(*payment);
                assert!(found.operation.is_none(), "one capture at a time");
                found.operation = Some(requested.effect);
                let amount_minor = requested.money.amount_minor;
                found.captures.reserve_exact(1);
                found.captures.push(Capture { effect: requested.effect, amount_minor, status: CaptureStatus::Started });
                let merchant = found.merchant;
                self.open_effect(*payment, requested, event.first_send_kind(), entry.at);
                self.remember_key(merchant, KeyedObject::Payment(*payment), Some(requested.effect), *key);
            }
            Event::CaptureSucceeded { payment, effect, amount_minor, fee_minor, held_minor, available_at } => {
                self.close_effect(*effect);
                let found = self.payment_mut(*payment);
                found.operation = None;
                found.fee_minor += fee_minor;
                self.captured(*payment, *effect, *amount_minor, *held_minor, entry);
                self.set_timer(*available_at, Timer::Funds(*payment));
            }
            Event::CaptureFailed { payment, effect, .. } => {
                self.close_effect(*effect);
                let found = self.payment_mut(*payment);
                found.operation = None;
                let capture = capture_mut(found, *effect);
                capture.status = capture.status.after(CaptureInput::Failed).expect("an open capture may fail");
                self.rearm_expiry(*payment, entry);
            }
            Event::CaptureReversed { payment, capture, amount_minor, .. } => {
                let found = self.payment_mut(*payment);
                if let Some(index) = capture {
                    let capture = found.captures.get_mut(usize::from(*index)).expect("a reversed capture exists");
                    capture.status = capture.status.after(CaptureInput::Reversed).expect("a capture that succeeded may be reversed");
                }
                found.captured_minor = found.captured_minor.checked_sub(*amount_minor).expect("no more is reversed than was taken");
                if !found.available {
                    found.unreleased_minor -= signed(*amount_minor);
                }
                if found.captured_minor == 0 {
                    found.settling = None;
                    self.timers.retain(|(_, timer)| !matches!(timer, Timer::Funds(id) | Timer::Settle(id) if id == payment));
                    self.advance(*payment, PaymentInput::CaptureReversed);
                }
            }
            other => unreachable!("{:?} is applied elsewhere", other.kind()),
        }
    }

    /// A capture that is open keeps its payment from expiring; when it fails, the expiry counts again, from now at least.
    fn rearm_expiry(&mut self, payment: base::PaymentId, entry: &Entry) {
        let expires_at = self.payment_mut(payment).expires_at.map(|at| at.max(entry.at));
        self.set_expiry(payment, expires_at);
    }
}

fn capture_mut(payment: &mut Payment, effect: EffectId) -> &mut Capture {
    payment.captures.iter_mut().find(|capture| capture.effect == effect).expect("an effect belongs to a capture")
}
