//! The lowest eigenvalue of an observable.

use nalgebra::{DMatrix, SymmetricEigen};
use num_complex::Complex64;
use qcore::{PauliSum, StateVector};

use crate::Error;

/// Largest register.
const LARGEST: usize = 16;
/// Most vectors of the Krylov space, and how small the residual has to be, relative to `sum |c_k|`.
const MOST_VECTORS: usize = 160;
const RESIDUAL: f64 = 1e-12;

/// The lowest eigenvalue of `observable` on `qubits` qubits, by Lanczos iteration with full reorthogonalization (C. Lanczos, J.
/// Res. Natl. Bur. Stand. 45, 255 (1950)) from a fixed vector with no zero component. To about 1e-10 of `sum |c_k|`.
///
/// **Cost**: up to 160 states in memory and as many applications of the observable.
///
/// # Errors
///
/// [`Error::Range`] for more than 16 qubits, [`Error::Circuit`] for an observable beyond the register.
pub fn lowest_eigenvalue(observable: &PauliSum, qubits: usize) -> Result<f64, Error> {
    if qubits > LARGEST {
        return Err(Error::Range { what: "the number of qubits", value: qubits as f64, allowed: "at most 16" });
    }
    let scale = observable.one_norm() + observable.identity_coefficient().abs();
    if scale == 0.0 {
        return Ok(0.0);
    }
    let mut next = start(qubits)?;
    let mut basis: Vec<StateVector> = Vec::new();
    let (mut diagonal, mut beside): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut lowest = f64::INFINITY;
    let one = Complex64::ONE;
    while basis.len() < MOST_VECTORS.min(1 << qubits) {
        let mut image = StateVector::zero(qubits)?;
        next.apply_observable(observable, &mut image)?;
        diagonal.push(next.inner(&image)?.re);
        basis.push(next);
        // Twice is enough (W. Kahan, B. N. Parlett).
        for _ in 0..2 {
            for vector in &basis {
                let along = vector.inner(&image)?;
                let mut rest = StateVector::zero(qubits)?;
                rest.set_combination(one, &image, -along, vector)?;
                image = rest;
            }
        }
        let norm = image.norm_squared().sqrt();
        let size = diagonal.len();
        let matrix = DMatrix::from_fn(size, size, |i, j| match i.abs_diff(j) {
            0 => diagonal[i],
            1 => beside[i.min(j)],
            _ => 0.0,
        });
        let eigen = SymmetricEigen::new(matrix);
        let place = (0..size).min_by(|&a, &b| eigen.eigenvalues[a].total_cmp(&eigen.eigenvalues[b])).unwrap_or(0);
        lowest = eigen.eigenvalues[place];
        if norm * eigen.eigenvectors[(size - 1, place)].abs() <= RESIDUAL * scale || norm <= RESIDUAL * scale {
            break;
        }
        beside.push(norm);
        next = StateVector::zero(qubits)?;
        next.set_combination(Complex64::new(1.0 / norm, 0.0), &image, Complex64::ZERO, &image)?;
    }
    Ok(lowest)
}

/// A normalized vector with irregular phases and magnitudes, which no symmetry of a usual observable annihilates.
fn start(qubits: usize) -> Result<StateVector, Error> {
    let size = 1_usize << qubits;
    let entry = |k: usize| Complex64::from_polar(1.0 + 0.3 * (1.7 * k as f64).sin(), 2.4 * (k * k % 65_537) as f64);
    let norm = (0..size).map(|k| entry(k).norm_sqr()).sum::<f64>().sqrt();
    Ok(StateVector::from_amplitudes(&(0..size).map(|k| entry(k) / norm).collect::<Vec<_>>())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chemistry::Molecule;

    /// Spin chains by free fermions (values of another program's sparse diagonalization), molecules by quantum chemistry.
    #[test]
    fn known_ground_energies() {
        for (qubits, field, expected) in
            [(4, 0.5, -3.427034088908079), (6, 1.0, -7.296229810558755), (4, 2.0, -8.37679863685036)]
        {
            let chain = PauliSum::transverse_field_ising(qubits, 1.0, field).expect("valid");
            let found = lowest_eigenvalue(&chain, qubits).expect("small");
            assert!((found - expected).abs() < 1e-10, "n = {qubits}, h = {field}: {found}");
        }
        for molecule in Molecule::names().filter(|name| !name.contains("LiH_1.595") || name.contains("cas")) {
            let molecule = Molecule::shipped(molecule).expect("shipped");
            let found = lowest_eigenvalue(molecule.hamiltonian(), molecule.qubits()).expect("small");
            assert!((found - molecule.lowest_energy()).abs() < 1e-9, "{}: {found}", molecule.name());
        }
    }

    #[test]
    fn degenerate_and_trivial_observables() {
        let of = |text: &str, qubits| lowest_eigenvalue(&text.parse().expect("valid"), qubits).expect("small");
        assert!((of("1.5 * Z0", 1) + 1.5).abs() < 1e-12);
        assert!((of("Z0 Z1", 3) + 1.0).abs() < 1e-12);
        assert!(lowest_eigenvalue(&"Z0".parse().expect("valid"), 17).is_err());
    }
}
