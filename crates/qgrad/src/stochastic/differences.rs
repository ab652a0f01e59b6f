//! Finite differences.

use rand::Rng;

use super::positive;
use crate::backend::Point;
use crate::family::{Moments, add_product};
use crate::{Backend, Bill, Cotangents, Error, Estimator, Expectation, Shots, Values, Vjp};

/// Which points a difference quotient takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Difference {
    /// `(f(theta + h) - f(theta - h)) / (2h)`: two circuits for each parameter, bias `h^2 f''' / 6`.
    Central,
    /// `(f(theta + h) - f(theta)) / h`: one circuit for each parameter and one for all, bias `h f'' / 2`.
    Forward,
}

/// The step of a difference quotient.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Step {
    /// So many radians for every parameter; positive.
    Fixed(f64),
    /// The step at which squared bias and shot variance together are smallest.
    ///
    /// With `S` shots for each point, `s` the standard deviation of a shot, and the bias of [`Difference`], the mean squared errors
    ///
    /// ```text
    /// central   h^4 f'''^2 / 36 + s^2 / (2 h^2 S)     smallest at  h = (9 s^2 / (S f'''^2))^(1/6)
    /// forward   h^2 f''^2 / 4   + 2 s^2 / (h^2 S)     smallest at  h = (8 s^2 / (S f''^2))^(1/4)
    /// ```
    ///
    /// The ratio of `s` to the derivatives is not known beforehand. Both are at most the sum `W` of the absolute Pauli coefficients times
    /// 1 and `w^3` (or `w^2`), where `w` is the largest frequency with which an expectation value depends on the parameter (S. Bernstein's
    /// inequality), and the step is that for the bounds: `(9/S)^(1/6) / w` and `(8/S)^(1/4) / w`. Exact values count as shots to the
    /// precision of a double.
    Optimal,
}

/// Finite differences of whole circuits, parameter by parameter. Where every gate has a shift rule, parameter shift is unbiased at
/// the same number of circuits; differences are for comparison, and for few circuits per parameter where a parameter drives many gates.
///
/// **Bias**: see [`Difference`]; with the frequency `w` of [`Step::Optimal`] and the sum `W` of the absolute Pauli coefficients at most
/// `h^2 w^3 W / 6` (central) and `h w^2 W / 2` (forward). It is not part of the standard errors, which are those of the shots.
/// Forward components share a point, so their errors are correlated.
///
/// **Cost**: `2 P` (central) or `P + 1` (forward) circuits for each row and group in one job, for `P` parameters on which an expectation
/// value can depend.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FiniteDifferences {
    /// Central or forward.
    pub difference: Difference,
    /// The step.
    pub step: Step,
    /// Shots of a call.
    pub shots: Shots,
}

impl FiniteDifferences {
    /// The step of each component at one row, in radians, if the call has so many rows.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] and [`Error::NotFinite`] for a bad row, [`Error::Setting`] for a step that is not positive.
    pub fn steps(&self, expectation: &Expectation, row: &[f64], rows: u64) -> Result<Vec<f64>, Error> {
        expectation.one_row(row)?;
        let unit = match self.step {
            Step::Fixed(step) => {
                positive("the step", step)?;
                return Ok(vec![step; expectation.wrt().len()]);
            }
            Step::Optimal => {
                let bill = self.price_vjp(expectation, rows);
                let shots = match self.shots {
                    Shots::Exact => f64::EPSILON.powi(-2),
                    _ => (bill.shots as f64 / bill.circuits.max(1) as f64).max(1.0),
                };
                match self.difference {
                    Difference::Central => (9.0 / shots).powf(1.0 / 6.0),
                    Difference::Forward => (8.0 / shots).powf(0.25),
                }
            }
        };
        let mut frequencies = vec![0.0; expectation.wrt().len()];
        for active in expectation.active() {
            let rotation = &expectation.program().rotations()[active.rotation];
            let largest = rotation.frequencies().last().copied().unwrap_or(0.0);
            for &(position, param) in &active.parameters {
                frequencies[position] += largest * rotation.angle().derivative(row, param).abs();
            }
        }
        // Where the angles stand still there is no scale, and nothing is far away.
        Ok(frequencies.into_iter().map(|w: f64| if w.is_normal() { unit / w } else { unit }).collect())
    }

