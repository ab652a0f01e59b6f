//! Against SciPy 1.17.1, NumPy 2.4.6. Above each test: the lines that made its numbers, with
//!   import numpy as np, scipy.stats as st
//!   x = np.array(X); y = np.array(Y)

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use super::*;

const X: [f64; 10] = [0.3, -1.2, 2.5, 0.7, -0.1, 4.2, 1.1, -2.3, 0.9, 3.3];
const Y: [f64; 10] = [0.8, -0.9, 2.1, 1.9, 0.4, 5.0, 1.0, -1.1, 2.2, 3.1];

#[track_caller]
fn close(found: f64, expected: f64, relative: f64) {
    assert!((found - expected).abs() <= relative * expected.abs(), "{found} is not {expected}");
}

// x.mean(), x.var(ddof=1), st.sem(x); [st.moment(x, k) for k in (2, 3, 4)]
#[test]
fn moments_equal_scipy() {
    close(mean(&X).expect("values"), 0.94, 1e-14);
    close(sample_variance(&X).expect("values"), 3.920444444444444, 1e-14);
    close(standard_error(&X).expect("values"), 0.6261345258364566, 1e-14);
    let moments: Moments = X.into_iter().collect();
    assert_eq!(moments.count(), 10);
    close(moments.mean().expect("values"), 0.94, 1e-14);
    close(moments.sample_variance().expect("values"), 3.920444444444444, 1e-14);
    close(moments.standard_error().expect("values"), 0.6261345258364566, 1e-14);
    close(moments.second_central_moment().expect("values"), 3.5284, 1e-14);
    close(moments.third_central_moment().expect("values"), 0.637728, 1e-13);
    close(moments.fourth_central_moment().expect("values"), 28.24026832, 1e-14);
}

#[test]
fn merged_moments_are_those_of_the_whole() {
    let whole: Moments = X.into_iter().collect();
    for cut in 0..=X.len() {
        let (a, b) = X.split_at(cut);
        let merged = a.iter().copied().collect::<Moments>().merge(&b.iter().copied().collect());
        assert_eq!(merged.count(), 10);
        close(merged.mean().expect("values"), whole.mean().expect("values"), 1e-14);
        close(merged.sample_variance().expect("values"), whole.sample_variance().expect("values"), 1e-14);
        close(merged.third_central_moment().expect("values"), 0.637728, 1e-13);
        close(merged.fourth_central_moment().expect("values"), 28.24026832, 1e-14);
    }
    assert_eq!(Moments::new().merge(&Moments::new()), Moments::new());
    assert_eq!(Moments::new().mean(), None);
    assert_eq!([1.0].into_iter().collect::<Moments>().sample_variance(), None);
}

#[test]
fn a_large_offset_does_not_destroy_the_moments() {
    // Exact in binary: values k + 2^30 with k = 0..=8; central moments of 0..=8 are 20/3, 0, 236/3.
    let moments: Moments = (0..=8).map(|k| f64::from(k) + 1_073_741_824.0).collect();
    close(moments.second_central_moment().expect("values"), 20.0 / 3.0, 1e-12);
    assert!(moments.third_central_moment().expect("values").abs() < 1e-6);
    close(moments.fourth_central_moment().expect("values"), 236.0 / 3.0, 1e-6);
}

// np.quantile(x, [0.025, 0.1, 0.5, 0.77, 1.0])
#[test]
fn quantiles_equal_numpy() {
    for (p, expected) in [(0.025, -2.0525), (0.1, -1.31), (0.5, 0.8), (0.77, 2.402), (1.0, 4.2), (0.0, -2.3)] {
        close(quantile(&X, p).expect("values"), expected, 1e-14);
    }
    close(median(&X).expect("values"), 0.8, 1e-15);
    close(median(&[7.0]).expect("a value"), 7.0, 0.0);
    assert!(quantile(&X, 1.1).is_err() && quantile(&X, f64::NAN).is_err() && median(&[]).is_err());
}

/// Indices of a linear congruential generator, so that SciPy can draw the same.
fn lcg(n: usize) -> impl FnMut() -> usize {
    let mut state = 12345_u64;
    move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % n
    }
}

