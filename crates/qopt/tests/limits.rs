//! Hyperparameters, states and gradients at the edge of what numbers can hold: typed errors, never a panic.

mod common;

use common::Quadratic;
use qopt::*;

const START: [f64; 2] = [1.0, -0.5];

#[test]
fn counts_that_would_need_too_much_memory_are_refused() {
    let too_many = |most: usize| [most + 1, usize::MAX / 4, usize::MAX / 2, usize::MAX - 1, usize::MAX];
    let refused = |found: Option<ConfigError>, name: &str| {
        assert!(matches!(&found, Some(ConfigError::OutOfRange { name: of, .. }) if *of == name), "{name}: {found:?}");
    };
    for directions in too_many(SpsaConfig::MAX_DIRECTIONS) {
        let spsa = SpsaConfig { directions, ..SpsaConfig::new(0.1, 10) };
        refused(Spsa::new(spsa, &START).err(), "directions");
        for config in [SecondOrderSpsaConfig::of_loss(0.1, 10), SecondOrderSpsaConfig::of_fidelity(0.1, 10)] {
            refused(SecondOrderSpsa::new(SecondOrderSpsaConfig { spsa, ..config }, &START).err(), "directions");
        }
    }
    for population in too_many(CmaEsConfig::MAX_POPULATION) {
        let config = CmaEsConfig { population: Some(population), ..CmaEsConfig::new(0.1) };
        refused(CmaEs::new(config, &START).err(), "population");
    }
    let most = SpsaConfig { directions: SpsaConfig::MAX_DIRECTIONS, ..SpsaConfig::new(0.1, 10) };
    assert!(Spsa::new(most, &START).is_ok());
    assert!(
        SecondOrderSpsa::new(SecondOrderSpsaConfig { spsa: most, ..SecondOrderSpsaConfig::of_loss(0.1, 10) }, &START)
            .is_ok()
    );
    let most = CmaEsConfig { population: Some(CmaEsConfig::MAX_POPULATION), ..CmaEsConfig::new(0.1) };
    assert!(CmaEs::new(most, &START).is_ok());
    assert!(History::with_capacity(usize::MAX).records().is_empty());
}

#[test]
fn restored_counters_at_their_end_stay_there() {
    let condition = StopCondition::GradientUnresolved { ratio: 100.0, window: u64::MAX };
    let mut stop = Stop::new(condition).unwrap();
    stop.restore(&State::new("stop").with_counts("counts", &[u64::MAX, 0])).unwrap();
    let mut objective = Quadratic::noisy(&[1.0, 1.0], 0.1, 0.1, 10);
    let mut method = Descent::new(Sgd::new(0.1).unwrap(), &START).unwrap();
    let outcome = Runner::new(&mut method, &mut objective, Streams::new(1, 0))
        .budget(Budget::of_iterations(5))
        .observe(&mut stop)
        .run()
        .unwrap();
    assert_eq!((outcome.reason, outcome.iterations), (StopReason::Observer, 1));
    assert_eq!(stop.state().counts("counts"), Ok([u64::MAX, 1]));
}

/// A run whose next query has the last number there is goes on.
#[test]
fn query_numbers_at_their_end_stay_there() {
    let mut objective = Quadratic::noisy(&[1.0, 1.0], 0.1, 0.1, 10);
    let mut method = Spsa::new(SpsaConfig::new(0.1, 10), &START).unwrap();
    let mut state = Runner::new(&mut method, &mut objective, Streams::new(1, 0)).state();
    (state.query, state.step) = (u32::MAX, u64::MAX);
    let runner = Runner::new(&mut method, &mut objective, Streams::new(1, 0)).budget(Budget::of_iterations(u64::MAX));
    let outcome = runner.resume(&state).unwrap().run().unwrap();
    assert_eq!(outcome.iterations, u64::MAX);
}

/// A constant gradient and a loss that says nothing.
struct Slope(Vec<f64>);

impl Objective for Slope {
    fn dimension(&self) -> usize {
        self.0.len()
    }

    fn price(&self, _: &Request) -> Bill {
        Bill { jobs: 1, ..Bill::ZERO }
    }

    fn evaluate(
        &mut self,
        _theta: &[f64],
        request: &Request,
        _streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        answer.clear();
        answer.value = request.value.then_some(Estimate::exact(0.0));
        if request.gradient {
            answer.gradient.extend_from_slice(&self.0);
            answer.gradient_std_errors.resize(self.0.len(), 0.0);
        }
        answer.bill = self.price(request);
        Ok(())
    }
}

