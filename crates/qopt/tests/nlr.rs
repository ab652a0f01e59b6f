//! The methods of the NLR family, each told its answers by hand: triggers, displacements, controls, phases.

mod common;

use common::{Quadratic, trace};
use qopt::{
    Adam, AdaptiveStep, AdaptiveStepConfig, Answer, ConfigError, Control, Estimate, Event, Interval, IterationContext,
    Method, MethodError, Momentum, Periodic, PeriodicConfig, PostHoc, PostHocConfig, Probe, ProbeConfig, Random,
    RandomConfig, Request, Restart, RestartConfig, RmsProp, Role, Sgd, Stall, StallConfig, StallCurvature,
    StallCurvatureConfig, StepReport, Streams, Told, Trigger, UpdateRule,
};
use rand::RngExt;

const CONTROLS: [Control; 4] = [Control::Ascend, Control::Kick, Control::Stay, Control::Flip];

fn sgd(rate: f64) -> Sgd {
    Sgd::new(rate).unwrap()
}

fn exact(value: f64, gradient: &[f64]) -> Answer {
    noisy(value, 0.0, gradient)
}

fn noisy(value: f64, std_error: f64, gradient: &[f64]) -> Answer {
    Answer {
        value: Some(Estimate { value, std_error }),
        gradient: gradient.to_vec(),
        reusable: std_error == 0.0,
        ..Answer::default()
    }
}

fn at(step: u64) -> IterationContext {
    IterationContext::new(Streams::new(11, 3).at(step))
}

fn done(told: Result<Told, MethodError>) -> StepReport {
    match told {
        Ok(Told::Done(report)) => report,
        other => panic!("expected the end of the iteration, got {other:?}"),
    }
}

