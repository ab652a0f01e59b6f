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

/// Something in a profile that cannot be so and was corrected when it was read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// A coherence time that no relaxation time allows was cut to `2 t1_us`.
    #[error("{at} is {}, which is more than 2 t1_us: taken as {}", brief(*t2_us), brief(2.0 * t1_us))]
    ClampedT2 {
        /// Where.
        at: Place,
        /// Relaxation time, in microseconds.
        t1_us: f64,
        /// Coherence time as it stands in the text, in microseconds.
        t2_us: f64,
    },
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
    #[error("{at} is {}, allowed are 0 to {max:e}", brief(*value))]
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
    /// A time that must be positive is 0.
    #[error("{at} is 0, allowed are positive times")]
    NotPositive {
        /// Where.
        at: Place,
    },
    /// A coherence time that no relaxation time allows.
    #[error("{at} is {}, which is more than 2 t1_us = {}", brief(*t2_us), brief(2.0 * t1_us))]
    Relaxation {
        /// Where.
        at: Place,
        /// Relaxation time, in microseconds.
        t1_us: f64,
        /// Coherence time, in microseconds.
        t2_us: f64,
    },
    /// Not a date.
    #[error("{at} is `{text}`, which is not a date as RFC 3339 writes it")]
    Date {
        /// Where.
        at: Place,
        /// The text.
        text: String,
    },
    /// A calibration that has neither one entry nor one per qubit.
    #[error("{at} has {got} entries, allowed are 1 (for all qubits) and {count} (one per qubit)")]
    CalibrationLength {
        /// Where.
        at: Place,
        /// Entries given.
        got: usize,
        /// Qubits of the device.
        count: usize,
    },
    /// A native gate that is no row of the gate table on one or two qubits.
    #[error("{at} is `{name}`, which is no gate on one or two qubits; there are {}", native_names())]
    UnknownGate {
        /// Where.
        at: Place,
        /// The name.
        name: String,
    },
    /// A native gate that is listed twice.
    #[error("{at} lists `{name}` a second time")]
    GateTwice {
        /// Where the second one is.
        at: Place,
        /// The name.
        name: String,
    },
    /// A native gate with a list of places and with costs that hold everywhere.
    #[error("{at} lists places of a gate whose error or duration is given for everywhere")]
    GateForm {
        /// Where.
        at: Place,
    },
    /// A gate on the wrong number of qubits.
    #[error("{at} has {got} qubits, `{gate}` acts on {expected}")]
    GateQubits {
        /// Where.
        at: Place,
        /// The gate.
        gate: &'static str,
        /// Qubits it acts on.
        expected: usize,
        /// Qubits given.
        got: usize,
    },
    /// A gate on a qubit that the device does not have.
    #[error("{at} names qubit {qubit}, the device has qubits 0 to {}", count.saturating_sub(1))]
    QubitOutOfRange {
        /// Where.
        at: Place,
        /// The qubit.
        qubit: usize,
        /// Qubits of the device.
        count: usize,
    },
    /// A gate on a pair that is not coupled.
    #[error("{at} are qubits {} and {}, which are not coupled", edge[0], edge[1])]
    Uncoupled {
        /// Where.
        at: Place,
        /// The pair.
        edge: [usize; 2],
    },
    /// A gate has costs for the same qubits twice.
    #[error("{at} lists the qubits {qubits:?} a second time")]
    PlaceTwice {
        /// Where the second one is.
        at: Place,
        /// The qubits.
        qubits: Vec<usize>,
    },
    /// No shipped profile has this name.
    #[error("no shipped profile is called `{name}`, there are {}", known.join(", "))]
    UnknownDevice {
        /// The name that was asked for.
        name: String,
        /// The names of the shipped profiles.
        known: Vec<&'static str>,
    },
    /// A profile cannot be written as TOML.
    #[error("the profile cannot be written as TOML: {message}")]
    Unwritable {
        /// What the TOML writer says.
        message: String,
    },
    /// A layout that names a qubit twice, or one that the device does not have.
    #[error("the layout names qubit {qubit} twice, or the device, which has {count} qubits, does not have it")]
    Layout {
        /// The qubit.
        qubit: usize,
        /// Qubits of the device.
        count: usize,
    },
    /// An operation that the device does not execute as it is.
    #[error("operation {index}, `{gate}` on qubits {qubits:?}, is no native gate of the device there")]
    NotNative {
        /// Its position in the circuit.
        index: usize,
        /// Its name.
        gate: &'static str,
        /// Its qubits.
        qubits: Vec<usize>,
    },
    /// What the simulator does not take.
    #[error(transparent)]
    Noise(#[from] qcore::Error),
    /// Habits of a fleet that cannot be.
    #[error("{field} is {}, allowed is {allowed}", brief(*value))]
    Participation {
        /// Which one.
        field: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A fleet is resumed with too few or too many ledgers.
    #[error("{got} ledgers were given for {devices} devices")]
    FleetLedgers {
        /// Ledgers given.
        got: usize,
        /// Devices.
        devices: usize,
    },
    /// A duration of a circuit that is none.
    #[error("the duration of a circuit is {} s, allowed are 0 to 1e9", brief(*value))]
    CircuitSeconds {
        /// The value.
        value: f64,
    },
    /// A ledger to resume from holds an amount that nobody can have spent.
    #[error("the ledger's {field} is {}, which is not an amount spent", brief(*value))]
    Ledger {
        /// Which amount.
        field: &'static str,
        /// Its value.
        value: f64,
    },
}

/// The place of an error, shared or exclusive as the error is borrowed; every variant is named, so that a new one has to decide.
macro_rules! place {
    ($error:expr) => {
        match $error {
            Self::UnknownField { at }
            | Self::MissingField { at }
            | Self::WrongType { at, .. }
            | Self::EmptyText { at }
            | Self::Count { at, .. }
            | Self::Number { at, .. }
            | Self::EdgeOutOfRange { at, .. }
            | Self::EdgeLoop { at, .. }
            | Self::EdgeTwice { at, .. }
            | Self::NotPositive { at }
            | Self::Relaxation { at, .. }
            | Self::Date { at, .. }
            | Self::CalibrationLength { at, .. }
            | Self::UnknownGate { at, .. }
            | Self::GateTwice { at, .. }
            | Self::GateForm { at }
            | Self::GateQubits { at, .. }
            | Self::QubitOutOfRange { at, .. }
            | Self::Uncoupled { at, .. }
            | Self::PlaceTwice { at, .. } => Some(at),
            Self::Syntax { .. }
            | Self::UnknownDevice { .. }
            | Self::Unwritable { .. }
            | Self::CircuitSeconds { .. }
            | Self::Participation { .. }
            | Self::FleetLedgers { .. }
            | Self::Layout { .. }
            | Self::NotNative { .. }
            | Self::Noise(_)
            | Self::Ledger { .. } => None,
        }
    };
}

impl Error {
    /// Where in the profile the error lies, if it lies in a field.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        place!(self)
    }

    /// The place, to be completed with a line.
    pub(crate) fn place_mut(&mut self) -> Option<&mut Place> {
        place!(self)
    }
}

/// A number as a message shows it: with a power of ten where it would else be a long row of zeros.
pub(crate) fn brief(value: f64) -> String {
    let size = value.abs();
    if size.is_finite() && size != 0.0 && !(1e-6..1e16).contains(&size) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

/// A count as a message shows it: sums of counts stop at the largest one of 64 bits.
pub(crate) struct Count(pub(crate) u64);

impl std::fmt::Display for Count {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            u64::MAX => out.write_str("more than 1.8e19"),
            count => count.fmt(out),
        }
    }
}

/// The gates that a device can have as native ones.
fn native_names() -> String {
    let on_one_or_two = |spec: &&qcore::GateSpec| (1..=2).contains(&spec.qubits());
    let names: Vec<&str> = qcore::Gate::all().iter().filter(on_one_or_two).map(|spec| spec.name).collect();
    names.join(", ")
}
