//! What an answer cost, in the units a device is paid in.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// What a device would run, or ran, for an answer.
///
/// A simulator may obtain an answer by a shorter way (adjoint differentiation, tangent states); the bill still counts the jobs,
/// circuits and shots that a device would need for it. `seconds` and `joules` are filled in by a backend that models a device
/// and are 0 where nobody knows. Counts saturate: a sum beyond 64 bits stays at the largest number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Bill {
    /// Submissions to the backend; latency is paid once for each.
    pub jobs: u64,
    /// Circuits executed: one per binding or shift, data point and measurement group.
    pub circuits: u64,
    /// Repetitions of circuits; 0 for exact expectation values.
    pub shots: u64,
    /// Time on the device's own clock, in seconds.
    pub seconds: f64,
    /// Energy, in joules.
    pub joules: f64,
}

impl Bill {
    /// The bill of nothing.
    pub const ZERO: Self = Self { jobs: 0, circuits: 0, shots: 0, seconds: 0.0, joules: 0.0 };

    /// The bill of one job of `circuits` circuits with `shots` shots in total, on a device without a clock.
    #[must_use]
    pub const fn job(circuits: u64, shots: u64) -> Self {
        Self { jobs: 1, circuits, shots, seconds: 0.0, joules: 0.0 }
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

#[cfg(feature = "qopt")]
impl From<Bill> for qopt::Bill {
    fn from(bill: Bill) -> Self {
        Self { jobs: bill.jobs, circuits: bill.circuits, shots: bill.shots, seconds: bill.seconds, joules: bill.joules }
    }
}
