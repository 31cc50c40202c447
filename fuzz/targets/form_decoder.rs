//! The fuzz target `form_decoder`: hands libFuzzer's bytes to [`fuzz::form_decoder`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::form_decoder::check(data));
