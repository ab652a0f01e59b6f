//! `qbench grad`, `qbench hessian` and `qbench metric`.

use std::fmt::{self, Display};

use clap::{Args, ValueEnum};
use nalgebra::DMatrix;
use qcore::{Circuit, Param};
use qgrad::{
    Adjoint, Bill, Blocks, Estimator, Expectation, Metric, MetricMethod, ParameterShift, Shots, Spsa,
    StateVectorBackend,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::error::{CommandError, Source};
use super::input::{CircuitFlags, NoiseFlags, NoisyValueFlags, ObservableFlags, ParameterFlags, ShotFlags};
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

/// A matrix, its errors if there are any, and what it costs.
fn write_matrix(
    f: &mut fmt::Formatter<'_>,
    matrix: &Rows,
    std_errors: &Rows,
    names: &[String],
    bill: &Bill,
) -> fmt::Result {
    matrix.write(f, names)?;
    if std_errors.0.iter().any(|&error| error > 0.0) {
        writeln!(f, "standard errors:")?;
        std_errors.write(f, names)?;
    }
    write_bill(f, bill)
}

pub(super) fn grad(flags: &GradFlags, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let file = flags.circuit.read(terminal)?;
    let observable = flags.observable.read(file.num_qubits(), terminal)?;
    let wrt = flags.wrt.parameters(&file.circuit)?;
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
        write_matrix(f, &self.hessian, &self.std_errors, &self.parameter_names, &self.bill)
    }
}

/// Exact values by differentiation of the adjoint pass, everything else by shifting twice.
pub(super) fn hessian(flags: &HessianFlags, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let file = flags.circuit.read(terminal)?;
    let observable = flags.observable.read(file.num_qubits(), terminal)?;
    let wrt = flags.wrt.parameters(&file.circuit)?;
    let parameters = flags.parameters.values(&file.circuit, terminal)?;
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
    let answer = HessianAnswer {
        hessian: Rows(hessian.matrix),
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
    /// How entries are measured from shots [default: overlaps for full, else covariances]
    #[arg(long, value_enum, requires = "shots")]
    method: Option<MetricMethodFlag>,
    #[command(flatten)]
    noise: NoiseFlags,
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
    std_errors: Rows,
    parameter_names: Vec<String>,
    bill: Bill,
    #[serde(skip_serializing_if = "Option::is_none")]
    shots: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
}

impl Display for MetricAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_matrix(f, &self.metric_tensor, &self.std_errors, &self.parameter_names, &self.bill)
    }
}

pub(super) fn metric(flags: &MetricFlags, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    if flags.noise.is_given() {
        let reason = "the Fubini-Study metric is that of pure states, and with noise there is none";
        return Err(CommandError::Refused { what: "metric --noise", reason });
    }
    let file = flags.circuit.read(terminal)?;
    let wrt = flags.wrt.parameters(&file.circuit)?;
    let parameters = flags.parameters.values(&file.circuit, terminal)?;
    let (blocks, method) = match flags.blocks {
        BlocksFlag::Full => (Blocks::Full, MetricMethod::Overlaps),
        BlocksFlag::Layers => (Blocks::Layers, MetricMethod::Covariances),
        BlocksFlag::Diagonal => (Blocks::Diagonal, MetricMethod::Covariances),
    };
    let method = match flags.method {
        None => method,
        Some(MetricMethodFlag::Covariances) => MetricMethod::Covariances,
        Some(MetricMethodFlag::Overlaps) => MetricMethod::Overlaps,
    };
    let metric = Metric::new(&file.circuit, &wrt)?;
    let mut backend = StateVectorBackend::new();
    let ShotFlags { shots, seed } = flags.shots;
    let found = match shots {
        None => metric.exact(&blocks, &parameters, &mut backend),
        Some(shots) => {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            metric.measure(&blocks, method, Shots::PerCircuit(shots), &parameters, &mut backend, &mut rng)
        }
    };
    let found = found.map_err(|error| file.locate_gradient(error))?;
    let answer = MetricAnswer {
        metric_tensor: Rows(found.matrix),
        std_errors: Rows(found.std_errors),
        parameter_names: names_of(&file.circuit, &wrt),
        bill: found.bill,
        shots,
        seed: shots.map(|_| seed),
    };
    print(&answer, flags.common.json, terminal)
}
