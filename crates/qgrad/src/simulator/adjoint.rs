//! Adjoint gradients and metric tensors on state vectors.

use nalgebra::DMatrix;
use num_complex::Complex64;
use qcore::{Binding, PauliSum};

use super::batch::Batches;
use super::gradient::Gradients;
use super::{Simulator, StateVectorBackend, States};
use crate::{Cotangents, Error, Estimate, Expectation, HessianProduct, LineDerivatives, second_order};

/// From so many rows on, lanes that are left empty cost less than runs one by one.
const BATCH_ROWS: usize = 3;

impl Simulator for StateVectorBackend {
    fn hessian(&mut self, expectation: &Expectation, row: &[f64], weights: &[f64]) -> Result<DMatrix<f64>, Error> {
        second_order::exact::hessian(self.level, expectation, row, weights)
    }

    fn hessian_vector_product(
        &mut self,
        expectation: &Expectation,
        row: &[f64],
        weights: &[f64],
        direction: &[f64],
    ) -> Result<HessianProduct, Error> {
        second_order::exact::hessian_vector_product(self.level, expectation, row, weights, direction)
    }

    fn line_derivatives(
        &mut self,
        expectation: &Expectation,
        row: &[f64],
        weights: &[f64],
        direction: &[f64],
    ) -> Result<LineDerivatives, Error> {
        second_order::exact::line_derivatives(self.level, expectation, row, weights, direction)
    }

    fn adjoint(
        &mut self,
        expectation: &Expectation,
        rows: &[f64],
        mut cotangents: Cotangents<'_>,
    ) -> Result<(Vec<Estimate>, Vec<f64>), Error> {
        let rows = expectation.rows(rows)?;
        let plan = expectation.adjoint_plan().clone();
        let observables = plan.observables(expectation);
        if let Cotangents::Fixed(weights) = &cotangents {
            let expected = rows.len() * observables.len();
            if weights.len() != expected {
                return Err(Error::Length { what: "cotangents", got: weights.len(), expected });
            }
        }
        if rows.len() >= BATCH_ROWS
            && let Some(batch) = plan.batch(expectation)
        {
            return Batches::vjp(&mut self.batches, self.level, expectation, batch, &rows, cotangents);
        }
        let gradients = Gradients::of(&mut self.gradients, expectation, self.level)?;
        let mut values = Vec::new();
        let mut gradient = vec![0.0; expectation.wrt().len()];
        let mut row_values = vec![Estimate::default(); observables.len()];
        let mut weights = vec![Estimate::default(); observables.len()];
        let mut weighted: Vec<(f64, &PauliSum)> = observables.iter().map(|observable| (0.0, observable)).collect();
        for (row, parameters) in rows.iter().enumerate() {
            if matches!(cotangents, Cotangents::Fixed(_)) && plan.is_empty() {
                break;
            }
            gradients.forward(expectation, parameters)?;
            match &mut cotangents {
                Cotangents::Fixed(given) => {
                    let given = &given[row * observables.len()..][..observables.len()];
                    weighted.iter_mut().zip(given).for_each(|(to, &weight)| to.0 = weight);
                }
                Cotangents::OfValues(weigh) => {
                    gradients.values(observables, &mut row_values)?;
                    weigh(row, &row_values, &mut weights);
                    values.extend_from_slice(&row_values);
                    weighted.iter_mut().zip(&weights).for_each(|(to, weight)| to.0 = weight.value);
                }
            }
            if !plan.is_empty() {
                gradients.backward(expectation, parameters, &weighted, &mut gradient)?;
            }
        }
        Ok((values, gradient))
    }

    fn metric_tensor(&mut self, expectation: &Expectation, row: &[f64]) -> Result<DMatrix<f64>, Error> {
        let program = expectation.program();
        let rows = expectation.rows(row)?;
        if rows.len() != 1 {
            let (what, got) = ("parameter row", row.len());
            return Err(Error::Length { what, got, expected: program.num_parameters() });
        }
        let mut binding = Binding::new(program);
        program.bind(row, &mut binding)?;
        let (States { running: state, tangent, .. }, _) = self.workspace(program.num_qubits())?;
        let size = expectation.wrt().len();
        let mut derivatives = vec![vec![Complex64::ZERO; 1 << program.num_qubits()]; size];
        let mut active = expectation.active().iter().peekable();
        state.reset();
        for step in 0..program.num_steps() {
            state.apply_steps(program, &binding, step..step + 1)?;
            let Some(rotation) = active.next_if(|a| Some(a.rotation) == program.rotation_of_step(step)) else {
                continue;
            };
            let spec = &program.rotations()[rotation.rotation];
            tangent.copy_from(state)?;
            tangent.apply_generator(spec.generator())?;
            tangent.apply_steps(program, &binding, step + 1..program.num_steps())?;
            for &(position, param) in &rotation.parameters {
                let chain = spec.angle().derivative(row, param);
                for (sum, amplitude) in derivatives[position].iter_mut().zip(tangent.amplitudes()) {
                    *sum += chain * amplitude;
                }
            }
        }
        Ok(metric_from_tangents(&state.amplitudes(), &derivatives))
    }
}

fn metric_from_tangents(state: &[Complex64], derivatives: &[Vec<Complex64>]) -> DMatrix<f64> {
    let inner = |left: &[Complex64], right: &[Complex64]| -> Complex64 {
        left.iter().zip(right).fold(Complex64::ZERO, |sum, (a, b)| sum + a.conj() * b)
    };
    let overlaps: Vec<Complex64> = derivatives.iter().map(|derivative| inner(derivative, state)).collect();
    let size = derivatives.len();
    let mut metric = DMatrix::zeros(size, size);
    for i in 0..size {
        for j in 0..=i {
            let entry = (inner(&derivatives[i], &derivatives[j]) - overlaps[i] * overlaps[j].conj()).re;
            metric[(i, j)] = entry;
            metric[(j, i)] = entry;
        }
    }
    metric
}
