//! Finite shots: moments of the estimates against exact ones, error bars against the scatter that they claim to describe, and
//! bills against a backend that counts.

mod common;

use common::{Counting, angles, hea};
use qcore::{Circuit, PauliSum};
use qgrad::{
    Adjoint, Backend, Bill, Cotangents, Error, Estimate, Estimator, Expectation, Job, JobResult, ParameterShift, Shots,
    StateVectorBackend,
};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

/// One qubit, RY, Z: the two-term estimate from S shots per circuit has variance cos^2(theta) / (2 S).
#[test]
fn the_shift_estimate_of_one_qubit_has_its_closed_form_variance() {
    let mut circuit = Circuit::new(1).expect("width");
    let theta = circuit.parameter("t").expect("new");
    circuit.ry(0, theta).expect("valid");
    let expectation = Expectation::of_all_parameters(&circuit, vec!["Z0".parse().expect("valid")]).expect("valid");
    let (at, shots, repetitions) = (0.7_f64, 50, 20_000);
    let shift = ParameterShift { shots: Shots::PerCircuit(shots) };
    let mut backend = StateVectorBackend::new();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut sum, mut squares, mut claimed) = (0.0, 0.0, 0.0);
    for _ in 0..repetitions {
        let answer = shift.gradient(&expectation, &[at], &mut backend, &mut rng).expect("runs");
        let deviation = answer.gradient[0] + at.sin();
        sum += deviation;
        squares += deviation * deviation;
        claimed += answer.std_errors[0].powi(2);
    }
    let n = f64::from(repetitions);
    let variance = at.cos().powi(2) / (2.0 * shots as f64);
    assert!((sum / n).abs() < 4.0 * (variance / n).sqrt(), "biased by {}", sum / n);
    // The estimate is nearly Gaussian: its squared deviation has relative standard error sqrt(2/n).
    assert!(
        (squares / n / variance - 1.0).abs() < 4.0 * (2.0 / n).sqrt(),
        "variance off by {}",
        squares / n / variance
    );
    // Laplace's rule widens p(1-p) by O(1/S): 2 p(1-p) -> about (1 + 2/S)-fold here, never narrower.
    let inflation = claimed / n / variance;
    assert!((1.0..1.0 + 4.0 / shots as f64).contains(&inflation), "error bars claim {inflation} of the variance");
}

/// Standard errors of every component of a many-term gradient: scatter of the estimates against the mean claimed variance.
#[test]
fn claimed_errors_match_the_scatter_for_groups_and_cotangents() {
    let circuit = hea(3, 2);
    let observables: Vec<PauliSum> = vec![
        PauliSum::transverse_field_ising(3, 1.0, 0.8).expect("valid"),
        "0.5 * Y0 Y1 + 0.25 * Z2".parse().expect("valid"),
    ];
    let expectation = Expectation::of_all_parameters(&circuit, observables).expect("valid");
    let theta = angles(12);
    let target = [0.3, -0.2];
    let exact = {
        let mut weigh = |_: usize, values: &[Estimate], weights: &mut [Estimate]| {
            for ((w, v), y) in weights.iter_mut().zip(values).zip(target) {
                *w = Estimate::exact(2.0 * (v.value - y));
            }
        };
        let mut backend = StateVectorBackend::new();
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        Adjoint
            .vjp(&expectation, &theta, Cotangents::OfValues(&mut weigh), &mut backend, &mut rng)
            .expect("runs")
            .gradient
    };
    let shift = ParameterShift { shots: Shots::PerCircuit(400) };
    let repetitions = 1500;
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut backend = StateVectorBackend::new();
    let mut moments = vec![(0.0, 0.0, 0.0); 12];
    for _ in 0..repetitions {
        let mut weigh = |_: usize, values: &[Estimate], weights: &mut [Estimate]| {
            for ((w, v), y) in weights.iter_mut().zip(values).zip(target) {
                *w = Estimate { value: 2.0 * (v.value - y), std_error: 2.0 * v.std_error, shots: v.shots };
            }
        };
        let answer =
            shift.vjp(&expectation, &theta, Cotangents::OfValues(&mut weigh), &mut backend, &mut rng).expect("runs");
        for (k, moment) in moments.iter_mut().enumerate() {
            let deviation = answer.gradient[k] - exact[k];
            moment.0 += deviation;
            moment.1 += deviation * deviation;
            moment.2 += answer.std_errors[k].powi(2);
        }
    }
    let n = f64::from(repetitions);
    for (k, (sum, squares, claimed)) in moments.into_iter().enumerate() {
        let (bias, variance, claimed) = (sum / n, squares / n, claimed / n);
        assert!(bias.abs() < 4.5 * (variance / n).sqrt(), "component {k} is biased by {bias}");
        // Both observables are read from shared Z shots, which the error bar ignores (see the docs): their covariance is within
        // the few per cent that are left here beside the scatter's own error.
        let tolerance = 4.5 * (2.0 / n).sqrt() + 0.12;
        assert!((claimed / variance - 1.0).abs() < tolerance, "component {k}: claimed {claimed}, scatter {variance}");
    }
}

