//! Any text as an observable; what is accepted is written and read again.
#![no_main]

use qcore::PauliSum;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(observable) = text.parse::<PauliSum>() {
        assert_eq!(observable.to_string().parse::<PauliSum>().as_ref(), Ok(&observable));
    }
});
