//! What providers said of their own accord, and what looking at their objects found.

use super::signed;
use crate::effect::{EffectKind, EffectStatus};
use crate::event::{Entry, Event, NoticeUse};
use crate::state::{Capture, Settling, State, Timer};
use ::payments::{AttemptInput, AttemptStatus, CaptureInput, CaptureStatus, PaymentInput};
use base::{EffectId, PaymentId};

/// Most disputes of unknown payments that are kept in memory; the journal keeps all.
const STRAYS_MAX: usize = 1_024;

impl State {
    pub(super) fn apply_notice(&mut self, event: &Event) {
        match event {
            Event::WebhookReceived { provider, event_id, found, effect, provider_id, stray, .. } => {
                if *found != NoticeUse::Unclear {
                    self.notices.remember(*provider, event_id);
                }
                if let Some(stray) = stray {
                    self.strays.push_back((*provider, stray.clone()));
                    if self.strays.len() > STRAYS_MAX {
                        self.strays.pop_front();
                    }
                }
                let Some(open) = effect.and_then(|effect| self.effects.get_mut(&effect)) else {
                    return;
                };
                if open.status == EffectStatus::InFlight {
                    open.is_hinted = true;
                }
                let EffectKind::Authorize { attempt } = open.requested.kind else { return };
                let Some(provider_id) = provider_id.as_ref().filter(|_| open.requested.provider_id.is_none()) else { return };
                open.requested.provider_id = Some(provider_id.clone());
                let payment = open.payment;
                self.name_attempt(payment, usize::from(attempt), provider_id);
            }
            Event::StrayMatched { payment, .. } => {
                self.stop_stray_timer(*payment);
                if let Some(index) = self.stray_of(*payment) {
                    self.strays.remove(index);
                }
                self.arm_stray(*payment);
            }
            Event::SweepEnded { provider, swept_to } => {
                self.swept.insert(*provider, *swept_to);
            }
            other => unreachable!("{:?} is applied elsewhere", other.kind()),
        }
    }

    pub(super) fn apply_observation(&mut self, event: &Event, entry: &Entry) {
        match event {
            Event::ObservationStarted { payment, requested } => {
                let EffectKind::Observe { attempt } = requested.kind else {
                    panic!("an observation only looks");
                };
                let found = self.payment_mut(*payment);
                found.observations.reserve_exact(1);
                found.observations.push(requested.effect);
                if found.settling.as_ref().is_some_and(|settling| settling.attempt == attempt) {
                    self.stop_settling_timer(*payment);
                }
                self.open_effect(*payment, requested, event.first_send_kind(), entry.at);
            }
            Event::ObservationEnded { payment, effect } => self.observed(*payment, *effect),
            Event::SettlementAwaited { payment, attempt, step, next_at } => {
                self.stop_settling_timer(*payment);
                self.payment_mut(*payment).settling = Some(Box::new(Settling { attempt: *attempt, step: *step, next_at: *next_at }));
                self.set_timer(*next_at, Timer::Settle(*payment));
            }
            Event::FeeBooked { payment, attempt, effect, fee_minor, available_at } => {
                self.observed(*payment, *effect);
                self.stop_settling_timer(*payment);
                let found = self.payment_mut(*payment);
                found.settling = None;
                let attempt = found.attempts.get_mut(usize::from(*attempt)).expect("an event names an attempt that exists");
                if attempt.status == AttemptStatus::SucceededLate {
                    attempt.late_fee_minor += fee_minor;
                    attempt.is_late_fee_awaited = false;
                } else {
                    found.fee_minor += fee_minor;
                    self.set_timer(*available_at, Timer::Funds(*payment));
                }
            }
            Event::CaptureObserved { payment, effect, amount_minor, fee_minor, held_minor, available_at } => {
                self.observed(*payment, *effect);
                let capture = Capture { effect: *effect, amount_minor: *amount_minor, status: CaptureStatus::Started };
                self.payment_mut(*payment).captures.push(capture);
                self.captured(*payment, *effect, *amount_minor, *held_minor, entry);
                self.payment_mut(*payment).fee_minor += fee_minor;
                self.set_timer(*available_at, Timer::Funds(*payment));
            }
            Event::LateSuccessFound { payment, observed, requested, fee_minor } => {
                self.observed(*payment, *observed);
                let (EffectKind::UndoHold { attempt } | EffectKind::UndoCapture { attempt }) = requested.kind else {
                    panic!("a late success is given back");
                };
                let found = self.payment_mut(*payment);
                let attempt = found.attempts.get_mut(usize::from(attempt)).expect("an effect names an attempt that exists");
                attempt.late_fee_minor += fee_minor.unwrap_or(0);
                attempt.is_late_fee_awaited = fee_minor.is_none();
                attempt.status = attempt.status.after(AttemptInput::SucceededLate).expect("only an attempt that is over succeeds late");
                self.open_effect(*payment, requested, event.first_send_kind(), entry.at);
            }
            Event::LateSuccessAccepted { effect, next_at, .. } => self.accept_effect(*effect, EffectStatus::Waiting, Some(*next_at)),
            Event::LateSuccessUndone { effect, .. } => self.close_effect(*effect),
            Event::RefundWatched { payment, requested } => {
                let EffectKind::Refund { refund } = requested.kind else {
                    panic!("a refund is watched");
                };
                let found = self.payment_mut(*payment).refunds.iter_mut().find(|found| found.refund == refund);
                found.expect("an event names a refund that exists").effect = requested.effect;
                self.open_effect(*payment, requested, event.first_send_kind(), entry.at);
                let open = self.effects.get_mut(&requested.effect).expect("an effect that was just opened");
                open.accepted = Some(EffectStatus::Watching);
            }
            other => unreachable!("{:?} is applied elsewhere", other.kind()),
        }
    }