/// Exact variances of finite-shot parameter-shift gradients, computed with Qiskit and PennyLane, for a circuit of four RY, four
/// RZ and three CX and a transverse-field Ising chain with h = 0.7 of which every term is measured on its own.
#[test]
fn variances_term_by_term_equal_the_exact_ones() {
    let mut circuit = Circuit::new(4).expect("width");
    let t = circuit.parameters_named("t", 8).expect("new");
    for q in 0..4 {
        circuit.ry(q, t[2 * q]).expect("valid").rz(q, t[2 * q + 1]).expect("valid");
    }
    circuit.cx(0, 1).expect("valid").cx(1, 2).expect("valid").cx(2, 3).expect("valid");
    let theta = [0.420451, -0.435147, -2.550509, -0.954544, 0.763464, -3.00553, 2.353885, 2.224559];
    // N Var of each component where E+ and E- are each measured term by term with N shots.
    let term_by_term = [
        1.5292353160051047,
        1.5459006264378232,
        1.7138288038282363,
        1.5278626883121458,
        1.5620446188120578,
        1.575835642009349,
        1.5414766069544152,
        1.496115037953792,
    ];
    let tfim = PauliSum::transverse_field_ising(4, 1.0, 0.7).expect("valid");
    let shots = 200;
    let shift = ParameterShift { shots: Shots::PerCircuit(shots) };
    let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(5));
    let repetitions = 1500;
    let mut squares = [0.0; 8];
    // Term by term: one expectation per term, each with its own shots.
    for &(coefficient, string) in tfim.terms() {
        let single = PauliSum::new([(coefficient, string)]).expect("finite");
        let expectation = Expectation::of_all_parameters(&circuit, vec![single]).expect("valid");
        let exact = Adjoint.gradient(&expectation, &theta, &mut backend, &mut rng).expect("runs").gradient;
        for _ in 0..repetitions {
            let estimate = shift.gradient(&expectation, &theta, &mut backend, &mut rng).expect("runs").gradient;
            for k in 0..8 {
                squares[k] += (estimate[k] - exact[k]).powi(2) / f64::from(repetitions);
            }
        }
    }
    for k in 0..8 {
        let ratio = squares[k] * shots as f64 / term_by_term[k];
        // A sum of seven independent, nearly Gaussian parts: relative error at most sqrt(2/repetitions).
        assert!((ratio - 1.0).abs() < 4.5 * (2.0 / f64::from(repetitions)).sqrt(), "component {k}: ratio {ratio}");
    }
}

#[test]
fn an_error_bar_is_never_zero_and_follows_the_rule_of_succession() {
    let mut circuit = Circuit::new(1).expect("width");
    circuit.x(0).expect("valid");
    let expectation = Expectation::of_all_parameters(&circuit, vec!["Z0".parse().expect("valid")]).expect("valid");
    let shift = ParameterShift { shots: Shots::PerCircuit(100) };
    let values = shift
        .values(&expectation, &[], &mut StateVectorBackend::new(), &mut ChaCha8Rng::seed_from_u64(0))
        .expect("runs");
    let q: f64 = 1.0 / 102.0;
    let expected = 2.0 * (q * (1.0 - q) / 100.0).sqrt();
    assert_eq!(values.estimates[0].value, -1.0);
    assert!((values.estimates[0].std_error - expected).abs() < 1e-15);
}

