//! The fuzz target `webhook_verifier`: hands libFuzzer's bytes to [`fuzz::webhook_verifier`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::webhook_verifier::check(data));
