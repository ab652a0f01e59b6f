//! States cut in every way that large ones are, at sizes where the steps can be taken one by one as well.

use super::Reads;
use crate::{Binding, Circuit, Derivatives, Level, PauliSum, Program, Reverse, StateVector};

/// Rotations about all axes, and diagonals, controlled gates and strings over short and long distances.
fn circuit(qubits: usize) -> (Circuit, Vec<f64>) {
    let mut circuit = Circuit::new(qubits).expect("small");
    let mut values = Vec::new();
    for layer in 0..5 {
        for q in 0..qubits {
            let angle = circuit.parameter(format!("t{layer}_{q}")).expect("a new name");
            values.push((0.3 + 0.37 * values.len() as f64) % 6.0);
            match (layer + q) % 4 {
                0 => circuit.rx(q, angle),
                3 => circuit.rz(q, angle),
                _ => circuit.ry(q, angle),
            }
            .expect("valid");
        }
        for q in 1..qubits {
            match (3 * layer + q) % 5 {
                0 => circuit.cx(q - 1, q),
                1 => circuit.gate(crate::Gate::Cp, &[q, (q + 5 + layer) % qubits], &[0.7.into()]),
                2 => circuit.gate(crate::Gate::Rzz, &[q, (q + 3 + layer) % qubits], &[1.1.into()]),
                _ => circuit.cz(q - 1, q),
            }
            .expect("valid");
        }
        // A layer that rotates few qubits only.
        if layer == 2 {
            circuit.ry(qubits - 1, 0.4).expect("valid").ry(1, 1.4).expect("valid");
        }
    }
    (circuit, values)
}

/// Rows of chunks, rows that are one chunk, columns of one, two and four tiles, and tiles of columns that are cut into chunks.
#[test]
fn states_cut_in_any_way_are_those_of_the_steps() {
    for (qubits, row) in [(12, 10), (12, 8), (12, 7), (12, 6), (14, 12), (14, 13), (15, 6)] {
        let (circuit, values) = circuit(qubits);
        let whole = Program::compile(&circuit);
        let mut binding = Binding::new(&whole);
        whole.bind(&values, &mut binding).expect("finite");
        let mut expected = StateVector::zero(qubits).expect("small");
        expected.apply_steps(&whole, &binding, 0..whole.num_steps()).expect("fits");
        let cut = Program::compile(&circuit).in_rows(row);
        let mut binding = Binding::new(&cut);
        cut.bind(&values, &mut binding).expect("finite");
        for level in Level::available() {
            let mut state = StateVector::zero(qubits).expect("small").with_level(level);
            state.run(&cut, &binding).expect("fits");
            let pairs = expected.amplitudes().into_iter().zip(state.amplitudes());
            let error = pairs.map(|(a, b)| (a - b).norm()).fold(0.0, f64::max);
            assert!(error < 1e-14, "{qubits} qubits in rows of {row} at {level}: {error:e}");
        }
    }
}

#[test]
fn derivatives_of_states_cut_in_any_way_are_those_of_whole_ones() {
    for (qubits, row) in [(11, 9), (11, 7), (12, 6), (13, 6)] {
        let (circuit, values) = circuit(qubits);
        let chain = PauliSum::transverse_field_ising(qubits, 1.0, 0.8).expect("finite");
        let derivatives = |program: &Program| {
            let mut binding = Binding::new(program);
            program.bind(&values, &mut binding).expect("finite");
            let all: Vec<usize> = (0..program.rotations().len()).collect();
            let (wanted, mut reverse) = (Derivatives::new(program, &all), Reverse::new(qubits).expect("small"));
            let mut out = vec![0.0; all.len()];
            reverse.forward(program, &binding, &wanted).expect("fits");
            reverse.backward(program, &binding, &wanted, &[(1.0, &chain)], &mut out).expect("fits");
            out
        };
        let expected = derivatives(&Program::compile(&circuit));
        let got = derivatives(&Program::compile(&circuit).in_rows(row));
        let error = expected.iter().zip(&got).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(error < 1e-12, "{qubits} qubits in rows of {row}: {error:e}");
    }
}

/// Layers of every kind on a small register are read in one call, unless there are so many that their states would not fit; both ways
/// give the derivatives of the steps.
#[test]
fn small_registers_have_a_way_of_their_own_up_to_a_depth() {
    for qubits in 2..=5 {
        for (repeated, is_small) in [(1, true), (30, false)] {
            let mut circuit = Circuit::new(qubits).expect("small");
            let mut values = Vec::new();
            for layer in 0..3 * repeated {
                let angles = circuit.parameters_named(&format!("t{layer}_"), 4).expect("new names");
                values.extend((0..4).map(|k| (0.3 + 0.37 * (4 * layer + k) as f64) % 6.0));
                let (a, b) = (layer % qubits, (layer + 1) % qubits);
                circuit.rx(a, angles[0]).expect("valid").ry(b, angles[1]).expect("valid");
                circuit.gate(crate::Gate::Rzz, &[a, b], &[angles[2].into()]).expect("valid");
                circuit.gate(crate::Gate::Crx, &[b, a], &[angles[3].into()]).expect("valid");
                for q in 0..qubits {
                    circuit.ry(q, 0.2).expect("valid");
                }
            }
            let program = Program::compile(&circuit);
            let all: Vec<usize> = (0..program.rotations().len()).collect();
            assert_eq!(Reads::new(program.plan(), all.len(), &all).small().is_some(), is_small, "{qubits} qubits");
            let mut binding = Binding::new(&program);
            program.bind(&values, &mut binding).expect("finite");
            let chain = PauliSum::transverse_field_ising(qubits, 1.0, 0.8).expect("finite");
            let mut ket = StateVector::zero(qubits).expect("small");
            ket.apply_steps(&program, &binding, 0..program.num_steps()).expect("fits");
            let mut bra = ket.clone();
            ket.apply_observable(&chain, &mut bra).expect("fits");
            let (wanted, mut reverse) = (Derivatives::new(&program, &all), Reverse::new(qubits).expect("small"));
            let mut out = vec![0.0; all.len()];
            reverse.forward(&program, &binding, &wanted).expect("fits");
            reverse.backward(&program, &binding, &wanted, &[(1.0, &chain)], &mut out).expect("fits");
            for step in (0..program.num_steps()).rev() {
                if let Some(rotation) = program.rotation_of_step(step) {
                    let generator = program.rotations()[rotation].generator();
                    let expected = ket.generator_overlap(&bra, generator).expect("fits");
                    assert!((out[rotation] - expected).abs() < 1e-12, "{qubits} qubits, rotation {rotation}");
                }
                ket.undo_step(&program, &binding, step).expect("fits");
                bra.undo_step(&program, &binding, step).expect("fits");
            }
        }
    }
}
