//! The reference trajectories: losses to 1e-9, events, best losses and loss evaluations exactly.

mod common;

use common::{Ising, trace};
use qopt::{
    Adam, AdaptiveStep, AdaptiveStepConfig, BestPoint, Budget, Control, Descent, Method, Momentum, Periodic,
    PeriodicConfig, PostHoc, PostHocConfig, Probe, ProbeConfig, RmsProp, Runner, Sgd, Stall, StallConfig,
    StallCurvature, StallCurvatureConfig, Streams, UpdateRule,
};
use serde_json::Value;

const TOLERANCE: f64 = 1e-9;

fn number(value: &Value) -> f64 {
    match value {
        Value::String(digits) => digits.parse().expect("a decimal number"),
        other => other.as_f64().expect("a number"),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(number).collect()
}

fn load(text: &str) -> Value {
    serde_json::from_str(text).expect("the reference file is JSON")
}

fn first_file() -> Value {
    load(include_str!("data/nlr_reference.json"))
}

fn second_file() -> Value {
    load(include_str!("data/nlr_reference_extra.json"))
}

fn assert_close(name: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < TOLERANCE, "{name}, iteration {k}: {found} instead of {expected}");
    }
}

/// Runs a method as long as the reference and compares all that the reference holds.
fn check(name: &str, mut method: Box<dyn Method>, losses: &Value, events: &Value, extra: Option<(&Value, &Value)>) {
    let expected = numbers(losses);
    let iterations = expected.len() as u64;
    let mut ising = Ising::new();
    let found = trace(&mut method, &mut ising, Streams::new(0, 0), iterations);
    assert_close(name, &found.losses, &expected);
    assert_eq!(found.events, events.as_str().expect("a string"), "{name}");
    assert_eq!(ising.gradients, iterations, "{name}: one gradient per iteration");
    assert_eq!(found.kicks, 0, "{name}");
    let triggered = found.events.chars().filter(|&letter| letter != '+').count() as u64;
    assert_eq!(found.ascents, triggered, "{name}");
    if let Some((best, evaluations)) = extra {
        assert_eq!(ising.losses, evaluations.as_u64().expect("a count"), "{name}: loss evaluations");
        let smallest = found.losses.iter().copied().fold(f64::INFINITY, f64::min);
        assert!((smallest - number(best)).abs() < TOLERANCE, "{name}: best {smallest}");
    }
}

fn rule(base: &str, rate: f64) -> Box<dyn UpdateRule> {
    match base {
        "sgd" => Box::new(Sgd::new(rate).unwrap()),
        "momentum" => Box::new(Momentum::new(rate).unwrap()),
        "rmsprop" => Box::new(RmsProp::new(rate).unwrap()),
        "adam" => Box::new(Adam::new(rate).unwrap()),
        other => panic!("unknown rule {other}"),
    }
}

#[test]
fn the_simulator_of_these_tests_has_the_reference_gradient() {
    let reference = first_file();
    let start = Ising::start();
    let mut gradient = Vec::new();
    Ising::gradient(&start, &mut gradient);
    assert_close("gradient", &gradient, &numbers(&reference["theta0_gradient"]));
    let norm_square = gradient.iter().map(|g| g * g).sum::<f64>();
    assert!((norm_square - number(&reference["theory_at_theta0"]["grad_norm_sq"])).abs() < TOLERANCE);
}

#[test]
fn first_file_of_trajectories() {
    let reference = first_file();
    let start = &Ising::start();
    let probe = |base, rate| -> Box<dyn Method> {
        Box::new(Probe::new(ProbeConfig::exact(), rule(base, rate), start).unwrap())
    };
    let periodic = PeriodicConfig { descents: 4, ascents: 2, ..PeriodicConfig::new(20) };
    let curvature =
        StallCurvatureConfig { window: 2, delta: 0.5, phase: 2, cooldown: 3, radius: Some(0.5), ..Default::default() };
    let methods: [(&str, Box<dyn Method>); 7] = [
        ("sgd", Box::new(Descent::new(rule("sgd", 0.1), start).unwrap())),
        ("adam", Box::new(Descent::new(rule("adam", 0.05), start).unwrap())),
        ("nlr_probe_sgd", probe("sgd", 0.4)),
        ("nlr_probe_sgd_lr1.2", probe("sgd", 1.2)),
        ("nlr_probe_adam", probe("adam", 0.3)),
        ("nlr_periodic_sgd", Box::new(Periodic::new(periodic, rule("sgd", 0.1), start).unwrap())),
        ("nlr_stall_curvature_sgd", Box::new(StallCurvature::new(curvature, rule("sgd", 0.1), start).unwrap())),
    ];
    let cases = reference["cases"].as_object().expect("cases by name");
    assert_eq!(methods.len(), cases.len());
    for (name, method) in methods {
        let case = &cases[name];
        check(name, method, &case["losses_first10"], &case["events_first10"], None);
    }
}

