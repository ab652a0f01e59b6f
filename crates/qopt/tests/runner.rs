//! The runner: budgets, the reserve, refusals, observers, errors, evaluations after the run.

mod common;

use std::ops::ControlFlow;

use common::Quadratic;
use qopt::{
    Adam, Answer, BestPoint, Bill, Budget, Descent, Estimate, Event, History, Method, MethodError, Objective,
    ObjectiveError, Observation, Observer, Probe, ProbeConfig, Request, Resource, Role, RunError, Runner, Sgd,
    StepContext, StepStreams, StopReason, Streams, UpdateRule, from_fn, reevaluate,
};
use rand::RngExt;

const STREAMS: Streams = Streams::new(9, 1);

fn sgd() -> Descent<Sgd> {
    Descent::new(Sgd::new(0.1).unwrap(), &[1.0, 1.0]).unwrap()
}

fn noisy() -> Quadratic {
    Quadratic::noisy(&[1.0, 2.0], 0.1, 0.1, 10)
}

fn budget_reason(resource: Resource) -> StopReason {
    StopReason::Budget { resource }
}

/// One iteration of `sgd` on `noisy`: 1 job, 5 circuits, 50 shots, 1.25 seconds.
#[test]
fn no_iteration_starts_that_does_not_fit() {
    let cases = [
        (Budget { iterations: Some(4), ..Budget::UNLIMITED }, Resource::Iterations, 4),
        (Budget { jobs: Some(3), ..Budget::UNLIMITED }, Resource::Jobs, 3),
        (Budget { circuits: Some(14), ..Budget::UNLIMITED }, Resource::Circuits, 2),
        (Budget { circuits: Some(15), ..Budget::UNLIMITED }, Resource::Circuits, 3),
        (Budget { shots: Some(149), ..Budget::UNLIMITED }, Resource::Shots, 2),
        (Budget { shots: Some(150), ..Budget::UNLIMITED }, Resource::Shots, 3),
        (Budget { seconds: Some(3.7), ..Budget::UNLIMITED }, Resource::Seconds, 2),
        (Budget { seconds: Some(3.75), ..Budget::UNLIMITED }, Resource::Seconds, 3),
        (Budget { jobs: Some(0), ..Budget::UNLIMITED }, Resource::Jobs, 0),
    ];
    for (budget, resource, iterations) in cases {
        let outcome = Runner::new(&mut sgd(), &mut noisy(), STREAMS).budget(budget).run().unwrap();
        assert_eq!((outcome.reason, outcome.iterations), (budget_reason(resource), iterations), "{budget:?}");
        assert_eq!(outcome.spent.shots, 50 * iterations);
    }
}

#[test]
fn a_probe_that_may_be_needed_counts() {
    // 60 shots per iteration: gradient, loss, and the loss of the candidate.
    let mut method = Probe::new(ProbeConfig::shots(), Sgd::new(0.1).unwrap(), &[1.0, 1.0]).unwrap();
    let outcome = Runner::new(&mut method, &mut noisy(), STREAMS).budget(Budget::of_shots(179)).run().unwrap();
    assert_eq!((outcome.iterations, outcome.spent.shots), (2, 120));
    let mut method = Probe::new(ProbeConfig::shots(), Sgd::new(0.1).unwrap(), &[1.0, 1.0]).unwrap();
    let reserve = Bill { shots: 20, ..Bill::ZERO };
    let outcome =
        Runner::new(&mut method, &mut noisy(), STREAMS).budget(Budget::of_shots(199)).reserve(reserve).run().unwrap();
    assert_eq!((outcome.iterations, outcome.spent.shots), (2, 120));
}

#[test]
fn the_reserve_is_kept_for_evaluations_after_the_run() {
    let mut objective = noisy();
    let reserve = objective.price(&Request::VALUE) + objective.price(&Request::VALUE);
    assert_eq!(reserve.shots, 20);
    let mut method = sgd();
    let mut best = BestPoint::new(2);
    let outcome = Runner::new(&mut method, &mut objective, STREAMS)
        .budget(Budget::of_shots(319))
        .reserve(reserve)
        .observe(&mut best)
        .run()
        .unwrap();
    assert_eq!((outcome.iterations, outcome.spent.shots), (5, 250));
    let last = reevaluate(&mut objective, &outcome.last, &STREAMS, 0).unwrap();
    let selected = reevaluate(&mut objective, best.theta().unwrap(), &STREAMS, 1).unwrap();
    let spent = outcome.spent + last.bill + selected.bill;
    assert_eq!(spent.shots, 270);
    let outcome =
        Runner::new(&mut sgd(), &mut noisy(), STREAMS).budget(Budget::of_shots(320)).reserve(reserve).run().unwrap();
    assert_eq!(outcome.iterations, 6);
    // A reserve beyond the budget leaves nothing.
    let outcome =
        Runner::new(&mut sgd(), &mut noisy(), STREAMS).budget(Budget::of_shots(19)).reserve(reserve).run().unwrap();
    assert_eq!((outcome.iterations, outcome.spent), (0, Bill::ZERO));
}

