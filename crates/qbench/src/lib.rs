//! Barren-plateau suites and fair optimizer trials.
#![forbid(unsafe_code)]

pub mod ansatz;
pub mod classical;
pub mod data;
pub mod error;
pub mod experiment;
pub mod experiments;
pub mod methods;
pub mod plateau;
pub mod stats;
pub mod summary;
pub mod tasks;
pub mod trial;

pub use error::Error;
pub use experiments::{claims, experiments};
pub use methods::{MethodEntry, Methods, Setup};
pub use trial::{TrialResult, Trials};

/// Name of the kernel level that simulations run at on this machine.
#[must_use]
pub fn kernel_level() -> String {
    qcore::Level::best().name().to_owned()
}

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
