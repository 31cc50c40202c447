//! Batches of entries as the two byte sections that the journal stores, and single events as views keep them.
//!
//! The section of events is a row of messages, each after its length as a varint. The section of transfers is a row of
//! 128-byte records; each message says how many of them are its legs.

use crate::error::{DecodeError, FieldError, FieldProblem};
use crate::generated::v1;
use crate::{SCHEMA, kinds, upcast::upcast};
use base::{Timestamp, TraceId};
use engine::{Entry, Event};
use ledger::{TRANSFER_SIZE_BYTES, Transfer};
use prost::Message;

/// Room made for an event before its size is known, in bytes.
const EVENT_BYTES_TYPICAL: usize = 256;

/// A batch as the journal stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedBatch {
    /// How many events.
    pub event_count: u32,
    /// Their messages, each after its length.
    pub events: Vec<u8>,
    /// Their legs, 128 bytes each.
    pub transfers: Vec<u8>,
}

/// An entry as it was read from the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its sequence number.
    pub seq: u64,
    /// What happened, with its legs.
    pub entry: Entry,
    /// The exact stored bytes of the event's message, to be kept and hashed; see [`decode_payload`].
    pub payload: Vec<u8>,
}

/// What the message of an event says by itself. Its legs are stored elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// How many legs it posted.
    pub leg_count: u32,
    /// The trace of the request that caused it, if one did and it is known.
    pub trace_id: Option<TraceId>,
}

/// Writes entries in the current schema.
///
/// # Panics
///
/// When an entry holds a text above [`crate::TEXT_BYTES_MAX`] or a sealed value above [`crate::SEALED_BYTES_MAX`], or
/// when there are more than 2^32 entries or legs of one entry: such an entry could not be read again, so it must not
/// be written.
pub fn encode_batch(entries: &[Entry]) -> EncodedBatch {
    encode_traced_batch(entries, &[])
}

/// As [`encode_batch`], with the traces of the entries in the same order; entries beyond the last of them have none.
///
/// # Panics
///
/// As [`encode_batch`].
pub fn encode_traced_batch(entries: &[Entry], traces: &[Option<TraceId>]) -> EncodedBatch {
    let leg_count: usize = entries.iter().map(|entry| entry.legs.len()).sum();
    let mut events = Vec::with_capacity(entries.len() * EVENT_BYTES_TYPICAL);
    let mut transfers = Vec::with_capacity(leg_count * TRANSFER_SIZE_BYTES);
    for (index, entry) in entries.iter().enumerate() {
        let Entry { at, event, legs } = entry;
        let trace = traces.get(index).copied().flatten();
        let message = v1::Event {
            at_ns: at.ns(),
            legs: u32::try_from(legs.len()).expect("an event has a handful of legs"),
            schema: SCHEMA,
            trace_id: trace.map(|trace| trace.bytes().to_vec()).unwrap_or_default(),
            kind: kinds::encode(event),
        };
        message.encode_length_delimited(&mut events).expect("a growing buffer has room");
        for leg in legs {
            transfers.extend_from_slice(&leg.encode());
        }
    }
    let event_count = u32::try_from(entries.len()).expect("a batch is far smaller than 2^32 entries");
    EncodedBatch { event_count, events, transfers }
}

/// Reads what [`encode_batch`] wrote, in this or any earlier version of the program. `first_seq` is the sequence number
/// of the first event.
///
/// # Errors
///
/// [`DecodeError`] for the first event that cannot be read, or when the sections and `event_count` do not agree.
pub fn decode_batch(first_seq: u64, event_count: u32, events: &[u8], transfers: &[u8]) -> Result<Vec<Recorded>, DecodeError> {
    if first_seq.checked_add(u64::from(event_count)).is_none() {
        return Err(DecodeError::SequenceExhausted { first_seq, event_count });
    }
    let (mut events, mut transfers) = (events, transfers);
    // The count is input: it is believed only as the events turn up, and the smallest takes more than ten bytes.
    let mut recorded = Vec::with_capacity(events.len() / EVENT_BYTES_TYPICAL);
    for seq in (first_seq..).take(usize::try_from(event_count).unwrap_or(usize::MAX)) {
        let payload = take_message(seq, &mut events)?;
        let Payload { at, event, leg_count, trace_id: _ } = decode_payload(seq, payload)?;
        let legs = take_legs(seq, leg_count, &mut transfers)?;
        recorded.push(Recorded { seq, entry: Entry { at, event, legs }, payload: payload.to_vec() });
    }
    if !events.is_empty() {
        return Err(DecodeError::EventsLeft { bytes: events.len() });
    }
    if !transfers.is_empty() {
        return Err(DecodeError::TransfersLeft { bytes: transfers.len() });
    }
    Ok(recorded)
}

/// Reads one event's message, as found in [`Recorded::payload`]. `seq` only serves the error.
///
/// # Errors
///
/// [`DecodeError`] when it cannot be read.
pub fn decode_payload(seq: u64, payload: &[u8]) -> Result<Payload, DecodeError> {
    let v1::Event { at_ns, legs, schema, trace_id, kind } = upcast(seq, payload)?;
    debug_assert_eq!(schema, SCHEMA);
    let kind = kind.ok_or(DecodeError::UnknownKind { seq })?;
    let event = kinds::decode(kind).map_err(|error| error.of_event(seq))?;
    let trace_id = decode_trace(&trace_id).map_err(|error| error.of_event(seq))?;
    Ok(Payload { at: Timestamp::from_ns(at_ns), event, leg_count: legs, trace_id })
}

/// No bytes are no trace; otherwise there are 16, not all of them zero.
fn decode_trace(bytes: &[u8]) -> Result<Option<TraceId>, FieldError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let wrong = |problem| FieldError { field: "trace_id", problem };
    let whole: [u8; 16] = bytes.try_into().map_err(|_| wrong(FieldProblem::Length { bytes: bytes.len(), expected_bytes: 16 }))?;
    TraceId::from_bytes(whole).map(Some).ok_or(wrong(FieldProblem::Missing))
}

/// Cuts the next message, without its length, off the section of events.
fn take_message<'a>(seq: u64, events: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let truncated = DecodeError::EventsTruncated { seq };
    if events.is_empty() {
        return Err(truncated);
    }
    let length = prost::decode_length_delimiter(&mut *events).map_err(|source| DecodeError::Malformed { seq, source })?;
    let (message, rest) = events.split_at_checked(length).ok_or(truncated)?;
    *events = rest;
    Ok(message)
}

/// Cuts an event's legs off the section of transfers.
fn take_legs(seq: u64, leg_count: u32, transfers: &mut &[u8]) -> Result<Vec<Transfer>, DecodeError> {
    let (records, _) = transfers.as_chunks::<TRANSFER_SIZE_BYTES>();
    let truncated = DecodeError::TransfersTruncated { seq, legs: leg_count };
    let count = usize::try_from(leg_count).map_err(|_| truncated.clone())?;
    let records = records.get(..count).ok_or(truncated)?;
    *transfers = &transfers[count * TRANSFER_SIZE_BYTES..];
    records.iter().map(|record| Transfer::decode(record).map_err(|source| DecodeError::Transfer { seq, source })).collect()
}
