//! An expectation value as an objective of `qopt`: every query has the right numbers, and the bill of what really ran.
#![cfg(feature = "qopt")]

mod common;

use common::{Counting, angles, finite_difference, hea, observable, value};
use qcore::{Angle, Circuit, Gate, Param, PauliSum, StateVector};
use qgrad::objective::{ExpectationObjective, axes_of, is_sinusoidal, with_axes};
use qgrad::{
    Adjoint, Allocation, Bill, Error, Estimator, Expectation, Fidelity, ParameterShift, Shots, Spsa, StateVectorBackend,
};
use qopt::{Answer, Axis, Objective, ObjectiveError, Query, Request, Streams};

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
}

/// Shared and scaled parameters, a four-term rule, an observable in several groups.
fn entangled() -> (Circuit, PauliSum) {
    let mut circuit = Circuit::new(3).unwrap();
    let t = circuit.parameters_named("t", 4).unwrap();
    circuit.ry(0, t[0]).unwrap().rx(1, t[1]).unwrap().cx(0, 1).unwrap();
    circuit.gate(Gate::Crz, &[1, 2], &[2.0 * t[2]]).unwrap().ry(2, t[0]).unwrap();
    circuit.gate(Gate::Rzz, &[0, 2], &[Angle::from(t[3]) - 0.5 * t[1]]).unwrap().rx(2, t[3]).unwrap();
    (circuit, observable())
}

const THETA: [f64; 4] = [0.4, -1.1, 0.8, 2.3];

fn counting<E: Estimator>(estimator: E) -> ExpectationObjective<E, Counting> {
    let (circuit, observable) = entangled();
    let expectation = Expectation::of_all_parameters(&circuit, vec![observable]).unwrap();
    ExpectationObjective::new(expectation, estimator, Counting::new()).unwrap()
}

/// Answers the query, and holds the bill against the price and against what arrived at the backend.
fn billed<E: Estimator>(
    objective: &mut ExpectationObjective<E, Counting>,
    theta: &[f64],
    query: &Query<'_>,
    step: u64,
) -> Answer {
    let (mut answer, before) = (Answer::default(), objective.backend().bill);
    objective.evaluate_query(theta, query, &Streams::new(3, 0).at(step), &mut answer).unwrap();
    assert_eq!(objective.price_query(query), Some(answer.bill), "{query:?}");
    let arrived = objective.backend().bill;
    let of_query = [arrived.jobs - before.jobs, arrived.circuits - before.circuits, arrived.shots - before.shots];
    assert_eq!([answer.bill.jobs, answer.bill.circuits, answer.bill.shots], of_query, "{query:?}");
    answer
}

#[test]
fn single_derivatives_are_those_of_the_gradient() {
    let (circuit, observable) = entangled();
    let loss = |theta: &[f64]| value(&circuit, &observable, theta);
    let components = [3, 0, 3];
    for with_value in [false, true] {
        let query = Query::Partials { value: with_value, components: &components, shots: &[] };
        let shifted = billed(&mut counting(ParameterShift { shots: Shots::Exact }), &THETA, &query, 0);
        assert_eq!(shifted.bill.jobs, 1);
        let expectation = Expectation::of_all_parameters(&circuit, vec![observable.clone()]).unwrap();
        let mut by_adjoint = ExpectationObjective::new(expectation, Adjoint, StateVectorBackend::new()).unwrap();
        let mut adjoint = Answer::default();
        by_adjoint.evaluate_query(&THETA, &query, &Streams::new(3, 0).at(0), &mut adjoint).unwrap();
        assert_eq!((adjoint.bill, by_adjoint.price_query(&query)), (shifted.bill, Some(shifted.bill)));
        for answer in [&shifted, &adjoint] {
            for (&component, g) in components.iter().zip(&answer.gradient) {
                assert!((g - finite_difference(loss, &THETA, component)).abs() < 1e-9, "component {component}");
            }
            assert_eq!((answer.gradient.len(), &answer.gradient_std_errors[..]), (3, &[0.0; 3][..]));
            assert_eq!(answer.reusable, with_value);
            assert_eq!(answer.value.is_some(), with_value);
            assert!(answer.value.is_none_or(|found| (found.value - loss(&THETA)).abs() < 1e-12));
        }
    }
}

