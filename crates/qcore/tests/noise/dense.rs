//! Channels, circuits and readout errors against dense matrices.

use num_complex::Complex64;
use qcore::{
    Angle, Channel, Circuit, Control, DensityMatrix, Error, Gate, Level, NoiseModel, NoisyBinding, NoisyProgram,
    Operation, PauliString, PauliSum, Readout, ReadoutError, Selector, StateVector,
};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::common::{Matrix, c, distance, embed, gate_matrix, operation_matrix, placements, random_unitary};
use crate::{channels, hea, random_density, row_major, run};

fn dense_channel(channel: &Channel, on: &[usize], qubits: usize, rho: &Matrix) -> Matrix {
    let dimension = 1 << channel.qubits();
    let zero = Matrix::zeros(rho.nrows(), rho.ncols());
    channel.kraus().iter().fold(zero, |sum, k| {
        let k = embed(&Matrix::from_row_slice(dimension, dimension, k), on, qubits);
        sum + &k * rho * k.adjoint()
    })
}

/// The circuit by dense matrices, with the channels that `follow` each operation.
fn dense_run(
    circuit: &Circuit,
    parameters: &[f64],
    follow: impl Fn(&Operation) -> Vec<(Channel, Vec<usize>)>,
) -> Matrix {
    let n = circuit.num_qubits();
    let mut rho = Matrix::zeros(1 << n, 1 << n);
    rho[(0, 0)] = c(1.0, 0.0);
    for operation in circuit.operations() {
        let angles: Vec<f64> = operation.angles().iter().map(|angle| angle.value(parameters)).collect();
        let u = operation_matrix(operation, &angles, n);
        rho = &u * rho * u.adjoint();
        for (channel, on) in follow(operation) {
            rho = dense_channel(&channel, &on, n, &rho);
        }
    }
    rho
}

#[test]
fn channels_are_their_kraus_sums_everywhere() {
    for level in Level::available() {
        for (k, channel) in channels().iter().enumerate() {
            for qubits in channel.qubits()..=4 {
                for on in placements(channel.qubits(), qubits) {
                    let rho = random_density(qubits, 100 * k as u64 + qubits as u64);
                    let mut state = DensityMatrix::from_matrix(qubits, &row_major(&rho)).unwrap().with_level(level);
                    assert!(distance(&state.matrix(), &row_major(&rho)) < 1e-15, "the matrix comes back");
                    state.apply_channel(channel, &on).unwrap();
                    let expected = dense_channel(channel, &on, qubits, &rho);
                    let off = distance(&state.matrix(), &row_major(&expected));
                    assert!(off < 1e-14, "{level}: {} on {on:?} of {qubits}: {off}", channel.name());
                    assert!((state.trace() - 1.0).abs() < 1e-14);
                    let purity = (&expected * &expected).trace().re;
                    assert!((state.purity() - purity).abs() < 1e-14);
                }
            }
        }
    }
}

/// The Choi matrix is the channel on half of a maximally entangled state: its eigenvalues are not negative if the channel is
/// completely positive, and it traces out to the identity if it preserves the trace.
#[test]
fn channels_are_completely_positive_and_preserve_the_trace() {
    for channel in channels() {
        let q = channel.qubits();
        let mut bell = StateVector::zero(2 * q).unwrap();
        for k in 0..q {
            bell.apply_gate(Gate::H, &[k], &[]).unwrap();
            bell.apply_gate(Gate::Cx, &[k, q + k], &[]).unwrap();
        }
        let mut choi = DensityMatrix::from_state(&bell).unwrap();
        choi.apply_channel(&channel, &(0..q).collect::<Vec<_>>()).unwrap();
        let size = 1 << (2 * q);
        let matrix = Matrix::from_row_slice(size, size, &choi.matrix());
        let least = matrix.clone().symmetric_eigenvalues().min();
        assert!(least > -1e-14, "{}: eigenvalue {least}", channel.name());
        let dimension = 1 << q;
        for row in 0..dimension {
            for column in 0..dimension {
                let sum: Complex64 =
                    (0..dimension).map(|k| matrix[(row * dimension + k, column * dimension + k)]).sum();
                let expected = if row == column { 1.0 / dimension as f64 } else { 0.0 };
                assert!((sum - expected).norm() < 1e-14, "{}", channel.name());
            }
        }
    }
}

