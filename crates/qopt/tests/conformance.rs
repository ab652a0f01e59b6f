//! The conformance checks: shipped optimizers pass, and each broken one gets exactly its finding.

mod common;

use std::cell::Cell;
use std::fmt::Debug;

use common::{TypedMethod, TypedRule, implementors, missing, shipped};
use qopt::conformance::{Finding, check_method, check_rule};
use qopt::*;

type Made<T> = Result<T, ConfigError>;

#[test]
fn shipped_rules_conform() {
    type Make = fn() -> Made<Box<dyn TypedRule>>;
    let rules: Vec<(&str, Make)> = vec![
        ("sgd", || Ok(Box::new(Sgd::new(0.1)?))),
        ("momentum", || Ok(Box::new(Momentum::new(0.1)?))),
        ("nesterov", || Ok(Box::new(Nesterov::new(0.1)?))),
        ("rmsprop", || Ok(Box::new(RmsProp::new(0.1)?))),
        ("adagrad", || Ok(Box::new(AdaGrad::new(0.1)?))),
        ("adam", || Ok(Box::new(Adam::new(0.1)?))),
        ("adamw", || Ok(Box::new(AdamW::new(0.1)?))),
        ("amsgrad", || Ok(Box::new(AmsGrad::new(0.1)?))),
        ("nadam", || Ok(Box::new(NAdam::new(0.1)?))),
        ("lion", || Ok(Box::new(Lion::new(0.1)?))),
        ("signs", || Ok(Box::new(SignDescent::new(0.1)?))),
        ("normalized", || Ok(Box::new(NormalizedGradient::new(0.1)?))),
        ("natural gradient", || Ok(Box::new(NaturalGradient::new(0.1, 0.01)?))),
        ("scheduled", || Ok(Box::new(Scheduled::new(Adam::new(0.1)?, Decay::InverseTime { half: 5 })?))),
        ("clipped", || Ok(Box::new(Clipped::new(Momentum::new(0.1)?, Clip::Norm(0.1))?))),
        ("closure", || {
            Ok(Box::new(from_fn(|context, step| step.iter_mut().zip(context.gradient).for_each(|(u, g)| *u = 0.1 * g))))
        }),
    ];
    let types: Vec<&str> = rules.iter().map(|(_, make)| (*make().unwrap()).type_name()).collect();
    assert_eq!(missing(implementors("UpdateRule"), &types), [""; 0], "no rule is forgotten");
    for (name, make) in rules {
        let report = check_rule(make);
        assert!(report.is_clean(), "{name}:\n{report}");
    }
}

/// The list of methods that the tests of resuming and of allocations go through is that of the sources, and so is that of the
/// rules in them.
#[test]
fn the_list_of_shipped_methods_is_complete() {
    let types: Vec<&str> = shipped().into_iter().map(|(_, make)| (*make()).type_name()).collect();
    for of in ["Method", "UpdateRule"] {
        let all = implementors(of);
        assert!(all.len() > 15 && (of != "Method" || all.contains("ScreenedDescent")), "{all:?}");
        assert_eq!(missing(all, &types), [""; 0], "no {of} is forgotten");
    }
    assert_eq!(missing(implementors("Method"), &types[1..2]).len(), implementors("Method").len() - 1);
}

