//! Webhook deliveries: who is told of an event, when, signed how, after how many attempts, and what the scripted faults
//! make of that. Everything is data: nothing is sent here. Whoever sends (the task in [`crate::delivery`], or a driver
//! without sockets) takes deliveries, and says what became of each.
//!
//! Source: docs.stripe.com/webhooks (acknowledged by any 2xx; retried for up to three days with an exponential back-off;
//! two signatures while a secret is rolled).

use super::Stripe;
use super::answers::StatusShown;
use super::events::{Event, Snapshot};
use super::objects::{Account, Metadata, Row};
use super::records::Endpoint;
use super::webhook_faults::{DeliverySubject, WebhookFaultKind, WebhookPlan};
use crate::random;
use crate::signature;
use serde::Serialize;
use std::collections::BTreeMap;

/// Most deliveries that are not finished; beyond it the oldest are dropped.
pub const DELIVERIES_MAX: usize = 100_000;
/// How far back the time lies that an old attempt is signed with, s: a year.
const OLD_S: u64 = 365 * 24 * 3_600;
/// What a wrong signature is made with.
const WRONG_SECRET: &str = "whsec_of_somebody_else";
const STREAM_SECRET: u64 = 301;
/// Base-62 digits of a secret, in groups of at most ten.
const SECRET_DIGITS: [usize; 4] = [8, 8, 8, 8];

/// Number of a delivery, in the order in which deliveries arose; never used twice.
pub type DeliveryNumber = u64;

/// One attempt to tell one endpoint of one event: everything that has to be sent, and when.
///
/// All webhook faults are in it already. A duplicate is a delivery of its own with the same `event_id`; what is never
/// to arrive is not among those taken; a late or a repeated one has a `not_before_ms` in the future; one that comes out
/// of order stands behind those that go first, and `after` names the last of them; a wrong, old or rolled signature is in
/// `signature_header`. So a driver without sockets takes deliveries, sends each at its time in the order in which it
/// got them, and calls [`Stripe::finish_delivery`]; what was not acknowledged is then taken again, later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// Number to finish it by. A retry keeps it.
    pub number: DeliveryNumber,
    /// Which attempt, from 1.
    pub attempt: u32,
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
    /// The secret in force, complete with `whsec_`; what really signs is in `signature_header`.
    pub secret: String,
    /// When to send it, ms since 1970 in the time of [`Stripe::handle`].
    pub not_before_ms: u64,
    /// A delivery whose first attempt is to be over before this one is sent.
    pub after: Option<DeliveryNumber>,
    /// Whether it is to be answered before the request that caused it is; see [`crate::wire::Handled::early`].
    pub early: bool,
    /// `Stripe-Signature`.
    pub signature_header: String,
    /// The event as JSON: the body to send.
    pub body: Vec<u8>,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryOutcome {
    /// A 2xx came.
    Acknowledged,
    /// Anything else came, or nothing in time: it is tried again.
    Failed,
    /// It cannot be sent at all, such as to an unsupported URL: it is not tried again.
    Refused,
}

/// How many deliveries there are and were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DeliveryCounts {
    /// Not finished: waiting, held back or on their way.
    pub open: usize,
    /// Of these, those that nobody has taken.
    pub waiting: usize,
    /// Acknowledged.
    pub acknowledged: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Given up after the last retry.
    pub abandoned: u64,
    /// Refused by the sender.
    pub refused: u64,
    /// Dropped because too many were open.
    pub dropped: u64,
    /// Acknowledged although the signature was wrong or its time old: the receiver is at fault.
    pub forged_acknowledged: u64,
}

/// A delivery that is not finished, as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct OpenDelivery {
    number: DeliveryNumber,
    event_id: Option<String>,
    event_type: Option<&'static str>,
    endpoint_id: String,
    attempt: u32,
    /// When it is due, or when it is no longer held back; ms on the simulator's clock.
    due_ms: u64,
    /// Whether somebody took it and it may be on its way.
    taken: bool,
    /// How many events of its object are to come first.
    followers: u32,
    after: Option<DeliveryNumber>,
}

