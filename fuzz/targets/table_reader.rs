//! The fuzz target `table_reader`: hands libFuzzer's bytes to [`fuzz::table_reader`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::table_reader::check(data));
