//! A run that is stopped and resumed is the same run, to the last bit.

mod common;

use std::ops::ControlFlow;

use common::{Make, Quadratic, has_trigger, shipped};
use proptest::prelude::*;
use qopt::{Budget, Event, Method, Observation, RunState, Runner, State, StateError, Streams};

const ITERATIONS: u64 = 30;
const CURVATURES: [f64; 3] = [1.0, 4.0, 0.3];

/// All that an iteration shows, in bits.
type Row = (u64, Vec<u64>, Vec<u64>, Event, u64, u64, u64);

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn row(observation: &Observation<'_>) -> Row {
    let report = observation.report;
    let loss = report.loss.unwrap();
    let error = report.gradient_std_error.unwrap_or(-1.0);
    let seconds = observation.spent.seconds;
    let numbers = [loss.value, loss.std_error, report.gradient_norm, error, report.step_length, seconds];
    let mut points = bits(observation.theta);
    points.extend(bits(observation.next));
    let counts = [report.ascents, report.probes, report.kicks];
    (observation.step, points, bits(&numbers), report.event, counts[0], counts[1], counts[2])
}

/// Runs from `from`, or the start, until an observer ends the run after `until` iterations in all, or the objective is exhausted.
/// The budget is the same wherever the run is stopped: steps that shrink with the rest of it do not depend on that.
fn run(
    make: Make,
    noise: f64,
    seed: u64,
    from: Option<&RunState>,
    refuse_after: Option<u64>,
    until: u64,
) -> (Vec<Row>, RunState) {
    let mut method = make();
    let mut objective = Quadratic::noisy(&CURVATURES, noise, noise, 10);
    objective.refuse_after = refuse_after;
    let mut rows = Vec::new();
    let mut record = |observation: &Observation<'_>| {
        rows.push(row(observation));
        if observation.step + 1 < until { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let mut runner = Runner::new(&mut method, &mut objective, Streams::new(seed, 5))
        .budget(Budget::of_iterations(ITERATIONS))
        .observe(&mut record);
    if let Some(state) = from {
        runner = runner.resume(state).unwrap();
    }
    if from.map_or(0, |state| state.step) < until {
        runner.run().unwrap();
    }
    let state = runner.state();
    drop(runner);
    (rows, state)
}

/// Through text and back, if there is a way.
fn carried(state: RunState) -> RunState {
    #[cfg(feature = "serde")]
    let state: RunState = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
    state
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn resumed_between_iterations(
        seed in any::<u64>(),
        stops in prop::collection::vec(0..ITERATIONS, 1..4),
        is_noisy in any::<bool>(),
    ) {
        let noise = if is_noisy { 0.2 } else { 0.0 };
        let mut stops = stops;
        stops.sort_unstable();
        stops.push(ITERATIONS);
        for (name, make) in shipped() {
            let whole = run(make, noise, seed, None, None, ITERATIONS);
            let mut rows = Vec::new();
            let mut state = None;
            for &stop in &stops {
                let (more, next) = run(make, noise, seed, state.as_ref(), None, stop);
                rows.extend(more);
                state = Some(carried(next));
            }
            prop_assert_eq!(&rows, &whole.0, "{}", name);
            prop_assert_eq!(state.as_ref(), Some(&whole.1), "{}", name);
        }
    }

    /// Also after a refusal between two queries of an iteration: the answer that was paid for is not lost.
    #[test]
    fn resumed_after_a_refusal(seed in any::<u64>(), refuse_after in 0..2 * ITERATIONS, is_noisy in any::<bool>()) {
        let noise = if is_noisy { 0.2 } else { 0.0 };
        for (name, make) in shipped() {
            let whole = run(make, noise, seed, None, None, ITERATIONS);
            let (mut rows, state) = run(make, noise, seed, None, Some(refuse_after), ITERATIONS);
            let (more, state) = run(make, noise, seed, Some(&carried(state)), None, ITERATIONS);
            rows.extend(more);
            prop_assert_eq!(&rows, &whole.0, "{}", name);
            prop_assert_eq!(&state, &whole.1, "{}", name);
        }
    }
}

/// The property above would say little about methods that never trigger.
#[test]
fn the_runs_above_show_every_event() {
    let mut seen = std::collections::HashSet::new();
    for (name, make) in shipped() {
        let mut triggered = false;
        for noise in [0.0, 0.2] {
            for row in run(make, noise, 1, None, None, ITERATIONS).0 {
                triggered |= row.3.is_triggered();
                seen.insert(row.3);
            }
        }
        assert!(triggered || !has_trigger(name), "{name}");
    }
    for event in [Event::Descent, Event::Ascent, Event::Kick, Event::Stay, Event::Rejected, Event::Restart] {
        assert!(seen.contains(&event), "{event:?}");
    }
}

#[test]
fn same_seed_same_run_other_seed_other_run() {
    for (name, make) in shipped() {
        let first = run(make, 0.2, 1, None, None, ITERATIONS);
        assert_eq!(first, run(make, 0.2, 1, None, None, ITERATIONS), "{name}");
        assert_ne!(first.0, run(make, 0.2, 2, None, None, ITERATIONS).0, "{name}");
    }
}

fn kind(method: &dyn Method) -> String {
    method.state().kind().to_owned()
}

#[test]
fn a_state_of_another_method_is_refused_and_nothing_changes() {
    let methods: Vec<_> =
        shipped().into_iter().map(|(name, make)| (name, make, run(make, 0.2, 1, None, None, 8).1)).collect();
    for (name, make, _) in &methods {
        for (other, _, state) in &methods {
            let mut method = make();
            let before = method.state();
            if kind(&*method) != state.method.kind() {
                assert!(matches!(method.restore(&state.method), Err(StateError::Kind { .. })), "{name} from {other}");
                assert_eq!(method.state(), before, "{name} from {other}");
            }
        }
        let mut method = make();
        let before = method.state();
        assert!(method.restore(&State::new(&kind(&*method))).is_err(), "{name}");
        assert_eq!(method.state(), before, "{name}");
    }
}

/// Damages one entry of a walk and hands it to a method that would otherwise take it.
#[test]
fn damaged_states_are_refused_and_nothing_changes() {
    let make = shipped()[2].1;
    let good = make().state();
    let walk = good.child("walk").unwrap();
    let with_walk = |walk: State| State::new("probe").with_child("walk", walk);
    let bad = [
        with_walk(walk.clone().with_floats("theta", &[1.0, 2.0])),
        with_walk(walk.clone().with_floats("theta", &[1.0, f64::NAN, 2.0])),
        with_walk(walk.clone().with_counts("counters", &[1, 2])),
        with_walk(walk.clone().with_floats("known", &[f64::INFINITY, 0.0])),
        with_walk(walk.clone().with_floats("probe", &[1.0, 2.0, 3.0])),
        with_walk(walk.clone().with_floats("more", &[])),
        with_walk(walk.clone().with_child("rule", State::new("sgd"))),
        with_walk(State::new("walk")),
        good.clone().with_counts("more", &[]),
    ];
    for (k, state) in bad.iter().enumerate() {
        let mut method = make();
        assert!(method.restore(state).is_err(), "{k}");
        assert_eq!(method.state(), good, "{k}");
    }
    // A probe under way does not belong to a method without probes.
    let mut plain = shipped()[0].1();
    let before = plain.state();
    let probing = before
        .child("walk")
        .unwrap()
        .clone()
        .with_floats("step", &[0.0; 3])
        .with_floats("probe", &[0.0; 3])
        .with_floats("opening", &[0.0; 3])
        .with_counts("reusable", &[0]);
    let state = State::new("descent").with_child("walk", probing);
    assert_eq!(plain.restore(&state), Err(StateError::Unexpected { name: "probe".to_owned() }));
    assert_eq!(plain.state(), before);
}
