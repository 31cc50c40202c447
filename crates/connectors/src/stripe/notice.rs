//! What Stripe's events say, in our words, and pages of them. Sources: Stripe's API reference of the event object, its
//! list of event types and its page on handling webhooks.
//!
//! An event is read in two steps: first its id, type and time, then its object. So an object that cannot be read costs
//! nothing but its meaning.

use super::dispute::dispute_fact;
use super::json::{self, member, members};
use super::object::{INTENT, REFUND, currency, is_id, is_reference, linked_id, number, printable, reference, text};
use super::{EVENTS_RESPONSE_BYTES_MAX, PROVIDER_ID_BYTES_MAX, from_provider};
use crate::notices::{EventsPage, NOTICE_BYTES_MAX, NoticeError, SweptEvent};
use base::{About, Notice, PaymentSays, RefundSays, Timestamp};
use egress::Response;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Events per page, and the most that are read of one: Stripe's maximum.
pub(super) const EVENTS_PER_PAGE_MAX: usize = 100;
/// The types that a sweep asks for: those whose object can say what no answer to a call of ours says. Everything else that
/// payments cause (three events of an ordinary one, of which these are one) is left at the provider. Disputes come from nowhere
/// else. A refund that went through can fail, or be given up, which is an update. A payment can be held, taken or given
/// up after its attempt was over, or at the provider's own pages. `charge.refund.updated` is what refunds of some payment methods
/// and older endpoints have in place of `refund.updated`. Of a payment that stays open no message is wanted.
///
/// Source: Stripe's API reference of the list of events: `types` has at most 20 names and no wildcards.
pub(super) const SWEPT_TYPES: [&str; 11] = [
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refund.updated",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.succeeded",
    "refund.failed",
    "refund.updated",
];
/// The types that a webhook endpoint should be told of: those a sweep asks for, and those that come in time to be of use. A
/// payment that failed, waits for its customer or for its bank, and a refund that was made, may be what a call without an answer
/// came to, and are looked up at once. `charge.updated` tells of fees that were not known yet. What is left out
/// (`payment_intent.created`, `charge.succeeded` and more) repeats one of these: to take it would cost the same and tell nothing.
pub const WEBHOOK_TYPES: [&str; 16] = [
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refund.updated",
    "charge.updated",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "refund.created",
    "refund.failed",
    "refund.updated",
];
/// Most names that `types` may have.
const TYPES_MAX: usize = 20;
/// Longest event type that is passed on, in bytes.
const EVENT_TYPE_BYTES_MAX: usize = 100;

const _: () = assert!(SWEPT_TYPES.len() <= TYPES_MAX, "Stripe takes the list");

/// Reads one event.
///
/// # Errors
/// [`NoticeError::TooLarge`] or [`NoticeError::Unreadable`].
pub(super) fn parse(body: &[u8]) -> Result<Notice, NoticeError> {
    if body.len() > NOTICE_BYTES_MAX {
        return Err(NoticeError::TooLarge);
    }
    let fields = members(body, &["created", "data", "id", "type"]).ok_or(NoticeError::Unreadable)?;
    let event_id = event_id(&fields).ok_or(NoticeError::Unreadable)?;
    let event_type = texts(&fields, "type").filter(|name| !name.is_empty()).ok_or(NoticeError::Unreadable)?;
    let created_at = read::<u64>(&fields, "created").map(Timestamp::from_s);
    let data = fields.get("data").and_then(|data| json::read(data.get().as_bytes()));
    let about = data.and_then(|data| about(&event_type, member(&data, "object")?));
    let about = about.unwrap_or(About::Other);
    Ok(Notice { event_id, event_type: printable(&event_type, EVENT_TYPE_BYTES_MAX), created_at, about })
}

/// Reads a page of events.
pub(super) fn page(response: &Response) -> Option<EventsPage> {
    if !(200..300).contains(&response.status) || response.body.len() > EVENTS_RESPONSE_BYTES_MAX {
        return None;
    }
    let list = members(&response.body, &["data", "has_more"])?;
    let entries: Vec<&RawValue> = read(&list, "data")?;
    let has_more = read::<bool>(&list, "has_more")? || entries.len() > EVENTS_PER_PAGE_MAX;
    let mut page = EventsPage { events: Vec::new(), unreadable_count: 0, last_event_id: None, has_more };
    for entry in entries.into_iter().take(EVENTS_PER_PAGE_MAX) {
        let raw = entry.get().as_bytes();
        match parse(raw) {
            Ok(notice) => page.events.push(SweptEvent { raw: raw.to_vec(), notice }),
            Err(_) => page.unreadable_count += 1,
        }
        if let Some(id) = members(raw, &["id"]).and_then(|fields| event_id(&fields)) {
            page.last_event_id = Some(id);
        }
    }
    Some(page)
}