/// The method that the settings of the second file describe.
fn method(settings: &Value) -> Box<dyn Method> {
    let start = &Ising::start();
    let rule = rule(settings["base"].as_str().unwrap(), settings["eta"].as_f64().unwrap());
    let control = match settings["control"].as_str() {
        None => Control::Ascend,
        Some("stay") => Control::Stay,
        Some("flip") => Control::Flip,
        Some(other) => panic!("unknown control {other}"),
    };
    let count = |name: &str| settings[name].as_u64().unwrap();
    let stall = || StallConfig {
        window: count("W"),
        delta: settings["delta"].as_f64().unwrap(),
        phase: count("Km"),
        cooldown: count("cooldown"),
        radius: settings["r"].as_f64(),
        revert: settings["revert"].as_bool().unwrap_or(true),
        control,
        ..StallConfig::default()
    };
    match settings["variant"].as_str() {
        Some("plain") => Box::new(Descent::new(rule, start).unwrap()),
        None => Box::new(Probe::new(ProbeConfig { control, ..ProbeConfig::exact() }, rule, start).unwrap()),
        Some("adaptive") => Box::new(AdaptiveStep::new(AdaptiveStepConfig::new(0.0), rule, start).unwrap()),
        Some("posthoc") => Box::new(PostHoc::new(PostHocConfig::default(), rule, start).unwrap()),
        Some("periodic") => {
            let config =
                PeriodicConfig { descents: count("Kp"), ascents: count("Km"), ..PeriodicConfig::new(count("T")) };
            Box::new(Periodic::new(config, rule, start).unwrap())
        }
        Some("stall") => Box::new(Stall::new(stall(), rule, start).unwrap()),
        Some("stall-curvature") => {
            let StallConfig { window, delta, phase, cooldown, radius, .. } = stall();
            let config =
                StallCurvatureConfig { window, delta, phase, cooldown, radius, ..StallCurvatureConfig::default() };
            Box::new(StallCurvature::new(config, rule, start).unwrap())
        }
        Some(other) => panic!("unknown variant {other}"),
    }
}

#[test]
fn second_file_of_trajectories() {
    let reference = second_file();
    let trajectories = reference["trajectories"].as_object().expect("trajectories by name");
    assert_eq!(trajectories.len(), 20);
    for (name, case) in trajectories {
        let extra = Some((&case["best"], &case["loss_evaluations"]));
        check(name, method(&case["settings"]), &case["losses"], &case["events"], extra);
    }
}

#[test]
fn the_observer_finds_the_best_loss_of_each_trajectory_and_its_point() {
    let reference = second_file();
    for (name, case) in reference["trajectories"].as_object().expect("trajectories by name") {
        let iterations = case["losses"].as_array().unwrap().len() as u64;
        let mut method = method(&case["settings"]);
        let mut ising = Ising::new();
        let mut best = BestPoint::new(ising_dimension());
        Runner::new(&mut method, &mut ising, Streams::new(0, 0))
            .budget(Budget::of_iterations(iterations))
            .observe(&mut best)
            .run()
            .unwrap();
        let loss = best.loss().unwrap();
        assert!((loss.value - number(&case["best"])).abs() < TOLERANCE, "{name}");
        assert_eq!(Ising::energy(best.theta().unwrap()), loss.value, "{name}: the point belongs to the loss");
    }
}

fn ising_dimension() -> usize {
    common::PARAMETERS
}