/// L = sum c_k (theta_k - m_k)^2 / 2, exact.
struct Valley {
    curvatures: Vec<f64>,
    minimum: Vec<f64>,
}

impl Objective for Valley {
    fn dimension(&self) -> usize {
        self.minimum.len()
    }

    fn price(&self, _: &Request) -> Bill {
        Bill { jobs: 1, ..Bill::ZERO }
    }

    fn evaluate(
        &mut self,
        theta: &[f64],
        request: &Request,
        _streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        answer.clear();
        let squares = theta.iter().zip(&self.minimum).map(|(t, m)| (t - m) * (t - m));
        answer.value = Some(Estimate::exact(squares.zip(&self.curvatures).map(|(square, c)| c * square / 2.0).sum()));
        answer.bill = self.price(request);
        Ok(())
    }
}

/// A search that has converged stays where it is, at a minimum at 0, with no last digit, and at others.
#[test]
fn a_converged_cma_es_goes_on() {
    let cases: [(&[f64], &[f64]); 6] = [
        (&[1.0, 1.0], &[0.0, 0.0]),
        (&[1.0, 1.0], &[0.7, -0.3]),
        (&[1.0, 1.0], &[0.7, 0.0]),
        (&[1.0], &[0.0]),
        (&[1.0], &[3.0]),
        (&[1.0, 1e6, 1e-3], &[1.0, 0.0, -2.0]),
    ];
    for (curvatures, minimum) in cases {
        for population in [None, Some(2), Some(40)] {
            let case = format!("{curvatures:?} {minimum:?} {population:?}");
            let mut objective = Valley { curvatures: curvatures.to_vec(), minimum: minimum.to_vec() };
            let config = CmaEsConfig { population, ..CmaEsConfig::new(0.1) };
            let start: Vec<f64> = [1.0, -0.5, 0.2][..minimum.len()].to_vec();
            let mut method = CmaEs::new(config, &start).unwrap();
            let budget = Budget::of_iterations(6000);
            let outcome = Runner::new(&mut method, &mut objective, Streams::new(1, 0)).budget(budget).run();
            let outcome = outcome.unwrap_or_else(|error| panic!("{case}: {error:?}"));
            assert_eq!(outcome.iterations, 6000, "{case}");
            if population != Some(2) {
                for (found, expected) in outcome.last.iter().zip(minimum) {
                    assert!((found - expected).abs() < 1e-6, "{case}: {:?} sigma {}", outcome.last, method.sigma());
                }
            }
            CmaEs::new(config, &start).unwrap().restore(&method.state()).unwrap();
        }
    }
}

/// A distribution that has left the range of numbers is an error still.
#[test]
fn a_cma_es_that_overflows_says_so() {
    let config = CmaEsConfig::new(f64::MAX / 2.0);
    let mut method = CmaEs::new(config, &START).unwrap();
    let mut objective = Valley { curvatures: vec![0.0; 2], minimum: vec![0.0; 2] };
    let budget = Budget::of_iterations(1000);
    let error = Runner::new(&mut method, &mut objective, Streams::new(1, 0)).budget(budget).run();
    assert!(matches!(error, Err(RunError::Method { .. })), "{error:?}");
}

/// Standard errors whose squares overflow are refused before they are averaged.
#[test]
fn shots_are_not_allotted_by_infinite_variances() {
    let config = AdaptiveShotsConfig::new(Allocation::Individual, 0.2, 4.0);
    let mut method = AdaptiveShots::new(config, &START).unwrap();
    let before = method.state();
    let answer = Answer {
        value: Some(Estimate::exact(0.0)),
        gradient: vec![0.1, 0.2],
        gradient_std_errors: vec![0.1, 1e200],
        ..Answer::default()
    };
    let told = method.tell(&answer, &IterationContext::new(Streams::new(1, 0).at(0)));
    assert!(matches!(told, Err(MethodError::Other { .. })), "{told:?}");
    assert_eq!(method.state(), before);
}

type Rule = Box<dyn UpdateRule>;

