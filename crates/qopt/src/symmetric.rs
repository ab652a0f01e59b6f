//! Eigenvalues of symmetric matrices, in place: nothing is allocated, so that a step of a method may call it.

/// Iterations for one eigenvalue; three are usual.
const MOST_ITERATIONS: usize = 64;

/// Writes the eigenvalues of the symmetric row-major n x n matrix `a` into `a[..n]` and the eigenvectors, which are orthonormal, into
/// the rows of `v`. False if that does not converge, which only a matrix with entries that are not finite, or near overflow, can bring
/// about.
///
/// Householder reflections to tridiagonal form, then implicit QL iterations: about 9 n^3 operations. References: H. Bowdler, R. S.
/// Martin, C. Reinsch and J. H. Wilkinson, Numer. Math. 11, 293 (1968) (`tred2` and `tql2` of EISPACK); G. H. Golub and C. F. Van
/// Loan, Matrix Computations, section 8.3.
pub(crate) fn eigen(a: &mut [f64], v: &mut [f64], n: usize) -> bool {
    if !a.iter().map(|x| x * x).sum::<f64>().is_finite() {
        return false;
    }
    v.copy_from_slice(a);
    if n < 2 {
        v.fill(1.0);
        return true;
    }
    let (diagonal, rest) = a.split_at_mut(n);
    let beside = &mut rest[..n];
    tridiagonal(diagonal, beside, v, n);
    diagonalize(diagonal, beside, v, n)
}

/// Turns the matrix in `v` into the transposed orthogonal matrix that makes it tridiagonal, with the diagonal in `d` and what stands left
/// of it in `e[1..]`.
fn tridiagonal(d: &mut [f64], e: &mut [f64], v: &mut [f64], n: usize) {
    d.copy_from_slice(&v[(n - 1) * n..]);
    for i in (1..n).rev() {
        let scale: f64 = d[..i].iter().map(|x| x.abs()).sum();
        let mut h = 0.0;
        if scale == 0.0 {
            e[i] = d[i - 1];
            for j in 0..i {
                d[j] = v[j * n + i - 1];
                (v[j * n + i], v[i * n + j]) = (0.0, 0.0);
            }
        } else {
            for x in &mut d[..i] {
                *x /= scale;
                h += *x * *x;
            }
            let f = d[i - 1];
            let g = if f > 0.0 { -h.sqrt() } else { h.sqrt() };
            e[i] = scale * g;
            h -= f * g;
            d[i - 1] = f - g;
            e[..i].fill(0.0);
            for j in 0..i {
                let f = d[j];
                v[i * n + j] = f;
                let row = &v[j * n..][..i];
                let mut g = e[j] + row[j] * f;
                for k in j + 1..i {
                    g += row[k] * d[k];
                    e[k] += row[k] * f;
                }
                e[j] = g;
            }
            let mut product = 0.0;
            for (e, d) in e[..i].iter_mut().zip(&d[..i]) {
                *e /= h;
                product += *e * d;
            }
            let half = product / (h + h);
            for (e, d) in e[..i].iter_mut().zip(&d[..i]) {
                *e -= half * d;
            }
            for j in 0..i {
                let (f, g) = (d[j], e[j]);
                let row = &mut v[j * n..][..=i];
                for k in j..i {
                    row[k] -= f * e[k] + g * d[k];
                }
                d[j] = row[i - 1];
                row[i] = 0.0;
            }
        }
        d[i] = h;
    }
    for i in 0..n - 1 {
        v[i * n + n - 1] = v[i * n + i];
        v[i * n + i] = 1.0;
        let (rows, last) = v.split_at_mut((i + 1) * n);
        let last = &mut last[..=i];
        let h = d[i + 1];
        if h != 0.0 {
            for (d, x) in d.iter_mut().zip(&*last) {
                *d = x / h;
            }
            for row in rows.chunks_exact_mut(n) {
                let row = &mut row[..=i];
                let product: f64 = row.iter().zip(&*last).map(|(x, y)| x * y).sum();
                for (x, d) in row.iter_mut().zip(&*d) {
                    *x -= product * d;
                }
            }
        }
        last.fill(0.0);
    }
    for (row, d) in v.chunks_exact_mut(n).zip(d) {
        *d = row[n - 1];
        row[n - 1] = 0.0;
    }
    v[n * n - 1] = 1.0;
    e[0] = 0.0;
}

/// Makes a tridiagonal matrix diagonal, with its eigenvalues in `d`, and turns the rows of `v` along. False if it does not converge.
fn diagonalize(d: &mut [f64], e: &mut [f64], v: &mut [f64], n: usize) -> bool {
    e.rotate_left(1);
    let (mut shift, mut largest) = (0.0, 0.0_f64);
    for l in 0..n {
        largest = largest.max(d[l].abs() + e[l].abs());
        let negligible = f64::EPSILON * largest;
        let m = (l..n).find(|&m| e[m].abs() <= negligible).unwrap_or(n - 1);
        let mut iterations = 0;
        while m > l && e[l].abs() > negligible {
            iterations += 1;
            if iterations > MOST_ITERATIONS {
                return false;
            }
            let g = d[l];
            let p = (d[l + 1] - g) / (2.0 * e[l]);
            let r = p.hypot(1.0).copysign(p);
            d[l] = e[l] / (p + r);
            d[l + 1] = e[l] * (p + r);
            let next = d[l + 1];
            let h = g - d[l];
            d[l + 2..].iter_mut().for_each(|x| *x -= h);
            shift += h;
            let beyond = e[l + 1];
            let mut p = d[m];
            let (mut c, mut c2, mut c3) = (1.0, 1.0, 1.0);
            let (mut s, mut s2) = (0.0, 0.0);
            for i in (l..m).rev() {
                (c3, c2, s2) = (c2, c, s);
                let (g, h) = (c * e[i], c * p);
                let r = p.hypot(e[i]);
                e[i + 1] = s * r;
                (s, c) = (e[i] / r, p / r);
                p = c * d[i] - s * g;
                d[i + 1] = h + s * (c * g + s * d[i]);
                let (upper, lower) = v[i * n..].split_at_mut(n);
                for (x, y) in upper.iter_mut().zip(lower) {
                    (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                }
            }
            p = -s * s2 * c3 * beyond * e[l] / next;
            e[l] = s * p;
            d[l] = c * p;
        }
        d[l] += shift;
        e[l] = 0.0;
    }
    d.iter().all(|x| x.is_finite())
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
        for n in [1, 2, 3, 7, 20, 41] {
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
                    let back: f64 = (0..n).map(|k| v[k * n + i] * a[k] * v[k * n + j]).sum();
                    assert!((back - matrix[i * n + j]).abs() < 1e-13);
                    let product: f64 = (0..n).map(|k| v[i * n + k] * v[j * n + k]).sum();
                    assert!((product - f64::from(u8::from(i == j))).abs() < 1e-13);
                }
            }
            let mut found = a[..n].to_vec();
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
        let mut values = [ones[0], ones[1], ones[2]];
        values.sort_by(f64::total_cmp);
        assert!(values[0].abs() < 1e-14 && values[1].abs() < 1e-14 && (values[2] - 3.0).abs() < 1e-14);
        assert!(!eigen(&mut [f64::NAN, 0.0, 0.0, 1.0], &mut [0.0; 4], 2));
    }
}
