//! Open effects: their sends, their ladders, their end.

use crate::effect::{Effect, EffectKind, EffectRequested, EffectStatus, SendKind};
use crate::event::Event;
use crate::state::{State, Timer};
use ::payments::{AttemptInput, CaptureInput, RefundInput};
use base::{EffectId, OutcomeClass, PaymentId, Timestamp};

impl State {
    /// Opens an effect with its first send under way.
    pub(super) fn open_effect(&mut self, payment: PaymentId, requested: &EffectRequested, send_kind: SendKind, at: Timestamp) {
        let effect = Effect {
            payment,
            requested: requested.clone(),
            requested_at: at,
            status: EffectStatus::InFlight,
            sends: 1,
            send_kind,
            step: 0,
            next_at: None,
            earlier: None,
            accepted: None,
            is_hinted: false,
            is_prompted: false,
        };
        assert!(self.effects.insert(requested.effect, effect).is_none(), "an effect is opened once");
        self.payment_mut(payment).open_effects += 1;
        if requested.is_object_made() {
            self.open_references.insert(requested.reference, requested.effect);
        }
    }

    /// Closes an effect; its request is forgotten.
    pub(super) fn close_effect(&mut self, effect: EffectId) {
        let closed = self.effects.remove(&effect).expect("a closed effect was open");
        self.payment_mut(closed.payment).open_effects -= 1;
        if let Some(at) = closed.next_at {
            self.timers.remove(&(at, Timer::Send(effect)));
        }
        if closed.requested.is_object_made() {
            self.open_references.remove(&closed.requested.reference);
        }
    }

    /// Puts an open effect to rest until `next_at`.
    pub(super) fn rest_effect(&mut self, effect: EffectId, status: EffectStatus, step: u16, next_at: Option<Timestamp>) {
        let open = self.effects.get_mut(&effect).expect("a resting effect is open");
        let before = core::mem::replace(&mut open.next_at, next_at);
        open.status = status;
        open.is_prompted = false;
        open.step = step;
        if let Some(at) = before {
            self.timers.remove(&(at, Timer::Send(effect)));
        }
        self.set_timer(next_at, Timer::Send(effect));
    }

    /// The provider has accepted the call: from now on it is only looked at.
    pub(super) fn accept_effect(&mut self, effect: EffectId, status: EffectStatus, next_at: Option<Timestamp>) {
        self.effects.get_mut(&effect).expect("an accepted effect is open").accepted = Some(status);
        self.rest_effect(effect, status, 0, next_at);
    }

    pub(super) fn apply_effect(&mut self, event: &Event) {
        match event {
            Event::EffectUnknown { effect, step, next_at, .. } => {
                let open = self.effects.get_mut(effect).expect("an unknown effect is open");
                if let Some(accepted) = open.accepted {
                    return self.rest_effect(*effect, accepted, *step, *next_at);
                }
                open.earlier = Some(OutcomeClass::Unknown);
                self.rest_effect(*effect, EffectStatus::Unknown, *step, *next_at);
                self.object_unknown(*effect);
            }
            Event::EffectDeferred { effect, class, step, next_at, .. } => {
                let open = self.effects.get_mut(effect).expect("a deferred effect is open");
                assert!(open.earlier != Some(OutcomeClass::Unknown), "what may have been executed is never deferred");
                open.earlier = Some(*class);
                self.rest_effect(*effect, EffectStatus::Deferred, *step, Some(*next_at));
            }
            Event::EffectSent { effect, send, send_kind, step, .. } => {
                let is_prompted = self.effects.get(effect).is_some_and(|open| open.is_prompted);
                self.rest_effect(*effect, EffectStatus::InFlight, *step, None);
                let open = self.effects.get_mut(effect).expect("a sent effect is open");
                open.is_prompted = is_prompted;
                assert!(*send == open.sends + 1, "sends are counted one by one");
                open.sends = *send;
                open.is_hinted = false;
                open.send_kind = *send_kind;
            }
            Event::EffectUnchanged { effect, step, next_at, .. } => {
                let accepted = self.effects.get(effect).and_then(|open| open.accepted);
                match (accepted, next_at) {
                    (Some(status), Some(_)) => self.rest_effect(*effect, status, *step, *next_at),
                    (Some(_), None) => self.close_effect(*effect),
                    (None, _) => unreachable!("only accepted effects are looked at"),
                }
            }
            Event::EffectParked { effect, .. } => {
                let step = self.effects.get(effect).expect("a parked effect is open").step;
                self.rest_effect(*effect, EffectStatus::Parked, step, None);
            }
            other => unreachable!("{:?} is applied elsewhere", other.kind()),
        }
    }

    /// The attempt, capture or refund behind an effect becomes unknown too.
    fn object_unknown(&mut self, effect: EffectId) {
        let open = self.effects.get(&effect).expect("an unknown effect is open");
        let (id, kind) = (open.payment, open.requested.kind);
        let payment = self.payment_mut(id);
        match kind {
            EffectKind::Authorize { attempt } => {
                let attempt = payment.attempts.get_mut(usize::from(attempt)).expect("an effect names an attempt that exists");
                attempt.status = attempt.status.after(AttemptInput::Unknown).expect("an open attempt may become unknown");
            }
            EffectKind::Capture { capture } => {
                let capture = payment.captures.get_mut(usize::from(capture)).expect("an effect names a capture that exists");
                capture.status = capture.status.after(CaptureInput::Unknown).expect("an open capture may become unknown");
            }
            EffectKind::Refund { refund } => {
                let found = payment.refunds.iter_mut().find(|found| found.refund == refund).expect("an effect names a refund that exists");
                found.status = found.status.after(RefundInput::Unknown).expect("an open refund may become unknown");
            }
            EffectKind::Cancel { .. } | EffectKind::Observe { .. } | EffectKind::UndoHold { .. } | EffectKind::UndoCapture { .. } => {}
        }
    }
}
