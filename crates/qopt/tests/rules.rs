//! The update rules against formulas written out by hand.

use qopt::{
    Adam, Answer, ConfigError, Descent, Estimate, IterationContext, Method, MethodError, Momentum, NaturalGradient,
    Probe, ProbeConfig, RmsProp, Sgd, StateError, StepContext, Streams, Told, UpdateRule, from_fn,
};

/// Two components, three iterations; one component is 0 once.
const GRADIENTS: [[f64; 2]; 3] = [[0.5, -2.0], [-0.25, 0.0], [3.0, 1e-3]];

fn steps(rule: &mut dyn UpdateRule) -> Vec<[f64; 2]> {
    let streams = Streams::new(0, 0);
    let take = |(k, gradient): (usize, &[f64; 2])| {
        let mut u = [f64::NAN; 2];
        rule.step(&StepContext::new(&[0.0; 2], gradient, streams.at(k as u64)), &mut u);
        u
    };
    GRADIENTS.iter().enumerate().map(take).collect()
}

fn assert_close(found: &[[f64; 2]], expected: &[[f64; 2]]) {
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() <= 4.0 * f64::EPSILON * e.abs(), "step {k}: {found:?} instead of {expected:?}");
        }
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn sgd() {
    assert_close(&steps(&mut Sgd::new(0.1).unwrap()), &GRADIENTS.map(|[a, b]| [0.1 * a, 0.1 * b]));
}

#[test]
fn momentum() {
    let b1 = [0.5, -2.0];
    let b2 = [0.9 * 0.5 - 0.25, 0.9 * -2.0];
    let b3 = [0.9 * b2[0] + 3.0, 0.9 * b2[1] + 1e-3];
    let expected = [b1, b2, b3].map(|[a, b]| [0.02 * a, 0.02 * b]);
    assert_close(&steps(&mut Momentum::new(0.02).unwrap()), &expected);
    let half = &mut Momentum::new(1.0).unwrap().with_decay(0.5).unwrap();
    assert_close(&steps(half), &[[0.5, -2.0], [0.0, -1.0], [3.0, -0.5 + 1e-3]]);
}

#[test]
fn rms_prop_has_no_bias_correction() {
    let component = |g: [f64; 3]| {
        let v1 = 0.1 * g[0] * g[0];
        let v2 = 0.9 * v1 + 0.1 * g[1] * g[1];
        let v3 = 0.9 * v2 + 0.1 * g[2] * g[2];
        [(g[0], v1), (g[1], v2), (g[2], v3)].map(|(g, v): (f64, f64)| 0.3 * g / (v.sqrt() + 1e-8))
    };
    let (a, b) = (component(GRADIENTS.map(|g| g[0])), component(GRADIENTS.map(|g| g[1])));
    let expected = [0, 1, 2].map(|k| [a[k], b[k]]);
    assert_close(&steps(&mut RmsProp::new(0.3).unwrap()), &expected);
}

#[test]
fn adam_corrects_its_bias_from_t_equal_one() {
    let component = |g: [f64; 3]| {
        let m = [0.1 * g[0], 0.09 * g[0] + 0.1 * g[1], 0.081 * g[0] + 0.09 * g[1] + 0.1 * g[2]];
        let s = g.map(|g| g * g);
        let v =
            [0.001 * s[0], 0.000_999 * s[0] + 0.001 * s[1], 0.000_999 * 0.999 * s[0] + 0.000_999 * s[1] + 0.001 * s[2]];
        [0, 1, 2].map(|k| {
            let t = k as i32 + 1;
            let mean = m[k] / (1.0 - 0.9_f64.powi(t));
            let square = v[k] / (1.0 - 0.999_f64.powi(t));
            0.05 * mean / (square.sqrt() + 1e-8)
        })
    };
    let (a, b) = (component(GRADIENTS.map(|g| g[0])), component(GRADIENTS.map(|g| g[1])));
    let found = steps(&mut Adam::new(0.05).unwrap());
    // 1 - 0.999^t loses three digits: both formulas carry that error.
    for k in 0..3 {
        assert!((found[k][0] - a[k]).abs() < 1e-14 && (found[k][1] - b[k]).abs() < 1e-14, "step {k}");
    }
}

#[test]
fn a_reset_rule_repeats_itself() {
    let rules: [Box<dyn UpdateRule>; 4] = [
        Box::new(Sgd::new(0.1).unwrap()),
        Box::new(Momentum::new(0.1).unwrap()),
        Box::new(RmsProp::new(0.1).unwrap()),
        Box::new(Adam::new(0.1).unwrap()),
    ];
    for mut rule in rules {
        let first = steps(&mut rule);
        rule.reset();
        assert_eq!(steps(&mut rule), first);
    }
}

