//! A program run in one go against the same program step by step: the plans fuse, cut into tiles and use tables, the steps do
//! none of that and are themselves tested against dense matrices (`tests/kernels.rs`).

mod common;

use common::{distance, placements, random_unitary};
use proptest::prelude::*;
use qcore::{Binding, Circuit, Gate, Level, PauliString, PauliSum, Program, StateVector};

/// Both ways at one level; the largest difference of amplitudes.
fn difference(circuit: &Circuit, parameters: &[f64], level: Level) -> f64 {
    let program = Program::compile(circuit);
    let mut binding = Binding::new(&program);
    program.bind(parameters, &mut binding).expect("finite angles");
    let mut stepped = StateVector::zero(circuit.num_qubits()).expect("small").with_level(level);
    stepped.apply_steps(&program, &binding, 0..program.num_steps()).expect("fits");
    let mut fused = StateVector::from_amplitudes(&stepped.amplitudes()).expect("normalized").with_level(level);
    fused.run(&program, &binding).expect("fits");
    distance(&fused.amplitudes(), &stepped.amplitudes())
}

/// The gates with one or two operands, which is where the fusion is; the others are decomposed or stay steps.
fn random_gate(circuit: &mut Circuit, gate: usize, place: usize, angles: &[f64; 4]) {
    let qubits = circuit.num_qubits();
    let fitting: Vec<_> = Gate::all().iter().filter(|spec| spec.qubits() <= qubits).collect();
    let spec = fitting[gate % fitting.len()];
    let mut free: Vec<usize> = (0..qubits).collect();
    let mut operands = Vec::new();
    let mut place = place;
    for _ in 0..spec.qubits() {
        operands.push(free.remove(place % free.len()));
        place /= qubits;
    }
    let angles: Vec<_> = angles[..spec.angles].iter().map(|&a| a.into()).collect();
    circuit.gate(spec.gate, &operands, &angles).expect("valid operands");
}

fn hardware_efficient(qubits: usize, layers: usize) -> (Circuit, Vec<f64>) {
    let mut circuit = Circuit::new(qubits).expect("width");
    let mut theta = Vec::new();
    for layer in 0..layers {
        for q in 0..qubits {
            for axis in 0..2 {
                let parameter = circuit.parameter(format!("t{layer}_{q}_{axis}")).expect("a new name");
                theta.push((0.1 + 0.37 * theta.len() as f64) % std::f64::consts::TAU);
                if axis == 0 { circuit.ry(q, parameter) } else { circuit.rz(q, parameter) }.expect("valid");
            }
        }
        for q in 1..qubits {
            circuit.cz(q - 1, q).expect("valid");
        }
    }
    (circuit, theta)
}

#[test]
fn layered_circuits_at_every_size_and_level() {
    for level in Level::available() {
        for qubits in (1..=12).chain([14, 15, 17]) {
            for layers in [0, 1, 2, 5] {
                let (circuit, theta) = hardware_efficient(qubits, layers);
                let error = difference(&circuit, &theta, level);
                // Each way rounds a few times per gate.
                let bound = 1e-15 + 5e-16 * circuit.operations().len() as f64;
                assert!(error < bound, "{qubits} qubits, {layers} layers, {level}: {error:e}");
            }
        }
    }
}

/// Every qubit at exactly half a turn has no tangent; with many of them the scale of a layer leaves the range of numbers.
#[test]
fn half_turns_are_exact() {
    for qubits in [3, 8, 12, 20] {
        let mut circuit = Circuit::new(qubits).expect("width");
        for q in 0..qubits {
            circuit.ry(q, std::f64::consts::PI).expect("valid").cz(q, (q + 1) % qubits).expect("valid");
        }
        for q in 0..qubits {
            circuit.x(q).expect("valid").rx(q, std::f64::consts::PI).expect("valid").h(q).expect("valid");
        }
        let error = difference(&circuit, &[], Level::best());
        assert!(error < 1e-14, "{qubits} qubits: {error:e}");
    }
}

