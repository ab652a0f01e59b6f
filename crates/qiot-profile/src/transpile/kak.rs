//! Two-qubit unitary matrices as an interaction between one-qubit gates.

use nalgebra::{Matrix4, SymmetricEigen};
use num_complex::Complex64;

use super::matrix::Matrix2;

/// `U = e^{i phase} (after) exp(i (a XX + b YY + c ZZ)) (before)` with `[a, b, c]` the coordinates; the first of each pair of
/// matrices acts on the first operand, the lower bit (B. Kraus and J. I. Cirac, Phys. Rev. A 63, 062309 (2001)).
pub(super) struct Interaction {
    pub(super) phase: f64,
    pub(super) before: [Matrix2; 2],
    pub(super) coordinates: [f64; 3],
    pub(super) after: [Matrix2; 2],
}

type Square = Matrix4<Complex64>;

/// Columns are maximally entangled states: products of one-qubit gates of determinant 1 are real orthogonal matrices here.
fn magic() -> Square {
    let (r, i, o) = (
        Complex64::new(std::f64::consts::FRAC_1_SQRT_2, 0.0),
        Complex64::new(0.0, std::f64::consts::FRAC_1_SQRT_2),
        Complex64::ZERO,
    );
    #[rustfmt::skip]
    let rows = [
        r, o, o, i,
        o, i, r, o,
        o, i, -r, o,
        r, o, o, -i,
    ];
    Square::from_row_slice(&rows)
}

/// Eigenvalues of XX, YY and ZZ on the columns of [`magic`].
const EIGENVALUES: [[f64; 4]; 3] = [[1.0, 1.0, -1.0, -1.0], [-1.0, 1.0, -1.0, 1.0], [1.0, -1.0, -1.0, 1.0]];

impl Interaction {
    /// For a 4x4 unitary matrix, row-major.
    pub(super) fn of(matrix: &[Complex64]) -> Self {
        let given = Square::from_row_slice(matrix);
        let basis = magic();
        let det_phase = given.determinant().arg() / 4.0;
        let special = basis.adjoint() * given * basis * Complex64::cis(-det_phase);
        let (mut vectors, eigenvalues) = real_eigenvectors(&(special.transpose() * special));
        if vectors.determinant() < 0.0 {
            vectors.column_mut(0).neg_mut();
        }
        let mut angles = eigenvalues.map(|value| value.arg() / 2.0);
        // The product of the phases is 1 or -1, and must be 1 for the left factor to be a rotation.
        if angles.iter().sum::<f64>().cos() < 0.0 {
            angles[0] += std::f64::consts::PI;
        }
        let complex_vectors = vectors.map(|value| Complex64::new(value, 0.0));
        let undo = Square::from_diagonal(&nalgebra::Vector4::from_fn(|k, _| Complex64::cis(-angles[k])));
        let left = (special * complex_vectors * undo).map(|value| Complex64::new(value.re, 0.0));
        let coordinates =
            EIGENVALUES.map(|signs| signs.iter().zip(angles).map(|(sign, angle)| sign * angle).sum::<f64>() / 4.0);
        let after = factors(&(basis * left * basis.adjoint()));
        let before = factors(&(basis * complex_vectors.transpose() * basis.adjoint()));
        let mut parts = Self { phase: 0.0, before, coordinates, after };
        // The global phase by comparison: it does not depend on which of the roots above were taken.
        parts.phase = (parts.matrix().adjoint() * given).trace().arg();
        parts
    }

    /// The product without the global phase.
    fn matrix(&self) -> Square {
        let basis = magic();
        let middle = Square::from_diagonal(&nalgebra::Vector4::from_fn(|k, _| {
            Complex64::cis(EIGENVALUES.iter().zip(self.coordinates).map(|(signs, x)| signs[k] * x).sum())
        }));
        product(self.after) * (basis * middle * basis.adjoint()) * product(self.before)
    }
}