#[test]
fn a_restored_rule_goes_on_as_the_first_would() {
    type Make = fn() -> Box<dyn UpdateRule>;
    let makers: [Make; 3] = [
        || Box::new(Momentum::new(0.1).unwrap()),
        || Box::new(RmsProp::new(0.1).unwrap()),
        || Box::new(Adam::new(0.1).unwrap()),
    ];
    for make in makers {
        let mut first = make();
        steps(&mut first);
        let mut second = make();
        second.restore(&first.state()).unwrap();
        assert_eq!(steps(&mut second), steps(&mut first));
    }
    let state = Adam::new(0.1).unwrap().state();
    assert!(matches!(Momentum::new(0.1).unwrap().restore(&state), Err(StateError::Kind { .. })));
    let mut prepared = Adam::new(0.1).unwrap();
    prepared.prepare(3);
    assert!(matches!(prepared.restore(&state), Err(StateError::Length { expected: 3, found: 0, .. })));
    assert!(from_fn(|_, _| {}).restore(&state).is_err());
}

/// (F + lambda I) u' = g with F = [[2, 1], [1, 3]], lambda = 1, g = (1, 2): u' = (4 - 2, -1 + 6) / 11.
#[test]
fn natural_gradient_solves_the_regularized_system() {
    let mut rule = NaturalGradient::new(0.5, 1.0).unwrap();
    assert!(rule.request().metric);
    let mut u = [0.0; 2];
    let mut context = StepContext::new(&[0.0; 2], &[1.0, 2.0], Streams::new(0, 0).at(0));
    context.metric = &[2.0, 1.0, 1.0, 3.0];
    for _ in 0..2 {
        rule.step(&context, &mut u);
        assert!((u[0] - 1.0 / 11.0).abs() < 1e-15 && (u[1] - 2.5 / 11.0).abs() < 1e-15, "{u:?}");
    }
}

/// A 3 x 3 metric given row by row, against the residual of the system.
#[test]
fn natural_gradient_in_three_dimensions() {
    let metric = [4.0, 1.0, -0.5, 1.0, 2.0, 0.25, -0.5, 0.25, 1.0];
    let gradient = [1.0, -2.0, 0.5];
    let mut context = StepContext::new(&[0.0; 3], &gradient, Streams::new(0, 0).at(0));
    context.metric = &metric;
    let mut u = [0.0; 3];
    NaturalGradient::new(1.0, 0.0).unwrap().step(&context, &mut u);
    for row in 0..3 {
        let product: f64 = (0..3).map(|column| metric[3 * row + column] * u[column]).sum();
        assert!((product - gradient[row]).abs() < 1e-14);
    }
}

fn answer(gradient: &[f64], metric: &[f64]) -> Answer {
    Answer {
        value: Some(Estimate::exact(1.0)),
        gradient: gradient.to_vec(),
        metric: metric.to_vec(),
        reusable: true,
        ..Answer::default()
    }
}

fn context() -> IterationContext {
    IterationContext::new(Streams::new(0, 0).at(0))
}

#[test]
fn an_indefinite_metric_is_an_error_and_no_other_step_is_taken() {
    let rule = NaturalGradient::new(0.5, 0.1).unwrap();
    let mut method = Descent::new(rule, &[1.0, 2.0]).unwrap();
    assert!(method.ask(&context()).query.request().unwrap().metric);
    let told = method.tell(&answer(&[1.0, 1.0], &[1.0, 0.0, 0.0, -1.0]), &context());
    assert!(matches!(told, Err(MethodError::NonFiniteStep { component: 0, value }) if value.is_nan()));
    assert_eq!(method.theta(), [1.0, 2.0]);
    // The next answer may be good again.
    let told = method.tell(&answer(&[1.1, 1.1], &[1.0, 0.0, 0.0, 1.0]), &context());
    assert!(matches!(told, Ok(Told::Done(_))));
    assert!((method.theta()[0] - 0.5).abs() < 1e-15);
}

#[test]
fn a_metric_of_the_wrong_size_or_not_finite_is_an_error() {
    let rule = NaturalGradient::new(0.5, 0.1).unwrap();
    let mut method = Descent::new(rule, &[1.0, 2.0]).unwrap();
    let told = method.tell(&answer(&[1.0, 1.0], &[1.0]), &context());
    assert_eq!(told, Err(MethodError::Length { what: "metric", expected: 4, found: 1 }));
    let told = method.tell(&answer(&[1.0, 1.0], &[1.0, 0.0, f64::INFINITY, 1.0]), &context());
    assert_eq!(told, Err(MethodError::NonFiniteMetric { row: 1, column: 0, value: f64::INFINITY }));
}

