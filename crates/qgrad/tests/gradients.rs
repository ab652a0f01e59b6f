//! Exact gradients and metric tensors against each other, against finite differences and against closed forms.

mod common;

use common::{finite_difference, observable, random_circuit, value};
use proptest::prelude::*;
use qcore::{Angle, Circuit, Gate, NoiseModel, Param, PauliSum, StateVector};
use qgrad::{
    Adjoint, Backend, Cotangents, DensityMatrixBackend, Difference, DoublyStochastic, Error, Estimate, Estimator,
    Expectation, FiniteDifferences, ParameterShift, Partials, RandomCoordinates, Shots, Simulator, Spsa,
    StateVectorBackend, Step, Vjp,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

const SHIFT: ParameterShift = ParameterShift { shots: Shots::Exact };

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(2511)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn adjoint_shift_rules_and_finite_differences_agree(
        choices in prop::collection::vec((0_usize..64, 0_usize..6, prop::array::uniform4(-2.0_f64..2.0)), 1..14),
        theta in prop::collection::vec(-3.0_f64..3.0, 4),
    ) {
        let circuit = random_circuit(&choices, 4);
        let expectation = Expectation::of_all_parameters(&circuit, vec![observable()]).expect("valid");
        let mut backend = StateVectorBackend::new();
        let adjoint = Adjoint.gradient(&expectation, &theta, &mut backend, &mut rng()).expect("runs");
        let shift = SHIFT.gradient(&expectation, &theta, &mut backend, &mut rng()).expect("runs");
        prop_assert_eq!(adjoint.bill, shift.bill);
        for k in 0..4 {
            prop_assert!((adjoint.gradient[k] - shift.gradient[k]).abs() < 1e-12, "component {}", k);
            let numeric = finite_difference(|t| value(&circuit, &observable(), t), &theta, k);
            prop_assert!((adjoint.gradient[k] - numeric).abs() < 1e-7, "component {}", k);
        }
    }
}

/// Cotangents: the gradient of a mean squared error over data rows, with only some parameters differentiated.
#[test]
fn vector_jacobian_products_over_data_rows() {
    let mut circuit = Circuit::new(3).expect("width");
    let x = circuit.parameters_named("x", 2).expect("new");
    let t = circuit.parameters_named("t", 3).expect("new");
    for q in 0..3 {
        circuit.ry(q, x[q % 2] * 1.5).expect("valid").rz(q, t[q]).expect("valid");
    }
    circuit.cx(0, 1).expect("valid").cz(1, 2).expect("valid").crx(2, 0, t[0] + x[1]).expect("valid");
    let observables: Vec<PauliSum> = vec!["Z0".parse().expect("valid"), "X1 - 0.5 * Z2".parse().expect("valid")];
    let expectation = Expectation::new(&circuit, observables.clone(), &[t[2], t[0]]).expect("valid");
    let rows = [[0.3, -0.8, 0.1, 0.2, 0.3], [1.2, 0.4, 0.1, 0.2, 0.3], [-0.5, 0.9, 0.1, 0.2, 0.3]];
    let labels = [[1.0, 0.2], [-1.0, 0.4], [1.0, -0.3]];
    let loss = |theta: &[f64]| -> f64 {
        let mut sum = 0.0;
        for (row, labels) in rows.iter().zip(&labels) {
            let mut point = row.to_vec();
            (point[4], point[2]) = (theta[0], theta[1]);
            for (observable, label) in observables.iter().zip(labels) {
                sum += (value(&circuit, observable, &point) - label).powi(2) / 3.0;
            }
        }
        sum
    };
    let flat: Vec<f64> = rows.concat();
    let estimators: [&dyn Estimator; 2] = [&Adjoint, &SHIFT];
    for estimator in estimators {
        let mut weigh = |row: usize, values: &[Estimate], weights: &mut [Estimate]| {
            for ((weight, value), label) in weights.iter_mut().zip(values).zip(&labels[row]) {
                *weight = Estimate::exact(2.0 * (value.value - label) / 3.0);
            }
        };
        let answer = estimator
            .vjp(&expectation, &flat, Cotangents::OfValues(&mut weigh), &mut StateVectorBackend::new(), &mut rng())
            .expect("runs");
        for k in 0..2 {
            let numeric = finite_difference(loss, &[0.3, 0.1], k);
            assert!((answer.gradient[k] - numeric).abs() < 1e-9, "component {k}");
        }
        assert_eq!(answer.values.len(), 6);
        assert!((answer.values[3].value - value(&circuit, &observables[1], &rows[1])).abs() < 1e-13);
        // t2 sits in one rotation, t0 in one and in a controlled one: 2 + 2 + 4 points; Z0, X1 and Z2 share one basis.
        assert_eq!(answer.bill.circuits, 3 * (8 + 1));
        assert_eq!(answer.bill.jobs, 2);
    }
}

