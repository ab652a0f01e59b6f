//! Exact values at single rows.

use std::sync::Arc;

use qcore::{Binding, Level, StateVector};

use super::gradient::AdjointPlan;
use crate::{Error, Estimate, Expectation};

/// Working memory of exact values one row after the other, kept between calls for the same expectation.
#[derive(Clone, Debug)]
pub(super) struct Alone {
    plan: Arc<AdjointPlan>,
    binding: Binding,
    state: StateVector,
}

impl Alone {
    /// The values of all observables at every row, the observable varying fastest.
    pub(super) fn values(
        kept: &mut Option<Self>,
        level: Level,
        expectation: &Expectation,
        rows: &[&[f64]],
    ) -> Result<Vec<Estimate>, Error> {
        let plan = expectation.adjoint_plan();
        let (program, observables) = (plan.program(expectation), plan.observables(expectation));
        let same = match kept.take() {
            Some(same) if Arc::ptr_eq(&same.plan, plan) => same,
            _ => Self {
                plan: plan.clone(),
                binding: plan.binding(program),
                state: StateVector::zero(program.num_qubits())?.with_level(level),
            },
        };
        let Self { binding, state, .. } = kept.insert(same);
        let mut values = Vec::with_capacity(rows.len() * observables.len());
        for row in rows {
            program.bind(row, binding)?;
            state.run(program, binding)?;
            for observable in observables {
                values.push(Estimate::exact(state.expectation(observable)?));
            }
        }
        Ok(values)
    }
}