// import scipy.stats._resampling as R
// class Lcg:
//     s = 12345
//     def next(self, n):
//         self.s = (self.s * 6364136223846793005 + 1442695040888963407) % 2**64; return (self.s >> 33) % n
// def draws(rng, low, high, size, **k): return np.array([G.next(high) for _ in range(size[0] * size[1])]).reshape(size)
// R.rng_integers = draws
// G = Lcg(); st.bootstrap((x,), lambda v, axis: np.mean(v**2, axis=axis), n_resamples=500, batch=500, method=METHOD,
//                         confidence_level=.9, vectorized=True)
// G = Lcg(); st.bootstrap((np.exp(x), np.exp(y)), lambda a, b, axis: 1 - np.mean(a, axis=axis)/np.mean(b, axis=axis),
//                         n_resamples=500, batch=500, method=METHOD, confidence_level=.95, paired=True, vectorized=True)
#[test]
fn bootstrap_equals_scipy_on_the_same_draws() {
    let second_moment = |i: &[usize]| i.iter().map(|&i| X[i] * X[i]).sum::<f64>() / i.len() as f64;
    let ratio =
        |i: &[usize]| 1.0 - i.iter().map(|&i| X[i].exp()).sum::<f64>() / i.iter().map(|&i| Y[i].exp()).sum::<f64>();
    use BootstrapKind::{Bca, Percentile};
    for (kind, squares, ratios) in [
        (Percentile, [1.642, 7.504100000000001], [-0.15904653694432963, 0.5606487993089613]),
        (Bca, [2.1218538530974436, 8.421845431380763], [-0.0639031448936991, 0.6589915525702322]),
    ] {
        let bootstrap = Bootstrap { resamples: 500, level: 0.9, kind };
        let found = bootstrap.interval_from_draws(10, lcg(10), second_moment).expect("defined");
        close(found.estimate, 4.412, 1e-14);
        close(found.standard_error, 1.7828574165028337, 1e-12);
        close(found.interval.lower, squares[0], 1e-10);
        close(found.interval.upper, squares[1], 1e-10);

        let bootstrap = Bootstrap { resamples: 500, level: 0.95, kind };
        let found = bootstrap.interval_from_draws(10, lcg(10), ratio).expect("defined");
        close(found.standard_error, 0.22165336750061568, 1e-12);
        close(found.interval.lower, ratios[0], 1e-9);
        close(found.interval.upper, ratios[1], 1e-10);
    }
}

#[test]
fn bootstrap_refuses_what_has_no_interval() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let plan = Bootstrap { resamples: 200, level: 0.95, kind: BootstrapKind::Bca };
    let few = plan.interval(1, &mut rng, |_| 0.0);
    assert_eq!(few, Err(StatsError::TooFew { what: "a bootstrap", found: 1, needed: 2 }));
    assert!(Bootstrap { resamples: 99, ..plan }.interval(5, &mut rng, |_| 0.0).is_err());
    for level in [0.0, 1.0, f64::NAN] {
        assert!(Bootstrap { level, ..plan }.interval(5, &mut rng, |_| 0.0).is_err());
    }
    // The largest index of a resample is never above that of the data, and once the data's own value is not reached by a
    // resample, everything lies below.
    let distinct = |i: &[usize]| {
        let mut seen = i.to_vec();
        seen.sort_unstable();
        seen.dedup();
        seen.len() as f64
    };
    assert!(matches!(plan.interval(50, &mut rng, distinct), Err(StatsError::NoBca { .. })));
    let undefined = plan.interval(3, &mut rng, |i| if i == [0, 1, 2] { 1.0 } else { f64::NAN });
    assert!(matches!(undefined, Err(StatsError::UndefinedStatistic { resample: Some(_), .. })));
    // A constant is no error: its interval is a point.
    let point = plan.interval(5, &mut rng, |_| 3.0).expect("defined");
    assert_eq!((point.interval.lower, point.interval.upper, point.standard_error), (3.0, 3.0, 0.0));
}