#[test]
fn shipped_methods_conform() {
    fn adam() -> Adam {
        Adam::new(0.1).unwrap()
    }
    fn short() -> StallConfig {
        StallConfig { window: 3, delta: 0.05, ..StallConfig::default() }
    }
    fn screened(points: usize, parameters: usize) -> ScreenedDescentConfig {
        ScreenedDescentConfig::new(points, vec![Interval { low: -1.0, high: 1.0 }; parameters])
    }
    type Make = fn(&[f64]) -> Made<Box<dyn TypedMethod>>;
    let methods: Vec<(&str, Make)> = vec![
        ("descent", |t| Ok(Box::new(Descent::new(adam(), t)?))),
        ("probe", |t| Ok(Box::new(Probe::new(ProbeConfig::new(0.0), adam(), t)?))),
        ("probe, kick", |t| {
            Ok(Box::new(Probe::new(ProbeConfig { control: Control::Kick, ..ProbeConfig::shots() }, adam(), t)?))
        }),
        ("adaptive step", |t| Ok(Box::new(AdaptiveStep::new(AdaptiveStepConfig::new(0.0), adam(), t)?))),
        ("periodic", |t| Ok(Box::new(Periodic::new(PeriodicConfig::new(20), adam(), t)?))),
        ("random", |t| {
            Ok(Box::new(Random::new(RandomConfig { probability: 0.5, ..RandomConfig::new(20) }, adam(), t)?))
        }),
        ("post-hoc", |t| Ok(Box::new(PostHoc::new(PostHocConfig::default(), adam(), t)?))),
        ("stall", |t| Ok(Box::new(Stall::new(short(), adam(), t)?))),
        ("stall-curvature", |t| {
            let config = StallCurvatureConfig { window: 3, delta: 0.05, ..StallCurvatureConfig::default() };
            Ok(Box::new(StallCurvature::new(config, adam(), t)?))
        }),
        ("restart", |t| {
            let start = RestartConfig::uniform(Interval { low: -1.0, high: 1.0 }, t.len());
            Ok(Box::new(Restart::new(RestartConfig { window: 3, delta: 0.05, ..start }, adam(), t)?))
        }),
        ("replay", |t| {
            let triggers = vec![RecordedTrigger::new(3, 0.2), RecordedTrigger::new(9, 0.1)];
            Ok(Box::new(Replay::new(triggers, Along::Step { probe: true }, Control::Flip, adam(), t)?))
        }),
        ("replay of phases", |t| {
            let triggers = vec![RecordedTrigger::new(3, 0.2), RecordedTrigger::new(4, 0.1)];
            Ok(Box::new(Replay::new(triggers, Along::Gradient, Control::Ascend, adam(), t)?))
        }),
        ("replay of reverts and signs", |t| {
            let how = |how, step| RecordedTrigger { how, ..RecordedTrigger::new(step, 0.2) };
            let triggers = vec![
                how(Displacement::ByCurvature { descends: true }, 3),
                how(Displacement::ByCurvature { descends: false }, 4),
                how(Displacement::FromBest, 9),
                how(Displacement::Plain, 10),
                how(Displacement::FromBest, 17),
            ];
            Ok(Box::new(Replay::new(triggers, Along::Gradient, Control::Ascend, adam(), t)?))
        }),
        ("screened", |t| Ok(Box::new(ScreenedDescent::new(screened(20, t.len()), adam(), t)?))),
        ("screened, no annealing", |t| {
            let config = ScreenedDescentConfig { anneal: false, reduction: 2, ..screened(5, t.len()) };
            Ok(Box::new(ScreenedDescent::new(config, adam(), t)?))
        }),
        ("screened, natural gradient", |t| {
            Ok(Box::new(ScreenedDescent::new(screened(5, t.len()), NaturalGradient::new(0.1, 0.01)?, t)?))
        }),
        ("annealing without screening", |t| Ok(Box::new(ScreenedDescent::new(screened(1, t.len()), adam(), t)?))),
        ("spsa", |t| Ok(Box::new(Spsa::new(SpsaConfig { directions: 2, ..SpsaConfig::new(0.1, 20) }, t)?))),
        ("2-spsa", |t| Ok(Box::new(SecondOrderSpsa::new(SecondOrderSpsaConfig::of_loss(0.1, 20), t)?))),
        ("qn-spsa", |t| Ok(Box::new(SecondOrderSpsa::new(SecondOrderSpsaConfig::of_fidelity(0.1, 20), t)?))),
        ("rotosolve", |t| Ok(Box::new(Rotosolve::new(t)?))),
        ("rotoselect", |t| Ok(Box::new(Rotoselect::new(RotoselectConfig::default(), t, &vec![Axis::Y; t.len()])?))),
        ("random coordinate", |t| Ok(Box::new(RandomCoordinate::new(RandomCoordinateConfig::new(0.1), t)?))),
        ("icans", |t| {
            let config = AdaptiveShotsConfig::new(Allocation::Individual, 0.2, 4.0);
            Ok(Box::new(AdaptiveShots::new(config, t)?))
        }),
        ("gcans", |t| {
            let config = AdaptiveShotsConfig::new(Allocation::Global, 0.2, 4.0);
            Ok(Box::new(AdaptiveShots::new(config, t)?))
        }),
        ("cma-es", |t| Ok(Box::new(CmaEs::new(CmaEsConfig::new(0.3), t)?))),
        ("chain", |t| {
            let stages = vec![
                Stage::new(|t| Ok(Box::new(Probe::new(ProbeConfig::new(0.0), adam(), t)?)))
                    .until(StopCondition::Stall { window: 3, delta: 0.1, delta_std_errors: 1.0 })
                    .until(StopCondition::Iterations { count: 9 }),
                Stage::new(|t| Ok(Box::new(Spsa::new(SpsaConfig::new(0.1, 20), t)?))),
            ];
            Ok(Box::new(Chain::new(stages, t)?))
        }),
    ];
    let types: Vec<&str> = methods.iter().map(|(_, make)| (*make(&[0.5, -0.5]).unwrap()).type_name()).collect();
    assert_eq!(missing(implementors("Method"), &types), [""; 0], "no method is forgotten");
    for (name, make) in methods {
        let report = check_method(make);
        assert!(report.is_clean(), "{name}:\n{report}");
    }
}

