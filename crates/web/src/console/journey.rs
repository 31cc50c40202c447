//! One payment's journey: what happened to it, step by step and with its evidence; where it stands, what happens next, and
//! what one can do.

use super::call::encoded;
use super::payments::METHOD_NONE;
use super::shapes::{Action, Dispute, Evidence, Found, Journey, LedgerLine, List, Payment, Refund, Step};
use super::show::{self, Tone, tone_icon};
use super::visit::{Place, Visit, crumbs};
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::Value;

/// Refunds and disputes that are shown beside a journey; the rest is in their rooms.
const BESIDE_MAX: &str = "20";

/// The page.
pub(super) async fn room(visit: Visit, Path(id): Path<String>) -> Response {
    let id_encoded = encoded(&id);
    let payment: Payment = match visit.get_of(&format!("/v1/payments/{id_encoded}")).await {
        Ok(payment) => payment,
        Err(problem) if problem.is_not_found() => {
            return match elsewhere(&visit, &id, "payment").await {
                Some(address) => Redirect::to(&address).into_response(),
                None => visit.refusal(Place::Payments, "Payment", &problem),
            };
        }
        Err(problem) => return visit.refusal(Place::Payments, "Payment", &problem),
    };
    let (journey_path, refunds_path, disputes_path) = (
        format!("/v1/payments/{id_encoded}/journey"),
        format!("/v1/refunds?payment={id_encoded}&limit={BESIDE_MAX}"),
        format!("/v1/disputes?payment={id_encoded}&limit={BESIDE_MAX}"),
    );
    let (journey, refunds, disputes) = tokio::join!(
        visit.get_of::<Journey>(&journey_path),
        visit.get_of::<List<Refund>>(&refunds_path),
        visit.get_of::<List<Dispute>>(&disputes_path)
    );
    let journey = match journey {
        Ok(journey) => journey,
        Err(problem) => return visit.refusal(Place::Payments, "Payment", &problem),
    };
    let content = html! {
        (crumbs(&visit.href("/console/payments"), "Payments"))
        div.head {
            div {
                h1 { (show::amount(payment.amount.amount_minor, &payment.amount.currency)) }
                p.soft { (show::copyable(&payment.id, "the payment's id")) }
            }
            (show::live_switch())
        }
        div.columns.main-side {
            div.stack {
                div #now data-live { (standing(&visit, &payment, &journey)) }
                section.card aria-labelledby="journey-title" {
                    header { h2 #journey-title { "Journey" } span.soft.small { "Times are in UTC, oldest first" } }
                    div #journey data-live { (steps(&visit, &journey)) }
                }
            }
            div.stack {
                @if !journey.actions.is_empty() { (actions(&visit, &payment.id, &journey.actions)) }
                (money(&payment))
                (facts(&visit, &payment))
                (beside(&visit, &refunds.unwrap_or_default(), &disputes.unwrap_or_default()))
            }
        }
    };
    visit.page(Place::Payments, &format!("Payment {id}"), content)
}

/// Where the object is when it is another merchant's: an id is enough to find it.
pub(super) async fn elsewhere(visit: &Visit, id: &str, kind: &str) -> Option<String> {
    let found: List<Found> = visit.client.get(&format!("/v1/search?q={}", encoded(id))).await.ok()?;
    let is_it =
        |found: &&Found| found.kind == kind && found.id == id && found.merchant.as_ref() != visit.merchant().map(|merchant| &merchant.id);
    found.data.iter().find(is_it).and_then(super::search::address)
}

fn standing(visit: &Visit, payment: &Payment, journey: &Journey) -> Markup {
    let summary = &journey.summary;
    let tone = if summary.tone.is_empty() { Tone::of_status(&payment.status) } else { Tone::named(&summary.tone) };
    html! {
        section.summary.(tone.class()) aria-labelledby="standing" {
            h2 #standing {
                (tone_icon(tone, 18))
                @if summary.title.is_empty() { (show::words(&payment.status)) } @else { (summary.title) }
            }
            @if !summary.sentence.is_empty() { p { (summary.sentence) } }
            @if !journey.next.sentence.is_empty() {
                p.next {
                    strong { "What happens next. " } (journey.next.sentence)
                    @if let Some(at) = journey.next.at.as_deref().and_then(api::parse_rfc3339) { " " span.soft.nowrap { "(" (show::relative(at, visit.now)) ")" } }
                }
            }
        }
    }
}

