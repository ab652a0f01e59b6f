//! Stochastic estimators: means against exact gradients, error bars against the scatter, steps against their formula, bills against
//! a backend that counts.

mod common;

use common::{Counting, angles, hea};
use qcore::{Circuit, Param, PauliSum};
use qgrad::{
    Adjoint, Bill, Cotangents, Difference, DoublyStochastic, Error, Estimate, Estimator, Expectation,
    FiniteDifferences, RandomCoordinates, Shots, Spsa, StateVectorBackend, Step,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// Two observables in three groups on two data points: 2 inputs, then 8 parameters of which the first is declared only.
struct Case {
    expectation: Expectation,
    rows: Vec<f64>,
    exact: Vec<f64>,
}

const LABELS: [[f64; 2]; 3] = [[0.3, -0.4], [-0.5, 0.2], [0.1, 0.9]];

/// The cotangents of a squared error, `2 (f - y)`, with their errors.
fn weigh(row: usize, values: &[Estimate], weights: &mut [Estimate]) {
    for ((weight, value), label) in weights.iter_mut().zip(values).zip(LABELS[row]) {
        *weight = Estimate { value: 2.0 * (value.value - label), std_error: 2.0 * value.std_error, shots: value.shots };
    }
}

fn case(rows: usize) -> Case {
    let mut circuit = Circuit::new(2).expect("width");
    let x = circuit.parameters_named("x", 2).expect("new");
    let t = circuit.parameters_named("t", 6).expect("new");
    circuit.ry(0, x[0]).expect("valid").ry(1, x[1]).expect("valid");
    circuit.ry(0, t[1]).expect("valid").rx(1, t[2]).expect("valid").cz(0, 1).expect("valid");
    circuit.crx(0, 1, t[3]).expect("valid").ry(1, t[4] + 0.2).expect("valid").rz(0, t[5]).expect("valid");
    circuit.ry(0, t[1] * 0.5).expect("valid").cx(1, 0).expect("valid").rx(0, t[4]).expect("valid");
    let observables: Vec<PauliSum> =
        vec!["Z0 Z1 + 0.6 * X0 - 0.3 * I".parse().expect("valid"), "0.8 * Y0 + 0.5 * Z1".parse().expect("valid")];
    let expectation = Expectation::new(&circuit, observables, &t).expect("valid");
    let theta = [0.3, 0.7, -0.9, 1.4, 0.4, 2.2];
    let inputs = [[0.2, -0.6], [1.1, 0.5], [-0.7, 0.9]];
    let rows: Vec<f64> = inputs[..rows].iter().flat_map(|x| x.iter().chain(&theta).copied()).collect();
    let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(0));
    let exact = Adjoint
        .vjp(&expectation, &rows, Cotangents::OfValues(&mut weigh), &mut backend, &mut rng)
        .expect("runs")
        .gradient;
    Case { expectation, rows, exact }
}

/// Deviation, scatter and mean claimed variance of each component over many calls.
fn scatter(case: &Case, estimator: &dyn Estimator, repetitions: u32, seed: u64) -> Vec<(f64, f64, f64)> {
    let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(seed));
    let n = f64::from(repetitions);
    let mut moments = vec![(0.0, 0.0, 0.0); case.exact.len()];
    for _ in 0..repetitions {
        let cotangents = Cotangents::OfValues(&mut weigh);
        let answer = estimator.vjp(&case.expectation, &case.rows, cotangents, &mut backend, &mut rng).expect("runs");
        for (k, moment) in moments.iter_mut().enumerate() {
            let deviation = answer.gradient[k] - case.exact[k];
            moment.0 += deviation / n;
            moment.1 += deviation * deviation / n;
            moment.2 += answer.std_errors[k].powi(2) / n;
        }
    }
    moments
}

/// One sample says how long a gradient is, but not which components make it so: only the sum of the claimed variances is right.
const SUM_ONLY: (f64, f64) = (0.0, f64::INFINITY);

/// The mean is right within 4.5 of its standard errors and `bias`; the claimed variance is the scatter's within its error and the factor range.
fn assert_honest(moments: &[(f64, f64, f64)], repetitions: u32, bias: f64, factors: (f64, f64)) {
    assert_eq!((moments[0].1, moments[0].2), (0.0, 0.0), "a parameter without a gate has the derivative 0, exactly");
    for (k, &(deviation, square, claimed)) in moments.iter().enumerate().skip(1) {
        let n = f64::from(repetitions);
        assert!(deviation.abs() < bias + 4.5 * (square / n).sqrt(), "component {k}: off by {deviation}");
        let ratio = claimed / (square - deviation * deviation);
        assert!((factors.0..factors.1).contains(&ratio), "component {k}: claims {ratio} of the variance, {moments:?}");
    }
}

