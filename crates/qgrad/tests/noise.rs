//! Backends with noise against each other, finite differences and their own error bars; their bills against a backend that
//! counts.

use qcore::{Channel, Circuit, Gate, Level, NoiseModel, PauliSum, Readout, ReadoutError, Selector};
use qgrad::{
    Adjoint, Backend, Bill, Cotangents, DensityMatrixBackend, Error, Estimate, Estimator, Expectation, Job, JobResult,
    JobShots, ParameterShift, Point, Shift, Shots, Simulator, TrajectoryBackend,
};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

/// Rotations with one, two and several occurrences, controlled ones, and expressions in parameters.
fn circuit() -> Circuit {
    let mut circuit = Circuit::new(3).expect("narrow");
    let t = circuit.parameters_named("t", 5).expect("new");
    circuit.h(0).expect("valid").ry(0, t[0]).expect("valid").rx(1, t[1]).expect("valid").cx(0, 1).expect("valid");
    circuit.gate(Gate::Cry, &[1, 2], &[t[2].into()]).expect("valid");
    circuit.rz(1, 2.0 * t[0] - t[3]).expect("valid").gate(Gate::Cp, &[0, 2], &[t[3].into()]).expect("valid");
    circuit.cx(2, 1).expect("valid").ry(1, t[4] * t[1]).expect("valid").rx(2, t[2]).expect("valid");
    circuit
}

fn model() -> NoiseModel {
    let errors = [(0.02, 0.05), (0.04, 0.01), (0.03, 0.03)].map(|(a, b)| ReadoutError::new(a, b).expect("valid"));
    NoiseModel::new()
        .after(Selector::every().arity(1), Channel::amplitude_damping(0.06).expect("valid"))
        .after(Selector::every().arity(2), Channel::depolarizing_two(0.08).expect("valid"))
        .after(Selector::every(), Channel::phase_damping(0.05).expect("valid"))
        .with_readout(Readout::new(&errors).expect("narrow"))
}

fn observables() -> Vec<PauliSum> {
    ["0.7 * Z0 Z1 - 0.4 * X2 + 0.3 * I", "Y0 Y1 + 0.5 * Z2 - 0.2 * X0 X1"]
        .map(|text| text.parse().expect("valid"))
        .to_vec()
}

const THETA: [f64; 5] = [0.4, -0.9, 1.3, 2.1, 0.6];

fn expectation() -> Expectation {
    Expectation::of_all_parameters(&circuit(), observables()).expect("valid")
}

fn targets(_: usize, values: &[Estimate], weights: &mut [Estimate]) {
    for ((weight, value), y) in weights.iter_mut().zip(values).zip([0.3, -0.2]) {
        let error = 2.0 * value.std_error;
        *weight = Estimate { value: 2.0 * (value.value - y), std_error: error, shots: value.shots };
    }
}

/// The loss `sum_o (f_o - y_o)^2` and its gradient, by an estimator.
fn loss(theta: &[f64]) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let values = Adjoint
        .values(&expectation(), theta, &mut DensityMatrixBackend::new(model()), &mut rng)
        .expect("runs")
        .estimates;
    values.iter().zip([0.3, -0.2]).map(|(value, y)| (value.value - y).powi(2)).sum()
}

#[test]
fn exact_gradients_are_finite_differences_at_every_level() {
    let expectation = expectation();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for level in Level::available() {
        let mut backend = DensityMatrixBackend::with_level(model(), level);
        let estimators: [&dyn Estimator; 2] = [&Adjoint, &ParameterShift { shots: Shots::Exact }];
        for estimator in estimators {
            let mut weigh = targets;
            let answer = estimator
                .vjp(&expectation, &THETA, Cotangents::OfValues(&mut weigh), &mut backend, &mut rng)
                .expect("runs");
            assert_eq!((answer.values.len(), answer.std_errors.as_slice()), (2, [0.0; 5].as_slice()));
            for k in 0..5 {
                let shifted = |h: f64| {
                    let mut theta = THETA;
                    theta[k] += h;
                    loss(&theta)
                };
                // Fourth-order central differences: the error is of the order h^4.
                let difference = (8.0 * (shifted(0.01) - shifted(-0.01)) - (shifted(0.02) - shifted(-0.02))) / 0.12;
                assert!((answer.gradient[k] - difference).abs() < 1e-7, "{level}, component {k}");
            }
        }
    }
}

