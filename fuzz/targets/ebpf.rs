//! Runs `trama_fuzz::ebpf` on what the fuzzer finds.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trama_fuzz::ebpf::run(data));
