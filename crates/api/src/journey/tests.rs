//! Every event has a sentence: told by itself, and after everything else has happened.

use super::step::Teller;
use super::story::Story;
use crate::words::ENGLISH;
use base::{Currency, Decline, DeclineClass, EffectId, Money, OutcomeClass, PaymentId, Timestamp, UnknownReason};
use engine::{Event, EventKind, SendKind};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// The entries whose bytes are frozen: one of every kind, and more where a kind has alternatives.
#[path = "../../../events/tests/support/samples.rs"]
#[allow(dead_code, reason = "it serves other tests as well")]
mod samples;

const AT: Timestamp = Timestamp::from_s(1_795_253_580);

fn euro() -> Currency {
    "EUR".parse().unwrap()
}

fn told(story: &Story, event: &Event) -> (String, String) {
    let (told, lines) = Teller { story, providers: &["stripe".to_owned()] }.tell(event);
    (ENGLISH.title(&told, AT), ENGLISH.sentence(&told, &lines, AT))
}

fn assert_clean(name: &str, (title, sentence): &(String, String)) {
    for text in [title, sentence] {
        assert!(!text.is_empty() && text.trim() == text, "{name}: {text:?}");
        for wrong in ["{", "}", "  ", "..", " .", "::"] {
            assert!(!text.contains(wrong), "{name}: {text:?} holds {wrong:?}");
        }
    }
    assert!(sentence.ends_with('.') && !title.ends_with('.'), "{name}: {title:?}, {sentence:?}");
}

/// Prints how each kind of event is told by itself; run with `BEZANT_UPDATE=1` to rewrite the file.
#[test]
fn every_kind_of_event_is_told_whatever_came_before() {
    let samples = samples::all();
    let kinds: BTreeSet<EventKind> = samples.iter().map(|(_, entry)| entry.event.kind()).collect();
    assert_eq!(kinds.len(), EventKind::ALL.len(), "every kind has a sample");
    let nothing = Story::new(Money { amount_minor: 1_999, currency: euro() });
    let mut everything = nothing.clone();
    for (_, entry) in &samples {
        everything.follow(&entry.event);
    }
    let mut page = String::from("How each kind of event is told by itself. Printed by the tests of the `api` crate.\n");
    for (name, entry) in &samples {
        let alone = told(&nothing, &entry.event);
        assert_clean(name, &alone);
        assert_clean(name, &told(&everything, &entry.event));
        writeln!(page, "\n{name}\n  {}\n  {}", alone.0, alone.1).unwrap();
    }
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/events.txt"));
    if std::env::var_os("BEZANT_UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == page, "events are told otherwise; run this test with BEZANT_UPDATE=1 and read the difference");
}

#[test]
fn every_outcome_is_told_however_it_was_asked_for() {
    let classes = [
        DeclineClass::HardCard,
        DeclineClass::HardRisk,
        DeclineClass::SoftFunds,
        DeclineClass::SoftIssuer,
        DeclineClass::SoftPsp,
        DeclineClass::FixData,
        DeclineClass::Authenticate,
        DeclineClass::Config,
        DeclineClass::Duplicate,
    ];
    let outcomes = [
        OutcomeClass::NotSent,
        OutcomeClass::Rejected,
        OutcomeClass::Declined,
        OutcomeClass::Approved,
        OutcomeClass::Pending,
        OutcomeClass::Mismatch,
        OutcomeClass::Unknown,
    ];
    let reasons = [
        UnknownReason::Timeout,
        UnknownReason::ConnectionLost,
        UnknownReason::ServerError,
        UnknownReason::Undecodable,
        UnknownReason::IdempotencyConflict,
        UnknownReason::Restart,
        UnknownReason::NotFound,
    ];
    let started = samples::all().into_iter().find(|(_, entry)| entry.event.kind() == EventKind::AttemptStarted).unwrap().1.event;
    let (payment, effect) = (started.payment().unwrap(), started.requested().unwrap().effect);
    let mut events: Vec<Event> = Vec::new();
    for class in classes {
        let decline = Decline { class, code: "made up".into(), network_code: None };
        events.push(Event::AttemptDeclined { payment, effect, provider_id: None, decline });
    }
    for class in outcomes {
        events.push(Event::AttemptFailed { payment, effect, class, code: String::new() });
        events.push(Event::EffectDeferred { payment, effect, class, code: "lock_timeout".into(), step: 0, next_at: AT });
    }
    let mut texts = BTreeSet::new();
    for send_kind in [SendKind::First, SendKind::Replay, SendKind::Lookup] {
        let mut story = Story::new(Money { amount_minor: 1_999, currency: euro() });
        story.follow(&started);
        story.follow(&Event::EffectSent { payment, effect, send: 2, send_kind, step: 0 });
        for reason in reasons {
            let unknown = Event::EffectUnknown { payment, effect, reason, step: 0, next_at: Some(AT) };
            let text = told(&story, &unknown);
            assert!(text.1.contains("We do not know yet"), "{text:?}");
            assert_clean("effect.unknown", &text);
            texts.insert(text.1);
        }
        for event in &events {
            let text = told(&story, event);
            assert_clean(event.kind().name(), &text);
            texts.insert(text.1);
        }
    }
    // Every class and reason says something of its own; a lookup that fails is the only thing that is told like another.
    assert_eq!(texts.len(), classes.len() + reasons.len() + 4);
}

#[test]
fn a_payment_that_was_never_seen_before_can_still_be_told() {
    let nothing = Story::new(Money { amount_minor: 0, currency: euro() });
    let (payment, effect) = (PaymentId::from_u128(1), EffectId::from_u128(2));
    let (_, sentence) = told(&nothing, &Event::EffectParked { payment, effect });
    assert!(sentence.starts_with("We asked Stripe as often as makes sense"), "{sentence}");
}
