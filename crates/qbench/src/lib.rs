//! Barren-plateau suites and fair optimizer trials.
//!
//! - [`tasks`]: what is trained (a circuit, a loss, data) and how it is read out: exactly, or from shots on a metered device.
//! - [`Methods`]: the optimizers of a trial, shipped ones and one's own, as values in a list.
//! - [`Trials`]: methods x tasks x readouts x seeds at equal budgets, from equal starts, judged by exact values.
//! - [`summary`]: from results to tables: rates by cross-fitting, paired changes with intervals.
//! - [`plateau`]: estimates of gradient variance that say what they estimate, shot noise apart, and ensembles with known moments.
//! - [`diagnose`](mod@diagnose): one circuit and observable: how large its gradient is, and how many shots see it.
//! - [`experiment`] and [`experiments()`]: what `cargo xtask reproduce` runs, as a library.
//! - [`chemistry`], [`graph`], [`spectrum`]: molecules, cuts, and lowest eigenvalues.
//! - [`fleet`]: training on many small devices that drop out and straggle.
//! - [`data`], [`classical`], [`stats`]: data sets with their licences, classical baselines, statistics.
//!
//! - `command` (feature `command`, on by default): the `qbench` command as a function.
//!
//! Nothing here reads a clock or holds a global seed, and nothing but `command` opens a file.
#![forbid(unsafe_code)]

pub mod ansatz;
mod applicability;
pub mod chemistry;
pub mod classical;
#[cfg(feature = "command")]
pub mod command;
pub mod data;
pub mod diagnose;
pub mod error;
pub mod experiment;
pub mod experiments;
pub mod fleet;
pub mod graph;
pub mod methods;
pub mod plateau;
mod row_space;
pub mod spectrum;
pub mod stats;
pub mod summary;
pub mod tasks;
pub mod trial;

pub use applicability::{Need, NotApplicable, Omission};
pub use diagnose::{DiagnoseOptions, Diagnosis, diagnose};
pub use error::Error;
pub use experiments::{claims, experiments};
pub use methods::{KnownGradient, MethodEntry, Methods, Setup};
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
