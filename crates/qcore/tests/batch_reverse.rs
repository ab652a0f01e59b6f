//! Derivatives at many rows of parameters against backward passes one by one.

mod common;

use common::{circuit_of, moving, random_unitary};
use proptest::prelude::*;
use qcore::{
    BatchDerivatives, BatchReverse, Binding, Circuit, Derivatives, Error, Level, PauliString, PauliSum, Program,
    Reverse,
};
use std::f64::consts::PI;

fn observables(qubits: usize) -> Vec<PauliSum> {
    let all = (1 << qubits) - 1;
    let mixed = (0..qubits).flat_map(|q| {
        let next = (q + 1) % qubits;
        [
            (0.3 + q as f64, PauliString::from_masks(1 << q, 0)),
            (0.2 - q as f64, PauliString::from_masks(0, 1 << q | 1 << next)),
            (0.7, PauliString::from_masks(1 << q | 1 << next, 1 << q)),
        ]
    });
    let diagonal = (0..qubits).map(|q| (0.5 + q as f64, PauliString::from_masks(0, 1 << q)));
    vec![
        PauliSum::new(mixed.chain([(0.4, PauliString::IDENTITY)]).collect::<Vec<_>>()).expect("finite"),
        PauliSum::new(diagonal.collect::<Vec<_>>()).expect("finite"),
        PauliSum::new([(0.9, PauliString::from_masks(all, all)), (-0.3, PauliString::from_masks(all, all >> 1))])
            .expect("finite"),
    ]
}

