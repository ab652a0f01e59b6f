//! One exact binomial draw, for a number of trials and a probability that are used once: little is set up before it.

use rand::Rng;

/// Means below this one are drawn by inversion, which takes a step per success; rejection costs the same from here on.
const INVERSION: f64 = 20.0;

/// Inversion never counts further: for a mean below [`INVERSION`] that is 20 standard deviations away at least.
const MOST_STEPS: u64 = 110;

/// A number from [0, 1) with 53 random bits.
pub(crate) fn uniform<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    (rng.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// How many of some independent trials succeed, each with probability `p`; outside of [0, 1] `p` counts as 0 or 1.
///
/// The number of words that are read from `rng` depends on the draw.
pub(crate) fn binomial<R: Rng + ?Sized>(trials: u64, p: f64, rng: &mut R) -> u64 {
    if p >= 1.0 {
        return trials;
    }
    if !(p > 0.0 && trials > 0) {
        return 0;
    }
    // 1 - p is exact for p > 1/2.
    let (rarer, flipped) = if p > 0.5 { (1.0 - p, true) } else { (p, false) };
    let draw = if trials as f64 * rarer < INVERSION { inversion } else { rejection };
    let count = draw(trials, rarer, rng);
    if flipped { trials - count } else { count }
}

/// Sequential search from 0 (BINV in V. Kachitvichyanukul and B. W. Schmeiser, Commun. ACM 31, 216 (1988)), `p <= 1/2`, for means below
/// [`INVERSION`]: (1 - p)^n is then at least 2^-40, far above the resolution of a uniform number.
fn inversion<R: Rng + ?Sized>(trials: u64, p: f64, rng: &mut R) -> u64 {
    let n = trials as f64;
    // Rounding of 1 - p grows with n; products are the same bits on every platform, which functions need not be.
    let of_none = if trials <= 1 << 12 { power(1.0 - p, trials) } else { (n * (-p).ln_1p()).exp() };
    let odds = p / (1.0 - p);
    let scaled = (n + 1.0) * odds;
    let most = MOST_STEPS.min(trials);
    loop {
        let (mut left, mut probability, mut count) = (uniform(rng), of_none, 0);
        while left >= probability {
            if count == most {
                break;
            }
            left -= probability;
            count += 1;
            // b(k) = b(k - 1) (n + 1 - k) p / (k q).
            probability *= scaled / count as f64 - odds;
        }
        if left < probability {
            return count;
        }
        // What rounding left of the sum of all probabilities: as if nothing had been drawn.
    }
}

fn power(mut base: f64, mut exponent: u64) -> f64 {
    let mut product = 1.0;
    while exponent > 0 {
        if exponent & 1 == 1 {
            product *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    product
}

/// Transformed rejection with decomposition (BTRD in W. Hörmann, J. Stat. Comput. Simul. 46, 101 (1993)), `p <= 1/2`, for means of 10 and more.
fn rejection<R: Rng + ?Sized>(trials: u64, p: f64, rng: &mut R) -> u64 {
    let n = trials as f64;
    let variance = n * p * (1.0 - p);
    let deviation = variance.sqrt();
    let b = 1.15 + 2.53 * deviation;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let centre = n * p + 0.5;
    let v_r = 0.92 - 4.2 / b;
    let transformed = |u: f64, us: f64| floor((2.0 * a / us + b) * u + centre);
    loop {
        let mut v = uniform(rng);
        if v <= 0.86 * v_r {
            // The rectangle that lies below the transformed density as a whole.
            let u = v / v_r - 0.43;
            return transformed(u, 0.5 - u.abs()) as u64;
        }
        let u = if v >= v_r {
            uniform(rng) - 0.5
        } else {
            let left = v / v_r - 0.93;
            v = uniform(rng) * v_r;
            0.5_f64.copysign(left) - left
        };
        let us = 0.5 - u.abs();
        let k = transformed(u, us);
        if !(0.0..=n).contains(&k) {
            continue;
        }
        let alpha = (2.83 + 5.1 / b) * deviation;
        v *= alpha / (a / (us * us) + b);
        // Three draws of four end in the rectangle and need none of these.
        let mode = floor((n + 1.0) * p);
        let odds = p / (1.0 - p);
        let scaled = (n + 1.0) * odds;
        let distance = (k - mode).abs();
        let accepted = if distance <= 15.0 {
            // b(k) / b(mode), or its inverse, factor by factor.
            let (lower, mut ratio) = (mode.min(k), 1.0);
            for step in 1..=distance as u32 {
                ratio *= scaled / (lower + f64::from(step)) - odds;
            }
            if k > mode { v <= ratio } else { v * ratio <= 1.0 }
        } else {
            let v = v.ln();
            let rho = distance / variance * (((distance / 3.0 + 0.625) * distance + 1.0 / 6.0) / variance + 0.5);
            let normal = -distance * distance / (2.0 * variance);
            v < normal - rho || v <= normal + rho && v <= log_ratio(n, odds, mode, k)
        };
        if accepted {
            return k as u64;
        }
    }
}

/// [`f64::floor`], which is a call of a function on processors that the crate is not compiled for.
fn floor(x: f64) -> f64 {
    // From here on every number is an integer.
    if x.abs() >= (1_u64 << 52) as f64 {
        return x;
    }
    let towards_zero = x as i64 as f64;
    if towards_zero > x { towards_zero - 1.0 } else { towards_zero }
}

/// ln(b(k) / b(m)), by Stirling's formula.
fn log_ratio(n: f64, odds: f64, m: f64, k: f64) -> f64 {
    let (of_m, of_k) = (n - m + 1.0, n - k + 1.0);
    (m + 0.5) * ((m + 1.0) / (odds * of_m)).ln()
        + stirling(m)
        + stirling(n - m)
        + (n + 1.0) * (of_m / of_k).ln()
        + (k + 0.5) * (of_k * odds / (k + 1.0)).ln()
        - stirling(k)
        - stirling(n - k)
}

/// `ln k! - ((k + 1/2) ln(k + 1) - (k + 1) + ln(2 pi) / 2)`.
fn stirling(k: f64) -> f64 {
    const FIRST: [f64; 10] = [
        0.081_061_466_795_327_26,
        0.041_340_695_955_409_29,
        0.027_677_925_684_998_34,
        0.020_790_672_103_765_09,
        0.016_644_691_189_821_19,
        0.013_876_128_823_070_75,
        0.011_896_709_945_891_77,
        0.010_411_265_261_972_09,
        0.009_255_462_182_712_733,
        0.008_330_563_433_362_87,
    ];
    if let Some(known) = FIRST.get(k as usize) {
        return *known;
    }
    let inverse = 1.0 / (k + 1.0);
    let square = inverse * inverse;
    (1.0 / 12.0 - (1.0 / 360.0 - square / 1260.0) * square) * inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    /// ln n!, for n below 5000.
    fn log_factorials() -> Vec<f64> {
        let mut sums = vec![0.0];
        for k in 1..5000 {
            sums.push(sums[k - 1] + (k as f64).ln());
        }
        sums
    }

    fn probabilities(n: usize, p: f64, log_factorials: &[f64]) -> Vec<f64> {
        let of = |k: usize| {
            let ways = log_factorials[n] - log_factorials[k] - log_factorials[n - k];
            (ways + k as f64 * p.ln() + (n - k) as f64 * (-p).ln_1p()).exp()
        };
        (0..=n).map(of).collect()
    }

    type Draw = fn(u64, f64, &mut ChaCha8Rng) -> u64;

    /// Pearson's statistic over classes of counts that are expected 20 times each: within 4.5 sigma.
    fn check(n: usize, p: f64, draws: u32, log_factorials: &[f64], rng: &mut ChaCha8Rng, draw: Draw) {
        let mut counts = vec![0_u32; n + 1];
        for _ in 0..draws {
            counts[draw(n as u64, p, rng) as usize] += 1;
        }
        let (mut classes, mut open) = (Vec::new(), (0.0, 0.0));
        for (count, probability) in counts.iter().zip(probabilities(n, p, log_factorials)) {
            open = (open.0 + f64::from(*count), open.1 + f64::from(draws) * probability);
            if open.1 >= 20.0 {
                classes.push(std::mem::take(&mut open));
            }
        }
        if let Some(last) = classes.last_mut() {
            *last = (last.0 + open.0, last.1 + open.1);
        }
        assert!((classes.iter().map(|class| class.1).sum::<f64>() - f64::from(draws)).abs() < 1e-6 * f64::from(draws));
        let freedom = classes.len() as f64 - 1.0;
        let statistic: f64 = classes.iter().map(|(seen, expected)| (seen - expected).powi(2) / expected).sum();
        if freedom == 0.0 {
            return;
        }
        // The cube root of a chi-square is nearly normal (E. B. Wilson and M. M. Hilferty, PNAS 17, 684 (1931)).
        let spread = 2.0 / (9.0 * freedom);
        let off = ((statistic / freedom).cbrt() - (1.0 - spread)) / spread.sqrt();
        assert!(off < 4.5, "n = {n}, p = {p}: chi-square {statistic} at {freedom} degrees of freedom, {off} sigma");
        // Neither is it too good: that would be a mistake in the expected numbers.
        assert!(off > -4.5, "n = {n}, p = {p}: chi-square {statistic} at {freedom} degrees of freedom, {off} sigma");
    }

    #[test]
    fn counts_have_the_binomial_distribution() {
        let (logs, mut rng) = (log_factorials(), ChaCha8Rng::seed_from_u64(81));
        for n in [1, 2, 3, 7, 10, 19, 39, 40, 41, 64, 100, 101, 333, 1000, 4096, 4900] {
            for p in [0.5 / n as f64, 0.003, 0.02, 0.1, 0.25, 0.4999, 0.5, 0.51, 0.75, 0.93, 0.999] {
                check(n, p, 20_000, &logs, &mut rng, binomial);
            }
        }
        // Both sides of the limit between the two ways.
        for n in [41, 100, 1000, 4500] {
            for mean in [19.0, 19.999, 20.0, 21.0, 30.0] {
                check(n, (mean / n as f64).min(0.5), 40_000, &logs, &mut rng, binomial);
            }
        }
    }

    #[test]
    fn each_way_has_the_binomial_distribution_where_both_are_right() {
        let (logs, mut rng) = (log_factorials(), ChaCha8Rng::seed_from_u64(82));
        for (n, p) in [(20, 0.5), (40, 0.5), (60, 0.31), (200, 0.09), (2000, 0.0095), (4500, 0.004)] {
            check(n, p, 60_000, &logs, &mut rng, inversion);
            check(n, p, 60_000, &logs, &mut rng, rejection);
        }
        for (n, p) in [(100, 0.5), (1000, 0.5), (1000, 0.2), (4900, 0.3)] {
            check(n, p, 200_000, &logs, &mut rng, rejection);
        }
    }

    #[test]
    fn large_numbers_of_trials_have_binomial_moments() {
        let mut rng = ChaCha8Rng::seed_from_u64(83);
        for (n, p) in [
            (10_000_u64, 1e-3),
            (1_000_000, 1e-6),
            (1_000_000, 0.37),
            (1 << 40, 3e-12),
            (1 << 52, 0.5),
            (1 << 55, 0.5),
            (u64::MAX, 0.25),
        ] {
            let (exact, draws) = (n as f64 * p, 20_000.0);
            let variance = exact * (1.0 - p);
            let (mut sum, mut squares) = (0.0, 0.0);
            for _ in 0..20_000 {
                let deviation = binomial(n, p, &mut rng) as f64 - exact;
                sum += deviation;
                squares += deviation * deviation;
            }
            let fourth = variance * (1.0 + 3.0 * (n as f64 - 2.0) * p * (1.0 - p));
            let (mean, spread) = (sum / draws, squares / draws - variance);
            assert!(mean.abs() < 4.5 * (variance / draws).sqrt(), "n = {n}, p = {p}: mean off by {mean}");
            let error = ((fourth - variance * variance) / draws).sqrt();
            assert!(spread.abs() < 4.5 * error, "n = {n}, p = {p}: variance off by {}", spread / error);
        }
    }

    #[test]
    fn floors_are_floors() {
        let edge = (1_u64 << 52) as f64;
        for x in [0.0, 0.3, 1.0, 1.999, -0.3, -1.0, -7.5, 1e300, -1e300, edge, -edge, edge - 0.5, 0.5 - edge] {
            assert_eq!(floor(x), x.floor(), "{x}");
        }
        assert_eq!(floor(f64::INFINITY), f64::INFINITY);
        assert!(floor(f64::NAN) == 0.0 || floor(f64::NAN).is_nan());
    }

    #[test]
    fn certain_and_impossible_outcomes_read_nothing() {
        let mut rng = ChaCha8Rng::seed_from_u64(84);
        let before = rng.get_word_pos();
        for (n, p, count) in [(7, 0.0, 0), (7, -1e-300, 0), (7, f64::NAN, 0), (7, 1.0, 7), (7, 1.5, 7), (0, 0.3, 0)] {
            assert_eq!(binomial(n, p, &mut rng), count);
        }
        assert_eq!(rng.get_word_pos(), before);
        for p in [f64::MIN_POSITIVE, 1e-300, 1e-20] {
            assert_eq!(binomial(1000, p, &mut rng), 0);
            assert_eq!(binomial(u64::MAX, p * 1e-30, &mut rng), 0);
        }
        assert_eq!(binomial(1000, 1.0 - f64::EPSILON / 2.0, &mut rng), 1000);
    }

    #[test]
    fn the_logarithm_of_a_ratio_is_that_of_the_probabilities() {
        let logs = log_factorials();
        for (n, p) in [(40, 0.5), (100, 0.3), (4900, 0.01)] {
            let exact = probabilities(n, p, &logs);
            let mode = ((n as f64 + 1.0) * p).floor();
            let of_mode = exact[mode as usize];
            for (k, probability) in exact.iter().enumerate().take(121).filter(|(_, probability)| **probability > 1e-250)
            {
                let ratio = log_ratio(n as f64, p / (1.0 - p), mode, k as f64);
                assert!((ratio - (probability / of_mode).ln()).abs() < 2e-9, "n = {n}, k = {k}: {ratio}");
            }
        }
    }
}