/// Where a delivery stands in its endpoint's queue: time, ms on the simulator's clock, then order.
type Place = (u64, u64);

/// A delivery that is not finished.
#[derive(Debug, Clone)]
struct Open {
    event: Row<Event>,
    endpoint: Row<Endpoint>,
    /// The object that the event is about.
    object: (u8, u32),
    /// Number of the first of its copies.
    group: DeliveryNumber,
    attempt: u32,
    place: Place,
    taken: bool,
    /// How many events of its object have to come first.
    followers: u32,
    after: Option<DeliveryNumber>,
    early: bool,
    bad_signatures: u32,
    old_timestamps: u32,
    unknown_enum: bool,
}

/// Copies of one delivery.
#[derive(Debug, Clone, Copy)]
struct Group {
    open_count: u32,
    acknowledged: bool,
}

/// All deliveries that are not finished.
#[derive(Debug, Clone, Default)]
pub(super) struct Outbox {
    open: BTreeMap<DeliveryNumber, Open>,
    /// Those that nobody has taken, by endpoint and place.
    waiting: BTreeMap<Row<Endpoint>, BTreeMap<Place, DeliveryNumber>>,
    /// Those that wait for followers.
    held: Vec<DeliveryNumber>,
    /// Deliveries with copies.
    groups: BTreeMap<DeliveryNumber, Group>,
    next_number: DeliveryNumber,
    next_position: u64,
    counts: DeliveryCounts,
    /// Those that the request at hand caused and that are to go before its answer.
    pub(super) early: Vec<DeliveryNumber>,
}

impl Outbox {
    fn place(&mut self, due_ms: u64) -> Place {
        self.next_position += 1;
        (due_ms, self.next_position)
    }

    fn enqueue(&mut self, number: DeliveryNumber, delivery: Open) {
        self.waiting.entry(delivery.endpoint).or_default().insert(delivery.place, number);
        self.open.insert(number, delivery);
    }

    fn unqueue(&mut self, endpoint: Row<Endpoint>, place: Place) {
        if let Some(queue) = self.waiting.get_mut(&endpoint) {
            queue.remove(&place);
            if queue.is_empty() {
                self.waiting.remove(&endpoint);
            }
        }
    }

    /// Takes a delivery out of everything.
    fn close(&mut self, number: DeliveryNumber) -> Option<Open> {
        let delivery = self.open.remove(&number)?;
        self.unqueue(delivery.endpoint, delivery.place);
        if delivery.followers > 0 {
            self.held.retain(|held| *held != number);
        }
        if let Some(group) = self.groups.get_mut(&delivery.group) {
            group.open_count -= 1;
            if group.open_count == 0 {
                self.groups.remove(&delivery.group);
            }
        }
        Some(delivery)
    }

    /// A delivery of an event of an object arose: what was to come after it moves behind it.
    fn release_behind(&mut self, endpoint: Row<Endpoint>, object: (u8, u32), follower: DeliveryNumber, due_ms: u64) {
        for number in self.held.clone() {
            let Some(delivery) = self.open.get_mut(&number) else { continue };
            if delivery.endpoint != endpoint || delivery.object != object {
                continue;
            }
            delivery.followers -= 1;
            if delivery.followers > 0 {
                continue;
            }
            let old = delivery.place;
            self.held.retain(|held| *held != number);
            let place = self.place(due_ms);
            let Some(delivery) = self.open.get_mut(&number) else { continue };
            (delivery.place, delivery.after) = (place, Some(follower));
            if !delivery.taken {
                self.unqueue(endpoint, old);
                self.waiting.entry(endpoint).or_default().insert(place, number);
            }
        }
    }

    /// Whether a delivery's first attempt is over.
    fn was_tried(&self, number: DeliveryNumber) -> bool {
        self.open.get(&number).is_none_or(|delivery| delivery.attempt > 1)
    }

    fn is_held(&self, delivery: &Open, now_ms: u64) -> bool {
        delivery.followers > 0 && delivery.place.0 > now_ms
    }

