//! Parts that rooms share: amounts, times, states, ids, pages of lists, problems, empty rooms. Whatever has a colour says the
//! same in a word.

use super::call::{Problem, with_query};
use base::time::NS_PER_S;
use base::{Currency, Timestamp};
use maud::{Markup, html};

/// The feeling of a state: a class of the style sheet and an icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Warn,
    Wait,
    Info,
}

impl Tone {
    /// Its class.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Wait => "wait",
            Self::Info => "info",
        }
    }

    /// The tone of that name; what is not known has no feeling.
    pub(crate) fn named(name: &str) -> Self {
        [Self::Good, Self::Bad, Self::Warn, Self::Wait].into_iter().find(|tone| tone.class() == name).unwrap_or(Self::Info)
    }

    /// How a status of a payment, attempt, refund, dispute, message or provider feels.
    pub(crate) fn of_status(status: &str) -> Self {
        match status {
            "captured" | "succeeded" | "won" | "active" | "good" | "news" | "approved" => Self::Good,
            "declined" | "failed" | "lost" | "down" | "mismatched" | "rejected" | "refund_failed" => Self::Bad,
            "requires_action" | "unknown" | "inquiry" | "open" | "degraded" | "parked" | "unmatched" | "unclear" | "reversed"
            | "disputed" => Self::Warn,
            "processing" | "pending" | "started" | "authorized" | "partially_captured" | "storing" | "removing" => Self::Wait,
            _ => Self::Info,
        }
    }
}

/// A small drawing for a tone, for those who do not see colours.
pub(crate) fn tone_icon(tone: Tone, size: u8) -> Markup {
    html! {
        svg.icon viewBox="0 0 16 16" width=(size) height=(size) aria-hidden="true" focusable="false" {
            @match tone {
                Tone::Good => { path.line d="M3.5 8.5l3 3 6-7" {} }
                Tone::Bad => { path.line d="M4.5 4.5l7 7M11.5 4.5l-7 7" {} }
                Tone::Warn => { path.line d="M8 3v6M8 12v.6" {} }
                Tone::Wait => { circle.line cx="8" cy="8" r="5.2" {} path.line d="M8 5.2V8l2 1.4" {} }
                Tone::Info => { circle.full cx="8" cy="8" r="2.6" {} }
            }
        }
    }
}

