//! Estimators: values and vector-Jacobian products, exact or from shots.

use std::borrow::Cow;

use nalgebra::DMatrix;
use rand::Rng;

use crate::second_order::jacobian_by_products;
use crate::{Backend, Bill, Error, Estimate, Expectation, Jacobian, ParameterShift, Partials, Shots, partials};

/// The weights of a few observables in their sum.
const ONES: [f64; 16] = [1.0; 16];

/// A function from a row's index and measured values to the row's cotangents, each with its standard error.
pub type Weigh<'a> = dyn FnMut(usize, &[Estimate], &mut [Estimate]) + 'a;

/// The weight of each observable in the scalar whose gradient is taken, one per row and observable. All of them are finite numbers.
pub enum Cotangents<'a> {
    /// Known beforehand, row-major; no values are measured for them.
    Fixed(&'a [f64]),
    /// A function of the measured values.
    ///
    /// The values have shots of their own, independent of those of the derivatives, so a product such as `2 (f - y) df` is
    /// unbiased.
    OfValues(&'a mut Weigh<'a>),
}

impl Cotangents<'_> {
    /// The values that were measured (none for fixed weights), the weights, and what they cost.
    pub(crate) fn weights(
        self,
        shots: Shots,
        expectation: &Expectation,
        rows: &[f64],
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<(Vec<Estimate>, Vec<Estimate>, Bill), Error> {
        let observables = expectation.num_observables();
        match self {
            Self::Fixed(weights) => {
                check_weights(weights, expectation.count_rows(rows)?, observables)?;
                Ok((Vec::new(), weights.iter().map(|&weight| Estimate::exact(weight)).collect(), Bill::ZERO))
            }
            Self::OfValues(weigh) => {
                let Values { estimates, bill } = shots.values(expectation, rows, backend, rng)?;
                let mut weights = vec![Estimate::default(); estimates.len()];
                let chunks = estimates.chunks(observables).zip(weights.chunks_mut(observables));
                for (row, (values, weights)) in chunks.enumerate() {
                    weigh(row, values, weights);
                    check_row(row, weights)?;
                }
                Ok((estimates, weights, bill))
            }
        }
    }
}

/// Refuses cotangents that are not one finite number for each row and observable.
pub(crate) fn check_weights(weights: &[f64], rows: usize, observables: usize) -> Result<(), Error> {
    let (got, expected) = (weights.len(), rows * observables);
    if got != expected {
        return Err(Error::Length { what: "cotangents", got, expected });
    }
    match weights.iter().position(|weight| !weight.is_finite()) {
        Some(at) => Err(Error::Cotangent { row: at / observables, observable: at % observables, value: weights[at] }),
        None => Ok(()),
    }
}

/// Refuses cotangents of one row that are not finite.
pub(crate) fn check_row(row: usize, weights: &[Estimate]) -> Result<(), Error> {
    match weights.iter().position(|weight| !weight.value.is_finite()) {
        Some(observable) => Err(Error::Cotangent { row, observable, value: weights[observable].value }),
        None => Ok(()),
    }
}

/// Values at some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// One per row and observable; the observable varies fastest.
    pub estimates: Vec<Estimate>,
    /// What they cost.
    pub bill: Bill,
}

/// A vector-Jacobian product `g_k = sum_{r,o} w_{ro} d f_o(row r) / d theta_k`.
#[derive(Clone, Debug, PartialEq)]
pub struct Vjp {
    /// The values that the cotangents were made from; empty for [`Cotangents::Fixed`].
    pub values: Vec<Estimate>,
    /// One component per parameter of [`Expectation::wrt`].
    pub gradient: Vec<f64>,
    /// The standard error of each component, from those of the derivatives and of the cotangents. Observables read from the
    /// same shots are treated as independent.
    pub std_errors: Vec<f64>,
    /// What both cost together.
    pub bill: Bill,
}

impl Vjp {
    /// An interval of `z` standard errors (1.96 for 95 %) about a component. Each component rests on two circuits at least, and the
    /// pseudo-counts of their errors add up: none has width 0 but an exact one.
    ///
    /// # Errors
    ///
    /// [`Error::Index`] if there is no such component.
    pub fn interval(&self, component: usize, z: f64) -> Result<(f64, f64), Error> {
        match (self.gradient.get(component), self.std_errors.get(component)) {
            (Some(g), Some(error)) => Ok((g - z * error, g + z * error)),
            _ => Err(Error::Index { what: "component", index: component, count: self.gradient.len() }),
        }
    }
}

