//! Paired comparisons: two methods on the same seeds.

use rand::Rng;

use super::moments::unchecked_mean;
use super::{Bootstrap, BootstrapResult, StatsError, check, normal};

/// Up to this many differences the distribution of the signed-rank statistic is counted out.
const EXACT_UP_TO: usize = 50;

fn check_pairs(what: &'static str, a: &[f64], b: &[f64], needed: usize) -> Result<(), StatsError> {
    if a.len() != b.len() {
        return Err(StatsError::Lengths { left: a.len(), right: b.len() });
    }
    check(what, a, needed)?;
    check(what, b, needed)
}

/// Relative reduction of the mean `1 - mean(a) / mean(b)`: by how much `a` is below the reference `b`.
///
/// It is a ratio of means, not a mean of ratios, and makes sense only for a quantity with a true zero, such as a loss or an
/// excess energy.
///
/// # Errors
///
/// [`StatsError::OutOfRange`] unless `mean(b) > 0`; [`StatsError::Lengths`]; [`StatsError::TooFew`] without values;
/// [`StatsError::NotFinite`].
pub fn relative_reduction(a: &[f64], b: &[f64]) -> Result<f64, StatsError> {
    check_pairs("a relative reduction", a, b, 1)?;
    let reference = unchecked_mean(b);
    if reference <= 0.0 {
        return Err(StatsError::OutOfRange {
            what: "the mean of the reference",
            value: reference,
            allowed: "more than 0",
        });
    }
    Ok(1.0 - unchecked_mean(a) / reference)
}

/// [`relative_reduction`] with a bootstrap interval over pairs: `a[i]` and `b[i]` come from the same seed and are resampled
/// together.
///
/// # Errors
///
/// Those of [`relative_reduction`] and [`Bootstrap::interval`]; a resample whose reference mean is not positive is
/// [`StatsError::UndefinedStatistic`].
pub fn relative_reduction_interval<R: Rng + ?Sized>(
    a: &[f64],
    b: &[f64],
    bootstrap: &Bootstrap,
    rng: &mut R,
) -> Result<BootstrapResult, StatsError> {
    relative_reduction(a, b)?;
    bootstrap.interval(a.len(), rng, |seeds| {
        let reference: f64 = seeds.iter().map(|&i| b[i]).sum();
        let sum: f64 = seeds.iter().map(|&i| a[i]).sum();
        if reference > 0.0 { 1.0 - sum / reference } else { f64::NAN }
    })
}

/// Mean of the differences `a[i] - b[i]` with a bootstrap interval over pairs.
///
/// # Errors
///
/// [`StatsError::Lengths`], [`StatsError::NotFinite`], and those of [`Bootstrap::interval`].
pub fn mean_difference<R: Rng + ?Sized>(
    a: &[f64],
    b: &[f64],
    bootstrap: &Bootstrap,
    rng: &mut R,
) -> Result<BootstrapResult, StatsError> {
    check_pairs("a mean difference", a, b, 2)?;
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    bootstrap.interval(a.len(), rng, |seeds| seeds.iter().map(|&i| differences[i]).sum::<f64>() / seeds.len() as f64)
}

/// Where the p-value of a signed-rank test comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WilcoxonMethod {
    /// All sign patterns counted, with the ranks that the data have.
    Exact,
    /// Normal approximation with the tie correction of the variance, without continuity correction.
    Normal,
}

/// Result of a signed-rank test.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Wilcoxon {
    /// Sum of the ranks of positive differences.
    pub rank_sum_positive: f64,
    /// Sum of the ranks of negative differences.
    pub rank_sum_negative: f64,
    /// Differences that entered.
    pub used: usize,
    /// Differences of exactly 0, which were left out.
    pub zeros: usize,
    /// Two-sided p-value.
    pub p_value: f64,
    /// Where the p-value comes from.
    pub method: WilcoxonMethod,
}