/// A name of the API in words: `requires_action` is "Requires action".
pub(crate) fn words(name: &str) -> String {
    let spaced = name.replace(['_', '.'], " ");
    let mut characters = spaced.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// Where something stands.
pub(crate) fn state(status: &str) -> Markup {
    pill(Tone::of_status(status), &words(status))
}

/// A word with a tone.
pub(crate) fn pill(tone: Tone, word: &str) -> Markup {
    html! { span.state.(tone.class()) { (tone_icon(tone, 14)) (word) } }
}

/// Digits in groups of three: 1234567 is "1,234,567".
pub(crate) fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count, in groups of three.
pub(crate) fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// An amount in the currency's major unit with all its decimals; one of an unknown currency stays in minor units.
pub(crate) fn amount_text(amount_minor: i128, currency: &str) -> String {
    let exponent = currency.parse::<Currency>().map_or(0, Currency::exponent);
    let digits = format!("{:0width$}", amount_minor.unsigned_abs(), width = usize::from(exponent) + 1);
    let (major, minor) = digits.split_at(digits.len() - usize::from(exponent));
    let sign = if amount_minor < 0 { "−" } else { "" };
    if minor.is_empty() { format!("{sign}{}", grouped(major)) } else { format!("{sign}{}.{minor}", grouped(major)) }
}

/// An amount with its currency.
pub(crate) fn amount(amount_minor: impl Into<i128>, currency: &str) -> Markup {
    html! { span.number { (amount_text(amount_minor.into(), currency)) } " " span.currency { (currency) } }
}

/// How long ago, or in how long, in the largest unit that says something.
pub(crate) fn relative(at: Timestamp, now: Timestamp) -> String {
    let (seconds, is_past) = if at <= now { (now.since_ns(at) / NS_PER_S, true) } else { (at.since_ns(now) / NS_PER_S, false) };
    let (number, unit) = match seconds {
        0..=4 => return if is_past { "just now".into() } else { "now".into() },
        5..=59 => (seconds, "s"),
        60..=3_599 => (seconds / 60, "min"),
        3_600..=172_799 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    if is_past { format!("{number} {unit} ago") } else { format!("in {number} {unit}") }
}

/// `2026-11-21T09:33:00.125Z` as "21 Nov 2026, 09:33:00".
pub(crate) fn absolute(text: &str) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts = || {
        let month: usize = text.get(5..7)?.parse().ok()?;
        let day = text.get(8..10)?;
        Some(format!("{day} {} {}, {}", MONTHS.get(month.checked_sub(1)?)?, text.get(..4)?, text.get(11..19)?))
    };
    parts().unwrap_or_else(|| text.to_owned())
}

/// A time as both: the clock of UTC, and how long ago.
pub(crate) fn time(text: &str, now: Timestamp) -> Markup {
    html! {
        time datetime=(text) title=(text) {
            span.nowrap { (absolute(text)) }
            @if let Some(at) = api::parse_rfc3339(text) { span.soft.nowrap { " · " (relative(at, now)) } }
        }
    }
}

/// As [`time`], short enough for a cell: the year only when it is not this one.
pub(crate) fn stamp(text: &str, now: Timestamp) -> Markup {
    let this_year = format!(" {},", now.to_string().get(..4).unwrap_or_default());
    html! {
        time datetime=(text) title=(absolute(text)) {
            (absolute(text).replace(&this_year, ""))
            @if let Some(at) = api::parse_rfc3339(text) { span.soft { " · " (relative(at, now)) } }
        }
    }
}

/// As [`stamp`], with a word where there is none.
pub(crate) fn stamp_or(text: Option<&str>, now: Timestamp, otherwise: &str) -> Markup {
    html! { @match text { Some(text) => { (stamp(text, now)) } None => { span.soft { (otherwise) } } } }
}

/// As [`time`], with a word where there is none.
pub(crate) fn time_or(text: Option<&str>, now: Timestamp, otherwise: &str) -> Markup {
    html! { @match text { Some(text) => { (time(text, now)) } None => { span.soft { (otherwise) } } } }
}

/// A duration in the unit that suits it.
pub(crate) fn duration(ns: u64) -> String {
    let ms = ns / base::time::NS_PER_MS;
    match ms {
        0..=999 => format!("{ms} ms"),
        1_000..=59_999 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..=3_599_999 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        3_600_000..=86_399_999 => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
        _ => format!("{} days", ms / 86_400_000),
    }
}

/// Bytes in the unit that suits them.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if number < 1_024 {
        return format!("{number} B");
    }
    let mut tenths = u128::from(number) * 10 / 1_024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1_024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// An id that can be copied.
pub(crate) fn copyable(id: &str, what: &str) -> Markup {
    html! { span.copyable { code data-copy=(what) { (id) } } }
}

/// What the API said instead of an answer.
pub(crate) fn problem(problem: &Problem) -> Markup {
    html! {
        div.message.bad role="alert" {
            (tone_icon(Tone::Bad, 16))
            div {
                strong { (problem.title) }
                @if !problem.detail.is_empty() && problem.detail != problem.title { p { (problem.detail) } }
                @if !problem.what_to_do.is_empty() { p { (problem.what_to_do) } }
                @if !problem.code.is_empty() {
                    p.small {
                        @if problem.doc_url.starts_with("/docs/") { a href=(problem.doc_url) { (problem.code) } } @else { code { (problem.code) } }
                        @if !problem.trace_id.is_empty() { " · trace " code { (problem.trace_id) } }
                    }
                }
            }
        }
    }
}

/// A row in which something could be.
pub(crate) fn empty(title: &str, content: Markup) -> Markup {
    html! { div.empty { strong { (title) } (content) } }
}

/// Head of a room: its one `h1`, and a sentence about it.
pub(crate) fn head(title: &str, lead: &str, beside: Markup) -> Markup {
    html! {
        div.head {
            div { h1 { (title) } @if !lead.is_empty() { p.lead { (lead) } } }
            (beside)
        }
    }
}

