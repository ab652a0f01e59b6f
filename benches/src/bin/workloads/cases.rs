//! What is timed, and the answer by which it is recognized. Building and compiling a circuit is not timed, except in `w5`.

use std::error::Error;

use benches::{hardware_efficient, ising, plateau_circuit, theta};
use qcore::{
    Binding, Channel, Circuit, DensityMatrix, Level, NoiseModel, NoisyBinding, NoisyProgram, Param, PauliSum, Program,
    Selector, StateVector, multinomial_into,
};
use qgrad::{Adjoint, Cotangents, Estimator, Expectation, ParameterShift, Shots, StateVectorBackend};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::measure::{Times, measure};

pub(crate) type Measured = Result<(Times, Value), Box<dyn Error>>;

/// Circuits of `w5`.
const CIRCUITS: usize = 100;

/// `w1`, `w1s` and the circuits that nothing was tuned for: the exact energy of an Ising chain, or the evolution alone.
pub(crate) fn energy(circuit: &Circuit, level: Level, limit: f64, state_only: bool) -> Measured {
    let program = Program::compile(circuit);
    let mut binding = Binding::new(&program);
    let parameters = theta(program.num_parameters());
    let observable = ising(program.num_qubits())?;
    let mut state = StateVector::zero(program.num_qubits())?.with_level(level);
    let (times, result) = measure(limit, || {
        program.bind(&parameters, &mut binding)?;
        state.run(&program, &binding)?;
        if state_only { Ok(0.0) } else { state.expectation(&observable) }
    })?;
    Ok((times, if state_only { Value::Null } else { json!({ "energy": result }) }))
}

/// `w2`, `chain-gradient` and `ring-gradient`: all derivatives of the energy of an Ising chain.
pub(crate) fn gradient(circuit: &Circuit, level: Level, limit: f64) -> Measured {
    let expectation = Expectation::of_all_parameters(circuit, vec![ising(circuit.num_qubits())?])?;
    let row = theta(circuit.parameters().len());
    let (mut backend, mut rng) = (StateVectorBackend::with_level(level), ChaCha8Rng::seed_from_u64(1));
    let (times, answer) = measure(limit, || Adjoint.gradient(&expectation, &row, &mut backend, &mut rng))?;
    Ok((times, json!({ "norm": norm(&answer.gradient), "first3": &answer.gradient[..3] })))
}

/// `w3`: all derivatives of the energy after some layers (four) from 1000 shots per circuit, two circuits per measurement group and derivative.
pub(crate) fn shot_gradient(qubits: usize, layers: usize, level: Level, limit: f64) -> Measured {
    let expectation = Expectation::of_all_parameters(&hardware_efficient(qubits, layers)?, vec![ising(qubits)?])?;
    let row = theta(2 * layers * qubits);
    let (mut backend, mut rng) = (StateVectorBackend::with_level(level), ChaCha8Rng::seed_from_u64(1));
    let exact = Adjoint.gradient(&expectation, &row, &mut backend, &mut rng)?.gradient;
    let shift = ParameterShift { shots: Shots::PerCircuit(1000) };
    let (times, answer) = measure(limit, || shift.gradient(&expectation, &row, &mut backend, &mut rng))?;
    let errors: Vec<f64> = answer.gradient.iter().zip(&exact).map(|(g, e)| g - e).collect();
    let rms = norm(&errors) / (errors.len() as f64).sqrt();
    Ok((times, json!({ "norm": norm(&answer.gradient), "exact_norm": norm(&exact), "rms_error": rms })))
}

/// The circuit of `w4`: an input per qubit by RX, then four layers of weights.
pub(crate) fn classifier(qubits: usize) -> Result<(Circuit, Vec<Param>), qcore::Error> {
    let mut circuit = Circuit::new(qubits)?;
    let inputs = circuit.parameters_named("x", qubits)?;
    for (q, input) in inputs.into_iter().enumerate() {
        circuit.rx(q, input)?;
    }
    let weights: Vec<Param> = circuit.parameters_named("w", 8 * qubits)?;
    for layer in weights.chunks_exact(2 * qubits) {
        for (q, angles) in layer.chunks_exact(2).enumerate() {
            circuit.ry(q, angles[0])?.rz(q, angles[1])?;
        }
        for q in 1..qubits {
            circuit.cz(q - 1, q)?;
        }
    }
    Ok((circuit, weights))
}