/// Rows are independent, and circuits may change between calls of one backend.
#[test]
fn rows_and_circuits_may_change() {
    let expectation = expectation();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let rows: Vec<f64> = THETA.iter().chain(&[1.0, 0.2, -0.3, 0.8, 1.9]).copied().collect();
    let mut backend = DensityMatrixBackend::new(model());
    for estimator in [&Adjoint as &dyn Estimator, &ParameterShift { shots: Shots::Exact }] {
        let both = estimator
            .vjp(&expectation, &rows, Cotangents::Fixed(&[1.0, -0.5, 0.3, 2.0]), &mut backend, &mut rng)
            .expect("runs");
        let mut sum = [0.0; 5];
        for (row, weights) in rows.chunks(5).zip([[1.0, -0.5], [0.3, 2.0]]) {
            let one =
                estimator.vjp(&expectation, row, Cotangents::Fixed(&weights), &mut backend, &mut rng).expect("runs");
            sum.iter_mut().zip(one.gradient).for_each(|(sum, g)| *sum += g);
        }
        for (both, sum) in both.gradient.iter().zip(sum) {
            assert!((both - sum).abs() < 1e-14);
        }
        // Another circuit in between.
        let mut other = Circuit::new(1).expect("narrow");
        let t = other.parameter("t").expect("new");
        other.ry(0, t).expect("valid");
        let other = Expectation::of_all_parameters(&other, vec!["Z0".parse().expect("valid")]).expect("valid");
        let damped = DensityMatrixBackend::new(
            NoiseModel::new().after(Selector::every(), Channel::amplitude_damping(0.3).expect("valid")),
        );
        let found = estimator.gradient(&other, &[0.8], &mut damped.clone(), &mut rng).expect("runs").gradient[0];
        assert!((found + 0.7 * 0.8_f64.sin()).abs() < 1e-14, "z is read as 0.3 + 0.7 z: {found}");
        assert!(estimator.gradient(&expectation, &THETA, &mut backend, &mut rng).is_ok());
    }
}

/// Points with two displacements are the circuit at other angles.
#[test]
fn points_may_displace_two_rotations() {
    let mut circuit = Circuit::new(2).expect("narrow");
    let t = circuit.parameters_named("t", 3).expect("new");
    circuit.ry(0, t[0]).expect("valid").cx(0, 1).expect("valid").rx(1, t[1]).expect("valid");
    circuit.gate(Gate::Crz, &[1, 0], &[t[2].into()]).expect("valid").h(0).expect("valid");
    let expectation = Expectation::of_all_parameters(&circuit, vec!["Z0 + X1".parse().expect("valid")]).expect("valid");
    let at = |shifts: &[(usize, f64)]| {
        let mut theta = [0.3, 0.7, -1.1];
        shifts.iter().for_each(|&(k, angle)| theta[k] += angle);
        theta
    };
    let shift = |rotation: usize, angle: f64| Shift { rotation, angle };
    let points = [
        Point::shifted_twice(0, shift(0, 0.4), shift(2, -0.8)),
        Point::at(0),
        Point::shifted_twice(0, shift(1, 0.4), shift(1, 0.5)),
        Point::shifted(0, shift(2, 1.0)),
    ];
    let moved = [at(&[(0, 0.4), (2, -0.8)]), at(&[]), at(&[(1, 0.9)]), at(&[(2, 1.0)])];
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let theta = at(&[]);
    let mut backend = DensityMatrixBackend::new(model_for_two());
    let found = backend.run(&expectation.job(&theta, &points, JobShots::Exact), &mut rng).expect("runs").values;
    for (found, moved) in found.iter().zip(&moved) {
        let job = expectation.job(moved, &points[1..2], JobShots::Exact);
        let expected = backend.run(&job, &mut rng).expect("runs").values[0];
        assert!((found.value - expected.value).abs() < 1e-14);
    }
    let mut trajectories = TrajectoryBackend::new(model_for_two(), 4000).expect("enough");
    let sampled = trajectories.run(&expectation.job(&theta, &points, JobShots::Exact), &mut rng).expect("runs").values;
    for (found, sampled) in found.iter().zip(&sampled) {
        assert!((found.value - sampled.value).abs() < 4.5 * sampled.std_error, "{sampled:?} against {found:?}");
    }
}

