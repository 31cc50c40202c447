//! Stripe's answers to outcomes. The rule above all others: whatever cannot be read for certain is `Unknown`.
//!
//! Three things are read here: the answer to a call, the object found by a lookup, and lists of objects. The first two
//! share the table of states and differ in what an undecided state means: in an answer it is not an answer we know, in
//! a lookup it proves nothing.

use super::decline::{decline, refund_decline};
use super::json::{self, member};
use super::object::{INTENT, Intent, Refund, code_text, is_id, reference, text};
use super::{RESPONSE_BYTES_MAX, from_provider, to_provider};
use crate::connector::{Call, Decoded, Operation};
use base::{Approval, Currency, Mismatch, Money, NextAction, Outcome, ProviderState, Rejection, Timestamp, UnknownReason};
use egress::Response;
use serde_json::Value;

/// Most entries of a list that are read.
const LIST_ENTRIES_MAX: usize = 100;
/// Codes that mean "too fast" whatever the status says.
const RATE_LIMIT_CODES: [&str; 3] = ["rate_limit", "lock_timeout", "payment_intent_rate_limit_exceeded"];

/// Where an object was seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    InTheAnswer,
    ByLookup,
}

impl Seen {
    /// The object is in a state that says nothing about the call.
    const fn undecided(self) -> Outcome {
        match self {
            Self::InTheAnswer => UNDECODABLE,
            Self::ByLookup => Outcome::Unknown(UnknownReason::NotFound),
        }
    }
}

const UNDECODABLE: Outcome = Outcome::Unknown(UnknownReason::Undecodable);
const NOT_FOUND: Outcome = Outcome::Unknown(UnknownReason::NotFound);

/// What the answer to the call itself, or to its replay, says.
pub(super) fn answer(call: &Call, response: &Response) -> Decoded {
    if !(200..300).contains(&response.status) {
        return error_answer(call, response);
    }
    match body(response) {
        // It asked for nothing, so this is the answer to something else.
        Some(_) if matches!(call.operation, Operation::Observe { .. }) => Decoded::nameless(UNDECODABLE),
        Some(value) => object(call, &value, Seen::InTheAnswer),
        None => Decoded::nameless(UNDECODABLE),
    }
}

/// What an object read by its id says about the call.
pub(super) fn fetched(call: &Call, response: &Response) -> Decoded {
    match looked_up(response) {
        Ok(value) => object(call, &value, Seen::ByLookup),
        Err(outcome) => Decoded::nameless(outcome),
    }
}

/// What a search by reference says about the call.
pub(super) fn searched(call: &Call, response: &Response) -> Decoded {
    let value = match looked_up(response) {
        Ok(value) => value,
        Err(outcome) => return Decoded::nameless(outcome),
    };
    match &call.operation {
        Operation::Authorize { money, .. } => best_intent(call, *money, &value),
        Operation::Confirm { .. }
        | Operation::Capture { .. }
        | Operation::Cancel { .. }
        | Operation::Observe { .. }
        | Operation::StoreCustomer
        | Operation::Attach { .. }
        | Operation::Detach { .. } => object(call, &value, Seen::ByLookup),
        Operation::Refund { provider_id, money } => best_refund(call, provider_id, *money, &value),
    }
}

pub(super) fn body(response: &Response) -> Option<Value> {
    if response.body.len() > RESPONSE_BYTES_MAX {
        return None;
    }
    json::read(&response.body)
}

/// A lookup's body; a lookup that was refused says nothing about the call.
pub(super) fn looked_up(response: &Response) -> Result<Value, Outcome> {
    match response.status {
        200..=299 => body(response).ok_or(UNDECODABLE),
        404 => Err(NOT_FOUND),
        // It found nothing out, not even that there is nothing: a key revoked, a limit reached.
        400..=499 => Err(Outcome::Unknown(UnknownReason::ServerError)),
        500..=599 => Err(Outcome::Unknown(UnknownReason::ServerError)),
        _ => Err(UNDECODABLE),
    }
}

