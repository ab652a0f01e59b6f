//! Batches against the same states one by one.

mod common;

use common::{circuit_of, moving, random_unitary};
use proptest::prelude::*;
use qcore::{BatchBinding, Binding, Circuit, Error, Level, PauliString, PauliSum, Program, StateBatch, StateVector};

/// Every member of a batch against a state of its own: amplitudes and expectation values.
fn check(circuit: &Circuit, parameters: &[Vec<f64>], shifts: &[Option<(usize, f64)>], level: Level) {
    let qubits = circuit.num_qubits();
    let program = Program::compile(circuit);
    let mut binding = BatchBinding::new(&program, parameters.len());
    let members = parameters.iter().map(Vec::as_slice).zip(shifts.iter().copied());
    program.bind_batch(members, &mut binding).expect("finite angles");
    let mut batch = StateBatch::zero(qubits, parameters.len()).expect("small").with_level(level);
    batch.run(&program, &binding).expect("fits");

    let mut terms = vec![(0.5, PauliString::IDENTITY)];
    for q in 0..qubits {
        let next = (q + 1) % qubits;
        terms.push((0.3 + q as f64, PauliString::from_masks(1 << q, 0)));
        terms.push((0.2 - q as f64, PauliString::from_masks(0, 1 << q | 1 << next)));
        terms.push((0.7, PauliString::from_masks(1 << q | 1 << next, 1 << q)));
        terms.push((-0.9, PauliString::from_masks(1 << q | 1 << next, 1 << q | 1 << next)));
    }
    let observable = PauliSum::new(terms).expect("finite");
    let mut values = Vec::new();
    batch.expectations_into(&observable, &mut values).expect("fits");
    assert_eq!(values.len(), parameters.len());

    let mut single = Binding::new(&program);
    let mut state = StateVector::zero(qubits).expect("small").with_level(level);
    for (member, (parameters, shift)) in parameters.iter().zip(shifts).enumerate() {
        program.bind(parameters, &mut single).expect("finite angles");
        if let Some((rotation, by)) = *shift {
            program.shift(rotation, by, &mut single);
        }
        state.run(&program, &single).expect("fits");
        let mut probabilities = Vec::new();
        batch.probabilities_into(member, &mut probabilities);
        for (index, amplitude) in state.amplitudes().into_iter().enumerate() {
            let got = batch.amplitude(member, index);
            assert!((got - amplitude).norm() < 1e-13, "member {member}, state {index}: {got} for {amplitude}");
            assert!((probabilities[index] - amplitude.norm_sqr()).abs() < 1e-13);
        }
        let expected = state.expectation(&observable).expect("fits");
        assert!((values[member] - expected).abs() < 1e-13 * (1.0 + observable.one_norm()), "member {member}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn members_equal_states_of_their_own(
        qubits in 1_usize..=8,
        members in 1_usize..=9,
        choices in prop::collection::vec((0_usize..64, 0_usize..100_000, -7.0_f64..7.0), 1..40),
        shift in -3.0_f64..3.0,
    ) {
        let circuit = circuit_of(qubits, &choices);
        let count = circuit.parameters().len();
        let parameters: Vec<Vec<f64>> =
            (0..members).map(|m| (0..count).map(|k| (0.3 * (m * count + k) as f64).sin()).collect()).collect();
        let rotations = Program::compile(&circuit).rotations().len();
        let shifts: Vec<_> = (0..members).map(|m| (m % 2 == 1 && rotations > 0).then(|| (m % rotations, shift))).collect();
        for level in Level::available() {
            check(&circuit, &parameters, &shifts, level);
        }
    }
}

#[test]
fn matrices_that_stay_steps_act_on_every_member() {
    let mut circuit = Circuit::new(4).expect("width");
    let theta = circuit.parameter("theta").expect("a new name");
    circuit.ry(1, theta).expect("valid").unitary(&[3, 1], &random_unitary(4, 8)).expect("unitary");
    circuit.rx(3, theta).expect("valid").unitary(&[0, 2], &random_unitary(4, 9)).expect("unitary");
    let parameters: Vec<Vec<f64>> = (0..5).map(|m| vec![0.4 * f64::from(m)]).collect();
    check(&circuit, &parameters, &[None; 5], Level::best());
}

#[test]
fn wrong_sizes_are_refused() {
    let mut circuit = Circuit::new(2).expect("width");
    let theta = circuit.parameter("theta").expect("a new name");
    circuit.ry(0, theta).expect("valid");
    let program = Program::compile(&circuit);
    let mut binding = BatchBinding::new(&program, 2);
    let one = [0.5];
    let member = || (one.as_slice(), None);
    assert!(matches!(program.bind_batch([member()], &mut binding), Err(Error::WidthMismatch { .. })));
    assert!(matches!(program.bind_batch([member(); 3], &mut binding), Err(Error::WidthMismatch { .. })));
    assert!(matches!(program.bind_batch([([].as_slice(), None); 2], &mut binding), Err(Error::ParameterCount { .. })));
    let infinite = [f64::INFINITY];
    let bad = [member(), (infinite.as_slice(), None)];
    assert!(matches!(program.bind_batch(bad, &mut binding), Err(Error::Angle { .. })));
    program.bind_batch([member(); 2], &mut binding).expect("two members");
    assert!(StateBatch::zero(3, 2).expect("small").run(&program, &binding).is_err());
    assert!(StateBatch::zero(2, 3).expect("small").run(&program, &binding).is_err());
    assert!(StateBatch::zero(0, 3).is_err() && StateBatch::zero(17, 3).is_err());
    let mut batch = StateBatch::zero(2, 2).expect("small");
    batch.run(&program, &binding).expect("fits");
    assert!(batch.expectations_into(&"Z2".parse().expect("valid"), &mut Vec::new()).is_err());
}

#[test]
fn members_of_circuits_that_move_basis_states() {
    for kind in 0..5 {
        for qubits in [3, 6, 8] {
            let circuit = moving(qubits, kind);
            let count = circuit.parameters().len();
            let parameters: Vec<Vec<f64>> =
                (0..5).map(|m| (0..count).map(|k| (0.3 * (m * count + k) as f64).sin()).collect()).collect();
            let shifts: Vec<_> = (0..5).map(|m| (m % 2 == 1).then_some((2 * m, 0.4))).collect();
            for level in Level::available() {
                check(&circuit, &parameters, &shifts, level);
            }
        }
    }
}
