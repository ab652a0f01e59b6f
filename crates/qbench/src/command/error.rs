//! Why a command was refused or failed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use qcore::{DensityMatrix, qasm};

use crate::tasks::Classification;

/// Where a text came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    File(PathBuf),
    Stdin,
    /// An option of the command line.
    Option(&'static str),
}

impl Source {
    /// The file of this name, or standard input for `-`.
    pub(super) fn of_path(path: &Path) -> Self {
        if path == Path::new("-") { Self::Stdin } else { Self::File(path.to_owned()) }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Stdin => f.write_str("<stdin>"),
            Self::Option(name) => f.write_str(name),
        }
    }
}

/// A source, and a place in it where one is known: `file:line:column`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) source: Source,
    pub(super) at: Option<(usize, usize)>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.source, self.at) {
            (source, None) => write!(f, "{source}"),
            (Source::Option(name), Some((_, column))) => write!(f, "{name}, column {column}"),
            (source, Some((line, column))) => write!(f, "{source}:{line}:{column}"),
        }
    }
}

/// Errors of the command; all lead to exit code 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum CommandError {
    #[error("cannot read {path}: {source}")]
    Read { path: Source, source: io::Error },
    #[error("{path} is larger than {limit} bytes, the most that is read of such a file")]
    FileSize { path: Source, limit: u64 },
    #[error("{place}: not UTF-8 text")]
    Utf8 { place: Place },
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    #[error("{place}: {fault}")]
    Qasm { place: Place, fault: qasm::Fault },
    #[error("{place}: {fault}")]
    Observable { place: Place, fault: qcore::ObservableFault },
    #[error("{place}: {source}")]
    Coefficients { place: Place, source: qcore::Error },
    #[error("the observable acts on qubit {qubit}, the circuit has {qubits} (0 to {})", qubits - 1)]
    ObservableWidth { qubit: usize, qubits: usize },
    #[error("{place}: {reason}")]
    Json { place: Place, reason: String },
    #[error("{place}: {source}")]
    Noise { place: Place, source: qcore::Error },
    #[error("the circuit has {} and no value is given for {}; {PARAMETERS_HINT}", declared(.names), quoted(.missing))]
    MissingParameters { names: Vec<String>, missing: Vec<String> },
    #[error("{got} values are given, the circuit has {}", declared(.names))]
    SurplusParameters { names: Vec<String>, got: usize },
    #[error("{option}: the circuit has no parameter {name:?}; it has {}", declared(.names))]
    UnknownParameter { option: Source, name: String, names: Vec<String> },
    #[error("{option}: parameter {name:?} is given twice")]
    DuplicateParameter { option: Source, name: String },
    #[error("--wrt: parameter {name:?} is fixed by --param, so it has no derivative here")]
    FixedParameter { name: String },
    #[error("{option}: {what} is {text:?}, which is not a number")]
    NotANumber { option: Source, what: String, text: String },
    #[error("{option}: {what} is {value}, which is not a finite number")]
    NotFinite { option: Source, what: String, value: f64 },
    #[error("--param: {text:?} is not NAME=VALUE")]
    Assignment { text: String },
    #[error("{place}: the angle of this gate is {value} at the given parameters")]
    Angle { place: Place, value: f64 },
    #[error(
        "{place}: the moduli of the coefficients add up to {sum:e}, allowed: at most 1e100, so that squares of values are finite"
    )]
    LargeCoefficients { place: Place, sum: f64 },
    #[error("{what}: {reason}")]
    Refused { what: &'static str, reason: &'static str },
    #[error("noise on {qubits} qubits: density matrices have at most {} qubits; {remedy}", DensityMatrix::MAX_QUBITS)]
    NoiseWidth { qubits: usize, remedy: &'static str },
    #[error("the observable has {terms} terms, its square is computed for at most {max}")]
    SquareSize { terms: usize, max: usize },
    #[error("{place}: {source}")]
    Device { place: Source, source: qiot_profile::Error },
    #[error("there is no method {name:?}; there are {}", known.join(", "))]
    UnknownMethod { name: String, known: Vec<String> },
    #[error(
        "there is no task {name:?}; there are {}, each also with -parity, h2, lih, and for N qubits tfim-N (1 to 48), maxcut-N (even, 4 to \
         24), product-N (1 to 48), hea-N (1 to 12)",
        Classification::SHIPPED.join(", ")
    )]
    UnknownTask { name: String },
    #[error("nothing is run: {task} with {readout}: {reason}")]
    NothingFits { task: String, readout: String, reason: String },
    #[error("{place}: {source}")]
    Data { place: Source, source: crate::data::DataError },
    #[error("{option}: {what} is not a positive finite number")]
    NotPositive { option: &'static str, what: String },
    #[error("there are no data {name:?}; there are {}, or the name of a CSV file", Classification::SHIPPED.join(", "))]
    UnknownData { name: String },
    #[error("{path}: there is no class {class:?}, there are {known}")]
    UnknownClass { path: Source, class: String, known: String },
    #[error("{path}: two classes are needed, found {}: {}{}", classes.len(), quoted(.classes), chosen_by(.classes))]
    ClassCount { path: Source, classes: Vec<String> },
    #[error("{method} asks for {what}, which no device measures; --method takes any other of {}", others.join(", "))]
    MethodNeeds { method: String, what: &'static str, others: Vec<String> },
    #[error("does not fit on {device}: {reason}{}", advised(.advice))]
    DoesNotFit { device: String, reason: String, advice: Vec<String> },
    #[error("{method} needs {needed} bytes with all it remembers, the classical side of {device} has {allowed}")]
    MethodMemory { method: String, device: String, needed: u64, allowed: u64 },
    #[error("cannot start threads: {0}")]
    Threads(#[source] rayon::ThreadPoolBuildError),
    #[error("cannot write {path}: {source}")]
    Write { path: Source, source: io::Error },
    #[error("{path} is of another run: its {what} is {found}, not {expected}")]
    OtherRun { path: Source, what: &'static str, found: String, expected: String },
    #[error("{path}: the saved run cannot be continued: {reason}")]
    Resume { path: Source, reason: String },
    #[error("the run ended before its first step: {reason}{}", advised(.advice))]
    NoStep { reason: String, advice: Vec<String> },
    #[error("the trained circuit cannot be written: {0}")]
    Unwritable(#[from] qasm::WriteError),
    #[error("{}", with_causes(.0))]
    Run(#[from] qopt::RunError),
    #[error("the saved run cannot be continued: {0}")]
    State(#[from] qopt::StateError),
    #[error(transparent)]
    Fit(#[from] qiot_profile::fit::Error),
    #[error("{}", with_causes(.0))]
    Bench(#[from] crate::Error),
    #[error(transparent)]
    Circuit(#[from] qcore::Error),
    #[error(transparent)]
    Gradient(#[from] qgrad::Error),
}

const PARAMETERS_HINT: &str = "give them by --params, --params-file or --param";

impl CommandError {
    /// Whether the message itself says which file it is about; else the circuit's name is put in front.
    pub(super) fn names_its_file(&self) -> bool {
        match self {
            Self::Read { .. } | Self::FileSize { .. } | Self::Utf8 { .. } | Self::Output(_) | Self::Json { .. } => true,
            Self::Qasm { .. } | Self::Angle { .. } | Self::Noise { .. } => true,
            Self::Device { place, .. } => matches!(place, Source::File(_)),
            Self::Data { .. } | Self::UnknownClass { .. } | Self::ClassCount { .. } => true,
            Self::Write { .. } | Self::OtherRun { .. } | Self::Resume { .. } => true,
            Self::Observable { place, .. } | Self::Coefficients { place, .. } => {
                !matches!(place.source, Source::Option(_))
            }
            _ => false,
        }
    }

    /// Whether the reader of standard output went away: no failure of ours.
    pub(super) fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// An error with what it comes from, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    let mut text = error.to_string();
    for cause in causes {
        // A transparent error says what its source says.
        let cause = cause.to_string();
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// `; try: a; b`, or nothing.
fn advised(advice: &[String]) -> String {
    if advice.is_empty() { String::new() } else { format!("; try: {}", advice.join("; ")) }
}

/// What to do about more classes than two.
fn chosen_by(classes: &[String]) -> &'static str {
    if classes.len() > 2 { "; choose them by --classes A,B" } else { "" }
}

/// `2 parameters ("a", "b")`.
fn declared(names: &[String]) -> String {
    match names {
        [] => "no parameters".to_owned(),
        [name] => format!("1 parameter ({name:?})"),
        names => format!("{} parameters ({})", names.len(), quoted(names)),
    }
}

/// The names, or the first of very many.
fn quoted(names: &[String]) -> String {
    const MOST: usize = 8;
    let mut text: Vec<String> = names.iter().take(MOST).map(|name| format!("{name:?}")).collect();
    if names.len() > MOST {
        text.push(format!("{} more", names.len() - MOST));
    }
    text.join(", ")
}