#[test]
fn relative_reduction_is_a_ratio_of_means() {
    close(relative_reduction(&[1.0, 2.0], &[3.0, 9.0]).expect("positive"), 0.75, 1e-15);
    assert_eq!(relative_reduction(&[1.0], &[1.0, 2.0]), Err(StatsError::Lengths { left: 1, right: 2 }));
    assert!(matches!(relative_reduction(&[1.0], &[-1.0]), Err(StatsError::OutOfRange { .. })));
    assert!(matches!(relative_reduction(&[f64::NAN], &[1.0]), Err(StatsError::NotFinite { index: 0, .. })));
    assert!(relative_reduction(&[], &[]).is_err());
}

#[test]
fn pairs_are_resampled_together() {
    // a is exactly 0.9 b: every resample of pairs gives the same reduction, whatever the spread of b.
    let b: Vec<f64> = (1..=20).map(|i| f64::from(i * i)).collect();
    let a: Vec<f64> = b.iter().map(|b| 0.9 * b).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let plan = Bootstrap { resamples: 500, level: 0.95, kind: BootstrapKind::Percentile };
    let paired = relative_reduction_interval(&a, &b, &plan, &mut rng).expect("positive");
    close(paired.interval.lower, 0.1, 1e-12);
    close(paired.interval.upper, 0.1, 1e-12);
    let shifted: Vec<f64> = b.iter().map(|b| b - 3.0).collect();
    let difference = mean_difference(&b, &shifted, &plan, &mut rng).expect("values");
    close(difference.estimate, 3.0, 1e-14);
    close(difference.interval.upper - difference.interval.lower + 1.0, 1.0, 1e-12);
    // The same generator state gives the same interval.
    let again = |seed| relative_reduction_interval(&b, &a, &plan, &mut ChaCha8Rng::seed_from_u64(seed));
    assert_eq!(again(5), again(5));
}

// db = np.array([np.sin(1.7*i) + 0.35 for i in range(60)])
// st.wilcoxon(db[:n]) for n in (25, 40, 50, 51, 60)
#[test]
fn signed_rank_test_equals_scipy() {
    let d: Vec<f64> = (0..60).map(|i| (1.7 * f64::from(i)).sin() + 0.35).collect();
    for (n, smaller, p_value) in
        [(25, 76.0, 0.018744707107543945), (40, 205.0, 0.005096850996778812), (50, 314.0, 0.0014315119741414861)]
    {
        let exact = wilcoxon_signed_rank(&d[..n]).expect("values");
        assert_eq!((exact.method, exact.used, exact.zeros), (WilcoxonMethod::Exact, n, 0));
        assert_eq!((exact.rank_sum_negative, exact.rank_sum_positive), (smaller, (n * (n + 1) / 2) as f64 - smaller));
        close(exact.p_value, p_value, 1e-14);
    }
    for (n, smaller, p_value) in [(51, 330.0, 0.0018001508907782588), (60, 470.0, 0.001053208740275171)] {
        let normal = wilcoxon_signed_rank(&d[..n]).expect("values");
        assert_eq!((normal.method, normal.rank_sum_negative), (WilcoxonMethod::Normal, smaller));
        close(normal.p_value, p_value, 1e-9);
    }
}

// st.wilcoxon(D, zero_method='wilcox', method=st.PermutationMethod(n_resamples=np.inf)): all sign patterns. Of these,
// st.wilcoxon(D) does the same by itself for the first four, and gives the normal p-value of the last.
#[test]
fn signed_rank_test_with_ties_equals_scipy() {
    let mixed: Vec<f64> = (0..18).map(|i| f64::from(i % 4 + 1) * if i * i % 7 % 2 == 1 { -1.0 } else { 1.0 }).collect();
    for (d, zeros, smaller, p_value) in [
        (&[1.0; 5][..], 0, 0.0, 0.0625),
        (&[0.5, 0.5, -0.5, 0.5, 0.5, 0.5, 0.5], 0, 4.0, 0.125),
        (&[1.0, -2.0, 3.0, 4.0, -1.0, 5.0, 6.0, 0.0, 2.0, 2.0, -3.0, 7.0], 1, 12.0, 0.068359375),
        (&[2.0, 2.0, -1.0, 3.0, 3.0, 3.0, -3.0, 0.0, 0.0, 4.0], 2, 6.5, 0.125),
        (&mixed, 0, 48.0, 0.105072021484375),
    ] {
        for sign in [1.0, -1.0] {
            let d: Vec<f64> = d.iter().map(|d| sign * d).collect();
            let tied = wilcoxon_signed_rank(&d).expect("values");
            assert_eq!((tied.method, tied.used, tied.zeros), (WilcoxonMethod::Exact, d.len() - zeros, zeros));
            assert_eq!(tied.rank_sum_positive.min(tied.rank_sum_negative), smaller);
            close(tied.p_value, p_value, 1e-14);
        }
    }
}

