//! How fast the platform is right now: what the bench measures, live.

use super::shapes::Performance;
use super::show;
use super::visit::{Place, Visit};
use axum::response::Response;
use maud::{Markup, html};

/// The page.
pub(super) async fn room(visit: Visit) -> Response {
    let found = match visit.client.get::<Performance>("/v1/performance").await {
        Ok(found) => found,
        Err(problem) => return visit.refusal(Place::Performance, "Performance", &problem),
    };
    let content = html! {
        (show::head("Performance", "What the bench measures, of the payments that really come in.", show::live_switch()))
        div.stack #performance data-live {
            (figures(&found))
            section.card.flush aria-labelledby="latency-title" {
                header { h2 #latency-title { "Where the time goes" } span.soft.small { "since " (show::time_or(found.since.as_deref(), visit.now, "the start")) } }
                (latencies(&found))
            }
        }
        section.card aria-labelledby="bench-title" {
            header { h2 #bench-title { "On a machine of your own" } }
            p { "The bench runs the same platform against the simulator and three ceilings of the same machine, and says how far it is from them:" }
            div.copyable { code data-copy="the command" { "cargo xtask bench payments" } }
        }
    };
    visit.page(Place::Performance, "Performance", content)
}

fn number(value: Option<f64>, unit: &str) -> Markup {
    html! {
        @match value {
            Some(value) => { @if value < 10.0 { (format!("{value:.1}")) } @else { (show::grouped(&format!("{value:.0}"))) } " " span.unit { (unit) } }
            None => { "—" }
        }
    }
}

fn figures(found: &Performance) -> Markup {
    html! {
        ul.figures {
            li { span.name { "Payments" } span.value { (number(found.payments_per_s, "/s")) } span.note { "over the last minute" } }
            li { span.name { "Processor time" } span.value { (number(found.cpu_us_per_payment, "µs")) } span.note { "per payment" } }
            li { span.name { "Written" } span.value { (found.bytes_per_payment.map_or_else(|| "—".to_owned(), show::bytes)) } span.note { "per payment" } }
            li { span.name { "Memory" } span.value { (number(found.rss_mb, "MB")) } span.note { "resident" } }
        }
    }
}

fn latencies(found: &Performance) -> Markup {
    let us = |value: Option<f64>| value.map(|value| value / 1_000.0);
    let rows = [
        (
            "A payment's request",
            "From its first byte to its answer, the provider's time included",
            found.request_p50_ms,
            found.request_p99_ms,
        ),
        ("Added by the platform", "The same, less the provider's time", found.added_p50_ms, found.added_p99_ms),
        (
            "One sync of the journal",
            "Until the disk has it; requests of a moment share one",
            us(found.fsync_p50_us),
            us(found.fsync_p99_us),
        ),
    ];
    html! {
        div.sheet tabindex="0" role="region" aria-label="Table of latencies" {
            table.stack {
                thead { tr { th scope="col" { "What" } th scope="col" { "From when to when" } th.amount scope="col" { "p50" } th.amount scope="col" { "p99" } } }
                tbody {
                    @for (what, meaning, p50_ms, p99_ms) in rows {
                        tr {
                            th scope="row" data-label="What" { (what) }
                            td.wide data-label="From when to when" { span.soft { (meaning) } }
                            td.amount data-label="p50" { span { (number(p50_ms, "ms")) } }
                            td.amount data-label="p99" { span { (number(p99_ms, "ms")) } }
                        }
                    }
                }
            }
        }
    }
}
