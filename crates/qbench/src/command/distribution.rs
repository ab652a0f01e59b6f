//! `qbench amps` and `qbench probs`.

use std::fmt::{self, Display};

use clap::Args;
use qcore::{NoiseModel, Readout, StateVector, Trajectories, multinomial};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::error::CommandError;
use super::input::{CircuitFile, CircuitFlags, NoiseFlags, ParameterFlags, ShotFlags};
use super::output::{Bits, ByBits, Pairs, print};
use super::values::density;
use super::{Common, Terminal};

/// What is smaller than this is left out of the text for people; JSON has everything.
const SHOWN: f64 = 1e-12;

#[derive(Args, Debug)]
pub(super) struct Flags {
    #[command(flatten)]
    pub(super) circuit: CircuitFlags,
    #[command(flatten)]
    parameters: ParameterFlags,
    #[command(flatten)]
    noise: NoiseFlags,
    #[command(flatten)]
    shots: ShotFlags,
    #[command(flatten)]
    common: Common,
}

fn state(file: &CircuitFile, parameters: &[f64]) -> Result<StateVector, CommandError> {
    let mut state = StateVector::zero(file.num_qubits())?;
    state.apply_circuit(&file.circuit, parameters).map_err(|error| file.locate(error))?;
    Ok(state)
}

/// The amplitudes of a state.
struct Amplitudes(StateVector);

impl Serialize for Amplitudes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pair = |index| {
            let amplitude = self.0.amplitude(index);
            (amplitude.re, amplitude.im)
        };
        let mut answer = serializer.serialize_struct("Amplitudes", 1)?;
        answer.serialize_field("amplitudes", &Pairs { count: 1 << self.0.num_qubits(), pair })?;
        answer.end()
    }
}

impl Display for Amplitudes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.num_qubits();
        for index in 0..1 << width {
            let amplitude = self.0.amplitude(index);
            if amplitude.norm() > SHOWN {
                writeln!(f, "{}  {:+.12} {:+.12}i", Bits { index, width }, amplitude.re, amplitude.im)?;
            }
        }
        Ok(())
    }
}

pub(super) fn amps(flags: &Flags, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    if flags.noise.is_given() {
        let reason = "with noise the state is a density matrix and has no amplitudes; ask for probs or expval";
        return Err(CommandError::Refused { what: "amps --noise", reason });
    }
    if flags.shots.shots.is_some() {
        let reason = "shots do not show amplitudes; ask for probs";
        return Err(CommandError::Refused { what: "amps --shots", reason });
    }
    let file = flags.circuit.read(terminal)?;
    let parameters = flags.parameters.values(&file, terminal)?;
    print(&Amplitudes(state(&file, &parameters)?), flags.common.json, terminal)
}

/// A probability of each basis state, by its index.
struct Probabilities<F> {
    width: usize,
    probability: F,
}

impl<F: Fn(usize) -> f64> Serialize for Probabilities<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_struct("Probabilities", 1)?;
        answer.serialize_field("probabilities", &ByBits { width: self.width, number: &self.probability })?;
        answer.end()
    }
}

impl<F: Fn(usize) -> f64> Display for Probabilities<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for index in 0..1 << self.width {
            let p = (self.probability)(index);
            if p > SHOWN {
                writeln!(f, "{}  {p:.12}", Bits { index, width: self.width })?;
            }
        }
        Ok(())
    }
}

/// Counts of each basis state.
struct Frequencies {
    width: usize,
    counts: Vec<u64>,
    shots: u64,
    seed: u64,
}

impl Frequencies {
    fn frequency(&self, index: usize) -> f64 {
        self.counts[index] as f64 / self.shots as f64
    }

    /// By Laplace's rule, so that an outcome that is never or always seen has an error too: that of a proportion
    /// `(k + 1)/(N + 2)`.
    fn std_error(&self, index: usize) -> f64 {
        let shots = self.shots as f64;
        let p = (self.counts[index] as f64 + 1.0) / (shots + 2.0);
        (p * (1.0 - p) / shots).sqrt()
    }
}

impl Serialize for Frequencies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let width = self.width;
        let mut answer = serializer.serialize_struct("Frequencies", 4)?;
        answer.serialize_field("probabilities", &ByBits { width, number: |index| self.frequency(index) })?;
        answer.serialize_field("std_error", &ByBits { width, number: |index| self.std_error(index) })?;
        answer.serialize_field("shots", &self.shots)?;
        answer.serialize_field("seed", &self.seed)?;
        answer.end()
    }
}

impl Display for Frequencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.width;
        for (index, _) in self.counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
            let (p, error) = (self.frequency(index), self.std_error(index));
            writeln!(f, "{}  {p:.6} +- {error:.6}", Bits { index, width })?;
        }
        writeln!(f, "{} shots, seed {}", self.shots, self.seed)
    }
}

