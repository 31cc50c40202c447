//! What waits for a person: calls whose outcome nobody could find out, and commands that are kept out.

use super::call::encoded;
use super::shapes::{List, ParkedCall, Quarantined};
use super::show::{self, Tone};
use super::visit::{Place, Submission, Visit};
use axum::extract::Path;
use axum::response::{Redirect, Response};
use maud::{Markup, html};

/// The page.
pub(super) async fn room(visit: Visit) -> Response {
    let (parked, quarantined) = tokio::join!(
        visit.client.get::<List<ParkedCall>>("/v1/parked_calls?limit=100"),
        visit.client.get::<List<Quarantined>>("/v1/quarantine?limit=100")
    );
    let content = html! {
        (show::head("Needs attention", "What the platform cannot settle by itself. Money in question stays reserved meanwhile.", show::live_switch()))
        section.card.flush #parked data-live aria-labelledby="parked-title" {
            header { h2 #parked-title { "Calls with an unknown outcome" } }
            @match &parked {
                Ok(list) => { (calls(&visit, list)) }
                Err(problem) => { div.empty { (show::problem(problem)) } }
            }
        }
        section.card.flush aria-labelledby="quarantine-title" {
            header { h2 #quarantine-title { "Requests that are kept out" } }
            @match &quarantined {
                Ok(list) => { (quarantine(&visit, list)) }
                Err(problem) => { div.empty { (show::problem(problem)) } }
            }
        }
    };
    visit.page(Place::Attention, "Needs attention", content)
}

fn calls(visit: &Visit, list: &List<ParkedCall>) -> Markup {
    if list.data.is_empty() {
        return show::empty(
            "No call waits for a person",
            html! { p { "A call whose outcome stays unknown after every replay and lookup comes here; it is never taken for a decline." } },
        );
    }
    html! {
        div.sheet tabindex="0" role="region" aria-label="Table of parked calls" {
            table.stack {
                thead {
                    tr {
                        th scope="col" { "Payment" }
                        th scope="col" { "What was asked" }
                        th.amount scope="col" { "Amount" }
                        th scope="col" { "Why it waits" }
                        th scope="col" { "At the provider" }
                        th scope="col" { "Asked (UTC)" }
                        th scope="col" { "What you can do" }
                    }
                }
                tbody { @for call in &list.data { (call_row(visit, call)) } }
            }
        }
    }
}

fn call_row(visit: &Visit, call: &ParkedCall) -> Markup {
    let payment = format!("/console/payments/{}?merchant={}", call.payment, encoded(&call.merchant));
    html! {
        tr data-key=(call.id) {
            th scope="row" data-label="Payment" { span { a.id.cut title=(call.payment) href=(payment) { (call.payment) } " " span.soft.small.under { (visit.handle_of(&call.merchant)) } } }
            td data-label="What was asked" { span { (show::words(&call.operation)) " " span.soft.small.under { "sent " (call.sends) (if call.sends == 1 { " time" } else { " times" }) } } }
            td.amount data-label="Amount" { span { (show::amount(call.amount.amount_minor, &call.amount.currency)) } }
            td data-label="Why it waits" { @if call.reason == "mismatched" { (show::pill(Tone::Bad, "Something else was done")) } @else { (show::pill(Tone::Warn, "Outcome unknown")) } }
            td data-label="At the provider" { span { (show::words(&call.provider)) " " (at_provider(call.provider_id.as_deref().unwrap_or(&call.reference))) } }
            td data-label="Asked (UTC)" { (show::stamp(&call.requested_at, visit.now)) }
            td data-label="What you can do" { (visit.button(&format!("/console/attention/calls/{}/look", encoded(&call.id)), "Ask the provider again", "plain")) }
        }
    }
}

fn at_provider(id: &str) -> Markup {
    html! { code.small.cut.under title=(id) { (id) } }
}

fn quarantine(visit: &Visit, list: &List<Quarantined>) -> Markup {
    if list.data.is_empty() {
        return show::empty(
            "No request is kept out",
            html! { p { "A request that crashed the engine changes nothing, is kept out, and is listed here until somebody releases it." } },
        );
    }
    html! {
        div.sheet tabindex="0" role="region" aria-label="Table of quarantined requests" {
            table.stack {
                thead { tr { th scope="col" { "Fingerprint" } th scope="col" { "What you can do" } } }
                tbody {
                    @for command in &list.data {
                        tr data-key=(command.id) {
                            th scope="row" data-label="Fingerprint" { span.id { (command.id) } }
                            td data-label="What you can do" { (visit.button(&format!("/console/attention/quarantine/{}/release", encoded(&command.id)), "Let it in again", "plain")) }
                        }
                    }
                }
            }
        }
    }
}

/// Asks the provider once more what became of a call.
pub(super) async fn look(Path(id): Path<String>, submission: Submission) -> Redirect {
    let result = submission.client.post(&format!("/v1/parked_calls/{}/look", encoded(&id))).await;
    submission.done(result, "The provider is being asked. What it says is booked, and shows up in the payment's journey.")
}

/// Lets a request in again.
pub(super) async fn release(Path(id): Path<String>, submission: Submission) -> Redirect {
    let result = submission.client.post(&format!("/v1/quarantine/{}/release", encoded(&id))).await;
    submission.done(result, "The request may come in again; whoever sends it next has it decided.")
}
