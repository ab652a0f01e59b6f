//! The exact simulator as a backend, and the abilities that only a simulator has.

mod adjoint;
mod alone;
mod batch;
mod directional;
mod families;
pub(crate) mod gradient;
mod jobs;
mod rows;
mod seen;
mod streams;

use nalgebra::DMatrix;
use qcore::{Level, StateVector};

use crate::{Blocks, Cotangents, Error, Estimate, Expectation, HessianProduct, LineDerivatives, Metric, second_order};

/// What no device can run: a state is looked at without being measured.
pub trait Simulator {
    /// Values (if the cotangents are made from them) and the vector-Jacobian product of [`Estimator::vjp`](crate::Estimator::vjp), exactly, by
    /// adjoint differentiation.
    ///
    /// # Errors
    ///
    /// [`Error::Length`] and [`Error::NotFinite`] for bad rows, [`Error::Length`] and [`Error::Cotangent`] for bad cotangents,
    /// [`Error::Circuit`] from the state.
    fn adjoint(
        &mut self,
        expectation: &Expectation,
        rows: &[f64],
        cotangents: Cotangents<'_>,
    ) -> Result<(Vec<Estimate>, Vec<f64>), Error>;

    /// As [`Simulator::adjoint`], with one component of the vector-Jacobian product alone.
    ///
    /// **Cost** on state vectors, up to 13 qubits and from three rows on: a backward pass goes no further than the rotations of this parameter; otherwise
    /// that of all components.
    ///
    /// # Errors
    ///
    /// As [`Simulator::adjoint`]; [`Error::Index`] if there is no such component.
    fn adjoint_component(
        &mut self,
        expectation: &Expectation,
        rows: &[f64],
        cotangents: Cotangents<'_>,
        component: usize,
    ) -> Result<(Vec<Estimate>, f64), Error> {
        one_of(self.adjoint(expectation, rows, cotangents)?, component)
    }

    /// The exact values of all observables at every row, the observable varying fastest, if the simulator has a way for these rows that is
    /// faster than a job; `None` otherwise.
    ///
    /// **Cost** on state vectors, up to 13 qubits and from three rows on: a forward pass for every four rows; what rows have in common is
    /// made once. Otherwise one run of the circuit per row.
    ///
    /// # Errors
    ///
    /// As [`Simulator::adjoint`].
    fn values_of_rows(&mut self, _expectation: &Expectation, _rows: &[f64]) -> Result<Option<Vec<Estimate>>, Error> {
        Ok(None)
    }

    /// The Fubini-Study metric tensor `Re(<d_i psi|d_j psi> - <d_i psi|psi><psi|d_j psi>)` of the parameters of
    /// [`Expectation::wrt`] at one row (J. Stokes, J. Izaac, N. Killoran, G. Carleo, Quantum 4, 269 (2020), eq. (8)); the quantum
    /// Fisher information is four times it.
    ///
    /// **Cost**: a state in memory for each parameter, one run of the circuit (two for a controlled rotation) for each rotation that
    /// depends on one, and an inner product of states for each pair of parameters.
    ///
    /// # Errors
    ///
    /// As [`Simulator::adjoint`].
    fn metric_tensor(&mut self, expectation: &Expectation, row: &[f64]) -> Result<DMatrix<f64>, Error>;

    /// Some entries of [`Simulator::metric_tensor`]; all others are 0.
    ///
    /// **Cost** on state vectors: for entries of parameters that are together in their only layer, the circuit before it and `n 2^n`
    /// additions for each such layer, whatever the number of parameters; for others as [`Simulator::metric_tensor`] of the
    /// parameters that they connect, one connected set after the other. All entries ([`Blocks::Full`]) are a full metric tensor.
    ///
    /// # Errors
    ///
    /// As [`Simulator::metric_tensor`]; [`Error::Index`] for a block with a parameter that does not exist.
    fn metric_entries(&mut self, metric: &Metric, blocks: &Blocks, row: &[f64]) -> Result<DMatrix<f64>, Error> {
        let mask = metric.mask(blocks)?;
        let full = self.metric_tensor(metric.expectation(), row)?;
        Ok(full.zip_map(&mask, |entry, wanted| if wanted { entry } else { 0.0 }))
    }

    /// The derivatives of every observable at one row: one row of the matrix per observable.
    ///
    /// # Errors
    ///
    /// As [`Simulator::adjoint`].
    fn jacobian(&mut self, expectation: &Expectation, row: &[f64]) -> Result<DMatrix<f64>, Error> {
        second_order::jacobian_by_rows(self, expectation, row)
    }

