//! What theory says of gradients after a step, on small circuits that this file simulates: identities, a bound, and the
//! behaviour of the probes that follows from them.

mod common;

use std::f64::consts::{FRAC_PI_2, PI, TAU};
use std::ops::ControlFlow;

use common::{Ising, PARAMETERS, Quadratic};
use qopt::*;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// RY and RZ on each qubit, then CZ between neighbours, some layers of it; qubit 0 is the lowest bit.
#[derive(Clone, Copy)]
struct Circuit {
    qubits: usize,
    layers: usize,
    /// The loss: 1 - p(0...0), or the open transverse-field Ising chain with h = 0.8.
    is_global: bool,
}

impl Circuit {
    fn parameters(self) -> usize {
        2 * self.qubits * self.layers
    }

    fn state(self, theta: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let states = 1 << self.qubits;
        let (mut re, mut im) = (vec![0.0; states], vec![0.0; states]);
        re[0] = 1.0;
        for layer in 0..self.layers {
            for qubit in 0..self.qubits {
                let at = 2 * (self.qubits * layer + qubit);
                let (sin, cos) = (theta[at] / 2.0).sin_cos();
                for part in [&mut re, &mut im] {
                    for low in (0..states).filter(|index| index >> qubit & 1 == 0) {
                        let (a, b) = (part[low], part[low | 1 << qubit]);
                        (part[low], part[low | 1 << qubit]) = (cos * a - sin * b, sin * a + cos * b);
                    }
                }
                for index in 0..states {
                    let sign = if index >> qubit & 1 == 0 { -1.0 } else { 1.0 };
                    let (sin, cos) = (sign * theta[at + 1] / 2.0).sin_cos();
                    let (a, b) = (re[index], im[index]);
                    (re[index], im[index]) = (cos * a - sin * b, sin * a + cos * b);
                }
            }
            for index in 0..states {
                if (0..self.qubits - 1).filter(|q| (index >> q) & 3 == 3).count() % 2 == 1 {
                    (re[index], im[index]) = (-re[index], -im[index]);
                }
            }
        }
        (re, im)
    }

    fn loss(self, theta: &[f64]) -> f64 {
        let (re, im) = self.state(theta);
        if self.is_global {
            return 1.0 - (re[0] * re[0] + im[0] * im[0]);
        }
        let mut energy = 0.0;
        for index in 0..re.len() {
            let weight = re[index] * re[index] + im[index] * im[index];
            for q in 0..self.qubits - 1 {
                energy -= if (index >> q) & 1 == (index >> (q + 1)) & 1 { weight } else { -weight };
            }
            for q in 0..self.qubits {
                let flipped = index ^ (1 << q);
                energy -= 0.8 * (re[index] * re[flipped] + im[index] * im[flipped]);
            }
        }
        energy
    }

    fn shifted(self, theta: &[f64], shifts: &[(usize, f64)]) -> Vec<f64> {
        let mut moved = theta.to_vec();
        shifts.iter().for_each(|&(k, shift)| moved[k] += shift);
        moved
    }

    /// Each parameter is the angle of one rotation: (L(+pi/2) - L(-pi/2))/2.
    fn gradient(self, theta: &[f64]) -> Vec<f64> {
        let at = |k, shift| self.loss(&self.shifted(theta, &[(k, shift)]));
        (0..theta.len()).map(|k| (at(k, FRAC_PI_2) - at(k, -FRAC_PI_2)) / 2.0).collect()
    }