fn object(call: &Call, value: &Value, seen: Seen) -> Decoded {
    match &call.operation {
        Operation::Authorize { money, .. } => match Intent::parse(value) {
            Some(intent) => named(authorize_outcome(call, *money, &intent, seen), intent.id),
            None => Decoded::nameless(UNDECODABLE),
        },
        Operation::Confirm { provider_id, money, .. } => match Intent::parse(value).filter(|intent| intent.id == provider_id) {
            // The refusal may be an earlier try's.
            Some(intent) if seen == Seen::ByLookup && intent.status == "requires_payment_method" => named(NOT_FOUND, intent.id),
            Some(intent) => named(authorize_outcome(call, *money, &intent, seen), intent.id),
            None => Decoded::nameless(UNDECODABLE),
        },
        Operation::Capture { provider_id, money } => match Intent::parse(value).filter(|intent| intent.id == provider_id) {
            Some(intent) => named(capture_outcome(*money, &intent, seen), intent.id),
            None => Decoded::nameless(UNDECODABLE),
        },
        Operation::Cancel { provider_id } => match Intent::parse(value).filter(|intent| intent.id == provider_id) {
            Some(intent) => named(cancel_outcome(&intent, seen), intent.id),
            None => Decoded::nameless(UNDECODABLE),
        },
        Operation::Refund { provider_id, money } => match Refund::parse(value) {
            Some(refund) => named(refund_outcome(call, provider_id, *money, &refund), refund.id),
            None => Decoded::nameless(UNDECODABLE),
        },
        Operation::Observe { provider_id, money } => match Intent::parse(value).filter(|intent| intent.id == provider_id) {
            Some(intent) => named(observed_outcome(call, *money, &intent), intent.id),
            None => Decoded::nameless(UNDECODABLE),
        },
        // Their success is no outcome of a payment; it is read by `decode_stored`.
        Operation::StoreCustomer | Operation::Attach { .. } | Operation::Detach { .. } => Decoded::nameless(UNDECODABLE),
    }
}

fn named(outcome: Outcome, id: &str) -> Decoded {
    Decoded { outcome, provider_id: Some(id.to_owned()) }
}

/// The payment intent's states after a confirmation, with the creation or alone.
fn authorize_outcome(call: &Call, money: Money, intent: &Intent<'_>, seen: Seen) -> Outcome {
    let amount = match intent.status {
        "requires_capture" => intent.capturable.filter(|held| *held > 0),
        "succeeded" => intent.received.filter(|taken| *taken > 0),
        "canceled" => Some(intent.received.unwrap_or(0)),
        _ => Some(intent.amount),
    };
    let Some(amount) = amount else { return UNDECODABLE };
    let taken = intent.received.is_some_and(|received| received > 0);
    if intent.reference != Some(call.reference.as_str()) {
        return mismatch(amount, intent.currency, taken);
    }
    let as_asked = is_as_asked(money, amount, intent.currency);
    match intent.status {
        "requires_payment_method" => intent.last_error.map_or(seen.undecided(), |error| Outcome::Declined(decline(error))),
        "canceled" if taken => mismatch(amount, intent.currency, true),
        "canceled" => approved(ProviderState::Canceled, intent),
        "requires_capture" | "succeeded" | "requires_action" | "processing" | "requires_confirmation" if !as_asked => {
            mismatch(amount, intent.currency, taken)
        }
        "requires_capture" => approved(ProviderState::Authorized { amount_minor: money.amount_minor }, intent),
        "succeeded" => approved(ProviderState::Captured { amount_minor: money.amount_minor }, intent),
        "requires_action" => Outcome::Pending(next_action(intent)),
        "processing" | "requires_confirmation" => Outcome::Pending(NextAction::Wait),
        _ => UNDECODABLE,
    }
}

/// The payment intent's states after a capture. `canceled` is final too: nothing was taken and nothing can be.
fn capture_outcome(money: Money, intent: &Intent<'_>, seen: Seen) -> Outcome {
    let received = intent.received.unwrap_or(0);
    match intent.status {
        "succeeded" if received == 0 => UNDECODABLE,
        "succeeded" if is_as_asked(money, received, intent.currency) => {
            approved(ProviderState::Captured { amount_minor: money.amount_minor }, intent)
        }
        "succeeded" => mismatch(received, intent.currency, true),
        "canceled" if received > 0 => mismatch(received, intent.currency, true),
        "canceled" if seen == Seen::ByLookup => approved(ProviderState::Canceled, intent),
        "processing" => Outcome::Pending(NextAction::Wait),
        "canceled" | "requires_capture" | "requires_action" | "requires_confirmation" | "requires_payment_method" => seen.undecided(),
        _ => UNDECODABLE,
    }
}

/// The payment intent's states after a cancellation. A payment that succeeded instead can no longer be cancelled: money
/// was taken that should not be.
fn cancel_outcome(intent: &Intent<'_>, seen: Seen) -> Outcome {
    let received = intent.received.unwrap_or(0);
    match intent.status {
        "succeeded" if received == 0 => UNDECODABLE,
        "succeeded" => mismatch(received, intent.currency, true),
        "canceled" if received > 0 => mismatch(received, intent.currency, true),
        "canceled" => approved(ProviderState::Canceled, intent),
        "processing" | "requires_capture" | "requires_action" | "requires_confirmation" | "requires_payment_method" => seen.undecided(),
        _ => UNDECODABLE,
    }
}

