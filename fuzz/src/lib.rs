//! What must hold whatever bytes come in: one module for each fuzz target, and in it one function `check` that panics
//! when it does not. Start libFuzzer through the binaries in `targets/`; how to is in `README.md`.
#![forbid(unsafe_code)]

pub mod form_decoder;
pub mod journal_reader;
pub mod record_decoder;
pub mod response_decoder;
pub mod table_reader;
pub mod webhook_verifier;

/// The first line, and what comes after it.
fn first_line(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[]),
    }
}
