//! States at many rows of parameters and their tangents, against runs of their own.

mod common;

use common::{circuit_of, moving, random_unitary};
use num_complex::Complex64;
use proptest::prelude::*;
use qcore::{Binding, Circuit, Error, Gate, Level, Program, RowStates, StateBatch, StateVector, Turning};
use std::f64::consts::PI;

/// The final state of the program with some angles shifted.
fn alone(program: &Program, row: &[f64], shifts: &[(usize, f64)]) -> StateVector {
    let mut binding = Binding::new(program);
    program.bind(row, &mut binding).expect("finite");
    shifts.iter().for_each(|&(rotation, by)| program.shift(rotation, by, &mut binding));
    let mut state = StateVector::zero(program.num_qubits()).expect("small");
    state.run(program, &binding).expect("fits");
    state
}

/// The outcome probabilities of lanes with a shift in each, from states and tangents, are those of shifted runs.
fn check(circuit: &Circuit, rows: &[Vec<f64>], level: Level) {
    let program = Program::compile(circuit);
    let Some(states) = RowStates::new(&program).expect("small") else { return };
    let mut states = states.with_level(level);
    assert!(states.are_for(&program) && states.are_for(&program.clone()));
    let all: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
    states.share(&program, &all).expect("finite");
    for group in all.chunks(4) {
        let ends = states.run(&program, group).expect("shared").clone();
        for (lane, row) in group.iter().enumerate() {
            // The global phase is left out.
            let amplitudes = alone(&program, row, &[]).amplitudes();
            let pairs = || amplitudes.iter().enumerate().map(|(index, &b)| (ends.amplitude(lane, index), b));
            let phase: Complex64 = pairs().map(|(a, b)| a * b.conj()).sum();
            for (index, (amplitude, expected)) in pairs().enumerate() {
                let distance = (amplitude - phase * expected).norm();
                assert!(distance < 1e-12, "lane {lane}, amplitude {index}: off by {distance} at {level}");
            }
        }
        let mut layers: Vec<(usize, usize)> = Vec::new();
        for rotation in 0..program.rotations().len() {
            match states.turning(rotation) {
                Turning::Tangent { layer } => layers.push((layer, rotation)),
                Turning::Still => {
                    let (moved, still) =
                        (alone(&program, group[0], &[(rotation, 0.7)]), alone(&program, group[0], &[]));
                    let pairs = moved.amplitudes().into_iter().zip(still.amplitudes());
                    let overlap = pairs.map(|(a, b)| a.conj() * b).sum::<Complex64>().norm();
                    assert!((overlap - 1.0).abs() < 1e-12, "rotation {rotation} is not still: {overlap}");
                }
                Turning::Other => {}
            }
        }
        layers.sort_unstable();
        for of_layer in layers.chunk_by(|a, b| a.0 == b.0) {
            // Every lane has a rotation of its own, or all have one.
            let rotation = |lane: usize| of_layer[lane % of_layer.len()].1;
            for rotations in [[rotation(0), rotation(1), rotation(2), rotation(3)], [rotation(0); 4]] {
                let mut tangents = states.tangents(&rotations).expect("of one layer").clone();
                probabilities(&program, group, &rotations, &ends, &mut tangents);
            }
        }
    }
}

