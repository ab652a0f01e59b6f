//! Errors of this crate.

use crate::Bill;

/// Why a backend refuses a job; nothing has been spent when it does.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The circuit is wider than the device.
    #[error("the circuit needs {needed} qubits, the device has {allowed}")]
    Qubits {
        /// Qubits of the circuit.
        needed: usize,
        /// Qubits of the device.
        allowed: usize,
    },
    /// A circuit is to be repeated more often than the device allows.
    #[error("a circuit asks for {needed} shots, the device allows {allowed} per circuit")]
    ShotsPerCircuit {
        /// Shots asked for.
        needed: u64,
        /// The device's limit.
        allowed: u64,
    },
    /// A circuit alone asks for more shots than one submission can have.
    #[error("a circuit asks for {needed} shots, the device allows {allowed} per job")]
    ShotsPerJob {
        /// Shots asked for.
        needed: u64,
        /// The device's limit.
        allowed: u64,
    },
    /// A circuit alone asks for more shots than the device gives in one time window.
    #[error("a circuit asks for {needed} shots, the device gives {allowed} per time window")]
    ShotsPerWindow {
        /// Shots asked for.
        needed: u64,
        /// The device's limit.
        allowed: u64,
    },
    /// The circuit has more parameters than the device's classical side can bind.
    #[error("the circuit has {needed} parameters, the device binds {allowed}")]
    Parameters {
        /// Parameters of the circuit.
        needed: u64,
        /// The device's limit.
        allowed: u64,
    },
    /// The qubits that interact in the circuit cannot be brought together on the device.
    #[error(
        "groups of {circuit:?} interacting qubits do not fit into the device's connected parts of {device:?} qubits"
    )]
    Connectivity {
        /// Sizes of the groups of the circuit's qubits that interact with each other, largest first.
        circuit: Vec<usize>,
        /// Sizes of the connected parts of the device.
        device: Vec<usize>,
    },
    /// An operation of the circuit cannot be made of the device's native gates.
    #[error("operation {operation} ({name}) needs a {missing}, which the device has not")]
    NativeGates {
        /// Index of the operation in the circuit.
        operation: usize,
        /// Its name.
        name: &'static str,
        /// What the native gates lack.
        missing: &'static str,
    },
    /// The job needs more memory than the device's classical side has.
    #[error("the job needs {needed} bytes, the device's classical side has {allowed}")]
    Memory {
        /// Bytes needed.
        needed: u64,
        /// Bytes there are.
        allowed: u64,
    },
    /// The job needs more submissions than are left.
    #[error("the job needs {needed} submissions, {left} are left")]
    JobBudget {
        /// Submissions of the job.
        needed: u64,
        /// Submissions left.
        left: u64,
    },
    /// The job does not fit into what is left of the shot budget.
    #[error("the job needs {needed} shots, {left} are left of the budget")]
    ShotBudget {
        /// Shots of the job.
        needed: u64,
        /// Shots left.
        left: u64,
    },
    /// The job would end after the deadline on the device's clock.
    #[error("the job takes {needed} s, {left} s are left of the time budget")]
    TimeBudget {
        /// Seconds that the job takes.
        needed: f64,
        /// Seconds left.
        left: f64,
    },
}