#[test]
fn special_channels_do_what_their_names_say() {
    let mut one = StateVector::zero(1).unwrap();
    one.apply_gate(Gate::U, &[0], &[1.1, 0.4, 0.0]).unwrap();
    let before = DensityMatrix::from_state(&one).unwrap().matrix();
    let after = |channel: Result<Channel, Error>| {
        let mut rho = DensityMatrix::from_state(&one).unwrap();
        rho.apply_channel(&channel.unwrap(), &[0]).unwrap();
        rho.matrix()
    };
    // Populations relax with T1, coherences with T2.
    let (t1, t2, t) = (3.0, 5.0, 0.7_f64);
    let relaxed = after(Channel::thermal_relaxation(t1, t2, t));
    assert!((relaxed[3] - before[3] * (-t / t1).exp()).norm() < 1e-15);
    assert!((relaxed[1] - before[1] * (-t / t2).exp()).norm() < 1e-15);
    let coherent = after(Channel::thermal_relaxation(f64::INFINITY, f64::INFINITY, t));
    assert!(distance(&coherent, &before) < 1e-15);
    let limit = after(Channel::thermal_relaxation(t1, 2.0 * t1, t));
    assert!(distance(&limit, &after(Channel::amplitude_damping(1.0 - (-t / t1).exp()))) < 1e-15);
    // A depolarizing error of 3/4 leaves nothing.
    let mixed = after(Channel::depolarizing(0.75));
    assert!(distance(&mixed, &[c(0.5, 0.0), c(0.0, 0.0), c(0.0, 0.0), c(0.5, 0.0)]) < 1e-15);
    assert!(distance(&after(Channel::pauli(0.1, 0.1, 0.1)), &after(Channel::depolarizing(0.3))) < 1e-15);
    assert!(distance(&after(Channel::amplitude_damping(0.0)), &before) < 1e-15);
    // (1 - 16p/15) rho + (16p/15) I/4 (x) tr.
    let p = 0.3;
    let rho = random_density(3, 9);
    let mut state = DensityMatrix::from_matrix(3, &row_major(&rho)).unwrap();
    state.apply_channel(&Channel::depolarizing_two(p).unwrap(), &[2, 0]).unwrap();
    let expected = Matrix::from_fn(8, 8, |row, column| {
        let kept: Complex64 = if row & 0b101 == column & 0b101 {
            [0b000, 0b001, 0b100, 0b101].iter().map(|k| rho[(row & 0b010 | k, column & 0b010 | k)]).sum()
        } else {
            c(0.0, 0.0)
        };
        rho[(row, column)] * (1.0 - 16.0 * p / 15.0) + kept * (16.0 * p / 15.0 / 4.0)
    });
    assert!(distance(&state.matrix(), &row_major(&expected)) < 1e-15);
}

