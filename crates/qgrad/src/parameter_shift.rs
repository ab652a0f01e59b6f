//! Gradients by parameter-shift rules.

use nalgebra::DMatrix;
use rand::Rng;

use crate::backend::{Point, Shift};
use crate::{Backend, Bill, Cotangents, Error, Estimate, Estimator, Expectation, Jacobian, Shots, Values, Vjp};

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

/// A mean and the variance of that mean.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    mean: f64,
    variance: f64,
}

/// The points of the shift rules at one row: per active rotation and term of its rule, the shift and its opposite.
fn shift_family(expectation: &Expectation, row: usize) -> Vec<Point> {
    let mut points = Vec::new();
    for active in expectation.active() {
        for &(angle, _) in active.rule.terms() {
            points.extend([angle, -angle].map(|angle| Point::shifted(row, Shift { rotation: active.rotation, angle })));
        }
    }
    points
}

/// The coefficient with which each point of the families of all rows, and each observable, enters the gradient: that of the rule times
/// the length of the chain rule's factors times the weight.
fn importance(expectation: &Expectation, rows: &[&[f64]], weight: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let mut coefficients = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        for active in expectation.active() {
            let angle = expectation.program().rotations()[active.rotation].angle();
            let squares = active.parameters.iter().map(|&(_, param)| angle.derivative(row, param).powi(2));
            let chain = squares.sum::<f64>().sqrt();
            for &(_, coefficient) in active.rule.terms() {
                for _ in 0..2 {
                    coefficients
                        .extend((0..expectation.num_observables()).map(|o| coefficient * chain * weight(index, o)));
                }
            }
        }
    }
    coefficients
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
        self.shots.sample(expectation, rows, &points, None, backend, rng)
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
        let points: Vec<Point> = (0..row_slices.len()).flat_map(|row| shift_family(expectation, row)).collect();
        let parameters = expectation.wrt().len();
        let (mut gradient, mut variances) = (vec![0.0; parameters], vec![0.0; parameters]);
        if !points.is_empty() {
            let importance = importance(expectation, &row_slices, |row, o| weights[row * observables + o].value);
            let shifted = self.shots.sample(expectation, rows, &points, Some(&importance), backend, rng);
            let shifted = shifted.map_err(|error| error.after(bill))?;
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

    fn jacobian(
        &self,
        expectation: &Expectation,
        row: &[f64],
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Jacobian, Error> {
        expectation.one_row(row)?;
        let (observables, parameters) = (expectation.num_observables(), expectation.wrt().len());
        let points = shift_family(expectation, 0);
        let mut jacobian = vec![Moments::default(); observables * parameters];
        let mut bill = Bill::ZERO;
        if !points.is_empty() {
            let importance = importance(expectation, &[row], |_, _| 1.0);
            let shifted = self.shots.sample(expectation, row, &points, Some(&importance), backend, rng)?;
            row_jacobian(expectation, row, &mut shifted.estimates.chunks_exact(observables), &mut jacobian);
            bill = shifted.bill;
        }
        let entry =
            |of: fn(&Moments) -> f64| DMatrix::from_row_iterator(observables, parameters, jacobian.iter().map(of));
        Ok(Jacobian { matrix: entry(|m| m.mean), std_errors: entry(|m| m.variance.sqrt()), bill })
    }

    fn price_values(&self, expectation: &Expectation, rows: u64) -> Bill {
        self.shots.bill(rows.saturating_mul(expectation.measurement().groups().len() as u64))
    }

    fn price_vjp(&self, expectation: &Expectation, rows: u64) -> Bill {
        let groups = expectation.measurement().groups().len() as u64;
        self.shots.bill(rows.saturating_mul(expectation.shift_points()).saturating_mul(groups))
    }
}
