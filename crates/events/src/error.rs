//! Why bytes are not events. Nothing here is retryable: the same bytes fail again, in this version of the program.

use thiserror::Error;

/// Why bytes are not events that this program can read. `seq` is the sequence number of the event concerned.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The section of events ends before all announced events.
    #[error("the events end within event {seq}")]
    EventsTruncated {
        /// The first event that is not whole.
        seq: u64,
    },
    /// The section of events goes on after the last announced event.
    #[error("{bytes} bytes follow the last event of the batch")]
    EventsLeft {
        /// How many bytes.
        bytes: usize,
    },
    /// The section of transfers ends before the legs of this event.
    #[error("event {seq} has {legs} legs but fewer transfers remain")]
    TransfersTruncated {
        /// The event.
        seq: u64,
        /// How many legs it names.
        legs: u32,
    },
    /// The section of transfers goes on after the legs of the last event.
    #[error("{bytes} bytes of transfers belong to no event")]
    TransfersLeft {
        /// How many bytes.
        bytes: usize,
    },
    /// A leg is not a transfer.
    #[error("a leg of event {seq} is not a transfer")]
    Transfer {
        /// The event.
        seq: u64,
        /// What is wrong with the leg.
        source: ledger::DecodeError,
    },
    /// Sequence numbers run out within the batch.
    #[error("a batch that starts at event {first_seq} cannot hold {event_count} events")]
    SequenceExhausted {
        /// Sequence number of the first event.
        first_seq: u64,
        /// How many were announced.
        event_count: u32,
    },
    /// The bytes are not Protobuf of this schema.
    #[error("event {seq} is not readable")]
    Malformed {
        /// The event.
        seq: u64,
        /// What the Protobuf decoder says.
        source: prost::DecodeError,
    },
    /// The event was written in a layout from the future.
    #[error("event {seq} has schema {schema} but this program reads up to {}; upgrade the program", crate::SCHEMA)]
    UnknownSchema {
        /// The event.
        seq: u64,
        /// Its schema.
        schema: u32,
    },
    /// The event is of a kind from the future.
    #[error("event {seq} is of a kind that this program does not know; upgrade the program")]
    UnknownKind {
        /// The event.
        seq: u64,
    },
    /// A field of the event has no meaning.
    #[error("field {field} of event {seq} {problem}")]
    Field {
        /// The event.
        seq: u64,
        /// The field's name in the schema.
        field: &'static str,
        /// What is wrong with it.
        problem: FieldProblem,
    },
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FieldProblem {
    /// It has to be there.
    #[error("is missing")]
    Missing,
    /// It has to have exactly another length.
    #[error("has {bytes} bytes instead of {expected_bytes}")]
    Length {
        /// What it has, in bytes.
        bytes: usize,
        /// What it should have, in bytes.
        expected_bytes: usize,
    },
    /// It is longer than anything that is ever written.
    #[error("has {bytes} bytes, more than {bytes_max}")]
    TooLong {
        /// What it has, in bytes.
        bytes: usize,
        /// The most it may have, in bytes.
        bytes_max: usize,
    },
    /// The number does not fit its type.
    #[error("is {value}, more than {value_max}")]
    TooLarge {
        /// The number.
        value: u32,
        /// The largest that fits.
        value_max: u32,
    },
    /// The enum value that is never written.
    #[error("is unspecified")]
    Unspecified,
    /// An enum value from the future.
    #[error("has value {value}, which this program does not know; upgrade the program")]
    UnknownValue {
        /// The number of the value.
        value: i32,
    },
    /// A record of the ledger that cannot be read.
    #[error("holds a record with flags that this program does not know; upgrade the program")]
    Record,
    /// Texts of items that are cut off, out of order, or not in their one encoding.
    #[error("holds texts that are no texts of items")]
    ItemText,
    /// A currency that is not listed.
    #[error("is not a currency that this program knows")]
    UnknownCurrency,
}

/// A field and what is wrong with it, before it is known which event it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldError {
    pub(crate) field: &'static str,
    pub(crate) problem: FieldProblem,
}

impl FieldError {
    pub(crate) fn of_event(self, seq: u64) -> DecodeError {
        let Self { field, problem } = self;
        DecodeError::Field { seq, field, problem }
    }
}
