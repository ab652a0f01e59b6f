//! Every answer of every estimator under every policy of shots costs exactly what a counting backend saw, and what was said
//! beforehand.

mod common;

use common::{Counting, angles, hea};
use qcore::{Channel, Circuit, NoiseModel, Param, PauliSum, Selector};
use qgrad::{
    Allocation, Backend, Bill, Blocks, Cotangents, Difference, DoublyStochastic, Estimate, Estimator, Expectation,
    FiniteDifferences, Metric, MetricMethod, ParameterShift, RandomCoordinates, Shots, Spsa, Step, TrajectoryBackend,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// Policies that suffice for all circuits below.
const POLICIES: [Shots; 5] = [
    Shots::Exact,
    Shots::PerCircuit(13),
    Shots::Total(30_001),
    Shots::Allocated { total: 30_001, by: Allocation::Coefficient },
    Shots::Allocated { total: 30_001, by: Allocation::Variance { pilot: 3 } },
];

/// A data input, shared parameters, a controlled rotation, an angle that is a square.
fn circuit() -> (Circuit, Vec<Param>) {
    let mut circuit = hea(2, 1);
    let extra = circuit.parameter("extra").expect("new");
    circuit.crz(0, 1, extra + 0.1).expect("valid").rx(0, 2.0 * (extra * extra)).expect("valid");
    circuit.ry(1, Param::new(0) * -0.5).expect("valid").rx(1, Param::new(2)).expect("valid");
    (circuit, [0, 1, 3, 4].map(Param::new).to_vec())
}

fn expectation() -> Expectation {
    let (circuit, wrt) = circuit();
    let observables: Vec<PauliSum> =
        vec!["Z0 Z1 + X0 - 0.5 * Y1 + 0.2 * I".parse().expect("valid"), "0.3 * Z0".parse().expect("valid")];
    Expectation::new(&circuit, observables, &wrt).expect("valid")
}

fn weigh(_: usize, values: &[Estimate], weights: &mut [Estimate]) {
    weights.copy_from_slice(values);
}

#[test]
fn gradients_and_jacobians_cost_what_was_run() {
    let expectation = expectation();
    let rows = angles(10);
    let mut rng = ChaCha8Rng::seed_from_u64(20);
    for shots in POLICIES {
        let central = FiniteDifferences { difference: Difference::Central, step: Step::Optimal, shots };
        let estimators: [(&str, &dyn Estimator, bool); 8] = [
            ("parameter shift", &ParameterShift { shots }, true),
            ("SPSA", &Spsa { directions: 3, step: 0.1, shots }, true),
            ("central differences", &central, true),
            (
                "forward differences",
                &FiniteDifferences { difference: Difference::Forward, step: Step::Fixed(0.1), shots },
                true,
            ),
            ("all coordinates", &RandomCoordinates { coordinates: 4, shots }, true),
            // Which are drawn decides what is run.
            ("two coordinates", &RandomCoordinates { coordinates: 2, shots }, false),
            ("doubly stochastic", &DoublyStochastic { rows: 1, groups: 2, shots }, true),
            ("doubly stochastic, everything", &DoublyStochastic { rows: 9, groups: 9, shots }, true),
        ];
        for (name, estimator, is_certain) in estimators {
            let mut device = Counting::new();
            let check = |what: &str, answer: Bill, price: Bill, device: &mut Counting| {
                let counted = std::mem::replace(&mut device.bill, Bill::ZERO);
                assert_eq!(answer, counted, "{name}, {what}, {shots:?}");
                if is_certain {
                    assert_eq!(answer, price, "{name}, {what}, {shots:?}");
                } else {
                    assert!(answer.circuits <= price.circuits && answer.shots <= price.shots, "{name}, {what}");
                }
            };
            let values = estimator.values(&expectation, &rows, &mut device, &mut rng).expect("runs");
            check("values", values.bill, estimator.price_values(&expectation, 2), &mut device);
            let fixed = Cotangents::Fixed(&[1.0, 0.5, -1.0, 0.2]);
            let vjp = estimator.vjp(&expectation, &rows, fixed, &mut device, &mut rng).expect("runs");
            let price = estimator.price_vjp(&expectation, 2);
            check("product", vjp.bill, price, &mut device);
            let of_values = Cotangents::OfValues(&mut weigh);
            let vjp = estimator.vjp(&expectation, &rows, of_values, &mut device, &mut rng).expect("runs");
            let price = price + estimator.price_values(&expectation, 2);
            check("product with values", vjp.bill, price, &mut device);
            let gradient = estimator.gradient(&expectation, &rows[..5], &mut device, &mut rng).expect("runs");
            let price = estimator.price_vjp(&expectation, 1);
            check("gradient", gradient.bill, price, &mut device);
            let jacobian = estimator.jacobian(&expectation, &rows[..5], &mut device, &mut rng).expect("runs");
            let price = if name == "parameter shift" { price } else { price + price };
            check("Jacobian", jacobian.bill, price, &mut device);
        }
    }
}

#[test]
fn hessians_and_metrics_cost_what_was_run() {
    let expectation = expectation();
    let (circuit, wrt) = circuit();
    let metric = Metric::new(&circuit, &wrt).expect("valid");
    let row = angles(5);
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    for shots in POLICIES {
        let shift = ParameterShift { shots };
        let mut device = Counting::new();
        let hessian = shift.hessian(&expectation, &row, &[1.0, -0.5], &mut device, &mut rng).expect("runs");
        assert_eq!(hessian.bill, device.bill, "{shots:?}");
        assert_eq!(hessian.bill, shift.price_hessian(&expectation), "{shots:?}");
        let method = MetricMethod::Overlaps;
        for blocks in [Blocks::Full, Blocks::Layers, Blocks::Diagonal, Blocks::Given(vec![vec![0, 3], vec![1]])] {
            let mut device = Counting::new();
            let found = metric.measure(&blocks, method, shots, &row, &mut device, &mut rng).expect("runs");
            assert_eq!(found.bill, device.bill, "{blocks:?}, {shots:?}");
            assert_eq!(found.bill, metric.price(&blocks, method, shots).expect("valid"), "{blocks:?}, {shots:?}");
            if shots == Shots::Exact && blocks == Blocks::Full {
                assert_eq!(found.bill, expectation.price_metric(), "the price of an optimizer's metric");
            }
        }
        // Of two parameters that have one rotation each.
        let metric = Metric::new(&circuit, &wrt[1..3]).expect("valid");
        for blocks in [Blocks::Layers, Blocks::Diagonal] {
            let method = MetricMethod::Covariances;
            let mut device = Counting::new();
            let found = metric.measure(&blocks, method, shots, &row, &mut device, &mut rng).expect("runs");
            assert_eq!(found.bill, device.bill, "{blocks:?}, {shots:?}");
            assert_eq!(found.bill, metric.price(&blocks, method, shots).expect("valid"), "{blocks:?}, {shots:?}");
        }
    }
}

/// What every outcome says is known without a circuit: no job is run for it, and none is billed.
#[test]
fn multiples_of_the_identity_cost_nothing() {
    let (circuit, wrt) = circuit();
    let known = vec!["2 * I".parse().expect("valid"), "0 * Z0 - 0.5 * I".parse().expect("valid")];
    let expectation = Expectation::new(&circuit, known, &wrt).expect("valid");
    let row = angles(5);
    let mut rng = ChaCha8Rng::seed_from_u64(22);
    let model = NoiseModel::new().after(Selector::every(), Channel::bit_flip(0.1).expect("valid"));
    for shots in POLICIES {
        let estimators: [&dyn Estimator; 5] = [
            &ParameterShift { shots },
            &Spsa { directions: 3, step: 0.1, shots },
            &FiniteDifferences { difference: Difference::Central, step: Step::Fixed(0.1), shots },
            &RandomCoordinates { coordinates: 2, shots },
            &DoublyStochastic { rows: 1, groups: 2, shots },
        ];
        let mut device = Counting::new();
        let mut trajectories = TrajectoryBackend::new(model.clone(), 2).expect("two");
        for estimator in estimators {
            for backend in [&mut device as &mut dyn Backend, &mut trajectories] {
                let values = estimator.values(&expectation, &row, backend, &mut rng).expect("known");
                assert_eq!(values.estimates, [2.0, -0.5].map(Estimate::exact));
                let fixed = Cotangents::Fixed(&[1.0, 0.5]);
                let answer = estimator.vjp(&expectation, &row, fixed, backend, &mut rng).expect("known");
                assert!(answer.gradient.iter().chain(&answer.std_errors).all(|&number| number == 0.0));
                for bill in [values.bill, answer.bill, estimator.price_vjp(&expectation, 1)] {
                    assert_eq!(bill, Bill::ZERO, "{shots:?}");
                }
            }
        }
        let hessian = ParameterShift { shots }.hessian(&expectation, &row, &[1.0, 0.5], &mut device, &mut rng);
        assert_eq!(hessian.expect("known").bill, Bill::ZERO);
        assert_eq!(device.bill, Bill::ZERO);
    }
}
