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

    /// The square of the distance from `target`, corrected for the noise of the value, and the variance of that.
    ///
    /// `E (f - y)^2 = (f_exact - y)^2 + Var f`: the plain square of a noisy value is too large by the variance of the value. Here the
    /// squared standard error is taken off, so the answer is unbiased up to what pseudo-counts add to that error (of order `1/S^2`), and
    /// can be negative. The variance `4 (f - y)^2 se^2 + 2 se^4` is that for a Gaussian value, with the plain square in it: on average it
    /// is `4 se^4` too large, never too small. For a product such as `2 (f - y) df` see [`Cotangents::OfValues`](crate::Cotangents::OfValues).
    #[must_use]
    pub fn squared_deviation(&self, target: f64) -> (f64, f64) {
        let noise = self.std_error * self.std_error;
        let square = (self.value - target).powi(2);
        (square - noise, 4.0 * square * noise + 2.0 * noise * noise)
    }

    /// An interval of `z` standard errors to either side (1.96 for 95 %), for a quantity of which one shot can take values that are
    /// `span` apart: `value +- z sqrt(std_error^2 + (span / shots)^2)`.
    ///
    /// The second term is one more pseudo-count than the standard error has. Without it the interval of a nearly certain outcome is right
    /// on average but too short just where no shot has shown the other outcome; with it a proportion is treated as `(k + 2) / (N + 4)`
    /// (A. Agresti and B. Coull, Am. Stat. 52, 119 (1998)) around `k / N`. For 95 %, coverage of a proportion is at least 93 % however close to 0
    /// or 1 it is, and the width is 0 only for exact values. [`Expectation::interval`](crate::Expectation::interval) knows the span.
    #[must_use]
    pub fn interval(&self, z: f64, span: f64) -> (f64, f64) {
        let least = if self.shots == 0 { 0.0 } else { span / self.shots as f64 };
        let half = z * self.std_error.hypot(least);
        (self.value - half, self.value + half)
    }
}
