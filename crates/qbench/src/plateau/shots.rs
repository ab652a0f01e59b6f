//! Shots: what they add to the spread of gradients, and how many a sign needs.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::stats::normal::{inverse_cdf, two_sided};
use crate::stats::{Interval, mean, standard_error};

/// What sampled gradients say about the landscape behind them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Landscape {
    /// The gradients spread more than their shot noise.
    Resolved {
        /// The variance of the exact gradient.
        value: f64,
        /// Its interval; it begins above 0.
        interval: Interval,
    },
    /// These shots cannot tell the gradients from 0: their spread is that of the shot noise.
    NotResolvable {
        /// Shots for each circuit.
        shots: u64,
        /// The largest variance that is compatible with the samples.
        upper: f64,
    },
}

/// The variance of sampled gradients in two parts: `Var(estimate) = Var(gradient) + E[shot variance] / S`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Separation {
    /// Variance of the sampled gradients.
    pub total: f64,
    /// Mean of their squared standard errors: what the shots add.
    pub shot_part: f64,
    /// Standard error of `shot_part`.
    pub shot_part_error: f64,
    /// `total - shot_part`, which may be negative by chance: unbiased.
    pub landscape_part: f64,
    /// Standard error of `landscape_part`.
    pub landscape_part_error: f64,
    /// Number of samples.
    pub samples: usize,
    /// The verdict at the level that was asked for.
    pub landscape: Landscape,
}

/// Separates landscape variance and shot variance of one gradient component, from samples `(estimate, standard error)` at
/// random points, each from `shots` shots per circuit.
///
/// The squared standard errors are unbiased for the shot variances, up to a relative error of the order `1/S` from Laplace's
/// rule, so `total - mean(standard error^2)` is unbiased for the variance of the exact gradient. Its own error is that of the
/// mean of `N/(N-1) (g_i - mean)^2 - e_i^2` over the samples, normal; where the interval at this level does not exclude 0, the
/// answer is [`Landscape::NotResolvable`].
///
/// # Errors
///
/// [`Error::Stats`] for fewer than two samples or values that are not finite, [`Error::Range`] for the level or 0 shots.
pub fn separate(samples: &[(f64, f64)], shots: u64, level: f64) -> Result<Separation, Error> {
    check_probability("the confidence level", level)?;
    if shots == 0 {
        return Err(Error::Range { what: "the number of shots", value: 0.0, allowed: "at least 1" });
    }
    let gradients: Vec<f64> = samples.iter().map(|(gradient, _)| *gradient).collect();
    let noise: Vec<f64> = samples.iter().map(|(_, error)| error * error).collect();
    let (centre, n) = (mean(&gradients)?, samples.len() as f64);
    let (shot_part, shot_part_error) = (mean(&noise)?, standard_error(&noise)?);
    let spread = |g: f64| n / (n - 1.0) * (g - centre).powi(2);
    let differences: Vec<f64> = gradients.iter().zip(&noise).map(|(&g, noise)| spread(g) - noise).collect();
    let (landscape_part, landscape_part_error) = (mean(&differences)?, standard_error(&differences)?);
    let half = two_sided(level) * landscape_part_error;
    let (lower, upper) = (landscape_part - half, (landscape_part + half).max(0.0));
    let landscape = if lower > 0.0 {
        Landscape::Resolved { value: landscape_part, interval: Interval { lower, upper, level } }
    } else {
        Landscape::NotResolvable { shots, upper }
    };
    Ok(Separation {
        total: landscape_part + shot_part,
        shot_part,
        shot_part_error,
        landscape_part,
        landscape_part_error,
        samples: samples.len(),
        landscape,
    })
}

/// Shots for each circuit that the sign of a component needs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShotsNeeded {
    /// The estimate and its interval.
    Resolvable {
        /// At the estimated values.
        shots: u64,
        /// At the favourable ends of their intervals.
        lower: u64,
        /// At the unfavourable ends; `None` if no number suffices there.
        upper: Option<u64>,
    },
    /// The component is 0 as far as can be told.
    NotResolvable {
        /// The shots for each circuit behind that finding; `None` if the values were exact.
        shots: Option<u64>,
    },
}

