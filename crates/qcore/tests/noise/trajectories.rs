//! Trajectories against the density matrix, and which gates have noise.

use qcore::{
    Angle, Binding, Channel, Circuit, Control, DensityMatrix, Error, Gate, NoiseModel, NoisyBinding, NoisyProgram,
    Operation, PauliSum, Program, Readout, ReadoutError, Selector, StateVector, Trajectories,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use crate::common::{c, distance};
use crate::{channels, hea, run};

#[test]
fn rules_select_gates_as_they_were_written() {
    let mut circuit = Circuit::new(4).unwrap();
    let angle = |value: f64| Angle::constant(value);
    circuit.gate(Gate::U, &[0], &[angle(0.1), angle(0.2), angle(0.3)]).unwrap();
    circuit.gate(Gate::Ccx, &[0, 1, 2], &[]).unwrap();
    circuit.gate(Gate::Cu, &[3, 1], &[angle(0.1), angle(0.2), angle(0.3), angle(0.4)]).unwrap();
    circuit.global_phase(angle(0.5)).unwrap();
    circuit.push(Operation::gate(Gate::X, &[2], &[]).unwrap().controlled(&[Control::off(0)]).unwrap()).unwrap();
    let events = |gates: Selector, channel: &Result<Channel, Error>| {
        let model = NoiseModel::new().after(gates, channel.clone().unwrap());
        Trajectories::compile(&circuit, &model).unwrap().num_events()
    };
    let (one, two) = (Channel::bit_flip(0.1), Channel::depolarizing_two(0.1));
    assert_eq!(events(Selector::every(), &one), 1 + 3 + 2 + 2);
    assert_eq!(events(Selector::every(), &two), 2);
    assert_eq!(events(Selector::every().named("u3").unwrap(), &one), 1);
    assert_eq!(events(Selector::every().named("x").unwrap(), &one), 2);
    assert_eq!(events(Selector::every().arity(3), &one), 3);
    assert_eq!(events(Selector::every().arity(3), &two), 0);
    assert_eq!(events(Selector::every().on(&[1, 3]).unwrap(), &two), 1);
    assert_eq!(events(Selector::every().on(&[2, 0]).unwrap().named("cu").unwrap(), &two), 0);
}

/// Mean over trajectories against the exact value: within 4.5 of its own standard errors, for every kind of channel.
#[test]
fn trajectories_agree_with_the_density_matrix() {
    let h: PauliSum = "0.8 * Z0 Z1 - 0.5 * X2 + 0.6 * Y1 Z2 + 0.4 * X0 X1".parse().unwrap();
    let readout = Readout::new(&[(0.05, 0.1), (0.02, 0.0), (0.1, 0.2)].map(|(a, b)| ReadoutError::new(a, b).unwrap()));
    let readout = readout.unwrap();
    let (mut circuit, values) = hea(3, 2);
    circuit
        .gate(Gate::Ccx, &[2, 0, 1], &[])
        .unwrap()
        .gate(Gate::Cu3, &[1, 2], &[1.0, 0.4, 0.2].map(Into::into))
        .unwrap();
    for (k, channel) in channels().into_iter().enumerate() {
        let name = channel.name();
        let mut model = NoiseModel::new().after(Selector::every(), channel);
        if k % 2 == 0 {
            model = model.with_readout(readout.clone());
        }
        let exact = run(&circuit, &model, &values).read_expectation(&h, model.readout()).unwrap();
        let trajectories = Trajectories::compile(&circuit, &model).unwrap();
        let mut binding = trajectories.binding();
        trajectories.bind(&values, &mut binding).unwrap();
        let mut state = StateVector::zero(3).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1000 + k as u64);
        let estimate = trajectories.expectation(&binding, &h, 4000, &mut state, &mut rng).unwrap();
        let sigmas = (estimate.mean - exact) / estimate.std_error;
        assert!(sigmas.abs() < 4.5, "{name}: {} instead of {exact}, {sigmas} standard errors", estimate.mean);
        // The error is not hidden by a scatter that is too large: H has values between -2.3 and 2.3.
        assert!(estimate.std_error > 1e-3 && estimate.std_error < 2.3 / 4000_f64.sqrt(), "{name}");
        assert!((state.norm_squared() - 1.0).abs() < 1e-12);
        // Same stream, same bytes.
        let mut rng = ChaCha8Rng::seed_from_u64(1000 + k as u64);
        assert_eq!(trajectories.expectation(&binding, &h, 4000, &mut state, &mut rng), Ok(estimate));
    }
}

