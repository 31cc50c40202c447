//! Calls to Stripe's requests. The order of parameters is fixed: the same call gives the same bytes.

use super::dispute::is_dispute_id;
use super::notice::{EVENTS_PER_PAGE_MAX, SWEPT_TYPES, is_event_id};
use super::object::{CUSTOMER, INTENT, REFUND, is_browser_url, is_id, is_reference};
use super::{API_VERSION, AmountError, Environment, KEY_BYTES_MAX, REFERENCE_METADATA, to_provider};
use crate::connector::{Call, Capabilities, CaptureMode, EncodeError, Operation, Presence};
use crate::form::Form;
use crate::notices::EventsQuestion;
use base::Money;
use base::limits::{METADATA_VALUE_BYTES_MAX, PAYMENT_METHOD_BYTES_MAX};
use egress::{Method, Request};

/// Brings the fee and the date of availability along with a payment intent.
const EXPAND: &str = "latest_charge.balance_transaction";
/// Limits the intent to cards. Stripe's changelog of 2026-09-30.endive says that this name is refused from then on and
/// that `allowed_payment_method_types[0]` takes its place; it changes together with the simulator.
const CARDS_ONLY: &str = "payment_method_types[0]";
/// The only reason we give; the others are claims about the customer.
const CANCEL_REASON: &str = "requested_by_customer";
/// Search hits per page. More than one is already exceptional.
const SEARCH_LIMIT: &str = "10";
/// Refunds per page: Stripe's maximum, and the most that we make for one payment.
const REFUNDS_LIMIT: &str = "100";

/// Headers and fields whose values may be shown to people. Not among them: the idempotency key, with which whoever
/// has it could find out what a request was answered; the address to which a customer returns, which a client writes
/// freely and which may hold what only the customer should know; and instructions to a simulator, for the same reason.
pub(super) const SHOWN_FIELDS: &[&str] = &[
    "stripe-version",
    "content-type",
    "amount",
    "currency",
    "capture_method",
    "confirm",
    "payment_method",
    CARDS_ONLY,
    "customer",
    "off_session",
    "metadata[bezant_reference]",
    "expand[0]",
    "amount_to_capture",
    "cancellation_reason",
    "payment_intent",
];

/// The request of a call.
pub(super) fn request(environment: Environment, capabilities: &Capabilities, call: &Call) -> Result<Request, EncodeError> {
    check_key(&call.key)?;
    check_reference(&call.reference)?;
    match &call.operation {
        Operation::Authorize { .. } => authorize(environment, capabilities, call),
        Operation::Confirm { provider_id, money, payment_method, return_url } => {
            provider_amount(capabilities, *money)?;
            check_payment_method(payment_method)?;
            check_return_url(return_url.as_deref())?;
            let form = Form::default()
                .pair("payment_method", payment_method)
                .pair_if("return_url", return_url.as_deref())
                .pair("expand[0]", EXPAND);
            post(format!("{}/confirm", intent_path(provider_id)?), &call.key, form)
        }
        Operation::Capture { provider_id, money } => {
            let amount = provider_amount(capabilities, *money)?;
            // No metadata: it would replace the reference under which the payment itself is found.
            let form = Form::default().pair("amount_to_capture", &amount.to_string()).pair("expand[0]", EXPAND);
            post(format!("{}/capture", intent_path(provider_id)?), &call.key, form)
        }
        Operation::Cancel { provider_id } => {
            let form = Form::default().pair("cancellation_reason", CANCEL_REASON);
            post(format!("{}/cancel", intent_path(provider_id)?), &call.key, form)
        }
        Operation::Refund { provider_id, money } => {
            intent_path(provider_id)?;
            let amount = provider_amount(capabilities, *money)?;
            let form = Form::default()
                .pair("payment_intent", provider_id)
                .pair("amount", &amount.to_string())
                .pair(&format!("metadata[{REFERENCE_METADATA}]"), &call.reference);
            post("/v1/refunds".to_owned(), &call.key, form)
        }
        Operation::Observe { .. } => Err(EncodeError::ReadOnly),
        Operation::StoreCustomer => {
            let form = Form::default().pair(&format!("metadata[{REFERENCE_METADATA}]"), &call.reference);
            post("/v1/customers".to_owned(), &call.key, form)
        }
        Operation::Attach { customer, payment_method } => {
            check_customer(customer)?;
            post(format!("{}/attach", method_path(payment_method)?), &call.key, Form::default().pair("customer", customer))
        }
        Operation::Detach { payment_method } => post(format!("{}/detach", method_path(payment_method)?), &call.key, Form::default()),
    }
}