    /// How many deliveries to an endpoint nobody has taken.
    pub(super) fn waiting_count(&self, endpoint: Row<Endpoint>) -> usize {
        self.waiting.get(&endpoint).map_or(0, BTreeMap::len)
    }

    fn counts(&self) -> DeliveryCounts {
        DeliveryCounts { open: self.open.len(), waiting: self.waiting.values().map(BTreeMap::len).sum(), ..self.counts }
    }
}

impl Stripe {
    /// Plans who is told of an event. Returns how many endpoints that are, and what they are told additionally: of so many
    /// events of an unknown type.
    pub(super) fn announce(
        &mut self,
        event: Row<Event>,
        account: Account,
        kind: &'static str,
        object: &Snapshot,
    ) -> (u32, Vec<Row<Endpoint>>) {
        let told: Vec<Row<Endpoint>> =
            self.endpoints.rows().filter(|(_, endpoint)| self.wants(endpoint, account, kind)).map(|(row, _)| row).collect();
        let mut unknown = Vec::new();
        for endpoint in &told {
            let plan = self.webhook_plan(*endpoint, kind, object);
            for kind in &plan.kinds {
                self.faults.count_webhook(*kind);
            }
            if plan.has(WebhookFaultKind::RotatedSecret) {
                self.roll_secret(*endpoint, plan.overlap_ms, None);
            }
            unknown.extend((0..plan.unknown_types).map(|_| *endpoint));
            if !plan.has(WebhookFaultKind::Missing) {
                self.enqueue(event, *endpoint, object.key(), &plan);
            }
        }
        (u32::try_from(told.len()).unwrap_or(u32::MAX), unknown)
    }

    /// What the request's metadata and the rules do to a delivery.
    fn webhook_plan(&mut self, endpoint: Row<Endpoint>, kind: &str, object: &Snapshot) -> WebhookPlan {
        let mut plan = WebhookPlan::default();
        for part in &self.webhook_script {
            part.apply(kind, &mut plan);
        }
        if self.faults.webhook_rules().is_empty() {
            return plan;
        }
        let mut faults = std::mem::take(&mut self.faults);
        let own = self.own_metadata(object);
        let of_intent = self.intent_metadata(object);
        let metadata = |name: &str| own.and_then(|own| own.value(name)).or_else(|| of_intent.and_then(|of_intent| of_intent.value(name)));
        let endpoint_id = self.endpoints.id(endpoint);
        let subject =
            DeliverySubject { event_type: kind, endpoint_id: &endpoint_id, url: &self.endpoints.at(endpoint).url, metadata: &metadata };
        // The rules' counters move, and nothing that the rules look at.
        faults.choose_webhook(self.seed, &subject, &mut plan);
        self.faults = faults;
        plan
    }

    fn own_metadata<'a>(&'a self, object: &'a Snapshot) -> Option<&'a Metadata> {
        match object {
            Snapshot::Intent(_, intent) => Some(&intent.texts.metadata),
            Snapshot::Charge(_, charge) => Some(&charge.texts.metadata),
            Snapshot::Refund(_, refund) => Some(&refund.metadata),
            Snapshot::Dispute(_, dispute) => Some(&dispute.evidence.metadata),
            Snapshot::Method(_, method) => method.texts.as_ref().map(|texts| &texts.metadata),
            Snapshot::Customer(_, customer) => Some(&customer.texts.metadata),
            Snapshot::Setup(_, setup) => Some(&setup.texts.metadata),
            Snapshot::Payout(_, payout) => Some(&payout.texts.metadata),
            Snapshot::Warning(..) => None,
        }
    }

    fn intent_metadata(&self, object: &Snapshot) -> Option<&Metadata> {
        let charge = match object {
            Snapshot::Charge(_, charge) => charge,
            Snapshot::Refund(_, refund) => self.charges.at(refund.charge),
            Snapshot::Dispute(_, dispute) => self.charges.at(dispute.charge),
            Snapshot::Warning(_, warning) => self.charges.at(warning.charge),
            Snapshot::Intent(..) | Snapshot::Method(..) | Snapshot::Customer(..) | Snapshot::Setup(..) | Snapshot::Payout(..) => {
                return None;
            }
        };
        Some(&self.intents.at(charge.intent).texts.metadata)
    }

