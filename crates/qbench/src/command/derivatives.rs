//! `qbench grad`, `qbench hessian` and `qbench metric`.

use std::fmt::{self, Display};

use clap::{Args, ValueEnum};
use nalgebra::DMatrix;
use qcore::{Circuit, Param};
use qgrad::{Adjoint, Bill, Blocks, Estimator, Expectation, Metric, MetricMethod, ParameterShift, Shots, Spsa};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::error::{CommandError, Source};
use super::input::{CircuitFlags, NoisyValueFlags, ObservableFlags, ParameterFlags, ShotFlags};
use super::output::{Table, WithError, print};
use super::{Common, Terminal};

/// The parameters of a derivative.
#[derive(Args, Debug)]
pub(super) struct WrtFlags {
    /// Names of the parameters to differentiate, in this order; the others are bound, never shifted, never billed [default: all]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    wrt: Option<Vec<String>>,
}

impl WrtFlags {
    pub(super) fn is_given(&self) -> bool {
        self.wrt.is_some()
    }

    /// The parameters of the circuit with these names, each at most once.
    pub(super) fn parameters(&self, circuit: &Circuit) -> Result<Vec<Param>, CommandError> {
        const OPTION: Source = Source::Option("--wrt");
        let names = circuit.parameters();
        let Some(asked) = &self.wrt else { return Ok((0..names.len()).map(Param::new).collect()) };
        let mut found: Vec<Param> = Vec::with_capacity(asked.len());
        for name in asked.iter().map(|name| name.trim()) {
            let index = names.iter().position(|known| known == name).ok_or_else(|| CommandError::UnknownParameter {
                option: OPTION,
                name: name.to_owned(),
                names: names.to_vec(),
            })?;
            if found.iter().any(|param| param.index() == index) {
                return Err(CommandError::DuplicateParameter { option: OPTION, name: name.to_owned() });
            }
            found.push(Param::new(index));
        }
        Ok(found)
    }
}

/// The names of some parameters of a circuit.
fn names_of(circuit: &Circuit, wrt: &[Param]) -> Vec<String> {
    wrt.iter().map(|param| circuit.parameters()[param.index()].clone()).collect()
}

#[derive(Args, Debug)]
pub(super) struct GradFlags {
    #[command(flatten)]
    pub(super) circuit: CircuitFlags,
    #[command(flatten)]
    observable: ObservableFlags,
    #[command(flatten)]
    parameters: ParameterFlags,
    #[command(flatten)]
    wrt: WrtFlags,
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
    let wrt = flags.wrt.parameters(&file.circuit)?;
    let parameters = flags.parameters.values(&file, terminal)?;
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
    let expectation = Expectation::new(&file.circuit, vec![observable], &wrt)?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let answer = estimator
        .gradient(&expectation, &parameters, &mut *backend, &mut rng)
        .map_err(|error| file.locate_gradient(error))?;
    let answer = GradAnswer {
        gradient: answer.gradient,
        std_errors: answer.std_errors,
        parameter_names: names_of(&file.circuit, &wrt),
        bill: answer.bill,
        shots,
        seed: (!exact || method == Method::Spsa).then_some(seed),
    };
    print(&answer, flags.common.json, terminal)
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

/// The matrix of an answer, under its name.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Matrix {
    Hessian(Rows),
    MetricTensor(Rows),
}

#[derive(Serialize)]
struct MatrixAnswer {
    #[serde(flatten)]
    matrix: Matrix,
    std_errors: Rows,
    parameter_names: Vec<String>,
    bill: Bill,
    #[serde(skip_serializing_if = "Option::is_none")]
    shots: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
}

impl Display for MatrixAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Matrix::Hessian(matrix) | Matrix::MetricTensor(matrix)) = &self.matrix;
        matrix.write(f, &self.parameter_names)?;
        if self.std_errors.0.iter().any(|&error| error > 0.0) {
            writeln!(f, "standard errors:")?;
            self.std_errors.write(f, &self.parameter_names)?;
        }
        write_bill(f, &self.bill)
    }
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
    wrt: WrtFlags,
    #[command(flatten)]
    noise: NoisyValueFlags,
    #[command(flatten)]
    shots: ShotFlags,
    #[command(flatten)]
    common: Common,
}

