//! The problem on which optimizers are checked.

use rand::Rng;

use crate::vector::fill_gaussian;
use crate::{Answer, Axis, Bill, Estimate, Objective, ObjectiveError, Query, Request, Role, StepStreams};

/// L(theta) = sum c_k theta_k^2 / 2, c_k between 1/2 and 3/2, with Gaussian noise and every ability; or flat and exact.
#[derive(Clone, Debug)]
pub(super) struct Bowl {
    dimension: usize,
    /// Standard error of losses and derivatives from 100 shots.
    noise: f64,
    is_flat: bool,
}

const SHOTS: u64 = 100;

impl Bowl {
    pub(super) fn noisy(dimension: usize) -> Self {
        Self { dimension, noise: 0.1, is_flat: false }
    }

    pub(super) fn flat(dimension: usize) -> Self {
        Self { dimension, noise: 0.0, is_flat: true }
    }

    /// Whether every measurement of a loss is another number.
    pub(super) fn is_noisy(&self) -> bool {
        self.noise > 0.0
    }

    fn curvature(&self, k: usize) -> f64 {
        if self.is_flat { 0.0 } else { 0.5 + (k % 3) as f64 / 2.0 }
    }

    fn loss(&self, theta: &[f64]) -> f64 {
        theta.iter().enumerate().map(|(k, t)| self.curvature(k) * t * t / 2.0).sum()
    }

    fn estimate(&self, value: f64, rng: &mut impl Rng) -> Estimate {
        let mut z = [0.0];
        fill_gaussian(&mut z, rng);
        Estimate { value: value + self.noise * z[0], std_error: self.noise }
    }

    fn bill(&self, circuits: usize, shots: u64) -> Bill {
        Bill { jobs: 1, circuits: circuits as u64, shots, ..Bill::ZERO }
    }
}

impl Objective for Bowl {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn price(&self, request: &Request) -> Bill {
        let circuits = usize::from(request.value)
            + if request.gradient { 2 * self.dimension } else { 0 }
            + if request.metric { self.dimension * self.dimension } else { 0 };
        self.bill(circuits, circuits as u64 * SHOTS)
    }

    fn evaluate(
        &mut self,
        theta: &[f64],
        request: &Request,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        answer.clear();
        let mut rng = streams.rng(Role::Shots);
        if request.value {
            answer.value = Some(self.estimate(self.loss(theta), &mut rng));
        }
        if request.gradient {
            for (k, t) in theta.iter().enumerate() {
                let estimate = self.estimate(self.curvature(k) * t, &mut rng);
                answer.gradient.push(estimate.value);
                answer.gradient_std_errors.push(estimate.std_error);
            }
        }
        if request.metric {
            let n = self.dimension;
            answer.metric.resize(n * n, 0.0);
            answer.metric.iter_mut().step_by(n + 1).for_each(|entry| *entry = 1.0);
        }
        answer.bill = self.price(request);
        answer.reusable = self.noise == 0.0;
        Ok(())
    }

    fn price_query(&self, query: &Query<'_>) -> Option<Bill> {
        let n = self.dimension;
        Some(match query {
            Query::Point(request) => self.price(request),
            Query::Values { points } | Query::AxisValues { points, .. } => {
                self.bill(points.len() / n, (points.len() / n) as u64 * SHOTS)
            }
            Query::Fidelities { others } => self.bill(others.len() / n, (others.len() / n) as u64 * SHOTS),
            Query::Partials { value, components, shots } => {
                let circuits = usize::from(*value) + 2 * components.len();
                let most = shots.iter().copied().max().unwrap_or(SHOTS);
                let own = SHOTS.saturating_mul(2 * components.len() as u64);
                let sum = shots.iter().fold(0_u64, |sum, shots| sum.saturating_add(*shots));
                let all = if shots.is_empty() { own } else { sum.saturating_mul(2) };
                self.bill(circuits, all.saturating_add(if *value { most } else { 0 }))
            }
        })
    }

    fn evaluate_query(
        &mut self,
        theta: &[f64],
        query: &Query<'_>,
        streams: &StepStreams,
        answer: &mut Answer,
    ) -> Result<(), ObjectiveError> {
        let n = self.dimension;
        if let Query::Point(request) = query {
            return self.evaluate(theta, request, streams, answer);
        }
        answer.clear();
        let mut rng = streams.rng(Role::Shots);
        match query {
            Query::Point(_) => {}
            Query::Values { points } => {
                for point in points.chunks_exact(n) {
                    answer.values.push(self.estimate(self.loss(point), &mut rng));
                }
            }
            Query::Fidelities { others } => {
                for other in others.chunks_exact(n) {
                    let fidelity = theta.iter().zip(other).map(|(x, y)| ((x - y) / 2.0).cos().powi(2)).product();
                    answer.values.push(self.estimate(fidelity, &mut rng));
                }
            }
            Query::AxisValues { points, axes } => {
                for (point, axes) in points.chunks_exact(n).zip(axes.chunks_exact(n)) {
                    let terms = point.iter().zip(axes).enumerate().map(|(k, (t, axis))| {
                        self.curvature(k)
                            * match axis {
                                Axis::X => 1.0 - t.cos(),
                                Axis::Y => 0.5 * (1.0 - t.cos() + t.sin()),
                                Axis::Z => 0.5 * t.sin(),
                            }
                    });
                    answer.values.push(self.estimate(terms.sum(), &mut rng));
                }
            }
            Query::Partials { value, components, shots } => {
                if *value {
                    answer.value = Some(self.estimate(self.loss(theta), &mut rng));
                }
                for (place, &k) in components.iter().enumerate() {
                    let exact = self.curvature(k) * theta[k];
                    let ratio = shots.get(place).map_or(1.0, |&shots| SHOTS as f64 / shots.max(1) as f64);
                    let noise = self.estimate(0.0, &mut rng).value * ratio.sqrt();
                    answer.gradient.push(exact + noise);
                    answer.gradient_std_errors.push(self.noise * ratio.sqrt());
                }
            }
        }
        answer.bill = self.price_query(query).unwrap_or(Bill::ZERO);
        answer.reusable = self.noise == 0.0;
        Ok(())
    }
}