/// Real orthonormal eigenvectors of a symmetric unitary matrix, with the eigenvalues.
///
/// Its real and its imaginary part commute; a combination of both has their common eigenvectors unless it is degenerate where
/// they are not. Of several combinations the one that leaves least beside the diagonal is taken.
fn real_eigenvectors(symmetric: &Square) -> (Matrix4<f64>, [Complex64; 4]) {
    let mut best: Option<(f64, Matrix4<f64>, [Complex64; 4])> = None;
    for angle in [0.0_f64, 0.5, 1.1, 1.7, 2.3, 2.9] {
        let combination = symmetric.map(|value| angle.cos() * value.re + angle.sin() * value.im);
        let vectors = SymmetricEigen::new((combination + combination.transpose()) * 0.5).eigenvectors;
        let complex = vectors.map(|value| Complex64::new(value, 0.0));
        let diagonal = complex.transpose() * symmetric * complex;
        let values = [0, 1, 2, 3].map(|k| diagonal[(k, k)]);
        let rest = (diagonal - Square::from_diagonal(&diagonal.diagonal())).norm();
        if best.as_ref().is_none_or(|(least, ..)| rest < *least) {
            best = Some((rest, vectors, values));
        }
    }
    let (_, vectors, values) = best.expect("there are combinations to choose from");
    (vectors, values)
}

/// `A_1 (x) A_0`.
fn product([low, high]: [Matrix2; 2]) -> Square {
    Square::from_fn(|row, column| high.0[2 * (row >> 1) + (column >> 1)] * low.0[2 * (row & 1) + (column & 1)])
}

/// The factors of a product of one-qubit matrices, each unitary.
fn factors(of: &Square) -> [Matrix2; 2] {
    let largest = (0..16).max_by(|&a, &b| of[(a / 4, a % 4)].norm().total_cmp(&of[(b / 4, b % 4)].norm()));
    let (row, column) = largest.map(|k| (k / 4, k % 4)).expect("sixteen entries");
    let low = [0, 1, 2, 3].map(|k| of[((row & 2) | (k >> 1), (column & 2) | (k & 1))]);
    let high = [0, 1, 2, 3].map(|k| of[(((k & 2) | (row & 1)), ((k & 1) << 1) | (column & 1))]);
    let unitary = |entries: [Complex64; 4]| {
        let root = (entries[0] * entries[3] - entries[1] * entries[2]).sqrt();
        Matrix2(entries.map(|entry| entry / root))
    };
    [unitary(low), unitary(high)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transpile::primitive::Axis;

    #[test]
    fn the_parts_multiply_to_the_matrix() {
        let locals = |k: f64| {
            let turn = |axis, angle| Matrix2::rotation(axis, angle);
            [
                turn(Axis::Z, 0.3 * k) * turn(Axis::Y, 1.1 + k) * turn(Axis::Z, -0.2),
                turn(Axis::X, 0.9) * turn(Axis::Z, k * k) * turn(Axis::Y, 0.1 * k),
            ]
        };
        let quarter = std::f64::consts::FRAC_PI_4;
        let coordinates = [
            [0.0; 3],
            [quarter, 0.0, 0.0],
            [quarter, quarter, quarter],
            [quarter, quarter, 0.0],
            [0.3, 0.3, 0.3],
            [0.3, -0.3, 0.1],
            [0.2, 1.9, -0.4],
            [1e-9, 0.0, 2e-9],
            [quarter / 2.0, quarter / 2.0, 0.0],
        ];
        for (index, coordinates) in coordinates.into_iter().enumerate() {
            let k = index as f64;
            let built = Interaction { phase: 0.0, before: locals(k), coordinates, after: locals(k + 0.5) };
            for before in [built.before, [Matrix2::IDENTITY, Matrix2::X]] {
                let built = Interaction { before, ..built };
                let matrix = built.matrix() * Complex64::cis(0.7 * k);
                let row_major: Vec<Complex64> = matrix.transpose().iter().copied().collect();
                let found = Interaction::of(&row_major);
                let again = found.matrix() * Complex64::cis(found.phase);
                assert!((again - matrix).norm() < 1e-13, "{coordinates:?}: {}", (again - matrix).norm());
            }
        }
    }
}