fn model_for_two() -> NoiseModel {
    NoiseModel::new()
        .after(Selector::every(), Channel::amplitude_damping(0.1).expect("valid"))
        .after(Selector::every().arity(2), Channel::depolarizing_two(0.1).expect("valid"))
}

/// Mean and scatter of repeated gradients against the exact gradient and the errors that were claimed.
fn check_error_bars(backend: &mut dyn Backend, shots: Shots, repetitions: u32, seed: u64, what: &str) {
    let expectation = Expectation::of_all_parameters(&circuit(), observables()[..1].to_vec()).expect("valid");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let exact = Adjoint
        .gradient(&expectation, &THETA, &mut DensityMatrixBackend::new(model()), &mut rng)
        .expect("runs")
        .gradient;
    let mut moments = [(0.0, 0.0, 0.0); 5];
    for _ in 0..repetitions {
        let answer = ParameterShift { shots }.gradient(&expectation, &THETA, backend, &mut rng).expect("runs");
        for (k, moment) in moments.iter_mut().enumerate() {
            let deviation = answer.gradient[k] - exact[k];
            moment.0 += deviation;
            moment.1 += deviation * deviation;
            moment.2 += answer.std_errors[k].powi(2);
        }
    }
    let n = f64::from(repetitions);
    for (k, (sum, squares, claimed)) in moments.into_iter().enumerate() {
        let variance = squares / n;
        assert!((sum / n).abs() < 4.5 * (variance / n).sqrt(), "{what}, component {k}: biased by {}", sum / n);
        // The scatter has relative standard error sqrt(2/n); Laplace's rule widens by a few per cent at most.
        let ratio = claimed / n / variance;
        assert!((ratio - 1.0).abs() < 4.5 * (2.0 / n).sqrt() + 0.03, "{what}, component {k}: {ratio}");
    }
}

#[test]
fn error_bars_of_the_density_matrix_are_honest() {
    check_error_bars(&mut DensityMatrixBackend::new(model()), Shots::PerCircuit(200), 600, 1, "shots");
}

#[test]
fn error_bars_of_trajectories_are_honest() {
    let backend = TrajectoryBackend::new(model(), 40).expect("enough");
    check_error_bars(&mut backend.clone(), Shots::Exact, 150, 2, "means");
    check_error_bars(&mut backend.clone(), Shots::PerCircuit(40), 150, 3, "a trajectory per shot");
    let mut blocks = backend.with_shots_per_trajectory(8).expect("some");
    check_error_bars(&mut blocks, Shots::PerCircuit(240), 150, 4, "a trajectory per block");
}

/// Where no error strikes and all outcomes agree, an error bar is left.
#[test]
fn no_error_bar_is_zero() {
    let mut circuit = Circuit::new(1).expect("narrow");
    let t = circuit.parameter("t").expect("new");
    circuit.ry(0, t).expect("valid");
    let expectation = Expectation::of_all_parameters(&circuit, vec!["Z0".parse().expect("valid")]).expect("valid");
    let rare = NoiseModel::new().after(Selector::every(), Channel::bit_flip(1e-6).expect("valid"));
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut backend = TrajectoryBackend::new(rare, 50).expect("enough");
    for shots in [Shots::Exact, Shots::PerCircuit(50)] {
        let value = ParameterShift { shots }.values(&expectation, &[0.0], &mut backend, &mut rng).expect("runs");
        let error = value.estimates[0].std_error;
        assert!(error > 0.01 && error < 0.1, "{error}");
    }
    // Without any channel the answer is exact.
    let mut backend = TrajectoryBackend::new(NoiseModel::new(), 50).expect("enough");
    let exact = ParameterShift { shots: Shots::Exact };
    let value = exact.values(&expectation, &[0.4], &mut backend, &mut rng).expect("runs").estimates[0];
    assert!((value.value - 0.4_f64.cos()).abs() < 1e-15 && value.std_error == 0.0);
}

/// Passes jobs on and counts their circuits and shots one by one.
struct Counting<B> {
    inner: B,
    jobs: u64,
    circuits: u64,
    shots: u64,
}

