//! An expectation value as an objective of `qopt`: several losses are one job with the values of as many single ones.
#![cfg(feature = "qopt")]

use qcore::{Circuit, PauliSum};
use qgrad::objective::ExpectationObjective;
use qgrad::{Expectation, ParameterShift, Shots, StateVectorBackend};
use qopt::{Answer, Objective, ObjectiveError, Query, Request, Streams};

fn objective(shots: Shots) -> ExpectationObjective<ParameterShift, StateVectorBackend> {
    let mut circuit = Circuit::new(2).unwrap();
    let theta = circuit.parameters_named("t", 3).unwrap();
    circuit.ry(0, theta[0]).unwrap().rx(1, theta[1]).unwrap().cz(0, 1).unwrap().ry(1, theta[2]).unwrap();
    let chain = PauliSum::transverse_field_ising(2, 1.0, 0.5).unwrap();
    let expectation = Expectation::of_all_parameters(&circuit, vec![chain]).unwrap();
    ExpectationObjective::new(expectation, ParameterShift { shots }, StateVectorBackend::new()).unwrap()
}

const POINTS: [f64; 6] = [0.3, -0.2, 1.1, 2.0, 0.4, -0.7];

#[test]
fn several_losses_are_one_job() {
    let mut exact = objective(Shots::Exact);
    let (mut answer, streams) = (Answer::default(), Streams::new(1, 0).at(0));
    let query = Query::Values { points: &POINTS };
    exact.evaluate_query(&POINTS[..3], &query, &streams, &mut answer).unwrap();
    let (values, bill) = (answer.values.clone(), answer.bill);
    assert_eq!(exact.price_query(&query), Some(bill));
    let mut circuits = 0;
    for (point, value) in POINTS.chunks(3).zip(&values) {
        exact.evaluate(point, &Request::VALUE, &streams, &mut answer).unwrap();
        assert!((answer.value.unwrap().value - value.value).abs() < 1e-15);
        circuits += answer.bill.circuits;
    }
    assert_eq!((bill.jobs, bill.circuits, values.len()), (1, circuits, 2));
}

/// From shots: within 5 standard errors of the exact values, with shots of their own.
#[test]
fn several_losses_from_shots() {
    let mut noisy = objective(Shots::PerCircuit(1000));
    let (mut answer, streams) = (Answer::default(), Streams::new(2, 0).at(0));
    let points = [POINTS[..3].to_vec(), POINTS[..3].to_vec()].concat();
    noisy.evaluate_query(&points[..3], &Query::Values { points: &points }, &streams, &mut answer).unwrap();
    assert!(!answer.reusable && answer.bill.shots == 1000 * answer.bill.circuits);
    let mut exact = Answer::default();
    objective(Shots::Exact).evaluate(&points[..3], &Request::VALUE, &streams, &mut exact).unwrap();
    for value in &answer.values {
        assert!((value.value - exact.value.unwrap().value).abs() < 5.0 * value.std_error);
    }
    assert_ne!(answer.values[0].value, answer.values[1].value);
    let partials = Query::Partials { value: false, components: &[0], shots: &[] };
    assert_eq!(noisy.price_query(&partials), None);
    let refused = noisy.evaluate_query(&points[..3], &partials, &streams, &mut answer);
    assert!(matches!(refused, Err(ObjectiveError::Unsupported { .. })));
}