pub(super) fn probs(flags: &Flags, terminal: &mut Terminal<'_>) -> Result<(), CommandError> {
    const REMEDY: &str = "take --shots N, where each shot is a random run of its own";
    let file = flags.circuit.read(terminal)?;
    let parameters = flags.parameters.values(&file, terminal)?;
    let noise = flags.noise.read(file.num_qubits(), terminal)?;
    let (width, seed, json) = (file.num_qubits(), flags.shots.seed, flags.common.json);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let Some(shots) = flags.shots.shots else {
        return match noise {
            None => {
                let state = state(&file, &parameters)?;
                let probability = |index| state.amplitude(index).norm_sqr();
                print(&Probabilities { width, probability }, json, terminal)
            }
            Some(model) => {
                let rho = density(&file, &model, &parameters, REMEDY)?;
                let probabilities = rho.read_probabilities(model.readout())?;
                print(&Probabilities { width, probability: |index| probabilities[index] }, json, terminal)
            }
        };
    };
    let counts = match noise {
        None => {
            let state = state(&file, &parameters)?;
            counts_by_runs(width, |index| state.amplitude(index).norm_sqr(), shots, &mut rng)?
        }
        Some(model) if width <= qcore::DensityMatrix::MAX_QUBITS => {
            let rho = density(&file, &model, &parameters, REMEDY)?;
            multinomial(&rho.read_probabilities(model.readout())?, shots, &mut rng)?
        }
        Some(model) => trajectory_counts(&file, &model, &parameters, shots, &mut rng)?,
    };
    print(&Frequencies { width, counts, shots, seed }, json, terminal)
}

/// Memory for `2^width` counts, asked for where a refusal is an error.
fn zero_counts(width: usize) -> Result<Vec<u64>, CommandError> {
    let mut counts = Vec::new();
    let needed_bytes = 8 << width;
    counts.try_reserve_exact(1 << width).map_err(|_| qcore::Error::Memory {
        qubits: width,
        needed_bytes,
        available_bytes: 0,
    })?;
    counts.resize(1 << width, 0);
    Ok(counts)
}

/// An exact multinomial draw without a table of all probabilities: first how many shots fall into each run of outcomes, then
/// each run by itself.
fn counts_by_runs(
    width: usize,
    probability: impl Fn(usize) -> f64,
    shots: u64,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<u64>, CommandError> {
    const RUN: usize = 1 << 12;
    let mut counts = zero_counts(width)?;
    let length = RUN.min(counts.len());
    let run = |k: usize| (k * length..(k + 1) * length).map(&probability);
    let sums: Vec<f64> = (0..counts.len() / length).map(|k| run(k).sum()).collect();
    let shares = multinomial(&sums, shots, rng)?;
    for ((k, counts), share) in counts.chunks_exact_mut(length).enumerate().zip(shares) {
        if share > 0 {
            counts.copy_from_slice(&multinomial(&run(k).collect::<Vec<_>>(), share, rng)?);
        }
    }
    Ok(counts)
}

/// One trajectory for each shot: its outcome is drawn from its state, then misread.
fn trajectory_counts(
    file: &CircuitFile,
    model: &NoiseModel,
    parameters: &[f64],
    shots: u64,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<u64>, CommandError> {
    let compiled = Trajectories::compile(&file.circuit, model)?;
    let mut binding = compiled.binding();
    compiled.bind(parameters, &mut binding).map_err(|error| file.locate(error))?;
    let mut state = StateVector::zero(file.num_qubits())?;
    let mut counts = zero_counts(file.num_qubits())?;
    for _ in 0..shots {
        compiled.run(&binding, &mut state, rng)?;
        counts[misread(draw(&state, rng), model.readout(), rng)] += 1;
    }
    Ok(counts)
}

/// The outcome of measuring all qubits.
fn draw(state: &StateVector, rng: &mut impl Rng) -> usize {
    let mut left = rng.random::<f64>() * state.norm_squared();
    let mut last = 0;
    for index in 0..1 << state.num_qubits() {
        let p = state.amplitude(index).norm_sqr();
        if p > 0.0 {
            // What rounding leaves over belongs to the last outcome that is possible.
            last = index;
            left -= p;
            if left < 0.0 {
                break;
            }
        }
    }
    last
}

fn misread(outcome: usize, readout: &Readout, rng: &mut impl Rng) -> usize {
    readout.errors().iter().enumerate().fold(outcome, |read, (qubit, error)| {
        let p = if outcome >> qubit & 1 == 1 { error.p0_given_1() } else { error.p1_given_0() };
        if rng.random::<f64>() < p { read ^ 1 << qubit } else { read }
    })
}
