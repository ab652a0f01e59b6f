//! A number with its standard error.

/// An estimate: a value, its standard error, and the shots it rests on.
///
/// `std_error` is the standard deviation of `value` itself (the error of the mean), not that of a single shot; the latter is
/// [`Estimate::outcome_variance`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Its standard error; 0 for an exact value.
    pub std_error: f64,
    /// Shots it rests on; 0 for an exact value and for a mean over trajectories.
    pub shots: u64,
}

impl Estimate {
    /// An exact value.
    #[must_use]
    pub const fn exact(value: f64) -> Self {
        Self { value, std_error: 0.0, shots: 0 }
    }

    /// The variance of one shot, `shots * std_error^2`; 0 for an exact value.
    ///
    /// For a sum over several measurement groups this is the variance per shot of an even split.
    #[must_use]
    pub fn outcome_variance(&self) -> f64 {
        self.shots as f64 * self.std_error * self.std_error
    }
}