    /// H v: the gradient's parameter shift along each v_k.
    fn hessian_times(self, theta: &[f64], v: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; theta.len()];
        for (k, v) in v.iter().enumerate() {
            let plus = self.gradient(&self.shifted(theta, &[(k, FRAC_PI_2)]));
            let minus = self.gradient(&self.shifted(theta, &[(k, -FRAC_PI_2)]));
            product.iter_mut().zip(plus.iter().zip(&minus)).for_each(|(sum, (p, m))| *sum += v * (p - m) / 2.0);
        }
        product
    }

    /// tr H = sum_k (L(theta + pi e_k) - L(theta))/2.
    fn trace(self, theta: &[f64]) -> f64 {
        let here = self.loss(theta);
        (0..theta.len()).map(|k| (self.loss(&self.shifted(theta, &[(k, PI)])) - here) / 2.0).sum()
    }

    /// v'T[v,v] = sum_i v_i d_i (v'Hv), v fixed.
    fn third(self, theta: &[f64], v: &[f64]) -> f64 {
        let curvature = |theta: &[f64]| dot(v, &self.hessian_times(theta, v));
        (0..theta.len())
            .map(|i| {
                let [plus, minus] = [FRAC_PI_2, -FRAC_PI_2].map(|shift| self.shifted(theta, &[(i, shift)]));
                v[i] * (curvature(&plus) - curvature(&minus)) / 2.0
            })
            .sum()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn add(theta: &[f64], factor: f64, v: &[f64]) -> Vec<f64> {
    theta.iter().zip(v).map(|(theta, v)| theta + factor * v).collect()
}

fn uniform(rng: &mut ChaCha8Rng, count: usize) -> Vec<f64> {
    (0..count).map(|_| TAU * rng.random::<f64>()).collect()
}

fn direction(rng: &mut ChaCha8Rng, count: usize) -> Vec<f64> {
    let v: Vec<f64> = (0..count).map(|_| common::gaussian(rng.random(), rng.random())).collect();
    let length = norm(&v);
    v.iter().map(|x| x / length).collect()
}

/// For theta uniform on the torus, E[g'Hg] = -1/2 E[|g|^2 tr H] and E[g'T[g,g]] = -2 E|Hg|^2 - E[tr H g'Hg]. The
/// integrands have frequencies up to 4, so that a grid of 5 points per angle integrates them exactly.
#[test]
fn identities_of_integration_by_parts() {
    for is_global in [true, false] {
        let circuit = Circuit { qubits: 2, layers: 1, is_global };
        let count = circuit.parameters();
        let mut sums = [0.0; 5];
        for index in 0..5_usize.pow(count as u32) {
            let theta: Vec<f64> =
                (0..count).map(|k| 0.1 + TAU * (index / 5_usize.pow(k as u32) % 5) as f64 / 5.0).collect();
            let g = circuit.gradient(&theta);
            let hg = circuit.hessian_times(&theta, &g);
            let (trace, ghg) = (circuit.trace(&theta), dot(&g, &hg));
            let terms = [ghg, dot(&g, &g) * trace, circuit.third(&theta, &g), dot(&hg, &hg), trace * ghg];
            sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term / 625.0);
        }
        let [ghg, squared_trace, third, squared, trace_ghg] = sums;
        assert!((ghg + squared_trace / 2.0).abs() < 1e-14, "{sums:?}");
        assert!((third + 2.0 * squared + trace_ghg).abs() < 1e-13, "{sums:?}");
        // They would say little if all terms were 0.
        assert!(squared > 1e-3 && third < -1e-3, "{sums:?}");
        assert!(!is_global || ghg.abs() > 1e-3, "{sums:?}");
    }
}

