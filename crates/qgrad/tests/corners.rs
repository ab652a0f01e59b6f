//! What stands at the edge of what is allowed: one qubit, no parameter, parameters that are shared or not used, observables without letters or without
//! terms, widths at which another way is taken, and numbers that are none.

mod common;

use nalgebra::DMatrix;
use qcore::{Angle, Circuit, Gate, PauliString, PauliSum};
use qgrad::{
    Adjoint, Backend, Cotangents, Error, Estimator, Expectation, JobShots, ParameterShift, Point, Shift, Shots,
    StateVectorBackend,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// Parameter 0 is in four angles, with other factors in each; 1 in none; 2 in a controlled gate that commutes with all that is measured behind it;
/// 3 in a diagonal and a rotation about X.
fn circuit(qubits: usize) -> Circuit {
    let mut circuit = Circuit::new(qubits).expect("width");
    let t = circuit.parameters_named("t", 4).expect("new");
    let last = qubits - 1;
    for q in 0..qubits {
        circuit.ry(q, 0.3 + 0.2 * q as f64).expect("valid");
    }
    circuit.rx(0, t[0]).expect("valid").ry(last, Angle::from(t[0]) * 2.0 + 0.1).expect("valid");
    for q in 1..qubits {
        circuit.cx(q - 1, q).expect("valid");
    }
    circuit.rz(0, Angle::from(t[0]) * -0.5).expect("valid").rx(last, t[3]).expect("valid");
    circuit.gate(Gate::P, &[last], &[t[3].into()]).expect("valid");
    circuit.ry(0, t[0]).expect("valid");
    if qubits > 1 {
        circuit.crz(0, last, t[2]).expect("valid");
    }
    circuit
}

fn observables(qubits: usize) -> Vec<PauliSum> {
    let last = 1 << (qubits - 1);
    let sum = |terms: Vec<(f64, PauliString)>| PauliSum::new(terms).expect("finite");
    vec![
        sum(vec![(0.7, PauliString::IDENTITY)]),
        sum(vec![(1.0, PauliString::from_masks(0, 1)), (0.4, PauliString::from_masks(last, 0))]),
        sum(vec![]),
        sum(vec![(0.5, PauliString::from_masks(1 | last, last)), (0.2, PauliString::IDENTITY)]),
    ]
}

const ROW: [f64; 4] = [0.4, 1.3, -0.6, 0.9];
const WEIGHTS: [f64; 4] = [2.0, 0.8, -3.0, 1.1];

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

/// At widths on both sides of every threshold: values, gradients, Hessians and what is taken along a direction agree with parameter shift, and
/// one memory gives the same for all of them, one after the other.
#[test]
fn all_ways_agree_at_every_width() {
    let mut kept = StateVectorBackend::new();
    for qubits in [1, 2, 5, 6, 13, 14, 6, 5, 1] {
        let expectation = Expectation::of_all_parameters(&circuit(qubits), observables(qubits)).expect("valid");
        let shift = ParameterShift { shots: Shots::Exact };
        let mut fresh = StateVectorBackend::new();
        let fixed = Cotangents::Fixed(&WEIGHTS);
        let expected = shift.vjp(&expectation, &ROW, fixed, &mut fresh, &mut rng()).expect("exact");
        let got = Adjoint.vjp(&expectation, &ROW, Cotangents::Fixed(&WEIGHTS), &mut kept, &mut rng()).expect("exact");
        let close = |a: &[f64], b: &[f64], what: &str| {
            assert_eq!(a.len(), b.len());
            let error = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(error < 1e-11, "{what} at {qubits} qubits: {a:?} and {b:?}");
        };
        close(&got.gradient, &expected.gradient, "the gradient");
        assert_eq!(got.gradient[1], 0.0, "a parameter that is not used");
        let values = |estimates: &[qgrad::Estimate]| estimates.iter().map(|it| it.value).collect::<Vec<_>>();
        let exact = Adjoint.values(&expectation, &ROW, &mut kept, &mut rng()).expect("exact");
        assert!((exact.estimates[0].value - 0.7).abs() < 1e-12 && exact.estimates[2].value == 0.0);
        let alone = shift.values(&expectation, &ROW, &mut fresh, &mut rng()).expect("exact");
        close(&values(&exact.estimates), &values(&alone.estimates), "values");
        if qubits > 6 {
            continue;
        }
        let matrix: DMatrix<f64> =
            shift.hessian(&expectation, &ROW, &WEIGHTS, &mut fresh, &mut rng()).expect("exact").matrix;
        let hessian = Adjoint.hessian(&expectation, &ROW, &WEIGHTS, &mut kept).expect("exact").matrix;
        close(hessian.as_slice(), matrix.as_slice(), "the Hessian");
        for direction in [[0.0; 4], [0.0, 1.0, 0.0, 0.0], [0.3, -0.2, 0.9, 0.5]] {
            let product = Adjoint.hessian_vector_product(&expectation, &ROW, &WEIGHTS, &direction, &mut kept);
            let product = product.expect("exact");
            let dense = &matrix * nalgebra::DVector::from_column_slice(&direction);
            close(&product.product, dense.as_slice(), "the product");
            close(&product.gradient, &expected.gradient, "the gradient beside it");
            let line = Adjoint.line_derivatives(&expectation, &ROW, &WEIGHTS, &direction, &mut kept).expect("exact");
            let along: f64 = direction.iter().zip(dense.iter()).map(|(a, b)| a * b).sum();
            assert!((line.second - along).abs() < 1e-11, "{qubits} qubits");
        }
        // Samples of the same row, one and several, with every rotation shifted.
        let rows = [ROW, [0.4, 1.3, -0.6, 0.2], ROW, ROW, [0.1, -1.3, 0.6, 0.2]].concat();
        for count in [1, 2, 5] {
            let rows = &rows[..4 * count];
            let points: Vec<Point> = (0..count)
                .flat_map(|row| {
                    let shift = move |rotation| Point::shifted(row, Shift { rotation, angle: 0.5 });
                    (0..expectation.program().rotations().len()).map(shift).chain([Point::at(row)])
                })
                .collect();
            let mut take = |points: &[Point], seed: u64| {
                let job = expectation.job(rows, points, JobShots::Each(50));
                kept.run(&job, &mut ChaCha8Rng::seed_from_u64(seed)).expect("runs").values.to_vec()
            };
            let first = take(&points, 7);
            assert_eq!(take(&points[..1], 8).len(), 4);
            assert_eq!(take(&points, 7), first, "{qubits} qubits, {count} rows");
        }
    }
}

/// A circuit without parameters has one row, which is empty, and derivatives of length 0.
#[test]
fn without_parameters() {
    for qubits in [1, 3, 6] {
        let mut circuit = Circuit::new(qubits).expect("width");
        circuit.h(0).expect("valid").ry(0, 0.3).expect("valid");
        let expectation = Expectation::of_all_parameters(&circuit, vec!["X0".parse().expect("valid")]).expect("valid");
        let mut backend = StateVectorBackend::new();
        let vjp = Adjoint.vjp(&expectation, &[], Cotangents::Fixed(&[1.0]), &mut backend, &mut rng()).expect("exact");
        assert!(vjp.gradient.is_empty() && vjp.std_errors.is_empty());
        let hessian = Adjoint.hessian(&expectation, &[], &[1.0], &mut backend).expect("exact").matrix;
        assert_eq!((hessian.nrows(), hessian.ncols()), (0, 0));
        let product = Adjoint.hessian_vector_product(&expectation, &[], &[1.0], &[], &mut backend).expect("exact");
        assert!(product.product.is_empty() && (product.value - 0.3_f64.cos()).abs() < 1e-14);
        let along = Adjoint.second_order(&expectation, &[], &[1.0], &mut backend).expect("exact");
        assert_eq!((along.gradient_squared, along.second, along.third), (0.0, 0.0, 0.0));
        assert!(Adjoint.vjp(&expectation, &[0.1], Cotangents::Fixed(&[1.0]), &mut backend, &mut rng()).is_err());
    }
}

#[test]
fn numbers_that_are_none_are_refused_by_name() {
    let expectation = Expectation::of_all_parameters(&circuit(3), observables(3)).expect("valid");
    let mut backend = StateVectorBackend::new();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for at in 0..4 {
            let (mut row, mut weights, mut direction) = (ROW, WEIGHTS, [0.3; 4]);
            (row[at], weights[at], direction[at]) = (bad, bad, bad);
            let b = &mut backend;
            let named = |error: Option<Error>| match error {
                Some(Error::NotFinite { index, .. }) => assert_eq!(index, at),
                Some(Error::Cotangent { .. }) => {}
                other => panic!("{bad} at {at}: {other:?}"),
            };
            named(Adjoint.vjp(&expectation, &row, Cotangents::Fixed(&WEIGHTS), b, &mut rng()).err());
            named(Adjoint.hessian(&expectation, &row, &WEIGHTS, b).err());
            named(Adjoint.hessian_vector_product(&expectation, &row, &WEIGHTS, &[0.3; 4], b).err());
            named(Adjoint.hessian_vector_product(&expectation, &ROW, &WEIGHTS, &direction, b).err());
            named(Adjoint.line_derivatives(&expectation, &ROW, &WEIGHTS, &direction, b).err());
            named(Adjoint.vjp(&expectation, &ROW, Cotangents::Fixed(&weights), b, &mut rng()).err());
            named(Adjoint.hessian(&expectation, &ROW, &weights, b).err());
            named(Adjoint.hessian_vector_product(&expectation, &ROW, &weights, &[0.3; 4], b).err());
            named(Adjoint.line_derivatives(&expectation, &ROW, &weights, &[0.3; 4], b).err());
            named(Adjoint.second_order(&expectation, &ROW, &weights, b).err());
            let shift = ParameterShift { shots: Shots::PerCircuit(10) };
            named(shift.hessian(&expectation, &ROW, &weights, b, &mut rng()).err());
        }
    }
}

