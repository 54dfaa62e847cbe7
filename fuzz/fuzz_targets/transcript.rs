//! `transcript` under libFuzzer.
#![no_main]

use flightrec_fuzz::target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target("transcript", data));