/// Where the script offers to pause live updates; without it, a link that brings the page up to date.
pub(crate) fn live_switch() -> Markup {
    html! {
        span.live data-live-switch hidden {}
        noscript { a.button.plain href="" { "Reload" } }
    }
}

/// Links to the first and the next page of a list. `parameters` are those of this page, without its cursor.
pub(crate) fn pages(path: &str, parameters: &[(&str, &str)], is_first: bool, next_cursor: Option<&str>) -> Markup {
    if is_first && next_cursor.is_none() {
        return html! {};
    }
    let with_cursor = |cursor: &str| {
        let mut all = parameters.to_vec();
        all.push(("cursor", cursor));
        with_query(path, &all)
    };
    html! {
        nav.pages aria-label="Pages of this list" {
            @if is_first { span.soft.small { "First page" } } @else { a.button.plain href=(with_query(path, parameters)) { "First page" } }
            @if let Some(next) = next_cursor { a.button.plain rel="next" href=(with_cursor(next)) { "Next page" } } @else { span.soft.small { "That is all" } }
        }
    }
}

/// JSON with line breaks, for evidence.
pub(crate) fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Tone, absolute, amount_text, bytes, count, duration, relative, words};
    use base::Timestamp;

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        for (amount_minor, currency, expected) in [
            (1_999, "EUR", "19.99"),
            (5, "EUR", "0.05"),
            (0, "USD", "0.00"),
            (123_456_789, "EUR", "1,234,567.89"),
            (500, "JPY", "500"),
            (1_250, "KWD", "1.250"),
            (-1_999, "EUR", "−19.99"),
            (i128::from(u64::MAX), "JPY", "18,446,744,073,709,551,615"),
            (1_999, "???", "1,999"),
        ] {
            assert_eq!(amount_text(amount_minor, currency), expected, "{amount_minor} {currency}");
        }
    }

    #[test]
    fn times_are_told_in_the_unit_that_says_something() {
        let now = Timestamp::from_s(1_000_000);
        for (at_s, expected) in [
            (1_000_000, "just now"),
            (999_995, "5 s ago"),
            (999_940, "1 min ago"),
            (996_400, "1 h ago"),
            (913_600, "24 h ago"),
            (100_000, "10 days ago"),
            (1_000_002, "now"),
            (1_000_030, "in 30 s"),
            (1_007_200, "in 2 h"),
        ] {
            assert_eq!(relative(Timestamp::from_s(at_s), now), expected);
        }
        assert_eq!(absolute("2026-11-21T09:33:00.125Z"), "21 Nov 2026, 09:33:00");
        assert_eq!(absolute("soon"), "soon");
        assert_eq!(absolute("2026-13-21T09:33:00Z"), "2026-13-21T09:33:00Z");
    }

    #[test]
    fn sizes_and_durations_have_a_unit_that_suits_them() {
        for (number, expected) in
            [(0, "0 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (1_536, "1.5 KiB"), (64 << 20, "64.0 MiB"), (3 << 40, "3.0 TiB")]
        {
            assert_eq!(bytes(number), expected);
        }
        for (ms, expected) in [(5, "5 ms"), (1_250, "1.2 s"), (61_000, "1 min 1 s"), (7_260_000, "2 h 1 min"), (200_000_000, "2 days")] {
            assert_eq!(duration(ms * 1_000_000), expected);
        }
        assert_eq!((count(0).as_str(), count(1_000).as_str(), count(999).as_str()), ("0", "1,000", "999"));
    }

    #[test]
    fn every_status_of_a_life_cycle_is_told_in_words() {
        let known = payments::PaymentStatus::ALL.iter().map(|status| status.name());
        for name in known.chain(payments::RefundStatus::ALL.iter().map(|status| status.name())) {
            assert!(!words(name).contains('_') && words(name).starts_with(char::is_uppercase), "{name}");
        }
        assert_eq!(words("requires_action"), "Requires action");
        assert_eq!(words("attempt.captured"), "Attempt captured");
        assert_eq!(words(""), "");
        assert_eq!(Tone::of_status("captured"), Tone::Good);
        assert_eq!(Tone::named("nonsense"), Tone::Info);
    }
}
