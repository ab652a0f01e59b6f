//! Errors of the reader and the writer, with their place in the file.

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A file that was refused: where, and why.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{location}: {fault}")]
#[non_exhaustive]
pub struct Error {
    /// Where.
    pub location: Location,
    /// Why.
    pub fault: Fault,
}

/// A bound on what a file may ask for; see the module's constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Limit {
    /// Size of the text.
    #[error("{} bytes", super::MAX_BYTES)]
    Bytes,
    /// Words, numbers and signs.
    #[error("{} tokens", super::MAX_TOKENS)]
    Tokens,
    /// Parentheses, signs and powers within each other.
    #[error("{} levels of nesting in an expression", super::MAX_NESTING)]
    Nesting,
    /// Numbers, names and operations of one expression, gate arguments inserted.
    #[error("{} numbers, names and operators in one expression", super::MAX_EXPRESSION)]
    Expression,
    /// The same for all expressions together.
    #[error("{} numbers, names and operators in all expanded expressions", super::MAX_WORK)]
    Work,
    /// Gate definitions that call each other.
    #[error("{} levels of gate definitions that call each other", super::MAX_CALL_DEPTH)]
    CallDepth,
    /// Gates after expansion of definitions, registers and powers.
    #[error("{} gates after expansion", super::MAX_OPERATIONS)]
    Operations,
}

