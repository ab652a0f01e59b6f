//! How a variance decays with the number of qubits: exponentially, as a power, or not decidable.

use std::fmt;

use statrs::function::gamma::checked_gamma_ur;

use super::{Interval, StatsError, check, check_level};

/// Fewest distinct abscissas from which two laws of two parameters each are compared.
const FEWEST_ABSCISSAS: usize = 4;

/// AIC difference from which one law is preferred: the other's relative likelihood exp(-6/2) is below 0.05.
const DECISIVE_AIC: f64 = 6.0;

/// A weighted straight line `y = intercept + slope x`.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LineFit {
    /// Intercept.
    pub intercept: f64,
    /// Slope.
    pub slope: f64,
    /// Standard error of the slope that follows from those of the ordinates.
    pub slope_standard_error: f64,
    /// Weighted sum of squared residuals.
    pub chi_squared: f64,
    /// Number of points less two.
    pub degrees_of_freedom: usize,
}

impl LineFit {
    /// Interval of the slope, `slope -+ z * slope_standard_error` with normal z. It takes the line for true; see
    /// [`Self::p_value`].
    ///
    /// # Errors
    ///
    /// [`StatsError::OutOfRange`] for the level.
    pub fn slope_interval(&self, level: f64) -> Result<Interval, StatsError> {
        check_level(level)?;
        Ok(Interval::normal(self.slope, self.slope_standard_error, level))
    }

    /// Probability of a chi-squared at least this large if the line is true and the standard errors are right; `None` for
    /// two points, which fit every line.
    #[must_use]
    pub fn p_value(&self) -> Option<f64> {
        if self.degrees_of_freedom == 0 {
            return None;
        }
        if self.chi_squared == 0.0 {
            return Some(1.0);
        }
        checked_gamma_ur(0.5 * self.degrees_of_freedom as f64, 0.5 * self.chi_squared).ok()
    }
}

/// Weighted least squares of a straight line, with weights `1 / standard_error^2` and the standard errors taken as known.
///
/// With `x0 = sum w x / sum w` and `Sxx = sum w (x - x0)^2`: `slope = sum w (x - x0) y / Sxx`, `var(slope) = 1 / Sxx`.
///
/// # Errors
///
/// [`StatsError::Lengths`], [`StatsError::TooFew`] for fewer than two points, [`StatsError::NotFinite`],
/// [`StatsError::OutOfRange`] unless all standard errors are positive (and their inverse squares finite and not 0),
/// [`StatsError::OneAbscissa`].
pub fn fit_line(x: &[f64], y: &[f64], standard_errors: &[f64]) -> Result<LineFit, StatsError> {
    for other in [y, standard_errors] {
        if other.len() != x.len() {
            return Err(StatsError::Lengths { left: x.len(), right: other.len() });
        }
    }
    for values in [x, y, standard_errors] {
        check("a line", values, 2)?;
    }
    let weights: Vec<f64> = standard_errors.iter().map(|error| 1.0 / (error * error)).collect();
    if let Some(index) =
        (0..x.len()).find(|&i| !(standard_errors[i] > 0.0 && weights[i] > 0.0 && weights[i].is_finite()))
    {
        let value = standard_errors[index];
        return Err(StatsError::OutOfRange { what: "a standard error", value, allowed: "more than 0" });
    }
    if x.iter().all(|value| *value == x[0]) {
        return Err(StatsError::OneAbscissa { x: x[0] });
    }
    let total: f64 = weights.iter().sum();
    let weighted_mean = |values: &[f64]| weights.iter().zip(values).map(|(w, v)| w * v).sum::<f64>() / total;
    let (x0, y0) = (weighted_mean(x), weighted_mean(y));
    let (mut sxx, mut sxy) = (0.0, 0.0);
    for ((w, x), y) in weights.iter().zip(x).zip(y) {
        sxx += w * (x - x0).powi(2);
        sxy += w * (x - x0) * (y - y0);
    }
    let slope = sxy / sxx;
    let intercept = y0 - slope * x0;
    let chi_squared = weights.iter().zip(x).zip(y).map(|((w, x), y)| w * (y - y0 - slope * (x - x0)).powi(2)).sum();
    let fit = LineFit {
        intercept,
        slope,
        slope_standard_error: 1.0 / sxx.sqrt(),
        chi_squared,
        degrees_of_freedom: x.len() - 2,
    };
    for (index, value) in [intercept, slope, fit.slope_standard_error, chi_squared].into_iter().enumerate() {
        if !value.is_finite() {
            return Err(StatsError::NotFinite { index, value });
        }
    }
    Ok(fit)
}