fn one(report: &conformance::Report, expected: impl Debug, is_it: impl Fn(&Finding) -> bool) {
    let [finding] = report.findings() else {
        panic!("{expected:?} instead of:\n{report}");
    };
    assert!(is_it(finding), "{expected:?} instead of {finding:?}");
    // A message says more than the name of the variant.
    assert!(finding.to_string().len() > 40, "{finding}");
}

macro_rules! finds {
    ($report:expr, $pattern:pat) => {
        one(&$report, stringify!($pattern), |finding| matches!(finding, $pattern))
    };
}

/// A rule that misbehaves in one way.
#[derive(Clone)]
struct Broken {
    how: &'static str,
    mean: Vec<f64>,
    shared: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

fn broken(how: &'static str) -> impl Fn() -> Made<Broken> {
    let shared = std::sync::Arc::default();
    move || Ok(Broken { how, mean: Vec::new(), shared: std::sync::Arc::clone(&shared) })
}

impl UpdateRule for Broken {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        self.mean.resize(step.len(), 0.0);
        let norm = context.gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        for (k, (u, g)) in step.iter_mut().zip(context.gradient).enumerate() {
            match self.how {
                "unwritten" if k == 2 => continue,
                "panic" => assert!(k < 4, "index {k} is out of range"),
                _ => {}
            }
            self.mean[k] = 0.9 * self.mean[k] + 0.1 * g;
            *u = match self.how {
                "zero" => 0.1 * g / norm,
                "shared" => 1e-3 * self.shared.fetch_add(1, std::sync::atomic::Ordering::Relaxed) as f64,
                _ => 0.1 * self.mean[k],
            };
        }
    }

    fn reset(&mut self) {
        if self.how != "reset" {
            self.mean.fill(0.0);
        }
    }

    fn state(&self) -> State {
        match self.how {
            "forgets" => State::new("broken"),
            _ => State::new("broken").with_floats("mean", &self.mean),
        }
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        match self.how {
            "forgets" => return state.expect("broken", &[]),
            "refuses" => return Err(StateError::Missing { name: "everything".to_owned() }),
            "foreign" if state.kind() != "broken" => return Ok(()),
            _ => state.expect("broken", &["mean"])?,
        }
        let mean = state.floats("mean")?;
        self.mean = if self.how == "loses" { vec![0.0; mean.len()] } else { mean };
        Ok(())
    }
}

