//! The fuzz target `record_decoder`: hands libFuzzer's bytes to [`fuzz::record_decoder`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::record_decoder::check(data));
