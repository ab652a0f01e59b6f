//! Screening of starting points: against a recomputation of its choices, plain descent, and a hand-made schedule.

mod common;

use std::ops::ControlFlow;

use qopt::{
    Adam, Answer, Bill, Budget, ConfigError, Descent, Estimate, Event, Interval, Method, Objective, ObjectiveError,
    Observation, Request, Role, RunState, Runner, ScreenedDescent, ScreenedDescentConfig, Sgd, StateError, StepStreams,
    Streams,
};
use rand::RngExt;

const DIMENSION: usize = 3;
const START: [f64; DIMENSION] = [2.0, -2.5, 1.5];
const WIDE: Interval = Interval { low: -3.0, high: 3.0 };

/// A well in a plain: 1 - exp(-|theta|^2), with Gaussian noise.
struct Well {
    noise: f64,
    losses: u64,
    gradients: u64,
}

fn well(theta: &[f64]) -> f64 {
    1.0 - (-theta.iter().map(|x| x * x).sum::<f64>()).exp()
}

impl Objective for Well {
    fn dimension(&self) -> usize {
        DIMENSION
    }

    fn price(&self, request: &Request) -> Bill {
        let circuits = u64::from(request.value) + 6 * u64::from(request.gradient);
        Bill { jobs: 1, circuits, shots: 10 * circuits, ..Bill::ZERO }
    }

    fn evaluate(
        &mut self,
        theta: &[f64],
        request: &Request,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        answer.clear();
        let mut rng = streams.rng(Role::Shots);
        let mut noise = || common::gaussian(rng.random(), rng.random());
        if request.value {
            self.losses += 1;
            let value = well(theta) + self.noise * noise();
            answer.value = Some(Estimate { value, std_error: self.noise });
        }
        if request.gradient {
            self.gradients += 1;
            answer.gradient.extend(theta.iter().map(|x| 2.0 * x * (1.0 - well(theta)) + self.noise * noise()));
        }
        answer.bill = self.price(request);
        Ok(())
    }

    fn loss_scale(&self) -> f64 {
        1.0
    }
}

fn config(points: usize) -> ScreenedDescentConfig {
    ScreenedDescentConfig::new(points, vec![WIDE; DIMENSION])
}

fn well_with(noise: f64) -> Well {
    Well { noise, losses: 0, gradients: 0 }
}

/// The points of a run with this seed: the start, then uniform draws from the stream of step 0.
fn points(streams: &Streams, count: usize) -> Vec<Vec<f64>> {
    let mut rng = streams.at(0).rng(Role::Restart);
    let mut draw = || WIDE.low + (WIDE.high - WIDE.low) * rng.random::<f64>();
    let drawn = (1..count).map(|_| (0..DIMENSION).map(|_| draw()).collect());
    std::iter::once(START.to_vec()).chain(drawn.collect::<Vec<_>>()).collect()
}

#[test]
fn exact_losses_decide_in_one_round() {
    let streams = Streams::new(3, 9);
    let mut method = ScreenedDescent::new(config(40), Sgd::new(0.1).unwrap(), &START).unwrap();
    let mut objective = well_with(0.0);
    Runner::new(&mut method, &mut objective, streams).budget(Budget::of_iterations(1)).run().unwrap();
    let best = points(&streams, 40).into_iter().min_by(|a, b| well(a).total_cmp(&well(b))).unwrap();
    assert_eq!(method.theta(), best);
    assert_eq!((objective.losses, objective.gradients, method.candidates()), (40, 0, 0));
}

/// 64 points, a quarter of them again, a quarter of these, one: 64 + 16 + 4 losses. The winner is among the best points; the chance of
/// one measurement alone to pick a point as good is what the rounds are for.
#[test]
fn noisy_losses_decide_by_means_over_rounds() {
    let mut ranks = Vec::new();
    for seed in 0..200 {
        let streams = Streams::new(seed, 9);
        let mut method = ScreenedDescent::new(config(64), Sgd::new(0.1).unwrap(), &START).unwrap();
        let mut objective = well_with(0.1);
        Runner::new(&mut method, &mut objective, streams).budget(Budget::of_iterations(3)).run().unwrap();
        assert_eq!((objective.losses, objective.gradients, method.candidates()), (64 + 16 + 4, 0, 0));
        let chosen = well(method.theta());
        ranks.push(points(&streams, 64).iter().filter(|point| well(point) < chosen).count());
    }
    let mean = ranks.iter().sum::<usize>() as f64 / 200.0;
    // At random the mean rank is 31.5 with a standard error of 1.3.
    assert!(mean < 5.0, "mean rank {mean}");
}

#[test]
fn without_screening_and_schedule_it_is_plain_descent() {
    let streams = Streams::new(1, 2);
    let config = ScreenedDescentConfig { anneal: false, ..config(1) };
    let mut screened = ScreenedDescent::new(config, Adam::new(0.1).unwrap(), &START).unwrap();
    let mut plain = Descent::new(Adam::new(0.1).unwrap(), &START).unwrap();
    for method in [&mut screened as &mut dyn Method, &mut plain] {
        Runner::new(method, &mut well_with(0.1), streams).budget(Budget::of_iterations(25)).run().unwrap();
    }
    assert_eq!(screened.theta(), plain.theta());
}

