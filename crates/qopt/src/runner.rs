//! The loop: a method, an objective, a budget, observers.

use crate::streams::EVALUATION_STEP;
use crate::{
    Answer, Axis, Bill, Budget, Estimate, IterationContext, Method, Objective, ObjectiveError, Observation, Observer,
    Query, Request, Resource, RunError, State, StateError, StepReport, Streams, Told,
};

/// Why a run ended without an error.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The next iteration, at its largest bill, does not fit into the budget; or the iterations are used up.
    Budget {
        /// The resource that does not suffice.
        resource: Resource,
    },
    /// The objective refused an evaluation. If that was in the middle of an iteration, the run ends where that
    /// iteration started.
    Refused {
        /// Why, in the objective's words.
        what: String,
    },
    /// An observer stopped the run.
    Observer,
    /// The run was asked to go on after it had ended with an error.
    Failed,
}

/// How a run ended.
///
/// The losses of a run are measurements at points that were visited because of earlier measurements. The smallest of
/// them (see [`BestPoint`](crate::BestPoint)) is biased low under noise, and the last point has not been measured at
/// all. Whoever reports a result re-evaluates both points with fresh shots; [`Runner::reserve`] keeps them out of the
/// run's budget, and [`reevaluate`] spends them.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Why the run ended.
    pub reason: StopReason,
    /// Finished iterations, those before a resume included.
    pub iterations: u64,
    /// What was spent, an unfinished iteration and the time before a resume included.
    pub spent: Bill,
    /// The last accepted point, P components.
    pub last: Vec<f64>,
    /// The axes of the rotations there, P of them; none unless the [method chooses them](Method::axes).
    pub last_axes: Vec<Axis>,
    /// The loss where the last finished iteration started: the newest measurement, not the loss at `last`.
    pub last_loss: Option<Estimate>,
}

/// One finished iteration, without the points: what iterating over a [`Runner`] yields.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The iteration, counted from 0.
    pub step: u64,
    /// What the iteration did.
    pub report: StepReport,
    /// What was spent so far, this iteration included.
    pub spent: Bill,
}

/// A checkpoint of a run: enough to go on with the same bytes, given the same method and hyperparameters, objective,
/// streams and budget.
///
/// Observers and the objective's own meter are not part of it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RunState {
    /// The iteration that comes next, or that was interrupted.
    pub step: u64,
    /// Queries of that iteration that have been answered, a query for several losses counted once for each of them.
    pub query: u32,
    /// What was spent so far.
    pub spent: Bill,
    /// What had been spent when that iteration started.
    pub spent_at_start: Bill,
    /// The loss where the last finished iteration started.
    pub last_loss: Option<Estimate>,
    /// The state of the method.
    pub method: State,
}

/// Runs a method on an objective within a budget.
///
/// Iterate over it, or call [`run`](Self::run), which does; [`advance`](Self::advance) is one iteration with the points
/// in view. No iteration starts unless the bill that it may need at most fits into the budget, minus the reserve, minus
/// what is spent. After construction nothing is allocated per step by the runner, the shipped methods and the shipped
/// rules.
pub struct Runner<'a> {
    method: &'a mut dyn Method,
    objective: &'a mut dyn Objective,
    streams: Streams,
    budget: Budget,
    reserve: Bill,
    observers: Vec<&'a mut dyn Observer>,
    answer: Answer,
    /// Where the current iteration started.
    start: Vec<f64>,
    start_axes: Vec<Axis>,
    step: u64,
    /// The iteration that was finished last.
    last_step: u64,
    query: u32,
    spent: Bill,
    spent_at_start: Bill,
    last_loss: Option<Estimate>,
    stop: Option<StopReason>,
}

/// What one call of `iterate` came to.
enum Iteration {
    Done(StepReport),
    Stopped(StopReason),
}

impl<'a> Runner<'a> {
    /// A run from where `method` stands, without limits.
    pub fn new(method: &'a mut dyn Method, objective: &'a mut dyn Objective, streams: Streams) -> Self {
        let (start, start_axes) = (method.theta().to_vec(), method.axes().to_vec());
        Self {
            method,
            objective,
            streams,
            budget: Budget::UNLIMITED,
            reserve: Bill::ZERO,
            observers: Vec::new(),
            answer: Answer::default(),
            start,
            start_axes,
            step: 0,
            last_step: 0,
            query: 0,
            spent: Bill::ZERO,
            spent_at_start: Bill::ZERO,
            last_loss: None,
            stop: None,
        }
    }

    /// Sets the limits. They hold for the whole run, what was before a resume included.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Keeps `reserve` out of the run: a part of the budget that is only for evaluations after it. Nothing here spends
    /// it.
    #[must_use]
    pub fn reserve(mut self, reserve: Bill) -> Self {
        self.reserve = reserve;
        self
    }

