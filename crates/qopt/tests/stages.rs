//! Schedules, clipping, averaging, stopping, chains.

mod common;

use std::ops::ControlFlow;

use common::waves::Waves;
use common::{Quadratic, trace};
use proptest::prelude::*;
use qopt::*;
use serde_json::Value;

fn recorded() -> Value {
    let all: Value = serde_json::from_str(include_str!("data/optimizers.json")).expect("the fixture is JSON");
    all["schedules"].clone()
}

fn warm_cosine() -> Schedule {
    Schedule { warm_up: 5, decay: Decay::Cosine { period: 30, floor: 0.1 } }
}

#[test]
fn factors_of_optax() {
    let all = recorded();
    let schedules: [(&str, Schedule); 4] = [
        ("step", Decay::Step { every: 7, factor: 0.5 }.into()),
        ("exponential", Decay::Exponential { factor: 0.9 }.into()),
        ("cosine", Decay::Cosine { period: 30, floor: 0.1 }.into()),
        ("warm-up, cosine", warm_cosine()),
    ];
    for (name, schedule) in schedules {
        let expected: Vec<f64> = serde_json::from_value(all["factors"][name].clone()).unwrap();
        assert!(expected.len() > 40);
        for (k, expected) in expected.iter().enumerate() {
            assert!((schedule.factor(k as u64) - expected).abs() < 1e-13, "{name}, k = {k}");
        }
    }
    let inverse = Schedule::from(Decay::InverseTime { half: 10 });
    assert_eq!([0, 10, 30].map(|k| inverse.factor(k)), [1.0, 0.5, 0.25]);
    assert_eq!([0, u64::MAX].map(|k| Schedule::default().factor(k)), [1.0; 2]);
}

fn compare(name: &str, rule: impl UpdateRule) {
    let expected: Vec<Vec<f64>> = serde_json::from_value(recorded()[name].clone()).unwrap();
    let mut method = Descent::new(rule, &Waves::START).unwrap();
    let found = trace(&mut method, &mut Waves, Streams::new(0, 0), expected.len() as u64 + 1);
    for (k, (found, expected)) in found.points[1..].iter().zip(&expected).enumerate() {
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 1e-11, "{name}, iteration {k}: {f} instead of {e}");
        }
    }
}

#[test]
fn scheduled_and_clipped_rules_of_optax() {
    compare("adam, warm-up, cosine", Scheduled::new(Adam::new(0.1).unwrap(), warm_cosine()).unwrap());
    compare("adam, norm", Clipped::new(Adam::new(0.1).unwrap(), Clip::Norm(0.5)).unwrap());
    compare("momentum, value", Clipped::new(Momentum::new(0.05).unwrap(), Clip::Value(0.3)).unwrap());
}

#[test]
fn numbers_are_checked() {
    let sgd = || Sgd::new(0.1).unwrap();
    let bad = [
        Decay::Step { every: 0, factor: 0.5 },
        Decay::Step { every: 1, factor: 1.5 },
        Decay::Exponential { factor: f64::NAN },
        Decay::InverseTime { half: 0 },
        Decay::Cosine { period: 0, floor: 0.0 },
        Decay::Cosine { period: 1, floor: -0.1 },
    ];
    for decay in bad {
        assert!(Scheduled::new(sgd(), decay).is_err(), "{decay:?}");
    }
    for limit in [0.0, -1.0, f64::INFINITY] {
        assert!(Clipped::new(sgd(), Clip::Norm(limit)).is_err() && Clipped::new(sgd(), Clip::Value(limit)).is_err());
    }
    assert!(AveragePoint::new(Averaging::Exponential { decay: 1.0 }, 2).is_err());
    let seconds = Budget { seconds: Some(f64::NAN), ..Budget::UNLIMITED };
    let bad = [
        StopCondition::Iterations { count: 0 },
        StopCondition::LossTarget { loss: f64::NAN, std_errors: 0.0 },
        StopCondition::LossTarget { loss: 0.0, std_errors: -1.0 },
        StopCondition::GradientUnresolved { ratio: 0.0, window: 1 },
        StopCondition::GradientUnresolved { ratio: 1.0, window: 0 },
        StopCondition::Stall { window: 0, delta: 0.0, delta_std_errors: 0.0 },
        StopCondition::Spent { limit: seconds },
    ];
    for condition in bad {
        assert!(Stop::new(condition).is_err(), "{condition:?}");
    }
    let descent = || Stage::new(|theta| Ok(Box::new(Descent::new(Sgd::new(0.1)?, theta)?)));
    assert!(Chain::new(vec![], &[0.0]).is_err());
    assert!(Chain::new(vec![descent(), descent()], &[0.0]).is_err());
    assert!(Chain::new(vec![descent().until(bad[0]), descent()], &[0.0]).is_err());
    assert!(Chain::new(vec![descent()], &[f64::NAN]).is_err());
    assert!(Chain::new(vec![descent()], &[0.0]).is_ok());
}

