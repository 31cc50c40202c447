//! What providers sent: each message, what it was good for, and hearing it again.

use super::call::{encoded, with_query};
use super::shapes::{List, Webhook};
use super::show;
use super::visit::{Place, Submission, Visit, crumbs};
use axum::extract::Path;
use axum::response::{Redirect, Response};
use maud::{Markup, html};

const PATH: &str = "/console/webhooks";
/// Messages on a page.
const PAGE: &str = "30";

/// What a message was good for, in a sentence.
fn meaning(found: &str) -> &'static str {
    match found {
        "news" => "It said something new, and the platform acted on it.",
        "known" => "It said what was known already, and changed nothing.",
        "unmatched" => "It is about nothing that the platform knows.",
        "kept" => "It is of a kind that changes nothing.",
        "unclear" => "It says something that is not understood, and is heard again.",
        _ => "",
    }
}

/// The list.
pub(super) async fn room(visit: Visit) -> Response {
    let asked = [
        ("source", visit.parameter("source")),
        ("found", visit.parameter("found")),
        ("type", visit.parameter("type")),
        ("limit", PAGE),
        ("cursor", visit.parameter("cursor")),
    ];
    let found = visit.client.get::<List<Webhook>>(&with_query("/v1/webhooks", &asked)).await;
    let lead = "What providers sent of their own accord, of all merchants, newest first. A message is a hint: what it says is looked up before it is booked.";
    let choices = [
        ("source", "How it came", vec!["webhook", "sweep", "replay"]),
        ("found", "What it was good for", vec!["news", "known", "unmatched", "kept", "unclear"]),
    ];
    let content = html! {
        (show::head("Webhooks", lead, show::live_switch()))
        (visit.choices(PATH, &choices))
        @match &found {
            Ok(list) => { section.card.flush #webhooks data-live aria-label="Webhooks" { (table(&visit, list)) } }
            Err(problem) => { (show::problem(problem)) }
        }
    };
    visit.page(Place::Webhooks, "Webhooks", content)
}

fn table(visit: &Visit, list: &List<Webhook>) -> Markup {
    let (source, found) = (visit.parameter("source"), visit.parameter("found"));
    if list.data.is_empty() {
        return if source.is_empty() && found.is_empty() {
            show::empty(
                "No provider has sent anything yet",
                html! {
                    p { "Give the provider an address of yours: start with " code { "--stripe-webhook NAME=whsec_…" } " and enter " code { (visit.api_url()) "/v1/webhooks/stripe/NAME" } " in Stripe's dashboard." }
                    p { "Without one, the platform looks through the provider's list of events once a minute." }
                },
            )
        } else {
            show::empty("No message is like that", html! { p { a href=(PATH) { "All messages" } } })
        };
    }
    html! {
        div.sheet tabindex="0" role="region" aria-label="Table of webhooks" {
            table.stack {
                thead {
                    tr {
                        th scope="col" { "Type" }
                        th scope="col" { "Message" }
                        th scope="col" { "How it came" }
                        th scope="col" { "Good for" }
                        th scope="col" { "Payment" }
                        th scope="col" { "Came in (UTC)" }
                    }
                }
                tbody {
                    @for webhook in &list.data {
                        tr data-key=(webhook.seq) {
                            th scope="row" data-label="Type" { code { (webhook.kind) } }
                            td data-label="Message" { a.id.cut title=(webhook.id) href={ (PATH) "/" (encoded(&webhook.id)) } { (webhook.id) } }
                            td data-label="How it came" { (show::words(&webhook.source)) }
                            td data-label="Good for" { span title=(meaning(&webhook.found)) { (show::state(&webhook.found)) } }
                            td data-label="Payment" { @if let Some(payment) = &webhook.payment { a.id.cut title=(payment) href={ "/console/payments/" (payment) } { (payment) } } @else { span.soft { "None" } } }
                            td data-label="Came in (UTC)" { (show::stamp(&webhook.received_at, visit.now)) }
                        }
                    }
                }
            }
        }
        (show::pages(PATH, &[("source", source), ("found", found)], visit.parameter("cursor").is_empty(), list.next_cursor.as_deref()))
    }
}

/// One message.
pub(super) async fn one(visit: Visit, Path(id): Path<String>) -> Response {
    let webhook: Webhook = match visit.client.get(&format!("/v1/webhooks/{}", encoded(&id))).await {
        Ok(webhook) => webhook,
        Err(problem) => return visit.refusal(Place::Webhooks, "Webhook", &problem),
    };
    let body =
        webhook.body.as_deref().map(|text| serde_json::from_str(text).map_or_else(|_| text.to_owned(), |value| show::pretty(&value)));
    let content = html! {
        (crumbs(PATH, "Webhooks"))
        div.head {
            div {
                h1 { (webhook.kind) }
                p.soft { (show::copyable(&webhook.id, "the message's id")) }
            }
            (visit.button(&format!("{PATH}/{}/replay", encoded(&webhook.id)), "Hear it again", "plain"))
        }
        section.card aria-label="Details" {
            dl.facts {
                div { dt { "Good for" } dd { (show::state(&webhook.found)) } }
                div { dt { "Provider" } dd { (show::words(&webhook.provider)) } }
                div { dt { "How it came" } dd { (show::words(&webhook.source)) } }
                div { dt { "Payment" } dd { @if let Some(payment) = &webhook.payment { a.id href={ "/console/payments/" (payment) } { (payment) } } @else { span.soft { "None" } } } }
                div { dt { "Came in" } dd { (show::time(&webhook.received_at, visit.now)) } }
                div { dt { "Number in the journal" } dd { (show::count(webhook.seq)) } }
                @if let Some(subject) = &webhook.subject { div { dt { "Person, for erasure" } dd { code { (subject) } } } }
            }
            p { (meaning(&webhook.found)) }
        }
        section.card aria-labelledby="body-title" {
            header { h2 #body-title { "Body" } span.soft.small { (show::words(&webhook.body_status)) } }
            @match &body {
                Some(text) => { pre tabindex="0" { (text) } }
                None => { p.soft { "The body is not here: the person's data was erased, or there was a reason not to keep it." } }
            }
        }
        @if !webhook.again.is_empty() {
            section.card aria-labelledby="again-title" {
                header { h2 #again-title { "Came in again" } }
                ul.todo { @for again in &webhook.again { li { span.row { (show::state(&again.found)) (show::words(&again.source)) (show::time(&again.received_at, visit.now)) } } } }
            }
        }
    };
    visit.page(Place::Webhooks, &format!("Webhook {id}"), content)
}

/// Has the platform hear a message again.
pub(super) async fn replay(Path(id): Path<String>, submission: Submission) -> Redirect {
    let result = submission.client.post(&format!("/v1/webhooks/{}/replay", encoded(&id))).await;
    submission.done(result, "The message was heard again; what it was good for this time stands below.")
}
