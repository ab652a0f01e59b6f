//! Any text as OpenQASM.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| exercise::exercise(text));
