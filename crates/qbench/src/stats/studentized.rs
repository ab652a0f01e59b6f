//! Studentized bootstrap intervals of a variance on the logarithmic scale.

use rand::{Rng, RngExt};

use super::quantile::of_sorted;
use super::{Centre, Interval, StatsError, VarianceEstimate, check_level};

/// Fewest samples: with fewer a resample of one and the same value is not rare.
const FEWEST: usize = 10;

impl VarianceEstimate {
    /// Interval by the studentized bootstrap of `ln v`.
    ///
    /// With `s` the standard error of `v` from its own samples, the distribution of `t* = (ln v* - ln v) / (s* / v*)` over
    /// resamples stands for that of `(ln v - ln sigma^2) / (s / v)`; the ends are `v exp(-t s / v)` at the quantiles of `t*` (P.
    /// Hall, Ann. Stat. 16, 927 (1988), with the transformation that makes the error of a variance nearly constant). It knows
    /// that a sample without its rare large values has too small an error as well, which a percentile bootstrap does not.
    ///
    /// Simulated coverage of nominal 95 % intervals for gradients of the product ansatz at local and global cost, 2 to 12 qubits,
    /// 100 to 2000 samples, 200 repetitions each: 0.92 to 0.98 where the typical
    /// [effective number](super::Reliability) of samples is above 10 (percentile: 0.86 to 0.97), 0.87 to 0.94 between 4.5 and
    /// 10 (0.76 to 0.90), and down to 0.69 (0.28) at 1.7. See [`Self::reliability`].
    ///
    /// The upper end is [`f64::MAX`] where so few samples carry the sum that nothing bounds the variance. Cost: `resamples` passes
    /// over the samples.
    ///
    /// # Errors
    ///
    /// [`StatsError::TooFew`] for fewer than 10 samples or 100 resamples, [`StatsError::OutOfRange`] for the level, and also if
    /// the variance is 0.
    pub fn log_studentized_interval<R: Rng + ?Sized>(
        &self,
        resamples: usize,
        level: f64,
        rng: &mut R,
    ) -> Result<Interval, StatsError> {
        check_level(level)?;
        let too_few = |what, found, needed| Err(StatsError::TooFew { what, found, needed });
        if self.samples() < FEWEST {
            return too_few("a studentized interval", self.samples(), FEWEST);
        }
        if resamples < 100 {
            return too_few("a bootstrap interval", resamples, 100);
        }
        let value = self.value();
        if value == 0.0 {
            let what = "the variance on the logarithmic scale";
            return Err(StatsError::OutOfRange { what, value: 0.0, allowed: "more than 0" });
        }
        // In units of the root of the estimate.
        let unit = value.sqrt();
        let scaled: Vec<f64> = self.deviations.iter().map(|d| d / unit).collect();
        let (_, relative) = self.scaled_estimate(scaled.iter().copied());
        if relative == 0.0 {
            return Ok(Interval { lower: value, upper: value, level });
        }
        let mut t: Vec<f64> = (0..resamples)
            .map(|_| {
                let draws = (0..scaled.len()).map(|_| scaled[rng.random_range(0..scaled.len())]);
                let (value, relative) = self.scaled_estimate(draws);
                // One and the same value throughout says nothing about the error.
                if value > 0.0 && relative > 0.0 { value.ln() / relative } else { f64::NEG_INFINITY }
            })
            .collect();
        t.sort_by(f64::total_cmp);
        let tail = 0.5 * (1.0 - level);
        let end = |p: f64| (value * (-of_sorted(&t, p) * relative).exp()).min(f64::MAX);
        Ok(Interval { lower: end(1.0 - tail), upper: end(tail), level })
    }

    /// The variance of samples whose squares are about 1, and its relative standard error.
    fn scaled_estimate(&self, samples: impl ExactSizeIterator<Item = f64>) -> (f64, f64) {
        let count = samples.len() as f64;
        // With y = x^2 - 1 nothing large cancels in E x^4 - (E x^2)^2.
        let [mut x1, mut y1, mut y2, mut x3] = [0.0; 4];
        for x in samples {
            let y = x * x - 1.0;
            x1 += x;
            y1 += y;
            y2 += y * y;
            x3 += y * x;
        }
        let [x1, y1, y2, x3] = [x1, y1, y2, x3].map(|sum| sum / count);
        let (value, error_squared) = match self.centre {
            Centre::Zero => (1.0 + y1, (y2 - y1 * y1) / (count - 1.0)),
            Centre::Unknown => {
                // Central moments, and m4 - m2^2 by the same y: x -> x - x1 adds -2 x1 x + x1^2 to it.
                let m2 = 1.0 + y1 - x1 * x1;
                let spread = y2 - y1 * y1 - 4.0 * x1 * (x3 - x1 * y1) + 4.0 * x1 * x1 * m2;
                let s2 = m2 * count / (count - 1.0);
                // `error_of_sample_variance` with m4 = m2^2 + spread.
                let rest = m2 * m2 - s2 * s2 * (count - 3.0) / (count - 1.0);
                (s2, (spread + rest) / count)
            }
        };
        (value, error_squared.max(0.0).sqrt() / value)
    }
}