/// Errors of estimators and backends.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The backend refused before anything was spent; for a trainer this is an ordinary end of the run.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// A later job of a call was refused after an earlier one had been paid for.
    #[error("refused in the middle of a call: {refusal}")]
    RefusedMidway {
        /// Why the later job was refused.
        refusal: Refusal,
        /// What the earlier jobs of the call cost.
        spent: Bill,
    },
    /// Nothing is to be measured.
    #[error("an expectation needs at least one observable")]
    NoObservable,
    /// Exact values were asked of a backend that can only sample.
    #[error("this backend gives estimates from shots, not exact values")]
    NotExact,
    /// An ability of a simulator was asked of a backend that has none.
    #[error("{what} needs a simulator, which this backend is not")]
    NotASimulator {
        /// What was asked for.
        what: &'static str,
    },
    /// What belongs to a pure state was asked of a simulator with noise.
    #[error("{what} is defined for pure states, and noise makes them mixed")]
    MixedState {
        /// What was asked for.
        what: &'static str,
    },
    /// An error bar was to be made from moments of shots, which takes shots that are independent of each other.
    #[error("the error of {what} is made from independent shots, and those of this backend share trajectories")]
    DependentShots {
        /// What was asked for.
        what: &'static str,
    },
    /// A slice has the wrong length.
    #[error("{what} has length {got}, expected {expected}")]
    Length {
        /// Which slice.
        what: &'static str,
        /// Its length.
        got: usize,
        /// The length it must have.
        expected: usize,
    },
    /// A bound parameter is not a finite number.
    #[error("parameter {index} is {value}, which is not a finite number")]
    NotFinite {
        /// Index within the parameter row.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// An angle has no finite first derivative, or no second one where that is needed, as a square root at 0.
    #[error("the angle of operation {operation} has a derivative by parameter {parameter} that is {value}")]
    Slope {
        /// Index of the operation within the circuit.
        operation: usize,
        /// Index of the parameter.
        parameter: usize,
        /// The derivative.
        value: f64,
    },
    /// A cotangent of a vector-Jacobian product is not a finite number.
    #[error("the cotangent of observable {observable} at row {row} is {value}, which is not a finite number")]
    Cotangent {
        /// The row of parameters.
        row: usize,
        /// The observable.
        observable: usize,
        /// The cotangent.
        value: f64,
    },
    /// A circuit was to be repeated zero times, or a total does not give every circuit one shot.
    #[error("{what} needs at least {needed} shots, but was given {got}")]
    TooFewShots {
        /// Which quantity.
        what: &'static str,
        /// The smallest number that works.
        needed: u64,
        /// What was given.
        got: u64,
    },
    /// A setting of an estimator that cannot be.
    #[error("{what} is {value}, but must be {allowed}")]
    Setting {
        /// Which setting.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// Covariances of generators do not know this entry of a metric tensor.
    #[error(
        "the metric of parameters {parameters:?} is not a covariance: they have rotations in the layers {layers:?}, and not in one \
         layer only"
    )]
    Layers {
        /// Positions in the list of parameters.
        parameters: [usize; 2],
        /// Layers in which they have rotations.
        layers: [usize; 2],
    },
    /// A register is too wide for what was asked for.
    #[error("{what} of {qubits} qubits was asked for, at most {max} are possible")]
    Width {
        /// What was asked for.
        what: &'static str,
        /// Its qubits.
        qubits: usize,
        /// The most that are possible.
        max: usize,
    },
    /// A metric that cannot be inverted.
    #[error("the metric plus {lambda} is not positive definite")]
    NotPositive {
        /// What was added to the diagonal.
        lambda: f64,
    },
    /// Single components were asked of an estimator that measures a gradient as a whole.
    #[error("this estimator cannot measure single components of a gradient")]
    NoPartials,
    /// A parameter of which the rotation axis is to be chosen is not one rotation.
    #[error(
        "parameter {name:?} is not the angle of one RX, RY or RZ gate without controls, whose axis could be chosen"
    )]
    NoAxis {
        /// Its name.
        name: String,
    },
    /// No shift rule exists for these frequencies.
    #[error("no shift rule for the frequencies {frequencies:?}: they must be positive, ascending and distinct")]
    Spectrum {
        /// The frequencies.
        frequencies: Vec<f64>,
    },
    /// A parameter is named twice among those to differentiate.
    #[error("parameter {index} occurs twice among those to differentiate")]
    DuplicateParameter {
        /// Its index.
        index: usize,
    },
    /// A mean over trajectories needs two of them for its error.
    #[error("{what} must be at least {needed}, but is {got}")]
    TooFewTrajectories {
        /// Which number.
        what: &'static str,
        /// The smallest number that works.
        needed: u64,
        /// What was given.
        got: u64,
    },
    /// A rotation or row index beyond the program or the rows of a job.
    #[error("{what} {index} is out of range, there are {count}")]
    Index {
        /// Of what.
        what: &'static str,
        /// The index.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// From the simulator underneath.
    #[error(transparent)]
    Circuit(#[from] qcore::Error),
}

impl Error {
    /// The same error in a call that has already paid `spent`.
    pub(crate) fn after(self, spent: Bill) -> Self {
        match self {
            Self::Refused(refusal) if spent != Bill::ZERO => Self::RefusedMidway { refusal, spent },
            Self::RefusedMidway { refusal, spent: later } => Self::RefusedMidway { refusal, spent: spent + later },
            other => other,
        }
    }
}