#[test]
fn reevaluations_draw_noise_of_their_own() {
    let mut objective = noisy();
    let theta = [1.0, 1.0];
    let first = reevaluate(&mut objective, &theta, &STREAMS, 0).unwrap();
    assert_eq!(reevaluate(&mut objective, &theta, &STREAMS, 0).unwrap(), first);
    assert_ne!(reevaluate(&mut objective, &theta, &STREAMS, 1).unwrap().loss, first.loss);
    let mut answer = Answer::default();
    for step in 0..100 {
        objective.evaluate(&theta, &Request::VALUE, &STREAMS.at(step), &mut answer).unwrap();
        assert_ne!(answer.value, Some(first.loss));
    }
    objective.refuse_after = Some(objective.answered);
    assert!(matches!(reevaluate(&mut objective, &theta, &STREAMS, 0), Err(RunError::Exhausted { .. })));
    let short = reevaluate(&mut noisy(), &[1.0], &STREAMS, 0);
    assert!(matches!(short, Err(RunError::Dimension { method: 1, objective: 2 })));
}

/// Trap: the smallest of noisy losses is biased low. On a flat loss 0 with noise 0.1 the best of 200 is near -0.27; its
/// re-evaluation is not.
#[test]
fn the_loss_of_the_best_point_is_biased_low_and_its_reevaluation_is_not() {
    let (mut selected, mut fresh, runs) = (0.0, 0.0, 100);
    for seed in 0..runs {
        let streams = Streams::new(seed, 0);
        let mut flat = Quadratic::noisy(&[0.0], 0.1, 0.1, 10);
        let mut method = Descent::new(Sgd::new(0.1).unwrap(), &[0.0]).unwrap();
        let mut best = BestPoint::new(1);
        Runner::new(&mut method, &mut flat, streams)
            .budget(Budget::of_iterations(200))
            .observe(&mut best)
            .run()
            .unwrap();
        selected += best.loss().unwrap().value / runs as f64;
        fresh += reevaluate(&mut flat, best.theta().unwrap(), &streams, 0).unwrap().loss.value / runs as f64;
    }
    // E[min of 200 standard normals] = -2.746, standard deviation 0.41; 5 standard errors of the means of 100 runs.
    assert!((selected + 0.2746).abs() < 5.0 * 0.041 / 10.0, "{selected}");
    assert!(fresh.abs() < 5.0 * 0.1 / 10.0, "{fresh}");
}

#[test]
fn a_refusal_ends_the_run_at_the_last_accepted_point() {
    for refuse_after in 0..12 {
        let mut objective = noisy();
        objective.refuse_after = Some(refuse_after);
        let mut method = Probe::new(ProbeConfig::shots(), Adam::new(0.1).unwrap(), &[1.0, 1.0]).unwrap();
        let mut points = vec![vec![1.0, 1.0]];
        let mut record = |observation: &Observation<'_>| {
            assert_eq!(observation.theta, points.last().unwrap().as_slice());
            points.push(observation.next.to_vec());
            ControlFlow::Continue(())
        };
        let outcome = Runner::new(&mut method, &mut objective, STREAMS).observe(&mut record).run().unwrap();
        assert_eq!(outcome.reason, StopReason::Refused { what: "shot quota".to_owned() });
        assert_eq!(outcome.iterations, refuse_after / 2);
        // Two queries per iteration, 50 and 10 shots; the first of an unfinished iteration is paid.
        assert_eq!(outcome.spent.shots, 60 * (refuse_after / 2) + 50 * (refuse_after % 2));
        assert_eq!(&outcome.last, points.last().unwrap());
        assert_eq!(points.len() as u64, 1 + outcome.iterations);
    }
}