    /// Adds a delivery and its copies.
    pub(super) fn enqueue(&mut self, event: Row<Event>, endpoint: Row<Endpoint>, object: (u8, u32), plan: &WebhookPlan) {
        let due_ms = self.now_ms.saturating_add(self.config.webhook_wait_ms(plan.delay_ms));
        let held_ms = due_ms.saturating_add(self.config.webhook_wait_ms(self.config.webhook_hold_ms));
        let outbox = &mut self.outbox;
        let group = outbox.next_number;
        if plan.copies > 0 {
            outbox.groups.insert(group, Group { open_count: plan.copies + 1, acknowledged: false });
        }
        for _ in 0..=plan.copies {
            if outbox.open.len() == DELIVERIES_MAX
                && let Some(oldest) = outbox.open.keys().next().copied()
            {
                outbox.close(oldest);
                outbox.counts.dropped += 1;
            }
            let number = outbox.next_number;
            outbox.next_number += 1;
            let place = outbox.place(if plan.followers > 0 { held_ms } else { due_ms });
            let early = plan.has(WebhookFaultKind::Early);
            let delivery = Open {
                event,
                endpoint,
                object,
                group,
                attempt: 1,
                place,
                taken: false,
                followers: plan.followers,
                after: None,
                early,
                bad_signatures: plan.bad_signatures,
                old_timestamps: plan.old_timestamps,
                unknown_enum: plan.has(WebhookFaultKind::UnknownEnum),
            };
            outbox.enqueue(number, delivery);
            if early {
                outbox.early.push(number);
            }
        }
        let last = outbox.next_number - 1;
        outbox.release_behind(endpoint, object, last, if plan.followers > 0 { held_ms } else { due_ms });
        if plan.followers > 0 {
            outbox.held.extend(group..=last);
        }
    }

    /// Takes at most `count_max` deliveries of all endpoints, in the order in which they are to be sent, those of the future
    /// included. Only what still waits for the next events of its object stays behind, until they come or its
    /// longest wait is over. Whoever takes them sends them, see [`WebhookDelivery`]. An endpoint that was deleted or
    /// disabled since gets nothing any more. After a restart from a log, what was taken and not finished waits again:
    /// delivery is at least once.
    pub fn take_deliveries(&mut self, count_max: usize) -> Vec<WebhookDelivery> {
        let now_ms = self.now_ms;
        let mut places: Vec<(Place, DeliveryNumber)> = Vec::new();
        for queue in self.outbox.waiting.values() {
            let ready = queue.iter().filter(|(_, number)| {
                let delivery = self.outbox.open.get(number);
                delivery.is_some_and(|delivery| !self.outbox.is_held(delivery, now_ms))
            });
            places.extend(ready.take(count_max).map(|(place, number)| (*place, *number)));
        }
        places.sort_unstable();
        places.into_iter().filter_map(|(_, number)| self.take_delivery(number)).take(count_max).collect()
    }

    /// Takes the deliveries that are due until now, for each endpoint at most as many as `room` says for its id.
    pub fn take_due_deliveries(&mut self, now_ms: u64, room: &dyn Fn(&str) -> usize) -> Vec<WebhookDelivery> {
        self.advance_to(now_ms);
        let now_ms = self.now_ms;
        let mut numbers = Vec::new();
        for (endpoint, queue) in &self.outbox.waiting {
            let due = queue.range(..=(now_ms, u64::MAX)).map(|(_, number)| *number).filter(|number| {
                let after = self.outbox.open.get(number).and_then(|delivery| delivery.after);
                after.is_none_or(|after| self.outbox.was_tried(after))
            });
            numbers.extend(due.take(room(&self.endpoints.id(*endpoint))));
        }
        numbers.into_iter().filter_map(|number| self.take_delivery(number)).collect()
    }