fn authorize(environment: Environment, capabilities: &Capabilities, call: &Call) -> Result<Request, EncodeError> {
    let Operation::Authorize { money, payment_method, customer, presence, capture, return_url, sim } = &call.operation else {
        return Err(EncodeError::ReadOnly);
    };
    let amount = provider_amount(capabilities, *money)?;
    check_payment_method(payment_method)?;
    check_return_url(return_url.as_deref())?;
    customer.as_deref().map_or(Ok(()), check_customer)?;
    check_sim(environment, sim.as_deref())?;
    let off_session = match presence {
        Presence::OnSession => None,
        Presence::OffSession => Some("true"),
    };
    let form = Form::default()
        .pair("amount", &amount.to_string())
        .pair("currency", &money.currency.alpha().to_ascii_lowercase())
        .pair("capture_method", capture_method(*capture))
        .pair("confirm", "true")
        .pair("payment_method", payment_method)
        .pair(CARDS_ONLY, "card")
        .pair_if("customer", customer.as_deref())
        .pair_if("off_session", off_session)
        .pair_if("return_url", return_url.as_deref())
        .pair(&format!("metadata[{REFERENCE_METADATA}]"), &call.reference)
        .pair_if("metadata[sim]", sim.as_deref())
        .pair("expand[0]", EXPAND);
    post("/v1/payment_intents".to_owned(), &call.key, form)
}

/// Reads one object by its id.
pub(super) fn fetch(call: &Call, provider_id: &str) -> Result<Request, EncodeError> {
    match &call.operation {
        Operation::Authorize { .. } | Operation::Confirm { .. } | Operation::Capture { .. } | Operation::Cancel { .. } => {
            get(Form::default().pair("expand[0]", EXPAND).after(&intent_path(provider_id)?))
        }
        Operation::Refund { .. } if is_id(provider_id, REFUND) => get(format!("/v1/refunds/{provider_id}")),
        Operation::Refund { .. } => Err(EncodeError::ProviderId),
        Operation::Observe { provider_id: observed, .. } if observed == provider_id => {
            get(Form::default().pair("expand[0]", EXPAND).after(&intent_path(provider_id)?))
        }
        Operation::Observe { .. } => Err(EncodeError::ProviderId),
        Operation::StoreCustomer if is_id(provider_id, CUSTOMER) => get(format!("/v1/customers/{provider_id}")),
        Operation::StoreCustomer => Err(EncodeError::ProviderId),
        Operation::Attach { .. } | Operation::Detach { .. } => get(method_path(provider_id)?),
    }
}

/// Finds the object by our reference; where its id is known, reads it.
pub(super) fn search(call: &Call) -> Result<Request, EncodeError> {
    check_reference(&call.reference)?;
    match &call.operation {
        Operation::Authorize { .. } => {
            get(by_reference(call).pair("expand[0]", &format!("data.{EXPAND}")).after("/v1/payment_intents/search"))
        }
        Operation::Confirm { provider_id, .. } | Operation::Capture { provider_id, .. } | Operation::Cancel { provider_id } => {
            fetch(call, provider_id)
        }
        Operation::Refund { provider_id, .. } => {
            intent_path(provider_id)?;
            get(Form::default().pair("payment_intent", provider_id).pair("limit", REFUNDS_LIMIT).after("/v1/refunds"))
        }
        Operation::Observe { .. } => Err(EncodeError::ReadOnly),
        Operation::StoreCustomer => get(by_reference(call).after("/v1/customers/search")),
        Operation::Attach { payment_method, .. } | Operation::Detach { payment_method } => get(method_path(payment_method)?),
    }
}

/// A search for our reference.
fn by_reference(call: &Call) -> Form {
    let query = format!("metadata['{REFERENCE_METADATA}']:'{}'", call.reference);
    Form::default().pair("query", &query).pair("limit", SEARCH_LIMIT)
}

