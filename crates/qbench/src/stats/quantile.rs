//! Quantiles.

use super::{StatsError, check};

/// Quantile at probability `p`, linear between order statistics: type 7 of R. J. Hyndman and Y. Fan, The American
/// Statistician 50, 361 (1996), the default of NumPy and R. With `h = (N - 1) p`: `x_floor(h) + (h - floor(h))
/// (x_floor(h)+1 - x_floor(h))` on the sorted values. Cost O(N log N).
///
/// # Errors
///
/// [`StatsError::OutOfRange`] unless `0 <= p <= 1`, [`StatsError::TooFew`] without values, [`StatsError::NotFinite`].
pub fn quantile(values: &[f64], p: f64) -> Result<f64, StatsError> {
    if !(0.0..=1.0).contains(&p) {
        return Err(StatsError::OutOfRange { what: "the probability of a quantile", value: p, allowed: "0 to 1" });
    }
    check("a quantile", values, 1)?;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Ok(of_sorted(&sorted, p))
}

/// Median: the quantile at 1/2.
///
/// # Errors
///
/// [`StatsError::TooFew`] without values, [`StatsError::NotFinite`].
pub fn median(values: &[f64]) -> Result<f64, StatsError> {
    quantile(values, 0.5)
}

/// [`quantile`] of sorted, finite, at least one value.
pub(super) fn of_sorted(sorted: &[f64], p: f64) -> f64 {
    let h = (sorted.len() - 1) as f64 * p;
    let below = h.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let weight = h - h.floor();
    // This form stays within the two neighbours and is exact at both.
    (1.0 - weight) * sorted[below] + weight * sorted[above]
}
