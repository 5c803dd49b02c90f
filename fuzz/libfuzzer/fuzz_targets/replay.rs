#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| duroxide_fuzz::run("replay", bytes));
