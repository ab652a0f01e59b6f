//! Estimators: values and vector-Jacobian products, exact or from shots.

use rand::Rng;

use crate::backend::{JobShots, Point, Shift};
use crate::{Backend, Bill, Error, Estimate, Expectation};

/// How many shots a call spends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Shots {
    /// Exact expectation values: no shots.
    Exact,
    /// So many for every circuit.
    PerCircuit(u64),
    /// So many for each job of the call, split evenly over its circuits; the first ones get one more where it does not divide.
    Total(u64),
}

/// A function from a row's index and measured values to the row's cotangents, each with its standard error.
pub type Weigh<'a> = dyn FnMut(usize, &[Estimate], &mut [Estimate]) + 'a;

/// The weight of each observable in the scalar whose gradient is taken, one per row and observable.
pub enum Cotangents<'a> {
    /// Known beforehand, row-major; no values are measured for them.
    Fixed(&'a [f64]),
    /// A function of the measured values.
    ///
    /// The values have shots of their own, independent of those of the derivatives, so a product such as `2 (f - y) df` is
    /// unbiased.
    OfValues(&'a mut Weigh<'a>),
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
    /// As [`Estimator::values`].
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
        let ones = vec![1.0; expectation.num_observables()];
        self.vjp(expectation, row, Cotangents::Fixed(&ones), backend, rng)
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
        let count = expectation.rows(rows)?.len() as u64;
        let mut bill = self.price_vjp(expectation, count);
        if matches!(cotangents, Cotangents::OfValues(_)) {
            bill += self.price_values(expectation, count);
        }
        let (values, gradient) = simulator.adjoint(expectation, rows, cotangents)?;
        let std_errors = vec![0.0; gradient.len()];
        Ok(Vjp { values, gradient, std_errors, bill })
    }

    fn price_values(&self, expectation: &Expectation, rows: u64) -> Bill {
        ParameterShift { shots: Shots::Exact }.price_values(expectation, rows)
    }

    fn price_vjp(&self, expectation: &Expectation, rows: u64) -> Bill {
        ParameterShift { shots: Shots::Exact }.price_vjp(expectation, rows)
    }
}

/// Derivatives by parameter shift: every occurrence of a parameter is shifted by the rule of its gate, and the chain rule puts
/// the occurrences together.
///
/// Unbiased. From shots, each component's variance is the sum over its circuits of the squared coefficient times the variance
/// of that circuit's mean; every circuit, both signs of each shift included, has its own shots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ParameterShift {
    /// Shots of a call.
    pub shots: Shots,
}

impl ParameterShift {
    fn run(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        points: &[Point],
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Values, Error> {
        let circuits = points.len() as u64 * expectation.measurement().groups().len() as u64;
        let split: Vec<u64>;
        let shots = match self.shots {
            Shots::Exact => JobShots::Exact,
            Shots::PerCircuit(shots) => JobShots::Each(shots),
            Shots::Total(total) => {
                if total < circuits {
                    return Err(Error::TooFewShots { what: "the call", needed: circuits, got: total });
                }
                let (each, more) = (total / circuits.max(1), total % circuits.max(1));
                split = (0..circuits).map(|k| each + u64::from(k < more)).collect();
                JobShots::PerCircuit(&split)
            }
        };
        let result = backend.run(&expectation.job(rows, points, shots), rng)?;
        Ok(Values { estimates: result.values, bill: result.bill })
    }

    fn bill(&self, circuits: u64) -> Bill {
        let shots = match self.shots {
            Shots::Exact => 0,
            Shots::PerCircuit(shots) => shots.saturating_mul(circuits),
            Shots::Total(total) => total,
        };
        if circuits == 0 { Bill::ZERO } else { Bill::job(circuits, shots) }
    }
}

/// A mean and the variance of that mean.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    mean: f64,
    variance: f64,
}

/// The derivatives of every observable at one row, from the row's shifted estimates, which are taken off `shifted`.
fn row_jacobian<'a>(
    expectation: &Expectation,
    row: &[f64],
    shifted: &mut impl Iterator<Item = &'a [Estimate]>,
    jacobian: &mut [Moments],
) {
    let (observables, parameters) = (expectation.num_observables(), expectation.wrt().len());
    jacobian.fill(Moments::default());
    let mut by_angle = vec![Moments::default(); observables];
    for active in expectation.active() {
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
        let angle = expectation.program().rotations()[active.rotation].angle();
        for &(position, param) in &active.parameters {
            let chain = angle.derivative(row, param);
            for (entry, derivative) in jacobian[position..].iter_mut().step_by(parameters).zip(&by_angle) {
                entry.mean += chain * derivative.mean;
                entry.variance += chain * chain * derivative.variance;
            }
        }
    }
}