#[test]
fn simultaneous_perturbation_is_right_on_average_and_its_scatter_is_what_it_says() {
    let case = case(2);
    // Few shots: the noise of the shots, of the directions and of the weights all count.
    for (directions, shots, factors) in [
        (1, Shots::PerCircuit(200), SUM_ONLY),
        // The scatter of two directions is often below that of the shots, which stands in for it.
        (2, Shots::PerCircuit(200), (0.85, 1.5)),
        // What the errors of the weights add is known with noise of its own, and never taken for less than nothing.
        (8, Shots::PerCircuit(100), (0.85, 1.35)),
        (8, Shots::PerCircuit(2000), (0.85, 1.15)),
        (8, Shots::Exact, (0.85, 1.15)),
        (6, Shots::Allocated { total: 3000, by: qgrad::Allocation::Coefficient }, (0.85, 1.35)),
    ] {
        let spsa = Spsa { directions, step: 0.1, shots };
        let repetitions = 800;
        let moments = scatter(&case, &spsa, repetitions, 11);
        // Third derivatives of this loss are below 8; the components share the bias of step^2 / 6 times sums of them.
        assert_honest(&moments, repetitions, 0.1_f64.powi(2) / 6.0 * 8.0, factors);
        if directions == 1 {
            // For one direction components are taken for alike: right on average over them.
            let (scatter, claimed) = moments.iter().fold((0.0, 0.0), |sum, m| (sum.0 + m.1, sum.1 + m.2));
            assert!((0.9..1.1).contains(&(claimed / scatter)), "{}", claimed / scatter);
        }
    }
}

#[test]
fn random_coordinates_and_doubly_stochastic_gradients_are_unbiased() {
    let case = case(3);
    let repetitions = 1000;
    for coordinates in [1, 3, 9] {
        let estimator = RandomCoordinates { coordinates, shots: Shots::PerCircuit(100) };
        let moments = scatter(&case, &estimator, repetitions, 5);
        // For components that were not measured the error bar is a mean over others, so only the sum is right.
        assert_honest(&moments, repetitions, 0.0, if coordinates == 9 { (0.85, 1.2) } else { SUM_ONLY });
        let (scatter, claimed) = moments.iter().fold((0.0, 0.0), |sum, m| (sum.0 + m.1, sum.1 + m.2));
        assert!((0.85..1.15).contains(&(claimed / scatter)), "{coordinates}: {}", claimed / scatter);
    }
    for (rows, groups, shots, factors) in [
        (3, 9, Shots::PerCircuit(100), (0.85, 1.2)),
        (2, 9, Shots::PerCircuit(100), (0.85, 1.2)),
        (3, 2, Shots::PerCircuit(100), (0.85, 1.2)),
        (2, 2, Shots::Exact, (0.9, 2.0)),
        (2, 2, Shots::PerCircuit(50), (0.85, 2.0)),
        (1, 1, Shots::PerCircuit(100), (0.85, 6.0)),
    ] {
        let estimator = DoublyStochastic { rows, groups, shots };
        assert_honest(&scatter(&case, &estimator, repetitions, 6), repetitions, 0.0, factors);
    }
}