#[test]
fn amplitude_damping_jumps_or_leans() {
    // From (|0> + |1>) / sqrt 2: a jump to |0> with probability p/2, else (|0> + sqrt(1-p) |1>) / sqrt(2-p).
    let p = 0.36;
    let mut circuit = Circuit::new(1).unwrap();
    circuit.h(0).unwrap();
    let model = NoiseModel::new().after(Selector::every(), Channel::amplitude_damping(p).unwrap());
    let trajectories = Trajectories::compile(&circuit, &model).unwrap();
    let binding = trajectories.binding();
    let mut state = StateVector::zero(1).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (runs, mut jumps) = (5000, 0.0);
    let norm = (2.0 - p).sqrt();
    let (jumped, leaned) = ([c(1.0, 0.0), c(0.0, 0.0)], [c(1.0 / norm, 0.0), c(0.8 / norm, 0.0)]);
    for _ in 0..runs {
        trajectories.run(&binding, &mut state, &mut rng).unwrap();
        if distance(&state.amplitudes(), &jumped) < 1e-14 {
            jumps += 1.0;
        } else {
            assert!(distance(&state.amplitudes(), &leaned) < 1e-14);
        }
    }
    let expected = p / 2.0;
    let error = (expected * (1.0 - expected) / f64::from(runs)).sqrt();
    assert!((jumps / f64::from(runs) - expected).abs() < 4.5 * error);
}

/// Strings with few and with many qubits that are misread with a bias, against the density matrix.
#[test]
fn long_strings_are_read_as_by_the_density_matrix() {
    let qubits = 7;
    let mut circuit = Circuit::new(qubits).unwrap();
    for q in 0..qubits {
        circuit.ry(q, 0.4 + 0.3 * q as f64).unwrap().rz(q, 0.9 - 0.2 * q as f64).unwrap();
    }
    for q in 1..qubits {
        circuit.cx(q - 1, q).unwrap();
    }
    circuit.rx(3, 0.8).unwrap();
    let error = |q: usize| ReadoutError::new(0.02 + 0.01 * q as f64, if q == 5 { 0.07 } else { 0.11 }).unwrap();
    let errors: Vec<ReadoutError> = (0..qubits).map(error).collect();
    let model = NoiseModel::new().with_readout(Readout::new(&errors).unwrap());
    let noisy = NoisyProgram::compile(&circuit, &model).unwrap();
    let mut bound = NoisyBinding::new(&noisy);
    noisy.bind(&[], &mut bound).unwrap();
    let mut rho = DensityMatrix::zero(qubits).unwrap();
    rho.run(&noisy, &bound).unwrap();
    let trajectories = Trajectories::compile(&circuit, &model).unwrap();
    let program = Program::compile(&circuit);
    let mut binding = Binding::new(&program);
    program.bind(&[], &mut binding).unwrap();
    let mut state = StateVector::zero(qubits).unwrap();
    state.run(&program, &binding).unwrap();
    for string in ["Z0 Z1 Z2 Z3 Z4 Z5 Z6", "X0 Y1 Z2 X3 Y4 Z5", "Y0 Z2 X4 Z6", "X5", "Z0 X1 Y2 Z3 X4 0.5"] {
        let text = if let Some(string) = string.strip_suffix(" 0.5") {
            format!("0.5 * {string} + 2 * Z1")
        } else {
            string.to_owned()
        };
        let observable: PauliSum = text.parse().unwrap();
        let expected = rho.read_expectation(&observable, model.readout()).unwrap();
        let got = trajectories.read_expectation(&observable, &state).unwrap();
        assert!((got - expected).abs() < 1e-14, "{text}: {got} and {expected}");
    }
}
