//! Electronic Hamiltonians of small molecules.

use qcore::{Pauli, PauliString, PauliSum};
use serde::Deserialize;

use crate::Error;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        /// The shipped files: name and text.
        const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../data/chemistry/", $name, ".json")))),*];
    };
}

files![
    "H2_0.5",
    "H2_0.6",
    "H2_0.735",
    "H2_0.9",
    "H2_1.2",
    "H2_1.6",
    "H2_2.0",
    "H2_2.5",
    "HeHplus_0.772",
    "H3plus_0.9",
    "H4_chain_0.8",
    "H4_chain_1.2",
    "H4_chain_2.0",
    "LiH_1.595_cas2_2",
    "LiH_1.595_cas2_3",
    "LiH_2.5_cas2_3",
    "LiH_1.595",
    "BeH2_1.326_cas2_3",
    "BeH2_1.326_cas4_4",
];

/// The electronic Hamiltonian of a molecule in a minimal basis, mapped to qubits by Jordan and Wigner: qubit `2k` is the spatial
/// orbital `k` with spin up, `2k + 1` with spin down, and an occupied orbital is `|1>`. Energies in hartree, nuclear repulsion and
/// a frozen core included.
#[derive(Clone, Debug, PartialEq)]
pub struct Molecule {
    name: String,
    basis: String,
    qubits: usize,
    electrons: usize,
    hamiltonian: PauliSum,
    hartree_fock_energy: f64,
    ground_energy: f64,
    lowest_energy: f64,
}

/// A file as it is written.
#[derive(Deserialize)]
struct File {
    name: String,
    basis: String,
    qubits: usize,
    electrons: usize,
    hf_energy: f64,
    fci_energy: f64,
    lowest_eigenvalue_any_sector: f64,
    terms: Vec<(f64, String)>,
}

impl Molecule {
    /// Names of the shipped molecules: formula, bond length in angstrom, and for an active space its electrons and orbitals.
    pub fn names() -> impl ExactSizeIterator<Item = &'static str> {
        FILES.iter().map(|(name, _)| *name)
    }

    /// A shipped molecule. `None` for another name.
    ///
    /// Numbers computed with PySCF and OpenFermion (`data/LICENSES.md`).
    #[must_use]
    pub fn shipped(name: &str) -> Option<Self> {
        let (_, text) = FILES.iter().find(|(file, _)| *file == name)?;
        Some(Self::from_json(text).expect("the embedded files are well formed (a test reads them)"))
    }

    /// Reads a molecule from JSON: an object with `name`, `basis`, `qubits`, `electrons`, `hf_energy`, `fci_energy`,
    /// `lowest_eigenvalue_any_sector` and `terms`, a list of `[coefficient, "X0 Y1 ..."]` with `"I"` for the identity.
    ///
    /// # Errors
    ///
    /// [`Error::Molecule`] for another text, [`Error::Circuit`] for a term that is not a Pauli string of the register.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let file: File = serde_json::from_str(text).map_err(|source| Error::Molecule { source })?;
        let terms = file.terms.iter().map(|(coefficient, factors)| Ok((*coefficient, string(factors)?)));
        let hamiltonian = PauliSum::new(terms.collect::<Result<Vec<_>, Error>>()?)?;
        if hamiltonian.width() > file.qubits {
            let (what, got) = ("Hamiltonian", hamiltonian.width());
            return Err(qcore::Error::WidthMismatch { what, got, expected: file.qubits }.into());
        }
        Ok(Self {
            name: file.name,
            basis: file.basis,
            qubits: file.qubits,
            electrons: file.electrons,
            hamiltonian,
            hartree_fock_energy: file.hf_energy,
            ground_energy: file.fci_energy,
            lowest_energy: file.lowest_eigenvalue_any_sector,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The basis set.
    #[must_use]
    pub fn basis(&self) -> &str {
        &self.basis
    }

    /// Qubits: spin orbitals of the active space.
    #[must_use]
    pub fn qubits(&self) -> usize {
        self.qubits
    }

    /// Electrons of the active space.
    #[must_use]
    pub fn electrons(&self) -> usize {
        self.electrons
    }

    /// The Hamiltonian.
    #[must_use]
    pub fn hamiltonian(&self) -> &PauliSum {
        &self.hamiltonian
    }

    /// The energy of the Hartree-Fock state, in which the qubits `0..electrons` are `|1>`.
    #[must_use]
    pub fn hartree_fock_energy(&self) -> f64 {
        self.hartree_fock_energy
    }

    /// The lowest energy with the right number of electrons and no spin along z: full configuration interaction in the active space.
    #[must_use]
    pub fn ground_energy(&self) -> f64 {
        self.ground_energy
    }

    /// The lowest eigenvalue of all particle numbers, which an ansatz that does not conserve them may reach.
    #[must_use]
    pub fn lowest_energy(&self) -> f64 {
        self.lowest_energy
    }
}

/// `"X0 Y1"`, or `"I"`.
fn string(text: &str) -> Result<PauliString, Error> {
    let bad = || Error::PauliString { text: text.to_owned() };
    let factor = |word: &str| -> Result<(usize, Pauli), Error> {
        let mut letters = word.chars();
        let pauli = match letters.next() {
            Some('X') => Pauli::X,
            Some('Y') => Pauli::Y,
            Some('Z') => Pauli::Z,
            _ => return Err(bad()),
        };
        Ok((letters.as_str().parse().map_err(|_| bad())?, pauli))
    };
    if text == "I" {
        return Ok(PauliString::IDENTITY);
    }
    let factors = text.split_whitespace().map(factor).collect::<Result<Vec<_>, _>>()?;
    Ok(PauliString::new(&factors)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use qcore::{Gate, StateVector};

    /// The energy of the Hartree-Fock state by the simulator is that of the quantum-chemistry program.
    #[test]
    fn hartree_fock_energies() {
        for name in Molecule::names() {
            let molecule = Molecule::shipped(name).expect("listed");
            let mut state = StateVector::zero(molecule.qubits()).expect("small");
            for qubit in 0..molecule.electrons() {
                state.apply_gate(Gate::X, &[qubit], &[]).expect("valid");
            }
            let energy = state.expectation(molecule.hamiltonian()).expect("fits");
            assert!((energy - molecule.hartree_fock_energy()).abs() < 1e-9, "{name}: {energy}");
            assert!(molecule.lowest_energy() <= molecule.ground_energy() + 1e-9);
            assert!(molecule.ground_energy() < molecule.hartree_fock_energy());
        }
    }

    #[test]
    fn bad_texts_are_refused() {
        let text = |term: &str| {
            format!(
                r#"{{"name":"a","basis":"b","qubits":2,"electrons":1,"hf_energy":0,"fci_energy":0,
                "lowest_eigenvalue_any_sector":0,"terms":[[1.0,"{term}"]]}}"#
            )
        };
        assert!(Molecule::from_json(&text("X0 Z1")).is_ok());
        assert!(matches!(Molecule::from_json("{}"), Err(Error::Molecule { .. })));
        assert!(matches!(Molecule::from_json(&text("Q0")), Err(Error::PauliString { .. })));
        assert!(matches!(Molecule::from_json(&text("X0 X0")), Err(Error::Circuit(_))));
        assert!(matches!(Molecule::from_json(&text("Z5")), Err(Error::Circuit(_))));
        assert!(Molecule::shipped("unobtainium").is_none());
    }
}
