//! Fidelities between states of one circuit at two points, as a device measures them.

use qcore::{Angle, Circuit, Instruction, Operation, Param, PauliString, PauliSum};
use rand::Rng;

use crate::{Backend, Bill, Error, Estimator, Expectation, Metric, Values};

/// Fidelities `|<psi(a)|psi(b)>|^2` of the states of one circuit at two rows of parameters: the probability of all zeros after the
/// circuit at `a` and the inverse circuit at `b` (V. Havlicek et al., Nature 567, 209 (2019)).
///
/// With noise it is that probability still, and no fidelity any more.
///
/// ```
/// use qcore::Circuit;
/// use qgrad::{Adjoint, Fidelity, StateVectorBackend};
/// use rand::{SeedableRng, rngs::ChaCha8Rng};
///
/// let mut circuit = Circuit::new(1)?;
/// let t = circuit.parameter("t")?;
/// circuit.ry(0, t)?;
/// let (mut backend, mut rng) = (StateVectorBackend::new(), ChaCha8Rng::seed_from_u64(0));
/// let fidelity = Fidelity::new(&circuit)?;
/// let answer = fidelity.measure(&[0.3], &[0.3, 1.3], &Adjoint, &mut backend, &mut rng)?;
/// assert!((answer.estimates[0].value - 1.0).abs() < 1e-15);
/// assert!((answer.estimates[1].value - 0.5_f64.cos().powi(2)).abs() < 1e-15);
/// assert_eq!((answer.bill.jobs, answer.bill.circuits), (1, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Fidelity {
    /// The circuit and the inverse circuit with parameters of its own, and the probability of all zeros.
    overlap: Expectation,
    parameters: usize,
}

impl Fidelity {
    /// Compiles the circuit and its inverse.
    ///
    /// # Errors
    ///
    /// [`Error::Width`] for more qubits than [`Metric::MAX_OVERLAP_QUBITS`].
    pub fn new(circuit: &Circuit) -> Result<Self, Error> {
        let (qubits, max) = (circuit.num_qubits(), Metric::MAX_OVERLAP_QUBITS);
        if qubits > max {
            return Err(Error::Width { what: "an overlap", qubits, max });
        }
        let mut both = circuit.clone();
        let parameters = circuit.parameters().len();
        let mut others = Vec::with_capacity(parameters);
        for name in circuit.parameters() {
            let mut name = format!("{name}'");
            while both.parameters().contains(&name) {
                name.push('\'');
            }
            others.push(Angle::from(both.parameter(name)?));
        }
        for operation in circuit.inverse().operations() {
            both.push(with_parameters(operation, &others)?)?;
        }
        Ok(Self { overlap: Expectation::new(&both, vec![all_zeros(qubits)?], &[] as &[Param])?, parameters })
    }

    /// The fidelities of the state at `row`, a full row of parameters of the circuit, with those at `others`, as many rows as one
    /// likes: one estimate for each of them, as the estimator obtains values.
    ///
    /// **Cost**: a circuit of twice the depth for each of them, in one job.
    ///
    /// # Errors
    ///
    /// As [`Estimator::values`].
    pub fn measure(
        &self,
        row: &[f64],
        others: &[f64],
        estimator: &dyn Estimator,
        backend: &mut dyn Backend,
        rng: &mut dyn Rng,
    ) -> Result<Values, Error> {
        if row.len() != self.parameters {
            return Err(Error::Length { what: "parameter row", got: row.len(), expected: self.parameters });
        }
        if !others.len().is_multiple_of(self.parameters.max(1)) {
            let expected = others.len().div_ceil(self.parameters.max(1)) * self.parameters;
            return Err(Error::Length { what: "the other parameter rows", got: others.len(), expected });
        }
        let others = others.chunks_exact(self.parameters.max(1));
        let rows: Vec<f64> = others.flat_map(|other| row.iter().chain(other)).copied().collect();
        estimator.values(&self.overlap, &rows, backend, rng)
    }

    /// What [`Fidelity::measure`] will cost for so many other rows.
    pub fn price(&self, others: u64, estimator: &dyn Estimator, backend: &dyn Backend) -> Bill {
        backend.price(self.overlap.circuit(), estimator.price_values(&self.overlap, others))
    }
}

/// 1 for all zeros, 0 for every other outcome.
pub(crate) fn all_zeros(qubits: usize) -> Result<PauliSum, Error> {
    let strings = 1_u64 << qubits;
    let coefficient = 1.0 / strings as f64;
    Ok(PauliSum::new((0..strings).map(|mask| (coefficient, PauliString::from_masks(0, mask))))?)
}

/// The operation with other angles in the place of its parameters.
pub(crate) fn with_parameters(operation: &Operation, arguments: &[Angle]) -> Result<Operation, Error> {
    let angles: Vec<Angle> = operation.angles().iter().map(|angle| angle.substitute(arguments)).collect();
    let plain = match operation.instruction() {
        Instruction::Gate(gate) => Operation::gate(*gate, operation.operands(), &angles)?,
        Instruction::PauliRotation(pauli) => Operation::pauli_rotation(*pauli, angles[0].clone())?,
        // Without angles it stays as it is.
        _ => return Ok(operation.clone()),
    };
    let controls: Vec<_> = operation.controls().collect();
    Ok(if controls.is_empty() { plain } else { plain.controlled(&controls)? })
}