    /// The Hessian of the sum of the observables with these weights, at one row.
    ///
    /// **Cost** on state vectors: two gradients by adjoint differentiation for each rotation that depends on a parameter (four for one of
    /// two frequencies), which read only what lies behind it; rotations are divided among the threads of the current pool (feature
    /// `rayon`), with the same bytes whatever their number.
    ///
    /// # Errors
    ///
    /// As [`Simulator::adjoint`]; [`Error::NotASimulator`] from a simulator of something else than pure states.
    fn hessian(&mut self, _expectation: &Expectation, _row: &[f64], _weights: &[f64]) -> Result<DMatrix<f64>, Error> {
        Err(Error::NotASimulator { what: "the exact Hessian" })
    }

    /// Value, gradient and Hessian-vector product of the sum of the observables with these weights, at one row. `direction` has one
    /// number per parameter of [`Expectation::wrt`].
    ///
    /// A tangent of adjoint differentiation: the state and the adjoint state are carried together with their derivatives along the
    /// direction (B. Pearlmutter, Neural Computation 6, 147 (1994)).
    ///
    /// **Cost** on state vectors: two and a half to four gradients, whatever the number of parameters. Circuits of more than 13 qubits, and those with
    /// two-qubit matrices that no layer of the compiled circuit holds, go gate by gate, with two states forward and four backward: 10 to 40
    /// gradients.
    ///
    /// # Errors
    ///
    /// As [`Simulator::hessian`].
    fn hessian_vector_product(
        &mut self,
        _expectation: &Expectation,
        _row: &[f64],
        _weights: &[f64],
        _direction: &[f64],
    ) -> Result<HessianProduct, Error> {
        Err(Error::NotASimulator { what: "the exact Hessian-vector product" })
    }

    /// Value and first three derivatives of the sum of the observables with these weights, along a line through one row.
    ///
    /// First-order tangents of the state and of the adjoint state are enough for the third derivative.
    ///
    /// **Cost** on state vectors: a Hessian-vector product and a third. Where that goes gate by gate, and where an angle is not affine in the
    /// parameters, the Taylor coefficients of the state are carried through the circuit gate by gate.
    ///
    /// # Errors
    ///
    /// As [`Simulator::hessian`].
    fn line_derivatives(
        &mut self,
        _expectation: &Expectation,
        _row: &[f64],
        _weights: &[f64],
        _direction: &[f64],
    ) -> Result<LineDerivatives, Error> {
        Err(Error::NotASimulator { what: "an exact derivative along a line" })
    }

    /// [`Simulator::hessian_vector_product`] and [`Simulator::line_derivatives`] along one direction, which share most of their work on
    /// state vectors.
    ///
    /// # Errors
    ///
    /// As [`Simulator::line_derivatives`].
    fn derivatives_along(
        &mut self,
        expectation: &Expectation,
        row: &[f64],
        weights: &[f64],
        direction: &[f64],
    ) -> Result<(HessianProduct, LineDerivatives), Error> {
        let product = self.hessian_vector_product(expectation, row, weights, direction)?;
        let line = self.line_derivatives(expectation, row, weights, direction)?;
        Ok((product, line))
    }
}

/// One component of a gradient, with the values that come with it.
fn one_of((values, gradient): (Vec<Estimate>, Vec<f64>), component: usize) -> Result<(Vec<Estimate>, f64), Error> {
    let count = gradient.len();
    let found = gradient.get(component).ok_or(Error::Index { what: "component", index: component, count })?;
    Ok((values, *found))
}

/// Runs jobs on state vectors in memory, exactly or with exact multinomial shots.
#[derive(Clone, Debug)]
pub struct StateVectorBackend {
    level: Level,
    /// Kept between calls, so that calls on registers of one width allocate no states.
    states: Option<States>,
    probabilities: Vec<f64>,
    gradients: Option<gradient::Gradients>,
    families: Option<families::Families>,
    rows: Option<rows::Rows>,
    batches: Option<batch::Batches>,
    alone: Option<alone::Alone>,
    directional: Option<directional::Directional>,
    seen: Option<seen::LastSeen>,
    /// Room for the random numbers of a job.
    random: Vec<u8>,
}

/// The states of a call.
#[derive(Clone, Debug)]
struct States {
    running: StateVector,
    tangent: StateVector,
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
        Self {
            level,
            states: None,
            probabilities: Vec::new(),
            gradients: None,
            families: None,
            rows: None,
            batches: None,
            alone: None,
            directional: None,
            seen: None,
            random: Vec::new(),
        }
    }

    /// States of this width and the buffer for probabilities.
    fn workspace(&mut self, qubits: usize) -> Result<(&mut States, &mut Vec<f64>), Error> {
        let fitting = self.states.take().filter(|states| states.running.num_qubits() == qubits);
        let states = match fitting {
            Some(states) => states,
            None => {
                let zero = StateVector::zero(qubits)?.with_level(self.level);
                let scratch = zero.clone();
                States { running: zero.clone(), tangent: zero.clone(), shifted: zero, scratch }
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
