//! Switches are logged, and triggers of one run are replayed in another.

mod common;

use std::ops::ControlFlow;

use common::{Ising, Quadratic, Trace, exact_price, trace};
use qopt::*;

const CONTROLS: [Control; 4] = [Control::Ascend, Control::Kick, Control::Stay, Control::Flip];
const ITERATIONS: u64 = 40;

fn recorded(method: &mut dyn Method, objective: &mut dyn Objective) -> History {
    let mut history = History::new();
    Runner::new(method, objective, Streams::new(1, 0))
        .budget(Budget::of_iterations(ITERATIONS))
        .observe(&mut history)
        .run()
        .unwrap();
    history
}

fn probe(control: Control) -> Probe<Sgd> {
    let config = ProbeConfig { control, ..ProbeConfig::exact() };
    Probe::new(config, Sgd::new(1.2).unwrap(), &Ising::start()).unwrap()
}

fn replay(triggers: &[RecordedTrigger], along: Along, control: Control) -> Replay<Sgd> {
    Replay::new(triggers.to_vec(), along, control, Sgd::new(1.2).unwrap(), &Ising::start()).unwrap()
}

fn run(method: &mut dyn Method, objective: &mut dyn Objective) -> Trace {
    trace(method, objective, Streams::new(1, 0), ITERATIONS)
}

fn close(found: &[Vec<f64>], expected: &[Vec<f64>]) -> bool {
    found.iter().flatten().zip(expected.iter().flatten()).all(|(f, e)| (f - e).abs() < 1e-9)
}

/// Replayed as it was, a run repeats itself, bill and all.
#[test]
fn a_replay_of_the_method_itself_is_the_method() {
    let history = recorded(&mut probe(Control::Ascend), &mut Ising::new());
    let triggers = history.triggers();
    assert!(triggers.len() > 5 && triggers.len() < ITERATIONS as usize);
    let (mut first, mut second) = (Ising::new(), Ising::new());
    let expected = run(&mut probe(Control::Ascend), &mut first);
    let found = run(&mut replay(&triggers, Along::Step { probe: true }, Control::Ascend), &mut second);
    assert_eq!(found.events, expected.events);
    assert_eq!((first.losses, first.gradients), (second.losses, second.gradients));
    // Long trajectories with large steps are chaotic, and the lengths are rounded: the first ten.
    assert!(close(&found.points[..10], &expected.points[..10]));
}

/// The trap that it is for: controls of the method itself have other triggers after the first, replayed ones the same.
#[test]
fn controls_with_replayed_triggers_share_every_trigger_and_length() {
    let triggers = recorded(&mut probe(Control::Ascend), &mut Ising::new()).triggers();
    let own = CONTROLS.map(|control| run(&mut probe(control), &mut Ising::new()).events);
    assert!(own[1] != own[0] && own[3] != own[0]);
    for along in [Along::Step { probe: false }, Along::Step { probe: true }, Along::Gradient] {
        for control in CONTROLS {
            let mut objective = Ising::new();
            let found = run(&mut replay(&triggers, along, control), &mut objective);
            let mut expected = vec!['+'; ITERATIONS as usize];
            for trigger in &triggers {
                expected[trigger.step as usize] = '-';
                let moved = found.lengths[trigger.step as usize];
                let length = if control == Control::Stay { 0.0 } else { trigger.length };
                assert!((moved - length).abs() < 1e-12, "{along:?}, {control:?}");
            }
            assert_eq!(found.events, expected.into_iter().collect::<String>(), "{along:?}, {control:?}");
            let probes = if along == (Along::Step { probe: true }) { ITERATIONS } else { 0 };
            assert_eq!(found.probes, probes);
            assert_eq!(objective.gradients, ITERATIONS);
        }
    }
}