/// Shots for each circuit such that the sign of a component `g` is right with this probability: with `V` the variance of its
/// estimate for one shot per circuit, the estimate is normal with variance `V / S`, the sign is wrong with probability
/// `Phi(-|g| sqrt(S / V))`, and so `S = V (z / g)^2` with `z` the normal quantile of the confidence. At least 1.
///
/// `g` is the size of the component, its root mean square for a typical point of an ensemble. `None` if no number that fits
/// into 64 bits suffices.
///
/// # Errors
///
/// [`Error::Range`] unless the confidence is in (1/2, 1), and `g` and `V` are finite and `V` not negative.
pub fn shots_for_sign(g: f64, variance_per_shot: f64, confidence: f64) -> Result<Option<u64>, Error> {
    check_confidence(confidence)?;
    if !g.is_finite() {
        return Err(Error::Range { what: "the size of a gradient component", value: g, allowed: "finite" });
    }
    if !(variance_per_shot >= 0.0 && variance_per_shot.is_finite()) {
        let allowed = "0 or more, and finite";
        return Err(Error::Range { what: "the shot variance", value: variance_per_shot, allowed });
    }
    if variance_per_shot == 0.0 {
        return Ok(Some(1));
    }
    let z = inverse_cdf(confidence);
    // In this order nothing overflows before it has to.
    let shots = (variance_per_shot.sqrt() * z / g.abs()).powi(2).ceil().max(1.0);
    Ok((shots < u64::MAX as f64).then_some(shots as u64))
}

/// As [`shots_for_sign`] from a pilot estimate `g +- e` with `shots` shots for each circuit, whose errors count: the interval is
/// `S e^2 (z / (|g| -+ y e))^2` with `y` the two-sided normal quantile of the level. Where the interval of `g` holds 0, no number
/// of shots is known to suffice, and if it is within one standard error of 0 the answer is [`ShotsNeeded::NotResolvable`].
///
/// # Errors
///
/// As [`shots_for_sign`]; [`Error::Range`] also for the level, a standard error that is negative or not finite, or 0 shots.
pub fn shots_to_resolve(
    (g, std_error): (f64, f64),
    shots: u64,
    confidence: f64,
    level: f64,
) -> Result<ShotsNeeded, Error> {
    check_probability("the confidence level", level)?;
    if shots == 0 {
        return Err(Error::Range { what: "the number of shots", value: 0.0, allowed: "at least 1" });
    }
    let variance = shots as f64 * std_error * std_error;
    let needed = shots_for_sign(g, variance, confidence)?;
    if g.abs() <= std_error {
        return Ok(ShotsNeeded::NotResolvable { shots: Some(shots) });
    }
    let half = two_sided(level) * std_error;
    let lower = shots_for_sign(g.abs() + half, variance, confidence)?;
    let upper = if g.abs() > half { shots_for_sign(g.abs() - half, variance, confidence)? } else { None };
    Ok(match (needed, lower) {
        (Some(shots), Some(lower)) => ShotsNeeded::Resolvable { shots, lower, upper },
        _ => ShotsNeeded::NotResolvable { shots: Some(shots) },
    })
}

/// Checks a probability that is neither 0 nor 1.
pub(crate) fn check_probability(what: &'static str, value: f64) -> Result<(), Error> {
    if value > 0.0 && value < 1.0 {
        Ok(())
    } else {
        Err(Error::Range { what, value, allowed: "more than 0 and less than 1" })
    }
}

/// Checks the probability of a right sign.
pub(crate) fn check_confidence(confidence: f64) -> Result<(), Error> {
    if confidence > 0.5 && confidence < 1.0 {
        Ok(())
    } else {
        let allowed = "more than 0.5 (a guess) and less than 1";
        Err(Error::Range { what: "the confidence of a sign", value: confidence, allowed })
    }
}
