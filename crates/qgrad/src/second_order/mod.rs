//! Jacobians, Hessians, Hessian-vector products and derivatives along lines.

pub(crate) mod exact;
pub(crate) mod hessian;
mod shift;

pub(crate) use shift::{Pairs, second_derivatives};

use nalgebra::DMatrix;

use crate::{Adjoint, Backend, Bill, Cotangents, Error, Estimator, Expectation, ParameterShift, Shots, Simulator};

/// Derivatives of several observables at one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Jacobian {
    /// One row per observable, one column per parameter of [`Expectation::wrt`].
    pub matrix: DMatrix<f64>,
    /// The standard error of each entry; 0 for exact ones.
    pub std_errors: DMatrix<f64>,
    /// What it cost.
    pub bill: Bill,
}

/// Second derivatives of a weighted sum of observables at one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Hessian {
    /// Symmetric; one row and column per parameter of [`Expectation::wrt`].
    pub matrix: DMatrix<f64>,
    /// The standard error of each entry; 0 for exact ones. Entries that share circuits have correlated errors.
    pub std_errors: DMatrix<f64>,
    /// What it cost.
    pub bill: Bill,
}

/// Value, gradient and Hessian-vector product of a weighted sum of observables.
#[derive(Clone, Debug, PartialEq)]
pub struct HessianProduct {
    /// The value.
    pub value: f64,
    /// The gradient.
    pub gradient: Vec<f64>,
    /// The Hessian times the direction.
    pub product: Vec<f64>,
}

/// Value and derivatives of `t -> f(theta + t v)` at `t = 0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineDerivatives {
    /// `f(theta)`.
    pub value: f64,
    /// `g'v`.
    pub first: f64,
    /// `v'Hv`.
    pub second: f64,
    /// `v'T[v, v]`, with the third-derivative tensor `T`.
    pub third: f64,
}

/// What a step along the gradient does to the length of the gradient, to second order in the step.
///
/// With the gradient `g`, the Hessian `H` and the third-derivative tensor `T` at `theta`, the gradient at `theta + eta g` has the squared
/// length
///
/// ```text
/// |g|^2 + 2 eta g'Hg + eta^2 (|Hg|^2 + g'T[g, g]) + O(eta^3)
/// ```
///
/// Both terms of order `eta^2` are needed: without `T` the expansion is wrong at the order it claims.
#[derive(Clone, Debug, PartialEq)]
pub struct SecondOrder {
    /// The value of the weighted sum of observables.
    pub value: f64,
    /// Its gradient `g`.
    pub gradient: Vec<f64>,
    /// `Hg`.
    pub hessian_gradient: Vec<f64>,
    /// `|g|^2`.
    pub gradient_squared: f64,
    /// `g'Hg`.
    pub second: f64,
    /// `|Hg|^2`.
    pub hessian_gradient_squared: f64,
    /// `g'T[g, g]`.
    pub third: f64,
}

/// A predicted and an actual change of `|g|^2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradientChange {
    /// [`SecondOrder::predicted_change`].
    pub predicted: f64,
    /// `|g(theta + eta g)|^2 - |g(theta)|^2`.
    pub actual: f64,
}

impl SecondOrder {
    /// The curvature along the gradient, `g'Hg / |g|^2`; `None` where the gradient is 0.
    #[must_use]
    pub fn curvature(&self) -> Option<f64> {
        (self.gradient_squared > 0.0).then(|| self.second / self.gradient_squared)
    }

    /// The change of `|g|^2` under `theta -> theta + eta g`, to second order in `eta`: positive `eta` ascends, negative descends.
    #[must_use]
    pub fn predicted_change(&self, eta: f64) -> f64 {
        2.0 * eta * self.second + eta * eta * (self.hessian_gradient_squared + self.third)
    }
}

pub(crate) fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).fold(0.0, |sum, (a, b)| sum + a * b)
}

impl Expectation {
    pub(crate) fn one_row(&self, row: &[f64]) -> Result<(), Error> {
        if self.count_smooth_rows(row)? == 1 {
            self.check_second_derivatives(row)
        } else {
            let expected = self.program().num_parameters();
            Err(Error::Length { what: "parameter row", got: row.len(), expected })
        }
    }

    pub(crate) fn check_direction(&self, direction: &[f64]) -> Result<(), Error> {
        let (got, expected) = (direction.len(), self.wrt().len());
        if got != expected {
            return Err(Error::Length { what: "direction", got, expected });
        }
        match direction.iter().position(|v| !v.is_finite()) {
            Some(index) => Err(Error::NotFinite { index, value: direction[index] }),
            None => Ok(()),
        }
    }
}

/// One vector-Jacobian product for each observable.
pub(crate) fn jacobian_by_rows<S: Simulator + ?Sized>(
    simulator: &mut S,
    expectation: &Expectation,
    row: &[f64],
) -> Result<DMatrix<f64>, Error> {
    expectation.one_row(row)?;
    let observables = expectation.num_observables();
    let mut matrix = DMatrix::zeros(observables, expectation.wrt().len());
    for index in 0..observables {
        let mut unit = vec![0.0; observables];
        unit[index] = 1.0;
        let (_, gradient) = simulator.adjoint(expectation, row, Cotangents::Fixed(&unit))?;
        matrix.row_mut(index).copy_from_slice(&gradient);
    }
    Ok(matrix)
}

fn simulator_of<'a>(backend: &'a mut dyn Backend, what: &'static str) -> Result<&'a mut dyn Simulator, Error> {
    backend.simulator().ok_or(Error::NotASimulator { what })
}