    /// When a delivery will next be due that is not due yet, in the time of [`Stripe::handle`].
    pub fn next_delivery_ms(&self) -> Option<u64> {
        let next = |queue: &BTreeMap<Place, DeliveryNumber>| queue.range((self.now_ms + 1, 0)..).next().map(|((due_ms, _), _)| *due_ms);
        self.outbox.waiting.values().filter_map(next).min().map(|due_ms| due_ms.saturating_sub(self.offset_ms))
    }

    /// Renders and signs a delivery that is about to be sent; nothing if nobody is to get it any more.
    fn take_delivery(&mut self, number: DeliveryNumber) -> Option<WebhookDelivery> {
        let Open { event, endpoint, place, attempt, .. } = *self.outbox.open.get(&number)?;
        let told = self.endpoints.at(endpoint);
        if event.index() < self.events.first() || told.deleted || !told.enabled {
            self.outbox.close(number);
            return None;
        }
        self.outbox.unqueue(endpoint, place);
        let delivery = self.outbox.open.get_mut(&number)?;
        delivery.taken = true;
        let (forged, old) = (attempt <= delivery.bad_signatures, attempt <= delivery.old_timestamps);
        let (after, early) = (delivery.after, delivery.early && attempt == 1);
        let status = if delivery.unknown_enum { StatusShown::Unknown } else { StatusShown::True };
        let body = self.event_text(event, told.api_version.as_deref(), status);
        let not_before_ms = place.0.saturating_sub(self.offset_ms);
        // The receiver's clock is that of the driver, not the simulator's, which may have been moved.
        let sent_s = not_before_ms.max(self.now_ms.saturating_sub(self.offset_ms)) / 1_000;
        let timestamp_s = if old { sent_s.saturating_sub(OLD_S) } else { sent_s };
        let secrets = self.endpoint_secrets(endpoint);
        let signature_header = if forged {
            signature::header(timestamp_s, &body, secrets.iter().map(|_| WRONG_SECRET))
        } else {
            signature::header(timestamp_s, &body, secrets.iter().map(String::as_str))
        };
        let (event_id, told) = (self.events.id(event), self.events.at(event));
        Some(WebhookDelivery {
            number,
            attempt,
            event_id,
            event_type: told.kind,
            created_ms: told.created_ms,
            endpoint_id: self.endpoints.id(endpoint),
            url: self.endpoints.at(endpoint).url.clone(),
            secret: self.endpoint_secret(endpoint),
            not_before_ms,
            after,
            early,
            signature_header,
            body,
        })
    }

    /// Notes what became of a delivery. An acknowledged event no longer counts the endpoint among its
    /// `pending_webhooks`; a failed one waits for its next attempt, or is given up after the last. Unknown and finished
    /// numbers change nothing. `now_ms` is the time of [`Stripe::handle`].
    pub fn finish_delivery(&mut self, number: DeliveryNumber, outcome: DeliveryOutcome, now_ms: u64) {
        self.advance_to(now_ms);
        let Some(delivery) = self.outbox.open.get(&number).cloned() else { return };
        let group = self.outbox.groups.get(&delivery.group).copied();
        let settled = group.is_some_and(|group| group.acknowledged);
        match outcome {
            DeliveryOutcome::Acknowledged => {
                self.outbox.counts.acknowledged += 1;
                let forged = delivery.attempt <= delivery.bad_signatures.max(delivery.old_timestamps);
                self.outbox.counts.forged_acknowledged += u64::from(forged);
                if let Some(group) = self.outbox.groups.get_mut(&delivery.group) {
                    group.acknowledged = true;
                }
                if !settled && delivery.event.index() >= self.events.first() {
                    let event = self.events.at_mut(delivery.event);
                    event.pending = event.pending.saturating_sub(1);
                }
            }
            DeliveryOutcome::Failed => {
                self.outbox.counts.failed += 1;
                if !settled && self.retry(number) {
                    return;
                }
            }
            DeliveryOutcome::Refused => self.outbox.counts.refused += 1,
        }
        self.outbox.close(number);
    }

