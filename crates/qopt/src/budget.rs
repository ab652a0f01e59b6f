//! Limits of a run.

use std::fmt;

use crate::{Bill, RunError};

/// The limits of a run; none means unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Budget {
    /// Iterations.
    pub iterations: Option<u64>,
    /// Jobs.
    pub jobs: Option<u64>,
    /// Circuits.
    pub circuits: Option<u64>,
    /// Shots.
    pub shots: Option<u64>,
    /// Seconds on the device.
    pub seconds: Option<f64>,
    /// Joules on the device.
    pub joules: Option<f64>,
}

/// What a [`Budget`] limits.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Iterations.
    Iterations,
    /// Jobs.
    Jobs,
    /// Circuits.
    Circuits,
    /// Shots.
    Shots,
    /// Seconds on the device.
    Seconds,
    /// Joules on the device.
    Joules,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Iterations => "iterations",
            Self::Jobs => "jobs",
            Self::Circuits => "circuits",
            Self::Shots => "shots",
            Self::Seconds => "seconds",
            Self::Joules => "joules",
        })
    }
}

impl Budget {
    /// No limits.
    pub const UNLIMITED: Self =
        Self { iterations: None, jobs: None, circuits: None, shots: None, seconds: None, joules: None };

    /// A number of iterations and no other limit.
    pub const fn of_iterations(iterations: u64) -> Self {
        Self { iterations: Some(iterations), ..Self::UNLIMITED }
    }

    /// A number of shots and no other limit.
    pub const fn of_shots(shots: u64) -> Self {
        Self { shots: Some(shots), ..Self::UNLIMITED }
    }

    /// The first resource of which `total` needs more than there is.
    pub(crate) fn exceeded_by(&self, total: &Bill) -> Option<Resource> {
        let over = |limit: Option<u64>, need: u64| limit.is_some_and(|limit| need > limit);
        // A NaN never fits.
        let over_real = |limit: Option<f64>, need: f64| limit.is_some_and(|limit| need.is_nan() || need > limit);
        if over(self.jobs, total.jobs) {
            Some(Resource::Jobs)
        } else if over(self.circuits, total.circuits) {
            Some(Resource::Circuits)
        } else if over(self.shots, total.shots) {
            Some(Resource::Shots)
        } else if over_real(self.seconds, total.seconds) {
            Some(Resource::Seconds)
        } else if over_real(self.joules, total.joules) {
            Some(Resource::Joules)
        } else {
            None
        }
    }

    /// The share that is left of the scarcest resource, 0 to 1; none without a limit.
    pub(crate) fn remaining(&self, iterations: u64, spent: &Bill, reserve: &Bill) -> Option<f64> {
        let count = |limit: Option<u64>, reserve: u64, spent: u64| {
            limit.map(|limit| share(limit.saturating_sub(reserve) as f64, spent as f64))
        };
        let real = |limit: Option<f64>, reserve: f64, spent: f64| limit.map(|limit| share(limit - reserve, spent));
        let smaller = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, None) | (None, one) => one,
        };
        let mut least = count(self.iterations, 0, iterations);
        least = smaller(least, count(self.jobs, reserve.jobs, spent.jobs));
        least = smaller(least, count(self.circuits, reserve.circuits, spent.circuits));
        least = smaller(least, count(self.shots, reserve.shots, spent.shots));
        least = smaller(least, real(self.seconds, reserve.seconds, spent.seconds));
        smaller(least, real(self.joules, reserve.joules, spent.joules))
    }

    pub(crate) fn check(&self, reserve: &Bill) -> Result<(), RunError> {
        let limits = [
            ("the limit of seconds", self.seconds),
            ("the limit of joules", self.joules),
            ("the reserve of seconds", Some(reserve.seconds)),
            ("the reserve of joules", Some(reserve.joules)),
        ];
        for (name, value) in limits {
            if let Some(value) = value
                && (value.is_nan() || value < 0.0)
            {
                return Err(RunError::Limit { name, value });
            }
        }
        Ok(())
    }
}

fn share(available: f64, spent: f64) -> f64 {
    if available > 0.0 { ((available - spent) / available).clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcest_resource_decides_what_remains() {
        let spent = Bill { shots: 30, seconds: 1.0, ..Bill::ZERO };
        let reserve = Bill { shots: 40, ..Bill::ZERO };
        let budget = Budget { iterations: Some(10), shots: Some(100), seconds: Some(4.0), ..Budget::UNLIMITED };
        assert_eq!(budget.remaining(1, &spent, &reserve), Some(0.5));
        assert_eq!(budget.remaining(1, &spent, &Bill::ZERO), Some(0.7));
        assert_eq!(budget.remaining(8, &spent, &reserve), Some(0.2));
        assert_eq!(Budget::UNLIMITED.remaining(1, &spent, &reserve), None);
        assert_eq!(Budget::of_shots(20).remaining(1, &spent, &reserve), Some(0.0));
    }

    #[test]
    fn limits_are_inclusive_and_nan_never_fits() {
        let need = |shots, seconds| Bill { shots, seconds, ..Bill::ZERO };
        let budget = Budget { shots: Some(10), seconds: Some(1.0), ..Budget::UNLIMITED };
        assert_eq!(budget.exceeded_by(&need(10, 1.0)), None);
        assert_eq!(budget.exceeded_by(&need(11, 2.0)), Some(Resource::Shots));
        assert_eq!(budget.exceeded_by(&need(0, 1.1)), Some(Resource::Seconds));
        assert_eq!(budget.exceeded_by(&need(0, f64::NAN)), Some(Resource::Seconds));
        assert_eq!(Budget::UNLIMITED.exceeded_by(&need(u64::MAX, f64::NAN)), None);
    }
}