/// An unbiased estimate of the variance of the product of two independent estimates: `E[w^2] = w^2 + Var w`, so the plain
/// first-order formula counts the product of the variances once too often.
fn product_variance(weight: &Estimate, derivative: &Moments) -> f64 {
    let of_weight = weight.std_error * weight.std_error;
    let first_order = weight.value * weight.value * derivative.variance + derivative.mean * derivative.mean * of_weight;
    (first_order - of_weight * derivative.variance).max(0.0)
}

fn check_cotangents(got: usize, expected: usize) -> Result<(), Error> {
    if got == expected { Ok(()) } else { Err(Error::Length { what: "cotangents", got, expected }) }
}

impl Estimator for ParameterShift {
    fn values(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Values, Error> {
        let count = expectation.rows(rows)?.len();
        let points: Vec<Point> = (0..count).map(Point::at).collect();
        self.run(expectation, rows, &points, backend, rng)
    }

    fn vjp(
        &self,
        expectation: &Expectation,
        rows: &[f64],
        cotangents: Cotangents<'_>,
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Vjp, Error> {
        let row_slices = expectation.rows(rows)?;
        let observables = expectation.num_observables();
        let mut bill = Bill::ZERO;
        let (values, weights) = match cotangents {
            Cotangents::Fixed(weights) => {
                check_cotangents(weights.len(), row_slices.len() * observables)?;
                (Vec::new(), weights.iter().map(|&w| Estimate::exact(w)).collect())
            }
            Cotangents::OfValues(weigh) => {
                let values = self.values(expectation, rows, backend, rng)?;
                bill += values.bill;
                let mut weights = vec![Estimate::default(); values.estimates.len()];
                let chunks = values.estimates.chunks(observables).zip(weights.chunks_mut(observables));
                chunks.enumerate().for_each(|(row, (values, weights))| weigh(row, values, weights));
                (values.estimates, weights)
            }
        };
        let mut points = Vec::new();
        for row in 0..row_slices.len() {
            for active in expectation.active() {
                for &(angle, _) in active.rule.terms() {
                    points.extend(
                        [angle, -angle].map(|angle| Point::shifted(row, Shift { rotation: active.rotation, angle })),
                    );
                }
            }
        }
        let parameters = expectation.wrt().len();
        let (mut gradient, mut variances) = (vec![0.0; parameters], vec![0.0; parameters]);
        if !points.is_empty() {
            let shifted = self.run(expectation, rows, &points, backend, rng).map_err(|error| match error {
                Error::Refused(refusal) if bill != Bill::ZERO => Error::RefusedMidway { refusal, spent: bill },
                other => other,
            })?;
            bill += shifted.bill;
            let mut shifted = shifted.estimates.chunks_exact(observables);
            let mut jacobian = vec![Moments::default(); observables * parameters];
            for (row, weights) in row_slices.iter().zip(weights.chunks(observables)) {
                row_jacobian(expectation, row, &mut shifted, &mut jacobian);
                for (weight, of_observable) in weights.iter().zip(jacobian.chunks_exact(parameters)) {
                    for ((derivative, g), variance) in of_observable.iter().zip(&mut gradient).zip(&mut variances) {
                        *g += weight.value * derivative.mean;
                        *variance += product_variance(weight, derivative);
                    }
                }
            }
        }
        let std_errors = variances.into_iter().map(f64::sqrt).collect();
        Ok(Vjp { values, gradient, std_errors, bill })
    }

    fn price_values(&self, expectation: &Expectation, rows: u64) -> Bill {
        self.bill(rows.saturating_mul(expectation.measurement().groups().len() as u64))
    }

    fn price_vjp(&self, expectation: &Expectation, rows: u64) -> Bill {
        let groups = expectation.measurement().groups().len() as u64;
        self.bill(rows.saturating_mul(expectation.shift_points()).saturating_mul(groups))
    }
}
