//! Descent from the best of many cheaply measured starting points, with steps that shrink as the budget runs out.

use std::f64::consts::PI;

use rand::RngExt;

use crate::nlr::Interval;
use crate::rule::check_start;
use crate::vector::take_step;
use crate::{
    Answer, Ask, ConfigError, Event, IterationContext, Method, MethodError, Query, Request, Role, State, StateError,
    StepContext, StepReport, Told, UpdateRule,
};

/// Hyperparameters of [`ScreenedDescent`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ScreenedDescentConfig {
    /// Points measured in the first round, the given start among them; at least 1, which means no screening, and at most
    /// [`MAX_POINTS`](Self::MAX_POINTS).
    pub points: usize,
    /// One of so many points survives a round, at least 2; 4.
    pub reduction: usize,
    /// Where the other points are drawn from, one interval per component.
    pub start: Vec<Interval>,
    /// Whether the steps shrink with the rest of the budget; true. Without a budget they do not.
    pub anneal: bool,
}

impl ScreenedDescentConfig {
    /// The largest number of points: they are kept twice, P components each.
    pub const MAX_POINTS: usize = 200_000;

    /// The defaults with the number of points and their distribution, which have none.
    pub const fn new(points: usize, start: Vec<Interval>) -> Self {
        Self { points, reduction: 4, start, anneal: true }
    }
}

/// Successive halving over random starting points, then descent with a cosine schedule.
///
/// On a barren plateau a gradient costs 2 P circuits and shows nothing, while a loss costs one circuit and shows whether a point
/// lies off the plateau. So a first, small share of the budget goes into losses:
///
/// ```text
/// round 0:   measure the start and M - 1 points drawn uniformly from the given intervals
/// round r:   keep the best ceil(count / 4) by the mean of all their measurements, measure these once more
/// then, from the one that is left, with R the share of the budget that is left and R0 that share when the descent began:
///            theta <- theta - (1 - cos(pi R / R0)) / 2 * u
/// ```
///
/// u is the step of the rule. A round is one iteration, and all its points are measured on the same minibatch. A point is chosen by
/// the mean of its measurements, never by a single lucky one, except where values are exact: there one round decides.
///
/// **Bill**: about M reduction/(reduction - 1) losses in about log(M)/log(reduction) iterations; then loss and gradient per
/// iteration.
///
/// References: K. Jamieson, A. Talwalkar, AISTATS 2016 (successive halving); I. Loshchilov, F. Hutter, ICLR 2017 (cosine schedule).
#[derive(Clone, Debug)]
pub struct ScreenedDescent<R> {
    rule: R,
    reduction: usize,
    anneal: bool,
    start: Vec<Interval>,
    theta: Vec<f64>,
    step: Vec<f64>,
    /// The points still in question, P components each; empty once the descent has begun.
    points: Vec<f64>,
    /// Sums of the losses measured at each of them.
    sums: Vec<f64>,
    /// Which of them theta is.
    leader: usize,
    /// Whether the first round has been asked for, so that its points are drawn.
    drawn: bool,
    rounds: u64,
    /// R0; NaN before the descent and without a budget.
    budget: f64,
    order: Vec<usize>,
    kept: Vec<f64>,
    probes: u64,
}

impl<R: UpdateRule> ScreenedDescent<R> {
    /// The method around `rule`, from `theta`.
    ///
    /// # Errors
    /// [`ConfigError`] if a hyperparameter is out of range or the starting point is empty or not finite.
    pub fn new(config: ScreenedDescentConfig, mut rule: R, theta: &[f64]) -> Result<Self, ConfigError> {
        check_start(theta)?;
        ConfigError::at_most("points", "at most 200000", config.points, ScreenedDescentConfig::MAX_POINTS)?;
        if config.reduction < 2 {
            let (name, allowed, value) = ("reduction", "at least 2", config.reduction as f64);
            return Err(ConfigError::OutOfRange { name, allowed, value });
        }
        if config.start.len() != theta.len() {
            return Err(ConfigError::Length { name: "start", expected: theta.len(), found: config.start.len() });
        }
        for (component, interval) in config.start.iter().enumerate() {
            interval.check(component)?;
        }
        rule.prepare(theta.len());
        let count = if config.points == 1 { 0 } else { config.points };
        let mut points = vec![0.0; count * theta.len()];
        if count > 0 {
            points[..theta.len()].copy_from_slice(theta);
        }
        Ok(Self {
            rule,
            reduction: config.reduction,
            anneal: config.anneal,
            start: config.start,
            theta: theta.to_vec(),
            step: vec![0.0; theta.len()],
            kept: Vec::with_capacity(points.len()),
            points,
            sums: vec![0.0; count],
            leader: 0,
            drawn: false,
            rounds: 0,
            budget: f64::NAN,
            order: Vec::with_capacity(count),
            probes: 0,
        })
    }

    /// Points still in question; 0 once the descent has begun.
    pub fn candidates(&self) -> usize {
        self.sums.len()
    }

    fn request(&self) -> Request {
        Request { metric: self.rule.request().metric, ..Request::VALUE_AND_GRADIENT }
    }

    fn draw(&mut self, context: &IterationContext) {
        let mut rng = context.streams.rng(Role::Restart);
        for point in self.points.chunks_exact_mut(self.theta.len()).skip(1) {
            for (component, interval) in point.iter_mut().zip(&self.start) {
                *component = interval.low + (interval.high - interval.low) * rng.random::<f64>();
            }
        }
        self.drawn = true;
    }