/// For C = 1 - p: |grad C|^2 <= p(theta) sum_k p(theta + pi e_k) <= P p(theta). With p itself, not 1 - C.
#[test]
fn the_gradient_of_a_global_cost_is_bounded_by_its_probability() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for (qubits, layers) in [(2, 1), (3, 3), (4, 4)] {
        let circuit = Circuit { qubits, layers, is_global: true };
        let p = |theta: &[f64]| {
            let (re, im) = circuit.state(theta);
            re[0] * re[0] + im[0] * im[0]
        };
        let mut tightest: f64 = 0.0;
        for _ in 0..60 {
            let theta = uniform(&mut rng, circuit.parameters());
            let g = circuit.gradient(&theta);
            let turned: f64 = (0..theta.len()).map(|k| p(&circuit.shifted(&theta, &[(k, PI)]))).sum();
            let bound = p(&theta) * turned;
            assert!(dot(&g, &g) <= bound + 1e-14);
            assert!(bound <= p(&theta) * theta.len() as f64 + 1e-14);
            tightest = tightest.max(dot(&g, &g) / bound);
        }
        assert!(tightest > 0.1, "a bound that is never near is no test: {tightest}");
    }
    // For the product ansatz RY^n it is an equality: d_k p = -tan(t_k/2) p, p(theta + pi e_k) = tan(t_k/2)^2 p.
    let theta = uniform(&mut rng, 10);
    let p: f64 = theta.iter().map(|t| (t / 2.0).cos().powi(2)).product();
    let squared: f64 = theta.iter().map(|t| ((t / 2.0).tan() * p).powi(2)).sum();
    let turned: f64 = theta.iter().map(|t| (t / 2.0).tan().powi(2) * p).sum();
    assert!((squared / (p * turned) - 1.0).abs() < 1e-12);
}

/// E|grad L(theta + a)|^2 / E|grad L(theta)|^2 over uniform theta, for TFIM with n = 3, L = 3: an ascent or a descent by
/// 0.1 g lowers it to 0.942 alike, a kick of the same length to 0.997, a kick of fixed length not at all. Within 4
/// standard errors of the ratio, and 0.0005 for the digits.
#[test]
fn steps_of_either_sign_shorten_the_gradient_on_average() {
    let circuit = Circuit { qubits: 3, layers: 3, is_global: false };
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let points = 700;
    let mut rows = Vec::new();
    for _ in 0..points {
        let theta = uniform(&mut rng, circuit.parameters());
        let g = circuit.gradient(&theta);
        let kick = direction(&mut rng, theta.len());
        let after = |v: &[f64], length: f64| {
            let g = circuit.gradient(&add(&theta, length, v));
            dot(&g, &g)
        };
        let short = 0.1 * norm(&g);
        rows.push((dot(&g, &g), [after(&g, 0.1), after(&g, -0.1), after(&kick, short), after(&kick, 0.2)]));
    }
    let mean: f64 = rows.iter().map(|row| row.0).sum::<f64>() / f64::from(points);
    for (which, expected) in [0.942, 0.942, 0.997, 1.0].into_iter().enumerate() {
        let ratio: f64 = rows.iter().map(|row| row.1[which]).sum::<f64>() / f64::from(points) / mean;
        let residuals = rows.iter().map(|row| (row.1[which] - ratio * row.0).powi(2)).sum::<f64>();
        let std_error = residuals.sqrt() / f64::from(points) / mean;
        assert!((ratio - expected).abs() < 4.0 * std_error + 5e-4, "{which}: {ratio} +- {std_error}");
        assert!(std_error < 0.01, "{which}: {std_error}");
    }
}

/// On a global cost an ascent makes the plateau worse and a normalised descent better: medians of the gradient norm after
/// a path of length 0.5 in 5 steps are ordered ascent < kick < descent.
#[test]
fn on_a_global_cost_ascent_shortens_and_descent_lengthens_the_gradient() {
    let circuit = Circuit { qubits: 4, layers: 4, is_global: true };
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut factors: [Vec<f64>; 3] = Default::default();
    for _ in 0..41 {
        let start = uniform(&mut rng, circuit.parameters());
        let before = norm(&circuit.gradient(&start));
        let kick = direction(&mut rng, start.len());
        for (factors, sign) in factors.iter_mut().zip([1.0, 0.0, -1.0]) {
            let mut theta = start.clone();
            for _ in 0..5 {
                let g = circuit.gradient(&theta);
                theta = if sign == 0.0 { add(&theta, 0.1, &kick) } else { add(&theta, sign * 0.1 / norm(&g), &g) };
            }
            factors.push(norm(&circuit.gradient(&theta)) / before);
        }
    }
    let [ascent, kick, descent] = factors.map(|mut factors| {
        factors.sort_by(f64::total_cmp);
        factors[20]
    });
    assert!(ascent < 0.5 && (0.7..1.4).contains(&kick) && descent > 1.5, "{ascent}, {kick}, {descent}");
}

