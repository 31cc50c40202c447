//! Entries to write and read: frozen samples (`samples.rs`) and arbitrary ones (`arbitrary.rs`), and hexadecimal text.

#![allow(dead_code, reason = "every test file uses another part")]

pub mod arbitrary;
pub mod samples;

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// A file of frozen bytes.
pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

/// Whether missing golden bytes are to be added. Existing ones are never changed.
pub fn adds_missing() -> bool {
    std::env::var_os("BEZANT_UPDATE").is_some()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

pub fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "hexadecimal text has two digits for each byte");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
