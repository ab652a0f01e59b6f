//! Every kernel against the dense matrix: every gate of the table, every placement of its operands, every kernel level, on
//! amplitudes of superposed states. Registers of 1 to 5 qubits reach every combination of lane qubits and block qubits.

mod common;

use common::{c, distance, embed, gate_matrix, placements, random_state, random_unitary, vector};
use proptest::prelude::*;
use qcore::{Circuit, Control, Gate, Level, Operation, PauliString, PauliSum, StateVector};

const ANGLES: [f64; 4] = [0.7, -1.9, 2.4, 0.3];

fn start(qubits: usize, level: Level) -> StateVector {
    StateVector::from_amplitudes(&random_state(qubits, 7 + qubits as u64)).expect("normalized").with_level(level)
}

#[test]
fn every_gate_at_every_placement_equals_its_dense_matrix() {
    for level in Level::available() {
        for qubits in 1..=5 {
            let before = random_state(qubits, 7 + qubits as u64);
            for spec in Gate::all().iter().filter(|spec| spec.qubits() <= qubits) {
                for operands in placements(spec.qubits(), qubits) {
                    let angles = &ANGLES[..spec.angles];
                    let mut state = start(qubits, level);
                    state.apply_gate(spec.gate, &operands, angles).expect("valid operands");
                    let expected = embed(&gate_matrix(spec.gate, angles), &operands, qubits) * vector(&before);
                    let error = distance(&state.amplitudes(), expected.as_slice());
                    assert!(error < 1e-14, "{} on {operands:?} of {qubits} at {level}: {error:e}", spec.name);
                }
            }
        }
    }
}

#[test]
fn arbitrary_matrices_equal_their_dense_embedding() {
    for level in Level::available() {
        for qubits in 1..=5 {
            let before = random_state(qubits, 7 + qubits as u64);
            for count in 1..=2.min(qubits) {
                let matrix = random_unitary(1 << count, 40 + count as u64);
                let dense = common::Matrix::from_row_slice(1 << count, 1 << count, &matrix);
                for operands in placements(count, qubits) {
                    let mut circuit = Circuit::new(qubits).expect("width");
                    circuit.unitary(&operands, &matrix).expect("unitary");
                    let mut state = start(qubits, level);
                    state.apply_circuit(&circuit, &[]).expect("fits");
                    let expected = embed(&dense, &operands, qubits) * vector(&before);
                    let error = distance(&state.amplitudes(), expected.as_slice());
                    assert!(error < 1e-14, "{operands:?} of {qubits} at {level}: {error:e}");
                    state.apply_circuit(&circuit.inverse(), &[]).expect("fits");
                    assert!(distance(&state.amplitudes(), &before) < 1e-14, "inverse on {operands:?}");
                }
            }
        }
    }
}

/// Every gate, a random matrix and a Pauli rotation under added controls of both kinds on the qubits that are left.
#[test]
fn controlled_operations_equal_their_dense_matrices() {
    let qubits = 5;
    let before = random_state(qubits, 12);
    for level in Level::available() {
        for spec in Gate::all().iter().filter(|spec| spec.qubits() < qubits) {
            let angles: Vec<qcore::Angle> = ANGLES[..spec.angles].iter().map(|&a| a.into()).collect();
            for (k, operands) in placements(spec.qubits(), qubits).into_iter().enumerate() {
                check_controlled(Operation::gate(spec.gate, &operands, &angles).expect("valid"), k, &before, level);
            }
        }
        for (k, operands) in placements(2, qubits).into_iter().enumerate() {
            let operation = Operation::unitary(&operands, &random_unitary(4, k as u64)).expect("unitary");
            check_controlled(operation, k, &before, level);
        }
        for (k, text) in ["I", "X1", "Y0 Z4", "X0 Y2 Z3 Z4"].into_iter().enumerate() {
            let string = text.parse::<PauliSum>().expect("valid").terms()[0].1;
            check_controlled(Operation::pauli_rotation(string, 1.1).expect("valid"), k, &before, level);
        }
    }
}

/// Adds one to all of the free qubits as controls, their values from the bits of `k`.
fn check_controlled(operation: Operation, k: usize, before: &[num_complex::Complex64], level: Level) {
    let qubits = before.len().ilog2() as usize;
    let free: Vec<usize> = (0..qubits).filter(|q| !operation.qubits().contains(q)).collect();
    for count in 1..=free.len() {
        let controls: Vec<Control> =
            (0..count).map(|c| Control { qubit: free[(c + k) % free.len()], value: k >> c & 1 == 0 }).collect();
        let operation = operation.clone().controlled(&controls).expect("distinct");
        assert_eq!(operation.controls().collect::<Vec<_>>(), controls);
        let angles: Vec<f64> = operation.angles().iter().map(|angle| angle.value(&[])).collect();
        let expected = common::operation_matrix(&operation, &angles, qubits) * vector(before);
        let mut circuit = Circuit::new(qubits).expect("width");
        circuit.push(operation).expect("fits");
        let mut state = StateVector::from_amplitudes(before).expect("normalized").with_level(level);
        state.apply_circuit(&circuit, &[]).expect("fits");
        let error = distance(&state.amplitudes(), expected.as_slice());
        assert!(error < 1e-14, "{:?} at {level}: {error:e}", circuit.operations()[0]);
        state.apply_circuit(&circuit.inverse(), &[]).expect("fits");
        assert!(distance(&state.amplitudes(), before) < 1e-14, "inverse of {:?}", circuit.operations()[0]);
    }
}