/// Exact results beyond the gradient. All need the ability trait [`Simulator`]: of a device they are [`Error::NotASimulator`].
/// `weights` has one number per observable; what is differentiated is the weighted sum.
impl Adjoint {
    /// The exact Hessian; see [`Simulator::hessian`]. Billed as the circuits that [`ParameterShift::hessian`] runs for it.
    ///
    /// # Errors
    ///
    /// As [`Simulator::hessian`]; [`Error::NotASimulator`].
    pub fn hessian(
        &self,
        expectation: &Expectation,
        row: &[f64],
        weights: &[f64],
        backend: &mut dyn Backend,
    ) -> Result<Hessian, Error> {
        let matrix = simulator_of(backend, "the exact Hessian")?.hessian(expectation, row, weights)?;
        let std_errors = DMatrix::zeros(matrix.nrows(), matrix.ncols());
        Ok(Hessian { matrix, std_errors, bill: ParameterShift { shots: Shots::Exact }.price_hessian(expectation) })
    }

    /// Gradient and Hessian-vector product; see [`Simulator::hessian_vector_product`]. Not billed: no device has it for less than
    /// the whole Hessian.
    ///
    /// # Errors
    ///
    /// As [`Simulator::hessian_vector_product`]; [`Error::NotASimulator`].
    pub fn hessian_vector_product(
        &self,
        expectation: &Expectation,
        row: &[f64],
        weights: &[f64],
        direction: &[f64],
        backend: &mut dyn Backend,
    ) -> Result<HessianProduct, Error> {
        let simulator = simulator_of(backend, "the exact Hessian-vector product")?;
        simulator.hessian_vector_product(expectation, row, weights, direction)
    }

    /// Derivatives along a line; see [`Simulator::line_derivatives`]. Not billed: no device can run it.
    ///
    /// # Errors
    ///
    /// As [`Simulator::line_derivatives`]; [`Error::NotASimulator`].
    pub fn line_derivatives(
        &self,
        expectation: &Expectation,
        row: &[f64],
        weights: &[f64],
        direction: &[f64],
        backend: &mut dyn Backend,
    ) -> Result<LineDerivatives, Error> {
        let simulator = simulator_of(backend, "an exact derivative along a line")?;
        simulator.line_derivatives(expectation, row, weights, direction)
    }

    /// What decides whether a step along the gradient makes the gradient longer. Not billed: no device can run it.
    ///
    /// **Cost**: a gradient, and [`Simulator::derivatives_along`] it.
    ///
    /// # Errors
    ///
    /// As [`Simulator::line_derivatives`]; [`Error::NotASimulator`].
    pub fn second_order(
        &self,
        expectation: &Expectation,
        row: &[f64],
        weights: &[f64],
        backend: &mut dyn Backend,
    ) -> Result<SecondOrder, Error> {
        let simulator = simulator_of(backend, "the exact curvature along the gradient")?;
        expectation.one_row(row)?;
        let (_, gradient) = simulator.adjoint(expectation, row, Cotangents::Fixed(weights))?;
        let (along, line) = simulator.derivatives_along(expectation, row, weights, &gradient)?;
        Ok(SecondOrder {
            value: along.value,
            gradient_squared: dot(&gradient, &gradient),
            second: dot(&gradient, &along.product),
            hessian_gradient_squared: dot(&along.product, &along.product),
            third: line.third,
            hessian_gradient: along.product,
            gradient,
        })
    }

    /// Takes the step `eta g` and compares the change of `|g|^2` with its prediction. `at` is the answer of
    /// [`Adjoint::second_order`] for the same expectation, row and weights.
    ///
    /// # Errors
    ///
    /// As [`Adjoint::second_order`]; [`Error::Length`] if `at` is of another number of parameters.
    pub fn gradient_change(
        &self,
        expectation: &Expectation,
        row: &[f64],
        weights: &[f64],
        at: &SecondOrder,
        eta: f64,
        backend: &mut dyn Backend,
    ) -> Result<GradientChange, Error> {
        let simulator = simulator_of(backend, "the exact gradient after a step")?;
        expectation.one_row(row)?;
        expectation.check_direction(&at.gradient)?;
        let mut moved = row.to_vec();
        for (param, g) in expectation.wrt().iter().zip(&at.gradient) {
            moved[param.index()] += eta * g;
        }
        let (_, gradient) = simulator.adjoint(expectation, &moved, Cotangents::Fixed(weights))?;
        let actual = dot(&gradient, &gradient) - at.gradient_squared;
        Ok(GradientChange { predicted: at.predicted_change(eta), actual })
    }
}

/// The Jacobian that [`Estimator::jacobian`] makes where an estimator has no way of its own: one vector-Jacobian product for each
/// observable.
pub(crate) fn jacobian_by_products<E: Estimator + ?Sized>(
    estimator: &E,
    expectation: &Expectation,
    row: &[f64],
    backend: &mut dyn Backend,
    rng: &mut dyn rand::Rng,
) -> Result<Jacobian, Error> {
    expectation.one_row(row)?;
    let (observables, size) = (expectation.num_observables(), expectation.wrt().len());
    let (mut matrix, mut std_errors) = (DMatrix::zeros(observables, size), DMatrix::zeros(observables, size));
    let mut bill = Bill::ZERO;
    for index in 0..observables {
        let mut unit = vec![0.0; observables];
        unit[index] = 1.0;
        let product = estimator.vjp(expectation, row, Cotangents::Fixed(&unit), backend, rng);
        let product = product.map_err(|error| error.after(bill))?;
        matrix.row_mut(index).copy_from_slice(&product.gradient);
        std_errors.row_mut(index).copy_from_slice(&product.std_errors);
        bill += product.bill;
    }
    Ok(Jacobian { matrix, std_errors, bill })
}
