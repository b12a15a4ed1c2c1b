#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::targets::media_type::run(input));