/// Refuses after half of the work and says what the half cost.
struct HalfWay;

impl Objective for HalfWay {
    fn dimension(&self) -> usize {
        2
    }

    fn price(&self, _: &Request) -> Bill {
        Bill { shots: 10, ..Bill::ZERO }
    }

    fn evaluate(&mut self, _: &[f64], _: &Request, _: &StepStreams, answer: &mut Answer) -> Result<(), ObjectiveError> {
        answer.clear();
        answer.bill.shots = 4;
        Err(ObjectiveError::Exhausted { what: "quota".to_owned() })
    }
}

#[test]
fn what_was_spent_before_a_refusal_is_paid() {
    let outcome = Runner::new(&mut sgd(), &mut HalfWay, STREAMS).run().unwrap();
    assert_eq!((outcome.spent.shots, outcome.iterations), (4, 0));
}

#[test]
fn observers_see_every_iteration_and_stop_the_run() {
    let mut seen = Vec::new();
    let mut stop = |observation: &Observation<'_>| {
        seen.push((observation.step, observation.spent.shots, observation.report.event));
        if observation.step == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let mut history = History::with_capacity(3);
    let mut best = BestPoint::new(2);
    let (mut method, mut objective) = (sgd(), noisy());
    let outcome = Runner::new(&mut method, &mut objective, STREAMS)
        .observe(&mut stop)
        .observe(&mut history)
        .observe(&mut best)
        .run()
        .unwrap();
    assert_eq!((outcome.reason, outcome.iterations), (StopReason::Observer, 3));
    assert_eq!(seen, [0, 1, 2].map(|step| (step, 50 * (step + 1), Event::Descent)));
    // The observers behind the one that stops see the last iteration too.
    let steps: Vec<u64> = history.records().iter().map(|record| record.step).collect();
    assert_eq!(steps, [0, 1, 2]);
    let losses: Vec<f64> = history.records().iter().map(|record| record.loss.unwrap().value).collect();
    let smallest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(best.loss().unwrap(), Estimate { value: smallest, std_error: 0.1 });
    assert_eq!(outcome.last_loss.unwrap().value, losses[2]);
}

#[test]
fn the_best_point_keeps_the_first_of_equal_losses() {
    let mut flat = Quadratic::exact(&[0.0, 0.0]);
    let rule = from_fn(|_, u: &mut [f64]| u.fill(1.0));
    let mut method = Descent::new(rule, &[5.0, 5.0]).unwrap();
    let mut best = BestPoint::new(2);
    Runner::new(&mut method, &mut flat, STREAMS).budget(Budget::of_iterations(3)).observe(&mut best).run().unwrap();
    assert_eq!((best.step(), best.theta()), (Some(0), Some(&[5.0, 5.0][..])));
    let mut copy = BestPoint::default();
    copy.restore(&best.state()).unwrap();
    assert_eq!((copy.step(), copy.theta(), copy.loss()), (best.step(), best.theta(), best.loss()));
    copy.restore(&BestPoint::new(2).state()).unwrap();
    assert_eq!((copy.step(), copy.theta(), copy.loss()), (None, None, None));
    assert!(copy.restore(&method.state()).is_err());
}

#[test]
fn an_iterator_and_a_run_do_the_same() {
    let (mut first, mut second) = (sgd(), sgd());
    let outcome = Runner::new(&mut first, &mut noisy(), STREAMS).budget(Budget::of_iterations(7)).run().unwrap();
    let mut objective = noisy();
    let mut runner = Runner::new(&mut second, &mut objective, STREAMS).budget(Budget::of_iterations(7));
    let steps: Vec<_> = runner.by_ref().map(Result::unwrap).collect();
    assert_eq!(steps.len(), 7);
    assert_eq!(steps[6].spent, outcome.spent);
    assert_eq!(runner.theta(), outcome.last);
    assert_eq!(runner.stop_reason(), Some(&outcome.reason));
    assert!(runner.next().is_none());
    assert_eq!(runner.run().unwrap(), outcome);
}

/// What the rule is told about the budget: the share left of the scarcest resource when the iteration starts.
struct Remaining(Vec<Option<f64>>);

impl UpdateRule for &mut Remaining {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        self.0.push(context.remaining);
        assert_eq!(context.step, context.streams.step());
        step.fill(0.0);
    }
}

