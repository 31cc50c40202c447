//! The catalogue as a specification: every message has a text, every text keeps the rules, and all of them can be read
//! in one file.

use super::catalogue::{LineId, ToldId};
use super::{ENGLISH, Language, Phrase, Value};
use base::{Money, Timestamp};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// When the samples are told.
const NOW: Timestamp = Timestamp::from_s(1_795_253_580);

/// A value as it may stand in a text, by the parameter's name.
fn sample(name: &str) -> Value {
    let money = |text: &str| Value::Money(Money::parse_major(text, "EUR".parse().unwrap()).unwrap());
    match name {
        "provider" => Value::Name("Stripe".into()),
        "amount" | "taken" => money("1234.50"),
        "asked" | "held" => money("1200.00"),
        "disputed" | "refunded" => money("200.00"),
        "fee" => money("18.40"),
        "reason" => Value::Phrase(Phrase::InsufficientFunds),
        "what" => Value::Phrase(Phrase::WhatCharge),
        "at" => Value::At(NOW.plus_ns(42_000_000_000)),
        "until" => Value::Until(NOW.plus_ns(86_400_000_000_000)),
        "kind" => Value::Name("charge.refunded".into()),
        "name" => Value::Name("corner-shop".into()),
        "first" => Value::Name("op_1".into()),
        "second" => Value::Name("op_2".into()),
        "brand" => Value::Name("visa".into()),
        "last4" => Value::Name("4242".into()),
        "number" => Value::Count(3),
        other => panic!("no sample for the parameter {other}"),
    }
}

