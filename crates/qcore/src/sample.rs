//! Exact multinomial sampling.

use rand::{Rng, RngExt};
use rand_distr::{Binomial, Distribution};

use crate::Error;

/// How many times each outcome occurs in `shots` independent draws from a distribution.
///
/// `weights` need not be normalized. The counts are an exact multinomial draw, whichever way is taken: conditional binomials
/// for each outcome where shots are many (cost: outcomes), or an alias table (A. J. Walker, ACM TOMS 3, 253 (1977)) and one
/// draw per shot where they are few (cost: outcomes + shots). The words read from `rng` depend on the weights, so every
/// circuit should have a stream of its own.
///
/// # Errors
///
/// [`Error::Weight`] for weights that are not finite, negative, or all zero.
///
/// ```
/// use rand::{SeedableRng, rngs::ChaCha8Rng};
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let counts = qcore::multinomial(&[0.5, 0.0, 0.5], 1000, &mut rng)?;
/// assert_eq!(counts.iter().sum::<u64>(), 1000);
/// assert_eq!(counts[1], 0);
/// # Ok::<(), qcore::Error>(())
/// ```
pub fn multinomial<R: Rng + ?Sized>(weights: &[f64], shots: u64, rng: &mut R) -> Result<Vec<u64>, Error> {
    let mut counts = vec![0; weights.len()];
    multinomial_into(weights, shots, rng, &mut counts)?;
    Ok(counts)
}

/// As [`multinomial`], into a slice as long as `weights`.
///
/// # Errors
///
/// As [`multinomial`].
///
/// # Panics
///
/// If `counts` has another length than `weights`.
pub fn multinomial_into<R: Rng + ?Sized>(
    weights: &[f64],
    shots: u64,
    rng: &mut R,
    counts: &mut [u64],
) -> Result<(), Error> {
    assert_eq!(weights.len(), counts.len(), "one count per weight");
    if let Some((index, &value)) = weights.iter().enumerate().find(|&(_, w)| !(w.is_finite() && *w >= 0.0)) {
        return Err(Error::Weight { index, value });
    }
    let total: f64 = weights.iter().sum();
    if total == 0.0 || !total.is_finite() {
        return Err(Error::Weight { index: 0, value: total });
    }
    counts.fill(0);
    // A binomial costs as much as a handful of table look-ups.
    if shots / 8 >= weights.len() as u64 {
        conditional_binomials(weights, shots, rng, counts);
    } else {
        let table = AliasTable::new(weights, total);
        for _ in 0..shots {
            counts[table.draw(rng)] += 1;
        }
    }
    Ok(())
}

fn conditional_binomials<R: Rng + ?Sized>(weights: &[f64], shots: u64, rng: &mut R, counts: &mut [u64]) {
    // Sums from the right are the exact denominators: subtracting from the total would lose the tail to rounding.
    let mut tails: Vec<f64> = weights.to_vec();
    for k in (0..tails.len().saturating_sub(1)).rev() {
        tails[k] += tails[k + 1];
    }
    let mut left = shots;
    for ((count, &weight), &tail) in counts.iter_mut().zip(weights).zip(&tails) {
        if left == 0 {
            return;
        }
        if weight == 0.0 {
            continue;
        }
        // The last outcome with weight has weight == tail and takes all that is left.
        *count = if weight >= tail {
            left
        } else {
            Binomial::new(left, weight / tail)
                .expect("a ratio of weights within their sum is a probability")
                .sample(rng)
        };
        left -= *count;
    }
}

/// Walker's alias table, with Vose's construction.
struct AliasTable {
    /// For each column: the share of it that is its own, scaled to 2^32, and the outcome that the rest belongs to.
    columns: Vec<(f64, u32)>,
}

impl AliasTable {
    fn new(weights: &[f64], total: f64) -> Self {
        let n = weights.len();
        let mut columns: Vec<(f64, u32)> =
            weights.iter().enumerate().map(|(k, &w)| (w * n as f64 / total, k as u32)).collect();
        let (mut small, mut large): (Vec<u32>, Vec<u32>) = (0..n as u32).partition(|&k| columns[k as usize].0 < 1.0);
        while let (Some(&under), Some(&over)) = (small.last(), large.last()) {
            small.pop();
            let missing = 1.0 - columns[under as usize].0;
            columns[under as usize].1 = over;
            columns[over as usize].0 -= missing;
            if columns[over as usize].0 < 1.0 {
                large.pop();
                small.push(over);
            }
        }
        // What is left differs from a full column by rounding only, unless it has no weight at all.
        for k in small.into_iter().chain(large) {
            if weights[k as usize] > 0.0 {
                columns[k as usize] = (1.0, k);
            }
        }
        Self { columns }
    }

    fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> usize {
        let column = rng.random_range(0..self.columns.len());
        let (own, alias) = self.columns[column];
        if rng.random::<f64>() < own { column } else { alias as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    /// Pearson's statistic against its own mean (k - 1) and variance: sum_i (1/p_i) terms included, for N shots.
    fn check(weights: &[f64], shots: u64, repetitions: u32) {
        let total: f64 = weights.iter().sum();
        let mut rng = ChaCha8Rng::seed_from_u64(2511);
        let p: Vec<f64> = weights.iter().map(|w| w / total).collect();
        let n = shots as f64;
        let mut sums = vec![(0.0, 0.0); p.len()];
        for _ in 0..repetitions {
            let counts = multinomial(weights, shots, &mut rng).expect("valid weights");
            assert_eq!(counts.iter().sum::<u64>(), shots);
            for ((sum, &count), &p) in sums.iter_mut().zip(&counts).zip(&p) {
                let deviation = count as f64 - n * p;
                sum.0 += deviation;
                sum.1 += deviation * deviation;
            }
        }
        let m = f64::from(repetitions);
        for (k, (&(mean, square), &p)) in sums.iter().zip(&p).enumerate() {
            let variance = n * p * (1.0 - p);
            if variance == 0.0 {
                assert_eq!(square, 0.0, "outcome {k} is certain or impossible");
                continue;
            }
            // Central fourth moment of a binomial, for the standard error of the second.
            let fourth = variance * (1.0 + 3.0 * (n - 2.0) * p * (1.0 - p));
            let mean_error = (variance / m).sqrt();
            let square_error = ((fourth - variance * variance) / m).sqrt();
            assert!((mean / m).abs() < 4.5 * mean_error, "outcome {k}: mean off by {}", mean / m / mean_error);
            assert!(
                (square / m - variance).abs() < 4.5 * square_error,
                "outcome {k}: variance off by {}",
                (square / m - variance) / square_error
            );
        }
    }

    #[test]
    fn counts_have_multinomial_moments_either_way() {
        let weights = [0.3, 0.0, 1e-3, 2.0, 0.7, 0.05, 0.0];
        check(&weights, 20, 4000);
        check(&weights, 2000, 4000);
        check(&[0.0, 5.0, 0.0], 17, 10);
        check(&[0.0, 5.0, 0.0], 170, 10);
    }

    #[test]
    fn bad_weights_are_refused() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for bad in [&[0.5, -0.1][..], &[0.5, f64::NAN], &[0.5, f64::INFINITY], &[0.0, 0.0], &[]] {
            assert!(matches!(multinomial(bad, 10, &mut rng), Err(Error::Weight { .. })), "{bad:?}");
        }
    }

    #[test]
    fn no_shots_no_counts() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        assert_eq!(multinomial(&[1.0, 1.0], 0, &mut rng), Ok(vec![0, 0]));
    }
}
