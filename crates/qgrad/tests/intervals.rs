//! Coverage of intervals over many repetitions, and squares of noisy values.

use qcore::{Circuit, PauliSum};
use qgrad::{Adjoint, Error, Estimate, Estimator, Expectation, ParameterShift, Shots, StateVectorBackend};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

const REPETITIONS: u32 = 2000;
const Z: f64 = 1.959_963_984_540_054;

fn one_qubit(observable: &str) -> Expectation {
    let mut circuit = Circuit::new(1).expect("width");
    let t = circuit.parameter("t").expect("new");
    circuit.ry(0, t).expect("valid");
    Expectation::of_all_parameters(&circuit, vec![observable.parse().expect("valid")]).expect("valid")
}

/// The share of repetitions in which the interval of `<c Z + d>` holds the truth, for an outcome of probability `p`.
fn coverage_of_value(p: f64, shots: u64, seed: u64) -> f64 {
    let expectation = one_qubit("-0.7 * Z0 + 0.2 * I");
    let theta = 2.0 * p.sqrt().asin();
    let exact = 0.2 - 0.7 * theta.cos();
    let estimator = ParameterShift { shots: Shots::PerCircuit(shots) };
    let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(seed));
    let covered = (0..REPETITIONS).filter(|_| {
        let estimate = estimator.values(&expectation, &[theta], &mut backend, &mut rng).expect("runs").estimates[0];
        let (low, high) = expectation.interval(0, &estimate, Z).expect("one observable");
        assert!(low < high && low >= -0.5 - 1e-12 && high <= 0.9 + 1e-12);
        low <= exact + 1e-12 && exact - 1e-12 <= high
    });
    covered.count() as f64 / f64::from(REPETITIONS)
}

#[test]
fn intervals_of_values_cover_what_they_say() {
    for (k, (p, shots)) in [(0.5, 100), (0.3, 100), (0.15, 100), (0.85, 120), (0.05, 400), (0.02, 1000), (0.45, 1000)]
        .into_iter()
        .enumerate()
    {
        let coverage = coverage_of_value(p, shots, k as u64);
        assert!((0.93..=0.97).contains(&coverage), "p = {p}, {shots} shots: {coverage}");
    }
    // From certain on to where p(1-p) S is 10; the true coverage is 93.2 % at the worst of all p, so that 2000 repetitions may show
    // 4.5 standard errors less.
    let least = 0.932 - 4.5 * (0.932_f64 * 0.068 / f64::from(REPETITIONS)).sqrt();
    for (k, mean) in [0.0, 0.05, 0.5, 1.5, 2.0, 2.5, 2.8, 3.5, 4.4, 6.0, 8.0].into_iter().enumerate() {
        for (shots, mirrored) in [(100, false), (1000, true)] {
            let p = mean / shots as f64;
            let coverage = coverage_of_value(if mirrored { 1.0 - p } else { p }, shots, 100 + k as u64);
            assert!(coverage >= least, "{mean} of {shots} expected: {coverage}");
        }
    }
}

/// The same for components of gradients, and of a sum that is read in two bases.
#[test]
fn intervals_of_gradients_and_sums_cover_what_they_say() {
    let expectation = one_qubit("Z0");
    let sum = one_qubit("Z0 + 0.8 * X0");
    let shots = Shots::PerCircuit(100);
    let estimator = ParameterShift { shots };
    let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(3));
    // cos(t + pi/2) and cos(t - pi/2) are probabilities of (1 -+ sin t) / 2.
    for (theta, range) in [
        (0.2_f64, 0.93..=0.97),
        (0.7, 0.93..=0.97),
        // Both circuits nearly certain.
        (std::f64::consts::FRAC_PI_2 - 0.05, 0.925..=1.0),
        (std::f64::consts::FRAC_PI_2 - 0.25, 0.925..=1.0),
        (std::f64::consts::FRAC_PI_2, 0.925..=1.0),
    ] {
        let (mut components, mut values) = (0, 0);
        let exact = sum_value(&sum, theta);
        for _ in 0..REPETITIONS {
            let answer = estimator.gradient(&expectation, &[theta], &mut backend, &mut rng).expect("runs");
            let (low, high) = answer.interval(0, Z).expect("one component");
            assert!(low < high);
            components += u32::from((low..=high).contains(&-theta.sin()));
            let estimate = estimator.values(&sum, &[theta], &mut backend, &mut rng).expect("runs").estimates[0];
            let (low, high) = sum.interval(0, &estimate, Z).expect("one observable");
            values += u32::from((low..=high).contains(&exact));
        }
        let coverage = f64::from(components) / f64::from(REPETITIONS);
        assert!(range.contains(&coverage), "gradient at {theta}: {coverage}");
        let coverage = f64::from(values) / f64::from(REPETITIONS);
        assert!(coverage >= 0.925, "sum at {theta}: {coverage}");
    }
    let exact = Estimate::exact(0.3);
    assert_eq!(exact.interval(Z, 2.0), (0.3, 0.3));
    assert!(matches!(sum.interval(1, &exact, Z), Err(Error::Index { index: 1, count: 1, .. })));
    let gradient = Adjoint.gradient(&sum, &[0.1], &mut backend, &mut rng).expect("runs");
    assert!(matches!(gradient.interval(1, Z), Err(Error::Index { index: 1, count: 1, .. })));
}

fn sum_value(sum: &Expectation, theta: f64) -> f64 {
    let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(0));
    Adjoint.values(sum, &[theta], &mut backend, &mut rng).expect("runs").estimates[0].value
}

/// `E (f - y)^2 = (f - y)^2 + Var f`: the plain square is biased by the variance, the corrected one is not.
#[test]
fn squares_of_noisy_values_are_corrected_for_their_noise() {
    let sum: PauliSum = "Z0".parse().expect("valid");
    let expectation = one_qubit(&sum.to_string());
    let (theta, target, shots) = (1.1_f64, 0.2, 50);
    let estimator = ParameterShift { shots: Shots::PerCircuit(shots) };
    let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(8));
    let n = 20_000.0;
    let (mut plain, mut corrected, mut scatter, mut claimed) = (0.0, 0.0, 0.0, 0.0);
    let exact = (theta.cos() - target).powi(2);
    for _ in 0..20_000 {
        let estimate = estimator.values(&expectation, &[theta], &mut backend, &mut rng).expect("runs").estimates[0];
        let (square, variance) = estimate.squared_deviation(target);
        plain += (estimate.value - target).powi(2) / n;
        corrected += square / n;
        scatter += (square - exact).powi(2) / n;
        claimed += variance / n;
    }
    let variance = theta.sin().powi(2) / shots as f64;
    let error = (scatter / n).sqrt();
    assert!((plain - exact - variance).abs() < 4.5 * error, "the bias of the plain square is the variance");
    // Laplace's rule puts 1/S too much into the squared error, relative to the larger outcome: some variance / S.
    assert!((corrected - exact).abs() < 4.5 * error + 3.0 * variance / shots as f64, "{corrected} against {exact}");
    assert!((0.95..1.35).contains(&(claimed / scatter)), "{}", claimed / scatter);
}
