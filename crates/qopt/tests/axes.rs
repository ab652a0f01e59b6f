//! The axes that a method chooses reach observers, checkpoints, the outcome and the evaluations after a run.

mod common;

use common::Quadratic;
use qopt::{
    Answer, Axis, BestPoint, Budget, Method, Objective, Observation, Query, Rotoselect, RotoselectConfig, RunError,
    Runner, Sgd, Streams, reevaluate, reevaluate_with_axes,
};

fn rotoselect(theta: &[f64]) -> Rotoselect {
    Rotoselect::new(RotoselectConfig::default(), theta, &vec![Axis::Y; theta.len()]).expect("valid")
}

fn loss_of(objective: &mut Quadratic, theta: &[f64], axes: &[Axis]) -> f64 {
    let mut answer = Answer::default();
    let query = Query::AxisValues { points: theta, axes };
    objective.evaluate_query(theta, &query, &Streams::new(0, 0).at(0), &mut answer).expect("answered");
    answer.values[0].value
}

#[test]
fn every_point_comes_with_its_axes() {
    let mut objective = Quadratic::exact(&[1.0, 0.5, 2.0]);
    let mut method = rotoselect(&[0.3, -0.2, 1.0]);
    let mut best = BestPoint::new(3);
    let mut seen: Vec<(Vec<f64>, Vec<Axis>, f64)> = Vec::new();
    let mut watch = |observation: &Observation<'_>| {
        let loss = observation.report.loss.expect("tracked").value;
        seen.push((observation.theta.to_vec(), observation.axes.to_vec(), loss));
        std::ops::ControlFlow::Continue(())
    };
    let budget = Budget { iterations: Some(6), ..Budget::UNLIMITED };
    let mut runner = Runner::new(&mut method, &mut objective, Streams::new(4, 0)).budget(budget);
    runner = runner.observe(&mut best).observe(&mut watch);
    let outcome = runner.run().expect("runs");
    drop(runner);
    assert_eq!(seen[0].1, [Axis::Y; 3]);
    assert_ne!(outcome.last_axes, [Axis::Y; 3]);
    assert_eq!((&outcome.last[..], &outcome.last_axes[..]), (method.theta(), method.axes()));
    for (theta, axes, loss) in &seen {
        assert!((loss_of(&mut objective, theta, axes) - loss).abs() < 1e-12);
    }
    let (theta, axes, loss) = seen.iter().min_by(|a, b| a.2.total_cmp(&b.2)).expect("six");
    assert_eq!((best.theta(), best.axes()), (Some(&theta[..]), &axes[..]));
    let mut restored = BestPoint::new(3);
    restored.restore(&best.state()).expect("its own state");
    assert_eq!(restored, best);
    let again = reevaluate_with_axes(&mut objective, theta, axes, &Streams::new(4, 0), 0).expect("answered");
    assert!((again.loss.value - loss).abs() < 1e-12 && again.bill.circuits == 1);
    let plain = reevaluate_with_axes(&mut objective, theta, &[], &Streams::new(4, 0), 0).expect("answered");
    assert_eq!(plain, reevaluate(&mut objective, theta, &Streams::new(4, 0), 0).expect("answered"));
}

#[test]
fn others_choose_no_axes() {
    let mut method: Box<dyn Method> =
        Box::new(qopt::Descent::new(Sgd::new(0.1).expect("valid"), &[0.5]).expect("valid"));
    assert!(method.axes().is_empty());
    let mut objective = Quadratic::exact(&[1.0]);
    let budget = Budget { iterations: Some(1), ..Budget::UNLIMITED };
    let mut best = BestPoint::new(1);
    let mut runner = Runner::new(&mut *method, &mut objective, Streams::new(4, 0)).budget(budget).observe(&mut best);
    assert!(runner.run().expect("runs").last_axes.is_empty());
    drop(runner);
    assert!(best.axes().is_empty());
}

/// An objective that knows no axes.
struct Bowl;

impl Objective for Bowl {
    fn dimension(&self) -> usize {
        1
    }

    fn price(&self, _request: &qopt::Request) -> qopt::Bill {
        qopt::Bill::ZERO
    }

    fn evaluate(
        &mut self,
        theta: &[f64],
        _request: &qopt::Request,
        _streams: &qopt::StepStreams,
        answer: &mut Answer,
    ) -> Result<(), qopt::ObjectiveError> {
        answer.clear();
        answer.value = Some(qopt::Estimate::exact(theta[0] * theta[0]));
        Ok(())
    }
}

#[test]
fn an_objective_without_axes_says_so() {
    let refused = reevaluate_with_axes(&mut Bowl, &[1.0], &[Axis::X], &Streams::new(0, 0), 0);
    assert!(matches!(refused, Err(RunError::Unsupported { .. })), "{refused:?}");
}
