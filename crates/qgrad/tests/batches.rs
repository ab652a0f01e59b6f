//! Exact gradients over many rows against rows one by one, and shifted circuits from shots against what their variance must be.

use qcore::{Circuit, Param, PauliSum};
use qgrad::{
    Adjoint, Cotangents, Error, Estimate, Estimator, Expectation, ParameterShift, Shots, Simulator, StateVectorBackend,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use std::f64::consts::PI;

/// Data on every qubit, then layers of weights, and data once more in expressions with a weight.
fn classifier(qubits: usize) -> (Circuit, Vec<Param>) {
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
        circuit.rx(0, x[0] * layer[0] + 0.2).expect("valid").crz(0, qubits - 1, 0.5 * layer[1]).expect("valid");
    }
    (circuit, w)
}

fn rows(qubits: usize, count: usize) -> Vec<f64> {
    let row = |sample: usize| {
        let data = (0..qubits).map(move |q| (0.05 + 0.11 * (sample * qubits + q) as f64) % PI);
        data.chain((0..4 * qubits).map(|k| (0.1 + 0.37 * k as f64) % 6.0))
    };
    (0..count).flat_map(row).collect()
}

/// Squared losses: the cotangent of each observable from its own value.
fn weigh(row: usize, values: &[Estimate], weights: &mut [Estimate]) {
    for (o, (weight, value)) in weights.iter_mut().zip(values).enumerate() {
        *weight = Estimate::exact(2.0 * (value.value - (row as f64 + o as f64).sin()));
    }
}

#[test]
fn many_rows_have_the_values_and_the_gradient_of_rows_one_by_one() {
    for (qubits, counts) in [(2, 1..13), (5, 3..6), (10, 5..6)] {
        let (circuit, weights) = classifier(qubits);
        let observables: Vec<PauliSum> = vec![
            PauliSum::transverse_field_ising(qubits, 1.0, 0.8).expect("finite"),
            "0.5 * Z0 + 0.25 * Y0 Y1 + 0.1".parse().expect("valid"),
        ];
        let expectation = Expectation::new(&circuit, observables, &weights).expect("valid");
        for count in counts {
            let rows = rows(qubits, count);
            let mut backend = StateVectorBackend::new();
            let mut order = Vec::new();
            let mut weigh_in_order = |row: usize, values: &[Estimate], weights: &mut [Estimate]| {
                order.push(row);
                weigh(row, values, weights);
            };
            let (values, gradient) =
                backend.adjoint(&expectation, &rows, Cotangents::OfValues(&mut weigh_in_order)).expect("runs");
            assert_eq!(order, (0..count).collect::<Vec<_>>(), "every row once, in order");
            let (mut alone, mut cotangents) = (vec![0.0; gradient.len()], Vec::new());
            for (index, row) in rows.chunks(5 * qubits).enumerate() {
                let mut weigh_alone = |_: usize, values: &[Estimate], weights: &mut [Estimate]| {
                    weigh(index, values, weights);
                    cotangents.extend(weights.iter().map(|weight| weight.value));
                };
                let (of_row, part) =
                    backend.adjoint(&expectation, row, Cotangents::OfValues(&mut weigh_alone)).expect("runs");
                for (found, expected) in values[2 * index..].iter().zip(&of_row) {
                    assert!((found.value - expected.value).abs() < 1e-12, "{qubits} qubits, row {index} of {count}");
                }
                alone.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            }
            let fixed = backend.adjoint(&expectation, &rows, Cotangents::Fixed(&cotangents)).expect("runs");
            assert!(fixed.0.is_empty());
            // The values alone, and the same by one circuit after the other.
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let only = Adjoint.values(&expectation, &rows, &mut backend, &mut rng).expect("runs");
            let shift = ParameterShift { shots: Shots::Exact };
            let one_by_one = shift.values(&expectation, &rows, &mut backend, &mut rng).expect("runs");
            assert_eq!(only.bill, one_by_one.bill);
            assert_eq!((only.estimates.len(), one_by_one.estimates.len()), (2 * count, 2 * count));
            for ((a, b), c) in only.estimates.iter().zip(&one_by_one.estimates).zip(&values) {
                assert!((a.value - b.value).abs() < 1e-12 && (a.value - c.value).abs() < 1e-12);
            }
            // Each component alone.
            for (component, (expected, of_fixed_weights)) in gradient.iter().zip(&fixed.1).enumerate() {
                let of_values = Cotangents::OfValues(&mut weigh);
                let (same, found) = backend.adjoint_component(&expectation, &rows, of_values, component).expect("runs");
                assert_eq!(same, values);
                assert!((found - expected).abs() < 1e-13, "{qubits} qubits, component {component}");
                let of_fixed = Cotangents::Fixed(&cotangents);
                let (none, found) = backend.adjoint_component(&expectation, &rows, of_fixed, component).expect("runs");
                assert!(none.is_empty() && (found - of_fixed_weights).abs() < 1e-13, "component {component}, fixed");
            }
            let beyond = backend.adjoint_component(&expectation, &rows, Cotangents::Fixed(&cotangents), gradient.len());
            assert!(matches!(beyond, Err(Error::Index { what: "component", .. })));
            let short = backend.adjoint_component(&expectation, &rows, Cotangents::Fixed(&[]), 0);
            assert!(matches!(short, Err(Error::Length { what: "cotangents", .. })));
            for ((found, again), expected) in gradient.iter().zip(&fixed.1).zip(&alone) {
                assert!((found - expected).abs() < 1e-10, "{qubits} qubits, {count} rows: {found} for {expected}");
                assert!((again - expected).abs() < 1e-10, "{qubits} qubits, {count} rows, fixed");
            }
        }
    }
}

