//! Simulated coverage of intervals and verdicts, each against its own binomial bound.

use std::f64::consts::TAU;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

use super::*;

/// `sqrt(p (1 - p) / repetitions)`.
fn sigma(p: f64, repetitions: usize) -> f64 {
    (p * (1.0 - p) / repetitions as f64).sqrt()
}

/// Gradient component of the product ansatz RY(theta_i)|0> with global cost `1 - prod cos^2(theta_i / 2)`, at uniform angles:
/// `sin(theta_1) / 2 * prod_(i > 1) cos^2(theta_i / 2)`. Variance (1/8)(3/8)^(n-1), fourth moment (3/128)(35/128)^(n-1).
fn global_gradient(qubits: usize, rng: &mut ChaCha8Rng) -> f64 {
    let first = 0.5 * (TAU * rng.random::<f64>()).sin();
    (1..qubits).fold(first, |g, _| g * (0.5 * TAU * rng.random::<f64>()).cos().powi(2))
}

/// The same with local cost `1 - (1/n) sum cos^2(theta_i / 2)`: `sin(theta_1) / (2n)`. Variance 1/(8 n^2), fourth moment
/// (3/8) / (2n)^4.
fn local_gradient(qubits: usize, rng: &mut ChaCha8Rng) -> f64 {
    (TAU * rng.random::<f64>()).sin() / (2.0 * qubits as f64)
}

struct Coverage {
    bootstrap: f64,
    sample_moment: f64,
    known_moment: f64,
    reliable: f64,
    unreliable: f64,
}

/// Shares of 95 % intervals that contain the true variance, and of verdicts.
fn coverage(
    repetitions: usize,
    samples: usize,
    (variance, fourth): (f64, f64),
    draw: impl Fn(&mut ChaCha8Rng) -> f64,
) -> Coverage {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let plan = Bootstrap { resamples: 200, level: 0.95, kind: BootstrapKind::Percentile };
    let mut counts = [0_usize; 5];
    for _ in 0..repetitions {
        let x: Vec<f64> = (0..samples).map(|_| draw(&mut rng)).collect();
        let estimate = VarianceEstimate::new(&x, Centre::Zero).expect("finite samples");
        let intervals = [
            estimate.bootstrap_interval(&plan, &mut rng).expect("defined").interval,
            estimate.sample_fourth_moment_interval(0.95).expect("valid level"),
            estimate.known_fourth_moment_interval(variance, fourth, 0.95).expect("valid moments"),
        ];
        for (count, interval) in counts.iter_mut().zip(intervals) {
            *count += usize::from(interval.contains(variance));
        }
        match estimate.reliability().trust() {
            Trust::Reliable => counts[3] += 1,
            Trust::Doubtful => {}
            Trust::Unreliable => counts[4] += 1,
        }
    }
    let [bootstrap, sample_moment, known_moment, reliable, unreliable] =
        counts.map(|count| count as f64 / repetitions as f64);
    Coverage { bootstrap, sample_moment, known_moment, reliable, unreliable }
}

#[test]
fn intervals_of_the_local_cost_cover_and_are_trusted() {
    let n = 10;
    let moments = (1.0 / (8.0 * 100.0), 0.375 / 20.0_f64.powi(4));
    let found = coverage(400, 600, moments, |rng| local_gradient(n, rng));
    let bound = 4.0 * sigma(0.95, 400);
    for share in [found.bootstrap, found.sample_moment, found.known_moment] {
        assert!((share - 0.95).abs() < bound, "{share}");
    }
    assert_eq!((found.reliable, found.unreliable), (1.0, 0.0));
}

#[test]
fn intervals_of_the_global_cost_cover_too_little_and_are_flagged() {
    let factor = |ratio: f64| ratio.powi(9);
    let moments = (0.125 * factor(0.375), 3.0 / 128.0 * factor(35.0 / 128.0));
    let found = coverage(300, 1000, moments, |rng| global_gradient(10, rng));
    // An independent simulation (NumPy, 400 repetitions) found 0.743, 0.735 and 0.95: between 0.74 - 4 sigma and 0.85, 4 sigma of
    // both simulations, and in any case far from 0.95.
    let bound = 4.0 * (sigma(0.74, 300).powi(2) + sigma(0.74, 400).powi(2)).sqrt();
    for share in [found.bootstrap, found.sample_moment] {
        assert!((share - 0.74).abs() < bound, "{share}");
        assert!(share + 4.0 * sigma(0.95, 300) < 0.95, "{share}");
    }
    // With the exact fourth moment the error is known, though not normal.
    assert!((found.known_moment - 0.95).abs() < 4.0 * sigma(0.95, 300), "{}", found.known_moment);
    assert_eq!(found.reliable, 0.0);
    assert!(found.unreliable > 0.95, "{}", found.unreliable);
}

