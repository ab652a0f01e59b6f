//! Bootstrap intervals of a statistic of independent units.

use rand::{Rng, RngExt};

use super::moments::unchecked_mean;
use super::quantile::of_sorted;
use super::{StatsError, check_level, normal};

/// A confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Nominal probability of covering the true value.
    pub level: f64,
}

impl Interval {
    /// Whether the interval, its ends included, contains `value`.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        self.lower <= value && value <= self.upper
    }

    /// `estimate -+ z * standard_error` with the normal quantile of the level.
    pub(super) fn normal(estimate: f64, standard_error: f64, level: f64) -> Self {
        let half = normal::two_sided(level) * standard_error;
        Self { lower: estimate - half, upper: estimate + half, level }
    }
}

/// How an interval is read off the resampled statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootstrapKind {
    /// Their quantiles at `(1 -+ level) / 2`.
    Percentile,
    /// Bias-corrected and accelerated: B. Efron, J. Am. Stat. Assoc. 82, 171 (1987). With z0 the normal quantile of the share
    /// of resamples below the estimate (ties count half) and a the acceleration from the jackknife, the ends are the
    /// quantiles at `Phi(z0 + (z0 + z) / (1 - a (z0 + z)))`, `z = Phi^-1((1 -+ level) / 2)`.
    Bca,
}

/// A bootstrap: how often to resample and which interval to make.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Bootstrap {
    /// Number of resamples; at least 100.
    pub resamples: usize,
    /// Nominal coverage of the interval, in (0, 1).
    pub level: f64,
    /// Kind of the interval.
    pub kind: BootstrapKind,
}

/// What a bootstrap found.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct BootstrapResult {
    /// The statistic of the data themselves.
    pub estimate: f64,
    /// Its interval.
    pub interval: Interval,
    /// Standard deviation of the resampled statistics.
    pub standard_error: f64,
    /// How it was made.
    pub bootstrap: Bootstrap,
}

impl Bootstrap {
    /// Interval of `statistic`, a function of a list of unit indices.
    ///
    /// Units must be independent of each other. What belongs together is one unit: for a paired comparison the unit is the
    /// seed, and `statistic` looks up both values of each index. Each resample draws `units` indices with replacement from
    /// `rng`. Cost: `resamples` (BCa: plus `units`) evaluations of the statistic on `units` indices.
    ///
    /// The bootstrap knows only the values that were drawn: few units, or a statistic that hangs on rare large values, make
    /// the interval too short. See [`super::Reliability`] for variances.
    ///
    /// # Errors
    ///
    /// [`StatsError::TooFew`] for fewer than two units or fewer than 100 resamples; [`StatsError::OutOfRange`] for the level;
    /// [`StatsError::UndefinedStatistic`] if the statistic is not finite on the data or a resample; [`StatsError::NoBca`].
    pub fn interval<R: Rng + ?Sized>(
        &self,
        units: usize,
        rng: &mut R,
        statistic: impl Fn(&[usize]) -> f64,
    ) -> Result<BootstrapResult, StatsError> {
        self.interval_from_draws(units, || rng.random_range(0..units), statistic)
    }

    /// [`Bootstrap::interval`] with the source of the indices as a function.
    pub(super) fn interval_from_draws(
        &self,
        units: usize,
        mut draw: impl FnMut() -> usize,
        statistic: impl Fn(&[usize]) -> f64,
    ) -> Result<BootstrapResult, StatsError> {
        check_level(self.level)?;
        if units < 2 {
            return Err(StatsError::TooFew { what: "a bootstrap", found: units, needed: 2 });
        }
        if self.resamples < 100 {
            return Err(StatsError::TooFew { what: "a bootstrap interval", found: self.resamples, needed: 100 });
        }
        let finite = |value: f64, resample| {
            if value.is_finite() { Ok(value) } else { Err(StatsError::UndefinedStatistic { resample, value }) }
        };
        let mut indices: Vec<usize> = (0..units).collect();
        let estimate = finite(statistic(&indices), None)?;
        let mut replicates = Vec::with_capacity(self.resamples);
        for resample in 0..self.resamples {
            indices.fill_with(&mut draw);
            replicates.push(finite(statistic(&indices), Some(resample))?);
        }

        let centre = unchecked_mean(&replicates);
        let squares: f64 = replicates.iter().map(|t| (t - centre).powi(2)).sum();
        let standard_error = (squares / (self.resamples - 1) as f64).sqrt();
        replicates.sort_by(f64::total_cmp);

        let tail = 0.5 * (1.0 - self.level);
        let (lower, upper) = match self.kind {
            BootstrapKind::Percentile => (tail, 1.0 - tail),
            BootstrapKind::Bca => {
                let below = replicates.iter().filter(|&&t| t < estimate).count();
                let not_above = replicates.iter().filter(|&&t| t <= estimate).count();
                let bias = normal::inverse_cdf((below + not_above) as f64 / (2 * self.resamples) as f64);
                let acceleration = acceleration(units, &statistic)?;
                let adjusted = |z: f64| {
                    let shifted = bias + z;
                    let denominator = 1.0 - acceleration * shifted;
                    if bias.is_finite() && denominator > 0.0 {
                        Ok(normal::cdf(bias + shifted / denominator))
                    } else {
                        Err(StatsError::NoBca { bias, acceleration })
                    }
                };
                let z = normal::two_sided(self.level);
                (adjusted(-z)?, adjusted(z)?)
            }
        };
        let interval =
            Interval { lower: of_sorted(&replicates, lower), upper: of_sorted(&replicates, upper), level: self.level };
        Ok(BootstrapResult { estimate, interval, standard_error, bootstrap: *self })
    }
}

/// Acceleration from the jackknife: with `d_i` the mean of the leave-one-out statistics minus that without unit `i`,
/// `sum d^3 / (6 (sum d^2)^(3/2))`; 0 if the statistic does not depend on the units.
fn acceleration(units: usize, statistic: impl Fn(&[usize]) -> f64) -> Result<f64, StatsError> {
    let mut without = Vec::with_capacity(units);
    for left_out in 0..units {
        let indices: Vec<usize> = (0..units).filter(|&index| index != left_out).collect();
        let value = statistic(&indices);
        if !value.is_finite() {
            return Err(StatsError::UndefinedStatistic { resample: None, value });
        }
        without.push(value);
    }
    let centre = unchecked_mean(&without);
    let squares: f64 = without.iter().map(|t| (centre - t).powi(2)).sum();
    let cubes: f64 = without.iter().map(|t| (centre - t).powi(3)).sum();
    Ok(if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 })
}
