//! When a loss has stalled.

use crate::{ConfigError, Estimate, State, StateError};

/// The stall test that `Stall`, `StallCurvature` and `Restart` share.
#[derive(Clone, Debug)]
pub(crate) struct StallMonitor {
    window: u64,
    delta: f64,
    delta_std_errors: f64,
    cooldown: u64,
    /// The loss that is to be improved upon; infinite at the start and after a phase.
    reference: f64,
    since: u64,
    cool: u64,
}

impl StallMonitor {
    pub(crate) fn new(window: u64, delta: f64, delta_std_errors: f64, cooldown: u64) -> Result<Self, ConfigError> {
        Ok(Self {
            window: ConfigError::counted("window", window)?,
            delta: ConfigError::not_negative("delta", delta)?,
            delta_std_errors: ConfigError::not_negative("delta_std_errors", delta_std_errors)?,
            cooldown,
            reference: f64::INFINITY,
            since: 0,
            cool: 0,
        })
    }

    /// The smallest difference that counts as an improvement.
    pub(super) fn threshold(&self, loss: Estimate) -> f64 {
        self.delta.max(self.delta_std_errors * loss.std_error)
    }

    /// Takes the loss of an iteration.
    pub(crate) fn track(&mut self, loss: Estimate) {
        if loss.value < self.reference - self.threshold(loss) {
            self.reference = loss.value;
            self.since = 0;
        } else {
            self.since = self.since.saturating_add(1);
        }
        self.cool = self.cool.saturating_sub(1);
    }

    pub(crate) fn has_stalled(&self) -> bool {
        self.since >= self.window && self.cool == 0
    }

    /// Whether the next loss can make it stall.
    pub(super) fn may_stall_next(&self) -> bool {
        self.since.saturating_add(1) >= self.window && self.cool <= 1
    }

    /// Iterations without an improvement.
    pub(super) fn since(&self) -> u64 {
        self.since
    }

    /// Starts again after a phase.
    pub(super) fn rest(&mut self) {
        self.cool = self.cooldown;
        self.since = 0;
        self.reference = f64::INFINITY;
    }

    pub(crate) fn state(&self) -> State {
        State::new("monitor")
            .with_floats("reference", &[self.reference])
            .with_counts("counts", &[self.since, self.cool])
    }

    /// The monitor with the state of an earlier one.
    pub(crate) fn restored(&self, state: &State) -> Result<Self, StateError> {
        state.expect("monitor", &["reference", "counts"])?;
        let reference = state.floats_of("reference", 1)?[0];
        if reference.is_nan() {
            return Err(StateError::Value { name: "reference".to_owned() });
        }
        let [since, cool] = state.counts("counts")?;
        Ok(Self { reference, since, cool, ..self.clone() })
    }
}