/// Every gate of the table, with and without an added control, in the middle of a circuit with noise.
#[test]
fn noisy_circuits_of_every_gate_are_dense_circuits() {
    let mut rng = ChaCha8Rng::seed_from_u64(41);
    // Pauli errors, more of them on the first operand: diagonal in the Pauli basis, and not symmetric.
    let one = Matrix::identity(2, 2);
    let (x, z) = (gate_matrix(Gate::X, &[]), gate_matrix(Gate::Z, &[]));
    let errors = [(0.7, one.kronecker(&one)), (0.2, one.kronecker(&x)), (0.1, x.kronecker(&z))];
    let kraus = errors.map(|(p, string): (f64, Matrix)| row_major(&(string * c(p.sqrt(), 0.0))));
    let (pair, each) = (Channel::from_kraus(2, &kraus).unwrap(), Channel::amplitude_damping(0.1).unwrap());
    let model = NoiseModel::new().after(Selector::every(), pair.clone()).after(Selector::every(), each.clone());
    let follow = |operation: &Operation| {
        let qubits = operation.qubits();
        let both = (qubits.len() == 2).then(|| (pair.clone(), qubits.to_vec()));
        both.into_iter().chain(qubits.iter().map(|&q| (each.clone(), vec![q]))).collect::<Vec<_>>()
    };
    for spec in Gate::all() {
        for control in [None, Some(true), Some(false)] {
            let n = (spec.qubits() + usize::from(control.is_some())).max(2);
            let mut order: Vec<usize> = (0..n).collect();
            for k in (1..n).rev() {
                order.swap(k, rng.random_range(0..=k));
            }
            let mut circuit = Circuit::new(n).unwrap();
            let t = circuit.parameters_named("t", spec.angles + n).unwrap();
            for (q, &angle) in t[..n].iter().enumerate() {
                circuit.gate(Gate::R, &[q], &[angle.into(), Angle::constant(0.3 + q as f64)]).unwrap();
            }
            let angles: Vec<Angle> = (0..spec.angles).map(|k| 1.5 * t[n + k] + 0.1).collect();
            let mut operation = Operation::gate(spec.gate, &order[..spec.qubits()], &angles).unwrap();
            if let Some(value) = control {
                operation = operation.controlled(&[Control { qubit: order[spec.qubits()], value }]).unwrap();
            }
            circuit.push(operation).unwrap();
            circuit.cx(order[0], order[1]).unwrap();
            let values: Vec<f64> = (0..spec.angles + n).map(|_| rng.random_range(-3.0..3.0)).collect();
            let expected = row_major(&dense_run(&circuit, &values, follow));
            let off = distance(&run(&circuit, &model, &values).matrix(), &expected);
            assert!(off < 1e-13, "{} with control {control:?} on {order:?}: {off}", spec.name);
        }
    }
}

#[test]
fn matrices_and_pauli_rotations_are_dense_too() {
    let mut rng = ChaCha8Rng::seed_from_u64(43);
    for round in 0..12 {
        let n = 3 + round % 3;
        let mut circuit = Circuit::new(n).unwrap();
        let t = circuit.parameters_named("t", 4).unwrap();
        for (k, &t) in t.iter().enumerate() {
            let seed = 10 * round as u64 + k as u64;
            let places = placements(3, n);
            let at = &places[rng.random_range(0..places.len())];
            circuit.unitary(&at[..1], &random_unitary(2, seed)).unwrap();
            circuit.unitary(&at[..2], &random_unitary(4, seed)).unwrap();
            // A matrix with controls is diagonalized.
            let dimension = 2 << (k % 2);
            let unitary = Operation::unitary(&at[..1 + k % 2], &random_unitary(dimension, seed)).unwrap();
            let controls: Vec<Control> = (0..n)
                .filter(|q| !at[..1 + k % 2].contains(q))
                .map(|qubit| Control { qubit, value: rng.random() })
                .collect();
            circuit.push(unitary.controlled(&controls).unwrap()).unwrap();
            let (x, z) = (rng.random_range(0..1 << n), rng.random_range(0..1 << n));
            circuit.pauli_rotation(PauliString::from_masks(x, z), t).unwrap();
            let outside: Vec<usize> = (0..n).filter(|q| (x | z) >> q & 1 == 0).collect();
            let rotation = Operation::pauli_rotation(PauliString::from_masks(x, z), 2.0 * t).unwrap();
            let controls: Vec<Control> = outside.iter().map(|&q| Control::off(q)).collect();
            circuit.push(rotation.controlled(&controls).unwrap()).unwrap();
        }
        let channel = Channel::phase_damping(0.05).unwrap();
        let model = NoiseModel::new().after(Selector::every().named("unitary").unwrap(), channel.clone());
        let follow = |operation: &Operation| match operation.instruction() {
            qcore::Instruction::Unitary(_) => operation.qubits().iter().map(|&q| (channel.clone(), vec![q])).collect(),
            _ => Vec::new(),
        };
        let values: Vec<f64> = (0..4).map(|_| rng.random_range(-3.0..3.0)).collect();
        let expected = row_major(&dense_run(&circuit, &values, follow));
        for level in Level::available() {
            let program = NoisyProgram::compile(&circuit, &model).unwrap();
            let mut binding = NoisyBinding::new(&program);
            program.bind(&values, &mut binding).unwrap();
            let mut rho = DensityMatrix::zero(n).unwrap().with_level(level);
            rho.run(&program, &binding).unwrap();
            let off = distance(&rho.matrix(), &expected);
            assert!(off < 1e-13, "{level}, round {round}: {off}");
        }
    }
}