    /// Points of each row.
    fn points_per_row(&self, expectation: &Expectation) -> u64 {
        let moving = expectation.moving().into_iter().filter(|&moving| moving).count() as u64;
        match self.difference {
            _ if moving == 0 => 0,
            Difference::Central => 2 * moving,
            Difference::Forward => moving + 1,
        }
    }
}

impl Estimator for FiniteDifferences {
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
        let row_slices = expectation.smooth_rows(rows)?;
        let observables = expectation.num_observables();
        let steps: Vec<Vec<f64>> = row_slices
            .iter()
            .map(|row| self.steps(expectation, row, row_slices.len() as u64))
            .collect::<Result<_, _>>()?;
        let (values, weights, mut bill) = cotangents.weights(self.shots, expectation, rows, backend, rng)?;
        let moving: Vec<usize> =
            (expectation.moving().into_iter().enumerate()).filter_map(|(k, moving)| moving.then_some(k)).collect();
        let size = expectation.wrt().len();
        let (mut gradient, mut variances) = (vec![0.0; size], vec![0.0; size]);
        if moving.is_empty() {
            return Ok(Vjp { values, gradient, std_errors: variances, bill });
        }
        let forward = self.difference == Difference::Forward;
        let mut displaced = Vec::new();
        let mut coefficients = Vec::new();
        for (row, steps) in row_slices.iter().zip(&steps) {
            if forward {
                displaced.extend_from_slice(row);
                coefficients.push(moving.iter().map(|&k| 1.0 / steps[k]).sum());
            }
            for &k in &moving {
                let sides: &[f64] = if forward { &[1.0] } else { &[1.0, -1.0] };
                for side in sides {
                    let start = displaced.len();
                    displaced.extend_from_slice(row);
                    displaced[start + expectation.wrt()[k].index()] += side * steps[k];
                    coefficients.push(1.0 / steps[k]);
                }
            }
        }
        let points: Vec<Point> = (0..coefficients.len()).map(Point::at).collect();
        let importance = || {
            let per_row = coefficients.chunks(coefficients.len() / row_slices.len());
            let of_row = |(coefficients, weights): (&[f64], &[crate::Estimate])| -> Vec<f64> {
                coefficients.iter().flat_map(|c| weights.iter().map(move |weight| c * weight.value)).collect()
            };
            per_row.zip(weights.chunks(observables)).flat_map(of_row).collect()
        };
        let sampled = self.shots.sample(expectation, &displaced, &points, &importance, backend, rng);
        let sampled = sampled.map_err(|error| error.after(bill))?;
        bill += sampled.bill;
        let per_row = sampled.estimates.len() / row_slices.len();
        let mut jacobian = vec![Moments::default(); observables * size];
        for ((estimates, steps), weights) in
            sampled.estimates.chunks(per_row).zip(&steps).zip(weights.chunks(observables))
        {
            for (place, &k) in moving.iter().enumerate() {
                let (near, far, width) =
                    if forward { (0, place + 1, steps[k]) } else { (2 * place + 1, 2 * place, 2.0 * steps[k]) };
                for o in 0..observables {
                    let (near, far) = (&estimates[near * observables + o], &estimates[far * observables + o]);
                    jacobian[o * size + k] = Moments {
                        mean: (far.value - near.value) / width,
                        variance: (far.std_error.powi(2) + near.std_error.powi(2)) / (width * width),
                    };
                }
            }
            add_product(weights, &jacobian, &mut gradient, &mut variances);
        }
        let std_errors = variances.into_iter().map(f64::sqrt).collect();
        Ok(Vjp { values, gradient, std_errors, bill })
    }

    fn price_values(&self, expectation: &Expectation, rows: u64) -> Bill {
        self.shots.price_values(expectation, rows)
    }

    fn price_vjp(&self, expectation: &Expectation, rows: u64) -> Bill {
        self.shots.price_values(expectation, rows.saturating_mul(self.points_per_row(expectation)))
    }
}
