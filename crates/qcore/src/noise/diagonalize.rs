//! Diagonalization of small unitary matrices.

use num_complex::Complex64;

/// Columns are eigenvectors; eigenvalues are `e^{i phase}`.
pub(super) struct Eigen {
    /// Row-major.
    pub(super) vectors: Vec<Complex64>,
    pub(super) phases: Vec<f64>,
}

/// `U = V D V*` for a row-major unitary matrix of dimension 2 or 4.
///
/// The Hermitian and the anti-Hermitian part of `U` commute, so a generic real combination of them has the eigenvectors of
/// both; it is diagonalized by Jacobi rotations.
pub(super) fn diagonalize(unitary: &[Complex64], dimension: usize) -> Eigen {
    // A weight is bad where it makes two distinct eigenvalues equal. Two such lines per pair of eigenvalues at most, so one of
    // many weights is good; the best one is taken.
    let mut best: Option<(f64, Eigen)> = None;
    for k in 0..16 {
        let weight = (0.3 + 0.7 * f64::from(k)).tan();
        let (vectors, left) = with_weight(unitary, dimension, weight);
        if best.as_ref().is_none_or(|(least, _)| left < *least) {
            let phases = (0..dimension).map(|k| element(unitary, &vectors, dimension, k, k).arg()).collect();
            best = Some((left, Eigen { vectors, phases }));
        }
        if left < 1e-14 {
            break;
        }
    }
    best.expect("at least one weight has been tried").1
}

/// `<v_row| U |v_column>`.
fn element(unitary: &[Complex64], vectors: &[Complex64], n: usize, row: usize, column: usize) -> Complex64 {
    (0..n * n).map(|at| vectors[at / n * n + row].conj() * unitary[at] * vectors[at % n * n + column]).sum()
}

/// Eigenvectors of one combination, and the largest off-diagonal element that they leave in `U`.
fn with_weight(unitary: &[Complex64], n: usize, weight: f64) -> (Vec<Complex64>, f64) {
    let half = 0.5;
    let mut h: Vec<Complex64> = (0..n * n)
        .map(|at| {
            let (u, adjoint) = (unitary[at], unitary[at % n * n + at / n].conj());
            (u + adjoint) * half + (u - adjoint) * Complex64::new(0.0, -half * weight)
        })
        .collect();
    let mut v: Vec<Complex64> =
        (0..n * n).map(|at| Complex64::new(f64::from(u8::from(at / n == at % n)), 0.0)).collect();
    for _ in 0..30 {
        for p in 0..n {
            for q in p + 1..n {
                let off = h[p * n + q];
                if off.norm() < 1e-300 {
                    continue;
                }
                let phase = off / off.norm();
                let difference = h[p * n + p].re - h[q * n + q].re;
                let angle = 0.5 * (2.0 * off.norm()).atan2(difference);
                let (cos, sin) = (angle.cos(), angle.sin());
                // Columns p, q of the rotation: (cos, sin conj(phase)), (-sin phase, cos).
                for k in 0..n {
                    let (a, b) = (h[k * n + p], h[k * n + q]);
                    h[k * n + p] = a * cos + b * phase.conj() * sin;
                    h[k * n + q] = b * cos - a * phase * sin;
                    let (a, b) = (v[k * n + p], v[k * n + q]);
                    v[k * n + p] = a * cos + b * phase.conj() * sin;
                    v[k * n + q] = b * cos - a * phase * sin;
                }
                for k in 0..n {
                    let (a, b) = (h[p * n + k], h[q * n + k]);
                    h[p * n + k] = a * cos + b * phase * sin;
                    h[q * n + k] = b * cos - a * phase.conj() * sin;
                }
            }
        }
    }
    let left = (0..n * n)
        .filter(|at| at / n != at % n)
        .map(|at| element(unitary, &v, n, at / n, at % n).norm())
        .fold(0.0, f64::max);
    (v, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(unitary: &[Complex64], n: usize) {
        let eigen = diagonalize(unitary, n);
        for (at, entry) in unitary.iter().enumerate() {
            let (row, column) = (at / n, at % n);
            let back: Complex64 = (0..n)
                .map(|k| {
                    let value = Complex64::from_polar(1.0, eigen.phases[k]);
                    eigen.vectors[row * n + k] * value * eigen.vectors[column * n + k].conj()
                })
                .sum();
            assert!((back - entry).norm() < 1e-13, "entry {at}: {back} instead of {entry}");
        }
    }

    #[test]
    fn eigenvectors_give_the_matrix_back() {
        let c = Complex64::new;
        let (o, one, i) = (c(0.0, 0.0), c(1.0, 0.0), c(0.0, 1.0));
        check(&[o, one, one, o], 2);
        check(&[c(0.5, 0.5), c(0.5, -0.5), c(0.5, -0.5), c(0.5, 0.5)], 2);
        check(&[one, o, o, o, o, o, one, o, o, one, o, o, o, o, o, one], 4);
        check(&[o, o, o, i, o, o, one, o, o, one, o, o, i, o, o, o], 4);
        // The discrete Fourier transform: eigenvalues 1, 1, -1, i.
        let fourier: Vec<Complex64> = (0..16)
            .map(|at| Complex64::from_polar(0.5, std::f64::consts::FRAC_PI_2 * f64::from(at / 4 * (at % 4))))
            .collect();
        check(&fourier, 4);
    }
}