/// A way to estimate expectation values and their derivatives.
///
/// `rows` holds one or more full parameter rows of the circuit, row-major: data points, seeds, or just one. Answers are pure
/// functions of their arguments and of the words read from `rng`.
pub trait Estimator: Send + Sync {
    /// The values of all observables at every row.
    ///
    /// **Cost**: rows x groups circuits, in one job.
    ///
    /// # Errors
    ///
    /// What the backend refuses; [`Error::Length`] and [`Error::NotFinite`] for bad rows.
    fn values(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Values, Error>;

    /// A vector-Jacobian product over all rows and observables.
    ///
    /// **Cost**: rows x [`Expectation::shift_points`] x groups circuits in one job, and for [`Cotangents::OfValues`] those of
    /// [`Estimator::values`] in a job before it.
    ///
    /// # Errors
    ///
    /// As [`Estimator::values`]; [`Error::Length`] and [`Error::Cotangent`] for bad cotangents, which are known only once the values are
    /// there if they are made from these.
    fn vjp(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        cotangents: Cotangents<'_>,
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Vjp, Error>;

    /// The gradient of the sum of all observables at one row.
    ///
    /// # Errors
    ///
    /// As [`Estimator::vjp`].
    fn gradient(
        &self,
        expectation: &Expectation,
        row: &[f64],
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Vjp, Error> {
        let count = expectation.num_observables();
        let ones = ONES.get(..count).map_or_else(|| Cow::Owned(vec![1.0; count]), Cow::Borrowed);
        self.vjp(expectation, row, Cotangents::Fixed(&ones), backend, rng)
    }

    /// The derivatives of every observable at one row.
    ///
    /// **Cost**: that of one vector-Jacobian product for each observable, or less: one job of [`Estimator::vjp`] for
    /// [`ParameterShift`], where all observables are read from the same circuits; one forward and one backward pass per observable
    /// for [`Adjoint`].
    ///
    /// # Errors
    ///
    /// As [`Estimator::vjp`].
    fn jacobian(
        &self,
        expectation: &Expectation,
        row: &[f64],
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Jacobian, Error> {
        jacobian_by_products(self, expectation, row, backend, rng)
    }

    /// Some components of [`Estimator::vjp`], each with shots of its own: the gradient and the standard errors of the answer have
    /// one entry for each component asked for. The values are there for [`Cotangents::OfValues`] or if they are wanted.
    ///
    /// **Cost**: the circuits of these components in one job, those of the values in it too, or in a job before it for
    /// [`Cotangents::OfValues`] and where a total of shots is divided.
    ///
    /// # Errors
    ///
    /// As [`Estimator::vjp`]; [`Error::Index`] and [`Error::Length`] for components or shots that do not fit;
    /// [`Error::NoPartials`] from an estimator that cannot single out components, which is what the provided method answers.
    fn partials(
        &self,
        _expectation: &Expectation,
        _rows: &[f64],
        _wanted: &Partials<'_>,
        _cotangents: Cotangents<'_>,
        _backend: &mut dyn Backend,
        _rng: &mut dyn Rng,
    ) -> Result<Vjp, Error> {
        Err(Error::NoPartials)
    }

    /// What [`Estimator::partials`] will cost, on a device without a clock: the bill of a job of values that goes before the
    /// derivatives, of nothing if there is none, and that of the job of the derivatives. `weighed` if the cotangents are made of
    /// values. `None` if this estimator cannot single out components.
    fn price_partials(
        &self,
        _expectation: &Expectation,
        _rows: u64,
        _wanted: &Partials<'_>,
        _weighed: bool,
    ) -> Option<[Bill; 2]> {
        None
    }

    /// What [`Estimator::values`] will cost, on a device without a clock.
    fn price_values(&self, expectation: &Expectation, rows: u64) -> Bill;

    /// What [`Estimator::vjp`] with [`Cotangents::Fixed`] will cost, on a device without a clock; for
    /// [`Cotangents::OfValues`] add [`Estimator::price_values`].
    fn price_vjp(&self, expectation: &Expectation, rows: u64) -> Bill;
}

impl<E: Estimator + ?Sized> Estimator for Box<E> {
    fn values(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Values, Error> {
        (**self).values(expectation, rows, backend, rng)
    }

    fn vjp(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        cotangents: Cotangents<'_>,
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Vjp, Error> {
        (**self).vjp(expectation, rows, cotangents, backend, rng)
    }

    fn jacobian(
        &self,
        expectation: &Expectation,
        row: &[f64],
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Jacobian, Error> {
        (**self).jacobian(expectation, row, backend, rng)
    }

    fn partials(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        wanted: &Partials<'_>,
        cotangents: Cotangents<'_>,
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Vjp, Error> {
        (**self).partials(expectation, rows, wanted, cotangents, backend, rng)
    }

    fn price_partials(
        &self,
        expectation: &Expectation,
        rows: u64,
        wanted: &Partials<'_>,
        weighed: bool,
    ) -> Option<[Bill; 2]> {
        (**self).price_partials(expectation, rows, wanted, weighed)
    }

    fn price_values(&self, expectation: &Expectation, rows: u64) -> Bill {
        (**self).price_values(expectation, rows)
    }

    fn price_vjp(&self, expectation: &Expectation, rows: u64) -> Bill {
        (**self).price_vjp(expectation, rows)
    }
}

/// Exact values and gradients by adjoint differentiation (T. Jones and J. Gacon, arXiv 2009.02823): one forward and one
/// backward pass per row, with three states in memory.
///
/// It needs a backend that is a simulator. No device can run it, and it is billed as the exact parameter-shift family that a
/// device would have to run for the same gradient, with 0 shots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adjoint;

impl Estimator for Adjoint {
    fn values(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Values, Error> {
        let count = expectation.count_rows(rows)? as u64;
        if let Some(simulator) = backend.simulator()
            && let Some(estimates) = simulator.values_of_rows(expectation, rows)?
        {
            return Ok(Values { estimates, bill: self.price_values(expectation, count) });
        }
        ParameterShift { shots: Shots::Exact }.values(expectation, rows, backend, rng)
    }

    fn vjp(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        cotangents: Cotangents<'_>,
        backend: &mut dyn Backend,
        _rng: &mut dyn Rng,
    ) -> Result<Vjp, Error> {
        let simulator = backend.simulator().ok_or(Error::NotASimulator { what: "adjoint differentiation" })?;
        let count = expectation.count_rows(rows)? as u64;
        let mut bill = self.price_vjp(expectation, count);
        if matches!(cotangents, Cotangents::OfValues(_)) {
            bill += self.price_values(expectation, count);
        }
        let (values, gradient) = simulator.adjoint(expectation, rows, cotangents)?;
        let std_errors = vec![0.0; gradient.len()];
        Ok(Vjp { values, gradient, std_errors, bill })
    }

    fn jacobian(
        &self,
        expectation: &Expectation,
        row: &[f64],
        backend: &mut dyn Backend,
        _rng: &mut dyn Rng,
    ) -> Result<Jacobian, Error> {
        let simulator = backend.simulator().ok_or(Error::NotASimulator { what: "adjoint differentiation" })?;
        let matrix = simulator.jacobian(expectation, row)?;
        let std_errors = DMatrix::zeros(matrix.nrows(), matrix.ncols());
        Ok(Jacobian { matrix, std_errors, bill: self.price_vjp(expectation, 1) })
    }

    fn partials(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        wanted: &Partials<'_>,
        cotangents: Cotangents<'_>,
        backend: &mut dyn Backend,
        _rng: &mut dyn Rng,
    ) -> Result<Vjp, Error> {
        partials::adjoint(expectation, rows, wanted, cotangents, backend)
    }

    fn price_partials(
        &self,
        expectation: &Expectation,
        rows: u64,
        wanted: &Partials<'_>,
        weighed: bool,
    ) -> Option<[Bill; 2]> {
        Some(partials::price(Shots::Exact, expectation, rows, wanted, weighed))
    }

    fn price_values(&self, expectation: &Expectation, rows: u64) -> Bill {
        ParameterShift { shots: Shots::Exact }.price_values(expectation, rows)
    }

    fn price_vjp(&self, expectation: &Expectation, rows: u64) -> Bill {
        ParameterShift { shots: Shots::Exact }.price_vjp(expectation, rows)
    }
}
