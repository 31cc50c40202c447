//! The versioned schema of events and the only crate that persists types: engine values to bytes and back.
//!
//! An event is a Protobuf message (`proto/bezant/events/v1/events.proto`), its legs are 128-byte records beside it, and
//! a snapshot is the whole state behind a small header. Read [`batch`] first. What does not live here: framing,
//! checksums and files (the journal), and what an event means (the engine).
//!
//! Bytes are input: every decoder is total, names what is wrong and never panics. What was written once stays
//! readable: `golden/` holds frozen bytes of every kind, and older layouts are lifted one schema at a time.

mod archived;
pub mod batch;
mod error;
mod generated;
mod kinds;
mod parts;
pub mod snapshot;
mod upcast;
mod wire;

pub use batch::{EncodedBatch, Payload, Recorded, decode_batch, decode_payload, encode_batch, encode_traced_batch};
pub use error::{DecodeError, FieldProblem};
pub use upcast::SCHEMA;
pub use wire::{SEALED_BYTES_MAX, TEXT_BYTES_MAX};
