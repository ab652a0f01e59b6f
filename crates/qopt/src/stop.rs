//! When a run, or a stage of one, is to end.

use std::ops::ControlFlow;

use crate::nlr::StallMonitor;
use crate::{Bill, Budget, ConfigError, Observation, Observer, State, StateError, StepReport};

/// Why to stop. A [`Stop`] watches for it, in a run as an observer and in a [`Chain`](crate::Chain) to go to the next
/// stage.
///
/// A [`Budget`] of the runner stops a run too, and earlier: no iteration starts that may not fit. [`Spent`](Self::Spent)
/// stops after the iteration that reached the limit.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum StopCondition {
    /// So many iterations are done.
    Iterations {
        /// At least 1.
        count: u64,
    },
    /// The measured loss, and so many of its standard errors, is at most `loss`.
    LossTarget {
        /// The target. Finite.
        loss: f64,
        /// Finite, not negative.
        std_errors: f64,
    },
    /// The gradient cannot be told from its noise: |g| < ratio * |se| in `window` iterations in a row, |se| the root of
    /// the sum of the squared standard errors. Pure noise has |g| of about |se|. Never met where the standard errors are
    /// unknown or 0.
    GradientUnresolved {
        /// Positive and finite.
        ratio: f64,
        /// At least 1.
        window: u64,
    },
    /// The loss has not improved for so many iterations, by the test of [`StallConfig`](crate::StallConfig).
    Stall {
        /// At least 1.
        window: u64,
        /// Finite, not negative.
        delta: f64,
        /// Finite, not negative.
        delta_std_errors: f64,
    },
    /// One of the limits is reached: jobs, circuits, shots, seconds on the device's clock, joules, iterations.
    Spent {
        /// The limits.
        limit: Budget,
    },
}

/// A [`StopCondition`] that is being watched.
#[derive(Clone, Debug)]
pub struct Stop {
    condition: StopCondition,
    stall: Option<StallMonitor>,
    /// Iterations in a row with an unresolved gradient.
    unresolved: u64,
    met: bool,
}

impl Stop {
    /// A condition of which nothing has been seen yet.
    ///
    /// # Errors
    /// [`ConfigError`] if a number of the condition is out of range.
    pub fn new(condition: StopCondition) -> Result<Self, ConfigError> {
        let mut stall = None;
        match condition {
            StopCondition::Iterations { count } => {
                ConfigError::counted("count", count)?;
            }
            StopCondition::LossTarget { loss, std_errors } => {
                ConfigError::finite("loss", loss)?;
                ConfigError::not_negative("std_errors", std_errors)?;
            }
            StopCondition::GradientUnresolved { ratio, window } => {
                ConfigError::positive("ratio", ratio)?;
                ConfigError::counted("window", window)?;
            }
            StopCondition::Stall { window, delta, delta_std_errors } => {
                stall = Some(StallMonitor::new(window, delta, delta_std_errors, 0)?);
            }
            StopCondition::Spent { limit } => {
                for (name, value) in [("seconds", limit.seconds), ("joules", limit.joules)] {
                    ConfigError::not_negative(name, value.unwrap_or(0.0))?;
                }
            }
        }
        Ok(Self { condition, stall, unresolved: 0, met: false })
    }

    /// Whether the condition has been met.
    pub fn is_met(&self) -> bool {
        self.met
    }

    /// Takes an iteration: `iterations` and `spent` include it. Whether the condition is met now.
    pub(crate) fn see(&mut self, report: &StepReport, iterations: u64, spent: &Bill) -> bool {
        let met = match self.condition {
            StopCondition::Iterations { count } => iterations >= count,
            StopCondition::LossTarget { loss, std_errors } => {
                report.loss.is_some_and(|found| found.value + std_errors * found.std_error <= loss)
            }
            StopCondition::GradientUnresolved { ratio, window } => {
                let error = report.gradient_std_error.unwrap_or(0.0);
                let unresolved = report.gradient_norm < ratio * error;
                self.unresolved = if unresolved { self.unresolved.saturating_add(1) } else { 0 };
                self.unresolved >= window
            }
            StopCondition::Stall { .. } => match (&mut self.stall, report.loss) {
                (Some(stall), Some(loss)) => {
                    stall.track(loss);
                    stall.has_stalled()
                }
                _ => false,
            },
            StopCondition::Spent { limit } => {
                let count = |limit: Option<u64>, spent: u64| limit.is_some_and(|limit| spent >= limit);
                let real = |limit: Option<f64>, spent: f64| limit.is_some_and(|limit| spent >= limit);
                count(limit.iterations, iterations)
                    || count(limit.jobs, spent.jobs)
                    || count(limit.circuits, spent.circuits)
                    || count(limit.shots, spent.shots)
                    || real(limit.seconds, spent.seconds)
                    || real(limit.joules, spent.joules)
            }
        };
        self.met |= met;
        met
    }

    /// The whole state, for a checkpoint.
    pub fn state(&self) -> State {
        let state = State::new("stop").with_counts("counts", &[self.unresolved, u64::from(self.met)]);
        match &self.stall {
            None => state,
            Some(stall) => state.with_child("stall", stall.state()),
        }
    }

    /// Takes the state of an earlier call of [`state`](Self::state) of a stop with the same condition.
    ///
    /// # Errors
    /// [`StateError`] if the state does not belong to such a condition; nothing is changed then.
    pub fn restore(&mut self, state: &State) -> Result<(), StateError> {
        let restored = self.restored(state)?;
        *self = restored;
        Ok(())
    }

    pub(crate) fn restored(&self, state: &State) -> Result<Self, StateError> {
        state.expect("stop", if self.stall.is_some() { &["counts", "stall"] } else { &["counts"] })?;
        let [unresolved, met] = state.counts("counts")?;
        let stall = match &self.stall {
            None => None,
            Some(stall) => Some(stall.restored(state.child("stall")?)?),
        };
        Ok(Self { condition: self.condition, stall, unresolved, met: met != 0 })
    }
}

impl Observer for Stop {
    fn observe(&mut self, observation: &Observation<'_>) -> ControlFlow<()> {
        if self.see(&observation.report, observation.step.saturating_add(1), &observation.spent) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
