//! The fuzz target `response_decoder`: hands libFuzzer's bytes to [`fuzz::response_decoder`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::response_decoder::check(data));
