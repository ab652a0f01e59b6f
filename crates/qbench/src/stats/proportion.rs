//! Intervals for a share of successes.

use super::normal::two_sided;

/// The Wilson score interval of a share of `count` trials at a nominal coverage `level` (E. B. Wilson, J. Am. Stat. Assoc. 22, 209
/// (1927)): never empty, also at 0 and 1. NaN unless `count` is positive and `0 < level < 1`.
#[must_use]
pub fn wilson(share: f64, count: f64, level: f64) -> (f64, f64) {
    if !(count > 0.0 && level > 0.0 && level < 1.0) {
        return (f64::NAN, f64::NAN);
    }
    let z = two_sided(level);
    let denominator = 1.0 + z * z / count;
    let center = (share + 0.5 * z * z / count) / denominator;
    let half = z / denominator * (share * (1.0 - share) / count + 0.25 * z * z / (count * count)).sqrt();
    ((center - half).max(0.0), (center + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::wilson;

    /// The closed forms at 0 and 1, and the defining equation in between.
    #[test]
    fn known_intervals() {
        let z2 = 1.959_963_984_540_054_f64.powi(2);
        let (lower, upper) = wilson(0.0, 20.0, 0.95);
        assert!(lower.abs() < 1e-15 && (upper - z2 / (20.0 + z2)).abs() < 1e-12);
        let (lower, upper) = wilson(1.0, 20.0, 0.95);
        assert!((lower - 20.0 / (20.0 + z2)).abs() < 1e-12 && (upper - 1.0).abs() < 1e-12);
        // The interval is where the score test does not reject: its ends solve (p - share)^2 = z^2 p (1 - p) / n.
        let (lower, upper) = wilson(0.35, 40.0, 0.95);
        for end in [lower, upper] {
            assert!(((end - 0.35_f64).powi(2) - z2 * end * (1.0 - end) / 40.0).abs() < 1e-12);
        }
        assert!(wilson(0.5, 0.0, 0.95).0.is_nan());
    }
}
