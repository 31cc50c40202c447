//! One field that finds what a text names, of all merchants.

use super::call::{encoded, with_query};
use super::shapes::{Found, List};
use super::show;
use super::visit::{Place, Visit};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

/// The page; what is found alone is shown at once.
pub(super) async fn room(visit: Visit) -> Response {
    let text = visit.parameter("q");
    if text.is_empty() {
        let content = html! { (show::head("Search", "Type an id, a reference or a provider's id into the field above.", html! {})) };
        return visit.page(Place::Nowhere, "Search", content);
    }
    let found = visit.client.get::<List<Found>>(&with_query("/v1/search", &[("q", text)])).await;
    if let Ok(List { data, .. }) = &found
        && let [only] = data.as_slice()
        && let Some(address) = address(only)
    {
        return Redirect::to(&address).into_response();
    }
    let content = html! {
        (show::head("Search", "", html! {}))
        p { "Everything that is called " strong { (text) } "." }
        @match &found {
            Ok(list) => { section.card.flush aria-label="Found" { (results(&visit, list)) } }
            Err(problem) => { (show::problem(problem)) }
        }
    };
    visit.page(Place::Nowhere, "Search", content)
}

/// Where something that was found is shown.
pub(super) fn address(found: &Found) -> Option<String> {
    let id = encoded(&found.id);
    let room = match found.kind.as_str() {
        "payment" => "payments",
        "refund" => "refunds",
        "dispute" => "disputes",
        "customer" => "customers",
        "webhook" => return Some(format!("/console/webhooks/{id}")),
        "merchant" => return Some(format!("/console/payments?merchant={id}")),
        _ => return None,
    };
    Some(with_query(&format!("/console/{room}/{id}"), &[("merchant", found.merchant.as_deref().unwrap_or_default())]))
}

fn results(visit: &Visit, list: &List<Found>) -> Markup {
    if list.data.is_empty() {
        return show::empty(
            "Nothing has this name",
            html! {
                p { "Ids must be whole: ours begin with " code { "pay_" } ", " code { "ref_" } ", " code { "dsp_" } ", " code { "cus_" } " or " code { "pmt_" } ", Stripe's with " code { "pi_" } ", " code { "re_" } ", " code { "du_" } " or " code { "evt_" } "." }
                p { "A merchant's reference must be exact, with capital and small letters." }
            },
        );
    }
    html! {
        div.sheet tabindex="0" role="region" aria-label="Table of what was found" {
            table.stack {
                thead { tr { th scope="col" { "Kind" } th scope="col" { "Id" } th scope="col" { "What it is" } th scope="col" { "Merchant" } } }
                tbody {
                    @for found in &list.data {
                        tr {
                            td data-label="Kind" { (show::words(&found.kind)) }
                            th scope="row" data-label="Id" { @if let Some(address) = address(found) { a.id href=(address) { (found.id) } } @else { span.id { (found.id) } } }
                            td data-label="What it is" { (found.label.as_deref().unwrap_or_default()) }
                            td data-label="Merchant" { @if let Some(merchant) = &found.merchant { (visit.handle_of(merchant)) } @else { span.soft { "None" } } }
                        }
                    }
                }
            }
        }
    }
}
