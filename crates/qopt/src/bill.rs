//! What was paid: a bill is five numbers that add.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use crate::RunError;

/// What an evaluation costs, or did cost. Zero where unknown.
///
/// Bills add component by component. The counts saturate at `u64::MAX` instead of overflowing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Bill {
    /// Jobs submitted; a device queues per job.
    pub jobs: u64,
    /// Circuits executed, whatever their number of shots.
    pub circuits: u64,
    /// Shots over all circuits; 0 for exact values.
    pub shots: u64,
    /// Time on the device, in seconds.
    pub seconds: f64,
    /// Energy on the device, in joules.
    pub joules: f64,
}

impl Bill {
    /// The bill of nothing.
    pub const ZERO: Self = Self { jobs: 0, circuits: 0, shots: 0, seconds: 0.0, joules: 0.0 };
}

impl Bill {
    /// Checks that time and energy are finite and not negative.
    pub(crate) fn check(&self, step: u64) -> Result<(), RunError> {
        for (name, value) in [("seconds", self.seconds), ("joules", self.joules)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(RunError::Bill { name, value, step });
            }
        }
        Ok(())
    }
}

impl Add for Bill {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            jobs: self.jobs.saturating_add(other.jobs),
            circuits: self.circuits.saturating_add(other.circuits),
            shots: self.shots.saturating_add(other.shots),
            seconds: self.seconds + other.seconds,
            joules: self.joules + other.joules,
        }
    }
}

impl AddAssign for Bill {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Bill {
    fn sum<I: Iterator<Item = Self>>(bills: I) -> Self {
        bills.fold(Self::ZERO, Add::add)
    }
}

impl<'a> Sum<&'a Bill> for Bill {
    fn sum<I: Iterator<Item = &'a Self>>(bills: I) -> Self {
        bills.copied().sum()
    }
}