#[test]
fn the_metric_tensor_has_its_closed_form_and_matches_finite_differences() {
    // RY(a) RZ(b) on |0>: F = diag(1/4, sin^2(a)/4).
    let mut circuit = Circuit::new(1).expect("width");
    let (a, b) = (circuit.parameter("a").expect("new"), circuit.parameter("b").expect("new"));
    circuit.ry(0, a).expect("valid").rz(0, b).expect("valid");
    let expectation = Expectation::of_all_parameters(&circuit, vec!["Z0".parse().expect("valid")]).expect("valid");
    let mut backend = StateVectorBackend::new();
    let metric = backend.metric_tensor(&expectation, &[0.7, 0.2]).expect("runs");
    let expected = [0.25, 0.0, 0.0, 0.25 * 0.7_f64.sin().powi(2)];
    assert!(metric.iter().zip(expected).all(|(m, e)| (m - e).abs() < 1e-15), "{metric}");

    // 1 - |<psi(t)|psi(t + h)>|^2 = h F h + O(h^3), symmetrized: O(h^4).
    let mut circuit = Circuit::new(3).expect("width");
    let [a, b, c] = circuit.parameters_named("t", 3).expect("new")[..] else { panic!("three parameters") };
    circuit.ry(0, a).expect("valid").h(1).expect("valid").rx(1, 1.3 * b - 0.2 * a).expect("valid");
    circuit.crx(1, 2, 0.7 * (b * c)).expect("valid").cp(2, 0, c).expect("valid");
    circuit.gate(Gate::U, &[2], &[0.9 * a, Angle::from(b), c + 0.4]).expect("valid");
    let expectation = Expectation::of_all_parameters(&circuit, vec![observable()]).expect("valid");
    let theta = [0.4, 1.1, -0.6];
    let metric = backend.metric_tensor(&expectation, &theta).expect("runs");
    let state = |t: &[f64]| {
        let mut state = StateVector::zero(3).expect("small");
        state.apply_circuit(&circuit, t).expect("valid");
        state
    };
    for direction in [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.3, -1.0, 0.8]] {
        let h = 1e-3;
        let infidelity = |sign: f64| {
            let moved: Vec<f64> = theta.iter().zip(direction).map(|(t, d)| t + sign * h * d).collect();
            1.0 - state(&theta).inner(&state(&moved)).expect("same width").norm_sqr()
        };
        let numeric = (infidelity(1.0) + infidelity(-1.0)) / (2.0 * h * h);
        let d = nalgebra::Vector3::from(direction);
        let quadratic = d.dot(&(&metric * d));
        assert!((quadratic - numeric).abs() < 1e-6, "{direction:?}: {quadratic} against {numeric}");
    }
}

