//! `qbench expval` and `qbench variance`.

use std::fmt::{self, Display};

use clap::Args;
use qcore::{DensityMatrix, NoiseModel, NoisyBinding, NoisyProgram, PauliString, PauliSum, StateVector};
use qgrad::{Backend, Estimate, Estimator, Expectation, ParameterShift, Shots};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde::Serialize;

use super::error::CommandError;
use super::input::{
    CircuitFile, CircuitFlags, NoisyValueFlags, ObservableFlags, ParameterFlags, ShotFlags, VALUE_REMEDY,
};
use super::output::{WithError, print};
use super::{Common, Terminal};

/// Most terms of an observable whose square is expanded.
const MAX_SQUARED_TERMS: usize = 2000;

#[derive(Args, Debug)]
pub(super) struct Flags {
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

/// How a value was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Origin {
    Exact {},
    Shots { std_error: f64, shots: u64, circuits: u64, seed: u64 },
    Trajectories { std_error: f64, trajectories: u64, circuits: u64, seed: u64 },
}

impl Origin {
    fn write(&self, f: &mut fmt::Formatter<'_>, name: &str, value: f64) -> fmt::Result {
        match *self {
            Self::Exact {} => writeln!(f, "{name}  {value}"),
            Self::Shots { std_error, shots, circuits, seed } => {
                let plural = if circuits == 1 { "circuit" } else { "circuits" };
                let estimate = WithError { value, std_error };
                writeln!(f, "{name}  {estimate}  ({circuits} {plural} of {shots} shots, seed {seed})")
            }
            Self::Trajectories { std_error, trajectories, seed, .. } => {
                let estimate = WithError { value, std_error };
                writeln!(f, "{name}  {estimate}  ({trajectories} trajectories, seed {seed})")
            }
        }
    }
}

#[derive(Serialize)]
struct ExpectationAnswer {
    expectation: f64,
    #[serde(flatten)]
    origin: Origin,
}

impl Display for ExpectationAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.origin.write(f, "expectation", self.expectation)
    }
}

#[derive(Serialize)]
struct VarianceAnswer {
    variance: f64,
    #[serde(flatten)]
    origin: Origin,
}

impl Display for VarianceAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.origin.write(f, "variance", self.variance)
    }
}

/// What runs circuits, and how often.
type Sampling = (Box<dyn Backend>, Shots);

/// Everything that the flags name, read and checked.
struct Inputs {
    file: CircuitFile,
    parameters: Vec<f64>,
    observable: PauliSum,
    noise: Option<NoiseModel>,
}

impl Flags {
    fn inputs(&self, terminal: &mut Terminal<'_>) -> Result<Inputs, CommandError> {
        let file = self.circuit.read(terminal)?;
        let observable = self.observable.read(file.num_qubits(), terminal)?;
        let parameters = self.parameters.values(&file, terminal)?;
        let noise = self.noise.read(file.num_qubits(), terminal)?;
        Ok(Inputs { file, parameters, observable, noise })
    }

    /// What estimates, unless values are exact.
    fn random(&self, inputs: &Inputs) -> Result<Option<Sampling>, CommandError> {
        let shots = match (self.shots.shots, self.noise.trajectories) {
            (None, None) => return Ok(None),
            (Some(shots), _) => Shots::PerCircuit(shots),
            (None, Some(_)) => Shots::Exact,
        };
        let backend = self.noise.backend(inputs.noise.as_ref(), inputs.file.num_qubits(), self.shots.shots)?;
        Ok(Some((backend, shots)))
    }

    fn origin(&self, std_error: f64, circuits: u64) -> Origin {
        let seed = self.shots.seed;
        match (self.shots.shots, self.noise.trajectories) {
            (Some(shots), _) => Origin::Shots { std_error, shots, circuits, seed },
            (None, Some(trajectories)) => Origin::Trajectories { std_error, trajectories, circuits, seed },
            (None, None) => Origin::Exact {},
        }
    }
}

pub(super) fn expval(flags: &Flags, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let inputs = flags.inputs(terminal)?;
    let (expectation, origin) = match flags.random(&inputs)? {
        None => (inputs.exact(&inputs.observable)?, Origin::Exact {}),
        Some((mut backend, shots)) => {
            let mut rng = ChaCha8Rng::seed_from_u64(flags.shots.seed);
            let (estimate, circuits) = inputs.estimate(&inputs.observable, shots, &mut *backend, &mut rng)?;
            (estimate.value, flags.origin(estimate.std_error, circuits))
        }
    };
    print(&ExpectationAnswer { expectation, origin }, flags.common.json, terminal)
}

