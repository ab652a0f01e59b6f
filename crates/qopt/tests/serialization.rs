//! With the feature `serde`: what is written comes back, to the bit.
#![cfg(feature = "serde")]

use qopt::{
    AdaptiveStepConfig, Bill, Budget, Control, Estimate, Interval, PeriodicConfig, PostHocConfig, ProbeConfig,
    RandomConfig, RestartConfig, StallConfig, StallCurvatureConfig, State, Streams,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    let copy: T = serde_json::from_str(&text).unwrap();
    assert_eq!(&copy, value, "{text}");
}

#[test]
fn states_keep_every_bit() {
    let numbers = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -f64::NAN, -0.0, 5e-324, 0.1, f64::MAX];
    let payload = f64::from_bits(0x7ff8_0000_0000_1234);
    let inner = State::new("inner").with_floats("x", &numbers).with_floats("payload", &[payload]);
    // Equality of states is equality of bits.
    back(&State::new("outer").with_counts("n", &[u64::MAX, 0]).with_child("inner", inner));
    back(&State::default());
}

#[test]
fn configurations_and_bills() {
    back(&ProbeConfig { control: Control::Kick, ..ProbeConfig::new(0.1) });
    back(&AdaptiveStepConfig::new(2.0));
    back(&PeriodicConfig::new(7));
    back(&RandomConfig::new(7));
    back(&PostHocConfig::default());
    back(&StallConfig { radius: Some(0.1), ..StallConfig::default() });
    back(&StallCurvatureConfig::default());
    back(&RestartConfig::uniform(Interval { low: -0.1, high: 0.3 }, 2));
    back(&Bill { jobs: 1, circuits: 2, shots: u64::MAX, seconds: 0.1, joules: 1e-300 });
    back(&Budget { seconds: Some(0.1), ..Budget::of_shots(3) });
    back(&Estimate { value: 0.1, std_error: 0.2 });
    back(&Streams::new(u64::MAX, u128::MAX));
}
