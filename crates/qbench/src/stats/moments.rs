//! Means, variances and higher central moments.

use super::{StatsError, check};

/// Mean `(1/N) sum x`.
///
/// # Errors
///
/// [`StatsError::TooFew`] without values, [`StatsError::NotFinite`].
pub fn mean(values: &[f64]) -> Result<f64, StatsError> {
    check("a mean", values, 1)?;
    Ok(unchecked_mean(values))
}

pub(super) fn unchecked_mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Unbiased variance `sum (x - mean)^2 / (N - 1)`, in two passes.
///
/// # Errors
///
/// [`StatsError::TooFew`] for fewer than two values, [`StatsError::NotFinite`].
pub fn sample_variance(values: &[f64]) -> Result<f64, StatsError> {
    check("a sample variance", values, 2)?;
    let centre = unchecked_mean(values);
    let squares: f64 = values.iter().map(|x| (x - centre).powi(2)).sum();
    Ok(squares / (values.len() - 1) as f64)
}

/// Standard error of the mean `sqrt(sample variance / N)`.
///
/// # Errors
///
/// Those of [`sample_variance`].
pub fn standard_error(values: &[f64]) -> Result<f64, StatsError> {
    Ok((sample_variance(values)? / values.len() as f64).sqrt())
}

/// Running count, mean and central moment sums `M_k = sum (x - mean)^k` for k = 2, 3, 4, in one pass.
///
/// Update by Welford's method, merge by the pairwise formulas of T. F. Chan, G. H. Golub and R. J. LeVeque (1979), extended to
/// the third and fourth moment by P. Pebay, Sandia report SAND2008-6212 (2008), equations 3.1 to 3.3. Merging in another
/// order changes the last bits: merge in a fixed one.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Moments {
    count: u64,
    mean: f64,
    m2: f64,
    m3: f64,
    m4: f64,
}

impl Moments {
    /// No values yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one value. A value that is not finite makes everything but the count not finite.
    pub fn push(&mut self, value: f64) {
        *self = self.merge(&Self { count: 1, mean: value, ..Self::default() });
    }

    /// The moments of both sets of values together.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        if self.count == 0 {
            return *other;
        }
        if other.count == 0 {
            return *self;
        }
        let (a, b) = (self.count as f64, other.count as f64);
        let n = a + b;
        let delta = other.mean - self.mean;
        let delta_n = delta / n;
        let cross = delta * delta_n * a * b;
        Self {
            count: self.count + other.count,
            mean: self.mean + delta_n * b,
            m2: self.m2 + other.m2 + cross,
            m3: self.m3 + other.m3 + cross * delta_n * (a - b) + 3.0 * delta_n * (a * other.m2 - b * self.m2),
            m4: self.m4
                + other.m4
                + cross * delta_n * delta_n * (a * a - a * b + b * b)
                + 6.0 * delta_n * delta_n * (a * a * other.m2 + b * b * self.m2)
                + 4.0 * delta_n * (a * other.m3 - b * self.m3),
        }
    }

    /// Number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Mean; `None` without values.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// Unbiased variance `M_2 / (N - 1)`; `None` for fewer than two values.
    #[must_use]
    pub fn sample_variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.m2 / (self.count - 1) as f64)
    }

    /// Standard error of the mean; `None` for fewer than two values.
    #[must_use]
    pub fn standard_error(&self) -> Option<f64> {
        self.sample_variance().map(|variance| (variance / self.count as f64).sqrt())
    }

    /// Second central moment `M_2 / N`; `None` without values.
    #[must_use]
    pub fn second_central_moment(&self) -> Option<f64> {
        (self.count > 0).then(|| self.m2 / self.count as f64)
    }

    /// Third central moment `M_3 / N`; `None` without values.
    #[must_use]
    pub fn third_central_moment(&self) -> Option<f64> {
        (self.count > 0).then(|| self.m3 / self.count as f64)
    }

    /// Fourth central moment `M_4 / N`; `None` without values.
    #[must_use]
    pub fn fourth_central_moment(&self) -> Option<f64> {
        (self.count > 0).then(|| self.m4 / self.count as f64)
    }
}

impl Extend<f64> for Moments {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.push(value));
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut moments = Self::new();
        moments.extend(values);
        moments
    }
}