fn probabilities(
    program: &Program,
    rows: &[&[f64]],
    rotations: &[usize; 4],
    ends: &StateBatch,
    tangents: &mut StateBatch,
) {
    let outcomes = 1_usize << program.num_qubits();
    let class_of: Vec<u32> = (0..outcomes as u32).collect();
    let (mut squares, mut overlaps, mut of_ends) = (Vec::new(), Vec::new(), Vec::new());
    ends.clone().class_probabilities_into(&class_of, outcomes, &mut of_ends);
    tangents.class_overlaps_of_members_into(ends, &class_of, outcomes, &mut squares, &mut overlaps).expect("alike");
    for (lane, row) in rows.iter().enumerate() {
        for angle in [0.5 * PI, -0.7, 2.9] {
            let shifted = alone(program, row, &[(rotations[lane], angle)]);
            let (sin, cos) = angle.sin_cos();
            for index in 0..outcomes {
                let (end, tangent) = (ends.amplitude(lane, index), tangents.amplitude(lane, index));
                let amplitude: Complex64 = end * (0.5 * angle).cos() + tangent * (0.5 * angle).sin();
                let expected = shifted.amplitude(index).norm_sqr();
                assert!(
                    (amplitude.norm_sqr() - expected).abs() < 1e-12,
                    "rotation {}, outcome {index}",
                    rotations[lane]
                );
                let from_classes = 0.5 * (1.0 + cos) * of_ends[index][lane]
                    + 0.5 * (1.0 - cos) * squares[index][lane]
                    + sin * overlaps[index][lane];
                assert!((from_classes - expected).abs() < 1e-12, "rotation {}, outcome {index}", rotations[lane]);
            }
        }
    }
}