// More patterns than SciPy can go through: the distribution as a dictionary of whole numbers, ranks by SciPy.
// from fractions import Fraction
// def p(d):
//     d = d[d != 0]; r = np.rint(2*st.rankdata(abs(d))).astype(int); ways = {0: 1}
//     for k in r:
//         more = dict(ways)
//         for s, c in ways.items(): more[s + int(k)] = more.get(s + int(k), 0) + c
//         ways = more
//     w = int(r[d > 0].sum()); w = min(w, int(r.sum()) - w)
//     return float(Fraction(2*sum(c for s, c in ways.items() if s <= w), 2**len(d)))
// db = np.array([np.round(np.sin(1.7*i) + 0.35, 1) for i in range(60)]); p(db[:n]) for n in (25, 40, 50)
// st.wilcoxon(db, method='approx', correction=False, zero_method='wilcox')
#[test]
fn signed_rank_test_with_many_ties() {
    let d: Vec<f64> = (0..60).map(|i| (10.0 * ((1.7 * f64::from(i)).sin() + 0.35)).round() / 10.0).collect();
    for (n, zeros, p_value) in
        [(25, 0, 0.01822376251220703), (40, 1, 0.004283939848392038), (50, 1, 0.001124947781644181)]
    {
        let tied = wilcoxon_signed_rank(&d[..n]).expect("values");
        assert_eq!((tied.method, tied.used, tied.zeros), (WilcoxonMethod::Exact, n - zeros, zeros));
        close(tied.p_value, p_value, 1e-14);
    }
    let normal = wilcoxon_signed_rank(&d).expect("values");
    assert_eq!((normal.method, normal.used, normal.zeros), (WilcoxonMethod::Normal, 59, 1));
    close(normal.p_value, 0.0008368451825448291, 1e-9);
}

#[test]
fn signed_rank_test_at_its_ends() {
    // All signs equal: 2 of 2^n patterns. Balanced: 1. Nothing but zeros: 1.
    let p = |d: &[f64]| wilcoxon_signed_rank(d).expect("values").p_value;
    close(p(&[1.0, 2.0, 3.0, 4.0, 5.0]), 2.0 / 32.0, 1e-15);
    close(p(&[-1.0, -2.0, -3.0, -4.0, -5.0]), 2.0 / 32.0, 1e-15);
    close(p(&[1.0, 2.0, -3.0]), 1.0, 0.0);
    close(p(&[0.0, 0.0]), 1.0, 0.0);
    assert!(wilcoxon_signed_rank(&[]).is_err() && wilcoxon_signed_rank(&[f64::NAN]).is_err());
}

#[test]
fn holm_steps_down() {
    // Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04 -> 0.06.
    let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]).expect("probabilities");
    for (found, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
        close(*found, expected, 1e-14);
    }
    assert_eq!(holm(&[0.9, 0.8]).expect("probabilities"), [1.0, 1.0]);
    assert_eq!(holm(&[]).expect("nothing"), [0.0; 0]);
    assert!(holm(&[1.1]).is_err() && holm(&[f64::NAN]).is_err());
}

