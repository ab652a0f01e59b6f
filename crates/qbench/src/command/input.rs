//! What a command reads: circuits, observables, parameters, noise.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use qcore::qasm::{self, Location};
use qcore::{Circuit, DensityMatrix, NoiseModel, Param, PauliSum};
use qgrad::{Backend, DensityMatrixBackend, StateVectorBackend, TrajectoryBackend};
use serde_json::Value;

use super::Terminal;
use super::error::{CommandError, Place, Source};

/// Largest file of parameters, noise or observables.
const MAX_BYTES: u64 = 16 << 20;

/// The circuit of a command.
#[derive(Args, Debug)]
pub(super) struct CircuitFlags {
    /// OpenQASM 2 or 3 file; `-` reads standard input
    #[arg(value_name = "CIRCUIT")]
    circuit: PathBuf,
}

/// Values of the circuit's `input` parameters.
#[derive(Args, Debug)]
pub(super) struct ParameterFlags {
    /// Values of all parameters, in the order of their declaration
    #[arg(long, value_name = "A,B,...", allow_hyphen_values = true, conflicts_with_all = ["params_file", "param"])]
    params: Option<String>,
    /// JSON file with these values: a list, or an object with the list as `parameters`
    #[arg(long, value_name = "FILE", conflicts_with = "param")]
    params_file: Option<PathBuf>,
    /// Value of one parameter by its name; can be given several times
    #[arg(long, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    param: Vec<String>,
}

/// The observable of a command.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct ObservableFlags {
    /// Observable, such as "-1.0 * Z0 Z1 + 0.5 * X2"
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    observable: Option<String>,
    /// File with the observable
    #[arg(long, value_name = "FILE")]
    observable_file: Option<PathBuf>,
}

/// The observable of a command that can do without.
#[derive(Args, Debug)]
pub(super) struct OptionalObservableFlags {
    /// Observable, such as "-1.0 * Z0 Z1 + 0.5 * X2"
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with = "observable_file")]
    observable: Option<String>,
    /// File with the observable
    #[arg(long, value_name = "FILE")]
    observable_file: Option<PathBuf>,
}

/// The noise of a command.
#[derive(Args, Debug)]
pub(super) struct NoiseFlags {
    /// JSON file with the noise: an object with the keys `noise` and `readout_error`
    #[arg(long, value_name = "FILE")]
    noise: Option<PathBuf>,
}

/// What to do where a density matrix would be too large for a value.
pub(super) const VALUE_REMEDY: &str = "take --trajectories N, means over N random runs with their standard error, or --shots N, \
                                       where each shot is a random run of its own";

/// The noise of a command that estimates values.
#[derive(Args, Debug)]
pub(super) struct NoisyValueFlags {
    #[command(flatten)]
    noise: NoiseFlags,
    /// With noise: means over so many random state vectors instead of a density matrix, for any number of qubits
    #[arg(long, value_name = "N", conflicts_with = "shots", requires = "noise",
        value_parser = clap::value_parser!(u64).range(2..=1 << 53))]
    pub(super) trajectories: Option<u64>,
}

impl NoisyValueFlags {
    /// The model, if one is asked for.
    pub(super) fn read(&self, qubits: usize, terminal: &mut Terminal<'_>) -> Result<Option<NoiseModel>, CommandError> {
        self.noise.read(qubits, terminal)
    }

    /// What runs the circuits: density matrices where they are possible and nothing else is asked for.
    pub(super) fn backend(
        &self,
        model: Option<&NoiseModel>,
        qubits: usize,
        shots: Option<u64>,
    ) -> Result<Box<dyn Backend>, CommandError> {
        Ok(match (model, self.trajectories) {
            (None, _) => Box::new(StateVectorBackend::new()),
            (Some(model), Some(trajectories)) => Box::new(TrajectoryBackend::new(model.clone(), trajectories)?),
            (Some(model), None) if qubits <= DensityMatrix::MAX_QUBITS => {
                Box::new(DensityMatrixBackend::new(model.clone()))
            }
            (Some(model), None) if shots.is_some() => Box::new(TrajectoryBackend::new(model.clone(), 2)?),
            (Some(_), None) => return Err(CommandError::NoiseWidth { qubits, remedy: VALUE_REMEDY }),
        })
    }
}

/// How often circuits are repeated.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct ShotFlags {
    /// Estimate from so many shots of each circuit [default: exact values]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 53))]
    pub(super) shots: Option<u64>,
    /// Seed of all random numbers
    #[arg(long, value_name = "U64", default_value_t = 0)]
    pub(super) seed: u64,
}

