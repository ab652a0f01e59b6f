//! Second and third derivatives along a direction: where they are read off the compiled circuit and where they go gate by gate, both
//! ways must agree.

mod common;

use common::{angles, hea};
use nalgebra::DVector;
use proptest::prelude::*;
use qcore::{Angle, Circuit, Gate, PauliSum};
use qgrad::{Adjoint, Cotangents, Error, Estimator, Expectation, HessianProduct, LineDerivatives, StateVectorBackend};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// Gates that layers hold, with shared parameters; angles are affine.
fn layered(qubits: usize, choices: &[(usize, usize, f64)], parameters: usize) -> Circuit {
    let gates = [
        (Gate::Ry, 1, 1),
        (Gate::Rx, 1, 1),
        (Gate::Rz, 1, 1),
        (Gate::P, 1, 1),
        (Gate::U, 1, 3),
        (Gate::H, 1, 0),
        (Gate::Cx, 2, 0),
        (Gate::Cz, 2, 0),
        (Gate::Rzz, 2, 1),
        (Gate::Rxx, 2, 1),
        (Gate::Cp, 2, 1),
        (Gate::Crx, 2, 1),
        (Gate::Cry, 2, 1),
        (Gate::Crz, 2, 1),
    ];
    let mut circuit = Circuit::new(qubits).expect("width");
    let t = circuit.parameters_named("t", parameters).expect("new");
    for (index, &(gate, place, factor)) in choices.iter().enumerate() {
        let (gate, operands, count) = gates[gate % gates.len()];
        let first = place % qubits;
        let operands: Vec<usize> = [first, (first + 1 + place / qubits % (qubits - 1)) % qubits][..operands].to_vec();
        let (a, b) = (t[index % parameters], t[(index + place) % parameters]);
        let of: Vec<Angle> =
            (0..count).map(|k| if k == 0 { factor * a - 0.5 * b + 0.3 } else { Angle::from(b) }).collect();
        circuit.gate(gate, &operands, &of).expect("valid");
    }
    circuit
}

/// Two gates that undo each other and that no layer holds, so that derivatives go gate by gate.
fn with_matrices(circuit: &Circuit) -> Circuit {
    let mut circuit = circuit.clone();
    for _ in 0..2 {
        circuit.gate(Gate::Cswap, &[0, 1, 2], &[]).expect("valid");
    }
    circuit
}

fn observables(qubits: usize) -> Vec<PauliSum> {
    let last = qubits - 1;
    let all: Vec<String> = (0..qubits).map(|q| format!("0.3 * X{q} + Z{q}")).collect();
    vec![all.join(" + ").parse().expect("valid"), format!("0.8 * Z0 Z{last} - Y1 + 0.4 * I").parse().expect("valid")]
}

const WEIGHTS: [f64; 2] = [1.0, -0.7];

fn both(circuit: &Circuit, row: &[f64], direction: &[f64]) -> (HessianProduct, LineDerivatives) {
    let expectation = Expectation::of_all_parameters(circuit, observables(circuit.num_qubits())).expect("valid");
    let mut backend = StateVectorBackend::new();
    let product = Adjoint.hessian_vector_product(&expectation, row, &WEIGHTS, direction, &mut backend).expect("runs");
    let line = Adjoint.line_derivatives(&expectation, row, &WEIGHTS, direction, &mut backend).expect("runs");
    (product, line)
}

