//! Trajectories of other people's programs: optax, Qiskit, PennyLane, purecma. `data/optimizers.py` made them.

mod common;

use std::ops::ControlFlow;

use common::waves::{Waves, axis_loss};
use qopt::*;
use serde_json::Value;

fn recorded(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("data/optimizers.json")).expect("the fixture is JSON");
    all[name].clone()
}

fn points(value: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(value.clone()).expect("a list of points")
}

/// The points after each iteration, with the streams for which the fixture was made.
fn walk(method: &mut dyn Method, iterations: u64) -> Vec<Vec<f64>> {
    let mut points = Vec::new();
    let mut record = |observation: &Observation<'_>| {
        points.push(observation.next.to_vec());
        ControlFlow::Continue(())
    };
    Runner::new(method, &mut Waves, Streams::new(5, 9))
        .budget(Budget::of_iterations(iterations))
        .observe(&mut record)
        .run()
        .unwrap();
    points
}

fn assert_close(name: &str, found: &[Vec<f64>], expected: &[Vec<f64>], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{name}");
    assert!(!expected.is_empty(), "{name}");
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < tolerance, "{name}, iteration {k}: {found:?} instead of {expected:?}");
        }
    }
}

fn compare(name: &str, method: &mut dyn Method, expected: &Value, tolerance: f64) {
    let expected = points(expected);
    assert_close(name, &walk(method, expected.len() as u64), &expected, tolerance);
}

#[test]
fn rules_of_optax() {
    let all = recorded("rules");
    let rules: Vec<(&str, Box<dyn UpdateRule>)> = vec![
        ("sgd", Box::new(Sgd::new(0.1).unwrap())),
        ("momentum", Box::new(Momentum::new(0.05).unwrap())),
        ("nesterov", Box::new(Nesterov::new(0.05).unwrap())),
        ("rmsprop", Box::new(RmsProp::new(0.05).unwrap())),
        ("adagrad", Box::new(AdaGrad::new(0.3).unwrap())),
        ("adam", Box::new(Adam::new(0.1).unwrap())),
        ("adamw", Box::new(AdamW::new(0.1).unwrap().with_weight_decay(0.02).unwrap())),
        ("amsgrad", Box::new(AmsGrad::new(0.1).unwrap())),
        ("nadam", Box::new(NAdam::new(0.1).unwrap())),
        ("lion", Box::new(Lion::new(0.03).unwrap())),
        (
            "lion with decay",
            Box::new(Lion::new(0.03).unwrap().with_decays(0.8, 0.95).unwrap().with_weight_decay(0.05).unwrap()),
        ),
        ("signs", Box::new(SignDescent::new(0.05).unwrap())),
        ("normalized", Box::new(NormalizedGradient::new(0.1).unwrap())),
    ];
    assert_eq!(rules.len(), all.as_object().unwrap().len());
    for (name, rule) in rules {
        compare(name, &mut Descent::new(rule, &Waves::START).unwrap(), &all[name], 1e-11);
    }
}

fn spsa(rate: f64, directions: usize) -> SpsaConfig {
    SpsaConfig { directions, ..SpsaConfig::new(rate, 30) }
}

#[test]
fn spsa_of_qiskit() {
    let all = recorded("spsa");
    for (name, config) in [("spsa", spsa(0.15, 1)), ("spsa, 3 directions", spsa(0.15, 3))] {
        for track in [true, false] {
            let config = SpsaConfig { track, ..config };
            compare(name, &mut Spsa::new(config, &Waves::START).unwrap(), &all[name], 1e-11);
        }
    }
    let of_loss = |directions, delay| SecondOrderSpsaConfig {
        spsa: spsa(0.05, directions),
        regularization: 0.05,
        delay,
        ..SecondOrderSpsaConfig::of_loss(0.0, 0)
    };
    let of_fidelity = SecondOrderSpsaConfig {
        spsa: spsa(0.02, 1),
        regularization: 0.05,
        ..SecondOrderSpsaConfig::of_fidelity(0.0, 0)
    };
    for (name, config) in [("2-spsa", of_loss(1, 4)), ("2-spsa, 2 directions", of_loss(2, 0)), ("qn-spsa", of_fidelity)]
    {
        // The fixture takes matrix roots by Schur decomposition.
        compare(name, &mut SecondOrderSpsa::new(config, &Waves::START).unwrap(), &all[name], 1e-8);
    }
}

