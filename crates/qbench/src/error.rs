//! Errors of this crate.

use crate::classical::ClassicalError;
use crate::data::DataError;
use crate::stats::StatsError;

/// Errors of tasks, trials and experiments.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A stored result row cannot be read back.
    #[error("row {row}: column {column} holds {text:?}, which is not {expected}")]
    Row {
        /// Index of the row, from 0.
        row: usize,
        /// Name of the column.
        column: &'static str,
        /// What was found.
        text: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The text of a task is not one that this experiment wrote.
    #[error("not a task of this experiment: {text:?}")]
    UnknownTask {
        /// The text.
        text: String,
    },
    /// Two tasks or two readouts of a trial share a name.
    #[error("the name {name:?} occurs twice: results could not be told apart")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A number is outside its range.
    #[error("{what} is {value}, allowed: {allowed}")]
    Range {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A run of a trial came to no measured loss.
    #[error("{method} on {problem}, {readout}, rate {rate}, seed {seed}, finished no iteration with a loss: {reason}")]
    NoIteration {
        /// The problem.
        problem: String,
        /// How it is read out.
        readout: String,
        /// The method.
        method: String,
        /// Its learning rate.
        rate: f64,
        /// Index of the seed.
        seed: u64,
        /// Why the run ended.
        reason: String,
    },
    /// A run of a trial failed.
    #[error("{method} on {problem}, {readout}, rate {rate}, seed {seed}")]
    InTrial {
        /// The problem.
        problem: String,
        /// How it is read out.
        readout: String,
        /// The method.
        method: String,
        /// Its learning rate.
        rate: f64,
        /// Index of the seed.
        seed: u64,
        /// Why.
        source: Box<Error>,
    },
    /// A method could not be set up.
    #[error("method {method}")]
    Method {
        /// The method.
        method: String,
        /// What is wrong with its hyperparameters.
        source: qopt::ConfigError,
    },
    /// The text of a molecule is not one.
    #[error("not a molecule")]
    Molecule {
        /// What the reader says.
        source: serde_json::Error,
    },
    /// A term of a molecule is not a Pauli string.
    #[error("{text:?} is not a Pauli string such as \"X0 Z2\"")]
    PauliString {
        /// The text.
        text: String,
    },
    /// A run ended with an error (not with its budget).
    #[error(transparent)]
    Run(#[from] qopt::RunError),
    /// An objective could not be evaluated outside of a run.
    #[error(transparent)]
    Objective(#[from] qopt::ObjectiveError),
    /// From the estimators.
    #[error(transparent)]
    Gradient(#[from] qgrad::Error),
    /// From the simulator.
    #[error(transparent)]
    Circuit(#[from] qcore::Error),
    /// From a device profile.
    #[error(transparent)]
    Device(#[from] qiot_profile::Error),
    /// From a data set.
    #[error(transparent)]
    Data(#[from] DataError),
    /// From a statistic.
    #[error(transparent)]
    Stats(#[from] StatsError),
    /// From a classical baseline.
    #[error(transparent)]
    Classical(#[from] ClassicalError),
}
