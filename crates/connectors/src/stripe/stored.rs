//! Customers and kept payment methods: what Stripe's answers and lookups say. Source: Stripe's API reference of the
//! customer and payment method objects. Card data never comes here: of a card Stripe tells what may be shown.

use super::decode::{body, error_answer, looked_up};
use super::json::member;
use super::object::{CUSTOMER, METHOD, code_text, is_id, linked_id, number, reference, text};
use crate::connector::{Call, Operation, Resolve};
use crate::stored::{Stored, StoredCard, StoredMethod, StoredOutcome};
use base::UnknownReason;
use egress::Response;
use serde_json::Value;

/// Most entries of a list that are read.
const LIST_ENTRIES_MAX: usize = 100;

const UNDECODABLE: StoredOutcome = StoredOutcome::Unknown(UnknownReason::Undecodable);
const NOT_FOUND: StoredOutcome = StoredOutcome::Unknown(UnknownReason::NotFound);

/// What the answer to the call itself, or to its replay, says.
pub(super) fn answer(call: &Call, response: &Response) -> StoredOutcome {
    if !(200..300).contains(&response.status) {
        return StoredOutcome::of_failure(error_answer(call, response).outcome);
    }
    let Some(value) = body(response) else { return UNDECODABLE };
    let stored = match &call.operation {
        Operation::StoreCustomer => customer(call, &value),
        Operation::Attach { customer, .. } => method(&value).filter(|method| method.customer == *customer).map(Stored::Attached),
        Operation::Detach { payment_method } => detached(payment_method, &value),
        Operation::Authorize { .. }
        | Operation::Confirm { .. }
        | Operation::Capture { .. }
        | Operation::Cancel { .. }
        | Operation::Refund { .. }
        | Operation::Observe { .. } => None,
    };
    stored.map_or(UNDECODABLE, StoredOutcome::Done)
}

/// What a lookup says. An object that is not as the call wanted it proves nothing.
pub(super) fn resolved(call: &Call, how: &Resolve, response: &Response) -> StoredOutcome {
    if matches!(how, Resolve::Replay) {
        return answer(call, response);
    }
    let value = match looked_up(response) {
        Ok(value) => value,
        Err(outcome) => return StoredOutcome::of_failure(outcome),
    };
    match (&call.operation, how) {
        (Operation::StoreCustomer, Resolve::Search) => best_customer(call, &value),
        (Operation::StoreCustomer, Resolve::Fetch { .. } | Resolve::Replay) => match text(&value, "object") {
            Some("customer") => customer(call, &value).map_or(NOT_FOUND, StoredOutcome::Done),
            _ => UNDECODABLE,
        },
        (Operation::Attach { customer, payment_method }, _) if is_method(&value) => {
            let asked = fetched_id(how).unwrap_or(payment_method);
            let kept = method(&value).filter(|method| method.customer == *customer && method.provider_id == asked);
            kept.map_or(NOT_FOUND, |method| StoredOutcome::Done(Stored::Attached(method)))
        }
        (Operation::Detach { payment_method }, _) if is_method(&value) => {
            let asked = fetched_id(how).unwrap_or(payment_method);
            detached(asked, &value).map_or(NOT_FOUND, StoredOutcome::Done)
        }
        _ => UNDECODABLE,
    }
}

fn fetched_id(how: &Resolve) -> Option<&str> {
    match how {
        Resolve::Fetch { provider_id } => Some(provider_id),
        Resolve::Search | Resolve::Replay => None,
    }
}

/// A customer under our reference that was not deleted.
fn customer(call: &Call, value: &Value) -> Option<Stored> {
    let is_deleted = member(value, "deleted").is_some_and(|deleted| deleted != &Value::Bool(false));
    if text(value, "object") != Some("customer") || is_deleted || reference(value) != Some(call.reference.as_str()) {
        return None;
    }
    let provider_id = text(value, "id").filter(|id| is_id(id, CUSTOMER))?.to_owned();
    Some(Stored::Customer { provider_id })
}

/// Two customers under one reference mean that the key was forgotten in between. Any one is as good; the oldest stays the
/// same from lookup to lookup.
fn best_customer(call: &Call, list: &Value) -> StoredOutcome {
    let Some(data) = member(list, "data").and_then(Value::as_array) else { return UNDECODABLE };
    let of_ours = data.iter().take(LIST_ENTRIES_MAX).filter_map(|entry| {
        let created = number(entry, "created").unwrap_or(u64::MAX);
        Some((created, text(entry, "id")?, customer(call, entry)?))
    });
    let oldest = of_ours.min_by(|left, right| (left.0, left.1).cmp(&(right.0, right.1)));
    oldest.map_or(NOT_FOUND, |(_, _, stored)| StoredOutcome::Done(stored))
}

fn is_method(value: &Value) -> bool {
    text(value, "object") == Some("payment_method") && text(value, "id").is_some_and(|id| is_id(id, METHOD))
}

/// A payment method that belongs to a customer.
fn method(value: &Value) -> Option<StoredMethod> {
    let provider_id = text(value, "id").filter(|_| is_method(value))?.to_owned();
    let customer = linked_id(value, "customer", CUSTOMER)?.to_owned();
    Some(StoredMethod { provider_id, customer, card: member(value, "card").and_then(card) })
}

fn card(value: &Value) -> Option<StoredCard> {
    let last4 = text(value, "last4").filter(|digits| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let exp_month = number(value, "exp_month").filter(|month| (1..=12).contains(month))?;
    let exp_year = number(value, "exp_year").filter(|year| (1_000..=9_999).contains(year))?;
    Some(StoredCard {
        brand: code_text(text(value, "brand")?),
        last4: last4.to_owned(),
        exp_month: u8::try_from(exp_month).ok()?,
        exp_year: u16::try_from(exp_year).ok()?,
    })
}

/// A payment method that belongs to nobody: Stripe says so with `null`, and never leaves the member out.
fn detached(payment_method: &str, value: &Value) -> Option<Stored> {
    let is_free = member(value, "customer").is_some_and(Value::is_null);
    let provider_id = text(value, "id").filter(|id| is_method(value) && is_free && *id == payment_method)?.to_owned();
    Some(Stored::Detached { provider_id })
}