/// With a budget of ten plain iterations of 7 circuits each the k-th step has the factor (1 - cos(pi (1 - k/10))) / 2.
#[test]
fn steps_shrink_with_the_budget() {
    let rate = 0.01;
    let mut method = ScreenedDescent::new(config(1), Sgd::new(rate).unwrap(), &START).unwrap();
    let mut objective = well_with(0.0);
    let mut lengths = Vec::new();
    let mut record = |observation: &Observation<'_>| {
        lengths.push(observation.report.step_length / (rate * observation.report.gradient_norm));
        ControlFlow::Continue(())
    };
    let budget = Budget { circuits: Some(70), ..Budget::UNLIMITED };
    Runner::new(&mut method, &mut objective, Streams::new(1, 1)).budget(budget).observe(&mut record).run().unwrap();
    assert_eq!(lengths.len(), 10);
    for (k, length) in lengths.iter().enumerate() {
        let expected = 0.5 * (1.0 - (std::f64::consts::PI * (1.0 - k as f64 / 10.0)).cos());
        assert!((length - expected).abs() < 1e-12, "step {k}: {length}, expected {expected}");
    }
}

#[test]
fn the_reported_loss_belongs_to_the_point_and_a_resumed_run_is_the_same() {
    let budget = Budget { circuits: Some(400), ..Budget::UNLIMITED };
    let run = |until: Option<u64>, from: Option<&RunState>| -> (Vec<(Vec<u64>, Event)>, RunState) {
        let mut method = ScreenedDescent::new(config(20), Adam::new(0.1).unwrap(), &START).unwrap();
        let mut objective = well_with(0.05);
        let mut rows = Vec::new();
        let mut record = |observation: &Observation<'_>| {
            let loss = observation.report.loss.expect("measured at every step").value;
            assert!((loss - well(observation.theta)).abs() < 0.3, "noise of 0.05 only: {loss}");
            rows.push((observation.next.iter().map(|x| x.to_bits()).collect(), observation.report.event));
            if until.is_some_and(|until| observation.step + 1 >= until) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let mut runner =
            Runner::new(&mut method, &mut objective, Streams::new(4, 4)).budget(budget).observe(&mut record);
        if let Some(state) = from {
            runner = runner.resume(state).unwrap();
        }
        runner.run().unwrap();
        let state = runner.state();
        drop(runner);
        (rows, state)
    };
    let (whole, _) = run(None, None);
    assert!(whole.len() > 40 && whole[0].1 == Event::Restart && whole[10].1 == Event::Descent);
    for stop in [1, 2, 3, 17] {
        let (mut rows, state) = run(Some(stop), None);
        rows.extend(run(None, Some(&state)).0);
        assert_eq!(rows, whole, "stopped after {stop}");
    }
}

/// Counters at their end stay there, and a place outside the list of points is refused.
#[test]
fn hostile_states_do_not_overflow() {
    let made = || ScreenedDescent::new(config(1), Sgd::new(0.1).unwrap(), &START).unwrap();
    let good = made().state();
    let with = |leader: u64, count: usize| {
        let points = vec![0.5; count * DIMENSION];
        good.clone()
            .with_counts("counters", &[u64::MAX, u64::MAX, 1, leader])
            .with_floats("points", &points)
            .with_floats("sums", &vec![0.0; count])
    };
    for (leader, count) in [(u64::MAX, 0), (1, 0), (u64::MAX, 5), (5, 5)] {
        let mut method = made();
        assert_eq!(method.restore(&with(leader, count)), Err(StateError::Value { name: "counters".to_owned() }));
        assert_eq!(method.state(), good);
    }
    let mut method = made();
    method.restore(&with(0, 5)).unwrap();
    let mut objective = Well { noise: 0.1, losses: 0, gradients: 0 };
    let budget = Budget::of_iterations(4);
    Runner::new(&mut method, &mut objective, Streams::new(1, 0)).budget(budget).run().unwrap();
    assert_eq!(method.state().counts("counters").map(|counts: [u64; 4]| [counts[0], counts[1]]), Ok([u64::MAX; 2]));
}

#[test]
fn bad_configurations_are_refused() {
    let of = |config| ScreenedDescent::new(config, Sgd::new(0.1).unwrap(), &START).map(|_| ());
    assert!(of(config(0)).is_err());
    assert!(of(ScreenedDescentConfig { reduction: 1, ..config(5) }).is_err());
    let most = ScreenedDescentConfig::MAX_POINTS;
    assert!(of(config(most)).is_ok());
    for points in [most + 1, usize::MAX / 3, usize::MAX] {
        assert!(matches!(of(config(points)), Err(ConfigError::OutOfRange { name: "points", .. })));
    }
    assert!(of(ScreenedDescentConfig::new(5, vec![WIDE; 2])).is_err());
    assert!(of(ScreenedDescentConfig::new(5, vec![Interval { low: 1.0, high: f64::INFINITY }; DIMENSION])).is_err());
}