/// `w4`: loss and gradient of a classifier, samples (128) encoded by RX before four layers, the output being the mean of all Z.
pub(crate) fn batch_gradient(qubits: usize, samples: usize, level: Level, limit: f64) -> Measured {
    let (circuit, weights) = classifier(qubits)?;
    let terms: Vec<String> = (0..qubits).map(|q| format!("{:?} * Z{q}", 1.0 / qubits as f64)).collect();
    let expectation = Expectation::new(&circuit, vec![terms.join(" + ").parse()?], &weights)?;
    let values = theta(weights.len());
    let mut rows = Vec::new();
    for sample in 0..samples {
        rows.extend((0..qubits).map(|q| (0.05 + 0.11 * (sample * qubits + q) as f64) % std::f64::consts::PI));
        rows.extend_from_slice(&values);
    }
    let label = |sample: usize| if sample.is_multiple_of(2) { 1.0 } else { -1.0 };
    let (mut backend, mut rng) = (StateVectorBackend::with_level(level), ChaCha8Rng::seed_from_u64(1));
    let (times, answer) = measure(limit, || {
        let mut weigh = |sample: usize, values: &[qgrad::Estimate], cotangents: &mut [qgrad::Estimate]| {
            cotangents[0] = qgrad::Estimate::exact(2.0 * (values[0].value - label(sample)) / samples as f64);
        };
        Adjoint.vjp(&expectation, &rows, Cotangents::OfValues(&mut weigh), &mut backend, &mut rng)
    })?;
    let squares = answer.values.iter().enumerate().map(|(sample, f)| (f.value - label(sample)).powi(2));
    let loss = squares.sum::<f64>() / samples as f64;
    Ok((times, json!({ "loss": loss, "norm": norm(&answer.gradient), "first3": &answer.gradient[..3] })))
}

/// `w5`: one derivative of a correlation for each of 100 deep random circuits, building and compiling them included.
pub(crate) fn plateau_scan(qubits: usize, level: Level, limit: f64) -> Measured {
    let correlation: PauliSum = "Z0 Z1".parse()?;
    let own = || (StateVectorBackend::with_level(level), ChaCha8Rng::seed_from_u64(1));
    let (times, derivatives) = measure(limit, || {
        // The circuits have nothing to do with each other: as many at a time as there are threads.
        let circuits = (0..CIRCUITS).into_par_iter().with_max_len(CIRCUITS / 20);
        circuits
            .map_init(own, |(backend, rng), index| {
                let (circuit, parameter, value) = plateau_circuit(qubits, index)?;
                let expectation = Expectation::new(&circuit, vec![correlation.clone()], &[parameter])?;
                Ok(Adjoint.gradient(&expectation, &[value], backend, rng)?.gradient[0])
            })
            .collect::<Result<Vec<f64>, qgrad::Error>>()
    })?;
    let mean = derivatives.iter().sum::<f64>() / CIRCUITS as f64;
    let variance = derivatives.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / CIRCUITS as f64;
    Ok((times, json!({ "variance": variance, "first3": &derivatives[..3] })))
}

/// `w6`: a million shots from the state after ten layers; the state is at hand.
pub(crate) fn shots(qubits: usize, level: Level, limit: f64) -> Measured {
    let program = Program::compile(&hardware_efficient(qubits, 10)?);
    let mut binding = Binding::new(&program);
    program.bind(&theta(program.num_parameters()), &mut binding)?;
    let mut state = StateVector::zero(qubits)?.with_level(level);
    state.run(&program, &binding)?;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut probabilities = Vec::new();
    let mut counts = vec![0; 1 << qubits];
    let (times, ()) = measure(limit, || {
        state.probabilities_into(&mut probabilities);
        multinomial_into(&probabilities, 1_000_000, &mut rng, &mut counts)
    })?;
    let bonds = qubits as u32 - 1;
    let energy_of = |k: usize| f64::from(2 * ((k ^ k >> 1) & ((1 << bonds) - 1)).count_ones()) - f64::from(bonds);
    let total: u64 = counts.iter().sum();
    let sum: f64 = counts.iter().enumerate().map(|(k, &count)| energy_of(k) * count as f64).sum();
    Ok((times, json!({ "shots": total, "zz_energy": sum / total as f64 })))
}

/// `w7`: the energy after four layers with a depolarizing channel behind every gate, from the density matrix.
pub(crate) fn noisy_energy(qubits: usize, level: Level, limit: f64) -> Measured {
    let model = NoiseModel::new()
        .after(Selector::every().arity(1), Channel::depolarizing(0.01)?)
        .after(Selector::every().arity(2), Channel::depolarizing_two(0.02)?);
    let program = NoisyProgram::compile(&hardware_efficient(qubits, 4)?, &model)?;
    let mut binding = NoisyBinding::new(&program);
    let (parameters, observable) = (theta(8 * qubits), ising(qubits)?);
    let mut density = DensityMatrix::zero(qubits)?.with_level(level);
    let (times, result) = measure(limit, || {
        program.bind(&parameters, &mut binding)?;
        density.run(&program, &binding)?;
        density.expectation(&observable)
    })?;
    Ok((times, json!({ "energy": result })))
}

pub(crate) fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}
