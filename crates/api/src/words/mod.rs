//! What people read about payments. The catalogue names every message and its parameters, a language says it: texts in
//! one table, money and times in its own way. Another language is one more [`Language`].
//!
//! Which message an event is told with is decided elsewhere; here is only how it reads.

mod catalogue;
mod english;

pub(crate) use catalogue::{Line, Phrase, Told};
pub(crate) use english::ENGLISH;

use base::{Money, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// What a step means for whoever waits for the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// As it should be.
    Good,
    /// It did not work.
    Bad,
    /// Somebody or something is waited for.
    Wait,
    /// Somebody should look.
    Warn,
    /// To know, no more.
    Info,
}

/// A time as the end of a sentence: "at 11:11:54 UTC", "on 23 November 2026 at 11:11 UTC".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At(pub(crate) Timestamp);

/// A time as a noun: "23 November 2026, 11:11 UTC".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Until(pub(crate) Timestamp);

/// What somebody or something is called; shown as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) String);

/// Why something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A reason that the catalogue knows.
    Known(Phrase),
    /// A code of somebody else that it does not know.
    Code(String),
}

/// A parameter of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// An amount.
    Money(Money),
    /// See [`At`].
    At(Timestamp),
    /// See [`Until`].
    Until(Timestamp),
    /// See [`Name`].
    Name(String),
    /// Words of the catalogue.
    Phrase(Phrase),
    /// A code that is shown between quotation marks.
    Code(String),
    /// A number of things.
    Count(u64),
}

impl From<Money> for Value {
    fn from(money: Money) -> Self {
        Self::Money(money)
    }
}

impl From<At> for Value {
    fn from(at: At) -> Self {
        Self::At(at.0)
    }
}

impl From<Until> for Value {
    fn from(until: Until) -> Self {
        Self::Until(until.0)
    }
}

impl From<Name> for Value {
    fn from(name: Name) -> Self {
        Self::Name(name.0)
    }
}

impl From<Phrase> for Value {
    fn from(phrase: Phrase) -> Self {
        Self::Phrase(phrase)
    }
}

impl From<Reason> for Value {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Known(phrase) => Self::Phrase(phrase),
            Reason::Code(code) => Self::Code(code),
        }
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

/// How a language says a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ToldText {
    /// A few words.
    pub(crate) title: &'static str,
    /// Whole sentences.
    pub(crate) sentence: &'static str,
}

/// One language. A text names its parameters in braces.
pub(crate) struct Language {
    /// Steps and summaries.
    pub(crate) told: fn(catalogue::ToldId) -> ToldText,
    /// Sentences of their own.
    pub(crate) line: fn(catalogue::LineId) -> &'static str,
    /// Parts of sentences.
    pub(crate) phrase: fn(Phrase) -> &'static str,
    /// An amount, exact to the currency's last digit.
    pub(crate) money: fn(Money) -> String,
    /// A time as the end of a sentence that is read at `now`.
    pub(crate) at: fn(at: Timestamp, now: Timestamp) -> String,
    /// A time as a noun.
    pub(crate) until: fn(Timestamp) -> String,
    /// A code of somebody else.
    pub(crate) quoted: fn(&str) -> String,
}

impl Language {
    /// A step's title, as of `now`.
    pub(crate) fn title(&self, told: &Told, now: Timestamp) -> String {
        self.fill((self.told)(told.id()).title, &told.values(), now)
    }

    /// A step's sentences: its own, then those that go with it.
    pub(crate) fn sentence(&self, told: &Told, lines: &[Line], now: Timestamp) -> String {
        let own = self.fill((self.told)(told.id()).sentence, &told.values(), now);
        let more = lines.iter().map(|line| self.line(line, now));
        core::iter::once(own).chain(more).collect::<Vec<_>>().join(" ")
    }

    /// A part of a sentence by itself.
    pub(crate) fn phrase(&self, phrase: Phrase) -> String {
        (self.phrase)(phrase).to_owned()
    }

    /// A sentence of its own.
    pub(crate) fn line(&self, line: &Line, now: Timestamp) -> String {
        self.fill((self.line)(line.id()), &line.values(), now)
    }

    fn fill(&self, template: &str, values: &[(&'static str, Value)], now: Timestamp) -> String {
        let mut text = String::with_capacity(template.len() + 32);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            match values.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => text.push_str(&self.value(value, now)),
                None => text.push_str(name), // a test proves that no text names what its message does not have
            }
            rest = after;
        }
        text.push_str(rest);
        text
    }

    /// A parameter by itself.
    pub(crate) fn value(&self, value: &Value, now: Timestamp) -> String {
        match value {
            Value::Money(money) => (self.money)(*money),
            Value::At(at) => (self.at)(*at, now),
            Value::Until(until) => (self.until)(*until),
            Value::Name(name) => name.clone(),
            Value::Phrase(phrase) => (self.phrase)(*phrase).to_owned(),
            Value::Code(code) => (self.quoted)(code),
            Value::Count(count) => count.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
