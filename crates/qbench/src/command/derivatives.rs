//! `qbench grad`, `qbench hessian` and `qbench metric`.

use std::fmt::{self, Display};

use clap::{Args, ValueEnum};
use nalgebra::DMatrix;
use qcore::{PauliString, PauliSum};
use qgrad::{Adjoint, Bill, Estimator, Expectation, ParameterShift, Shots, Spsa, StateVectorBackend};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::error::CommandError;
use super::input::{CircuitFlags, NoiseFlags, NoisyValueFlags, ObservableFlags, ParameterFlags, ShotFlags};
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
    /// How to estimate [default: adjoint for exact values, else parameter-shift]
    #[arg(long, value_enum)]
    method: Option<Method>,
    /// Random directions of spsa that are averaged
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    directions: u32,
    /// Displacement of every parameter by spsa, in radians
    #[arg(long, value_name = "RAD", default_value_t = 0.1)]
    step: f64,
    #[command(flatten)]
    noise: NoisyValueFlags,
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
    /// By differences along random directions, exact values or from shots; biased by the step
    Spsa,
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
        write!(f, "{table}")?;
        write_bill(f, &self.bill)
    }
}

fn write_bill(f: &mut fmt::Formatter<'_>, bill: &Bill) -> fmt::Result {
    let Bill { jobs, circuits, shots, .. } = bill;
    writeln!(f, "on a device: jobs {jobs}, circuits {circuits}, shots {shots}")
}

pub(super) fn grad(flags: &GradFlags, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let file = flags.circuit.read(terminal)?;
    let observable = flags.observable.read(file.num_qubits(), terminal)?;
    let parameters = flags.parameters.values(&file.circuit, terminal)?;
    let noise = flags.noise.read(file.num_qubits(), terminal)?;
    let (shots, seed) = (flags.shots.shots, flags.shots.seed);
    let how = shots.map_or(Shots::Exact, Shots::PerCircuit);
    let exact = shots.is_none() && flags.noise.trajectories.is_none();
    let method = flags.method.unwrap_or(if exact { Method::Adjoint } else { Method::ParameterShift });
    let estimator: Box<dyn Estimator> = match method {
        Method::Adjoint if exact => Box::new(Adjoint),
        Method::Adjoint => {
            let reason = "adjoint gradients are exact; take --method parameter-shift";
            return Err(CommandError::Refused { what: "--method adjoint with --shots or --trajectories", reason });
        }
        Method::FiniteShot if shots.is_none() => {
            return Err(CommandError::Refused { what: "--method finite-shot", reason: "say how many by --shots N" });
        }
        Method::ParameterShift | Method::FiniteShot => Box::new(ParameterShift { shots: how }),
        Method::Spsa => Box::new(Spsa { directions: flags.directions as usize, step: flags.step, shots: how }),
    };
    let mut backend = flags.noise.backend(noise.as_ref(), file.num_qubits(), shots)?;
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
        seed: (!exact || method == Method::Spsa).then_some(seed),
    };
    print(&answer, flags.common.json, terminal)
}

#[derive(Args, Debug)]
pub(super) struct HessianFlags {
    #[command(flatten)]
    pub(super) circuit: CircuitFlags,
    #[command(flatten)]
    observable: ObservableFlags,
    #[command(flatten)]
    parameters: ParameterFlags,
    #[command(flatten)]
    noise: NoisyValueFlags,
    #[command(flatten)]
    shots: ShotFlags,
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct HessianAnswer {
    hessian: Rows,
    std_errors: Rows,
    parameter_names: Vec<String>,
    bill: Bill,
    #[serde(skip_serializing_if = "Option::is_none")]
    shots: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
}

impl Display for HessianAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hessian.write(f, &self.parameter_names)?;
        if self.std_errors.0.iter().any(|&error| error > 0.0) {
            writeln!(f, "standard errors:")?;
            self.std_errors.write(f, &self.parameter_names)?;
        }
        write_bill(f, &self.bill)
    }
}

/// Exact values by differentiation of the adjoint pass, everything else by shifting twice.
pub(super) fn hessian(flags: &HessianFlags, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let file = flags.circuit.read(terminal)?;
    let observable = flags.observable.read(file.num_qubits(), terminal)?;
    let parameters = flags.parameters.values(&file.circuit, terminal)?;
    let noise = flags.noise.read(file.num_qubits(), terminal)?;
    let (shots, seed) = (flags.shots.shots, flags.shots.seed);
    let mut backend = flags.noise.backend(noise.as_ref(), file.num_qubits(), shots)?;
    let expectation = Expectation::of_all_parameters(&file.circuit, vec![observable])?;
    let hessian = if noise.is_none() && shots.is_none() {
        Adjoint.hessian(&expectation, &parameters, &[1.0], &mut *backend)
    } else {
        let shift = ParameterShift { shots: shots.map_or(Shots::Exact, Shots::PerCircuit) };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        shift.hessian(&expectation, &parameters, &[1.0], &mut *backend, &mut rng)
    };
    let hessian = hessian.map_err(|error| file.locate_gradient(error))?;
    let answer = HessianAnswer {
        hessian: Rows(hessian.matrix),
        std_errors: Rows(hessian.std_errors),
        parameter_names: file.circuit.parameters().to_vec(),
        bill: hessian.bill,
        shots,
        seed: shots.or(flags.noise.trajectories).map(|_| seed),
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