/// Whatever passes a program is compiled to, running it gives what its steps give one by one: every operation, bare and under
/// controls of both kinds, in one circuit.
#[test]
fn compiled_runs_equal_steps_for_every_operation() {
    for qubits in [6, 7] {
        let mut operations = Vec::new();
        for (k, spec) in Gate::all().iter().enumerate() {
            let operands: Vec<usize> = (0..spec.qubits()).map(|q| (q * 5 + k) % qubits).collect();
            let distinct: std::collections::BTreeSet<_> = operands.iter().collect();
            let operands = if distinct.len() == operands.len() { operands } else { (0..spec.qubits()).collect() };
            let angles: Vec<qcore::Angle> = ANGLES[..spec.angles].iter().map(|&a| a.into()).collect();
            operations.push(Operation::gate(spec.gate, &operands, &angles).expect("valid"));
        }
        for text in ["I", "X1", "Y0 Z4", "X0 Y2 Z3 Z4"] {
            let string = text.parse::<PauliSum>().expect("valid").terms()[0].1;
            operations.push(Operation::pauli_rotation(string, 1.1).expect("valid"));
        }
        operations.push(Operation::unitary(&[5, 1], &random_unitary(4, 3)).expect("unitary"));
        let mut circuit = Circuit::new(qubits).expect("width");
        for (k, operation) in operations.iter().enumerate() {
            circuit.u_everywhere(k);
            let free: Vec<usize> = (0..qubits).filter(|q| !operation.qubits().contains(q)).collect();
            for controls in
                [vec![], vec![Control::on(free[0])], free.iter().take(2).map(|&q| Control::off(q)).collect()]
            {
                circuit.push(operation.clone().controlled(&controls).expect("distinct")).expect("fits");
            }
        }
        let program = qcore::Program::compile(&circuit);
        let mut binding = qcore::Binding::new(&program);
        program.bind(&[], &mut binding).expect("constants");
        for level in Level::available() {
            let mut whole = StateVector::zero(qubits).expect("small").with_level(level);
            whole.run(&program, &binding).expect("fits");
            let mut steps = StateVector::zero(qubits).expect("small").with_level(level);
            steps.apply_steps(&program, &binding, 0..program.num_steps()).expect("fits");
            let error = distance(&whole.amplitudes(), &steps.amplitudes());
            assert!(error < 1e-12, "{qubits} qubits at {level}: {error:e}");
        }
    }
}

trait Scramble {
    fn u_everywhere(&mut self, seed: usize);
}

impl Scramble for Circuit {
    /// A different rotation on every qubit, so that no later gate acts trivially.
    fn u_everywhere(&mut self, seed: usize) {
        for q in 0..self.num_qubits() {
            let angles = [0.4, 1.3, -0.7].map(|a| (a * (1 + q + seed) as f64).into());
            self.gate(Gate::U, &[q], &angles).expect("valid");
        }
    }
}

#[test]
fn pauli_rotations_and_expectations_of_every_string() {
    let qubits = 4;
    let before = random_state(qubits, 11);
    for level in Level::available() {
        for code in 0..256_u64 {
            let string = PauliString::from_masks(code & 15, code >> 4);
            let mut circuit = Circuit::new(qubits).expect("width");
            circuit.pauli_rotation(string, 0.8).expect("fits");
            let mut state = StateVector::from_amplitudes(&before).expect("normalized").with_level(level);
            let dense = common::pauli_matrix(string, qubits);
            let expectation = vector(&before).dotc(&(&dense * vector(&before))).re;
            assert!((state.pauli_expectation(string).expect("fits") - expectation).abs() < 1e-14, "{string}");
            let mut image = StateVector::zero(qubits).expect("small");
            state.apply_observable(&PauliSum::single(string), &mut image).expect("fits");
            assert!(distance(&image.amplitudes(), (&dense * vector(&before)).as_slice()) < 1e-14, "{string}");
            state.apply_circuit(&circuit, &[]).expect("fits");
            let instruction = circuit.operations()[0].instruction();
            let expected = common::instruction_matrix(instruction, &[], &[0.8], qubits) * vector(&before);
            assert!(distance(&state.amplitudes(), expected.as_slice()) < 1e-14, "{string} at {level}");
        }
    }
}