    /// Adds an observer. All observers see every iteration, in the order in which they were added.
    #[must_use]
    pub fn observe(mut self, observer: &'a mut dyn Observer) -> Self {
        self.observers.push(observer);
        self
    }

    /// Goes on where an earlier run of an equal method was when [`state`](Self::state) was called.
    ///
    /// # Errors
    /// [`StateError`] if the state does not belong to such a method.
    pub fn resume(mut self, state: &RunState) -> Result<Self, StateError> {
        self.method.restore(&state.method)?;
        self.start.clear();
        self.start.extend_from_slice(self.method.theta());
        self.start_axes.clear();
        self.start_axes.extend_from_slice(self.method.axes());
        self.step = state.step;
        self.query = state.query;
        self.spent = state.spent;
        self.spent_at_start = state.spent_at_start;
        self.last_loss = state.last_loss;
        Ok(self)
    }

    /// The state of the run: between two iterations, or after a refusal in the middle of one.
    pub fn state(&self) -> RunState {
        RunState {
            step: self.step,
            query: self.query,
            spent: self.spent,
            spent_at_start: self.spent_at_start,
            last_loss: self.last_loss,
            method: self.method.state(),
        }
    }

    /// The current point, P components.
    pub fn theta(&self) -> &[f64] {
        self.method.theta()
    }

    /// What was spent so far.
    pub fn spent(&self) -> Bill {
        self.spent
    }

    /// Why the run ended; none while it has not.
    pub fn stop_reason(&self) -> Option<&StopReason> {
        self.stop.as_ref()
    }

    /// Does one iteration. None when the run is over; [`stop_reason`](Self::stop_reason) says why.
    ///
    /// # Errors
    /// [`RunError`] once; the run is over then.
    pub fn advance(&mut self) -> Option<Result<Observation<'_>, RunError>> {
        let report = match self.step_on()? {
            Ok(report) => report,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(self.observation(report)))
    }

    /// Does one iteration and shows it to the observers.
    fn step_on(&mut self) -> Option<Result<StepReport, RunError>> {
        if self.stop.is_some() {
            return None;
        }
        let report = match self.iterate() {
            Ok(Iteration::Done(report)) => report,
            Ok(Iteration::Stopped(reason)) => {
                self.stop = Some(reason);
                return None;
            }
            Err(error) => {
                self.stop = Some(StopReason::Failed);
                return Some(Err(error));
            }
        };
        self.last_loss = report.loss;
        self.last_step = self.step;
        self.step = self.step.saturating_add(1);
        self.query = 0;
        if !self.observers.is_empty() {
            let mut observers = std::mem::take(&mut self.observers);
            let observation = self.observation(report);
            let stops =
                observers.iter_mut().fold(false, |stops, observer| observer.observe(&observation).is_break() | stops);
            self.observers = observers;
            if stops {
                self.stop = Some(StopReason::Observer);
            }
        }
        Some(Ok(report))
    }

    /// What is to be seen of the iteration just finished.
    fn observation(&self, report: StepReport) -> Observation<'_> {
        Observation {
            step: self.last_step,
            theta: &self.start,
            next: self.method.theta(),
            axes: &self.start_axes,
            report,
            spent: self.spent,
        }
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// [`RunError`] if the objective fails, or answers nonsense such as a loss that is not finite. An objective that
    /// refuses because something is exhausted ends the run normally.
    pub fn run(&mut self) -> Result<Outcome, RunError> {
        let reason = loop {
            if let Some(reason) = &self.stop {
                break reason.clone();
            }
            if let Some(Err(error)) = self.step_on() {
                return Err(error);
            }
        };
        Ok(Outcome {
            reason,
            iterations: self.step,
            spent: self.spent,
            last: self.method.theta().to_vec(),
            last_axes: self.method.axes().to_vec(),
            last_loss: self.last_loss,
        })
    }

    fn iterate(&mut self) -> Result<Iteration, RunError> {
        if self.query == 0
            && let Some(reason) = self.start_iteration()?
        {
            return Ok(Iteration::Stopped(reason));
        }
        let streams = self.streams.at(self.step);
        let context = IterationContext {
            step: self.step,
            remaining: self.budget.remaining(self.step, &self.spent_at_start, &self.reserve),
            streams,
        };
        loop {
            // Read where the method wrote it: a query and a report have their numbers at odd places, and a copy of them
            // right after they are written waits for the memory.
            let ask = self.method.ask(&context);
            let Some(price) = self.objective.price_query(&ask.query) else {
                return Err(unsupported(&ask.query, self.step));
            };
            let total = self.spent + price + self.reserve;
            if let Some(resource) = self.budget.exceeded_by(&total) {
                return Ok(Iteration::Stopped(StopReason::Budget { resource }));
            }
            self.answer.clear();
            let used = ask.query.streams(ask.theta.len());
            let streams = streams.with_query(self.query);
            let evaluated = self.objective.evaluate_query(ask.theta, &ask.query, &streams, &mut self.answer);
            self.answer.bill.check(self.step)?;
            self.spent += self.answer.bill;
            match evaluated {
                Ok(()) => {}
                Err(ObjectiveError::Exhausted { what }) => {
                    return Ok(Iteration::Stopped(StopReason::Refused { what }));
                }
                Err(ObjectiveError::Unsupported { what }) => {
                    return Err(RunError::Unsupported { what, step: self.step });
                }
                Err(ObjectiveError::Failed(source)) => {
                    return Err(RunError::Objective { step: self.step, source });
                }
            }
            match self.method.tell(&self.answer, &context) {
                Ok(Told::MoreQueries) => self.query = self.query.saturating_add(used),
                Ok(Told::Done(report)) => return Ok(Iteration::Done(report)),
                Err(source) => return Err(RunError::Method { step: self.step, source }),
            }
        }
    }

    /// Prices the iteration; the reason if it must not start.
    fn start_iteration(&mut self) -> Result<Option<StopReason>, RunError> {
        let (method, objective) = (self.method.theta().len(), self.objective.dimension());
        if method != objective {
            return Err(RunError::Dimension { method, objective });
        }
        self.budget.check(&self.reserve)?;
        if self.budget.iterations.is_some_and(|limit| self.step >= limit) {
            return Ok(Some(StopReason::Budget { resource: Resource::Iterations }));
        }
        let mut total = self.spent + self.reserve;
        let objective = &*self.objective;
        let mut missing = None;
        let step = self.step;
        self.method.plan(&mut |query| match objective.price_query(query) {
            Some(price) => total += price,
            None => missing = Some(unsupported(query, step)),
        });
        if let Some(error) = missing {
            return Err(error);
        }
        if let Some(resource) = self.budget.exceeded_by(&total) {
            return Ok(Some(StopReason::Budget { resource }));
        }
        self.spent_at_start = self.spent;
        self.start.clear();
        self.start.extend_from_slice(self.method.theta());
        self.start_axes.clear();
        self.start_axes.extend_from_slice(self.method.axes());
        Ok(None)
    }
}

