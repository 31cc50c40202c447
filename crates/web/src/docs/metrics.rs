//! The page about metrics, made from the inventory of the crate `telemetry`.

use super::library::{Article, Section};
use super::markdown;
use maud::{Markup, html};
use telemetry::names::{METRICS, Metric, MetricKind};

const GUIDE: &str = include_str!("../../../../docs/guide/metrics.md");

/// The one page.
pub(super) fn article(group: &'static str) -> Article {
    let mut rendered = markdown::render(GUIDE);
    let text = METRICS.iter().map(|metric| format!("{} {} ", metric.name, metric.help)).collect();
    rendered.sections.push(Section { id: "all-metrics".into(), title: "All metrics".into(), level: 2, text });
    let body = html! { (rendered.body) h2 id="all-metrics" { "All metrics" } (table()) };
    Article {
        path: "/docs/metrics".into(),
        group,
        title: rendered.title,
        lead: rendered.lead,
        body,
        sections: rendered.sections,
        above: None,
    }
}

fn table() -> Markup {
    html! {
        div.sheet tabindex="0" role="region" aria-label="Table: Metrics" {
            table {
                thead { tr { th scope="col" { "Name" } th scope="col" { "Kind" } th scope="col" { "Labels" } th scope="col" { "Meaning" } } }
                tbody {
                    @for metric in METRICS {
                        tr {
                            td { code { (metric.name) } }
                            td { (kind(metric)) }
                            td { @for (index, label) in metric.labels.iter().enumerate() { @if index > 0 { ", " } code { (label) } } }
                            td { (metric.help) }
                        }
                    }
                }
            }
        }
    }
}

const fn kind(metric: &Metric) -> &'static str {
    match metric.kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram { .. } => "histogram",
    }
}

#[cfg(test)]
mod tests {
    use super::METRICS;
    use std::collections::BTreeSet;

    #[test]
    fn every_alarm_of_the_runbook_is_a_metric() {
        let runbook = include_str!("../../../../docs/guide/runbook.md");
        let (_, rest) = runbook.split_once("| Alarm |").expect("the runbook has a table of alarms");
        let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
        let named: BTreeSet<&str> = rows.filter_map(|row| row.split('`').nth(1)?.split('{').next()).collect();
        let known: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert!(named.len() >= 8 && named.is_subset(&known), "{:?}", named.difference(&known));
    }
}