#[test]
fn a_variance_with_unknown_mean_covers() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let plan = Bootstrap { resamples: 200, level: 0.95, kind: BootstrapKind::Percentile };
    let repetitions = 400;
    let mut counts = [0_usize; 3];
    let mut values = Moments::new();
    for _ in 0..repetitions {
        let x: Vec<f64> = (0..400).map(|_| 7.0 + local_gradient(1, &mut rng)).collect();
        let estimate = VarianceEstimate::new(&x, Centre::Unknown).expect("finite samples");
        values.push(estimate.value());
        for (count, interval) in counts.iter_mut().zip([
            estimate.bootstrap_interval(&plan, &mut rng).expect("defined").interval,
            estimate.sample_fourth_moment_interval(0.95).expect("valid level"),
            estimate.known_fourth_moment_interval(0.125, 0.375 / 16.0, 0.95).expect("valid moments"),
        ]) {
            *count += usize::from(interval.contains(0.125));
        }
    }
    for count in counts {
        assert!((count as f64 / 400.0 - 0.95).abs() < 4.0 * sigma(0.95, repetitions), "{count}");
    }
    // Unbiased: within 4 standard errors.
    let (mean, error) = (values.mean().expect("values"), values.standard_error().expect("values"));
    assert!((mean - 0.125).abs() < 4.0 * error, "{mean} {error}");
}

#[test]
fn paired_bootstrap_covers_the_relative_reduction() {
    // b = e + s, a = 0.8 e' + s with a common part s per seed; true reduction 1 - 1.8/2 = 0.1.
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let repetitions = 400;
    for kind in [BootstrapKind::Percentile, BootstrapKind::Bca] {
        let plan = Bootstrap { resamples: 400, level: 0.9, kind };
        let mut covered = 0;
        for _ in 0..repetitions {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            for _ in 0..60 {
                let common = 2.0 * rng.random::<f64>();
                a.push(1.6 * rng.random::<f64>() + common);
                b.push(2.0 * rng.random::<f64>() + common);
            }
            let found = relative_reduction_interval(&a, &b, &plan, &mut rng).expect("positive");
            covered += usize::from(found.interval.contains(0.1));
        }
        let share = covered as f64 / repetitions as f64;
        assert!((share - 0.9).abs() < 4.0 * sigma(0.9, repetitions), "{kind:?}: {share}");
    }
}

fn noisy_decay(sizes: &[f64], error: f64, law: impl Fn(f64) -> f64, rng: &mut ChaCha8Rng) -> DecayComparison {
    let points: Vec<DecayPoint> = sizes
        .iter()
        .map(|&qubits| {
            let noise: f64 = StandardNormal.sample(rng);
            DecayPoint { qubits, log_variance: law(qubits) + error * noise, standard_error: error }
        })
        .collect();
    compare_decay(&points).expect("valid points")
}

#[test]
fn slope_intervals_cover() {
    let mut rng = ChaCha8Rng::seed_from_u64(23);
    let repetitions = 2000;
    let (mut covered, mut p_small) = (0, 0);
    for _ in 0..repetitions {
        let found = noisy_decay(&[2.0, 4.0, 6.0, 8.0], 0.2, |n| 1.0 - 0.7 * n, &mut rng).exponential;
        covered += usize::from(found.slope_interval(0.9).expect("valid level").contains(-0.7));
        p_small += usize::from(found.p_value().expect("two degrees") < 0.1);
    }
    for (count, expected) in [(covered, 0.9), (p_small, 0.1)] {
        let share = count as f64 / repetitions as f64;
        assert!((share - expected).abs() < 4.0 * sigma(expected, repetitions), "{share}");
    }
}

#[test]
fn the_law_is_told_where_the_range_allows_and_only_there() {
    let mut rng = ChaCha8Rng::seed_from_u64(29);
    let exponential = |n: f64| (0.125_f64).ln() + (n - 1.0) * 0.375_f64.ln();
    let power = |n: f64| -(8.0 * n * n).ln();
    let wide = [2.0, 4.0, 6.0, 8.0, 10.0];
    let narrow = [8.0, 9.0, 10.0, 11.0];
    let (mut wrong, mut undecided) = (0, 0);
    let repetitions = 500;
    for _ in 0..repetitions {
        assert_eq!(noisy_decay(&wide, 0.05, exponential, &mut rng).law, DecayLaw::Exponential);
        assert_eq!(noisy_decay(&wide, 0.05, power, &mut rng).law, DecayLaw::PowerLaw);
        assert_eq!(noisy_decay(&narrow[..3], 0.001, exponential, &mut rng).law, DecayLaw::CannotTell);
        match noisy_decay(&narrow, 0.2, exponential, &mut rng).law {
            DecayLaw::PowerLaw => wrong += 1,
            DecayLaw::CannotTell => undecided += 1,
            DecayLaw::Exponential => {}
        }
    }
    assert!(undecided as f64 / repetitions as f64 > 0.95, "{undecided} undecided");
    assert!((wrong as f64) < repetitions as f64 * (0.01 + 4.0 * sigma(0.01, repetitions)), "{wrong} wrong");
    // A curve that is neither, with tiny errors: the difference of two bad fits decides nothing.
    let neither = noisy_decay(&wide, 1e-4, |n| 0.5 * exponential(n) + 1.5 * power(n), &mut rng);
    assert!(neither.delta_aic.abs() > 100.0 && neither.inflation > 100.0, "{neither:?}");
    assert_eq!(neither.law, DecayLaw::CannotTell, "{neither:?}");
    let text = noisy_decay(&narrow[..3], 0.1, exponential, &mut rng).to_string();
    assert!(text.starts_with("cannot tell exponential decay from a power law"), "{text}");
}