/// One iteration of a probing method: the loss here, the gradient, the loss of the candidate.
fn probe(method: &mut dyn Method, opening: Answer, candidate: Answer) -> StepReport {
    assert_eq!(method.tell(&opening, &at(0)), Ok(Told::MoreQueries));
    assert_eq!(method.ask(&at(0)).query, Request::VALUE);
    done(method.tell(&candidate, &at(0)))
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

fn probe_with(config: ProbeConfig) -> Probe<Sgd> {
    Probe::new(config, sgd(0.5), &[1.0, 2.0]).unwrap()
}

#[test]
fn probe_accepts_the_candidate_or_climbs_from_theta() {
    let mut method = probe_with(ProbeConfig::exact());
    assert_eq!(method.ask(&at(0)).query, Request::VALUE_AND_GRADIENT);
    assert_eq!(method.tell(&exact(1.0, &[2.0, -4.0]), &at(0)), Ok(Told::MoreQueries));
    assert_eq!(method.ask(&at(0)).theta, [0.0, 4.0]);
    assert_eq!(method.theta(), [1.0, 2.0], "the point has not moved yet");
    let report = done(method.tell(&exact(0.5, &[]), &at(0)));
    assert_eq!((report.event, report.trigger, report.ascents, report.probes), (Event::Descent, None, 0, 1));
    assert_eq!(report.loss, Some(Estimate::exact(1.0)));
    assert_eq!(report.gradient_norm, 20.0_f64.sqrt());
    assert_eq!(report.step_length, 5.0_f64.sqrt());
    assert_eq!(method.theta(), [0.0, 4.0]);

    let mut method = probe_with(ProbeConfig::exact());
    let report = probe(&mut method, exact(1.0, &[2.0, -4.0]), exact(1.5, &[]));
    assert_eq!((report.event, report.ascents, report.probes), (Event::Ascent, 1, 1));
    let (loss, candidate) = (Estimate::exact(1.0), Estimate::exact(1.5));
    assert_eq!(report.trigger, Some(Trigger::Probe { loss, candidate, margin: 1e-14 }));
    assert_eq!(report.step_length, 0.25 * 5.0_f64.sqrt());
    assert_eq!(method.theta(), [1.25, 1.5]);
}

/// Trap: `>` and not `>=`. With few shots equal losses are common.
#[test]
fn equal_losses_do_not_fire() {
    for (z, std_error) in [(0.0, 0.0), (0.0, 0.1), (2.0, 0.1)] {
        let mut method = probe_with(ProbeConfig::new(z));
        let report = probe(&mut method, noisy(1.0, std_error, &[1.0, 0.0]), noisy(1.0, std_error, &[]));
        assert_eq!(report.event, Event::Descent, "z = {z}");
    }
    let next = 1.0 + f64::EPSILON;
    let mut method = probe_with(ProbeConfig::new(0.0));
    let report = probe(&mut method, noisy(1.0, 0.1, &[1.0, 0.0]), noisy(next, 0.1, &[]));
    assert_eq!(report.event, Event::Ascent, "noisy losses are compared as they come");
}

/// Trap: exact values near machine precision.
#[test]
fn exact_losses_that_differ_by_rounding_count_as_equal() {
    let fires = |difference: f64, loss_scale: f64| {
        let mut method = probe_with(ProbeConfig { loss_scale, ..ProbeConfig::exact() });
        probe(&mut method, exact(0.0, &[1.0, 0.0]), exact(difference, &[])).event == Event::Ascent
    };
    assert!(!fires(1e-14, 1.0));
    assert!(fires(1.1e-14, 1.0));
    assert!(!fires(1e-13, 10.0));
    assert!(fires(1.1e-13, 10.0));
    let mut method = probe_with(ProbeConfig::exact());
    let report = probe(&mut method, exact(1.0, &[1.0, 0.0]), exact(1.0 + f64::EPSILON, &[]));
    assert_eq!(report.event, Event::Descent);
}

#[test]
fn the_margin_is_z_standard_errors_of_the_difference() {
    let fires = |difference: f64, z: f64| {
        let mut method = probe_with(ProbeConfig::new(z));
        let report = probe(&mut method, noisy(0.0, 3.0, &[1.0, 0.0]), noisy(difference, 4.0, &[]));
        report.event == Event::Ascent
    };
    assert!(!fires(9.99, 2.0) && !fires(10.0, 2.0) && fires(10.01, 2.0));
    assert!(!fires(0.0, 0.0) && fires(0.01, 0.0));
    assert!(!fires(14.9, 3.0) && fires(15.1, 3.0));
}

#[test]
fn a_vanishing_step_stays_and_is_nothing_special() {
    let mut method = probe_with(ProbeConfig::exact());
    let report = probe(&mut method, exact(1.0, &[0.0, 0.0]), exact(1.0, &[]));
    assert_eq!((report.event, report.step_length, report.kicks), (Event::Descent, 0.0, 0));
    assert_eq!(method.theta(), [1.0, 2.0]);
}

/// Each control replaces the displacement of a fired probe and nothing else.
#[test]
fn controls_of_the_probe() {
    let reports = CONTROLS.map(|control| {
        let mut method = probe_with(ProbeConfig { control, ..ProbeConfig::exact() });
        let report = probe(&mut method, exact(1.0, &[2.0, -4.0]), exact(1.5, &[]));
        (report, method)
    });
    let length = 0.25 * 5.0_f64.sqrt();
    for (control, (report, method)) in CONTROLS.iter().zip(&reports) {
        assert_eq!((report.ascents, report.probes, report.kicks), (1, 1, 0), "{control:?}");
        assert_eq!(report.trigger, reports[0].0.trigger, "{control:?}");
        let moved = distance(method.theta(), &[1.0, 2.0]);
        let expected = if *control == Control::Stay { 0.0 } else { length };
        assert!((moved - expected).abs() < 1e-15, "{control:?}");
        assert!((report.step_length - expected).abs() < 1e-15, "{control:?}");
        // The loss has to be measured again, after stay too: controls pay like their variant.
        let mut planned = Vec::new();
        method.plan(&mut |query| planned.push(query.request().unwrap()));
        assert_eq!(planned, [Request::VALUE_AND_GRADIENT, Request::VALUE], "{control:?}");
    }
    let [ascend, kick, stay, flip] = reports.map(|(report, method)| (report.event, method.theta().to_vec()));
    assert_eq!(ascend, (Event::Ascent, vec![1.25, 1.5]));
    assert_eq!(stay, (Event::Stay, vec![1.0, 2.0]));
    assert_eq!(flip, (Event::Flip, vec![0.75, 2.5]));
    assert_eq!(kick.0, Event::Kick);
    // In two dimensions the direction of a Gaussian vector is the angle of its polar form, the second number of the stream.
    let mut rng = at(0).streams.rng(Role::Direction);
    let _radius: f64 = rng.random();
    let (sin, cos) = (std::f64::consts::TAU * rng.random::<f64>()).sin_cos();
    assert!(distance(&kick.1, &[1.0 + length * cos, 2.0 + length * sin]) < 1e-15);
}

#[test]
fn probe_with_a_small_rate_is_its_base_bit_for_bit() {
    type Make = fn() -> Box<dyn UpdateRule>;
    let makers: [(&str, Make); 4] = [
        ("sgd", || Box::new(Sgd::new(0.05).unwrap())),
        ("momentum", || Box::new(Momentum::new(0.005).unwrap())),
        ("rmsprop", || Box::new(RmsProp::new(0.005).unwrap())),
        ("adam", || Box::new(Adam::new(0.005).unwrap())),
    ];
    let start = common::Ising::start();
    for (name, make) in makers {
        let mut base = qopt::Descent::new(make(), &start).unwrap();
        let mut method = Probe::new(ProbeConfig::exact(), make(), &start).unwrap();
        let mut ising = common::Ising::new();
        let expected = trace(&mut base, &mut ising, Streams::new(0, 0), 60);
        let found = trace(&mut method, &mut ising, Streams::new(0, 0), 60);
        assert_eq!(found.ascents, 0, "{name}");
        assert_eq!(found.probes, 60, "{name}");
        let bits = |points: &[Vec<f64>]| -> Vec<u64> { points.iter().flatten().map(|x| x.to_bits()).collect() };
        assert_eq!(bits(&found.points), bits(&expected.points), "{name}");
        assert_eq!(bits(&[found.last]), bits(&[expected.last]), "{name}");
    }
}

#[test]
fn adaptive_step_halves_and_grows_its_scale() {
    let mut method = AdaptiveStep::new(AdaptiveStepConfig::new(0.0), sgd(1.0), &[0.0]).unwrap();
    let report = probe(&mut method, exact(1.0, &[1.0]), exact(2.0, &[]));
    assert_eq!((report.event, report.step_length, method.theta()), (Event::Rejected, 0.0, &[0.0][..]));
    assert_eq!(method.scale(), 0.5);
    // The point has not moved, so its loss is known; the gradient is measured again.
    assert_eq!(method.ask(&at(0)).query, Request::GRADIENT);
    let report = probe(&mut method, exact(f64::NAN, &[1.0]), exact(0.9, &[]));
    assert_eq!(report.loss, Some(Estimate::exact(1.0)), "the known loss, not what was not asked for");
    assert_eq!((report.event, report.step_length, method.theta()), (Event::Descent, 0.5, &[-0.5][..]));
    assert_eq!(method.scale(), 0.6);
    for _ in 0..20 {
        assert_eq!(method.ask(&at(0)).query, Request::GRADIENT);
        probe(&mut method, exact(0.0, &[0.0]), exact(0.5, &[]));
    }
    assert_eq!(method.scale(), 4.0);
}

#[test]
fn adaptive_step_measures_noisy_losses_anew() {
    let mut method = AdaptiveStep::new(AdaptiveStepConfig::new(2.0), sgd(1.0), &[0.0]).unwrap();
    probe(&mut method, noisy(1.0, 0.1, &[1.0]), noisy(2.0, 0.1, &[]));
    assert_eq!(method.ask(&at(0)).query, Request::VALUE_AND_GRADIENT);
    probe(&mut method, noisy(1.0, 0.1, &[1.0]), noisy(0.5, 0.1, &[]));
    assert_eq!(method.ask(&at(0)).query, Request::VALUE_AND_GRADIENT);
}

#[test]
fn periodic_phases_and_their_factor() {
    let config = PeriodicConfig { descents: 3, ascents: 2, rho: 0.8, ..PeriodicConfig::new(10) };
    let mut method = Periodic::new(config, sgd(1.0), &[0.0]).unwrap();
    let mut theta = 0.0;
    for k in 0..15 {
        let report = done(method.tell(&exact(1.0, &[1.0]), &at(k)));
        if k % 5 < 3 {
            theta -= 1.0;
            assert_eq!((report.event, report.trigger), (Event::Descent, None));
        } else {
            // Past T = 10 the factor is 0: k = 13 and 14 are triggered and do not move.
            let factor = if k < 10 { 0.8 * (1.0 - k as f64 / 10.0) } else { 0.0 };
            theta += factor;
            assert_eq!(report.trigger, Some(Trigger::Periodic { position: k % 5 - 3, factor }));
            assert_eq!(report.step_length, factor);
        }
        assert!((method.theta()[0] - theta).abs() < 1e-14, "k = {k}");
    }
    assert_eq!(done(method.tell(&exact(1.0, &[1.0]), &at(15))).ascents, 6);
}

#[test]
fn random_draws_in_every_iteration_and_fires_below_its_probability() {
    let config = RandomConfig { probability: 0.5, rho: 2.0, ..RandomConfig::new(1000) };
    let mut method = Random::new(config, sgd(1.0), &[0.0]).unwrap();
    let (mut theta, mut fired) = (0.0, 0);
    for k in 0..1100 {
        let context = at(k);
        let draw: f64 = context.streams.rng(Role::Trigger).random();
        let probability = if k < 1000 { 0.5 * (1.0 - k as f64 / 1000.0) } else { 0.0 };
        let report = done(method.tell(&exact(1.0, &[1.0]), &context));
        if draw < probability {
            theta += 2.0;
            fired += 1;
            assert_eq!(report.trigger, Some(Trigger::Random { draw, probability }));
            assert!(k < 1000);
        } else {
            theta -= 1.0;
            assert_eq!(report.trigger, None);
        }
        assert_eq!((method.theta()[0], report.ascents), (theta, fired), "k = {k}");
    }
    // Sum of p_k = 250.25, variance sum of p_k (1 - p_k) < 250.25 - 83.4; within 4 standard deviations.
    assert!((fired as f64 - 250.25).abs() < 4.0 * 166.9_f64.sqrt(), "{fired}");
}

#[test]
fn post_hoc_compares_the_tracked_losses_without_a_margin() {
    let mut method = PostHoc::new(PostHocConfig::default(), sgd(1.0), &[0.0]).unwrap();
    let losses = [5.0, 4.0, 4.0, 4.5, 4.6, 1.0];
    let events = losses.map(|loss| done(method.tell(&noisy(loss, 1.0, &[1.0]), &at(0))).event.letter());
    assert_eq!(events, ['+', '+', '+', '-', '-', '+']);
    assert_eq!(method.theta(), [-4.0 + 0.5]);
}

/// On a flat loss with noise from the streams the gradients do not depend on the path: triggers, rule steps and lengths
/// are the same under every control.
#[test]
fn controls_share_triggers_and_lengths() {
    type Make = fn(Control) -> Box<dyn Method>;
    const START: [f64; 3] = [0.1, 0.2, 0.3];
    let makers: [(&str, Make); 4] = [
        ("periodic", |control| {
            let config = PeriodicConfig { control, ..PeriodicConfig::new(100) };
            Box::new(Periodic::new(config, Adam::new(0.1).unwrap(), &START).unwrap())
        }),
        ("random", |control| {
            let config = RandomConfig { control, probability: 0.4, ..RandomConfig::new(100) };
            Box::new(Random::new(config, Adam::new(0.1).unwrap(), &START).unwrap())
        }),
        ("probe", |control| {
            let config = ProbeConfig { control, ..ProbeConfig::new(0.0) };
            Box::new(Probe::new(config, Adam::new(0.1).unwrap(), &START).unwrap())
        }),
        ("stall", |control| {
            let config = StallConfig { control, window: 5, ..StallConfig::default() };
            Box::new(Stall::new(config, Adam::new(0.1).unwrap(), &START).unwrap())
        }),
    ];
    for (name, make) in makers {
        let traces = CONTROLS.map(|control| {
            let mut flat = Quadratic::noisy(&[0.0; 3], 0.1, 1.0, 100);
            trace(&mut make(control), &mut flat, Streams::new(5, 0), 100)
        });
        let reference = &traces[0];
        assert!(reference.ascents > 5, "{name}");
        let mut kicks = Vec::new();
        for (control, trace) in CONTROLS.iter().zip(&traces) {
            assert_eq!(trace.events, reference.events, "{name}, {control:?}");
            assert_eq!(trace.losses, reference.losses, "{name}, {control:?}");
            assert_eq!((trace.ascents, trace.probes, trace.kicks), (reference.ascents, reference.probes, 0));
            let mut points = trace.points.clone();
            points.push(trace.last.clone());
            for (k, event) in trace.events.chars().enumerate() {
                let expected = if *control == Control::Stay && event == '-' { 0.0 } else { reference.lengths[k] };
                assert!((trace.lengths[k] - expected).abs() < 1e-14, "{name}, {control:?}, k = {k}");
                // A revert moves the point by more than the step.
                if name != "stall" {
                    let moved = distance(&points[k], &points[k + 1]);
                    assert!((moved - expected).abs() < 1e-13, "{name}, {control:?}, k = {k}");
                }
                if *control == Control::Kick && event == '-' {
                    let step: Vec<f64> = points[k + 1].iter().zip(&points[k]).map(|(b, a)| b - a).collect();
                    kicks.push(step);
                }
            }
        }
        // A new direction in each step.
        for (k, kick) in kicks.iter().enumerate() {
            assert!(kicks[..k].iter().all(|other| other != kick), "{name}");
        }
    }
}

fn stall_config(cooldown: u64) -> StallConfig {
    StallConfig { window: 2, delta: 0.1, phase: 2, cooldown, radius: Some(1.0), ..StallConfig::default() }
}

/// The events of a method on a loss that never changes.
fn events_on_flat_loss(method: &mut dyn Method, iterations: u64) -> String {
    (0..iterations).map(|k| done(method.tell(&exact(1.0, &[3.0, 4.0]), &at(k))).event.letter()).collect()
}

#[test]
fn cooldown_acts_only_beyond_the_window() {
    let events = |cooldown| {
        let mut method = Stall::new(stall_config(cooldown), sgd(0.1), &[0.0, 0.0]).unwrap();
        events_on_flat_loss(&mut method, 14)
    };
    assert_eq!(events(0), "++--++--++--++");
    assert_eq!(events(3), events(0));
    assert_eq!(events(4), "++--+++--+++--");
    assert_eq!(events(6), "++--+++++--+++");
}

#[test]
fn the_amplitude_grows_while_the_best_loss_stays_and_falls_back_when_it_improves() {
    let mut method = Stall::new(stall_config(0), sgd(0.1), &[0.0, 0.0]).unwrap();
    let mut amplitudes = Vec::new();
    for k in 0..44 {
        // An improvement by more than delta, once, in the middle.
        let loss = if k == 33 { 0.5 } else { 1.0 };
        let report = done(method.tell(&exact(loss, &[3.0, 4.0]), &at(k)));
        if let Some(Trigger::Stall { position, amplitude, reverted, since }) = report.trigger {
            assert_eq!(reverted, position == 0);
            assert_eq!(since, 2);
            assert!((report.step_length - amplitude / 2.0).abs() < 1e-15, "r = 1 in two steps");
            if position == 0 {
                amplitudes.push(amplitude);
            }
        }
    }
    assert_eq!(amplitudes, [1.0, 1.5, 2.25, 3.375, 5.0625, 7.59375, 8.0, 8.0, 1.0, 1.5, 2.25]);
    let mut method = Stall::new(StallConfig { revert: false, ..stall_config(0) }, sgd(0.1), &[0.0, 0.0]).unwrap();
    for k in 0..40 {
        let report = done(method.tell(&exact(1.0, &[3.0, 4.0]), &at(k)));
        assert!(matches!(report.trigger, None | Some(Trigger::Stall { amplitude: 1.0, reverted: false, .. })));
    }
}

/// The phase starts from the best point with the gradient measured there; the second step uses the gradient measured
/// where it starts.
#[test]
fn a_revert_goes_to_the_best_point_and_its_gradient() {
    let mut method = Stall::new(stall_config(0), sgd(1.0), &[0.0, 0.0]).unwrap();
    done(method.tell(&exact(1.0, &[-3.0, 4.0]), &at(0)));
    assert_eq!(method.theta(), [3.0, -4.0]);
    done(method.tell(&exact(1.5, &[1.0, 0.0]), &at(1)));
    let report = done(method.tell(&exact(1.5, &[1.0, 0.0]), &at(2)));
    assert_eq!((report.event, report.loss), (Event::Ascent, Some(Estimate::exact(1.5))));
    assert_eq!(report.gradient_norm, 1.0, "as measured, not of the best point");
    assert!(distance(method.theta(), &[-0.3, 0.4]) < 1e-15, "{:?}", method.theta());
    done(method.tell(&exact(1.5, &[0.0, -2.0]), &at(3)));
    assert!(distance(method.theta(), &[-0.3, -0.1]) < 1e-15, "{:?}", method.theta());
    // Under stay the revert remains.
    let stay = StallConfig { control: Control::Stay, ..stall_config(0) };
    let mut method = Stall::new(stay, sgd(1.0), &[0.0, 0.0]).unwrap();
    done(method.tell(&exact(1.0, &[-3.0, 4.0]), &at(0)));
    done(method.tell(&exact(1.5, &[1.0, 0.0]), &at(1)));
    let report = done(method.tell(&exact(1.5, &[1.0, 0.0]), &at(2)));
    assert_eq!((report.event, report.step_length, method.theta()), (Event::Stay, 0.0, &[0.0, 0.0][..]));
}

#[test]
fn delta_is_at_least_two_standard_errors() {
    let events = |delta_std_errors| -> String {
        let config = StallConfig { delta_std_errors, ..stall_config(0) };
        let mut method = Stall::new(config, sgd(0.1), &[0.0]).unwrap();
        // Each loss is better by 0.15, with a standard error of 0.1.
        let mut tell = |k| done(method.tell(&noisy(-0.15 * k as f64, 0.1, &[1.0]), &at(k))).event.letter();
        (0..4).map(&mut tell).collect()
    };
    assert_eq!(events(1.0), "++++");
    assert_eq!(events(0.0), "++++");
    assert_eq!(events(StallConfig::default().delta_std_errors), "++++");
    assert_eq!(events(4.0), "++--");
}

#[test]
fn without_a_gradient_a_phase_kicks() {
    let zero = exact(1.0, &[0.0, 0.0]);
    for control in CONTROLS {
        let mut method = Stall::new(StallConfig { control, ..stall_config(0) }, sgd(0.1), &[1.0, 2.0]).unwrap();
        let mut reports = Vec::new();
        for k in 0..4 {
            reports.push(done(method.tell(&zero, &at(k))));
        }
        let (kicks, length, event) = match control {
            Control::Stay => (0, 0.0, Event::Stay),
            _ => (2, 0.5, Event::Kick),
        };
        assert_eq!((reports[3].ascents, reports[3].kicks, reports[3].event), (2, kicks, event), "{control:?}");
        assert!((reports[3].step_length - length).abs() < 1e-15, "{control:?}");

        let config = StallCurvatureConfig {
            control,
            window: 2,
            delta: 0.1,
            cooldown: 0,
            radius: Some(1.0),
            ..StallCurvatureConfig::default()
        };
        let mut method = StallCurvature::new(config, sgd(0.1), &[1.0, 2.0]).unwrap();
        let mut reports = Vec::new();
        for k in 0..4 {
            reports.push(done(method.tell(&zero, &at(k))));
        }
        assert_eq!((reports[3].ascents, reports[3].kicks, reports[3].probes), (2, kicks, 0), "{control:?}");
        let trigger = Trigger::StallCurvature { since: 2, position: 1, curvature: None };
        assert_eq!((reports[3].trigger, reports[3].event), (Some(trigger), event));
    }
}

/// A gradient too small to be squared, or divided by, still has a direction.
#[test]
fn the_tiniest_gradient_has_a_direction() {
    let mut method = Stall::new(stall_config(0), sgd(0.1), &[0.0, 0.0]).unwrap();
    for k in 0..4 {
        let report = done(method.tell(&exact(1.0, &[0.0, -5e-324]), &at(k)));
        assert_eq!(report.kicks, 0);
    }
    assert_eq!(method.theta(), [0.0, -1.0]);
}

/// kappa = 2 (Lhat(theta - eps g/|g|) - Lhat(theta) + eps |g|) / eps^2 with eps = min(r/2, 0.25), r = 0.4, |g| = 5.
#[test]
fn the_curvature_decides_the_sign() {
    let run = |probed: f64, control: Control| {
        let config = StallCurvatureConfig {
            control,
            window: 1,
            delta: 0.1,
            phase: 1,
            cooldown: 0,
            radius: Some(0.4),
            ..StallCurvatureConfig::default()
        };
        let mut method = StallCurvature::new(config, sgd(0.0001), &[0.0, 0.0]).unwrap();
        done(method.tell(&exact(1.0, &[0.0, 0.0]), &at(0)));
        let mut planned = Vec::new();
        method.plan(&mut |query| planned.push(query.request().unwrap()));
        assert_eq!(planned.len(), 2, "the next iteration may probe");
        assert_eq!(method.tell(&exact(1.0, &[3.0, 4.0]), &at(1)), Ok(Told::MoreQueries));
        assert!(distance(method.ask(&at(0)).theta, &[-0.12, -0.16]) < 1e-15);
        let report = done(method.tell(&exact(probed, &[]), &at(1)));
        assert_eq!(report.probes, 1);
        let Some(Trigger::StallCurvature { curvature: Some(curvature), .. }) = report.trigger else {
            panic!("{report:?}");
        };
        (curvature, report.event, method.theta().to_vec())
    };
    // Lhat - eps |g| = 0 on the tangent: 0.02 above it is kappa = 1.
    let (kappa, event, theta) = run(0.02, Control::Ascend);
    assert!((kappa - 1.0).abs() < 1e-12 && event == Event::Ascent);
    assert!(distance(&theta, &[0.24, 0.32]) < 1e-15);
    let (kappa, event, theta) = run(-0.02, Control::Ascend);
    assert!((kappa + 1.0).abs() < 1e-12 && event == Event::DescentBySign);
    assert!(distance(&theta, &[-0.24, -0.32]) < 1e-15);
    let (_, event, theta) = run(-0.02, Control::Flip);
    assert!(event == Event::Flip && distance(&theta, &[0.24, 0.32]) < 1e-15);
    let (_, event, theta) = run(-0.02, Control::Stay);
    assert!(event == Event::Stay && theta == [0.0, 0.0]);
    let (_, event, theta) = run(-0.02, Control::Kick);
    assert!(event == Event::Kick && (distance(&theta, &[0.0, 0.0]) - 0.4).abs() < 1e-15);
}

#[test]
fn a_restart_draws_a_start_forgets_and_takes_no_step() {
    let start = vec![Interval { low: -1.0, high: 1.0 }, Interval { low: 5.0, high: 5.0 }];
    let config = RestartConfig { window: 2, delta: 0.1, cooldown: 0, ..RestartConfig::new(start) };
    let mut method = Restart::new(config, Momentum::new(0.1).unwrap(), &[0.0, 0.0]).unwrap();
    for k in 0..2 {
        let report = done(method.tell(&exact(1.0, &[1.0, 1.0]), &at(k)));
        assert_eq!(report.event, Event::Descent);
    }
    let report = done(method.tell(&exact(1.0, &[1.0, 1.0]), &at(2)));
    assert_eq!((report.event, report.step_length, report.ascents), (Event::Restart, 0.0, 1));
    assert_eq!(report.trigger, Some(Trigger::Restart { since: 2 }));
    let draw: f64 = at(2).streams.rng(Role::Restart).random();
    assert_eq!(method.theta(), [2.0 * draw - 1.0, 5.0]);
    // The memory is gone: one step of momentum from rest.
    let report = done(method.tell(&exact(1.0, &[1.0, 0.0]), &at(3)));
    assert_eq!((report.event, report.step_length), (Event::Descent, 0.1));
    // Window and reference start again.
    let events: String = (4..8).map(|k| done(method.tell(&exact(1.0, &[1.0, 1.0]), &at(k))).event.letter()).collect();
    assert_eq!(events, "+-++");
}

#[test]
fn configurations_are_checked() {
    let start = [0.0];
    let out_of_range = |error: Option<ConfigError>, field: &str| match error {
        Some(ConfigError::OutOfRange { name, .. } | ConfigError::Zero { name }) => assert_eq!(name, field),
        other => panic!("{field}: {other:?}"),
    };
    let probe = |config| Probe::new(config, sgd(1.0), &start).err();
    out_of_range(probe(ProbeConfig::new(-1.0)), "z");
    out_of_range(probe(ProbeConfig::new(f64::NAN)), "z");
    out_of_range(probe(ProbeConfig { rho: f64::INFINITY, ..ProbeConfig::exact() }), "rho");
    out_of_range(probe(ProbeConfig { loss_scale: 0.0, ..ProbeConfig::exact() }), "loss_scale");
    let periodic = |config| Periodic::new(config, sgd(1.0), &start).err();
    out_of_range(periodic(PeriodicConfig::new(0)), "planned_iterations");
    let never = PeriodicConfig { descents: 0, ascents: 0, ..PeriodicConfig::new(1) };
    out_of_range(periodic(never), "descents + ascents");
    assert_eq!(periodic(PeriodicConfig { descents: u64::MAX, ..PeriodicConfig::new(1) }), None);
    let random = |config| Random::new(config, sgd(1.0), &start).err();
    out_of_range(random(RandomConfig { probability: 1.1, ..RandomConfig::new(1) }), "probability");
    out_of_range(random(RandomConfig::new(0)), "planned_iterations");
    out_of_range(PostHoc::new(PostHocConfig { rho: -0.1, ..Default::default() }, sgd(1.0), &start).err(), "rho");
    let stall = |config| Stall::new(config, sgd(1.0), &start).err();
    out_of_range(stall(StallConfig { window: 0, ..Default::default() }), "window");
    out_of_range(stall(StallConfig { phase: 0, ..Default::default() }), "phase");
    out_of_range(stall(StallConfig { delta: -1.0, ..Default::default() }), "delta");
    out_of_range(stall(StallConfig { delta_std_errors: f64::NAN, ..Default::default() }), "delta_std_errors");
    out_of_range(stall(StallConfig { radius: Some(0.0), ..Default::default() }), "radius");
    out_of_range(stall(StallConfig { growth: 0.9, ..Default::default() }), "growth");
    out_of_range(stall(StallConfig { cap: 0.0, ..Default::default() }), "cap");
    let curvature = |config| StallCurvature::new(config, sgd(1.0), &start).err();
    out_of_range(curvature(StallCurvatureConfig { phase: 0, ..Default::default() }), "phase");
    let adaptive = |config| AdaptiveStep::new(config, sgd(1.0), &start).err();
    out_of_range(adaptive(AdaptiveStepConfig { shrink: 1.0, ..AdaptiveStepConfig::new(0.0) }), "shrink");
    out_of_range(adaptive(AdaptiveStepConfig { growth: 0.9, ..AdaptiveStepConfig::new(0.0) }), "growth");
    let restart = |start: Vec<Interval>| Restart::new(RestartConfig::new(start), sgd(1.0), &[0.0]).err();
    assert_eq!(restart(vec![]), Some(ConfigError::Length { name: "start", expected: 1, found: 0 }));
    let reversed = Interval { low: 1.0, high: 0.0 };
    assert_eq!(restart(vec![reversed]), Some(ConfigError::Interval { component: 0, low: 1.0, high: 0.0 }));
    assert!(restart(vec![Interval { low: -f64::MAX, high: f64::MAX }]).is_some());
    assert_eq!(restart(vec![Interval { low: 0.0, high: 0.0 }]), None);
}

#[test]
fn the_default_radius_grows_with_the_root_of_the_dimension() {
    let config = StallConfig { radius: None, ..stall_config(0) };
    let mut method = Stall::new(config, sgd(0.1), &[0.0; 9]).unwrap();
    let mut report = None;
    for k in 0..3 {
        report = Some(done(method.tell(&exact(1.0, &[1.0; 9]), &at(k))));
    }
    assert!((report.unwrap().step_length - 0.3 * 3.0 / 2.0).abs() < 1e-15);
    assert_eq!(StallConfig::for_scale(6.0).delta, 6e-3);
    assert_eq!(StallCurvatureConfig::for_scale(6.0).delta, 6e-3);
}

/// Strict comparisons: the first of equal best losses stays, and an improvement by exactly delta is none.
#[test]
fn stall_compares_strictly() {
    let config = StallConfig { delta: 0.5, ..stall_config(0) };
    let mut method = Stall::new(config, sgd(1.0), &[0.0]).unwrap();
    let mut amplitudes = Vec::new();
    for (k, loss) in [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5].into_iter().enumerate() {
        let report = done(method.tell(&exact(loss, &[1.0]), &at(k as u64)));
        if let Some(Trigger::Stall { position: 0, amplitude, .. }) = report.trigger {
            amplitudes.push(amplitude);
            // From the first of the best points, 0 and later 1, half a unit of length uphill.
            let best = if k == 2 { 0.0 } else { 1.0 };
            assert_eq!(method.theta(), [best + amplitude / 2.0], "k = {k}");
        }
    }
    assert_eq!(amplitudes, [1.0, 1.5]);
}