#[test]
fn bills_and_prices_equal_what_a_counting_backend_saw() {
    let mut circuit = hea(2, 1);
    let extra = circuit.parameter("extra").expect("new");
    circuit.crz(0, 1, extra + 0.1).expect("valid").rx(0, 2.0 * extra).expect("valid");
    let expectation =
        Expectation::of_all_parameters(&circuit, vec!["Z0 Z1 + X0 - 0.5 * Y1".parse().expect("valid")]).expect("valid");
    let rows = angles(10);
    for shots in [Shots::Exact, Shots::PerCircuit(13), Shots::Total(1001)] {
        let shift = ParameterShift { shots };
        let mut backend = Counting::new();
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let values = shift.values(&expectation, &rows, &mut backend, &mut rng).expect("runs");
        assert_eq!(values.bill, backend.bill);
        assert_eq!(values.bill, shift.price_values(&expectation, 2));
        assert_eq!(values.bill.circuits, 2 * 2);
        backend.bill = Bill::ZERO;
        let vjp = shift.vjp(&expectation, &rows, Cotangents::Fixed(&[1.0, 0.5]), &mut backend, &mut rng).expect("runs");
        assert_eq!(vjp.bill, backend.bill);
        assert_eq!(vjp.bill, shift.price_vjp(&expectation, 2));
        // Four two-term rotations, one four-term and one more two-term one, in the bases ZZ and XY (X0, Y1), for two rows.
        assert_eq!(vjp.bill.circuits, 2 * 2 * (4 * 2 + 4 + 2));
    }
}

#[test]
fn what_needs_a_simulator_is_a_typed_error_elsewhere() {
    let expectation = Expectation::of_all_parameters(&hea(2, 1), vec!["Z0".parse().expect("valid")]).expect("valid");
    let mut backend = Counting::new();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    assert_eq!(
        Adjoint.gradient(&expectation, &angles(4), &mut backend, &mut rng),
        Err(Error::NotASimulator { what: "adjoint differentiation" })
    );
    assert_eq!(backend.bill, Bill::ZERO);
}

/// Shots are a function of the stream alone: the same stream gives the same counts, another one does not.
#[test]
fn the_same_stream_gives_the_same_bits() {
    let expectation =
        Expectation::of_all_parameters(&hea(3, 1), vec!["Z0 Z1 + X2".parse().expect("valid")]).expect("valid");
    let run = |seed| {
        let shift = ParameterShift { shots: Shots::PerCircuit(64) };
        shift
            .gradient(&expectation, &angles(6), &mut StateVectorBackend::new(), &mut ChaCha8Rng::seed_from_u64(seed))
            .expect("runs")
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).gradient, run(2).gradient);
}

/// A second job that is refused does not hide what the first one cost.
#[test]
fn a_refusal_in_the_middle_of_a_call_keeps_the_bill_of_what_ran() {
    struct Once(StateVectorBackend, u32);

    impl Backend for Once {
        fn run(&mut self, job: &Job<'_>, rng: &mut dyn Rng) -> Result<JobResult, Error> {
            self.1 += 1;
            match self.1 {
                1 => self.0.run(job, rng),
                _ => Err(qgrad::Refusal::ShotBudget { needed: job.shots(), left: 0 }.into()),
            }
        }
    }

    let expectation = Expectation::of_all_parameters(&hea(2, 1), vec!["Z0".parse().expect("valid")]).expect("valid");
    let mut weigh = |_: usize, _: &[Estimate], weights: &mut [Estimate]| weights[0] = Estimate::exact(1.0);
    let mut backend = Once(StateVectorBackend::new(), 0);
    let shift = ParameterShift { shots: Shots::PerCircuit(10) };
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let error = shift.vjp(&expectation, &angles(4), Cotangents::OfValues(&mut weigh), &mut backend, &mut rng);
    assert!(matches!(error, Err(Error::RefusedMidway { spent, .. }) if spent == Bill::job(1, 10)), "{error:?}");
    assert!(matches!(Expectation::of_all_parameters(&hea(2, 1), vec![]), Err(Error::NoObservable)));
}
