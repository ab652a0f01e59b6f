//! Gradients of which only some components are measured.

use rand::Rng;

use super::{at_least_one, choose};
use crate::backend::Point;
use crate::family::{Family, Moments, add_product};
use crate::{Backend, Bill, Cotangents, Error, Estimator, Expectation, Shots, Values, Vjp};

/// Random coordinates: the parameter-shift derivatives of `m` of the `P` parameters, chosen anew in each call with equal
/// probabilities, are multiplied by `P / m`; all other components are 0 (Z. Ding, T. Ko, J. Yao, L. Lin, X. Li, Phys. Rev. Research 6,
/// 033029 (2024), for `m = 1`).
///
/// Parameters on which no expectation value depends are not among the `P`.
///
/// **Bias**: none, over the choice. **Variance** of component `k` with the derivative `g_k` and its shot variance `v_k`:
/// `(P/m - 1) g_k^2 + (P/m) v_k`. The standard error of a measured component puts the measured derivative in; that of one that was not
/// measured takes the mean over those that were.
///
/// **Cost**: one job with the circuits of the chosen components. If components need different numbers of circuits (four-term
/// rules, shared parameters), the price is that of the dearest choice and the bill that of the choice that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RandomCoordinates {
    /// How many components are measured; at least 1. More than there are means all.
    pub coordinates: usize,
    /// Shots of a call.
    pub shots: Shots,
}

impl Estimator for RandomCoordinates {
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
        at_least_one("the number of coordinates", self.coordinates)?;
        let row_slices = expectation.smooth_rows(rows)?;
        let observables = expectation.num_observables();
        let (values, weights, mut bill) = cotangents.weights(self.shots, expectation, rows, backend, rng)?;
        let size = expectation.wrt().len();
        let moving: Vec<usize> =
            (expectation.moving().into_iter().enumerate()).filter_map(|(k, moving)| moving.then_some(k)).collect();
        let (mut gradient, mut variances) = (vec![0.0; size], vec![0.0; size]);
        if moving.is_empty() {
            return Ok(Vjp { values, gradient, std_errors: variances, bill });
        }
        let mut chosen = vec![false; size];
        for place in choose(self.coordinates, moving.len(), rng) {
            chosen[moving[place]] = true;
        }
        let family = Family::new(expectation, |position| chosen[position]);
        let points: Vec<Point> = (0..row_slices.len()).flat_map(|row| family.points(row)).collect();
        let importance = || family.importance(&row_slices, &weights);
        let sampled = self.shots.sample(expectation, rows, &points, &importance, backend, rng);
        let sampled = sampled.map_err(|error| error.after(bill))?;
        bill += sampled.bill;
        let mut shifted = sampled.estimates.chunks_exact(observables);
        let mut jacobian = vec![Moments::default(); observables * size];
        for (row, weights) in row_slices.iter().zip(weights.chunks(observables)) {
            family.jacobian(row, &mut shifted, &mut jacobian);
            add_product(weights, &jacobian, &mut gradient, &mut variances);
        }

        let measured = chosen.iter().filter(|&&chosen| chosen).count() as f64;
        let factor = moving.len() as f64 / measured;
        let spread = |square: f64, variance: f64| (factor - 1.0) * (square - variance).max(0.0) + factor * variance;
        let mut typical = 0.0;
        let mut std_errors = vec![0.0; size];
        for k in 0..size {
            if chosen[k] {
                let variance = spread(gradient[k] * gradient[k], variances[k]);
                typical += variance / measured;
                std_errors[k] = variance.sqrt();
                gradient[k] *= factor;
            } else {
                // A rotation may be shared with a chosen parameter: half a derivative is none.
                gradient[k] = 0.0;
            }
        }
        for &k in &moving {
            if !chosen[k] {
                std_errors[k] = typical.sqrt();
            }
        }
        Ok(Vjp { values, gradient, std_errors, bill })
    }

    fn price_values(&self, expectation: &Expectation, rows: u64) -> Bill {
        self.shots.price_values(expectation, rows)
    }

    fn price_vjp(&self, expectation: &Expectation, rows: u64) -> Bill {
        let mut of_parameter = vec![0_u64; expectation.wrt().len()];
        for active in expectation.active() {
            for &(position, _) in &active.parameters {
                of_parameter[position] += active.rule.num_points() as u64;
            }
        }
        of_parameter.sort_unstable_by(|a, b| b.cmp(a));
        let dearest: u64 = of_parameter.iter().take(self.coordinates).sum();
        self.shots.price_values(expectation, rows.saturating_mul(dearest.min(expectation.shift_points())))
    }
}