/// A circuit and where its gates stand in its file.
pub(super) struct CircuitFile {
    pub(super) circuit: Circuit,
    source: Source,
    locations: Vec<Location>,
}

impl CircuitFlags {
    pub(super) fn named(circuit: &Path) -> Self {
        Self { circuit: circuit.to_owned() }
    }

    pub(super) fn source(&self) -> Source {
        Source::of_path(&self.circuit)
    }

    pub(super) fn read(&self, terminal: &mut Terminal<'_>) -> Result<CircuitFile, CommandError> {
        let source = self.source();
        let text = read_text(&source, qasm::MAX_BYTES as u64, terminal)?;
        match qasm::parse_with_locations(&text) {
            Ok((circuit, locations)) => Ok(CircuitFile { circuit, source, locations }),
            Err(qasm::Error { location, fault, .. }) => {
                let at = Some((location.line as usize, location.column as usize));
                Err(CommandError::Qasm { place: Place { source, at }, fault })
            }
        }
    }
}

impl CircuitFile {
    pub(super) fn num_qubits(&self) -> usize {
        self.circuit.num_qubits()
    }

    /// Adds the place in the file to an error about an angle.
    pub(super) fn locate(&self, error: qcore::Error) -> CommandError {
        let qcore::Error::Angle { operation, value } = error else { return error.into() };
        let at = self.locations.get(operation).map(|l| (l.line as usize, l.column as usize));
        CommandError::Angle { place: Place { source: self.source.clone(), at }, value }
    }

    /// As [`CircuitFile::locate`].
    pub(super) fn locate_gradient(&self, error: qgrad::Error) -> CommandError {
        match error {
            qgrad::Error::Circuit(error) => self.locate(error),
            other => other.into(),
        }
    }
}

impl ParameterFlags {
    pub(super) fn is_given(&self) -> bool {
        self.params.is_some() || self.params_file.is_some() || !self.param.is_empty()
    }

    /// The values in the order of declaration, at which every angle of the circuit is finite, also those that nothing depends on.
    pub(super) fn values(&self, file: &CircuitFile, terminal: &mut Terminal<'_>) -> Result<Vec<f64>, CommandError> {
        let values = self.values_of(file.circuit.parameters(), terminal)?;
        file.circuit.check_angles(&values).map_err(|error| file.locate(error))?;
        Ok(values)
    }

    /// The values of parameters with these names, in their order.
    pub(super) fn values_of(&self, names: &[String], terminal: &mut Terminal<'_>) -> Result<Vec<f64>, CommandError> {
        let (values, option) = if let Some(text) = &self.params {
            (listed(text)?, Source::Option("--params"))
        } else if let Some(path) = &self.params_file {
            let source = Source::File(path.clone());
            (values_of_file(&source, terminal)?, source)
        } else {
            return named(&self.param, names);
        };
        if values.len() < names.len() {
            let missing = names[values.len()..].to_vec();
            return Err(CommandError::MissingParameters { names: names.to_vec(), missing });
        }
        if values.len() > names.len() {
            return Err(CommandError::SurplusParameters { names: names.to_vec(), got: values.len() });
        }
        match values.iter().zip(names).find(|(value, _)| !value.is_finite()) {
            Some((&value, name)) => Err(CommandError::NotFinite { option, what: format!("parameter {name:?}"), value }),
            None => Ok(values),
        }
    }
}

/// `1,2e-3,-4`; nothing at all is an empty list.
fn listed(text: &str) -> Result<Vec<f64>, CommandError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let entry = |(index, text): (usize, &str)| {
        number(text.trim(), Source::Option("--params"), || format!("value {}", index + 1))
    };
    text.split(',').enumerate().map(entry).collect()
}

fn number(text: &str, option: Source, what: impl FnOnce() -> String) -> Result<f64, CommandError> {
    text.parse().map_err(|_| CommandError::NotANumber { option, what: what(), text: text.to_owned() })
}