/// A variance at one number of qubits.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DecayPoint {
    /// Number of qubits n.
    pub qubits: f64,
    /// Natural logarithm of the variance.
    pub log_variance: f64,
    /// Standard error of the logarithm.
    pub standard_error: f64,
}

impl DecayPoint {
    /// From a variance and its standard error; that of the logarithm is `standard_error / variance` to first order.
    ///
    /// # Errors
    ///
    /// [`StatsError::OutOfRange`] unless all three are positive and finite.
    pub fn new(qubits: f64, variance: f64, standard_error: f64) -> Result<Self, StatsError> {
        for (what, value) in
            [("the number of qubits", qubits), ("a variance", variance), ("a standard error", standard_error)]
        {
            if !(value > 0.0 && value.is_finite()) {
                return Err(StatsError::OutOfRange { what, value, allowed: "more than 0 and finite" });
            }
        }
        Ok(Self { qubits, log_variance: variance.ln(), standard_error: standard_error / variance })
    }
}

/// What a set of variances says about the law of their decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecayLaw {
    /// `log v = a + b n` is preferred.
    Exponential,
    /// `log v = a + b log n` is preferred.
    PowerLaw,
    /// Too few sizes, too short a range or too large errors to prefer one.
    CannotTell,
}

/// Both fits and the verdict.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DecayComparison {
    /// `log v` against `n`: the slope is the decay per qubit, in nats.
    pub exponential: LineFit,
    /// `log v` against `log n`: the slope is the power.
    pub power_law: LineFit,
    /// AIC of the power law minus AIC of the exponential; positive speaks for the exponential. Both laws have two parameters
    /// and the errors are known, so it is the difference of the two chi-squared.
    pub delta_aic: f64,
    /// Chi-squared per degree of freedom of the better fit, but at least 1: the difference is divided by it before it is
    /// judged, so that two bad fits do not count as a decision (the quasi-AIC of K. P. Burnham and D. R. Anderson, Model
    /// Selection and Multimodel Inference, 2nd ed. (2002), section 2.5).
    pub inflation: f64,
    /// The verdict: a law if there are at least 4 different n and `|delta_aic| / inflation >= 6`, which leaves the other law a
    /// relative likelihood below 0.05; else "cannot tell".
    pub law: DecayLaw,
}

/// Fits an exponential and a power law to the variances and says whether one of them is preferred.
///
/// # Errors
///
/// Those of [`fit_line`]; [`StatsError::OutOfRange`] unless all numbers of qubits are positive.
pub fn compare_decay(points: &[DecayPoint]) -> Result<DecayComparison, StatsError> {
    if let Some(point) = points.iter().find(|point| point.qubits.is_nan() || point.qubits <= 0.0) {
        let value = point.qubits;
        return Err(StatsError::OutOfRange { what: "the number of qubits", value, allowed: "more than 0" });
    }
    let n: Vec<f64> = points.iter().map(|point| point.qubits).collect();
    let log_n: Vec<f64> = n.iter().map(|n| n.ln()).collect();
    let y: Vec<f64> = points.iter().map(|point| point.log_variance).collect();
    let errors: Vec<f64> = points.iter().map(|point| point.standard_error).collect();
    let exponential = fit_line(&n, &y, &errors)?;
    let power_law = fit_line(&log_n, &y, &errors)?;

    let delta_aic = power_law.chi_squared - exponential.chi_squared;
    let better = power_law.chi_squared.min(exponential.chi_squared);
    let inflation = match exponential.degrees_of_freedom {
        0 => 1.0,
        degrees => (better / degrees as f64).max(1.0),
    };
    let mut sizes = n;
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    let law = if sizes.len() < FEWEST_ABSCISSAS || delta_aic.abs() / inflation < DECISIVE_AIC {
        DecayLaw::CannotTell
    } else if delta_aic > 0.0 {
        DecayLaw::Exponential
    } else {
        DecayLaw::PowerLaw
    };
    Ok(DecayComparison { exponential, power_law, delta_aic, inflation, law })
}

/// The verdict in plain words, for a report.
impl fmt::Display for DecayComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let difference = self.delta_aic.abs() / self.inflation;
        match self.law {
            DecayLaw::Exponential => write!(
                f,
                "exponential decay, {:.3} per qubit in the logarithm, preferred to a power law by an AIC difference of {difference:.1}",
                self.exponential.slope
            ),
            DecayLaw::PowerLaw => write!(
                f,
                "power law n^{:.2}, preferred to exponential decay by an AIC difference of {difference:.1}",
                self.power_law.slope
            ),
            DecayLaw::CannotTell => write!(
                f,
                "cannot tell exponential decay from a power law: these sizes and errors give an AIC difference of {difference:.1} \
                 (at least 4 sizes and {DECISIVE_AIC:.0} are needed)"
            ),
        }
    }
}
