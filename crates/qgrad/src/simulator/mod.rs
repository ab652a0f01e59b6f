//! The exact simulator as a backend, and the abilities that only a simulator has.

mod adjoint;
mod jobs;

use nalgebra::DMatrix;
use qcore::{Level, StateVector};

use crate::{Cotangents, Error, Estimate, Expectation};

/// What no device can run: a state is looked at without being measured.
pub trait Simulator {
    /// Values (if the cotangents are made from them) and the vector-Jacobian product of [`Estimator::vjp`](crate::Estimator::vjp), exactly, by
    /// adjoint differentiation.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] and [`Error::NotFinite`] for bad rows or cotangents, [`Error::Circuit`] from the state.
    fn adjoint(
        &mut self,
        expectation: &Expectation,
        rows: &[f64],
        cotangents: Cotangents<'_>,
    ) -> Result<(Vec<Estimate>, Vec<f64>), Error>;

    /// The Fubini-Study metric tensor `Re(<d_i psi|d_j psi> - <d_i psi|psi><psi|d_j psi>)` of the parameters of
    /// [`Expectation::wrt`] at one row (J. Stokes, J. Izaac, N. Killoran, G. Carleo, Quantum 4, 269 (2020), eq. (8)); the quantum
    /// Fisher information is four times it.
    ///
    /// **Cost**: one state in memory and one partial run of the circuit for each rotation that depends on a parameter.
    ///
    /// # Errors
    ///
    /// As [`Simulator::adjoint`].
    fn metric_tensor(&mut self, expectation: &Expectation, row: &[f64]) -> Result<DMatrix<f64>, Error>;
}

/// Runs jobs on state vectors in memory, exactly or with exact multinomial shots.
#[derive(Clone, Debug)]
pub struct StateVectorBackend {
    level: Level,
    /// Kept between calls, so that calls on registers of one width allocate no states.
    states: Option<States>,
    probabilities: Vec<f64>,
}

/// The states of a call.
#[derive(Clone, Debug)]
struct States {
    /// Behind the whole circuit.
    end: StateVector,
    /// Behind the steps so far.
    running: StateVector,
    tangent: StateVector,
    projected: StateVector,
    shifted: StateVector,
    scratch: StateVector,
}

impl StateVectorBackend {
    /// A backend at the best kernel level of the processor.
    #[must_use]
    pub fn new() -> Self {
        Self::with_level(Level::best())
    }

    /// A backend at a given kernel level.
    #[must_use]
    pub fn with_level(level: Level) -> Self {
        Self { level, states: None, probabilities: Vec::new() }
    }

    /// States of this width and the buffer for probabilities.
    fn workspace(&mut self, qubits: usize) -> Result<(&mut States, &mut Vec<f64>), Error> {
        let fitting = self.states.take().filter(|states| states.end.num_qubits() == qubits);
        let states = match fitting {
            Some(states) => states,
            None => {
                let zero = StateVector::zero(qubits)?.with_level(self.level);
                States {
                    running: zero.clone(),
                    tangent: zero.clone(),
                    projected: zero.clone(),
                    shifted: zero.clone(),
                    scratch: zero.clone(),
                    end: zero,
                }
            }
        };
        Ok((self.states.insert(states), &mut self.probabilities))
    }
}

impl Default for StateVectorBackend {
    fn default() -> Self {
        Self::new()
    }
}