// np.mean(x**2), st.sem(x**2), np.sum(x**2)**2/np.sum(x**4)
// m = x - x.mean(); s2 = x.var(ddof=1); s2, np.sqrt((np.mean(m**4) - s2**2*7/9)/10), np.sum(m**2)**2/np.sum(m**4)
#[test]
fn variance_estimates_equal_numpy() {
    let zero = VarianceEstimate::new(&X, Centre::Zero).expect("values");
    close(zero.value(), 4.412, 1e-14);
    close(zero.standard_error(), 1.8456945696524232, 1e-13);
    close(zero.log_standard_error().expect("not zero"), 1.8456945696524232 / 4.412, 1e-13);
    close(zero.reliability().effective_samples, 3.8834371004990733, 1e-13);
    let unknown = VarianceEstimate::new(&X, Centre::Unknown).expect("values");
    close(unknown.value(), 3.920444444444444, 1e-14);
    close(unknown.standard_error(), 1.2761627481815807, 1e-13);
    close(unknown.reliability().effective_samples, 4.408459019910616, 1e-13);
    assert_eq!((unknown.samples(), unknown.centre()), (10, Centre::Unknown));

    let interval = zero.sample_fourth_moment_interval(0.95).expect("valid level");
    close(interval.lower, 4.412 - 1.959963984540054 * 1.8456945696524232, 1e-12);
    assert!(interval.contains(4.412) && !interval.contains(interval.upper * 1.01));
    // Cut at 0, where a variance ends.
    assert_eq!(zero.known_fourth_moment_interval(4.0, 1e4, 0.95).expect("valid").lower, 0.0);
}

#[test]
fn variance_bootstrap_resamples_the_estimator_itself() {
    let plan = Bootstrap { resamples: 200, level: 0.9, kind: BootstrapKind::Percentile };
    let picked = |i: &[usize]| i.iter().map(|&i| X[i]).collect::<Vec<f64>>();
    let check = |centre, statistic: &dyn Fn(&[usize]) -> f64| {
        let estimate = VarianceEstimate::new(&X, centre).expect("values");
        let found = estimate.bootstrap_interval(&plan, &mut ChaCha8Rng::seed_from_u64(9)).expect("defined");
        let expected = plan.interval(10, &mut ChaCha8Rng::seed_from_u64(9), statistic).expect("defined");
        close(found.estimate, estimate.value(), 1e-13);
        close(found.interval.lower, expected.interval.lower, 1e-12);
        close(found.interval.upper, expected.interval.upper, 1e-12);
    };
    check(Centre::Unknown, &|i| sample_variance(&picked(i)).expect("values"));
    check(Centre::Zero, &|i| mean(&picked(i).into_iter().map(|x| x * x).collect::<Vec<_>>()).expect("values"));
}

#[test]
fn variance_estimates_do_not_depend_on_the_unit() {
    let reference = VarianceEstimate::new(&X, Centre::Zero).expect("values");
    for unit in [1e-140, 1e140] {
        let scaled = VarianceEstimate::new(&X.map(|x| x * unit), Centre::Zero).expect("values");
        close(scaled.reliability().effective_samples, reference.reliability().effective_samples, 1e-12);
        close(scaled.log_standard_error().expect("not zero"), reference.log_standard_error().expect("not zero"), 1e-12);
    }
    assert!(matches!(VarianceEstimate::new(&[1e200, 1.0], Centre::Zero), Err(StatsError::NotFinite { index: 0, .. })));
    let zeros = VarianceEstimate::new(&[0.0; 9], Centre::Zero).expect("values");
    assert_eq!((zeros.value(), zeros.standard_error(), zeros.log_standard_error()), (0.0, 0.0, None));
    assert_eq!(zeros.reliability().trust(), Trust::Unreliable);
    assert_eq!(zeros.reliability().to_string(), "not reliable: all 9 samples are zero");
    assert!(zeros.exact_standard_error(2.0, 3.9).is_err() && zeros.exact_standard_error(-1.0, 2.0).is_err());
}