#[test]
fn every_switch_is_logged_with_what_triggered_it() {
    let stall = StallConfig { window: 3, delta: 0.5, ..StallConfig::default() };
    let adam = || Adam::new(0.2).unwrap();
    let start = [1.0, -0.5, 0.25];
    let random = RandomConfig { probability: 0.5, ..RandomConfig::new(40) };
    let interval = RestartConfig::uniform(Interval { low: -1.0, high: 1.0 }, 3);
    let restart = RestartConfig { window: 3, delta: 0.5, ..interval };
    let curvature = StallCurvatureConfig { window: 3, delta: 0.5, ..StallCurvatureConfig::default() };
    type Is = fn(&Trigger) -> bool;
    let methods: [(Box<dyn Method>, Is); 8] = [
        (Box::new(Probe::new(ProbeConfig::new(0.0), adam(), &start).unwrap()), |t| matches!(t, Trigger::Probe { .. })),
        (
            Box::new(AdaptiveStep::new(AdaptiveStepConfig::new(0.0), adam(), &start).unwrap()),
            |t| matches!(t, Trigger::Probe { loss, candidate, .. } if candidate.value > loss.value),
        ),
        (Box::new(Periodic::new(PeriodicConfig::new(40), adam(), &start).unwrap()), |t| {
            matches!(t, Trigger::Periodic { .. })
        }),
        (
            Box::new(Random::new(random, adam(), &start).unwrap()),
            |t| matches!(t, Trigger::Random { draw, probability } if draw < probability),
        ),
        (
            Box::new(PostHoc::new(PostHocConfig::default(), adam(), &start).unwrap()),
            |t| matches!(t, Trigger::PostHoc { previous, current } if current.value > previous.value),
        ),
        (Box::new(Stall::new(stall, adam(), &start).unwrap()), |t| matches!(t, Trigger::Stall { since: 3.., .. })),
        (Box::new(StallCurvature::new(curvature, adam(), &start).unwrap()), |t| {
            matches!(t, Trigger::StallCurvature { since: 3.., curvature: Some(_), .. })
        }),
        (Box::new(Restart::new(restart, adam(), &start).unwrap()), |t| matches!(t, Trigger::Restart { since: 3.. })),
    ];
    for (mut method, is_its) in methods {
        let mut objective = Quadratic::noisy(&[1.0, 4.0, 0.3], 0.3, 0.3, 10);
        let history = recorded(&mut method, &mut objective);
        let kind = method.state().kind().to_owned();
        assert_eq!(history.records().len(), ITERATIONS as usize);
        assert!(history.switches().count() > 2, "{kind}");
        for record in history.records() {
            assert_eq!(record.trigger.is_some(), record.event.is_triggered(), "{kind}");
            assert!(record.trigger.is_none_or(|trigger| is_its(&trigger)), "{kind}: {:?}", record.trigger);
        }
    }
}

/// L = cos x sin y + cos(2 z)/2 + 0.3 sin(x + z), exact.
struct Waves;

impl Objective for Waves {
    fn dimension(&self) -> usize {
        3
    }

    fn price(&self, request: &Request) -> Bill {
        exact_price(3, request)
    }

    fn evaluate(
        &mut self,
        theta: &[f64],
        request: &Request,
        _streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        answer.clear();
        let (x, y, z) = (theta[0], theta[1], theta[2]);
        if request.value {
            let loss = x.cos() * y.sin() + 0.5 * (2.0 * z).cos() + 0.3 * (x + z).sin();
            answer.value = Some(Estimate::exact(loss));
        }
        if request.gradient {
            let common = 0.3 * (x + z).cos();
            answer.gradient.extend([common - x.sin() * y.sin(), x.cos() * y.cos(), common - (2.0 * z).sin()]);
            answer.gradient_std_errors.resize(3, 0.0);
        }
        answer.bill = self.price(request);
        answer.reusable = true;
        Ok(())
    }
}

const WAVES_START: [f64; 3] = [0.2, 0.1, 0.1];

fn waves(method: &mut dyn Method) -> (Trace, u64, History) {
    let mut history = History::new();
    let (mut points, mut events, mut lengths, mut counts) = (Vec::new(), String::new(), Vec::new(), (0, 0, 0));
    let mut record = |observation: &Observation<'_>| {
        let report = observation.report;
        points.push(observation.theta.to_vec());
        events.push(report.event.letter());
        lengths.push(report.step_length);
        counts = (report.ascents, report.probes, report.kicks);
        ControlFlow::Continue(())
    };
    let outcome = Runner::new(method, &mut Waves, Streams::new(1, 0))
        .budget(Budget::of_iterations(60))
        .observe(&mut history)
        .observe(&mut record)
        .run()
        .unwrap();
    points.push(outcome.last.clone());
    let (ascents, probes, kicks) = counts;
    let trace = Trace { points, events, lengths, ascents, probes, kicks, ..Trace::default() };
    (trace, outcome.spent.circuits, history)
}

/// A phase with a revert is replayed from the best point, along the gradient measured there; the moments stay.
#[test]
fn a_replayed_stall_reverts() {
    let momentum = || Momentum::new(0.1).unwrap();
    for (window, delta) in [(4, 1e-3), (3, 0.05)] {
        let config = StallConfig { window, delta, ..StallConfig::default() };
        let mut method = Stall::new(config, momentum(), &WAVES_START).unwrap();
        let (expected, bill, history) = waves(&mut method);
        let triggers = history.triggers();
        let reverts = triggers.iter().filter(|trigger| trigger.how == Displacement::FromBest).count();
        assert!(reverts > 1 && reverts < triggers.len());
        let replay =
            |control| Replay::new(triggers.clone(), Along::Gradient, control, momentum(), &WAVES_START).unwrap();
        let (found, found_bill, of_replay) = waves(&mut replay(Control::Ascend));
        assert_eq!((&found.events, found_bill), (&expected.events, bill));
        assert!(close(&found.points, &expected.points));
        // A replay is recorded as what it replays, under a control too.
        assert_eq!(of_replay.triggers(), triggers);
        assert_eq!(waves(&mut replay(Control::Stay)).2.triggers(), triggers);
        // The controls revert too: up to the second revert stay has moved by the rule alone.
        let first = triggers[0].step as usize;
        let (stayed, stayed_bill, _) = waves(&mut replay(Control::Stay));
        let best = (0..=first).map(|k| expected.points[k].clone());
        assert!(best.clone().any(|point| point == stayed.points[first + 1]));
        assert!(stayed.points[first + 1] != stayed.points[first]);
        assert_eq!((stayed_bill, stayed.ascents), (bill, expected.ascents));
    }
}