/// Whether a text can be an event's id, and be put into a query.
pub(super) fn is_event_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= PROVIDER_ID_BYTES_MAX && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Members of an object by name.
type Fields<'a> = BTreeMap<&'static str, &'a RawValue>;

fn read<'a, T: serde::Deserialize<'a>>(fields: &Fields<'a>, name: &str) -> Option<T> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

fn texts(fields: &Fields<'_>, name: &str) -> Option<String> {
    read(fields, name)
}

fn event_id(fields: &Fields<'_>) -> Option<String> {
    texts(fields, "id").filter(|id| is_event_id(id))
}

/// What an event is about. The type says which object to expect, the object's state says what is true of it: an event of
/// one type can carry a state that is further.
fn about(event_type: &str, object: &Value) -> Option<About> {
    match event_type {
        "charge.updated" => settling(object),
        "charge.refund.updated" => refund(object),
        _ if event_type.starts_with("charge.dispute.") => {
            dispute_fact(object).map(|(payment_provider_id, dispute)| About::Dispute { payment_provider_id, dispute })
        }
        _ if event_type.starts_with("payment_intent.") => payment(object),
        _ if event_type.starts_with("refund.") => refund(object),
        // The events of payments and refunds cover what else charges say.
        _ => None,
    }
    .or_else(|| part(object))
}

/// Whatever else names its payment, such as a charge, so that it is kept with it.
fn part(object: &Value) -> Option<About> {
    let payment_provider_id = linked_id(object, "payment_intent", INTENT)?.to_owned();
    Some(About::PaymentPart { payment_provider_id, reference: our_reference(object) })
}

fn payment(object: &Value) -> Option<About> {
    if text(object, "object") != Some("payment_intent") {
        return None;
    }
    let provider_id = text(object, "id").filter(|id| is_id(id, INTENT))?.to_owned();
    let received = number(object, "amount_received");
    let says = match text(object, "status").unwrap_or_default() {
        "succeeded" => received
            .filter(|amount| *amount > 0)
            .and_then(|amount| from_provider(amount, currency(object)?))
            .map_or(PaymentSays::Unclear, |amount_minor| PaymentSays::Captured { amount_minor }),
        "requires_capture" => PaymentSays::Authorized,
        // Given up and yet taken: for the object itself to say.
        "canceled" if received.is_some_and(|amount| amount > 0) => PaymentSays::Unclear,
        "canceled" => PaymentSays::Canceled,
        "requires_payment_method" | "requires_confirmation" | "requires_action" | "processing" => PaymentSays::Open,
        _ => PaymentSays::Unclear,
    };
    Some(About::Payment { provider_id, reference: our_reference(object), says })
}

/// What can be a reference of ours; whether it is one is for the platform to know.
fn our_reference(object: &Value) -> Option<String> {
    reference(object).filter(|reference| is_reference(reference)).map(str::to_owned)
}

/// An updated charge is how Stripe announces its balance transaction, and with it the fee and the date.
fn settling(object: &Value) -> Option<About> {
    if text(object, "object") != Some("charge") {
        return None;
    }
    let provider_id = linked_id(object, "payment_intent", INTENT)?.to_owned();
    Some(About::Payment { provider_id, reference: our_reference(object), says: PaymentSays::Settling })
}

fn refund(object: &Value) -> Option<About> {
    if text(object, "object") != Some("refund") {
        return None;
    }
    let provider_id = text(object, "id").filter(|id| is_id(id, REFUND))?.to_owned();
    let payment_provider_id = linked_id(object, "payment_intent", INTENT)?.to_owned();
    let says = match text(object, "status").unwrap_or_default() {
        "pending" | "requires_action" => RefundSays::Pending,
        "succeeded" => RefundSays::Succeeded,
        "failed" | "canceled" => RefundSays::Failed,
        _ => RefundSays::Unclear,
    };
    Some(About::Refund { provider_id, payment_provider_id, reference: our_reference(object), says })
}