#[test]
fn broken_rules() {
    assert!(check_rule(broken("not at all")).is_clean());
    finds!(check_rule(broken("unwritten")), Finding::UnwrittenStep { component: 2, dimension: 5 });
    finds!(check_rule(broken("panic")), Finding::Panicked { check: "steps", .. });
    finds!(check_rule(broken("zero")), Finding::FailsAtZero { .. });
    finds!(check_rule(broken("shared")), Finding::NotDeterministic { .. });
    finds!(check_rule(broken("reset")), Finding::ResetKeepsMemory);
    finds!(check_rule(broken("forgets")), Finding::ResumeDiffers { .. });
    finds!(check_rule(broken("refuses")), Finding::RefusesItsState { .. });
    finds!(check_rule(broken("loses")), Finding::LosesState { .. });
    finds!(check_rule(broken("foreign")), Finding::AcceptsForeignState);
    finds!(check_rule(|| Sgd::new(-1.0)), Finding::NotMade { dimension: 1, .. });
}

/// Probes a candidate, as a method of one's own may, and misbehaves in one way.
struct Faulty {
    how: &'static str,
    theta: Vec<f64>,
    candidate: Vec<f64>,
    probing: bool,
    loss: Option<Estimate>,
    asked: Cell<u64>,
    /// Iterations since it was made or restored.
    done: u64,
}

fn faulty(how: &'static str) -> impl Fn(&[f64]) -> Made<Faulty> {
    move |theta| {
        if how == "two" && theta.len() > 2 {
            return Err(ConfigError::Length { name: "theta", expected: 2, found: theta.len() });
        }
        let theta: Vec<f64> = if how == "start" { vec![0.0; theta.len()] } else { theta.to_vec() };
        let candidate = theta.clone();
        Ok(Faulty { how, theta, candidate, probing: false, loss: None, asked: Cell::new(0), done: 0 })
    }
}

impl Faulty {
    fn done(&mut self) -> Told {
        self.probing = false;
        self.done += 1;
        let norm = if self.how == "report" { f64::NAN } else { 1.0 };
        let mut report = StepReport::descent(self.loss, norm, 0.1);
        let number = |value, std_error| Some(Estimate { value, std_error });
        match self.how {
            "report loss" => report.loss = number(f64::NAN, 0.1),
            "report loss error" => report.loss = self.loss.and_then(|loss| number(loss.value, -0.1)),
            "report gradient error" => report.gradient_std_error = Some(f64::NAN),
            "report length" => report.step_length = f64::INFINITY,
            "invented" => report.loss = self.loss.and_then(|loss| number(loss.value + 1e-9, loss.std_error)),
            "ascents" => report.ascents = 10 - self.done.min(10),
            "probes" => report.probes = self.done % 7,
            "kicks" => report.kicks = u64::from(self.done < 4),
            _ => {}
        }
        Told::Done(report)
    }
}