// from scipy.optimize import curve_fit; n = np.array(N); v = np.array(V); se = np.array(SE); u = n or np.log(n)
// A = np.vstack([np.ones_like(u), u]).T/se[:, None]; c = np.linalg.lstsq(A, v/se, rcond=None)[0]
// c, np.sqrt(np.diag(np.linalg.inv(A.T@A))), chi = np.sum(((v - c[0] - c[1]*u)/se)**2), st.chi2.sf(chi, 4)
// curve_fit(lambda t, a, b: a + b*t, u, v, sigma=se, absolute_sigma=True) agrees to the six digits it promises.
#[test]
fn decay_fits_equal_scipy() {
    let points: Vec<DecayPoint> = [2.0, 3.0, 4.0, 6.0, 8.0, 10.0]
        .into_iter()
        .zip([-1.1, -1.9, -2.4, -3.9, -5.6, -6.7])
        .zip([0.05, 0.06, 0.08, 0.1, 0.2, 0.3])
        .map(|((qubits, log_variance), standard_error)| DecayPoint { qubits, log_variance, standard_error })
        .collect();
    let found = compare_decay(&points).expect("six sizes");
    close(found.exponential.intercept, 0.3009908752368307, 1e-12);
    close(found.exponential.slope, -0.706503999278232, 1e-13);
    close(found.exponential.slope_standard_error, 0.019777629047959634, 1e-13);
    close(found.exponential.chi_squared, 6.084011286955609, 1e-12);
    close(found.exponential.p_value().expect("four degrees"), 0.192961492967247, 1e-10);
    close(found.power_law.slope, -2.6792023462229166, 1e-12);
    close(found.power_law.slope_standard_error, 0.07743085928729147, 1e-13);
    close(found.power_law.chi_squared, 84.92795366296039, 1e-12);
    close(found.power_law.p_value().expect("four degrees"), 1.5712983083439168e-17, 1e-8);
    close(found.delta_aic, 84.92795366296039 - 6.084011286955609, 1e-12);
    close(found.inflation, 6.084011286955609 / 4.0, 1e-12);
    assert_eq!(found.law, DecayLaw::Exponential);
    let interval = found.exponential.slope_interval(0.95).expect("valid level");
    close(interval.upper, -0.706503999278232 + 1.959963984540054 * 0.019777629047959634, 1e-12);
}

#[test]
fn decay_fits_refuse_bad_points() {
    let refused = |x: &[f64], y: &[f64], e: &[f64]| fit_line(x, y, e).expect_err("the input is wrong");
    assert_eq!(refused(&[1.0, 2.0], &[1.0], &[1.0, 1.0]), StatsError::Lengths { left: 2, right: 1 });
    assert_eq!(refused(&[2.0, 2.0], &[1.0, 1.5], &[1.0, 1.0]), StatsError::OneAbscissa { x: 2.0 });
    assert!(matches!(refused(&[1.0], &[1.0], &[1.0]), StatsError::TooFew { .. }));
    for error in [0.0, -1.0, 1e-200, 1e200] {
        assert!(matches!(refused(&[1.0, 2.0], &[1.0, 1.5], &[1.0, error]), StatsError::OutOfRange { .. }));
    }
    assert!(DecayPoint::new(4.0, 0.0, 0.1).is_err() && DecayPoint::new(4.0, 0.1, f64::NAN).is_err());
    let point = DecayPoint { qubits: 0.0, log_variance: 0.0, standard_error: 1.0 };
    assert!(matches!(compare_decay(&[point; 4]), Err(StatsError::OutOfRange { .. })));
    assert_eq!(compare_decay(&[]).map(|_| ()), Err(StatsError::TooFew { what: "a line", found: 0, needed: 2 }));
}

#[test]
fn values_that_are_not_finite_are_named() {
    let bad = [1.0, f64::INFINITY];
    let expected = StatsError::NotFinite { index: 1, value: f64::INFINITY };
    assert_eq!(mean(&bad), Err(expected.clone()));
    assert_eq!(sample_variance(&bad), Err(expected.clone()));
    assert_eq!(quantile(&bad, 0.5), Err(expected.clone()));
    assert_eq!(VarianceEstimate::new(&bad, Centre::Zero), Err(expected));
    let error = StatsError::UndefinedStatistic { resample: Some(3), value: f64::NAN };
    assert_eq!(error.to_string(), "the statistic is NaN on resample 3");
}
