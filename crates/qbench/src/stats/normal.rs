//! The standard normal distribution, to about 1e-11 (the accuracy of `statrs`' error function).

use statrs::function::erf::{erfc, erfc_inv};

/// Distribution function.
pub(super) fn cdf(z: f64) -> f64 {
    0.5 * erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// Inverse of [`cdf`] for `0 < p < 1`.
pub(crate) fn inverse_cdf(p: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * p)
}

/// Half width in standard errors of a two-sided interval: 1.96 for level 0.95.
pub(crate) fn two_sided(level: f64) -> f64 {
    -inverse_cdf(0.5 * (1.0 - level))
}

#[cfg(test)]
mod tests {
    // scipy.stats.norm.cdf / ppf, SciPy 1.17.1.
    #[test]
    fn equals_scipy() {
        for (z, p) in [(-3.7, 1.0779973347738824e-4), (-1.0, 0.15865525393145707), (0.3, 0.6179114221889526)] {
            assert!((super::cdf(z) - p).abs() < 1e-10 * p, "{z}: {}", super::cdf(z));
        }
        for (p, z) in [(0.001, -3.090232306167813), (0.025, -1.9599639845400545), (0.8, 0.8416212335729142)] {
            assert!((super::inverse_cdf(p) - z).abs() < 1e-13, "{p}: {}", super::inverse_cdf(p));
        }
        assert!((super::two_sided(0.95) - 1.959963984540054).abs() < 1e-13);
    }
}