/// `<bra|G|ket>` and `-i G |ket>` against dense generators, controls included.
#[test]
fn generators_match_their_dense_matrices() {
    let qubits = 4;
    for level in Level::available() {
        let (bra, ket) = (random_state(qubits, 3), random_state(qubits, 4));
        let bra_state = StateVector::from_amplitudes(&bra).expect("normalized");
        for spec in Gate::all().iter().filter(|spec| matches!(spec.action, qcore::Action::Rotation { .. })) {
            for operands in placements(spec.qubits(), qubits) {
                let mut circuit = Circuit::new(qubits).expect("width");
                circuit.gate(spec.gate, &operands, &[0.0.into()]).expect("valid");
                let generator = qcore::Program::compile(&circuit).rotations()[0].generator();
                // i dU/dtheta at 0 is the generator; U is entire, so a complex-step-free central difference of its matrix
                // would lose digits: take the exact derivative from U(pi) instead, where that is -i P.
                let dense = dense_generator(spec.gate, &operands, qubits);
                let mut state = StateVector::from_amplitudes(&ket).expect("normalized").with_level(level);
                let overlap = state.generator_overlap(&bra_state, generator).expect("fits");
                let expected = 2.0 * vector(&bra).dotc(&(&dense * vector(&ket))).im;
                assert!((overlap - expected).abs() < 1e-14, "{} on {operands:?}", spec.name);
                state.apply_generator(generator).expect("fits");
                let image = &dense * vector(&ket) * c(0.0, -1.0);
                assert!(distance(&state.amplitudes(), image.as_slice()) < 1e-14, "{} on {operands:?}", spec.name);
            }
        }
    }
}

/// The generator by Fourier components of the gate's own dense matrix: `U(t)` has the frequencies 0, 1/2, -1/2, 1 in `t`, and
/// `G = i U'(0)` follows exactly from eight equidistant samples over its period `4 pi`.
fn dense_generator(gate: Gate, operands: &[usize], qubits: usize) -> common::Matrix {
    let samples = 8;
    let period = 4.0 * std::f64::consts::PI;
    let mut derivative = common::Matrix::zeros(1 << qubits, 1 << qubits);
    for frequency in [-1.0, -0.5, 0.5, 1.0_f64] {
        for k in 0..samples {
            let t = period * f64::from(k) / f64::from(samples);
            let weight = c(0.0, -frequency * t).exp() * c(0.0, frequency) / f64::from(samples);
            derivative += embed(&gate_matrix(gate, &[t]), operands, qubits) * weight;
        }
    }
    derivative * c(0.0, 1.0)
}

#[test]
fn levels_agree_on_a_deep_circuit() {
    let qubits = 6;
    let mut circuit = Circuit::new(qubits).expect("width");
    for layer in 0..20 {
        for q in 0..qubits {
            let angle = 0.1 + 0.37 * (layer * qubits + q) as f64;
            circuit.ry(q, angle).expect("valid").rz(q, 1.3 * angle).expect("valid");
        }
        for q in 1..qubits {
            circuit.cz(q - 1, q).expect("valid").crx(q, q - 1, 0.2).expect("valid");
        }
    }
    let amplitudes: Vec<_> = Level::available()
        .into_iter()
        .map(|level| {
            let mut state = StateVector::zero(qubits).expect("small").with_level(level);
            state.apply_circuit(&circuit, &[]).expect("fits");
            state.amplitudes()
        })
        .collect();
    for other in &amplitudes[1..] {
        assert!(distance(&amplitudes[0], other) < 1e-13);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Random circuits of all gates: amplitudes against the product of dense matrices, and the inverse circuit leads back.
    #[test]
    fn random_circuits_equal_dense_products(
        qubits in 1_usize..=4,
        choices in prop::collection::vec((0_usize..64, 0_usize..1000, prop::array::uniform4(-7.0_f64..7.0)), 1..20),
    ) {
        let mut circuit = Circuit::new(qubits).expect("width");
        let mut expected = vector(&random_state(qubits, 5));
        for (gate, place, angles) in choices {
            let fitting: Vec<_> = Gate::all().iter().filter(|spec| spec.qubits() <= qubits).collect();
            let spec = fitting[gate % fitting.len()];
            let places = placements(spec.qubits(), qubits);
            let operands = &places[place % places.len()];
            let angles: &[f64] = &angles[..spec.angles];
            circuit.gate(spec.gate, operands, &angles.iter().map(|&a| a.into()).collect::<Vec<_>>()).expect("valid");
            expected = embed(&gate_matrix(spec.gate, angles), operands, qubits) * expected;
        }
        let mut state = StateVector::from_amplitudes(&random_state(qubits, 5)).expect("normalized");
        state.apply_circuit(&circuit, &[]).expect("fits");
        prop_assert!(distance(&state.amplitudes(), expected.as_slice()) < 1e-13);
        state.apply_circuit(&circuit.inverse(), &[]).expect("fits");
        prop_assert!(distance(&state.amplitudes(), &random_state(qubits, 5)) < 1e-13);
    }
}
