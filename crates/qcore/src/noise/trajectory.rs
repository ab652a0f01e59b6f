//! Trajectories: noise as random jumps of a state vector.

use num_complex::Complex64;
use rand::{Rng, RngExt};

use super::channel::{Channel, pauli_entries};
use super::{NoiseModel, Readout};
use crate::kernel::{self, Matrix};
use crate::{
    Angle, Binding, Circuit, Control, Error, Instruction, Operation, PauliString, PauliSum, Program, StateVector,
};

/// Strings with at most so many biased qubits are read as a sum over the subsets of these.
const FEW_BIASED: u32 = 4;

/// A probability below this is that of an operator which annihilates the state.
const ROUNDING: f64 = 1e-14;

/// A mean over trajectories.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrajectoryEstimate {
    /// The mean, an unbiased estimate of the expectation value.
    pub mean: f64,
    /// The standard error of the mean, from the scatter of the trajectories; not a number for a single one.
    pub std_error: f64,
    /// How many trajectories there were.
    pub trajectories: u64,
}

/// A circuit and a [`NoiseModel`] compiled for trajectories of a [`StateVector`].
///
/// At each channel one Kraus operator is applied, chosen with its probability in the present state (J. Dalibard, Y. Castin and
/// K. Molmer, Phys. Rev. Lett. 68, 580 (1992)); the mean of `|psi><psi|` over trajectories is the density matrix. The choice
/// among Pauli errors does not depend on the state and costs nothing where there is no error. Gates are applied one by one.
///
/// ```
/// use qcore::{Channel, Circuit, NoiseModel, Selector, StateVector, Trajectories};
/// use rand::{SeedableRng, rngs::ChaCha8Rng};
/// let mut circuit = Circuit::new(1)?;
/// circuit.x(0)?;
/// let model = NoiseModel::new().after(Selector::every(), Channel::amplitude_damping(0.25)?);
/// let trajectories = Trajectories::compile(&circuit, &model)?;
/// let mut binding = trajectories.binding();
/// trajectories.bind(&[], &mut binding)?;
/// let mut state = StateVector::zero(1)?;
/// let mut rng = ChaCha8Rng::seed_from_u64(7);
/// let z = trajectories.expectation(&binding, &"Z0".parse()?, 1000, &mut state, &mut rng)?;
/// assert!((z.mean + 0.5).abs() < 5.0 * z.std_error);
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trajectories {
    program: Program,
    /// For each operation: where its steps end, and where its events end.
    ends: Vec<(usize, usize)>,
    events: Vec<Event>,
    unravelings: Vec<Unraveling>,
    readout: Readout,
}

/// A channel on some qubits.
#[derive(Clone, Copy, Debug)]
struct Event {
    unraveling: usize,
    /// The second one is not used by a channel on one qubit.
    qubits: [usize; 2],
}

/// How the Kraus operator of a channel is chosen.
#[derive(Clone, Debug)]
enum Unraveling {
    /// Probabilities of Pauli strings by their digits, the identity first.
    Mixture(Vec<f64>),
    /// Operators, and of each the probability as `sum_P weight_P <P>` over the strings on its qubits.
    Kraus { qubits: usize, operators: Vec<Kraus> },
}

#[derive(Clone, Debug)]
struct Kraus {
    entries: Box<[Complex64]>,
    weights: Vec<f64>,
}

impl Unraveling {
    fn new(channel: &Channel) -> Self {
        if let Some(weights) = channel.mixture() {
            return Self::Mixture(weights.to_vec());
        }
        let dimension = 1 << channel.qubits();
        let operators = channel
            .kraus()
            .iter()
            .map(|entries| {
                // K*K in the Pauli basis: tr(K*K P) / 2^q.
                let weights = (0..dimension * dimension)
                    .map(|string| {
                        let pauli = pauli_entries(channel.qubits(), string);
                        let trace: Complex64 = (0..dimension * dimension * dimension)
                            .map(|at| {
                                let (m, j, k) =
                                    (at / dimension / dimension, at / dimension % dimension, at % dimension);
                                entries[m * dimension + j].conj()
                                    * entries[m * dimension + k]
                                    * pauli[k * dimension + j]
                            })
                            .sum();
                        trace.re / dimension as f64
                    })
                    .collect();
                Kraus { entries: entries.clone(), weights }
            })
            .collect();
        Self::Kraus { qubits: channel.qubits(), operators }
    }
}