fn agree(one: &(HessianProduct, LineDerivatives), other: &(HessianProduct, LineDerivatives), within: f64) {
    let numbers = |(product, line): &(HessianProduct, LineDerivatives)| -> Vec<f64> {
        let line = [product.value, line.value, line.first, line.second, line.third];
        [product.gradient.as_slice(), &product.product, &line].concat()
    };
    for (k, (one, other)) in numbers(one).iter().zip(numbers(other)).enumerate() {
        assert!((one - other).abs() < within * (1.0 + one.abs()), "number {k}: {one} against {other}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn compiled_and_gate_by_gate_and_the_dense_hessian_agree(
        qubits in 3_usize..6,
        choices in prop::collection::vec((0_usize..64, 0_usize..40, -2.0_f64..2.0), 1..24),
        row in prop::collection::vec(-3.0_f64..3.0, 5),
        direction in prop::collection::vec(-1.0_f64..1.0, 5),
    ) {
        let circuit = layered(qubits, &choices, 5);
        let compiled = both(&circuit, &row, &direction);
        agree(&compiled, &both(&with_matrices(&circuit), &row, &direction), 1e-10);
        let expectation = Expectation::of_all_parameters(&circuit, observables(qubits)).expect("valid");
        let hessian = Adjoint.hessian(&expectation, &row, &WEIGHTS, &mut StateVectorBackend::new()).expect("runs");
        let expected = hessian.matrix * DVector::from_column_slice(&direction);
        for (found, expected) in compiled.0.product.iter().zip(expected.iter()) {
            prop_assert!((found - expected).abs() < 1e-10, "{} against {}", found, expected);
        }
    }
}

/// 13 qubits is the widest register that is one tile, 14 the first that is not.
#[test]
fn both_ways_agree_at_the_widths_where_they_change() {
    for qubits in [12, 13, 14] {
        let circuit = hea(qubits, 2);
        let row = angles(circuit.parameters().len());
        let direction: Vec<f64> = (0..row.len()).map(|k| (0.7 * k as f64).sin()).collect();
        agree(&both(&circuit, &row, &direction), &both(&with_matrices(&circuit), &row, &direction), 1e-11);
    }
}

/// Parameters that are bound only, a cone that leaves qubits out, angles that are products, and one backend for all of them in turn.
#[test]
fn what_a_backend_keeps_belongs_to_one_expectation() {
    let mut circuit = Circuit::new(4).expect("width");
    let t = circuit.parameters_named("t", 5).expect("new");
    for (q, &t) in t[..4].iter().enumerate() {
        circuit.ry(q, t).expect("valid");
    }
    circuit.cz(0, 1).expect("valid").rx(0, t[4] * t[0]).expect("valid").ry(1, t[1] + t[4]).expect("valid");
    circuit.cz(2, 3).expect("valid").ry(2, t[4]).expect("valid");
    let (row, z): (_, fn(usize) -> PauliSum) = (angles(5), |q| format!("Z{q} + 0.5 * X0").parse().expect("valid"));
    let whole = Expectation::of_all_parameters(&circuit, vec![z(1)]).expect("valid");
    let mut backend = StateVectorBackend::new();
    let some = Expectation::new(&circuit, vec![z(2)], &[t[4], t[2]]).expect("valid");
    for _ in 0..2 {
        for expectation in [&whole, &some] {
            let size = expectation.wrt().len();
            let direction: Vec<f64> = (0..size).map(|k| 0.4 + 0.3 * k as f64).collect();
            let product =
                Adjoint.hessian_vector_product(expectation, &row, &[1.0], &direction, &mut backend).expect("runs");
            let hessian = Adjoint.hessian(expectation, &row, &[1.0], &mut backend).expect("runs").matrix;
            let expected = hessian * DVector::from_column_slice(&direction);
            assert!(product.product.iter().zip(expected.iter()).all(|(a, b)| (a - b).abs() < 1e-12));
            let line = Adjoint.line_derivatives(expectation, &row, &[1.0], &direction, &mut backend).expect("runs");
            let second: f64 = expected.iter().zip(&direction).map(|(a, b)| a * b).sum();
            assert!((line.second - second).abs() < 1e-12);
            let at = Adjoint.second_order(expectation, &row, &[1.0], &mut backend).expect("runs");
            let change = Adjoint.gradient_change(expectation, &row, &[1.0], &at, 1e-3, &mut backend).expect("runs");
            assert!((change.predicted - change.actual).abs() < 1e-7, "{change:?}");
        }
    }
    // Nothing to differentiate, nothing that moves, and an observable that sees no parameter.
    let none = Expectation::new(&circuit, vec![z(1)], &[]).expect("valid");
    let answer = Adjoint.hessian_vector_product(&none, &row, &[2.0], &[], &mut backend).expect("runs");
    assert!(answer.gradient.is_empty() && answer.value.abs() > 0.1);
    let still = Adjoint.line_derivatives(&whole, &row, &[1.0], &[0.0; 5], &mut backend).expect("runs");
    assert_eq!((still.first, still.second, still.third), (0.0, 0.0, 0.0));
    let identity = Expectation::of_all_parameters(&circuit, vec!["2 * I".parse().expect("valid")]).expect("valid");
    let line = Adjoint.line_derivatives(&identity, &row, &[1.5], &[1.0; 5], &mut backend).expect("runs");
    let slopes = [line.first, line.second, line.third];
    assert!((line.value - 3.0).abs() < 1e-13 && slopes.iter().all(|slope| slope.abs() < 1e-13), "{line:?}");
    let bad = Adjoint.hessian_vector_product(&whole, &[f64::NAN; 5], &[1.0], &[1.0; 5], &mut backend);
    assert!(matches!(bad, Err(Error::NotFinite { .. })));
}

/// Observables may be exchanged after a gradient has been asked for: what it has learnt of the light cone must not stay.
#[test]
fn other_observables_see_other_qubits() {
    let mut circuit = Circuit::new(2).expect("width");
    let t = circuit.parameters_named("t", 2).expect("new");
    circuit.ry(0, t[0]).expect("valid").ry(1, t[1]).expect("valid");
    let first = Expectation::of_all_parameters(&circuit, vec!["Z0".parse().expect("valid")]).expect("valid");
    let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(0));
    let row = [0.3, 0.8];
    let before = Adjoint.gradient(&first, &row, &mut backend, &mut rng).expect("runs").gradient;
    assert!((before[0] + 0.3_f64.sin()).abs() < 1e-15 && before[1] == 0.0);
    let other = first.with_observables(vec!["Z1".parse().expect("valid")]).expect("valid");
    let after = Adjoint.vjp(&other, &row, Cotangents::Fixed(&[1.0]), &mut backend, &mut rng).expect("runs").gradient;
    assert!(after[0] == 0.0 && (after[1] + 0.8_f64.sin()).abs() < 1e-15, "{after:?}");
}