/// Samples at several points of the weights, one point after the other, as methods that compare losses ask for them: every point shares its
/// own tables. One backend answers all of them in turn.
#[test]
fn samples_at_several_points_have_the_values_of_rows_one_by_one() {
    let mut backend = StateVectorBackend::new();
    for (qubits, samples, points) in [(2, 3, 2), (4, 7, 2), (4, 1, 5), (5, 60, 3), (4, 7, 1), (6, 5, 4), (4, 7, 3)] {
        let (circuit, weights) = classifier(qubits);
        let observables: Vec<PauliSum> = vec![
            PauliSum::transverse_field_ising(qubits, 1.0, 0.8).expect("finite"),
            "0.5 * Z0 + 0.25 * Y0 Y1 + 0.1".parse().expect("valid"),
        ];
        let expectation = Expectation::new(&circuit, observables, &weights).expect("valid");
        let mut all = Vec::new();
        for point in 0..points {
            let mut of_point = rows(qubits, samples);
            for row in of_point.chunks_mut(5 * qubits) {
                row[qubits..].iter_mut().for_each(|weight| *weight += 0.7 * point as f64);
            }
            all.extend(of_point);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let together = Adjoint.values(&expectation, &all, &mut backend, &mut rng).expect("runs");
        let again = Adjoint.values(&expectation, &all, &mut StateVectorBackend::new(), &mut rng).expect("runs");
        assert_eq!(together, again, "what a backend ran before changes no bit");
        let shift = ParameterShift { shots: Shots::Exact };
        assert_eq!(together.bill, shift.price_values(&expectation, (samples * points) as u64));
        for (row, values) in all.chunks(5 * qubits).zip(together.estimates.chunks(2)) {
            let alone = shift.values(&expectation, row, &mut backend, &mut rng).expect("runs");
            for (found, expected) in values.iter().zip(&alone.estimates) {
                assert!((found.value - expected.value).abs() < 1e-13, "{qubits} qubits: {found:?} for {expected:?}");
            }
        }
    }
}

/// The same bits on one thread and on several, with units that are not full.
#[cfg(feature = "rayon")]
#[test]
fn gradients_of_many_rows_do_not_depend_on_the_number_of_threads() {
    let (circuit, weights) = classifier(7);
    let expectation = Expectation::new(&circuit, vec!["Z0 + X1".parse().expect("valid")], &weights).expect("valid");
    let rows = rows(7, 101);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let mut backend = StateVectorBackend::new();
            let cotangents = Cotangents::OfValues(&mut weigh);
            let derivatives = backend.adjoint(&expectation, &rows, cotangents).expect("runs");
            (derivatives, backend.values_of_rows(&expectation, &rows).expect("runs"))
        })
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(3));
}