#[test]
fn circuits_with_long_range_and_crossing_diagonals() {
    // A quantum Fourier transform, ZZ between all pairs, three-qubit parities, and matrices that stay steps.
    for qubits in [5, 9, 12, 14, 15] {
        let mut circuit = Circuit::new(qubits).expect("width");
        for q in (0..qubits).rev() {
            circuit.h(q).expect("valid");
            for (k, lower) in (0..q).rev().enumerate() {
                circuit.gate(Gate::Cp, &[lower, q], &[(0.5_f64.powi(k as i32 + 1) * 3.0).into()]).expect("valid");
            }
        }
        for q in 0..qubits / 2 {
            circuit.gate(Gate::Swap, &[q, qubits - 1 - q], &[]).expect("valid");
        }
        for a in 0..qubits {
            circuit.rx(a, 0.3 + a as f64).expect("valid");
        }
        for a in 0..qubits {
            for b in 0..a {
                circuit.gate(Gate::Rzz, &[a, b], &[(0.1 * (a + b) as f64).into()]).expect("valid");
            }
        }
        for a in 2..qubits {
            circuit.ry(a - 1, 0.2 * a as f64).expect("valid");
            circuit.pauli_rotation(PauliString::from_masks(1 << a, 0b111 << (a - 2)), 0.7).expect("fits");
            circuit.pauli_rotation(PauliString::from_masks(0, 1 << a | 1 << (a / 2) | 1), 0.4).expect("fits");
        }
        circuit.unitary(&[qubits - 1, 0], &random_unitary(4, 3)).expect("unitary");
        circuit.unitary(&[1], &random_unitary(2, 4)).expect("unitary").cx(qubits - 1, 1).expect("valid");
        for level in Level::available() {
            let error = difference(&circuit, &[], level);
            assert!(error < 1e-13, "{qubits} qubits at {level}: {error:e}");
        }
    }
}

/// Swaps at the start, in the middle and at the end are names of qubits, not walks.
#[test]
fn swaps_move_the_gates_before_them() {
    for qubits in [2, 3, 5, 9, 12, 14, 15] {
        let mut circuit = Circuit::new(qubits).expect("width");
        for round in 0..4 {
            for q in 0..qubits {
                let other = (3 * q + round + 1) % qubits;
                if other != q {
                    circuit.gate(Gate::Swap, &[q, other], &[]).expect("valid");
                }
                circuit.rx(q, 0.2 + (q * round) as f64).expect("valid").h(q).expect("valid");
                circuit.rz(q, 0.9 - q as f64).expect("valid");
            }
            for q in 1..qubits {
                let angle = (0.3 * (q + round) as f64).into();
                circuit.gate(Gate::Crx, &[q, q - 1], &[angle]).expect("valid").cx(q - 1, q).expect("valid");
            }
        }
        for q in 0..qubits / 2 {
            circuit.gate(Gate::Swap, &[q, qubits - 1 - q], &[]).expect("valid");
        }
        circuit.pauli_rotation(PauliString::from_masks(0b11, 0b10), 0.4).expect("fits");
        circuit.gate(Gate::Swap, &[0, 1], &[]).expect("valid");
        for level in Level::available() {
            let error = difference(&circuit, &[], level);
            assert!(error < 1e-13, "{qubits} qubits at {level}: {error:e}");
        }
    }
}

#[test]
fn a_shifted_binding_equals_a_bound_one() {
    let (circuit, theta) = hardware_efficient(5, 3);
    let program = Program::compile(&circuit);
    let (mut shifted, mut bound) = (Binding::new(&program), Binding::new(&program));
    let mut states = [StateVector::zero(5).expect("small"), StateVector::zero(5).expect("small")];
    for rotation in 0..program.rotations().len() {
        program.bind(&theta, &mut shifted).expect("finite");
        program.shift(rotation, 1.1, &mut shifted);
        let mut moved = theta.clone();
        moved[rotation] += 1.1;
        program.bind(&moved, &mut bound).expect("finite");
        states[0].run(&program, &shifted).expect("fits");
        states[1].run(&program, &bound).expect("fits");
        assert!(distance(&states[0].amplitudes(), &states[1].amplitudes()) < 1e-14, "rotation {rotation}");
    }
}