/// Also where nothing that is measured depends on them.
#[test]
fn angles_that_are_none_are_refused_wherever_they_stand() {
    let qubits = 2;
    let base = {
        let mut circuit = Circuit::new(qubits).expect("width");
        let t = circuit.parameter("t").expect("new");
        (circuit, Angle::from(1.0) / Angle::from(t))
    };
    let cases: [(Gate, &[usize]); 5] =
        [(Gate::Rx, &[1]), (Gate::Rz, &[0]), (Gate::Rzz, &[0, 1]), (Gate::Cp, &[0, 1]), (Gate::GlobalPhase, &[])];
    for (gate, on) in cases {
        let (mut circuit, inverse) = base.clone();
        circuit.gate(gate, on, &[inverse]).expect("valid");
        for observable in ["Z0", "2"] {
            let observable: PauliSum = observable.parse().expect("valid");
            let Ok(expectation) = Expectation::of_all_parameters(&circuit, vec![observable]) else { continue };
            for shots in [JobShots::Exact, JobShots::Each(10)] {
                let points = [Point::at(0)];
                let run = |t: f64| StateVectorBackend::new().run(&expectation.job(&[t], &points, shots), &mut rng());
                assert!(run(0.5).is_ok(), "{gate:?}");
                let refused = run(0.0);
                assert!(matches!(refused, Err(Error::Circuit(qcore::Error::Angle { .. }))), "{gate:?}: {refused:?}");
            }
        }
    }
}

