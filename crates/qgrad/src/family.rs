//! The shifted circuits of a gradient, and how their values become derivatives.

use crate::backend::{Point, Shift};
use crate::expectation::ActiveRotation;
use crate::{Estimate, Expectation};

/// A mean and the variance of that mean.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

/// The shift rules of some rotations of an expectation.
pub(crate) struct Family<'a> {
    expectation: &'a Expectation,
    active: Vec<&'a ActiveRotation>,
}

impl<'a> Family<'a> {
    /// The rotations that depend on a parameter at one of the positions of [`Expectation::wrt`] that `keep` accepts.
    pub(crate) fn new(expectation: &'a Expectation, keep: impl Fn(usize) -> bool) -> Self {
        let kept = |active: &&ActiveRotation| active.parameters.iter().any(|&(position, _)| keep(position));
        Self { expectation, active: expectation.active().iter().filter(kept).collect() }
    }

    /// The points of one row: per rotation and term of its rule, the shift and its opposite.
    pub(crate) fn points(&self, row: usize) -> impl Iterator<Item = Point> {
        self.active.iter().flat_map(move |active| {
            active.rule.terms().iter().flat_map(move |&(angle, _)| {
                [angle, -angle].map(|angle| Point::shifted(row, Shift { rotation: active.rotation, angle }))
            })
        })
    }

    /// Length of the vector of derivatives of a rotation's angle.
    fn slope(&self, active: &ActiveRotation, row: &[f64]) -> f64 {
        let angle = self.expectation.program().rotations()[active.rotation].angle();
        let squares = active.parameters.iter().map(|&(_, param)| angle.derivative(row, param).powi(2));
        squares.sum::<f64>().sqrt()
    }

    /// The coefficient with which each point of the families of all rows, and each observable, enters the gradient: that of the rule
    /// times the length of the chain rule's factors times the weight.
    pub(crate) fn importance(&self, rows: &[&[f64]], weights: &[Estimate]) -> Vec<f64> {
        let mut coefficients = Vec::new();
        for (row, weights) in rows.iter().zip(weights.chunks_exact(self.expectation.num_observables())) {
            for active in &self.active {
                let slope = self.slope(active, row);
                for &(_, coefficient) in active.rule.terms() {
                    for _ in 0..2 {
                        coefficients.extend(weights.iter().map(|weight| coefficient * slope * weight.value));
                    }
                }
            }
        }
        coefficients
    }

    /// The derivatives of every observable at one row (observables x parameters, row-major), from the row's shifted estimates, which
    /// are taken off `shifted`.
    pub(crate) fn jacobian<'b>(
        &self,
        row: &[f64],
        shifted: &mut impl Iterator<Item = &'b [Estimate]>,
        jacobian: &mut [Moments],
    ) {
        let (observables, parameters) = (self.expectation.num_observables(), self.expectation.wrt().len());
        jacobian.fill(Moments::default());
        let mut by_angle = vec![Moments::default(); observables];
        for active in &self.active {
            by_angle.fill(Moments::default());
            for &(_, coefficient) in active.rule.terms() {
                for coefficient in [coefficient, -coefficient] {
                    let estimates = shifted.next().expect("a backend answers every point and observable of its job");
                    for (sum, estimate) in by_angle.iter_mut().zip(estimates) {
                        sum.mean += coefficient * estimate.value;
                        sum.variance += (coefficient * estimate.std_error).powi(2);
                    }
                }
            }
            let angle = self.expectation.program().rotations()[active.rotation].angle();
            for &(position, param) in &active.parameters {
                let chain = angle.derivative(row, param);
                for (entry, derivative) in jacobian[position..].iter_mut().step_by(parameters).zip(&by_angle) {
                    entry.mean += chain * derivative.mean;
                    entry.variance += chain * chain * derivative.variance;
                }
            }
        }
    }
}

/// Adds the product of the weights of one row with its derivatives (observables x parameters, row-major) to a gradient and its
/// variances.
pub(crate) fn add_product(weights: &[Estimate], jacobian: &[Moments], gradient: &mut [f64], variances: &mut [f64]) {
    if gradient.is_empty() {
        return;
    }
    for (weight, of_observable) in weights.iter().zip(jacobian.chunks_exact(gradient.len())) {
        for ((derivative, g), variance) in of_observable.iter().zip(&mut *gradient).zip(&mut *variances) {
            *g += weight.value * derivative.mean;
            *variance += product_variance(weight, derivative);
        }
    }
}

/// An unbiased estimate of the variance of the product of two independent estimates: `E[w^2] = w^2 + Var w`, so the plain
/// first-order formula counts the product of the variances once too often.
pub(crate) fn product_variance(weight: &Estimate, derivative: &Moments) -> f64 {
    let of_weight = weight.std_error * weight.std_error;
    let first_order = weight.value * weight.value * derivative.variance + derivative.mean * derivative.mean * of_weight;
    (first_order - of_weight * derivative.variance).max(0.0)
}