#[test]
fn every_gate_alone_at_every_placement() {
    for qubits in 1..=4 {
        for spec in Gate::all().iter().filter(|spec| spec.qubits() <= qubits) {
            for operands in placements(spec.qubits(), qubits) {
                let mut circuit = Circuit::new(qubits).expect("width");
                for q in 0..qubits {
                    circuit.ry(q, 0.7 + q as f64).expect("valid").rz(q, 0.3 - q as f64).expect("valid");
                }
                let angles: Vec<_> = [0.7, -1.9, 2.4, 0.3][..spec.angles].iter().map(|&a| a.into()).collect();
                circuit.gate(spec.gate, &operands, &angles).expect("valid");
                circuit.h(0).expect("valid");
                for level in Level::available() {
                    let error = difference(&circuit, &[], level);
                    assert!(error < 1e-14, "{} on {operands:?} of {qubits} at {level}: {error:e}", spec.name);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_circuits(
        qubits in prop_oneof![1_usize..=12, Just(14), Just(15)],
        choices in prop::collection::vec((0_usize..64, 0_usize..100_000, prop::array::uniform4(-7.0_f64..7.0)), 1..60),
    ) {
        let mut circuit = Circuit::new(qubits).expect("width");
        for (gate, place, angles) in choices {
            random_gate(&mut circuit, gate, place, &angles);
        }
        for level in Level::available() {
            let error = difference(&circuit, &[], level);
            prop_assert!(error < 1e-13, "{level}: {error:e}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn random_moves_between_rotations(
        qubits in prop_oneof![6_usize..=12, Just(14), Just(15)],
        gates in prop::collection::vec((0_usize..12, 0_usize..15, 0_usize..15, -7.0_f64..7.0), 20..150),
    ) {
        let mut circuit = Circuit::new(qubits).expect("width");
        for (kind, a, b, angle) in gates {
            let (a, b) = (a % qubits, b % qubits);
            match kind {
                0 => circuit.ry(a, angle),
                1 => circuit.rx(a, angle),
                2 if a != b => circuit.gate(Gate::Cp, &[a, b], &[angle.into()]),
                3 if a != b => circuit.gate(Gate::Swap, &[a, b], &[]),
                _ if a != b => circuit.cx(a, b),
                _ => circuit.x(a),
            }
            .expect("valid");
        }
        for level in Level::available() {
            let error = difference(&circuit, &[], level);
            prop_assert!(error < 1e-13, "{level}: {error:e}");
        }
    }
}

/// Pauli sums as a whole against their terms one by one.
#[test]
fn expectations_of_sums_equal_those_of_their_terms() {
    for qubits in [1, 2, 3, 5, 6, 7, 10, 11, 12, 15, 17] {
        let (circuit, theta) = hardware_efficient(qubits, 2);
        let program = Program::compile(&circuit);
        let mut binding = Binding::new(&program);
        program.bind(&theta, &mut binding).expect("finite");
        let mut terms = vec![(0.3, PauliString::IDENTITY)];
        for a in 0..qubits {
            terms.push((0.1 + a as f64, PauliString::from_masks(1 << a, 0)));
            terms.push((0.7 - 0.1 * a as f64, PauliString::from_masks(0, 1 << a)));
            for b in 0..a {
                terms.push((0.2 * (a + 2 * b) as f64, PauliString::from_masks(0, 1 << a | 1 << b)));
            }
            terms.push((-0.4, PauliString::from_masks((1 << a) | 1, 1 << (a / 2))));
        }
        let chain = PauliSum::transverse_field_ising(qubits, 1.0, 0.8).expect("finite");
        let all = PauliSum::new(terms).expect("finite");
        for level in Level::available() {
            let mut state = StateVector::zero(qubits).expect("small").with_level(level);
            state.run(&program, &binding).expect("fits");
            for sum in [&chain, &all] {
                let expected: f64 =
                    sum.terms().iter().map(|&(c, string)| c * state.pauli_expectation(string).expect("fits")).sum();
                let got = state.expectation(sum).expect("fits");
                let bound = 1e-14 * (1.0 + sum.one_norm());
                assert!((got - expected).abs() < bound, "{qubits} qubits at {level}: {got} for {expected}");
            }
        }
    }
}

/// Every width of runs and of rows of the higher qubits, on a product state: `<X_q> = sin t_q`, `<Z_q Z_q+1> = cos t_q cos t_q+1`.
#[test]
fn energies_of_wide_product_states() {
    for qubits in [18, 20, 21, 22, 23] {
        let theta: Vec<f64> = (0..qubits).map(|q| 0.3 + 0.21 * q as f64).collect();
        let mut circuit = Circuit::new(qubits).expect("width");
        for (q, &angle) in theta.iter().enumerate() {
            circuit.ry(q, angle).expect("valid");
        }
        let program = Program::compile(&circuit);
        let mut binding = Binding::new(&program);
        program.bind(&[], &mut binding).expect("finite");
        let mut state = StateVector::zero(qubits).expect("fits into memory");
        state.run(&program, &binding).expect("fits");
        let chain = PauliSum::transverse_field_ising(qubits, 1.0, 0.8).expect("finite");
        let bonds: f64 = theta.windows(2).map(|pair| pair[0].cos() * pair[1].cos()).sum();
        let expected = -bonds - 0.8 * theta.iter().map(|angle| angle.sin()).sum::<f64>();
        let got = state.expectation(&chain).expect("fits");
        assert!((got - expected).abs() < 1e-12, "{qubits} qubits: {got} for {expected}");
    }
}

/// Amplitudes and energies are the same bytes whatever the number of threads.
#[cfg(feature = "rayon")]
#[test]
fn threads_change_no_bit() {
    let results: Vec<_> = [1, 2, 3, 5]
        .into_iter()
        .map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| {
                let (circuit, theta) = hardware_efficient(16, 3);
                let program = Program::compile(&circuit);
                let mut binding = Binding::new(&program);
                program.bind(&theta, &mut binding).expect("finite");
                let mut state = StateVector::zero(16).expect("small");
                state.run(&program, &binding).expect("fits");
                let chain = PauliSum::transverse_field_ising(16, 1.0, 0.8).expect("finite");
                (state.expectation(&chain).expect("fits").to_bits(), state.amplitudes())
            })
        })
        .collect();
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
}