/// The sign by curvature, and the probe that found it, come again.
#[test]
fn a_replayed_stall_curvature_keeps_signs_and_probes() {
    let config = StallCurvatureConfig { window: 4, delta: 0.3, ..StallCurvatureConfig::default() };
    let sgd = || Sgd::new(0.02).unwrap();
    let (expected, bill, history) = waves(&mut StallCurvature::new(config, sgd(), &WAVES_START).unwrap());
    assert!(expected.events.starts_with("++++d-+++") && bill == 431 && expected.probes == 11);
    let triggers = history.triggers();
    for control in CONTROLS {
        let mut method = Replay::new(triggers.clone(), Along::Gradient, control, sgd(), &WAVES_START).unwrap();
        let (found, found_bill, _) = waves(&mut method);
        assert_eq!((found_bill, found.probes, found.ascents), (bill, expected.probes, expected.ascents), "{control:?}");
        let first = triggers[0].step as usize;
        let moved = |trace: &Trace, k| trace.points[first + 1][k] - trace.points[first][k];
        match control {
            Control::Ascend => {
                assert_eq!(found.events, expected.events);
                assert!(close(&found.points, &expected.points));
            }
            // -a, of an a that goes down the gradient.
            Control::Flip => assert!((0..3).all(|k| (moved(&found, k) + moved(&expected, k)).abs() < 1e-12)),
            Control::Stay => assert!((0..3).all(|k| moved(&found, k) == 0.0)),
            Control::Kick => assert!((found.lengths[first] - expected.lengths[first]).abs() < 1e-12),
        }
    }
    // A budget that ends in front of a probe ends there in the replay: no iteration is begun that does not fit.
    let budget = Budget { circuits: Some(7 * 4 + 7), ..Budget::UNLIMITED };
    let mut method = Replay::new(triggers, Along::Gradient, Control::Ascend, sgd(), &WAVES_START).unwrap();
    let outcome = Runner::new(&mut method, &mut Waves, Streams::new(1, 0)).budget(budget).run().unwrap();
    assert_eq!((outcome.iterations, outcome.spent.circuits), (4, 28));
}

/// A recorded restart, or a refused candidate, is no displacement, and reverts and signs belong to the gradient.
#[test]
fn what_cannot_be_replayed_is_refused() {
    let sgd = || Sgd::new(3.0).unwrap();
    let interval = RestartConfig::uniform(Interval { low: -1.0, high: 1.0 }, 3);
    let restart = RestartConfig { window: 3, delta: 0.5, ..interval };
    let methods: [Box<dyn Method>; 2] = [
        Box::new(Restart::new(restart, sgd(), &WAVES_START).unwrap()),
        Box::new(AdaptiveStep::new(AdaptiveStepConfig::new(0.0), sgd(), &WAVES_START).unwrap()),
    ];
    for mut method in methods {
        let triggers = waves(&mut method).2.triggers();
        let first = triggers[0];
        for along in [Along::Gradient, Along::Step { probe: true }] {
            let refused = Replay::new(triggers.clone(), along, Control::Ascend, sgd(), &WAVES_START).err();
            assert_eq!(refused, Some(ConfigError::NotReplayable { step: first.step, how: Displacement::Other }));
        }
    }
    for how in [Displacement::FromBest, Displacement::ByCurvature { descends: true }] {
        let triggers = vec![RecordedTrigger { how, ..RecordedTrigger::new(5, 0.1) }];
        let along = Along::Step { probe: false };
        let refused = Replay::new(triggers, along, Control::Ascend, sgd(), &WAVES_START).err();
        assert_eq!(refused, Some(ConfigError::NotReplayable { step: 5, how }));
    }
}

#[test]
fn records_are_checked() {
    let make = |triggers: &[(u64, f64)]| {
        let triggers = triggers.iter().map(|&(step, length)| RecordedTrigger::new(step, length)).collect();
        Replay::new(triggers, Along::Gradient, Control::Ascend, Sgd::new(0.1).unwrap(), &[0.0])
    };
    assert!(make(&[(0, 0.0), (7, 1.0)]).is_ok() && make(&[]).is_ok());
    assert!(make(&[(7, 0.1), (7, 0.1)]).is_err());
    assert!(make(&[(7, -0.1)]).is_err() && make(&[(7, f64::NAN)]).is_err());
}
