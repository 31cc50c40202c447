//! Payments: found by status, currency, amount, reference and day; newest first, brought up to date while one looks.

use super::call::{Problem, with_query};
use super::shapes::{List, Payment};
use super::show;
use super::visit::{Place, Visit};
use axum::response::Response;
use base::Currency;
use base::time::NS_PER_S;
use maud::{Markup, html};
use payments::PaymentStatus;

/// What stands in place of a payment method that nobody gave.
pub(super) const METHOD_NONE: &str = "Nothing yet";
/// Payments on a page.
const PAGE: &str = "25";
const DAY_NS: u64 = 24 * 3_600 * NS_PER_S;
const PATH: &str = "/console/payments";
/// Fields of the filter, as the address has them.
const FIELDS: [&str; 9] = ["status", "currency", "reference", "from", "until", "min", "max", "customer", "decline_code"];

/// A filter in the API's terms, or the field that cannot be one, with what to do.
type Filter = Result<Vec<(&'static str, String)>, (&'static str, String)>;

/// The list.
pub(super) async fn room(visit: Visit) -> Response {
    let filter = filter(&visit);
    let complaint = filter.as_ref().err().cloned();
    let is_filtered = FIELDS.iter().any(|name| !visit.parameter(name).is_empty());
    let found: Option<Result<List<Payment>, Problem>> = match filter {
        Ok(mut parameters) => {
            parameters.extend([("limit", PAGE.to_owned()), ("cursor", visit.parameter("cursor").to_owned())]);
            let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
            Some(visit.list(&with_query("/v1/payments", &parameters)).await)
        }
        Err(_) => None,
    };
    let handle = visit.merchant().filter(|_| !visit.is_of_all()).map_or("all merchants", |merchant| merchant.handle.as_str());
    let content = html! {
        (show::head("Payments", &format!("What customers paid to {handle}, newest first."), show::live_switch()))
        (visit.scope_switch(PATH))
        (filters(&visit, complaint.as_ref(), is_filtered))
        @match found {
            Some(Ok(list)) => {
                section.card.flush #payments data-live aria-label="Payments" { (table(&visit, &list, is_filtered)) }
            }
            Some(Err(problem)) => { (show::problem(&problem)) }
            None => {}
        }
    };
    visit.page(Place::Payments, "Payments", content)
}

/// What the form asks for. Amounts are in the currency's major unit, days are those of UTC, the last one included.
fn filter(visit: &Visit) -> Filter {
    let text = |name: &str| visit.parameter(name).to_owned();
    let mut parameters = Vec::new();
    for name in ["status", "currency", "reference", "customer", "decline_code"] {
        parameters.push((name, text(name)));
    }
    for (name, parameter, shift_ns) in [("from", "created_from", 0), ("until", "created_until", DAY_NS)] {
        if !visit.parameter(name).is_empty() {
            let day = api::parse_rfc3339(&format!("{}T00:00:00Z", visit.parameter(name)));
            let day = day.ok_or((name, "A day looks like 2026-11-21.".to_owned()))?;
            parameters.push((parameter, day.plus_ns(shift_ns).to_string()));
        }
    }
    for (name, parameter) in [("min", "amount_minor_min"), ("max", "amount_minor_max")] {
        let text = visit.parameter(name);
        if !text.is_empty() {
            let currency = visit.parameter("currency").parse::<Currency>();
            let currency = currency.map_err(|_| ("currency", "Choose a currency to look for an amount.".to_owned()))?;
            let money = base::Money::parse_major(text, currency).map_err(|error| (name, format!("This is not an amount: {error}.")))?;
            parameters.push((parameter, money.amount_minor.to_string()));
        }
    }
    Ok(parameters)
}

fn filters(visit: &Visit, complaint: Option<&(&'static str, String)>, is_filtered: bool) -> Markup {
    let invalid = |name: &str| complaint.is_some_and(|(field, _)| *field == name).then_some("true");
    let told = |name: &str| invalid(name).map(|_| "complaint");
    let field = |name: &'static str, label: &str, kind: &str, placeholder: &str| {
        html! {
            div.field {
                label for={ "filter-" (name) } { (label) }
                input id={ "filter-" (name) } name=(name) type=(kind) value=(visit.parameter(name)) placeholder=[(!placeholder.is_empty()).then_some(placeholder)]
                    inputmode=[matches!(name, "min" | "max").then_some("decimal")] maxlength="200" aria-invalid=[invalid(name)] aria-describedby=[told(name)];
            }
        }
    };
    html! {
        form.card.filters method="get" action=(PATH) aria-label="Filter payments" {
            @if !visit.named_merchant().is_empty() { input type="hidden" name="merchant" value=(visit.named_merchant()); }
            div.field {
                label for="filter-status" { "Status" }
                select #filter-status name="status" {
                    option value="" { "Any" }
                    @for status in PaymentStatus::ALL {
                        option value=(status.name()) selected[visit.parameter("status") == status.name()] { (show::words(status.name())) }
                    }
                }
            }
            (field("reference", "Reference", "text", "Exactly"))
            (field("currency", "Currency", "text", "EUR"))
            (field("min", "Amount from", "text", "0.00"))
            (field("max", "Amount to", "text", "0.00"))
            (field("from", "From day (UTC)", "date", ""))
            (field("until", "To day (UTC)", "date", ""))
            (field("customer", "Customer", "text", "cus_…"))
            (field("decline_code", "Decline code", "text", "lost_card"))
            div.row {
                button.primary type="submit" { "Filter" }
                @if is_filtered { a.button.plain href=(with_query(PATH, &[("merchant", visit.named_merchant())])) { "Clear" } }
            }
            @if let Some((_, text)) = complaint { p.bad-text #complaint role="alert" { (text) } }
        }
    }
}

