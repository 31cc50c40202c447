//! A payment's journey as text: what it came to, each step in order with its mark, what is next and what one can do.
//! The sentences are the platform's own; here they are only set.

use super::table::{Paint, Tone, field, plain, short_time, width};
use serde_json::Value;

/// Widest line of a sentence, in columns of a terminal.
const LINE_WIDTH_MAX: usize = 100;
/// Columns before a step's sentence: its mark and its time.
const STEP_INDENT: usize = 16;
/// Most lines of one piece of evidence that are shown; --json has all of it.
const EVIDENCE_LINES_MAX: usize = 60;

/// The journey of payment `id`, as `GET /v1/payments/{id}/journey` tells it.
pub(super) fn text(id: &str, journey: &Value, with_evidence: bool, paint: Paint) -> String {
    let mut text = String::new();
    let (summary, tone) = (journey.get("summary"), tone_of(journey.pointer("/summary/tone")));
    if let Some(summary) = summary {
        text.push_str(&format!("{}  {id}\n", paint.tone(&paint.strong(&field(summary, "/title")), tone)));
        text.push_str(&wrapped(&field(summary, "/sentence"), 0));
        text.push('\n');
    }
    let mut day = String::new();
    for step in journey.get("data").and_then(Value::as_array).into_iter().flatten() {
        let at = field(step, "/created_at");
        let (date, time) = at.split_once('T').unwrap_or((&at, ""));
        if date != day {
            text.push_str(&format!("{}\n", paint.tone(&format!("{date} (UTC)"), Tone::Faint)));
            date.clone_into(&mut day);
        }
        text.push_str(&step_text(step, time.trim_end_matches('Z'), with_evidence, paint));
    }
    text.push_str(&ahead(journey, paint));
    text
}

fn step_text(step: &Value, time: &str, with_evidence: bool, paint: Paint) -> String {
    let tone = tone_of(step.get("tone"));
    let title = if step.get("title").is_some() { field(step, "/title") } else { field(step, "/type") };
    let mut text = format!("{} {time:<12}  {}\n", paint.tone(mark(tone), tone), paint.strong(&title));
    if step.get("sentence").is_some_and(|sentence| !sentence.is_null()) {
        text.push_str(&wrapped(&field(step, "/sentence"), STEP_INDENT));
    }
    if with_evidence {
        for piece in step.get("evidence").and_then(Value::as_array).into_iter().flatten() {
            text.push_str(&evidence_text(piece, paint));
        }
    }
    text
}

/// A piece of evidence: what it is, its facts, what it booked, and whatever else it says.
fn evidence_text(piece: &Value, paint: Paint) -> String {
    let indent = " ".repeat(STEP_INDENT);
    let heading = format!("{}: {}", field(piece, "/kind"), field(piece, "/title"));
    let mut text = format!("{indent}{}\n", paint.tone(&heading, Tone::Faint));
    let lines = [facts(piece), booked(piece), further(piece)].concat();
    for line in lines.iter().take(EVIDENCE_LINES_MAX) {
        text.push_str(&format!("{indent}  {line}\n"));
    }
    let left_out = lines.len().saturating_sub(EVIDENCE_LINES_MAX);
    if left_out > 0 {
        text.push_str(&format!("{indent}  … {left_out} more lines; --json has all of them\n"));
    }
    text
}

/// Names and values below each other.
fn facts(piece: &Value) -> Vec<String> {
    let facts = piece.get("facts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let facts: Vec<(String, String)> = facts.iter().map(|fact| (field(fact, "/name"), field(fact, "/value"))).collect();
    let name_width = facts.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    facts.into_iter().map(|(name, value)| format!("{name}{}  {value}", " ".repeat(name_width - width(&name)))).collect()
}

/// Ledger lines: what moved from where to where, and why.
fn booked(piece: &Value) -> Vec<String> {
    let lines = piece.get("lines").and_then(Value::as_array).into_iter().flatten();
    let sentence = |line: &Value| {
        let state = Some(field(line, "/state")).filter(|state| state != "posted").map(|state| format!(" ({state})")).unwrap_or_default();
        let (amount, debit, credit) = (field(line, "/text"), field(line, "/debit"), field(line, "/credit"));
        [format!("{amount}{state}: debit {debit}, credit {credit}"), format!("  {}", field(line, "/sentence"))]
    };
    lines.flat_map(sentence).collect()
}

/// What a newer platform says beside, by its names.
fn further(piece: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let known = |name: &str| matches!(name, "kind" | "title" | "facts" | "lines");
    for (name, value) in piece.as_object().into_iter().flatten().filter(|(name, _)| !known(name)) {
        match value {
            Value::Null => {}
            Value::Object(_) | Value::Array(_) => {
                lines.push(format!("{name}:"));
                let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
                lines.extend(pretty.lines().map(|line| format!("  {}", plain(line))));
            }
            Value::String(value) if name == "note" => lines.push(plain(value)),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => lines.push(format!("{name}: {}", field(piece, &format!("/{name}")))),
        }
    }
    lines
}

/// What happens next, and what one can do.
fn ahead(journey: &Value, paint: Paint) -> String {
    let mut text = String::new();
    if journey.pointer("/next/sentence").is_some_and(|sentence| !sentence.is_null()) {
        let when = match journey.pointer("/next/at").and_then(Value::as_str) {
            Some(at) => format!(" (at {} UTC)", plain(&short_time(at))),
            None => String::new(),
        };
        text.push_str(&format!("\n{}\n", paint.strong("Next")));
        text.push_str(&wrapped(&format!("{}{when}", field(journey, "/next/sentence")), 2));
    }
    let actions = journey.get("actions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !actions.is_empty() {
        text.push_str(&format!("\n{}\n", paint.strong("What one can do")));
    }
    for action in actions {
        let by = match action.get("by").and_then(Value::as_str) {
            Some("operator") => " (an operator)",
            _ => "",
        };
        text.push_str(&wrapped(&format!("{}{by}", field(action, "/sentence")), 2));
        if action.get("cli").is_some_and(|cli| !cli.is_null()) {
            text.push_str(&format!("    {}\n", paint.tone(&field(action, "/cli"), Tone::Waiting)));
        }
    }
    text
}

fn tone_of(tone: Option<&Value>) -> Tone {
    match tone.and_then(Value::as_str) {
        Some("good") => Tone::Good,
        Some("bad") => Tone::Bad,
        Some("wait") => Tone::Waiting,
        Some("warn") => Tone::Warning,
        Some(_) | None => Tone::Plain,
    }
}

/// What stands before a step; readable without colours.
const fn mark(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "+",
        Tone::Bad => "x",
        Tone::Waiting => "~",
        Tone::Warning => "!",
        Tone::Plain | Tone::Faint => ".",
    }
}

