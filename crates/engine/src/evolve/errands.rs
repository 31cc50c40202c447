//! Open errands: their sends, their ladders, their end.

use crate::effect::SendKind;
use crate::errand::{Errand, ErrandKind, ErrandRequested, ErrandStatus};
use crate::event::Event;
use crate::state::{State, Timer};
use base::{ErrandId, OutcomeClass, Timestamp};

impl State {
    pub(super) fn apply_errand(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::ErrandStarted { requested } => self.open_errand(requested, at),
            Event::ErrandUnknown { errand, step, next_at, .. } => {
                self.rest_errand(*errand, ErrandStatus::Unknown, *step, Some(*next_at)).earlier = Some(OutcomeClass::Unknown);
            }
            Event::ErrandDeferred { errand, class, step, next_at, .. } => {
                let open = self.rest_errand(*errand, ErrandStatus::Deferred, *step, Some(*next_at));
                assert!(open.earlier != Some(OutcomeClass::Unknown), "what may have been executed is never deferred");
                open.earlier = Some(*class);
            }
            Event::ErrandSent { errand, send, send_kind, step } => {
                let open = self.rest_errand(*errand, ErrandStatus::InFlight, *step, None);
                assert!(*send == open.sends + 1, "sends are counted one by one");
                open.sends = *send;
                open.send_kind = *send_kind;
            }
            other => unreachable!("{:?} is applied elsewhere", other.kind()),
        }
    }

    /// Opens an errand with its first send under way.
    fn open_errand(&mut self, requested: &ErrandRequested, at: Timestamp) {
        match requested.kind {
            ErrandKind::StoreCustomer => {
                let customer = self.customer_mut(requested.customer);
                customer.storings = customer.storings.saturating_add(1);
                let before = customer.storing.insert(requested.provider, requested.errand);
                assert!(before.is_none(), "a customer is made known by one call at a time");
            }
            ErrandKind::Attach { method } => self.occupy_method(method, requested.errand),
            ErrandKind::Detach { method } => {
                let found = self.method_mut(method);
                found.removals = found.removals.saturating_add(1);
                self.occupy_method(method, requested.errand);
            }
        }
        let errand = Errand {
            requested: requested.clone(),
            requested_at: at,
            status: ErrandStatus::InFlight,
            sends: 1,
            send_kind: SendKind::First,
            step: 0,
            next_at: None,
            earlier: None,
        };
        assert!(self.errands.insert(requested.errand, errand).is_none(), "an errand is opened once");
    }

    fn occupy_method(&mut self, method: base::PaymentMethodId, errand: ErrandId) {
        let before = self.method_mut(method).errand.replace(errand);
        assert!(before.is_none(), "a payment method has one errand at a time");
    }

    /// Closes an errand; its request is forgotten.
    pub(super) fn close_errand(&mut self, errand: ErrandId) {
        let closed = self.errands.remove(&errand).expect("a closed errand was open");
        if let Some(at) = closed.next_at {
            self.timers.remove(&(at, Timer::Errand(errand)));
        }
        match closed.requested.kind {
            ErrandKind::StoreCustomer => {
                self.customer_mut(closed.requested.customer).storing.remove(&closed.requested.provider);
            }
            ErrandKind::Attach { method } | ErrandKind::Detach { method } => self.method_mut(method).errand = None,
        }
    }

    /// Puts an open errand to rest until `next_at`, or on its way when there is none.
    fn rest_errand(&mut self, errand: ErrandId, status: ErrandStatus, step: u16, next_at: Option<Timestamp>) -> &mut Errand {
        let open = self.errands.get_mut(&errand).expect("an event names an errand that is open");
        let before = core::mem::replace(&mut open.next_at, next_at);
        open.status = status;
        open.step = step;
        if let Some(at) = before {
            self.timers.remove(&(at, Timer::Errand(errand)));
        }
        self.set_timer(next_at, Timer::Errand(errand));
        self.errands.get_mut(&errand).expect("it was there")
    }
}
