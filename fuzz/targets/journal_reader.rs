//! The fuzz target `journal_reader`: hands libFuzzer's bytes to [`fuzz::journal_reader`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::journal_reader::check(data));