impl Method for Faulty {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        visit(&Request::VALUE_AND_GRADIENT.into());
        if self.how != "plan" {
            visit(&Request::VALUE.into());
        }
    }

    fn ask(&mut self, _: &IterationContext) -> Ask<'_> {
        self.asked.set(self.asked.get() + 1);
        if self.how == "ask" && self.probing {
            self.candidate[0] += 1e-9;
        }
        if self.how == "ask" && !self.probing && self.asked.get().is_multiple_of(2) {
            return Ask { theta: &self.theta, query: Request::GRADIENT.into() };
        }
        let query = if self.probing { Request::VALUE } else { Request::VALUE_AND_GRADIENT }.into();
        let theta = if self.probing { &self.candidate } else { &self.theta };
        let theta = if self.how == "misfit" { &theta[..theta.len() - 1] } else { theta };
        Ask { theta, query }
    }

    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        let other = |message: &str| MethodError::Other { message: message.to_owned() };
        if self.how == "endless" && self.probing {
            return Ok(Told::MoreQueries);
        }
        if self.how == "fussy" && context.step == 5 {
            return Err(other("I do not like the number 5"));
        }
        let loss = answer.value.ok_or_else(|| other("no loss"))?;
        if !loss.value.is_finite() && self.how != "loss" && !(self.probing && self.how == "second loss") {
            return Err(other("the loss is not finite"));
        }
        if !loss.std_error.is_finite() && self.how != "loss error" {
            return Err(other("the standard error of the loss is not finite"));
        }
        if self.probing {
            self.probing = false;
            if loss.value < 1e6 {
                std::mem::swap(&mut self.theta, &mut self.candidate);
            }
            if self.how == "runaway" && context.step == 7 {
                self.theta[0] = f64::INFINITY;
            }
            return Ok(self.done());
        }
        // A gap in a check: the first, the second or the last number is not looked at.
        let refuses = |numbers: &[f64], gap: Option<usize>| {
            numbers.iter().enumerate().any(|(k, number)| Some(k) != gap && !number.is_finite())
        };
        let last = answer.gradient.len() - 1;
        let gap = match self.how {
            "first" => Some(0),
            "middle component" => Some(1),
            "last" => Some(last),
            _ => None,
        };
        let all = answer.gradient.iter().all(|g| !g.is_finite()) && self.how == "all";
        if refuses(&answer.gradient, gap) && self.how != "gradient" && !all {
            return Err(other("the gradient is not finite"));
        }
        if refuses(&answer.gradient_std_errors, (self.how == "last error").then_some(last)) {
            return Err(other("a standard error of the gradient is not finite"));
        }
        // As many asks as there were iterations, unless one is made twice.
        let rate = if self.how.starts_with("counts asks") { 0.1 / self.asked.get() as f64 } else { 0.1 };
        for ((c, t), g) in self.candidate.iter_mut().zip(&self.theta).zip(&answer.gradient) {
            *c = t - rate * g;
        }
        if self.how == "early" {
            self.theta.copy_from_slice(&self.candidate);
        }
        self.loss = Some(loss);
        self.probing = true;
        Ok(Told::MoreQueries)
    }

    fn theta(&self) -> &[f64] {
        &self.theta
    }

    fn state(&self) -> State {
        let state =
            State::new("faulty").with_floats("theta", &self.theta).with_counts("probing", &[self.probing.into()]);
        let state = match self.how {
            "counts asks" => state.with_counts("asked", &[self.asked.get()]),
            _ => state,
        };
        match self.loss.filter(|_| self.probing && self.how != "middle") {
            None => state,
            Some(loss) => {
                state.with_floats("candidate", &self.candidate).with_floats("loss", &[loss.value, loss.std_error])
            }
        }
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("faulty", &["theta", "probing", "candidate", "loss", "asked"])?;
        if self.how == "counts asks" {
            self.asked.set(state.counts::<1>("asked")?[0]);
        }
        let [probing] = state.counts("probing")?;
        self.theta = state.floats_of("theta", self.theta.len())?;
        self.probing = probing != 0;
        if self.probing && self.how != "middle" {
            self.candidate = state.floats_of("candidate", self.theta.len())?;
            let loss = state.floats_of("loss", 2)?;
            self.loss = Some(Estimate { value: loss[0], std_error: loss[1] });
        }
        Ok(())
    }
}