fn steps(visit: &Visit, journey: &Journey) -> Markup {
    let times: Vec<Option<base::Timestamp>> = journey.data.iter().map(|step| api::parse_rfc3339(&step.created_at)).collect();
    let gap_ns = |index: usize| Some(times[index]?.since_ns(times[index.checked_sub(1)?]?));
    html! {
        ol.journey { @for (index, step) in journey.data.iter().enumerate() { (one_step(visit, step, gap_ns(index))) } }
    }
}

/// Gaps shorter than this are not told, in nanoseconds: what follows at once is one moment.
const GAP_NS_MIN: u64 = 1_000_000;

fn one_step(visit: &Visit, step: &Step, gap_ns: Option<u64>) -> Markup {
    let tone = Tone::named(&step.tone);
    html! {
        li.step.(tone.class()) #{ "step-" (step.seq) } {
            span.badge.(tone.class()) { (tone_icon(tone, 16)) }
            div {
                div.step-head {
                    h3 { @if step.title.is_empty() { (show::words(&step.kind)) } @else { (step.title) } }
                    p.when {
                        @if let Some(gap_ns) = gap_ns.filter(|gap_ns| *gap_ns >= GAP_NS_MIN) { span { "after " (show::duration(gap_ns)) } }
                        (show::stamp(&step.created_at, visit.now))
                    }
                }
                @if !step.sentence.is_empty() { p.sentence { (step.sentence) } }
                details {
                    summary { "Evidence" span.quiet { " of step " (step.seq) } }
                    div.evidence {
                        @if step.evidence.is_empty() {
                            pre tabindex="0" { (show::pretty(&Value::Object(step.data.clone()))) }
                            p.soft.small { "Event " code { (step.id) } " of type " code { (step.kind) } ", number " (step.seq) " in the journal." }
                        }
                        @for evidence in &step.evidence { (evidence_of(evidence)) }
                    }
                }
            }
        }
    }
}

/// What proves a step: facts, ledger lines, and why there is not more.
fn evidence_of(evidence: &Evidence) -> Markup {
    html! {
        div {
            h4 { @if evidence.title.is_empty() { (show::words(&evidence.kind)) } @else { (evidence.title) } }
            @if !evidence.facts.is_empty() {
                dl.pairs { @for fact in &evidence.facts { div { dt { (fact.name) } dd { (fact.value) } } } }
            }
            @if !evidence.lines.is_empty() { (ledger_lines(&evidence.lines)) }
            @if let Some(note) = &evidence.note { p.small.soft { (note) } }
        }
    }
}

fn ledger_lines(lines: &[LedgerLine]) -> Markup {
    html! {
        div.sheet tabindex="0" role="region" aria-label="Ledger lines" {
            table.stack {
                thead { tr { th scope="col" { "Why" } th scope="col" { "Debit" } th scope="col" { "Credit" } th.amount scope="col" { "Amount" } th scope="col" { "State" } } }
                tbody {
                    @for line in lines {
                        tr {
                            td.wide data-label="Why" { span { (line.sentence) } }
                            td data-label="Debit" { (line.debit) }
                            td data-label="Credit" { (line.credit) }
                            td.amount data-label="Amount" { (line.text) }
                            td data-label="State" { (show::words(&line.state)) }
                        }
                    }
                }
            }
        }
    }
}