    /// Lets a delivery wait for its next attempt, if it has one.
    fn retry(&mut self, number: DeliveryNumber) -> bool {
        let outbox = &mut self.outbox;
        let Some(mut delivery) = outbox.open.get(&number).cloned() else { return false };
        let wait = usize::try_from(delivery.attempt - 1).ok().and_then(|index| self.config.webhook_retry_ms.get(index));
        let Some(wait_ms) = wait.map(|wait_ms| self.config.webhook_wait_ms(*wait_ms)) else {
            outbox.counts.abandoned += 1;
            return false;
        };
        outbox.unqueue(delivery.endpoint, delivery.place);
        outbox.held.retain(|held| *held != number);
        (delivery.followers, delivery.after) = (0, None);
        delivery.attempt += 1;
        delivery.taken = false;
        delivery.place = outbox.place(self.now_ms.saturating_add(wait_ms));
        outbox.enqueue(number, delivery);
        true
    }

    /// Whether the first attempt of a delivery is over, whatever came of it.
    pub fn was_delivery_tried(&self, number: DeliveryNumber) -> bool {
        self.outbox.was_tried(number)
    }

    /// The oldest deliveries that are not finished.
    pub(super) fn open_deliveries(&self, count_max: usize) -> Vec<OpenDelivery> {
        let shown = |(number, delivery): (&DeliveryNumber, &Open)| {
            let event = Some(delivery.event).filter(|event| event.index() >= self.events.first());
            OpenDelivery {
                number: *number,
                event_id: event.map(|event| self.events.id(event)),
                event_type: event.map(|event| self.events.at(event).kind),
                endpoint_id: self.endpoints.id(delivery.endpoint),
                attempt: delivery.attempt,
                due_ms: delivery.place.0,
                taken: delivery.taken,
                followers: delivery.followers,
                after: delivery.after,
            }
        };
        self.outbox.open.iter().take(count_max).map(shown).collect()
    }

    /// Whether any delivery is not finished.
    pub fn has_deliveries(&self) -> bool {
        !self.outbox.open.is_empty()
    }

    /// How many deliveries there are and were.
    pub fn delivery_counts(&self) -> DeliveryCounts {
        self.outbox.counts()
    }

    /// What an endpoint's deliveries are signed with from now on, complete with `whsec_`.
    pub(super) fn endpoint_secret(&self, row: Row<Endpoint>) -> String {
        let endpoint = self.endpoints.at(row);
        endpoint.secret.clone().unwrap_or_else(|| self.derived_secret(row, endpoint.roll_count))
    }

    /// All that an endpoint's deliveries are signed with now: while a roll's overlap lasts, the new secret, then the old.
    fn endpoint_secrets(&self, row: Row<Endpoint>) -> Vec<String> {
        let old = self.endpoints.at(row).old_secret.as_ref().filter(|(_, until_ms)| *until_ms > self.now_ms);
        std::iter::once(self.endpoint_secret(row)).chain(old.map(|(secret, _)| secret.clone())).collect()
    }

    fn derived_secret(&self, row: Row<Endpoint>, roll_count: u32) -> String {
        let mut secret = "whsec_".to_owned();
        let counter = u64::from(roll_count) << 32 | u64::from(row.index());
        for (part, digits) in (0u64..).zip(SECRET_DIGITS) {
            random::push_digits(&mut secret, random::mix(self.seed, STREAM_SECRET + part, counter), digits);
        }
        secret
    }

    /// Gives an endpoint a new secret; the old one signs too for `overlap_ms`. Within the overlap of an earlier roll only
    /// a given secret makes a difference, so that the one that receivers know keeps signing for as long as was promised.
    pub(super) fn roll_secret(&mut self, row: Row<Endpoint>, overlap_ms: u64, given: Option<String>) {
        let old = self.endpoint_secret(row);
        let until_ms = self.now_ms.saturating_add(overlap_ms);
        let now_ms = self.now_ms;
        let endpoint = self.endpoints.at_mut(row);
        let overlaps = endpoint.old_secret.as_ref().is_some_and(|(_, until_ms)| *until_ms > now_ms);
        if overlaps && overlap_ms > 0 && given.is_none() {
            return;
        }
        endpoint.roll_count += 1;
        endpoint.secret = given;
        endpoint.old_secret = (overlap_ms > 0).then_some((old, until_ms));
    }
}
