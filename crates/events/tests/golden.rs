//! What was written once is read for ever: frozen bytes of every kind of event, in every layout there has been.

#![allow(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod support;

use engine::{Entry, EventKind};
use events::{Payload, decode_batch, decode_payload, encode_batch};
use std::collections::BTreeMap;
use std::fs;
use support::samples;
use support::{adds_missing, golden, hex, unhex};

/// The message of one entry, without its length.
fn message(entry: &Entry) -> Vec<u8> {
    let batch = encode_batch(std::slice::from_ref(entry));
    let mut recorded = decode_batch(1, batch.event_count, &batch.events, &batch.transfers).unwrap();
    recorded.remove(0).payload
}

/// Names and bytes in the file's order; a name stands there once.
fn lines(text: &str) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let (name, bytes) = line.split_once(' ').expect("a line is a name and bytes");
        assert!(found.insert(name.to_owned(), unhex(bytes)).is_none(), "{name} is frozen once");
    }
    found
}

#[test]
fn frozen_bytes_of_every_kind_are_read_as_they_were_and_written_the_same() {
    let path = golden("v1/events.txt");
    let mut text = fs::read_to_string(&path).unwrap_or_default();
    let frozen = lines(&text);
    let samples = samples::all();
    for (name, entry) in &samples {
        let written = message(entry);
        let Some(bytes) = frozen.get(name) else {
            assert!(adds_missing(), "{name} has no golden bytes; run this test with BEZANT_UPDATE=1, which adds what is missing");
            text.push_str(&format!("{name} {}\n", hex(&written)));
            continue;
        };
        let Payload { at, event, leg_count, trace_id } = decode_payload(1, bytes).unwrap();
        assert_eq!(trace_id, None, "{name} is older than traces");
        let legs = u32::try_from(entry.legs.len()).unwrap();
        assert_eq!((at, &event, leg_count), (entry.at, &entry.event, legs), "{name} is read as it was");
        assert_eq!(hex(&written), hex(bytes), "{name} is written as it was; golden bytes never change");
    }
    for name in frozen.keys() {
        assert!(samples.iter().any(|(known, _)| known == name), "{name} was written once, so it must stay readable");
    }
    if adds_missing() {
        fs::write(&path, text).unwrap();
    }
}

#[test]
fn every_kind_has_a_sample_of_its_own() {
    let samples: BTreeMap<String, Entry> = samples::all().into_iter().collect();
    for kind in EventKind::ALL {
        assert_eq!(samples[kind.name()].event.kind(), *kind);
    }
}

#[test]
fn a_pre_release_payment_with_its_currency_in_letters_is_lifted() {
    let bytes = unhex(fs::read_to_string(golden("v0/payment.created.txt")).unwrap().trim());
    assert!(bytes.windows(3).any(|window| window == b"EUR"));
    let entry = samples::pre_release_entry();
    let Payload { at, event, leg_count, trace_id: _ } = decode_payload(1, &bytes).unwrap();
    assert_eq!((at, event, leg_count), (entry.at, entry.event.clone(), 1));
    assert_ne!(message(&entry), bytes, "it is written anew in the current layout");
}

#[test]
fn a_pre_release_event_of_an_unchanged_kind_is_read_as_it_is() {
    // Time 5 ns, no schema, clock_confirmed (56, empty).
    let bytes = unhex("090500000000000000c20300");
    let read = decode_payload(1, &bytes).unwrap();
    assert_eq!(read, Payload { at: base::Timestamp::from_ns(5), event: engine::Event::ClockConfirmed, leg_count: 0, trace_id: None });
}
