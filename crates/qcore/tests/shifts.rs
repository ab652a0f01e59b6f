//! Groups of shifted runs against runs of their own, and what is read from them against sums over amplitudes.

mod common;

use common::{circuit_of, moving, random_unitary};
use num_complex::Complex64;
use proptest::prelude::*;
use qcore::{Binding, Circuit, Error, Level, Program, ShiftFamily, ShiftGroup, ShiftedMember, StateBatch, StateVector};
use std::f64::consts::PI;

/// Every member of every group against a run of the whole program, amplitudes with their global phase.
fn check(circuit: &Circuit, parameters: &[f64], groups: &[Vec<Vec<(usize, f64)>>], level: Level) {
    let program = Program::compile(circuit);
    let mut binding = Binding::new(&program);
    program.bind(parameters, &mut binding).expect("finite");
    let mut family = ShiftFamily::new(circuit.num_qubits()).expect("small").with_level(level);
    family.bind(&program, &binding).expect("fits");
    let mut group = ShiftGroup::new(circuit.num_qubits()).expect("small").with_level(level);
    let mut state = StateVector::zero(circuit.num_qubits()).expect("small").with_level(level);
    state.run(&program, &binding).expect("fits");
    for (index, amplitude) in state.amplitudes().into_iter().enumerate() {
        assert!((family.unshifted().amplitude(index) - amplitude).norm() < 1e-13);
    }
    for shifts in groups {
        let factor = Complex64::from_polar(1.0, 0.3 * shifts.len() as f64);
        let members: Vec<_> = shifts.iter().map(|shifts| ShiftedMember { shifts, factor }).collect();
        let states = group.run(&program, &family, &members).expect("fits");
        for (member, shifts) in shifts.iter().enumerate() {
            program.bind(parameters, &mut binding).expect("finite");
            for &(rotation, shift) in shifts {
                program.shift(rotation, shift, &mut binding);
            }
            state.run(&program, &binding).expect("fits");
            for (index, amplitude) in state.amplitudes().into_iter().enumerate() {
                let got = states.amplitude(member, index);
                let distance = (got - factor * amplitude).norm();
                assert!(distance < 1e-12, "{shifts:?}, state {index}: {got} for {amplitude} at {level}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn shifted_runs_equal_runs_of_their_own(
        qubits in 1_usize..=6,
        choices in prop::collection::vec((0_usize..64, 0_usize..100_000, -7.0_f64..7.0), 1..30),
        picks in prop::collection::vec((0_usize..1000, 0_usize..1000, -4.0_f64..4.0), 1..10),
    ) {
        let circuit = circuit_of(qubits, &choices);
        let parameters: Vec<f64> = (0..circuit.parameters().len()).map(|k| (0.3 * k as f64).sin()).collect();
        let rotations = Program::compile(&circuit).rotations().len();
        let shifts: Vec<Vec<(usize, f64)>> = picks
            .iter()
            .map(|&(a, b, shift)| match a % 4 {
                _ if rotations == 0 => vec![],
                0 => vec![],
                1 => vec![(a % rotations, shift), (b % rotations, PI)],
                2 => vec![(a % rotations, PI)],
                _ => vec![(b % rotations, shift)],
            })
            .collect();
        let groups: Vec<_> = shifts.chunks(4).map(<[_]>::to_vec).collect();
        for level in Level::available() {
            check(&circuit, &parameters, &groups, level);
        }
    }
}

#[test]
fn matrices_that_stay_steps_take_part_and_half_turns_do_no_harm() {
    let mut circuit = Circuit::new(4).expect("width");
    let theta = circuit.parameters_named("t", 9).expect("new");
    for (q, &angle) in theta[..4].iter().enumerate() {
        circuit.ry(q, angle).expect("valid");
    }
    circuit.unitary(&[3, 1], &random_unitary(4, 8)).expect("unitary");
    circuit.rx(3, theta[4]).expect("valid").rz(1, theta[5]).expect("valid").crx(0, 1, theta[6]).expect("valid");
    circuit.unitary(&[0, 2], &random_unitary(4, 9)).expect("unitary");
    circuit.gate(qcore::Gate::Rzz, &[0, 3], &[theta[7].into()]).expect("valid").ry(2, theta[8]).expect("valid");
    let shifts: Vec<Vec<(usize, f64)>> = (0..9).map(|k| vec![(k, PI)]).collect();
    let groups: Vec<_> = shifts.chunks(3).map(<[_]>::to_vec).collect();
    check(&circuit, &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], &groups, Level::best());
    check(&circuit, &[PI, 0.0, PI, PI, 0.0, PI, PI, 0.0, PI], &groups, Level::best());
}

/// Class sums against sums over the amplitudes, behind a change of basis, at every level and with a number of members that no vector holds.
#[test]
fn class_sums_and_changes_of_basis_equal_sums_over_amplitudes() {
    for qubits in 1..=7_usize {
        let choices: Vec<_> = (0..20).map(|k| (k * 7 % 64, k * 1237, 0.4 * k as f64)).collect();
        let circuit = circuit_of(qubits, &choices);
        let program = Program::compile(&circuit);
        let count = program.num_parameters();
        let rows: Vec<Vec<f64>> =
            (0..6).map(|m| (0..count).map(|k| (0.7 * (m * count + k) as f64).cos()).collect()).collect();
        let mut binding = qcore::BatchBinding::new(&program, rows.len());
        program.bind_batch(rows.iter().map(|row| (row.as_slice(), None)), &mut binding).expect("finite");
        let (x, y) = (0b0101_0011_u64 & ((1 << qubits) - 1), 0b0010_1100_u64 & ((1 << qubits) - 1));
        let mut change = Circuit::new(qubits).expect("width");
        for q in 0..qubits {
            if y >> q & 1 == 1 {
                change.gate(qcore::Gate::Sdg, &[q], &[]).expect("valid");
            }
            if (x | y) >> q & 1 == 1 {
                change.h(q).expect("valid");
            }
        }
        let class_of: Vec<u32> = (0..1_u32 << qubits).map(u32::count_ones).collect();
        let reference = {
            let mut state = StateVector::zero(qubits).expect("small");
            state.apply_circuit(&circuit, &vec![0.3; count]).expect("fits");
            state
        };
        for level in Level::available() {
            let mut batch = StateBatch::zero(qubits, rows.len()).expect("small").with_level(level);
            batch.run(&program, &binding).expect("fits");
            batch.change_basis(x, y).expect("within");
            let (mut squares, mut overlaps, mut alone) = (Vec::new(), Vec::new(), Vec::new());
            batch.class_overlaps_into(&reference, &class_of, qubits + 1, &mut squares, &mut overlaps).expect("fits");
            batch.class_probabilities_into(&class_of, qubits + 1, &mut alone);
            assert_eq!(squares, alone);
            for (member, row) in rows.iter().enumerate() {
                let mut state = StateVector::zero(qubits).expect("small");
                state.apply_circuit(&circuit, row).expect("fits");
                state.apply_circuit(&change, &[]).expect("fits");
                let mut expected = vec![(0.0, 0.0); qubits + 1];
                for (index, amplitude) in state.amplitudes().into_iter().enumerate() {
                    let sums = &mut expected[class_of[index] as usize];
                    sums.0 += amplitude.norm_sqr();
                    sums.1 += (reference.amplitude(index).conj() * amplitude).re;
                }
                for (class, (square, overlap)) in expected.into_iter().enumerate() {
                    let at = member / 4 * (qubits + 1) + class;
                    assert!((squares[at][member % 4] - square).abs() < 1e-13, "{qubits} qubits, class {class}");
                    assert!((overlaps[at][member % 4] - overlap).abs() < 1e-13, "{qubits} qubits, class {class}");
                }
            }
        }
    }
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let mut circuit = Circuit::new(2).expect("width");
    let theta = circuit.parameter("theta").expect("new");
    circuit.ry(0, theta).expect("valid");
    let program = Program::compile(&circuit);
    circuit.rz(1, theta).expect("valid");
    let longer = Program::compile(&circuit);
    let wider = Program::compile(&Circuit::new(14).expect("width"));
    let mut family = ShiftFamily::new(2).expect("small");
    let mut group = ShiftGroup::new(2).expect("small");
    assert!(ShiftFamily::fits(&program) && !ShiftFamily::fits(&wider));
    assert!(matches!(ShiftFamily::new(14), Err(Error::Width { qubits: 14, max: 13 })));
    assert!(matches!(ShiftGroup::new(14), Err(Error::Width { qubits: 14, max: 13 })));
    assert!(
        family.bind(&longer, &Binding::new(&program)).is_err() && family.bind(&wider, &Binding::new(&wider)).is_err()
    );
    family.bind(&program, &Binding::new(&program)).expect("fits");
    let member = ShiftedMember { shifts: &[], factor: Complex64::ONE };
    assert!(group.run(&program, &family, &[member; 5]).is_err() && group.run(&longer, &family, &[member]).is_err());
    let mut other = StateBatch::zero(3, 4).expect("small");
    let states = group.run(&program, &family, &[member; 4]).expect("fits");
    assert!(
        states.change_basis(0b100, 0).is_err() && states.copy_from(&other).is_err() && other.change_basis(0, 1).is_ok()
    );
}

#[test]
fn shifted_runs_of_circuits_that_move_basis_states() {
    for kind in 0..5 {
        for qubits in [4, 6, 7] {
            let circuit = moving(qubits, kind);
            let parameters: Vec<f64> = (0..circuit.parameters().len()).map(|k| (0.3 * k as f64).sin()).collect();
            let shift = |k: usize| vec![(k, 0.4 + k as f64)];
            let last = parameters.len() - 1;
            let groups = [vec![vec![], shift(0), shift(qubits + 1), shift(last)], vec![shift(last - 1), shift(last)]];
            for level in Level::available() {
                check(&circuit, &parameters, &groups, level);
            }
        }
    }
}
