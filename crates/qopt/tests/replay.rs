//! Switches are logged, and triggers of one run are replayed in another.

mod common;

use common::{Ising, Quadratic, Trace, trace};
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

#[test]
fn records_are_checked() {
    let make = |triggers: &[(u64, f64)]| {
        let triggers = triggers.iter().map(|&(step, length)| RecordedTrigger { step, length }).collect();
        Replay::new(triggers, Along::Gradient, Control::Ascend, Sgd::new(0.1).unwrap(), &[0.0])
    };
    assert!(make(&[(0, 0.0), (7, 1.0)]).is_ok() && make(&[]).is_ok());
    assert!(make(&[(7, 0.1), (7, 0.1)]).is_err());
    assert!(make(&[(7, -0.1)]).is_err() && make(&[(7, f64::NAN)]).is_err());
}