/// From shots: the mean of `(H - h)^2` with `h` measured beforehand in shots of its own. That mean is too large by the squared
/// error of `h`, whose expectation is subtracted; `Var(e^2) = 2 s^4` for an error `e` of standard deviation `s`.
pub(super) fn variance(flags: &Flags, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    let inputs = flags.inputs(terminal)?;
    let (variance, origin) = match flags.random(&inputs)? {
        None => (inputs.exact_variance()?, Origin::Exact {}),
        Some((mut backend, shots)) => {
            let mut rng = ChaCha8Rng::seed_from_u64(flags.shots.seed);
            let (mean, first) = inputs.estimate(&inputs.observable, shots, &mut *backend, &mut rng)?;
            let deviation = squared_deviation(&inputs.observable, mean.value)?;
            let (square, second) = inputs.estimate(&deviation, shots, &mut *backend, &mut rng)?;
            let of_mean = mean.std_error * mean.std_error;
            let std_error = (square.std_error * square.std_error + 2.0 * of_mean * of_mean).sqrt();
            (square.value - of_mean, flags.origin(std_error, first + second))
        }
    };
    print(&VarianceAnswer { variance, origin }, flags.common.json, terminal)
}

/// `(H - h)^2`.
fn squared_deviation(observable: &PauliSum, mean: f64) -> Result<PauliSum, CommandError> {
    let terms = observable.terms().len();
    if terms > MAX_SQUARED_TERMS {
        return Err(CommandError::SquareSize { terms, max: MAX_SQUARED_TERMS });
    }
    let shift = (-mean, PauliString::IDENTITY);
    Ok(PauliSum::new(observable.terms().iter().copied().chain([shift]))?.squared()?)
}

impl Inputs {
    fn state(&self) -> Result<StateVector, CommandError> {
        let mut state = StateVector::zero(self.file.num_qubits())?;
        state.apply_circuit(&self.file.circuit, &self.parameters).map_err(|error| self.file.locate(error))?;
        Ok(state)
    }

    fn exact(&self, observable: &PauliSum) -> Result<f64, CommandError> {
        Ok(match &self.noise {
            None => self.state()?.expectation(observable)?,
            Some(model) => density(&self.file, model, &self.parameters, VALUE_REMEDY)?
                .read_expectation(observable, model.readout())?,
        })
    }

    fn exact_variance(&self) -> Result<f64, CommandError> {
        if self.noise.is_some() {
            let mean = self.exact(&self.observable)?;
            return self.exact(&squared_deviation(&self.observable, mean)?);
        }
        // |(H - h) psi|^2 is never negative and loses nothing to cancellation.
        let state = self.state()?;
        let mean = state.expectation(&self.observable)?;
        let mut image = StateVector::zero(state.num_qubits())?;
        state.apply_observable(&self.observable, &mut image)?;
        state.add_observable(-mean, &PauliSum::single(PauliString::IDENTITY), &mut image)?;
        Ok(image.norm_squared())
    }

    /// An estimate on the backend of the flags, and the number of measurement groups.
    fn estimate(
        &self,
        observable: &PauliSum,
        shots: Shots,
        backend: &mut dyn Backend,
        rng: &mut ChaCha8Rng,
    ) -> Result<(Estimate, u64), CommandError> {
        let expectation = Expectation::new(&self.file.circuit, vec![observable.clone()], &[])?;
        let values = ParameterShift { shots }
            .values(&expectation, &self.parameters, backend, rng)
            .map_err(|error| self.file.locate_gradient(error))?;
        Ok((values.estimates[0], values.bill.circuits))
    }
}

/// The state of a circuit with noise.
pub(super) fn density(
    file: &CircuitFile,
    model: &NoiseModel,
    parameters: &[f64],
    remedy: &'static str,
) -> Result<DensityMatrix, CommandError> {
    let qubits = file.num_qubits();
    if qubits > DensityMatrix::MAX_QUBITS {
        return Err(CommandError::NoiseWidth { qubits, remedy });
    }
    let program = NoisyProgram::compile(&file.circuit, model)?;
    let mut binding = NoisyBinding::new(&program);
    program.bind(parameters, &mut binding).map_err(|error| file.locate(error))?;
    let mut rho = DensityMatrix::zero(qubits)?;
    rho.run(&program, &binding)?;
    Ok(rho)
}