#[test]
fn without_noise_it_is_the_state_vector() {
    for n in 1..=7 {
        let (circuit, values) = hea(n, 2);
        let mut state = StateVector::zero(n).unwrap();
        state.apply_circuit(&circuit, &values).unwrap();
        let rho = run(&circuit, &NoiseModel::new(), &values);
        let expected = DensityMatrix::from_state(&state).unwrap();
        assert!(distance(&rho.matrix(), &expected.matrix()) < 1e-14);
        assert!((rho.purity() - 1.0).abs() < 1e-13);
        let (p, q) = (rho.probabilities(), state.probabilities());
        assert!(p.iter().zip(&q).all(|(p, q)| (p - q).abs() < 1e-14));
        let h = PauliSum::transverse_field_ising(n, 1.0, 0.8).unwrap();
        assert!((rho.expectation(&h).unwrap() - state.expectation(&h).unwrap()).abs() < 1e-13);
    }
}

#[test]
fn readout_errors_are_confusion_matrices() {
    let errors = [(0.02, 0.1), (0.0, 0.0), (0.3, 0.25)].map(|(up, down)| ReadoutError::new(up, down).unwrap());
    let readout = Readout::new(&errors).unwrap();
    let rho = random_density(3, 77);
    let state = DensityMatrix::from_matrix(3, &row_major(&rho)).unwrap();
    let read = state.read_probabilities(&readout).unwrap();
    for (bits, got) in read.iter().enumerate() {
        let expected: f64 = (0..8)
            .map(|truth: usize| {
                let chance: f64 = (0..3)
                    .map(|q| {
                        let error = errors[q];
                        match (truth >> q & 1, bits >> q & 1) {
                            (0, 0) => 1.0 - error.p1_given_0(),
                            (0, _) => error.p1_given_0(),
                            (_, 0) => error.p0_given_1(),
                            _ => 1.0 - error.p0_given_1(),
                        }
                    })
                    .product();
                chance * rho[(truth, truth)].re
            })
            .sum();
        assert!((got - expected).abs() < 1e-15, "{bits:03b}");
    }
    // Strings of Z are parities of what is read; those with other letters are parities after a change of basis.
    let zs: PauliSum = "0.7 * Z0 Z1 Z2 - 0.2 * Z2 + 1.1 * Z1 + 0.3 * I".parse().unwrap();
    let parity = |bits: usize, mask: usize| if (bits & mask).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
    let expected: f64 =
        (0..8).map(|b| read[b] * (0.7 * parity(b, 7) - 0.2 * parity(b, 4) + 1.1 * parity(b, 2) + 0.3)).sum();
    assert!((state.read_expectation(&zs, &readout).unwrap() - expected).abs() < 1e-15);
    let mut turned = Circuit::new(3).unwrap();
    turned.h(0).unwrap().gate(Gate::Sdg, &[2], &[]).unwrap().h(2).unwrap();
    let program = NoisyProgram::compile(&turned, &NoiseModel::new()).unwrap();
    let mut basis = state.clone();
    basis.apply(&program, &NoisyBinding::new(&program)).unwrap();
    let read = basis.read_probabilities(&readout).unwrap();
    let expected: f64 = (0..8).map(|b| read[b] * parity(b, 5)).sum();
    let xy: PauliSum = "X0 Y2".parse().unwrap();
    assert!((state.read_expectation(&xy, &readout).unwrap() - expected).abs() < 1e-15);
}