#[test]
fn means_of_points() {
    let run = |averaging| {
        let mut average = AveragePoint::new(averaging, 3).unwrap();
        assert_eq!(average.theta(), None);
        let mut next = Vec::new();
        let mut record = |observation: &Observation<'_>| {
            next.push(observation.next[1]);
            ControlFlow::Continue(())
        };
        let mut method = Descent::new(Sgd::new(0.1).unwrap(), &[1.0, -0.5, 0.25]).unwrap();
        let mut objective = Quadratic::noisy(&[1.0, 4.0, 0.3], 0.1, 0.3, 10);
        Runner::new(&mut method, &mut objective, Streams::new(1, 0))
            .budget(Budget::of_iterations(30))
            .observe(&mut average)
            .observe(&mut record)
            .run()
            .unwrap();
        (average, next)
    };
    let (average, next) = run(Averaging::Uniform { from: 10 });
    assert_eq!(average.count(), 20);
    assert!((average.theta().unwrap()[1] - next[10..].iter().sum::<f64>() / 20.0).abs() < 1e-14);
    let (average, next) = run(Averaging::Exponential { decay: 0.8 });
    let expected = next[1..].iter().fold(next[0], |mean, x| 0.8 * mean + 0.2 * x);
    assert!((average.theta().unwrap()[1] - expected).abs() < 1e-14);
}

/// The iterations of a run that a stop ends, of the 200 that it may take.
fn stopped(condition: StopCondition, objective: &mut Quadratic) -> u64 {
    let mut stop = Stop::new(condition).unwrap();
    let mut method = Descent::new(Sgd::new(0.2).unwrap(), &[1.0, -0.5]).unwrap();
    let outcome = Runner::new(&mut method, objective, Streams::new(1, 0))
        .budget(Budget::of_iterations(200))
        .observe(&mut stop)
        .run()
        .unwrap();
    assert_eq!(outcome.reason == StopReason::Observer, stop.is_met());
    assert_eq!(outcome.iterations == 200, !stop.is_met());
    outcome.iterations
}

#[test]
fn each_condition_stops_where_it_says() {
    let mut exact = Quadratic::exact(&[1.0, 1.0]);
    assert_eq!(stopped(StopCondition::Iterations { count: 17 }, &mut exact), 17);
    // L_k = 0.625 * 0.64^k <= 1e-3 first at k = 15.
    assert_eq!(stopped(StopCondition::LossTarget { loss: 1e-3, std_errors: 5.0 }, &mut exact), 16);
    // An improvement by 0.01 at least, against the last one that was: 0.625 * 0.64^k falls below 0.01 from the third last on.
    let losses: Vec<f64> = (0..200).map(|k| 0.625 * 0.64_f64.powi(k)).collect();
    let (mut reference, mut since, mut expected) = (f64::INFINITY, 0, 0);
    while since < 4 {
        if losses[expected] < reference - 0.01 {
            (reference, since) = (losses[expected], 0);
        } else {
            since += 1;
        }
        expected += 1;
    }
    let stall = StopCondition::Stall { window: 4, delta: 0.01, delta_std_errors: 0.0 };
    assert_eq!(stopped(stall, &mut exact), expected as u64);
    assert!(expected > 8 && expected < 20);
    // Five circuits, a quarter of a second each, per iteration.
    let limit = Budget { seconds: Some(10.0), ..Budget::UNLIMITED };
    assert_eq!(stopped(StopCondition::Spent { limit }, &mut exact), 8);
    let limit = Budget { circuits: Some(41), ..Budget::UNLIMITED };
    assert_eq!(stopped(StopCondition::Spent { limit }, &mut exact), 9);
    let unresolved = StopCondition::GradientUnresolved { ratio: 2.0, window: 3 };
    assert_eq!(stopped(unresolved, &mut exact), 200, "an exact gradient is resolved");
    let noisy = |noise| stopped(unresolved, &mut Quadratic::noisy(&[1.0, 1.0], noise, noise, 10));
    assert!(noisy(0.3) < 20);
    assert!(noisy(1e-3) > 15);
}