    /// Takes the losses of a round and keeps the best points.
    fn screen(&mut self, answer: &Answer) -> Result<Told, MethodError> {
        let (count, dimension) = (self.sums.len(), self.theta.len());
        let losses = answer.measured_values(count)?;
        self.sums.iter_mut().zip(losses).for_each(|(sum, loss)| *sum += loss.value);
        self.probes = self.probes.saturating_add(count as u64);
        self.rounds = self.rounds.saturating_add(1);
        let here = losses[self.leader];
        let exact = losses.iter().all(|loss| loss.std_error == 0.0);
        let survivors = if exact { 1 } else { count.div_ceil(self.reduction) };
        self.order.clear();
        self.order.extend(0..count);
        // Every point in question has been measured as often as any other: sums compare as means do.
        self.order.sort_unstable_by(|&a, &b| self.sums[a].total_cmp(&self.sums[b]).then(a.cmp(&b)));
        let best = self.order[0];
        self.theta.copy_from_slice(&self.points[best * dimension..][..dimension]);
        self.order.truncate(survivors);
        self.order.sort_unstable();
        self.kept.clear();
        for (place, &point) in self.order.iter().enumerate() {
            self.kept.extend_from_slice(&self.points[point * dimension..][..dimension]);
            self.sums[place] = self.sums[point];
            if point == best {
                self.leader = place;
            }
        }
        std::mem::swap(&mut self.points, &mut self.kept);
        self.sums.truncate(survivors);
        if survivors == 1 {
            self.leader = 0;
            self.points.clear();
            self.sums.clear();
        }
        let report = StepReport::descent(Some(here), 0.0, 0.0);
        Ok(Told::Done(StepReport { event: Event::Restart, probes: self.probes, ..report }))
    }

    fn descend(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        let loss = answer.measured_loss()?;
        let (gradient_norm, gradient_std_error) = answer.checked_gradient_norms(self.theta.len())?;
        if self.request().metric {
            answer.check_metric(self.theta.len())?;
        }
        self.rule.step(
            &StepContext {
                theta: &self.theta,
                loss: Some(loss),
                gradient: &answer.gradient,
                gradient_std_errors: &answer.gradient_std_errors,
                metric: &answer.metric,
                step: context.step,
                remaining: context.remaining,
                streams: context.streams,
                gradient_bound: gradient_norm,
            },
            &mut self.step,
        );
        let factor = self.factor(context);
        self.step.iter_mut().for_each(|u| *u *= factor);
        let length = take_step(&mut self.theta, &self.step).map_err(|error| match error {
            MethodError::NonFiniteStep { component, value } => MethodError::of_step(component, value, &answer.gradient),
            other => other,
        })?;
        let report = StepReport::descent(Some(loss), gradient_norm, length);
        Ok(Told::Done(StepReport { gradient_std_error, probes: self.probes, ..report }))
    }

    fn factor(&mut self, context: &IterationContext) -> f64 {
        let Some(left) = context.remaining.filter(|_| self.anneal) else { return 1.0 };
        if self.budget.is_nan() {
            self.budget = left;
        }
        if self.budget > 0.0 { 0.5 * (1.0 - (PI * left / self.budget).cos()) } else { 0.0 }
    }
}

impl<R: UpdateRule> Method for ScreenedDescent<R> {
    fn plan(&self, visit: &mut dyn FnMut(&Query<'_>)) {
        if self.points.is_empty() {
            visit(&self.request().into());
        } else {
            visit(&Query::Values { points: &self.points });
        }
    }

    fn ask(&mut self, context: &IterationContext) -> Ask<'_> {
        if self.points.is_empty() {
            return Ask { theta: &self.theta, query: self.request().into() };
        }
        if !self.drawn {
            self.draw(context);
        }
        Ask { theta: &self.theta, query: Query::Values { points: &self.points } }
    }

    fn tell(&mut self, answer: &Answer, context: &IterationContext) -> Result<Told, MethodError> {
        if self.points.is_empty() { self.descend(answer, context) } else { self.screen(answer) }
    }

    fn theta(&self) -> &[f64] {
        &self.theta
    }

    fn state(&self) -> State {
        let state = State::new("screened-descent")
            .with_floats("theta", &self.theta)
            .with_counts("counters", &[self.rounds, self.probes, u64::from(self.drawn), self.leader as u64])
            .with_floats("points", &self.points)
            .with_floats("sums", &self.sums)
            .with_child("rule", self.rule.state());
        if self.budget.is_nan() { state } else { state.with_floats("budget", &[self.budget]) }
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        const NAMES: [&str; 6] = ["theta", "counters", "points", "sums", "rule", "budget"];
        state.expect("screened-descent", &NAMES)?;
        let dimension = self.theta.len();
        let theta = state.finite_floats("theta", dimension)?;
        let [rounds, probes, drawn, leader] = state.counts("counters")?;
        let sums = state.floats("sums")?;
        let sums = state.finite_floats("sums", sums.len())?;
        let points = state.finite_floats("points", sums.len() * dimension)?;
        if leader > 0 && leader >= sums.len() as u64 {
            return Err(StateError::Value { name: "counters".to_owned() });
        }
        let budget = if state.has_floats("budget") { state.finite_floats("budget", 1)?[0] } else { f64::NAN };
        self.rule.restore(state.child("rule")?)?;
        (self.theta, self.points, self.sums, self.budget) = (theta, points, sums, budget);
        (self.rounds, self.probes, self.drawn, self.leader) = (rounds, probes, drawn != 0, leader as usize);
        Ok(())
    }
}
