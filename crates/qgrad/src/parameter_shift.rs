//! Gradients by parameter-shift rules.

use nalgebra::DMatrix;
use rand::Rng;

use crate::backend::Point;
use crate::family::{Family, Moments, add_product};
use crate::{
    Backend, Bill, Cotangents, Error, Estimate, Estimator, Expectation, Jacobian, Partials, Shots, Values, Vjp,
    partials,
};

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

impl Estimator for ParameterShift {
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
        let (values, weights, mut bill) = cotangents.weights(self.shots, expectation, rows, backend, rng)?;
        let family = Family::new(expectation, |_| true);
        let points: Vec<Point> = (0..row_slices.len()).flat_map(|row| family.points(row)).collect();
        let parameters = expectation.wrt().len();
        let (mut gradient, mut variances) = (vec![0.0; parameters], vec![0.0; parameters]);
        if !points.is_empty() {
            let importance = || family.importance(&row_slices, &weights);
            let shifted = self.shots.sample(expectation, rows, &points, &importance, backend, rng);
            let shifted = shifted.map_err(|error| error.after(bill))?;
            bill += shifted.bill;
            let mut shifted = shifted.estimates.chunks_exact(observables);
            let mut jacobian = vec![Moments::default(); observables * parameters];
            for (row, weights) in row_slices.iter().zip(weights.chunks(observables)) {
                family.jacobian(row, &mut shifted, &mut jacobian);
                add_product(weights, &jacobian, &mut gradient, &mut variances);
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
        let family = Family::new(expectation, |_| true);
        let points: Vec<Point> = family.points(0).collect();
        let mut jacobian = vec![Moments::default(); observables * parameters];
        let mut bill = Bill::ZERO;
        if !points.is_empty() {
            let importance = || family.importance(&[row], &vec![Estimate::exact(1.0); observables]);
            let shifted = self.shots.sample(expectation, row, &points, &importance, backend, rng)?;
            family.jacobian(row, &mut shifted.estimates.chunks_exact(observables), &mut jacobian);
            bill = shifted.bill;
        }
        let entry =
            |of: fn(&Moments) -> f64| DMatrix::from_row_iterator(observables, parameters, jacobian.iter().map(of));
        Ok(Jacobian { matrix: entry(|m| m.mean), std_errors: entry(|m| m.variance.sqrt()), bill })
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
        partials::measure(self.shots, expectation, rows, wanted, cotangents, backend, rng)
    }

    fn price_partials(
        &self,
        expectation: &Expectation,
        rows: u64,
        wanted: &Partials<'_>,
        weighed: bool,
    ) -> Option<[Bill; 2]> {
        Some(partials::price(self.shots, expectation, rows, wanted, weighed))
    }

    fn price_values(&self, expectation: &Expectation, rows: u64) -> Bill {
        self.shots.price_values(expectation, rows)
    }

    fn price_vjp(&self, expectation: &Expectation, rows: u64) -> Bill {
        let groups = expectation.measurement().groups().len() as u64;
        self.shots.bill(rows.saturating_mul(expectation.shift_points()).saturating_mul(groups))
    }
}
