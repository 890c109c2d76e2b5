//! Runs `trama_fuzz::capture` on what the fuzzer finds.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trama_fuzz::capture::run(data));