/// Why a file was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A bound is exceeded.
    #[error("more than {0}")]
    Limit(Limit),
    /// Too many qubits.
    #[error(
        "{qubits} qubits: their state would need 2^{} bytes of memory; at most {} qubits can be described",
        qubits.saturating_add(4), crate::MAX_QUBITS
    )]
    Width {
        /// Qubits declared so far.
        qubits: u64,
    },
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// No qubit is declared.
    #[error("the file declares no qubit")]
    NoQubits,
    /// A character that OpenQASM does not use.
    #[error("unexpected character {0:?}")]
    Character(char),
    /// A comment without its end.
    #[error("the comment is never closed")]
    UnclosedComment,
    /// A string without its end.
    #[error("the string is never closed")]
    UnclosedString,
    /// Something that starts like a number and is none.
    #[error("{text:?} is not a number")]
    Number {
        /// The text.
        text: String,
    },
    /// A number beyond the range of its type.
    #[error("{text} is too large")]
    TooLarge {
        /// The text.
        text: String,
    },
    /// A syntax error.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What is allowed here.
        expected: &'static str,
        /// What stands here.
        found: String,
    },
    /// Valid OpenQASM that a circuit cannot hold.
    #[error("{construct} is not supported: {reason}")]
    Unsupported {
        /// Its name.
        construct: String,
        /// Why, or what to write instead.
        reason: &'static str,
    },
    /// Another version of the language.
    #[error("OpenQASM {version} is not supported: 2.0, 3.0 and 3.1 are")]
    Version {
        /// The version of the file.
        version: String,
    },
    /// An include other than the two standard ones.
    #[error("include {name:?} is not supported: only \"stdgates.inc\" and \"qelib1.inc\" are, which are built in")]
    Include {
        /// Its name.
        name: String,
    },
    /// A gate that is not defined, at least not before its use.
    #[error("gate {name:?} is not defined")]
    UnknownGate {
        /// Its name.
        name: String,
    },
    /// A standard gate without the include that defines it.
    #[error("gate {name:?} is not defined: write include \"{library}\"; first")]
    MissingInclude {
        /// Its name.
        name: String,
        /// The file that defines it.
        library: &'static str,
    },
    /// A name that is not declared, at least not before its use.
    #[error("{name:?} is not declared")]
    UnknownName {
        /// The name.
        name: String,
    },
    /// A name of another kind than is needed.
    #[error("{name:?} is {is}, not {needed}")]
    Kind {
        /// The name.
        name: String,
        /// What it stands for.
        is: &'static str,
        /// What is needed.
        needed: &'static str,
    },
    /// A name declared twice.
    #[error("{name:?} is declared already, in {by}")]
    Redeclared {
        /// The name.
        name: String,
        /// Where: a line, or the library.
        by: String,
    },
    /// A gate that calls itself.
    #[error("gate {name:?} calls itself")]
    Recursion {
        /// Its name.
        name: String,
    },
    /// Wrong number of angles for a gate.
    #[error("{gate} takes {expected} angles, not {got}")]
    AngleCount {
        /// Name of the gate.
        gate: String,
        /// Angles it takes.
        expected: usize,
        /// Angles given.
        got: usize,
    },
    /// Wrong number of operands for a gate, its controls included.
    #[error("{gate} acts on {expected} qubits, not {got}")]
    QubitCount {
        /// Name of the gate, with its modifiers.
        gate: String,
        /// Qubits it acts on.
        expected: usize,
        /// Operands given.
        got: usize,
    },
    /// An index outside its register.
    #[error("index {index} is outside {name:?} of size {size}")]
    Index {
        /// The index.
        index: i64,
        /// Name of the register.
        name: String,
        /// Its size.
        size: u64,
    },
    /// A range or set of indices that selects nothing, or a step of 0.
    #[error("the range selects nothing of {name:?}")]
    EmptySelection {
        /// Name of the register.
        name: String,
    },
    /// One qubit twice among the operands of a gate.
    #[error("qubit {qubit} occurs twice among the operands of {gate}")]
    DuplicateQubit {
        /// The qubit, as a number of the whole circuit or by its name in a gate definition.
        qubit: String,
        /// Name of the gate.
        gate: String,
    },
    /// Registers of different sizes as operands.
    #[error("operands of {got} and {size} qubits cannot be combined")]
    BroadcastSize {
        /// Size of the first register among the operands.
        size: u64,
        /// Size of this one.
        got: u64,
    },
    /// A size, number of controls or the like that must be positive.
    #[error("{what} must be positive, not {value}")]
    NotPositive {
        /// What it is.
        what: &'static str,
        /// Its value.
        value: i64,
    },
    /// A number that must be an integer.
    #[error("{what} must be an integer")]
    NotInteger {
        /// What it is.
        what: &'static str,
    },
    /// A value that must not depend on parameters.
    #[error("{what} must be a constant")]
    NotConstant {
        /// What it is.
        what: &'static str,
    },
    /// Integer arithmetic beyond 64 bits.
    #[error("the integer does not fit into 64 bits")]
    Overflow,
    /// A quotient of two integers that is not an integer.
    #[error("{left} / {right} of two integers is not an integer and would be rounded: write {left}.0 / {right}")]
    IntegerDivision {
        /// The dividend.
        left: i64,
        /// The divisor.
        right: i64,
    },
    /// A function of an input parameter.
    #[error("{function} of an input parameter is not supported: functions take constants")]
    FunctionOfParameter {
        /// Name of the function.
        function: &'static str,
    },
    /// A constant expression without a finite value.
    #[error("the value of the expression is {value}, not a finite number")]
    NotFinite {
        /// Its value.
        value: f64,
    },
    /// A power that is not an integer, of a gate that is not a rotation.
    #[error(
        "pow({exponent}) of {gate} is not supported: only rotations and phase gates have powers that are not integers"
    )]
    Power {
        /// The exponent.
        exponent: f64,
        /// Name of the gate.
        gate: String,
    },
    /// A gate after the measurement of its qubit.
    #[error("the qubit measured here is used again in line {line}: only final measurements are supported")]
    Measured {
        /// Line of the gate.
        line: u32,
    },
    /// An operation that a circuit refuses.
    #[error(transparent)]
    Operation(#[from] crate::Error),
}

/// A circuit that cannot be written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A parameter whose name is not an identifier of OpenQASM 3, or is taken by the language or its standard gates.
    #[error("parameter name {name:?} cannot be written in OpenQASM 3")]
    ParameterName {
        /// The name.
        name: String,
    },
    /// A number that is not finite in an angle.
    #[error("an angle of operation {operation} holds the number {value}")]
    NotFinite {
        /// Index of the operation in the circuit.
        operation: usize,
        /// The number.
        value: f64,
    },
}

/// The beginning of a text, for messages.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}
