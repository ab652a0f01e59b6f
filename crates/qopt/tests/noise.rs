//! How often a probe fires when there is nothing but noise.

mod common;

use common::{Quadratic, trace};
use qopt::{
    Adam, Answer, Bill, Estimate, Objective, ObjectiveError, Probe, ProbeConfig, Request, Role, Sgd, StepStreams,
    Streams,
};
use rand::RngExt;

/// The share of iterations in which a probe fires, and its standard error at the expected share.
fn frequency(objective: &mut dyn Objective, z: f64, iterations: u64, expected: f64) -> (f64, f64) {
    let start = vec![0.5; objective.dimension()];
    let mut method = Probe::new(ProbeConfig::new(z), Sgd::new(0.1).unwrap(), &start).unwrap();
    let trace = trace(&mut method, objective, Streams::new(2, 0), iterations);
    let n = iterations as f64;
    (trace.ascents as f64 / n, (expected * (1.0 - expected) / n).sqrt())
}

/// Flat loss, Gaussian noise, both losses fresh: 1/2 with z = 0, P(N > 2) = 0.02275 with z = 2; within 4 standard
/// errors. Were the loss of an accepted candidate used again, z = 0 would give 0.58.
#[test]
fn gaussian_noise() {
    for (z, expected) in [(0.0, 0.5), (2.0, 0.022_750_13)] {
        let mut flat = Quadratic::noisy(&[0.0; 4], 0.3, 0.3, 100);
        let (found, std_error) = frequency(&mut flat, z, 20_000, expected);
        assert!((found - expected).abs() < 4.0 * std_error, "z = {z}: {found}");
    }
}

/// A flat cost C = 1 - k/N with k binomial; its standard error has the floor q = (k + 1)/(N + 2), sqrt(q (1 - q)/N).
struct Counts {
    p: f64,
    shots: u64,
}

impl Objective for Counts {
    fn dimension(&self) -> usize {
        1
    }

    fn price(&self, request: &Request) -> Bill {
        let circuits = u64::from(request.value) + if request.gradient { 2 } else { 0 };
        Bill { jobs: 1, circuits, shots: circuits * self.shots, ..Bill::ZERO }
    }

    fn evaluate(
        &mut self,
        _theta: &[f64],
        request: &Request,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        answer.clear();
        let n = self.shots as f64;
        let mut rng = streams.rng(Role::Shots);
        let k = (0..self.shots).filter(|_| rng.random::<f64>() < self.p).count() as f64;
        let q = (k + 1.0) / (n + 2.0);
        if request.value {
            answer.value = Some(Estimate { value: 1.0 - k / n, std_error: (q * (1.0 - q) / n).sqrt() });
        }
        if request.gradient {
            answer.gradient.push(rng.random::<f64>() - 0.5);
        }
        answer.bill = self.price(request);
        Ok(())
    }
}

/// P(k) of a binomial distribution, by recurrence.
fn binomial(p: f64, n: u64) -> Vec<f64> {
    let mut weights = vec![(1.0 - p).powi(n as i32)];
    for k in 0..n {
        let last = weights[k as usize];
        weights.push(last * (n - k) as f64 / (k + 1) as f64 * p / (1.0 - p));
    }
    weights
}

/// With true counts equal losses do not fire: (1 - P(tie))/2 with z = 0; within 4 standard errors.
#[test]
fn binomial_counts_without_a_margin() {
    for (p, shots, rounded) in [(1.0 / 256.0, 100, 0.24), (0.5, 100, 0.47), (0.1, 10, 0.344)] {
        let weights = binomial(p, shots);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let tie: f64 = weights.iter().map(|w| w * w).sum();
        let expected = (1.0 - tie) / 2.0;
        assert!((expected - rounded).abs() < 0.006, "{expected}");
        let (found, std_error) = frequency(&mut Counts { p, shots }, 0.0, 10_000, expected);
        assert!((found - expected).abs() < 4.0 * std_error, "p = {p}: {found} instead of {expected}");
    }
}

/// With z = 2 below 5 %, by 4 standard errors, from 10 shots on.
#[test]
fn binomial_counts_with_a_margin() {
    for (p, shots) in [(1.0 / 256.0, 100), (0.5, 100), (0.5, 10), (0.05, 10), (0.01, 1000)] {
        let (found, std_error) = frequency(&mut Counts { p, shots }, 2.0, 10_000, 0.05);
        assert!(found + 4.0 * std_error < 0.05, "p = {p}, {shots} shots: {found}");
    }
}

/// Trap: with shots the loss of an accepted candidate must not stand in for the next loss. Every iteration measures
/// both.
#[test]
fn noisy_losses_are_never_used_again() {
    let mut flat = Quadratic::noisy(&[0.0; 2], 0.3, 0.3, 100).logging();
    let mut method = Probe::new(ProbeConfig::new(0.0), Adam::new(0.1).unwrap(), &[0.1, 0.2]).unwrap();
    let trace = trace(&mut method, &mut flat, Streams::new(2, 0), 50);
    assert!(trace.ascents > 10 && trace.ascents < 40);
    let asked: Vec<_> = flat.log.iter().map(|(step, query, request, _)| (*step, *query, *request)).collect();
    let expected: Vec<_> =
        (0..50).flat_map(|k| [(k, 0, Request::VALUE_AND_GRADIENT), (k, 1, Request::VALUE)]).collect();
    assert_eq!(asked, expected);
}