/// Rows that differ in one parameter, in all of them, or in none.
fn some_rows(parameters: usize, count: usize, kind: usize) -> Vec<Vec<f64>> {
    let value = |row: usize, parameter: usize| match kind {
        0 if parameter > 0 => (1.3 * parameter as f64).sin(),
        1 => (0.3 * parameter as f64).cos(),
        _ => (0.7 * (row * parameters + parameter) as f64).sin() * 3.0,
    };
    (0..count).map(|row| (0..parameters).map(|parameter| value(row, parameter)).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn states_and_tangents_are_those_of_runs_of_their_own(
        qubits in 1_usize..=5,
        choices in prop::collection::vec((0_usize..64, 0_usize..100_000, -7.0_f64..7.0), 1..24),
        count in 1_usize..=6,
        kind in 0_usize..3,
    ) {
        let circuit = circuit_of(qubits, &choices);
        let rows = some_rows(circuit.parameters().len(), count, kind);
        for level in Level::available() {
            check(&circuit, &rows, level);
        }
    }
}

/// One rotation of each kind, on qubits that are entangled before and behind it.
fn one_of_each() -> Circuit {
    let mut circuit = Circuit::new(3).expect("width");
    let t = circuit.parameters_named("t", 9).expect("new");
    for qubit in 0..3 {
        circuit.ry(qubit, 0.4 + 0.3 * qubit as f64).expect("valid");
    }
    circuit.cx(0, 1).expect("valid").cz(1, 2).expect("valid");
    circuit.rx(0, t[0]).expect("valid").ry(1, t[1]).expect("valid").rz(2, t[2]).expect("valid");
    for (gate, angle) in [(Gate::Rxx, t[3]), (Gate::Ryy, t[4]), (Gate::Rzz, t[5])] {
        circuit.gate(gate, &[0, 2], &[angle.into()]).expect("valid");
    }
    circuit.gate(Gate::P, &[1], &[t[6].into()]).expect("valid").crz(0, 1, t[7]).expect("valid");
    circuit.h(0).expect("valid").ry(2, t[8]).expect("valid").cx(2, 0).expect("valid");
    circuit
}

#[test]
fn rotations_by_one_string_have_tangents_and_controlled_ones_have_not() {
    let circuit = one_of_each();
    let program = Program::compile(&circuit);
    let states = RowStates::new(&program).expect("small").expect("layers all the way");
    let driven = |rotation: &usize| !program.rotations()[*rotation].angle().is_constant();
    let kinds: Vec<bool> = (0..program.rotations().len())
        .filter(driven)
        .map(|rotation| matches!(states.turning(rotation), Turning::Tangent { .. }))
        .collect();
    assert_eq!(kinds, [true, true, true, true, true, true, true, false, true]);
    assert_eq!(states.turning(1000), Turning::Other);
    check(&circuit, &some_rows(9, 5, 2), Level::best());
    // Half turns, where tangents are largest.
    check(&circuit, &[vec![PI; 9], vec![-PI; 9], vec![0.0; 9]], Level::best());
}

#[test]
fn what_does_not_fit_is_refused() {
    let circuit = one_of_each();
    let program = Program::compile(&circuit);
    let mut states = RowStates::new(&program).expect("small").expect("layers all the way");
    let row = [0.1; 9];
    let rows: [&[f64]; 5] = [&row; 5];
    assert!(matches!(states.run(&program, &rows[..1]), Err(Error::Order { .. })), "nothing shared");
    assert!(matches!(states.share(&program, &[]), Err(Error::ParameterCount { .. })));
    assert!(matches!(states.share(&program, &[&row[..8]]), Err(Error::ParameterCount { .. })));
    let mut not_finite = row;
    not_finite[4] = f64::NAN;
    assert!(matches!(states.share(&program, &[&not_finite]), Err(Error::Angle { .. })));
    states.share(&program, &rows[..1]).expect("finite");
    assert!(matches!(states.tangents(&[0; 4]), Err(Error::Order { .. })), "nothing run");
    let mut other_row = row;
    other_row[3] = 0.2;
    assert_eq!(states.run(&program, &[&row, &other_row]).err(), Some(Error::NotShared { row: 1, parameter: 3 }));
    let twin = Program::compile(&one_of_each());
    assert!(matches!(states.run(&twin, &rows[..1]), Err(Error::AnotherProgram { .. })), "of another program");
    assert!(matches!(states.share(&twin, &rows[..1]), Err(Error::AnotherProgram { .. })), "of another program");
    states.share(&program, &rows[..1]).expect("finite");
    // What is left of a run that fails is not gone on with.
    states.run(&program, &rows[..1]).expect("shared");
    assert!(states.run(&program, &[&row[..8]]).is_err());
    assert!(matches!(states.tangents(&[0; 4]), Err(Error::Order { .. })), "the last run failed");
    assert!(matches!(states.run(&program, &rows), Err(Error::WidthMismatch { .. })), "five rows");
    states.run(&program, &rows[..1]).expect("shared");
    assert!(matches!(states.tangents(&[1000; 4]), Err(Error::WidthMismatch { .. })));
    let layer = |rotation: usize| match states.turning(rotation) {
        Turning::Tangent { layer } => Some((layer, rotation)),
        _ => None,
    };
    let mut all: Vec<_> = (0..program.rotations().len()).filter_map(layer).collect();
    all.sort_unstable();
    let (first, last) = (all[0], all[all.len() - 1]);
    assert!(first.0 < last.0);
    assert!(matches!(states.tangents(&[first.1, first.1, first.1, last.1]), Err(Error::WidthMismatch { .. })));

    let mut with_matrix = Circuit::new(3).expect("width");
    let t = with_matrix.parameter("t").expect("new");
    with_matrix.ry(0, t).expect("valid").unitary(&[0, 2], &random_unitary(4, 3)).expect("unitary");
    assert!(RowStates::new(&Program::compile(&with_matrix)).expect("small").is_none());
    let mut wide = Circuit::new(14).expect("width");
    let t = wide.parameter("t").expect("new");
    wide.ry(0, t).expect("valid");
    assert!(RowStates::new(&Program::compile(&wide)).expect("small").is_none());
}

#[test]
fn rows_and_tangents_of_circuits_that_move_basis_states() {
    for kind in 0..5 {
        for qubits in [4, 6, 7] {
            let circuit = moving(qubits, kind);
            let count = circuit.parameters().len();
            let value =
                |row: usize, k: usize| (0.3 * (if k.is_multiple_of(3) { row * count } else { 0 } + k) as f64).sin();
            let rows: Vec<Vec<f64>> = (0..3).map(|row| (0..count).map(|k| value(row, k)).collect()).collect();
            check(&circuit, &rows, Level::best());
        }
    }
}