#[test]
fn bad_answers_are_named() {
    let mut method = Descent::new(Sgd::new(0.1).unwrap(), &[1.0, 2.0]).unwrap();
    let good = answer(&[1.0, 1.0], &[]);
    let mut tell = |change: &dyn Fn(&mut Answer)| {
        let mut bad = good.clone();
        change(&mut bad);
        method.tell(&bad, &context()).unwrap_err()
    };
    assert_eq!(tell(&|a| a.value = None), MethodError::MissingLoss);
    let infinite = Some(Estimate::exact(f64::INFINITY));
    assert_eq!(tell(&|a| a.value = infinite), MethodError::NonFiniteLoss { value: f64::INFINITY });
    let nan = Some(Estimate::exact(f64::NAN));
    assert!(matches!(tell(&|a| a.value = nan), MethodError::NonFiniteLoss { .. }));
    let negative = Some(Estimate { value: 0.0, std_error: -1.0 });
    assert_eq!(tell(&|a| a.value = negative), MethodError::InvalidStdError { value: -1.0 });
    assert!(matches!(
        tell(&|a| a.gradient[1] = f64::NAN),
        MethodError::NonFiniteGradient { component: 1, value } if value.is_nan()
    ));
    let short = MethodError::Length { what: "gradient", expected: 2, found: 1 };
    assert_eq!(tell(&|a| a.gradient.truncate(1)), short);
    let errors = MethodError::Length { what: "gradient_std_errors", expected: 2, found: 1 };
    assert_eq!(tell(&|a| a.gradient_std_errors.push(0.0)), errors);
    assert_eq!(method.theta(), [1.0, 2.0]);
}

#[test]
fn a_rule_that_returns_nonsense_or_leaves_the_numbers_is_an_error() {
    let rule = from_fn(|_, u: &mut [f64]| u.copy_from_slice(&[0.0, f64::INFINITY]));
    let mut method = Descent::new(rule, &[1.0, 2.0]).unwrap();
    let told = method.tell(&answer(&[1.0, 1.0], &[]), &context());
    assert_eq!(told, Err(MethodError::NonFiniteStep { component: 1, value: f64::INFINITY }));
    let rule = from_fn(|_, u: &mut [f64]| u.copy_from_slice(&[0.0, -f64::MAX]));
    let mut method = Descent::new(rule, &[1.0, f64::MAX]).unwrap();
    let told = method.tell(&answer(&[1.0, 1.0], &[]), &context());
    assert_eq!(told, Err(MethodError::NonFinitePoint { component: 1, value: f64::INFINITY }));
    assert_eq!(method.theta(), [1.0, f64::MAX]);
}

#[test]
fn hyperparameters_are_checked_when_they_are_given() {
    for rate in [0.0, -0.1, f64::NAN, f64::INFINITY] {
        let refused = [
            Sgd::new(rate).is_err(),
            Momentum::new(rate).is_err(),
            RmsProp::new(rate).is_err(),
            Adam::new(rate).is_err(),
            NaturalGradient::new(rate, 0.1).is_err(),
        ];
        assert_eq!(refused, [true; 5], "{rate}");
    }
    let error = Sgd::new(-0.1).unwrap_err();
    let expected = ConfigError::OutOfRange { name: "learning rate", allowed: "positive and finite", value: -0.1 };
    assert_eq!(error, expected);
    assert_eq!(error.to_string(), "learning rate must be positive and finite, but is -0.1");
    assert!(Momentum::new(0.1).unwrap().with_decay(1.0).is_err());
    assert!(RmsProp::new(0.1).unwrap().with_decay(-0.1).is_err());
    assert!(RmsProp::new(0.1).unwrap().with_epsilon(0.0).is_err());
    assert!(Adam::new(0.1).unwrap().with_decays(0.9, 1.0).is_err());
    assert!(Adam::new(0.1).unwrap().with_epsilon(f64::NAN).is_err());
    assert!(NaturalGradient::new(0.1, -1.0).is_err());
}

#[test]
fn starting_points_are_checked() {
    let rule = || Sgd::new(0.1).unwrap();
    assert_eq!(Descent::new(rule(), &[]).err(), Some(ConfigError::NoParameters));
    let infinite = ConfigError::NonFiniteStart { component: 1, value: f64::INFINITY };
    assert_eq!(Probe::new(ProbeConfig::exact(), rule(), &[0.0, f64::INFINITY]).err(), Some(infinite));
}

/// Trap: the sign of a negative step belongs to the displacement. Were it applied to g before the moments, they would
/// average both directions.
#[test]
fn the_state_of_the_rule_does_not_see_the_sign_of_the_step() {
    let start = [0.3, -0.7];
    let mut plain = Descent::new(Adam::new(0.1).unwrap(), &start).unwrap();
    let mut probing = Probe::new(ProbeConfig::exact(), Adam::new(0.1).unwrap(), &start).unwrap();
    for gradient in GRADIENTS {
        let told = plain.tell(&answer(&gradient, &[]), &context());
        assert!(matches!(told, Ok(Told::Done(_))));
        assert_eq!(probing.tell(&answer(&gradient, &[]), &context()), Ok(Told::MoreQueries));
        let worse = Answer { value: Some(Estimate::exact(2.0)), ..answer(&[], &[]) };
        let told = probing.tell(&worse, &context()).unwrap();
        assert!(matches!(told, Told::Done(report) if report.event == qopt::Event::Ascent));
    }
    let rule_of = |method: &dyn Method| method.state().child("walk").unwrap().child("rule").unwrap().clone();
    assert_eq!(rule_of(&plain), rule_of(&probing));
}
