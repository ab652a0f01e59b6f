//! Circuits whose gates are single rotations or fixed.

use crate::gate::Action;
use crate::{Circuit, Control, Error, Instruction, Operation};

impl Circuit {
    /// The same circuit with every gate that is made of others ([`Action::Decomposition`]) written as these, so that every operation
    /// is fixed or has one angle. The rotations of its [`Program`](crate::Program) are those of the circuit's own, in the same order.
    ///
    /// # Errors
    ///
    /// None for a circuit that exists; the parts are checked as operations are that a user adds.
    pub fn expanded(&self) -> Result<Self, Error> {
        let mut expanded = self.emptied();
        for operation in self.operations() {
            expand(operation, &mut expanded)?;
        }
        Ok(expanded)
    }
}

fn expand(operation: &Operation, into: &mut Circuit) -> Result<(), Error> {
    let Instruction::Gate(gate) = operation.instruction() else { return into.push(operation.clone()).map(|_| ()) };
    let Action::Decomposition(parts) = gate.spec().action else { return into.push(operation.clone()).map(|_| ()) };
    let controls: Vec<Control> = operation.controls().collect();
    for part in parts {
        let qubits: Vec<usize> = part.operands.iter().map(|&k| operation.operands()[k]).collect();
        let angles: Vec<crate::Angle> = part.angles.iter().map(|angle| angle.of(operation.angles())).collect();
        expand(&Operation::gate(part.gate, &qubits, &angles)?.controlled(&controls)?, into)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{Circuit, Control, Gate, Operation, Program, StateVector};

    #[test]
    fn every_gate_of_the_table_does_the_same_in_parts() {
        for spec in Gate::all() {
            let mut circuit = Circuit::new(6).expect("width");
            let t = circuit.parameters_named("t", 4).expect("new");
            for q in 0..6 {
                circuit.ry(q, 0.3 + 0.2 * q as f64).expect("valid");
            }
            let qubits: Vec<usize> = (0..spec.qubits()).collect();
            let angles: Vec<_> = t[..spec.angles].iter().map(|&t| 1.5 * t - 0.2).collect();
            let gate = Operation::gate(spec.gate, &qubits, &angles).expect("valid");
            circuit.push(gate.controlled(&[Control::off(5)]).expect("free")).expect("valid");
            let expanded = circuit.expanded().expect("valid");
            assert!(expanded.operations().iter().all(|operation| operation.angles().len() <= 1), "{}", spec.name);
            let (own, of_parts) = (Program::compile(&circuit), Program::compile(&expanded));
            let same =
                |(a, b): (&crate::Rotation, &crate::Rotation)| (a.generator(), a.angle()) == (b.generator(), b.angle());
            assert_eq!(own.rotations().len(), of_parts.rotations().len());
            assert!(own.rotations().iter().zip(of_parts.rotations()).all(same), "{}", spec.name);
            let state = |circuit: &Circuit| {
                let mut state = StateVector::zero(6).expect("small");
                state.apply_circuit(circuit, &[0.7, -1.1, 0.4, 2.0]).expect("valid");
                state
            };
            let overlap = state(&circuit).inner(&state(&expanded)).expect("same width");
            assert!((overlap - 1.0).norm() < 1e-12, "{}", spec.name);
        }
    }
}