#[test]
fn rules_are_told_what_remains() {
    let mut seen = Remaining(Vec::new());
    let mut method = Descent::new(&mut seen, &[1.0, 1.0]).unwrap();
    let budget = Budget { iterations: Some(8), shots: Some(220), ..Budget::UNLIMITED };
    let reserve = Bill { shots: 20, ..Bill::ZERO };
    Runner::new(&mut method, &mut noisy(), STREAMS).budget(budget).reserve(reserve).run().unwrap();
    assert_eq!(seen.0, [Some(1.0), Some(0.75), Some(0.5), Some(0.25)]);
}

/// Answers one thing, at a price.
struct Fixed {
    loss: f64,
    gradient: f64,
    bill: Bill,
    fails: bool,
}

impl Objective for Fixed {
    fn dimension(&self) -> usize {
        2
    }

    fn price(&self, _: &Request) -> Bill {
        self.bill
    }

    fn evaluate(&mut self, _: &[f64], _: &Request, _: &StepStreams, answer: &mut Answer) -> Result<(), ObjectiveError> {
        if self.fails {
            return Err(ObjectiveError::Failed("no connection".into()));
        }
        answer.value = Some(Estimate::exact(self.loss));
        answer.gradient.resize(2, self.gradient);
        answer.bill = self.bill;
        Ok(())
    }
}

const FIXED: Fixed = Fixed { loss: 1.0, gradient: 1.0, bill: Bill::ZERO, fails: false };

#[test]
fn nonsense_ends_the_run_with_an_error() {
    let error = |mut objective: Fixed| {
        let mut method = sgd();
        let mut runner = Runner::new(&mut method, &mut objective, STREAMS).budget(Budget::of_iterations(2));
        let error = runner.run().unwrap_err();
        // Over for good, and it says so.
        assert!(runner.next().is_none());
        assert_eq!(runner.run().unwrap().reason, StopReason::Failed);
        assert_eq!(method.theta(), [1.0, 1.0]);
        error
    };
    let of_method = |error: RunError| match error {
        RunError::Method { step: 0, source } => source,
        other => panic!("{other:?}"),
    };
    let infinite = of_method(error(Fixed { loss: f64::INFINITY, ..FIXED }));
    assert_eq!(infinite, MethodError::NonFiniteLoss { value: f64::INFINITY });
    let nan = of_method(error(Fixed { gradient: f64::NAN, ..FIXED }));
    assert!(matches!(nan, MethodError::NonFiniteGradient { component: 0, .. }));
    let failed = error(Fixed { fails: true, ..FIXED });
    assert_eq!(failed.to_string(), "the objective failed in step 0");
    assert_eq!(std::error::Error::source(&failed).unwrap().to_string(), "no connection");
    let refund = error(Fixed { bill: Bill { joules: -1.0, ..Bill::ZERO }, ..FIXED });
    assert!(matches!(refund, RunError::Bill { name: "joules", step: 0, .. }));
}

#[test]
fn dimensions_and_limits_are_checked_before_anything_is_spent() {
    let mut three = Quadratic::exact(&[1.0; 3]);
    let error = Runner::new(&mut sgd(), &mut three, STREAMS).run().unwrap_err();
    assert!(matches!(error, RunError::Dimension { method: 2, objective: 3 }));
    assert_eq!(three.answered, 0);
    for bad in [f64::NAN, -1.0] {
        let budget = Budget { seconds: Some(bad), ..Budget::UNLIMITED };
        let mut objective = noisy();
        let error = Runner::new(&mut sgd(), &mut objective, STREAMS).budget(budget).run().unwrap_err();
        assert!(matches!(error, RunError::Limit { name: "the limit of seconds", .. }));
        assert_eq!(objective.answered, 0);
    }
}

/// Asks for more than it planned.
struct Greedy(Vec<f64>, u32);

impl Method for Greedy {
    fn plan(&self, visit: &mut dyn FnMut(&qopt::Query<'_>)) {
        visit(&Request::VALUE.into());
    }

    fn ask(&mut self, _: &qopt::IterationContext) -> qopt::Ask<'_> {
        qopt::Ask { theta: &self.0, query: Request::VALUE.into() }
    }

    fn tell(&mut self, _: &Answer, _: &qopt::IterationContext) -> Result<qopt::Told, MethodError> {
        self.1 += 1;
        Ok(qopt::Told::MoreQueries)
    }