impl<B: Backend> Backend for Counting<B> {
    fn run(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, Error> {
        self.jobs += 1;
        for circuit in 0..job.points.len() * job.measurement.groups().len() {
            self.circuits += 1;
            self.shots += match job.shots {
                JobShots::Exact => 0,
                JobShots::Each(shots) => shots,
                JobShots::PerCircuit(shots) => shots[circuit],
            };
        }
        self.inner.run(job, rng)
    }
}

fn check_bills(inner: impl Backend) {
    let expectation = expectation();
    let mut counting = Counting { inner, jobs: 0, circuits: 0, shots: 0 };
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for shots in [Shots::Exact, Shots::PerCircuit(7), Shots::Total(1001)] {
        let estimator = ParameterShift { shots };
        (counting.jobs, counting.circuits, counting.shots) = (0, 0, 0);
        let mut weigh = targets;
        let bill = estimator
            .vjp(&expectation, &THETA, Cotangents::OfValues(&mut weigh), &mut counting, &mut rng)
            .expect("runs")
            .bill;
        let counted =
            Bill { jobs: counting.jobs, circuits: counting.circuits, shots: counting.shots, seconds: 0.0, joules: 0.0 };
        assert_eq!(bill, counted);
        assert_eq!(bill, estimator.price_values(&expectation, 1) + estimator.price_vjp(&expectation, 1));
    }
}

#[test]
fn bills_are_what_was_run() {
    check_bills(DensityMatrixBackend::new(model()));
    check_bills(TrajectoryBackend::new(model(), 2).expect("two"));
    // By the tape it is billed as the shifts that a device would run.
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let answer =
        Adjoint.gradient(&expectation(), &THETA, &mut DensityMatrixBackend::new(model()), &mut rng).expect("runs");
    assert_eq!(answer.bill, ParameterShift { shots: Shots::Exact }.price_vjp(&expectation(), 1));
}

#[test]
fn equal_streams_give_equal_bytes() {
    let expectation = expectation();
    let run = |backend: &mut dyn Backend, shots| {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        ParameterShift { shots }.gradient(&expectation, &THETA, backend, &mut rng).expect("runs")
    };
    for shots in [Shots::Exact, Shots::PerCircuit(30)] {
        let mut density = DensityMatrixBackend::new(model());
        let first = run(&mut density, shots);
        assert_eq!(first, run(&mut density, shots), "a used backend");
        assert_eq!(first, run(&mut DensityMatrixBackend::new(model()), shots), "a new backend");
        let trajectories = TrajectoryBackend::new(model(), 20).expect("enough");
        assert_eq!(run(&mut trajectories.clone(), shots), run(&mut trajectories.clone(), shots));
    }
}

#[test]
fn what_noise_rules_out_is_an_error() {
    let expectation = expectation();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut density = DensityMatrixBackend::new(model());
    assert!(matches!(density.metric_tensor(&expectation, &THETA), Err(Error::MixedState { .. })));
    let mut trajectories = TrajectoryBackend::new(model(), 10).expect("enough");
    let adjoint = Adjoint.gradient(&expectation, &THETA, &mut trajectories, &mut rng);
    assert!(matches!(adjoint, Err(Error::NotASimulator { .. })));
    for count in [0, 1] {
        assert!(
            matches!(TrajectoryBackend::new(model(), count), Err(Error::TooFewTrajectories { got, .. }) if got == count)
        );
    }
    assert!(trajectories.with_shots_per_trajectory(0).is_err());
    let wide = Circuit::new(13).expect("valid");
    let wide = Expectation::of_all_parameters(&wide, vec!["Z0".parse().expect("valid")]).expect("valid");
    let refused = Adjoint.values(&wide, &[], &mut density, &mut rng);
    assert!(matches!(refused, Err(Error::Circuit(qcore::Error::Width { qubits: 13, max: 12 }))));
    let zero = ParameterShift { shots: Shots::PerCircuit(0) };
    for backend in [&mut density as &mut dyn Backend, &mut TrajectoryBackend::new(model(), 2).expect("two")] {
        let refused = zero.values(&expectation, &THETA, backend, &mut rng);
        assert!(matches!(refused, Err(Error::TooFewShots { .. })));
    }
}