/// Values and derivatives of every row, with other weights for each, against passes of their own; false if the program is not for groups.
fn check(circuit: &Circuit, rows: &[Vec<f64>], level: Level) -> bool {
    let qubits = circuit.num_qubits();
    let program = Program::compile(circuit);
    // Backwards, and not all of them.
    let wanted: Vec<usize> = (0..program.rotations().len()).rev().filter(|k| k % 5 != 3).collect();
    let Some(batch) = BatchDerivatives::new(&program, &wanted) else { return false };
    let observables = observables(qubits);
    let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
    // What other rows shared before leaves nothing behind.
    let mut shared = batch.share(&program, &rows[rows.len() - 1..], &observables, level).expect("finite");
    batch.share_again(&program, &rows, &mut shared).expect("finite");
    let mut reverse = BatchReverse::new(&batch);
    let single = Derivatives::new(&program, &wanted);
    let mut binding = Binding::new(&program);
    let mut alone = Reverse::new(qubits).expect("small").with_level(level);
    let (mut values, mut by_angle) = (vec![[0.0; 4]; observables.len()], vec![[0.0; 4]; wanted.len()]);
    let mut expected = vec![0.0; wanted.len()];
    for (index, group) in rows.chunks(4).enumerate() {
        reverse.forward(&program, &batch, &shared, group, &mut values).expect("fits");
        let weight = |o: usize, lane: usize| (0.7 * (o + 3 * lane + 5 * index) as f64).cos();
        let weights: Vec<[f64; 4]> =
            (0..observables.len()).map(|o| std::array::from_fn(|lane| weight(o, lane))).collect();
        reverse.backward(&batch, &shared, &weights, &mut by_angle).expect("fits");
        // Some alone.
        let tolerance = 1e-13 * observables.iter().map(|sum| 1.0 + sum.one_norm()).sum::<f64>();
        for some in [0..1, wanted.len() / 2..wanted.len() / 2 + 1, wanted.len() / 3..wanted.len()] {
            let mut found = vec![[0.0; 4]; some.len()];
            if let Some(selection) = batch.select(&wanted[some.clone()]) {
                reverse.backward_to(&batch, &selection, &shared, &weights, &mut found).expect("fits");
                let wrong = reverse.backward_to(&batch, &selection, &shared, &weights, &mut [[0.0; 4]; 99]);
                assert!(matches!(wrong, Err(Error::WidthMismatch { what: "gradient", .. })));
            }
            for (found, expected) in found.iter().flatten().zip(by_angle[some].iter().flatten()) {
                assert!((found - expected).abs() < tolerance, "{found} for {expected} at {level}");
            }
        }
        for (lane, row) in group.iter().enumerate() {
            program.bind(row, &mut binding).expect("finite");
            alone.forward(&program, &binding, &single).expect("fits");
            for (value, observable) in values.iter().zip(&observables) {
                let expected = alone.state().expectation(observable).expect("fits");
                assert!((value[lane] - expected).abs() < 1e-12 * (1.0 + observable.one_norm()), "value at {level}");
            }
            let weighted: Vec<_> = observables.iter().enumerate().map(|(o, sum)| (weight(o, lane), sum)).collect();
            alone.backward(&program, &binding, &single, &weighted, &mut expected).expect("fits");
            for (k, (found, expected)) in by_angle.iter().zip(&expected).enumerate() {
                let found = found[lane];
                let rotation = &program.rotations()[wanted[k]];
                assert!((found - expected).abs() < 1e-10, "{rotation:?}: {found} for {expected} at {level}");
            }
        }
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn every_row_has_the_derivatives_of_a_pass_of_its_own(
        qubits in 1_usize..=6,
        count in 1_usize..=9,
        differing in 0_usize..4,
        choices in prop::collection::vec((0_usize..64, 0_usize..100_000, -7.0_f64..7.0), 1..25),
    ) {
        let circuit = circuit_of(qubits, &choices);
        let parameters = circuit.parameters().len();
        // None, some or all of the parameters differ from row to row.
        let own = |k: usize| match differing { 0 => false, 1 => k.is_multiple_of(3), 2 => k < 2, _ => true };
        let rows: Vec<Vec<f64>> = (0..count)
            .map(|row| (0..parameters).map(|k| (0.3 * k as f64 + if own(k) { 1.7 * row as f64 } else { 0.0 }).sin()).collect())
            .collect();
        for level in Level::available() {
            check(&circuit, &rows, level);
        }
    }
}

/// The circuit that batches are for: data on every qubit, then weights; at half turns too, where tangents are infinite.
#[test]
fn classifiers_of_all_widths() {
    for qubits in [1, 2, 3, 5, 7, 10] {
        let mut circuit = Circuit::new(qubits).expect("width");
        let x = circuit.parameters_named("x", qubits).expect("new");
        let w = circuit.parameters_named("w", 4 * qubits).expect("new");
        for (q, &angle) in x.iter().enumerate() {
            circuit.rx(q, angle).expect("valid");
        }
        for layer in w.chunks(2 * qubits) {
            for q in 0..qubits {
                circuit.ry(q, layer[2 * q]).expect("valid").rz(q, layer[2 * q + 1]).expect("valid");
            }
            for q in 1..qubits {
                circuit.cz(q - 1, q).expect("valid");
            }
            // Data once more, in an expression with a weight.
            circuit.rz(0, x[0] * layer[0] + 0.2).expect("valid");
        }
        let row = |sample: usize| -> Vec<f64> {
            let data = (0..qubits).map(|q| (0.05 + 0.11 * (sample * qubits + q) as f64) % PI);
            data.chain((0..4 * qubits).map(|k| (0.1 + 0.37 * k as f64) % 6.0)).collect()
        };
        let mut rows: Vec<Vec<f64>> = (0..7).map(row).collect();
        rows.push(vec![PI; 5 * qubits]);
        rows.push(vec![0.0; 5 * qubits]);
        for level in Level::available() {
            assert!(check(&circuit, &rows[..7], level) && check(&circuit, &rows, level));
        }
    }
}

#[test]
fn what_no_group_can_hold_or_does_not_fit_is_refused() {
    let mut circuit = Circuit::new(3).expect("width");
    let t = circuit.parameters_named("t", 2).expect("new");
    circuit.ry(0, t[0]).expect("valid").rz(1, t[1]).expect("valid").ry(1, t[1]).expect("valid");
    let program = Program::compile(&circuit);
    let batch = BatchDerivatives::new(&program, &[0, 2]).expect("layers");
    let z = vec!["Z0".parse().expect("valid")];
    let rows: [&[f64]; 2] = [&[0.1, 0.2], &[0.3, 0.2]];
    assert!(batch.bytes_per_group() >= 64 * 8);
    let bad = |rows: &[&[f64]]| batch.share(&program, rows, &z, Level::best());
    assert!(matches!(bad(&[]), Err(Error::ParameterCount { .. })));
    assert!(matches!(bad(&[&[0.1]]), Err(Error::ParameterCount { .. })));
    assert!(matches!(bad(&[&[0.1, f64::NAN]]), Err(Error::Angle { .. })));
    let far = vec!["Z3".parse().expect("valid")];
    assert!(matches!(batch.share(&program, &rows, &far, Level::best()), Err(Error::WidthMismatch { .. })));
    let shared = batch.share(&program, &rows, &z, Level::best()).expect("fits");
    let mut reverse = BatchReverse::new(&batch);
    let (mut one, mut two) = ([[0.0; 4]], [[0.0; 4]; 2]);
    assert!(reverse.forward(&program, &batch, &shared, &[rows[0]; 5], &mut one).is_err());
    assert!(reverse.forward(&program, &batch, &shared, &[], &mut one).is_err());
    assert!(reverse.forward(&program, &batch, &shared, &rows, &mut two).is_err());
    assert!(reverse.forward(&program, &batch, &shared, &[&[f64::INFINITY, 0.2]], &mut one).is_err());
    reverse.forward(&program, &batch, &shared, &rows, &mut one).expect("fits");
    assert!(reverse.backward(&batch, &shared, &two, &mut two.clone()).is_err());
    assert!(reverse.backward(&batch, &shared, &one, &mut one.clone()).is_err());
    reverse.backward(&batch, &shared, &one, &mut two).expect("fits");
    let stranger: &[f64] = &[0.7, 0.3];
    let refused = reverse.forward(&program, &batch, &shared, &[rows[0], stranger], &mut one);
    assert_eq!(refused, Err(Error::NotShared { row: 1, parameter: 1 }));
    let after = reverse.backward(&batch, &shared, &one, &mut two);
    assert!(matches!(after, Err(Error::Order { .. })), "the last forward pass failed");
    let never = BatchReverse::new(&batch).backward(&batch, &shared, &one, &mut two);
    assert!(matches!(never, Err(Error::Order { .. })), "no forward pass");
    // Other derivatives of as many rotations, and rows that were shared for them.
    let others = BatchDerivatives::new(&program, &[1, 2]).expect("layers");
    let for_others = others.share(&program, &rows, &z, Level::best()).expect("fits");
    let selection = others.select(&[2]).expect("it turns");
    reverse.forward(&program, &batch, &shared, &rows, &mut one).expect("fits");
    let selected = reverse.backward_to(&batch, &selection, &shared, &one.clone(), &mut one);
    assert!(matches!(selected, Err(Error::Order { .. })), "of other derivatives");
    for (derivatives, shared) in [(&others, &shared), (&batch, &for_others), (&others, &for_others)] {
        let forward = reverse.forward(&program, derivatives, shared, &rows, &mut one);
        assert!(matches!(forward, Err(Error::Order { .. })), "{forward:?}");
        assert!(reverse.backward(derivatives, shared, &one, &mut two).is_err());
    }
    // What could not be shared again is taken by no pass until it has been.
    let mut again = shared.clone();
    assert!(matches!(others.share_again(&program, &rows, &mut again), Err(Error::Order { .. })));
    assert!(matches!(batch.share_again(&program, &[&[0.1, f64::NAN]], &mut again), Err(Error::Angle { .. })));
    assert!(matches!(reverse.forward(&program, &batch, &again, &rows, &mut one), Err(Error::Order { .. })));
    batch.share_again(&program, &[stranger], &mut again).expect("finite");
    assert!(matches!(reverse.forward(&program, &batch, &again, &rows, &mut one), Err(Error::NotShared { .. })));
    reverse.forward(&program, &batch, &again, &[stranger], &mut one).expect("shared");
    assert!((one[0][0] - 0.7_f64.cos()).abs() < 1e-15);
    circuit.unitary(&[0, 2], &random_unitary(4, 3)).expect("unitary");
    assert!(BatchDerivatives::new(&Program::compile(&circuit), &[0]).is_none(), "a matrix is no layer");
    let wide = Program::compile(&Circuit::new(14).expect("width"));
    assert!(BatchDerivatives::new(&wide, &[]).is_none());
}

#[test]
#[should_panic(expected = "rotation 1 is given twice")]
fn a_rotation_is_differentiated_once() {
    let mut circuit = Circuit::new(1).expect("width");
    let t = circuit.parameter("t").expect("new");
    circuit.ry(0, t).expect("valid").rz(0, t).expect("valid").rx(0, t).expect("valid");
    let _ = BatchDerivatives::new(&Program::compile(&circuit), &[1, 0, 1]);
}

/// Batches of which one has more layers with tables of their own than the other, on one memory and in turn.
#[test]
fn another_batch_begins_by_itself() {
    let mut circuit = Circuit::new(4).expect("width");
    let t = circuit.parameters_named("t", 8).expect("new");
    for (k, &t) in t.iter().enumerate() {
        circuit.ry(k % 4, t).expect("valid").cz(k % 4, (k + 1) % 4).expect("valid").rz((k + 2) % 4, t).expect("valid");
    }
    let program = Program::compile(&circuit);
    let wanted: Vec<usize> = (0..program.rotations().len()).collect();
    let batch = BatchDerivatives::new(&program, &wanted).expect("layers");
    let observables = observables(4);
    let row = |differing: usize, by: f64| -> Vec<f64> {
        (0..8).map(|k| 0.2 + 0.3 * k as f64 + if k < differing { by } else { 0.0 }).collect()
    };
    let batches: Vec<Vec<Vec<f64>>> =
        [0, 3, 8, 1].into_iter().map(|differing| vec![row(differing, 0.0), row(differing, 0.7)]).collect();
    let run = |reverse: &mut BatchReverse, rows: &[Vec<f64>]| {
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let shared = batch.share(&program, &rows, &observables, Level::best()).expect("finite");
        let (mut values, mut by_angle) = (vec![[0.0; 4]; 3], vec![[0.0; 4]; wanted.len()]);
        reverse.forward(&program, &batch, &shared, &rows, &mut values).expect("fits");
        reverse.backward(&batch, &shared, &values, &mut by_angle).expect("fits");
        (values, by_angle)
    };
    let mut kept = BatchReverse::new(&batch);
    for rows in batches.iter().chain(batches.iter().rev()) {
        assert_eq!(run(&mut kept, rows), run(&mut BatchReverse::new(&batch), rows));
    }
}

/// Once a batch has begun, groups allocate nothing.
#[test]
fn groups_allocate_nothing() {
    let mut circuit = Circuit::new(5).expect("width");
    let t = circuit.parameters_named("t", 10).expect("new");
    for (q, pair) in t.chunks(2).enumerate() {
        circuit.rx(q, pair[0]).expect("valid").ry(q, pair[1]).expect("valid").cz(q, (q + 1) % 5).expect("valid");
    }
    let program = Program::compile(&circuit);
    let wanted: Vec<usize> = (0..10).collect();
    let batch = BatchDerivatives::new(&program, &wanted).expect("layers");
    let rows: Vec<Vec<f64>> = (0..3).map(|row| (0..10).map(|k| 0.1 * (k * (row + k % 2)) as f64).collect()).collect();
    let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
    let observables = observables(5);
    let shared = batch.share(&program, &rows, &observables, Level::best()).expect("finite");
    let mut reverse = BatchReverse::new(&batch);
    let (mut values, mut by_angle) = ([[0.0; 4]; 3], [[0.0; 4]; 10]);
    reverse.forward(&program, &batch, &shared, &rows, &mut values).expect("fits");
    let count = allocation_counter::measure(|| {
        reverse.forward(&program, &batch, &shared, &rows, &mut values).expect("fits");
        reverse.backward(&batch, &shared, &values, &mut by_angle).expect("fits");
    });
    assert_eq!(count.count_total, 0);
}

#[test]
fn rows_of_circuits_that_move_basis_states() {
    for kind in 0..5 {
        for qubits in [3, 4, 6, 8] {
            let circuit = moving(qubits, kind);
            let count = circuit.parameters().len();
            // Some parameters differ from row to row.
            let value =
                |row: usize, k: usize| (0.3 * (if k.is_multiple_of(3) { row * count } else { 0 } + k) as f64).sin();
            let rows: Vec<Vec<f64>> = (0..5).map(|row| (0..count).map(|k| value(row, k)).collect()).collect();
            for level in Level::available() {
                assert!(check(&circuit, &rows, level), "{qubits} qubits, kind {kind}");
            }
        }
    }
}