fn values_of_file(source: &Source, terminal: &mut Terminal<'_>) -> Result<Vec<f64>, CommandError> {
    let text = read_text(source, MAX_BYTES, terminal)?;
    let json: Value = serde_json::from_str(&text).map_err(|error| json_error(source, &error))?;
    let wrong = |reason: String| CommandError::Json { place: Place { source: source.clone(), at: None }, reason };
    let list = match &json {
        Value::Object(object) => object.get("parameters").unwrap_or(&Value::Null),
        other => other,
    };
    let list = list.as_array().ok_or_else(|| {
        wrong("expected a list of numbers, or an object with such a list as \"parameters\"".to_owned())
    })?;
    let entry = |(index, value): (usize, &Value)| {
        value.as_f64().ok_or_else(|| wrong(format!("value {} is {value}, which is not a number", index + 1)))
    };
    list.iter().enumerate().map(entry).collect()
}

/// From `NAME=VALUE`; each name of the circuit exactly once.
fn named(assignments: &[String], names: &[String]) -> Result<Vec<f64>, CommandError> {
    let values = assigned(assignments, names)?;
    let missing: Vec<String> =
        names.iter().zip(&values).filter(|(_, value)| value.is_none()).map(|(name, _)| name.clone()).collect();
    if missing.is_empty() {
        Ok(values.into_iter().flatten().collect())
    } else {
        Err(CommandError::MissingParameters { names: names.to_vec(), missing })
    }
}

/// The parameters that `NAME=VALUE` fixes, each at most once.
pub(super) fn fixed(assignments: &[String], circuit: &Circuit) -> Result<Vec<(Param, f64)>, CommandError> {
    let values = assigned(assignments, circuit.parameters())?;
    Ok(values.into_iter().enumerate().filter_map(|(index, value)| Some((Param::new(index), value?))).collect())
}

/// The value of each name, where there is one; finite, and each name at most once.
fn assigned(assignments: &[String], names: &[String]) -> Result<Vec<Option<f64>>, CommandError> {
    const OPTION: Source = Source::Option("--param");
    let mut values = vec![None; names.len()];
    for text in assignments {
        let (name, value) = text.split_once('=').ok_or_else(|| CommandError::Assignment { text: text.clone() })?;
        let (name, value) = (name.trim(), value.trim());
        let index = names.iter().position(|known| known == name).ok_or_else(|| {
            let (name, names) = (name.to_owned(), names.to_vec());
            CommandError::UnknownParameter { option: OPTION, name, names }
        })?;
        let what = || format!("parameter {name:?}");
        let value = number(value, OPTION, what)?;
        if !value.is_finite() {
            return Err(CommandError::NotFinite { option: OPTION, what: what(), value });
        }
        if values[index].replace(value).is_some() {
            return Err(CommandError::DuplicateParameter { option: OPTION, name: name.to_owned() });
        }
    }
    Ok(values)
}

impl ObservableFlags {
    /// An observable that fits on the register.
    pub(super) fn read(&self, qubits: usize, terminal: &mut Terminal<'_>) -> Result<PauliSum, CommandError> {
        let file = || Source::File(self.observable_file.clone().unwrap_or_default());
        let text = self.observable.as_ref().ok_or_else(file);
        observable(text.map(String::as_str), qubits, terminal)
    }
}

impl OptionalObservableFlags {
    pub(super) fn is_given(&self) -> bool {
        self.observable.is_some() || self.observable_file.is_some()
    }

    /// An observable that fits on the register, if one is given.
    pub(super) fn read(&self, qubits: usize, terminal: &mut Terminal<'_>) -> Result<Option<PauliSum>, CommandError> {
        match (&self.observable, &self.observable_file) {
            (None, None) => Ok(None),
            (Some(text), _) => observable(Ok(text), qubits, terminal).map(Some),
            (None, Some(path)) => observable(Err(Source::File(path.clone())), qubits, terminal).map(Some),
        }
    }
}

/// What the moduli of the coefficients of an observable may add up to: variances are sums of squares.
const LARGEST_COEFFICIENTS: f64 = 1e100;

/// An observable from a text of the command line, or from a file.
fn observable(
    text: Result<&str, Source>,
    qubits: usize,
    terminal: &mut Terminal<'_>,
) -> Result<PauliSum, CommandError> {
    let (source, text) = match text {
        Ok(text) => (Source::Option("--observable"), text.to_owned()),
        Err(source) => {
            let text = read_text(&source, MAX_BYTES, terminal)?;
            (source, text)
        }
    };
    let observable: PauliSum = text.parse().map_err(|error| match error {
        qcore::Error::Observable { column, reason } => {
            let place = Place { source: source.clone(), at: Some(line_and_column(&text, column)) };
            CommandError::Observable { place, fault: reason }
        }
        error => CommandError::Coefficients { place: Place { source: source.clone(), at: None }, source: error },
    })?;
    let width = observable.width();
    if width > qubits {
        return Err(CommandError::ObservableWidth { qubit: width - 1, qubits });
    }
    let sum: f64 = observable.terms().iter().map(|(coefficient, _)| coefficient.abs()).sum();
    if sum > LARGEST_COEFFICIENTS {
        return Err(CommandError::LargeCoefficients { place: Place { source, at: None }, sum });
    }
    Ok(observable)
}

