//! How the platform is right now: payments a second, outcomes, what is unknown or waits, providers, the journal.

use super::chart::{self, Kind};
use super::payments::first_payment;
use super::shapes::{Overview, Point, Provider};
use super::show::{self, Tone};
use super::visit::{ALL, Place, Visit};
use axum::response::Response;
use maud::{Markup, html};

/// What the chart stacks, from the ground up.
const KINDS: [Kind; 5] = [
    Kind { label: "Captured", class: "good" },
    Kind { label: "Authorized", class: "wait" },
    Kind { label: "Declined", class: "bad" },
    Kind { label: "Failed", class: "info" },
    Kind { label: "Unknown", class: "warn" },
];

/// The page.
pub(super) async fn room(visit: Visit) -> Response {
    let overview = match visit.client.get::<Overview>("/v1/overview").await {
        Ok(overview) => overview,
        Err(problem) => return visit.refusal(Place::Overview, "Overview", &problem),
    };
    let content = html! {
        (show::head("Overview", "All merchants, now.", show::live_switch()))
        div.stack #overview data-live {
            (needs_attention(&overview))
            (figures(&overview))
            div.columns.main-side {
                section.card aria-labelledby="pace-title" {
                    header { h2 #pace-title { "Payments" } span.soft.small { (window(&overview)) } }
                    (pace(&overview))
                }
                section.card aria-labelledby="outcomes-title" {
                    header { h2 #outcomes-title { "Outcomes" } span.soft.small { (window(&overview)) } }
                    (outcomes(&visit, &overview))
                }
            }
            section.card.flush aria-labelledby="providers-title" {
                header { h2 #providers-title { "Providers" } span.soft.small { (window(&overview)) } }
                (providers(&visit, &overview.providers))
            }
        }
    };
    visit.page(Place::Overview, "Overview", content)
}

fn window(overview: &Overview) -> String {
    let minutes = overview.window_s / 60;
    if minutes == 0 { format!("last {} s", overview.window_s) } else { format!("last {minutes} min") }
}

fn needs_attention(overview: &Overview) -> Markup {
    html! {
        @if overview.needs_attention.is_empty() {
            div.message.good { (show::tone_icon(Tone::Good, 16)) div { p { "Nothing needs a person." } } }
        } @else {
            section.message.warn aria-labelledby="attention-title" {
                (show::tone_icon(Tone::Warn, 16))
                div {
                    h2 #attention-title { "Needs attention" }
                    ul.plain-list {
                        @for item in &overview.needs_attention {
                            li { @match room_of(&item.path) { Some(address) => { a href=(address) { (item.sentence) } } None => { (item.sentence) } } }
                        }
                    }
                }
            }
        }
    }
}

/// The room that shows what an address of the API does.
fn room_of(path: &str) -> Option<String> {
    let (path, query) = path.split_once('?').map_or((path, ""), |(path, query)| (path, query));
    let is_list = matches!(path, "/v1/disputes" | "/v1/payments" | "/v1/refunds");
    let room = match path {
        "/v1/parked_calls" | "/v1/quarantine" => "/console/attention",
        "/v1/webhooks" => "/console/webhooks",
        "/v1/disputes" => "/console/disputes",
        "/v1/payments" => "/console/payments",
        "/v1/refunds" => "/console/refunds",
        "/v1/platform" | "/v1/platform/clock/confirm" => "/console/system",
        "/v1/accounts" => "/console/accounts",
        _ if path == "/console" || path.starts_with("/console/") || path.starts_with("/docs/") => path,
        _ => return None,
    };
    // What is counted here is of all merchants.
    let scope = is_list.then(|| format!("merchant={ALL}"));
    let query: Vec<&str> = [query].into_iter().filter(|query| !query.is_empty()).chain(scope.as_deref()).collect();
    Some(if query.is_empty() { room.to_owned() } else { format!("{room}?{}", query.join("&")) })
}

fn figures(overview: &Overview) -> Markup {
    let outcome = |name: &str| overview.outcomes.get(name).copied().unwrap_or(0);
    let done = outcome("captured") + outcome("authorized");
    let decided = done + outcome("declined") + outcome("failed");
    html! {
        ul.figures {
            li { span.name { "Payments per second" } span.value { (format!("{:.1}", overview.payments.per_second_now)) } span.note { "now" } }
            li { span.name { "Accepted" } span.value { (if decided == 0 { "—".to_owned() } else { chart::percent(done, decided) }) } span.note { (show::count(done)) " of " (show::count(decided)) " decided" } }
            li { span.name { "Unknown" } span.value.warn-text[overview.unknown_open > 0] { (show::count(overview.unknown_open)) } span.note { "being found out" } }
            li { span.name { "Wait for a person" } span.value.warn-text[overview.parked + overview.quarantined > 0] { (show::count(overview.parked + overview.quarantined)) } span.note { (overview.parked) " calls, " (overview.quarantined) " requests" } }
            li { span.name { "Views behind the journal" } span.value { (show::count(overview.journal.views_lag_events)) } span.note { "events, of " (show::count(overview.journal.durable_seq)) } }
        }
    }
}

/// What a point counts, in the order of [`KINDS`].
const fn counts(point: &Point) -> [u64; 5] {
    [point.captured, point.authorized, point.declined, point.failed, point.unknown]
}

fn pace(overview: &Overview) -> Markup {
    let columns: Vec<(String, Vec<u64>)> = overview
        .payments
        .series
        .iter()
        .map(|point| {
            let clock = point.at.get(11..19).unwrap_or(&point.at).to_owned();
            (clock, counts(point).to_vec())
        })
        .collect();
    html! {
        (chart::columns("Outcomes of payments over time, in UTC", &KINDS, &columns))
        details {
            summary { "The numbers of this chart" }
            div.sheet tabindex="0" role="region" aria-label="Numbers of the chart" {
                table {
                    thead { tr { th scope="col" { "From (UTC)" } th.amount scope="col" { "Created" } @for kind in KINDS { th.amount scope="col" { (kind.label) } } } }
                    tbody {
                        @for point in overview.payments.series.iter().rev().filter(|point| point.created + counts(point).iter().sum::<u64>() > 0) {
                            tr {
                                th scope="row" { (point.at.get(11..19).unwrap_or(&point.at)) }
                                td.amount { (show::count(point.created)) }
                                @for count in counts(point) { td.amount { (show::count(count)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The filling of a status in bars: the tone that its pill has.
fn fill(status: &str) -> &'static str {
    Tone::of_status(status).class()
}

fn outcomes(visit: &Visit, overview: &Overview) -> Markup {
    let mut outcomes: Vec<(&String, u64)> = overview.outcomes.iter().map(|(status, count)| (status, *count)).collect();
    outcomes.retain(|(status, count)| *count > 0 && *status != "created");
    let total: u64 = outcomes.iter().map(|(_, count)| count).sum();
    if total == 0 {
        let is_new = visit.merchant().is_none_or(|merchant| merchant.currencies.is_empty());
        return if is_new {
            first_payment(visit)
        } else {
            html! { p.soft { "Nothing happened to a payment meanwhile." } }
        };
    }
    outcomes.sort_by_key(|(status, count)| (core::cmp::Reverse(*count), *status));
    html! {
        ul.shares {
            @for (status, count) in outcomes {
                li {
                    span { (show::words(status)) }
                    span.number { (show::count(count)) " " span.soft { (chart::percent(count, total)) } }
                    (chart::share(count, total, fill(status)))
                }
            }
        }
    }
}

fn providers(visit: &Visit, providers: &[Provider]) -> Markup {
    html! {
        div.sheet tabindex="0" role="region" aria-label="Table of providers" {
            table.stack {
                thead {
                    tr {
                        th scope="col" { "Provider" }
                        th scope="col" { "Health" }
                        th.amount scope="col" { "Calls" }
                        th.amount scope="col" { "Approved" }
                        th.amount scope="col" { "Declined" }
                        th.amount scope="col" { "Rejected" }
                        th.amount scope="col" { "Unknown" }
                        th.amount scope="col" { "p50" }
                        th.amount scope="col" { "p99" }
                        th scope="col" { "Last unknown (UTC)" }
                    }
                }
                tbody {
                    @for provider in providers {
                        tr {
                            th scope="row" data-label="Provider" { (show::words(&provider.name)) }
                            td data-label="Health" { (show::state(&provider.health)) }
                            td.amount data-label="Calls" { (show::count(provider.sends)) }
                            td.amount data-label="Approved" { (show::count(provider.approved)) }
                            td.amount data-label="Declined" { (show::count(provider.declined)) }
                            td.amount data-label="Rejected" { (show::count(provider.rejected)) }
                            td.amount data-label="Unknown" { (show::count(provider.unknown)) }
                            td.amount data-label="p50" { (milliseconds(provider.p50_ms)) }
                            td.amount data-label="p99" { (milliseconds(provider.p99_ms)) }
                            td data-label="Last unknown (UTC)" { (show::stamp_or(provider.last_unknown_at.as_deref(), visit.now, "None")) }
                        }
                    }
                }
            }
        }
    }
}

/// Milliseconds, where something was measured.
pub(super) fn milliseconds(value: Option<f64>) -> String {
    value.map_or_else(|| "—".to_owned(), |value| if value < 10.0 { format!("{value:.1} ms") } else { format!("{value:.0} ms") })
}

#[cfg(test)]
mod tests {
    use super::room_of;

    #[test]
    fn what_needs_attention_leads_to_a_room_and_never_elsewhere() {
        for (path, expected) in [
            ("/v1/parked_calls", Some("/console/attention")),
            ("/v1/webhooks?found=unclear", Some("/console/webhooks?found=unclear")),
            ("/v1/platform/clock/confirm", Some("/console/system")),
            ("/v1/disputes?status=open", Some("/console/disputes?status=open&merchant=all")),
            ("/console/disputes", Some("/console/disputes")),
            ("/consolation", None),
            ("https://example.com", None),
            ("", None),
        ] {
            assert_eq!(room_of(path).as_deref(), expected, "{path}");
        }
    }
}
