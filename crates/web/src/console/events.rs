//! Everything that happened to a merchant, newest first: the journal as a list.

use super::call::with_query;
use super::shapes::{List, Step};
use super::show;
use super::visit::{Place, Visit};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

const PATH: &str = "/console/events";
/// Events on a page.
const PAGE: &str = "30";
/// Types that the filter offers: beginnings and ends, and what needs a look.
const TYPES: [&str; 16] = [
    "payment.created",
    "attempt.started",
    "attempt.captured",
    "attempt.authorized",
    "attempt.declined",
    "attempt.failed",
    "attempt.pending",
    "effect.unknown",
    "effect.parked",
    "capture.succeeded",
    "payment.canceled",
    "refund.succeeded",
    "refund.failed",
    "dispute.opened",
    "webhook.received",
    "payment.funds_available",
];

/// The list.
pub(super) async fn room(visit: Visit) -> Response {
    let asked = [("type", visit.parameter("type")), ("order", "newest_first"), ("limit", PAGE), ("cursor", visit.parameter("cursor"))];
    let found = visit.get_of::<List<Step>>(&with_query("/v1/events", &asked)).await;
    let lead = "Every event of this merchant in the journal, newest first. Numbers are places in the journal.";
    let content = html! {
        (show::head("Events", lead, show::live_switch()))
        (visit.choices(PATH, &[("type", "Type", TYPES.to_vec())]))
        @match &found {
            Ok(list) => { section.card.flush #events data-live aria-label="Events" { (table(&visit, list)) } }
            Err(problem) => { (show::problem(problem)) }
        }
    };
    visit.page(Place::Events, "Events", content)
}

fn table(visit: &Visit, list: &List<Step>) -> Markup {
    if list.data.is_empty() {
        return show::empty("No event is like that", html! { p { a href=(visit.href(PATH)) { "All events" } } });
    }
    let parameters = [("type", visit.parameter("type")), ("merchant", visit.named_merchant())];
    html! {
        div.sheet tabindex="0" role="region" aria-label="Table of events" {
            table.stack {
                thead {
                    tr {
                        th.amount scope="col" { "Number" }
                        th scope="col" { "Type" }
                        th scope="col" { "Payment" }
                        th scope="col" { "What it says" }
                        th scope="col" { "When (UTC)" }
                    }
                }
                tbody {
                    @for event in &list.data {
                        tr data-key=(event.seq) {
                            td.amount data-label="Number" { (show::count(event.seq)) }
                            th scope="row" data-label="Type" { code { (event.kind) } }
                            td data-label="Payment" {
                                @if let Some(payment) = &event.payment { a.id.cut title=(payment) href=(visit.href(&format!("/console/payments/{payment}#step-{}", event.seq))) { (payment) } }
                                @else { span.soft { "None" } }
                            }
                            td data-label="What it says" { details { summary { (said(event)) } pre tabindex="0" { (show::pretty(&Value::Object(event.data.clone()))) } } }
                            td data-label="When (UTC)" { (show::stamp(&event.created_at, visit.now)) }
                        }
                    }
                }
            }
        }
        (show::pages(PATH, &parameters, visit.parameter("cursor").is_empty(), list.next_cursor.as_deref()))
    }
}

/// The shortest thing that its data says.
fn said(event: &Step) -> Markup {
    let text = |name: &str| event.data.get(name).and_then(Value::as_str).map(show::words);
    let amount = event.data.get("amount").and_then(|amount| {
        let currency = amount.get("currency")?.as_str()?;
        Some(format!("{} {currency}", show::amount_text(i128::from(amount.get("amount_minor")?.as_u64()?), currency)))
    });
    let decline = event.data.get("decline").and_then(|decline| decline.get("code")?.as_str()).map(show::words);
    let said =
        decline.or(amount).or_else(|| text("reason")).or_else(|| text("event_type")).or_else(|| text("code")).or_else(|| text("send_kind"));
    html! { (said.as_deref().unwrap_or("Details")) }
}