/// What one can do: an operator with a button, a merchant with a command to copy.
fn actions(visit: &Visit, payment: &str, actions: &[Action]) -> Markup {
    html! {
        section.card aria-labelledby="actions-title" {
            header { h2 #actions-title { "What you can do" } }
            ul.todo {
                @for action in actions {
                    li {
                        p { (action.sentence) }
                        @match own_address(action) {
                            Some(address) => { (visit.button(&address, &label(&action.code), "plain")) }
                            None => { (as_command(visit, payment, action)) }
                        }
                    }
                }
            }
        }
    }
}

/// What the button of an action says.
fn label(code: &str) -> String {
    match code {
        "look_parked" => "Ask the provider again".to_owned(),
        "confirm_clock" => "The clock is right".to_owned(),
        other => show::words(other),
    }
}

fn as_command(visit: &Visit, payment: &str, action: &Action) -> Markup {
    let by = if action.by == "merchant" { "With the merchant's key:" } else { "With an operator's key:" };
    let command = match &action.cli {
        Some(cli) if !cli.is_empty() => cli.clone(),
        Some(_) | None if action.path.is_empty() => return html! {},
        Some(_) | None => format!(
            "curl -X {} {}{} -H \"Authorization: Bearer $KEY\" -H \"Idempotency-Key: $(uuidgen)\" -H 'Content-Type: application/json' -d '{}'",
            action.method,
            visit.api_url(),
            action.path,
            if action.path == "/v1/refunds" { format!("{{\"payment\":\"{payment}\"}}") } else { "{}".to_owned() },
        ),
    };
    html! {
        p.small.soft { (by) }
        span.copyable { code data-copy="the command" { (command) } }
    }
}

/// The form of the console that does what the action does through the API; only actions that the console knows have one.
fn own_address(action: &Action) -> Option<String> {
    if action.by != "operator" || action.method != "POST" {
        return None;
    }
    let parts: Vec<&str> = action.path.split('/').collect();
    if parts.contains(&"..") {
        return None;
    }
    match parts.as_slice() {
        ["", "v1", "parked_calls", id, "look"] => Some(format!("/console/attention/calls/{}/look", encoded(id))),
        ["", "v1", "platform", "clock", "confirm"] => Some("/console/system/clock".to_owned()),
        ["", "v1", "webhooks", id, "replay"] => Some(format!("/console/webhooks/{}/replay", encoded(id))),
        _ => None,
    }
}

fn money(payment: &Payment) -> Markup {
    let currency = &payment.amount.currency;
    let rows = [
        ("Asked for", payment.amount.amount_minor),
        ("Held", payment.held_minor),
        ("Captured", payment.captured_minor),
        ("Refunded", payment.refunded_minor),
        ("Being refunded", payment.refunding_minor),
        ("Disputed", payment.disputed_minor),
        ("Provider's fees", payment.fee_minor),
    ];
    html! {
        section.card.flush aria-labelledby="money-title" {
            header { h2 #money-title { "Money" } span.soft.small { (currency) } }
            table {
                tbody {
                    @for (label, minor) in rows.into_iter().filter(|(label, minor)| *minor > 0 || matches!(*label, "Asked for" | "Captured")) {
                        tr { th scope="row" { (label) } td.amount { (show::amount_text(i128::from(minor), currency)) } }
                    }
                }
            }
        }
    }
}

fn facts(visit: &Visit, payment: &Payment) -> Markup {
    let person = payment.person();
    let none = if payment.erased { "Erased" } else { "None" };
    let text = |value: Option<&str>| html! { @match value { Some(text) => { (text) } None => { span.soft { (none) } } } };
    html! {
        section.card aria-labelledby="facts-title" {
            header { h2 #facts-title { "Details" } }
            dl.facts.narrow {
                div { dt { "Status" } dd { (show::state(&payment.status)) } }
                @if let Some(decline) = &payment.last_decline {
                    div {
                        dt { "Last decline" }
                        dd {
                            code { (decline.code) }
                            span.soft { ", class " (decline.class) }
                            @if let Some(code) = &decline.network_code { span.soft { ", network code " (code) } }
                        }
                    }
                }
                div { dt { "Reference" } dd { (text(payment.reference.as_deref())) } }
                div { dt { "Customer" } dd { (text(person.email.as_deref().or(person.id.as_deref()))) @if let Some(country) = &person.country { " " span.soft { (country) } } } }
                @if payment.description.is_some() { div { dt { "Description" } dd { (text(payment.description.as_deref())) } } }
                div { dt { "Paid with" } dd { @if let Some(method) = &payment.payment_method { code { (method) } } @else { span.soft { (METHOD_NONE) } } @if payment.off_session { " " span.soft { "while the customer was away" } } } }
                div { dt { "Capture" } dd { (show::words(&payment.capture)) } }
                @if let Some(provider) = &payment.provider {
                    div { dt { "Provider" } dd { (show::words(provider)) @if let Some(id) = &payment.provider_id { br; code { (id) } } } }
                }
                div { dt { "Created" } dd { (show::time(&payment.created_at, visit.now)) } }
                @if let Some(at) = &payment.updated_at { div { dt { "Last change" } dd { (show::time(at, visit.now)) } } }
                @if let Some(at) = &payment.expires_at { div { dt { "Expires" } dd { (show::time(at, visit.now)) } } }
                @if !payment.subject.is_empty() { div { dt { "Person, for erasure" } dd { code { (payment.subject) } } } }
            }
            @if payment.attempts.len() > 1 { (attempts(payment)) }
            @if let Some(metadata) = payment.metadata.as_ref().filter(|metadata| !metadata.is_empty()) {
                details {
                    summary { "Metadata" }
                    dl.facts.narrow { @for (name, value) in metadata { div { dt { (name) } dd { (value) } } } }
                }
            }
        }
    }
}

fn attempts(payment: &Payment) -> Markup {
    html! {
        details {
            summary { (payment.attempts.len()) " attempts" }
            ul.todo {
                @for attempt in &payment.attempts {
                    li { span { (show::state(&attempt.status)) " " (show::words(&attempt.provider)) } code { (attempt.provider_id.as_deref().unwrap_or(&attempt.id)) } }
                }
            }
        }
    }
}

fn beside(visit: &Visit, refunds: &List<Refund>, disputes: &List<Dispute>) -> Markup {
    html! {
        @if !refunds.data.is_empty() {
            section.card aria-labelledby="refunds-title" {
                header { h2 #refunds-title { "Refunds" } }
                ul.todo {
                    @for refund in &refunds.data {
                        li {
                            span.row { (show::state(&refund.status)) (show::amount(refund.amount.amount_minor, &refund.amount.currency)) }
                            a.id href=(visit.href(&format!("/console/refunds/{}", refund.id))) { (refund.id) }
                        }
                    }
                }
            }
        }
        @if !disputes.data.is_empty() {
            section.card aria-labelledby="disputes-title" {
                header { h2 #disputes-title { "Disputes" } }
                ul.todo {
                    @for dispute in &disputes.data {
                        li {
                            span.row { (show::state(&dispute.status)) (show::amount(dispute.amount.amount_minor, &dispute.amount.currency)) }
                            a.id href=(visit.href(&format!("/console/disputes/{}", dispute.id))) { (dispute.id) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{evidence_of, own_address};
    use crate::console::shapes::{Action, Evidence};
    use serde_json::json;

    #[test]
    fn only_what_an_operator_may_do_by_the_api_becomes_a_button() {
        for (by, method, path, expected) in [
            ("operator", "POST", "/v1/parked_calls/eff_1/look", Some("/console/attention/calls/eff_1/look")),
            ("operator", "POST", "/v1/webhooks/evt_1/replay", Some("/console/webhooks/evt_1/replay")),
            ("operator", "POST", "/v1/platform/clock/confirm", Some("/console/system/clock")),
            ("merchant", "POST", "/v1/parked_calls/eff_1/look", None),
            ("operator", "GET", "/v1/parked_calls/eff_1/look", None),
            ("operator", "POST", "/v1/privacy/erasures", None),
            ("operator", "POST", "/v1/parked_calls/../look", None),
        ] {
            let action = Action { by: by.into(), method: method.into(), path: path.into(), ..Action::default() };
            assert_eq!(own_address(&action).as_deref(), expected, "{by} {method} {path}");
        }
    }

    #[test]
    fn evidence_is_facts_and_ledger_lines_and_text_stays_text() {
        let evidence: Evidence = serde_json::from_value(json!({
            "kind": "ledger", "title": "Booked", "note": "<script>", "facts": [{ "name": "Amount", "value": "19.99 EUR" }],
            "lines": [{ "sentence": "Earned", "debit": "Owed by the provider", "credit": "Merchant, pending", "text": "19.99 EUR", "state": "posted" }],
        }))
        .unwrap();
        let html = evidence_of(&evidence).into_string();
        assert!(html.contains("<dt>Amount</dt><dd>19.99 EUR</dd>") && html.contains("Merchant, pending"), "{html}");
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script>"), "{html}");
    }
}