/// Wilcoxon signed-rank test that the differences are symmetric about 0, two-sided.
///
/// Differences of 0 are left out before the ranks are made (Wilcoxon's own treatment; Pratt's would rank them and then leave them
/// out), and equal magnitudes get their mean rank. With N differences left, N at most 50, the p-value is exact, with ties too: the
/// share of the 2^N sign patterns, all equally likely, whose smaller rank sum is at most the one found. Above that it is normal:
/// `z = (W+ - N(N+1)/4) / sqrt(N(N+1)(2N+1)/24 - sum (t^3 - t)/48)` over groups of t ties. Equal means equal to the last bit: round
/// differences that rounding alone keeps apart. Without a difference that is not 0 the p-value is 1.
///
/// Cost: N^3 additions at most for an exact p-value. Source: F. Wilcoxon, Biometrics Bulletin 1, 80 (1945).
///
/// # Errors
///
/// [`StatsError::TooFew`] without differences, [`StatsError::NotFinite`].
pub fn wilcoxon_signed_rank(differences: &[f64]) -> Result<Wilcoxon, StatsError> {
    check("a signed-rank test", differences, 1)?;
    let mut ordered: Vec<f64> = differences.iter().copied().filter(|&d| d != 0.0).collect();
    ordered.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let used = ordered.len();

    // Twice the ranks: whole numbers, mean ranks of ties too.
    let mut doubled = Vec::with_capacity(used);
    let mut tie_term = 0.0;
    for group in ordered.chunk_by(|a, b| a.abs() == b.abs()) {
        let start = doubled.len();
        doubled.resize(start + group.len(), 2 * start + group.len() + 1);
        let ties = group.len() as f64;
        tie_term += ties * ties * ties - ties;
    }
    let positive: usize = ordered.iter().zip(&doubled).filter(|(d, _)| **d > 0.0).map(|(_, rank)| rank).sum();
    let negative = used * (used + 1) - positive;
    let (rank_sum_positive, rank_sum_negative) = (0.5 * positive as f64, 0.5 * negative as f64);

    let (method, p_value) = if used <= EXACT_UP_TO {
        (WilcoxonMethod::Exact, exact_signed_rank(&doubled, positive.min(negative)))
    } else {
        let n = used as f64;
        let deviation = (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - tie_term / 48.0).sqrt();
        let z = (rank_sum_positive - n * (n + 1.0) / 4.0) / deviation;
        (WilcoxonMethod::Normal, 2.0 * normal::cdf(-z.abs()))
    };
    let zeros = differences.len() - used;
    Ok(Wilcoxon { rank_sum_positive, rank_sum_negative, used, zeros, p_value, method })
}

/// `min(1, 2 P(W <= smaller))` where each of the ranks counts with probability 1/2; ranks and sum are given doubled.
fn exact_signed_rank(doubled: &[usize], smaller: usize) -> f64 {
    // ways[w] = number of subsets with sum w; at most 2^50, so exact in f64. Larger sums do not matter.
    let mut ways = vec![0.0_f64; smaller + 1];
    ways[0] = 1.0;
    for &rank in doubled {
        for sum in (rank..=smaller).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    let tail: f64 = ways.iter().sum();
    (2.0 * tail / 2.0_f64.powi(doubled.len() as i32)).min(1.0)
}

/// Holm's step-down adjustment: p-values in the order given, adjusted so that "adjusted < alpha" keeps the probability of any
/// false rejection below alpha. With p sorted upwards: `max over j <= i of min(1, (m - j) p_(j))`, j from 0.
///
/// Source: S. Holm, Scand. J. Statist. 6, 65 (1979).
///
/// # Errors
///
/// [`StatsError::OutOfRange`] unless all are in 0..=1.
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, StatsError> {
    if let Some(&value) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(StatsError::OutOfRange { what: "a p-value", value, allowed: "0 to 1" });
    }
    let count = p_values.len();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; count];
    let mut floor = 0.0_f64;
    for (step, &index) in order.iter().enumerate() {
        floor = floor.max(((count - step) as f64 * p_values[index]).min(1.0));
        adjusted[index] = floor;
    }
    Ok(adjusted)
}
