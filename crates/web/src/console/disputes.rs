//! Disputes: what customers' banks ask about or took back, and until when it can be answered at the provider.

use super::call::{encoded, with_query};
use super::shapes::{Dispute, List};
use super::show;
use super::visit::{Place, Visit, crumbs};
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use payments::DisputeStatus;

const PATH: &str = "/console/disputes";
/// Disputes on a page.
const PAGE: &str = "25";

/// The list.
pub(super) async fn room(visit: Visit) -> Response {
    let asked = [("status", visit.parameter("status")), ("limit", PAGE), ("cursor", visit.parameter("cursor"))];
    let found = visit.list::<List<Dispute>>(&with_query("/v1/disputes", &asked)).await;
    let statuses = DisputeStatus::ALL.iter().map(|status| status.name()).collect();
    let lead = "A customer's bank asks about a payment or takes its money back. Answer at the provider before the deadline.";
    let content = html! {
        (show::head("Disputes", lead, show::live_switch()))
        (visit.scope_switch(PATH))
        (visit.choices(PATH, &[("status", "Status", statuses)]))
        @match &found {
            Ok(list) => { section.card.flush #disputes data-live aria-label="Disputes" { (table(&visit, list)) } }
            Err(problem) => { (show::problem(problem)) }
        }
    };
    visit.page(Place::Disputes, "Disputes", content)
}

fn table(visit: &Visit, list: &List<Dispute>) -> Markup {
    if list.data.is_empty() {
        return empty(visit);
    }
    let parameters = [("status", visit.parameter("status")), ("merchant", visit.named_merchant())];
    html! {
        div.sheet tabindex="0" role="region" aria-label="Table of disputes" {
            table.stack.lean {
                thead {
                    tr {
                        th scope="col" { "Dispute" }
                        @if visit.is_of_all() { th scope="col" { "Merchant" } }
                        th scope="col" { "Status" }
                        th.amount scope="col" { "Amount" }
                        th scope="col" { "Reason" }
                        th.extra scope="col" { "Payment" }
                        th scope="col" { "Answer until (UTC)" }
                        th scope="col" { "Came in (UTC)" }
                    }
                }
                tbody {
                    @for dispute in &list.data {
                        tr data-key=(dispute.id) {
                            th scope="row" data-label="Dispute" { a.id.cut title=(dispute.id) href=(visit.href_of(&format!("{PATH}/{}", dispute.id), &dispute.merchant)) { (dispute.id) } }
                            @if visit.is_of_all() { td data-label="Merchant" { (visit.handle_of(&dispute.merchant)) } }
                            td data-label="Status" { (show::state(&dispute.status)) }
                            td.amount data-label="Amount" { span { (show::amount(dispute.amount.amount_minor, &dispute.amount.currency)) } }
                            td data-label="Reason" { (show::words(&dispute.reason)) }
                            td.extra data-label="Payment" { a.id.cut title=(dispute.payment) href=(visit.href_of(&format!("/console/payments/{}", dispute.payment), &dispute.merchant)) { (dispute.payment) } }
                            td data-label="Answer until (UTC)" { (show::stamp_or(dispute.respond_by.as_deref(), visit.now, "No deadline")) }
                            td data-label="Came in (UTC)" { (show::stamp(&dispute.created_at, visit.now)) }
                        }
                    }
                }
            }
        }
        (show::pages(PATH, &parameters, visit.parameter("cursor").is_empty(), list.next_cursor.as_deref()))
    }
}

fn empty(visit: &Visit) -> Markup {
    if !visit.parameter("status").is_empty() {
        return show::empty("No dispute has this status", html! { p { a href=(visit.href(PATH)) { "All disputes" } } });
    }
    show::empty(
        "No customer's bank disputes a payment",
        html! {
            p { "Disputes come in by the provider's webhooks, or by the look through the provider's list of events that follows once a minute." }
            p { "To see one, charge " code { "pm_card_createDispute" } " at the simulator." }
        },
    )
}

/// One dispute.
pub(super) async fn one(visit: Visit, Path(id): Path<String>) -> Response {
    let dispute: Dispute = match visit.get_of(&format!("/v1/disputes/{}", encoded(&id))).await {
        Ok(dispute) => dispute,
        Err(problem) => {
            return match super::journey::elsewhere(&visit, &id, "dispute").await {
                Some(address) if problem.is_not_found() => Redirect::to(&address).into_response(),
                Some(_) | None => visit.refusal(Place::Disputes, "Dispute", &problem),
            };
        }
    };
    let content = html! {
        (crumbs(&visit.href(PATH), "Disputes"))
        div.head {
            div {
                h1 { "Dispute over " (show::amount(dispute.amount.amount_minor, &dispute.amount.currency)) }
                p.soft { (show::copyable(&dispute.id, "the dispute's id")) }
            }
        }
        section.card aria-label="Details" {
            dl.facts {
                div { dt { "Status" } dd { (show::state(&dispute.status)) } }
                div { dt { "Reason" } dd { (show::words(&dispute.reason)) } }
                div { dt { "Answer until" } dd { (show::time_or(dispute.respond_by.as_deref(), visit.now, "No deadline")) } }
                div { dt { "Provider's fee" } dd { (show::amount(dispute.fee_minor, &dispute.amount.currency)) } }
                div { dt { "Payment" } dd { a.id href=(visit.href(&format!("/console/payments/{}", dispute.payment))) { (dispute.payment) } } }
                div { dt { "Provider's id" } dd { code { (dispute.provider_id) } } }
                div { dt { "Came in" } dd { (show::time(&dispute.created_at, visit.now)) } }
                div { dt { "Last change" } dd { (show::time_or(dispute.updated_at.as_deref(), visit.now, "None")) } }
            }
            @if matches!(dispute.status.as_str(), "open" | "inquiry") {
                p { "Answer it in the provider's own dashboard, under its id; what comes of it is booked here by itself." }
            }
        }
    };
    visit.page(Place::Disputes, &format!("Dispute {id}"), content)
}