fn table(visit: &Visit, list: &List<Payment>, is_filtered: bool) -> Markup {
    if list.data.is_empty() {
        return if is_filtered { nothing_found(visit) } else { first_payment(visit) };
    }
    let mut parameters: Vec<(&str, &str)> = FIELDS.iter().map(|name| (*name, visit.parameter(name))).collect();
    parameters.push(("merchant", visit.named_merchant()));
    html! {
        div.sheet tabindex="0" role="region" aria-label="Table of payments" {
            table.stack.lean {
                thead {
                    tr {
                        th scope="col" { "Payment" }
                        @if visit.is_of_all() { th scope="col" { "Merchant" } }
                        th scope="col" { "Status" }
                        th.amount scope="col" { "Amount" }
                        th scope="col" { "Reference" }
                        th scope="col" { "Customer" }
                        th.extra scope="col" { "Paid with" }
                        th scope="col" { "Created (UTC)" }
                    }
                }
                tbody { @for payment in &list.data { (row(visit, payment)) } }
            }
        }
        (show::pages(PATH, &parameters, visit.parameter("cursor").is_empty(), list.next_cursor.as_deref()))
    }
}

fn row(visit: &Visit, payment: &Payment) -> Markup {
    let customer = payment.person().name();
    html! {
        tr data-key=(payment.id) {
            th scope="row" data-label="Payment" { a.id.cut title=(payment.id) href=(visit.href_of(&format!("{PATH}/{}", payment.id), &payment.merchant)) { (payment.id) } }
            @if visit.is_of_all() { td data-label="Merchant" { (visit.handle_of(&payment.merchant)) } }
            td data-label="Status" {
                (show::state(&payment.status))
                @if let Some(decline) = &payment.last_decline {
                    @if matches!(payment.status.as_str(), "declined" | "created") { " " span.soft.small.under { (show::words(&decline.code)) } }
                }
            }
            td.amount data-label="Amount" {
                span { (show::amount(payment.amount.amount_minor, &payment.amount.currency)) }
            }
            td data-label="Reference" { @if let Some(reference) = &payment.reference { span.cut title=(reference) { (reference) } } @else { (nobody(payment)) } }
            td data-label="Customer" { @if let Some(customer) = &customer { span.cut title=(customer) { (customer) } } @else { (nobody(payment)) } }
            td.extra data-label="Paid with" { @if let Some(method) = &payment.payment_method { span.cut title=(method) { (method) } } @else { span.soft { (METHOD_NONE) } } }
            td data-label="Created (UTC)" { (show::stamp(&payment.created_at, visit.now)) }
        }
    }
}

fn nobody(payment: &Payment) -> Markup {
    html! { span.soft { (if payment.erased { "Erased" } else { "None" }) } }
}

fn nothing_found(visit: &Visit) -> Markup {
    show::empty(
        "No payment is like that",
        html! {
            p { "A reference must be exact. Days are those of UTC, and a payment counts on the day on which it was created." }
            p { a href=(visit.href(PATH)) { "All payments" } }
        },
    )
}

/// How to make the first payment, ready to be pasted.
pub(super) fn first_payment(visit: &Visit) -> Markup {
    let command = format!(
        "curl {}/v1/payments \\\n  -H \"Authorization: Bearer $KEY\" -H 'Idempotency-Key: first-1' \\\n  \
         -H 'Content-Type: application/json' \\\n  \
         -d '{{\"amount\":{{\"amount_minor\":1999,\"currency\":\"EUR\"}},\"payment_method\":\"pm_card_visa\",\"reference\":\"first-1\"}}'",
        visit.api_url()
    );
    let handle = visit.merchant().map_or("this merchant", |merchant| merchant.handle.as_str());
    show::empty(
        "There is no payment yet",
        html! {
            p { "Make the first one with a secret key (" code { "sk_…" } ") of " (handle) ":" }
            div.copyable { pre data-copy="the command" tabindex="0" { (command) } }
            p { "It shows up here within a second. " code { "pm_card_chargeDeclinedInsufficientFunds" } " in place of " code { "pm_card_visa" } " is declined." }
        },
    )
}