impl Trajectories {
    /// Compiles a circuit with the noise of a model. Cost: linear in operations and channels.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if the model has readout errors for more qubits than the circuit.
    pub fn compile(circuit: &Circuit, model: &NoiseModel) -> Result<Self, Error> {
        model.check_width(circuit.num_qubits())?;
        let program = Program::compile(circuit);
        let (mut ends, mut events, mut steps) = (Vec::new(), Vec::new(), 0);
        for operation in circuit.operations() {
            steps += steps_of(operation, circuit.num_qubits())?;
            events.extend(
                model
                    .following(operation)
                    .map(|(rule, on)| Event { unraveling: rule, qubits: [on[0], on.get(1).copied().unwrap_or(0)] }),
            );
            ends.push((steps, events.len()));
        }
        debug_assert_eq!(steps, program.num_steps(), "an operation is lowered to the same steps wherever it stands");
        let unravelings = model.rules().iter().map(|(_, channel)| Unraveling::new(channel)).collect();
        Ok(Self { program, ends, events, unravelings, readout: model.readout().clone() })
    }

    /// Width of the register.
    #[must_use]
    pub fn num_qubits(&self) -> usize {
        self.program.num_qubits()
    }

    /// Channels that act in one trajectory.
    #[must_use]
    pub fn num_events(&self) -> usize {
        self.events.len()
    }

    /// The readout errors of the model that it was compiled with.
    #[must_use]
    pub fn readout(&self) -> &Readout {
        &self.readout
    }

    /// A binding for [`Trajectories::bind`].
    #[must_use]
    pub fn binding(&self) -> Binding {
        Binding::stepwise(&self.program)
    }

    /// Computes all angles for these parameter values.
    ///
    /// # Errors
    ///
    /// As [`Program::bind`].
    pub fn bind(&self, parameters: &[f64], binding: &mut Binding) -> Result<(), Error> {
        self.program.bind(parameters, binding)
    }

    /// Adds `shift` radians to the angle of one rotation of a binding; the rotations are those of
    /// [`Program::rotations`] of the same circuit.
    ///
    /// # Panics
    ///
    /// As [`Program::shift`].
    pub fn shift(&self, rotation: usize, shift: f64, binding: &mut Binding) {
        self.program.shift(rotation, shift, binding);
    }

    /// Number of rotations of [`Trajectories::shift`].
    #[must_use]
    pub fn num_rotations(&self) -> usize {
        self.program.rotations().len()
    }

    /// Runs one trajectory from `|0...0>`. The numbers drawn from `rng` depend on the state, so every trajectory that is to be
    /// repeated on its own needs a stream of its own.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if the state has another width, [`Error::AnotherProgram`] if the binding is another program's.
    pub fn run<R: Rng + ?Sized>(&self, binding: &Binding, state: &mut StateVector, rng: &mut R) -> Result<(), Error> {
        state.reset();
        let (mut step, mut event) = (0, 0);
        for &(steps, events) in &self.ends {
            state.apply_steps(&self.program, binding, step..steps)?;
            for event in &self.events[event..events] {
                self.unravelings[event.unraveling].apply(event.qubits, state, rng);
            }
            (step, event) = (steps, events);
        }
        Ok(())
    }

    /// The mean of an observable over trajectories, each with its exact expectation value, readout errors included. `state` is
    /// working memory. Same stream, same bytes.
    ///
    /// # Errors
    ///
    /// As [`Trajectories::run`]; [`Error::WidthMismatch`] if the observable reaches beyond the register, [`Error::Weight`] for
    /// no trajectory at all.
    pub fn expectation<R: Rng + ?Sized>(
        &self,
        binding: &Binding,
        observable: &PauliSum,
        trajectories: u64,
        state: &mut StateVector,
        rng: &mut R,
    ) -> Result<TrajectoryEstimate, Error> {
        if trajectories == 0 {
            return Err(Error::Weight { index: 0, value: 0.0 });
        }
        // Welford's update: no difference of large numbers.
        let (mut mean, mut scatter) = (0.0, 0.0);
        for count in 1..=trajectories {
            self.run(binding, state, rng)?;
            let value = self.read_expectation(observable, state)?;
            let distance = value - mean;
            mean += distance / count as f64;
            scatter += distance * (value - mean);
        }
        let n = trajectories as f64;
        Ok(TrajectoryEstimate { mean, std_error: (scatter / (n - 1.0) / n).sqrt(), trajectories })
    }

    /// The mean of an observable in a state, as it is read with the readout errors. Cost: up to 16 passes per string; for one with more than four
    /// qubits whose zeros and ones are not misread alike a pass per qubit of it, and a copy of the state.
    ///
    /// # Errors
    ///
    /// [`Error::WidthMismatch`] if the observable reaches beyond the register.
    pub fn read_expectation(&self, observable: &PauliSum, state: &StateVector) -> Result<f64, Error> {
        if self.readout.is_exact() {
            return state.expectation(observable);
        }
        if observable.width() > state.num_qubits() {
            let (got, expected) = (observable.width(), state.num_qubits());
            return Err(Error::WidthMismatch { what: "observable", got, expected });
        }
        Ok(observable
            .terms()
            .iter()
            .map(|&(weight, string)| {
                if self.readout.biased(string.support()).count_ones() > FEW_BIASED {
                    return weight * self.read_outcomes(string, state);
                }
                let mean = |kept: u64| mean(state, string.x_mask() & kept, string.z_mask() & kept);
                weight * self.readout.read_mean(string.support(), mean)
            })
            .sum())
    }

