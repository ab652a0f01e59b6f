//! What one small quantum device allows and costs.
//!
//! A [`DeviceProfile`] states the limits of a device (qubits, shots, circuits per submission, time) and its prices in seconds
//! and joules; it is read from TOML, with errors that name field and line, and three archetypes are
//! [shipped](DeviceProfile::shipped). [`Metered`] turns any [`qgrad::Backend`] into such a device: it refuses before anything
//! is spent, keeps an exact [`Ledger`] and a simulated clock, and is resumed from the ledger.
//!
//! ```
//! use qiot_profile::DeviceProfile;
//!
//! // A gradient of 8 parameters by parameter shift is one job of 16 circuits. With 100 shots each it takes:
//! let expected = [("sensor-node", 36.1, 2_017.1), ("edge-gateway", 16.37, 32_000.5), ("field-hub", 2.64, 12_200.0)];
//! for (name, seconds, joules) in expected {
//!     let bill = DeviceProfile::by_name(name)?.price(16, 16 * 100);
//!     assert_eq!((bill.jobs, bill.circuits, bill.shots), (1, 16, 1_600));
//!     assert!((bill.seconds - seconds).abs() < 1e-9 && (bill.joules - joules).abs() < 1e-9);
//! }
//! # Ok::<(), qiot_profile::Error>(())
//! ```
//!
//! This crate knows nothing of optimizers and tasks; it reads no clock and no files.
#![forbid(unsafe_code)]

mod error;
mod metered;
mod profile;
mod shipped;
mod text;

pub use error::{Error, Place};
pub use metered::{Ledger, Metered, Remaining};
pub use profile::{DeviceProfile, Energy, Latency, Limits, Qubits};

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