#[test]
fn shifts_that_are_no_angles_are_refused() {
    let expectation = Expectation::of_all_parameters(&circuit(3), observables(3)).expect("valid");
    for shots in [JobShots::Exact, JobShots::Each(10)] {
        for bad in [f64::NAN, f64::INFINITY] {
            let (good, bad) = (Shift { rotation: 0, angle: 0.1 }, Shift { rotation: 1, angle: bad });
            for point in [Point::shifted(0, bad), Point::shifted_twice(0, good, bad)] {
                let job = expectation.job(&ROW, std::slice::from_ref(&point), shots);
                let refused = StateVectorBackend::new().run(&job, &mut rng());
                assert!(matches!(refused, Err(Error::Circuit(qcore::Error::Angle { .. }))), "{shots:?}: {refused:?}");
            }
        }
    }
}

/// Also without parameters, and where only a simple angle leaves the range.
#[test]
fn constant_and_overflowing_angles_are_refused_wherever_they_stand() {
    let refused = |circuit: &Circuit, row: &[f64]| {
        let observable: PauliSum = "Z0".parse().expect("valid");
        let expectation = Expectation::of_all_parameters(circuit, vec![observable]).expect("valid");
        let points = [Point::at(0)];
        let result = StateVectorBackend::new().run(&expectation.job(row, &points, JobShots::Exact), &mut rng());
        match result {
            Err(Error::Circuit(qcore::Error::Angle { operation, .. })) => Some(operation),
            Err(other) => panic!("{other}"),
            Ok(_) => None,
        }
    };
    for (angle, bad) in [(0.3, false), (f64::NAN, true), (f64::INFINITY, true)] {
        let mut circuit = Circuit::new(2).expect("width");
        circuit.rx(0, 0.3).expect("valid").rx(1, Angle::constant(angle)).expect("valid");
        assert_eq!(refused(&circuit, &[]), bad.then_some(1), "{angle}");
    }
    let mut circuit = Circuit::new(2).expect("width");
    let t = circuit.parameter("t").expect("new");
    circuit.rx(0, t).expect("valid").rx(1, t * 1e308).expect("valid");
    assert_eq!((refused(&circuit, &[1.0]), refused(&circuit, &[100.0])), (None, Some(1)));
}

