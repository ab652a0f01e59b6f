//! Adjoint gradients and metric tensors on state vectors.

use nalgebra::DMatrix;
use num_complex::Complex64;
use qcore::{Binding, Program, StateVector};

use super::{Simulator, StateVectorBackend, States};
use crate::{Cotangents, Error, Estimate, Expectation, HessianProduct, LineDerivatives, second_order};

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
        let program = expectation.program();
        let rows = expectation.rows(rows)?;
        let observables = expectation.measurement().observables();
        if let Cotangents::Fixed(weights) = &cotangents {
            let expected = rows.len() * observables.len();
            if weights.len() != expected {
                return Err(Error::Length { what: "cotangents", got: weights.len(), expected });
            }
        }
        let (States { running: ket, tangent: bra, .. }, _) = self.workspace(program.num_qubits())?;
        let mut binding = Binding::new(program);
        let mut values = Vec::new();
        let mut gradient = vec![0.0; expectation.wrt().len()];
        let mut row_values = vec![Estimate::default(); observables.len()];
        let mut weights = vec![Estimate::default(); observables.len()];
        for (row, parameters) in rows.iter().enumerate() {
            program.bind(parameters, &mut binding)?;
            ket.run(program, &binding)?;
            match &mut cotangents {
                Cotangents::Fixed(given) => {
                    let given = &given[row * observables.len()..][..observables.len()];
                    weights.iter_mut().zip(given).for_each(|(weight, &w)| *weight = Estimate::exact(w));
                }
                Cotangents::OfValues(weigh) => {
                    for (value, observable) in row_values.iter_mut().zip(observables) {
                        *value = Estimate::exact(ket.expectation(observable)?);
                    }
                    weigh(row, &row_values, &mut weights);
                    values.extend_from_slice(&row_values);
                }
            }
            if expectation.active().is_empty() {
                continue;
            }
            bra.clear();
            for (weight, observable) in weights.iter().zip(observables) {
                ket.add_observable(weight.value, observable, bra)?;
            }
            backward(expectation, parameters, &binding, ket, bra, &mut gradient)?;
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

/// One backward pass: undoes the circuit on `ket` and `bra` together and collects `2 Im <bra|G|ket>` at each rotation.
fn backward(
    expectation: &Expectation,
    parameters: &[f64],
    binding: &Binding,
    ket: &mut StateVector,
    bra: &mut StateVector,
    gradient: &mut [f64],
) -> Result<(), Error> {
    let program: &Program = expectation.program();
    let mut left = expectation.active();
    for step in (0..program.num_steps()).rev() {
        // Nothing before the first differentiated rotation (a data encoding, say) has to be undone.
        let Some((active, earlier)) = left.split_last() else { return Ok(()) };
        if program.rotation_of_step(step) == Some(active.rotation) {
            let spec = &program.rotations()[active.rotation];
            let by_angle = ket.generator_overlap(bra, spec.generator())?;
            for &(position, param) in &active.parameters {
                gradient[position] += by_angle * spec.angle().derivative(parameters, param);
            }
            left = earlier;
            if left.is_empty() {
                return Ok(());
            }
        }
        ket.undo_step(program, binding, step)?;
        bra.undo_step(program, binding, step)?;
    }
    Ok(())
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
