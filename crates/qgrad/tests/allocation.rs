//! Division of shots among circuits: exact totals and bills, no bias, and a smaller variance where it should be smaller.

mod common;

use common::{Counting, angles, hea};
use qcore::PauliSum;
use qgrad::{
    Adjoint, Allocation, Backend, Bill, Error, Estimator, Expectation, ParameterShift, Refusal, Shots,
    StateVectorBackend,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// Three groups of very different weight, and a string that is nearly certain.
fn lopsided() -> Expectation {
    let observables: Vec<PauliSum> = vec![
        "3.0 * X0 X1 + 0.1 * Z0 Z1 + 0.2 * Z1 - 0.4 * Y0 + 0.7 * I".parse().expect("valid"),
        "0.1 * X1".parse().expect("valid"),
    ];
    Expectation::of_all_parameters(&hea(2, 2), observables).expect("valid")
}

const POLICIES: [Shots; 3] = [
    Shots::Total(1201),
    Shots::Allocated { total: 1201, by: Allocation::Coefficient },
    Shots::Allocated { total: 1201, by: Allocation::Variance { pilot: 5 } },
];

#[test]
fn totals_are_exact_and_pilots_are_billed() {
    let expectation = lopsided();
    let rows = angles(16);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (shots, jobs) in POLICIES.into_iter().zip([1, 1, 2]) {
        let shift = ParameterShift { shots };
        let mut backend = Counting::new();
        let values = shift.values(&expectation, &rows, &mut backend, &mut rng).expect("runs");
        assert_eq!((values.bill.jobs, values.bill.circuits, values.bill.shots), (jobs, jobs * 2 * 3, 1201));
        assert_eq!(values.bill, backend.bill);
        assert_eq!(values.bill, shift.price_values(&expectation, 2));
        // X0 X1 and X1 share a group.
        assert_eq!(values.estimates[1].shots + values.estimates[3].shots, backend.of_group[0]);
        backend.bill = Bill::ZERO;
        let gradient = shift.gradient(&expectation, &rows[..8], &mut backend, &mut rng).expect("runs");
        assert_eq!((gradient.bill.jobs, gradient.bill.circuits, gradient.bill.shots), (jobs, jobs * 16 * 3, 1201));
        assert_eq!(gradient.bill, backend.bill);
        assert_eq!(gradient.bill, shift.price_vjp(&expectation, 1));
    }
    let refused = |shots, rows: &[f64]| {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        ParameterShift { shots }.values(&expectation, rows, &mut Counting::new(), &mut rng).err()
    };
    let coefficient = Shots::Allocated { total: 2, by: Allocation::Coefficient };
    assert_eq!(refused(coefficient, &rows[..8]), Some(Error::TooFewShots { what: "the call", needed: 3, got: 2 }));
    let variance = Shots::Allocated { total: 17, by: Allocation::Variance { pilot: 5 } };
    assert_eq!(refused(variance, &rows[..8]), Some(Error::TooFewShots { what: "the call", needed: 18, got: 17 }));
    let no_pilot = Shots::Allocated { total: 17, by: Allocation::Variance { pilot: 0 } };
    assert!(matches!(refused(no_pilot, &rows[..8]), Some(Error::TooFewShots { .. })));
}

/// Means and scatter of values and of a gradient under each policy.
#[test]
fn no_policy_is_biased_and_weights_lower_the_variance() {
    let expectation = lopsided();
    let theta = angles(8);
    let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(7));
    let exact_value = Adjoint.values(&expectation, &theta, &mut backend, &mut rng).expect("runs").estimates[0].value;
    let exact = Adjoint.gradient(&expectation, &theta, &mut backend, &mut rng).expect("runs").gradient;
    let repetitions = 1500;
    let n = f64::from(repetitions);
    let mut scatter = Vec::new();
    for shots in POLICIES {
        let shift = ParameterShift { shots };
        let mut value = (0.0, 0.0, 0.0);
        let mut components = [(0.0, 0.0, 0.0); 8];
        for _ in 0..repetitions {
            let estimate = shift.values(&expectation, &theta, &mut backend, &mut rng).expect("runs").estimates[0];
            let answer = shift.gradient(&expectation, &theta, &mut backend, &mut rng).expect("runs");
            let add = |sums: &mut (f64, f64, f64), deviation: f64, error: f64| {
                sums.0 += deviation / n;
                sums.1 += deviation * deviation / n;
                sums.2 += error * error / n;
            };
            add(&mut value, estimate.value - exact_value, estimate.std_error);
            for (k, sums) in components.iter_mut().enumerate() {
                add(sums, answer.gradient[k] - exact[k], answer.std_errors[k]);
            }
        }
        for (what, (bias, variance, claimed)) in
            [("value", value)].into_iter().chain(components.map(|c| ("component", c)))
        {
            assert!(bias.abs() < 4.5 * (variance / n).sqrt(), "{shots:?}: the {what} is biased by {bias}");
            // Observables of one group are treated as independent here, which they are not quite; pseudo-counts widen a little.
            assert!(
                (claimed / variance - 1.0).abs() < 4.5 * (2.0 / n).sqrt() + 0.2,
                "{shots:?}: {what}, {claimed} against {variance}"
            );
        }
        scatter.push((value.1, components.iter().map(|c| c.1).sum::<f64>()));
    }
    // Relative error of each is about sqrt(2 / repetitions) = 3.7 %.
    let [even, coefficient, variance] = scatter[..] else { panic!("three policies") };
    assert!(coefficient.0 < 0.65 * even.0 && coefficient.1 < 0.65 * even.1, "{scatter:?}");
    assert!(variance.0 < 0.75 * even.0 && variance.1 < 0.75 * even.1, "{scatter:?}");
}

/// What a pilot cost is reported when the main sample is refused.
#[test]
fn a_pilot_is_paid_for_even_if_the_rest_is_refused() {
    struct Once(StateVectorBackend, bool);

    impl Backend for Once {
        fn run(&mut self, job: &qgrad::Job<'_>, rng: &mut dyn rand::Rng) -> Result<qgrad::JobResult, Error> {
            if std::mem::replace(&mut self.1, true) {
                return Err(Refusal::ShotBudget { needed: job.shots(), left: 0 }.into());
            }
            self.0.run(job, rng)
        }
    }

    let shots = Shots::Allocated { total: 100, by: Allocation::Variance { pilot: 4 } };
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut backend = Once(StateVectorBackend::new(), false);
    let error = ParameterShift { shots }.values(&lopsided(), &angles(8), &mut backend, &mut rng);
    assert!(matches!(error, Err(Error::RefusedMidway { spent, .. }) if spent == Bill::job(3, 12)), "{error:?}");
}
