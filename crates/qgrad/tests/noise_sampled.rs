//! Stochastic gradients, Hessians and metrics from shots and trajectories on backends with noise, against what the density matrix says
//! exactly, and the errors that they claim against their scatter.

use qcore::{Channel, Circuit, NoiseModel, PauliSum, Readout, ReadoutError, Selector};
use qgrad::{
    Adjoint, Allocation, Backend, Blocks, DensityMatrixBackend, Difference, DoublyStochastic, Error, Estimator,
    Expectation, FiniteDifferences, Metric, MetricMethod, ParameterShift, RandomCoordinates, Shots, Spsa, Step,
    TrajectoryBackend,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

const THETA: [f64; 3] = [0.6, -0.9, 1.3];

/// A parameter in two rotations, a controlled rotation.
fn circuit() -> Circuit {
    let mut circuit = Circuit::new(2).expect("narrow");
    let t = circuit.parameters_named("t", 3).expect("new");
    circuit.ry(0, t[0]).expect("valid").rx(1, t[1]).expect("valid").crx(0, 1, t[2]).expect("valid");
    circuit.ry(1, t[0] * 0.5).expect("valid");
    circuit
}

fn model() -> NoiseModel {
    let errors = [(0.02, 0.05), (0.04, 0.01)].map(|(a, b)| ReadoutError::new(a, b).expect("valid"));
    NoiseModel::new()
        .after(Selector::every().arity(1), Channel::amplitude_damping(0.1).expect("valid"))
        .after(Selector::every().arity(2), Channel::depolarizing_two(0.15).expect("valid"))
        .with_readout(Readout::new(&errors).expect("narrow"))
}

fn expectation() -> Expectation {
    let observable: PauliSum = "0.7 * Z0 Z1 - 0.4 * X1 + 0.3 * Z0".parse().expect("valid");
    Expectation::of_all_parameters(&circuit(), vec![observable]).expect("valid")
}

fn density() -> DensityMatrixBackend {
    DensityMatrixBackend::new(model())
}

/// Every way to run noisy circuits with the shots that it takes: counts, a trajectory per shot, one per block of shots, and means
/// over trajectories without shots.
fn backends() -> Vec<(&'static str, Box<dyn Backend>, Shots)> {
    let trajectories = TrajectoryBackend::new(model(), 40).expect("enough");
    let blocks = trajectories.clone().with_shots_per_trajectory(8).expect("some");
    vec![
        ("density matrix", Box::new(density()), Shots::PerCircuit(60)),
        ("trajectories", Box::new(trajectories.clone()), Shots::PerCircuit(40)),
        ("blocks", Box::new(blocks), Shots::PerCircuit(160)),
        ("means", Box::new(trajectories), Shots::Exact),
    ]
}

/// The mean of many answers within 4.5 of its standard errors (and a bias that is allowed) of the truth, and the claimed variance
/// within its own error, and these factors, of the scatter.
fn check(
    what: &str,
    exact: &[f64],
    (bias, factors): (f64, (f64, f64)),
    repetitions: u32,
    mut answer: impl FnMut() -> (Vec<f64>, Vec<f64>),
) {
    let mut moments = vec![(0.0, 0.0, 0.0); exact.len()];
    let n = f64::from(repetitions);
    for _ in 0..repetitions {
        let (values, errors) = answer();
        for (k, moment) in moments.iter_mut().enumerate() {
            let deviation = values[k] - exact[k];
            moment.0 += deviation / n;
            moment.1 += deviation * deviation / n;
            moment.2 += errors[k] * errors[k] / n;
        }
    }
    let of_ratio = 4.5 * (2.0 / n).sqrt();
    for (k, (mean, square, claimed)) in moments.into_iter().enumerate() {
        if square == 0.0 {
            assert_eq!(claimed, 0.0, "{what}, {k}");
            continue;
        }
        let scatter = square - mean * mean;
        assert!(mean.abs() < bias + 4.5 * (scatter / n).sqrt(), "{what}, {k}: off by {mean} of {}", exact[k]);
        let ratio = claimed / scatter;
        assert!(ratio > factors.0 - of_ratio && ratio < factors.1 + of_ratio, "{what}, {k}: claims {ratio}");
    }
}

#[test]
fn stochastic_gradients_are_right_on_average_and_scatter_as_they_say() {
    let expectation = expectation();
    let mut rng = ChaCha8Rng::seed_from_u64(41);
    let exact = Adjoint.gradient(&expectation, &THETA, &mut density(), &mut rng).expect("runs").gradient;
    for (name, mut backend, shots) in backends() {
        // Pseudo-counts of a few shots widen by some per cent. Third derivatives are below 1.4 times 1.5^3 in all.
        let central = FiniteDifferences { difference: Difference::Central, step: Step::Fixed(0.4), shots };
        let third = 1.4 * 1.5_f64.powi(3);
        let estimators: [(&dyn Estimator, f64, (f64, f64)); 4] = [
            // The scatter of eight directions is noisy itself.
            (&Spsa { directions: 8, step: 0.3, shots }, 0.3 * 0.3 / 6.0 * 4.0 * third, (0.9, 1.35)),
            (&central, 0.4 * 0.4 / 6.0 * third, (1.0, 1.1)),
            (&RandomCoordinates { coordinates: 3, shots }, 0.0, (1.0, 1.1)),
            (&DoublyStochastic { rows: 1, groups: 2, shots }, 0.0, (1.0, 1.1)),
        ];
        for (index, (estimator, bias, factors)) in estimators.into_iter().enumerate() {
            check(&format!("{name}, estimator {index}"), &exact, (bias, factors), 150, || {
                let answer = estimator.gradient(&expectation, &THETA, &mut *backend, &mut rng).expect("runs");
                (answer.gradient, answer.std_errors)
            });
        }
        // Errors of components that were not drawn are means over others: only the mean is checked.
        let one = RandomCoordinates { coordinates: 1, shots };
        check(&format!("{name}, one coordinate"), &exact, (0.0, (0.0, f64::INFINITY)), 300, || {
            let answer = one.gradient(&expectation, &THETA, &mut *backend, &mut rng).expect("runs");
            (answer.gradient, answer.std_errors)
        });
    }
}

/// Second derivatives of the density matrix by differences of its exact gradient; then shots and trajectories against them.
#[test]
fn hessians_are_right_on_average_and_scatter_as_they_say() {
    let expectation = expectation();
    let mut rng = ChaCha8Rng::seed_from_u64(42);
    let shift = ParameterShift { shots: Shots::Exact };
    let exact = shift.hessian(&expectation, &THETA, &[1.0], &mut density(), &mut rng).expect("runs").matrix;
    for k in 0..3 {
        let mut gradient = |h: f64| {
            let mut theta = THETA;
            theta[k] += h;
            Adjoint.gradient(&expectation, &theta, &mut density(), &mut rng).expect("runs").gradient
        };
        let (near, far) = ([gradient(0.01), gradient(-0.01)], [gradient(0.02), gradient(-0.02)]);
        for j in 0..3 {
            let difference = (8.0 * (near[0][j] - near[1][j]) - (far[0][j] - far[1][j])) / 0.12;
            assert!((exact[(j, k)] - difference).abs() < 1e-7, "({j}, {k})");
        }
    }
    for (name, mut backend, shots) in backends() {
        let shots = [shots, Shots::Allocated { total: 6000, by: Allocation::Coefficient }];
        for shots in &shots[..if name == "density matrix" { 2 } else { 1 }] {
            let shift = ParameterShift { shots: *shots };
            check(&format!("{name}, {shots:?}"), exact.as_slice(), (0.0, (1.0, 1.15)), 120, || {
                let found = shift.hessian(&expectation, &THETA, &[1.0], &mut *backend, &mut rng).expect("runs");
                (found.matrix.as_slice().to_vec(), found.std_errors.as_slice().to_vec())
            });
        }
    }
}

/// What the circuits of a metric measure on a noisy device is not the metric of a pure state; from shots it is what the density matrix
/// says exactly of the same circuits.
#[test]
fn metrics_are_right_on_average_and_scatter_as_they_say() {
    let mut layered = Circuit::new(2).expect("narrow");
    let t = layered.parameters_named("t", 3).expect("new");
    layered.ry(0, t[0]).expect("valid").rx(1, t[1]).expect("valid").cx(0, 1).expect("valid");
    layered.ry(1, t[2]).expect("valid");
    let metric = Metric::of_all_parameters(&layered).expect("valid");
    let mut rng = ChaCha8Rng::seed_from_u64(43);
    for (blocks, method, factor) in
        [(Blocks::Layers, MetricMethod::Covariances, 10), (Blocks::Full, MetricMethod::Overlaps, 1)]
    {
        let exact = metric.measure(&blocks, method, Shots::Exact, &THETA, &mut density(), &mut rng).expect("runs");
        let pure = metric.exact(&blocks, &THETA, &mut qgrad::StateVectorBackend::new()).expect("runs");
        assert!((&exact.matrix - &pure.matrix).amax() > 1e-3, "noise is seen");
        for (name, mut backend, shots) in backends() {
            let Shots::PerCircuit(shots) = shots else { continue };
            let shots = Shots::PerCircuit(factor * shots);
            if name == "blocks" && method == MetricMethod::Covariances {
                continue; // refused: see the next test
            }
            check(&format!("{name}, {method:?}"), exact.matrix.as_slice(), (0.0, (0.95, 1.25)), 150, || {
                let found = metric.measure(&blocks, method, shots, &THETA, &mut *backend, &mut rng).expect("runs");
                (found.matrix.as_slice().to_vec(), found.std_errors.as_slice().to_vec())
            });
        }
        assert!(matches!(metric.exact(&blocks, &THETA, &mut density()), Err(Error::MixedState { .. })));
    }
}

/// A sample covariance of shots that share trajectories scatters more than one of as many independent shots, and one of means over
/// trajectories has no shots to make an error of: no error bar is better than one that is too small.
#[test]
fn covariances_of_shots_that_share_trajectories_are_refused() {
    let mut circuit = Circuit::new(2).expect("narrow");
    let t = circuit.parameters_named("t", 2).expect("new");
    circuit.h(0).expect("valid").cx(0, 1).expect("valid").ry(0, t[0]).expect("valid").ry(1, t[1]).expect("valid");
    let metric = Metric::of_all_parameters(&circuit).expect("valid");
    let mut rng = ChaCha8Rng::seed_from_u64(44);
    let mut measure = |backend: &mut dyn Backend, shots: Shots| {
        metric.measure(&Blocks::Layers, MetricMethod::Covariances, shots, &THETA[..2], backend, &mut rng)
    };
    let trajectories = TrajectoryBackend::new(model(), 40).expect("enough");
    let blocks = trajectories.clone().with_shots_per_trajectory(8).expect("some");
    let some = Shots::PerCircuit(80);
    let mut boxed: Box<dyn Backend> = Box::new(blocks.clone());
    for refused in [
        measure(&mut blocks.clone(), some),
        measure(&mut boxed, some),
        measure(&mut &mut blocks.clone(), some),
        measure(&mut trajectories.clone(), Shots::Exact),
    ] {
        assert!(matches!(refused, Err(Error::DependentShots { .. })), "{refused:?}");
    }
    let found = measure(&mut trajectories.clone(), some).expect("one trajectory for each shot");
    assert!(found.std_errors.iter().all(|&error| error > 0.0));
    // Overlaps are linear in the values: their errors are right on any backend.
    let overlaps = metric.measure(&Blocks::Layers, MetricMethod::Overlaps, some, &THETA[..2], &mut boxed, &mut rng);
    assert!(overlaps.expect("runs").std_errors[(0, 1)] > 0.0);
}