    fn theta(&self) -> &[f64] {
        &self.0
    }

    fn state(&self) -> qopt::State {
        qopt::State::default()
    }

    fn restore(&mut self, _: &qopt::State) -> Result<(), qopt::StateError> {
        Ok(())
    }
}

#[test]
fn a_method_that_understates_its_plan_does_not_exceed_the_budget() {
    let mut method = Greedy(vec![1.0, 1.0], 0);
    let outcome = Runner::new(&mut method, &mut noisy(), STREAMS).budget(Budget::of_shots(45)).run().unwrap();
    assert_eq!((outcome.reason, outcome.iterations), (budget_reason(Resource::Shots), 0));
    assert_eq!((outcome.spent.shots, method.1), (40, 4));
}

/// Theta and its probe candidate are judged on the same data, with other shot noise.
struct Minibatch(Vec<(u64, [f64; 2])>);

impl Objective for Minibatch {
    fn dimension(&self) -> usize {
        1
    }

    fn price(&self, _: &Request) -> Bill {
        Bill::ZERO
    }

    fn evaluate(
        &mut self,
        _: &[f64],
        _: &Request,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        let draw = |role| streams.rng(role).random::<f64>();
        self.0.push((streams.step(), [draw(Role::Data), draw(Role::Shots)]));
        answer.clear();
        answer.value = Some(Estimate { value: 1.0, std_error: 0.1 });
        answer.gradient.push(1.0);
        Ok(())
    }
}

#[test]
fn theta_and_candidate_see_the_same_minibatch() {
    let mut objective = Minibatch(Vec::new());
    let mut method = Probe::new(ProbeConfig::shots(), Sgd::new(0.1).unwrap(), &[1.0]).unwrap();
    Runner::new(&mut method, &mut objective, STREAMS).budget(Budget::of_iterations(3)).run().unwrap();
    let seen = objective.0;
    assert_eq!(seen.len(), 6);
    for k in 0..3 {
        let [(first, [data, shots]), (second, [same_data, other_shots])] = [seen[2 * k], seen[2 * k + 1]];
        assert_eq!((first, second, data), (k as u64, k as u64, same_data));
        assert_ne!(shots, other_shots);
    }
    assert_ne!(seen[0].1[0], seen[2].1[0]);
}

/// An observer of one's own type.
struct Flat {
    last: f64,
}

impl Observer for Flat {
    fn observe(&mut self, observation: &Observation<'_>) -> ControlFlow<()> {
        let loss = observation.report.loss.map_or(f64::INFINITY, |loss| loss.value);
        let is_flat = self.last - loss < 1e-3;
        self.last = loss;
        if is_flat { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn an_observer_may_stop_a_flat_run() {
    let mut observer = Flat { last: f64::INFINITY };
    let mut bowl = Quadratic::exact(&[1.0, 1.0]);
    let outcome = Runner::new(&mut sgd(), &mut bowl, STREAMS).observe(&mut observer).run().unwrap();
    // L_k = 0.81^k: the difference 0.19 * 0.81^(k-1) falls below 1e-3 at k = 26.
    assert_eq!((outcome.reason, outcome.iterations), (StopReason::Observer, 27));
}

/// A loss that is not a number, as a method of one's own may report it, does not stay the best one, and whatever is kept
/// can be restored.
#[test]
fn losses_that_are_not_finite_are_never_the_best() {
    let mut best = BestPoint::new(2);
    let losses = [(f64::NAN, 0.0), (f64::NEG_INFINITY, 0.0), (1.0, f64::NAN), (3.0, 0.1), (f64::NAN, 0.1), (2.0, 0.1)];
    for (k, (value, std_error)) in losses.into_iter().enumerate() {
        let mut see = |seen: &Observation<'_>| {
            let (mut seen, theta) = (*seen, [k as f64, 0.5]);
            seen.report.loss = Some(Estimate { value, std_error });
            (seen.step, seen.theta) = (k as u64, &theta);
            best.observe(&seen)
        };
        Runner::new(&mut sgd(), &mut noisy(), STREAMS)
            .budget(Budget::of_iterations(1))
            .observe(&mut see)
            .run()
            .unwrap();
        let mut restored = BestPoint::new(2);
        restored.restore(&best.state()).unwrap();
        assert_eq!(restored, best);
    }
    assert_eq!((best.step(), best.theta()), (Some(5), Some([5.0, 0.5].as_slice())));
}
