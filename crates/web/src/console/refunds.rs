//! Refunds: what was given back, and where it stands.

use super::call::{encoded, with_query};
use super::shapes::{List, Refund};
use super::show;
use super::visit::{Place, Visit, crumbs};
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use payments::RefundStatus;

const PATH: &str = "/console/refunds";
/// Refunds on a page.
const PAGE: &str = "25";

/// The list.
pub(super) async fn room(visit: Visit) -> Response {
    let asked = [("status", visit.parameter("status")), ("limit", PAGE), ("cursor", visit.parameter("cursor"))];
    let found = visit.list::<List<Refund>>(&with_query("/v1/refunds", &asked)).await;
    let statuses = RefundStatus::ALL.iter().map(|status| status.name()).collect();
    let content = html! {
        (show::head("Refunds", "Money given back to customers, newest first.", show::live_switch()))
        (visit.scope_switch(PATH))
        (visit.choices(PATH, &[("status", "Status", statuses)]))
        @match &found {
            Ok(list) => { section.card.flush #refunds data-live aria-label="Refunds" { (table(&visit, list)) } }
            Err(problem) => { (show::problem(problem)) }
        }
    };
    visit.page(Place::Refunds, "Refunds", content)
}

fn table(visit: &Visit, list: &List<Refund>) -> Markup {
    if list.data.is_empty() {
        return empty(visit);
    }
    let parameters = [("status", visit.parameter("status")), ("merchant", visit.named_merchant())];
    html! {
        div.sheet tabindex="0" role="region" aria-label="Table of refunds" {
            table.stack.lean {
                thead {
                    tr {
                        th scope="col" { "Refund" }
                        @if visit.is_of_all() { th scope="col" { "Merchant" } }
                        th scope="col" { "Status" }
                        th.amount scope="col" { "Amount" }
                        th.extra scope="col" { "Payment" }
                        th scope="col" { "Reason" }
                        th scope="col" { "Asked for (UTC)" }
                    }
                }
                tbody {
                    @for refund in &list.data {
                        tr data-key=(refund.id) {
                            th scope="row" data-label="Refund" { a.id.cut title=(refund.id) href=(visit.href_of(&format!("{PATH}/{}", refund.id), &refund.merchant)) { (refund.id) } }
                            @if visit.is_of_all() { td data-label="Merchant" { (visit.handle_of(&refund.merchant)) } }
                            td data-label="Status" {
                                (show::state(&refund.status))
                                @if let Some(code) = &refund.failure_code { " " span.soft.small.under { (show::words(code)) } }
                            }
                            td.amount data-label="Amount" { span { (show::amount(refund.amount.amount_minor, &refund.amount.currency)) } }
                            td.extra data-label="Payment" { a.id.cut title=(refund.payment) href=(visit.href_of(&format!("/console/payments/{}", refund.payment), &refund.merchant)) { (refund.payment) } }
                            td data-label="Reason" { @if let Some(reason) = &refund.reason { span.cut title=(reason) { (reason) } } @else { span.soft { "None" } } }
                            td data-label="Asked for (UTC)" { (show::stamp(&refund.created_at, visit.now)) }
                        }
                    }
                }
            }
        }
        (show::pages(PATH, &parameters, visit.parameter("cursor").is_empty(), list.next_cursor.as_deref()))
    }
}

fn empty(visit: &Visit) -> Markup {
    let command = format!(
        "curl {}/v1/refunds \\\n  -H \"Authorization: Bearer $KEY\" -H 'Idempotency-Key: refund-1' \\\n  \
         -H 'Content-Type: application/json' \\\n  -d '{{\"payment\":\"pay_…\",\"amount_minor\":500}}'",
        visit.api_url()
    );
    if !visit.parameter("status").is_empty() {
        return show::empty("No refund has this status", html! { p { a href=(visit.href(PATH)) { "All refunds" } } });
    }
    show::empty(
        "Nothing was given back yet",
        html! {
            p { "Give back a captured payment, or a part of it, with the merchant's secret key:" }
            div.copyable { pre data-copy="the command" tabindex="0" { (command) } }
        },
    )
}

/// One refund.
pub(super) async fn one(visit: Visit, Path(id): Path<String>) -> Response {
    let refund: Refund = match visit.get_of(&format!("/v1/refunds/{}", encoded(&id))).await {
        Ok(refund) => refund,
        Err(problem) => {
            return match super::journey::elsewhere(&visit, &id, "refund").await {
                Some(address) if problem.is_not_found() => Redirect::to(&address).into_response(),
                Some(_) | None => visit.refusal(Place::Refunds, "Refund", &problem),
            };
        }
    };
    let content = html! {
        (crumbs(&visit.href(PATH), "Refunds"))
        div.head {
            div {
                h1 { "Refund of " (show::amount(refund.amount.amount_minor, &refund.amount.currency)) }
                p.soft { (show::copyable(&refund.id, "the refund's id")) }
            }
        }
        section.card aria-label="Details" {
            dl.facts {
                div { dt { "Status" } dd { (show::state(&refund.status)) } }
                @if let Some(code) = &refund.failure_code { div { dt { "Why" } dd { code { (code) } } } }
                div { dt { "Payment" } dd { a.id href=(visit.href(&format!("/console/payments/{}", refund.payment))) { (refund.payment) } } }
                div { dt { "Reason" } dd { @if let Some(reason) = &refund.reason { (reason) } @else { span.soft { "None" } } } }
                div { dt { "Provider's id" } dd { @if let Some(id) = &refund.provider_id { code { (id) } } @else { span.soft { "Not known yet" } } } }
                div { dt { "Asked for" } dd { (show::time(&refund.created_at, visit.now)) } }
                div { dt { "Last change" } dd { (show::time_or(refund.updated_at.as_deref(), visit.now, "None")) } }
            }
            @if let Some(metadata) = refund.metadata.as_ref().filter(|metadata| !metadata.is_empty()) {
                dl.facts { @for (name, value) in metadata { div { dt { (name) } dd { (value) } } } }
            }
            p { a href=(visit.href(&format!("/console/payments/{}", refund.payment))) { "What happened, step by step, stands in the payment's journey" } }
        }
    };
    visit.page(Place::Refunds, &format!("Refund {id}"), content)
}