    /// The mean that is read for a string, from the probabilities of the outcomes in its basis.
    fn read_outcomes(&self, string: PauliString, state: &StateVector) -> f64 {
        let mut turned = state.clone();
        let (level, blocks) = turned.kernel_parts();
        let half = std::f64::consts::FRAC_1_SQRT_2;
        for qubit in (0..u64::BITS).filter(|qubit| string.x_mask() >> qubit & 1 == 1) {
            // RY(-pi/2) turns X into Z, RX(pi/2) turns Y into Z.
            let bit = 1_u64 << qubit;
            let (z, sin) = if string.z_mask() & bit == 0 { (bit, -half) } else { (0, half) };
            kernel::rotate(level, blocks, bit, z, 0, half, sin);
        }
        let mut outcomes = turned.probabilities();
        self.readout.confuse(&mut outcomes).expect("the model has been checked against the register");
        let sign = |outcome: usize| {
            if (outcome as u64 & string.support()).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 }
        };
        outcomes.iter().enumerate().map(|(outcome, probability)| sign(outcome) * probability).sum()
    }
}

/// The expectation value of a string within the register.
fn mean(state: &StateVector, x: u64, z: u64) -> f64 {
    state.pauli_expectation(PauliString::from_masks(x, z)).expect("the qubits have been checked against the register")
}

/// The string with these digits on the qubits of a channel.
fn string_on(qubits: [usize; 2], string: usize) -> (u64, u64) {
    let bit = |k: usize| (string >> k & 1) as u64;
    (bit(0) << qubits[0] | bit(2) << qubits[1], bit(1) << qubits[0] | bit(3) << qubits[1])
}

impl Unraveling {
    fn apply<R: Rng + ?Sized>(&self, qubits: [usize; 2], state: &mut StateVector, rng: &mut R) {
        let drawn: f64 = rng.random();
        match self {
            Self::Mixture(weights) => {
                let string = choose(drawn, weights.iter().copied());
                let (x, z) = string_on(qubits, string);
                if x | z != 0 {
                    // exp(-i pi P / 2) = -i P.
                    let (level, blocks) = state.kernel_parts();
                    kernel::rotate(level, blocks, x, z, 0, 0.0, 1.0);
                }
            }
            Self::Kraus { qubits: count, operators } => {
                let mut means = [0.0; 16];
                let strings = 1 << (2 * count);
                let wanted = |string: usize| operators.iter().any(|kraus| kraus.weights[string] != 0.0);
                for string in (0..strings).filter(|&string| wanted(string)) {
                    let (x, z) = string_on(qubits, string);
                    means[string] = mean(state, x, z);
                }
                let probability = |kraus: &Kraus| {
                    let sum: f64 = kraus.weights.iter().zip(means).map(|(w, mean)| w * mean).sum();
                    if sum > ROUNDING { sum } else { 0.0 }
                };
                let chosen = &operators[choose(drawn, operators.iter().map(probability))];
                let (level, blocks) = state.kernel_parts();
                kernel::apply_matrix(level, blocks, &Matrix::new(&qubits[..*count], 0, &chosen.entries));
                // The norm that was found, not the one that was expected: rounding does not add up.
                let norm_squared = kernel::norm_squared(level, blocks);
                kernel::scale(level, blocks, 1.0 / norm_squared.sqrt());
            }
        }
    }
}

/// The outcome that a uniform number picks; never one of probability 0.
fn choose(drawn: f64, probabilities: impl Iterator<Item = f64>) -> usize {
    let (mut chosen, mut left) = (0, drawn);
    for (outcome, probability) in probabilities.enumerate().filter(|&(_, p)| p > 0.0) {
        // What rounding leaves over belongs to the last one.
        chosen = outcome;
        left -= probability;
        if left < 0.0 {
            break;
        }
    }
    chosen
}

/// How many steps of a program an operation is; that does not depend on its angles.
fn steps_of(operation: &Operation, qubits: usize) -> Result<usize, Error> {
    let angles = vec![Angle::constant(0.0); operation.angles().len()];
    let plain = match operation.instruction() {
        Instruction::Gate(gate) => Operation::gate(*gate, operation.operands(), &angles),
        Instruction::Unitary(matrix) => Operation::unitary(operation.operands(), matrix),
        Instruction::PauliRotation(string) => Operation::pauli_rotation(*string, Angle::constant(0.0)),
    }?;
    let controls: Vec<Control> = operation.controls().collect();
    let mut circuit = Circuit::new(qubits)?;
    circuit.push(plain.controlled(&controls)?)?;
    Ok(Program::compile(&circuit).num_steps())
}