/// By every way to a derivative; values and derivatives by other parameters are as they are.
#[test]
fn angles_without_a_derivative_are_refused_by_name() {
    let mut circuit = Circuit::new(1).expect("width");
    let t = circuit.parameters_named("t", 2).expect("new");
    circuit.rx(0, 0.2).expect("valid").ry(0, Angle::from(t[0]).powf(0.5) + t[1]).expect("valid");
    let observable: PauliSum = "Z0".parse().expect("valid");
    let all = Expectation::of_all_parameters(&circuit, vec![observable.clone()]).expect("valid");
    let (row, mut backend) = ([0.0, 0.3], StateVectorBackend::new());
    let exact = -0.2_f64.cos() * 0.3_f64.sin();
    assert!(Adjoint.values(&all, &row, &mut backend, &mut rng()).is_ok());
    let shift = ParameterShift { shots: Shots::Exact };
    for result in
        [Adjoint.gradient(&all, &row, &mut backend, &mut rng()), shift.gradient(&all, &row, &mut backend, &mut rng())]
    {
        let error = result.expect_err("a square root at 0");
        assert!(
            matches!(error, Error::Slope { operation: 1, parameter: 0, value } if value == f64::INFINITY),
            "{error}"
        );
        assert_eq!(error.to_string(), "the angle of operation 1 has a derivative by parameter 0 that is inf");
    }
    assert!(Adjoint.gradient(&all, &[0.1, 0.3], &mut backend, &mut rng()).is_ok());
    let other = Expectation::new(&circuit, vec![observable.clone()], &[t[1]]).expect("valid");
    let by_other = Adjoint.gradient(&other, &row, &mut backend, &mut rng()).expect("finite").gradient[0];
    assert!((by_other - exact).abs() < 1e-15);
    // A first derivative, but no second one.
    let mut circuit = Circuit::new(1).expect("width");
    let t = circuit.parameters_named("t", 2).expect("new");
    circuit.ry(0, Angle::from(t[0]).powf(1.5) + t[1]).expect("valid");
    let bent = Expectation::of_all_parameters(&circuit, vec![observable]).expect("valid");
    assert_eq!(Adjoint.gradient(&bent, &row, &mut backend, &mut rng()).expect("finite").gradient[0], 0.0);
    let hessian = Adjoint.hessian(&bent, &row, &[1.0], &mut backend);
    assert!(matches!(hessian, Err(Error::Slope { operation: 0, parameter: 0, .. })));
}