/// The place of the character with this number, from 1, in a text of several lines.
fn line_and_column(text: &str, character: usize) -> (usize, usize) {
    let before = || text.chars().take(character.saturating_sub(1));
    let line = before().filter(|&c| c == '\n').count() + 1;
    let column = before().fold(1, |column, c| if c == '\n' { 1 } else { column + 1 });
    (line, column)
}

impl NoiseFlags {
    pub(super) fn is_given(&self) -> bool {
        self.noise.is_some()
    }

    /// The model, if one is asked for.
    pub(super) fn read(&self, qubits: usize, terminal: &mut Terminal<'_>) -> Result<Option<NoiseModel>, CommandError> {
        let Some(path) = &self.noise else { return Ok(None) };
        let source = Source::File(path.clone());
        let text = read_text(&source, MAX_BYTES, terminal)?;
        let json: Value = serde_json::from_str(&text).map_err(|error| json_error(&source, &error))?;
        let place = Place { source: source.clone(), at: None };
        // Other keys are ignored, so a misspelt one would be noise that is left out.
        if json.get("noise").is_none() && json.get("readout_error").is_none() {
            let reason = "expected an object with the key \"noise\" or \"readout_error\"".to_owned();
            return Err(CommandError::Json { place, reason });
        }
        let model: NoiseModel = serde_json::from_str(&text).map_err(|error| json_error(&source, &error))?;
        let got = model.readout().errors().len();
        if got != qubits && got != 0 {
            let error = qcore::Error::WidthMismatch { what: "readout error", got, expected: qubits };
            return Err(CommandError::Noise { place, source: error });
        }
        Ok(Some(model))
    }
}

/// The error with its place in front instead of behind.
fn json_error(source: &Source, error: &serde_json::Error) -> CommandError {
    let at = (error.line() > 0).then(|| (error.line(), error.column()));
    let text = error.to_string();
    let reason = match text.rfind(" at line ") {
        Some(end) if at.is_some() => text[..end].to_owned(),
        _ => text,
    };
    CommandError::Json { place: Place { source: source.clone(), at }, reason }
}

/// A text of at most `limit` bytes; of a larger file no more than that is read.
pub(super) fn read_text(source: &Source, limit: u64, terminal: &mut Terminal<'_>) -> Result<String, CommandError> {
    let failed = |error| CommandError::Read { path: source.clone(), source: error };
    let mut bytes = Vec::new();
    let mut bounded = |reader: &mut dyn Read| reader.take(limit + 1).read_to_end(&mut bytes);
    match source {
        Source::File(path) => bounded(&mut open(path).map_err(failed)?),
        _ => bounded(terminal.stdin),
    }
    .map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(CommandError::FileSize { path: source.clone(), limit });
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        let at = Some(line_and_column(&before, before.chars().count() + 1));
        CommandError::Utf8 { place: Place { source: source.clone(), at } }
    })
}

fn open(path: &Path) -> std::io::Result<File> {
    let file = File::open(path)?;
    // Reading a folder fails too, but not on every system with a message that says why.
    if file.metadata()?.is_dir() {
        return Err(std::io::Error::new(std::io::ErrorKind::IsADirectory, "is a folder"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_numbers() {
        assert_eq!(listed("-0.1, 2e-3,+4").expect("numbers"), [-0.1, 2e-3, 4.0]);
        assert_eq!(listed(" ").expect("empty"), [] as [f64; 0]);
        let refused = |text: &str| listed(text).expect_err("no list of numbers").to_string();
        assert_eq!(refused("1,,2"), r#"--params: value 2 is "", which is not a number"#);
        assert_eq!(refused("pi"), r#"--params: value 1 is "pi", which is not a number"#);
    }

    #[test]
    fn places_in_texts_of_several_lines() {
        assert_eq!(line_and_column("ab\ncd", 1), (1, 1));
        assert_eq!(line_and_column("ab\ncd", 5), (2, 2));
        assert_eq!(line_and_column("ab\n", 4), (2, 1));
    }
}
