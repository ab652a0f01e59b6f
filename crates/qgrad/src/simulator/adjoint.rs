//! The abilities of a simulator on state vectors.

use nalgebra::DMatrix;
use qcore::PauliSum;

use super::alone::Alone;
use super::batch::{Batches, Wanted};
use super::directional::{Along, Directional};
use super::gradient::Gradients;
use super::rows::Runs;
use super::{Simulator, StateVectorBackend, one_of};
use crate::estimator::{check_row, check_weights};
use crate::metric::exact;
use crate::{Blocks, Cotangents, Error, Estimate, Expectation, HessianProduct, LineDerivatives, Metric, second_order};

/// From so many rows on, lanes that are left empty cost less than runs one by one.
const BATCH_ROWS: usize = 3;

impl Simulator for StateVectorBackend {
    fn hessian(&mut self, expectation: &Expectation, row: &[f64], weights: &[f64]) -> Result<DMatrix<f64>, Error> {
        second_order::hessian::hessian(self.level, expectation, row, weights)
    }

    fn hessian_vector_product(
        &mut self,
        expectation: &Expectation,
        row: &[f64],
        weights: &[f64],
        direction: &[f64],
    ) -> Result<HessianProduct, Error> {
        let asked = Along { expectation, row, weights, direction, third: false };
        match Directional::along(&mut self.directional, self.level, asked)? {
            Some((product, _)) => Ok(product),
            None => second_order::exact::hessian_vector_product(self.level, expectation, row, weights, direction),
        }
    }

    fn line_derivatives(
        &mut self,
        expectation: &Expectation,
        row: &[f64],
        weights: &[f64],
        direction: &[f64],
    ) -> Result<LineDerivatives, Error> {
        match self.compiled_along(expectation, row, weights, direction)? {
            Some((_, line)) => Ok(line),
            None => second_order::exact::line_derivatives(self.level, expectation, row, weights, direction),
        }
    }

    fn derivatives_along(
        &mut self,
        expectation: &Expectation,
        row: &[f64],
        weights: &[f64],
        direction: &[f64],
    ) -> Result<(HessianProduct, LineDerivatives), Error> {
        if let Some(both) = self.compiled_along(expectation, row, weights, direction)? {
            return Ok(both);
        }
        let product = self.hessian_vector_product(expectation, row, weights, direction)?;
        let line = second_order::exact::line_derivatives(self.level, expectation, row, weights, direction)?;
        Ok((product, line))
    }

    fn adjoint(
        &mut self,
        expectation: &Expectation,
        rows: &[f64],
        mut cotangents: Cotangents<'_>,
    ) -> Result<(Vec<Estimate>, Vec<f64>), Error> {
        let count = expectation.count_smooth_rows(rows)?;
        let plan = expectation.adjoint_plan();
        let observables = plan.observables(expectation);
        if let Cotangents::Fixed(weights) = &cotangents {
            check_weights(weights, count, observables.len())?;
        }
        if count >= BATCH_ROWS
            && let Some(batch) = plan.batch(expectation)
        {
            let rows = expectation.rows(rows)?;
            return Batches::vjp(&mut self.batches, self.level, expectation, batch, &rows, cotangents, Wanted::All);
        }
        let gradients = Gradients::of(&mut self.gradients, expectation, self.level)?;
        let mut values = Vec::new();
        let mut gradient = vec![0.0; expectation.wrt().len()];
        let of_values = if matches!(cotangents, Cotangents::OfValues(_)) { observables.len() } else { 0 };
        let mut row_values = vec![Estimate::default(); of_values];
        let mut weights = row_values.clone();
        let (mut one, mut many);
        let weighted: &mut [(f64, &PauliSum)] = if let [observable] = observables {
            one = [(0.0, observable)];
            &mut one
        } else {
            many = observables.iter().map(|observable| (0.0, observable)).collect::<Vec<_>>();
            &mut many
        };
        for row in 0..count {
            if matches!(cotangents, Cotangents::Fixed(_)) && plan.is_empty() {
                break;
            }
            let parameters = expectation.row(rows, row);
            gradients.forward(expectation, parameters)?;
            match &mut cotangents {
                Cotangents::Fixed(given) => {
                    let given = &given[row * observables.len()..][..observables.len()];
                    weighted.iter_mut().zip(given).for_each(|(to, &weight)| to.0 = weight);
                }
                Cotangents::OfValues(weigh) => {
                    gradients.values(observables, &mut row_values)?;
                    weigh(row, &row_values, &mut weights);
                    check_row(row, &weights)?;
                    values.extend_from_slice(&row_values);
                    weighted.iter_mut().zip(&weights).for_each(|(to, weight)| to.0 = weight.value);
                }
            }
            if !plan.is_empty() {
                gradients.backward(expectation, parameters, weighted, &mut gradient)?;
            }
        }
        Ok((values, gradient))
    }

