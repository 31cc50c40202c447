//! Reading and writing: nothing is lost, and no bytes whatever make a decoder panic.

#![allow(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod support;

use base::Timestamp;
use engine::{Entry, Event};
use events::{
    DecodeError, FieldProblem, SCHEMA, SEALED_BYTES_MAX, TEXT_BYTES_MAX, decode_batch, decode_payload, encode_batch, encode_traced_batch,
    snapshot,
};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::Index;
use support::arbitrary::{archived_payment, entry};
use support::samples;

#[test]
fn traces_stand_beside_their_entries_and_are_sixteen_bytes() {
    let entries: Vec<Entry> = samples::all().into_iter().take(3).map(|(_, entry)| entry).collect();
    let trace = base::TraceId::from_bytes([0xA7; 16]);
    let batch = encode_traced_batch(&entries, &[None, trace]);
    let recorded = decode_batch(1, batch.event_count, &batch.events, &batch.transfers).unwrap();
    let told: Vec<_> = recorded.iter().map(|found| decode_payload(found.seq, &found.payload).unwrap().trace_id).collect();
    assert_eq!(told, [None, trace, None]);
    let found: Vec<Entry> = recorded.into_iter().map(|recorded| recorded.entry).collect();
    assert_eq!(found, entries, "a trace is no part of what happened");
    // Schema 1, field 4, and a kind.
    for (bytes, problem) in [
        ("180122020102c20300", FieldProblem::Length { bytes: 2, expected_bytes: 16 }),
        ("1801221000000000000000000000000000000000c20300", FieldProblem::Missing),
    ] {
        assert_eq!(decode_payload(7, &support::unhex(bytes)), Err(field("trace_id", problem)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn an_archived_payment_takes_no_more_than_is_estimated(archived in archived_payment()) {
        let estimate = archived.bytes_estimate();
        let recalled = Entry { at: Timestamp::from_ns(u64::MAX), event: Event::PaymentRecalled { archived }, legs: Vec::new() };
        let bytes = encode_batch(&[recalled]).events.len();
        prop_assert!(bytes <= estimate, "{bytes} bytes, {estimate} estimated");
    }

    #[test]
    fn entries_come_back_as_they_were(entries in vec(entry(), 0..8), first_seq in 1..u64::MAX - 8) {
        let batch = encode_batch(&entries);
        let recorded = decode_batch(first_seq, batch.event_count, &batch.events, &batch.transfers).unwrap();
        for (seq, found) in (first_seq..).zip(&recorded) {
            prop_assert_eq!(found.seq, seq);
            let payload = decode_payload(seq, &found.payload).unwrap();
            prop_assert_eq!((payload.at, &payload.event), (found.entry.at, &found.entry.event));
        }
        let found: Vec<Entry> = recorded.into_iter().map(|recorded| recorded.entry).collect();
        prop_assert_eq!(found, entries);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..400), transfers in vec(any::<u8>(), 0..300), count in any::<u32>()) {
        let _ = decode_batch(1, count, &bytes, &transfers);
        let _ = decode_payload(1, &bytes);
        let _ = snapshot::decode(&bytes);
    }

    #[test]
    fn damaged_bytes_never_panic(entries in vec(entry(), 1..4), flips in vec((any::<Index>(), 0..8_u8), 1..6), cut in any::<Index>()) {
        let mut batch = encode_batch(&entries);
        for (at, bit) in flips {
            let at = at.index(batch.events.len());
            batch.events[at] ^= 1 << bit;
        }
        let _ = decode_batch(1, batch.event_count, &batch.events, &batch.transfers);
        let cut = &batch.events[..cut.index(batch.events.len())];
        let _ = decode_batch(1, batch.event_count, cut, &batch.transfers);
    }

    #[test]
    fn what_a_decoder_accepts_is_read_the_same_after_writing_it_again(entries in vec(entry(), 1..3), at in any::<Index>(), bit in 0..8_u8) {
        let mut batch = encode_batch(&entries);
        let at = at.index(batch.events.len());
        batch.events[at] ^= 1 << bit;
        if let Ok(recorded) = decode_batch(1, batch.event_count, &batch.events, &batch.transfers) {
            let accepted: Vec<Entry> = recorded.into_iter().map(|recorded| recorded.entry).collect();
            let again = encode_batch(&accepted);
            let recorded = decode_batch(1, again.event_count, &again.events, &again.transfers).unwrap();
            prop_assert_eq!(recorded.into_iter().map(|recorded| recorded.entry).collect::<Vec<_>>(), accepted);
        }
    }
}

fn field(field: &'static str, problem: FieldProblem) -> DecodeError {
    DecodeError::Field { seq: 7, field, problem }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7F {
        bytes.push(u8::try_from(value & 0x7F).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// A field that holds a number.
fn number(tag: u64, value: u64) -> Vec<u8> {
    [varint(tag << 3), varint(value)].concat()
}

/// A field that holds bytes, a text or a message.
fn bytes(tag: u64, content: &[u8]) -> Vec<u8> {
    [varint(tag << 3 | 2), varint(content.len().try_into().unwrap()), content.to_vec()].concat()
}

/// An event of this schema whose kind has this number and these fields.
fn event(kind: u64, fields: &[Vec<u8>]) -> Vec<u8> {
    [number(3, u64::from(SCHEMA)), bytes(kind, &fields.concat())].concat()
}

const API_KEY_CREATED: u64 = 20;
const ACCOUNTS_OPENED: u64 = 22;
const OPERATOR_CREATED: u64 = 19;
const PAYMENT_CREATED: u64 = 23;
const EFFECT_UNKNOWN: u64 = 26;
const EFFECT_PARKED: u64 = 30;
const ATTEMPT_PENDING: u64 = 31;
const CLOCK_JUMPED: u64 = 55;

#[test]
fn every_wrong_message_is_refused_by_name() {
    let id = |tag| bytes(tag, &[1; 16]);
    let unknown = |reason, step| event(EFFECT_UNKNOWN, &[id(1), id(2), number(3, reason), number(4, step)]);
    let length = |bytes, expected_bytes| FieldProblem::Length { bytes, expected_bytes };
    let text = "x".repeat(TEXT_BYTES_MAX + 1);
    let too_long = FieldProblem::TooLong { bytes: TEXT_BYTES_MAX + 1, bytes_max: TEXT_BYTES_MAX };
    let table = [
        (number(3, 1), DecodeError::UnknownKind { seq: 7 }),
        (event(1_000, &[]), DecodeError::UnknownKind { seq: 7 }),
        (number(3, 2), DecodeError::UnknownSchema { seq: 7, schema: 2 }),
        (event(EFFECT_PARKED, &[]), field("payment", length(0, 16))),
        (event(EFFECT_PARKED, &[id(1), bytes(2, &[1; 17])]), field("effect", length(17, 16))),
        (event(API_KEY_CREATED, &[bytes(1, &[1; 10])]), field("owner", FieldProblem::Missing)),
        (event(PAYMENT_CREATED, &[id(1), id(2), id(3)]), field("money", FieldProblem::Missing)),
        (event(ATTEMPT_PENDING, &[id(1), id(2), bytes(3, &[])]), field("action", FieldProblem::Missing)),
        (event(ACCOUNTS_OPENED, &[id(1), number(2, 999)]), field("currency", FieldProblem::UnknownCurrency)),
        (event(ACCOUNTS_OPENED, &[id(1), number(2, 65_536 + 978)]), field("currency", FieldProblem::UnknownCurrency)),
        (event(OPERATOR_CREATED, &[id(1), bytes(2, text.as_bytes())]), field("handle", too_long)),
        (unknown(0, 0), field("reason", FieldProblem::Unspecified)),
        (unknown(99, 0), field("reason", FieldProblem::UnknownValue { value: 99 })),
        (unknown(1, 65_536), field("step", FieldProblem::TooLarge { value: 65_536, value_max: 65_535 })),
    ];
    for (bytes, expected) in table {
        assert_eq!(decode_payload(7, &bytes), Err(expected));
    }
    for damaged in [vec![0x18], event(OPERATOR_CREATED, &[id(1), bytes(2, &[0xFF])]), event(CLOCK_JUMPED, &[bytes(1, b"5")])] {
        assert!(matches!(decode_payload(7, &damaged), Err(DecodeError::Malformed { seq: 7, .. })));
    }
}

#[test]
fn what_an_older_program_cannot_read_tells_its_operator_to_upgrade() {
    let unknown_value = event(EFFECT_UNKNOWN, &[bytes(1, &[1; 16]), bytes(2, &[1; 16]), number(3, 99)]);
    for newer in [number(3, 2), event(1_000, &[]), unknown_value] {
        assert!(decode_payload(7, &newer).unwrap_err().to_string().ends_with("; upgrade the program"));
    }
}

#[test]
fn a_field_from_the_future_is_skipped() {
    let newer = [event(CLOCK_JUMPED, &[number(1, 5), bytes(2, b"new")]), number(1_001, 1)].concat();
    assert_eq!(decode_payload(1, &newer).unwrap().event, Event::ClockJumped { jump_ns: 5 });
}

#[test]
fn sections_that_do_not_agree_are_refused() {
    let entry = samples::pre_release_entry();
    let batch = encode_batch(&[entry.clone(), entry]);
    let (events, transfers) = (&batch.events[..], &batch.transfers[..]);
    let half = events.len() / 2;
    let extra = [transfers, &[0; 5]].concat();
    let mut flagged = transfers.to_vec();
    flagged[128 + 119] = 0xFF;
    let id = u128::from_le_bytes(flagged[128..144].try_into().unwrap());
    let reserved = ledger::DecodeError::ReservedFlags { id, bits: 0xFE00 };
    let table = [
        (2, &events[..half], transfers, DecodeError::EventsTruncated { seq: 11 }),
        (2, &events[..half - 1], transfers, DecodeError::EventsTruncated { seq: 10 }),
        (3, events, transfers, DecodeError::EventsTruncated { seq: 12 }),
        (u32::MAX, events, transfers, DecodeError::EventsTruncated { seq: 12 }),
        (1, events, transfers, DecodeError::EventsLeft { bytes: half }),
        (2, events, &transfers[..255], DecodeError::TransfersTruncated { seq: 11, legs: 1 }),
        (2, events, &extra[..], DecodeError::TransfersLeft { bytes: 5 }),
        (2, events, &flagged[..], DecodeError::Transfer { seq: 11, source: reserved }),
    ];
    for (count, events, transfers, expected) in table {
        assert_eq!(decode_batch(10, count, events, transfers), Err(expected));
    }
    let exhausted = DecodeError::SequenceExhausted { first_seq: u64::MAX, event_count: 2 };
    assert_eq!(decode_batch(u64::MAX, 2, events, transfers), Err(exhausted));
    assert_eq!(decode_batch(10, 0, &[], &[]), Ok(Vec::new()));
}

fn operator(handle: String) -> Entry {
    let operator = base::OperatorId::from_u128(1);
    Entry { at: Timestamp::ZERO, event: Event::OperatorCreated { operator, handle }, legs: Vec::new() }
}

#[test]
fn the_longest_text_is_read() {
    let longest = operator("x".repeat(TEXT_BYTES_MAX));
    let batch = encode_batch(std::slice::from_ref(&longest));
    assert_eq!(decode_batch(1, 1, &batch.events, &[]).unwrap()[0].entry, longest);
}

#[test]
#[should_panic(expected = "a text of 8193 bytes reached the journal")]
fn a_text_that_could_not_be_read_again_is_never_written() {
    encode_batch(&[operator("x".repeat(TEXT_BYTES_MAX + 1))]);
}

#[test]
#[should_panic(expected = "a value of 262145 bytes reached the journal")]
fn a_sealed_value_that_could_not_be_read_again_is_never_written() {
    let mut entry = samples::pre_release_entry();
    if let Event::PaymentCreated(created) = &mut entry.event {
        created.details.as_mut().unwrap().bytes = vec![0; SEALED_BYTES_MAX + 1];
    }
    encode_batch(&[entry]);
}
