//! One log line: its fields, already redacted, and its two text forms, both bounded. Where lines go does not live here.

use crate::redact::{self, CUT, HIDDEN, TEXT_BYTES_MAX};
use base::Timestamp;
use core::fmt::{self, Write};
use tracing::Level;
use tracing::field::{Field, Visit};

/// Longest line with its line feed, in bytes.
pub const LINE_BYTES_MAX: usize = 16 * 1024;
/// Longest message as written, escapes included, in bytes; the rest is cut.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// Longest value of a field as written, escapes included, in bytes; the rest is cut.
pub const VALUE_BYTES_MAX: usize = 2 * 1024;
/// Most fields of one line or span; further ones are dropped and the line says `truncated`.
pub const FIELDS_MAX: usize = 64;

/// Longest target and field name as written, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// Room for what closes a line.
const CLOSING_BYTES_MAX: usize = 32;
/// How many causes of an error are followed.
const CAUSES_MAX: usize = 8;

const _: () = assert!(MESSAGE_BYTES_MAX + NAME_BYTES_MAX + 256 + CLOSING_BYTES_MAX < LINE_BYTES_MAX);

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object: `ts`, `level`, `target`, `message`, `fields` and, when something did not fit, `truncated`.
    Json,
    /// For a terminal: `ts LEVEL target: message name=value …`.
    Human,
}

/// A value that went through redaction; there is no other way to make one.
#[derive(Clone, Debug)]
enum Value {
    Text(String),
    /// A number or truth value, written as it is.
    Bare(String),
}

/// Fields of one event or span.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    message: Option<String>,
    entries: Vec<(&'static str, Value)>,
    truncated: bool,
}

impl Fields {
    /// Adds the fields of an enclosing span; a name that is already there keeps its value.
    pub(crate) fn inherit(&mut self, outer: &Self) {
        let Self { message: _, entries, truncated } = outer;
        self.truncated |= *truncated;
        for (name, value) in entries {
            if !self.entries.iter().any(|(known, _)| known == name) {
                self.insert(name, value.clone());
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn insert_for_test(&mut self, name: &'static str) {
        self.insert(name, Value::Bare("1".to_owned()));
    }

    fn insert(&mut self, name: &'static str, value: Value) {
        if let Some(known) = self.entries.iter_mut().find(|(known, _)| *known == name) {
            known.1 = value;
        } else if self.entries.len() < FIELDS_MAX {
            self.entries.push((name, value));
        } else {
            self.truncated = true;
        }
    }

    fn record_text(&mut self, field: &Field, text: &str) {
        let name = field.name();
        if name == "message" {
            self.message = Some(redact::redact(text).into_owned());
        } else if redact::is_secret_field(name) {
            self.insert(name, Value::Text(HIDDEN.to_owned()));
        } else {
            self.insert(name, Value::Text(redact::redact(text).into_owned()));
        }
    }

    /// A number may be a card number too.
    fn record_bare(&mut self, field: &Field, text: String) {
        let harmless = field.name() != "message" && !redact::is_secret_field(field.name()) && redact::redact(&text) == text;
        if harmless {
            self.insert(field.name(), Value::Bare(text));
        } else {
            self.record_text(field, &text);
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_text(field, &printed(format_args!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_text(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = printed(format_args!("{value}"));
        let mut cause = value.source();
        for _ in 0..CAUSES_MAX {
            let Some(error) = cause else { break };
            text.push_str(": ");
            text.push_str(&printed(format_args!("{error}")));
            cause = error.source();
        }
        self.record_text(field, &text);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.record_bare(field, value.to_string());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record_bare(field, value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record_bare(field, value.to_string());
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.record_bare(field, value.to_string());
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.record_bare(field, value.to_string());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let text = value.to_string();
        if value.is_finite() { self.record_bare(field, text) } else { self.record_text(field, &text) }
    }
}

/// Prints at most so much that redaction sees the text is too long and cuts it cleanly.
fn printed(arguments: fmt::Arguments<'_>) -> String {
    struct Bounded(String);

    impl Write for Bounded {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = (TEXT_BYTES_MAX + 4).saturating_sub(self.0.len());
            self.0.push_str(&text[..text.floor_char_boundary(room)]);
            if room < text.len() { Err(fmt::Error) } else { Ok(()) }
        }
    }

    let mut bounded = Bounded(String::new());
    // An error only says that the bound was reached, or that the value refuses to be printed.
    let _ = bounded.write_fmt(arguments);
    bounded.0
}

/// Writes the line, line feed included, in at most [`LINE_BYTES_MAX`] bytes. Fields that do not fit are left out.
pub(crate) fn encode(format: LogFormat, ts: Timestamp, level: Level, target: &str, fields: &Fields) -> String {
    let Fields { message, entries, truncated } = fields;
    let target = redact::redact(target);
    let message = message.as_deref().unwrap_or_default();
    let mut line = String::with_capacity(512);
    match format {
        LogFormat::Json => {
            line.push_str(&format!("{{\"ts\":\"{ts}\",\"level\":\"{level}\",\"target\":"));
            push_quoted(&mut line, &target, NAME_BYTES_MAX);
            line.push_str(",\"message\":");
            push_quoted(&mut line, message, MESSAGE_BYTES_MAX);
            line.push_str(",\"fields\":{");
        }
        LogFormat::Human => {
            line.push_str(&format!("{ts} {level:>5} "));
            push_escaped(&mut line, &target, NAME_BYTES_MAX);
            line.push_str(": ");
            push_escaped(&mut line, message, MESSAGE_BYTES_MAX);
        }
    }
    let mut dropped = *truncated;
    let mut first = true;
    for (name, value) in entries {
        let before = line.len();
        match format {
            LogFormat::Json => {
                line.push_str(if first { "" } else { "," });
                push_quoted(&mut line, name, NAME_BYTES_MAX);
                line.push(':');
                push_value(&mut line, value);
            }
            LogFormat::Human => {
                line.push(' ');
                push_escaped(&mut line, name, NAME_BYTES_MAX);
                line.push('=');
                push_value(&mut line, value);
            }
        }
        if line.len() > LINE_BYTES_MAX - CLOSING_BYTES_MAX {
            line.truncate(before);
            dropped = true;
        } else {
            first = false;
        }
    }
    line.push_str(match (format, dropped) {
        (LogFormat::Json, false) => "}}\n",
        (LogFormat::Json, true) => "},\"truncated\":true}\n",
        (LogFormat::Human, false) => "\n",
        (LogFormat::Human, true) => " truncated=true\n",
    });
    assert!(line.len() <= LINE_BYTES_MAX, "every part is bounded");
    line
}

fn push_value(line: &mut String, value: &Value) {
    match value {
        Value::Text(text) => push_quoted(line, text, VALUE_BYTES_MAX),
        Value::Bare(text) => line.push_str(text),
    }
}

fn push_quoted(line: &mut String, text: &str, bytes_max: usize) {
    line.push('"');
    push_escaped(line, text, bytes_max - 2);
    line.push('"');
}

/// Appends `text` with JSON's escapes (RFC 8259, section 7), control characters of any kind included so that a value can
/// neither forge a line nor steer a terminal; at most `bytes_max` bytes.
fn push_escaped(line: &mut String, text: &str, bytes_max: usize) {
    let end = line.len() + bytes_max - CUT.len();
    let mut last_whole = line.len();
    for character in text.chars() {
        match character {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            control if control.is_control() => line.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => line.push(other),
        }
        if line.len() > end {
            line.truncate(last_whole);
            line.push_str(CUT);
            return;
        }
        last_whole = line.len();
    }
}