/// Lists events of the types that are swept. Stripe's order is newest first, and `starting_after` goes on towards older
/// ones.
pub(super) fn events(question: &EventsQuestion) -> Result<Request, EncodeError> {
    let EventsQuestion { created_from, starting_after } = question;
    if starting_after.as_deref().is_some_and(|id| !is_event_id(id)) {
        return Err(EncodeError::ProviderId);
    }
    let form = Form::default()
        .pair("limit", &EVENTS_PER_PAGE_MAX.to_string())
        .pair("created[gte]", &created_from.s().to_string())
        .pair_if("starting_after", starting_after.as_deref());
    let form = SWEPT_TYPES.iter().enumerate().fold(form, |form, (index, name)| form.pair(&format!("types[{index}]"), name));
    get(form.after("/v1/events"))
}

/// Reads one dispute.
pub(super) fn dispute(dispute: &str) -> Result<Request, EncodeError> {
    if !is_dispute_id(dispute) {
        return Err(EncodeError::ProviderId);
    }
    get(format!("/v1/disputes/{dispute}"))
}

fn check_return_url(return_url: Option<&str>) -> Result<(), EncodeError> {
    if return_url.is_some_and(|url| !is_browser_url(url)) {
        return Err(EncodeError::ReturnUrl);
    }
    Ok(())
}

fn post(path_and_query: String, key: &str, form: Form) -> Result<Request, EncodeError> {
    let headers = vec![
        ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ("idempotency-key".to_owned(), key.to_owned()),
        ("stripe-version".to_owned(), API_VERSION.to_owned()),
    ];
    checked(Request { method: Method::Post, path_and_query, headers, body: form.into_body() })
}

fn get(path_and_query: String) -> Result<Request, EncodeError> {
    let headers = vec![("stripe-version".to_owned(), API_VERSION.to_owned())];
    checked(Request { method: Method::Get, path_and_query, headers, body: Vec::new() })
}

fn checked(request: Request) -> Result<Request, EncodeError> {
    request.check().map_err(|_| EncodeError::TooLarge)?;
    Ok(request)
}

const fn capture_method(capture: CaptureMode) -> &'static str {
    match capture {
        // Not `automatic_async`, Stripe's default: with it the fee is not known when the answer comes.
        CaptureMode::Automatic => "automatic",
        CaptureMode::Manual => "manual",
    }
}

fn provider_amount(capabilities: &Capabilities, money: Money) -> Result<u64, EncodeError> {
    if capabilities.refuses(money.currency) {
        return Err(EncodeError::CurrencyRefused(money.currency));
    }
    let amount = to_provider(money).map_err(|error| match error {
        AmountError::Currency => EncodeError::CurrencyRefused(money.currency),
        AmountError::NotRepresentable => EncodeError::AmountNotRepresentable(money),
        AmountError::TooLarge => EncodeError::AmountOutOfRange(money),
    })?;
    if amount == 0 || amount > capabilities.provider_amount_max {
        return Err(EncodeError::AmountOutOfRange(money));
    }
    Ok(amount)
}

fn intent_path(provider_id: &str) -> Result<String, EncodeError> {
    if !is_id(provider_id, INTENT) {
        return Err(EncodeError::ProviderId);
    }
    Ok(format!("/v1/payment_intents/{provider_id}"))
}

fn check_key(key: &str) -> Result<(), EncodeError> {
    let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    if key.is_empty() || key.len() > KEY_BYTES_MAX || !visible { Err(EncodeError::Key) } else { Ok(()) }
}

fn check_reference(reference: &str) -> Result<(), EncodeError> {
    if is_reference(reference) { Ok(()) } else { Err(EncodeError::Reference) }
}

fn check_customer(customer: &str) -> Result<(), EncodeError> {
    if is_id(customer, CUSTOMER) { Ok(()) } else { Err(EncodeError::Customer) }
}

fn method_path(token: &str) -> Result<String, EncodeError> {
    check_payment_method(token)?;
    Ok(format!("/v1/payment_methods/{token}"))
}

fn check_payment_method(token: &str) -> Result<(), EncodeError> {
    let plain = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    // Every token starts with a word and an underscore; a bare number would be a card's.
    let named = token.split_once('_').is_some_and(|(word, rest)| !rest.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()));
    if token.len() > PAYMENT_METHOD_BYTES_MAX || !plain || !named { Err(EncodeError::PaymentMethod) } else { Ok(()) }
}

fn check_sim(environment: Environment, sim: Option<&str>) -> Result<(), EncodeError> {
    let Some(sim) = sim else { return Ok(()) };
    let visible = sim.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let allowed = environment == Environment::Test && !sim.is_empty() && sim.len() <= METADATA_VALUE_BYTES_MAX && visible;
    if allowed { Ok(()) } else { Err(EncodeError::Sim) }
}