#[test]
fn bad_calls_are_typed_errors() {
    let mut circuit = Circuit::new(2).expect("width");
    let t = circuit.parameter("t").expect("new");
    circuit.rx(0, t).expect("valid");
    let z = || vec!["Z0".parse::<PauliSum>().expect("valid")];
    assert!(matches!(Expectation::new(&circuit, z(), &[t, t]), Err(Error::DuplicateParameter { index: 0 })));
    assert!(matches!(
        Expectation::new(&circuit, z(), &[Param::new(1)]),
        Err(Error::Circuit(qcore::Error::UnknownParameter { .. }))
    ));
    assert!(matches!(
        Expectation::of_all_parameters(&circuit, vec!["Z7".parse().expect("valid")]),
        Err(Error::Circuit(qcore::Error::WidthMismatch { .. }))
    ));
    let expectation = Expectation::of_all_parameters(&circuit, z()).expect("valid");
    let mut backend = StateVectorBackend::new();
    let wrong =
        |row: &[f64], backend: &mut StateVectorBackend| SHIFT.gradient(&expectation, row, backend, &mut rng()).err();
    assert!(matches!(wrong(&[], &mut backend), Some(Error::Length { .. })));
    assert!(matches!(wrong(&[f64::NAN], &mut backend), Some(Error::NotFinite { index: 0, .. })));
    assert!(matches!(
        ParameterShift { shots: Shots::PerCircuit(0) }.gradient(&expectation, &[0.1], &mut backend, &mut rng()),
        Err(Error::TooFewShots { .. })
    ));
    assert!(matches!(
        ParameterShift { shots: Shots::Total(1) }.gradient(&expectation, &[0.1], &mut backend, &mut rng()),
        Err(Error::TooFewShots { needed: 2, got: 1, .. })
    ));
    assert!(matches!(
        Adjoint.vjp(&expectation, &[0.1], Cotangents::Fixed(&[]), &mut backend, &mut rng()),
        Err(Error::Length { what: "cotangents", .. })
    ));
    assert!(matches!(
        SHIFT.vjp(&expectation, &[0.1], Cotangents::Fixed(&[1.0, 2.0]), &mut backend, &mut rng()),
        Err(Error::Length { what: "cotangents", .. })
    ));
}

/// A cotangent that is no number is refused by name, whoever gives it: before a circuit runs if it is known then, else before the
/// derivatives.
#[test]
fn cotangents_that_are_not_finite_are_named() {
    let mut circuit = Circuit::new(2).expect("width");
    let t = circuit.parameters_named("t", 2).expect("new");
    circuit.ry(0, t[0]).expect("valid").ry(1, t[1]).expect("valid").cz(0, 1).expect("valid");
    let observables: Vec<PauliSum> = vec!["Z0".parse().expect("valid"), "X1".parse().expect("valid")];
    let expectation = Expectation::of_all_parameters(&circuit, observables).expect("valid");
    let shots = Shots::PerCircuit(3);
    let differences = FiniteDifferences { difference: Difference::Central, step: Step::Fixed(0.1), shots };
    let estimators: [&dyn Estimator; 7] = [
        &Adjoint,
        &SHIFT,
        &ParameterShift { shots },
        &Spsa { directions: 1, step: 0.1, shots },
        &differences,
        &RandomCoordinates { coordinates: 1, shots },
        &DoublyStochastic { rows: 1, groups: 1, shots },
    ];
    let mut backends: [Box<dyn Backend>; 2] =
        [Box::new(StateVectorBackend::new()), Box::new(DensityMatrixBackend::new(NoiseModel::new()))];
    // Two rows go one by one on state vectors, five in groups.
    for (count, backend) in [(2, 0), (2, 1), (5, 0), (5, 1)] {
        let backend = &mut *backends[backend];
        let rows: Vec<f64> = (0..2 * count).map(|k| 0.3 * k as f64).collect();
        for (bad, value) in [(1, f64::NAN), (2, f64::INFINITY), (2 * count - 1, f64::NEG_INFINITY)] {
            let mut weights = vec![0.5; 2 * count];
            weights[bad] = value;
            let is_named = |answer: Result<Vjp, Error>| match answer {
                Err(Error::Cotangent { row, observable, value: got }) => {
                    assert_eq!((row, observable, got.to_bits()), (bad / 2, bad % 2, value.to_bits()));
                }
                other => panic!("{other:?}"),
            };
            for estimator in estimators {
                is_named(estimator.vjp(&expectation, &rows, Cotangents::Fixed(&weights), backend, &mut rng()));
                let mut weigh = |row: usize, _: &[Estimate], out: &mut [Estimate]| {
                    out.iter_mut().zip(&weights[2 * row..]).for_each(|(out, &weight)| *out = Estimate::exact(weight));
                };
                is_named(estimator.vjp(&expectation, &rows, Cotangents::OfValues(&mut weigh), backend, &mut rng()));
            }
            for values in [false, true] {
                let wanted = Partials { components: &[1], shots: &[], values };
                for estimator in [&Adjoint as &dyn Estimator, &SHIFT] {
                    let fixed = Cotangents::Fixed(&weights);
                    is_named(estimator.partials(&expectation, &rows, &wanted, fixed, backend, &mut rng()));
                }
            }
        }
    }
}
