//! `qbench grad` and `qbench metric`.

use std::fmt::{self, Display};

use clap::{Args, ValueEnum};
use nalgebra::DMatrix;
use qcore::{PauliString, PauliSum};
use qgrad::{Adjoint, Backend, Bill, Estimator, Expectation, ParameterShift, Shots, StateVectorBackend};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::error::CommandError;
use super::input::{CircuitFlags, NoiseFlags, ObservableFlags, ParameterFlags, ShotFlags};
use super::output::{Table, WithError, print};
use super::{Common, Terminal};

#[derive(Args, Debug)]
pub(super) struct GradFlags {
    #[command(flatten)]
    pub(super) circuit: CircuitFlags,
    #[command(flatten)]
    observable: ObservableFlags,
    #[command(flatten)]
    parameters: ParameterFlags,
    /// How to estimate
    #[arg(long, value_enum, default_value_t = Method::Adjoint)]
    method: Method,
    #[command(flatten)]
    noise: NoiseFlags,
    #[command(flatten)]
    shots: ShotFlags,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Exact, by one forward and one backward pass over the state; no device can do it
    Adjoint,
    /// By the shift rule of each gate; exact, or from shots with --shots
    ParameterShift,
    /// By the shift rule of each gate, from shots; needs --shots
    FiniteShot,
}

#[derive(Serialize)]
struct GradAnswer {
    gradient: Vec<f64>,
    std_errors: Vec<f64>,
    parameter_names: Vec<String>,
    bill: Bill,
    #[serde(skip_serializing_if = "Option::is_none")]
    shots: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
}

impl Display for GradAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&["parameter", "derivative"]);
        for ((name, &value), &std_error) in self.parameter_names.iter().zip(&self.gradient).zip(&self.std_errors) {
            let number = if std_error == 0.0 { value.to_string() } else { WithError { value, std_error }.to_string() };
            table.row([name.clone(), number]);
        }
        let Bill { jobs, circuits, shots, .. } = self.bill;
        write!(f, "{table}")?;
        writeln!(f, "on a device: {jobs} jobs, {circuits} circuits, {shots} shots")
    }
}

pub(super) fn grad(flags: &GradFlags, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let file = flags.circuit.read(terminal)?;
    let observable = flags.observable.read(file.num_qubits(), terminal)?;
    let parameters = flags.parameters.values(&file.circuit, terminal)?;
    let noise = flags.noise.read(file.num_qubits(), terminal)?;
    let (shots, seed) = (flags.shots.shots, flags.shots.seed);
    let shift = |shots: Option<u64>| ParameterShift { shots: shots.map_or(Shots::Exact, Shots::PerCircuit) };
    let estimator: Box<dyn Estimator> = match (flags.method, shots) {
        (Method::Adjoint, None) => Box::new(Adjoint),
        (Method::Adjoint, Some(_)) => {
            let reason = "adjoint gradients are exact; take --method finite-shot";
            return Err(CommandError::Refused { what: "--method adjoint with --shots", reason });
        }
        (Method::FiniteShot, None) => {
            return Err(CommandError::Refused { what: "--method finite-shot", reason: "say how many by --shots N" });
        }
        (Method::ParameterShift | Method::FiniteShot, shots) => Box::new(shift(shots)),
    };
    if noise.is_some() {
        return Err(CommandError::Refused { what: "grad --noise", reason: "gradients under noise are not there yet" });
    }
    let mut backend: Box<dyn Backend> = Box::new(StateVectorBackend::new());
    let expectation = Expectation::of_all_parameters(&file.circuit, vec![observable])?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let answer = estimator
        .gradient(&expectation, &parameters, &mut *backend, &mut rng)
        .map_err(|error| file.locate_gradient(error))?;
    let answer = GradAnswer {
        gradient: answer.gradient,
        std_errors: answer.std_errors,
        parameter_names: file.circuit.parameters().to_vec(),
        bill: answer.bill,
        shots,
        seed: shots.map(|_| seed),
    };
    print(&answer, flags.common.json, terminal)
}

#[derive(Args, Debug)]
pub(super) struct MetricFlags {
    #[command(flatten)]
    pub(super) circuit: CircuitFlags,
    #[command(flatten)]
    parameters: ParameterFlags,
    #[command(flatten)]
    noise: NoiseFlags,
    #[command(flatten)]
    common: Common,
}

/// A matrix as a list of its rows.
struct Rows(DMatrix<f64>);

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.nrows()))?;
        for row in self.0.row_iter() {
            list.serialize_element(&row.iter().collect::<Vec<_>>())?;
        }
        list.end()
    }
}

impl Rows {
    fn write(&self, f: &mut fmt::Formatter<'_>, names: &[String]) -> fmt::Result {
        let mut table = Table::new(&std::iter::once("").chain(names.iter().map(String::as_str)).collect::<Vec<_>>());
        for (name, row) in names.iter().zip(self.0.row_iter()) {
            table.row(std::iter::once(name.clone()).chain(row.iter().map(|entry| format!("{entry:.9}"))));
        }
        write!(f, "{table}")
    }
}

#[derive(Serialize)]
struct MetricAnswer {
    metric_tensor: Rows,
    parameter_names: Vec<String>,
}

impl Display for MetricAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.metric_tensor.write(f, &self.parameter_names)
    }
}

pub(super) fn metric(flags: &MetricFlags, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    if flags.noise.is_given() {
        let reason = "the Fubini-Study metric is that of pure states, and with noise there is none";
        return Err(CommandError::Refused { what: "metric --noise", reason });
    }
    let file = flags.circuit.read(terminal)?;
    let parameters = flags.parameters.values(&file.circuit, terminal)?;
    // The metric is that of the states: any observable will do.
    let identity = PauliSum::single(PauliString::IDENTITY);
    let expectation = Expectation::of_all_parameters(&file.circuit, vec![identity])?;
    let mut backend = StateVectorBackend::new();
    let metric = qgrad::Simulator::metric_tensor(&mut backend, &expectation, &parameters)
        .map_err(|error| file.locate_gradient(error))?;
    let answer = MetricAnswer { metric_tensor: Rows(metric), parameter_names: file.circuit.parameters().to_vec() };
    print(&answer, flags.common.json, terminal)
}