fn rendered(language: &Language, template: &str, parameters: &[&'static str]) -> String {
    let values: Vec<(&'static str, Value)> = parameters.iter().map(|name| (*name, sample(name))).collect();
    language.fill(template, &values, NOW)
}

/// Names between braces.
fn placeholders(template: &str) -> Vec<&str> {
    template.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect()
}

/// A word that only programs use: joined by underscores, or with capitals inside.
fn is_raw(word: &str) -> bool {
    let word = word.trim_matches(|sign: char| !sign.is_alphanumeric());
    let is_id = ["op_1", "op_2"].contains(&word);
    let has_hump = word.chars().zip(word.chars().skip(1)).any(|(one, next)| one.is_lowercase() && next.is_uppercase());
    !is_id && (word.contains('_') || has_hump)
}

/// What every text has to keep, whatever it says.
fn assert_clean(name: &str, text: &str) {
    assert!(!text.is_empty() && text.trim() == text, "{name}: {text:?} is empty or has spaces at an end");
    for wrong in ["  ", "..", "{", "}", " .", " ,", "\n", ".,", ":.", "--"] {
        assert!(!text.contains(wrong), "{name}: {text:?} holds {wrong:?}");
    }
    for word in text.split_whitespace() {
        assert!(!is_raw(word), "{name}: {text:?} holds the raw word {word}");
    }
}

fn assert_sentences(name: &str, text: &str) {
    assert_clean(name, text);
    assert!(text.ends_with('.'), "{name}: {text:?} does not end with a full stop");
    assert!(text.starts_with(|first: char| first.is_uppercase() || first.is_ascii_digit()), "{name}: {text:?} starts small");
}

/// Whether a line of the catalogue is a whole sentence, as opposed to a title or what stands in place of a value.
fn is_sentence(line: LineId) -> bool {
    !line.name().starts_with("evidence.") || (line.name().starts_with("evidence.note.") && line != LineId::NoteRedacted)
}

#[test]
fn every_message_has_a_text_that_uses_all_its_parameters_and_no_others() {
    for id in ToldId::ALL {
        let text = (ENGLISH.told)(*id);
        let used: BTreeSet<&str> = placeholders(text.title).into_iter().chain(placeholders(text.sentence)).collect();
        assert_eq!(used, id.parameters().iter().copied().collect(), "{}", id.name());
        let sentence: BTreeSet<&str> = placeholders(text.sentence).into_iter().collect();
        assert_eq!(sentence, used, "{} says in its title what it does not say below", id.name());
    }
    for id in LineId::ALL {
        let used: BTreeSet<&str> = placeholders((ENGLISH.line)(*id)).into_iter().collect();
        assert_eq!(used, id.parameters().iter().copied().collect(), "{}", id.name());
    }
    for phrase in Phrase::ALL {
        assert!(placeholders((ENGLISH.phrase)(*phrase)).is_empty(), "{}", phrase.name());
    }
}

#[test]
fn every_text_is_clean() {
    for id in ToldId::ALL {
        let text = (ENGLISH.told)(*id);
        let title = rendered(&ENGLISH, text.title, id.parameters());
        assert_clean(id.name(), &title);
        assert!(!title.ends_with('.') && title.len() <= 60, "{}: {title:?} is no title", id.name());
        assert_sentences(id.name(), &rendered(&ENGLISH, text.sentence, id.parameters()));
    }
    for id in LineId::ALL {
        let text = rendered(&ENGLISH, (ENGLISH.line)(*id), id.parameters());
        if is_sentence(*id) { assert_sentences(id.name(), &text) } else { assert_clean(id.name(), &text) }
    }
    for phrase in Phrase::ALL {
        let text = (ENGLISH.phrase)(*phrase);
        assert_clean(phrase.name(), text);
        let is_label = ["fact.", "account."].iter().any(|start| phrase.name().starts_with(start));
        let starts_large = text.starts_with(char::is_uppercase);
        assert!(is_label == starts_large || text.starts_with("PIN"), "{}: {text:?}", phrase.name());
        assert!(!text.ends_with('.'), "{}: {text:?}", phrase.name());
    }
}

#[test]
fn names_are_unique() {
    let names = ToldId::ALL
        .iter()
        .map(|id| id.name())
        .chain(LineId::ALL.iter().map(|id| id.name()))
        .chain(Phrase::ALL.iter().map(|phrase| phrase.name()));
    let all: Vec<&str> = names.collect();
    assert_eq!(all.iter().copied().collect::<BTreeSet<_>>().len(), all.len());
}

#[test]
fn amounts_and_times_read_as_people_write_them() {
    let money = |text: &str, currency: &str| (ENGLISH.money)(Money::parse_major(text, currency.parse().unwrap()).unwrap());
    assert_eq!(money("19.99", "EUR"), "19.99 EUR");
    assert_eq!(money("1234567.50", "EUR"), "1,234,567.50 EUR");
    assert_eq!(money("1200", "JPY"), "1,200 JPY");
    assert_eq!(money("0.005", "KWD"), "0.005 KWD");
    assert_eq!((ENGLISH.at)(NOW, NOW), "at 09:33:00 UTC");
    assert_eq!((ENGLISH.at)(Timestamp::from_s(1_795_426_380), NOW), "on 23 November 2026 at 09:33 UTC");
    assert_eq!((ENGLISH.until)(Timestamp::from_s(1_793_526_180)), "1 November 2026, 09:43 UTC");
    assert_eq!((ENGLISH.quoted)("made_up"), "“made_up”");
}

/// Prints the whole catalogue; run with `BEZANT_UPDATE=1` to rewrite the file, and read it as a support agent would.
#[test]
fn the_file_shows_the_whole_catalogue() {
    let mut text =
        String::from("Everything that people read about payments, with sample values. Printed by the tests of the `api` crate.\n");
    text.push_str("\n== Steps and summaries: name, title, sentence ==\n");
    for id in ToldId::ALL {
        let own = (ENGLISH.told)(*id);
        let (title, sentence) = (rendered(&ENGLISH, own.title, id.parameters()), rendered(&ENGLISH, own.sentence, id.parameters()));
        writeln!(text, "\n{}\n  {title}\n  {sentence}", id.name()).unwrap();
    }
    text.push_str("\n== Sentences that go with them ==\n\n");
    for id in LineId::ALL {
        writeln!(text, "{}\n  {}", id.name(), rendered(&ENGLISH, (ENGLISH.line)(*id), id.parameters())).unwrap();
    }
    text.push_str("\n== Parts of sentences ==\n\n");
    for phrase in Phrase::ALL {
        writeln!(text, "{}\n  {}", phrase.name(), (ENGLISH.phrase)(*phrase)).unwrap();
    }
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/catalogue.txt"));
    if std::env::var_os("BEZANT_UPDATE").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == text, "the catalogue changed; run this test with BEZANT_UPDATE=1 and read the difference as a support agent would");
}
