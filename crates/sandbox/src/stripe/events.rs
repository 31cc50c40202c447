//! Events: what happened, with a picture of the object as it was then, and which webhook endpoints are to be told. An
//! event is rendered only when somebody reads it or an endpoint is to get it; delivering is not done here.
//!
//! Source: docs.stripe.com/api/events (kept 30 days), docs.stripe.com/webhooks.

use super::Stripe;
use super::objects::{Account, Charge, Intent, IntentOrigin, Refund, Row, kind};
use super::records::{Customer, Dispute, Endpoint, PaymentMethod, Payout, SetupIntent, Warning};
use std::collections::VecDeque;
use std::sync::Arc;

/// Most events kept at once; beyond it the oldest are forgotten early.
pub const EVENTS_MAX: u32 = 200_000;
/// Most deliveries waiting to be taken; beyond it the oldest are dropped.
pub const DELIVERIES_MAX: usize = 100_000;

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

/// One event for one endpoint, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// Id of the event.
    pub event_id: String,
    /// Type of the event.
    pub event_type: &'static str,
    /// Time of the event, ms since 1970 on the simulator's clock.
    pub created_ms: u64,
    /// Id of the endpoint.
    pub endpoint_id: String,
    /// Where to send it.
    pub url: String,
    /// What to sign it with, complete with `whsec_`.
    pub secret: String,
    /// The event as JSON: the body to send and to sign.
    pub body: Vec<u8>,
}

/// Deliveries that nobody has taken yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<(Row<Event>, Row<Endpoint>)>,
    /// How many were dropped because nobody took them.
    dropped: u64,
}

impl Stripe {
    /// Notes that something happened to an object, and which endpoints are to be told.
    pub(super) fn emit(&mut self, account: Account, kind: &'static str, object: Snapshot, previous: Option<Snapshot>) {
        self.forget_old_events();
        let row = self.events.next_row();
        let mut pending = 0;
        if self.endpoints.count() > 0 {
            for (endpoint_row, endpoint) in self.endpoints.rows() {
                if !self.wants(endpoint, account, kind) {
                    continue;
                }
                pending += 1;
                if self.outbox.waiting.len() == DELIVERIES_MAX {
                    self.outbox.waiting.pop_front();
                    self.outbox.dropped += 1;
                }
                self.outbox.waiting.push_back((row, endpoint_row));
            }
        }
        let (created_ms, cause) = (self.now_ms, self.cause.clone());
        let previous = previous.map(Box::new);
        self.events.push(Event { account, created_ms, kind, object, previous, cause, pending });
    }

    fn wants(&self, endpoint: &Endpoint, account: Account, kind: &str) -> bool {
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

    /// Takes at most `count_max` deliveries in the order of their events, rendered and with the secret to sign with.
    /// Whoever takes them sends them; an endpoint that was deleted or disabled since gets nothing any more. After a
    /// restart from a log, deliveries of the recorded events wait again: delivery is at least once.
    pub fn take_deliveries(&mut self, count_max: usize) -> Vec<WebhookDelivery> {
        let mut taken = Vec::new();
        while taken.len() < count_max {
            let Some((event_row, endpoint_row)) = self.outbox.waiting.pop_front() else { break };
            if event_row.index() < self.events.first() {
                continue;
            }
            let (event, endpoint) = (self.events.at(event_row), self.endpoints.at(endpoint_row));
            if endpoint.deleted || !endpoint.enabled {
                continue;
            }
            taken.push(WebhookDelivery {
                event_id: self.events.id(event_row),
                event_type: event.kind,
                created_ms: event.created_ms,
                endpoint_id: self.endpoints.id(endpoint_row),
                url: endpoint.url.clone(),
                secret: self.endpoint_secret(endpoint_row),
                body: self.event_text(event_row, endpoint.api_version.as_deref()),
            });
        }
        taken
    }

    /// How many deliveries wait to be taken, and how many were dropped because nobody took them.
    pub fn delivery_counts(&self) -> (usize, u64) {
        (self.outbox.waiting.len(), self.outbox.dropped)
    }

    /// Notes that an endpoint acknowledged an event, so that it no longer counts among `pending_webhooks`. Unknown ids
    /// and repeated acknowledgements beyond the count change nothing.
    pub fn acknowledge_delivery(&mut self, event_id: &str) {
        if let Some(row) = self.events.find(event_id) {
            let event = self.events.at_mut(row);
            event.pending = event.pending.saturating_sub(1);
        }
    }
}