/// The probe on SGD is silent with a sensible rate: L(theta - eta g) > L(theta) asks for eta > 2/lambda_max. (So the
/// method equals its base there.)
#[test]
fn the_probe_is_silent_at_sensible_rates() {
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    for _ in 0..60 {
        let theta = uniform(&mut rng, PARAMETERS);
        let mut method = Probe::new(ProbeConfig::exact(), Sgd::new(0.3).unwrap(), &theta).unwrap();
        let mut ising = Ising::new();
        let outcome = Runner::new(&mut method, &mut ising, Streams::new(0, 0)).next().unwrap().unwrap();
        assert_eq!(outcome.report.event, Event::Descent);
    }
}

/// With a measured gradient the curvature ratio is biased upwards: on a flat loss it is positive in 73 % of the cases
/// with P = 24 and eps = 0.25 (P = 128: 92 %). |g| is about sqrt(P/2) s with s the standard error of a loss, those of the
/// derivatives being s/sqrt(2): Phi(eps sqrt(P)/2). Within 4 standard errors, and 0.005 for the spread of |g|.
#[test]
fn the_measured_curvature_says_ascend_on_a_flat_loss() {
    for (parameters, expected) in [(24, 0.73), (128, 0.92)] {
        let config = StallCurvatureConfig {
            window: 1,
            delta: 1.0,
            phase: 1,
            cooldown: 0,
            radius: Some(0.5),
            ..StallCurvatureConfig::default()
        };
        let start = vec![0.0; parameters];
        let mut method = StallCurvature::new(config, Sgd::new(1e-9).unwrap(), &start).unwrap();
        let mut flat = Quadratic::noisy(&start, 0.1, 0.1 / 2.0_f64.sqrt(), 100);
        let (mut up, mut all) = (0.0, 0.0);
        let mut count = |observation: &Observation<'_>| {
            up += f64::from(u8::from(observation.report.event == Event::Ascent));
            all += f64::from(u8::from(observation.report.event.is_triggered()));
            ControlFlow::Continue(())
        };
        let runner = Runner::new(&mut method, &mut flat, Streams::new(4, 0)).budget(Budget::of_iterations(6000));
        runner.observe(&mut count).run().unwrap();
        assert!(all > 2000.0);
        let share: f64 = up / all;
        let std_error = (expected * (1.0 - expected) / all).sqrt();
        assert!((share - expected).abs() < 4.0 * std_error + 0.005, "P = {parameters}: {share}");
    }
}

/// Trap: the best of visited noisy losses is biased low. Of 30 standard normal numbers the smallest is -2.043 on average,
/// with standard deviation 0.475; a fresh measurement at its point is not biased. Within 4 standard errors.
#[test]
fn the_best_measured_loss_is_biased_and_a_fresh_one_is_not() {
    let runs = 300;
    let (mut best_sum, mut fresh_sum) = (0.0, 0.0);
    for seed in 0..runs {
        let mut flat = Quadratic::noisy(&[0.0; 2], 1.0, 0.1, 100);
        let mut method = Descent::new(Adam::new(0.1).unwrap(), &[0.1, 0.2]).unwrap();
        let mut best = BestPoint::new(2);
        let streams = Streams::new(seed, 0);
        let runner = Runner::new(&mut method, &mut flat, streams).budget(Budget::of_iterations(30));
        runner.observe(&mut best).run().unwrap();
        best_sum += best.loss().unwrap().value;
        fresh_sum += reevaluate(&mut flat, best.theta().unwrap(), &streams, 0).unwrap().loss.value;
    }
    let root = (runs as f64).sqrt();
    assert!((best_sum / runs as f64 + 2.043).abs() < 4.0 * 0.475 / root, "{best_sum}");
    assert!((fresh_sum / runs as f64).abs() < 4.0 / root, "{fresh_sum}");
}