    fn adjoint_component(
        &mut self,
        expectation: &Expectation,
        rows: &[f64],
        cotangents: Cotangents<'_>,
        component: usize,
    ) -> Result<(Vec<Estimate>, f64), Error> {
        let count = expectation.count_smooth_rows(rows)?;
        let plan = expectation.adjoint_plan();
        if let Some(batch) = plan.batch(expectation).filter(|_| count >= BATCH_ROWS)
            && component < expectation.wrt().len()
        {
            if let Cotangents::Fixed(weights) = &cotangents {
                check_weights(weights, count, expectation.num_observables())?;
            }
            let (rows, wanted) = (expectation.rows(rows)?, Wanted::One(plan.component(batch, component)));
            let (values, gradient) =
                Batches::vjp(&mut self.batches, self.level, expectation, batch, &rows, cotangents, wanted)?;
            return Ok((values, gradient[0]));
        }
        one_of(self.adjoint(expectation, rows, cotangents)?, component)
    }

    fn values_of_rows(&mut self, expectation: &Expectation, rows: &[f64]) -> Result<Option<Vec<Estimate>>, Error> {
        let rows = expectation.rows(rows)?;
        let Some(batch) = expectation.adjoint_plan().batch(expectation).filter(|_| rows.len() >= BATCH_ROWS) else {
            return Alone::values(&mut self.alone, self.level, expectation, &rows).map(Some);
        };
        let runs = Runs::of(rows.iter().copied());
        let mut values = Vec::with_capacity(rows.len() * expectation.num_observables());
        for run in rows.chunk_by(|a, b| runs.go_on(a, b)) {
            Batches::values(&mut self.batches, self.level, expectation, batch, run, &mut values)?;
        }
        Ok(Some(values))
    }

    fn metric_tensor(&mut self, expectation: &Expectation, row: &[f64]) -> Result<DMatrix<f64>, Error> {
        expectation.one_row(row)?;
        let all: Vec<usize> = (0..expectation.wrt().len()).collect();
        exact::of_tangents(self.level, expectation, row, &all)
    }

    fn metric_entries(&mut self, metric: &Metric, blocks: &Blocks, row: &[f64]) -> Result<DMatrix<f64>, Error> {
        match blocks {
            Blocks::Full => self.metric_tensor(metric.expectation(), row),
            _ => exact::entries(self.level, metric, &metric.mask(blocks)?, row),
        }
    }
}

impl StateVectorBackend {
    /// What [`Simulator::derivatives_along`] asks for, where the compiled circuit has it.
    fn compiled_along(
        &mut self,
        expectation: &Expectation,
        row: &[f64],
        weights: &[f64],
        direction: &[f64],
    ) -> Result<Option<(HessianProduct, LineDerivatives)>, Error> {
        let asked = Along { expectation, row, weights, direction, third: true };
        Ok(Directional::along(&mut self.directional, self.level, asked)?.map(|(product, third)| {
            let (first, second) =
                (second_order::dot(&product.gradient, direction), second_order::dot(&product.product, direction));
            let line = LineDerivatives { value: product.value, first, second, third };
            (product, line)
        }))
    }
}