fn unsupported(query: &Query<'_>, step: u64) -> RunError {
    RunError::Unsupported { what: query.name(), step }
}

impl Iterator for Runner<'_> {
    type Item = Result<Step, RunError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.step_on()? {
            Ok(report) => Ok(Step { step: self.last_step, report, spent: self.spent }),
            Err(error) => Err(error),
        })
    }
}

/// A loss measured outside a run.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Evaluation {
    /// The loss.
    pub loss: Estimate,
    /// What the measurement cost.
    pub bill: Bill,
}

/// Measures the loss at `theta` (P components) once more, after a run: with shots that no iteration drew, so that the
/// answer is unbiased for a point that the run selected.
///
/// Number the points (last, best, ...) with `query`: equal numbers draw equal streams.
///
/// # Errors
/// [`RunError::Exhausted`] if the objective refuses, [`RunError::Dimension`], [`RunError::Objective`], and
/// [`RunError::Method`] if the answer is missing or not finite.
pub fn reevaluate(
    objective: &mut dyn Objective,
    theta: &[f64],
    streams: &Streams,
    query: u32,
) -> Result<Evaluation, RunError> {
    reevaluate_with_axes(objective, theta, &[], streams, query)
}

/// As [`reevaluate`], with the rotations about these axes (P of them), where a [method chose them](Method::axes); none: about
/// those of the circuit.
///
/// # Errors
/// As [`reevaluate`], and [`RunError::Unsupported`] from an objective that does not answer [`Query::AxisValues`].
pub fn reevaluate_with_axes(
    objective: &mut dyn Objective,
    theta: &[f64],
    axes: &[Axis],
    streams: &Streams,
    query: u32,
) -> Result<Evaluation, RunError> {
    let (dimension, step) = (objective.dimension(), EVALUATION_STEP);
    if theta.len() != dimension {
        return Err(RunError::Dimension { method: theta.len(), objective: dimension });
    }
    let mut answer = Answer::default();
    let asked = if axes.is_empty() { Query::from(Request::VALUE) } else { Query::AxisValues { points: theta, axes } };
    match objective.evaluate_query(theta, &asked, &streams.at(step).with_query(query), &mut answer) {
        Ok(()) => {}
        Err(ObjectiveError::Exhausted { what }) => return Err(RunError::Exhausted { what }),
        Err(ObjectiveError::Unsupported { what }) => return Err(RunError::Unsupported { what, step }),
        Err(ObjectiveError::Failed(source)) => return Err(RunError::Objective { step, source }),
    }
    if !axes.is_empty() {
        answer.value = answer.values.first().copied();
    }
    let loss = answer.measured_loss().map_err(|source| RunError::Method { step, source })?;
    Ok(Evaluation { loss, bill: answer.bill })
}
