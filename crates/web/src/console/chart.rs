//! Charts as SVG drawn here: attributes and classes only, no script and no inline style. Each has its numbers as text beside
//! it, for those who do not see it.

use maud::{Markup, html};

/// Width of a chart's own units; it is stretched to the place that it has.
const WIDTH: u64 = 600;
/// Height of a chart's own units.
const HEIGHT: u64 = 120;

/// One kind of what is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// What the legend says.
    pub(super) label: &'static str,
    /// Ending of a class `fill-…` of the style sheet.
    pub(super) class: &'static str,
}

/// Columns over time, each stacked from the counts of `kinds`. `columns` are labels with counts, oldest first.
pub(super) fn columns(title: &str, kinds: &[Kind], columns: &[(String, Vec<u64>)]) -> Markup {
    let highest = columns.iter().map(|(_, counts)| counts.iter().sum::<u64>()).max().unwrap_or(0);
    let top = round_up(highest.max(1));
    let total: u64 = columns.iter().flat_map(|(_, counts)| counts).sum();
    let slots = u64::try_from(columns.len().max(1)).unwrap_or(1);
    html! {
        figure.chart {
            figcaption.quiet { (title) ": " (total) " in all, at most " (highest) " in one column." }
            div.plot {
                span.axis.ceiling aria-hidden="true" { (super::show::count(top)) }
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" aria-hidden="true" focusable="false" {
                    @for line in [0, HEIGHT / 2, HEIGHT] { path.grid d={ "M0 " (line) "H" (WIDTH) } {} }
                    @for (index, (_, counts)) in columns.iter().enumerate() {
                        @let slot = u64::try_from(index).unwrap_or(0);
                        @for (kind, (bottom, count)) in kinds.iter().zip(stacked(counts)) {
                            @if count > 0 { (bar(kind, slot, slots, (bottom, count), top)) }
                        }
                    }
                }
                div.axis.span aria-hidden="true" {
                    span { (columns.first().map_or("", |(label, _)| label.as_str())) }
                    span { (columns.last().map_or("", |(label, _)| label.as_str())) }
                }
            }
            ul.legend {
                @for (index, kind) in kinds.iter().enumerate() {
                    @let sum: u64 = columns.iter().filter_map(|(_, counts)| counts.get(index)).sum();
                    li { (swatch(kind)) (kind.label) " " strong.number { (super::show::count(sum)) } }
                }
            }
        }
    }
}

/// Where each count begins when they stand on each other.
fn stacked(counts: &[u64]) -> impl Iterator<Item = (u64, u64)> {
    counts.iter().scan(0_u64, |below, count| {
        let bottom = *below;
        *below = below.saturating_add(*count);
        Some((bottom, *count))
    })
}

fn bar(kind: &Kind, slot: u64, slots: u64, (bottom, count): (u64, u64), top: u64) -> Markup {
    // In hundredths of a unit, so that whole numbers suffice.
    let scaled = |value: u64| value.saturating_mul(HEIGHT * 100) / top;
    let (left, right) = (slot * WIDTH * 100 / slots, (slot + 1) * WIDTH * 100 / slots);
    let gap = (right - left) / 5;
    let (low, high) = (scaled(bottom), scaled(bottom.saturating_add(count)));
    html! {
        rect.{ "fill-" (kind.class) } x=(hundredths(left + gap / 2)) width=(hundredths(right - left - gap))
            y=(hundredths((HEIGHT * 100).saturating_sub(high))) height=(hundredths(high - low)) {}
    }
}

fn hundredths(value: u64) -> String {
    format!("{}.{:02}", value / 100, value % 100)
}

fn swatch(kind: &Kind) -> Markup {
    html! { svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true" focusable="false" { rect.{ "fill-" (kind.class) } width="10" height="10" rx="2" {} } }
}

/// The least of 1, 2, 5, 10, 20, 50, … that is not below `value`.
fn round_up(value: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let candidate = unit.saturating_mul(factor);
            if candidate >= value {
                return candidate;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// A part of a whole as a bar.
pub(super) fn share(part: u64, whole: u64, class: &str) -> Markup {
    let width = part.saturating_mul(1_000).checked_div(whole).unwrap_or(0).min(1_000);
    html! {
        svg.bar viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            rect.track width="1000" height="10" {}
            rect.{ "fill-" (class) } width=(width) height="10" {}
        }
    }
}

/// A part of a whole in percent with one decimal.
pub(super) fn percent(part: u64, whole: u64) -> String {
    let tenths = part.saturating_mul(1_000).checked_div(whole).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::{Kind, columns, percent, round_up, share};

    #[test]
    fn the_top_of_a_chart_is_a_round_number() {
        for (value, expected) in [(1, 1), (2, 2), (3, 5), (7, 10), (11, 20), (101, 200), (999, 1_000)] {
            assert_eq!(round_up(value), expected, "{value}");
        }
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }

    #[test]
    fn columns_stand_on_each_other_and_are_told_in_words() {
        let kinds = [Kind { label: "Captured", class: "good" }, Kind { label: "Declined", class: "bad" }];
        let html = columns("Payments", &kinds, &[("a".into(), vec![3, 1]), ("b".into(), vec![0, 0])]).into_string();
        assert!(html.contains("Payments: 4 in all, at most 4 in one column."), "{html}");
        // Of a top of 5 units and a height of 120: three are 72 high and end at 48, one is 24 high above them.
        assert!(html.contains("<rect class=\"fill-good\" x=\"30.00\" width=\"240.00\" y=\"48.00\" height=\"72.00\">"), "{html}");
        assert!(html.contains("<rect class=\"fill-bad\" x=\"30.00\" width=\"240.00\" y=\"24.00\" height=\"24.00\">"), "{html}");
        assert!(!html.contains("style="));
        assert!(!columns("Nothing", &kinds, &[]).into_string().contains("NaN"));
    }

    #[test]
    fn a_share_of_nothing_is_nothing() {
        assert_eq!((percent(1, 3).as_str(), percent(0, 0).as_str(), percent(2, 2).as_str()), ("33.3 %", "0.0 %", "100.0 %"));
        assert!(share(1, 4, "good").into_string().contains("width=\"250\""));
    }
}