#[test]
fn broken_methods() {
    let sound = check_method(faulty("not at all"));
    assert!(sound.is_clean(), "{sound}");
    finds!(check_method(faulty("two")), Finding::NotMade { dimension: 5, .. });
    finds!(check_method(faulty("start")), Finding::WrongStart { dimension: 1 });
    finds!(check_method(faulty("misfit")), Finding::MisfitQuery { dimension: 1, .. });
    finds!(check_method(faulty("endless")), Finding::EndlessIteration { .. });
    finds!(check_method(faulty("fussy")), Finding::RefusesAnswer { step: 5, .. });
    finds!(check_method(faulty("plan")), Finding::PlanTooLow { step: 0, .. });
    finds!(check_method(faulty("early")), Finding::MovesEarly { step: 0 });
    finds!(check_method(faulty("runaway")), Finding::NonFinitePoint { step: 7, component: 0, .. });
    finds!(check_method(faulty("report")), Finding::BadReport { step: 0, field: "gradient_norm", .. });
    finds!(check_method(faulty("report loss")), Finding::BadReport { step: 0, field: "loss.value", .. });
    finds!(check_method(faulty("report loss error")), Finding::BadReport { field: "loss.std_error", .. });
    finds!(check_method(faulty("report gradient error")), Finding::BadReport { field: "gradient_std_error", .. });
    finds!(check_method(faulty("report length")), Finding::BadReport { field: "step_length", .. });
    finds!(check_method(faulty("invented")), Finding::InventedLoss { step: 0, .. });
    finds!(check_method(faulty("ascents")), Finding::FallingCounter { step: 1, field: "ascents", before: 9, now: 8 });
    finds!(check_method(faulty("probes")), Finding::FallingCounter { step: 6, field: "probes", before: 6, now: 0 });
    finds!(check_method(faulty("kicks")), Finding::FallingCounter { step: 3, field: "kicks", before: 1, now: 0 });
    finds!(check_method(faulty("counts asks")), Finding::AskChanges { step: 0 });
    finds!(check_method(faulty("counts asks in secret")), Finding::AskChanges { step: 0 });
    finds!(check_method(faulty("middle")), Finding::ResumeDiffers { .. });
    finds!(check_method(faulty("loss")), Finding::AcceptsNonFinite { what: "loss", .. });
    finds!(check_method(faulty("second loss")), Finding::AcceptsNonFinite { what: "loss", .. });
    finds!(check_method(faulty("loss error")), Finding::AcceptsNonFinite { what: "standard error of the loss", .. });
    finds!(
        check_method(faulty("last error")),
        Finding::AcceptsNonFinite { what: "standard errors of the gradient", place: "the last one", .. }
    );
    for (how, expected) in [
        ("gradient", "the first one"),
        ("first", "the first one"),
        ("middle component", "one in the middle"),
        ("last", "the last one"),
        ("all", "all of them"),
    ] {
        one(
            &check_method(faulty(how)),
            expected,
            |finding| matches!(finding, Finding::AcceptsNonFinite { what: "gradient", place, .. } if *place == expected),
        );
    }
}

/// A list of losses of which one is not looked at.
#[test]
fn a_gap_in_a_list_of_losses() {
    struct Careless(Spsa, usize);
    impl Method for Careless {
        fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
            self.0.plan(visit);
        }
        fn ask(&mut self, context: &IterationContext) -> Ask<'_> {
            self.0.ask(context)
        }
        fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
            let mut answer = answer.clone();
            if let Some(loss) = answer.values.get_mut(self.1).filter(|loss| !loss.value.is_finite()) {
                loss.value = 0.0;
            }
            self.0.tell(&answer, context)
        }
        fn theta(&self) -> &[f64] {
            self.0.theta()
        }
        fn state(&self) -> State {
            self.0.state()
        }
        fn restore(&mut self, state: &State) -> Result<(), StateError> {
            self.0.restore(state)
        }
    }
    // Three losses: one for tracking, two for the difference.
    for (place, expected) in ["the first one", "one in the middle", "the last one"].into_iter().enumerate() {
        let report = check_method(|theta| Made::Ok(Careless(Spsa::new(SpsaConfig::new(0.1, 20), theta)?, place)));
        one(
            &report,
            expected,
            |finding| matches!(finding, Finding::AcceptsNonFinite { what: "list of losses", place, .. } if *place == expected),
        );
    }
}

/// Asking twice is where random numbers of one's own show.
#[test]
fn a_second_ask_that_differs() {
    struct Shaky(Spsa, u64);
    impl Method for Shaky {
        fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
            self.0.plan(visit);
        }
        fn ask(&mut self, context: &IterationContext) -> Ask<'_> {
            self.1 += 1;
            let shifted = IterationContext::new(Streams::new(self.1, 0).at(context.step));
            self.0.ask(&shifted)
        }
        fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
            self.0.tell(answer, context)
        }
        fn theta(&self) -> &[f64] {
            self.0.theta()
        }
        fn state(&self) -> State {
            self.0.state()
        }
        fn restore(&mut self, state: &State) -> Result<(), StateError> {
            self.0.restore(state)
        }
    }
    let report = check_method(|theta| Made::Ok(Shaky(Spsa::new(SpsaConfig::new(0.1, 20), theta)?, 0)));
    finds!(report, Finding::AskChanges { step: 0 });
    assert!(report.to_string().starts_with("- in step 0 a second `ask`"));
}
