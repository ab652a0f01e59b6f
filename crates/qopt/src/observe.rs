//! Observers: what sees each iteration, keeps a record, or stops the run.

use std::ops::ControlFlow;

use crate::state::check_length;
use crate::{Axis, Bill, Displacement, Estimate, Event, RecordedTrigger, State, StateError, StepReport, Trigger};

/// One finished iteration, the same for all methods.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation<'a> {
    /// The iteration, counted from 0.
    pub step: u64,
    /// Where the iteration started: the point to which `report.loss` belongs. P components.
    pub theta: &'a [f64],
    /// Where the next iteration starts. P components.
    pub next: &'a [f64],
    /// The axes of the rotations at `theta`, P of them; none unless the [method chooses them](crate::Method::axes).
    pub axes: &'a [Axis],
    /// What the iteration did.
    pub report: StepReport,
    /// What was spent so far, this iteration included.
    pub spent: Bill,
}

/// Sees every iteration of a run and may stop it.
///
/// Closures `FnMut(&Observation<'_>) -> ControlFlow<()>` are observers.
pub trait Observer {
    /// Called once after each iteration, also after one in which another observer stops the run. `Break` makes this
    /// iteration the last.
    fn observe(&mut self, observation: &Observation<'_>) -> ControlFlow<()>;
}

impl<F: FnMut(&Observation<'_>) -> ControlFlow<()>> Observer for F {
    fn observe(&mut self, observation: &Observation<'_>) -> ControlFlow<()> {
        self(observation)
    }
}

/// Keeps the point with the smallest measured loss.
///
/// Compared once per iteration with the loss where the iteration started, strict `<`, in negative phases too. The
/// losses of probes do not compete, nor does the last point of a run, whose loss is not measured, nor a loss that is not
/// finite or whose standard error is not.
///
/// The smallest of noisy losses is biased low, and its point can be a bad one: re-evaluate it, and the last point,
/// before anything is claimed ([`reevaluate`](crate::reevaluate)).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BestPoint {
    theta: Vec<f64>,
    axes: Vec<Axis>,
    best: Option<(u64, Estimate)>,
}

impl BestPoint {
    /// An observer that has seen nothing, for `dimension` parameters.
    pub fn new(dimension: usize) -> Self {
        Self { theta: Vec::with_capacity(dimension), axes: Vec::with_capacity(dimension), best: None }
    }

    /// The best point, P components; none before the first measured loss.
    pub fn theta(&self) -> Option<&[f64]> {
        self.best.map(|_| self.theta.as_slice())
    }

    /// The axes of the rotations there, P of them; none unless the [method chooses them](crate::Method::axes).
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// The loss measured there.
    pub fn loss(&self) -> Option<Estimate> {
        self.best.map(|(_, loss)| loss)
    }

    /// The iteration that started there.
    pub fn step(&self) -> Option<u64> {
        self.best.map(|(step, _)| step)
    }

    /// The whole state, for a checkpoint.
    pub fn state(&self) -> State {
        let state = State::new("best-point");
        match self.best {
            None => state,
            Some((step, loss)) => {
                let state = state
                    .with_floats("theta", &self.theta)
                    .with_floats("loss", &[loss.value, loss.std_error])
                    .with_counts("step", &[step]);
                let codes: Vec<u64> = self.axes.iter().map(|axis| axis.code()).collect();
                if codes.is_empty() { state } else { state.with_counts("axes", &codes) }
            }
        }
    }

    /// Takes the state of an earlier call of [`state`](Self::state).
    ///
    /// # Errors
    /// [`StateError`] if the state is not that of a best point; nothing is changed then.
    pub fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("best-point", &["theta", "loss", "step", "axes"])?;
        if state.is_empty() {
            *self = Self::new(self.theta.capacity());
            return Ok(());
        }
        let theta = state.floats("theta")?;
        let loss = state.finite_floats("loss", 2)?;
        let [step] = state.counts("step")?;
        if !self.theta.is_empty() {
            check_length("theta", self.theta.len(), theta.len())?;
        }
        let loss = Estimate { value: loss[0], std_error: loss[1] };
        let axes = if state.has_counts("axes") { Axis::of_state(state, theta.len())? } else { Vec::new() };
        *self = Self { theta, axes, best: Some((step, loss)) };
        Ok(())
    }
}

impl Observer for BestPoint {
    fn observe(&mut self, observation: &Observation<'_>) -> ControlFlow<()> {
        let is_finite = |loss: &Estimate| loss.value.is_finite() && loss.std_error.is_finite();
        let Some(loss) = observation.report.loss.filter(is_finite) else {
            return ControlFlow::Continue(());
        };
        if self.best.is_none_or(|(_, best)| loss.value < best.value) {
            self.theta.clear();
            self.theta.extend_from_slice(observation.theta);
            self.axes.clear();
            self.axes.extend_from_slice(observation.axes);
            self.best = Some((observation.step, loss));
        }
        ControlFlow::Continue(())
    }
}

/// One row of a [`History`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Record {
    /// The iteration, counted from 0.
    pub step: u64,
    /// The loss where it started.
    pub loss: Option<Estimate>,
    /// The norm of the gradient there.
    pub gradient_norm: f64,
    /// What was done.
    pub event: Event,
    /// What triggered it; none for the base step.
    pub trigger: Option<Trigger>,
    /// The length of the step.
    pub step_length: f64,
    /// What was spent so far, this iteration included.
    pub spent: Bill,
}

/// Records every iteration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    records: Vec<Record>,
}

impl History {
    /// An empty record.
    pub const fn new() -> Self {
        Self { records: Vec::new() }
    }

    /// An empty record with room for `iterations`, within which observing does not allocate; without room if there is not
    /// as much memory.
    pub fn with_capacity(iterations: usize) -> Self {
        let mut records = Vec::new();
        // An empty record grows as it is filled.
        let _ = records.try_reserve_exact(iterations);
        Self { records }
    }

    /// The rows so far, in the order of the iterations.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The iterations in which a trigger fired, with the numbers by which it did: every switch of the run.
    pub fn switches(&self) -> impl Iterator<Item = (&Record, Trigger)> {
        self.records.iter().filter_map(|record| Some((record, record.trigger?)))
    }

    /// The same as iterations, lengths and what came with them, for a [`Replay`](crate::Replay).
    pub fn triggers(&self) -> Vec<RecordedTrigger> {
        self.switches()
            .map(|(record, trigger)| RecordedTrigger {
                step: record.step,
                length: match trigger {
                    // As it was recorded first, whatever a control made of it.
                    Trigger::Replayed { length, .. } => length,
                    _ => record.step_length,
                },
                how: Displacement::of(record.event, trigger),
            })
            .collect()
    }
}

impl Observer for History {
    fn observe(&mut self, observation: &Observation<'_>) -> ControlFlow<()> {
        self.records.push(Record {
            step: observation.step,
            loss: observation.report.loss,
            gradient_norm: observation.report.gradient_norm,
            event: observation.report.event,
            trigger: observation.report.trigger,
            step_length: observation.report.step_length,
            spent: observation.spent,
        });
        ControlFlow::Continue(())
    }
}
