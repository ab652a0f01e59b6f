//! Statistics of experiments: moments, intervals, paired comparisons, variances with heavy tails and how they decay.
//!
//! Every function takes plain slices, refuses values that are not finite, and adds in the order of its input, so equal input
//! gives equal bytes. Random numbers come from the generator that is handed in.

mod bootstrap;
mod decay;
mod error;
mod moments;
pub(crate) mod normal;
mod paired;
mod proportion;
mod quantile;
mod studentized;
mod variance;

pub use bootstrap::{Bootstrap, BootstrapKind, BootstrapResult, Interval};
pub use decay::{DecayComparison, DecayLaw, DecayPoint, LineFit, compare_decay, fit_line};
pub use error::StatsError;
pub use moments::{Moments, mean, sample_variance, standard_error};
pub use paired::{
    Wilcoxon, WilcoxonMethod, holm, mean_difference, relative_reduction, relative_reduction_interval,
    wilcoxon_signed_rank,
};
pub use proportion::wilson;
pub use quantile::{median, quantile};
pub use variance::{Centre, Reliability, Trust, VarianceEstimate};

/// Checks that there are at least `needed` values and that all of them are finite.
fn check(what: &'static str, values: &[f64], needed: usize) -> Result<(), StatsError> {
    if values.len() < needed {
        return Err(StatsError::TooFew { what, found: values.len(), needed });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(StatsError::NotFinite { index, value: values[index] }),
        None => Ok(()),
    }
}

/// Checks a confidence level.
fn check_level(level: f64) -> Result<(), StatsError> {
    if level > 0.0 && level < 1.0 {
        return Ok(());
    }
    Err(StatsError::OutOfRange { what: "the confidence level", value: level, allowed: "more than 0 and less than 1" })
}

#[cfg(test)]
mod coverage_tests;
#[cfg(test)]
mod tests;
