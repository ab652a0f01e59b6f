//! Eigenvalues of symmetric matrices, in place: nothing is allocated, so that a step of a method may call it.

/// Cyclic Jacobi: turns the symmetric row-major n x n matrix `a` into one with its eigenvalues on the diagonal and
/// writes the eigenvectors into the columns of `v`. False if it has not converged, which only a matrix with entries
/// that are not finite, or near overflow, can bring about.
///
/// About ten sweeps of 6 n^3 operations. Reference: G. H. Golub and C. F. Van Loan, Matrix Computations, section 8.5.
pub(crate) fn eigen(a: &mut [f64], v: &mut [f64], n: usize) -> bool {
    v.fill(0.0);
    for k in 0..n {
        v[k * n + k] = 1.0;
    }
    let total = a.iter().map(|x| x * x).sum::<f64>();
    if !total.is_finite() {
        return false;
    }
    for _ in 0..64 {
        let off = (0..n).map(|p| a[p * n + p + 1..(p + 1) * n].iter().map(|x| x * x).sum::<f64>()).sum::<f64>();
        if off <= 1e-31 * total {
            return true;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(a, v, n, p, q);
            }
        }
    }
    false
}

/// The rotation of rows and columns `p` and `q` that makes their common entry 0.
fn rotate(a: &mut [f64], v: &mut [f64], n: usize, p: usize, q: usize) {
    let entry = a[p * n + q];
    if entry == 0.0 {
        return;
    }
    let ratio = (a[q * n + q] - a[p * n + p]) / (2.0 * entry);
    let tangent = ratio.signum() / (ratio.abs() + ratio.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let turn = |m: &mut [f64], i: usize, j: usize| {
        let (x, y) = (m[i], m[j]);
        (m[i], m[j]) = (cosine * x - sine * y, sine * x + cosine * y);
    };
    for k in 0..n {
        turn(a, k * n + p, k * n + q);
    }
    for k in 0..n {
        turn(a, p * n + k, q * n + k);
        turn(v, k * n + p, k * n + q);
    }
    // What rounding left of it, and of the symmetry, would be carried on.
    (a[p * n + q], a[q * n + p]) = (0.0, 0.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    /// A = V D V^T, V orthogonal, eigenvalues as `nalgebra` finds them.
    #[test]
    fn random_matrices() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for n in [1, 2, 3, 7, 20] {
            let mut matrix = vec![0.0; n * n];
            for i in 0..n {
                for j in 0..=i {
                    let x = rng.random::<f64>() - 0.5;
                    (matrix[i * n + j], matrix[j * n + i]) = (x, x);
                }
            }
            let (mut a, mut v) = (matrix.clone(), vec![0.0; n * n]);
            assert!(eigen(&mut a, &mut v, n));
            for i in 0..n {
                for j in 0..n {
                    let back: f64 = (0..n).map(|k| v[i * n + k] * a[k * n + k] * v[j * n + k]).sum();
                    assert!((back - matrix[i * n + j]).abs() < 1e-13);
                    let product: f64 = (0..n).map(|k| v[k * n + i] * v[k * n + j]).sum();
                    assert!((product - f64::from(u8::from(i == j))).abs() < 1e-13);
                }
            }
            let mut found: Vec<f64> = (0..n).map(|k| a[k * n + k]).collect();
            let dense = nalgebra::DMatrix::from_row_slice(n, n, &matrix);
            let mut expected = dense.symmetric_eigenvalues().as_slice().to_vec();
            found.sort_by(f64::total_cmp);
            expected.sort_by(f64::total_cmp);
            assert!(found.iter().zip(&expected).all(|(f, e)| (f - e).abs() < 1e-13));
        }
    }

    #[test]
    fn degenerate_zero_and_broken_matrices() {
        let (mut a, mut v) = ([0.0; 9], [0.0; 9]);
        assert!(eigen(&mut a, &mut v, 3));
        assert_eq!(v, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        let mut ones = [1.0; 9];
        assert!(eigen(&mut ones, &mut v, 3));
        let mut values = [ones[0], ones[4], ones[8]];
        values.sort_by(f64::total_cmp);
        assert!(values[0].abs() < 1e-14 && values[1].abs() < 1e-14 && (values[2] - 3.0).abs() < 1e-14);
        assert!(!eigen(&mut [f64::NAN, 0.0, 0.0, 1.0], &mut [0.0; 4], 2));
    }
}
