//! Exact gradients: what adjoint differentiation needs to know of an expectation, and its working memory.

use std::sync::Arc;

use qcore::{Binding, Derivatives, Level, Param, PauliSum, Program, Reverse};

use crate::{Error, Estimate, Expectation};

/// The rotations to differentiate, and how derivatives by their angles become components of the gradient.
#[derive(Debug)]
pub(crate) struct AdjointPlan {
    derivatives: Derivatives,
    chain: Vec<Link>,
}

/// `gradient[position] += by_angle[derivative] * d angle / d parameter`.
#[derive(Debug)]
struct Link {
    derivative: usize,
    position: usize,
    param: Param,
    /// The derivative of the angle, where it does not depend on the parameters.
    factor: Option<f64>,
}

impl AdjointPlan {
    pub(crate) fn new(expectation: &Expectation) -> Self {
        let program = expectation.program();
        let rotations: Vec<usize> = expectation.active().iter().map(|active| active.rotation).collect();
        let mut chain = Vec::with_capacity(rotations.len());
        for (derivative, active) in expectation.active().iter().enumerate() {
            let angle = program.rotations()[active.rotation].angle();
            for &(position, param) in &active.parameters {
                let factor = angle.as_affine().map(|_| angle.derivative(&[], param));
                chain.push(Link { derivative, position, param, factor });
            }
        }
        Self { derivatives: Derivatives::new(program, &rotations), chain }
    }
}

/// Working memory of exact gradients, kept between calls for the same expectation.
#[derive(Clone, Debug)]
pub(super) struct Gradients {
    plan: Arc<AdjointPlan>,
    binding: Binding,
    reverse: Reverse,
    by_angle: Vec<f64>,
}

impl Gradients {
    /// The memory of the last call if it fits, or new one.
    pub(super) fn of<'a>(
        kept: &'a mut Option<Self>,
        expectation: &Expectation,
        level: Level,
    ) -> Result<&'a mut Self, Error> {
        let (plan, program) = (expectation.adjoint_plan(), expectation.program());
        let gradients = match kept.take() {
            Some(same) if Arc::ptr_eq(&same.plan, plan) => same,
            other => {
                let fitting = other.map(|other| other.reverse).filter(|r| r.num_qubits() == program.num_qubits());
                let reverse = match fitting {
                    Some(reverse) => reverse,
                    None => Reverse::new(program.num_qubits())?.with_level(level),
                };
                let by_angle = vec![0.0; plan.derivatives.rotations().len()];
                Self { plan: plan.clone(), binding: Binding::new(program), reverse, by_angle }
            }
        };
        Ok(kept.insert(gradients))
    }

    /// Runs the circuit at a row of parameters.
    pub(super) fn forward(&mut self, program: &Program, row: &[f64]) -> Result<(), Error> {
        program.bind(row, &mut self.binding)?;
        Ok(self.reverse.forward(program, &self.binding, &self.plan.derivatives)?)
    }

    /// The values of the observables after [`Gradients::forward`].
    pub(super) fn values(&self, observables: &[PauliSum], out: &mut [Estimate]) -> Result<(), Error> {
        for (value, observable) in out.iter_mut().zip(observables) {
            *value = Estimate::exact(self.reverse.state().expectation(observable)?);
        }
        Ok(())
    }

    /// Adds the gradient of the weighted sum of the observables to `out`; needs a [`Gradients::forward`] at this row before it.
    pub(super) fn backward(
        &mut self,
        program: &Program,
        row: &[f64],
        observables: &[(f64, &PauliSum)],
        out: &mut [f64],
    ) -> Result<(), Error> {
        let Self { plan, binding, reverse, by_angle } = self;
        reverse.backward(program, binding, &plan.derivatives, observables, by_angle)?;
        for link in &plan.chain {
            let angle = || program.rotations()[plan.derivatives.rotations()[link.derivative]].angle();
            let chain = link.factor.unwrap_or_else(|| angle().derivative(row, link.param));
            out[link.position] += chain * by_angle[link.derivative];
        }
        Ok(())
    }
}