#[test]
fn differences_have_the_step_and_the_error_of_their_formula() {
    // <Z> after RY(t) is cos t: s = |sin t|, f''' = sin t, f'' = -cos t.
    let mut circuit = Circuit::new(1).expect("width");
    let t = circuit.parameter("t").expect("new");
    circuit.ry(0, t).expect("valid");
    let expectation = Expectation::of_all_parameters(&circuit, vec!["Z0".parse().expect("valid")]).expect("valid");
    let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(3));
    let at = 1.2_f64;
    for (difference, shots, step) in [
        (Difference::Central, 100_u64, (9.0_f64 / 100.0).powf(1.0 / 6.0)),
        (Difference::Forward, 400, (8.0_f64 / 400.0).powf(0.25)),
    ] {
        let estimator = FiniteDifferences { difference, step: Step::Optimal, shots: Shots::PerCircuit(shots) };
        let steps = estimator.steps(&expectation, &[at], 1).expect("valid");
        assert!((steps[0] - step).abs() < 1e-15);
        let (near, width) = match difference {
            Difference::Central => (at - step, 2.0 * step),
            Difference::Forward => (at, step),
        };
        let far = at + step;
        let mean = (far.cos() - near.cos()) / width;
        let variance = (far.sin().powi(2) + near.sin().powi(2)) / (shots as f64 * width * width);
        let bound = match difference {
            Difference::Central => step * step / 6.0,
            Difference::Forward => step / 2.0,
        };
        assert!((mean + at.sin()).abs() < bound);
        let repetitions = 2000;
        let (mut sum, mut squares, mut claimed) = (0.0, 0.0, 0.0);
        for _ in 0..repetitions {
            let answer = estimator.gradient(&expectation, &[at], &mut backend, &mut rng).expect("runs");
            sum += answer.gradient[0] - mean;
            squares += (answer.gradient[0] - mean).powi(2);
            claimed += answer.std_errors[0].powi(2);
        }
        let n = f64::from(repetitions);
        assert!((sum / n).abs() < 4.5 * (variance / n).sqrt());
        assert!((squares / n / variance - 1.0).abs() < 4.5 * (2.0 / n).sqrt());
        assert!((0.98..1.1).contains(&(claimed / n / variance)), "{}", claimed / n / variance);
    }
    // The step scales with the frequency: 2t doubles it, a second gate adds to it, and a total is shared by all points.
    let mut circuit = Circuit::new(1).expect("width");
    let (a, b) = (circuit.parameter("a").expect("new"), circuit.parameter("b").expect("new"));
    circuit.ry(0, 2.0 * a).expect("valid").rx(0, b).expect("valid").ry(0, a * -1.0).expect("valid");
    let expectation = Expectation::of_all_parameters(&circuit, vec!["Z0".parse().expect("valid")]).expect("valid");
    let total = FiniteDifferences { difference: Difference::Central, step: Step::Optimal, shots: Shots::Total(800) };
    let steps = total.steps(&expectation, &[0.1, 0.2], 2).expect("valid");
    let unit = (9.0_f64 / 100.0).powf(1.0 / 6.0);
    assert!((steps[0] - unit / 3.0).abs() < 1e-15 && (steps[1] - unit).abs() < 1e-15);
}

#[test]
fn differences_of_exact_values_are_as_good_as_rounding_allows() {
    let case = case(3);
    let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(0));
    for (difference, step, tolerance) in [
        (Difference::Central, Step::Optimal, 1e-8),
        (Difference::Forward, Step::Optimal, 1e-5),
        (Difference::Central, Step::Fixed(1e-2), 1e-2),
    ] {
        let estimator = FiniteDifferences { difference, step, shots: Shots::Exact };
        let cotangents = Cotangents::OfValues(&mut weigh);
        let answer = estimator.vjp(&case.expectation, &case.rows, cotangents, &mut backend, &mut rng).expect("runs");
        for (found, exact) in answer.gradient.iter().zip(&case.exact) {
            assert!((found - exact).abs() < tolerance, "{difference:?}, {step:?}: {found} against {exact}");
        }
        assert!(answer.std_errors.iter().all(|&error| error == 0.0));
    }
    // With shots and noisy weights: both parts are in the error bar.
    for difference in [Difference::Central, Difference::Forward] {
        let estimator = FiniteDifferences { difference, step: Step::Fixed(0.3), shots: Shots::PerCircuit(100) };
        let bias = match difference {
            Difference::Central => 0.3 * 0.3 / 6.0 * 12.0,
            Difference::Forward => 0.15 * 12.0,
        };
        assert_honest(&scatter(&case, &estimator, 1000, 9), 1000, bias, (0.8, 1.25));
    }
}