/// Exact values by differentiation of the adjoint pass, everything else by shifting twice.
pub(super) fn hessian(flags: &HessianFlags, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let file = flags.circuit.read(terminal)?;
    let observable = flags.observable.read(file.num_qubits(), terminal)?;
    let wrt = flags.wrt.parameters(&file.circuit)?;
    let parameters = flags.parameters.values(&file, terminal)?;
    let noise = flags.noise.read(file.num_qubits(), terminal)?;
    let (shots, seed) = (flags.shots.shots, flags.shots.seed);
    let mut backend = flags.noise.backend(noise.as_ref(), file.num_qubits(), shots)?;
    let expectation = Expectation::new(&file.circuit, vec![observable], &wrt)?;
    let hessian = if noise.is_none() && shots.is_none() {
        Adjoint.hessian(&expectation, &parameters, &[1.0], &mut *backend)
    } else {
        let shift = ParameterShift { shots: shots.map_or(Shots::Exact, Shots::PerCircuit) };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        shift.hessian(&expectation, &parameters, &[1.0], &mut *backend, &mut rng)
    };
    let hessian = hessian.map_err(|error| file.locate_gradient(error))?;
    let answer = MatrixAnswer {
        matrix: Matrix::Hessian(Rows(hessian.matrix)),
        std_errors: Rows(hessian.std_errors),
        parameter_names: names_of(&file.circuit, &wrt),
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
    wrt: WrtFlags,
    /// Which entries are wanted; all others are 0
    #[arg(long, value_enum, default_value_t = BlocksFlag::Full)]
    blocks: BlocksFlag,
    /// How entries are measured from shots or with noise [default: overlaps for full, else covariances]
    #[arg(long, value_enum)]
    method: Option<MetricMethodFlag>,
    #[command(flatten)]
    noise: NoisyValueFlags,
    #[command(flatten)]
    shots: ShotFlags,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BlocksFlag {
    /// All entries
    Full,
    /// Blocks of parameters whose rotations can be applied at one place of the circuit
    Layers,
    /// The diagonal
    Diagonal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MetricMethodFlag {
    /// One circuit for each layer, for entries within layers
    Covariances,
    /// The circuit at shifted angles and then back, for every entry
    Overlaps,
}

/// The exact metric of a noiseless circuit; from shots or with noise, what measuring it gives.
pub(super) fn metric(flags: &MetricFlags, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let file = flags.circuit.read(terminal)?;
    let wrt = flags.wrt.parameters(&file.circuit)?;
    let parameters = flags.parameters.values(&file, terminal)?;
    let noise = flags.noise.read(file.num_qubits(), terminal)?;
    let ShotFlags { shots, seed } = flags.shots;
    let measured = noise.is_some() || shots.is_some();
    let (blocks, method) = match flags.blocks {
        BlocksFlag::Full => (Blocks::Full, MetricMethod::Overlaps),
        BlocksFlag::Layers => (Blocks::Layers, MetricMethod::Covariances),
        BlocksFlag::Diagonal => (Blocks::Diagonal, MetricMethod::Covariances),
    };
    let method = match flags.method {
        None => method,
        Some(_) if !measured => {
            let reason = "the exact metric is not measured; add --shots or --noise";
            return Err(CommandError::Refused { what: "--method", reason });
        }
        Some(MetricMethodFlag::Covariances) => MetricMethod::Covariances,
        Some(MetricMethodFlag::Overlaps) => MetricMethod::Overlaps,
    };
    let metric = Metric::new(&file.circuit, &wrt)?;
    let mut backend = flags.noise.backend(noise.as_ref(), file.num_qubits(), shots)?;
    let found = if measured {
        let shots = shots.map_or(Shots::Exact, Shots::PerCircuit);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        metric.measure(&blocks, method, shots, &parameters, &mut *backend, &mut rng)
    } else {
        metric.exact(&blocks, &parameters, &mut *backend)
    };
    let found = found.map_err(|error| file.locate_gradient(error))?;
    let answer = MatrixAnswer {
        matrix: Matrix::MetricTensor(Rows(found.matrix)),
        std_errors: Rows(found.std_errors),
        parameter_names: names_of(&file.circuit, &wrt),
        bill: found.bill,
        shots,
        seed: shots.or(flags.noise.trajectories).map(|_| seed),
    };
    print(&answer, flags.common.json, terminal)
}
