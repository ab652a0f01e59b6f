//! Exact multinomial sampling.

use rand::Rng;
use smallvec::SmallVec;

use crate::Error;
use crate::binomial::{binomial, uniform};

/// How many times each outcome occurs in `shots` independent draws from a distribution.
///
/// `weights` need not be normalized. The counts are an exact multinomial draw, whichever way is taken: conditional binomials
/// for each outcome where shots are many (cost: outcomes), or a guide table and one draw per shot where they are few (cost: outcomes
/// plus shots). More than 4096 outcomes are divided into runs, and the shots among the runs by binomials first. The words read from
/// `rng` depend on the weights, so every circuit should have a stream of its own.
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
    let mut guide = Guide::default();
    if weights.len() <= RUN {
        draw(weights, shots, rng, counts, &mut guide);
    } else {
        // First how many shots fall into each run of outcomes, then each run by itself: its table stays in the cache.
        let sums: Vec<f64> = weights.chunks(RUN).map(|run| run.iter().sum()).collect();
        let mut shares = vec![0; sums.len()];
        conditional_binomials(&sums, shots, rng, &mut shares);
        for ((run, counts), &share) in weights.chunks(RUN).zip(counts.chunks_mut(RUN)).zip(&shares) {
            if share > 0 {
                draw(run, share, rng, counts, &mut guide);
            }
        }
    }
    Ok(())
}

/// Outcomes of one guide table at most.
const RUN: usize = 1 << 12;

/// Adds the counts of `shots` draws to `counts`, which are 0; some weight is positive.
fn draw<R: Rng + ?Sized>(weights: &[f64], shots: u64, rng: &mut R, counts: &mut [u64], guide: &mut Guide) {
    // A binomial costs as much as a handful of table look-ups.
    if shots / 8 >= weights.len() as u64 {
        conditional_binomials(weights, shots, rng, counts);
    } else {
        guide.fill(weights, shots);
        for _ in 0..shots {
            counts[guide.draw(rng)] += 1;
        }
    }
}

fn conditional_binomials<R: Rng + ?Sized>(weights: &[f64], shots: u64, rng: &mut R, counts: &mut [u64]) {
    // Sums from the right are the exact denominators: subtracting from the total would lose the tail to rounding.
    let mut tails: SmallVec<[f64; 32]> = SmallVec::from_slice(weights);
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
        *count = if weight >= tail { left } else { binomial(left, weight / tail, rng) };
        left -= *count;
    }
}

/// Cumulative weights with a guide: where to begin the search in them, for each of equal intervals (H.-C. Chen and Y. Asau, AIIE
/// Transactions 6, 163 (1974)).
#[derive(Default)]
struct Guide {
    cumulative: Vec<f64>,
    starts: Vec<u32>,
    intervals: f64,
    /// The last outcome that has a weight: no rounding leads beyond it.
    last: usize,
}

impl Guide {
    /// For so many draws: few of them are not worth many intervals.
    fn fill(&mut self, weights: &[f64], shots: u64) {
        let mut sum = 0.0;
        self.cumulative.clear();
        self.cumulative.extend(weights.iter().map(|weight| {
            sum += weight;
            sum
        }));
        self.last = weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(0);
        let most = 2 * weights.len().next_power_of_two();
        let intervals = usize::try_from(shots).map_or(most, |shots| (2 * shots).next_power_of_two().max(4).min(most));
        // Counting the outcomes that end before an interval has no branch. Rounding up makes a search begin early rather than late.
        self.starts.clear();
        self.starts.resize(intervals + 2, 0);
        // Weights so small that the scale is infinite are brought into range first, exactly.
        let up = if sum < 1e-250 { 2.0_f64.powi(300) } else { 1.0 };
        let scale = intervals as f64 / (sum * up) * (1.0 + 8.0 * f64::EPSILON);
        for &end in &self.cumulative[..self.last] {
            self.starts[((end * up * scale) as usize + 1).min(intervals + 1)] += 1;
        }
        let mut passed = 0;
        for start in &mut self.starts {
            passed += *start;
            *start = passed;
        }
        self.intervals = intervals as f64;
    }

    fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> usize {
        let u = uniform(rng);
        let mut outcome = self.starts[(u * self.intervals) as usize] as usize;
        let place = u * self.cumulative[self.last];
        while outcome < self.last && self.cumulative[outcome] <= place {
            outcome += 1;
        }
        outcome
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
        // Several runs of outcomes, one of them empty; three outcomes share a run of their own.
        let mut many = vec![0.0; 3 * RUN + 3];
        for (k, weight) in [(0, 1.0), (7, 0.5), (RUN, 0.25), (2 * RUN - 1, 2.0), (3 * RUN + 2, 0.125)] {
            many[k] = weight;
        }
        check(&many, 40, 1500);
    }

    #[test]
    fn bad_weights_are_refused() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for bad in [&[0.5, -0.1][..], &[0.5, f64::NAN], &[0.5, f64::INFINITY], &[0.0, 0.0], &[]] {
            assert!(matches!(multinomial(bad, 10, &mut rng), Err(Error::Weight { .. })), "{bad:?}");
        }
    }

    /// Whatever their scale.
    #[test]
    fn tiny_and_huge_weights_are_drawn_alike() {
        let counts = |scale: f64| {
            let weights = [0.125, 0.5, 0.375].map(|weight| weight * scale);
            let mut rng = ChaCha8Rng::seed_from_u64(5);
            [1, 6].map(|shots| multinomial(&weights, shots, &mut rng).expect("weights"))
        };
        for power in [-1068, -1030, -900, 1000] {
            assert_eq!(counts(2.0_f64.powi(power / 2) * 2.0_f64.powi(power - power / 2)), counts(1.0), "2^{power}");
        }
    }

    #[test]
    fn one_outcome_takes_all_shots() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for shots in 0..20 {
            assert_eq!(multinomial(&[0.7], shots, &mut rng), Ok(vec![shots]));
        }
    }

    #[test]
    fn no_shots_no_counts() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        assert_eq!(multinomial(&[1.0, 1.0], 0, &mut rng), Ok(vec![0, 0]));
    }
}
