//! Errors of this crate.

use crate::noise::ChannelFault;

/// Errors of circuits, programs, states, observables and noise.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A register of this width is not supported.
    #[error("a register must have 1 to {max} qubits, not {qubits}")]
    Width {
        /// Qubits asked for.
        qubits: usize,
        /// Largest width.
        max: usize,
    },
    /// The state does not fit into the memory of this machine.
    #[error("{qubits} qubits need {needed_bytes} bytes, {available_bytes} are available")]
    Memory {
        /// Qubits asked for.
        qubits: usize,
        /// Bytes of one state vector of that width.
        needed_bytes: u64,
        /// Bytes that the operating system says are available, or that the allocator could give.
        available_bytes: u64,
    },
    /// A qubit index outside the register.
    #[error("qubit {qubit} is outside the register of {qubits} qubits")]
    Qubit {
        /// The index.
        qubit: usize,
        /// Width of the register.
        qubits: usize,
    },
    /// An operation names one qubit twice.
    #[error("qubit {qubit} occurs twice among the operands of {operation}")]
    DuplicateQubit {
        /// The index.
        qubit: usize,
        /// Name of the operation.
        operation: &'static str,
    },
    /// Wrong number of qubits for an operation.
    #[error("{operation} acts on {expected} qubits, not {got}")]
    QubitCount {
        /// Name of the operation.
        operation: &'static str,
        /// Qubits it needs.
        expected: usize,
        /// Qubits given.
        got: usize,
    },
    /// Wrong number of angles for an operation.
    #[error("{operation} takes {expected} angles, not {got}")]
    AngleCount {
        /// Name of the operation.
        operation: &'static str,
        /// Angles it needs.
        expected: usize,
        /// Angles given.
        got: usize,
    },
    /// A parameter name is declared twice.
    #[error("parameter {name:?} is declared twice")]
    DuplicateParameter {
        /// The name.
        name: String,
    },
    /// An angle uses a parameter that its circuit does not declare.
    #[error("an angle uses parameter {index}, the circuit declares {declared}")]
    UnknownParameter {
        /// Index of the parameter.
        index: usize,
        /// Parameters declared.
        declared: usize,
    },
    /// Wrong number of parameter values.
    #[error("the circuit has {expected} parameters, {got} values were given")]
    ParameterCount {
        /// Parameters declared.
        expected: usize,
        /// Values given.
        got: usize,
    },
    /// A bound angle is not a finite number.
    #[error("the angle of operation {operation} is {value} at the bound parameters")]
    Angle {
        /// Index of the operation in the circuit.
        operation: usize,
        /// Its value.
        value: f64,
    },
    /// A matrix is not of the size that its qubits ask for.
    #[error("a matrix on {qubits} qubits has {expected} entries, not {got}")]
    MatrixSize {
        /// Qubits it acts on.
        qubits: usize,
        /// Entries needed.
        expected: usize,
        /// Entries given.
        got: usize,
    },
    /// A matrix is not unitary.
    #[error("the matrix is not unitary: U*U differs from the identity by {deviation}")]
    NotUnitary {
        /// Largest entry of |U*U - 1|.
        deviation: f64,
    },
    /// Amplitudes that are not a state.
    #[error("{got} amplitudes are not a state vector: a power of two from 2 on is needed")]
    AmplitudeCount {
        /// Amplitudes given.
        got: usize,
    },
    /// Amplitudes that are not normalized.
    #[error("the amplitudes have squared norm {norm_squared}, not 1")]
    Norm {
        /// Sum of the squared magnitudes.
        norm_squared: f64,
    },
    /// Two objects for registers of different width.
    #[error("{what} is for {got} qubits, the state has {expected}")]
    WidthMismatch {
        /// What does not fit.
        what: &'static str,
        /// Its width.
        got: usize,
        /// Width of the state.
        expected: usize,
    },
    /// Something that was made for another program than the one that it is used with; clones of a program count as one.
    #[error("the {what} was made for another program")]
    AnotherProgram {
        /// What was.
        what: &'static str,
    },
    /// A call that rests on another one which has not been made.
    #[error("{what} needs {before} before it")]
    Order {
        /// What was called.
        what: &'static str,
        /// What it rests on.
        before: &'static str,
    },
    /// A row that cannot be one of those that were shared: they agree in this parameter, and it does not.
    #[error("parameter {parameter} of row {row} is not what all shared rows have there")]
    NotShared {
        /// Index of the row among those that were given.
        row: usize,
        /// Index of the parameter.
        parameter: usize,
    },
    /// An observable that cannot be read.
    #[error("observable, column {column}: {reason}")]
    Observable {
        /// Column, from 1, in characters.
        column: usize,
        /// What is wrong there.
        reason: ObservableFault,
    },
    /// A coefficient that is not a finite number.
    #[error("the coefficient {value} is not a finite number")]
    Coefficient {
        /// Its value.
        value: f64,
    },
    /// Weights that are not a probability distribution.
    #[error("weight {index} is {value}: weights must be finite, not negative and not all zero")]
    Weight {
        /// Index of the first bad weight (0 if they are all zero).
        index: usize,
        /// Its value.
        value: f64,
    },
    /// A noise channel or a readout error that cannot be.
    #[error("{channel}: {fault}")]
    Channel {
        /// Name of the channel.
        channel: &'static str,
        /// What is wrong with it.
        fault: ChannelFault,
    },
    /// A rule for gates of a name that no gate has.
    #[error("there is no gate called {name:?}")]
    UnknownGate {
        /// The name.
        name: String,
    },
    /// A matrix that is not a density matrix.
    #[error(
        "a density matrix is Hermitian and has trace 1: this one has trace {trace} and differs by {asymmetry} from its adjoint"
    )]
    NotDensity {
        /// Real part of its trace.
        trace: f64,
        /// Largest entry of `|rho - rho*|`.
        asymmetry: f64,
    },
}

/// What is wrong with the text of an observable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObservableFault {
    /// There is no term.
    #[error("a term is missing")]
    MissingTerm,
    /// Not a Pauli letter.
    #[error("expected I, X, Y or Z")]
    Letter,
    /// A Pauli letter without its qubit.
    #[error("expected a qubit number after the letter")]
    QubitNumber,
    /// The qubit number is beyond the largest register.
    #[error("the qubit number is too large")]
    QubitTooLarge,
    /// A qubit occurs twice in one term.
    #[error("a qubit occurs twice in one term")]
    DuplicateQubit,
    /// Not a number.
    #[error("expected a finite number")]
    Number,
    /// Something between two terms that is neither `+` nor `-`.
    #[error("expected + or - between terms")]
    Separator,
}
