//! Natural gradient.

use nalgebra::{Cholesky, DMatrix, DVectorViewMut};

use crate::rules::learning_rate;
use crate::{ConfigError, Request, State, StateError, StepContext, UpdateRule};

/// Natural gradient: u = rate * u' with (F + regularization * I) u' = g, F the metric.
///
/// It asks for the metric in every iteration. The linear system is solved by Cholesky decomposition, in P^3/3
/// operations; only the lower triangle of F is read. If F + regularization * I is not numerically positive definite,
/// every component of the step is NaN, and the method ends the run with
/// [`MethodError::NonFiniteStep`](crate::MethodError::NonFiniteStep): choose a larger regularization.
///
/// References: S. Amari, Neural Computation 10, 251 (1998); J. Stokes, J. Izaac, N. Killoran and G. Carleo, Quantum 4,
/// 269 (2020). With the Fubini-Study metric it is `QNGOptimizer` of PennyLane, regularization its `lam`.
#[derive(Clone, Debug)]
pub struct NaturalGradient {
    rate: f64,
    regularization: f64,
    /// Room for the matrix; lent to the decomposition in each step.
    matrix: Option<DMatrix<f64>>,
}

impl NaturalGradient {
    /// Natural gradient with learning rate `rate` and `regularization`, in units of the metric.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] unless the rate is positive and finite and the regularization finite and not
    /// negative.
    pub fn new(rate: f64, regularization: f64) -> Result<Self, ConfigError> {
        Ok(Self {
            rate: learning_rate(rate)?,
            regularization: ConfigError::not_negative("regularization", regularization)?,
            matrix: None,
        })
    }
}

impl UpdateRule for NaturalGradient {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        let dimension = step.len();
        if context.metric.len() != dimension * dimension {
            step.fill(f64::NAN);
            return;
        }
        self.prepare(dimension);
        let Some(mut matrix) = self.matrix.take() else {
            step.fill(f64::NAN);
            return;
        };
        let entries = matrix.as_mut_slice();
        for (row, of_row) in context.metric.chunks_exact(dimension).enumerate() {
            for (column, &entry) in of_row[..=row].iter().enumerate() {
                entries[column * dimension + row] = entry;
            }
            entries[row * dimension + row] += self.regularization;
        }
        let Some(decomposition) = Cholesky::new(matrix) else {
            step.fill(f64::NAN);
            return;
        };
        step.copy_from_slice(context.gradient);
        decomposition.solve_mut(&mut DVectorViewMut::from_slice(step, dimension));
        step.iter_mut().for_each(|u| *u *= self.rate);
        self.matrix = Some(decomposition.unpack_dirty());
    }

    fn prepare(&mut self, dimension: usize) {
        if self.matrix.as_ref().is_none_or(|matrix| matrix.nrows() != dimension) {
            self.matrix = Some(DMatrix::zeros(dimension, dimension));
        }
    }

    fn request(&self) -> Request {
        Request::VALUE_AND_GRADIENT.with_metric()
    }

    fn state(&self) -> State {
        State::new("natural-gradient")
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        state.expect("natural-gradient", &[])
    }
}
