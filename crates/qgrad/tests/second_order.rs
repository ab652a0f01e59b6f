//! Jacobians, Hessians and derivatives along lines against differences of gradients, against each other, against closed forms, and
//! against their own error bars.

mod common;

use common::{Counting, angles, hea, observable, random_circuit};
use proptest::prelude::*;
use qcore::{Circuit, PauliSum};
use qgrad::{Adjoint, Bill, Cotangents, Error, Estimator, Expectation, ParameterShift, Shots, StateVectorBackend};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

const SHIFT: ParameterShift = ParameterShift { shots: Shots::Exact };

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(2511)
}

fn gradient(expectation: &Expectation, weights: &[f64], at: &[f64]) -> Vec<f64> {
    let (mut backend, mut rng) = (StateVectorBackend::new(), rng());
    Adjoint.vjp(expectation, at, Cotangents::Fixed(weights), &mut backend, &mut rng).expect("runs").gradient
}

/// Sixth-order central differences of vectors, each with how far it lies from the one of fourth order: angles that are products
/// and quotients of parameters have large higher derivatives, so that the error of a difference is not known beforehand.
fn difference(f: impl Fn(f64) -> Vec<f64>) -> Vec<(f64, f64)> {
    let h = 2e-3;
    let odd = |k: f64| -> Vec<f64> { f(k * h).iter().zip(f(-k * h)).map(|(a, b)| a - b).collect() };
    let (first, second, third) = (odd(1.0), odd(2.0), odd(3.0));
    (0..first.len())
        .map(|k| {
            let fourth_order = (8.0 * first[k] - second[k]) / (12.0 * h);
            let sixth_order = (45.0 * first[k] - 9.0 * second[k] + third[k]) / (60.0 * h);
            (sixth_order, (sixth_order - fourth_order).abs())
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Every gate of the table; shared parameters, products, quotients.
    #[test]
    fn exact_second_order_agrees_with_differences_of_gradients(
        choices in prop::collection::vec((0_usize..64, 0_usize..6, prop::array::uniform4(-2.0_f64..2.0)), 1..14),
        theta in prop::collection::vec(-3.0_f64..3.0, 4),
        direction in prop::collection::vec(-1.0_f64..1.0, 4),
    ) {
        let circuit = random_circuit(&choices, 4);
        let observables = vec![observable(), "0.6 * X2 + Z0 Z1 Z2".parse().expect("valid")];
        let weights = [1.0, -0.7];
        let expectation = Expectation::of_all_parameters(&circuit, observables).expect("valid");
        let mut backend = StateVectorBackend::new();
        let exact = Adjoint.hessian(&expectation, &theta, &weights, &mut backend).expect("runs");
        let shift = SHIFT.hessian(&expectation, &theta, &weights, &mut backend, &mut rng()).expect("runs");
        prop_assert_eq!(exact.bill, shift.bill);
        for k in 0..4 {
            let numeric = difference(|t| {
                let mut point = theta.clone();
                point[k] += t;
                gradient(&expectation, &weights, &point)
            });
            for (j, (numeric, uncertain)) in numeric.into_iter().enumerate() {
                let bound = 1e-7 + 0.5 * uncertain;
                prop_assert!((exact.matrix[(k, j)] - numeric).abs() < bound, "({}, {}): {} {}", k, j, exact.matrix[(k, j)], numeric);
                prop_assert!((exact.matrix[(k, j)] - shift.matrix[(k, j)]).abs() < 1e-10, "shift ({}, {})", k, j);
            }
        }
        let product = Adjoint
            .hessian_vector_product(&expectation, &theta, &weights, &direction, &mut backend)
            .expect("runs");
        let expected = &exact.matrix * nalgebra::DVector::from_column_slice(&direction);
        let of_gradient = gradient(&expectation, &weights, &theta);
        for k in 0..4 {
            prop_assert!((product.product[k] - expected[k]).abs() < 1e-11);
            prop_assert!((product.gradient[k] - of_gradient[k]).abs() < 1e-12);
        }
        // The third derivative is the slope of the second.
        let along = |t: f64| {
            let point: Vec<f64> = theta.iter().zip(&direction).map(|(x, v)| x + t * v).collect();
            let mut backend = StateVectorBackend::new();
            Adjoint.line_derivatives(&expectation, &point, &weights, &direction, &mut backend).expect("runs")
        };
        let line = along(0.0);
        let dot = |v: &[f64]| v.iter().zip(&direction).map(|(a, b)| a * b).sum::<f64>();
        prop_assert!((line.value - product.value).abs() < 1e-12);
        prop_assert!((line.first - dot(&of_gradient)).abs() < 1e-11);
        prop_assert!((line.second - dot(&product.product)).abs() < 1e-10);
        let (slope, uncertain) = difference(|t| vec![along(t).second])[0];
        prop_assert!((line.third - slope).abs() < 1e-7 * (1.0 + slope.abs()) + 0.5 * uncertain, "third {} against {}", line.third, slope);
        // Jacobian: rows are observables.
        let jacobian = Adjoint.jacobian(&expectation, &theta, &mut backend, &mut rng()).expect("runs");
        let by_shift = SHIFT.jacobian(&expectation, &theta, &mut backend, &mut rng()).expect("runs");
        prop_assert_eq!(jacobian.bill, by_shift.bill);
        for (row, unit) in [[1.0, 0.0], [0.0, 1.0]].iter().enumerate() {
            let of_row = gradient(&expectation, unit, &theta);
            for (k, of_row) in of_row.into_iter().enumerate() {
                prop_assert!((jacobian.matrix[(row, k)] - of_row).abs() < 1e-12);
                prop_assert!((by_shift.matrix[(row, k)] - of_row).abs() < 1e-11);
            }
        }
    }
}

/// `<Z>` after RY(a) RY(b): `cos(a + b)`, and only `b` is asked for in one of the two.
#[test]
fn only_the_parameters_asked_for_are_shifted_and_billed() {
    let mut circuit = Circuit::new(1).expect("width");
    let (a, b) = (circuit.parameter("a").expect("new"), circuit.parameter("b").expect("new"));
    circuit.ry(0, a).expect("valid").ry(0, b).expect("valid");
    let z: PauliSum = "Z0".parse().expect("valid");
    let at = [0.4_f64, 0.9];
    let mut backend = StateVectorBackend::new();
    for (wrt, circuits) in [(vec![a, b], 1 + 2 + 4), (vec![b], 2), (vec![], 0)] {
        let expectation = Expectation::new(&circuit, vec![z.clone()], &wrt).expect("valid");
        for hessian in [
            Adjoint.hessian(&expectation, &at, &[2.0], &mut backend).expect("runs"),
            SHIFT.hessian(&expectation, &at, &[2.0], &mut backend, &mut rng()).expect("runs"),
        ] {
            assert_eq!(hessian.matrix.shape(), (wrt.len(), wrt.len()));
            assert!(hessian.matrix.iter().all(|h| (h + 2.0 * 1.3_f64.cos()).abs() < 1e-14));
            assert_eq!(hessian.bill.circuits, circuits);
        }
    }
}

#[test]
fn shift_hessians_and_jacobians_from_shots_scatter_as_they_say() {
    let mut circuit = hea(2, 1);
    let extra = circuit.parameter("extra").expect("new");
    circuit.crz(0, 1, extra + 0.1).expect("valid").rx(0, 2.0 * (extra * extra)).expect("valid");
    let observables: Vec<PauliSum> =
        vec!["Z0 Z1 + X0 - 0.5 * Y1".parse().expect("valid"), "0.3 * Z1".parse().expect("valid")];
    let expectation = Expectation::of_all_parameters(&circuit, vec![observables[0].clone()]).expect("valid");
    let row = angles(5);
    let mut backend = StateVectorBackend::new();
    let exact = Adjoint.hessian(&expectation, &row, &[1.0], &mut backend).expect("runs").matrix;
    let shift = ParameterShift { shots: Shots::PerCircuit(100) };
    let (mut rng, repetitions) = (rng(), 400);
    let (mut sums, mut squares, mut claimed) = (exact.clone() * 0.0, exact.clone() * 0.0, exact.clone() * 0.0);
    for _ in 0..repetitions {
        let estimate = shift.hessian(&expectation, &row, &[1.0], &mut backend, &mut rng).expect("runs");
        let deviation = estimate.matrix - &exact;
        squares += deviation.component_mul(&deviation);
        sums += deviation;
        claimed += estimate.std_errors.component_mul(&estimate.std_errors);
    }
    let n = f64::from(repetitions);
    for ((sum, square), claim) in sums.iter().zip(&squares).zip(&claimed) {
        assert!((sum / n).abs() < 4.5 * (square / n / n).sqrt(), "biased by {}", sum / n);
        // A sum of several nearly Gaussian means; the claim is up to a few per cent wide (pseudo-counts).
        assert!((claim / square - 1.0).abs() < 4.5 * (2.0 / n).sqrt() + 0.04, "claimed {claim}, scatter {square}");
    }
    // Entries of a Jacobian have the errors of the components of gradients.
    let both = Expectation::of_all_parameters(&circuit, observables).expect("valid");
    let jacobian = shift.jacobian(&both, &row, &mut backend, &mut rng).expect("runs");
    let exact = Adjoint.jacobian(&both, &row, &mut backend, &mut rng).expect("runs");
    let active = exact.matrix.iter().zip(&jacobian.matrix).zip(&jacobian.std_errors);
    assert!(active.into_iter().all(|((exact, found), error)| (exact - found).abs() <= 4.5 * error));
}

#[test]
fn bills_of_second_derivatives_equal_what_a_counting_backend_saw() {
    let mut circuit = hea(2, 1);
    let extra = circuit.parameter("extra").expect("new");
    circuit.crz(0, 1, extra + 0.1).expect("valid").rx(0, 2.0 * (extra * extra)).expect("valid");
    let observables = vec!["Z0 Z1 + X0 - 0.5 * Y1".parse().expect("valid"), "Z0".parse().expect("valid")];
    let expectation = Expectation::of_all_parameters(&circuit, observables).expect("valid");
    let row = angles(5);
    for shots in [Shots::Exact, Shots::PerCircuit(13), Shots::Total(3001)] {
        let shift = ParameterShift { shots };
        let mut backend = Counting::new();
        let hessian = shift.hessian(&expectation, &row, &[1.0, 0.5], &mut backend, &mut rng()).expect("runs");
        assert_eq!(hessian.bill, backend.bill);
        assert_eq!(hessian.bill, shift.price_hessian(&expectation));
        // Two groups. Five two-term rotations and a four-term one: the centre; one point for the second derivative of each of the
        // former, three for that of the latter; two first derivatives by the angle that is a square; products of the rules.
        assert_eq!(hessian.bill.circuits, 2 * (1 + 5 + 3 + 2 + 4 * (10 + 5 * 2)));
        backend.bill = Bill::ZERO;
        let jacobian = shift.jacobian(&expectation, &row, &mut backend, &mut rng()).expect("runs");
        assert_eq!(jacobian.bill, backend.bill);
        assert_eq!(jacobian.bill, shift.price_vjp(&expectation, 1));
    }
}

#[test]
fn a_device_has_no_exact_second_order_and_bad_calls_are_typed_errors() {
    let expectation = Expectation::of_all_parameters(&hea(2, 1), vec!["Z0".parse().expect("valid")]).expect("valid");
    let (row, direction) = (angles(4), [0.1; 4]);
    let mut device = Counting::new();
    let errors = [
        Adjoint.hessian(&expectation, &row, &[1.0], &mut device).err(),
        Adjoint.hessian_vector_product(&expectation, &row, &[1.0], &direction, &mut device).err(),
        Adjoint.line_derivatives(&expectation, &row, &[1.0], &direction, &mut device).err(),
        Adjoint.second_order(&expectation, &row, &[1.0], &mut device).err(),
        Adjoint.jacobian(&expectation, &row, &mut device, &mut rng()).err(),
    ];
    assert!(errors.iter().all(|error| matches!(error, Some(Error::NotASimulator { .. }))), "{errors:?}");
    assert_eq!(device.bill, Bill::ZERO);

    let mut backend = StateVectorBackend::new();
    let wrong = [
        Adjoint.hessian(&expectation, &angles(8), &[1.0], &mut backend).err(),
        Adjoint.hessian(&expectation, &row, &[], &mut backend).err(),
        SHIFT.hessian(&expectation, &row, &[1.0, 1.0], &mut backend, &mut rng()).err(),
        SHIFT.hessian(&expectation, &angles(8), &[1.0], &mut backend, &mut rng()).err(),
        SHIFT.jacobian(&expectation, &angles(8), &mut backend, &mut rng()).err(),
        Adjoint.jacobian(&expectation, &angles(8), &mut backend, &mut rng()).err(),
        Adjoint.hessian_vector_product(&expectation, &row, &[1.0], &[1.0], &mut backend).err(),
    ];
    assert!(wrong.iter().all(|error| matches!(error, Some(Error::Length { .. }))), "{wrong:?}");
    let nan = Adjoint.line_derivatives(&expectation, &row, &[1.0], &[0.0, f64::NAN, 0.0, 0.0], &mut backend);
    assert!(matches!(nan, Err(Error::NotFinite { index: 1, .. })));
}
