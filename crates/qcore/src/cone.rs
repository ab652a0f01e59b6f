//! Light cones: the part of a program that observables see.

use crate::program::{Program, RotationGenerator, Step};
use crate::{PauliString, PauliSum};

/// The part of a program that observables see: the steps in their backward light cone, on the qubits that these reach.
///
/// Expectation values of the observables, and their derivatives, are those of the whole program; so are the probabilities of
/// outcomes on the qubits that they measure. What a device is billed for is the whole circuit.
///
/// ```
/// use qcore::{Circuit, PauliSum, Program};
/// let mut circuit = Circuit::new(5)?;
/// for q in 0..5 {
///     circuit.ry(q, 0.3)?;
/// }
/// for q in 1..5 {
///     circuit.cx(q, q - 1)?;
/// }
/// let z: PauliSum = "Z0".parse()?;
/// let cone = Program::compile(&circuit).cone([&z]).expect("it does not see everything");
/// assert_eq!(cone.qubits(), [0, 1]);
/// assert_eq!(cone.program().num_steps(), 3);
/// # Ok::<(), qcore::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cone {
    program: Program,
    rotations: Vec<usize>,
    qubits: Vec<usize>,
}

impl Cone {
    /// The program, with the same parameters, on as many qubits as are seen.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// For every rotation of it, the index among the rotations of the whole program; ascending.
    #[must_use]
    pub fn rotations(&self) -> &[usize] {
        &self.rotations
    }

    /// For every qubit of it, the qubit of the whole program; ascending.
    #[must_use]
    pub fn qubits(&self) -> &[usize] {
        &self.qubits
    }

    /// One of the observables that it was made for, on its qubits.
    ///
    /// # Panics
    ///
    /// If the observable reaches a qubit that is not seen, so that it is none of these.
    #[must_use]
    pub fn observable(&self, observable: &PauliSum) -> PauliSum {
        let seen = self.qubits.iter().fold(0_u64, |mask, &qubit| mask | 1 << qubit);
        let inside = |&(_, string): &(f64, PauliString)| string.support() & !seen == 0;
        assert!(observable.terms().iter().all(inside), "an observable that the cone was made for");
        let terms = observable.terms().iter().map(|&(coefficient, string)| (coefficient, self.string(string)));
        PauliSum::new(terms).expect("strings that differ still do, so that no coefficients are added up")
    }

    fn string(&self, string: PauliString) -> PauliString {
        PauliString::from_masks(compress(string.x_mask(), &self.qubits), compress(string.z_mask(), &self.qubits))
    }
}

/// A mask of qubits in the numbers of a smaller register.
fn compress(mask: u64, qubits: &[usize]) -> u64 {
    qubits.iter().enumerate().fold(0, |new, (index, &qubit)| new | (mask >> qubit & 1) << index)
}

impl Program {
    /// The part of the program that these observables see; `None` if that is all of it.
    ///
    /// Going backwards, a step is left out if it commutes with whatever the observables have become there: where it is not
    /// diagonal they are the identity, where it is diagonal so are they. Cost: linear in the program.
    ///
    /// # Panics
    ///
    /// If an observable reaches beyond the register.
    #[must_use]
    pub fn cone<'a>(&self, observables: impl IntoIterator<Item = &'a PauliSum>) -> Option<Cone> {
        // The qubits that the observables have reached, and those of them on which they need not be diagonal.
        let (mut seen, mut moved) = (0_u64, 0_u64);
        for (_, string) in observables.into_iter().flat_map(PauliSum::terms) {
            assert!(string.width() <= self.num_qubits(), "an observable reaches beyond the register");
            seen |= string.support();
            moved |= string.x_mask();
        }
        let mut kept = vec![false; self.num_steps()];
        let mut all = true;
        for (step, kept) in self.steps().iter().zip(&mut kept).rev() {
            let (own, diagonal, permutes) = self.reach(step);
            if own & seen == 0 && diagonal & moved == 0 {
                all = false;
                continue;
            }
            *kept = true;
            if !(permutes && (own | diagonal) & moved == 0) {
                moved |= own;
            }
            seen |= own | diagonal;
        }
        if all && seen.count_ones() as usize == self.num_qubits() {
            return None;
        }
        // A register has at least one qubit.
        let seen = if seen == 0 { 1 } else { seen };
        let qubits: Vec<usize> = (0..self.num_qubits()).filter(|q| seen >> q & 1 == 1).collect();
        // The lowest qubits keep their numbers.
        let (program, rotations) = if seen & (seen + 1) == 0 {
            self.part(&kept, &qubits, |mask| mask)
        } else {
            self.part(&kept, &qubits, |mask| compress(mask, &qubits))
        };
        Some(Cone { program, rotations, qubits })
    }

    /// The qubits on which a step is not diagonal, those on which it is, and whether it permutes basis states.
    fn reach(&self, step: &Step) -> (u64, u64, bool) {
        match step {
            Step::Rotate(rotation) => match self.rotations()[*rotation].generator() {
                RotationGenerator::HalfPauli { string, controls } => {
                    (string.x_mask(), string.support() & !string.x_mask() | controls, false)
                }
                RotationGenerator::Phase { mask } => (0, mask, false),
            },
            Step::Exchange { x, controls } => (*x, *controls, true),
            Step::Phase { mask, .. } => (0, *mask, false),
            Step::Matrix(matrices) => {
                let (targets, controls) = matrices[0].masks();
                (targets, controls, false)
            }
        }
    }
}
