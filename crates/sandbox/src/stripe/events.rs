//! Events: what happened, with a picture of the object as it was then. An event is rendered only when somebody reads it
//! or an endpoint is to get it; who is told of it is in [`super::outbox`].
//!
//! Source: docs.stripe.com/api/events (kept 30 days).

use super::Stripe;
use super::objects::{Account, Charge, Intent, IntentOrigin, Refund, Row, kind};
use super::records::{Customer, Dispute, Endpoint, PaymentMethod, Payout, SetupIntent, Warning};
use super::webhook_faults::WebhookPlan;
use std::sync::Arc;

/// Most events kept at once; beyond it the oldest are forgotten early.
pub const EVENTS_MAX: u32 = 200_000;
/// A type of event that nobody knows.
const UNKNOWN_TYPE: &str = "sandbox.never_heard_of";

/// An object at one moment.
#[derive(Debug, Clone)]
pub(super) enum Snapshot {
    Intent(Row<Intent>, Intent),
    Charge(Row<Charge>, Charge),
    Refund(Row<Refund>, Refund),
    Dispute(Row<Dispute>, Dispute),
    Method(Row<PaymentMethod>, PaymentMethod),
    Customer(Row<Customer>, Customer),
    Setup(Row<SetupIntent>, SetupIntent),
    Payout(Row<Payout>, Payout),
    Warning(Row<Warning>, Warning),
}

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Event {
    pub(super) account: Account,
    pub(super) created_ms: u64,
    /// `type`.
    pub(super) kind: &'static str,
    pub(super) object: Snapshot,
    /// The object before, for `previous_attributes`.
    pub(super) previous: Option<Box<Snapshot>>,
    /// Number and key of the request that caused it; nothing if it happened by itself.
    pub(super) cause: Option<Cause>,
    /// How many endpoints have not acknowledged it.
    pub(super) pending: u32,
}

kind!(Event, "evt_", "event", 12);

/// The request that causes what happens.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    /// Number of the request.
    pub number: u64,
    /// Its idempotency key.
    pub key: Option<Arc<str>>,
}

impl Snapshot {
    /// Which object it is of.
    pub fn key(&self) -> (u8, u32) {
        match self {
            Self::Intent(row, _) => (0, row.index()),
            Self::Charge(row, _) => (1, row.index()),
            Self::Refund(row, _) => (2, row.index()),
            Self::Dispute(row, _) => (3, row.index()),
            Self::Method(row, _) => (4, row.index()),
            Self::Customer(row, _) => (5, row.index()),
            Self::Setup(row, _) => (6, row.index()),
            Self::Payout(row, _) => (7, row.index()),
            Self::Warning(row, _) => (8, row.index()),
        }
    }
}

impl Stripe {
    /// Notes that something happened to an object, and which endpoints are to be told.
    pub(super) fn emit(&mut self, account: Account, kind: &'static str, object: Snapshot, previous: Option<Snapshot>) {
        self.forget_old_events();
        let row = self.events.next_row();
        let (pending, unknown) = if self.endpoints.count() > 0 { self.announce(row, account, kind, &object) } else { (0, Vec::new()) };
        let (created_ms, cause) = (self.now_ms, self.cause.clone());
        let event = Event { account, created_ms, kind, object, previous: previous.map(Box::new), cause, pending };
        let additional = (!unknown.is_empty()).then(|| Event { kind: UNKNOWN_TYPE, previous: None, pending: 1, ..event.clone() });
        self.events.push(event);
        if let Some(additional) = additional {
            for endpoint in unknown {
                let object = additional.object.key();
                let row = self.events.push(additional.clone());
                self.enqueue(row, endpoint, object, &WebhookPlan::default());
            }
        }
    }

    pub(super) fn wants(&self, endpoint: &Endpoint, account: Account, kind: &str) -> bool {
        let of_connected = !self.is_platform(account);
        let addressed = if of_connected && endpoint.connect { self.is_platform(endpoint.account) } else { endpoint.account == account };
        let listed = || endpoint.events.iter().any(|wanted| wanted == "*" || wanted == kind);
        endpoint.enabled && !endpoint.deleted && addressed && (of_connected || !endpoint.connect) && listed()
    }

    pub(super) fn forget_old_events(&mut self) {
        let oldest_ms = self.now_ms.saturating_sub(self.config.event_retention_ms);
        loop {
            let full = self.events.count() - self.events.first() >= EVENTS_MAX;
            match self.events.oldest() {
                Some(event) if full || event.created_ms < oldest_ms => self.events.drop_oldest(),
                _ => return,
            }
        }
    }

    pub(super) fn emit_intent(&mut self, row: Row<Intent>, kind: &'static str) {
        let intent = self.intents.at(row).clone();
        if intent.origin == IntentOrigin::DirectCharge {
            return;
        }
        self.emit(intent.account, kind, Snapshot::Intent(row, intent), None);
    }

    pub(super) fn emit_charge(&mut self, row: Row<Charge>, kind: &'static str, previous: Option<Charge>) {
        let charge = self.charges.at(row).clone();
        self.emit(charge.account, kind, Snapshot::Charge(row, charge), previous.map(|charge| Snapshot::Charge(row, charge)));
    }

    pub(super) fn emit_refund(&mut self, row: Row<Refund>, kind: &'static str, previous: Option<Refund>) {
        let refund = self.refunds.at(row).clone();
        self.emit(refund.account, kind, Snapshot::Refund(row, refund), previous.map(|refund| Snapshot::Refund(row, refund)));
    }

    pub(super) fn emit_dispute(&mut self, row: Row<Dispute>, kind: &'static str, previous: Option<Dispute>) {
        let dispute = self.disputes.at(row).clone();
        self.emit(dispute.account, kind, Snapshot::Dispute(row, dispute), previous.map(|dispute| Snapshot::Dispute(row, dispute)));
    }

    pub(super) fn emit_method(&mut self, row: Row<PaymentMethod>, kind: &'static str, previous: Option<PaymentMethod>) {
        let method = self.methods.at(row).clone();
        self.emit(method.account, kind, Snapshot::Method(row, method), previous.map(|method| Snapshot::Method(row, method)));
    }

    pub(super) fn emit_customer(&mut self, row: Row<Customer>, kind: &'static str, previous: Option<Customer>) {
        let customer = self.customers.at(row).clone();
        self.emit(customer.account, kind, Snapshot::Customer(row, customer), previous.map(|customer| Snapshot::Customer(row, customer)));
    }

    pub(super) fn emit_setup(&mut self, row: Row<SetupIntent>, kind: &'static str) {
        let setup = self.setups.at(row).clone();
        self.emit(setup.account, kind, Snapshot::Setup(row, setup), None);
    }

    pub(super) fn emit_payout(&mut self, row: Row<Payout>, kind: &'static str, previous: Option<Payout>) {
        let payout = self.payouts.at(row).clone();
        self.emit(payout.account, kind, Snapshot::Payout(row, payout), previous.map(|payout| Snapshot::Payout(row, payout)));
    }

    pub(super) fn emit_warning(&mut self, row: Row<Warning>, kind: &'static str) {
        let warning = self.warnings.at(row).clone();
        self.emit(warning.account, kind, Snapshot::Warning(row, warning), None);
    }
}