#[test]
fn bills_and_prices_equal_what_a_counting_backend_saw() {
    let case = case(3);
    // Z0 Z1 and Z1; X0; Y0.
    let groups = case.expectation.measurement().groups().len() as u64;
    assert_eq!(groups, 3);
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for shots in [Shots::Exact, Shots::PerCircuit(13), Shots::Total(10_001)] {
        let central = FiniteDifferences { difference: Difference::Central, step: Step::Optimal, shots };
        let forward = FiniteDifferences { difference: Difference::Forward, step: Step::Fixed(0.1), shots };
        let estimators: [(&dyn Estimator, u64); 6] = [
            (&Spsa { directions: 5, step: 0.1, shots }, 3 * 2 * 5 * groups),
            (&central, 3 * 2 * 5 * groups),
            (&forward, 3 * 6 * groups),
            // t1 and t4 sit in two rotations each, t3 in a four-term one.
            (&RandomCoordinates { coordinates: 9, shots }, 3 * (4 + 2 + 4 + 4 + 2) * groups),
            (&DoublyStochastic { rows: 2, groups: 2, shots }, 2 * 2 * (4 + 2 + 4 + 4 + 2)),
            (&DoublyStochastic { rows: 5, groups: 1, shots }, 3 * (4 + 2 + 4 + 4 + 2)),
        ];
        for (estimator, circuits) in estimators {
            let mut backend = Counting::new();
            let fixed = Cotangents::Fixed(&[1.0, 0.5, 1.0, 0.5, 1.0, 0.5]);
            let answer = estimator.vjp(&case.expectation, &case.rows, fixed, &mut backend, &mut rng).expect("runs");
            assert_eq!(answer.bill, backend.bill);
            assert_eq!(answer.bill, estimator.price_vjp(&case.expectation, 3));
            assert_eq!(answer.bill.circuits, circuits);
            backend.bill = Bill::ZERO;
            let of_values = Cotangents::OfValues(&mut weigh);
            let answer = estimator.vjp(&case.expectation, &case.rows, of_values, &mut backend, &mut rng).expect("runs");
            assert_eq!(answer.bill, backend.bill);
            let price = estimator.price_vjp(&case.expectation, 3) + estimator.price_values(&case.expectation, 3);
            assert_eq!(answer.bill, price);
        }
    }
    // One coordinate: the bill is that of the choice, the price that of the dearest one.
    let one = RandomCoordinates { coordinates: 1, shots: Shots::PerCircuit(2) };
    assert_eq!(one.price_vjp(&case.expectation, 3).circuits, 3 * 4 * groups);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let mut backend = Counting::new();
        let fixed = Cotangents::Fixed(&[1.0; 6]);
        let answer = one.vjp(&case.expectation, &case.rows, fixed, &mut backend, &mut rng).expect("runs");
        assert_eq!(answer.bill, backend.bill);
        seen.insert(answer.bill.circuits);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [3 * 2 * groups, 3 * 4 * groups]);
    // Uniform costs: price and bill agree.
    let uniform = Expectation::of_all_parameters(&hea(2, 2), vec!["Z0".parse().expect("valid")]).expect("valid");
    let two = RandomCoordinates { coordinates: 2, shots: Shots::PerCircuit(2) };
    let mut backend = Counting::new();
    let answer = two.gradient(&uniform, &angles(8), &mut backend, &mut rng).expect("runs");
    assert_eq!(answer.bill, two.price_vjp(&uniform, 1));
    assert_eq!(answer.bill, backend.bill);
}

#[test]
fn nothing_to_differentiate_costs_nothing_and_bad_settings_are_typed_errors() {
    let circuit = hea(2, 1);
    let nothing = Expectation::new(&circuit, vec!["Z0".parse().expect("valid")], &[]).expect("valid");
    let (mut backend, mut rng) = (Counting::new(), ChaCha8Rng::seed_from_u64(0));
    let shots = Shots::PerCircuit(5);
    let differences = FiniteDifferences { difference: Difference::Forward, step: Step::Optimal, shots };
    let estimators: [&dyn Estimator; 4] = [
        &Spsa { directions: 3, step: 0.1, shots },
        &differences,
        &RandomCoordinates { coordinates: 2, shots },
        &DoublyStochastic { rows: 1, groups: 1, shots },
    ];
    for estimator in estimators {
        let answer = estimator.gradient(&nothing, &angles(4), &mut backend, &mut rng).expect("runs");
        assert!(answer.gradient.is_empty() && answer.std_errors.is_empty());
        assert_eq!((answer.bill, estimator.price_vjp(&nothing, 1)), (Bill::ZERO, Bill::ZERO));
        let wrong = estimator.gradient(&nothing, &angles(3), &mut backend, &mut rng);
        assert!(matches!(wrong, Err(Error::Length { .. })));
        let wrong = estimator.vjp(&nothing, &angles(4), Cotangents::Fixed(&[1.0, 2.0]), &mut backend, &mut rng);
        assert!(matches!(wrong, Err(Error::Length { what: "cotangents", .. })));
    }
    assert_eq!(backend.bill, Bill::ZERO);

    let one = Expectation::new(&circuit, vec!["Z0".parse().expect("valid")], &[Param::new(0)]).expect("valid");
    let fixed = |step| FiniteDifferences { difference: Difference::Central, step: Step::Fixed(step), shots };
    let bad: [&dyn Estimator; 8] = [
        &Spsa { directions: 0, step: 0.1, shots },
        &Spsa { directions: 1, step: 0.0, shots },
        &Spsa { directions: 1, step: f64::NAN, shots },
        &fixed(-1.0),
        &fixed(f64::INFINITY),
        &RandomCoordinates { coordinates: 0, shots },
        &DoublyStochastic { rows: 0, groups: 1, shots },
        &DoublyStochastic { rows: 1, groups: 0, shots },
    ];
    for estimator in bad {
        let error = estimator.gradient(&one, &angles(4), &mut backend, &mut rng);
        assert!(matches!(error, Err(Error::Setting { .. })), "{error:?}");
    }
    assert_eq!(backend.bill, Bill::ZERO);
}