/// |g|^2/|se|^2 of pure noise in P components is chi-square with P degrees of freedom over P: with P = 2 the share below
/// ratio^2 = 1 is 1 - 1/e. Within 4 standard errors.
#[test]
fn pure_noise_is_unresolved_as_often_as_it_should_be() {
    let mut below = 0;
    let mut count = |observation: &Observation<'_>| {
        let report = observation.report;
        below += u64::from(report.gradient_norm < report.gradient_std_error.unwrap());
        ControlFlow::Continue(())
    };
    let mut method = Descent::new(Sgd::new(1e-6).unwrap(), &[0.0, 0.0]).unwrap();
    let mut flat = Quadratic::noisy(&[0.0, 0.0], 0.1, 0.1, 10);
    let runner = Runner::new(&mut method, &mut flat, Streams::new(1, 0)).budget(Budget::of_iterations(10_000));
    runner.observe(&mut count).run().unwrap();
    let share = 1.0 - (-1.0_f64).exp();
    assert!((below as f64 / 1e4 - share).abs() < 4.0 * (share * (1.0 - share) / 1e4).sqrt());
}

#[test]
fn a_chain_is_its_stages_one_after_another() {
    let first = |theta: &[f64]| Descent::new(Momentum::new(0.05).unwrap(), theta).unwrap();
    let config = PeriodicConfig { descents: 3, ..PeriodicConfig::new(20) };
    let second = move |theta: &[f64]| Periodic::new(config, Adam::new(0.1).unwrap(), theta).unwrap();
    let stages = vec![
        Stage::new(move |theta| Ok(Box::new(first(theta)))).until(StopCondition::Iterations { count: 6 }),
        Stage::new(move |theta| Ok(Box::new(second(theta)))),
    ];
    let mut chain = Chain::new(stages, &Waves::START).unwrap();
    let whole = trace(&mut chain, &mut Waves, Streams::new(0, 0), 26);
    assert_eq!(chain.stage(), 1);
    let head = trace(&mut first(&Waves::START), &mut Waves, Streams::new(0, 0), 6);
    let tail = trace(&mut second(&head.last), &mut Waves, Streams::new(0, 0), 20);
    assert_eq!(whole.points, [head.points, tail.points].concat());
    assert_eq!((whole.last, whole.ascents), (tail.last, tail.ascents));
    assert!(tail.ascents > 4);
}

#[test]
fn a_chain_counts_the_ascents_of_all_its_stages() {
    let config = PeriodicConfig { descents: 1, ascents: 1, ..PeriodicConfig::new(100) };
    let stage = move || Stage::new(move |theta| Ok(Box::new(Periodic::new(config, Sgd::new(0.1)?, theta)?)));
    let four = StopCondition::Iterations { count: 4 };
    let stages = vec![stage().until(four), stage().until(four), stage()];
    let mut chain = Chain::new(stages, &Waves::START).unwrap();
    assert_eq!(trace(&mut chain, &mut Waves, Streams::new(0, 0), 12).ascents, 6);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Observers, stopped and restored anywhere, end as if they had never been.
    #[test]
    fn observers_resume(cut in 0_u64..40, seed in any::<u64>(), uniform in any::<bool>()) {
        let averaging = if uniform { Averaging::Uniform { from: 5 } } else { Averaging::Exponential { decay: 0.9 } };
        let condition = StopCondition::Stall { window: 12, delta: 0.0, delta_std_errors: 0.5 };
        let unresolved = StopCondition::GradientUnresolved { ratio: 1.5, window: 4 };
        let run = |from: Option<&(RunState, State, State, State)>, until: u64| {
            let mut average = AveragePoint::new(averaging, 2).unwrap();
            let mut stops = [Stop::new(condition).unwrap(), Stop::new(unresolved).unwrap()];
            let mut method = Descent::new(Adam::new(0.1).unwrap(), &[1.0, -0.5]).unwrap();
            let mut objective = Quadratic::noisy(&[1.0, 4.0], 0.2, 0.2, 10);
            let [first, second] = &mut stops;
            if let Some((_, mean, a, b)) = from {
                average.restore(mean).unwrap();
                first.restore(a).unwrap();
                second.restore(b).unwrap();
            }
            let mut runner = Runner::new(&mut method, &mut objective, Streams::new(seed, 0))
                .budget(Budget::of_iterations(until))
                .observe(&mut average)
                .observe(first)
                .observe(second);
            if let Some((state, ..)) = from {
                runner = runner.resume(state).unwrap();
            }
            runner.run().unwrap();
            let state = runner.state();
            drop(runner);
            let [first, second] = &stops;
            (state, average.state(), first.state(), second.state())
        };
        let whole = run(None, 40);
        let part = run(None, cut);
        let met = |states: &(RunState, State, State, State)| {
            [&states.2, &states.3].iter().any(|state| state.counts::<2>("counts").unwrap()[1] > 0)
        };
        // A run that a condition has ended is over.
        if met(&part) {
            prop_assert_eq!(part, whole);
        } else {
            prop_assert_eq!(run(Some(&part), 40), whole);
        }
    }
}