/// Runs a rule on a constant gradient, by descent and behind a screening of one point; each state it comes by can be
/// restored and goes on to the same bits. Iterations done, and the error at the end.
fn on_slope(rule: fn() -> Rule, gradient: &[f64], iterations: u64) -> (u64, Option<MethodError>) {
    let start = vec![0.5; gradient.len()];
    let methods: [&dyn Fn() -> Box<dyn Method>; 2] = [&|| Box::new(Descent::new(rule(), &start).unwrap()), &|| {
        let interval = Interval { low: 0.0, high: 1.0 };
        let config = ScreenedDescentConfig::new(1, vec![interval; start.len()]);
        Box::new(ScreenedDescent::new(config, rule(), &start).unwrap())
    }];
    let ends = methods.map(|make| {
        let mut objective = Slope(gradient.to_vec());
        let mut method = make();
        let mut failed = None;
        let mut done = 0;
        while done < iterations && failed.is_none() {
            let state = method.state();
            let mut again = make();
            again.restore(&state).unwrap();
            let ends = [&mut method, &mut again].map(|method| {
                let mut runner = Runner::new(method, &mut objective, Streams::new(1, 0));
                let failed = match runner.next() {
                    Some(Err(RunError::Method { source, .. })) => Some(source),
                    other => {
                        assert!(matches!(other, Some(Ok(_))), "{other:?}");
                        None
                    }
                };
                (failed, runner.state().method)
            });
            assert_eq!(ends[0], ends[1]);
            done += u64::from(ends[0].0.is_none());
            failed.clone_from(&ends[0].0);
        }
        // What a failed step has left is a state too.
        make().restore(&method.state()).unwrap();
        (done, failed)
    });
    assert_eq!(ends[0], ends[1]);
    ends[0].clone()
}

/// Squares beyond the largest number ended in steps of 0 for ever.
#[test]
fn squared_gradients_that_overflow_are_named() {
    let squaring: [fn() -> Rule; 6] = [
        || Box::new(Adam::new(0.1).unwrap()),
        || Box::new(AdamW::new(0.1).unwrap()),
        || Box::new(AmsGrad::new(0.1).unwrap()),
        || Box::new(NAdam::new(0.1).unwrap()),
        || Box::new(RmsProp::new(0.1).unwrap()),
        || Box::new(AdaGrad::new(0.1).unwrap()),
    ];
    for rule in squaring {
        let overflow = |component, value| Some(MethodError::GradientOverflow { component, value });
        assert_eq!(on_slope(rule, &[0.1, -1e200, 1e200], 3), (0, overflow(1, -1e200)));
        assert_eq!(on_slope(rule, &[1e155], 3), (0, overflow(0, 1e155)));
        // Below, in front of a norm that says so as well as behind one, steps are what they are for small gradients.
        assert_eq!(on_slope(rule, &[1e139; 3], 50), (50, None));
        assert_eq!(on_slope(rule, &[1e150, -1e150], 50), (50, None));
        // A rule that is driven by hand says the same by a NaN.
        let mut step = [0.0; 2];
        rule().step(&StepContext::new(&[0.0; 2], &[1.0, 1e200], Streams::new(1, 0).at(0)), &mut step);
        assert!(step[0] == 0.0 && step[1].is_nan());
        // A limit on the gradient takes it away.
        let mut clipped = Clipped::new(rule(), Clip::Norm(1.0)).unwrap();
        clipped.prepare(2);
        let mut method = Descent::new(clipped, &[0.5, 0.5]).unwrap();
        let mut objective = Slope(vec![1e200, 0.0]);
        let budget = Budget::of_iterations(5);
        let outcome = Runner::new(&mut method, &mut objective, Streams::new(1, 0)).budget(budget).run().unwrap();
        assert!(outcome.last[0] < 0.45);
    }
    // The squares one by one are finite, their sum is not.
    let (done, failed) = on_slope(|| Box::new(AdaGrad::new(0.1).unwrap()), &[4e153], 50);
    assert!(done > 5 && done < 50 && failed == Some(MethodError::GradientOverflow { component: 0, value: 4e153 }));
    // Who does not square goes on.
    let others: [fn() -> Rule; 5] = [
        || Box::new(Sgd::new(1e-201).unwrap()),
        || Box::new(Momentum::new(1e-201).unwrap()),
        || Box::new(SignDescent::new(0.1).unwrap()),
        || Box::new(NormalizedGradient::new(0.1).unwrap()),
        || Box::new(Lion::new(0.1).unwrap()),
    ];
    for rule in others {
        assert_eq!(on_slope(rule, &[0.1, -1e200, 1e200], 5), (5, None));
    }
}
