//! Exact values of a task, outside any budget.

use std::sync::Mutex;

use qgrad::{Adjoint, Estimate, Estimator, Expectation, StateVectorBackend};
use qopt::{Role, Streams};

use crate::Error;

/// A simulator that is kept from one look at a run to the next, with its states and tables.
#[derive(Debug, Default)]
pub(super) struct ExactValues {
    kept: Mutex<StateVectorBackend>,
}

impl ExactValues {
    /// The values of all observables at every row, the observable varying fastest.
    pub(super) fn at(&self, expectation: &Expectation, rows: &[f64]) -> Result<Vec<Estimate>, Error> {
        // Exact values read nothing from the stream.
        let mut rng = Streams::new(0, 0).at(0).rng(Role::Evaluation);
        // Whoever finds it taken does not wait for it: a thread that holds it may be the one that asks.
        let values = match self.kept.try_lock() {
            Ok(mut kept) => Adjoint.values(expectation, rows, &mut *kept, &mut rng),
            Err(_) => Adjoint.values(expectation, rows, &mut StateVectorBackend::new(), &mut rng),
        };
        Ok(values?.estimates)
    }
}