/// Each component has the shots that it was given: 600 repetitions scatter by the standard errors, about the exact derivatives.
#[test]
fn derivatives_have_shots_of_their_own() {
    let (circuit, observable) = entangled();
    let groups = Expectation::of_all_parameters(&circuit, vec![observable.clone()]).unwrap();
    let groups = groups.measurement().groups().len() as u64;
    let mut objective = counting(ParameterShift { shots: Shots::PerCircuit(7) });
    // t0 turns two rotations, t2 one of a four-term rule; t1 and t3 share one, which has the larger number of shots.
    let (components, shots) = ([0, 2, 3, 1], [40_u64, 25, 60, 10]);
    let query = Query::Partials { value: true, components: &components, shots: &shots };
    let exact: Vec<f64> =
        components.iter().map(|&k| finite_difference(|t| value(&circuit, &observable, t), &THETA, k)).collect();
    let repetitions = 600;
    let (mut sums, mut squares, mut claimed) = ([0.0; 4], [0.0; 4], [0.0; 4]);
    for step in 0..repetitions {
        let answer = billed(&mut objective, &THETA, &query, step);
        let circuits = groups * (1 + 4 + 4 + 2 + 2 + 2);
        let of_shots = groups * (60 + 4 * 40 + 4 * 25 + 2 * 60 + 2 * 60 + 2 * 10);
        assert_eq!(answer.bill, Bill::job(circuits, of_shots).into());
        assert!(answer.value.unwrap().std_error > 0.0 && !answer.reusable);
        for k in 0..4 {
            let off = answer.gradient[k] - exact[k];
            sums[k] += off;
            squares[k] += off * off;
            claimed[k] += answer.gradient_std_errors[k].powi(2);
        }
    }
    let n = repetitions as f64;
    for k in 0..4 {
        let variance = squares[k] / n;
        assert!((sums[k] / n).abs() < 5.0 * (variance / n).sqrt(), "component {k}: bias {}", sums[k] / n);
        // Standard errors come from the shots themselves: pseudo-counts of two in ten add up to a fifth.
        let ratio = claimed[k] / n / variance;
        assert!((0.8..1.35).contains(&ratio), "component {k}: claimed/found variance {ratio}");
    }
}

/// Without numbers of their own the estimator's apply; a total is divided in a job of its own.
#[test]
fn derivatives_with_the_shots_of_the_estimator() {
    let query = Query::Partials { value: true, components: &[2, 1], shots: &[] };
    let each = billed(&mut counting(ParameterShift { shots: Shots::PerCircuit(9) }), &THETA, &query, 0);
    assert_eq!((each.bill.jobs, each.bill.shots), (1, 9 * each.bill.circuits));
    let total = billed(&mut counting(ParameterShift { shots: Shots::Total(900) }), &THETA, &query, 0);
    assert_eq!((total.bill.jobs, total.bill.shots), (2, 1800));
    let by = Allocation::Coefficient;
    let divided =
        billed(&mut counting(ParameterShift { shots: Shots::Allocated { total: 900, by } }), &THETA, &query, 0);
    assert_eq!((divided.bill.jobs, divided.bill.shots), (2, 1800));
    let nothing = Query::Partials { value: false, components: &[], shots: &[] };
    let nothing = billed(&mut counting(ParameterShift { shots: Shots::PerCircuit(9) }), &THETA, &nothing, 0);
    assert_eq!((nothing.bill, nothing.gradient.len()), (qopt::Bill::ZERO, 0));
}

#[test]
fn what_cannot_be_answered_is_a_typed_error() {
    let mut objective = counting(ParameterShift { shots: Shots::PerCircuit(5) });
    let (mut answer, streams) = (Answer::default(), Streams::new(1, 0).at(0));
    for (components, shots) in [(&[4][..], &[][..]), (&[0, 1], &[5])] {
        let query = Query::Partials { value: false, components, shots };
        let refused = objective.evaluate_query(&THETA, &query, &streams, &mut answer);
        assert!(matches!(refused, Err(ObjectiveError::Failed(_))), "{refused:?}");
    }
    let mut spsa = counting(Spsa { directions: 1, step: 0.1, shots: Shots::PerCircuit(5) });
    let query = Query::Partials { value: false, components: &[0], shots: &[] };
    let refused = spsa.evaluate_query(&THETA, &query, &streams, &mut answer);
    assert!(matches!(refused, Err(ObjectiveError::Unsupported { .. })) && spsa.price_query(&query).is_none());
    // Two parameters of this circuit turn more than one rotation.
    let axes = [Axis::X; 4];
    let query = Query::AxisValues { points: &THETA, axes: &axes };
    let refused = objective.evaluate_query(&THETA, &query, &streams, &mut answer);
    assert!(matches!(refused, Err(ObjectiveError::Unsupported { .. })) && objective.price_query(&query).is_none());
    assert_eq!(objective.backend().bill, Bill::ZERO);
    let wide = Circuit::new(15).unwrap();
    assert!(matches!(Fidelity::new(&wide), Err(Error::Width { qubits: 15, .. })));
}

