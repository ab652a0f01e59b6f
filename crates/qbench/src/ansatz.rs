//! The circuits of the shipped tasks.

use qcore::{Circuit, Param};

use crate::Error;

/// Adds `layers` hardware-efficient layers: RY and RZ on every qubit, then CZ between neighbours of the open line. `params`
/// holds `2 n layers` parameters, layer by layer, qubit by qubit, RY before RZ.
///
/// # Errors
///
/// [`Error::Circuit`] if a parameter is not the circuit's, [`Error::Range`] if `params` is not a whole number of layers.
pub fn hardware_efficient(circuit: &mut Circuit, params: &[Param]) -> Result<(), Error> {
    let qubits = circuit.num_qubits();
    if !params.len().is_multiple_of(2 * qubits) {
        let allowed = "a multiple of twice the number of qubits";
        return Err(Error::Range { what: "the number of parameters", value: params.len() as f64, allowed });
    }
    for layer in params.chunks_exact(2 * qubits) {
        for (qubit, angles) in layer.chunks_exact(2).enumerate() {
            circuit.ry(qubit, angles[0])?.rz(qubit, angles[1])?;
        }
        for qubit in 1..qubits {
            circuit.cz(qubit - 1, qubit)?;
        }
    }
    Ok(())
}

/// One RY per qubit with a parameter of its own: the product ansatz, whose plateaus are known in closed form.
///
/// # Errors
///
/// [`qcore::Error::Width`] for an impossible number of qubits.
pub fn product(qubits: usize) -> Result<Circuit, Error> {
    let mut circuit = Circuit::new(qubits)?;
    for (qubit, param) in circuit.parameters_named("t", qubits)?.into_iter().enumerate() {
        circuit.ry(qubit, param)?;
    }
    Ok(circuit)
}
