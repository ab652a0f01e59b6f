//! Means over the points of a run.

use std::ops::ControlFlow;

use crate::state::check_length;
use crate::{ConfigError, Observation, Observer, State, StateError};

/// How the points are weighted.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Averaging {
    /// All points from iteration `from` on count alike: with n of them, mean <- mean + (theta - mean)/n.
    ///
    /// Reference: B. T. Polyak and A. B. Juditsky, SIAM J. Control Optim. 30, 838 (1992).
    Uniform {
        /// The first iteration whose result counts.
        from: u64,
    },
    /// mean <- decay mean + (1 - decay) theta, from the first point on: older points count less and less.
    Exponential {
        /// At least 0 and below 1.
        decay: f64,
    },
}

/// An observer that averages the points where iterations end.
///
/// Angles are averaged as numbers: on paths that do not wind around, which is what all methods of the crate but
/// [`Rotosolve`](crate::Rotosolve) and [`Rotoselect`](crate::Rotoselect) make. The loss at the mean has not been
/// measured; see [`reevaluate`](crate::reevaluate).
#[derive(Clone, Debug, PartialEq)]
pub struct AveragePoint {
    averaging: Averaging,
    mean: Vec<f64>,
    count: u64,
}

impl AveragePoint {
    /// An observer that has seen nothing, for `dimension` parameters.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for a decay that is not at least 0 and below 1.
    pub fn new(averaging: Averaging, dimension: usize) -> Result<Self, ConfigError> {
        if let Averaging::Exponential { decay } = averaging {
            ConfigError::fraction("decay", decay)?;
        }
        Ok(Self { averaging, mean: vec![0.0; dimension], count: 0 })
    }

    /// The mean, P components; none before the first point that counts.
    pub fn theta(&self) -> Option<&[f64]> {
        (self.count > 0).then_some(self.mean.as_slice())
    }

    /// How many points it is the mean of.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The whole state, for a checkpoint.
    pub fn state(&self) -> State {
        State::new("average-point").with_floats("mean", &self.mean).with_counts("count", &[self.count])
    }

    /// Takes the state of an earlier call of [`state`](Self::state).
    ///
    /// # Errors
    /// [`StateError`] if the state is not that of such a mean; nothing is changed then.
    pub fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("average-point", &["mean", "count"])?;
        let mean = state.floats("mean")?;
        check_length("mean", self.mean.len(), mean.len())?;
        let [count] = state.counts("count")?;
        (self.mean, self.count) = (mean, count);
        Ok(())
    }
}

impl Observer for AveragePoint {
    fn observe(&mut self, observation: &Observation<'_>) -> ControlFlow<()> {
        let weight = match self.averaging {
            Averaging::Uniform { from } if observation.step < from => return ControlFlow::Continue(()),
            Averaging::Uniform { .. } => 1.0 / (self.count as f64 + 1.0),
            Averaging::Exponential { .. } if self.count == 0 => 1.0,
            Averaging::Exponential { decay } => 1.0 - decay,
        };
        for (mean, theta) in self.mean.iter_mut().zip(observation.next) {
            *mean += weight * (theta - *mean);
        }
        self.count = self.count.saturating_add(1);
        ControlFlow::Continue(())
    }
}