/// Against the inner product of two states: exactly, and from shots within 5 standard errors.
#[test]
fn fidelities_are_squared_overlaps() {
    let others = [[0.4, -1.1, 0.8, 2.3], [0.1, 0.2, 0.3, 0.4], [2.0, -1.0, 0.5, 3.0]].concat();
    let (circuit, _) = entangled();
    let state = |theta: &[f64]| {
        let mut state = StateVector::zero(3).unwrap();
        state.apply_circuit(&circuit, theta).unwrap();
        state
    };
    let expected: Vec<f64> =
        others.chunks(4).map(|other| state(&THETA).inner(&state(other)).unwrap().norm_sqr()).collect();
    let query = Query::Fidelities { others: &others };
    let exact = billed(&mut counting(ParameterShift { shots: Shots::Exact }), &THETA, &query, 0);
    let shots = billed(&mut counting(ParameterShift { shots: Shots::PerCircuit(2000) }), &THETA, &query, 0);
    assert_eq!((exact.bill, shots.bill), (Bill::job(3, 0).into(), Bill::job(3, 6000).into()));
    for ((found, sampled), expected) in exact.values.iter().zip(&shots.values).zip(expected) {
        assert!((found.value - expected).abs() < 1e-12 && found.std_error == 0.0);
        assert!((sampled.value - expected).abs() < 5.0 * sampled.std_error, "{sampled:?}, expected {expected}");
    }
    assert_eq!(shots.values[0].value, 1.0);
}

/// Against circuits that are written with these axes.
#[test]
fn losses_with_other_axes_are_those_of_circuits_with_these_axes() {
    let circuit = hea(3, 2);
    let (parameters, own) = (angles(12), [[Axis::Y, Axis::Z]; 6].concat());
    let all: Vec<Param> = (0..12).map(Param::new).collect();
    assert_eq!(axes_of(&circuit, &all).unwrap(), own);
    let other: Vec<Axis> = (0..12).map(|k| Axis::ALL[(k * k + k / 3) % 3]).collect();
    // One parameter keeps its value and its gate.
    let wrt: Vec<Param> = all.iter().copied().filter(|param| param.index() != 5).collect();
    let without = |list: &[Axis]| -> Vec<Axis> { (0..12).filter(|&k| k != 5).map(|k| list[k]).collect() };
    let point: Vec<f64> = wrt.iter().map(|param| parameters[param.index()]).collect();
    let objective = |shots| {
        let expectation = Expectation::new(&circuit, vec![observable()], &wrt).unwrap();
        ExpectationObjective::with_fixed(expectation, ParameterShift { shots }, Counting::new(), &parameters).unwrap()
    };
    let (points, axes) = ([&point[..], &point].concat(), [without(&own), without(&other)].concat());
    let query = Query::AxisValues { points: &points, axes: &axes };
    let exact = billed(&mut objective(Shots::Exact), &point, &query, 0);
    let shots = billed(&mut objective(Shots::PerCircuit(1500)), &point, &query, 0);
    assert_eq!(exact.bill.jobs, 1);
    for (k, axes) in axes.chunks(11).enumerate() {
        let turned = with_axes(&circuit, &wrt, axes).unwrap();
        let expected = value(&turned, &observable(), &parameters);
        assert!((exact.values[k].value - expected).abs() < 1e-12, "point {k}");
        assert!((shots.values[k].value - expected).abs() < 5.0 * shots.values[k].std_error, "point {k}");
    }
    assert!((exact.values[0].value - value(&circuit, &observable(), &parameters)).abs() < 1e-12);
    assert!((exact.values[0].value - exact.values[1].value).abs() > 1e-2);
    assert!(matches!(axes_of(&entangled().0, &all[..1]), Err(Error::NoAxis { name }) if name == "t0"));
}

#[test]
fn sine_waves_are_told_from_others() {
    let sinusoidal = |circuit: &Circuit| {
        is_sinusoidal(&Expectation::of_all_parameters(circuit, vec!["Z0".parse().unwrap()]).unwrap())
    };
    assert!(sinusoidal(&hea(2, 2)));
    assert!(!sinusoidal(&entangled().0));
    for (factor, controlled, expected) in
        [(1.0, false, true), (-1.0, false, true), (2.0, false, false), (1.0, true, false)]
    {
        let mut circuit = Circuit::new(2).unwrap();
        let t = circuit.parameter("t").unwrap();
        let (gate, qubits): (_, &[usize]) = if controlled { (Gate::Cry, &[0, 1]) } else { (Gate::Ry, &[0]) };
        circuit.gate(gate, qubits, &[factor * t]).unwrap();
        assert_eq!(sinusoidal(&circuit), expected, "{factor} {controlled}");
    }
}
