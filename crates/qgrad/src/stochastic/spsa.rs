//! Simultaneous perturbation.

use rand::{Rng, RngExt};

use super::{at_least_one, positive};
use crate::backend::Point;
use crate::{Backend, Bill, Cotangents, Error, Estimator, Expectation, Shots, Values, Vjp};

/// Simultaneous perturbation: all parameters are displaced at once by `+-step` along a random vector `d` of signs, and the difference
/// quotient `(L(theta + step d) - L(theta - step d)) / (2 step)` divided by `d_k` estimates component `k`, averaged over several
/// directions (J. C. Spall, IEEE Trans. Autom. Control 37, 332 (1992), eqs. (2.2) and (2.3)).
///
/// **Bias**: that of a central difference, `step^2 / 6` times third derivatives, of order `step^2 P` for `P` parameters; 0 in the limit
/// of small steps. **Variance** of component `k`: `(sum of g_l^2 over l other than k + v) / directions`, with the shot variance `v` of a
/// difference quotient, which grows as `1 / step^2`. The standard errors hold both parts: they come from the scatter of the directions,
/// and for a single direction from its length, taking all components for alike.
///
/// **Cost**: `2 x directions x rows x groups` circuits in one job, whatever the number of parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Spsa {
    /// Random directions that are averaged; at least 1.
    pub directions: usize,
    /// Displacement of each parameter, in radians; positive.
    pub step: f64,
    /// Shots of a call.
    pub shots: Shots,
}

impl Estimator for Spsa {
    fn values(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Values, Error> {
        self.shots.values(expectation, rows, backend, rng)
    }

    fn vjp(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        cotangents: Cotangents<'_>,
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Vjp, Error> {
        at_least_one("the number of directions", self.directions)?;
        positive("the step", self.step)?;
        let row_slices = expectation.rows(rows)?;
        let observables = expectation.num_observables();
        let (values, weights, mut bill) = cotangents.weights(self.shots, expectation, rows, backend, rng)?;
        let moving = expectation.moving();
        let size = moving.iter().filter(|&&moving| moving).count();
        let (mut gradient, mut std_errors) = (vec![0.0; moving.len()], vec![0.0; moving.len()]);
        if size == 0 {
            return Ok(Vjp { values, gradient, std_errors, bill });
        }
        // Row-major: direction, sign, row. A sign is drawn for every parameter of the list, moving or not.
        let mut signs: Vec<Vec<f64>> = Vec::with_capacity(self.directions);
        let mut displaced = Vec::with_capacity(2 * self.directions * rows.len());
        for _ in 0..self.directions {
            let direction: Vec<f64> = moving.iter().map(|_| if rng.random::<bool>() { 1.0 } else { -1.0 }).collect();
            for side in [self.step, -self.step] {
                for row in &row_slices {
                    let start = displaced.len();
                    displaced.extend_from_slice(row);
                    for (param, sign) in expectation.wrt().iter().zip(&direction) {
                        displaced[start + param.index()] += side * sign;
                    }
                }
            }
            signs.push(direction);
        }
        let points: Vec<Point> = (0..2 * self.directions * row_slices.len()).map(Point::at).collect();
        let importance =
            || weights.iter().map(|weight| weight.value).cycle().take(points.len() * observables).collect();
        let sampled = self.shots.sample(expectation, &displaced, &points, &importance, backend, rng);
        let sampled = sampled.map_err(|error| error.after(bill))?;
        bill += sampled.bill;

        let pairs = weights.len();
        let quotient = 0.5 / self.step;
        let count = self.directions as f64;
        // Per direction the derivative of the weighted sum along it, and the part of its variance that comes from shots.
        let mut slopes = Vec::with_capacity(self.directions);
        // Per row and observable and parameter, the mean over directions: what an error of the weight is multiplied with.
        let uncertain = weights.iter().any(|weight| weight.std_error > 0.0);
        let mut partial = vec![0.0; if uncertain { pairs * moving.len() } else { 0 }];
        let mut squares = vec![0.0; pairs];
        for (both_sides, direction) in sampled.estimates.chunks_exact(2 * pairs).zip(&signs) {
            let (plus, minus) = both_sides.split_at(pairs);
            let (mut slope, mut shot_variance) = (0.0, 0.0);
            for (pair, ((plus, minus), weight)) in plus.iter().zip(minus).zip(&weights).enumerate() {
                let difference = quotient * (plus.value - minus.value);
                slope += weight.value * difference;
                shot_variance += (weight.value * quotient).powi(2) * (plus.std_error.powi(2) + minus.std_error.powi(2));
                squares[pair] += difference * difference / count;
                if uncertain {
                    for (mean, sign) in partial[pair * moving.len()..].iter_mut().zip(direction) {
                        *mean += sign * difference / count;
                    }
                }
            }
            slopes.push((slope, shot_variance));
        }
        let mean_square = slopes.iter().map(|(slope, _)| slope * slope).sum::<f64>() / count;
        let shot_variance = slopes.iter().map(|&(_, variance)| variance).sum::<f64>() / count;
        for k in (0..moving.len()).filter(|&k| moving[k]) {
            gradient[k] = slopes.iter().zip(&signs).map(|((slope, _), signs)| slope * signs[k]).sum::<f64>() / count;
            // The square of a sign is 1, so every component has the same mean square.
            let scatter = if self.directions > 1 {
                (mean_square - gradient[k] * gradient[k]) * count / (count - 1.0)
            } else {
                (mean_square - shot_variance) * (1.0 - 1.0 / size as f64) + shot_variance
            };
            // The scatter of few directions can come out below that of the shots, which is a part of it.
            let mut variance = scatter.max(shot_variance) / count;
            let least = variance;
            if uncertain {
                for ((pair, weight), square) in weights.iter().enumerate().zip(&squares) {
                    // Less the variance of the mean itself, where there is a scatter to see it by.
                    let mean = partial[pair * moving.len() + k];
                    let noise = if self.directions > 1 { (square - mean * mean) / (count - 1.0) } else { 0.0 };
                    variance += weight.std_error.powi(2) * (mean * mean - noise);
                }
            }
            std_errors[k] = variance.max(least).sqrt();
        }
        Ok(Vjp { values, gradient, std_errors, bill })
    }

    fn price_values(&self, expectation: &Expectation, rows: u64) -> Bill {
        self.shots.price_values(expectation, rows)
    }

    fn price_vjp(&self, expectation: &Expectation, rows: u64) -> Bill {
        if expectation.active().is_empty() {
            return Bill::ZERO;
        }
        let points = rows.saturating_mul(2).saturating_mul(self.directions as u64);
        self.shots.price_values(expectation, points)
    }
}