/// The gradient of an Ising chain after four layers from 1000 shots per circuit: the root of the mean squared deviation is the one that the exact
/// variances of all shifted circuits give, which was computed with plain matrices elsewhere.
#[test]
fn sampled_gradients_scatter_as_the_exact_variances_say() {
    for (qubits, expected) in [(4, 0.049_383_777_865_3_f64), (6, 0.059_749_463_005_3)] {
        let mut circuit = Circuit::new(qubits).expect("width");
        let t = circuit.parameters_named("t", 8 * qubits).expect("new");
        for layer in t.chunks(2 * qubits) {
            for q in 0..qubits {
                circuit.ry(q, layer[2 * q]).expect("valid").rz(q, layer[2 * q + 1]).expect("valid");
            }
            for q in 1..qubits {
                circuit.cz(q - 1, q).expect("valid");
            }
        }
        let ising = PauliSum::transverse_field_ising(qubits, 1.0, 0.8).expect("finite");
        let expectation = Expectation::of_all_parameters(&circuit, vec![ising]).expect("valid");
        let theta: Vec<f64> = (0..8 * qubits).map(|k| (0.1 + 0.37 * k as f64) % (2.0 * PI)).collect();
        let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(6));
        let exact = Adjoint.gradient(&expectation, &theta, &mut backend, &mut rng).expect("runs").gradient;
        let shift = ParameterShift { shots: Shots::PerCircuit(1000) };
        let (repetitions, mut squares, mut sums) = (100, 0.0, vec![0.0; exact.len()]);
        for _ in 0..repetitions {
            let answer = shift.gradient(&expectation, &theta, &mut backend, &mut rng).expect("runs");
            for ((sum, found), exact) in sums.iter_mut().zip(&answer.gradient).zip(&exact) {
                *sum += found - exact;
                squares += (found - exact).powi(2);
            }
        }
        let (n, components) = (f64::from(repetitions), exact.len() as f64);
        // Nearly Gaussian components of unequal variance: their squares scatter at most as if a quarter of them counted.
        let ratio = squares / (n * components) / expected.powi(2);
        assert!((ratio - 1.0).abs() < 4.0 * (8.0 / (n * components)).sqrt(), "{qubits} qubits: ratio {ratio}");
        // The mean of all components' biases, of which each has the variance of its estimate.
        let bias = sums.iter().map(|sum| (sum / n).powi(2)).sum::<f64>() / components;
        let ratio = bias * n / expected.powi(2);
        assert!((ratio - 1.0).abs() < 4.0 * (8.0 / components).sqrt(), "{qubits} qubits: bias ratio {ratio}");
    }
}

/// Shots of shifted circuits for every kind of rotation, two-frequency ones and phases too, against exact shifts.
#[test]
fn every_kind_of_shift_has_the_mean_of_the_exact_one() {
    let mut circuit = Circuit::new(3).expect("width");
    let t = circuit.parameters_named("t", 8).expect("new");
    circuit.h(0).expect("valid").ry(1, t[0]).expect("valid").rx(2, t[1]).expect("valid");
    circuit.p(0, t[2]).expect("valid").crx(0, 1, t[3]).expect("valid").cp(1, 2, t[4]).expect("valid");
    circuit.gate(qcore::Gate::Rzz, &[0, 2], &[t[5].into()]).expect("valid").crz(2, 0, t[6]).expect("valid");
    circuit.h(0).expect("valid").ry(2, t[7] * 1.5).expect("valid");
    let observable: PauliSum = "Z0 Z1 + 0.5 * X0 X2 - 0.7 * Y1 + 0.3 * Z2".parse().expect("valid");
    let expectation = Expectation::of_all_parameters(&circuit, vec![observable]).expect("valid");
    let theta: Vec<f64> = (0..8).map(|k| 0.3 + 0.41 * k as f64).collect();
    let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(9));
    let exact = Adjoint.gradient(&expectation, &theta, &mut backend, &mut rng).expect("runs").gradient;
    let shift = ParameterShift { shots: Shots::PerCircuit(500) };
    let repetitions = 400;
    let mut moments = [(0.0, 0.0); 8];
    for _ in 0..repetitions {
        let answer = shift.gradient(&expectation, &theta, &mut backend, &mut rng).expect("runs");
        for (k, moment) in moments.iter_mut().enumerate() {
            moment.0 += answer.gradient[k] - exact[k];
            moment.1 += answer.std_errors[k].powi(2);
        }
    }
    let n = f64::from(repetitions);
    for (k, (sum, variance)) in moments.into_iter().enumerate() {
        let error = (variance / n / n).sqrt();
        assert!((sum / n).abs() < 4.0 * error, "component {k} is off by {} standard errors", sum / n / error);
    }
}