/// A sentence in lines of bounded width, each after `indent` blanks.
fn wrapped(sentence: &str, indent: usize) -> String {
    let blanks = " ".repeat(indent);
    let mut lines = String::new();
    let mut line = String::new();
    for word in sentence.split_whitespace() {
        if !line.is_empty() && indent + width(&line) + 1 + width(word) > LINE_WIDTH_MAX {
            lines.push_str(&format!("{blanks}{line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.is_empty() { lines } else { lines + &format!("{blanks}{line}\n") }
}

#[cfg(test)]
mod tests {
    use super::{LINE_WIDTH_MAX, text, wrapped};
    use crate::cli::table::{Paint, width};
    use serde_json::json;

    #[test]
    fn a_journey_reads_from_what_it_came_to_over_its_steps_to_what_is_next() {
        let journey = json!({
            "object": "journey", "payment": "pay_1",
            "summary": { "title": "Declined", "sentence": "The bank refused: insufficient funds.", "tone": "bad" },
            "data": [
                { "type": "payment.created", "created_at": "2026-11-21T19:05:46.123Z", "title": "Created", "sentence": "19.99 EUR.", "tone": "info",
                  "evidence": [
                      { "kind": "event", "title": "payment.created", "facts": [{ "name": "Place", "value": "7" }, { "name": "At", "value": "x\u{1b}[2J" }],
                        "note": "No request is shown: the person's data was erased.", "none": null },
                      { "kind": "ledger", "title": "The books", "facts": [], "lines": [
                          { "sentence": "A hold.", "debit": "Owed", "credit": "Pending", "amount_minor": 5, "currency": "EUR", "text": "0.05 EUR", "state": "pending" }] },
                      { "kind": "newer", "title": "x", "body": { "a": 1 } },
                  ] },
                { "type": "attempt.declined", "created_at": "2026-11-22T00:00:00.000Z", "title": "Declined", "sentence": null, "tone": "bad", "evidence": [] },
            ],
            "next": { "sentence": "It expires.", "at": "2026-11-23T00:00:00.000Z" },
            "actions": [{ "code": "retry", "sentence": "Try another card.", "cli": "bezant payments confirm pay_1", "by": "merchant" },
                        { "code": "look", "sentence": "Look again.", "cli": null, "by": "operator" }],
        });
        let expected = "\
Declined  pay_1
The bank refused: insufficient funds.

2026-11-21 (UTC)
. 19:05:46.123  Created
                19.99 EUR.
2026-11-22 (UTC)
x 00:00:00.000  Declined

Next
  It expires. (at 2026-11-23 00:00:00 UTC)

What one can do
  Try another card.
    bezant payments confirm pay_1
  Look again. (an operator)
";
        assert_eq!(text("pay_1", &journey, false, Paint::Plain), expected);
        let with_evidence = text("pay_1", &journey, true, Paint::Plain);
        let proof = "\
                19.99 EUR.
                event: payment.created
                  Place  7
                  At     x\\u{1b}[2J
                  No request is shown: the person's data was erased.
                ledger: The books
                  0.05 EUR (pending): debit Owed, credit Pending
                    A hold.
                newer: x
                  body:
                    {
                      \"a\": 1
                    }
2026-11-22 (UTC)
";
        assert!(with_evidence.contains(proof), "{with_evidence}");
    }

    #[test]
    fn steps_without_sentences_are_named_by_their_events() {
        let journey = json!({ "object": "list", "data": [{ "type": "payment.created", "created_at": "2026-11-21T19:05:46.123Z" }] });
        assert_eq!(text("pay_1", &journey, true, Paint::Plain), "2026-11-21 (UTC)\n. 19:05:46.123  payment.created\n");
    }

    #[test]
    fn long_sentences_are_set_in_lines() {
        let set = wrapped(&"word ".repeat(60), 14);
        assert!(
            set.lines().count() == 4 && set.lines().all(|line| line.starts_with("              word") && width(line) <= LINE_WIDTH_MAX)
        );
    }
}