/// Every P-th point is one of PennyLane's, whose step is a sweep.
fn sweeps(method: &mut dyn Method, count: usize) -> Vec<Vec<f64>> {
    let dimension = Waves::START.len();
    walk(method, (count * dimension) as u64).into_iter().skip(dimension - 1).step_by(dimension).collect()
}

#[test]
fn rotosolve_of_pennylane() {
    let expected = points(&recorded("rotosolve"));
    let found = sweeps(&mut Rotosolve::new(&Waves::START).unwrap(), expected.len());
    assert_close("rotosolve", &found, &expected, 1e-10);
}

#[test]
fn rotoselect_of_pennylane() {
    let all = recorded("rotoselect");
    let expected = points(&all["points"]);
    for sweep in 1..=expected.len() {
        let mut method = Rotoselect::new(RotoselectConfig::default(), &Waves::START, &[Axis::Y; 5]).unwrap();
        let found = sweeps(&mut method, sweep);
        assert_close("rotoselect", &found, &expected[..sweep], 1e-10);
        let axes: String = method.axes().iter().map(|axis| format!("{axis:?}")).collect();
        assert_eq!(Some(axes.as_str()), all["axes"][sweep - 1].as_str());
        // The next iteration measures, first of all, the loss at what was found.
        let mut next = method.clone();
        let loss = Runner::new(&mut next, &mut Waves, Streams::new(0, 0)).next().unwrap().unwrap();
        let tracked = loss.report.loss.unwrap().value;
        assert!((tracked - axis_loss(method.theta(), method.axes())).abs() < 1e-14);
    }
}

#[test]
fn shots_of_icans_and_gcans() {
    for (name, allocation) in [("icans", Allocation::Individual), ("gcans", Allocation::Global)] {
        let all = recorded(name);
        let shots: Vec<Vec<u64>> = serde_json::from_value(all["shots"].clone()).unwrap();
        let config = AdaptiveShotsConfig::new(allocation, 0.2, 9.0);
        for k in 1..=shots.len() {
            let mut method = AdaptiveShots::new(config, &Waves::START).unwrap();
            let found = walk(&mut method, k as u64);
            assert_close(name, &found, &points(&all["points"])[..k], 1e-12);
            assert_eq!(method.shots(), shots[k - 1], "{name}, iteration {k}");
        }
    }
}

#[test]
fn random_coordinates() {
    let config = RandomCoordinateConfig::new(0.4);
    let mut method = RandomCoordinate::new(config, &Waves::START).unwrap();
    compare("random coordinate", &mut method, &recorded("random coordinate"), 1e-12);
}

/// There is one coordinate to choose then: gradient descent, which is that of optax.
#[test]
fn the_random_coordinate_of_one_parameter_is_gradient_descent() {
    let mut coordinate = RandomCoordinate::new(RandomCoordinateConfig::new(0.4), &[1.5]).unwrap();
    let mut descent = Descent::new(Sgd::new(0.4).unwrap(), &[1.5]).unwrap();
    let [coordinate, descent] = [&mut coordinate as &mut dyn Method, &mut descent]
        .map(|method| common::trace(method, &mut common::Quadratic::exact(&[0.7]), Streams::new(3, 1), 20).points);
    assert!(descent[19][0] < 0.1 * descent[0][0]);
    assert_eq!(coordinate, descent);
}

#[test]
fn cma_es_of_hansen() {
    for (name, population) in [("cma-es", None), ("cma-es, 13 members", Some(13))] {
        let all = recorded(name);
        let sigmas: Vec<f64> = serde_json::from_value(all["sigmas"].clone()).unwrap();
        for track in [true, false] {
            let mut method =
                CmaEs::new(CmaEsConfig { population, track, ..CmaEsConfig::new(0.4) }, &Waves::START).unwrap();
            compare(name, &mut method, &all["points"], 1e-9);
            assert!((method.sigma() / sigmas[sigmas.len() - 1] - 1.0).abs() < 1e-8, "{name}");
        }
    }
}