/// What a payment is now, whoever asked for it. Less taken than asked for is a partial capture; any other difference is a
/// mismatch. A refusal is not told: it may be an earlier try's, and the next one may be on its way.
fn observed_outcome(call: &Call, money: Money, intent: &Intent<'_>) -> Outcome {
    let received = intent.received.unwrap_or(0);
    let amount = match intent.status {
        "requires_capture" => intent.capturable.unwrap_or(0),
        "succeeded" | "canceled" => received,
        "processing" | "requires_action" | "requires_confirmation" | "requires_payment_method" => intent.amount,
        _ => return UNDECODABLE,
    };
    let differs = || mismatch(amount, intent.currency, received > 0);
    if intent.reference != Some(call.reference.as_str()) || intent.currency != money.currency {
        return differs();
    }
    let Some(amount_minor) = from_provider(amount, intent.currency) else { return UNDECODABLE };
    match intent.status {
        "requires_capture" | "succeeded" if amount_minor == 0 => UNDECODABLE,
        "succeeded" if amount_minor <= money.amount_minor => approved(ProviderState::Captured { amount_minor }, intent),
        "canceled" if amount_minor == 0 => approved(ProviderState::Canceled, intent),
        _ if amount_minor != money.amount_minor => differs(),
        "requires_capture" => approved(ProviderState::Authorized { amount_minor }, intent),
        "requires_action" => Outcome::Pending(next_action(intent)),
        "processing" => Outcome::Pending(NextAction::Wait),
        "requires_confirmation" | "requires_payment_method" => NOT_FOUND,
        _ => differs(),
    }
}

/// The refund's states. `requires_action` waits for the customer's bank details, which is pending to us.
fn refund_outcome(call: &Call, intent_id: &str, money: Money, refund: &Refund<'_>) -> Outcome {
    let moved = refund.status == "succeeded";
    let ours = refund.reference == Some(call.reference.as_str()) && refund.intent_id == Some(intent_id);
    if !ours {
        return mismatch(refund.amount, refund.currency, moved);
    }
    let as_asked = is_as_asked(money, refund.amount, refund.currency);
    let state = match refund.status {
        "failed" | "canceled" => return Outcome::Declined(refund_decline(refund.status, refund.failure_reason)),
        "succeeded" => ProviderState::Refunded { amount_minor: money.amount_minor },
        "pending" | "requires_action" => ProviderState::RefundPending { amount_minor: money.amount_minor },
        _ => return UNDECODABLE,
    };
    if !as_asked {
        return mismatch(refund.amount, refund.currency, moved);
    }
    Outcome::Approved(Approval { state, fee_minor: None, available_at: None })
}

fn is_as_asked(money: Money, provider_amount: u64, currency: Currency) -> bool {
    currency == money.currency && to_provider(money) == Ok(provider_amount)
}

fn mismatch(provider_amount: u64, currency: Currency, captured: bool) -> Outcome {
    match from_provider(provider_amount, currency) {
        Some(amount_minor) => Outcome::Mismatch(Mismatch { amount_minor, currency, captured }),
        None => UNDECODABLE,
    }
}

fn approved(state: ProviderState, intent: &Intent<'_>) -> Outcome {
    let fee_minor = intent.fee.filter(|fee| fee.currency == intent.currency).and_then(|fee| from_provider(fee.amount, fee.currency));
    let available_at = intent.fee.map(|fee| Timestamp::from_s(fee.available_on_s));
    Outcome::Approved(Approval { state, fee_minor, available_at })
}

fn next_action(intent: &Intent<'_>) -> NextAction {
    intent.redirect_url.map_or(NextAction::Wait, |url| NextAction::Redirect { url: url.to_owned() })
}

/// The entries of a list that carry our reference, and whether there are entries we do not see; `None` when it is no
/// list.
fn entries_of_ours<'a>(call: &Call, list: &'a Value) -> Option<(Vec<&'a Value>, bool)> {
    let data = member(list, "data")?.as_array()?;
    let has_more = member(list, "has_more")?.as_bool()?;
    let ours = |value: &&Value| reference(value) == Some(call.reference.as_str());
    Some((data.iter().take(LIST_ENTRIES_MAX).filter(ours).collect(), has_more || data.len() > LIST_ENTRIES_MAX))
}