    /// Tells a payment, at once, the disputes that came before its provider's id was known.
    pub(super) fn arm_stray(&mut self, payment: PaymentId) {
        if !self.strays.is_empty() && self.stray_of(payment).is_some() {
            self.timers.insert((self.last_at, Timer::Stray(payment)));
        }
    }

    fn stop_stray_timer(&mut self, payment: PaymentId) {
        let armed = self.timers.iter().find(|(_, timer)| *timer == Timer::Stray(payment)).copied();
        self.timers.remove(&armed.expect("a stray is matched when its timer runs"));
    }

    /// An observation is over.
    fn observed(&mut self, payment: PaymentId, effect: EffectId) {
        self.close_effect(effect);
        let found = self.payment_mut(payment);
        let index = found.observations.iter().position(|open| *open == effect);
        found.observations.remove(index.expect("the observation that ends is open"));
        found.observations.shrink_to_fit(); // a closed payment stays
    }

    /// Something happened to a payment: what looks at its objects have read by now may be older than that.
    pub(super) fn outdate_observations(&mut self, payment: PaymentId) {
        let Some(found) = self.payments.get(&payment) else { return };
        for effect in &found.observations {
            let open = self.effects.get_mut(effect).expect("an observation of a payment is open");
            open.is_hinted |= open.status == EffectStatus::InFlight;
        }
    }

    fn stop_settling_timer(&mut self, payment: PaymentId) {
        let Some(settling) = &mut self.payment_mut(payment).settling else {
            return;
        };
        if let Some(at) = settling.next_at.take() {
            self.timers.remove(&(at, Timer::Settle(payment)));
        }
    }

    /// A capture went through: what was taken, and what stays held in the last pending leg.
    pub(super) fn captured(&mut self, payment: PaymentId, effect: EffectId, amount_minor: u64, held_minor: u64, entry: &Entry) {
        let new_hold = entry.legs.iter().rev().find(|leg| leg.flags.contains(ledger::TransferFlags::PENDING)).map(|leg| leg.id);
        let found = self.payment_mut(payment);
        let capture = found.captures.iter_mut().find(|capture| capture.effect == effect).expect("an effect belongs to a capture");
        capture.status = capture.status.after(CaptureInput::Succeeded).expect("an open capture may succeed");
        capture.amount_minor = amount_minor;
        found.captured_minor += amount_minor;
        found.unreleased_minor += signed(amount_minor);
        found.held_minor = held_minor;
        found.hold = new_hold;
        assert!((held_minor > 0) == found.hold.is_some(), "what stays held has a hold");
        let final_capture = held_minor == 0;
        self.advance(payment, if final_capture { PaymentInput::Captured } else { PaymentInput::CapturedPart });
        if final_capture {
            self.set_expiry(payment, None);
        }
    }
}
