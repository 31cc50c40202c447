//! Customers of a merchant, and what they pay with.

use super::call::{encoded, with_query};
use super::shapes::{Customer, List, StoredMethod};
use super::show;
use super::visit::{Place, Visit, crumbs};
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

const PATH: &str = "/console/customers";
/// Customers on a page.
const PAGE: &str = "25";

/// The list.
pub(super) async fn room(visit: Visit) -> Response {
    let asked = [("limit", PAGE), ("cursor", visit.parameter("cursor"))];
    let found = visit.get_of::<List<Customer>>(&with_query("/v1/customers", &asked)).await;
    let content = html! {
        (show::head("Customers", "Who stored a payment method, to be charged while they are away. Newest first.", html! {}))
        @match &found {
            Ok(list) => { section.card.flush aria-label="Customers" { (table(&visit, list)) } }
            Err(problem) => { (show::problem(problem)) }
        }
    };
    visit.page(Place::Customers, "Customers", content)
}

fn name(customer: &Customer) -> Markup {
    let none = if customer.erased { "Erased" } else { "None" };
    html! { @match customer.name.as_deref().or(customer.email.as_deref()) { Some(text) => { (text) } None => { span.soft { (none) } } } }
}

fn standing(customer: &Customer) -> Markup {
    if customer.erased {
        show::pill(show::Tone::Info, "Erased")
    } else if customer.deleted {
        show::pill(show::Tone::Info, "Deleted")
    } else {
        show::pill(show::Tone::Good, "Active")
    }
}

fn table(visit: &Visit, list: &List<Customer>) -> Markup {
    if list.data.is_empty() {
        let command = format!(
            "curl {}/v1/customers \\\n  -H \"Authorization: Bearer $KEY\" -H 'Idempotency-Key: ada-1' \\\n  \
             -H 'Content-Type: application/json' \\\n  -d '{{\"email\":\"ada@example.com\"}}'",
            visit.api_url()
        );
        return show::empty(
            "There is no customer yet",
            html! {
                p { "A customer keeps payment methods, so that they can be charged again. Create one with the merchant's secret key:" }
                div.copyable { pre data-copy="the command" tabindex="0" { (command) } }
            },
        );
    }
    html! {
        div.sheet tabindex="0" role="region" aria-label="Table of customers" {
            table.stack {
                thead {
                    tr {
                        th scope="col" { "Customer" }
                        th scope="col" { "Name" }
                        th scope="col" { "Status" }
                        th scope="col" { "Reference" }
                        th scope="col" { "Created (UTC)" }
                    }
                }
                tbody {
                    @for customer in &list.data {
                        tr data-key=(customer.id) {
                            th scope="row" data-label="Customer" { a.id.cut title=(customer.id) href=(visit.href(&format!("{PATH}/{}", customer.id))) { (customer.id) } }
                            td data-label="Name" { (name(customer)) }
                            td data-label="Status" { (standing(customer)) }
                            td data-label="Reference" { @if let Some(reference) = &customer.reference { span.cut title=(reference) { (reference) } } @else { span.soft { "None" } } }
                            td data-label="Created (UTC)" { (show::stamp(&customer.created_at, visit.now)) }
                        }
                    }
                }
            }
        }
        (show::pages(PATH, &[("merchant", visit.named_merchant())], visit.parameter("cursor").is_empty(), list.next_cursor.as_deref()))
    }
}

/// One customer.
pub(super) async fn one(visit: Visit, Path(id): Path<String>) -> Response {
    let path = format!("/v1/customers/{}", encoded(&id));
    let methods_path = format!("{path}/payment_methods");
    let (customer, methods) = tokio::join!(visit.get_of::<Customer>(&path), visit.get_of::<List<StoredMethod>>(&methods_path));
    let customer = match customer {
        Ok(customer) => customer,
        Err(problem) => {
            return match super::journey::elsewhere(&visit, &id, "customer").await {
                Some(address) if problem.is_not_found() => Redirect::to(&address).into_response(),
                Some(_) | None => visit.refusal(Place::Customers, "Customer", &problem),
            };
        }
    };
    let content = html! {
        (crumbs(&visit.href(PATH), "Customers"))
        div.head {
            div {
                h1 { (name(&customer)) }
                p.soft { (show::copyable(&customer.id, "the customer's id")) }
            }
        }
        div.columns.two {
            section.card aria-labelledby="details-title" {
                header { h2 #details-title { "Details" } (standing(&customer)) }
                dl.facts {
                    @for (label, value) in [("E-mail", &customer.email), ("Name", &customer.name), ("Reference", &customer.reference), ("Description", &customer.description)] {
                        div { dt { (label) } dd { @if let Some(text) = value { (text) } @else { span.soft { (if customer.erased { "Erased" } else { "None" }) } } } }
                    }
                    div { dt { "Created" } dd { (show::time(&customer.created_at, visit.now)) } }
                    div { dt { "Person, for erasure" } dd { code { (customer.subject) } } }
                }
                p { a href=(visit.href(&format!("/console/payments?customer={}", customer.id))) { "Payments of this customer" } }
            }
            section.card.flush aria-labelledby="methods-title" {
                header { h2 #methods-title { "Payment methods" } }
                @match &methods {
                    Ok(list) => { (methods_table(&visit, list)) }
                    Err(problem) => { div.empty { (show::problem(problem)) } }
                }
            }
        }
    };
    visit.page(Place::Customers, &format!("Customer {id}"), content)
}

fn methods_table(visit: &Visit, list: &List<StoredMethod>) -> Markup {
    if list.data.is_empty() {
        return show::empty(
            "Nothing is stored",
            html! { p { "POST a provider's token to this customer's " code { "payment_methods" } "." } },
        );
    }
    html! {
        div.sheet tabindex="0" role="region" aria-label="Table of payment methods" {
            table.stack {
                thead { tr { th scope="col" { "Payment method" } th scope="col" { "Card" } th scope="col" { "Status" } th scope="col" { "Stored (UTC)" } } }
                tbody {
                    @for method in &list.data {
                        tr {
                            th scope="row" data-label="Payment method" { span.id.cut title=(method.id) { (method.id) } }
                            td data-label="Card" {
                                @match &method.card {
                                    Some(card) => { span { (show::words(&card.brand)) " ending in " (card.last4) ", " (format!("{:02}/{}", card.exp_month, card.exp_year)) } }
                                    None => { span.soft { "No card" } }
                                }
                            }
                            td data-label="Status" { (show::state(&method.status)) @if let Some(code) = &method.failure_code { " " span.soft.small { (show::words(code)) } } }
                            td data-label="Stored (UTC)" { (show::stamp(&method.created_at, visit.now)) }
                        }
                    }
                }
            }
        }
    }
}
