//! What the printed intervals and p-values are worth: simulated trials of 20 seeds whose losses have a known distribution, judged
//! by the functions that make the tables.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Binomial, Distribution, StandardNormal};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::tests::result;
use super::*;

const SEEDS: usize = 20;
const RATES: [f64; 6] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0];

/// `sqrt(p (1 - p) / repetitions)`.
fn sigma(p: f64, repetitions: usize) -> f64 {
    (p * (1.0 - p) / repetitions as f64).sqrt()
}

/// Mean losses at the rates, of Adam and of another method.
type Means = [[f64; 6]; 2];

/// One rate is best by far for both: 20 % less loss at the best one.
const CLEAR: Means = [[9.0, 9.0, 1.0, 9.0, 9.0, 9.0], [9.0, 9.0, 0.8, 9.0, 9.0, 9.0]];
/// All rates, and both methods, are the same.
const EQUAL: Means = [[1.0; 6]; 2];

/// Losses by method, rate and seed: the mean times `exp(c - 1/8)` of the seed times `exp(r - 0.08)` of the run, c and r normal with
/// standard deviations 0.5 and 0.4.
fn draw(means: &Means, rng: &mut ChaCha8Rng) -> [Vec<Vec<f64>>; 2] {
    let common: Vec<f64> = (0..SEEDS).map(|_| 0.5 * rng_normal(rng) - 0.125).collect();
    means.map(|of_method| {
        let of_rate = |mean: f64| common.iter().map(|c| mean * (c + 0.4 * rng_normal(rng) - 0.08).exp()).collect();
        of_method.map(of_rate).to_vec()
    })
}

fn rng_normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// One minus the ratio of the mean losses of the tuned methods. A run that is judged has no part in the choice of its rate, so
/// its mean loss is that of the rate; how often each rate is chosen by half of the seeds is counted.
fn true_change(means: &Means) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut sums = [0.0; 2];
    for _ in 0..2000 {
        for ((sum, losses), means) in sums.iter_mut().zip(draw(means, &mut rng)).zip(means) {
            for half in [0..SEEDS / 2, SEEDS / 2..SEEDS] {
                let of_rate = |k: usize| losses[k][half.clone()].iter().sum::<f64>();
                *sum += means[(0..6).min_by(|&a, &b| of_rate(a).total_cmp(&of_rate(b))).expect("six rates")];
            }
        }
    }
    1.0 - sums[1] / sums[0]
}

/// The share of simulated trials whose printed interval contains the true change.
fn coverage(means: &Means, repetitions: usize) -> f64 {
    let truth = true_change(means);
    let covers = |repetition: usize| {
        let [adam, ours] = draw(means, &mut ChaCha8Rng::seed_from_u64(1000 + repetition as u64))
            .map(|by_rate| Losses { rates: RATES.to_vec(), seeds: (0..SEEDS as u64).collect(), by_rate });
        let change = Change::between(&ours, &adam, "coverage").expect("enough seeds").expect("positive losses");
        change.lower <= truth && truth <= change.upper
    };
    let covered: usize = (0..repetitions).into_par_iter().map(|repetition| usize::from(covers(repetition))).sum();
    covered as f64 / repetitions as f64
}

/// Results of eight methods that are the same at every rate: frequencies of an outcome in 50 shots.
fn flat(rates: &[f64], rng: &mut ChaCha8Rng) -> Vec<TrialResult> {
    let counts = Binomial::new(50, 0.3).expect("a probability");
    let mut results = Vec::new();
    for method in ["adam", "a", "b", "c", "d", "e", "f", "g"] {
        for &rate in rates {
            results.extend((0..SEEDS as u64).map(|seed| result(method, rate, seed, counts.sample(rng) as f64 / 50.0)));
        }
    }
    results
}

/// The share of flat trials in which any method differs from Adam at 5 % after Holm.
fn false_alarms(rates: &[f64], repetitions: usize) -> f64 {
    let methods = ["adam", "a", "b", "c", "d", "e", "f", "g"].iter().fold(Methods::none(), |methods, name| {
        methods.with(*name, |s: &crate::Setup| s.descent(qopt::Sgd::new(s.rate)?))
    });
    let alarm = |repetition: usize| {
        let results = flat(rates, &mut ChaCha8Rng::seed_from_u64(repetition as u64));
        let (mut summaries, _) = tuned_methods(&results.iter().collect::<Vec<_>>(), &methods);
        set_p_values(&mut summaries, &methods, 1.0).expect("finite losses");
        assert!(summaries.iter().filter(|summary| summary.p_value.is_some()).count() > 4);
        summaries.iter().any(|summary| summary.p_value.is_some_and(|p| p <= 0.05))
    };
    let alarms: usize = (0..repetitions).into_par_iter().map(|repetition| usize::from(alarm(repetition))).sum();
    alarms as f64 / repetitions as f64
}

/// Whether a share of `repetitions` is one of 800 that NumPy found, within 3 standard errors of both.
#[track_caller]
fn is_that_of_numpy(found: f64, repetitions: usize, expected: f64) {
    let bound = 3.0 * (sigma(expected, repetitions).powi(2) + sigma(expected, 800).powi(2)).sqrt();
    assert!((found - expected).abs() < bound, "{found} instead of {expected}");
}

/// Of 20 seeds a bootstrap knows too little. Another program of the same rules found 0.905 and 0.881: below the nominal 0.95, and
/// that is what the documentation of [`Change`] says.
#[test]
fn printed_intervals_cover_less_than_their_level() {
    let repetitions = 240;
    let (clear, equal) = (coverage(&CLEAR, repetitions), coverage(&EQUAL, repetitions));
    println!("coverage where one rate is best: {clear}, where all are equal: {equal}");
    is_that_of_numpy(clear, repetitions, 0.905);
    is_that_of_numpy(equal, repetitions, 0.881);
    assert!(equal + 3.0 * sigma(0.95, repetitions) < 0.95, "{equal}: the documentation says less than it might");
}

/// With one rate, which nothing is chosen by, the level holds.
#[test]
fn flat_trials_at_one_rate_hold_the_level() {
    let rate = false_alarms(&RATES[..1], 1000);
    println!("false alarms at one rate: {rate}");
    assert!(rate <= 0.05 + 3.0 * sigma(0.05, 1000), "{rate}");
    assert!(rate > 0.005, "{rate}: the tests never fire");
}

/// With six rates it does not: each half of the seeds chooses the rate of the other, so that the pairs are not independent of each
/// other. Another program of the same rules found 0.098 (1500 and 500 trials); the documentation of [`MethodSummary::p_value`] says so.
#[test]
fn flat_trials_at_tuned_rates_exceed_the_level() {
    let rate = false_alarms(&RATES, 1000);
    println!("false alarms at tuned rates: {rate}");
    let bound = 3.0 * (sigma(0.098, 1000).powi(2) + sigma(0.098, 2000).powi(2)).sqrt();
    assert!((rate - 0.098).abs() < bound, "{rate}");
    assert!(rate > 0.05 + 3.0 * sigma(0.05, 1000), "{rate}: the documentation says more than it must");
}