/// Chooses among several payment intents with our reference. One key makes one intent, so several mean that the key was
/// forgotten in between. The one that took money counts before one that holds it, before those that wait, before
/// those that declined, before the cancelled. Where more than one took or holds money, no single one is the truth: the
/// sum is a mismatch for a person to see.
fn best_intent(call: &Call, money: Money, list: &Value) -> Decoded {
    let Some((entries, _)) = entries_of_ours(call, list) else { return Decoded::nameless(UNDECODABLE) };
    let mut intents = Vec::new();
    for entry in entries {
        match Intent::parse(entry) {
            Some(intent) => intents.push(intent),
            None => return Decoded::nameless(UNDECODABLE),
        }
    }
    // Stable: among equals the order of the list, which is newest first, is kept.
    intents.sort_by_key(|intent| intent_rank(intent.status));
    let Some(best) = intents.first() else { return Decoded::nameless(NOT_FOUND) };
    let moving: Vec<&Intent<'_>> = intents.iter().filter(|intent| intent_rank(intent.status) <= RANK_HOLDS).collect();
    if moving.len() <= 1 {
        return named(authorize_outcome(call, money, best, Seen::ByLookup), best.id);
    }
    let amount = |intent: &Intent<'_>| if intent.status == "succeeded" { intent.received } else { intent.capturable };
    let total =
        moving.iter().try_fold(0_u64, |sum, intent| if intent.currency == best.currency { sum.checked_add(amount(intent)?) } else { None });
    let taken = moving.iter().any(|intent| intent.received.is_some_and(|received| received > 0));
    named(total.map_or(UNDECODABLE, |total| mismatch(total, best.currency, taken)), best.id)
}

const RANK_HOLDS: u8 = 1;

fn intent_rank(status: &str) -> u8 {
    match status {
        "succeeded" => 0,
        "requires_capture" => RANK_HOLDS,
        "processing" => 2,
        "requires_action" => 3,
        "requires_confirmation" => 4,
        "requires_payment_method" => 6,
        "canceled" => 7,
        // A state we do not know may have money behind it.
        _ => 5,
    }
}

/// Finds our refund among a payment's. Not found proves nothing, all the less on a page that has a successor.
fn best_refund(call: &Call, intent_id: &str, money: Money, list: &Value) -> Decoded {
    let Some((entries, _)) = entries_of_ours(call, list) else { return Decoded::nameless(UNDECODABLE) };
    let mut refunds = Vec::new();
    for entry in entries {
        match Refund::parse(entry) {
            Some(refund) => refunds.push(refund),
            None => return Decoded::nameless(UNDECODABLE),
        }
    }
    let rank = |refund: &Refund<'_>| match refund.status {
        "succeeded" => 0_u8,
        "pending" => 1,
        "requires_action" => 2,
        "failed" | "canceled" => 4,
        _ => 3,
    };
    refunds.sort_by_key(rank);
    match refunds.first() {
        Some(best) => named(refund_outcome(call, intent_id, money, best), best.id),
        None => Decoded::nameless(NOT_FOUND),
    }
}

/// Stripe's error table. An idempotency error is `Unknown` whatever its status: it says that an earlier send arrived.
pub(super) fn error_answer(call: &Call, response: &Response) -> Decoded {
    let value = body(response);
    let error = value.as_ref().and_then(|value| member(value, "error")).filter(|error| error.is_object());
    let error_type = error.and_then(|error| text(error, "type"));
    let code = error.and_then(|error| text(error, "code")).unwrap_or_default();
    let intent = error.and_then(|error| member(error, "payment_intent"));
    let intent_id = intent.and_then(|intent| text(intent, "id")).filter(|id| is_id(id, INTENT));
    let provider_id = match &call.operation {
        Operation::Authorize { .. } => intent_id,
        Operation::Confirm { provider_id, .. } | Operation::Capture { provider_id, .. } | Operation::Cancel { provider_id } => {
            intent_id.filter(|id| id == provider_id)
        }
        Operation::Refund { .. }
        | Operation::Observe { .. }
        | Operation::StoreCustomer
        | Operation::Attach { .. }
        | Operation::Detach { .. } => None,
    };
    let rejected = |permanent: bool| Outcome::Rejected(Rejection { permanent, code: code_text(code) });
    let conflict = error_type == Some("idempotency_error") || code == "idempotency_key_in_use";
    let outcome = match (response.status, error) {
        (400..=499, _) if conflict => Outcome::Unknown(UnknownReason::IdempotencyConflict),
        (409, _) => Outcome::Unknown(UnknownReason::IdempotencyConflict),
        (429, _) => rejected(false),
        (401 | 403, _) => rejected(true),
        // Without a readable error it could be an idempotency error.
        (400 | 404, Some(_)) if error_type.is_some() => rejected(!RATE_LIMIT_CODES.contains(&code)),
        (402, Some(_)) if is_contradicted(call, intent) => UNDECODABLE,
        (402, Some(error)) if error_type.is_some() => Outcome::Declined(decline(error)),
        (500..=599, _) => Outcome::Unknown(UnknownReason::ServerError),
        _ => UNDECODABLE,
    };
    Decoded { outcome, provider_id: provider_id.map(str::to_owned) }
}

/// Whether a decline comes with a payment that holds, took or may yet take money.
fn is_contradicted(call: &Call, intent: Option<&Value>) -> bool {
    let status = intent.and_then(|intent| text(intent, "status"));
    matches!(call.operation, Operation::Authorize { .. } | Operation::Confirm { .. })
        && matches!(status, Some("succeeded" | "requires_capture" | "processing"))
}
