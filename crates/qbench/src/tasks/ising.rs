//! The ground state of the transverse-field Ising chain.

use std::f64::consts::PI;

use nalgebra::DMatrix;
use qcore::{Circuit, PauliSum};
use qgrad::objective::ExpectationObjective;
use qgrad::{Backend, Estimator, Expectation};
use qopt::{Role, Streams};

use super::{Assessment, Instance, Readout, Task, Trainable};
use crate::plateau::uniform_angles;
use crate::{Error, ansatz};

/// Energy of `H = -J sum Z_i Z_{i+1} - h sum X_i` on an open chain, minimized over hardware-efficient layers from uniformly
/// random angles. The loss of an [`Assessment`] is the energy above the exact ground state.
#[derive(Clone, Debug)]
pub struct Ising {
    name: String,
    observable: PauliSum,
    layers: usize,
    qubits: usize,
    ground_energy: f64,
}

impl Ising {
    /// The exact ground energy.
    #[must_use]
    pub fn ground_energy(&self) -> f64 {
        self.ground_energy
    }

    /// A chain of `qubits` sites with coupling `J`, field `h`, and an ansatz of `layers` layers (`2 n layers` parameters).
    ///
    /// # Errors
    ///
    /// [`Error::Circuit`] for an impossible chain, [`Error::Range`] without a layer.
    pub fn new(qubits: usize, coupling: f64, field: f64, layers: usize) -> Result<Self, Error> {
        if layers == 0 {
            return Err(Error::Range { what: "the number of layers", value: 0.0, allowed: "at least 1" });
        }
        let observable = PauliSum::transverse_field_ising(qubits, coupling, field)?;
        let ground_energy = ground_energy(qubits, coupling, field);
        Ok(Self { name: format!("tfim-{qubits}"), observable, layers, qubits, ground_energy })
    }

    /// The energy on the ansatz, with all its parameters.
    ///
    /// # Errors
    ///
    /// [`Error::Circuit`] for an impossible register.
    pub fn expectation(&self) -> Result<Expectation, Error> {
        let mut circuit = Circuit::new(self.qubits)?;
        let params = circuit.parameters_named("t", 2 * self.qubits * self.layers)?;
        ansatz::hardware_efficient(&mut circuit, &params)?;
        Ok(Expectation::of_all_parameters(&circuit, vec![self.observable.clone()])?)
    }
}

/// The exact ground energy of the open chain, by free fermions: minus the sum of the singular values of the bidiagonal matrix
/// with `h` on the diagonal and `J` above it (P. Pfeuty, Ann. Phys. 57, 79 (1970)).
fn ground_energy(qubits: usize, coupling: f64, field: f64) -> f64 {
    let matrix = DMatrix::from_fn(qubits, qubits, |row, column| match column.checked_sub(row) {
        Some(0) => field,
        Some(1) => coupling,
        _ => 0.0,
    });
    -matrix.singular_values().sum()
}

impl Task for Ising {
    fn name(&self) -> &str {
        &self.name
    }

    fn description(&self) -> String {
        format!(
            "ground state of H = {} on an open chain of {} qubits, {} hardware-efficient layers (RY, RZ, CZ), {} parameters",
            self.observable,
            self.qubits,
            self.layers,
            2 * self.qubits * self.layers
        )
    }

    fn has_metric(&self) -> bool {
        true
    }

    fn instance(&self, streams: &Streams) -> Result<Box<dyn Instance>, Error> {
        let expectation = self.expectation()?;
        let start = uniform_angles(expectation.wrt().len(), &mut streams.at(0).rng(Role::Start));
        Ok(Box::new(Chain { expectation, start, ground_energy: self.ground_energy }))
    }
}

struct Chain {
    expectation: Expectation,
    start: Vec<f64>,
    ground_energy: f64,
}

impl Instance for Chain {
    fn start(&self) -> &[f64] {
        &self.start
    }

    fn start_interval(&self) -> (f64, f64) {
        (0.0, 2.0 * PI)
    }

    fn objective(&self, readout: &Readout) -> Result<Box<dyn Trainable>, Error> {
        let (estimator, backend) = readout.reader()?;
        Ok(Box::new(ExpectationObjective::new(self.expectation.clone(), estimator, backend)?))
    }

    fn assess(&self, theta: &[f64]) -> Result<Assessment, Error> {
        let (estimator, mut backend) = Readout::Exact.reader()?;
        // Exact values read nothing from the stream.
        let mut rng = Streams::new(0, 0).at(0).rng(Role::Evaluation);
        let energy = estimator.values(&self.expectation, theta, &mut backend, &mut rng)?.estimates[0].value;
        Ok(Assessment { loss: energy - self.ground_energy, test_loss: None, accuracy: None, test_accuracy: None })
    }
}

impl<E: Estimator, B: Backend> Trainable for ExpectationObjective<E, B> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values by sparse diagonalization of Qiskit's matrices.
    #[test]
    fn ground_energies_match_diagonalization() {
        for (qubits, field, expected) in [
            (4, 0.5, -3.427034088908079),
            (4, 1.0, -4.758770483143634),
            (4, 2.0, -8.37679863685036),
            (6, 0.5, -5.522029570800218),
            (6, 1.0, -7.296229810558755),
        ] {
            assert!((ground_energy(qubits, 1.0, field) - expected).abs() < 1e-12, "n = {qubits}, h = {field}");
        }
    }

    #[test]
    fn the_assessed_energy_is_never_below_the_ground_state_and_reaches_it_without_field() {
        let task = Ising::new(3, 1.0, 0.7, 2).expect("valid");
        let instance = task.instance(&Streams::new(5, 1)).expect("valid");
        assert!(instance.assess(instance.start()).expect("valid").loss > 0.0);
        let classical = Ising::new(3, 1.0, 0.0, 1).expect("valid");
        let instance = classical.instance(&Streams::new(5, 1)).expect("valid");
        assert!(instance.assess(&[0.0; 6]).expect("valid").loss.abs() < 1e-12);
    }
}
