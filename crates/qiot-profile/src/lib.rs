//! What one small quantum device allows and costs.
//!
//! A [`DeviceProfile`] states what a device is (qubits, coupling, native gates, calibration), what it allows (shots, circuits,
//! time) and what it charges in seconds and joules; it is read from TOML, with errors that name field and line, and three
//! archetypes and six calibrated devices are [shipped](DeviceProfile::shipped). [`Metered`] turns any [`qgrad::Backend`] into such
//! a device: it refuses before anything is spent, keeps an exact [`Ledger`] and a simulated clock, and is resumed from the ledger.
//! [`fit`] and [`transpile`] say whether a circuit fits, [`DeviceProfile::noise_on`] makes a noise model of the calibration, and
//! [`fleet`] holds many devices that drop out and come late.
//!
//! [`fit`](mod@fit) says before anything runs whether a circuit fits a device, what a step of training costs there and what to change
//! if it does not fit; [`transpile`] writes circuits in the native gates of a device, on its coupled pairs.
//!
//! ```
//! use qiot_profile::DeviceProfile;
//!
//! // A gradient of 8 parameters by parameter shift is one job of 16 circuits. With 100 shots each it takes:
//! let expected = [("sensor-node", 36.5, 2_017.7), ("edge-gateway", 16.4, 32_000.5), ("perth", 2.7, 11_384.0)];
//! for (name, seconds, joules) in expected {
//!     let bill = DeviceProfile::shipped(name)?.price(16, 16 * 100);
//!     assert_eq!((bill.jobs, bill.circuits, bill.shots), (1, 16, 1_600));
//!     assert!((bill.seconds - seconds).abs() < 0.05 && (bill.joules - joules).abs() < 0.05);
//! }
//! # Ok::<(), qiot_profile::Error>(())
//! ```
//!
//! This crate knows nothing of optimizers and tasks; it reads no clock and no files.
#![forbid(unsafe_code)]

mod error;
pub mod fit;
pub mod fleet;
mod metered;
mod native;
mod noise;
mod profile;
mod schedule;
mod shipped;
mod simulator;
mod text;
pub mod transpile;

pub use error::{Error, Place, Warning};
pub use metered::{Ledger, Metered, Remaining};
pub use noise::{DeviceNoise, RelaxationExcess};
pub use profile::{
    DeviceProfile, Energy, GateCost, GatePlace, Latency, Limits, NativeGate, QubitCalibration, Qubits, Traffic,
};
pub use simulator::DeviceSimulator;
pub use text::Loaded;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
