//! Errors of this crate.

use std::fmt;

/// Where a profile is wrong: the field as a dotted path and, if it was read from text, the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Dotted path of the field, such as `latency.shot_seconds` or `qubits.coupling[2]`.
    pub field: String,
    /// Line in the text, counted from 1; `None` for a profile that was built in memory.
    ///
    /// For a field that is missing it is the line of the table that lacks it, which is 1 for the top level.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(out, "line {line}: `{}`", self.field),
            None => write!(out, "`{}`", self.field),
        }
    }
}

/// Errors of device profiles and ledgers.
///
/// A job that a device does not take is no error of this crate: it is [`qgrad::Error::Refused`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not TOML.
    #[error("line {line}: {message}")]
    Syntax {
        /// Line of the text, counted from 1.
        line: usize,
        /// What the TOML parser says.
        message: String,
    },
    /// A field or section that no profile has.
    #[error("{at} is not a field of a device profile")]
    UnknownField {
        /// Where.
        at: Place,
    },
    /// A field or section that every profile needs.
    #[error("{at} is missing")]
    MissingField {
        /// Where.
        at: Place,
    },
    /// A value of the wrong type.
    #[error("{at}: {message}")]
    WrongType {
        /// Where.
        at: Place,
        /// What was found and what was expected.
        message: String,
    },
    /// A text that must say something is empty.
    #[error("{at} is empty")]
    EmptyText {
        /// Where.
        at: Place,
    },
    /// A count outside of its range.
    #[error("{at} is {value}, allowed are {min} to {max}")]
    Count {
        /// Where.
        at: Place,
        /// The value.
        value: u64,
        /// The smallest allowed value.
        min: u64,
        /// The largest allowed value.
        max: u64,
    },
    /// A duration or an energy that is negative, not a number, or absurdly large.
    #[error("{at} is {value}, allowed are 0 to {max:e}")]
    Number {
        /// Where.
        at: Place,
        /// The value.
        value: f64,
        /// The largest allowed value, in the unit that the field's name gives.
        max: f64,
    },
    /// An edge of the coupling map names a qubit that the device does not have.
    #[error("{at} joins qubits {} and {}, the device has qubits 0 to {}", edge[0], edge[1], count.saturating_sub(1))]
    EdgeOutOfRange {
        /// Where.
        at: Place,
        /// The edge.
        edge: [usize; 2],
        /// Qubits of the device.
        count: usize,
    },
    /// An edge of the coupling map joins a qubit with itself.
    #[error("{at} joins qubit {qubit} with itself")]
    EdgeLoop {
        /// Where.
        at: Place,
        /// The qubit.
        qubit: usize,
    },
    /// An edge of the coupling map is listed twice; edges have no direction.
    #[error("{at} joins qubits {} and {} a second time", edge[0], edge[1])]
    EdgeTwice {
        /// Where the second one is.
        at: Place,
        /// The edge.
        edge: [usize; 2],
    },
    /// No shipped profile has this name.
    #[error("no shipped profile is called `{name}`, there are {}", known.join(", "))]
    UnknownDevice {
        /// The name that was asked for.
        name: String,
        /// The names of the shipped profiles.
        known: Vec<String>,
    },
    /// A profile cannot be written as TOML.
    #[error("the profile cannot be written as TOML: {message}")]
    Unwritable {
        /// What the TOML writer says.
        message: String,
    },
    /// A ledger to resume from holds an amount that nobody can have spent.
    #[error("the ledger's {field} is {value}, which is not an amount spent")]
    Ledger {
        /// Which amount.
        field: &'static str,
        /// Its value.
        value: f64,
    },
}

impl Error {
    /// Where in the profile the error lies, if it lies in a field.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::UnknownField { at }
            | Self::MissingField { at }
            | Self::WrongType { at, .. }
            | Self::EmptyText { at }
            | Self::Count { at, .. }
            | Self::Number { at, .. }
            | Self::EdgeOutOfRange { at, .. }
            | Self::EdgeLoop { at, .. }
            | Self::EdgeTwice { at, .. } => Some(at),
            Self::Syntax { .. } | Self::UnknownDevice { .. } | Self::Unwritable { .. } | Self::Ledger { .. } => None,
        }
    }

    /// The place, to be completed with a line.
    pub(crate) fn place_mut(&mut self) -> Option<&mut Place> {
        match self {
            Self::UnknownField { at }
            | Self::MissingField { at }
            | Self::WrongType { at, .. }
            | Self::EmptyText { at }
            | Self::Count { at, .. }
            | Self::Number { at, .. }
            | Self::EdgeOutOfRange { at, .. }
            | Self::EdgeLoop { at, .. }
            | Self::EdgeTwice { at, .. } => Some(at),
            Self::Syntax { .. } | Self::UnknownDevice { .. } | Self::Unwritable { .. } | Self::Ledger { .. } => None,
        }
    }
}
