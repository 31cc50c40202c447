//! The journal on disk and the platform around it: segments, snapshots, digest, versions, clock.

use super::shapes::{Platform, Segment, Snapshot};
use super::show::{self, Tone};
use super::visit::{Place, Submission, Visit};
use axum::response::{Redirect, Response};
use maud::{Markup, html};
use serde_json::Value;

/// The page.
pub(super) async fn room(visit: Visit) -> Response {
    let platform = match visit.client.get::<Platform>("/v1/platform").await {
        Ok(platform) => platform,
        Err(problem) => return visit.refusal(Place::System, "Journal and system", &problem),
    };
    let content = html! {
        (show::head("Journal and system", "What is on disk, and what runs on it. The journal is the truth; everything else is made from it.", html! {}))
        (clock(&visit, &platform))
        div.columns.main-side {
            div.stack {
                section.card.flush aria-labelledby="segments-title" {
                    header { h2 #segments-title { "Journal segments" } span.soft.small { (total(&platform)) } }
                    (segments(&platform.segments))
                }
                section.card.flush aria-labelledby="snapshots-title" {
                    header { h2 #snapshots-title { "Snapshots" } }
                    (snapshots(&visit, &platform.snapshots))
                }
                @if !platform.options.is_empty() {
                    section.card aria-labelledby="options-title" {
                        header { h2 #options-title { "Options" } }
                        dl.facts { @for (name, value) in &platform.options { div { dt { (show::words(name)) } dd { (plain(value).unwrap_or_else(|| show::pretty(value))) } } } }
                    }
                }
            }
            div.stack {
                section.card aria-labelledby="state-title" {
                    header { h2 #state-title { "State" } }
                    dl.facts.narrow {
                        @if let Some(state) = &platform.state {
                            div { dt { "Digest" } dd { (show::copyable(&state.digest, "the digest")) } }
                            div { dt { "After event" } dd { (show::count(state.seq)) } }
                        } @else {
                            div { dt { "Digest" } dd { span.soft { "Taken with the next snapshot" } } }
                        }
                        div { dt { "Chain of the journal" } dd { (show::copyable(&platform.chain_hash, "the chain's hash")) } }
                    }
                    p.soft.small { "A replay of the journal up to this event gives the same digest: " code { "bezant journal verify" } "." }
                }
                section.card aria-labelledby="versions-title" {
                    header { h2 #versions-title { "Versions" } }
                    dl.facts.narrow {
                        div { dt { "Bezant" } dd { (platform.version) @if let Some(build) = plain(&platform.build) { " " span.soft { (build) } } } }
                        div { dt { "API" } dd { (platform.api_version) } }
                        @for (name, version) in &platform.schema_versions { div { dt { "Schema of " (name.replace('_', " ")) } dd { (plain(version).unwrap_or_default()) } } }
                        div { dt { "Started" } dd { (show::time_or(platform.started_at.as_deref(), visit.now, "Not known")) } }
                    }
                }
            }
        }
    };
    visit.page(Place::System, "Journal and system", content)
}

/// A plain value as text; what holds others has none.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("Yes".to_owned()),
        Value::Bool(false) => Some("No".to_owned()),
        Value::Array(items) => items.iter().map(plain).collect::<Option<Vec<_>>>().map(|texts| texts.join(", ")),
        Value::Null | Value::Object(_) => None,
    }
}

fn clock(visit: &Visit, platform: &Platform) -> Markup {
    html! {
        @if platform.clock.expiries_suspended {
            div.message.warn role="alert" {
                (show::tone_icon(Tone::Warn, 16))
                div {
                    strong { "The clock jumped forward, and nothing expires until somebody confirms it." }
                    p { "Compare this machine's time with another one's first." }
                    (visit.button("/console/system/clock", "The clock is right", "plain"))
                }
            }
        }
    }
}

fn total(platform: &Platform) -> String {
    let shown = platform.segments.len();
    let bytes = platform.segments.iter().map(|segment| segment.bytes).sum();
    match platform.segments_count {
        1 => format!("1 file, {}", show::bytes(bytes)),
        count if u64::try_from(shown).is_ok_and(|shown| shown >= count) => format!("{count} files, {}", show::bytes(bytes)),
        count => format!("the newest {shown} of {}, {}", show::count(count), show::bytes(bytes)),
    }
}

fn segments(segments: &[Segment]) -> Markup {
    html! {
        div.sheet tabindex="0" role="region" aria-label="Table of segments" {
            table.stack {
                thead { tr { th scope="col" { "File" } th.amount scope="col" { "First event" } th.amount scope="col" { "Last event" } th.amount scope="col" { "Size" } th scope="col" { "State" } } }
                tbody {
                    @for segment in segments.iter().rev() {
                        tr {
                            th scope="row" data-label="File" { span.id { (segment.name) } }
                            td.amount data-label="First event" { (show::count(segment.first_seq)) }
                            td.amount data-label="Last event" { (segment.last_seq.map_or_else(|| "—".to_owned(), show::count)) }
                            td.amount data-label="Size" { (show::bytes(segment.bytes)) }
                            td data-label="State" { @if segment.sealed { (show::pill(Tone::Good, "Sealed")) } @else { (show::pill(Tone::Wait, "Being written")) } }
                        }
                    }
                }
            }
        }
    }
}

fn snapshots(visit: &Visit, snapshots: &[Snapshot]) -> Markup {
    if snapshots.is_empty() {
        return show::empty(
            "There is no snapshot yet",
            html! { p { "One is made every few minutes while events come in. It shortens the next start and holds nothing that the journal does not." } },
        );
    }
    html! {
        div.sheet tabindex="0" role="region" aria-label="Table of snapshots" {
            table.stack {
                thead { tr { th.amount scope="col" { "After event" } th.amount scope="col" { "Size" } th scope="col" { "Made (UTC)" } } }
                tbody {
                    @for snapshot in snapshots {
                        tr {
                            th.amount scope="row" data-label="After event" { (show::count(snapshot.seq)) }
                            td.amount data-label="Size" { (show::bytes(snapshot.bytes)) }
                            td data-label="Made (UTC)" { (show::stamp_or(snapshot.at.as_deref(), visit.now, "Not known")) }
                        }
                    }
                }
            }
        }
    }
}

/// Says that the clock is right after a jump.
pub(super) async fn confirm_clock(submission: Submission) -> Redirect {
    let result = submission.client.post("/v1/platform/clock/confirm").await;
    submission.done(result, "The clock is confirmed; expiries go on.")
}
